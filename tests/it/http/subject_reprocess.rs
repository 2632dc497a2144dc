//! Reprocessing: what was done about subjects is done again, at once or at a pace.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, START, on_both},
    scene::{Run, Scene, error_paths, gate, line, node},
};

on_both! {
    a_subject_is_reprocessed_by_what_has_worked_on_it,
    named_workflows_reprocess_what_they_have_never_seen,
    what_can_not_be_reprocessed_is_named,
    a_repeated_request_creates_nothing_twice,
    many_subjects_are_reprocessed_at_a_pace,
    a_call_asks_for_a_bounded_number_of_executions,
}

fn subjects(scene: &Scene) -> String {
    format!("{}/subjects", scene.place.pod())
}

async fn subject(scene: &Scene, path: &str) -> String {
    let created = scene.ann.post(&subjects(scene), json!({"path": path})).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

async fn begin(scene: &Scene, workflow: &str, subject: &str, n: i64) -> Run {
    let body = json!({
        "workflowId": workflow, "subject": subject, "input": {"n": n}, "priority": 7,
        "context": {"from": n, "completeLabel": "done"},
    });
    scene.run_of(&scene.ann.post(&scene.executions(), body).await)
}

async fn reprocess(scene: &Scene, subject: &str, body: Value) -> Vec<Value> {
    let reply = scene.ann.post(&format!("{}/{subject}/reprocess", subjects(scene)), body).await.expect(202);
    assert_eq!(reply["failed"], json!([]));
    reply["executions"].as_array().unwrap().clone()
}

fn echo() -> Value {
    line([node("t", "transform", json!({"output": "{{ input.n }}"}))])
}

async fn a_subject_is_reprocessed_by_what_has_worked_on_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (one, other) = (subject(&scene, "a").await, subject(&scene, "b").await);
    let (first, second) = (scene.workflow(echo()).await, scene.workflow(gate()).await);
    assert_eq!(reprocess(&scene, &one, json!({})).await, Vec::<Value>::new(), "nothing was done about it");
    begin(&scene, &first, &one, 1).await.end().await;
    let latest = begin(&scene, &first, &one, 2).await;
    latest.end().await;
    begin(&scene, &first, &other, 3).await.end().await;
    let finished = begin(&scene, &second, &one, 4).await;
    finished.cancel().await.expect(204);
    finished.end().await;
    let waiting = begin(&scene, &second, &one, 5).await;
    waiting.asked().await;
    scene.ann.patch(&format!("{}/{one}", subjects(&scene)), json!({"status": "again"})).await.expect(200);

    let created = reprocess(&scene, &one, json!({})).await;
    let mut of: Vec<_> = created.iter().map(|one| (one["workflowId"].clone(), one["replayOf"].clone())).collect();
    of.sort_by_key(|(workflow, _)| workflow != &json!(first));
    assert_eq!(of, [(json!(first), json!(latest.id)), (json!(second), json!(finished.id))]);
    for execution in &created {
        let run = scene.run_at(execution["id"].as_str().unwrap());
        let view = run.view().await;
        let n = if view["workflowId"] == json!(first) { 2 } else { 5 };
        assert_eq!((&view["input"], &view["context"]["from"]), (&json!({"n": n}), &json!(n)), "as the latest one");
        assert_eq!(view["context"]["subject"]["status"], "again", "the subject as it is now");
        assert_eq!((&view["subject"], &view["priority"]), (&json!(one), &json!(7)));
        assert_eq!((&view["triggeredBy"], &view["createdBy"]), (&json!("replay"), &json!("ann")));
    }
    // It runs the version that is deployed, else the latest; trashed workflows are left out unless they are named.
    let path = format!("{}/workflows/{first}", scene.place.pod());
    scene.ann.post(&format!("{path}/deploy"), json!({})).await.expect(200);
    scene.ann.patch(&path, json!({"definition": gate()})).await.expect(200);
    scene.ann.patch(&format!("{}/workflows/{second}/trash", scene.place.pod()), json!({})).await.expect(200);
    let created = reprocess(&scene, &one, json!({})).await;
    assert_eq!(created.len(), 1);
    assert_eq!((&created[0]["workflowId"], &created[0]["workflowVersion"]), (&json!(first), &json!(1)));
    scene.run_at(created[0]["id"].as_str().unwrap()).output().await;
    assert_eq!(scene.ann.get(&format!("{}/{one}", subjects(&scene))).await.expect(200)["labels"], json!(["done"]));
}

