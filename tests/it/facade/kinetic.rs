//! `/kinetic/api/executions`: status words, retries, callbacks, and what workers do beneath.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, Client, on_both},
    scene::{Scene, gate, line, node},
};

on_both! {
    the_status_tells_the_life_of_an_execution,
    a_limit_keeps_executions_pending,
    a_worker_by_native_doors_ends_it,
    further_attempts_are_those_of_the_configuration,
    a_callback_ends_it_whoever_has_the_task,
    a_callback_keeps_what_it_is_told,
    a_running_execution_is_stopped_by_its_retry,
    native_workflows_are_executed_too,
    files_are_fetched_without_a_key,
}

/// An API key of the scene's workspace.
pub async fn key_of(scene: &Scene, role: &str) -> String {
    let keys = format!("{}/api-keys", scene.place.workspace());
    let key = scene.ann.post(&keys, json!({"name": "kinetic", "role": role})).await.expect(201);
    key["key"].as_str().unwrap().to_owned()
}

/// A client of the face: paths are below `/kinetic`.
pub struct Kinetic {
    pub client: Client,
}

impl Kinetic {
    pub async fn new(scene: &Scene, role: &str) -> Self {
        let key = key_of(scene, role).await;
        Self { client: scene.app.anonymous().below("/kinetic").with("x-kinetic-key", &key) }
    }

    /// A workflow with this configuration, by its id.
    pub async fn workflow(&self, configuration: Value) -> String {
        let body = json!({"name": "Agent", "configuration": configuration});
        let workflow = self.client.post("/api/workflows", body).await.expect(201);
        workflow["id"].as_str().unwrap().to_owned()
    }

    pub async fn execute(&self, workflow: &str, payload: Value) -> String {
        let path = format!("/api/workflows/{workflow}/execute");
        let started = self.client.post(&path, json!({"inputPayload": payload})).await.expect(201);
        started["executionId"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, execution: &str) -> Value {
        self.client.get(&format!("/api/executions/{execution}")).await.expect(200)
    }

    pub async fn status(&self, execution: &str) -> String {
        self.get(execution).await["status"].as_str().unwrap().to_owned()
    }

    pub async fn complete(&self, execution: &str, body: Value) -> crate::support::app::Reply {
        self.client.post(&format!("/api/executions/{execution}/complete"), body).await
    }
}

/// Takes the next task of agents.
pub async fn lease(scene: &Scene) -> Value {
    let wish = json!({"queues": ["kinetic-agent"], "workerId": "w", "waitSeconds": 20});
    let leased = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), wish).await.expect(200);
    leased["tasks"][0].clone()
}

/// Says something about a task with its token.
pub async fn say(scene: &Scene, task: &Value, word: &str, mut body: Value) {
    body["leaseToken"] = task["leaseToken"].clone();
    let path = format!("{}/tasks/{}/{word}", scene.place.pod(), task["taskId"].as_str().unwrap());
    scene.app.anonymous().post(&path, body).await.expect(200);
}

async fn the_status_tells_the_life_of_an_execution(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({"prompt": "p"})).await;
    let id = kinetic.execute(&workflow, json!({"n": 1})).await;
    let run = scene.run_at(&id);
    run.until(|frame| frame.kind() == "task_update").await;
    // Natively it runs: its graph does. To this face it waits for a worker.
    assert_eq!(run.status().await, "running");
    let queued = kinetic.get(&id).await;
    assert_eq!((&queued["status"], &queued["duration_ms"]), (&json!("queued"), &Value::Null));
    scene.app.clock.advance_ms(1_000);
    let task = lease(&scene).await;
    let running = kinetic.get(&id).await;
    assert_eq!(running["status"], "running");
    let last = run.log().await.pop().unwrap();
    assert_eq!(running["updated_at"], last["at"]);
    scene.app.clock.advance_ms(2_000);
    say(&scene, &task, "complete", json!({"output": {"ok": true}})).await;
    run.end().await;
    let done = kinetic.get(&id).await;
    let native = run.view().await;
    assert_eq!((&done["status"], &done["duration_ms"]), (&json!("completed"), &native["durationMs"]));
    assert_eq!(done["updated_at"], native["finishedAt"]);
    // A task that was given back has had a worker: the execution goes on.
    let id = kinetic.execute(&workflow, json!({})).await;
    say(&scene, &lease(&scene).await, "release", json!({})).await;
    assert_eq!(kinetic.status(&id).await, "running");
    scene.run_at(&id).cancel().await.expect(204);
    let stopped = kinetic.get(&id).await;
    assert_eq!(stopped["status"], "failed");
    let line = stopped["logs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&line["message"], &line["level"]), (&json!("cancelled by ann"), &json!("error")));
    for (status, count) in [("completed", 1), ("failed", 1), ("running", 0), ("queued", 0), ("pending", 0)] {
        let list = kinetic.client.get(&format!("/api/executions?status={status}")).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), count, "{status}");
    }
}

