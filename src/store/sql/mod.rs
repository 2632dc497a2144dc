//! The one implementation of the store: SQL that both databases read, over a small backend for each.
//!
//! [`SqlStore`] keeps the connections and runs transactions; the methods live in one file per subject, each statement
//! beside the method that runs it. Every transaction that writes runs in a task of its own, which a dropped caller
//! cannot cancel half-way.
//!
//! `LIMIT +$4` has its sign for SQLite: it looks into a bare parameter there while it plans, and therefore prepares such a
//! statement anew for every value that is bound.

mod admission;
mod artifacts;
mod audit;
mod backend;
mod batch;
mod bulk;
mod catalogue;
mod commit;
mod contract;
mod documents;
mod executions;
mod feed;
mod instances;
mod lanes;
mod lists;
mod made;
mod migrations;
mod notifications;
#[cfg(test)]
mod plans;
mod postgres;
mod queue;
mod reads;
mod retention;
mod schedules;
mod sealed;
mod secrets;
mod sqlite;
mod standings;
mod subjects;
mod suspensions;
mod tail;
mod tasks;
pub mod upkeep;
mod wall;
#[cfg(test)]
mod walled;
mod webhooks;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use sqlx::{ConnectOptions, Connection, migrate::Migrator};
use tokio_util::task::TaskTracker;

use self::{
    audit::ChainEnds,
    backend::{Backend, Blame, Purpose, Whom},
    batch::{Batch, Rows},
    instances::Sweep,
    lanes::Lanes,
    postgres::Postgres,
    sqlite::Sqlite,
};
use super::{Page, Store, StoreError};
use crate::domain::ids::WorkspaceId;

pub use crate::config::RowSecurity;

/// Connections that read an SQLite file: more would only take turns on the processor.
const SQLITE_READERS: usize = 4;
/// How often a transaction is tried before a collision with others is given up on.
const ATTEMPTS: u32 = 5;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Brings the schema up to date first. Without it, a schema that is not up to date is an error.
    pub migrate: bool,
    /// Keeps other servers away from an SQLite file. Commands beside a server leave it off.
    pub exclusive: bool,
    /// PostgreSQL connections of this instance, at least 4; one more listens for hints.
    pub connections: usize,
    /// Whether PostgreSQL keeps tenants apart, too.
    pub row_security: RowSecurity,
}

impl Default for Options {
    fn default() -> Self {
        Self { migrate: true, exclusive: true, connections: 12, row_security: RowSecurity::Auto }
    }
}

/// Why a database could not be opened; comes as [`StoreError::Database`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL's scheme is none of ours.
    #[error("the database URL must be `sqlite:PATH` or `postgres://...`")]
    UnknownScheme,
    /// Two servers on one file would not see each other.
    #[error("{} is in use by another server", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// A file beside the database can't be used.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The schema is older than this program, and migrating was not asked for.
    #[error("the schema is at version {found}, this program needs {needed}: run `sluicegate migrate`")]
    Outdated {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration there is.
        needed: i64,
    },
    /// A newer program has taken something away that this one needs.
    #[error("migration {contracted} of a newer version has removed what this program needs (it knows up to {known})")]
    TooNew {
        /// The newest migration of this program.
        known: i64,
        /// The newest one that takes something away.
        contracted: i64,
    },
    /// Row-level security is required, and can't be had.
    #[error("`row-security` is required and can't be had: {reason}; {advice}")]
    NoWall {
        /// Why not.
        reason: String,
        /// Statements that help.
        advice: String,
    },
    /// Row-level security would hide all rows from the engine.
    #[error(
        "row-level security hides everything from the database user {user}: let {owner}, who owns the tables, serve, or a member of it"
    )]
    HeldByWall {
        /// The database user.
        user: String,
        /// Who owns the tables.
        owner: String,
    },
    /// SQLite has no row-level security.
    #[error("`row-security` is required, and SQLite has none")]
    WallOnSqlite,
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl StoreError {
    /// Whether nothing was written because the database's disk is full.
    pub fn is_disk_full(&self) -> bool {
        let Self::Database(source) = self else { return false };
        let error = source.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
        // SQLITE_FULL, and disk_full of PostgreSQL.
        matches!(error.and_then(sqlx::error::DatabaseError::code).as_deref(), Some("13" | "53100"))
    }
}

