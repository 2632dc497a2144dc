//! Bulk jobs: what becomes of each execution, the pace, and what is refused. The clock is moved by hand.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, error_paths, gate, graph, line, node},
};

on_both! {
    a_cancellation_takes_what_its_filter_shows,
    each_item_says_what_became_of_it,
    a_replay_begins_at_its_node,
    a_retry_runs_again_what_is_named,
    the_pace_is_measured_and_a_job_can_be_cancelled,
    nothing_is_created_while_others_wait,
    what_was_not_told_is_not_done_twice,
    a_job_outlives_the_server,
    what_can_not_be_taken_is_named,
    jobs_are_listed_kept_and_told_of,
}

async fn bulk(scene: &Scene, action: &str, body: Value) -> Value {
    let reply = scene.ann.post(&format!("{}/bulk/{action}", scene.executions()), body).await;
    let job = reply.expect(202);
    let path = format!("{}/bulk-jobs/{}", scene.place.pod(), job["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/v1{path}").as_str()));
    job
}

async fn view(scene: &Scene, job: &Value) -> Value {
    // The clock may have moved beyond the life of a token.
    let ann = scene.app.user("ann");
    ann.get(&format!("{}/bulk-jobs/{}", scene.place.pod(), job["id"].as_str().unwrap())).await.expect(200)
}

/// Has the job work for so long.
async fn pass(scene: &Scene, ms: i64) {
    scene.app.clock.advance_ms(ms);
    scene.app.state.bulk.work_through().await.unwrap();
}

/// Waits until the job stands so, without time passing: the server works on it by itself as well.
async fn until(scene: &Scene, job: &Value, expected: [i64; 5]) {
    let begun = tokio::time::Instant::now();
    loop {
        let now = counts(&view(scene, job).await);
        if now == expected {
            return;
        }
        assert!(begun.elapsed().as_secs() < 20, "the job stands at {now:?}, not {expected:?}");
        scene.app.state.bulk.work_through().await.unwrap();
    }
}

/// Has the job work until it has ended; the job.
async fn ended(scene: &Scene, job: &Value) -> Value {
    for _ in 0..100 {
        let job = view(scene, job).await;
        if !job["finishedAt"].is_null() {
            return job;
        }
        pass(scene, 1_000).await;
    }
    panic!("the job does not end: {}", view(scene, job).await);
}

async fn items(scene: &Scene, job: &Value, query: &str) -> Vec<Value> {
    let path = format!("{}/bulk-jobs/{}/items{query}", scene.place.pod(), job["id"].as_str().unwrap());
    scene.app.user("ann").get(&path).await.expect(200).as_array().unwrap().clone()
}

fn counts(job: &Value) -> [i64; 5] {
    ["total", "pending", "done", "failed", "skipped"].map(|name| job["counts"][name].as_i64().unwrap())
}

/// Executions that wait at a gate.
async fn waiting(scene: &Scene, workflow: &str, count: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    for n in 0..count {
        let run = scene.trigger(workflow, json!({"n": n})).await;
        run.asked().await;
        runs.push(run);
    }
    runs
}

fn ids(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

async fn replays_of(scene: &Scene, run: &Run) -> Vec<Value> {
    let path = format!("{}?replayOf={}", scene.executions(), run.id);
    scene.app.user("ann").get(&path).await.expect(200).as_array().unwrap().clone()
}

async fn a_cancellation_takes_what_its_filter_shows(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (one, other) = (scene.workflow(gate()).await, scene.workflow(gate()).await);
    let taken = waiting(&scene, &one, 3).await;
    let left = waiting(&scene, &other, 1).await.remove(0);
    let over = scene.trigger(&one, json!({})).await;
    over.asked().await;
    over.cancel().await.expect(204);
    let job = bulk(&scene, "cancel", json!({"filter": {"workflowId": one}})).await;
    assert_eq!((&job["action"], &job["state"], counts(&job)), (&json!("cancel"), &json!("running"), [3, 3, 0, 0, 0]));
    // What comes later is none of it.
    let late = waiting(&scene, &one, 1).await.remove(0);
    let job = ended(&scene, &job).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("finished"), [3, 0, 3, 0, 0]));
    let listed = items(&scene, &job, "").await;
    let listed: Vec<_> = listed.iter().map(|item| item["executionId"].as_str().unwrap()).collect();
    assert_eq!(listed, ids(&taken), "the oldest first");
    for run in &taken {
        let end = run.end().await;
        assert_eq!(end["type"], "execution_cancelled");
        assert_eq!(run.status().await, "cancelled");
    }
    assert_eq!((left.status().await, late.status().await), ("suspended".into(), "suspended".into()));
    // Nothing fits: the job has ended at once.
    let nothing = bulk(&scene, "cancel", json!({"filter": {"subject": "nobody"}})).await;
    assert_eq!((&nothing["state"], counts(&nothing)), (&json!("finished"), [0; 5]));
    // Everything of the pod, in these statuses.
    let all = bulk(&scene, "cancel", json!({"filter": {"status": ["suspended", "queued"]}})).await;
    assert_eq!(counts(&ended(&scene, &all).await), [2, 0, 2, 0, 0]);
}

