//! Webhooks: addresses at which other programs start a workflow, how they prove who they are ([`signature`]), and the ledger
//! of what became of each delivery.

pub mod signature;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{DeliveryId, ExecutionId, PodId, WebhookId, WorkflowId, WorkspaceId};
use crate::clock::Instant;

/// How a sender proves that a delivery is its own. What is verified are the bytes of the body as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// `X-Webhook-Signature: sha256=` and the HMAC in hex.
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// The headers of Standard Webhooks; five minutes.
    Standard,
    /// `X-Hub-Signature-256`, as GitHub signs.
    Github,
    /// `Stripe-Signature`; five minutes.
    Stripe,
    /// `X-Slack-Signature` and `X-Slack-Request-Timestamp`; five minutes.
    Slack,
    /// `X-Webhook-Secret` is the secret.
    Header,
    /// Nothing: whoever knows the address may start the workflow.
    None,
}

/// What the sender of a delivery is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// The execution, as soon as it is durable.
    #[default]
    Execution,
    /// The execution's output, if it ends in time.
    Wait,
    /// The execution's events.
    Stream,
}

/// What signatures are made with: not digests, since an HMAC can't be computed from one. Stored sealed where the server has a key,
/// and then the texts are envelopes until they are opened; shown once, when it is made.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The secret.
    pub current: Option<String>,
    /// The one before, and until when it holds.
    pub previous: Option<(String, Instant)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.previous.as_ref().map(|(_, until)| until);
        f.debug_struct("Secrets").field("is_set", &self.current.is_some()).field("previous_until", &until).finish()
    }
}

impl Secrets {
    /// Those that hold at `now`.
    pub fn holding(&self, now: Instant) -> Vec<&str> {
        let previous = self.previous.iter().filter(|(_, until)| *until > now).map(|(secret, _)| secret.as_str());
        self.current.as_deref().into_iter().chain(previous).collect()
    }

    /// With another secret; the one before holds for so long.
    #[must_use]
    pub fn rotated(&self, secret: String, now: Instant, overlap_ms: i64) -> Self {
        let previous = self.current.clone().filter(|_| overlap_ms > 0);
        Self { current: Some(secret), previous: previous.map(|secret| (secret, now.plus_ms(overlap_ms))) }
    }
}

/// A webhook's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id, which is its public address.
    pub id: WebhookId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it starts.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub name: String,
    /// How deliveries are verified.
    pub verification: Verification,
    /// What they are verified with; none if they are not.
    pub secrets: Secrets,
    /// Whether deliveries are taken.
    pub enabled: bool,
    /// The header that tells deliveries apart, in lower case; none: what the kind of verification has for it.
    pub dedupe_header: Option<String>,
    /// What the sender is answered.
    pub response: ResponseMode,
    /// How long a sender waits for the output, in seconds.
    pub wait_seconds: i64,
    /// How many deliveries a minute are taken.
    pub rate_per_minute: i64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When somebody last changed it.
    pub updated_at: Instant,
}

impl Webhook {
    /// The webhook as the API shows it, without its secrets; `base` is where the server is reached.
    pub fn view(&self, base: &str, now: Instant) -> WebhookView {
        WebhookView {
            id: self.id,
            workspace_id: self.workspace_id,
            pod_id: self.pod_id,
            workflow_id: self.workflow_id,
            name: self.name.clone(),
            url: format!("{base}/v1/webhooks/{}/trigger", self.id),
            verification: self.verification,
            enabled: self.enabled,
            dedupe_header: self.dedupe_header.clone(),
            response: self.response,
            wait_seconds: self.wait_seconds,
            rate_per_minute: self.rate_per_minute,
            previous_secret_until: self.secrets.previous.as_ref().map(|(_, until)| *until).filter(|until| *until > now),
            created_by: self.created_by.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// A webhook as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow it starts.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub name: String,
    /// The address that deliveries are sent to.
    pub url: String,
    /// How deliveries are verified.
    pub verification: Verification,
    /// Whether deliveries are taken.
    pub enabled: bool,
    /// The header that tells deliveries apart, in lower case; none: what the kind of verification has for it.
    pub dedupe_header: Option<String>,
    /// What the sender is answered.
    pub response: ResponseMode,
    /// How long a sender waits for the output (`response: wait`), in seconds.
    pub wait_seconds: i64,
    /// How many deliveries a minute are taken; as many may come at once.
    pub rate_per_minute: i64,
    /// Until when the secret of before holds as well; none if there is none.
    pub previous_secret_until: Option<Instant>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When somebody last changed it.
    pub updated_at: Instant,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It started an execution.
    Started,
    /// It came before, and got the reply of then.
    Repeated,
    /// It asked whether the address is one, and was told.
    Challenged,
    /// It did not prove who sent it.
    Unverified,
    /// The webhook was disabled.
    Disabled,
    /// Its body was too large.
    TooLarge,
    /// Too many came.
    RateLimited,
    /// It could not start an execution; `reason` says why.
    Refused,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Repeated,
        Self::Challenged,
        Self::Unverified,
        Self::Disabled,
        Self::TooLarge,
        Self::RateLimited,
        Self::Refused,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Repeated => "repeated",
            Self::Challenged => "challenged",
            Self::Unverified => "unverified",
            Self::Disabled => "disabled",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
        }
    }

    /// Whether a delivery of this verdict has proved who sent it, so that it can be delivered again without that.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::Started | Self::Repeated | Self::RateLimited | Self::Refused)
    }
}

/// A row of the ledger: one delivery to a webhook, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// When it came.
    pub received_at: Instant,
    /// What became of it.
    pub verdict: Verdict,
    /// Why nothing was started.
    pub reason: Option<String>,
    /// The HTTP status of the reply; none until there is one.
    pub status: Option<u16>,
    /// The execution that it started, or that the first delivery of its key did.
    pub execution_id: Option<ExecutionId>,
    /// What tells it from other deliveries: the name of a header or field, and what that said.
    pub dedupe_key: Option<String>,
    /// The delivery that it repeats by hand.
    pub redelivery_of: Option<DeliveryId>,
    /// How large its body was, as far as that is known.
    pub body_bytes: i64,
    /// Its headers without credentials, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its query, as it came.
    pub query: Option<String>,
    /// Its body, or the beginning of it.
    pub body: Option<Vec<u8>>,
    /// When the row is deleted.
    pub forget_at: Instant,
}

impl WebhookDelivery {
    /// The body, if all of it was kept.
    pub fn whole_body(&self) -> Option<&[u8]> {
        self.body.as_deref().filter(|body| body.len() as i64 == self.body_bytes)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_holds_for_a_while_after_the_next_one() {
        let secrets = Secrets::default().rotated("first".to_owned(), Instant(0), 1_000);
        assert_eq!((secrets.holding(Instant(0)), &secrets.previous), (vec!["first"], &None));
        let secrets = secrets.rotated("second".to_owned(), Instant(0), 1_000);
        assert_eq!(secrets.holding(Instant(999)), ["second", "first"]);
        assert_eq!(secrets.holding(Instant(1_000)), ["second"]);
        let secrets = secrets.rotated("third".to_owned(), Instant(0), 1_000);
        assert_eq!(secrets.holding(Instant(0)), ["third", "second"]);
        assert_eq!(secrets.rotated("fourth".to_owned(), Instant(0), 0).holding(Instant(0)), ["fourth"]);
        assert_eq!(Secrets::default().holding(Instant(0)), Vec::<&str>::new());
        let shown = format!("{secrets:?}");
        assert!(!["second", "third"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
