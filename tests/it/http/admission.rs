//! What stands between a trigger and a place to run: limits, duplicates, bursts, and time.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Run, Scene, call, error_paths, gate, line},
};

on_both! {
    a_limit_per_key_is_kept_and_what_is_free_is_filled,
    what_is_suspended_takes_up_no_room,
    a_full_lane_turns_away_as_asked,
    the_newest_takes_the_place_of_the_oldest,
    pods_and_workspaces_have_limits_of_their_own,
    children_share_the_limit_of_their_workflow,
    what_waits_runs_by_priority,
    many_of_mixed_priorities_run_in_order_and_none_waits_for_ever,
    what_can_not_begin_in_time_is_cancelled,
    the_last_of_a_burst_runs,
    a_burst_does_not_wait_for_ever,
    what_can_not_be_taken_is_named,
    rooms_are_let_again_after_a_restart,
    a_workspace_that_triggers_too_much_is_told_when_to_go_on,
}

/// A call that is held until the peer opens its gate; at most `limit` at a time for each customer.
fn held(peer: &Peer, concurrency: Value) -> Value {
    let mut definition = line([call("call", peer, "/gate")]);
    definition["settings"] = json!({"concurrency": concurrency});
    definition
}

async fn of(scene: &Scene, workflow: &str, customer: &str) -> Run {
    scene.trigger(workflow, json!({"customer": customer})).await
}

/// When this is over, everything that was queued before has been looked at.
async fn looked_at(scene: &Scene, workflow: &str, peer: &Peer, calls: usize) -> Run {
    let last = of(scene, workflow, "the last one").await;
    peer.arrived("/gate", calls).await;
    last
}

/// Opens the gate until all of these are over; at no time do more of them run than may.
async fn until_over(scene: &Scene, peer: &Peer, runs: &[Run], at_most: usize) {
    let over = async {
        loop {
            // One look at all of them: one after the other, each would be seen at another time.
            let all = scene.ann.get(&format!("{}?limit=100", scene.executions())).await.expect(200);
            let of_runs = all.as_array().unwrap().iter().filter(|one| runs.iter().any(|run| one["id"] == run.id));
            let statuses: Vec<&str> = of_runs.map(|one| one["status"].as_str().unwrap()).collect();
            let running = statuses.iter().filter(|status| **status == "running").count();
            assert!(running <= at_most && statuses.len() == runs.len(), "{statuses:?}");
            if statuses.iter().all(|status| *status == "completed") {
                return;
            }
            peer.open_gate();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), over).await.expect("all of them run");
}

async fn statuses(runs: &[Run]) -> Vec<String> {
    let mut statuses = Vec::new();
    for run in runs {
        statuses.push(run.status().await);
    }
    statuses
}

async fn a_limit_per_key_is_kept_and_what_is_free_is_filled(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let workflow = scene.workflow(held(&peer, json!({"limit": 2, "key": "{{ input.customer }}"}))).await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(of(&scene, &workflow, "a").await);
    }
    runs.push(of(&scene, &workflow, "b").await);
    let last = looked_at(&scene, &workflow, &peer, 4).await;
    assert_eq!(statuses(&runs).await, ["running", "running", "queued", "queued", "queued", "running"]);
    // A key in the trigger takes the template's place.
    let body = json!({"workflowId": workflow, "input": {"customer": "c"}, "concurrencyKey": "a"});
    let keyed = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
    let of_a = [&runs[..5], &[keyed]].concat();
    let others = [runs[5].clone(), last];
    until_over(&scene, &peer, &of_a, 2).await;
    until_over(&scene, &peer, &others, 2).await;
    assert_eq!(peer.hits("/gate"), 8);
}

async fn what_is_suspended_takes_up_no_room(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = gate();
    definition["settings"] = json!({"concurrency": {"limit": 1}});
    let workflow = scene.workflow(definition).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(scene.trigger(&workflow, json!({})).await);
    }
    for run in &runs {
        run.asked().await;
    }
    for run in &runs {
        run.respond(json!({"approved": true})).await.expect(200);
    }
    for run in &runs {
        run.output().await;
    }
}

