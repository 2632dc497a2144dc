//! Executions: trigger, list, get, cancel.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, OfPod, PrincipalKind, Viewer},
    error::{Code, Problem},
    execution_fields::matching,
    extract::Param,
    idempotency::{Idempotent, ReplyKey},
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
    traced::Traced,
};
use crate::{
    clock::{Clock, Instant},
    domain::{
        admission::Debounce,
        event::Event,
        execution::{Execution, ExecutionStatus, ExecutionView, TriggeredBy},
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
        stopping::CancelReport,
    },
    engine::{CancelRequest, Engine, EngineError, Include, ReplyFor, Trigger, Triggered},
    store::{ExecutionFilter, Page, Store, StoreError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_execution, list_executions))
        .routes(routes!(get_execution, cancel_execution))
}

/// A wish for an execution.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateExecution {
    /// The workflow to run.
    workflow_id: WorkflowId,
    /// What it works on; checked against the workflow's `inputSchema`.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    input: Value,
    /// What expressions find under `context`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    context: Option<serde_json::Map<String, Value>>,
    /// The version to run; the latest, if missing.
    #[serde(default)]
    #[schema(minimum = 1)]
    version: Option<i64>,
    /// Higher first; the workflow's own, if missing.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i32>,
    /// Equal keys are duplicates.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    dedupe_key: Option<String>,
    /// Equal keys share a limit.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    concurrency_key: Option<String>,
    /// Not before this instant.
    #[serde(default)]
    run_at: Option<Instant>,
    /// Not at all if it has not begun this long after it could, in milliseconds: it is cancelled then.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000_000_i64)]
    expires_in_ms: Option<i64>,
    /// Of the triggers that come in a burst only the last one runs; in place of `runAt`.
    #[serde(default)]
    debounce: Option<Debounce>,
    /// What it is about, to find it by.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    subject: Option<String>,
    /// Nodes with a `mock` take that instead of running, and so do those of its children.
    #[serde(default)]
    mocks: bool,
}

/// The largest input, in bytes of JSON.
const MAX_INPUT: usize = 1 << 20;

/// Trigger an execution
///
/// Editors and higher. The reply comes once the execution is durable: nothing that was answered 201 is ever lost. It shows the
/// execution as it was recorded; where there is room it has begun by then, and its stream tells how it went on.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions", tag = "executions", request_body = CreateExecution,
    responses(
        (status = 201, description = "The execution: queued, pending until its time has come, or skipped as a duplicate", body = ExecutionView),
        (status = 200, description = "The execution that the `dedupeKey` stands for, where the workflow has duplicates join it", body = ExecutionView),
        (status = 409, description = "The workflow is in the trash"),
        (status = 422, description = "The input does not fit the workflow"),
        (status = 429, description = "Too many executions are waiting"),
    ),
)]
async fn create_execution(
    pod: OfPod<Editor>,
    State(engine): State<Engine>,
    Traced(trace): Traced,
    Idempotent { body, key }: Idempotent<CreateExecution>,
) -> Result<Reply, Problem> {
    check_size("/input", &body.input)?;
    if let Some(priority) = body.priority.filter(|priority| !(-100..=100).contains(priority)) {
        let message = format!("priority must be between -100 and 100, not {priority}");
        return Err(Problem::field(Code::InvalidValue, "/priority", message));
    }
    let dedupe_key = short_text("/dedupeKey", body.dedupe_key)?;
    let concurrency_key = short_text("/concurrencyKey", body.concurrency_key)?;
    let subject = short_text("/subject", body.subject)?;
    within("/expiresInMs", body.expires_in_ms, MAX_EXPIRY_MS)?;
    if let Some(Debounce { key, quiet_ms, max_ms }) = &body.debounce {
        short_text("/debounce/key", Some(key.clone()))?;
        within("/debounce/quietMs", Some(*quiet_ms), MAX_DEBOUNCE_MS)?;
        within("/debounce/maxMs", *max_ms, MAX_DEBOUNCE_MS)?;
        if body.run_at.is_some() {
            let message = "`runAt` and `debounce` both say when it runs: give one of them";
            return Err(Problem::field(Code::InvalidValue, "/runAt", message));
        }
    }
    let trigger = Trigger {
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        workflow_id: body.workflow_id,
        version: body.version,
        triggered_by: match pod.principal().kind {
            PrincipalKind::User => TriggeredBy::Manual,
            PrincipalKind::ApiKey => TriggeredBy::Sdk,
        },
        trigger_id: None,
        input: body.input,
        context: Value::Object(body.context.unwrap_or_default()),
        subject,
        priority: body.priority,
        dedupe_key,
        concurrency_key,
        idempotency_key: key.key().map(str::to_owned),
        replay_of: None,
        from_node_id: None,
        presets: std::collections::BTreeMap::new(),
        mocks: body.mocks,
        run_at: body.run_at,
        expires_in_ms: body.expires_in_ms,
        debounce: body.debounce,
        trace,
        created_by: pod.principal().id.clone(),
        slot: None,
    };
    match engine.trigger_or_join(trigger, kept_created(&engine, &key)).await {
        Ok(Triggered::New(execution)) => Ok(created(engine.clock(), &execution)),
        Ok(Triggered::Joined(execution)) => Ok(Reply::ok(&execution.view(engine.clock().now()))),
        // The workflow's row has named its pod.
        Err(EngineError::Store(StoreError::NotFound(what))) => Err(pod.not_found(&**engine.store(), what).await),
        Err(error) => replayed(&key, error),
    }
}

