//! What the engine does with sealed things: secrets are opened for an attempt, targets of notifications and what webhooks verify
//! with are sealed before they are written, and at the boot everything is put under the first key.
//!
//! Targets and webhooks are older than keys: where there is none they are kept as they are, and what was written so is read.

use serde_json::json;
use uuid::Uuid;

use super::{Engine, EngineError};
use crate::{
    domain::{
        failure::{Failure, FailureCode},
        ids::{SuspensionId, WebhookId, WorkspaceId},
        notification::{Channel, HiddenTarget, Notification, Target},
        secret::Envelope,
        webhook::Webhook,
    },
    secrets::{Keyring, Opened, Place, SealError},
    store::{
        StoreError,
        secrets::{SealedColumn, SealedText},
    },
};

/// How many rows are read at a time while they are put under another key.
const PAGE: i64 = 100;

impl Engine {
    /// What seals and opens.
    pub fn keyring(&self) -> &Keyring {
        &self.0.config.keyring
    }

    /// Secrets of a workspace, opened; or how a node fails that needs one that can't be had.
    pub(super) async fn open_secrets(
        &self,
        workspace: WorkspaceId,
        names: &[String],
    ) -> Result<Result<Opened, Failure>, EngineError> {
        let mut opened = Opened::default();
        for name in names {
            let failed =
                |code, message: String| Ok(Err(Failure::new(code, message).with_details(json!({ "secret": name }))));
            let secret = match self.0.store.secret(workspace, name).await {
                Ok(secret) => secret,
                Err(StoreError::NotFound(_)) => {
                    let message = format!("the workspace has no secret `{name}`");
                    return failed(FailureCode::SecretMissing, message);
                }
                Err(error) => return Err(error.into()),
            };
            match self.keyring().open(Place::Secret(workspace, name), &secret.envelope) {
                // Only texts are sealed.
                Ok(value) => opened.add(name.as_str(), String::from_utf8_lossy(&value).into_owned()),
                Err(error) => {
                    tracing::warn!(workspace_id = %workspace, secret = %name, %error, "a secret can't be opened");
                    let message = format!("the secret `{name}` can't be opened: {error}");
                    return failed(FailureCode::SecretUnreadable, message);
                }
            }
        }
        Ok(Ok(opened))
    }

    /// Seals where notifications of a suspension go, before that is written down. `clean` takes secrets out of what is shown.
    pub(super) fn seal_targets(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
        targets: &mut [Target],
        clean: impl Fn(&mut String),
    ) {
        // A mailbox is shown to whoever may see the suspension.
        for target in targets.iter_mut().filter(|target| target.channel != Channel::Email) {
            let hidden = HiddenTarget { to: target.to.clone(), secret: target.secret.clone() };
            let hidden = serde_json::to_vec(&hidden).expect("texts can be written as JSON");
            // Without a key there are no secrets either: what stands here stands in the definition or in events.
            let Ok(envelope) = self.keyring().seal(Place::Target(workspace, suspension), &hidden) else { return };
            target.to = target.shown();
            clean(&mut target.to);
            target.secret = None;
            target.sealed = Some(envelope.to_text());
        }
    }

    /// Where a notification goes.
    pub fn open_target(&self, notification: &Notification) -> Result<Target, SealError> {
        let target = &notification.target;
        let Some(sealed) = &target.sealed else { return Ok(target.clone()) };
        let envelope = Envelope::from_text(sealed).ok_or(SealError::Damaged)?;
        let place = Place::Target(notification.workspace_id, notification.suspension_id);
        let hidden = self.keyring().open(place, &envelope)?;
        let HiddenTarget { to, secret } = serde_json::from_slice(&hidden).map_err(|_| SealError::Damaged)?;
        Ok(Target { to, secret, sealed: None, ..target.clone() })
    }

    /// A webhook as it is written. What is sealed already stays.
    #[must_use]
    pub fn sealed_webhook(&self, mut webhook: Webhook) -> Webhook {
        let place = Place::Webhook(webhook.workspace_id, webhook.id);
        let previous = webhook.secrets.previous.as_mut().map(|(secret, _)| secret);
        for secret in webhook.secrets.current.as_mut().into_iter().chain(previous) {
            if Envelope::from_text(secret).is_none()
                && let Ok(envelope) = self.keyring().seal(place, secret.as_bytes())
            {
                *secret = envelope.to_text();
            }
        }
        webhook
    }

