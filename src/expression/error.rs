//! The two errors of the language. Messages name operators, functions, types and places, never a value: the value may
//! be a secret and the message ends up in an event.

use std::fmt;

/// An expression or template that is not well formed; found when a definition is saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// Byte offset in the expression or template string.
    pub position: usize,
    /// JSON pointer of the string inside a JSON template; empty for a single string.
    pub path: String,
}

impl CompileError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), position, path: String::new() }
    }

    /// Puts one more pointer segment in front of the path.
    pub(super) fn within(mut self, segment: &str) -> Self {
        self.path.insert_str(0, &pointer_segment(segment));
        self
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        write!(out, "{} (at byte {})", self.message, self.position)
    }
}

/// Why an evaluation failed, for callers that react differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluateErrorKind {
    /// A bound on work, memory or nesting was reached. Never hidden by `&&`, `||`, `all` or `exists`.
    Limit,
    /// An operator or function got a value of a type that it does not take.
    Type,
    /// The type fits and the content does not: an unreadable time, broken JSON, an unknown zone.
    Value,
    /// Overflow, division by zero, or a number that JSON cannot hold.
    Arithmetic,
}

/// An expression that could not be evaluated against the given scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct EvaluateError {
    /// What is wrong.
    pub message: String,
    /// The family of the failure.
    pub kind: EvaluateErrorKind,
    /// Byte offset of the operator or call in the expression or template string, where one is to blame.
    pub position: Option<usize>,
    /// JSON pointer of the string inside a JSON template; empty for a single string.
    pub path: String,
}

/// An [`EvaluateError`] on its way up. Boxed, because the error is several times the size of a value and every level of
/// the evaluator would reserve stack for it.
#[derive(Debug)]
pub(super) struct Failure(Box<EvaluateError>);

impl Failure {
    fn new(kind: EvaluateErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(EvaluateError { message: message.into(), kind, position: None, path: String::new() }))
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Limit, message)
    }

    pub(super) fn of_type(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Type, message)
    }

    pub(super) fn of_value(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Value, message)
    }

    pub(super) fn arithmetic(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Arithmetic, message)
    }

    /// Names the place, unless an inner place is already named.
    pub(super) fn at(mut self, position: u32) -> Self {
        self.0.position.get_or_insert(position as usize);
        self
    }

    /// Puts one more pointer segment in front of the path.
    pub(super) fn within(mut self, segment: &str) -> Self {
        self.0.path.insert_str(0, &pointer_segment(segment));
        self
    }

    pub(super) fn is_limit(&self) -> bool {
        self.0.kind == EvaluateErrorKind::Limit
    }
}

impl From<Failure> for EvaluateError {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(&self.message)?;
        match self.position {
            Some(position) => write!(out, " (at byte {position})"),
            None => Ok(()),
        }
    }
}

fn pointer_segment(segment: &str) -> String {
    format!("/{}", segment.replace('~', "~0").replace('/', "~1"))
}
