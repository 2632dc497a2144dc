//! `.../executions`: triggering and reading one.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, START, on_both},
    scene::{Scene, error_paths, gate, graph, line, node},
};

on_both! {
    a_triggered_execution_is_queued_and_then_runs_to_its_end,
    a_triggered_execution_survives_a_restart,
    who_triggers_and_how_is_kept,
    what_can_not_be_run_is_refused,
    the_input_must_fit_the_schema_and_misfits_are_named,
    an_execution_keeps_to_the_version_it_was_triggered_with,
    a_delayed_start_is_pending_until_its_instant,
    an_idempotency_key_triggers_once,
    the_view_can_be_narrowed_down,
    strangers_and_other_pods_find_nothing,
    viewers_read_and_change_nothing,
    hostile_bodies_are_refused_with_their_place,
    a_suspended_execution_counts_its_waiting_apart,
}

async fn a_triggered_execution_is_queued_and_then_runs_to_its_end(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = line([node("double", "transform", json!({"transformScript": "input.n * 2"}))]);
    let workflow = scene.workflow(definition).await;
    let reply = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "input": {"n": 21}})).await;
    let created = reply.expect(201);
    assert_eq!(created["status"], "queued");
    assert_eq!((&created["lastSeq"], &created["workflowVersion"]), (&json!(1), &json!(1)));
    assert_eq!((&created["triggeredBy"], &created["createdBy"]), (&json!("manual"), &json!("ann")));
    assert_eq!(created["input"], json!({"n": 21}));
    let run = scene.run_of(&reply);
    assert_eq!(run.output().await, 42);

    let view = run.view().await;
    assert_eq!((&view["status"], &view["output"], &view["error"]), (&json!("completed"), &json!(42), &Value::Null));
    let states: Vec<_> = view["nodes"].as_array().unwrap().iter().map(|n| (&n["nodeId"], &n["status"])).collect();
    assert_eq!(
        states,
        [("begin", "completed"), ("double", "completed"), ("finish", "completed")]
            .map(|(a, b)| { (json!(a), json!(b)) })
            .iter()
            .map(|(a, b)| (a, b))
            .collect::<Vec<_>>()
    );
    assert_eq!(view["nodes"][1]["output"], 42);
    assert_eq!(view["stats"]["nodes"], 3);
    assert_eq!(view["suspensions"], json!([]));
    let log = run.log().await;
    assert_eq!(view["lastSeq"], log.len());
    let kinds: Vec<_> = log.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("execution_c")).count(), 1, "one end: {kinds:?}");
    assert_eq!(kinds.last(), Some(&"execution_complete"));
    // The last event has the final state of every node.
    assert_eq!(log.last().unwrap()["nodes"].as_array().unwrap().len(), 3);
}

async fn a_triggered_execution_survives_a_restart(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!({"order": 7})).await;
    let asked = run.asked().await;
    let before = run.log().await;
    scene.restart().await;
    let run = scene.run_at(&run.id);
    assert_eq!(run.log().await, before);
    assert_eq!(run.asked().await, asked);
    run.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(run.output().await, json!({"order": 7}));
}