async fn each_item_says_what_became_of_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let mut runs = waiting(&scene, &workflow, 2).await;
    runs[1].respond(json!({"approved": true})).await.expect(200);
    runs[1].output().await;
    let pod = scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);
    let mut elsewhere = scene.place.clone();
    elsewhere.pod_id = pod["id"].as_str().unwrap().to_owned();
    let foreign = scene.app.workspace("bob").await;
    for (user, place) in [("ann", elsewhere), ("bob", foreign)] {
        let client = scene.app.user(user);
        let body = json!({"name": "W", "definition": gate()});
        let workflow = client.post(&format!("{}/workflows", place.pod()), body).await.expect(201);
        let body = json!({"workflowId": workflow["id"]});
        let execution = client.post(&format!("{}/executions", place.pod()), body).await.expect(201);
        let id = execution["id"].as_str().unwrap();
        let path = format!("{}/executions/{id}", place.pod());
        runs.push(Run { id: id.to_owned(), path, client });
    }
    let unknown = scene.app.clock.new_id().to_string();
    let mut named = ids(&runs);
    named.extend([unknown.as_str(), runs[0].id.as_str()]);
    let job = bulk(&scene, "cancel", json!({"ids": named})).await;
    let job = ended(&scene, &job).await;
    assert_eq!(counts(&job), [5, 0, 1, 3, 1], "what is named twice is one item");
    let listed = items(&scene, &job, "").await;
    let told: Vec<_> = listed.iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(told, ["done", "skipped", "failed", "failed", "failed"]);
    assert_eq!((&listed[1]["reason"], &listed[2]["reason"]), (&json!("the execution has ended"), &listed[4]["reason"]));
    assert!(listed[0]["reason"].is_null() && listed[0]["newExecutionId"].is_null());
    for run in &runs[2..] {
        run.asked().await;
        assert_eq!(run.status().await, "suspended");
    }
    let failed = items(&scene, &job, "?state=failed&limit=2").await;
    assert_eq!(failed.iter().map(|item| item["position"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 4]);
    let rest = items(&scene, &job, "?state=failed&limit=2&cursor=4").await;
    assert_eq!(rest, [listed[4].clone()]);
}

async fn a_replay_begins_at_its_node(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = [
        node("first", "transform", json!({"expression": "input.n"})),
        node("second", "wait", json!({"duration": "0s"})),
    ];
    let workflow = scene.workflow(line(nodes)).await;
    let mut runs = Vec::new();
    for n in 0..3 {
        let run = scene.trigger(&workflow, json!({"n": n})).await;
        run.output().await;
        runs.push(run);
    }
    let live = waiting(&scene, &scene.workflow(gate()).await, 1).await.remove(0);
    let body = json!({"filter": {"workflowId": workflow, "status": ["completed"]}, "fromNodeId": "second"});
    let job = bulk(&scene, "replay", body).await;
    assert_eq!((&job["fromNodeId"], &job["version"]), (&json!("second"), &json!("original")));
    let job = ended(&scene, &job).await;
    assert_eq!(counts(&job), [3, 0, 3, 0, 0]);
    for (item, run) in items(&scene, &job, "").await.iter().zip(&runs) {
        assert_eq!((&item["executionId"], &item["state"]), (&json!(run.id), &json!("done")));
        let replay = scene.run_at(item["newExecutionId"].as_str().unwrap());
        replay.output().await;
        let view = replay.view().await;
        assert_eq!((&view["replayOf"], &view["fromNodeId"]), (&json!(run.id), &json!("second")));
        assert_eq!((&view["triggeredBy"], &view["createdBy"]), (&json!("replay"), &json!("ann")));
        assert_eq!(view["input"], run.view().await["input"]);
    }
    // In the version that mends what was wrong.
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    scene.ann.patch(&path, json!({"definition": line([])})).await.expect(200);
    let job = bulk(&scene, "replay", json!({"ids": [runs[0].id], "version": "latest"})).await;
    assert_eq!(counts(&ended(&scene, &job).await), [1, 0, 1, 0, 0]);
    let replay = items(&scene, &job, "").await[0]["newExecutionId"].as_str().unwrap().to_owned();
    assert_eq!(scene.run_at(&replay).view().await["workflowVersion"], 2);
    // One that runs is skipped; one without such a node fails, and its neighbour does not.
    let named = json!({"ids": [live.id, runs[0].id], "fromNodeId": "gate"});
    let job = bulk(&scene, "replay", named).await;
    let job = ended(&scene, &job).await;
    assert_eq!(counts(&job), [2, 0, 0, 1, 1]);
    let listed = items(&scene, &job, "").await;
    assert_eq!(listed[0]["reason"], "the execution has not ended");
    assert!(listed[1]["reason"].as_str().unwrap().contains("no node `gate`"), "{listed:?}");
}

