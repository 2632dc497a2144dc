//! How executions stand beside their rows, and what has become of a workflow's executions.

use sluicegate::{
    clock::Instant,
    domain::{
        admission::{Lane, OnLimit},
        execution::ExecutionStatus,
        ids::{PodId, WorkflowId},
    },
    store::{
        ExecutionFilter,
        catalogue::Change,
        commit::{Commit, EventRow, QueueRow, TaskChange},
        standings::{Standing, Tally},
    },
};

use super::{
    fixture::{Fixture, Home, START, ada, append, create, new_home, pod},
    tasks::{leased, task},
};

/// An event of this instant.
fn event_at(seq: i64, at: Instant) -> Vec<EventRow> {
    vec![EventRow { seq, feed: None, body: format!(r#"{{"type":"execution_status","seq":{seq},"at":"{at}"}}"#) }]
}

pub async fn executions_stand_as_queue_tasks_and_log_say(fixture: Fixture) {
    let workspace = fixture.home.workspace;
    let plain = fixture.execution();
    fixture.write(Commit { events: event_at(1, START), ..create(&plain) }).await.unwrap();
    let mut limited = fixture.execution();
    limited.origin.lane = Some(Lane { name: "l".to_owned(), limit: Some(1), on_limit: OnLimit::Queue });
    let queue = Some(QueueRow { priority: 0, queued_at: START });
    fixture.write(Commit { queue, events: event_at(1, START), ..create(&limited) }).await.unwrap();
    let working = fixture.execution();
    let work = task(&working, fixture.id(), "q", START);
    let tasks = vec![TaskChange::Add(Box::new(work.clone()))];
    fixture.write(Commit { tasks, events: event_at(1, START), ..create(&working) }).await.unwrap();

    let ids = [plain.origin.id, limited.origin.id, working.origin.id, fixture.id()];
    let stand = async || fixture.store.standings(workspace, &ids).await.unwrap();
    let standings = stand().await;
    let base = Standing { held: false, task_waits: false, updated_at: START };
    assert_eq!(standings.len(), 3);
    assert_eq!(standings[&ids[0]], base);
    assert_eq!(standings[&ids[1]], Standing { held: true, ..base });
    assert_eq!(standings[&ids[2]], Standing { task_waits: true, ..base });

    fixture.store.admit(workspace, None).await.unwrap();
    let later = START.plus_ms(7);
    let lease = Commit {
        tasks: vec![leased(&work, 1, later)],
        events: event_at(2, later),
        ..append(&working, 1, ExecutionStatus::Running)
    };
    fixture.write(lease).await.unwrap();
    let standings = stand().await;
    assert_eq!((standings[&ids[1]], standings[&ids[2]]), (base, Standing { updated_at: later, ..base }));
    let other = new_home(&*fixture.store, &fixture.clock, "other").await.workspace;
    assert!(fixture.store.standings(other, &ids).await.unwrap().is_empty());
    assert!(fixture.store.standings(workspace, &[]).await.unwrap().is_empty());
}

pub async fn executions_of_a_workflow_are_counted(fixture: Fixture) {
    let home = fixture.home;
    let second = Home { workflow: fixture.id(), ..home };
    for (index, status) in ExecutionStatus::ALL.into_iter().enumerate() {
        let mut execution = fixture.execution();
        execution.progress.status = status;
        execution.origin.created_at = START.plus_ms(index as i64);
        fixture.write(create(&execution)).await.unwrap();
    }
    fixture.write(create(&fixture.execution_in(second))).await.unwrap();
    let tally = async |workflow: WorkflowId| fixture.store.tally(home.workspace, workflow).await.unwrap();
    let expected = Tally { executions: 9, completed: 1, failed: 2, last_at: Some(START.plus_ms(8)) };
    assert_eq!(tally(home.workflow).await, expected);
    assert_eq!(tally(second.workflow).await.executions, 1);
    assert_eq!(tally(fixture.id()).await, Tally::default());
    let other = new_home(&*fixture.store, &fixture.clock, "other").await.workspace;
    assert_eq!(fixture.store.tally(other, home.workflow).await.unwrap(), Tally::default());
}

pub async fn the_oldest_pod_is_the_first_one(fixture: Fixture) {
    let home = fixture.home;
    let next = Home { pod: fixture.id(), ..home };
    fixture.store.change(Change::CreatePod(pod(next, "next", START)), &ada(), None).await.unwrap();
    let oldest = async || fixture.store.oldest_pod(home.workspace).await.unwrap().map(|pod| pod.id);
    assert_eq!(oldest().await, Some(home.pod));
    fixture.store.change(Change::DeletePod(home.workspace, home.pod), &ada(), None).await.unwrap();
    assert_eq!(oldest().await, Some(next.pod));
    fixture.store.change(Change::DeletePod(home.workspace, next.pod), &ada(), None).await.unwrap();
    assert_eq!(oldest().await, None::<PodId>);
}

pub async fn lists_have_inputs_if_asked(fixture: Fixture) {
    let execution = fixture.created().await;
    for (with_inputs, input) in [(false, serde_json::Value::Null), (true, execution.origin.input.clone())] {
        let filter = ExecutionFilter { with_inputs, ..ExecutionFilter::default() };
        let page = fixture.store.executions(fixture.home.workspace, &filter, 9, None).await.unwrap();
        assert_eq!(page.items[0].origin.input, input);
    }
}
