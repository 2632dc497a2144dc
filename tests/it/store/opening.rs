//! Opening, migrating and losing databases; hints between servers.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use sluicegate::store::{
    Hint, StoreError,
    sql::{self, Options},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::fixture::{Fixture, create};
use crate::support::postgres;

const PLAIN: Options =
    Options { migrate: true, exclusive: true, connections: 12, row_security: sql::RowSecurity::Auto };

async fn refusal(url: &str, options: Options) -> String {
    match sql::open(url, options).await {
        Ok(_) => panic!("{url} opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    let reason = refusal("mysql://localhost/x", PLAIN).await;
    assert!(reason.contains("sqlite:PATH"), "{reason}");
}

#[tokio::test]
async fn an_sqlite_file_has_one_server() {
    let fixture = Fixture::sqlite().await;
    let url = fixture.place.url();
    let reason = refusal(&url, PLAIN).await;
    assert!(reason.contains("store.db is in use by another server"), "{reason}");
    // A command beside the server may look at it.
    let beside = sql::open(&url, Options { exclusive: false, ..PLAIN }).await.unwrap();
    beside.workspace(fixture.home.workspace).await.unwrap();
    beside.close().await;
    fixture.store.close().await;
    sql::open(&url, PLAIN).await.unwrap().workspace(fixture.home.workspace).await.unwrap();
}

#[tokio::test]
async fn an_sqlite_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::sqlite().await;
    let url = fixture.place.url();
    let folder = Path::new(url.strip_prefix("sqlite:").unwrap()).parent().unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    // The lock beside it is empty.
    let files: Vec<_> = files.filter(|file| !file.file_name().to_string_lossy().ends_with(".lock")).collect();
    assert!(files.len() > 1, "the database and its log: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("store.db");
    let reason = refusal(&format!("sqlite:{}", path.display()), PLAIN).await;
    assert!(reason.contains("missing"), "{reason}");
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_refused_unless_it_may_be_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", directory.path().join("store.db").display());
    let database = postgres::empty_database().await;
    for url in [file.as_str(), &database.url] {
        let reason = refusal(url, Options { migrate: false, exclusive: false, ..PLAIN }).await;
        assert!(reason.contains("sluicegate migrate"), "{reason}");
        sql::open(url, PLAIN).await.unwrap().close().await;
        sql::open(url, Options { migrate: false, ..PLAIN }).await.unwrap().close().await;
        // Again, with nothing to do.
        sql::open(url, PLAIN).await.unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_together_migrate_once() {
    let database = postgres::empty_database().await;
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = database.url.clone();
        starting.spawn(async move { sql::open(&url, PLAIN).await.map(drop) });
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    let fixture = Fixture::postgres().await;
    let mut hints = fixture.store.listen().await.unwrap().unwrap();
    fixture.created().await;
    fixture.store.workspace(fixture.home.workspace).await.unwrap();
    fixture.store.send_hints(&[Hint::Queue]).await.unwrap();

    let terminated = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(fixture.number(terminated).await > 3);
    // Neither reads nor writes notice.
    fixture.store.workspace(fixture.home.workspace).await.unwrap();
    fixture.created().await;
    fixture.created().await;
    let lost = tokio::time::timeout(Duration::from_secs(20), hints.recv()).await.unwrap();
    assert_eq!(lost, Some(Hint::Lost));

    // Hints go both ways again, at the second attempt at the latest.
    let other = fixture.second_store().await;
    let told = Hint::Feed(fixture.home.workspace);
    other.send_hints(&[told]).await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), hints.recv()).await.unwrap(), Some(told));
    let _ = fixture.store.send_hints(&[told]).await;
    fixture.store.send_hints(&[told]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_reach_the_others_and_not_their_sender() {
    let fixture = Fixture::postgres().await;
    let (here, there) = (Arc::clone(&fixture.store), fixture.second_store().await);
    let mut heard_here = here.listen().await.unwrap().unwrap();
    let mut heard_there = there.listen().await.unwrap().unwrap();
    let told: Vec<Hint> =
        (0..1000).flat_map(|_| [Hint::Events(fixture.id()), Hint::Feed(fixture.id()), Hint::Queue]).collect();
    here.send_hints(&told).await.unwrap();
    here.send_hints(&[]).await.unwrap();
    for hint in &told {
        assert_eq!(heard_there.recv().await.as_ref(), Some(hint));
    }
    there.send_hints(&[Hint::Queue]).await.unwrap();
    // The first thing that comes back is the answer: nothing of our own was in between.
    assert_eq!(heard_here.recv().await, Some(Hint::Queue));
    here.close().await;
    assert_eq!(heard_here.recv().await, None);

    assert!(Fixture::sqlite().await.store.listen().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_log_is_moved_into_the_file_while_it_runs() {
    let fixture = Fixture::sqlite().await;
    let file = fixture.place.url()["sqlite:".len()..].to_owned();
    let size = || std::fs::metadata(Path::new(&file)).unwrap().len();
    let before = size();
    let mut execution = fixture.execution();
    execution.origin.input = serde_json::Value::String("x".repeat(1 << 20));
    fixture.write(create(&execution)).await.unwrap();
    let moved = async {
        while size() < before + (1 << 20) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), moved).await.expect("a checkpoint came");
    fixture.store.close().await;
    // Whoever closes last leaves one file.
    assert!(!Path::new(&format!("{file}-wal")).exists());
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let fixture = Fixture::sqlite().await;
    fixture.store.close().await;
    fixture.store.close().await;
    let error = fixture.store.workspace(fixture.home.workspace).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
}

type Columns = BTreeMap<(String, String), String>;

/// The two folders drift apart unless somebody looks: the same files, the same tables, columns and kinds.
#[tokio::test]
async fn both_schemas_have_the_same_files_tables_and_columns() {
    let files = |folder: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files("sqlite"), files("postgres"));
    assert!(!files("sqlite").is_empty());

    let (sqlite, postgres) = (Fixture::sqlite().await, Fixture::postgres().await);
    let mut file = SqliteConnection::connect(&sqlite.place.url()).await.unwrap();
    let of_sqlite: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.\"notnull\" FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND (t.name, c.name) <> ('documents', 'id')",
    )
    .fetch_all(&mut file)
    .await
    .unwrap();
    let mut server = PgConnection::connect(&postgres.place.url()).await.unwrap();
    let of_postgres: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text FROM information_schema.columns
         WHERE table_schema = 'public' AND NOT starts_with(table_name, '_')
             AND (table_name, column_name) <> ('documents', 'search')",
    )
    .fetch_all(&mut server)
    .await
    .unwrap();
    let null = |nullable: bool| if nullable { "" } else { " NOT NULL" };
    let of_sqlite: Columns = of_sqlite
        .into_iter()
        // A primary key that is the rowid is never null, whatever it says.
        .map(|(table, column, kind, set)| {
            let set = set == 1 || (table.as_str(), column.as_str()) == ("feed", "position");
            ((table, column), format!("{kind}{}", null(!set)))
        })
        .collect();
    let of_postgres: Columns = of_postgres
        .into_iter()
        .map(|(table, column, kind, nullable)| {
            let kind = match kind.as_str() {
                "bigint" | "boolean" => "INTEGER",
                "uuid" | "bytea" => "BLOB",
                "text" => "TEXT",
                other => panic!("{table}.{column} is {other}"),
            };
            ((table, column), format!("{kind}{}", null(nullable == "YES")))
        })
        .collect();
    assert!(of_sqlite.len() > 100, "{of_sqlite:?}");
    assert_eq!(of_sqlite, of_postgres);

    // The same indexes over the same columns. What documents are searched by is each database's own: a table beside them that needs
    // a number as their key, or a column.
    let mut indexes: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND name <> 'documents_by_key'",
    )
    .fetch_all(&mut file)
    .await
    .unwrap();
    indexes.sort();
    for index in indexes {
        let of_sqlite: Vec<Option<String>> =
            sqlx::query_scalar("SELECT name FROM pragma_index_info($1) ORDER BY seqno")
                .bind(&index)
                .fetch_all(&mut file)
                .await
                .unwrap();
        let of_postgres: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = '{index}'::regclass ORDER BY attnum"
        )))
        .fetch_all(&mut server)
        .await
        .unwrap();
        assert_eq!(of_sqlite, of_postgres, "{index}");
    }
}

