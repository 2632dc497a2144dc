//! Requests as they are made, and calls against a true server on the loopback interface.

use std::net::SocketAddr;

use axum::{
    Router,
    http::{HeaderMap, Method, StatusCode, Uri},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use super::reply::Statuses;
use crate::{
    domain::{
        event::LogLevel,
        failure::{Failure, FailureCode},
    },
    nodes::{
        Outcome, Report,
        testing::{Bench, effect_context, paths, problems_of},
    },
    outbound::{Client, Policy},
};

struct Server {
    address: SocketAddr,
    _serving: JoinSet<std::io::Result<()>>,
}

impl Server {
    async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, routes).await });
        Self { address, _serving: serving }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Says what it was asked.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: String) -> axum::Json<Value> {
    let mut seen = serde_json::Map::new();
    for (name, value) in &headers {
        seen.insert(name.to_string(), value.to_str().unwrap().into());
    }
    axum::Json(json!({ "method": method.as_str(), "uri": uri.to_string(), "headers": seen, "body": body }))
}

fn bench(data: Value) -> Bench {
    let input = json!({ "id": "7 8", "token": "secret-1", "list": [1, "b", null], "empty": "", "map": {} });
    Bench::new("http", data).with("input", input)
}

fn outbound() -> Client {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    Client::new(Policy { allow, ..Policy::default() }).unwrap()
}

/// Runs the effect; its outcome, and the log lines that it told.
async fn call_with(outbound: Client, data: Value) -> (Outcome, Vec<Report>) {
    let (reports, mut told) = mpsc::channel(16);
    let context = effect_context(outbound, reports);
    let outcome = bench(data).effect().run(context).await;
    let mut lines = Vec::new();
    while let Some(report) = told.recv().await {
        lines.push(report);
    }
    (outcome, lines)
}

async fn call(data: Value) -> Outcome {
    call_with(outbound(), data).await.0
}

fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Complete(done) => Value::clone(&done.output),
        other => panic!("not complete: {other:?}"),
    }
}

fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Fail(failure) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn sends_what_the_templates_say() {
    let server = Server::start(Router::new().fallback(any(echo))).await;
    let url = server.url("/orders?page=1");
    let output = output(
        call(json!({
            "httpMethod": "POST",
            "httpUrl": url,
            "httpHeaders": [
                { "key": "X-Id", "value": "{{ input.id }}" },
                { "key": "X-Number", "value": 5 },
                { "key": "", "value": "left by the editor" },
                { "key": "authorization", "value": "own" },
            ],
            "httpAuthType": "bearer",
            "httpAuthToken": "{{ input.token }}",
            "httpBody": { "id": "{{ input.id }}", "list": "{{ input.list }}" },
            "query": { "id": "{{ input.id }}", "tag": "{{ input.list }}", "none": null, "all": true },
        }))
        .await,
    );
    assert_eq!(output["status"], 200);
    assert_eq!(output["method"], "POST");
    let seen = &output["data"];
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["uri"], "/orders?page=1&all=true&id=7+8&tag=1&tag=b");
    assert_eq!(seen["body"], r#"{"id":"7 8","list":[1,"b",null]}"#);
    for (name, value) in [
        ("x-id", "7 8"),
        ("x-number", "5"),
        ("authorization", "Bearer secret-1"),
        ("content-type", "application/json"),
        ("idempotency-key", "execution/x"),
    ] {
        assert_eq!(seen["headers"][name], value, "{name}");
    }
    assert_eq!(output["headers"]["content-type"], "application/json");
    assert!(output["url"].as_str().unwrap().starts_with(&url), "{}", output["url"]);
}

