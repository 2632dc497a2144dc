//! Fan-out: many subscribers to one long execution, while it runs and after it has ended.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Bench,
    bare::{FRAMES, SUBSCRIBERS},
    limits,
    load::EventStream,
    report::{Part, Wanted, median},
    server::Server,
};

/// How often limit and workload take turns.
const ROUNDS: usize = 3;

/// A gate, so that everybody can subscribe first; then a loop whose body has two events for each item.
fn definition() -> Value {
    json!({
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "gate", "type": "approval-gate", "data": { "message": "Is everybody there?" } },
            { "id": "loop", "type": "loop", "data": { "items": "input.items", "maxIterations": FRAMES } },
            { "id": "each", "parentId": "loop", "type": "transform", "data": { "output": { "n": "{{ item }}" } } },
            { "id": "end", "type": "end", "data": { "output": {} } },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "gate" },
            { "id": "e2", "source": "gate", "target": "loop", "sourceHandle": "approved" },
            { "id": "e3", "source": "loop", "target": "end" },
        ],
    })
}

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::new(
        "fan-out",
        format!("{SUBSCRIBERS} subscribers to one execution of about {FRAMES} events: live, and from its stored log"),
    );
    let server = Server::start(&bench.store).await?;
    let items: Vec<usize> = (0..FRAMES / 2).collect();
    let body = server.workflow(definition(), json!({ "items": items })).await?;
    let (mut bare, mut live, mut stored, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut events = 0;
    for number in 1..=ROUNDS {
        Bench::progress(&format!("fan-out: round {number} of {ROUNDS}"));
        bare.push(limits::fan_out().await?);
        // With one subscriber first: how fast the execution itself makes its events.
        let (_, seconds) = round(&server, &body, 1).await?;
        alone.push(seconds);
        let (execution, seconds) = round(&server, &body, SUBSCRIBERS).await?;
        events = execution.events;
        live.push((events * SUBSCRIBERS) as f64 / seconds);
        let begun = Instant::now();
        let mut streams = JoinSet::new();
        for _ in 0..SUBSCRIBERS {
            let mut stream = server.follow(&execution.id).await?;
            streams.spawn(async move { stream.count_events(usize::MAX).await });
        }
        let counted = read_all(streams).await?;
        stored.push(counted as f64 / begun.elapsed().as_secs_f64());
    }
    let (bare, live, stored) = (median(bare), median(live), median(stored));
    part.number("events of the execution", events as f64, "");
    part.number("run with one subscriber", median(alone), "s");
    part.number("live frames", live, "per second");
    part.number("stored frames", stored, "per second");
    part.number("limit: bare axum frames", bare, "per second");
    part.target("live frames / bare frames", 100.0 * live / bare, Wanted::AtLeast, 50.0, "%");
    part.target("stored frames / bare frames", 100.0 * stored / bare, Wanted::AtLeast, 50.0, "%");
    part.notes
        .push("live includes running and storing the execution; the bare server only repeats one text".to_owned());
    server.stop().await?;
    Ok(part)
}

struct Execution {
    id: String,
    events: usize,
}

/// Runs the execution under the eyes of this many subscribers; the seconds from the approval to the last frame.
async fn round(server: &Server, body: &str, subscribers: usize) -> anyhow::Result<(Execution, f64)> {
    let mut connection = server.connect().await?;
    let id = server.trigger(&mut connection, body).await?;
    let mut waiting: Vec<EventStream> = Vec::new();
    for _ in 0..subscribers {
        let mut stream = server.follow(&id).await?;
        stream.frame_with("\"execution_suspended\"").await?;
        waiting.push(stream);
    }
    let begun = Instant::now();
    let mut streams = JoinSet::new();
    for mut stream in waiting {
        streams.spawn(async move { stream.count_events(usize::MAX).await });
    }
    connection.call(Method::PATCH, &server.path(&format!("executions/{id}/approve")), "").await?;
    let counted = read_all(streams).await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(counted.is_multiple_of(subscribers), "the subscribers did not all see the same: {counted} frames");
    Ok((Execution { id, events: counted / subscribers }, seconds))
}

async fn read_all(mut streams: JoinSet<anyhow::Result<usize>>) -> anyhow::Result<usize> {
    let all = async {
        let mut frames = 0;
        while let Some(counted) = streams.join_next().await {
            frames += counted??;
        }
        anyhow::Ok(frames)
    };
    tokio::time::timeout(Duration::from_mins(2), all).await.context("a stream did not end in two minutes")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds() {
        let definition = serde_json::from_value(definition()).unwrap();
        assert!(crate::nodes::registry::validate(&definition).is_empty());
    }
}
