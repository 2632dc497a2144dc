//! Who is let in: rows of the queue that share a limit are held until there is room in their lane, their pod and their
//! workspace.
//!
//! What takes up room is counted from rows, in one statement and so at one instant: executions that somebody drives, those with
//! a task for a worker, and rows that were let in and are not claimed yet. Claiming turns one into the other and changes no count, so a claimer need not know
//! of limits. Whoever lets in holds the workspace's row: two servers never fill the same room.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    domain::{
        admission::OnLimit,
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
    },
    store::{StoreError, admission::Admitted, commit::Debounced},
};

use super::{
    SqlStore,
    backend::{Backend, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    run,
};

/// The most rows of one lane that are looked at in one round.
const OF_A_LANE: i64 = 64;
/// The most lanes that are looked at in one round.
const LANES: usize = 500;

/// Also says whether the pod of a trigger has limits to heed.
const LIMITED: &str = "SELECT w.max_running IS NOT NULL OR p.max_running IS NOT NULL
     FROM workspaces AS w JOIN pods AS p ON p.workspace_id = w.id WHERE w.id = $1 AND p.id = $2";

const LOCK: Dialect = Dialect {
    sqlite: "SELECT max_running FROM workspaces WHERE id = $1",
    postgres: "SELECT max_running FROM workspaces WHERE id = $1 FOR NO KEY UPDATE",
};

const POD_LIMITS: &str = "SELECT id, max_running FROM pods WHERE workspace_id = $1 AND max_running IS NOT NULL";

macro_rules! used {
    ($driven:literal, $admitted:literal) => {
        concat!(
            "SELECT e.pod_id, e.lane, count(*)
     FROM (
         SELECT id FROM executions ",
            $driven,
            " WHERE driver IS NOT NULL AND workspace_id = $1
         UNION SELECT execution_id FROM queue ",
            $admitted,
            " WHERE workspace_id = $1 AND lane IS NOT NULL AND NOT held
         UNION SELECT execution_id FROM tasks WHERE workspace_id = $1
     ) AS u CROSS JOIN executions AS e
     WHERE e.workspace_id = $1 AND e.id = u.id
         AND e.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling')
     GROUP BY e.pod_id, e.lane"
        )
    };
}

/// What takes up room, by pod and lane. SQLite would walk through all executions of the workspace, and all of its queue.
const USED: Dialect =
    Dialect { sqlite: used!("INDEXED BY executions_by_driver", "INDEXED BY queue_admitted"), postgres: used!("", "") };

/// The lanes in which rows are held: from one to the next by the index, however many rows a lane has.
const HELD_LANES: &str = "WITH RECURSIVE lanes (lane) AS (
         SELECT min(lane) FROM queue WHERE workspace_id = $1 AND held
         UNION ALL
         SELECT (SELECT min(q.lane) FROM queue AS q WHERE q.workspace_id = $1 AND q.held AND q.lane > lanes.lane)
         FROM lanes WHERE lanes.lane IS NOT NULL
     ) SELECT lane FROM lanes WHERE lane IS NOT NULL LIMIT +$2";

const HELD: &str = "SELECT q.execution_id, q.rank, e.pod_id, e.lane_limit, e.on_limit, e.started_at IS NULL,
         e.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling')
     FROM queue AS q JOIN executions AS e ON e.workspace_id = q.workspace_id AND e.id = q.execution_id
     WHERE q.workspace_id = $1 AND q.lane = $2 AND q.held ORDER BY q.rank, q.execution_id LIMIT +$3";

macro_rules! outdone {
    ($driven:literal, $held:literal, $admitted:literal) => {
        concat!(
            "SELECT e.id FROM (
         SELECT id FROM executions ",
            $driven,
            " WHERE driver IS NOT NULL AND workspace_id = $1
         UNION SELECT execution_id FROM queue ",
            $held,
            " WHERE workspace_id = $1 AND lane = $2 AND held
         UNION SELECT execution_id FROM queue ",
            $admitted,
            " WHERE workspace_id = $1 AND lane = $2 AND NOT held
         UNION SELECT execution_id FROM tasks WHERE workspace_id = $1
     ) AS u CROSS JOIN executions AS e
     WHERE e.workspace_id = $1 AND e.id = u.id AND e.lane = $2
         AND e.status IN ('pending', 'queued', 'running', 'suspended')
     ORDER BY e.id DESC LIMIT +$4 OFFSET +$3"
        )
    };
}

/// Those of a lane that run or wait for room, the newest first, from the first one that has to go.
const OUTDONE: Dialect = Dialect {
    sqlite: outdone!("INDEXED BY executions_by_driver", "INDEXED BY queue_by_lane", "INDEXED BY queue_admitted"),
    postgres: outdone!("", "", ""),
};

