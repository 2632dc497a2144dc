//! `PUT .../tasks/{taskId}/artifacts/{fileName}`: a worker's files, by the token of its lease, and what is left of those that were not
//! taken.

use std::{collections::BTreeSet, path::Path, time::Duration};

use axum::body::Bytes;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::mpsc};

use crate::support::{
    app::{Backend, Client, Reply, on_both},
    bucket::Buckets,
    scene::{Run, Scene, line, node},
};

on_both! {
    a_file_is_on_the_stream_and_comes_back,
    a_file_without_a_lease_is_refused,
    a_lease_that_ends_during_an_upload_leaves_nothing,
    a_body_that_breaks_off_leaves_nothing,
    bad_files_name_what_is_wrong,
}

/// The largest file of these tests.
const LIMIT: usize = 12_000_000;

async fn scene_on(backend: Backend) -> (TempDir, Scene) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("files").display().to_string();
    let scene = Scene::with(backend, |settings| {
        settings.artifacts = Some(place);
        settings.artifact_limit = Some(LIMIT.to_string().parse().unwrap());
    })
    .await;
    (folder, scene)
}

/// A worker with the lease of a task.
struct Worker {
    client: Client,
    path: String,
    task: Value,
}

impl Worker {
    async fn leases(scene: &Scene) -> Self {
        let wish = json!({"queues": ["q"], "waitSeconds": 30, "workerId": "w"});
        let reply = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), wish).await.expect(200);
        let task = reply["tasks"][0].clone();
        let path = format!("{}/tasks/{}", scene.place.pod(), task["taskId"].as_str().unwrap());
        let client = scene.app.anonymous().with("x-lease-token", task["leaseToken"].as_str().unwrap());
        Self { client, path, task }
    }

    async fn send(&self, name: &str, content_type: &str, bytes: &[u8]) -> Reply {
        self.client.with("content-type", content_type).put(&self.place(name), bytes).await
    }

    fn place(&self, name: &str) -> String {
        format!("{}/artifacts/{name}", self.path)
    }

    async fn completes(&self) {
        self.client.post(&format!("{}/complete", self.path), json!({"output": 1})).await.expect(200);
    }
}

async fn begun(scene: &Scene) -> (Run, Worker) {
    let run = scene.run(line([node("work", "task", json!({"queue": "q"}))]), json!(null)).await;
    let worker = Worker::leases(scene).await;
    (run, worker)
}

/// The names of all files below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// Removes what is due until these files alone are left.
async fn only_left(scene: &Scene, folder: &TempDir, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let patience = std::time::Instant::now();
    loop {
        scene.app.state.uploads.remove_due().await.unwrap();
        let found = files(&folder.path().join("files"));
        if found == expected {
            return;
        }
        assert!(patience.elapsed() < Duration::from_secs(15), "{found:?}");
        tokio::task::yield_now().await;
    }
}

fn told(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|event| event["type"] == "node_artifact").collect()
}