async fn a_full_lane_turns_away_as_asked(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    for on_limit in ["skip", "fail"] {
        let workflow = scene.workflow(held(&peer, json!({"limit": 1, "onLimit": on_limit}))).await;
        let calls = peer.hits("/gate") + 1;
        let first = of(&scene, &workflow, "a").await;
        peer.arrived("/gate", calls).await;
        let second = of(&scene, &workflow, "a").await;
        let end = second.end().await;
        if on_limit == "skip" {
            assert_eq!((&end["type"], &end["reason"]), (&json!("execution_skipped"), &json!("concurrency_limit")));
            assert_eq!(end["duplicateOf"], Value::Null);
            assert_eq!(second.status().await, "skipped");
        } else {
            assert_eq!(second.failure().await["code"], "concurrency_limit");
        }
        peer.open_gate();
        first.output().await;
        let third = of(&scene, &workflow, "a").await;
        peer.arrived("/gate", calls + 1).await;
        peer.open_gate();
        third.output().await;
    }
}

async fn the_newest_takes_the_place_of_the_oldest(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let workflow = scene.workflow(held(&peer, json!({"limit": 1, "onLimit": "cancel_oldest"}))).await;
    let mut runs = Vec::new();
    for calls in 1..=3 {
        runs.push(of(&scene, &workflow, "a").await);
        peer.arrived("/gate", calls).await;
    }
    for run in &runs[..2] {
        let end = run.end().await;
        assert_eq!(end["type"], "execution_cancelled", "{end}");
        assert!(end["report"]["reason"].as_str().unwrap().contains("newer"), "{end}");
    }
    assert_eq!(runs[2].status().await, "running");
    // Those that were cancelled hung up on the gate.
    for _ in 0..3 {
        peer.open_gate();
    }
    runs[2].output().await;
}

async fn pods_and_workspaces_have_limits_of_their_own(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let workspace = scene.place.workspace();
    for (path, other) in [(scene.place.pod(), &workspace), (workspace.clone(), &scene.place.pod())] {
        let calls = peer.hits("/gate");
        scene.ann.patch(other, json!({"maxRunning": null})).await.expect(200);
        let shown = scene.ann.patch(&path, json!({"maxRunning": 2})).await.expect(200);
        assert_eq!(shown["maxRunning"], 2);
        let workflow = scene.workflow(line([call("call", &peer, "/gate")])).await;
        let narrow = scene.workflow(held(&peer, json!({"limit": 1}))).await;
        let mut runs = Vec::new();
        for workflow in [&narrow, &narrow, &workflow, &workflow] {
            runs.push(of(&scene, workflow, "a").await);
        }
        peer.arrived("/gate", calls + 2).await;
        // The limit goes, and what waited for it alone runs; the workflow has its own.
        assert_eq!(statuses(&runs).await, ["running", "queued", "running", "queued"]);
        scene.ann.patch(&path, json!({"maxRunning": null})).await.expect(200);
        peer.arrived("/gate", calls + 3).await;
        assert_eq!(statuses(&runs).await, ["running", "queued", "running", "running"]);
        for _ in 0..3 {
            peer.open_gate();
        }
        peer.arrived("/gate", calls + 4).await;
        peer.open_gate();
        for run in runs {
            run.output().await;
        }
    }
    let editor = scene.app.join(&scene.place, "ann", "ed", "editor").await;
    editor.patch(&scene.place.pod(), json!({"maxRunning": 1})).await.expect(403);
    for wrong in [json!(0), json!(-1), json!(100_001)] {
        let refused = scene.ann.patch(&scene.place.pod(), json!({"maxRunning": wrong})).await.expect(422);
        assert_eq!(error_paths(&refused), ["/maxRunning"]);
    }
}

