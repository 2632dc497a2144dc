//! Tasks and workers: leases, reports, results, and what comes late.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Run, Scene, course, error_paths, graph, line, node},
};

on_both! {
    a_worker_takes_a_task_and_its_result_is_the_nodes,
    a_worker_that_waits_gets_the_task_when_it_comes,
    a_poll_without_a_task_ends_empty,
    reports_are_on_the_stream_at_once,
    a_lost_lease_goes_to_the_next_worker_and_what_comes_late_is_told_so,
    a_heartbeat_keeps_the_lease,
    a_result_may_be_repeated,
    results_of_many_tasks_come_together,
    a_failure_takes_the_port_or_another_attempt,
    a_task_that_is_given_back_goes_to_the_next_worker,
    a_cancelled_execution_withdraws_its_task,
    time_limits_of_queue_and_attempt,
    leases_outlive_the_server,
    tasks_come_by_priority_and_age,
    queues_and_workers_are_listed,
    bad_requests_name_the_field,
    a_token_is_good_for_its_own_lease_alone,
    what_is_too_large_ends_the_node,
    many_tasks_of_one_execution,
}

/// A lease of a task, and the doors that its token opens.
struct Held {
    task: Value,
    path: String,
}

impl Held {
    fn new(scene: &Scene, task: Value) -> Self {
        let path = format!("{}/tasks/{}", scene.place.pod(), task["taskId"].as_str().unwrap());
        Self { task, path }
    }

    /// Says something with the token and nothing else.
    async fn say(&self, scene: &Scene, word: &str, mut body: Value) -> crate::support::app::Reply {
        body["leaseToken"] = self.task["leaseToken"].clone();
        scene.app.anonymous().post(&format!("{}/{word}", self.path), body).await
    }
}

fn wish(queue: &str, wait: u64) -> Value {
    json!({"queues": [queue], "waitSeconds": wait, "workerId": "w1"})
}

async fn leased(scene: &Scene, body: Value) -> Vec<Held> {
    let reply = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), body).await.expect(200);
    reply["tasks"].as_array().unwrap().iter().map(|task| Held::new(scene, task.clone())).collect()
}

async fn lease(scene: &Scene, queue: &str) -> Held {
    let mut got = leased(scene, wish(queue, 30)).await;
    assert_eq!(got.len(), 1);
    got.remove(0)
}

fn one(data: Value) -> Value {
    line([node("work", "task", data)])
}

async fn queued(run: &Run) {
    run.until(|frame| frame.kind() == "task_update" && frame.event["state"] == "queued").await;
}

async fn a_worker_takes_a_task_and_its_result_is_the_nodes(backend: Backend) {
    let scene = Scene::on(backend).await;
    let data = json!({"queue": "q", "input": {"n": "{{ input.n }}"}, "timeoutMs": 60_000});
    let run = scene.run(one(data), json!({"n": 3})).await;
    queued(&run).await;
    assert_eq!(run.status().await, "running");
    let held = lease(&scene, "q").await;
    let task = &held.task;
    assert_eq!((&task["input"], &task["fence"], &task["attempt"]), (&json!({"n": 3}), &json!(1), &json!(1)));
    assert_eq!((&task["nodeId"], &task["executionId"]), (&json!("work"), &json!(run.id)));
    assert_eq!(task["idempotencyKey"], format!("{}/work", run.id));
    assert_eq!(task["leaseSeconds"], 30);
    assert!(task["deadline"].is_string() && task.get("path").is_none(), "{task}");
    let node = run.client.get(&format!("{}?include=nodes", run.path)).await.expect(200);
    let shown = node["nodes"].as_array().unwrap().iter().find(|node| node["nodeId"] == "work").unwrap();
    assert_eq!((&shown["status"], &shown["task"]["workerId"]), (&json!("running"), &json!("w1")), "{shown}");
    let reply = held.say(&scene, "complete", json!({"output": {"sum": 6}})).await.expect(200);
    assert_eq!((&reply["executionId"], &reply["taskId"]), (&json!(run.id), &task["taskId"]));
    assert_eq!(run.output().await, json!({"sum": 6}));
    let log = run.log().await;
    let course: Vec<_> =
        log.iter().filter(|event| event["type"] == "task_update").map(|event| &event["state"]).collect();
    assert_eq!(course, ["queued", "leased", "completed"]);
    assert_eq!(run.view().await["stats"]["leases"], 1);
    // Nothing is left of it.
    assert!(leased(&scene, wish("q", 0)).await.is_empty());
}

