//! `/kodexa/api/executions`: the calls of the public documentation, all statuses, logs, and what can't be changed.

use serde_json::{Value, json};

use super::kinetic::{key_of, say};
use crate::support::{
    app::{Backend, Client, Reply, on_both},
    scene::{Scene, gate, line, node},
};

on_both! {
    the_calls_of_the_documentation_work,
    every_status_is_reached,
    a_conditional_that_does_not_hold_skips_its_step,
    a_failed_step_fails_the_execution_with_its_details,
    progress_logs_and_messages_are_those_of_the_worker,
    an_execution_without_a_log_shows_none,
    what_can_not_be_changed_is_named,
    executions_are_begun_by_hand_and_deleted,
}

/// A client of the face: paths are below `/kodexa`.
pub struct Kodexa {
    pub client: Client,
    pub project: String,
}

impl Kodexa {
    pub async fn new(scene: &Scene, role: &str) -> Self {
        let key = key_of(scene, role).await;
        let client = scene.app.anonymous().below("/kodexa").with("x-api-key", &key);
        Self { client, project: scene.place.pod_id.clone() }
    }

    /// An active assistant with these steps, as it is shown.
    pub async fn assistant(&self, steps: Value) -> Value {
        self.assistant_with(json!({"options": {"pipeline": {"steps": steps}}})).await
    }

    /// An active assistant with these members.
    pub async fn assistant_with(&self, members: Value) -> Value {
        let mut body = json!({"name": "Extract", "project": {"id": self.project}, "active": true});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.client.post("/api/assistants", body).await.expect(201)
    }

    pub async fn family(&self, path: &str) -> String {
        let body = json!({"path": path, "storeRef": "acme/inbox:1.0.0", "project": {"id": self.project}});
        text(&self.client.post("/api/document-families", body).await.expect(201)["id"])
    }

    /// Sends an event about a document family, and gives the execution.
    pub async fn event(&self, assistant: &Value, event_type: &str, options: Value) -> Value {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("eventType", event_type)
            .append_pair("options", &options.to_string())
            .finish();
        let path = format!("/api/assistants/{}/events", text(&assistant["id"]));
        let client = self.client.with("content-type", "application/x-www-form-urlencoded");
        client.send(reqwest::Method::POST, &path, Some(form)).await.expect(200)
    }

    pub async fn get(&self, execution: &Value) -> Value {
        self.client.get(&format!("/api/executions/{}", text(&execution["id"]))).await.expect(200)
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.client.json(reqwest::Method::PUT, path, &body).await
    }

