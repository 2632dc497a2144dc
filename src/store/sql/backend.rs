//! The small part that differs between the databases, and the values that go in and out of both.
//!
//! A statement is one literal for both wherever SQL allows it; [`Dialect`] is the pair for the few that differ. Values go
//! in as [`Cell`]s, one closed type, so that nothing outside the two backends is generic over sqlx's traits, and come out
//! through [`Columns`].

use std::{borrow::Cow, future::Future, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Decode, Postgres, Sqlite, Type};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::ids::{
        ApiKeyId, ArtifactId, BulkJobId, DeliveryId, ExecutionId, InstanceId, InviteId, LinkId, NotificationId, PodId,
        ScheduleId, SubjectId, SuspensionId, TaskId, WebhookId, WorkflowId, WorkspaceId,
    },
    filter::Pattern,
    store::{Hint, StoreError},
};

use super::{
    batch::{Batch, Rows},
    made::Made,
};

/// One statement of a transaction that is written in one go.
#[derive(Debug)]
pub struct Step<'r> {
    /// The statement.
    pub batch: &'static Batch,
    /// Its rows, at least one.
    pub rows: Cow<'r, Rows>,
    /// Whether the transaction is only right if each of the rows changes one.
    pub every: bool,
}

/// A value on its way in. Its kind is known even when it is null: PostgreSQL asks for the type of every parameter.
#[derive(Clone, Debug)]
pub enum Cell {
    /// An id.
    Id(Option<Uuid>),
    /// A number or an instant.
    Int(Option<i64>),
    /// A text. Cloning it copies no bytes, so a batch can be tried again.
    Text(Option<Arc<str>>),
    /// Bytes.
    Bytes(Option<Arc<[u8]>>),
    /// Yes or no.
    Bool(bool),
}

macro_rules! cell_from {
    ($($kind:ident: $($from:ty => $value:expr),+;)+) => {$($(
        impl From<$from> for Cell {
            fn from(value: $from) -> Self {
                let convert: fn($from) -> _ = $value;
                Self::$kind(Some(convert(value)))
            }
        }
        impl From<Option<$from>> for Cell {
            fn from(value: Option<$from>) -> Self {
                let convert: fn($from) -> _ = $value;
                Self::$kind(value.map(convert))
            }
        }
    )+)+};
}

cell_from! {
    Id: Uuid => |id| id, WorkspaceId => |id| id.0, PodId => |id| id.0, WorkflowId => |id| id.0, ExecutionId => |id| id.0,
        SuspensionId => |id| id.0, TaskId => |id| id.0, ApiKeyId => |id| id.0, InviteId => |id| id.0, InstanceId => |id| id.0,
        ScheduleId => |id| id.0, NotificationId => |id| id.0, LinkId => |id| id.0,
        WebhookId => |id| id.0, DeliveryId => |id| id.0, BulkJobId => |id| id.0,
        ArtifactId => |id| id.0, SubjectId => |id| id.0;
    Int: i64 => |number| number, i32 => i64::from, u16 => i64::from, Instant => |at| at.0;
    Text: &str => |text| Arc::from(text), String => Arc::from, &String => |text| Arc::from(text.as_str()), Arc<str> => |text| text;
    Bytes: &[u8] => |bytes| Arc::from(bytes), Vec<u8> => Arc::from, &Vec<u8> => |bytes| Arc::from(bytes.as_slice());
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl Cell {
    /// Null.
    pub const NOTHING: Self = Self::Int(None);

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Id(None) | Self::Int(None) | Self::Text(None) | Self::Bytes(None))
    }

    /// The name of a value of a closed list.
    pub fn name(value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(name)) => Self::from(name),
            other => unreachable!("a closed list's value is a name, not {other:?}"),
        }
    }

    /// A value as JSON text.
    pub fn json(value: &impl Serialize) -> Self {
        Self::from(serde_json::to_string(value).expect("the domain holds nothing that JSON can't"))
    }
}

/// The parameters of a statement: `cells![workspace, id, limit]`.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::backend::Cell::from($value)),*] };
}
pub(super) use cells;

/// A type that both databases give back.
pub trait Column: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

/// One statement in the two dialects.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// As SQLite reads it.
    pub sqlite: &'static str,
    /// As PostgreSQL reads it.
    pub postgres: &'static str,
}

/// A statement that is read with.
#[derive(Clone, Copy, Debug)]
pub enum Sql<'s> {
    /// A literal.
    Literal(&'static str),
    /// One that was put together.
    Made(&'s Made),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Transactions that write.
    Write,
    /// Single reading statements.
    Read,
}

/// For whom a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// For the engine, which sees all workspaces.
    Engine,
    /// For one workspace. Where the database has a wall between tenants, it shows nothing of another one.
    Tenant(WorkspaceId),
}

/// Who is to blame for an error, and so what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The statement's own values: nothing else is affected.
    Values,
    /// A collision with another transaction: the same again may work.
    Collision,
    /// The connection is gone, and others to the same server perhaps too.
    Connection,
    /// The database.
    Database,
}

