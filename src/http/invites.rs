//! Invites: a secret token that makes whoever presents it a member.
//!
//! The server sends no mail; who creates an invite gets the token once and passes it on.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, Principal, api_key},
    error::{Code, Problem},
    extract::{InviteToken, Param},
    idempotency::{Idempotent, NoBody},
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::{
        identity::{Invite, Member, Role},
        ids::InviteId,
    },
    store::{Store, StoreError, catalogue::Change},
};

/// How long an invite can be accepted.
const LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_invite, list_invites))
        .routes(routes!(get_invite, delete_invite))
        .routes(routes!(accept_invite))
}

/// A new invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInvite {
    /// Whom it is for.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
    /// The role they will have.
    role: Role,
}

/// An invite as its maker sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedInvite {
    /// The invite.
    #[serde(flatten)]
    invite: Invite,
    /// The secret for `POST /v1/invites/{token}/accept`. Shown this once: a reply repeated for its idempotency key is
    /// without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
}

/// Create an invite
///
/// Admins and owners; nobody invites to a role above their own. Anyone who presents the token in the reply within seven days
/// becomes a member with this role; the server sends no mail.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/invites", tag = "members", request_body = CreateInvite,
    responses((status = 201, description = "The invite and its token", body = CreatedInvite)),
)]
async fn create_invite(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<CreateInvite>,
) -> Result<Reply, Problem> {
    access.require(body.role, "inviting to this role")?;
    let email = email(&body.email)?;
    let token = URL_SAFE_NO_PAD.encode(api_key::random::<32>());
    let now = clock.now();
    let invite = Invite {
        id: InviteId(clock.new_id()),
        workspace_id: access.workspace_id(),
        email,
        role: body.role,
        created_by: access.principal().id.clone(),
        created_at: now,
        expires_at: now.plus_ms(LIFETIME_MS),
        accepted_at: None,
    };
    let location = format!("/v1/workspaces/{}/invites/{}", invite.workspace_id, invite.id);
    let change = Change::CreateInvite(invite.clone(), api_key::digest(&token));
    let kept = Reply::created(location.clone(), &CreatedInvite { invite: invite.clone(), token: None });
    let reply = Reply::created(location, &CreatedInvite { invite, token: Some(token) });
    key.change_keeping(&*store, change, &kept, reply).await
}

/// One `@`, something on both sides, nothing that could start another header: whether mail arrives is not known here.
fn email(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = text.len() <= 254
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Problem::field(Code::InvalidValue, "/email", "must be an e-mail address"))
    }
}

/// List invites
///
/// Admins and owners. Those that were not accepted yet, newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/invites", tag = "members", params(PageQuery),
    responses((status = 200, description = "The open invites", body = Vec<Invite>)),
)]
async fn list_invites(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let invites = store.invites(access.workspace_id()).await?;
    let page = page_of(invites, page.limit.0, page.cursor.as_deref(), |invite| invite.id.to_string())?;
    List::new(&uri, &page)
}

/// Get an invite
///
/// Admins and owners.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/invites/{inviteId}", tag = "members",
    responses((status = 200, description = "The invite", body = Invite)),
)]
async fn get_invite(
    access: Access<Admin>,
    Param(id): Param<InviteId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    let invites = store.invites(access.workspace_id()).await?;
    let invite = invites.iter().find(|invite| invite.id == id);
    invite.map(Reply::ok).ok_or_else(|| Problem::not_found("invite"))
}

/// Withdraw an invite
///
/// Admins and owners. Its token is worth nothing from then on.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/invites/{inviteId}", tag = "members",
    responses((status = 204, description = "It is withdrawn")),
)]
async fn delete_invite(
    access: Access<Admin>,
    Param(id): Param<InviteId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    store.change(Change::DeleteInvite(access.workspace_id(), id), &access.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accept an invite
///
/// Makes the caller a member of the invite's workspace; a member already keeps the higher of the two roles. People only.
/// 404 for a token that does not exist or was withdrawn, 409 for one that has expired or was accepted.
#[utoipa::path(
    post, path = "/invites/{token}/accept", tag = "members", request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses(
        (status = 200, description = "The caller's membership", body = Member),
        (status = 409, description = "The invite has expired or was accepted"),
    ),
)]
async fn accept_invite(
    principal: Principal,
    Param(token): Param<InviteToken>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    principal.require_user("accept an invite")?;
    let invite = store.invite_by_digest(&api_key::digest(&token.0)).await?;
    let now = clock.now();
    if invite.expires_at <= now {
        return Err(Problem::new(Code::Conflict, "the invite has expired"));
    }
    let member = match store.member(invite.workspace_id, &principal.id).await {
        Ok(member) => Member { role: member.role.max(invite.role), ..member },
        Err(StoreError::NotFound(_)) => {
            Member { workspace_id: invite.workspace_id, user_id: principal.id, role: invite.role, created_at: now }
        }
        Err(error) => return Err(error.into()),
    };
    let reply = Reply::ok(&member);
    key.change(&*store, Change::AcceptInvite(invite, member, now), reply).await
}
