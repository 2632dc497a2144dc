//! `/workspaces/{workspaceId}/suspensions`, and what becomes of suspensions that nobody answers.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, START, on_both},
    scene::{Run, Scene, course, error_paths, gate, graph, inner, last_update, line, node},
};

on_both! {
    the_inbox_is_filtered_and_paged,
    expiry_fails_by_default_and_never_approves_by_itself,
    expiry_rejects_approves_or_cancels_where_it_says_so,
    expiry_takes_its_port,
    expiry_gives_the_default_answer,
    expiry_at_an_instant_of_the_input,
    an_expiry_during_a_downtime_happens_at_the_start,
    a_late_answer_loses_to_the_expiry_even_before_a_timer_has_noticed,
    an_answer_takes_the_expiry_back,
    an_answer_and_its_expiry_in_the_same_moment_decide_once,
    a_failing_branch_closes_the_open_suspensions_beside_it,
    questions_in_a_child_execution_are_in_the_inbox_too,
}

async fn the_inbox_is_filtered_and_paged(backend: Backend) {
    let scene = Scene::on(backend).await;
    let approval = scene.run(gate(), json!(null)).await;
    approval.asked().await;
    let question = scene.run(line([node("ask", "ask-human", json!({"question": "Why?"}))]), json!(null)).await;
    question.asked().await;
    let answered = scene.run(gate(), json!(null)).await;
    answered.asked().await;
    answered.respond(json!({"approved": true})).await.expect(200);
    let other =
        scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);

    let inbox = format!("{}/suspensions", scene.place.workspace());
    let workflow = approval.view().await["workflowId"].as_str().unwrap().to_owned();
    let of_pod = format!("podId={}", scene.place.pod_id);
    let of_other = format!("podId={}", other["id"].as_str().unwrap());
    for (query, expected) in [
        ("", vec![&answered, &question, &approval]),
        ("state=open", vec![&question, &approval]),
        ("state=answered", vec![&answered]),
        ("state=expired", vec![]),
        ("kind=ask_human", vec![&question]),
        ("kind=approval&state=open", vec![&approval]),
        (&*format!("workflowId={workflow}"), vec![&approval]),
        (&*format!("executionId={}", question.id), vec![&question]),
        (&*of_pod, vec![&answered, &question, &approval]),
        (&*of_other, vec![]),
    ] {
        let list = scene.ann.get(&format!("{inbox}?{query}")).await.expect(200);
        let found: Vec<_> = list.as_array().unwrap().iter().map(|item| item["executionId"].as_str().unwrap()).collect();
        assert_eq!(found, expected.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), "{query}");
    }
    let in_pod = scene.ann.get(&format!("{}/suspensions?state=open", scene.place.pod())).await.expect(200);
    assert_eq!(in_pod.as_array().unwrap().len(), 2);
    let elsewhere = format!("{}/pods/{}/suspensions", scene.place.workspace(), other["id"].as_str().unwrap());
    assert_eq!(scene.ann.get(&elsewhere).await.expect(200), json!([]));

    let first = scene.ann.get(&format!("{inbox}?limit=2")).await;
    let link = first.header("link").unwrap().strip_prefix("</v1").unwrap().split('>').next().unwrap().to_owned();
    let second = scene.ann.get(&link).await;
    assert_eq!(second.expect(200)[0]["executionId"], approval.id.as_str());
    assert_eq!(second.header("link"), None);
    for (query, name) in [("cursor=x", "cursor"), ("state=closed", "state"), ("kind=x", "kind"), ("podId=1", "podId")] {
        for list in [&inbox, &format!("{}/suspensions", scene.place.pod())] {
            let refused = scene.ann.get(&format!("{list}?{query}")).await.problem(400, "invalid_query");
            assert_eq!(error_paths(&refused), [name]);
        }
    }
}

