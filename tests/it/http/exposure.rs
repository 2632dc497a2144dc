//! What a client can do that gets it wrong again and again, and what browsers are told to make of replies.

use reqwest::Method;
use serde_json::json;

use super::tenants::filled;
use crate::support::{
    app::{Client, TestApp},
    contract::Contract,
    scene::{Scene, gate},
};

const PER_MINUTE: usize = 5;

async fn app() -> TestApp {
    TestApp::start_with(|settings| {
        settings.refusal_rate = Some(PER_MINUTE as u32);
        settings.trusted_proxies = Some(vec!["127.0.0.0/8".into()]);
    })
    .await
}

/// Somebody behind a proxy.
fn from(client: &Client, address: &str) -> Client {
    client.with("x-forwarded-for", address)
}

#[tokio::test]
async fn doors_without_credentials_are_closed_to_who_gets_it_wrong_too_often() {
    let app = app().await;
    let anybody = app.anonymous().without_prefix();
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad90";
    let token = "A".repeat(43);
    let doors = [
        (Method::POST, format!("/v1/webhooks/{unknown}/trigger"), None, 404),
        (Method::POST, format!("/v1/callbacks/{token}"), None, 404),
        (Method::GET, format!("/v1/artifacts/{token}/a.txt"), None, 404),
        (Method::GET, format!("/respond/{token}"), None, 404),
        (Method::POST, "/v1/session".to_owned(), Some(json!({"credential": "slg_no"})), 401),
    ];
    for (at, (method, path, body, status)) in doors.iter().enumerate() {
        let client = from(&anybody, &format!("203.0.113.{at}")).with("content-type", "application/json");
        let body = body.as_ref().map(ToString::to_string);
        for _ in 0..PER_MINUTE {
            assert_eq!(client.send(method.clone(), path, body.clone()).await.status, *status, "{path}");
        }
        let reply = client.send(method.clone(), path, body.clone()).await;
        reply.problem(429, "too_many_requests");
        assert_eq!(reply.header("retry-after"), Some("13"), "a fifth of a minute, rounded up");
        // The other doors are closed to it as well, and none is to others.
        for (method, path, body, status) in &doors {
            let body = body.as_ref().map(ToString::to_string);
            client.send(method.clone(), path, body.clone()).await.problem(429, "too_many_requests");
            let other = from(&anybody, &format!("198.51.100.{at}")).with("content-type", "application/json");
            assert_eq!(other.send(method.clone(), path, body).await.status, *status);
        }
        app.clock.advance_ms(60_000);
        assert_eq!(client.send(method.clone(), path, body).await.status, *status, "after a minute");
    }
}

#[tokio::test]
async fn credentials_that_fail_too_often_are_answered_429_and_those_that_hold_are_let_in() {
    let app = app().await;
    let place = app.workspace("ann").await;
    let (ann, keys) = (app.user("ann"), format!("{}/api-keys", place.workspace()));
    let key = ann.post(&keys, json!({"name": "k", "role": "viewer"})).await.expect(201);
    let key = key["key"].as_str().unwrap();
    let guess = |n: usize| from(&app.anonymous(), "203.0.113.7").with("x-api-key", &format!("slg_abcdefgh_{n:043}"));
    // Who sends none has guessed nothing.
    for _ in 0..2 * PER_MINUTE {
        from(&app.anonymous(), "203.0.113.7").get(&place.workspace()).await.problem(401, "unauthenticated");
    }
    for n in 0..PER_MINUTE {
        guess(n).get(&place.workspace()).await.problem(401, "invalid_credentials");
    }
    guess(99).get(&place.workspace()).await.problem(429, "too_many_requests");
    let bearer = from(&app.anonymous(), "203.0.113.7").with("authorization", "Bearer x.y.z");
    bearer.get(&place.workspace()).await.problem(429, "too_many_requests");
    let face = from(&app.anonymous(), "203.0.113.7").below("/kinetic").with("x-kinetic-key", "slg_no");
    assert_eq!(face.get("/api/workflows").await.status, 429);
    let neighbour = from(&app.anonymous(), "203.0.113.7").with("x-api-key", key);
    neighbour.get(&place.workspace()).await.expect(200);
    let elsewhere = from(&app.anonymous(), "203.0.113.8").with("x-api-key", "slg_no");
    elsewhere.get(&place.workspace()).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_header_of_who_is_no_proxy_is_not_believed_and_no_rate_is_no_limit() {
    let app = TestApp::start_with(|settings| settings.refusal_rate = Some(2)).await;
    let guess = |address: &str| from(&app.anonymous(), address).with("x-api-key", "slg_no");
    guess("203.0.113.1").get("/workspaces").await.problem(401, "invalid_credentials");
    guess("203.0.113.2").get("/workspaces").await.problem(401, "invalid_credentials");
    guess("203.0.113.3").get("/workspaces").await.problem(429, "too_many_requests");
    let app = TestApp::start_with(|settings| settings.refusal_rate = Some(0)).await;
    for _ in 0..700 {
        app.anonymous().with("x-api-key", "slg_no").get("/workspaces").await.problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn every_reply_tells_browsers_what_not_to_make_of_it() {
    let scene = Scene::on(crate::support::app::Backend::Sqlite).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    let mut replies = Vec::new();
    for operation in Contract::get().operations() {
        if operation.method != "GET" || operation.id().starts_with("stream_") {
            continue;
        }
        let path = filled(&operation, |name| match name {
            "workspaceId" => scene.place.workspace_id.clone(),
            "podId" => scene.place.pod_id.clone(),
            "executionId" => run.id.clone(),
            _ => "0190163d-8694-739b-aea5-966c26f8ad90".to_owned(),
        });
        replies.push((path.clone(), scene.ann.without_prefix().get(&path).await));
    }
    let outside = scene.app.anonymous().without_prefix();
    for path in ["/assets/none.js", "/nowhere"] {
        replies.push((path.to_owned(), outside.get(path).await));
    }
    for (path, reply) in replies {
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = reply.header("content-security-policy").unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let referrer = reply.header("referrer-policy").unwrap_or_else(|| panic!("{path} has no referrer policy"));
        assert!(["no-referrer", "same-origin"].contains(&referrer), "{path}: {referrer}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
    let stream = run.stream("").await;
    assert_eq!(stream.headers["x-content-type-options"], "nosniff");
    assert!(stream.headers["cache-control"].to_str().unwrap().contains("no-cache"));
}
