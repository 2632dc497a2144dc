//! Throughput: many callers trigger a chain of five in-process nodes and wait until it has completed.
//!
//! All callers learn of the end from one stream of the pod (`types=execution_complete`), as a program would that has many
//! executions in flight; a stream for each would measure connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinSet};

use super::{
    Bench,
    limits::{self, CALLERS},
    load::{Place, member},
    report::{Part, Wanted, median},
    server::Server,
};

/// How often limit and workload take turns: other work on the machine comes and goes.
const ROUNDS: u32 = 3;

/// start, three transforms, end.
pub fn definition() -> Value {
    let transform = |id: &str, from: &str| {
        let output = json!({ "order": "{{ input.order }}", "amount": format!("{{{{ {from}.amount + 1 }}}}") });
        json!({ "id": id, "type": "transform", "data": { "output": output } })
    };
    json!({
        "nodes": [
            { "id": "start", "type": "start" },
            transform("first", "input"),
            transform("second", "first"),
            transform("third", "second"),
            { "id": "end", "type": "end" },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "first" },
            { "id": "e2", "source": "first", "target": "second" },
            { "id": "e3", "source": "second", "target": "third" },
            { "id": "e4", "source": "third", "target": "end" },
        ],
    })
}

/// The input of [`definition`].
pub fn input() -> Value {
    json!({ "order": "A-1", "amount": 250 })
}

/// Executions that somebody waits for, and those whose end came before anybody asked.
#[derive(Clone, Default)]
pub struct Ends(Arc<Mutex<HashMap<String, Slot>>>);

enum Slot {
    Awaited(oneshot::Sender<Instant>),
    Seen(Instant),
}

impl Ends {
    /// Notes the end of an execution.
    fn seen(&self, execution: String, at: Instant) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.remove(&execution) {
            // A caller that has given up needs no word.
            Some(Slot::Awaited(caller)) => _ = caller.send(at),
            _ => _ = slots.insert(execution, Slot::Seen(at)),
        }
    }

    /// When the execution's end arrived.
    pub async fn wait(&self, execution: String) -> anyhow::Result<Instant> {
        let (caller, arrived) = oneshot::channel();
        {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Slot::Seen(at)) = slots.remove(&execution) {
                return Ok(at);
            }
            slots.insert(execution, Slot::Awaited(caller));
        }
        let arrived = tokio::time::timeout(Duration::from_secs(30), arrived).await;
        Ok(arrived.context("an execution did not complete in 30 s")??)
    }

    /// Follows the pod's stream and notes each end; runs until the set is dropped.
    pub async fn follow(server: &Server, tasks: &mut JoinSet<()>) -> anyhow::Result<Self> {
        let ends = Self::default();
        let path = server.path("events").replace("/events", "/events?types=execution_complete&fields=full");
        let mut stream = server.connect().await?.follow(&path).await?;
        // The stream's first words say that it is open: from here on nothing is missed.
        stream.frame().await?;
        let noted = ends.clone();
        tasks.spawn(async move {
            while let Ok(Some(frame)) = stream.frame().await {
                let at = Instant::now();
                if let Ok(execution) = member(&frame, "executionId", Place::Last) {
                    noted.seen(execution, at);
                }
            }
        });
        Ok(ends)
    }
}

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::new(
        "chain",
        format!("{CALLERS} callers trigger start → transform × 3 → end and wait for its completion on one pod stream"),
    );
    let server = Arc::new(Server::start(&bench.store).await?);
    let body: Arc<str> = server.workflow(definition(), input()).await?.into();
    let mut following = JoinSet::new();
    let ends = Ends::follow(&server, &mut following).await?;
    let round = bench.time / ROUNDS;
    callers(&server, &ends, &body, round / 4).await.context("warming up")?;

    let (mut inserts, mut requests, mut rates, mut processor) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 1..=ROUNDS {
        Bench::progress(&format!("chain: round {number} of {ROUNDS}"));
        inserts.push(bench.database.inserts(&bench.folder, round / 2).await?);
        requests.push(limits::requests(round / 2).await?);
        let used = server.processor_seconds().await?;
        let (executions, seconds) = callers(&server, &ends, &body, round).await?;
        rates.push(executions as f64 / seconds);
        processor.push((server.processor_seconds().await? - used) / executions as f64);
    }
    let tables = bench.database.rows(server.workspace.id).await?;
    let executions = tables.iter().find(|(table, _)| *table == "executions").map_or(1, |(_, rows)| *rows) as f64;
    let rows: f64 = tables.iter().map(|(_, rows)| *rows as f64 / executions).sum();

    let (rate, inserts) = (median(rates), median(inserts));
    part.number("executions", rate, "per second");
    part.number("rows of an execution", rows, "");
    part.number("rows", rate * rows, "per second");
    part.number("server's processor time", median(processor) * 1e6, "µs per execution");
    part.number("limit: bare rows", inserts, "per second");
    part.number("limit: bare axum requests", median(requests), "per second");
    part.target("rows / bare rows", 100.0 * rate * rows / inserts, Wanted::AtLeast, 50.0, "%");
    let counted: Vec<String> = tables
        .iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(table, rows)| format!("{table} {:.2}", *rows as f64 / executions))
        .collect();
    part.notes.push(format!("rows of an execution by table: {}; updates of rows are not counted", counted.join(", ")));
    following.shutdown().await;
    Arc::into_inner(server).context("a caller still holds the server")?.stop().await?;
    Ok(part)
}

/// Runs all callers for this long; answers how many executions completed, and in how many seconds.
async fn callers(server: &Arc<Server>, ends: &Ends, body: &Arc<str>, time: Duration) -> anyhow::Result<(u64, f64)> {
    let mut callers = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..CALLERS {
        connections.push(server.connect().await?);
    }
    let begun = Instant::now();
    for mut connection in connections {
        let (server, ends, body) = (Arc::clone(server), ends.clone(), Arc::clone(body));
        callers.spawn(async move {
            let mut completed = 0;
            while begun.elapsed() < time {
                let execution = server.trigger(&mut connection, &body).await?;
                ends.wait(execution).await?;
                completed += 1;
            }
            anyhow::Ok(completed)
        });
    }
    let mut completed = 0;
    while let Some(caller) = callers.join_next().await {
        completed += caller??;
    }
    Ok((completed, begun.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds() {
        let definition = serde_json::from_value(definition()).unwrap();
        assert!(crate::nodes::registry::validate(&definition).is_empty());
    }

    #[tokio::test]
    async fn an_end_is_found_whoever_is_first() {
        let ends = Ends::default();
        let at = Instant::now();
        ends.seen("early".to_owned(), at);
        assert_eq!(ends.wait("early".to_owned()).await.unwrap(), at);
        let waiting = ends.wait("late".to_owned());
        let (found, ()) = tokio::join!(waiting, async { ends.seen("late".to_owned(), at) });
        assert_eq!(found.unwrap(), at);
    }
}
