//! Executions: begun, looked at, retried, and ended by the callback of their worker.

use std::time::Duration;

use axum::{extract::State, http::HeaderMap};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    bodies::{Complete, Execute, ExecutionsQuery, Outcome, Run},
    configuration::Kept,
    scope::{Scope, require_worker_key},
    views::{self, ExecutionResponse, Status, is_web_address},
    workflows::window,
};
use crate::{
    clock::Instant,
    domain::{
        event::{Event, LogLevel},
        execution::{Execution, Presets, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, WorkflowId},
        task::TaskStats,
        trace::Trace,
    },
    engine::{EngineError, Trigger},
    http::{
        AppState,
        auth::{Editor, Viewer},
        error::{Code, Problem},
        execution_logs::log_of,
        executions::{check_size, ended_within},
        extract::{Json, Param},
        query::Query,
        reply::Reply,
        traced::Traced,
    },
    store::ExecutionFilter,
};

/// The most lines of a log that are shown with an execution.
const MAX_LINES: usize = 1_000;
/// How many executions are read at a time.
const PAGE: i64 = 200;
/// How long a callback waits for the end of what it has ended.
const SETTLE: Duration = Duration::from_secs(5);
/// The most that a worker may count.
const MAX_COUNT: i64 = 1_000_000_000;
/// The longest address and reason of a worker, in characters.
const MAX_TEXT_CHARS: usize = 8_192;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(execute_kinetic_workflow))
        .routes(routes!(run_kinetic_workflow))
        .routes(routes!(list_kinetic_executions))
        .routes(routes!(get_kinetic_execution))
        .routes(routes!(retry_kinetic_execution))
        .routes(routes!(complete_kinetic_execution))
}

/// An execution that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KineticStarted)]
pub struct Started {
    /// Its id.
    execution_id: ExecutionId,
    /// The same in the other spelling.
    #[serde(rename = "execution_uuid")]
    execution_uuid: ExecutionId,
    /// Where it is in its life.
    status: Status,
    /// What is wrong with the payload by the workflow's `payloadSchema`; it is executed all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// An execution that was begun, in the other spelling.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticRunStarted)]
pub struct RunStarted {
    /// The execution.
    #[serde(flatten)]
    execution: ExecutionResponse,
    /// Its id in the other spelling.
    #[serde(rename = "executionId")]
    execution_id: ExecutionId,
    /// What is wrong with the payload by the workflow's `payloadSchema`; it is executed all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// An execution with its log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticExecutionDetail)]
pub struct ExecutionDetail {
    /// The execution.
    #[serde(flatten)]
    execution: ExecutionResponse,
    /// The lines of its log, oldest first, up to 1000; the last one says why it failed, if it did.
    logs: Vec<LogLine>,
}

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticLogLine)]
pub struct LogLine {
    /// When.
    timestamp: Instant,
    /// How much it matters.
    level: LogLevel,
    /// The line.
    message: String,
    /// The node of the graph; null for the execution itself.
    node_id: Option<String>,
    /// More about it.
    #[schema(value_type = Option<Value>)]
    data: Option<Value>,
}

