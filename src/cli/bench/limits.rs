//! What the machine can do at most, measured in the same run and next to the workload it is compared with: flushes of the disk,
//! bare transactions and bare inserts through the same driver, bare axum over the same loopback.

use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::Context;
use hyper::Method;
use sqlx::{
    Connection as _, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    bare::{FRAMES, SUBSCRIBERS},
    load::Connection,
    report::median,
    server::BareServer,
};

/// How many rows a transaction of bare inserts has.
const ROWS: usize = 256;
/// How many of them belong to one execution.
const ROWS_PER_EXECUTION: usize = 16;
/// Rows of one `VALUES` list, as long as the store's longest.
const VALUES: usize = 128;
/// Connections to the bare HTTP server.
pub const CALLERS: usize = 64;

/// The database that is measured, seen beside the server.
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL.
    Postgres(String),
}

/// A connection of our own for bare statements, with a table of its own that goes with it.
enum Bare {
    Sqlite(SqliteConnection, PathBuf),
    Postgres(PgConnection, String),
}

/// Microseconds of a flush, of both kinds.
#[derive(Clone, Copy, Debug)]
pub struct Flushes {
    /// `fdatasync` of an appended 4 KiB block in the data folder, median.
    pub disk_s: f64,
    /// A transaction of one row through the driver, median.
    pub transaction_s: f64,
}

impl Database {
    /// By the server's setting.
    pub fn new(store: &str) -> anyhow::Result<Self> {
        if let Some(path) = store.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
        } else {
            anyhow::ensure!(store.starts_with("postgres"), "--store must be `sqlite:PATH` or `postgres://...`");
            Ok(Self::Postgres(store.to_owned()))
        }
    }

    /// Its name and version.
    pub async fn version(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Sqlite(_) => {
                let mut memory = SqliteConnection::connect("sqlite::memory:").await?;
                let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut memory).await?;
                format!("SQLite {version}")
            }
            Self::Postgres(url) => {
                let mut connection = postgres(url).await?;
                let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?;
                format!("PostgreSQL {version}")
            }
        })
    }

    /// How many rows of a workspace each table holds.
    pub async fn rows(&self, workspace: Uuid) -> anyhow::Result<Vec<(&'static str, i64)>> {
        const COUNTS: [(&str, &str); 7] = [
            ("executions", "SELECT count(*) FROM executions WHERE workspace_id = $1"),
            ("events", "SELECT count(*) FROM events WHERE workspace_id = $1"),
            ("feed", "SELECT count(*) FROM feed WHERE workspace_id = $1"),
            ("suspensions", "SELECT count(*) FROM suspensions WHERE workspace_id = $1"),
            ("snapshots", "SELECT count(*) FROM snapshots WHERE workspace_id = $1"),
            ("timers", "SELECT count(*) FROM timers WHERE workspace_id = $1"),
            ("queue", "SELECT count(*) FROM queue WHERE workspace_id = $1"),
        ];
        let mut counts = Vec::new();
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                let mut connection = SqliteConnection::connect_with(&options).await?;
                for (table, sql) in COUNTS {
                    counts.push((table, sqlx::query_scalar(sql).bind(workspace).fetch_one(&mut connection).await?));
                }
            }
            Self::Postgres(url) => {
                let mut connection = postgres(url).await?;
                for (table, sql) in COUNTS {
                    counts.push((table, sqlx::query_scalar(sql).bind(workspace).fetch_one(&mut connection).await?));
                }
            }
        }
        Ok(counts)
    }

    async fn bare(&self, folder: &Path) -> anyhow::Result<Bare> {
        match self {
            Self::Sqlite(_) => {
                let path = folder.join(format!("limits-{}.db", Uuid::new_v4().simple()));
                // As the store opens its own.
                let options = SqliteConnectOptions::new()
                    .filename(&path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("wal_autocheckpoint", "16384")
                    .pragma("temp_store", "memory")
                    .pragma("cache_size", "-8192");
                let mut connection = SqliteConnection::connect_with(&options).await?;
                sqlx::query(
                    "CREATE TABLE rows (workspace_id BLOB NOT NULL, execution_id BLOB NOT NULL, seq INTEGER NOT NULL,
                         body TEXT NOT NULL, PRIMARY KEY (workspace_id, execution_id, seq)) STRICT, WITHOUT ROWID",
                )
                .execute(&mut connection)
                .await?;
                Ok(Bare::Sqlite(connection, path))
            }
            Self::Postgres(url) => {
                let mut connection = postgres(url).await?;
                let table = format!("bench_{}", Uuid::new_v4().simple());
                let create = format!(
                    "CREATE TABLE {table} (workspace_id uuid NOT NULL, execution_id uuid NOT NULL, seq bigint NOT NULL,
                         body text NOT NULL, PRIMARY KEY (workspace_id, execution_id, seq))"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await?;
                Ok(Bare::Postgres(connection, table))
            }
        }
    }

    /// The median flush, both kinds, each measured for this long.
    pub async fn flushes(&self, folder: &Path, time: Duration) -> anyhow::Result<Flushes> {
        let disk_s = disk_flush(folder, time).await?;
        let mut bare = self.bare(folder).await?;
        let workspace = Uuid::new_v4();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < time {
            let flush = Instant::now();
            bare.insert_one(workspace, times.len() as i64).await?;
            times.push(flush.elapsed().as_secs_f64());
        }
        bare.end().await?;
        Ok(Flushes { disk_s, transaction_s: median(times) })
    }

    /// Rows per second of bare inserts.
    pub async fn inserts(&self, folder: &Path, time: Duration) -> anyhow::Result<f64> {
        let mut bare = self.bare(folder).await?;
        let body = super::bare::event_body();
        let workspace = Uuid::new_v4();
        let mut executions = 0_u128;
        // Growing, as the ids of executions are.
        let mut rows = || {
            let mut rows = Vec::with_capacity(ROWS);
            while rows.len() < ROWS {
                executions += 1;
                let execution = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + (executions << 64));
                rows.extend((1..=ROWS_PER_EXECUTION as i64).map(|seq| (execution, seq)));
            }
            rows
        };
        // Once before the clock runs: the statements are prepared.
        bare.insert_many(workspace, &rows(), &body).await?;
        let (begun, mut inserted) = (Instant::now(), 0);
        while begun.elapsed() < time {
            bare.insert_many(workspace, &rows(), &body).await?;
            inserted += ROWS;
        }
        let per_second = inserted as f64 / begun.elapsed().as_secs_f64();
        bare.end().await?;
        Ok(per_second)
    }
}

