//! Latency of a person's answer: from the approval to the completed event of the next node, on a stream that was open before.

use std::time::Instant;

use anyhow::Context;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Bench,
    load::Connection,
    report::{Part, Wanted},
    server::Server,
};

/// Not counted: statements are prepared, memory is there.
const WARM_UP: usize = 20;

/// A gate between the start and one more node.
pub fn definition() -> Value {
    json!({
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "gate", "type": "approval-gate", "data": { "message": "Go on with {{ input.order }}?" } },
            { "id": "next", "type": "transform", "data": { "output": { "order": "{{ input.order }}" } } },
            { "id": "end", "type": "end" },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "gate" },
            { "id": "e2", "source": "gate", "target": "next", "sourceHandle": "approved" },
            { "id": "e3", "source": "next", "target": "end" },
        ],
    })
}

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::new(
        "answer",
        "from an approval to the completed event of the next node, on a stream that was open before",
    );
    let server = Server::start(&bench.store).await?;
    let body = server.workflow(definition(), json!({ "order": "A-1" })).await?;
    let mut connection = server.connect().await?;
    for _ in 0..WARM_UP {
        answer(&server, &mut connection, &body).await?;
    }
    let before = bench.flushes().await?;
    Bench::progress("answer: approving");
    let (begun, mut seconds) = (Instant::now(), Vec::new());
    while begun.elapsed() < bench.time / 2 {
        seconds.push(answer(&server, &mut connection, &body).await?);
    }
    let after = bench.flushes().await?;
    let p50 = part.latencies(seconds);
    Bench::in_flushes(&mut part, p50, [before, after], Wanted::AtMost, 3.0);
    server.stop().await?;
    Ok(part)
}

/// Brings an execution to its gate, answers it, and answers in how many seconds the next node had completed.
async fn answer(server: &Server, connection: &mut Connection, body: &str) -> anyhow::Result<f64> {
    let execution = server.trigger(connection, body).await?;
    let mut stream = server.follow(&execution).await?;
    stream.frame_with("\"execution_suspended\"").await?;
    let path = server.path(&format!("executions/{execution}/approve"));
    let answered = Instant::now();
    let seen = async {
        loop {
            let frame = stream.frame_with("\"nodeId\":\"next\"").await?;
            if frame.windows(11).any(|window| window == b"\"completed\"") {
                return anyhow::Ok(answered.elapsed().as_secs_f64());
            }
        }
    };
    let (reply, seconds) = tokio::join!(connection.call(Method::PATCH, &path, ""), seen);
    reply.context("approving")?;
    seconds
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
