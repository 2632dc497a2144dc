//! What an idle server costs: the time until it is ready, its memory, the size of the program.

use std::time::Duration;

use super::{
    Bench,
    report::{Part, Wanted, median},
    server::{Server, Workspace},
};

/// How often it is started.
const STARTS: usize = 5;
/// How long it is left alone before its memory is read: the allocator gives what the start has needed back after ten seconds.
const SETTLING: Duration = Duration::from_secs(12);

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::new("idle-server", format!("{STARTS} starts on a prepared database, nothing else"));
    let workspace = Workspace::make(&bench.store).await?;
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for number in 1..=STARTS {
        Bench::progress(&format!("idle-server: start {number} of {STARTS}"));
        let server = Server::start_in(&bench.store, workspace.clone(), &[]).await?;
        ready.push(server.ready_after.as_secs_f64() * 1e3);
        tokio::time::sleep(SETTLING).await;
        resident.push(server.resident_bytes().await? as f64 / f64::from(1 << 20));
        server.stop().await?;
    }
    let size = std::fs::metadata(std::env::current_exe()?)?.len();
    part.target("memory", median(resident), Wanted::AtMost, 40.0, "MiB");
    part.target("from its start to ready", median(ready), Wanted::AtMost, 300.0, "ms");
    part.number("size of the program", size as f64 / f64::from(1 << 20), "MiB");
    Ok(part)
}