async fn a_limit_keeps_executions_pending(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    scene.ann.patch(&scene.place.pod(), json!({"maxRunning": 1})).await.expect(200);
    let workflow = kinetic.workflow(json!({})).await;
    let first = kinetic.execute(&workflow, json!({})).await;
    scene.run_at(&first).until(|frame| frame.kind() == "task_update").await;
    let second = kinetic.execute(&workflow, json!({})).await;
    assert_eq!((kinetic.status(&first).await, kinetic.status(&second).await), ("queued".into(), "pending".into()));
    for (status, id) in [("pending", &second), ("queued", &first)] {
        let list = kinetic.client.get(&format!("/api/executions?status={status}")).await.expect(200);
        assert_eq!((list.as_array().unwrap().len(), &list[0]["execution_uuid"]), (1, &json!(id)), "{status}");
    }
    kinetic.complete(&first, json!({"status": "completed"})).await.expect(200);
    scene.run_at(&second).until(|frame| frame.kind() == "task_update").await;
    assert_eq!(kinetic.status(&second).await, "queued");
    // One whose time has not come is pending, too.
    let later = scene.app.clock.now().plus_ms(60_000).to_string();
    let body = json!({"workflowId": workflow, "runAt": later});
    let delayed = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
    assert_eq!(kinetic.status(&delayed.id).await, "pending");
}

async fn a_worker_by_native_doors_ends_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({"prompt": "{{ input.x }}", "timeout": 60, "more": [1]})).await;
    let id = kinetic.execute(&workflow, json!({"x": 1})).await;
    let task = lease(&scene).await;
    let input = json!({"prompt": "{{ input.x }}", "screens": [], "urlAllowlist": [], "useGlobalAllowlist": false,
        "more": [1], "payload": {"x": 1}});
    assert_eq!((&task["input"], &task["executionId"]), (&input, &json!(id)));
    assert!(task["deadline"].is_string());
    let stats = json!({"steps": 4, "agentActions": 3, "screenshots": 2});
    say(&scene, &task, "complete", json!({"output": {"outputUrl": "https://x.example/o"}, "stats": stats})).await;
    scene.run_at(&id).end().await;
    let done = kinetic.get(&id).await;
    assert_eq!(
        [&done["n_steps"], &done["n_agent_actions"], &done["n_screenshots"], &done["output_url"]],
        [&json!(4), &json!(3), &json!(2), &json!("https://x.example/o")]
    );
}

async fn further_attempts_are_those_of_the_configuration(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({"retryAttempts": 1})).await;
    let id = kinetic.execute(&workflow, json!({})).await;
    let run = scene.run_at(&id);
    for attempt in 1..=2 {
        let task = lease(&scene).await;
        assert_eq!(task["attempt"], attempt);
        say(&scene, &task, "fail", json!({"error": {"message": "no luck"}})).await;
        if attempt == 1 {
            run.until(|frame| frame.event["status"] == "retrying").await;
            assert_eq!(kinetic.status(&id).await, "running");
            scene.app.clock.advance_ms(60_000);
        }
    }
    run.end().await;
    let failed = kinetic.get(&id).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["logs"].as_array().unwrap().last().unwrap()["message"], "failed: no luck");
}

