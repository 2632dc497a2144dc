//! Functions on instants and durations. An instant is text in JSON: RFC 3339, in UTC, with milliseconds, so that texts
//! order as instants do. A duration is an integer of milliseconds. `epochMs` and `timestamp` lead from the one to the
//! other, and plain arithmetic does the rest.

use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::super::duration::parse_duration;
use super::super::error::Failure;
use super::super::evaluate::Outcome;
use super::super::value::Datum;
use super::Arguments;

/// Longest text that is read as an instant, a duration or a pattern.
const TEXT_BYTES: usize = 256;

/// Forms without an offset, read in the zone of the second argument or in UTC.
const LOCAL_FORMS: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];

/// `timestamp(x)` and `timestamp(x, zone)`: of a text in ISO 8601 or of milliseconds since 1970.
pub(super) fn timestamp(arguments: Arguments<'_>) -> Outcome<'_> {
    let zone = zone(&arguments, 1)?;
    let instant = instant(&arguments, zone)?;
    arguments.copy_text(&instant.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// `epochMs(instant)`: milliseconds since 1970.
pub(super) fn epoch_ms(arguments: Arguments<'_>) -> Outcome<'_> {
    instant(&arguments, Tz::UTC).map(|instant| Datum::scalar(instant.timestamp_millis()))
}

/// `duration(text)`: milliseconds of `90s`, `1h30m`, `PT15M`; a leading `-` counts backwards.
pub(super) fn duration(arguments: Arguments<'_>) -> Outcome<'_> {
    arguments.meter().burn(1)?;
    let text = bounded(&arguments, 0)?.trim();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let milliseconds = parse_duration(text)
        .ok_or_else(|| arguments.invalid("the text is not a duration such as `90s`, `1h30m` or `PT15M`"))?;
    Ok(Datum::scalar(sign * milliseconds))
}

/// `format(instant, pattern)` and `format(instant, pattern, zone)`: the pattern has the fields of strftime.
pub(super) fn format(arguments: Arguments<'_>) -> Outcome<'_> {
    let pattern = bounded(&arguments, 1)?;
    let zone = zone(&arguments, 2)?;
    let instant = instant(&arguments, Tz::UTC)?.with_timezone(&zone);
    arguments.meter().burn(pattern.len() as u64)?;
    // Checked first: chrono panics on an unknown field only when it writes.
    let items: Vec<Item<'_>> = StrftimeItems::new(pattern).collect();
    if items.contains(&Item::Error) || !pattern.contains('%') {
        return Err(arguments.invalid("the pattern needs fields such as `%Y-%m-%d %H:%M`"));
    }
    let mut text = String::new();
    write!(text, "{}", instant.format_with_items(items.into_iter()))
        .map_err(|_| arguments.invalid("the pattern cannot be written"))?;
    arguments.copy_text(&text)
}

fn bounded<'a>(arguments: &'a Arguments<'_>, index: usize) -> Result<&'a str, Failure> {
    let text = arguments.text(index)?;
    if text.len() > TEXT_BYTES { Err(arguments.invalid("the text is too long")) } else { Ok(text) }
}

fn zone(arguments: &Arguments<'_>, index: usize) -> Result<Tz, Failure> {
    if arguments.count() <= index {
        return Ok(Tz::UTC);
    }
    let name = bounded(arguments, index)?;
    name.parse().map_err(|_| arguments.invalid("unknown time zone; write a name such as `Europe/Berlin`"))
}

/// The first argument as an instant. Only years 0 to 9999 have an RFC 3339 text.
fn instant(arguments: &Arguments<'_>, zone: Tz) -> Result<DateTime<Utc>, Failure> {
    arguments.meter().burn(4)?;
    let instant = match arguments.value(0) {
        Value::String(_) => read(bounded(arguments, 0)?.trim(), zone),
        Value::Number(_) => DateTime::from_timestamp_millis(arguments.integer(0)?),
        _ => return Err(arguments.unfit(0, "an instant (text or milliseconds)")),
    };
    instant
        .filter(|instant| (0..=9999).contains(&instant.year()))
        .ok_or_else(|| arguments.invalid("the value is not an instant such as `2026-05-01T10:00:00Z`"))
}

/// An instant in ISO 8601; without an offset it is local time. A local time that occurs twice is the earlier one; one that is
/// skipped by a clock change does not exist.
pub fn read(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    if let Ok(instant) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z") {
        return Some(instant.to_utc());
    }
    let local = LOCAL_FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    zone.from_local_datetime(&local).earliest().map(|instant| instant.to_utc())
}
