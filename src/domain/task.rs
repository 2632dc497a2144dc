//! A task: work of a node that a worker outside takes over. How the node describes it, how it stands, and the row it has while
//! it lives; what became of it is in the log of its execution.
//!
//! A *lease* is a worker's right to a task for a while. Each has a *fence*, one higher than the lease before: what comes with an
//! older one is from somebody whose lease is over, and changes nothing (Kleppmann, “How to do distributed locking”, 2016).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ids::{ExecutionId, PodId, TaskId, WorkflowId, WorkspaceId};
use crate::clock::Instant;

/// The most characters of a queue's name.
pub const MAX_QUEUE_CHARS: usize = 200;
/// The most characters of a worker's id.
pub const MAX_WORKER_CHARS: usize = 128;

/// Where a task is in its life. All but `queued` and `leased` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Leased,
    /// A worker has done it.
    Completed,
    /// A worker has failed, or too many were lost.
    Failed,
    /// It is not wanted any more: the execution is being stopped, or it took too long.
    Withdrawn,
}

impl TaskState {
    /// The state's name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether nothing more happens to the task.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Leased)
    }
}

/// How a task of a node run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStanding {
    /// The task.
    pub task_id: TaskId,
    /// The queue it is in.
    pub queue: String,
    /// `queued` or `leased`.
    pub state: TaskState,
    /// The number of its latest lease; 0 before the first.
    pub fence: i64,
    /// How many leases ran out.
    pub lost: i64,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// When the present state began.
    pub since: Instant,
}

/// Counts that a worker tells with its result, in place of what was counted from its reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskStats {
    /// Steps it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub steps: Option<i64>,
    /// Actions of its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub agent_actions: Option<i64>,
    /// Screenshots it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub screenshots: Option<i64>,
}

/// A live task: its row.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The task.
    pub id: TaskId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The node.
    pub node_id: String,
    /// The address of the node run: the node's id, after its scope inside loops.
    pub address: String,
    /// The queue it is in.
    pub queue: String,
    /// `queued` or `leased`.
    pub state: TaskState,
    /// Of its execution: higher first.
    pub priority: i32,
    /// The attempt of the node run.
    pub attempt: i64,
    /// The number of its latest lease; 0 before the first.
    pub fence: i64,
    /// What there is to do.
    pub input: Value,
    /// How long a lease lasts without a sign of life.
    pub lease_ms: i64,
    /// When it was put into the queue, first or again.
    pub queued_at: Instant,
    /// Who has it.
    pub worker_id: Option<String>,
    /// When they took it.
    pub leased_at: Option<Instant>,
    /// When the lease runs out.
    pub lease_until: Option<Instant>,
    /// The last sign of life.
    pub heartbeat_at: Option<Instant>,
}

/// A lease, as its token names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The workspace.
    #[serde(rename = "w")]
    pub workspace_id: WorkspaceId,
    /// The pod.
    #[serde(rename = "p")]
    pub pod_id: PodId,
    /// The execution.
    #[serde(rename = "e")]
    pub execution_id: ExecutionId,
    /// The task.
    #[serde(rename = "t")]
    pub task_id: TaskId,
    /// The address of its node run.
    #[serde(rename = "a")]
    pub address: String,
    /// Which of its leases.
    #[serde(rename = "f")]
    pub fence: i64,
    /// How long it lasts without a sign of life.
    #[serde(rename = "l")]
    pub lease_ms: i64,
}

/// A worker, as its last poll or report showed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// What it calls itself.
    pub id: String,
    /// The version it says it is.
    pub version: Option<String>,
    /// The queues it takes tasks from.
    pub queues: Vec<String>,
    /// When it was heard of last.
    pub last_seen_at: Instant,
}
