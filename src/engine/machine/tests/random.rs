//! Random graphs, and random orders of what can happen to them.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Run, deciding::asking, decision, graph, tasks::request};
use crate::{
    clock::Instant,
    domain::{
        event::{Event, NodeStatus},
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        identity::Role,
        ids::{SuspensionId, WorkflowId},
        suspension::{Approvers, Decision, Policy, Quorum, TimelineAction, TimelineStep},
        task::{TaskStanding, TaskState},
    },
    engine::machine::{Command, Returned},
    nodes::{self, ChildRequest, Outcome},
};

/// A random graph without cycles: every node but the first has an edge from an earlier one.
/// With compensations, some of its nodes are undone by others.
fn any_graph(compensations: bool) -> impl Strategy<Value = Value> {
    let node = (0..8_u8, any::<u64>(), any::<u64>(), any::<bool>());
    prop::collection::vec(node, 1..12).prop_map(move |nodes| {
        let mut all = vec!["n0:start".to_owned()];
        let mut edges = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (i, (kind, from, second, any)) in nodes.iter().enumerate() {
            let id = format!("n{}", i + 1);
            let kind = match kind {
                0 => "approval-gate".to_owned(),
                1 => "end".to_owned(),
                2 => "x?attempts=3".to_owned(),
                3 => format!(
                    "loop?concurrency={}&onItemError={}",
                    1 + from % 3,
                    ["fail", "continue", "collect"][(second % 3) as usize]
                ),
                4 if from % 7 == 0 => "end?terminate=1".to_owned(),
                5 => format!("task?maxLeases={}&timeoutMs=40&queueTimeoutMs=60&attempts=2", 1 + second % 3),
                _ if *any => "x?join=any".to_owned(),
                _ => "x".to_owned(),
            };
            if kind.starts_with("loop") {
                all.push(format!("{id}b@{id}:x"));
                all.push(format!("{id}c@{id}:approval-gate"));
                edges.push(format!("{id}b>{id}c"));
                if compensations && second % 2 == 0 {
                    all.push(format!("{id}d@{id}:x?compensates={id}b"));
                }
            }
            if compensations && kind.starts_with(['x', 't', 'l', 'a']) && from % 3 != 0 {
                all.push(format!("{id}u:x?compensates={id}&attempts={}", 1 + from % 2));
            }
            all.push(format!("{id}:{kind}"));
            for source in [from, second] {
                let source = (*source as usize) % (i + 1);
                let is_gate = all.iter().any(|node| *node == format!("n{source}:approval-gate"));
                let port = match (is_gate, second % 4) {
                    (true, 0) => ".rejected",
                    (true, _) => ".approved",
                    (false, 0) => ".error",
                    _ => "",
                };
                if seen.insert((source, i + 1)) {
                    edges.push(format!("n{source}{port}>{id}"));
                }
            }
        }
        graph(&all.join(" "), &edges.join(" "))
    })
}

/// A question with rules of any kind; it expires, so that it is over some time.
fn any_question(now: Instant, choice: u8) -> Outcome {
    let users = &PEOPLE[..=usize::from(choice % 4)];
    let approvers = Approvers {
        users: users.iter().map(|user| (*user).to_owned()).collect(),
        groups: Vec::new(),
        roles: if choice.is_multiple_of(3) { vec![Role::Admin] } else { Vec::new() },
    };
    let required = 1 + u32::from(choice / 16 % 3);
    let quorum = Quorum { required, veto_on_reject: choice % 5 < 3 };
    let policy = Policy {
        approvers: (choice % 7 > 1).then_some(approvers.clone()),
        quorum: (choice % 4 > 1).then_some(quorum),
        allow_self_approval: !choice.is_multiple_of(8),
        requester: PEOPLE[0].to_owned(),
    };
    let step = |after: i64, action, to| TimelineStep { at: now.plus_ms(after), action, to };
    let timeline = vec![
        step(3, TimelineAction::Remind, None),
        step(i64::from(choice % 20) + 3, TimelineAction::Escalate, Some(approvers)),
        step(30, TimelineAction::Remind, None),
    ];
    asking(policy, timeline, Some(now.plus_ms(40 + i64::from(choice))))
}

