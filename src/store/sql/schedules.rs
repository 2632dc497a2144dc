//! Schedules and their ledger: what is due, and how slots are settled. The statements that settle are those of a commit
//! that starts an execution for its slot, too.
//!
//! A schedule's row is the lock of its slots: it moves on only from the state that the writer has seen. The key of the
//! ledger is the guard behind that.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, PodId, ScheduleId, WorkspaceId},
        schedule::{Schedule, ScheduleProgress, Slot},
    },
    store::{
        Page, StoreError,
        schedules::{Schedules, Settlement},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    executions::{cursor_at, read_cursor},
    page, run,
};

macro_rules! move_schedules {
    ($from:literal, $returning:literal) => {
        concat!(
            "UPDATE schedules AS s SET settled_until = b.settled_until, due_at = b.due_at, waiting_slot = b.waiting_slot,
         last_run_at = b.last_run_at, last_error = b.last_error
     FROM ",
            $from,
            " AS b WHERE s.workspace_id = b.workspace_id AND s.id = b.id AND s.updated_at = b.seen_updated_at
         AND s.settled_until = b.seen_settled_until AND s.waiting_slot IS NOT DISTINCT FROM b.seen_waiting_slot
     RETURNING ",
            $returning
        )
    };
}

/// PostgreSQL locks the rows in the order of their ids before it changes any.
pub(super) static MOVE_SCHEDULES: Batch = Batch::differing(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("seen_updated_at", Kind::Int),
        ("seen_settled_until", Kind::Int),
        ("seen_waiting_slot", Kind::Int),
        ("settled_until", Kind::Int),
        ("due_at", Kind::Int),
        ("waiting_slot", Kind::Int),
        ("last_run_at", Kind::Int),
        ("last_error", Kind::Text),
    ],
    Dialect {
        sqlite: move_schedules!("batch", "id"),
        postgres: move_schedules!(
            "(
         SELECT b.* FROM batch AS b JOIN schedules AS s ON s.workspace_id = b.workspace_id AND s.id = b.id
         ORDER BY s.id FOR NO KEY UPDATE OF s
     )",
            "s.id"
        ),
    },
);

pub(super) static INSERT_SLOTS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("schedule_id", Kind::Id),
        ("slot", Kind::Int),
        ("outcome", Kind::Text),
        ("execution_id", Kind::Id),
        ("late_ms", Kind::Int),
        ("reason", Kind::Text),
        ("settled_at", Kind::Int),
    ],
    "INSERT INTO schedule_slots (workspace_id, schedule_id, slot, outcome, execution_id, late_ms, reason, settled_at)
     SELECT workspace_id, schedule_id, slot, outcome, execution_id, late_ms, reason, settled_at FROM batch WHERE true
     ORDER BY schedule_id, slot
     ON CONFLICT (workspace_id, schedule_id, slot) DO NOTHING
     RETURNING schedule_id",
);

macro_rules! schedules {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace_id, pod_id, workflow_id, name, cron_expression, timezone, input, enabled, overlap,
         catch_up, jitter_seconds, start_at, end_at, created_by, created_at, updated_at, settled_until, due_at,
         waiting_slot, last_run_at, last_error
     FROM schedules AS s ",
            $rest
        )
    };
}

const DUE: &str = schedules!("WHERE due_at <= $1 ORDER BY due_at, workspace_id, id LIMIT +$2");
const NEXT_DUE: &str = "SELECT due_at FROM schedules WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
macro_rules! ready {
    ($id_as_text:literal) => {
        concat!(
            schedules!(
                "WHERE waiting_slot IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM executions AS e WHERE e.workspace_id = s.workspace_id AND e.trigger_id = "
            ),
            $id_as_text,
            " AND e.status IN ('pending', 'queued', 'running', 'suspended', 'cancelling')
     ) ORDER BY waiting_slot, workspace_id, id LIMIT +$1"
        )
    };
}

