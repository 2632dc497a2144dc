//! `commit`: what one transaction writes, and what fails alone in it.

use std::{collections::HashSet, sync::Arc};

use serde_json::json;
use sluicegate::{
    domain::{
        execution::{ExecutionStats, ExecutionStatus, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, InstanceId, SuspensionId},
    },
    store::commit::{Commit, CommitError, ExecutionWrite, QueueRow, TimerChange},
};

use super::fixture::{
    Fixture, KEPT_MS, START, answered, append, append_as, child_of, close, create, event, open, quiet_event, reply,
    suspension,
};

pub async fn a_new_execution_is_stored_as_it_was_given(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let plain = fixture.execution();
    let mut full = fixture.execution();
    let origin = &mut full.origin;
    origin.triggered_by = TriggeredBy::Webhook;
    origin.trigger_id = Some("hook".to_owned());
    origin.context = json!([1, 2.5, "x"]);
    origin.subject = Some("order 7".to_owned());
    origin.priority = -100;
    origin.dedupe_key = Some("d".to_owned());
    origin.concurrency_key = Some("c".to_owned());
    origin.idempotency_key = Some("i".to_owned());
    origin.parent_execution_id = Some(fixture.id());
    origin.depth = 3;
    origin.replay_of = Some(fixture.id());
    origin.from_node_id = Some("node".to_owned());
    origin.run_at = Some(START.plus_ms(1));
    let progress = &mut full.progress;
    progress.last_seq = 3;
    progress.output = Some(json!(null));
    progress.error = Some(Failure::retryable(FailureCode::Timeout, "too slow").at_node("slow"));
    progress.queued_at = Some(START.plus_ms(2));
    progress.started_at = Some(START.plus_ms(3));
    progress.finished_at = Some(START.plus_ms(4));
    progress.suspended_at = Some(START.plus_ms(5));
    progress.waited_ms = 6;
    progress.stats = ExecutionStats {
        nodes: 1,
        completed: 2,
        failed: 3,
        leases: 6,
        steps: 7,
        agent_actions: 4,
        screenshots: 5,
        tokens: i64::MAX,
    };

    let batch = [create(&plain), Commit { driver: Some(driver), ..create(&full) }];
    let results = fixture.store.commit(&batch).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    let loaded = fixture.store.load_execution(plain.origin.workspace_id, plain.origin.id).await.unwrap();
    assert_eq!(loaded.execution, plain);
    assert_eq!(loaded.driver, None);
    let loaded = fixture.store.load_execution(full.origin.workspace_id, full.origin.id).await.unwrap();
    assert_eq!(loaded.execution, full);
    assert_eq!(loaded.driver, Some(driver));
    assert_eq!(loaded.snapshot, None);
    // The wire's exact bytes.
    let bodies: Vec<_> = loaded.tail.into_iter().map(|event| (event.seq, event.body)).collect();
    assert_eq!(bodies, [1, 2, 3].map(|seq| (seq, event(seq).body)));
    assert_eq!(fixture.store.execution(full.origin.workspace_id, full.origin.id).await.unwrap(), full);
}

pub async fn an_append_changes_the_row_and_adds_to_the_log(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let mut execution = fixture.created().await;
    let mut commit = append_as(&execution, 1, None, Some(driver), ExecutionStatus::Running);
    commit.events.push(quiet_event(3));
    if let ExecutionWrite::Append { progress, .. } = &mut commit.write {
        progress.last_seq = 3;
        progress.started_at = Some(START);
        progress.output = Some(json!({"done": true}));
        execution.progress = (**progress).clone();
    }
    fixture.write(commit).await.unwrap();

    let loaded = fixture.store.load_execution(execution.origin.workspace_id, execution.origin.id).await.unwrap();
    assert_eq!(loaded.execution, execution);
    assert_eq!(loaded.driver, Some(driver));
    assert_eq!(loaded.tail.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);

    fixture.write(append_as(&execution, 3, Some(driver), None, ExecutionStatus::Suspended)).await.unwrap();
    let loaded = fixture.store.load_execution(execution.origin.workspace_id, execution.origin.id).await.unwrap();
    assert_eq!((loaded.driver, loaded.execution.progress.last_seq), (None, 4));
    assert_eq!(loaded.execution.progress.output, None);
}

