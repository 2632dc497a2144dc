//! A tiny server with the streams of one execution, and with one fault at a time: what a check of streams has to find.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use url::form_urlencoded;

pub const WORKSPACE: &str = "00000000-0000-7000-8000-000000000001";
pub const POD: &str = "00000000-0000-7000-8000-000000000002";
const EXECUTION: &str = "00000000-0000-7000-8000-000000000003";
pub const HEARTBEAT: Duration = Duration::from_millis(200);
const MAX_DURATION: Duration = Duration::from_millis(700);
/// Events before the answer, and after it.
const BEFORE: i64 = 9;
const AFTER: i64 = 5;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    LeavesOneOut,
    SendsOneTwice,
    SwapsTwo,
    NeverSaysTheEnd,
    ClosesWithoutAWord,
    HoldsBack,
    WritesOtherBytes,
    NamesTheEvent,
    NeverBeats,
    ForgetsAHeader,
    ForgetsTheCursor,
    NumbersFiltered,
    StartsAgainAtTheEnd,
    TakesAnyCursor,
    LetsAnybodyIn,
    EndsAtTheGate,
    IsLate,
}

/// The server; it ends with this value.
pub struct Broken {
    pub url: String,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    fault: Fault,
    known: Arc<watch::Sender<i64>>,
}

impl Broken {
    pub async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { fault, known: Arc::new(watch::Sender::new(0)) };
        let router = Router::new().fallback(answer).with_state(shared);
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, _serving: AbortOnDropHandle::new(serving) }
    }
}

/// The body of an event.
fn event(seq: i64) -> Value {
    let last = BEFORE + AFTER;
    match seq {
        1 => json!({"type": "execution_status", "seq": seq, "status": "running"}),
        _ if seq == BEFORE - 1 => {
            json!({"type": "execution_suspended", "seq": seq, "interrupt": {"nodeId": "gate", "message": "one\ntwo"}})
        }
        BEFORE => json!({"type": "execution_status", "seq": seq, "status": "suspended"}),
        _ if seq == BEFORE + 1 => json!({"type": "suspension_update", "seq": seq, "state": "answered"}),
        _ if seq == last => json!({"type": "execution_complete", "seq": seq, "nodes": [{"nodeId": "a"}]}),
        _ => json!({"type": "node_update", "seq": seq, "nodeId": format!("n{seq}"), "status": "completed"}),
    }
}