async fn who_triggers_and_how_is_kept(backend: Backend) {
    let scene = Scene::on(backend).await;
    let look =
        json!({"context": "{{ context }}", "subject": "{{ execution.subject }}", "by": "{{ execution.createdBy }}"});
    let mut definition = line([node("look", "transform", json!({"output": look}))]);
    definition["settings"] = json!({"priority": 5});
    let workflow = scene.workflow(definition).await;
    let body = json!({
        "workflowId": workflow, "context": {"source": "mail"}, "priority": -7, "dedupeKey": "d-1",
        "concurrencyKey": "c-1", "subject": "order 7",
    });
    let keys = format!("{}/api-keys", scene.place.workspace());
    let key = scene.ann.post(&keys, json!({"name": "program", "role": "editor"})).await.expect(201);
    let program = scene.app.anonymous().with("x-api-key", key["key"].as_str().unwrap());
    let reply = program.with("idempotency-key", "k-1").post(&scene.executions(), body).await;
    let created = reply.expect(201);
    for (field, value) in [
        ("triggeredBy", "sdk"),
        ("dedupeKey", "d-1"),
        ("concurrencyKey", "c-1"),
        ("subject", "order 7"),
        ("idempotencyKey", "k-1"),
    ] {
        assert_eq!(created[field], value, "{created:#}");
    }
    assert_eq!((&created["priority"], &created["input"]), (&json!(-7), &Value::Null));
    assert_eq!(created["context"], json!({"source": "mail"}));
    let output = scene.run_of(&reply).output().await;
    assert_eq!((&output["context"], &output["subject"]), (&json!({"source": "mail"}), &json!("order 7")));
    assert_eq!(output["by"], created["createdBy"]);
    // The workflow's own priority stands in where none is given.
    let plain = scene.trigger(&workflow, json!(null)).await;
    assert_eq!(plain.view().await["priority"], 5);
}

async fn what_can_not_be_run_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (ann, executions) = (&scene.ann, scene.executions());
    let workflow = scene.workflow(line([])).await;
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad90";
    ann.post(&executions, json!({"workflowId": unknown})).await.problem(404, "not_found");
    let versions = ann.post(&executions, json!({"workflowId": workflow, "version": 2})).await;
    let detail = versions.problem(404, "not_found")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("version"), "{detail}");

    let body = json!({"name": "Other"});
    let other = ann.post(&format!("{}/pods", scene.place.workspace()), body).await.expect(201);
    let elsewhere = format!("{}/pods/{}/executions", scene.place.workspace(), other["id"].as_str().unwrap());
    ann.post(&elsewhere, json!({"workflowId": workflow})).await.problem(404, "not_found");

    for (field, value) in [
        ("priority", json!(101)),
        ("priority", json!(-101)),
        ("subject", json!("")),
        ("dedupeKey", json!("a\u{0}b")),
        ("concurrencyKey", json!("x".repeat(256))),
    ] {
        let refused = ann.post(&executions, json!({"workflowId": workflow, field: value})).await;
        let refused = refused.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), [format!("/{field}")]);
    }
    let trash = format!("{}/workflows/{workflow}/trash", scene.place.pod());
    ann.patch(&trash, json!({})).await.expect(200);
    ann.post(&executions, json!({"workflowId": workflow})).await.problem(409, "workflow_trashed");
    assert_eq!(ann.get(&executions).await.expect(200), json!([]));
}

async fn the_input_must_fit_the_schema_and_misfits_are_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let schema = json!({
        "type": "object", "required": ["order"],
        "properties": {"order": {"type": "integer"}, "lines": {"type": "array", "items": {"type": "string"}}},
    });
    let mut definition = line([]);
    definition["nodes"][0]["data"] = json!({"inputSchema": schema});
    let workflow = scene.workflow(definition).await;
    let input = json!({"order": "seven", "lines": ["a", 2]});
    let refused = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "input": input})).await;
    let refused = refused.problem(422, "invalid_input");
    let mut paths = error_paths(&refused);
    paths.sort_unstable();
    assert_eq!(paths, ["/input/lines/1", "/input/order"], "{refused}");
    let missing = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "input": {}})).await;
    let missing = missing.problem(422, "invalid_input");
    assert!(missing["errors"][0]["message"].as_str().unwrap().contains("order"), "{missing}");
    let run = scene.trigger(&workflow, json!({"order": 7})).await;
    assert_eq!(run.output().await, json!({"order": 7}));
}

