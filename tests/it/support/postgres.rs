//! PostgreSQL for tests: a fresh, migrated database per test, in one throwaway cluster per test run.
//!
//! The cluster is `scripts/test-postgres.sh`; `make test` starts and stops it around the run, and a test that finds no
//! `SLUICEGATE_TEST_POSTGRES_URL` asks the script itself. That variable may also name a server of your own (any database
//! on it, with a role that may create databases and roles).
//!
//! The first test migrates a template, named after the text of the migrations, and every test copies it: 50 ms instead
//! of all migrations. Tests are processes of their own under nextest, so the lock that says "first" is an advisory lock
//! in the server.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Databases of tests are `sluicegate_test_<unix seconds>_<process>_<n>`: the name says which are left over.
const PREFIX: &str = "sluicegate_test_";
const LEFT_OVER_AFTER_SECONDS: u64 = 3600;
const TEMPLATE_LOCK: i64 = 0x73_6c75_6963_6567;

/// A database of one test, dropped with this value. Keep it alive as long as anything is connected.
#[derive(Debug)]
pub struct Database {
    /// Where the database is: the form that the server's own settings take.
    pub url: String,
    name: String,
    server: Url,
}

/// A fresh database with everything that `migrate` makes in it. `migrate` gets the URL of an empty database and has to
/// close its connections before it returns. It runs once per `template` and text of the migration files, so it must
/// depend on nothing else, and callers with the same `template` must make the same thing.
///
/// ```ignore
/// let database = postgres::database("store", async |url| sql::connect(url).await.unwrap().close().await).await;
/// let store = sql::connect(&database.url).await.unwrap();
/// ```
pub async fn database(template: &str, migrate: impl AsyncFnOnce(&str)) -> Database {
    let server = server_url();
    let mut admin = PgConnection::connect(server.as_str()).await.expect("the test cluster accepts connections");
    let template = format!("sluicegate_template_{template}_{}", migrations_digest());
    ensure_template(&mut admin, &server, &template, migrate).await;
    create(&mut admin, server, &format!("TEMPLATE {template}")).await
}

/// A fresh database with nothing in it.
pub async fn empty_database() -> Database {
    let server = server_url();
    let mut admin = PgConnection::connect(server.as_str()).await.expect("the test cluster accepts connections");
    create(&mut admin, server, "").await
}

async fn create(admin: &mut PgConnection, server: Url, from: &str) -> Database {
    static CREATED: AtomicU32 = AtomicU32::new(0);
    let (now, process) = (unix_seconds(), std::process::id());
    drop_left_over(admin, now).await;
    let name = format!("{PREFIX}{now}_{process}_{}", CREATED.fetch_add(1, Ordering::Relaxed));
    execute(admin, format!("CREATE DATABASE {name} {from}")).await;
    Database { url: on(&server, &name), name, server }
}

