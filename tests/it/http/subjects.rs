//! Subjects: what executions are about, kept, changed, labelled, and told of.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, error_paths, gate, line, node},
};

on_both! {
    subjects_are_created_listed_changed_and_deleted,
    what_is_wrong_is_named,
    a_stale_change_is_refused,
    labels_are_added_and_taken_away_beside_others,
    other_pods_and_workspaces_have_their_own,
    the_same_key_changes_nothing_twice,
    an_execution_that_completes_labels_its_subject,
    changes_start_what_subscribes_to_them,
    a_request_that_was_cut_off_is_told_of_once,
}

fn subjects(scene: &Scene) -> String {
    format!("{}/subjects", scene.place.pod())
}

async fn create(scene: &Scene, body: Value) -> (String, Value) {
    let created = scene.ann.post(&subjects(scene), body).await.expect(201);
    (format!("{}/{}", subjects(scene), created["id"].as_str().unwrap()), created)
}

/// A workflow that events of this type start, deployed; its id.
async fn subscribing(scene: &Scene, event_type: &str, when: Option<&str>) -> String {
    let mut definition = line([]);
    definition["settings"] = json!({"subscriptions": [{"type": event_type, "when": when}]});
    let workflow = scene.workflow(definition).await;
    scene.ann.post(&format!("{}/workflows/{workflow}/deploy", scene.place.pod()), json!({})).await.expect(200);
    workflow
}

/// The executions of a workflow, newest first.
async fn executions_of(scene: &Scene, workflow: &str) -> Vec<Value> {
    let path = format!("{}?workflowId={workflow}", scene.executions());
    scene.ann.get(&path).await.expect(200).as_array().unwrap().clone()
}

async fn subjects_are_created_listed_changed_and_deleted(backend: Backend) {
    let scene = Scene::on(backend).await;
    let body = json!({
        "path": "inbox/a.pdf", "store": "acme/inbox:1.0.0", "labels": ["new", "blue", "new"],
        "metadata": {"pages": 3, "author": {"name": "Bea"}}, "externalData": {"crm": {"id": 7}}, "status": "received",
    });
    let reply = scene.ann.post(&subjects(&scene), body).await;
    let created = reply.expect(201);
    let path = format!("{}/{}", subjects(&scene), created["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/v1{path}").as_str()));
    assert_eq!(created["labels"], json!(["blue", "new"]));
    assert_eq!((&created["changeSequence"], &created["locked"]), (&json!(1), &json!(false)));
    assert_eq!((&created["createdBy"], &created["podId"]), (&json!("ann"), &json!(scene.place.pod_id)));
    assert_eq!(scene.ann.get(&path).await.expect(200), created);

    scene.app.clock.advance_ms(10);
    let change = json!({
        "store": null, "labels": ["old"], "metadata": {"pages": 4, "author": {"name": null, "mail": "b@x"}},
        "externalData": {"crm": null}, "locked": true, "changeSequence": 1,
    });
    let changed = scene.ann.patch(&path, change).await.expect(200);
    let mut expected = created.clone();
    expected["store"] = Value::Null;
    expected["labels"] = json!(["old"]);
    expected["metadata"] = json!({"pages": 4, "author": {"mail": "b@x"}});
    expected["externalData"] = json!({});
    expected["locked"] = json!(true);
    expected["changeSequence"] = json!(2);
    expected["updatedAt"].clone_from(&changed["updatedAt"]);
    assert_eq!(changed, expected);
    assert_ne!(changed["updatedAt"], created["updatedAt"]);
    assert_eq!(scene.ann.patch(&path, json!({"labels": ["old"]})).await.expect(200), changed, "nothing has changed");
    assert_eq!(scene.ann.get(&path).await.expect(200), changed);

    let (_, second) = create(&scene, json!({"path": "inbox/b.pdf", "labels": ["old"]})).await;
    let (_, third) = create(&scene, json!({"path": "outbox/a.pdf", "store": "s"})).await;
    let listed = async |query: &str| {
        let page = scene.ann.get(&format!("{}{query}", subjects(&scene))).await;
        (page.expect(200), page.header("link").map(str::to_owned))
    };
    assert_eq!(listed("").await.0, json!([third, second, changed]));
    assert_eq!(listed("?path=inbox/").await.0, json!([second, changed]));
    assert_eq!(listed("?label=old&path=inbox/a").await.0, json!([changed]));
    assert_eq!(listed("?store=s").await.0, json!([third]));
    assert_eq!(listed("?label=none").await.0, json!([]));
    let (first_page, link) = listed("?limit=2&label=old").await;
    assert_eq!((first_page, link), (json!([second, changed]), None));
    let (first_page, link) = listed("?limit=2").await;
    assert_eq!(first_page, json!([third, second]));
    let next = link.unwrap().split(['<', '>']).nth(1).unwrap().strip_prefix("/v1").unwrap().to_owned();
    assert_eq!(scene.ann.get(&next).await.expect(200), json!([changed]));

    // Executions about it stay.
    let about = json!({"workflowId": scene.workflow(line([])).await, "subject": created["id"]});
    let run = scene.run_of(&scene.ann.post(&scene.executions(), about).await);
    run.output().await;
    scene.ann.delete(&path).await.expect(204);
    scene.ann.get(&path).await.problem(404, "not_found");
    scene.ann.delete(&path).await.problem(404, "not_found");
    assert_eq!(run.view().await["subject"], created["id"]);
    let audit = scene.ann.get(&format!("{}/audit?limit=200", scene.place.workspace())).await.expect(200);
    let actions: Vec<_> = audit.as_array().unwrap().iter().filter(|r| r["subject"] == created["id"]).collect();
    let actions: Vec<_> = actions.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["subject.deleted", "subject.updated", "subject.created"]);
}