#[tokio::test]
async fn fits_the_headers_to_the_request() {
    let server = Server::start(Router::new().fallback(any(echo))).await;
    let url = server.url("/");
    let key = json!({ "key": "idempotency-key", "value": "own" });
    for (data, name, value) in [
        (json!({}), "idempotency-key", Value::Null),
        (json!({ "httpMethod": "DELETE" }), "idempotency-key", json!("execution/x")),
        (json!({ "httpMethod": "PUT", "httpHeaders": [key] }), "idempotency-key", json!("own")),
        (json!({ "httpMethod": "PUT", "httpBody": "plain" }), "content-type", json!("text/plain; charset=utf-8")),
        (
            json!({ "httpMethod": "PUT", "httpBody": "{\"id\": \"{{ input.id }}\"}" }),
            "content-type",
            json!("application/json"),
        ),
        (json!({ "httpMethod": "PUT", "httpBody": "{{ input.empty }}" }), "content-type", Value::Null),
        (
            json!({ "httpMethod": "PUT", "httpBody": "a=1", "httpHeaders": [{ "key": "content-type", "value": "text/csv" }] }),
            "content-type",
            json!("text/csv"),
        ),
        (json!({ "httpAuthType": "api-key", "httpAuthToken": "k" }), "x-api-key", json!("k")),
        (json!({ "httpAuthType": "api-key", "httpAuthToken": "k", "httpAuthHeader": "X-Mine" }), "x-mine", json!("k")),
        (json!({ "httpAuthType": "basic", "httpAuthToken": "ada:pw" }), "authorization", json!("Basic YWRhOnB3")),
        (json!({ "httpAuthType": "none", "httpAuthToken": "unused" }), "authorization", Value::Null),
    ] {
        let mut data = data;
        data["httpUrl"] = url.as_str().into();
        let output = output(call(data.clone()).await);
        assert_eq!(output["data"]["headers"][name], value, "{data}");
    }
}

#[tokio::test]
async fn logs_one_line_without_secrets() {
    let server = Server::start(Router::new().fallback(any(echo))).await;
    let (_, told) = call_with(
        outbound(),
        json!({
            "httpMethod": "POST",
            "httpUrl": server.url("/secret-path?key=secret-2"),
            "httpAuthType": "bearer",
            "httpAuthToken": "{{ input.token }}",
            "httpBody": "secret-3",
        }),
    )
    .await;
    let [Report::Log { level, message, data: Some(data) }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*level, LogLevel::Info);
    assert!(message.starts_with("POST 127.0.0.1 answered 200 in "), "{message}");
    assert_eq!((&data["method"], &data["host"], &data["status"]), (&json!("POST"), &json!("127.0.0.1"), &json!(200)));
    assert!(data["durationMs"].is_u64());
    assert!(!format!("{told:?}").contains("secret"), "{told:?}");
}

