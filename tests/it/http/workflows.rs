//! `.../workflows` and their versions.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, small_definition};

async fn new_workflow(client: &Client, pod: &str, name: &str) -> (String, Value) {
    let body = json!({"name": name, "definition": small_definition()});
    let workflow = client.post(&format!("{pod}/workflows"), body).await.expect(201);
    (format!("{pod}/workflows/{}", workflow["id"].as_str().unwrap()), workflow)
}

fn other_definition() -> Value {
    let mut definition = small_definition();
    definition["settings"] = json!({"timeoutMs": 5_000});
    definition
}

#[tokio::test]
async fn a_new_workflow_is_a_draft_with_version_one() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, workflow) = new_workflow(&ann, &pod, "First").await;
    assert_eq!((&workflow["state"], &workflow["version"]), (&json!("draft"), &json!(1)));
    assert_eq!(workflow["deployedVersion"], json!(null));
    assert_eq!(workflow["definition"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(ann.get(&path).await.expect(200), workflow);
    let list = ann.get(&format!("{pod}/workflows")).await.expect(200);
    assert_eq!(list[0]["id"], workflow["id"]);
    assert!(list[0].get("definition").is_none());
    let version = ann.get(&format!("{path}/versions/1")).await.expect(200);
    assert_eq!((&version["createdBy"], &version["definition"]), (&json!("ann"), &workflow["definition"]));
}

#[tokio::test]
async fn every_changed_definition_is_a_version() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, first) = new_workflow(&ann, &pod, "W").await;
    let renamed = ann.patch(&path, json!({"name": "Renamed", "description": "why"})).await.expect(200);
    assert_eq!((&renamed["version"], &renamed["description"]), (&json!(1), &json!("why")));
    let same = ann.patch(&path, json!({"definition": small_definition()})).await.expect(200);
    assert_eq!(same["version"], 1);
    let second = ann.patch(&path, json!({"definition": other_definition()})).await.expect(200);
    assert_eq!((&second["version"], &second["definition"]["settings"]["timeoutMs"]), (&json!(2), &json!(5_000)));
    let restored = ann.post(&format!("{path}/versions/1/restore"), json!({})).await.expect(200);
    assert_eq!((&restored["version"], &restored["definition"]), (&json!(3), &first["definition"]));
    let unchanged = ann.post(&format!("{path}/versions/3/restore"), json!({})).await.expect(200);
    assert_eq!(unchanged["version"], 3);

    let versions = ann.get(&format!("{path}/versions")).await.expect(200);
    let numbers: Vec<_> = versions.as_array().unwrap().iter().map(|v| v["version"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(ann.get(&format!("{path}/versions/2")).await.expect(200)["definition"], second["definition"]);
    for missing in ["4", "0", "-1", "x", "99999999999999999999"] {
        ann.get(&format!("{path}/versions/{missing}")).await.problem(404, "not_found");
    }
    assert_eq!(ann.get(&path).await.expect(200), restored);
}

#[tokio::test]
async fn a_deployment_stays_on_its_version() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, _) = new_workflow(&ann, &pod, "W").await;
    let deployed = ann.post(&format!("{path}/deploy"), json!({})).await.expect(200);
    assert_eq!((&deployed["state"], &deployed["deployedVersion"]), (&json!("deployed"), &json!(1)));
    let changed = ann.patch(&path, json!({"definition": other_definition()})).await.expect(200);
    assert_eq!((&changed["version"], &changed["deployedVersion"]), (&json!(2), &json!(1)));
    let deployed = ann.send(reqwest::Method::POST, &format!("{path}/deploy"), None).await.expect(200);
    assert_eq!(deployed["deployedVersion"], 2);
    let back = ann.post(&format!("{path}/deploy"), json!({"version": 1})).await.expect(200);
    assert_eq!((&back["version"], &back["deployedVersion"]), (&json!(2), &json!(1)));
    ann.post(&format!("{path}/deploy"), json!({"version": 9})).await.problem(404, "not_found");
    let draft = ann.post(&format!("{path}/undeploy"), json!({})).await.expect(200);
    assert_eq!((&draft["state"], &draft["deployedVersion"]), (&json!("draft"), &json!(null)));
}

