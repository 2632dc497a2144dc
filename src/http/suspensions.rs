//! Suspensions: what waits for an answer, in the workspace and in a pod, and answering it by its own id.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, InPod, Viewer},
    error::{Code, Problem},
    execution_actions::{Respond, answer_execution},
    executions::replayed,
    extract::Param,
    idempotency::{Idempotent, NoBody, ReplyKey},
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    domain::{
        execution::ExecutionView,
        identity::Role,
        ids::{ExecutionId, PodId, SuspensionId, WorkflowId},
        suspension::{Approvers, Suspension, SuspensionKind, SuspensionState},
    },
    engine::{Engine, Handling},
    store::{Store, SuspensionFilter},
};

/// How long the reason of a reassignment may be, in bytes.
const MAX_REASON: usize = 10_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_suspensions))
        .routes(routes!(list_pod_suspensions))
        .routes(routes!(get_suspension))
        .routes(routes!(answer_suspension))
        .routes(routes!(claim_suspension))
        .routes(routes!(release_suspension))
        .routes(routes!(reassign_suspension))
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
    /// Only open ones that the caller may answer now.
    mine: bool,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

impl SuspensionsQuery {
    fn filter<R>(&self, access: &Access<R>) -> Result<SuspensionFilter, Problem> {
        if self.mine && self.state.is_some_and(|state| state != SuspensionState::Open) {
            return Err(Problem::field(
                Code::InvalidQuery,
                "state",
                "only what is open can be answered: `mine` needs `open`",
            ));
        }
        Ok(SuspensionFilter {
            state: self.state,
            pod_id: self.pod_id,
            workflow_id: self.workflow_id,
            execution_id: self.execution_id,
            kind: self.kind,
            answerable_by: self.mine.then(|| access.actor()),
        })
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
    let (filter, cursor) = (query.filter(&access)?, query.cursor.as_deref());
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
    let filter = SuspensionFilter { pod_id: Some(pod.pod_id()), ..query.filter(pod.access())? };
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
/// Those who may answer: its `policy` says who. As `respond` on its execution, named by the suspension.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/answer", tag = "suspensions",
    request_body = Respond,
    responses(
        (status = 200, description = "The execution", body = ExecutionView),
        (status = 403, description = "The caller is none of those who may answer"),
        (status = 409, description = "It was answered differently, has expired, was cancelled, or is claimed by another"),
        (status = 422, description = "The answer does not fit what was asked"),
    ),
)]
async fn answer_suspension(
    access: Access<Viewer>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<SuspensionId>,
    Idempotent { body, key }: Idempotent<Respond>,
) -> Result<Reply, Problem> {
    let suspension = store.suspension(access.workspace_id(), id).await?;
    let answer = body.into_answer(Some(id), access.actor())?;
    let answered = answer_execution(&engine, access.workspace_id(), suspension.execution_id, answer, &key).await;
    answered.or_else(|error| replayed(&key, error))
}

/// Claim a suspension
///
/// Those who may answer. Until it is released, nobody else can answer it; an escalation or a reassignment releases it.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/claim", tag = "suspensions",
    request_body(content = NoBody),
    responses(
        (status = 200, description = "The suspension", body = Suspension),
        (status = 403, description = "The caller is none of those who may answer"),
        (status = 409, description = "Another has claimed it, it takes several votes, or it is closed"),
    ),
)]
async fn claim_suspension(
    access: Access<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<SuspensionId>,
    Idempotent { body: NoBody {}, key }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    handle(&access, &engine, id, Handling::Claim, &key).await
}

/// Release a suspension
///
/// Who has claimed it, and admins. Others can answer it again.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/release", tag = "suspensions",
    request_body(content = NoBody),
    responses(
        (status = 200, description = "The suspension", body = Suspension),
        (status = 403, description = "The caller is none of those who may answer"),
        (status = 409, description = "Another has claimed it, or it is closed"),
    ),
)]
async fn release_suspension(
    access: Access<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<SuspensionId>,
    Idempotent { body: NoBody {}, key }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    handle(&access, &engine, id, Handling::Release, &key).await
}

/// Whom a suspension is put to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reassign {
    /// Members of the workspace.
    #[serde(default)]
    #[schema(max_items = 500)]
    users: Vec<String>,
    /// Groups: their members at this moment.
    #[serde(default)]
    #[schema(max_items = 20)]
    groups: Vec<String>,
    /// Members with one of these roles, or a higher one. Only admins name roles.
    #[serde(default)]
    #[schema(max_items = 4)]
    roles: Vec<Role>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    reason: Option<String>,
}

/// Reassign a suspension
///
/// Admins say who may answer from now on; who may answer by name puts others in their own place. A claim ends with it, and votes
/// of those who may not answer any more no longer count.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/reassign", tag = "suspensions",
    request_body = Reassign,
    responses(
        (status = 200, description = "The suspension", body = Suspension),
        (status = 403, description = "The caller is no admin and may not answer by name"),
        (status = 409, description = "It is closed"),
        (status = 422, description = "Somebody is no member of the workspace, a group does not exist, or they are too few"),
    ),
)]
async fn reassign_suspension(
    access: Access<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<SuspensionId>,
    Idempotent { body, key }: Idempotent<Reassign>,
) -> Result<Reply, Problem> {
    let Reassign { users, groups, roles, reason } = body;
    for (field, count, most) in [("users", users.len(), 500), ("groups", groups.len(), 20), ("roles", roles.len(), 4)] {
        if count > most {
            let message = format!("`{field}` has at most {most} members");
            return Err(Problem::field(Code::InvalidValue, format!("/{field}"), message));
        }
    }
    if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        return Err(Problem::field(
            Code::InvalidValue,
            "/reason",
            format!("`reason` is longer than {MAX_REASON} bytes"),
        ));
    }
    let to = Approvers { users, groups, roles }.distinct();
    handle(&access, &engine, id, Handling::Reassign { to, reason }, &key).await
}

async fn handle(
    access: &Access<Viewer>,
    engine: &Engine,
    id: SuspensionId,
    handling: Handling,
    key: &ReplyKey,
) -> Result<Reply, Problem> {
    let reply = key.keeping(|suspension: &Suspension| Reply::ok(suspension));
    match engine.handle(access.workspace_id(), id, &access.actor(), handling, reply).await {
        Ok(suspension) => Ok(Reply::ok(&suspension)),
        Err(error) => replayed(key, error),
    }
}
