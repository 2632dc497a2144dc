//! `.../artifacts` and links to them: what is listed, the bytes and parts of them, and who gets them.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use sluicegate::{
    domain::{
        artifact::{Artifact, ArtifactKind, ObjectOf},
        ids::{ExecutionId, WorkspaceId},
    },
    http::AppState,
    store::commit::{Commit, ExecutionWrite, Notices, TimerChange},
};
use tempfile::TempDir;

use crate::support::{
    app::{Backend, TestApp, on_both},
    scene::{Scene, line},
};

on_both!(
    an_execution_s_artifacts_are_listed_and_read,
    bytes_come_whole_in_part_or_not_at_all,
    a_link_opens_one_file_for_a_while,
    objects_are_removed_with_their_execution,
);

/// A server that keeps artifacts in this folder.
async fn scene_on(backend: Backend) -> (TempDir, Scene) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("files").display().to_string();
    let scene = Scene::with(backend, |settings| settings.artifacts = Some(place)).await;
    (folder, scene)
}

/// An execution that has ended.
async fn ended(scene: &Scene) -> String {
    let id = scene.workflow(line([])).await;
    let run = scene.trigger(&id, json!({})).await;
    run.output().await;
    run.path.rsplit('/').next().unwrap().to_owned()
}

/// Adds a file to an execution as a worker's upload does, without the worker.
async fn add(scene: &Scene, execution: &str, name: &str, content_type: &str, bytes: &[u8]) -> String {
    let AppState { store, clock, uploads, .. } = &scene.app.state;
    let (workspace_id, execution_id): (WorkspaceId, ExecutionId) =
        (scene.place.workspace_id.parse().unwrap(), execution.parse().unwrap());
    let object = ObjectOf { workspace_id, execution_id, artifact_id: clock.new_id().into() };
    store.begin_upload(object, clock.now().plus_ms(1_000)).await.unwrap();
    let body = stream::iter([Ok::<_, String>(Bytes::copy_from_slice(bytes))]);
    let stored = uploads.artifacts().put(object, body).await.unwrap();
    let artifact = Artifact {
        id: object.artifact_id,
        execution_id,
        node_id: "work".to_owned(),
        path: None,
        task_id: None,
        name: name.to_owned(),
        kind: ArtifactKind::of(content_type, name),
        content_type: content_type.to_owned(),
        size: stored.size as i64,
        sha256: stored.sha256,
        created_at: clock.now(),
    };
    let execution = store.execution(workspace_id, execution_id).await.unwrap();
    let commit = Commit {
        workspace_id,
        execution_id,
        write: ExecutionWrite::Append {
            pod_id: execution.origin.pod_id,
            workflow_id: execution.origin.workflow_id,
            expected_seq: execution.progress.last_seq,
            expected_driver: None,
            progress: Box::new(execution.progress),
        },
        driver: None,
        events: Vec::new(),
        queue: None,
        timer: TimerChange::Keep,
        suspensions: Vec::new(),
        tasks: Vec::new(),
        notices: Notices::default(),
        children: Vec::new(),
        wake: None,
        idempotency: None,
        dedupe: None,
        reprocesses: None,
        debounce: None,
        snapshot: None,
        artifacts: vec![artifact],
        audit: Vec::new(),
        slot: None,
        delivery: None,
        label: None,
        spans: Vec::new(),
    };
    store.commit(&[commit]).await.unwrap().remove(0).unwrap();
    object.artifact_id.to_string()
}

