//! `/kodexa/api/assistants`, alone and within projects: what they are made of, their subscriptions, schedules and switches.

use serde_json::{Value, json};

use super::kodexa::{Kodexa, ids, text, work};
use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, line},
};

on_both! {
    an_assistant_is_given_back_as_it_was_given,
    changes_are_guarded_by_the_sequence,
    subscriptions_start_what_they_name,
    schedules_are_native_ones,
    events_come_as_forms_of_either_kind,
    native_workflows_are_assistants_too,
    switches_and_schedules_are_for_admins,
    what_can_not_be_taken_is_named,
}

fn steps() -> Value {
    json!({"pipeline": {"ref": "kodexa/model-pipeline", "steps": [{"id": "one", "ref": "module://acme/one", "options": {"a": "{{ b }}"}}]}})
}

async fn an_assistant_is_given_back_as_it_was_given(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let path = format!("/api/projects/{}/assistants", kodexa.project);
    let body = json!({
        "name": "Extract", "description": "Reads invoices", "options": steps(), "subscription": "content", "priorityHint": -2,
        "assistantRole": "EXTRACTION", "color": "#fff", "id": null, "uuid": null, "changeSequence": null, "definition": null,
        "schedules": [], "unknown": 1, "loggingEnabled": null,
    });
    let made = kodexa.client.post(&path, body).await.expect(201);
    for (name, expected) in [
        ("name", json!("Extract")),
        ("description", json!("Reads invoices")),
        ("options", steps()),
        ("subscription", json!("content")),
        ("priorityHint", json!(-2)),
        ("assistantRole", json!("EXTRACTION")),
        ("color", json!("#fff")),
        ("active", json!(false)),
        ("schedules", json!([])),
        ("loggingEnabled", json!(true)),
    ] {
        assert_eq!(made[name], expected, "{name}");
    }
    assert_eq!((&made["project"]["id"], &made["project"]["name"]), (&json!(kodexa.project), &json!("Pod")));
    assert_eq!(made["project"]["organization"]["id"], json!(scene.place.workspace_id));
    let id = text(&made["id"]);
    assert_eq!(kodexa.client.get(&format!("/api/assistants/{id}")).await.expect(200), made);
    assert_eq!(kodexa.client.get(&format!("{path}/{id}")).await.expect(200), made);
    assert_eq!(kodexa.client.get(&path).await.expect(200), json!([made]));
    for (query, count) in [
        ("filter=name=='Ext*'", 1),
        ("filter=active:true", 0),
        ("query=%252A", 1),
        ("query=INVOICES", 1),
        ("query=none", 0),
        ("filter=project.id:'00000000-0000-0000-0000-000000000000'", 0),
    ] {
        let page = kodexa.client.get(&format!("/api/assistants?{query}")).await.expect(200);
        assert_eq!((page["totalElements"].clone(), ids(&page).len()), (json!(count), count), "{query}");
    }
    // Natively it is a workflow like any other.
    let native = scene.ann.get(&format!("{}/workflows/{id}", scene.place.pod())).await.expect(200);
    assert_eq!((&native["state"], &native["definition"]["nodes"][1]["id"]), (&json!("draft"), &json!("one")));
    let other =
        scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);
    kodexa.client.get(&format!("/api/projects/{}/assistants/{id}", text(&other["id"]))).await.expect(404);
    kodexa.client.delete(&format!("{path}/{id}")).await.expect(204);
    kodexa.client.get(&format!("{path}/{id}")).await.expect(404);
}