async fn ensure_template(admin: &mut PgConnection, server: &Url, template: &str, migrate: impl AsyncFnOnce(&str)) {
    let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    if sqlx::query_scalar::<_, bool>(exists).bind(template).fetch_one(&mut *admin).await.unwrap() {
        return;
    }
    sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut *admin).await.unwrap();
    if !sqlx::query_scalar::<_, bool>(exists).bind(template).fetch_one(&mut *admin).await.unwrap() {
        // Only the rename makes it the template: a run that dies half-way leaves nothing that others would copy.
        let draft = format!("{template}_draft");
        execute(admin, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(admin, format!("CREATE DATABASE {draft}")).await;
        migrate(&on(server, &draft)).await;
        execute(admin, format!("ALTER DATABASE {draft} RENAME TO {template}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(TEMPLATE_LOCK).execute(&mut *admin).await.unwrap();
}

/// Drops what earlier runs left behind because they were killed.
async fn drop_left_over(admin: &mut PgConnection, now: u64) {
    let names = sqlx::query_scalar::<_, String>("SELECT datname FROM pg_database WHERE starts_with(datname, $1)");
    for name in names.bind(PREFIX).fetch_all(&mut *admin).await.unwrap() {
        let created: u64 = name[PREFIX.len()..].split('_').next().and_then(|at| at.parse().ok()).unwrap_or(now);
        if created + LEFT_OVER_AFTER_SECONDS < now {
            execute(admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

impl Drop for Database {
    /// On a thread of its own, because a runtime cannot wait for another one. Failures are left to the sweep.
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let mut admin = PgConnection::connect(server.as_str()).await?;
                sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await
            })
        });
        drop(dropping.join());
    }
}

#[expect(clippy::disallowed_methods, reason = "the variable is the contract with scripts/test.sh, not a setting")]
fn server_url() -> Url {
    let url = std::env::var("SLUICEGATE_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        let script = Path::new(ROOT).join("scripts/test-postgres.sh");
        let output = Command::new(&script).arg("url").output().expect("bash runs the script");
        assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a URL is text")
    });
    Url::parse(url.trim()).expect("the test cluster's address is a URL")
}

fn migrations_digest() -> String {
    let mut files: Vec<_> = std::fs::read_dir(Path::new(ROOT).join("migrations/postgres"))
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let mut text = Sha256::new();
    for file in files {
        text.update(file.to_string_lossy().as_bytes());
        text.update(std::fs::read(&file).expect("a readable migration"));
    }
    let digest = text.finalize();
    format!("{:016x}", u64::from_be_bytes(*digest.first_chunk().expect("SHA-256 has 32 bytes")))
}

fn on(server: &Url, database: &str) -> String {
    let mut url = server.clone();
    url.set_path(database);
    url.to_string()
}

async fn execute(admin: &mut PgConnection, statement: String) {
    sqlx::query(AssertSqlSafe(statement.clone())).execute(admin).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

#[tokio::test]
async fn tests_get_databases_of_their_own_from_one_template() {
    // Not the store's template, and not that of an earlier run of this test.
    let template = format!("probe_{}", std::process::id());
    let mut migrations = 0;
    let mut databases = Vec::new();
    for _ in 0..2 {
        let migrate = async |url: &str| {
            migrations += 1;
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql("CREATE TABLE note (body TEXT NOT NULL)").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        };
        databases.push(database(&template, migrate).await);
    }
    assert_eq!(migrations, 1, "the template is made once");

    let mut one = PgConnection::connect(&databases[0].url).await.unwrap();
    sqlx::query("INSERT INTO note VALUES ('only here')").execute(&mut one).await.unwrap();
    let mut two = PgConnection::connect(&databases[1].url).await.unwrap();
    let notes: i64 = sqlx::query_scalar("SELECT count(*) FROM note").fetch_one(&mut two).await.unwrap();
    assert_eq!(notes, 0);

    // A database goes with its value, even while something is connected.
    let url = databases[0].url.clone();
    databases.clear();
    assert!(PgConnection::connect(&url).await.is_err());

    let server = server_url();
    let mut admin = PgConnection::connect(server.as_str()).await.unwrap();
    execute(&mut admin, format!("DROP DATABASE sluicegate_template_{template}_{}", migrations_digest())).await;
}

#[tokio::test]
async fn databases_of_killed_runs_are_swept() {
    let server = server_url();
    let mut admin = PgConnection::connect(server.as_str()).await.unwrap();
    let (old, young) = (format!("{PREFIX}1000_{}_0", std::process::id()), format!("{PREFIX}9999999999_1_0"));
    execute(&mut admin, format!("DROP DATABASE IF EXISTS {young}")).await;
    execute(&mut admin, format!("CREATE DATABASE {old}")).await;
    execute(&mut admin, format!("CREATE DATABASE {young}")).await;

    let fresh = empty_database().await;

    let names: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database").fetch_all(&mut admin).await.unwrap();
    assert!(!names.contains(&old), "{names:?}");
    assert!(names.contains(&young) && names.contains(&fresh.name), "{names:?}");
    execute(&mut admin, format!("DROP DATABASE {young}")).await;
}
