//! Tasks and workers. A task's row is written with commits of its execution; only signs of life change it beside them, and
//! those name the fence of the lease they are about.

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, PodId, TaskId, WorkspaceId},
        task::{Lease, Task, Worker},
    },
    store::{
        StoreError,
        commit::TaskChange,
        tasks::{QueueStanding, Tasks},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, cells},
    batch::{Batch, Kind, Rows},
};

macro_rules! columns {
    ($input:literal, $rest:literal) => {
        concat!(
            "SELECT id, workspace_id, pod_id, workflow_id, execution_id, node_id, address, queue, state, priority, attempt,
         fence, ",
            $input,
            ", lease_ms, queued_at, worker_id, leased_at, lease_until, heartbeat_at FROM tasks ",
            $rest
        )
    };
}

const QUEUED: &str = columns!(
    "input",
    "WHERE workspace_id = $1 AND pod_id = $2 AND queue = $3 AND state = 'queued' ORDER BY rank, id LIMIT +$4"
);
const ONE: &str = columns!("input", "WHERE workspace_id = $1 AND id = $2");
const EXPIRED: &str =
    columns!("'null'", "WHERE state = 'leased' AND lease_until <= $1 ORDER BY lease_until, workspace_id, id LIMIT +$2");
const LEASED: &str = columns!(
    "'null'",
    "WHERE workspace_id = $1 AND pod_id = $2 AND state = 'leased' ORDER BY lease_until, id LIMIT +$3"
);
const OF_EXECUTION: &str = columns!("'null'", "WHERE workspace_id = $1 AND execution_id = $2 ORDER BY id");

const EXTEND: &str = "UPDATE tasks SET lease_until = $4, heartbeat_at = $5
     WHERE workspace_id = $1 AND id = $2 AND fence = $3 AND state = 'leased'";

const NEXT_END: &str = "SELECT min(lease_until) FROM tasks WHERE state = 'leased'";

const QUEUES: &str = "SELECT queue, sum(CASE WHEN state = 'queued' THEN 1 ELSE 0 END),
         sum(CASE WHEN state = 'leased' THEN 1 ELSE 0 END), min(CASE WHEN state = 'queued' THEN queued_at END)
     FROM tasks WHERE workspace_id = $1 AND pod_id = $2 GROUP BY queue ORDER BY queue";

const NOTE_WORKER: &str = "INSERT INTO workers (workspace_id, pod_id, id, version, queues, last_seen_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (workspace_id, pod_id, id) DO UPDATE SET version = excluded.version, queues = excluded.queues,
         last_seen_at = excluded.last_seen_at";
const WORKERS: &str = "SELECT id, version, queues, last_seen_at FROM workers
     WHERE workspace_id = $1 AND pod_id = $2 AND last_seen_at >= $3 ORDER BY id LIMIT 1000";

/// A new task.
pub(super) static ADD_TASKS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("pod_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("execution_id", Kind::Id),
        ("node_id", Kind::Text),
        ("address", Kind::Text),
        ("queue", Kind::Text),
        ("state", Kind::Text),
        ("priority", Kind::Int),
        ("attempt", Kind::Int),
        ("fence", Kind::Int),
        ("input", Kind::Text),
        ("lease_ms", Kind::Int),
        ("queued_at", Kind::Int),
        ("worker_id", Kind::Text),
        ("leased_at", Kind::Int),
        ("lease_until", Kind::Int),
    ],
    "INSERT INTO tasks (workspace_id, id, pod_id, workflow_id, execution_id, node_id, address, queue, state, priority, rank,
         attempt, fence, input, lease_ms, queued_at, worker_id, leased_at, lease_until, heartbeat_at)
     SELECT workspace_id, id, pod_id, workflow_id, execution_id, node_id, address, queue, state, priority,
         queued_at - priority * 60000, attempt, fence, input, lease_ms, queued_at, worker_id, leased_at, lease_until,
         leased_at
     FROM batch",
);

