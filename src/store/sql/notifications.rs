//! Notifications: written with the suspension they tell of, claimed by whoever sends them, and the links they carry.

use std::sync::Arc;

use crate::{
    clock::Instant,
    domain::{
        ids::{NotificationId, SuspensionId, WorkspaceId},
        notification::{Attempt, Notification, NotificationState, ResponseLink},
    },
    store::{Delivery, StoreError, commit::Notices},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    run,
};

macro_rules! columns {
    () => {
        "SELECT n.id, n.workspace_id, n.suspension_id, n.link_id, n.place, n.occasion, n.target, n.state, n.due_at,
         n.next_at, n.tries, n.attempts"
    };
}

macro_rules! pick {
    ($lock:literal) => {
        concat!(
            columns!(),
            ", s.state = 'open', EXISTS (SELECT 1 FROM notifications AS l WHERE l.workspace_id = n.workspace_id
             AND l.suspension_id = n.suspension_id AND l.place = n.place AND l.due_at > n.due_at AND l.next_at <= $1)
     FROM notifications AS n JOIN suspensions AS s ON s.workspace_id = n.workspace_id AND s.id = n.suspension_id
     WHERE n.next_at <= $1 ORDER BY n.next_at, n.workspace_id, n.id LIMIT +$2",
            $lock
        )
    };
}

/// With whether the suspension is open, and whether a later message to the same target is due as well.
const PICK: Dialect = Dialect { sqlite: pick!(""), postgres: pick!(" FOR UPDATE OF n SKIP LOCKED") };

static TAKE: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("state", Kind::Text),
        ("next_at", Kind::Int),
        ("tries", Kind::Int),
    ],
    "UPDATE notifications AS n SET state = b.state, next_at = b.next_at, tries = b.tries
     FROM batch AS b WHERE n.workspace_id = b.workspace_id AND n.id = b.id",
);

const NEXT: &str = "SELECT min(next_at) FROM notifications WHERE next_at IS NOT NULL";

/// Only for who has claimed it: a lease that ran out and was taken by another is another's.
const RECORD: &str = "UPDATE notifications SET state = $4, next_at = $5, attempts = $6
     WHERE workspace_id = $1 AND id = $2 AND next_at = $3";

const ONE: &str = concat!(columns!(), " FROM notifications AS n WHERE n.workspace_id = $1 AND n.id = $2");
const OF_SUSPENSION: &str =
    concat!(columns!(), " FROM notifications AS n WHERE n.workspace_id = $1 AND n.suspension_id = $2 ORDER BY n.id");

const AGAIN: &str = "UPDATE notifications AS n SET state = 'pending', next_at = $4, tries = 0
     WHERE n.workspace_id = $1 AND n.suspension_id = $2 AND n.id = $3 AND n.state <> 'pending'
         AND EXISTS (SELECT 1 FROM suspensions AS s
             WHERE s.workspace_id = n.workspace_id AND s.id = n.suspension_id AND s.state = 'open')";

const LINK: &str = "SELECT id, workspace_id, suspension_id, purpose, digest, user_id, expires_at
     FROM response_links WHERE digest = $1";

/// New notifications.
pub static ADD_NOTIFICATIONS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("suspension_id", Kind::Id),
        ("link_id", Kind::Id),
        ("place", Kind::Int),
        ("occasion", Kind::Text),
        ("target", Kind::Text),
        ("state", Kind::Text),
        ("due_at", Kind::Int),
        ("next_at", Kind::Int),
        ("tries", Kind::Int),
        ("attempts", Kind::Text),
    ],
    "INSERT INTO notifications (workspace_id, id, suspension_id, link_id, place, occasion, target, state, due_at, next_at,
         tries, attempts)
     SELECT workspace_id, id, suspension_id, link_id, place, occasion, target, state, due_at, next_at, tries, attempts
     FROM batch",
);

/// New links.
pub static ADD_LINKS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("suspension_id", Kind::Id),
        ("purpose", Kind::Text),
        ("digest", Kind::Bytes),
        ("user_id", Kind::Text),
        ("expires_at", Kind::Int),
    ],
    "INSERT INTO response_links (workspace_id, id, suspension_id, purpose, digest, user_id, expires_at)
     SELECT workspace_id, id, suspension_id, purpose, digest, user_id, expires_at FROM batch",
);