async fn a_worker_that_waits_gets_the_task_when_it_comes(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(one(json!({"queue": "q"}))).await;
    let (held, run) = tokio::join!(lease(&scene, "q"), async {
        // The worker waits by now, or will find the task in the queue: both are right.
        let queues = format!("{}/task-queues", scene.place.pod());
        while scene.ann.get(&queues).await.expect(200) == json!([]) {
            tokio::task::yield_now().await;
        }
        scene.trigger(&workflow, json!({"n": 1})).await
    });
    assert_eq!(held.task["input"], json!({"n": 1}));
    let log = run.log().await;
    let updates: Vec<_> = log.iter().filter(|event| event["type"] == "task_update").collect();
    assert_eq!((&updates[0]["state"], &updates[1]["state"]), (&json!("queued"), &json!("leased")));
    assert_eq!(updates[0]["at"], updates[1]["at"], "one commit");
    held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    assert_eq!(run.output().await, 1);
}

async fn a_poll_without_a_task_ends_empty(backend: Backend) {
    let scene = Scene::on(backend).await;
    assert!(leased(&scene, wish("q", 0)).await.is_empty());
    assert!(leased(&scene, wish("q", 1)).await.is_empty());
    // A task of another queue, or another pod, is not theirs.
    let run = scene.run(one(json!({"queue": "other"})), json!(null)).await;
    queued(&run).await;
    assert!(leased(&scene, wish("q", 0)).await.is_empty());
    let bob = scene.app.workspace("bob").await;
    let path = format!("{}/tasks/lease", bob.pod());
    let got = scene.app.user("bob").post(&path, wish("other", 0)).await.expect(200);
    assert_eq!(got["tasks"], json!([]));
    scene
        .app
        .user("bob")
        .post(&format!("{}/tasks/lease", scene.place.pod()), wish("other", 0))
        .await
        .problem(404, "not_found");
    let viewer = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    viewer.post(&format!("{}/tasks/lease", scene.place.pod()), wish("other", 0)).await.problem(403, "role_too_low");
}

async fn reports_are_on_the_stream_at_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let held = lease(&scene, "q").await;
    let report = json!({
        "progress": 3, "progressMax": 10.5, "message": "reading",
        "logs": [{"message": "hello", "data": {"x": 1}}, {"level": "warn", "message": "hm"}],
        "actions": [{"kind": "step", "title": "open"}, {"kind": "screenshot", "title": "page", "detail": {"url": "x"}}],
        "deltas": [{"channel": "text", "delta": "ab"}],
    });
    let beat = held.say(&scene, "heartbeat", report).await.expect(200);
    assert_eq!(beat["cancelled"], false);
    let log = run.log().await;
    let kinds: Vec<_> = log.iter().rev().take(6).rev().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["node_delta", "node_action", "node_action", "node_delta", "node_log", "node_log"]);
    let progress = &log[log.len() - 6];
    assert_eq!(
        (&progress["channel"], &progress["progress"], &progress["progressMax"], &progress["delta"]),
        (&json!("progress"), &json!(3.0), &json!(10.5), &json!("reading"))
    );
    assert_eq!((&log[log.len() - 1]["level"], &log[log.len() - 2]["level"]), (&json!("warn"), &json!("info")));
    held.say(&scene, "complete", json!({"output": null, "stats": {"steps": 7}})).await.expect(200);
    run.end().await;
    let stats = &run.view().await["stats"];
    assert_eq!((&stats["steps"], &stats["agentActions"], &stats["screenshots"]), (&json!(7), &json!(0), &json!(1)));
    let logs = run.client.get(&format!("{}/logs?nodeId=work", run.path)).await.expect(200);
    assert!(logs.as_array().unwrap().iter().any(|line| line["message"] == "hello"));
}

