//! `end`: what an execution gives back.

use std::sync::Arc;

use serde_json::json;

use crate::expression::JsonTemplate;

use super::{
    Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports, expression_failed},
    registry::Kind,
};

pub(super) const KIND: Kind = Kind {
    name: "end",
    title: "End",
    description: "An end of the workflow; there may be several. The output of the first one that is reached is the \
                  output of the execution. Branches that still run go on, unless `terminate` is set.",
    category: "flow",
    result: "`output`, or what the node was handed.",
    properties: || {
        json!({
            "output": { "description": "The execution's output: any JSON, with templates in its texts." },
            "terminate": { "type": "boolean", "default": false, "description": "Ends the branches that still run." },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[],
    compile,
    example: || json!({ "output": { "order": "{{ input.orderId }}", "result": "{{ lastOutput }}" } }),
};

struct End {
    output: Option<JsonTemplate>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let output = config.json("output");
    let terminate = config.flag("terminate").unwrap_or_default();
    Some(Compiled { node: Box::new(End { output }), role: Role::End { terminate }, ports: Ports::none() })
}

impl Node for End {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let output = match &self.output {
            None => Arc::clone(context.last_output),
            Some(template) => match template.render(context.scope) {
                Ok(value) => Arc::new(value),
                Err(error) => return expression_failed("output", &error).into(),
            },
        };
        Outcome::Complete(Completion { output, port: None, transparent: false }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::testing::{Bench, paths, problems_of},
    };

    #[test]
    fn gives_its_output_or_what_it_was_handed() {
        let bench = Bench::new("end", json!({ "output": { "sum": "{{ input.a + 1 }}" } }));
        assert_eq!(bench.with("input", json!({ "a": 2 })).run().output(), json!({ "sum": 3 }));
        let bench = Bench::new("end", json!({ "output": null }));
        assert_eq!(bench.with_last_output(json!("x")).run().output(), json!("x"));
        let failure = Bench::new("end", json!({ "output": "{{ 1 / 0 }}" })).run().failure();
        assert_eq!(failure.code, FailureCode::ExpressionFailed);
        assert!(failure.message.starts_with("`output`: "), "{}", failure.message);
    }

    #[test]
    fn has_a_role() {
        assert_eq!(Bench::new("end", json!({ "terminate": true })).role(), Role::End { terminate: true });
        assert_eq!(Bench::new("end", json!({})).role(), Role::End { terminate: false });
    }

    #[test]
    fn names_the_broken_template() {
        let problems = problems_of("end", json!({ "output": { "a": ["{{ 1 + }}"] } }));
        assert_eq!(paths(&problems), ["/nodes/1/data/output/a/0"]);
        assert!(problems[0].message.contains("at byte"), "{}", problems[0].message);
    }
}
