//! Arithmetic of Python's numbers. Integers have 127 bits and a sign: what does not fit is an error, never a wrong result
//! and never a float. Floats are those of the machine, so they may become infinite or no number, as Python's do.

use std::cmp::Ordering;

use super::ast::Operator;
use super::error::{EvaluateErrorKind, Failure};
use super::limits::POWER;

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(super) fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// Compares by value, exactly: no integer is rounded to a float first. `None` if one of them is no number.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Float(right)) => compare_mixed(left, right),
            (Self::Float(left), Self::Int(right)) => compare_mixed(right, left).map(Ordering::reverse),
        }
    }

    pub(super) fn negate(self) -> Result<Self, Failure> {
        match self {
            Self::Int(number) => number.checked_neg().map(Self::Int).ok_or_else(too_large),
            Self::Float(number) => Ok(Self::Float(-number)),
        }
    }
}

/// 2 to the power of 127: one more than the largest integer.
const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

fn compare_mixed(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND {
        return Some(Ordering::Less);
    }
    if float < -BEYOND {
        return Some(Ordering::Greater);
    }
    // The cast of a whole float in this range is exact.
    int.cmp(&(float.trunc() as i128)).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0))).into()
}

/// An arithmetic operator, `**` among them. The bit operators take no floats and are not here.
pub(super) fn arithmetic(operator: Operator, left: Number, right: Number) -> Result<Number, Failure> {
    match (operator, left, right) {
        (Operator::Divide, Number::Int(left), Number::Int(right)) => divide(left, right).map(Number::Float),
        (Operator::Power, left, right) => power(left, right),
        (_, Number::Int(left), Number::Int(right)) => integers(operator, left, right).map(Number::Int),
        _ => floats(operator, left.as_float(), right.as_float()).map(Number::Float),
    }
}

fn integers(operator: Operator, left: i128, right: i128) -> Result<i128, Failure> {
    match operator {
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::FloorDivide | Operator::Remainder if right == 0 => return Err(division_by_zero()),
        // The smallest integer has no remainder by -1 in the machine, but it has in arithmetic.
        Operator::Remainder if right == -1 => Some(0),
        Operator::Remainder => {
            let remainder = left % right;
            // The sign is that of the divisor.
            Some(if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder })
        }
        Operator::FloorDivide => left.checked_div(right).map(|quotient| {
            let inexact = left % right != 0;
            if inexact && (left < 0) != (right < 0) { quotient - 1 } else { quotient }
        }),
        _ => left.checked_add(right),
    }
    .ok_or_else(too_large)
}

fn floats(operator: Operator, left: f64, right: f64) -> Result<f64, Failure> {
    match operator {
        Operator::Subtract => Ok(left - right),
        Operator::Multiply => Ok(left * right),
        Operator::Divide | Operator::FloorDivide | Operator::Remainder if right == 0.0 => Err(division_by_zero()),
        Operator::Divide => Ok(left / right),
        Operator::FloorDivide => Ok(floor_division(left, right).0),
        Operator::Remainder => Ok(floor_division(left, right).1),
        _ => Ok(left + right),
    }
}

/// Quotient and remainder of floats. The quotient follows from the exact remainder, because the rounded quotient may be a
/// whole number that the exact one does not reach. Zeros get the sign of what they stand for.
fn floor_division(left: f64, right: f64) -> (f64, f64) {
    let truncated = left % right;
    let mut quotient = (left - truncated) / right;
    let mut remainder = truncated;
    if truncated == 0.0 {
        remainder = 0.0_f64.copysign(right);
    } else if (truncated < 0.0) != (right < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(left / right), remainder);
    }
    // The division has rounded: the whole number meant is the nearest one, not always the one below.
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, remainder)
}

/// `left / right` of integers, rounded once. Two casts and a division of floats would round three times.
fn divide(left: i128, right: i128) -> Result<f64, Failure> {
    const EXACT: u128 = 1 << f64::MANTISSA_DIGITS;
    if right == 0 {
        return Err(division_by_zero());
    }
    let (dividend, divisor) = (left.unsigned_abs(), right.unsigned_abs());
    if dividend <= EXACT && divisor <= EXACT {
        return Ok(left as f64 / right as f64);
    }
    let negative = (left < 0) != (right < 0);
    if dividend == 0 {
        return Ok(if negative { -0.0 } else { 0.0 });
    }
    // More bits of the quotient than a float has, by long division; the last one says whether anything follows.
    let mut quotient = dividend / divisor;
    let mut rest = dividend % divisor;
    let mut exponent = 0;
    while quotient < 1 << 64 {
        rest <<= 1;
        quotient <<= 1;
        if rest >= divisor {
            rest -= divisor;
            quotient |= 1;
        }
        exponent -= 1;
    }
    quotient |= u128::from(rest != 0);
    let magnitude = quotient as f64 * 2.0_f64.powi(exponent);
    Ok(if negative { -magnitude } else { magnitude })
}