pub async fn a_stale_position_or_driver_fails_alone(fixture: Fixture) {
    let (one, two): (InstanceId, InstanceId) = (fixture.id(), fixture.id());
    let (fresh, stale, driven, foreign) =
        (fixture.created().await, fixture.created().await, fixture.created().await, fixture.created().await);
    fixture.write(append_as(&driven, 1, None, Some(one), ExecutionStatus::Running)).await.unwrap();

    let mut of_another_workspace = append(&foreign, 1, ExecutionStatus::Running);
    of_another_workspace.workspace_id = fixture.id();
    let mut late = append(&stale, 0, ExecutionStatus::Running);
    late.queue = Some(QueueRow { priority: 0, queued_at: START });
    late.timer = TimerChange::Set(START);
    late.suspensions = vec![open(&suspension(fixture.id(), &stale, START))];
    late.children = vec![child_of(&stale, fixture.id(), START)];
    late.snapshot = Some("{}".to_owned());
    late.wake = Some(fresh.origin.id);
    let results = fixture
        .store
        .commit(&[
            late,
            append_as(&driven, 2, None, None, ExecutionStatus::Failed),
            append_as(&driven_by(&fixture, two).await, 2, Some(one), None, ExecutionStatus::Failed),
            of_another_workspace,
            append(&fresh, 1, ExecutionStatus::Running),
        ])
        .await
        .unwrap();
    let conflicts: Vec<bool> = results.iter().map(|result| matches!(result, Err(CommitError::Conflict))).collect();
    assert_eq!(conflicts, [true, true, true, true, false], "{results:?}");
    assert!(results[4].is_ok());

    // Nothing of the stale member was written.
    assert_eq!(fixture.rows_of(&["queue", "timers", "suspensions", "snapshots"]).await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM executions").await, 5);
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 8);
    assert_eq!(fixture.number("SELECT count(*) FROM feed").await, 8);
}

async fn driven_by(fixture: &Fixture, driver: InstanceId) -> sluicegate::domain::execution::Execution {
    let execution = fixture.created().await;
    fixture.write(append_as(&execution, 1, None, Some(driver), ExecutionStatus::Running)).await.unwrap();
    execution
}

pub async fn a_used_idempotency_key_gets_its_reply(fixture: Fixture) {
    let first = reply("scope", "key", START);
    let (one, two, three) = (fixture.execution(), fixture.execution(), fixture.execution());
    fixture.write(Commit { idempotency: Some(first.clone()), ..create(&one) }).await.unwrap();

    let again = reply("scope", "key", START.plus_ms(1000));
    let other_scope = reply("another", "key", START);
    let results = fixture
        .store
        .commit(&[
            Commit { idempotency: Some(again), ..create(&two) },
            Commit { idempotency: Some(other_scope), ..create(&three) },
        ])
        .await
        .unwrap();
    match &results[0] {
        Err(CommitError::Repeated(stored)) => assert_eq!(**stored, first),
        other => panic!("{other:?}"),
    }
    assert!(results[1].is_ok());
    assert!(fixture.store.execution(fixture.home.workspace, two.origin.id).await.is_err());
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 2);
    let stored = fixture.store.idempotent_reply("scope", "key", START).await.unwrap();
    assert_eq!(stored, Some(first));
    assert_eq!(fixture.store.idempotent_reply("scope", "key", START.plus_ms(KEPT_MS)).await.unwrap(), None);
}

pub async fn one_key_twice_in_a_batch_is_used_once(fixture: Fixture) {
    let executions = [fixture.execution(), fixture.execution(), fixture.execution()];
    let batch: Vec<Commit> = executions
        .iter()
        .map(|execution| Commit { idempotency: Some(reply("scope", "key", START)), ..create(execution) })
        .collect();
    let results = fixture.store.commit(&batch).await.unwrap();
    assert!(results[0].is_ok());
    assert!(results[1..].iter().all(|result| matches!(result, Err(CommitError::Repeated(_)))), "{results:?}");
    assert_eq!(fixture.number("SELECT count(*) FROM executions").await, 1);
}

pub async fn a_key_of_a_member_that_failed_is_free(fixture: Fixture) {
    let execution = fixture.created().await;
    let mut stale = append(&execution, 9, ExecutionStatus::Running);
    stale.idempotency = Some(reply("scope", "key", START));
    assert!(matches!(fixture.write(stale).await, Err(CommitError::Conflict)));
    assert_eq!(fixture.store.idempotent_reply("scope", "key", START).await.unwrap(), None);

    let mut fresh = append(&execution, 1, ExecutionStatus::Running);
    fresh.idempotency = Some(reply("scope", "key", START));
    fixture.write(fresh).await.unwrap();
}

