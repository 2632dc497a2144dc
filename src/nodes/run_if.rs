//! `runIf`: a condition in front of a node. Where it does not hold the node is passed over: it is `skipped`, and what follows
//! goes on with what the node was handed, as if it were not there.
//!
//! It is written in the language of expressions, or, for pipelines that come from elsewhere, in that of [`crate::condition`], over
//! names that it brings along. It is judged before the first attempt only, and as pure as the values it reads: a crash judges it
//! again to the same result.

use serde_json::{Map, Value, json};

use crate::{
    condition::Condition,
    expression::{Expression, JsonTemplate, Scope},
};

use super::{
    Failure,
    config::{Config, Ports, Unnamed, expression_failed, invalid},
};

const FIELD: &str = "runIf";

/// A condition in front of a node, compiled.
#[derive(Clone, Debug)]
pub struct RunIf {
    test: Test,
    /// Whether the node is passed over, too, where the condition can't be told.
    skips_on_error: bool,
    /// The port by which the flow goes on; none is the default port.
    pub port: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Test {
    Own(Expression),
    Python { condition: Condition, names: Option<JsonTemplate> },
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The node runs.
    Run,
    /// It is passed over, for this reason.
    PassOver(String),
    /// The condition can't be told: the node fails.
    Fail(Failure),
}

impl RunIf {
    /// Judges with the values that the node would see.
    pub fn judge(&self, scope: &dyn Scope) -> Verdict {
        match self.test.holds(scope) {
            Ok(true) => Verdict::Run,
            Ok(false) => Verdict::PassOver(format!("`{FIELD}` is false")),
            Err(failure) if self.skips_on_error => Verdict::PassOver(failure.message),
            Err(failure) => Verdict::Fail(failure),
        }
    }
}

impl Test {
    fn holds(&self, scope: &dyn Scope) -> Result<bool, Failure> {
        match self {
            Self::Own(expression) => expression.test(scope).map_err(|error| expression_failed(FIELD, &error)),
            Self::Python { condition, names } => {
                let rendered = names.as_ref().map(|names| names.render(scope)).transpose();
                let names = match rendered.map_err(|error| expression_failed("runIf/names", &error))? {
                    Some(Value::Object(names)) => names,
                    _ => Map::new(),
                };
                condition.holds(&names).map_err(|error| invalid(format!("`{FIELD}`: {error}")))
            }
        }
    }
}

/// The field, as a property of a JSON Schema.
pub(super) fn property() -> Value {
    json!({
        "type": ["string", "object"],
        "minLength": 1,
        "description": "An expression. Where it is false the node is `skipped`, and what follows goes on by the port of edges that \
                        name none, with what the node was handed. An object is a condition in another language (docs/conditions.md).",
        "properties": {
            "language": { "enum": ["python"], "description": "The language." },
            "expression": { "type": "string", "minLength": 1, "description": "The condition in that language." },
            "names": {
                "type": "object",
                "description": "The names that it may read: any JSON, with templates in its texts.",
            },
            "onError": {
                "enum": ["fail", "skip"],
                "default": "fail",
                "description": "What becomes of the node where the condition can't be told.",
            },
        },
        "required": ["language", "expression"],
        "additionalProperties": false,
    })
}

/// Reads the field of a node with these ports.
pub(super) fn compile(config: &mut Config<'_>, ports: &Ports) -> Option<RunIf> {
    let (test, skips_on_error) = match config.value(FIELD)? {
        Value::Object(foreign) => {
            let skips = foreign.get("onError").and_then(Value::as_str) == Some("skip");
            (compile_python(config, foreign)?, skips)
        }
        _ => (Test::Own(config.expression(FIELD)?), false),
    };
    let port = match ports.unnamed {
        Unnamed::Default => None,
        Unnamed::Port(port) => Some(port),
        Unnamed::Refused => {
            let message = "the node can't be passed over: its edges have to name ports, and none of them means that";
            config.problem(&format!("/{FIELD}"), message);
            return None;
        }
    };
    Some(RunIf { test, skips_on_error, port })
}

fn compile_python(config: &mut Config<'_>, foreign: &Map<String, Value>) -> Option<Test> {
    let names = foreign.get("names").filter(|names| names.is_object());
    let names = names.map(|names| config.json_at(&format!("/{FIELD}/names"), names));
    // The schema has its say about the shape.
    let source = foreign.get("expression").and_then(Value::as_str)?;
    match Condition::compile(source) {
        Ok(condition) => Some(Test::Python {
            condition,
            names: match names {
                None => None,
                Some(names) => Some(names?),
            },
        }),
        Err(error) => {
            config.problem(&format!("/{FIELD}/expression"), error.to_string());
            None
        }
    }
}