async fn a_lost_lease_goes_to_the_next_worker_and_what_comes_late_is_told_so(backend: Backend) {
    let scene = Scene::on(backend).await;
    scene.app.clock.advance_ms(5_000);
    let run = scene.run(one(json!({"queue": "q", "leaseSeconds": 5})), json!(null)).await;
    let first = lease(&scene, "q").await;
    scene.app.clock.advance_ms(5_000);
    let second = lease(&scene, "q").await;
    assert_eq!((&second.task["fence"], &second.task["attempt"]), (&json!(2), &json!(2)));
    let before = run.log().await;
    for (word, body) in [
        ("complete", json!({"output": "late"})),
        ("fail", json!({"error": {"message": "late"}})),
        ("heartbeat", json!({})),
        ("heartbeat", json!({"logs": [{"message": "late"}]})),
        ("release", json!({})),
    ] {
        first.say(&scene, word, body).await.problem(409, "lease_lost");
    }
    assert_eq!(run.log().await, before);
    second.say(&scene, "complete", json!({"output": "right"})).await.expect(200);
    assert_eq!(run.output().await, "right");
    first.say(&scene, "complete", json!({"output": "late"})).await.problem(409, "lease_lost");
    let lost = before.iter().find(|event| event["reason"] == "lease_lost").unwrap();
    assert_eq!((&lost["state"], &lost["workerId"]), (&json!("queued"), &json!("w1")));
}

async fn a_heartbeat_keeps_the_lease(backend: Backend) {
    let scene = Scene::on(backend).await;
    scene.app.clock.advance_ms(5_000);
    let run = scene.run(one(json!({"queue": "q", "leaseSeconds": 5})), json!(null)).await;
    let held = lease(&scene, "q").await;
    for report in [json!({}), json!({"message": "on it"}), json!({})] {
        scene.app.clock.advance_ms(4_000);
        let beat = held.say(&scene, "heartbeat", report).await.expect(200);
        assert_eq!(beat["cancelled"], false);
    }
    held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    assert_eq!(run.output().await, 1);
}

async fn a_result_may_be_repeated(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let held = lease(&scene, "q").await;
    held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    let again = held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    assert_eq!(run.output().await, 1);
    assert_eq!(again["executionId"], run.id);
    let after = held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    assert_eq!(after["status"], "completed");
    assert_eq!(held.say(&scene, "heartbeat", json!({})).await.expect(200)["cancelled"], true);
    held.say(&scene, "release", json!({})).await.problem(409, "lease_lost");
}

async fn results_of_many_tasks_come_together(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(scene.run(one(json!({"queue": "q"})), json!(null)).await);
        queued(runs.last().unwrap()).await;
    }
    let held = leased(&scene, json!({"queues": ["q"], "max": 4, "workerId": "w"})).await;
    let token = |index: usize| held[index].task["leaseToken"].clone();
    let path = format!("{}/tasks/results", scene.place.pod());
    let body = json!({"results": [
        {"leaseToken": token(0), "output": {"n": 1}, "stats": {"steps": 3}},
        {"leaseToken": token(1), "error": {"message": "no disk"}},
        {"leaseToken": "slt_forged", "output": 1},
        {"leaseToken": token(2), "error": {"message": ""}},
        {"leaseToken": token(3)},
    ]});
    let sent = scene.ann.post(&path, body.clone()).await.expect(200);
    let codes: Vec<_> =
        sent["results"].as_array().unwrap().iter().map(|sent| sent["problem"]["code"].clone()).collect();
    assert_eq!(json!(codes), json!([null, null, "invalid_credentials", "invalid_value", null]));
    assert_eq!(sent["results"][0]["executionId"], runs[0].id);
    assert_eq!(sent["results"][3]["problem"]["errors"][0]["path"], "/error/message");
    assert_eq!((runs[0].output().await, runs[3].output().await), (json!({"n": 1}), json!(null)));
    assert_eq!(runs[0].view().await["stats"]["steps"], 3);
    assert_eq!(runs[1].failure().await["message"], "no disk");
    assert_eq!(runs[2].status().await, "running");
    // The same again gets the same, until a lease is over without a result.
    assert_eq!(scene.ann.post(&path, body).await.expect(200)["results"][0]["status"], "completed");
    runs[2].cancel().await;
    runs[2].end().await;
    let late = json!({"results": [{"leaseToken": token(2), "output": 1}]});
    let sent = scene.ann.post(&path, late.clone()).await.expect(200);
    assert_eq!(sent["results"][0]["problem"]["code"], "lease_lost");
    // Who has not leased them in this pod has none, and a token alone is not enough.
    let bob = scene.app.workspace("bob").await;
    let elsewhere = format!("{}/tasks/results", bob.pod());
    let sent = scene.app.user("bob").post(&elsewhere, late.clone()).await.expect(200);
    assert_eq!(sent["results"][0]["problem"]["code"], "not_found");
    scene.app.anonymous().post(&path, late).await.problem(401, "unauthenticated");
    let too_many = json!({"results": vec![json!({"leaseToken": "t"}); 101]});
    assert_eq!(error_paths(&scene.ann.post(&path, too_many).await.problem(422, "invalid_value")), ["/results"]);
}

