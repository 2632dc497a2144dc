//! `.../executions/{executionId}/replay` and `/retry`.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, course, error_paths, gate, graph, last_update, line, node},
};

on_both! {
    a_replay_from_a_node_runs_nothing_upstream_again,
    a_replay_from_the_beginning_runs_everything_and_may_change_the_input,
    pinned_values_take_the_place_of_results,
    a_dry_run_tells_the_plan_and_starts_nothing,
    a_replay_runs_the_version_that_is_asked_for,
    old_answers_are_asked_for_again_or_taken_over,
    failed_and_cancelled_executions_are_replayed_from_where_they_stopped,
    a_replay_of_a_replay_keeps_reusing,
    branches_that_were_not_taken_are_skipped_again,
    what_can_not_be_replayed_is_refused,
    a_replay_with_one_key_happens_once,
    a_retry_runs_again_with_the_same_input_and_version,
    a_retry_of_a_live_execution_cancels_it_first,
    a_replayed_loop_and_child_keep_their_results,
    an_original_is_told_how_far_it_was_done_again,
}

/// Two calls in a row, and what came of them.
fn two_calls(peer: &Peer) -> Value {
    let both = json!(["{{ one.data.hits }}", "{{ two.data.hits }}", "{{ input }}"]);
    line([call("one", peer, "/one"), call("two", peer, "/two"), node("both", "transform", json!({"output": both}))])
}

async fn replay(scene: &Scene, run: &Run, body: Value) -> Run {
    scene.run_of(&run.post("replay", body).await)
}

async fn a_replay_from_a_node_runs_nothing_upstream_again(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(two_calls(&peer), json!("in")).await;
    assert_eq!(run.output().await, json!([1, 1, "in"]));
    let before = run.log().await;
    let again = replay(&scene, &run, json!({"fromNodeId": "two"})).await;
    assert_eq!(again.output().await, json!([1, 2, "in"]));
    assert_eq!((peer.hits("/one"), peer.hits("/two")), (1, 2));
    let view = again.view().await;
    assert_eq!(
        (&view["replayOf"], &view["fromNodeId"], &view["triggeredBy"]),
        (&json!(run.id), &json!("two"), &json!("replay"))
    );
    let log = again.log().await;
    for (id, reused) in [("begin", true), ("one", true), ("two", false), ("both", false)] {
        assert_eq!(last_update(&log, id).get("reused").is_some(), reused, "{id}");
        let state = view["nodes"].as_array().unwrap().iter().find(|state| state["nodeId"] == id).unwrap();
        assert_eq!(state.get("reused").is_some(), reused, "{id}");
    }
    assert_eq!(course(&log, "one"), ["completed"]);
    assert_eq!(last_update(&log, "one")["output"], last_update(&before, "one")["output"]);
    // The original is as it was.
    assert_eq!(run.log().await, before);
}

async fn a_replay_from_the_beginning_runs_everything_and_may_change_the_input(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(two_calls(&peer), json!("in")).await;
    run.output().await;
    let same = replay(&scene, &run, json!({})).await;
    assert_eq!(same.output().await, json!([2, 2, "in"]));
    let other = replay(&scene, &run, json!({"input": {"a": 1}})).await;
    assert_eq!(other.output().await, json!([3, 3, {"a": 1}]));
    assert_eq!(other.view().await["input"], json!({"a": 1}));
    assert!(same.log().await.iter().all(|event| event.get("reused").is_none()));
    let refused = run.post("replay", json!({"fromNodeId": "two", "input": 1})).await.problem(422, "invalid_replay");
    assert_eq!(error_paths(&refused), ["/input"]);
}

async fn pinned_values_take_the_place_of_results(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(two_calls(&peer), json!("in")).await;
    run.output().await;
    let pins = json!({"nodes": {"one": {"pin": {"data": {"hits": 99}}}, "two": "reuse"}});
    let again = replay(&scene, &run, pins).await;
    assert_eq!(again.output().await, json!([99, 1, "in"]));
    assert_eq!((peer.hits("/one"), peer.hits("/two")), (1, 1));
    let log = again.log().await;
    assert_eq!((&last_update(&log, "one")["pinned"], last_update(&log, "one").get("reused")), (&json!(true), None));
    // Another run upstream reruns all below it, except what is pinned or reused.
    let again = replay(&scene, &run, json!({"fromNodeId": "both", "nodes": {"one": "run"}})).await;
    assert_eq!(again.output().await, json!([2, 2, "in"]));
    // A pinned decision takes the branch that it names.
    let definition = graph(
        [
            node("if", "if-else", json!({"condition": "input.large"})),
            node("yes", "transform", json!({"transformScript": "\"yes\""})),
            node("no", "transform", json!({"transformScript": "\"no\""})),
        ],
        "begin>if if:true>yes if:false>no yes>finish no>finish",
    );
    let run = scene.run(definition, json!({"large": true})).await;
    assert_eq!(run.output().await, "yes");
    let pin = json!({"nodes": {"if": {"pin": {"condition": false, "branch": "false"}}}});
    assert_eq!(replay(&scene, &run, pin).await.output().await, "no");
}

