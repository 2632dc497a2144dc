//! Notifications and links: written with what they tell of, claimed by one sender at a time, over when it is closed.

use sluicegate::{
    clock::Instant,
    domain::{
        execution::{Execution, ExecutionStatus},
        ids::{LinkId, NotificationId, SuspensionId, WorkspaceId},
        notification::{
            Attempt, Channel, Notification, NotificationState, Occasion, Purpose, ResponseLink, Target, digest,
        },
        suspension::Suspension,
    },
    store::{Delivery, Store, StoreError, commit::Notices},
};

use super::fixture::{Fixture, START, answered, append, close, create, open, suspension};

const LEASE_MS: i64 = 60_000;

/// A link to a suspension. Its token is its id.
pub fn link(fixture: &Fixture, workspace: WorkspaceId, suspension: SuspensionId) -> ResponseLink {
    let id: LinkId = fixture.id();
    ResponseLink {
        id,
        workspace_id: workspace,
        suspension_id: suspension,
        purpose: Purpose::Respond,
        digest: digest(&id.to_string()),
        user_id: Some("bea".to_owned()),
        expires_at: Some(START.plus_ms(9)),
    }
}

/// What is told of a suspension at once.
pub fn notification(fixture: &Fixture, workspace: WorkspaceId, suspension: SuspensionId) -> Notification {
    Notification {
        id: fixture.id(),
        workspace_id: workspace,
        suspension_id: suspension,
        link_id: fixture.id(),
        place: 0,
        occasion: Occasion::Opened,
        target: Target {
            channel: Channel::Webhook,
            to: "https://example.com/x?y".to_owned(),
            secret: Some("s3cret \u{1F511} \0".to_owned()),
            user: Some("bea".to_owned()),
            sealed: None,
            trace: None,
        },
        state: NotificationState::Pending,
        due_at: START,
        next_at: Some(START),
        tries: 0,
        attempts: Vec::new(),
    }
}

/// An execution with an open suspension, of which these are told.
async fn telling(fixture: &Fixture, due: &[(i32, Instant)]) -> (Execution, Suspension, Vec<Notification>) {
    let execution = fixture.execution();
    let asked = suspension(fixture.id(), &execution, START);
    let told = due.iter().map(|(place, at)| Notification {
        place: *place,
        occasion: if *at == START { Occasion::Opened } else { Occasion::Reminder },
        due_at: *at,
        next_at: Some(*at),
        ..notification(fixture, fixture.home.workspace, asked.id)
    });
    let told: Vec<_> = told.collect();
    let mut commit = create(&execution);
    commit.suspensions = vec![open(&asked)];
    commit.notices = Notices { notifications: told.clone(), links: Vec::new() };
    fixture.write(commit).await.unwrap();
    (execution, asked, told)
}

fn claimed(notification: &Notification, at: Instant) -> Notification {
    Notification { next_at: Some(at.plus_ms(LEASE_MS)), tries: notification.tries + 1, ..notification.clone() }
}

fn delivery(claimed: &Notification, state: NotificationState, next_at: Option<Instant>) -> Delivery {
    let attempt = Attempt { at: START, status: Some(500), error: Some("no".to_owned()) };
    Delivery {
        workspace_id: claimed.workspace_id,
        id: claimed.id,
        leased_until: claimed.next_at.unwrap(),
        state,
        next_at,
        attempts: vec![attempt],
    }
}

pub async fn what_is_due_is_claimed_once_until_its_lease_is_over(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.next_notification().await.unwrap(), None);
    let (_, asked, told) = telling(&fixture, &[(0, START), (1, START), (0, START.plus_ms(100))]).await;
    assert_eq!(store.notifications(fixture.home.workspace, asked.id).await.unwrap(), told);
    assert_eq!(store.next_notification().await.unwrap(), Some(START));
    assert_eq!(store.claim_notifications(START.plus_ms(-1), LEASE_MS, 10).await.unwrap(), []);
    let first = store.claim_notifications(START, LEASE_MS, 1).await.unwrap();
    assert_eq!(first, [claimed(&told[0], START)]);
    assert_eq!(store.claim_notifications(START, LEASE_MS, 10).await.unwrap(), [claimed(&told[1], START)]);
    assert_eq!(store.claim_notifications(START, LEASE_MS, 10).await.unwrap(), []);
    assert_eq!(store.next_notification().await.unwrap(), Some(START.plus_ms(100)));

    assert!(
        store.record_delivery(&delivery(&first[0], NotificationState::Pending, Some(START.plus_ms(50)))).await.unwrap()
    );
    // The second one's sender is gone: when its lease is over, it is another's, and the first sender has no say any more.
    let late = START.plus_ms(LEASE_MS);
    let again = store.claim_notifications(late, LEASE_MS, 10).await.unwrap();
    // The first target has a later message due by now: the earlier one is needless.
    assert_eq!(again.iter().map(|n| (n.id, n.tries)).collect::<Vec<_>>(), [(told[2].id, 1), (told[1].id, 2)]);
    let stale = claimed(&told[1], START);
    assert!(!store.record_delivery(&delivery(&stale, NotificationState::Delivered, None)).await.unwrap());
    assert!(store.record_delivery(&delivery(&again[1], NotificationState::Delivered, None)).await.unwrap());
    let states = |all: Vec<Notification>| all.into_iter().map(|n| (n.state, n.attempts.len())).collect::<Vec<_>>();
    assert_eq!(
        states(store.notifications(fixture.home.workspace, asked.id).await.unwrap()),
        [(NotificationState::Cancelled, 1), (NotificationState::Delivered, 1), (NotificationState::Pending, 0)]
    );
}