async fn an_execution_keeps_to_the_version_it_was_triggered_with(backend: Backend) {
    let scene = Scene::on(backend).await;
    let answer = |n: i64| {
        let ask = node("gate", "approval-gate", json!({"message": "Go on?"}));
        line([ask, node("answer", "transform", json!({"transformScript": n.to_string()}))])
    };
    let workflow = scene.workflow(answer(1)).await;
    let old = scene.trigger(&workflow, json!(null)).await;
    old.asked().await;
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    scene.ann.patch(&path, json!({"definition": answer(2)})).await.expect(200);
    let new = scene.trigger(&workflow, json!(null)).await;
    let named = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "version": 1})).await;
    for (run, version, output) in [(old, 1, 1), (new, 2, 2), (scene.run_of(&named), 1, 1)] {
        run.asked().await;
        run.respond(json!({"approved": true})).await.expect(200);
        assert_eq!(run.output().await, output);
        assert_eq!(run.view().await["workflowVersion"], version);
    }
}

async fn a_delayed_start_is_pending_until_its_instant(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let at = Instant(START.0 + 3_600_000);
    let reply = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "runAt": at.to_string()})).await;
    let created = reply.expect(201);
    assert_eq!((&created["status"], &created["queuedAt"]), (&json!("pending"), &Value::Null));
    // It is not forgotten by a server that was away.
    scene.restart().await;
    let run = scene.run_at(created["id"].as_str().unwrap());
    scene.app.clock.advance_ms(3_599_999);
    assert_eq!(run.status().await, "pending");
    let mut stream = run.stream("").await;
    scene.app.clock.advance_ms(1);
    let statuses: Vec<_> = stream
        .rest()
        .await
        .iter()
        .filter(|frame| frame.kind() == "execution_status")
        .map(|frame| frame.event["status"].clone())
        .collect();
    assert_eq!(statuses, ["pending", "queued", "running"]);
    let view = run.view().await;
    assert_eq!((&view["queuedAt"], &view["startedAt"]), (&json!(at.to_string()), &json!(at.to_string())));

    let past = Instant(START.0).to_string();
    let now = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "runAt": past})).await;
    assert_eq!(now.expect(201)["status"], "queued");
    let bad = scene.ann.post(&scene.executions(), json!({"workflowId": workflow, "runAt": "tomorrow"})).await;
    assert_eq!(error_paths(&bad.problem(400, "invalid_body")), ["/runAt"]);
}

async fn an_idempotency_key_triggers_once(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let body = json!({"workflowId": workflow, "input": 1});
    let first = scene.ann.with("idempotency-key", "order-1").post(&scene.executions(), body.clone()).await;
    scene.run_of(&first).end().await;
    let again = scene.ann.with("idempotency-key", "order-1").post(&scene.executions(), body.clone()).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = json!({"workflowId": workflow, "input": 2});
    let reused = scene.ann.with("idempotency-key", "order-1").post(&scene.executions(), other).await;
    reused.problem(422, "idempotency_key_reused");
    scene.restart().await;
    let later = scene.ann.with("idempotency-key", "order-1").post(&scene.executions(), body.clone()).await;
    assert_eq!(later.text, first.text);
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 1);

    // All at once: one execution.
    let client = scene.ann.with("idempotency-key", "order-2");
    let executions = scene.executions();
    let calls = (0..8).map(|_| client.post(&executions, body.clone()));
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text), "{replies:#?}");
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 2);
}

async fn the_view_can_be_narrowed_down(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!({"a": 1})).await;
    run.asked().await;
    let get = async |query: &str| scene.ann.get(&format!("{}{query}", run.path)).await.expect(200);
    let all = get("").await;
    assert_eq!(all, get("?include=input,nodes,suspensions").await);
    assert_eq!(all["suspensions"][0]["interrupt"]["message"], "Go on?");
    for (query, present) in [
        ("?include=", ""),
        ("?include=input", "input"),
        ("?include=nodes", "nodes"),
        ("?include=suspensions", "suspensions"),
    ] {
        let view = get(query).await;
        for field in ["input", "nodes", "suspensions"] {
            assert_eq!(view.get(field).is_some(), field == present, "{query}: {view:#}");
        }
        assert_eq!(view["status"], "suspended");
    }
    let refused = scene.ann.get(&format!("{}?include=secrets", run.path)).await.problem(400, "invalid_query");
    assert_eq!(error_paths(&refused), ["include"]);
}

