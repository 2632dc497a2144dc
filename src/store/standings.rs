//! What is read of executions and workflows beside their rows, for faces that show it: how an execution stands that has not begun,
//! when it was last heard of, and what has become of a workflow's executions.

use std::collections::HashMap;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, WorkflowId, WorkspaceId},
        workflow::Pod,
    },
};

/// How an execution stands beside its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It is in the queue and may not leave it: what it shares a limit with takes all the room.
    pub held: bool,
    /// A task of it waits for a worker.
    pub task_waits: bool,
    /// When its last event was.
    pub updated_at: Instant,
}

/// What has become of a workflow's executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub executions: i64,
    /// Those that completed.
    pub completed: i64,
    /// Those that failed or were cancelled.
    pub failed: i64,
    /// When the latest was triggered.
    pub last_at: Option<Instant>,
}

/// The methods of the store about this.
#[async_trait]
pub trait Standings {
    /// How these executions stand (those that exist).
    async fn standings(
        &self,
        workspace: WorkspaceId,
        executions: &[ExecutionId],
    ) -> Result<HashMap<ExecutionId, Standing>, StoreError>;

    /// What has become of the executions of a workflow. Walks all of them.
    async fn tally(&self, workspace: WorkspaceId, workflow: WorkflowId) -> Result<Tally, StoreError>;

    /// The oldest pod of a workspace.
    async fn oldest_pod(&self, workspace: WorkspaceId) -> Result<Option<Pod>, StoreError>;
}
