//! Receipts of decisions, and the public key that they can be checked with.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Viewer},
    error::{Code, Problem},
    extract::Param,
    reply::Reply,
    signing::{JsonWebKeySet, Signer},
    state::AppState,
};
use crate::{
    domain::{ids::SuspensionId, receipt::Receipt},
    store::Store,
};

/// What a receipt's signature says it is (`typ`).
pub const RECEIPT_KIND: &str = "sluicegate-receipt+jws";

/// The routes of this file below a workspace.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_receipt))
}

/// The route that is not versioned.
pub fn public_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_keys))
}

/// A receipt, signed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedReceipt {
    /// What it says, for reading. Believe the signature.
    receipt: Receipt,
    /// The same as a JSON Web Signature in its compact form, by the key at `/.well-known/jwks.json`.
    jws: String,
}

/// Get the receipt of a decision
///
/// What was asked and shown (as a hash), who decided what, how and when, by which rules and votes; signed, so that it can be
/// checked without this server: `sluicegate receipt verify`. It is the same whenever it is asked for. Suspensions that are open
/// have none.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/receipt", tag = "suspensions",
    responses(
        (status = 200, description = "The receipt", body = SignedReceipt),
        (status = 409, description = "The suspension is open"),
    ),
)]
async fn get_receipt(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    State(signer): State<Arc<Signer>>,
    Param(id): Param<SuspensionId>,
) -> Result<Reply, Problem> {
    let suspension = store.suspension(access.workspace_id(), id).await?;
    let execution = store.execution(access.workspace_id(), suspension.execution_id).await?;
    let receipt = Receipt::of(&suspension, &execution.origin).ok_or_else(|| {
        Problem::new(Code::SuspensionOpen, "the suspension is open; there is a receipt once it is closed")
    })?;
    let jws = signer.sign(RECEIPT_KIND, &receipt);
    Ok(Reply::ok(&SignedReceipt { receipt, jws }))
}

/// Public keys
///
/// The keys that receipts are signed with, as a JSON Web Key Set (RFC 7517). Keep them with the receipts.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "server",
    responses((status = 200, description = "The keys", body = JsonWebKeySet)),
)]
async fn get_keys(State(signer): State<Arc<Signer>>) -> Reply {
    Reply::ok(&signer.keys())
}
