//! The laws of the machine, and what it decides case by case; [`random`] drives it with whatever can happen.

mod compensating;
mod deciding;
mod random;
mod stopping;
mod tasks;

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::{
        definition::Definition,
        event::{Event, NodeStatus},
        execution::{ExecutionOrigin, ExecutionStatus, Presets, TriggeredBy},
        failure::{Failure, FailureCode},
        graph::Graph,
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
        suspension::{Decision, DecisionSource, OnExpiry, Policy, SuspensionKind},
    },
    nodes::{
        Common, CompiledNode, CompiledWorkflow, Completion, Join, Node, NodeContext, OnItemError, Outcome, Question,
        Retry, Role, Step,
    },
};

use super::{Command, Limits, Machine};

struct Inert;

impl Node for Inert {
    fn start(&self, _: &NodeContext<'_>) -> Step {
        Outcome::output(Value::Null).into()
    }
}

/// A workflow whose nodes are what their type says, with configuration straight from `data`.
fn workflow(definition: &Value) -> Arc<CompiledWorkflow> {
    let definition: Definition = serde_json::from_value(definition.clone()).unwrap();
    let graph = Graph::compile(&definition).unwrap();
    let nodes = definition.nodes.iter().map(|node| {
        let text = |key: &str| node.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| node.data.get(key).and_then(Value::as_i64);
        let kind = match node.type_name() {
            "approval-gate" => "approval-gate",
            "ask-human" => "ask-human",
            "end" => "end",
            _ => "plain",
        };
        let role = match node.type_name() {
            "end" => Role::End { terminate: node.data.contains_key("terminate") },
            "loop" => Role::Loop {
                concurrency: number("concurrency").unwrap_or(1) as usize,
                on_item_error: match text("onItemError").as_str() {
                    "continue" => OnItemError::Continue,
                    "collect" => OnItemError::Collect,
                    _ => OnItemError::Fail,
                },
            },
            "task" => {
                Role::Task { max_leases: number("maxLeases").unwrap_or(3), queue_timeout_ms: number("queueTimeoutMs") }
            }
            _ => Role::Plain,
        };
        let retry = number("attempts").map(|max_attempts| Retry {
            max_attempts,
            exponential: true,
            initial_ms: 100,
            max_ms: 10_000,
            jitter: true,
            retry_on: Vec::new(),
        });
        let join = if text("join") == "any" { Join::Any } else { Join::All };
        let common = Common { join, retry, timeout_ms: number("timeoutMs"), on_error: None };
        let (node, secrets) = (Box::new(Inert), Vec::new());
        CompiledNode { kind, name: None, node, role, common, run_if: None, secrets, mock: None }
    });
    Arc::new(CompiledWorkflow {
        nodes: nodes.collect(),
        graph,
        timeout_ms: None,
        priority: None,
        subscriptions: Vec::new(),
        concurrency: None,
        dedupe: crate::domain::admission::Dedupe::default(),
        variables: crate::nodes::Variables::default(),
    })
}

fn origin() -> ExecutionOrigin {
    ExecutionOrigin {
        id: ExecutionId(Uuid::from_u128(1)),
        workspace_id: WorkspaceId(Uuid::from_u128(2)),
        pod_id: PodId(Uuid::from_u128(3)),
        workflow_id: WorkflowId(Uuid::from_u128(4)),
        workflow_version: 1,
        triggered_by: TriggeredBy::Manual,
        trigger_id: None,
        input: json!({ "n": 1 }),
        context: json!({}),
        subject: None,
        priority: 0,
        dedupe_key: None,
        concurrency_key: None,
        idempotency_key: None,
        parent_execution_id: None,
        depth: 0,
        replay_of: None,
        from_node_id: None,
        presets: Presets::new(),
        mocks: false,
        run_at: None,
        expires_at: None,
        debounce_key: None,
        lane: None,
        created_by: "someone".to_owned(),
        created_at: Instant(0),
    }
}

/// A machine with its log and its own time.
struct Run {
    machine: Machine,
    log: Vec<Event>,
    now: Instant,
    ids: u128,
}

impl Run {
    fn new(definition: &Value) -> Self {
        let mut run = Self {
            machine: Machine::new(workflow(definition), &origin(), Limits::default()),
            log: Vec::new(),
            now: Instant(1_000),
            ids: 100,
        };
        run.say(Command::Record(None));
        run.say(Command::Begin);
        run
    }

    fn say(&mut self, command: Command) {
        self.machine.decide(self.now, command);
        self.log.extend(self.machine.take());
    }

    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn finish(&mut self, address: &str, outcome: Outcome) {
        let attempt = self.machine.state.run(address).unwrap().attempt;
        let new_id = self.new_id();
        self.say(Command::Finish { address: address.to_owned(), attempt, outcome, new_id });
    }

