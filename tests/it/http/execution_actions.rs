//! `.../executions/{executionId}/respond` and `/approve`, and answering by the suspension's own id.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    scene::{Scene, course, error_paths, gate, graph, inner, line, node},
};

on_both! {
    an_approval_goes_on_and_hands_on_what_it_was_handed,
    a_rejection_takes_its_edge,
    a_rejection_without_an_edge_fails_with_the_reason,
    a_rejection_can_need_a_reason,
    named_actions_are_ports,
    a_question_takes_a_choice_a_text_or_a_form,
    an_answer_that_does_not_fit_leaves_the_suspension_open,
    a_bare_answer_to_several_suspensions_is_refused_with_the_list,
    nothing_open_is_not_suspended,
    the_first_answer_wins_and_the_second_learns_who_was_faster,
    the_same_answer_again_gets_the_same_reply_for_ever,
    an_answer_whose_reply_was_lost_is_repeated_by_its_key_after_a_restart,
    two_answers_to_parallel_gates_in_the_same_moment_are_both_applied,
    many_answers_to_one_gate_in_the_same_moment_decide_once,
    an_answer_may_come_before_the_event_was_read,
    three_rounds_of_questions_are_each_asked_once,
    iterations_of_a_loop_wait_for_answers_of_their_own,
    a_gate_belongs_to_its_own_node_and_not_to_its_successor,
    a_skipped_gate_asks_nobody,
    the_interrupt_has_everything_a_foreign_reviewer_needs,
}

async fn an_approval_goes_on_and_hands_on_what_it_was_handed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let look = json!({"handed": "{{ lastOutput }}", "decision": "{{ nodeResults.gate.output }}"});
    let definition = line([
        node("gate", "approval-gate", json!({"message": "Ship {{ input.order }}?"})),
        node("look", "transform", json!({"output": look})),
    ]);
    let run = scene.run(definition, json!({"order": 7})).await;
    assert_eq!(run.asked().await["message"], "Ship 7?");
    let answer = json!({"approved": true, "comment": " fine ", "reason": ""});
    let reply = run.respond(answer).await.expect(200);
    assert_eq!(reply["id"], run.id.as_str());
    assert_ne!(reply["status"], "suspended");
    let output = run.output().await;
    assert_eq!(output["handed"], json!({"order": 7}));
    let decision = &output["decision"];
    assert_eq!(
        (&decision["action"], &decision["approved"], &decision["by"]),
        (&json!("approved"), &json!(true), &json!("ann"))
    );
    assert_eq!((&decision["comment"], decision.get("reason")), (&json!("fine"), None));
    let suspension = &run.view().await["suspensions"][0];
    assert_eq!((&suspension["state"], &suspension["decision"]["by"]), (&json!("answered"), &json!("ann")));

    let other = scene.run(gate(), json!(null)).await;
    other.asked().await;
    let approve = format!("{}/approve", other.path);
    scene.ann.patch(&approve, json!({"comment": "ok"})).await.expect(200);
    other.output().await;
    // Nothing needs a body.
    let third = scene.run(gate(), json!(null)).await;
    third.asked().await;
    scene.ann.send(reqwest::Method::PATCH, &format!("{}/approve", third.path), None).await.expect(200);
    third.output().await;
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

async fn a_rejection_takes_its_edge(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate_with_rejection(json!({"message": "?"})), json!(null)).await;
    run.asked().await;
    run.respond(json!({"approved": false, "reason": "too dear"})).await.expect(200);
    assert_eq!(run.output().await, "too dear");
    let log = run.log().await;
    assert_eq!(
        (course(&log, "yes"), course(&log, "no")),
        (vec!["skipped".into()], vec!["running".into(), "completed".into()])
    );
}

