//! `DELETE .../executions/{executionId}`: cancelling, and what it leaves behind.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, START, on_both},
    peer::Peer,
    scene::{Run, Scene, call, course, error_paths, gate, graph, inner, line, node},
};

on_both! {
    what_waits_is_cancelled_at_once,
    what_runs_is_told_to_stop_and_its_late_reply_changes_nothing,
    what_has_not_begun_is_cancelled_before_it_begins,
    a_cancellation_takes_down_the_whole_tree,
    cancelling_a_child_fails_its_parent_alone,
    what_has_ended_is_not_cancelled,
    cancel_and_completion_in_any_order_end_in_one_state,
    cancelling_one_execution_leaves_its_neighbours_alone,
    a_waiting_cancellation_answers_when_everything_has_stopped,
}

async fn report(run: &Run) -> Value {
    run.client.with("prefer", "return=representation").delete(&format!("{}?wait=10", run.path)).await.expect(200)
}

async fn what_waits_is_cancelled_at_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = graph(
        [
            node("gate", "approval-gate", json!({"message": "?", "expiresIn": "1h", "onExpiry": "approve"})),
            node("nap", "wait", json!({"duration": "30m"})),
            node("join", "merge", json!({})),
        ],
        "begin>gate begin>nap gate>join nap>join join>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    run.until_status("suspended").await;
    let suspension = run.asked().await["suspensionId"].clone();
    let report = report(&run).await;
    assert_eq!(
        (&report["by"], &report["suspensions"], &report["timers"]),
        (&json!("ann"), &json!([suspension]), &json!(1))
    );
    let mut stopped: Vec<_> = report["nodes"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    stopped.sort_unstable();
    assert_eq!(stopped, ["gate", "nap"]);
    let end = run.end().await;
    assert_eq!((&end["type"], &end["report"]), (&json!("execution_cancelled"), &report));
    let log = run.log().await;
    // No timer wakes it any more.
    scene.app.clock.advance_ms(7_200_000);
    let other = scene.run(line([]), json!(null)).await;
    other.output().await;
    assert_eq!(run.log().await, log);
    let view = run.view().await;
    assert_eq!((&view["status"], &view["suspensions"][0]["state"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!(view["finishedAt"], START.to_string());
}

async fn what_runs_is_told_to_stop_and_its_late_reply_changes_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let hanging = scene.run(line([call("call", &peer, "/hang")]), json!(null)).await;
    peer.arrived("/hang", 1).await;
    hanging.cancel().await.expect(204);
    let end = hanging.end().await;
    assert_eq!((&end["type"], &end["report"]["nodes"]), (&json!("execution_cancelled"), &json!(["call"])));
    assert_eq!(course(&hanging.log().await, "call"), ["running", "cancelled"]);

    let late = scene.run(line([call("call", &peer, "/gate"), call("next", &peer, "/next")]), json!(null)).await;
    peer.arrived("/gate", 1).await;
    late.cancel().await.expect(204);
    late.end().await;
    let log = late.log().await;
    peer.open_gate();
    scene.run(line([call("other", &peer, "/other")]), json!(null)).await.output().await;
    assert_eq!((late.log().await, peer.hits("/next")), (log, 0));
    assert_eq!(late.status().await, "cancelled");
}

async fn what_has_not_begun_is_cancelled_before_it_begins(backend: Backend) {
    let scene = Scene::with(backend, |settings| settings.max_running = Some(1)).await;
    let peer = Peer::start().await;
    let workflow = scene.workflow(line([call("call", &peer, "/first")])).await;
    let at = Instant(START.0 + 60_000).to_string();
    let pending = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "runAt": at})).await;
    let pending = scene.run_of(&pending);
    pending.cancel().await.expect(204);
    assert_eq!(pending.end().await["type"], "execution_cancelled");
    scene.app.clock.advance_ms(60_000);

    // The only place is taken.
    let blocking = scene.run(line([call("call", &peer, "/gate")]), json!(null)).await;
    peer.arrived("/gate", 1).await;
    let queued = scene.trigger(&workflow, json!(null)).await;
    let next = scene.trigger(&workflow, json!(null)).await;
    assert_eq!(queued.status().await, "queued");
    queued.cancel().await.expect(204);
    let end = queued.end().await;
    assert_eq!(
        (&end["type"], &end["nodes"], &end["report"]["nodes"]),
        (&json!("execution_cancelled"), &json!([]), &json!([]))
    );
    assert_eq!(queued.view().await["startedAt"], Value::Null);
    peer.open_gate();
    blocking.output().await;
    next.output().await;
    assert_eq!(peer.hits("/first"), 1);
    assert_eq!((pending.status().await, queued.status().await), ("cancelled".into(), "cancelled".into()));
}

