//! Callers who go away while their request is carried out: what was written goes on all the same.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use serde_json::{Value, json};
use sluicegate::{
    domain::{
        execution::TriggeredBy,
        identity::Role,
        suspension::{Actor, DecisionSource},
    },
    engine::{Answer, Trigger},
    nodes::forms::AnswerInput,
};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Scene, call, graph, node},
};

on_both! {
    a_trigger_whose_caller_goes_away_is_driven,
    an_answer_whose_caller_goes_away_is_acted_on,
}

const ROUNDS: usize = 20;

/// Polls a request until what it does can be seen, and drops it without another look.
async fn abandon<F: Future>(request: F, seen: impl AsyncFn() -> bool) {
    let mut request = pin!(request);
    while !seen().await {
        let done = poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
    }
}

async fn a_trigger_whose_caller_goes_away_is_driven(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    // The call keeps the execution going after its first commit.
    let workflow = scene.workflow(graph([call("call", &peer, "/ok")], "begin>call call>finish")).await;
    let executions = async || scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().clone();
    for round in 0..ROUNDS {
        let trigger = Trigger {
            workspace_id: scene.place.workspace_id.parse().unwrap(),
            pod_id: scene.place.pod_id.parse().unwrap(),
            workflow_id: workflow.parse().unwrap(),
            version: None,
            triggered_by: TriggeredBy::Manual,
            trigger_id: None,
            input: Value::Null,
            context: json!({}),
            subject: None,
            priority: None,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: None,
            replay_of: None,
            from_node_id: None,
            presets: std::collections::BTreeMap::new(),
            mocks: false,
            run_at: None,
            expires_in_ms: None,
            debounce: None,
            trace: None,
            created_by: "ann".to_owned(),
            slot: None,
        };
        abandon(scene.app.state.engine.trigger(trigger, None), async || executions().await.len() > round).await;
        let id = executions().await[0]["id"].as_str().unwrap().to_owned();
        scene.run_at(&id).output().await;
    }
}

async fn an_answer_whose_caller_goes_away_is_acted_on(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let gate = node("gate", "approval-gate", json!({"message": "Go on?"}));
    // The long branch keeps a driver, the other one is answered.
    let nodes = [gate, call("call", &peer, "/ok"), call("slow", &peer, "/gate")];
    let workflow = scene.workflow(graph(nodes, "begin>gate gate>call call>finish begin>slow")).await;
    for _ in 0..ROUNDS {
        let run = scene.trigger(&workflow, Value::Null).await;
        let asked = run.asked().await;
        let answer = Answer {
            pod_id: None,
            suspension_id: Some(asked["suspensionId"].as_str().unwrap().parse().unwrap()),
            node_id: None,
            actor: Actor { id: "ann".to_owned(), source: DecisionSource::Person, role: Some(Role::Owner) },
            input: AnswerInput { approved: Some(true), ..AnswerInput::default() },
        };
        let engine = &scene.app.state.engine;
        let answered = engine.respond(scene.place.workspace_id.parse().unwrap(), run.id.parse().unwrap(), answer, None);
        let open = format!("{}/suspensions?state=open", scene.place.workspace());
        abandon(answered, async || scene.ann.get(&open).await.expect(200).as_array().unwrap().is_empty()).await;
        run.until(|frame| frame.event["nodeId"] == "call" && frame.event["status"] == "completed").await;
        peer.open_gate();
        run.end().await;
    }
}
