//! The bare axum server that the HTTP workloads are compared with: one tiny handler, and one stream from a broadcast channel.
//! It runs in a process of its own, as the measured server does.
#![expect(clippy::print_stdout, reason = "its address is told to the parent by a pipe")]

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    response::sse::{Event, Sse},
    routing::{get, post},
};
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Barrier, broadcast},
};
use tokio_stream::wrappers::BroadcastStream;

/// How many frames a round of the fan-out has.
pub const FRAMES: usize = 10_000;
/// How many subscribers it has.
pub const SUBSCRIBERS: usize = 200;

struct Round {
    frames: broadcast::Sender<Arc<str>>,
    /// Nothing is sent before everybody listens.
    complete: Barrier,
    body: Arc<str>,
}

/// Serves until it is ended.
pub async fn serve() -> anyhow::Result<()> {
    let body: Arc<str> = event_body().into();
    // Room for a whole round: nobody ever lags.
    let round = Round { frames: broadcast::Sender::new(FRAMES), complete: Barrier::new(SUBSCRIBERS), body };
    let router = Router::new()
        .route("/echo", post(async |Json(body): Json<Value>| Json(body)))
        .route("/events", get(events))
        .with_state(Arc::new(round));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn events(State(round): State<Arc<Round>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let frames = BroadcastStream::new(round.frames.subscribe());
    if round.complete.wait().await.is_leader() {
        for _ in 0..FRAMES {
            // Everybody listens: the barrier has said so.
            _ = round.frames.send(Arc::clone(&round.body));
        }
    }
    let mut seq = 0;
    Sse::new(frames.take(FRAMES).map(move |body| {
        seq += 1;
        Ok(Event::default().id(seq.to_string()).data(body.as_deref().unwrap_or_default()))
    }))
}

/// A body like those of the measured server's fan-out.
pub fn event_body() -> String {
    let body = r#"{"type":"node_update","seq":4711,"at":"2026-01-01T00:00:00.000Z","nodeId":"each","path":"loop[2355]","attempt":1,"status":"completed","output":{"n":2355},"durationMs":0}"#;
    body.to_owned()
}