async fn a_retry_runs_again_what_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let failing = line([node("t", "transform", json!({"expression": "1 / 0"}))]);
    let failed = scene.run(failing, json!({"n": 1})).await;
    failed.failure().await;
    let live = waiting(&scene, &scene.workflow(gate()).await, 1).await.remove(0);
    let job = bulk(&scene, "retry", json!({"ids": [failed.id, live.id]})).await;
    assert_eq!(counts(&ended(&scene, &job).await), [2, 0, 2, 0, 0]);
    assert_eq!(live.status().await, "cancelled");
    for (item, run) in items(&scene, &job, "").await.iter().zip([&failed, &live]) {
        let again = replays_of(&scene, run).await;
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0]["id"], &again[0]["triggeredBy"]), (&item["newExecutionId"], &json!("retry")));
        if run.id == failed.id {
            scene.run_at(item["newExecutionId"].as_str().unwrap()).failure().await;
        }
    }
    // Without a status: those that have ended. The retry of the gate waits, and is none of them.
    let job = bulk(&scene, "retry", json!({"filter": {"triggeredBy": "retry"}})).await;
    assert_eq!(counts(&job)[0], 1);
}

async fn the_pace_is_measured_and_a_job_can_be_cancelled(backend: Backend) {
    let scene = Scene::on(backend).await;
    let unknown: Vec<String> = (0..70).map(|_| scene.app.clock.new_id().to_string()).collect();
    let job = bulk(&scene, "cancel", json!({"ids": unknown})).await;
    let second = bulk(&scene, "cancel", json!({"ids": unknown[..30]})).await;
    until(&scene, &job, [70, 45, 0, 25, 0]).await;
    until(&scene, &second, [30, 5, 0, 25, 0]).await;
    // However often it is asked, a turn of each is all there is until the clock moves.
    for ms in [0, 0, 499] {
        pass(&scene, ms).await;
        assert_eq!(counts(&view(&scene, &job).await), [70, 45, 0, 25, 0]);
        assert_eq!(counts(&view(&scene, &second).await), [30, 5, 0, 25, 0]);
    }
    pass(&scene, 1).await;
    until(&scene, &job, [70, 20, 0, 50, 0]).await;
    until(&scene, &second, [30, 0, 0, 30, 0]).await;
    assert_eq!(view(&scene, &second).await["state"], "finished");
    let path = format!("{}/bulk-jobs/{}/cancel", scene.place.pod(), job["id"].as_str().unwrap());
    let keyed = scene.ann.with("idempotency-key", "stop");
    let cancelling = keyed.post(&path, json!({})).await;
    assert_eq!(cancelling.expect(200)["state"], "cancelling");
    assert_eq!(keyed.post(&path, json!({})).await.text, cancelling.text);
    scene.ann.post(&path, json!({})).await.problem(409, "conflict");
    scene.app.clock.advance_ms(500);
    until(&scene, &job, [70, 0, 0, 50, 20]).await;
    let job = view(&scene, &job).await;
    assert_eq!(job["state"], "cancelled");
    assert_eq!(job["finishedAt"], job["updatedAt"]);
    let skipped = items(&scene, &job, "?state=skipped&limit=200").await;
    assert!(skipped.iter().all(|item| item["reason"] == "the job was cancelled"));
    assert_eq!(skipped.len(), 20);
    scene.ann.post(&path, json!({})).await.problem(409, "conflict");
    assert_eq!(ended(&scene, &job).await, job, "nothing more happens");
}

