//! `http` nodes, and what all node types have in common: failures, retries, limits of time and size.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Scene, call, course, error_paths, graph, inner, last_update, line, node},
};

on_both! {
    an_http_node_sends_what_its_templates_say,
    an_http_failure_takes_the_error_port_with_the_reply,
    an_http_node_reaches_no_private_address_that_is_not_allowed,
    failures_are_handled_as_on_error_says,
    a_failure_is_retried_with_its_delays,
    a_time_limit_ends_an_attempt_and_has_a_port,
    the_time_limit_of_an_execution_does_not_count_waiting,
    an_output_that_is_too_large_or_deep_fails_its_node,
    bad_definitions_are_refused_with_their_place,
}

fn value(id: &str, script: &str) -> Value {
    node(id, "transform", json!({"transformScript": script}))
}

fn with(mut node: Value, data: Value) -> Value {
    node["data"].as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    node
}

/// A definition with nodes in the bodies of its loops, and edges in there.
fn with_body(mut definition: Value, nodes: impl IntoIterator<Item = Value>, edges: &str) -> Value {
    definition["nodes"].as_array_mut().unwrap().extend(nodes);
    for edge in edges.split_whitespace() {
        let (source, target) = edge.split_once('>').unwrap();
        let edge = json!({"id": edge, "source": source, "target": target});
        definition["edges"].as_array_mut().unwrap().push(edge);
    }
    definition
}

async fn an_http_node_sends_what_its_templates_say(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let data = json!({
        "httpMethod": "POST", "httpUrl": format!("{}{{{{ input.order }}}}", peer.url("/orders/")),
        "httpHeaders": [{"key": "X-Order", "value": "{{ input.order }}"}],
        "httpAuthType": "bearer", "httpAuthToken": "{{ input.token }}",
        "httpBody": {"lines": "{{ input.lines }}"}, "query": {"notify": true, "tag": ["a", "b"]},
    });
    let run =
        scene.run(line([node("call", "http", data)]), json!({"order": 7, "token": "t-1", "lines": [1, "ä"]})).await;
    let output = run.output().await;
    assert_eq!(
        (&output["status"], &output["data"], &output["method"]),
        (&json!(200), &json!({"hits": 1}), &json!("POST"))
    );
    assert_eq!(output["headers"]["content-type"], "application/json");
    let request = &peer.requests("/orders/7")[0];
    assert_eq!((&request["method"], &request["query"]), (&json!("POST"), &json!("notify=true&tag=a&tag=b")));
    assert_eq!(request["body"], "{\"lines\":[1,\"ä\"]}");
    let headers = &request["headers"];
    assert_eq!((&headers["x-order"], &headers["authorization"]), (&json!("7"), &json!("Bearer t-1")));
    assert_eq!(headers["idempotency-key"], format!("{}/call", run.id));
    // The log tells of the call and nothing secret.
    let log = run.log().await;
    let told = log.iter().find(|event| event["type"] == "node_log").unwrap();
    assert!(told["message"].as_str().unwrap().starts_with("POST 127.0.0.1 answered 200"), "{told}");
    assert!(
        !serde_json::to_string(&log.iter().filter(|e| e["nodeId"] == "call").collect::<Vec<_>>())
            .unwrap()
            .contains("t-1")
    );
}

