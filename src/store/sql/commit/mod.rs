//! The hot path: many members, one transaction, as many statements as there are tables in it.
//!
//! The order is the lock order of every transaction on PostgreSQL: idempotency keys, schedules, executions, then the queue,
//! each in the order of their keys. Members that turn out to be stale are left out of what follows; the others go on.

mod keys;
mod rows;
mod suspensions;

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use uuid::Uuid;

use crate::store::{
    StoreError,
    commit::{Commit, CommitError},
};

use super::{
    SqlStore,
    artifacts::{END_UPLOADS, INSERT_ARTIFACTS},
    audit::{self, ChainEnds, Ends, INSERT_AUDIT},
    backend::{Backend, Blame, Columns, Dialect, Step, Whom, cells},
    batch::{Batch, Kind, Rows},
    blame,
    lanes::Lanes,
    notifications::{ADD_LINKS, ADD_NOTIFICATIONS},
    run,
    schedules::{INSERT_SLOTS, MOVE_SCHEDULES},
    subjects::{ADD_LABELS, TOUCH_LABELLED},
    tail::TailRow,
    tasks::{ADD_TASKS, EXTEND_LEASES, MOVE_TASKS, REMOVE_TASKS},
    transact,
    webhooks::INSERT_DELIVERIES,
};
use keys::{DEBOUNCE, FREE_KEYS, TAKE_DEDUPES, TAKE_KEYS, rounds, take_dedupes, take_keys, take_slots};
use rows::{Prepared, Tables, holds_nul};
use suspensions::{ADD_APPROVERS, DROP_APPROVERS, UPDATE_SUSPENSIONS};
pub(super) use suspensions::{CLOSE_SUSPENSIONS, OPEN_SUSPENSIONS};

const APPEND: &str = "UPDATE executions AS e SET status = b.status, last_seq = b.last_seq, driver = b.driver,
         queued_at = b.queued_at, started_at = b.started_at, finished_at = b.finished_at, suspended_at = b.suspended_at,
         waited_ms = b.waited_ms, duplicate_of = b.duplicate_of, stats = b.stats, output = b.output, error = b.error
     FROM batch AS b WHERE e.workspace_id = b.workspace_id AND e.id = b.id AND e.last_seq = b.expected_seq
         AND e.driver IS NOT DISTINCT FROM b.expected_driver
     RETURNING id";

/// PostgreSQL locks the rows in the order of their ids before it changes any, whatever plan it chooses for the change.
static APPEND_TO_EXECUTIONS: Batch = Batch::differing(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("expected_seq", Kind::Int),
        ("expected_driver", Kind::Id),
        ("driver", Kind::Id),
        ("status", Kind::Text),
        ("last_seq", Kind::Int),
        ("queued_at", Kind::Int),
        ("started_at", Kind::Int),
        ("finished_at", Kind::Int),
        ("suspended_at", Kind::Int),
        ("waited_ms", Kind::Int),
        ("duplicate_of", Kind::Id),
        ("stats", Kind::Text),
        ("output", Kind::Text),
        ("error", Kind::Text),
    ],
    Dialect {
        sqlite: APPEND,
        postgres: "UPDATE executions AS e SET status = b.status, last_seq = b.last_seq, driver = b.driver,
         queued_at = b.queued_at, started_at = b.started_at, finished_at = b.finished_at, suspended_at = b.suspended_at,
         waited_ms = b.waited_ms, duplicate_of = b.duplicate_of, stats = b.stats, output = b.output, error = b.error
     FROM (
         SELECT b.* FROM batch AS b JOIN executions AS e ON e.workspace_id = b.workspace_id AND e.id = b.id
         ORDER BY e.id FOR NO KEY UPDATE OF e
     ) AS b
     WHERE e.workspace_id = b.workspace_id AND e.id = b.id AND e.last_seq = b.expected_seq
         AND e.driver IS NOT DISTINCT FROM b.expected_driver
     RETURNING e.id",
    },
);