pub async fn an_expired_key_is_free(fixture: Fixture) {
    let with_key = |at| Commit { idempotency: Some(reply("scope", "key", at)), ..create(&fixture.execution()) };
    fixture.write(with_key(START)).await.unwrap();
    let just_kept = fixture.write(with_key(START.plus_ms(KEPT_MS - 1))).await;
    assert!(matches!(just_kept, Err(CommitError::Repeated(_))), "{just_kept:?}");
    fixture.write(with_key(START.plus_ms(KEPT_MS))).await.unwrap();
    let stored = fixture.store.idempotent_reply("scope", "key", START).await.unwrap().unwrap();
    assert_eq!(stored.created_at, START.plus_ms(KEPT_MS));
}

pub async fn a_key_that_is_kept_for_ever_never_gets_free(fixture: Fixture) {
    let with_key = |at| {
        let reply = sluicegate::store::catalogue::IdempotentReply { forget_at: None, ..reply("scope", "key", at) };
        Commit { idempotency: Some(reply), timer: TimerChange::Set(START), ..create(&fixture.execution()) }
    };
    fixture.write(with_key(START)).await.unwrap();
    let later = START.plus_ms(1_000 * KEPT_MS);
    fixture.store.reconcile(fixture.id(), 1_000, later, false).await.unwrap();
    let again = fixture.write(with_key(later)).await;
    assert!(matches!(again, Err(CommitError::Repeated(_))), "{again:?}");
    assert!(fixture.store.idempotent_reply("scope", "key", later).await.unwrap().is_some());
}

pub async fn a_bad_member_fails_alone(fixture: Fixture) {
    let taken: SuspensionId = fixture.id();
    let first = fixture.created().await;
    let mut opening = append(&first, 1, ExecutionStatus::Suspended);
    opening.suspensions = vec![open(&suspension(taken, &first, START))];
    fixture.write(opening).await.unwrap();

    let mut batch: Vec<Commit> = (0..7).map(|_| create(&fixture.execution())).collect();
    // The id of a suspension that exists, and a text that PostgreSQL can't keep.
    let of_second = fixture.execution();
    batch[2] = create(&of_second);
    batch[2].suspensions = vec![open(&suspension(taken, &of_second, START))];
    batch[2].idempotency = Some(reply("scope", "bad", START));
    let mut with_nul = fixture.execution();
    with_nul.origin.subject = Some("a\0b".to_owned());
    batch[5] = create(&with_nul);
    // A child that exists.
    let parent = fixture.execution();
    batch[6] = create(&parent);
    batch[6].children = vec![child_of(&parent, first.origin.id, START)];

    let results = fixture.store.commit(&batch).await.unwrap();
    let refused: Vec<bool> = results.iter().map(|result| matches!(result, Err(CommitError::Refused(_)))).collect();
    assert_eq!(refused, [false, false, true, false, false, true, true], "{results:?}");
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
    assert_eq!(fixture.number("SELECT count(*) FROM executions").await, 5);
    assert_eq!(fixture.number("SELECT count(*) FROM idempotency").await, 0);
}

pub async fn children_start_queued_and_wake_their_parent(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let mut parent = fixture.execution();
    parent.origin.priority = 7;
    fixture.write(create(&parent)).await.unwrap();
    let (one, two): (ExecutionId, ExecutionId) = (fixture.id(), fixture.id());
    let mut starting = append(&parent, 1, ExecutionStatus::Suspended);
    starting.children = vec![child_of(&parent, one, START), child_of(&parent, two, START.plus_ms(1))];
    let children: Vec<_> = starting.children.iter().map(|child| child.execution.clone()).collect();
    fixture.write(starting).await.unwrap();

    let workspace = fixture.home.workspace;
    let claimed = fixture.store.claim(driver, 10).await.unwrap();
    assert_eq!(claimed, [(workspace, one), (workspace, two)]);
    let loaded = fixture.store.load_execution(workspace, one).await.unwrap();
    assert_eq!((loaded.execution, loaded.driver), (children[0].clone(), Some(driver)));
    assert_eq!(loaded.tail.len(), 1);

    // Both end in one batch; the parent gets one row, with its own priority.
    let ends: Vec<Commit> = children
        .iter()
        .map(|child| Commit {
            wake: Some(parent.origin.id),
            ..append_as(child, 1, Some(driver), None, ExecutionStatus::Completed)
        })
        .collect();
    assert!(fixture.store.commit(&ends).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 1);
    assert_eq!(fixture.number("SELECT priority FROM queue").await, 7);
    assert_eq!(fixture.number("SELECT queued_at FROM queue").await, START.plus_ms(5000).0);
    assert_eq!(fixture.store.claim(driver, 10).await.unwrap(), [(workspace, parent.origin.id)]);

    // A parent that has ended is not woken.
    fixture.write(append_as(&parent, 2, Some(driver), None, ExecutionStatus::Cancelled)).await.unwrap();
    let mut orphan = append(&fixture.created().await, 1, ExecutionStatus::Completed);
    orphan.wake = Some(parent.origin.id);
    fixture.write(orphan).await.unwrap();
    assert_eq!(fixture.number("SELECT count(*) FROM queue").await, 0);
}