async fn an_http_failure_takes_the_error_port_with_the_reply(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let definition = graph(
        [call("call", &peer, "/status/404"), value("bad", "nodeResults.call.error.details.status"), value("good", "1")],
        "begin>call call>good call:error>bad good>finish bad>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    assert_eq!(run.output().await, 404);
    let log = run.log().await;
    let failed = last_update(&log, "call");
    assert_eq!((&failed["status"], &failed["branch"]), (&json!("failed"), &json!("error")));
    assert_eq!(
        (&failed["error"]["code"], &failed["error"]["details"]["data"]["hits"]),
        (&json!("http_status"), &json!(1))
    );
    assert_eq!(failed["output"]["error"], failed["error"]);
    assert_eq!(course(&log, "good"), ["skipped"]);
    assert_eq!(run.view().await["stats"]["failed"], 1);

    let failure = scene.run(line([call("call", &peer, "/status/500")]), json!(null)).await.failure().await;
    assert_eq!(
        (&failure["code"], &failure["retryable"], &failure["nodeId"]),
        (&json!("http_status"), &json!(true), &json!("call"))
    );
    let allowed = with(call("call", &peer, "/status/404"), json!({"successStatus": ["2xx", 404]}));
    assert_eq!(scene.run(line([allowed]), json!(null)).await.output().await["status"], 404);
    // Nobody listens there.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let run =
        scene.run(line([node("call", "http", json!({"httpUrl": format!("http://{address}/")}))]), json!(null)).await;
    assert_eq!(run.failure().await["code"], "http_failed");
}

async fn an_http_node_reaches_no_private_address_that_is_not_allowed(backend: Backend) {
    let scene = Scene::with(backend, |settings| settings.outbound_networks = None).await;
    let peer = Peer::start().await;
    for url in [
        peer.url("/secret"),
        peer.url("/secret").replace("127.0.0.1", "localhost"),
        "http://169.254.169.254/".into(),
        "http://[::1]:1/".into(),
        peer.url("/secret").replace("127.0.0.1", "2130706433"),
    ] {
        let run = scene.run(line([node("call", "http", json!({"httpUrl": "{{ input }}"}))]), json!(url)).await;
        assert_eq!(run.failure().await["code"], "address_refused", "{url}");
    }
    assert_eq!(peer.hits("/secret"), 0);
}

async fn failures_are_handled_as_on_error_says(backend: Backend) {
    let scene = Scene::on(backend).await;
    let bad = |on_error: &str| with(value("bad", "1 / 0"), json!({"onError": on_error}));
    let definition = line([bad("continue"), value("next", "lastOutput.error.code")]);
    let run = scene.run(definition, json!(null)).await;
    assert_eq!(run.output().await, "expression_failed");
    let branches = |bad: Value| {
        graph(
            [bad, value("caught", "\"caught\""), value("good", "1")],
            "begin>bad bad>good bad:error>caught good>finish caught>finish",
        )
    };
    assert_eq!(scene.run(branches(value("bad", "1 / 0")), json!(null)).await.output().await, "caught");
    assert_eq!(scene.run(branches(bad("branch")), json!(null)).await.output().await, "caught");
    let failure = scene.run(branches(bad("fail")), json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("expression_failed"), &json!("bad")));
    assert!(failure["message"].as_str().unwrap().contains("transformScript"), "{failure}");
    // An unhandled failure stops the branches beside it.
    let peer = Peer::start().await;
    let definition = graph(
        [call("hang", &peer, "/hang"), call("gate", &peer, "/gate"), value("bad", "1 / 0")],
        "begin>hang begin>gate gate>bad bad>finish hang>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    peer.arrived("/hang", 1).await;
    peer.open_gate();
    assert_eq!(run.failure().await["nodeId"], "bad");
    assert_eq!(course(&run.log().await, "hang"), ["running", "cancelled"]);
}

async fn a_failure_is_retried_with_its_delays(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let retry = json!({"retry": {"maxAttempts": 3, "backoff": "exponential", "initialMs": 1_000, "jitter": false}});
    let run = scene.run(line([with(call("call", &peer, "/flaky/2"), retry.clone())]), json!(null)).await;
    for (attempt, delay) in [(1, 1_000), (2, 2_000)] {
        let at = Instant(scene.app.clock.now().0 + delay).to_string();
        let retrying =
            run.until(|f| f.event["status"] == "retrying" && f.event["attempt"] == attempt).await.pop().unwrap();
        assert_eq!((&retrying["retryAt"], &retrying["error"]["code"]), (&json!(at), &json!("http_status")));
        scene.app.clock.advance_ms(delay - 1);
        assert_eq!(peer.hits("/flaky/2"), attempt);
        scene.app.clock.advance_ms(1);
    }
    assert_eq!(run.output().await["data"]["hits"], 3);
    let log = run.log().await;
    assert_eq!(course(&log, "call"), ["running", "retrying", "running", "retrying", "running", "completed"]);
    assert_eq!(last_update(&log, "call")["attempt"], 3);

    // When no attempt is left it has failed; what no attempt can mend is not tried again.
    let run = scene.run(line([with(call("call", &peer, "/status/500"), retry.clone())]), json!(null)).await;
    for delay in [1_000, 2_000] {
        let hits = peer.hits("/status/500");
        run.until(|f| f.event["status"] == "retrying" && f.event["attempt"] == hits.max(1)).await;
        scene.app.clock.advance_ms(delay);
        peer.arrived("/status/500", hits.max(1) + 1).await;
    }
    assert_eq!(run.failure().await["details"]["data"]["hits"], 3);
    let run = scene.run(line([with(call("call", &peer, "/status/404"), retry)]), json!(null)).await;
    assert_eq!(run.failure().await["details"]["data"]["hits"], 1);
}

async fn a_time_limit_ends_an_attempt_and_has_a_port(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let limited = || with(call("call", &peer, "/hang"), json!({"timeoutMs": 30_000}));
    let run = scene.run(line([limited()]), json!(null)).await;
    peer.arrived("/hang", 1).await;
    scene.app.clock.advance_ms(30_000);
    let failure = run.failure().await;
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("timeout"), &json!(true)));
    assert!(failure["message"].as_str().unwrap().contains("30000 ms"), "{failure}");

    let definition = graph(
        [limited(), value("late", "\"late\""), value("bad", "\"bad\"")],
        "begin>call call>finish call:timeout>late call:error>bad late>finish bad>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    peer.arrived("/hang", 2).await;
    scene.app.clock.advance_ms(30_000);
    assert_eq!(run.output().await, "late");

    let twice = with(limited(), json!({"retry": {"maxAttempts": 2, "initialMs": 0}}));
    let run = scene.run(line([twice]), json!(null)).await;
    peer.arrived("/hang", 3).await;
    scene.app.clock.advance_ms(30_000);
    peer.arrived("/hang", 4).await;
    scene.app.clock.advance_ms(30_000);
    assert_eq!(run.failure().await["code"], "timeout");
    assert_eq!(course(&run.log().await, "call"), ["running", "retrying", "running", "failed"]);
}