#[tokio::test]
async fn the_trash_takes_and_gives_back() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, _) = new_workflow(&ann, &pod, "W").await;
    let list =
        async |query: &str| ann.get(&format!("{pod}/workflows{query}")).await.expect(200).as_array().unwrap().len();
    ann.post(&format!("{path}/deploy"), json!({})).await.expect(200);
    let trashed = ann.patch(&format!("{path}/trash"), json!({})).await.expect(200);
    assert_eq!((&trashed["state"], &trashed["deployedVersion"]), (&json!("trashed"), &json!(null)));
    assert_eq!((list("").await, list("?trashed=true").await), (0, 1));
    for (call, body) in [("deploy", json!({})), ("undeploy", json!({})), ("versions/1/restore", json!({}))] {
        ann.post(&format!("{path}/{call}"), body).await.problem(409, "conflict");
    }
    ann.patch(&path, json!({"name": "x"})).await.problem(409, "conflict");
    let restored = ann.patch(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(restored["state"], "draft");
    assert_eq!((list("").await, list("?trashed=true").await), (1, 0));
    ann.delete(&path).await.expect(204);
    ann.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn stars_filter_lists() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, workflow) = new_workflow(&ann, &pod, "A").await;
    new_workflow(&ann, &pod, "B").await;
    assert_eq!(ann.send(reqwest::Method::PATCH, &format!("{path}/star"), None).await.expect(200)["starred"], true);
    let starred = ann.get(&format!("{pod}/workflows?starred=true")).await.expect(200);
    assert_eq!((starred.as_array().unwrap().len(), &starred[0]["id"]), (1, &workflow["id"]));
    ann.patch(&format!("{path}/star"), json!({"starred": false})).await.expect(200);
    assert_eq!(ann.get(&format!("{pod}/workflows?starred=true")).await.expect(200), json!([]));
}

#[tokio::test]
async fn a_copy_begins_anew() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let (path, _) = new_workflow(&ann, &pod, "Original").await;
    ann.patch(&path, json!({"definition": other_definition(), "description": "d"})).await.expect(200);
    ann.post(&format!("{path}/deploy"), json!({})).await.expect(200);
    ann.patch(&format!("{path}/star"), json!({})).await.expect(200);
    let reply = ann.send(reqwest::Method::POST, &format!("{path}/duplicate"), None).await;
    let copy = reply.expect(201);
    assert_eq!((&copy["name"], &copy["state"]), (&json!("Original (copy)"), &json!("draft")));
    assert_eq!((&copy["version"], &copy["starred"]), (&json!(1), &json!(false)));
    assert_eq!((&copy["description"], &copy["definition"]["settings"]["timeoutMs"]), (&json!("d"), &json!(5_000)));
    let location = reply.header("location").unwrap().strip_prefix("/v1").unwrap();
    assert_eq!(ann.get(location).await.expect(200), copy);
    let named = ann.post(&format!("{path}/duplicate"), json!({"name": "Other"})).await.expect(201);
    assert_eq!(named["name"], "Other");
}

#[tokio::test]
async fn problems_of_a_definition_are_all_named() {
    let app = TestApp::start().await;
    let pod = app.workspace("ann").await.pod();
    let ann = app.user("ann");
    let definition = json!({
        "nodes": [{"id": "a", "type": "start"}, {"id": "a", "type": "end"}],
        "edges": [{"source": "a", "target": "nowhere"}],
    });
    let body = json!({"name": "W", "definition": definition});
    let refused = ann.post(&format!("{pod}/workflows"), body).await.problem(422, "invalid_workflow");
    let paths: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"/definition/nodes/1/id") && paths.contains(&"/definition/edges/0/target"), "{refused}");

    let problems = ann.post(&format!("{pod}/workflows/validate"), definition.clone()).await.expect(200);
    let paths: Vec<_> = problems.as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"/nodes/1/id") && paths.contains(&"/edges/0/target"), "{problems}");
    assert_eq!(ann.post(&format!("{pod}/workflows/validate"), small_definition()).await.expect(200), json!([]));
    assert_eq!(ann.get(&format!("{pod}/workflows")).await.expect(200), json!([]));

    let (path, workflow) = new_workflow(&ann, &pod, "W").await;
    ann.patch(&path, json!({"name": "New", "definition": definition})).await.problem(422, "invalid_workflow");
    assert_eq!(ann.get(&path).await.expect(200), workflow);
}

#[tokio::test]
async fn a_workflow_is_found_in_its_own_pod_alone() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    let (path, workflow) = new_workflow(&ann, &place.pod(), "W").await;
    let other = ann.post(&format!("{}/pods", place.workspace()), json!({"name": "Other"})).await.expect(201);
    let id = workflow["id"].as_str().unwrap();
    let elsewhere = format!("{}/pods/{}/workflows/{id}", place.workspace(), other["id"].as_str().unwrap());
    ann.get(&elsewhere).await.problem(404, "not_found");
    ann.patch(&elsewhere, json!({"name": "x"})).await.problem(404, "not_found");
    ann.delete(&elsewhere).await.problem(404, "not_found");
    for call in ["deploy", "undeploy", "duplicate", "versions/1/restore"] {
        ann.post(&format!("{elsewhere}/{call}"), json!({})).await.problem(404, "not_found");
    }
    for call in ["versions", "versions/1"] {
        ann.get(&format!("{elsewhere}/{call}")).await.problem(404, "not_found");
    }
    assert_eq!(ann.get(&path).await.expect(200), workflow);
}
