//! What operators do beside a server: look at a database without changing it, and copy an SQLite file while it is in use.

use std::path::Path;

use sqlx::{
    Connection, Row, SqliteConnection,
    migrate::{Migrate, Migrator},
    sqlite::SqliteConnectOptions,
};

pub use super::wall::Gap;
use super::{Postgres, StoreError, migrations, wall};

/// The most problems of an integrity check that are told.
const MAX_PROBLEMS: usize = 20;

/// A database as it was found.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// The database's name and version.
    pub version: String,
    /// The newest migration that was applied; 0 if there is none.
    pub schema: i64,
    /// The newest migration that this program knows.
    pub newest_known: i64,
    /// The database's clock in milliseconds since the epoch, where it has one of its own.
    pub clock_ms: Option<i64>,
    /// Whether row-level security can keep tenants apart (PostgreSQL): the role for it, or why not and what to do.
    pub row_security: Option<Result<String, Gap>>,
    /// Whether a server has the file open for itself (SQLite).
    pub in_use: bool,
    /// What an integrity check has found (SQLite).
    pub damage: Vec<String>,
}

/// Looks at a database; changes nothing and waits for nobody. `thorough` reads every page of an SQLite file, too.
pub async fn inspect(url: &str, thorough: bool) -> Result<Inspection, StoreError> {
    if let Some(path) = super::sqlite_path(url) {
        let in_use = super::sqlite::is_locked(&path);
        let found = inspect_file(&path, thorough).await?;
        return Ok(Inspection { in_use, ..found });
    }
    let postgres = Postgres::new(url)?;
    let mut connection = sqlx::PgConnection::connect_with(postgres.options()).await?;
    let row =
        sqlx::query("SELECT current_setting('server_version'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(&mut connection)
            .await?;
    let (schema, newest_known) = versions(&migrations::OF_POSTGRES, &mut connection).await;
    let version = format!("PostgreSQL {}", row.try_get::<String, _>(0)?);
    let clock_ms = Some(row.try_get(1)?);
    let row_security =
        if schema == newest_known { Some(wall::look(postgres.options(), &mut connection).await?) } else { None };
    connection.close().await?;
    Ok(Inspection { version, schema, newest_known, clock_ms, row_security, ..Inspection::default() })
}

/// The same for an SQLite file, whoever uses it.
pub async fn inspect_file(path: &Path, thorough: bool) -> Result<Inspection, StoreError> {
    let mut connection = read_only(path).await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    let mut damage = Vec::new();
    if thorough {
        let rows: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection).await?;
        damage.extend(rows.into_iter().filter(|row| row != "ok").take(MAX_PROBLEMS));
    }
    let (schema, newest_known) = versions(&migrations::OF_SQLITE, &mut connection).await;
    connection.close().await?;
    Ok(Inspection { version: format!("SQLite {version}"), schema, newest_known, damage, ..Inspection::default() })
}

/// Copies an SQLite database, as it is at one instant, into an empty file. Its server goes on reading and writing meanwhile.
pub async fn copy_into(path: &Path, empty: &Path) -> Result<(), StoreError> {
    let mut connection = read_only(path).await?;
    let into = empty.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(into).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

async fn read_only(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(super::sqlite::BUSY_TIMEOUT);
    SqliteConnection::connect_with(&options).await
}

/// The newest migration that was applied, and the newest one there is.
async fn versions<C: Migrate>(migrations: &Migrator, connection: &mut C) -> (i64, i64) {
    // A database without the table of migrations has had none.
    let applied = connection.list_applied_migrations(&migrations.table_name).await.unwrap_or_default();
    let newest = |versions: &mut dyn Iterator<Item = i64>| versions.max().unwrap_or_default();
    (
        newest(&mut applied.iter().map(|migration| migration.version)),
        newest(&mut migrations.iter().map(|migration| migration.version)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::{Options, open};

    #[tokio::test]
    async fn a_copy_is_whole_while_the_database_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let url = format!("sqlite:{}", path.display());
        assert!(inspect(&url, false).await.is_err(), "looking makes no database");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let store = open(&url, Options::default()).await.unwrap();

        let found = inspect(&url, true).await.unwrap();
        assert!(found.in_use);
        assert_eq!((found.schema, found.damage.len()), (found.newest_known, 0));
        let copy = folder.path().join("copy.db");
        copy_into(&path, &copy).await.unwrap();
        assert!(copy_into(&path, &copy).await.is_err(), "only into an empty file");
        let found = inspect_file(&copy, true).await.unwrap();
        assert_eq!((found.schema, found.damage), (found.newest_known, Vec::new()));

        store.close().await;
        assert!(!inspect(&url, false).await.unwrap().in_use);
    }

    #[tokio::test]
    async fn damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        open(&format!("sqlite:{}", path.display()), Options::default()).await.unwrap().close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8192].fill(0xAA);
        std::fs::write(&path, bytes).unwrap();
        // An error or a list of problems: it depends on the page.
        let found = inspect_file(&path, true).await;
        assert!(found.is_err() || found.is_ok_and(|found| !found.damage.is_empty()));
    }
}
