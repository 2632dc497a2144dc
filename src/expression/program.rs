//! A compiled expression with all that belongs to it: what [`Expression`](super::Expression) and the parts of a
//! template share.

use serde_json::Value;

use super::ast::Expr;
use super::error::{CompileError, Failure};
use super::evaluate::{Evaluation, finish};
use super::lexer;
use super::limits::{Meter, Purse, SOURCE_BYTES};
use super::parser::{Parsed, Parser};
use super::path::{Path, PathSegment, Scope, plain_path};
use super::value::{Datum, push_text};

#[derive(Debug)]
pub(super) struct Program {
    source: Box<str>,
    /// Set if the whole source is a path that the grammar would read differently, such as `nodes.my-node.0`.
    plain: Option<Path>,
    /// What the grammar reads; missing only if it cannot read a plain path at all.
    expr: Option<Expr>,
    paths: Vec<Path>,
    /// The paths of the other reading, where the source is a plain path: it may have a value where the path has none.
    other_paths: Vec<Path>,
    /// Size of the syntax tree.
    pub(super) nodes: usize,
}

impl Program {
    /// Compiles `text` from byte `start` on; positions count from the start of `text`.
    pub(super) fn compile(text: &str, start: usize) -> Result<Self, CompileError> {
        let source = &text[start..];
        if source.len() > SOURCE_BYTES {
            return Err(CompileError::new(start, format!("the expression is longer than {SOURCE_BYTES} bytes")));
        }
        let trimmed = source.trim();
        if trimmed.is_empty() {
            return Err(CompileError::new(start, "the expression is empty"));
        }
        let plain = plain_path(trimmed).filter(|path| path.unusual && path.length == trimmed.len());
        let plain: Option<Path> = plain.map(|path| path.segments.into());
        let parsed = lexer::tokens(text, start).and_then(|tokens| Parser::new(tokens).parse());
        let (expr, mut paths, nodes) = match (parsed, &plain) {
            (Ok(Parsed { expr, paths, nodes }), _) => (Some(expr), paths, nodes),
            (Err(_), Some(_)) => (None, Vec::new(), 1),
            (Err(error), None) => return Err(error),
        };
        let mut other_paths = Vec::new();
        if let Some(path) = &plain {
            // The reading as a subtraction is a fallback; what the author names is the path.
            other_paths = std::mem::replace(&mut paths, vec![path.clone()]);
        }
        Ok(Self { source: trimmed.into(), plain, expr, paths, other_paths, nodes })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        self.paths.iter().map(|path| path.iter().map(super::path::Segment::as_public).collect())
    }

    /// The paths, and those of a reading that only counts where the first has no value.
    pub(super) fn all_paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        let all = self.paths.iter().chain(&self.other_paths);
        all.map(|path| path.iter().map(super::path::Segment::as_public).collect())
    }

    /// The value, and the number of its levels.
    pub(super) fn evaluate(&self, scope: &dyn Scope, meter: &Meter) -> Result<(Value, usize), Failure> {
        let evaluation = Evaluation { scope, meter };
        finish(meter, self.datum(&evaluation)?)
    }

    pub(super) fn test(&self, scope: &dyn Scope, meter: &Meter) -> Result<bool, Failure> {
        let evaluation = Evaluation { scope, meter };
        super::evaluate::truth(&self.datum(&evaluation)?)
    }

    /// Appends the value as text; never copies what it only reads.
    pub(super) fn write(&self, scope: &dyn Scope, meter: &Meter, text: &mut String) -> Result<(), Failure> {
        let evaluation = Evaluation { scope, meter };
        push_text(meter, Purse::Output, self.datum(&evaluation)?.value(), text)
    }

    /// A plain path wins if it exists. If not, the other reading may still have a value (`total-tax` without blanks);
    /// if that has none either, the path is simply missing.
    fn datum<'f>(&'f self, evaluation: &'f Evaluation<'f>) -> Result<Datum<'f>, Failure> {
        evaluation.meter.begin_expression();
        if let Some(path) = &self.plain
            && let Some(datum) = evaluation.read(path)?
        {
            return Ok(datum);
        }
        match &self.expr {
            None => Ok(Datum::null()),
            Some(expr) => match evaluation.datum(expr, None) {
                Err(error) if self.plain.is_some() && !error.is_limit() => Ok(Datum::null()),
                outcome => outcome,
            },
        }
    }
}
