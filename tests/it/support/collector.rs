//! A collector of traces: takes spans as OTLP over HTTP has them in JSON, and checks what the protocol asks of each.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::task::TaskTracker;

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span(pub Value);

impl Span {
    pub fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }

    /// An attribute, as a text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.0["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == name)?;
        found["value"]["stringValue"].as_str().or(found["value"]["intValue"].as_str())
    }

    pub fn ms(&self, member: &str) -> i64 {
        self.text(member).parse::<i64>().expect("nanoseconds are a number in a text") / 1_000_000
    }
}

#[derive(Clone, Default)]
struct Seen {
    spans: Vec<Span>,
    requests: usize,
    raw: String,
    /// How many requests are turned away first.
    refusals: usize,
}

/// The collector; it ends with this value.
pub struct Collector {
    pub url: String,
    seen: Arc<watch::Sender<Seen>>,
    serving: tokio::task::AbortHandle,
}

impl Collector {
    /// One that turns so many requests away before it takes any.
    pub async fn start(refusals: usize) -> Self {
        let seen = Arc::new(watch::Sender::new(Seen { refusals, ..Seen::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/collect", listener.local_addr().unwrap());
        let router = Router::new().route("/collect/v1/traces", post(take)).with_state(Arc::clone(&seen));
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, serving: serving.abort_handle() }
    }

    /// All spans, once there is one of each of these names and so many of executions.
    pub async fn all(&self, names: &[&str], executions: usize) -> Vec<Span> {
        let mut seen = self.seen.subscribe();
        let count = |seen: &Seen, name: &str| seen.spans.iter().filter(|span| span.text("name") == name).count();
        let has_all =
            |seen: &Seen| names.iter().all(|name| count(seen, name) > 0) && count(seen, "execution") >= executions;
        let enough = tokio::time::timeout(Duration::from_secs(30), seen.wait_for(has_all)).await;
        let spans = self.seen.borrow().spans.clone();
        assert!(enough.is_ok(), "{names:?} are wanted, these have come: {spans:#?}");
        spans
    }

    /// All that was sent, as it was.
    pub fn raw(&self) -> String {
        self.seen.borrow().raw.clone()
    }

    pub fn requests(&self) -> usize {
        self.seen.borrow().requests
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(seen): State<Arc<watch::Sender<Seen>>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    assert_eq!(headers["x-collector-key"], "a b");
    let mut is_refused = false;
    seen.send_modify(|seen| {
        seen.requests += 1;
        is_refused = seen.requests <= seen.refusals;
        if is_refused {
            return;
        }
        seen.raw.push_str(&body.to_string());
        for resource in body["resourceSpans"].as_array().unwrap() {
            let attributes = resource["resource"]["attributes"].as_array().unwrap();
            let service = attributes.iter().find(|attribute| attribute["key"] == "service.name").unwrap();
            assert_eq!(service["value"]["stringValue"], "flows");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                seen.spans.extend(scope["spans"].as_array().unwrap().iter().map(checked));
            }
        }
    });
    if is_refused { (StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))) } else { (StatusCode::OK, Json(json!({}))) }
}

fn checked(span: &Value) -> Span {
    let is_id = |member: &str, digits: usize| {
        let text = span[member].as_str().unwrap();
        text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
    };
    assert!(is_id("traceId", 32) && is_id("spanId", 16), "{span}");
    assert!(span.get("parentSpanId").is_none() || is_id("parentSpanId", 16), "{span}");
    let span = Span(span.clone());
    assert!(span.ms("startTimeUnixNano") <= span.ms("endTimeUnixNano"), "{span:?}");
    assert!((1..=5).contains(&span.0["kind"].as_i64().unwrap()), "{span:?}");
    assert!((0..=2).contains(&span.0["status"]["code"].as_i64().unwrap()), "{span:?}");
    span
}
