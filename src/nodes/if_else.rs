//! `if-else`: one of two ways.

use std::sync::Arc;

use serde_json::json;

use crate::expression::Expression;

use super::{
    Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports, Unnamed, expression_failed},
    registry::{Kind, Port},
};

pub(super) const KIND: Kind = Kind {
    name: "if-else",
    title: "If / else",
    description: "Goes on by `if` where the condition is true, by `else` where it is false or null; both must be wired. \
                  What the node was handed is handed on.",
    category: "flow",
    result: "`{condition, branch}`, with `branch` the port.",
    properties: || json!({ "condition": { "type": "string", "description": "An expression that gives true or false." } }),
    required: &["condition"],
    refused: &[],
    attempts: true,
    ports: &[
        Port { id: "if", description: "The condition is true. Also called `true`.", required: true },
        Port { id: "else", description: "The condition is false or null. Also called `false`.", required: true },
        Port::ERROR,
    ],
    compile,
    example: || json!({ "condition": "input.total > 100 && input.country in [\"DE\", \"FR\"]" }),
};

struct IfElse {
    condition: Expression,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let condition = config.expression("condition")?;
    let ports = Ports {
        unnamed: Unnamed::Refused,
        named: vec!["if".to_owned(), "else".to_owned()],
        required: &["if", "else"],
        aliases: &[("true", "if"), ("false", "else")],
        ..Ports::plain()
    };
    Some(Compiled { node: Box::new(IfElse { condition }), role: Role::Plain, ports })
}

impl Node for IfElse {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.condition.test(context.scope) {
            Err(error) => expression_failed("condition", &error).into(),
            Ok(condition) => {
                let branch = if condition { "if" } else { "else" };
                let output = Arc::new(json!({ "condition": condition, "branch": branch }));
                Outcome::Complete(Completion { output, port: Some(branch.to_owned()), transparent: true }).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::testing::{Bench, paths, problems_of},
    };

    fn run(condition: &str, total: Value) -> Outcome {
        Bench::new("if-else", json!({ "condition": condition })).with("input", json!({ "total": total })).run().0
    }

    #[test]
    fn takes_one_of_two_ports() {
        for (total, port, truth) in [(json!(101), "if", true), (json!(100), "else", false)] {
            let Outcome::Complete(done) = run("input.total > 100", total) else { panic!("not complete") };
            assert_eq!(done.port.as_deref(), Some(port));
            assert_eq!(*done.output, json!({ "condition": truth, "branch": port }));
            assert!(done.transparent);
        }
        let Outcome::Complete(done) = run("{{ input.missing }}", Value::Null) else { panic!("not complete") };
        assert_eq!(done.port.as_deref(), Some("else"));
    }

    #[test]
    fn fails_on_what_is_no_truth() {
        let Outcome::Fail(failure) = run("input.total", json!("yes")) else { panic!("not failed") };
        assert_eq!(failure.code, FailureCode::ExpressionFailed);
        assert!(failure.message.starts_with("`condition`: "), "{}", failure.message);
    }

    #[test]
    fn needs_a_condition() {
        assert_eq!(paths(&problems_of("if-else", json!({}))), ["/nodes/1/data/condition"]);
        assert_eq!(paths(&problems_of("if-else", json!({ "condition": "" }))), ["/nodes/1/data/condition"]);
        assert_eq!(paths(&problems_of("if-else", json!({ "condition": 1 }))), ["/nodes/1/data/condition"]);
    }
}
