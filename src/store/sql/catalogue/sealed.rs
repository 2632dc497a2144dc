//! Secrets, as they are set and deleted.

use crate::{
    domain::{ids::WorkspaceId, secret::SealedSecret},
    store::StoreError,
};

use super::{
    super::backend::{Backend, cells},
    change_one, write_row,
};

/// Who sets it again keeps the time of the first.
const PUT: &str =
    "INSERT INTO secrets (workspace_id, name, key_id, wrapped_key, created_at, updated_at, updated_by, sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (workspace_id, name) DO UPDATE SET key_id = excluded.key_id, wrapped_key = excluded.wrapped_key,
         updated_at = excluded.updated_at, updated_by = excluded.updated_by, sealed = excluded.sealed";
const DELETE: &str = "DELETE FROM secrets WHERE workspace_id = $1 AND name = $2";

pub(super) async fn put_secret<B: Backend>(
    connection: &mut B::Connection,
    secret: &SealedSecret,
) -> Result<(), StoreError> {
    let SealedSecret { workspace_id, secret, envelope } = secret;
    let cells = cells![
        *workspace_id,
        &secret.name,
        &envelope.key_id,
        &envelope.wrapped_key,
        secret.created_at,
        secret.updated_at,
        &secret.updated_by,
        &envelope.sealed,
    ];
    write_row::<B>(connection, "secret", "workspace", PUT, cells).await.map(drop)
}

pub(super) async fn delete_secret<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "secret", DELETE, cells![workspace, name]).await
}
