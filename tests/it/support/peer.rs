//! The other side of `http` nodes: a local server that counts, fails, hangs and remembers as its paths say.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::task::TaskTracker;

/// What has arrived, by path: requests as they were.
type Seen = HashMap<String, Vec<Value>>;

/// A server that is reached by `http` nodes of tests.
///
/// `/hang` never answers; `/gate` answers once it is opened; `/status/503` answers so; `/moved/302` leads to `/elsewhere`;
/// `/leave/8080` leads to `localhost:8080`; `/flaky/2` fails twice with 503, then answers; `/echo/200` answers so and with the request.
/// Everything else answers `{hits}`, the number of requests
pub struct Peer {
    url: String,
    seen: Arc<watch::Sender<Seen>>,
    gate: Arc<Notify>,
    serving: tokio::task::AbortHandle,
}

type Shared = (Arc<watch::Sender<Seen>>, Arc<Notify>);

impl Peer {
    pub async fn start() -> Self {
        let (seen, gate) = (Arc::new(watch::Sender::new(Seen::new())), Arc::new(Notify::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state((Arc::clone(&seen), Arc::clone(&gate)));
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, gate, serving: serving.abort_handle() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The requests to a path.
    pub fn requests(&self, path: &str) -> Vec<Value> {
        self.seen.borrow().get(path).cloned().unwrap_or_default()
    }

    pub fn hits(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// Waits until so many requests to a path have come.
    pub async fn arrived(&self, path: &str, count: usize) {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|seen| seen.get(path).is_some_and(|requests| requests.len() >= count));
        tokio::time::timeout(std::time::Duration::from_secs(15), enough).await.expect("requests arrive").unwrap();
    }

    /// Lets one request to `/gate` through.
    pub fn open_gate(&self) {
        self.gate.notify_one();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State((seen, gate)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers: HashMap<&str, &str> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let request = json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "query": uri.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let mut hits = 0;
    seen.send_modify(|seen| {
        let requests = seen.entry(uri.path().to_owned()).or_default();
        requests.push(request.clone());
        hits = requests.len();
    });
    let mut parts = uri.path().split('/').skip(1);
    let (kind, argument) = (parts.next().unwrap_or_default(), parts.next().and_then(|part| part.parse::<usize>().ok()));
    let status = match (kind, argument) {
        ("hang", _) => std::future::pending().await,
        ("gate", _) => {
            gate.notified().await;
            StatusCode::OK
        }
        ("leave", Some(_)) => StatusCode::FOUND,
        ("status" | "moved" | "echo", Some(status)) => StatusCode::from_u16(status as u16).unwrap(),
        ("flaky", Some(failures)) if hits <= failures => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let header = match (kind, argument) {
        ("moved", _) => ("location", "/elsewhere".to_owned()),
        ("leave", Some(port)) => ("location", format!("http://localhost:{port}/elsewhere")),
        _ => ("x-peer", "here".to_owned()),
    };
    let body = if kind == "echo" { request } else { json!({"hits": hits}) };
    (status, [header], Json(body)).into_response()
}
