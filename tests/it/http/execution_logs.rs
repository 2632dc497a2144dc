//! `.../executions/{executionId}/logs`: what people read.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, error_paths, line, node},
};

on_both! {
    the_log_tells_what_each_node_did,
    the_log_is_filtered_and_paged,
}

async fn read(run: &Run, query: &str) -> Vec<Value> {
    run.client.get(&format!("{}/logs{query}", run.path)).await.expect(200).as_array().unwrap().clone()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

async fn the_log_tells_what_each_node_did(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let mut flaky = call("call", &peer, "/flaky/1");
    flaky["data"]["retry"] = json!({"maxAttempts": 2, "initialMs": 0});
    let definition = line([
        flaky,
        node("gate", "approval-gate", json!({"message": "?"})),
        node("nap", "wait", json!({"duration": "1m"})),
        node("bad", "transform", json!({"transformScript": "1 / 0"})),
    ]);
    let run = scene.run(definition, json!(null)).await;
    run.asked().await;
    run.respond(json!({"approved": true})).await.expect(200);
    run.until(|frame| frame.event["nodeId"] == "nap" && frame.event["status"] == "suspended").await;
    scene.app.clock.advance_ms(60_000);
    run.failure().await;

    let lines = read(&run, "").await;
    let all = messages(&lines);
    for expected in
        ["attempt 1 started", "attempt 2 started", "waits for an answer", "waits until 2027-01-15T08:01:00.000Z"]
    {
        assert!(all.contains(&expected), "{all:#?}");
    }
    assert!(
        all.iter().any(|line| line.starts_with("attempt 1 failed: the reply's status is 503; next attempt at ")),
        "{all:#?}"
    );
    assert!(all.iter().any(|line| line.starts_with("GET 127.0.0.1 answered 200")), "{all:#?}");
    assert!(all.iter().any(|line| line.starts_with("failed: ")), "{all:#?}");
    let seqs: Vec<_> = lines.iter().map(|line| line["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "oldest first: {seqs:?}");
    let error = lines.iter().find(|line| line["level"] == "error").unwrap();
    assert_eq!((&error["nodeId"], &error["data"]["code"]), (&json!("bad"), &json!("expression_failed")));
    assert_eq!((&error["executionId"], &error["id"]), (&json!(run.id), &json!(format!("{}:{}", run.id, error["seq"]))));
}

async fn the_log_is_filtered_and_paged(backend: Backend) {
    let scene = Scene::on(backend).await;
    let value = |id: &str| node(id, "transform", json!({"transformScript": "1"}));
    let bad = node("bad", "transform", json!({"transformScript": "1 / 0"}));
    let run = scene.run(line([value("a"), value("b"), value("c"), bad]), json!(null)).await;
    run.failure().await;
    let all = read(&run, "").await;
    assert!(read(&run, "?nodeId=b").await.iter().all(|line| line["nodeId"] == "b"));
    assert_eq!(read(&run, "?nodeId=b").await.len(), 2);
    assert_eq!(read(&run, "?level=error").await.len(), 1);
    assert_eq!(read(&run, "?level=debug").await, all);
    let after = all[2]["seq"].as_i64().unwrap();
    assert_eq!(read(&run, &format!("?after={after}")).await, all[3..]);
    assert_eq!(read(&run, "?after=1000").await, Vec::<Value>::new());
    let (mut path, mut paged) = (format!("{}/logs?limit=3", run.path), Vec::new());
    loop {
        let reply = scene.ann.get(&path).await;
        paged.extend(reply.expect(200).as_array().unwrap().clone());
        let Some(link) = reply.header("link") else { break };
        path = link.strip_prefix("</v1").unwrap().split('>').next().unwrap().to_owned();
    }
    assert_eq!(paged, all);
    for (query, name) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("level=loud", "level"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=-3", "cursor"),
        ("node=a", "node"),
    ] {
        let refused = scene.ann.get(&format!("{}/logs?{query}", run.path)).await.problem(400, "invalid_query");
        assert_eq!(error_paths(&refused), [name], "{query}");
    }
}
