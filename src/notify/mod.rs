//! Sends what is to be told of suspensions: by webhook, to Slack, by mail. At least once: a message is sent again unless it is
//! known to have arrived, each time with the same id, by which receivers can drop repeats.
//!
//! What is due is claimed for a while; who has claimed it sends it and writes down what became of it. If the sender dies in
//! between, another takes it once that while is over.

mod email;
mod slack;
mod webhook;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    clock::{Clock, Instant},
    domain::{
        notification::{Attempt, Channel, Notification, NotificationState, Occasion, Purpose, Target},
        suspension::{Suspension, SuspensionKind},
    },
    engine::Engine,
    outbound::{OutboundError, Request},
    store::{Delivery, Store, StoreError},
};

pub use email::{Mail, MailError};

/// How long a claim holds: longer than any attempt takes.
const LEASE_MS: i64 = 120_000;
/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);
/// How long after each failed attempt the next one is made; after the last of them there is none.
const BACKOFF_MS: [i64; 6] = [5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000];
/// How many are sent at a time.
const AT_A_TIME: usize = 32;
/// How many attempts are remembered of one notification.
const MAX_ATTEMPTS: usize = 50;
/// How often the database is looked at without being told to, for what instances that are gone have left.
const POLL: Duration = Duration::from_secs(5);
/// When to look again after what was due was another's at that moment, or was cancelled.
const TAKEN: Duration = Duration::from_millis(20);

/// What goes out: the question, and the address to answer at.
struct Message<'a> {
    notification: &'a Notification,
    suspension: &'a Suspension,
    link: &'a str,
}

/// Why an attempt failed.
struct Failed {
    status: Option<u16>,
    error: String,
    /// Whether the next one would, too.
    for_good: bool,
}

impl Failed {
    fn for_good(error: impl Into<String>) -> Self {
        Self { status: None, error: error.into(), for_good: true }
    }
}

/// The sender. Clones are the same.
#[derive(Clone)]
struct Sender(Arc<Parts>);

struct Parts {
    engine: Engine,
    store: Arc<dyn Store>,
    clock: Clock,
    mail: Option<Mail>,
    public_url: String,
}

/// Sends what is due from now on, for as long as the engine runs. `public_url` is where people reach this server.
pub fn start(engine: &Engine, mail: Option<Mail>, public_url: String) {
    let (store, clock) = (Arc::clone(engine.store()), engine.clock().clone());
    let sender = Sender(Arc::new(Parts { engine: engine.clone(), store, clock, mail, public_url }));
    engine.beside("notifications", move || sender.clone().run());
}

impl Sender {
    async fn run(self) {
        let Parts { engine, store, clock, .. } = &*self.0;
        // What is in flight ends with the loop; whoever claims it next sends it again.
        let mut sending = JoinSet::new();
        loop {
            while sending.try_join_next().is_some() {}
            if sending.len() >= AT_A_TIME {
                sending.join_next().await;
                continue;
            }
            let now = clock.now();
            let (due, pause) = match store.next_notification().await {
                Ok(Some(next)) if next <= now => match self.claim(now, AT_A_TIME - sending.len(), &mut sending).await {
                    Ok(0) => (None, TAKEN),
                    Ok(_) => continue,
                    Err(error) => (None, away(&error)),
                },
                Ok(next) => (next, POLL),
                Err(error) => (None, away(&error)),
            };
            let due = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = engine.notifications_rung() => {}
                () = due => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn claim(&self, now: Instant, limit: usize, sending: &mut JoinSet<()>) -> Result<usize, StoreError> {
        let claimed = self.0.store.claim_notifications(now, LEASE_MS, limit as i64).await?;
        let count = claimed.len();
        for notification in claimed {
            let sender = self.clone();
            sending.spawn(async move { sender.deliver(notification).await });
        }
        Ok(count)
    }

    /// Sends one that was claimed, and writes down what has become of it.
    async fn deliver(&self, notification: Notification) {
        let Parts { store, clock, .. } = &*self.0;
        let (id, channel) = (notification.id, notification.target.channel);
        let outcome = match store.suspension(notification.workspace_id, notification.suspension_id).await {
            Ok(suspension) => self.send(&notification, &suspension).await,
            // It went with its workflow.
            Err(StoreError::NotFound(_)) => return,
            Err(error) => return tracing::warn!(notification_id = %id, %error, "a notification waits for the database"),
        };
        let now = clock.now();
        let (state, next_at) = match &outcome {
            Ok(_) => (NotificationState::Delivered, None),
            Err(failed) => match BACKOFF_MS.get((notification.tries - 1).max(0) as usize) {
                Some(pause) if !failed.for_good => (NotificationState::Pending, Some(now.plus_ms(*pause))),
                _ => (NotificationState::Failed, None),
            },
        };
        let (status, error) = match outcome {
            Ok(status) => (status, None),
            Err(failed) => (failed.status, Some(failed.error)),
        };
        let result = match (state, &error) {
            (NotificationState::Delivered, _) => "delivered",
            (NotificationState::Failed, _) => "failed",
            _ => "retried",
        };
        metrics::counter!("sluicegate_notifications_total", "result" => result).increment(1);
        if state == NotificationState::Failed {
            let suspension = notification.suspension_id;
            tracing::warn!(notification_id = %id, suspension_id = %suspension, ?channel, "a notification could not be delivered");
        }
        let mut attempts = notification.attempts;
        attempts.push(Attempt { at: now, status, error });
        if attempts.len() > MAX_ATTEMPTS {
            attempts.remove(0);
        }
        let Some(leased_until) = notification.next_at else { return };
        let workspace_id = notification.workspace_id;
        let delivery = Delivery { workspace_id, id, leased_until, state, next_at, attempts };
        match store.record_delivery(&delivery).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(notification_id = %id, "a notification took so long that another sends it as well");
            }
            // It is sent again when its claim is over.
            Err(error) => tracing::warn!(notification_id = %id, %error, "what became of a notification was not kept"),
        }
    }