/// Execute a workflow
///
/// Editors and higher. The record is durable when this is answered, and waits for a worker. A payload that misses the workflow's
/// `payloadSchema` is warned of, not refused.
#[utoipa::path(
    post, path = "/api/workflows/{workflowId}/execute", tag = "kinetic", request_body = Execute,
    responses(
        (status = 201, description = "The execution", body = Started),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn execute_kinetic_workflow(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
    Traced(trace): Traced,
    Json(body): Json<Execute>,
) -> Result<Reply, Problem> {
    let (execution, warnings) = start(&state, &scope, id, (body.input_payload, "inputPayload"), trace).await?;
    let location = location(&execution);
    let shown = views::execution(&state, execution).await?;
    let (execution_id, status) = (shown.execution_uuid, shown.status);
    Ok(Reply::created(location, &Started { execution_id, execution_uuid: execution_id, status, warnings }))
}

/// Run a workflow
///
/// Editors and higher. As `execute`, in the other spelling.
#[utoipa::path(
    post, path = "/api/workflows/{workflowId}/run", tag = "kinetic", request_body = Run,
    responses(
        (status = 200, description = "The execution", body = RunStarted),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn run_kinetic_workflow(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
    Traced(trace): Traced,
    Json(body): Json<Run>,
) -> Result<Reply, Problem> {
    let (execution, warnings) = start(&state, &scope, id, (body.input_payload, "input_payload"), trace).await?;
    let execution = views::execution(&state, execution).await?;
    Ok(Reply::ok(&RunStarted { execution_id: execution.execution_uuid, execution, warnings }))
}

/// Triggers the workflow's latest version. `field` is what the payload is called in the request.
async fn start(
    state: &AppState,
    scope: &Scope<Editor>,
    id: WorkflowId,
    (payload, field): (Option<Map<String, Value>>, &str),
    trace: Option<Trace>,
) -> Result<(Execution, Vec<String>), Problem> {
    let input = Value::Object(payload.unwrap_or_default());
    check_size(&format!("/{field}"), &input)?;
    let workflow = scope.workflow(&*state.store, id).await?;
    let kept = workflow.definition.as_ref().and_then(Kept::of);
    let warnings = kept.map(|kept| kept.warnings(&input)).unwrap_or_default();
    let trigger = Trigger {
        workspace_id: scope.workspace(),
        pod_id: workflow.pod_id,
        workflow_id: id,
        version: Some(workflow.version),
        triggered_by: TriggeredBy::Sdk,
        trigger_id: None,
        input,
        context: json!({}),
        subject: None,
        priority: None,
        dedupe_key: None,
        concurrency_key: None,
        idempotency_key: None,
        replay_of: None,
        from_node_id: None,
        presets: Presets::new(),
        mocks: false,
        run_at: None,
        expires_in_ms: None,
        debounce: None,
        trace,
        created_by: scope.by(),
        slot: None,
    };
    match state.engine.trigger(trigger, None).await {
        Ok(execution) => Ok((execution, warnings)),
        // A native workflow says by `inputSchema` what it takes.
        Err(EngineError::Input(problems)) => {
            let at = |path: &str| format!("/{field}{}", path.strip_prefix("/input").unwrap_or(path));
            let refusal = Problem::new(Code::InvalidInput, "the payload does not fit the workflow");
            Err(problems.iter().fold(refusal, |all, one| all.with_error(at(&one.path), one.message.as_str())))
        }
        Err(error) => Err(error.into()),
    }
}

/// List executions
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/executions", tag = "kinetic", params(ExecutionsQuery),
    responses((status = 200, description = "The executions", body = Vec<ExecutionResponse>)),
)]
pub async fn list_kinetic_executions(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ExecutionsQuery>,
) -> Result<Reply, Problem> {
    let (limit, mut skip) = window(query.limit, query.offset)?;
    let Some(pod_id) = scope.pod_id() else { return Ok(Reply::ok(&[(); 0])) };
    let filter = ExecutionFilter {
        pod_id: Some(pod_id),
        workflow_id: query.workflow_uuid,
        statuses: query.status.map(|status| status.natives().to_vec()).unwrap_or_default(),
        with_inputs: true,
        ..ExecutionFilter::default()
    };
    let (mut found, mut cursor): (Vec<Execution>, _) = (Vec::new(), None);
    loop {
        let page = state.store.executions(scope.workspace(), &filter, PAGE, cursor.as_deref()).await?;
        let mut items = page.items;
        if let Some(wanted) = query.status {
            let ids: Vec<ExecutionId> = items.iter().map(|execution| execution.origin.id).collect();
            let standings = state.store.standings(scope.workspace(), &ids).await?;
            items.retain(|execution| Status::of(execution, standings.get(&execution.origin.id)) == wanted);
        }
        let passed = skip.min(items.len());
        skip -= passed;
        found.extend(items.into_iter().skip(passed).take(limit - found.len()));
        match page.next {
            Some(next) if found.len() < limit => cursor = Some(next),
            _ => break,
        }
    }
    Ok(Reply::ok(&views::executions(&state, scope.workspace(), found).await?))
}