async fn changes_are_guarded_by_the_sequence(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let made = kodexa.assistant_with(json!({"options": steps(), "active": false})).await;
    let path = format!("/api/assistants/{}", text(&made["id"]));
    let mut body = made.clone();
    body["name"] = json!("Renamed");
    let renamed = kodexa.put(&path, body.clone()).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["options"]), (&json!("Renamed"), &made["options"]));
    let sequence = |assistant: &Value| assistant["changeSequence"].as_i64().unwrap();
    assert!(sequence(&renamed) > sequence(&made));
    assert_eq!(kodexa.put(&path, body).await.expect(409)["error"], "Conflict");
    // What says nothing changes nothing.
    let same = kodexa.put(&path, renamed.clone()).await.expect(200);
    assert_eq!(same, renamed);
    let on = kodexa.put(&format!("{path}/activate"), Value::Null).await.expect(200);
    let off = kodexa.put(&format!("{path}/deactivate"), Value::Null).await.expect(200);
    assert_eq!((&on["active"], &off["active"]), (&json!(true), &json!(false)));
    assert!(sequence(&on) > sequence(&renamed) && sequence(&off) > sequence(&on));
    // A change by a native door counts, too.
    let native = format!("{}/workflows/{}/deploy", scene.place.pod(), text(&made["id"]));
    scene.ann.post(&native, json!({})).await.expect(200);
    assert_eq!(kodexa.put(&path, off).await.expect(409)["status"], 409);
    let moved = kodexa.put(&path, json!({"project": {"id": scene.place.workspace_id}})).await.expect(400);
    assert!(moved["errors"]["project.id"].is_string());
}

async fn subscriptions_start_what_they_name(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let subscribing = async |name: &str, text: &str, active: bool| {
        let options = json!({"complete_label": "seen", "pipeline": {"steps": [{"ref": format!("module://{name}")}]}});
        let members =
            json!({"name": name, "options": options, "subscription": text, "active": active, "priorityHint": 1});
        text_of(&kodexa.assistant_with(members).await)
    };
    let new = subscribing("new", "CONTENT_CREATED", true).await;
    let pdf = subscribing("pdf", "type == 'documentFamily' and hasExtensions('pdf') and !hasLabel('seen')", true).await;
    subscribing("other", "type == 'task'", true).await;
    subscribing("inactive", "*", false).await;
    let family = kodexa.family("in/a.PDF").await;
    let page = kodexa.list(&format!("filter=documentFamilyId eq '{family}'&sort=priority:desc")).await;
    let shown: Vec<_> = page["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["assistantId"]), text(&one["context"]["eventType"]), one["priority"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [(new.clone(), "CONTENT_CREATED".to_owned(), 8), (pdf.clone(), "DOCUMENT_FAMILY_CREATED".to_owned(), 7)]
    );
    // An equal event while one is not done with is skipped; the label that comes at the end publishes nothing.
    let path = format!("/api/document-families/{family}");
    kodexa.put(&path, json!({"metadata": {"n": 1}})).await.expect(200);
    kodexa.put(&path, json!({"metadata": {"n": 2}})).await.expect(200);
    let of_pdf = |status: &str| format!("filter=assistantId:'{pdf}'&filter=status:'{status}'");
    assert_eq!(kodexa.list(&of_pdf("SKIPPED")).await["totalElements"], 1);
    for _ in 0..2 {
        let task = work(&scene, "module://pdf", json!({})).await;
        let execution = text(&task["executionId"]);
        scene.run_at(&execution).end().await;
    }
    assert_eq!(kodexa.list(&of_pdf("SUCCEEDED")).await["totalElements"], 2);
    let labelled = kodexa.client.get(&path).await.expect(200);
    assert_eq!(labelled["labels"][0]["name"], "seen");
    kodexa.put(&path, json!({"metadata": {"n": 3}})).await.expect(200);
    assert_eq!(kodexa.list(&format!("filter=assistantId:'{pdf}'")).await["totalElements"], 3);
}

fn text_of(assistant: &Value) -> String {
    text(&assistant["id"])
}