    pub async fn list(&self, query: &str) -> Value {
        self.client.get(&format!("/api/executions?{query}")).await.expect(200)
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The ids of a page.
pub fn ids(page: &Value) -> Vec<String> {
    page["content"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect()
}

/// The next task of what has this `ref`.
pub async fn lease(scene: &Scene, reference: &str) -> Value {
    let wish = json!({"queues": [reference], "workerId": "w", "waitSeconds": 20});
    let leased = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), wish).await.expect(200);
    leased["tasks"][0].clone()
}

/// Does the next task of what has this `ref`.
pub async fn work(scene: &Scene, reference: &str, output: Value) -> Value {
    let task = lease(scene, reference).await;
    say(scene, &task, "complete", json!({"output": output})).await;
    task
}

pub async fn until_ended(scene: &Scene, execution: &Value) {
    scene.run_at(&text(&execution["id"])).end().await;
}

const STEP: &str = "module://acme/parse";

fn one_step() -> Value {
    json!([{"ref": STEP, "name": "Parse"}])
}

async fn the_calls_of_the_documentation_work(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let steps = json!([
        {"ref": "module://kodexa/pdf-parser", "name": "Parse PDF", "stepType": "MODEL"},
        {"ref": "module://kodexa/invoice-extractor", "name": "Extract Data", "stepType": "MODEL"},
    ]);
    let assistant = kodexa.assistant(steps).await;
    let family = kodexa.family("invoices/1.pdf").await;
    let done = kodexa.event(&assistant, "CONTENT_CREATED", json!({"documentFamilyId": family})).await;
    let first = work(&scene, "module://kodexa/pdf-parser", json!({"outputId": "c1"})).await;
    assert_eq!(
        (&first["input"]["documentFamilyId"], &first["input"]["context"]["eventType"]),
        (&json!(family), &json!("CONTENT_CREATED"))
    );
    let second = work(&scene, "module://kodexa/invoice-extractor", json!({"outputIds": ["c2", "c3"]})).await;
    assert_eq!(second["input"]["lastOutput"], json!({"outputId": "c1"}));
    until_ended(&scene, &done).await;
    let failed = kodexa.event(&assistant, "CONTENT_UPDATED", json!({"documentFamilyId": family})).await;
    let task = lease(&scene, "module://kodexa/pdf-parser").await;
    say(&scene, &task, "fail", json!({"error": {"message": "no PDF", "retryable": false}})).await;
    until_ended(&scene, &failed).await;
    let running = kodexa.event(&assistant, "train", json!({})).await;
    lease(&scene, "module://kodexa/pdf-parser").await;

    let assistant_id = text(&assistant["id"]);
    let (done_id, failed_id, running_id) = (text(&done["id"]), text(&failed["id"]), text(&running["id"]));
    // The lines as they are written there, with the host changed.
    let of_assistant =
        kodexa.list(&format!("filter=assistantId%20eq%20'{assistant_id}'&sort=createdOn,desc&pageSize=20")).await;
    assert_eq!(ids(&of_assistant), [running_id.as_str(), &failed_id, &done_id]);
    let shown = kodexa.get(&done).await;
    assert_eq!((&shown["status"], &shown["priority"]), (&json!("SUCCEEDED"), &json!(7)));
    let steps = shown["pipeline"]["steps"].as_array().unwrap();
    assert_eq!(
        [&steps[0]["ref"], &steps[0]["name"], &steps[0]["stepType"], &steps[0]["status"], &steps[0]["outputId"]],
        [&json!("module://kodexa/pdf-parser"), &json!("Parse PDF"), &json!("MODEL"), &json!("SUCCEEDED"), &json!("c1")]
    );
    assert_eq!((&steps[1]["inputId"], &steps[1]["outputIds"]), (&json!("c1"), &json!(["c2", "c3"])));
    assert_eq!(
        (&shown["documentFamilyId"], &shown["context"]["eventType"]),
        (&json!(family), &json!("CONTENT_CREATED"))
    );
    assert!(shown["startDate"].is_string() && shown["endDate"].is_string() && shown["processingTime"].is_i64());
    let of_family = kodexa.list(&format!("filter=documentFamilyId%20eq%20'{family}'&sort=createdOn,desc")).await;
    assert_eq!(ids(&of_family), [failed_id.as_str(), &done_id]);
    let bad = kodexa.list("filter=status%20eq%20'FAILED'&sort=createdOn,desc").await;
    assert_eq!(ids(&bad), [failed_id.as_str()]);
    let cancelled = kodexa.put(&format!("/api/executions/{running_id}/cancel"), Value::Null).await.expect(200);
    assert!(["CANCELLED", "CANCELLING"].contains(&cancelled["status"].as_str().unwrap()));
    until_ended(&scene, &running).await;
    assert_eq!(kodexa.get(&running).await["status"], "CANCELLED");
    // One that has ended is given back as it is.
    let again = kodexa.put(&format!("/api/executions/{done_id}/cancel"), Value::Null).await.expect(200);
    assert_eq!((&again["status"], &again["changeSequence"]), (&json!("SUCCEEDED"), &shown["changeSequence"]));
    let path = format!("/api/document-families/{family}/reprocess?assistantId={assistant_id}");
    let reply = kodexa.put(&path, Value::Null).await.expect(200);
    assert_eq!((&reply["id"], &reply["path"]), (&json!(family), &json!("invoices/1.pdf")));
    let of_family = kodexa.list(&format!("filter=documentFamilyId eq '{family}'&sort=createdOn,desc")).await;
    assert_eq!(of_family["totalElements"], 3);
    assert_eq!(of_family["content"][1]["status"], "PENDING_REPROCESSING");
}

async fn every_status_is_reached(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let assistant = kodexa.assistant(one_step()).await;
    let family = kodexa.family("a.pdf").await;
    let about = || json!({"documentFamilyId": family});
    let status = async |execution: &Value| text(&kodexa.get(execution).await["status"]);

    // A limit of the project leaves no room for a second one.
    scene.ann.patch(&scene.place.pod(), json!({"maxRunning": 1})).await.expect(200);
    let first = kodexa.event(&assistant, "documentFamily", about()).await;
    let task = lease(&scene, STEP).await;
    assert_eq!(status(&first).await, "RUNNING");
    let pending = kodexa.event(&assistant, "other", about()).await;
    assert_eq!(status(&pending).await, "PENDING");
    let skipped = kodexa.event(&assistant, "documentFamily", about()).await;
    assert_eq!(status(&skipped).await, "SKIPPED");
    let cancelled =
        kodexa.put(&format!("/api/executions/{}/cancel", text(&pending["id"])), Value::Null).await.expect(200);
    assert_eq!(cancelled["status"], "CANCELLED");
    scene.ann.patch(&scene.place.pod(), json!({"maxRunning": null})).await.expect(200);
    say(&scene, &task, "complete", json!({"output": {}})).await;
    until_ended(&scene, &first).await;
    assert_eq!(status(&first).await, "SUCCEEDED");
    // What was equal is done with: the same event counts again.
    let failed = kodexa.event(&assistant, "documentFamily", about()).await;
    let task = lease(&scene, STEP).await;
    say(&scene, &task, "fail", json!({"error": {"message": "no luck", "retryable": false}})).await;
    until_ended(&scene, &failed).await;
    assert_eq!(status(&failed).await, "FAILED");

    // What waits for a child goes on until that has stopped.
    let child = scene.workflow(gate()).await;
    let parent = scene.workflow(line([node("call", "subworkflow", json!({"workflowId": child}))])).await;
    let calling = kodexa.client.post("/api/executions", json!({"assistantId": parent})).await.expect(201);
    let run = scene.run_at(&text(&calling["id"]));
    run.until(|frame| frame.event["childExecutionId"].is_string()).await;
    let children = kodexa.get(&calling).await["childExecutions"].clone();
    assert_eq!((children.as_array().unwrap().len(), &children[0]["assistantId"]), (1, &json!(child)));
    assert_eq!((&children[0]["parentExecutionId"], &children[0]["childExecutions"]), (&calling["id"], &json!([])));
    let path = format!("/api/executions/{}/cancel", text(&calling["id"]));
    assert_eq!(kodexa.put(&path, Value::Null).await.expect(200)["status"], "CANCELLING");
    run.end().await;
    assert_eq!(status(&calling).await, "CANCELLED");

    // The bulk form asks first.
    let body = json!({"assistantIds": [assistant["id"]], "all": true});
    let asked = kodexa.put("/api/stores/acme/inbox/1.0.0/reprocess", body).await.expect(200);
    assert_eq!(asked, json!({"requested": 1, "failed": 0, "reason": null}));
    let requested = kodexa.list("filter=status:'REQUESTED'").await["content"][0].clone();
    assert_eq!(requested["status"], "REQUESTED");
    let replayed = kodexa.list("filter=status:'PENDING_REPROCESSING'").await;
    assert_eq!(ids(&replayed), [text(&failed["id"])]);
    assert_eq!(kodexa.list("filter=status eq 'FAILED'").await["totalElements"], 0);
    scene.app.clock.advance_ms(1_000);
    work(&scene, STEP, json!({})).await;
    until_ended(&scene, &requested).await;
    assert_eq!(status(&requested).await, "SUCCEEDED");
    assert_eq!(status(&failed).await, "REPROCESSED");
    let all = kodexa
        .list("sort=status:asc;createdOn:desc&filter=status in ('SUCCEEDED','SKIPPED','CANCELLED','REPROCESSED')")
        .await;
    assert_eq!(all["totalElements"], 7, "{all:#}");
}

async fn a_conditional_that_does_not_hold_skips_its_step(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let step = |id: &str, conditional: &str| json!({"id": id, "ref": format!("module://acme/{id}"), "conditional": conditional});
    let assistant = kodexa
        .assistant(json!([
            step("by-event", "context.eventType == 'go' and context['options']['n'] > 2"),
            step("by-metadata", "metadata.get('kind', 'none') == 'invoice'"),
            step("not-there", "external_data['erp']['id'] == 7"),
            step("wrong", "metadata.kind + 1"),
            step("last", "not False"),
        ]))
        .await;
    let body = json!({"path": "a", "metadata": {"kind": "invoice"}, "externalData": {}});
    let family = kodexa.client.post("/api/document-families", body).await.expect(201);
    let options = json!({"documentFamilyId": family["id"], "n": 3});
    let execution = kodexa.event(&assistant, "go", options).await;
    for id in ["by-event", "by-metadata", "last"] {
        work(&scene, &format!("module://acme/{id}"), json!({})).await;
    }
    until_ended(&scene, &execution).await;
    let shown = kodexa.get(&execution).await;
    assert_eq!(shown["status"], "SUCCEEDED");
    let steps = shown["pipeline"]["steps"].as_array().unwrap();
    let statuses: Vec<&str> = steps.iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["SUCCEEDED", "SUCCEEDED", "SKIPPED", "SKIPPED", "SUCCEEDED"]);
    assert!(steps[3]["statusMessage"].is_string(), "{:#}", steps[3]);
    let bad = json!({"name": "X", "project": {"id": kodexa.project}, "options": {"pipeline": {"steps": [{"ref": "a", "conditional": "import os"}]}}});
    let refused = kodexa.client.post("/api/assistants", bad).await.expect(400);
    assert!(refused["errors"]["options.pipeline.steps[0].conditional"].is_string(), "{refused}");
}

