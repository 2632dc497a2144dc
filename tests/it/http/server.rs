//! The server itself: health, metrics, CORS, compression, panics, shutdown.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response, routing::get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;
use sluicegate::{config::Secret, http::AppState};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

use crate::support::app::{TestApp, token_of};

#[tokio::test]
async fn health_and_readiness() {
    let app = TestApp::start().await;
    let client = app.anonymous().without_prefix();
    assert_eq!(client.get("/healthz").await.expect(200)["status"], "ok");
    client.get("/readyz").await.expect(200);
    app.state.readiness.set_draining();
    client.get("/readyz").await.problem(503, "unavailable");
    client.get("/healthz").await.expect(200);
    assert!(client.get("/").await.text.contains("Sluicegate"));
}

#[tokio::test]
async fn metrics_are_by_route_and_never_by_id() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    app.user("ann").get(&place.pod()).await.expect(200);
    app.user("ann").without_prefix().get(&place.pod()).await.expect(200);
    app.anonymous().get("/nothing/at/all").await.problem(404, "unknown_path");
    let text = app.anonymous().without_prefix().get("/metrics").await.text;
    let route = "route=\"/workspaces/{workspaceId}/pods/{podId}\"";
    let line = text.lines().find(|line| line.starts_with("sluicegate_http_requests_total") && line.contains(route));
    assert!(line.unwrap().contains("status=\"200\""), "{text}");
    assert!(text.contains("route=\"unknown\""));
    assert!(text.contains("sluicegate_http_request_seconds_bucket"));
    assert!(text.contains("sluicegate_queue_depth 0"));
    assert!(text.contains("sluicegate_queue_held 0"));
    assert!(!text.contains(&place.workspace_id) && !text.contains("nothing/at"));
}

#[tokio::test]
async fn metrics_can_have_a_token() {
    let app = TestApp::start_with(|settings| settings.metrics_token = Some(Secret::new("m-1"))).await;
    let client = app.anonymous().without_prefix();
    client.get("/metrics").await.problem(401, "unauthenticated");
    client.with("authorization", "Bearer m-2").get("/metrics").await.problem(401, "invalid_credentials");
    assert_eq!(client.with("authorization", "Bearer m-1").get("/metrics").await.status, 200);
}

#[tokio::test]
async fn browsers_of_listed_origins_may_call() {
    let origin = "https://app.example";
    let app = TestApp::start_with(|settings| settings.cors_origins = Some(vec![origin.into()])).await;
    let response = raw(&app, &preflight_text(origin)).await;
    assert!(response.contains("access-control-allow-origin: https://app.example"), "{response}");
    assert!(response.contains("idempotency-key"), "{response}");
    let reply = app.user("ann").with("origin", origin).get("/workspaces").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("link"));
    let other = app.user("ann").with("origin", "https://evil.example").get("/workspaces").await;
    assert_eq!(other.header("access-control-allow-origin"), None);

    let closed = TestApp::start().await;
    let reply = closed.user("ann").with("origin", origin).get("/workspaces").await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

fn preflight_text(origin: &str) -> String {
    format!(
        "OPTIONS /v1/workspaces HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\naccess-control-request-method: PATCH\r\n\
         access-control-request-headers: x-api-key,idempotency-key\r\nconnection: close\r\n\r\n"
    )
}