/// A task that changes hands. Without a worker it is in the queue again, behind none of those that came after it.
pub(super) static MOVE_TASKS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("state", Kind::Text),
        ("attempt", Kind::Int),
        ("fence", Kind::Int),
        ("queued_at", Kind::Int),
        ("worker_id", Kind::Text),
        ("leased_at", Kind::Int),
        ("lease_until", Kind::Int),
    ],
    "UPDATE tasks AS t SET state = b.state, attempt = COALESCE(b.attempt, t.attempt), fence = COALESCE(b.fence, t.fence),
         queued_at = COALESCE(b.queued_at, t.queued_at), worker_id = b.worker_id, leased_at = b.leased_at,
         lease_until = b.lease_until, heartbeat_at = b.leased_at
     FROM batch AS b WHERE t.workspace_id = b.workspace_id AND t.id = b.id",
);

/// A lease that goes on.
pub(super) static EXTEND_LEASES: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("fence", Kind::Int),
        ("heartbeat_at", Kind::Int),
        ("lease_until", Kind::Int),
    ],
    "UPDATE tasks AS t SET lease_until = b.lease_until, heartbeat_at = b.heartbeat_at
     FROM batch AS b WHERE t.workspace_id = b.workspace_id AND t.id = b.id AND t.fence = b.fence AND t.state = 'leased'",
);

/// A task that is over.
pub(super) static REMOVE_TASKS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("id", Kind::Id)],
    "DELETE FROM tasks WHERE (workspace_id, id) IN (SELECT workspace_id, id FROM batch)",
);

/// The rows of a batch about tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskRows {
    pub added: Rows,
    pub moved: Rows,
    pub extended: Rows,
    pub removed: Rows,
}

impl TaskRows {
    /// Adds the rows of one change.
    pub fn add(&mut self, member: usize, workspace: WorkspaceId, change: &TaskChange) {
        let none = None::<i64>;
        match change {
            TaskChange::Add(task) => self.added.push(member, added(task)),
            TaskChange::Return { id, attempt, queued_at } => self.moved.push(
                member,
                cells![workspace, *id, "queued", Some(*attempt), none, Some(*queued_at), None::<&str>, none, none],
            ),
            TaskChange::Lease { id, fence, worker_id, leased_at, lease_until } => self.moved.push(
                member,
                cells![
                    workspace,
                    *id,
                    "leased",
                    none,
                    Some(*fence),
                    none,
                    Some(worker_id.as_str()),
                    Some(*leased_at),
                    Some(*lease_until)
                ],
            ),
            TaskChange::Extend { id, fence, at, lease_until } => {
                self.extended.push(member, cells![workspace, *id, *fence, *at, *lease_until]);
            }
            TaskChange::Remove(id) => self.removed.push(member, cells![workspace, *id]),
        }
    }
}

fn added(task: &Task) -> Vec<Cell> {
    cells![
        task.workspace_id,
        task.id,
        task.pod_id,
        task.workflow_id,
        task.execution_id,
        &task.node_id,
        &task.address,
        &task.queue,
        task.state.as_str(),
        task.priority,
        task.attempt,
        task.fence,
        Cell::json(&task.input),
        task.lease_ms,
        task.queued_at,
        task.worker_id.as_deref(),
        task.leased_at,
        task.lease_until,
    ]
}

/// Whether a text of a change holds a NUL, which PostgreSQL can't keep.
pub(super) fn holds_nul(change: &TaskChange) -> bool {
    let nul = |text: &str| text.contains('\0');
    match change {
        TaskChange::Add(task) => {
            [&task.node_id, &task.address, &task.queue].into_iter().any(|text| nul(text))
                || task.worker_id.as_deref().is_some_and(nul)
        }
        TaskChange::Lease { worker_id, .. } => nul(worker_id),
        TaskChange::Return { .. } | TaskChange::Extend { .. } | TaskChange::Remove(_) => false,
    }
}

#[async_trait]
impl<B: Backend> Tasks for SqlStore<B> {
    async fn queued_tasks(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        queues: &[String],
        limit: i64,
    ) -> Result<Vec<Task>, StoreError> {
        let mut found = Vec::new();
        for queue in queues {
            for row in &self.read(QUEUED, cells![workspace, pod, queue, limit]).await? {
                found.push(task_of::<B>(row)?);
            }
        }
        if queues.len() > 1 {
            found.sort_by_key(|task| (task.queued_at.0 - i64::from(task.priority) * 60_000, task.id));
            found.truncate(usize::try_from(limit).unwrap_or_default());
        }
        Ok(found)
    }