async fn a_failed_step_fails_the_execution_with_its_details(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let policy = json!({"maxAttempts": 2, "backoffStrategy": "FIXED", "backoffBaseSeconds": 5});
    let steps = json!([
        {"ref": "a", "executionPolicy": {"maxAttempts": 1, "onExhausted": "CONTINUE"}},
        {"ref": "b", "executionPolicy": policy},
    ]);
    let assistant = kodexa.assistant(steps).await;
    let execution = kodexa.event(&assistant, "go", json!({})).await;
    let fail = async |reference: &str, message: &str| {
        let task = lease(&scene, reference).await;
        let details = json!({"advice": "Try another one.", "statusCode": 503, "stackTrace": [{"line": 3}]});
        say(&scene, &task, "fail", json!({"error": {"message": message, "details": details}})).await;
    };
    fail("a", "first").await;
    fail("b", "second").await;
    let run = scene.run_at(&text(&execution["id"]));
    run.until(|frame| frame.event["status"] == "retrying").await;
    let waiting = kodexa.get(&execution).await;
    assert_eq!(waiting["pipeline"]["steps"][1]["status"], "RUNNING");
    assert!(waiting["pipeline"]["steps"][1]["statusMessage"].as_str().unwrap().contains("next attempt"));
    scene.app.clock.advance_ms(5_000);
    fail("b", "third").await;
    run.end().await;
    let shown = kodexa.get(&execution).await;
    let details = &shown["exceptionDetails"];
    assert_eq!(
        [&shown["status"], &details["message"], &details["errorMessage"], &details["advice"], &details["statusCode"]],
        [&json!("FAILED"), &json!("third"), &json!("third"), &json!("Try another one."), &json!(503)]
    );
    assert_eq!((&details["errorType"], &details["stackTrace"]), (&json!("task_failed"), &json!([{"line": 3}])));
    let steps = shown["pipeline"]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["status"], &steps[1]["status"]), (&json!("FAILED"), &json!("FAILED")));
    assert_eq!(shown["pipeline"]["exceptions"].as_array().unwrap().len(), 2);
    let lines = kodexa.client.get(&format!("/api/executions/{}/logs", text(&execution["id"]))).await.expect(200);
    assert_eq!(lines.as_array().unwrap().last().unwrap()["title"], "failed: third");
}