static LET_IN: Batch = Batch::differing(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id)],
    Dialect {
        sqlite: "UPDATE queue SET held = 0 WHERE (workspace_id, execution_id) IN (SELECT workspace_id, execution_id FROM batch)",
        postgres: "UPDATE queue AS q SET held = false FROM batch AS b
     WHERE q.workspace_id = b.workspace_id AND q.execution_id = b.execution_id",
    },
);

static FORGET: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id)],
    "DELETE FROM queue WHERE (workspace_id, execution_id) IN (SELECT workspace_id, execution_id FROM batch)",
);

const HELD_WORKSPACES: &str = "WITH RECURSIVE held (id) AS (
         SELECT (SELECT workspace_id FROM queue WHERE held ORDER BY workspace_id LIMIT 1)
         UNION ALL
         SELECT (SELECT q.workspace_id FROM queue AS q WHERE q.held AND q.workspace_id > held.id
             ORDER BY q.workspace_id LIMIT 1)
         FROM held WHERE held.id IS NOT NULL
     ) SELECT id FROM held WHERE id IS NOT NULL";

const BURST: &str = "SELECT d.execution_id, d.first_at, d.run_at, e.started_at IS NULL AND e.finished_at IS NULL
     FROM debounces AS d JOIN executions AS e ON e.workspace_id = d.workspace_id AND e.id = d.execution_id
     WHERE d.workspace_id = $1 AND d.workflow_id = $2 AND d.key = $3";

/// A row that is held.
struct Held {
    rank: i64,
    execution: Uuid,
    pod: PodId,
    lane: Arc<str>,
}

/// Room and what takes it up.
#[derive(Default)]
struct Room {
    workspace: Option<i64>,
    pods: HashMap<PodId, i64>,
    used: i64,
    used_by_pod: HashMap<PodId, i64>,
    used_by_lane: HashMap<String, i64>,
}

impl Room {
    /// Takes the room for one more, if there is some.
    fn take(&mut self, pod: PodId) -> bool {
        let of_pod = self.used_by_pod.entry(pod).or_default();
        let full = self.workspace.is_some_and(|limit| self.used >= limit)
            || self.pods.get(&pod).is_some_and(|limit| *of_pod >= *limit);
        if !full {
            self.used += 1;
            *of_pod += 1;
        }
        !full
    }

    fn is_limited(&self) -> bool {
        self.workspace.is_some() || !self.pods.is_empty()
    }
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn is_limited(&self, workspace: WorkspaceId, pod: PodId) -> Result<bool, StoreError> {
        let row = self.read_one_of(workspace, "pod", LIMITED, cells![pod]).await?;
        Columns::<B>::new(&row).next()
    }

    pub(super) async fn held_workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        let rows = self.read(HELD_WORKSPACES, Vec::new()).await?;
        rows.iter().map(|row| Columns::<B>::new(row).id()).collect()
    }

    pub(super) async fn burst(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        key: &str,
    ) -> Result<Option<(ExecutionId, Debounced, bool)>, StoreError> {
        let rows = self.read_of(workspace, BURST, cells![workflow, key]).await?;
        let read = |row: &B::Row| {
            let mut columns = Columns::<B>::new(row);
            let execution = columns.id()?;
            let burst = Debounced { key: key.to_owned(), first_at: columns.at()?, run_at: columns.at()? };
            Ok((execution, burst, columns.next()?))
        };
        rows.first().map(read).transpose()
    }

    pub(super) async fn admit(
        &self,
        workspace: WorkspaceId,
        lanes: Option<BTreeSet<String>>,
    ) -> Result<Admitted, StoreError> {
        let lanes = Arc::new(lanes);
        self.write(move |connection| {
            let lanes = Arc::clone(&lanes);
            Box::pin(async move { admit::<B>(connection, workspace, lanes.as_ref().as_ref()).await })
        })
        .await
    }
}