pub async fn a_full_batch_is_written_whole(fixture: Fixture) {
    // More rows than any of the lengths in which a statement comes, and one of each.
    let executions: Vec<_> = (0..300).map(|_| fixture.execution()).collect();
    let batch: Vec<Commit> = executions
        .iter()
        .map(|execution| Commit { queue: Some(QueueRow { priority: 0, queued_at: START }), ..create(execution) })
        .collect();
    assert!(fixture.store.commit(&batch).await.unwrap().iter().all(Result::is_ok));

    let driver: InstanceId = fixture.id();
    let claimed = fixture.store.claim(driver, 1000).await.unwrap();
    assert_eq!(claimed.iter().map(|(_, id)| *id).collect::<HashSet<_>>().len(), 300);

    let appends: Vec<Commit> = executions
        .iter()
        .enumerate()
        .map(|(index, execution)| {
            let mut commit = append_as(execution, 1, Some(driver), None, ExecutionStatus::Suspended);
            commit.events = (2..2 + index as i64 % 7).map(event).collect();
            if let ExecutionWrite::Append { progress, .. } = &mut commit.write {
                progress.last_seq = 1 + commit.events.len() as i64;
            }
            commit.timer = TimerChange::Set(START);
            commit
        })
        .collect();
    assert!(fixture.store.commit(&appends).await.unwrap().iter().all(Result::is_ok));
    for (index, execution) in executions.iter().enumerate().step_by(23) {
        let events = fixture.store.events(fixture.home.workspace, execution.origin.id, 0, 100).await.unwrap();
        assert_eq!(events.len(), 1 + index % 7);
    }
    assert_eq!(fixture.number("SELECT count(*) FROM timers").await, 300);
    let events = fixture.number("SELECT count(*) FROM events").await;
    assert_eq!(fixture.number("SELECT count(*) FROM feed").await, events);
}

pub async fn suspensions_open_and_close(fixture: Fixture) {
    let execution = fixture.created().await;
    let (first, second) =
        (suspension(fixture.id(), &execution, START), suspension(fixture.id(), &execution, START.plus_ms(1)));
    let mut opening = append(&execution, 1, ExecutionStatus::Suspended);
    opening.suspensions = vec![open(&first), open(&second)];
    fixture.write(opening).await.unwrap();
    let workspace = fixture.home.workspace;
    assert_eq!(fixture.store.suspension(workspace, first.id).await.unwrap(), first);

    let first_closed = answered(&first, START.plus_ms(10));
    let mut closing = append(&execution, 2, ExecutionStatus::Running);
    closing.suspensions = vec![close(&first_closed)];
    fixture.write(closing).await.unwrap();
    assert_eq!(fixture.store.suspension(workspace, first.id).await.unwrap(), first_closed);
    assert_eq!(fixture.store.suspension(workspace, second.id).await.unwrap(), second);

    // A closed one stays as it is.
    let mut again = append(&execution, 3, ExecutionStatus::Running);
    again.suspensions = vec![close(&answered(&first, START.plus_ms(99)))];
    fixture.write(again).await.unwrap();
    assert_eq!(fixture.store.suspension(workspace, first.id).await.unwrap(), first_closed);

    // Opened and closed in one commit.
    let third = suspension(fixture.id(), &execution, START);
    let mut both = append(&execution, 4, ExecutionStatus::Running);
    both.suspensions = vec![open(&third), close(&answered(&third, START))];
    fixture.write(both).await.unwrap();
    assert_eq!(fixture.store.suspension(workspace, third.id).await.unwrap(), answered(&third, START));
}

