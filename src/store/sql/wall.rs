//! The second wall between tenants, on PostgreSQL: policies on the tables (migration 22), and a role that they hold for.
//!
//! The engine's connections belong to the owner of the tables, which policies don't hold for. What names one workspace is asked and
//! written on connections that have taken the role and were told the workspace. The role owns nothing, nobody can log in as it, and
//! its name follows from the owner's: servers of other databases of the cluster, whose owner is another, have no part in it.

use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};

use crate::{config::RowSecurity, domain::ids::WorkspaceId, store::StoreError};

use super::{
    OpenError,
    backend::{Backend, Blame, Whom},
    postgres::Postgres,
};

/// What follows the owner's name in the role's.
const SUFFIX: &str = "_tenant";
/// PostgreSQL cuts off what is longer.
const LONGEST_NAME: usize = 63;
/// Servers that start at once make and grant the same things, in a cluster whose roles all of its databases share.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

const OWNER: &str =
    "SELECT pg_get_userbyid(c.relowner)::text, current_user::text, row_security_active(c.oid), n.nspname::text,
         quote_ident(pg_get_userbyid(c.relowner) || $1), quote_ident(current_user), quote_ident(n.nspname)
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = 'executions'::regclass";

/// The tables with a wall that the role can't use yet.
const OUT_OF_REACH: &str =
    "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $2 AND c.relkind = 'r' AND c.relrowsecurity AND NOT (
         has_schema_privilege($1, n.oid, 'USAGE') AND has_table_privilege($1, c.oid, 'SELECT')
         AND has_table_privilege($1, c.oid, 'INSERT') AND has_table_privilege($1, c.oid, 'UPDATE')
         AND has_table_privilege($1, c.oid, 'DELETE')
     ) ORDER BY 1";

const MAY_ENTER: &str = "SELECT has_schema_privilege($1, $2, 'USAGE')";

/// Servers that start at once take turns with the tables of their database.
const HOLD: &str = "SELECT pg_advisory_xact_lock(7814436580513051)";

/// The role that tenants are served under.
#[derive(Clone, Debug)]
pub struct Wall {
    /// Its name as SQL writes it.
    role: String,
    /// The workspace that connections are told in place of the one that they are taken for: a mistake of the program.
    #[cfg(test)]
    pub(super) instead: Option<WorkspaceId>,
}

impl Wall {
    /// Has a connection work for somebody from now on. One trip, and all or nothing.
    pub fn tell(&self, whom: Whom) -> String {
        match whom {
            Whom::Engine => "RESET ROLE; SET sluicegate.workspace = ''".to_owned(),
            Whom::Tenant(workspace) => self.told("", workspace),
        }
    }

    /// Begins a transaction that is a tenant's, up to its end. In one trip, and with `SET` alone: nothing of it reads, so the
    /// transaction can still choose what it sees.
    pub fn begin(&self, workspace: WorkspaceId) -> String {
        [Postgres::BEGIN, "; ", &self.told("LOCAL ", workspace)].concat()
    }

    fn told(&self, local: &str, workspace: WorkspaceId) -> String {
        #[cfg(test)]
        let workspace = self.instead.unwrap_or(workspace);
        let role = &self.role;
        format!("SET {local}ROLE {role}; SET {local}sluicegate.workspace = '{workspace}'")
    }

    /// The role is gone.
    #[cfg(test)]
    pub(super) fn lose(&mut self) {
        self.role.insert_str(0, "no_such_role_");
    }
}

/// Why the wall does not stand.
#[derive(Clone, Debug)]
pub struct Gap {
    /// What is missing.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

/// What the wall stands on. Names that end in `_sql` are as SQL writes them.
#[derive(Clone, Debug)]
struct Ground {
    owner: String,
    user: String,
    schema: String,
    role: String,
    role_sql: String,
    user_sql: String,
    schema_sql: String,
    /// Whether the policies hold for this user, the engine.
    holds_engine: bool,
}

impl Ground {
    async fn find(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(OWNER).bind(SUFFIX).fetch_one(connection).await?;
        let owner: String = row.try_get(0)?;
        let role = [owner.as_str(), SUFFIX].concat();
        Ok(Self {
            owner,
            user: row.try_get(1)?,
            holds_engine: row.try_get(2)?,
            schema: row.try_get(3)?,
            role,
            role_sql: row.try_get(4)?,
            user_sql: row.try_get(5)?,
            schema_sql: row.try_get(6)?,
        })
    }

    /// What is missing, and what somebody who may make roles can do about it.
    fn gap(&self, reason: String) -> Gap {
        let Self { role_sql, user_sql, schema_sql, .. } = self;
        let advice = format!(
            "somebody who may make roles can say: CREATE ROLE {role_sql} NOLOGIN; GRANT {role_sql} TO {user_sql}; \
             GRANT USAGE ON SCHEMA {schema_sql} TO {role_sql};"
        );
        Gap { reason, advice }
    }

