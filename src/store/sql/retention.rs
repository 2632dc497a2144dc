//! Removing executions: a person's wish and the sweep of what is kept no longer take the same way.
//!
//! An execution's row goes first, under a lock, and only if nothing stands against it then; so whoever found it removable may be
//! late. PostgreSQL evaluates the conditions of a statement that has waited for a lock as of before the wait, hence the lock is a
//! statement of its own.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::ids::{ExecutionId, WorkflowId, WorkspaceId},
    store::{
        StoreError,
        retention::{EndedBy, Removable, RetainedWorkflow, Retention, RetentionPlace, RetentionRound},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
};

/// About the most rows that a transaction removes.
const ROWS: i64 = 1_000;
/// The most executions of which one transaction removes rows that were left behind.
const LEFT_BEHIND: i64 = 50;
/// How many children are read at a time.
const CHILDREN_AT_ONCE: i64 = 500;
/// The most executions that go with one that somebody removes.
const MAX_TREE: usize = 1_000;
/// A lease is far shorter. One that ends later is of a clock that was wrong.
const LONGEST_LEASE_MS: i64 = 60 * 60 * 1_000;

const CLAIM: &str = "UPDATE retention_rounds SET next_at = $2
     WHERE id = 1 AND (next_at <= $1 OR next_at > $3) RETURNING place";
const END: &str = "UPDATE retention_rounds SET next_at = $2, place = $3 WHERE id = 1 AND next_at = $1";

/// What a workflow does not say its workspace says; 0 is for ever.
const WORKFLOWS: &str = "SELECT f.workspace_id, f.id, nullif(coalesce(f.retention_days, w.retention_days), 0)
     FROM (SELECT workspace_id, id, retention_days FROM workflows WHERE (workspace_id, id) >= ($1, $2)
         ORDER BY workspace_id, id LIMIT +$3) AS f
     JOIN workspaces AS w ON w.id = f.workspace_id ORDER BY f.workspace_id, f.id";

/// That a live replay reads an execution, or that a key of duplicates stands for it.
macro_rules! held {
    ($now:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM executions AS r
             WHERE r.workspace_id = e.workspace_id AND r.replay_of = e.id AND r.finished_at IS NULL)
         OR EXISTS (SELECT 1 FROM dedupe_keys AS d
             WHERE d.workspace_id = e.workspace_id AND d.workflow_id = e.workflow_id AND d.key = e.dedupe_key
                 AND d.execution_id = e.id AND d.until_end = 0 AND d.forget_at > ",
            $now,
            "))"
        )
    };
}

/// A bounded number of rows, whatever becomes of them: the conditions are looked at outside. The workspace is looked at
/// outside, too: PostgreSQL takes it for small, and would read all of it by its key and sort it.
const ENDED: &str = concat!(
    "SELECT e.finished_at, e.id,
         e.parent_execution_id IS NOT NULL AND EXISTS (SELECT 1 FROM executions AS p
             WHERE p.workspace_id = e.workspace_id AND p.id = e.parent_execution_id),
         EXISTS (SELECT 1 FROM executions AS c
             WHERE c.workspace_id = e.workspace_id AND c.parent_execution_id = e.id), ",
    held!("$7"),
    " FROM (SELECT workspace_id, workflow_id, finished_at, id, parent_execution_id, dedupe_key FROM executions
         WHERE workflow_id = $2 AND finished_at >= $4 AND finished_at <= $3 AND (finished_at > $4 OR id > $5)
         ORDER BY finished_at, id LIMIT +$6) AS e
     WHERE e.workspace_id = $1 ORDER BY e.finished_at, e.id"
);

const CHILDREN: &str = concat!(
    "SELECT e.id, e.finished_at, ",
    held!("$5"),
    " FROM executions AS e WHERE e.workspace_id = $1 AND e.parent_execution_id = $2 AND e.id > $3
     ORDER BY e.id LIMIT +$4"
);

const LOCK: Dialect = Dialect {
    sqlite: "SELECT finished_at, parent_execution_id FROM executions WHERE workspace_id = $1 AND id = $2",
    postgres: "SELECT finished_at, parent_execution_id FROM executions WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
};
const LIVES: &str = "SELECT 1 FROM executions WHERE workspace_id = $1 AND id = $2 AND finished_at IS NULL";

