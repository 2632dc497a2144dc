//! `/workspaces`: the tenants.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn who_creates_a_workspace_owns_it() {
    let app = TestApp::start().await;
    let ann = app.user("ann");
    let reply = ann.post("/workspaces", json!({"name": "  Acme & Sons  "})).await;
    let workspace = reply.expect(201);
    assert_eq!(workspace["name"], "Acme & Sons");
    assert_eq!(workspace["slug"], "acme-sons");
    assert_eq!(workspace["createdAt"], "2027-01-15T08:00:00.000Z");
    let path = format!("/workspaces/{}", workspace["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(&*format!("/v1{path}")));
    assert_eq!(ann.get(&path).await.expect(200), workspace);
    let members = ann.get(&format!("{path}/members")).await.expect(200);
    assert_eq!(members[0]["userId"], "ann");
    assert_eq!(members[0]["role"], "owner");
}

#[tokio::test]
async fn a_made_slug_gives_way_and_a_given_one_does_not() {
    let app = TestApp::start().await;
    let ann = app.user("ann");
    ann.post("/workspaces", json!({"name": "Acme"})).await.expect(201);
    let second = ann.post("/workspaces", json!({"name": "Acme"})).await.expect(201);
    assert!(second["slug"].as_str().unwrap().starts_with("acme-"), "{second}");
    let third = ann.post("/workspaces", json!({"name": "日本"})).await.expect(201);
    assert_eq!(third["slug"].as_str().unwrap().len(), 8);
    let refused = ann.post("/workspaces", json!({"name": "Other", "slug": "acme"})).await.problem(409, "slug_taken");
    assert_eq!(refused["errors"][0]["path"], "/slug");
    for slug in ["Acme", "a--b", "-a", "", "a b"] {
        ann.post("/workspaces", json!({"name": "Other", "slug": slug})).await.problem(422, "invalid_value");
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = TestApp::start().await;
    let ann = app.user("ann");
    let path = app.workspace("ann").await.workspace();
    let before = ann.get(&path).await.expect(200);
    app.clock.advance_ms(5);
    let after = ann.patch(&path, json!({"name": "New"})).await.expect(200);
    assert_eq!((&after["name"], &after["slug"]), (&json!("New"), &before["slug"]));
    assert_ne!(after["updatedAt"], before["updatedAt"]);
    let after = ann.patch(&path, json!({"slug": "new-slug"})).await.expect(200);
    assert_eq!((&after["name"], &after["slug"]), (&json!("New"), &json!("new-slug")));
    assert_eq!(ann.get(&path).await.expect(200), after);
    ann.post("/workspaces", json!({"name": "x", "slug": "taken"})).await.expect(201);
    ann.patch(&path, json!({"slug": "taken"})).await.problem(409, "slug_taken");
    let refused = ann.patch(&path, json!({"name": null})).await.problem(400, "invalid_body");
    assert_eq!(refused["errors"][0]["path"], "/name");
}

#[tokio::test]
async fn a_list_shows_the_callers_own() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    app.workspace("bob").await;
    let list = app.user("ann").get("/workspaces").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["id"], place.workspace_id);
    assert_eq!(app.user("cid").get("/workspaces").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_deleted_workspace_is_gone_with_everything_in_it() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    assert_eq!(ann.delete(&place.workspace()).await.expect(204), json!(null));
    ann.get(&place.workspace()).await.problem(404, "not_found");
    ann.get(&place.pod()).await.problem(404, "not_found");
    ann.delete(&place.workspace()).await.problem(404, "not_found");
}
