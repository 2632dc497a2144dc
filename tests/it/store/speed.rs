//! What a commit costs, measured by hand on a release build:
//! `cargo test --release --test it -- --ignored --nocapture store::speed`. The numbers of record are in
//! `docs/decisions/0002-one-sql-text-for-two-databases.md`.

use std::time::Instant as Stopwatch;

use sluicegate::{
    domain::{execution::ExecutionStatus, ids::InstanceId},
    store::commit::{Commit, EventRow, ExecutionWrite, QueueRow},
};

use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

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

/// The ways to bring many rows into SQLite through sqlx, in transactions of 1,536 events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ways_to_insert_on_sqlite() {
    const ROWS: usize = 1536;
    const TIMES: usize = 20;
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("ways.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let table = "CREATE TABLE events (workspace_id BLOB, execution_id BLOB, seq INTEGER, body TEXT,
                 PRIMARY KEY (workspace_id, execution_id, seq)) STRICT, WITHOUT ROWID";
    connection.execute(table).await.unwrap();
    let workspace = Uuid::from_u128(7);
    let mut next = 0_u128;
    let mut rows = || {
        let rows: Vec<(Uuid, i64, String)> = (0..ROWS)
            .map(|row| (Uuid::from_u128(next + row as u128 / 6), row as i64 % 6, body(row as i64).body))
            .collect();
        next += ROWS as u128;
        rows
    };
    for way in ["json_each", "VALUES by 1", "VALUES ? by 128", "VALUES $n by 128"] {
        let mut seconds = 0.0;
        for _ in 0..TIMES {
            let rows = rows();
            let watch = Stopwatch::now();
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            if way == "json_each" {
                let json: Vec<_> = rows
                    .iter()
                    .map(|(id, seq, body)| (workspace.simple().to_string(), id.simple().to_string(), seq, body))
                    .collect();
                let sql = "INSERT INTO events SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3
                           FROM json_each($1)";
                let json = serde_json::to_string(&json).unwrap();
                sqlx::query(sql).bind(json).execute(&mut connection).await.unwrap();
            } else {
                let size = if way.ends_with('1') { 1 } else { 128 };
                let row = |row: usize| {
                    let parameter = |column: usize| {
                        if way.contains('$') { format!("${}", row * 4 + column) } else { "?".to_owned() }
                    };
                    format!("({}, {}, {}, {})", parameter(1), parameter(2), parameter(3), parameter(4))
                };
                let sql = format!("INSERT INTO events VALUES {}", (0..size).map(row).collect::<Vec<_>>().join(", "));
                for chunk in rows.chunks(size) {
                    let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
                    for (id, seq, body) in chunk {
                        query = query.bind(workspace).bind(id).bind(seq).bind(body);
                    }
                    query.execute(&mut connection).await.unwrap();
                }
            }
            connection.execute("COMMIT").await.unwrap();
            seconds += watch.elapsed().as_secs_f64();
        }
        eprintln!("{way:18} {:9.0} rows/s", (ROWS * TIMES) as f64 / seconds);
    }
}