async fn what_is_wrong_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (path, _) = create(&scene, json!({"path": "a", "store": "s"})).await;
    let large = json!({"x": "y".repeat(262_144)});
    for (body, field) in [
        (json!({"path": ""}), "/path"),
        (json!({"path": "x".repeat(1025)}), "/path"),
        (json!({"path": "a\u{0}b"}), "/path"),
        (json!({"path": "b", "store": ""}), "/store"),
        (json!({"path": "b", "status": "x".repeat(256)}), "/status"),
        (json!({"path": "b", "labels": ["zz", "x\ny"]}), "/labels/1"),
        (json!({"path": "b", "labels": (0..101).map(|n| n.to_string()).collect::<Vec<_>>()}), "/labels"),
        (json!({"path": "b", "metadata": large}), "/metadata"),
        (json!({"path": "b", "externalData": large}), "/externalData"),
    ] {
        let problem = scene.ann.post(&subjects(&scene), body.clone()).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [field]);
        let problem = scene.ann.patch(&path, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [field]);
    }
    for (body, field) in [
        (json!({"path": "b", "colour": 1}), "/colour"),
        (json!({"path": "b", "metadata": []}), "/metadata"),
        (json!({"path": null}), "/path"),
        (json!({"path": "b", "labels": [1]}), "/labels/0"),
    ] {
        let reply = scene.ann.post(&subjects(&scene), body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        assert_eq!(error_paths(&reply.json()), [field]);
    }
    // A path is taken once per store.
    create(&scene, json!({"path": "a"})).await;
    let taken = scene.ann.post(&subjects(&scene), json!({"path": "a", "store": "s"})).await.problem(409, "taken");
    assert_eq!(error_paths(&taken), ["/path"]);
    let taken = scene.ann.patch(&path, json!({"store": null})).await.problem(409, "taken");
    assert_eq!(error_paths(&taken), ["/path"]);
    assert_eq!(scene.ann.get(&path).await.expect(200)["changeSequence"], 1);
}

async fn a_stale_change_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (path, _) = create(&scene, json!({"path": "a"})).await;
    scene.ann.patch(&path, json!({"status": "one", "changeSequence": 1})).await.expect(200);
    let stale = scene.ann.patch(&path, json!({"status": "two", "changeSequence": 1})).await;
    assert_eq!(error_paths(&stale.problem(409, "conflict")), ["/changeSequence"]);
    scene.ann.patch(&path, json!({"status": "one", "changeSequence": 7})).await.problem(409, "conflict");
    let now = scene.ann.patch(&path, json!({"status": "three"})).await.expect(200);
    assert_eq!((&now["status"], &now["changeSequence"]), (&json!("three"), &json!(3)));
}

async fn labels_are_added_and_taken_away_beside_others(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (path, _) = create(&scene, json!({"path": "a", "labels": ["b", "c"]})).await;
    let changed =
        scene.ann.patch(&path, json!({"addLabels": ["a", "b"], "removeLabels": ["c", "d"]})).await.expect(200);
    assert_eq!((&changed["labels"], &changed["changeSequence"]), (&json!(["a", "b"]), &json!(2)));
    let same = scene.ann.patch(&path, json!({"addLabels": ["a"], "removeLabels": ["d"]})).await.expect(200);
    assert_eq!(same, changed);
    let bad = scene.ann.patch(&path, json!({"addLabels": ["x\ny"]})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&bad), ["/addLabels/0"]);
    // All at once: each finds what the others have made of it.
    let changes = (0..8).map(|n| {
        let (ann, path) = (scene.ann.clone(), path.clone());
        async move { ann.patch(&path, json!({"addLabels": [format!("n{n}")]})).await.expect(200) }
    });
    futures_util::future::join_all(changes).await;
    let now = scene.ann.get(&path).await.expect(200);
    assert_eq!(now["labels"], json!(["a", "b", "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"]));
    assert_eq!(now["changeSequence"], 10);
}

