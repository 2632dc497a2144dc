//! One string with `{{ expression }}` parts.

use std::sync::Arc;

use serde_json::Value;

use super::error::{CompileError, EvaluateError, Failure};
use super::lexer::{Lexer, TokenKind};
use super::limits::{Meter, NODES, Purse, TEMPLATE_BYTES};
use super::path::{PathSegment, Scope, plain_path};
use super::program::Program;

/// A compiled template string. Cloning shares the compiled form.
///
/// A string that is exactly one `{{ }}` keeps the type of its value. Otherwise the parts are joined as text: a missing
/// value or null is empty, a list or map is compact JSON. A literal `{{` is written `{{ "{{" }}`.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Arc<[Part]>,
}

#[derive(Debug)]
enum Part {
    Literal(Box<str>),
    Expression(Program),
}

impl Template {
    /// Compiles `source`, or says what is wrong with it and where.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        if source.len() > TEMPLATE_BYTES {
            return Err(CompileError::new(0, format!("the template is longer than {TEMPLATE_BYTES} bytes")));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        let mut nodes = 0;
        while let Some(open) = source[at..].find("{{").map(|offset| at + offset) {
            if open > at {
                parts.push(Part::Literal(source[at..open].into()));
            }
            let close = end_of_expression(source, open)?;
            let program = Program::compile(&source[..close], open + 2)?;
            nodes += program.nodes;
            if nodes > NODES {
                let message = format!("the expressions of the template have more than {NODES} parts");
                return Err(CompileError::new(open, message));
            }
            parts.push(Part::Expression(program));
            at = close + 2;
        }
        if at < source.len() {
            parts.push(Part::Literal(source[at..].into()));
        }
        Ok(Self { parts: parts.into() })
    }

    /// The value: of any type if the template is exactly one `{{ }}`, a string otherwise.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, EvaluateError> {
        self.render_within(scope, &Meter::new()).map(|(value, _)| value).map_err(EvaluateError::from)
    }

    /// The value as text, whatever its type.
    pub fn render_text(&self, scope: &dyn Scope) -> Result<String, EvaluateError> {
        self.text_within(scope, &Meter::new()).map_err(EvaluateError::from)
    }

    /// Whether there is no expression in it, so that rendering always gives the source.
    pub fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// The paths of the scope that the template reads, as far as they stand in the source.
    pub fn paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Literal(_) => None,
                Part::Expression(program) => Some(program.paths()),
            })
            .flatten()
    }

    /// Everything that rendering could read: see [`super::Expression::all_paths`].
    pub fn all_paths(&self) -> impl Iterator<Item = Vec<PathSegment<'_>>> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Literal(_) => None,
                Part::Expression(program) => Some(program.all_paths()),
            })
            .flatten()
    }

    /// Size of the syntax trees, and at least one.
    pub(super) fn nodes(&self) -> usize {
        let nodes = |part: &Part| match part {
            Part::Literal(_) => 0,
            Part::Expression(program) => program.nodes,
        };
        self.parts.iter().map(nodes).sum::<usize>().max(1)
    }

    /// Renders as part of something larger; answers the value and the number of its levels.
    pub(super) fn render_within(&self, scope: &dyn Scope, meter: &Meter) -> Result<(Value, usize), Failure> {
        match &*self.parts {
            [Part::Expression(program)] => program.evaluate(scope, meter),
            _ => Ok((Value::String(self.text_within(scope, meter)?), 0)),
        }
    }

    fn text_within(&self, scope: &dyn Scope, meter: &Meter) -> Result<String, Failure> {
        let mut text = String::new();
        for part in &*self.parts {
            match part {
                Part::Literal(literal) => {
                    meter.reserve(Purse::Output, literal.len())?;
                    text.push_str(literal);
                }
                Part::Expression(program) => program.write(scope, meter, &mut text)?,
            }
        }
        Ok(text)
    }
}

/// Finds the `}}` that closes the `{{` at byte `open`, past those in strings and at the end of nested map literals.
fn end_of_expression(source: &str, open: usize) -> Result<usize, CompileError> {
    let start = open + 2;
    let blanks = source[start..].len() - source[start..].trim_start().len();
    if let Some(path) = plain_path(&source[start + blanks..]) {
        let after = start + blanks + path.length;
        let rest = source[after..].trim_start();
        if rest.starts_with("}}") {
            return Ok(source.len() - rest.len());
        }
    }
    let unclosed = || CompileError::new(open, "`{{` without a closing `}}`");
    let mut lexer = Lexer::new(source, start);
    let mut braces = 0_usize;
    loop {
        lexer.skip_blanks();
        if braces == 0 && lexer.at_symbol("}}") {
            return Ok(lexer.position());
        }
        match lexer.token()?.kind {
            TokenKind::Symbol("{") => braces += 1,
            TokenKind::Symbol("}") => braces = braces.checked_sub(1).ok_or_else(unclosed)?,
            TokenKind::End => return Err(unclosed()),
            _ => {}
        }
    }
}
