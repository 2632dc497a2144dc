//! The stream's contract as one JSON Schema: every event of an execution, and the frames that are no events. Generated from the
//! Rust types, committed as `sdk/events.schema.json`, and checked against every event the tests see.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

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

/// Why a stream is closed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosingReason {
    /// It has lasted as long as a stream may.
    MaxDuration,
    /// The server stops, or can't read on for the moment.
    Shutdown,
    /// The client takes too long to take what was sent.
    SlowConsumer,
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
#[expect(clippy::large_enum_variant, reason = "a description, never built in numbers")]
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
    let definitions: Value = serde_json::from_str(&text).unwrap_or_default();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sluicegate:events:1",
        "title": "Sluicegate stream events, version 1",
        "description": "One `data:` line of an event stream. Clients must ignore types and members they do not know.",
        "oneOf": [{ "$ref": "#/$defs/Event" }, { "$ref": "#/$defs/StreamFrame" }],
        "$defs": definitions,
    })
}