pub async fn timers_are_set_moved_and_taken_back(fixture: Fixture) {
    let (one, two) = (fixture.created().await, fixture.created().await);
    assert_eq!(fixture.store.next_timer().await.unwrap(), None);
    let timed = |execution, seq, timer| Commit { timer, ..append(execution, seq, ExecutionStatus::Suspended) };
    fixture.write(timed(&one, 1, TimerChange::Set(START.plus_ms(10)))).await.unwrap();
    fixture.write(timed(&two, 1, TimerChange::Set(START.plus_ms(20)))).await.unwrap();
    assert_eq!(fixture.store.next_timer().await.unwrap(), Some(START.plus_ms(10)));
    fixture.write(timed(&one, 2, TimerChange::Set(START.plus_ms(30)))).await.unwrap();
    assert_eq!(fixture.store.next_timer().await.unwrap(), Some(START.plus_ms(20)));
    fixture.write(timed(&one, 3, TimerChange::Keep)).await.unwrap();
    fixture.write(timed(&two, 2, TimerChange::Clear)).await.unwrap();
    assert_eq!(fixture.store.next_timer().await.unwrap(), Some(START.plus_ms(30)));
    fixture.write(timed(&one, 4, TimerChange::Clear)).await.unwrap();
    assert_eq!(fixture.store.next_timer().await.unwrap(), None);
}

pub async fn snapshots_shorten_the_tail(fixture: Fixture) {
    let execution = fixture.created().await;
    for (seq, state) in [(1, None), (2, Some(r#"{"at":3}"#)), (3, None), (4, Some(r#"{"at":5}"#)), (5, None)] {
        let mut commit = append(&execution, seq, ExecutionStatus::Running);
        commit.snapshot = state.map(str::to_owned);
        fixture.write(commit).await.unwrap();
    }
    let loaded = fixture.store.load_execution(fixture.home.workspace, execution.origin.id).await.unwrap();
    assert_eq!(loaded.snapshot, Some((5, r#"{"at":5}"#.to_owned())));
    assert_eq!(loaded.tail.iter().map(|event| event.seq).collect::<Vec<_>>(), [6]);
    assert_eq!(fixture.number("SELECT count(*) FROM snapshots").await, 1);
}

pub async fn the_same_creation_twice_conflicts(fixture: Fixture) {
    let execution = fixture.created().await;
    fixture.write(append(&execution, 1, ExecutionStatus::Running)).await.unwrap();
    let other = fixture.execution();
    let results = fixture.store.commit(&[create(&execution), create(&other)]).await.unwrap();
    assert!(matches!(results[0], Err(CommitError::Conflict)), "{results:?}");
    assert!(results[1].is_ok());
    let stored = fixture.store.execution(fixture.home.workspace, execution.origin.id).await.unwrap();
    assert_eq!(stored.progress.last_seq, 2);
}

/// Whoever comes second at a position hears of a conflict, and nobody waits for another for ever: the stores write the
/// same executions in opposite orders.
pub async fn commits_of_two_stores_serialise_on_the_position(fixture: Fixture) {
    let executions: Vec<_> = (0..40).map(|_| fixture.execution()).collect();
    let batch: Vec<Commit> = executions.iter().map(create).collect();
    assert!(fixture.store.commit(&batch).await.unwrap().iter().all(Result::is_ok));

    let stores = [Arc::clone(&fixture.store), fixture.second_store().await];
    let mut tasks = tokio::task::JoinSet::new();
    for (index, store) in stores.into_iter().enumerate() {
        let mut executions = executions.clone();
        if index == 1 {
            executions.reverse();
        }
        tasks.spawn(async move {
            let mut won = 0;
            for seq in 1..=10 {
                let batch: Vec<Commit> = executions
                    .iter()
                    .map(|execution| Commit {
                        queue: Some(QueueRow { priority: 0, queued_at: START }),
                        ..append(execution, seq, ExecutionStatus::Running)
                    })
                    .collect();
                for result in store.commit(&batch).await.unwrap() {
                    match result {
                        Ok(()) => won += 1,
                        Err(CommitError::Conflict) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
            won
        });
    }
    let won: i64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(won, fixture.number("SELECT count(*) FROM events").await - 40);
    assert_eq!(fixture.number("SELECT CAST(sum(last_seq) AS BIGINT) FROM executions").await, won + 40);
}
