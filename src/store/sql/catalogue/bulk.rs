//! Bulk jobs, as people make and cancel them.

use crate::{
    clock::Instant,
    domain::{
        bulk::{BulkJob, BulkState},
        ids::{BulkJobId, ExecutionId, WorkspaceId},
    },
    store::StoreError,
};

use super::{
    super::{
        backend::{Backend, Cell, cells},
        batch::{Batch, Kind, Rows},
        run,
    },
    exists, write_row,
};

const CREATE: &str =
    "INSERT INTO bulk_jobs (workspace_id, id, pod_id, action, from_node_id, version, state, total, done,
         failed, skipped, created_by, created_at, updated_at, finished_at, next_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $10, $11, $12)";
static ADD_ITEMS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("job_id", Kind::Id), ("position", Kind::Int), ("execution_id", Kind::Id)],
    "INSERT INTO bulk_items (workspace_id, job_id, position, execution_id, state)
     SELECT workspace_id, job_id, position, execution_id, 'pending' FROM batch",
);
const CANCEL: &str = "UPDATE bulk_jobs SET state = 'cancelling', updated_at = $3
     WHERE workspace_id = $1 AND id = $2 AND state = 'running'";
const EXISTS: &str = "SELECT 1 FROM bulk_jobs WHERE workspace_id = $1 AND id = $2";

/// Makes a job and its items; one without items has ended.
pub(super) async fn create_bulk_job<B: Backend>(
    connection: &mut B::Connection,
    job: &BulkJob,
    items: &[ExecutionId],
) -> Result<(), StoreError> {
    let next_at = (job.state == BulkState::Running).then_some(job.created_at);
    let cells = cells![
        job.workspace_id,
        job.id,
        job.pod_id,
        job.action.as_str(),
        job.from_node_id.as_deref(),
        Cell::name(&job.version),
        Cell::name(&job.state),
        job.counts.total,
        &job.created_by,
        job.created_at,
        job.finished_at,
        next_at,
    ];
    write_row::<B>(connection, "bulk job", "pod", CREATE, cells).await?;
    let mut rows = Rows::default();
    for (position, execution) in (1_i64..).zip(items) {
        rows.push(0, cells![job.workspace_id, job.id, position, *execution]);
    }
    run::<B>(connection, &ADD_ITEMS, &rows).await.map(drop)
}

/// Has a job begin no further item.
pub(super) async fn cancel_bulk_job<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: BulkJobId,
    at: Instant,
) -> Result<(), StoreError> {
    if B::execute(connection, CANCEL, cells![workspace, id, at]).await? > 0 {
        return Ok(());
    }
    let there = exists::<B>(connection, EXISTS, cells![workspace, id]).await?;
    Err(if there { StoreError::Refused(ENDED) } else { StoreError::NotFound("bulk job") })
}

const ENDED: &str = "the bulk job has ended, or is being cancelled";
