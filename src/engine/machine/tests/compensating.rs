//! Compensations: what is undone, in which order, and what becomes of those that fail.

use serde_json::json;

use super::{Run, graph};
use crate::{
    domain::{
        event::{Event, NodeStatus},
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        stopping::Compensation,
    },
    engine::machine::{Command, Machine},
    nodes::Outcome,
};

/// `hotel` and `flight` are booked one after the other; then comes `pay`.
const TRIP: (&str, &str) = (
    "s:start hotel:x flight:x pay:x e:end leave:x?compensates=hotel land:x?compensates=flight&attempts=2",
    "s>hotel hotel>flight flight>pay pay>e",
);

fn broken() -> Outcome {
    Outcome::Fail(Failure::new(FailureCode::HttpFailed, "broken"))
}

fn booked() -> Run {
    let mut run = Run::new(&graph(TRIP.0, TRIP.1));
    run.pass("s", json!(1));
    run.pass("hotel", json!("room 7"));
    run.pass("flight", json!("seat 12"));
    run.start_all();
    run
}

fn report(run: &Run) -> Option<Compensation> {
    match run.log.last() {
        Some(Event::ExecutionFailed(end)) => end.compensation.clone(),
        Some(Event::ExecutionCancelled(end)) => end.compensation.clone(),
        other => panic!("no bad end: {other:?}"),
    }
}

/// The law of compensation: in an execution that failed or was cancelled, what had completed was undone, the last first, and nothing
/// else was.
pub fn check_undone(machine: &Machine, log: &[Event]) {
    let graph = &machine.workflow.graph;
    let (mut to_undo, mut given_up) = (Vec::new(), false);
    for event in log {
        match event {
            Event::NodeUpdate(e) => {
                let node = graph.index_of(&e.node_id).unwrap();
                let scope = e.path.as_deref().and_then(|path| path.rsplit_once('/')).map(|(scope, _)| scope.to_owned());
                if let Some(compensation) = graph.nodes[node].compensation
                    && e.status == NodeStatus::Completed
                {
                    to_undo.push((scope, compensation));
                } else if graph.nodes[node].compensates.is_some() && e.status.is_final() && !given_up {
                    assert_eq!(to_undo.pop(), Some((scope, node)), "the last is undone first");
                }
            }
            Event::ExecutionStatus(e) => given_up |= e.reason.as_deref() == Some(super::super::compensate::GIVEN_UP),
            Event::ExecutionFailed(_) | Event::ExecutionCancelled(_) if !given_up => {
                assert!(to_undo.is_empty(), "all is undone: {to_undo:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn a_failure_undoes_what_was_done_the_last_first() {
    let mut run = booked();
    run.finish("pay", broken());
    assert_eq!(run.machine.state.status, ExecutionStatus::Cancelling);
    assert_eq!(run.machine.startable(run.now).as_deref(), Some("land"), "one at a time");
    assert_eq!(*run.machine.handed_to("land"), json!("seat 12"));
    run.pass("land", json!("landed"));
    assert_eq!(*run.machine.handed_to("leave"), json!("room 7"));
    run.pass("leave", json!("left"));
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    assert_eq!(run.machine.progress().error.unwrap().node_id.as_deref(), Some("pay"));
    let done = vec!["land".to_owned(), "leave".to_owned()];
    assert_eq!(report(&run), Some(Compensation { done, failed: Vec::new() }));
    run.check_laws();
}

#[test]
fn a_cancellation_of_what_waits_undoes_it_too() {
    let mut run = booked();
    run.say(Command::Cancel { by: Some("ada".to_owned()), reason: Some("changed my mind".to_owned()) });
    assert_eq!(run.status("pay"), Some(NodeStatus::Cancelled));
    // Another process goes on from here.
    run.machine = run.folded();
    run.pass("land", json!(null));
    run.say(Command::Cancel { by: None, reason: None });
    run.pass("leave", json!(null));
    let Some(Event::ExecutionCancelled(end)) = run.log.last() else { panic!("cancelled") };
    assert_eq!(end.report.by.as_deref(), Some("ada"));
    assert_eq!(end.report.reason.as_deref(), Some("changed my mind"));
    run.check_laws();
}

#[test]
fn nothing_is_undone_where_all_went_well_or_nothing_was_done() {
    let mut run = booked();
    run.pass("pay", json!(1));
    run.pass("e", json!(1));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    assert_eq!(run.status("leave"), None);
    run.check_laws();

    let mut run = Run::new(&graph(TRIP.0, TRIP.1));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("hotel", broken());
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    assert_eq!(report(&run), None);
    run.check_laws();
}

#[test]
fn a_compensation_is_tried_again_and_its_failure_keeps_no_other_from_being_undone() {
    let mut run = booked();
    run.finish("pay", broken());
    run.start_all();
    run.finish("land", Outcome::Fail(Failure::retryable(FailureCode::HttpFailed, "busy")));
    assert_eq!(run.status("land"), Some(NodeStatus::Retrying));
    assert_eq!(run.machine.startable(run.now), None, "not yet");
    run.now = run.machine.next_due().expect("a timer");
    assert_eq!(run.machine.startable(run.now).as_deref(), Some("land"));
    run.start_all();
    run.finish("land", broken());
    assert_eq!(run.status("land"), Some(NodeStatus::Failed));
    run.pass("leave", json!(null));
    let (done, failed) = (vec!["leave".to_owned()], vec!["land".to_owned()]);
    assert_eq!(report(&run), Some(Compensation { done, failed }));
    run.check_laws();
}

#[test]
fn what_iterations_did_is_undone_with_their_items() {
    let nodes = "s:start each:loop?concurrency=2 take@each:x give@each:x?compensates=take pay:x";
    let mut run = Run::new(&graph(nodes, "s>each each>pay"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("each", Outcome::Iterate(vec![json!("a"), json!("b"), json!("c")]));
    run.start_all();
    for index in [1, 0, 2] {
        run.pass(&format!("each[{index}]/take"), json!(format!("took {index}")));
    }
    run.start_all();
    run.finish("pay", broken());
    for (index, item) in [(2, "c"), (0, "a"), (1, "b")] {
        let at = format!("each[{index}]/give");
        assert_eq!(run.machine.startable(run.now).as_ref(), Some(&at));
        assert_eq!(*run.machine.handed_to(&at), json!(format!("took {index}")));
        assert_eq!(run.machine.item_of(&format!("each[{index}]")), Some((&json!(item), index)));
        run.pass(&at, json!(null));
    }
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    run.check_laws();
}

#[test]
fn compensations_that_can_not_be_carried_on_are_given_up() {
    let mut run = booked();
    run.finish("pay", broken());
    run.start_all();
    run.say(Command::Abort(Failure::new(FailureCode::Internal, "poison")));
    assert_eq!(run.status("land"), Some(NodeStatus::Cancelled));
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    assert_eq!(run.machine.progress().error.unwrap().message, "broken", "what was decided first stays decided");
    let failed = vec!["leave".to_owned(), "land".to_owned()];
    assert_eq!(report(&run), Some(Compensation { done: Vec::new(), failed }));
    run.check_laws();
}