async fn a_dry_run_tells_the_plan_and_starts_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(two_calls(&peer), json!("in")).await;
    run.output().await;
    let body = json!({"fromNodeId": "two", "nodes": {"one": {"pin": 1}}, "dryRun": true});
    let plan = run.post("replay", body).await.expect(200);
    assert_eq!(plan["workflowVersion"], 1);
    let told: Vec<_> = plan["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (n["nodeId"].as_str().unwrap(), n["action"].as_str().unwrap(), n["was"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("begin", "reuse", "completed"),
            ("one", "pin", "completed"),
            ("two", "run", "completed"),
            ("both", "run", "completed"),
            ("finish", "run", "completed"),
        ]
    );
    assert!(plan["nodes"].as_array().unwrap().iter().all(|node| !node["reason"].as_str().unwrap().is_empty()));
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(peer.hits("/two"), 1);
}

async fn a_replay_runs_the_version_that_is_asked_for(backend: Backend) {
    let scene = Scene::on(backend).await;
    let answer = |n: i64| line([node("answer", "transform", json!({"transformScript": n.to_string()}))]);
    let workflow = scene.workflow(answer(1)).await;
    let run = scene.trigger(&workflow, json!(null)).await;
    run.output().await;
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    scene.ann.patch(&path, json!({"definition": answer(2)})).await.expect(200);
    scene.ann.patch(&path, json!({"definition": answer(3)})).await.expect(200);
    for (version, output) in [(json!(null), 1), (json!("original"), 1), (json!("latest"), 3), (json!(2), 2)] {
        let again = replay(&scene, &run, json!({"version": version})).await;
        assert_eq!(again.output().await, output, "{version}");
        assert_eq!(again.view().await["workflowVersion"], output);
    }
    let refused = run.post("replay", json!({"version": 4})).await.problem(422, "invalid_replay");
    assert_eq!(error_paths(&refused), ["/version"]);
    run.post("replay", json!({"version": "newest"})).await.problem(400, "invalid_body");
    // Results of nodes that the newer version still has can be reused there.
    let mut longer = answer(1);
    longer["nodes"].as_array_mut().unwrap().push(node(
        "more",
        "transform",
        json!({"transformScript": "lastOutput + 10"}),
    ));
    longer["edges"] = json!([
        {"source": "begin", "target": "answer"}, {"source": "answer", "target": "more"}, {"source": "more", "target": "finish"},
    ]);
    scene.ann.patch(&path, json!({"definition": longer})).await.expect(200);
    let again = replay(&scene, &run, json!({"version": "latest", "fromNodeId": "more"})).await;
    assert_eq!(again.output().await, 11);
    assert_eq!(last_update(&again.log().await, "answer")["reused"], true);
}

async fn old_answers_are_asked_for_again_or_taken_over(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = line([
        node("ask", "ask-human", json!({"question": "Who?"})),
        node("gate", "approval-gate", json!({"message": "Go on?"})),
    ]);
    let run = scene.run(definition, json!(null)).await;
    run.asked().await;
    run.respond(json!({"answer": "me"})).await.expect(200);
    run.asked_by("gate").await;
    run.respond(json!({"approved": true})).await.expect(200);
    run.output().await;
    let plan = run.post("replay", json!({"dryRun": true})).await.expect(200);
    let fate = |plan: &Value, id: &str| {
        plan["nodes"].as_array().unwrap().iter().find(|node| node["nodeId"] == id).unwrap()["decision"].clone()
    };
    assert_eq!(
        (fate(&plan, "ask"), fate(&plan, "gate"), fate(&plan, "begin")),
        (json!("ask"), json!("ask"), json!(null))
    );
    let plan = run.post("replay", json!({"dryRun": true, "decisions": "reuse"})).await.expect(200);
    assert_eq!((fate(&plan, "ask"), fate(&plan, "gate")), (json!("reuse"), json!("reuse")));

    let asking = replay(&scene, &run, json!({})).await;
    assert_eq!(asking.asked().await["nodeId"], "ask");
    asking.respond(json!({"answer": "you"})).await.expect(200);
    asking.asked_by("gate").await;
    asking.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(asking.output().await["answer"], "you");

    let quiet = replay(&scene, &run, json!({"decisions": "reuse"})).await;
    let output = quiet.output().await;
    assert_eq!((&output["answer"], &output["by"]), (&json!("me"), &json!("ann")));
    assert_eq!(quiet.view().await["suspensions"], json!([]));
    // One of them only.
    let half = replay(&scene, &run, json!({"fromNodeId": "gate"})).await;
    assert_eq!(half.asked().await["nodeId"], "gate");
    half.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(half.output().await["answer"], "me");
}

