//! The evaluator: walks the tree against a scope, borrows what it reads and pays for what it builds.
//!
//! Each function that recurses is small on purpose: the tree is at most `NESTING` levels high, and a whole evaluation
//! has to fit a 512 KiB stack.

use std::borrow::Cow;

use chrono::SecondsFormat;
use serde_json::{Map, Value};

use super::ast::{Call, Expr, Link, Macro, MacroKind, Operand, Prefix, Step};
use super::error::Failure;
use super::functions::Arguments;
use super::limits::{ENTRY_BYTES, Meter, Purse, SLOT_BYTES, check_depth};
use super::operators::negate;
use super::path::{PathSegment, Scope, Segment};
use super::value::{Datum, Numeric, type_name};

pub(super) type Outcome<'v> = Result<Datum<'v>, Failure>;

/// One evaluation: the names it reads and what it may spend.
pub(super) struct Evaluation<'e> {
    pub(super) scope: &'e dyn Scope,
    pub(super) meter: &'e Meter,
}

/// The variable of a macro, and those of the macros around it.
pub(super) struct Frame<'f> {
    value: &'f Value,
    outer: Locals<'f>,
}

pub(super) type Locals<'f> = Option<&'f Frame<'f>>;

impl Evaluation<'_> {
    pub(super) fn datum<'f>(&'f self, expr: &'f Expr, locals: Locals<'f>) -> Outcome<'f> {
        match expr {
            Expr::Constant(value) => Ok(Datum::Borrowed(value)),
            Expr::Local(distance) => Ok(Datum::Borrowed(local(locals, *distance))),
            Expr::Path(path) => Ok(self.read(path)?.unwrap_or_else(Datum::null)),
            Expr::HasPath(path) => Ok(Datum::scalar(self.read(path)?.is_some())),
            Expr::HasMember(of, segment) => Ok(Datum::scalar(self.datum(of, locals)?.member(segment).is_some())),
            Expr::Call(call) => self.call(None, call, locals),
            Expr::Postfix(base, links) => self.postfix(base, links, locals),
            Expr::Prefix(prefixes, operand) => self.prefix(prefixes, operand, locals),
            Expr::And(operands) => self.junction(operands, false, locals),
            Expr::Or(operands) => self.junction(operands, true, locals),
            Expr::Fold(first, steps) => self.fold(first, steps, locals),
            Expr::Choice(branches, otherwise) => self.choice(branches, otherwise, locals),
            Expr::List(items) => self.list(items, locals),
            Expr::Map(entries) => self.map(entries, locals),
        }
    }

    /// Reads a path of the scope; `None` if some step of it does not exist.
    pub(super) fn read(&self, path: &[Segment]) -> Result<Option<Datum<'_>>, Failure> {
        self.meter.burn(1)?;
        if matches!(&path[0], Segment::Key(name) if &**name == "now") {
            let now = self.scope.now().to_rfc3339_opts(SecondsFormat::Millis, true);
            self.meter.allocate(now.len())?;
            return Ok((path.len() == 1).then(|| Datum::text(now)));
        }
        let mut buffer = [PathSegment::Index(0); 8];
        let found = if let Some(short) = buffer.get_mut(..path.len()) {
            short.iter_mut().zip(path).for_each(|(slot, segment)| *slot = segment.as_public());
            self.scope.resolve(short)
        } else {
            let long: Vec<_> = path.iter().map(Segment::as_public).collect();
            self.scope.resolve(&long)
        };
        let Some((value, known)) = found else { return Ok(None) };
        let mut datum = match value {
            Cow::Borrowed(value) => Datum::Borrowed(value),
            Cow::Owned(value) => {
                // Built by the scope for us: paid for like a result, so that asking again and again has an end.
                let depth = self.meter.reserve_copy(Purse::Output, &value)?;
                Datum::Owned(value, depth)
            }
        };
        for segment in path.get(known..).unwrap_or_default() {
            match datum.member(segment) {
                Some(element) => datum = element,
                None => return Ok(None),
            }
        }
        Ok(Some(datum))
    }

    /// Reads an expression as a condition: a bool is itself, null is false, anything else is an error.
    pub(super) fn truth(&self, expr: &Expr, position: u32, locals: Locals<'_>) -> Result<bool, Failure> {
        truth(&self.datum(expr, locals)?).map_err(|error| error.at(position))
    }

    /// `&&` and `||`. As in CEL an operand that decides the result wins over an operand that fails, in either order.
    #[inline(never)]
    fn junction<'f>(&'f self, operands: &'f [Operand], decisive: bool, locals: Locals<'f>) -> Outcome<'f> {
        let mut failure = None;
        for operand in operands {
            self.meter.burn(1)?;
            match self.truth(&operand.expr, operand.position, locals) {
                Ok(truth) if truth == decisive => return Ok(Datum::scalar(decisive)),
                Ok(_) => {}
                Err(error) if error.is_limit() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or_else(|| Ok(Datum::scalar(!decisive)), Err)
    }

    #[inline(never)]
    fn choice<'f>(&'f self, branches: &'f [(Operand, Expr)], otherwise: &'f Expr, locals: Locals<'f>) -> Outcome<'f> {
        for (condition, then) in branches {
            self.meter.burn(1)?;
            if self.truth(&condition.expr, condition.position, locals)? {
                return self.datum(then, locals);
            }
        }
        self.datum(otherwise, locals)
    }

    #[inline(never)]
    fn prefix<'f>(&'f self, prefixes: &'f [(Prefix, u32)], operand: &'f Expr, locals: Locals<'f>) -> Outcome<'f> {
        let mut datum = self.datum(operand, locals)?;
        for (prefix, position) in prefixes.iter().rev() {
            self.meter.burn(1)?;
            datum = match prefix {
                Prefix::Not => truth(&datum).map(|truth| Datum::scalar(!truth)),
                Prefix::Negate => negate(datum.value()),
            }
            .map_err(|error| error.at(*position))?;
        }
        Ok(datum)
    }

    #[inline(never)]
    fn fold<'f>(&'f self, first: &'f Expr, steps: &'f [Step], locals: Locals<'f>) -> Outcome<'f> {
        let mut left = self.datum(first, locals)?;
        for step in steps {
            let right = self.datum(&step.right, locals)?;
            self.meter.burn(1)?;
            left = self.operate(step.operator, left, right).map_err(|error| error.at(step.position))?;
        }
        Ok(left)
    }

    #[inline(never)]
    fn list<'f>(&'f self, items: &'f [Expr], locals: Locals<'f>) -> Outcome<'f> {
        self.meter.burn(1)?;
        self.meter.allocate(items.len() * SLOT_BYTES)?;
        let mut list = Vec::with_capacity(items.len());
        let mut deepest = 0;
        for item in items {
            let (value, depth) = self.datum(item, locals)?.into_owned(self.meter, Purse::Working)?;
            deepest = deepest.max(depth);
            list.push(value);
        }
        Datum::list(list, deepest)
    }

    #[inline(never)]
    fn map<'f>(&'f self, entries: &'f [(Expr, Expr, u32)], locals: Locals<'f>) -> Outcome<'f> {
        self.meter.burn(1)?;
        let mut map = Map::new();
        let mut deepest = 0;
        for (key, value, position) in entries {
            let (key, _) = self.datum(key, locals)?.into_owned(self.meter, Purse::Working)?;
            let Value::String(key) = key else {
                let kind = type_name(&key);
                let message = format!("a key of a map must be a string, not {kind}; quote it if it is a name");
                return Err(Failure::of_type(message).at(*position));
            };
            self.meter.allocate(ENTRY_BYTES)?;
            let (value, depth) = self.datum(value, locals)?.into_owned(self.meter, Purse::Working)?;
            deepest = deepest.max(depth);
            if map.insert(key, value).is_some() {
                return Err(Failure::of_value("the same key occurs twice in a map").at(*position));
            }
        }
        Datum::map(map, deepest)
    }

    #[inline(never)]
    fn postfix<'f>(&'f self, base: &'f Expr, links: &'f [Link], locals: Locals<'f>) -> Outcome<'f> {
        let mut datum = self.datum(base, locals)?;
        for link in links {
            self.meter.burn(1)?;
            datum = match link {
                Link::Member(segment) => datum.member(segment).unwrap_or_else(Datum::null),
                Link::Index(index, position) => {
                    let index = self.datum(index, locals)?;
                    element(datum, index.value()).map_err(|error| error.at(*position))?
                }
                Link::Method(call) => self.call(Some(datum), call, locals)?,
                Link::Macro(call) => self.macro_call(datum, call, locals)?,
            };
        }
        Ok(datum)
    }

    #[inline(never)]
    fn call<'f>(&'f self, receiver: Option<Datum<'f>>, call: &'f Call, locals: Locals<'f>) -> Outcome<'f> {
        self.meter.burn(1)?;
        let mut values = Vec::with_capacity(call.arguments.len() + 1);
        values.extend(receiver);
        for argument in &call.arguments {
            values.push(self.datum(argument, locals)?);
        }
        let arguments =
            Arguments { function: call.function.name, values, evaluation: self, pattern: call.pattern.as_deref() };
        (call.function.body)(arguments).map_err(|error| error.at(call.position))
    }

    #[inline(never)]
    fn macro_call<'f>(&'f self, subject: Datum<'f>, call: &'f Macro, locals: Locals<'f>) -> Outcome<'f> {
        let elements = self.elements(subject, call).map_err(|error| error.at(call.position))?;
        match call.kind {
            MacroKind::All => self.quantify(elements.as_slice(), call, false, locals),
            MacroKind::Exists => self.quantify(elements.as_slice(), call, true, locals),
            MacroKind::ExistsOne => {
                let mut found = 0;
                for element in elements.as_slice() {
                    found += usize::from(self.predicate(&call.body, element, call.position, locals)?);
                }
                Ok(Datum::scalar(found == 1))
            }
            MacroKind::Map => self.transform(elements.as_slice(), call, locals),
            MacroKind::Filter => self.select(elements, call, locals),
        }
    }

    fn predicate(&self, body: &Expr, element: &Value, position: u32, locals: Locals<'_>) -> Result<bool, Failure> {
        self.meter.burn(1)?;
        self.truth(body, position, Some(&Frame { value: element, outer: locals }))
    }

    /// `all` and `exists`, with the same rule for failing elements as `&&` and `||`.
    fn quantify<'f>(&self, elements: &[Value], call: &Macro, decisive: bool, locals: Locals<'_>) -> Outcome<'f> {
        let mut failure = None;
        for element in elements {
            match self.predicate(&call.body, element, call.position, locals) {
                Ok(truth) if truth == decisive => return Ok(Datum::scalar(decisive)),
                Ok(_) => {}
                Err(error) if error.is_limit() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or_else(|| Ok(Datum::scalar(!decisive)), Err)
    }

    fn transform<'f>(&self, elements: &[Value], call: &Macro, locals: Locals<'_>) -> Outcome<'f> {
        let mut list = Vec::new();
        let mut deepest = 0;
        for element in elements {
            if let Some(only) = &call.only
                && !self.predicate(only, element, call.position, locals)?
            {
                continue;
            }
            self.meter.burn(1)?;
            self.meter.allocate(SLOT_BYTES)?;
            let frame = Frame { value: element, outer: locals };
            let (value, depth) = self.datum(&call.body, Some(&frame))?.into_owned(self.meter, Purse::Working)?;
            deepest = deepest.max(depth);
            list.push(value);
        }
        Datum::list(list, deepest)
    }

    fn select<'f>(&self, elements: Elements<'f>, call: &Macro, locals: Locals<'_>) -> Outcome<'f> {
        let mut list = Vec::new();
        let mut deepest = 0;
        match elements {
            Elements::Borrowed(elements) => {
                for element in elements {
                    if self.predicate(&call.body, element, call.position, locals)? {
                        deepest = deepest.max(self.meter.reserve_copy(Purse::Working, element)?);
                        list.push(element.clone());
                    }
                }
            }
            Elements::Owned(elements, depth) => {
                deepest = depth;
                for element in elements {
                    if self.predicate(&call.body, &element, call.position, locals)? {
                        self.meter.allocate(SLOT_BYTES)?;
                        list.push(element);
                    }
                }
            }
        }
        Datum::list(list, deepest)
    }

    /// What a macro runs over: the elements of a list, the keys of a map.
    fn elements<'f>(&self, subject: Datum<'f>, call: &Macro) -> Result<Elements<'f>, Failure> {
        match subject {
            Datum::Borrowed(Value::Array(items)) => Ok(Elements::Borrowed(items)),
            Datum::Owned(Value::Array(items), depth) => Ok(Elements::Owned(items, depth.saturating_sub(1))),
            other => match other.value() {
                Value::Object(entries) => Ok(Elements::Owned(copy_keys(self.meter, entries)?, 0)),
                value => {
                    let (name, kind) = (call.kind.name(), type_name(value));
                    Err(Failure::of_type(format!("`{name}` needs a list or a map, not {kind}")))
                }
            },
        }
    }
}

