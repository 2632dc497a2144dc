//! A server on what an earlier one has left: rows of its schema, with work of every kind half done. `scripts/make-upgrade-fixture.py`
//! has written them down by a program of that commit, killed in the middle.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};
use sluicegate::clock::Instant;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{
    app::{Backend, Client, Database, Place, TestApp, on_both},
    peer::Peer,
    scene::Run,
};

on_both! {
    what_an_earlier_server_left_half_done_goes_on,
    newer_schemas_only_add,
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/upgrade");

fn name_of(backend: Backend) -> &'static str {
    if backend == Backend::Sqlite { "sqlite" } else { "postgres" }
}

/// What was there when the earlier server was killed.
fn expected(backend: Backend) -> Value {
    let text = fs::read_to_string(Path::new(FIXTURES).join("expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[name_of(backend)].take()
}

/// The migrations up to the fixture's schema, in order, as a program without the drivers' own migrator would apply them.
fn earlier_schema(backend: Backend) -> Vec<String> {
    let newest = expected(backend)["schema"].as_i64().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name_of(backend));
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let version = |path: &Path| path.file_name().unwrap().to_str().unwrap()[..4].parse::<i64>().unwrap();
    let files = files.iter().filter(|path| version(path) <= newest);
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

const NOTES_OF_SQLITE: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL)";
const NOTES_OF_POSTGRES: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL)";