#[tokio::test]
async fn reads_bodies() {
    let body = |media_type: &'static str, body: &'static [u8]| {
        any(move || async move { ([("content-type", media_type)], body) })
    };
    let server = Server::start(
        Router::new()
            .route("/json", body("application/problem+json; charset=utf-8", br#"{"a":[1]}"#))
            .route("/broken", body("application/json", b"{oops"))
            .route("/text", body("text/plain", b"hi"))
            .route("/bytes", body("image/png", b"\x89PNG\0"))
            .route("/nothing", any(|| async { StatusCode::NO_CONTENT })),
    )
    .await;
    let deep: &'static str = Box::leak(format!("{}{}", "[".repeat(101), "]".repeat(101)).into_boxed_str());
    let nested = Server::start(Router::new().fallback(body("application/json", deep.as_bytes()))).await;
    let read = |path: &'static str, kind: &'static str| {
        let url = server.url(path);
        async move { call(json!({ "httpUrl": url, "responseType": kind })).await }
    };
    for (path, kind, data) in [
        ("/json", "auto", json!({ "a": [1] })),
        ("/json", "text", json!("{\"a\":[1]}")),
        ("/broken", "auto", json!("{oops")),
        ("/text", "auto", json!("hi")),
        ("/bytes", "auto", json!(BASE64.encode(b"\x89PNG\0"))),
        ("/bytes", "text", json!("\u{fffd}PNG\u{fffd}")),
        ("/text", "base64", json!("aGk=")),
        ("/nothing", "json", Value::Null),
        ("/nothing", "auto", Value::Null),
        ("/nothing", "text", json!("")),
    ] {
        assert_eq!(output(read(path, kind).await)["data"], data, "{path} as {kind}");
    }
    for path in ["/broken", "/text"] {
        let failure = failure(read(path, "json").await);
        assert_eq!((failure.code, failure.details.unwrap()["status"].clone()), (FailureCode::InvalidValue, json!(200)));
    }
    for kind in ["auto", "json"] {
        let failure = failure(call(json!({ "httpUrl": nested.url("/"), "responseType": kind })).await);
        assert_eq!(failure.code, FailureCode::LimitExceeded, "{kind}");
    }
}

#[tokio::test]
async fn tells_statuses_apart() {
    let status = |status: u16| any(move || async move { (StatusCode::from_u16(status).unwrap(), "told") });
    let mut routes = Router::new();
    for code in [201, 304, 400, 404, 408, 409, 425, 429, 500, 503] {
        routes = routes.route(&format!("/{code}"), status(code));
    }
    routes = routes.route("/long", any(|| async { (StatusCode::BAD_GATEWAY, "x".repeat(70_000)) }));
    let server = Server::start(routes).await;
    for (code, retryable) in
        [(400, false), (404, false), (408, true), (409, false), (425, true), (429, true), (500, true), (503, true)]
    {
        let failure = failure(call(json!({ "httpUrl": server.url(&format!("/{code}")) })).await);
        assert_eq!((failure.code, failure.retryable), (FailureCode::HttpStatus, retryable), "{code}");
        let details = failure.details.unwrap();
        assert_eq!((&details["status"], &details["data"]), (&json!(code), &json!("told")));
    }
    let success = json!([404, "408-409", "5xx"]);
    for (code, succeeds) in [(404, true), (408, true), (409, true), (503, true), (201, false), (400, false)] {
        let data = json!({ "httpUrl": server.url(&format!("/{code}")), "successStatus": success });
        assert_eq!(matches!(call(data).await, Outcome::Complete(_)), succeeds, "{code}");
    }
    let long = failure(call(json!({ "httpUrl": server.url("/long") })).await).details.unwrap();
    assert_eq!((long["data"].as_str().unwrap().len(), &long["truncated"]), (64 * 1024, &json!(true)));
}

#[tokio::test]
async fn names_what_the_client_refuses() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::start(
        Router::new()
            .route("/large", any(|| async { "x".repeat(2 * 1024 * 1024 + 1) }))
            .route("/slow", any(std::future::pending::<()>)),
    )
    .await;
    for (data, code, retryable) in [
        (json!({ "httpUrl": format!("http://{closed}/") }), FailureCode::HttpFailed, true),
        (json!({ "httpUrl": "http://10.0.0.1/" }), FailureCode::AddressRefused, false),
        (json!({ "httpUrl": server.url("/large") }), FailureCode::LimitExceeded, false),
        (json!({ "httpUrl": server.url("/slow"), "timeoutMs": 20 }), FailureCode::Timeout, true),
        (json!({ "httpUrl": "{{ input.id }}" }), FailureCode::InvalidValue, false),
        (json!({ "httpUrl": "{{ 'file' }}:///etc/passwd" }), FailureCode::InvalidValue, false),
        (
            json!({ "httpUrl": server.url("/"), "httpHeaders": [{ "key": "Host", "value": "other" }] }),
            FailureCode::InvalidValue,
            false,
        ),
    ] {
        let failure = failure(call(data.clone()).await);
        assert_eq!((failure.code, failure.retryable), (code, retryable), "{data}: {}", failure.message);
    }
}

#[test]
fn fails_before_sending() {
    let url = "http://example.com/";
    for (data, code, part) in [
        (json!({ "httpUrl": "{{ 1 / 0 }}" }), FailureCode::ExpressionFailed, "`httpUrl`: "),
        (
            json!({ "httpUrl": url, "httpBody": { "a": "{{ 1 / 0 }}" } }),
            FailureCode::ExpressionFailed,
            "`httpBody`: /a: ",
        ),
        (
            json!({ "httpUrl": url, "httpHeaders": [{ "key": "a", "value": "{{ input.map }}" }] }),
            FailureCode::InvalidValue,
            "`httpHeaders[0].value`",
        ),
        (json!({ "httpUrl": url, "query": { "q": "{{ input.map }}" } }), FailureCode::InvalidValue, "`query`"),
        (
            json!({ "httpUrl": url, "httpAuthType": "bearer", "httpAuthToken": "{{ input.missing }}" }),
            FailureCode::InvalidValue,
            "`httpAuthToken` is empty",
        ),
        (
            json!({ "httpUrl": url, "httpAuthType": "basic", "httpAuthToken": "ada" }),
            FailureCode::InvalidValue,
            "user:password",
        ),
    ] {
        let failure = bench(data).run().failure();
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
}

#[test]
fn is_repeated_only_where_that_is_harmless() {
    for (method, idempotent, repeatable) in [
        ("GET", Value::Null, true),
        ("PUT", Value::Null, true),
        ("DELETE", Value::Null, true),
        ("POST", Value::Null, false),
        ("PATCH", Value::Null, false),
        ("POST", json!(true), true),
        ("GET", json!(false), false),
    ] {
        let data = json!({ "httpUrl": "http://example.com/", "httpMethod": method, "idempotent": idempotent });
        assert_eq!(bench(data).with_node(|node| node.node.is_repeatable()), repeatable, "{method}");
    }
}

#[test]
fn is_checked_when_saved() {
    let url = "http://example.com/";
    for (data, path) in [
        (json!({}), "httpUrl"),
        (json!({ "httpUrl": "" }), "httpUrl"),
        (json!({ "httpUrl": "example.com" }), "httpUrl"),
        (json!({ "httpUrl": "ftp://example.com" }), "httpUrl"),
        (json!({ "httpUrl": "http://{{ input.host" }), "httpUrl"),
        (json!({ "httpUrl": url, "httpMethod": "get" }), "httpMethod"),
        (json!({ "httpUrl": url, "httpHeaders": [{ "value": "x" }] }), "httpHeaders/0/key"),
        (json!({ "httpUrl": url, "httpHeaders": [{ "key": "{{ 1 + }}" }] }), "httpHeaders/0/key"),
        (json!({ "httpUrl": url, "httpAuthType": "bearer" }), "httpAuthToken"),
        (json!({ "httpUrl": url, "httpAuthType": "digest", "httpAuthToken": "x" }), "httpAuthType"),
        (json!({ "httpUrl": url, "httpBody": { "a": ["{{"] } }), "httpBody/a/0"),
        (json!({ "httpUrl": url, "query": ["a"] }), "query"),
        (json!({ "httpUrl": url, "responseType": "xml" }), "responseType"),
        (json!({ "httpUrl": url, "successStatus": ["2x"] }), "successStatus/0"),
        (json!({ "httpUrl": url, "successStatus": 99 }), "successStatus"),
        (json!({ "httpUrl": url, "timeoutMs": 0 }), "timeoutMs"),
    ] {
        assert_eq!(paths(&problems_of("http", data.clone())), [format!("/nodes/1/data/{path}")], "{data}");
    }
}

proptest! {
    /// A status is a success exactly where the list covers it.
    #[test]
    fn covers_statuses(low in 100_u16..600, high in 100_u16..600, class in 1_u16..6, status in 100_u16..600) {
        let range = Statuses::read(&json!([format!("{low}-{high}")]));
        prop_assert_eq!(range.contain(status), (low..=high).contains(&status));
        let by_class = Statuses::read(&json!(format!("{class}xx")));
        prop_assert_eq!(by_class.contain(status), status / 100 == class);
        prop_assert!(Statuses::read(&json!(status)).contain(status));
    }
}

#[test]
fn secrets_are_read_by_name_in_marked_fields() {
    let data = json!({
        "httpUrl": "https://example.com/{{ secrets.url }}",
        "httpHeaders": [{ "key": "a", "value": "{{ secrets.header + input.x }}" }],
        "httpAuthType": "bearer",
        "httpAuthToken": "{{ secrets['token'] }}",
        "query": { "q": ["{{ secrets.query }}"] },
        "httpBody": "{{ {'a': [secrets.body, secrets.url.size()]} }}",
    });
    let names = Bench::new("http", data).with_node(|node| node.secrets.clone());
    assert_eq!(names, ["body", "header", "query", "token", "url"]);
    let none = Bench::new("http", json!({ "httpUrl": "https://example.com/{{ input.secrets }}" }));
    assert!(none.with_node(|node| node.secrets.is_empty()));
    for (wrong, why) in [
        ("{{ secrets }}", "computed"),
        ("{{ secrets[input.name] }}", "computed"),
        ("{{ keys(secrets) }}", "computed"),
        ("{{ secrets.a.b }}", "nothing can stand after"),
        ("{{ secrets.a[0] }}", "nothing can stand after"),
        ("{{ secrets[0] }}", "the name of a secret"),
        ("{{ secrets['a b'] }}", "the name of a secret"),
        ("{{ secrets.my-key }}", "the name of a secret"),
    ] {
        let body = json!({ "httpUrl": "https://example.com", "httpBody": { "a~/b": [1, wrong] } });
        let problems = problems_of("http", body);
        assert_eq!(paths(&problems), ["/nodes/1/data/httpBody/a~0~1b/1"], "{wrong}");
        assert!(problems[0].message.contains(why), "{wrong}: {}", problems[0].message);
    }
}

#[test]
fn other_fields_read_no_secret_and_say_where_they_may_stand() {
    // The third reads `input - secrets.x`, should there be no node of the first name.
    for expression in
        ["secrets.x", "secrets['x']", "input-secrets.x", "[1].map(n, secrets.x)", "has(secrets.x)", "secrets"]
    {
        for (kind, data, path) in [
            ("transform", json!({ "transformScript": expression }), "transformScript"),
            ("end", json!({ "output": { "a": format!("{{{{ {expression} }}}}") } }), "output/a"),
            ("if-else", json!({ "condition": expression }), "condition"),
            ("approval-gate", json!({ "message": format!("{{{{ {expression} }}}}") }), "message"),
            (
                "approval-gate",
                json!({ "message": "?", "notify": [{ "type": "email", "to": format!("{{{{ {expression} }}}}") }] }),
                "notify/0/to",
            ),
            ("task", json!({ "queue": "q", "input": [format!("{{{{ {expression} }}}}")] }), "input/0"),
        ] {
            let problems = problems_of(kind, data);
            assert_eq!(paths(&problems), [format!("/nodes/1/data/{path}")], "{kind} {expression}: {problems:#?}");
            for place in ["`httpUrl`", "`httpBody`", "of `http`", "`notify.url`", "`notify.secret`", "of `ask-human`"] {
                assert!(problems[0].message.contains(place), "{}", problems[0].message);
            }
        }
    }
    let target = json!({ "type": "webhook", "url": "{{ secrets.url }}", "secret": "{{ secrets.key }}", "user": "bo" });
    let gate = Bench::new("approval-gate", json!({ "message": "?", "notify": [target] }));
    assert_eq!(gate.with_node(|node| node.secrets.clone()), ["key", "url"]);
}
