//! The keys that a commit takes: of idempotent requests, of duplicates, of bursts.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use uuid::Uuid;

use crate::{
    domain::ids::ScheduleId,
    store::{
        StoreError,
        commit::{Commit, CommitError},
    },
};

use super::{
    super::{
        backend::{Backend, Cell, Columns},
        batch::{Batch, Kind, Rows},
        catalogue::reply,
        run,
        schedules::{INSERT_SLOTS, MOVE_SCHEDULES},
    },
    Results, leave_out_failed,
    rows::{Member, Prepared, Tables},
};

/// A key is free when it was never used, or so long ago that its reply no longer counts.
pub static TAKE_KEYS: Batch = Batch::new(
    &[
        ("scope", Kind::Text),
        ("key", Kind::Text),
        ("request_digest", Kind::Bytes),
        ("status", Kind::Int),
        ("location", Kind::Text),
        ("created_at", Kind::Int),
        ("forget_at", Kind::Int),
        ("execution_id", Kind::Id),
        ("body", Kind::Text),
    ],
    "INSERT INTO idempotency (scope, key, request_digest, status, location, created_at, forget_at,
         execution_id, body)
     SELECT scope, key, request_digest, status, location, created_at, forget_at, execution_id, body FROM batch WHERE true
     ORDER BY scope, key
     ON CONFLICT (scope, key) DO UPDATE SET request_digest = excluded.request_digest, status = excluded.status,
         location = excluded.location, created_at = excluded.created_at, forget_at = excluded.forget_at,
         execution_id = excluded.execution_id, body = excluded.body
     WHERE idempotency.forget_at <= excluded.created_at
     RETURNING scope, key",
);

pub static FREE_KEYS: Batch = Batch::new(
    &[("scope", Kind::Text), ("key", Kind::Text)],
    "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM batch)",
);

/// A key is free when nothing stands for it, or only until now, or only until the end of an execution that has ended.
pub static TAKE_DEDUPES: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("key", Kind::Text),
        ("execution_id", Kind::Id),
        ("created_at", Kind::Int),
        ("forget_at", Kind::Int),
        ("until_end", Kind::Int),
    ],
    "INSERT INTO dedupe_keys (workspace_id, workflow_id, key, execution_id, created_at, forget_at, until_end)
     SELECT workspace_id, workflow_id, key, execution_id, created_at, forget_at, until_end FROM batch WHERE true
     ORDER BY workspace_id, workflow_id, key
     ON CONFLICT (workspace_id, workflow_id, key) DO UPDATE SET execution_id = excluded.execution_id,
         created_at = excluded.created_at, forget_at = excluded.forget_at, until_end = excluded.until_end
     WHERE dedupe_keys.forget_at <= excluded.created_at OR dedupe_keys.until_end = 1 AND NOT EXISTS (
         SELECT 1 FROM executions AS x WHERE x.workspace_id = dedupe_keys.workspace_id
             AND x.id = dedupe_keys.execution_id AND x.finished_at IS NULL)
     RETURNING execution_id",
);

const DEDUPE: &str = "SELECT execution_id FROM dedupe_keys WHERE workspace_id = $1 AND workflow_id = $2 AND key = $3";

/// Whichever is written last is the last one of the burst.
pub static DEBOUNCE: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("key", Kind::Text),
        ("execution_id", Kind::Id),
        ("first_at", Kind::Int),
        ("run_at", Kind::Int),
    ],
    "INSERT INTO debounces (workspace_id, workflow_id, key, execution_id, first_at, run_at)
     SELECT workspace_id, workflow_id, key, execution_id, first_at, run_at FROM batch WHERE true
     ORDER BY workspace_id, workflow_id, key
     ON CONFLICT (workspace_id, workflow_id, key) DO UPDATE SET execution_id = excluded.execution_id,
         first_at = excluded.first_at, run_at = excluded.run_at",
);