async fn nothing_is_created_while_others_wait(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, |settings| settings.max_running = Some(1)).await;
    let done = scene.run(line([]), json!({})).await;
    done.output().await;
    scene.run(line([call("c", &peer, "/gate")]), json!({})).await;
    peer.arrived("/gate", 1).await;
    let workflow = scene.workflow(graph([], "begin>finish")).await;
    let mut queued = Vec::new();
    for _ in 0..25 {
        queued.push(scene.trigger(&workflow, json!({})).await);
    }
    let job = bulk(&scene, "replay", json!({"ids": [done.id]})).await;
    for _ in 0..3 {
        pass(&scene, 1_000).await;
        assert_eq!(counts(&view(&scene, &job).await), [1, 1, 0, 0, 0]);
    }
    // What only ends something goes on.
    let cancel = bulk(&scene, "cancel", json!({"ids": [queued[0].id]})).await;
    assert_eq!(counts(&ended(&scene, &cancel).await), [1, 0, 1, 0, 0]);
    peer.open_gate();
    queued[24].output().await;
    assert_eq!(counts(&ended(&scene, &job).await), [1, 0, 1, 0, 0]);
    assert_eq!(replays_of(&scene, &done).await.len(), 1);
}

/// Runs a statement beside the server.
async fn beside(scene: &Scene, sql: &str) {
    let (url, sql) = (scene.app.store_url(), AssertSqlSafe(sql.to_owned()));
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}

async fn what_was_not_told_is_not_done_twice(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let live = waiting(&scene, &workflow, 2).await;
    let over = waiting(&scene, &workflow, 2).await;
    for run in &over {
        run.respond(json!({"approved": true})).await.expect(200);
        run.output().await;
    }
    let mut jobs = Vec::new();
    for (action, runs) in [("replay", &over[..1]), ("retry", &over[1..]), ("cancel", &live[..])] {
        let job = bulk(&scene, action, json!({"ids": ids(runs)})).await;
        let job = ended(&scene, &job).await;
        jobs.push((items(&scene, &job, "").await, job));
    }
    // As if the server had died when the work was done, and before it could say so.
    beside(&scene, "UPDATE bulk_items SET state = 'pending', new_execution_id = NULL, settled_at = NULL").await;
    let reset = "UPDATE bulk_jobs SET done = 0, state = 'running', finished_at = NULL, next_at = 0";
    beside(&scene, reset).await;
    for (before, job) in &jobs {
        let again = ended(&scene, job).await;
        assert_eq!(counts(&again), counts(job));
        let told = |items: &[Value]| -> Vec<_> {
            items.iter().map(|item| (item["state"].clone(), item["newExecutionId"].clone())).collect()
        };
        assert_eq!(told(&items(&scene, job, "").await), told(before));
    }
    for run in &over {
        assert_eq!(replays_of(&scene, run).await.len(), 1);
    }
}

