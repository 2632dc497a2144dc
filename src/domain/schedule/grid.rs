//! The grid of a schedule: the instants that a cron expression means in a time zone.
//!
//! The expression is matched against the clock on the wall; each time on the wall is then one instant:
//!
//! - A time that the clock skips (it is put forward) is the first instant after the gap. Several skipped times are one.
//! - A time that comes twice (the clock is put back) is the first of the two. An expression that matches in every hour of
//!   the day goes by the passing of time instead: it matches both times, or it would pause for the hour that is repeated.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};

use crate::clock::Instant;

/// The longest expression, in bytes: more than sixty listed minutes.
const MAX_EXPRESSION_BYTES: usize = 256;
/// How far ahead a slot is looked for. The rarest of days, a 29 February on one day of the week, comes within 40 years.
const HORIZON_YEARS: u32 = 41;
/// No zone is further from UTC.
const WIDEST_OFFSET: TimeDelta = TimeDelta::hours(15);
/// No clock is put back further.
const WIDEST_FOLD: TimeDelta = TimeDelta::hours(4);
const SECONDS_OF_DAY: i64 = 86_400;

/// Why there is no grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The expression can't be read.
    #[error("{0}")]
    Expression(String),
    /// The zone is not known.
    #[error("`{0}` is not the name of a time zone, such as `Europe/Berlin`")]
    Zone(String),
}

/// The slots of a schedule.
#[derive(Clone, Debug)]
pub struct Grid {
    cron: Cron,
    zone: Tz,
    every_hour: bool,
    start_at: Option<Instant>,
    end_at: Option<Instant>,
}

impl Grid {
    /// The instants that an expression means in a zone.
    pub fn new(expression: &str, timezone: &str) -> Result<Self, GridError> {
        let zone = timezone.parse::<Tz>().map_err(|_| GridError::Zone(shortened(timezone)))?;
        if expression.len() > MAX_EXPRESSION_BYTES {
            let message = format!("a cron expression has at most {MAX_EXPRESSION_BYTES} bytes");
            return Err(GridError::Expression(message));
        }
        let fields = expression.split_whitespace().count();
        if !(5..=6).contains(&fields) {
            let message = format!("a cron expression has 5 fields, or 6 with seconds in front, not {fields}");
            return Err(GridError::Expression(message));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let unreadable = |error: CronError| {
            let text = error.to_string();
            GridError::Expression(format!("not a cron expression: {}", text.trim_end_matches('.')))
        };
        let cron = parser.parse(expression).map_err(unreadable)?;
        let every_hour = (0..24).all(|hour| cron.pattern.hour_match(hour).unwrap_or_default());
        Ok(Self { cron, zone, every_hour, start_at: None, end_at: None })
    }

    /// The same without what is before `start_at` or after `end_at`.
    #[must_use]
    pub fn between(self, start_at: Option<Instant>, end_at: Option<Instant>) -> Self {
        Self { start_at, end_at, ..self }
    }

    /// The first slot after an instant.
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        let after = self.start_at.map_or(after, |start| after.max(start.plus_ms(-1)));
        // Slots are whole seconds: what is after an instant is after the second that it is in.
        let after = DateTime::from_timestamp(after.0.div_euclid(1_000), 0)?.naive_utc();
        let first = self.first_time(after);
        let again = if self.every_hour { self.second_time(after) } else { None };
        let slot = [first, again].into_iter().flatten().min()?;
        let slot = Instant(slot.and_utc().timestamp_millis());
        self.end_at.is_none_or(|end| slot <= end).then_some(slot)
    }

    /// The shortest time between two slots of a day as it usually is, in seconds.
    pub fn shortest_interval_s(&self) -> i64 {
        let pattern = &self.cron.pattern;
        let matched = |count: u32, matches: &dyn Fn(u32) -> Result<bool, CronError>| -> Vec<i64> {
            (0..count).filter(|value| matches(*value).unwrap_or_default()).map(i64::from).collect()
        };
        let hours = matched(24, &|hour| pattern.hour_match(hour));
        let minutes = matched(60, &|minute| pattern.minute_match(minute));
        let seconds = matched(60, &|second| pattern.second_match(second));
        let (mut first, mut last, mut shortest) = (None, None, SECONDS_OF_DAY);
        for hour in &hours {
            for minute in &minutes {
                for second in &seconds {
                    let of_day = (hour * 60 + minute) * 60 + second;
                    first = first.or(Some(of_day));
                    shortest = shortest.min(last.map_or(SECONDS_OF_DAY, |last| of_day - last));
                    last = Some(of_day);
                }
            }
        }
        // From the last of a day to the first of the next.
        first.zip(last).map_or(shortest, |(first, last)| shortest.min(SECONDS_OF_DAY + first - last))
    }