const PEOPLE: [&str; 4] = ["ada", "bea", "eve", "zoe"];

/// What somebody says about an open suspension. Friends answer, in the end all the same.
fn any_word(now: Instant, suspension_id: SuspensionId, choice: u8, friendly: bool) -> Command {
    let by = PEOPLE[usize::from(choice / 4 % 4)].to_owned();
    let action = if choice % 4 == 1 && !friendly { "rejected" } else { "approved" };
    match choice % 16 {
        12 if !friendly => Command::Claim { suspension_id, by },
        13 if !friendly => Command::Release { suspension_id, by },
        14 if !friendly => {
            let users = PEOPLE[usize::from(choice / 16 % 3)..].iter().map(|user| (*user).to_owned()).collect();
            let approvers = Approvers { users, ..Approvers::default() };
            Command::Reassign { suspension_id, by, approvers, reason: Some("away".to_owned()) }
        }
        _ => Command::Answer { suspension_id, decision: Decision { by: Some(by), ..decision(action, now) } },
    }
}

/// What happens to a task. Friends take it and do it.
fn any_word_of_a_worker(address: &str, standing: &TaskStanding, choice: u8, friendly: bool) -> Command {
    let (address, task) = (address.to_owned(), standing.task_id);
    // Somebody whose lease is over may speak, too.
    let fence = if choice.is_multiple_of(4) && !friendly { standing.fence - 1 } else { standing.fence };
    match choice % 16 {
        _ if standing.state == TaskState::Queued => Command::Lease { address, task, worker: "w".to_owned() },
        0..=4 if !friendly => Command::Return { address, task, fence, reason: Returned::Lost },
        5 | 6 if !friendly => Command::Return { address, task, fence, reason: Returned::Released },
        7 | 8 if !friendly => {
            let failure = Failure::retryable(FailureCode::TaskFailed, "no");
            Command::TaskDone { address, task, fence, result: Err(failure), stats: None }
        }
        _ => Command::TaskDone { address, task, fence, result: Ok(json!(choice)), stats: None },
    }
}

