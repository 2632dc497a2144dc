//! Executions: listed, looked at, begun by hand, cancelled and deleted.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    events::{Start, begin},
    execution_fields::{EXECUTIONS, order, over_columns},
    families,
    lists::{Envelope, ListQuery},
    scope::{AssistantId, ProjectId, Scope},
    views::{self, ASKED, Asked, Execution, Status},
};
use crate::{
    domain::{
        execution::Execution as Native,
        ids::{ExecutionId, WorkflowId},
    },
    engine::{CancelRequest, EngineError},
    filter::{Filter, Value as FilterValue},
    http::{
        AppState,
        auth::{Editor, Viewer},
        error::{Code, Problem},
        extract::{Json, Param},
        query::Query,
        reply::Reply,
        traced::Traced,
    },
    store::{ExecutionColumn, ExecutionFilter, StoreError, catalogue::Change},
};

/// The most characters of a description and of a session's id.
const MAX_TEXT_CHARS: usize = 1_000;
/// The priority of what is begun by hand: that of an assistant's own events.
const BY_HAND: i32 = super::event_types::OWN_PRIORITY;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kodexa_executions, create_kodexa_execution))
        .routes(routes!(get_kodexa_execution, update_kodexa_execution, delete_kodexa_execution))
        .routes(routes!(cancel_kodexa_execution))
        .routes(routes!(list_kodexa_assistant_executions))
        .routes(routes!(list_kodexa_project_assistant_executions))
}

/// A page of executions.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = KodexaExecutionPage)]
pub struct ExecutionPage {
    /// The executions.
    content: Vec<Execution>,
    /// What the page says of itself.
    #[serde(flatten)]
    envelope: Envelope,
}

/// An execution, as it is begun and compared. Members that the server alone writes are left aside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaExecutionBody)]
pub struct ExecutionBody {
    /// The assistant. A new one needs it.
    pub assistant_id: Option<WorkflowId>,
    /// What it is about.
    #[schema(min_length = 1, max_length = 255)]
    pub document_family_id: Option<String>,
    /// What its steps find under `context`.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Map<String, Value>>,
    /// -100 to 100, higher first; that of an assistant's own events and its hint, if missing.
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// What it is for; the assistant's name, if missing.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// The session it is of.
    #[schema(max_length = 1000)]
    pub session_id: Option<String>,
    /// Whether it shows a log; as the assistant says, if missing.
    pub logging_enabled: Option<bool>,
    /// Whether its log is shown no longer once it has succeeded; as the assistant says, if missing.
    pub delete_logging_on_success: Option<bool>,
    /// The execution that has started it; nobody can say so.
    pub parent_execution_id: Option<ExecutionId>,
    /// Where it is; `CANCELLED` stops it.
    pub status: Option<Status>,
    /// As it was read: another one is 409.
    pub change_sequence: Option<i64>,
}

/// What a text that is looked for finds: executions of assistants with such names, and about document families with such paths.
async fn looked_for<R>(state: &AppState, scope: &Scope<R>, text: &str) -> Result<Filter<ExecutionColumn>, Problem> {
    let workflows = super::assistants::named(state, scope, text).await?;
    let families = families::with_path(state, scope, text).await?;
    let workflows = workflows.into_iter().map(|id| FilterValue::Id(id.0));
    let families = families.into_iter().map(|id| FilterValue::Text(id.to_string()));
    Ok(Filter::any([
        Filter::one_of(ExecutionColumn::WorkflowId, workflows),
        Filter::one_of(ExecutionColumn::Subject, families),
    ]))
}

/// The executions that a request asks for, and how many there are.
async fn listed<R>(
    state: &AppState,
    scope: &Scope<R>,
    assistant: Option<WorkflowId>,
    query: &ListQuery,
) -> Result<(Vec<Execution>, i64), Problem> {
    let (window, filter, sort) = (query.window()?, query.filter(&EXECUTIONS)?, query.sort(&EXECUTIONS)?);
    let mut parts: Vec<Filter<ExecutionColumn>> =
        filter.iter().map(|filter| over_columns(filter, scope.workspace())).collect();
    if let Some(text) = query.text() {
        parts.push(looked_for(state, scope, &text).await?);
    }
    let matching = (!parts.is_empty()).then(|| Filter::all(parts));
    let filter = ExecutionFilter { workflow_id: assistant, matching, ..ExecutionFilter::default() };
    let (offset, limit) = (window.offset(), window.size());
    let page = state.store.execution_page(scope.workspace(), &filter, &order(&sort), offset, limit).await;
    let page = page.map_err(|error| match error {
        StoreError::OffsetTooLarge => Problem::field(Code::InvalidQuery, "page", error.to_string()),
        error => error.into(),
    })?;
    Ok((views::listed(state, page.items).await?, page.total))
}

