//! What is kept of schedules; and what is written when slots are settled: their rows in the ledger, and how far the schedule
//! has come.

use async_trait::async_trait;

use super::{Page, StoreError};
use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, PodId, ScheduleId, WorkspaceId},
        schedule::{Schedule, ScheduleProgress, Slot},
    },
};

/// Slots that are settled together, in the commit of the execution that one of them starts or by themselves. It is written
/// as a whole or not at all: not if the schedule is no longer as its writer has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// What its writer has seen of the schedule.
    pub seen: SeenSchedule,
    /// The rows for the ledger; with an execution just one.
    pub slots: Vec<Slot>,
    /// Where the schedule is afterwards.
    pub then: ScheduleProgress,
}

/// What tells one state of a schedule from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenSchedule {
    /// Its definition, by its last change.
    pub updated_at: Instant,
    /// How far its slots are settled.
    pub settled_until: Instant,
    /// The slot that waits.
    pub waiting_slot: Option<Instant>,
}

impl From<&Schedule> for SeenSchedule {
    fn from(schedule: &Schedule) -> Self {
        let ScheduleProgress { settled_until, waiting_slot, .. } = schedule.progress;
        Self { updated_at: schedule.updated_at, settled_until, waiting_slot }
    }
}

/// The methods of the store about schedules. They are made and changed by changes of the catalogue.
#[async_trait]
pub trait Schedules {
    /// Up to `limit` schedules whose next slot is due at `now`, the earliest first.
    async fn due_schedules(&self, now: Instant, limit: i64) -> Result<Vec<Schedule>, StoreError>;

    /// When the next slot of any schedule is due.
    async fn next_due_slot(&self) -> Result<Option<Instant>, StoreError>;

    /// Up to `limit` schedules with a slot that waits for executions that have ended by now, the oldest slot first.
    async fn ready_schedules(&self, limit: i64) -> Result<Vec<Schedule>, StoreError>;

    /// Up to `limit` schedules of all workspaces behind this one, in the order of their keys.
    async fn schedules_after(
        &self,
        after: Option<(WorkspaceId, ScheduleId)>,
        limit: i64,
    ) -> Result<Vec<Schedule>, StoreError>;

    /// Settles slots without an execution; `false` (and nothing is written) if the schedule is not as the writer has seen it.
    /// A slot that has a row keeps it.
    async fn settle(&self, settlement: &Settlement) -> Result<bool, StoreError>;

    /// Up to `limit` executions that a schedule, webhook or event has started and that have not ended, newest first.
    async fn live_executions_of(
        &self,
        workspace: WorkspaceId,
        trigger_id: &str,
        limit: i64,
    ) -> Result<Vec<ExecutionId>, StoreError>;

    /// A schedule.
    async fn schedule(&self, workspace: WorkspaceId, id: ScheduleId) -> Result<Schedule, StoreError>;

    /// A page of a pod's schedules, newest first.
    async fn schedules(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Schedule>, StoreError>;

    /// A page of a schedule's ledger, newest first.
    async fn slots(
        &self,
        workspace: WorkspaceId,
        id: ScheduleId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Slot>, StoreError>;
}
