//! Members of a workspace and their roles. New ones come by [`super::invites`].

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, Viewer},
    error::Problem,
    extract::{Param, UserId},
    idempotency::Idempotent,
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    domain::identity::{Member, Role},
    store::{Store, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_members)).routes(routes!(get_member, update_member, delete_member))
}

/// What changes about a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMember {
    /// What they may do from now on.
    role: Role,
}

/// List members
///
/// Oldest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/members", tag = "members", params(PageQuery),
    responses((status = 200, description = "The members", body = Vec<Member>)),
)]
async fn list_members(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let members = store.members(access.workspace_id()).await?;
    let page = page_of(members, page.limit.0, page.cursor.as_deref(), |member| member.user_id.clone())?;
    List::new(&uri, &page)
}

/// Get a member
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/members/{userId}", tag = "members",
    responses((status = 200, description = "The member", body = Member)),
)]
async fn get_member(
    access: Access<Viewer>,
    Param(user_id): Param<UserId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&store.member(access.workspace_id(), &user_id.0).await?))
}

/// Change a member's role
///
/// Admins and owners; nobody changes a member above their own role or gives a role above it. 409 for the last owner, who
/// can't be demoted.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/members/{userId}", tag = "members", request_body = UpdateMember,
    responses(
        (status = 200, description = "The member", body = Member),
        (status = 409, description = "It is the last owner"),
    ),
)]
async fn update_member(
    access: Access<Admin>,
    Param(user_id): Param<UserId>,
    State(store): State<Arc<dyn Store>>,
    Idempotent { body, key }: Idempotent<UpdateMember>,
) -> Result<Reply, Problem> {
    let mut member = store.member(access.workspace_id(), &user_id.0).await?;
    access.require(member.role.max(body.role), "changing this role")?;
    member.role = body.role;
    let reply = Reply::ok(&member);
    key.change(&*store, Change::PutMember(member), reply).await
}

/// Remove a member
///
/// Admins and owners; nobody removes a member above their own role. 409 for the last owner. API keys that the member has
/// made stay.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/members/{userId}", tag = "members",
    responses((status = 204, description = "They are no member any more"), (status = 409, description = "It is the last owner")),
)]
async fn delete_member(
    access: Access<Admin>,
    Param(user_id): Param<UserId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    let member = store.member(access.workspace_id(), &user_id.0).await?;
    access.require(member.role, "removing this member")?;
    store.change(Change::RemoveMember(access.workspace_id(), member.user_id), &access.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