/// What no two members of a transaction may have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Shared<'c> {
    Idempotency(&'c str, &'c str),
    Schedule(ScheduleId),
    /// The keys of two workflows may meet here; then they are written one after the other, as if they were one.
    Dedupe(&'c str),
    Debounce(&'c str),
}

/// The members in as few transactions as keep two of the same key or of the same schedule apart.
pub fn rounds(batch: &[Commit], included: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut next: HashMap<Shared<'_>, usize> = HashMap::new();
    for (member, commit) in batch.iter().enumerate().filter(|(member, _)| included(*member)) {
        let shared = [
            commit.idempotency.as_ref().map(|reply| Shared::Idempotency(&reply.scope, &reply.key)),
            commit.slot.as_ref().map(|settlement| Shared::Schedule(settlement.schedule_id)),
            commit.dedupe.as_ref().map(|dedupe| Shared::Dedupe(&dedupe.key)),
            commit.debounce.as_ref().map(|debounce| Shared::Debounce(&debounce.key)),
        ];
        let shared = || shared.into_iter().flatten();
        let round = shared().filter_map(|one| next.get(&one).copied()).max().unwrap_or_default();
        next.extend(shared().map(|one| (one, round + 1)));
        if rounds.len() <= round {
            rounds.resize_with(round + 1, Vec::new);
        }
        rounds[round].push(member);
    }
    rounds
}

/// Takes the idempotency keys; a member whose key is taken gets the stored reply.
pub async fn take_keys<B: Backend>(
    connection: &mut B::Connection,
    prepared: &Prepared,
    results: &mut Results,
) -> Result<(), StoreError> {
    let keys = &prepared.tables.keys;
    if keys.is_empty() {
        return Ok(());
    }
    let mut taken = HashSet::new();
    for row in &run::<B>(connection, &TAKE_KEYS, keys).await? {
        let mut columns = Columns::<B>::new(row);
        taken.insert((columns.next::<String>()?, columns.next::<String>()?));
    }
    if taken.len() == keys.len() {
        return Ok(());
    }
    for (index, member) in prepared.members.iter().enumerate() {
        let Some((scope, key)) = &member.key else { continue };
        if !taken.contains(&(scope.to_string(), key.to_string())) {
            // Gone since: somebody has cleared old keys away. The caller tries again.
            let stored = reply::<B>(connection, scope, key).await?;
            results[index] = Err(stored.map_or(CommitError::Conflict, |reply| CommitError::Repeated(Box::new(reply))));
        }
    }
    Ok(())
}

/// Has the dedupe keys stand for the new executions; a member whose key stands for another one gets that one's id.
pub async fn take_dedupes<B: Backend>(
    connection: &mut B::Connection,
    wanted: &Rows,
    results: &mut Results,
) -> Result<(), StoreError> {
    let mut taken = HashSet::new();
    for row in &run::<B>(connection, &TAKE_DEDUPES, wanted).await? {
        taken.insert(Columns::<B>::new(row).next::<Uuid>()?);
    }
    for (index, row) in wanted.members() {
        let [workspace, workflow, key, Cell::Id(Some(execution)), ..] = row else { continue };
        if taken.contains(execution) {
            continue;
        }
        let found = B::fetch(connection, DEDUPE, vec![workspace.clone(), workflow.clone(), key.clone()]).await?;
        // Gone since, if it is not there: the caller tries again.
        let of = found.first().map(|row| Columns::<B>::new(row).id()).transpose()?;
        results[index] = Err(of.map_or(CommitError::Conflict, CommitError::Duplicate));
    }
    Ok(())
}

/// Takes the slots: a member whose schedule is not as it was seen, or whose slot has its row, fails. A schedule that was as
/// it was seen moves on in either case, so that it never stands still before a slot that has its row.
pub async fn take_slots<B: Backend>(
    connection: &mut B::Connection,
    members: &[Member],
    tables: &mut Cow<'_, Tables>,
    results: &mut Results,
) -> Result<(), StoreError> {
    if tables.schedules.is_empty() {
        return Ok(());
    }
    for batch in [&MOVE_SCHEDULES, &INSERT_SLOTS] {
        // Taken anew: a schedule that was not as it was seen has no slots any more.
        let rows = if std::ptr::eq(batch, &raw const MOVE_SCHEDULES) { &tables.schedules } else { &tables.slots };
        let mut taken = HashSet::new();
        for row in &run::<B>(connection, batch, rows).await? {
            taken.insert(Columns::<B>::new(row).next::<Uuid>()?);
        }
        for (member, result) in members.iter().zip(results.iter_mut()) {
            if result.is_ok() && member.schedule.is_some_and(|schedule| !taken.contains(&schedule)) {
                *result = Err(CommitError::SlotTaken);
            }
        }
        leave_out_failed(tables, results);
    }
    Ok(())
}
