//! Event streams over HTTP: the frames that are not events, their timing, and their end.
//!
//! A stream is pulled: nothing is read for a client before it has taken what was read last, so a slow one costs a position and
//! never slows others. It ends with a word about why and where to go on, and never just like that.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant as Deadline;
use tokio_util::sync::CancellationToken;

use super::error::{Code, Problem};
use crate::{domain::ids::WorkspaceId, store::StoreError};

/// The header with the version of the stream contract.
pub const STREAM_VERSION: HeaderName = HeaderName::from_static("sluicegate-stream-version");

/// How long a client should wait before it comes again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// The open streams of this process, and how long one lasts. Cheap to clone.
#[derive(Clone)]
pub struct Streams(Arc<Inner>);

struct Inner {
    open: Mutex<HashMap<WorkspaceId, usize>>,
    per_workspace: usize,
    max_duration: Duration,
    heartbeat: Duration,
    closing: CancellationToken,
}

/// An open stream; it counts until this is dropped.
pub struct OpenStream {
    streams: Streams,
    workspace: WorkspaceId,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.0.open.lock().expect("no holder of this lock panics");
        if let Some(count) = open.get_mut(&self.workspace) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.workspace);
            }
        }
        metrics::gauge!("sluicegate_open_streams").decrement(1);
    }
}

impl Streams {
    /// No streams yet. `closing` announces the end of all of them.
    pub fn new(per_workspace: usize, max_duration: Duration, heartbeat: Duration, closing: CancellationToken) -> Self {
        Self(Arc::new(Inner { open: Mutex::default(), per_workspace, max_duration, heartbeat, closing }))
    }

    /// Counts a stream of a workspace, or refuses it.
    pub fn open(&self, workspace: WorkspaceId) -> Result<OpenStream, Problem> {
        let mut open = self.0.open.lock().expect("no holder of this lock panics");
        let count = open.entry(workspace).or_insert(0);
        if *count >= self.0.per_workspace {
            let message = format!("the workspace has {count} open streams, which is the limit");
            return Err(Problem::new(Code::TooManyRequests, message).retry_after_s(5));
        }
        *count += 1;
        metrics::gauge!("sluicegate_open_streams").increment(1);
        Ok(OpenStream { streams: self.clone(), workspace })
    }
}

/// What a source of frames gives next.
pub enum Next {
    /// Frames to send; may be empty when all of them were filtered out.
    Frames(Bytes),
    /// Frames to send, the last ones.
    Last(Bytes),
}

/// Where a stream's frames come from.
pub trait Source: Send + 'static {
    /// The next frames, as soon as there are any. Dropped and called again at will.
    fn next(&mut self) -> impl Future<Output = Result<Next, StoreError>> + Send;

    /// The cursor of the last event that was sent, as a client would name it.
    fn cursor(&self) -> String;
}

#[derive(Serialize)]
struct Closing<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'static str,
    after: &'a str,
    #[serde(rename = "retryMs")]
    retry_ms: u64,
}

/// The response that streams what `source` gives, after the frames in `first`.
pub fn respond<S: Source>(open: OpenStream, first: Option<Bytes>, mut source: S) -> Response {
    let inner = Arc::clone(&open.streams.0);
    let frames = async_stream::stream! {
        let _open = open;
        // First bytes at once: a proxy or browser sees that the stream is open before anything happens.
        yield Ok::<_, std::convert::Infallible>(Bytes::from(format!("retry: {RETRY_MS}\n: sluicegate\n\n")));
        if let Some(first) = first {
            yield Ok(first);
        }
        let end = Deadline::now() + inner.max_duration;
        let mut beat = Deadline::now() + inner.heartbeat;
        loop {
            let next = tokio::select! {
                biased;
                () = inner.closing.cancelled() => Err("shutdown"),
                () = tokio::time::sleep_until(end) => Err("max_duration"),
                next = source.next() => Ok(Some(next)),
                () = tokio::time::sleep_until(beat) => Ok(None),
            };
            match next {
                Ok(Some(Ok(Next::Frames(frames)))) => {
                    if !frames.is_empty() {
                        beat = Deadline::now() + inner.heartbeat;
                        yield Ok(frames);
                    }
                }
                Ok(Some(Ok(Next::Last(frames)))) => {
                    yield Ok(frames);
                    return;
                }
                Ok(Some(Err(error))) => {
                    // What is removed while it is read is found missing by the client that comes again.
                    if !matches!(error, StoreError::NotFound(_)) {
                        tracing::warn!(%error, "a stream could not be read on; its client comes again");
                    }
                    yield Ok(closing("shutdown", &source.cursor()));
                    return;
                }
                Ok(None) => {
                    beat = Deadline::now() + inner.heartbeat;
                    yield Ok(Bytes::from_static(b": heartbeat\n\n"));
                }
                Err(reason) => {
                    yield Ok(closing(reason, &source.cursor()));
                    return;
                }
            }
        }
    };
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers.insert(STREAM_VERSION, HeaderValue::from_static("1"));
    response
}

fn closing(reason: &'static str, after: &str) -> Bytes {
    frame_without_id(&Closing { kind: "stream_closing", reason, after, retry_ms: RETRY_MS })
}

/// A frame that is no event of the log: it has no id, so it never becomes a cursor.
pub fn frame_without_id(body: &impl Serialize) -> Bytes {
    let body = serde_json::to_string(body).expect("frames have string keys and finite numbers");
    Bytes::from(format!("data: {body}\n\n"))
}

/// The cursor of the request: `Last-Event-ID` before `?after=`, because a browser keeps its first URL when it comes again.
pub fn requested_cursor(headers: &HeaderMap, after: Option<&str>) -> Result<Option<(String, &'static str)>, Problem> {
    if let Some(value) = headers.get("last-event-id") {
        let text = value.to_str().map_err(|_| {
            Problem::field(Code::InvalidHeader, "Last-Event-ID", "Last-Event-ID must be visible ASCII text")
        })?;
        if !text.is_empty() {
            return Ok(Some((text.to_owned(), "Last-Event-ID")));
        }
    }
    Ok(after.map(|text| (text.to_owned(), "after")))
}

/// A cursor that can't be read: a header and a parameter have problems of their own.
pub fn bad_cursor(place: &'static str, message: impl Into<String>) -> Problem {
    let code = if place == "after" { Code::InvalidQuery } else { Code::InvalidHeader };
    Problem::field(code, place, message)
}

/// The event types of a `?types=` filter: comma lists, repeated at will.
pub fn read_types(lists: &[String], known: &[&str]) -> Result<Vec<String>, Problem> {
    let types: Vec<String> = lists
        .iter()
        .flat_map(|list| list.split(','))
        .map(|kind| kind.trim().to_owned())
        .filter(|kind| !kind.is_empty())
        .collect();
    match types.iter().find(|kind| !known.contains(&kind.as_str())) {
        Some(unknown) => {
            let message = format!("`{unknown}` is not one of {}", known.join(", "));
            Err(Problem::field(Code::InvalidQuery, "types", message))
        }
        None => Ok(types),
    }
}

/// Whether the request asks for an event stream rather than for JSON: what `Accept` names first; anything means a stream.
pub fn wants_stream(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else { return Ok(true) };
    let kinds = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    for kind in kinds {
        match kind.as_str() {
            "text/event-stream" | "text/*" | "*/*" | "" => return Ok(true),
            "application/json" | "application/*" => return Ok(false),
            _ => {}
        }
    }
    Err(Problem::new(Code::NotAcceptable, "events come as `text/event-stream` or `application/json`"))
}
