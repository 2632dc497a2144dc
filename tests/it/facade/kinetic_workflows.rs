//! `/kinetic/api/workflows`: versions, schedules, deletion, and the pod that has them.

use serde_json::{Value, json};

use super::kinetic::{Kinetic, key_of, lease};
use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, gate},
};

on_both! {
    every_edit_is_a_new_version,
    a_schedule_is_a_native_one,
    a_schedule_starts_the_latest_version,
    a_schedule_needs_an_admin,
    deletion_takes_everything_with_it,
    a_workflow_that_others_changed_is_a_native_one,
    the_default_pod_is_the_oldest,
    a_workspace_without_a_pod_gets_one,
    definitions_keep_their_metadata,
}

async fn every_edit_is_a_new_version(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let configuration = json!({"prompt": "one", "timeout": 5, "own": {"deep": [1, 2.5, null]}});
    let body = json!({"name": "A", "specification": configuration, "unknown": 1});
    let made = kinetic.client.post("/api/workflows", body).await;
    let made_as = made.expect(201);
    let path = format!("/api/workflows/{}", made_as["id"].as_str().unwrap());
    assert_eq!(made.header("location"), Some(format!("/kinetic{path}").as_str()));
    assert_eq!((&made_as["configuration"], &made_as["slug"]), (&configuration, &json!("a")));
    for (number, body) in [
        (2, json!({"description": "D"})),
        (3, json!({"configuration": {"prompt": "two"}})),
        (4, json!({"slug": "b-c"})),
        (5, json!({"name": "B", "specification": "just words"})),
    ] {
        let changed = kinetic.client.patch(&path, body.clone()).await.expect(200);
        assert_eq!(changed["version"], number);
        for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "specification") {
            assert_eq!(changed[name], *value);
        }
    }
    // What asks for nothing changes nothing.
    for nothing in [json!({}), json!({"name": null, "unknown": 3})] {
        assert_eq!(kinetic.client.patch(&path, nothing).await.expect(200)["version"], 5);
    }
    let shown = kinetic.client.get(&path).await.expect(200);
    assert_eq!(shown["configuration"], json!({"prompt": "just words"}));
    let versions = shown["versions"].as_array().unwrap();
    let told: Vec<_> =
        versions.iter().map(|one| (&one["version"], &one["name"], &one["specification"]["prompt"])).collect();
    assert_eq!(told[0], (&json!(5), &json!("B"), &json!("just words")));
    assert_eq!(told[4], (&json!(1), &json!("A"), &json!("one")));
    let third = kinetic.client.get(&format!("{path}/version/3")).await.expect(200);
    assert_eq!(third, versions[2]);
    let by_id = third["workflow_version_uuid"].as_str().unwrap();
    assert_eq!(kinetic.client.get(&format!("{path}/version/{by_id}")).await.expect(200), third);
    assert_eq!(kinetic.client.get(&format!("{path}/version/1")).await.expect(200)["specification"], configuration);
    for unknown in ["6", "0", "x", "0190163d-8694-739b-aea5-966c26f8ad90"] {
        kinetic.client.get(&format!("{path}/version/{unknown}")).await.expect(404);
    }
    // Natively they are versions as well.
    let native = format!("{}/workflows/{}", scene.place.pod(), made_as["id"].as_str().unwrap());
    assert_eq!(scene.ann.get(&format!("{native}/versions")).await.expect(200).as_array().unwrap().len(), 5);
    scene.ann.patch(&format!("{native}/trash"), json!({})).await.expect(200);
    assert_eq!(kinetic.client.get(&path).await.expect(200)["status"], "trashed");
    kinetic.client.patch(&path, json!({"name": "C"})).await.expect(409);
    kinetic.client.post(&format!("{path}/execute"), json!({})).await.expect(409);
    assert_eq!(kinetic.client.get("/api/workflows").await.expect(200), json!([]));
}