pub async fn two_senders_never_get_the_same(fixture: Fixture) {
    let second = fixture.second_store().await;
    for _ in 0..20 {
        telling(&fixture, &[(0, START), (1, START), (2, START)]).await;
    }
    let take = async |store: &dyn Store| {
        let mut taken = Vec::new();
        loop {
            let some = store.claim_notifications(START, LEASE_MS, 4).await.unwrap();
            if some.is_empty() && store.next_notification().await.unwrap() > Some(START) {
                return taken;
            }
            taken.extend(some.into_iter().map(|n| n.id));
        }
    };
    let (mut one, two) = tokio::join!(take(&*fixture.store), take(&*second));
    one.extend(two);
    let all = one.len();
    one.sort_unstable();
    one.dedup();
    assert_eq!((one.len(), all), (60, 60));
}

pub async fn nothing_is_sent_of_what_is_closed(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let (execution, asked, told) = telling(&fixture, &[(0, START), (0, START.plus_ms(100))]).await;
    let sent = store.claim_notifications(START, LEASE_MS, 10).await.unwrap();
    assert!(store.record_delivery(&delivery(&sent[0], NotificationState::Failed, None)).await.unwrap());
    // Once more, because somebody wants it so; but not twice at the same time.
    let again = store.redeliver(workspace, asked.id, told[0].id, START.plus_ms(5)).await.unwrap();
    assert_eq!((again.state, again.next_at, again.tries), (NotificationState::Pending, Some(START.plus_ms(5)), 0));
    let same = store.redeliver(workspace, asked.id, told[0].id, START.plus_ms(7)).await.unwrap();
    assert_eq!(same, again);

    let mut commit = append(&execution, 1, ExecutionStatus::Running);
    commit.suspensions = vec![close(&answered(&asked, START))];
    fixture.write(commit).await.unwrap();
    assert_eq!(store.claim_notifications(START.plus_ms(500), LEASE_MS, 10).await.unwrap(), []);
    assert_eq!(store.next_notification().await.unwrap(), None);
    let states: Vec<_> = store.notifications(workspace, asked.id).await.unwrap().into_iter().map(|n| n.state).collect();
    assert_eq!(states, [NotificationState::Cancelled; 2]);
    let refused = store.redeliver(workspace, asked.id, told[0].id, START).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");

    let elsewhere = fixture.id();
    let unknown: NotificationId = fixture.id();
    for (workspace, suspension, id) in
        [(elsewhere, asked.id, told[0].id), (workspace, fixture.id(), told[0].id), (workspace, asked.id, unknown)]
    {
        let foreign = store.redeliver(workspace, suspension, id, START).await;
        assert!(matches!(foreign, Err(StoreError::NotFound("notification"))), "{foreign:?}");
    }
    assert_eq!(store.notifications(elsewhere, asked.id).await.unwrap(), []);
}

pub async fn a_link_is_found_by_its_digest_alone(fixture: Fixture) {
    let (store, execution) = (&fixture.store, fixture.execution());
    let asked = suspension(fixture.id(), &execution, START);
    let named = link(&fixture, fixture.home.workspace, asked.id);
    let callback = ResponseLink {
        id: LinkId(asked.id.0),
        purpose: Purpose::Callback,
        digest: digest("another"),
        user_id: None,
        expires_at: None,
        ..named.clone()
    };
    let mut commit = create(&execution);
    commit.suspensions = vec![open(&asked)];
    commit.notices = Notices { notifications: Vec::new(), links: vec![named.clone(), callback.clone()] };
    fixture.write(commit.clone()).await.unwrap();
    // A member that conflicts leaves nothing.
    commit.notices.links[0].id = fixture.id();
    fixture.write(commit).await.unwrap_err();
    assert_eq!(fixture.rows_of(&["response_links"]).await, 2);
    assert_eq!(store.response_link(&named.digest).await.unwrap(), Some(named.clone()));
    assert_eq!(store.response_link(&digest("another")).await.unwrap(), Some(callback));
    assert_eq!(store.response_link(&digest("unknown")).await.unwrap(), None);
    assert_eq!(store.response_link(&[]).await.unwrap(), None);
}