async fn schedules_are_native_ones(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let options = json!({"pipeline": {"steps": [{"ref": "module://nightly"}]}});
    let schedules = json!([{"type": "CRON", "cronExpression": "0 3 * * *"}, {"cronExpression": "30 0 12 * * *"}]);
    let made = kodexa.assistant_with(json!({"options": options, "schedules": schedules})).await;
    let path = format!("/api/assistants/{}", text(&made["id"]));
    let shown = made["schedules"].as_array().unwrap();
    assert_eq!((shown.len(), &shown[0]["cronExpression"], &shown[0]["type"]), (2, &json!("0 3 * * *"), &json!("CRON")));
    assert!(shown.iter().all(|one| one["nextEvent"].is_string() && one["lastEvent"].is_null()));
    let jobs = kodexa.client.get("/api/scheduled-jobs?sort=createdOn&filter=project.id:'x'").await.expect(400);
    assert!(jobs["errors"]["filter"].is_string());
    let jobs = kodexa.client.get("/api/scheduled-jobs").await.expect(200);
    assert_eq!((&jobs["totalElements"], &jobs["content"][0]["assistantId"]), (&json!(2), &made["id"]));
    // One stays as it is, one goes.
    let kept = kodexa.put(&path, json!({"schedules": [shown[0]]})).await.expect(200);
    assert_eq!(kept["schedules"], json!([shown[0]]));
    scene.app.clock.advance_ms(24 * 3_600_000);
    let task = work(&scene, "module://nightly", json!({})).await;
    let execution = kodexa.get(&json!({"id": task["executionId"]})).await;
    assert_eq!((&execution["context"]["eventType"], &execution["priority"]), (&json!("SCHEDULED"), &json!(3)));
    // Switched off natively, and on again here.
    let native = format!("{}/schedules/{}", scene.place.pod(), text(&shown[0]["id"]));
    scene.ann.patch(&native, json!({"enabled": false})).await.expect(200);
    let off = kodexa.client.get(&path).await.expect(200);
    assert_eq!(off["schedules"][0]["nextEvent"], Value::Null);
    let on = kodexa.put(&format!("{path}/schedule"), Value::Null).await.expect(200);
    assert!(on["schedules"][0]["nextEvent"].is_string());
    let other = kodexa.put(&format!("{path}/schedule"), json!({"schedules": []})).await.expect(200);
    assert_eq!(other["schedules"], json!([]));
    for (body, field) in [
        (json!([{"cronExpression": "nonsense"}]), "schedules[0].cronExpression"),
        (json!([{"type": "RATE", "cronExpression": "0 3 * * *"}]), "schedules[0].type"),
        (json!([{}]), "schedules[0].cronExpression"),
    ] {
        let refused = kodexa.put(&path, json!({"schedules": body})).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{field}: {refused}");
    }
}

async fn events_come_as_forms_of_either_kind(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "editor").await;
    let path = format!("/api/projects/{}/assistants", kodexa.project);
    let made = kodexa.client.post(&path, json!({"name": "A"})).await.expect(201);
    let path = format!("{path}/{}/events", text(&made["id"]));
    let parts = "--b\r\nContent-Disposition: form-data; name=\"eventType\"\r\n\r\ntrain\r\n--b\r\n\
                 Content-Disposition: form-data; name=\"options\"\r\n\r\n{\"deep\": {\"n\": 1}, \"taskId\": \"t1\"}\r\n--b--\r\n";
    for (kind, body) in [
        (
            "application/x-www-form-urlencoded",
            "eventType=train&options=%7B%22deep%22%3A%7B%22n%22%3A1%7D%2C%22taskId%22%3A%22t1%22%7D",
        ),
        ("multipart/form-data; boundary=b", parts),
        ("application/json", r#"{"eventType": "train", "options": {"deep": {"n": 1}, "taskId": "t1"}}"#),
    ] {
        let client = kodexa.client.with("content-type", kind);
        let execution = client.send(reqwest::Method::POST, &path, Some(body.to_owned())).await.expect(200);
        let context = &execution["context"];
        assert_eq!(
            [&context["eventType"], &context["options"]["deep"], &context["taskId"], &execution["priority"]],
            [&json!("train"), &json!({"n": 1}), &json!("t1"), &json!(4)],
            "{kind}"
        );
    }
    for (kind, body, status, field) in [
        ("application/x-www-form-urlencoded", "options=%7B%7D", 400, Some("eventType")),
        ("application/x-www-form-urlencoded", "eventType=a&options=%5B%5D", 400, Some("options")),
        ("application/x-www-form-urlencoded", "eventType=a&options=x", 400, Some("options")),
        ("multipart/form-data", "", 400, None),
        ("text/plain", "eventType=a", 415, None),
        ("application/json", "{", 400, None),
    ] {
        let client = kodexa.client.with("content-type", kind);
        let refused = client.send(reqwest::Method::POST, &path, Some(body.to_owned())).await.expect(status);
        if let Some(field) = field {
            assert!(refused["errors"][field].is_string(), "{refused}");
        }
    }
}