async fn a_rejection_without_an_edge_fails_with_the_reason(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    run.respond(json!({"approved": false, "reason": "too dear"})).await.expect(200);
    let failure = run.failure().await;
    assert_eq!(
        (&failure["code"], &failure["nodeId"], &failure["retryable"]),
        (&json!("rejected"), &json!("gate"), &json!(false))
    );
    assert_eq!(failure["message"], "rejected by ann: too dear");
    assert_eq!(failure["details"]["reason"], "too dear");
    let view = run.view().await;
    assert_eq!((&view["status"], &view["error"]), (&json!("failed"), &failure));
}

async fn a_rejection_can_need_a_reason(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate_with_rejection(json!({"message": "?", "requireReason": true})), json!(null)).await;
    assert_eq!(run.asked().await["requireReason"], true);
    for body in [json!({"approved": false}), json!({"approved": false, "reason": "  "})] {
        let refused = run.respond(body).await.problem(422, "invalid_answer");
        assert_eq!(error_paths(&refused), ["/reason"]);
    }
    assert_eq!(run.status().await, "suspended");
    run.respond(json!({"approved": false, "reason": "no"})).await.expect(200);
    assert_eq!(run.output().await, "no");
}

async fn named_actions_are_ports(backend: Backend) {
    let scene = Scene::on(backend).await;
    let actions = json!([{"id": "ship", "label": "Ship"}, {"id": "hold", "label": "Hold", "style": "danger"}]);
    let value = |id: &str| node(id, "transform", json!({"transformScript": format!("\"{id}\"")}));
    let definition = graph(
        [node("gate", "approval-gate", json!({"message": "?", "actions": actions})), value("a"), value("b")],
        "begin>gate gate:ship>a gate:hold>b a>finish b>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    let asked = run.asked().await;
    assert_eq!(asked["actions"], actions);
    for (body, path) in [
        (json!({"approved": true}), "/approved"),
        (json!({"action": "burn"}), "/action"),
        (json!({}), "/approved"),
        (json!({"action": "ship", "approved": true}), "/action"),
        (json!({"action": "ship", "answer": "x"}), "/answer"),
        (json!({"action": "ship", "data": {}}), "/data"),
    ] {
        let refused = run.respond(body).await.problem(422, "invalid_answer");
        assert_eq!(error_paths(&refused), [path], "{refused}");
    }
    let refused = run.respond(json!({"action": "burn"})).await.problem(422, "invalid_answer");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("ship, hold"), "{refused}");
    run.respond(json!({"action": "hold"})).await.expect(200);
    assert_eq!(run.output().await, "b");
}

async fn a_question_takes_a_choice_a_text_or_a_form(backend: Backend) {
    let scene = Scene::on(backend).await;
    let form = json!({
        "type": "object", "required": ["count"], "additionalProperties": false,
        "properties": {"count": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
    });
    let definition = line([
        node("where", "ask-human", json!({"question": "Where?", "choices": ["Hamburg", "{{ input.city }}"]})),
        node("why", "ask-human", json!({"question": "Why {{ lastOutput.answer }}?"})),
        node("many", "ask-human", json!({"question": "How many?", "form": form})),
        node(
            "all",
            "transform",
            json!({"output": {
                "where": "{{ where.answer }}", "why": "{{ why.answer }}", "many": "{{ many.data.count }}",
                "by": "{{ many.by }}", "same": "{{ many.answer.count }}",
            }}),
        ),
    ]);
    let run = scene.run(definition, json!({"city": "Lyon"})).await;
    let asked = run.asked().await;
    assert_eq!((&asked["type"], &asked["choices"]), (&json!("ask_human"), &json!(["Hamburg", "Lyon"])));
    for (body, path) in [
        (json!({"answer": "Rome"}), "/answer"),
        (json!({"approved": true}), "/approved"),
        (json!({"answer": 7}), "/answer"),
        (json!({"answer": "Lyon", "data": {}}), "/data"),
        (json!({"answer": "Lyon", "action": "answered"}), "/action"),
    ] {
        let refused = run.respond(body).await.problem(422, "invalid_answer");
        assert!(error_paths(&refused).contains(&path), "{refused}");
    }
    run.respond(json!({"answer": "Lyon"})).await.expect(200);
    assert_eq!(run.asked_by("why").await["message"], "Why Lyon?");
    run.respond(json!({"answer": " "})).await.problem(422, "invalid_answer");
    run.respond(json!({"answer": "near"})).await.expect(200);
    assert_eq!(run.asked_by("many").await["form"], form);
    let refused = run.respond(json!({"data": {"count": 0, "note": 1}})).await.problem(422, "invalid_answer");
    let mut paths = error_paths(&refused);
    paths.sort_unstable();
    assert_eq!(paths, ["/data/count", "/data/note"]);
    let refused = run.respond(json!({"data": {"count": 2, "other": 1}})).await.problem(422, "invalid_answer");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("other"), "{refused}");
    run.respond(json!({"data": {"count": 2}})).await.expect(200);
    let output = run.output().await;
    assert_eq!(output, json!({"where": "Lyon", "why": "near", "many": 2, "by": "ann", "same": 2}));
}

