//! Deliveries that come again, that are delivered again by hand, and the ledger's bounds.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::webhooks::Hooks;
use crate::support::{
    app::{Backend, on_both},
    scene::gate,
};

on_both! {
    what_comes_again_gets_the_first_reply,
    fifty_at_once_are_one_execution_and_fifty_equal_replies,
    a_delivery_can_be_delivered_again,
    refused_deliveries_do_not_fill_the_ledger,
    old_deliveries_are_forgotten,
}

async fn what_comes_again_gets_the_first_reply(backend: Backend) {
    let mut hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none", "dedupeHeader": "X-Order"})).await;
    let mut replies = Vec::new();
    // Whatever the body says: a sender's system may write another one for the same event.
    for body in [r#"{"n": 1}"#, r#"{"n": 1}"#, r#"{"n": 1, "tries": 2}"#] {
        hooks.scene.app.clock.advance_ms(1_000);
        replies.push(hook.deliver(&[("x-order", "o-1")], body).await);
    }
    let run = hooks.started(&replies[0]);
    for reply in &replies[1..] {
        assert_eq!(
            (reply.status, &reply.text, reply.header("location")),
            (201, &replies[0].text, replies[0].header("location"))
        );
        assert_eq!(reply.header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(replies[0].header("idempotency-replayed"), None);
    let rows: Vec<_> =
        hook.deliveries().await.iter().map(|row| (row["verdict"].clone(), row["executionId"].clone())).collect();
    let row = |verdict: &str| (json!(verdict), json!(run.id));
    assert_eq!(rows, [row("repeated"), row("repeated"), row("started")]);
    assert_eq!(hook.newest().await["dedupeKey"], "x-order:o-1");

    // Another webhook has deliveries of its own; an idempotency key is of one request.
    let other = hooks.make(&workflow, json!({"verification": "none", "dedupeHeader": "X-Order"})).await;
    hooks.started(&other.deliver(&[("x-order", "o-1")], "{}").await);
    let first = other.deliver(&[("idempotency-key", "k")], "{}").await;
    assert_eq!(other.deliver(&[("idempotency-key", "k")], "{}").await.text, first.text);
    other.deliver(&[("idempotency-key", "k")], "[]").await.problem(422, "idempotency_key_reused");
    assert_eq!(other.newest().await["verdict"], "refused");
    assert_eq!(hooks.executions().await, 3);

    // For seven days, also after a restart.
    hooks.scene.restart().await;
    let hook = super::webhooks::Hook { outside: hooks.scene.app.anonymous(), ann: hooks.ann(), ..hook };
    hooks.scene.app.clock.advance_ms(7 * 86_400_000 - 3_000);
    assert_eq!(hook.deliver(&[("x-order", "o-1")], "{}").await.text, replies[0].text);
    hooks.scene.app.clock.advance_ms(3_000);
    let late = hook.deliver(&[("x-order", "o-1")], "{}").await;
    assert_ne!(hooks.started(&late).id, run.id);
}

async fn fifty_at_once_are_one_execution_and_fifty_equal_replies(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "none", "dedupeHeader": "x-order"})).await;
    let mut senders = JoinSet::new();
    for number in 0..50 {
        let client = hook.outside.with("x-order", "one");
        let path = hook.public.clone();
        senders.spawn(async move { client.send(Method::POST, &path, Some(format!("{{\"n\":{number}}}"))).await });
    }
    let replies = senders.join_all().await;
    let run = hooks.started(&replies[0]);
    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (201, &replies[0].text));
    }
    assert_eq!(hooks.executions().await, 1);
    let rows = hook.deliveries().await;
    let started = rows.iter().filter(|row| row["verdict"] == "started").count();
    assert_eq!((rows.len(), started), (50, 1));
    assert!(rows.iter().all(|row| row["executionId"] == json!(run.id)));
}

