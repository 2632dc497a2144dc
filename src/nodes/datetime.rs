//! `datetime`: instants and calendars. Days, weeks, months and years are those of a time zone (a day may have 23 hours there);
//! hours and less are exact.

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::expression::{JsonTemplate, Scope, Template, read_instant};

use super::{
    Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed, integer, invalid},
    registry::{Kind, Port},
};
use crate::domain::failure::Failure;

const OPERATIONS: [&str; 5] = ["convert", "add", "startOf", "endOf", "difference"];
const UNITS: [&str; 7] = ["year", "quarter", "month", "week", "day", "hour", "minute"];
const AMOUNTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"];
const LONGEST_PATTERN: usize = 200;
/// More than any calendar that anybody means; keeps the arithmetic inside the type's range.
const LARGEST_AMOUNT: i64 = 1_000_000_000;

pub(super) const KIND: Kind = Kind {
    name: "datetime",
    title: "Date and time",
    description: "Reads an instant, moves it, rounds it, or measures from it to another one. Days, weeks, months and years are \
                  those of `zone`, hours and less are exact. A local time that a clock change skips is the one an hour later, one that \
                  occurs twice is the earlier one; the 31st of a shorter month is its last day.",
    category: "data",
    result: "`{iso, epochMs, zone, local, text?, year, quarter, month, week, weekday, day, dayOfYear, hour, minute, second}`, where \
             `weekday` and `week` are those of ISO 8601; for `difference` `{ms, seconds, minutes, hours, days, calendarDays}`, negative if \
             `other` comes first.",
    properties: || {
        let amount =
            json!({ "type": ["integer", "string"], "description": "A whole number, or a template that gives one." });
        let amounts: Map<String, Value> = AMOUNTS.iter().map(|name| ((*name).to_owned(), amount.clone())).collect();
        json!({
            "operation": { "enum": OPERATIONS, "default": "convert", "description": "What to do with `value`." },
            "value": {
                "type": ["string", "integer"],
                "description": "The instant: ISO 8601 text or milliseconds since 1970, or a template that gives one; now, if missing. Text \
                                without an offset is local time in `zone`.",
            },
            "other": { "type": ["string", "integer"], "description": "With `difference`: the instant to measure to." },
            "zone": { "type": "string", "default": "UTC", "description": "An IANA time zone such as `Europe/Berlin`; a template." },
            "amount": {
                "type": "object",
                "properties": amounts,
                "additionalProperties": false,
                "minProperties": 1,
                "description": "With `add`: how far; negative numbers go back. Years and months are added first, then weeks and days, then the \
                                rest.",
            },
            "unit": { "enum": UNITS, "description": "With `startOf` and `endOf`: of what. Weeks begin on Monday." },
            "format": { "type": "string", "maxLength": LONGEST_PATTERN, "description": "A strftime pattern for `text`; a template." },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "operation": "add",
            "value": "{{ input.orderedAt }}",
            "amount": { "days": 14 },
            "zone": "Europe/Berlin",
            "format": "%d.%m.%Y",
        })
    },
};

struct DateAndTime {
    operation: Operation,
    value: Option<JsonTemplate>,
    zone: Option<Template>,
    format: Option<Template>,
}

