//! Compensations: what executions that fail or are cancelled did is undone.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, course, error_paths, graph, inner, last_update, line, node},
};

on_both! {
    a_failure_undoes_what_was_done,
    a_cancelled_approval_undoes_what_was_done_before,
    iterations_and_children_are_undone,
    a_task_undoes_and_outlives_the_server,
    what_was_undone_runs_again_in_a_replay,
    the_example_of_the_document_is_valid,
    what_can_not_be_a_compensation_is_refused,
}

/// A compensation that calls the peer and says what it was handed.
fn undo(id: &str, of: &str, peer: &Peer, path: &str) -> Value {
    let body = json!({"was": "{{ lastOutput.data.hits }}", "input": "{{ input }}"});
    let data = json!({"compensates": of, "httpMethod": "POST", "httpUrl": peer.url(path), "httpBody": body});
    node(id, "http", data)
}

/// `room` and `seat` are booked; each has its compensation; `then` follows.
fn booking(peer: &Peer, then: Value) -> Value {
    let id = then["id"].as_str().unwrap().to_owned();
    let nodes = [
        call("room", peer, "/room"),
        call("seat", peer, "/seat"),
        undo("leave", "room", peer, "/leave"),
        undo("land", "seat", peer, "/land"),
        then,
    ];
    graph(nodes, &format!("begin>room room>seat seat>{id} {id}>finish"))
}

async fn a_failure_undoes_what_was_done(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(booking(&peer, call("pay", &peer, "/status/402")), json!("in")).await;
    let end = run.end().await;
    assert_eq!((&end["type"], &end["error"]["nodeId"]), (&json!("execution_failed"), &json!("pay")));
    assert_eq!(end["compensation"], json!({"done": ["land", "leave"], "failed": []}));
    assert_eq!((peer.hits("/leave"), peer.hits("/land")), (1, 1));
    let body: Value = serde_json::from_str(peer.requests("/leave")[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"was": 1, "input": "in"}));
    let log = run.log().await;
    let seq = |id: &str| last_update(&log, id)["seq"].as_i64().unwrap();
    assert!(seq("pay") < seq("land") && seq("land") < seq("leave"), "{log:#?}");
    let statuses: Vec<&Value> =
        log.iter().filter(|event| event["type"] == "execution_status").map(|event| &event["status"]).collect();
    assert_eq!(*statuses.last().unwrap(), "cancelling");
    let view = run.view().await;
    assert_eq!(view["status"], "failed");
    let leave = view["nodes"].as_array().unwrap().iter().find(|state| state["nodeId"] == "leave").unwrap();
    assert_eq!(leave["status"], "completed");

    // All well: nobody hears of it.
    let run = scene.run(booking(&peer, call("pay", &peer, "/pay")), json!("in")).await;
    run.output().await;
    assert_eq!((peer.hits("/leave"), peer.hits("/land")), (1, 1));
    assert_eq!(course(&run.log().await, "leave"), Vec::<String>::new());
}

async fn a_cancelled_approval_undoes_what_was_done_before(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(booking(&peer, node("ask", "approval-gate", json!({"message": "Pay?"}))), json!(null)).await;
    run.asked().await;
    run.until_status("suspended").await;
    run.cancel().await.expect(204);
    let end = run.end().await;
    assert_eq!(end["type"], "execution_cancelled");
    assert_eq!(end["compensation"], json!({"done": ["land", "leave"], "failed": []}));
    assert_eq!(end["report"]["nodes"], json!(["ask"]));
    assert_eq!((peer.hits("/leave"), peer.hits("/land")), (1, 1));
}

async fn iterations_and_children_are_undone(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let child = scene.workflow(line([call("inside", &peer, "/inside")])).await;
    let undone = json!({"httpUrl": peer.url("/take/{{ item }}")});
    let given = json!({"compensates": "take", "httpUrl": peer.url("/give/{{ item }}/{{ index }}")});
    let nodes = [
        node("each", "loop", json!({"items": "{{ ['a', 'b'] }}"})),
        inner("each", "take", "http", undone),
        inner("each", "give", "http", given),
        node("sub", "subworkflow", json!({"workflowId": child})),
        undo("unsub", "sub", &peer, "/unsub"),
        call("bad", &peer, "/status/500"),
    ];
    let run = scene.run(graph(nodes, "begin>each each>sub sub>bad bad>finish"), json!(null)).await;
    let end = run.end().await;
    assert_eq!(end["compensation"], json!({"done": ["unsub", "each[1]/give", "each[0]/give"], "failed": []}));
    assert_eq!((peer.hits("/give/a/0"), peer.hits("/give/b/1"), peer.hits("/unsub")), (1, 1, 1));
}

