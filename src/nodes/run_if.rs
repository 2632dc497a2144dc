//! `runIf`: a condition in front of a node. Where it does not hold the node is passed over: it is `skipped`, and what follows
//! goes on with what the node was handed, as if it were not there.
//!
//! The condition is judged before the first attempt only. It is as pure as the values it reads, so a crash judges it again to
//! the same result.

use serde_json::{Value, json};

use crate::expression::{Expression, Scope};

use super::{
    Failure,
    config::{Config, Ports, Unnamed, expression_failed},
};

const FIELD: &str = "runIf";

/// A condition in front of a node, compiled.
#[derive(Clone, Debug)]
pub struct RunIf {
    test: Expression,
    /// The port by which the flow goes on; none is the default port.
    pub port: Option<&'static str>,
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
        match self.test.test(scope) {
            Ok(true) => Verdict::Run,
            Ok(false) => Verdict::PassOver("`runIf` is false".to_owned()),
            Err(error) => Verdict::Fail(expression_failed(FIELD, &error)),
        }
    }
}

/// The field, as a property of a JSON Schema.
pub(super) fn property() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "description": "An expression. Where it is false the node is `skipped`, and what follows goes on by the port of edges that \
                        name none, with what the node was handed.",
    })
}

/// Reads the field of a node with these ports.
pub(super) fn compile(config: &mut Config<'_>, ports: &Ports) -> Option<RunIf> {
    config.value(FIELD)?;
    let test = config.expression(FIELD)?;
    let port = match ports.unnamed {
        Unnamed::Default => None,
        Unnamed::Port(port) => Some(port),
        Unnamed::Refused => {
            let message = "the node can't be passed over: its edges have to name ports, and none of them means that";
            config.problem(&format!("/{FIELD}"), message);
            return None;
        }
    };
    Some(RunIf { test, port })
}
