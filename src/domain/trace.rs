//! Where an execution belongs in the traces of others (W3C Trace Context, Level 1): what came with its trigger, and what goes out with
//! what it calls.
//!
//! The ids of its own spans are derived from execution, address of the run and attempt: every server that ever has something to say of
//! an attempt says it under the same id, before a crash and after it.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::ids::ExecutionId;

/// The most characters of a `tracestate` that is handed on.
const MAX_STATE_CHARS: usize = 512;
/// The most members of one.
const MAX_STATE_MEMBERS: usize = 32;
/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

macro_rules! hex_ids {
    ($($(#[$doc:meta])* $name:ident = $bytes:literal, $pattern:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Its bytes.
            pub fn bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// From lower-case hexadecimal digits; nothing but zeros is none.
            fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; $bytes];
                if text.len() != 2 * $bytes {
                    return None;
                }
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    *byte = hex_byte(pair)?;
                }
                bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| D::Error::custom("not an id of a trace"))
            }
        }

        impl ToSchema for $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern)).into()
            }
        }
    )*};
}

hex_ids! {
    /// The id of a trace.
    TraceId = 16, "^[0-9a-f]{32}$";
    /// The id of a span in it.
    SpanId = 8, "^[0-9a-f]{16}$";
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// The trace that an execution is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The trace.
    #[schema(inline)]
    pub trace_id: TraceId,
    /// The span that the execution is below; missing where the trace begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub parent_span_id: Option<SpanId>,
    /// Whether whoever began the trace records it.
    pub sampled: bool,
    /// What others have to say of the trace, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_state: Option<String>,
}

impl Trace {
    /// What these headers say; nothing if the first one is not as it should be. A bad `tracestate` is left behind alone.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex_byte(version.as_bytes())?;
        // A version to come may say more after the flags.
        if version == 0xff || version == 0 && parts.next().is_some() {
            return None;
        }
        Some(Self {
            trace_id: TraceId::parse(trace)?,
            parent_span_id: Some(SpanId::parse(span)?),
            sampled: hex_byte(flags.as_bytes())? & SAMPLED != 0,
            trace_state: tracestate.filter(|state| is_state(state)).map(|state| state.trim().to_owned()),
        })
    }

    /// A trace that begins with this execution, and is recorded.
    pub fn of_execution(id: ExecutionId) -> Self {
        Self { trace_id: TraceId(*id.0.as_bytes()), parent_span_id: None, sampled: true, trace_state: None }
    }

    /// The same trace below one of its spans.
    #[must_use]
    pub fn below(&self, span: SpanId) -> Self {
        Self { parent_span_id: Some(span), ..self.clone() }
    }

    /// The headers that go out with what a span calls.
    pub fn headers(&self, span: SpanId) -> TraceHeaders {
        let flags = if self.sampled { SAMPLED } else { 0 };
        let mut traceparent = String::with_capacity(55);
        write!(traceparent, "00-{}-{span}-{flags:02x}", self.trace_id).expect("texts take what is written");
        TraceHeaders { traceparent, tracestate: self.trace_state.clone() }
    }
}

/// What goes out with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceHeaders {
    /// The trace and the span that calls, as the header `traceparent` of W3C Trace Context.
    pub traceparent: String,
    /// What others have to say of the trace, as the header `tracestate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

/// The span of a whole execution.
pub fn execution_span(execution: ExecutionId) -> SpanId {
    derived(&[b"execution", execution.0.as_bytes()])
}

/// The span of an attempt of a node run.
pub fn attempt_span(execution: ExecutionId, address: &str, attempt: i64) -> SpanId {
    derived(&[b"attempt", execution.0.as_bytes(), &attempt.to_be_bytes(), address.as_bytes()])
}

/// All parts but the last have a fixed length below their first, so that no two lists make one text.
fn derived(parts: &[&[u8]]) -> SpanId {
    let digest = Sha256::digest(parts.concat());
    let mut bytes: [u8; 8] = std::array::from_fn(|index| digest[index]);
    // Nothing but zeros is no span.
    bytes[7] |= u8::from(bytes == [0; 8]);
    SpanId(bytes)
}

fn is_state(text: &str) -> bool {
    let text = text.trim();
    let is_member =
        |member: &str| member.trim().split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty());
    !text.is_empty()
        && text.len() <= MAX_STATE_CHARS
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.split(',').count() <= MAX_STATE_MEMBERS
        && text.split(',').all(is_member)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_comes_goes_out_with_another_span() {
        let trace = Trace::parse(PARENT, Some("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")).unwrap();
        let span = execution_span(ExecutionId(Uuid::from_u128(7)));
        let headers = trace.headers(span);
        assert_eq!(headers.traceparent, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01"));
        assert_eq!(headers.tracestate.as_deref(), Some("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"));
        let unsampled = Trace::parse(&PARENT.replace("-01", "-00"), None).unwrap();
        assert!(unsampled.headers(span).traceparent.ends_with("-00"));
        let text = serde_json::to_string(&trace).unwrap();
        assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
    }

    #[test]
    fn what_is_not_as_it_should_be_is_none() {
        assert!(Trace::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None).is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e47\u{e4}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(bad, None), None, "{bad}");
        }
        let long = format!("a={}", "b".repeat(600));
        let many = vec!["a=b"; 33].join(",");
        for bad in ["", "a", "a=b,,", "a=\u{e4}", "a=b\r\nx: y", &long, &many] {
            assert_eq!(Trace::parse(PARENT, Some(bad)).unwrap().trace_state, None, "{bad}");
        }
    }

    #[test]
    fn each_attempt_has_a_span_of_its_own() {
        let (one, other) = (ExecutionId(Uuid::from_u128(1)), ExecutionId(Uuid::from_u128(2)));
        let spans = [
            execution_span(one),
            execution_span(other),
            attempt_span(one, "a", 1),
            attempt_span(one, "a", 2),
            attempt_span(one, "b", 1),
            attempt_span(other, "a", 1),
        ];
        for (index, span) in spans.iter().enumerate() {
            assert!(spans[..index].iter().all(|before| before != span));
        }
        assert_eq!(attempt_span(one, "a", 1), attempt_span(one, "a", 1));
    }
}