/// A gate that expires in an hour, with `yes`, `no` and `late` behind its ports.
fn expiring(mut data: Value, edges: &str) -> Value {
    data["message"] = json!("Go on?");
    data["expiresIn"] = json!("1h");
    let value = |id: &str| node(id, "transform", json!({"transformScript": format!("\"{id}\"")}));
    let used = ["yes", "no", "late"].into_iter().filter(|id| edges.contains(&format!(">{id}"))).map(value);
    graph(std::iter::once(node("gate", "approval-gate", data)).chain(used), edges)
}

const TO_BOTH: &str = "begin>gate gate:approved>yes gate:rejected>no yes>finish no>finish";

async fn expire(scene: &Scene, run: &Run) {
    run.asked().await;
    scene.app.clock.advance_ms(3_600_000);
}

async fn closed(run: &Run) -> Value {
    run.view().await["suspensions"][0].clone()
}

async fn expiry_fails_by_default_and_never_approves_by_itself(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(expiring(json!({}), TO_BOTH), json!(null)).await;
    run.asked().await;
    scene.app.clock.advance_ms(3_599_999);
    assert_eq!(run.status().await, "suspended");
    scene.app.clock.advance_ms(1);
    let failure = run.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("suspension_expired"), &json!("gate")));
    let suspension = closed(&run).await;
    assert_eq!((&suspension["state"], &suspension["decision"]["action"]), (&json!("expired"), &json!("expired")));
    assert_eq!(suspension["decision"].get("by"), None);
    assert_eq!(suspension["closedAt"], Instant(START.0 + 3_600_000).to_string());
    assert_eq!(course(&run.log().await, "yes"), ["skipped"]);
}

async fn expiry_rejects_approves_or_cancels_where_it_says_so(backend: Backend) {
    let scene = Scene::on(backend).await;
    for (on_expiry, output, action) in [("approve", "yes", "approved"), ("reject", "no", "rejected")] {
        let run = scene.run(expiring(json!({"onExpiry": on_expiry}), TO_BOTH), json!(null)).await;
        expire(&scene, &run).await;
        assert_eq!(run.output().await, output);
        let suspension = closed(&run).await;
        assert_eq!((&suspension["state"], &suspension["decision"]["action"]), (&json!("expired"), &json!(action)));
        assert_eq!(suspension["decision"]["reason"], "nobody answered in time");
    }
    // A rejection by expiry is still a rejection.
    let run = scene.run(expiring(json!({"onExpiry": "reject"}), "begin>gate gate>yes yes>finish"), json!(null)).await;
    expire(&scene, &run).await;
    let failure = run.failure().await;
    assert_eq!(failure["code"], "rejected");
    assert_eq!(failure["message"], "rejected by nobody: nobody answered in time");

    let run = scene.run(expiring(json!({"onExpiry": "cancel"}), TO_BOTH), json!(null)).await;
    expire(&scene, &run).await;
    let end = run.end().await;
    assert_eq!(end["type"], "execution_cancelled");
    assert_eq!(end["report"]["reason"], "nobody answered in time");
    assert_eq!(run.status().await, "cancelled");
}

async fn expiry_takes_its_port(backend: Backend) {
    let scene = Scene::on(backend).await;
    let edges = "begin>gate gate:approved>yes gate:expired>late yes>finish late>finish";
    let run = scene.run(expiring(json!({"onExpiry": {"port": "expired"}}), edges), json!(null)).await;
    expire(&scene, &run).await;
    assert_eq!(run.output().await, "late");
    // Nobody can choose it.
    let run = scene.run(expiring(json!({"onExpiry": {"port": "expired"}}), edges), json!(null)).await;
    run.asked().await;
    run.respond(json!({"action": "expired"})).await.problem(422, "invalid_answer");
    // A failure by expiry is caught as any other failure is.
    let caught = "begin>gate gate:approved>yes gate:error>late yes>finish late>finish";
    let run = scene.run(expiring(json!({}), caught), json!(null)).await;
    expire(&scene, &run).await;
    assert_eq!(run.output().await, "late");
    assert_eq!(last_update(&run.log().await, "gate")["error"]["code"], "suspension_expired");
}

