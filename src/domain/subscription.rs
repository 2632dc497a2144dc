//! Events from outside, and which of them start a workflow.
//!
//! An event has a type: a dotted name such as `order.created`. A subscription names a type, or all below a name
//! (`order.*`), or all (`*`), and may have a condition. What is stored for the look-up is the text of the subscription;
//! [`patterns_of`] tells all texts that an event's type fits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    ids::{EventId, PodId, WorkspaceId},
    trace::Trace,
};
use crate::clock::Instant;

/// The most subscriptions of a workflow.
pub const MAX_SUBSCRIPTIONS: usize = 50;
/// The most workflows of a pod that one event may concern.
pub const MAX_SUBSCRIBERS: usize = 200;
/// The longest type, in bytes.
const MAX_TYPE_BYTES: usize = 128;
/// The most parts of a type between dots.
const MAX_PARTS: usize = 15;

/// Events that start a workflow, once it is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// The type: exact (`order.created`), all below a name (`order.*`), or all (`*`).
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 128)]
    pub event_type: String,
    /// An expression over `event`; only events for which it is true start the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The priority of what it starts: -100 to 100, higher first. It comes before that of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// A template over `event` that makes the `dedupeKey` of what it starts; an empty text is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<String>,
    /// What it adds to the context of what it starts: any JSON, with templates over `event` in its texts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
}

/// What a subscription says of the execution that it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Its priority, if not that of the workflow.
    pub priority: Option<i32>,
    /// Its dedupe key.
    pub dedupe_key: Option<String>,
    /// Members of its context.
    pub context: Map<String, Value>,
}

/// The longest dedupe key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// Something that has happened outside.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingEvent {
    /// Its id, given when it was taken.
    pub id: EventId,
    /// The workspace it came to.
    pub workspace_id: WorkspaceId,
    /// The pod whose workflows it may start.
    pub pod_id: PodId,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// What happened: the input of what it starts.
    pub data: Value,
    /// More about it, for expressions.
    pub context: Map<String, Value>,
    /// When it was taken.
    pub at: Instant,
    /// The trace that it came in.
    pub trace: Option<Trace>,
}

impl IncomingEvent {
    /// What a condition finds under `event`.
    pub fn value(&self) -> Value {
        let Self { id, event_type, subject, data, context, at, .. } = self;
        json!({ "id": id, "type": event_type, "subject": subject, "data": data, "context": context, "at": at })
    }

    /// The context of what it starts: its own, and `event`, which says what it was.
    pub fn context_of_execution(&self) -> Value {
        let Self { id, event_type, subject, context, at, .. } = self;
        let mut context = context.clone();
        context.insert("event".into(), json!({ "id": id, "type": event_type, "subject": subject, "at": at }));
        Value::Object(context)
    }
}

/// What is wrong with an event's type, if anything is.
pub fn check_type(text: &str) -> Result<(), String> {
    if text.len() > MAX_TYPE_BYTES {
        return Err(format!("a type has at most {MAX_TYPE_BYTES} bytes, not {}", text.len()));
    }
    let parts = || text.split('.');
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !parts().all(is_part) {
        return Err("a type is made of letters, digits, `_` and `-`, in parts between dots: `order.created`".to_owned());
    }
    let count = parts().count();
    if count > MAX_PARTS {
        return Err(format!("a type has at most {MAX_PARTS} parts between dots, not {count}"));
    }
    Ok(())
}

/// What is wrong with a subscription's type, if anything is.
pub fn check_pattern(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    let name = text.strip_suffix(".*").unwrap_or(text);
    if name.contains('*') {
        return Err("`*` stands alone or as the last part: `order.*`".to_owned());
    }
    check_type(name)
}

/// All subscriptions' types that an event of this type fits, each once; at most 17.
pub fn patterns_of(event_type: &str) -> Vec<String> {
    let above = event_type.match_indices('.').map(|(dot, _)| format!("{}.*", &event_type[..dot]));
    [event_type.to_owned(), "*".to_owned()].into_iter().chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_dotted_names() {
        for good in ["a", "order.created", "com.example.x_1-y", "A.b", &["x"; 15].join(".")] {
            assert_eq!(check_type(good), Ok(()), "{good}");
            assert_eq!(check_pattern(good), Ok(()), "{good}");
        }
        for bad in
            ["", ".", "a.", ".a", "a..b", "a b", "a/b", "ä", "a\0", "*", "a.*", &"x".repeat(129), &["x"; 16].join(".")]
        {
            assert!(check_type(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_star_stands_alone_or_last() {
        for good in ["*", "a.*", "order.created.*"] {
            assert_eq!(check_pattern(good), Ok(()), "{good}");
        }
        for bad in ["", "**", "*.a", "a*", "a.*.b", ".*", "a.**", "a.b*"] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_fits_itself_what_is_above_it_and_all() {
        assert_eq!(patterns_of("a"), ["a", "*"]);
        assert_eq!(patterns_of("a.b.c"), ["a.b.c", "*", "a.*", "a.b.*"]);
        assert!(patterns_of(&["x"; MAX_PARTS].join(".")).len() <= 17);
    }
}