async fn an_answer_that_does_not_fit_leaves_the_suspension_open(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let (view, log) = (run.view().await, run.log().await);
    run.respond(json!({"approved": "yes"})).await.problem(400, "invalid_body");
    run.respond(json!({"aproved": true})).await.problem(400, "invalid_body");
    run.respond(json!({})).await.problem(422, "invalid_answer");
    run.respond(json!({"approved": true, "reason": "x".repeat(10_001)})).await.problem(422, "invalid_answer");
    let unknown = json!({"approved": true, "suspensionId": "0190163d-8694-739b-aea5-966c26f8ad90"});
    run.respond(unknown).await.problem(404, "not_found");
    // Nor does an answer to another execution's question land here.
    let other = scene.run(gate(), json!(null)).await;
    let foreign = other.asked().await["suspensionId"].clone();
    run.respond(json!({"approved": true, "suspensionId": foreign})).await.problem(404, "not_found");
    assert_eq!((run.view().await, run.log().await), (view, log));
    run.respond(json!({"approved": true})).await.expect(200);
    run.output().await;
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

async fn a_bare_answer_to_several_suspensions_is_refused_with_the_list(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(two_gates(), json!(null)).await;
    let open = run.open(2).await;
    let refused = run.respond(json!({"approved": true})).await.problem(409, "ambiguous_suspension");
    let told: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 2);
    for interrupt in &open {
        let id = interrupt["suspensionId"].as_str().unwrap();
        assert!(told.iter().any(|text| text.contains(id) && text.contains(interrupt["message"].as_str().unwrap())));
    }
    // By the node, then by the id; the join waits for both.
    run.respond(json!({"approved": true, "nodeId": "right"})).await.expect(200);
    assert_eq!(run.asked().await["nodeId"], "left");
    assert_eq!(run.status().await, "suspended");
    run.respond(json!({"approved": true, "nodeId": "nobody"})).await.problem(409, "not_suspended");
    let left = open.iter().find(|interrupt| interrupt["nodeId"] == "left").unwrap();
    let id = left["suspensionId"].as_str().unwrap();
    let answer = format!("{}/suspensions/{id}/answer", scene.place.workspace());
    let other = open.iter().find(|interrupt| interrupt["nodeId"] == "right").unwrap();
    let crossed = json!({"approved": true, "suspensionId": other["suspensionId"]});
    let refused = scene.ann.post(&answer, crossed).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&refused), ["/suspensionId"]);
    scene.ann.post(&answer, json!({"approved": true})).await.expect(200);
    let output = run.output().await;
    assert_eq!((&output["left"]["approved"], &output["right"]["approved"]), (&json!(true), &json!(true)));
}

