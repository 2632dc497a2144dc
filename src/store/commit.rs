//! What the engine writes about one execution, in one piece: the events and every row that is a projection of them.

use crate::{
    clock::Instant,
    domain::{
        artifact::Artifact,
        audit::AuditEntry,
        execution::{Execution, ExecutionProgress},
        identity::Role,
        ids::{ExecutionId, InstanceId, PodId, SubjectId, SuspensionId, TaskId, WorkflowId, WorkspaceId},
        notification::{Notification, ResponseLink},
        reprocessing::Reprocessing,
        span::Span,
        suspension::{Decision, Standing, Suspension, SuspensionState},
        task::Task,
        webhook::WebhookDelivery,
    },
};

use super::{catalogue::IdempotentReply, schedules::Settlement};

/// One atomic write to one execution (and the children it creates).
#[derive(Clone, Debug)]
pub struct Commit {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// A new execution, or the next events of one.
    pub write: ExecutionWrite,
    /// The instance that drives the execution afterwards; none parks it.
    pub driver: Option<InstanceId>,
    /// The new events, in order.
    pub events: Vec<EventRow>,
    /// Puts the execution on the queue (again).
    pub queue: Option<QueueRow>,
    /// The execution's one timer: when it must be woken next.
    pub timer: TimerChange,
    /// Suspensions that open or close.
    pub suspensions: Vec<SuspensionChange>,
    /// What is sent about suspensions that open.
    pub notices: Notices,
    /// Tasks that begin, change hands, or are over.
    pub tasks: Vec<TaskChange>,
    /// Executions that a node starts.
    pub children: Vec<NewChild>,
    /// An execution to put on the queue as well: the parent of one that ended.
    pub wake: Option<ExecutionId>,
    /// The reply that the same idempotency key shall get from now on.
    pub idempotency: Option<IdempotentReply>,
    /// The key that the new execution is to stand for; the commit fails if another one does.
    pub dedupe: Option<DedupeKey>,
    /// The burst that the new execution is the last one of.
    pub debounce: Option<Debounced>,
    /// The folded state after `events`, as JSON, when one is due.
    pub snapshot: Option<String>,
    /// Files that the events tell of. Their uploads have begun ([`super::artifacts::Artifacts::begin_upload`]) and end with the
    /// commit; it is refused if one was given up.
    pub artifacts: Vec<Artifact>,
    /// What of the events belongs into the audit log.
    pub audit: Vec<AuditEntry>,
    /// What another execution, which this one was asked for in the place of, is told.
    pub reprocesses: Option<Reprocesses>,
    /// The slot of a schedule that the execution is started for.
    pub slot: Option<Box<Settlement>>,
    /// The delivery to a webhook that it is started for.
    pub delivery: Option<Box<WebhookDelivery>>,
    /// A label that its subject gets.
    pub label: Option<SubjectLabel>,
    /// What the events are to those who trace. Not stored: told once the commit is durable.
    pub spans: Vec<Span>,
}

/// A label for a subject. Nothing happens where there is no such subject in the pod, where it has the label, and where it has
/// as many as it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectLabel {
    /// The pod that the subject must be in.
    pub pod_id: PodId,
    /// The subject.
    pub subject_id: SubjectId,
    /// The label; nothing is wrong with it ([`crate::domain::subject::label_problem`]).
    pub name: String,
    /// When the subject is changed.
    pub at: Instant,
}

/// A key that stands for an execution of a workflow.
#[derive(Clone, Debug)]
pub struct DedupeKey {
    /// The key.
    pub key: String,
    /// The time: a key that was forgotten by now is free.
    pub now: Instant,
    /// Until when the key stands for the execution.
    pub forget_at: Instant,
    /// Whether it stands for the execution only until that has ended.
    pub until_end: bool,
}

/// What becomes of an execution that was asked for again, by the execution that it was asked for again as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reprocesses {
    /// The one that was asked for again.
    pub original: ExecutionId,
    /// `pending` with the creation of the new one, `done` with its end; it stays `pending` while another one has not ended.
    pub state: Reprocessing,
}

/// A burst of triggers of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debounced {
    /// Its key.
    pub key: String,
    /// When the first one came.
    pub first_at: Instant,
    /// When the last one runs.
    pub run_at: Instant,
}