/// What an address answers to Ann, bytes and all.
async fn fetch(
    app: &TestApp,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let token = crate::support::app::token_of(&json!({"sub": "ann", "exp": 4_000_000_000_i64}), app.clock.now());
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let mut request = client.request(method, format!("{}{path}", app.address())).bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone(), response.bytes().await.unwrap().to_vec())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn an_execution_s_artifacts_are_listed_and_read(backend: Backend) {
    let (_folder, scene) = scene_on(backend).await;
    let (execution, other) = (ended(&scene).await, ended(&scene).await);
    let list = format!("{}/{execution}/artifacts", scene.executions());
    assert_eq!(scene.ann.get(&list).await.expect(200), json!([]));
    let shot = add(&scene, &execution, "ü.png", "image/png", b"png").await;
    let log = add(&scene, &execution, "run.log", "text/plain", b"").await;
    add(&scene, &other, "output.json", "application/json", b"{}").await;

    let listed = scene.ann.get(&list).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let sha256 = "8f8cbb7dcf46e0bc7d53265749a6c17d116093a6ba95e442764060c76fd4a86c";
    assert_eq!(
        listed[0],
        json!({
            "id": shot, "executionId": execution, "nodeId": "work", "name": "ü.png", "kind": "screenshot",
            "contentType": "image/png", "size": 3, "sha256": sha256, "createdAt": "2027-01-15T08:00:00.000Z",
        })
    );
    assert_eq!((&listed[1]["id"], &listed[1]["kind"], &listed[1]["size"]), (&json!(log), &json!("log"), &json!(0)));
    let first = scene.ann.get(&format!("{list}?limit=1")).await;
    assert_eq!(first.expect(200)[0]["id"], json!(shot));
    let next = first.header("link").unwrap();
    let next = next.strip_prefix("</v1").unwrap().split('>').next().unwrap();
    assert_eq!(scene.ann.get(next).await.expect(200), json!([listed[1]]));

    let artifact = format!("{}/artifacts/{shot}", scene.place.pod());
    assert_eq!(scene.ann.get(&artifact).await.expect(200), listed[0]);
    // In its pod and to its members alone.
    let pods = format!("{}/pods", scene.place.workspace());
    let pod = scene.ann.post(&pods, json!({"name": "Other"})).await.expect(201);
    for rest in ["", "/content"] {
        let elsewhere = format!("{pods}/{}/artifacts/{shot}{rest}", pod["id"].as_str().unwrap());
        scene.ann.get(&elsewhere).await.problem(404, "not_found");
        scene.app.user("eve").get(&format!("{artifact}{rest}")).await.problem(404, "not_found");
        scene.app.anonymous().get(&format!("{artifact}{rest}")).await.problem(401, "unauthenticated");
    }
    let unknown = format!("{}/artifacts/{execution}", scene.place.pod());
    let problem = scene.ann.get(&unknown).await.problem(404, "not_found");
    assert_eq!(problem["detail"], "artifact not found");
    scene.ann.post(&format!("{unknown}/url"), json!({})).await.problem(404, "not_found");
    let vic = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    assert_eq!(vic.get(&format!("{artifact}/content")).await.text, "png");
}

async fn bytes_come_whole_in_part_or_not_at_all(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let execution = ended(&scene).await;
    // More than a part of an upload, and a piece of a download.
    let bytes: Vec<u8> = (0..6_000_011_u32).map(|at| (at % 251) as u8).collect();
    let id = add(&scene, &execution, "a \"b\".webm", "video/webm", &bytes).await;
    let path = format!("/v1{}/artifacts/{id}/content", scene.place.pod());
    let get = async |headers: &[(&str, &str)]| fetch(&scene.app, Method::GET, &path, headers).await;

    let (status, headers, whole) = get(&[("accept-encoding", "gzip")]).await;
    assert_eq!((status, whole == bytes), (StatusCode::OK, true));
    let etag = text(&headers, "etag").to_owned();
    for (name, value) in [
        ("content-type", "video/webm"),
        ("content-length", "6000011"),
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline; filename=\"a _b_.webm\"; filename*=UTF-8''a%20%22b%22.webm"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
        ("cache-control", "private, no-cache"),
        ("content-encoding", ""),
    ] {
        assert_eq!(text(&headers, name), value, "{name}");
    }
    for (range, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=5242870-5242890", 5_242_870, 5_242_891), ("bytes=-7", 6_000_004, 6_000_011)]
    {
        let (status, headers, part) = get(&[("range", range), ("if-range", &etag)]).await;
        assert_eq!((status, part), (StatusCode::PARTIAL_CONTENT, bytes[from..to].to_vec()), "{range}");
        assert_eq!(text(&headers, "content-range"), format!("bytes {from}-{}/6000011", to - 1));
        assert_eq!(text(&headers, "etag"), etag);
    }
    let (status, _, whole) = get(&[("range", "bytes=0-0"), ("if-range", "\"another\"")]).await;
    assert_eq!((status, whole.len()), (StatusCode::OK, bytes.len()));

    let (status, headers, body) = get(&[("range", "bytes=6000011-")]).await;
    assert_eq!((status, text(&headers, "content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */6000011"));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], "range_not_satisfiable");
    let short = path.strip_prefix("/v1").unwrap();
    scene.ann.with("range", "bytes=9999999-").get(short).await.problem(416, "range_not_satisfiable");

    let (status, headers, body) = get(&[("if-none-match", &etag), ("range", "bytes=0-0")]).await;
    assert_eq!((status, text(&headers, "etag"), body.len()), (StatusCode::NOT_MODIFIED, etag.as_str(), 0));
    assert_eq!(scene.ann.with("if-none-match", "*").get(short).await.status, 304);

    let (status, headers, body) = fetch(&scene.app, Method::HEAD, &path, &[("range", "bytes=0-0")]).await;
    assert_eq!((status, text(&headers, "content-length"), body.len()), (StatusCode::OK, "6000011", 0));
    assert_eq!(text(&headers, "etag"), etag);

    // A page that is opened by somebody is a download without an origin.
    let page = add(&scene, &execution, "a.html", "text/html", b"<script>1</script>").await;
    let reply = scene.ann.get(&format!("{}/artifacts/{page}/content", scene.place.pod())).await;
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"a.html\""));
    assert_eq!(reply.header("content-security-policy"), Some("sandbox"));
    let empty = add(&scene, &execution, "empty", "application/octet-stream", b"").await;
    let reply = scene.ann.get(&format!("{}/artifacts/{empty}/content", scene.place.pod())).await;
    assert_eq!((reply.status, reply.text.as_str(), reply.header("content-length")), (200, "", Some("0")));

    // Somebody has tidied up the folder.
    std::fs::remove_dir_all(folder.path().join("files").join(&scene.place.workspace_id)).unwrap();
    let gone = scene.ann.get(short).await.problem(404, "not_found");
    assert!(gone["detail"].as_str().unwrap().contains("bytes are not there"), "{gone}");
}

