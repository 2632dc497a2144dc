//! What is kept of tasks and workers beside the logs: who waits, who has what, until when.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    clock::Instant,
    domain::{
        ids::{PodId, TaskId, WorkspaceId},
        task::{Lease, Task, Worker},
    },
};

/// How a queue of tasks stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStanding {
    /// Its name.
    pub queue: String,
    /// Tasks that wait for a worker.
    pub queued: i64,
    /// Tasks that a worker has.
    pub leased: i64,
    /// Since when the one waits that has waited for longest.
    pub oldest_queued_at: Option<Instant>,
}

/// The methods of the store about tasks. They begin, change hands and end with commits of their executions.
#[async_trait]
pub trait Tasks {
    /// Up to `limit` tasks of these queues that wait for a worker, in the order in which they should be taken.
    async fn queued_tasks(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        queues: &[String],
        limit: i64,
    ) -> Result<Vec<Task>, StoreError>;

    /// Has a lease run until `until`; `false` if it is over.
    async fn extend_lease(&self, lease: &Lease, now: Instant, until: Instant) -> Result<bool, StoreError>;

    /// Up to `limit` leased tasks, of all workspaces, whose lease has run out at `now`, the earliest first.
    async fn expired_leases(&self, now: Instant, limit: i64) -> Result<Vec<Task>, StoreError>;

    /// When the next lease runs out.
    async fn next_lease_end(&self) -> Result<Option<Instant>, StoreError>;

    /// A live task.
    async fn task(&self, workspace: WorkspaceId, id: TaskId) -> Result<Task, StoreError>;

    /// The queues of a pod that have live tasks, by name.
    async fn task_queues(&self, workspace: WorkspaceId, pod: PodId) -> Result<Vec<QueueStanding>, StoreError>;

    /// Tasks of a pod that workers have, the earliest lease first; their inputs are left out.
    async fn leased_tasks(&self, workspace: WorkspaceId, pod: PodId, limit: i64) -> Result<Vec<Task>, StoreError>;

    /// Live tasks of an execution; their inputs are left out.
    async fn tasks_of(
        &self,
        workspace: WorkspaceId,
        execution: crate::domain::ids::ExecutionId,
    ) -> Result<Vec<Task>, StoreError>;

    /// Notes that a worker was heard of.
    async fn note_worker(&self, workspace: WorkspaceId, pod: PodId, worker: &Worker) -> Result<(), StoreError>;

    /// The workers of a pod that were heard of at `since` or later, by id.
    async fn workers(&self, workspace: WorkspaceId, pod: PodId, since: Instant) -> Result<Vec<Worker>, StoreError>;
}