/// The text of an id is that of executions' `trigger_id`.
const READY: Dialect = Dialect {
    sqlite: ready!(
        "lower(substr(hex(s.id), 1, 8) || '-' || substr(hex(s.id), 9, 4) || '-' || substr(hex(s.id), 13, 4) || '-'
             || substr(hex(s.id), 17, 4) || '-' || substr(hex(s.id), 21))"
    ),
    postgres: ready!("s.id::text"),
};

const AFTER: &str = schedules!("WHERE (workspace_id, id) > ($1, $2) ORDER BY workspace_id, id LIMIT +$3");
const ONE: &str = schedules!("WHERE workspace_id = $1 AND id = $2");
const LIST: &str = schedules!("WHERE workspace_id = $1 AND pod_id = $2 AND id < $3 ORDER BY id DESC LIMIT +$4");
const SLOTS: &str = "SELECT schedule_id, slot, outcome, execution_id, late_ms, reason, settled_at FROM schedule_slots
     WHERE workspace_id = $1 AND schedule_id = $2 AND slot < $3 ORDER BY slot DESC LIMIT +$4";
const LIVE: &str = "SELECT id FROM executions WHERE workspace_id = $1 AND trigger_id = $2
     AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling') ORDER BY id DESC LIMIT +$3";

#[async_trait]
impl<B: Backend> Schedules for SqlStore<B> {
    async fn due_schedules(&self, now: Instant, limit: i64) -> Result<Vec<Schedule>, StoreError> {
        read_all::<B>(&self.read(DUE, cells![now, limit]).await?)
    }

    async fn next_due_slot(&self) -> Result<Option<Instant>, StoreError> {
        self.read(NEXT_DUE, Vec::new()).await?.first().map(|row| Columns::<B>::new(row).at()).transpose()
    }

    async fn ready_schedules(&self, limit: i64) -> Result<Vec<Schedule>, StoreError> {
        read_all::<B>(&self.read(B::pick(READY), cells![limit]).await?)
    }

    async fn schedules_after(
        &self,
        after: Option<(WorkspaceId, ScheduleId)>,
        limit: i64,
    ) -> Result<Vec<Schedule>, StoreError> {
        let (workspace, id) = after.unwrap_or((WorkspaceId(uuid::Uuid::nil()), ScheduleId(uuid::Uuid::nil())));
        read_all::<B>(&self.read(AFTER, cells![workspace, id, limit]).await?)
    }

    async fn settle(&self, settlement: &Settlement) -> Result<bool, StoreError> {
        if holds_nul(settlement) {
            return Err(StoreError::Refused("a text holds a NUL character"));
        }
        let settlement = Arc::new(settlement.clone());
        self.write_of(settlement.workspace_id, move |connection| {
            let settlement = Arc::clone(&settlement);
            Box::pin(async move { settle::<B>(connection, &settlement).await })
        })
        .await
    }

    async fn live_executions_of(
        &self,
        workspace: WorkspaceId,
        trigger_id: &str,
        limit: i64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let rows = self.read_of(workspace, LIVE, cells![trigger_id, limit]).await?;
        rows.iter().map(|row| Columns::<B>::new(row).id()).collect()
    }

    async fn schedule(&self, workspace: WorkspaceId, id: ScheduleId) -> Result<Schedule, StoreError> {
        read_schedule::<B>(&self.read_one_of(workspace, "schedule", ONE, cells![id]).await?)
    }

