//! Which slots of a schedule are to be started and which have been missed. Pure: a function of the schedule and the time.

use crate::{
    clock::Instant,
    domain::schedule::{CatchUp, Grid, Schedule},
};

/// A slot that is started within this time is on time, whatever is to be made up for: a server that restarts misses nothing.
pub const ON_TIME_MS: i64 = 60_000;
/// The most slots that `all` makes up for.
pub const MOST_CAUGHT_UP: usize = 100;
/// The most slots that are settled at once.
const AT_ONCE: usize = 500;

/// What is next about the slots of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No slot is due.
    Nothing,
    /// Nothing is started for these slots: the schedule is disabled, or they came while no server ran.
    Pass(Vec<Instant>),
    /// This slot is due.
    Start(Instant),
}

/// What is next about the slots that are due at `now`. A schedule's slots are settled in their order.
pub fn next_step(schedule: &Schedule, grid: &Grid, now: Instant) -> Step {
    let until = now.plus_ms(-schedule.shift_ms());
    let settled_until = schedule.progress.settled_until;
    let Some(first) = grid.next_after(settled_until).filter(|slot| *slot <= until) else { return Step::Nothing };
    if !schedule.enabled {
        return Step::Pass(slots(grid, settled_until, until).take(AT_ONCE).collect());
    }
    let on_time = until.plus_ms(-ON_TIME_MS);
    if first >= on_time {
        return Step::Start(first);
    }
    let made_up = match schedule.catch_up {
        CatchUp::None => None,
        CatchUp::Last => newest(grid, settled_until, until, 1),
        CatchUp::All => newest(grid, settled_until, until, MOST_CAUGHT_UP),
    };
    let begin = made_up.map_or(on_time, |made_up| made_up.min(on_time));
    if first >= begin {
        return Step::Start(first);
    }
    Step::Pass(slots(grid, settled_until, until).take_while(|slot| *slot < begin).take(AT_ONCE).collect())
}

/// The slots in (after, until].
pub fn slots(grid: &Grid, after: Instant, until: Instant) -> impl Iterator<Item = Instant> {
    let next = move |slot: &Instant| grid.next_after(*slot);
    std::iter::successors(grid.next_after(after), next).take_while(move |slot| *slot <= until)
}

