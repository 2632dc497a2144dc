//! Tasks and workers.

use serde_json::json;
use sluicegate::{
    clock::Instant,
    domain::{
        admission::{Lane, OnLimit},
        execution::{Execution, ExecutionStatus},
        ids::{InstanceId, TaskId},
        task::{Lease, Task, TaskState, Worker},
    },
    store::{
        StoreError,
        commit::{Commit, CommitError, QueueRow, TaskChange},
    },
};

use super::fixture::{Fixture, START, append, create};

pub fn task(execution: &Execution, id: TaskId, queue: &str, queued_at: Instant) -> Task {
    let origin = &execution.origin;
    Task {
        id,
        workspace_id: origin.workspace_id,
        pod_id: origin.pod_id,
        workflow_id: origin.workflow_id,
        execution_id: origin.id,
        node_id: "work".to_owned(),
        address: "each[3]/work".to_owned(),
        queue: queue.to_owned(),
        state: TaskState::Queued,
        priority: origin.priority,
        attempt: 1,
        fence: 0,
        input: json!({"n": [1, "ä", null]}),
        lease_ms: 30_000,
        queued_at,
        worker_id: None,
        leased_at: None,
        lease_until: None,
        heartbeat_at: None,
    }
}

/// A task of an execution of its own that waits.
async fn queued(fixture: &Fixture, queue: &str, priority: i32, at: Instant) -> (Execution, Task) {
    let mut execution = fixture.execution();
    execution.origin.priority = priority;
    let task = task(&execution, fixture.id(), queue, at);
    let tasks = vec![TaskChange::Add(Box::new(task.clone()))];
    fixture.write(Commit { tasks, ..create(&execution) }).await.unwrap();
    (execution, task)
}

async fn change(
    fixture: &Fixture,
    execution: &Execution,
    seq: i64,
    changes: Vec<TaskChange>,
) -> Result<(), CommitError> {
    fixture.write(Commit { tasks: changes, ..append(execution, seq, ExecutionStatus::Running) }).await
}

pub fn leased(task: &Task, fence: i64, at: Instant) -> TaskChange {
    let worker_id = "w".to_owned();
    TaskChange::Lease { id: task.id, fence, worker_id, leased_at: at, lease_until: at.plus_ms(task.lease_ms) }
}

fn lease_of(task: &Task, fence: i64) -> Lease {
    Lease {
        workspace_id: task.workspace_id,
        pod_id: task.pod_id,
        execution_id: task.execution_id,
        task_id: task.id,
        address: task.address.clone(),
        fence,
        lease_ms: task.lease_ms,
    }
}

async fn waiting(fixture: &Fixture, queues: &[&str], limit: i64) -> Vec<TaskId> {
    let queues: Vec<String> = queues.iter().map(|queue| (*queue).to_owned()).collect();
    let tasks = fixture.store.queued_tasks(fixture.home.workspace, fixture.home.pod, &queues, limit).await.unwrap();
    tasks.into_iter().map(|task| task.id).collect()
}

pub async fn a_task_is_queued_leased_given_back_and_over(fixture: Fixture) {
    let (execution, task) = queued(&fixture, "q", 0, START).await;
    let workspace = fixture.home.workspace;
    assert_eq!(fixture.store.task(workspace, task.id).await.unwrap(), task);
    assert_eq!(waiting(&fixture, &["q"], 9).await, [task.id]);
    change(&fixture, &execution, 1, vec![leased(&task, 1, START.plus_ms(5))]).await.unwrap();
    let held = fixture.store.task(workspace, task.id).await.unwrap();
    assert_eq!((held.state, held.fence, held.worker_id.as_deref()), (TaskState::Leased, 1, Some("w")));
    assert_eq!((held.leased_at, held.lease_until), (Some(START.plus_ms(5)), Some(START.plus_ms(30_005))));
    assert_eq!(waiting(&fixture, &["q"], 9).await, []);
    let at = START.plus_ms(40_000);
    change(&fixture, &execution, 2, vec![TaskChange::Return { id: task.id, attempt: 2, queued_at: at }]).await.unwrap();
    let back = fixture.store.task(workspace, task.id).await.unwrap();
    let expected = Task { attempt: 2, fence: 1, queued_at: at, ..task.clone() };
    assert_eq!(back, expected, "it is as it was, but for fence, attempt and time");
    change(&fixture, &execution, 3, vec![TaskChange::Remove(task.id)]).await.unwrap();
    assert!(matches!(fixture.store.task(workspace, task.id).await, Err(StoreError::NotFound("task"))));
    // One that is leased from the beginning; and what a stale writer says changes nothing.
    let other = Task {
        id: fixture.id(),
        state: TaskState::Leased,
        fence: 1,
        worker_id: Some("w".to_owned()),
        leased_at: Some(at),
        lease_until: Some(at.plus_ms(1)),
        heartbeat_at: Some(at),
        ..task
    };
    change(&fixture, &execution, 4, vec![TaskChange::Add(Box::new(other.clone()))]).await.unwrap();
    let stale = change(&fixture, &execution, 4, vec![TaskChange::Remove(other.id)]).await;
    assert!(matches!(stale, Err(CommitError::Conflict)));
    assert_eq!(fixture.store.task(workspace, other.id).await.unwrap(), other);
    assert_eq!(fixture.store.tasks_of(workspace, execution.origin.id).await.unwrap().len(), 1);
}

