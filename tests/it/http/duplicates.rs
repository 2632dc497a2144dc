//! Triggers with the same `dedupeKey`.

use serde_json::json;

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, gate, line},
};

on_both! {
    duplicates_are_skipped_until_the_key_is_forgotten,
    duplicates_may_join,
    a_key_may_stand_until_the_end,
}

async fn duplicates_are_skipped_until_the_key_is_forgotten(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([]);
    definition["settings"] = json!({"dedupe": {"windowMs": 60_000}});
    let workflow = scene.workflow(definition).await;
    let trigger = |key: &str| {
        let body = json!({"workflowId": workflow, "dedupeKey": key});
        let (ann, path) = (scene.app.user("ann"), scene.executions());
        async move { ann.post(&path, body).await.expect(201) }
    };
    let first = trigger("order-1").await;
    assert_eq!(first["status"], "queued");
    let again = trigger("order-1").await;
    assert_eq!((&again["status"], &again["duplicateOf"]), (&json!("skipped"), &first["id"]));
    let run = scene.run_at(again["id"].as_str().unwrap());
    let log = run.log().await;
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["type"], &log[0]["duplicateOf"]), (&json!("execution_skipped"), &first["id"]));
    assert_eq!(run.view().await["duplicateOf"], first["id"]);
    assert_eq!(trigger("order-2").await["status"], "queued");
    // At the same time: one of them.
    let (a, b, c) = tokio::join!(trigger("order-3"), trigger("order-3"), trigger("order-3"));
    let fresh = [&a, &b, &c].iter().filter(|one| one["status"] == "queued").count();
    assert_eq!(fresh, 1);
    scene.app.clock.advance_ms(60_000);
    assert_eq!(trigger("order-1").await["status"], "queued");
    // Another workflow has keys of its own, for a day where nothing is set.
    let other = scene.workflow(line([])).await;
    let body = json!({"workflowId": other, "dedupeKey": "order-1"});
    let ann = scene.app.user("ann");
    assert_eq!(ann.post(&scene.executions(), body.clone()).await.expect(201)["status"], "queued");
    scene.app.clock.advance_ms(60_000);
    let ann = scene.app.user("ann");
    assert_eq!(ann.post(&scene.executions(), body.clone()).await.expect(201)["status"], "skipped");
    // An idempotency key keeps the reply of the skipped one, too.
    let keyed = ann.with("idempotency-key", "k1");
    let (one, two) = (keyed.post(&scene.executions(), body.clone()).await, keyed.post(&scene.executions(), body).await);
    assert_eq!(one.expect(201), two.expect(201));
}

async fn duplicates_may_join(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = gate();
    definition["settings"] = json!({"dedupe": {"mode": "join"}});
    let body = json!({"workflowId": scene.workflow(definition).await, "dedupeKey": "k"});
    let first = scene.ann.post(&scene.executions(), body.clone()).await.expect(201);
    scene.run_at(first["id"].as_str().unwrap()).asked().await;
    let joined = scene.ann.post(&scene.executions(), body).await.expect(200);
    assert_eq!((&joined["id"], &joined["status"]), (&first["id"], &json!("suspended")));
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200).as_array().unwrap().len(), 1);
}

async fn a_key_may_stand_until_the_end(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = gate();
    definition["settings"] = json!({"dedupe": {"windowMs": 60_000, "untilEnd": true}});
    let workflow = scene.workflow(definition).await;
    let trigger = async || {
        let body = json!({"workflowId": workflow, "dedupeKey": "k"});
        scene.run_of(&scene.ann.post(&scene.executions(), body).await)
    };
    let first = trigger().await;
    first.asked().await;
    let second = trigger().await;
    assert_eq!(second.view().await["duplicateOf"], first.id.as_str());
    first.respond(json!({"approved": true})).await.expect(200);
    first.end().await;
    let third = trigger().await;
    third.asked().await;
    assert_eq!(trigger().await.status().await, "skipped");
    // No longer than the window.
    scene.app.clock.advance_ms(60_000);
    trigger().await.asked().await;
}
