//! What the operators do with values: sums, products, repetition, containment, identity, signs and bits.

use std::cmp::Ordering;

use super::ast::{Comparator, Operator, Sign};
use super::error::Failure;
use super::evaluate::Outcome;
use super::limits::{LENGTH, Meter};
use super::number::{Number, arithmetic};
use super::value::{Datum, Items, Text, check_key, equal, order, unfit};

/// Applies a binary operator.
pub(super) fn operate<'v>(meter: &Meter, operator: Operator, left: &Datum<'v>, right: &Datum<'v>) -> Outcome<'v> {
    match operator {
        Operator::BitOr | Operator::BitXor | Operator::BitAnd => bits(operator, left, right),
        Operator::Add => add(meter, left, right),
        Operator::Multiply => multiply(meter, left, right),
        Operator::Remainder if matches!(left, Datum::Text(_)) => {
            Err(Failure::of_type("`%` does not take a str on its left: formatting is not part of conditions"))
        }
        _ => numbers(operator, left, right),
    }
}

/// Applies a sign.
pub(super) fn signed<'v>(sign: Sign, datum: &Datum<'v>) -> Outcome<'v> {
    match (sign, datum.number()) {
        (Sign::Minus, Some(number)) => number.negate().map(Datum::from),
        (Sign::Plus, Some(number)) => Ok(number.into()),
        (Sign::Invert, Some(Number::Int(number))) => Ok(Datum::Int(!number)),
        _ => Err(Failure::of_type(format!("`{}` does not take {}", sign.symbol(), datum.type_name()))),
    }
}

/// Applies a comparison.
pub(super) fn compare(
    meter: &Meter,
    comparator: Comparator,
    left: &Datum<'_>,
    right: &Datum<'_>,
) -> Result<bool, Failure> {
    let ordered =
        |accept: fn(Ordering) -> bool| Ok(order(meter, comparator.symbol(), left, right, 0)?.is_some_and(accept));
    match comparator {
        Comparator::Equal => equal(meter, left, right, 0),
        Comparator::NotEqual => equal(meter, left, right, 0).map(|same| !same),
        Comparator::Less => ordered(Ordering::is_lt),
        Comparator::LessOrEqual => ordered(Ordering::is_le),
        Comparator::Greater => ordered(Ordering::is_gt),
        Comparator::GreaterOrEqual => ordered(Ordering::is_ge),
        Comparator::In => contained(meter, comparator, left, right),
        Comparator::NotIn => contained(meter, comparator, left, right).map(|found| !found),
        Comparator::Is => Ok(identical(left, right)),
        Comparator::IsNot => Ok(!identical(left, right)),
    }
}

/// One side is the literal `None`, `True` or `False`, of which there is one each: what is equal to it without counting as
/// a number is the same.
fn identical(left: &Datum<'_>, right: &Datum<'_>) -> bool {
    match (left, right) {
        (Datum::None, Datum::None) => true,
        (Datum::Bool(left), Datum::Bool(right)) => left == right,
        _ => false,
    }
}

/// `in`: an element of a list or tuple, a key of a dict, a part of a string.
fn contained(meter: &Meter, comparator: Comparator, needle: &Datum<'_>, hay: &Datum<'_>) -> Result<bool, Failure> {
    match (needle, hay) {
        (_, Datum::List(items) | Datum::Tuple(items)) => element_of(meter, needle, items),
        (_, Datum::Dict(entries)) => entries.get(meter, needle).map(|value| value.is_some()),
        (Datum::Text(part), Datum::Text(text)) => {
            meter.scan(text.as_str().len())?;
            Ok(text.as_str().contains(part.as_str()))
        }
        _ => Err(unfit(comparator.symbol(), needle, hay)),
    }
}