async fn named_workflows_reprocess_what_they_have_never_seen(backend: Backend) {
    let scene = Scene::on(backend).await;
    let one = subject(&scene, "a").await;
    let (known, new) = (scene.workflow(echo()).await, scene.workflow(gate()).await);
    begin(&scene, &known, &one, 1).await.end().await;
    let created = reprocess(&scene, &one, json!({"workflowIds": [new, new]})).await;
    assert_eq!(created.len(), 1, "named twice, begun once");
    let view = scene.run_at(created[0]["id"].as_str().unwrap()).view().await;
    assert_eq!((&view["input"], &view["replayOf"], &view["triggeredBy"]), (&json!({}), &Value::Null, &json!("manual")));
    assert_eq!(view["context"]["subject"]["path"], "a");
}

async fn what_can_not_be_reprocessed_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let one = subject(&scene, "a").await;
    let (good, trashed) = (scene.workflow(echo()).await, scene.workflow(echo()).await);
    scene.ann.patch(&format!("{}/workflows/{trashed}/trash", scene.place.pod()), json!({})).await.expect(200);
    let mut strict = echo();
    strict["nodes"][0]["data"] = json!({"inputSchema": {"type": "object", "required": ["n"]}});
    let strict = scene.workflow(strict).await;
    let path = format!("{}/{one}/reprocess", subjects(&scene));
    let post = async |body: Value| scene.ann.post(&path, body).await;
    let unknown = scene.app.clock.new_id().to_string();
    let problem = post(json!({"workflowIds": [good, unknown]})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/workflowIds/1"]);
    let problem = post(json!({"workflowIds": [trashed]})).await.problem(409, "workflow_trashed");
    assert_eq!(error_paths(&problem), ["/workflowIds/0"]);
    let many: Vec<_> = (0..201).map(|_| &good).collect();
    let problem = post(json!({"workflowIds": many})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/workflowIds"]);
    post(json!({"workflows": []})).await.problem(400, "invalid_body");
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200), json!([]), "nothing was begun");
    // What can't be told before is told beside what was begun.
    let reply = post(json!({"workflowIds": [strict, good]})).await.expect(202);
    assert_eq!(reply["executions"].as_array().unwrap().len(), 1);
    let failed = &reply["failed"][0];
    assert_eq!((&failed["workflowId"], &failed["code"]), (&json!(strict), &json!("invalid_input")));
    assert_eq!((&failed["subjectId"], &failed["retryable"]), (&json!(one), &json!(false)));

    let bulk = format!("{}/reprocess", subjects(&scene));
    for (body, field) in [
        (json!({}), "/subjectIds"),
        (json!({"subjectIds": [one], "filter": {}}), "/filter"),
        (json!({"subjectIds": []}), "/subjectIds"),
        (json!({"subjectIds": [one, unknown]}), "/subjectIds/1"),
        (json!({"filter": {}, "perSecond": 0}), "/perSecond"),
        (json!({"filter": {}, "perSecond": 1001}), "/perSecond"),
        (json!({"filter": {}, "workflowIds": [unknown]}), "/workflowIds/0"),
    ] {
        let problem = scene.ann.post(&bulk, body.clone()).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [field], "{body}");
    }
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 1);
}