async fn nothing_open_is_not_suspended(backend: Backend) {
    let scene = Scene::on(backend).await;
    let done = scene.run(line([]), json!(null)).await;
    done.output().await;
    done.respond(json!({"approved": true})).await.problem(409, "not_suspended");
    let waiting = scene.run(line([node("nap", "wait", json!({"duration": "1h"}))]), json!(null)).await;
    waiting.until_status("suspended").await;
    waiting.respond(json!({"approved": true})).await.problem(409, "not_suspended");
    let cancelled = scene.run(gate(), json!(null)).await;
    cancelled.asked().await;
    cancelled.cancel().await.expect(204);
    let refused = cancelled.respond(json!({"approved": true})).await.problem(409, "suspension_closed");
    assert!(refused["detail"].as_str().unwrap().contains("cancelled"), "{refused}");
}

async fn the_first_answer_wins_and_the_second_learns_who_was_faster(backend: Backend) {
    let scene = Scene::on(backend).await;
    let bea = scene.app.join(&scene.place, "ann", "bea", "editor").await;
    let run = scene.run(gate_with_rejection(json!({"message": "?"})), json!(null)).await;
    let asked = run.asked().await;
    scene.app.clock.advance_ms(60_000);
    bea.patch(&format!("{}/respond", run.path), json!({"approved": false, "reason": "no"})).await.expect(200);
    run.output().await;
    let id = asked["suspensionId"].clone();
    for body in [
        json!({"approved": true}),
        json!({"approved": true, "suspensionId": id}),
        json!({"approved": false, "reason": "no"}),
    ] {
        let refused = run.respond(body).await.problem(409, "suspension_closed");
        let detail = refused["detail"].as_str().unwrap();
        for part in ["answered", "bea", "2027-01-15T08:01:00.000Z", "rejected"] {
            assert!(detail.contains(part), "{detail}");
        }
    }
    assert_eq!(run.output().await, "no");
}

async fn the_same_answer_again_gets_the_same_reply_for_ever(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
    let body = json!({"approved": true, "comment": "fine"});
    run.respond(body.clone()).await.expect(200);
    run.output().await;
    let log = run.log().await;
    scene.app.clock.advance_ms(48 * 3_600_000);
    let again = run.respond(body.clone()).await.expect(200);
    assert_eq!((&again["id"], &again["status"]), (&json!(run.id), &json!("completed")));
    scene.ann.post(&format!("{}/suspensions/{id}/answer", scene.place.workspace()), body).await.expect(200);
    assert_eq!(run.log().await, log);
    run.respond(json!({"approved": true, "comment": "better"})).await.problem(409, "suspension_closed");
}

async fn an_answer_whose_reply_was_lost_is_repeated_by_its_key_after_a_restart(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let rounds = line([
        node("one", "ask-human", json!({"question": "One?"})),
        node("two", "ask-human", json!({"question": "Two?"})),
    ]);
    let run = scene.run(rounds, json!(null)).await;
    run.asked().await;
    let respond = format!("{}/respond", run.path);
    let keyed = |scene: &Scene| scene.ann.with("idempotency-key", "answer-1");
    let first = keyed(&scene).patch(&respond, json!({"answer": "yes"})).await;
    first.expect(200);
    run.asked_by("two").await;
    scene.restart().await;
    // Without the key this would answer the second question.
    let again = keyed(&scene).patch(&respond, json!({"answer": "yes"})).await;
    assert_eq!((again.status, &again.text, again.header("idempotency-replayed")), (200, &first.text, Some("true")));
    keyed(&scene).patch(&respond, json!({"answer": "no"})).await.problem(422, "idempotency_key_reused");
    let run = scene.run_at(&run.id);
    assert_eq!(run.view().await["status"], "suspended");
    run.respond(json!({"answer": "done"})).await.expect(200);
    assert_eq!(run.output().await["answer"], "done");
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
    let won = |i: usize| (i % 2 == 0) == (end == "yes");
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
    });
    assert_eq!(interrupt, expected);
    // It was stored before it was told.
    let path = format!("{}/suspensions/{}", scene.place.workspace(), id.as_str().unwrap());
    let suspension = scene.ann.get(&path).await.expect(200);
    assert_eq!((&suspension["state"], &suspension["executionId"]), (&json!("open"), &json!(run.id)));
    assert_eq!(suspension["interrupt"]["suspensionId"], id);
}