static INSERT_EXECUTIONS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("pod_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("workflow_version", Kind::Int),
        ("status", Kind::Text),
        ("last_seq", Kind::Int),
        ("driver", Kind::Id),
        ("triggered_by", Kind::Text),
        ("trigger_id", Kind::Text),
        ("subject", Kind::Text),
        ("priority", Kind::Int),
        ("dedupe_key", Kind::Text),
        ("concurrency_key", Kind::Text),
        ("idempotency_key", Kind::Text),
        ("parent_execution_id", Kind::Id),
        ("depth", Kind::Int),
        ("replay_of", Kind::Id),
        ("from_node_id", Kind::Text),
        ("run_at", Kind::Int),
        ("created_by", Kind::Text),
        ("created_at", Kind::Int),
        ("queued_at", Kind::Int),
        ("started_at", Kind::Int),
        ("finished_at", Kind::Int),
        ("suspended_at", Kind::Int),
        ("waited_ms", Kind::Int),
        ("lane", Kind::Text),
        ("lane_limit", Kind::Int),
        ("on_limit", Kind::Text),
        ("expires_at", Kind::Int),
        ("debounce_key", Kind::Text),
        ("duplicate_of", Kind::Id),
        ("stats", Kind::Text),
        ("input", Kind::Text),
        ("context", Kind::Text),
        ("presets", Kind::Text),
        ("mocks", Kind::Int),
        ("output", Kind::Text),
        ("error", Kind::Text),
    ],
    "INSERT INTO executions (workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq, driver,
         triggered_by, trigger_id, subject, priority, dedupe_key, concurrency_key, idempotency_key, parent_execution_id,
         depth, replay_of, from_node_id, run_at, created_by, created_at, queued_at, started_at, finished_at,
         suspended_at, waited_ms, lane, lane_limit, on_limit, expires_at, debounce_key, duplicate_of, stats, input,
         context, presets, mocks, output, error)
     SELECT workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq, driver,
         triggered_by, trigger_id, subject, priority, dedupe_key, concurrency_key, idempotency_key, parent_execution_id,
         depth, replay_of, from_node_id, run_at, created_by, created_at, queued_at, started_at, finished_at,
         suspended_at, waited_ms, lane, lane_limit, on_limit, expires_at, debounce_key, duplicate_of, stats, input,
         context, presets, mocks, output, error FROM batch WHERE true
     ON CONFLICT (workspace_id, id) DO NOTHING
     RETURNING id",
);

/// What was asked for again is told so. It stays `pending` while another one of its successors has not ended.
static REPROCESSED: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("id", Kind::Id), ("successor", Kind::Id), ("state", Kind::Text)],
    "UPDATE executions AS e SET reprocessing = b.state FROM batch AS b
     WHERE e.workspace_id = b.workspace_id AND e.id = b.id AND (b.state = 'pending' OR NOT EXISTS (
         SELECT 1 FROM executions AS s WHERE s.workspace_id = b.workspace_id AND s.replay_of = b.id
             AND s.id <> b.successor AND s.finished_at IS NULL))",
);

static INSERT_EVENTS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("seq", Kind::Int), ("body", Kind::Text)],
    "INSERT INTO events (workspace_id, execution_id, seq, body)
     SELECT workspace_id, execution_id, seq, body FROM batch",
);

/// What is numbered by the one writer of SQLite is known to [`super::tail`].
static INSERT_FEED: Batch = Batch::differing(
    &[
        ("workspace_id", Kind::Id),
        ("pod_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("execution_id", Kind::Id),
        ("seq", Kind::Int),
        ("kind", Kind::Text),
    ],
    Dialect {
        sqlite: "INSERT INTO feed (workspace_id, pod_id, workflow_id, execution_id, seq, kind)
     SELECT workspace_id, pod_id, workflow_id, execution_id, seq, kind FROM batch RETURNING position",
        postgres: "INSERT INTO feed (workspace_id, pod_id, workflow_id, execution_id, seq, kind)
     SELECT workspace_id, pod_id, workflow_id, execution_id, seq, kind FROM batch",
    },
);

/// Queue rows and wake-ups in one: a wake-up names no priority, it takes that of the execution. Nothing is queued that
/// has ended. The older place and the higher priority stay. What shares a limit is held, until it is let in; one of whose tasks
/// a worker has, or had up to this commit, takes up room already. `CROSS JOIN` and
/// `NOT IN`: SQLite would begin with all executions that have not ended, once a batch is large.
pub(super) static ENQUEUE: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("priority", Kind::Int), ("queued_at", Kind::Int)],
    "INSERT INTO queue (workspace_id, execution_id, priority, queued_at, rank, lane, held)
     SELECT p.workspace_id, p.execution_id, p.priority, p.queued_at, p.queued_at - p.priority * 60000, p.lane,
         p.lane IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM tasks AS k WHERE k.workspace_id = p.workspace_id AND k.execution_id = p.execution_id)
     FROM (
         SELECT b.workspace_id, b.execution_id, COALESCE(b.priority, e.priority) AS priority,
             COALESCE(b.queued_at, e.queued_at, e.created_at) AS queued_at, e.lane
         FROM batch AS b CROSS JOIN executions AS e
         WHERE e.workspace_id = b.workspace_id AND e.id = b.execution_id
             AND e.status NOT IN ('completed', 'failed', 'cancelled', 'skipped')
     ) AS p WHERE true
     ORDER BY p.execution_id
     ON CONFLICT (workspace_id, execution_id) DO UPDATE SET
         priority = CASE WHEN queue.priority > excluded.priority THEN queue.priority ELSE excluded.priority END,
         queued_at = CASE WHEN queue.queued_at < excluded.queued_at THEN queue.queued_at ELSE excluded.queued_at END,
         rank = CASE WHEN queue.queued_at < excluded.queued_at THEN queue.queued_at ELSE excluded.queued_at END
             - CASE WHEN queue.priority > excluded.priority THEN queue.priority ELSE excluded.priority END * 60000",
);