enum Operation {
    Convert,
    Add(Vec<(&'static str, JsonTemplate)>),
    StartOf(&'static str),
    EndOf(&'static str),
    Difference(JsonTemplate),
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let set = |config: &Config<'_>, field: &str| config.value(field).is_some_and(|value| value.as_str() != Some(""));
    let named = config.text("operation").unwrap_or("convert");
    let unit = |config: &mut Config<'_>| {
        let unit = config.text("unit").and_then(|unit| UNITS.into_iter().find(|known| *known == unit));
        if unit.is_none() && config.value("unit").is_none() {
            config.problem("/unit", format!("`unit` is missing: `operation` is `{named}`"));
        }
        unit
    };
    let operation = match named {
        "add" => {
            let Some(Value::Object(amount)) = config.value("amount") else {
                if config.value("amount").is_none() {
                    config.problem("/amount", "`amount` is missing: `operation` is `add`");
                }
                return None;
            };
            let mut amounts = Vec::new();
            for name in AMOUNTS {
                if let Some(value) = amount.get(name).filter(|value| !value.is_null()) {
                    amounts.push((name, config.json_at(&format!("/amount/{name}"), value)?));
                }
            }
            Operation::Add(amounts)
        }
        "startOf" => Operation::StartOf(unit(config)?),
        "endOf" => Operation::EndOf(unit(config)?),
        "difference" => {
            if !set(config, "other") {
                config.problem("/other", "`other` is missing: `operation` is `difference`");
            }
            Operation::Difference(config.json("other")?)
        }
        _ => Operation::Convert,
    };
    let value = if set(config, "value") { Some(config.json("value")?) } else { None };
    let zone = if set(config, "zone") { Some(config.template("zone")?) } else { None };
    if let (Some(name), Some(true)) = (config.text("zone"), zone.as_ref().map(Template::is_literal))
        && name.parse::<Tz>().is_err()
    {
        config.problem("/zone", "unknown time zone; write a name such as `Europe/Berlin`");
    }
    let format = if set(config, "format") { Some(config.template("format")?) } else { None };
    Some(Compiled::plain(DateAndTime { operation, value, zone, format }))
}

impl Node for DateAndTime {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.evaluate(context.scope) {
            Ok(output) => Outcome::output(output).into(),
            Err(failure) => failure.into(),
        }
    }
}

impl DateAndTime {
    fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        let zone = match &self.zone {
            None => Tz::UTC,
            Some(zone) => {
                let name = zone.render_text(scope).map_err(|error| expression_failed("zone", &error))?;
                let unknown = || invalid("`zone` is no time zone; write a name such as `Europe/Berlin`");
                name.trim().parse().map_err(|_| unknown())?
            }
        };
        let value = match &self.value {
            None => scope.now(),
            Some(value) => instant("value", value, zone, scope)?,
        };
        let local = value.with_timezone(&zone);
        let moved = match &self.operation {
            Operation::Convert => Some(local),
            Operation::Add(amounts) => add(local, amounts, scope)?,
            Operation::StartOf(unit) => start_of(local, unit),
            // The last millisecond before the next one begins.
            Operation::EndOf(unit) => next(local, unit).map(|next| next - Duration::milliseconds(1)),
            Operation::Difference(other) => return Ok(difference(local, instant("other", other, zone, scope)?)),
        };
        let moved = moved.filter(|moved| (0..=9999).contains(&moved.year()));
        let moved = moved.ok_or_else(|| invalid("the result is outside the years 0 to 9999"))?;
        let mut output = describe(moved, zone);
        if let Some(format) = &self.format {
            let pattern = format.render_text(scope).map_err(|error| expression_failed("format", &error))?;
            output["text"] = Value::from(text(moved, &pattern)?);
        }
        Ok(output)
    }
}

fn instant(field: &str, template: &JsonTemplate, zone: Tz, scope: &dyn Scope) -> Result<DateTime<Utc>, Failure> {
    let value = template.render(scope).map_err(|error| expression_failed(field, &error))?;
    let read = match &value {
        Value::String(text) => read_instant(text.trim(), zone),
        value => integer(value).and_then(DateTime::from_timestamp_millis),
    };
    let wanted =
        || invalid(format!("`{field}` is not an instant such as `2026-05-01T10:00:00Z`, nor milliseconds since 1970"));
    read.filter(|instant| (0..=9999).contains(&instant.year())).ok_or_else(wanted)
}

fn add(
    mut at: DateTime<Tz>,
    amounts: &[(&'static str, JsonTemplate)],
    scope: &dyn Scope,
) -> Result<Option<DateTime<Tz>>, Failure> {
    for (name, template) in amounts {
        let field = format!("amount.{name}");
        let value = template.render(scope).map_err(|error| expression_failed(&field, &error))?;
        let count = integer(&value).or_else(|| value.as_str()?.trim().parse().ok());
        let count = count.filter(|count| count.abs() <= LARGEST_AMOUNT);
        let count = count.ok_or_else(|| invalid(format!("`{field}` is not a whole number up to {LARGEST_AMOUNT}")))?;
        let moved = match *name {
            "years" => months(at, count.saturating_mul(12)),
            "months" => months(at, count),
            "weeks" => days(at, count.saturating_mul(7)),
            "days" => days(at, count),
            "hours" => at.checked_add_signed(Duration::hours(count)),
            "minutes" => at.checked_add_signed(Duration::minutes(count)),
            _ => at.checked_add_signed(Duration::seconds(count)),
        };
        match moved {
            Some(moved) => at = moved,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn months(at: DateTime<Tz>, count: i64) -> Option<DateTime<Tz>> {
    let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    let local = at.naive_local();
    let moved = if count < 0 { local.checked_sub_months(months) } else { local.checked_add_months(months) };
    in_zone(moved?, at.timezone())
}

fn days(at: DateTime<Tz>, count: i64) -> Option<DateTime<Tz>> {
    let (days, local) = (Days::new(count.unsigned_abs()), at.naive_local());
    let moved = if count < 0 { local.checked_sub_days(days) } else { local.checked_add_days(days) };
    in_zone(moved?, at.timezone())
}

/// A local time that is skipped becomes what the clocks show when they go on; clocks are set by three hours at most, Samoa's
/// lost day apart.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Tz>> {
    let skipped =
        [0, 30, 60, 90, 120, 180, 24 * 60].map(|minutes| local.checked_add_signed(Duration::minutes(minutes)));
    skipped.into_iter().flatten().find_map(|local| zone.from_local_datetime(&local).earliest())
}

fn start_of(at: DateTime<Tz>, unit: &str) -> Option<DateTime<Tz>> {
    let date = at.date_naive();
    let begin = match unit {
        // Exactly: the hour may be one that occurs twice.
        "minute" => return at.checked_sub_signed(into_minute(at)),
        "hour" => return at.checked_sub_signed(into_minute(at) + Duration::minutes(i64::from(at.minute()))),
        "day" => date,
        "week" => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday())))?,
        "month" => date.with_day(1)?,
        "quarter" => date.with_day(1)?.with_month(date.month0() / 3 * 3 + 1)?,
        _ => date.with_day(1)?.with_month(1)?,
    };
    in_zone(begin.and_time(NaiveTime::MIN), at.timezone())
}

fn into_minute(at: DateTime<Tz>) -> Duration {
    Duration::seconds(i64::from(at.second())) + Duration::nanoseconds(i64::from(at.nanosecond()))
}

/// Where the next one begins.
fn next(at: DateTime<Tz>, unit: &str) -> Option<DateTime<Tz>> {
    let begin = start_of(at, unit)?;
    match unit {
        "minute" => begin.checked_add_signed(Duration::minutes(1)),
        "hour" => begin.checked_add_signed(Duration::hours(1)),
        "day" => start_of(days(begin, 1)?, "day"),
        "week" => start_of(days(begin, 7)?, "day"),
        "month" => start_of(months(begin, 1)?, "day"),
        "quarter" => start_of(months(begin, 3)?, "day"),
        _ => start_of(months(begin, 12)?, "day"),
    }
}

fn difference(from: DateTime<Tz>, to: DateTime<Utc>) -> Value {
    let ms = to.signed_duration_since(from).num_milliseconds();
    let to_local = to.with_timezone(&from.timezone());
    json!({
        "ms": ms,
        "seconds": ms as f64 / 1e3,
        "minutes": ms as f64 / 6e4,
        "hours": ms as f64 / 3.6e6,
        "days": ms as f64 / 8.64e7,
        "calendarDays": to_local.date_naive().signed_duration_since(from.date_naive()).num_days(),
    })
}

fn describe(at: DateTime<Tz>, zone: Tz) -> Value {
    json!({
        "iso": at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "local": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, false),
        "epochMs": at.timestamp_millis(),
        "zone": zone.name(),
        "year": at.year(),
        "quarter": at.month0() / 3 + 1,
        "month": at.month(),
        "week": at.iso_week().week(),
        "weekday": at.weekday().number_from_monday(),
        "day": at.day(),
        "dayOfYear": at.ordinal(),
        "hour": at.hour(),
        "minute": at.minute(),
        "second": at.second(),
    })
}

fn text(at: DateTime<Tz>, pattern: &str) -> Result<String, Failure> {
    use std::fmt::Write as _;

    let mut text = String::new();
    // An unknown field of the pattern is an error of the formatter.
    if pattern.len() > LONGEST_PATTERN || write!(text, "{}", at.format(pattern)).is_err() {
        return Err(invalid(format!("`format` is no pattern of strftime of up to {LONGEST_PATTERN} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    fn run(data: Value) -> Value {
        Bench::new("datetime", data).with("input", json!({ "at": "2026-03-28T12:00:00Z", "n": 2 })).run().output()
    }

    fn iso(data: Value) -> String {
        run(data)["iso"].as_str().unwrap().to_owned()
    }

    #[test]
    fn reads_instants_in_every_form() {
        for value in [json!("2026-03-28T12:00:00Z"), json!("{{ input.at }}"), json!(1_774_699_200_000_i64)] {
            assert_eq!(iso(json!({ "value": value })), "2026-03-28T12:00:00.000Z");
        }
        let local =
            run(json!({ "value": "2026-07-01T09:30", "zone": "Europe/Berlin", "format": "%A, %d.%m.%Y %H:%M %Z" }));
        assert_eq!(local["iso"], "2026-07-01T07:30:00.000Z");
        assert_eq!(local["local"], "2026-07-01T09:30:00.000+02:00");
        assert_eq!(local["text"], "Wednesday, 01.07.2026 09:30 CEST");
        assert_eq!((&local["quarter"], &local["week"], &local["weekday"]), (&json!(3), &json!(27), &json!(3)));
        assert!(run(json!({}))["epochMs"].is_i64(), "now, without a value");
    }

    #[test]
    fn days_are_of_the_calendar_and_hours_are_exact() {
        let add = |value: &str, amount: Value| {
            let data = json!({ "operation": "add", "value": value, "amount": amount, "zone": "Europe/Berlin" });
            run(data)["local"].as_str().unwrap().to_owned()
        };
        // The night of 29 March 2026 has no hour from 2 to 3.
        assert_eq!(add("2026-03-28T12:00", json!({ "days": 1 })), "2026-03-29T12:00:00.000+02:00");
        assert_eq!(add("2026-03-28T12:00", json!({ "hours": 24 })), "2026-03-29T13:00:00.000+02:00");
        assert_eq!(add("2026-03-28T02:30", json!({ "days": 1 })), "2026-03-29T03:00:00.000+02:00");
        // The one of 25 October has two of them.
        assert_eq!(add("2026-10-24T02:30", json!({ "days": 1 })), "2026-10-25T02:30:00.000+02:00");
        assert_eq!(add("2026-01-31T10:00", json!({ "months": "{{ input.n - 1 }}" })), "2026-02-28T10:00:00.000+01:00");
        assert_eq!(add("2024-02-29T10:00", json!({ "years": 1, "days": -1 })), "2025-02-27T10:00:00.000+01:00");
        assert_eq!(add("2026-01-31T10:00", json!({ "weeks": -1, "minutes": 90 })), "2026-01-24T11:30:00.000+01:00");
    }

    #[test]
    fn rounds_to_units_of_the_zone() {
        let round = |operation: &str, unit: &str| {
            let zone = "America/New_York";
            let data = json!({ "operation": operation, "unit": unit, "value": "2026-11-01T12:34:56", "zone": zone });
            run(data)["local"].as_str().unwrap().to_owned()
        };
        for (unit, start, end) in [
            ("minute", "2026-11-01T12:34:00.000-05:00", "2026-11-01T12:34:59.999-05:00"),
            ("hour", "2026-11-01T12:00:00.000-05:00", "2026-11-01T12:59:59.999-05:00"),
            // The clocks go back on this day: it has 25 hours.
            ("day", "2026-11-01T00:00:00.000-04:00", "2026-11-01T23:59:59.999-05:00"),
            ("week", "2026-10-26T00:00:00.000-04:00", "2026-11-01T23:59:59.999-05:00"),
            ("month", "2026-11-01T00:00:00.000-04:00", "2026-11-30T23:59:59.999-05:00"),
            ("quarter", "2026-10-01T00:00:00.000-04:00", "2026-12-31T23:59:59.999-05:00"),
            ("year", "2026-01-01T00:00:00.000-05:00", "2026-12-31T23:59:59.999-05:00"),
        ] {
            assert_eq!((round("startOf", unit), round("endOf", unit)), (start.to_owned(), end.to_owned()), "{unit}");
        }
    }

    #[test]
    fn measures_from_one_to_another() {
        let data = json!({
            "operation": "difference", "value": "2026-03-28T12:00", "other": "2026-03-30T11:00", "zone": "Europe/Berlin",
        });
        let found = run(data);
        // One hour of these days does not exist.
        assert_eq!(
            (&found["hours"], &found["calendarDays"], &found["ms"]),
            (&json!(46.0), &json!(2), &json!(165_600_000))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (data, path) in [
            (json!({ "operation": "add" }), "/nodes/1/data/amount"),
            (json!({ "operation": "add", "amount": { "fortnights": 1 } }), "/nodes/1/data/amount/fortnights"),
            (json!({ "operation": "startOf" }), "/nodes/1/data/unit"),
            (json!({ "operation": "difference" }), "/nodes/1/data/other"),
            (json!({ "zone": "Mars/Olympus" }), "/nodes/1/data/zone"),
            (json!({ "operation": "guess" }), "/nodes/1/data/operation"),
        ] {
            assert_eq!(paths(&problems_of("datetime", data.clone())), [path], "{data}");
        }
        for (data, word) in [
            (json!({ "value": "soon" }), "`value`"),
            (json!({ "value": "{{ input.none }}" }), "`value`"),
            (json!({ "zone": "{{ input.at }}" }), "`zone`"),
            (json!({ "format": "%Q" }), "`format`"),
            (json!({ "operation": "add", "amount": { "days": "{{ input.at }}" } }), "`amount.days`"),
            (json!({ "operation": "add", "amount": { "years": 9_000 } }), "years 0 to 9999"),
        ] {
            let failure = Bench::new("datetime", data.clone()).with("input", json!({ "at": "x" })).run().failure();
            assert!(failure.message.contains(word), "{data}: {}", failure.message);
        }
    }

    proptest! {
        #[test]
        fn any_instant_lies_between_the_ends_of_its_units(
            // From 1990: before, some zones were set by a quarter of an hour.
            ms in 631_152_000_000_i64..200_000_000_000_000, unit in prop::sample::select(UNITS.to_vec()),
            zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__Sao_Paulo, Tz::Pacific__Apia, Tz::Asia__Kathmandu]),
        ) {
            let at = DateTime::from_timestamp_millis(ms).unwrap().with_timezone(&zone);
            let (start, next) = (start_of(at, unit).unwrap(), next(at, unit).unwrap());
            prop_assert!(start <= at && at < next, "{start} {at} {next}");
            prop_assert_eq!(start_of(start, unit), Some(start));
        }
    }
}
