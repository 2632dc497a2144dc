//! The whole state of a store beside the oracle's.

use sluicegate::{
    clock::Instant,
    domain::ids::{ExecutionId, WorkspaceId},
    store::{ExecutionFilter, FeedCursor, FeedRow, Store, SuspensionFilter, catalogue::IdempotentReply},
};

use super::{
    super::{audit::whole, oracle::Oracle},
    asking::same_inboxes,
};

/// As long as no lease runs out.
pub const LEASE_MS: i64 = i64::MAX / 4;

/// Compares everything that the store tells with what the oracle has.
pub async fn same_state(name: &str, store: &dyn Store, oracle: &Oracle, workspace: WorkspaceId, now: Instant) {
    for (id, record) in &oracle.executions {
        let loaded = store.load_execution(workspace, *id).await.unwrap();
        assert_eq!(format!("{loaded:?}"), format!("{:?}", record.loaded()), "{name}");
    }
    let listed = store.executions(workspace, &ExecutionFilter::default(), 100_000, None).await.unwrap();
    let listed: Vec<ExecutionId> = listed.items.iter().map(|execution| execution.origin.id).collect();
    assert_eq!(listed, oracle.executions.keys().rev().copied().collect::<Vec<_>>(), "{name}");
    let asked = store.suspensions(workspace, &SuspensionFilter::default(), 100_000, None).await.unwrap();
    assert_eq!(asked.items, oracle.suspensions.values().rev().cloned().collect::<Vec<_>>(), "{name}");
    same_inboxes(name, store, oracle, workspace).await;
    // Between executions the order is the store's own.
    let (mut feed, mut expected) = (feed_of(store, workspace, oracle.feed.len()).await, oracle.feed.clone());
    feed.sort_by_key(|(id, _)| *id);
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(feed, expected, "{name}");

    let counts = store.counts(now).await.unwrap();
    assert_eq!(counts.queue_depth, oracle.queue.len() as i64, "{name}");
    assert_eq!(counts.queue_oldest, oracle.queue.values().map(|(_, at)| *at).min(), "{name}");
    assert_eq!(counts.open_suspensions, oracle.open_suspensions().count() as i64, "{name}");
    let late = oracle.timers.values().filter(|at| **at <= now).count();
    assert_eq!(counts.timers_late, late as i64, "{name}");
    assert_eq!(store.next_timer().await.unwrap(), oracle.timers.values().min().copied(), "{name}");
    let alive = store.count_instances(LEASE_MS, now).await.unwrap();
    assert_eq!(alive, oracle.alive(LEASE_MS, now) as i64, "{name}");

    let pods = store.pods(workspace, 1000, None).await.unwrap().items;
    let expected: Vec<_> = oracle.pods.values().rev().cloned().collect();
    assert_eq!(
        pods.iter().map(|pod| (pod.id, &pod.slug)).collect::<Vec<_>>(),
        expected.iter().map(|pod| (pod.id, &pod.slug)).collect::<Vec<_>>(),
        "{name}"
    );
    for (id, workflow) in &oracle.workflows {
        assert_eq!(&store.workflow(workspace, *id).await.unwrap(), workflow, "{name}");
    }
    let mut members = store.members(workspace).await.unwrap();
    members.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    assert_eq!(members, oracle.members.values().cloned().collect::<Vec<_>>(), "{name}");
    let records = whole(store, workspace).await;
    let subjects = records.iter().filter(|record| record.action == "suspension.answered").map(|record| &record.subject);
    let mut subjects: Vec<&String> = subjects.collect();
    let mut expected: Vec<&String> = oracle.audit.iter().map(|entry| &entry.subject).collect();
    subjects.sort();
    expected.sort();
    assert_eq!(subjects, expected, "{name}");
    // Replies that are over may be gone or not.
    let kept = |reply: &IdempotentReply| reply.forget_at.is_none_or(|forget_at| forget_at > now);
    for ((scope, key), reply) in oracle.replies.iter().filter(|(_, reply)| kept(reply)) {
        let stored = store.idempotent_reply(scope, key, Instant(0)).await.unwrap();
        assert_eq!(stored.as_ref(), Some(reply), "{name}");
    }
}

/// The whole feed, page by page.
async fn feed_of(store: &dyn Store, workspace: WorkspaceId, rows: usize) -> Vec<(ExecutionId, i64)> {
    let mut patience = 200;
    loop {
        let (mut all, mut cursor): (Vec<FeedRow>, FeedCursor) = (Vec::new(), FeedCursor::default());
        loop {
            let page = store.feed(workspace, None, cursor, 100).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = last.cursor;
            all.extend(page);
        }
        // Transactions in other databases of the cluster hold the end back for a moment.
        patience -= 1;
        if all.len() >= rows || patience == 0 {
            return all.into_iter().map(|row| (row.execution_id, row.seq)).collect();
        }
    }
}
