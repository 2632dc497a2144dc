//! Webhooks and the ledger of their deliveries: a delivery that starts an execution is written with it, or neither is.

use sluicegate::{
    clock::Instant,
    domain::{
        execution::Execution,
        webhook::{ResponseMode, Secrets, Verdict, Verification, Webhook, WebhookDelivery},
    },
    store::{
        Store, StoreError,
        catalogue::{Change, WEBHOOK_CHANGED},
        commit::{Commit, CommitError},
    },
};

use super::{
    audit::whole,
    fixture::{Fixture, Home, START, ada, create, new_home, reply},
};

/// A webhook with all fields set.
fn webhook(fixture: &Fixture, home: Home) -> Webhook {
    Webhook {
        id: fixture.id(),
        workspace_id: home.workspace,
        pod_id: home.pod,
        workflow_id: home.workflow,
        name: "Orders ü".to_owned(),
        verification: Verification::HmacSha256,
        secrets: Secrets {
            current: Some("a secret ü".to_owned()),
            previous: Some(("the one before".to_owned(), START.plus_ms(5))),
        },
        enabled: true,
        dedupe_header: Some("x-order".to_owned()),
        response: ResponseMode::Wait,
        wait_seconds: 7,
        rate_per_minute: 60,
        created_by: "ada".to_owned(),
        created_at: START,
        updated_at: START,
    }
}

async fn stored(fixture: &Fixture) -> Webhook {
    let webhook = webhook(fixture, fixture.home);
    fixture.store.change(Change::CreateWebhook(Box::new(webhook.clone())), &ada(), None).await.unwrap();
    webhook
}

/// A delivery with all fields set.
fn delivery(fixture: &Fixture, webhook: &Webhook) -> WebhookDelivery {
    WebhookDelivery {
        id: fixture.id(),
        workspace_id: webhook.workspace_id,
        webhook_id: webhook.id,
        received_at: START,
        verdict: Verdict::Refused,
        reason: Some("why ü".to_owned()),
        status: Some(409),
        execution_id: Some(fixture.id()),
        dedupe_key: Some("x-order:1".to_owned()),
        redelivery_of: Some(fixture.id()),
        body_bytes: 300,
        headers: vec![("x-a".to_owned(), "\u{fffd} \"".to_owned()), ("x-a".to_owned(), String::new())],
        query: Some("a=%00".to_owned()),
        body: Some((0..=255).collect()),
        forget_at: START.plus_ms(1_000),
    }
}

fn narrow(delivery: &WebhookDelivery) -> WebhookDelivery {
    WebhookDelivery { headers: Vec::new(), query: None, body: None, ..delivery.clone() }
}

/// An execution that a delivery has started.
fn started(fixture: &Fixture, webhook: &Webhook) -> (Execution, WebhookDelivery, Commit) {
    let mut execution = fixture.execution();
    execution.origin.trigger_id = Some(webhook.id.to_string());
    let row = WebhookDelivery {
        verdict: Verdict::Started,
        reason: None,
        status: None,
        execution_id: Some(execution.origin.id),
        redelivery_of: None,
        ..delivery(fixture, webhook)
    };
    let commit = Commit { delivery: Some(Box::new(row.clone())), ..create(&execution) };
    (execution, row, commit)
}

async fn ledger(store: &dyn Store, webhook: &Webhook) -> Vec<WebhookDelivery> {
    store.webhook_deliveries(webhook.workspace_id, webhook.id, 100, None).await.unwrap().items
}

