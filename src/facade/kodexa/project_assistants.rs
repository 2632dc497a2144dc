//! The calls of [`super::assistants`] with the project in their addresses.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    assistant_bodies::AssistantBody,
    assistant_views::Assistant,
    assistants::{ScheduleAssistant, created, deleted, listed, shown, switch, timed, updated},
    lists::ListQuery,
    scope::{AssistantId, ProjectId, Scope},
};
use crate::http::{
    AppState,
    auth::{Editor, Viewer},
    error::Problem,
    extract::{Json, Param},
    query::Query,
    reply::Reply,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kodexa_project_assistants, create_kodexa_project_assistant))
        .routes(routes!(get_kodexa_project_assistant, update_kodexa_project_assistant, delete_kodexa_project_assistant))
        .routes(routes!(activate_kodexa_project_assistant))
        .routes(routes!(deactivate_kodexa_project_assistant))
        .routes(routes!(schedule_kodexa_project_assistant))
}

/// List the assistants of a project
///
/// A page as a bare array, newest first unless `sort` says otherwise.
#[utoipa::path(
    get, path = "/api/projects/{projectId}/assistants", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The assistants", body = Vec<Assistant>)),
)]
async fn list_kodexa_project_assistants(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let pod = scope.project(&*state.store, project).await?;
    Ok(Reply::ok(&listed(&state, &scope, Some(pod.id), &query).await?.0))
}

/// Create an assistant in a project
///
/// As without a project in the address.
#[utoipa::path(
    post, path = "/api/projects/{projectId}/assistants", tag = "kodexa", request_body = AssistantBody,
    responses((status = 201, description = "The assistant", body = Assistant)),
)]
async fn create_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Json(body): Json<AssistantBody>,
) -> Result<Reply, Problem> {
    created(&state, &scope, project, body).await
}

/// Get an assistant of a project
#[utoipa::path(
    get, path = "/api/projects/{projectId}/assistants/{assistantId}", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn get_kodexa_project_assistant(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant_of(&*state.store, project, id).await?;
    Ok(Reply::ok(&shown(&state, &scope, workflow).await?))
}

/// Change an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    put, path = "/api/projects/{projectId}/assistants/{assistantId}", tag = "kodexa", request_body = AssistantBody,
    responses(
        (status = 200, description = "The assistant", body = Assistant),
        (status = 409, description = "It was changed meanwhile, or can't be changed so"),
    ),
)]
async fn update_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
    Json(body): Json<AssistantBody>,
) -> Result<Reply, Problem> {
    let before = scope.assistant_of(&*state.store, project, id).await?;
    updated(&state, &scope, before, body).await
}

/// Delete an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    delete, path = "/api/projects/{projectId}/assistants/{assistantId}", tag = "kodexa",
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "An execution of it has not stopped yet"),
    ),
)]
async fn delete_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
) -> Result<StatusCode, Problem> {
    let workflow = scope.assistant_of(&*state.store, project, id).await?;
    deleted(&state, &scope, workflow).await
}

/// Activate an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    put, path = "/api/projects/{projectId}/assistants/{assistantId}/activate", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn activate_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let before = scope.assistant_of(&*state.store, project, id).await?;
    updated(&state, &scope, before, switch(Some(true), None)).await
}

/// Deactivate an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    put, path = "/api/projects/{projectId}/assistants/{assistantId}/deactivate", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn deactivate_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let before = scope.assistant_of(&*state.store, project, id).await?;
    updated(&state, &scope, before, switch(Some(false), None)).await
}

/// Schedule an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    put, path = "/api/projects/{projectId}/assistants/{assistantId}/schedule", tag = "kodexa",
    request_body(content = ScheduleAssistant, description = "Nothing, or all of its schedules"),
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn schedule_kodexa_project_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
    Json(body): Json<Option<ScheduleAssistant>>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant_of(&*state.store, project, id).await?;
    timed(&state, &scope, workflow, body.unwrap_or_default()).await
}