/// List executions
///
/// Newest first unless `sort` says otherwise. By `filter`: `assistantId`, `documentFamilyId`, `status`, `priority`, `createdOn`,
/// `startDate`, `endDate`, `parentExecutionId`, `project.id`, `id`.
#[utoipa::path(
    get, path = "/api/executions", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = ExecutionPage)),
)]
async fn list_kodexa_executions(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (content, total) = listed(&state, &scope, None, &query).await?;
    let envelope = Envelope::new(&query, query.window()?, content.len(), total);
    Ok(Reply::ok(&ExecutionPage { content, envelope }))
}

/// List the executions of an assistant
///
/// A page as a bare array, newest first unless `sort` says otherwise.
#[utoipa::path(
    get, path = "/api/assistants/{assistantId}/executions", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The executions", body = Vec<Execution>)),
)]
async fn list_kodexa_assistant_executions(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant(&*state.store, id).await?;
    Ok(Reply::ok(&listed(&state, &scope, Some(workflow.id), &query).await?.0))
}

/// List the executions of an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    get, path = "/api/projects/{projectId}/assistants/{assistantId}/executions", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The executions", body = Vec<Execution>)),
)]
async fn list_kodexa_project_assistant_executions(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant_of(&*state.store, project, id).await?;
    Ok(Reply::ok(&listed(&state, &scope, Some(workflow.id), &query).await?.0))
}

/// Get an execution
#[utoipa::path(
    get, path = "/api/executions/{executionId}", tag = "kodexa",
    responses((status = 200, description = "The execution", body = Execution)),
)]
async fn get_kodexa_execution(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    Ok(Reply::ok(&views::execution(&state, execution).await?))
}

/// Begin an execution
///
/// Editors and higher. Of an assistant, active or not.
#[utoipa::path(
    post, path = "/api/executions", tag = "kodexa", request_body = ExecutionBody,
    responses((status = 201, description = "The execution", body = Execution)),
)]
async fn create_kodexa_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Traced(trace): Traced,
    Json(body): Json<ExecutionBody>,
) -> Result<Reply, Problem> {
    let wrong = |path: &str, message: String| Problem::field(Code::InvalidValue, path, message);
    let assistant = body.assistant_id;
    let assistant = assistant.ok_or_else(|| wrong("/assistantId", "an execution needs its assistant".to_owned()))?;
    if body.parent_execution_id.is_some() {
        return Err(wrong("/parentExecutionId", "is the server's to say".to_owned()));
    }
    if body.priority.is_some_and(|priority| !(-100..=100).contains(&priority)) {
        return Err(wrong("/priority", "must be -100 to 100".to_owned()));
    }
    for (path, text, most) in [
        ("/description", &body.description, MAX_TEXT_CHARS),
        ("/sessionId", &body.session_id, MAX_TEXT_CHARS),
        ("/documentFamilyId", &body.document_family_id, 255),
    ] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.chars().nth(most).is_some()) {
            return Err(wrong(path, format!("must have 1 to {most} characters")));
        }
    }
    let workflow = scope.assistant(&*state.store, AssistantId(assistant)).await?;
    let mut context = body.context.unwrap_or_default();
    if context.contains_key(ASKED) {
        return Err(wrong("/context/kodexa", "is the server's to say; use another name".to_owned()));
    }
    let asked = Asked {
        description: body.description,
        session_id: body.session_id,
        logging_enabled: body.logging_enabled,
        delete_logging_on_success: body.delete_logging_on_success,
    };
    if asked != Asked::default() {
        context.insert(ASKED.to_owned(), json!(asked));
    }
    let family = match (body.document_family_id, context.get("documentFamilyId").and_then(Value::as_str)) {
        (Some(family), _) => Some(family),
        (None, named) => named.map(str::to_owned),
    };
    let input = match context.get("options") {
        Some(Value::Object(options)) => Value::Object(options.clone()),
        _ => json!({}),
    };
    // A priority that is named is meant as it is.
    let hint = workflow.definition.as_ref().and_then(super::kept::Kept::of).and_then(|kept| kept.priority_hint);
    let priority = body.priority.map_or(BY_HAND, |priority| priority.saturating_sub(hint.unwrap_or(0)));
    let start = Start { input, context, family, priority: Some(priority), dedupe_key: None, trace };
    let execution = begin(&state, (scope.workspace(), scope.by()), &workflow, start).await?;
    let location = format!("{}/api/executions/{}", super::PREFIX, execution.origin.id);
    Ok(Reply::created(location, &views::execution(&state, execution).await?))
}