    fn start_all(&mut self) {
        while let Some(address) = self.machine.startable(self.now) {
            self.say(Command::Start(address));
        }
    }

    /// Starts a run and gives it this result.
    fn pass(&mut self, address: &str, output: Value) {
        self.start_all();
        self.finish(address, Outcome::output(output));
    }

    fn through(&mut self, address: &str, port: &str) {
        self.start_all();
        let completion = Completion { output: Arc::new(json!(port)), port: Some(port.to_owned()), transparent: false };
        self.finish(address, Outcome::Complete(completion));
    }

    fn status(&self, address: &str) -> Option<NodeStatus> {
        self.machine.state.run(address).and_then(|run| run.status)
    }

    /// The fold of the log as it would be read back.
    fn folded(&self) -> Machine {
        let mut folded = Machine::new(Arc::clone(&self.machine.workflow), &origin(), Limits::default());
        for event in &self.log {
            let body = event.to_body();
            let read: Event = serde_json::from_str(&body).unwrap();
            assert_eq!(&read, event, "an event survives its own wire format");
            folded.apply(&read);
        }
        folded
    }

    fn check_laws(&self) {
        let state = &self.machine.state;
        assert_eq!(&self.folded().state, state, "the state is the fold of the log");
        let snapshot = serde_json::to_string(state).unwrap();
        assert_eq!(&serde_json::from_str::<super::state::State>(&snapshot).unwrap(), state, "a snapshot is the state");
        for (i, event) in self.log.iter().enumerate() {
            assert_eq!(event.seq(), i as i64 + 1, "positions are dense");
        }
        deciding::check_standing(&self.log);
        tasks::check_leases(&self.log);
        compensating::check_undone(&self.machine, &self.log);
        let ends: Vec<_> = self.log.iter().filter(|event| event.is_terminal()).collect();
        assert!(ends.len() <= 1, "there is one end at the most");
        assert_eq!(state.status.is_terminal(), ends.len() == 1);
        if let [end] = ends.as_slice() {
            assert_eq!(end.seq(), state.seq, "nothing follows the end");
            assert!(state.open.is_empty(), "no suspension stays open");
            assert!(state.running.is_empty() && state.waiting.is_empty() && state.retrying.is_empty());
            assert_eq!(self.machine.next_due(), None);
            assert!(state.undo.is_empty(), "nothing is left to be undone");
            assert!(state.runs.values().all(|run| run.task.is_none()), "no task stays open");
        }
    }
}

fn question(expires_at: Option<Instant>, on_expiry: OnExpiry) -> Outcome {
    Outcome::Suspend(Box::new(Question {
        kind: SuspensionKind::Approval,
        title: None,
        message: "may I?".to_owned(),
        context: None,
        form: None,
        choices: Vec::new(),
        actions: Vec::new(),
        require_reason: false,
        expires_at,
        on_expiry,
        default_answer: None,
        policy: Policy::default(),
        timeline: Vec::new(),
        notify: Vec::new(),
    }))
}

fn decision(action: &str, at: Instant) -> Decision {
    let by = Some("ada".to_owned());
    Decision {
        action: action.to_owned(),
        by,
        at,
        source: DecisionSource::Person,
        reason: None,
        comment: None,
        answer: None,
        data: None,
        votes: Vec::new(),
    }
}

/// Nodes as `id:type`, edges as `a>b` or `a.port>b`; a node `x@l` is in the body of loop `l`.
fn graph(nodes: &str, edges: &str) -> Value {
    let nodes: Vec<Value> = nodes
        .split_whitespace()
        .map(|node| {
            let (id, kind) = node.split_once(':').unwrap();
            let (kind, data) = kind.split_once('?').unwrap_or((kind, ""));
            let (id, parent) = id.split_once('@').map_or((id, None), |(id, parent)| (id, Some(parent)));
            let data: serde_json::Map<_, _> = data
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.parse::<i64>().map_or(json!(value), |n| json!(n))))
                .collect();
            let mut node = json!({ "id": id, "type": kind, "data": data });
            if let Some(parent) = parent {
                node["parentId"] = json!(parent);
            }
            node
        })
        .collect();
    let edges: Vec<Value> = edges
        .split_whitespace()
        .map(|edge| {
            let (source, target) = edge.split_once('>').unwrap();
            let (source, port) = source.split_once('.').map_or((source, None), |(s, port)| (s, Some(port)));
            json!({ "source": source, "target": target, "sourceHandle": port })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges })
}

#[test]
fn a_chain_completes_with_the_output_of_its_end() {
    let mut run = Run::new(&graph("s:start a:x e:end", "s>a a>e"));
    run.pass("s", json!(1));
    run.pass("a", json!(2));
    run.pass("e", json!(3));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    assert_eq!(run.machine.progress().output, Some(json!(3)));
    run.check_laws();
}