/// Get an execution
///
/// With its log.
#[utoipa::path(
    get, path = "/api/executions/{executionId}", tag = "kinetic",
    responses((status = 200, description = "The execution", body = ExecutionDetail)),
)]
async fn get_kinetic_execution(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    let place = (scope.workspace(), id);
    let lines = log_of(&*state.store, place, 0, MAX_LINES - 1, |_| true).await?;
    let mut logs: Vec<LogLine> = lines
        .into_iter()
        .map(|entry| LogLine {
            timestamp: entry.timestamp,
            level: entry.level,
            message: entry.message,
            node_id: Some(entry.node_id),
            data: entry.data,
        })
        .collect();
    logs.extend(reason(&state, &execution).await?);
    let execution = views::execution(&state, execution).await?;
    Ok(Reply::ok(&ExecutionDetail { execution, logs }))
}

/// Retry an execution
///
/// Editors and higher. Stops the original, if it is live, and executes its payload again, with the same version of the workflow.
#[utoipa::path(
    post, path = "/api/executions/{executionId}/retry", tag = "kinetic",
    responses(
        (status = 201, description = "The new execution", body = ExecutionResponse),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn retry_kinetic_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
    Traced(trace): Traced,
) -> Result<Reply, Problem> {
    scope.execution(&*state.store, id).await?;
    let execution = state.engine.retry(scope.workspace(), id, scope.by(), trace, None, None).await?;
    let location = location(&execution);
    Ok(Reply::created(location, &views::execution(&state, execution).await?))
}

/// Complete an execution
///
/// The callback of a worker: ends the execution, whoever has its task. It needs an API key of an editor in `X-Kinetic-Key`. The same
/// outcome again gets the same reply; another one 409.
#[utoipa::path(
    post, path = "/api/executions/{executionId}/complete", tag = "kinetic", request_body = Complete,
    responses(
        (status = 200, description = "The execution", body = ExecutionResponse),
        (status = 409, description = "It has ended otherwise, or has no task that a worker could end"),
    ),
)]
async fn complete_kinetic_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
    headers: HeaderMap,
    Json(body): Json<Complete>,
) -> Result<Reply, Problem> {
    require_worker_key(&headers)?;
    check(&body)?;
    scope.execution(&*state.store, id).await?;
    let stats = TaskStats { steps: body.n_steps, agent_actions: body.n_agent_actions, screenshots: body.n_screenshots };
    let told = match body.status {
        Outcome::Completed => Status::Completed,
        Outcome::Failed => Status::Failed,
    };
    match state.engine.finish_only_task(scope.workspace(), id, &scope.by(), result(body), Some(stats)).await {
        Ok(execution) => {
            if !execution.progress.status.is_terminal() {
                ended_within(&state.engine, &execution, SETTLE).await?;
            }
        }
        Err(EngineError::Ended) => {
            let ended = scope.execution(&*state.store, id).await?;
            if Status::of(&ended, None) != told {
                return Err(Problem::new(Code::ExecutionEnded, "the execution has ended otherwise"));
            }
        }
        Err(EngineError::NotSuspended) => {
            let message = "the execution has no task, or more than one, that a worker could end now";
            return Err(Problem::new(Code::Conflict, message));
        }
        Err(error) => return Err(error.into()),
    }
    let execution = scope.execution(&*state.store, id).await?;
    Ok(Reply::ok(&views::execution(&state, execution).await?))
}

