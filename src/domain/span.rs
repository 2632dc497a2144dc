//! What is told of an execution to those who trace: a span for it and for each attempt of its nodes, made from the events that record
//! their ends. Ids, times and kinds; never what flows through.

use super::trace::{SpanId, TraceId};
use crate::clock::Instant;

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span it is below.
    pub parent_span_id: Option<SpanId>,
    /// What others have to say of the trace.
    pub trace_state: Option<String>,
    /// What it is a span of.
    pub kind: SpanKind,
    /// A name that many of them share.
    pub name: String,
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub ended_at: Instant,
    /// The code of what went wrong. Messages may quote what flows through.
    pub failure: Option<String>,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// An execution, from its trigger to its end.
    Execution,
    /// An attempt of a node run.
    Attempt,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}
