//! The guards and limits against true servers on loopback, which only an allow list makes reachable.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Redirect},
    routing::{any, get},
};
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, task::JoinSet};

use super::{Client, Network, OutboundError, Policy, Request, Response, resolver::Lookup};

/// A server that lives as long as this value, and counts its requests.
struct Server {
    address: SocketAddr,
    hits: Arc<AtomicUsize>,
    _serving: JoinSet<io::Result<()>>,
}

impl Server {
    async fn on(address: &str, routes: Router) -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&hits);
        let routes = routes.layer(axum::middleware::map_request(move |request: axum::extract::Request| {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::ready(request)
        }));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, routes).await });
        Self { address, hits, _serving: serving }
    }

    async fn start(routes: Router) -> Self {
        Self::on("127.0.0.1:0", routes).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

/// Names and what each lookup of them answers in turn; the last answer stays.
#[derive(Default)]
struct Table(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>, AtomicUsize);

impl Table {
    fn with(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let names = names.iter().map(|(name, answers)| ((*name).to_owned(), answers.iter().map(parse).collect()));
        Arc::new(Self(Mutex::new(names.collect()), AtomicUsize::new(0)))
    }
}

impl Lookup for Table {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let answer = match self.0.lock().unwrap().get_mut(&name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::other("no such name")),
        };
        Box::pin(std::future::ready(answer.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())))
    }
}

fn policy(allow: &[&str]) -> Policy {
    Policy { allow: allow.iter().map(|text| text.parse::<Network>().unwrap()).collect(), ..Policy::default() }
}

/// A client for which 127.0.0.1, and nothing else of loopback, is public.
fn open() -> Client {
    Client::new(policy(&["127.0.0.1"])).unwrap()
}

async fn get_from(client: &Client, url: &str) -> Result<Response, OutboundError> {
    client.send(Request::new("GET", url)).await
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// Says what arrived.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    (
        StatusCode::CREATED,
        [("x-method", method.to_string()), ("x-uri", uri.to_string()), ("x-headers", headers.join("|"))],
        body,
    )
}

#[tokio::test]
async fn a_request_arrives_as_written_and_the_reply_comes_back_whole() {
    let server = Server::start(Router::new().route("/echo", any(echo))).await;
    let mut request = Request::new("PUT", server.url("/echo?a=1"));
    request.query = vec![("b".to_owned(), "x & y".to_owned())];
    request.headers = vec![("X-One".to_owned(), "1".to_owned()), ("X-One".to_owned(), "2".to_owned())];
    request.body = Some(b"hello".to_vec());

    let reply = open().send(request).await.unwrap();

    assert_eq!((reply.status, reply.body.as_slice()), (201, b"hello".as_slice()));
    assert_eq!(reply.url, server.url("/echo?a=1&b=x+%26+y"));
    assert_eq!(header(&reply, "x-method"), Some("PUT"));
    assert_eq!(header(&reply, "x-uri"), Some("/echo?a=1&b=x+%26+y"));
    let sent = header(&reply, "x-headers").unwrap();
    for part in
        ["x-one: 1|x-one: 2", "content-length: 5", concat!("user-agent: sluicegate/", env!("CARGO_PKG_VERSION"))]
    {
        assert!(sent.contains(part), "{part} in {sent}");
    }
}