async fn a_task_undoes_and_outlives_the_server(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let clean = json!({"compensates": "room", "queue": "cleaners", "input": {"room": "{{ lastOutput.data.hits }}"}});
    let nodes = [call("room", &peer, "/room"), node("clean", "task", clean), call("bad", &peer, "/status/500")];
    let run = scene.run(graph(nodes, "begin>room room>bad bad>finish"), json!(null)).await;
    run.until(|frame| frame.kind() == "task_update").await;
    scene.restart().await;
    let run = Run { client: scene.ann.clone(), ..run };
    assert_eq!(run.status().await, "cancelling");
    let lease = json!({"queues": ["cleaners"], "workerId": "w", "waitSeconds": 20});
    let leased = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), lease).await.expect(200);
    let task = &leased["tasks"][0];
    assert_eq!(task["input"], json!({"room": 1}));
    let path = format!("{}/tasks/{}/complete", scene.place.pod(), task["taskId"].as_str().unwrap());
    scene.ann.post(&path, json!({"leaseToken": task["leaseToken"], "output": "clean"})).await.expect(200);
    let end = run.end().await;
    assert_eq!(end["compensation"], json!({"done": ["clean"], "failed": []}));
}

async fn what_was_undone_runs_again_in_a_replay(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    // The call that fails succeeds the second time.
    let run = scene.run(booking(&peer, call("pay", &peer, "/flaky/1")), json!(null)).await;
    run.failure().await;
    let plan = run.post("replay", json!({"fromNodeId": "pay", "dryRun": true})).await.expect(200);
    let told: Vec<(&Value, &Value, &Value)> = plan["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (&node["nodeId"], &node["action"], &node["reason"]))
        .collect();
    assert!(told.contains(&(&json!("room"), &json!("run"), &json!("was undone"))), "{told:?}");
    assert!(told.iter().all(|(id, ..)| **id != json!("leave")), "{told:?}");
    let again = scene.run_of(&run.post("replay", json!({"fromNodeId": "pay"})).await);
    again.output().await;
    assert_eq!((peer.hits("/room"), peer.hits("/seat"), peer.hits("/leave")), (2, 2, 1));
    let refused = run.post("replay", json!({"nodes": {"room": "reuse"}})).await.problem(422, "invalid_replay");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("was undone"), "{refused}");

    // What a replay has taken over is the original's: it stays when the replay fails.
    let replayed = scene.run_of(&again.post("replay", json!({"fromNodeId": "pay", "nodes": {"seat": "run"}})).await);
    replayed.output().await;
    let fails = json!({"fromNodeId": "pay", "nodes": {"pay": {"pin": 1}}});
    scene.run_of(&again.post("replay", fails).await).output().await;
    assert_eq!(peer.hits("/leave"), 1);
}

async fn the_example_of_the_document_is_valid(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (_, rest) = include_str!("../../../docs/compensation.md").split_once("```json\n").unwrap();
    let definition: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    scene.workflow(definition).await;
}

async fn what_can_not_be_a_compensation_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let step = |id: &str, data: Value| node(id, "transform", data);
    let undoes = |of: &str| json!({"compensates": of});
    let body = [node("each", "loop", json!({"items": "{{ [1] }}"})), inner("each", "deep", "transform", json!({}))];
    for (nodes, path, part) in [
        (vec![step("a", json!({})), step("u", undoes("nobody"))], "/nodes/2/data/compensates", "does not exist"),
        (vec![step("a", json!({})), step("u", undoes("u"))], "/nodes/2/data/compensates", "itself"),
        (vec![step("a", json!({})), step("u", undoes("begin"))], "/nodes/2/data/compensates", "nothing to undo"),
        (
            vec![step("a", json!({})), step("u", undoes("a")), step("v", undoes("a"))],
            "/nodes/3/data/compensates",
            "`u` undoes `a` already",
        ),
        (
            vec![step("a", json!({})), body[0].clone(), body[1].clone(), step("u", undoes("deep"))],
            "/nodes/4/data/compensates",
            "same scope",
        ),
        (
            vec![step("a", json!({})), node("u", "approval-gate", json!({"message": "?", "compensates": "a"}))],
            "/nodes/2/data/compensates",
            "no field `compensates`",
        ),
    ] {
        let edges = if nodes.len() > 3 { "begin>a a>each each>finish" } else { "begin>a a>finish" };
        let edges = if nodes.iter().any(|node| node["id"] == "v") { "begin>a a>finish" } else { edges };
        let body = json!({"name": "Flow", "definition": graph(nodes, edges)});
        let refused = scene.ann.post(&format!("{}/workflows", scene.place.pod()), body).await;
        let refused = refused.problem(422, "invalid_workflow");
        assert_eq!(error_paths(&refused), [format!("/definition{path}")], "{refused:#}");
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains(part), "{refused:#}");
    }
    let wired = graph([step("a", json!({})), step("u", undoes("a"))], "begin>a a>u u>finish");
    let body = json!({"name": "Flow", "definition": wired});
    let refused = scene.ann.post(&format!("{}/workflows", scene.place.pod()), body).await;
    let refused = refused.problem(422, "invalid_workflow");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("a compensation has no edges"), "{refused:#}");
}