async fn a_callback_ends_it_whoever_has_the_task(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({"retryAttempts": 5})).await;
    // Nobody has it.
    let first = kinetic.execute(&workflow, json!({})).await;
    scene.run_at(&first).until(|frame| frame.kind() == "task_update").await;
    let done = kinetic.complete(&first, json!({"status": "completed", "outputs": [1]})).await.expect(200);
    assert_eq!(done["status"], "completed");
    assert_eq!(scene.run_at(&first).output().await, json!([1]));
    // Another worker has it; a failure that is told so is final.
    let second = kinetic.execute(&workflow, json!({})).await;
    let task = lease(&scene).await;
    let failed = kinetic.complete(&second, json!({"status": "failed"})).await.expect(200);
    assert_eq!(failed["status"], "failed");
    assert_eq!(scene.run_at(&second).failure().await["message"], "the worker reported a failure");
    let path = format!("{}/tasks/{}/complete", scene.place.pod(), task["taskId"].as_str().unwrap());
    // What it says is heard as a repetition of what is known.
    let late = json!({"leaseToken": task["leaseToken"], "output": "late"});
    assert_eq!(scene.app.anonymous().post(&path, late).await.expect(200)["status"], "failed");
    kinetic.complete(&second, json!({"status": "failed"})).await.expect(200);
    assert!(kinetic.complete(&second, json!({"status": "completed"})).await.expect(409)["detail"].is_string());
    // Nothing that a worker could end.
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    assert!(kinetic.complete(&run.id, json!({"status": "completed"})).await.expect(409)["detail"].is_string());
    assert_eq!(kinetic.status(&run.id).await, "paused");
}

async fn a_callback_keeps_what_it_is_told(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({})).await;
    let (url, at) = ("https://x.example/out", "2027-01-15T08:00:00.5");
    for (outputs, output) in [
        (json!({"a": 1}), json!({"a": 1, "outputUrl": url, "finishedAt": at})),
        (json!(null), json!({"outputUrl": url, "finishedAt": at})),
        (json!([1]), json!({"outputs": [1], "outputUrl": url, "finishedAt": at})),
    ] {
        let id = kinetic.execute(&workflow, json!({})).await;
        scene.run_at(&id).until(|frame| frame.kind() == "task_update").await;
        let body = json!({"status": "completed", "outputs": outputs, "outputUrl": url, "finishedAt": at});
        assert_eq!(kinetic.complete(&id, body).await.expect(200)["output_url"], url);
        assert_eq!(scene.run_at(&id).output().await, output);
    }
    let id = kinetic.execute(&workflow, json!({})).await;
    scene.run_at(&id).until(|frame| frame.kind() == "task_update").await;
    for (field, value) in [
        ("nSteps", json!(-1)),
        ("nScreenshots", json!(1_000_000_001)),
        ("outputUrl", json!("ftp://x.example")),
        ("outputUrl", json!("/local")),
        ("finishedAt", json!("yesterday")),
        ("nSteps", json!("7")),
        ("status", json!("running")),
    ] {
        let mut body = json!({"status": "completed"});
        body[field] = value;
        let refused = kinetic.complete(&id, body).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
    }
    assert_eq!(kinetic.status(&id).await, "queued");
}

async fn a_running_execution_is_stopped_by_its_retry(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({})).await;
    let id = kinetic.execute(&workflow, json!({"k": "v"})).await;
    let task = lease(&scene).await;
    // A later version does not change what is retried.
    kinetic
        .client
        .patch(&format!("/api/workflows/{workflow}"), json!({"configuration": {"prompt": "new"}}))
        .await
        .expect(200);
    let reply = kinetic.client.send(reqwest::Method::POST, &format!("/api/executions/{id}/retry"), None).await;
    let again = reply.expect(201);
    let new = again["execution_uuid"].as_str().unwrap();
    assert_eq!(reply.header("location"), Some(format!("/kinetic/api/executions/{new}").as_str()));
    let before = kinetic.get(&id).await;
    assert_eq!((&before["status"], &again["status"]), (&json!("failed"), &json!("queued")));
    assert_eq!(again["input_payload"], json!({"k": "v"}));
    assert_eq!(again["workflow_version_uuid"], before["workflow_version_uuid"]);
    let path = format!("{}/tasks/{}/heartbeat", scene.place.pod(), task["taskId"].as_str().unwrap());
    let beat = scene.app.anonymous().post(&path, json!({"leaseToken": task["leaseToken"]})).await.expect(200);
    assert_eq!(beat["cancelled"], true);
    assert_eq!(lease(&scene).await["executionId"], *new);
    kinetic.complete(new, json!({"status": "completed"})).await.expect(200);
    // One that has ended is retried as well.
    let third =
        kinetic.client.send(reqwest::Method::POST, &format!("/api/executions/{new}/retry"), None).await.expect(201);
    assert_ne!(third["execution_uuid"], *new);
    assert_eq!(kinetic.status(new).await, "completed");
}

