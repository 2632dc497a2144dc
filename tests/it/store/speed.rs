//! What a commit costs, measured by hand on a release build:
//! `cargo test --release --test it -- --ignored --nocapture store::speed`. The numbers of record are in
//! `docs/decisions/0002-one-sql-text-for-two-databases.md`.

use std::time::Instant as Stopwatch;

use sluicegate::{
    domain::{execution::ExecutionStatus, ids::InstanceId},
    store::commit::{Commit, EventRow, ExecutionWrite, QueueRow},
};

use super::fixture::{Fixture, START, append_as, create};

/// About the length of a `node_update`.
fn body(seq: i64) -> EventRow {
    let body = format!(
        r#"{{"type":"node_update","seq":{seq},"at":"2027-01-15T08:00:00.000Z","nodeId":"fetch-customer","attempt":1,"status":"completed","output":{{"status":200,"headers":{{"content-type":"application/json"}},"body":{{"id":"c_81723","name":"Åsa \"Ö\" Öberg","tags":["a","b","c"],"total":1234.5}}}},"durationMs":12}}"#
    );
    EventRow { seq, feed: None, body }
}

async fn measure(fixture: Fixture, name: &str) {
    for size in [1, 16, 256] {
        let members = if size == 1 { 500 } else { 8192 };
        let executions: Vec<_> = (0..members).map(|_| fixture.execution()).collect();
        let creates: Vec<Commit> = executions
            .iter()
            .map(|execution| Commit { queue: Some(QueueRow { priority: 0, queued_at: START }), ..create(execution) })
            .collect();
        report(name, "create", size, run(&fixture, &creates, size).await, members);

        let driver: InstanceId = fixture.id();
        let watch = Stopwatch::now();
        while !fixture.store.claim(driver, size.max(16) as i64).await.unwrap().is_empty() {}
        report(name, "claim", size.max(16), watch.elapsed().as_secs_f64(), members);

        let appends: Vec<Commit> = executions
            .iter()
            .map(|execution| {
                let mut commit = append_as(execution, 1, Some(driver), None, ExecutionStatus::Completed);
                commit.events = (2..=7).map(body).collect();
                commit.events[5].feed = Some("execution_complete");
                if let ExecutionWrite::Append { progress, .. } = &mut commit.write {
                    progress.last_seq = 7;
                }
                commit
            })
            .collect();
        report(name, "append 6 events", size, run(&fixture, &appends, size).await, members);
    }
}

async fn run(fixture: &Fixture, commits: &[Commit], size: usize) -> f64 {
    let watch = Stopwatch::now();
    for batch in commits.chunks(size) {
        assert!(fixture.store.commit(batch).await.unwrap().iter().all(Result::is_ok));
    }
    watch.elapsed().as_secs_f64()
}

fn report(name: &str, what: &str, size: usize, seconds: f64, members: usize) {
    let batches = members.div_ceil(size) as f64;
    eprintln!(
        "{name:8} {what:16} batches of {size:3}: {:9.0} members/s, {:7.2} ms per batch",
        members as f64 / seconds,
        seconds * 1000.0 / batches
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn commits_on_sqlite() {
    measure(Fixture::sqlite().await, "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn commits_on_postgres() {
    measure(Fixture::postgres().await, "postgres").await;
}
