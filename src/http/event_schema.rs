//! The stream's contract as one JSON Schema: every event of an execution, and the frames that are no events. Generated from the
//! Rust types, committed as `sdk/events.schema.json`, and checked against every event the tests see.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{OpenApi, ToSchema};

use super::feeds::{PAYLOAD, POD_TYPES};
use crate::domain::{event::Event, execution::ExecutionView, suspension::Suspension};

/// The server is about to close the stream. No `id`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamClosing {
    /// Why.
    pub reason: ClosingReason,
    /// Where to go on: the cursor of the last event that was sent.
    pub after: String,
    /// How long to wait before coming again, in milliseconds.
    pub retry_ms: u64,
}

/// Why a stream is closed. Not for being read slowly: such a client reads the stored log at its own pace.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosingReason {
    /// It has lasted as long as a stream may.
    MaxDuration,
    /// The server stops, or can't read on for the moment.
    Shutdown,
}

/// Events before `to` are no longer stored; a snapshot follows. No `id`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamGap {
    /// The first missing position.
    pub from: i64,
    /// The last missing position.
    pub to: i64,
    /// Why.
    pub reason: String,
}

/// What the stream is about, as it was when the stream began. No `id`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamSnapshot {
    /// The execution (streams of one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionView>,
    /// The newest executions (streams of a pod).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions: Option<Vec<ExecutionView>>,
    /// The open suspensions (the inbox).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspensions: Option<Vec<Suspension>>,
}

/// A frame of a stream that is no event of a log.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one per stream, sent at once")]
pub enum StreamFrame {
    /// The server is about to close the stream.
    StreamClosing(StreamClosing),
    /// Events are no longer stored.
    StreamGap(StreamGap),
    /// What the stream is about.
    StreamSnapshot(StreamSnapshot),
}

#[derive(OpenApi)]
#[openapi(components(schemas(Event, StreamFrame)))]
struct Schemas;

/// The schema.
pub fn document() -> Value {
    let components = serde_json::to_value(Schemas::openapi().components).unwrap_or_default();
    let text = components["schemas"].to_string().replace("#/components/schemas/", "#/$defs/");
    let mut definitions: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    describe_feed_events(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sluicegate:events:1",
        "title": "Sluicegate stream events, version 1",
        "description": "One `data:` line of an event stream. Clients must ignore types and members they do not know.",
        "anyOf": [
            { "$ref": "#/$defs/Event" },
            { "$ref": "#/$defs/FeedEvent" },
            { "$ref": "#/$defs/StreamFrame" },
        ],
        "$defs": definitions,
    })
}

/// Adds `FeedEvent`: events as the streams of pods and the inbox send them, with the ids of what they are about, and where the
/// stream is slim without their payload.
fn describe_feed_events(definitions: &mut Map<String, Value>) {
    const REFERENCE: &str = "#/$defs/";
    let mut variants = definitions["Event"]["oneOf"].as_array().cloned().unwrap_or_default();
    variants.retain(|variant| {
        let kind = variant.pointer("/allOf/1/properties/type/enum/0").and_then(Value::as_str);
        kind.is_some_and(|kind| POD_TYPES.contains(&kind))
    });
    for variant in &mut variants {
        let reference = variant.pointer("/allOf/0/$ref").and_then(Value::as_str);
        let Some(name) = reference.and_then(|reference| reference.strip_prefix(REFERENCE)) else { continue };
        let (name, mut slim) = (format!("Feed{name}"), definitions.get(name).cloned().unwrap_or_default());
        if let Some(required) = slim.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|member| !PAYLOAD.iter().any(|left_out| member == left_out));
        }
        variant["allOf"][0]["$ref"] = format!("{REFERENCE}{name}").into();
        definitions.insert(name, slim);
    }
    let id = |of: &str| json!({ "type": "string", "format": "uuid", "description": of });
    let feed_event = json!({
        "description": "An event on the stream of a pod or of the inbox; a slim one lacks outputs, reports and lists of nodes.",
        "type": "object",
        "required": ["executionId", "workflowId", "podId"],
        "properties": {
            "executionId": id("The execution."),
            "workflowId": id("The workflow it runs."),
            "podId": id("The pod it is in."),
        },
        "oneOf": variants,
    });
    definitions.insert("FeedEvent".to_owned(), feed_event);
}