fn power(base: Number, exponent: Number) -> Result<Number, Failure> {
    let within = |number: Number| !matches!(number.compare(Number::Int(i128::from(POWER))), Some(Ordering::Greater));
    let negated = (base.negate()?, exponent.negate()?);
    if !(within(base) && within(exponent) && within(negated.0) && within(negated.1)) {
        return Err(Failure::new(EvaluateErrorKind::Limit, format!("`**` takes numbers up to {POWER}")));
    }
    match (base, exponent) {
        (Number::Int(base), Number::Int(exponent)) if exponent >= 0 => {
            integer_power(base, exponent as u32).map(Number::Int)
        }
        _ => float_power(base.as_float(), exponent.as_float()).map(Number::Float),
    }
}

/// At most 23 squarings: a base other than -1, 0 and 1 overflows long before.
fn integer_power(base: i128, exponent: u32) -> Result<i128, Failure> {
    base.checked_pow(exponent).ok_or_else(too_large)
}

fn float_power(base: f64, exponent: f64) -> Result<f64, Failure> {
    if base == 0.0 && exponent < 0.0 {
        return Err(Failure::arithmetic("zero has no negative powers"));
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(Failure::arithmetic("a negative number has real powers with whole exponents only"));
    }
    let result = base.powf(exponent);
    if result.is_infinite() {
        return Err(Failure::arithmetic("the result of `**` is too large for a float"));
    }
    Ok(result)
}

pub(super) fn too_large() -> Failure {
    Failure::arithmetic("integer overflow: the result has more than 127 bits")
}

fn division_by_zero() -> Failure {
    Failure::arithmetic("division by zero")
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{BEYOND, Number, divide, floor_division};

    #[test]
    fn quotients_of_large_integers_are_rounded_once() {
        for (left, right, expected) in [
            (1, 3, 1.0 / 3.0),
            // The double roundings of both casts would give 1.0000000000000002 and 1.0 here.
            (9_007_199_254_740_993, 9_007_199_254_740_993, 1.0),
            (9_007_199_254_740_993, 9_007_199_254_740_992, 1.0),
            (9_007_199_254_740_995, 1, 9_007_199_254_740_996.0),
            (i128::MAX, 1, BEYOND),
            (i128::MIN, 1, -BEYOND),
            (i128::MIN, -1, BEYOND),
            (i128::MAX, i128::MAX, 1.0),
            (i128::MIN, i128::MIN, 1.0),
            (-1, i128::MAX, -1.0 / BEYOND),
            (0, i128::MIN, -0.0),
            (0, i128::MAX, 0.0),
            (0, -1, -0.0),
            (i128::MAX, -2, -BEYOND / 2.0),
        ] {
            assert_eq!(divide(left, right).unwrap().to_bits(), f64::to_bits(expected), "{left} / {right}");
        }
        assert!(divide(1, 0).is_err());
    }

    #[test]
    fn floor_division_of_floats_agrees_with_its_remainder() {
        for (left, right, quotient, remainder) in [
            (7.0_f64, 2.0_f64, 3.0_f64, 1.0_f64),
            (-7.0, 2.0, -4.0, 1.0),
            (7.0, -2.0, -4.0, -1.0),
            (-7.0, -2.0, 3.0, -1.0),
            (1.0, 0.1, 9.0, 0.099_999_999_999_999_95),
            (0.0, -2.0, -0.0, -0.0),
            (-1.0, f64::INFINITY, -1.0, f64::INFINITY),
        ] {
            let found = floor_division(left, right);
            assert_eq!(
                (found.0.to_bits(), found.1.to_bits()),
                (quotient.to_bits(), remainder.to_bits()),
                "{left} {right}"
            );
        }
    }

    #[test]
    fn integers_and_floats_are_compared_exactly() {
        for (left, right, expected) in [
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
            (1, 1.0, Some(Ordering::Equal)),
            (0, -0.0, Some(Ordering::Equal)),
            (0, 5e-324, Some(Ordering::Less)),
            (-1, -1.5, Some(Ordering::Greater)),
            (i128::MAX, BEYOND, Some(Ordering::Less)),
            (i128::MIN, -BEYOND, Some(Ordering::Equal)),
            (i128::MIN, f64::NEG_INFINITY, Some(Ordering::Greater)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(Number::Int(left).compare(Number::Float(right)), expected, "{left} {right}");
            let reversed = expected.map(Ordering::reverse);
            assert_eq!(Number::Float(right).compare(Number::Int(left)), reversed, "{right} {left}");
        }
    }
}