    /// The first instant after `after` at which the wall clock shows a matching time for the first time, or jumps over one.
    ///
    /// Times on the wall and their first instants have the same order, so nothing before the present time is missed.
    fn first_time(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut wall = self.wall(after)?;
        let horizon = wall.checked_add_days(Days::new(u64::from(HORIZON_YEARS) * 366))?;
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok().filter(|wall| *wall <= horizon)?;
            let first = match self.zone.from_local_datetime(&wall) {
                MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.naive_utc(),
                MappedLocalTime::None => self.after_gap(wall)?,
            };
            // While the clock repeats an hour, what it shows now has had its first time.
            if first > after {
                return Some(first);
            }
        }
    }

    /// The first instant after `after` at which the wall clock, having been put back, shows a matching time again.
    fn second_time(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // What is shown again after `after`, and not first, was shown at most one fold before: the clock is put back near by.
        let (from, to) = (after.checked_sub_signed(WIDEST_FOLD)?, after.checked_add_signed(WIDEST_FOLD)?);
        let (before, since) = (self.offset(from), self.offset(to));
        if before <= since {
            return None;
        }
        let put_back = first_second(from, to, |at| self.offset(at) != before)?;
        let end = put_back.checked_add_signed(before - since)?;
        let start = (put_back - TimeDelta::seconds(1)).max(after);
        let wall = self.cron.find_next_occurrence(&start.checked_add_signed(since)?, false).ok()?;
        let again = wall.checked_sub_signed(since)?;
        (again < end).then_some(again)
    }

    /// The first instant at which the wall clock shows more than a time that it skips.
    fn after_gap(&self, skipped: NaiveDateTime) -> Option<NaiveDateTime> {
        let (from, to) = (skipped.checked_sub_signed(WIDEST_OFFSET)?, skipped.checked_add_signed(WIDEST_OFFSET)?);
        first_second(from, to, |at| self.wall(at).is_some_and(|wall| wall > skipped))
    }

    fn wall(&self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        at.checked_add_signed(self.offset(at))
    }

    fn offset(&self, at: NaiveDateTime) -> TimeDelta {
        let offset = Utc.from_utc_datetime(&at).with_timezone(&self.zone).offset().fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }
}

