//! A node's configuration while it is compiled: the members of `data`, and the problems found in them.
//!
//! The JSON Schema of the type has its say about shapes. What reads here takes a member of the wrong shape for missing, so
//! that each mistake is told once, and all of them in one go.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    domain::{
        definition::Problem,
        failure::{Failure, FailureCode},
        secret::is_name,
    },
    expression::{CompileError, EvaluateError, Expression, JsonTemplate, PathSegment, Scope, Template},
};

use super::{
    Node, Role, registry,
    schema::{self, Schema},
};

/// A node's `data`, being compiled.
pub(super) struct Config<'d> {
    data: &'d Map<String, Value>,
    node_id: &'d str,
    path: String,
    problems: &'d mut Vec<Problem>,
    /// Whether other nodes name this one as their parent.
    pub(super) has_body: bool,
    /// The secrets that its fields read.
    pub(super) secrets: BTreeSet<String>,
}

/// The name that secrets are read by.
const SECRETS: &str = "secrets";

/// What an expression may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Everything but secrets: what it gives may end up in an event.
    Ordinary,
    /// Secrets by their names, too: the field is marked `x-secret` in the schema.
    Secrets,
}

/// What compiling a node's `data` gives.
pub(super) struct Compiled {
    pub(super) node: Box<dyn Node>,
    pub(super) role: Role,
    pub(super) ports: Ports,
}

/// The ports of one node.
pub(super) struct Ports {
    /// What an edge means that names no port.
    pub(super) unnamed: Unnamed,
    pub(super) named: Vec<String>,
    /// Ports that an edge must leave by.
    pub(super) required: &'static [&'static str],
    /// Other names of ports.
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// Whether the node can fail, and so has the ports `error` and `timeout`.
    pub(super) fails: bool,
    /// Whether the named ports are taken all at once: they are names of the default port.
    pub(super) at_once: bool,
}

/// What an edge means that names no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// The default port.
    Default,
    /// This port.
    Port(&'static str),
    /// Nothing: the port must be named.
    Refused,
}

impl Ports {
    /// The default port, `error`, and `timeout` where there is a time limit.
    pub(super) fn plain() -> Self {
        Self { unnamed: Unnamed::Default, named: Vec::new(), required: &[], aliases: &[], fails: true, at_once: false }
    }

    /// Only the default port: the node can't fail.
    pub(super) fn unfailing() -> Self {
        Self { fails: false, ..Self::plain() }
    }

    /// No edge leaves the node.
    pub(super) fn none() -> Self {
        Self { unnamed: Unnamed::Refused, fails: false, ..Self::plain() }
    }
}

impl Compiled {
    /// A node without anything special to it.
    pub(super) fn plain(node: impl Node + 'static) -> Self {
        Self { node: Box::new(node), role: Role::Plain, ports: Ports::plain() }
    }
}

impl<'d> Config<'d> {
    pub(super) fn new(
        data: &'d Map<String, Value>,
        node_id: &'d str,
        path: String,
        problems: &'d mut Vec<Problem>,
    ) -> Self {
        Self { data, node_id, path, problems, has_body: false, secrets: BTreeSet::new() }
    }

    /// Compiles what stands inside this configuration like one of its own, at a pointer into `data`.
    pub(super) fn within<T>(
        &mut self,
        pointer: &str,
        data: &Map<String, Value>,
        compile: impl FnOnce(&mut Config<'_>) -> T,
    ) -> T {
        let path = format!("{}{pointer}", self.path);
        let mut inner = Config::new(data, self.node_id, path, self.problems);
        let compiled = compile(&mut inner);
        let read = inner.secrets;
        self.secrets.extend(read);
        compiled
    }

    /// Notes problems that were found by their whole path.
    pub(super) fn problems(&mut self, found: Vec<Problem>) {
        let node_id = Some(self.node_id.to_owned());
        self.problems.extend(found.into_iter().map(|found| Problem { node_id: node_id.clone(), ..found }));
    }

    /// The pointer of `data` in the definition.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// All members.
    pub(super) fn members(&self) -> &'d Map<String, Value> {
        self.data
    }