async fn a_file_is_on_the_stream_and_comes_back(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let (run, worker) = begun(&scene).await;
    let reply = worker.send("sh%C3%B6t%201.png", "image/png", b"png").await;
    let shot = reply.expect(201);
    let id = shot["id"].as_str().unwrap();
    let place = format!("{}/artifacts/{id}", scene.place.pod());
    assert_eq!(reply.header("location"), Some(format!("/v1{place}").as_str()));
    for (field, value) in [
        ("name", json!("shöt 1.png")),
        ("kind", json!("screenshot")),
        ("contentType", json!("image/png")),
        ("size", json!(3)),
        ("nodeId", json!("work")),
        ("executionId", json!(run.id)),
        ("taskId", worker.task["taskId"].clone()),
        ("createdAt", json!("2027-01-15T08:00:00.000Z")),
    ] {
        assert_eq!(shot[field], value, "{field}");
    }
    assert_eq!(scene.ann.get(&place).await.expect(200), shot);
    assert_eq!(scene.ann.get(&format!("{place}/content")).await.text, "png");

    // The same again: the first one. Other bytes, or another name: another one.
    assert_eq!(worker.send("sh%C3%B6t%201.png", "image/png", b"png").await.expect(200), shot);
    assert_ne!(worker.send("sh%C3%B6t%201.png", "image/png", b"PNG").await.expect(201)["id"], shot["id"]);
    let bearer = scene.app.anonymous();
    let bearer = bearer.with("authorization", &format!("Bearer {}", worker.task["leaseToken"].as_str().unwrap()));
    let result = bearer.put(&format!("{}?kind=output", worker.place("a.bin")), b"").await.expect(201);
    assert_eq!((&result["kind"], &result["contentType"]), (&json!("output"), &json!("application/octet-stream")));
    // Larger than a part of an upload; larger than other bodies may be.
    let film: Vec<u8> = (0..11_000_003_u32).map(|at| (at % 251) as u8).collect();
    let film = worker.send("film.webm", "video/webm", &film).await.expect(201);
    assert_eq!((&film["kind"], &film["size"]), (&json!("video"), &json!(11_000_003)));

    let listed = scene.ann.get(&format!("{}/artifacts", run.path)).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!((&listed[0], &listed[3]), (&shot, &film));
    let action = json!({"kind": "screenshot", "title": "Seen", "artifactId": id});
    worker.client.post(&format!("{}/heartbeat", worker.path), json!({"actions": [action]})).await.expect(200);
    worker.completes().await;
    run.output().await;
    let log = run.log().await;
    let told = told(&log);
    assert_eq!(
        told.iter().map(|event| &event["artifact"]).collect::<Vec<_>>(),
        listed.as_array().unwrap().iter().collect::<Vec<_>>()
    );
    assert_eq!(
        (&told[0]["nodeId"], &told[0]["attempt"], &told[0]["at"]),
        (&json!("work"), &json!(1), &shot["createdAt"])
    );
    // What came twice is not kept twice.
    let kept: Vec<&str> = listed.as_array().unwrap().iter().map(|artifact| artifact["id"].as_str().unwrap()).collect();
    only_left(&scene, &folder, &kept).await;
}

async fn a_file_without_a_lease_is_refused(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let (first, one) = begun(&scene).await;
    let (_, other) = begun(&scene).await;
    let nobody = scene.app.anonymous();
    nobody.put(&one.place("a"), b"x").await.problem(401, "unauthenticated");
    nobody.with("x-lease-token", "slt_x.y").put(&one.place("a"), b"x").await.problem(401, "invalid_credentials");
    scene.ann.put(&one.place("a"), b"x").await.problem(401, "unauthenticated");
    other.client.put(&one.place("a"), b"x").await.problem(404, "not_found");
    one.completes().await;
    one.client.put(&one.place("a"), b"x").await.problem(409, "lease_lost");
    first.output().await;
    other.client.post(&format!("{}/release", other.path), json!({})).await.expect(200);
    other.client.put(&other.place("a"), b"x").await.problem(409, "lease_lost");
    only_left(&scene, &folder, &[]).await;
}

