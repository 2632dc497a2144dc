//! Signing in to the dashboard, and who the caller is. How a session is kept is in [`super::auth::session`].

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Authenticator, Principal, PrincipalKind},
    error::{Code, Problem},
    extract::Json,
    reply::Reply,
    state::AppState,
};
use crate::{
    clock::Instant,
    domain::{identity::Role, ids::WorkspaceId},
    store::Store,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_session, get_session, delete_session))
}

/// What a browser signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSession {
    /// An API key (`slg_...`) or a JWT. It is not kept.
    #[schema(min_length = 1)]
    credential: String,
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// The user's id, or `key:<id>`: what `createdBy` and the like hold.
    principal_id: String,
    /// A person or a program.
    #[schema(inline)]
    kind: SessionKind,
    /// The workspace that an API key opens. A person may be a member of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<WorkspaceId>,
    /// The role of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// The name of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When the session ends; missing where the caller sent a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SessionKind {
    User,
    ApiKey,
}

async fn view(
    store: &Arc<dyn Store>,
    principal: &Principal,
    expires_at: Option<Instant>,
) -> Result<SessionView, Problem> {
    let mut view = SessionView {
        principal_id: principal.id.clone(),
        kind: match principal.kind {
            PrincipalKind::User => SessionKind::User,
            PrincipalKind::ApiKey => SessionKind::ApiKey,
        },
        workspace_id: principal.key_workspace(),
        role: None,
        name: None,
        expires_at,
    };
    if let (Some(workspace_id), Some(id)) = (view.workspace_id, principal.key_id())
        && let Some(key) = store.api_keys(workspace_id).await?.into_iter().find(|key| key.id == id)
    {
        (view.role, view.name) = (Some(key.role), Some(key.name));
    }
    Ok(view)
}

/// Sign in
///
/// For the dashboard: takes an API key or a JWT and answers with a cookie that stands for it (`HttpOnly`, `SameSite=Strict`), for
/// seven days at most and never longer than the credential itself. The cookie counts for requests of this server's own pages
/// only; programs send their credential with each request.
#[utoipa::path(
    post, path = "/session", tag = "server", request_body = CreateSession,
    responses((status = 201, description = "Who signed in; the cookie is in `Set-Cookie`", body = SessionView)),
)]
async fn create_session(
    State(auth): State<Arc<Authenticator>>,
    State(store): State<Arc<dyn Store>>,
    Json(body): Json<CreateSession>,
) -> Result<Response, Problem> {
    let credential = body.credential.trim();
    if credential.is_empty() {
        return Err(Problem::field(Code::InvalidValue, "/credential", "must be an API key or a JWT"));
    }
    let (principal, cookie, expires_at) = auth.sign_in(credential).await?;
    let view = view(&store, &principal, Some(expires_at)).await?;
    Ok(([(header::SET_COOKIE, cookie)], Reply::new(StatusCode::CREATED, None, &view)).into_response())
}

/// Who am I?
///
/// Whoever the credential of this request is of.
#[utoipa::path(
    get, path = "/session", tag = "server",
    responses((status = 200, description = "The caller", body = SessionView)),
)]
async fn get_session(
    principal: Principal,
    State(auth): State<Arc<Authenticator>>,
    State(store): State<Arc<dyn Store>>,
    headers: HeaderMap,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&view(&store, &principal, auth.sessions().expires_at(&headers)).await?))
}

/// Sign out
///
/// Takes the cookie back. Without one nothing happens.
#[utoipa::path(
    delete, path = "/session", tag = "server",
    responses((status = 204, description = "The session is over")),
)]
async fn delete_session(State(auth): State<Arc<Authenticator>>) -> Response {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, auth.sessions().end())]).into_response()
}
