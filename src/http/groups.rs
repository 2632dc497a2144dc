//! Groups of members, by which workflows name their approvers.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, Viewer},
    error::{Code, Problem},
    extract::{GroupName, Param},
    idempotency::Idempotent,
    names,
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::identity::Group,
    store::{Store, StoreError, catalogue::Change},
};

/// How many members a group may have.
const MAX_MEMBERS: usize = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_groups)).routes(routes!(get_group, put_group, delete_group))
}

/// A group as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutGroup {
    /// The ids of its members, who are members of the workspace.
    #[schema(max_items = 500)]
    members: Vec<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    description: String,
}

/// List groups
///
/// By name.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/groups", tag = "members", params(PageQuery),
    responses((status = 200, description = "The groups", body = Vec<Group>)),
)]
async fn list_groups(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let groups = store.groups(access.workspace_id()).await?;
    List::new(&uri, &page_of(groups, page.limit.0, page.cursor.as_deref(), |group| group.name.clone())?)
}

/// Get a group
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/groups/{groupName}", tag = "members",
    responses((status = 200, description = "The group", body = Group)),
)]
async fn get_group(
    access: Access<Viewer>,
    Param(name): Param<GroupName>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&store.group(access.workspace_id(), &name.0).await?))
}

/// Make or replace a group
///
/// Admins and owners. Suspensions that are open keep whom they have asked; only later ones see the change.
#[utoipa::path(
    put, path = "/workspaces/{workspaceId}/groups/{groupName}", tag = "members", request_body = PutGroup,
    responses(
        (status = 200, description = "The group, changed", body = Group),
        (status = 201, description = "The group, new", body = Group),
        (status = 422, description = "The name is none, or somebody is no member of the workspace"),
    ),
)]
async fn put_group(
    access: Access<Admin>,
    Param(name): Param<GroupName>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<PutGroup>,
) -> Result<Reply, Problem> {
    let workspace_id = access.workspace_id();
    let name = names::slug("groupName", &name.0)?;
    let description = names::description("/description", &body.description)?;
    if body.members.len() > MAX_MEMBERS {
        let message = format!("a group has at most {MAX_MEMBERS} members");
        return Err(Problem::field(Code::InvalidValue, "/members", message));
    }
    let known: BTreeSet<String> = store.members(workspace_id).await?.into_iter().map(|member| member.user_id).collect();
    if let Some(index) = body.members.iter().position(|user| !known.contains(user)) {
        let message = "this user is no member of the workspace";
        return Err(Problem::field(Code::InvalidValue, format!("/members/{index}"), message));
    }
    let members: BTreeSet<String> = body.members.into_iter().collect();
    let now = clock.now();
    let before = match store.group(workspace_id, &name).await {
        Ok(group) => Some(group),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let created_at = before.as_ref().map_or(now, |group| group.created_at);
    let members = members.into_iter().collect();
    let group = Group { workspace_id, name, description, members, created_at, updated_at: now };
    let reply = match before {
        Some(_) => Reply::ok(&group),
        None => Reply::created(format!("/v1/workspaces/{workspace_id}/groups/{}", group.name), &group),
    };
    key.change(&*store, Change::PutGroup(group), reply).await
}

/// Delete a group
///
/// Admins and owners. Suspensions that are open keep whom they have asked; a workflow that names the group fails from now on
/// where it asks it.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/groups/{groupName}", tag = "members",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_group(
    access: Access<Admin>,
    Param(name): Param<GroupName>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    store.change(Change::DeleteGroup(access.workspace_id(), name.0), &access.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
