//! What becomes of a reply: a success or a failure, and its body as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use crate::{
    domain::failure::{Failure, FailureCode},
    nodes::{
        Outcome,
        schema::{MAX_VALUE_DEPTH, fits_depth},
    },
    outbound::{Response, retry_after_ms},
};

/// A number, a range or a class of statuses.
pub(super) const STATUS_PATTERN: &str = "^([1-5][0-9]{2}(-[1-5][0-9]{2})?|[1-5]xx)$";
/// How much of an unsuccessful reply is kept: it goes into events, where the beginning tells enough.
const MAX_FAILED_BODY_BYTES: usize = 64 * 1024;

/// How the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseType {
    Auto,
    Json,
    Text,
    Base64,
}

/// The statuses that are a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statuses(Vec<(u16, u16)>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl Statuses {
    /// From one or several numbers, ranges and classes.
    pub(super) fn read(value: &Value) -> Self {
        let listed = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        Self(listed.iter().filter_map(range).collect())
    }

    pub(super) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

fn range(value: &Value) -> Option<(u16, u16)> {
    let Some(text) = value.as_str() else { return super::status(value).map(|status| (status, status)) };
    if let Some(class) = text.strip_suffix("xx") {
        let first = class.parse::<u16>().ok()?.checked_mul(100)?;
        return Some((first, first.checked_add(99)?));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// How a node reads its replies.
#[derive(Clone, Debug)]
pub(in crate::nodes) struct Reading {
    pub(super) method: &'static str,
    pub(super) response_type: ResponseType,
    pub(super) statuses: Statuses,
}

impl Reading {
    /// A page: any text.
    pub(in crate::nodes) fn text() -> Self {
        Self { method: "GET", response_type: ResponseType::Text, statuses: Statuses::default() }
    }

    pub(super) fn outcome(&self, response: Response) -> Outcome {
        let status = response.status;
        if self.statuses.contain(status) {
            return match self.body(&response) {
                Ok(data) => Outcome::output(self.output(&response, data)),
                Err(failure) => Outcome::Fail(failure.with_details(self.output(&response, Value::Null))),
            };
        }
        let truncated = response.body.len() > MAX_FAILED_BODY_BYTES;
        let mut response = response;
        response.body.truncate(MAX_FAILED_BODY_BYTES);
        // A reply that can't be read as told still says why it failed.
        let data = self.body(&response).ok().filter(|_| !truncated).unwrap_or_else(|| lossy(&response.body));
        let mut details = self.output(&response, data);
        if truncated {
            details["truncated"] = true.into();
        }
        let header =
            |wanted: &str| response.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        if let Some(ms) = retry_after_ms(header("retry-after"), header("date")) {
            details["retryAfterMs"] = ms.into();
        }
        let retryable = matches!(status, 408 | 425 | 429 | 500..=599);
        let message = format!("the reply's status is {status}");
        Outcome::Fail(Failure { retryable, ..Failure::new(FailureCode::HttpStatus, message) }.with_details(details))
    }

    fn output(&self, response: &Response, data: Value) -> Value {
        let mut headers = Map::new();
        for (name, value) in &response.headers {
            match headers.get_mut(name) {
                Some(Value::String(known)) => {
                    known.push_str(", ");
                    known.push_str(value);
                }
                _ => {
                    headers.insert(name.clone(), Value::from(value.as_str()));
                }
            }
        }
        let mut output = json!({ "status": response.status, "url": response.url, "method": self.method });
        output["data"] = data;
        output["headers"] = Value::Object(headers);
        output
    }

    fn body(&self, response: &Response) -> Result<Value, Failure> {
        let body = response.body.as_slice();
        match self.response_type {
            ResponseType::Base64 => Ok(BASE64.encode(body).into()),
            ResponseType::Text => Ok(lossy(body)),
            ResponseType::Json | ResponseType::Auto if body.is_empty() => Ok(Value::Null),
            ResponseType::Json => parse(body),
            ResponseType::Auto if is_json(response) => match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
                Ok(_) => parse(body),
                Err(_) => Ok(lossy(body)),
            },
            ResponseType::Auto => Ok(match std::str::from_utf8(body) {
                Ok(text) if !text.contains('\0') => text.into(),
                _ => BASE64.encode(body).into(),
            }),
        }
    }
}

fn is_json(response: &Response) -> bool {
    let media_type = response.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json") || essence == "text/json"
}

/// The body as text, with replacement characters where it is none. Databases keep no zero characters in text.
fn lossy(body: &[u8]) -> Value {
    String::from_utf8_lossy(body).replace('\0', "\u{fffd}").into()
}

fn parse(body: &[u8]) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the reply's body is not JSON (line {}, column {})", error.line(), error.column());
        Failure::new(FailureCode::InvalidValue, message)
    })?;
    if !fits_depth(&value, MAX_VALUE_DEPTH) {
        let message = format!("the reply's JSON nests deeper than {MAX_VALUE_DEPTH} levels");
        return Err(Failure::new(FailureCode::LimitExceeded, message));
    }
    Ok(value)
}
