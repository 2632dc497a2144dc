//! Functions on lists and maps.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::error::Failure;
use super::super::evaluate::{Outcome, copy_keys};
use super::super::limits::{ENTRY_BYTES, Meter, Purse, SLOT_BYTES, weigh};
use super::super::value::{Datum, NULL, Numeric, ordering, type_name};
use super::Arguments;

/// `default(value, other)`: `other` where `value` is null or missing.
#[expect(clippy::unnecessary_wraps, reason = "all functions have one signature")]
pub(super) fn default(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let chosen = usize::from(arguments.value(0).is_null());
    Ok(arguments.take(chosen))
}

/// `size(x)`: characters of a string, elements of a list, entries of a map.
pub(super) fn size(arguments: Arguments<'_>) -> Outcome<'_> {
    let size = match arguments.value(0) {
        Value::String(text) => {
            arguments.meter().scan(text.len())?;
            text.chars().count()
        }
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => return Err(arguments.unfit(0, "a string, a list or a map")),
    };
    Ok(Datum::scalar(size))
}

pub(super) fn keys(arguments: Arguments<'_>) -> Outcome<'_> {
    Datum::list(copy_keys(arguments.meter(), arguments.map(0)?)?, 0)
}

pub(super) fn values(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let entries = arguments.map(0)?.len();
    arguments.meter().burn(1 + entries as u64 / 8)?;
    arguments.meter().allocate(entries * SLOT_BYTES)?;
    match arguments.take(0).into_owned(arguments.meter(), Purse::Working)? {
        (Value::Object(entries), depth) => {
            Datum::list(entries.into_iter().map(|(_, value)| value).collect(), depth - 1)
        }
        (_, depth) => Datum::list(Vec::new(), depth),
    }
}

/// `merge(a, b, ...)`: one map; where a key occurs twice the later one wins. Null counts as an empty map.
pub(super) fn merge(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let meter = arguments.meter();
    let mut merged = Map::new();
    let mut deepest = 1;
    for index in 0..arguments.count() {
        if arguments.value(index).is_null() {
            continue;
        }
        let entries = arguments.map(index)?.len();
        meter.burn(1 + entries as u64 / 4)?;
        meter.allocate(entries * ENTRY_BYTES)?;
        let (map, depth) = arguments.take(index).into_owned(meter, Purse::Working)?;
        deepest = deepest.max(depth);
        if let Value::Object(entries) = map {
            merged.extend(entries);
        }
    }
    Ok(Datum::Owned(Value::Object(merged), deepest))
}

/// `flatten(list)`: the elements of inner lists in place of these lists, one level.
pub(super) fn flatten(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let meter = arguments.meter();
    let total: usize = arguments.list(0)?.iter().map(|item| item.as_array().map_or(1, Vec::len)).sum();
    meter.burn(1 + total as u64 / 8)?;
    meter.allocate(total * SLOT_BYTES)?;
    let (items, depth) = arguments.take_list(0)?;
    let mut flat = Vec::with_capacity(total);
    for item in items {
        match item {
            Value::Array(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    Datum::list(flat, depth)
}

/// `range(end)`, `range(start, end)`, `range(start, end, step)`: integers, `end` not included.
pub(super) fn range(arguments: Arguments<'_>) -> Outcome<'_> {
    let (start, end) = match arguments.count() {
        1 => (0, arguments.integer(0)?),
        _ => (arguments.integer(0)?, arguments.integer(1)?),
    };
    let step = if arguments.count() == 3 { arguments.integer(2)? } else { 1 };
    if step == 0 {
        return Err(arguments.invalid("the step is zero"));
    }
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    let distance = if step > 0 { end - start } else { start - end };
    let count = if distance > 0 { (distance - 1) / step.abs() + 1 } else { 0 };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    arguments.meter().burn(1 + count as u64 / 8)?;
    arguments.meter().allocate(count.saturating_mul(SLOT_BYTES))?;
    // Every element lies between two 64-bit integers.
    let list = (0..count as i128).map(|index| Value::from((start + index * step) as i64)).collect();
    Datum::list(list, 0)
}

/// `sort(list)`: numbers or strings, smallest first. `sort(list, "key")`: maps by that member, which may be missing
/// (such elements come last). Equal elements keep their order.
pub(super) fn sort(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let key = if arguments.count() == 2 {
        arguments.text(1)?;
        arguments.take(1)
    } else {
        Datum::null()
    };
    let key = key.value().as_str();
    let items = arguments.list(0)?;
    let mut texts = None;
    for item in items {
        let text = match member(item, key) {
            Value::Number(_) => false,
            Value::String(_) => true,
            Value::Null if key.is_some() => continue,
            other => {
                let kind = type_name(other);
                return Err(Failure::of_type(format!("`sort` compares numbers or strings and found {kind}")));
            }
        };
        if *texts.get_or_insert(text) != text {
            return Err(Failure::of_type("`sort` found numbers and strings in one list"));
        }
    }
    charge_comparisons(arguments.meter(), items.len(), weigh(arguments.value(0))?)?;
    let (mut items, depth) = arguments.take_list(0)?;
    items.sort_by(|left, right| {
        let (left, right) = (member(left, key), member(right, key));
        ordering(left, right).unwrap_or_else(|| left.is_null().cmp(&right.is_null()))
    });
    Datum::list(items, depth)
}

/// `distinct(list)`: the first of equal elements, in order.
pub(super) fn distinct(mut arguments: Arguments<'_>) -> Outcome<'_> {
    let items = arguments.list(0)?;
    charge_comparisons(arguments.meter(), items.len(), weigh(arguments.value(0))?)?;
    arguments.meter().allocate(items.len() * SLOT_BYTES * 2)?;
    let mut seen = BTreeSet::new();
    let fresh: Vec<bool> = items.iter().map(|item| seen.insert(Totally(item))).collect();
    let (items, depth) = arguments.take_list(0)?;
    Datum::list(items.into_iter().zip(fresh).filter_map(|(item, fresh)| fresh.then_some(item)).collect(), depth)
}

/// Pays for about `count * log2(count)` comparisons of elements that have `bytes` bytes together.
fn charge_comparisons(meter: &Meter, count: usize, bytes: usize) -> Result<(), Failure> {
    let rounds = u64::from(count.max(1).ilog2()) + 1;
    meter.burn((bytes as u64 / 64 + count as u64 / 4 + 1).saturating_mul(rounds) / 2)
}

fn member<'v>(item: &'v Value, key: Option<&str>) -> &'v Value {
    match key {
        None => item,
        Some(key) => item.get(key).unwrap_or(&NULL),
    }
}

/// A total order over all values that agrees with `==`, for sets. The caller has weighed the values, which bounds the
/// recursion.
struct Totally<'v>(&'v Value);

impl Totally<'_> {
    fn rank(&self) -> u8 {
        match self.0 {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            Value::String(_) => 3,
            Value::Array(_) => 4,
            Value::Object(_) => 5,
        }
    }
}

impl Ord for Totally<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
            (Value::Number(left), Value::Number(right)) => Numeric::of(left).compare(Numeric::of(right)),
            (Value::String(left), Value::String(right)) => left.cmp(right),
            (Value::Array(left), Value::Array(right)) => left.iter().map(Totally).cmp(right.iter().map(Totally)),
            (Value::Object(left), Value::Object(right)) => sorted(left).cmp(sorted(right)),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// The entries by key, whatever order the map keeps.
fn sorted(entries: &Map<String, Value>) -> impl Iterator<Item = (&String, Totally<'_>)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().map(|(key, value)| (key, Totally(value)))
}

impl PartialOrd for Totally<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Totally<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Totally<'_> {}