/// What is sent about suspensions that open, and the links in it.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// Messages.
    pub notifications: Vec<Notification>,
    /// Links.
    pub links: Vec<ResponseLink>,
}

/// The write to an execution's own row.
#[derive(Clone, Debug)]
pub enum ExecutionWrite {
    /// Inserts it.
    Create(Box<Execution>),
    /// Appends to it, if nobody else has since.
    Append {
        /// The pod, for the feed.
        pod_id: PodId,
        /// The workflow, for the feed.
        workflow_id: WorkflowId,
        /// The position the writer has folded up to.
        expected_seq: i64,
        /// The driver the writer has seen.
        expected_driver: Option<InstanceId>,
        /// The row after the append.
        progress: Box<ExecutionProgress>,
    },
}

/// One new event.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its position.
    pub seq: i64,
    /// Its type where it belongs on the feed of the pod and the inbox.
    pub feed: Option<&'static str>,
    /// The exact JSON of the wire.
    pub body: String,
}

/// A place in the queue. A second row of the same execution keeps the older place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Higher first.
    pub priority: i32,
    /// Then older first.
    pub queued_at: Instant,
}

/// What becomes of the execution's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// Left as it is.
    Keep,
    /// Taken back.
    Clear,
    /// Set to this instant, whatever it was.
    Set(Instant),
}

/// A suspension's row.
#[derive(Clone, Debug)]
pub enum SuspensionChange {
    /// A new one.
    Open(Box<Suspension>),
    /// One that stays open, and stands differently.
    Update {
        /// Which.
        id: SuspensionId,
        /// How it stands.
        standing: Box<Standing>,
        /// Members from this role on may answer.
        role: Option<Role>,
        /// These may as well; none: the same as before.
        users: Option<Vec<String>>,
    },
    /// Its end.
    Close {
        /// Which.
        id: SuspensionId,
        /// The state it ends in.
        state: SuspensionState,
        /// What was decided.
        decision: Option<Decision>,
        /// When.
        closed_at: Instant,
    },
}

impl SuspensionChange {
    /// Which suspension changes.
    pub fn id(&self) -> SuspensionId {
        match self {
            Self::Open(opened) => opened.id,
            Self::Update { id, .. } | Self::Close { id, .. } => *id,
        }
    }
}

/// A task's row.
#[derive(Clone, Debug)]
pub enum TaskChange {
    /// A new one, which may be leased already.
    Add(Box<Task>),
    /// It waits for a worker again.
    Return {
        /// Which.
        id: TaskId,
        /// The attempt that the next worker makes.
        attempt: i64,
        /// Since when.
        queued_at: Instant,
    },
    /// A worker takes it.
    Lease {
        /// Which.
        id: TaskId,
        /// The number of the lease.
        fence: i64,
        /// Who.
        worker_id: String,
        /// When.
        leased_at: Instant,
        /// When the lease runs out.
        lease_until: Instant,
    },
    /// A sign of life.
    Extend {
        /// Which.
        id: TaskId,
        /// The lease.
        fence: i64,
        /// When.
        at: Instant,
        /// When the lease runs out.
        lease_until: Instant,
    },
    /// It is over.
    Remove(TaskId),
}

/// An execution that a node starts, in the same commit as the event that says so.
#[derive(Clone, Debug)]
pub struct NewChild {
    /// The row.
    pub execution: Execution,
    /// Its first events.
    pub events: Vec<EventRow>,
    /// Its place in the queue; its driver is none.
    pub queue: QueueRow,
}

/// Why one member of a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else has appended, or drives the execution now. Read the tail, decide again.
    #[error("the execution has moved on")]
    Conflict,
    /// The idempotency key was used: the reply it got.
    #[error("the idempotency key was used before")]
    Repeated(Box<IdempotentReply>),
    /// Another execution stands for the dedupe key.
    #[error("execution {0} has the same dedupe key")]
    Duplicate(ExecutionId),
    /// The slot was settled by somebody else, or the schedule was changed.
    #[error("the slot is settled, or the schedule was changed")]
    SlotTaken,
    /// The database refused this member alone.
    #[error("refused by the database: {0}")]
    Refused(String),
}
