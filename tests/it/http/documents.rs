//! Documents of a workspace as the API shows them: collections, keys with every sign, searches, refusals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Backend, Reply, TestApp, on_both};

on_both! {
    documents_live_in_collections,
    searches_find_words_and_show_where,
    documents_that_expire_are_gone,
    documents_of_another_workspace_are_not_there,
    unfit_documents_are_refused_with_the_field,
}

fn keys(reply: &Reply) -> Vec<String> {
    let list = reply.expect(200);
    list.as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect()
}

async fn documents_live_in_collections(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let (place, ann) = (app.workspace("ann").await, app.user("ann"));
    let collections = format!("{}/collections", place.workspace());
    let path = format!("{collections}/hand%2Fbook:1/documents/a%2Fb@c");
    let reply = ann.json(Method::PUT, &path, &json!({"value": {"title": "Pumps", "n": [1, "two"]}})).await;
    let document = reply.expect(201);
    assert_eq!(reply.header("location"), Some(format!("/v1{path}").as_str()));
    assert_eq!((&document["collection"], &document["key"]), (&json!("hand/book:1"), &json!("a/b@c")));
    assert_eq!((&document["text"], &document["expiresAt"]), (&json!("two\nPumps"), &Value::Null));
    assert_eq!(ann.get(&path).await.expect(200), document);
    app.clock.advance_ms(5);
    let replaced = ann.json(Method::PUT, &path, &json!({"value": 7, "text": "seven"})).await.expect(200);
    assert_eq!((&replaced["value"], &replaced["createdAt"]), (&json!(7), &document["createdAt"]));
    assert_ne!(replaced["updatedAt"], document["updatedAt"]);
    ann.json(Method::PUT, &format!("{collections}/other/documents/x"), &json!({"value": null})).await.expect(201);
    let listed = json!([{"name": "hand/book:1", "documents": 1}, {"name": "other", "documents": 1}]);
    assert_eq!(ann.get(&collections).await.expect(200), listed);

    let documents = format!("{collections}/other/documents");
    for key in ["y1", "y2", "y3"] {
        ann.json(Method::PUT, &format!("{documents}/{key}"), &json!({"value": 1})).await.expect(201);
    }
    let first = ann.get(&format!("{documents}?prefix=y&limit=2")).await;
    assert_eq!(keys(&first), ["y1", "y2"]);
    assert!(first.expect(200)[0].get("score").is_none());
    let link = first.header("link").expect("there is more").to_owned();
    let next = link.split(['<', '>']).nth(1).unwrap();
    assert_eq!(keys(&ann.get(next.strip_prefix("/v1").unwrap_or(next)).await), ["y3"]);

    ann.delete(&path).await.expect(204);
    ann.delete(&path).await.problem(404, "not_found");
    ann.get(&path).await.problem(404, "not_found");
    ann.delete(&format!("{collections}/other")).await.expect(204);
    ann.delete(&format!("{collections}/other")).await.problem(404, "not_found");
    assert_eq!(ann.get(&collections).await.expect(200), json!([]));
    let audit = ann.get(&format!("{}/audit", place.workspace())).await.expect(200);
    assert_eq!(audit[0]["action"], "collection.deleted");

    // One key, one reply.
    let keyed = ann.with("idempotency-key", "k1");
    for _ in 0..2 {
        keyed.json(Method::PUT, &path, &json!({"value": 1})).await.expect(201);
    }
}

async fn searches_find_words_and_show_where(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let (place, ann) = (app.workspace("ann").await, app.user("ann"));
    let documents = format!("{}/collections/faq/documents", place.workspace());
    for (key, text) in [
        ("password", "To reset your password, open the settings and choose Reset password."),
        ("invoice", "Invoices are sent by mail. Ask for another one in the settings."),
        ("hours", "We are there from nine to five."),
    ] {
        ann.json(Method::PUT, &format!("{documents}/{key}"), &json!({"value": {}, "text": text})).await.expect(201);
    }
    let search = async |query: &str| ann.get(&format!("{documents}?{query}")).await;
    assert_eq!(keys(&search("q=reset%20password").await), ["password"]);
    assert_eq!(keys(&search("q=reset%20invoices").await), Vec::<String>::new());
    let any = search("q=how%20do%20I%20reset%20my%20password%20settings%3F&match=any").await;
    assert_eq!(keys(&any), ["password", "invoice"]);
    let found = any.expect(200);
    assert_eq!(found[0]["score"], 1.0);
    assert!(found[1]["score"].as_f64().unwrap() < 1.0, "{found:#}");
    assert!(found[0]["snippet"].as_str().unwrap().contains("reset your password"), "{found:#}");
    assert_eq!(keys(&search("q=invo").await), Vec::<String>::new());
    assert_eq!(keys(&search("q=invo&partial=true").await), ["invoice"]);
    assert_eq!(keys(&search("q=settings&limit=1&match=any").await).len(), 1);
    // No text is a mistake.
    for text in ["%22", "%27%29%20OR%201%3D1", "*", "a%3Ab%20NEAR%28c%29", "-x%20%26%20%21", "%F0%9F%A6%80"] {
        assert_eq!(keys(&search(&format!("q={text}")).await), Vec::<String>::new(), "{text}");
    }
    search("q=x&prefix=y").await.problem(400, "invalid_query");
    search("q=x&match=some").await.problem(400, "invalid_query");
}