pub(super) static SET_TIMERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("due_at", Kind::Int)],
    "INSERT INTO timers (workspace_id, execution_id, due_at)
     SELECT workspace_id, execution_id, due_at FROM batch WHERE true
     ON CONFLICT (workspace_id, execution_id) DO UPDATE SET due_at = excluded.due_at",
);

static CLEAR_TIMERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id)],
    "DELETE FROM timers WHERE (workspace_id, execution_id) IN (SELECT workspace_id, execution_id FROM batch)",
);

static PUT_SNAPSHOTS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("execution_id", Kind::Id), ("seq", Kind::Int), ("state", Kind::Text)],
    "INSERT INTO snapshots (workspace_id, execution_id, seq, state)
     SELECT workspace_id, execution_id, seq, state FROM batch WHERE true
     ON CONFLICT (workspace_id, execution_id) DO UPDATE SET seq = excluded.seq, state = excluded.state",
);

type Results = Vec<Result<(), CommitError>>;

impl<B: Backend> SqlStore<B> {
    pub(super) async fn commit(&self, batch: &[Commit]) -> Result<Results, StoreError> {
        let mut results: Vec<Option<Result<(), CommitError>>> = batch.iter().map(|_| None).collect();
        for (result, member) in results.iter_mut().zip(batch) {
            if holds_nul(member) {
                *result = Some(Err(CommitError::Refused("a text holds a NUL character".to_owned())));
            }
        }
        let mut parts: Vec<Vec<usize>> = rounds(batch, |member| results[member].is_none());
        // The last part first; a part that fails as a whole is cut in two until the member to blame is alone.
        parts.reverse();
        while let Some(part) = parts.pop() {
            let prepared = Arc::new(Prepared::new(part.iter().map(|member| &batch[*member])));
            let (lanes, backend) = (Arc::clone(&self.committers), Arc::clone(&self.backend));
            let (chain_ends, memory) = (Arc::clone(&self.chain_ends), self.memory.clone());
            let task = self.tasks.spawn(async move {
                let written = match write_at_once(&lanes, &*backend, &prepared, &chain_ends).await? {
                    Some(written) => written,
                    None => {
                        transact(&lanes, &*backend, Whom::Engine, |connection| {
                            Box::pin(write::<B>(connection, Arc::clone(&prepared)))
                        })
                        .await?
                    }
                };
                chain_ends.note(written.ends);
                if let Some(memory) = memory {
                    memory.tail.push(written.tail);
                }
                Ok(written.results)
            });
            match task.await.map_err(|error| StoreError::Database(Box::new(error)))? {
                Ok(answers) => {
                    for (member, answer) in part.into_iter().zip(answers) {
                        results[member] = Some(answer);
                    }
                }
                Err(error) if is_of_a_member::<B>(&error) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    if first.is_empty() {
                        results[second[0]] = Some(Err(CommitError::Refused(error.to_string())));
                    } else {
                        parts.extend([second.to_vec(), first.to_vec()]);
                    }
                }
                // Parts that were written before are known only to those who look: nothing is known to be written.
                Err(error) => return Err(error),
            }
        }
        Ok(results.into_iter().map(|result| result.expect("each member was in one part")).collect())
    }
}

fn is_of_a_member<B: Backend>(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(_)) || blame::<B>(error) == Some(Blame::Values)
}

/// What came of a transaction.
struct Written {
    results: Results,
    ends: Ends,
    tail: Vec<TailRow>,
}

