//! A Docker Engine that speaks the real API on a Unix socket and runs nothing: its containers do what the test has written down.
#![expect(clippy::result_large_err, reason = "a refusal is the reply itself")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path as At, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::Notify, task::JoinSet};

/// What the containers of an engine do.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Frames of the log: 1 is standard output, 2 standard error.
    pub log: Vec<(u8, &'static str)>,
    /// A file that it writes to its work folder, and its text.
    pub writes: Vec<(&'static str, &'static str)>,
    /// The exit code it ends with by itself; without one it runs until it is signalled.
    pub exits: Option<i64>,
    /// Whether it ignores SIGTERM.
    pub deaf: bool,
    /// Whether it ends because memory ran out.
    pub out_of_memory: bool,
    /// Its processes.
    pub processes: u64,
    /// Its processor time.
    pub cpu_ns: u64,
    /// What the engine answers when it is started, in place of success.
    pub refuses: Option<(u16, &'static str)>,
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container {
    pub wanted: Value,
    pub started: bool,
    pub exit: Option<i64>,
    pub signals: Vec<String>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    containers: Arc<Mutex<BTreeMap<String, Container>>>,
    /// What was made, and what became of it: `create NAME`, `remove NAME`, ...
    calls: Arc<Mutex<Vec<String>>>,
    changed: Arc<Notify>,
}

/// The engine; it ends with this value.
pub struct Engine {
    pub socket: PathBuf,
    shared: Shared,
    _serving: JoinSet<()>,
}

impl Engine {
    pub fn start(folder: &Path, script: Script) -> Self {
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let shared = Shared {
            script: Arc::new(script),
            containers: Arc::default(),
            calls: Arc::default(),
            changed: Arc::default(),
        };
        let router = Router::new()
            .route("/version", get(async || Json(json!({"Version": "28.0.1", "ApiVersion": "1.48"}))))
            .route("/images/{name}/json", get(image))
            .route("/containers/create", post(create))
            .route("/containers/json", get(list))
            .route("/containers/{id}/start", post(start))
            .route("/containers/{id}/logs", get(logs))
            .route("/containers/{id}/wait", post(wait))
            .route("/containers/{id}/kill", post(kill))
            .route("/containers/{id}/json", get(inspect))
            .route("/containers/{id}/stats", get(stats))
            .route("/containers/{id}", delete(remove))
            .fallback(async || problem(404, "page not found"))
            .with_state(shared.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { socket, shared, _serving: serving }
    }

    /// Puts a container there that a runner of these labels has left.
    pub fn leave(&self, name: &str, labels: Value) {
        let container = Container { wanted: json!({"Labels": labels}), started: true, exit: None, signals: Vec::new() };
        self.shared.containers.lock().unwrap().insert(name.to_owned(), container);
    }

    /// The names of containers that there are.
    pub fn names(&self) -> Vec<String> {
        self.shared.containers.lock().unwrap().keys().cloned().collect()
    }

    /// What was asked of the engine.
    pub fn calls(&self) -> Vec<String> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// What the first container was asked for.
    pub fn wanted(&self) -> Value {
        let calls = self.calls();
        let made = calls.iter().find_map(|call| call.strip_prefix("create ")).unwrap();
        serde_json::from_str(made.split_once(' ').unwrap().1).unwrap()
    }
}

impl Shared {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn change<T>(&self, id: &str, change: impl FnOnce(&mut Container) -> T) -> Result<T, Response> {
        let changed = self.containers.lock().unwrap().get_mut(id).map(change);
        self.changed.notify_waiters();
        changed.ok_or_else(|| problem(404, &format!("No such container: {id}")))
    }
}

fn problem(status: u16, message: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"message": message}))).into_response()
}

type Pairs = Query<BTreeMap<String, String>>;

async fn image(At(name): At<String>) -> Response {
    if name == "agent" { Json(json!({"Id": "sha256:1"})).into_response() } else { problem(404, "No such image") }
}

async fn create(State(shared): State<Shared>, Query(query): Pairs, Json(wanted): Json<Value>) -> Response {
    let name = query["name"].clone();
    shared.note(format!("create {name} {wanted}"));
    let container = Container { wanted, started: false, exit: None, signals: Vec::new() };
    shared.containers.lock().unwrap().insert(name, container);
    (StatusCode::CREATED, Json(json!({"Id": "f00", "Warnings": []}))).into_response()
}