enum Elements<'v> {
    Borrowed(&'v [Value]),
    /// Elements that we built, with the bound of their levels.
    Owned(Vec<Value>, usize),
}

impl Elements<'_> {
    fn as_slice(&self) -> &[Value] {
        match self {
            Self::Borrowed(items) => items,
            Self::Owned(items, _) => items,
        }
    }
}

/// The keys of a map as paid texts.
pub(super) fn copy_keys(meter: &Meter, entries: &Map<String, Value>) -> Result<Vec<Value>, Failure> {
    meter.burn(1 + entries.len() as u64 / 8)?;
    meter.allocate(entries.len() * SLOT_BYTES)?;
    let mut keys = Vec::with_capacity(entries.len());
    for key in entries.keys() {
        meter.allocate(key.len())?;
        keys.push(Value::String(key.clone()));
    }
    Ok(keys)
}

fn local(locals: Locals<'_>, distance: usize) -> &Value {
    let mut frame = locals;
    for _ in 0..distance {
        frame = frame.and_then(|frame| frame.outer);
    }
    frame.expect("the parser counted the macros around a variable").value
}

pub(super) fn truth(datum: &Datum<'_>) -> Result<bool, Failure> {
    match datum.value() {
        Value::Bool(truth) => Ok(*truth),
        Value::Null => Ok(false),
        other => Err(Failure::of_type(format!("a condition must be a bool, not {}", type_name(other)))),
    }
}

/// `value[index]` with an index known only now. What is not there is null.
fn element<'f>(datum: Datum<'f>, index: &Value) -> Outcome<'f> {
    let segment = match index {
        Value::String(key) => Segment::key(key),
        Value::Number(number) => match Numeric::of(number) {
            Numeric::Int(index) => match usize::try_from(index) {
                Ok(index) => Segment::Index(index),
                Err(_) => return Ok(Datum::null()),
            },
            Numeric::Float(index) if index >= 0.0 && index.fract() == 0.0 => Segment::Index(index as usize),
            Numeric::Float(_) => return Ok(Datum::null()),
        },
        other => {
            let kind = type_name(other);
            return Err(Failure::of_type(format!("an index must be a number or a string, not {kind}")));
        }
    };
    Ok(datum.member(&segment).unwrap_or_else(Datum::null))
}

/// Refuses a result that is deeper than any result may be, and copies it out of the context.
pub(super) fn finish(meter: &Meter, datum: Datum<'_>) -> Result<(Value, usize), Failure> {
    if let Datum::Owned(_, depth) = &datum {
        check_depth(*depth)?;
        meter.reserve(Purse::Output, meter.worked())?;
    }
    datum.into_owned(meter, Purse::Output)
}