async fn expiry_gives_the_default_answer(backend: Backend) {
    let scene = Scene::on(backend).await;
    let ask = |data: Value| {
        let mut all = json!({"question": "How many?", "expiresIn": "1h", "onExpiry": "default"});
        all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        line([node("ask", "ask-human", all)])
    };
    let form = json!({"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}});
    for (data, answer) in [
        (json!({"defaultAnswer": "three"}), json!("three")),
        (json!({"choices": ["two", "three"], "defaultAnswer": "two"}), json!("two")),
        (json!({"form": form, "defaultAnswer": {"count": 3}}), json!({"count": 3})),
    ] {
        let run = scene.run(ask(data), json!(null)).await;
        expire(&scene, &run).await;
        let output = run.output().await;
        assert_eq!((&output["answer"], &output["by"]), (&answer, &Value::Null));
        assert_eq!(closed(&run).await["state"], "expired");
    }
    let data = json!({"onExpiry": "default", "defaultAnswer": {"action": "rejected", "comment": "late"}});
    let run = scene.run(expiring(data, TO_BOTH), json!(null)).await;
    expire(&scene, &run).await;
    assert_eq!(run.output().await, "no");
    assert_eq!(closed(&run).await["decision"]["comment"], "late");
    // A default that nobody could answer is no default.
    let bad = ask(json!({"form": form, "defaultAnswer": {"count": "three"}}));
    let workflows = format!("{}/workflows", scene.place.pod());
    let refused = scene.ann.post(&workflows, json!({"name": "W", "definition": bad})).await;
    let refused = refused.problem(422, "invalid_workflow");
    assert_eq!(error_paths(&refused), ["/definition/nodes/1/data/defaultAnswer/count"]);
}

async fn expiry_at_an_instant_of_the_input(backend: Backend) {
    let scene = Scene::on(backend).await;
    let data = json!({"question": "?", "expiresAt": "{{ input.until }}", "onExpiry": "default", "defaultAnswer": "x"});
    let at = Instant(START.0 + 90_000).to_string();
    let run = scene.run(line([node("ask", "ask-human", data)]), json!({"until": at})).await;
    assert_eq!(run.asked().await["expiresAt"], at);
    scene.app.clock.advance_ms(90_000);
    assert_eq!(run.output().await["at"], at);
}

async fn an_expiry_during_a_downtime_happens_at_the_start(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(expiring(json!({"onExpiry": "approve"}), TO_BOTH), json!(null)).await;
    run.asked().await;
    scene.app.clock.advance_ms(3_599_000);
    scene.restart().await;
    let run = scene.run_at(&run.id);
    assert_eq!(run.status().await, "suspended");
    let stopped = scene.app.clock.clone();
    stopped.advance_ms(1_000);
    scene.restart().await;
    assert_eq!(scene.run_at(&run.id).output().await, "yes");
}

async fn a_late_answer_loses_to_the_expiry_even_before_a_timer_has_noticed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(expiring(json!({"onExpiry": "reject"}), TO_BOTH)).await;
    for _ in 0..4 {
        let run = scene.trigger(&workflow, json!(null)).await;
        run.asked().await;
        scene.app.clock.advance_ms(3_600_000);
        // In a race with the timer, but late in any case.
        let refused = run.respond(json!({"approved": true})).await.problem(409, "suspension_closed");
        assert!(refused["detail"].as_str().unwrap().contains("expired"), "{refused}");
        assert_eq!(run.output().await, "no");
        let updates = run.log().await.iter().filter(|event| event["type"] == "suspension_update").count();
        assert_eq!(updates, 1);
    }
}

async fn an_answer_takes_the_expiry_back(backend: Backend) {
    let scene = Scene::on(backend).await;
    let edges = "begin>gate gate:approved>yes gate:rejected>no yes>nap nap>finish no>finish";
    let mut definition = expiring(json!({"onExpiry": "reject"}), edges);
    definition["nodes"].as_array_mut().unwrap().push(node("nap", "wait", json!({"duration": "2h"})));
    let run = scene.run(definition, json!(null)).await;
    run.asked().await;
    run.respond(json!({"approved": true})).await.expect(200);
    run.until(|frame| frame.event["nodeId"] == "nap" && frame.event["status"] == "suspended").await;
    // The old timer must not erase the answer.
    scene.app.clock.advance_ms(3_600_000);
    scene.app.clock.advance_ms(3_600_000);
    assert_eq!(run.output().await, "yes");
    assert_eq!(closed(&run).await["state"], "answered");
}

async fn an_answer_and_its_expiry_in_the_same_moment_decide_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(expiring(json!({"onExpiry": "reject"}), TO_BOTH)).await;
    for _ in 0..6 {
        let run = scene.trigger(&workflow, json!(null)).await;
        run.asked().await;
        let answer = run.respond(json!({"approved": true}));
        let passing = async { scene.app.clock.advance_ms(3_600_000) };
        let (reply, ()) = tokio::join!(answer, passing);
        let output = run.output().await;
        if output == "yes" {
            reply.expect(200);
        } else {
            reply.problem(409, "suspension_closed");
        }
        let log = run.log().await;
        assert_eq!(log.iter().filter(|event| event["type"] == "suspension_update").count(), 1);
    }
}

