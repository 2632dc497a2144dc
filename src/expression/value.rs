//! Values while they are computed: borrowed from the context as long as possible, owned once something is built.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde_json::{Map, Number, Value};

use super::error::Failure;
use super::limits::{CONTEXT_DEPTH, Meter, Purse, check_depth};
use super::path::Segment;

pub(super) static NULL: Value = Value::Null;

/// A value in flight. An owned one carries an upper bound of its nesting, so that the bound on depth never needs a walk.
#[derive(Debug)]
pub(super) enum Datum<'v> {
    Borrowed(&'v Value),
    Owned(Value, usize),
}

impl Datum<'_> {
    pub(super) fn null() -> Self {
        Self::Borrowed(&NULL)
    }

    /// A value without inner levels.
    pub(super) fn scalar(value: impl Into<Value>) -> Self {
        Self::Owned(value.into(), 0)
    }

    /// A text that is paid for already.
    pub(super) fn text(text: String) -> Self {
        Self::Owned(Value::String(text), 0)
    }

    /// A list of paid elements, the deepest of which has `depth` levels.
    pub(super) fn list(items: Vec<Value>, depth: usize) -> Result<Self, Failure> {
        Ok(Self::Owned(Value::Array(items), check_depth(depth + 1)?))
    }

    /// A map of paid entries, the deepest of which has `depth` levels.
    pub(super) fn map(entries: Map<String, Value>, depth: usize) -> Result<Self, Failure> {
        Ok(Self::Owned(Value::Object(entries), check_depth(depth + 1)?))
    }

    pub(super) fn value(&self) -> &Value {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value, _) => value,
        }
    }

    /// The value itself and the bound of its levels; a borrowed one is paid for and copied.
    pub(super) fn into_owned(self, meter: &Meter, purse: Purse) -> Result<(Value, usize), Failure> {
        match self {
            Self::Borrowed(value) => {
                let depth = meter.reserve_copy(purse, value)?;
                Ok((value.clone(), depth))
            }
            Self::Owned(value, depth) => Ok((value, depth)),
        }
    }

    /// The element at `segment`, if there is one. Never copies.
    pub(super) fn member(self, segment: &Segment) -> Option<Self> {
        match self {
            Self::Borrowed(value) => segment.of(value).map(Self::Borrowed),
            Self::Owned(Value::Object(mut entries), depth) => {
                let element = match segment {
                    Segment::Key(name) => entries.remove(&**name),
                    Segment::Index(index) => entries.remove(&index.to_string()),
                };
                element.map(|element| Self::Owned(element, depth.saturating_sub(1)))
            }
            Self::Owned(Value::Array(mut items), depth) => match segment {
                Segment::Index(index) if *index < items.len() => {
                    Some(Self::Owned(items.swap_remove(*index), depth.saturating_sub(1)))
                }
                _ => None,
            },
            Self::Owned(..) => None,
        }
    }
}

/// The name of a value's type, as `type` answers it and messages use it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

/// A number of either kind. Integers are held wide enough for i64 and u64 alike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numeric {
    Int(i128),
    Float(f64),
}

impl Numeric {
    pub(super) fn of(number: &Number) -> Self {
        number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
    }

    pub(super) fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// The JSON number. Integers that are computed must fit 64 bits with sign; doubles must be finite.
    pub(super) fn into_value(self) -> Result<Value, Failure> {
        match self {
            Self::Int(number) => i64::try_from(number)
                .map(Value::from)
                .map_err(|_| Failure::arithmetic("integer overflow: the result does not fit 64 bits")),
            Self::Float(number) => Number::from_f64(number)
                .map(Value::Number)
                .ok_or_else(|| Failure::arithmetic("the result is not a finite number")),
        }
    }

    /// Compares by value, exactly: no integer is rounded to a double first.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            // JSON numbers are finite, so the fallback is never taken.
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            (Self::Int(left), Self::Float(right)) => compare_mixed(left, right),
            (Self::Float(left), Self::Int(right)) => compare_mixed(right, left).reverse(),
        }
    }
}

fn compare_mixed(int: i128, float: f64) -> Ordering {
    // Beyond the 64-bit ranges the sign decides; within them the cast to i128 is exact.
    if float >= 2e19 {
        Ordering::Less
    } else if float <= -2e19 {
        Ordering::Greater
    } else {
        int.cmp(&(float.trunc() as i128)).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
    }
}

/// Deep equality; numbers compare by value. Costs one step per element compared.
pub(super) fn equal(meter: &Meter, left: &Value, right: &Value, depth: usize) -> Result<bool, Failure> {
    if depth > CONTEXT_DEPTH {
        return Err(Failure::limit("the values are nested too deep to be compared"));
    }
    meter.burn(1)?;
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Ok(Numeric::of(left).compare(Numeric::of(right)) == Ordering::Equal)
        }
        (Value::String(left), Value::String(right)) => {
            meter.scan(left.len().min(right.len()))?;
            Ok(left == right)
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right) {
                if !equal(meter, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (key, left) in left {
                let Some(right) = right.get(key) else { return Ok(false) };
                if !equal(meter, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}

/// Orders two values of one orderable type: numbers, strings or bools. `None` for anything else.
pub(super) fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(Numeric::of(left).compare(Numeric::of(right))),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// The text of a number: integers as digits, doubles without a needless `.0`, huge and tiny ones with an exponent.
pub(super) fn number_text(number: &Number) -> String {
    match Numeric::of(number) {
        Numeric::Int(number) => number.to_string(),
        Numeric::Float(number) if number == 0.0 || (1e-7..1e21).contains(&number.abs()) => number.to_string(),
        Numeric::Float(number) => format!("{number:e}"),
    }
}

/// Appends a value as text: null is empty, a string itself, a list or map compact JSON.
pub(super) fn push_text(meter: &Meter, purse: Purse, value: &Value, text: &mut String) -> Result<(), Failure> {
    let mut push = |part: &str| {
        meter.reserve(purse, part.len())?;
        text.push_str(part);
        Ok(())
    };
    match value {
        Value::Null => Ok(()),
        Value::Bool(true) => push("true"),
        Value::Bool(false) => push("false"),
        Value::Number(number) => push(&number_text(number)),
        Value::String(part) => push(part),
        Value::Array(_) | Value::Object(_) => push_json(meter, purse, value, text),
    }
}

/// Appends a value as compact JSON.
pub(super) fn push_json(meter: &Meter, purse: Purse, value: &Value, text: &mut String) -> Result<(), Failure> {
    if !shallower(value, CONTEXT_DEPTH) {
        return Err(Failure::limit("the value is nested too deep to be written as JSON"));
    }
    let mut sink = Sink { meter, purse, text, refused: None };
    let written = serde_json::to_writer(&mut sink, value);
    match (sink.refused, written) {
        (Some(refused), _) => Err(refused),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) => Err(Failure::of_value("the value cannot be written as JSON")),
    }
}

fn shallower(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| shallower(item, levels - 1)),
        Value::Object(entries) => levels > 0 && entries.values().all(|item| shallower(item, levels - 1)),
        _ => true,
    }
}

/// Pays for each piece of JSON before it is appended.
struct Sink<'s> {
    meter: &'s Meter,
    purse: Purse,
    text: &'s mut String,
    refused: Option<Failure>,
}

impl Write for Sink<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_all(piece).map(|()| piece.len())
    }

    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Err(refused) = self.meter.reserve(self.purse, piece.len()) {
            self.refused = Some(refused);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // serde_json hands over whole pieces of UTF-8.
        let piece = std::str::from_utf8(piece).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.text.push_str(piece);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