async fn a_delivery_can_be_delivered_again(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.scene.workflow(gate()).await;
    let hook = hooks
        .make(&workflow, json!({"verification": "header", "secret": "the secret", "dedupeHeader": "x-order"}))
        .await;
    let client = hook.outside.with("x-webhook-secret", "the secret").with("x-order", "o-1").with("x-event", "push");
    let path = format!("{}?a=1", hook.public);
    let body = b"\xffnot text".to_vec();
    client.send_bytes(Method::POST, &path, Some(body.clone())).await.problem(409, "conflict");
    let refused = hook.newest().await;
    let again = format!("{}/deliveries/{}/redeliver", hook.path, refused["id"].as_str().unwrap());
    hooks.ann().post(&again, json!({})).await.problem(409, "conflict");
    hooks.ann().post(&format!("{}/workflows/{workflow}/deploy", hooks.scene.place.pod()), json!({})).await.expect(200);
    hooks.ann().patch(&hook.path, json!({"enabled": false})).await.expect(200);

    // What was refused then is started now, once per idempotency key.
    let keyed = hooks.ann().with("idempotency-key", "k");
    let first = keyed.post(&again, json!({})).await;
    let run = hooks.started(&first);
    assert_eq!(keyed.post(&again, json!({})).await.text, first.text);
    let execution = run.view().await;
    let webhook = &execution["context"]["webhook"];
    assert_eq!(execution["input"], json!({"body": "/25vdCB0ZXh0", "contentType": null, "encoding": "base64"}));
    assert_eq!([&execution["triggeredBy"], &execution["createdBy"]], [&json!("webhook"), &json!("ann")]);
    assert_eq!(
        [&webhook["redeliveryOf"], &webhook["headers"]["x-event"], &webhook["query"]["a"]],
        [&refused["id"], &json!("push"), &json!("1")]
    );
    let row = hook.newest().await;
    let shown =
        ["verdict", "status", "executionId", "redeliveryOf", "dedupeKey", "body"].map(|field| row[field].clone());
    let expected =
        [json!("started"), json!(201), json!(run.id), refused["id"].clone(), Value::Null, refused["body"].clone()];
    assert_eq!(shown, expected);
    // And once more, with the row of the redelivery.
    let again = format!("{}/deliveries/{}/redeliver", hook.path, row["id"].as_str().unwrap());
    assert_ne!(hooks.started(&hooks.ann().post(&again, json!({})).await).id, run.id);
    assert_eq!(hook.deliveries().await.len(), 3);

    // What did not prove who sent it is not started by anybody else's hand; nor is what was not kept.
    hooks.ann().patch(&hook.path, json!({"enabled": true})).await.expect(200);
    hook.deliver(&[], "{}").await.problem(401, "webhook_unverified");
    let headers = [("x-webhook-secret", "the secret")];
    let redeliver = async || {
        let id = hook.newest().await["id"].as_str().unwrap().to_owned();
        hooks.ann().post(&format!("{}/deliveries/{id}/redeliver", hook.path), json!({})).await
    };
    assert!(redeliver().await.problem(409, "conflict")["detail"].as_str().unwrap().contains("who sent it"));
    hook.deliver(&headers, &"x".repeat(2 << 20)).await.problem(413, "body_too_large");
    redeliver().await.problem(409, "conflict");
    hooks.started(&hook.deliver(&headers, "").await);
    hooks.started(&redeliver().await);
    assert_eq!(hooks.executions().await, 4);
}

async fn refused_deliveries_do_not_fill_the_ledger(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "header", "secret": "the secret"})).await;
    let other = hooks.make(&workflow, json!({"verification": "header", "secret": "the secret"})).await;
    let large = "x".repeat(100_000);
    for _ in 0..110 {
        hook.deliver(&[], &large).await.problem(401, "webhook_unverified");
    }
    assert_eq!(hook.deliveries().await.len(), 100);
    let delivery = hook.newest().await;
    assert_eq!((delivery["body"].as_str().unwrap().len(), &delivery["bodyIsWhole"]), (4_096, &json!(false)));
    assert_eq!(delivery["bodyBytes"], 100_000);
    // What starts something gets its row in any case; another webhook and another hour have rows of their own.
    hooks.started(&hook.deliver(&[("x-webhook-secret", "the secret")], "{}").await);
    assert_eq!(hook.newest().await["verdict"], "started");
    other.deliver(&[], "{}").await.problem(401, "webhook_unverified");
    assert_eq!(other.deliveries().await.len(), 1);
    hooks.scene.app.clock.advance_ms(3_600_000);
    hook.deliver(&[], "{}").await.problem(401, "webhook_unverified");
    assert_eq!(hook.newest().await["verdict"], "unverified");
}

async fn old_deliveries_are_forgotten(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "header", "secret": "the secret"})).await;
    hook.deliver(&[], "{}").await.problem(401, "webhook_unverified");
    let run = hooks.started(&hook.deliver(&[("x-webhook-secret", "the secret")], "{}").await);
    let left = async |day: i64| {
        hooks.scene.app.clock.advance_ms(day * 86_400_000);
        hooks.scene.app.state.webhooks.sweep().await.unwrap();
        hook.ann.get(&format!("{}/deliveries", hook.path)).await.expect(200).as_array().unwrap().len()
    };
    assert_eq!([left(0).await, left(2).await, left(1).await, left(10).await, left(1).await], [2, 2, 1, 1, 0]);
    assert_eq!(run.status().await, "suspended", "what was started stays");
}
