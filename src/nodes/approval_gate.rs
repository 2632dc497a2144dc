//! `approval-gate`: a person decides whether, and how, to go on.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::domain::suspension::{Action, SuspensionKind};

use super::{
    Node, NodeContext, Role, Step, approvers,
    config::{Compiled, Config, Ports, Unnamed},
    forms::{APPROVED, REJECTED},
    question::{self, Inquiry},
    registry::{Kind, Port, is_port_id},
};

const MAX_ACTIONS: usize = 20;

pub(super) const KIND: Kind = Kind {
    name: "approval-gate",
    title: "Approval gate",
    description: "Stops until somebody approves, rejects, or chooses one of the named actions; each is a port. An edge \
                  without a port leaves by `approved`. A rejection for which nothing is wired fails the node. What the \
                  node was handed is handed on.",
    category: "people",
    result: "The decision: `{action, approved, by, at, source, reason, comment, data, votes}`.",
    properties: || {
        let mut properties = question::properties(&["reject", "approve", "fail", "cancel", "default"], "approvers");
        let own = json!({
            "message": { "type": "string", "minLength": 1, "description": "What is to be approved; a template." },
            "actions": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_ACTIONS,
                "description": "The actions to choose from; by default `approved` and `rejected`.",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {
                            "type": "string",
                            "minLength": 1,
                            "description": "The port: letters, digits, `_` and `-`, 1 to 64 characters.",
                        },
                        "label": { "type": "string", "minLength": 1, "maxLength": 200, "description": "The button's text." },
                        "style": { "enum": ["primary", "danger", "default"], "description": "How the button looks." },
                    },
                    "required": ["id", "label"],
                    "additionalProperties": false,
                },
            },
            "requireReason": {
                "type": "boolean",
                "default": false,
                "description": "Whether a rejection needs a reason.",
            },
            "defaultAnswer": {
                "type": ["string", "object"],
                "description": "With `onExpiry: default`: an action's id, or `{action, data, comment}`.",
            },
        });
        for own in [own, approvers::quorum_properties()] {
            properties.extend(own.as_object().cloned().unwrap_or_default());
        }
        Value::Object(properties)
    },
    required: &["message"],
    refused: &[],
    attempts: true,
    ports: &[
        Port { id: APPROVED, description: "It is approved. Also the port of edges that name none.", required: false },
        Port { id: REJECTED, description: "It is rejected.", required: false },
        Port { id: "<action id>", description: "With `actions`: this one was chosen.", required: false },
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
            "title": "Large order",
            "message": "Order {{ input.orderId }} over {{ input.total }} €: ship it?",
            "context": { "customer": "{{ input.customer }}" },
            "requireReason": true,
            "expiresIn": "24h",
            "onExpiry": "reject",
        })
    },
};

struct ApprovalGate {
    inquiry: Inquiry,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let actions = actions(config);
    let named: Vec<String> = actions.iter().map(|action| action.id.clone()).collect();
    let unnamed = if named.iter().any(|id| id == APPROVED) { Unnamed::Port(APPROVED) } else { Unnamed::Refused };
    let mut ports = Ports { unnamed, named, ..Ports::plain() };
    let inquiry = Inquiry::compile(config, SuspensionKind::Approval, "message", actions, &mut ports)?;
    Some(Compiled { node: Box::new(ApprovalGate { inquiry }), role: Role::Plain, ports })
}

/// The actions that are offered. The default ones are written out, so that a page can draw its buttons from them.
fn actions(config: &mut Config<'_>) -> Vec<Action> {
    if config.value("actions").is_none() {
        let action = |id: &str, label: &str, style: &str| Action {
            id: id.to_owned(),
            label: label.to_owned(),
            style: Some(style.to_owned()),
        };
        return vec![action(APPROVED, "Approve", "primary"), action(REJECTED, "Reject", "danger")];
    }
    let mut actions = Vec::new();
    let mut seen = HashSet::new();
    for (i, listed) in config.list("actions").iter().take(MAX_ACTIONS).enumerate() {
        // The schema has its say about the shape.
        let Ok(action) = serde_json::from_value::<Action>(listed.clone()) else { continue };
        if !is_port_id(&action.id) || action.id == "expired" {
            let message =
                "an action's id must be 1 to 64 letters, digits, `_` or `-`, and no name that ports already have";
            config.problem(&format!("/actions/{i}/id"), message);
        } else if !seen.insert(action.id.clone()) {
            config.problem(&format!("/actions/{i}/id"), format!("action `{}` is listed twice", action.id));
        }
        actions.push(action);
    }
    actions
}

