//! `.../pods/{podId}/events` and `/workspaces/{workspaceId}/suspensions/events`: one stream over many executions.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate::config::Span;

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    scene::{Run, Scene, error_paths, gate, line, node},
};

on_both! {
    a_pod_stream_tells_of_all_its_executions,
    slim_events_carry_no_payload_and_full_ones_are_the_stored_events,
    any_cut_of_a_pod_stream_resumes_to_the_byte,
    a_restarted_server_resumes_a_pod_stream,
    a_pod_stream_can_be_narrowed_down,
    a_pod_stream_begins_with_a_snapshot,
    an_answered_item_leaves_every_open_inbox,
    an_inbox_item_can_be_decided_without_a_second_call,
    foreign_cursors_and_filters_are_refused,
    feeds_are_closed_to_strangers,
    the_close_of_a_pod_stream_is_announced_and_resumed,
    many_executions_at_once_are_all_told_once,
}

fn executions_in(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.event["executionId"].as_str().unwrap()).collect()
}

/// A gate whose execution is answered and ends.
async fn pass(scene: &Scene, workflow: &str) -> Run {
    let run = scene.trigger(workflow, json!({"a": 1})).await;
    run.asked().await;
    run.respond(json!({"approved": true})).await.expect(200);
    run.output().await;
    run
}

async fn a_pod_stream_tells_of_all_its_executions(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    pass(&scene, &workflow).await;
    // Without a cursor it begins now.
    let mut stream = scene.ann.stream(&format!("{}/events", scene.place.pod())).await;
    assert_eq!(stream.block().await.unwrap(), "retry: 1000\n: sluicegate\n\n");
    let one = scene.trigger(&workflow, json!(null)).await;
    let two = scene.trigger(&workflow, json!(null)).await;
    for run in [&one, &two] {
        run.asked().await;
        run.respond(json!({"approved": true})).await.expect(200);
        run.output().await;
    }
    let mut frames = stream.until(|frame| frame.is_end() && frame.event["executionId"] == two.id.as_str()).await;
    // What was stored just before "now" may come as well, what came after is never left out.
    let since = frames.iter().position(|frame| frame.event["executionId"] == one.id.as_str()).unwrap();
    frames.drain(..since);
    for run in [&one, &two] {
        let of_run: Vec<_> = frames.iter().filter(|frame| frame.event["executionId"] == run.id.as_str()).collect();
        let seqs: Vec<_> = of_run.iter().map(|frame| frame.event["seq"].as_i64().unwrap()).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
        let kinds: Vec<_> = of_run.iter().map(|frame| frame.kind()).collect();
        let expected = [
            "execution_status",
            "execution_status",
            "execution_suspended",
            "execution_status",
            "suspension_update",
            "execution_status",
            "execution_complete",
        ];
        assert_eq!(kinds, expected);
    }
    assert!(executions_in(&frames).iter().all(|id| [&*one.id, &*two.id].contains(id)));
    for frame in &frames {
        assert_eq!(frame.event["podId"], scene.place.pod_id.as_str());
        assert_eq!(frame.event["workflowId"], workflow.as_str());
    }
}

async fn slim_events_carry_no_payload_and_full_ones_are_the_stored_events(backend: Backend) {
    let scene = Scene::on(backend).await;
    let pod = format!("{}/events", scene.place.pod());
    let mut slim = scene.ann.stream(&pod).await;
    let mut full = scene.ann.stream(&format!("{pod}?fields=full")).await;
    let data = json!({"message": "Go on?", "context": {"secret": "context"}, "form": {"type": "object"}});
    let run = scene.run(line([node("gate", "approval-gate", data)]), json!({"secret": "input"})).await;
    run.asked().await;
    run.respond(json!({"approved": true, "data": {"secret": "form"}})).await.expect(200);
    let (slim, full) = (slim.until(Frame::is_end).await, full.until(Frame::is_end).await);
    assert!(!slim.iter().any(|frame| frame.body.contains("secret")), "{slim:#?}");
    assert_eq!(slim.last().unwrap().event.get("nodes"), None);
    let ids = |frames: &[Frame]| frames.iter().map(|frame| frame.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&slim), ids(&full));
    let log = run.log().await;
    let stored: Vec<_> = log.iter().filter(|event| !event["type"].as_str().unwrap().starts_with("node_")).collect();
    assert_eq!(full.len(), stored.len());
    for (frame, stored) in full.iter().zip(stored) {
        let mut event = frame.event.clone();
        for id in ["executionId", "workflowId", "podId"] {
            event.as_object_mut().unwrap().remove(id).unwrap();
        }
        assert_eq!(event, *stored);
    }
}