async fn admit<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    lanes: Option<&BTreeSet<String>>,
) -> Result<Admitted, StoreError> {
    let mut admitted = Admitted::default();
    let Some(mut room) = room::<B>(connection, workspace).await? else { return Ok(admitted) };
    let lanes: Vec<String> = match lanes {
        // Where lanes share the room of their pod, those with the oldest rows come first, whichever has got some.
        Some(lanes) if !room.is_limited() => lanes.iter().cloned().collect(),
        _ => {
            let rows = B::fetch(connection, HELD_LANES, cells![workspace, LANES as i64]).await?;
            rows.iter().map(|row| Columns::<B>::new(row).next()).collect::<Result<_, _>>()?
        }
    };
    let (mut candidates, mut ended) = (Vec::new(), Rows::default());
    for lane in lanes {
        look_at::<B>(connection, workspace, lane, &room, &mut candidates, &mut ended, &mut admitted).await?;
    }
    candidates.sort_by_key(|held| (held.rank, held.execution));
    let (mut let_in, mut full) = (Rows::default(), HashSet::new());
    for held in candidates {
        if !full.contains(&held.pod) {
            if room.take(held.pod) {
                let_in.push(0, cells![workspace, held.execution]);
                *room.used_by_lane.entry(held.lane.to_string()).or_default() += 1;
            } else {
                full.insert(held.pod);
            }
        }
    }
    admitted.let_in = let_in.len() as u64;
    run::<B>(connection, &LET_IN, &let_in).await?;
    run::<B>(connection, &FORGET, &ended).await?;
    Ok(admitted)
}

/// Locks the workspace and counts. None: it is gone.
async fn room<B: Backend>(connection: &mut B::Connection, workspace: WorkspaceId) -> Result<Option<Room>, StoreError> {
    let mut room = Room::default();
    let rows = B::fetch(connection, B::pick(LOCK), cells![workspace]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    room.workspace = Columns::<B>::new(row).next()?;
    for row in &B::fetch(connection, POD_LIMITS, cells![workspace]).await? {
        let mut columns = Columns::<B>::new(row);
        room.pods.insert(columns.id()?, columns.next()?);
    }
    for row in &B::fetch(connection, B::pick(USED), cells![workspace]).await? {
        let mut columns = Columns::<B>::new(row);
        let (pod, lane, used): (_, Option<String>, i64) = (columns.id()?, columns.next()?, columns.next()?);
        room.used += used;
        *room.used_by_pod.entry(pod).or_default() += used;
        if let Some(lane) = lane {
            *room.used_by_lane.entry(lane).or_default() += used;
        }
    }
    Ok(Some(room))
}

/// Finds the rows of a lane that have room in it, those that have ended, and those that a full lane turns away.
async fn look_at<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    lane: String,
    room: &Room,
    candidates: &mut Vec<Held>,
    ended: &mut Rows,
    admitted: &mut Admitted,
) -> Result<(), StoreError> {
    let rows = B::fetch(connection, HELD, cells![workspace, &lane, OF_A_LANE]).await?;
    let name: Arc<str> = lane.as_str().into();
    let mut used = room.used_by_lane.get(&lane).copied().unwrap_or_default();
    let (mut outdone_beyond, mut moved) = (None, false);
    for row in &rows {
        moved = true;
        let mut columns = Columns::<B>::new(row);
        let (execution, rank, pod): (Uuid, i64, PodId) = (columns.next()?, columns.next()?, columns.id()?);
        let limit: Option<i64> = columns.next()?;
        let on_limit: OnLimit = columns.maybe_name("what a limit does")?.unwrap_or_default();
        let (is_new, lives): (bool, bool) = (columns.next()?, columns.next()?);
        if !lives {
            ended.push(0, cells![workspace, execution]);
        } else if limit.is_none_or(|limit| used < limit) {
            used += 1;
            candidates.push(Held { rank, execution, pod, lane: Arc::clone(&name) });
        } else {
            match on_limit {
                OnLimit::Skip | OnLimit::Fail if is_new => {
                    admitted.turned_away.push((ExecutionId(execution), on_limit));
                }
                OnLimit::CancelOldest if is_new => outdone_beyond = limit,
                _ => moved = false,
            }
        }
    }
    admitted.more |= moved && rows.len() as i64 == OF_A_LANE;
    if let Some(limit) = outdone_beyond {
        for row in &B::fetch(connection, B::pick(OUTDONE), cells![workspace, &lane, limit, OF_A_LANE]).await? {
            admitted.outdone.push(Columns::<B>::new(row).id()?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// However many executions there are: those that are looked at are found by their keys.
    #[tokio::test]
    async fn executions_are_found_by_their_keys() {
        for sql in [USED.sqlite, OUTDONE.sqlite] {
            let steps = plan(sql).await;
            let found: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH e ")).collect();
            assert!(found.len() == 1 && found[0].ends_with("id=?)"), "{sql}: {steps:?}");
            let in_queue = steps.iter().filter(|step| step.starts_with("SEARCH queue "));
            for step in in_queue {
                assert!(step.contains("queue_by_lane") || step.contains("queue_admitted"), "{sql}: {steps:?}");
            }
        }
    }
}