pub async fn tasks_come_by_priority_and_age(fixture: Fixture) {
    let late = queued(&fixture, "a", 0, START.plus_ms(9)).await.1.id;
    let early = queued(&fixture, "b", 0, START.plus_ms(1)).await.1.id;
    let high = queued(&fixture, "a", 5, START.plus_ms(20)).await.1.id;
    let low = queued(&fixture, "b", -5, START).await.1.id;
    // A point of priority is a minute.
    let old = queued(&fixture, "a", 0, START.plus_ms(-301_000)).await.1.id;
    queued(&fixture, "other", 100, START).await;
    assert_eq!(waiting(&fixture, &["a", "b"], 9).await, [old, high, early, late, low]);
    assert_eq!(waiting(&fixture, &["a", "b"], 2).await, [old, high]);
    assert_eq!(waiting(&fixture, &["b", "none"], 9).await, [early, low]);
    assert_eq!(waiting(&fixture, &[], 9).await, []);
}

pub async fn a_lease_is_extended_by_its_own_fence_alone(fixture: Fixture) {
    let (execution, task) = queued(&fixture, "q", 0, START).await;
    let store = &fixture.store;
    let until = |ms| START.plus_ms(ms);
    assert!(!store.extend_lease(&lease_of(&task, 0), START, until(1)).await.unwrap(), "nobody has it");
    change(&fixture, &execution, 1, vec![leased(&task, 1, START)]).await.unwrap();
    assert_eq!(store.next_lease_end().await.unwrap(), Some(until(30_000)));
    assert!(store.extend_lease(&lease_of(&task, 1), until(10), until(50_000)).await.unwrap());
    for fence in [0, 2] {
        assert!(!store.extend_lease(&lease_of(&task, fence), until(10), until(90_000)).await.unwrap());
    }
    assert_eq!(store.next_lease_end().await.unwrap(), Some(until(50_000)));
    assert_eq!(store.expired_leases(until(49_999), 9).await.unwrap(), []);
    let expired = store.expired_leases(until(50_000), 9).await.unwrap();
    assert_eq!((expired[0].id, expired[0].heartbeat_at), (task.id, Some(until(10))));
    let extend = |fence| TaskChange::Extend { id: task.id, fence, at: until(20), lease_until: until(60_000) };
    change(&fixture, &execution, 2, vec![extend(2)]).await.unwrap();
    assert_eq!(store.next_lease_end().await.unwrap(), Some(until(50_000)));
    change(&fixture, &execution, 3, vec![extend(1)]).await.unwrap();
    assert_eq!(store.next_lease_end().await.unwrap(), Some(until(60_000)));
}

