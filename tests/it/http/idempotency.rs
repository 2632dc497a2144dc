//! `Idempotency-Key`: the same request once.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{TestApp, small_definition};

#[tokio::test]
async fn a_repeated_request_gets_the_same_reply_and_does_nothing() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    let ann = app.user("ann").with("idempotency-key", "k-1");
    let first = ann.post(&pods, json!({"name": "Once"})).await;
    first.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    app.clock.advance_ms(3_600_000);
    let ann = app.user("ann").with("idempotency-key", "k-1");
    for client in [ann.clone(), ann.without_prefix()] {
        let again = client.post(&pods, json!({"name": "Once"})).await;
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(app.user("ann").get(&pods).await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    app.join(&place, "ann", "ed", "editor").await;
    let pods = format!("{}/pods", place.workspace());
    let ann = app.user("ann").with("idempotency-key", "k");
    ann.post(&pods, json!({"name": "A"})).await.expect(201);
    ann.post(&pods, json!({"name": "B"})).await.problem(422, "idempotency_key_reused");
    ann.patch(&place.pod(), json!({"name": "A"})).await.problem(422, "idempotency_key_reused");
    let ed = app.user("ed").with("idempotency-key", "k");
    ed.post(&pods, json!({"name": "A"})).await.problem(422, "idempotency_key_reused");
    // Another workspace is another scope.
    let other = app.workspace("ann").await;
    ann.post(&format!("{}/pods", other.workspace()), json!({"name": "B"})).await.expect(201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    let post = async |name: &str| app.user("ann").with("idempotency-key", "k").post(&pods, json!({"name": name})).await;
    post("A").await.expect(201);
    app.clock.advance_ms(24 * 3_600_000 - 1);
    post("B").await.problem(422, "idempotency_key_reused");
    app.clock.advance_ms(2);
    post("B").await.expect(201);
}

#[tokio::test]
async fn a_failed_request_uses_no_key_up() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    let ann = app.user("ann").with("idempotency-key", "k");
    ann.post(&pods, json!({"name": ""})).await.problem(422, "invalid_value");
    ann.post(&pods, json!({"nam": "A"})).await.problem(400, "invalid_body");
    ann.post("/workspaces", json!({"name": "x", "slug": "home"})).await.problem(409, "slug_taken");
    ann.post(&pods, json!({"name": "A"})).await.expect(201);
}

#[tokio::test]
async fn of_many_at_the_same_time_one_is_carried_out() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    let ann = app.user("ann").with("idempotency-key", "k");
    let replies = join_all((0..12).map(|_| ann.post(&pods, json!({"name": "Once"})))).await;
    let carried_out = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
    assert_eq!(carried_out, 1);
    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (201, &replies[0].text));
    }
    assert_eq!(app.user("ann").get(&pods).await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn secrets_are_not_repeated() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann").with("idempotency-key", "key");
    let keys = format!("{}/api-keys", place.workspace());
    let body = json!({"name": "ci", "role": "viewer"});
    let first = ann.post(&keys, body.clone()).await.expect(201);
    let again = ann.post(&keys, body).await.expect(201);
    assert!(first["key"].is_string() && again.get("key").is_none());
    assert_eq!(first["id"], again["id"]);
    let ann = ann.with("idempotency-key", "invite");
    let invites = format!("{}/invites", place.workspace());
    let body = json!({"email": "x@example.com", "role": "viewer"});
    let first = ann.post(&invites, body.clone()).await.expect(201);
    let again = ann.post(&invites, body).await.expect(201);
    assert!(first["token"].is_string() && again.get("token").is_none());
    assert_eq!(first["id"], again["id"]);
}

#[tokio::test]
async fn every_kind_of_change_can_be_repeated() {
    let app = TestApp::start().await;
    let ann = app.user("ann");
    let keyed = |n: u32| ann.with("idempotency-key", &format!("key-{n}"));
    let workspace = keyed(0).post("/workspaces", json!({"name": "W"})).await;
    assert_eq!(keyed(0).post("/workspaces", json!({"name": "W"})).await.text, workspace.text);
    let workspace = format!("/workspaces/{}", workspace.expect(201)["id"].as_str().unwrap());
    let pod = keyed(1).post(&format!("{workspace}/pods"), json!({"name": "P"})).await.expect(201);
    let pod = format!("{workspace}/pods/{}", pod["id"].as_str().unwrap());
    let body = json!({"name": "F", "definition": small_definition()});
    let workflow = keyed(2).post(&format!("{pod}/workflows"), body).await.expect(201);
    let workflow = format!("{pod}/workflows/{}", workflow["id"].as_str().unwrap());
    let invite = ann.post(&format!("{workspace}/invites"), json!({"email": "b@example.com", "role": "viewer"})).await;
    let accept = format!("/invites/{}/accept", invite.expect(201)["token"].as_str().unwrap());
    let bob = app.user("bob").with("idempotency-key", "b");
    let member = bob.post(&accept, json!({})).await;
    member.expect(200);
    assert_eq!(bob.post(&accept, json!({})).await.text, member.text);

    let mut definition = small_definition();
    definition["settings"] = json!({"priority": 3});
    let changes = [
        ("PATCH", workspace.clone(), json!({"name": "W2"})),
        ("PATCH", pod.clone(), json!({"name": "P2"})),
        ("PATCH", format!("{workspace}/members/bob"), json!({"role": "editor"})),
        ("PATCH", workflow.clone(), json!({"definition": definition})),
        ("POST", format!("{workflow}/deploy"), json!({})),
        ("POST", format!("{workflow}/undeploy"), json!({})),
        ("PATCH", format!("{workflow}/star"), json!({})),
        ("PATCH", format!("{workflow}/trash"), json!({})),
        ("PATCH", format!("{workflow}/restore"), json!({})),
        ("POST", format!("{workflow}/duplicate"), json!({})),
        ("POST", format!("{workflow}/versions/1/restore"), json!({})),
    ];
    for (n, (method, path, body)) in (10..).zip(changes) {
        let method = method.parse::<reqwest::Method>().unwrap();
        let first = keyed(n).json(method.clone(), &path, &body).await;
        assert!(first.status < 300, "{path}: {}", first.text);
        app.clock.advance_ms(10);
        let again = keyed(n).json(method, &path, &body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
    }
}

#[tokio::test]
async fn keys_are_checked() {
    let app = TestApp::start().await;
    for bad in ["", "a b", &"x".repeat(256)] {
        let client = app.user("ann").with("idempotency-key", bad);
        client.post("/workspaces", json!({"name": "x"})).await.problem(400, "invalid_header");
    }
    let longest = app.user("ann").with("idempotency-key", &"x".repeat(255));
    longest.post("/workspaces", json!({"name": "x"})).await.expect(201);
}