    async fn schedules(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Schedule>, StoreError> {
        let rows = self.read_of(workspace, LIST, cells![pod, read_cursor(cursor)?, limit + 1]).await?;
        Ok(page(read_all::<B>(&rows)?, limit, |schedule| cursor_at(schedule.id.0)))
    }

    async fn slots(
        &self,
        workspace: WorkspaceId,
        id: ScheduleId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Slot>, StoreError> {
        let before = cursor.map_or(Ok(i64::MAX), str::parse).map_err(|_| StoreError::ForeignCursor)?;
        let rows = self.read_of(workspace, SLOTS, cells![id, before, limit + 1]).await?;
        let slots = rows.iter().map(read_slot::<B>).collect::<Result<_, _>>()?;
        Ok(page(slots, limit, |slot: &Slot| slot.slot.0.to_string()))
    }
}

/// Settles inside a transaction; `false`, and nothing is written, if the schedule is not as it was seen.
pub(super) async fn settle<B: Backend>(
    connection: &mut B::Connection,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let (mut schedules, mut slots) = (Rows::default(), Rows::default());
    add_rows(settlement, 0, &mut schedules, &mut slots);
    if run::<B>(connection, &MOVE_SCHEDULES, &schedules).await?.is_empty() {
        return Ok(false);
    }
    run::<B>(connection, &INSERT_SLOTS, &slots).await?;
    Ok(true)
}

/// Adds the rows of a settlement for [`MOVE_SCHEDULES`] and [`INSERT_SLOTS`].
pub(super) fn add_rows(settlement: &Settlement, member: usize, schedules: &mut Rows, slots: &mut Rows) {
    let Settlement { workspace_id, schedule_id, seen, then, .. } = settlement;
    schedules.push(
        member,
        cells![
            *workspace_id,
            *schedule_id,
            seen.updated_at,
            seen.settled_until,
            seen.waiting_slot,
            then.settled_until,
            then.due_at,
            then.waiting_slot,
            then.last_run_at,
            then.last_error.as_deref(),
        ],
    );
    for slot in &settlement.slots {
        slots.push(
            member,
            cells![
                *workspace_id,
                *schedule_id,
                slot.slot,
                slot.outcome.as_str(),
                slot.execution_id,
                slot.late_ms,
                slot.reason.as_deref(),
                slot.settled_at,
            ],
        );
    }
}

pub(super) fn holds_nul(settlement: &Settlement) -> bool {
    let nul = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains('\0'));
    nul(&settlement.then.last_error) || settlement.slots.iter().any(|slot| nul(&slot.reason))
}

/// All columns of a schedule, for the statements that write the whole row.
pub(super) fn schedule_row(schedule: &Schedule) -> Vec<Cell> {
    let ScheduleProgress { settled_until, due_at, waiting_slot, last_run_at, last_error } = &schedule.progress;
    cells![
        schedule.workspace_id,
        schedule.id,
        schedule.pod_id,
        schedule.workflow_id,
        &schedule.name,
        &schedule.cron_expression,
        &schedule.timezone,
        Cell::json(&schedule.input),
        schedule.enabled,
        Cell::name(&schedule.overlap),
        Cell::name(&schedule.catch_up),
        schedule.jitter_seconds,
        schedule.start_at,
        schedule.end_at,
        &schedule.created_by,
        schedule.created_at,
        schedule.updated_at,
        *settled_until,
        *due_at,
        *waiting_slot,
        *last_run_at,
        last_error.as_deref(),
    ]
}

fn read_all<B: Backend>(rows: &[B::Row]) -> Result<Vec<Schedule>, StoreError> {
    rows.iter().map(read_schedule::<B>).collect()
}

fn read_schedule<B: Backend>(row: &B::Row) -> Result<Schedule, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Schedule {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        name: columns.next()?,
        cron_expression: columns.next()?,
        timezone: columns.next()?,
        input: columns.json("input of a schedule")?,
        enabled: columns.next()?,
        overlap: columns.name("overlap")?,
        catch_up: columns.name("catch-up")?,
        jitter_seconds: columns.next()?,
        start_at: columns.maybe_at()?,
        end_at: columns.maybe_at()?,
        created_by: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
        progress: ScheduleProgress {
            settled_until: columns.at()?,
            due_at: columns.maybe_at()?,
            waiting_slot: columns.maybe_at()?,
            last_run_at: columns.maybe_at()?,
            last_error: columns.next()?,
        },
    })
}

fn read_slot<B: Backend>(row: &B::Row) -> Result<Slot, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Slot {
        schedule_id: columns.id()?,
        slot: columns.at()?,
        outcome: columns.name("outcome of a slot")?,
        execution_id: columns.maybe_id()?,
        late_ms: columns.next()?,
        reason: columns.next()?,
        settled_at: columns.at()?,
    })
}
