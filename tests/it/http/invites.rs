//! `/workspaces/{workspaceId}/invites` and `/invites/{token}/accept`.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn an_invite_makes_a_member_once() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let (ann, bob) = (app.user("ann"), app.user("bob"));
    let invites = format!("{}/invites", place.workspace());
    let reply = ann.post(&invites, json!({"email": "bob@example.com", "role": "editor"})).await;
    let invite = reply.expect(201);
    assert_eq!(invite["expiresAt"], "2027-01-22T08:00:00.000Z");
    let location = reply.header("location").unwrap().strip_prefix("/v1").unwrap();
    let read = ann.get(location).await.expect(200);
    assert_eq!(read["email"], "bob@example.com");
    assert!(read.get("token").is_none());
    assert_eq!(ann.get(&invites).await.expect(200), json!([read]));

    bob.get(&place.workspace()).await.problem(404, "not_found");
    let accept = format!("/invites/{}/accept", invite["token"].as_str().unwrap());
    let member = bob.post(&accept, json!({})).await.expect(200);
    assert_eq!((&member["userId"], &member["role"]), (&json!("bob"), &json!("editor")));
    bob.get(&place.workspace()).await.expect(200);
    app.user("eve").post(&accept, json!({})).await.problem(409, "conflict");
    assert_eq!(ann.get(&invites).await.expect(200), json!([]));
}

#[tokio::test]
async fn an_invite_ends_by_time_or_by_hand() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let invites = format!("{}/invites", place.workspace());
    let body = json!({"email": "bob@example.com", "role": "viewer"});
    let first = app.user("ann").post(&invites, body.clone()).await.expect(201);
    let second = app.user("ann").post(&invites, body).await.expect(201);
    let accept = |invite: &serde_json::Value| format!("/invites/{}/accept", invite["token"].as_str().unwrap());

    app.user("ann").delete(&format!("{invites}/{}", first["id"].as_str().unwrap())).await.expect(204);
    app.user("bob").post(&accept(&first), json!({})).await.problem(404, "not_found");
    app.clock.advance_ms(7 * 24 * 3_600_000);
    app.user("bob").post(&accept(&second), json!({})).await.problem(409, "conflict");
    app.user("bob").post("/invites/invented/accept", json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_member_keeps_the_higher_role() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    app.join(&place, "ann", "bob", "admin").await;
    app.join(&place, "ann", "bob", "viewer").await;
    let member = app.user("ann").get(&format!("{}/members/bob", place.workspace())).await.expect(200);
    assert_eq!(member["role"], "admin");
}

#[tokio::test]
async fn invites_are_given_within_the_callers_role_to_addresses() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ada = app.join(&place, "ann", "ada", "admin").await;
    let invites = format!("{}/invites", place.workspace());
    ada.post(&invites, json!({"email": "x@example.com", "role": "owner"})).await.problem(403, "role_too_low");
    for email in ["", "x", "@example.com", "x@", "a b@example.com", "x@y@z", "x@example.com\r\nBcc: y"] {
        let refused = ada.post(&invites, json!({"email": email, "role": "viewer"})).await.problem(422, "invalid_value");
        assert_eq!(refused["errors"][0]["path"], "/email");
    }
}
