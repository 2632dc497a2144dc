//! What an execution tells of itself: its log, and the latest messages about what it is doing.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{scope::Scope, views::shows_log};
use crate::{
    clock::Instant,
    domain::{
        event::{DeltaChannel, Event, LogLevel, NodeStatus},
        execution::Execution,
        ids::ExecutionId,
    },
    http::{
        AppState,
        auth::Viewer,
        error::Problem,
        execution_logs::{LogEntry, log_of},
        extract::Param,
        reply::Reply,
    },
};

/// The most lines of a log that are shown.
const MAX_LINES: usize = 1_000;
/// How many messages are shown: the latest.
const MAX_MESSAGES: usize = 10;
/// How many of the last events are looked through for messages.
const RECENT: i64 = 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_kodexa_execution_logs)).routes(routes!(list_kodexa_status_messages))
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = KodexaMessageType)]
pub enum MessageType {
    /// It thinks.
    Thinking,
    /// It looks for something.
    Searching,
    /// It plans.
    Planning,
    /// It looks at something again.
    Reviewing,
    /// It works.
    Processing,
    /// It looks into something.
    Analyzing,
    /// It writes.
    Writing,
    /// It waits for a person or a timer.
    Waiting,
}

impl MessageType {
    /// What a worker's own word for an action comes down to.
    fn of_action(kind: &str) -> Self {
        let kind = kind.to_lowercase();
        let words = [
            ("thought", Self::Thinking),
            ("think", Self::Thinking),
            ("search", Self::Searching),
            ("plan", Self::Planning),
            ("review", Self::Reviewing),
            ("analy", Self::Analyzing),
            ("writ", Self::Writing),
            ("wait", Self::Waiting),
        ];
        words.into_iter().find(|(word, _)| kind.contains(word)).map_or(Self::Processing, |(_, kind)| kind)
    }
}

/// A message about what an execution is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaStatusMessage)]
pub struct Message {
    /// The execution's id and the position of the event.
    id: String,
    /// The execution.
    execution_id: ExecutionId,
    /// When.
    datetime: Instant,
    /// What it is about.
    #[serde(rename = "type")]
    kind: MessageType,
    /// The message.
    title: String,
    /// More about it: the step, or a detail.
    subtitle: Option<String>,
}

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaLogEntry)]
pub struct Line {
    /// What the line says, as a message.
    #[serde(flatten)]
    message: Message,
    /// The same as `id`.
    uuid: String,
    /// The same as `datetime`.
    log_date: Instant,
    /// The same as `datetime`.
    created_on: Instant,
    /// The step and what is said of it.
    entry: String,
    /// How much it matters.
    level: LogLevel,
}

/// Read the log of an execution
///
/// Oldest first, up to 1000 lines; the last one says why it has failed, if it has. Empty for an execution without a log.
#[utoipa::path(
    get, path = "/api/executions/{executionId}/logs", tag = "kodexa",
    responses((status = 200, description = "The lines", body = Vec<Line>)),
)]
async fn list_kodexa_execution_logs(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    if !shows_log(&state, &execution).await? {
        return Ok(Reply::ok(&[(); 0]));
    }
    let entries = log_of(&*state.store, (scope.workspace(), id), 0, MAX_LINES - 1, |_| true).await?;
    let mut lines: Vec<Line> = entries.into_iter().map(line).collect();
    lines.extend(reason(&execution));
    Ok(Reply::ok(&lines))
}

/// Read the status messages of an execution
///
/// The latest ten, oldest first: what its workers say and do, and what it waits for. Empty for an execution without a log.
#[utoipa::path(
    get, path = "/api/executions/{executionId}/status-messages", tag = "kodexa",
    responses((status = 200, description = "The messages", body = Vec<Message>)),
)]
async fn list_kodexa_status_messages(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    if !shows_log(&state, &execution).await? {
        return Ok(Reply::ok(&[(); 0]));
    }
    let after = (execution.progress.last_seq - RECENT).max(0);
    let events = state.store.events(scope.workspace(), id, after, RECENT).await?;
    let mut messages = Vec::new();
    for event in events.iter().rev() {
        let event = serde_json::from_str(&event.body).map_err(Problem::internal)?;
        messages.extend(message(id, event));
        if messages.len() == MAX_MESSAGES {
            break;
        }
    }
    messages.reverse();
    Ok(Reply::ok(&messages))
}

fn line(entry: LogEntry) -> Line {
    let LogEntry { id, execution_id, node_id, level, message, timestamp, .. } = entry;
    let waits = message.starts_with("waits ") || message.contains("next attempt");
    let kind = if waits { MessageType::Waiting } else { MessageType::Processing };
    Line {
        uuid: id.clone(),
        log_date: timestamp,
        created_on: timestamp,
        entry: format!("{node_id}: {message}"),
        level,
        message: Message { id, execution_id, datetime: timestamp, kind, title: message, subtitle: Some(node_id) },
    }
}

/// Why an execution has not ended well.
fn reason(execution: &Execution) -> Option<Line> {
    let (origin, progress) = (&execution.origin, &execution.progress);
    let error = progress.error.as_ref()?;
    let at = progress.finished_at.unwrap_or(origin.created_at);
    let id = format!("{}:{}", origin.id, progress.last_seq);
    let title = format!("failed: {}", error.message);
    Some(Line {
        uuid: id.clone(),
        log_date: at,
        created_on: at,
        entry: title.clone(),
        level: LogLevel::Error,
        message: Message {
            id,
            execution_id: origin.id,
            datetime: at,
            kind: MessageType::Processing,
            title,
            subtitle: Some(error.code.as_str().to_owned()),
        },
    })
}

/// What an event says to whoever watches.
fn message(execution_id: ExecutionId, event: Event) -> Option<Message> {
    let (seq, datetime) = (event.seq(), event.at());
    let (kind, title, subtitle) = match event {
        Event::NodeAction(action) => {
            let detail = action.detail.as_ref().and_then(|detail| detail.as_str()).map(str::to_owned);
            (MessageType::of_action(&action.kind), action.title, detail.or(Some(action.node_id)))
        }
        Event::NodeDelta(delta) if delta.channel == DeltaChannel::Progress && !delta.delta.is_empty() => {
            (MessageType::Processing, delta.delta, Some(delta.node_id))
        }
        Event::ExecutionSuspended(suspended) => {
            (MessageType::Waiting, suspended.interrupt.message, Some(suspended.interrupt.node_id))
        }
        Event::NodeUpdate(update) if update.status == NodeStatus::Retrying => {
            let why = update.error.map(|error| error.message);
            (MessageType::Waiting, "waits for its next attempt".to_owned(), why.or(Some(update.node_id)))
        }
        _ => return None,
    };
    Some(Message { id: format!("{execution_id}:{seq}"), execution_id, datetime, kind, title, subtitle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_workers_come_down_to_eight() {
        for (word, expected) in [
            ("thought", MessageType::Thinking),
            ("web_search", MessageType::Searching),
            ("Planning", MessageType::Planning),
            ("review", MessageType::Reviewing),
            ("analyze", MessageType::Analyzing),
            ("analysis", MessageType::Analyzing),
            ("writing", MessageType::Writing),
            ("wait", MessageType::Waiting),
            ("screenshot", MessageType::Processing),
            ("action", MessageType::Processing),
        ] {
            assert_eq!(MessageType::of_action(word), expected, "{word}");
        }
    }
}