pub async fn queues_and_workers_are_known_by_pod(fixture: Fixture) {
    let (workspace, pod) = (fixture.home.workspace, fixture.home.pod);
    let (execution, first) = queued(&fixture, "a", 0, START).await;
    queued(&fixture, "a", 0, START.plus_ms(7)).await;
    queued(&fixture, "b", 0, START.plus_ms(3)).await;
    change(&fixture, &execution, 1, vec![leased(&first, 1, START)]).await.unwrap();
    let queues = fixture.store.task_queues(workspace, pod).await.unwrap();
    let seen: Vec<_> = queues.iter().map(|q| (q.queue.as_str(), q.queued, q.leased, q.oldest_queued_at)).collect();
    assert_eq!(seen, [("a", 1, 1, Some(START.plus_ms(7))), ("b", 1, 0, Some(START.plus_ms(3)))]);
    assert_eq!(fixture.store.leased_tasks(workspace, pod, 9).await.unwrap().len(), 1);
    let counts = fixture.store.counts(START).await.unwrap();
    assert_eq!((counts.tasks_queued, counts.tasks_leased), (2, 1));

    let worker = |id: &str, at| Worker {
        id: id.to_owned(),
        version: (id == "y").then(|| "2".to_owned()),
        queues: vec!["a".to_owned(), "ä".to_owned()],
        last_seen_at: at,
    };
    for seen in [worker("y", START), worker("x", START.plus_ms(5)), worker("y", START.plus_ms(9))] {
        fixture.store.note_worker(workspace, pod, &seen).await.unwrap();
    }
    let known = async |since| fixture.store.workers(workspace, pod, since).await.unwrap();
    assert_eq!(known(START).await, [worker("x", START.plus_ms(5)), worker("y", START.plus_ms(9))]);
    assert_eq!(known(START.plus_ms(6)).await, [worker("y", START.plus_ms(9))]);
    // A day later the reconciler forgets them.
    fixture.store.reconcile(fixture.id(), 30_000, START.plus_ms(86_400_005), true).await.unwrap();
    assert_eq!(known(START).await.len(), 1);
    let elsewhere = fixture.id();
    assert!(fixture.store.task_queues(elsewhere, pod).await.unwrap().is_empty());
    assert!(fixture.store.workers(elsewhere, pod, START).await.unwrap().is_empty());
    assert!(matches!(fixture.store.task(elsewhere, first.id).await, Err(StoreError::NotFound(_))));
}

pub async fn an_execution_with_a_task_takes_up_room(fixture: Fixture) {
    let driver: InstanceId = fixture.id();
    let lane = Lane { name: "l".to_owned(), limit: Some(1), on_limit: OnLimit::Queue };
    let place = Some(QueueRow { priority: 0, queued_at: START });
    let mut executions = Vec::new();
    for _ in 0..2 {
        let mut execution = fixture.execution();
        execution.origin.lane = Some(lane.clone());
        fixture.write(Commit { queue: place, ..create(&execution) }).await.unwrap();
        executions.push(execution);
    }
    let admit = async || fixture.store.admit(fixture.home.workspace, None).await.unwrap().let_in;
    let claim =
        async || fixture.store.claim(driver, 9).await.unwrap().into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(admit().await, 1);
    assert_eq!(claim().await, [executions[0].origin.id]);
    // It hands its work to a worker, and nobody drives it any more.
    let task = task(&executions[0], fixture.id(), "q", START);
    let tasks = vec![TaskChange::Add(Box::new(task.clone()))];
    let mut parking = append(&executions[0], 1, ExecutionStatus::Running);
    if let sluicegate::store::commit::ExecutionWrite::Append { expected_driver, .. } = &mut parking.write {
        *expected_driver = Some(driver);
    }
    fixture.write(Commit { tasks, ..parking }).await.unwrap();
    assert_eq!(admit().await, 0);
    // Its worker is done: it goes on in the room it has.
    let tasks = vec![TaskChange::Remove(task.id)];
    let done = Commit { tasks, queue: place, ..append(&executions[0], 2, ExecutionStatus::Running) };
    fixture.write(done).await.unwrap();
    assert_eq!(admit().await, 0);
    assert_eq!(claim().await, [executions[0].origin.id]);
}

pub async fn what_waits_for_a_worker_is_not_forgotten(fixture: Fixture) {
    let (execution, task) = queued(&fixture, "q", 0, START).await;
    let reconcile = async || fixture.store.reconcile(fixture.id(), 30_000, START, true).await.unwrap().requeued;
    assert_eq!(reconcile().await, 0);
    change(&fixture, &execution, 1, vec![leased(&task, 1, START)]).await.unwrap();
    assert_eq!(reconcile().await, 0);
    change(&fixture, &execution, 2, vec![TaskChange::Remove(task.id)]).await.unwrap();
    assert_eq!(reconcile().await, 1);
}
