//! What is kept no longer: executions that ended long ago, and everything that belongs to them.
//!
//! An execution goes first, with a note that rows of it are left; from then on nobody finds it. Its rows follow, a bounded number
//! with each transaction, so that no removal holds the database up, however long a log is. A crash in between leaves the note.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;
use crate::{
    clock::Instant,
    domain::ids::{ExecutionId, WorkflowId, WorkspaceId},
};

/// How far the removals have come: the workflow, and the last of its executions that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPlace {
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The execution's end and id; none is before the first.
    pub after: Option<(Instant, ExecutionId)>,
}

impl Default for RetentionPlace {
    fn default() -> Self {
        Self { workspace_id: Uuid::nil().into(), workflow_id: Uuid::nil().into(), after: None }
    }
}

/// A round of removals that is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRound {
    /// From when on others may take it for abandoned; tells it apart.
    pub until: Instant,
    /// Where the round before has stopped.
    pub place: RetentionPlace,
}

/// A workflow, and for how long its executions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedWorkflow {
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Days after their end; none is for ever.
    pub days: Option<i64>,
}

/// Executions that may be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removable {
    /// Whole trees of them, children before their parents.
    pub executions: Vec<ExecutionId>,
    /// The last one that was looked at, if there may be more.
    pub next: Option<(Instant, ExecutionId)>,
}

/// Up to when executions must have ended to be removed, and when that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedBy {
    /// The latest end.
    pub at: Instant,
    /// Now: keys of duplicates that count are kept, and with them what they stand for.
    pub now: Instant,
}

/// The methods of the store about retention.
#[async_trait]
pub trait Retention {
    /// Takes the round that is due at `now`, for `lease_ms`: whoever asks after that gets it again.
    async fn claim_round(&self, now: Instant, lease_ms: i64) -> Result<Option<RetentionRound>, StoreError>;

    /// Gives a round back: the next one is due at `next_at` and goes on at `place`. Nothing happens if it is not the caller's any
    /// more.
    async fn end_round(
        &self,
        round: &RetentionRound,
        next_at: Instant,
        place: &RetentionPlace,
    ) -> Result<(), StoreError>;

    /// Up to `limit` workflows from this one on, in the order of workspaces and ids, kept for ever or not.
    async fn retained_workflows(
        &self,
        from: (WorkspaceId, WorkflowId),
        limit: i64,
    ) -> Result<Vec<RetainedWorkflow>, StoreError>;

    /// Looks at up to `limit` executions of a workflow that have ended by then, those that ended first first, after this one.
    /// Of a tree the root is what counts. It stays while one of its members has not ended by then, or is the original of a
    /// replay that has not ended, or is what a key of duplicates stands for.
    async fn removable(
        &self,
        workflow: (WorkspaceId, WorkflowId),
        ended_by: EndedBy,
        after: Option<(Instant, ExecutionId)>,
        limit: i64,
    ) -> Result<Removable, StoreError>;

    /// Removes those of these executions that may go, each after its children, in one transaction; answers how many. What is
    /// left of them is for [`Self::clear_removed`].
    async fn remove_executions(
        &self,
        workspace: WorkspaceId,
        executions: &[ExecutionId],
        ended_by: EndedBy,
    ) -> Result<u64, StoreError>;

    /// Removes a bounded number of rows that removed executions have left behind; `true` if there may be more.
    async fn clear_removed(&self) -> Result<bool, StoreError>;
}
