//! What is kept, behind one object-safe trait; nothing above it is generic over a database.
//!
//! [`commit`] holds what the engine writes: the events of one execution with every row that is a projection of them, in one
//! piece. [`catalogue`] holds what people write: workspaces, members, keys, pods, workflows. [`schedules`] holds what settles a
//! slot, [`bulk`] what bulk jobs need, [`tasks`] what workers need, [`artifacts`] what is known of files, [`standings`] what is
//! shown beside the rows, [`subjects`] what executions are about, [`documents`] what workflows find and remember, [`secrets`]
//! what nobody reads back, [`retention`] what ends a stay. [`sql`] is the one implementation, over a small backend for each database.
//!
//! Every method that reads or changes a tenant's rows takes the workspace, and a row of another workspace is not found.

pub mod admission;
pub mod artifacts;
pub mod bulk;
pub mod catalogue;
mod columns;
pub mod commit;
pub mod documents;
mod filters;
pub mod retention;
mod rows;
pub mod schedules;
pub mod secrets;
pub mod sql;
pub mod standings;
pub mod subjects;
pub mod tasks;

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use crate::{
    clock::Instant,
    domain::{
        audit::{AuditRecord, Author},
        execution::Execution,
        identity::{ApiKey, Group, Invite, Member},
        ids::{
            DeliveryId, ExecutionId, InstanceId, NotificationId, PodId, SuspensionId, WebhookId, WorkflowId,
            WorkspaceId,
        },
        notification::{Notification, ResponseLink},
        suspension::Suspension,
        webhook::{Webhook, WebhookDelivery},
        workflow::{Pod, Workflow, WorkflowVersion, Workspace},
    },
    filter::SortKey,
};
use admission::Admitted;
use catalogue::{Change, IdempotentReply};
pub use columns::ExecutionColumn;
use commit::{Commit, CommitError, Debounced};
pub use filters::{AuditFilter, ExecutionFilter, SuspensionFilter, WorkflowFilter};
pub use rows::{
    ApiKeyRecord, Counted, Delivery, FeedCursor, FeedRow, Fired, Hint, LoadedExecution, Page, Repairs, StoreCounts,
    StoredEvent,
};

/// [`Store::events`] stops at the event that fills this many bytes of bodies.
pub const EVENTS_BYTES: usize = 4 << 20;

