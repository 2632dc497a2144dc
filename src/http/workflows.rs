//! Workflows of a pod: the row, its latest definition, and its life from draft to trash.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Admin, Editor, InPod, Viewer},
    error::{Code, Problem},
    extract::{Json, Param, present},
    idempotency::{Idempotent, NoBody, ReplyKey},
    names,
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
    validation,
};
use crate::{
    clock::Clock,
    domain::{
        definition::{self, Definition},
        ids::WorkflowId,
        workflow::{Workflow, WorkflowState},
    },
    store::{Store, WorkflowFilter, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_workflow, list_workflows))
        .routes(routes!(validate_workflow))
        .routes(routes!(get_workflow, update_workflow, delete_workflow))
        .routes(routes!(deploy_workflow))
        .routes(routes!(undeploy_workflow))
        .routes(routes!(star_workflow))
        .routes(routes!(trash_workflow))
        .routes(routes!(restore_workflow))
        .routes(routes!(duplicate_workflow))
}

/// A new workflow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorkflow {
    /// Its name: 1 to 120 characters on one line.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    description: String,
    /// Its graph.
    definition: Definition,
}

/// What changes about a workflow; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWorkflow {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 10_000)]
    description: Option<String>,
    /// Its graph. One that differs from the latest version makes a new version.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Definition, required = false)]
    definition: Option<Definition>,
}

/// What is deployed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployWorkflow {
    /// The version to deploy; the latest, if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, minimum = 1)]
    version: Option<i64>,
}

/// Whether a workflow is marked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StarWorkflow {
    /// `false` takes the mark away.
    #[serde(default = "yes")]
    #[schema(default = true)]
    starred: bool,
}

fn yes() -> bool {
    true
}

/// How a copy is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DuplicateWorkflow {
    /// Its name; that of the original and `(copy)`, if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
}

/// Which workflows are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkflowQuery {
    /// Only those that are starred.
    #[serde(default)]
    #[param(default = false, required = false)]
    starred: bool,
    /// Those in the trash in place of the others.
    #[serde(default)]
    #[param(default = false, required = false)]
    trashed: bool,
    /// How many rows.
    #[serde(default)]
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// Create a workflow
///
/// Editors and higher. The definition is checked, and becomes version 1. A new workflow is a draft: it can be run by hand, and
/// after its deployment by schedules, webhooks and events.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows", tag = "workflows", request_body = CreateWorkflow,
    responses((status = 201, description = "The new workflow", body = Workflow)),
)]
async fn create_workflow(
    pod: InPod<Editor>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<CreateWorkflow>,
) -> Result<Reply, Problem> {
    let name = names::name("/name", &body.name)?;
    let description = names::description("/description", &body.description)?;
    validation::require_valid("/definition", &body.definition)?;
    store_new(&pod, &*store, &clock, &key, (name, description, body.definition)).await
}

/// List workflows
///
/// Newest first, without definitions. Those in the trash only if asked for.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/workflows", tag = "workflows", params(WorkflowQuery),
    responses((status = 200, description = "The workflows", body = Vec<Workflow>)),
)]
async fn list_workflows(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<WorkflowQuery>,
) -> Result<List, Problem> {
    let filter = WorkflowFilter { starred: query.starred, trashed: query.trashed };
    let page =
        store.workflows(pod.workspace_id(), pod.pod_id(), filter, query.limit.0, query.cursor.as_deref()).await?;
    List::new(&uri, &page)
}

/// Check a definition
///
/// Answers everything that is wrong with it; an empty list means that it would be accepted. Nothing is stored.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/validate", tag = "workflows", request_body = Definition,
    responses((status = 200, description = "The problems", body = Vec<definition::Problem>)),
)]
async fn validate_workflow(_: InPod<Viewer>, Json(definition): Json<Definition>) -> Reply {
    Reply::ok(&validation::problems_of(&definition))
}

/// Get a workflow
///
/// With the definition of its latest version.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}", tag = "workflows",
    responses((status = 200, description = "The workflow", body = Workflow)),
)]
async fn get_workflow(
    pod: InPod<Viewer>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&workflow_in(&pod, &*store, id).await?))
}

