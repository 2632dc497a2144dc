//! Mocks: what nodes take instead of running, in executions that ask for it and in no others.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, course, graph, inner, last_update, line, node},
};

on_both! {
    a_mock_is_taken_where_it_is_asked_for,
    a_mock_takes_its_port_or_fails,
    a_mock_holds_for_every_iteration_and_for_children,
    a_replay_has_mocks_as_it_says_or_as_the_original,
}

fn mocked(mut node: Value, mock: Value) -> Value {
    node["data"]["mock"] = mock;
    node
}

async fn with_mocks(scene: &Scene, definition: Value, input: Value) -> Run {
    let workflow = scene.workflow(definition).await;
    let body = json!({"workflowId": workflow, "input": input, "mocks": true});
    scene.run_of(&scene.ann.post(&scene.executions(), body).await)
}

async fn a_mock_is_taken_where_it_is_asked_for(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let definition = line([
        mocked(call("call", &peer, "/x"), json!({"output": {"status": 200, "data": "{{ input }}"}})),
        node("after", "transform", json!({"expression": "call.data + lastOutput.data"})),
    ]);
    let run = with_mocks(&scene, definition.clone(), json!({})).await;
    assert_eq!(run.output().await, "{{ input }}{{ input }}");
    assert!(peer.requests("/x").is_empty());
    let log = run.log().await;
    assert_eq!(course(&log, "call"), ["completed"]);
    let update = last_update(&log, "call");
    assert_eq!((&update["mocked"], &update["attempt"]), (&json!(true), &json!(0)), "it never began");
    assert!(last_update(&log, "after").get("mocked").is_none());
    assert_eq!(run.view().await["mocks"], true);
    let lines = run.client.get(&format!("{}/logs", run.path)).await.expect(200);
    assert!(lines.to_string().contains("result mocked"), "{lines}");
    // Without being asked for, it is not there.
    let run = scene.run(definition, json!({})).await;
    assert_eq!(run.end().await["type"], "execution_failed", "the peer gives no text");
    assert_eq!(peer.requests("/x").len(), 1);
    let view = run.view().await;
    assert!(view.get("mocks").is_none(), "{view}");
    assert!(last_update(&run.log().await, "call").get("mocked").is_none());
}

async fn a_mock_takes_its_port_or_fails(backend: Backend) {
    let scene = Scene::on(backend).await;
    // A gate that is mocked asks nobody.
    let gate = |mock: Value| mocked(node("gate", "approval-gate", json!({"message": "Go on?"})), mock);
    let both = |mock: Value| {
        let nodes = [
            gate(mock),
            node("yes", "transform", json!({"expression": "\"yes\""})),
            node("no", "transform", json!({"expression": "\"no\""})),
            node("join", "merge", json!({"join": "any", "mode": "first"})),
        ];
        graph(nodes, "begin>gate gate:approved>yes gate:rejected>no yes>join no>join join>finish")
    };
    for (mock, expected) in [(json!({}), "yes"), (json!({"branch": "rejected"}), "no")] {
        let run = with_mocks(&scene, both(mock), json!({})).await;
        assert_eq!(run.output().await, expected);
        assert!(run.log().await.iter().all(|event| event["type"] != "execution_suspended"));
    }
    // A failure is final, and takes the error port where there is one.
    let retry = json!({"expression": "1", "retry": {"maxAttempts": 3, "retryOn": ["timeout"]}});
    let failing =
        || mocked(node("a", "transform", retry.clone()), json!({"error": {"message": "no luck", "code": "timeout"}}));
    let run = with_mocks(&scene, line([failing()]), json!({})).await;
    let failure = run.failure().await;
    assert_eq!(
        (&failure["code"], &failure["message"], &failure["nodeId"]),
        (&json!("timeout"), &json!("no luck"), &json!("a"))
    );
    assert_eq!(course(&run.log().await, "a"), ["failed"]);
    let run = with_mocks(&scene, graph([failing()], "begin>a a:error>finish"), json!({})).await;
    assert_eq!(run.output().await["error"]["message"], "no luck");
    assert_eq!(last_update(&run.log().await, "a")["mocked"], true);
}

async fn a_mock_holds_for_every_iteration_and_for_children(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let mut each = graph([node("each", "loop", json!({"items": "input"}))], "begin>each each>finish");
    let mut body = inner("each", "call", "http", json!({"httpUrl": peer.url("/each")}));
    body["data"]["mock"] = json!({"output": "mocked"});
    each["nodes"].as_array_mut().unwrap().push(body);
    let run = with_mocks(&scene, each.clone(), json!([1, 2, 3])).await;
    assert_eq!(run.output().await["results"], json!(["mocked", "mocked", "mocked"]));
    let child = scene.workflow(each).await;
    let parent = line([node("sub", "subworkflow", json!({"workflowId": child, "input": [1]}))]);
    let run = with_mocks(&scene, parent, json!({})).await;
    assert_eq!(run.output().await["results"], json!(["mocked"]));
    assert!(peer.requests("/each").is_empty());
}

async fn a_replay_has_mocks_as_it_says_or_as_the_original(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition =
        line([mocked(node("a", "transform", json!({"expression": "\"true\""})), json!({"output": "mocked"}))]);
    let original = with_mocks(&scene, definition, json!({})).await;
    assert_eq!(original.output().await, "mocked");
    for (body, expected) in
        [(json!({}), "mocked"), (json!({"mocks": false}), "true"), (json!({"mocks": true}), "mocked")]
    {
        let replay = scene.run_of(&original.post("replay", body).await);
        assert_eq!(replay.output().await, expected);
    }
    let retry = scene.run_of(&original.post("retry", json!({})).await);
    assert_eq!(retry.output().await, "mocked");
}