#[tokio::test]
async fn every_spelling_of_loopback_is_refused() {
    let server = Server::start(Router::new().fallback(any(echo))).await;
    let port = server.address.port();
    let client = Client::new(Policy::default()).unwrap();
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "0.0.0.0",
        "0",
        "[::]",
        "[64:ff9b::7f00:1]",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "user:pw@127.0.0.1",
    ] {
        let error = get_from(&client, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Refused { .. }), "{host}: {error}");
        assert_eq!(error.code(), "address_refused");
        assert!(!error.retryable() && error.to_string().contains("the operator can allow"), "{error}");
    }
    assert_eq!(server.hits(), 0);
    // The same server answers as soon as its address is allowed, so it was the guard that refused.
    assert_eq!(get_from(&open(), &format!("http://0x7f.1:{port}/")).await.unwrap().status, 201);
    let error = get_from(&open(), &format!("http://[::ffff:127.0.0.1]:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_into_loopback_is_refused() {
    let secret = Server::on("127.0.0.2:0", Router::new().fallback(any(echo))).await;
    let target = secret.url("/");
    let by_name = format!("http://localhost:{}/", secret.address.port());
    let routes = Router::new()
        .route("/literal", get(async move || Redirect::temporary(&target)))
        .route("/name", get(async move || Redirect::temporary(&by_name)))
        .route("/file", get(async || Redirect::temporary("file:///etc/passwd")));
    let server = Server::start(routes).await;
    let client = Client::with_lookup(policy(&["127.0.0.1"]), Table::with(&[("localhost", &[&["127.0.0.2"]])])).unwrap();
    for path in ["/literal", "/name"] {
        let error = get_from(&client, &server.url(path)).await.unwrap_err();
        assert!(
            matches!(&error, OutboundError::Refused { address, .. } if *address == secret.address.ip()),
            "{path}: {error}"
        );
    }
    let error = get_from(&client, &server.url("/file")).await.unwrap_err();
    assert!(matches!(&error, OutboundError::Scheme { scheme } if scheme == "file"), "{error}");
    assert_eq!((server.hits(), secret.hits()), (3, 0));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let open_server = Server::start(Router::new().fallback(any(async || [(header::CONNECTION, "close")]))).await;
    let port = open_server.address.port();
    let secret = Server::on(&format!("127.0.0.2:{port}"), Router::new().fallback(any(echo))).await;
    let table = Table::with(&[
        ("rebind.test", &[&["127.0.0.1"], &["127.0.0.2"]]),
        ("mixed.test", &[&["127.0.0.1", "127.0.0.2"]]),
        ("empty.test", &[&[]]),
    ]);
    let client = Client::with_lookup(policy(&["127.0.0.1"]), Arc::<Table>::clone(&table)).unwrap();

    // The address that was checked is the one that is called: one lookup, not a second that answers differently.
    assert_eq!(get_from(&client, &format!("http://rebind.test:{port}/")).await.unwrap().status, 200);
    assert_eq!(table.1.load(Ordering::SeqCst), 1);
    let error = get_from(&client, &format!("http://rebind.test:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused { .. }), "{error}");

    let error = get_from(&client, &format!("http://mixed.test:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused { .. }), "one bad address spoils the answer: {error}");
    for name in ["empty.test", "unknown.test"] {
        let error = get_from(&client, &format!("http://{name}:{port}/")).await.unwrap_err();
        assert!(matches!(&error, OutboundError::Dns { host, .. } if host == name), "{error}");
        assert!(error.retryable());
    }
    assert_eq!((open_server.hits(), secret.hits()), (1, 0));
}

#[tokio::test]
async fn redirects_are_followed_as_often_as_allowed() {
    let routes = Router::new()
        .route("/hop/0", any(echo))
        .route("/hop/{left}", any(async |Path(left): Path<u32>| Redirect::to(&format!("{}", left - 1))))
        .route("/loop", any(async || Redirect::permanent("/loop")))
        .route("/nowhere", any(async || StatusCode::FOUND));
    let server = Server::start(routes).await;

    let mut request = Request::new("POST", server.url("/hop/5"));
    request.body = Some(b"{}".to_vec());
    request.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let reply = open().send(request).await.unwrap();
    assert_eq!(reply.url, server.url("/hop/0"));
    assert_eq!(header(&reply, "x-method"), Some("GET"));
    assert_eq!(header(&reply, "x-headers").unwrap().find("content-"), None, "a dropped body leaves no header");

    let before = server.hits();
    let error = get_from(&open(), &server.url("/hop/6")).await.unwrap_err();
    assert!(matches!(error, OutboundError::TooManyRedirects { limit: 5 }), "{error}");
    assert_eq!(server.hits() - before, 6);
    let error = get_from(&open(), &server.url("/loop")).await.unwrap_err();
    assert_eq!(error.code(), "too_many_redirects");
    assert_eq!(get_from(&open(), &server.url("/nowhere")).await.unwrap().status, 302);
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let other = Server::start(Router::new().fallback(any(echo))).await;
    let (away, back) = (other.url("/away"), Arc::new(Mutex::new(String::new())));
    let routes = Router::new()
        .route("/away", any(async move || Redirect::temporary(&away)))
        .route("/here", any(async || Redirect::temporary("/end")))
        .route("/end", any(echo));
    let server = Server::start(routes).await;
    *back.lock().unwrap() = server.url("/end");
    let ask = async |path: &str| {
        let mut request = Request::new("POST", server.url(path));
        for name in ["Authorization", "Cookie", "X-Api-Key", "X-Trace"] {
            request.headers.push((name.to_owned(), "value".to_owned()));
        }
        request.body = Some(b"kept".to_vec());
        let reply = open().send(request).await.unwrap();
        assert_eq!((reply.body.as_slice(), header(&reply, "x-method")), (b"kept".as_slice(), Some("POST")), "{path}");
        header(&reply, "x-headers").unwrap().to_owned()
    };
    let (here, away) = (ask("/here").await, ask("/away").await);
    for name in ["authorization", "cookie", "x-api-key"] {
        assert!(here.contains(name), "{name} in {here}");
        assert!(!away.contains(name), "{name} in {away}");
    }
    assert!(away.contains("x-trace"), "{away}");
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let endless =
        async || Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024]))));
    let chunked = async |Path(size): Path<usize>| {
        Body::from_stream(stream::iter(vec![Ok::<_, Infallible>(Bytes::from_static(b"x")); size]))
    };
    let routes = Router::new()
        .route("/plain/{size}", get(async |Path(size): Path<usize>| "x".repeat(size)))
        .route("/chunked/{size}", get(chunked))
        .route("/endless", get(endless));
    let server = Server::start(routes).await;
    let ask = async |path: &str| {
        let mut request = Request::new("GET", server.url(path));
        request.max_body_bytes = 100;
        open().send(request).await
    };
    for path in ["/plain/100", "/chunked/100"] {
        assert_eq!(ask(path).await.unwrap().body.len(), 100, "{path}");
    }
    for path in ["/plain/101", "/chunked/101", "/endless"] {
        let error = ask(path).await.unwrap_err();
        assert!(matches!(error, OutboundError::BodyTooLarge { limit: 100 }), "{path}: {error}");
    }
    // A request cannot lift the policy's limit.
    let error = get_from(&open(), &server.url("/endless")).await.unwrap_err();
    assert!(matches!(error, OutboundError::BodyTooLarge { limit: 2_097_152 }), "{error}");
}