async fn other_pods_and_workspaces_have_their_own(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (path, created) = create(&scene, json!({"path": "a"})).await;
    let id = created["id"].as_str().unwrap();
    let pod = scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);
    let pod = format!("{}/pods/{}", scene.place.workspace(), pod["id"].as_str().unwrap());
    let own = scene.app.workspace("eve").await;
    let eve = scene.app.user("eve");
    for (client, place) in [(&scene.ann, pod.clone()), (&eve, own.pod())] {
        let there = format!("{place}/subjects/{id}");
        client.get(&there).await.problem(404, "not_found");
        client.patch(&there, json!({"status": "mine"})).await.problem(404, "not_found");
        client.delete(&there).await.problem(404, "not_found");
        client.post(&format!("{there}/reprocess"), json!({})).await.problem(404, "not_found");
        let named = json!({"subjectIds": [id]});
        let problem = client.post(&format!("{place}/subjects/reprocess"), named).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), ["/subjectIds/0"]);
        assert_eq!(client.get(&format!("{place}/subjects")).await.expect(200), json!([]));
        client.post(&format!("{place}/subjects"), json!({"path": "a"})).await.expect(201);
    }
    eve.get(&path).await.problem(404, "not_found");
    assert_eq!(scene.ann.get(&path).await.expect(200), created);

    // An execution elsewhere puts no label on it.
    let workflow = json!({"name": "W", "definition": line([])});
    let workflow = scene.ann.post(&format!("{pod}/workflows"), workflow).await.expect(201);
    let body = json!({"workflowId": workflow["id"], "subject": id, "context": {"completeLabel": "done"}});
    let run = scene.ann.post(&format!("{pod}/executions"), body).await.expect(201);
    let run = format!("{pod}/executions/{}", run["id"].as_str().unwrap());
    scene.ann.stream(&format!("{run}/events")).await.rest().await;
    assert_eq!(scene.ann.get(&run).await.expect(200)["status"], "completed");
    assert_eq!(scene.ann.get(&path).await.expect(200), created);
}

async fn the_same_key_changes_nothing_twice(backend: Backend) {
    let scene = Scene::on(backend).await;
    let listener = subscribing(&scene, "subject.*", None).await;
    let keyed = scene.ann.with("idempotency-key", "k1");
    let first = keyed.post(&subjects(&scene), json!({"path": "a"})).await;
    let again = keyed.post(&subjects(&scene), json!({"path": "a"})).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(
        (again.header("idempotency-replayed"), again.header("location")),
        (Some("true"), first.header("location"))
    );
    keyed.post(&subjects(&scene), json!({"path": "b"})).await.problem(422, "idempotency_key_reused");
    let path = format!("{}/{}", subjects(&scene), first.json()["id"].as_str().unwrap());
    let keyed = scene.ann.with("idempotency-key", "k2");
    let changed = keyed.patch(&path, json!({"status": "x", "changeSequence": 1})).await.expect(200);
    assert_eq!(keyed.patch(&path, json!({"status": "x", "changeSequence": 1})).await.expect(200), changed);
    assert_eq!(executions_of(&scene, &listener).await.len(), 2);
}

async fn an_execution_that_completes_labels_its_subject(backend: Backend) {
    let scene = Scene::on(backend).await;
    let listener = subscribing(&scene, "subject.updated", None).await;
    let (path, created) = create(&scene, json!({"path": "a", "labels": ["b"]})).await;
    let good = scene.workflow(line([])).await;
    let bad = scene.workflow(line([node("bad", "transform", json!({"output": "{{ 1 / 0 }}"}))])).await;
    let run = async |workflow: &str, subject: &Value, label: Value| {
        let body = json!({"workflowId": workflow, "subject": subject, "context": {"completeLabel": label}});
        scene.run_of(&scene.ann.post(&scene.executions(), body).await)
    };
    for label in [json!(""), json!(null), json!(7), json!("x".repeat(300))] {
        run(&good, &created["id"], label).await.output().await;
    }
    run(&good, &json!("no subject at all"), json!("done")).await.output().await;
    run(&bad, &created["id"], json!("done")).await.failure().await;
    let waiting = run(&scene.workflow(gate()).await, &created["id"], json!("approved")).await;
    waiting.asked().await;
    assert_eq!(scene.ann.get(&path).await.expect(200), created);

    scene.app.clock.advance_ms(1_000);
    run(&good, &created["id"], json!("done")).await.output().await;
    run(&good, &created["id"], json!("done")).await.output().await;
    let labelled = scene.ann.get(&path).await.expect(200);
    assert_eq!((&labelled["labels"], &labelled["changeSequence"]), (&json!(["b", "done"]), &json!(2)));
    assert_ne!(labelled["updatedAt"], created["updatedAt"]);
    waiting.respond(json!({"approved": true})).await.expect(200);
    waiting.output().await;
    assert_eq!(scene.ann.get(&path).await.expect(200)["labels"], json!(["approved", "b", "done"]));
    assert!(executions_of(&scene, &listener).await.is_empty(), "a label of an execution publishes nothing");
}

