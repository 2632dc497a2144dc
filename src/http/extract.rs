//! What handlers read from a request: JSON bodies and path parameters. A refusal names the place.

use std::{str::FromStr, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, header, request::Parts},
    response::IntoResponse,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_path_to_error::Segment;

use super::error::{Code, Problem};
use crate::domain::ids::{
    ApiKeyId, ArtifactId, BulkJobId, DeliveryId, ExecutionId, InviteId, NotificationId, PodId, ScheduleId, SubjectId,
    SuspensionId, TaskId, WebhookId, WorkflowId, WorkspaceId,
};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body of a request that changes nothing. Those that do take [`super::idempotency::Idempotent`].
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, bytes) = read_body(request).await?;
        parse_json(&parts.headers, &bytes).map(Self)
    }
}

/// Takes the whole body, within the limits of size and time.
pub(crate) async fn read_body(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    // The limit is in the extensions, which the body must be read with.
    let mut carrier = Request::new(body);
    *carrier.extensions_mut() = parts.extensions.clone();
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(carrier, &())).await {
        Ok(Ok(bytes)) => Ok((parts, bytes)),
        Ok(Err(rejection)) => Err(Problem::for_status(rejection.into_response().status())),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "the body did not arrive in time")),
    }
}

/// Reads a body of any JSON.
pub(super) fn parse_any_json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(not_json());
    }
    serde_json::from_slice(bytes).map_err(|error| refusal("", &error))
}

fn not_json() -> Problem {
    Problem::new(Code::UnsupportedMediaType, "the body must be JSON, with the header `Content-Type: application/json`")
}

/// Reads a body. An empty one counts as `{}`, so that an action without fields can be called without a body.
pub(super) fn parse_json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() {
        b"{}"
    } else if is_json(headers) {
        bytes
    } else {
        return Err(not_json());
    };
    // Serde would take a list of values for an object's fields.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::field(Code::InvalidBody, "", "the body must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        // Where a name of a closed list is expected, serde_json calls any other shape a mistake of syntax.
        if error.inner().is_syntax() && serde_json::from_slice::<serde_json::Value>(bytes).is_ok() {
            return Problem::field(Code::InvalidBody, pointer, "the value is of a wrong type");
        }
        refusal(&pointer, error.inner())
    })?;
    deserializer.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

/// For fields that may be missing but not `null`: with `#[serde(default, deserialize_with = "present")]`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For fields that may be missing, and that `null` takes away: with `#[serde(default, deserialize_with = "changed")]`.
#[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
pub(super) fn changed<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn refusal(pointer: &str, error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text).to_owned();
    match error.classify() {
        Category::Data => Problem::field(Code::InvalidBody, pointer, message),
        Category::Syntax | Category::Eof | Category::Io => Problem::new(
            Code::MalformedJson,
            format!("the body is not valid JSON: {message} at line {line} column {column}"),
        ),
    }
}

/// A path of serde as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}

/// A parameter of the path: its name in route templates, and what a malformed one is a malformed name of.
pub trait PathParam: FromStr {
    /// The name in route templates.
    const NAME: &'static str;
    /// What it names.
    const THING: &'static str;
}

macro_rules! path_params {
    ($($type:ty, $name:literal, $thing:literal;)*) => {$(
        impl PathParam for $type {
            const NAME: &'static str = $name;
            const THING: &'static str = $thing;
        }
    )*};
}

path_params! {
    WorkspaceId, "workspaceId", "workspace";
    PodId, "podId", "pod";
    WorkflowId, "workflowId", "workflow";
    ExecutionId, "executionId", "execution";
    SuspensionId, "suspensionId", "suspension";
    TaskId, "taskId", "task";
    NotificationId, "notificationId", "notification";
    ScheduleId, "scheduleId", "schedule";
    BulkJobId, "bulkJobId", "bulk job";
    SubjectId, "subjectId", "subject";
    WebhookId, "webhookId", "webhook";
    DeliveryId, "deliveryId", "delivery";
    ArtifactId, "artifactId", "artifact";
    FileName, "fileName", "artifact";
    ApiKeyId, "apiKeyId", "API key";
    InviteId, "inviteId", "invite";
    UserId, "userId", "member";
    GroupName, "groupName", "group";
    CollectionName, "collectionName", "collection";
    DocumentKey, "documentKey", "document";
    SecretName, "secretName", "secret";
    InviteToken, "token", "invite";
    LinkToken, "token", "link";
    VersionNumber, "version", "workflow version";
    OtherId, "otherId", "execution";
}

/// A user's id in the path.
#[derive(Debug)]
pub struct UserId(pub String);

/// A group's name in the path.
#[derive(Debug)]
pub struct GroupName(pub String);

impl FromStr for GroupName {
    type Err = Nul;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        without_nul(text).map(Self)
    }
}

/// A collection's name in the path.
#[derive(Debug)]
pub struct CollectionName(pub String);

impl FromStr for CollectionName {
    type Err = Nul;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        without_nul(text).map(Self)
    }
}

/// A document's key in the path.
#[derive(Debug)]
pub struct DocumentKey(pub String);

impl FromStr for DocumentKey {
    type Err = Nul;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        without_nul(text).map(Self)
    }
}

/// A secret's name in the path.
#[derive(Debug)]
pub struct SecretName(pub String);

