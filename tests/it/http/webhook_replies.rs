//! What the sender of a delivery is answered, what a workflow gets of it, and why it is refused.

use serde_json::{Value, json};
use sluicegate::config::ByteSize;

use super::webhooks::Hooks;
use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    peer::Peer,
    scene::{Scene, call, gate, graph, line, node},
};

on_both! {
    body_headers_and_query_reach_the_workflow,
    a_sender_that_waits_gets_the_output,
    a_sender_that_follows_gets_the_events,
    what_can_not_be_started_says_why,
    bodies_that_are_too_large_are_refused_and_seen,
    so_many_a_minute_are_taken,
    a_full_queue_is_said_to_be_full,
}

async fn body_headers_and_query_reach_the_workflow(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none", "name": "In"})).await;
    for (kind, body, input) in [
        ("application/json", &br#"{"a": [1, null, "\u0000"]}"#[..], json!({"a": [1, null, "\u{0}"]})),
        ("application/json", b"", Value::Null),
        ("application/x-www-form-urlencoded", b"{\"a\":1}", json!({"a": 1})),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=%20",
            json!({"body": "a=1&b=%20", "contentType": "application/x-www-form-urlencoded"}),
        ),
        ("application/json", b"{\"a\":", json!({"body": "{\"a\":", "contentType": "application/json"})),
        ("text/plain", b"nul\0", json!({"body": "nul\u{0}", "contentType": "text/plain"})),
        (
            "application/octet-stream",
            b"\xff\x00",
            json!({"body": "/wA=", "contentType": "application/octet-stream", "encoding": "base64"}),
        ),
    ] {
        let client = hook.outside.with("content-type", kind);
        let reply = client.send_bytes(reqwest::Method::POST, &hook.public, Some(body.to_vec())).await;
        assert_eq!(hooks.started(&reply).view().await["input"], input, "{kind}");
        let delivery = hook.newest().await;
        assert_eq!((&delivery["bodyBytes"], &delivery["bodyIsWhole"]), (&json!(body.len()), &json!(true)));
        let is_text = std::str::from_utf8(body).is_ok();
        assert_eq!(delivery["bodyEncoding"], if is_text { Value::Null } else { json!("base64") });
    }
    let client = hook.outside.with("x-event", "push").with("authorization", "Bearer nobody");
    let path = format!("{}?a=1&b=x%20y&a=2&%00=%00", hook.public);
    let run = hooks.started(&client.send(reqwest::Method::POST, &path, None).await);
    let webhook = run.view().await["context"]["webhook"].clone();
    assert_eq!(webhook["query"], json!({"a": ["1", "2"], "b": "x y", "\u{0}": "\u{0}"}));
    assert_eq!((&webhook["headers"]["x-event"], webhook["headers"].get("authorization")), (&json!("push"), None));
    assert_eq!(
        [&webhook["id"], &webhook["name"], &webhook["redeliveryOf"]],
        [&json!(hook.id), &json!("In"), &Value::Null]
    );
    let delivery = hook.newest().await;
    assert_eq!(
        (&delivery["query"], &delivery["headers"]["x-event"]),
        (&json!("a=1&b=x%20y&a=2&%00=%00"), &json!("push"))
    );
    assert_eq!(webhook["receivedAt"], delivery["receivedAt"]);
}