async fn a_link_opens_one_file_for_a_while(backend: Backend) {
    let (_folder, scene) = scene_on(backend).await;
    let execution = ended(&scene).await;
    let name = "50% of #1? ü.txt";
    let id = add(&scene, &execution, name, "text/plain; charset=utf-8", b"words").await;
    let url = format!("{}/artifacts/{id}/url", scene.place.pod());
    let vic = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    let reply = vic.post(&url, json!({})).await;
    let link = reply.expect(201);
    assert_eq!(link["expiresAt"], "2027-01-15T09:00:00.000Z");
    assert_eq!(reply.header("location"), link["url"].as_str());
    let address = link["url"].as_str().unwrap();
    let path = address.strip_prefix("http://127.0.0.1:8080/v1").unwrap();
    assert!(path.ends_with("/50%25%20of%20%231%3F%20%C3%BC.txt"), "{path}");

    let anybody = scene.app.anonymous();
    let reply = anybody.get(path).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, "words"));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("content-security-policy"), Some("sandbox"));
    let part = anybody.with("range", "bytes=1-2").get(path).await;
    assert_eq!((part.status, part.text.as_str()), (206, "or"));
    assert_eq!(anybody.without_prefix().get(path).await.status, 200);
    let (status, headers, _) = fetch(&scene.app, Method::HEAD, &format!("/v1{path}"), &[]).await;
    assert_eq!((status, text(&headers, "content-length")), (StatusCode::OK, "5"));

    let token = path.split('/').nth(2).unwrap();
    for forged in ["x", "x.y", &format!("x{token}"), &token.replace('.', "x."), &format!("{token}x")] {
        anybody.get(&format!("/artifacts/{forged}/{name}")).await.problem(404, "not_found");
    }
    // A stream's token is sealed with another key.
    let events = json!({"path": format!("{}/events", scene.place.pod())});
    let stream = scene.ann.post(&format!("{}/stream-tokens", scene.place.workspace()), events).await.expect(201);
    anybody.get(&format!("/artifacts/{}/a", stream["token"].as_str().unwrap())).await.problem(404, "not_found");

    for bad in [json!(0), json!(604_801), json!(-1)] {
        let refused = vic.post(&url, json!({"expiresIn": bad})).await.problem(422, "invalid_value");
        assert_eq!(refused["errors"][0]["path"], "/expiresIn");
    }
    vic.post(&url, json!({"expires": 1})).await.problem(400, "invalid_body");
    vic.post(&url, json!({"expiresIn": null})).await.problem(400, "invalid_body");
    let long = vic.post(&url, json!({"expiresIn": 604_800})).await.expect(201);
    assert_eq!(long["expiresAt"], "2027-01-22T08:00:00.000Z");

    scene.app.clock.advance_ms(3_599_999);
    assert_eq!(anybody.get(path).await.status, 200);
    scene.app.clock.advance_ms(1);
    anybody.get(path).await.problem(410, "link_expired");
    let long = long["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:8080/v1").unwrap();
    assert_eq!(anybody.get(long).await.status, 200);
    scene.ann.delete(&scene.place.pod()).await.expect(204);
    anybody.get(long).await.problem(404, "not_found");
}

async fn objects_are_removed_with_their_execution(backend: Backend) {
    let (folder, mut scene) = scene_on(backend).await;
    let execution = ended(&scene).await;
    for name in ["a", "b"] {
        add(&scene, &execution, name, "text/plain", b"x").await;
    }
    let files = folder.path().join("files").join(&scene.place.workspace_id);
    assert_eq!(std::fs::read_dir(files.join(&execution)).unwrap().count(), 2);
    scene.ann.delete(&scene.place.pod()).await.expect(204);
    // Whether the loop of the server is faster or this call: the objects go.
    scene.restart().await;
    scene.app.state.uploads.remove_due().await.unwrap();
    let patience = std::time::Instant::now();
    while files.exists() && patience.elapsed() < Duration::from_secs(10) {
        tokio::task::yield_now().await;
    }
    assert!(!files.exists());
    assert!(folder.path().join("files").exists());
}

#[tokio::test]
async fn by_default_the_folder_is_beside_the_database() {
    let scene = Scene::on(Backend::Sqlite).await;
    let execution = ended(&scene).await;
    let id = add(&scene, &execution, "a", "text/plain", b"x").await;
    let database = scene.app.store_url();
    let database = std::path::Path::new(database.strip_prefix("sqlite:").unwrap());
    assert!(database.with_file_name("artifacts").join(&scene.place.workspace_id).join(&execution).join(&id).is_file());
}
