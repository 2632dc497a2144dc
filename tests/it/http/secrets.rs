//! `/workspaces/{workspaceId}/secrets`: set, listed, used, missed, deleted; and the keys that they are sealed with.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate::{
    config::{Secret, Settings},
    store::secrets::SealedColumn,
};

use crate::support::{
    app::{Backend, Client, Reply, on_both},
    peer::Peer,
    scene::{Scene, error_paths, last_update, line, node},
};

on_both! {
    secrets_are_set_listed_and_deleted_and_never_shown,
    what_is_refused_is_not_quoted,
    a_node_uses_a_secret_and_its_reply_does_not_show_it,
    a_secret_that_is_not_there_fails_its_node_by_name,
    a_condition_never_reads_a_secret,
    another_workspace_has_secrets_of_its_own,
    another_first_key_takes_over_what_the_older_has_sealed,
    a_key_that_is_gone_is_told_where_the_secret_is_used,
    what_webhooks_verify_with_is_sealed_and_stays_so_under_another_key,
    targets_that_wait_are_sealed_and_outlive_another_key,
}

/// A key of one byte, again and again.
pub fn key(byte: u8) -> Secret {
    Secret::new(STANDARD.encode([byte; 32]))
}

fn keys(bytes: &[u8]) -> impl FnOnce(&mut Settings) + use<> {
    let keys = bytes.iter().map(|byte| key(*byte)).collect();
    |settings| settings.secrets_key = Some(keys)
}

async fn put(client: &Client, workspace: &str, name: &str, value: &str) -> Reply {
    client.json(Method::PUT, &format!("{workspace}/secrets/{name}"), &json!({"value": value})).await
}

async fn secrets_are_set_listed_and_deleted_and_never_shown(backend: Backend) {
    let scene = Scene::with(backend, keys(&[1])).await;
    let (ann, workspace) = (&scene.ann, scene.place.workspace());
    let made = put(ann, &workspace, "token", "hunter2").await;
    assert_eq!(made.header("location"), Some(format!("/v1{workspace}/secrets/token").as_str()));
    let made = made.expect(201);
    assert_eq!(made["updatedBy"], "ann");
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["createdAt", "name", "updatedAt", "updatedBy"]);
    let bo = scene.app.join(&scene.place, "ann", "bo", "admin").await;
    scene.app.clock.advance_ms(5);
    let again = put(&bo, &workspace, "token", "hunter3").await.expect(200);
    assert_eq!((&again["createdAt"], &again["updatedBy"]), (&made["createdAt"], &json!("bo")));
    assert_ne!(again["updatedAt"], made["updatedAt"]);
    put(ann, &workspace, "Other", &"x".repeat(65_536)).await.expect(201);
    assert_eq!(ann.get(&format!("{workspace}/secrets/token")).await.expect(200), again);
    let listed = ann.get(&format!("{workspace}/secrets")).await;
    assert!(!listed.text.contains("hunter") && !listed.text.contains("xxx"), "{}", listed.text);
    let mut names: Vec<_> = listed.json().as_array().unwrap().iter().map(|secret| secret["name"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, ["Other", "token"]);

    let keyed = ann.with("idempotency-key", "once");
    let first = put(&keyed, &workspace, "keyed", "hunter2").await.expect(201);
    let repeated = put(&keyed, &workspace, "keyed", "hunter2").await;
    assert_eq!((repeated.header("idempotency-replayed"), repeated.expect(201)), (Some("true"), first));
    put(&keyed, &workspace, "keyed", "hunter4").await.problem(422, "idempotency_key_reused");

    let audit = ann.get(&format!("{workspace}/audit?limit=200")).await;
    assert!(!audit.text.contains("hunter"));
    let set = audit.json().as_array().unwrap().iter().filter(|entry| entry["action"] == "secret.set").count();
    assert_eq!(set, 4);
    ann.delete(&format!("{workspace}/secrets/token")).await.expect(204);
    ann.delete(&format!("{workspace}/secrets/token")).await.problem(404, "not_found");
    ann.get(&format!("{workspace}/secrets/token")).await.problem(404, "not_found");
    let last = ann.get(&format!("{workspace}/audit?limit=1")).await.expect(200)[0].clone();
    assert_eq!((&last["action"], &last["subject"]), (&json!("secret.deleted"), &json!("token")));
}