    /// A webhook as it is used. A secret of before that does not open holds no longer.
    pub fn opened_webhook(&self, mut webhook: Webhook) -> Result<Webhook, SealError> {
        let place = Place::Webhook(webhook.workspace_id, webhook.id);
        let open = |text: String| match Envelope::from_text(&text) {
            Some(envelope) => {
                self.keyring().open(place, &envelope).map(|value| String::from_utf8_lossy(&value).into_owned())
            }
            None => Ok(text),
        };
        webhook.secrets.current = webhook.secrets.current.map(open).transpose()?;
        let previous = webhook.secrets.previous;
        webhook.secrets.previous = previous.and_then(|(secret, until)| Some((open(secret).ok()?, until)));
        Ok(webhook)
    }

    /// Puts everything that is sealed under the first master key; the others can be taken away after that. Seals what was written
    /// before there was a key. Warns of what does not open. Nothing, if there is no key.
    pub async fn reseal(&self) -> Result<(), StoreError> {
        let Some(first) = self.keyring().first_id() else { return Ok(()) };
        let mut counts = self.rewrap_secrets(first).await?;
        let mut columns = vec![SealedColumn::WebhookSecret, SealedColumn::PreviousWebhookSecret];
        // There may be many, and with one key there is nothing to do about them.
        if self.keyring().len() > 1 {
            columns.push(SealedColumn::NotificationTarget);
        }
        for column in columns {
            counts.add(self.reseal_column(column).await?);
        }
        if counts.changed > 0 {
            tracing::info!(count = counts.changed, key = first, "secrets were put under the first key");
        }
        if counts.lost > 0 {
            tracing::warn!(
                count = counts.lost,
                "secrets can't be opened: they are sealed with keys that this server does not have (setting `secrets-key`)"
            );
        }
        Ok(())
    }

    async fn rewrap_secrets(&self, first: &str) -> Result<Counts, StoreError> {
        let store = self.store();
        let (mut counts, mut after) = (Counts::default(), (WorkspaceId(Uuid::nil()), String::new()));
        loop {
            let page = store.secrets_under_others(first, (after.0, &after.1), PAGE).await?;
            let Some(last) = page.last() else { return Ok(counts) };
            after = (last.workspace_id, last.secret.name.clone());
            for secret in &page {
                let place = Place::Secret(secret.workspace_id, &secret.secret.name);
                match self.keyring().rewrap(place, &secret.envelope) {
                    // Where it is not as it was read any more, somebody has set it anew, or another server was faster.
                    Ok(Some(envelope)) => counts.changed += u64::from(store.rewrap_secret(secret, &envelope).await?),
                    Ok(None) => {}
                    Err(_) => counts.lost += 1,
                }
            }
        }
    }

    async fn reseal_column(&self, column: SealedColumn) -> Result<Counts, StoreError> {
        let store = self.store();
        let (mut counts, mut after) = (Counts::default(), (WorkspaceId(Uuid::nil()), Uuid::nil()));
        loop {
            let page = store.sealed_texts(column, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(counts) };
            after = (last.workspace_id, last.id);
            for seen in &page {
                match self.resealed(column, seen) {
                    Ok(Some(text)) => {
                        counts.changed += u64::from(store.replace_sealed_text(column, seen, &text).await?);
                    }
                    Ok(None) => {}
                    Err(_) => counts.lost += 1,
                }
            }
        }
    }

    /// The text that a text of a column should be; none if it is that already.
    fn resealed(&self, column: SealedColumn, seen: &SealedText) -> Result<Option<String>, SealError> {
        let keyring = self.keyring();
        if column == SealedColumn::NotificationTarget {
            let mut target: Target = serde_json::from_str(&seen.text).map_err(|_| SealError::Damaged)?;
            // What was written in clear goes with its suspension.
            let Some(envelope) = target.sealed.as_deref().and_then(Envelope::from_text) else { return Ok(None) };
            let rewrapped = keyring.rewrap(Place::Target(seen.workspace_id, SuspensionId(seen.owner)), &envelope)?;
            let Some(rewrapped) = rewrapped else { return Ok(None) };
            target.sealed = Some(rewrapped.to_text());
            return Ok(Some(serde_json::to_string(&target).expect("texts can be written as JSON")));
        }
        let place = Place::Webhook(seen.workspace_id, WebhookId(seen.owner));
        let envelope = match Envelope::from_text(&seen.text) {
            Some(envelope) => keyring.rewrap(place, &envelope)?,
            None => Some(keyring.seal(place, seen.text.as_bytes())?),
        };
        Ok(envelope.map(|envelope| envelope.to_text()))
    }
}

/// What became of sealed things.
#[derive(Clone, Copy, Default)]
struct Counts {
    changed: u64,
    lost: u64,
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.changed += more.changed;
        self.lost += more.lost;
    }
}
