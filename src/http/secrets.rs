//! Secrets of a workspace: set, listed by name, deleted; never shown.

use std::{fmt, sync::Arc};

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin},
    error::{Code, Problem},
    extract::{Param, SecretName},
    idempotency::IdempotentSecret,
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::secret::{MAX_VALUE_BYTES, SealedSecret, Secret, is_name},
    engine::Engine,
    secrets::Place,
    store::{Store, StoreError, catalogue::Change},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_secrets)).routes(routes!(get_secret, put_secret, delete_secret))
}

/// The value of a secret.
#[derive(ToSchema)]
pub struct PutSecret {
    /// A text of 1 byte to 64 KiB. It is sealed before it is stored, and no reply shows it again.
    #[schema(min_length = 1, max_length = 65_536, write_only)]
    value: String,
}

/// By hand: what serde says of a body that does not fit quotes it, and it may be the secret.
impl<'de> Deserialize<'de> for PutSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(mut fields) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("must be a JSON object"));
        };
        let value = match fields.remove("value") {
            Some(Value::String(value)) => value,
            Some(_) => return Err(D::Error::custom("`value` must be a text")),
            None => return Err(D::Error::missing_field("value")),
        };
        match fields.keys().next() {
            Some(field) => Err(D::Error::unknown_field(field, &["value"])),
            None => Ok(Self { value }),
        }
    }
}

impl fmt::Debug for PutSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutSecret").finish_non_exhaustive()
    }
}

/// List secrets
///
/// Admins and owners. By name, without their values.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/secrets", tag = "secrets", params(PageQuery),
    responses((status = 200, description = "The secrets", body = Vec<Secret>)),
)]
async fn list_secrets(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let secrets = store.secrets(access.workspace_id()).await?;
    List::new(&uri, &page_of(secrets, page.limit.0, page.cursor.as_deref(), |secret| secret.name.clone())?)
}

/// Get a secret
///
/// Admins and owners. When it was set and by whom, not its value.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/secrets/{secretName}", tag = "secrets",
    responses((status = 200, description = "The secret", body = Secret)),
)]
async fn get_secret(
    access: Access<Admin>,
    Param(name): Param<SecretName>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&store.secret(access.workspace_id(), &name.0).await?.secret))
}

/// Set a secret
///
/// Admins and owners. Workflows read it as `{{ secrets.<name> }}` in fields that are marked secret, from their next attempt on. 503
/// `secrets_unavailable`, where the server has no key to seal secrets with.
#[utoipa::path(
    put, path = "/workspaces/{workspaceId}/secrets/{secretName}", tag = "secrets", request_body = PutSecret,
    responses(
        (status = 200, description = "The secret, replaced", body = Secret),
        (status = 201, description = "The secret, new", body = Secret),
        (status = 422, description = "The name or the value is none"),
    ),
)]
async fn put_secret(
    access: Access<Admin>,
    Param(name): Param<SecretName>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(engine): State<Engine>,
    IdempotentSecret { body, key }: IdempotentSecret<PutSecret>,
) -> Result<Reply, Problem> {
    let (workspace_id, name) = (access.workspace_id(), name.0);
    if !is_name(&name) {
        let message = "must be 1 to 64 letters, digits and `_`, not beginning with a digit";
        return Err(Problem::field(Code::InvalidValue, "secretName", message));
    }
    if !(1..=MAX_VALUE_BYTES).contains(&body.value.len()) {
        let message = format!("must be 1 to {MAX_VALUE_BYTES} bytes long");
        return Err(Problem::field(Code::InvalidValue, "/value", message));
    }
    let sealed = engine.keyring().seal(Place::Secret(workspace_id, &name), body.value.as_bytes());
    let envelope = sealed.map_err(|error| Problem::new(Code::SecretsUnavailable, error.to_string()))?;
    let now = clock.now();
    let before = match store.secret(workspace_id, &name).await {
        Ok(before) => Some(before.secret),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let created_at = before.as_ref().map_or(now, |before| before.created_at);
    let secret = Secret { name, created_at, updated_at: now, updated_by: key.author().id };
    let reply = match before {
        Some(_) => Reply::ok(&secret),
        None => Reply::created(format!("/v1/workspaces/{workspace_id}/secrets/{}", secret.name), &secret),
    };
    let change = Change::PutSecret(Box::new(SealedSecret { workspace_id, secret, envelope }));
    key.change(&*store, change, reply).await
}

/// Delete a secret
///
/// Admins and owners. Nodes that read it fail from now on, with the code `secret_missing`.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/secrets/{secretName}", tag = "secrets",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_secret(
    access: Access<Admin>,
    Param(name): Param<SecretName>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    store.change(Change::DeleteSecret(access.workspace_id(), name.0), &access.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