/// Sends exactly this text and reads until the server closes.
async fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = TcpStream::connect(app.address().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn pages_are_compressed_and_event_streams_are_not() {
    let app = TestApp::start_routing(
        |_| {},
        |state| {
            let stream = async || {
                let event = format!("data: {}\n\n", "x".repeat(4_000));
                Response::builder().header("content-type", "text/event-stream").body(Body::from(event)).unwrap()
            };
            layered(state, "/stream", get(stream))
        },
    )
    .await;
    let ask =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n");
    let docs = raw(&app, &ask("/docs")).await;
    assert!(docs.contains("content-encoding: gzip"));
    let stream = raw(&app, &ask("/stream")).await;
    assert!(!stream.contains("content-encoding") && stream.contains("data: xxx"));
}

/// The true router with one more route beneath all its layers.
fn layered(state: AppState, path: &str, route: axum::routing::MethodRouter<AppState>) -> Router {
    sluicegate::http::router_with(state, &[], Router::new().route(path, route))
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_text() {
    async fn panics() -> &'static str {
        panic!("the secret reason")
    }
    let app = TestApp::start_routing(|_| {}, |state| layered(state, "/panic", get(panics))).await;
    let response = reqwest::get(format!("{}/panic", app.address())).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let text = response.text().await.unwrap();
    assert!(text.contains("\"internal\"") && !text.contains("secret reason"), "{text}");
}

#[tokio::test]
async fn a_soft_stop_lets_requests_end_and_takes_no_new_ones() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entering, leaving) = (Arc::clone(&entered), Arc::clone(&leave));
    let slow = move || {
        let (entered, leave) = (Arc::clone(&entering), Arc::clone(&leaving));
        async move {
            entered.notify_one();
            leave.notified().await;
            "done"
        }
    };
    let app = TestApp::start_routing(|_| {}, |state| layered(state, "/slow", get(slow))).await;
    let url = format!("{}/slow", app.address());
    let request = async { reqwest::get(&url).await.unwrap().text().await.unwrap() };
    let stop = async {
        entered.notified().await;
        app.shutdown.soft.cancel();
        // The listener is closed by the time the server waits for its connections.
        while TcpStream::connect(app.address().strip_prefix("http://").unwrap()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        leave.notify_one();
        app.stop().await;
    };
    let (text, ()) = tokio::join!(request, stop);
    assert_eq!(text, "done");
}

#[tokio::test]
async fn a_hard_stop_drops_streams_that_would_never_end() {
    let endless = async || {
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"data: 1\n\n")) });
        let body = Body::from_stream(first.chain(stream::pending()));
        Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
    };
    let app = TestApp::start_routing(|_| {}, |state| layered(state, "/endless", get(endless))).await;
    let mut response = reqwest::get(format!("{}/endless", app.address())).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    app.shutdown.soft.cancel();
    let stopped = tokio::time::timeout(Duration::from_millis(200), app.stop()).await;
    assert!(stopped.is_err(), "a soft stop does not wait for an open stream");
    app.shutdown.hard.cancel();
    app.stop().await;
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn http2_is_spoken_to_those_who_begin_with_it() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let response = client.get(format!("{}/healthz", app.address())).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
}

#[tokio::test]
async fn heads_are_bounded() {
    let app = TestApp::start().await;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(100_000));
    let response = raw(&app, &request).await;
    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
}

#[tokio::test]
async fn node_types_are_listed_with_their_schemas() {
    let app = TestApp::start().await;
    let types = app.user("ann").get("/node-types").await.expect(200);
    let start = types.as_array().unwrap().iter().find(|one| one["type"] == "start").unwrap();
    assert_eq!(start["schema"]["type"], json!("object"));
    app.user("ann").send(Method::POST, "/node-types", None).await.problem(405, "method_not_allowed");
}

/// Writes all of a request before it reads anything of the reply, as many clients do.
async fn write_then_read(app: &TestApp, head: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(app.address().strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("POST {head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn who_writes_too_much_before_reading_is_told_so_and_not_cut_off() {
    let app = TestApp::start_with(|settings| settings.body_limit = Some(sluicegate::config::ByteSize(1_000))).await;
    let token = token_of(&json!({"sub": "ann", "exp": app.clock.now().0 / 1_000 + 60}), app.clock.now());
    let json = format!("/v1/workspaces HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/json");
    // More than the buffers of a socket on loopback take.
    let body = vec![b' '; 16 << 20];
    let asked = format!("{json}\r\nexpect: 100-continue");
    for (head, status) in [
        (json.as_str(), "413"),
        (asked.as_str(), "413"),
        ("/v1/workspaces HTTP/1.1", "401"),
        ("/nowhere HTTP/1.1", "404"),
    ] {
        let reply = write_then_read(&app, head, &body).await.unwrap();
        let reply = reply.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {reply}");
        assert!(reply.contains("application/problem+json"), "{reply}");
    }
}

/// Who asks whether a body is wanted, and is refused, is not told to send it all the same.
#[tokio::test]
async fn who_asks_before_sending_is_answered_at_once() {
    let app = TestApp::start().await;
    let asked = "POST /v1/workspaces HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100000\r\n\r\n";
    let reply = raw(&app, asked).await;
    assert!(reply.starts_with("HTTP/1.1 401"), "{reply}");
}
