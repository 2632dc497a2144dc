//! `subworkflow`: another workflow as one step.

use serde_json::{Value, json};

use crate::{
    domain::ids::WorkflowId,
    expression::{JsonTemplate, Template},
};

use super::{
    ChildRequest, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed, invalid},
    registry::{Kind, Port},
};

pub(super) const KIND: Kind = Kind {
    name: "subworkflow",
    title: "Sub-workflow",
    description: "Starts an execution of another workflow of the same workspace and waits for its end, or not.",
    category: "flow",
    result: "The output of the child execution; without waiting `{executionId}`.",
    properties: || {
        json!({
            "workflowId": { "type": "string", "description": "The workflow's id, or a template that gives it." },
            "version": { "type": "integer", "minimum": 1, "description": "Its version; by default the latest." },
            "input": { "description": "Any JSON, with templates in its texts; by default what the node was handed." },
            "wait": { "type": "boolean", "default": true, "description": "Whether to wait for the child's end." },
        })
    },
    required: &["workflowId"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "workflowId": "01900000-0000-7000-8000-000000000001", "input": { "order": "{{ input.orderId }}" } }),
};

struct Subworkflow {
    workflow_id: Template,
    version: Option<i64>,
    input: Option<JsonTemplate>,
    wait: bool,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let workflow_id = config.template("workflowId");
    if let Some(text) = config.text("workflowId")
        && workflow_id.as_ref().is_some_and(Template::is_literal)
        && text.trim().parse::<WorkflowId>().is_err()
    {
        config.problem("/workflowId", "`workflowId` is no workflow id (a UUID)");
    }
    let has_input = config.value("input").is_some();
    let input = config.json("input");
    if has_input && input.is_none() {
        return None;
    }
    let version = config.integer("version");
    let wait = config.flag("wait").unwrap_or(true);
    Some(Compiled::plain(Subworkflow { workflow_id: workflow_id?, version, input, wait }))
}

impl Node for Subworkflow {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let id = match self.workflow_id.render_text(context.scope) {
            Ok(text) => text,
            Err(error) => return expression_failed("workflowId", &error).into(),
        };
        let Ok(workflow_id) = id.trim().parse() else {
            return invalid("`workflowId` gave no workflow id (a UUID)").into();
        };
        let input = match &self.input {
            None => Value::clone(context.last_output),
            Some(template) => match template.render(context.scope) {
                Ok(input) => input,
                Err(error) => return expression_failed("input", &error).into(),
            },
        };
        Outcome::Child(Box::new(ChildRequest { workflow_id, version: self.version, input, wait: self.wait })).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::testing::{Bench, paths, problems_of},
    };

    const ID: &str = "01900000-0000-7000-8000-000000000001";

    fn request(data: Value) -> Outcome {
        Bench::new("subworkflow", data)
            .with("input", json!({ "id": ID, "n": 3 }))
            .with_last_output(json!("handed"))
            .run()
            .0
    }

    #[test]
    fn asks_for_a_child() {
        let base = ChildRequest { workflow_id: ID.parse().unwrap(), version: None, input: json!("handed"), wait: true };
        for (data, expected) in [
            (json!({ "workflowId": ID }), base.clone()),
            (json!({ "workflowId": "{{ input.id }}", "wait": false }), ChildRequest { wait: false, ..base.clone() }),
            (
                json!({ "workflowId": ID, "version": 4, "input": { "n": "{{ input.n }}" } }),
                ChildRequest { version: Some(4), input: json!({ "n": 3 }), ..base },
            ),
        ] {
            let Outcome::Child(request) = request(data) else { panic!("no child") };
            assert_eq!(*request, expected);
        }
    }

    #[test]
    fn fails_on_what_is_no_id() {
        let Outcome::Fail(failure) = request(json!({ "workflowId": "{{ input.n }}" })) else { panic!("not failed") };
        assert_eq!(failure.code, FailureCode::InvalidValue);
    }

    #[test]
    fn is_checked_when_saved() {
        for (data, path) in [
            (json!({}), "workflowId"),
            (json!({ "workflowId": "orders" }), "workflowId"),
            (json!({ "workflowId": ID, "version": 0 }), "version"),
            (json!({ "workflowId": ID, "input": "{{" }), "input"),
        ] {
            assert_eq!(paths(&problems_of("subworkflow", data)), [format!("/nodes/1/data/{path}")]);
        }
    }
}