/// Opens the database at `sqlite:PATH` or `postgres://...`.
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(path) = sqlite_path(url) {
        if options.row_security == RowSecurity::Required {
            return Err(OpenError::WallOnSqlite.into());
        }
        let backend = Sqlite::new(&path, options.exclusive)?;
        let mut connection = Sqlite::options(&path).connect().await?;
        let contracted = sqlx::query_scalar(migrations::CONTRACTED).fetch_one(&mut connection).await;
        check_newer(&migrations::OF_SQLITE, contracted)?;
        prepare(&migrations::OF_SQLITE, &mut connection, options).await?;
        connection.close().await?;
        backend.start_checkpoints();
        Ok(Arc::new(SqlStore::with_one_writer(backend, options.exclusive)))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let backend = Postgres::new(url)?;
        let mut connection = backend.options().connect().await?;
        let contracted = sqlx::query_scalar(migrations::CONTRACTED).fetch_one(&mut connection).await;
        check_newer(&migrations::OF_POSTGRES, contracted)?;
        prepare(&migrations::OF_POSTGRES, &mut connection, options).await?;
        let wall = wall::raise(backend.options(), &mut connection, options.row_security, options.migrate).await?;
        connection.close().await?;
        Ok(Arc::new(SqlStore::with_writers(backend.with_wall(wall), options.connections)))
    } else {
        Err(OpenError::UnknownScheme.into())
    }
}

/// The file of an SQLite URL.
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

/// Refuses a schema from which a newer program has taken something away.
fn check_newer(migrations: &Migrator, contracted: Result<Option<i64>, sqlx::Error>) -> Result<(), OpenError> {
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or_default();
    match contracted {
        Ok(Some(contracted)) if contracted > known => Err(OpenError::TooNew { known, contracted }),
        // A database without the table of migrations has had none; any other failure comes again at once.
        _ => Ok(()),
    }
}

/// Migrates, or checks that nothing is left to migrate.
async fn prepare<C>(migrations: &Migrator, connection: &mut C, options: Options) -> Result<(), StoreError>
where
    C: Connection + sqlx::migrate::Migrate,
{
    if options.migrate {
        // Servers of an older version go on writing meanwhile, and take the same locks in another order.
        let mut attempt = 1;
        while let Err(error) = migrations.run_direct(None, connection, false).await {
            let collided = matches!(&error, sqlx::migrate::MigrateError::ExecuteMigration(error, _)
                if Postgres::blame(error) == Blame::Collision);
            if !collided || attempt == ATTEMPTS {
                return Err(OpenError::from(error).into());
            }
            attempt += 1;
        }
    } else {
        let needed = migrations.iter().map(|migration| migration.version).max().unwrap_or_default();
        // A database without the table of migrations has had none.
        let applied = connection.list_applied_migrations(&migrations.table_name).await.unwrap_or_default();
        let found = applied.iter().map(|migration| migration.version).max().unwrap_or_default();
        if found < needed {
            return Err(OpenError::Outdated { found, needed }.into());
        }
    }
    Ok(())
}

/// The store over one backend.
pub(crate) struct SqlStore<B: Backend> {
    backend: Arc<B>,
    readers: Arc<Lanes<B>>,
    /// For [`Store::commit`] alone: nothing else makes the committer wait.
    committers: Arc<Lanes<B>>,
    /// For all other transactions.
    writers: Arc<Lanes<B>>,
    /// For leases: nothing may make them wait, or the instance is taken for dead.
    renewals: Arc<Lanes<B>>,
    tasks: TaskTracker,
    sweep: Mutex<Sweep>,
    chain_ends: Arc<ChainEnds>,
    /// None where others change the database too.
    memory: Option<Arc<Memory>>,
}

/// What a store that has its database for itself need not read again.
#[derive(Debug, Default)]
struct Memory {
    heads: catalogue::Heads,
    tail: tail::FeedTail,
}

/// A change of the catalogue; to be dropped when its transaction has ended, whatever became of it and of its caller.
struct Changing(Arc<Memory>);

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.heads.forget();
        self.0.tail.forget();
    }
}

/// The work of a transaction. It may be run more than once, each time in a new transaction.
type Work<'c, T> = BoxFuture<'c, Result<T, StoreError>>;