async fn a_lease_that_ends_during_an_upload_leaves_nothing(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let (run, worker) = begun(&scene).await;
    let (sender, pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let pieces = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    let body = reqwest::Body::wrap_stream(pieces);
    let place = worker.place("a");
    let sending = worker.client.send_body(Method::PUT, &place, body);
    let losing = async {
        sender.send(Ok(Bytes::from(vec![7; 6_000_000]))).await.unwrap();
        // The first part is there: the upload is under way.
        let patience = std::time::Instant::now();
        while files(&folder.path().join("files")).is_empty() {
            assert!(patience.elapsed() < Duration::from_secs(15));
            tokio::task::yield_now().await;
        }
        scene.app.clock.advance_ms(31_000);
        let next = Worker::leases(&scene).await;
        sender.send(Ok(Bytes::from_static(b"end"))).await.unwrap();
        drop(sender);
        next
    };
    let (reply, next) = tokio::join!(sending, losing);
    reply.problem(409, "lease_lost");
    assert_eq!(next.task["fence"], 2);
    assert_eq!(scene.ann.get(&format!("{}/artifacts", run.path)).await.expect(200), json!([]));
    only_left(&scene, &folder, &[]).await;
    next.send("a", "text/plain", b"x").await.expect(201);
    next.completes().await;
    run.output().await;
    assert_eq!(told(&run.log().await).len(), 1);
}

async fn a_body_that_breaks_off_leaves_nothing(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let (run, worker) = begun(&scene).await;
    let address = scene.app.address().strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let token = worker.task["leaseToken"].as_str().unwrap();
    let head = format!(
        "PUT /v1{} HTTP/1.1\r\nhost: {address}\r\nx-lease-token: {token}\r\ncontent-length: 9000000\r\n\r\n",
        worker.place("a")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![7; 6_000_000]).await.unwrap();
    let patience = std::time::Instant::now();
    while files(&folder.path().join("files")).is_empty() {
        assert!(patience.elapsed() < Duration::from_secs(15));
        tokio::task::yield_now().await;
    }
    drop(socket);
    only_left(&scene, &folder, &[]).await;
    assert_eq!(scene.ann.get(&format!("{}/artifacts", run.path)).await.expect(200), json!([]));
    worker.send("a", "text/plain", b"whole").await.expect(201);
}

async fn bad_files_name_what_is_wrong(backend: Backend) {
    let (folder, scene) = scene_on(backend).await;
    let (run, worker) = begun(&scene).await;
    for name in ["a%2Fb", "a%5Cb", "a%00", "a%0Ab", &"x".repeat(201), "%E2%80%AEgpj.exe"] {
        let refused = worker.send(name, "text/plain", b"x").await.problem(422, "invalid_value");
        assert_eq!(refused["errors"][0]["path"], "fileName", "{name}");
    }
    worker.send("a", "no type", b"x").await.problem(400, "invalid_header");
    for query in ["kind=picture", "kinds=file"] {
        worker.client.put(&format!("{}?{query}", worker.place("a")), b"x").await.problem(400, "invalid_query");
    }
    // Known before it comes, and known when it has come.
    let large = vec![7; LIMIT + 1];
    worker.send("a", "text/plain", &large).await.problem(413, "body_too_large");
    let pieces: Vec<_> =
        large.chunks(100_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    worker.client.send_body(Method::PUT, &worker.place("a"), body).await.problem(413, "body_too_large");
    only_left(&scene, &folder, &[]).await;
    worker.send("a", "text/plain", &large[1..]).await.expect(201);
    assert_eq!(scene.ann.get(&format!("{}/artifacts", run.path)).await.expect(200).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_place_takes_no_files() {
    let scene = Scene::on(Backend::Postgres).await;
    let (_, worker) = begun(&scene).await;
    let refused = worker.send("a", "text/plain", b"x").await.problem(503, "artifacts_unavailable");
    assert!(refused["detail"].as_str().unwrap().contains("setting `artifacts`"), "{refused}");
    assert_eq!(scene.app.state.uploads.remove_due().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_files_as_a_folder_does() {
    let buckets = Buckets::start().await;
    let scene = Scene::with(Backend::Sqlite, |settings| buckets.settings(settings)).await;
    let (run, worker) = begun(&scene).await;
    let bytes: Vec<u8> = (0..11_000_003_u32).map(|at| (at % 251) as u8).collect();
    let film = worker.send("film.webm", "video/webm", &bytes).await.expect(201);
    let content = format!("{}/artifacts/{}/content", scene.place.pod(), film["id"].as_str().unwrap());
    let part = scene.ann.with("range", "bytes=10999998-").get(&content).await;
    let expected: String = bytes[10_999_998..].iter().map(|byte| char::from(*byte)).collect();
    assert_eq!((part.status, part.text), (206, expected));
    assert_eq!(buckets.objects().len(), 1);
    worker.completes().await;
    run.output().await;
    scene.ann.delete(&scene.place.pod()).await.expect(204);
    let patience = std::time::Instant::now();
    while !buckets.objects().is_empty() {
        scene.app.state.uploads.remove_due().await.unwrap();
        assert!(patience.elapsed() < Duration::from_secs(15));
    }
}
