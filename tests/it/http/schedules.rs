//! Schedules as they are made, changed, previewed and run by hand; and what is refused.

use serde_json::{Value, json};

use super::schedule_slots::Timed;
use crate::support::{
    app::{Backend, on_both},
    scene::{error_paths, gate},
};

on_both! {
    a_schedule_has_its_fields_and_its_next_run,
    what_can_not_be_taken_is_named,
    lists_are_paged_and_previews_look_ahead,
    a_schedule_can_be_run_by_hand,
    changes_are_in_the_audit_log_and_keys_are_kept,
}

async fn a_schedule_has_its_fields_and_its_next_run(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.draft(gate()).await;
    let body = json!({"workflowId": workflow, "name": " Morning ", "cronExpr": "0 9 * * 1-5", "timezone": "Europe/Berlin",
        "input": {"n": 1}, "overlap": "skip", "catchUp": "none", "endAt": "2028-01-01T00:00:00Z"});
    let reply = timed.post("", body).await;
    let made = reply.expect(201);
    let path = format!("{}/{}", timed.path(), made["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/v1{path}").as_str()));
    assert_eq!(timed.ann().get(&path).await.expect(200), made);
    let expected = json!({
        "id": made["id"], "workspaceId": timed.scene.place.workspace_id, "podId": timed.scene.place.pod_id,
        "workflowId": workflow, "name": "Morning", "cronExpression": "0 9 * * 1-5", "timezone": "Europe/Berlin",
        "input": {"n": 1}, "enabled": true, "overlap": "skip", "catchUp": "none", "jitterSeconds": 0, "startAt": null,
        "endAt": "2028-01-01T00:00:00.000Z", "lastRunAt": null, "nextRunAt": "2027-01-18T08:00:00.000Z",
        "waitingSlot": null, "lastError": null, "createdBy": "ann", "createdAt": "2027-01-15T08:00:00.000Z",
        "updatedAt": "2027-01-15T08:00:00.000Z",
    });
    assert_eq!(made, expected);

    let plain = timed.make(&workflow, "*/5 * * * *", json!({})).await;
    let plain = timed.view(&plain).await;
    assert_eq!(
        [&plain["timezone"], &plain["overlap"], &plain["catchUp"], &plain["enabled"], &plain["input"]],
        [&json!("UTC"), &json!("allow"), &json!("last"), &json!(true), &Value::Null]
    );
    let patch = json!({"endAt": null, "timezone": "America/New_York", "jitterSeconds": 0, "input": null});
    let changed = timed.ann().patch(&path, patch).await.expect(200);
    assert_eq!((&changed["endAt"], &changed["nextRunAt"]), (&Value::Null, &json!("2027-01-15T14:00:00.000Z")));
    let off = timed.ann().patch(&format!("{path}/toggle"), json!({})).await.expect(200);
    assert_eq!((&off["enabled"], &off["nextRunAt"]), (&json!(false), &Value::Null));
    let still = timed.ann().patch(&format!("{path}/toggle"), json!({"enabled": false})).await.expect(200);
    assert_eq!(still["enabled"], false);
    let on = timed.ann().patch(&format!("{path}/toggle"), json!({})).await.expect(200);
    assert_eq!((&on["enabled"], &on["nextRunAt"]), (&json!(true), &changed["nextRunAt"]));
    timed.ann().delete(&path).await.expect(204);
    timed.ann().get(&path).await.problem(404, "not_found");
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.draft(gate()).await;
    let id = timed.make(&workflow, "0 * * * *", json!({})).await;
    let one = format!("{}/{id}", timed.path());
    let body = |change: Value| {
        let mut body = json!({"workflowId": workflow, "name": "S", "cronExpression": "0 * * * *"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let long = "1,".repeat(200);
    for (change, path, said) in [
        (json!({"cronExpression": "every hour"}), "/cronExpression", "5 fields"),
        (json!({"cronExpression": "61 * * * *"}), "/cronExpression", "not a cron expression"),
        (json!({"cronExpression": "* * * * * * *"}), "/cronExpression", "5 fields"),
        (json!({"cronExpression": "*/30 * * * * *"}), "/cronExpression", "every 60 seconds"),
        (json!({"cronExpression": "0 0 30 2 *"}), "/cronExpression", "no day"),
        (json!({"cronExpression": long}), "/cronExpression", "256"),
        (json!({"cronExpression": "\u{0} * * * *"}), "/cronExpression", "not a cron expression"),
        (json!({"timezone": "Europe/Atlantis"}), "/timezone", "Europe/Atlantis"),
        (json!({"timezone": "\u{0}"}), "/timezone", "time zone"),
        (json!({"jitterSeconds": 3601}), "/jitterSeconds", "3600"),
        (json!({"jitterSeconds": -1}), "/jitterSeconds", "0"),
        (json!({"endAt": "2027-01-15T08:30:00Z"}), "/endAt", "no slot is left"),
        (json!({"startAt": "2027-02-01T00:00:00Z", "endAt": "2027-01-20T00:00:00Z"}), "/endAt", "before `startAt`"),
        (json!({"startAt": "9999-01-01T00:00:00Z"}), "/startAt", "no slot"),
        (json!({"name": " "}), "/name", "1 to 120"),
    ] {
        let problem = timed.post("", body(change.clone())).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [path], "{change}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{change}: {problem}");
        let problem = timed.ann().patch(&one, change.clone()).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [path], "{change}: {problem}");
    }
    for (change, path) in [
        (json!({"overlap": "never"}), "/overlap"),
        (json!({"catchUp": "some"}), "/catchUp"),
        (json!({"startAt": "tomorrow"}), "/startAt"),
        (json!({"unknown": 1}), "/unknown"),
        (json!({"cronExpr": "0 * * * *"}), ""),
        (json!({"enabled": null}), "/enabled"),
    ] {
        let problem = timed.post("", body(change.clone())).await.problem(400, "invalid_body");
        assert!(error_paths(&problem)[0].starts_with(path), "{change}: {problem}");
    }
    timed.post("", json!({"name": "S", "cronExpression": "0 * * * *"})).await.problem(400, "invalid_body");
    let large = "x".repeat(1_100_000);
    let problem = timed.post("", body(json!({"input": large}))).await.problem(413, "body_too_large");
    assert_eq!(error_paths(&problem), ["/input"]);

    // A workflow that is not there, or in the trash.
    let unknown = json!({"workflowId": id});
    for problem in [
        timed.post("", body(unknown.clone())).await.problem(404, "not_found"),
        timed.ann().patch(&one, unknown).await.problem(404, "not_found"),
    ] {
        assert_eq!(error_paths(&problem), ["/workflowId"]);
    }
    timed.workflow_action(&workflow, "trash").await;
    for problem in [
        timed.post("", body(json!({}))).await.problem(409, "workflow_trashed"),
        timed.ann().patch(&one, json!({"workflowId": workflow})).await.problem(409, "workflow_trashed"),
    ] {
        assert_eq!(error_paths(&problem), ["/workflowId"]);
    }
    timed.ann().patch(&one, json!({"name": "Still changed"})).await.expect(200);
    timed.ann().get(&format!("{one}/preview?n=0")).await.problem(400, "invalid_query");
    timed.ann().get(&format!("{one}/preview?n=101")).await.problem(400, "invalid_query");
    timed.ann().get(&format!("{one}/slots?cursor=x")).await.problem(400, "invalid_query");
    timed.ann().get(&format!("{}/x", timed.path())).await.problem(404, "not_found");
}