async fn what_is_refused_is_not_quoted(backend: Backend) {
    let scene = Scene::with(backend, keys(&[1])).await;
    let (ann, workspace) = (&scene.ann, scene.place.workspace());
    let path = |name: &str| format!("{workspace}/secrets/{name}");
    for name in ["2a", "a-b", "a.b", "%C3%A4", &"a".repeat(65)] {
        let refused = put(ann, &workspace, name, "hunter2").await.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), ["secretName"], "{name}");
    }
    for value in ["", &"x".repeat(65_537)] {
        let refused = put(ann, &workspace, "a", value).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), ["/value"]);
    }
    put(ann, &workspace, "%00", "hunter2").await.problem(404, "not_found");
    for body in [
        json!("hunter2"),
        json!(["hunter2"]),
        json!({"value": ["hunter2"]}),
        json!({"value": {"hunter2": 1}}),
        json!({"value": 48_151_623}),
        json!({"value": "hunter2", "more": "hunter2"}),
        json!({}),
    ] {
        let refused = ann.json(Method::PUT, &path("a"), &body).await;
        assert!(!refused.text.contains("hunter2") && !refused.text.contains("48151623"), "{}", refused.text);
        refused.problem(400, "invalid_body");
    }
    let broken = ann.with("content-type", "application/json");
    let broken = broken.send(Method::PUT, &path("a"), Some("{\"value\": \"hunter2\"".to_owned())).await;
    assert!(!broken.text.contains("hunter2"), "{}", broken.text);
    broken.problem(400, "malformed_json");
    ann.get(&path("a")).await.problem(404, "not_found");
}

/// A call that uses the secret `token` wherever it may.
fn calls(peer: &Peer, status: u16) -> Value {
    line([node(
        "call",
        "http",
        json!({
            "httpMethod": "POST",
            "httpUrl": peer.url(&format!("/echo/{status}?in={{{{ secrets.token }}}}")),
            "httpHeaders": [{"key": "x-token", "value": "{{ secrets.token }}"}],
            "httpAuthType": "basic",
            "httpAuthToken": "ann:{{ secrets.token }}",
            "query": {"more": "{{ secrets.token }}"},
            "httpBody": {"deep": ["{{ secrets.token }}", "a {{ secrets[\"token\"] }}"]},
        }),
    )])
}

