//! The document and the server say the same.

use std::fs;

use serde_json::{Value, json};
use sluicegate::facade::openapi_yaml;

use crate::support::{
    app::{Backend, TestApp},
    contract::Contract,
    peer::Peer,
    scene::{Scene, gate, line, node},
};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");

#[test]
fn openapi_yaml_is_fresh() {
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    if committed != openapi_yaml() {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.yaml");
        fs::write(fresh, openapi_yaml()).unwrap();
        panic!("openapi.yaml is not what the handlers say: copy {fresh} over it");
    }
}

/// What there is only where people can sign in elsewhere; `sign_in.rs` calls it.
const WITH_PROVIDER: [&str; 2] = ["begin_oidc_sign_in", "finish_oidc_sign_in"];
const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad90";

/// `routes!` describes a route as it registers it; a plain `.route(` would not.
#[test]
fn every_route_is_registered_with_its_description() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut folders: Vec<std::path::PathBuf> =
        ["/src/http", "/src/facade"].map(|at| format!("{root}{at}").into()).into();
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut source: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
            // Other addresses of what is described with its own.
            for alias in ["workflows", "executions"] {
                source = source.replace(&format!(".route(\"/kinetic/api/{alias}/\""), "");
            }
            source = source.replace(".route(\"/kodexa/api/documentFamilies", "");
            // The dashboard's pages and files are for browsers.
            if path.ends_with("http/dashboard.rs") {
                source = source.replace(".route(", "");
            }
            assert!(!source.contains(".route("), "{} registers a route without its description", path.display());
            count += source.matches("routes!(").count();
        }
    }
    assert!(count > 15, "{count}");
}

