//! The JSON encoding of `ExportTraceServiceRequest` (OTLP 1.x): ids in hexadecimal digits, 64-bit numbers as texts, enumerations as
//! numbers.

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::span::{Attribute, Span, SpanKind},
};

/// `SPAN_KIND_*`
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
/// `STATUS_CODE_*`
const OK: u8 = 1;
const ERROR: u8 = 2;

/// A request with these spans.
pub(super) fn request(spans: &[Span], service_name: &str, instance: &str) -> Value {
    let resource = [
        ("service.name", Attribute::Text(service_name.to_owned())),
        ("service.version", Attribute::Text(env!("CARGO_PKG_VERSION").to_owned())),
        ("service.instance.id", Attribute::Text(instance.to_owned())),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{
            "scope": {"name": "sluicegate", "version": env!("CARGO_PKG_VERSION")},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &Span) -> Value {
    let mut value = json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": match span.kind {
            SpanKind::Execution => SERVER,
            SpanKind::Attempt => INTERNAL,
        },
        "startTimeUnixNano": nanoseconds(span.started_at),
        "endTimeUnixNano": nanoseconds(span.ended_at),
        "attributes": attributes(&span.attributes),
        "status": match &span.failure {
            Some(code) => json!({"code": ERROR, "message": code}),
            None => json!({"code": OK}),
        },
    });
    if let Some(parent) = span.parent_span_id {
        value["parentSpanId"] = json!(parent);
    }
    if let Some(state) = &span.trace_state {
        value["traceState"] = json!(state);
    }
    value
}

fn nanoseconds(at: Instant) -> String {
    (i128::from(at.0.max(0)) * 1_000_000).to_string()
}

fn attributes(all: &[(&'static str, Attribute)]) -> Vec<Value> {
    let one = |(name, value): &(&'static str, Attribute)| {
        let value = match value {
            Attribute::Text(text) => json!({"stringValue": text}),
            Attribute::Number(number) => json!({"intValue": number.to_string()}),
        };
        json!({"key": name, "value": value})
    };
    all.iter().map(one).collect()
}