async fn native_workflows_are_executed_too(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let mut definition = line([node("sum", "transform", json!({"expression": "input.n + 1"}))]);
    definition["nodes"][0]["data"] = json!({"inputSchema": {"type": "object", "required": ["n"]}});
    let workflow = scene.workflow(definition).await;
    let id = kinetic.execute(&workflow, json!({"n": 2})).await;
    assert_eq!(scene.run_at(&id).output().await, 3);
    assert_eq!(kinetic.status(&id).await, "completed");
    // It says itself what it takes, in the spelling of the request.
    for (call, field) in [("execute", "inputPayload"), ("run", "input_payload")] {
        let refused = kinetic.client.post(&format!("/api/workflows/{workflow}/{call}"), json!({})).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field, "n"]), "{refused}");
    }
    let shown = kinetic.client.get(&format!("/api/workflows/{workflow}")).await.expect(200);
    assert_eq!(
        (&shown["configuration"], &shown["slug"], &shown["executions"]),
        (&Value::Null, &Value::Null, &json!(1))
    );
    let path = format!("/api/workflows/{workflow}");
    kinetic.client.patch(&path, json!({"configuration": {}})).await.expect(409);
    let renamed = kinetic.client.patch(&path, json!({"name": "Sums"})).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Sums"), &json!(2)));
}

async fn files_are_fetched_without_a_key(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("files").display().to_string();
    let scene = Scene::with(backend, |settings| settings.artifacts = Some(place)).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({})).await;
    let id = kinetic.execute(&workflow, json!({})).await;
    let task = lease(&scene).await;
    let worker = scene.app.anonymous().with("x-lease-token", task["leaseToken"].as_str().unwrap());
    let door = format!("{}/tasks/{}/artifacts", scene.place.pod(), task["taskId"].as_str().unwrap());
    for (name, kind, bytes) in [
        ("output.json", "application/json", "old"),
        ("output-2.json", "application/json", "{}"),
        ("film.mp4", "video/mp4", "film"),
        ("page.png", "image/png", "picture"),
        ("agent.log", "text/plain", "one\ntwo"),
    ] {
        worker.with("content-type", kind).put(&format!("{door}/{name}"), bytes.as_bytes()).await.expect(201);
    }
    let output = json!({"outputUrl": "https://x.example/elsewhere"});
    say(&scene, &task, "complete", json!({"output": output})).await;
    scene.run_at(&id).end().await;
    let shown = kinetic.get(&id).await;
    let list = kinetic.client.get("/api/executions").await.expect(200);
    for execution in [&shown, &list[0]] {
        // The latest file of each kind; one that is here goes before one that is elsewhere.
        for (member, text) in [("output_url", "{}"), ("video_url", "film"), ("logs_url", "one\ntwo")] {
            let address = execution[member].as_str().unwrap().split_once("/v1").unwrap().1;
            let fetched = scene.app.anonymous().get(address).await;
            assert_eq!((fetched.status, fetched.text.as_str()), (200, text), "{member}");
        }
    }
    scene.app.clock.advance_ms(24 * 3_600 * 1_000);
    let address = shown["video_url"].as_str().unwrap().split_once("/v1").unwrap().1;
    scene.app.anonymous().get(address).await.problem(410, "link_expired");
}
