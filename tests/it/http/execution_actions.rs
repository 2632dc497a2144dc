//! `.../executions/{executionId}/respond` and `/approve`, and answering by the suspension's own id.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, course, error_paths, gate, graph, line, node},
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