impl<B: Backend> SqlStore<B> {
    fn with_one_writer(backend: B, alone: bool) -> Self {
        let backend = Arc::new(backend);
        let writers = Lanes::new(Arc::clone(&backend), Purpose::Write, 1);
        Self {
            readers: Lanes::new(Arc::clone(&backend), Purpose::Read, SQLITE_READERS),
            committers: Arc::clone(&writers),
            renewals: Arc::clone(&writers),
            writers,
            backend,
            tasks: TaskTracker::new(),
            sweep: Mutex::default(),
            chain_ends: Arc::new(if alone { ChainEnds::alone() } else { ChainEnds::shared() }),
            memory: alone.then(Arc::default),
        }
    }

    fn with_writers(backend: B, connections: usize) -> Self {
        let backend = Arc::new(backend);
        let lanes = |purpose, size| Lanes::new(Arc::clone(&backend), purpose, size);
        // Two commits may overlap; one connection renews leases, one sends hints.
        let rest = connections.max(4) - 3;
        let writers = (rest / 3).max(1);
        Self {
            readers: lanes(Purpose::Read, (rest - writers).max(1)),
            committers: lanes(Purpose::Write, 2),
            writers: lanes(Purpose::Write, writers),
            renewals: lanes(Purpose::Write, 1),
            backend,
            tasks: TaskTracker::new(),
            sweep: Mutex::default(),
            chain_ends: Arc::new(ChainEnds::shared()),
            memory: None,
        }
    }

    /// Runs a transaction, whatever becomes of the caller.
    async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c mut B::Connection) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        self.write_on(&self.writers, Whom::Engine, work).await
    }

    /// The same for one workspace: behind the wall, where there is one.
    async fn write_of<T: Send + 'static>(
        &self,
        workspace: WorkspaceId,
        work: impl for<'c> Fn(&'c mut B::Connection) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        self.write_on(&self.writers, Whom::Tenant(workspace), work).await
    }

    async fn write_on<T: Send + 'static>(
        &self,
        lanes: &Arc<Lanes<B>>,
        whom: Whom,
        work: impl for<'c> Fn(&'c mut B::Connection) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let (lanes, backend) = (Arc::clone(lanes), Arc::clone(&self.backend));
        let task = self.tasks.spawn(async move { transact(&lanes, &*backend, whom, work).await });
        task.await.map_err(|error| StoreError::Database(Box::new(error)))?
    }
}

/// Runs `work` in a transaction; from the start after a collision, or when the connection was lost before the commit.
async fn transact<B: Backend, T>(
    lanes: &Arc<Lanes<B>>,
    backend: &B,
    whom: Whom,
    work: impl for<'c> Fn(&'c mut B::Connection) -> Work<'c, T>,
) -> Result<T, StoreError> {
    let mut attempt = 1;
    loop {
        let mut lane = lanes.take(Whom::Engine).await?;
        let outcome = match backend.begin(&mut lane, whom).await {
            Ok(()) => work(&mut lane).await,
            Err(error) => Err(error.into()),
        };
        let error = match outcome {
            Ok(value) => {
                // From here on a failure leaves the outcome unknown, so nothing is tried again.
                B::control(&mut lane, "COMMIT").await?;
                lane.give_back();
                backend.committed();
                return Ok(value);
            }
            Err(error) => error,
        };
        let blame = blame::<B>(&error);
        if blame == Some(Blame::Connection) {
            lanes.forget_idle();
        } else if B::control(&mut lane, "ROLLBACK").await.is_ok() {
            lane.give_back();
        }
        if attempt == ATTEMPTS || !matches!(blame, Some(Blame::Collision | Blame::Connection)) {
            return Err(error);
        }
        attempt += 1;
    }
}

/// Runs a batch, if it has rows.
async fn run<B: Backend>(
    connection: &mut B::Connection,
    batch: &'static Batch,
    rows: &Rows,
) -> Result<Vec<B::Row>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(B::batch(connection, batch, rows).await?)
}

/// Who is to blame, if it is an error of the database.
fn blame<B: Backend>(error: &StoreError) -> Option<Blame> {
    match error {
        StoreError::Database(source) => source.downcast_ref::<sqlx::Error>().map(B::blame),
        _ => None,
    }
}

/// The rows of a page out of one row more than it holds, and where the next one begins.
fn page<T>(mut items: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(cursor)
    });
    Page { items, next: next.flatten() }
}