async fn a_node_uses_a_secret_and_its_reply_does_not_show_it(backend: Backend) {
    const VALUE: &str = "hunter2/+ \"ä";
    let peer = Peer::start().await;
    let scene = Scene::with(backend, keys(&[1])).await;
    put(&scene.ann, &scene.place.workspace(), "token", "hunter2-\"x\"").await.expect(201);
    let output = scene.run(calls(&peer, 200), json!(null)).await.output().await;
    let sent = peer.requests("/echo/200").remove(0);
    assert_eq!(sent["headers"]["x-token"], "hunter2-\"x\"");
    assert_eq!(sent["headers"]["authorization"], format!("Basic {}", STANDARD.encode("ann:hunter2-\"x\"")));
    assert_eq!(sent["body"], r#"{"deep":["hunter2-\"x\"","a hunter2-\"x\""]}"#);
    let told = output.to_string();
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(output["data"]["headers"]["x-token"], "[secret token]");
    assert_eq!(output["data"]["body"], r#"{"deep":["[secret token]","a [secret token]"]}"#);
    assert!(output["data"]["query"].as_str().unwrap().contains("more=[secret token]"), "{told}");
    assert!(output["url"].as_str().unwrap().contains("in=[secret token]"), "{told}");
    let basic = output["data"]["headers"]["authorization"].as_str().unwrap();
    assert!(basic.starts_with("Basic YW5u") && basic.contains("[secret token]"), "{basic}");

    // The next attempt has the next value, and the failure of a call shows none either.
    put(&scene.ann, &scene.place.workspace(), "token", VALUE.trim_end_matches('ä')).await.expect(200);
    let run = scene.run(calls(&peer, 500), json!(null)).await;
    let failure = run.failure().await;
    assert_eq!(failure["code"], "http_status");
    assert_eq!(failure["details"]["data"]["headers"]["x-token"], "[secret token]");
    let log = Value::from(run.log().await).to_string();
    assert!(!log.contains("hunter2"), "{log}");
}

async fn a_secret_that_is_not_there_fails_its_node_by_name(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, keys(&[1])).await;
    let workspace = scene.place.workspace();
    // It may come later.
    let workflow = scene.workflow(calls(&peer, 200)).await;
    let run = scene.trigger(&workflow, json!(null)).await;
    let failure = run.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("secret_missing"), &json!("call")));
    assert_eq!((&failure["details"], &failure["retryable"]), (&json!({"secret": "token"}), &json!(false)));
    assert!(failure["message"].as_str().unwrap().contains("`token`"), "{failure}");
    put(&scene.ann, &workspace, "token", "hunter2").await.expect(201);
    scene.trigger(&workflow, json!(null)).await.output().await;
    scene.ann.delete(&format!("{workspace}/secrets/token")).await.expect(204);
    assert_eq!(scene.trigger(&workflow, json!(null)).await.failure().await["code"], "secret_missing");
    assert_eq!(peer.hits("/echo/200"), 1);

    // A failure as others are: the error port takes it.
    let mut handled = calls(&peer, 200);
    handled["nodes"][1]["data"]["onError"] = json!("continue");
    let run = scene.run(handled, json!(null)).await;
    run.output().await;
    assert_eq!(last_update(&run.log().await, "call")["error"]["code"], "secret_missing");
}

async fn a_condition_never_reads_a_secret(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, keys(&[1])).await;
    let workflows = format!("{}/workflows", scene.place.pod());
    let mut definition = calls(&peer, 200);
    definition["nodes"][1]["data"]["runIf"] = json!("secrets.token == 'x'");
    definition["nodes"][2]["data"] = json!({"output": {"a": ["{{ secrets.token }}"]}});
    definition["settings"] = json!({"concurrency": {"limit": 1, "key": "{{ secrets.token }}"}});
    let refused = scene.ann.post(&workflows, json!({"name": "F", "definition": definition})).await;
    let refused = refused.problem(422, "invalid_workflow");
    assert_eq!(
        error_paths(&refused),
        [
            "/definition/settings/concurrency/key",
            "/definition/nodes/1/data/runIf",
            "/definition/nodes/2/data/output/a/0"
        ]
    );
    for error in refused["errors"].as_array().unwrap() {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("`httpAuthToken`") && message.contains("`notify.secret`"), "{message}");
    }
}

async fn another_workspace_has_secrets_of_its_own(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, keys(&[1])).await;
    let place = scene.app.workspace("eve").await;
    let eve = scene.app.user("eve");
    put(&eve, &place.workspace(), "token", "hunter2").await.expect(201);
    assert_eq!(scene.run(calls(&peer, 200), json!(null)).await.failure().await["code"], "secret_missing");
    eve.get(&format!("{}/secrets/token", scene.place.workspace())).await.problem(404, "not_found");
    scene.ann.get(&format!("{}/secrets/token", scene.place.workspace())).await.problem(404, "not_found");
    for role in ["viewer", "editor"] {
        let low = scene.app.join(&scene.place, "ann", role, role).await;
        let secrets = format!("{}/secrets", scene.place.workspace());
        low.get(&secrets).await.problem(403, "role_too_low");
        low.get(&format!("{secrets}/token")).await.problem(403, "role_too_low");
        put(&low, &scene.place.workspace(), "token", "x").await.problem(403, "role_too_low");
        low.delete(&format!("{secrets}/token")).await.problem(403, "role_too_low");
    }
}