async fn lists_are_paged_and_previews_look_ahead(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.draft(gate()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(
            0,
            timed.make(&workflow, "30 2 * * *", json!({"timezone": "Europe/Berlin", "enabled": false})).await,
        );
    }
    let first = timed.ann().get(&format!("{}?limit=2", timed.path())).await;
    assert!(first.header("link").unwrap().contains("cursor="));
    let listed: Vec<_> = first.expect(200).as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(listed, ids[..2]);

    timed.to("2027-03-27T12:00:00Z").await;
    let preview = |id: &str, query: &str| format!("{}/{id}/preview{query}", timed.path());
    let coming = timed.ann().get(&preview(&ids[0], "?n=2")).await.expect(200);
    let expected = json!([
        {"slot": "2027-03-28T01:00:00.000Z", "runAt": "2027-03-28T01:00:00.000Z"},
        {"slot": "2027-03-29T00:30:00.000Z", "runAt": "2027-03-29T00:30:00.000Z"},
    ]);
    assert_eq!(coming, expected);
    assert_eq!(timed.ann().get(&preview(&ids[0], "")).await.expect(200).as_array().unwrap().len(), 10);

    // The shift is the schedule's own, and stays.
    let shifted = timed.make(&workflow, "0 * * * *", json!({"jitterSeconds": 600})).await;
    let coming = timed.ann().get(&preview(&shifted, "?n=50")).await.expect(200);
    let at = |value: &Value| value.as_str().unwrap().parse::<sluicegate::clock::Instant>().unwrap();
    let shifts: Vec<_> =
        coming.as_array().unwrap().iter().map(|one| at(&one["runAt"]).0 - at(&one["slot"]).0).collect();
    assert!(shifts.iter().all(|shift| *shift == shifts[0]) && (0..=600_000).contains(&shifts[0]), "{shifts:?}");
    assert_eq!(coming[0]["runAt"], timed.view(&shifted).await["nextRunAt"]);
}