    /// Whether this user can take the role: none is yes, otherwise why not.
    async fn obstacle(&self, connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
        let taken = run(connection, format!("SET ROLE {}; RESET ROLE", self.role_sql)).await;
        match taken {
            Ok(()) => Ok(None),
            Err(error) if Postgres::blame(&error) == Blame::Connection => Err(error),
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    async fn out_of_reach(&self, connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(OUT_OF_REACH).bind(&self.role).bind(&self.schema).fetch_all(connection).await
    }

    /// Looks whether the wall stands; builds what is missing of it if that is allowed. None: it stands.
    async fn missing(
        &self,
        options: &PgConnectOptions,
        connection: &mut PgConnection,
        build: bool,
    ) -> Result<Option<Gap>, sqlx::Error> {
        if !keeps_session(options, connection).await? {
            let reason = "a proxy in front of PostgreSQL lends its sessions for a transaction at a time".to_owned();
            let advice = "connect the server to PostgreSQL itself, or have the proxy lend sessions".to_owned();
            return Ok(Some(Gap { reason, advice }));
        }
        if self.role.len() > LONGEST_NAME {
            let reason = format!("the name of the role, {}, is too long", self.role);
            return Ok(Some(Gap { reason, advice: "let the tables have an owner with a shorter name".to_owned() }));
        }
        let mut obstacle = self.obstacle(connection).await?;
        if build && obstacle.is_some() {
            obstacle = self.make_role(connection).await?;
        }
        if let Some(obstacle) = obstacle {
            return Ok(Some(self.gap(obstacle)));
        }
        if build {
            // Only an owner can; whoever can't is told below.
            _ = self.grant(connection).await;
        }
        let tables = self.out_of_reach(connection).await?;
        if tables.is_empty() {
            return Ok(None);
        }
        let reason = format!("the role {} may not use {}", self.role, tables.join(", "));
        let advice = format!(
            "let {}, who owns the tables, run `sluicegate migrate`; and {}",
            self.owner,
            self.gap(String::new()).advice
        );
        Ok(Some(Gap { reason, advice }))
    }

    async fn make_role(&self, connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
        let Self { role_sql, user_sql, .. } = self;
        let mut reason = None;
        for _ in 0..ATTEMPTS {
            // The role may be there, and be granted: what counts is whether it can be taken.
            let made = run(connection, format!("CREATE ROLE {role_sql} NOLOGIN")).await;
            let granted = run(connection, format!("GRANT {role_sql} TO {user_sql}")).await;
            let Some(obstacle) = self.obstacle(connection).await? else { return Ok(None) };
            let collided = |done: &Result<(), sqlx::Error>| done.as_ref().is_err_and(has_collided);
            if !collided(&made) && !collided(&granted) {
                return Ok(Some(made.err().filter(is_forbidden).map_or(obstacle, |error| error.to_string())));
            }
            reason = Some(obstacle);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(reason)
    }

    /// Gives the role what it lacks: nothing, as a rule.
    async fn grant(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.out_of_reach(connection).await?.is_empty() {
            return Ok(());
        }
        let granted = async {
            run(connection, ["BEGIN; ", HOLD].concat()).await?;
            let tables = self.out_of_reach(connection).await?;
            if !tables.is_empty() {
                let Self { role_sql, schema_sql, .. } = self;
                let tables = tables.join(", ");
                // As a rule everybody may use the schema already, and it is not ours to give.
                if !sqlx::query_scalar(MAY_ENTER)
                    .bind(&self.role)
                    .bind(&self.schema)
                    .fetch_one(&mut *connection)
                    .await?
                {
                    run(connection, format!("GRANT USAGE ON SCHEMA {schema_sql} TO {role_sql}")).await?;
                }
                run(connection, format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role_sql}")).await?;
            }
            run(connection, "COMMIT".to_owned()).await
        };
        let granted = granted.await;
        if granted.is_err() {
            run(connection, "ROLLBACK".to_owned()).await?;
        }
        granted
    }
}

/// Somebody else has changed the same row of the catalogue: `tuple concurrently updated`, or made the same role.
fn has_collided(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("XX000" | "23505" | "40001" | "40P01"))
}

fn is_forbidden(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("42501")
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    use sqlx::Executor;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
}

/// Whether a connection is the same session from one statement to the next. Behind a proxy that lends sessions for a transaction at a
/// time it would be somebody else who is told for whom to work, and the engine would be asked as a tenant.
async fn keeps_session(options: &PgConnectOptions, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
        sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(connection).await
    }
    let mut other = options.connect().await?;
    let before = session(connection).await?;
    // Such a proxy lends this one the session that has just been given back, and the next statement gets another.
    run(&mut other, "BEGIN; SELECT 1".to_owned()).await?;
    let after = session(connection).await?;
    other.close().await?;
    Ok(before == after)
}

/// Looks for the wall of a database, and builds it if that is wanted and `build` allows to change something.
pub async fn raise(
    options: &PgConnectOptions,
    connection: &mut PgConnection,
    wanted: RowSecurity,
    build: bool,
) -> Result<Option<Wall>, StoreError> {
    let ground = Ground::find(connection).await?;
    if ground.holds_engine {
        return Err(OpenError::HeldByWall { user: ground.user, owner: ground.owner }.into());
    }
    if wanted == RowSecurity::Off {
        return Ok(None);
    }
    let Some(Gap { reason, advice }) = ground.missing(options, connection, build).await? else {
        return Ok(Some(Wall {
            role: ground.role_sql,
            #[cfg(test)]
            instead: None,
        }));
    };
    if wanted == RowSecurity::Required {
        return Err(OpenError::NoWall { reason, advice }.into());
    }
    tracing::warn!(
        reason,
        advice,
        "row-level security is not used, the statements alone keep tenants apart; `row-security` can be set to `off`"
    );
    Ok(None)
}

/// Whether the wall stands, as far as can be told without changing anything: its role, or why not.
pub async fn look(
    options: &PgConnectOptions,
    connection: &mut PgConnection,
) -> Result<Result<String, Gap>, sqlx::Error> {
    let ground = Ground::find(connection).await?;
    if ground.holds_engine {
        let error = OpenError::HeldByWall { user: ground.user, owner: ground.owner };
        return Ok(Err(Gap { reason: error.to_string(), advice: "let the owner of the tables serve".to_owned() }));
    }
    Ok(match ground.missing(options, connection, false).await? {
        None => Ok(ground.role),
        Some(gap) => Err(gap),
    })
}
