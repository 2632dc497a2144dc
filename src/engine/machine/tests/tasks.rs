//! Tasks: leases, fences, what comes late.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Run, graph};
use crate::{
    clock::Instant,
    domain::{
        event::{Event, NodeStatus},
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        ids::TaskId,
        task::{TaskState, TaskStats},
    },
    engine::machine::{Action, Command, LeaseStanding, Returned},
    nodes::{Outcome, TaskRequest},
};

/// What the log says of each task: queued first, leased with fences that count from 1, ended once, and nothing after.
pub(super) fn check_leases(log: &[Event]) {
    let mut known: HashMap<TaskId, (TaskState, i64)> = HashMap::new();
    for event in log {
        let Event::TaskUpdate(e) = event else { continue };
        let before = known.insert(e.task_id, (e.state, e.fence));
        match (before, e.state) {
            (None, TaskState::Queued) => assert_eq!(e.fence, 0),
            (Some((TaskState::Queued, fence)), TaskState::Leased) => assert_eq!(e.fence, fence + 1),
            (Some((TaskState::Leased, fence)), TaskState::Queued | TaskState::Completed | TaskState::Failed)
            | (Some((TaskState::Queued | TaskState::Leased, fence)), TaskState::Withdrawn) => {
                assert_eq!(e.fence, fence);
            }
            (before, state) => panic!("{before:?} then {state:?}"),
        }
    }
}

pub(super) fn request() -> Outcome {
    Outcome::Task(Box::new(TaskRequest { queue: "q".to_owned(), input: json!(1), lease_ms: 30_000 }))
}

/// A workflow of one task, queued.
fn queued(data: &str) -> (Run, TaskId) {
    let mut run = Run::new(&graph(&format!("begin:start t:task?{data} finish:end"), "begin>t t>finish"));
    run.pass("begin", json!(0));
    run.start_all();
    run.finish("t", request());
    let task = run.machine.state.run("t").unwrap().task.as_ref().unwrap().task_id;
    (run, task)
}

impl Run {
    fn lease(&mut self, task: TaskId) -> i64 {
        self.say(Command::Lease { address: "t".into(), task, worker: "w".into() });
        self.machine.state.run("t").unwrap().task.as_ref().unwrap().fence
    }

    fn give_back(&mut self, task: TaskId, fence: i64, reason: Returned) {
        self.say(Command::Return { address: "t".into(), task, fence, reason });
    }

    fn done(&mut self, task: TaskId, fence: i64, result: Result<Value, Failure>) {
        self.say(Command::TaskDone { address: "t".into(), task, fence, result, stats: None });
    }

    fn standing(&self, task: TaskId, fence: i64) -> LeaseStanding {
        self.machine.lease_standing("t", task, fence)
    }
}

#[test]
fn a_worker_does_it() {
    let (mut run, task) = queued("x=1");
    assert_eq!((run.status("t"), run.machine.state.status), (Some(NodeStatus::Running), ExecutionStatus::Running));
    assert!(!run.machine.runs_in_process("t") && run.machine.interrupted_runs().is_empty());
    let fence = run.lease(task);
    assert_eq!((fence, run.standing(task, 1)), (1, LeaseStanding::Holds(1)));
    // Who has it, has it.
    assert_eq!(run.lease(task), 1);
    run.done(task, fence, Ok(json!("done")));
    assert_eq!(run.status("t"), Some(NodeStatus::Completed));
    assert_eq!((run.standing(task, 1), run.standing(task, 2)), (LeaseStanding::Done, LeaseStanding::Over));
    run.pass("finish", json!("end"));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    run.check_laws();
}

#[test]
fn a_late_result_changes_nothing() {
    let (mut run, task) = queued("x=1");
    let first = run.lease(task);
    run.give_back(task, first, Returned::Lost);
    assert_eq!(run.machine.state.run("t").unwrap().attempt, 2);
    let second = run.lease(task);
    assert_eq!((first, second), (1, 2));
    let before = run.log.len();
    run.done(task, first, Ok(json!("late")));
    run.give_back(task, first, Returned::Lost);
    assert_eq!((run.log.len(), run.standing(task, first)), (before, LeaseStanding::Over));
    run.give_back(task, second, Returned::Released);
    assert_eq!(run.machine.state.run("t").unwrap().attempt, 2, "giving back is no attempt");
    let third = run.lease(task);
    run.done(task, third, Err(Failure::new(FailureCode::TaskFailed, "no")));
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    assert_eq!((run.standing(task, third), run.standing(task, second)), (LeaseStanding::Done, LeaseStanding::Over));
    run.check_laws();
}