const TAKE_OUT: &str = concat!(
    "DELETE FROM executions AS e WHERE e.workspace_id = $1 AND e.id = $2 AND e.finished_at <= $3
         AND NOT EXISTS (SELECT 1 FROM executions AS c
             WHERE c.workspace_id = e.workspace_id AND c.parent_execution_id = e.id)
         AND NOT ",
    held!("$4"),
    " RETURNING workflow_id, dedupe_key"
);
const FREE_KEY: &str =
    "DELETE FROM dedupe_keys WHERE workspace_id = $1 AND workflow_id = $2 AND key = $3 AND execution_id = $4";
const FORGET_DECISIONS: &str = "DELETE FROM idempotency WHERE execution_id = $1";

/// What belongs to an execution, a bounded number of rows at a time. The feed before the log: its rows show the log's. Links and
/// notifications go with their suspensions.
const PARTS: [&str; 7] = [
    "DELETE FROM queue WHERE workspace_id = $1 AND execution_id = $2 AND $3 > 0",
    "DELETE FROM timers WHERE workspace_id = $1 AND execution_id = $2 AND $3 > 0",
    "DELETE FROM tasks WHERE workspace_id = $1 AND execution_id = $2 AND $3 > 0",
    "DELETE FROM snapshots WHERE workspace_id = $1 AND execution_id = $2 AND $3 > 0",
    "DELETE FROM suspensions WHERE workspace_id = $1 AND execution_id = $2 AND id IN (SELECT id FROM suspensions
         WHERE workspace_id = $1 AND execution_id = $2 ORDER BY id LIMIT +$3)",
    "DELETE FROM feed WHERE position IN (SELECT position FROM feed
         WHERE workspace_id = $1 AND execution_id = $2 LIMIT +$3)",
    "DELETE FROM events WHERE workspace_id = $1 AND execution_id = $2 AND seq IN (SELECT seq FROM events
         WHERE workspace_id = $1 AND execution_id = $2 ORDER BY seq LIMIT +$3)",
];
/// Both of the same artifacts.
const NOTE_OBJECTS: &str = "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
     SELECT workspace_id, id, execution_id, 0 FROM artifacts
     WHERE workspace_id = $1 AND execution_id = $2 ORDER BY id LIMIT +$3";
const FORGET_ARTIFACTS: &str = "DELETE FROM artifacts WHERE workspace_id = $1 AND execution_id = $2
     AND id IN (SELECT id FROM artifacts WHERE workspace_id = $1 AND execution_id = $2 ORDER BY id LIMIT +$3)";

const LEAVE_BEHIND: &str =
    "INSERT INTO execution_removals (workspace_id, execution_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
macro_rules! left_behind {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, execution_id FROM execution_removals ORDER BY workspace_id, execution_id LIMIT +$1",
            $rest
        )
    };
}
const LEFT: Dialect = Dialect { sqlite: left_behind!(""), postgres: left_behind!(" FOR UPDATE SKIP LOCKED") };
const FORGET: &str = "DELETE FROM execution_removals WHERE workspace_id = $1 AND execution_id = $2";

/// Who removes executions by hand need not wait for a key of duplicates.
const BY_HAND: EndedBy = EndedBy { at: Instant(i64::MAX), now: Instant(i64::MAX) };

#[async_trait]
impl<B: Backend> Retention for SqlStore<B> {
    async fn claim_round(&self, now: Instant, lease_ms: i64) -> Result<Option<RetentionRound>, StoreError> {
        let until = now.plus_ms(lease_ms);
        let cells = cells![now, until, now.plus_ms(LONGEST_LEASE_MS)];
        self.write(move |connection| {
            let cells = cells.clone();
            Box::pin(async move {
                let rows = B::fetch(connection, CLAIM, cells).await?;
                let Some(row) = rows.first() else { return Ok(None) };
                let place = Columns::<B>::new(row).maybe_json("place of a round")?.unwrap_or_default();
                Ok(Some(RetentionRound { until, place }))
            })
        })
        .await
    }

