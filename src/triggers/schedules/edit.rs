//! Making and changing schedules: what is let through, and what a change does to slots. A change takes effect for the next
//! slot: it never starts one of the time before it.

use super::{Schedules, due, step::row};
use crate::{
    clock::Instant,
    domain::schedule::{Grid, GridError, Schedule, ScheduleProgress, Slot, SlotOutcome},
    store::catalogue::Change,
};

/// The widest shift, in seconds.
const MAX_JITTER_S: i64 = 3_600;

/// Why a schedule can't be as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field, as a JSON pointer.
    pub path: &'static str,
    /// What is wrong with it.
    pub message: String,
}

fn refused<T>(path: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { path, message: message.into() })
}

impl Schedules {
    /// The progress of a schedule whose slots begin after `now`.
    pub fn begin(&self, schedule: &Schedule, now: Instant) -> Result<ScheduleProgress, Refusal> {
        let grid = self.checked_grid(schedule)?;
        let due_at = schedule.due_after(&grid, now);
        if due_at.is_none() {
            let unbounded = grid.between(None, None);
            return if unbounded.next_after(now).is_none() {
                refused("/cronExpression", "no day in the next 40 years fits the cron expression")
            } else if schedule.end_at.is_some() {
                refused("/endAt", "no slot is left before `endAt`")
            } else {
                refused("/startAt", "no slot comes after `startAt`")
            };
        }
        let (last_run_at, last_error) = (schedule.progress.last_run_at, schedule.progress.last_error.clone());
        Ok(ScheduleProgress { settled_until: now, due_at, waiting_slot: None, last_run_at, last_error })
    }

    /// The change from a schedule, all of whose slots that are due have been settled, to another.
    pub fn revise(&self, before: &Schedule, mut after: Schedule) -> Result<Change, Refusal> {
        // The store compares it to notice changes at the same time, so it must move with each.
        let now = self.clock().now();
        after.updated_at = now.max(before.updated_at.plus_ms(1));
        let mut dropped = Vec::new();
        if !after.has_slots_of(before) {
            after.progress = self.begin(&after, now)?;
            dropped = pending(before, now);
        }
        Ok(Change::UpdateSchedule { schedule: Box::new(after), seen: before.into(), dropped })
    }

    fn checked_grid(&self, schedule: &Schedule) -> Result<Grid, Refusal> {
        let Schedule { jitter_seconds, start_at, end_at, .. } = *schedule;
        if !(0..=MAX_JITTER_S).contains(&jitter_seconds) {
            return refused("/jitterSeconds", format!("must be between 0 and {MAX_JITTER_S}, not {jitter_seconds}"));
        }
        if start_at.zip(end_at).is_some_and(|(start, end)| end < start) {
            return refused("/endAt", "`endAt` must not be before `startAt`");
        }
        let grid = schedule.grid().map_err(|error| {
            let path = match error {
                GridError::Expression(_) => "/cronExpression",
                GridError::Zone(_) => "/timezone",
            };
            Refusal { path, message: error.to_string() }
        })?;
        let (shortest, least) = (grid.shortest_interval_s(), self.0.min_interval_s);
        if shortest < least {
            let message = format!("must not run more often than every {least} seconds; this one does every {shortest}");
            return refused("/cronExpression", message);
        }
        Ok(grid)
    }
}

/// Slots of before a change that will not be started any more: those that are shifted to a time after it, and one that waits.
fn pending(before: &Schedule, now: Instant) -> Vec<Slot> {
    let Ok(grid) = before.grid() else { return Vec::new() };
    let progress = &before.progress;
    let drop =
        |slot| row(before, slot, now, (SlotOutcome::Missed, Some("the schedule was changed before it could run")));
    let shifted = due::slots(&grid, progress.settled_until, now).map(drop);
    progress.waiting_slot.into_iter().map(drop).chain(shifted).collect()
}
