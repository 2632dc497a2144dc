//! API keys of a workspace. How they look and are checked is in [`super::auth::api_key`].

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, api_key},
    error::{Code, Problem},
    extract::{Param, present},
    idempotency::Idempotent,
    names,
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::{Clock, Instant},
    domain::{
        identity::{ApiKey, Role},
        ids::ApiKeyId,
    },
    store::{Store, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_api_key, list_api_keys)).routes(routes!(get_api_key, delete_api_key))
}

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateApiKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// What it may do.
    role: Role,
    /// When it stops working; never, if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Instant, required = false)]
    expires_at: Option<Instant>,
}

/// An API key as its maker sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedApiKey {
    /// The key's row.
    #[serde(flatten)]
    api_key: ApiKey,
    /// The key itself, for `x-api-key`. Shown this once: a reply repeated for its idempotency key is without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
}

/// Create an API key
///
/// Admins and owners; nobody gives a key a role above their own. The key is shown in this reply and never again: the server
/// keeps only its hash.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/api-keys", tag = "api-keys", request_body = CreateApiKey,
    responses((status = 201, description = "The key", body = CreatedApiKey)),
)]
async fn create_api_key(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<CreateApiKey>,
) -> Result<Reply, Problem> {
    access.require(body.role, "making a key of this role")?;
    let now = clock.now();
    if body.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Problem::field(Code::InvalidValue, "/expiresAt", "must be in the future"));
    }
    let new = api_key::generate();
    let api_key = ApiKey {
        id: ApiKeyId(clock.new_id()),
        workspace_id: access.workspace_id(),
        name: names::name("/name", &body.name)?,
        prefix: new.prefix,
        role: body.role,
        created_by: access.principal().id.clone(),
        created_at: now,
        expires_at: body.expires_at,
        last_used_at: None,
    };
    let location = format!("/v1/workspaces/{}/api-keys/{}", api_key.workspace_id, api_key.id);
    let change = Change::CreateApiKey(api_key.clone(), new.digest);
    let kept = Reply::created(location.clone(), &CreatedApiKey { api_key: api_key.clone(), key: None });
    let reply = Reply::created(location, &CreatedApiKey { api_key, key: Some(new.secret) });
    key.change_keeping(&*store, change, &kept, reply).await
}

/// List API keys
///
/// Admins and owners. Newest first, without the keys themselves; `lastUsedAt` is kept to the minute.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/api-keys", tag = "api-keys", params(PageQuery),
    responses((status = 200, description = "The keys", body = Vec<ApiKey>)),
)]
async fn list_api_keys(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let keys = store.api_keys(access.workspace_id()).await?;
    let page = page_of(keys, page.limit.0, page.cursor.as_deref(), |key| key.id.to_string())?;
    List::new(&uri, &page)
}

/// Get an API key
///
/// Admins and owners. Without the key itself.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/api-keys/{apiKeyId}", tag = "api-keys",
    responses((status = 200, description = "The key's row", body = ApiKey)),
)]
async fn get_api_key(
    access: Access<Admin>,
    Param(id): Param<ApiKeyId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    let keys = store.api_keys(access.workspace_id()).await?;
    keys.iter().find(|key| key.id == id).map(Reply::ok).ok_or_else(|| Problem::not_found("API key"))
}

/// Revoke an API key
///
/// Admins and owners. The key stops working at once on this server process, and within five seconds on all others.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/api-keys/{apiKeyId}", tag = "api-keys",
    responses((status = 204, description = "It is revoked")),
)]
async fn delete_api_key(
    access: Access<Admin>,
    Param(id): Param<ApiKeyId>,
    State(state): State<AppState>,
) -> Result<StatusCode, Problem> {
    state.store.change(Change::DeleteApiKey(access.workspace_id(), id), &access.author(), None).await?;
    state.auth.forget_key(id);
    Ok(StatusCode::NO_CONTENT)
}