async fn a_schedule_is_a_native_one(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "admin").await;
    let body =
        json!({"name": "A", "configuration": {}, "trigger_type": "schedule", "schedule_expression": "0 9 * * *"});
    let made = kinetic.client.post("/api/workflows", body).await.expect(201);
    assert_eq!((&made["triggerType"], &made["scheduleExpression"]), (&json!("schedule"), &json!("0 9 * * *")));
    let path = format!("/api/workflows/{}", made["id"].as_str().unwrap());
    let schedules = format!("{}/schedules", scene.place.pod());
    let native = scene.ann.get(&schedules).await.expect(200);
    assert_eq!(
        [&native[0]["workflowId"], &native[0]["cronExpression"], &native[0]["timezone"], &native[0]["input"]],
        [&made["id"], &json!("0 9 * * *"), &json!("UTC"), &json!({})]
    );
    // What the clock goes by is shown, whoever has set it.
    let schedule = format!("{schedules}/{}", native[0]["id"].as_str().unwrap());
    scene.ann.patch(&schedule, json!({"cronExpression": "0 10 * * *"})).await.expect(200);
    assert_eq!(kinetic.client.get(&path).await.expect(200)["scheduleExpression"], "0 10 * * *");
    let changed = kinetic.client.patch(&path, json!({"scheduleExpression": "30 8 * * *"})).await.expect(200);
    assert_eq!((&changed["scheduleExpression"], &changed["version"]), (&json!("30 8 * * *"), &json!(2)));
    assert_eq!(scene.ann.get(&schedule).await.expect(200)["cronExpression"], "30 8 * * *");
    // One that was disabled natively starts nothing, and no other edit changes that.
    scene.ann.patch(&format!("{schedule}/toggle"), json!({"enabled": false})).await.expect(200);
    let renamed = kinetic.client.patch(&path, json!({"name": "B"})).await.expect(200);
    assert_eq!((&renamed["triggerType"], &renamed["scheduleExpression"]), (&json!("manual"), &Value::Null));
    assert_eq!(scene.ann.get(&schedule).await.expect(200)["enabled"], false);
    let again = kinetic.client.patch(&path, json!({"triggerType": "schedule"})).await.expect(200);
    assert_eq!(again["scheduleExpression"], "30 8 * * *");
    assert_eq!(scene.ann.get(&schedule).await.expect(200)["enabled"], true);
    let manual = kinetic.client.patch(&path, json!({"triggerType": "manual"})).await.expect(200);
    assert_eq!((&manual["triggerType"], &manual["scheduleExpression"]), (&json!("manual"), &Value::Null));
    assert_eq!(scene.ann.get(&schedules).await.expect(200), json!([]));
    for (body, field) in [
        (json!({"triggerType": "schedule"}), "scheduleExpression"),
        (json!({"scheduleExpression": "0 9 * * *"}), "scheduleExpression"),
        (json!({"triggerType": "schedule", "scheduleExpression": "0 25 * * *"}), "scheduleExpression"),
        (json!({"triggerType": "schedule", "scheduleExpression": "0 0 30 2 *"}), "scheduleExpression"),
        (json!({"triggerType": "webhook"}), "triggerType"),
    ] {
        let refused = kinetic.client.patch(&path, body.clone()).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
        let mut new = json!({"name": "B", "configuration": {}});
        new.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        kinetic.client.post("/api/workflows", new).await.expect(422);
    }
    // Nothing half was left.
    assert_eq!(kinetic.client.get("/api/workflows").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(kinetic.client.get(&path).await.expect(200)["version"], 5);
}

async fn a_schedule_starts_the_latest_version(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "admin").await;
    let body = json!({"name": "A", "configuration": {"prompt": "old"}, "triggerType": "schedule", "scheduleExpression": "0 * * * *"});
    let made = kinetic.client.post("/api/workflows", body).await.expect(201);
    let path = format!("/api/workflows/{}", made["id"].as_str().unwrap());
    kinetic.client.patch(&path, json!({"configuration": {"prompt": "new"}})).await.expect(200);
    scene.app.clock.advance_ms(3_600_000);
    let task = lease(&scene).await;
    assert_eq!((&task["input"]["prompt"], &task["input"]["payload"]), (&json!("new"), &json!({})));
}

async fn a_schedule_needs_an_admin(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (editor, admin) = (Kinetic::new(&scene, "editor").await, Kinetic::new(&scene, "admin").await);
    let timed = json!({"name": "A", "configuration": {}, "triggerType": "schedule", "scheduleExpression": "0 9 * * *"});
    assert!(editor.client.post("/api/workflows", timed.clone()).await.expect(403)["detail"].is_string());
    let made = admin.client.post("/api/workflows", timed).await.expect(201);
    let path = format!("/api/workflows/{}", made["id"].as_str().unwrap());
    // A change would be deployed.
    editor.client.patch(&path, json!({"name": "B"})).await.expect(403);
    admin.client.patch(&path, json!({"name": "B"})).await.expect(200);
    editor.client.post(&format!("{path}/execute"), json!({})).await.expect(201);
}

