//! Bulk jobs and their items. A job is claimed by moving its `next_at`, which is due date, pause and lease in one. Counts are
//! changed in the transaction that settles the items, by the rows that it has changed.

use async_trait::async_trait;

use crate::{
    clock::Instant,
    domain::{
        bulk::{BulkCounts, BulkItem, BulkItemState, BulkJob},
        ids::{BulkJobId, ExecutionId, PodId, WorkspaceId},
    },
    store::{
        ExecutionFilter, Page, StoreError,
        bulk::{BulkJobs, ClaimedJob},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    executions::{cursor_at, read_cursor},
    page, run,
};

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace_id, pod_id, action, from_node_id, version, state, total, done, failed, skipped,
         created_by, created_at, updated_at, finished_at FROM bulk_jobs ",
            $rest
        )
    };
}

const PICK: Dialect = Dialect {
    sqlite: columns!("WHERE next_at <= $1 ORDER BY next_at, workspace_id, id LIMIT 1"),
    postgres: columns!("WHERE next_at <= $1 ORDER BY next_at, workspace_id, id LIMIT 1 FOR UPDATE SKIP LOCKED"),
};
const TAKE: &str = "UPDATE bulk_jobs SET next_at = $3 WHERE workspace_id = $1 AND id = $2";
const NEXT: &str = "SELECT min(next_at) FROM bulk_jobs WHERE next_at IS NOT NULL";

macro_rules! settle {
    ($returning:literal) => {
        concat!(
            "UPDATE bulk_items AS i SET state = b.state, new_execution_id = b.new_execution_id, reason = b.reason,
         settled_at = b.settled_at
     FROM batch AS b WHERE i.workspace_id = b.workspace_id AND i.job_id = b.job_id AND i.position = b.position
         AND i.state = 'pending'
     RETURNING ",
            $returning
        )
    };
}

/// An item is settled once: who comes second changes nothing. SQLite's `RETURNING` knows no other name for the table.
static SETTLE: Batch = Batch::differing(
    &[
        ("workspace_id", Kind::Id),
        ("job_id", Kind::Id),
        ("position", Kind::Int),
        ("state", Kind::Text),
        ("new_execution_id", Kind::Id),
        ("reason", Kind::Text),
        ("settled_at", Kind::Int),
    ],
    Dialect { sqlite: settle!("state"), postgres: settle!("i.state") },
);
const SKIP_REST: &str = "UPDATE bulk_items SET state = 'skipped', reason = 'the job was cancelled', settled_at = $3
     WHERE workspace_id = $1 AND job_id = $2 AND state = 'pending'";
/// A claim that another has taken over keeps its own time.
const COUNT: &str =
    "UPDATE bulk_jobs SET done = done + $3, failed = failed + $4, skipped = skipped + $5, updated_at = $6,
         next_at = CASE WHEN total = done + failed + skipped + $3 + $4 + $5 THEN NULL
             WHEN next_at = $7 THEN $8 ELSE next_at END,
         finished_at = CASE WHEN total = done + failed + skipped + $3 + $4 + $5 THEN $6 END,
         state = CASE WHEN total > done + failed + skipped + $3 + $4 + $5 THEN state
             WHEN $9 THEN 'cancelled' ELSE 'finished' END
     WHERE workspace_id = $1 AND id = $2 AND finished_at IS NULL";

const WAITING: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM queue WHERE workspace_id = $1 AND NOT held LIMIT +$2) AS w";

const ONE: &str = columns!("WHERE workspace_id = $1 AND id = $2");
const LIST: &str = columns!("WHERE workspace_id = $1 AND pod_id = $2 AND id < $3 ORDER BY id DESC LIMIT +$4");
const ITEMS: &str = "SELECT position, execution_id, state, new_execution_id, reason, settled_at FROM bulk_items
     WHERE workspace_id = $1 AND job_id = $2 AND position > $3 ORDER BY position LIMIT +$4";
const ITEMS_IN_STATE: &str =
    "SELECT position, execution_id, state, new_execution_id, reason, settled_at FROM bulk_items
     WHERE workspace_id = $1 AND job_id = $2 AND state = $5 AND position > $3 ORDER BY position LIMIT +$4";

