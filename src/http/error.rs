//! Every failure of a request as a problem document (RFC 9457); the only place that knows status codes of failures.
//!
//! A handler answers `Err(Problem)`. [`Problem`] travels in the response's extensions; the outermost layer ([`super::observe`])
//! writes it into the body, where the request's id is known, and turns what others have refused in their own words (axum's
//! rejections, an unknown path) into problems as well.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{definition, suspension::Refusal},
    engine::EngineError,
    store::StoreError,
};

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How long a message may be: it may quote foreign text.
const MAX_DETAIL_CHARS: usize = 500;
/// How many single errors a problem lists.
const MAX_ERRORS: usize = 100;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// The closed list of problem codes; each has one status and one title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name in `code`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The status it is answered with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// The title in `title`.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What it means, for the reference page.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),* }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or nested too deeply; the message names line and column.
    MalformedJson = "malformed_json", BAD_REQUEST, "Malformed JSON";
    /// A field of the body is unknown, missing or of the wrong type; `errors` names it.
    InvalidBody = "invalid_body", BAD_REQUEST, "Invalid request body";
    /// A query parameter is unknown or can't be read; `errors` names it.
    InvalidQuery = "invalid_query", BAD_REQUEST, "Invalid query parameter";
    /// A header can't be read; the message names it.
    InvalidHeader = "invalid_header", BAD_REQUEST, "Invalid header";
    /// The request can't be understood.
    BadRequest = "bad_request", BAD_REQUEST, "Bad request";
    /// The request carries no credentials.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Authentication required";
    /// The credentials are not valid, or not valid any more.
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "Invalid credentials";
    /// A delivery to a webhook does not prove who sent it; the message says what is wrong.
    WebhookUnverified = "webhook_unverified", UNAUTHORIZED, "Delivery not verified";
    /// The caller's role in the workspace is too low; the message names the one needed.
    RoleTooLow = "role_too_low", FORBIDDEN, "Role too low";
    /// The caller is none of those who may answer; the message says who may.
    NotAnApprover = "not_an_approver", FORBIDDEN, "Not an approver";
    /// The caller triggered the execution, and who did so may not decide about it.
    OwnRequest = "own_request", FORBIDDEN, "Own request";
    /// The caller may not do this.
    Forbidden = "forbidden", FORBIDDEN, "Not allowed";
    /// The thing does not exist, or not in this workspace or pod.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The path is not one of this API.
    UnknownPath = "unknown_path", NOT_FOUND, "Unknown path";
    /// The path does not know this method; `Allow` lists those it knows.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The request can be answered in none of the media types that `Accept` asks for.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "Not acceptable";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "Request timed out";
    /// The state of the thing does not allow it.
    Conflict = "conflict", CONFLICT, "Conflict";
    /// More than one suspension is open: name one by `suspensionId`; `errors` lists them.
    AmbiguousSuspension = "ambiguous_suspension", CONFLICT, "More than one suspension is open";
    /// Nothing waits for an answer.
    NotSuspended = "not_suspended", CONFLICT, "Not suspended";
    /// The suspension was closed with something else; the message says by whom, when and how.
    SuspensionClosed = "suspension_closed", CONFLICT, "Suspension is closed";
    /// Somebody else has claimed the suspension; the message says who.
    SuspensionClaimed = "suspension_claimed", CONFLICT, "Suspension is claimed";
    /// The suspension is open: what is asked for exists once it is closed.
    SuspensionOpen = "suspension_open", CONFLICT, "Suspension is open";
    /// The lease of the task is over: it ran out, was given back, or the task is not wanted any more. Nothing was changed.
    LeaseLost = "lease_lost", CONFLICT, "Lease is over";
    /// The execution has ended.
    ExecutionEnded = "execution_ended", CONFLICT, "Execution has ended";
    /// The execution has not ended.
    ExecutionNotEnded = "execution_not_ended", CONFLICT, "Execution has not ended";
    /// The workflow is in the trash.
    WorkflowTrashed = "workflow_trashed", CONFLICT, "Workflow is in the trash";
    /// Another workspace or pod has this name in addresses.
    SlugTaken = "slug_taken", CONFLICT, "Slug is taken";
    /// A unique value is taken.
    Taken = "taken", CONFLICT, "Taken";
    /// What the address was for is over.
    LinkExpired = "link_expired", GONE, "Link has expired";
    /// The body is larger than the server takes.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "Body too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// The range that is asked for is outside of the file; `Content-Range` has its length.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "Range not satisfiable";
    /// The body is well-formed, but a value is not one that can be taken; `errors` names it.
    InvalidValue = "invalid_value", UNPROCESSABLE_ENTITY, "Invalid value";
    /// The workflow's definition has problems; `errors` lists them.
    InvalidWorkflow = "invalid_workflow", UNPROCESSABLE_ENTITY, "Invalid workflow";
    /// The input does not fit the workflow's `inputSchema`; `errors` names the places.
    InvalidInput = "invalid_input", UNPROCESSABLE_ENTITY, "Invalid input";
    /// The answer does not fit what was asked; `errors` names the places. The suspension stays open.
    InvalidAnswer = "invalid_answer", UNPROCESSABLE_ENTITY, "Invalid answer";
    /// The replay can't be carried out as asked; `errors` names the places.
    InvalidReplay = "invalid_replay", UNPROCESSABLE_ENTITY, "Invalid replay";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Idempotency key reused";
    /// A limit is reached; `Retry-After` says when to come again.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// The execution whose output was waited for has failed, or was cancelled.
    ExecutionFailed = "execution_failed", BAD_GATEWAY, "Execution failed";
    /// The server can't answer at the moment. A change may have taken effect: repeat it with the same idempotency key.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Temporarily unavailable";
    /// The server keeps no artifacts, or the place where it keeps them does not answer.
    ArtifactsUnavailable = "artifacts_unavailable", SERVICE_UNAVAILABLE, "Artifacts unavailable";
    /// The server has no key to seal secrets with; the message names the setting.
    SecretsUnavailable = "secrets_unavailable", SERVICE_UNAVAILABLE, "Secrets unavailable";
    /// The server failed; its log has the reason under the request's id.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (`/definition/nodes/0/id`), or the name of a query parameter.
    pub path: String,
    /// One sentence for people.
    pub message: String,
}