async fn a_failure_takes_the_port_or_another_attempt(backend: Backend) {
    let scene = Scene::on(backend).await;
    let handled = node("handled", "transform", json!({"transformScript": "lastOutput.error"}));
    let wired = graph(
        [node("work", "task", json!({"queue": "q"})), handled],
        "begin>work work>finish work:error>handled handled>finish",
    );
    let run = scene.run(wired, json!(null)).await;
    let error = json!({"message": "no disk", "code": "ENOSPC", "retryable": false, "details": {"free": 0}});
    lease(&scene, "q").await.say(&scene, "fail", json!({"error": error})).await.expect(200);
    let failure = run.output().await;
    assert_eq!((&failure["code"], &failure["message"]), (&json!("task_failed"), &json!("no disk")));
    assert_eq!(failure["details"], json!({"code": "ENOSPC", "details": {"free": 0}}));

    let retried = json!({"queue": "q", "retry": {"maxAttempts": 2, "initialMs": 0}});
    let run = scene.run(one(retried.clone()), json!(null)).await;
    let first = lease(&scene, "q").await;
    first.say(&scene, "fail", json!({"error": {"message": "busy"}})).await.expect(200);
    let second = lease(&scene, "q").await;
    assert_eq!((&second.task["attempt"], &second.task["fence"]), (&json!(2), &json!(1)));
    assert_eq!(second.task["idempotencyKey"], first.task["idempotencyKey"]);
    second.say(&scene, "complete", json!({"output": 2})).await.expect(200);
    assert_eq!(run.output().await, 2);

    let run = scene.run(one(retried), json!(null)).await;
    let held = lease(&scene, "q").await;
    held.say(&scene, "fail", json!({"error": {"message": "never", "retryable": false}})).await.expect(200);
    assert_eq!(run.failure().await["code"], "task_failed");
}

async fn a_task_that_is_given_back_goes_to_the_next_worker(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let first = lease(&scene, "q").await;
    first.say(&scene, "release", json!({})).await.expect(200);
    let second = lease(&scene, "q").await;
    assert_eq!((&second.task["fence"], &second.task["attempt"]), (&json!(2), &json!(1)));
    second.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    assert_eq!(run.output().await, 1);
}

async fn a_cancelled_execution_withdraws_its_task(backend: Backend) {
    let scene = Scene::on(backend).await;
    for report in [json!({}), json!({"message": "still at it"})] {
        let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
        let held = lease(&scene, "q").await;
        run.cancel().await;
        let end = run.end().await;
        assert_eq!(end["type"], "execution_cancelled");
        assert_eq!(end["report"]["tasks"], json!([held.task["taskId"]]));
        assert_eq!(held.say(&scene, "heartbeat", report).await.expect(200)["cancelled"], true);
        held.say(&scene, "complete", json!({"output": 1})).await.problem(409, "lease_lost");
        assert_eq!(run.status().await, "cancelled");
    }
    // One that waits is not handed out any more.
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    queued(&run).await;
    run.cancel().await;
    run.end().await;
    assert!(leased(&scene, wish("q", 0)).await.is_empty());
}

async fn time_limits_of_queue_and_attempt(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(one(json!({"queue": "nobody", "queueTimeoutMs": 1_000})), json!(null)).await;
    queued(&run).await;
    scene.app.clock.advance_ms(1_000);
    assert_eq!(run.failure().await["message"], "no worker took the task in time");
    let run = scene.run(one(json!({"queue": "q", "timeoutMs": 2_000, "leaseSeconds": 60})), json!(null)).await;
    let held = lease(&scene, "q").await;
    scene.app.clock.advance_ms(2_000);
    assert_eq!(run.failure().await["code"], "timeout");
    assert_eq!(held.say(&scene, "heartbeat", json!({})).await.expect(200)["cancelled"], true);
}