/// The largest offset of [`Store::execution_page`]. All rows before it are walked over, each time.
pub const MAX_OFFSET: i64 = 1_000_000;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row does not exist in this workspace.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// A row with this unique value exists.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The row is not in a state that allows the change; the text says which rule.
    #[error("{0}")]
    Refused(&'static str),
    /// The cursor is not one that the list has given out.
    #[error("the cursor is not one of this list")]
    ForeignCursor,
    /// The offset is beyond [`MAX_OFFSET`].
    #[error("an offset may be up to {MAX_OFFSET}")]
    OffsetTooLarge,
    /// The request was already carried out: the stored reply to its idempotency key.
    #[error("the idempotency key was used before")]
    Repeated(Box<IdempotentReply>),
    /// The database failed; whether the change took effect is unknown after a commit was sent.
    #[error("database: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value could not be read.
    #[error("stored {what} is damaged: {reason}")]
    Damaged {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The database.
#[async_trait]
pub trait Store:
    schedules::Schedules
    + bulk::BulkJobs
    + tasks::Tasks
    + artifacts::Artifacts
    + standings::Standings
    + subjects::Subjects
    + documents::Documents
    + secrets::Secrets
    + retention::Retention
    + Send
    + Sync
    + 'static
{
    // --- the engine's writes -------------------------------------------------------------------------------------------

    /// Writes a batch in one transaction and answers for each member: `results[i]` belongs to `batch[i]`.
    ///
    /// A member whose expected position or driver no longer holds, or whose idempotency key was used, fails alone; the others
    /// are durable when this returns. No two members may be of one execution. `Err`: nothing is known to be written.
    async fn commit(&self, batch: &[Commit]) -> Result<Vec<Result<(), CommitError>>, StoreError>;

    /// Takes up to `limit` executions off the queue for `instance` (priority and age) and names it their driver.
    /// Rows that are held stay. Rows of executions that another instance drives are left to it. Answers `(workspace, execution)` in order.
    async fn claim(&self, instance: InstanceId, limit: i64) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError>;

    /// The executions whose rows name `instance` as their driver.
    async fn driven_by(&self, instance: InstanceId) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError>;

    /// How many executions of a workspace are in the queue.
    async fn queue_length(&self, workspace: WorkspaceId) -> Result<i64, StoreError>;

    /// Moves up to `limit` timers that are due at `now` to the queue, except those of executions that have expired before they
    /// could begin: they are to be ended, which takes the timer back.
    async fn fire_timers(&self, now: Instant, limit: i64) -> Result<Fired, StoreError>;

    /// When the next timer is due.
    async fn next_timer(&self) -> Result<Option<Instant>, StoreError>;

    /// Gives an execution up without a word in its log (shutdown, lost lease): puts it on the queue and clears its driver if
    /// that is `instance`.
    async fn release(
        &self,
        instance: InstanceId,
        executions: &[(WorkspaceId, ExecutionId)],
        now: Instant,
    ) -> Result<(), StoreError>;

    /// Lets in rows of the queue that are held, as far as there is room for them: those of these lanes, or of all. The locks
    /// see to it that two servers never fill the same room.
    async fn admit(&self, workspace: WorkspaceId, lanes: Option<BTreeSet<String>>) -> Result<Admitted, StoreError>;

    /// The workspaces in which rows of the queue are held.
    async fn held_workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError>;

    /// Whether the pod, or its workspace, has a limit of its own.
    async fn is_limited(&self, workspace: WorkspaceId, pod: PodId) -> Result<bool, StoreError>;

    /// The last execution of a burst of triggers, the burst, and whether that execution has yet to begin.
    async fn burst(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        key: &str,
    ) -> Result<Option<(ExecutionId, Debounced, bool)>, StoreError>;

    // --- instances ------------------------------------------------------------------------------------------------------

    /// Makes `instance` known and alive. Time is the database's own (PostgreSQL) or `now` (SQLite).
    async fn register_instance(&self, instance: InstanceId, now: Instant) -> Result<(), StoreError>;

    /// Renews the lease; `false` if others have declared the instance dead.
    async fn renew_instance(&self, instance: InstanceId, now: Instant) -> Result<bool, StoreError>;

    /// Forgets the instance (clean shutdown). Its executions must have been released.
    async fn remove_instance(&self, instance: InstanceId) -> Result<(), StoreError>;

    /// How many instances are alive.
    async fn count_instances(&self, lease_ms: i64, now: Instant) -> Result<i64, StoreError>;

    /// Repairs: puts executions whose driver is gone (lease older than `lease_ms`, or not registered at all) back on the queue,
    /// and any live execution without driver, queue row, timer, open suspension or live child.
    /// `alone` means that every other instance is known to be dead (a SQLite file has one server).
    async fn reconcile(
        &self,
        instance: InstanceId,
        lease_ms: i64,
        now: Instant,
        alone: bool,
    ) -> Result<Repairs, StoreError>;

    // --- executions -----------------------------------------------------------------------------------------------------

    /// Everything needed to fold an execution, read at one instant.
    async fn load_execution(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<LoadedExecution, StoreError>;

    /// An execution's row.
    async fn execution(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Execution, StoreError>;

    /// An execution's row and the instance that drives it, whatever the state of its log.
    async fn execution_and_driver(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<(Execution, Option<InstanceId>), StoreError>;

    /// A page of executions, newest first.
    async fn executions(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Execution>, StoreError>;

    /// Up to `limit` executions after the first `offset` ones, sorted, and how many there are. Equals, and a list without an
    /// order, come newest first. An offset is read over each time: up to [`MAX_OFFSET`]; lists that have cursors have no such
    /// bound.
    async fn execution_page(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        sort: &[SortKey<ExecutionColumn>],
        offset: i64,
        limit: i64,
    ) -> Result<Counted<Execution>, StoreError>;

    /// Events after `after`, in order: at most `limit`, and [`EVENTS_BYTES`] of bodies (at least one, if there is one).
    async fn events(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError>;

    /// The position of the last event of each of these executions (those that exist).
    async fn last_seqs(
        &self,
        executions: &[(WorkspaceId, ExecutionId)],
    ) -> Result<HashMap<ExecutionId, i64>, StoreError>;

    // --- suspensions and the feed ---------------------------------------------------------------------------------------

    /// A suspension.
    async fn suspension(&self, workspace: WorkspaceId, id: SuspensionId) -> Result<Suspension, StoreError>;

    /// A page of suspensions, newest first.
    async fn suspensions(
        &self,
        workspace: WorkspaceId,
        filter: &SuspensionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Suspension>, StoreError>;

    /// Takes up to `limit` notifications that are due at `now`, each for `lease_ms`: whoever asks after that gets it again.
    /// Those whose suspension is closed, or that a later one to the same target has overtaken, are cancelled instead.
    async fn claim_notifications(
        &self,
        now: Instant,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError>;

    /// When the next notification is due.
    async fn next_notification(&self) -> Result<Option<Instant>, StoreError>;

    /// Writes down what has become of a claimed notification; `false` if it is not the claimer's any more.
    async fn record_delivery(&self, delivery: &Delivery) -> Result<bool, StoreError>;

    /// The notifications of a suspension, oldest first.
    async fn notifications(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
    ) -> Result<Vec<Notification>, StoreError>;

    /// Has a notification of an open suspension sent once more; one that is still to be sent is left alone.
    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
        id: NotificationId,
        now: Instant,
    ) -> Result<Notification, StoreError>;

    /// The link whose token has this digest, in whatever workspace.
    async fn response_link(&self, digest: &[u8]) -> Result<Option<ResponseLink>, StoreError>;

    /// Feed rows after `after` of the workspace, or of one of its pods, in order; only rows that no open transaction can still
    /// precede.
    async fn feed(
        &self,
        workspace: WorkspaceId,
        pod: Option<PodId>,
        after: FeedCursor,
        limit: i64,
    ) -> Result<Vec<FeedRow>, StoreError>;

    /// The end of the workspace's feed: where a stream that wants only news begins.
    async fn feed_end(&self, workspace: WorkspaceId) -> Result<FeedCursor, StoreError>;

    // --- webhooks -------------------------------------------------------------------------------------------------------

    /// A webhook.
    async fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Webhook, StoreError>;

    /// The webhook of this id, in whatever workspace.
    async fn webhook_anywhere(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// A page of a pod's webhooks, newest first.
    async fn webhooks(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Webhook>, StoreError>;

    /// Adds the row of a delivery that has started nothing.
    async fn note_delivery(&self, delivery: &WebhookDelivery) -> Result<(), StoreError>;

    /// Notes the status that a delivery was answered with, if that was not known when its row was written.
    async fn delivery_answered(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
        status: u16,
    ) -> Result<(), StoreError>;

    /// Deletes up to `limit` deliveries, of all webhooks, that need not be kept at `now`; answers how many.
    async fn forget_deliveries(&self, now: Instant, limit: i64) -> Result<u64, StoreError>;

    /// A page of a webhook's ledger, newest first, without headers, queries and bodies.
    async fn webhook_deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WebhookDelivery>, StoreError>;

    /// A delivery.
    async fn webhook_delivery(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<WebhookDelivery, StoreError>;

    // --- catalogue ------------------------------------------------------------------------------------------------------

    /// Carries out a change of the catalogue, with its audit record and the stored reply of its idempotency key, in one
    /// transaction.
    async fn change(
        &self,
        change: Change,
        author: &Author,
        idempotency: Option<IdempotentReply>,
    ) -> Result<(), StoreError>;

    /// The stored reply to an idempotency key of a workspace (or of a user outside one), if it counts at `now`.
    async fn idempotent_reply(
        &self,
        scope: &str,
        key: &str,
        now: Instant,
    ) -> Result<Option<IdempotentReply>, StoreError>;

    /// Keeps a reply under its idempotency key, beside any change; `Repeated` with the one that is kept already.
    async fn keep_reply(&self, reply: &IdempotentReply) -> Result<(), StoreError>;

    /// A page of the audit log, newest first.
    async fn audit(
        &self,
        workspace: WorkspaceId,
        filter: &AuditFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<AuditRecord>, StoreError>;

    /// The records of the audit log after a place, in their order.
    async fn audit_after(&self, workspace: WorkspaceId, after: i64, limit: i64)
    -> Result<Vec<AuditRecord>, StoreError>;

    /// A workspace.
    async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, StoreError>;

    /// The workspaces a user is a member of, newest first.
    async fn workspaces_of(&self, user_id: &str) -> Result<Vec<Workspace>, StoreError>;

    /// A user's membership.
    async fn member(&self, workspace: WorkspaceId, user_id: &str) -> Result<Member, StoreError>;

    /// All members, oldest first.
    async fn members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError>;

    /// A group.
    async fn group(&self, workspace: WorkspaceId, name: &str) -> Result<Group, StoreError>;

    /// All groups, by name.
    async fn groups(&self, workspace: WorkspaceId) -> Result<Vec<Group>, StoreError>;

    /// All invites that were not accepted, newest first.
    async fn invites(&self, workspace: WorkspaceId) -> Result<Vec<Invite>, StoreError>;

    /// The invite with this token.
    async fn invite_by_digest(&self, digest: &[u8]) -> Result<Invite, StoreError>;

    /// The key with this digest, in whatever workspace.
    async fn api_key_by_digest(&self, digest: &[u8]) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// All keys, newest first.
    async fn api_keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, StoreError>;

    /// A pod.
    async fn pod(&self, workspace: WorkspaceId, id: PodId) -> Result<Pod, StoreError>;

    /// A page of pods, newest first.
    async fn pods(&self, workspace: WorkspaceId, limit: i64, cursor: Option<&str>) -> Result<Page<Pod>, StoreError>;

    /// A workflow with its latest definition.
    async fn workflow(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError>;

    /// A workflow without its definition: what a trigger needs to know of it.
    async fn workflow_head(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError>;

    /// A page of a pod's workflows without definitions, newest first. Trashed ones only if asked for.
    async fn workflows(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: WorkflowFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Workflow>, StoreError>;

    /// The deployed workflows of a pod that subscribe to events by one of these texts, and their deployed versions, in the
    /// order of their ids; at most one more than [`crate::domain::subscription::MAX_SUBSCRIBERS`].
    async fn subscribers(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        patterns: &[String],
    ) -> Result<Vec<(WorkflowId, i64)>, StoreError>;

    /// One version of a workflow.
    async fn workflow_version(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: i64,
    ) -> Result<WorkflowVersion, StoreError>;

    /// All versions of a workflow, newest first.
    async fn workflow_versions(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WorkflowVersion>, StoreError>;

    // --- the server -----------------------------------------------------------------------------------------------------

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The server's own secret of this name, the same for every instance: `candidate` at the first call ever, and from then on
    /// what was kept.
    async fn server_secret(&self, name: &str, candidate: &[u8], now: Instant) -> Result<Vec<u8>, StoreError>;

    /// Counts for `/metrics`.
    async fn counts(&self, now: Instant) -> Result<StoreCounts, StoreError>;

    /// Tells other instances that something happened. Best effort: a hint may be lost, never relied on.
    async fn send_hints(&self, hints: &[Hint]) -> Result<(), StoreError>;

    /// Hints from other instances, as they come; none on a database that has one server. The receiver stays open while the
    /// store does; a lost connection is mended and shows as [`Hint::Lost`].
    async fn listen(&self) -> Result<Option<tokio::sync::mpsc::Receiver<Hint>>, StoreError>;

    /// Closes the connections, after which nothing else may be called.
    async fn close(&self);
}
