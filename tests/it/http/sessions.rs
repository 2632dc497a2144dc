//! `/session`: signing in with a cookie, what it opens and for whose pages; and the files of the dashboard.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{Client, Reply, TestApp, token_of};

fn cookie_of(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

async fn sign_in(app: &TestApp, credential: &str) -> (Reply, Client) {
    let reply = app.anonymous().post("/session", json!({"credential": credential})).await;
    let cookie = cookie_of(&reply);
    (reply, app.anonymous().with("cookie", &cookie).with("sec-fetch-site", "same-origin"))
}

#[tokio::test]
async fn a_key_becomes_a_session_that_ends_with_it() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let keys = format!("{}/api-keys", place.workspace());
    let key = app.user("ann").post(&keys, json!({"name": "Ann's browser", "role": "editor"})).await.expect(201);
    let (reply, browser) = sign_in(&app, &format!(" {} ", key["key"].as_str().unwrap())).await;
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains(key["key"].as_str().unwrap()),
        "{cookie}"
    );
    let session = reply.expect(201);
    let id = format!("key:{}", key["id"].as_str().unwrap());
    assert_eq!((&session["principalId"], &session["kind"]), (&json!(id), &json!("api_key")));
    assert_eq!((&session["name"], &session["role"]), (&json!("Ann's browser"), &json!("editor")));
    assert_eq!(browser.get("/session").await.expect(200), session);

    let pod = browser.post(&format!("{}/pods", place.workspace()), json!({"name": "By cookie"})).await.expect(201);
    assert_eq!(pod["slug"], "by-cookie");
    browser.get(&keys).await.problem(403, "role_too_low");
    // A header comes before the cookie.
    let mixed = browser.with("x-api-key", "slg_00000000_0000000000000000000000000000000000000000000");
    mixed.get("/session").await.problem(401, "invalid_credentials");

    app.user("ann").delete(&format!("{keys}/{}", key["id"].as_str().unwrap())).await.expect(204);
    browser.get(&place.pod()).await.problem(401, "invalid_credentials");
    let out = browser.delete("/session").await;
    assert!(out.header("set-cookie").unwrap().starts_with("sluicegate_session=; Path=/; Max-Age=0;"));
    out.expect(204);
}

#[tokio::test]
async fn a_tokens_session_ends_with_the_token() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let now = app.clock.now();
    let token = token_of(&json!({"sub": "ann", "exp": now.0 / 1_000 + 600}), now);
    let (reply, browser) = sign_in(&app, &token).await;
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=600;"));
    assert_eq!(reply.expect(201)["expiresAt"], json!(now.plus_ms(600_000).to_string()));
    assert_eq!(browser.get("/session").await.expect(200)["kind"], "user");
    browser.get(&place.pod()).await.expect(200);
    app.clock.advance_ms(600_000);
    browser.get(&place.pod()).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn other_pages_and_bad_credentials_get_nothing() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let token = token_of(&json!({"sub": "ann"}), app.clock.now());
    let (reply, browser) = sign_in(&app, &token).await;
    // Another port of this machine is the same site: the browser attaches the cookie.
    let foreign = app.anonymous().with("cookie", &cookie_of(&reply)).with("sec-fetch-site", "same-site");
    let pods = format!("{}/pods", place.workspace());
    foreign.post(&pods, json!({"name": "forged"})).await.problem(403, "forbidden");
    foreign.json(Method::DELETE, &place.workspace(), &json!(null)).await.problem(403, "forbidden");
    foreign.get(&pods).await.problem(403, "forbidden");
    let old = app.anonymous().with("cookie", &cookie_of(&reply)).with("origin", "http://evil.example");
    old.post(&pods, json!({"name": "forged"})).await.problem(403, "forbidden");
    assert_eq!(browser.get(&pods).await.expect(200).as_array().unwrap().len(), 1, "nothing was made");

    let anonymous = app.anonymous();
    anonymous.get("/session").await.problem(401, "unauthenticated");
    anonymous.post("/session", json!({"credential": " "})).await.problem(422, "invalid_value");
    anonymous.post("/session", json!({"credential": "slg_x"})).await.problem(401, "invalid_credentials");
    anonymous.post("/session", json!({"credential": "a.b.c"})).await.problem(401, "invalid_credentials");
    anonymous.post("/session", json!({})).await.problem(400, "invalid_body");
    let torn = anonymous.with("cookie", "sluicegate_session=abc.def").with("sec-fetch-site", "same-origin");
    torn.get("/session").await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn the_dashboard_is_one_page_under_a_strict_policy() {
    let app = TestApp::start().await;
    let mut nonces = Vec::new();
    for path in ["/", "/sign-in", "/w/0190163d-8694-739b-aea5-966c26f8ad90/p/x/executions"] {
        // Pages have no place in the description: they are asked for without its check.
        let page = reqwest::get(format!("{}{path}", app.address())).await.unwrap();
        assert_eq!(
            (page.status().as_u16(), &page.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap()),
            "{path}"
        );
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let text = page.text().await.unwrap();
        assert!(policy.contains("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(text.contains(&nonce) && text.contains("Sluicegate"), "{path}");
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "each page has its own");
    let client = app.anonymous().without_prefix();
    client.get("/assets/nothing.js").await.problem(404, "unknown_path");
    client.get("/assets/../index.html").await.problem(404, "unknown_path");
    client.get("/workspace").await.problem(404, "unknown_path");
}
