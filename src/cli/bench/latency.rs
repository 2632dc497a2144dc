//! Latency: one caller on an idle server, from the trigger to the completed event.

use std::time::Instant;

use tokio::task::JoinSet;

use super::{
    Bench,
    chain::{self, Ends},
    report::{Part, Wanted},
    server::Server,
};

/// Not counted: statements are prepared, memory is there.
const WARM_UP: usize = 50;

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part =
        Part::new("latency", "one caller: from the trigger of the chain to its completed event on a pod stream");
    let server = Server::start(&bench.store).await?;
    let body = server.workflow(chain::definition(), chain::input()).await?;
    let mut following = JoinSet::new();
    let ends = Ends::follow(&server, &mut following).await?;
    let mut connection = server.connect().await?;
    for _ in 0..WARM_UP {
        let execution = server.trigger(&mut connection, &body).await?;
        ends.wait(execution).await?;
    }
    let before = bench.flushes().await?;
    Bench::progress("latency: triggering");
    let (begun, mut seconds) = (Instant::now(), Vec::new());
    while begun.elapsed() < bench.time / 2 {
        let triggered = Instant::now();
        let execution = server.trigger(&mut connection, &body).await?;
        let completed = ends.wait(execution).await?;
        seconds.push(completed.duration_since(triggered).as_secs_f64());
    }
    let after = bench.flushes().await?;
    let p50 = part.latencies(seconds);
    Bench::in_flushes(&mut part, p50, [before, after], Wanted::AtMost, 3.0);
    following.shutdown().await;
    server.stop().await?;
    Ok(part)
}
