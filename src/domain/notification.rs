//! Telling people and programs that something waits for an answer: to whom it goes, what became of it, and the links it carries.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ids::{LinkId, NotificationId, SuspensionId, WorkspaceId},
    trace::TraceHeaders,
};
use crate::clock::Instant;

/// Where a notification goes. It may hold secrets: it is shown nowhere, and stored sealed where the server has a key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How it is sent.
    #[serde(rename = "type")]
    pub channel: Channel,
    /// The address: of a webhook or of Slack a URL, else that of a mailbox. Of what is sealed only what may be shown.
    pub to: String,
    /// What webhooks are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Who answers by the link it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Address and secret, sealed: an envelope as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// What is sent along, where the execution is part of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceHeaders>,
}

/// What of a target is sealed.
#[derive(Serialize, Deserialize)]
pub struct HiddenTarget {
    /// The whole address.
    pub to: String,
    /// What webhooks are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("channel", &self.channel).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Target {
    /// The address without what may be secret in it: of a URL only scheme and host.
    pub fn shown(&self) -> String {
        if self.channel == Channel::Email {
            return self.to.clone();
        }
        url::Url::parse(&self.to).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
    }
}

/// How a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// JSON by POST, signed as Standard Webhooks has it where there is a secret.
    Webhook,
    /// A message to an incoming webhook of Slack.
    Slack,
    /// A mail.
    Email,
}

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The suspension has opened.
    Opened,
    /// A reminder is due.
    Reminder,
    /// More people may answer from now on.
    Escalation,
}

/// What has become of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// It will be sent, or sent again.
    Pending,
    /// It was accepted.
    Delivered,
    /// It could not be delivered, and is not tried again.
    Failed,
    /// It was not sent: the suspension was closed before, or a later one made it needless.
    Cancelled,
}

/// One try to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// The status of the reply, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed; missing where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A notification as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id; receivers see it with every attempt.
    pub id: NotificationId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// What waits for an answer.
    pub suspension_id: SuspensionId,
    /// The link that it carries.
    pub link_id: LinkId,
    /// Which of the node's targets it goes to.
    pub place: i32,
    /// Why.
    pub occasion: Occasion,
    /// Whereto.
    pub target: Target,
    /// What has become of it.
    pub state: NotificationState,
    /// When it was to be sent.
    pub due_at: Instant,
    /// When it is tried next; while it is being sent, when others may take it for abandoned.
    pub next_at: Option<Instant>,
    /// How often it was tried since it was last asked for.
    pub tries: i32,
    /// What became of each try, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A notification as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// Its id; receivers see it with every attempt, so that they can drop repeats.
    pub id: NotificationId,
    /// What waits for an answer.
    pub suspension_id: SuspensionId,
    /// How it is sent.
    #[serde(rename = "type")]
    pub channel: Channel,
    /// Whereto: a mailbox, or of a URL scheme and host (the rest may be secret).
    pub to: String,
    /// Who answers by the link it carries; missing: whoever holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Why.
    pub occasion: Occasion,
    /// What has become of it.
    pub state: NotificationState,
    /// When it was to be sent.
    pub due_at: Instant,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Instant>,
    /// What became of each try, oldest first.
    pub attempts: Vec<Attempt>,
}

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            suspension_id: notification.suspension_id,
            channel: notification.target.channel,
            to: notification.target.shown(),
            user: notification.target.user,
            occasion: notification.occasion,
            state: notification.state,
            due_at: notification.due_at,
            next_attempt_at: notification.next_at,
            attempts: notification.attempts,
        }
    }
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A person answers on a page.
    Respond,
    /// A program answers by a request.
    Callback,
}

/// A link as it is stored: its token only as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseLink {
    /// Its id.
    pub id: LinkId,
    /// The workspace it leads to.
    pub workspace_id: WorkspaceId,
    /// The suspension it leads to.
    pub suspension_id: SuspensionId,
    /// What it is for.
    pub purpose: Purpose,
    /// SHA-256 of the token.
    pub digest: Vec<u8>,
    /// Who answers by it; none: whoever holds it.
    pub user_id: Option<String>,
    /// Until when it opens anything; it ends with the suspension.
    pub expires_at: Option<Instant>,
}

/// Makes the tokens of links: each can be made again for every attempt to send it, and no copy of it needs to be kept.
pub struct LinkKey(hmac::Key);

impl LinkKey {
    /// Bytes of a key.
    pub const BYTES: usize = 32;

    /// From the server's secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The token of a link.
    pub fn token(&self, purpose: Purpose, id: LinkId) -> String {
        let mut bytes = id.0.as_bytes().to_vec();
        bytes.extend(hmac::sign(&self.0, &signed(purpose, id)).as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What is kept of a token that this key has made for this purpose; none of any other text.
    pub fn digest_of(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, tag) = bytes.split_at_checked(16)?;
        let id = LinkId(Uuid::from_slice(id).ok()?);
        // Compared in constant time.
        hmac::verify(&self.0, &signed(purpose, id), tag).ok()?;
        Some(digest(token))
    }
}

fn signed(purpose: Purpose, id: LinkId) -> Vec<u8> {
    let purpose: &[u8] = match purpose {
        Purpose::Respond => b"respond:",
        Purpose::Callback => b"callback:",
    };
    [purpose, id.0.as_bytes()].concat()
}

/// What is kept of a token.
pub fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

impl ResponseLink {
    /// Whether this is the link of a token with this digest; in constant time.
    pub fn is_of(&self, digest: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.digest, digest).is_ok()
    }

    /// Whether it opens nothing any more.
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_that_of_one_link_purpose_and_key() {
        let (key, other) = (LinkKey::new(&[7; 32]), LinkKey::new(&[8; 32]));
        let id = LinkId(Uuid::from_u128(1));
        let token = key.token(Purpose::Respond, id);
        assert_eq!(token, key.token(Purpose::Respond, id), "it can be made again");
        assert_eq!(key.digest_of(Purpose::Respond, &token), Some(digest(&token)));
        assert_eq!(key.digest_of(Purpose::Callback, &token), None);
        assert_eq!(other.digest_of(Purpose::Respond, &token), None);
        assert_ne!(token, key.token(Purpose::Respond, LinkId(Uuid::from_u128(2))));
        for i in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.digest_of(Purpose::Respond, &changed), None, "{i}");
        }
        for wrong in ["", "A", "%", &token[1..], &token[..token.len() - 2], &"A".repeat(4_000)] {
            assert_eq!(key.digest_of(Purpose::Respond, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_secret_in_a_target_is_not_shown() {
        let target = |channel, to: &str| Target {
            channel,
            to: to.to_owned(),
            secret: Some("s3cret".to_owned()),
            user: Some("bo".to_owned()),
            sealed: None,
            trace: None,
        };
        let slack = target(Channel::Slack, "https://user:s3cret@hooks.example.com:8443/s3cret?t=s3cret");
        assert_eq!(slack.shown(), "https://hooks.example.com:8443");
        assert_eq!(target(Channel::Email, "bo@example.com").shown(), "bo@example.com");
        assert_eq!(target(Channel::Webhook, "no address").shown(), "");
        assert!(!format!("{slack:?}").contains("s3cret"));
    }
}
