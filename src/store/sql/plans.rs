//! How PostgreSQL carries out what is asked of it, for tests: the real server, the real tables, and statistics that a test
//! makes. A planner that thinks wrongly of a table is no error that any answer shows.

use super::{
    RowSecurity,
    backend::{Backend, Cell, Purpose, Sql, Whom},
    made::Made,
    migrations::OF_POSTGRES,
    postgres::Postgres,
    wall,
};

/// A session with tables of its own, which go when it ends.
pub(super) struct Session {
    postgres: Postgres,
    connection: <Postgres as Backend>::Connection,
}

impl Session {
    /// Connects as the server does.
    pub(super) async fn open() -> Self {
        let postgres = Postgres::new(&test_server()).unwrap();
        let mut connection = postgres.connect(Purpose::Read).await.unwrap();
        Postgres::control(&mut connection, "SET search_path TO pg_temp").await.unwrap();
        OF_POSTGRES.run_direct(None, &mut connection, false).await.unwrap();
        let wall = wall::raise(postgres.options(), &mut connection, RowSecurity::Required, true).await.unwrap();
        Self { postgres: postgres.with_wall(wall), connection }
    }

    /// Plans for somebody from now on: for tenants there are conditions that no statement has. Begins with the engine.
    pub(super) async fn work_for(&mut self, whom: Whom) {
        self.postgres.tell(&mut self.connection, whom).await.unwrap();
    }

    /// Writes rows, and has statistics gathered. Only for the engine.
    pub(super) async fn fill(&mut self, rows: &'static str, cells: Vec<Cell>) {
        Postgres::execute(&mut self.connection, rows, cells).await.unwrap();
        Postgres::control(&mut self.connection, "ANALYZE").await.unwrap();
    }

    /// The plan of a statement, a line for each of its steps.
    pub(super) async fn plan(&mut self, text: &str, cells: Vec<Cell>) -> String {
        let explained = Made { text: ["EXPLAIN (COSTS OFF) ", text].concat().into(), kept: false };
        let rows = Postgres::fetch_until(&mut self.connection, Sql::Made(&explained), cells, |_| false).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| Postgres::get(row, 0).unwrap()).collect();
        steps.join("\n")
    }

    /// Ends the session.
    pub(super) async fn close(self) {
        Postgres::disconnect(self.connection).await;
        self.postgres.close().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the variable is the contract with scripts/test.sh, not a setting")]
pub(super) fn test_server() -> String {
    std::env::var("SLUICEGATE_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-postgres.sh");
        let output = std::process::Command::new(script).arg("url").output().expect("bash runs the script");
        String::from_utf8(output.stdout).expect("a URL is text").trim().to_owned()
    })
}
