//! Events from outside, which start the workflows that subscribe to them.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod},
    error::{Code, Problem},
    executions::{check_size, short_text},
    idempotency::Idempotent,
    reply::Reply,
    state::AppState,
    traced::Traced,
};
use crate::{
    clock::Instant,
    domain::{
        ids::{EventId, ExecutionId, WorkflowId},
        subscription::{IncomingEvent, check_type},
    },
    engine::{Engine, EngineError},
    store::{Store, StoreError},
    triggers::events::{self, Outcome, Published, Refusal, Subscriber},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(publish_event))
}

/// Something that has happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishEvent {
    /// Its type: letters, digits, `_` and `-`, in parts between dots.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 128, example = "order.created")]
    event_type: String,
    /// What it is about; the subject of the executions.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    subject: Option<String>,
    /// What happened; the input of the executions.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    data: Value,
    /// What expressions find under `context`, beside `context.event`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    context: Option<Map<String, Value>>,
}

/// An event that was taken, and what it has started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishedEvent {
    /// Its id: the `triggerId` of the executions.
    id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    event_type: String,
    /// What it is about.
    subject: Option<String>,
    /// When it was taken.
    at: Instant,
    /// What it has started.
    executions: Vec<StartedByEvent>,
    /// Workflows that subscribe to it and could not be started.
    failed: Vec<NotStarted>,
    /// Workflows that subscribe to its type, with a condition that is not true of it.
    unmatched: Vec<WorkflowId>,
}

/// An execution that an event has started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedByEvent {
    /// The workflow.
    workflow_id: WorkflowId,
    /// Its version.
    workflow_version: i64,
    /// The execution.
    execution_id: ExecutionId,
}

/// A workflow that an event could not start.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotStarted {
    /// The workflow.
    workflow_id: WorkflowId,
    /// Its version.
    workflow_version: i64,
    /// Why, for programs: a code of problems, or `expression_failed` for a condition that has no truth.
    code: String,
    /// Why, for people.
    message: String,
    /// Whether the same may work later.
    retryable: bool,
}

/// Publish an event
///
/// Editors and higher. Starts an execution of each deployed workflow of the pod that subscribes to it (`settings.subscriptions`);
/// the reply comes once all of them are durable. With an `Idempotency-Key`, a repeated request starts what the first one did
/// not come to, and nothing twice; 429 and 503 ask for that. Without one they are answered only if nothing was started.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/events", tag = "events", request_body = PublishEvent,
    responses(
        (status = 202, description = "What it has started", body = PublishedEvent),
        (status = 409, description = "Too many workflows subscribe to events of this type"),
        (status = 429, description = "Too many executions are waiting"),
    ),
)]
async fn publish_event(
    pod: InPod<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Traced(trace): Traced,
    Idempotent { body, key }: Idempotent<PublishEvent>,
) -> Result<Reply, Problem> {
    let PublishEvent { event_type, subject, data, context } = body;
    check_type(&event_type).map_err(|message| Problem::field(Code::InvalidValue, "/type", message))?;
    let subject = short_text("/subject", subject)?;
    check_size("/data", &data)?;
    let context = context.unwrap_or_default();
    if context.contains_key("event") {
        let message = "`context.event` is the event itself; use another name";
        return Err(Problem::field(Code::InvalidValue, "/context/event", message));
    }
    let event = IncomingEvent {
        id: EventId(engine.clock().new_id()),
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        event_type,
        subject,
        data,
        context,
        at: engine.clock().now(),
        trace,
    };
    let door = key.reply(&Reply::new(StatusCode::ACCEPTED, None, &Value::Null));
    let by = pod.principal().id.clone();
    let publishing = {
        let (engine, door) = (engine.clone(), door.clone());
        async move { events::publish(&engine, event, &by, door.as_ref()).await }
    };
    // To the end, even if the caller goes away.
    let published = match engine.apart(publishing).await? {
        Ok(published) => published,
        Err(Refusal::TooManySubscribers) => {
            return Err(Problem::new(Code::Conflict, Refusal::TooManySubscribers.to_string()));
        }
        Err(Refusal::Engine(EngineError::Repeated(stored))) => return key.repeated(*stored),
        Err(Refusal::Engine(error)) => return Err(error.into()),
    };
    let (view, later) = shown(published);
    if let Some(problem) = later
        && (door.is_some() || view.executions.is_empty())
    {
        return Err(problem);
    }
    let reply = Reply::new(StatusCode::ACCEPTED, None, &view);
    match key.reply(&reply) {
        None => Ok(reply),
        Some(kept) => match store.keep_reply(&kept).await {
            Ok(()) => Ok(reply),
            Err(StoreError::Repeated(stored)) => key.repeated(*stored),
            Err(error) => Err(error.into()),
        },
    }
}

/// The reply, and the first of the problems that may pass.
fn shown(published: Published) -> (PublishedEvent, Option<Problem>) {
    let Published { event: IncomingEvent { id, event_type, subject, at, .. }, outcomes } = published;
    let (executions, failed, unmatched) = (Vec::new(), Vec::new(), Vec::new());
    let mut view = PublishedEvent { id, event_type, subject, at, executions, failed, unmatched };
    let mut later = None;
    for (Subscriber { workflow_id, version: workflow_version }, outcome) in outcomes {
        let (code, message, retryable) = match outcome {
            Outcome::Started(execution_id) => {
                view.executions.push(StartedByEvent { workflow_id, workflow_version, execution_id });
                continue;
            }
            Outcome::Unmatched => {
                view.unmatched.push(workflow_id);
                continue;
            }
            Outcome::Unclear(message) => ("expression_failed", message, false),
            Outcome::Refused(error) => {
                tracing::debug!(%workflow_id, event_id = %id, %error, "an event could not start a workflow");
                let problem = Problem::from(error);
                let code = problem.code();
                let retryable = matches!(code, Code::TooManyRequests | Code::Unavailable);
                let message = problem.sentence();
                if retryable {
                    later.get_or_insert(problem);
                }
                (code.as_str(), message, retryable)
            }
        };
        view.failed.push(NotStarted { workflow_id, workflow_version, code: code.to_owned(), message, retryable });
    }
    (view, later)
}