async fn children_share_the_limit_of_their_workflow(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let child = scene.workflow(held(&peer, json!({"limit": 1}))).await;
    let parent = crate::support::scene::node("child", "subworkflow", json!({"workflowId": child}));
    let parent = scene.workflow(line([parent])).await;
    let (one, two) = (of(&scene, &parent, "a").await, of(&scene, &parent, "a").await);
    peer.arrived("/gate", 1).await;
    for run in [&one, &two] {
        run.until(|frame| frame.event["childExecutionId"].is_string()).await;
    }
    assert_eq!(peer.hits("/gate"), 1);
    peer.open_gate();
    peer.arrived("/gate", 2).await;
    peer.open_gate();
    one.output().await;
    two.output().await;
}

async fn what_waits_runs_by_priority(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let workflow = scene.workflow(held(&peer, json!({"limit": 1, "key": "{{ input.customer }}"}))).await;
    of(&scene, &workflow, "a").await;
    peer.arrived("/gate", 1).await;
    let mut waiting = Vec::new();
    for priority in [0, 7, -3, 100, 7, -100, 0] {
        let body = json!({"workflowId": workflow, "input": {"customer": "a"}, "priority": priority});
        waiting.push((priority, scene.run_of(&scene.ann.post(&scene.executions(), body).await)));
    }
    let last = looked_at(&scene, &workflow, &peer, 2).await;
    // The other customer's call is the second one at the gate.
    let mut expected: Vec<_> = waiting.iter().collect();
    expected.sort_by_key(|(priority, _)| -priority);
    peer.open_gate();
    for (index, (priority, run)) in expected.iter().enumerate() {
        peer.arrived("/gate", index + 3).await;
        assert_eq!(run.status().await, "running", "{priority}");
        let others = expected[index + 1..].iter().map(|(_, run)| run.clone()).collect::<Vec<_>>();
        assert!(statuses(&others).await.iter().all(|status| status == "queued"), "{priority}");
        if index == 0 {
            // The other customer's, which came before.
            peer.open_gate();
            last.output().await;
        }
        peer.open_gate();
    }
    for (_, run) in &waiting {
        run.output().await;
    }
}

/// One place to run, held by a call until everything is queued.
async fn many_of_mixed_priorities_run_in_order_and_none_waits_for_ever(backend: Backend) {
    let scene = Scene::with(backend, |settings| settings.max_running = Some(1)).await;
    let many = if backend == Backend::Sqlite { 400 } else { 200 };
    let peer = Peer::start().await;
    // Longer than anything here, by any clock.
    let mut hanging = call("call", &peer, "/gate");
    hanging["data"]["timeoutMs"] = json!(86_400_000);
    let holder = scene.run(line([hanging]), json!({})).await;
    peer.arrived("/gate", 1).await;
    let workflow = scene.workflow(line([])).await;
    let queue = |priority: i64| {
        let body = json!({"workflowId": workflow, "priority": priority});
        let (ann, path) = (scene.app.user("ann"), scene.executions());
        async move { (priority, ann.post(&path, body).await.expect(201)["id"].as_str().unwrap().to_owned()) }
    };
    // So early that its wait outweighs every priority of those that come 201 minutes later.
    let patient = queue(-100).await;
    scene.app.clock.advance_ms(201 * 60_000);
    let mut queued = Vec::new();
    let mut random = StdRng::seed_from_u64(5);
    for _ in 0..many {
        queued.push(queue(random.random_range(-100..=100)).await);
    }
    let path = format!("{}/events?types=execution_complete", scene.place.pod());
    let mut ends = scene.app.user("ann").stream(&path).await;
    peer.open_gate();
    let mut order = Vec::new();
    while order.len() < many + 2 {
        let frame = ends.next().await.unwrap();
        if frame.kind() == "execution_complete" {
            order.push(frame.event["executionId"].as_str().unwrap().to_owned());
        }
    }
    // First come first served within a priority.
    queued.sort_by_key(|(priority, _)| -priority);
    let expected = [holder.id, patient.1].into_iter().chain(queued.into_iter().map(|(_, id)| id));
    assert_eq!(order, expected.collect::<Vec<_>>());
}

