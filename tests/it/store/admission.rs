//! What is held in the queue and let in, and the keys that stand for executions.

use std::{collections::BTreeSet, sync::Arc};

use sluicegate::{
    clock::Instant,
    domain::{
        admission::{Lane, OnLimit},
        execution::{Execution, ExecutionStatus},
        ids::{ExecutionId, InstanceId},
    },
    store::{
        admission::Admitted,
        catalogue::{Change, IdempotentReply},
        commit::{Commit, CommitError, Debounced, DedupeKey, QueueRow},
    },
};

use super::fixture::{Fixture, START, ada, append, append_as, create, pod};

fn lane(name: &str, limit: i64, on_limit: OnLimit) -> Lane {
    Lane { name: name.to_owned(), limit: Some(limit), on_limit }
}

/// Queues an execution of a lane.
async fn queued_in(fixture: &Fixture, lane: impl Into<Option<Lane>>, priority: i32) -> Execution {
    let mut execution = fixture.execution();
    execution.origin.lane = lane.into();
    execution.origin.priority = priority;
    let place = QueueRow { priority, queued_at: START };
    fixture.write(Commit { queue: Some(place), ..create(&execution) }).await.unwrap();
    execution
}

async fn no_limit_of_the_pod(fixture: &Fixture) {
    let mut pod = pod(fixture.home, "pod", START);
    pod.max_running = None;
    fixture.store.change(Change::UpdatePod(pod), &ada(), None).await.unwrap();
}

async fn admit(fixture: &Fixture, lanes: &[&str]) -> Admitted {
    let lanes: BTreeSet<String> = lanes.iter().map(|lane| (*lane).to_owned()).collect();
    fixture.store.admit(fixture.home.workspace, (!lanes.is_empty()).then_some(lanes)).await.unwrap()
}

async fn claimed(fixture: &Fixture, driver: InstanceId) -> Vec<ExecutionId> {
    fixture.store.claim(driver, 99).await.unwrap().into_iter().map(|(_, id)| id).collect()
}

pub async fn what_shares_a_limit_is_held_until_there_is_room(fixture: Fixture) {
    no_limit_of_the_pod(&fixture).await;
    let driver: InstanceId = fixture.id();
    let low = queued_in(&fixture, lane("a", 2, OnLimit::Queue), -1).await.origin.id;
    let first = queued_in(&fixture, lane("a", 2, OnLimit::Queue), 0).await;
    let high = queued_in(&fixture, lane("a", 2, OnLimit::Queue), 1).await.origin.id;
    let other = queued_in(&fixture, lane("b", 2, OnLimit::Queue), 0).await.origin.id;
    let free = fixture.queued(0, START.plus_ms(9)).await.origin.id;
    assert_eq!(claimed(&fixture, driver).await, [free]);
    assert_eq!(fixture.store.held_workspaces().await.unwrap(), [fixture.home.workspace]);
    assert_eq!(admit(&fixture, &["a", "unknown"]).await.let_in, 2);
    assert_eq!(admit(&fixture, &["a"]).await, Admitted::default(), "rows that are let in take up room");
    assert_eq!(claimed(&fixture, driver).await, [high, first.origin.id]);
    assert_eq!(admit(&fixture, &["a"]).await.let_in, 0, "and so do drivers");
    assert_eq!(admit(&fixture, &[]).await.let_in, 1, "all lanes");
    assert_eq!(claimed(&fixture, driver).await, [other]);
    // Suspended: it gives up its driver, and its room.
    fixture.write(append_as(&first, 1, Some(driver), None, ExecutionStatus::Suspended)).await.unwrap();
    assert_eq!(admit(&fixture, &["a"]).await.let_in, 1);
    assert_eq!(claimed(&fixture, driver).await, [low]);
    // Woken, it waits for room like any other.
    let woken = QueueRow { priority: 0, queued_at: START };
    let waking = Commit { queue: Some(woken), ..append(&first, 2, ExecutionStatus::Suspended) };
    fixture.write(waking).await.unwrap();
    assert_eq!(admit(&fixture, &["a"]).await.let_in, 0);
    assert_eq!(claimed(&fixture, driver).await, []);
    // What has ended meanwhile is thrown away.
    fixture.write(append(&first, 3, ExecutionStatus::Cancelled)).await.unwrap();
    assert_eq!(admit(&fixture, &["a"]).await, Admitted::default());
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 0);
    assert!(fixture.store.held_workspaces().await.unwrap().is_empty());
}

pub async fn a_full_lane_names_those_to_be_turned_away(fixture: Fixture) {
    no_limit_of_the_pod(&fixture).await;
    for (name, on_limit) in [("skip", OnLimit::Skip), ("fail", OnLimit::Fail)] {
        queued_in(&fixture, lane(name, 1, on_limit), 0).await;
        assert_eq!(admit(&fixture, &[name]).await.let_in, 1);
        let second = queued_in(&fixture, lane(name, 1, on_limit), 0).await.origin.id;
        let admitted = admit(&fixture, &[name]).await;
        assert_eq!((admitted.let_in, admitted.turned_away), (0, vec![(second, on_limit)]));
    }
    let mut of_lane = Vec::new();
    for _ in 0..4 {
        of_lane.push(queued_in(&fixture, lane("new", 2, OnLimit::CancelOldest), 0).await.origin.id);
    }
    let admitted = admit(&fixture, &["new"]).await;
    assert_eq!((admitted.let_in, admitted.outdone), (2, vec![of_lane[1], of_lane[0]]));
}

