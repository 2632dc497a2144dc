//! Secrets, and texts of other tables that are sealed: kept as they are given, and never opened here.

use sluicegate::{
    clock::Instant,
    domain::{
        ids::{WebhookId, WorkspaceId},
        secret::{Envelope, SealedSecret, Secret},
        webhook::{ResponseMode, Secrets, Verification, Webhook},
    },
    store::{
        StoreError,
        catalogue::Change,
        secrets::{SealedColumn, SealedText},
    },
};
use uuid::Uuid;

use super::fixture::{Fixture, START, ada, new_home};

fn sealed(workspace_id: WorkspaceId, name: &str, key_id: &str, at: Instant) -> SealedSecret {
    let secret = Secret { name: name.to_owned(), created_at: START, updated_at: at, updated_by: "ada".to_owned() };
    let envelope = Envelope { key_id: key_id.to_owned(), wrapped_key: vec![0, 1, 255], sealed: vec![7; 3_000] };
    SealedSecret { workspace_id, secret, envelope }
}

async fn put(fixture: &Fixture, secret: &SealedSecret) -> Result<(), StoreError> {
    fixture.store.change(Change::PutSecret(Box::new(secret.clone())), &ada(), None).await
}

pub async fn secrets_are_set_listed_replaced_and_deleted(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let other = new_home(&**store, &fixture.clock, "other").await.workspace;
    let first = sealed(workspace, "b", "k1", START);
    for secret in [&first, &sealed(workspace, "A", "k1", START), &sealed(other, "b", "k2", START)] {
        put(&fixture, secret).await.unwrap();
    }
    assert_eq!(store.secret(workspace, "b").await.unwrap(), first);
    assert_eq!(store.secret(other, "b").await.unwrap().envelope.key_id, "k2");
    assert!(matches!(store.secret(other, "A").await, Err(StoreError::NotFound("secret"))));
    let names = |secrets: Vec<Secret>| secrets.into_iter().map(|secret| secret.name).collect::<Vec<_>>();
    let mut listed = names(store.secrets(workspace).await.unwrap());
    // Names are unique; their order is that of the database.
    listed.sort();
    assert_eq!(listed, ["A", "b"]);

    let mut second = sealed(workspace, "b", "k3", START.plus_ms(5));
    second.secret.created_at = START.plus_ms(5);
    second.secret.updated_by = "bea".to_owned();
    second.envelope.sealed = vec![8];
    put(&fixture, &second).await.unwrap();
    second.secret.created_at = START;
    assert_eq!(store.secret(workspace, "b").await.unwrap(), second, "the time of the first stays");

    let delete = async |workspace, name: &str| {
        store.change(Change::DeleteSecret(workspace, name.to_owned()), &ada(), None).await
    };
    delete(workspace, "b").await.unwrap();
    assert!(matches!(delete(workspace, "b").await, Err(StoreError::NotFound("secret"))));
    assert_eq!(names(store.secrets(workspace).await.unwrap()), ["A"]);
    assert_eq!(names(store.secrets(other).await.unwrap()), ["b"]);
    let nowhere = sealed(fixture.id(), "b", "k1", START);
    assert!(matches!(put(&fixture, &nowhere).await, Err(StoreError::NotFound("workspace"))));
    store.change(Change::DeleteWorkspace(other), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["secrets"]).await, 1);
}

pub async fn another_key_is_put_around_what_was_seen_alone(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    for (name, key) in [("a", "old"), ("b", "new"), ("c", "old"), ("d", "older")] {
        put(&fixture, &sealed(workspace, name, key, START)).await.unwrap();
    }
    let nil = WorkspaceId(Uuid::nil());
    let page = store.secrets_under_others("new", (nil, ""), 2).await.unwrap();
    assert_eq!(page.iter().map(|secret| secret.secret.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let rest = store.secrets_under_others("new", (workspace, "c"), 2).await.unwrap();
    assert_eq!(rest, [sealed(workspace, "d", "older", START)]);
    assert_eq!(store.secrets_under_others("new", (workspace, "d"), 2).await.unwrap(), []);

    let wrapped = Envelope { key_id: "new".to_owned(), wrapped_key: vec![9], ..page[0].envelope.clone() };
    assert!(store.rewrap_secret(&page[0], &wrapped).await.unwrap());
    let after = store.secret(workspace, "a").await.unwrap();
    assert_eq!((&after.secret, &after.envelope), (&page[0].secret, &wrapped), "only the key is another");
    assert!(!store.rewrap_secret(&page[0], &wrapped).await.unwrap(), "it is not as it was seen any more");
    let mut anew = page[1].clone();
    anew.envelope.wrapped_key = vec![5];
    put(&fixture, &anew).await.unwrap();
    assert!(!store.rewrap_secret(&page[1], &wrapped).await.unwrap(), "somebody has set it anew");
    assert_eq!(store.secret(workspace, "c").await.unwrap().envelope, anew.envelope);
}

pub async fn texts_that_are_sealed_are_paged_and_replaced(fixture: Fixture) {
    let store = &fixture.store;
    let mut ids = Vec::new();
    for secrets in [
        Secrets { current: Some("one".to_owned()), previous: None },
        Secrets { current: Some("two".to_owned()), previous: Some(("before".to_owned(), START)) },
        Secrets::default(),
    ] {
        let webhook = Webhook {
            id: fixture.id(),
            workspace_id: fixture.home.workspace,
            pod_id: fixture.home.pod,
            workflow_id: fixture.home.workflow,
            name: "hook".to_owned(),
            verification: Verification::HmacSha256,
            secrets,
            enabled: true,
            dedupe_header: None,
            response: ResponseMode::Execution,
            wait_seconds: 1,
            rate_per_minute: 1,
            created_by: "ada".to_owned(),
            created_at: START,
            updated_at: START,
        };
        store.change(Change::CreateWebhook(Box::new(webhook.clone())), &ada(), None).await.unwrap();
        ids.push(webhook.id);
    }
    let begin = (WorkspaceId(Uuid::nil()), Uuid::nil());
    let text = |id: WebhookId, text: &str| SealedText {
        workspace_id: fixture.home.workspace,
        id: id.0,
        owner: id.0,
        text: text.to_owned(),
    };
    let current = store.sealed_texts(SealedColumn::WebhookSecret, begin, 10).await.unwrap();
    assert_eq!(current, [text(ids[0], "one"), text(ids[1], "two")]);
    let second = store.sealed_texts(SealedColumn::WebhookSecret, (fixture.home.workspace, ids[0].0), 1).await.unwrap();
    assert_eq!(second, [text(ids[1], "two")]);
    let previous = store.sealed_texts(SealedColumn::PreviousWebhookSecret, begin, 10).await.unwrap();
    assert_eq!(previous, [text(ids[1], "before")]);
    assert_eq!(store.sealed_texts(SealedColumn::NotificationTarget, begin, 10).await.unwrap(), []);

    assert!(store.replace_sealed_text(SealedColumn::WebhookSecret, &current[0], "sealed").await.unwrap());
    assert!(!store.replace_sealed_text(SealedColumn::WebhookSecret, &current[0], "again").await.unwrap());
    assert!(store.replace_sealed_text(SealedColumn::PreviousWebhookSecret, &previous[0], "x").await.unwrap());
    let webhook = store.webhook(fixture.home.workspace, ids[0]).await.unwrap();
    assert_eq!((webhook.secrets.current.as_deref(), webhook.updated_at), (Some("sealed"), START));
    let previous = store.webhook(fixture.home.workspace, ids[1]).await.unwrap().secrets.previous;
    assert_eq!(previous, Some(("x".to_owned(), START)));
}
