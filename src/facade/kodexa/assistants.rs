//! Assistants: made, looked at, changed, switched on and off, and deleted with all that belongs to them. Each call is there twice, with
//! the project in its address and without.

use std::collections::HashMap;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    assistant_bodies::{AssistantBody, ProjectName, ScheduleBody},
    assistant_views::{Assistant, Organization, Project},
    fields::{ASSISTANTS, of_assistant},
    lists::{Envelope, ListQuery, chosen, cut},
    schedules,
    scope::{AssistantId, ProjectId, Scope, called},
    updates,
};
use crate::{
    domain::{
        ids::{PodId, WorkflowId},
        workflow::Workflow,
    },
    facade::removal::remove_workflow,
    http::{
        AppState,
        auth::{Editor, RoleFloor, Viewer},
        error::{Code, Problem},
        extract::{Json, Param},
        query::Query,
        reply::Reply,
    },
    store::{StoreError, WorkflowFilter},
};

/// How many rows are read at a time.
const PAGE: i64 = 200;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kodexa_assistants, create_kodexa_assistant))
        .routes(routes!(get_kodexa_assistant, update_kodexa_assistant, delete_kodexa_assistant))
        .routes(routes!(activate_kodexa_assistant))
        .routes(routes!(deactivate_kodexa_assistant))
        .routes(routes!(schedule_kodexa_assistant))
}

/// A page of assistants.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = KodexaAssistantPage)]
pub struct AssistantPage {
    /// The assistants.
    content: Vec<Assistant>,
    /// What the page says of itself.
    #[serde(flatten)]
    envelope: Envelope,
}

/// When the clock is to start an assistant.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = KodexaScheduleAssistant)]
pub struct ScheduleAssistant {
    /// All of its schedules; those it has, if missing.
    pub schedules: Option<Vec<ScheduleBody>>,
}

/// All workflows of these pods but those in the trash, newest first, without definitions.
async fn heads<R>(state: &AppState, scope: &Scope<R>, project: Option<PodId>) -> Result<Vec<Workflow>, Problem> {
    let store = &*state.store;
    let mut workflows: Vec<Workflow> = Vec::new();
    for pod in scope.projects(store).await?.into_iter().filter(|pod| project.is_none_or(|id| pod.id == id)) {
        let mut cursor = None;
        loop {
            let all = WorkflowFilter::default();
            let page = store.workflows(scope.workspace(), pod.id, all, PAGE, cursor.as_deref()).await?;
            workflows.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    workflows.sort_by_key(|workflow| std::cmp::Reverse(workflow.id));
    Ok(workflows)
}

/// Whether a text is part of what an assistant is called or for.
fn is_called(workflow: &Workflow, text: &str) -> bool {
    workflow.name.to_lowercase().contains(text) || workflow.description.to_lowercase().contains(text)
}

/// The assistants that a text is part of.
pub async fn named<R>(state: &AppState, scope: &Scope<R>, text: &str) -> Result<Vec<WorkflowId>, Problem> {
    let heads = heads(state, scope, None).await?;
    Ok(heads.into_iter().filter(|workflow| is_called(workflow, text)).map(|workflow| workflow.id).collect())
}

/// The assistants that a request asks for, and how many there are.
pub async fn listed<R>(
    state: &AppState,
    scope: &Scope<R>,
    project: Option<PodId>,
    query: &ListQuery,
) -> Result<(Vec<Assistant>, i64), Problem> {
    let (window, filter, sort) = (query.window()?, query.filter(&ASSISTANTS)?, query.sort(&ASSISTANTS)?);
    let store = &*state.store;
    let mut workflows = heads(state, scope, project).await?;
    if let Some(text) = query.text() {
        workflows.retain(|workflow| is_called(workflow, &text));
    }
    let (rows, total) = cut(chosen(workflows, filter.as_ref(), &sort, of_assistant), window);
    let mut whole = Vec::with_capacity(rows.len());
    for row in rows {
        // Lists are read without definitions.
        match store.workflow(scope.workspace(), row.id).await {
            Ok(workflow) => whole.push(workflow),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((shown_all(state, scope, whole).await?, total))
}

/// These assistants as they are shown, in their order.
async fn shown_all<R>(state: &AppState, scope: &Scope<R>, workflows: Vec<Workflow>) -> Result<Vec<Assistant>, Problem> {
    let store = &*state.store;
    let organization = Organization::from(&store.workspace(scope.workspace()).await?);
    let mut projects = HashMap::new();
    for workflow in &workflows {
        let pod_id = workflow.pod_id;
        if let std::collections::hash_map::Entry::Vacant(place) = projects.entry(pod_id) {
            let pod = called("project", store.pod(scope.workspace(), pod_id).await)?;
            let timed = schedules::of_project(store, scope.workspace(), pod_id).await?;
            place.insert((Project::new(&pod, &organization), timed));
        }
    }
    let shown = workflows.iter().filter_map(|workflow| {
        let (project, timed) = projects.get(&workflow.pod_id)?;
        let timed = timed.get(&workflow.id).map(Vec::as_slice).unwrap_or_default();
        Some(Assistant::new(workflow, project.clone(), timed))
    });
    Ok(shown.collect())
}

/// An assistant as it is shown.
pub async fn shown<R>(state: &AppState, scope: &Scope<R>, workflow: Workflow) -> Result<Assistant, Problem> {
    let shown = shown_all(state, scope, vec![workflow]).await?;
    shown.into_iter().next().ok_or_else(|| Problem::internal("an assistant was shown as none"))
}

/// Makes an assistant, and shows it.
pub async fn created<R>(
    state: &AppState,
    scope: &Scope<R>,
    project: ProjectId,
    body: AssistantBody,
) -> Result<Reply, Problem> {
    let pod = scope.project(&*state.store, project).await?;
    let workflow = updates::create(state, scope, &pod, body).await?;
    let location = format!("{}/api/assistants/{}", super::PREFIX, workflow.id);
    Ok(Reply::created(location, &shown(state, scope, workflow).await?))
}

/// Changes an assistant, and shows it.
pub async fn updated<R>(
    state: &AppState,
    scope: &Scope<R>,
    before: Workflow,
    body: AssistantBody,
) -> Result<Reply, Problem> {
    let after = updates::update(state, scope, before, body).await?;
    Ok(Reply::ok(&shown(state, scope, after).await?))
}

/// Deletes an assistant with all that belongs to it.
pub async fn deleted<R: RoleFloor>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: Workflow,
) -> Result<StatusCode, Problem> {
    remove_workflow(state, scope.workspace(), workflow.id, &scope.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The body of a switch.
pub fn switch(active: Option<bool>, schedules: Option<Vec<ScheduleBody>>) -> AssistantBody {
    AssistantBody { active, schedules, ..AssistantBody::default() }
}

/// Switches the clock on for an assistant: its schedules are those of the body, or those it has.
pub async fn timed<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: Workflow,
    body: ScheduleAssistant,
) -> Result<Reply, Problem> {
    let wanted = if let Some(schedules) = body.schedules {
        schedules
    } else {
        let had = schedules::of(&*state.store, &workflow).await?.into_iter().map(|schedule| ScheduleBody {
            id: Some(schedule.id.to_string()),
            kind: None,
            cron_expression: Some(schedule.cron_expression),
        });
        had.collect()
    };
    updated(state, scope, workflow, switch(None, Some(wanted))).await
}

/// List assistants
///
/// Of all projects, newest first unless `sort` says otherwise. Workflows in the trash are left out.
#[utoipa::path(
    get, path = "/api/assistants", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = AssistantPage)),
)]
async fn list_kodexa_assistants(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (content, total) = listed(&state, &scope, None, &query).await?;
    let envelope = Envelope::new(&query, query.window()?, content.len(), total);
    Ok(Reply::ok(&AssistantPage { content, envelope }))
}

