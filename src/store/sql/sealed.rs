//! Secrets as they are read, and texts of other tables that are sealed.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    domain::{
        ids::WorkspaceId,
        secret::{Envelope, SealedSecret, Secret},
    },
    store::{
        StoreError,
        secrets::{SealedColumn, SealedText, Secrets},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Columns, cells},
};

macro_rules! secrets {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, name, created_at, updated_at, updated_by, key_id, wrapped_key, sealed FROM secrets ",
            $rest
        )
    };
}

const ONE: &str = secrets!("WHERE workspace_id = $1 AND name = $2");
const OTHERS: &str =
    secrets!("WHERE key_id <> $1 AND (workspace_id, name) > ($2, $3) ORDER BY workspace_id, name LIMIT +$4");
/// Without what is sealed, which may be large.
const LIST: &str = "SELECT name, created_at, updated_at, updated_by FROM secrets WHERE workspace_id = $1 ORDER BY name";

const REWRAP: &str = "UPDATE secrets SET key_id = $4, wrapped_key = $5
     WHERE workspace_id = $1 AND name = $2 AND wrapped_key = $3";

const WEBHOOKS: &str = "SELECT workspace_id, id, id, secret FROM webhooks
     WHERE secret IS NOT NULL AND (workspace_id, id) > ($1, $2) ORDER BY workspace_id, id LIMIT +$3";
const PREVIOUS: &str = "SELECT workspace_id, id, id, previous_secret FROM webhooks
     WHERE previous_secret IS NOT NULL AND (workspace_id, id) > ($1, $2) ORDER BY workspace_id, id LIMIT +$3";
const TARGETS: &str = "SELECT n.workspace_id, n.id, n.suspension_id, n.target
     FROM notifications AS n JOIN suspensions AS s ON s.workspace_id = n.workspace_id AND s.id = n.suspension_id
     WHERE s.state = 'open' AND (n.workspace_id, n.id) > ($1, $2) ORDER BY n.workspace_id, n.id LIMIT +$3";

const REPLACE_WEBHOOK: &str = "UPDATE webhooks SET secret = $4 WHERE workspace_id = $1 AND id = $2 AND secret = $3";
const REPLACE_PREVIOUS: &str =
    "UPDATE webhooks SET previous_secret = $4 WHERE workspace_id = $1 AND id = $2 AND previous_secret = $3";
const REPLACE_TARGET: &str = "UPDATE notifications SET target = $4 WHERE workspace_id = $1 AND id = $2 AND target = $3";

#[async_trait]
impl<B: Backend> Secrets for SqlStore<B> {
    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<SealedSecret, StoreError> {
        read_sealed::<B>(&self.read_one_of(workspace, "secret", ONE, cells![name]).await?)
    }

    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<Secret>, StoreError> {
        let rows = self.read_of(workspace, LIST, cells![]).await?;
        rows.iter().map(|row| read_secret::<B>(&mut Columns::new(row))).collect()
    }

    async fn secrets_under_others(
        &self,
        key_id: &str,
        after: (WorkspaceId, &str),
        limit: i64,
    ) -> Result<Vec<SealedSecret>, StoreError> {
        let rows = self.read(OTHERS, cells![key_id, after.0, after.1, limit]).await?;
        rows.iter().map(read_sealed::<B>).collect()
    }

    async fn rewrap_secret(&self, seen: &SealedSecret, envelope: &Envelope) -> Result<bool, StoreError> {
        let work = Arc::new((seen.clone(), envelope.clone()));
        self.write_of(seen.workspace_id, move |connection| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let (SealedSecret { workspace_id, secret, envelope: before }, after) = &*work;
                let cells = cells![*workspace_id, &secret.name, &before.wrapped_key, &after.key_id, &after.wrapped_key];
                Ok(B::execute(connection, REWRAP, cells).await? > 0)
            })
        })
        .await
    }

    async fn sealed_texts(
        &self,
        column: SealedColumn,
        after: (WorkspaceId, Uuid),
        limit: i64,
    ) -> Result<Vec<SealedText>, StoreError> {
        let sql = match column {
            SealedColumn::WebhookSecret => WEBHOOKS,
            SealedColumn::PreviousWebhookSecret => PREVIOUS,
            SealedColumn::NotificationTarget => TARGETS,
        };
        let rows = self.read(sql, cells![after.0, after.1, limit]).await?;
        let read = |row| {
            let mut columns = Columns::<B>::new(row);
            Ok(SealedText {
                workspace_id: columns.id()?,
                id: columns.next()?,
                owner: columns.next()?,
                text: columns.next()?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn replace_sealed_text(
        &self,
        column: SealedColumn,
        seen: &SealedText,
        text: &str,
    ) -> Result<bool, StoreError> {
        let sql = match column {
            SealedColumn::WebhookSecret => REPLACE_WEBHOOK,
            SealedColumn::PreviousWebhookSecret => REPLACE_PREVIOUS,
            SealedColumn::NotificationTarget => REPLACE_TARGET,
        };
        let cells = cells![seen.workspace_id, seen.id, &seen.text, text];
        self.write_of(seen.workspace_id, move |connection| {
            let cells = cells.clone();
            Box::pin(async move { Ok(B::execute(connection, sql, cells).await? > 0) })
        })
        .await
    }
}

/// What may be known of a secret.
fn read_secret<B: Backend>(columns: &mut Columns<'_, B>) -> Result<Secret, StoreError> {
    Ok(Secret {
        name: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
        updated_by: columns.next()?,
    })
}

fn read_sealed<B: Backend>(row: &B::Row) -> Result<SealedSecret, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(SealedSecret {
        workspace_id: columns.id()?,
        secret: read_secret::<B>(&mut columns)?,
        envelope: Envelope { key_id: columns.next()?, wrapped_key: columns.next()?, sealed: columns.next()? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    #[tokio::test]
    async fn what_is_read_in_pages_goes_on_where_the_last_one_ended() {
        let one = plan(ONE).await;
        assert!(one.len() == 1 && one[0].ends_with("(workspace_id=? AND name=?)"), "{one:?}");
        for sql in [OTHERS, WEBHOOKS, PREVIOUS, TARGETS] {
            let steps = plan(sql).await;
            assert!(steps[0].starts_with("SEARCH") && steps[0].ends_with(">(?,?))"), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
    }
}
