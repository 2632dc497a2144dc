//! The expression language: a strict subset of CEL, bounded in time and memory, and the templates over it.
//!
//! An [`Expression`] is compiled once, when a definition is saved, and evaluated many times. A [`Template`] is a string
//! with `{{ expression }}` parts, a [`JsonTemplate`] a JSON value whose strings are templates. All of them read names
//! from a [`Scope`] by reference. `docs/expressions.md` describes the language for its users, decision record 0003 why
//! it is our own.
//!
//! Expressions are tenant input on the hot path, hence the one law of this module: nothing is done, allocated or
//! recursed into before it was counted against a limit of [`limits`], and everything fits a 512 KiB stack.

mod ast;
mod duration;
mod error;
mod evaluate;
mod functions;
mod json_template;
mod lexer;
pub mod limits;
mod operators;
mod parser;
mod path;
mod program;
mod template;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub use duration::parse_duration;
pub use error::{CompileError, EvaluateError, EvaluateErrorKind};
pub use functions::read_instant;
pub use json_template::JsonTemplate;
pub use path::{PathSegment, Scope};
pub use template::Template;

use limits::Meter;
use program::Program;

/// A compiled expression. Cloning shares the compiled form.
#[derive(Debug, Clone)]
pub struct Expression {
    program: Arc<Program>,
}

impl Expression {
    /// Compiles `source`, or says what is wrong with it and where.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        Ok(Self { program: Arc::new(Program::compile(source, 0)?) })
    }

    /// The value of the expression. A path that does not exist is null.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluateError> {
        self.program.evaluate(scope, &Meter::new()).map(|(value, _)| value).map_err(EvaluateError::from)
    }

    /// The value, paid for from a budget that other evaluations share: for an expression that runs once per item of a list.
    pub fn evaluate_within(&self, scope: &dyn Scope, budget: &Budget) -> Result<Value, EvaluateError> {
        Ok(self.program.evaluate(scope, &budget.0)?.0)
    }

    /// The expression as a condition: a bool is itself, null (so also a path that does not exist) is false, anything
    /// else is an error that names the type.
    pub fn test(&self, scope: &dyn Scope) -> Result<bool, EvaluateError> {
        self.program.test(scope, &Meter::new()).map_err(EvaluateError::from)
    }

    /// The same, paid for from a shared budget.
    pub fn test_within(&self, scope: &dyn Scope, budget: &Budget) -> Result<bool, EvaluateError> {
        self.program.test(scope, &budget.0).map_err(EvaluateError::from)
    }

    /// The text that the expression was compiled from.
    pub fn source(&self) -> &str {
        self.program.source()
    }

    /// The paths of the scope that the expression reads, as far as they stand in the source. `now` is among them.
    pub fn paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        self.program.paths()
    }

    /// The same, and those of `a - b` where `a-b` is a path that may not exist: everything that evaluating could read.
    pub fn all_paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        self.program.all_paths()
    }
}

/// Steps and bytes for several evaluations together: those of one rendering.
#[derive(Debug)]
pub struct Budget(Meter);

impl Budget {
    /// A budget of which nothing is spent.
    #[expect(clippy::new_without_default, reason = "a budget is begun on purpose, never filled in")]
    pub fn new() -> Self {
        Self(Meter::new())
    }
}