async fn a_repeated_request_creates_nothing_twice(backend: Backend) {
    let scene = Scene::on(backend).await;
    let one = subject(&scene, "a").await;
    let workflows = [scene.workflow(gate()).await, scene.workflow(gate()).await];
    let keyed = scene.ann.with("idempotency-key", "k1");
    let (path, body) = (format!("{}/{one}/reprocess", subjects(&scene)), json!({"workflowIds": workflows}));
    let first = keyed.post(&path, body.clone()).await.expect(202);
    assert_eq!(keyed.post(&path, body.clone()).await.expect(202), first);
    // As if the server had died when it had begun one of two, and before it could answer.
    let sql = format!("DELETE FROM idempotency WHERE key IN ('k1', 'k1 {one} {}')", workflows[1]);
    assert_eq!(super::events::beside(&scene, &sql).await, 2);
    let again = keyed.post(&path, body).await.expect(202);
    assert_eq!(again["executions"][0]["id"], first["executions"][0]["id"]);
    assert_ne!(again["executions"][1]["id"], first["executions"][1]["id"]);
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 3);
}

async fn many_subjects_are_reprocessed_at_a_pace(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(echo()).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let id = subject(&scene, &format!("in/{n}")).await;
        begin(&scene, &workflow, &id, n).await.end().await;
        ids.push(id);
    }
    subject(&scene, "in/nothing was done about it").await;
    let aside = subject(&scene, "out/x").await;
    begin(&scene, &workflow, &aside, 9).await.end().await;
    let bulk = format!("{}/reprocess", subjects(&scene));
    let body = json!({"filter": {"path": "in/"}, "perSecond": 2});
    let reply = scene.ann.post(&bulk, body).await.expect(202);
    assert_eq!(reply["failed"], json!([]));
    let runs: Vec<_> =
        reply["executionIds"].as_array().unwrap().iter().map(|id| scene.run_at(id.as_str().unwrap())).collect();
    assert_eq!(runs.len(), 5);
    for (index, run) in runs.iter().enumerate() {
        let view = run.view().await;
        let at = Instant(START.0 + 500 * (index as i64 + 1)).to_string();
        assert_eq!((&view["status"], &view["runAt"]), (&json!("pending"), &json!(at)));
        assert_eq!(view["subject"], json!(ids[4 - index]), "in the order of the list");
        assert_eq!(view["input"], json!({"n": 4 - index}));
    }
    scene.app.clock.advance_ms(1_000);
    for run in &runs[..2] {
        run.output().await;
        let statuses: Vec<_> = run.log().await.into_iter().filter(|e| e["type"] == "execution_status").collect();
        let statuses: Vec<_> = statuses.iter().map(|event| event["status"].as_str().unwrap()).collect();
        assert_eq!(statuses[..2], ["pending", "queued"]);
    }
    for run in &runs[2..] {
        assert_eq!(run.status().await, "pending");
    }
    scene.app.clock.advance_ms(1_500);
    for run in &runs[2..] {
        run.output().await;
    }
    // By name, in the order of the names.
    let body = json!({"subjectIds": [aside, ids[0]], "workflowIds": [workflow]});
    let reply = scene.ann.post(&bulk, body).await.expect(202);
    let mut of = Vec::new();
    for id in reply["executionIds"].as_array().unwrap() {
        of.push(scene.run_at(id.as_str().unwrap()).view().await["subject"].as_str().unwrap().to_owned());
    }
    assert_eq!(of, [aside, ids[0].clone()]);
}

async fn a_call_asks_for_a_bounded_number_of_executions(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut workflows = Vec::new();
    for _ in 0..101 {
        workflows.push(scene.workflow(gate()).await);
    }
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(subject(&scene, &n.to_string()).await);
    }
    let bulk = format!("{}/reprocess", subjects(&scene));
    let body = json!({"subjectIds": ids, "workflowIds": workflows});
    let problem = scene.ann.post(&bulk, body).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/workflowIds"]);
    let many: Vec<_> = (0..10_001).map(|_| ids[0].clone()).collect();
    let problem = scene.ann.post(&bulk, json!({"subjectIds": many})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/subjectIds"]);
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200), json!([]), "nothing was created");
}
