//! Functions over lists of numbers.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::error::Failure;
use super::super::evaluate::Outcome;
use super::super::path::Segment;
use super::super::value::{Datum, Numeric, ordering, type_name};
use super::Arguments;

/// `sum(list)`: 0 for an empty list; a double as soon as one element is.
pub(super) fn sum(arguments: Arguments<'_>) -> Outcome<'_> {
    let (total, _) = total(&arguments)?;
    total.into_value().map(Datum::scalar)
}

/// `avg(list)`: always a double; null for an empty list.
pub(super) fn avg(arguments: Arguments<'_>) -> Outcome<'_> {
    let (total, count) = total(&arguments)?;
    if count == 0 {
        return Ok(Datum::null());
    }
    Numeric::Float(total.as_float() / count as f64).into_value().map(Datum::scalar)
}

fn total(arguments: &Arguments<'_>) -> Result<(Numeric, usize), Failure> {
    let items = arguments.list(0)?;
    arguments.meter().burn(1 + items.len() as u64 / 4)?;
    // 128 bits hold the sum of more 64-bit integers than fit any memory.
    let (mut integers, mut floats, mut any_float) = (0_i128, 0.0_f64, false);
    for item in items {
        match item {
            Value::Number(number) => match Numeric::of(number) {
                Numeric::Int(number) => integers += number,
                Numeric::Float(number) => {
                    any_float = true;
                    floats += number;
                }
            },
            other => {
                let message =
                    format!("`{}` needs a list of numbers and found {}", arguments.function, type_name(other));
                return Err(Failure::of_type(message));
            }
        }
    }
    let total = if any_float { Numeric::Float(integers as f64 + floats) } else { Numeric::Int(integers) };
    Ok((total, items.len()))
}

/// `min(list)` and `min(a, b, ...)`: numbers or strings; null for an empty list.
pub(super) fn min(arguments: Arguments<'_>) -> Outcome<'_> {
    extreme(arguments, Ordering::Less)
}

/// `max(list)` and `max(a, b, ...)`: numbers or strings; null for an empty list.
pub(super) fn max(arguments: Arguments<'_>) -> Outcome<'_> {
    extreme(arguments, Ordering::Greater)
}

fn extreme(mut arguments: Arguments<'_>, wanted: Ordering) -> Outcome<'_> {
    let meter = arguments.meter();
    let mut best: Option<(usize, &Value)> = None;
    let items: Vec<&Value> = if arguments.count() == 1 {
        let items = arguments.list(0)?;
        meter.burn(1 + items.len() as u64 / 2)?;
        meter.allocate(items.len() * size_of::<&Value>())?;
        items.iter().collect()
    } else {
        arguments.values.iter().map(Datum::value).collect()
    };
    for (index, item) in items.into_iter().enumerate() {
        if let Value::String(text) = item {
            meter.scan(text.len())?;
        }
        // Compared with itself too, so that a lone list element of another type is refused like any other.
        let against = best.map_or(item, |(_, best)| best);
        let Some(order) = ordering(item, against).filter(|_| !item.is_boolean()) else {
            let message = format!("`{}` compares numbers or strings and found {}", arguments.function, type_name(item));
            return Err(Failure::of_type(message));
        };
        if best.is_none() || order == wanted {
            best = Some((index, item));
        }
    }
    let best = best.map(|(index, _)| index);
    let many = arguments.count() > 1;
    match best {
        None => Ok(Datum::null()),
        Some(index) if many => Ok(arguments.take(index)),
        Some(index) => Ok(arguments.take(0).member(&Segment::Index(index)).unwrap_or_else(Datum::null)),
    }
}
