//! Subscriptions of a workflow, compiled: whether an event starts it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    domain::{
        definition::Problem,
        subscription::{
            IncomingEvent, MAX_KEY_BYTES, MAX_SUBSCRIPTIONS, Subscription, Wish, check_pattern, patterns_of,
        },
    },
    expression::{CompileError, EvaluateError, Expression, JsonTemplate, PathSegment, Scope, Template},
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
    /// The priority of what it starts.
    pub priority: Option<i32>,
    /// What makes the dedupe key of what it starts.
    pub dedupe_key: Option<Template>,
    /// What it adds to the context of what it starts: an object.
    pub context: Option<JsonTemplate>,
}

/// Why what a subscription wants can't be told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unclear {
    /// The condition, or a template, could not be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The dedupe key is too long.
    #[error("the dedupe key has more than {MAX_KEY_BYTES} bytes")]
    LongKey,
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
    for (index, subscription) in subscriptions.iter().enumerate() {
        let Subscription { event_type, when, priority, dedupe_key, context } = subscription;
        let path = format!("/settings/subscriptions/{index}");
        if let Err(message) = check_pattern(event_type) {
            report(format!("{path}/type"), message);
        }
        if priority.is_some_and(|priority| !(-100..=100).contains(&priority)) {
            report(format!("{path}/priority"), "must be -100 to 100".to_owned());
        }
        let when = when.as_deref().map(Expression::compile).transpose();
        let when = known(when, &format!("{path}/when"), |when| when.paths().find_map(foreign), &mut report);
        let key = dedupe_key.as_deref().map(Template::compile).transpose();
        let dedupe_key = known(key, &format!("{path}/dedupeKey"), |key| key.paths().find_map(foreign), &mut report);
        let more = (!context.is_empty()).then(|| JsonTemplate::compile(&Value::Object(context.clone()))).transpose();
        let at = format!("{path}/context");
        let context = known(more, &at, |more| more.paths().into_iter().find_map(foreign), &mut report);
        compiled.push(CompiledSubscription {
            event_type: event_type.clone(),
            when,
            priority: *priority,
            dedupe_key,
            context,
        });
    }
    compiled
}

/// What was compiled, if it reads nothing but what there is.
fn known<T>(
    compiled: Result<Option<T>, CompileError>,
    path: &str,
    foreign: impl Fn(&T) -> Option<String>,
    report: &mut impl FnMut(String, String),
) -> Option<T> {
    let compiled = compiled.unwrap_or_else(|error| {
        report(path.to_owned(), format!("{} (at byte {})", error.message, error.position));
        None
    });
    if let Some(name) = compiled.as_ref().and_then(foreign) {
        report(path.to_owned(), format!("`{name}` is unknown here: a subscription reads `event` and `now`"));
    }
    compiled
}

/// A name that a path begins with and a subscription does not have.
fn foreign(path: Vec<PathSegment<'_>>) -> Option<String> {
    match path.first() {
        Some(PathSegment::Key(name)) if !matches!(*name, EVENT | "now") => Some((*name).to_owned()),
        _ => None,
    }
}

impl CompiledWorkflow {
    /// What the first subscription wishes whose type fits an event and whose condition is true of it; none if there is no such.
    /// An error is that of a condition, where no other subscription wants the event, or of the wish itself.
    pub fn wants(&self, event: &IncomingEvent) -> Result<Option<Wish>, Unclear> {
        let fitting = patterns_of(&event.event_type);
        let about = About { event: event.value(), now: event.at.to_datetime() };
        let mut failed = None;
        for subscription in self.subscriptions.iter().filter(|one| fitting.contains(&one.event_type)) {
            match subscription.when.as_ref().map_or(Ok(true), |when| when.test(&about)) {
                Ok(true) => return subscription.wish(&about).map(Some),
                Ok(false) => {}
                Err(error) => failed = Some(error.into()),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

impl CompiledSubscription {
    fn wish(&self, about: &About) -> Result<Wish, Unclear> {
        let key = self.dedupe_key.as_ref().map(|key| key.render_text(about)).transpose()?;
        let dedupe_key = key.filter(|key| !key.is_empty());
        if dedupe_key.as_ref().is_some_and(|key| key.len() > MAX_KEY_BYTES) {
            return Err(Unclear::LongKey);
        }
        let context = match self.context.as_ref().map(|context| context.render(about)).transpose()? {
            Some(Value::Object(context)) => context,
            _ => Map::new(),
        };
        Ok(Wish { priority: self.priority, dedupe_key, context })
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
            trace: None,
        }
    }

    #[test]
    fn one_subscription_that_wants_the_event_is_enough() {
        let workflow = workflow(&json!([
            { "type": "a.*", "when": "event.data.n > 1" },
            { "type": "a.b", "when": "event.data.m" },
            { "type": "c" },
        ]));
        let wants = |event_type: &str, data: Value| workflow.wants(&event(event_type, data)).map(|wish| wish.is_some());
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
        let subscription = |when: &str| serde_json::from_value(json!({ "type": "x", "when": when })).unwrap();
        let good = ["event.data.items.exists(i, i > 1)", "now > timestamp(\"2027-01-01T00:00:00Z\")", "true"];
        compile(&good.map(subscription), &mut problems);
        assert_eq!(problems, []);
        compile(&["event.data.items.exists(i, i > j)", "evnt.data", "context.event"].map(subscription), &mut problems);
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let expected = [0, 1, 2].map(|index| format!("/settings/subscriptions/{index}/when"));
        assert_eq!(paths, expected);
    }

    #[test]
    fn the_first_that_wants_an_event_says_how_it_is_started() {
        let workflow = workflow(&json!([
            { "type": "a", "when": "event.data.n > 1", "priority": 7, "dedupeKey": "big {{ event.data.n }}",
              "context": { "kind": "{{ upper(event.type) }}", "n": "{{ event.data.n }}" } },
            { "type": "a", "dedupeKey": "{{ event.subject }}" },
        ]));
        let wish = |n: Value| workflow.wants(&event("a", json!({ "n": n })));
        let context = json!({ "kind": "A", "n": 2 }).as_object().cloned().unwrap();
        let first = Wish { priority: Some(7), dedupe_key: Some("big 2".to_owned()), context };
        assert_eq!(wish(json!(2)).unwrap(), Some(first));
        assert_eq!(wish(json!(1)).unwrap(), Some(Wish::default()));
        assert_eq!(workflow.wants(&event("b", json!({}))).unwrap(), None);
        let long = self::workflow(&json!([{ "type": "a", "dedupeKey": "{{ event.data }}" }]));
        assert!(matches!(long.wants(&event("a", json!("x".repeat(256)))), Err(Unclear::LongKey)));
        assert!(long.wants(&event("a", json!("x".repeat(255)))).is_ok());
    }

    #[test]
    fn what_a_subscription_says_is_checked_when_it_is_saved() {
        let mut problems = Vec::new();
        let subscription =
            json!({ "type": "x", "priority": 101, "dedupeKey": "{{ input }}", "context": { "a": ["{{"] } });
        compile(&[serde_json::from_value(subscription).unwrap()], &mut problems);
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["priority", "dedupeKey", "context"].map(|part| format!("/settings/subscriptions/0/{part}")));
    }
}