/// Runs statements on a database beside any server.
async fn run(backend: Backend, url: &str, statements: &[String]) {
    match backend {
        Backend::Sqlite => {
            let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
            for sql in statements {
                sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        }
        Backend::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            for sql in statements {
                sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        }
    }
}

/// A database of the earlier schema; with the rows of the fixture, or only with the notes of its migrations.
async fn earlier(backend: Backend) -> Database {
    let database = Database::empty(backend).await;
    let mut statements = earlier_schema(backend);
    statements.push(if backend == Backend::Sqlite { NOTES_OF_SQLITE } else { NOTES_OF_POSTGRES }.to_owned());
    let rows = fs::read_to_string(Path::new(FIXTURES).join(format!("{}.sql", name_of(backend)))).unwrap();
    statements.push(if backend == Backend::Sqlite { format!("PRAGMA foreign_keys = OFF;\n{rows}") } else { rows });
    run(backend, &database.url(), &statements).await;
    database
}

/// Executions of the earlier server, by the names of the fixture.
struct Earlier {
    app: TestApp,
    ann: Client,
    place: Place,
    expected: Value,
}

impl Earlier {
    fn run(&self, name: &str) -> Run {
        let id = self.expected["executions"][name].as_str().unwrap().to_owned();
        Run { path: format!("{}/executions/{id}", self.place.pod()), id, client: self.ann.clone() }
    }

    async fn open_of(&self, name: &str) -> Vec<Value> {
        let id = self.run(name).id;
        let path = format!("{}/suspensions?state=open&executionId={id}", self.place.workspace());
        self.ann.get(&path).await.expect(200).as_array().unwrap().clone()
    }

    /// Takes the one task that waits, and completes it.
    async fn work(&self, output: Value) {
        let wish = json!({"queues": ["q"], "workerId": "w2", "waitSeconds": 30});
        let leased = self.ann.post(&format!("{}/tasks/lease", self.place.pod()), wish).await.expect(200);
        let task = &leased["tasks"][0];
        let worker = self.app.anonymous().with("x-lease-token", task["leaseToken"].as_str().unwrap());
        let path = format!("{}/tasks/{}/complete", self.place.pod(), task["taskId"].as_str().unwrap());
        worker.post(&path, json!({"output": output})).await.expect(200);
    }

    async fn ends(&self, name: &str) -> Value {
        let end = self.run(name).end().await;
        assert_eq!(end["type"], "execution_complete", "{name}: {end:#}");
        end["output"].clone()
    }
}

async fn what_an_earlier_server_left_half_done_goes_on(backend: Backend) {
    let expected = expected(backend);
    let database = earlier(backend).await;
    let peer = Peer::start().await;
    let app = TestApp::start_at(database, |settings| {
        settings.outbound_networks = Some(vec!["127.0.0.0/8".into()]);
        settings.secrets_key_file = Some(Path::new(FIXTURES).join("secrets.key"));
    })
    .await;
    let text = |name: &str| expected[name].as_str().unwrap().to_owned();
    let place = Place { workspace_id: text("workspaceId"), pod_id: text("podId") };
    let mut earlier = Earlier { ann: app.user("ann"), app, place, expected: expected.clone() };

    // What was there is there, to the letter.
    let logs = expected["logs"].as_object().unwrap();
    for (name, before) in logs {
        let log = earlier.run(name).log().await;
        let before = before.as_array().unwrap();
        assert_eq!(log[..before.len()], before[..], "{name}");
    }
    for (name, status) in [
        ("suspended", "suspended"),
        ("claimed", "suspended"),
        ("child", "suspended"),
        ("timer", "suspended"),
        ("expiry", "suspended"),
        ("secret", "suspended"),
        ("pending", "pending"),
        ("answered", "completed"),
        ("completed", "completed"),
        ("failed", "failed"),
    ] {
        assert_eq!(earlier.run(name).status().await, status, "{name}");
    }
    assert_eq!(earlier.open_of("claimed").await[0]["claim"]["by"], "ann");
    assert_eq!(earlier.open_of("loop").await.len(), 2, "one of three items is done");
    let schedule = format!("{}/schedules/{}", earlier.place.pod(), text("schedule"));
    assert_eq!(earlier.ann.get(&schedule).await.expect(200)["name"], "Yearly");
    let webhook = format!("{}/webhooks/{}", earlier.place.pod(), text("webhook"));
    assert_eq!(earlier.ann.get(&webhook).await.expect(200)["name"], "Hook");

    // Answers come, also once more under the key of before.
    let yes = json!({"approved": true});
    for name in ["suspended", "claimed", "child"] {
        earlier.run(name).respond(yes.clone()).await.expect(200);
    }
    let repeated = earlier.ann.with("idempotency-key", "decision");
    // To the letter, as the one who asked then has written it.
    let body = Some(r#"{"approved": true}"#.to_owned());
    let reply = repeated.send(Method::PATCH, &format!("{}/respond", earlier.run("answered").path), body).await;
    assert_eq!(reply.expect(200)["id"], earlier.run("answered").id.as_str());
    for asked in earlier.open_of("loop").await {
        let path = format!("{}/suspensions/{}/answer", earlier.place.workspace(), asked["id"].as_str().unwrap());
        earlier.ann.post(&path, json!({"answer": "more"})).await.expect(200);
    }
    earlier.run("secret").respond(json!({"answer": peer.url("/told")})).await.expect(200);
    for name in ["suspended", "claimed", "child", "parent", "loop", "secret"] {
        earlier.ends(name).await;
    }
    assert_eq!(peer.hits("/told"), 1, "the secret could be opened");
    // The lease of the one has run out meanwhile, which a server that has just begun heeds after a grace; then there is room for the
    // other.
    earlier.app.clock.advance_ms(10 * 60_000);
    earlier.work(json!("first")).await;
    assert_eq!(earlier.ends("leased").await, "first");
    earlier.work(json!("second")).await;
    assert_eq!(earlier.ends("held").await, "second");

    // Time passes.
    for name in ["timer", "expiry", "pending"] {
        assert!(["suspended", "pending"].contains(&&*earlier.run(name).status().await), "{name}");
    }
    let later: Instant = "2028-06-02T00:00:00.000Z".parse().unwrap();
    earlier.app.clock.advance_ms(later.ms_since(earlier.app.clock.now()));
    earlier.ann = earlier.app.user("ann");
    for name in ["timer", "expiry", "pending"] {
        earlier.ends(name).await;
    }
    let again = earlier.run("failed").post("replay", json!({})).await.expect(201);
    assert_eq!(again["replayOf"], earlier.run("failed").id.as_str());
    for (name, before) in logs {
        let log = earlier.run(name).log().await;
        assert_eq!(log[..before.as_array().unwrap().len()], before.as_array().unwrap()[..], "{name}");
    }
}

/// What a schema has: tables, columns, indexes that forbid, constraints, each as one line.
const CATALOGUE_OF_SQLITE: &str =
    "SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END
         || CASE WHEN c.\"notnull\" AND c.dflt_value IS NULL AND c.pk = 0 THEN ' required' ELSE '' END
     FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'
     UNION ALL SELECT 'forbids ' || t.name || ' ' || i.name || ' (' || coalesce((SELECT group_concat(x.name) FROM pragma_index_info(i.name) AS x), '') || ')'
     FROM sqlite_schema AS t JOIN pragma_index_list(t.name) AS i WHERE t.type = 'table' AND i.\"unique\"
     UNION ALL SELECT 'forbids ' || t.name || ' foreign key ' || f.\"from\" || ' ' || f.\"table\"
     FROM sqlite_schema AS t JOIN pragma_foreign_key_list(t.name) AS f WHERE t.type = 'table'
     UNION ALL SELECT 'forbids ' || t.name || ' checks ' || ((length(t.sql) - length(replace(upper(t.sql), 'CHECK', ''))) / 5)
     FROM sqlite_schema AS t WHERE t.type = 'table' AND t.sql IS NOT NULL
     UNION ALL SELECT 'forbids ' || t.tbl_name || ' trigger ' || t.name FROM sqlite_schema AS t WHERE t.type = 'trigger'";
const CATALOGUE_OF_POSTGRES: &str =
    "SELECT 'column ' || c.table_name || '.' || c.column_name || ' ' || c.data_type
         || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END
         || CASE WHEN c.is_nullable = 'NO' AND c.column_default IS NULL AND c.is_identity = 'NO' AND c.is_generated = 'NEVER' THEN ' required' ELSE '' END
     FROM information_schema.columns AS c WHERE c.table_schema = 'public'
     UNION ALL SELECT 'forbids ' || r.relname || ' ' || pg_get_indexdef(i.indexrelid)
     FROM pg_index AS i JOIN pg_class AS r ON r.oid = i.indrelid WHERE i.indisunique AND r.relnamespace = 'public'::regnamespace
     UNION ALL SELECT 'forbids ' || r.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
     FROM pg_constraint AS k JOIN pg_class AS r ON r.oid = k.conrelid WHERE r.relnamespace = 'public'::regnamespace AND k.contype <> 'n'
     UNION ALL SELECT 'forbids ' || r.relname || ' trigger ' || g.tgname
     FROM pg_trigger AS g JOIN pg_class AS r ON r.oid = g.tgrelid WHERE r.relnamespace = 'public'::regnamespace AND NOT g.tgisinternal";

async fn catalogue(backend: Backend, url: &str) -> Vec<String> {
    let mut lines: Vec<String> = match backend {
        Backend::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::query_scalar(CATALOGUE_OF_SQLITE).fetch_all(&mut connection).await.unwrap()
        }
        Backend::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(CATALOGUE_OF_POSTGRES).fetch_all(&mut connection).await.unwrap()
        }
    };
    lines.sort();
    lines
}

