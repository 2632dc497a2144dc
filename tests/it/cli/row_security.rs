//! Row-level security as operators meet it: with a database user who may not make the role for it, and with one who sees nothing.

use sluicegate::store::sql::{self, Options, RowSecurity};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::postgres::{self, Database};

/// A database that belongs to a user who may do nothing else.
struct Plain {
    database: Database,
    admin: PgConnection,
    user: String,
}

impl Plain {
    async fn new(kind: &str) -> Self {
        let database = postgres::empty_database().await;
        let mut admin = PgConnection::connect(&database.url).await.unwrap();
        let user = format!("{kind}_{}", std::process::id());
        run(
            &mut admin,
            &format!("CREATE ROLE {user} LOGIN PASSWORD 'of a test'; GRANT CREATE ON SCHEMA public TO {user}"),
        )
        .await;
        Self { database, admin, user }
    }

    fn url_of(&self, user: &str) -> String {
        let mut url = url::Url::parse(&self.database.url).unwrap();
        url.set_username(user).unwrap();
        url.set_password(Some("of a test")).unwrap();
        url.to_string()
    }

    /// Roles stay behind otherwise: they are the cluster's.
    async fn end(mut self, others: &[&str]) {
        let Self { user, .. } = &self;
        let mut roles = vec![user.clone(), format!("{user}_tenant")];
        roles.extend(others.iter().map(|role| (*role).to_owned()));
        for role in roles {
            run(&mut self.admin, &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await;
        }
    }
}

async fn run(admin: &mut PgConnection, sql: &str) {
    admin.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn a_user_who_may_not_make_roles_is_told_what_to_ask_for() {
    let mut plain = Plain::new("plain").await;
    let (user, url) = (plain.user.clone(), plain.url_of(&plain.user));
    // As the chapter has them, of a user of another name.
    let chapter = include_str!("../../../docs/operations.md");
    let (lines, _) = chapter.split_once("```sql\n").unwrap().1.split_once("```").unwrap();
    let lines: Vec<String> = lines.lines().map(|line| line.replace("flows", &user)).collect();
    assert_eq!(lines[0], format!("CREATE ROLE {user}_tenant NOLOGIN;"));
    let advised = |text: &str| lines.iter().all(|line| text.contains(line));
    let doctor = async |wanted: &str| {
        super::alone(&["doctor", "--listen", "127.0.0.1:0", "--store", &url, "--row-security", wanted]).await
    };
    let start = async |wanted: &str| {
        super::alone(&["migrate", "--log", "warn", "--store", &url, "--row-security", wanted]).await
    };

    // Refused, and nobody is surprised later: with the same words as the warning.
    let ran = start("required").await;
    assert!(ran.code != 0 && ran.stderr.contains("`row-security` is required") && advised(&ran.stderr), "{ran:?}");
    let ran = start("auto").await;
    ran.expect(0);
    assert!(ran.stderr.contains("row-level security is not used") && advised(&ran.stderr), "{ran:?}");
    let ran = start("off").await;
    assert!(ran.code == 0 && !ran.stderr.contains("row-level"), "{ran:?}");
    let found = doctor("auto").await;
    assert!(found.expect(0).contains("warn  row security: ") && advised(&found.stdout), "{found:?}");
    let found = doctor("required").await;
    assert!(found.expect(1).contains("fail  row security: ") && advised(&found.stdout), "{found:?}");
    let found = doctor("off").await;
    assert!(found.expect(0).contains("ok    row security: it is off"), "{found:?}");

    // It serves all the same.
    let served = super::alone(&["init", "--json", "--log", "warn", "--store", &url]).await;
    let workspace = served.json(0)["workspaceId"].as_str().unwrap().parse().unwrap();
    let options = Options { row_security: RowSecurity::Auto, ..Options::default() };
    let store = sql::open(&url, options).await.unwrap();
    assert_eq!(store.workspace(workspace).await.unwrap().id, workspace);
    store.close().await;

    for line in &lines {
        run(&mut plain.admin, line).await;
    }
    let found = doctor("auto").await;
    assert!(found.expect(0).contains("may not use"), "the tables are the server's to give: {found:?}");
    let ran = start("required").await;
    assert!(ran.code == 0 && ran.stderr.is_empty(), "{ran:?}");
    let found = doctor("auto").await;
    assert!(found.expect(0).contains(&format!("ok    row security: tenants are served as {user}_tenant")), "{found:?}");
    let required = Options { row_security: RowSecurity::Required, ..Options::default() };
    let store = sql::open(&url, required).await.unwrap();
    assert_eq!(store.workspace(workspace).await.unwrap().id, workspace);
    store.close().await;
    plain.end(&[]).await;
}

/// Without the check it would find an empty database, and serve that.
#[tokio::test]
async fn a_user_who_would_see_nothing_does_not_serve() {
    let mut plain = Plain::new("owner").await;
    let required = Options { row_security: RowSecurity::Required, ..Options::default() };
    run(&mut plain.admin, &format!("ALTER ROLE {} CREATEROLE", plain.user)).await;
    sql::open(&plain.url_of(&plain.user), required).await.unwrap().close().await;
    let guest = format!("guest_{}", std::process::id());
    let rights =
        format!("CREATE ROLE {guest} LOGIN PASSWORD 'of a test'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {guest}");
    run(&mut plain.admin, &rights).await;
    for row_security in [RowSecurity::Auto, RowSecurity::Required, RowSecurity::Off] {
        let options = Options { migrate: false, row_security, ..Options::default() };
        let error = sql::open(&plain.url_of(&guest), options).await.err().expect("it is refused").to_string();
        assert!(error.contains(&guest) && error.contains(&format!("let {}", plain.user)), "{error}");
    }
    // A member of the owner is one for this purpose.
    run(&mut plain.admin, &format!("GRANT {} TO {guest}", plain.user)).await;
    let options = Options { migrate: false, row_security: RowSecurity::Required, ..Options::default() };
    sql::open(&plain.url_of(&guest), options).await.unwrap().close().await;
    plain.end(&[&guest]).await;
}

/// Roles are the cluster's: databases that are made at once, by one user, share theirs.
#[tokio::test(flavor = "multi_thread")]
async fn servers_of_many_databases_make_one_role_at_once() {
    let plain = Plain::new("many").await;
    let mut admin = PgConnection::connect(&plain.database.url).await.unwrap();
    run(&mut admin, &format!("ALTER ROLE {} CREATEROLE", plain.user)).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let other = Plain { database: postgres::empty_database().await, admin, user: plain.user.clone() };
        admin = PgConnection::connect(&other.database.url).await.unwrap();
        run(&mut admin, &format!("GRANT CREATE ON SCHEMA public TO {}", plain.user)).await;
        others.push(other);
    }
    let mut starting = tokio::task::JoinSet::new();
    for place in others.iter().chain([&plain]) {
        // Two for each: the tables are given once.
        for _ in 0..2 {
            let url = place.url_of(&plain.user);
            let required = Options { row_security: RowSecurity::Required, ..Options::default() };
            starting.spawn(async move { sql::open(&url, required).await.map(drop) });
        }
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
    drop(others);
    plain.end(&[]).await;
}
