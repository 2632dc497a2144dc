//! Server processes and their leases, and the reconciler that mends what a dead one left behind.

use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::{execution::ExecutionStatus, ids::InstanceId},
    store::{Repairs, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, Whom, cells},
    batch::{Batch, Kind, Rows},
    commit::ENQUEUE,
    run,
};

/// PostgreSQL measures leases with its own clock: those of its clients differ. SQLite has one server.
const REGISTER: Dialect = Dialect {
    sqlite: "INSERT INTO instances (id, started_at, heartbeat_at) VALUES ($1, $2, $2)
     ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
    postgres: "INSERT INTO instances (id, started_at, heartbeat_at)
     SELECT $1, at.ms, at.ms FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS at (ms)
     ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
};

const RENEW: Dialect = Dialect {
    sqlite: "UPDATE instances SET heartbeat_at = $2 WHERE id = $1",
    postgres: "UPDATE instances SET heartbeat_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
     WHERE id = $1",
};

const REMOVE: &str = "DELETE FROM instances WHERE id = $1";

const COUNT: Dialect = Dialect {
    sqlite: "SELECT count(*) FROM instances WHERE heartbeat_at >= $2 - $1",
    postgres: "SELECT count(*) FROM instances
     WHERE heartbeat_at >= (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1",
};

/// One reconciler at a time; on SQLite the write lock says so already.
const GUARD: Dialect =
    Dialect { sqlite: "SELECT true", postgres: "SELECT pg_try_advisory_xact_lock(x'736c75696365'::bigint)" };

const BURY: Dialect = Dialect {
    sqlite: "DELETE FROM instances WHERE id <> $1 AND (heartbeat_at < $3 - $2 OR $4)",
    postgres: "DELETE FROM instances WHERE id <> $1
         AND (heartbeat_at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $2 OR $4)",
};

/// What a commit has locked right now is left for the next round.
const TAKE_OVER: Dialect = Dialect {
    sqlite: "UPDATE executions SET driver = NULL
     WHERE driver IS NOT NULL AND NOT EXISTS (SELECT 1 FROM instances AS i WHERE i.id = executions.driver)
     RETURNING workspace_id, id",
    postgres: "UPDATE executions AS e SET driver = NULL FROM (
         SELECT o.workspace_id, o.id FROM executions AS o
         WHERE o.driver IS NOT NULL AND NOT EXISTS (SELECT 1 FROM instances AS i WHERE i.id = o.driver)
         ORDER BY o.id FOR NO KEY UPDATE OF o SKIP LOCKED
     ) AS lost WHERE e.workspace_id = lost.workspace_id AND e.id = lost.id
     RETURNING e.workspace_id, e.id",
};

const FORGET_REPLIES: &str = "DELETE FROM idempotency WHERE forget_at <= $1";

const FORGET_DUPLICATES: &str = "DELETE FROM dedupe_keys WHERE forget_at <= $1";

/// A burst that ended a month ago has nobody left who would ask for it.
const FORGET_BURSTS: &str = "DELETE FROM debounces WHERE run_at <= $1 - 2592000000";

/// A worker that was not heard of for a day.
const FORGET_WORKERS: &str = "DELETE FROM workers WHERE last_seen_at <= $1 - 86400000";

/// Where a page of live executions ends.
const PAGE_END: &str = "SELECT workspace_id, id FROM executions
     WHERE status = $1 AND (workspace_id, id) > ($2, $3) ORDER BY workspace_id, id LIMIT 1 OFFSET $4";

/// An execution that nothing would ever wake.
macro_rules! orphaned {
    () => {
        "e.driver IS NULL
         AND NOT EXISTS (SELECT 1 FROM suspensions AS s
             WHERE s.workspace_id = e.workspace_id AND s.execution_id = e.id AND s.state = 'open')
         AND NOT EXISTS (SELECT 1 FROM timers AS t WHERE t.workspace_id = e.workspace_id AND t.execution_id = e.id)
         AND NOT EXISTS (SELECT 1 FROM queue AS q WHERE q.workspace_id = e.workspace_id AND q.execution_id = e.id)
         AND NOT EXISTS (SELECT 1 FROM tasks AS k WHERE k.workspace_id = e.workspace_id AND k.execution_id = e.id)
         AND NOT EXISTS (SELECT 1 FROM executions AS c
             WHERE c.workspace_id = e.workspace_id AND c.parent_execution_id = e.id
                 AND c.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling'))"
    };
}

const ORPHANS: &str = concat!(
    "SELECT e.workspace_id, e.id FROM executions AS e
     WHERE e.status = $1 AND (e.workspace_id, e.id) > ($2, $3) AND (e.workspace_id, e.id) <= ($4, $5) AND ",
    orphaned!()
);

static STILL_ORPHANS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("id", Kind::Id)],
    concat!(
        "SELECT e.workspace_id, e.id FROM batch AS b CROSS JOIN executions AS e
     WHERE e.workspace_id = b.workspace_id AND e.id = b.id
         AND e.status NOT IN ('completed', 'failed', 'cancelled', 'skipped') AND ",
        orphaned!()
    ),
);

/// The statuses of live executions.
const LIVE: [ExecutionStatus; 5] = [
    ExecutionStatus::Pending,
    ExecutionStatus::Queued,
    ExecutionStatus::Running,
    ExecutionStatus::Suspended,
    ExecutionStatus::Cancelling,
];

/// How many executions of each live status are looked at in one round. A server with fewer proves all of them each time;
/// one with a million suspended ones goes round them, so that no round costs more than a few milliseconds.
const SWEEP_PAGE: i64 = 10_000;

/// How far the reconciler has come, by live status.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep([(Uuid, Uuid); LIVE.len()]);

