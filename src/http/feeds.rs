//! Streams over many executions: all of a pod, and the inbox of a workspace. The same rules as for one execution, with an
//! opaque cursor; slim events unless `fields=full`.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use bytes::{BufMut, Bytes, BytesMut};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, InPod, StreamViewer},
    error::{Code, Problem},
    event_schema::{StreamFrame, StreamSnapshot},
    query::Query,
    state::AppState,
    streams::{self, Next, Source, Streams},
};
use crate::{
    domain::{
        ids::{PodId, WorkflowId, WorkspaceId},
        suspension::SuspensionState,
    },
    engine::{Engine, hub::FeedWatch},
    store::{ExecutionFilter, FeedCursor, FeedRow, Store, StoreError, SuspensionFilter},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream_pod_events)).routes(routes!(stream_suspension_events))
}

/// The event types of a pod's stream.
pub(super) const POD_TYPES: [&str; 7] = [
    "execution_status",
    "execution_suspended",
    "suspension_update",
    "execution_complete",
    "execution_failed",
    "execution_cancelled",
    "execution_skipped",
];
/// The event types of the inbox.
const INBOX_TYPES: [&str; 2] = ["execution_suspended", "suspension_update"];
/// Members of an event that a slim one leaves out.
pub(super) const PAYLOAD: [&str; 5] = ["output", "nodes", "report", "decision", "vote"];
/// Members of an interrupt that a slim event leaves out.
const ASKED_PAYLOAD: [&str; 3] = ["context", "form", "defaultAnswer"];
/// How many rows are read at a time.
const PAGE: i64 = 256;

/// Which events are sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// After this cursor; `Last-Event-ID` comes first. Without one the stream begins now: nothing that happens from now on is
    /// left out, and what was stored a moment ago may come as well.
    after: Option<String>,
    /// Only these types: a comma list.
    types: Vec<String>,
    /// Only of this workflow.
    workflow_id: Option<WorkflowId>,
    /// `full` keeps what an event carries; `slim` is the default for pods, `full` for the inbox.
    #[param(inline)]
    fields: Option<Fields>,
    /// Begin with the newest executions or the open suspensions (`stream_snapshot`).
    snapshot: bool,
    /// A stream token, in place of other credentials.
    token: Option<String>,
}

/// How much of an event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fields {
    /// Without outputs, reports and lists of nodes.
    Slim,
    /// Everything.
    Full,
}

/// Follow a pod
///
/// Changes of status and suspensions of all executions of the pod in one stream. Each event names its `executionId` and
/// `workflowId`. The `id` is an opaque cursor; send the last one as `Last-Event-ID` to go on without gap or repetition. A
/// stream that was asked for without a cursor begins with an `id` that has no data: where it began.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/events", tag = "streams", params(FeedQuery),
    responses(
        (status = 200, description = "The events", content((String = "text/event-stream"))),
        (status = 429, description = "The workspace has too many open streams"),
    ),
)]
async fn stream_pod_events(
    pod: InPod<StreamViewer>,
    State(engine): State<Engine>,
    State(open): State<Streams>,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let scope =
        Scope { workspace: pod.workspace_id(), pod: Some(pod.pod_id()), known: &POD_TYPES, fields: Fields::Slim };
    follow(&engine, &open, scope, query, &headers).await
}

/// Follow the inbox
///
/// Suspensions of the workspace as they open and close. As the stream of a pod; events are whole, so that an item can be
/// decided without asking again.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions/events", tag = "streams", params(FeedQuery),
    responses(
        (status = 200, description = "The events", content((String = "text/event-stream"))),
        (status = 429, description = "The workspace has too many open streams"),
    ),
)]
async fn stream_suspension_events(
    access: Access<StreamViewer>,
    State(engine): State<Engine>,
    State(open): State<Streams>,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let scope = Scope { workspace: access.workspace_id(), pod: None, known: &INBOX_TYPES, fields: Fields::Full };
    follow(&engine, &open, scope, query, &headers).await
}

struct Scope {
    workspace: WorkspaceId,
    pod: Option<PodId>,
    known: &'static [&'static str],
    fields: Fields,
}

async fn follow(
    engine: &Engine,
    open: &Streams,
    scope: Scope,
    query: FeedQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // Read by the extractor of the access.
    _ = &query.token;
    if !streams::wants_stream(headers)? {
        return Err(Problem::new(Code::NotAcceptable, "this stream comes as `text/event-stream` only"));
    }
    let mut types = streams::read_types(&query.types, scope.known)?;
    if types.is_empty() {
        types = scope.known.iter().map(|&kind| kind.to_owned()).collect();
    }
    let store = Arc::clone(engine.store());
    // Watched before the end is read: what comes in between is seen.
    let watch = engine.hub().watch_feed(scope.workspace);
    let mut first = BytesMut::new();
    let cursor = if let Some((text, place)) = streams::requested_cursor(headers, query.after.as_deref())? {
        read_cursor(&text)
            .ok_or_else(|| streams::bad_cursor(place, format!("{place} is not a cursor of this stream")))?
    } else {
        let end = store.feed_end(scope.workspace).await?;
        // An id without data is no event, but a cursor: who is cut off before the first event begins here again, not at
        // whatever is the end by then.
        first.put_slice(format!("id: {}\n\n", write_cursor(end)).as_bytes());
        end
    };
    let stream = open.open(scope.workspace)?;
    if query.snapshot {
        first.put_slice(&snapshot(engine, &store, &scope, query.workflow_id).await?);
    }
    let first = (!first.is_empty()).then(|| first.freeze());
    let source = FeedSource {
        store,
        watch,
        workspace: scope.workspace,
        pod: scope.pod,
        types,
        workflow: query.workflow_id,
        full: query.fields.unwrap_or(scope.fields) == Fields::Full,
        cursor,
    };
    Ok(streams::respond(stream, first, source))
}

