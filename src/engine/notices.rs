//! What is told of a suspension that opens: a message to each target for each occasion, and the links in them. Their rows are
//! written with the suspension, so that nothing that is open was not told of, and nothing is told of that is not open.

use crate::{
    clock::{Clock, Instant},
    domain::{
        execution::ExecutionOrigin,
        ids::{LinkId, NotificationId, SuspensionId},
        notification::{LinkKey, Notification, NotificationState, Occasion, Purpose, ResponseLink, Target, digest},
        suspension::{SuspensionKind, TimelineAction},
    },
    nodes::Question,
    store::{Store, StoreError, commit::Notices},
};

use super::Engine;

/// The server's secret that the tokens of links are made with.
const SECRET: &str = "response_links";

/// The key that all servers of this database make tokens with; made by the first of them.
pub(super) async fn shared_key(store: &dyn Store, clock: &Clock) -> Result<LinkKey, StoreError> {
    let mut candidate = [0; LinkKey::BYTES];
    aws_lc_rs::rand::fill(&mut candidate).expect("the system gives random bytes");
    Ok(LinkKey::new(&store.server_secret(SECRET, &candidate, clock.now()).await?))
}

/// The link by which a callback's caller answers: there is one, and its id is the suspension's.
pub fn callback_link(suspension: SuspensionId) -> LinkId {
    LinkId(suspension.0)
}

impl Engine {
    /// Adds what is told of a question that is about to open. Takes the targets away from it: they may hold secrets, and
    /// nothing of them belongs into an event.
    pub(super) fn add_notices(
        &self,
        notices: &mut Notices,
        origin: &ExecutionOrigin,
        suspension: SuspensionId,
        question: &mut Question,
        now: Instant,
    ) {
        let targets = std::mem::take(&mut question.notify);
        let link = |id: LinkId, purpose, user_id| ResponseLink {
            id,
            workspace_id: origin.workspace_id,
            suspension_id: suspension,
            purpose,
            digest: digest(&self.0.links.token(purpose, id)),
            user_id,
            expires_at: question.expires_at,
        };
        let calls_back = question.kind == SuspensionKind::Callback;
        if calls_back {
            notices.links.push(link(callback_link(suspension), Purpose::Callback, None));
        }
        let reminds = question.timeline.iter().filter_map(|step| match step.action {
            TimelineAction::Remind => Some((Occasion::Reminder, step.at)),
            TimelineAction::Escalate => Some((Occasion::Escalation, step.at)),
            TimelineAction::Expire => None,
        });
        let occasions: Vec<_> = std::iter::once((Occasion::Opened, now)).chain(reminds).collect();
        for (place, target) in targets.into_iter().enumerate() {
            let link_id = if calls_back {
                callback_link(suspension)
            } else {
                let id = LinkId(self.0.clock.new_id());
                notices.links.push(link(id, Purpose::Respond, target.user.clone()));
                id
            };
            for (occasion, due_at) in &occasions {
                notices.notifications.push(Notification {
                    id: NotificationId(self.0.clock.new_id()),
                    workspace_id: origin.workspace_id,
                    suspension_id: suspension,
                    link_id,
                    place: place as i32,
                    occasion: *occasion,
                    target: Target::clone(&target),
                    state: NotificationState::Pending,
                    due_at: *due_at,
                    next_at: Some(*due_at),
                    tries: 0,
                    attempts: Vec::new(),
                });
            }
        }
    }

    /// Waits until there may be something new to send.
    pub async fn notifications_rung(&self) {
        self.0.signals.notifications.notified().await;
    }

    /// Has whoever sends notifications look for new ones.
    pub fn ring_notifications(&self) {
        self.0.signals.notifications.notify_one();
    }
}