async fn any_cut_of_a_pod_stream_resumes_to_the_byte(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let pod = format!("{}/events", scene.place.pod());
    let mut stream = scene.ann.stream(&pod).await;
    stream.block().await;
    let (one, two) = tokio::join!(pass(&scene, &workflow), pass(&scene, &workflow));
    let mut ended = 0;
    let frames = stream
        .until(|frame| {
            ended += usize::from(frame.is_end());
            ended == 2
        })
        .await;
    assert!(executions_in(&frames).contains(&&*one.id) && executions_in(&frames).contains(&&*two.id));
    for cut in 0..frames.len() - 1 {
        let cursor = frames[cut].id.clone().unwrap();
        let count = frames.len() - cut - 1;
        let mut by_query = scene.ann.stream(&format!("{pod}?after={cursor}")).await;
        let mut by_header = scene.ann.with("last-event-id", &cursor).stream(&pod).await;
        for expected in &frames[cut + 1..] {
            assert_eq!(by_query.next().await.as_ref(), Some(expected));
            assert_eq!(by_header.next().await.as_ref(), Some(expected));
        }
        assert_eq!(count, frames[cut + 1..].len());
    }
}

async fn a_restarted_server_resumes_a_pod_stream(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let pod = format!("{}/events", scene.place.pod());
    let mut stream = scene.ann.stream(&pod).await;
    stream.block().await;
    let run = scene.trigger(&workflow, json!(null)).await;
    let seen = stream.until(|frame| frame.kind() == "execution_suspended").await;
    drop(stream);
    run.until_status("suspended").await;
    scene.restart().await;
    let cursor = seen.last().unwrap().id.clone().unwrap();
    let mut stream = scene.ann.stream(&format!("{pod}?after={cursor}")).await;
    let run = scene.run_at(&run.id);
    run.respond(json!({"approved": true})).await.expect(200);
    let rest = stream.until(Frame::is_end).await;
    let seqs: Vec<_> = seen.iter().chain(&rest).map(|frame| frame.event["seq"].as_i64().unwrap()).collect();
    let log = run.log().await;
    let expected: Vec<_> = log
        .iter()
        .filter(|event| !event["type"].as_str().unwrap().starts_with("node_"))
        .map(|event| event["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, expected);
}

async fn a_pod_stream_can_be_narrowed_down(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (wanted, other) = (scene.workflow(gate()).await, scene.workflow(gate()).await);
    let pod = format!("{}/events", scene.place.pod());
    let mut of_workflow = scene.ann.stream(&format!("{pod}?workflowId={wanted}")).await;
    let mut ends = scene.ann.stream(&format!("{pod}?types=execution_complete,execution_failed")).await;
    let elsewhere = scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await;
    let elsewhere = elsewhere.expect(201)["id"].as_str().unwrap().to_owned();
    let elsewhere = format!("{}/pods/{elsewhere}/events", scene.place.workspace());
    let mut of_other_pod = scene.ann.stream(&format!("{elsewhere}?snapshot=true")).await;
    assert_eq!(of_other_pod.next().await.unwrap().event["executions"], json!([]));
    let a = pass(&scene, &other).await;
    let b = pass(&scene, &wanted).await;
    let frames = of_workflow.until(Frame::is_end).await;
    assert!(executions_in(&frames).iter().all(|id| *id == b.id), "{frames:#?}");
    let frames = vec![ends.next().await.unwrap(), ends.next().await.unwrap()];
    assert_eq!(executions_in(&frames), [&*a.id, &*b.id]);
    // The filter is part of the resume.
    let cursor = frames[0].id.clone().unwrap();
    let mut again = scene.ann.stream(&format!("{pod}?types=execution_complete&after={cursor}")).await;
    assert_eq!(again.next().await.unwrap(), frames[1]);
}

async fn a_pod_stream_begins_with_a_snapshot(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let old = pass(&scene, &workflow).await;
    let live = scene.trigger(&workflow, json!({"secret": "input"})).await;
    live.until_status("suspended").await;
    let mut stream = scene.ann.stream(&format!("{}/events?snapshot=true", scene.place.pod())).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!((snapshot.kind(), snapshot.id.as_ref()), ("stream_snapshot", None));
    let shown: Vec<_> = snapshot.event["executions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["id"].as_str().unwrap(), e["status"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [(&*live.id, "suspended"), (&*old.id, "completed")]);
    assert!(!snapshot.body.contains("secret"));
    live.respond(json!({"approved": true})).await.expect(200);
    let update = stream.until(|frame| frame.event["executionId"] == live.id.as_str() && frame.is_end()).await;
    assert!(update.iter().any(|frame| frame.kind() == "suspension_update"));
}

async fn an_answered_item_leaves_every_open_inbox(backend: Backend) {
    let scene = Scene::on(backend).await;
    let inbox = format!("{}/suspensions/events?snapshot=true", scene.place.workspace());
    let run = scene.run(gate(), json!(null)).await;
    let id = run.asked().await["suspensionId"].clone();
    let vic = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    let mut inboxes = vec![scene.ann.stream(&inbox).await, vic.stream(&inbox).await];
    for stream in &mut inboxes {
        let snapshot = stream.next().await.unwrap();
        let items = snapshot.event["suspensions"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["id"]), (1, &id));
    }
    let later = scene.run(gate(), json!(null)).await;
    let later_id = later.asked().await["suspensionId"].clone();
    run.respond(json!({"approved": true, "comment": "ok"})).await.expect(200);
    later.cancel().await.expect(204);
    for stream in &mut inboxes {
        let opened = |frame: &Frame| frame.event["interrupt"]["suspensionId"] == later_id;
        stream.until(opened).await;
        let answered = stream.next().await.unwrap().event;
        assert_eq!((&answered["suspensionId"], &answered["state"]), (&id, &json!("answered")));
        assert_eq!((&answered["by"], &answered["executionId"]), (&json!("ann"), &json!(run.id)));
        let cancelled = stream.next().await.unwrap().event;
        assert_eq!((&cancelled["suspensionId"], &cancelled["state"]), (&later_id, &json!("cancelled")));
    }
    let mut fresh = scene.ann.stream(&inbox).await;
    assert_eq!(fresh.next().await.unwrap().event["suspensions"], json!([]));
}

async fn an_inbox_item_can_be_decided_without_a_second_call(backend: Backend) {
    let scene = Scene::on(backend).await;
    let inbox = format!("{}/suspensions/events", scene.place.workspace());
    let mut full = scene.ann.stream(&inbox).await;
    let mut slim = scene.ann.stream(&format!("{inbox}?fields=slim&types=execution_suspended")).await;
    let form = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let data = json!({"message": "Go on?", "context": {"total": 3}, "form": form});
    let run = scene.run(line([node("gate", "approval-gate", data)]), json!(null)).await;
    let event = full.next().await.unwrap().event;
    let interrupt = &event["interrupt"];
    assert_eq!((&interrupt["context"], &interrupt["form"]), (&json!({"total": 3}), &form));
    let narrow = slim.next().await.unwrap().event;
    assert_eq!((narrow["interrupt"].get("context"), narrow["interrupt"].get("form")), (None, None));
    assert_eq!(narrow["interrupt"]["suspensionId"], interrupt["suspensionId"]);
    let id = interrupt["suspensionId"].as_str().unwrap();
    let answer = format!("{}/suspensions/{id}/answer", scene.place.workspace());
    let reply = scene.ann.post(&answer, json!({"approved": true, "data": {"n": 1}})).await.expect(200);
    assert_eq!(reply["id"], event["executionId"]);
    run.output().await;
}

async fn foreign_cursors_and_filters_are_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    for path in [scene.place.pod(), format!("{}/suspensions", scene.place.workspace())] {
        let stream = scene.ann.with("accept", "text/event-stream");
        for bad in ["text", "7", "-1", "x-1", "1-", "-", "1--1", "ffffffffffffffffffff-0", "%2B1-1"] {
            let refused = stream.get(&format!("{path}/events?after={bad}")).await.problem(400, "invalid_query");
            assert_eq!(error_paths(&refused), ["after"], "{bad}");
        }
        let refused = stream.with("last-event-id", "17").get(&format!("{path}/events")).await;
        assert_eq!(error_paths(&refused.problem(400, "invalid_header")), ["Last-Event-ID"]);
        for (query, name) in [("types=node_update", "types"), ("fields=all", "fields"), ("workflowId=1", "workflowId")]
        {
            let refused = stream.get(&format!("{path}/events?{query}")).await.problem(400, "invalid_query");
            assert_eq!(error_paths(&refused), [name]);
        }
        let json = scene.ann.with("accept", "application/json").get(&format!("{path}/events")).await;
        json.problem(406, "not_acceptable");
    }
}

async fn feeds_are_closed_to_strangers(backend: Backend) {
    let scene = Scene::on(backend).await;
    let pod = format!("{}/events", scene.place.pod());
    let inbox = format!("{}/suspensions/events", scene.place.workspace());
    for path in [&pod, &inbox] {
        scene.app.user("eve").get(path).await.problem(404, "not_found");
        scene.app.anonymous().get(path).await.problem(401, "unauthenticated");
    }
    scene
        .ann
        .get(&format!("{}/pods/{}/events", scene.place.workspace(), scene.place.workspace_id))
        .await
        .problem(404, "not_found");
    // What happens elsewhere is not told here.
    let bob_place = scene.app.workspace("bob").await;
    let bob = scene.app.user("bob");
    let mut bobs = bob.stream(&format!("{}/suspensions/events", bob_place.workspace())).await;
    scene.run(gate(), json!(null)).await.asked().await;
    let body = json!({"name": "W", "definition": gate()});
    let workflow = bob.post(&format!("{}/workflows", bob_place.pod()), body).await.expect(201);
    let own = bob.post(&format!("{}/executions", bob_place.pod()), json!({"workflowId": workflow["id"]})).await;
    assert_eq!(bobs.next().await.unwrap().event["executionId"], own.expect(201)["id"]);
    // By token.
    for path in [&pod, &inbox] {
        let tokens = format!("{}/stream-tokens", scene.place.workspace());
        let token = scene.ann.post(&tokens, json!({"path": path})).await.expect(201);
        let query = format!("snapshot=true&token={}", token["token"].as_str().unwrap());
        let mut stream = scene.app.anonymous().stream(&format!("{path}?{query}")).await;
        assert_eq!(stream.next().await.unwrap().kind(), "stream_snapshot");
    }
}

async fn the_close_of_a_pod_stream_is_announced_and_resumed(backend: Backend) {
    let short = |settings: &mut sluicegate::config::Settings| {
        settings.stream_max_duration = Some(Span(Duration::from_secs(1)));
    };
    let scene = Scene::with(backend, short).await;
    let workflow = scene.workflow(gate()).await;
    let pod = format!("{}/events", scene.place.pod());
    let mut stream = scene.ann.stream(&pod).await;
    // Even one that has told nothing says where to go on.
    let frames = stream.rest().await;
    let [closing] = frames.as_slice() else { panic!("{frames:#?}") };
    assert_eq!((closing.kind(), &closing.event["reason"]), ("stream_closing", &json!("max_duration")));
    let run = pass(&scene, &workflow).await;
    let after = closing.event["after"].as_str().unwrap();
    let mut again = scene.ann.stream(&format!("{pod}?after={after}")).await;
    let frames = again.until(Frame::is_end).await;
    assert_eq!(frames[0].event["seq"], 1);
    assert!(executions_in(&frames).iter().all(|id| *id == run.id));
}

async fn many_executions_at_once_are_all_told_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let mut stream = scene.ann.stream(&format!("{}/events?types=execution_complete", scene.place.pod())).await;
    stream.block().await;
    let runs = futures_util::future::join_all((0..40).map(|_| scene.trigger(&workflow, Value::Null))).await;
    let mut count = 0;
    let frames = stream
        .until(|_| {
            count += 1;
            count == 40
        })
        .await;
    let mut told = executions_in(&frames);
    told.sort_unstable();
    let mut expected: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
}