/// The reply that shows a new execution.
pub(super) fn created(clock: &Clock, execution: &Execution) -> Reply {
    let origin = &execution.origin;
    let place = location(origin.workspace_id, origin.pod_id, origin.id);
    Reply::created(place, &execution.view(clock.now()))
}

/// The same as it is kept for an idempotency key.
pub(super) fn kept_created(engine: &Engine, key: &ReplyKey) -> ReplyFor {
    let clock = engine.clock().clone();
    key.keeping(move |execution| created(&clock, execution))
}

/// The reply to a request that another one with the same key has carried out, or the problem.
pub(super) fn replayed(key: &ReplyKey, error: EngineError) -> Result<Reply, Problem> {
    match error {
        EngineError::Repeated(stored) => key.repeated(*stored),
        error => Err(error.into()),
    }
}

/// Where an execution is.
pub(super) fn location(workspace: WorkspaceId, pod: PodId, id: ExecutionId) -> String {
    format!("/v1/workspaces/{workspace}/pods/{pod}/executions/{id}")
}

pub(crate) fn check_size(path: &str, value: &Value) -> Result<(), Problem> {
    let size = serde_json::to_vec(value).map_err(Problem::internal)?.len();
    if size > MAX_INPUT {
        let message = format!("{} must not be larger than {MAX_INPUT} bytes, not {size}", path.trim_start_matches('/'));
        return Err(Problem::field(Code::BodyTooLarge, path, message));
    }
    Ok(())
}

/// The longest that a trigger may wait for its turn: 30 days.
const MAX_EXPIRY_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// The longest that a burst may put off its execution: 7 days.
const MAX_DEBOUNCE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

fn within(path: &str, ms: Option<i64>, longest: i64) -> Result<(), Problem> {
    match ms {
        Some(ms) if !(1..=longest).contains(&ms) => {
            let message = format!("must be between 1 and {longest} milliseconds, not {ms}");
            Err(Problem::field(Code::InvalidValue, path, message))
        }
        _ => Ok(()),
    }
}

pub(super) fn short_text(path: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match &text {
        Some(text) if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) => {
            let message = "must be 1 to 255 bytes without control characters";
            Err(Problem::field(Code::InvalidValue, path, message))
        }
        _ => Ok(text),
    }
}

/// Which executions are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExecutionsQuery {
    /// In one of these statuses; may be repeated.
    status: Vec<ExecutionStatus>,
    /// Of this workflow.
    workflow_id: Option<WorkflowId>,
    /// Started so.
    triggered_by: Option<TriggeredBy>,
    /// About this subject.
    subject: Option<String>,
    /// Replays and retries of this execution.
    replay_of: Option<ExecutionId>,
    /// Children of this execution.
    parent_execution_id: Option<ExecutionId>,
    /// Triggered after this instant.
    created_after: Option<Instant>,
    /// Triggered before this instant.
    created_before: Option<Instant>,
    /// A filter, such as `status eq 'failed' and priority gt 3` or `status==failed;subject==order*`; may be repeated, all must
    /// hold. Up to 4096 characters and 100 comparisons. Fields: `id`, `workflowId`, `workflowVersion`, `status`, `triggeredBy`,
    /// `triggerId`, `subject`, `priority`, `dedupeKey`, `concurrencyKey`, `idempotencyKey`, `parentExecutionId`, `replayOf`,
    /// `fromNodeId`, `reprocessing`, `duplicateOf`, `createdBy`, `createdAt`, `queuedAt`, `startedAt`, `finishedAt`, `runAt`, `expiresAt`,
    /// `error.code`.
    filter: Vec<String>,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// List executions
///
/// Newest first, without inputs, node runs and suspensions.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions", tag = "executions", params(ExecutionsQuery),
    responses((status = 200, description = "The executions", body = Vec<ExecutionView>)),
)]
async fn list_executions(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ExecutionsQuery>,
) -> Result<List, Problem> {
    let filter = ExecutionFilter {
        pod_id: Some(pod.pod_id()),
        statuses: query.status,
        workflow_id: query.workflow_id,
        triggered_by: query.triggered_by,
        subject: query.subject,
        replay_of: query.replay_of,
        parent_execution_id: query.parent_execution_id,
        created_after: query.created_after,
        created_before: query.created_before,
        matching: matching("filter", Code::InvalidQuery, &query.filter)?,
        with_inputs: false,
    };
    let page = store.executions(pod.workspace_id(), &filter, query.limit.0, query.cursor.as_deref()).await;
    let now = clock.now();
    let narrow = |execution: Execution| ExecutionView { input: None, context: None, ..execution.view(now) };
    let page = page.map(|page| Page { items: page.items.into_iter().map(narrow).collect::<Vec<_>>(), next: page.next });
    List::new(&uri, &page?)
}

