//! One step of one schedule: settles the next slot, or those that are passed over. Each step is one commit, decided on what
//! was read of the schedule and written only if it is still so.

use super::{
    super::{may_pass, shown},
    Schedules,
    due::{ON_TIME_MS, Step, next_step},
};
use crate::{
    clock::Instant,
    domain::{
        ids::ExecutionId,
        schedule::{Grid, Overlap, Schedule, ScheduleProgress, Slot, SlotOutcome},
    },
    engine::{CancelRequest, EngineError},
    store::schedules::Settlement,
};

/// The most executions that a new one takes the place of.
const MOST_CANCELLED: i64 = 100;

impl Schedules {
    /// Takes the next step; `false` if there is none. `true` as well if somebody else was faster.
    pub(super) async fn step(&self, schedule: &Schedule) -> Result<bool, EngineError> {
        let Ok(grid) = schedule.grid() else { return self.repair(schedule).await };
        let case = Case { schedule, grid: &grid, now: self.clock().now() };
        if let Some(waiting) = schedule.progress.waiting_slot
            && self.live(schedule).await?.is_none()
        {
            return self.begin_slot(&case, waiting).await;
        }
        match next_step(schedule, &grid, case.now) {
            Step::Nothing => self.repair(schedule).await,
            Step::Pass(slots) => {
                let (outcome, reason) = if schedule.enabled {
                    (SlotOutcome::Missed, Some("no server ran at the time"))
                } else {
                    (SlotOutcome::SkippedDisabled, None)
                };
                let rows: Vec<Slot> = slots.iter().map(|slot| case.row(*slot, outcome, reason)).collect();
                let last = slots.last().copied().unwrap_or(schedule.progress.settled_until);
                let then = case.behind(last);
                self.settle(case.settlement(rows, then)).await
            }
            Step::Start(slot) => match self.in_the_way(&case, slot).await? {
                Some(settlement) => self.settle(settlement).await,
                None => self.begin_slot(&case, slot).await,
            },
        }
    }

    /// What is settled instead of starting a slot, because an execution of the schedule has not ended.
    async fn in_the_way(&self, case: &Case<'_>, slot: Instant) -> Result<Option<Settlement>, EngineError> {
        let Case { schedule, .. } = *case;
        if matches!(schedule.overlap, Overlap::Allow | Overlap::CancelPrevious) {
            return Ok(None);
        }
        let Some(live) = self.live(schedule).await? else { return Ok(None) };
        let then = case.behind(slot);
        let reason = match (schedule.overlap, schedule.progress.waiting_slot) {
            (Overlap::Queue, None) => {
                let then = ScheduleProgress { waiting_slot: Some(slot), ..then };
                return Ok(Some(case.settlement(Vec::new(), then)));
            }
            (Overlap::Queue, Some(waiting)) => format!("the slot {waiting} waits already"),
            _ => format!("execution {live} has not ended"),
        };
        let row = case.row(slot, SlotOutcome::SkippedOverlap, Some(&reason));
        Ok(Some(case.settlement(vec![row], then)))
    }