/// One database.
pub trait Backend: Send + Sync + 'static {
    /// A connection.
    type Connection: Send + 'static;
    /// A row that was read.
    type Row: Send + Sync + 'static;

    /// What starts a transaction that writes.
    const BEGIN: &'static str;
    /// Before a column: no index is to be looked into for it. Where the planner knows how many rows there are, it is left to it.
    const UNINDEXED: &'static str = "";
    /// The most rows of a transaction that is tried with [`Self::at_once`].
    const AT_ONCE: usize = 0;

    /// Opens a connection.
    fn connect(&self, purpose: Purpose) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send;

    /// Whether there is a wall between tenants, so that a connection has to be told for whom it works. Without one all work for
    /// the engine.
    fn is_walled(&self) -> bool {
        false
    }

    /// Tells a connection for whom it works from now on. After an error nobody may use it.
    fn tell(
        &self,
        connection: &mut Self::Connection,
        whom: Whom,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        _ = (connection, whom);
        std::future::ready(Ok(()))
    }

    /// Begins a transaction that writes, for somebody, on a connection that works for the engine before and after it.
    fn begin(
        &self,
        connection: &mut Self::Connection,
        whom: Whom,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        _ = whom;
        Self::control(connection, Self::BEGIN)
    }

    /// Closes a connection in order.
    fn disconnect(connection: Self::Connection) -> impl Future<Output = ()> + Send;

    /// The text of this database.
    fn pick(dialect: Dialect) -> &'static str;

    /// A pattern as this database's operator for patterns reads it.
    fn pattern(pattern: &Pattern) -> String;

    /// Runs a statement without parameters that is not worth preparing.
    fn control(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs a statement; answers how many rows it changed.
    fn execute(
        connection: &mut Self::Connection,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// Runs a statement; answers its rows, up to the first one that `enough` says yes to.
    fn fetch_until(
        connection: &mut Self::Connection,
        sql: Sql<'_>,
        cells: Vec<Cell>,
        enough: impl FnMut(&Self::Row) -> bool + Send,
    ) -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send;

    /// Runs a statement; answers its rows.
    fn fetch(
        connection: &mut Self::Connection,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send {
        Self::fetch_until(connection, Sql::Literal(sql), cells, |_| false)
    }

    /// Runs a statement over all `rows`; answers what it returns.
    fn batch(
        connection: &mut Self::Connection,
        batch: &'static Batch,
        rows: &Rows,
    ) -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send;

    /// Runs all of a transaction, its begin and its commit too, in one trip to the database; answers the last row id that was
    /// given when each step had run. None if that can't be, or something is not as the steps say: then nothing is written.
    /// An error leaves it unknown.
    fn at_once(
        &self,
        connection: &mut Self::Connection,
        steps: &[Step<'_>],
    ) -> impl Future<Output = Result<Option<Vec<i64>>, sqlx::Error>> + Send {
        _ = (connection, steps);
        std::future::ready(Ok(None))
    }

    /// How many bytes a text column of a row has.
    fn text_bytes(row: &Self::Row, index: usize) -> usize;

    /// A column of a row.
    fn get<T: Column>(row: &Self::Row, index: usize) -> Result<T, sqlx::Error>;

    /// Who is to blame for an error.
    fn blame(error: &sqlx::Error) -> Blame;

    /// Called after a transaction was committed.
    fn committed(&self) {}

    /// Tells other instances.
    fn send_hints(&self, hints: &[Hint]) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// What other instances tell.
    fn listen(&self) -> impl Future<Output = Result<Option<mpsc::Receiver<Hint>>, sqlx::Error>> + Send;

    /// Ends what the backend does beside its connections.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Reads the columns of a row from left to right.
pub struct Columns<'r, B: Backend> {
    row: &'r B::Row,
    index: usize,
    backend: PhantomData<B>,
}

impl<'r, B: Backend> Columns<'r, B> {
    /// From the first one.
    pub fn new(row: &'r B::Row) -> Self {
        Self { row, index: 0, backend: PhantomData }
    }

    /// The next one.
    pub fn next<T: Column>(&mut self) -> Result<T, StoreError> {
        self.index += 1;
        B::get(self.row, self.index - 1).map_err(StoreError::from)
    }

    /// The next one, a small number.
    pub fn small(&mut self) -> Result<i32, StoreError> {
        let number = self.next::<i64>()?;
        i32::try_from(number).map_err(|error| StoreError::Damaged { what: "number", reason: error.to_string() })
    }

    /// The next one, an id of some kind.
    pub fn id<T: From<Uuid>>(&mut self) -> Result<T, StoreError> {
        self.next::<Uuid>().map(T::from)
    }

    /// The next one, an id of some kind or nothing.
    pub fn maybe_id<T: From<Uuid>>(&mut self) -> Result<Option<T>, StoreError> {
        Ok(self.next::<Option<Uuid>>()?.map(T::from))
    }

    /// The next one, an instant.
    pub fn at(&mut self) -> Result<Instant, StoreError> {
        self.next().map(Instant)
    }

    /// The next one, an instant or nothing.
    pub fn maybe_at(&mut self) -> Result<Option<Instant>, StoreError> {
        Ok(self.next::<Option<i64>>()?.map(Instant))
    }

    /// The next one, JSON text.
    pub fn json<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T, StoreError> {
        parse(what, &self.next::<String>()?)
    }

    /// The next one, the name of a value of a closed list, or nothing.
    pub fn maybe_name<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<Option<T>, StoreError> {
        let read = |name: String| {
            T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name))
                .map_err(|error| StoreError::Damaged { what, reason: error.to_string() })
        };
        self.next::<Option<String>>()?.map(read).transpose()
    }

    /// The next one, JSON text or nothing.
    pub fn maybe_json<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<Option<T>, StoreError> {
        self.next::<Option<String>>()?.map(|text| parse(what, &text)).transpose()
    }

    /// The next one, the name of a value of a closed list.
    pub fn name<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T, StoreError> {
        let name = self.next::<String>()?;
        T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name))
            .map_err(|error| StoreError::Damaged { what, reason: error.to_string() })
    }
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged { what, reason: error.to_string() })
}