    async fn end_round(
        &self,
        round: &RetentionRound,
        next_at: Instant,
        place: &RetentionPlace,
    ) -> Result<(), StoreError> {
        let cells = cells![round.until, next_at, Cell::json(place)];
        self.write(move |connection| {
            let cells = cells.clone();
            Box::pin(async move { Ok(B::execute(connection, END, cells).await.map(drop)?) })
        })
        .await
    }

    async fn retained_workflows(
        &self,
        from: (WorkspaceId, WorkflowId),
        limit: i64,
    ) -> Result<Vec<RetainedWorkflow>, StoreError> {
        let rows = self.read(WORKFLOWS, cells![from.0, from.1, limit]).await?;
        let read = |row: &B::Row| {
            let mut columns = Columns::<B>::new(row);
            Ok(RetainedWorkflow { workspace_id: columns.id()?, workflow_id: columns.id()?, days: columns.next()? })
        };
        rows.iter().map(read).collect()
    }

    async fn removable(
        &self,
        (workspace, workflow): (WorkspaceId, WorkflowId),
        ended_by: EndedBy,
        after: Option<(Instant, ExecutionId)>,
        limit: i64,
    ) -> Result<Removable, StoreError> {
        let (at, id) = after.unwrap_or((Instant(i64::MIN), ExecutionId(Uuid::nil())));
        let cells = cells![workspace, workflow, ended_by.at, at, id, limit, ended_by.now];
        let rows = self.read(ENDED, cells).await?;
        let mut removable = Removable::default();
        for row in &rows {
            let mut columns = Columns::<B>::new(row);
            let (finished_at, id) = (columns.at()?, columns.id()?);
            let (has_parent, has_children, is_held): (bool, bool, bool) =
                (columns.next()?, columns.next()?, columns.next()?);
            removable.next = Some((finished_at, id));
            if has_parent || is_held {
                continue;
            }
            if !has_children {
                removable.executions.push(id);
            } else if let Some(tree) = self.tree_that_ended(workspace, id, ended_by).await? {
                removable.executions.extend(tree);
            }
        }
        if (rows.len() as i64) < limit {
            removable.next = None;
        }
        Ok(removable)
    }

    async fn remove_executions(
        &self,
        workspace: WorkspaceId,
        executions: &[ExecutionId],
        ended_by: EndedBy,
    ) -> Result<u64, StoreError> {
        let executions: Arc<[ExecutionId]> = executions.into();
        let removed = self
            .write(move |connection| {
                let executions = Arc::clone(&executions);
                Box::pin(async move {
                    let (mut room, mut removed) = (ROWS, 0);
                    for id in executions.iter() {
                        removed += u64::from(take_out::<B>(connection, workspace, *id, ended_by, &mut room).await?);
                    }
                    Ok(removed)
                })
            })
            .await?;
        if let Some(memory) = self.memory.as_ref().filter(|_| removed > 0) {
            memory.tail.forget();
        }
        Ok(removed)
    }

    async fn clear_removed(&self) -> Result<bool, StoreError> {
        self.write(|connection| {
            Box::pin(async move {
                let rows = B::fetch(connection, B::pick(LEFT), cells![LEFT_BEHIND]).await?;
                let mut room = ROWS;
                for row in &rows {
                    let mut columns = Columns::<B>::new(row);
                    let (workspace, id) = (columns.id()?, columns.id()?);
                    if !clear::<B>(connection, workspace, id, &mut room).await? {
                        return Ok(true);
                    }
                    B::execute(connection, FORGET, cells![workspace, id]).await?;
                }
                Ok(rows.len() as i64 == LEFT_BEHIND)
            })
        })
        .await
    }
}

impl<B: Backend> SqlStore<B> {
    /// An execution and all below it, children first; none if one of them has to stay.
    async fn tree_that_ended(
        &self,
        workspace: WorkspaceId,
        root: ExecutionId,
        ended_by: EndedBy,
    ) -> Result<Option<Vec<ExecutionId>>, StoreError> {
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(parent) = tree.get(at).copied() {
            at += 1;
            let mut last = ExecutionId(Uuid::nil());
            loop {
                let cells = cells![workspace, parent, last, CHILDREN_AT_ONCE, ended_by.now];
                let rows = self.read(CHILDREN, cells).await?;
                for row in &rows {
                    let Child { id, finished_at, is_held } = Child::read::<B>(row)?;
                    if is_held || finished_at.is_none_or(|at| at > ended_by.at) {
                        return Ok(None);
                    }
                    tree.push(id);
                    last = id;
                }
                if (rows.len() as i64) < CHILDREN_AT_ONCE {
                    break;
                }
            }
        }
        tree.reverse();
        Ok(Some(tree))
    }
}