/// The slot in (after, until] with `count - 1` behind it; the first one if there are fewer.
fn newest(grid: &Grid, after: Instant, until: Instant, count: usize) -> Option<Instant> {
    // From a stretch before the end that grows until it is long enough: the whole may be years.
    let mut stretch_ms = 3_600_000;
    loop {
        let begin = until.plus_ms(-stretch_ms).max(after);
        let found: Vec<Instant> = slots(grid, begin, until).collect();
        if found.len() >= count || begin == after {
            return found.get(found.len().saturating_sub(count)).copied();
        }
        stretch_ms *= 4;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::schedule::{Overlap, ScheduleProgress};

    const MINUTE: i64 = 60_000;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn schedule(expression: &str, catch_up: CatchUp, settled_until: &str) -> Schedule {
        let id = uuid::Uuid::from_u128(1);
        let settled_until = at(settled_until);
        Schedule {
            id: id.into(),
            workspace_id: id.into(),
            pod_id: id.into(),
            workflow_id: id.into(),
            name: String::new(),
            cron_expression: expression.into(),
            timezone: "UTC".into(),
            input: Value::Null,
            enabled: true,
            overlap: Overlap::Allow,
            catch_up,
            jitter_seconds: 0,
            start_at: None,
            end_at: None,
            created_by: String::new(),
            created_at: settled_until,
            updated_at: settled_until,
            progress: ScheduleProgress {
                settled_until,
                due_at: None,
                waiting_slot: None,
                last_run_at: None,
                last_error: None,
            },
        }
    }

    /// Takes all steps that are due: how many slots pass, and those that are started.
    fn walk(mut schedule: Schedule, now: Instant) -> (usize, Vec<String>) {
        let grid = schedule.grid().unwrap();
        let (mut passed, mut started) = (0, Vec::new());
        loop {
            match next_step(&schedule, &grid, now) {
                Step::Nothing => return (passed, started),
                Step::Pass(slots) => {
                    assert!(!slots.is_empty() && slots.len() <= AT_ONCE);
                    passed += slots.len();
                    schedule.progress.settled_until = *slots.last().unwrap();
                }
                Step::Start(slot) => {
                    started.push(slot.to_datetime().format("%d %H:%M").to_string());
                    schedule.progress.settled_until = slot;
                }
            }
        }
    }

    #[test]
    fn a_pause_is_made_up_for_as_the_schedule_says() {
        let now = at("2027-01-02T06:30:00Z");
        let after = |catch_up| walk(schedule("0 * * * *", catch_up, "2027-01-01T20:30:00Z"), now);
        assert_eq!(after(CatchUp::None), (10, vec![]));
        assert_eq!(after(CatchUp::Last), (9, vec!["02 06:00".into()]));
        let (passed, started) = after(CatchUp::All);
        assert_eq!((passed, started.len(), &*started[0]), (0, 10, "01 21:00"));
        // Back just in time: the present slot is on time, and what is before it is past.
        let now = at("2027-01-02T06:00:20Z");
        let after = |catch_up| walk(schedule("0 * * * *", catch_up, "2027-01-01T20:30:00Z"), now);
        assert_eq!(after(CatchUp::None), (9, vec!["02 06:00".into()]));
        assert_eq!(after(CatchUp::Last), (9, vec!["02 06:00".into()]));
        assert_eq!(after(CatchUp::All).1.len(), 10);
    }

    #[test]
    fn all_is_bounded_and_a_long_pause_is_passed_in_parts() {
        let now = at("2027-01-03T00:00:30Z");
        let (passed, started) = walk(schedule("* * * * *", CatchUp::All, "2027-01-01T00:00:00Z"), now);
        assert_eq!((passed, started.len()), (2 * 24 * 60 - MOST_CAUGHT_UP, MOST_CAUGHT_UP));
        assert_eq!(started.last().unwrap(), "03 00:00");
        let rare = walk(schedule("0 0 1 * *", CatchUp::All, "2021-01-01T00:00:00Z"), now);
        assert_eq!((rare.0, rare.1.len()), (0, 72));
    }

    #[test]
    fn several_slots_may_be_on_time_together() {
        let now = at("2027-01-01T00:00:20.500Z");
        for catch_up in [CatchUp::None, CatchUp::Last, CatchUp::All] {
            let (passed, started) = walk(schedule("*/5 * * * * *", catch_up, "2027-01-01T00:00:00Z"), now);
            assert_eq!((passed, started.len()), (0, 4));
        }
    }

    #[test]
    fn a_disabled_schedule_passes_all_and_a_shifted_one_waits() {
        let disabled = Schedule { enabled: false, ..schedule("0 * * * *", CatchUp::All, "2027-01-01T00:00:00Z") };
        assert_eq!(walk(disabled, at("2027-01-01T05:00:00Z")), (5, vec![]));
        let shifted =
            Schedule { jitter_seconds: 3_600, ..schedule("0 0 * * *", CatchUp::None, "2027-01-01T00:00:00Z") };
        let slot = at("2027-01-02T00:00:00Z");
        let due = slot.plus_ms(shifted.shift_ms());
        assert!((1..=60 * MINUTE).contains(&shifted.shift_ms()), "this id has a shift");
        assert_eq!(shifted.due_after(&shifted.grid().unwrap(), at("2027-01-01T00:00:00Z")), Some(due));
        assert_eq!(walk(shifted.clone(), due.plus_ms(-1)), (0, vec![]));
        assert_eq!(walk(shifted, due.plus_ms(ON_TIME_MS)), (0, vec!["02 00:00".into()]));
    }
}