/// Create an assistant
///
/// Editors and higher; one that is active or has a schedule admins and owners.
#[utoipa::path(
    post, path = "/api/assistants", tag = "kodexa", request_body = AssistantBody,
    responses((status = 201, description = "The assistant", body = Assistant)),
)]
async fn create_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Json(body): Json<AssistantBody>,
) -> Result<Reply, Problem> {
    let project = body.project.as_ref().and_then(|ProjectName { id }| *id);
    let project = project
        .ok_or_else(|| Problem::field(Code::InvalidBody, "/project/id", "an assistant needs the project it is in"))?;
    created(&state, &scope, ProjectId(project), body).await
}

/// Get an assistant
#[utoipa::path(
    get, path = "/api/assistants/{assistantId}", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn get_kodexa_assistant(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant(&*state.store, id).await?;
    Ok(Reply::ok(&shown(&state, &scope, workflow).await?))
}

/// Change an assistant
///
/// Editors and higher; one that is active or has a schedule admins and owners. What is missing or null stays. Executions go on with
/// what they began with. 409 with another `changeSequence`, and for options of a graph that was made by other doors.
#[utoipa::path(
    put, path = "/api/assistants/{assistantId}", tag = "kodexa", request_body = AssistantBody,
    responses(
        (status = 200, description = "The assistant", body = Assistant),
        (status = 409, description = "It was changed meanwhile, or can't be changed so"),
    ),
)]
async fn update_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
    Json(body): Json<AssistantBody>,
) -> Result<Reply, Problem> {
    let before = scope.assistant(&*state.store, id).await?;
    updated(&state, &scope, before, body).await
}

/// Delete an assistant
///
/// Editors and higher. With its schedules and its executions, of which those that are live are cancelled first. 409 if one of them does
/// not stop in time: then it is being stopped, and the call may be repeated.
#[utoipa::path(
    delete, path = "/api/assistants/{assistantId}", tag = "kodexa",
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "An execution of it has not stopped yet"),
    ),
)]
async fn delete_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
) -> Result<StatusCode, Problem> {
    let workflow = scope.assistant(&*state.store, id).await?;
    deleted(&state, &scope, workflow).await
}

/// Activate an assistant
///
/// Admins and owners. From now on events and the clock start it.
#[utoipa::path(
    put, path = "/api/assistants/{assistantId}/activate", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn activate_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let before = scope.assistant(&*state.store, id).await?;
    updated(&state, &scope, before, switch(Some(true), None)).await
}

/// Deactivate an assistant
///
/// Admins and owners. Events and the clock start it no longer; it can still be started by hand, and what runs goes on.
#[utoipa::path(
    put, path = "/api/assistants/{assistantId}/deactivate", tag = "kodexa",
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn deactivate_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
) -> Result<Reply, Problem> {
    let before = scope.assistant(&*state.store, id).await?;
    updated(&state, &scope, before, switch(Some(false), None)).await
}

/// Schedule an assistant
///
/// Admins and owners. Switches its schedules on, or gives it those of the body. They start something while it is active.
#[utoipa::path(
    put, path = "/api/assistants/{assistantId}/schedule", tag = "kodexa",
    request_body(content = ScheduleAssistant, description = "Nothing, or all of its schedules"),
    responses((status = 200, description = "The assistant", body = Assistant)),
)]
async fn schedule_kodexa_assistant(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
    Json(body): Json<Option<ScheduleAssistant>>,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant(&*state.store, id).await?;
    timed(&state, &scope, workflow, body.unwrap_or_default()).await
}
