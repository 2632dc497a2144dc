//! Removing an execution by hand, before retention does or where it never would.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, OfPod},
    error::Problem,
    executions::in_pod,
    extract::Param,
    idempotency::{Idempotent, NoBody},
    reply::Reply,
    state::AppState,
};
use crate::{
    domain::ids::ExecutionId,
    store::{Store, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(remove_execution))
}

/// An execution that has been removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedExecution {
    /// Its id, by which nothing is found any more.
    id: ExecutionId,
}

/// Remove an execution
///
/// Editors and higher. For good, with everything that belongs to it: its log, its suspensions, its files, its children. The audit
/// log keeps that it was removed and what was decided in it. (`DELETE` on the execution itself cancels.)
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/remove", tag = "executions",
    request_body(content = NoBody),
    responses(
        (status = 200, description = "It is gone", body = RemovedExecution),
        (status = 409, description = "It, its parent, one of its children or a replay of it has not ended"),
    ),
)]
async fn remove_execution(
    pod: OfPod<Editor>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    Idempotent { body: NoBody {}, key }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    in_pod(&pod, &store, id).await?;
    let change = Change::DeleteExecution(pod.workspace_id(), id);
    key.change(&*store, change, Reply::ok(&RemovedExecution { id })).await
}
