//! The queue and the timers.

use std::{collections::HashSet, sync::Arc};

use sluicegate::{
    domain::{
        execution::ExecutionStatus,
        ids::{ExecutionId, InstanceId},
    },
    store::commit::{Commit, QueueRow, TimerChange},
};

use super::fixture::{Fixture, START, append, append_as, create, open, suspension};

pub async fn claims_go_by_priority_then_age(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let late = fixture.queued(0, START.plus_ms(9)).await;
    let early = fixture.queued(0, START.plus_ms(1)).await;
    let high = fixture.queued(5, START.plus_ms(20)).await;
    let low = fixture.queued(-5, START).await;
    let ids = |claimed: Vec<(_, ExecutionId)>| claimed.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(fixture.store.claim(driver, 0).await.unwrap(), []);
    assert_eq!(ids(fixture.store.claim(driver, 2).await.unwrap()), [high.origin.id, early.origin.id]);
    assert_eq!(ids(fixture.store.claim(driver, 9).await.unwrap()), [late.origin.id, low.origin.id]);
    assert_eq!(fixture.store.claim(driver, 9).await.unwrap(), []);
    let loaded = fixture.store.load_execution(fixture.home.workspace, high.origin.id).await.unwrap();
    assert_eq!(loaded.driver, Some(driver));
}

pub async fn a_second_row_keeps_the_older_place_and_the_higher_priority(fixture: Fixture) {
    let execution = fixture.queued(3, START.plus_ms(10)).await;
    let again = |seq, priority, at| Commit {
        queue: Some(QueueRow { priority, queued_at: at }),
        ..append(&execution, seq, ExecutionStatus::Queued)
    };
    let place = "SELECT priority * 1000 + queued_at - 1800000000000 FROM queue";
    fixture.write(again(1, 1, START.plus_ms(50))).await.unwrap();
    assert_eq!(fixture.number(place).await, 3010);
    fixture.write(again(2, 4, START.plus_ms(60))).await.unwrap();
    assert_eq!(fixture.number(place).await, 4010);
    fixture.write(again(3, 2, START.plus_ms(5))).await.unwrap();
    assert_eq!(fixture.number(place).await, 4005);
}

pub async fn claims_leave_what_another_instance_drives(fixture: Fixture) {
    let (one, two): (InstanceId, InstanceId) = (fixture.id(), fixture.id());
    let execution = fixture.queued(0, START).await;
    assert_eq!(fixture.store.claim(one, 1).await.unwrap().len(), 1);
    // Woken while it is driven.
    let mut waking = append_as(&execution, 1, Some(one), Some(one), ExecutionStatus::Running);
    waking.queue = Some(QueueRow { priority: 0, queued_at: START });
    fixture.write(waking).await.unwrap();
    assert_eq!(fixture.store.claim(two, 9).await.unwrap(), []);
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 1);
    assert_eq!(fixture.store.claim(one, 9).await.unwrap(), [(fixture.home.workspace, execution.origin.id)]);
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 0);

    // Parked with a row: anybody's.
    let mut parking = append_as(&execution, 2, Some(one), None, ExecutionStatus::Suspended);
    parking.queue = Some(QueueRow { priority: 0, queued_at: START });
    fixture.write(parking).await.unwrap();
    assert_eq!(fixture.store.claim(two, 9).await.unwrap(), [(fixture.home.workspace, execution.origin.id)]);
}

pub async fn what_has_ended_is_not_claimed(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let ended = fixture.queued(9, START).await;
    let live = fixture.queued(0, START).await;
    // A queue row of an execution that ends is refused, one that was there before is thrown away.
    let mut ending = append(&ended, 1, ExecutionStatus::Cancelled);
    ending.queue = Some(QueueRow { priority: 0, queued_at: START });
    fixture.write(ending).await.unwrap();
    assert_eq!(fixture.store.claim(driver, 9).await.unwrap(), [(fixture.home.workspace, live.origin.id)]);
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 0);
    let loaded = fixture.store.load_execution(fixture.home.workspace, ended.origin.id).await.unwrap();
    assert_eq!(loaded.driver, None);
}

