//! An execution: its status, its row, and what the API shows of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    admission::Lane,
    event::NodeStatus,
    failure::Failure,
    ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
    reprocessing::Reprocessing,
    suspension::Suspension,
    task::TaskStanding,
};
use crate::clock::Instant;

/// Where an execution is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Recorded, not yet admitted (delayed start).
    Pending,
    /// Waiting for its turn.
    Queued,
    /// Running.
    Running,
    /// Every live branch waits.
    Suspended,
    /// Stopping what still runs.
    Cancelling,
    /// Finished well.
    Completed,
    /// Finished badly.
    Failed,
    /// Stopped.
    Cancelled,
    /// A duplicate of another execution, or one for which there was no room.
    Skipped,
}

impl ExecutionStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Suspended,
        Self::Cancelling,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Whether nothing more happens to the execution.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped)
    }

    /// The status's name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What started an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggeredBy {
    /// A person.
    Manual,
    /// A program with an API key.
    Sdk,
    /// A schedule's slot.
    Schedule,
    /// A webhook's delivery.
    Webhook,
    /// An event.
    Event,
    /// The replay of another execution.
    Replay,
    /// The retry of another execution.
    Retry,
    /// A node of another execution.
    Subworkflow,
}

impl TriggeredBy {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Manual,
        Self::Sdk,
        Self::Schedule,
        Self::Webhook,
        Self::Event,
        Self::Replay,
        Self::Retry,
        Self::Subworkflow,
    ];

    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Sdk => "sdk",
            Self::Schedule => "schedule",
            Self::Webhook => "webhook",
            Self::Event => "event",
            Self::Replay => "replay",
            Self::Retry => "retry",
            Self::Subworkflow => "subworkflow",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The priority of what nobody has given one: what somebody waits for goes before what runs by the clock.
    pub fn default_priority(self) -> i32 {
        if self == Self::Event { 10 } else { 0 }
    }
}

/// The result that a node of a replay takes when it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preset {
    /// Its output.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::null_is_a_value")]
    pub output: Option<Value>,
    /// Its failure, where the original's failure was handled.
    pub error: Option<Failure>,
    /// The port it finishes through; none is the default port.
    pub branch: Option<String>,
    /// Hands on what it is handed.
    pub transparent: bool,
    /// Given by the caller, not taken over from the original.
    pub pinned: bool,
    /// Why it is passed over, where the original's node was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
}

/// Presets by node id.
pub type Presets = BTreeMap<String, Preset>;

/// What is fixed about an execution when it is triggered.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionOrigin {
    /// Its id.
    pub id: ExecutionId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it runs.
    pub workflow_id: WorkflowId,
    /// The version of the workflow it runs, to its end.
    pub workflow_version: i64,
    /// What started it.
    pub triggered_by: TriggeredBy,
    /// The schedule, webhook or event that started it.
    pub trigger_id: Option<String>,
    /// What it works on.
    pub input: Value,
    /// What the trigger adds beside the input.
    pub context: Value,
    /// What it is about, to find it by.
    pub subject: Option<String>,
    /// -100 to 100, higher first.
    pub priority: i32,
    /// Equal keys are duplicates.
    pub dedupe_key: Option<String>,
    /// Equal keys share a limit.
    pub concurrency_key: Option<String>,
    /// The key of the request that triggered it.
    pub idempotency_key: Option<String>,
    /// The execution whose node started it.
    pub parent_execution_id: Option<ExecutionId>,
    /// How many executions are above it.
    pub depth: i32,
    /// The execution that this one replays or retries.
    pub replay_of: Option<ExecutionId>,
    /// The node it was replayed from.
    pub from_node_id: Option<String>,
    /// Results that nodes take instead of running (replays).
    pub presets: Presets,
    /// Whether nodes with a mock take that instead of running.
    pub mocks: bool,
    /// Not before this instant.
    pub run_at: Option<Instant>,
    /// Not at all if it has not begun by this instant.
    pub expires_at: Option<Instant>,
    /// Of the triggers with this key only the last one of a burst runs.
    pub debounce_key: Option<String>,
    /// What it shares a limit with.
    pub lane: Option<Lane>,
    /// Who triggered it.
    pub created_by: String,
    /// When.
    pub created_at: Instant,
}

/// What changes about an execution: the projection of its log onto its row.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionProgress {
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// The position of its last event.
    pub last_seq: i64,
    /// What it gave back (completed).
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// When it was admitted to the queue.
    pub queued_at: Option<Instant>,
    /// When its first node began; set once.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// When the present wait began, while it is suspended.
    pub suspended_at: Option<Instant>,
    /// Milliseconds spent suspended, waits that are over.
    pub waited_ms: i64,
    /// The execution that it was skipped for.
    pub duplicate_of: Option<ExecutionId>,
    /// How far its replays and retries have come. Their commits say so to the row: its own log knows nothing of it.
    pub reprocessing: Option<Reprocessing>,
    /// Counts.
    pub stats: ExecutionStats,
}

/// An execution's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// What is fixed.
    pub origin: ExecutionOrigin,
    /// What changes.
    pub progress: ExecutionProgress,
}

