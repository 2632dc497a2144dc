//! The log of an execution as people read it: node runs and their log lines, in order.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{OfPod, Viewer},
    error::{Code, Problem},
    executions::in_pod,
    extract::Param,
    query::{Limit, Query},
    reply::List,
    state::AppState,
};
use crate::{
    clock::Instant,
    domain::{
        event::{Event, LogLevel, NodeStatus, NodeUpdateEvent},
        ids::{ExecutionId, WorkspaceId},
    },
    store::{Page, Store},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_execution_logs))
}

/// One line of an execution's log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// The execution's id and the position.
    pub id: String,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    pub path: Option<String>,
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// More about it.
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
    /// How long the attempt took, on its last line.
    pub duration_ms: Option<i64>,
    /// The attempt.
    pub attempt: i64,
    /// When.
    pub timestamp: Instant,
    /// The event's position in the execution's log.
    pub seq: i64,
}

/// Which lines are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// Of this node.
    node_id: Option<String>,
    /// Of this level or a higher one.
    level: Option<LogLevel>,
    /// After this position.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many lines.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// Read an execution's log
///
/// Oldest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/logs", tag = "executions",
    params(LogsQuery),
    responses((status = 200, description = "The lines", body = Vec<LogEntry>)),
)]
async fn list_execution_logs(
    pod: OfPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<LogsQuery>,
) -> Result<List, Problem> {
    in_pod(&pod, &store, id).await?;
    let after = match &query.cursor {
        Some(cursor) => cursor.parse().ok().filter(|after| *after >= 0).ok_or_else(|| {
            Problem::field(Code::InvalidQuery, "cursor", "the cursor is not one of this list; begin again without it")
        })?,
        None => query.after.unwrap_or(0),
    };
    if after < 0 {
        return Err(Problem::field(Code::InvalidQuery, "after", "after must be a position: 0 or a positive number"));
    }
    let limit = query.limit.0 as usize;
    // One more than is shown tells whether there is another page.
    let mut items = log_of(&*store, (pod.workspace_id(), id), after, limit + 1, |entry| {
        query.node_id.as_ref().is_none_or(|node| *node == entry.node_id)
            && query.level.is_none_or(|level| entry.level >= level)
    })
    .await?;
    let next = (items.len() > limit).then(|| items[limit - 1].seq.to_string());
    items.truncate(limit);
    List::new(&uri, &Page { items, next })
}

/// Up to `most` lines behind a position, of those that are wanted, oldest first.
pub(crate) async fn log_of(
    store: &dyn Store,
    (workspace, id): (WorkspaceId, ExecutionId),
    mut after: i64,
    most: usize,
    wanted: impl Fn(&LogEntry) -> bool,
) -> Result<Vec<LogEntry>, Problem> {
    let mut items: Vec<LogEntry> = Vec::new();
    let mut more = true;
    while more && items.len() < most {
        let events = store.events(workspace, id, after, 512).await?;
        more = !events.is_empty();
        for stored in events {
            after = stored.seq;
            let event = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
            items.extend(entry(id, event).filter(&wanted));
        }
    }
    items.truncate(most);
    Ok(items)
}

fn entry(execution_id: ExecutionId, event: Event) -> Option<LogEntry> {
    match event {
        Event::NodeLog(e) => Some(LogEntry {
            id: format!("{execution_id}:{}", e.seq),
            execution_id,
            node_id: e.node_id,
            path: e.path,
            level: e.level,
            message: e.message,
            data: e.data,
            duration_ms: None,
            attempt: e.attempt,
            timestamp: e.at,
            seq: e.seq,
        }),
        Event::NodeUpdate(e) => {
            let (level, message) = describe(&e);
            let data = e.error.as_ref().map(|error| serde_json::to_value(error).unwrap_or_default());
            Some(LogEntry {
                id: format!("{execution_id}:{}", e.seq),
                execution_id,
                node_id: e.node_id,
                path: e.path,
                level,
                message,
                data,
                duration_ms: e.duration_ms,
                attempt: e.attempt,
                timestamp: e.at,
                seq: e.seq,
            })
        }
        _ => None,
    }
}

fn describe(e: &NodeUpdateEvent) -> (LogLevel, String) {
    let because = || e.error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
    match e.status {
        NodeStatus::Running => match (&e.items, e.child_execution_id) {
            (Some(items), _) => (LogLevel::Debug, format!("iterating over {} items", items.len())),
            (None, Some(child)) => (LogLevel::Debug, format!("started execution {child}")),
            (None, None) => (LogLevel::Debug, format!("attempt {} started", e.attempt)),
        },
        NodeStatus::Suspended => match e.resume_at {
            Some(at) => (LogLevel::Info, format!("waits until {at}")),
            None => (LogLevel::Info, "waits for an answer".to_owned()),
        },
        NodeStatus::Retrying => {
            let at = e.retry_at.map(|at| format!("; next attempt at {at}")).unwrap_or_default();
            (LogLevel::Warn, format!("attempt {} failed{}{at}", e.attempt, because()))
        }
        NodeStatus::Completed if e.reused => (LogLevel::Info, "result taken over".to_owned()),
        NodeStatus::Completed if e.mocked => (LogLevel::Info, "result mocked".to_owned()),
        NodeStatus::Completed if e.pinned => (LogLevel::Info, "result given".to_owned()),
        NodeStatus::Completed => (LogLevel::Info, "completed".to_owned()),
        NodeStatus::Failed => (LogLevel::Error, format!("failed{}", because())),
        NodeStatus::Skipped => match &e.reason {
            Some(reason) => (LogLevel::Info, format!("passed over: {reason}")),
            None => (LogLevel::Debug, "skipped".to_owned()),
        },
        NodeStatus::Cancelled => (LogLevel::Warn, "cancelled".to_owned()),
    }
}
