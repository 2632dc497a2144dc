//! A node that waits for a call from outside.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, Client, on_both},
    peer::Peer,
    scene::{Run, Scene, graph, line, node},
};

on_both! {
    the_first_call_is_the_result,
    its_address_is_for_editors_and_the_webhooks_of_the_node,
    a_call_that_comes_too_late_is_told_so,
    what_is_no_json_is_refused,
    an_editor_may_answer_in_its_place,
}

async fn waiting(scene: &Scene, data: Value) -> (Run, String) {
    let run = scene.run(line([node("call", "callback", data)]), json!(null)).await;
    let asked = run.asked().await;
    assert_eq!(asked["type"], "callback");
    (run, format!("{}/suspensions/{}", scene.place.workspace(), asked["suspensionId"].as_str().unwrap()))
}

async fn address(scene: &Scene, suspension: &str) -> String {
    let shown = scene.ann.get(&format!("{suspension}/callback")).await.expect(200);
    url::Url::parse(shown["url"].as_str().unwrap()).unwrap().path().to_owned()
}

fn outside(scene: &Scene) -> Client {
    scene.app.anonymous().without_prefix()
}

async fn the_first_call_is_the_result(backend: Backend) {
    let scene = Scene::on(backend).await;
    for body in [json!({"result": [1, 2.5, null]}), json!([1]), json!("text"), json!(null), json!(7)] {
        let (run, suspension) = waiting(&scene, json!({})).await;
        let address = address(&scene, &suspension).await;
        let first = outside(&scene).post(&address, body.clone()).await.expect(200);
        assert_eq!(run.output().await, body);
        // The same again is the same, another comes too late.
        assert_eq!(outside(&scene).post(&address, body).await.expect(200), first);
        outside(&scene).post(&address, json!("other")).await.problem(409, "suspension_closed");
        scene.ann.get(&format!("{suspension}/callback")).await.problem(409, "suspension_closed");
    }
}

async fn its_address_is_for_editors_and_the_webhooks_of_the_node(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let (run, suspension) = waiting(&scene, json!({"notify": [{"type": "webhook", "url": peer.url("/hook")}]})).await;
    peer.arrived("/hook", 1).await;
    let sent: Value = serde_json::from_str(peer.requests("/hook")[0]["body"].as_str().unwrap()).unwrap();
    let address = address(&scene, &suspension).await;
    assert!(sent["data"]["callbackUrl"].as_str().unwrap().ends_with(&address), "{sent}");
    assert_eq!(sent["data"].get("link"), None);
    let token = address.rsplit('/').next().unwrap();
    let viewer = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    viewer.get(&format!("{suspension}/callback")).await.problem(403, "role_too_low");
    let seen = format!("{} {:?}", viewer.get(&suspension).await.text, run.log().await);
    assert!(!seen.contains(token), "{seen}");
    // It is no link for people, and a gate has no address for programs.
    assert_eq!(outside(&scene).get(&format!("/respond/{token}")).await.status, 404);
    let gate = scene.run(line([node("gate", "approval-gate", json!({"message": "?"}))]), json!(null)).await;
    let id = gate.asked().await["suspensionId"].as_str().unwrap().to_owned();
    let gate = format!("{}/suspensions/{id}/callback", scene.place.workspace());
    scene.ann.get(&gate).await.problem(404, "not_found");
}

async fn a_call_that_comes_too_late_is_told_so(backend: Backend) {
    let scene = Scene::on(backend).await;
    let data = json!({"expiresIn": "1h", "onExpiry": {"port": "expired"}});
    let late = node("late", "transform", json!({"transformScript": "\"late\""}));
    let definition =
        graph([node("call", "callback", data), late], "begin>call call>finish call:expired>late late>finish");
    let run = scene.run(definition, json!(null)).await;
    let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
    let address = address(&scene, &format!("{}/suspensions/{id}", scene.place.workspace())).await;
    scene.app.clock.advance_ms(3_600_000);
    outside(&scene).post(&address, json!(1)).await.problem(410, "link_expired");
    assert_eq!(run.output().await, "late");
    outside(&scene).post(&address, json!(1)).await.problem(410, "link_expired");
    let (run, suspension) =
        waiting(&scene, json!({"expiresIn": "1h", "onExpiry": "default", "defaultAnswer": {"x": 1}})).await;
    assert_eq!(scene.ann.get(&suspension).await.expect(200)["state"], "open");
    scene.app.clock.advance_ms(3_600_000);
    assert_eq!(run.output().await, json!({"x": 1}));
}

async fn what_is_no_json_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (run, suspension) = waiting(&scene, json!({})).await;
    let address = address(&scene, &suspension).await;
    let send = async |kind: &str, body: String| {
        outside(&scene).with("content-type", kind).send(reqwest::Method::POST, &address, Some(body)).await
    };
    let before = run.log().await;
    send("text/plain", "1".to_owned()).await.problem(415, "unsupported_media_type");
    send("application/json", "{".to_owned()).await.problem(400, "malformed_json");
    send("application/json", String::new()).await.problem(400, "malformed_json");
    send("application/json", "[".repeat(500)).await.problem(400, "malformed_json");
    let deep = format!("{}{}", "[".repeat(110), "]".repeat(110));
    send("application/json", deep).await.problem(422, "invalid_answer");
    send("application/json", format!("\"{}\"", "x".repeat(1 << 20))).await.problem(413, "body_too_large");
    outside(&scene).post("/v1/callbacks/unknown", json!(1)).await.problem(404, "not_found");
    assert_eq!(run.log().await, before);
}

async fn an_editor_may_answer_in_its_place(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (run, suspension) = waiting(&scene, json!({})).await;
    let address = address(&scene, &suspension).await;
    run.respond(json!({"approved": true})).await.problem(422, "invalid_answer");
    run.respond(json!({"answer": {"by": "hand"}})).await.expect(200);
    assert_eq!(run.output().await, json!({"by": "hand"}));
    outside(&scene).post(&address, json!({"by": "hand"})).await.problem(409, "suspension_closed");
}