    async fn send(&self, notification: &Notification, suspension: &Suspension) -> Result<Option<u16>, Failed> {
        let Parts { engine, clock, mail, public_url, .. } = &*self.0;
        let (path, purpose) = if suspension.interrupt.kind == SuspensionKind::Callback {
            ("/v1/callbacks", Purpose::Callback)
        } else {
            ("/respond", Purpose::Respond)
        };
        let link = format!("{public_url}{path}/{}", engine.links().token(purpose, notification.link_id));
        let target = engine.open_target(notification).map_err(|error| Failed {
            status: None,
            error: format!("the address can't be opened: {error}"),
            // Somebody may put the key back.
            for_good: false,
        })?;
        let hidden = hidden_host(&target, &notification.target);
        let notification = &Notification { target, ..notification.clone() };
        let message = Message { notification, suspension, link: &link };
        let sent = match notification.target.channel {
            Channel::Webhook => self.post(notification, webhook::request(&message, clock.now())).await,
            Channel::Slack => self.post(notification, slack::request(&message)).await,
            Channel::Email => match mail {
                Some(mail) => mail.send(&message).await.map(|()| None),
                None => Err(Failed::for_good(
                    "this server sends no mail: the operator has to set `smtp-url` and `smtp-from`",
                )),
            },
        };
        sent.map_err(|failed| match hidden {
            Some(host) => Failed { error: failed.error.replace(&host, "the host"), ..failed },
            None => failed,
        })
    }

    async fn post(&self, notification: &Notification, mut request: Request) -> Result<Option<u16>, Failed> {
        // What it says is for the address that somebody wrote down, and for no other.
        request.follow_redirects = false;
        let outbound = self.0.engine.outbound_of(notification.workspace_id).await.map_err(|error| {
            tracing::warn!(notification_id = %notification.id, %error, "the hosts that a workspace may call could not be read");
            Failed { status: None, error: "the workspace's settings could not be read".to_owned(), for_good: false }
        })?;
        match outbound.traced(notification.target.trace.clone()).send(request).await {
            Ok(reply) if (200..300).contains(&reply.status) => Ok(Some(reply.status)),
            Ok(reply) => Err(Failed {
                status: Some(reply.status),
                error: match reply.status {
                    status @ 300..=399 => {
                        format!("the receiver answered {status}: another address, which is not followed")
                    }
                    status => format!("the receiver answered {status}"),
                },
                // Gone: it asks for nothing more.
                for_good: reply.status == 410,
            }),
            Err(error) => {
                let for_good = matches!(
                    error,
                    OutboundError::Refused { .. }
                        | OutboundError::HostRefused { .. }
                        | OutboundError::InvalidUrl { .. }
                        | OutboundError::Scheme { .. }
                );
                Err(Failed { status: None, error: error.to_string(), for_good })
            }
        }
    }
}

/// The host of an address, if what is shown of the address leaves it out: a secret may be part of it.
fn hidden_host(opened: &Target, stored: &Target) -> Option<String> {
    let host = url::Url::parse(&opened.to).ok()?.host_str()?.to_owned();
    (stored.sealed.is_some() && !stored.to.contains(&host)).then_some(host)
}

/// How long to leave a database alone that did not answer.
fn away(error: &StoreError) -> Duration {
    tracing::warn!(%error, "notifications wait for the database");
    Duration::from_millis(250)
}

impl Message<'_> {
    /// What it is about, on one line.
    fn headline(&self) -> String {
        let asked = &self.suspension.interrupt;
        let text = asked.title.as_deref().filter(|title| !title.trim().is_empty()).unwrap_or(&asked.message);
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let line = line.chars().filter(|c| !c.is_control()).take(120).collect::<String>();
        match self.notification.occasion {
            Occasion::Opened => line,
            Occasion::Reminder => format!("Reminder: {line}"),
            Occasion::Escalation => format!("Escalated: {line}"),
        }
    }

    /// What the link is for.
    fn invitation(&self) -> &'static str {
        match self.suspension.interrupt.kind {
            SuspensionKind::Approval | SuspensionKind::ToolApproval => "Review and decide",
            SuspensionKind::AskHuman | SuspensionKind::Callback => "Answer",
        }
    }

    /// Until when, in words.
    fn deadline(&self) -> Option<String> {
        let at = self.suspension.interrupt.expires_at?;
        Some(format!("Open until {}", at.to_datetime().format("%-d %B %Y, %H:%M UTC")))
    }
}