async fn another_first_key_takes_over_what_the_older_has_sealed(backend: Backend) {
    let peer = Peer::start().await;
    let mut scene = Scene::with(backend, keys(&[1])).await;
    put(&scene.ann, &scene.place.workspace(), "token", "hunter2").await.expect(201);
    let workflow = scene.workflow(calls(&peer, 200)).await;
    for ring in [&[2, 1][..], &[2]] {
        scene.app.change_settings(keys(ring));
        scene.restart().await;
        scene.trigger(&workflow, json!(null)).await.output().await;
    }
    assert_eq!(peer.requests("/echo/200")[1]["headers"]["x-token"], "hunter2");
}

async fn a_key_that_is_gone_is_told_where_the_secret_is_used(backend: Backend) {
    let peer = Peer::start().await;
    let mut scene = Scene::with(backend, keys(&[1])).await;
    let workspace = scene.place.workspace();
    put(&scene.ann, &workspace, "token", "hunter2").await.expect(201);
    let workflow = scene.workflow(calls(&peer, 200)).await;
    scene.app.change_settings(keys(&[2]));
    scene.restart().await;
    let failure = scene.trigger(&workflow, json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["details"]), (&json!("secret_unreadable"), &json!({"secret": "token"})));
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("`token`") && message.contains("secrets-key"), "{message}");
    assert_eq!(peer.hits("/echo/200"), 0);
    // Set anew, it is under the key that is there.
    put(&scene.ann, &workspace, "token", "hunter3").await.expect(200);
    scene.trigger(&workflow, json!(null)).await.output().await;
}

async fn what_webhooks_verify_with_is_sealed_and_stays_so_under_another_key(backend: Backend) {
    let mut scene = Scene::with(backend, keys(&[1])).await;
    let workflow = scene.workflow(line([])).await;
    let deploy = format!("{}/workflows/{workflow}/deploy", scene.place.pod());
    scene.ann.post(&deploy, json!({})).await.expect(200);
    let hook = json!({"name": "H", "workflowId": workflow, "verification": "header", "secret": "hunter2-hunter2"});
    let hook = scene.ann.post(&format!("{}/webhooks", scene.place.pod()), hook).await.expect(201);
    let (id, path) =
        (hook["id"].as_str().unwrap().to_owned(), format!("/webhooks/{}/trigger", hook["id"].as_str().unwrap()));
    let deliver = async |scene: &Scene, secret: &str| {
        scene.app.anonymous().with("x-webhook-secret", secret).post(&path, json!({})).await.status
    };
    assert_eq!(deliver(&scene, "hunter2-hunter2").await, 201);
    let stored = async |scene: &Scene, column| {
        let begin = (uuid::Uuid::nil().into(), uuid::Uuid::nil());
        scene.app.state.store.sealed_texts(column, begin, 10).await.unwrap().pop().unwrap()
    };
    let row = stored(&scene, SealedColumn::WebhookSecret).await;
    assert!(row.text.starts_with("sealed:1:") && row.id.to_string() == id, "{}", row.text);
    assert_eq!(deliver(&scene, &row.text).await, 401, "what is stored is no secret");
    // As one from before there was a key; and the secret of before with it.
    scene.app.state.store.replace_sealed_text(SealedColumn::WebhookSecret, &row, "hunter2-hunter2").await.unwrap();
    assert_eq!(deliver(&scene, "hunter2-hunter2").await, 201);
    let rotate = format!("{}/webhooks/{id}/rotate", scene.place.pod());
    scene.ann.post(&rotate, json!({"secret": "hunter3-hunter3"})).await.expect(200);
    for ring in [&[2, 1][..], &[2]] {
        scene.app.change_settings(keys(ring));
        scene.restart().await;
        for column in [SealedColumn::WebhookSecret, SealedColumn::PreviousWebhookSecret] {
            assert!(stored(&scene, column).await.text.starts_with("sealed:1:"));
        }
        assert_eq!(deliver(&scene, "hunter2-hunter2").await, 201);
        assert_eq!(deliver(&scene, "hunter3-hunter3").await, 201);
        assert_eq!(deliver(&scene, "hunter4-hunter4").await, 401);
    }
    // Without its key it verifies nothing, and gets another secret as others do.
    scene.app.change_settings(keys(&[3]));
    scene.restart().await;
    assert_eq!(deliver(&scene, "hunter3-hunter3").await, 500);
    scene.ann.post(&rotate, json!({"secret": "hunter5-hunter5"})).await.expect(200);
    assert_eq!(deliver(&scene, "hunter5-hunter5").await, 201);
    assert_eq!(deliver(&scene, "hunter3-hunter3").await, 401);
}

