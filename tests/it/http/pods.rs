//! `/workspaces/{workspaceId}/pods`.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_pod_from_creation_to_deletion() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    let pods = format!("{}/pods", place.workspace());
    let reply = ann.post(&pods, json!({"name": "Daily Reports", "description": "Each morning"})).await;
    let pod = reply.expect(201);
    assert_eq!((&pod["slug"], &pod["workspaceId"]), (&json!("daily-reports"), &json!(place.workspace_id)));
    let path = format!("{pods}/{}", pod["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(&*format!("/v1{path}")));
    let again = ann.post(&pods, json!({"name": "Daily reports"})).await.expect(201);
    assert_ne!(again["slug"], pod["slug"]);

    let changed = ann.patch(&path, json!({"description": ""})).await.expect(200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Daily Reports"), &json!("")));
    let changed = ann.patch(&path, json!({"name": "Reports"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["slug"]), (&json!("Reports"), &json!("daily-reports")));
    assert_eq!(ann.get(&path).await.expect(200), changed);

    let names: Vec<_> = ann.get(&pods).await.expect(200).as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
    assert_eq!(names, [again["id"].clone(), pod["id"].clone(), json!(place.pod_id)]);
    ann.delete(&path).await.expect(204);
    ann.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn names_are_checked() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    for name in ["", "  ", "a\nb", &"x".repeat(121)] {
        let refused = app.user("ann").post(&pods, json!({"name": name})).await.problem(422, "invalid_value");
        assert_eq!(refused["errors"][0]["path"], "/name");
    }
    let long = json!({"name": "x", "description": "x".repeat(10_001)});
    let refused = app.user("ann").post(&pods, long).await.problem(422, "invalid_value");
    assert_eq!(refused["errors"][0]["path"], "/description");
}