/// Change a workflow
///
/// Editors and higher. What is missing stays as it is. A definition that differs from the latest version is checked and
/// makes a new one; executions that run stay on the version they began with, and so does the deployment. 409 for a
/// workflow in the trash.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}", tag = "workflows",
    request_body = UpdateWorkflow,
    responses(
        (status = 200, description = "The workflow", body = Workflow),
        (status = 409, description = "It is in the trash, or was changed at the same time"),
    ),
)]
async fn update_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<UpdateWorkflow>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    refuse_trashed(&before)?;
    let mut after = before.clone();
    if let Some(name) = body.name {
        after.name = names::name("/name", &name)?;
    }
    if let Some(description) = body.description {
        after.description = names::description("/description", &description)?;
    }
    if let Some(definition) = body.definition {
        validation::require_valid("/definition", &definition)?;
        after.definition = Some(definition);
    }
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Delete a workflow
///
/// With its versions and executions, for good; the trash is for those that may be wanted again. Editors and higher; 409
/// while an execution of it is live.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}", tag = "workflows",
    responses((status = 204, description = "It is gone"), (status = 409, description = "An execution of it is live")),
)]
async fn delete_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    let workflow = workflow_in(&pod, &*store, id).await?;
    store.change(Change::DeleteWorkflow(pod.workspace_id(), workflow.id), &pod.access().author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deploy a workflow
///
/// Admins and owners. From now on schedules, webhooks and events start this version of it. The version is checked again:
/// what was valid when it was written may not be any more. 409 for a workflow in the trash.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/deploy", tag = "workflows",
    request_body(content = DeployWorkflow, description = "Nothing, or the version"),
    responses((status = 200, description = "The workflow", body = Workflow), (status = 409, description = "It is in the trash")),
)]
async fn deploy_workflow(
    pod: InPod<Admin>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<DeployWorkflow>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    refuse_trashed(&before)?;
    let number = body.version.unwrap_or(before.version);
    let version = store.workflow_version(pod.workspace_id(), id, number).await?;
    validation::require_valid("", &version.definition)?;
    let after = Workflow { state: WorkflowState::Deployed, deployed_version: Some(number), ..before.clone() };
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Take a deployment back
///
/// Admins and owners. The workflow is a draft again: schedules, webhooks and events no longer start it. Executions that run
/// go on.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/undeploy", tag = "workflows",
    request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses((status = 200, description = "The workflow", body = Workflow), (status = 409, description = "It is in the trash")),
)]
async fn undeploy_workflow(
    pod: InPod<Admin>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    refuse_trashed(&before)?;
    let after = Workflow { state: WorkflowState::Draft, deployed_version: None, ..before.clone() };
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Star a workflow
///
/// Editors and higher. Marks it for lists; `{"starred":false}` takes the mark away.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/star", tag = "workflows",
    request_body(content = StarWorkflow, description = "Nothing, or whether it is marked"),
    responses((status = 200, description = "The workflow", body = Workflow)),
)]
async fn star_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<StarWorkflow>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    let after = Workflow { starred: body.starred, ..before.clone() };
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Put a workflow in the trash
///
/// Editors and higher. It can't be started, and its deployment is taken back. Executions that run go on.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/trash", tag = "workflows",
    request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses((status = 200, description = "The workflow", body = Workflow)),
)]
async fn trash_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    let after = Workflow { state: WorkflowState::Trashed, deployed_version: None, ..before.clone() };
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Take a workflow out of the trash
///
/// Editors and higher. It is a draft again; one that is not in the trash stays as it is.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/restore", tag = "workflows",
    request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses((status = 200, description = "The workflow", body = Workflow)),
)]
async fn restore_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    let mut after = before.clone();
    if before.state == WorkflowState::Trashed {
        after.state = WorkflowState::Draft;
    }
    store_changed(&pod, &*store, &clock, &key, before, after).await
}

/// Duplicate a workflow
///
/// Editors and higher. The copy is a draft in the same pod, with the latest definition as its version 1.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/duplicate", tag = "workflows",
    request_body(content = DuplicateWorkflow, description = "Nothing, or the copy's name"),
    responses((status = 201, description = "The copy", body = Workflow)),
)]
async fn duplicate_workflow(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<DuplicateWorkflow>,
) -> Result<Reply, Problem> {
    let original = workflow_in(&pod, &*store, id).await?;
    let name = match body.name {
        Some(name) => names::name("/name", &name)?,
        None => names::copy_of(&original.name),
    };
    let definition = definition_of(&original)?.clone();
    store_new(&pod, &*store, &clock, &key, (name, original.description, definition)).await
}

/// The workflow of this id, if it is in this pod.
pub(super) async fn workflow_in<R>(pod: &InPod<R>, store: &dyn Store, id: WorkflowId) -> Result<Workflow, Problem> {
    let workflow = store.workflow(pod.workspace_id(), id).await?;
    if workflow.pod_id == pod.pod_id() { Ok(workflow) } else { Err(Problem::not_found("workflow")) }
}

pub(super) fn refuse_trashed(workflow: &Workflow) -> Result<(), Problem> {
    match workflow.state {
        WorkflowState::Trashed => Err(Problem::new(Code::Conflict, "the workflow is in the trash; restore it first")),
        WorkflowState::Draft | WorkflowState::Deployed => Ok(()),
    }
}

fn definition_of(workflow: &Workflow) -> Result<&Definition, Problem> {
    workflow.definition.as_ref().ok_or_else(|| Problem::internal("a workflow was loaded without its definition"))
}

async fn store_new<R>(
    pod: &InPod<R>,
    store: &dyn Store,
    clock: &Clock,
    key: &ReplyKey,
    (name, description, definition): (String, String, Definition),
) -> Result<Reply, Problem> {
    let (id, now) = (WorkflowId(clock.new_id()), clock.now());
    let workflow = Workflow {
        id,
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        name,
        description,
        state: WorkflowState::Draft,
        starred: false,
        version: 1,
        deployed_version: None,
        definition: Some(definition),
        created_at: now,
        updated_at: now,
    };
    let location = format!("/v1/workspaces/{}/pods/{}/workflows/{id}", pod.workspace_id(), pod.pod_id());
    let reply = Reply::created(location, &workflow);
    key.change(store, Change::CreateWorkflow(workflow, pod.principal().id.clone()), reply).await
}

/// Stores the row, and a new version if the definition has changed. What has not changed at all is left alone.
pub(super) async fn store_changed<R>(
    pod: &InPod<R>,
    store: &dyn Store,
    clock: &Clock,
    key: &ReplyKey,
    before: Workflow,
    mut after: Workflow,
) -> Result<Reply, Problem> {
    let new_version = if after.definition == before.definition {
        None
    } else {
        after.version += 1;
        Some((definition_of(&after)?.clone(), pod.principal().id.clone()))
    };
    if after != before {
        // The store compares `updatedAt` to notice changes at the same time, so it must move with each.
        after.updated_at = clock.now().max(before.updated_at.plus_ms(1));
    }
    let reply = Reply::ok(&after);
    let change = Change::UpdateWorkflow { workflow: after, expected_updated_at: before.updated_at, new_version };
    key.change(store, change, reply).await
}
