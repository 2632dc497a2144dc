//! What the Kinetic face refuses, and how it says so: credentials, roles, tenants, and requests that can't be read.

use reqwest::Method;
use serde_json::{Value, json};

use super::kinetic::{Kinetic, key_of};
use crate::support::{
    app::{Backend, on_both, token_of},
    scene::Scene,
};

on_both! {
    any_of_three_headers_carries_the_key,
    a_callback_needs_the_header_of_workers,
    roles_are_those_of_the_key,
    another_workspace_is_not_seen,
    what_can_not_be_taken_is_named,
}

#[tokio::test]
async fn every_failure_has_the_shape_of_that_api() {
    let scene = Scene::on(Backend::Sqlite).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let anonymous = scene.app.anonymous().below("/kinetic");
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad90";
    let json_client = kinetic.client.with("content-type", "application/json");
    let sent = |body: &str| json_client.send(Method::POST, "/api/workflows", Some(body.to_owned()));
    for (reply, status, detail) in [
        (kinetic.client.get("/api/nothing").await, 404, Some("Not Found")),
        (anonymous.get("").await, 404, Some("Not Found")),
        (anonymous.get("/api/workflows/a/b/c").await, 404, Some("Not Found")),
        (kinetic.client.send(Method::PUT, "/api/workflows", None).await, 405, Some("Method Not Allowed")),
        (kinetic.client.get(&format!("/api/workflows/{unknown}")).await, 404, Some("workflow not found")),
        (kinetic.client.get("/api/workflows/abc").await, 404, Some("workflow not found")),
        (kinetic.client.get(&format!("/api/executions/{unknown}")).await, 404, Some("execution not found")),
        (kinetic.client.post(&format!("/api/workflows/{unknown}/execute"), json!({})).await, 404, None),
        (kinetic.client.post(&format!("/api/workflows/{unknown}/run"), json!({})).await, 404, None),
        (kinetic.client.post(&format!("/api/executions/{unknown}/retry"), json!({})).await, 404, None),
        (kinetic.client.delete(&format!("/api/workflows/{unknown}")).await, 404, None),
        (anonymous.get("/api/workflows").await, 401, None),
        (anonymous.with("kinetic-api-key", "slg_nonsense").get("/api/workflows").await, 401, None),
        (sent(&format!(r#"{{"name": "{}"}}"#, "x".repeat(4 << 20))).await, 413, None),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text.chars().take(300).collect::<String>());
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert!(reply.header("x-request-id").is_some());
        let body = reply.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let said = body["detail"].as_str().unwrap();
        assert!(!said.is_empty() && detail.is_none_or(|detail| detail == said), "{said}");
    }
    for (body, kind, loc) in [
        ("{", "json_invalid", json!(["body"])),
        ("[]", "type_error", json!(["body"])),
        ("3", "type_error", json!(["body"])),
        ("{}", "missing", json!(["body", "name"])),
        (r#"{"name": 7}"#, "type_error", json!(["body", "name"])),
        (r#"{"name": "a"}"#, "missing", json!(["body", "configuration"])),
        (r#"{"name": "a", "configuration": 5}"#, "type_error", json!(["body", "configuration"])),
    ] {
        let reply = sent(body).await;
        let detail = reply.expect(422)["detail"].clone();
        assert_eq!((&detail[0]["type"], &detail[0]["loc"]), (&json!(kind), &loc), "{body}: {detail}");
        assert!(detail[0]["msg"].as_str().is_some_and(|msg| !msg.is_empty()));
    }
    let form = kinetic.client.with("content-type", "application/x-www-form-urlencoded");
    form.send(Method::POST, "/api/workflows", Some("name=a".to_owned())).await.expect(422);
    // Elsewhere nothing has changed.
    scene.app.anonymous().without_prefix().get("/kinetics").await.problem(404, "unknown_path");
}

async fn any_of_three_headers_carries_the_key(backend: Backend) {
    let scene = Scene::on(backend).await;
    let key = key_of(&scene, "viewer").await;
    let anonymous = scene.app.anonymous().below("/kinetic");
    let bearer = format!("Bearer {key}");
    for (name, value) in [("authorization", &bearer), ("kinetic-api-key", &key), ("x-kinetic-key", &key)] {
        assert_eq!(anonymous.with(name, value).get("/api/workflows").await.expect(200), json!([]));
    }
    let both = anonymous.with("authorization", &bearer).with("kinetic-api-key", &key);
    both.get("/api/workflows").await.expect(200);
    let other = key_of(&scene, "viewer").await;
    both.with("kinetic-api-key", &other).get("/api/workflows").await.expect(401);
    let person = format!("Bearer {}", token_of(&json!({"sub": "ann"}), scene.app.clock.now()));
    let basic = format!("Basic {key}");
    for (name, value) in
        [("authorization", person.as_str()), ("authorization", basic.as_str()), ("x-api-key", key.as_str())]
    {
        let refused = anonymous.with(name, value).get("/api/workflows").await;
        assert!(refused.expect(401)["detail"].is_string());
        assert!(refused.header("www-authenticate").is_some());
    }
}

async fn a_callback_needs_the_header_of_workers(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({})).await;
    let id = kinetic.execute(&workflow, json!({})).await;
    scene.run_at(&id).until(|frame| frame.kind() == "task_update").await;
    let key = key_of(&scene, "editor").await;
    let anonymous = scene.app.anonymous().below("/kinetic");
    let path = format!("/api/executions/{id}/complete");
    for (name, value) in [("authorization", format!("Bearer {key}")), ("kinetic-api-key", key.clone())] {
        anonymous.with(name, &value).post(&path, json!({"status": "completed"})).await.expect(401);
    }
    assert_eq!(kinetic.status(&id).await, "queued");
    anonymous.with("x-kinetic-key", &key).post(&path, json!({"status": "completed"})).await.expect(200);
}

async fn roles_are_those_of_the_key(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (viewer, editor) = (Kinetic::new(&scene, "viewer").await, Kinetic::new(&scene, "editor").await);
    let workflow = editor.workflow(json!({})).await;
    let execution = editor.execute(&workflow, json!({})).await;
    let path = format!("/api/workflows/{workflow}");
    viewer.client.get(&path).await.expect(200);
    viewer.get(&execution).await;
    for (method, path, body) in [
        (Method::POST, "/api/workflows".to_owned(), json!({"name": "A", "configuration": {}})),
        (Method::PATCH, path.clone(), json!({"name": "A"})),
        (Method::DELETE, path.clone(), json!({})),
        (Method::POST, format!("{path}/execute"), json!({})),
        (Method::POST, format!("{path}/run"), json!({})),
        (Method::POST, format!("/api/executions/{execution}/retry"), json!({})),
        (Method::POST, format!("/api/executions/{execution}/complete"), json!({"status": "completed"})),
    ] {
        let refused = viewer.client.json(method, &path, &body).await.expect(403);
        assert!(refused["detail"].as_str().unwrap().contains("editor"), "{refused}");
    }
}

async fn another_workspace_is_not_seen(backend: Backend) {
    let scene = Scene::on(backend).await;
    let ours = Kinetic::new(&scene, "editor").await;
    let workflow = ours.workflow(json!({})).await;
    let execution = ours.execute(&workflow, json!({})).await;
    scene.run_at(&execution).until(|frame| frame.kind() == "task_update").await;
    let place = scene.app.workspace("bob").await;
    let keys = format!("{}/api-keys", place.workspace());
    let key = scene.app.user("bob").post(&keys, json!({"name": "k", "role": "admin"})).await.expect(201);
    let theirs = scene.app.anonymous().below("/kinetic").with("x-kinetic-key", key["key"].as_str().unwrap());
    let path = format!("/api/workflows/{workflow}");
    for (method, path, body) in [
        (Method::GET, path.clone(), Value::Null),
        (Method::GET, format!("{path}/version/1"), Value::Null),
        (Method::PATCH, path.clone(), json!({"name": "A"})),
        (Method::DELETE, path.clone(), Value::Null),
        (Method::POST, format!("{path}/execute"), json!({})),
        (Method::POST, format!("{path}/run"), json!({})),
        (Method::GET, format!("/api/executions/{execution}"), Value::Null),
        (Method::POST, format!("/api/executions/{execution}/retry"), Value::Null),
        (Method::POST, format!("/api/executions/{execution}/complete"), json!({"status": "failed"})),
    ] {
        let client = theirs.with("content-type", "application/json");
        let body = (!body.is_null()).then(|| body.to_string());
        let refused = client.send(method, &path, body).await.expect(404);
        assert!(refused["detail"].is_string());
    }
    for list in
        ["/api/workflows".to_owned(), "/api/executions".to_owned(), format!("/api/executions?workflow_uuid={workflow}")]
    {
        assert_eq!(theirs.get(&list).await.expect(200), json!([]));
    }
    let there = theirs.with("x-kinetic-pod", &scene.place.pod_id);
    there.get("/api/workflows").await.expect(404);
    assert_eq!(ours.status(&execution).await, "queued");
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({})).await;
    for (body, loc) in [
        (json!({"name": " ", "configuration": {}}), json!(["body", "name"])),
        (json!({"name": "a", "configuration": {}, "slug": "A B"}), json!(["body", "slug"])),
        (json!({"name": "a", "configuration": {"timeout": -1}}), json!(["body", "configuration", "timeout"])),
        (
            json!({"name": "a", "specification": {"urlAllowlist": [1]}}),
            json!(["body", "specification", "urlAllowlist", 0]),
        ),
        (
            json!({"name": "a", "configuration": {"payloadSchema": {"type": "x"}}}),
            json!(["body", "configuration", "payloadSchema", "type"]),
        ),
        (json!({"name": "a", "configuration": {}, "specification": {"a": 1}}), json!(["body", "specification"])),
        (
            json!({"name": "a", "configuration": {"prompt": "x".repeat(300_000)}}),
            json!(["body", "configuration", "prompt"]),
        ),
    ] {
        let refused = kinetic.client.post("/api/workflows", body).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], loc, "{refused}");
        assert_eq!(refused["detail"][0]["type"], "value_error");
    }
    for (call, field) in [("execute", "inputPayload"), ("run", "input_payload")] {
        for wrong in [json!([1]), json!("x"), json!(3)] {
            let path = format!("/api/workflows/{workflow}/{call}");
            let refused = kinetic.client.post(&path, json!({field: wrong})).await.expect(422);
            assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
        }
        // Null is none.
        let path = format!("/api/workflows/{workflow}/{call}");
        assert!(kinetic.client.post(&path, json!({field: null})).await.status < 300);
    }
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("status=done", "status"),
        ("workflow_uuid=7", "workflow_uuid"),
    ] {
        let refused = kinetic.client.get(&format!("/api/executions?{query}")).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["query", name]), "{refused}");
    }
}
