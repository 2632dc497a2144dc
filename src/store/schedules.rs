//! What is written when slots of a schedule are settled: their rows in the ledger, and how far the schedule has come.

use crate::{
    clock::Instant,
    domain::{
        ids::{ScheduleId, WorkspaceId},
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
