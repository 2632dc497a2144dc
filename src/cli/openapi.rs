//! `sluicegate events-schema`: the stream's contract as JSON Schema.

/// The JSON Schema of every event, as it is committed in `sdk/events.schema.json`.
pub fn events_schema() -> String {
    let mut text = serde_json::to_string_pretty(&crate::http::event_schema::document())
        .expect("a schema has string keys and finite numbers");
    text.push('\n');
    text
}
