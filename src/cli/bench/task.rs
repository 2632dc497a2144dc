//! Latency of a task: from the trigger of a workflow that begins with one to the task in the hands of a worker that waits for it.

use std::time::Instant;

use anyhow::{Context, ensure};
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

/// One task between start and end.
pub fn definition() -> Value {
    json!({
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "work", "type": "task", "data": { "queue": "bench" } },
            { "id": "end", "type": "end" },
        ],
        "edges": [{ "id": "e1", "source": "start", "target": "work" }, { "id": "e2", "source": "work", "target": "end" }],
    })
}

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part =
        Part::new("task", "from a trigger to its task in the hands of a worker that waits, and from there to the end");
    let server = Server::start(&bench.store).await?;
    let body = server.workflow(definition(), json!({ "order": "A-1" })).await?;
    let (mut caller, mut worker) = (server.connect().await?, server.connect().await?);
    for _ in 0..WARM_UP {
        task(&server, &mut caller, &mut worker, &body).await?;
    }
    let before = bench.flushes().await?;
    Bench::progress("task: triggering");
    let (begun, mut taken, mut done) = (Instant::now(), Vec::new(), Vec::new());
    while begun.elapsed() < bench.time / 2 {
        let (to_worker, to_end) = task(&server, &mut caller, &mut worker, &body).await?;
        taken.push(to_worker);
        done.push(to_end);
    }
    let after = bench.flushes().await?;
    done.sort_by(f64::total_cmp);
    let p50 = part.latencies(taken);
    Bench::in_flushes(&mut part, p50, [before, after], Wanted::AtMost, 2.0);
    part.number("result to the reply, p50", done[done.len() / 2] * 1e3, "ms");
    server.stop().await?;
    Ok(part)
}

/// Triggers an execution while a worker waits, and has it done: in how many seconds the worker had it, and then how long the
/// result took.
async fn task(
    server: &Server,
    caller: &mut Connection,
    worker: &mut Connection,
    body: &str,
) -> anyhow::Result<(f64, f64)> {
    let lease = server.path("tasks/lease");
    let wish = json!({ "queues": ["bench"], "workerId": "bench", "waitSeconds": 20 }).to_string();
    let poll = async {
        let reply = worker.call(Method::POST, &lease, wish).await.context("leasing")?;
        anyhow::Ok((Instant::now(), serde_json::from_slice::<Value>(&reply)?))
    };
    let trigger = async {
        // The worker waits by the time that its queue is shown.
        let queues = server.path("task-queues");
        while caller.call(Method::GET, &queues, "").await?.len() <= 2 {}
        let at = Instant::now();
        server.trigger(caller, body).await.context("triggering")?;
        anyhow::Ok(at)
    };
    let (polled, triggered) = tokio::join!(poll, trigger);
    let ((arrived, reply), triggered) = (polled?, triggered?);
    let task = &reply["tasks"][0];
    ensure!(task["leaseToken"].is_string(), "no task came: {reply}");
    let door = server.path(&format!("tasks/{}/complete", task["taskId"].as_str().unwrap_or_default()));
    let result = json!({ "leaseToken": task["leaseToken"], "output": 1 }).to_string();
    let begun = Instant::now();
    worker.call(Method::POST, &door, result).await.context("completing")?;
    Ok(((arrived - triggered).as_secs_f64(), begun.elapsed().as_secs_f64()))
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
