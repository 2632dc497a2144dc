//! Values while they are computed: borrowed from the scope and from the condition as long as possible, and shared once
//! they are built, so that handing one on never copies.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::error::{EvaluateErrorKind, Failure};
use super::limits::{ENTRY_BYTES, JSON_BYTES, Meter, check_depth};
use super::number::Number;

/// A value of Python's, as far as conditions have them.
#[derive(Debug, Clone)]
pub(super) enum Datum<'v> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Text<'v>),
    List(Items<'v>),
    Tuple(Items<'v>),
    Dict(Dict<'v>),
}

#[derive(Debug, Clone)]
pub(super) enum Text<'v> {
    Borrowed(&'v str),
    Built(Rc<String>),
}

#[derive(Debug, Clone)]
pub(super) enum Items<'v> {
    Borrowed(&'v [Value]),
    Built(Rc<Vec<Datum<'v>>>),
}

#[derive(Debug, Clone)]
pub(super) enum Dict<'v> {
    Borrowed(&'v Map<String, Value>),
    /// A literal: its entries are few, and the keys of any kind that may be one. No two keys are equal.
    Built(Rc<Vec<(Datum<'v>, Datum<'v>)>>),
}

impl<'v> Datum<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))
                .map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(Items::Borrowed(items)),
            Value::Object(entries) => Self::Dict(Dict::Borrowed(entries)),
        }
    }

    pub(super) fn text(text: &'v str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    /// The name that Python gives to the type, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
        }
    }

    /// What `bool(..)` says in Python: nothing, zero and what is empty are false.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.as_str().is_empty(),
            Self::List(items) | Self::Tuple(items) => items.len() > 0,
            Self::Dict(entries) => entries.len() > 0,
        }
    }

    /// The number that it counts as: a bool is 0 or 1.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(truth) => Some(Number::Int(i128::from(*truth))),
            Self::Int(number) => Some(Number::Int(*number)),
            Self::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }

    /// The integer that it counts as.
    pub(super) fn integer(&self) -> Option<i128> {
        match self.number() {
            Some(Number::Int(number)) => Some(number),
            _ => None,
        }
    }
}

impl From<Number> for Datum<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(number) => Self::Int(number),
            Number::Float(number) => Self::Float(number),
        }
    }
}

impl Text<'_> {
    pub(super) fn built(text: String) -> Self {
        Self::Built(Rc::new(text))
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Built(text) => text,
        }
    }
}