async fn targets_that_wait_are_sealed_and_outlive_another_key(backend: Backend) {
    let peer = Peer::start().await;
    let mut scene = Scene::with(backend, keys(&[1])).await;
    put(&scene.ann, &scene.place.workspace(), "token", "hunter2").await.expect(201);
    let target = json!({"type": "slack", "url": peer.url("/flaky/1?key={{ secrets.token }}")});
    let gate = node("gate", "approval-gate", json!({"message": "Go on?", "notify": [target]}));
    let run = scene.run(line([gate]), json!(null)).await;
    let asked = run.asked().await;
    let told =
        format!("{}/suspensions/{}/notifications", scene.place.workspace(), asked["suspensionId"].as_str().unwrap());
    peer.arrived("/flaky/1", 1).await;
    // The address goes out once what became of the first attempt is written down.
    let noted = async |scene: &Scene, count: usize| {
        let look = async {
            loop {
                let told = scene.ann.get(&told).await;
                assert!(!told.text.contains("hunter2"), "{}", told.text);
                let told = told.expect(200);
                if told[0]["attempts"].as_array().unwrap().len() == count {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(15), look).await.expect("it is tried in time")
    };
    noted(&scene, 1).await;
    for ring in [&[2, 1][..], &[2]] {
        scene.app.change_settings(keys(ring));
        scene.restart().await;
    }
    scene.app.clock.advance_ms(5_000);
    let told = noted(&scene, 2).await;
    assert_eq!((&told[0]["state"], &told[0]["to"]), (&json!("delivered"), &json!(peer.url(""))), "{told}");
    assert_eq!(peer.requests("/flaky/1")[1]["query"], "key=hunter2");
}

#[tokio::test]
async fn without_a_key_a_server_on_postgresql_names_the_setting() {
    let scene = Scene::on(Backend::Postgres).await;
    let refused = put(&scene.ann, &scene.place.workspace(), "token", "hunter2").await;
    let refused = refused.problem(503, "secrets_unavailable");
    assert!(refused["detail"].as_str().unwrap().contains("secrets-key"), "{refused}");
    let keyed = scene.ann.with("idempotency-key", "k");
    put(&keyed, &scene.place.workspace(), "token", "hunter2").await.problem(503, "secrets_unavailable");
    scene.ann.get(&format!("{}/secrets", scene.place.workspace())).await.expect(200);
}

#[tokio::test]
async fn beside_an_sqlite_database_a_key_is_made_and_stays() {
    let peer = Peer::start().await;
    let mut scene = Scene::on(Backend::Sqlite).await;
    put(&scene.ann, &scene.place.workspace(), "token", "hunter2").await.expect(201);
    let url = scene.app.store_url();
    let file = std::path::Path::new(url.strip_prefix("sqlite:").unwrap()).with_file_name("secrets.key");
    let made = std::fs::read_to_string(&file).unwrap();
    scene.restart().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), made);
    scene.run(calls(&peer, 200), json!(null)).await.output().await;
}
