//! The two errors of the language. Messages name operators, types, places and what stands in the source, never a value of
//! the scope: it may be a secret, and the message ends up in a log.

/// A condition that is not well formed, or uses something that is not part of the language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position})")]
pub struct CompileError {
    message: String,
    position: usize,
}

impl CompileError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), position }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where: characters before the place, counted from the start of the source.
    pub fn position(&self) -> usize {
        self.position
    }
}

/// Why an evaluation failed. Python's exceptions, by families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluateErrorKind {
    /// A bound on work, memory or nesting was reached.
    Limit,
    /// A name that the scope does not have.
    Name,
    /// A key or an index that is not there.
    Missing,
    /// An operator, an index or `.get` met what it does not take.
    Type,
    /// Overflow, division by zero, a result that is no real number, or one that JSON can't hold.
    Arithmetic,
}

/// A condition that has no value over the given scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", place(*position))]
pub struct EvaluateError {
    message: String,
    kind: EvaluateErrorKind,
    position: Option<usize>,
}

impl EvaluateError {
    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The family of the failure.
    pub fn kind(&self) -> EvaluateErrorKind {
        self.kind
    }

    /// The name, operator or bracket to blame, where there is one: characters before it in the source.
    pub fn position(&self) -> Option<usize> {
        self.position
    }
}

fn place(position: Option<usize>) -> String {
    position.map(|position| format!(" (at character {position})")).unwrap_or_default()
}

/// An [`EvaluateError`] on its way up. Boxed, because the error is larger than a value and every level of the evaluator
/// would reserve stack for it.
#[derive(Debug)]
pub(super) struct Failure(Box<EvaluateError>);

impl Failure {
    pub(super) fn new(kind: EvaluateErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(EvaluateError { message: message.into(), kind, position: None }))
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Limit, message)
    }

    pub(super) fn of_type(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Type, message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Missing, message)
    }

    pub(super) fn arithmetic(message: impl Into<String>) -> Self {
        Self::new(EvaluateErrorKind::Arithmetic, message)
    }

    /// Names the place, unless an inner place is already named.
    pub(super) fn at(mut self, position: u32) -> Self {
        self.0.position.get_or_insert(position as usize);
        self
    }
}

impl From<Failure> for EvaluateError {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}