/// What a reply holds beside the execution's own fields.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncludeQuery {
    /// A comma list of `input`, `nodes`, `suspensions`; all, if missing.
    include: Option<String>,
}

/// Get an execution
///
/// With its node runs, suspensions, input and output; `include` narrows that down.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}", tag = "executions", params(IncludeQuery),
    responses((status = 200, description = "The execution", body = ExecutionView)),
)]
async fn get_execution(
    pod: OfPod<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<ExecutionId>,
    Query(query): Query<IncludeQuery>,
) -> Result<Reply, Problem> {
    let include = match &query.include {
        None => Include::ALL,
        Some(list) => {
            let mut include = Include::default();
            for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                match part {
                    "input" => include.input = true,
                    "nodes" => include.nodes = true,
                    "suspensions" => include.suspensions = true,
                    other => {
                        let message = format!("`{other}` is not one of input, nodes, suspensions");
                        return Err(Problem::field(Code::InvalidQuery, "include", message));
                    }
                }
            }
            include
        }
    };
    match engine.view(pod.workspace_id(), pod.pod_id(), id, include).await {
        Ok(view) => Ok(Reply::ok(&view)),
        Err(EngineError::Store(StoreError::NotFound(what))) => Err(pod.not_found(&**engine.store(), what).await),
        Err(error) => Err(error.into()),
    }
}

/// The execution's row, if it is in the pod.
pub(super) async fn in_pod<R>(pod: &OfPod<R>, store: &Arc<dyn Store>, id: ExecutionId) -> Result<Execution, Problem> {
    match store.execution(pod.workspace_id(), id).await {
        Ok(execution) if execution.origin.pod_id == pod.pod_id() => {
            tracing::Span::current().record("execution_id", tracing::field::display(id));
            Ok(execution)
        }
        Ok(_) | Err(StoreError::NotFound(_)) => Err(pod.not_found(&**store, "execution").await),
        Err(error) => Err(error.into()),
    }
}

/// Whether an execution that has not ended ends in time.
pub(crate) async fn ended_within(engine: &Engine, execution: &Execution, limit: Duration) -> Result<bool, Problem> {
    let last = execution.progress.last_seq;
    let mut events = engine.hub().subscribe(execution.origin.workspace_id, execution.origin.id, last, last);
    let end = async {
        loop {
            match events.next().await {
                Ok((_, chunk)) if !chunk.is_end() => {}
                other => return other.map(|_| ()),
            }
        }
    };
    match tokio::time::timeout(limit, end).await {
        Ok(ended) => ended.map(|()| true).map_err(Problem::from),
        Err(_) => Ok(false),
    }
}

/// How a cancellation is answered.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// Answer once everything has stopped, but after this many seconds at the latest (0 to 60).
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u32>,
}

/// Cancel an execution
///
/// Editors and higher. What waits or is queued ends at once; what runs is told to stop, children too. With
/// `Prefer: return=representation` the reply is the report of what was stopped. 409 if the execution has ended.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}", tag = "executions",
    params(CancelQuery),
    responses(
        (status = 200, description = "What was stopped", body = CancelReport),
        (status = 204, description = "It is being stopped, or has stopped"),
        (status = 409, description = "It has ended"),
    ),
)]
async fn cancel_execution(
    pod: OfPod<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    Query(query): Query<CancelQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = query.wait.unwrap_or(0);
    if wait > 60 {
        return Err(Problem::field(Code::InvalidQuery, "wait", "wait must be between 0 and 60 seconds"));
    }
    in_pod(&pod, &store, id).await?;
    let request = CancelRequest { by: Some(pod.principal().id.clone()), reason: None };
    let mut execution = engine.cancel(pod.workspace_id(), id, request).await?;
    let represent = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("return=representation")));
    if !execution.progress.status.is_terminal()
        && wait > 0
        && ended_within(&engine, &execution, Duration::from_secs(wait.into())).await?
    {
        execution = store.execution(pod.workspace_id(), id).await?;
    }
    if !represent {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let report = report_of(&store, &execution).await?;
    Ok(Reply::ok(&report).into_response())
}

/// The report of a cancellation, from the log's last event; empty while the execution is still stopping.
async fn report_of(store: &Arc<dyn Store>, execution: &Execution) -> Result<CancelReport, Problem> {
    let (origin, last) = (&execution.origin, execution.progress.last_seq);
    let events = store.events(origin.workspace_id, origin.id, last - 1, 1).await?;
    let last = events.first().map(|event| serde_json::from_str(&event.body)).transpose().map_err(Problem::internal)?;
    Ok(match last {
        Some(Event::ExecutionCancelled(end)) => end.report,
        _ => CancelReport::default(),
    })
}