#[test]
fn too_many_lost_workers_fail_the_node() {
    let (mut run, task) = queued("maxLeases=2");
    for _ in 0..2 {
        let fence = run.lease(task);
        run.give_back(task, fence, Returned::Lost);
    }
    assert_eq!(run.machine.state.error.as_ref().unwrap().code, FailureCode::WorkerLost);
    assert_eq!(run.standing(task, 2), LeaseStanding::Withdrawn);
    run.check_laws();
}

#[test]
fn a_failure_is_tried_again_as_a_new_task() {
    let (mut run, task) = queued("attempts=2");
    let fence = run.lease(task);
    run.done(task, fence, Err(Failure::retryable(FailureCode::TaskFailed, "busy")));
    assert_eq!(run.status("t"), Some(NodeStatus::Retrying));
    run.now = run.machine.next_due().unwrap();
    run.start_all();
    run.finish("t", request());
    let again = run.machine.state.run("t").unwrap().task.as_ref().unwrap().task_id;
    assert_ne!(again, task);
    assert_eq!(run.standing(task, fence), LeaseStanding::Withdrawn);
    run.check_laws();
}

#[test]
fn the_clock_of_an_attempt_runs_while_a_worker_has_it() {
    let (mut run, task) = queued("timeoutMs=50&queueTimeoutMs=500");
    assert_eq!(run.machine.next_due(), Some(run.now.plus_ms(500)));
    run.now = run.now.plus_ms(400);
    let fence = run.lease(task);
    let due = run.now.plus_ms(50);
    assert_eq!(run.machine.next_due(), Some(due));
    run.now = Instant(due.0 - 1);
    run.say(Command::Tick);
    assert_eq!(run.standing(task, fence), LeaseStanding::Holds(1));
    run.now = due;
    run.say(Command::Tick);
    assert_eq!(run.machine.state.error.as_ref().unwrap().code, FailureCode::Timeout);
    assert_eq!(run.standing(task, fence), LeaseStanding::Withdrawn);
    run.check_laws();

    let (mut run, _) = queued("queueTimeoutMs=500");
    run.now = run.now.plus_ms(500);
    run.say(Command::Tick);
    let error = run.machine.state.error.clone().unwrap();
    assert_eq!((error.code, error.message.as_str()), (FailureCode::Timeout, "no worker took the task in time"));
}

#[test]
fn a_cancellation_withdraws_it() {
    for leased in [false, true] {
        let (mut run, task) = queued("x=1");
        if leased {
            run.lease(task);
        }
        run.say(Command::Cancel { by: None, reason: None });
        assert_eq!(run.machine.state.status, ExecutionStatus::Cancelled);
        let Some(Event::ExecutionCancelled(end)) = run.log.last() else { panic!("no end") };
        assert_eq!(end.report.tasks, [task]);
        assert_eq!(run.standing(task, 1), LeaseStanding::Withdrawn);
        run.check_laws();
    }
}

#[test]
fn actions_are_counted_and_the_workers_own_counts_stand() {
    let (mut run, task) = queued("x=1");
    let fence = run.lease(task);
    for kind in ["step", "screenshot", "click", "thought", "screenshot"] {
        let action = Action { kind: kind.into(), title: "x".into(), detail: None, artifact_id: None };
        run.say(Command::Action { address: "t".into(), attempt: 1, action });
    }
    let stats = run.machine.state.stats;
    assert_eq!((stats.leases, stats.steps, stats.agent_actions, stats.screenshots), (1, 1, 2, 2));
    let stats = Some(TaskStats { steps: Some(9), agent_actions: Some(0), screenshots: None });
    run.say(Command::TaskDone { address: "t".into(), task, fence, result: Ok(json!(1)), stats });
    let stats = run.machine.state.stats;
    assert_eq!((stats.steps, stats.agent_actions, stats.screenshots), (9, 0, 2));
    run.check_laws();
}
