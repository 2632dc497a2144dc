//! A JSON value whose strings are templates: the config of a node.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::{CompileError, EvaluateError, Failure};
use super::limits::{DOCUMENT_NODES, ENTRY_BYTES, Meter, Purse, SLOT_BYTES, VALUE_DEPTH, check_depth};
use super::path::{PathSegment, Scope};
use super::template::Template;

/// A compiled JSON template. Cloning shares the compiled form.
///
/// Every string at any depth is a [`Template`]; keys, numbers, bools and nulls stay as they are. One rendering has one
/// budget, whatever the number of strings.
#[derive(Debug, Clone)]
pub struct JsonTemplate {
    piece: Arc<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// A whole subtree without any expression.
    Literal(Value),
    Text(Template),
    List(Vec<Piece>),
    Map(Vec<(String, Piece)>),
}

impl JsonTemplate {
    /// Compiles every string in `value`. The error says at which JSON pointer the first bad one is.
    pub fn compile(value: &Value) -> Result<Self, CompileError> {
        let mut nodes = 0;
        Piece::compile(value, 0, &mut nodes).map(|piece| Self { piece: Arc::new(piece) })
    }

    /// The value with every expression replaced by what it gives.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, EvaluateError> {
        let meter = Meter::new();
        self.piece.render(scope, &meter, 0).map_err(EvaluateError::from)
    }

    /// Whether there is no expression in it, so that rendering always gives the value it was compiled from.
    pub fn is_literal(&self) -> bool {
        matches!(*self.piece, Piece::Literal(_))
    }

    /// The paths of the scope that the strings read, as far as they stand in the source.
    pub fn paths(&self) -> Vec<Vec<PathSegment<'_>>> {
        let mut paths = Vec::new();
        self.piece.each_text("", &mut |_, template| paths.extend(template.paths()));
        paths
    }

    /// Every template in it, with the JSON pointer where it stands.
    pub fn each_text<'p>(&'p self, visit: &mut impl FnMut(&str, &'p Template)) {
        self.piece.each_text("", visit);
    }
}

impl Piece {
    fn compile(value: &Value, depth: usize, nodes: &mut usize) -> Result<Self, CompileError> {
        if depth > VALUE_DEPTH {
            return Err(CompileError::new(0, format!("the value nests deeper than {VALUE_DEPTH} levels")));
        }
        match value {
            Value::String(source) => Self::compile_text(source, nodes),
            Value::Array(items) => Self::compile_list(items, depth, nodes),
            Value::Object(entries) => Self::compile_map(entries, depth, nodes),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Self::Literal(value.clone())),
        }
    }

    fn compile_text(source: &str, nodes: &mut usize) -> Result<Self, CompileError> {
        let template = Template::compile(source)?;
        if template.is_literal() {
            return Ok(Self::Literal(source.into()));
        }
        *nodes += template.nodes();
        if *nodes > DOCUMENT_NODES {
            let message = format!("the expressions of the document have more than {DOCUMENT_NODES} parts");
            return Err(CompileError::new(0, message));
        }
        Ok(Self::Text(template))
    }

    // Whole subtrees without an expression become one literal; the values move, nothing is copied twice.

    fn compile_list(items: &[Value], depth: usize, nodes: &mut usize) -> Result<Self, CompileError> {
        let mut pieces = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match Self::compile(item, depth + 1, nodes) {
                Ok(piece) => pieces.push(piece),
                Err(error) => return Err(error.within(&index.to_string())),
            }
        }
        if pieces.iter().all(Self::is_literal) {
            return Ok(Self::Literal(pieces.into_iter().map(Self::into_literal).collect()));
        }
        Ok(Self::List(pieces))
    }

    fn compile_map(entries: &Map<String, Value>, depth: usize, nodes: &mut usize) -> Result<Self, CompileError> {
        let mut pieces = Vec::with_capacity(entries.len());
        for (key, item) in entries {
            match Self::compile(item, depth + 1, nodes) {
                Ok(piece) => pieces.push((key.clone(), piece)),
                Err(error) => return Err(error.within(key)),
            }
        }
        if pieces.iter().all(|(_, piece)| piece.is_literal()) {
            let entries = pieces.into_iter().map(|(key, piece)| (key, piece.into_literal()));
            return Ok(Self::Literal(Value::Object(entries.collect())));
        }
        Ok(Self::Map(pieces))
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// The value of a piece that is known to be a literal.
    fn into_literal(self) -> Value {
        match self {
            Self::Literal(value) => value,
            Self::Text(_) | Self::List(_) | Self::Map(_) => Value::Null,
        }
    }

    fn each_text<'p>(&'p self, at: &str, visit: &mut impl FnMut(&str, &'p Template)) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => visit(at, template),
            Self::List(pieces) => {
                for (index, piece) in pieces.iter().enumerate() {
                    piece.each_text(&format!("{at}/{index}"), visit);
                }
            }
            Self::Map(pieces) => {
                for (key, piece) in pieces {
                    piece.each_text(&format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), visit);
                }
            }
        }
    }

    /// Renders at `depth` levels below the top.
    fn render(&self, scope: &dyn Scope, meter: &Meter, depth: usize) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => {
                check_depth(depth + meter.reserve_copy(Purse::Output, value)?)?;
                Ok(value.clone())
            }
            Self::Text(template) => {
                let (value, levels) = template.render_within(scope, meter)?;
                check_depth(depth + levels)?;
                Ok(value)
            }
            Self::List(pieces) => {
                meter.reserve(Purse::Output, pieces.len() * SLOT_BYTES)?;
                let mut items = Vec::with_capacity(pieces.len());
                for (index, piece) in pieces.iter().enumerate() {
                    let item = piece.render(scope, meter, depth + 1);
                    items.push(item.map_err(|error| error.within(&index.to_string()))?);
                }
                Ok(Value::Array(items))
            }
            Self::Map(pieces) => {
                let mut entries = Map::new();
                for (key, piece) in pieces {
                    meter.reserve(Purse::Output, key.len() + ENTRY_BYTES)?;
                    let value = piece.render(scope, meter, depth + 1);
                    entries.insert(key.clone(), value.map_err(|error| error.within(key))?);
                }
                Ok(Value::Object(entries))
            }
        }
    }
}