pub async fn pods_and_workspaces_limit_all_of_their_lanes(fixture: Fixture) {
    // The pod of the fixture lets seven run.
    for number in 0..12 {
        let lane = match number % 3 {
            0 => Some(Lane { name: String::new(), limit: None, on_limit: OnLimit::Queue }),
            1 => Some(lane("a", 2, OnLimit::Queue)),
            _ => Some(lane("b", 9, OnLimit::Queue)),
        };
        queued_in(&fixture, lane, 0).await;
    }
    assert!(fixture.store.is_limited(fixture.home.workspace, fixture.home.pod).await.unwrap());
    assert_eq!(admit(&fixture, &[]).await.let_in, 7);
    let a = "SELECT count(*) FROM queue WHERE lane = 'a' AND NOT held";
    assert_eq!(fixture.number(a).await, 2);
    let mut workspace = fixture.store.workspace(fixture.home.workspace).await.unwrap();
    workspace.max_running = Some(8);
    fixture.store.change(Change::UpdateWorkspace(workspace), &ada(), None).await.unwrap();
    no_limit_of_the_pod(&fixture).await;
    // One lane's hint finds the others, which share the room.
    assert_eq!(admit(&fixture, &["a"]).await.let_in, 1);
    assert_eq!(admit(&fixture, &[]).await.let_in, 0);
    assert_eq!(fixture.number(a).await, 2);
}

pub async fn two_who_let_in_never_fill_the_same_room(fixture: Fixture) {
    no_limit_of_the_pod(&fixture).await;
    let mut all = Vec::new();
    for number in 0..60 {
        all.push(queued_in(&fixture, lane(&format!("lane {}", number % 4), 3, OnLimit::Queue), 0).await);
    }
    let stores = [Arc::clone(&fixture.store), fixture.second_store().await];
    let workspace = fixture.home.workspace;
    let mut tasks = tokio::task::JoinSet::new();
    for store in stores {
        let driver: InstanceId = fixture.id();
        tasks.spawn(async move {
            let (mut let_in, mut claimed) = (0, 0);
            for _ in 0..20 {
                let_in += store.admit(workspace, None).await.unwrap().let_in;
                claimed += store.claim(driver, 2).await.unwrap().len();
            }
            (let_in, claimed)
        });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().map(|(let_in, _)| let_in).sum::<u64>(), 12, "four lanes of three");
    assert_eq!(done.iter().map(|(_, claimed)| claimed).sum::<usize>(), 12);
}

pub async fn a_dedupe_key_stands_for_one_execution_until_it_is_forgotten(fixture: Fixture) {
    let reply = |key: &str| IdempotentReply {
        scope: "scope".to_owned(),
        key: key.to_owned(),
        request_digest: vec![1],
        status: 201,
        location: None,
        body: "{}".to_owned(),
        created_at: START,
        forget_at: None,
    };
    let with_key = |now: Instant, idempotency: Option<IdempotentReply>| {
        let execution = fixture.execution();
        let dedupe = Some(DedupeKey { key: "k".to_owned(), now, forget_at: now.plus_ms(10), until_end: false });
        (execution.origin.id, Commit { dedupe, idempotency, ..create(&execution) })
    };
    let ((first, one), (_, two)) = (with_key(START, None), with_key(START, Some(reply("used"))));
    let results = fixture.store.commit(&[one, two]).await.unwrap();
    assert!(matches!(results.as_slice(), [Ok(()), Err(CommitError::Duplicate(of))] if *of == first), "{results:?}");
    assert!(fixture.store.idempotent_reply("scope", "used", START).await.unwrap().is_none(), "its key is free");
    let (_, late) = with_key(START.plus_ms(9), None);
    assert!(matches!(fixture.write(late).await, Err(CommitError::Duplicate(of)) if of == first));
    let (second, later) = with_key(START.plus_ms(10), None);
    fixture.write(later).await.unwrap();
    let (_, again) = with_key(START.plus_ms(11), None);
    assert!(matches!(fixture.write(again).await, Err(CommitError::Duplicate(of)) if of == second));
    let driver: InstanceId = fixture.id();
    fixture.store.reconcile(driver, 1_000, START.plus_ms(20), true).await.unwrap();
    assert_eq!(fixture.number("SELECT count(*) FROM dedupe_keys").await, 0);
}

pub async fn a_burst_is_known_by_its_last_execution(fixture: Fixture) {
    let (home, store) = (fixture.home, &fixture.store);
    assert!(store.burst(home.workspace, home.workflow, "k").await.unwrap().is_none());
    let mut last = None;
    for number in 0..3 {
        let execution = fixture.execution();
        let burst = Debounced { key: "k".to_owned(), first_at: START, run_at: START.plus_ms(number) };
        fixture.write(Commit { debounce: Some(burst.clone()), ..create(&execution) }).await.unwrap();
        last = Some((execution, burst));
    }
    let (execution, burst) = last.unwrap();
    let found = store.burst(home.workspace, home.workflow, "k").await.unwrap();
    assert_eq!(found, Some((execution.origin.id, burst.clone(), true)));
    fixture.write(append(&execution, 1, ExecutionStatus::Cancelled)).await.unwrap();
    let found = store.burst(home.workspace, home.workflow, "k").await.unwrap();
    assert_eq!(found, Some((execution.origin.id, burst, false)), "it is over");
    assert!(store.burst(fixture.id(), home.workflow, "k").await.unwrap().is_none());
}
