//! Subscriptions of a workflow, compiled: whether an event starts it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    domain::{
        definition::Problem,
        subscription::{IncomingEvent, MAX_SUBSCRIPTIONS, Subscription, check_pattern, patterns_of},
    },
    expression::{EvaluateError, Expression, PathSegment, Scope},
};

use super::CompiledWorkflow;

/// The name that a condition finds its event under.
const EVENT: &str = "event";

/// A subscription, compiled.
#[derive(Clone, Debug)]
pub struct CompiledSubscription {
    /// The type, perhaps with a `*`.
    pub event_type: String,
    /// The condition.
    pub when: Option<Expression>,
}

/// Compiles subscriptions, and notes what is wrong with them.
pub(super) fn compile(subscriptions: &[Subscription], problems: &mut Vec<Problem>) -> Vec<CompiledSubscription> {
    let mut report =
        |path: String, message: String| problems.push(Problem { path, message, node_id: None, edge_id: None });
    if subscriptions.len() > MAX_SUBSCRIPTIONS {
        let message = format!("a workflow has at most {MAX_SUBSCRIPTIONS} subscriptions, not {}", subscriptions.len());
        report("/settings/subscriptions".to_owned(), message);
        return Vec::new();
    }
    let mut compiled = Vec::new();
    for (index, Subscription { event_type, when }) in subscriptions.iter().enumerate() {
        let path = format!("/settings/subscriptions/{index}");
        if let Err(message) = check_pattern(event_type) {
            report(format!("{path}/type"), message);
        }
        let when = match when.as_deref().map(Expression::compile).transpose() {
            Ok(when) => when,
            Err(error) => {
                report(format!("{path}/when"), format!("{} (at byte {})", error.message, error.position));
                None
            }
        };
        if let Some(name) = when.iter().find_map(foreign_name) {
            report(format!("{path}/when"), format!("`{name}` is unknown here: a condition reads `event` and `now`"));
        }
        compiled.push(CompiledSubscription { event_type: event_type.clone(), when });
    }
    compiled
}

/// A name that an expression reads and a condition does not have.
fn foreign_name(expression: &Expression) -> Option<String> {
    expression.paths().find_map(|path| match path.first() {
        Some(PathSegment::Key(name)) if !matches!(*name, EVENT | "now") => Some((*name).to_owned()),
        _ => None,
    })
}

impl CompiledWorkflow {
    /// Whether an event starts this workflow: one of its subscriptions has a type that fits and a condition that is true.
    /// An error is that of a condition, where no other subscription wants the event.
    pub fn wants(&self, event: &IncomingEvent) -> Result<bool, EvaluateError> {
        let fitting = patterns_of(&event.event_type);
        let about = About { event: event.value(), now: event.at.to_datetime() };
        let mut failed = None;
        for subscription in self.subscriptions.iter().filter(|one| fitting.contains(&one.event_type)) {
            match subscription.when.as_ref().map_or(Ok(true), |when| when.test(&about)) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(false), Err)
    }
}

/// What a condition sees.
struct About {
    event: Value,
    now: DateTime<Utc>,
}

impl Scope for About {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        match path.first()? {
            PathSegment::Key(EVENT) => Some((Cow::Borrowed(&self.event), 1)),
            _ => None,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Instant, nodes::registry};

    fn workflow(subscriptions: &Value) -> CompiledWorkflow {
        let nodes = json!([{ "id": "s", "type": "start" }]);
        let definition = json!({ "nodes": nodes, "settings": { "subscriptions": subscriptions } });
        let definition = serde_json::from_value(definition).unwrap();
        registry::compile(&definition).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn event(event_type: &str, data: Value) -> IncomingEvent {
        let id = Uuid::nil();
        IncomingEvent {
            id: id.into(),
            workspace_id: id.into(),
            pod_id: id.into(),
            event_type: event_type.to_owned(),
            subject: None,
            data,
            context: serde_json::Map::new(),
            at: Instant(0),
        }
    }

    #[test]
    fn one_subscription_that_wants_the_event_is_enough() {
        let workflow = workflow(&json!([
            { "type": "a.*", "when": "event.data.n > 1" },
            { "type": "a.b", "when": "event.data.m" },
            { "type": "c" },
        ]));
        let wants = |event_type: &str, data: Value| workflow.wants(&event(event_type, data));
        for (event_type, data, expected) in [
            ("a.b", json!({ "n": 2 }), true),
            ("a.b", json!({ "n": 1, "m": true }), true),
            ("a.b", json!({ "n": 1 }), false),
            ("a.c", json!({ "n": 1, "m": true }), false),
            ("c", json!(null), true),
            ("a", json!({ "n": 2 }), false),
        ] {
            assert_eq!(wants(event_type, data.clone()).unwrap(), expected, "{event_type} {data}");
        }
        assert!(wants("a.b", json!({ "n": "two", "m": true })).unwrap());
        assert!(wants("a.b", json!({ "n": "two" })).is_err());
    }

    #[test]
    fn names_that_a_condition_binds_are_its_own() {
        let mut problems = Vec::new();
        let subscription = |when: &str| Subscription { event_type: "x".to_owned(), when: Some(when.to_owned()) };
        let good = ["event.data.items.exists(i, i > 1)", "now > timestamp(\"2027-01-01T00:00:00Z\")", "true"];
        compile(&good.map(subscription), &mut problems);
        assert_eq!(problems, []);
        compile(&["event.data.items.exists(i, i > j)", "evnt.data", "context.event"].map(subscription), &mut problems);
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let expected = [0, 1, 2].map(|index| format!("/settings/subscriptions/{index}/when"));
        assert_eq!(paths, expected);
    }
}
