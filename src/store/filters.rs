//! What lists show.

use crate::{
    clock::Instant,
    domain::{
        execution::{ExecutionStatus, TriggeredBy},
        ids::{ExecutionId, PodId, WorkflowId},
        suspension::{Actor, SuspensionKind, SuspensionState},
    },
    filter::Filter,
};

use super::ExecutionColumn;

/// Which executions a list shows. Empty lists and `None` mean any.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// In this pod.
    pub pod_id: Option<PodId>,
    /// In one of these statuses.
    pub statuses: Vec<ExecutionStatus>,
    /// Of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Started so.
    pub triggered_by: Option<TriggeredBy>,
    /// About this subject.
    pub subject: Option<String>,
    /// Replays and retries of this execution.
    pub replay_of: Option<ExecutionId>,
    /// Children of this execution.
    pub parent_execution_id: Option<ExecutionId>,
    /// Triggered after this instant.
    pub created_after: Option<Instant>,
    /// Triggered before this instant.
    pub created_before: Option<Instant>,
    /// Such as somebody has written.
    pub matching: Option<Filter<ExecutionColumn>>,
    /// The rows have their inputs, which are left out otherwise.
    pub with_inputs: bool,
}

/// Which suspensions a list shows. `None` means any.
#[derive(Clone, Debug, Default)]
pub struct SuspensionFilter {
    /// In this state.
    pub state: Option<SuspensionState>,
    /// In this pod.
    pub pod_id: Option<PodId>,
    /// Of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Of this execution.
    pub execution_id: Option<ExecutionId>,
    /// Of this kind.
    pub kind: Option<SuspensionKind>,
    /// Open, and this one may answer.
    pub answerable_by: Option<Actor>,
}

/// Which audit records a list shows. `None` means any.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// About this thing.
    pub subject: Option<String>,
}

/// Which workflows a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkflowFilter {
    /// Only starred ones.
    pub starred: bool,
    /// Trashed ones instead of the others.
    pub trashed: bool,
}
