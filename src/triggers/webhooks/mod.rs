//! Webhooks: what comes to a public address is verified, told from what came before, and starts a workflow. The row of a
//! delivery that starts an execution is written in the commit that creates it; refused ones get rows, too, but only so many.
//!
//! In this order: the signature over the raw bytes, then whether the delivery came before, then the pace. So a stranger
//! spends nothing of what the sender may send, and a sender who repeats itself gets its reply in any case.

mod content;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use content::BadKey;

use crate::{
    clock::{Clock, Instant},
    domain::{
        execution::{Execution, Presets, TriggeredBy},
        ids::{DeliveryId, ExecutionId, WebhookId},
        trace::Trace,
        webhook::{
            ResponseMode, Verdict, Verification, Webhook, WebhookDelivery,
            signature::{Mismatch, Signed, verify},
        },
        workflow::WorkflowState,
    },
    engine::{
        Engine, EngineError, ReplyFor, Trigger,
        pace::{HOUR_MS, MINUTE_MS, Pace},
    },
    store::{Store, StoreError, catalogue::IdempotentReply},
};
use content::{DedupeKey, context_of, dedupe_key, input_of, kept_headers, kept_query};

/// The largest input, in bytes of JSON, and so the largest body.
pub const MAX_INPUT_BYTES: usize = 1 << 20;
/// How much is kept of the body of a delivery that has not proved who sent it.
const UNVERIFIED_BYTES: usize = 4 * 1024;
/// How many rows an hour a webhook gets in this process of deliveries that start nothing.
pub const NOTED_PER_HOUR: i64 = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long deliveries of a verified sender are kept.
pub const KEPT_MS: i64 = 14 * DAY_MS;
/// How long others are.
pub const UNVERIFIED_KEPT_MS: i64 = 3 * DAY_MS;
/// How long a delivery that comes again gets the reply of the first time. Longer than senders try.
pub const DEDUPED_MS: i64 = 7 * DAY_MS;
/// How often old rows are deleted, and how many at a time.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
const SWEEP_BATCH: i64 = 500;

/// The webhooks of all workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    engine: Engine,
    /// What is taken.
    pace: Pace<WebhookId>,
    /// What gets a row though it starts nothing.
    notes: Pace<WebhookId>,
}

/// A delivery that is being looked at, with its credentials.
pub struct Arrival {
    /// The webhook it came to.
    pub webhook: Webhook,
    /// Its row, as far as it is known.
    pub delivery: WebhookDelivery,
    headers: Vec<(String, String)>,
}

/// What came of a delivery that was believed.
#[derive(Debug)]
pub enum Received {
    /// It started an execution; its row is written.
    Started(Box<Execution>),
    /// It came before: the execution that was started then, and the reply.
    Repeated(ExecutionId, Box<IdempotentReply>),
    /// Slack asks whether the address is one: what it wants to hear.
    Challenged(String),
}

/// Why a delivery starts nothing.
#[derive(Debug)]
pub enum Refusal {
    /// It did not prove who sent it.
    Unverified(Mismatch),
    /// The input would be larger than [`MAX_INPUT_BYTES`].
    TooLarge,
    /// What tells it from others can't be read.
    Key(BadKey),
    /// Its `Idempotency-Key` was used for another body.
    KeyReused,
    /// Too many come; one can be taken after so many seconds.
    RateLimited(u64),
    /// What the engine says.
    Engine(EngineError),
}

impl Refusal {
    /// The verdict of the row.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Unverified(_) => Verdict::Unverified,
            Self::TooLarge => Verdict::TooLarge,
            Self::RateLimited(_) => Verdict::RateLimited,
            Self::Key(_) | Self::KeyReused | Self::Engine(_) => Verdict::Refused,
        }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// A reply as it is kept for a delivery that comes again: status, place and body.
