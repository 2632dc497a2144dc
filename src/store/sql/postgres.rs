//! PostgreSQL 15 or later: one database for many instances.

use std::{fmt::Write, str::FromStr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Row,
    postgres::{PgArguments, PgConnectOptions, PgListener, PgPoolOptions, PgRow},
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::StreamExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    domain::ids::{ExecutionId, WorkspaceId},
    filter::Pattern,
    store::Hint,
};

use super::{
    backend::{Backend, Blame, Cell, Column, Dialect, Purpose, Sql, Step, Whom},
    batch::{Batch, Kind, Rows},
    made::Made,
    wall::Wall,
};

/// One channel for the whole database: a listener per instance, whatever the number of streams.
const CHANNEL: &str = "sluicegate";
/// Hints in one notification: an id is 22 characters and PostgreSQL takes less than 8,000 bytes.
const HINTS_PER_PAYLOAD: usize = 300;
/// Hints that wait for the receiver; beyond that the receiver has to look at everything anyway.
const HINTS_BUFFERED: usize = 4096;
/// How long a transaction may stand still. A server that is stopped or cut off in the middle of one keeps its locks, and with them
/// others from taking over what it ran, until the database ends the session: the database is not told of either.
const IDLE_IN_TRANSACTION: &str = "5s";
/// How long a new connection may take: where packets don't arrive, the system tries for minutes.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// The rest between two attempts to listen again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// The backend for `postgres://...`.
pub struct Postgres {
    options: PgConnectOptions,
    wall: Option<Wall>,
    /// Marks our own notifications, which are no news to us.
    tag: String,
    hints: Mutex<Option<PgConnection>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Postgres {
    /// A database by its URL.
    pub fn new(url: &str) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("sluicegate")
            .statement_cache_capacity(200)
            .options([("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION)])
            // Every statement is meant to be carried out through an index and is over in a moment. The queue is empty now
            // and full a second later: plans by yesterday's statistics would read whole tables.
            .options([("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")])
            .options([("jit", "off")]);
        let tag = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
        let (hints, stop, tasks) = (Mutex::default(), CancellationToken::new(), TaskTracker::new());
        Ok(Self { options, wall: None, tag, hints, stop, tasks })
    }

    /// With a wall between tenants.
    pub fn with_wall(self, wall: Option<Wall>) -> Self {
        Self { wall, ..self }
    }

    /// How a connection is opened.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

fn arguments(cells: Vec<Cell>) -> Result<PgArguments, sqlx::Error> {
    use sqlx::Arguments;
    let mut arguments = PgArguments::default();
    for cell in cells {
        match cell {
            Cell::Id(id) => arguments.add(id),
            Cell::Int(number) => arguments.add(number),
            Cell::Text(text) => arguments.add(text.as_deref()),
            Cell::Bytes(bytes) => arguments.add(bytes.as_deref()),
            Cell::Bool(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// One array per column.
fn arrays(batch: &Batch, rows: &Rows, arguments: &mut PgArguments) -> Result<(), sqlx::Error> {
    use sqlx::Arguments;
    let width = batch.columns().len();
    for (index, (name, kind)) in batch.columns().iter().enumerate() {
        let column = rows.cells().iter().skip(index).step_by(width);
        macro_rules! array {
            ($kind:ident, $value:ident => $as:expr) => {{
                let values = column.map(|cell| match cell {
                    Cell::$kind($value) => $as,
                    other => unreachable!("column {name} of a batch holds {other:?}"),
                });
                arguments.add(values.collect::<Vec<_>>())
            }};
        }
        match kind {
            Kind::Id => array!(Id, id => *id),
            Kind::Int => array!(Int, number => *number),
            Kind::Text => array!(Text, text => text.as_deref()),
            Kind::Bytes => array!(Bytes, bytes => bytes.as_deref()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

/// The steps of a transaction in as few statements as may be. All parts of a statement see the database as it was before it, so
/// a step that names a table which an earlier one writes to begins the next statement.
fn statements<'s, 'r>(steps: &'s [Step<'r>]) -> Vec<&'s [Step<'r>]> {
    let (mut statements, mut first) = (Vec::new(), 0);
    for (index, step) in steps.iter().enumerate() {
        if steps[first..index].iter().any(|earlier| step.batch.mentions(earlier.batch.table())) {
            statements.push(&steps[first..index]);
            first = index;
        }
    }
    statements.push(&steps[first..]);
    statements
}

/// One statement of several steps, and its parameters. Each step is a part in front (`s0`, `s1`, ...), and they are asked for how
/// many rows they have changed in their own order, which is the order of the locks: parts that nobody asks are run last first.
fn joined(steps: &[Step<'_>]) -> Result<(String, PgArguments), sqlx::Error> {
    let (mut text, mut asked) = (String::from("WITH "), String::from(" SELECT "));
    let (mut arguments, mut taken) = (PgArguments::default(), 0);
    for (index, step) in steps.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(text, "{comma}s{index} AS (").expect("writing to a string");
        step.batch.postgres_part(taken, &mut text);
        text.push(')');
        if step.every {
            // Where not every row has changed one, a division by zero ends the transaction.
            write!(
                asked,
                "{comma}1 / CASE (SELECT count(*) FROM s{index}) WHEN cardinality(${}) THEN 1 ELSE 0 END",
                taken + 1
            )
        } else {
            write!(asked, "{comma}(SELECT count(*) FROM s{index})")
        }
        .expect("writing to a string");
        arrays(step.batch, &step.rows, &mut arguments)?;
        taken += step.batch.columns().len();
    }
    text.push_str(&asked);
    Ok((text, arguments))
}

async fn run_joined(connection: &mut PgConnection, steps: &[Step<'_>]) -> Result<(), sqlx::Error> {
    let (text, arguments) = joined(steps)?;
    sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await.map(drop)
}

impl Backend for Postgres {
    type Connection = PgConnection;
    type Row = PgRow;

    const BEGIN: &'static str = "BEGIN";
    /// The arrays of a statement hold any number of rows.
    const AT_ONCE: usize = usize::MAX;

    async fn connect(&self, purpose: Purpose) -> Result<PgConnection, sqlx::Error> {
        let timeout = match purpose {
            Purpose::Read => "30s",
            // Deleting a large workspace is one statement.
            Purpose::Write => "300s",
        };
        let mut options = self.options.clone().options([("statement_timeout", timeout)]);
        if purpose == Purpose::Write {
            // Rows are found by their keys, however many a batch has: planning anew each time would take longer than writing.
            options = options.options([("plan_cache_mode", "force_generic_plan")]);
        }
        let connecting = tokio::time::timeout(CONNECT_PATIENCE, PgConnection::connect_with(&options)).await;
        connecting.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    fn is_walled(&self) -> bool {
        self.wall.is_some()
    }

    async fn tell(&self, connection: &mut PgConnection, whom: Whom) -> Result<(), sqlx::Error> {
        let Some(wall) = &self.wall else { return Ok(()) };
        sqlx::raw_sql(AssertSqlSafe(wall.tell(whom))).execute(connection).await.map(drop)
    }

    async fn begin(&self, connection: &mut PgConnection, whom: Whom) -> Result<(), sqlx::Error> {
        match (&self.wall, whom) {
            (Some(wall), Whom::Tenant(workspace)) => {
                sqlx::raw_sql(AssertSqlSafe(wall.begin(workspace))).execute(connection).await.map(drop)
            }
            _ => Self::control(connection, Self::BEGIN).await,
        }
    }

    async fn disconnect(connection: PgConnection) {
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a database connection did not close in order");
        }
    }

    fn pick(dialect: Dialect) -> &'static str {
        dialect.postgres
    }

    fn pattern(pattern: &Pattern) -> String {
        pattern.like()
    }

    async fn control(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(connection).await.map(drop)
    }

    async fn execute(connection: &mut PgConnection, sql: &'static str, cells: Vec<Cell>) -> Result<u64, sqlx::Error> {
        Ok(sqlx::query_with(sql, arguments(cells)?).execute(connection).await?.rows_affected())
    }

    async fn fetch_until(
        connection: &mut PgConnection,
        sql: Sql<'_>,
        cells: Vec<Cell>,
        mut enough: impl FnMut(&PgRow) -> bool + Send,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
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
        connection: &mut PgConnection,
        batch: &'static Batch,
        rows: &Rows,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut arguments = PgArguments::default();
        arrays(batch, rows, &mut arguments)?;
        sqlx::query_with(batch.postgres(), arguments).fetch_all(connection).await
    }

    /// Each statement is a trip to the server, which costs more than most of them do there. What fits into one statement is a
    /// transaction by itself, without a begin and a commit.
    async fn at_once(
        &self,
        connection: &mut PgConnection,
        steps: &[Step<'_>],
    ) -> Result<Option<Vec<i64>>, sqlx::Error> {
        // The positions of rows in the feed are of use only to whoever has the database for himself.
        let written = Ok(Some(Vec::new()));
        let statements = statements(steps);
        if let [alone] = statements.as_slice() {
            return match run_joined(connection, alone).await {
                Ok(()) => written,
                // What the server reports of a statement, it has not committed.
                Err(error) if Self::blame(&error) != Blame::Connection => Ok(None),
                Err(error) => Err(error),
            };
        }
        if Self::control(connection, Self::BEGIN).await.is_err() {
            return Ok(None);
        }
        for statement in statements {
            if let Err(error) = run_joined(connection, statement).await {
                // A connection that is lost takes what was not committed with it; whoever takes it next notices.
                let over =
                    Self::blame(&error) == Blame::Connection || Self::control(connection, "ROLLBACK").await.is_ok();
                return if over { Ok(None) } else { Err(error) };
            }
        }
        Self::control(connection, "COMMIT").await?;
        written
    }

    fn text_bytes(row: &PgRow, index: usize) -> usize {
        row.try_get::<&str, _>(index).map_or(0, str::len)
    }

    fn get<T: Column>(row: &PgRow, index: usize) -> Result<T, sqlx::Error> {
        row.try_get(index)
    }

    fn blame(error: &sqlx::Error) -> Blame {
        match error {
            sqlx::Error::Encode(_) => Blame::Values,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed => {
                Blame::Connection
            }
            sqlx::Error::Database(error) => match error.code().as_deref() {
                // serialization_failure, deadlock_detected, lock_not_available
                Some("40001" | "40P01" | "55P03") => Blame::Collision,
                // Two writers have ended one chain at once: one of them trusted its memory. The other one looks again.
                Some("23505") if error.constraint() == Some("audit_pkey") => Blame::Collision,
                // shutdowns, "too many connections" apart, and connection exceptions
                Some("57P01" | "57P02" | "57P03" | "25P03") => Blame::Connection,
                Some(code) => match code.get(..2) {
                    Some("08") => Blame::Connection,
                    // data exceptions, constraints, program limits
                    Some("22" | "23" | "54") => Blame::Values,
                    _ => Blame::Database,
                },
                None => Blame::Database,
            },
            _ => Blame::Database,
        }
    }

    async fn send_hints(&self, hints: &[Hint]) -> Result<(), sqlx::Error> {
        let payloads: Vec<String> = hints.chunks(HINTS_PER_PAYLOAD).map(|chunk| encode(&self.tag, chunk)).collect();
        // Taken out while in use: a dropped caller leaves no half-used connection behind.
        let mut slot = self.hints.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect(Purpose::Read).await?,
        };
        sqlx::query("SELECT pg_notify($1, payload) FROM UNNEST($2::text[]) AS payload")
            .bind(CHANNEL)
            .bind(payloads)
            .execute(&mut connection)
            .await?;
        *slot = Some(connection);
        Ok(())
    }

    async fn listen(&self) -> Result<Option<mpsc::Receiver<Hint>>, sqlx::Error> {
        let (sender, receiver) = mpsc::channel(HINTS_BUFFERED);
        let listener = listener(&self.options).await?;
        let (options, tag, stop) = (self.options.clone(), self.tag.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(forward(listener, options, tag, sender)).await;
        });
        Ok(Some(receiver))
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(connection) = self.hints.lock().await.take() {
            Self::disconnect(connection).await;
        }
    }
}

async fn listener(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Passes hints on until the receiver is dropped. What was said while the connection was down is lost, so a new
/// connection begins with [`Hint::Lost`].
async fn forward(mut listener: PgListener, options: PgConnectOptions, tag: String, sender: mpsc::Sender<Hint>) {
    loop {
        let received = tokio::select! {
            received = listener.try_recv() => received,
            () = sender.closed() => return,
        };
        let hints = match received {
            Ok(Some(notification)) => decode(&tag, notification.payload()),
            lost => {
                tracing::warn!(error = ?lost.err(), "lost the connection that listens for hints");
                listener = loop {
                    match self::listener(&options).await {
                        Ok(listener) => break listener,
                        Err(error) => tracing::debug!(%error, "could not listen for hints"),
                    }
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                };
                vec![Hint::Lost]
            }
        };
        for hint in hints {
            // A receiver that is behind needs no more hints, only to know that it missed some.
            if sender.try_send(hint).is_err() && sender.send(Hint::Lost).await.is_err() {
                return;
            }
        }
    }
}

fn encode(tag: &str, hints: &[Hint]) -> String {
    let mut payload = tag.to_owned();
    for hint in hints {
        let (letter, id) = match hint {
            Hint::Queue => ('q', None),
            Hint::Tasks => ('t', None),
            Hint::Events(execution) => ('e', Some(execution.0)),
            Hint::Feed(workspace) => ('f', Some(workspace.0)),
            Hint::Lost => ('l', None),
        };
        payload.push(',');
        payload.push(letter);
        if let Some(id) = id {
            URL_SAFE_NO_PAD.encode_string(id.as_bytes(), &mut payload);
        }
    }
    payload
}

/// The hints of a payload, none of our own. A payload of another version reads as [`Hint::Lost`].
fn decode(tag: &str, payload: &str) -> Vec<Hint> {
    let mut parts = payload.split(',');
    if parts.next() == Some(tag) {
        return Vec::new();
    }
    let id = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
    parts
        .map(|part| match part.split_at_checked(1) {
            Some(("q", "")) => Hint::Queue,
            Some(("t", "")) => Hint::Tasks,
            Some(("e", text)) => id(text).map_or(Hint::Lost, |id| Hint::Events(ExecutionId(id))),
            Some(("f", text)) => id(text).map_or(Hint::Lost, |id| Hint::Feed(WorkspaceId(id))),
            _ => Hint::Lost,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::store::sql::{
        audit::INSERT_AUDIT,
        commit::{CLOSE_SUSPENSIONS, ENQUEUE, OPEN_SUSPENSIONS, SET_TIMERS},
    };

    fn step(batch: &'static Batch, every: bool) -> Step<'static> {
        let mut rows = Rows::default();
        rows.push(0, batch.columns().iter().map(|_| Cell::Id(Some(Uuid::nil()))).collect());
        Step { batch, rows: Cow::Owned(rows), every }
    }

    #[test]
    fn a_step_that_looks_at_what_another_writes_begins_the_next_statement() {
        let steps = [&OPEN_SUSPENSIONS, &SET_TIMERS, &ENQUEUE, &ENQUEUE, &INSERT_AUDIT, &CLOSE_SUSPENSIONS];
        let steps = steps.map(|batch| step(batch, false));
        let tables = statements(&steps).into_iter().map(|statement| statement.iter().map(|step| step.batch.table()));
        let tables: Vec<Vec<_>> = tables.map(Iterator::collect).collect();
        assert_eq!(tables, [vec!["suspensions", "timers", "queue"], vec!["queue", "audit", "suspensions"]]);
    }

    #[test]
    fn steps_are_joined_in_the_order_of_their_locks() {
        let ids = Batch::new(&[("id", Kind::Id)], "DELETE FROM ones WHERE id IN (SELECT id FROM batch) RETURNING id");
        let other =
            Batch::new(&[("id", Kind::Id), ("at", Kind::Id)], "INSERT INTO others (id, at) SELECT id, at FROM batch");
        let (ids, other): (&'static Batch, &'static Batch) = (Box::leak(Box::new(ids)), Box::leak(Box::new(other)));
        let (text, _) = joined(&[step(ids, true), step(other, false)]).unwrap();
        let expected = "WITH s0 AS (WITH batch (id) AS (SELECT * FROM UNNEST($1::uuid[])) \
            DELETE FROM ones WHERE id IN (SELECT id FROM batch) RETURNING id), \
            s1 AS (WITH batch (id, at) AS (SELECT * FROM UNNEST($2::uuid[], $3::uuid[])) \
            INSERT INTO others (id, at) SELECT id, at FROM batch RETURNING 1) \
            SELECT 1 / CASE (SELECT count(*) FROM s0) WHEN cardinality($1) THEN 1 ELSE 0 END, (SELECT count(*) FROM s1)";
        assert_eq!(text, expected);
    }

    #[test]
    fn hints_survive_the_payload_and_fit_into_it() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let hints = [Hint::Queue, Hint::Tasks, Hint::Events(ExecutionId(id)), Hint::Feed(WorkspaceId(id)), Hint::Lost];
        assert_eq!(decode("other", &encode("us", &hints)), hints);
        assert_eq!(decode("us", &encode("us", &hints)), []);
        assert_eq!(decode("us", "other,e!,x"), [Hint::Lost, Hint::Lost]);
        let many = vec![Hint::Events(ExecutionId(id)); HINTS_PER_PAYLOAD];
        assert!(encode(&URL_SAFE_NO_PAD.encode([0; 16]), &many).len() < 8000);
    }
}