impl Node for ApprovalGate {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        self.inquiry.ask(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            failure::FailureCode,
            identity,
            suspension::{OnExpiry, TimelineAction, TimelineStep},
        },
        nodes::{
            Question,
            testing::{Bench, NOW, paths, problems_of},
        },
    };

    fn ask(data: Value) -> Question {
        let input = json!({ "total": 5, "name": "Ada", "in": "2h" });
        Bench::new("approval-gate", data).with("input", input).run().question()
    }

    #[test]
    fn asks() {
        let question = ask(json!({
            "title": "For {{ input.name }}",
            "message": "Pay {{ input.total }}?",
            "context": { "total": "{{ input.total }}" },
            "form": { "type": "object" },
            "requireReason": true,
            "expiresIn": "{{ input.in }}",
            "onExpiry": "reject",
        }));
        assert_eq!(question.kind, SuspensionKind::Approval);
        assert_eq!(question.title.as_deref(), Some("For Ada"));
        assert_eq!(question.message, "Pay 5?");
        assert_eq!(question.context, Some(json!({ "total": 5 })));
        assert_eq!(question.form, Some(json!({ "type": "object" })));
        assert!(question.require_reason);
        assert_eq!(question.expires_at, Some(NOW.plus_ms(7_200_000)));
        assert_eq!(question.on_expiry, OnExpiry::Reject);
        assert_eq!(question.actions.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["approved", "rejected"]);
    }

    #[test]
    fn never_approves_by_itself_unless_it_is_told() {
        assert_eq!(ask(json!({ "message": "?" })).on_expiry, OnExpiry::Fail);
        assert_eq!(ask(json!({ "message": "?", "expiresIn": "1s" })).on_expiry, OnExpiry::Fail);
        assert_eq!(
            ask(json!({ "message": "?", "expiresIn": "1s", "onExpiry": "approve" })).on_expiry,
            OnExpiry::Approve
        );
        let other = ask(json!({ "message": "?", "expiresIn": "1s", "onExpiry": { "port": "expired" } }));
        assert_eq!(other.on_expiry, OnExpiry::Port("expired".to_owned()));
    }

    #[test]
    fn takes_named_actions_and_a_default() {
        let question = ask(json!({
            "message": "?",
            "actions": [{ "id": "ship", "label": "Ship", "style": "primary" }, { "id": "rejected", "label": "No" }],
            "expiresAt": "2027-01-31T00:00:00Z",
            "onExpiry": "default",
            "defaultAnswer": { "action": "ship", "comment": "nobody minded" },
        }));
        assert_eq!(question.actions.len(), 2);
        assert_eq!(question.expires_at.unwrap().to_string(), "2027-01-31T00:00:00.000Z");
        assert_eq!(question.default_answer, Some(json!({ "action": "ship", "comment": "nobody minded" })));
    }

    #[test]
    fn says_who_may_answer_and_what_comes_when() {
        let question = ask(json!({
            "message": "?",
            "approvers": { "users": ["{{ input.name }}", "bo"], "groups": "finance", "roles": ["admin"] },
            "quorum": { "required": 2, "vetoOnReject": false },
            "allowSelfApproval": false,
            "expiresIn": "{{ input.in }}",
            "reminders": [{ "after": "90m" }, { "after": "{{ input.total }}m" }, { "after": "3h" }],
            "escalation": [{ "after": "1h", "to": { "roles": ["owner"] } }],
        }));
        let policy = serde_json::to_value(&question.policy).unwrap();
        let approvers = json!({ "users": ["Ada", "bo"], "groups": ["finance"], "roles": ["admin"] });
        let quorum = json!({ "required": 2, "vetoOnReject": false });
        assert_eq!((&policy["approvers"], &policy["quorum"]), (&approvers, &quorum));
        assert!(!question.policy.allow_self_approval);
        let minutes = |step: &TimelineStep| (step.at.ms_since(NOW) / 60_000, step.action);
        use TimelineAction::{Escalate, Expire, Remind};
        let expected = [(5, Remind), (60, Escalate), (90, Remind), (120, Expire)];
        assert_eq!(question.timeline.iter().map(minutes).collect::<Vec<_>>(), expected);
        assert_eq!(question.timeline[1].to.as_ref().unwrap().role_floor(), Some(identity::Role::Owner));
        // The templates may give whole lists, and nobody is nobody.
        let people = |users: Value| {
            let data = json!({ "message": "?", "approvers": { "users": "{{ input.people }}" } });
            Bench::new("approval-gate", data).with("input", json!({ "people": users })).run()
        };
        assert_eq!(people(json!(["ada", "bo"])).question().policy.approvers.unwrap().users, ["ada", "bo"]);
        for nobody in [json!([]), json!(null), json!([7]), json!(["a\nb"])] {
            let failure = people(nobody.clone()).failure();
            assert_eq!(failure.code, FailureCode::InvalidValue, "{nobody}");
            assert!(failure.message.starts_with("`approvers"), "{}", failure.message);
        }
    }

    #[test]
    fn bounds_what_it_shows() {
        let failure = Bench::new("approval-gate", json!({ "message": "{{ input }}" }))
            .with("input", json!("x".repeat(70_000)))
            .run()
            .failure();
        assert_eq!(failure.code, FailureCode::LimitExceeded);
        let failure = Bench::new("approval-gate", json!({ "message": "?", "context": "{{ 1 / 0 }}" })).run().failure();
        assert!(failure.message.starts_with("`context`: "), "{}", failure.message);
    }

    #[test]
    fn is_checked_when_saved() {
        let ports = json!([{ "id": "a", "label": "A" }, { "id": "b", "label": "B" }]);
        for (data, path) in [
            (json!({}), "message"),
            (json!({ "message": "" }), "message"),
            (json!({ "message": "{{" }), "message"),
            (json!({ "message": "?", "quorum": {} }), "quorum/required"),
            (json!({ "message": "?", "quorum": { "required": 0 } }), "quorum/required"),
            (json!({ "message": "?", "quorum": { "required": 101 } }), "quorum/required"),
            (
                json!({ "message": "?", "quorum": { "required": 2 }, "approvers": { "users": ["a", "a"] } }),
                "quorum/required",
            ),
            (json!({ "message": "?", "approvers": {} }), "approvers"),
            (json!({ "message": "?", "approvers": { "users": [] } }), "approvers"),
            (json!({ "message": "?", "approvers": { "users": ["a", ""] } }), "approvers/users/1"),
            (json!({ "message": "?", "approvers": { "users": ["{{"] } }), "approvers/users/0"),
            (json!({ "message": "?", "approvers": { "roles": ["boss"] } }), "approvers/roles/0"),
            (json!({ "message": "?", "approvers": { "people": ["a"] } }), "approvers/people"),
            (json!({ "message": "?", "allowSelfApproval": "no" }), "allowSelfApproval"),
            (json!({ "message": "?", "reminders": [{ "after": "soon" }] }), "reminders/0/after"),
            (json!({ "message": "?", "reminders": [{}] }), "reminders/0/after"),
            (json!({ "message": "?", "escalation": [{ "after": "1h" }] }), "escalation/0/to"),
            (
                json!({ "message": "?", "escalation": [{ "after": "1h", "to": { "users": [" "] } }] }),
                "escalation/0/to/users/0",
            ),
            (json!({ "message": "?", "assignees": { "users": ["a"] } }), "assignees"),
            (json!({ "message": "?", "form": { "type": "text" } }), "form/type"),
            (json!({ "message": "?", "actions": [] }), "actions"),
            (json!({ "message": "?", "actions": [{ "id": "a" }] }), "actions/0/label"),
            (json!({ "message": "?", "actions": [{ "id": "error", "label": "E" }] }), "actions/0/id"),
            (json!({ "message": "?", "actions": [{ "id": "a", "label": "A", "style": "loud" }] }), "actions/0/style"),
            (json!({ "message": "?", "expiresIn": "soon" }), "expiresIn"),
            (json!({ "message": "?", "expiresIn": "1h", "expiresAt": "2027-01-31T00:00:00Z" }), "expiresAt"),
            (json!({ "message": "?", "onExpiry": "reject" }), "onExpiry"),
            (json!({ "message": "?", "expiresIn": "1h", "onExpiry": "ignore" }), "onExpiry"),
            (json!({ "message": "?", "expiresIn": "1h", "onExpiry": { "port": "later" } }), "onExpiry/port"),
            (json!({ "message": "?", "expiresIn": "1h", "onExpiry": "default" }), "defaultAnswer"),
            (json!({ "message": "?", "expiresIn": "1h", "defaultAnswer": "approved" }), "defaultAnswer"),
            (
                json!({ "message": "?", "expiresIn": "1h", "onExpiry": "default", "defaultAnswer": "later" }),
                "defaultAnswer",
            ),
            (
                json!({ "message": "?", "expiresIn": "1h", "onExpiry": "default", "defaultAnswer": { "action": "later" } }),
                "defaultAnswer/action",
            ),
            (json!({ "message": "?", "expiresIn": "1h", "onExpiry": "default", "defaultAnswer": {} }), "defaultAnswer"),
        ] {
            assert_eq!(paths(&problems_of("approval-gate", data.clone())), [format!("/nodes/1/data/{path}")], "{data}");
        }
        for told in ["reject", "approve"] {
            let data = json!({ "message": "?", "actions": ports, "expiresIn": "1h", "onExpiry": told });
            assert_eq!(paths(&problems_of("approval-gate", data)), ["/nodes/1/data/onExpiry"]);
        }
    }
}