/// Whether what a worker tells can be taken.
fn check(body: &Complete) -> Result<(), Problem> {
    let refused = |path: &str, message: String| Err(Problem::field(Code::InvalidValue, path, message));
    let counts =
        [("/nSteps", body.n_steps), ("/nAgentActions", body.n_agent_actions), ("/nScreenshots", body.n_screenshots)];
    for (path, count) in counts {
        if count.is_some_and(|count| !(0..=MAX_COUNT).contains(&count)) {
            return refused(path, format!("must be 0 to {MAX_COUNT}"));
        }
    }
    if let Some(outputs) = &body.outputs {
        check_size("/outputs", outputs)?;
    }
    if body.output_url.as_deref().is_some_and(|url| url.chars().count() > MAX_TEXT_CHARS || !is_web_address(url)) {
        return refused("/outputUrl", "must be an address with `http` or `https`".to_owned());
    }
    if body.finished_at.as_deref().is_some_and(|text| !is_time(text)) {
        return refused("/finishedAt", "must be a date and time by ISO 8601".to_owned());
    }
    Ok(())
}

/// Whether a text is a time by ISO 8601, with or without an offset.
fn is_time(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok() || text.parse::<chrono::NaiveDateTime>().is_ok()
}

/// What a worker tells, as the result of its task.
fn result(body: Complete) -> Result<Value, Failure> {
    let Complete { status, outputs, output_url, finished_at, .. } = body;
    let message = ["error", "message"].iter().find_map(|name| outputs.as_ref()?.get(name)?.as_str().map(str::to_owned));
    let more = [("outputUrl", output_url), ("finishedAt", finished_at)];
    let more: Map<String, Value> =
        more.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?)))).collect();
    let output = match outputs {
        Some(outputs) if more.is_empty() => outputs,
        None if more.is_empty() => Value::Null,
        None => Value::Object(more),
        Some(Value::Object(mut outputs)) => {
            outputs.extend(more);
            Value::Object(outputs)
        }
        Some(outputs) => {
            let mut members = more;
            members.insert("outputs".to_owned(), outputs);
            Value::Object(members)
        }
    };
    match status {
        Outcome::Completed => Ok(output),
        Outcome::Failed => {
            let message = message.filter(|text| !text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS);
            let message = message.unwrap_or_else(|| "the worker reported a failure".to_owned());
            // The callback speaks for the execution: no further attempt.
            let failure = Failure::new(FailureCode::TaskFailed, message);
            Err(if output.is_null() { failure } else { failure.with_details(output) })
        }
    }
}

/// Why an execution has not ended well.
async fn reason(state: &AppState, execution: &Execution) -> Result<Option<LogLine>, Problem> {
    let (origin, progress) = (&execution.origin, &execution.progress);
    if Status::of(execution, None) != Status::Failed {
        return Ok(None);
    }
    let last = state.store.events(origin.workspace_id, origin.id, progress.last_seq - 1, 1).await?;
    let Some(last) = last.first() else { return Ok(None) };
    let (at, message, data) = match serde_json::from_str(&last.body).map_err(Problem::internal)? {
        Event::ExecutionFailed(end) => (end.at, format!("failed: {}", end.error.message), json!(end.error)),
        Event::ExecutionCancelled(end) => {
            let by = end.report.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = end.report.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            (end.at, format!("cancelled{by}{why}"), json!(end.report))
        }
        _ => {
            let why = progress.duplicate_of.map(|id| format!(": execution {id} stands for it")).unwrap_or_default();
            (progress.finished_at.unwrap_or(origin.created_at), format!("skipped{why}"), Value::Null)
        }
    };
    let data = Some(data).filter(|data| !data.is_null());
    Ok(Some(LogLine { timestamp: at, level: LogLevel::Error, message, node_id: None, data }))
}

fn location(execution: &Execution) -> String {
    format!("{}/api/executions/{}", super::PREFIX, execution.origin.id)
}
