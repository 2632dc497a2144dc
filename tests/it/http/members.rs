//! `/workspaces/{workspaceId}/members`.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn roles_are_changed_within_the_callers_own() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let members = format!("{}/members", place.workspace());
    let ada = app.join(&place, "ann", "ada", "admin").await;
    app.join(&place, "ann", "ed", "editor").await;

    let changed = ada.patch(&format!("{members}/ed"), json!({"role": "viewer"})).await.expect(200);
    assert_eq!((&changed["userId"], &changed["role"]), (&json!("ed"), &json!("viewer")));
    ada.patch(&format!("{members}/ed"), json!({"role": "owner"})).await.problem(403, "role_too_low");
    ada.patch(&format!("{members}/ann"), json!({"role": "viewer"})).await.problem(403, "role_too_low");
    ada.delete(&format!("{members}/ann")).await.problem(403, "role_too_low");
    ada.patch(&format!("{members}/nobody"), json!({"role": "viewer"})).await.problem(404, "not_found");
    ada.delete(&format!("{members}/ed")).await.expect(204);
    app.user("ed").get(&members).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    let own = format!("{}/members/ann", place.workspace());
    ann.patch(&own, json!({"role": "admin"})).await.problem(409, "conflict");
    ann.delete(&own).await.problem(409, "conflict");
    app.join(&place, "ann", "eve", "owner").await;
    ann.patch(&own, json!({"role": "admin"})).await.expect(200);
    let eve = format!("{}/members/eve", place.workspace());
    app.user("eve").delete(&eve).await.problem(409, "conflict");
}

#[tokio::test]
async fn members_are_listed_oldest_first() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    app.clock.advance_ms(1);
    let vic = app.join(&place, "ann", "vic", "viewer").await;
    let members = vic.get(&format!("{}/members", place.workspace())).await.expect(200);
    let ids: Vec<_> = members.as_array().unwrap().iter().map(|member| member["userId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ann", "vic"]);
    let one = vic.get(&format!("{}/members/vic", place.workspace())).await.expect(200);
    assert_eq!(one, members[1]);
}