async fn failed_and_cancelled_executions_are_replayed_from_where_they_stopped(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let definition = line([call("one", &peer, "/one"), call("bad", &peer, "/flaky/1")]);
    let run = scene.run(definition, json!(null)).await;
    assert_eq!(run.failure().await["code"], "http_status");
    let again = replay(&scene, &run, json!({"fromNodeId": "bad"})).await;
    assert_eq!(again.output().await["data"]["hits"], 2);
    assert_eq!(peer.hits("/one"), 1);

    let run = scene
        .run(
            line([call("first", &peer, "/first"), node("gate", "approval-gate", json!({"message": "?"}))]),
            json!(null),
        )
        .await;
    run.asked().await;
    run.cancel().await.expect(204);
    let again = replay(&scene, &run, json!({"fromNodeId": "gate"})).await;
    again.asked().await;
    again.respond(json!({"approved": true})).await.expect(200);
    again.output().await;
    assert_eq!(peer.hits("/first"), 1);
    // From further on there is no result to reuse: it runs again what it must.
    let again = replay(&scene, &run, json!({"fromNodeId": "finish"})).await;
    assert_eq!(again.asked().await["nodeId"], "gate");
    let refused = run.post("replay", json!({"nodes": {"gate": "reuse"}})).await.problem(422, "invalid_replay");
    assert_eq!(error_paths(&refused), ["/nodes/gate"]);
}

async fn a_replay_of_a_replay_keeps_reusing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(two_calls(&peer), json!("in")).await;
    run.output().await;
    let second = replay(&scene, &run, json!({"fromNodeId": "two"})).await;
    second.output().await;
    let third = replay(&scene, &second, json!({"fromNodeId": "both"})).await;
    assert_eq!(third.output().await, json!([1, 2, "in"]));
    assert_eq!((peer.hits("/one"), peer.hits("/two")), (1, 2));
    assert_eq!(third.view().await["replayOf"], second.id.as_str());
}

async fn branches_that_were_not_taken_are_skipped_again(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let definition = graph(
        [
            node("if", "if-else", json!({"condition": "input.large"})),
            call("yes", &peer, "/yes"),
            call("no", &peer, "/no"),
            node("join", "merge", json!({"mode": "array"})),
            call("last", &peer, "/last"),
        ],
        "begin>if if:true>yes if:false>no yes>join no>join join>last last>finish",
    );
    let run = scene.run(definition, json!({"large": false})).await;
    run.output().await;
    let again = replay(&scene, &run, json!({"fromNodeId": "last"})).await;
    again.output().await;
    let log = again.log().await;
    assert_eq!((course(&log, "yes"), course(&log, "no")), (vec!["skipped".to_owned()], vec!["completed".to_owned()]));
    assert_eq!((peer.hits("/yes"), peer.hits("/no"), peer.hits("/last")), (0, 1, 2));
}

async fn what_can_not_be_replayed_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let live = scene.run(gate(), json!(null)).await;
    live.asked().await;
    live.post("replay", json!({})).await.problem(409, "execution_not_ended");
    live.post("replay", json!({"dryRun": true})).await.problem(409, "execution_not_ended");
    live.cancel().await.expect(204);
    let refused = live.post("replay", json!({"fromNodeId": "nowhere", "nodes": {"gaat": "run"}})).await;
    let refused = refused.problem(422, "invalid_replay");
    assert_eq!(error_paths(&refused), ["/fromNodeId", "/nodes/gaat"]);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("nowhere"), "{refused}");
    for body in [
        json!({"nodes": {"gate": "again"}}),
        json!({"nodes": {"gate": {"pinned": 1}}}),
        json!({"from": "gate"}),
        json!({"decisions": "keep"}),
    ] {
        live.post("replay", body).await.problem(400, "invalid_body");
    }
    let workflow = live.view().await["workflowId"].as_str().unwrap().to_owned();
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    scene.ann.patch(&format!("{path}/trash"), json!({})).await.expect(200);
    live.post("replay", json!({})).await.problem(409, "workflow_trashed");
    live.post("retry", json!({})).await.problem(409, "workflow_trashed");
}

async fn a_replay_with_one_key_happens_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(line([]), json!(null)).await;
    run.output().await;
    for action in ["replay", "retry"] {
        let keyed = Run { client: run.client.with("idempotency-key", action), ..run.clone() };
        let first = keyed.post(action, json!({})).await;
        let again = keyed.post(action, json!({})).await;
        assert_eq!((again.status, &again.text), (201, &first.text));
        scene.run_of(&again).output().await;
    }
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 3);
}

