//! `.../executions/{executionId}/replay` from a place inside a loop or a child.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, error_paths, graph, inner, line, node},
};

on_both! {
    a_replay_begins_inside_an_iteration,
    a_replay_begins_inside_a_loop_in_a_loop,
    a_replay_begins_inside_a_child_of_a_child,
    places_that_are_not_there_are_refused,
}

async fn replay(scene: &Scene, run: &Run, body: Value) -> Run {
    scene.run_of(&run.post("replay", body).await)
}

/// A loop over three items, in which each fetches and then asks the peer again.
fn looping(peer: &Peer) -> Value {
    let nodes = [
        node("each", "loop", json!({"items": "{{ ['a', 'b', 'c'] }}", "concurrency": 2})),
        inner("each", "first", "http", json!({"httpUrl": peer.url("/first/{{ item }}")})),
        inner("each", "second", "http", json!({"httpUrl": peer.url("/second/{{ item }}")})),
        inner("each", "both", "transform", json!({"output": ["{{ first.data.hits }}", "{{ second.data.hits }}"]})),
        node("sum", "transform", json!({"output": "{{ each.results }}"})),
    ];
    let mut definition = graph(nodes, "begin>each each>sum sum>finish");
    for (from, to) in [("first", "second"), ("second", "both")] {
        definition["edges"].as_array_mut().unwrap().push(json!({"id": from, "source": from, "target": to}));
    }
    definition
}

async fn a_replay_begins_inside_an_iteration(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(looping(&peer), json!(null)).await;
    assert_eq!(run.output().await, json!([[1, 1], [1, 1], [1, 1]]));
    let from = json!({"fromNodeId": "each[1]/second"});
    let plan = run.post("replay", json!({"fromNodeId": "each[1]/second", "dryRun": true})).await.expect(200);
    let told = |path: &str| {
        let nodes = plan["nodes"].as_array().unwrap();
        let node = nodes.iter().find(|node| node.get("path").unwrap_or(&node["nodeId"]) == path).unwrap();
        (node["action"].as_str().unwrap().to_owned(), node["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(told("each"), ("run".to_owned(), "the replay begins inside it".to_owned()));
    assert_eq!(told("each[1]/first").0, "reuse");
    assert_eq!(told("each[1]/second"), ("run".to_owned(), "the replay begins here".to_owned()));
    assert_eq!(told("each[1]/both").0, "run");
    let again = replay(&scene, &run, from).await;
    assert_eq!(again.output().await, json!([[1, 1], [1, 2], [1, 1]]));
    assert_eq!((peer.hits("/first/b"), peer.hits("/second/b"), peer.hits("/second/a")), (1, 2, 1));
    assert_eq!(again.view().await["fromNodeId"], "each[1]/second");
    let log = again.log().await;
    let reused = |path: &str| {
        let mut of = log.iter().filter(|event| event["type"] == "node_update" && event["path"] == path);
        of.next_back().unwrap().get("reused").is_some()
    };
    assert!(
        reused("each[0]/second") && reused("each[1]/first") && !reused("each[1]/second") && !reused("each[1]/both")
    );
}

async fn a_replay_begins_inside_a_loop_in_a_loop(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let nodes = [
        node("outer", "loop", json!({"items": "{{ [1, 2] }}"})),
        inner("outer", "inner", "loop", json!({"items": "{{ ['x', 'y'] }}"})),
        inner("inner", "hit", "http", json!({"httpUrl": peer.url("/hit/{{ item }}")})),
    ];
    let definition = graph(nodes, "begin>outer outer>finish");
    let run = scene.run(definition, json!(null)).await;
    run.output().await;
    assert_eq!((peer.hits("/hit/x"), peer.hits("/hit/y")), (2, 2));
    let again = replay(&scene, &run, json!({"fromNodeId": "outer[1]/inner[0]/hit"})).await;
    let output = again.output().await;
    assert_eq!((peer.hits("/hit/x"), peer.hits("/hit/y")), (3, 2));
    assert_eq!(output["results"][1]["results"][0]["data"]["hits"], 3);
}

async fn a_replay_begins_inside_a_child_of_a_child(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let two = line([call("one", &peer, "/one"), call("two", &peer, "/flaky/1")]);
    let leaf = scene.workflow(two).await;
    let middle = line([call("before", &peer, "/before"), node("leaf", "subworkflow", json!({"workflowId": leaf}))]);
    let middle = scene.workflow(middle).await;
    let top = line([call("top", &peer, "/top"), node("middle", "subworkflow", json!({"workflowId": middle}))]);
    let run = scene.run(top, json!(null)).await;
    run.failure().await;
    let place = "middle/leaf/two";
    let plan = run.post("replay", json!({"fromNodeId": place, "dryRun": true})).await.expect(200);
    let paths: Vec<&str> = plan["nodes"].as_array().unwrap().iter().filter_map(|node| node["path"].as_str()).collect();
    assert!(paths.contains(&"middle/before") && paths.contains(&place), "{paths:?}");
    let again = replay(&scene, &run, json!({"fromNodeId": place})).await;
    assert_eq!(again.output().await["data"]["hits"], 2);
    let hits = ["/top", "/before", "/one", "/flaky/1"].map(|path| peer.hits(path));
    assert_eq!(hits, [1, 1, 1, 2], "only the last call is made again");
    // The children say what they replay.
    let all = scene.ann.get(&format!("{}?limit=50", scene.executions())).await.expect(200);
    let replays = all.as_array().unwrap().iter().filter(|one| one["fromNodeId"] == "leaf/two").count();
    assert_eq!(replays, 1, "{all:#}");
}

async fn places_that_are_not_there_are_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let run = scene.run(looping(&peer), json!(null)).await;
    run.output().await;
    for (place, part) in [
        ("second", "name the iteration, as in `each[0]/second`"),
        ("each/second", "name the iteration, as in `each[0]`"),
        ("each[1]", "name a node of the iteration"),
        ("each[7]/second", "did not run in the original"),
        ("each[x]/second", "no iteration of a loop"),
        ("each[1]/sum", "is not where"),
        ("sum/second", "nothing inside `sum`"),
        ("each[1]/nobody", "no node `nobody`"),
        ("", "no node ``"),
    ] {
        let refused = run.post("replay", json!({"fromNodeId": place})).await.problem(422, "invalid_replay");
        assert_eq!(error_paths(&refused), ["/fromNodeId"], "{place}");
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains(part), "{place}: {refused:#}");
    }
    let refused = run.post("replay", json!({"nodes": {"second": "run"}})).await.problem(422, "invalid_replay");
    assert_eq!(error_paths(&refused), ["/nodes/second"]);
}