async fn what_can_not_begin_in_time_is_cancelled(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let workflow = scene.workflow(held(&peer, json!({"limit": 1}))).await;
    let first = of(&scene, &workflow, "a").await;
    peer.arrived("/gate", 1).await;
    let run_at = scene.app.clock.now().plus_ms(5_000);
    let mut runs = Vec::new();
    for more in [json!({}), json!({"runAt": run_at})] {
        let mut body = json!({"workflowId": workflow, "expiresInMs": 10_000});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        runs.push(scene.run_of(&scene.ann.post(&scene.executions(), body).await));
    }
    assert_eq!(runs[0].view().await["expiresAt"], json!(run_at.plus_ms(5_000)));
    assert_eq!(runs[1].view().await["expiresAt"], json!(run_at.plus_ms(10_000)));
    scene.app.clock.advance_ms(10_000);
    let end = runs[0].end().await;
    assert_eq!(end["type"], "execution_cancelled");
    assert_eq!(end["report"]["reason"], "it could not begin in time");
    assert_ne!(runs[1].status().await, "cancelled");
    scene.app.clock.advance_ms(5_000);
    assert_eq!(runs[1].end().await["type"], "execution_cancelled");
    peer.open_gate();
    first.output().await;
    // What begins in time is not touched.
    let free = scene.workflow(gate()).await;
    let body = json!({"workflowId": free, "expiresInMs": 1_000});
    let run = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
    run.asked().await;
    scene.app.clock.advance_ms(5_000);
    assert_eq!(run.status().await, "suspended");
    assert_eq!(peer.hits("/gate"), 1);
}

async fn the_last_of_a_burst_runs(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let trigger = |n: i64, key: &str| {
        let debounce = json!({"key": key, "quietMs": 1_000});
        let body = json!({"workflowId": workflow, "input": {"n": n}, "debounce": debounce});
        async { scene.run_of(&scene.ann.post(&scene.executions(), body).await) }
    };
    let mut burst = Vec::new();
    for n in 0..4 {
        burst.push(trigger(n, "doc").await);
        scene.app.clock.advance_ms(500);
    }
    let other = trigger(9, "another").await;
    assert_eq!(burst[3].status().await, "pending");
    scene.app.clock.advance_ms(500);
    burst[3].output().await;
    for run in &burst[..3] {
        let end = run.end().await;
        assert_eq!((&end["type"], &end["reason"]), (&json!("execution_skipped"), &json!("debounced")));
        // The one that was the last of the burst when its own time had come.
        let later = end["duplicateOf"].as_str().unwrap();
        assert!(later > &*run.id && burst.iter().any(|other| other.id == later), "{end}");
    }
    scene.app.clock.advance_ms(500);
    other.output().await;
    // It is over: the next one is a burst of its own.
    let next = trigger(5, "doc").await;
    scene.app.clock.advance_ms(1_000);
    next.output().await;
}