pub type Shown = (u16, Option<String>, String);
/// Makes the reply that shows a new execution.
pub type Show = Arc<dyn Fn(&Execution) -> Shown + Send + Sync>;

/// Why a delivery can't be delivered again.
#[derive(Debug)]
pub enum NoRedelivery {
    /// Nobody knows who sent it.
    Unverified,
    /// Its body was not kept as a whole.
    BodyGone,
    /// What the engine says.
    Engine(EngineError),
}

impl From<EngineError> for NoRedelivery {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl Webhooks {
    /// Webhooks on an engine.
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(Inner { engine, pace: Pace::default(), notes: Pace::default() }))
    }

    /// Begins to delete old deliveries, until the engine stops.
    pub fn start(&self) {
        let webhooks = self.clone();
        self.0.engine.beside("webhook deliveries", move || webhooks.clone().sweep_loop());
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.0.engine.store()
    }

    fn clock(&self) -> &Clock {
        self.0.engine.clock()
    }

    async fn sweep_loop(self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "old deliveries could not be deleted; trying again");
            }
        }
    }

    /// Deletes the deliveries that need not be kept any more.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let full = SWEEP_BATCH.unsigned_abs();
        while self.store().forget_deliveries(self.clock().now(), SWEEP_BATCH).await? == full {}
        Ok(())
    }

    /// The webhook of an address.
    pub async fn find(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let webhook = self.store().webhook_anywhere(id).await?;
        let opened = webhook.map(|webhook| self.0.engine.opened_webhook(webhook)).transpose();
        opened.map_err(|error| StoreError::Damaged { what: "secret of a webhook", reason: error.to_string() })
    }

    /// A delivery whose body is yet to be read. Names of headers are in lower case; `body_bytes` is what was announced.
    pub fn arrival(
        &self,
        webhook: Webhook,
        headers: Vec<(String, String)>,
        query: Option<&str>,
        body_bytes: i64,
    ) -> Arrival {
        let received_at = self.clock().now();
        let delivery = WebhookDelivery {
            id: DeliveryId(self.clock().new_id()),
            workspace_id: webhook.workspace_id,
            webhook_id: webhook.id,
            received_at,
            verdict: Verdict::Started,
            reason: None,
            status: match webhook.response {
                ResponseMode::Execution => Some(201),
                ResponseMode::Stream => Some(200),
                ResponseMode::Wait => None,
            },
            execution_id: None,
            dedupe_key: None,
            redelivery_of: None,
            body_bytes,
            headers: kept_headers(&webhook, &headers),
            query: query.and_then(|query| kept_query(&webhook, query)),
            body: None,
            forget_at: received_at.plus_ms(KEPT_MS),
        };
        Arrival { webhook, delivery, headers }
    }

    /// Verifies a delivery and starts what it is for. When this returns `Started`, execution and row are durable.
    pub async fn receive(&self, arrival: &mut Arrival, body: Bytes, show: Show) -> Result<Received, Refusal> {
        let Arrival { webhook, delivery, headers } = arrival;
        let now = self.clock().now();
        delivery.body_bytes = body.len() as i64;
        let signed = Signed { headers, body: &body, now };
        if let Err(mismatch) = verify(webhook.verification, &webhook.secrets.holding(now), &signed) {
            delivery.body = Some(body[..body.len().min(UNVERIFIED_BYTES)].to_vec());
            return Err(Refusal::Unverified(mismatch));
        }
        if body.len() > MAX_INPUT_BYTES {
            return Err(Refusal::TooLarge);
        }
        let content_type = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
        let input = input_of(content_type, &body);
        let size = serde_json::to_vec(&input).map_or(usize::MAX, |json| json.len());
        if size > MAX_INPUT_BYTES {
            return Err(Refusal::TooLarge);
        }
        delivery.body = Some(body.to_vec());
        if webhook.verification == Verification::Slack
            && input["type"] == "url_verification"
            && let Some(challenge) = input["challenge"].as_str()
        {
            return Ok(Received::Challenged(challenge.to_owned()));
        }
        let key = dedupe_key(webhook, headers, &input).map_err(Refusal::Key)?;
        let kept = key.as_ref().map(|key| Kept::new(webhook, key, &body));
        delivery.dedupe_key = key.map(|key| key.text);
        if let Some(kept) = &kept
            && let Some(stored) = self.store().idempotent_reply(&kept.scope, &kept.key, now).await?
        {
            return kept.repeated(stored);
        }
        self.0.pace.take(webhook.id, webhook.rate_per_minute, MINUTE_MS, now).map_err(Refusal::RateLimited)?;

        let mut trigger = self.trigger(webhook, delivery, input).await?;
        let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        trigger.trace = header("traceparent").and_then(|parent| Trace::parse(parent, header("tracestate")));
        trigger.idempotency_key = delivery.dedupe_key.clone();
        let reply = kept.clone().map(|kept| -> Arc<dyn Fn(&Execution) -> _ + Send + Sync> {
            Arc::new(move |execution| kept.reply(show(execution), now))
        });
        match self.0.engine.trigger_for(trigger, reply, Some(Box::new(delivery.clone()))).await {
            Ok(execution) => {
                delivery.execution_id = Some(execution.origin.id);
                count(Verdict::Started);
                Ok(Received::Started(Box::new(execution)))
            }
            Err(EngineError::Repeated(stored)) => match &kept {
                Some(kept) => kept.repeated(*stored),
                None => Err(EngineError::Repeated(stored).into()),
            },
            Err(EngineError::Refused(why)) => {
                // The row of a webhook that was deleted meanwhile can't be written.
                self.store().webhook(webhook.workspace_id, webhook.id).await?;
                Err(EngineError::Refused(why).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the row of a delivery that has started nothing, if the webhook has not had too many of them in this hour.
    pub async fn note(
        &self,
        mut delivery: WebhookDelivery,
        verdict: Verdict,
        reason: Option<&str>,
        status: Option<u16>,
    ) {
        count(verdict);
        if self.0.notes.take(delivery.webhook_id, NOTED_PER_HOUR, HOUR_MS, self.clock().now()).is_err() {
            return;
        }
        let is_verified = verdict.is_verified() || verdict == Verdict::Challenged;
        let kept_ms = if is_verified { KEPT_MS } else { UNVERIFIED_KEPT_MS };
        delivery.forget_at = delivery.received_at.plus_ms(kept_ms);
        delivery.reason = reason.map(|reason| reason.replace('\0', ""));
        (delivery.verdict, delivery.status) = (verdict, status);
        if let Err(error) = self.store().note_delivery(&delivery).await {
            tracing::warn!(%error, webhook_id = %delivery.webhook_id, verdict = verdict.as_str(), "a delivery could not be noted");
        }
    }

    /// Writes down what a delivery was answered whose sender has waited.
    pub async fn answered(&self, delivery: &WebhookDelivery, status: u16) {
        let WebhookDelivery { workspace_id, webhook_id, id, .. } = *delivery;
        if let Err(error) = self.store().delivery_answered(workspace_id, webhook_id, id, status).await {
            tracing::warn!(%error, %webhook_id, "the answer to a delivery could not be noted");
        }
    }

    /// Delivers a delivery again, for somebody and under the idempotency key of their request: as if it had come now, verified
    /// and for the first time, whether the webhook is enabled or not.
    pub async fn redeliver(
        &self,
        webhook: &Webhook,
        of: &WebhookDelivery,
        (by, key): (&str, Option<&str>),
        reply: ReplyFor,
    ) -> Result<Execution, NoRedelivery> {
        if !of.verdict.is_verified() {
            return Err(NoRedelivery::Unverified);
        }
        let body = of.whole_body().ok_or(NoRedelivery::BodyGone)?;
        let received_at = self.clock().now();
        let delivery = WebhookDelivery {
            id: DeliveryId(self.clock().new_id()),
            received_at,
            verdict: Verdict::Started,
            reason: None,
            status: Some(201),
            execution_id: None,
            dedupe_key: None,
            redelivery_of: Some(of.id),
            forget_at: received_at.plus_ms(KEPT_MS),
            ..of.clone()
        };
        let mut trigger = self.trigger(webhook, &delivery, input_of(of.header("content-type"), body)).await?;
        by.clone_into(&mut trigger.created_by);
        trigger.idempotency_key = key.map(str::to_owned);
        let execution = self.0.engine.trigger_for(trigger, reply, Some(Box::new(delivery))).await?;
        count(Verdict::Started);
        Ok(execution)
    }

    /// The wish for an execution of the deployed version.
    async fn trigger(
        &self,
        webhook: &Webhook,
        delivery: &WebhookDelivery,
        input: serde_json::Value,
    ) -> Result<Trigger, EngineError> {
        let workflow = self.store().workflow_head(webhook.workspace_id, webhook.workflow_id).await?;
        let version = match (workflow.state, workflow.deployed_version) {
            (WorkflowState::Trashed, _) => return Err(EngineError::Trashed),
            (WorkflowState::Deployed, Some(version)) => version,
            _ => return Err(EngineError::NotDeployed),
        };
        Ok(Trigger {
            workspace_id: webhook.workspace_id,
            pod_id: webhook.pod_id,
            workflow_id: webhook.workflow_id,
            version: Some(version),
            triggered_by: TriggeredBy::Webhook,
            trigger_id: Some(webhook.id.to_string()),
            input,
            context: context_of(webhook, delivery),
            subject: None,
            priority: None,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: None,
            replay_of: None,
            from_node_id: None,
            presets: Presets::new(),
            mocks: false,
            run_at: None,
            expires_in_ms: None,
            debounce: None,
            trace: None,
            created_by: format!("webhook:{}", webhook.id),
            slot: None,
        })
    }
}

/// Where the reply to a delivery is kept.
#[derive(Clone)]
struct Kept {
    scope: String,
    key: String,
    digest: Vec<u8>,
}

impl Kept {
    /// Of two deliveries with one key of the sender's system the first counts, whatever the other's body says (Stripe changes
    /// its events between tries); an `Idempotency-Key` is of one request.
    fn new(webhook: &Webhook, key: &DedupeKey, body: &[u8]) -> Self {
        let digested = if key.is_of_request { body } else { key.text.as_bytes() };
        let digest = Sha256::digest(digested).to_vec();
        // With the workspace goes what is kept. No key of a caller's choosing has a space in it.
        let (scope, key) = (webhook.workspace_id.to_string(), format!("webhook {} {}", webhook.id, key.text));
        Self { scope, key, digest }
    }

    fn reply(&self, (status, location, body): Shown, now: Instant) -> IdempotentReply {
        IdempotentReply {
            scope: self.scope.clone(),
            key: self.key.clone(),
            request_digest: self.digest.clone(),
            status,
            location,
            body,
            created_at: now,
            forget_at: Some(now.plus_ms(DEDUPED_MS)),
        }
    }

    fn repeated(&self, stored: IdempotentReply) -> Result<Received, Refusal> {
        #[derive(Deserialize)]
        struct Shown {
            id: ExecutionId,
        }
        if stored.request_digest != self.digest {
            return Err(Refusal::KeyReused);
        }
        let damaged = |error: serde_json::Error| StoreError::Damaged { what: "reply", reason: error.to_string() };
        let Shown { id } = serde_json::from_str(&stored.body).map_err(damaged)?;
        Ok(Received::Repeated(id, Box::new(stored)))
    }
}

fn count(verdict: Verdict) {
    metrics::counter!("sluicegate_webhook_deliveries_total", "verdict" => verdict.as_str()).increment(1);
}