async fn a_cancellation_takes_down_the_whole_tree(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let grandchild = scene.workflow(line([call("call", &peer, "/hang")])).await;
    let child = scene.workflow(line([node("sub", "subworkflow", json!({"workflowId": grandchild}))])).await;
    let asking = scene.workflow(gate()).await;
    let mut definition = graph(
        [
            node("each", "loop", json!({"items": "[1, 2]", "concurrency": 2})),
            node("ask", "subworkflow", json!({"workflowId": asking})),
            node("join", "merge", json!({})),
        ],
        "begin>each begin>ask each>join ask>join join>finish",
    );
    let sub = inner("each", "sub", "subworkflow", json!({"workflowId": child}));
    definition["nodes"].as_array_mut().unwrap().push(sub);
    let run = scene.run(definition, json!(null)).await;
    peer.arrived("/hang", 2).await;
    let list = scene.ann.get(&format!("{}?triggeredBy=subworkflow", scene.executions())).await.expect(200);
    let below: Vec<Run> = list.as_array().unwrap().iter().map(|e| scene.run_at(e["id"].as_str().unwrap())).collect();
    assert_eq!(below.len(), 5);
    let report = report(&run).await;
    assert_eq!(report["children"].as_array().unwrap().len(), 3, "{report:#}");
    assert_eq!(run.status().await, "cancelled");
    for child in &below {
        let end = child.end().await;
        assert_eq!(end["type"], "execution_cancelled");
        // No child outlives its parent, and each one says why.
        assert!(end["report"]["reason"].as_str().unwrap().contains("is being stopped"), "{end}");
    }
    let inbox = format!("{}/suspensions?state=open", scene.place.workspace());
    assert_eq!(scene.ann.get(&inbox).await.expect(200), json!([]));
}

async fn cancelling_a_child_fails_its_parent_alone(backend: Backend) {
    let scene = Scene::on(backend).await;
    let child = scene.workflow(gate()).await;
    let run = scene.run(line([node("sub", "subworkflow", json!({"workflowId": child}))]), json!(null)).await;
    let events = run.until(|frame| frame.event.get("childExecutionId").is_some()).await;
    let child = scene.run_at(events.last().unwrap()["childExecutionId"].as_str().unwrap());
    child.asked().await;
    child.cancel().await.expect(204);
    let failure = run.failure().await;
    assert_eq!((&failure["code"], &failure["details"]["executionId"]), (&json!("child_failed"), &json!(child.id)));
    assert!(failure["message"].as_str().unwrap().contains("cancelled"), "{failure}");
}

async fn what_has_ended_is_not_cancelled(backend: Backend) {
    let scene = Scene::on(backend).await;
    let done = scene.run(line([]), json!(null)).await;
    done.output().await;
    let cancelled = scene.run(gate(), json!(null)).await;
    cancelled.asked().await;
    cancelled.cancel().await.expect(204);
    for run in [done, cancelled] {
        let log = run.log().await;
        run.cancel().await.problem(409, "execution_ended");
        run.client.with("prefer", "return=representation").delete(&run.path).await.problem(409, "execution_ended");
        assert_eq!(run.log().await, log);
    }
    let run = scene.run(gate(), json!(null)).await;
    let refused = run.client.delete(&format!("{}?wait=61", run.path)).await.problem(400, "invalid_query");
    assert_eq!(error_paths(&refused), ["wait"]);
    let refused = run.client.delete(&format!("{}?force=true", run.path)).await.problem(400, "invalid_query");
    assert_eq!(error_paths(&refused), ["force"]);
}

async fn cancel_and_completion_in_any_order_end_in_one_state(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    for _ in 0..8 {
        let run = scene.trigger(&workflow, json!(null)).await;
        run.asked().await;
        let (answer, cancel) = tokio::join!(run.respond(json!({"approved": true})), run.cancel());
        let end = run.end().await;
        match end["type"].as_str().unwrap() {
            "execution_complete" => {
                answer.expect(200);
                cancel.problem(409, "execution_ended");
            }
            "execution_cancelled" => {
                cancel.expect(204);
                // It may have been answered and then stopped.
                if answer.status != 200 {
                    answer.problem(409, "suspension_closed");
                }
            }
            other => panic!("{other}"),
        }
        let log = run.log().await;
        let ends =
            log.iter().filter(|e| e["type"] == "execution_complete" || e["type"] == "execution_cancelled").count();
        assert_eq!((ends, log.last().unwrap()), (1, &end));
    }
}

async fn cancelling_one_execution_leaves_its_neighbours_alone(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let (one, two) = (scene.trigger(&workflow, json!(1)).await, scene.trigger(&workflow, json!(2)).await);
    one.asked().await;
    two.until_status("suspended").await;
    let before = two.log().await;
    one.cancel().await.expect(204);
    one.end().await;
    assert_eq!(two.log().await, before);
    two.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(two.output().await, 2);
}

async fn a_waiting_cancellation_answers_when_everything_has_stopped(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let workflow = scene.workflow(line([call("call", &peer, "/hang")])).await;
    for round in 1..=4 {
        let run = scene.trigger(&workflow, json!(null)).await;
        peer.arrived("/hang", round).await;
        run.client.delete(&format!("{}?wait=10", run.path)).await.expect(204);
        assert_eq!(run.status().await, "cancelled");
    }
}
