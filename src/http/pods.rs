//! Pods: folders of workflows and executions.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, Editor, InPod, Viewer},
    error::{Code, Problem},
    extract::{changed, present},
    idempotency::Idempotent,
    names,
    query::{PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::{identity::Role, ids::PodId, workflow::Pod},
    engine::Engine,
    store::{Store, StoreError, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_pod, list_pods)).routes(routes!(get_pod, update_pod, delete_pod))
}

/// A new pod.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePod {
    /// Its name: 1 to 120 characters on one line. The slug is made from it.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    description: String,
}

/// What changes about a pod; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePod {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 10_000)]
    description: Option<String>,
    /// How many of its executions may run at a time, suspended ones apart; `null` is no limit. Admins and owners.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<i64>, required = false, minimum = 1, maximum = 100_000)]
    #[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
    max_running: Option<Option<i64>>,
}

/// Create a pod
///
/// Editors and higher. The slug is made from the name; if it is taken, some characters are added to it.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods", tag = "pods", request_body = CreatePod,
    responses((status = 201, description = "The new pod", body = Pod)),
)]
async fn create_pod(
    access: Access<Editor>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<CreatePod>,
) -> Result<Reply, Problem> {
    let (id, now, workspace_id) = (PodId(clock.new_id()), clock.now(), access.workspace_id());
    let name = names::name("/name", &body.name)?;
    let description = names::description("/description", &body.description)?;
    let mut attempts = names::slugs_for(&name, id.0).into_iter().peekable();
    while let Some(slug) = attempts.next() {
        let (name, description) = (name.clone(), description.clone());
        let max_running = None;
        let pod = Pod { id, workspace_id, name, slug, description, max_running, created_at: now, updated_at: now };
        let reply = Reply::created(format!("/v1/workspaces/{workspace_id}/pods/{id}"), &pod);
        match key.try_change(&*store, Change::CreatePod(pod), reply).await? {
            Err(StoreError::Taken(_)) if attempts.peek().is_some() => {}
            result => return result.map_err(Problem::from),
        }
    }
    Err(Problem::internal("no slug was tried"))
}

/// List pods
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods", tag = "pods", params(PageQuery),
    responses((status = 200, description = "The pods", body = Vec<Pod>)),
)]
async fn list_pods(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    List::new(&uri, &store.pods(access.workspace_id(), page.limit.0, page.cursor.as_deref()).await?)
}

/// Get a pod
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}", tag = "pods",
    responses((status = 200, description = "The pod", body = Pod)),
)]
async fn get_pod(pod: InPod<Viewer>) -> Reply {
    Reply::ok(pod.pod())
}

/// Change a pod
///
/// Editors and higher. What is missing stays as it is; a new name keeps the slug.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}", tag = "pods", request_body = UpdatePod,
    responses((status = 200, description = "The pod", body = Pod)),
)]
async fn update_pod(
    pod: InPod<Editor>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<UpdatePod>,
) -> Result<Reply, Problem> {
    if let Some(limit) = body.max_running {
        pod.access().require(Role::Admin, "limit what may run")?;
        check_limit("/maxRunning", limit)?;
    }
    let mut pod = pod.pod().clone();
    if let Some(name) = body.name {
        pod.name = names::name("/name", &name)?;
    }
    if let Some(description) = body.description {
        pod.description = names::description("/description", &description)?;
    }
    if let Some(limit) = body.max_running {
        pod.max_running = limit;
    }
    pod.updated_at = engine.clock().now();
    let (workspace, reply) = (pod.workspace_id, Reply::ok(&pod));
    let reply = key.change(&**engine.store(), Change::UpdatePod(pod), reply).await?;
    engine.limits_changed(workspace);
    Ok(reply)
}

/// The most that a limit on running executions may be.
const MOST_RUNNING: i64 = 100_000;

/// Whether a limit on running executions is one.
pub(super) fn check_limit(path: &str, limit: Option<i64>) -> Result<(), Problem> {
    match limit {
        Some(limit) if !(1..=MOST_RUNNING).contains(&limit) => {
            let message = format!("must be between 1 and {MOST_RUNNING}, or null for no limit, not {limit}");
            Err(Problem::field(Code::InvalidValue, path, message))
        }
        _ => Ok(()),
    }
}

/// Delete a pod
///
/// With everything in it, for good. Admins and owners; 409 while an execution in it is live.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}", tag = "pods",
    responses((status = 204, description = "It is gone"), (status = 409, description = "An execution in it is live")),
)]
async fn delete_pod(pod: InPod<Admin>, State(store): State<Arc<dyn Store>>) -> Result<StatusCode, Problem> {
    store.change(Change::DeletePod(pod.workspace_id(), pod.pod_id()), &pod.access().author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
