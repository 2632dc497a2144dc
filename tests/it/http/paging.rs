//! `?limit=`, `?cursor=` and `Link` on every list.

use serde_json::json;

use crate::support::app::{Client, TestApp, small_definition};

/// Follows `Link` from `path` to the end; the ids in order.
async fn walk(client: &Client, path: &str, key: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let reply = client.get(&path).await;
        let items = reply.expect(200);
        assert!(items.as_array().unwrap().len() <= 2);
        seen.extend(items.as_array().unwrap().iter().map(|item| item[key].to_string()));
        next = reply.header("link").map(|link| {
            let target = link.strip_prefix("</v1").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            target.to_owned()
        });
        assert!(seen.len() < 20, "the walk does not end");
    }
    seen
}

#[tokio::test]
async fn every_list_is_walked_without_gap_or_repetition() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let ann = app.user("ann");
    let (workspace, pod) = (place.workspace(), place.pod());
    let workflows = format!("{pod}/workflows");
    let mut versioned = String::new();
    for n in 0..4 {
        app.clock.advance_ms(1);
        ann.post("/workspaces", json!({"name": format!("w{n}")})).await.expect(201);
        ann.post(&format!("{workspace}/pods"), json!({"name": format!("p{n}")})).await.expect(201);
        ann.post(&format!("{workspace}/api-keys"), json!({"name": "k", "role": "viewer"})).await.expect(201);
        let body = json!({"email": "x@example.com", "role": "viewer"});
        ann.post(&format!("{workspace}/invites"), body).await.expect(201);
        app.join(&place, "ann", &format!("u{n}"), "viewer").await;
        let body = json!({"name": "f", "definition": small_definition()});
        let workflow = ann.post(&workflows, body).await.expect(201);
        ann.patch(&format!("{workflows}/{}/star", workflow["id"].as_str().unwrap()), json!({})).await.expect(200);
        if versioned.is_empty() {
            versioned = format!("{workflows}/{}", workflow["id"].as_str().unwrap());
        }
        let mut definition = small_definition();
        definition["settings"] = json!({"priority": n});
        ann.patch(&versioned, json!({"definition": definition})).await.expect(200);
    }
    for (path, key, count) in [
        ("/workspaces?limit=2".to_owned(), "id", 5),
        (format!("{workspace}/pods?limit=2"), "id", 5),
        (format!("{workspace}/api-keys?limit=2"), "id", 4),
        (format!("{workspace}/invites?limit=2"), "id", 4),
        (format!("{workspace}/members?limit=2"), "userId", 5),
        (format!("{workflows}?limit=2"), "id", 4),
        (format!("{workflows}?limit=1&starred=true"), "id", 4),
        (format!("{versioned}/versions?limit=2"), "version", 5),
    ] {
        let walked = walk(&ann, &path, key).await;
        assert_eq!(walked.len(), count, "{path}: {walked:?}");
        let whole = ann.get(&path.replace("limit=2", "limit=200").replace("limit=1", "limit=200")).await.expect(200);
        let whole: Vec<_> = whole.as_array().unwrap().iter().map(|item| item[key].to_string()).collect();
        assert_eq!(walked, whole, "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_full_at_the_end_has_no_next() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let pods = format!("{}/pods", place.workspace());
    app.user("ann").post(&pods, json!({"name": "x"})).await.expect(201);
    assert_eq!(app.user("ann").get(&format!("{pods}?limit=2")).await.header("link"), None);
    assert!(app.user("ann").get(&format!("{pods}?limit=1")).await.header("link").is_some());
}

#[tokio::test]
async fn cursors_are_not_trusted() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let workflows = format!("{}/workflows", place.pod());
    let ann = app.user("ann");
    for list in [
        "/workspaces".into(),
        format!("{}/members", place.workspace()),
        format!("{}/pods", place.workspace()),
        workflows,
    ] {
        for cursor in ["x", "%00", "'%20OR%201=1"] {
            let problem = ann.get(&format!("{list}?cursor={cursor}")).await.problem(400, "invalid_query");
            assert_eq!(problem["errors"][0]["path"], "cursor", "{list}");
        }
    }
}
