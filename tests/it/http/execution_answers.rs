//! Several suspensions of one execution: at the same time, one after another, in branches and in iterations.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    scene::{Scene, course, gate, graph, inner, line, node},
};

on_both! {
    two_answers_to_parallel_gates_in_the_same_moment_are_both_applied,
    many_answers_to_one_gate_in_the_same_moment_decide_once,
    an_answer_may_come_before_the_event_was_read,
    three_rounds_of_questions_are_each_asked_once,
    iterations_of_a_loop_wait_for_answers_of_their_own,
    a_gate_belongs_to_its_own_node_and_not_to_its_successor,
    a_skipped_gate_asks_nobody,
    the_interrupt_has_everything_a_foreign_reviewer_needs,
}

fn gate_with_rejection(data: Value) -> Value {
    graph(
        [
            node("gate", "approval-gate", data),
            node("yes", "transform", json!({"transformScript": "\"yes\""})),
            node("no", "transform", json!({"transformScript": "nodeResults.gate.output.reason"})),
        ],
        "begin>gate gate:approved>yes gate:rejected>no yes>finish no>finish",
    )
}

/// Two gates side by side, whose decisions come together.
fn two_gates() -> Value {
    graph(
        [
            node("left", "approval-gate", json!({"message": "Left?"})),
            node("right", "approval-gate", json!({"message": "Right?"})),
            node("both", "merge", json!({})),
        ],
        "begin>left begin>right left>both right>both both>finish",
    )
}

async fn two_answers_to_parallel_gates_in_the_same_moment_are_both_applied(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(two_gates()).await;
    for _ in 0..8 {
        let run = scene.trigger(&workflow, json!(null)).await;
        run.open(2).await;
        let (left, right) = tokio::join!(
            run.respond(json!({"approved": true, "nodeId": "left"})),
            run.respond(json!({"approved": true, "nodeId": "right"})),
        );
        left.expect(200);
        right.expect(200);
        let output = run.output().await;
        assert_eq!((&output["left"]["approved"], &output["right"]["approved"]), (&json!(true), &json!(true)));
        let log = run.log().await;
        assert_eq!(log.iter().filter(|event| event["type"] == "suspension_update").count(), 2);
        assert_eq!(course(&log, "both"), ["running", "completed"]);
    }
}

async fn many_answers_to_one_gate_in_the_same_moment_decide_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate_with_rejection(json!({"message": "?"})), json!(null)).await;
    run.asked().await;
    let answers = (0..6).map(|i| {
        let body = if i % 2 == 0 { json!({"approved": true}) } else { json!({"approved": false, "reason": "no"}) };
        run.respond(body)
    });
    let replies = futures_util::future::join_all(answers).await;
    let end = run.output().await;
    let won = |i: usize| i.is_multiple_of(2) == (end == "yes");
    for (i, reply) in replies.iter().enumerate() {
        if won(i) {
            reply.expect(200);
        } else {
            reply.problem(409, "suspension_closed");
        }
    }
    let log = run.log().await;
    assert_eq!(log.iter().filter(|event| event["type"] == "suspension_update").count(), 1);
}

async fn an_answer_may_come_before_the_event_was_read(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    for _ in 0..8 {
        let run = scene.trigger(&workflow, json!(null)).await;
        let mut stream = run.stream("").await;
        stream.until(|frame| frame.kind() == "execution_suspended").await;
        // At the very moment of the event; nobody may say that there is nothing to answer.
        run.respond(json!({"approved": true})).await.expect(200);
        assert!(stream.rest().await.last().unwrap().is_end());
    }
}

async fn three_rounds_of_questions_are_each_asked_once(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let ask = |id: &str| node(id, "ask-human", json!({"question": format!("{id}?")}));
    let run = scene.run(line([ask("one"), ask("two"), ask("three")]), json!(null)).await;
    let mut ids = Vec::new();
    for round in ["one", "two", "three"] {
        let run = scene.run_at(&run.id);
        let asked = run.asked_by(round).await;
        ids.push(asked["suspensionId"].as_str().unwrap().to_owned());
        run.respond(json!({"answer": round})).await.expect(200);
        scene.restart().await;
    }
    let run = scene.run_at(&run.id);
    assert_eq!(run.output().await["answer"], "three");
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let log = run.log().await;
    assert_eq!(log.iter().filter(|event| event["type"] == "execution_suspended").count(), 3);
    assert!(log.iter().all(|event| event["attempt"].as_i64().is_none_or(|attempt| attempt <= 1)));
}

