//! `callback`: waits until somebody outside calls an address that nobody else knows.

use serde_json::{Value, json};

use crate::domain::suspension::SuspensionKind;

use super::{
    Node, NodeContext, Role, Step,
    config::{Compiled, Config, Ports},
    notify,
    question::{self, Inquiry},
    registry::{Kind, Port},
};

pub(super) const KIND: Kind = Kind {
    name: "callback",
    title: "Callback",
    description: "Stops until a program posts JSON to an address made for this one wait; the JSON is the result. The first \
                  call wins. The address is sent to the webhooks in `notify`, and shown to editors; it is in no event.",
    category: "network",
    result: "The JSON that was posted.",
    properties: || {
        let mut properties = question::properties(&["fail", "cancel", "default"], "assignees");
        let shared = ["title", "context", "expiresIn", "expiresAt", "onExpiry"];
        properties.retain(|name, _| shared.contains(&name.as_str()));
        let own = json!({
            "message": { "type": "string", "minLength": 1, "description": "What is waited for; a template." },
            "notify": notify::property(&["webhook"]),
            "defaultAnswer": { "description": "With `onExpiry: default`: the result then." },
        });
        properties.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(properties)
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[
        Port::DEFAULT,
        Port { id: "expired", description: "Nobody called in time, and `onExpiry` names this port.", required: false },
        Port::ERROR,
    ],
    compile,
    example: || {
        json!({
            "message": "The laboratory's result for sample {{ input.sampleId }}",
            "notify": [{ "type": "webhook", "url": "https://lab.example.com/samples", "secret": "{{ input.labSecret }}" }],
            "expiresIn": "P3D",
        })
    },
};

struct Callback {
    inquiry: Inquiry,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let mut ports = Ports::plain();
    let inquiry = Inquiry::compile(config, SuspensionKind::Callback, "message", Vec::new(), &mut ports)?;
    Some(Compiled { node: Box::new(Callback { inquiry }), role: Role::Plain, ports })
}

impl Node for Callback {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        self.inquiry.ask(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::suspension::OnExpiry,
        nodes::testing::{Bench, NOW, paths, problems_of},
    };

    #[test]
    fn waits_for_a_call() {
        let question = Bench::new("callback", json!({})).run().question();
        assert_eq!((question.kind, question.message.as_str()), (SuspensionKind::Callback, "A call is waited for"));
        let data = json!({
            "message": "Sample {{ input.n }}",
            "notify": [{ "type": "webhook", "url": "https://example.com" }],
            "expiresIn": "1h",
            "onExpiry": "default",
            "defaultAnswer": { "late": true },
        });
        let question = Bench::new("callback", data).with("input", json!({ "n": 7 })).run().question();
        assert_eq!((question.message.as_str(), question.notify.len()), ("Sample 7", 1));
        assert_eq!(question.expires_at, Some(NOW.plus_ms(3_600_000)));
        assert_eq!((question.on_expiry, question.default_answer), (OnExpiry::Default, Some(json!({ "late": true }))));
    }

    #[test]
    fn is_checked_when_saved() {
        for (data, path) in [
            (json!({ "form": {} }), "/nodes/1/data/form"),
            (json!({ "reminders": [] }), "/nodes/1/data/reminders"),
            (json!({ "notify": [{ "type": "email", "to": "a@b.c" }] }), "/nodes/1/data/notify/0"),
            (json!({ "onExpiry": "cancel" }), "/nodes/1/data/onExpiry"),
            (json!({ "expiresIn": "1h", "onExpiry": "default" }), "/nodes/1/data/defaultAnswer"),
        ] {
            let problems = problems_of("callback", data);
            assert!(
                paths(&problems).iter().all(|found| found.starts_with(path)) && !problems.is_empty(),
                "{problems:?}"
            );
        }
    }
}