async fn postgres(url: &str) -> anyhow::Result<PgConnection> {
    let options = sqlx::postgres::PgConnectOptions::from_str(url).context("--store")?;
    PgConnection::connect_with(&options).await.context("the database of --store")
}

impl Bare {
    async fn insert_one(&mut self, workspace: Uuid, seq: i64) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection, _) => {
                let sql = "INSERT INTO rows (workspace_id, execution_id, seq, body) VALUES (?, ?, ?, ?)";
                let insert = sqlx::query(sql).bind(workspace).bind(workspace).bind(seq).bind("{}");
                insert.execute(connection).await?;
            }
            Self::Postgres(connection, table) => {
                let sql =
                    format!("INSERT INTO {table} (workspace_id, execution_id, seq, body) VALUES ($1, $2, $3, $4)");
                let insert = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(workspace).bind(seq).bind("{}");
                insert.execute(connection).await?;
            }
        }
        Ok(())
    }

    /// By the same technique as the store: `VALUES` lists on SQLite, arrays on PostgreSQL.
    async fn insert_many(&mut self, workspace: Uuid, rows: &[(Uuid, i64)], body: &str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection, _) => {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
                for chunk in rows.chunks(VALUES) {
                    let mut sql = "WITH batch (workspace_id, execution_id, seq, body) AS (VALUES ".to_owned();
                    for index in 0..chunk.len() {
                        sql.push_str(if index == 0 { "(?, ?, ?, ?)" } else { ", (?, ?, ?, ?)" });
                    }
                    write!(
                        sql,
                        ") INSERT INTO rows (workspace_id, execution_id, seq, body) SELECT workspace_id, execution_id, seq, body FROM batch WHERE true"
                    )?;
                    let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql));
                    for (execution, seq) in chunk {
                        insert = insert.bind(workspace).bind(*execution).bind(*seq).bind(body);
                    }
                    insert.execute(&mut *connection).await?;
                }
                sqlx::query("COMMIT").execute(connection).await?;
            }
            Self::Postgres(connection, table) => {
                let sql = format!(
                    "INSERT INTO {table} (workspace_id, execution_id, seq, body)
                     SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::text[])"
                );
                let (executions, seqs): (Vec<Uuid>, Vec<i64>) = rows.iter().copied().unzip();
                let insert = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(vec![workspace; rows.len()])
                    .bind(executions)
                    .bind(seqs)
                    .bind(vec![body; rows.len()]);
                insert.execute(connection).await?;
            }
        }
        Ok(())
    }

    async fn end(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection, path) => {
                connection.close().await?;
                std::fs::remove_file(path)?;
            }
            Self::Postgres(mut connection, table) => {
                sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TABLE {table}"))).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

/// Seconds of an `fdatasync` after a block was appended.
async fn disk_flush(folder: &Path, time: Duration) -> anyhow::Result<f64> {
    let path = folder.join(format!("limits-{}.block", Uuid::new_v4().simple()));
    let measured = tokio::task::spawn_blocking(move || -> std::io::Result<f64> {
        let mut file = File::create_new(&path)?;
        let block = [7; 4096];
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < time {
            let flush = Instant::now();
            file.write_all(&block)?;
            file.sync_data()?;
            times.push(flush.elapsed().as_secs_f64());
        }
        std::fs::remove_file(&path)?;
        Ok(median(times))
    });
    measured.await?.context("flushing a file in the data folder")
}

/// Requests per second of a bare handler that echoes JSON.
pub async fn requests(time: Duration) -> anyhow::Result<f64> {
    let server = BareServer::start().await?;
    let body = super::bare::event_body();
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CALLERS {
        let (mut connection, body) = (Connection::open(server.address, "").await?, body.clone());
        callers.spawn(async move {
            let mut requests = 0;
            while begun.elapsed() < time {
                connection.call(Method::POST, "/echo", body.clone()).await?;
                requests += 1;
            }
            anyhow::Ok(requests)
        });
    }
    let mut requests = 0;
    while let Some(made) = callers.join_next().await {
        requests += made??;
    }
    Ok(f64::from(requests) / begun.elapsed().as_secs_f64())
}

/// Frames per second of a broadcast to all subscribers, over [`FRAMES`] frames each.
pub async fn fan_out() -> anyhow::Result<f64> {
    let server = BareServer::start().await?;
    let mut subscribers = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..SUBSCRIBERS {
        connections.push(Connection::open(server.address, "").await?);
    }
    let begun = Instant::now();
    for connection in connections {
        subscribers.spawn(async move { connection.follow("/events").await?.count_events(FRAMES).await });
    }
    let mut frames = 0;
    while let Some(counted) = subscribers.join_next().await {
        frames += counted??;
    }
    Ok(frames as f64 / begun.elapsed().as_secs_f64())
}
