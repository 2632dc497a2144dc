//! Webhooks and the ledger of their deliveries. The row of a delivery that starts an execution is written by that execution's
//! commit; those of others by themselves.

use std::sync::Arc;

use crate::{
    clock::Instant,
    domain::{
        ids::{DeliveryId, PodId, WebhookId, WorkspaceId},
        webhook::{Secrets, Webhook, WebhookDelivery},
    },
    store::{Page, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, cells},
    batch::{Batch, Kind, Rows},
    executions::{cursor_at, read_cursor},
    page, run,
};

/// New rows of the ledger.
pub(super) static INSERT_DELIVERIES: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("webhook_id", Kind::Id),
        ("id", Kind::Id),
        ("received_at", Kind::Int),
        ("verdict", Kind::Text),
        ("reason", Kind::Text),
        ("status", Kind::Int),
        ("execution_id", Kind::Id),
        ("dedupe_key", Kind::Text),
        ("redelivery_of", Kind::Id),
        ("body_bytes", Kind::Int),
        ("forget_at", Kind::Int),
        ("headers", Kind::Text),
        ("query", Kind::Text),
        ("body", Kind::Bytes),
    ],
    "INSERT INTO webhook_deliveries (workspace_id, webhook_id, id, received_at, verdict, reason, status, execution_id,
         dedupe_key, redelivery_of, body_bytes, forget_at, headers, query, body)
     SELECT workspace_id, webhook_id, id, received_at, verdict, reason, status, execution_id,
         dedupe_key, redelivery_of, body_bytes, forget_at, headers, query, body FROM batch",
);

macro_rules! webhooks {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace_id, pod_id, workflow_id, name, verification, secret, previous_secret, previous_until,
         enabled, dedupe_header, response, wait_seconds, rate_per_minute, created_by, created_at, updated_at
     FROM webhooks ",
            $rest
        )
    };
}

const ONE: &str = webhooks!("WHERE workspace_id = $1 AND id = $2");
const ANYWHERE: &str = webhooks!("WHERE id = $1");
const LIST: &str = webhooks!("WHERE workspace_id = $1 AND pod_id = $2 AND id < $3 ORDER BY id DESC LIMIT +$4");

macro_rules! deliveries {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT id, workspace_id, webhook_id, received_at, verdict, reason, status, execution_id, dedupe_key,
         redelivery_of, body_bytes, forget_at",
            $more,
            " FROM webhook_deliveries WHERE workspace_id = $1 AND webhook_id = $2 AND ",
            $rest
        )
    };
}

const DELIVERIES: &str = deliveries!("", "id < $3 ORDER BY id DESC LIMIT +$4");
const DELIVERY: &str = deliveries!(", headers, query, body", "id = $3");

const ANSWERED: &str =
    "UPDATE webhook_deliveries SET status = $4 WHERE workspace_id = $1 AND webhook_id = $2 AND id = $3";

const FORGET: &str = "DELETE FROM webhook_deliveries WHERE (workspace_id, webhook_id, id) IN (
         SELECT workspace_id, webhook_id, id FROM webhook_deliveries WHERE forget_at <= $1
         ORDER BY forget_at, workspace_id, webhook_id, id LIMIT +$2
     )";

impl<B: Backend> SqlStore<B> {
    pub(super) async fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Webhook, StoreError> {
        read_webhook::<B>(&self.read_one_of(workspace, "webhook", ONE, cells![id]).await?)
    }

    pub(super) async fn webhook_anywhere(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(ANYWHERE, cells![id]).await?.first().map(read_webhook::<B>).transpose()
    }

    pub(super) async fn webhooks(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Webhook>, StoreError> {
        let rows = self.read_of(workspace, LIST, cells![pod, read_cursor(cursor)?, limit + 1]).await?;
        let webhooks = rows.iter().map(read_webhook::<B>).collect::<Result<_, _>>()?;
        Ok(page(webhooks, limit, |webhook: &Webhook| cursor_at(webhook.id.0)))
    }

    pub(super) async fn note_delivery(&self, delivery: &WebhookDelivery) -> Result<(), StoreError> {
        if holds_nul(delivery) {
            return Err(StoreError::Refused("a text holds a NUL character"));
        }
        let mut rows = Rows::default();
        rows.push(0, delivery_row(delivery));
        let rows = Arc::new(rows);
        self.write_of(delivery.workspace_id, move |connection| {
            let rows = Arc::clone(&rows);
            Box::pin(async move { run::<B>(connection, &INSERT_DELIVERIES, &rows).await.map(drop) })
        })
        .await
    }

    pub(super) async fn delivery_answered(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
        status: u16,
    ) -> Result<(), StoreError> {
        self.write_of(workspace, move |connection| {
            Box::pin(async move {
                B::execute(connection, ANSWERED, cells![workspace, webhook, id, status]).await?;
                Ok(())
            })
        })
        .await
    }

    pub(super) async fn forget_deliveries(&self, now: Instant, limit: i64) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move { Ok(B::execute(connection, FORGET, cells![now, limit]).await?) })
        })
        .await
    }

    pub(super) async fn webhook_deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WebhookDelivery>, StoreError> {
        let rows = self.read_of(workspace, DELIVERIES, cells![webhook, read_cursor(cursor)?, limit + 1]).await?;
        let deliveries = rows.iter().map(|row| read_delivery::<B>(&mut Columns::new(row))).collect::<Result<_, _>>()?;
        Ok(page(deliveries, limit, |delivery: &WebhookDelivery| cursor_at(delivery.id.0)))
    }

    pub(super) async fn webhook_delivery(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        let row = self.read_one_of(workspace, "delivery", DELIVERY, cells![webhook, id]).await?;
        let mut columns = Columns::<B>::new(&row);
        let narrow = read_delivery::<B>(&mut columns)?;
        let (headers, query, body) = (columns.json("headers of a delivery")?, columns.next()?, columns.next()?);
        Ok(WebhookDelivery { headers, query, body, ..narrow })
    }
}