async fn strangers_and_other_pods_find_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let asked = run.asked().await;
    let bob_place = scene.app.workspace("bob").await;
    let bob = scene.app.user("bob");
    // Under his own workspace and pod, and under Ann's workspace with her pod.
    let mut paths = vec![(bob.clone(), format!("{}/executions/{}", bob_place.pod(), run.id))];
    let other = json!({"name": "Other"});
    let other = scene.ann.post(&format!("{}/pods", scene.place.workspace()), other).await.expect(201);
    let other = other["id"].as_str().unwrap();
    paths.push((scene.ann.clone(), format!("{}/pods/{other}/executions/{}", scene.place.workspace(), run.id)));
    paths.push((scene.ann.clone(), format!("{}/nonsense", scene.executions())));
    for (client, path) in &paths {
        for part in ["", "/events", "/logs"] {
            client.get(&format!("{path}{part}")).await.problem(404, "not_found");
        }
        client.delete(path).await.problem(404, "not_found");
        for action in ["respond", "approve"] {
            client.patch(&format!("{path}/{action}"), json!({})).await.problem(404, "not_found");
        }
        for action in ["replay", "retry"] {
            client.post(&format!("{path}/{action}"), json!({})).await.problem(404, "not_found");
        }
    }
    for path in [&run.path, &format!("{}/events", run.path), &scene.executions()] {
        bob.get(path).await.problem(404, "not_found");
        scene.app.anonymous().get(path).await.problem(401, "unauthenticated");
    }
    let suspension = format!("/suspensions/{}", asked["suspensionId"].as_str().unwrap());
    bob.get(&format!("{}{suspension}", bob_place.workspace())).await.problem(404, "not_found");
    let answer = bob.post(&format!("{}{suspension}/answer", bob_place.workspace()), json!({"approved": true})).await;
    answer.problem(404, "not_found");
    assert_eq!(bob.get(&format!("{}/suspensions", bob_place.workspace())).await.expect(200), json!([]));
    assert_eq!(bob.get(&format!("{}/executions", bob_place.pod())).await.expect(200), json!([]));
    assert_eq!(run.status().await, "suspended");
}

async fn viewers_read_and_change_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let asked = run.asked().await;
    let vic = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    for path in [run.path.clone(), format!("{}/logs", run.path), scene.executions()] {
        vic.get(&path).await.expect(200);
    }
    vic.with("accept", "application/json").get(&format!("{}/events", run.path)).await.expect(200);
    let view = run.view().await;
    let workflow = view["workflowId"].as_str().unwrap();
    vic.post(&scene.executions(), json!({"workflowId": workflow})).await.problem(403, "role_too_low");
    vic.delete(&run.path).await.problem(403, "role_too_low");
    // Viewers answer where they are named.
    for (action, body) in [("respond", json!({"approved": true})), ("approve", json!({}))] {
        vic.patch(&format!("{}/{action}", run.path), body).await.problem(403, "not_an_approver");
    }
    for action in ["replay", "retry"] {
        vic.post(&format!("{}/{action}", run.path), json!({})).await.problem(403, "role_too_low");
    }
    let id = asked["suspensionId"].as_str().unwrap();
    let answer = format!("{}/suspensions/{id}/answer", scene.place.workspace());
    vic.post(&answer, json!({"approved": true})).await.problem(403, "not_an_approver");
    assert_eq!(run.view().await, view);
    let eve = scene.app.join(&scene.place, "ann", "eve", "editor").await;
    eve.patch(&format!("{}/approve", run.path), json!({})).await.expect(200);
    run.output().await;
}