impl<'v> Items<'v> {
    pub(super) fn built(items: Vec<Datum<'v>>) -> Self {
        Self::Built(Rc::new(items))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(items) => items.len(),
            Self::Built(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Datum<'v>> {
        match self {
            Self::Borrowed(items) => items.get(index).map(Datum::of),
            Self::Built(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Datum<'v>> + '_ {
        (0..self.len()).map(|index| self.get(index).expect("the index is below the length"))
    }
}

impl<'v> Dict<'v> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(entries) => entries.len(),
            Self::Built(entries) => entries.len(),
        }
    }

    /// The value at `key`, which has to be one that can be a key.
    pub(super) fn get(&self, meter: &Meter, key: &Datum<'_>) -> Result<Option<Datum<'v>>, Failure> {
        check_key(meter, key, 0)?;
        match (self, key) {
            (Self::Borrowed(entries), Datum::Text(key)) => {
                meter.scan(key.as_str().len())?;
                Ok(entries.get(key.as_str()).map(Datum::of))
            }
            (Self::Borrowed(_), _) => Ok(None),
            (Self::Built(entries), key) => {
                for (own, value) in entries.iter() {
                    if equal(meter, own, key, 0)? {
                        return Ok(Some(value.clone()));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Refuses what can't be a key of a dict or an element of a set: what could be changed, in Python.
pub(super) fn check_key(meter: &Meter, key: &Datum<'_>, depth: usize) -> Result<(), Failure> {
    check_depth(depth)?;
    meter.burn(1)?;
    match key {
        Datum::List(_) | Datum::Dict(_) => Err(Failure::of_type(format!("a {} can't be a key", key.type_name()))),
        Datum::Tuple(items) => items.iter().try_for_each(|item| check_key(meter, &item, depth + 1)),
        _ => Ok(()),
    }
}

/// `==`. Values of different types are not equal, but for numbers and bools. Costs one step per element compared.
pub(super) fn equal(meter: &Meter, left: &Datum<'_>, right: &Datum<'_>, depth: usize) -> Result<bool, Failure> {
    check_depth(depth)?;
    meter.burn(1)?;
    match (left, right) {
        (Datum::None, Datum::None) => Ok(true),
        (Datum::Text(left), Datum::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            if left.len() != right.len() {
                return Ok(false);
            }
            meter.scan(left.len())?;
            Ok(left == right)
        }
        (Datum::List(left), Datum::List(right)) | (Datum::Tuple(left), Datum::Tuple(right)) => {
            Ok(left.len() == right.len() && difference(meter, left, right, depth)?.is_none())
        }
        (Datum::Dict(left), Datum::Dict(right)) => equal_dicts(meter, left, right, depth),
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Ok(left.compare(right) == Some(Ordering::Equal)),
            _ => Ok(false),
        },
    }
}

/// The first pair of elements that are not equal, as far as both have elements.
fn difference<'l, 'r>(
    meter: &Meter,
    left: &Items<'l>,
    right: &Items<'r>,
    depth: usize,
) -> Result<Option<(Datum<'l>, Datum<'r>)>, Failure> {
    for (left, right) in left.iter().zip(right.iter()) {
        if !equal(meter, &left, &right, depth + 1)? {
            return Ok(Some((left, right)));
        }
    }
    Ok(None)
}

fn equal_dicts(meter: &Meter, left: &Dict<'_>, right: &Dict<'_>, depth: usize) -> Result<bool, Failure> {
    if left.len() != right.len() {
        return Ok(false);
    }
    let agrees = |key: &Datum<'_>, value: &Datum<'_>| match right.get(meter, key)? {
        Some(other) => equal(meter, value, &other, depth + 1),
        None => Ok(false),
    };
    match left {
        Dict::Borrowed(entries) => {
            for (key, value) in *entries {
                if !agrees(&Datum::text(key), &Datum::of(value))? {
                    return Ok(false);
                }
            }
        }
        Dict::Built(entries) => {
            for (key, value) in entries.iter() {
                if !agrees(key, value)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// The order of two values: numbers, strings by code points, lists and tuples by their first difference. `None` if one is
/// not a number in the strict sense; an error, which names the operator, for types that have no order.
pub(super) fn order(
    meter: &Meter,
    symbol: &str,
    left: &Datum<'_>,
    right: &Datum<'_>,
    depth: usize,
) -> Result<Option<Ordering>, Failure> {
    check_depth(depth)?;
    meter.burn(1)?;
    match (left, right) {
        (Datum::Text(left), Datum::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            meter.scan(left.len().min(right.len()))?;
            // The order of UTF-8 is that of the code points.
            Ok(Some(left.cmp(right)))
        }
        (Datum::List(left), Datum::List(right)) | (Datum::Tuple(left), Datum::Tuple(right)) => {
            match difference(meter, left, right, depth)? {
                Some((left, right)) => order(meter, symbol, &left, &right, depth + 1),
                None => Ok(Some(left.len().cmp(&right.len()))),
            }
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Ok(left.compare(right)),
            _ => Err(unfit(symbol, left, right)),
        },
    }
}

/// The error of a binary operator that does not take these types.
pub(super) fn unfit(symbol: &str, left: &Datum<'_>, right: &Datum<'_>) -> Failure {
    Failure::of_type(format!("`{symbol}` does not take {} and {}", left.type_name(), right.type_name()))
}

/// The value as JSON, paid for before it is copied.
pub(super) fn into_value(meter: &Meter, datum: &Datum<'_>, depth: usize) -> Result<Value, Failure> {
    check_depth(depth)?;
    meter.burn(1)?;
    match datum {
        Datum::None => Ok(Value::Null),
        Datum::Bool(truth) => Ok(Value::Bool(*truth)),
        Datum::Int(number) => i64::try_from(*number)
            .map(Value::from)
            .or_else(|_| u64::try_from(*number).map(Value::from))
            .map_err(|_| unfit_for_json("an integer of more than 64 bits")),
        Datum::Float(number) => serde_json::Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| unfit_for_json("a float that is infinite or not a number")),
        Datum::Text(text) => copy(meter, text.as_str()).map(Value::String),
        Datum::List(items) | Datum::Tuple(items) => {
            meter.allocate(items.len().saturating_mul(JSON_BYTES))?;
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                list.push(into_value(meter, &item, depth + 1)?);
            }
            Ok(Value::Array(list))
        }
        Datum::Dict(Dict::Borrowed(entries)) => {
            let mut map = Map::new();
            for (key, value) in *entries {
                meter.allocate(ENTRY_BYTES)?;
                map.insert(copy(meter, key)?, into_value(meter, &Datum::of(value), depth + 1)?);
            }
            Ok(Value::Object(map))
        }
        Datum::Dict(Dict::Built(entries)) => {
            let mut map = Map::new();
            for (key, value) in entries.iter() {
                let Datum::Text(key) = key else { return Err(unfit_for_json("a dict with keys that are not strings")) };
                meter.allocate(ENTRY_BYTES)?;
                map.insert(copy(meter, key.as_str())?, into_value(meter, value, depth + 1)?);
            }
            Ok(Value::Object(map))
        }
    }
}

fn copy(meter: &Meter, text: &str) -> Result<String, Failure> {
    meter.allocate(text.len())?;
    Ok(text.to_owned())
}

fn unfit_for_json(what: &str) -> Failure {
    Failure::new(EvaluateErrorKind::Arithmetic, format!("the value is {what}, which JSON can't hold"))
}