async fn the_time_limit_of_an_execution_does_not_count_waiting(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let mut definition = line([
        node("gate", "approval-gate", json!({"message": "?"})),
        node("nap", "wait", json!({"duration": "1h"})),
        call("call", &peer, "/hang"),
    ]);
    definition["settings"] = json!({"timeoutMs": 60_000});
    let run = scene.run(definition, json!(null)).await;
    run.until_status("suspended").await;
    scene.app.clock.advance_ms(86_400_000);
    run.respond(json!({"approved": true})).await.expect(200);
    run.until(|frame| frame.event["nodeId"] == "nap" && frame.event["status"] == "suspended").await;
    scene.app.clock.advance_ms(3_600_000);
    peer.arrived("/hang", 1).await;
    scene.app.clock.advance_ms(59_999);
    assert_eq!(run.status().await, "running");
    scene.app.clock.advance_ms(1);
    let failure = run.failure().await;
    assert_eq!((&failure["code"], failure.get("nodeId")), (&json!("execution_timeout"), None));
    assert_eq!(course(&run.log().await, "call"), ["running", "cancelled"]);
    let view = run.view().await;
    assert_eq!((&view["activeMs"], &view["waitingMs"]), (&json!(60_000), &json!(90_000_000)));
}

async fn an_output_that_is_too_large_or_deep_fails_its_node(backend: Backend) {
    let scene = Scene::on(backend).await;
    // Each value is within its bounds; all of them together are not.
    let text = "x".repeat(60_000);
    let definition = with_body(
        line([node("each", "loop", json!({"items": "range(150)", "maxIterations": 150}))]),
        [inner("each", "big", "transform", json!({"output": text}))],
        "",
    );
    let failure = scene.run(definition, json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("limit_exceeded"), &json!("each")));
    assert!(failure["message"].as_str().unwrap().contains("larger than"), "{failure}");
}

async fn bad_definitions_are_refused_with_their_place(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflows = format!("{}/workflows", scene.place.pod());
    let refuse = async |definition: Value| {
        scene
            .ann
            .post(&workflows, json!({"name": "W", "definition": definition}))
            .await
            .problem(422, "invalid_workflow")
    };
    for (definition, path) in [
        (line([node("x", "telepathy", json!({}))]), "/definition/nodes/1/type"),
        (line([node("x", "transform", json!({"transformScript": "1 +"}))]), "/definition/nodes/1/data/transformScript"),
        (line([node("x", "http", json!({}))]), "/definition/nodes/1/data/httpUrl"),
        (line([node("x", "http", json!({"httpUrl": "ftp://x/"}))]), "/definition/nodes/1/data/httpUrl"),
        (line([node("x", "wait", json!({"duration": "soon"}))]), "/definition/nodes/1/data/duration"),
        (
            line([node("x", "wait", json!({"duration": "1s", "retry": {"maxAttempts": 0}}))]),
            "/definition/nodes/1/data/retry/maxAttempts",
        ),
        (line([node("x", "wait", json!({"durations": "1s"}))]), "/definition/nodes/1/data/durations"),
        (graph([node("x", "if-else", json!({"condition": "true"}))], "begin>x x:true>finish"), "/definition/nodes/1"),
        (graph([value("a", "1"), value("b", "1")], "begin>a a>b b>a b>finish"), "/definition/nodes/1"),
        (graph([value("a", "1"), value("b", "1")], "begin>a a>finish b>finish"), "/definition/nodes/2"),
        (graph([value("a", "1")], "begin>a a:maybe>finish"), "/definition/edges/1/sourceHandle"),
    ] {
        let refused = refuse(definition).await;
        assert!(error_paths(&refused).contains(&path), "{path}: {refused:#}");
    }
}
