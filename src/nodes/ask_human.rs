//! `ask-human`: a question to a person, answered by a text, a choice or a form.

use serde_json::{Value, json};

use crate::domain::suspension::SuspensionKind;

use super::{
    Node, NodeContext, Role, Step,
    config::{Compiled, Config, Ports},
    question::{self, Inquiry},
    registry::{Kind, Port},
};

pub(super) const KIND: Kind = Kind {
    name: "ask-human",
    title: "Ask a person",
    description: "Stops until somebody answers a question: by a text, by one of the choices, or by filling a form.",
    category: "people",
    result: "`{answer, data, by, at}`; with a form the answer is its `data`.",
    properties: || {
        let mut properties = question::properties(&["fail", "cancel", "default"], "assignees");
        let own = json!({
            "question": { "type": "string", "minLength": 1, "description": "The question; a template." },
            "choices": {
                "type": ["array", "string"],
                "minItems": 1,
                "maxItems": 200,
                "uniqueItems": true,
                "items": { "type": "string", "minLength": 1, "maxLength": 1000 },
                "description": "The answers to choose from; texts with templates, or a template that gives the list.",
            },
            "defaultAnswer": { "description": "With `onExpiry: default`: the answer, or with a form its `data`." },
        });
        properties.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(properties)
    },
    required: &["question"],
    refused: &[],
    attempts: true,
    ports: &[
        Port::DEFAULT,
        Port {
            id: "expired",
            description: "Nobody answered in time, and `onExpiry` names this port.",
            required: false,
        },
        Port::ERROR,
    ],
    compile,
    example: || {
        json!({
            "question": "Which warehouse ships order {{ input.orderId }}?",
            "choices": ["Hamburg", "Lyon"],
            "expiresIn": "P2D",
            "onExpiry": "default",
            "defaultAnswer": "Hamburg",
        })
    },
};

struct AskHuman {
    inquiry: Inquiry,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    if config.value("form").is_some() && config.value("choices").is_some() {
        config.problem("/choices", "`choices` and `form` can't both be set");
    }
    if config.text("choices").is_some_and(|text| !text.contains("{{")) {
        config.problem("/choices", "`choices` is a list, or a template that gives one");
    }
    let mut ports = Ports::plain();
    let inquiry = Inquiry::compile(config, SuspensionKind::AskHuman, "question", Vec::new(), &mut ports)?;
    Some(Compiled { node: Box::new(AskHuman { inquiry }), role: Role::Plain, ports })
}

impl Node for AskHuman {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        self.inquiry.ask(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{failure::FailureCode, suspension::OnExpiry},
        nodes::testing::{Bench, paths, problems_of},
    };

    fn bench(data: Value) -> Bench {
        Bench::new("ask-human", data).with("input", json!({ "colours": ["red", 7], "none": [] }))
    }

    #[test]
    fn asks() {
        let question =
            bench(json!({ "question": "Which of {{ size(input.colours) }}?", "choices": "{{ input.colours }}" }));
        let question = question.run().question();
        assert_eq!(question.kind, SuspensionKind::AskHuman);
        assert_eq!(question.message, "Which of 2?");
        assert_eq!(question.choices, ["red", "7"]);
        assert!(question.actions.is_empty());
        let data = json!({ "question": "?", "expiresIn": "1h", "onExpiry": "default", "defaultAnswer": "blue" });
        let question = bench(data).run().question();
        assert_eq!((question.on_expiry, question.default_answer), (OnExpiry::Default, Some(json!("blue"))));
    }

    #[test]
    fn fails_without_choices() {
        for choices in ["{{ input.none }}", "{{ input.missing }}", "{{ [1, \"1\"] }}", "{{ [{}] }}"] {
            let failure = bench(json!({ "question": "?", "choices": choices })).run().failure();
            assert_eq!(failure.code, FailureCode::InvalidValue, "{choices}");
        }
    }

    #[test]
    fn is_checked_when_saved() {
        let expiring = |more: Value| {
            let mut data = json!({ "question": "?", "expiresIn": "1h", "onExpiry": "default" });
            data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            data
        };
        let form = json!({ "properties": { "n": { "type": "integer" } } });
        for (data, path) in [
            (json!({}), "question"),
            (json!({ "question": "?", "assignees": ["a"] }), "assignees"),
            (json!({ "question": "?", "assignees": { "users": [""] } }), "assignees/users/0"),
            (json!({ "question": "?", "approvers": { "users": ["a"] } }), "approvers"),
            (json!({ "question": "?", "quorum": { "required": 2 } }), "quorum"),
            (json!({ "question": "?", "actions": [] }), "actions"),
            (json!({ "question": "?", "choices": "red" }), "choices"),
            (json!({ "question": "?", "choices": ["a", ""] }), "choices/1"),
            (json!({ "question": "?", "choices": ["a"], "form": {} }), "choices"),
            (json!({ "question": "?", "expiresIn": "1h", "onExpiry": "approve" }), "onExpiry"),
            (json!({ "question": "?", "expiresIn": "1h", "onExpiry": { "port": "rejected" } }), "onExpiry/port"),
            (expiring(json!({ "choices": ["a"], "defaultAnswer": "b" })), "defaultAnswer"),
            (expiring(json!({ "defaultAnswer": 5 })), "defaultAnswer"),
            (expiring(json!({ "form": form, "defaultAnswer": { "n": "x" } })), "defaultAnswer/n"),
        ] {
            assert_eq!(paths(&problems_of("ask-human", data.clone())), [format!("/nodes/1/data/{path}")], "{data}");
        }
    }
}
