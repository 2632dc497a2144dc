//! What the binary operators and the unary minus do with values.

use std::cmp::Ordering;

use serde_json::Value;

use super::ast::Operator;
use super::error::Failure;
use super::evaluate::{Evaluation, Outcome};
use super::limits::{Purse, SLOT_BYTES};
use super::value::{Datum, Numeric, equal, ordering, type_name};

impl Evaluation<'_> {
    /// Applies a binary operator that takes the values of both sides.
    pub(super) fn operate<'f>(&self, operator: Operator, left: Datum<'f>, right: Datum<'f>) -> Outcome<'f> {
        match operator {
            Operator::Equal => equal(self.meter, left.value(), right.value(), 0).map(Datum::scalar),
            Operator::NotEqual => equal(self.meter, left.value(), right.value(), 0).map(|same| Datum::scalar(!same)),
            Operator::Less => self.compare(operator, &left, &right, Ordering::is_lt),
            Operator::LessOrEqual => self.compare(operator, &left, &right, Ordering::is_le),
            Operator::Greater => self.compare(operator, &left, &right, Ordering::is_gt),
            Operator::GreaterOrEqual => self.compare(operator, &left, &right, Ordering::is_ge),
            Operator::In => self.contained(left.value(), right.value()).map(Datum::scalar),
            Operator::Add => self.add(left, right),
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                arithmetic(operator, left.value(), right.value())
            }
        }
    }

    /// Null is neither smaller nor greater than anything, so a comparison with a missing value is false.
    fn compare<'f>(
        &self,
        operator: Operator,
        left: &Datum<'f>,
        right: &Datum<'f>,
        accept: fn(Ordering) -> bool,
    ) -> Outcome<'f> {
        let (left, right) = (left.value(), right.value());
        if left.is_null() || right.is_null() {
            return Ok(Datum::scalar(false));
        }
        if let (Value::String(left), Value::String(right)) = (left, right) {
            self.meter.scan(left.len().min(right.len()))?;
        }
        ordering(left, right)
            .map(|ordering| Datum::scalar(accept(ordering)))
            .ok_or_else(|| unfit(operator.symbol(), left, right))
    }

    /// `in`: an element of a list, a key of a map, a part of a string.
    pub(super) fn contained(&self, needle: &Value, hay: &Value) -> Result<bool, Failure> {
        match (needle, hay) {
            (_, Value::Null) => Ok(false),
            (_, Value::Array(items)) => {
                for item in items {
                    if equal(self.meter, needle, item, 0)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::String(key), Value::Object(entries)) => Ok(entries.contains_key(key)),
            (Value::String(part), Value::String(text)) => {
                self.meter.scan(text.len())?;
                Ok(text.contains(part.as_str()))
            }
            _ => Err(unfit("in", needle, hay)),
        }
    }

    /// `+`: numbers, strings, lists. Appends in place where the left side is ours, so a chain stays linear.
    fn add<'f>(&self, left: Datum<'f>, right: Datum<'f>) -> Outcome<'f> {
        match (left.value(), right.value()) {
            (Value::String(_), Value::String(tail)) => {
                self.meter.allocate(tail.len())?;
                match left.into_owned(self.meter, Purse::Working)? {
                    (Value::String(mut text), _) => {
                        text.push_str(tail);
                        Ok(Datum::text(text))
                    }
                    (other, depth) => Ok(Datum::Owned(other, depth)),
                }
            }
            (Value::Array(_), Value::Array(_)) => {
                let (left, left_depth) = left.into_owned(self.meter, Purse::Working)?;
                let (right, right_depth) = right.into_owned(self.meter, Purse::Working)?;
                match (left, right) {
                    (Value::Array(mut items), Value::Array(tail)) => {
                        self.meter.allocate(tail.len() * SLOT_BYTES)?;
                        items.extend(tail);
                        Ok(Datum::Owned(Value::Array(items), left_depth.max(right_depth)))
                    }
                    (other, _) => Ok(Datum::Owned(other, left_depth)),
                }
            }
            (left, right) => arithmetic(Operator::Add, left, right),
        }
    }
}

/// Unary minus.
pub(super) fn negate<'f>(value: &Value) -> Outcome<'f> {
    match value {
        Value::Number(number) => match Numeric::of(number) {
            Numeric::Int(number) => Numeric::Int(-number),
            Numeric::Float(number) => Numeric::Float(-number),
        }
        .into_value()
        .map(Datum::scalar),
        other => Err(Failure::of_type(format!("`-` needs a number, not {}", type_name(other)))),
    }
}

fn arithmetic<'f>(operator: Operator, left: &Value, right: &Value) -> Outcome<'f> {
    let (Value::Number(left), Value::Number(right)) = (left, right) else {
        return Err(unfit(operator.symbol(), left, right));
    };
    let result = match (Numeric::of(left), Numeric::of(right)) {
        (Numeric::Int(left), Numeric::Int(right)) => Numeric::Int(integers(operator, left, right)?),
        (left, right) => Numeric::Float(floats(operator, left.as_float(), right.as_float())?),
    };
    result.into_value().map(Datum::scalar)
}

/// Both operands fit 65 bits, so no 128-bit operation here can overflow.
fn integers(operator: Operator, left: i128, right: i128) -> Result<i128, Failure> {
    Ok(match operator {
        Operator::Subtract => left - right,
        Operator::Multiply => left.checked_mul(right).unwrap_or(i128::MAX),
        Operator::Divide if right != 0 => left / right,
        Operator::Remainder if right != 0 => left % right,
        Operator::Divide | Operator::Remainder => return Err(division_by_zero()),
        _ => left + right,
    })
}

fn floats(operator: Operator, left: f64, right: f64) -> Result<f64, Failure> {
    Ok(match operator {
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right != 0.0 => left / right,
        Operator::Remainder if right != 0.0 => left % right,
        Operator::Divide | Operator::Remainder => return Err(division_by_zero()),
        _ => left + right,
    })
}

fn division_by_zero() -> Failure {
    Failure::arithmetic("division by zero")
}

fn unfit(symbol: &str, left: &Value, right: &Value) -> Failure {
    let hint = match (symbol, left, right) {
        ("-", Value::Null, _) => "; a name with `-` in it is read as `names[\"my-name\"]`",
        (_, Value::Null, _) | (_, _, Value::Null) => "; `default(value, other)` replaces a missing value",
        ("+", Value::String(_), _) | ("+", _, Value::String(_)) => "; `string(value)` makes text",
        _ => "",
    };
    Failure::of_type(format!("`{symbol}` does not take {} and {}{hint}", type_name(left), type_name(right)))
}