fn element_of(meter: &Meter, needle: &Datum<'_>, items: &Items<'_>) -> Result<bool, Failure> {
    for item in items.iter() {
        if equal(meter, needle, &item, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `needle in {..}`: both the needle and the elements have to be what a set can hold.
pub(super) fn element_of_set(meter: &Meter, needle: &Datum<'_>, elements: &[Datum<'_>]) -> Result<bool, Failure> {
    elements.iter().chain([needle]).try_for_each(|element| check_key(meter, element, 0))?;
    for element in elements {
        if equal(meter, needle, element, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn numbers<'v>(operator: Operator, left: &Datum<'v>, right: &Datum<'v>) -> Outcome<'v> {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => arithmetic(operator, left, right).map(Datum::from),
        _ => Err(unfit(operator.symbol(), left, right)),
    }
}

/// Integers have the two's complement without end in Python, and the same bits in 128. Bools stay bools.
fn bits<'v>(operator: Operator, left: &Datum<'v>, right: &Datum<'v>) -> Outcome<'v> {
    let (Some(one), Some(other)) = (left.integer(), right.integer()) else {
        return Err(unfit(operator.symbol(), left, right));
    };
    let result = match operator {
        Operator::BitOr => one | other,
        Operator::BitXor => one ^ other,
        _ => one & other,
    };
    let bools = matches!((left, right), (Datum::Bool(_), Datum::Bool(_)));
    Ok(if bools { Datum::Bool(result != 0) } else { Datum::Int(result) })
}

fn add<'v>(meter: &Meter, left: &Datum<'v>, right: &Datum<'v>) -> Outcome<'v> {
    match (left, right) {
        (Datum::Text(left), Datum::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            check_length(Some(characters(meter, left)? + characters(meter, right)?))?;
            meter.allocate(left.len() + right.len())?;
            let mut text = String::with_capacity(left.len() + right.len());
            text.push_str(left);
            text.push_str(right);
            Ok(Datum::Text(Text::built(text)))
        }
        (Datum::List(left), Datum::List(right)) => joined(meter, left, right).map(Datum::List),
        (Datum::Tuple(left), Datum::Tuple(right)) => joined(meter, left, right).map(Datum::Tuple),
        _ => numbers(Operator::Add, left, right),
    }
}

fn joined<'v>(meter: &Meter, left: &Items<'v>, right: &Items<'v>) -> Result<Items<'v>, Failure> {
    let length = left.len() + right.len();
    check_length(Some(length))?;
    meter.allocate_slots(length)?;
    let mut items = Vec::with_capacity(length);
    items.extend(left.iter());
    items.extend(right.iter());
    Ok(Items::built(items))
}

fn multiply<'v>(meter: &Meter, left: &Datum<'v>, right: &Datum<'v>) -> Outcome<'v> {
    match (left, right.integer(), right, left.integer()) {
        (sequence @ (Datum::Text(_) | Datum::List(_) | Datum::Tuple(_)), Some(times), ..)
        | (_, _, sequence @ (Datum::Text(_) | Datum::List(_) | Datum::Tuple(_)), Some(times)) => {
            repeated(meter, sequence, times)
        }
        _ => numbers(Operator::Multiply, left, right),
    }
}

fn repeated<'v>(meter: &Meter, sequence: &Datum<'v>, times: i128) -> Outcome<'v> {
    // Python counts repetitions in a word of the machine, even of what is empty.
    let times = i64::try_from(times).map_err(|_| Failure::arithmetic("`*` repeats up to 9223372036854775807 times"))?;
    let times = usize::try_from(times).unwrap_or(0);
    match sequence {
        Datum::Text(text) => {
            let text = text.as_str();
            check_length(characters(meter, text)?.checked_mul(times))?;
            // What is empty may be repeated without end: nothing is looped over.
            let bytes = text.len() * if text.is_empty() { 0 } else { times };
            meter.allocate(bytes)?;
            Ok(Datum::Text(Text::built(if bytes == 0 { String::new() } else { text.repeat(times) })))
        }
        Datum::List(items) => repeated_items(meter, items, times).map(Datum::List),
        Datum::Tuple(items) => repeated_items(meter, items, times).map(Datum::Tuple),
        other => Err(unfit("*", other, &Datum::Int(0))),
    }
}

fn repeated_items<'v>(meter: &Meter, items: &Items<'v>, times: usize) -> Result<Items<'v>, Failure> {
    let length = items.len().checked_mul(times);
    check_length(length)?;
    let length = length.unwrap_or_default();
    meter.allocate_slots(length)?;
    let mut list = Vec::with_capacity(length);
    while list.len() < length {
        list.extend(items.iter());
    }
    Ok(Items::built(list))
}

/// The characters of a text.
pub(super) fn characters(meter: &Meter, text: &str) -> Result<usize, Failure> {
    meter.scan(text.len())?;
    Ok(text.chars().count())
}

fn check_length(length: Option<usize>) -> Result<(), Failure> {
    if length.is_none_or(|length| length > LENGTH) {
        return Err(Failure::limit(format!("the result has more than {LENGTH} characters or elements")));
    }
    Ok(())
}