async fn hostile_bodies_are_refused_with_their_place(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let executions = scene.executions();
    let client = scene.ann.with("content-type", "application/json");
    let send = async |body: String| client.send(reqwest::Method::POST, &executions, Some(body)).await;
    let truncated = send(format!("{{\"workflowId\":\"{workflow}\",\"input\":{{\"a\":")).await;
    assert!(truncated.problem(400, "malformed_json")["detail"].as_str().unwrap().contains("line 1"));
    let deep = format!("{{\"workflowId\":\"{workflow}\",\"input\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    send(deep).await.problem(400, "malformed_json");
    for (body, path) in [
        (json!({"workflowId": 7}), "/workflowId"),
        (json!({"workflowId": "seven"}), "/workflowId"),
        (json!({"workflowId": workflow, "priority": "high"}), "/priority"),
        (json!({"workflowId": workflow, "version": 1.5}), "/version"),
        (json!({"workflowId": workflow, "context": []}), "/context"),
        (json!({"workflowId": workflow, "inputs": 1}), "/inputs"),
    ] {
        let refused = send(body.to_string()).await.problem(400, "invalid_body");
        assert_eq!(error_paths(&refused), [path], "{refused}");
    }
    send("[]".into()).await.problem(400, "invalid_body");
    send("\"x\"".into()).await.problem(400, "invalid_body");
    send("null".into()).await.problem(400, "invalid_body");
    send("\u{feff}{}".into()).await.problem(400, "malformed_json");
    let missing = send("{}".into()).await.problem(400, "invalid_body");
    assert!(missing["detail"].as_str().unwrap().contains("workflowId"), "{missing}");
    let huge = "x".repeat(4 << 20);
    send(json!({"workflowId": workflow, "input": huge}).to_string()).await.problem(413, "body_too_large");
    let large = "x".repeat(2 << 20);
    let large = send(json!({"workflowId": workflow, "input": large}).to_string()).await;
    assert_eq!(error_paths(&large.problem(413, "body_too_large")), ["/input"]);
    let plain = scene.ann.with("content-type", "text/plain");
    let refused = plain.send(reqwest::Method::POST, &executions, Some("{}".into())).await;
    refused.problem(415, "unsupported_media_type");
    // What JSON can say is kept to the letter, whatever a database thinks of it.
    let odd = json!({"nul": "a\u{0}b", "emoji": "😀", "big": 9_007_199_254_740_993_i64, "small": 1e-7, "": "empty"});
    let run = scene.trigger(&workflow, odd.clone()).await;
    assert_eq!(run.output().await, odd);
    assert_eq!(run.view().await["input"], odd);
    // A value as deep as a body may be is carried through.
    let deepest = (0..100).fold(json!(1), |value, _| json!([value]));
    assert_eq!(scene.trigger(&workflow, deepest.clone()).await.output().await, deepest);

    let bad = graph([node("t", "transform", json!({"transformScript": "input. +"}))], "begin>t t>finish");
    let workflows = format!("{}/workflows", scene.place.pod());
    let refused = scene.ann.post(&workflows, json!({"name": "W", "definition": bad})).await;
    let refused = refused.problem(422, "invalid_workflow");
    assert_eq!(error_paths(&refused), ["/definition/nodes/1/data/transformScript"], "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("at byte"), "{refused}");
}

async fn a_suspended_execution_counts_its_waiting_apart(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    scene.app.clock.advance_ms(5_000);
    let view = run.view().await;
    assert_eq!((&view["durationMs"], &view["activeMs"], &view["waitingMs"]), (&json!(5000), &json!(0), &json!(5000)));
    run.respond(json!({"approved": true})).await.expect(200);
    run.output().await;
    scene.app.clock.advance_ms(5_000);
    let view = run.view().await;
    assert_eq!((&view["durationMs"], &view["activeMs"], &view["waitingMs"]), (&json!(5000), &json!(0), &json!(5000)));
    assert_eq!(view["startedAt"], START.to_string());
}
