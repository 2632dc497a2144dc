//! What the store reads and writes beside the domain's own types.

use crate::{
    clock::Instant,
    domain::{
        execution::Execution,
        identity::ApiKey,
        ids::{ExecutionId, InstanceId, NotificationId, PodId, WorkflowId, WorkspaceId},
        notification::{Attempt, NotificationState},
    },
};

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, newest first unless said otherwise.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end. Opaque above the store.
    pub next: Option<String>,
}

/// A page of a list by its number, with how long the whole list is.
#[derive(Clone, Debug)]
pub struct Counted<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many rows the list has on all of its pages. Counted just before or after the rows were read.
    pub total: i64,
}

/// One event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its position in the execution's log.
    pub seq: i64,
    /// The exact JSON of the wire.
    pub body: String,
}

/// A position in the feed: `(transaction, position)`, ordered so that a reader who has seen one never misses an earlier
/// one. On SQLite, where one writer commits in order, `transaction` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedCursor {
    /// The writing transaction (PostgreSQL's `xid8`).
    pub transaction: i64,
    /// The row's number.
    pub position: i64,
}

/// One row of the feed of status-level events of a workspace.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// Where it is.
    pub cursor: FeedCursor,
    /// The pod of the execution.
    pub pod_id: PodId,
    /// The workflow of the execution.
    pub workflow_id: WorkflowId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The event's position in the execution's log.
    pub seq: i64,
    /// The event's type.
    pub kind: String,
    /// The event as it is stored.
    pub body: String,
}

/// What is loaded to fold an execution.
#[derive(Clone, Debug)]
pub struct LoadedExecution {
    /// The row.
    pub execution: Execution,
    /// The instance that drives it.
    pub driver: Option<InstanceId>,
    /// The latest snapshot: the position it was taken at, and the state.
    pub snapshot: Option<(i64, String)>,
    /// The events after the snapshot, in order.
    pub tail: Vec<StoredEvent>,
}

/// An API key's row with what is needed to check and scope it.
#[derive(Clone, Debug)]
pub struct ApiKeyRecord {
    /// The key as the API shows it.
    pub key: ApiKey,
    /// SHA-256 of the whole key.
    pub digest: Vec<u8>,
}

/// What has become of one attempt to deliver a notification.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Which.
    pub id: NotificationId,
    /// Its `next_at` as it was claimed: it counts only while nobody else has claimed it since.
    pub leased_until: Instant,
    /// What it is from now on.
    pub state: NotificationState,
    /// When it is tried next.
    pub next_at: Option<Instant>,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// What the reconciler found and mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Executions taken back from instances that are gone.
    pub taken_over: u64,
    /// Live executions that nothing would ever have woken, put on the queue.
    pub requeued: u64,
}

/// What became of timers that were due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// How many were moved to the queue.
    pub moved: u64,
    /// Executions that have expired before they could begin.
    pub expired: Vec<(WorkspaceId, ExecutionId)>,
}

/// Counts for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct StoreCounts {
    /// Rows in the queue.
    pub queue_depth: i64,
    /// Those among them that wait for room.
    pub queue_held: i64,
    /// When the oldest queue row was put there.
    pub queue_oldest: Option<Instant>,
    /// Open suspensions.
    pub open_suspensions: i64,
    /// Timers that are due and not yet moved to the queue.
    pub timers_late: i64,
    /// Tasks that wait for a worker.
    pub tasks_queued: i64,
    /// Tasks that a worker has.
    pub tasks_leased: i64,
}

/// A word from another instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// The queue has something.
    Queue,
    /// This execution has new events.
    Events(ExecutionId),
    /// A queue of tasks has something.
    Tasks,
    /// This workspace's feed has new rows.
    Feed(WorkspaceId),
    /// Hints may have been lost: look at everything.
    Lost,
}