/// A null is a value: what came last, and the output of the first end that was reached.
#[test]
fn a_null_is_an_output() {
    let mut run = Run::new(&graph("s:start a:x b:x", "s>a s>b"));
    run.pass("s", json!(1));
    run.pass("a", json!(2));
    run.pass("b", json!(null));
    run.check_laws();
    assert_eq!(run.machine.progress().output, Some(json!(null)));

    let mut run = Run::new(&graph("s:start e:end f:end", "s>e s>f"));
    run.pass("s", json!(1));
    run.pass("e", json!(null));
    run.check_laws();
    run.machine = run.folded();
    run.pass("f", json!(2));
    assert_eq!(run.machine.progress().output, Some(json!(null)), "the first end stays the first after a crash");
}

#[test]
fn a_snapshot_of_old_has_no_nulls_that_are_values() {
    let mut run = Run::new(&graph("s:start a:x", "s>a"));
    run.pass("s", json!(1));
    let mut old = serde_json::to_value(&run.machine.state).unwrap();
    old.as_object_mut().unwrap().remove("format");
    old["output"] = json!(null);
    old["runs"]["a"]["output"] = json!(null);
    old["runs"]["a"]["flow"] = json!(null);
    let read = super::state::State::from_snapshot(&old.to_string()).unwrap();
    assert_eq!(read, run.machine.state);
}

#[test]
fn skipping_spreads_and_a_join_waits_for_all_taken_branches() {
    let mut run = Run::new(&graph("s:start i:if a:x b:x c:x j:x e:end", "s>i i.if>a i.else>b b>c a>j c>j j>e"));
    run.pass("s", json!(1));
    run.through("i", "if");
    assert_eq!((run.status("b"), run.status("c")), (Some(NodeStatus::Skipped), Some(NodeStatus::Skipped)));
    assert_eq!(run.status("j"), None, "the join waits for the taken branch");
    run.pass("a", json!("a"));
    run.pass("j", json!("j"));
    run.pass("e", json!("e"));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    run.check_laws();
}

#[test]
fn a_join_of_any_runs_once_at_the_first_taken_edge() {
    let mut run = Run::new(&graph("s:start a:x b:x j:x?join=any e:end", "s>a s>b a>j b>j j>e"));
    run.pass("s", json!(1));
    run.pass("a", json!("a"));
    run.pass("j", json!("first"));
    run.pass("b", json!("b"));
    run.pass("e", json!("e"));
    assert_eq!(run.machine.state.run("j").unwrap().attempt, 1);
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    run.check_laws();
}

