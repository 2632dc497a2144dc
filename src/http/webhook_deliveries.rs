//! The ledger of a webhook's deliveries, and delivering one again.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{OriginalUri, State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, Viewer},
    error::{Code, Problem},
    executions::{created, kept_created, replayed},
    extract::Param,
    idempotency::{Idempotent, NoBody},
    query::{PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
    webhooks::webhook_in,
};
use crate::{
    clock::Instant,
    domain::{
        execution::ExecutionView,
        ids::{DeliveryId, ExecutionId, WebhookId},
        webhook::{Verdict, WebhookDelivery},
    },
    engine::Engine,
    store::{Page, Store},
    triggers::webhooks::{NoRedelivery, Webhooks},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(get_webhook_delivery))
        .routes(routes!(redeliver_webhook_delivery))
}

/// A delivery, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// Its id.
    id: DeliveryId,
    /// The webhook.
    webhook_id: WebhookId,
    /// When it came.
    received_at: Instant,
    /// What became of it.
    verdict: Verdict,
    /// Why nothing was started.
    reason: Option<String>,
    /// The HTTP status of the reply; none if there was none, because the sender did not wait for it.
    status: Option<u16>,
    /// The execution that it started; of a repeated one that of the first time.
    execution_id: Option<ExecutionId>,
    /// What tells it from other deliveries: the name of a header or field, a colon, and what that said.
    dedupe_key: Option<String>,
    /// The delivery that it repeats by hand.
    redelivery_of: Option<DeliveryId>,
    /// How large its body was; of one that was not read what was announced.
    body_bytes: i64,
}

/// A delivery with what came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryDetail)]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Its headers without credentials, by their names in lower case.
    headers: BTreeMap<String, String>,
    /// Its query.
    query: Option<String>,
    /// Its body, or the first 4 KiB of it if it did not prove who sent it; none if it was not kept.
    body: Option<String>,
    /// `base64`, if the body is no text.
    body_encoding: Option<&'static str>,
    /// Whether the body is all of it.
    body_is_whole: bool,
}

fn shown(delivery: &WebhookDelivery) -> DeliveryView {
    DeliveryView {
        id: delivery.id,
        webhook_id: delivery.webhook_id,
        received_at: delivery.received_at,
        verdict: delivery.verdict,
        reason: delivery.reason.clone(),
        status: delivery.status,
        execution_id: delivery.execution_id,
        dedupe_key: delivery.dedupe_key.clone(),
        redelivery_of: delivery.redelivery_of,
        body_bytes: delivery.body_bytes,
    }
}

fn shown_in_full(delivery: &WebhookDelivery) -> DeliveryDetail {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &delivery.headers {
        let known = headers.entry(name.clone()).or_default();
        if !known.is_empty() {
            known.push_str(", ");
        }
        known.push_str(value);
    }
    let (body, body_encoding) = match delivery.body.as_deref().map(std::str::from_utf8) {
        None => (None, None),
        Some(Ok(text)) => (Some(text.to_owned()), None),
        Some(Err(_)) => (delivery.body.as_deref().map(|body| STANDARD.encode(body)), Some("base64")),
    };
    let body_is_whole = delivery.whole_body().is_some();
    DeliveryDetail {
        delivery: shown(delivery),
        headers,
        query: delivery.query.clone(),
        body,
        body_encoding,
        body_is_whole,
    }
}

/// List the deliveries of a webhook
///
/// The ledger: what came, what became of it and why, newest first. Deliveries are kept for 14 days, those of senders that did
/// not prove who they are for three; of those that start nothing up to 100 an hour.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}/deliveries", tag = "webhooks",
    params(PageQuery),
    responses((status = 200, description = "The deliveries", body = Vec<DeliveryView>)),
)]
async fn list_webhook_deliveries(
    pod: InPod<Viewer>,
    Param(id): Param<WebhookId>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<List, Problem> {
    webhook_in(&pod, &*store, id).await?;
    let page = store.webhook_deliveries(pod.workspace_id(), id, query.limit.0, query.cursor.as_deref()).await?;
    let items = page.items.iter().map(shown).collect();
    List::new(&uri, &Page::<DeliveryView> { items, next: page.next })
}

/// Get a delivery
///
/// With its headers (without credentials), its query and its body.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}/deliveries/{deliveryId}", tag = "webhooks",
    responses((status = 200, description = "The delivery", body = DeliveryDetail)),
)]
async fn get_webhook_delivery(
    pod: InPod<Viewer>,
    Param(id): Param<WebhookId>,
    Param(delivery_id): Param<DeliveryId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    webhook_in(&pod, &*store, id).await?;
    Ok(Reply::ok(&shown_in_full(&store.webhook_delivery(pod.workspace_id(), id, delivery_id).await?)))
}

/// Deliver a delivery again
///
/// Editors and higher. Starts an execution as if the delivery had come now and for the first time, whether the webhook is
/// enabled or not; it gets a row of its own. 409 for one that did not prove who sent it, or whose body was not kept.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver",
    tag = "webhooks", request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses(
        (status = 201, description = "The execution", body = ExecutionView),
        (status = 409, description = "It can't be delivered again, or the workflow is not deployed, or in the trash"),
        (status = 429, description = "Too many executions are waiting"),
    ),
)]
async fn redeliver_webhook_delivery(
    pod: InPod<Editor>,
    Param(id): Param<WebhookId>,
    Param(delivery_id): Param<DeliveryId>,
    State(engine): State<Engine>,
    State(webhooks): State<Webhooks>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let webhook = webhook_in(&pod, &**engine.store(), id).await?;
    let of = engine.store().webhook_delivery(pod.workspace_id(), id, delivery_id).await?;
    let by = (pod.principal().id.as_str(), key.key());
    match webhooks.redeliver(&webhook, &of, by, kept_created(&engine, &key)).await {
        Ok(execution) => Ok(created(engine.clock(), &execution)),
        Err(NoRedelivery::Engine(error)) => replayed(&key, error),
        Err(NoRedelivery::Unverified) => {
            Err(Problem::new(Code::Conflict, "the delivery did not prove who sent it, so it is not delivered again"))
        }
        Err(NoRedelivery::BodyGone) => Err(Problem::new(Code::Conflict, "the body of the delivery was not kept")),
    }
}