/// Writes a prepared batch inside a transaction.
async fn write<B: Backend>(connection: &mut B::Connection, prepared: Arc<Prepared>) -> Result<Written, StoreError> {
    let members = &prepared.members;
    let mut results: Results = members.iter().map(|_| Ok(())).collect();
    let mut tables = Cow::Borrowed(&prepared.tables);

    take_keys::<B>(connection, &prepared, &mut results).await?;
    leave_out_failed(&mut tables, &results);
    take_slots::<B>(connection, members, &mut tables, &mut results).await?;

    let mut freed = Rows::default();
    take_dedupes::<B>(connection, &tables.dedupes, &mut results).await?;
    leave_out_failed(&mut tables, &results);
    let mut written = HashSet::new();
    for (batch, rows) in [(&APPEND_TO_EXECUTIONS, &tables.appends), (&INSERT_EXECUTIONS, &tables.creates)] {
        for row in &run::<B>(connection, batch, rows).await? {
            written.insert(Columns::<B>::new(row).next::<Uuid>()?);
        }
    }
    for (index, member) in members.iter().enumerate() {
        let conflicts = results[index].is_ok() && !written.contains(&member.execution);
        if conflicts {
            if member.schedule.is_some() {
                return Err(StoreError::Refused("the execution of a slot exists already"));
            }
            results[index] = Err(CommitError::Conflict);
        }
        if let Some((scope, key)) = &member.key
            && results[index].as_ref().is_err_and(|error| !matches!(error, CommitError::Repeated(_)))
        {
            freed.push(index, cells![Arc::clone(scope), Arc::clone(key)]);
        }
    }
    run::<B>(connection, &FREE_KEYS, &freed).await?;
    leave_out_failed(&mut tables, &results);

    if run::<B>(connection, &INSERT_EXECUTIONS, &tables.children).await?.len() < tables.children.len() {
        return Err(StoreError::Refused("a child execution exists already"));
    }
    if run::<B>(connection, &END_UPLOADS, &tables.uploads).await?.len() < tables.uploads.len() {
        return Err(StoreError::Refused("the upload of an artifact was given up, or never begun"));
    }
    let mut tail = Vec::new();
    for step in projections(&tables) {
        let answers = run::<B>(connection, step.batch, &step.rows).await?;
        if std::ptr::eq(step.batch, &raw const INSERT_FEED) {
            let positions = answers.iter().map(|row| Columns::<B>::new(row).next::<i64>());
            tail =
                positions.reduce(|last, next| Ok(last?.max(next?))).transpose()?.map_or(tail, |last| tables.tail(last));
        }
    }
    let ends = audit::chain::<B>(connection, tables.audit.iter().map(|(_, entry)| entry)).await?;
    Ok(Written { results, ends, tail })
}

