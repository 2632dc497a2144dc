//! A database with one row of each of two workspaces in every table that a wall is around, whatever tables there are: a new one has its
//! row as soon as it is made.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

use crate::{
    domain::ids::WorkspaceId,
    store::sql::{Options, RowSecurity, open, plans::test_server, postgres::Postgres, wall},
};

/// Whose rows are asked for.
pub const HOME: WorkspaceId = WorkspaceId(Uuid::from_u128(0x1000));
/// Somebody else.
pub const AWAY: WorkspaceId = WorkspaceId(Uuid::from_u128(0x2000));
/// Every text that has no meaning of its own.
pub const TEXT: &str = "x";

/// What a column holds where a constant of its type won't do; none is a null.
const ODD: [(&str, &str, Option<&str>); 9] = [
    ("bulk_items", "state", Some("'pending'")),
    ("executions", "status", Some("'queued'")),
    ("executions", "trigger_id", Some("'x'")),
    ("invites", "accepted_at", None),
    ("queue", "held", Some("false")),
    ("suspensions", "answer_role", Some("'editor'")),
    ("suspensions", "not_by", None),
    ("suspensions", "state", Some("'open'")),
    ("tasks", "state", Some("'leased'")),
];

/// A table and the column that says whose a row is.
#[derive(Clone, Debug)]
pub struct Walled {
    /// The table.
    pub table: String,
    /// The column.
    pub owner: &'static str,
    /// Columns that are written, and their types.
    columns: Vec<(String, String)>,
}

impl Walled {
    /// Writes the workspace's row.
    pub fn insert(&self, workspace: WorkspaceId) -> String {
        let (mut names, mut values) = (String::new(), String::new());
        for (name, kind) in &self.columns {
            let odd = ODD.iter().find(|(table, column, _)| self.table == *table && name == column);
            let value = match (odd, kind.as_str()) {
                (Some((_, _, value)), _) => value.unwrap_or("NULL").to_owned(),
                _ if name == self.owner || name == "slug" => format!("'{workspace}'"),
                (_, "uuid") => format!("'{}'", thing(workspace)),
                (_, "text") => format!("'{TEXT}'"),
                (_, "bigint") => "1".to_owned(),
                (_, "boolean") => "false".to_owned(),
                (_, "bytea") => format!("'{workspace}'::bytea"),
                (_, other) => panic!("{}.{name} is {other}", self.table),
            };
            let comma = if names.is_empty() { "" } else { ", " };
            write!(names, "{comma}{name}").unwrap();
            write!(values, "{comma}{value}").unwrap();
        }
        format!("INSERT INTO {} ({names}) VALUES ({values})", self.table)
    }
}

/// The id of everything that a workspace has.
pub fn thing(workspace: WorkspaceId) -> Uuid {
    Uuid::from_u128(workspace.0.as_u128() + 1)
}

/// A database of one test.
pub struct Place {
    /// Where it is.
    pub url: String,
    name: String,
}

impl Place {
    /// With the rows of both workspaces.
    pub async fn filled() -> Self {
        // As the databases of other tests are called: what a test leaves behind that has failed is swept with theirs.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let name = format!("sluicegate_test_{now}_{}_{}", std::process::id(), Uuid::new_v4().simple());
        let server = test_server();
        run(&mut connect(&server).await, &format!("CREATE DATABASE {name}")).await.unwrap();
        let (cluster, _) = server.rsplit_once('/').unwrap();
        let place = Self { url: format!("{cluster}/{name}"), name };
        let required = Options { row_security: RowSecurity::Required, ..Options::default() };
        open(&place.url, required).await.unwrap().close().await;
        let mut owner = connect(&place.url).await;
        for workspace in [HOME, AWAY] {
            // What refers to others waits for them.
            let mut left = walled(&mut owner).await;
            while !left.is_empty() {
                let before = left.len();
                let mut refused = Vec::new();
                for table in left {
                    if let Err(error) = run(&mut owner, &table.insert(workspace)).await {
                        refused.push((table, error));
                    }
                }
                assert!(refused.len() < before, "{refused:?}");
                left = refused.into_iter().map(|(table, _)| table).collect();
            }
        }
        place
    }

    /// Drops it.
    pub async fn close(self) {
        run(&mut connect(&test_server()).await, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }
}

/// The tables that a wall is around.
pub async fn walled(owner: &mut PgConnection) -> Vec<Walled> {
    let rows = sqlx::query(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL) FROM pg_class AS c
             JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 AND a.attgenerated = '' AND a.attidentity = ''
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
         ORDER BY c.relname, a.attnum",
    );
    let mut tables: Vec<Walled> = Vec::new();
    for row in rows.fetch_all(owner).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        if tables.last().is_none_or(|last| last.table != table) {
            let owner = match table.as_str() {
                "workspaces" => "id",
                "idempotency" => "scope",
                _ => "workspace_id",
            };
            tables.push(Walled { table, owner, columns: Vec::new() });
        }
        tables.last_mut().unwrap().columns.push((column, kind));
    }
    tables
}

/// A connection as the owner.
pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// The role of the wall.
pub async fn role(place: &Place) -> String {
    let postgres = Postgres::new(&place.url).unwrap();
    wall::look(postgres.options(), &mut connect(&place.url).await).await.unwrap().unwrap()
}

/// Runs statements without parameters; answers how many rows the last one has changed.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Result<u64, sqlx::Error> {
    use sqlx::Executor;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.map(|done| done.rows_affected())
}

/// A number that a statement gives.
pub async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}
