//! Suspensions: what waits for an answer, in the workspace and in a pod, and answering it by its own id.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Editor, InPod, Viewer},
    error::Problem,
    execution_actions::{Respond, answer_execution},
    extract::Param,
    idempotency::Idempotent,
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    domain::{
        execution::ExecutionView,
        ids::{ExecutionId, PodId, SuspensionId, WorkflowId},
        suspension::{Suspension, SuspensionKind, SuspensionState},
    },
    engine::Engine,
    store::{Store, SuspensionFilter},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_suspensions))
        .routes(routes!(list_pod_suspensions))
        .routes(routes!(get_suspension))
        .routes(routes!(answer_suspension))
}

/// Which suspensions are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuspensionsQuery {
    /// In this state; any, if missing.
    state: Option<SuspensionState>,
    /// In this pod.
    pod_id: Option<PodId>,
    /// Of this workflow.
    workflow_id: Option<WorkflowId>,
    /// Of this execution.
    execution_id: Option<ExecutionId>,
    /// Of this kind.
    kind: Option<SuspensionKind>,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

impl SuspensionsQuery {
    fn filter(&self) -> SuspensionFilter {
        SuspensionFilter {
            state: self.state,
            pod_id: self.pod_id,
            workflow_id: self.workflow_id,
            execution_id: self.execution_id,
            kind: self.kind,
        }
    }
}

/// List suspensions
///
/// The inbox of the workspace, newest first. Each item has everything needed to decide.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions", tag = "suspensions", params(SuspensionsQuery),
    responses((status = 200, description = "The suspensions", body = Vec<Suspension>)),
)]
async fn list_suspensions(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<SuspensionsQuery>,
) -> Result<List, Problem> {
    let (filter, cursor) = (query.filter(), query.cursor.as_deref());
    List::new(&uri, &store.suspensions(access.workspace_id(), &filter, query.limit.0, cursor).await?)
}

/// List a pod's suspensions
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/suspensions", tag = "suspensions", params(SuspensionsQuery),
    responses((status = 200, description = "The suspensions", body = Vec<Suspension>)),
)]
async fn list_pod_suspensions(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<SuspensionsQuery>,
) -> Result<List, Problem> {
    let filter = SuspensionFilter { pod_id: Some(pod.pod_id()), ..query.filter() };
    let cursor = query.cursor.as_deref();
    List::new(&uri, &store.suspensions(pod.workspace_id(), &filter, query.limit.0, cursor).await?)
}

/// Get a suspension
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}", tag = "suspensions",
    responses((status = 200, description = "The suspension", body = Suspension)),
)]
async fn get_suspension(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<SuspensionId>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&store.suspension(access.workspace_id(), id).await?))
}

/// Answer a suspension
///
/// Editors and higher. As `respond` on its execution, named by the suspension.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/answer", tag = "suspensions",
    request_body = Respond,
    responses(
        (status = 200, description = "The execution", body = ExecutionView),
        (status = 409, description = "It was answered differently, has expired, or was cancelled"),
        (status = 422, description = "The answer does not fit what was asked"),
    ),
)]
async fn answer_suspension(
    access: Access<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<SuspensionId>,
    Idempotent { body, key }: Idempotent<Respond>,
) -> Result<Reply, Problem> {
    let suspension = store.suspension(access.workspace_id(), id).await?;
    let answer = body.into_answer(Some(id), access.actor())?;
    answer_execution(&engine, access.workspace_id(), suspension.execution_id, answer, &key).await
}
