//! The embedded database: a file, one server, one writer.

use std::{
    fs::{File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection, Either, Executor, Row, SqliteConnection,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::StreamExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{filter::Pattern, store::Hint};

use super::{
    OpenError,
    backend::{Backend, Blame, Cell, Column, Dialect, Purpose, Sql, Step},
    batch::{Batch, Rows},
    made::Made,
};

/// How long a writer waits for another process that writes (a `migrate` beside a server, a backup).
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages in the log at which the writer itself checkpoints: only when the checkpoint task can't keep up (about 64 MiB).
const WRITER_CHECKPOINT_PAGES: &str = "16384";
/// The rest of the checkpoint task between two rounds.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(250);
/// More than all statements of this store in all their lengths; of the combinations that [`Backend::at_once`] makes of them,
/// those used last stay prepared.
const STATEMENTS: usize = 400;

/// The backend for `sqlite:PATH`.
pub struct Sqlite {
    path: PathBuf,
    /// Held as long as the server runs; the operating system lets go of it even after `kill -9`.
    lock: Option<File>,
    combinations: Combinations,
    written: Arc<Notify>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The combinations of tables and lengths that [`Backend::at_once`] has seen. Each is a text of its own, and preparing it takes
/// longer than the trips that it saves: it is worth it for what comes again. Forgets some, which then have to come twice once more.
struct Combinations(Box<[AtomicU64]>);

impl Combinations {
    /// Up to so many rows there are few combinations.
    const FEW: usize = 32;

    fn new() -> Self {
        Self(std::iter::repeat_with(AtomicU64::default).take(512).collect())
    }

    fn is_worth_preparing(&self, steps: &[Step<'_>]) -> bool {
        if steps.iter().map(|step| step.rows.len()).sum::<usize>() <= Self::FEW {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        for step in steps {
            std::ptr::hash(step.batch, &mut hasher);
            step.batch.sqlite(step.rows.len()).for_each(|chunk| chunk.length.hash(&mut hasher));
        }
        let hash = hasher.finish();
        self.0[hash as usize % self.0.len()].swap(hash, Ordering::Relaxed) == hash
    }
}

impl Sqlite {
    /// A database file; `exclusive` keeps other servers out.
    pub fn new(path: &Path, exclusive: bool) -> Result<Self, OpenError> {
        let lock = if exclusive { Some(lock(path)?) } else { None };
        // An error is told by whoever opens it next, who says more.
        _ = create_private(path);
        let (written, stop, tasks) = (Arc::default(), CancellationToken::new(), TaskTracker::new());
        let combinations = Combinations::new();
        Ok(Self { path: path.to_owned(), lock, combinations, written, stop, tasks })
    }

    /// Starts moving what was written from the log into the database file, off the writer's path.
    pub fn start_checkpoints(&self) {
        let (path, written, stop) = (self.path.clone(), Arc::clone(&self.written), self.stop.clone());
        self.tasks.spawn(async move {
            let mut connection = None;
            while stop.run_until_cancelled(written.notified()).await.is_some() {
                if let Err(error) = checkpoint(&path, &mut connection).await {
                    tracing::warn!(%error, "could not checkpoint the database");
                    connection = None;
                }
                stop.run_until_cancelled(tokio::time::sleep(CHECKPOINT_PAUSE)).await;
            }
            if let Some(connection) = connection {
                Self::disconnect(connection).await;
            }
        });
    }

    /// How a connection that writes is opened.
    pub fn options(path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .pragma("wal_autocheckpoint", WRITER_CHECKPOINT_PAGES)
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-8192")
            .command_buffer_size(8)
            .thread_name(|id| format!("sqlite-{id}"))
    }
}

/// Makes the file for its owner alone if there is none: it holds what tenants work on. What SQLite keeps beside it is made like it.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let name = lock_of(path);
    let unusable = |reason: std::io::Error| OpenError::Unusable { path: name.clone(), reason };
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(reason)) => Err(unusable(reason)),
    }
}

/// Whether a server has an SQLite file for itself. Makes nothing, and keeps no other observer away.
pub(super) fn is_locked(path: &Path) -> bool {
    File::open(lock_of(path)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The file beside a database that its server locks.
fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// `PASSIVE` waits for nobody: neither the writer nor readers notice.
async fn checkpoint(path: &Path, connection: &mut Option<SqliteConnection>) -> Result<(), sqlx::Error> {
    if connection.is_none() {
        let options = Sqlite::options(path).pragma("wal_autocheckpoint", "0").pragma("cache_size", "-256");
        *connection = Some(SqliteConnection::connect_with(&options).await?);
    }
    if let Some(connection) = connection {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(connection).await?;
    }
    Ok(())
}

fn arguments(cells: impl IntoIterator<Item = Cell>) -> Result<SqliteArguments, sqlx::Error> {
    use sqlx::Arguments;
    let mut arguments = SqliteArguments::default();
    for cell in cells {
        match cell {
            Cell::Id(id) => arguments.add(id),
            Cell::Int(number) => arguments.add(number),
            Cell::Text(text) => arguments.add(text),
            Cell::Bytes(bytes) => arguments.add(bytes.as_deref()),
            Cell::Bool(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

impl Backend for Sqlite {
    type Connection = SqliteConnection;
    type Row = SqliteRow;

    /// The write lock at once: a transaction that reads first and then finds the lock taken can only fail.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    /// What is prepared for a row of each table is kept, and takes room.
    const AT_ONCE: usize = 1_024;
    /// Without statistics it would take the index of whatever is compared last.
    const UNINDEXED: &'static str = "+";

    async fn connect(&self, purpose: Purpose) -> Result<SqliteConnection, sqlx::Error> {
        let options = match purpose {
            Purpose::Write => Self::options(&self.path),
            Purpose::Read => SqliteConnectOptions::new()
                .filename(&self.path)
                .read_only(true)
                .busy_timeout(BUSY_TIMEOUT)
                .statement_cache_capacity(STATEMENTS)
                .pragma("cache_size", "-2048")
                .command_buffer_size(8)
                .thread_name(|id| format!("sqlite-{id}")),
        };
        SqliteConnection::connect_with(&options).await
    }

    async fn disconnect(connection: SqliteConnection) {
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "a database connection did not close in order");
        }
    }

    fn pick(dialect: Dialect) -> &'static str {
        dialect.sqlite
    }

    fn pattern(pattern: &Pattern) -> String {
        pattern.glob()
    }

    async fn control(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(sql).execute(connection).await.map(drop)
    }

    async fn execute(
        connection: &mut SqliteConnection,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<u64, sqlx::Error> {
        Ok(sqlx::query_with(sql, arguments(cells)?).execute(connection).await?.rows_affected())
    }

    async fn fetch_until(
        connection: &mut SqliteConnection,
        sql: Sql<'_>,
        cells: Vec<Cell>,
        mut enough: impl FnMut(&SqliteRow) -> bool + Send,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let arguments = arguments(cells)?;
        let query = match sql {
            Sql::Literal(text) => sqlx::query_with(text, arguments),
            Sql::Made(Made { text, kept }) => {
                sqlx::query_with(AssertSqlSafe(Arc::clone(text)), arguments).persistent(*kept)
            }
        };
        let mut stream = query.fetch(connection);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            let last = enough(&row);
            rows.push(row);
            if last {
                break;
            }
        }
        Ok(rows)
    }

    async fn batch(
        connection: &mut SqliteConnection,
        batch: &'static Batch,
        rows: &Rows,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let (mut answers, mut cells) = (Vec::new(), rows.cells());
        for chunk in batch.sqlite(rows.len()) {
            let mut parameters = Vec::new();
            batch.chunk(chunk, &mut cells, &mut parameters);
            let query = sqlx::query_with(chunk.sql, arguments(parameters)?);
            answers.extend(query.fetch_all(&mut *connection).await?);
        }
        Ok(answers)
    }

    /// Each statement is a trip to the connection's thread and back, which costs more than the statement; a text of many
    /// statements is one trip.
    async fn at_once(
        &self,
        connection: &mut SqliteConnection,
        steps: &[Step<'_>],
    ) -> Result<Option<Vec<i64>>, sqlx::Error> {
        if !self.combinations.is_worth_preparing(steps) {
            return Ok(None);
        }
        let (mut text, mut parameters) = (String::from("BEGIN IMMEDIATE;\n"), Vec::new());
        // How many statements there are up to the end of each step.
        let (mut ends, mut statements) = (Vec::with_capacity(steps.len()), 1);
        for step in steps {
            statements += step.batch.sqlite_text(&step.rows, step.every, &mut text, &mut parameters);
            ends.push(statements);
        }
        text.push_str("COMMIT");
        let Ok(arguments) = arguments(parameters) else { return Ok(None) };
        let (mut ids, mut done) = (Vec::with_capacity(steps.len()), 0);
        let failed = {
            let mut results = connection.fetch_many(sqlx::query_with(AssertSqlSafe(text), arguments));
            loop {
                match results.try_next().await {
                    // The end of a statement.
                    Ok(Some(Either::Left(result))) => {
                        done += 1;
                        if ends.get(ids.len()) == Some(&done) {
                            ids.push(result.last_insert_rowid());
                        }
                    }
                    Ok(Some(Either::Right(_))) => {}
                    Ok(None) => return Ok(Some(ids)),
                    Err(error) => break error,
                }
            }
        };
        // A commit that failed may be on the disk all the same.
        if done == statements || (done > 0 && Self::control(connection, "ROLLBACK").await.is_err()) {
            return Err(failed);
        }
        Ok(None)
    }

    fn text_bytes(row: &SqliteRow, index: usize) -> usize {
        row.try_get::<&str, _>(index).map_or(0, str::len)
    }

    fn get<T: Column>(row: &SqliteRow, index: usize) -> Result<T, sqlx::Error> {
        row.try_get(index)
    }

    fn blame(error: &sqlx::Error) -> Blame {
        match error {
            sqlx::Error::Encode(_) => Blame::Values,
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Blame::Connection,
            sqlx::Error::Database(error) => {
                // The low byte of an extended result code is the primary one.
                match error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
                    // TOOBIG, CONSTRAINT, MISMATCH, RANGE
                    Some(18 | 19 | 20 | 25) => Blame::Values,
                    // BUSY, LOCKED
                    Some(5 | 6) => Blame::Collision,
                    _ => Blame::Database,
                }
            }
            _ => Blame::Database,
        }
    }

    fn committed(&self) {
        self.written.notify_one();
    }

    async fn send_hints(&self, _: &[Hint]) -> Result<(), sqlx::Error> {
        Ok(())
    }

    async fn listen(&self) -> Result<Option<mpsc::Receiver<Hint>>, sqlx::Error> {
        Ok(None)
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(lock) = &self.lock
            && let Err(error) = lock.unlock()
        {
            tracing::warn!(%error, "could not unlock the database file");
        }
    }
}

/// How a new database would carry out a statement.
#[cfg(test)]
pub(super) async fn plan(sql: &str) -> Vec<String> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("a database in memory opens");
    super::migrations::OF_SQLITE.run_direct(None, &mut connection, false).await.expect("the migrations fit");
    let explain = sqlx::AssertSqlSafe(["EXPLAIN QUERY PLAN ", sql].concat());
    let steps = sqlx::query(explain).fetch_all(&mut connection).await.expect("the statement can be prepared");
    steps.iter().map(|step| step.get("detail")).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::store::sql::{backend::cells, batch::Kind};

    static INSERT: Batch = Batch::new(
        &[("id", Kind::Int), ("name", Kind::Text)],
        "INSERT INTO things (id, name) SELECT id, name FROM batch WHERE true ON CONFLICT (id) DO NOTHING RETURNING id",
    );

    fn rows(ids: std::ops::Range<i64>) -> Rows {
        let mut rows = Rows::default();
        for id in ids {
            rows.push(0, cells![id, (id % 2 == 0).then_some("even")]);
        }
        rows
    }

    fn step(ids: std::ops::Range<i64>) -> Step<'static> {
        Step { batch: &INSERT, rows: Cow::Owned(rows(ids)), every: true }
    }

    async fn things() -> (Sqlite, SqliteConnection) {
        let folder = tempfile::tempdir().unwrap();
        let backend = Sqlite::new(&folder.path().join("things.db"), false).unwrap();
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let table = "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT) STRICT";
        sqlx::query(table).execute(&mut connection).await.unwrap();
        (backend, connection)
    }

    async fn count(connection: &mut SqliteConnection) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM things").fetch_one(connection).await.unwrap()
    }

    #[tokio::test]
    async fn what_fills_a_list_up_is_no_row() {
        let (_, mut connection) = things().await;
        let mut begin = 0;
        for length in [1, 2, 3, 5, 17, 512, 513, 1_200] {
            let answers = Sqlite::batch(&mut connection, &INSERT, &rows(begin..begin + length)).await.unwrap();
            let ids: Vec<i64> = answers.iter().map(|row| row.get(0)).collect();
            assert_eq!(ids, (begin..begin + length).collect::<Vec<_>>());
            begin += length;
            assert_eq!(count(&mut connection).await, begin);
        }
    }

    #[tokio::test]
    async fn a_transaction_of_one_trip_is_written_whole_or_not_at_all() {
        let (backend, mut connection) = things().await;
        assert_eq!(backend.at_once(&mut connection, &[step(0..3), step(3..8)]).await.unwrap(), Some(vec![2, 7]));
        assert_eq!(count(&mut connection).await, 8);
        // One of the last rows is there already.
        assert_eq!(backend.at_once(&mut connection, &[step(8..10), step(5..9)]).await.unwrap(), None);
        assert_eq!(count(&mut connection).await, 8);
        let whole = backend.at_once(&mut connection, &[step(8..9), step(9..10)]).await.unwrap();
        assert_eq!(whole, Some(vec![8, 9]));
    }

    #[tokio::test]
    async fn a_combination_with_many_rows_is_prepared_once_it_comes_again() {
        let (backend, mut connection) = things().await;
        assert_eq!(backend.at_once(&mut connection, &[step(0..40), step(40..41)]).await.unwrap(), None);
        assert_eq!(backend.at_once(&mut connection, &[step(0..41)]).await.unwrap(), None);
        let whole = backend.at_once(&mut connection, &[step(0..35), step(35..36)]).await.unwrap();
        assert_eq!(whole, Some(vec![34, 35]));
        assert_eq!(count(&mut connection).await, 36);
    }
}
