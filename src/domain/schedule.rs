//! Schedules: when a workflow is started by the clock, and the ledger of what became of each slot.
//!
//! The slots of a schedule are a fixed grid of instants ([`Grid`]), a function of its definition alone. A slot is settled
//! once: it gets one row in the ledger, and with it `settled_until` moves on. What comes next is always computed from the
//! definition and that instant, never from what an earlier slot has left behind.

mod grid;

pub use grid::{Grid, GridError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::{ExecutionId, PodId, ScheduleId, WorkflowId, WorkspaceId};
use crate::clock::Instant;

/// What happens at a slot while an execution of the schedule has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Another one is started beside it.
    #[default]
    Allow,
    /// The slot is skipped.
    Skip,
    /// The slot waits for its end. One slot waits at most; those after it are skipped.
    Queue,
    /// It is cancelled once the new one is recorded.
    CancelPrevious,
}

/// Which slots are made up for that came while no server ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// None.
    None,
    /// The last one.
    #[default]
    Last,
    /// All of them, up to the last 100.
    All,
}

/// A schedule's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it starts.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub name: String,
    /// When: five fields of cron, or six with seconds in front.
    pub cron_expression: String,
    /// The time zone that the expression is read in, by its IANA name.
    pub timezone: String,
    /// What the executions work on.
    pub input: Value,
    /// Whether slots start anything.
    pub enabled: bool,
    /// What happens while an execution of it has not ended.
    pub overlap: Overlap,
    /// Which slots are made up for after a pause.
    pub catch_up: CatchUp,
    /// The widest that the runs are shifted behind their slots.
    pub jitter_seconds: i64,
    /// No slot is before this.
    pub start_at: Option<Instant>,
    /// No slot is after this.
    pub end_at: Option<Instant>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When somebody last changed it.
    pub updated_at: Instant,
    /// How far its slots are settled.
    pub progress: ScheduleProgress,
}

/// What changes about a schedule from slot to slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleProgress {
    /// Slots up to here are settled, or are none of this definition.
    pub settled_until: Instant,
    /// When the next slot is due: the slot and the schedule's shift. None: there is no next slot.
    pub due_at: Option<Instant>,
    /// The slot that waits for an execution to end.
    pub waiting_slot: Option<Instant>,
    /// When a slot last started an execution.
    pub last_run_at: Option<Instant>,
    /// Why the last slot could not start one.
    pub last_error: Option<String>,
}

impl Schedule {
    /// The grid of its slots.
    pub fn grid(&self) -> Result<Grid, GridError> {
        Ok(Grid::new(&self.cron_expression, &self.timezone)?.between(self.start_at, self.end_at))
    }

    /// How long after their slots its executions are started: the same for all of them, between 0 and `jitter_seconds`.
    pub fn shift_ms(&self) -> i64 {
        let digest = Sha256::digest(self.id.0.as_bytes());
        let number = u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes"));
        let widest = u64::try_from(self.jitter_seconds.max(0)).unwrap_or_default() * 1_000;
        i64::try_from(number % (widest + 1)).unwrap_or_default()
    }

    /// When the first slot behind an instant is due.
    pub fn due_after(&self, grid: &Grid, settled_until: Instant) -> Option<Instant> {
        grid.next_after(settled_until).map(|slot| slot.plus_ms(self.shift_ms()))
    }

    /// The next slots after an instant, up to `count`.
    pub fn coming(&self, after: Instant, count: usize) -> Result<Vec<ComingSlot>, GridError> {
        let (grid, shift_ms) = (self.grid()?, self.shift_ms());
        let slots = std::iter::successors(grid.next_after(after), |slot| grid.next_after(*slot));
        Ok(slots.take(count).map(|slot| ComingSlot { slot, run_at: slot.plus_ms(shift_ms) }).collect())
    }

    /// Whether the slots are the same instants at the same times.
    pub fn has_slots_of(&self, other: &Self) -> bool {
        self.cron_expression == other.cron_expression
            && self.timezone == other.timezone
            && self.jitter_seconds == other.jitter_seconds
            && self.start_at == other.start_at
            && self.end_at == other.end_at
    }

    /// The schedule as the API shows it.
    pub fn view(&self) -> ScheduleView {
        let Self { progress, .. } = self;
        ScheduleView {
            id: self.id,
            workspace_id: self.workspace_id,
            pod_id: self.pod_id,
            workflow_id: self.workflow_id,
            name: self.name.clone(),
            cron_expression: self.cron_expression.clone(),
            timezone: self.timezone.clone(),
            input: self.input.clone(),
            enabled: self.enabled,
            overlap: self.overlap,
            catch_up: self.catch_up,
            jitter_seconds: self.jitter_seconds,
            start_at: self.start_at,
            end_at: self.end_at,
            last_run_at: progress.last_run_at,
            next_run_at: progress.due_at.filter(|_| self.enabled),
            waiting_slot: progress.waiting_slot,
            last_error: progress.last_error.clone(),
            created_by: self.created_by.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// A schedule as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Schedule)]
pub struct ScheduleView {
    /// Its id.
    pub id: ScheduleId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it starts.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub name: String,
    /// When: five fields of cron, or six with seconds in front.
    pub cron_expression: String,
    /// The time zone that the expression is read in, by its IANA name.
    pub timezone: String,
    /// What the executions work on.
    #[schema(value_type = Option<Value>)]
    pub input: Value,
    /// Whether slots start anything.
    pub enabled: bool,
    /// What happens while an execution of it has not ended.
    pub overlap: Overlap,
    /// Which slots are made up for after a pause of the server.
    pub catch_up: CatchUp,
    /// The widest that the runs are shifted behind their slots; each schedule has its own shift, which stays.
    pub jitter_seconds: i64,
    /// No slot is before this.
    pub start_at: Option<Instant>,
    /// No slot is after this.
    pub end_at: Option<Instant>,
    /// When a slot last started an execution.
    pub last_run_at: Option<Instant>,
    /// When the next slot starts one; none while it is disabled, or when there is no slot left.
    pub next_run_at: Option<Instant>,
    /// The slot that waits for an execution of the schedule to end (`overlap: queue`).
    pub waiting_slot: Option<Instant>,
    /// Why the last slot could not start an execution; none once one could.
    pub last_error: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When somebody last changed it.
    pub updated_at: Instant,
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotOutcome {
    /// An execution was started.
    Started,
    /// An execution of the schedule had not ended.
    SkippedOverlap,
    /// The schedule was disabled.
    SkippedDisabled,
    /// No server ran at the time, and the slot was not made up for; or the schedule was changed before.
    Missed,
    /// It could not be started; `reason` says why.
    Failed,
}

impl SlotOutcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Started, Self::SkippedOverlap, Self::SkippedDisabled, Self::Missed, Self::Failed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::SkippedOverlap => "skipped_overlap",
            Self::SkippedDisabled => "skipped_disabled",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

/// A row of the ledger: one slot of a schedule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// The instant on the schedule's grid.
    pub slot: Instant,
    /// What became of it.
    pub outcome: SlotOutcome,
    /// The execution that was started.
    pub execution_id: Option<ExecutionId>,
    /// How many milliseconds after the slot (and the schedule's shift) this was decided.
    pub late_ms: i64,
    /// Why nothing was started.
    pub reason: Option<String>,
    /// When it was decided.
    pub settled_at: Instant,
}

/// A slot that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComingSlot {
    /// The instant on the schedule's grid.
    pub slot: Instant,
    /// When an execution is started for it: the slot and the schedule's shift.
    pub run_at: Instant,
}