async fn a_job_outlives_the_server(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let mut runs = waiting(&scene, &workflow, 30).await;
    let job = bulk(&scene, "cancel", json!({"ids": ids(&runs)})).await;
    until(&scene, &job, [30, 5, 25, 0, 0]).await;
    scene.restart().await;
    // An item that somebody else has done meanwhile is done.
    runs = runs.iter().map(|run| scene.run_at(&run.id)).collect();
    runs[29].cancel().await.expect(204);
    runs[29].end().await;
    let job = ended(&scene, &job).await;
    assert_eq!(counts(&job), [30, 0, 30, 0, 0]);
    assert_eq!(items(&scene, &job, "?limit=200").await.len(), 30);
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let path = |action: &str| format!("{}/bulk/{action}", scene.executions());
    let id = scene.app.clock.new_id().to_string();
    let many: Vec<String> = (0..10_001).map(|_| scene.app.clock.new_id().to_string()).collect();
    for (body, place) in [
        (json!({}), "/ids"),
        (json!({"ids": [id], "filter": {}}), "/ids"),
        (json!({"ids": []}), "/ids"),
        (json!({"ids": many}), "/ids"),
        (json!({"filter": {"subject": "a\u{0}"}}), "/filter/subject"),
    ] {
        for action in ["cancel", "replay", "retry"] {
            let problem = scene.ann.post(&path(action), body.clone()).await.problem(422, "invalid_value");
            assert_eq!(error_paths(&problem), [place], "{problem}");
        }
    }
    for node in ["", "a\u{0}", &"x".repeat(1_001)] {
        let body = json!({"ids": [id], "fromNodeId": node});
        let problem = scene.ann.post(&path("replay"), body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), ["/fromNodeId"]);
    }
    for (action, body, place) in [
        ("cancel", json!({"ids": ["x"]}), "/ids/0"),
        ("cancel", json!({"filter": {"status": ["odd"]}}), "/filter/status/0"),
        ("cancel", json!({"filter": {"limit": 1}}), "/filter/limit"),
        ("cancel", json!({"ids": [id], "fromNodeId": "x"}), "/fromNodeId"),
        ("retry", json!({"ids": [id], "fromNodeId": "x"}), "/fromNodeId"),
        ("replay", json!({"filter": {"createdAfter": "soon"}}), "/filter/createdAfter"),
        ("replay", json!({"ids": [id], "version": "newest"}), "/version"),
        ("replay", json!({"ids": [id], "version": 2}), "/version"),
    ] {
        let problem = scene.ann.post(&path(action), body).await.problem(400, "invalid_body");
        assert_eq!(error_paths(&problem), [place]);
    }
    scene.ann.post(&path("delete"), json!({"ids": [id]})).await.problem(404, "unknown_path");
    let jobs = format!("{}/bulk-jobs", scene.place.pod());
    scene.ann.get(&format!("{jobs}/{id}")).await.problem(404, "not_found");
    scene.ann.get(&format!("{jobs}/{id}/items")).await.problem(404, "not_found");
    scene.ann.post(&format!("{jobs}/{id}/cancel"), json!({})).await.problem(404, "not_found");
    let job = bulk(&scene, "cancel", json!({"ids": [id]})).await;
    let items = format!("{jobs}/{}/items", job["id"].as_str().unwrap());
    for query in ["state=odd", "cursor=x", "limit=0", "more=1"] {
        scene.ann.get(&format!("{items}?{query}")).await.problem(400, "invalid_query");
    }
}

async fn jobs_are_listed_kept_and_told_of(backend: Backend) {
    let scene = Scene::on(backend).await;
    let id = scene.app.clock.new_id().to_string();
    let keyed = scene.ann.with("idempotency-key", "once");
    let path = format!("{}/bulk/cancel", scene.executions());
    let first = keyed.post(&path, json!({"ids": [id]})).await;
    let again = keyed.post(&path, json!({"ids": [id]})).await;
    assert_eq!((again.status, &again.text), (202, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let second = bulk(&scene, "retry", json!({"ids": [id]})).await;
    let jobs = format!("{}/bulk-jobs", scene.place.pod());
    let page = scene.ann.get(&format!("{jobs}?limit=1")).await;
    assert!(page.header("link").unwrap().contains("cursor="));
    assert_eq!(page.expect(200)[0]["id"], second["id"]);
    let all = scene.ann.get(&jobs).await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 2, "one of each key");
    assert_eq!((&all[1]["createdBy"], &all[1]["podId"]), (&json!("ann"), &json!(scene.place.pod_id)));
    // Another pod has none of them.
    let pod = scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);
    let elsewhere = format!("{}/pods/{}/bulk-jobs", scene.place.workspace(), pod["id"].as_str().unwrap());
    assert_eq!(scene.ann.get(&elsewhere).await.expect(200), json!([]));
    let theirs = format!("{elsewhere}/{}", second["id"].as_str().unwrap());
    scene.ann.get(&theirs).await.problem(404, "not_found");
    scene.ann.get(&format!("{theirs}/items")).await.problem(404, "not_found");
    scene.ann.post(&format!("{theirs}/cancel"), json!({})).await.problem(404, "not_found");
    let audit = format!("{}/audit?subject={}", scene.place.workspace(), second["id"].as_str().unwrap());
    let told = scene.ann.get(&audit).await.expect(200);
    assert_eq!(told[0]["action"], "bulk_job.created");
    assert_eq!(told[0]["detail"], json!({"bulkAction": "retry", "podId": scene.place.pod_id, "executions": 1}));
}