/// The first second in (from, to] at which something holds that stays so once it does; none if it does not hold at `to`.
fn first_second(
    from: NaiveDateTime,
    to: NaiveDateTime,
    holds: impl Fn(NaiveDateTime) -> bool,
) -> Option<NaiveDateTime> {
    if !holds(to) {
        return None;
    }
    let (mut no, mut yes) = (0, (to - from).num_seconds());
    while yes - no > 1 {
        let middle = i64::midpoint(no, yes);
        if holds(from + TimeDelta::seconds(middle)) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(from + TimeDelta::seconds(yes))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn grid(expression: &str, zone: &str) -> Grid {
        Grid::new(expression, zone).unwrap()
    }

    /// The slots between two instants, as the clock on the wall shows them.
    fn slots(expression: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
        let grid = grid(expression, zone);
        let (mut after, mut slots) = (at(from), Vec::new());
        while let Some(slot) = grid.next_after(after).filter(|slot| *slot <= at(to)) {
            let shown = slot.to_datetime().with_timezone(&grid.zone);
            slots.push(shown.format("%d %H:%M%z").to_string());
            after = slot;
        }
        slots
    }

    #[test]
    fn a_skipped_time_is_the_first_instant_after_the_gap() {
        let daily = slots("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z");
        assert_eq!(daily, ["27 02:30+0100", "28 03:00+0200", "29 02:30+0200"]);
        let new_york = slots("15 2 * * *", "America/New_York", "2027-03-13T05:00:00Z", "2027-03-16T00:00:00Z");
        assert_eq!(new_york, ["13 02:15-0500", "14 03:00-0400", "15 02:15-0400"]);
        // Half an hour: 2:00 to 2:30.
        let lord_howe = slots("10 2 * * *", "Australia/Lord_Howe", "2027-10-01T14:00:00Z", "2027-10-04T00:00:00Z");
        assert_eq!(lord_howe, ["02 02:10+1030", "03 02:30+1100", "04 02:10+1100"]);
        // Several skipped times are one, and may be one with a time that is shown.
        let often = slots("*/20 2,3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-28T02:00:00Z");
        assert_eq!(often, ["28 03:00+0200", "28 03:20+0200", "28 03:40+0200"]);
        let hourly = slots("15 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-28T02:00:00Z");
        assert_eq!(hourly, ["28 01:15+0100", "28 03:00+0200", "28 03:15+0200"]);
    }

    #[test]
    fn a_repeated_time_is_the_first_of_the_two() {
        let daily = slots("30 2 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z", "2027-11-02T00:00:00Z");
        assert_eq!(daily, ["30 02:30+0200", "31 02:30+0200", "01 02:30+0100"]);
        let lord_howe = slots("45 1 * * *", "Australia/Lord_Howe", "2027-04-02T13:30:00Z", "2027-04-05T00:00:00Z");
        assert_eq!(lord_howe, ["03 01:45+1100", "04 01:45+1100", "05 01:45+1030"]);
        let often = slots("*/30 1-2 * * *", "America/New_York", "2027-11-07T04:00:00Z", "2027-11-07T09:00:00Z");
        assert_eq!(often, ["07 01:00-0400", "07 01:30-0400", "07 02:00-0500", "07 02:30-0500"]);
    }

    #[test]
    fn what_runs_every_hour_goes_on_while_the_clock_repeats_one() {
        let berlin = slots("*/30 * * * *", "Europe/Berlin", "2027-10-30T23:30:00Z", "2027-10-31T02:00:00Z");
        let shown = ["31 02:00+0200", "31 02:30+0200", "31 02:00+0100", "31 02:30+0100", "31 03:00+0100"];
        assert_eq!(berlin, shown);
        let lord_howe = slots("*/15 * * * *", "Australia/Lord_Howe", "2027-04-03T14:15:00Z", "2027-04-03T15:30:00Z");
        assert_eq!(lord_howe, ["04 01:30+1100", "04 01:45+1100", "04 01:30+1030", "04 01:45+1030", "04 02:00+1030"]);
    }

    #[test]
    fn slots_lie_between_start_and_end() {
        let grid = grid("0 * * * *", "UTC").between(Some(at("2027-01-01T10:00:00Z")), Some(at("2027-01-01T12:00:00Z")));
        let next = |text| grid.next_after(at(text)).map(|slot| slot.to_string());
        assert_eq!(next("2026-01-01T00:00:00Z").as_deref(), Some("2027-01-01T10:00:00.000Z"));
        assert_eq!(next("2027-01-01T10:00:00Z").as_deref(), Some("2027-01-01T11:00:00.000Z"));
        assert_eq!(next("2027-01-01T10:59:59.999Z").as_deref(), Some("2027-01-01T11:00:00.000Z"));
        assert_eq!(next("2027-01-01T11:30:00Z").as_deref(), Some("2027-01-01T12:00:00.000Z"));
        assert_eq!(next("2027-01-01T12:00:00Z"), None);
    }

    #[test]
    fn intervals_are_measured_over_a_day_and_into_the_next() {
        for (expression, seconds) in [
            ("* * * * *", 60),
            ("*/5 * * * *", 300),
            ("0 9,17 * * *", 8 * 3_600),
            ("0 0 * * *", SECONDS_OF_DAY),
            ("* * * * * *", 1),
            ("0,59 * * * * *", 1),
            ("30 0 0 1 1 *", SECONDS_OF_DAY),
            ("0 0,23 * * *", 3_600),
        ] {
            assert_eq!(grid(expression, "UTC").shortest_interval_s(), seconds, "{expression}");
        }
    }

    #[test]
    fn bad_expressions_and_zones_are_refused() {
        for bad in ["", "* * * *", "60 * * * *", "* * * * * * *", "a b c d e", "*/0 * * * *", "5-1 * * * *", "@reboot"]
        {
            assert!(matches!(Grid::new(bad, "UTC"), Err(GridError::Expression(_))), "{bad}");
        }
        assert!(matches!(Grid::new(&"1,".repeat(200), "UTC"), Err(GridError::Expression(_))));
        for bad in ["", "Europe/Atlantis", "+01:00", "Europe/Berlin "] {
            assert!(matches!(Grid::new("* * * * *", bad), Err(GridError::Zone(_))), "{bad}");
        }
    }

    #[test]
    fn what_never_comes_is_found_out() {
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 31 2 *"] {
            assert_eq!(grid(never, "Europe/Berlin").next_after(at("2027-01-01T00:00:00Z")), None, "{never}");
        }
        let leap = grid("0 0 29 2 *", "UTC").next_after(at("2097-01-01T00:00:00Z")).unwrap();
        assert_eq!(leap.to_string(), "2104-02-29T00:00:00.000Z");
        let friday = grid("0 0 29 2 +5", "UTC").next_after(at("2027-01-01T00:00:00Z")).unwrap();
        assert_eq!(friday.to_string(), "2036-02-29T00:00:00.000Z");
        assert_eq!(grid("* * * * *", "UTC").next_after(Instant(i64::MAX)), None);
    }

    /// All slots of a stretch of time, by looking at every single second of it: what the grid is meant to be.
    fn by_looking(grid: &Grid, from: Instant, to: Instant) -> Vec<Instant> {
        let matches = |wall: NaiveDateTime| grid.cron.is_time_matching(&wall).unwrap();
        let mut slots = Vec::new();
        let naive = |second: i64| DateTime::from_timestamp(second, 0).unwrap().naive_utc();
        let mut shown_until = grid.wall(naive(from.0 / 1_000)).unwrap();
        for second in from.0 / 1_000 + 1..=to.0 / 1_000 {
            let wall = grid.wall(naive(second)).unwrap();
            let is_slot = if wall > shown_until {
                let mut skipped = shown_until + TimeDelta::seconds(1);
                let mut any = false;
                while skipped <= wall {
                    any |= matches(skipped);
                    skipped += TimeDelta::seconds(1);
                }
                any
            } else {
                grid.every_hour && matches(wall)
            };
            shown_until = shown_until.max(wall);
            if is_slot {
                slots.push(Instant(second * 1_000));
            }
        }
        slots
    }

    /// The days of both clock changes of a year, and an ordinary one, in zones that differ in all that may differ.
    fn stretch() -> impl Strategy<Value = (&'static str, Instant)> {
        prop::sample::select(vec![
            ("Europe/Berlin", "2027-03-27T22:00:00Z"),
            ("Europe/Berlin", "2027-10-30T22:00:00Z"),
            ("America/New_York", "2027-03-14T04:00:00Z"),
            ("America/New_York", "2027-11-07T03:00:00Z"),
            ("Australia/Lord_Howe", "2027-04-03T13:00:00Z"),
            ("Australia/Lord_Howe", "2027-10-02T13:00:00Z"),
            ("Antarctica/Troll", "2027-03-27T22:00:00Z"),
            ("Antarctica/Troll", "2027-10-30T22:00:00Z"),
            ("Asia/Kathmandu", "2027-06-01T12:00:00Z"),
            ("UTC", "2027-06-01T12:00:00Z"),
        ])
        .prop_map(|(zone, from)| (zone, at(from)))
    }

    fn expression() -> impl Strategy<Value = String> {
        let seconds = prop::sample::select(vec!["0", "30", "*/20", "7,8"]);
        let minutes = prop::sample::select(vec!["0", "15", "30", "45", "*/10", "*", "59", "5-7"]);
        let hours = prop::sample::select(vec!["*", "1", "2", "3", "1,2", "*/2", "0-5", "*/1", "0"]);
        (seconds, minutes, hours).prop_map(|(second, minute, hour)| format!("{second} {minute} {hour} * * *"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

        #[test]
        fn the_grid_is_what_looking_at_every_second_finds((zone, from) in stretch(), expression in expression()) {
            let grid = grid(&expression, zone);
            let to = from.plus_ms(8 * 3_600_000);
            let expected = by_looking(&grid, from, to);
            let (mut after, mut found) = (from, Vec::new());
            while let Some(slot) = grid.next_after(after).filter(|slot| *slot <= to) {
                found.push(slot);
                after = slot;
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn the_next_slot_is_that_of_the_grid_from_wherever_one_asks(
            (zone, from) in stretch(), expression in expression(), offset_ms in 0i64..8 * 3_600_000,
        ) {
            let grid = grid(&expression, zone);
            let asked = from.plus_ms(offset_ms);
            let next = grid.next_after(asked).unwrap();
            prop_assert!(next > asked);
            let (mut after, mut walked) = (from, None);
            while walked.is_none_or(|walked| walked <= asked) {
                walked = grid.next_after(after);
                after = walked.unwrap();
            }
            prop_assert_eq!(walked, Some(next));
        }
    }
}