async fn list(State(shared): State<Shared>, Query(query): Pairs) -> Response {
    assert_eq!(query["all"], "1");
    let filters: Value = serde_json::from_str(&query["filters"]).unwrap();
    let (name, value) = filters["label"][0].as_str().unwrap().split_once('=').unwrap();
    let containers = shared.containers.lock().unwrap();
    let rows: Vec<Value> = containers
        .iter()
        .filter(|(_, container)| container.wanted["Labels"][name] == value)
        .map(|(id, container)| json!({"Id": id, "Labels": container.wanted["Labels"], "State": "running"}))
        .collect();
    Json(rows).into_response()
}

async fn start(State(shared): State<Shared>, At(id): At<String>) -> Response {
    if let Some((status, message)) = shared.script.refuses {
        return problem(status, message);
    }
    let script = Arc::clone(&shared.script);
    let started = shared.change(&id, |container| {
        let mounts = container.wanted["HostConfig"]["Mounts"].as_array().unwrap();
        let work = mounts.iter().find(|mount| mount["Target"] == "/sandbox").unwrap();
        for (name, text) in &script.writes {
            std::fs::write(Path::new(work["Source"].as_str().unwrap()).join(name), text).unwrap();
        }
        container.started = true;
        container.exit = script.exits;
    });
    started.map_or_else(|refused| refused, |()| StatusCode::NO_CONTENT.into_response())
}

async fn logs(State(shared): State<Shared>, At(id): At<String>, Query(query): Pairs) -> Response {
    assert!(["follow", "stdout", "stderr"].iter().all(|name| query[*name] == "1"));
    let frames: Vec<u8> = shared
        .script
        .log
        .iter()
        .flat_map(|(stream, text)| {
            let length = (text.len() as u32).to_be_bytes();
            [*stream, 0, 0, 0].into_iter().chain(length).chain(text.bytes()).collect::<Vec<_>>()
        })
        .collect();
    let body = async_stream::stream! {
        // In pieces that cut heads and lines.
        for piece in frames.chunks(5) {
            yield Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece));
        }
        ended(&shared, &id).await;
    };
    Response::new(Body::from_stream(body))
}

/// Waits for a container's end.
async fn ended(shared: &Shared, id: &str) -> Option<i64> {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        match shared.containers.lock().unwrap().get(id) {
            None => return None,
            Some(container) if container.exit.is_some() => return container.exit,
            Some(_) => {}
        }
        changed.await;
    }
}

async fn wait(State(shared): State<Shared>, At(id): At<String>) -> Response {
    match ended(&shared, &id).await {
        Some(code) => Json(json!({"StatusCode": code})).into_response(),
        None => problem(404, "No such container"),
    }
}

async fn kill(State(shared): State<Shared>, At(id): At<String>, Query(query): Pairs) -> Response {
    let signal = query["signal"].clone();
    shared.note(format!("kill {signal}"));
    let deaf = shared.script.deaf;
    let killed = shared.change(&id, |container| {
        if container.exit.is_some() {
            return Err(problem(409, "container is not running"));
        }
        if signal == "SIGKILL" {
            container.exit = Some(137);
        } else if !deaf {
            container.exit = Some(143);
        }
        container.signals.push(signal);
        Ok(StatusCode::NO_CONTENT.into_response())
    });
    killed.map_or_else(|refused| refused, |killed| killed.unwrap_or_else(|refused| refused))
}

async fn inspect(State(shared): State<Shared>, At(id): At<String>) -> Response {
    let out_of_memory = shared.script.out_of_memory;
    let state =
        shared.change(&id, |container| json!({"State": {"OOMKilled": out_of_memory, "ExitCode": container.exit}}));
    state.map_or_else(|refused| refused, |state| Json(state).into_response())
}

async fn stats(State(shared): State<Shared>) -> Response {
    let Script { processes, cpu_ns, .. } = *shared.script;
    let stats = json!({"pids_stats": {"current": processes}, "cpu_stats": {"cpu_usage": {"total_usage": cpu_ns}}});
    Json(stats).into_response()
}

async fn remove(State(shared): State<Shared>, At(id): At<String>, Query(query): Pairs) -> Response {
    assert_eq!((query["force"].as_str(), query["v"].as_str()), ("1", "1"));
    shared.note(format!("remove {id}"));
    let removed = shared.containers.lock().unwrap().remove(&id);
    shared.changed.notify_waiters();
    removed.map_or_else(|| problem(404, "No such container"), |_| StatusCode::NO_CONTENT.into_response())
}
