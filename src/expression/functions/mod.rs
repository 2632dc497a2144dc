//! The functions of the language: one static table, looked up when an expression is compiled.
//!
//! Every function is callable as `f(x, y)` and as `x.f(y)`. Each pays for its output before it builds it.

mod collection;
mod convert;
mod number;
mod pattern;
mod text;
mod time;

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::error::Failure;
use super::evaluate::{Evaluation, Outcome};
use super::limits::{Meter, Purse};
use super::value::{Datum, NULL, Numeric, type_name};

pub(super) use pattern::Pattern;
pub use time::read as read_instant;

/// The function whose literal second argument is compiled with the expression.
pub(super) const MATCHES: &str = "matches";

/// A function of the language.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments it takes, a method's receiver included.
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) body: for<'f> fn(Arguments<'f>) -> Outcome<'f>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

impl Function {
    /// The function of that name, or a message that says what is wrong with it.
    pub(super) fn named(name: &str) -> Result<&'static Self, String> {
        FUNCTIONS.iter().find(|function| function.name == name).ok_or_else(|| {
            match FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name)) {
                Some(near) => format!("unknown function `{name}`; there is `{}`", near.name),
                None => format!("unknown function `{name}`"),
            }
        })
    }
}

const fn function(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    body: for<'f> fn(Arguments<'f>) -> Outcome<'f>,
) -> Function {
    Function { name, arguments, body }
}

/// Most arguments of a function that takes as many as one likes.
const MANY: usize = 16;

pub(super) static FUNCTIONS: [Function; 40] = [
    function("avg", 1..=1, number::avg),
    function("base64", 1..=1, convert::base64),
    function("bool", 1..=1, convert::bool),
    function("contains", 2..=2, text::contains),
    function("default", 2..=2, collection::default),
    function("distinct", 1..=1, collection::distinct),
    function("double", 1..=1, convert::double),
    function("duration", 1..=1, time::duration),
    function("endsWith", 2..=2, text::ends_with),
    function("epochMs", 1..=1, time::epoch_ms),
    function("flatten", 1..=1, collection::flatten),
    function("format", 2..=3, time::format),
    function("fromJson", 1..=1, convert::from_json),
    function("hmacSha256", 2..=3, convert::hmac_sha256),
    function("int", 1..=1, convert::int),
    function("join", 1..=2, text::join),
    function("keys", 1..=1, collection::keys),
    function("lower", 1..=1, text::lower),
    function(MATCHES, 2..=2, text::matches),
    function("max", 1..=MANY, number::max),
    function("merge", 1..=MANY, collection::merge),
    function("min", 1..=MANY, number::min),
    function("range", 1..=3, collection::range),
    function("replace", 3..=3, text::replace),
    function("sha256", 1..=1, convert::sha256),
    function("size", 1..=1, collection::size),
    function("sort", 1..=2, collection::sort),
    function("split", 2..=3, text::split),
    function("startsWith", 2..=2, text::starts_with),
    function("string", 1..=1, convert::string),
    function("substring", 2..=3, text::substring),
    function("sum", 1..=1, number::sum),
    function("timestamp", 1..=2, time::timestamp),
    function("toJson", 1..=1, convert::to_json),
    function("trim", 1..=1, text::trim),
    function("type", 1..=1, convert::type_of),
    function("unbase64", 1..=1, convert::unbase64),
    function("upper", 1..=1, text::upper),
    function("uuid5", 2..=2, convert::uuid5),
    function("values", 1..=1, collection::values),
];

/// What a function is called with. The number of values is checked when the expression is compiled.
pub(super) struct Arguments<'f> {
    pub(super) function: &'static str,
    pub(super) values: Vec<Datum<'f>>,
    pub(super) evaluation: &'f Evaluation<'f>,
    /// The compiled second argument of `matches`, where it is a literal.
    pub(super) pattern: Option<&'f Pattern>,
}

impl<'f> Arguments<'f> {
    fn meter(&self) -> &'f Meter {
        self.evaluation.meter
    }

    fn count(&self) -> usize {
        self.values.len()
    }

    /// The argument at `index`, null where an optional one is not given.
    fn value(&self, index: usize) -> &Value {
        self.values.get(index).map_or(&NULL, Datum::value)
    }

    /// Takes the argument at `index` out.
    fn take(&mut self, index: usize) -> Datum<'f> {
        self.values.get_mut(index).map_or_else(Datum::null, |slot| std::mem::replace(slot, Datum::null()))
    }

    fn text(&self, index: usize) -> Result<&str, Failure> {
        match self.value(index) {
            Value::String(text) => Ok(text),
            _ => Err(self.unfit(index, "a string")),
        }
    }

    fn list(&self, index: usize) -> Result<&[Value], Failure> {
        match self.value(index) {
            Value::Array(items) => Ok(items),
            _ => Err(self.unfit(index, "a list")),
        }
    }

    fn map(&self, index: usize) -> Result<&Map<String, Value>, Failure> {
        match self.value(index) {
            Value::Object(entries) => Ok(entries),
            _ => Err(self.unfit(index, "a map")),
        }
    }

    /// An integer; a double without a fraction will do.
    fn integer(&self, index: usize) -> Result<i64, Failure> {
        let integer = match self.value(index) {
            Value::Number(number) => match Numeric::of(number) {
                Numeric::Int(number) => i64::try_from(number).ok(),
                Numeric::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(number as i64),
                Numeric::Float(_) => None,
            },
            _ => None,
        };
        integer.ok_or_else(|| self.unfit(index, "an integer"))
    }

    /// The error for an argument of the wrong type.
    fn unfit(&self, index: usize, expected: &str) -> Failure {
        let kind = type_name(self.value(index));
        let hint = if kind == "null" { "; `default(value, other)` replaces a missing value" } else { "" };
        let place = index + 1;
        Failure::of_type(format!("`{}` needs {expected} as argument {place}, not {kind}{hint}", self.function))
    }

    /// The error for an argument of the right type that cannot be used.
    fn invalid(&self, message: &str) -> Failure {
        Failure::of_value(format!("`{}`: {message}", self.function))
    }

    /// Pays for a text and copies it.
    fn copy_text(&self, text: &str) -> Outcome<'f> {
        self.meter().allocate(text.len())?;
        Ok(Datum::text(text.to_owned()))
    }

    /// Takes the argument at `index` as an owned list, with the bound of its elements' levels.
    fn take_list(&mut self, index: usize) -> Result<(Vec<Value>, usize), Failure> {
        self.list(index)?;
        let (list, depth) = self.take(index).into_owned(self.meter(), Purse::Working)?;
        match list {
            Value::Array(items) => Ok((items, depth.saturating_sub(1))),
            _ => Err(self.unfit(index, "a list")),
        }
    }
}