/// What a program of before would stumble over: something that it uses is gone or different, or something is asked of its rows
/// that it doesn't know of.
fn stumbling_blocks(before: &[String], after: &[String]) -> Vec<String> {
    let table = |line: &str| line.split([' ', '.']).nth(1).unwrap().to_owned();
    let tables: Vec<String> = before.iter().map(|line| table(line)).collect();
    let gone = before.iter().filter(|line| line.starts_with("column ") && !after.contains(line));
    let asked = after.iter().filter(|line| tables.contains(&table(line)) && !before.contains(line));
    let asked = asked.filter(|line| line.starts_with("forbids ") || line.ends_with(" required"));
    gone.map(|line| format!("gone or different: {line}")).chain(asked.map(|line| format!("new: {line}"))).collect()
}

/// While servers are exchanged one by one, older ones work on the newer schema.
async fn newer_schemas_only_add(backend: Backend) {
    let database = earlier(backend).await;
    let before = catalogue(backend, &database.url()).await;
    assert!(before.iter().any(|line| line.starts_with("column executions.status")), "{before:#?}");
    let app = TestApp::start_at(database, |settings| {
        settings.secrets_key_file = Some(Path::new(FIXTURES).join("secrets.key"));
    })
    .await;
    let after = catalogue(backend, &app.store_url()).await;
    assert!(after.len() > before.len());
    assert_eq!(stumbling_blocks(&before, &after), [""; 0]);
    drop(app);

    // The look finds what it is for.
    for (change, finds) in [
        ("ALTER TABLE audit DROP COLUMN detail", "gone or different: column audit.detail"),
        ("ALTER TABLE members RENAME COLUMN role TO part", "gone or different: column members.role"),
        ("DROP TABLE server_secrets", "gone or different: column server_secrets.name"),
        ("CREATE UNIQUE INDEX one_name ON groups (workspace_id, description)", "new: forbids groups "),
    ] {
        let database = earlier(backend).await;
        run(backend, &database.url(), &[change.to_owned()]).await;
        let found = stumbling_blocks(&before, &catalogue(backend, &database.url()).await);
        assert!(found.iter().any(|line| line.starts_with(finds)), "{change}: {found:?}");
    }
}
