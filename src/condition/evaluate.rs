//! The evaluator: walks the tree against a scope, borrows what it reads and pays for what it builds.
//!
//! Each function that recurses is small on purpose: the tree is at most `NESTING` levels high, and a whole evaluation
//! has to fit a 512 KiB stack.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::ast::{Comparator, Comparison, Entry, Expr, Link, LinkKind, Operator, Sign, Step};
use super::error::{EvaluateErrorKind, Failure};
use super::index::{element, get, member, slice};
use super::limits::{Meter, SLOT_BYTES};
use super::operators::{compare, element_of_set, operate, signed};
use super::value::{Datum, Dict, Items, check_key, equal};

pub(super) type Outcome<'v> = Result<Datum<'v>, Failure>;

/// One evaluation: the names it reads and what it may spend.
pub(super) struct Evaluation<'e> {
    scope: &'e Map<String, Value>,
    meter: Meter,
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(scope: &'e Map<String, Value>) -> Self {
        Self { scope, meter: Meter::new() }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn datum(&self, expr: &'e Expr) -> Outcome<'e> {
        self.meter.burn(1)?;
        match expr {
            Expr::None => Ok(Datum::None),
            Expr::Bool(truth) => Ok(Datum::Bool(*truth)),
            Expr::Int(number) => Ok(Datum::Int(*number)),
            Expr::Float(number) => Ok(Datum::Float(*number)),
            Expr::Text(text) => Ok(Datum::text(text)),
            Expr::Name(name, position) => self.name(name, *position),
            Expr::List(items) => Ok(Datum::List(Items::built(self.items(items)?))),
            Expr::Tuple(items) | Expr::Set(items) => Ok(Datum::Tuple(Items::built(self.items(items)?))),
            Expr::Dict(entries) => self.dict(entries),
            Expr::And(operands) => self.junction(operands, false),
            Expr::Or(operands) => self.junction(operands, true),
            Expr::Not(times, operand) => self.not(*times, operand),
            Expr::Compare(first, comparisons) => self.comparisons(first, comparisons),
            Expr::Fold(first, steps) => self.fold(first, steps),
            Expr::Power(operands, position) => self.power(operands, *position),
            Expr::Signs(signs, operand) => self.signs(signs, operand),
            Expr::Choice(branches, otherwise) => self.choice(branches, otherwise),
            Expr::Postfix(base, links) => self.postfix(base, links),
        }
    }

    #[inline(never)]
    fn name(&self, name: &str, position: u32) -> Outcome<'e> {
        if let Some(value) = self.scope.get(name) {
            return Ok(Datum::of(value));
        }
        let hint = match name {
            "true" => "; the truth is written `True`",
            "false" => "; what is false is written `False`",
            "null" | "none" => "; nothing is written `None`",
            _ => "",
        };
        Err(Failure::new(EvaluateErrorKind::Name, format!("there is no name `{name}` here{hint}")).at(position))
    }

    #[inline(never)]
    fn items(&self, items: &'e [Expr]) -> Result<Vec<Datum<'e>>, Failure> {
        self.meter.allocate_slots(items.len())?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            list.push(self.datum(item)?);
        }
        Ok(list)
    }

    /// The later of two equal keys wins, and stays in the place of the first, as in Python.
    #[inline(never)]
    fn dict(&self, entries: &'e [Entry]) -> Outcome<'e> {
        self.meter.allocate(entries.len() * 2 * SLOT_BYTES)?;
        let mut dict: Vec<(Datum<'e>, Datum<'e>)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.datum(&entry.key)?;
            check_key(&self.meter, &key, 0).map_err(|failure| failure.at(entry.position))?;
            let value = self.datum(&entry.value)?;
            let mut place = None;
            for (index, (own, _)) in dict.iter().enumerate() {
                if equal(&self.meter, own, &key, 0)? {
                    place = Some(index);
                    break;
                }
            }
            match place {
                Some(index) => dict[index].1 = value,
                None => dict.push((key, value)),
            }
        }
        Ok(Datum::Dict(Dict::Built(Rc::new(dict))))
    }

    /// `and` and `or`: the first operand whose truth decides, or the last one.
    #[inline(never)]
    fn junction(&self, operands: &'e [Expr], decisive: bool) -> Outcome<'e> {
        let mut last = Datum::Bool(!decisive);
        for operand in operands {
            last = self.datum(operand)?;
            if last.truth() == decisive {
                break;
            }
        }
        Ok(last)
    }

    #[inline(never)]
    fn not(&self, times: u32, operand: &'e Expr) -> Outcome<'e> {
        Ok(Datum::Bool(self.datum(operand)?.truth() == times.is_multiple_of(2)))
    }

    /// A chain of comparisons: each holds between neighbours, and the first that does not ends it.
    #[inline(never)]
    fn comparisons(&self, first: &'e Expr, comparisons: &'e [Comparison]) -> Outcome<'e> {
        let mut left = self.datum(first)?;
        for comparison in comparisons {
            let right = self.datum(&comparison.right)?;
            self.meter.burn(1)?;
            let holds =
                self.comparison(comparison, &left, &right).map_err(|failure| failure.at(comparison.position))?;
            if !holds {
                return Ok(Datum::Bool(false));
            }
            left = right;
        }
        Ok(Datum::Bool(true))
    }

    #[inline(never)]
    fn comparison(&self, comparison: &Comparison, left: &Datum<'e>, right: &Datum<'e>) -> Result<bool, Failure> {
        match (&comparison.right, right) {
            (Expr::Set(_), Datum::Tuple(Items::Built(elements))) => {
                let found = element_of_set(&self.meter, left, elements)?;
                Ok(found == (comparison.comparator == Comparator::In))
            }
            _ => compare(&self.meter, comparison.comparator, left, right),
        }
    }

    #[inline(never)]
    fn fold(&self, first: &'e Expr, steps: &'e [Step]) -> Outcome<'e> {
        let mut left = self.datum(first)?;
        for step in steps {
            let right = self.datum(&step.right)?;
            self.meter.burn(1)?;
            left = operate(&self.meter, step.operator, &left, &right).map_err(|failure| failure.at(step.position))?;
        }
        Ok(left)
    }

    #[inline(never)]
    fn power(&self, operands: &'e (Expr, Expr), position: u32) -> Outcome<'e> {
        let base = self.datum(&operands.0)?;
        let exponent = self.datum(&operands.1)?;
        operate(&self.meter, Operator::Power, &base, &exponent).map_err(|failure| failure.at(position))
    }

    #[inline(never)]
    fn signs(&self, signs: &'e [(Sign, u32)], operand: &'e Expr) -> Outcome<'e> {
        let mut datum = self.datum(operand)?;
        for (sign, position) in signs.iter().rev() {
            self.meter.burn(1)?;
            datum = signed(*sign, &datum).map_err(|failure| failure.at(*position))?;
        }
        Ok(datum)
    }

    #[inline(never)]
    fn choice(&self, branches: &'e [(Expr, Expr)], otherwise: &'e Expr) -> Outcome<'e> {
        for (condition, value) in branches {
            if self.datum(condition)?.truth() {
                return self.datum(value);
            }
        }
        self.datum(otherwise)
    }

    #[inline(never)]
    fn postfix(&self, base: &'e Expr, links: &'e [Link]) -> Outcome<'e> {
        let mut datum = self.datum(base)?;
        for link in links {
            self.meter.burn(1)?;
            datum = self.link(&datum, &link.kind).map_err(|failure| failure.at(link.position))?;
        }
        Ok(datum)
    }

    #[inline(never)]
    fn link(&self, datum: &Datum<'e>, link: &'e LinkKind) -> Outcome<'e> {
        match link {
            LinkKind::Member(key) => member(&self.meter, datum, key),
            LinkKind::Index(index) => {
                let written = if let Expr::Text(text) = index { Some(&**text) } else { None };
                element(&self.meter, datum, &self.datum(index)?, written)
            }
            LinkKind::Slice(bounds) => {
                let [start, stop, step] = (**bounds).each_ref().map(|bound| self.optional(bound.as_ref()));
                slice(&self.meter, datum, &[start?, stop?, step?])
            }
            LinkKind::Get(arguments) => {
                let key = self.datum(&arguments.0)?;
                let default = self.optional(arguments.1.as_ref())?.unwrap_or(Datum::None);
                get(&self.meter, datum, &key, default)
            }
        }
    }

    /// An operand that may be missing.
    fn optional(&self, expr: Option<&'e Expr>) -> Result<Option<Datum<'e>>, Failure> {
        expr.map(|expr| self.datum(expr)).transpose()
    }
}