async fn a_burst_does_not_wait_for_ever(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let trigger = || async {
        let debounce = json!({"key": "doc", "quietMs": 1_000, "maxMs": 2_500});
        let body = json!({"workflowId": workflow, "debounce": debounce});
        scene.run_of(&scene.ann.post(&scene.executions(), body).await)
    };
    let begun = scene.app.clock.now();
    let mut last = trigger().await;
    for _ in 0..2 {
        scene.app.clock.advance_ms(900);
        last = trigger().await;
    }
    // 1,800 ms after the first one it would be quiet at 2,800.
    assert_eq!(last.view().await["runAt"], json!(begun.plus_ms(2_500)));
    scene.app.clock.advance_ms(700);
    last.output().await;
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    for (wrong, path) in [
        (json!({"expiresInMs": 0}), "/expiresInMs"),
        (json!({"expiresInMs": 2_592_000_001_i64}), "/expiresInMs"),
        (json!({"debounce": {"key": "", "quietMs": 1}}), "/debounce/key"),
        (json!({"debounce": {"key": "k", "quietMs": 0}}), "/debounce/quietMs"),
        (json!({"debounce": {"key": "k", "quietMs": 1, "maxMs": -1}}), "/debounce/maxMs"),
        (json!({"debounce": {"key": "k", "quietMs": 1}, "runAt": "2030-01-01T00:00:00Z"}), "/runAt"),
        (json!({"debounce": {"key": "k"}}), "/debounce"),
        (json!({"expiresInMs": "1h"}), "/expiresInMs"),
    ] {
        let mut body = json!({"workflowId": workflow});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = scene.ann.post(&scene.executions(), body).await;
        assert!([400, 422].contains(&refused.status), "{wrong}");
        assert_eq!(error_paths(&refused.json()), [path]);
    }
    for (settings, path) in [
        (json!({"concurrency": {"limit": 0}}), "/definition/settings/concurrency/limit"),
        (json!({"concurrency": {"limit": 10_001}}), "/definition/settings/concurrency/limit"),
        (json!({"concurrency": {"limit": 1, "key": "{{ input. }}"}}), "/definition/settings/concurrency/key"),
        (json!({"concurrency": {"limit": 1, "onLimit": "panic"}}), "/definition/settings/concurrency"),
        (json!({"concurrency": {}}), "/definition/settings/concurrency"),
        (json!({"dedupe": {"windowMs": 10}}), "/definition/settings/dedupe/windowMs"),
        (json!({"dedupe": {"mode": "merge"}}), "/definition/settings/dedupe"),
    ] {
        let mut definition = line([]);
        definition["settings"] = settings;
        let body = json!({"name": "Flow", "definition": definition});
        let refused = scene.ann.post(&format!("{}/workflows", scene.place.pod()), body).await;
        assert!([400, 422].contains(&refused.status), "{path}");
        assert!(error_paths(&refused.json())[0].starts_with(path), "{path}");
    }
    let mut definition = line([]);
    definition["settings"] = json!({"concurrency": {"limit": 1, "key": "{{ input.a / input.b }}"}});
    let body = json!({"workflowId": scene.workflow(definition).await, "input": {"a": "x", "b": 0}});
    let refused = scene.ann.post(&scene.executions(), body).await.expect(422);
    assert_eq!(error_paths(&refused), ["/settings/concurrency/key"]);
}

async fn rooms_are_let_again_after_a_restart(backend: Backend) {
    let scene = Scene::with(backend, |settings| settings.drain_limit = Some("0s".parse().unwrap()));
    let (mut scene, peer) = (scene.await, Peer::start().await);
    let mut definition = held(&peer, json!({"limit": 1}));
    definition["nodes"][1]["data"]["idempotent"] = json!(true);
    let workflow = scene.workflow(definition).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(of(&scene, &workflow, "a").await);
    }
    peer.arrived("/gate", 1).await;
    scene.restart().await;
    // The first call is made again.
    peer.arrived("/gate", 2).await;
    let runs: Vec<Run> = runs.iter().map(|run| scene.run_at(&run.id)).collect();
    until_over(&scene, &peer, &runs, 1).await;
}

async fn a_workspace_that_triggers_too_much_is_told_when_to_go_on(backend: Backend) {
    let scene = Scene::with(backend, |settings| settings.trigger_rate = Some(30)).await;
    let workflow = scene.workflow(line([])).await;
    for _ in 0..30 {
        scene.trigger(&workflow, json!({})).await;
    }
    let body = json!({"workflowId": workflow});
    let refused = scene.ann.post(&scene.executions(), body.clone()).await;
    refused.problem(429, "too_many_requests");
    let after: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(after, 3);
    scene.app.clock.advance_ms(after * 1_000);
    scene.ann.post(&scene.executions(), body).await.expect(201);
    let listed = scene.ann.get(&format!("{}?limit=100", scene.executions())).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 31);
}