async fn a_failing_branch_closes_the_open_suspensions_beside_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = graph(
        [
            node("left", "approval-gate", json!({"message": "Left?"})),
            node("right", "approval-gate", json!({"message": "Right?"})),
            node("both", "merge", json!({})),
        ],
        "begin>left begin>right left>both right>both both>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    run.open(2).await;
    run.respond(json!({"approved": false, "nodeId": "left", "reason": "no"})).await.expect(200);
    assert_eq!(run.failure().await["code"], "rejected");
    let view = run.view().await;
    let states: Vec<_> = view["suspensions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["interrupt"]["nodeId"].as_str().unwrap(), s["state"].as_str().unwrap()))
        .collect();
    assert!(states.contains(&("left", "answered")) && states.contains(&("right", "cancelled")), "{states:?}");
    let inbox = format!("{}/suspensions?state=open", scene.place.workspace());
    assert_eq!(scene.ann.get(&inbox).await.expect(200), json!([]));
    run.respond(json!({"approved": true, "nodeId": "right"})).await.problem(409, "suspension_closed");
}

async fn questions_in_a_child_execution_are_in_the_inbox_too(backend: Backend) {
    let scene = Scene::on(backend).await;
    let child = scene.workflow(gate()).await;
    let mut definition = line([node("each", "loop", json!({"items": "[1, 2]", "concurrency": 2}))]);
    let sub = inner("each", "sub", "subworkflow", json!({"workflowId": child, "input": {"n": "{{ item }}"}}));
    definition["nodes"].as_array_mut().unwrap().push(sub);
    let run = scene.run(definition, json!(null)).await;
    let started = |frame: &crate::support::event_stream::Frame| frame.event.get("childExecutionId").is_some();
    let mut count = 0;
    let events = run
        .until(|frame| {
            count += usize::from(started(frame));
            count == 2
        })
        .await;
    let children: Vec<_> = events.iter().filter_map(|event| event["childExecutionId"].as_str()).collect();
    let inbox = format!("{}/suspensions", scene.place.workspace());
    for id in children {
        let child = scene.run_at(id);
        let asked = child.asked().await;
        let item = scene.ann.get(&format!("{inbox}/{}", asked["suspensionId"].as_str().unwrap())).await.expect(200);
        assert_eq!(item["executionId"], id);
        let answer = format!("{inbox}/{}/answer", asked["suspensionId"].as_str().unwrap());
        scene.ann.post(&answer, json!({"approved": true})).await.expect(200);
    }
    assert_eq!(run.output().await["results"], json!([{"n": 1}, {"n": 2}]));
}