#[tokio::test]
async fn every_described_operation_exists_under_both_prefixes() {
    let app = TestApp::start().await;
    let client = app.anonymous().without_prefix();
    for operation in Contract::get().operations() {
        let path: String = operation
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { UNKNOWN } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let paths = [Some(path.as_str()), path.strip_prefix("/v1")];
        for path in paths.into_iter().flatten() {
            let reply = client.send(operation.method.parse().unwrap(), path, None).await;
            // An empty list says that everybody may call it.
            let secured = operation.body["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
            // A token in the path is a credential of its own, and this one is unknown; so is a webhook.
            let unknown = ["{token}", "{webhookId}"].iter().any(|part| operation.path.contains(part));
            let expected = match (secured, unknown) {
                // Who has no session yet sends none, and no body here.
                _ if operation.id() == "create_session" => 400,
                _ if operation.id() == "delete_session" => 204,
                _ if WITH_PROVIDER.contains(&operation.id()) => 404,
                (true, _) => 401,
                (false, true) => 404,
                (false, false) => 200,
            };
            let as_described = reply.status == expected;
            assert!(as_described, "{} {path} answers {}", operation.method, reply.status);
        }
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused_where_a_query_is_taken() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let mut count = 0;
    for operation in Contract::get().operations() {
        let parameters = operation.body["parameters"].as_array();
        if operation.method != "GET" || !parameters.into_iter().flatten().any(|parameter| parameter["in"] == "query") {
            continue;
        }
        // Elsewhere unknown parameters are left aside.
        let Some(path) = operation.path.strip_prefix("/v1") else { continue };
        let path = path.replace("{workspaceId}", &place.workspace_id).replace("{podId}", &place.pod_id);
        let parts = path.split('/').map(|part| if part.starts_with('{') { UNKNOWN } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let reply = app.user("ann").get(&format!("{path}?unknownParameter=1")).await;
        let problem = reply.problem(400, "invalid_query");
        assert_eq!(problem["errors"][0]["path"], "unknownParameter", "{}", operation.id());
        count += 1;
    }
    assert!(count > 8, "{count}");
}

#[tokio::test]
async fn the_document_is_served() {
    let app = TestApp::start().await;
    let reply = app.anonymous().without_prefix().get("/openapi.yaml").await;
    let read: Value = serde_saphyr::from_str(&reply.text).unwrap();
    assert_eq!(read["openapi"], "3.1.0");
    assert_eq!(reply.header("content-type"), Some("application/yaml"));
    let page = app.anonymous().without_prefix().get("/docs").await;
    assert!(page.text.contains("Create a workspace") && !page.text.contains("<script"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    for operation in Contract::get().operations() {
        let summary = operation.body["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && page.text.contains(summary), "{}: {summary}", operation.id());
        let path = operation.path.replace('{', "&#123;").replace('}', "&#125;");
        assert!(
            page.text.contains(operation.path) || page.text.contains(&path),
            "{} has no path there",
            operation.id()
        );
    }
}

/// One walk through everything: each operation answers well, as described.
#[tokio::test]
async fn every_described_operation_succeeds() {
    let scene = Scene::on(Backend::Sqlite).await;
    let (app, ann, place) = (&scene.app, &scene.ann, &scene.place);
    let server = app.anonymous().without_prefix();
    for path in ["/", "/docs", "/openapi.yaml", "/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    ann.get("/node-types").await.expect(200);
    ann.get("/session").await.expect(200);
    ann.get("/session/methods").await.expect(200);
    let key =
        ann.post(&format!("{}/api-keys", place.workspace()), json!({"name": "k", "role": "viewer"})).await.expect(201);
    app.anonymous().post("/session", json!({"credential": key["key"]})).await.expect(201);
    app.anonymous().delete("/session").await.expect(204);

    let workspace = place.workspace();
    ann.get("/workspaces").await.expect(200);
    ann.get(&workspace).await.expect(200);
    ann.patch(&workspace, json!({"name": "House"})).await.expect(200);
    let invites = format!("{workspace}/invites");
    let invite = ann.post(&invites, json!({"email": "x@example.com", "role": "viewer"})).await.expect(201);
    let invite = format!("{invites}/{}", invite["id"].as_str().unwrap());
    ann.get(&invites).await.expect(200);
    ann.get(&invite).await.expect(200);
    ann.delete(&invite).await.expect(204);
    app.join(place, "ann", "bob", "editor").await;
    let bob = format!("{workspace}/members/bob");
    ann.get(&format!("{workspace}/members")).await.expect(200);
    ann.get(&bob).await.expect(200);
    ann.patch(&bob, json!({"role": "viewer"})).await.expect(200);
    let groups = format!("{workspace}/groups");
    let group = format!("{groups}/team");
    ann.json(reqwest::Method::PUT, &group, &json!({"members": ["bob"]})).await.expect(201);
    ann.json(reqwest::Method::PUT, &group, &json!({"members": ["ann"]})).await.expect(200);
    ann.get(&groups).await.expect(200);
    ann.get(&group).await.expect(200);
    ann.delete(&group).await.expect(204);
    let secrets = format!("{workspace}/secrets");
    let secret = format!("{secrets}/key");
    ann.json(reqwest::Method::PUT, &secret, &json!({"value": "hunter2"})).await.expect(201);
    ann.json(reqwest::Method::PUT, &secret, &json!({"value": "hunter3"})).await.expect(200);
    ann.get(&secrets).await.expect(200);
    ann.get(&secret).await.expect(200);
    ann.delete(&secret).await.expect(204);
    ann.delete(&bob).await.expect(204);
    let keys = format!("{workspace}/api-keys");
    let key = ann.post(&keys, json!({"name": "k", "role": "viewer"})).await.expect(201);
    let key = format!("{keys}/{}", key["id"].as_str().unwrap());
    ann.get(&keys).await.expect(200);
    ann.get(&key).await.expect(200);
    ann.delete(&key).await.expect(204);

    let pod = place.pod();
    ann.get(&format!("{workspace}/pods")).await.expect(200);
    ann.get(&pod).await.expect(200);
    ann.patch(&pod, json!({"description": "d"})).await.expect(200);
    let id = scene.workflow(gate()).await;
    let workflow = format!("{pod}/workflows/{id}");
    ann.get(&format!("{pod}/workflows")).await.expect(200);
    ann.post(&format!("{pod}/workflows/validate"), gate()).await.expect(200);
    ann.post(&format!("{pod}/nodes/test"), json!({"node": {"type": "transform"}})).await.expect(200);
    ann.get(&workflow).await.expect(200);
    ann.patch(&workflow, json!({"description": "d"})).await.expect(200);
    for (action, body) in [("deploy", json!({})), ("undeploy", json!({})), ("versions/1/restore", json!({}))] {
        ann.post(&format!("{workflow}/{action}"), body).await.expect(200);
    }
    ann.patch(&format!("{workflow}/star"), json!({"starred": true})).await.expect(200);
    ann.get(&format!("{workflow}/versions")).await.expect(200);
    ann.get(&format!("{workflow}/versions/1")).await.expect(200);
    let hourly = json!({"workflowId": id, "name": "Hourly", "cronExpression": "0 * * * *"});
    let schedule = ann.post(&format!("{pod}/schedules"), hourly).await.expect(201);
    let schedule = format!("{pod}/schedules/{}", schedule["id"].as_str().unwrap());
    ann.get(&format!("{pod}/schedules")).await.expect(200);
    ann.get(&schedule).await.expect(200);
    ann.patch(&schedule, json!({"name": "Hour by hour"})).await.expect(200);
    ann.patch(&format!("{schedule}/toggle"), json!({})).await.expect(200);
    ann.get(&format!("{schedule}/slots")).await.expect(200);
    ann.get(&format!("{schedule}/preview")).await.expect(200);
    ann.post(&format!("{workflow}/deploy"), json!({})).await.expect(200);
    let started = scene.run_of(&ann.post(&format!("{schedule}/run"), json!({})).await);
    started.cancel().await.expect(204);
    started.end().await;
    ann.delete(&schedule).await.expect(204);
    let open = json!({"workflowId": id, "verification": "hmac-sha256"});
    let webhook = ann.post(&format!("{pod}/webhooks"), open).await.expect(201);
    let public = format!("/webhooks/{}/trigger", webhook["id"].as_str().unwrap());
    let webhook = format!("{pod}/webhooks/{}", webhook["id"].as_str().unwrap());
    ann.get(&format!("{pod}/webhooks")).await.expect(200);
    ann.get(&webhook).await.expect(200);
    ann.post(&format!("{webhook}/rotate"), json!({})).await.expect(200);
    ann.patch(&webhook, json!({"verification": "none"})).await.expect(200);
    let delivered = scene.run_of(&app.anonymous().post(&public, json!({})).await);
    let deliveries = format!("{webhook}/deliveries");
    let delivery = ann.get(&deliveries).await.expect(200);
    let delivery = format!("{deliveries}/{}", delivery[0]["id"].as_str().unwrap());
    ann.get(&delivery).await.expect(200);
    let again = scene.run_of(&ann.post(&format!("{delivery}/redeliver"), json!({})).await);
    for run in [delivered, again] {
        run.cancel().await.expect(204);
        run.end().await;
    }
    ann.delete(&webhook).await.expect(204);
    let copy = ann.post(&format!("{workflow}/duplicate"), json!({})).await.expect(201);
    let copy = format!("{pod}/workflows/{}", copy["id"].as_str().unwrap());
    ann.patch(&format!("{copy}/trash"), json!({})).await.expect(200);
    ann.patch(&format!("{copy}/restore"), json!({})).await.expect(200);
    ann.delete(&copy).await.expect(204);

    let events = format!("{pod}/events");
    ann.post(&format!("{workspace}/stream-tokens"), json!({"path": events})).await.expect(201);
    ann.stream(&events).await;
    ann.post(&events, json!({"type": "order.created"})).await.expect(202);
    ann.stream(&format!("{workspace}/suspensions/events")).await;
    let run = scene.trigger(&id, json!(null)).await;
    let asked = run.asked().await;
    let suspension = format!("{workspace}/suspensions/{}", asked["suspensionId"].as_str().unwrap());
    ann.get(&format!("{workspace}/suspensions")).await.expect(200);
    ann.get(&format!("{pod}/suspensions")).await.expect(200);
    ann.get(&suspension).await.expect(200);
    for (action, body) in [("claim", json!({})), ("release", json!({})), ("reassign", json!({"users": ["ann"]}))] {
        ann.post(&format!("{suspension}/{action}"), body).await.expect(200);
    }
    ann.post(&format!("{suspension}/answer"), json!({"approved": true})).await.expect(200);
    run.output().await;
    ann.get(&format!("{suspension}/receipt")).await.expect(200);
    walk_subjects(&scene, &id).await;
    walk_documents(&scene).await;
    walk_links(&scene).await;
    walk_tasks(&scene).await;
    walk_kinetic(&scene).await;
    crate::facade::walk_kodexa(&scene).await;
    ann.get(&format!("{workspace}/audit")).await.expect(200);
    assert_eq!(ann.get(&format!("{workspace}/audit/export")).await.status, 200);
    ann.get(&scene.executions()).await.expect(200);
    run.view().await;
    ann.get(&format!("{}/logs", run.path)).await.expect(200);
    let again = scene.run_of(&run.post("replay", json!({})).await);
    again.asked().await;
    again.respond(json!({"approved": true})).await.expect(200);
    let other = again.path.rsplit('/').next().unwrap();
    let compared = ann.get(&format!("{}/compare/{other}", run.path)).await.expect(200);
    assert_eq!((&compared["sameInput"], &compared["sameDefinition"]), (&json!(true), &json!(true)), "{compared}");
    let retried = scene.run_of(&again.post("retry", json!({})).await);
    retried.asked().await;
    ann.patch(&format!("{}/approve", retried.path), json!({})).await.expect(200);
    retried.output().await;
    retried.post("remove", json!({})).await.expect(200);
    let last = scene.trigger(&id, json!(null)).await;
    last.cancel().await.expect(204);
    last.end().await;

    for action in ["cancel", "replay", "retry"] {
        let bulk = format!("{}/bulk/{action}", scene.executions());
        ann.post(&bulk, json!({"filter": {"status": ["skipped"]}})).await.expect(202);
    }
    ann.get(&format!("{}/counts", scene.executions())).await.expect(200);
    let bulk = ann.post(&format!("{}/bulk/cancel", scene.executions()), json!({"ids": [last.id]})).await.expect(202);
    let jobs = format!("{pod}/bulk-jobs");
    let job = format!("{jobs}/{}", bulk["id"].as_str().unwrap());
    ann.get(&jobs).await.expect(200);
    ann.get(&job).await.expect(200);
    ann.get(&format!("{job}/items")).await.expect(200);
    let many: Vec<String> = (0..200).map(|_| app.clock.new_id().to_string()).collect();
    let bulk = ann.post(&format!("{}/bulk/cancel", scene.executions()), json!({"ids": many})).await.expect(202);
    ann.post(&format!("{jobs}/{}/cancel", bulk["id"].as_str().unwrap()), json!({})).await.expect(200);
    ann.delete(&pod).await.expect(204);
    super::audited::check(ann, &workspace).await;
    ann.delete(&workspace).await.expect(204);
    let mut unanswered = Contract::get().unanswered();
    unanswered.retain(|operation| !WITH_PROVIDER.contains(&operation.as_str()));
    assert_eq!(unanswered, Vec::<String>::new());
}

/// The life of a subject.
async fn walk_subjects(scene: &Scene, workflow: &str) {
    let (ann, subjects) = (&scene.ann, format!("{}/subjects", scene.place.pod()));
    let subject = ann.post(&subjects, json!({"path": "a.pdf"})).await.expect(201);
    let path = format!("{subjects}/{}", subject["id"].as_str().unwrap());
    ann.get(&subjects).await.expect(200);
    ann.get(&path).await.expect(200);
    ann.patch(&path, json!({"labels": ["new"]})).await.expect(200);
    let begun = ann.post(&format!("{path}/reprocess"), json!({"workflowIds": [workflow]})).await.expect(202);
    let paced = json!({"filter": {"label": "new"}, "perSecond": 1000});
    let paced = ann.post(&format!("{subjects}/reprocess"), paced).await.expect(202);
    for id in [&begun["executions"][0]["id"], &paced["executionIds"][0]] {
        let run = scene.run_at(id.as_str().unwrap());
        run.cancel().await.expect(204);
        run.end().await;
    }
    ann.delete(&path).await.expect(204);
}

/// The life of a document.
async fn walk_documents(scene: &Scene) {
    let (ann, collections) = (&scene.ann, format!("{}/collections", scene.place.workspace()));
    let path = format!("{collections}/c/documents/k");
    for status in [201, 200] {
        ann.json(reqwest::Method::PUT, &path, &json!({"value": {"a": "word"}})).await.expect(status);
    }
    ann.get(&collections).await.expect(200);
    ann.get(&format!("{collections}/c/documents")).await.expect(200);
    ann.get(&format!("{collections}/c/documents?q=word")).await.expect(200);
    ann.get(&path).await.expect(200);
    ann.delete(&path).await.expect(204);
    ann.json(reqwest::Method::PUT, &path, &json!({"value": 1})).await.expect(201);
    ann.delete(&format!("{collections}/c")).await.expect(204);
}

/// A worker's day.
async fn walk_tasks(scene: &Scene) {
    let (pod, worker) = (scene.place.pod(), scene.app.anonymous());
    let run = scene.run(line([node("work", "task", json!({"queue": "q"}))]), json!(null)).await;
    scene.run(line([node("work", "task", json!({"queue": "q"}))]), json!(null)).await;
    let wish = json!({"queues": ["q"], "workerId": "w", "waitSeconds": 30});
    for word in ["release", "complete", "fail"] {
        let task = scene.ann.post(&format!("{pod}/tasks/lease"), wish.clone()).await.expect(200)["tasks"][0].clone();
        let door = |word: &str| format!("{pod}/tasks/{}/{word}", task["taskId"].as_str().unwrap());
        let token = &task["leaseToken"];
        worker.post(&door("heartbeat"), json!({"leaseToken": token, "message": "at it"})).await.expect(200);
        walk_artifacts(scene, &run.path, &door("artifacts/a%20b.png"), token.as_str().unwrap()).await;
        let body = match word {
            "fail" => json!({"leaseToken": token, "error": {"message": "no"}}),
            _ => json!({"leaseToken": token}),
        };
        worker.post(&door(word), body).await.expect(200);
        if word == "fail" {
            let results = json!({"results": [{"leaseToken": token}]});
            scene.ann.post(&format!("{pod}/tasks/results"), results).await.expect(200);
        }
    }
    scene.ann.get(&format!("{pod}/task-queues")).await.expect(200);
    scene.ann.get(&format!("{pod}/workers")).await.expect(200);
    run.end().await;
}

/// The day of a client of Kinetic.
async fn walk_kinetic(scene: &Scene) {
    let key = crate::facade::key_of(scene, "editor").await;
    let client = scene.app.anonymous().below("/kinetic").with("x-kinetic-key", &key);
    let body = json!({"name": "Agent", "configuration": {"prompt": "p", "payloadSchema": {"required": ["x"]}}});
    let made = client.post("/api/workflows", body).await.expect(201);
    let workflow = format!("/api/workflows/{}", made["id"].as_str().unwrap());
    client.get("/api/workflows").await.expect(200);
    client.get(&workflow).await.expect(200);
    client.get(&format!("{workflow}/version/1")).await.expect(200);
    client.patch(&workflow, json!({"description": "d"})).await.expect(200);
    client.post(&format!("{workflow}/execute"), json!({})).await.expect(201);
    let run = client.post(&format!("{workflow}/run"), json!({"input_payload": {}})).await.expect(200);
    let execution = format!("/api/executions/{}", run["execution_uuid"].as_str().unwrap());
    client.get("/api/executions?status=queued").await.expect(200);
    client.get(&execution).await.expect(200);
    let again = client.send(reqwest::Method::POST, &format!("{execution}/retry"), None).await.expect(201);
    let again = again["execution_uuid"].as_str().unwrap();
    scene.run_at(again).until(|frame| frame.kind() == "task_update").await;
    let done = json!({"status": "completed", "outputUrl": "https://x.example/o"});
    client.post(&format!("/api/executions/{again}/complete"), done).await.expect(200);
    client.get(&execution).await.expect(200);
    client.delete(&workflow).await.expect(204);
}

/// What becomes of a worker's file.
async fn walk_artifacts(scene: &Scene, run: &str, door: &str, token: &str) {
    let anybody = scene.app.anonymous();
    let sent = anybody.with("x-lease-token", token).with("content-type", "image/png");
    let artifact = sent.put(door, token.as_bytes()).await.expect(201);
    sent.put(door, token.as_bytes()).await.expect(200);
    scene.ann.get(&format!("{run}/artifacts")).await.expect(200);
    let place = format!("{}/artifacts/{}", scene.place.pod(), artifact["id"].as_str().unwrap());
    assert_eq!(scene.ann.get(&place).await.expect(200), artifact);
    assert_eq!(scene.ann.get(&format!("{place}/content")).await.text, token);
    assert_eq!(scene.ann.with("range", "bytes=0-2").get(&format!("{place}/content")).await.status, 206);
    let link = scene.ann.post(&format!("{place}/url"), json!({"expiresIn": 60})).await.expect(201);
    let link = link["url"].as_str().unwrap().split_once("/v1").unwrap().1;
    assert_eq!(anybody.get(link).await.text, token);
}

/// What is told of a suspension, and the ways to answer it without an account.
async fn walk_links(scene: &Scene) {
    let (peer, server) = (Peer::start().await, scene.app.anonymous().without_prefix());
    let notify = json!({"message": "?", "notify": [{"type": "webhook", "url": peer.url("/hook")}]});
    for (kind, member) in [("approval-gate", "link"), ("callback", "callbackUrl")] {
        let run = scene.run(line([node("gate", kind, notify.clone())]), json!(null)).await;
        let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
        let suspension = format!("{}/suspensions/{id}", scene.place.workspace());
        peer.arrived("/hook", 1).await;
        let told = scene.ann.get(&format!("{suspension}/notifications")).await.expect(200);
        let redeliver = format!("{suspension}/notifications/{}/redeliver", told[0]["id"].as_str().unwrap());
        scene.ann.post(&redeliver, json!({})).await.expect(200);
        let sent: Value =
            serde_json::from_str(peer.requests("/hook").last().unwrap()["body"].as_str().unwrap()).unwrap();
        let address = url::Url::parse(sent["data"][member].as_str().unwrap_or("none:/")).unwrap();
        if kind == "callback" {
            let shown = scene.ann.get(&format!("{suspension}/callback")).await.expect(200);
            let address = url::Url::parse(shown["url"].as_str().unwrap()).unwrap();
            server.post(address.path(), json!([1])).await.expect(200);
        } else {
            assert_eq!(server.get(address.path()).await.status, 200);
            let form = server.with("content-type", "application/x-www-form-urlencoded");
            let sent = form.send(reqwest::Method::POST, address.path(), Some("action=approved".to_owned())).await;
            assert_eq!(sent.status, 303);
        }
        run.output().await;
    }
}