async fn progress_logs_and_messages_are_those_of_the_worker(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let assistant = kodexa.assistant(one_step()).await;
    let execution = kodexa.event(&assistant, "go", json!({})).await;
    let task = lease(&scene, STEP).await;
    let report = json!({
        "progress": 3, "progressMax": 10, "message": "page 3",
        "logs": [{"level": "info", "message": "reading"}],
        "actions": [{"kind": "thought", "title": "What is it?"}, {"kind": "web_search", "title": "Look it up", "detail": "x"}],
    });
    say(&scene, &task, "heartbeat", report).await;
    let run = scene.run_at(&text(&execution["id"]));
    run.until(|frame| frame.event["title"] == "Look it up").await;
    let shown = kodexa.get(&execution).await;
    let details = &shown["statusDetails"];
    assert_eq!(
        [
            &details["status"],
            &details["stepStatus"],
            &details["message"],
            &details["detail"],
            &details["progress"],
            &details["progressMax"]
        ],
        [&json!("RUNNING"), &json!("RUNNING"), &json!("Parse"), &json!("page 3"), &json!(3), &json!(10)]
    );
    assert_eq!((&shown["pipeline"]["steps"][0]["progress"], &shown["childExecutions"]), (&json!(3), &json!([])));
    let path = format!("/api/executions/{}", text(&execution["id"]));
    let messages = kodexa.client.get(&format!("{path}/status-messages")).await.expect(200);
    let told: Vec<(&str, &str)> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].as_str().unwrap(), one["title"].as_str().unwrap()))
        .collect();
    for expected in [("PROCESSING", "page 3"), ("THINKING", "What is it?"), ("SEARCHING", "Look it up")] {
        assert!(told.contains(&expected), "{told:?}");
    }
    let lines = kodexa.client.get(&format!("{path}/logs")).await.expect(200);
    let reading = lines.as_array().unwrap().iter().find(|line| line["title"] == "reading").unwrap();
    assert_eq!((&reading["entry"], &reading["executionId"]), (&json!("step-1: reading"), &execution["id"]));
    assert_eq!(reading["logDate"], reading["datetime"]);
}