    /// Notes a problem at a pointer into `data`.
    pub(super) fn problem(&mut self, pointer: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            path: format!("{}{pointer}", self.path),
            message: message.into(),
            node_id: Some(self.node_id.to_owned()),
            edge_id: None,
        });
    }

    /// A member that is set; null means not set.
    pub(super) fn value(&self, field: &str) -> Option<&'d Value> {
        self.data.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, field: &str) -> Option<&'d str> {
        self.value(field).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        self.value(field).and_then(Value::as_bool)
    }

    pub(super) fn integer(&self, field: &str) -> Option<i64> {
        self.value(field).and_then(integer)
    }

    pub(super) fn list(&self, field: &str) -> &'d [Value] {
        self.value(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The expression in a text member.
    pub(super) fn expression(&mut self, field: &str) -> Option<Expression> {
        let source = self.text(field)?;
        self.expression_at(&schema::segment(field), source)
    }

    /// Compiles an expression that stands at a pointer into `data`. The braces of a template around the whole of it are
    /// taken off: no expression begins with two of them.
    pub(super) fn expression_at(&mut self, pointer: &str, source: &str) -> Option<Expression> {
        let inner = unwrap_braces(source);
        let offset = inner.as_ptr().addr() - source.as_ptr().addr();
        match Expression::compile(inner) {
            Ok(expression) => self.may_read(pointer, expression.all_paths(), Reads::Ordinary).then_some(expression),
            Err(error) => {
                let position = error.position + offset;
                self.compile_error(pointer, CompileError { position, ..error });
                None
            }
        }
    }

    /// The template in a text member.
    pub(super) fn template(&mut self, field: &str) -> Option<Template> {
        self.template_at(&schema::segment(field), self.text(field)?)
    }

    /// The same in a field that is marked secret.
    pub(super) fn secret_template(&mut self, field: &str) -> Option<Template> {
        self.secret_template_at(&schema::segment(field), self.text(field)?)
    }

    /// Compiles a template that stands at a pointer into `data`.
    pub(super) fn template_at(&mut self, pointer: &str, source: &str) -> Option<Template> {
        self.any_template(pointer, source, Reads::Ordinary)
    }

    /// The same in a field that is marked secret.
    pub(super) fn secret_template_at(&mut self, pointer: &str, source: &str) -> Option<Template> {
        self.any_template(pointer, source, Reads::Secrets)
    }

    fn any_template(&mut self, pointer: &str, source: &str, reads: Reads) -> Option<Template> {
        match Template::compile(source) {
            Ok(template) => self.may_read(pointer, template.all_paths(), reads).then_some(template),
            Err(error) => {
                self.compile_error(pointer, error);
                None
            }
        }
    }

    /// The templates in a member of any shape.
    pub(super) fn json(&mut self, field: &str) -> Option<JsonTemplate> {
        self.json_at(&schema::segment(field), self.value(field)?)
    }

    /// The same in a field that is marked secret.
    pub(super) fn secret_json(&mut self, field: &str) -> Option<JsonTemplate> {
        self.any_json(&schema::segment(field), self.value(field)?, Reads::Secrets)
    }

    /// Compiles the templates in a value that stands at a pointer into `data`.
    pub(super) fn json_at(&mut self, pointer: &str, value: &Value) -> Option<JsonTemplate> {
        self.any_json(pointer, value, Reads::Ordinary)
    }

    fn any_json(&mut self, pointer: &str, value: &Value, reads: Reads) -> Option<JsonTemplate> {
        let template = match JsonTemplate::compile(value) {
            Ok(template) => template,
            Err(error) => {
                self.compile_error(pointer, error);
                return None;
            }
        };
        let mut may = true;
        template.each_text(&mut |at, text| {
            may &= self.may_read(&format!("{pointer}{at}"), text.all_paths(), reads);
        });
        may.then_some(template)
    }

    /// Whether an expression may read these paths; notes the secrets that it reads, or the problem.
    fn may_read<'p>(&mut self, pointer: &str, paths: impl Iterator<Item = Vec<PathSegment<'p>>>, reads: Reads) -> bool {
        for path in paths {
            if path.first() != Some(&PathSegment::Key(SECRETS)) {
                continue;
            }
            let message = match (reads, path.as_slice()) {
                (Reads::Ordinary, _) => no_secrets_here(),
                (Reads::Secrets, [_, PathSegment::Key(name)]) if is_name(name) => {
                    self.secrets.insert((*name).to_owned());
                    continue;
                }
                (Reads::Secrets, [_]) => {
                    "`secrets` is read as a whole or by a name that is computed; write `secrets.` and the name"
                        .to_owned()
                }
                (Reads::Secrets, [_, PathSegment::Key(_) | PathSegment::Index(_)]) => {
                    "the name of a secret has up to 64 letters, digits and `_`, and does not begin with a digit"
                        .to_owned()
                }
                (Reads::Secrets, _) => "a secret is a text: nothing can stand after its name".to_owned(),
            };
            self.problem(pointer, message);
            return false;
        }
        true
    }

    /// A value that is written as a template, as a bare expression, or out.
    pub(super) fn source(&mut self, field: &str) -> Option<Source> {
        match self.value(field)? {
            Value::String(text) if !text.contains("{{") => self.expression(field).map(Source::Expression),
            _ => self.json(field).map(Source::Template),
        }
    }

    /// The JSON Schema in a member.
    pub(super) fn schema(&mut self, field: &str) -> Option<Schema> {
        match Schema::compile(self.value(field)?) {
            Ok(schema) => Some(schema),
            Err((pointer, message)) => {
                self.problem(&format!("{}{pointer}", schema::segment(field)), message);
                None
            }
        }
    }

    fn compile_error(&mut self, pointer: &str, error: CompileError) {
        let message = format!("{} (at byte {})", error.message, error.position);
        self.problem(&format!("{pointer}{}", error.path), message);
    }
}

/// See [`Config::source`].
#[derive(Clone, Debug)]
pub(super) enum Source {
    Expression(Expression),
    Template(JsonTemplate),
}

impl Source {
    pub(super) fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluateError> {
        match self {
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Template(template) => template.render(scope),
        }
    }
}

/// Whether one of these paths is that of secrets.
pub(super) fn reads_secrets<'p>(mut paths: impl Iterator<Item = Vec<PathSegment<'p>>>) -> bool {
    paths.any(|path| path.first() == Some(&PathSegment::Key(SECRETS)))
}

/// Why a field may not read secrets, and which may.
pub(super) fn no_secrets_here() -> String {
    format!("`secrets` can't be read here, only in fields that are marked secret: {}", registry::secret_fields())
}

/// The failure of an expression or template, naming the field it stands in.
pub(super) fn expression_failed(field: &str, error: &EvaluateError) -> Failure {
    Failure::new(FailureCode::ExpressionFailed, format!("`{field}`: {error}"))
}

/// The failure of a value that does not fit.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::InvalidValue, message)
}

/// A number without a fraction, however it is written: to JSON Schema `2.0` is an integer, too.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64))
}

fn unwrap_braces(source: &str) -> &str {
    source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(source)
}
