//! Leases and the reconciler.

use sluicegate::{
    domain::{
        execution::ExecutionStatus,
        ids::{ExecutionId, InstanceId},
    },
    store::{
        Repairs,
        commit::{Commit, TimerChange},
    },
};

use super::fixture::{
    Fixture, KEPT_MS, START, answered, append, append_as, child_of, close, create, open, reply, suspension,
};

const LEASE_MS: i64 = 30_000;

/// Lets an instance's lease run out: PostgreSQL measures with its own clock, so there the row is made older.
async fn expire(fixture: &Fixture, instance: InstanceId) {
    fixture.clock.advance_ms(LEASE_MS + 1);
    if fixture.is_postgres() {
        let sql = format!(
            "WITH aged AS (UPDATE instances SET heartbeat_at = heartbeat_at - 100000 WHERE id = '{instance}'
             RETURNING 1) SELECT count(*) FROM aged"
        );
        assert_eq!(fixture.number(&sql).await, 1);
    }
}

pub async fn leases_are_renewed_until_others_bury_the_instance(fixture: Fixture) {
    let (one, two): (InstanceId, InstanceId) = (fixture.id(), fixture.id());
    let store = &fixture.store;
    let now = || fixture.clock.now();
    assert!(!store.renew_instance(one, now()).await.unwrap());
    store.register_instance(one, now()).await.unwrap();
    store.register_instance(one, now()).await.unwrap();
    assert!(store.renew_instance(one, now()).await.unwrap());
    assert_eq!(store.count_instances(LEASE_MS, now()).await.unwrap(), 1);

    expire(&fixture, one).await;
    store.register_instance(two, now()).await.unwrap();
    assert_eq!(store.count_instances(LEASE_MS, now()).await.unwrap(), 1);
    // Late, but nobody has noticed.
    assert!(store.renew_instance(one, now()).await.unwrap());
    assert_eq!(store.count_instances(LEASE_MS, now()).await.unwrap(), 2);

    expire(&fixture, one).await;
    assert!(store.renew_instance(two, now()).await.unwrap());
    store.reconcile(two, LEASE_MS, now(), false).await.unwrap();
    assert!(!store.renew_instance(one, now()).await.unwrap());
    assert!(store.renew_instance(two, now()).await.unwrap());
    store.remove_instance(two).await.unwrap();
    store.remove_instance(two).await.unwrap();
    assert_eq!(store.count_instances(LEASE_MS, now()).await.unwrap(), 0);
}

pub async fn the_dead_lose_their_executions(fixture: Fixture) {
    let (dead, living, unknown): (InstanceId, InstanceId, InstanceId) = (fixture.id(), fixture.id(), fixture.id());
    let store = &fixture.store;
    store.register_instance(dead, fixture.clock.now()).await.unwrap();
    let mut driven = Vec::new();
    for driver in [dead, dead, living, unknown] {
        let mut execution = fixture.execution();
        execution.origin.priority = 2;
        execution.progress.status = ExecutionStatus::Running;
        fixture.write(Commit { driver: Some(driver), ..create(&execution) }).await.unwrap();
        driven.push(execution.origin.id);
    }
    expire(&fixture, dead).await;
    store.register_instance(living, fixture.clock.now()).await.unwrap();

    let repairs = store.reconcile(living, LEASE_MS, fixture.clock.now(), false).await.unwrap();
    assert_eq!(repairs, Repairs { taken_over: 3, requeued: 0 });
    assert_eq!(fixture.number("SELECT min(priority) FROM queue").await, 2);
    let claimed: Vec<ExecutionId> = store.claim(living, 9).await.unwrap().into_iter().map(|(_, id)| id).collect();
    assert_eq!(claimed, [driven[0], driven[1], driven[3]]);
    let again = store.reconcile(living, LEASE_MS, fixture.clock.now(), false).await.unwrap();
    assert_eq!(again, Repairs::default());

    // The dead one wakes up and finds that it may not write.
    let late = append_as(&fixture_execution(&fixture, driven[0]).await, 1, Some(dead), None, ExecutionStatus::Failed);
    assert!(fixture.write(late).await.is_err());
}

async fn fixture_execution(fixture: &Fixture, id: ExecutionId) -> sluicegate::domain::execution::Execution {
    fixture.store.execution(fixture.home.workspace, id).await.unwrap()
}

pub async fn an_instance_that_is_alone_takes_everything(fixture: Fixture) {
    let (before, now_here): (InstanceId, InstanceId) = (fixture.id(), fixture.id());
    let store = &fixture.store;
    // The server before was killed a moment ago: its lease still runs.
    store.register_instance(before, fixture.clock.now()).await.unwrap();
    let execution = fixture.execution();
    fixture.write(Commit { driver: Some(before), ..create(&execution) }).await.unwrap();
    store.register_instance(now_here, fixture.clock.now()).await.unwrap();
    let patient = store.reconcile(now_here, LEASE_MS, fixture.clock.now(), false).await.unwrap();
    assert_eq!(patient, Repairs::default());
    let alone = store.reconcile(now_here, LEASE_MS, fixture.clock.now(), true).await.unwrap();
    assert_eq!(alone, Repairs { taken_over: 1, requeued: 0 });
    assert_eq!(store.count_instances(LEASE_MS, fixture.clock.now()).await.unwrap(), 1);
}