async fn native_workflows_are_assistants_too(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let task = crate::support::scene::node("work", "task", json!({"queue": "native"}));
    let id = scene.workflow(line([task])).await;
    let path = format!("/api/assistants/{id}");
    let shown = kodexa.client.get(&path).await.expect(200);
    assert_eq!((&shown["name"], &shown["options"], &shown["active"]), (&json!("Flow"), &json!({}), &json!(false)));
    let renamed = kodexa.put(&path, json!({"name": "Native", "options": {}, "subscription": null})).await.expect(200);
    assert_eq!(renamed["name"], "Native");
    kodexa.put(&path, json!({"options": steps()})).await.expect(409);
    let execution = kodexa.client.post("/api/executions", json!({"assistantId": id})).await.expect(201);
    work(&scene, "native", json!({})).await;
    scene.run_at(&text(&execution["id"])).end().await;
    let done = kodexa.get(&execution).await;
    let step = &done["pipeline"]["steps"][0];
    assert_eq!((&done["description"], &step["id"], &step["ref"]), (&json!("Native"), &json!("work"), &json!("native")));
    // In the trash it is none.
    scene.ann.patch(&format!("{}/workflows/{id}/trash", scene.place.pod()), json!({})).await.expect(200);
    kodexa.client.get(&path).await.expect(404);
    assert_eq!(kodexa.get(&execution).await["status"], "SUCCEEDED");
}

async fn switches_and_schedules_are_for_admins(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (viewer, editor) = (Kodexa::new(&scene, "viewer").await, Kodexa::new(&scene, "editor").await);
    let path = format!("/api/projects/{}/assistants", editor.project);
    let made = editor.client.post(&path, json!({"name": "A"})).await.expect(201);
    let one = format!("/api/assistants/{}", text(&made["id"]));
    editor.client.post(&path, json!({"name": "B", "active": true})).await.expect(403);
    editor.client.post(&path, json!({"name": "B", "schedules": [{"cronExpression": "0 3 * * *"}]})).await.expect(403);
    editor.put(&format!("{one}/activate"), Value::Null).await.expect(403);
    editor.put(&one, json!({"schedules": [{"cronExpression": "0 3 * * *"}]})).await.expect(403);
    editor.put(&one, json!({"description": "d"})).await.expect(200);
    for refused in [
        viewer.put(&one, json!({"description": "e"})).await,
        viewer.client.delete(&one).await,
        viewer.client.post(&path, json!({"name": "C"})).await,
    ] {
        refused.expect(403);
    }
    viewer.client.get(&one).await.expect(200);
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let path = format!("/api/projects/{}/assistants", kodexa.project);
    for (members, field) in [
        (json!({"name": null}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": 3}), "name"),
        (json!({"options": []}), "options"),
        (json!({"options": {"pipeline": {"steps": [{}]}}}), "options.pipeline.steps[0].ref"),
        (json!({"subscription": "hasLabel("}), "subscription"),
        (json!({"subscription": "content, what is this"}), "subscription"),
        (json!({"priorityHint": 101}), "priorityHint"),
        (json!({"options": {"complete_label": 5}}), "options.complete_label"),
        (json!({"schedules": [{"cronExpression": "* * * * * *"}]}), "schedules[0].cronExpression"),
    ] {
        let mut body = json!({"name": "A"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let refused = kodexa.client.post(&path, body).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{field}: {refused}");
    }
    assert_eq!(kodexa.client.get(&path).await.expect(200), json!([]));
    let refused = kodexa.client.post("/api/assistants", json!({"name": "A"})).await.expect(400);
    assert!(refused["errors"]["project.id"].is_string());
    let position =
        kodexa.client.post(&path, json!({"name": "A", "subscription": "type == 'content' and hasTags('x')"})).await;
    assert!(position.expect(400)["errors"]["subscription"].as_str().unwrap().starts_with("at character 22: `hasTags`"));
}