    /// Starts a slot: its row, the schedule's and the execution are one commit.
    async fn begin_slot(&self, case: &Case<'_>, slot: Instant) -> Result<bool, EngineError> {
        let Case { schedule, now, .. } = *case;
        let then = case.behind(slot);
        if !schedule.enabled {
            let row = case.row(slot, SlotOutcome::SkippedDisabled, None);
            return self.settle(case.settlement(vec![row], then)).await;
        }
        let row = case.row(slot, SlotOutcome::Started, None);
        let late_ms = row.late_ms;
        let started = ScheduleProgress { last_run_at: Some(now), last_error: None, ..then.clone() };
        let triggered = match self.trigger(schedule, Some(slot), late_ms).await {
            Ok(mut trigger) => {
                trigger.slot = Some(Box::new(case.settlement(vec![row], started)));
                self.0.engine.trigger(trigger, None).await
            }
            Err(error) => Err(error),
        };
        match triggered {
            Ok(execution) => {
                tracing::debug!(schedule_id = %schedule.id, execution_id = %execution.origin.id, %slot, "a slot was started");
                count(SlotOutcome::Started, 1);
                if schedule.overlap == Overlap::CancelPrevious {
                    self.cancel_previous(schedule).await?;
                }
                Ok(true)
            }
            Err(EngineError::SlotTaken) => Ok(true),
            Err(error) if may_pass(&error) => Err(error),
            // Left as it is for a while: others go on, and it is looked at again in a moment.
            Err(EngineError::Busy) if late_ms < ON_TIME_MS => Ok(false),
            // Not tried again: what is wrong is wrong until somebody changes it, and nobody else shall wait behind it.
            Err(error) => {
                let reason = shown(&error);
                tracing::warn!(schedule_id = %schedule.id, %slot, %error, "a slot could not be started");
                let row = case.row(slot, SlotOutcome::Failed, Some(&reason));
                let then = ScheduleProgress { last_error: Some(reason), ..then };
                self.settle(case.settlement(vec![row], then)).await
            }
        }
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, EngineError> {
        if self.store().settle(&settlement).await?
            && let Some(row) = settlement.slots.first()
        {
            count(row.outcome, settlement.slots.len() as u64);
        }
        Ok(true)
    }

    async fn live(&self, schedule: &Schedule) -> Result<Option<ExecutionId>, EngineError> {
        let live = self.store().live_executions_of(schedule.workspace_id, &schedule.id.to_string(), 1).await?;
        Ok(live.first().copied())
    }

    /// Cancels all executions of a schedule but the newest: whoever does it, and however often, it comes to the same.
    pub(super) async fn cancel_previous(&self, schedule: &Schedule) -> Result<(), EngineError> {
        let (workspace, id) = (schedule.workspace_id, schedule.id);
        let live = self.store().live_executions_of(workspace, &id.to_string(), MOST_CANCELLED).await?;
        for previous in live.into_iter().skip(1) {
            let reason = format!("schedule {id} has started its next execution");
            match self.0.engine.cancel(workspace, previous, CancelRequest { by: None, reason: Some(reason) }).await {
                Ok(_) | Err(EngineError::Ended) => {}
                Err(error) if may_pass(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(schedule_id = %id, execution_id = %previous, %error, "an execution could not be cancelled");
                }
            }
        }
        Ok(())
    }
}

fn count(outcome: SlotOutcome, slots: u64) {
    metrics::counter!("sluicegate_schedule_slots_total", "outcome" => outcome.as_str()).increment(slots);
}

/// A schedule as it was read, and the time.
#[derive(Clone, Copy)]
struct Case<'s> {
    schedule: &'s Schedule,
    grid: &'s Grid,
    now: Instant,
}

impl Case<'_> {
    /// Where the schedule is once this slot, and all before it, are settled.
    fn behind(&self, slot: Instant) -> ScheduleProgress {
        let progress = self.schedule.progress.clone();
        if progress.waiting_slot == Some(slot) {
            return ScheduleProgress { waiting_slot: None, ..progress };
        }
        let due_at = self.schedule.due_after(self.grid, slot);
        ScheduleProgress { settled_until: slot, due_at, ..progress }
    }

    fn row(&self, slot: Instant, outcome: SlotOutcome, reason: Option<&str>) -> Slot {
        row(self.schedule, slot, self.now, (outcome, reason))
    }

    fn settlement(&self, slots: Vec<Slot>, then: ScheduleProgress) -> Settlement {
        let Schedule { workspace_id, id, .. } = *self.schedule;
        Settlement { workspace_id, schedule_id: id, seen: self.schedule.into(), slots, then }
    }
}

/// A row of the ledger.
pub(super) fn row(
    schedule: &Schedule,
    slot: Instant,
    now: Instant,
    (outcome, reason): (SlotOutcome, Option<&str>),
) -> Slot {
    Slot {
        schedule_id: schedule.id,
        slot,
        outcome,
        execution_id: None,
        late_ms: now.ms_since(slot.plus_ms(schedule.shift_ms())),
        reason: reason.map(str::to_owned),
        settled_at: now,
    }
}
