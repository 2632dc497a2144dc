//! What takes an execution down before all its nodes have run, and in which state that leaves it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Run, graph};
use crate::{
    domain::{
        event::{Event, NodeStatus},
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        ids::WorkflowId,
    },
    engine::machine::Command,
    nodes::{ChildRequest, Outcome},
};

#[test]
fn an_unhandled_failure_cancels_the_branches_still_running() {
    let mut run = Run::new(&graph("s:start a:x b:x e:end", "s>a s>b a>e b>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("a", Outcome::Fail(Failure::new(FailureCode::HttpStatus, "503")));
    assert_eq!(run.status("b"), Some(NodeStatus::Cancelled));
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    assert_eq!(run.machine.progress().error.unwrap().node_id.as_deref(), Some("a"));
    run.check_laws();
}

#[test]
fn no_child_outlives_a_cancelled_parent() {
    let mut run = Run::new(&graph("s:start c:x b:x e:end", "s>c s>b c>e b>e"));
    run.pass("s", json!(1));
    run.start_all();
    let workflow_id = WorkflowId(Uuid::nil());
    let request = ChildRequest { workflow_id, version: None, input: Value::Null, wait: true };
    run.finish("c", Outcome::Child(Box::new(request)));
    let child = run.machine.state.run("c").unwrap().child.unwrap();
    run.say(Command::Cancel { by: Some("ada".to_owned()), reason: None });
    assert_eq!(run.machine.state.status, ExecutionStatus::Cancelling, "the child still lives");
    assert_eq!(run.status("b"), Some(NodeStatus::Cancelled));
    assert_eq!(run.machine.children_to_cancel(), vec![child]);
    run.check_laws();
    let result = Err(Failure::new(FailureCode::ChildFailed, "cancelled"));
    run.say(Command::ChildEnded { address: "c".to_owned(), child, result });
    assert_eq!(run.machine.state.status, ExecutionStatus::Cancelled);
    let Some(Event::ExecutionCancelled(end)) = run.log.last() else { panic!("the last event is the end") };
    assert_eq!(end.report.children, vec![child]);
    assert_eq!(end.report.by.as_deref(), Some("ada"));
    run.check_laws();
}

/// What was decided first stays decided, so that nobody reads "cancelled" over a failure that has to be looked at.
#[test]
fn a_cancellation_of_an_execution_that_already_fails_leaves_it_failed() {
    let mut run = Run::new(&graph("s:start c:x b:x", "s>c s>b"));
    run.pass("s", json!(1));
    run.start_all();
    let workflow_id = WorkflowId(Uuid::nil());
    let request = ChildRequest { workflow_id, version: None, input: Value::Null, wait: true };
    run.finish("c", Outcome::Child(Box::new(request)));
    let child = run.machine.state.run("c").unwrap().child.unwrap();
    run.finish("b", Outcome::Fail(Failure::new(FailureCode::HttpFailed, "broken")));
    assert_eq!(run.machine.state.status, ExecutionStatus::Cancelling, "the child still lives");
    run.say(Command::Cancel { by: Some("ada".to_owned()), reason: None });
    run.say(Command::ChildEnded { address: "c".to_owned(), child, result: Ok(Value::Null) });
    assert_eq!(run.machine.state.status, ExecutionStatus::Failed);
    run.check_laws();
}

#[test]
fn an_end_that_terminates_takes_the_other_branches_down() {
    let mut run = Run::new(&graph("s:start a:x b:x e:end?terminate=1 f:end", "s>a s>b a>e b>f"));
    run.pass("s", json!(1));
    run.pass("a", json!("a"));
    run.pass("e", json!("done"));
    assert_eq!(run.status("b"), Some(NodeStatus::Cancelled));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    assert_eq!(run.machine.progress().output, Some(json!("done")));
    run.check_laws();
}
