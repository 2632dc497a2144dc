//! `/workspaces/{workspaceId}/stream-tokens`, and opening a stream with one.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use sluicegate::http::{
    AppState,
    auth::{InPod, StreamViewer, Viewer},
};

use crate::support::app::TestApp;

/// The true routes, and beside them a stream and an ordinary resource that say who has come.
fn with_probes(state: AppState) -> Router {
    async fn stream(pod: InPod<StreamViewer>, State(_): State<AppState>) -> Json<Value> {
        Json(json!({"principal": pod.principal().id, "workspace": pod.workspace_id()}))
    }
    async fn resource(pod: InPod<Viewer>) -> Json<Value> {
        Json(json!({"principal": pod.principal().id}))
    }
    let probes = Router::new()
        .route("/probe/workspaces/{workspaceId}/pods/{podId}/events", get(stream))
        .route("/probe/workspaces/{workspaceId}/pods/{podId}/resource", get(resource))
        .with_state(state.clone());
    sluicegate::facade::router(state).merge(probes)
}

async fn probe(app: &TestApp, path: &str) -> (u16, Value) {
    let response = reqwest::get(format!("{}{path}", app.address())).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_token_opens_its_stream_and_nothing_else() {
    // The probe is at another path than the streams that tokens are given for, so the token is made by hand.
    let app = TestApp::start_routing(|_| {}, with_probes).await;
    let place = app.workspace("ann").await;
    let workspace_id = place.workspace_id.parse().unwrap();
    let path = format!("/probe{}/events", place.pod());
    let principal = app.state.auth.principal(&parts(&app)).await.unwrap().unwrap();
    let (token, expires_at) = app.state.auth.stream_tokens().issue(workspace_id, &path, &principal);
    assert_eq!(expires_at.ms_since(app.clock.now()), 300_000);

    let (status, body) = probe(&app, &format!("{path}?after=7&token={token}")).await;
    assert_eq!((status, &body["principal"]), (200, &json!("ann")), "{body}");
    assert_eq!(probe(&app, &path).await.0, 401);
    assert_eq!(probe(&app, &format!("/probe{}/resource?token={token}", place.pod())).await.0, 401);
    let other = app.workspace("ann").await;
    assert_eq!(probe(&app, &format!("/probe{}/events?token={token}", other.pod())).await.0, 401);
    let reply = app.anonymous().get(&format!("{}?token={token}", place.pod())).await;
    reply.problem(401, "unauthenticated");
    app.clock.advance_ms(300_000);
    assert_eq!(probe(&app, &format!("{path}?token={token}")).await.0, 401);
}

fn parts(app: &TestApp) -> axum::http::request::Parts {
    let token = crate::support::app::token_of(&json!({"sub": "ann"}), app.clock.now());
    let request = axum::http::Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap().into_parts().0
}

#[tokio::test]
async fn tokens_are_given_for_streams_of_the_workspace() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let vic = app.join(&place, "ann", "vic", "viewer").await;
    let tokens = format!("{}/stream-tokens", place.workspace());
    let stream = format!("{}/events", place.pod());
    for path in [stream.clone(), format!("/v1{stream}"), format!("{}/suspensions/events", place.workspace())] {
        let token = vic.post(&tokens, json!({"path": path})).await.expect(201);
        assert_eq!(token["expiresAt"], "2027-01-15T08:05:00.000Z");
    }
    let other = app.workspace("ann").await;
    for path in [format!("{}/events", other.pod()), place.pod(), format!("{stream}?x=1"), "/".into(), String::new()] {
        let refused = vic.post(&tokens, json!({"path": path})).await.problem(422, "invalid_value");
        assert_eq!(refused["errors"][0]["path"], "/path");
    }
    app.user("eve").post(&tokens, json!({"path": stream})).await.problem(404, "not_found");
}
