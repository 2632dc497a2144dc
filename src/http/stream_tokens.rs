//! Stream tokens for browsers. How they are signed and checked is in [`super::auth::stream_token`].

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    auth::{Access, Viewer},
    error::{Code, Problem},
    extract::Json,
    reply::Reply,
    state::AppState,
    without_version,
};
use crate::clock::Instant;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_stream_token))
}

/// Which stream a token shall open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateStreamToken {
    /// The stream's path, with or without `/v1`, without a query: that of an execution's events, of a pod's events, or of the
    /// workspace's suspensions.
    path: String,
}

/// A token for one stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamToken {
    /// For `?token=` of the stream's address.
    token: String,
    /// Until when a stream can be opened with it. A stream that is open stays open.
    expires_at: Instant,
}

/// Create a stream token
///
/// For a browser's `EventSource`, which can't send headers: a token that opens one stream of this workspace for five minutes,
/// passed as `?token=`. It can be used more than once in that time, so that `EventSource` can reconnect by itself; an API key
/// never belongs into an address.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/stream-tokens", tag = "streams", request_body = CreateStreamToken,
    responses((status = 201, description = "The token", body = StreamToken)),
)]
async fn create_stream_token(
    access: Access<Viewer>,
    State(state): State<AppState>,
    Json(body): Json<CreateStreamToken>,
) -> Result<Reply, Problem> {
    let path = without_version(&body.path);
    if !is_stream_path(path, &access.workspace_id().to_string()) {
        return Err(Problem::field(
            Code::InvalidValue,
            "/path",
            "must be the path of a stream of this workspace: `.../executions/{id}/events`, `.../pods/{id}/events` or \
             `.../suspensions/events`",
        ));
    }
    let (token, expires_at) = state.auth.stream_tokens().issue(access.workspace_id(), path, access.principal());
    Ok(Reply::new(StatusCode::CREATED, None, &StreamToken { token, expires_at }))
}

fn is_stream_path(path: &str, workspace_id: &str) -> bool {
    let is_id = |text: &str| Uuid::try_parse(text).is_ok();
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "workspaces", workspace, rest @ ..] if *workspace == workspace_id => match rest {
            ["suspensions", "events"] => true,
            ["pods", pod, "events"] => is_id(pod),
            ["pods", pod, "executions", execution, "events"] => is_id(pod) && is_id(execution),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_streams_of_this_workspace_get_tokens() {
        let (workspace, id) = ("0190163d-8694-739b-aea5-966c26f8ad90", "0190163d-8694-739b-aea5-966c26f8ad91");
        for good in [
            format!("/workspaces/{workspace}/suspensions/events"),
            format!("/workspaces/{workspace}/pods/{id}/events"),
            format!("/workspaces/{workspace}/pods/{id}/executions/{id}/events"),
        ] {
            assert!(is_stream_path(&good, workspace), "{good}");
            assert!(!is_stream_path(&good, id), "{good}");
            assert!(!is_stream_path(&format!("{good}/"), workspace));
            assert!(!is_stream_path(&format!("{good}?x"), workspace));
        }
        assert!(!is_stream_path(&format!("/workspaces/{workspace}/pods/x/events"), workspace));
        assert!(!is_stream_path(&format!("/workspaces/{workspace}"), workspace));
    }
}
