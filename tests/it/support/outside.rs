//! A service outside of the server, for `http` nodes: it can fail first, and it can keep its callers waiting.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// The service. It ends with this value.
pub struct Outside {
    pub address: String,
    state: Seen,
    busy: Busy,
    release: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

/// How often each key has called.
type Seen = Arc<Mutex<HashMap<String, usize>>>;

/// For each name how many are being served, and how many were at most.
type Busy = Arc<Mutex<HashMap<String, (usize, usize)>>>;

#[derive(Clone)]
struct Shared {
    seen: Seen,
    busy: Busy,
    release: watch::Receiver<bool>,
}

impl Shared {
    /// Counts a call; how often this key has called before.
    fn count(&self, headers: &HeaderMap) -> usize {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let mut seen = self.seen.lock().unwrap();
        let calls = seen.entry(key).or_default();
        *calls += 1;
        *calls - 1
    }
}

impl Outside {
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1").await
    }

    /// The same at an address of this machine.
    pub async fn start_on(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Seen::default();
        let busy = Busy::default();
        let release = watch::Sender::new(false);
        let shared = Shared { seen: Arc::clone(&state), busy: Arc::clone(&busy), release: release.subscribe() };
        let router = Router::new()
            .route("/flaky", post(flaky))
            .route("/held", post(held))
            .route("/busy/{name}", post(served))
            .with_state(shared);
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state, busy, release, _serving: serving }
    }

    /// Lets everybody go who waits at `/held`.
    pub fn release(&self) {
        self.release.send_replace(true);
    }

    /// How many calls there were in all.
    pub fn calls(&self) -> usize {
        self.state.lock().unwrap().values().sum()
    }

    /// How many callers of `/busy/<name>` were served at the same time, at most.
    pub fn most_at_once(&self, name: &str) -> usize {
        self.busy.lock().unwrap().get(name).map_or(0, |(_, most)| *most)
    }

    /// The keys of the calls.
    pub fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().keys().cloned().collect()
    }
}

/// Fails the first call of each key.
async fn flaky(State(shared): State<Shared>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    match shared.count(&headers) {
        0 => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"try": "again"}))),
        _ => (StatusCode::OK, Json(json!({"goods": 7}))),
    }
}

/// Keeps the first call of each key waiting until the release; later ones get their answer at once.
async fn held(State(mut shared): State<Shared>, headers: HeaderMap) -> Json<Value> {
    let before = shared.count(&headers);
    if before == 0 {
        _ = shared.release.wait_for(|release| *release).await;
    }
    Json(json!({"call": before + 1}))
}

/// A caller that is being served, until it hangs up.
struct Serving(Busy, String);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.lock().unwrap().get_mut(&self.1).unwrap().0 -= 1;
    }
}

/// Takes some time for each caller.
async fn served(Path(name): Path<String>, State(shared): State<Shared>) -> Json<Value> {
    let serving = {
        let mut busy = shared.busy.lock().unwrap();
        let (now, most) = busy.entry(name.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Serving(Arc::clone(&shared.busy), name)
    };
    tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    drop(serving);
    Json(json!({}))
}
