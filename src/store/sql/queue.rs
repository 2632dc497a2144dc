//! What is runnable now, and what will be: claiming, releasing, timers.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::ids::{ExecutionId, InstanceId, WorkspaceId},
    store::{Fired, StoreCounts, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    commit::{ENQUEUE, SET_TIMERS},
    run,
};

/// A row of an execution that has ended is picked too, to be thrown away.
///
/// PostgreSQL locks both rows of what it picks and passes over what others have locked: no claimer waits for another, nor
/// for a commit. It reads the queue in order and looks for a reason against each row, so that no statistics can talk it
/// into beginning with the executions; the second look at the driver is at the row as it is once it is locked.
const PICK: Dialect = Dialect {
    sqlite: "SELECT q.workspace_id, q.execution_id,
         e.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling')
     FROM queue AS q JOIN executions AS e ON e.workspace_id = q.workspace_id AND e.id = q.execution_id
     WHERE NOT q.held AND (e.driver IS NULL OR e.driver = $1)
     ORDER BY q.rank, q.execution_id LIMIT +$2",
    postgres: "SELECT e.workspace_id, e.id,
         e.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling')
     FROM (
         SELECT q.workspace_id, q.execution_id, q.rank FROM queue AS q
         WHERE NOT q.held AND NOT EXISTS (SELECT 1 FROM executions AS o
             WHERE o.workspace_id = q.workspace_id AND o.id = q.execution_id AND o.driver <> $1)
         ORDER BY q.rank, q.execution_id LIMIT +$2 FOR UPDATE OF q SKIP LOCKED
     ) AS p JOIN executions AS e ON e.workspace_id = p.workspace_id AND e.id = p.execution_id
         AND (e.driver IS NULL OR e.driver = $1)
     ORDER BY p.rank, p.execution_id FOR NO KEY UPDATE OF e SKIP LOCKED",
};

const DRIVEN_BY: &str = "SELECT workspace_id, id FROM executions WHERE driver IS NOT NULL AND driver = $1";

const QUEUE_LENGTH: &str = "SELECT COUNT(*) FROM queue WHERE workspace_id = $1";

static TAKE: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id)],
    "DELETE FROM queue WHERE (workspace_id, execution_id) IN (SELECT workspace_id, execution_id FROM batch)",
);

static DRIVE: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("driver", Kind::Id)],
    "UPDATE executions AS e SET driver = b.driver FROM batch AS b
     WHERE e.workspace_id = b.workspace_id AND e.id = b.execution_id AND e.driver IS NULL",
);

/// PostgreSQL takes the execution's lock before the queue's, as commits do. The timer of what is deleted is fired for nobody.
const DUE: Dialect = Dialect {
    sqlite: "SELECT t.workspace_id, t.execution_id, t.due_at, e.expires_at
     FROM timers AS t LEFT JOIN executions AS e ON e.workspace_id = t.workspace_id AND e.id = t.execution_id
         AND e.started_at IS NULL AND e.expires_at IS NOT NULL
     WHERE t.due_at <= $1 ORDER BY t.due_at, t.workspace_id, t.execution_id LIMIT +$2",
    postgres: "SELECT e.workspace_id, e.id, d.due_at, CASE WHEN e.started_at IS NULL THEN e.expires_at END
     FROM (
         SELECT t.workspace_id, t.execution_id, t.due_at FROM timers AS t WHERE t.due_at <= $1
         ORDER BY t.due_at, t.workspace_id, t.execution_id LIMIT +$2 FOR UPDATE SKIP LOCKED
     ) AS d JOIN executions AS e ON e.workspace_id = d.workspace_id AND e.id = d.execution_id
     FOR NO KEY UPDATE OF e SKIP LOCKED",
};

static TAKE_TIMERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id)],
    "DELETE FROM timers WHERE (workspace_id, execution_id) IN (SELECT workspace_id, execution_id FROM batch)",
);

const NEXT_TIMER: &str = "SELECT min(due_at) FROM timers";

static RELEASE: Batch = Batch::differing(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("driver", Kind::Id)],
    Dialect {
        sqlite: "UPDATE executions AS e SET driver = NULL FROM batch AS b
     WHERE e.workspace_id = b.workspace_id AND e.id = b.execution_id AND e.driver = b.driver
     RETURNING workspace_id, id",
        postgres: "UPDATE executions AS e SET driver = NULL FROM (
         SELECT e.workspace_id, e.id FROM batch AS b
             JOIN executions AS e ON e.workspace_id = b.workspace_id AND e.id = b.execution_id AND e.driver = b.driver
         ORDER BY e.id FOR NO KEY UPDATE OF e
     ) AS b WHERE e.workspace_id = b.workspace_id AND e.id = b.id
     RETURNING e.workspace_id, e.id",
    },
);

const COUNTS: &str =
    "SELECT (SELECT count(*) FROM queue), (SELECT count(*) FROM queue WHERE held), (SELECT min(queued_at) FROM queue),
     (SELECT count(*) FROM suspensions WHERE state = 'open'), (SELECT count(*) FROM timers WHERE due_at <= $1),
     (SELECT count(*) FROM tasks WHERE state = 'queued'), (SELECT count(*) FROM tasks WHERE state = 'leased')";