async fn leases_outlive_the_server(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let waiting = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    queued(&waiting).await;
    let held = lease(&scene, "q").await;
    scene.restart().await;
    assert_eq!(held.say(&scene, "heartbeat", json!({"message": "here"})).await.expect(200)["cancelled"], false);
    held.say(&scene, "complete", json!({"output": 1})).await.expect(200);
    let run = Run { client: scene.ann.clone(), ..run };
    assert_eq!(run.output().await, 1);
    let second = lease(&scene, "q").await;
    assert_eq!(second.task["executionId"], waiting.id);
    second.say(&scene, "complete", json!({"output": 2})).await.expect(200);
    assert_eq!(Run { client: scene.ann.clone(), ..waiting }.output().await, 2);
}

async fn tasks_come_by_priority_and_age(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(one(json!({"queue": "q", "input": "{{ input.n }}"}))).await;
    for (n, priority) in [(1, 0), (2, 0), (3, 10), (4, -10)] {
        let body = json!({"workflowId": workflow, "input": {"n": n}, "priority": priority});
        queued(&scene.run_of(&scene.ann.post(&scene.executions(), body).await)).await;
        scene.app.clock.advance_ms(1_000);
    }
    let body = json!({"queues": ["none", "q"], "max": 3, "workerId": "w1"});
    let got = leased(&scene, body).await;
    assert_eq!(got.iter().map(|held| held.task["input"].clone()).collect::<Vec<_>>(), [3, 1, 2]);
    assert_eq!(lease(&scene, "q").await.task["input"], 4);
}

async fn queues_and_workers_are_listed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let viewer = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    for _ in 0..3 {
        queued(&scene.run(one(json!({"queue": "q"})), json!(null)).await).await;
    }
    let body = json!({"queues": ["q", "r"], "max": 1, "workerId": "w7", "version": "1.2"});
    let held = leased(&scene, body).await.remove(0);
    let queues = viewer.get(&format!("{}/task-queues", scene.place.pod())).await.expect(200);
    assert_eq!((&queues[0]["queue"], &queues[0]["queued"], &queues[0]["leased"]), (&json!("q"), &json!(2), &json!(1)));
    assert!(queues[0]["oldestQueuedAt"].is_string());
    let workers = viewer.get(&format!("{}/workers", scene.place.pod())).await.expect(200);
    let worker = &workers[0];
    assert_eq!(
        (&worker["workerId"], &worker["version"], &worker["connected"]),
        (&json!("w7"), &json!("1.2"), &json!(true))
    );
    assert_eq!((&worker["queues"], &worker["leases"][0]["taskId"]), (&json!(["q", "r"]), &held.task["taskId"]));
    scene.app.clock.advance_ms(91_000);
    let workers = viewer.get(&format!("{}/workers", scene.place.pod())).await.expect(200);
    assert_eq!(workers[0]["connected"], false);
}