#[async_trait]
impl<B: Backend> BulkJobs for SqlStore<B> {
    async fn claim_bulk_job(&self, now: Instant, lease_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let rows = B::fetch(connection, B::pick(PICK), cells![now]).await?;
                let Some(row) = rows.first() else { return Ok(None) };
                let (job, until) = (read_job::<B>(row)?, now.plus_ms(lease_ms));
                B::execute(connection, TAKE, cells![job.workspace_id, job.id, until]).await?;
                Ok(Some(ClaimedJob { job, until }))
            })
        })
        .await
    }

    async fn next_bulk_job(&self) -> Result<Option<Instant>, StoreError> {
        let row = self.read_one("bulk job", NEXT, Vec::new()).await?;
        Columns::<B>::new(&row).maybe_at()
    }

    async fn pending_bulk_items(
        &self,
        workspace: WorkspaceId,
        id: BulkJobId,
        limit: i64,
    ) -> Result<Vec<BulkItem>, StoreError> {
        let cells = cells![id, 0_i64, limit, Cell::name(&BulkItemState::Pending)];
        self.read_of(workspace, ITEMS_IN_STATE, cells).await?.iter().map(read_item::<B>).collect()
    }

    async fn settle_bulk_items(
        &self,
        claimed: &ClaimedJob,
        items: &[BulkItem],
        next_at: Instant,
        now: Instant,
    ) -> Result<(), StoreError> {
        let BulkJob { workspace_id, id, .. } = claimed.job;
        let mut rows = Rows::default();
        for item in items {
            let reason = item.reason.as_deref().map(|reason| reason.replace('\0', ""));
            rows.push(
                0,
                cells![workspace_id, id, item.position, Cell::name(&item.state), item.new_execution_id, reason, now],
            );
        }
        let until = claimed.until;
        self.write_of(workspace_id, move |connection| {
            let rows = rows.clone();
            Box::pin(async move {
                let mut counts = BulkCounts::default();
                for row in &run::<B>(connection, &SETTLE, &rows).await? {
                    match Columns::<B>::new(row).name("state of an item")? {
                        BulkItemState::Done => counts.done += 1,
                        BulkItemState::Failed => counts.failed += 1,
                        BulkItemState::Skipped => counts.skipped += 1,
                        BulkItemState::Pending => {}
                    }
                }
                let BulkCounts { done, failed, skipped, .. } = counts;
                let cells = cells![workspace_id, id, done, failed, skipped, now, until, next_at, false];
                B::execute(connection, COUNT, cells).await?;
                Ok(())
            })
        })
        .await
    }

    async fn end_bulk_job(&self, claimed: &ClaimedJob, now: Instant) -> Result<(), StoreError> {
        let (BulkJob { workspace_id, id, .. }, until) = (claimed.job.clone(), claimed.until);
        self.write_of(workspace_id, move |connection| {
            Box::pin(async move {
                let skipped = B::execute(connection, SKIP_REST, cells![workspace_id, id, now]).await?;
                let skipped = i64::try_from(skipped).unwrap_or(i64::MAX);
                let cells = cells![workspace_id, id, 0_i64, 0_i64, skipped, now, until, until, true];
                B::execute(connection, COUNT, cells).await?;
                Ok(())
            })
        })
        .await
    }

    async fn bulk_job(&self, workspace: WorkspaceId, id: BulkJobId) -> Result<BulkJob, StoreError> {
        read_job::<B>(&self.read_one_of(workspace, "bulk job", ONE, cells![id]).await?)
    }

    async fn bulk_jobs(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<BulkJob>, StoreError> {
        let rows = self.read_of(workspace, LIST, cells![pod, read_cursor(cursor)?, limit + 1]).await?;
        let jobs = rows.iter().map(read_job::<B>).collect::<Result<_, _>>()?;
        Ok(page(jobs, limit, |job: &BulkJob| cursor_at(job.id.0)))
    }

    async fn bulk_items(
        &self,
        workspace: WorkspaceId,
        id: BulkJobId,
        state: Option<BulkItemState>,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<BulkItem>, StoreError> {
        let after: i64 = cursor.map_or(Ok(0), str::parse).map_err(|_| StoreError::ForeignCursor)?;
        let mut cells = cells![id, after, limit + 1];
        let rows = match state {
            None => self.read_of(workspace, ITEMS, cells).await?,
            Some(state) => {
                cells.push(Cell::name(&state));
                self.read_of(workspace, ITEMS_IN_STATE, cells).await?
            }
        };
        let items = rows.iter().map(read_item::<B>).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &BulkItem| item.position.to_string()))
    }

    async fn waiting_executions(&self, workspace: WorkspaceId, enough: i64) -> Result<i64, StoreError> {
        let row = self.read_one_of(workspace, "queue length", WAITING, cells![enough]).await?;
        Columns::<B>::new(&row).next()
    }

    async fn execution_ids(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        self.ids_of_list(workspace, filter, limit).await
    }
}

fn read_job<B: Backend>(row: &B::Row) -> Result<BulkJob, StoreError> {
    let mut columns = Columns::<B>::new(row);
    let (id, workspace_id, pod_id) = (columns.id()?, columns.id()?, columns.id()?);
    let (action, from_node_id, version) = (columns.name("action")?, columns.next()?, columns.name("version")?);
    let state = columns.name("state of a bulk job")?;
    let (total, done, failed, skipped) = (columns.next::<i64>()?, columns.next()?, columns.next()?, columns.next()?);
    let counts = BulkCounts { total, pending: total - done - failed - skipped, done, failed, skipped };
    let (created_by, created_at, updated_at) = (columns.next()?, columns.at()?, columns.at()?);
    let finished_at = columns.maybe_at()?;
    Ok(BulkJob {
        id,
        workspace_id,
        pod_id,
        action,
        from_node_id,
        version,
        state,
        counts,
        created_by,
        created_at,
        updated_at,
        finished_at,
    })
}

fn read_item<B: Backend>(row: &B::Row) -> Result<BulkItem, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(BulkItem {
        position: columns.next()?,
        execution_id: columns.id()?,
        state: columns.name("state of an item")?,
        new_execution_id: columns.maybe_id()?,
        reason: columns.next()?,
        settled_at: columns.maybe_at()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// However many jobs there were, and items there are: what is read is found by an index, and nothing is sorted.
    #[tokio::test]
    async fn what_is_read_is_bound_by_an_index() {
        for (sql, index) in [
            (PICK.sqlite, "bulk_jobs_by_next (next_at<?)"),
            (NEXT, "bulk_jobs_by_next (next_at>?)"),
            (LIST, "bulk_jobs_by_pod (workspace_id=? AND pod_id=? AND id<?)"),
            (ITEMS, "sqlite_autoindex_bulk_items_1 (workspace_id=? AND job_id=? AND position>?)"),
            (ITEMS_IN_STATE, "bulk_items_by_state (workspace_id=? AND job_id=? AND state=? AND position>?)"),
        ] {
            let steps = plan(sql).await;
            let reads: Vec<_> = steps.iter().filter(|step| !step.starts_with("CO-ROUTINE")).collect();
            assert!(reads.len() == 1 && reads[0].ends_with(index), "{sql}: {steps:?}");
        }
    }
}
