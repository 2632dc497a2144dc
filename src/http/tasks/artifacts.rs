//! The door for files: a worker streams one in, by the token of its lease.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::TaskPlace;
use crate::{
    artifacts::hear_out,
    domain::artifact::{Artifact, ArtifactKind, NewFile, OCTET_STREAM, is_content_type, name_problem},
    http::{
        VERSION_PREFIX,
        error::{Code, Problem},
        extract::{FileName, Param},
        query::Query,
        reply::Reply,
        state::AppState,
    },
    tasks::uploads::{Received, UploadError},
};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(put_task_artifact))
}

/// What the file is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// What the file is. Otherwise its content type says so, then its name: a film is a `video`, a picture a `screenshot`, `*.log` a
    /// `log`, `output*` the `output`, and everything else a `file`.
    kind: Option<ArtifactKind>,
}

/// Send a file
///
/// The body is the file, of any length up to the server's limit; `Content-Type` is kept with it. It is on the execution's stream
/// (`node_artifact`) when this is answered, and it counts as a sign of life. The same bytes under the same name again get the
/// first artifact. A worker whose upload may take longer than its lease sends heartbeats meanwhile. The lease token is the
/// credential, in `X-Lease-Token` or as a bearer token.
#[utoipa::path(
    put, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/{taskId}/artifacts/{fileName}", tag = "tasks",
    params(UploadQuery), security(("leaseToken" = [])),
    request_body(content = Value, content_type = "*/*", description = "The bytes of the file"),
    responses(
        (status = 201, description = "The artifact", body = Artifact),
        (status = 200, description = "The artifact that the same bytes have become before", body = Artifact),
        (status = 409, description = "The lease is over"),
        (status = 413, description = "The file is larger than the server takes"),
    ),
)]
async fn put_task_artifact(
    State(state): State<AppState>,
    place: TaskPlace,
    Param(FileName(name)): Param<FileName>,
    headers: HeaderMap,
    Query(query): Query<UploadQuery>,
    body: Body,
) -> Result<Reply, Problem> {
    // Before anything else is looked at.
    let lease = place.lease(&state, &headers, None)?;
    if let Some(problem) = name_problem(&name) {
        return Err(Problem::field(Code::InvalidValue, "fileName", problem));
    }
    let content_type = content_type(&headers)?;
    let limit = state.uploads.artifacts().limit();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        if !headers.contains_key(header::EXPECT) {
            hear_out(&mut body.into_data_stream()).await;
        }
        return Err(Problem::new(Code::BodyTooLarge, format!("the artifact is larger than {limit} bytes")));
    }
    let kind = query.kind.unwrap_or_else(|| ArtifactKind::of(&content_type, &name));
    let file = NewFile { name, kind, content_type };
    let Received { artifact, is_new } = state.uploads.receive(lease.clone(), file, body.into_data_stream()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let (workspace, pod) = (lease.workspace_id, lease.pod_id);
    let location = format!("{VERSION_PREFIX}/workspaces/{workspace}/pods/{pod}/artifacts/{}", artifact.id);
    Ok(Reply::new(status, is_new.then_some(location), &artifact))
}

fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(OCTET_STREAM.to_owned()) };
    match given.to_str() {
        Ok(text) if is_content_type(text) => Ok(text.to_owned()),
        _ => Err(Problem::new(Code::InvalidHeader, "`Content-Type` must be a type such as `image/png`")),
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Engine(error) => error.into(),
            UploadError::Bytes(error) => error.into(),
        }
    }
}