async fn documents_that_expire_are_gone(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let (place, ann) = (app.workspace("ann").await, app.user("ann"));
    let documents = format!("{}/collections/c/documents", place.workspace());
    let path = format!("{documents}/k");
    let soon = app.clock.now().plus_ms(1_000);
    ann.json(Method::PUT, &path, &json!({"value": 1, "text": "word", "expiresAt": soon})).await.expect(201);
    assert_eq!(ann.get(&path).await.expect(200)["expiresAt"], json!(soon));
    app.clock.advance_ms(1_000);
    ann.get(&path).await.problem(404, "not_found");
    assert_eq!(keys(&ann.get(&documents).await), Vec::<String>::new());
    assert_eq!(keys(&ann.get(&format!("{documents}?q=word")).await), Vec::<String>::new());
    app.state.engine.forget_documents().await.unwrap();
    let collections = format!("{}/collections", place.workspace());
    assert_eq!(ann.get(&collections).await.expect(200), json!([]));
}

async fn documents_of_another_workspace_are_not_there(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let (place, ann) = (app.workspace("ann").await, app.user("ann"));
    let (own, thief) = (app.workspace("thief").await, app.user("thief"));
    let document = "collections/c/documents/k";
    ann.json(Method::PUT, &format!("{}/{document}", place.workspace()), &json!({"value": "word"})).await.expect(201);
    for path in [document, "collections/c"] {
        thief.delete(&format!("{}/{path}", own.workspace())).await.problem(404, "not_found");
        thief.delete(&format!("{}/{path}", place.workspace())).await.problem(404, "not_found");
    }
    thief.get(&format!("{}/{document}", own.workspace())).await.problem(404, "not_found");
    for path in ["collections", "collections/c/documents", "collections/c/documents?q=word"] {
        assert_eq!(thief.get(&format!("{}/{path}", own.workspace())).await.expect(200), json!([]), "{path}");
        thief.get(&format!("{}/{path}", place.workspace())).await.problem(404, "not_found");
    }
    ann.get(&format!("{}/{document}", place.workspace())).await.expect(200);
}

async fn unfit_documents_are_refused_with_the_field(backend: Backend) {
    let app = TestApp::start_on(backend, |_| {}).await;
    let (place, ann) = (app.workspace("ann").await, app.user("ann"));
    let collections = format!("{}/collections", place.workspace());
    let put = async |path: &str, body: Value| ann.json(Method::PUT, &format!("{collections}/{path}"), &body).await;
    let past = app.clock.now();
    for (path, body, field) in [
        ("a%20b/documents/k", json!({"value": 1}), "collectionName"),
        ("c/documents/k%20k", json!({"value": 1}), "documentKey"),
        ("c/documents/%C3%BC", json!({"value": 1}), "documentKey"),
        ("memory:workspace/documents/k", json!({"value": 1}), "collectionName"),
        ("c/documents/k", json!({"value": "x".repeat(262_144)}), "/value"),
        ("c/documents/k", json!({"value": 1, "text": "x".repeat(262_145)}), "/text"),
        ("c/documents/k", json!({"value": 1, "expiresAt": past}), "/expiresAt"),
    ] {
        let problem = put(path, body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["path"], field, "{problem:#}");
    }
    let long = "x".repeat(201);
    put(&format!("c/documents/{long}"), json!({"value": 1})).await.problem(422, "invalid_value");
    put("c/documents/k", json!({})).await.problem(400, "invalid_body");
    put("c/documents/k", json!({"value": 1, "colour": "red"})).await.problem(400, "invalid_body");
    ann.get(&format!("{collections}/c/documents?cursor=no%20key")).await.problem(400, "invalid_query");
    put(&format!("c/documents/{}", &long[1..]), json!({"value": "x".repeat(262_142)})).await.expect(201);
}