async fn an_execution_without_a_log_shows_none(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let options = json!({"pipeline": {"steps": one_step()}});
    let silent = kodexa.assistant_with(json!({"options": options, "loggingEnabled": false})).await;
    let forgetful = kodexa.assistant_with(json!({"options": options, "deleteLoggingOnSuccess": true})).await;
    let logs = async |execution: &Value| {
        let path = format!("/api/executions/{}/logs", text(&execution["id"]));
        kodexa.client.get(&path).await.expect(200).as_array().unwrap().len()
    };
    let execution = kodexa.event(&silent, "go", json!({})).await;
    assert_eq!((&execution["loggingEnabled"], &execution["deleteLoggingOnSuccess"]), (&json!(false), &json!(false)));
    work(&scene, STEP, json!({})).await;
    until_ended(&scene, &execution).await;
    assert_eq!(logs(&execution).await, 0);
    let execution = kodexa.event(&forgetful, "go", json!({})).await;
    let task = lease(&scene, STEP).await;
    assert!(logs(&execution).await > 0);
    say(&scene, &task, "complete", json!({"output": {}})).await;
    until_ended(&scene, &execution).await;
    assert_eq!(logs(&execution).await, 0);
    // An execution that was begun so goes before its assistant.
    let body = json!({"assistantId": silent["id"], "loggingEnabled": true});
    let loud = kodexa.client.post("/api/executions", body).await.expect(201);
    lease(&scene, STEP).await;
    assert!(logs(&loud).await > 0);
}

