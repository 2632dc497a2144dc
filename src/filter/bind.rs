//! A [`Raw`] filter and the fields of a list to a [`Filter`]: names become columns, values what is stored, and `not` goes
//! inwards.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use uuid::Uuid;

use crate::clock::Instant;

use super::{
    Check, Comparison, Field, Fields, Filter, FilterError, Kind, Literal, Names, Operator, Pattern, Raw, Relation,
    Test, Value, Written, scanner::short,
};

impl Raw {
    /// The filter over these fields. Errors name the field, and where it was written.
    pub fn bind<C: Copy + PartialEq>(&self, fields: &Fields<C>) -> Result<Filter<C>, FilterError> {
        bound(self, fields, false)
    }
}

fn bound<C: Copy + PartialEq>(raw: &Raw, fields: &Fields<C>, negated: bool) -> Result<Filter<C>, FilterError> {
    let each = |parts: &[Raw]| parts.iter().map(|part| bound(part, fields, negated)).collect::<Result<Vec<_>, _>>();
    match raw {
        Raw::Not(inner) => bound(inner, fields, !negated),
        Raw::All(parts) if negated => each(parts).map(Filter::any),
        Raw::Any(parts) if !negated => each(parts).map(Filter::any),
        Raw::All(parts) | Raw::Any(parts) => each(parts).map(Filter::all),
        Raw::Test(comparison) => {
            let Some(field) = fields.find(&comparison.field) else {
                let (name, known) = (short(&comparison.field), fields.known(|_| true));
                let message = format!("unknown field `{name}`; known are {known}");
                return Err(FilterError::new(comparison.place, message));
            };
            let checks = checks(comparison, field)?;
            let tests = checks
                .into_iter()
                .map(|(check, holds)| Filter::Test(Test { column: field.column, check, holds: holds != negated }));
            // Several checks are alternatives, and none of them may hold where their negation is asked for.
            Ok(if negated { Filter::all(tests) } else { Filter::any(tests) })
        }
    }
}

/// What a comparison asks about its column: one of these, each with whether it is to hold.
fn checks<C>(comparison: &Comparison, field: &Field<C>) -> Result<Vec<(Check, bool)>, FilterError> {
    let first = comparison.values.first();
    Ok(match (comparison.operator, first) {
        (Operator::IsNull, _) => vec![(Check::Missing, true)],
        (Operator::IsEmpty, _) => match field.kind {
            Kind::Text => vec![(Check::Missing, true), (Check::OneOf([Value::Text(String::new())].into()), true)],
            _ => vec![(Check::Missing, true)],
        },
        (Operator::In, _) => {
            let (mut values, mut checks) = (std::collections::BTreeSet::new(), Vec::new());
            for literal in &comparison.values {
                match &literal.written {
                    Some(written) => values.extend(stored(field, literal, &written.text())?),
                    None => checks.push((Check::Missing, true)),
                }
            }
            checks.truncate(1);
            if !values.is_empty() || checks.is_empty() {
                checks.push((Check::OneOf(values), true));
            }
            checks
        }
        (_, None) => return Err(FilterError::new(comparison.place, "a comparison needs a value")),
        (Operator::Equal, Some(literal)) => vec![(equality(field, literal)?, true)],
        (Operator::NotEqual, Some(literal)) => vec![(equality(field, literal)?, false)],
        (Operator::Less, Some(literal)) => vec![(ordered(field, comparison, Relation::Less, literal)?, true)],
        (Operator::AtMost, Some(literal)) => vec![(ordered(field, comparison, Relation::AtMost, literal)?, true)],
        (Operator::Greater, Some(literal)) => vec![(ordered(field, comparison, Relation::Greater, literal)?, true)],
        (Operator::AtLeast, Some(literal)) => vec![(ordered(field, comparison, Relation::AtLeast, literal)?, true)],
        (Operator::Like, Some(literal)) => {
            let pattern = present(comparison, literal)?.like_pattern();
            vec![(like(field, comparison, pattern)?, true)]
        }
        (Operator::LikeAnyCase, Some(literal)) => {
            let pattern = present(comparison, literal)?.like_pattern();
            let check = match field.kind {
                Kind::Text => Check::LikeAnyCase(pattern.to_lowercase()),
                _ => like(field, comparison, pattern)?,
            };
            vec![(check, true)]
        }
    })
}

