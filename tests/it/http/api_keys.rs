//! `/workspaces/{workspaceId}/api-keys`, and calling with one.

use serde_json::{Value, json};

use crate::support::app::{Client, Place, TestApp};

async fn new_key(app: &TestApp, place: &Place, body: Value) -> (Value, Client) {
    let keys = format!("{}/api-keys", place.workspace());
    let key = app.user("ann").post(&keys, body).await.expect(201);
    let client = app.anonymous().with("x-api-key", key["key"].as_str().unwrap());
    (key, client)
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_its_workspace() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let other = app.workspace("ann").await;
    let (key, client) = new_key(&app, &place, json!({"name": "ci", "role": "editor"})).await;
    let secret = key["key"].as_str().unwrap();
    assert!(secret.starts_with(key["prefix"].as_str().unwrap()));
    assert_eq!((&key["createdBy"], &key["lastUsedAt"]), (&json!("ann"), &json!(null)));

    let keys = format!("{}/api-keys", place.workspace());
    let list = app.user("ann").get(&keys).await;
    assert!(!list.text.contains(secret));
    let one = app.user("ann").get(&format!("{keys}/{}", key["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(list.expect(200), json!([one]));

    client.get(&place.pod()).await.expect(200);
    client.get(&other.pod()).await.problem(404, "not_found");
    client.get(&keys).await.problem(403, "role_too_low");
    let own = client.get("/workspaces").await.expect(200);
    assert_eq!((own.as_array().unwrap().len(), &own[0]["id"]), (1, &json!(place.workspace_id)));
    client.post("/workspaces", json!({"name": "x"})).await.problem(403, "forbidden");
    let bearer = app.anonymous().with("authorization", &format!("bearer {secret}"));
    bearer.get(&place.pod()).await.expect(200);
    let pod = client.post(&format!("{}/pods", place.workspace()), json!({"name": "By key"})).await.expect(201);
    assert_eq!(pod["slug"], "by-key");
}

#[tokio::test]
async fn the_last_use_is_kept_to_the_minute() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let (key, client) = new_key(&app, &place, json!({"name": "ci", "role": "viewer"})).await;
    let path = format!("{}/api-keys/{}", place.workspace(), key["id"].as_str().unwrap());
    let last_used = async || app.user("ann").get(&path).await.expect(200)["lastUsedAt"].clone();
    app.clock.advance_ms(61_500);
    client.get(&place.pod()).await.expect(200);
    assert_eq!(last_used().await, "2027-01-15T08:01:00.000Z");
    app.clock.advance_ms(30_000);
    client.get(&place.pod()).await.expect(200);
    assert_eq!(last_used().await, "2027-01-15T08:01:00.000Z");
    app.clock.advance_ms(30_000);
    client.get(&place.pod()).await.expect(200);
    assert_eq!(last_used().await, "2027-01-15T08:02:00.000Z");
}

#[tokio::test]
async fn a_key_ends_by_time_or_by_hand() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let body = json!({"name": "short", "role": "viewer", "expiresAt": "2027-01-15T08:00:03Z"});
    let (_, short) = new_key(&app, &place, body).await;
    short.get(&place.pod()).await.expect(200);
    // Still within the time that a looked-up key counts.
    app.clock.advance_ms(3_000);
    short.get(&place.pod()).await.problem(401, "invalid_credentials");

    let (key, client) = new_key(&app, &place, json!({"name": "revoked", "role": "viewer"})).await;
    client.get(&place.pod()).await.expect(200);
    let path = format!("{}/api-keys/{}", place.workspace(), key["id"].as_str().unwrap());
    app.user("ann").delete(&path).await.expect(204);
    client.get(&place.pod()).await.problem(401, "invalid_credentials");
    app.user("ann").get(&path).await.problem(404, "not_found");

    let keys = format!("{}/api-keys", place.workspace());
    let past = json!({"name": "x", "role": "viewer", "expiresAt": "2020-01-01T00:00:00Z"});
    let refused = app.user("ann").post(&keys, past).await.problem(422, "invalid_value");
    assert_eq!(refused["errors"][0]["path"], "/expiresAt");
}

#[tokio::test]
async fn a_deleted_workspace_takes_its_keys_with_it() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let (_, client) = new_key(&app, &place, json!({"name": "ci", "role": "viewer"})).await;
    client.get(&place.pod()).await.expect(200);
    app.user("ann").delete(&place.workspace()).await.expect(204);
    client.get(&place.pod()).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_role_above_the_callers_is_not_given() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ada = app.join(&place, "ann", "ada", "admin").await;
    let keys = format!("{}/api-keys", place.workspace());
    ada.post(&keys, json!({"name": "x", "role": "owner"})).await.problem(403, "role_too_low");
    ada.post(&keys, json!({"name": "x", "role": "admin"})).await.expect(201);
}

#[tokio::test]
async fn what_is_no_valid_key_is_refused() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let (key, client) = new_key(&app, &place, json!({"name": "ci", "role": "viewer"})).await;
    let secret = key["key"].as_str().unwrap();
    let mut changed = secret.to_owned();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    for bad in ["", "slg_", "x", &changed, &secret[..secret.len() - 1]] {
        app.anonymous().with("x-api-key", bad).get(&place.pod()).await.problem(401, "invalid_credentials");
    }
    let reply = client.with("authorization", &format!("Bearer {secret}")).get(&place.pod()).await;
    reply.problem(401, "invalid_credentials");
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
}
