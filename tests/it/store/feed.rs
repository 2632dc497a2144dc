//! The feed: order, and that nothing is ever skipped.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sluicegate::{
    domain::{execution::ExecutionStatus, ids::ExecutionId},
    store::{FeedCursor, FeedRow, commit::Commit},
};

use super::fixture::{Fixture, Home, append, create, event, quiet_event};

pub async fn the_feed_has_status_events_in_order(fixture: Fixture) {
    let store = &fixture.store;
    let workspace = fixture.home.workspace;
    assert_eq!(store.feed_end(workspace).await.unwrap(), FeedCursor::default());
    let second = Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home };
    let (one, two) = (fixture.execution(), fixture.execution_in(second));
    assert!(store.commit(&[create(&one), create(&two)]).await.unwrap().iter().all(Result::is_ok));
    let middle = whole_feed(&fixture, 2).await[1].cursor;
    assert_eq!(store.feed_end(workspace).await.unwrap(), middle);
    let mut commit = append(&one, 1, ExecutionStatus::Running);
    commit.events = vec![quiet_event(2), event(3), quiet_event(4)];
    fixture.write(commit).await.unwrap();

    let rows = whole_feed(&fixture, 3).await;
    let told: Vec<_> = rows.iter().map(|row| (row.execution_id, row.seq)).collect();
    assert_eq!(told, [(one.origin.id, 1), (two.origin.id, 1), (one.origin.id, 3)]);
    assert!(rows.is_sorted_by(|a, b| a.cursor < b.cursor));
    assert_eq!((rows[1].pod_id, rows[1].workflow_id), (second.pod, second.workflow));
    assert_eq!((rows[2].kind.as_str(), &rows[2].body), ("execution_status", &event(3).body));
    assert_eq!(store.feed_end(workspace).await.unwrap(), rows[2].cursor);

    // From a position, of a pod, a page.
    let news = store.feed(workspace, None, middle, 9).await.unwrap();
    assert_eq!(news.iter().map(|row| row.seq).collect::<Vec<_>>(), [3]);
    let of_pod = store.feed(workspace, Some(second.pod), FeedCursor::default(), 9).await.unwrap();
    assert_eq!(of_pod.iter().map(|row| row.execution_id).collect::<Vec<_>>(), [two.origin.id]);
    let page = store.feed(workspace, None, FeedCursor::default(), 2).await.unwrap();
    assert_eq!(page.last().map(|row| row.cursor), Some(middle));
}

/// The whole feed, once it has so many rows: on PostgreSQL transactions in other databases of the cluster hold it back
/// for a moment, too.
async fn whole_feed(fixture: &Fixture, rows: usize) -> Vec<FeedRow> {
    loop {
        let found = fixture.store.feed(fixture.home.workspace, None, FeedCursor::default(), 100_000).await.unwrap();
        if found.len() >= rows {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

/// Writers on several connections commit in another order than their rows are numbered; a reader who only ever goes
/// forward must see every row once.
pub async fn the_feed_never_skips_under_concurrent_commits(fixture: Fixture) {
    const BATCHES: usize = 40;
    let stores = [Arc::clone(&fixture.store), fixture.second_store().await];
    let workspace = fixture.home.workspace;
    let mut writers = tokio::task::JoinSet::new();
    let mut written: HashSet<ExecutionId> = HashSet::new();
    for writer in 0..6 {
        let store = Arc::clone(&stores[writer % 2]);
        // Short and long transactions next to each other.
        let size = if writer % 2 == 0 { 1 } else { 40 };
        let batches: Vec<Vec<Commit>> =
            (0..BATCHES).map(|_| (0..size).map(|_| create(&fixture.execution())).collect()).collect();
        written.extend(batches.iter().flatten().map(|commit| commit.execution_id));
        writers.spawn(async move {
            for batch in batches {
                assert!(store.commit(&batch).await.unwrap().iter().all(Result::is_ok));
            }
        });
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut reader = tokio::task::JoinSet::new();
    reader.spawn({
        let (store, done) = (Arc::clone(&fixture.store), Arc::clone(&done));
        async move {
            let (mut seen, mut cursor) = (Vec::new(), FeedCursor::default());
            loop {
                let last_round = done.load(Ordering::SeqCst);
                let rows = store.feed(workspace, None, cursor, 50).await.unwrap();
                assert!(rows.iter().all(|row| row.cursor > cursor));
                let ended = rows.is_empty();
                cursor = rows.last().map_or(cursor, |row| row.cursor);
                seen.extend(rows.into_iter().map(|row| row.execution_id));
                if ended && last_round {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    writers.join_all().await;
    whole_feed(&fixture, written.len()).await;
    done.store(true, Ordering::SeqCst);
    let seen = reader.join_all().await.concat();
    assert_eq!(seen.len(), written.len());
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), written);
}