/// A failure of a request.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl Problem {
    /// A problem with a sentence for people about this case.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut detail = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL_CHARS) {
            detail.to_mut().truncate(end);
            detail.to_mut().push('…');
        }
        Self(Box::new(Parts { code, detail, errors: Vec::new(), headers: Vec::new(), cause: None }))
    }

    /// Something does not exist, or not where the caller may look.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// A field of the body (a JSON pointer) or a query parameter that can't be taken.
    pub fn field(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(code, message.clone()).with_error(path, message)
    }

    /// A failure of the server itself: the cause goes to the log, never to the caller.
    pub fn internal(cause: impl ToString) -> Self {
        Self::new(Code::Internal, "the server failed; its log has the reason under this request's id").caused_by(cause)
    }

    /// There is no room for what was to be written.
    fn disk_full() -> Self {
        Self::new(Code::Unavailable, "the disk of the database is full: nothing can be written until there is room")
            .retry_after_s(10)
    }

    /// Problems of a workflow's definition; `prefix` is where the definition is in the body.
    pub fn invalid_workflow(prefix: &str, problems: &[definition::Problem]) -> Self {
        let detail = match problems {
            [one] => Cow::Owned(one.message.clone()),
            many => Cow::Owned(format!("the definition has {} problems", many.len())),
        };
        problems.iter().fold(Self::new(Code::InvalidWorkflow, detail), |all, one| {
            all.with_error(format!("{prefix}{}", one.path), one.message.as_str())
        })
    }

    /// A problem with places; `prefix` is where they begin in the body.
    fn placed(code: Code, detail: String, prefix: &str, problems: &[definition::Problem]) -> Self {
        problems.iter().fold(Self::new(code, detail), |all, one| {
            all.with_error(format!("{prefix}{}", one.path), one.message.as_str())
        })
    }

    /// The same problem with one more thing that is wrong.
    #[must_use]
    pub fn with_error(mut self, path: impl Into<String>, message: impl Into<String>) -> Self {
        if self.0.errors.len() < MAX_ERRORS {
            let mut message = message.into();
            if let Some((end, _)) = message.char_indices().nth(MAX_DETAIL_CHARS) {
                message.truncate(end);
            }
            self.0.errors.push(FieldError { path: path.into(), message });
        }
        self
    }

    /// The same problem with a header on its response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The same problem, saying when to come again.
    #[must_use]
    pub fn retry_after_s(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.into())
    }

    /// The same problem, with a cause for the log that the caller is not told.
    #[must_use]
    pub(super) fn caused_by(mut self, cause: impl ToString) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// It in one sentence, with the first thing that is wrong.
    pub(super) fn sentence(&self) -> String {
        let detail = &self.0.detail;
        match self.0.errors.first() {
            Some(error) if error.message != *detail => format!("{detail}: {} {}", error.path, error.message),
            _ => detail.clone().into_owned(),
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// This case, for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The single things that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The document, for the request of this id.
    pub(super) fn body(&self, request_id: &str) -> ProblemBody {
        let code = self.0.code;
        ProblemBody {
            kind: format!("urn:sluicegate:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: self.0.detail.clone().into_owned(),
            code: code.as_str().to_owned(),
            request_id: request_id.to_owned(),
            errors: self.0.errors.clone(),
        }
    }

    /// What the log should hold about it, if it is the server's own failure.
    pub(super) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Logs the cause, if there is one. To be done once; the span around has the request's ids.
    pub(super) fn log_cause(&self) {
        if let Some(cause) = self.cause() {
            tracing::error!(code = self.0.code.as_str(), cause, "request failed");
        }
    }

    /// What a foreign refusal (no problem document) comes down to.
    pub(super) fn for_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(Code::UnknownPath, "no such path"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(Code::MethodNotAllowed, "the path exists, but not for this method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::BodyTooLarge, "the body is larger than the server takes"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Code::UnsupportedMediaType, "the body must be JSON"),
            StatusCode::REQUEST_TIMEOUT => Self::new(Code::RequestTimeout, "the body did not arrive in time"),
            status if status.is_client_error() => Self::new(Code::BadRequest, "the request can't be understood"),
            status => Self::internal(format!("a response of status {status} without a problem")),
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The kind of problem as a URI: `urn:sluicegate:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem for people; the same for each code.
    pub title: String,
    /// The response's status.
    pub status: u16,
    /// This case, for people.
    pub detail: String,
    /// The kind of problem for programs; stable.
    pub code: String,
    /// The request's id: the response's `X-Request-Id`, and the one in the server's log.
    pub request_id: String,
    /// The single things that are wrong, where they can be named.
    pub errors: Vec<FieldError>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.code.status();
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::Taken("slug") => {
                Self::field(Code::SlugTaken, "/slug", "the slug is taken; give another `slug`, or another `name`")
            }
            StoreError::Taken(what) => Self::new(Code::Taken, format!("{what} is taken")),
            StoreError::ForeignCursor => {
                Self::field(Code::InvalidQuery, "cursor", "the cursor is not one of this list; begin again without it")
            }
            StoreError::OffsetTooLarge => Self::new(Code::InvalidQuery, error.to_string()),
            StoreError::Refused(rule) => Self::new(Code::Conflict, rule),
            // Answered by `idempotency` before it comes here.
            StoreError::Repeated(_) => {
                Self::new(Code::Conflict, "a request with this idempotency key was carried out at the same time")
            }
            StoreError::Database(_) if error.is_disk_full() => Self::disk_full().caused_by(error),
            StoreError::Database(_) => {
                Self::new(Code::Unavailable, "the database does not answer").retry_after_s(1).caused_by(error)
            }
            StoreError::Damaged { .. } => Self::internal(error),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Input(problems) => Self::placed(Code::InvalidInput, text, "", &problems),
            EngineError::Answer(problems) => Self::placed(Code::InvalidAnswer, text, "", &problems),
            EngineError::Plan(problems) => Self::placed(Code::InvalidReplay, text, "", &problems),
            EngineError::Definition(problems) => Self::placed(Code::InvalidWorkflow, text, "/definition", &problems),
            EngineError::Trashed => Self::new(Code::WorkflowTrashed, text),
            EngineError::NotDeployed => Self::new(Code::Conflict, "the workflow is not deployed; deploy it first"),
            EngineError::Ended => Self::new(Code::ExecutionEnded, text),
            EngineError::NotEnded => Self::new(Code::ExecutionNotEnded, text),
            EngineError::LeaseOver => Self::new(Code::LeaseLost, text),
            EngineError::NotSuspended => Self::new(Code::NotSuspended, text),
            EngineError::Ambiguous(open) => {
                open.iter().fold(Self::new(Code::AmbiguousSuspension, text), |problem, suspension| {
                    let asked = &suspension.interrupt;
                    let address = asked.path.as_ref().unwrap_or(&asked.node_id);
                    problem.with_error("/suspensionId", format!("{} ({address}): {}", suspension.id, asked.message))
                })
            }
            EngineError::AlreadyClosed(closed) => {
                let at = closed.closed_at.map(|at| format!(" at {at}")).unwrap_or_default();
                let decision = closed.decision.as_ref();
                let by = decision
                    .and_then(|decision| decision.by.as_ref())
                    .map(|by| format!(" by {by}"))
                    .unwrap_or_default();
                let action = decision.map(|decision| format!(": {}", decision.action)).unwrap_or_default();
                let state = closed.state.as_str();
                Self::new(Code::SuspensionClosed, format!("the suspension was {state}{by}{at}{action}"))
            }
            EngineError::MayNotAnswer(Refusal::OwnRequest, _) => Self::new(Code::OwnRequest, text),
            EngineError::MayNotAnswer(..) => Self::new(Code::NotAnApprover, text),
            EngineError::ReassignForbidden => Self::new(Code::Forbidden, text),
            EngineError::Claimed(_) => Self::new(Code::SuspensionClaimed, text),
            // The engine answers a duplicate itself.
            EngineError::NotClaimable | EngineError::ChangedTooOften | EngineError::Duplicate(_) => {
                Self::new(Code::Conflict, text)
            }
            EngineError::TooFast(seconds) => Self::new(Code::TooManyRequests, text).retry_after_s(seconds),
            EngineError::Reassignment(problems) => Self::placed(Code::InvalidValue, text, "", &problems),
            EngineError::Busy => Self::new(Code::TooManyRequests, text).retry_after_s(1),
            EngineError::Stopping => Self::new(Code::Unavailable, text).retry_after_s(1),
            EngineError::Unwritten(error) if error.is_disk_full() => Self::disk_full().caused_by(text),
            EngineError::Conflict | EngineError::SlotTaken | EngineError::Unwritten(_) => {
                Self::new(Code::Unavailable, "the request was not confirmed; repeat it with the same idempotency key")
                    .retry_after_s(1)
                    .caused_by(text)
            }
            EngineError::Panicked => Self::internal(text),
            // Answered by `idempotency` before it comes here.
            EngineError::Repeated(_) => {
                Self::new(Code::Conflict, "a request with this idempotency key was carried out at the same time")
            }
            EngineError::Refused(_) => {
                Self::new(Code::InvalidValue, "the database can't hold a value of this request").caused_by(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_failures() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(!code.meaning().is_empty());
            assert!(Code::ALL[..i].iter().all(|other| other.as_str() != code.as_str()));
        }
    }

    #[test]
    fn foreign_text_in_a_problem_is_bounded() {
        let long = "ä".repeat(10_000);
        let body = Problem::field(Code::InvalidBody, "/a", long).body("r");
        assert!(body.detail.chars().count() <= MAX_DETAIL_CHARS + 1);
        assert!(body.errors[0].message.chars().count() <= MAX_DETAIL_CHARS);
    }

    #[test]
    fn the_cause_of_a_failure_stays_inside() {
        let problem: Problem = StoreError::Database("password wrong for user x".into()).into();
        let shown = serde_json::to_string(&problem.body("r")).unwrap();
        assert!(!shown.contains("password"));
        assert!(problem.cause().unwrap().contains("password"));
    }
}
