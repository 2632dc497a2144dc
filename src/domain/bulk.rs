//! Bulk jobs: one action on many executions, carried out at a measured pace, with what became of each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BulkJobId, ExecutionId, PodId, WorkspaceId};
use crate::clock::Instant;

/// The most executions of one job.
pub const MAX_ITEMS: usize = 10_000;

/// What is done with each execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// It is cancelled.
    Cancel,
    /// It is replayed.
    Replay,
    /// It is run again from the beginning; a live one is cancelled first.
    Retry,
}

impl BulkAction {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Replay => "replay",
            Self::Retry => "retry",
        }
    }
}

/// The version of its workflow that a replay runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkVersion {
    /// That of the original.
    #[default]
    Original,
    /// The workflow's latest.
    Latest,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    /// Items are pending, or being worked on.
    Running,
    /// No further item is begun.
    Cancelling,
    /// Every item is settled.
    Finished,
    /// It was cancelled; items that were not begun are skipped.
    Cancelled,
}

/// A bulk job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkJob {
    /// Its id.
    pub id: BulkJobId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod whose executions it is about.
    pub pod_id: PodId,
    /// What is done with each.
    pub action: BulkAction,
    /// The node that replays begin at.
    pub from_node_id: Option<String>,
    /// The version that replays run.
    pub version: BulkVersion,
    /// Where it is.
    pub state: BulkState,
    /// How its items stand.
    pub counts: BulkCounts,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: Instant,
    /// When an item was last settled, or the job changed otherwise.
    pub updated_at: Instant,
    /// When it ended.
    pub finished_at: Option<Instant>,
}

/// How many items of a job stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkCounts {
    /// All.
    pub total: i64,
    /// Not settled yet.
    pub pending: i64,
    /// Done.
    pub done: i64,
    /// Could not be done.
    pub failed: i64,
    /// Needed nothing, or were left out.
    pub skipped: i64,
}

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkItemState {
    /// Not settled yet.
    Pending,
    /// Done.
    Done,
    /// Could not be done: `reason` says why.
    Failed,
    /// Not done: the execution was not in a state for it, or the job was cancelled; `reason` says which.
    Skipped,
}

/// What became of one execution of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkItem {
    /// Its place in the job, from 1.
    pub position: i64,
    /// The execution.
    pub execution_id: ExecutionId,
    /// How it stands.
    pub state: BulkItemState,
    /// The execution that a replay or retry has created.
    pub new_execution_id: Option<ExecutionId>,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
    /// When it was settled.
    pub settled_at: Option<Instant>,
}