#[tokio::test]
async fn what_is_stored_and_unreadable_is_called_damaged() {
    for fixture in [Fixture::sqlite().await, Fixture::postgres().await] {
        let execution = fixture.created().await;
        assert_eq!(fixture.number("DELETE FROM events WHERE seq = 1 RETURNING seq").await, 1);
        let error = fixture.store.load_execution(fixture.home.workspace, execution.origin.id).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { what: "log", .. }), "{error:?}");
        // The row can be read all the same, and the execution be ended by it.
        let found = fixture.store.execution_and_driver(fixture.home.workspace, execution.origin.id).await.unwrap();
        assert_eq!(found, (execution.clone(), None));

        let sql = "UPDATE executions SET status = 'odd' WHERE true RETURNING last_seq";
        assert_eq!(fixture.number(sql).await, 1);
        let error = fixture.store.execution(fixture.home.workspace, execution.origin.id).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { what: "execution status", .. }), "{error:?}");
    }
}

/// A migration takes locks of many tables, and an older server goes on writing. The database ends one of them where each waits for the
/// other; here it is the migration.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_collides_with_an_older_server_is_tried_again() {
    let database = postgres::empty_database().await;
    sql::open(&database.url, PLAIN).await.unwrap().close().await;
    let connect = async || PgConnection::connect(&database.url).await.unwrap();
    let (mut older, mut watcher) = (connect().await, connect().await);
    let before = "DO $$ DECLARE walled REGCLASS; BEGIN
            FOR walled IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
                EXECUTE format('DROP POLICY workspace_wall ON %s', walled);
                EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', walled);
            END LOOP;
        END $$; DELETE FROM _sqlx_migrations WHERE version = 22";
    sqlx::raw_sql(before).execute(&mut older).await.unwrap();
    // Whoever looks first ends itself, and on a busy machine that may be either.
    let lock = "SET deadlock_timeout = '10min'; BEGIN; LOCK TABLE workflows IN ROW EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut older).await.unwrap();
    let url = database.url.clone();
    let newer = tokio_util::task::TaskTracker::new().spawn(async move { sql::open(&url, PLAIN).await.map(drop) });
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'workflows'::regclass AND NOT granted)";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut watcher).await.unwrap() {
        assert!(!newer.is_finished(), "the migration waits for the older server");
    }
    sqlx::raw_sql("LOCK TABLE api_keys IN ROW EXCLUSIVE MODE; COMMIT").execute(&mut older).await.unwrap();
    newer.await.unwrap().unwrap();
}

/// While servers are exchanged one by one, older ones start on a schema that newer ones have added to, but not on one from which
/// something was taken.
#[tokio::test]
async fn a_newer_schema_is_used_unless_something_was_taken_away() {
    for fixture in [Fixture::sqlite().await, Fixture::postgres().await] {
        let (url, workspace) = (fixture.place.url(), fixture.home.workspace);
        fixture.store.close().await;
        let applied = async |version: i64, description: &str| {
            let insert = format!(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT {version}, '{description}', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
            );
            execute(&fixture, &insert).await;
        };
        applied(9_001, "add something").await;
        for migrate in [true, false] {
            let store = sql::open(&url, Options { migrate, ..PLAIN }).await.unwrap();
            store.workspace(workspace).await.unwrap();
            store.close().await;
        }
        applied(9_002, "contract something").await;
        for migrate in [true, false] {
            let reason = refusal(&url, Options { migrate, ..PLAIN }).await;
            assert!(
                reason.contains("migration 9002 of a newer version has removed what this program needs"),
                "{reason}"
            );
        }
    }
}

async fn execute(fixture: &Fixture, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if fixture.is_postgres() {
        let mut connection = PgConnection::connect(&fixture.place.url()).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(&fixture.place.url()).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}