fn equality<C>(field: &Field<C>, literal: &Literal) -> Result<Check, FilterError> {
    let Some(written) = &literal.written else { return Ok(Check::Missing) };
    match field.kind {
        Kind::Text if written.has_star() => Ok(Check::Like(written.star_pattern())),
        Kind::Name(names) if written.has_star() => Ok(Check::OneOf(names_like(names, &written.star_pattern()))),
        _ => Ok(Check::OneOf(stored(field, literal, &written.text())?.into_iter().collect())),
    }
}

fn ordered<C>(
    field: &Field<C>,
    comparison: &Comparison,
    relation: Relation,
    literal: &Literal,
) -> Result<Check, FilterError> {
    let written = present(comparison, literal)?;
    if matches!(field.kind, Kind::Id | Kind::Bool | Kind::Name(_)) {
        return Err(unfit(field, comparison, "has no order"));
    }
    let mut values = stored(field, literal, &written.text())?;
    let value = values.pop().expect("a value of a kind with an order is one value");
    Ok(Check::Ordered(relation, value))
}

/// A name that looks so in whatever case is one of the names.
fn like<C>(field: &Field<C>, comparison: &Comparison, pattern: Pattern) -> Result<Check, FilterError> {
    match field.kind {
        Kind::Text => Ok(Check::Like(pattern)),
        Kind::Name(names) => Ok(Check::OneOf(names_like(names, &pattern))),
        _ => Err(unfit(field, comparison, "is no text")),
    }
}

fn names_like(names: Names, pattern: &Pattern) -> std::collections::BTreeSet<Value> {
    let pattern = pattern.to_lowercase();
    let fitting = names.iter().filter(|(name, _)| pattern.matches(&name.to_ascii_lowercase()));
    fitting.flat_map(|(_, stored)| stored.iter().map(|stored| Value::Text((*stored).to_owned()))).collect()
}

fn present<'l>(comparison: &Comparison, literal: &'l Literal) -> Result<&'l Written, FilterError> {
    literal.written.as_ref().ok_or_else(|| {
        let operator = comparison.operator.as_str();
        FilterError::new(literal.place, format!("`{operator}` compares with a value, not with null"))
    })
}

fn unfit<C>(field: &Field<C>, comparison: &Comparison, why: &str) -> FilterError {
    let (name, operator) = (field.name(), comparison.operator.as_str());
    FilterError::new(comparison.place, format!("`{name}` {why}: `{operator}` does not fit"))
}

/// The values that are stored for a value that was given: one, but for a name that stands for several stored ones.
fn stored<C>(field: &Field<C>, literal: &Literal, text: &str) -> Result<Vec<Value>, FilterError> {
    let (value, expected) = match field.kind {
        Kind::Text => (Some(Value::Text(text.to_owned())), ""),
        Kind::Number => (text.parse().ok().map(Value::Number), "a whole number"),
        Kind::Instant => (instant(text).map(Value::Instant), "an instant such as 2026-01-31T08:00:00Z, or a date"),
        Kind::Id => (Uuid::parse_str(text).ok().map(Value::Id), "an id (a UUID)"),
        Kind::Bool => (boolean(text).map(Value::Bool), "true or false"),
        Kind::Name(names) => {
            if let Some((_, stored)) = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
                return Ok(stored.iter().map(|stored| Value::Text((*stored).to_owned())).collect());
            }
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            return Err(refused(field, literal, &format!("one of {}", known.join(", ")), text));
        }
    };
    value.map(|value| vec![value]).ok_or_else(|| refused(field, literal, expected, text))
}

fn refused<C>(field: &Field<C>, literal: &Literal, expected: &str, text: &str) -> FilterError {
    FilterError::new(literal.place, format!("`{}` takes {expected}, not `{}`", field.name(), short(text)))
}

fn boolean(text: &str) -> Option<bool> {
    [("true", true), ("false", false)].iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

/// Whole milliseconds; what is finer is cut off.
fn instant(text: &str) -> Option<Instant> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Instant(at.timestamp_millis()));
    }
    let date = |text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN));
    let time = |text| {
        let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    date(text).or_else(|| time(text)).map(|at| Instant(at.and_utc().timestamp_millis()))
}
