//! Executions that are kept for so many days: which go, which stay, and what is seen of those that are gone. The clock is moved
//! by hand.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate::store::StoreError;

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    scene::{Run, Scene, error_paths, gate, line, node},
};

on_both! {
    what_ended_long_ago_is_removed_and_what_is_needed_stays,
    a_workflow_has_the_last_word,
    an_execution_is_removed_by_hand,
    a_stream_goes_on_behind_what_was_removed,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A workflow that is over at once.
fn short() -> Value {
    line([node("t", "transform", json!({"output": 1}))])
}

async fn keep_for(scene: &Scene, days: Value) {
    let kept = scene.ann.patch(&scene.place.workspace(), json!({"retentionDays": days})).await.expect(200);
    assert_eq!(kept["retentionDays"], days);
}

/// Moves the clock; who has signed in before does so again.
fn pass(scene: &mut Scene, days: i64) {
    scene.app.clock.advance_ms(days * DAY_MS + 60_000);
    scene.ann = scene.app.user("ann");
}

/// Waits until an execution is gone. A round that was on its way when the clock was moved has the next one come a minute later by
/// that clock, so it goes on now and then.
async fn gone(scene: &Scene, run: &Run) {
    let gone = async {
        for looked in 1.. {
            if scene.app.user("ann").get(&run.path).await.status == 404 {
                break;
            }
            if looked % 200 == 0 {
                scene.app.clock.advance_ms(61_000);
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("it is removed");
}

async fn is_there(scene: &Scene, run: &Run) -> bool {
    let status = scene.app.user("ann").get(&run.path).await.status;
    assert!([200, 404].contains(&status), "{status}");
    status == 200
}

async fn what_ended_long_ago_is_removed_and_what_is_needed_stays(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let asking = scene.workflow(gate()).await;
    let calling = line([node("sub", "subworkflow", json!({"workflowId": asking, "wait": false}))]);
    let nested = line([node("sub", "subworkflow", json!({"workflowId": asking}))]);
    let flow = scene.workflow(short()).await;

    let waits = scene.trigger(&asking, json!(null)).await;
    waits.asked().await;
    let answered = scene.trigger(&asking, json!(null)).await;
    answered.asked().await;
    let key = scene.ann.with("idempotency-key", "decision");
    let decided = json!({"approved": true});
    key.patch(&format!("{}/respond", answered.path), decided.clone()).await.expect(200);
    answered.end().await;
    // Over, but a child that it did not wait for is not.
    let parent = scene.run(calling, json!(null)).await;
    parent.end().await;
    // Over, but a replay of it is not.
    let original = scene.run(nested, json!(null)).await;
    let list = format!("{}?parentExecutionId={}", scene.executions(), original.id);
    original.until(|frame| frame.event["childExecutionId"].is_string()).await;
    let child = scene.run_at(scene.ann.get(&list).await.expect(200)[0]["id"].as_str().unwrap());
    child.asked().await;
    child.respond(decided.clone()).await.expect(200);
    original.end().await;
    let replay = scene.run_of(&original.post("replay", json!({"fromNodeId": "sub/gate"})).await);
    let list = format!("{}?parentExecutionId={}", scene.executions(), replay.id);
    replay.until(|frame| frame.event["childExecutionId"].is_string()).await;
    let again = scene.run_at(scene.ann.get(&list).await.expect(200)[0]["id"].as_str().unwrap());
    again.asked().await;
    let first = scene.trigger(&flow, json!(null)).await;
    first.output().await;

    keep_for(&scene, json!(30)).await;
    pass(&mut scene, 29);
    let last = scene.trigger(&flow, json!(null)).await;
    last.output().await;
    pass(&mut scene, 1);
    gone(&scene, &first).await;
    gone(&scene, &answered).await;
    for (run, why) in [
        (&waits, "waits"),
        (&parent, "a child is open"),
        (&original, "is replayed"),
        (&child, "is replayed"),
        (&replay, "waits"),
        (&last, "is young"),
    ] {
        assert!(is_there(&scene, run).await, "{why}");
    }
    // Nothing is left of what is gone, but in the audit log.
    for below in ["/events", "/logs", "/artifacts"] {
        let there = scene.ann.with("accept", "application/json").get(&format!("{}{below}", answered.path)).await;
        there.problem(404, "not_found");
    }
    let key = scene.ann.with("idempotency-key", "decision");
    key.patch(&format!("{}/respond", answered.path), decided.clone()).await.problem(404, "not_found");
    let of_it = format!("{}/suspensions?executionId={}", scene.place.workspace(), answered.id);
    assert_eq!(scene.ann.get(&of_it).await.expect(200), json!([]));
    let audit = scene.ann.get(&format!("{}/audit?limit=200", scene.place.workspace())).await.expect(200);
    assert!(audit.to_string().contains("suspension."), "{audit:#}");

    // What was waited for comes, and then they go, too.
    let scene_waits = Run { client: scene.ann.clone(), ..waits.clone() };
    scene_waits.respond(decided.clone()).await.expect(200);
    scene_waits.end().await;
    let again = Run { client: scene.ann.clone(), ..again };
    again.respond(decided.clone()).await.expect(200);
    let replay = Run { client: scene.ann.clone(), ..replay };
    replay.end().await;
    pass(&mut scene, 30);
    for run in [&waits, &original, &child, &replay, &again, &last] {
        gone(&scene, run).await;
    }
    assert!(is_there(&scene, &parent).await, "its child still waits");
}

async fn a_workflow_has_the_last_word(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let with = |retention: Value| {
        let mut definition = short();
        definition["settings"] = json!({"retention": retention});
        definition
    };
    let for_ever = scene.run(with(json!({"days": null})), json!(null)).await;
    let for_a_year = scene.run(with(json!({"days": 365})), json!(null)).await;
    let plain = scene.run(short(), json!(null)).await;
    let for_a_day = scene.run(with(json!({"days": 1})), json!(null)).await;
    for run in [&for_ever, &for_a_year, &for_a_day, &plain] {
        run.output().await;
    }
    pass(&mut scene, 1);
    gone(&scene, &for_a_day).await;
    assert!(is_there(&scene, &plain).await, "a workspace keeps for ever, unless it says otherwise");
    keep_for(&scene, json!(7)).await;
    pass(&mut scene, 7);
    gone(&scene, &plain).await;
    assert!(is_there(&scene, &for_a_year).await);
    keep_for(&scene, json!(null)).await;
    pass(&mut scene, 365);
    gone(&scene, &for_a_year).await;
    assert!(is_there(&scene, &for_ever).await);

    for (retention, path) in
        [(json!({"days": 0}), "/settings/retention/days"), (json!({"days": 36_501}), "/settings/retention/days")]
    {
        let body = json!({"name": "Flow", "definition": with(retention)});
        let refused =
            scene.ann.post(&format!("{}/workflows", scene.place.pod()), body).await.problem(422, "invalid_workflow");
        assert_eq!(error_paths(&refused), [format!("/definition{path}")]);
    }
    for days in [json!(0), json!(-1), json!(36_501)] {
        let refused = scene.ann.patch(&scene.place.workspace(), json!({"retentionDays": days})).await;
        assert_eq!(error_paths(&refused.problem(422, "invalid_value")), ["/retentionDays"]);
    }
    let editor = scene.app.join(&scene.place, "ann", "ed", "editor").await;
    editor.patch(&scene.place.workspace(), json!({"retentionDays": 1})).await.problem(403, "role_too_low");
}

async fn an_execution_is_removed_by_hand(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    run.post("remove", json!({})).await.problem(409, "conflict");
    run.respond(json!({"approved": true})).await.expect(200);
    run.end().await;
    let replay = scene.run_of(&run.post("replay", json!({"fromNodeId": "gate"})).await);
    replay.asked().await;
    let refused = run.post("remove", json!({})).await.problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("replay"), "{refused}");
    replay.respond(json!({"approved": true})).await.expect(200);
    replay.end().await;

    let viewer = scene.app.join(&scene.place, "ann", "vi", "viewer").await;
    viewer.post(&format!("{}/remove", run.path), json!({})).await.problem(403, "role_too_low");
    let editor = scene.app.join(&scene.place, "ann", "ed", "editor").await;
    let other = scene.app.workspace("eve").await;
    let foreign = format!("{}/executions/{}/remove", other.pod(), run.id);
    scene.app.user("eve").post(&foreign, json!({})).await.problem(404, "not_found");
    let editor = editor.with("idempotency-key", "remove-it");
    for _ in 0..2 {
        let removed = editor.post(&format!("{}/remove", run.path), json!({})).await.expect(200);
        assert_eq!(removed, json!({"id": run.id}));
    }
    scene.ann.get(&run.path).await.problem(404, "not_found");
    run.post("remove", json!({})).await.problem(404, "not_found");
    let audit = scene.ann.get(&format!("{}/audit", scene.place.workspace())).await.expect(200);
    assert_eq!((&audit[0]["action"], &audit[0]["actor"]), (&json!("execution.deleted"), &json!("ed")));

    // A replay is whole without its original, and says of which it is one.
    let view = replay.view().await;
    assert_eq!((&view["replayOf"], &view["status"]), (&json!(run.id), &json!("completed")));
    replay.log().await;
    scene.ann.get(&format!("{}/compare/{}", replay.path, run.id)).await.problem(404, "not_found");
    let once_more = scene.run_of(&replay.post("replay", json!({})).await);
    once_more.asked().await;
}

/// A client that has seen a part of the events of what was removed misses nothing of the rest, and a reader of the very
/// execution is sent away rather than left waiting.
async fn a_stream_goes_on_behind_what_was_removed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let pod_stream = format!("{}/events", scene.place.pod());
    let mut stream = scene.ann.stream(&pod_stream).await;
    let flow = scene.workflow(short()).await;
    let first = scene.trigger(&flow, json!(null)).await;
    first.output().await;
    let cursor = {
        let frames = stream.until(|frame| frame.event["executionId"] == first.id.as_str()).await;
        frames.last().unwrap().id.clone().unwrap()
    };
    let second = scene.trigger(&flow, json!(null)).await;
    second.output().await;
    let last = first.view().await["lastSeq"].as_i64().unwrap();
    let (workspace, id) = (scene.place.workspace_id.parse().unwrap(), first.id.parse().unwrap());
    let mut reader = scene.app.state.engine.hub().subscribe(workspace, id, 0, last);
    first.post("remove", json!({})).await.expect(200);
    let read = tokio::time::timeout(Duration::from_secs(30), reader.next()).await.expect("it does not ask for ever");
    assert!(matches!(read, Err(StoreError::NotFound("execution"))), "{read:?}");
    let mut resumed = scene.ann.with("last-event-id", &cursor).stream(&pod_stream).await;
    let frames = resumed.until(Frame::is_end).await;
    assert!(frames.iter().all(|frame| frame.event["executionId"] == second.id.as_str()), "{frames:#?}");
    assert_eq!(frames.last().unwrap().kind(), "execution_complete");
    scene.ann.get(&format!("{}/events", first.path)).await.problem(404, "not_found");
    let cursor = scene.ann.with("last-event-id", "2").get(&format!("{}/events", first.path)).await;
    cursor.problem(404, "not_found");
}