pub async fn two_claimers_never_get_the_same(fixture: Fixture) {
    let batch: Vec<Commit> = (0..200)
        .map(|_| Commit { queue: Some(QueueRow { priority: 0, queued_at: START }), ..create(&fixture.execution()) })
        .collect();
    assert!(fixture.store.commit(&batch).await.unwrap().iter().all(Result::is_ok));
    let stores = [Arc::clone(&fixture.store), fixture.second_store().await];
    let mut tasks = tokio::task::JoinSet::new();
    for store in stores {
        let driver: InstanceId = fixture.id();
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let some = store.claim(driver, 7).await.unwrap();
                if some.is_empty() {
                    return claimed;
                }
                claimed.extend(some);
            }
        });
    }
    let mut claimed: Vec<_> = tasks.join_all().await.concat();
    // What one had locked while the other asked is still there for the next to ask.
    claimed.extend(fixture.store.claim(fixture.id(), 200).await.unwrap());
    assert_eq!(claimed.len(), 200);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 200);
}

pub async fn due_timers_move_to_the_queue(fixture: Fixture) {
    let mut executions = Vec::new();
    for index in 0..4 {
        let mut execution = fixture.execution();
        execution.origin.priority = index;
        let commit = Commit { timer: TimerChange::Set(START.plus_ms(i64::from(index))), ..create(&execution) };
        fixture.write(commit).await.unwrap();
        executions.push(execution);
    }
    // One has ended and left its timer behind.
    fixture.write(append(&executions[0], 1, ExecutionStatus::Failed)).await.unwrap();
    assert_eq!(fixture.store.fire_timers(START.plus_ms(-1), 9).await.unwrap().moved, 0);
    assert_eq!(fixture.store.fire_timers(START.plus_ms(2), 2).await.unwrap().moved, 2);
    assert_eq!(fixture.store.fire_timers(START.plus_ms(2), 9).await.unwrap().moved, 1);
    assert_eq!(fixture.store.fire_timers(START.plus_ms(2), 9).await.unwrap().moved, 0);
    assert_eq!(fixture.store.next_timer().await.unwrap(), Some(START.plus_ms(3)));
    let claimed = fixture.store.claim(fixture.id(), 9).await.unwrap();
    let expected = [&executions[2], &executions[1]].map(|execution| (fixture.home.workspace, execution.origin.id));
    assert_eq!(claimed, expected);
}

pub async fn release_gives_back_only_what_is_ours(fixture: Fixture) {
    let (one, two): (InstanceId, InstanceId) = (fixture.id(), fixture.id());
    let mine = fixture.queued(4, START).await;
    assert_eq!(fixture.store.claim(one, 1).await.unwrap().len(), 1);
    let others = fixture.queued(0, START).await;
    assert_eq!(fixture.store.claim(two, 1).await.unwrap().len(), 1);

    let workspace = fixture.home.workspace;
    let both = [(workspace, mine.origin.id), (workspace, others.origin.id)];
    fixture.store.release(one, &both, START.plus_ms(77)).await.unwrap();
    fixture.store.release(one, &[], START).await.unwrap();
    assert_eq!(fixture.number("SELECT priority * 1000 + queued_at - 1800000000000 FROM queue").await, 4077);
    let driver = async |id| fixture.store.load_execution(workspace, id).await.unwrap().driver;
    assert_eq!(driver(mine.origin.id).await, None);
    assert_eq!(driver(others.origin.id).await, Some(two));
    // The log says nothing of it.
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 2);
}

pub async fn counts_are_those_of_the_rows(fixture: Fixture) {
    let counts = fixture.store.counts(START).await.unwrap();
    assert_eq!((counts.queue_depth, counts.queue_oldest, counts.open_suspensions, counts.timers_late), (0, None, 0, 0));
    fixture.queued(0, START.plus_ms(3)).await;
    fixture.queued(5, START.plus_ms(4)).await;
    let execution = fixture.execution();
    let mut commit = create(&execution);
    commit.suspensions = vec![open(&suspension(fixture.id(), &execution, START))];
    commit.timer = TimerChange::Set(START.plus_ms(10));
    fixture.write(commit).await.unwrap();
    assert_eq!(fixture.store.queue_length(fixture.home.workspace).await.unwrap(), 2);
    assert_eq!(fixture.store.queue_length(fixture.id()).await.unwrap(), 0);
    let counts = fixture.store.counts(START.plus_ms(9)).await.unwrap();
    assert_eq!((counts.queue_depth, counts.queue_oldest), (2, Some(START.plus_ms(3))));
    assert_eq!((counts.open_suspensions, counts.timers_late), (1, 0));
    assert_eq!(fixture.store.counts(START.plus_ms(10)).await.unwrap().timers_late, 1);
}