async fn bad_requests_name_the_field(backend: Backend) {
    let scene = Scene::on(backend).await;
    let path = format!("{}/tasks/lease", scene.place.pod());
    let good = wish("q", 0);
    for (field, value, at) in [
        ("queues", json!([]), "/queues"),
        ("queues", json!(["a", ""]), "/queues/1"),
        ("queues", json!(["x".repeat(201)]), "/queues/0"),
        ("max", json!(0), "/max"),
        ("max", json!(101), "/max"),
        ("waitSeconds", json!(56), "/waitSeconds"),
        ("workerId", json!(""), "/workerId"),
        ("workerId", json!("a\0b"), "/workerId"),
        ("version", json!(""), "/version"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let problem = scene.ann.post(&path, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [at]);
    }
    scene.ann.post(&path, json!({"queues": ["q"]})).await.problem(400, "invalid_body");
    scene.ann.post(&path, json!({"queues": ["q"], "workerId": "w", "x": 1})).await.problem(400, "invalid_body");
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let held = lease(&scene, "q").await;
    for (word, body, at) in [
        ("heartbeat", json!({"progress": -1}), "/progress"),
        ("heartbeat", json!({"actions": [{"kind": "", "title": "x"}]}), "/actions/0/kind"),
        ("heartbeat", json!({"actions": [{"kind": "a", "title": ""}]}), "/actions/0/title"),
        ("heartbeat", json!({"logs": [{"message": "x".repeat(65_537)}]}), "/logs/0/message"),
        ("complete", json!({"stats": {"steps": -1}}), "/stats/steps"),
        ("fail", json!({"error": {"message": ""}}), "/error/message"),
        ("fail", json!({"error": {"message": "x", "code": ""}}), "/error/code"),
    ] {
        let problem = held.say(&scene, word, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [at]);
    }
    held.say(&scene, "fail", json!({})).await.problem(400, "invalid_body");
    held.say(&scene, "complete", json!({"result": 1})).await.problem(400, "invalid_body");
    assert_eq!(run.status().await, "running");
}

async fn a_token_is_good_for_its_own_lease_alone(backend: Backend) {
    let scene = Scene::on(backend).await;
    for _ in 0..2 {
        queued(&scene.run(one(json!({"queue": "q"})), json!(null)).await).await;
    }
    let (one, other) = (lease(&scene, "q").await, lease(&scene, "q").await);
    let anyone = scene.app.anonymous();
    let door = format!("{}/complete", one.path);
    anyone.post(&door, json!({"output": 1})).await.problem(401, "unauthenticated");
    scene.ann.post(&door, json!({"output": 1})).await.problem(401, "unauthenticated");
    let mut forged = one.task["leaseToken"].as_str().unwrap().to_owned();
    forged.insert(10, 'A');
    anyone.post(&door, json!({"leaseToken": forged})).await.problem(401, "invalid_credentials");
    anyone.post(&door, json!({"leaseToken": other.task["leaseToken"]})).await.problem(404, "not_found");
    let bob = scene.app.workspace("bob").await;
    let elsewhere = format!("{}/tasks/{}/complete", bob.pod(), one.task["taskId"].as_str().unwrap());
    anyone.post(&elsewhere, json!({"leaseToken": one.task["leaseToken"]})).await.problem(404, "not_found");
    let token = one.task["leaseToken"].as_str().unwrap();
    anyone.with("x-lease-token", token).post(&format!("{}/heartbeat", one.path), json!({})).await.expect(200);
    let bearer = format!("Bearer {}", other.task["leaseToken"].as_str().unwrap());
    anyone.with("authorization", &bearer).post(&format!("{}/complete", other.path), json!({})).await.expect(200);
    // It opens nothing else.
    anyone.with("authorization", &bearer).get(&scene.executions()).await.problem(401, "invalid_credentials");
}

async fn what_is_too_large_ends_the_node(backend: Backend) {
    let scene = Scene::on(backend).await;
    let deep = (0..140).fold(json!(0), |inner, _| json!([inner]));
    let run = scene.run(one(json!({"queue": "q"})), json!(null)).await;
    let held = lease(&scene, "q").await;
    held.say(&scene, "complete", json!({"output": deep})).await.problem(400, "malformed_json");
    let deep = (0..110).fold(json!(0), |inner, _| json!([inner]));
    held.say(&scene, "complete", json!({"output": deep})).await.expect(200);
    assert_eq!(run.failure().await["code"], "limit_exceeded");
}

async fn many_tasks_of_one_execution(backend: Backend) {
    let scene = Scene::on(backend).await;
    let each = node("each", "loop", json!({"items": "input.items", "concurrency": 20}));
    let mut work = node("work", "task", json!({"queue": "q", "input": "{{ item }}"}));
    work["parentId"] = json!("each");
    let run =
        scene.run(graph([each, work], "begin>each each>finish"), json!({"items": (0..40).collect::<Vec<_>>()})).await;
    let worker = async |_: usize| {
        loop {
            let got = leased(&scene, json!({"queues": ["q"], "max": 2, "waitSeconds": 1, "workerId": "w"})).await;
            if got.is_empty() && run.status().await == "completed" {
                return;
            }
            for held in got {
                let output = json!(held.task["input"].as_i64().unwrap() * 2);
                held.say(&scene, "complete", json!({"output": output})).await.expect(200);
            }
        }
    };
    futures_util::future::join_all((0..8).map(worker)).await;
    assert_eq!(run.output().await["results"], json!((0..40).map(|n| n * 2).collect::<Vec<_>>()));
    let log = run.log().await;
    assert_eq!(course(&log, "each").last().map(String::as_str), Some("completed"));
}