async fn a_schedule_can_be_run_by_hand(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.draft(gate()).await;
    let id = timed.make(&workflow, "0 * * * *", json!({"input": {"n": 7}, "enabled": false})).await;
    let run = format!("/{id}/run");
    timed.post(&run, json!({})).await.problem(409, "conflict");
    timed.workflow_action(&workflow, "deploy").await;
    let keyed = timed.ann().with("idempotency-key", "once");
    let path = format!("{}{run}", timed.path());
    let first = keyed.post(&path, json!({})).await;
    let again = keyed.post(&path, json!({})).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    let execution = timed.scene.run_of(&first).view().await;
    assert_eq!((&execution["triggeredBy"], &execution["triggerId"]), (&json!("schedule"), &json!(id)));
    assert_eq!((&execution["input"], &execution["createdBy"]), (&json!({"n": 7}), &json!("ann")));
    let context = json!({"schedule": {"id": id, "name": "S", "slot": null, "lateMs": 0}});
    assert_eq!(execution["context"], context);
    assert!(timed.slots(&id).await.is_empty());
    timed.workflow_action(&workflow, "trash").await;
    timed.post(&run, json!({})).await.problem(409, "workflow_trashed");
}

async fn changes_are_in_the_audit_log_and_keys_are_kept(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.draft(gate()).await;
    let keyed = timed.ann().with("idempotency-key", "k1");
    let body = json!({"workflowId": workflow, "name": "S", "cronExpression": "0 * * * *"});
    let first = keyed.post(&timed.path(), body.clone()).await;
    let again = keyed.post(&timed.path(), body).await;
    assert_eq!((&first.text, again.header("idempotency-replayed")), (&again.text, Some("true")));
    let id = first.expect(201)["id"].as_str().unwrap().to_owned();
    let one = format!("{}/{id}", timed.path());
    let keyed = timed.ann().with("idempotency-key", "k2");
    let off = keyed.patch(&format!("{one}/toggle"), json!({})).await;
    let again = keyed.patch(&format!("{one}/toggle"), json!({})).await;
    assert_eq!((off.expect(200)["enabled"].clone(), again.text), (json!(false), off.text));
    timed.ann().delete(&one).await.expect(204);
    let audit = format!("{}/audit?subject={id}", timed.scene.place.workspace());
    let records = timed.ann().get(&audit).await.expect(200);
    let told: Vec<_> = records.as_array().unwrap().iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["schedule.deleted", "schedule.updated", "schedule.created"]);
    assert_eq!(records[1]["detail"]["enabled"], false);
    assert_eq!(records[1]["actor"], "ann");
}