    async fn extend_lease(&self, lease: &Lease, now: Instant, until: Instant) -> Result<bool, StoreError> {
        let (workspace, id, fence) = (lease.workspace_id, lease.task_id, lease.fence);
        self.write_of(workspace, move |connection| {
            Box::pin(
                async move { Ok(B::execute(connection, EXTEND, cells![workspace, id, fence, until, now]).await? > 0) },
            )
        })
        .await
    }

    async fn expired_leases(&self, now: Instant, limit: i64) -> Result<Vec<Task>, StoreError> {
        self.read(EXPIRED, cells![now, limit]).await?.iter().map(task_of::<B>).collect()
    }

    async fn next_lease_end(&self) -> Result<Option<Instant>, StoreError> {
        let row = self.read_one("lease", NEXT_END, Vec::new()).await?;
        Columns::<B>::new(&row).maybe_at()
    }

    async fn task(&self, workspace: WorkspaceId, id: TaskId) -> Result<Task, StoreError> {
        task_of::<B>(&self.read_one_of(workspace, "task", ONE, cells![id]).await?)
    }

    async fn task_queues(&self, workspace: WorkspaceId, pod: PodId) -> Result<Vec<QueueStanding>, StoreError> {
        let rows = self.read_of(workspace, QUEUES, cells![pod]).await?;
        let queue = |row: &B::Row| {
            let mut columns = Columns::<B>::new(row);
            Ok(QueueStanding {
                queue: columns.next()?,
                queued: columns.next()?,
                leased: columns.next()?,
                oldest_queued_at: columns.maybe_at()?,
            })
        };
        rows.iter().map(queue).collect()
    }

    async fn leased_tasks(&self, workspace: WorkspaceId, pod: PodId, limit: i64) -> Result<Vec<Task>, StoreError> {
        self.read_of(workspace, LEASED, cells![pod, limit]).await?.iter().map(task_of::<B>).collect()
    }

    async fn tasks_of(&self, workspace: WorkspaceId, execution: ExecutionId) -> Result<Vec<Task>, StoreError> {
        self.read_of(workspace, OF_EXECUTION, cells![execution]).await?.iter().map(task_of::<B>).collect()
    }

    async fn note_worker(&self, workspace: WorkspaceId, pod: PodId, worker: &Worker) -> Result<(), StoreError> {
        let cells = cells![
            workspace,
            pod,
            &worker.id,
            worker.version.as_deref(),
            Cell::json(&worker.queues),
            worker.last_seen_at
        ];
        self.write_of(workspace, move |connection| {
            let cells = cells.clone();
            Box::pin(async move { Ok(B::execute(connection, NOTE_WORKER, cells).await.map(drop)?) })
        })
        .await
    }

    async fn workers(&self, workspace: WorkspaceId, pod: PodId, since: Instant) -> Result<Vec<Worker>, StoreError> {
        let rows = self.read_of(workspace, WORKERS, cells![pod, since]).await?;
        let worker = |row: &B::Row| {
            let mut columns = Columns::<B>::new(row);
            Ok(Worker {
                id: columns.next()?,
                version: columns.next()?,
                queues: columns.json("queues of a worker")?,
                last_seen_at: columns.at()?,
            })
        };
        rows.iter().map(worker).collect()
    }
}

fn task_of<B: Backend>(row: &B::Row) -> Result<Task, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Task {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        execution_id: columns.id()?,
        node_id: columns.next()?,
        address: columns.next()?,
        queue: columns.next()?,
        state: columns.name("state of a task")?,
        priority: columns.small()?,
        attempt: columns.next()?,
        fence: columns.next()?,
        input: columns.json::<Value>("input of a task")?,
        lease_ms: columns.next()?,
        queued_at: columns.at()?,
        worker_id: columns.next()?,
        leased_at: columns.maybe_at()?,
        lease_until: columns.maybe_at()?,
        heartbeat_at: columns.maybe_at()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// However many tasks wait: the next ones of a queue, and the leases that end next, are read off an index.
    #[tokio::test]
    async fn tasks_are_read_off_an_index() {
        for (sql, index) in [(QUEUED, "tasks_by_queue"), (EXPIRED, "tasks_by_lease"), (NEXT_END, "tasks_by_lease")] {
            let steps = plan(sql).await;
            assert!(steps.len() == 1 && steps[0].contains(index), "{sql}: {steps:?}");
        }
    }
}
