//! What a `callback` node waits for: a call from outside, to an address that is its own credential.

use std::sync::Arc;

use axum::extract::{Request, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::{Code, Problem},
    extract::{self, LinkToken, Param},
    reply::Reply,
    respond::link_of,
    state::AppState,
};
use crate::{
    domain::{
        ids::SuspensionId,
        notification::Purpose,
        suspension::{Actor, DecisionSource, SuspensionState},
    },
    engine::{Answer, Engine, EngineError},
    nodes::forms::AnswerInput,
    store::Store,
};

/// The largest body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(receive_callback))
}

/// A callback that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallbackTaken {
    /// What has waited for it.
    suspension_id: SuspensionId,
}

/// Call back
///
/// The address is the credential. The JSON, up to 1 MiB, becomes the output of the node that waits for it. The first call wins; the
/// same JSON again gets the same reply.
#[utoipa::path(
    post, path = "/callbacks/{token}", tag = "suspensions", request_body = Value,
    responses(
        (status = 200, description = "It is taken", body = CallbackTaken),
        (status = 404, description = "Nothing waits, or has waited, at this address"),
        (status = 409, description = "Another call was faster, or it is waited for no longer"),
        (status = 410, description = "It came too late"),
    ),
)]
async fn receive_callback(
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(LinkToken(token)): Param<LinkToken>,
    request: Request,
) -> Result<Reply, Problem> {
    let link = link_of(&engine, &*store, Purpose::Callback, &token).await?;
    let link = link.ok_or_else(|| Problem::not_found("callback"))?;
    let (parts, body) = extract::read_body(request).await?;
    if body.len() > MAX_BODY_BYTES {
        return Err(Problem::new(Code::BodyTooLarge, format!("a callback takes up to {MAX_BODY_BYTES} bytes")));
    }
    let body: Value = extract::parse_any_json(&parts.headers, &body)?;
    let suspension = store.suspension(link.workspace_id, link.suspension_id).await?;
    let answer = Answer {
        pod_id: None,
        suspension_id: Some(suspension.id),
        node_id: None,
        actor: Actor { id: format!("link:{}", link.id), source: DecisionSource::Link, role: None },
        input: AnswerInput { answer: Some(body), ..AnswerInput::default() },
    };
    match engine.respond(link.workspace_id, suspension.execution_id, answer, None).await {
        Ok(_) => Ok(Reply::ok(&CallbackTaken { suspension_id: suspension.id })),
        Err(EngineError::AlreadyClosed(closed)) if closed.state == SuspensionState::Expired => {
            Err(Problem::new(Code::LinkExpired, "the callback came too late"))
        }
        Err(error) => Err(error.into()),
    }
}