/// PostgreSQL can't keep a NUL in a text.
pub(super) fn holds_nul(delivery: &WebhookDelivery) -> bool {
    [&delivery.reason, &delivery.dedupe_key, &delivery.query]
        .into_iter()
        .any(|text| text.as_deref().is_some_and(|text| text.contains('\0')))
}

/// A row for [`INSERT_DELIVERIES`].
pub(super) fn delivery_row(delivery: &WebhookDelivery) -> Vec<Cell> {
    cells![
        delivery.workspace_id,
        delivery.webhook_id,
        delivery.id,
        delivery.received_at,
        delivery.verdict.as_str(),
        delivery.reason.as_deref(),
        delivery.status,
        delivery.execution_id,
        delivery.dedupe_key.as_deref(),
        delivery.redelivery_of,
        delivery.body_bytes,
        delivery.forget_at,
        Cell::json(&delivery.headers),
        delivery.query.as_deref(),
        delivery.body.as_deref(),
    ]
}

/// All columns of a webhook, for the statements that write the whole row.
pub(super) fn webhook_row(webhook: &Webhook) -> Vec<Cell> {
    let (previous, until) = webhook.secrets.previous.as_ref().map(|(secret, until)| (secret.as_str(), *until)).unzip();
    cells![
        webhook.workspace_id,
        webhook.id,
        webhook.pod_id,
        webhook.workflow_id,
        &webhook.name,
        Cell::name(&webhook.verification),
        webhook.secrets.current.as_deref(),
        previous,
        until,
        webhook.enabled,
        webhook.dedupe_header.as_deref(),
        Cell::name(&webhook.response),
        webhook.wait_seconds,
        webhook.rate_per_minute,
        &webhook.created_by,
        webhook.created_at,
        webhook.updated_at,
    ]
}

fn read_webhook<B: Backend>(row: &B::Row) -> Result<Webhook, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Webhook {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        name: columns.next()?,
        verification: columns.name("verification")?,
        secrets: Secrets {
            current: columns.next()?,
            previous: columns.next::<Option<String>>()?.zip(columns.maybe_at()?),
        },
        enabled: columns.next()?,
        dedupe_header: columns.next()?,
        response: columns.name("response mode")?,
        wait_seconds: columns.next()?,
        rate_per_minute: columns.next()?,
        created_by: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
    })
}

/// The narrow columns of a delivery.
fn read_delivery<B: Backend>(columns: &mut Columns<'_, B>) -> Result<WebhookDelivery, StoreError> {
    Ok(WebhookDelivery {
        id: columns.id()?,
        workspace_id: columns.id()?,
        webhook_id: columns.id()?,
        received_at: columns.at()?,
        verdict: columns.name("verdict")?,
        reason: columns.next()?,
        status: columns
            .next::<Option<i64>>()?
            .map(u16::try_from)
            .transpose()
            .map_err(|error| StoreError::Damaged { what: "status of a delivery", reason: error.to_string() })?,
        execution_id: columns.maybe_id()?,
        dedupe_key: columns.next()?,
        redelivery_of: columns.maybe_id()?,
        body_bytes: columns.next()?,
        forget_at: columns.at()?,
        headers: Vec::new(),
        query: None,
        body: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    #[tokio::test]
    async fn what_is_read_and_forgotten_is_bound_by_an_index() {
        for (sql, index) in [
            (ANYWHERE, "webhooks_by_id (id=?)"),
            (LIST, "webhooks_by_pod (workspace_id=? AND pod_id=? AND id<?)"),
            (DELIVERIES, "(workspace_id=? AND webhook_id=? AND id<?)"),
        ] {
            let steps = plan(sql).await;
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(steps[0].ends_with(index), "{steps:?}");
        }
        let steps = plan(FORGET).await;
        assert!(steps.iter().any(|step| step.contains("COVERING INDEX webhook_deliveries_by_end")), "{steps:?}");
    }
}