async fn deletion_takes_everything_with_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "admin").await;
    let body = json!({"name": "A", "configuration": {}, "triggerType": "schedule", "scheduleExpression": "0 9 * * *"});
    let made = kinetic.client.post("/api/workflows", body).await.expect(201);
    let workflow = made["id"].as_str().unwrap();
    let ended = kinetic.execute(workflow, json!({})).await;
    scene.run_at(&ended).until(|frame| frame.kind() == "task_update").await;
    kinetic.complete(&ended, json!({"status": "completed"})).await.expect(200);
    let leased = kinetic.execute(workflow, json!({})).await;
    let task = lease(&scene).await;
    assert_eq!(task["executionId"], *leased);
    let waits = kinetic.execute(workflow, json!({})).await;
    let other = kinetic.workflow(json!({})).await;
    let kept = kinetic.execute(&other, json!({})).await;
    kinetic.client.delete(&format!("/api/workflows/{workflow}")).await.expect(204);
    for execution in [&ended, &leased, &waits] {
        kinetic.client.get(&format!("/api/executions/{execution}")).await.expect(404);
        scene.ann.get(&format!("{}/{execution}", scene.executions())).await.problem(404, "not_found");
    }
    kinetic.client.delete(&format!("/api/workflows/{workflow}")).await.expect(404);
    assert_eq!(scene.ann.get(&format!("{}/schedules", scene.place.pod())).await.expect(200), json!([]));
    let list = kinetic.client.get("/api/executions").await.expect(200);
    assert_eq!((list.as_array().unwrap().len(), &list[0]["execution_uuid"]), (1, &json!(kept)));
    // Its worker is told to stop.
    let path = format!("{}/tasks/{}/complete", scene.place.pod(), task["taskId"].as_str().unwrap());
    let late = scene.app.anonymous().post(&path, json!({"leaseToken": task["leaseToken"]})).await;
    assert!(late.status >= 400, "{late:?}");
    assert_eq!(lease(&scene).await["executionId"], *kept);
}

async fn a_workflow_that_others_changed_is_a_native_one(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let workflow = kinetic.workflow(json!({"prompt": "p"})).await;
    let native = format!("{}/workflows/{workflow}", scene.place.pod());
    let mut definition = scene.ann.get(&native).await.expect(200)["definition"].clone();
    definition["nodes"][1]["data"]["leaseSeconds"] = json!(60);
    scene.ann.patch(&native, json!({"definition": definition})).await.expect(200);
    let shown = kinetic.client.get(&format!("/api/workflows/{workflow}")).await.expect(200);
    assert_eq!((&shown["configuration"], &shown["version"]), (&Value::Null, &json!(2)));
    // The version before is still what it was.
    assert_eq!(shown["versions"][1]["configuration"], json!({"prompt": "p"}));
}

async fn the_default_pod_is_the_oldest(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kinetic = Kinetic::new(&scene, "editor").await;
    let pods = format!("{}/pods", scene.place.workspace());
    let second = scene.ann.post(&pods, json!({"name": "Second one"})).await.expect(201);
    let first = kinetic.workflow(json!({})).await;
    scene.ann.get(&format!("{}/workflows/{first}", scene.place.pod())).await.expect(200);
    for name in [second["id"].as_str().unwrap(), second["slug"].as_str().unwrap()] {
        let there = Kinetic { client: kinetic.client.with("x-kinetic-pod", name) };
        let workflow = there.workflow(json!({})).await;
        let execution = there.execute(&workflow, json!({})).await;
        assert_eq!(there.get(&execution).await["workflow_uuid"], *workflow);
        // Each pod has its own.
        kinetic.client.get(&format!("/api/workflows/{workflow}")).await.expect(404);
        kinetic.client.get(&format!("/api/executions/{execution}")).await.expect(404);
        there.client.get(&format!("/api/workflows/{first}")).await.expect(404);
    }
    let nowhere = kinetic.client.with("x-kinetic-pod", "nowhere");
    assert_eq!(nowhere.get("/api/workflows").await.expect(404)["detail"], "pod not found");
}

async fn a_workspace_without_a_pod_gets_one(backend: Backend) {
    let scene = Scene::on(backend).await;
    scene.ann.delete(&scene.place.pod()).await.expect(204);
    let kinetic = Kinetic::new(&scene, "editor").await;
    for path in ["/api/workflows", "/api/executions"] {
        assert_eq!(kinetic.client.get(path).await.expect(200), json!([]));
    }
    kinetic.client.get(&format!("/api/workflows/{}", scene.place.pod_id)).await.expect(404);
    let workflow = kinetic.workflow(json!({})).await;
    kinetic.workflow(json!({})).await;
    let pods = scene.ann.get(&format!("{}/pods", scene.place.workspace())).await.expect(200);
    let names: Vec<_> = pods.as_array().unwrap().iter().map(|pod| (&pod["name"], &pod["slug"])).collect();
    assert_eq!(names, [(&json!("Kinetic"), &json!("kinetic"))]);
    kinetic.execute(&workflow, json!({})).await;
}

async fn definitions_keep_their_metadata(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = gate();
    definition["metadata"] = json!({"editor": {"zoom": 1.5, "notes": ["a"]}});
    let workflow = scene.workflow(definition.clone()).await;
    let shown = scene.ann.get(&format!("{}/workflows/{workflow}", scene.place.pod())).await.expect(200);
    assert_eq!(shown["definition"]["metadata"], definition["metadata"]);
    definition["metadata"] = json!({"large": "x".repeat(600_000)});
    let validate = format!("{}/workflows/validate", scene.place.pod());
    let problems = scene.ann.post(&validate, definition).await.expect(200);
    assert_eq!(problems[0]["path"], "/metadata");
    // A key of this face's header opens nothing of the native one.
    let key = key_of(&scene, "editor").await;
    scene.app.anonymous().with("x-kinetic-key", &key).get("/workspaces").await.problem(401, "unauthenticated");
}