impl FromStr for SecretName {
    type Err = Nul;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        without_nul(text).map(Self)
    }
}

/// A file's name in the path.
#[derive(Debug)]
pub struct FileName(pub String);

impl FromStr for FileName {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// An invite's token in the path.
pub struct InviteToken(pub String);

/// A link's token in the path.
pub struct LinkToken(pub String);

impl FromStr for LinkToken {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The execution to compare with, in the path.
#[derive(Clone, Copy, Debug)]
pub struct OtherId(pub ExecutionId);

impl FromStr for OtherId {
    type Err = <ExecutionId as FromStr>::Err;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A workflow version's number in the path.
#[derive(Clone, Copy, Debug)]
pub struct VersionNumber(pub i64);

/// A NUL in a text: nothing has such a name, and PostgreSQL can't even be asked for it.
#[derive(Debug)]
pub struct Nul;

fn without_nul(text: &str) -> Result<String, Nul> {
    if text.contains('\0') { Err(Nul) } else { Ok(text.to_owned()) }
}

impl FromStr for UserId {
    type Err = Nul;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        without_nul(text).map(Self)
    }
}

impl FromStr for InviteToken {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for VersionNumber {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One parameter of the path. What can't be a name of the thing names nothing: 404.
pub struct Param<T>(pub T);

impl<T: PathParam, S: Send + Sync> FromRequestParts<S> for Param<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match find_param::<T>(parts).await? {
            Some(text) => text.parse().map(Self).map_err(|_| Problem::not_found(T::THING)),
            None => Err(Problem::internal(format!("the route has no parameter `{}`", T::NAME))),
        }
    }
}

/// The text of a parameter of the path, if the route has it.
pub(super) async fn find_param<T: PathParam>(parts: &mut Parts) -> Result<Option<String>, Problem> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => Ok(params.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text.to_owned())),
        // The only cause: a parameter that is not UTF-8.
        Err(_) => Err(Problem::not_found(T::THING)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::domain::definition::Definition;

    fn json_headers() -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))])
    }

    fn refused(body: &str) -> super::super::error::ProblemBody {
        parse_json::<Definition>(&json_headers(), body.as_bytes()).unwrap_err().body("r")
    }

    #[test]
    fn malformed_json_is_located() {
        let body = refused("{\"nodes\": [\n  {,}\n]}");
        assert_eq!((body.status, body.code.as_str()), (400, "malformed_json"));
        assert!(body.detail.contains("line 2 column 4"), "{}", body.detail);
        assert!(refused("{\"nodes\": []} x").detail.contains("trailing characters"));
        assert!(refused("{\"nodes\"").detail.contains("EOF"));
    }

    #[test]
    fn unknown_and_wrong_fields_are_named_by_their_pointer() {
        for (body, path, message) in [
            (r#"{"nodes":[{"id":"a","typ":"start"}]}"#, "/nodes/0/typ", "unknown field `typ`"),
            (r#"{"nodes":[{"id":"a"},{"id":7}]}"#, "/nodes/1/id", "invalid type: integer `7`"),
            (r#"{"nodes":[],"settings":{"timeoutMs":"x"}}"#, "/settings/timeoutMs", "invalid type: string"),
            (r#"{"edges":[]}"#, "", "missing field `nodes`"),
            (r"[]", "", "must be a JSON object"),
            (r"3", "", "invalid type: integer `3`"),
        ] {
            let refused = refused(body);
            assert_eq!((refused.status, refused.code.as_str()), (400, "invalid_body"), "{body}");
            assert_eq!(refused.errors[0].path, path, "{body}");
            assert!(refused.errors[0].message.contains(message), "{}", refused.errors[0].message);
            assert!(!refused.detail.contains(" at line"), "{}", refused.detail);
        }
    }

    #[test]
    fn another_shape_than_a_name_of_a_closed_list_is_no_mistake_of_syntax() {
        #[derive(Debug, serde::Deserialize)]
        struct Body {
            _overlap: crate::domain::schedule::Overlap,
        }
        for wrong in ["1", "null", "true", "[]"] {
            let body = format!(r#"{{"_overlap": {wrong}}}"#);
            let refused = parse_json::<Body>(&json_headers(), body.as_bytes()).unwrap_err().body("r");
            assert_eq!((refused.status, refused.code.as_str()), (400, "invalid_body"), "{wrong}");
            assert_eq!(refused.errors[0].path, "/_overlap");
        }
        let broken = parse_json::<Body>(&json_headers(), br#"{"_overlap": 1"#).unwrap_err();
        assert_eq!(broken.code(), Code::MalformedJson);
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep =
            format!(r#"{{"nodes":[{{"id":"a","data":{{"x":{}1{}}}}}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let body = refused(&deep);
        assert_eq!((body.status, body.code.as_str()), (400, "malformed_json"));
        assert!(body.detail.contains("recursion limit"));
    }

    #[test]
    fn the_media_type_is_checked_and_an_empty_body_is_an_empty_object() {
        let none = HeaderMap::new();
        assert_eq!(parse_json::<Definition>(&none, b"{}").unwrap_err().code(), Code::UnsupportedMediaType);
        assert_eq!(parse_json::<Definition>(&none, b"").unwrap_err().code(), Code::InvalidBody);
        let merge =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"))]);
        assert!(parse_json::<Definition>(&merge, br#"{"nodes":[]}"#).is_ok());
    }
}