async fn changes_start_what_subscribes_to_them(backend: Backend) {
    let scene = Scene::on(backend).await;
    let made = subscribing(&scene, "subject.created", Some("event.context.subject.path.startsWith(\"in/\")")).await;
    let red =
        subscribing(&scene, "subject.updated", Some("event.context.subject.labels.exists(l, l == \"red\")")).await;
    let gone = subscribing(&scene, "subject.deleted", None).await;
    create(&scene, json!({"path": "out/b"})).await;
    let body = json!({"path": "in/a", "store": "s", "metadata": {"n": 1}, "externalData": {"crm": 2}, "status": "new"});
    let (path, created) = create(&scene, body).await;
    let started = executions_of(&scene, &made).await;
    assert_eq!(started.len(), 1);
    let run = scene.run_at(started[0]["id"].as_str().unwrap());
    run.output().await;
    let view = run.view().await;
    assert_eq!((&view["triggeredBy"], &view["subject"], &view["input"]), (&json!("event"), &created["id"], &created));
    let shown = json!({
        "id": created["id"], "path": "in/a", "store": "s", "labels": [], "metadata": {"n": 1},
        "externalData": {"crm": 2}, "status": "new",
    });
    assert_eq!((&view["context"]["subject"], &view["context"]["event"]["type"]), (&shown, &json!("subject.created")));

    scene.ann.patch(&path, json!({"status": "seen"})).await.expect(200);
    assert!(executions_of(&scene, &red).await.is_empty(), "the condition is not true");
    scene.ann.patch(&path, json!({"labels": ["red"]})).await.expect(200);
    scene.ann.patch(&path, json!({"labels": ["red"]})).await.expect(200);
    assert_eq!(executions_of(&scene, &red).await.len(), 1, "nothing has changed the second time");
    scene.ann.delete(&path).await.expect(204);
    let started = executions_of(&scene, &gone).await;
    assert_eq!((started.len(), &started[0]["subject"]), (1, &created["id"]));
}

async fn a_request_that_was_cut_off_is_told_of_once(backend: Backend) {
    let scene = Scene::on(backend).await;
    let listener = subscribing(&scene, "subject.*", None).await;
    let keyed = scene.ann.with("idempotency-key", "k1");
    let first = keyed.post(&subjects(&scene), json!({"path": "a"})).await.expect(201);
    let path = format!("{}/{}", subjects(&scene), first["id"].as_str().unwrap());
    // As if the server had died before it could answer; then before it could tell of it, too.
    let forgotten = ["'k1'", "'k1', 'k1 event'"];
    for keys in forgotten {
        let sql = format!("DELETE FROM idempotency WHERE key IN ({keys})");
        assert!(super::events::beside(&scene, &sql).await > 0);
        scene.app.clock.advance_ms(5_000);
        assert_eq!(keyed.post(&subjects(&scene), json!({"path": "a"})).await.expect(201), first);
        assert_eq!(executions_of(&scene, &listener).await.len(), 1);
    }
    let keyed = scene.ann.with("idempotency-key", "k2");
    let change = json!({"status": "x", "changeSequence": 1});
    let changed = keyed.patch(&path, change.clone()).await.expect(200);
    let sql = format!("DELETE FROM idempotency WHERE key IN ('k2', 'k2 event', 'k2 {listener}')");
    assert_eq!(super::events::beside(&scene, &sql).await, 3);
    // Others go on meanwhile.
    let later = scene.ann.patch(&path, json!({"status": "y"})).await.expect(200);
    assert_eq!(executions_of(&scene, &listener).await.len(), 3);
    assert_eq!(keyed.patch(&path, change).await.expect(200), changed, "what it has made of it then");
    assert_eq!(scene.ann.get(&path).await.expect(200), later);
    assert_eq!(executions_of(&scene, &listener).await.len(), 4, "what was not told is told");
}