#[test]
fn a_wired_error_port_handles_the_failure_after_the_last_retry() {
    let mut run = Run::new(&graph("s:start a:x?attempts=2 h:x e:end", "s>a a>e a.error>h h>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("a", Outcome::Fail(Failure::retryable(FailureCode::HttpFailed, "reset")));
    assert_eq!(run.status("a"), Some(NodeStatus::Retrying));
    let due = run.machine.next_due().unwrap();
    assert!(run.machine.startable(run.now).is_none(), "not before its time");
    run.now = due;
    run.start_all();
    assert_eq!(run.machine.state.run("a").unwrap().attempt, 2);
    run.finish("a", Outcome::Fail(Failure::retryable(FailureCode::HttpFailed, "reset")));
    run.pass("h", json!("handled"));
    run.pass("e", json!("end"));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    run.check_laws();
}

#[test]
fn a_late_result_of_an_older_attempt_changes_nothing() {
    let mut run = Run::new(&graph("s:start a:x e:end", "s>a a>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.say(Command::Interrupted("a".to_owned()));
    assert_eq!(run.machine.state.run("a").unwrap().attempt, 2);
    let before = run.log.len();
    let outcome = Outcome::output(json!("late"));
    run.say(Command::Finish { address: "a".to_owned(), attempt: 1, outcome, new_id: Uuid::nil() });
    assert_eq!(run.log.len(), before);
    run.check_laws();
}

#[test]
fn parallel_suspensions_are_answered_each_on_its_own() {
    let gates = "s:start p:approval-gate q:approval-gate e:end";
    let mut run = Run::new(&graph(gates, "s>p s>q p.approved>e q.approved>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("p", question(None, OnExpiry::Fail));
    assert_eq!(run.machine.state.status, ExecutionStatus::Running, "a sibling still runs");
    run.finish("q", question(None, OnExpiry::Fail));
    assert_eq!(run.machine.state.status, ExecutionStatus::Suspended);
    let ids: Vec<_> = run.machine.state.open.keys().copied().collect();
    for (i, id) in ids.iter().enumerate() {
        let decision = decision("approved", run.now);
        run.say(Command::Answer { suspension_id: *id, decision: decision.clone() });
        run.say(Command::Answer { suspension_id: *id, decision });
        assert_eq!(run.machine.state.open.len(), 1 - i);
    }
    run.pass("e", json!("end"));
    assert_eq!(run.machine.state.status, ExecutionStatus::Completed);
    run.check_laws();
}

#[test]
fn every_expiry_action_does_what_it_says_and_approves_only_when_written_so() {
    for (on_expiry, status, port) in [
        (OnExpiry::Fail, NodeStatus::Failed, None),
        (OnExpiry::Reject, NodeStatus::Completed, Some("rejected")),
        (OnExpiry::Approve, NodeStatus::Completed, Some("approved")),
        (OnExpiry::Cancel, NodeStatus::Cancelled, None),
        (OnExpiry::Default, NodeStatus::Completed, Some("approved")),
        (OnExpiry::Port("later".to_owned()), NodeStatus::Completed, Some("later")),
    ] {
        let edges = "s>p p.approved>e p.rejected>e p.later>e";
        let mut run = Run::new(&graph("s:start p:approval-gate e:end", edges));
        run.pass("s", json!(1));
        run.start_all();
        run.finish("p", question(Some(Instant(5_000)), on_expiry.clone()));
        run.now = Instant(4_999);
        run.say(Command::Tick);
        assert_eq!(run.status("p"), Some(NodeStatus::Suspended), "{on_expiry:?}");
        run.now = run.machine.next_due().unwrap();
        assert_eq!(run.now, Instant(5_000));
        run.say(Command::Tick);
        assert_eq!(run.status("p"), Some(status), "{on_expiry:?}");
        assert_eq!(run.machine.state.run("p").unwrap().port.as_deref(), port, "{on_expiry:?}");
        run.check_laws();
    }
}

#[test]
fn a_rejection_without_an_edge_fails_the_execution_with_the_reason() {
    let mut run = Run::new(&graph("s:start p:approval-gate e:end", "s>p p.approved>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("p", question(None, OnExpiry::Fail));
    let suspension_id = *run.machine.state.open.keys().next().unwrap();
    let decision = Decision { reason: Some("too dear".to_owned()), ..decision("rejected", run.now) };
    run.say(Command::Answer { suspension_id, decision });
    let error = run.machine.progress().error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (FailureCode::Rejected, "rejected by ada: too dear"));
    run.check_laws();
}

#[test]
fn a_loop_keeps_its_concurrency_and_the_order_of_its_results() {
    let nodes = "s:start l:loop?concurrency=2 b@l:x e:end";
    let mut run = Run::new(&graph(nodes, "s>l l>e"));
    run.pass("s", json!(1));
    run.start_all();
    run.finish("l", Outcome::Iterate(vec![json!("x"), json!("y"), json!("z")]));
    run.start_all();
    assert_eq!(run.status("l[1]/b"), Some(NodeStatus::Running));
    assert_eq!(run.status("l[2]/b"), None, "two at a time");
    run.pass("l[1]/b", json!("Y"));
    run.pass("l[2]/b", json!("Z"));
    run.pass("l[0]/b", json!("X"));
    let output = run.machine.state.run("l").unwrap().output.clone().unwrap();
    assert_eq!(output["results"], json!(["X", "Y", "Z"]));
    run.pass("e", json!("end"));
    run.check_laws();
}

#[test]
fn the_failure_of_an_item_stops_its_siblings_or_is_collected() {
    for (mode, status) in [("fail", NodeStatus::Failed), ("collect", NodeStatus::Completed)] {
        let nodes = format!("s:start l:loop?concurrency=3&onItemError={mode} b@l:x e:end");
        let mut run = Run::new(&graph(&nodes, "s>l l>e"));
        run.pass("s", json!(1));
        run.start_all();
        run.finish("l", Outcome::Iterate(vec![json!(0), json!(1), json!(2), json!(3)]));
        run.start_all();
        run.finish("l[1]/b", Outcome::Fail(Failure::new(FailureCode::InvalidValue, "bad item")));
        if mode == "fail" {
            assert_eq!(run.status("l[0]/b"), Some(NodeStatus::Cancelled));
        } else {
            for i in [0, 2, 3] {
                run.pass(&format!("l[{i}]/b"), json!(i));
            }
            let output = run.machine.state.run("l").unwrap().output.clone().unwrap();
            assert_eq!(output["results"], json!([0, null, 2, 3]));
            assert_eq!(output["errors"][0]["index"], json!(1));
        }
        assert_eq!(run.status("l"), Some(status), "{mode}");
        run.check_laws();
    }
}
