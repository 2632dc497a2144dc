//! What is kept of bulk jobs: the job, its items, and who works on it.

use async_trait::async_trait;

use super::{ExecutionFilter, Page, StoreError};
use crate::{
    clock::Instant,
    domain::{
        bulk::{BulkItem, BulkItemState, BulkJob},
        ids::{BulkJobId, ExecutionId, PodId, WorkspaceId},
    },
};

/// A job that was claimed, and until when: the claim is over once another has the job.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The job.
    pub job: BulkJob,
    /// Until when nobody else works on it.
    pub until: Instant,
}

/// The methods of the store about bulk jobs. They are made and cancelled by changes of the catalogue.
#[async_trait]
pub trait BulkJobs {
    /// Takes the job that has been due for longest, for `lease_ms`: whoever asks after that gets it again.
    async fn claim_bulk_job(&self, now: Instant, lease_ms: i64) -> Result<Option<ClaimedJob>, StoreError>;

    /// When the next job is due.
    async fn next_bulk_job(&self) -> Result<Option<Instant>, StoreError>;

    /// Up to `limit` items of a job that are pending, in their order.
    async fn pending_bulk_items(
        &self,
        workspace: WorkspaceId,
        id: BulkJobId,
        limit: i64,
    ) -> Result<Vec<BulkItem>, StoreError>;

    /// Settles items of a claimed job, and has it go on at `next_at` if it is still claimed. An item that is settled stays as
    /// it is. A job without pending items is finished.
    async fn settle_bulk_items(
        &self,
        claimed: &ClaimedJob,
        items: &[BulkItem],
        next_at: Instant,
        now: Instant,
    ) -> Result<(), StoreError>;

    /// Skips all items of a job that is being cancelled, and ends it.
    async fn end_bulk_job(&self, claimed: &ClaimedJob, now: Instant) -> Result<(), StoreError>;

    /// A job.
    async fn bulk_job(&self, workspace: WorkspaceId, id: BulkJobId) -> Result<BulkJob, StoreError>;

    /// A page of a pod's jobs, newest first.
    async fn bulk_jobs(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<BulkJob>, StoreError>;

    /// A page of a job's items in their order, perhaps only those that stand so.
    async fn bulk_items(
        &self,
        workspace: WorkspaceId,
        id: BulkJobId,
        state: Option<BulkItemState>,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<BulkItem>, StoreError>;

    /// How many executions of a workspace wait to be run, those aside that a limit holds back; it stops counting at `enough`.
    async fn waiting_executions(&self, workspace: WorkspaceId, enough: i64) -> Result<i64, StoreError>;

    /// Up to `limit` executions that a list would show, newest first.
    async fn execution_ids(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
    ) -> Result<Vec<ExecutionId>, StoreError>;
}