async fn a_retry_runs_again_with_the_same_input_and_version(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let workflow = scene.workflow(line([call("bad", &peer, "/flaky/1")])).await;
    let body = json!({"workflowId": workflow, "input": {"a": 1}, "subject": "s", "priority": 3, "context": {"c": 1}});
    let run = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
    run.failure().await;
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    scene.ann.patch(&path, json!({"definition": line([])})).await.expect(200);
    // It needs no body.
    let retry = run.client.send(reqwest::Method::POST, &format!("{}/retry", run.path), None).await;
    let retry = scene.run_of(&retry);
    assert_eq!(retry.output().await["data"]["hits"], 2);
    let (old, new) = (run.view().await, retry.view().await);
    for field in ["input", "subject", "priority", "context", "workflowVersion"] {
        assert_eq!(old[field], new[field], "{field}");
    }
    assert_eq!((&new["triggeredBy"], &new["replayOf"]), (&json!("retry"), &json!(run.id)));
    assert_eq!(old["status"], "failed");
}

async fn a_retry_of_a_live_execution_cancels_it_first(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!({"a": 1})).await;
    run.asked().await;
    let retry = scene.run_of(&run.post("retry", json!({})).await);
    let end = run.end().await;
    assert_eq!((&end["type"], &end["report"]["by"]), (&json!("execution_cancelled"), &json!("ann")));
    retry.asked().await;
    retry.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(retry.output().await, json!({"a": 1}));
    // A running one, too: its call is dropped.
    let peer = Peer::start().await;
    let run = scene.run(line([call("slow", &peer, "/hang")]), json!(null)).await;
    peer.arrived("/hang", 1).await;
    let retry = scene.run_of(&run.post("retry", json!({})).await);
    assert_eq!(run.end().await["type"], "execution_cancelled");
    peer.arrived("/hang", 2).await;
    retry.cancel().await.expect(204);
    assert_eq!(retry.end().await["type"], "execution_cancelled");
    // But not for a retry that is refused.
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let workflow = run.view().await["workflowId"].as_str().unwrap().to_owned();
    scene.ann.patch(&format!("{}/workflows/{workflow}/trash", scene.place.pod()), json!({})).await.expect(200);
    run.post("retry", json!({})).await.problem(409, "workflow_trashed");
    assert_eq!(run.status().await, "suspended");
}

async fn a_replayed_loop_and_child_keep_their_results(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let child = scene.workflow(line([call("deep", &peer, "/deep")])).await;
    let mut definition = line([
        node("each", "loop", json!({"items": "[1, 2]"})),
        node("sub", "subworkflow", json!({"workflowId": child})),
        node("bad", "http", json!({"httpUrl": peer.url("/flaky/1")})),
    ]);
    let mut work = call("work", &peer, "/work");
    work["parentId"] = json!("each");
    definition["nodes"].as_array_mut().unwrap().push(work);
    let run = scene.run(definition, json!(null)).await;
    run.failure().await;
    let again = replay(&scene, &run, json!({"fromNodeId": "bad"})).await;
    again.output().await;
    assert_eq!((peer.hits("/work"), peer.hits("/deep"), peer.hits("/flaky/1")), (2, 1, 2));
    let refused = run.post("replay", json!({"fromNodeId": "work"})).await.problem(422, "invalid_replay");
    assert!(refused["detail"].as_str().is_some() && error_paths(&refused) == ["/fromNodeId"], "{refused}");
}

async fn an_original_is_told_how_far_it_was_done_again(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), Value::Null).await;
    run.asked().await;
    run.respond(json!({"approved": true})).await.expect(200);
    run.end().await;
    let told = async || run.view().await["reprocessing"].clone();
    assert_eq!(told().await, Value::Null);
    let replayed = replay(&scene, &run, json!({})).await;
    let retried = scene.run_of(&run.post("retry", json!({})).await);
    for again in [&replayed, &retried] {
        again.asked().await;
        assert_eq!(told().await, "pending");
    }
    retried.cancel().await;
    retried.end().await;
    assert_eq!(told().await, "pending", "one of them goes on");
    replayed.respond(json!({"approved": true})).await.expect(200);
    replayed.end().await;
    assert_eq!(told().await, "done");
    // Its own log and result are as they were.
    assert_eq!(run.status().await, "completed");
    let page = scene.ann.get(&scene.executions()).await.expect(200);
    let listed = page.as_array().unwrap().iter().find(|one| one["id"] == run.id.as_str()).unwrap();
    assert_eq!(listed["reprocessing"], "done");
}