/// Counts of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStats {
    /// Node runs, skipped ones apart.
    pub nodes: i64,
    /// Node runs that completed.
    pub completed: i64,
    /// Node runs that failed.
    pub failed: i64,
    /// Leases that workers got of its tasks.
    #[serde(default)]
    pub leases: i64,
    /// Steps that workers took.
    #[serde(default)]
    pub steps: i64,
    /// Actions of agents.
    pub agent_actions: i64,
    /// Screenshots of agents.
    pub screenshots: i64,
    /// Tokens of language models.
    pub tokens: i64,
}

/// The state of one node run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The latest attempt; 0 for a run that never began.
    pub attempt: i64,
    /// What became of it.
    pub status: NodeStatus,
    /// The port it finished through, if not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Why it was passed over (skipped, by the condition in front of it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its output. Left out of terminal events: the node's own event has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Value>,
    /// When the latest attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Instant>,
    /// When it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Instant>,
    /// How long the latest attempt took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// The result was taken over from the execution that this one replays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// The child execution that the node started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_execution_id: Option<ExecutionId>,
    /// The task that a worker has, or that waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskStanding>,
}

/// An execution as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Execution)]
pub struct ExecutionView {
    /// Its id.
    pub id: ExecutionId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it runs.
    pub workflow_id: WorkflowId,
    /// The version of the workflow it runs, to its end.
    pub workflow_version: i64,
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// What started it.
    pub triggered_by: TriggeredBy,
    /// The schedule, webhook or event that started it.
    pub trigger_id: Option<String>,
    /// What it works on. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub input: Option<Value>,
    /// What it gave back (completed).
    #[schema(value_type = Option<Value>)]
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// What the trigger adds beside the input. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub context: Option<Value>,
    /// What it is about, to find it by.
    pub subject: Option<String>,
    /// -100 to 100, higher first.
    pub priority: i32,
    /// Equal keys are duplicates.
    pub dedupe_key: Option<String>,
    /// Equal keys share a limit.
    pub concurrency_key: Option<String>,
    /// The key of the request that triggered it.
    pub idempotency_key: Option<String>,
    /// The execution that it was skipped for: the first one with the same key, or the last one of a burst.
    pub duplicate_of: Option<ExecutionId>,
    /// Not before this instant.
    pub run_at: Option<Instant>,
    /// Not at all if it has not begun by this instant.
    pub expires_at: Option<Instant>,
    /// The execution whose node started it.
    pub parent_execution_id: Option<ExecutionId>,
    /// The execution that this one replays or retries.
    pub replay_of: Option<ExecutionId>,
    /// The node it was replayed from.
    pub from_node_id: Option<String>,
    /// Nodes with a `mock` took that instead of running.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mocks: bool,
    /// How far its replays and retries have come; none if there are none.
    pub reprocessing: Option<Reprocessing>,
    /// Per node: state, timing, output, error. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<NodeState>>,
    /// Its suspensions, open and closed. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspensions: Option<Vec<Suspension>>,
    /// Counts.
    pub stats: ExecutionStats,
    /// When it was triggered.
    pub created_at: Instant,
    /// When it was admitted to the queue.
    pub queued_at: Option<Instant>,
    /// When its first node began; set once.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// Milliseconds from start to end, or to now while it runs.
    pub duration_ms: Option<i64>,
    /// The part of `durationMs` in which something ran.
    pub active_ms: Option<i64>,
    /// The part of `durationMs` in which every live branch waited.
    pub waiting_ms: i64,
    /// The position of its last event.
    pub last_seq: i64,
    /// Who triggered it.
    pub created_by: String,
}

impl Execution {
    /// The execution as the API shows it at `now`, without node runs and suspensions.
    pub fn view(&self, now: Instant) -> ExecutionView {
        let ExecutionOrigin { ref input, ref context, .. } = self.origin;
        let (origin, progress) = (&self.origin, &self.progress);
        let end = progress.finished_at.unwrap_or(now);
        let waiting_ms = progress.waited_ms + progress.suspended_at.map_or(0, |since| end.ms_since(since));
        let duration_ms = progress.started_at.map(|started| end.ms_since(started));
        ExecutionView {
            id: origin.id,
            workspace_id: origin.workspace_id,
            pod_id: origin.pod_id,
            workflow_id: origin.workflow_id,
            workflow_version: origin.workflow_version,
            status: progress.status,
            triggered_by: origin.triggered_by,
            trigger_id: origin.trigger_id.clone(),
            input: Some(input.clone()),
            output: progress.output.clone(),
            error: progress.error.clone(),
            context: Some(context.clone()),
            subject: origin.subject.clone(),
            priority: origin.priority,
            dedupe_key: origin.dedupe_key.clone(),
            concurrency_key: origin.concurrency_key.clone(),
            idempotency_key: origin.idempotency_key.clone(),
            duplicate_of: progress.duplicate_of,
            reprocessing: progress.reprocessing,
            run_at: origin.run_at,
            expires_at: origin.expires_at,
            parent_execution_id: origin.parent_execution_id,
            replay_of: origin.replay_of,
            from_node_id: origin.from_node_id.clone(),
            mocks: origin.mocks,
            nodes: None,
            suspensions: None,
            stats: progress.stats,
            created_at: origin.created_at,
            queued_at: progress.queued_at,
            started_at: progress.started_at,
            finished_at: progress.finished_at,
            duration_ms,
            active_ms: duration_ms.map(|ms| (ms - waiting_ms).max(0)),
            waiting_ms,
            last_seq: progress.last_seq,
            created_by: origin.created_by.clone(),
        }
    }
}
