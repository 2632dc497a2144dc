//! `/workspaces/{workspaceId}/groups`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{Backend, TestApp, on_both},
    scene::error_paths,
};

on_both! {
    groups_are_made_replaced_listed_and_deleted,
    who_leaves_the_workspace_leaves_its_groups,
}

async fn groups_are_made_replaced_listed_and_deleted(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    let bo = app.join(&place, "ann", "bo", "viewer").await;
    let groups = format!("{}/groups", place.workspace());
    let put = async |name: &str, body: Value| ann.json(Method::PUT, &format!("{groups}/{name}"), &body).await;

    let made = put("finance", json!({"members": ["bo", "ann", "bo"], "description": "who pays"})).await;
    assert_eq!(made.header("location"), Some(format!("/v1{groups}/finance").as_str()));
    let made = made.expect(201);
    assert_eq!((&made["members"], &made["description"]), (&json!(["ann", "bo"]), &json!("who pays")));
    assert_eq!(bo.get(&format!("{groups}/finance")).await.expect(200), made);
    app.clock.advance_ms(5);
    let changed = put("finance", json!({"members": []})).await.expect(200);
    assert_eq!(
        (&changed["createdAt"], &changed["members"], &changed["description"]),
        (&made["createdAt"], &json!([]), &json!(""))
    );
    assert_ne!(changed["updatedAt"], made["updatedAt"]);
    put("a-team", json!({"members": ["bo"]})).await.expect(201);
    let listed = bo.get(&groups).await.expect(200);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|group| &group["name"]).collect();
    assert_eq!(names, ["a-team", "finance"]);
    let first = bo.get(&format!("{groups}?limit=1")).await;
    assert_eq!(first.expect(200), json!([listed[0]]));
    assert!(first.header("link").is_some());

    let many: Vec<String> = (0..501).map(|n| n.to_string()).collect();
    for (name, body, path) in [
        ("Finance", json!({"members": []}), "groupName"),
        ("a--b", json!({"members": []}), "groupName"),
        ("x", json!({"members": ["ann", "stranger"]}), "/members/1"),
        ("x", json!({"members": many}), "/members"),
        ("x", json!({"members": [], "description": "\u{0}"}), "/description"),
    ] {
        let refused = put(name, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), [path], "{name}");
    }
    put("%00", json!({"members": []})).await.problem(404, "not_found");
    ann.get(&format!("{groups}/%00")).await.problem(404, "not_found");
    ann.get(&format!("{}/members/%00", place.workspace())).await.problem(404, "not_found");
    put("x", json!({})).await.problem(400, "invalid_body");
    put("x", json!({"members": "ann"})).await.problem(400, "invalid_body");
    bo.json(Method::PUT, &format!("{groups}/x"), &json!({"members": []})).await.problem(403, "role_too_low");
    bo.get(&format!("{groups}/x")).await.problem(404, "not_found");
    let keyed = ann.with("idempotency-key", "g1");
    let first = keyed.json(Method::PUT, &format!("{groups}/keyed"), &json!({"members": []})).await.expect(201);
    let again = keyed.json(Method::PUT, &format!("{groups}/keyed"), &json!({"members": []})).await;
    assert_eq!((again.header("idempotency-replayed"), again.expect(201)), (Some("true"), first));

    bo.delete(&format!("{groups}/finance")).await.problem(403, "role_too_low");
    ann.delete(&format!("{groups}/finance")).await.expect(204);
    ann.delete(&format!("{groups}/finance")).await.problem(404, "not_found");
    let eve = app.workspace("eve").await;
    app.user("eve").get(&format!("{}/groups/a-team", eve.workspace())).await.problem(404, "not_found");
}

async fn who_leaves_the_workspace_leaves_its_groups(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    app.join(&place, "ann", "bo", "viewer").await;
    let group = format!("{}/groups/team", place.workspace());
    ann.json(Method::PUT, &group, &json!({"members": ["ann", "bo"]})).await.expect(201);
    ann.delete(&format!("{}/members/bo", place.workspace())).await.expect(204);
    assert_eq!(ann.get(&group).await.expect(200)["members"], json!(["ann"]));
    // Who comes again is not in it again.
    app.join(&place, "ann", "bo", "viewer").await;
    assert_eq!(ann.get(&group).await.expect(200)["members"], json!(["ann"]));
}