async fn iterations_of_a_loop_wait_for_answers_of_their_own(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([node("each", "loop", json!({"items": "input.names", "concurrency": 2}))]);
    let nodes = definition["nodes"].as_array_mut().unwrap();
    nodes.push(inner("each", "review", "ask-human", json!({"question": "{{ item }} at {{ index }}?"})));
    nodes.push(inner("each", "note", "transform", json!({"transformScript": "item + \": \" + lastOutput.answer"})));
    definition["edges"].as_array_mut().unwrap().push(json!({"id": "b", "source": "review", "target": "note"}));
    let run = scene.run(definition, json!({"names": ["a", "b", "c"]})).await;
    let open = run.open(2).await;
    let told: Vec<_> = open.iter().map(|i| (i["path"].as_str().unwrap(), i["message"].as_str().unwrap())).collect();
    assert_eq!(told, [("each[0]/review", "a at 0?"), ("each[1]/review", "b at 1?")]);
    assert_ne!(open[0]["suspensionId"], open[1]["suspensionId"]);
    let by_node = json!({"nodeId": "review", "answer": "x"});
    run.respond(by_node).await.problem(409, "ambiguous_suspension");
    // The second one first; its place goes to the third item, and the first one is left as it was.
    run.respond(json!({"suspensionId": open[1]["suspensionId"], "answer": "two"})).await.expect(200);
    run.until(|frame| frame.event["interrupt"]["path"] == "each[2]/review").await;
    let open_now = run.open(2).await;
    let paths: Vec<_> = run.view().await["suspensions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|suspension| suspension["state"] == "open")
        .map(|suspension| suspension["interrupt"]["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths.len(), 2, "{open_now:#?}");
    assert!(paths.contains(&"each[0]/review".to_owned()) && paths.contains(&"each[2]/review".to_owned()), "{paths:?}");
    for suspension in run.view().await["suspensions"].as_array().unwrap() {
        if suspension["state"] == "open" {
            let answer = suspension["interrupt"]["path"].as_str().unwrap();
            run.respond(json!({"suspensionId": suspension["id"], "answer": answer})).await.expect(200);
        }
    }
    let output = run.output().await;
    assert_eq!(output["results"], json!(["a: each[0]/review", "b: two", "c: each[2]/review"]));
    assert_eq!(output["items"], json!(["a", "b", "c"]));
}

async fn a_gate_belongs_to_its_own_node_and_not_to_its_successor(backend: Backend) {
    let scene = Scene::on(backend).await;
    let value = |id: &str| node(id, "transform", json!({"transformScript": format!("\"{id}\"")}));
    // One branch waits, the other goes on to its end meanwhile; the join waits.
    let definition = graph(
        [
            node("gate", "approval-gate", json!({"message": "?"})),
            value("after"),
            value("beside"),
            node("join", "merge", json!({})),
        ],
        "begin>gate gate>after after>join begin>beside beside>join join>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    run.until_status("suspended").await;
    let log = run.log().await;
    assert_eq!(course(&log, "beside"), ["running", "completed"]);
    assert!(course(&log, "after").is_empty() && course(&log, "join").is_empty());
    run.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(run.output().await, json!({"after": "after", "beside": "beside"}));
}

async fn a_skipped_gate_asks_nobody(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = graph(
        [
            node("if", "if-else", json!({"condition": "input.large"})),
            node("gate", "approval-gate", json!({"message": "?"})),
            node("join", "merge", json!({"mode": "first"})),
        ],
        "begin>if if:true>gate if:false>join gate>join join>finish",
    );
    let run = scene.run(definition, json!({"large": false})).await;
    run.output().await;
    let log = run.log().await;
    assert_eq!(course(&log, "gate"), ["skipped"]);
    assert_eq!(run.view().await["suspensions"], json!([]));
}

async fn the_interrupt_has_everything_a_foreign_reviewer_needs(backend: Backend) {
    let scene = Scene::on(backend).await;
    let form = json!({"type": "object", "properties": {"limit": {"type": "number"}}});
    let data = json!({
        "title": "Order {{ input.order }}", "message": "Ship it?", "context": {"total": "{{ input.total }}"},
        "form": form, "requireReason": true, "expiresIn": "24h", "onExpiry": "reject",
    });
    let run = scene.run(line([node("gate", "approval-gate", data)]), json!({"order": 7, "total": 99.5})).await;
    let mut stream = run.stream("?types=execution_suspended").await;
    let Frame { event, .. } = stream.next().await.unwrap();
    let mut interrupt = event["interrupt"].clone();
    let id = interrupt["suspensionId"].take();
    let expected = json!({
        "type": "approval", "suspensionId": null, "nodeId": "gate", "title": "Order 7", "message": "Ship it?",
        "context": {"total": 99.5}, "form": form, "requireReason": true,
        "actions": [
            {"id": "approved", "label": "Approve", "style": "primary"},
            {"id": "rejected", "label": "Reject", "style": "danger"},
        ],
        "openedAt": "2027-01-15T08:00:00.000Z", "expiresAt": "2027-01-16T08:00:00.000Z", "onExpiry": "reject",
        "policy": {"allowSelfApproval": true, "requester": "ann"},
        "timeline": [{"at": "2027-01-16T08:00:00.000Z", "action": "expire"}],
    });
    assert_eq!(interrupt, expected);
    // It was stored before it was told.
    let path = format!("{}/suspensions/{}", scene.place.workspace(), id.as_str().unwrap());
    let suspension = scene.ann.get(&path).await.expect(200);
    assert_eq!((&suspension["state"], &suspension["executionId"]), (&json!("open"), &json!(run.id)));
    assert_eq!(suspension["interrupt"]["suspensionId"], id);
}
