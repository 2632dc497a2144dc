//! Latency of a task: from the moment in which it is ready to the hands of a worker that waits for it. It is ready when the commit
//! that queues it is durable, which the reply to the trigger says. With the way of the trigger itself, from before it is sent: told,
//! too.

use std::time::Instant;

use anyhow::{Context, ensure};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Bench,
    load::Connection,
    report::{Part, Wanted, median},
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
        task(&server, &mut caller, &mut worker, &body, &mut Taken::default()).await?;
    }
    let before = bench.flushes().await?;
    Bench::progress("task: triggering");
    let (begun, mut taken) = (Instant::now(), Taken::default());
    while begun.elapsed() < bench.time / 2 {
        task(&server, &mut caller, &mut worker, &body, &mut taken).await?;
    }
    let after = bench.flushes().await?;
    let p50 = part.latencies(taken.from_ready);
    Bench::in_flushes(&mut part, p50, [before, after], Wanted::AtMost, 2.0);
    part.number("from the sending of the trigger, p50", median(taken.from_trigger) * 1e3, "ms");
    part.number("result to the reply, p50", median(taken.to_reply) * 1e3, "ms");
    server.stop().await?;
    Ok(part)
}

/// Durations in seconds, one of each per task.
#[derive(Default)]
struct Taken {
    /// From the trigger's reply to the worker. Below zero where the worker's reply came first.
    from_ready: Vec<f64>,
    from_trigger: Vec<f64>,
    /// From the result to its reply.
    to_reply: Vec<f64>,
}

/// Triggers an execution while a worker waits, and has it done.
async fn task(
    server: &Server,
    caller: &mut Connection,
    worker: &mut Connection,
    body: &str,
    taken: &mut Taken,
) -> anyhow::Result<()> {
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
        anyhow::Ok((at, Instant::now()))
    };
    let (polled, triggered) = tokio::join!(poll, trigger);
    let ((arrived, reply), (triggered, ready)) = (polled?, triggered?);
    let task = &reply["tasks"][0];
    ensure!(task["leaseToken"].is_string(), "no task came: {reply}");
    let door = server.path(&format!("tasks/{}/complete", task["taskId"].as_str().unwrap_or_default()));
    let result = json!({ "leaseToken": task["leaseToken"], "output": 1 }).to_string();
    let begun = Instant::now();
    worker.call(Method::POST, &door, result).await.context("completing")?;
    taken.to_reply.push(begun.elapsed().as_secs_f64());
    taken.from_trigger.push((arrived - triggered).as_secs_f64());
    let early = ready.saturating_duration_since(arrived).as_secs_f64();
    taken.from_ready.push(arrived.saturating_duration_since(ready).as_secs_f64() - early);
    Ok(())
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