impl<B: Backend> SqlStore<B> {
    pub(super) async fn claim(
        &self,
        instance: InstanceId,
        limit: i64,
    ) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
        if limit <= 0 {
            return Ok(Vec::new());
        }
        self.write(move |connection| {
            Box::pin(async move {
                let picked = B::fetch(connection, B::pick(PICK), cells![instance, limit]).await?;
                let (mut claimed, mut taken, mut driven) = (Vec::new(), Rows::default(), Rows::default());
                for row in &picked {
                    let mut columns = Columns::<B>::new(row);
                    let (workspace, execution): (WorkspaceId, ExecutionId) = (columns.id()?, columns.id()?);
                    taken.push(0, cells![workspace, execution]);
                    if columns.next::<bool>()? {
                        driven.push(0, cells![workspace, execution, instance]);
                        claimed.push((workspace, execution));
                    }
                }
                run::<B>(connection, &TAKE, &taken).await?;
                run::<B>(connection, &DRIVE, &driven).await?;
                Ok(claimed)
            })
        })
        .await
    }

    pub(super) async fn driven_by(&self, instance: InstanceId) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
        let rows = self.read(DRIVEN_BY, cells![instance]).await?;
        rows.iter()
            .map(|row| {
                let mut columns = Columns::<B>::new(row);
                Ok((columns.id()?, columns.id()?))
            })
            .collect()
    }

    pub(super) async fn fire_timers(&self, now: Instant, limit: i64) -> Result<Fired, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let due = B::fetch(connection, B::pick(DUE), cells![now, limit]).await?;
                let (mut queued, mut taken, mut kept) = (Rows::default(), Rows::default(), Rows::default());
                let mut fired = Fired::default();
                for row in &due {
                    let mut columns = Columns::<B>::new(row);
                    let (workspace, execution) = (columns.id()?, columns.id()?);
                    let due_at = columns.at()?;
                    match columns.maybe_at()? {
                        Some(expires_at) if expires_at <= now => {
                            fired.expired.push((workspace, execution));
                            continue;
                        }
                        // It was delayed, and may expire from now on.
                        Some(expires_at) => kept.push(0, cells![workspace, execution, expires_at]),
                        None => taken.push(0, cells![workspace, execution]),
                    }
                    queued.push(0, cells![workspace, execution, None::<i64>, due_at]);
                }
                run::<B>(connection, &ENQUEUE, &queued).await?;
                run::<B>(connection, &TAKE_TIMERS, &taken).await?;
                run::<B>(connection, &SET_TIMERS, &kept).await?;
                fired.moved = queued.len() as u64;
                Ok(fired)
            })
        })
        .await
    }

    pub(super) async fn next_timer(&self) -> Result<Option<Instant>, StoreError> {
        let row = self.read_one("timer", NEXT_TIMER, Vec::new()).await?;
        Columns::<B>::new(&row).maybe_at()
    }

    pub(super) async fn release(
        &self,
        instance: InstanceId,
        executions: &[(WorkspaceId, ExecutionId)],
        now: Instant,
    ) -> Result<(), StoreError> {
        let mut given_up = Rows::default();
        for (workspace, execution) in executions {
            given_up.push(0, cells![*workspace, *execution, instance]);
        }
        let given_up = Arc::new(given_up);
        self.write(move |connection| {
            let given_up = Arc::clone(&given_up);
            Box::pin(async move {
                let mut queued = Rows::default();
                for row in &run::<B>(connection, &RELEASE, &given_up).await? {
                    let mut columns = Columns::<B>::new(row);
                    queued.push(0, cells![columns.next::<Uuid>()?, columns.next::<Uuid>()?, None::<i64>, now]);
                }
                run::<B>(connection, &ENQUEUE, &queued).await?;
                Ok(())
            })
        })
        .await
    }

    pub(super) async fn queue_length(&self, workspace: WorkspaceId) -> Result<i64, StoreError> {
        let row = self.read_one_of(workspace, "queue length", QUEUE_LENGTH, cells![]).await?;
        Columns::<B>::new(&row).next()
    }

    pub(super) async fn counts(&self, now: Instant) -> Result<StoreCounts, StoreError> {
        let row = self.read_one("counts", COUNTS, cells![now]).await?;
        let mut columns = Columns::<B>::new(&row);
        Ok(StoreCounts {
            queue_depth: columns.next()?,
            queue_held: columns.next()?,
            queue_oldest: columns.maybe_at()?,
            open_suspensions: columns.next()?,
            timers_late: columns.next()?,
            tasks_queued: columns.next()?,
            tasks_leased: columns.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// Claiming and firing read from the front of an index, however long the queue is.
    #[tokio::test]
    async fn the_front_of_the_queue_is_bound_by_an_index() {
        let steps = plan(PICK.sqlite).await;
        assert_eq!(steps[0], "SCAN q USING COVERING INDEX queue_by_place", "{steps:?}");
        assert_eq!(steps.len(), 2, "{steps:?}");
        let steps = plan(DUE.sqlite).await;
        assert_eq!(steps[0], "SEARCH t USING COVERING INDEX timers_by_due (due_at<?)", "{steps:?}");
        assert_eq!(steps.len(), 2, "{steps:?}");
    }
}
