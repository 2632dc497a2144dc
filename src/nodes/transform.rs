//! `transform`: a value made from other values.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Completion, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, Source, expression_failed},
    registry::{Kind, Port},
    schema,
};

pub(super) const KIND: Kind = Kind {
    name: "transform",
    title: "Transform",
    description: "Makes a value from other values: by one expression, or by JSON with templates in its texts. With \
                  neither it hands on what it was handed.",
    category: "data",
    result: "The value.",
    properties: || {
        json!({
            "transformScript": { "type": "string", "description": "An expression." },
            "transformation": { "type": "string", "description": "Another name of `transformScript`." },
            "expression": { "type": "string", "description": "Another name of `transformScript`." },
            "output": { "description": "Any JSON, with templates in its texts." },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "transformScript": "{\"net\": input.total / 1.19, \"tags\": input.tags.filter(t, t != \"\")}" }),
};

/// The names of the field that holds the expression. An editor leaves unused ones behind as empty texts.
const SCRIPTS: [&str; 3] = ["transformScript", "transformation", "expression"];

struct Transform {
    value: Option<(&'static str, Source)>,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let mut set: Vec<_> =
        SCRIPTS.into_iter().filter(|field| config.text(field).is_some_and(|text| !text.trim().is_empty())).collect();
    if config.value("output").is_some() {
        set.push("output");
    }
    if let [first, second, ..] = set[..] {
        config.problem(&schema::segment(second), format!("`{second}` and `{first}` can't both be set"));
        return None;
    }
    let value = match set.first() {
        None => None,
        Some(&"output") => Some(("output", Source::Template(config.json("output")?))),
        Some(&field) => Some((field, Source::Expression(config.expression(field)?))),
    };
    Some(Compiled::plain(Transform { value }))
}

impl Node for Transform {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let output: Arc<Value> = match &self.value {
            None => Arc::clone(context.last_output),
            Some((field, source)) => match source.evaluate(context.scope) {
                Ok(value) => Arc::new(value),
                Err(error) => return expression_failed(field, &error).into(),
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
    fn evaluates_any_of_its_fields() {
        for data in [
            json!({ "transformScript": "input.a * 2" }),
            json!({ "transformation": "input.a * 2", "transformScript": "" }),
            json!({ "expression": "{{ input.a * 2 }}" }),
            json!({ "output": "{{ input.a * 2 }}" }),
        ] {
            assert_eq!(Bench::new("transform", data).with("input", json!({ "a": 4 })).run().output(), json!(8));
        }
        let handed = Bench::new("transform", json!({})).with_last_output(json!([1])).run();
        assert_eq!(handed.output(), json!([1]));
    }

    #[test]
    fn names_the_field_that_fails() {
        let failure =
            Bench::new("transform", json!({ "expression": "input.a / 0" })).with("input", json!({ "a": 1 })).run();
        let failure = failure.failure();
        assert_eq!((failure.code, failure.retryable), (FailureCode::ExpressionFailed, false));
        assert!(failure.message.starts_with("`expression`: "), "{}", failure.message);
    }

    #[test]
    fn refuses_two_scripts_and_broken_ones() {
        let problems = problems_of("transform", json!({ "transformScript": "1", "output": 2 }));
        assert_eq!(paths(&problems), ["/nodes/1/data/output"]);
        let problems = problems_of("transform", json!({ "transformScript": "{{ 1 + }}" }));
        assert_eq!(paths(&problems), ["/nodes/1/data/transformScript"]);
    }
}
