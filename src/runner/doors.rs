//! The doors of one task: a Unix socket that lets a worker without network reach its own task at the server, and nothing else.
//!
//! What comes in is forwarded to heartbeat, complete, fail and artifacts of this task, with the credential that the worker sent and
//! none of the runner's. Everything else is refused here, and never reaches the server.

use std::{
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tower::ServiceExt;
use url::Url;

use crate::client::Client;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 32;
/// How long a head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call may take, an upload included.
const CALL_TIMEOUT: Duration = Duration::from_mins(10);
/// Headers that are passed on; the rest is between the worker and its own client library.
const PASSED: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::ACCEPT,
    header::USER_AGENT,
    HeaderName::from_static("x-lease-token"),
    HeaderName::from_static("idempotency-key"),
];

/// The doors of one task; they close with this value.
pub struct Doors {
    ended: Arc<AtomicBool>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    client: Client,
    /// The task's path, with and without `/v1`.
    paths: Arc<[String; 2]>,
    ended: Arc<AtomicBool>,
}

impl Doors {
    /// Opens the doors of the task at `path` of the server at a socket. `client` has no key.
    pub fn open(socket: &Path, client: Client, path: &str) -> io::Result<Self> {
        let (folder, name) = socket.parent().zip(socket.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
        // The address of a socket has room for a hundred bytes, which work folders may be longer than.
        let folder = std::fs::File::open(folder)?;
        let near = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        let listener = UnixListener::bind(near)?;
        // Whoever gets to the socket: a worker runs as a user of its own. The token is what counts.
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
        let ended = Arc::<AtomicBool>::default();
        let bare = path.strip_prefix("/v1").unwrap_or(path);
        let paths = Arc::new([path.to_owned(), bare.to_owned()]);
        let router = Router::new().fallback(pass).with_state(Shared { client, paths, ended: Arc::clone(&ended) });
        let serving = TaskTracker::new().spawn(serve(listener, router));
        Ok(Self { ended, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Whether the worker has ended its task through them.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

async fn serve(listener: UnixListener, router: Router) {
    let (connections, room) = (TaskTracker::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    // What is served ends with this future: each connection is a part of it.
    let stop = tokio_util::sync::CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            stop.run_until_cancelled(connection(stream, router)).await;
            drop(permit);
        });
    }
}

async fn connection(stream: UnixStream, router: Router) {
    let service = TowerToHyperService::new(
        router.map_request(|request: hyper::Request<hyper::body::Incoming>| request.map(Body::new)),
    );
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // A worker hangs up as it likes.
    _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// The doors that lead somewhere.
fn door(method: &Method, rest: &str) -> Option<&'static str> {
    match (method, rest) {
        (&Method::POST, "heartbeat") => Some("heartbeat"),
        (&Method::POST, "complete") => Some("complete"),
        (&Method::POST, "fail") => Some("fail"),
        (&Method::PUT, artifact) if artifact.starts_with("artifacts/") => Some("artifacts"),
        _ => None,
    }
}

/// The address that a path leads to at the server, if it is one of this task's doors.
fn address(base: &str, paths: &[String; 2], method: &Method, path: &str) -> Option<(Url, &'static str)> {
    let rest = paths.iter().find_map(|own| path.strip_prefix(own.as_str())?.strip_prefix('/'))?;
    let door = door(method, rest)?;
    let mut url = Url::parse(&format!("{base}{}", paths[0])).ok()?;
    let mut segments = url.path_segments_mut().ok()?;
    segments.push(door);
    if door == "artifacts" {
        // A name is one segment. It is read and written again, so that no spelling of it leads elsewhere.
        let name = decoded(rest.strip_prefix("artifacts/")?)?;
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return None;
        }
        segments.push(&name);
    }
    drop(segments);
    Some((url, door))
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                bytes.push((high * 16 + low) as u8);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

async fn pass(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let found = address(shared.client.base(), &shared.paths, &parts.method, parts.uri.path());
    let Some((mut url, door)) = found else {
        let detail = "a worker reaches heartbeat, complete, fail and artifacts of its own task, and nothing else";
        return refused(StatusCode::FORBIDDEN, "not_your_door", detail);
    };
    url.set_query(parts.uri.query());
    let headers: HeaderMap = PASSED
        .iter()
        .flat_map(|name| parts.headers.get_all(name).iter().map(move |value| (name.clone(), value.clone())))
        .collect();
    let rest = url.as_str()[shared.client.base().len()..].to_owned();
    let request = shared.client.request(parts.method, &rest).timeout(CALL_TIMEOUT).headers(headers);
    let response = match request.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(error = %error.without_url(), "a worker's call did not reach the server");
            return refused(StatusCode::BAD_GATEWAY, "server_unreachable", "the runner can't reach the server");
        }
    };
    let status = response.status();
    if status.is_success() && matches!(door, "complete" | "fail") {
        shared.ended.store(true, Ordering::SeqCst);
    }
    let kept = [header::CONTENT_TYPE, header::RETRY_AFTER, header::LOCATION, HeaderName::from_static("x-request-id")];
    let headers: HeaderMap =
        kept.into_iter().filter_map(|name| Some((name.clone(), response.headers().get(&name)?.clone()))).collect();
    let mut reply = Response::new(Body::from_stream(response.bytes_stream()));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// A refusal in the shape of the API's own.
fn refused(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/v1/workspaces/w/pods/p/tasks/t";

    fn leads(method: Method, path: &str) -> Option<String> {
        let paths = [OWN.to_owned(), OWN[3..].to_owned()];
        address("http://server/gate", &paths, &method, path).map(|(url, _)| url.to_string())
    }

    #[test]
    fn only_the_doors_of_the_task_lead_somewhere() {
        let at = |rest: &str| Some(format!("http://server/gate{OWN}/{rest}"));
        assert_eq!(leads(Method::POST, &format!("{OWN}/heartbeat")), at("heartbeat"));
        assert_eq!(leads(Method::POST, "/workspaces/w/pods/p/tasks/t/complete"), at("complete"));
        assert_eq!(leads(Method::POST, &format!("{OWN}/fail")), at("fail"));
        assert_eq!(leads(Method::PUT, &format!("{OWN}/artifacts/a%20b.png")), at("artifacts/a%20b.png"));
        assert_eq!(leads(Method::PUT, &format!("{OWN}/artifacts/%61?")), at("artifacts/a%3F"));
        for (method, path) in [
            (Method::GET, format!("{OWN}/heartbeat")),
            (Method::POST, format!("{OWN}/release")),
            (Method::POST, format!("{OWN}2/complete")),
            (Method::POST, format!("{OWN}/../u/complete")),
            (Method::POST, "/v1/workspaces/w/pods/p/tasks/u/complete".to_owned()),
            (Method::POST, "/v1/workspaces/w/pods/p/tasks/lease".to_owned()),
            (Method::GET, "/v1/workspaces".to_owned()),
            (Method::POST, OWN.to_owned()),
            (Method::PUT, format!("{OWN}/artifacts/")),
            (Method::PUT, format!("{OWN}/artifacts/..")),
            (Method::PUT, format!("{OWN}/artifacts/%2e%2e")),
            (Method::PUT, format!("{OWN}/artifacts/a/b")),
            (Method::PUT, format!("{OWN}/artifacts/..%2f..%2fu%2fcomplete")),
            (Method::PUT, format!("{OWN}/artifacts/a%5cb")),
            (Method::PUT, format!("{OWN}/artifacts/%zz")),
            (Method::PUT, format!("{OWN}/artifacts/%ff")),
        ] {
            assert_eq!(leads(method.clone(), &path), None, "{method} {path}");
        }
    }
}