impl<B: Backend> SqlStore<B> {
    pub(super) async fn register_instance(&self, instance: InstanceId, now: Instant) -> Result<(), StoreError> {
        self.lease(B::pick(REGISTER), cells![instance, now]).await.map(drop)
    }

    pub(super) async fn renew_instance(&self, instance: InstanceId, now: Instant) -> Result<bool, StoreError> {
        Ok(self.lease(B::pick(RENEW), cells![instance, now]).await? > 0)
    }

    pub(super) async fn remove_instance(&self, instance: InstanceId) -> Result<(), StoreError> {
        self.lease(REMOVE, cells![instance]).await.map(drop)
    }

    pub(super) async fn count_instances(&self, lease_ms: i64, now: Instant) -> Result<i64, StoreError> {
        let row = self.read_one("count", B::pick(COUNT), cells![lease_ms, now]).await?;
        Columns::<B>::new(&row).next()
    }

    /// One statement in a transaction, on the connection that is kept for leases.
    async fn lease(&self, sql: &'static str, cells: Vec<Cell>) -> Result<u64, StoreError> {
        self.write_on(&self.renewals, Whom::Engine, move |connection| {
            let cells = cells.clone();
            Box::pin(async move { Ok(B::execute(connection, sql, cells).await?) })
        })
        .await
    }

    pub(super) async fn reconcile(
        &self,
        instance: InstanceId,
        lease_ms: i64,
        now: Instant,
        alone: bool,
    ) -> Result<Repairs, StoreError> {
        let taken_over =
            self.write(move |connection| Box::pin(take_over::<B>(connection, instance, lease_ms, now, alone))).await?;
        let mut orphans = Rows::default();
        for (index, status) in LIVE.into_iter().enumerate() {
            self.find_orphans(index, status, &mut orphans).await?;
        }
        let mut requeued = 0;
        if !orphans.is_empty() {
            let orphans = std::sync::Arc::new(orphans);
            requeued = self
                .write(move |connection| Box::pin(requeue::<B>(connection, std::sync::Arc::clone(&orphans), now)))
                .await?;
        }
        Ok(Repairs { taken_over, requeued })
    }

    /// Looks at the next page of one status, without a lock: what is found is looked at again before it is changed.
    async fn find_orphans(&self, index: usize, status: ExecutionStatus, orphans: &mut Rows) -> Result<(), StoreError> {
        let begin = self.sweep().0[index];
        let cells = cells![status.as_str(), begin.0, begin.1, SWEEP_PAGE - 1];
        let end = match self.read(PAGE_END, cells).await?.first() {
            Some(row) => {
                let mut columns = Columns::<B>::new(row);
                Some((columns.next::<Uuid>()?, columns.next::<Uuid>()?))
            }
            None => None,
        };
        let until = end.unwrap_or((Uuid::max(), Uuid::max()));
        for row in &self.read(ORPHANS, cells![status.as_str(), begin.0, begin.1, until.0, until.1]).await? {
            let mut columns = Columns::<B>::new(row);
            orphans.push(0, cells![columns.next::<Uuid>()?, columns.next::<Uuid>()?]);
        }
        self.sweep().0[index] = end.unwrap_or_default();
        Ok(())
    }

    fn sweep(&self) -> std::sync::MutexGuard<'_, Sweep> {
        self.sweep.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn take_over<B: Backend>(
    connection: &mut B::Connection,
    instance: InstanceId,
    lease_ms: i64,
    now: Instant,
    alone: bool,
) -> Result<u64, StoreError> {
    if !guard::<B>(connection).await? {
        return Ok(0);
    }
    B::execute(connection, B::pick(BURY), cells![instance, lease_ms, now, alone]).await?;
    let mut queued = Rows::default();
    for row in &B::fetch(connection, B::pick(TAKE_OVER), Vec::new()).await? {
        let mut columns = Columns::<B>::new(row);
        queued.push(0, cells![columns.next::<Uuid>()?, columns.next::<Uuid>()?, None::<i64>, now]);
    }
    run::<B>(connection, &ENQUEUE, &queued).await?;
    for forget in [FORGET_REPLIES, FORGET_DUPLICATES, FORGET_BURSTS, FORGET_WORKERS] {
        B::execute(connection, forget, cells![now]).await?;
    }
    Ok(queued.len() as u64)
}

async fn requeue<B: Backend>(
    connection: &mut B::Connection,
    candidates: std::sync::Arc<Rows>,
    now: Instant,
) -> Result<u64, StoreError> {
    if !guard::<B>(connection).await? {
        return Ok(0);
    }
    let mut queued = Rows::default();
    for row in &run::<B>(connection, &STILL_ORPHANS, &candidates).await? {
        let mut columns = Columns::<B>::new(row);
        queued.push(0, cells![columns.next::<Uuid>()?, columns.next::<Uuid>()?, None::<i64>, now]);
    }
    run::<B>(connection, &ENQUEUE, &queued).await?;
    Ok(queued.len() as u64)
}

async fn guard<B: Backend>(connection: &mut B::Connection) -> Result<bool, StoreError> {
    let rows = B::fetch(connection, B::pick(GUARD), Vec::new()).await?;
    rows.first().map_or(Ok(false), |row| Columns::<B>::new(row).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// However many executions there are: those that are looked at are found by their keys.
    #[tokio::test]
    async fn executions_are_found_by_their_keys() {
        for sql in STILL_ORPHANS.sqlite(49).map(|chunk| chunk.sql) {
            let steps = plan(sql).await;
            let found: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH e ")).collect();
            assert!(found.len() == 1 && found[0].ends_with("id=?)"), "{sql}: {steps:?}");
        }
    }
}
