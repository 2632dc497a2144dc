//! Versions of a workflow: every change of its definition is kept and numbered.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, Viewer},
    error::Problem,
    extract::{Param, VersionNumber},
    idempotency::{Idempotent, NoBody},
    query::{PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
    validation,
    workflows::{refuse_trashed, store_changed, workflow_in},
};
use crate::{
    clock::Clock,
    domain::{
        ids::WorkflowId,
        workflow::{Workflow, WorkflowVersion},
    },
    store::Store,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_workflow_versions))
        .routes(routes!(get_workflow_version))
        .routes(routes!(restore_workflow_version))
}

/// List versions of a workflow
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/versions", tag = "workflows",
    params(PageQuery),
    responses((status = 200, description = "The versions", body = Vec<WorkflowVersion>)),
)]
async fn list_workflow_versions(
    pod: InPod<Viewer>,
    Param(id): Param<WorkflowId>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    workflow_in(&pod, &*store, id).await?;
    let versions = store.workflow_versions(pod.workspace_id(), id, page.limit.0, page.cursor.as_deref()).await?;
    List::new(&uri, &versions)
}

/// Get a version of a workflow
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/versions/{version}", tag = "workflows",
    responses((status = 200, description = "The version", body = WorkflowVersion)),
)]
async fn get_workflow_version(
    pod: InPod<Viewer>,
    Param(id): Param<WorkflowId>,
    Param(VersionNumber(number)): Param<VersionNumber>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    workflow_in(&pod, &*store, id).await?;
    Ok(Reply::ok(&store.workflow_version(pod.workspace_id(), id, number).await?))
}

/// Restore a version of a workflow
///
/// Editors and higher. Makes a new version with the definition of this one; nothing is lost. The definition is checked
/// again. If it is what the latest version has, nothing changes.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/versions/{version}/restore",
    tag = "workflows", request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses((status = 200, description = "The workflow", body = Workflow), (status = 409, description = "It is in the trash")),
)]
async fn restore_workflow_version(
    pod: InPod<Editor>,
    Param(id): Param<WorkflowId>,
    Param(VersionNumber(number)): Param<VersionNumber>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let before = workflow_in(&pod, &*store, id).await?;
    refuse_trashed(&before)?;
    let version = store.workflow_version(pod.workspace_id(), id, number).await?;
    validation::require_valid("", &version.definition)?;
    let after = Workflow { definition: Some(version.definition), ..before.clone() };
    store_changed(&pod, &*store, &clock, &key, before, after).await
}