struct Child {
    id: ExecutionId,
    finished_at: Option<Instant>,
    is_held: bool,
}

impl Child {
    fn read<B: Backend>(row: &B::Row) -> Result<Self, StoreError> {
        let mut columns = Columns::<B>::new(row);
        Ok(Self { id: columns.id()?, finished_at: columns.maybe_at()?, is_held: columns.next()? })
    }
}

/// Removes an execution that somebody wants to be rid of, with all below it.
pub(super) async fn remove_by_hand<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<(), StoreError> {
    let rows = B::fetch(connection, B::pick(LOCK), cells![workspace, id]).await?;
    let mut columns = Columns::<B>::new(rows.first().ok_or(StoreError::NotFound("execution"))?);
    if columns.maybe_at()?.is_none() {
        return Err(StoreError::Refused("the execution has not ended"));
    }
    if let Some(parent) = columns.maybe_id::<ExecutionId>()?
        && !B::fetch(connection, LIVES, cells![workspace, parent]).await?.is_empty()
    {
        return Err(StoreError::Refused("the execution's parent has not ended"));
    }
    let mut tree = vec![id];
    let mut at = 0;
    while let Some(parent) = tree.get(at).copied() {
        at += 1;
        let most = MAX_TREE as i64 + 1;
        let cells = cells![workspace, parent, ExecutionId(Uuid::nil()), most, BY_HAND.now];
        for row in &B::fetch(connection, CHILDREN, cells).await? {
            let Child { id, finished_at, .. } = Child::read::<B>(row)?;
            if finished_at.is_none() {
                return Err(StoreError::Refused("a child of the execution has not ended"));
            }
            tree.push(id);
        }
        if tree.len() > MAX_TREE {
            return Err(StoreError::Refused("the execution has too many children to go at once: remove them first"));
        }
    }
    let mut room = ROWS;
    for id in tree.into_iter().rev() {
        if !take_out::<B>(connection, workspace, id, BY_HAND, &mut room).await? {
            return Err(StoreError::Refused("a replay of the execution has not ended"));
        }
    }
    Ok(())
}

/// Removes an execution if nothing stands against it, and as many of its rows as there is room for; tells whether it is gone.
async fn take_out<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ExecutionId,
    ended_by: EndedBy,
    room: &mut i64,
) -> Result<bool, StoreError> {
    B::fetch(connection, B::pick(LOCK), cells![workspace, id]).await?;
    let rows = B::fetch(connection, TAKE_OUT, cells![workspace, id, ended_by.at, ended_by.now]).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let mut columns = Columns::<B>::new(row);
    let (workflow, key): (WorkflowId, Option<String>) = (columns.id()?, columns.next()?);
    if let Some(key) = key {
        B::execute(connection, FREE_KEY, cells![workspace, workflow, key, id]).await?;
    }
    B::execute(connection, FORGET_DECISIONS, cells![id]).await?;
    if !clear::<B>(connection, workspace, id, room).await? {
        B::execute(connection, LEAVE_BEHIND, cells![workspace, id]).await?;
    }
    Ok(true)
}

/// Removes as many of an execution's rows as there is room for; tells whether none is left.
async fn clear<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ExecutionId,
    room: &mut i64,
) -> Result<bool, StoreError> {
    if *room <= 0 {
        return Ok(false);
    }
    let cells = cells![workspace, id, *room];
    B::execute(connection, NOTE_OBJECTS, cells.clone()).await?;
    *room -= B::execute(connection, FORGET_ARTIFACTS, cells).await? as i64;
    for sql in PARTS {
        if *room <= 0 {
            return Ok(false);
        }
        *room -= B::execute(connection, sql, cells![workspace, id, *room]).await? as i64;
    }
    Ok(*room > 0)
}

#[cfg(test)]
mod tests;
