//! What happens around every request: its id, its span, its metrics, and the problem documents.

use std::{sync::Arc, time::Instant as Stopwatch};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, field};

use super::{
    error::{PROBLEM_JSON, Problem},
    face::Face,
    metrics::{REQUEST_SECONDS, REQUESTS},
    without_version,
};
use crate::clock::Clock;

/// The header with the request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Makes request ids, and knows in whose words a failure is said.
#[derive(Clone)]
pub struct Shapes {
    clock: Clock,
    faces: Arc<[Face]>,
}

impl Shapes {
    /// Those of the API with these faces.
    pub fn new(clock: Clock, faces: &[Face]) -> Self {
        Self { clock, faces: faces.into() }
    }
}

/// Gives the request an id and a span, counts it, and turns refusals into problem documents, or what a face has in their place.
pub async fn observe(State(shapes): State<Shapes>, mut request: Request, next: Next) -> Response {
    let started = Stopwatch::now();
    let request_id = given_id(request.headers()).unwrap_or_else(|| shapes.clock.new_id().to_string());
    let face = shapes.faces.iter().find(|face| face.has(request.uri().path()));
    let method = method_name(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| without_version(path.as_str()).to_owned());
    request.extensions_mut().insert(RequestId(request_id.clone()));
    // Ids alone: a path or query may hold a token.
    let span = tracing::info_span!(
        "request",
        method,
        route,
        request_id,
        workspace_id = field::Empty,
        pod_id = field::Empty,
        execution_id = field::Empty,
        principal = field::Empty,
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| {
        show_problem(&mut response, &request_id, face);
        let status = response.status();
        tracing::debug!(status = status.as_u16(), "request answered");
        metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
            .increment(1);
        if !is_stream(response.headers()) {
            metrics::histogram!(REQUEST_SECONDS, "method" => method, "route" => route).record(started.elapsed());
        }
    });
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// The id that the client gave, if it is one that can go into logs and headers.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
    fits.then(|| id.to_owned())
}

/// Methods are the client's to invent; labels are not.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn show_problem(response: &mut Response, request_id: &str, face: Option<&Face>) {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if (status.is_client_error() || status.is_server_error()) && is_plain(response.headers()) => {
            Problem::for_status(status)
        }
        None => return,
    };
    problem.log_cause();
    let (status, media_type, body) = match face {
        None => (problem.code().status(), PROBLEM_JSON, serde_json::to_vec(&problem.body(request_id))),
        Some(face) => {
            let (status, body) = (face.show)(&problem);
            (status, "application/json", serde_json::to_vec(&body))
        }
    };
    let body = body.expect("a problem is strings and numbers");
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = body.into();
}

/// A refusal in words of the framework; the API's own bodies have another type.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_request_ids_are_taken_over() {
        let with = |id: &str| given_id(&HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(with("a-B_1.2:3").as_deref(), Some("a-B_1.2:3"));
        for bad in ["", "a b", "a\tb", "<script>", &"x".repeat(129)] {
            assert_eq!(with(bad), None, "{bad}");
        }
    }
}