fn problem(status: u16) -> Response {
    let headers = [("content-type", "application/problem+json")];
    let body = json!({"status": status, "code": "refused", "detail": "no"}).to_string();
    (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let events = format!("/executions/{EXECUTION}/events");
    match (&parts.method, path) {
        (&Method::GET, "/healthz") => StatusCode::OK.into_response(),
        (&Method::GET, path) if path.ends_with("/workflows") => Json(json!([])).into_response(),
        (&Method::POST, path) if path.ends_with("/executions") => {
            shared.known.send_replace(BEFORE);
            (StatusCode::CREATED, Json(json!({"id": EXECUTION}))).into_response()
        }
        (&Method::POST, _) => (StatusCode::CREATED, Json(json!({"id": "w"}))).into_response(),
        (&Method::PATCH, _) => {
            shared.known.send_replace(BEFORE + AFTER);
            Json(json!({})).into_response()
        }
        (&Method::GET, path) if path.ends_with(&events) => stream(&shared, query, &parts.headers),
        _ => problem(404),
    }
}

fn stream(shared: &Shared, query: &str, headers: &HeaderMap) -> Response {
    let fault = shared.fault;
    if !headers.contains_key("authorization") && fault != Fault::LetsAnybodyIn {
        return problem(401);
    }
    let parameter = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let known = *shared.known.borrow();
    let asked = headers.get("last-event-id").map(|value| value.to_str().unwrap().to_owned()).or(parameter("after"));
    let after = match asked.map(|text| text.parse::<i64>()) {
        None => 0,
        Some(Ok(after)) if (0..=known).contains(&after) => after,
        Some(_) if fault == Fault::TakesAnyCursor => 0,
        Some(_) => return problem(400),
    };
    if headers.get("accept").is_some_and(|accept| accept == "application/json") {
        let limit = parameter("limit").map_or(500, |limit| limit.parse().unwrap());
        return Json((after + 1..=known).take(limit).map(event).collect::<Vec<_>>()).into_response();
    }
    let types = parameter("types").unwrap_or_default();
    let wanted = move |seq: i64| types.is_empty() || types.split(',').any(|kind| event(seq)["type"] == kind);
    let over = known == BEFORE + AFTER && !(after + 1..=known).any(&wanted);
    if over && fault != Fault::StartsAgainAtTheEnd {
        return StatusCode::NO_CONTENT.into_response();
    }
    let snapshot = parameter("snapshot").is_some().then(|| {
        Bytes::from(format!("data: {}\n\n", json!({"type": "stream_snapshot", "execution": {"id": EXECUTION}})))
    });
    let after = if fault == Fault::ForgetsTheCursor { 0 } else { after };
    let mut watched = shared.known.subscribe();
    let frames = async_stream::stream! {
        let (mut cursor, mut number) = (after, 0);
        // What holds back does so for longer than anybody waits for first bytes.
        let end = Instant::now() + if fault == Fault::HoldsBack { 5 * MAX_DURATION } else { MAX_DURATION };
        yield Bytes::from_static(b"retry: 1000\n: hello\n\n");
        if let Some(snapshot) = snapshot {
            yield snapshot;
        }
        loop {
            let known = *watched.borrow_and_update();
            for position in cursor + 1..=known {
                let seq = match (fault, position) {
                    (Fault::LeavesOneOut, 4) => continue,
                    (Fault::SwapsTwo, 4) => 5,
                    (Fault::SwapsTwo, 5) => 4,
                    (Fault::NeverSaysTheEnd, position) if position == BEFORE + AFTER => continue,
                    (_, position) => position,
                };
                if !wanted(seq) {
                    continue;
                }
                number += 1;
                let id = if fault == Fault::NumbersFiltered { after + number } else { seq };
                let space = if fault == Fault::WritesOtherBytes { " " } else { "" };
                let name = if fault == Fault::NamesTheEvent { "event: message\n" } else { "" };
                let text = format!("id: {id}\n{name}data: {space}{}{space}\n\n", event(seq));
                if fault == Fault::IsLate && position > BEFORE {
                    // Longer than anybody waits for what should come at once.
                    tokio::time::sleep(Duration::from_secs(3)).await;
                }
                for _ in 0..if fault == Fault::SendsOneTwice && seq == 4 { 2 } else { 1 } {
                    yield Bytes::from(text.clone());
                }
            }
            cursor = known;
            if known == BEFORE + AFTER || (fault == Fault::EndsAtTheGate && known == BEFORE) {
                return;
            }
            let beat = if fault == Fault::NeverBeats { MAX_DURATION } else { HEARTBEAT };
            tokio::select! {
                _ = watched.changed() => {}
                () = tokio::time::sleep_until(end) => {
                    if fault != Fault::ClosesWithoutAWord {
                        let said = json!({"type": "stream_closing", "reason": "max_duration", "after": cursor.to_string(), "retryMs": 1_000});
                        yield Bytes::from(format!("data: {said}\n\n"));
                    }
                    return;
                }
                () = tokio::time::sleep(beat) => yield Bytes::from_static(b": heartbeat\n\n"),
            }
        }
    };
    let body = if fault == Fault::HoldsBack {
        // Headers at once, and all the rest at the end.
        Body::from_stream(async_stream::stream! {
            let mut all = Vec::new();
            let mut frames = std::pin::pin!(frames);
            while let Some(bytes) = futures_util::StreamExt::next(&mut frames).await {
                all.extend_from_slice(&bytes);
            }
            yield Ok::<_, Infallible>(Bytes::from(all));
        })
    } else {
        Body::from_stream(futures_util::StreamExt::map(frames, Ok::<_, Infallible>))
    };
    let mut response = Response::new(body);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("sluicegate-stream-version", "1"),
    ] {
        if !(fault == Fault::ForgetsAHeader && name == "x-accel-buffering") {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    response
}