/// Does one of the things that can happen, chosen by `choice`; `false` if nothing can.
fn act(run: &mut Run, choice: u8, friendly: bool) -> bool {
    let state = &run.machine.state;
    if state.status.is_terminal() {
        return false;
    }
    let running: Vec<_> = state.running.iter().filter(|at| run.machine.runs_in_process(at)).cloned().collect();
    let children: Vec<_> = state.children().map(|(at, child)| (at.clone(), child)).collect();
    let open: Vec<_> = state.open.keys().copied().collect();
    let tasks: Vec<_> = state.tasks().map(|(at, task)| (at.clone(), task.clone())).collect();
    let pick = usize::from(choice);
    if let Some(address) = run.machine.startable(run.now).filter(|_| !choice.is_multiple_of(3) || friendly) {
        run.say(Command::Start(address));
    } else if let Some(address) =
        running.get(pick % running.len().max(1)).cloned().filter(|_| !choice.is_multiple_of(5) || friendly)
    {
        let node = run.machine.state.run(&address).unwrap().node;
        let is_gate = run.machine.workflow.nodes[node].kind == "approval-gate";
        let is_loop = matches!(run.machine.workflow.nodes[node].role, nodes::Role::Loop { .. });
        let is_task = matches!(run.machine.workflow.nodes[node].role, nodes::Role::Task { .. });
        let outcome = match choice % 8 {
            0 | 1 if !friendly => Outcome::Fail(Failure::retryable(FailureCode::HttpFailed, "reset")),
            2 if !friendly => Outcome::Wait { until: run.now.plus_ms(50) },
            3 if !friendly => Outcome::Child(Box::new(ChildRequest {
                workflow_id: WorkflowId(Uuid::nil()),
                version: None,
                input: Value::Null,
                wait: choice % 16 > 8,
            })),
            _ if is_loop => Outcome::Iterate((0..i32::from(choice) % 5).map(|i| json!(i)).collect()),
            _ if is_gate => any_question(run.now, choice),
            _ if is_task => request(),
            _ if choice.is_multiple_of(5) => Outcome::output(Value::Null),
            _ => Outcome::output(json!(choice)),
        };
        run.finish(&address, outcome);
    } else if let Some((address, task)) = tasks.get(pick % tasks.len().max(1)).filter(|_| !choice.is_multiple_of(7)) {
        run.say(any_word_of_a_worker(address, task, choice, friendly));
    } else if let Some((address, child)) = children.first().cloned() {
        let ok = friendly || choice.is_multiple_of(2);
        let result = if ok { Ok(json!(1)) } else { Err(Failure::new(FailureCode::ChildFailed, "x")) };
        run.say(Command::ChildEnded { address, child, result });
    } else if let Some(due) = run.machine.next_due().filter(|_| choice.is_multiple_of(6)) {
        run.now = due.max(run.now);
        run.say(Command::Tick);
    } else if let Some(id) = open.get(pick % open.len().max(1)) {
        run.say(any_word(run.now, *id, choice, friendly));
    } else if let Some(due) = run.machine.next_due() {
        run.now = due.max(run.now);
        run.say(Command::Tick);
    } else {
        return run.machine.startable(run.now).is_some() || !running.is_empty();
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: the state is the fold of the log, there is one end, and it is reached.
    #[test]
    fn any_order_of_events_keeps_the_laws_and_reaches_one_end(
        definition in any_graph(true),
        choices in prop::collection::vec(any::<u8>(), 0..120),
        cancel_at in prop::option::of(0..120_usize),
        interrupt_at in prop::option::of(0..60_usize),
    ) {
        let mut run = Run::new(&definition);
        for (i, choice) in choices.iter().enumerate() {
            if cancel_at == Some(i) {
                run.say(Command::Cancel { by: None, reason: None });
            }
            if interrupt_at == Some(i) {
                // The process dies here: another one folds the log and finds what nobody runs.
                run.machine = run.folded();
                for command in run.machine.interrupted_runs() {
                    run.say(command);
                }
            }
            act(&mut run, *choice, false);
            run.check_laws();
        }
        let mut steps = 0;
        while act(&mut run, (steps % 251) as u8, true) {
            steps += 1;
            prop_assert!(steps < 5_000, "the execution does not end: {:?}", run.machine.state);
        }
        run.check_laws();
        prop_assert!(run.machine.state.status.is_terminal(), "stuck in {:?}", run.machine.state);
    }

    /// After a cancellation nothing begins any more, and the end comes as soon as the children have ended.
    #[test]
    fn a_cancelled_execution_begins_nothing(definition in any_graph(false), choices in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut run = Run::new(&definition);
        for choice in choices {
            act(&mut run, choice, false);
        }
        // What was decided first stays decided: a failure that still waits for a child to stop ends as a failure.
        let was_decided = run.machine.state.status.is_terminal() || run.machine.state.closing.is_some();
        run.say(Command::Cancel { by: None, reason: None });
        let before = run.log.len();
        prop_assert_eq!(run.machine.startable(run.now), None);
        for (address, child) in run.machine.state.children().map(|(at, child)| (at.clone(), child)).collect::<Vec<_>>() {
            run.say(Command::ChildEnded { address, child, result: Ok(Value::Null) });
        }
        prop_assert!(run.machine.state.status.is_terminal());
        let began = run.log[before..].iter().any(|event| {
            matches!(event, Event::NodeUpdate(update) if update.status == NodeStatus::Running)
        });
        prop_assert!(!began);
        if !was_decided {
            prop_assert_eq!(run.machine.state.status, ExecutionStatus::Cancelled);
        }
        run.check_laws();
    }
}