async fn a_sender_that_waits_gets_the_output(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let peer = Peer::start().await;
    let double = hooks.deployed(line([node("twice", "transform", json!({"transformScript": "input.n * 2"}))])).await;
    let hook = hooks.make(&double, json!({"verification": "none", "response": "wait"})).await;
    let key = [("idempotency-key", "one")];
    let reply = hook.deliver(&key, r#"{"n": 21}"#).await;
    assert_eq!((reply.expect(200), reply.header("content-type")), (json!(42), Some("application/json")));
    let started = hook.newest().await;
    let place = format!("/v1{}/{}", hooks.scene.executions(), started["executionId"].as_str().unwrap());
    assert_eq!((&started["status"], reply.header("location")), (&json!(200), Some(place.as_str())));
    // The same again gets the same.
    let again = hook.deliver(&key, r#"{"n": 21}"#).await;
    assert_eq!((again.status, &again.text, again.header("location")), (200, &reply.text, reply.header("location")));
    let repeated = hook.newest().await;
    let row = ["verdict", "status", "executionId"].map(|field| repeated[field].clone());
    assert_eq!(row, [json!("repeated"), json!(200), started["executionId"].clone()]);

    // One that fails, for whatever reason, which is for those who may see the execution.
    let failing = hooks.deployed(graph([call("call", &peer, "/status/500")], "begin>call call>finish")).await;
    let failing_hook = hooks.make(&failing, json!({"verification": "none", "response": "wait"})).await;
    let reply = failing_hook.deliver(&[], "{}").await;
    let problem = reply.problem(502, "execution_failed");
    assert!(!reply.text.contains("127.0.0.1") && reply.header("location").is_some(), "{problem}");
    let delivery = failing_hook.newest().await;
    assert_eq!([&delivery["verdict"], &delivery["status"]], [&json!("started"), &json!(502)]);

    // One that takes longer than the sender is let wait.
    let slow = hooks.deployed(graph([call("call", &peer, "/gate")], "begin>call call>finish")).await;
    let slow_hook = hooks.make(&slow, json!({"verification": "none", "response": "wait", "waitSeconds": 1})).await;
    let reply = slow_hook.deliver(&key, "{}").await;
    let execution = reply.expect(202);
    let run = hooks.scene.run_at(execution["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/v1{}", run.path).as_str()));
    assert_eq!(slow_hook.newest().await["status"], 202);
    peer.open_gate();
    run.output().await;
    slow_hook.deliver(&key, "{}").await.expect(200);

    // One that is cancelled while its sender waits.
    let slow_hook = hooks.make(&slow, json!({"verification": "none", "response": "wait"})).await;
    let (reply, ()) = tokio::join!(slow_hook.deliver(&[], "{}"), async {
        peer.arrived("/gate", 2).await;
        let id = slow_hook.newest().await["executionId"].as_str().unwrap().to_owned();
        assert_eq!(slow_hook.newest().await["status"], Value::Null, "nobody was answered yet");
        assert!(hooks.scene.run_at(&id).cancel().await.status < 300);
    });
    reply.problem(502, "execution_failed");
}

async fn a_sender_that_follows_gets_the_events(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(line([node("twice", "transform", json!({"transformScript": "input.n * 2"}))])).await;
    let hook = hooks.make(&workflow, json!({"verification": "none", "response": "stream"})).await;
    let outside = hook.outside.with("idempotency-key", "one");
    let mut stream = outside.post_stream(&hook.public, r#"{"n": 4}"#).await;
    let place = stream.headers["location"].to_str().unwrap().to_owned();
    let frames = stream.until(Frame::is_end).await;
    assert_eq!((&frames[0].event["seq"], &frames.last().unwrap().event["output"]), (&json!(1), &json!(8)));
    let delivery = hook.newest().await;
    assert_eq!([&delivery["verdict"], &delivery["status"]], [&json!("started"), &json!(200)]);
    let run = hooks.scene.run_at(delivery["executionId"].as_str().unwrap());
    assert_eq!(place, format!("/v1{}", run.path));
    let bodies = |frames: &[Frame]| frames.iter().map(|frame| frame.event.clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&frames), run.log().await);
    let again = outside.post_stream(&hook.public, r#"{"n": 4}"#).await.until(Frame::is_end).await;
    assert_eq!(bodies(&again), bodies(&frames));
    assert_eq!(hooks.executions().await, 1);

    // Where no stream can be opened nothing is started.
    let scene = Scene::with(backend, |settings| settings.streams_per_workspace = Some(1)).await;
    let hooks = Hooks { scene };
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none", "response": "stream"})).await;
    let _open = hook.outside.post_stream(&hook.public, "{}").await;
    let reply = hook.deliver(&[], "{}").await;
    reply.problem(429, "too_many_requests");
    assert!(reply.header("retry-after").is_some());
    assert_eq!(hook.newest().await["verdict"], "rate_limited");
    assert_eq!(hooks.executions().await, 1);
}

async fn what_can_not_be_started_says_why(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let mut definition = gate();
    definition["nodes"][0]["data"]["inputSchema"] =
        json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let workflow = hooks.scene.workflow(definition).await;
    let hook = hooks.make(&workflow, json!({"verification": "none"})).await;
    let action = async |action: &str| {
        let path = format!("{}/workflows/{workflow}/{action}", hooks.scene.place.pod());
        match action {
            "trash" | "restore" => hooks.ann().patch(&path, json!({})).await.expect(200),
            _ => hooks.ann().post(&path, json!({})).await.expect(200),
        };
    };
    let refused = async |status: u16, code: &str, verdict: &str, said: &str| {
        let problem = hook.deliver(&[], r#"{"n": 1}"#).await.problem(status, code);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        let delivery = hook.newest().await;
        let row = ["verdict", "status", "reason", "executionId"].map(|field| delivery[field].clone());
        assert_eq!(row, [json!(verdict), json!(status), problem["detail"].clone(), Value::Null]);
    };
    refused(409, "conflict", "refused", "not deployed").await;
    action("deploy").await;
    let problem = hook.deliver(&[], r#"{"n": "x"}"#).await.problem(422, "invalid_input");
    assert_eq!(problem["errors"][0]["path"], "/input/n");
    assert_eq!(hook.newest().await["verdict"], "refused");
    hook.deliver(&[("idempotency-key", "a b")], r#"{"n": 1}"#).await.problem(400, "invalid_header");
    assert_eq!(hook.newest().await["status"], 400);
    // What is deployed is started, not what was saved since.
    let saved = json!({"definition": gate()});
    let path = format!("{}/workflows/{workflow}", hooks.scene.place.pod());
    assert_eq!(hooks.ann().patch(&path, saved).await.expect(200)["version"], 2);
    let run = hooks.started(&hook.deliver(&[], r#"{"n": 1}"#).await);
    assert_eq!(run.view().await["workflowVersion"], 1);
    run.cancel().await.expect(204);
    run.end().await;
    action("undeploy").await;
    refused(409, "conflict", "refused", "not deployed").await;
    action("trash").await;
    refused(409, "workflow_trashed", "refused", "trash").await;

    hooks.ann().patch(&hook.path, json!({"enabled": false})).await.expect(200);
    refused(404, "not_found", "disabled", "webhook not found").await;
    let unknown =
        hook.outside.post(&format!("/webhooks/{workflow}/trigger"), json!({})).await.problem(404, "not_found");
    let disabled = hook.deliver(&[], "{}").await.problem(404, "not_found");
    assert_eq!(unknown["detail"], disabled["detail"], "nobody can tell one from the other");
    hook.outside.post("/webhooks/x/trigger", json!({})).await.problem(404, "not_found");
    hook.outside.get(&hook.public).await.problem(405, "method_not_allowed");
    assert_eq!(hooks.executions().await, 1);
    // With the workflow goes the webhook.
    hooks.ann().delete(&format!("{}/workflows/{workflow}", hooks.scene.place.pod())).await.expect(204);
    hook.deliver(&[], "{}").await.problem(404, "not_found");
    hooks.ann().get(&format!("{}/deliveries", hook.path)).await.problem(404, "not_found");
}

async fn bodies_that_are_too_large_are_refused_and_seen(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none"})).await;
    let text = |size: usize| "x".repeat(size);
    // One byte more than is read: of a sender that has more to send, the connection may be closed before it reads the reply.
    for body in [text((4 << 20) + 1), text((1 << 20) + 1), text((1 << 20) - 10)] {
        hook.deliver(&[], &body).await.problem(413, "body_too_large");
        let delivery = hook.newest().await;
        let row = ["verdict", "status", "bodyBytes", "body"].map(|field| delivery[field].clone());
        assert_eq!(row, [json!("too_large"), json!(413), json!(body.len()), Value::Null]);
    }
    let largest = serde_json::to_string(&text((1 << 20) - 2)).unwrap();
    hooks.started(&hook.deliver(&[], &largest).await);
    assert_eq!(hook.newest().await["bodyBytes"], 1 << 20);

    let scene = Scene::with(backend, |settings| settings.body_limit = Some(ByteSize(1_000))).await;
    let hooks = Hooks { scene };
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none"})).await;
    hook.deliver(&[], &text(1_001)).await.problem(413, "body_too_large");
    assert_eq!(
        [&hook.newest().await["verdict"], &hook.newest().await["bodyBytes"]],
        [&json!("too_large"), &json!(1_001)]
    );
    hooks.started(&hook.deliver(&[], &text(1_000)).await);
}

async fn so_many_a_minute_are_taken(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook =
        hooks.make(&workflow, json!({"verification": "header", "secret": "the secret", "ratePerMinute": 2})).await;
    let (good, bad) = ([("x-webhook-secret", "the secret")], [("x-webhook-secret", "no secret")]);
    // Strangers take nothing away.
    for _ in 0..5 {
        hook.deliver(&bad, "{}").await.problem(401, "webhook_unverified");
    }
    let keyed = [good[0], ("idempotency-key", "first")];
    let first = hook.deliver(&keyed, "{}").await;
    hooks.started(&first);
    hooks.started(&hook.deliver(&good, "{}").await);
    let reply = hook.deliver(&good, "{}").await;
    reply.problem(429, "too_many_requests");
    assert_eq!(reply.header("retry-after"), Some("31"));
    let delivery = hook.newest().await;
    assert_eq!([&delivery["verdict"], &delivery["status"]], [&json!("rate_limited"), &json!(429)]);
    // Who comes again gets the reply of before.
    assert_eq!(hook.deliver(&keyed, "{}").await.text, first.text);
    hooks.scene.app.clock.advance_ms(30_000);
    hooks.started(&hook.deliver(&good, "{}").await);
    hook.deliver(&good, "{}").await.problem(429, "too_many_requests");
    let other = hooks.make(&workflow, json!({"verification": "none"})).await;
    hooks.started(&other.deliver(&[], "{}").await);
}

async fn a_full_queue_is_said_to_be_full(backend: Backend) {
    let scene = Scene::with(backend, |settings| {
        (settings.max_running, settings.queue_limit) = (Some(1), Some(1));
    })
    .await;
    let (hooks, peer) = (Hooks { scene }, Peer::start().await);
    let workflow = hooks.deployed(graph([call("call", &peer, "/hang")], "begin>call call>finish")).await;
    let hook = hooks.make(&workflow, json!({"verification": "none"})).await;
    hooks.started(&hook.deliver(&[], "{}").await);
    peer.arrived("/hang", 1).await;
    hooks.started(&hook.deliver(&[], "{}").await);
    let reply = hook.deliver(&[], "{}").await;
    reply.problem(429, "too_many_requests");
    assert_eq!(reply.header("retry-after"), Some("1"));
    let delivery = hook.newest().await;
    assert_eq!([&delivery["verdict"], &delivery["status"]], [&json!("refused"), &json!(429)]);
}