async fn what_can_not_be_changed_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let assistant = kodexa.assistant(one_step()).await;
    let execution = kodexa.event(&assistant, "go", json!({})).await;
    lease(&scene, STEP).await;
    let path = format!("/api/executions/{}", text(&execution["id"]));
    let shown = kodexa.get(&execution).await;
    // All as it was read.
    let same = kodexa.put(&path, shown.clone()).await.expect(200);
    assert_eq!(same["changeSequence"], shown["changeSequence"]);
    for (name, value) in [
        ("description", json!("other")),
        ("priority", json!(9)),
        ("context", json!({})),
        ("documentFamilyId", json!("x")),
        ("status", json!("SUCCEEDED")),
        ("loggingEnabled", json!(false)),
    ] {
        let refused = kodexa.put(&path, json!({name: value})).await.expect(400);
        assert!(refused["errors"][name].is_string(), "{name}: {refused}");
    }
    let stale = shown["changeSequence"].as_i64().unwrap() - 1;
    assert_eq!(kodexa.put(&path, json!({"changeSequence": stale})).await.expect(409)["status"], 409);
    kodexa.client.delete(&path).await.expect(409);
    let stopped = kodexa.put(&path, json!({"status": "CANCELLED"})).await.expect(200);
    assert!(["CANCELLED", "CANCELLING"].contains(&stopped["status"].as_str().unwrap()));
}

async fn executions_are_begun_by_hand_and_deleted(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "editor").await;
    let body = json!({"name": "Draft", "options": {"complete_label": "parsed", "pipeline": {"steps": one_step()}}, "priorityHint": 3});
    let path = format!("/api/projects/{}/assistants", kodexa.project);
    let assistant = kodexa.client.post(&path, body).await.expect(201);
    assert_eq!(assistant["active"], false);
    let family = kodexa.family("x/y.pdf").await;
    let begun = |more: Value| {
        let mut body = json!({"assistantId": assistant["id"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let body =
        begun(json!({"documentFamilyId": family, "description": "By hand", "sessionId": "s1", "context": {"n": 1}}));
    let execution = kodexa.client.post("/api/executions", body).await.expect(201);
    assert_eq!(
        [&execution["description"], &execution["sessionId"], &execution["context"]["n"], &execution["priority"]],
        [&json!("By hand"), &json!("s1"), &json!(1), &json!(7)]
    );
    assert_eq!(execution["targets"]["instances"][0]["labelsToApply"], json!(["parsed"]));
    let exact = kodexa.client.post("/api/executions", begun(json!({"priority": 50}))).await.expect(201);
    assert_eq!(exact["priority"], 50);
    for (more, field) in [
        (json!({"priority": 101}), "priority"),
        (json!({"documentFamilyId": ""}), "documentFamilyId"),
        (json!({"parentExecutionId": execution["id"]}), "parentExecutionId"),
        (json!({"context": {"kodexa": 1}}), "context.kodexa"),
        (json!({"context": 3}), "context"),
        (json!({"assistantId": null}), "assistantId"),
    ] {
        let refused = kodexa.client.post("/api/executions", begun(more)).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{field}: {refused}");
    }
    let unknown = json!({"assistantId": kodexa.project});
    kodexa.client.post("/api/executions", unknown).await.expect(404);
    work(&scene, STEP, json!({})).await;
    work(&scene, STEP, json!({})).await;
    until_ended(&scene, &execution).await;
    // The label of the assistant is put on what it was about.
    let labelled = kodexa.client.get(&format!("/api/document-families/{family}")).await.expect(200);
    assert_eq!(labelled["labels"], json!([{"name": "parsed", "label": "parsed"}]));
    let path = format!("/api/executions/{}", text(&execution["id"]));
    kodexa.client.delete(&path).await.expect(204);
    for path in [path.clone(), format!("{path}/logs"), format!("{path}/status-messages")] {
        kodexa.client.get(&path).await.expect(404);
    }
    kodexa.client.delete(&path).await.expect(404);
}