pub async fn webhooks_are_kept_changed_and_deleted(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let made = stored(&fixture).await;
    assert_eq!(store.webhook(home.workspace, made.id).await.unwrap(), made);
    assert_eq!(store.webhook_anywhere(made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.webhook_anywhere(fixture.id()).await.unwrap(), None);
    let other = stored(&fixture).await;
    let page = store.webhooks(home.workspace, home.pod, 1, None).await.unwrap();
    assert_eq!(page.items, std::slice::from_ref(&other));
    let next = store.webhooks(home.workspace, home.pod, 1, page.next.as_deref()).await.unwrap();
    assert_eq!((next.items, next.next), (vec![made.clone()], None));

    let changed = Webhook {
        name: "Other".to_owned(),
        verification: Verification::None,
        secrets: Secrets::default(),
        enabled: false,
        dedupe_header: None,
        response: ResponseMode::Execution,
        updated_at: START.plus_ms(1),
        ..made.clone()
    };
    let update =
        |expected: Instant| Change::UpdateWebhook { webhook: Box::new(changed.clone()), expected_updated_at: expected };
    store.change(update(START), &ada(), None).await.unwrap();
    assert_eq!(store.webhook(home.workspace, made.id).await.unwrap(), changed);
    let stale = store.change(update(START), &ada(), None).await;
    assert!(matches!(stale, Err(StoreError::Refused(WEBHOOK_CHANGED))), "{stale:?}");
    let rotated = Webhook {
        secrets: changed.secrets.rotated("new".to_owned(), START, 9),
        updated_at: START.plus_ms(2),
        ..changed.clone()
    };
    let rotate = Change::RotateWebhook { webhook: Box::new(rotated.clone()), expected_updated_at: changed.updated_at };
    store.change(rotate, &ada(), None).await.unwrap();
    assert_eq!(store.webhook(home.workspace, made.id).await.unwrap(), rotated);

    let foreign = new_home(store, &fixture.clock, "other").await;
    assert!(matches!(store.webhook(foreign.workspace, made.id).await, Err(StoreError::NotFound("webhook"))));
    assert!(store.webhooks(foreign.workspace, home.pod, 9, None).await.unwrap().items.is_empty());
    let refused = store.change(Change::DeleteWebhook(foreign.workspace, made.id), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound("webhook"))), "{refused:?}");
    let orphan = Webhook { workflow_id: foreign.workflow, ..webhook(&fixture, home) };
    let refused = store.change(Change::CreateWebhook(Box::new(orphan)), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound("workflow"))), "{refused:?}");

    store.note_delivery(&delivery(&fixture, &made)).await.unwrap();
    store.change(Change::DeleteWebhook(home.workspace, made.id), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["webhook_deliveries"]).await, 0);
    let gone = store.change(update(rotated.updated_at), &ada(), None).await;
    assert!(matches!(gone, Err(StoreError::NotFound("webhook"))), "{gone:?}");
    let records = whole(store, home.workspace).await;
    let told: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
    let expected =
        ["webhook.created", "webhook.created", "webhook.updated", "webhook.secret_rotated", "webhook.deleted"];
    assert_eq!(told[3..], expected);
    assert!(!format!("{records:?}").contains("secret ü"));

    // With its workflow goes a webhook, too.
    store.change(Change::DeleteWorkflow(home.workspace, home.workflow), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["webhooks"]).await, 0);
}

pub async fn deliveries_are_listed_answered_and_forgotten(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let (hook, other) = (stored(&fixture).await, stored(&fixture).await);
    let mut rows: Vec<_> = (0..5).map(|_| delivery(&fixture, &hook)).collect();
    rows[1] = WebhookDelivery {
        reason: None,
        status: None,
        execution_id: None,
        dedupe_key: None,
        redelivery_of: None,
        headers: Vec::new(),
        query: None,
        body: None,
        ..rows[1].clone()
    };
    for row in &rows {
        store.note_delivery(row).await.unwrap();
        assert_eq!(&store.webhook_delivery(home.workspace, hook.id, row.id).await.unwrap(), row);
    }
    let page = store.webhook_deliveries(home.workspace, hook.id, 2, None).await.unwrap();
    assert_eq!(page.items, [narrow(&rows[4]), narrow(&rows[3])]);
    let rest = store.webhook_deliveries(home.workspace, hook.id, 9, page.next.as_deref()).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (3, None));
    let foreign = store.webhook_deliveries(home.workspace, hook.id, 2, Some("x")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)), "{foreign:?}");
    assert!(ledger(store, &other).await.is_empty());
    for (workspace, webhook) in [(home.workspace, other.id), (fixture.id(), hook.id)] {
        let missing = store.webhook_delivery(workspace, webhook, rows[0].id).await;
        assert!(matches!(missing, Err(StoreError::NotFound("delivery"))), "{missing:?}");
        store.delivery_answered(workspace, webhook, rows[1].id, 500).await.unwrap();
    }
    assert_eq!(store.webhook_delivery(home.workspace, hook.id, rows[1].id).await.unwrap().status, None);
    store.delivery_answered(home.workspace, hook.id, rows[1].id, 202).await.unwrap();
    assert_eq!(store.webhook_delivery(home.workspace, hook.id, rows[1].id).await.unwrap().status, Some(202));

    let mut nul = delivery(&fixture, &hook);
    nul.reason = Some("a\0b".to_owned());
    assert!(matches!(store.note_delivery(&nul).await, Err(StoreError::Refused(_))));
    let later = WebhookDelivery { forget_at: START.plus_ms(2_000), ..delivery(&fixture, &other) };
    store.note_delivery(&later).await.unwrap();
    assert_eq!(store.forget_deliveries(START.plus_ms(999), 9).await.unwrap(), 0);
    assert_eq!(store.forget_deliveries(START.plus_ms(1_000), 3).await.unwrap(), 3);
    assert_eq!(store.forget_deliveries(START.plus_ms(1_999), 9).await.unwrap(), 2);
    assert_eq!((ledger(store, &hook).await, ledger(store, &other).await), (Vec::new(), vec![narrow(&later)]));
}

