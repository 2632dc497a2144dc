//! Webhooks, as people make and change them.

use crate::{
    clock::Instant,
    domain::{
        ids::{WebhookId, WorkspaceId},
        webhook::Webhook,
    },
    store::{StoreError, catalogue::WEBHOOK_CHANGED},
};

use super::{
    super::{
        backend::{Backend, Cell, cells},
        webhooks::webhook_row,
    },
    change_one, exists, write_row,
};

const CREATE: &str = "INSERT INTO webhooks (workspace_id, id, pod_id, workflow_id, name, verification, secret,
         previous_secret, previous_until, enabled, dedupe_header, response, wait_seconds, rate_per_minute, created_by,
         created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const UPDATE: &str =
    "UPDATE webhooks SET pod_id = $3, workflow_id = $4, name = $5, verification = $6, secret = $7, previous_secret = $8,
         previous_until = $9, enabled = $10, dedupe_header = $11, response = $12, wait_seconds = $13,
         rate_per_minute = $14, created_by = $15, created_at = $16, updated_at = $17
     WHERE workspace_id = $1 AND id = $2 AND updated_at = $18";
const EXISTS: &str = "SELECT 1 FROM webhooks WHERE workspace_id = $1 AND id = $2";
/// The ledger goes with it by foreign key.
const DELETE: &str = "DELETE FROM webhooks WHERE workspace_id = $1 AND id = $2";

pub(super) async fn create_webhook<B: Backend>(
    connection: &mut B::Connection,
    webhook: &Webhook,
) -> Result<(), StoreError> {
    write_row::<B>(connection, "webhook", "workflow", CREATE, webhook_row(webhook)).await.map(drop)
}

pub(super) async fn update_webhook<B: Backend>(
    connection: &mut B::Connection,
    webhook: &Webhook,
    expected_updated_at: Instant,
) -> Result<(), StoreError> {
    let mut row = webhook_row(webhook);
    row.push(Cell::from(expected_updated_at));
    if write_row::<B>(connection, "webhook", "workflow", UPDATE, row).await? > 0 {
        return Ok(());
    }
    let there = exists::<B>(connection, EXISTS, cells![webhook.workspace_id, webhook.id]).await?;
    Err(if there { StoreError::Refused(WEBHOOK_CHANGED) } else { StoreError::NotFound("webhook") })
}

pub(super) async fn delete_webhook<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: WebhookId,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "webhook", DELETE, cells![workspace, id]).await
}