/// Change an execution
///
/// Editors and higher. Nothing of an execution can be changed but that it goes on: `status` as `CANCELLED` or `CANCELLING` stops it. Other
/// members may be sent as they are; one that differs is 400. 409 with another `changeSequence`.
#[utoipa::path(
    put, path = "/api/executions/{executionId}", tag = "kodexa", request_body = ExecutionBody,
    responses(
        (status = 200, description = "The execution", body = Execution),
        (status = 409, description = "It has moved on meanwhile"),
    ),
)]
async fn update_kodexa_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
    Json(body): Json<ExecutionBody>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    if body.change_sequence.is_some_and(|seen| seen != execution.progress.last_seq) {
        return Err(Problem::new(Code::Conflict, "the execution has moved on meanwhile: read it again"));
    }
    let shown = json!(views::execution(&state, execution.clone()).await?);
    let told = [
        ("assistantId", json!(body.assistant_id)),
        ("documentFamilyId", json!(body.document_family_id)),
        ("context", json!(body.context)),
        ("priority", json!(body.priority)),
        ("description", json!(body.description)),
        ("sessionId", json!(body.session_id)),
        ("loggingEnabled", json!(body.logging_enabled)),
        ("deleteLoggingOnSuccess", json!(body.delete_logging_on_success)),
        ("parentExecutionId", json!(body.parent_execution_id)),
    ];
    for (name, value) in told {
        if !value.is_null() && value != shown[name] {
            let message = "can't be changed once the execution has been asked for";
            return Err(Problem::field(Code::InvalidValue, format!("/{name}"), message));
        }
    }
    let now = Status::of(&execution);
    let execution = match body.status {
        Some(Status::Cancelled | Status::Cancelling) => stopped(&state, &scope, execution).await?,
        Some(other) if other != now => {
            let message = "only `CANCELLED` can be asked for";
            return Err(Problem::field(Code::InvalidValue, "/status", message));
        }
        _ => execution,
    };
    Ok(Reply::ok(&views::execution(&state, execution).await?))
}

/// Cancel an execution
///
/// Editors and higher. Steps that run are cancelled. One that has ended is given back as it is.
#[utoipa::path(
    put, path = "/api/executions/{executionId}/cancel", tag = "kodexa",
    responses((status = 200, description = "The execution: `CANCELLED`, or still `CANCELLING`", body = Execution)),
)]
async fn cancel_kodexa_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<Reply, Problem> {
    let execution = scope.execution(&*state.store, id).await?;
    let execution = stopped(&state, &scope, execution).await?;
    Ok(Reply::ok(&views::execution(&state, execution).await?))
}

/// Cancels an execution that has not ended.
async fn stopped(state: &AppState, scope: &Scope<Editor>, execution: Native) -> Result<Native, Problem> {
    let id = execution.origin.id;
    let request = CancelRequest { by: Some(scope.by()), reason: None };
    match state.engine.cancel(scope.workspace(), id, request).await {
        // As the commit has left it: what runs may take a moment.
        Ok(execution) => Ok(execution),
        Err(EngineError::Ended) => scope.execution(&*state.store, id).await,
        Err(error) => Err(error.into()),
    }
}

/// Delete an execution
///
/// Editors and higher. With its log and its files. 409 for one that has not ended.
#[utoipa::path(
    delete, path = "/api/executions/{executionId}", tag = "kodexa",
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "It has not ended"),
    ),
)]
async fn delete_kodexa_execution(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<ExecutionId>,
) -> Result<StatusCode, Problem> {
    state.store.change(Change::DeleteExecution(scope.workspace(), id), &scope.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