pub async fn forgotten_executions_are_found(fixture: Fixture) {
    let instance: InstanceId = fixture.id();
    let store = &fixture.store;
    store.register_instance(instance, fixture.clock.now()).await.unwrap();
    let live = [
        ExecutionStatus::Pending,
        ExecutionStatus::Queued,
        ExecutionStatus::Running,
        ExecutionStatus::Suspended,
        ExecutionStatus::Cancelling,
    ];
    for status in ExecutionStatus::ALL {
        let mut execution = fixture.execution();
        execution.progress.status = status;
        fixture.write(create(&execution)).await.unwrap();
    }
    // Its suspension is closed and its child has ended.
    let parent = fixture.execution();
    let asked = suspension(fixture.id(), &parent, START);
    let mut commit = create(&parent);
    commit.suspensions = vec![open(&asked), close(&answered(&asked, START))];
    commit.children = vec![child_of(&parent, fixture.id(), START)];
    let child = commit.children[0].execution.clone();
    fixture.write(commit).await.unwrap();
    assert_eq!(store.claim(instance, 9).await.unwrap().len(), 1);
    fixture.write(append_as(&child, 1, Some(instance), None, ExecutionStatus::Completed)).await.unwrap();

    let repairs = store.reconcile(instance, LEASE_MS, START, false).await.unwrap();
    assert_eq!(repairs, Repairs { taken_over: 0, requeued: live.len() as u64 + 1 });
    let again = store.reconcile(instance, LEASE_MS, START, false).await.unwrap();
    assert_eq!(again, Repairs::default());
    assert_eq!(store.claim(instance, 99).await.unwrap().len(), live.len() + 1);
}

pub async fn what_waits_for_something_is_left_alone(fixture: Fixture) {
    let instance: InstanceId = fixture.id();
    fixture.store.register_instance(instance, fixture.clock.now()).await.unwrap();
    let suspended = |change: &dyn Fn(&mut Commit)| {
        let mut execution = fixture.execution();
        execution.progress.status = ExecutionStatus::Suspended;
        let mut commit = create(&execution);
        change(&mut commit);
        (execution, commit)
    };
    let (_, timed) = suspended(&|commit| commit.timer = TimerChange::Set(START));
    let (_, driven) = suspended(&|commit| commit.driver = Some(instance));
    let (asking, mut asked) = suspended(&|_| {});
    asked.suspensions = vec![open(&suspension(fixture.id(), &asking, START))];
    let (parent, mut with_child) = suspended(&|_| {});
    with_child.children = vec![child_of(&parent, fixture.id(), START)];
    let results = fixture.store.commit(&[timed, driven, asked, with_child]).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let repairs = fixture.store.reconcile(instance, LEASE_MS, START, false).await.unwrap();
    assert_eq!(repairs, Repairs::default());

    // The child ends without a word to its parent.
    let (workspace, child) = fixture.store.claim(instance, 9).await.unwrap()[0];
    let child = fixture.store.execution(workspace, child).await.unwrap();
    fixture.write(append_as(&child, 1, Some(instance), None, ExecutionStatus::Failed)).await.unwrap();
    let repairs = fixture.store.reconcile(instance, LEASE_MS, START, false).await.unwrap();
    assert_eq!(repairs, Repairs { taken_over: 0, requeued: 1 });
    assert_eq!(fixture.store.claim(instance, 9).await.unwrap(), [(workspace, parent.origin.id)]);
    fixture.write(append_as(&parent, 1, Some(instance), None, ExecutionStatus::Failed)).await.unwrap();
    fixture.write(append(&asking, 1, ExecutionStatus::Suspended)).await.unwrap();
    assert_eq!(fixture.store.reconcile(instance, LEASE_MS, START, false).await.unwrap(), Repairs::default());
}

pub async fn old_replies_are_forgotten(fixture: Fixture) {
    for (key, at) in [("old", START), ("young", START.plus_ms(2))] {
        let commit = Commit { idempotency: Some(reply("scope", key, at)), ..create(&fixture.execution()) };
        fixture.write(Commit { timer: TimerChange::Set(START), ..commit }).await.unwrap();
    }
    fixture.store.reconcile(fixture.id(), LEASE_MS, START.plus_ms(KEPT_MS + 1), false).await.unwrap();
    assert_eq!(fixture.store.idempotent_reply("scope", "old", START).await.unwrap(), None);
    assert!(fixture.store.idempotent_reply("scope", "young", START).await.unwrap().is_some());
}

pub async fn a_secret_is_that_of_the_first_who_offers_one(fixture: Fixture) {
    let other = fixture.second_store().await;
    let (one, two) = tokio::join!(
        fixture.store.server_secret("tokens", &[1; 32], START),
        other.server_secret("tokens", &[2; 32], START),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two);
    assert!(one == [1; 32] || one == [2; 32]);
    assert_eq!(other.server_secret("tokens", &[3; 32], START).await.unwrap(), one);
    assert_eq!(other.server_secret("others", &[3; 32], START).await.unwrap(), [3; 32]);
}