/// Adds the rows of one member's notices.
pub fn add_notices(member: usize, notices: &Notices, notifications: &mut Rows, links: &mut Rows) {
    for new in &notices.notifications {
        notifications.push(
            member,
            cells![
                new.workspace_id,
                new.id,
                new.suspension_id,
                new.link_id,
                new.place,
                Cell::name(&new.occasion),
                Cell::json(&new.target),
                Cell::name(&new.state),
                new.due_at,
                new.next_at,
                new.tries,
                Cell::json(&new.attempts),
            ],
        );
    }
    for link in &notices.links {
        links.push(
            member,
            cells![
                link.workspace_id,
                link.id,
                link.suspension_id,
                Cell::name(&link.purpose),
                &link.digest,
                link.user_id.as_deref(),
                link.expires_at,
            ],
        );
    }
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn claim_notifications(
        &self,
        now: Instant,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let (mut claimed, mut taken) = (Vec::new(), Rows::default());
                for row in &B::fetch(connection, B::pick(PICK), cells![now, limit]).await? {
                    let mut columns = Columns::<B>::new(row);
                    let mut notification = read_notification::<B>(&mut columns)?;
                    let (open, superseded) = (columns.next::<bool>()?, columns.next::<bool>()?);
                    let is_wanted = open && !superseded;
                    notification.next_at = is_wanted.then(|| now.plus_ms(lease_ms));
                    notification.tries += i32::from(is_wanted);
                    if !is_wanted {
                        notification.state = NotificationState::Cancelled;
                    }
                    taken.push(
                        0,
                        cells![
                            notification.workspace_id,
                            notification.id,
                            Cell::name(&notification.state),
                            notification.next_at,
                            notification.tries,
                        ],
                    );
                    if is_wanted {
                        claimed.push(notification);
                    }
                }
                run::<B>(connection, &TAKE, &taken).await?;
                Ok(claimed)
            })
        })
        .await
    }

    pub(super) async fn next_notification(&self) -> Result<Option<Instant>, StoreError> {
        let row = self.read_one("notification", NEXT, Vec::new()).await?;
        Columns::<B>::new(&row).maybe_at()
    }

    pub(super) async fn record_delivery(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let delivery = Arc::new(delivery.clone());
        self.write_of(delivery.workspace_id, move |connection| {
            let delivery = Arc::clone(&delivery);
            Box::pin(async move {
                let Delivery { workspace_id, id, leased_until, state, next_at, attempts } = &*delivery;
                let cells =
                    cells![*workspace_id, *id, *leased_until, Cell::name(state), *next_at, Cell::json(attempts),];
                Ok(B::execute(connection, RECORD, cells).await? == 1)
            })
        })
        .await
    }

    pub(super) async fn notifications(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
    ) -> Result<Vec<Notification>, StoreError> {
        let rows = self.read_of(workspace, OF_SUSPENSION, cells![suspension]).await?;
        rows.iter().map(|row| read_notification::<B>(&mut Columns::new(row))).collect()
    }

    pub(super) async fn redeliver(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
        id: NotificationId,
        now: Instant,
    ) -> Result<Notification, StoreError> {
        self.write_of(workspace, move |connection| {
            Box::pin(async move {
                let changed = B::execute(connection, AGAIN, cells![workspace, suspension, id, now]).await?;
                let rows = B::fetch(connection, ONE, cells![workspace, id]).await?;
                let row = rows.first().ok_or(StoreError::NotFound("notification"))?;
                let notification = read_notification::<B>(&mut Columns::new(row))?;
                if notification.suspension_id != suspension {
                    return Err(StoreError::NotFound("notification"));
                }
                if changed == 0 && notification.state != NotificationState::Pending {
                    return Err(StoreError::Refused("the suspension is closed"));
                }
                Ok(notification)
            })
        })
        .await
    }

    pub(super) async fn response_link(&self, digest: &[u8]) -> Result<Option<ResponseLink>, StoreError> {
        let rows = self.read(LINK, cells![digest]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut columns = Columns::<B>::new(row);
        Ok(Some(ResponseLink {
            id: columns.id()?,
            workspace_id: columns.id()?,
            suspension_id: columns.id()?,
            purpose: columns.name("link purpose")?,
            digest: columns.next()?,
            user_id: columns.next()?,
            expires_at: columns.maybe_at()?,
        }))
    }
}

fn read_notification<B: Backend>(columns: &mut Columns<'_, B>) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: columns.id()?,
        workspace_id: columns.id()?,
        suspension_id: columns.id()?,
        link_id: columns.id()?,
        place: columns.small()?,
        occasion: columns.name("occasion")?,
        target: columns.json("target")?,
        state: columns.name("notification state")?,
        due_at: columns.at()?,
        next_at: columns.maybe_at()?,
        tries: columns.small()?,
        attempts: columns.json::<Vec<Attempt>>("attempts")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// What is due is read from the front of an index, however many notifications there ever were.
    #[tokio::test]
    async fn what_is_due_is_bound_by_an_index() {
        let steps = plan(PICK.sqlite).await;
        assert_eq!(steps[0], "SEARCH n USING INDEX notifications_by_next (next_at<?)", "{steps:?}");
        let steps = plan(NEXT).await;
        assert!(steps[0].contains("USING COVERING INDEX notifications_by_next"), "{steps:?}");
        let steps = plan(OF_SUSPENSION).await;
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!(steps[0].ends_with("notifications_by_suspension (workspace_id=? AND suspension_id=?)"), "{steps:?}");
    }
}