async fn snapshot(
    engine: &Engine,
    store: &Arc<dyn Store>,
    scope: &Scope,
    workflow_id: Option<WorkflowId>,
) -> Result<Bytes, Problem> {
    let snapshot = if let Some(pod_id) = scope.pod {
        let filter = ExecutionFilter { pod_id: Some(pod_id), workflow_id, ..ExecutionFilter::default() };
        let now = engine.clock().now();
        let newest = store.executions(scope.workspace, &filter, 50, None).await?.items;
        let views = newest.iter().map(|execution| {
            let mut view = execution.view(now);
            (view.input, view.context, view.output) = (None, None, None);
            view
        });
        StreamSnapshot { executions: Some(views.collect()), ..StreamSnapshot::default() }
    } else {
        let filter =
            SuspensionFilter { state: Some(SuspensionState::Open), workflow_id, ..SuspensionFilter::default() };
        let open = store.suspensions(scope.workspace, &filter, 200, None).await?.items;
        StreamSnapshot { suspensions: Some(open), ..StreamSnapshot::default() }
    };
    Ok(streams::frame_without_id(&StreamFrame::StreamSnapshot(snapshot)))
}

/// `<transaction>-<position>`, in hexadecimal.
fn write_cursor(cursor: FeedCursor) -> String {
    format!("{:x}-{:x}", cursor.transaction, cursor.position)
}

fn read_cursor(text: &str) -> Option<FeedCursor> {
    let (transaction, position) = text.split_once('-')?;
    let number = |text: &str| i64::from_str_radix(text, 16).ok().filter(|n| *n >= 0 && !text.starts_with('+'));
    Some(FeedCursor { transaction: number(transaction)?, position: number(position)? })
}

struct FeedSource {
    store: Arc<dyn Store>,
    watch: FeedWatch,
    workspace: WorkspaceId,
    pod: Option<PodId>,
    types: Vec<String>,
    workflow: Option<WorkflowId>,
    full: bool,
    cursor: FeedCursor,
}

impl Source for FeedSource {
    async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            self.watch.changes.mark_unchanged();
            let rows = self.store.feed(self.workspace, self.pod, self.cursor, PAGE).await?;
            if let Some(last) = rows.last() {
                let last = last.cursor;
                let frames = self.encode(&rows);
                self.cursor = last;
                return Ok(Next::Frames(frames));
            }
            // The watch keeps its sender, so waiting can't fail.
            _ = self.watch.changes.changed().await;
        }
    }

    fn cursor(&self) -> String {
        write_cursor(self.cursor)
    }
}

impl FeedSource {
    fn encode(&self, rows: &[FeedRow]) -> Bytes {
        let mut frames = BytesMut::new();
        for row in rows {
            let wanted = self.types.contains(&row.kind) && self.workflow.is_none_or(|wanted| wanted == row.workflow_id);
            if wanted {
                frames.put_slice(b"id: ");
                frames.put_slice(write_cursor(row.cursor).as_bytes());
                frames.put_slice(b"\ndata: ");
                frames.put_slice(self.body(row).as_bytes());
                frames.put_slice(b"\n\n");
            }
        }
        frames.freeze()
    }

    /// The event with the ids of what it is about.
    fn body(&self, row: &FeedRow) -> String {
        let ids = format!(
            ",\"executionId\":\"{}\",\"workflowId\":\"{}\",\"podId\":\"{}\"}}",
            row.execution_id, row.workflow_id, row.pod_id
        );
        if self.full {
            // A body is one JSON object: its last byte closes it.
            return format!("{}{ids}", row.body.strip_suffix('}').unwrap_or(&row.body));
        }
        let body = slim(&row.body).unwrap_or_else(|| row.body.clone());
        format!("{}{ids}", body.strip_suffix('}').unwrap_or(&body))
    }
}

/// The members of an event in their order, `type` first, as unread text.
type Members = IndexMap<String, Box<RawValue>>;

/// An event without its payload.
fn slim(body: &str) -> Option<String> {
    let mut event: Members = serde_json::from_str(body).ok()?;
    event.retain(|member, _| !PAYLOAD.contains(&member.as_str()));
    if let Some(interrupt) = event.get_mut("interrupt") {
        let mut asked: Members = serde_json::from_str(interrupt.get()).ok()?;
        asked.retain(|member, _| !ASKED_PAYLOAD.contains(&member.as_str()));
        *interrupt = serde_json::value::to_raw_value(&asked).ok()?;
    }
    serde_json::to_string(&event).ok()
}
