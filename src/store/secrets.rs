//! What is read of secrets, and how they are put under another master key. They are set and deleted like the rest of the
//! catalogue ([`super::catalogue::Change`]). The store never opens anything: it keeps what others have sealed.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{
    ids::WorkspaceId,
    secret::{Envelope, SealedSecret, Secret},
};

/// A column of other tables whose texts may be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// What webhooks verify with.
    WebhookSecret,
    /// What they verified with before.
    PreviousWebhookSecret,
    /// Where notifications of open suspensions go, as JSON.
    NotificationTarget,
}

/// A text of such a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedText {
    /// The workspace of its row.
    pub workspace_id: WorkspaceId,
    /// Its row.
    pub id: Uuid,
    /// What it is bound to: the webhook, or the suspension of the notification.
    pub owner: Uuid,
    /// The text.
    pub text: String,
}

/// The methods of the store about secrets.
#[async_trait]
pub trait Secrets {
    /// A secret, sealed.
    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<SealedSecret, StoreError>;

    /// What is known of all secrets of a workspace, by name.
    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<Secret>, StoreError>;

    /// Up to `limit` secrets of all workspaces that are under another key than this, after a workspace and name, in their order.
    async fn secrets_under_others(
        &self,
        key_id: &str,
        after: (WorkspaceId, &str),
        limit: i64,
    ) -> Result<Vec<SealedSecret>, StoreError>;

    /// Puts a secret's own key under another one; `false` if the secret is not as it was read any more.
    async fn rewrap_secret(&self, seen: &SealedSecret, envelope: &Envelope) -> Result<bool, StoreError>;

    /// Up to `limit` texts of a column, of all workspaces, after a workspace and id, in their order.
    async fn sealed_texts(
        &self,
        column: SealedColumn,
        after: (WorkspaceId, Uuid),
        limit: i64,
    ) -> Result<Vec<SealedText>, StoreError>;

    /// Puts another text in the place of one; `false` if that is not there any more.
    async fn replace_sealed_text(
        &self,
        column: SealedColumn,
        seen: &SealedText,
        text: &str,
    ) -> Result<bool, StoreError>;
}
