//! Artifacts: what an execution's workers have produced, the bytes, and links by which others fetch them.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, Method},
    response::Response,
};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    VERSION_PREFIX,
    auth::{Authenticator, OfPod, Viewer, artifact_link::Closed},
    content,
    error::{Code, Problem},
    executions::in_pod,
    extract::{Json, LinkToken, Param, present},
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    clock::Instant,
    config::Config,
    domain::{
        artifact::Artifact,
        ids::{ArtifactId, ExecutionId, WorkspaceId},
    },
    store::{Store, StoreError},
    tasks::uploads::Uploads,
};

/// How long a link holds unless said otherwise, and at most, in seconds.
const LINK_SECONDS: i64 = 3_600;
const MAX_LINK_SECONDS: i64 = 7 * 24 * 3_600;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_execution_artifacts))
        .routes(routes!(get_artifact))
        .routes(routes!(get_artifact_content))
        .routes(routes!(create_artifact_url))
        .routes(routes!(get_artifact_by_link))
}

/// Which artifacts are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ArtifactsQuery {
    /// How many artifacts.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// How long a link to an artifact shall hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateArtifactUrl {
    /// In seconds: 1 to 604800 (seven days), 3600 (an hour) unless said otherwise.
    #[serde(default, deserialize_with = "present")]
    #[schema(minimum = 1, maximum = 604_800, default = 3_600)]
    expires_in: Option<i64>,
}

/// A link to an artifact.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactUrl {
    /// The address. Whoever has it can fetch the file, without any other credential.
    #[schema(format = "uri")]
    url: String,
    /// Until when.
    expires_at: Instant,
}

/// List an execution's artifacts
///
/// The files that its workers have produced, oldest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/artifacts", tag = "artifacts",
    params(ArtifactsQuery),
    responses((status = 200, description = "The artifacts", body = Vec<Artifact>)),
)]
async fn list_execution_artifacts(
    pod: OfPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ArtifactsQuery>,
) -> Result<List, Problem> {
    in_pod(&pod, &store, id).await?;
    let page = store.artifacts(pod.workspace_id(), id, query.limit.0, query.cursor.as_deref()).await?;
    List::new(&uri, &page)
}

/// Get an artifact
///
/// What is known of the file; its bytes are at `/content`.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/artifacts/{artifactId}", tag = "artifacts",
    responses((status = 200, description = "The artifact", body = Artifact)),
)]
async fn get_artifact(
    pod: OfPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ArtifactId>,
) -> Result<Reply, Problem> {
    find(&pod, &store, id).await.map(|artifact| Reply::ok(&artifact))
}

/// Get an artifact's bytes
///
/// With the content type that its worker gave. One byte range (`Range`, `If-Range`) is served; the `ETag` is the SHA-256, and
/// `If-None-Match` gets 304. `HEAD` gets the headers. A file never acts in the name of this server: it is served with
/// `X-Content-Type-Options: nosniff` and `Content-Security-Policy: sandbox`, and what is no picture, film, sound or plain text is
/// to be saved, not shown.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/artifacts/{artifactId}/content", tag = "artifacts",
    responses(
        (status = 200, description = "The bytes", body = Value, content_type = "*/*",
            headers(
                ("ETag" = String, description = "The SHA-256 of the whole file in hex, in quotation marks"),
                ("Accept-Ranges" = String, description = "`bytes`"),
                ("Content-Disposition" = String, description = "Whether to show or to save it, and the file's name"),
            )),
        (status = 206, description = "The bytes of the range", body = Value, content_type = "*/*",
            headers(("Content-Range" = String, description = "Which bytes, and how many there are"))),
        (status = 304, description = "The caller has them already"),
        (status = 416, description = "The range is outside of the file"),
    ),
)]
async fn get_artifact_content(
    method: Method,
    pod: OfPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    State(uploads): State<Uploads>,
    Param(id): Param<ArtifactId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let artifact = find(&pod, &store, id).await?;
    content::respond(uploads.artifacts(), pod.workspace_id(), &artifact, &method, &headers).await
}

