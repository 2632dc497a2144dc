//! What all node types have in common: the fields beside the type's own, their JSON Schema and their meaning.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::domain::failure::FailureCode;

use super::{
    Common, Join, OnError, Retry,
    config::{Config, integer},
};

/// The longest time limit: 30 days.
pub(super) const MAX_TIMEOUT_MS: i64 = 30 * 24 * 3600 * 1000;
/// The longest wait and expiry: about ten years.
pub(super) const MAX_WAIT_MS: i64 = 3_653 * 24 * 3600 * 1000;

const DEFAULT_INITIAL_MS: i64 = 1_000;
const DEFAULT_MAX_MS: i64 = 60_000;

/// The common fields as properties of a JSON Schema. `attempts`: whether the type has attempts of its own to be limited in
/// time and repeated.
pub(super) fn properties(attempts: bool) -> Map<String, Value> {
    let mut properties = json!({
        "nodeType": { "type": "string", "description": "The node's type, where `type` is missing." },
        "label": { "type": "string", "maxLength": 1000, "description": "A label in the editor; no effect." },
        "description": { "type": "string", "maxLength": 10_000, "description": "For people; no effect." },
        "join": {
            "enum": ["all", "any"],
            "default": "all",
            "description": "With several incoming edges: run when all are resolved, or at the first taken one.",
        },
        "onError": {
            "enum": ["fail", "continue", "branch"],
            "description": "What a final failure does: fail the execution, go on by the default port with the output \
                            `{error}`, or take the `error` port. Without it the `error` port is taken if it is wired.",
        },
    });
    if attempts {
        properties["timeoutMs"] = json!({
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_TIMEOUT_MS,
            "description": "The time limit of one attempt; waiting for people and timers does not count.",
        });
        properties["retry"] = retry_schema();
    }
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// The property of the types that can undo what another node did.
pub(super) fn compensates() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "description": "The id of a node beside this one, which this one undoes: it has no edges, and runs if the execution \
                        fails or is cancelled after that node has completed. It is handed that node's output. What \
                        completed last is undone first.",
    })
}

fn retry_schema() -> Value {
    json!({
        "type": "object",
        "description": "Further attempts after a failure.",
        "properties": {
            "maxAttempts": { "type": "integer", "minimum": 1, "maximum": 100, "description": "All attempts together." },
            "backoff": {
                "enum": ["fixed", "exponential"],
                "default": "exponential",
                "description": "Whether the delay stays or doubles.",
            },
            "initialMs": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_TIMEOUT_MS,
                "default": DEFAULT_INITIAL_MS,
                "description": "The first delay.",
            },
            "maxMs": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_TIMEOUT_MS,
                "description": "The longest delay; by default a minute, or the first delay if that is longer.",
            },
            "jitter": {
                "type": "boolean",
                "default": true,
                "description": "Spreads each delay between its half and its whole.",
            },
            "retryOn": {
                "type": "array",
                "items": { "enum": failure_codes() },
                "uniqueItems": true,
                "description": "Failure codes to retry; without them all that another attempt could mend.",
            },
        },
        "required": ["maxAttempts"],
        "additionalProperties": false,
    })
}

/// The names of all failure codes.
pub(super) fn failure_codes() -> Value {
    let schema = serde_json::to_value(FailureCode::schema()).unwrap_or_default();
    // Documented variants are told one by one.
    let listed = schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["enum"].as_array()).flatten();
    schema["enum"].as_array().into_iter().flatten().chain(listed).cloned().collect()
}

/// Reads the common fields.
pub(super) fn compile(config: &mut Config<'_>) -> Common {
    Common {
        join: if config.text("join") == Some("any") { Join::Any } else { Join::All },
        retry: config.value("retry").and_then(Value::as_object).and_then(|retry| compile_retry(config, retry)),
        timeout_ms: config.integer("timeoutMs"),
        on_error: match config.text("onError") {
            Some("fail") => Some(OnError::Fail),
            Some("continue") => Some(OnError::Continue),
            Some("branch") => Some(OnError::Branch),
            _ => None,
        },
    }
}

fn compile_retry(config: &mut Config<'_>, retry: &Map<String, Value>) -> Option<Retry> {
    let number = |field: &str| retry.get(field).and_then(integer);
    let initial_ms = number("initialMs").unwrap_or(DEFAULT_INITIAL_MS);
    let max_ms = number("maxMs").unwrap_or_else(|| initial_ms.max(DEFAULT_MAX_MS));
    if initial_ms > max_ms {
        config.problem(
            "/retry/initialMs",
            format!("the first delay, {initial_ms} ms, is longer than `maxMs`, {max_ms} ms"),
        );
    }
    let codes = retry.get("retryOn").and_then(Value::as_array).into_iter().flatten();
    Some(Retry {
        max_attempts: number("maxAttempts")?,
        exponential: retry.get("backoff").and_then(Value::as_str) != Some("fixed"),
        initial_ms,
        max_ms,
        jitter: retry.get("jitter").and_then(Value::as_bool).unwrap_or(true),
        retry_on: codes.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_failure_code() {
        let codes = failure_codes();
        let codes: Vec<FailureCode> = serde_json::from_value(codes).unwrap();
        assert!(codes.contains(&FailureCode::HttpStatus) && codes.contains(&FailureCode::Internal), "{codes:?}");
    }
}
