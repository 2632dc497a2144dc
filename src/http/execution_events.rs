//! The events of one execution: as a live stream, or as a page of the log.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{OfPod, StreamViewer},
    error::{Code, Problem},
    event_schema::{StreamFrame, StreamSnapshot},
    executions::in_pod,
    extract::Param,
    query::Query,
    state::AppState,
    streams::{self, Next, OpenStream, Source, Streams},
};
use crate::{
    domain::{event::Event, execution::Execution, ids::ExecutionId},
    engine::{Engine, Include, hub::Subscription},
    store::{Store, StoreError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream_execution_events))
}

/// The types of an execution's events.
pub const EVENT_TYPES: [&str; 13] = [
    "execution_status",
    "node_update",
    "node_delta",
    "node_log",
    "node_action",
    "node_artifact",
    "task_update",
    "execution_suspended",
    "suspension_update",
    "execution_complete",
    "execution_failed",
    "execution_cancelled",
    "execution_skipped",
];

/// Which events are sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// After this position; `Last-Event-ID` comes first.
    after: Option<String>,
    /// Only these types: a comma list.
    types: Vec<String>,
    /// Begin with the execution as it is (`stream_snapshot`).
    snapshot: bool,
    /// How many events a page of JSON has: 1 to 1000, 500 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// A stream token, in place of other credentials.
    token: Option<String>,
}

/// Follow an execution
///
/// With `Accept: text/event-stream` a live stream: first what is stored after the cursor, then what happens, each event once
/// and in order, until the event that ends the execution. Each message has the event's position as its `id`; send the last
/// one as `Last-Event-ID` to go on. Before the server closes the stream it says why and when to come again
/// (`stream_closing`). 204 once everything that fits was received. With `Accept: application/json` a page of the same events.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/events", tag = "executions",
    params(EventsQuery),
    responses(
        (status = 200, description = "The events", content(
            (Vec<Event> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "The execution has ended, and nothing that fits comes after the cursor"),
        (status = 429, description = "The workspace has too many open streams"),
    ),
)]
async fn stream_execution_events(
    pod: OfPod<StreamViewer>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    State(open): State<Streams>,
    Param(id): Param<ExecutionId>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Read by the extractor of the access.
    _ = &query.token;
    let execution = in_pod(&pod, &store, id).await?;
    let last = execution.progress.last_seq;
    let after = match streams::requested_cursor(&headers, query.after.as_deref())? {
        None => 0,
        Some((text, place)) => match text.parse::<i64>() {
            Ok(after) if after > last => {
                let message = format!("{place} is {after}, but the log ends at {last}");
                return Err(streams::bad_cursor(place, message));
            }
            Ok(after) if after >= 0 => after,
            _ => return Err(streams::bad_cursor(place, format!("{place} must be a position: 0 or a positive number"))),
        },
    };
    let types = streams::read_types(&query.types, &EVENT_TYPES)?;
    if !streams::wants_stream(&headers)? {
        let limit = query.limit.unwrap_or(500);
        if !(1..=1000).contains(&limit) {
            return Err(Problem::field(Code::InvalidQuery, "limit", "limit must be between 1 and 1000"));
        }
        return page(&store, &pod, id, after, limit, &types).await;
    }
    if execution.progress.status.is_terminal()
        && (after >= last || !any_fits(&store, &pod, id, after, &query, &types).await?)
    {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let stream = open.open(pod.workspace_id())?;
    let first = if query.snapshot {
        let view = engine.view(pod.workspace_id(), pod.pod_id(), id, Include::ALL).await?;
        let snapshot = StreamSnapshot { execution: Some(view), ..StreamSnapshot::default() };
        Some(streams::frame_without_id(&StreamFrame::StreamSnapshot(snapshot)))
    } else {
        None
    };
    let subscription = engine.hub().subscribe(pod.workspace_id(), id, after, last);
    Ok(streams::respond(stream, first, ExecutionSource { subscription, types }))
}

/// Whether the log of an execution that has ended holds anything more for a reader with a filter. Such a reader never sees
/// the last position and can't name it: without this, a browser would come again for ever. Who begins with the execution as
/// it is gets that.
async fn any_fits(
    store: &Arc<dyn Store>,
    pod: &OfPod<StreamViewer>,
    id: ExecutionId,
    mut after: i64,
    query: &EventsQuery,
    types: &[String],
) -> Result<bool, Problem> {
    if types.is_empty() || (query.snapshot && after == 0) {
        return Ok(true);
    }
    loop {
        let events = store.events(pod.workspace_id(), id, after, 1_000).await?;
        let Some(last) = events.last() else { return Ok(false) };
        after = last.seq;
        if events.iter().any(|event| fits(types, &event.body)) {
            return Ok(true);
        }
    }
}

fn fits(types: &[String], body: &str) -> bool {
    types.is_empty() || types.iter().any(|wanted| wanted == crate::domain::event::type_of(body))
}

/// A stream of all events of an execution, those that are stored and those to come.
pub(super) fn follow(engine: &Engine, stream: OpenStream, execution: &Execution) -> Response {
    let (origin, last) = (&execution.origin, execution.progress.last_seq);
    let subscription = engine.hub().subscribe(origin.workspace_id, origin.id, 0, last);
    streams::respond(stream, None, ExecutionSource { subscription, types: Vec::new() })
}

/// A page of the log: the stored bodies, as they are.
async fn page(
    store: &Arc<dyn Store>,
    pod: &OfPod<StreamViewer>,
    id: ExecutionId,
    after: i64,
    limit: i64,
    types: &[String],
) -> Result<Response, Problem> {
    let mut body = String::from("[");
    let (mut count, mut position) = (0, after);
    'pages: loop {
        let events = store.events(pod.workspace_id(), id, position, limit).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            position = event.seq;
            if fits(types, &event.body) {
                if count > 0 {
                    body.push(',');
                }
                body.push_str(&event.body);
                count += 1;
                if count == limit {
                    break 'pages;
                }
            }
        }
    }
    body.push(']');
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (streams::STREAM_VERSION, HeaderValue::from_static("1")),
    ];
    Ok((headers, body).into_response())
}

struct ExecutionSource {
    subscription: Subscription,
    types: Vec<String>,
}

impl Source for ExecutionSource {
    async fn next(&mut self) -> Result<Next, StoreError> {
        let (after, chunk) = self.subscription.next().await?;
        let frames: Bytes = chunk.select(after, &self.types);
        Ok(if chunk.is_end() { Next::Last(frames) } else { Next::Frames(frames) })
    }

    fn cursor(&self) -> String {
        self.subscription.cursor.to_string()
    }
}