#[tokio::test]
async fn headers_are_bounded() {
    let large = async || [("x-large", "x".repeat(80_000))];
    let many = async || {
        let mut headers = HeaderMap::new();
        for _ in 0..2000 {
            headers.append("x-many", header::HeaderValue::from_static("1"));
        }
        headers
    };
    let server = Server::start(Router::new().route("/large", get(large)).route("/many", get(many))).await;
    let error = get_from(&open(), &server.url("/large")).await.unwrap_err();
    assert!(matches!(error, OutboundError::HeadersTooLarge { .. }), "{error}");
    let error = get_from(&open(), &server.url("/many")).await.unwrap_err();
    assert_eq!(error.code(), "protocol_error", "{error}");
}

#[tokio::test]
async fn the_time_covers_the_wait_the_body_and_the_redirects() {
    let silent = async || std::future::pending::<StatusCode>().await;
    let stalls = async || {
        Body::from_stream(stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"x"))]).chain(stream::pending()))
    };
    let routes = Router::new()
        .route("/silent", get(silent))
        .route("/stalls", get(stalls))
        .route("/hop", get(async || Redirect::temporary("/silent")));
    let server = Server::start(routes).await;
    for path in ["/silent", "/stalls", "/hop"] {
        let mut request = Request::new("GET", server.url(path));
        request.timeout = Duration::from_millis(150);
        let error = open().send(request).await.unwrap_err();
        assert!(matches!(error, OutboundError::Timeout { .. }), "{path}: {error}");
        assert!(error.retryable() && error.to_string().contains("150 ms"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_named() {
    let server = Server::start(Router::new().fallback(any(echo))).await;
    let client = open();
    for (method, url, code) in [
        ("GET", "", "invalid_url"),
        ("GET", "/path", "invalid_url"),
        ("GET", "http://", "invalid_url"),
        ("GET", "http://[::1", "invalid_url"),
        ("GET", "file:///etc/passwd", "unsupported_scheme"),
        ("GET", "data:text/plain,x", "unsupported_scheme"),
        ("GET", "ftp://example.test/", "unsupported_scheme"),
        ("CONNECT", "http://127.0.0.1/", "invalid_method"),
        ("GE T", "http://127.0.0.1/", "invalid_method"),
        ("", "http://127.0.0.1/", "invalid_method"),
    ] {
        let error = client.send(Request::new(method, url)).await.unwrap_err();
        assert_eq!(error.code(), code, "{method} {url}: {error}");
        assert!(!error.retryable());
    }
    for (name, value) in [
        ("", "x"),
        ("x y", "x"),
        ("x-a", "line\r\nx-injected: 1"),
        ("x-a", "nul\0"),
        ("Host", "other.test"),
        ("Content-Length", "3"),
        ("transfer-encoding", "chunked"),
        ("Connection", "upgrade"),
    ] {
        let mut request = Request::new("GET", server.url("/"));
        request.headers = vec![(name.to_owned(), value.to_owned())];
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(&error, OutboundError::InvalidHeader { name: own, .. } if own == name), "{name}: {error}");
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn a_broken_exchange_is_told_apart_from_no_connection() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = get_from(&open(), &format!("http://{closed}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Connect { .. }), "{error}");
    assert!(error.retryable());

    let plain = Server::start(Router::new().fallback(any(echo))).await;
    let error = get_from(&open(), &format!("https://{}/", plain.address)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Tls { .. }), "{error}");
    assert!(!error.retryable());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        // Reads the request and hangs up in the middle of the reply.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        tokio::io::AsyncWriteExt::write_all(&mut stream, reply).await.unwrap();
    });
    let secret = format!("http://user:hunter2@{address}/?key=hunter2");
    let error = get_from(&open(), &secret).await.unwrap_err();
    assert!(matches!(error, OutboundError::Protocol { .. }), "{error}");
    assert!(error.retryable());
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