pub async fn a_commit_has_its_delivery_or_is_not_written(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let hook = stored(&fixture).await;
    let (execution, row, commit) = started(&fixture, &hook);
    let keyed = Commit { idempotency: Some(reply("webhook", "key", START)), ..commit };
    fixture.write(keyed).await.unwrap();
    assert_eq!(store.webhook_delivery(home.workspace, hook.id, row.id).await.unwrap(), row);
    store.execution(home.workspace, execution.origin.id).await.unwrap();

    // The same key, alone and among others: neither execution nor row.
    let (late, _, commit) = started(&fixture, &hook);
    let keyed = Commit { idempotency: Some(reply("webhook", "key", START)), ..commit };
    assert!(matches!(fixture.write(keyed.clone()).await, Err(CommitError::Repeated(_))));
    let mut batch: Vec<_> = (0..40).map(|_| started(&fixture, &hook).2).collect();
    batch.push(keyed);
    let results = store.commit(&batch).await.unwrap();
    assert!(results[..40].iter().all(Result::is_ok), "{results:?}");
    assert!(matches!(results[40], Err(CommitError::Repeated(_))), "{results:?}");
    assert!(store.execution(home.workspace, late.origin.id).await.is_err());
    assert_eq!(ledger(store, &hook).await.len(), 41);

    // A webhook that is gone fails alone, and leaves its key free.
    let gone = webhook(&fixture, home);
    let (orphan, _, commit) = started(&fixture, &gone);
    let keyed = Commit { idempotency: Some(reply("webhook", "free", START)), ..commit };
    let mut batch: Vec<_> = (0..3).map(|_| started(&fixture, &hook).2).collect();
    batch.insert(1, keyed);
    let results = store.commit(&batch).await.unwrap();
    for (index, result) in results.iter().enumerate() {
        let refused = matches!(result, Err(CommitError::Refused(_)));
        assert_eq!((refused, result.is_ok()), (index == 1, index != 1), "{index}: {result:?}");
    }
    assert!(store.execution(home.workspace, orphan.origin.id).await.is_err());
    assert!(store.idempotent_reply("webhook", "free", START).await.unwrap().is_none());
    let mut nul = started(&fixture, &hook).2;
    nul.delivery.as_mut().unwrap().dedupe_key = Some("a\0b".to_owned());
    assert!(matches!(fixture.write(nul).await, Err(CommitError::Refused(_))));
    assert_eq!(fixture.rows_of(&["executions"]).await, ledger(store, &hook).await.len() as i64);
}

pub async fn of_servers_that_get_one_delivery_one_starts_it(fixture: Fixture) {
    let hook = stored(&fixture).await;
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = fixture.second_store().await;
        let commits: Vec<_> = (0..25)
            .map(|number| {
                let (execution, _, commit) = started(&fixture, &hook);
                let mut kept = reply("webhook", &format!("key {number}"), START);
                kept.body = execution.origin.id.to_string();
                Commit { idempotency: Some(kept), ..commit }
            })
            .collect();
        servers.spawn(async move {
            let mut replies = Vec::new();
            for commit in commits {
                let own = commit.idempotency.as_ref().unwrap().body.clone();
                replies.push(match store.commit(&[commit]).await.unwrap().remove(0) {
                    Ok(()) => own,
                    Err(CommitError::Repeated(stored)) => stored.body,
                    Err(error) => panic!("{error}"),
                });
            }
            replies
        });
    }
    let replies = servers.join_all().await;
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "all are told the same");
    assert_eq!(fixture.rows_of(&["executions"]).await, 25);
    let mut rows: Vec<_> = ledger(&*fixture.store, &hook).await;
    rows.sort_by_key(|row| row.execution_id);
    assert_eq!(rows.len(), 25);
    let mut told: Vec<_> = replies[0].clone();
    told.sort();
    assert_eq!(rows.iter().map(|row| row.execution_id.unwrap().to_string()).collect::<Vec<_>>(), told);
}