/// Writes a batch in which nothing is stale, refused or repeated in one trip to the database. None if it is another
/// one: then nothing was written, and [`write()`] finds out which members can be.
async fn write_at_once<B: Backend>(
    lanes: &Arc<Lanes<B>>,
    backend: &B,
    prepared: &Prepared,
    chain_ends: &ChainEnds,
) -> Result<Option<Written>, StoreError> {
    let tables = &prepared.tables;
    let decisive = [
        (&TAKE_KEYS, &tables.keys),
        (&TAKE_DEDUPES, &tables.dedupes),
        (&MOVE_SCHEDULES, &tables.schedules),
        (&INSERT_SLOTS, &tables.slots),
        (&APPEND_TO_EXECUTIONS, &tables.appends),
        (&INSERT_EXECUTIONS, &tables.creates),
        (&INSERT_EXECUTIONS, &tables.children),
        (&END_UPLOADS, &tables.uploads),
    ];
    let decisive = decisive.map(|(batch, rows)| Step { batch, rows: Cow::Borrowed(rows), every: true });
    let mut steps: Vec<_> =
        decisive.into_iter().chain(projections(tables)).filter(|step| !step.rows.is_empty()).collect();
    if steps.iter().map(|step| step.rows.len()).sum::<usize>() > B::AT_ONCE {
        return Ok(None);
    }
    let Some((records, ends)) = chain_ends.seal(tables.audit.iter().map(|(_, entry)| entry)) else { return Ok(None) };
    if !records.is_empty() {
        steps.push(Step { batch: &INSERT_AUDIT, rows: Cow::Owned(records), every: false });
    }
    let mut lane = lanes.take(Whom::Engine).await?;
    let ids = match backend.at_once(&mut lane, &steps).await {
        Ok(ids) => {
            lane.give_back();
            ids
        }
        Err(error) if B::blame(&error) == Blame::Connection => {
            drop(lane);
            lanes.forget_idle();
            match has_landed(lanes, tables).await {
                Some(true) => Some(Vec::new()),
                Some(false) => return Ok(None),
                None => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    let Some(ids) = ids else {
        chain_ends.doubt(&ends);
        return Ok(None);
    };
    backend.committed();
    let of_feed = steps.iter().zip(ids).find(|(step, _)| std::ptr::eq(step.batch, &raw const INSERT_FEED));
    let tail = of_feed.map_or_else(Vec::new, |(_, last)| tables.tail(last));
    let results = prepared.members.iter().map(|_| Ok(())).collect();
    Ok(Some(Written { results, ends, tail }))
}

/// Whether a transaction was committed before its connection was lost: then the first of its events is there, word for word. None
/// if nobody can tell. A connection is mostly lost long before it is used, and whoever writes should not notice.
async fn has_landed<B: Backend>(lanes: &Arc<Lanes<B>>, tables: &Tables) -> Option<bool> {
    const EVENT: &str =
        "SELECT seq FROM events WHERE workspace_id = $1 AND execution_id = $2 AND seq = $3 AND body = $4";
    let event = tables.events.iter().next()?.to_vec();
    let mut lane = lanes.take(Whom::Engine).await.ok()?;
    let found = B::fetch(&mut lane, EVENT, event).await.ok()?;
    lane.give_back();
    Some(!found.is_empty())
}

/// What follows from the rows of the executions, in the order of the locks.
fn projections(tables: &Tables) -> impl Iterator<Item = Step<'_>> {
    // Several members may wake the same parent.
    let wakes =
        if tables.wakes.is_empty() { Cow::Borrowed(&tables.wakes) } else { Cow::Owned(tables.wakes.distinct(1)) };
    let steps = [
        (&REPROCESSED, Cow::Borrowed(&tables.reprocessed)),
        (&DEBOUNCE, Cow::Borrowed(&tables.debounces)),
        (&INSERT_EVENTS, Cow::Borrowed(&tables.events)),
        (&INSERT_FEED, Cow::Borrowed(&tables.feed)),
        (&OPEN_SUSPENSIONS, Cow::Borrowed(&tables.opened)),
        (&UPDATE_SUSPENSIONS, Cow::Borrowed(&tables.updated)),
        (&CLOSE_SUSPENSIONS, Cow::Borrowed(&tables.closed)),
        // In this order: who may answer from now on is written anew.
        (&DROP_APPROVERS, Cow::Borrowed(&tables.approvers_gone)),
        (&ADD_APPROVERS, Cow::Borrowed(&tables.approvers)),
        (&ADD_TASKS, Cow::Borrowed(&tables.tasks.added)),
        (&MOVE_TASKS, Cow::Borrowed(&tables.tasks.moved)),
        (&EXTEND_LEASES, Cow::Borrowed(&tables.tasks.extended)),
        (&ADD_NOTIFICATIONS, Cow::Borrowed(&tables.notifications)),
        (&ADD_LINKS, Cow::Borrowed(&tables.links)),
        (&INSERT_DELIVERIES, Cow::Borrowed(&tables.deliveries)),
        (&INSERT_ARTIFACTS, Cow::Borrowed(&tables.artifacts)),
        (&ENQUEUE, Cow::Borrowed(&tables.queue)),
        (&ENQUEUE, wakes),
        // After the queue, which asks whether an execution had a task.
        (&REMOVE_TASKS, Cow::Borrowed(&tables.tasks.removed)),
        (&SET_TIMERS, Cow::Borrowed(&tables.timers)),
        (&CLEAR_TIMERS, Cow::Borrowed(&tables.cleared)),
        (&PUT_SNAPSHOTS, Cow::Borrowed(&tables.snapshots)),
        // In this order: the subjects' rows are locked before their labels are written.
        (&TOUCH_LABELLED, Cow::Borrowed(&tables.labels)),
        (&ADD_LABELS, Cow::Borrowed(&tables.labels)),
    ];
    steps.into_iter().map(|(batch, rows)| Step { batch, rows, every: false })
}

fn leave_out_failed(tables: &mut Cow<'_, Tables>, results: &Results) {
    if results.iter().any(Result::is_err) {
        tables.to_mut().retain(|member| results[member].is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// However many executions there are: each row of a commit is found by its key.
    #[tokio::test]
    async fn executions_are_found_by_their_keys() {
        for batch in [&APPEND_TO_EXECUTIONS, &ENQUEUE] {
            for chunk in batch.sqlite(49) {
                let steps = plan(chunk.sql).await;
                let found: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH e ")).collect();
                assert_eq!(found.len(), 1, "{steps:?}");
                assert!(found[0].ends_with("sqlite_autoindex_executions_1 (workspace_id=? AND id=?)"), "{steps:?}");
            }
        }
    }
}
