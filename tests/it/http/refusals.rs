//! Every way in which a request is refused before a handler runs: each is a problem document.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, small_definition};

#[tokio::test]
async fn unknown_paths_and_methods() {
    let app = TestApp::start().await;
    for path in ["/nothing", "/workspaces/", "/v1/workspaces", "/healthz/x"] {
        let reply = app.anonymous().get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        reply.problem(404, "unknown_path");
        app.anonymous().without_prefix().get(&format!("/x{path}")).await.problem(404, "unknown_path");
    }
    for client in [app.anonymous(), app.anonymous().without_prefix()] {
        let reply = client.delete("/workspaces").await;
        reply.problem(405, "method_not_allowed");
        let mut allowed: Vec<_> = reply.header("allow").unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD", "POST"]);
        client
            .send(Method::from_bytes(b"INVENTED").unwrap(), "/workspaces", None)
            .await
            .problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json() {
    let app = TestApp::start().await;
    let ann = app.user("ann");
    let send = async |kind: Option<&str>, body: &str| {
        let client = kind.map_or(ann.clone(), |kind| ann.with("content-type", kind));
        client.send(Method::POST, "/workspaces", Some(body.to_owned())).await
    };
    let json = Some("application/json");
    send(Some("text/plain"), "{}").await.problem(415, "unsupported_media_type");
    send(None, "{}").await.problem(415, "unsupported_media_type");
    send(Some("application/x-www-form-urlencoded"), "name=x").await.problem(415, "unsupported_media_type");
    for (body, place) in [("{", "line 1 column 1"), ("{\n\"name\": \"x\",\n}", "line 3 column 1"), ("\u{0}", "line 1")]
    {
        let problem = send(json, body).await.problem(400, "malformed_json");
        assert!(problem["detail"].as_str().unwrap().contains(place), "{problem}");
    }
    send(json, "{\"name\":\"x\"} {").await.problem(400, "malformed_json");
    send(json, "[\"x\"]").await.problem(400, "invalid_body");
    send(json, "null").await.problem(400, "invalid_body");
    let client = ann.with("content-type", "application/json");
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    client.send(Method::POST, "/workspaces", Some(deep)).await.expect(400);
    send(json, "").await.problem(400, "invalid_body");
}

#[tokio::test]
async fn fields_are_named_by_their_pointer() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let workflows = format!("{}/workflows", place.pod());
    let mut unknown = small_definition();
    unknown["nodes"][1]["colour"] = json!("red");
    let mut wrong = small_definition();
    wrong["edges"][0]["source"] = json!(3);
    for (body, path, message) in [
        (json!({"name": "x", "definition": unknown}), "/definition/nodes/1/colour", "unknown field `colour`"),
        (json!({"name": "x", "definition": wrong}), "/definition/edges/0/source", "invalid type: integer `3`"),
        (json!({"name": 5, "definition": {"nodes": []}}), "/name", "invalid type: integer `5`"),
        (json!({"definition": {"nodes": []}}), "", "missing field `name`"),
        (json!({"name": "x", "definition": {}}), "/definition", "missing field `nodes`"),
        (json!({"name": "x", "definition": {"nodes": []}, "owner": "eve"}), "/owner", "unknown field `owner`"),
    ] {
        let problem = app.user("ann").post(&workflows, body).await.problem(400, "invalid_body");
        assert_eq!(problem["errors"][0]["path"], path, "{problem}");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(message), "{problem}");
    }
}

#[tokio::test]
async fn query_parameters_are_known_and_readable() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let workflows = format!("{}/workflows", place.pod());
    for (query, name) in [
        ("?limt=1", "limt"),
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?starred=1", "starred"),
        ("?x", "x"),
    ] {
        let problem = app.user("ann").get(&format!("{workflows}{query}")).await.problem(400, "invalid_query");
        assert_eq!(problem["errors"][0]["path"], name, "{query}");
    }
    app.user("ann").get("/workspaces?starred=true").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn huge_bodies_are_cut_off() {
    let app = TestApp::start_with(|settings| settings.body_limit = Some(sluicegate::config::ByteSize(1_000))).await;
    let ann = app.user("ann");
    let body = |size: usize| {
        let empty = json!({"name": ""}).to_string().len();
        json!({"name": " ".repeat(size - empty - 1) + "x"})
    };
    ann.post("/workspaces", body(1_000)).await.expect(201);
    ann.post("/workspaces", body(1_001)).await.problem(413, "body_too_large");
    ann.with("idempotency-key", "k").post("/workspaces", body(1_001)).await.problem(413, "body_too_large");
    ann.post("/workspaces", body(3_000_000)).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn ids_that_are_none_name_nothing() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    for bad in ["x", "1", "%00", "..%2f..", "00000000-0000-0000-0000-000000000000", "%ff"] {
        for path in [
            format!("/workspaces/{bad}"),
            format!("/workspaces/{bad}/pods"),
            format!("{}/pods/{bad}", place.workspace()),
            format!("{}/workflows/{bad}", place.pod()),
            format!("{}/api-keys/{bad}", place.workspace()),
            format!("{}/invites/{bad}", place.workspace()),
            format!("{}/members/{bad}", place.workspace()),
        ] {
            assert_eq!(ann.get(&path).await.status, 404, "{path}");
        }
    }
    app.anonymous().get("/workspaces/x").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn request_ids_are_taken_over_if_they_are_harmless() {
    let app = TestApp::start().await;
    let given = app.anonymous().with("x-request-id", "trace-1.a").get("/workspaces").await;
    assert_eq!(given.problem(401, "unauthenticated")["requestId"], "trace-1.a");
    assert_eq!(given.header("x-request-id"), Some("trace-1.a"));
    let made = app.anonymous().with("x-request-id", "<b> x").get("/workspaces").await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 36);
    assert!(app.user("ann").get("/workspaces").await.header("x-request-id").is_some());
}
