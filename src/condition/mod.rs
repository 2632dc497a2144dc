//! The condition language: what stands in front of a step of a pipeline, written as a small part of Python.
//!
//! A [`Condition`] is compiled once and evaluated many times. What it means is what `EvalWithCompoundTypes` of the
//! Python package `simpleeval` makes of it, without functions; `docs/conditions.md` describes the language for its
//! users, and `tests/it/condition` compares the two. It is a second language beside [`crate::expression`] because the two
//! disagree on nearly everything: truth, errors, division, missing members.
//!
//! Conditions are tenant input, hence the same law as there: nothing is done, allocated or recursed into before it was
//! counted against a limit of [`limits`], and everything fits a 512 KiB stack.

mod ast;
mod error;
mod evaluate;
mod index;
mod lexer;
pub mod limits;
mod literal;
mod number;
mod operators;
mod parser;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use error::{CompileError, EvaluateError, EvaluateErrorKind};

use ast::Expr;
use evaluate::Evaluation;
use value::into_value;

/// A compiled condition. Cloning shares the compiled form.
#[derive(Debug, Clone)]
pub struct Condition {
    expr: Arc<Expr>,
}

impl Condition {
    /// Compiles `source`, or says what is wrong with it and where.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        Ok(Self { expr: Arc::new(parser::parse(source)?) })
    }

    /// Whether the condition holds: the truth of its value as Python sees it, so that `0`, `''`, `[]` and `None` are false.
    /// `scope` has the names that the condition may read.
    pub fn holds(&self, scope: &Map<String, Value>) -> Result<bool, EvaluateError> {
        let evaluation = Evaluation::new(scope);
        Ok(evaluation.datum(&self.expr)?.truth())
    }

    /// The value of the condition. A tuple becomes a list; what JSON can't hold (an integer of more than 64 bits, an
    /// infinite float, a dict with keys that are not strings) is an error here, and none for [`Condition::holds`].
    pub fn value(&self, scope: &Map<String, Value>) -> Result<Value, EvaluateError> {
        let evaluation = Evaluation::new(scope);
        let datum = evaluation.datum(&self.expr)?;
        Ok(into_value(evaluation.meter(), &datum, 0)?)
    }
}
