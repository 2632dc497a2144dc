//! The memory of a stream on which nothing happens.

use anyhow::Context;
use serde_json::json;

use super::{
    Bench, answer,
    report::{Part, Wanted},
    server::{HEARTBEAT, Server},
};

/// How many streams are opened, if the system lets us.
const STREAMS: usize = 5_000;
/// How many executions they are spread over.
const EXECUTIONS: usize = 100;
/// Descriptors that are needed for other things.
const OTHER_FILES: usize = 200;
/// A pause after the last heartbeat, until its memory is back.
const SETTLING: std::time::Duration = std::time::Duration::from_millis(1_500);

/// Measures it.
pub async fn run(bench: &Bench) -> anyhow::Result<Part> {
    let may_open = open_files_limit().unwrap_or(1024).saturating_sub(OTHER_FILES);
    let streams = STREAMS.min(may_open);
    let mut part = Part::new(
        "idle-streams",
        format!("{streams} open streams of {EXECUTIONS} suspended executions, one connection each"),
    );
    if streams < STREAMS {
        part.notes.push(format!("{STREAMS} were wanted, but `ulimit -n` allows only {streams}"));
    }
    let server = Server::start(&bench.store).await?;
    let body = server.workflow(answer::definition(), json!({ "order": "A-1" })).await?;
    let mut connection = server.connect().await?;
    let mut executions = Vec::new();
    for _ in 0..EXECUTIONS {
        let execution = server.trigger(&mut connection, &body).await?;
        server.follow(&execution).await?.frame_with("\"execution_suspended\"").await?;
        executions.push(execution);
    }
    tokio::time::sleep(SETTLING).await;
    let before = server.resident_bytes().await?;
    Bench::progress("idle-streams: opening");
    let (mut open, mut number) = (Vec::new(), 0);
    for execution in executions.iter().cycle().take(streams) {
        let mut stream = server.follow(execution).await?;
        stream.frame_with("\"execution_suspended\"").await?;
        open.push(stream);
        number += 1;
        if number % 1_000 == 0 {
            Bench::progress(&format!("idle-streams: {number} open"));
        }
    }
    Bench::progress("idle-streams: waiting for a heartbeat");
    tokio::time::sleep(HEARTBEAT).await;
    // The last one that was opened is also the last one that hears.
    let last = open.last_mut().context("no stream was opened")?;
    last.frame_with(": heartbeat").await?;
    tokio::time::sleep(SETTLING).await;
    let after = server.resident_bytes().await?;
    let each = after.saturating_sub(before) as f64 / streams as f64;
    part.number("memory before", before as f64 / f64::from(1 << 20), "MiB");
    part.number("memory after a heartbeat", after as f64 / f64::from(1 << 20), "MiB");
    part.target("memory of a stream", each / 1024.0, Wanted::AtMost, 20.0, "KiB");
    drop(open);
    server.stop().await?;
    Ok(part)
}

/// How many files this process may have open; the server inherits it.
fn open_files_limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
