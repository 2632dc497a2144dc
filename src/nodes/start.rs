//! `start`: where an execution begins, and what input it may begin with.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::definition::Problem;

use super::{
    CompiledWorkflow, Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports},
    registry::{Kind, Port},
    schema::{self, Schema},
};

pub(super) const KIND: Kind = Kind {
    name: "start",
    title: "Start",
    description: "The beginning: exactly one in a workflow. Its output is the input that the trigger gave.",
    category: "flow",
    result: "The input.",
    properties: || {
        json!({
            "inputSchema": {
                "type": ["object", "boolean"],
                "description": "JSON Schema (2020-12 or draft-07) of the input. A trigger whose input misses it is refused.",
            },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT],
    compile,
    example: || {
        json!({
            "inputSchema": {
                "type": "object",
                "properties": { "orderId": { "type": "string" }, "total": { "type": "number", "minimum": 0 } },
                "required": ["orderId"],
            },
        })
    },
};

struct Start {
    input: Option<Schema>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let input = config.schema("inputSchema");
    Some(Compiled { node: Box::new(Start { input }), role: Role::Plain, ports: Ports::unfailing() })
}

impl Node for Start {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let output = Arc::clone(context.last_output);
        Outcome::Complete(Completion { output, port: None, transparent: false }).into()
    }

    fn check_input(&self, input: &Value) -> Vec<Problem> {
        self.input.as_ref().map_or_else(Vec::new, |schema| schema.check(input, "/input"))
    }
}

/// Whether an execution of `workflow` may begin with `input`; otherwise what is wrong, with paths such as `/input/total`.
pub fn check_input(workflow: &CompiledWorkflow, input: &Value) -> Result<(), Vec<Problem>> {
    let mut problems: Vec<_> = schema::check_depth(input, "/input").into_iter().collect();
    if problems.is_empty() {
        problems = workflow.node(workflow.graph.start).node.check_input(input);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{
        registry,
        testing::{Bench, definition, paths, problems_of},
    };

    #[test]
    fn hands_on_the_input() {
        let outcome = Bench::new("start", json!({})).with_last_output(json!({ "a": 1 })).run();
        assert_eq!(outcome.output(), json!({ "a": 1 }));
    }

    #[test]
    fn checks_the_input() {
        let workflow = |data: Value| {
            registry::compile(&definition(json!({
                "nodes": [{ "id": "s", "type": "start", "data": data }, { "id": "e", "type": "end" }],
                "edges": [{ "source": "s", "target": "e" }],
            })))
            .unwrap()
        };
        let strict = workflow(json!({ "inputSchema": { "type": "object", "required": ["total"] } }));
        assert_eq!(check_input(&strict, &json!({ "total": 1 })), Ok(()));
        assert_eq!(paths(&check_input(&strict, &json!({})).unwrap_err()), ["/input/total"]);
        let deep = (0..=schema::MAX_VALUE_DEPTH).fold(json!(1), |value, _| json!([value]));
        let open = workflow(json!({}));
        assert_eq!(check_input(&open, &Value::Null), Ok(()));
        assert_eq!(paths(&check_input(&open, &deep).unwrap_err()), ["/input"]);
    }

    #[test]
    fn refuses_a_broken_schema() {
        let problems = problems_of("start", json!({ "inputSchema": { "properties": { "a": { "type": "text" } } } }));
        assert_eq!(paths(&problems), ["/nodes/0/data/inputSchema/properties/a/type"]);
    }
}