/// Create a link to an artifact
///
/// For those who have no key: a page that shows a picture, a player, a person who got a message. The link holds for a while and
/// opens this one file; it can't be withdrawn, except with the file.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/artifacts/{artifactId}/url", tag = "artifacts",
    request_body = CreateArtifactUrl,
    responses((status = 201, description = "The link", body = ArtifactUrl)),
)]
async fn create_artifact_url(
    pod: OfPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    State(auth): State<Arc<Authenticator>>,
    State(config): State<Arc<Config>>,
    Param(id): Param<ArtifactId>,
    Json(body): Json<CreateArtifactUrl>,
) -> Result<Reply, Problem> {
    let seconds = body.expires_in.unwrap_or(LINK_SECONDS);
    if !(1..=MAX_LINK_SECONDS).contains(&seconds) {
        let message = format!("must be between 1 and {MAX_LINK_SECONDS} seconds");
        return Err(Problem::field(Code::InvalidValue, "/expiresIn", message));
    }
    let artifact = find(&pod, &store, id).await?;
    let (token, expires_at) = auth.artifact_links().issue(pod.workspace_id(), id, seconds * 1_000);
    let url = link_to(&config.public_url(), &token, &artifact.name)?;
    Ok(Reply::created(url.clone(), &ArtifactUrl { url, expires_at }))
}

/// Get an artifact's bytes by a link
///
/// The token in the address is the credential; the name behind it is for those who save the file. Otherwise as with a key: ranges,
/// `ETag`, `HEAD`.
#[utoipa::path(
    get, path = "/artifacts/{token}/{fileName}", tag = "artifacts",
    responses(
        (status = 200, description = "The bytes", body = Value, content_type = "*/*"),
        (status = 206, description = "The bytes of the range", body = Value, content_type = "*/*"),
        (status = 304, description = "The caller has them already"),
        (status = 404, description = "No such link, or the file is gone"),
        (status = 410, description = "The link has expired"),
        (status = 416, description = "The range is outside of the file"),
    ),
)]
async fn get_artifact_by_link(
    method: Method,
    State(store): State<Arc<dyn Store>>,
    State(uploads): State<Uploads>,
    State(auth): State<Arc<Authenticator>>,
    Param(LinkToken(token)): Param<LinkToken>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (workspace_id, id) = auth.artifact_links().check(&token).map_err(|closed| match closed {
        Closed::Forged => Problem::not_found("artifact"),
        Closed::Expired => Problem::new(Code::LinkExpired, "the link to the artifact has expired"),
    })?;
    let artifact = store.artifact(workspace_id, id).await?;
    content::respond(uploads.artifacts(), workspace_id, &artifact, &method, &headers).await
}

/// The artifact's row, if its execution is in the pod.
async fn find<R>(pod: &OfPod<R>, store: &Arc<dyn Store>, id: ArtifactId) -> Result<Artifact, Problem> {
    let artifact = match store.artifact(pod.workspace_id(), id).await {
        Ok(artifact) => artifact,
        Err(StoreError::NotFound(what)) => return Err(pod.not_found(&**store, what).await),
        Err(error) => return Err(error.into()),
    };
    match in_pod(pod, store, artifact.execution_id).await {
        Ok(_) => Ok(artifact),
        Err(problem) if problem.code() == Code::NotFound => Err(pod.not_found(&**store, "artifact").await),
        Err(problem) => Err(problem),
    }
}

/// A link to an artifact that holds for so many seconds, for faces that show it beside the execution.
pub(crate) fn link(
    state: &AppState,
    workspace_id: WorkspaceId,
    artifact: &Artifact,
    seconds: i64,
) -> Result<String, Problem> {
    let (token, _) = state.auth.artifact_links().issue(workspace_id, artifact.id, seconds * 1_000);
    link_to(&state.config.public_url(), &token, &artifact.name)
}

/// The address under which people reach this server, the token, and the name.
fn link_to(public_url: &str, token: &str, name: &str) -> Result<String, Problem> {
    let mut url = Url::parse(public_url).map_err(Problem::internal)?;
    url.path_segments_mut().map_err(|()| Problem::internal("the public URL has no path"))?.pop_if_empty().extend([
        VERSION_PREFIX.trim_start_matches('/'),
        "artifacts",
        token,
        name,
    ]);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_below_the_public_address() {
        for (base, name, expected) in [
            ("http://127.0.0.1:8080", "a.png", "http://127.0.0.1:8080/v1/artifacts/t.k/a.png"),
            ("https://h/gate", "a b?#%/ü", "https://h/gate/v1/artifacts/t.k/a%20b%3F%23%25%2F%C3%BC"),
        ] {
            assert_eq!(link_to(base, "t.k", name).unwrap(), expected);
        }
    }
}
