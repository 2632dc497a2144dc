//! Subscriptions: always those of the deployed version, found by their texts, and gone with their workflow.

use serde_json::json;
use sluicegate::{
    domain::{
        definition::Definition,
        ids::WorkflowId,
        workflow::{Workflow, WorkflowState},
    },
    store::{StoreError, catalogue::Change},
};

use super::fixture::{Fixture, Home, ada, new_home, pod, reply, workflow};

fn subscribing(types: &[&str]) -> Definition {
    let subscriptions: Vec<_> = types.iter().map(|event_type| json!({"type": event_type})).collect();
    let nodes = json!([{"id": "start", "type": "start"}]);
    serde_json::from_value(json!({"nodes": nodes, "settings": {"subscriptions": subscriptions}})).unwrap()
}

/// A workflow that is deployed from the start.
async fn deployed(fixture: &Fixture, home: Home, types: &[&str]) -> Workflow {
    let workflow = Workflow {
        id: fixture.id(),
        state: WorkflowState::Deployed,
        deployed_version: Some(1),
        definition: Some(subscribing(types)),
        ..workflow(home, fixture.clock.now())
    };
    let create = Change::CreateWorkflow(workflow.clone(), "ada".to_owned());
    fixture.store.change(create, &ada(), None).await.unwrap();
    workflow
}

async fn found(fixture: &Fixture, home: Home, patterns: &[&str]) -> Vec<(WorkflowId, i64)> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    fixture.store.subscribers(home.workspace, home.pod, &patterns).await.unwrap()
}

async fn change(fixture: &Fixture, before: &mut Workflow, revise: impl FnOnce(&mut Workflow) -> Option<Definition>) {
    let mut after = before.clone();
    let new_version = revise(&mut after).map(|definition| (definition, "ada".to_owned()));
    after.updated_at = before.updated_at.plus_ms(1);
    let expected_updated_at = before.updated_at;
    let update = Change::UpdateWorkflow { workflow: after.clone(), expected_updated_at, new_version };
    fixture.store.change(update, &ada(), None).await.unwrap();
    *before = after;
}

pub async fn they_are_those_of_the_deployed_version(fixture: Fixture) {
    let home = fixture.home;
    let mut one = deployed(&fixture, home, &["a.b", "a.*", "a.b"]).await;
    let id = one.id;
    assert_eq!(found(&fixture, home, &["a.b", "a.*", "*"]).await, [(id, 1)]);
    assert_eq!(found(&fixture, home, &["a.*"]).await, [(id, 1)]);
    assert!(found(&fixture, home, &["a", "a.b.c", "A.b", "%", "a_b"]).await.is_empty());
    change(&fixture, &mut one, |workflow| {
        workflow.version = 2;
        Some(subscribing(&["c"]))
    })
    .await;
    assert_eq!((found(&fixture, home, &["a.b"]).await, found(&fixture, home, &["c"]).await), (vec![(id, 1)], vec![]));
    change(&fixture, &mut one, |workflow| {
        workflow.deployed_version = Some(2);
        None
    })
    .await;
    assert_eq!((found(&fixture, home, &["a.b"]).await, found(&fixture, home, &["c"]).await), (vec![], vec![(id, 2)]));
    // A new version that is deployed in the same change.
    change(&fixture, &mut one, |workflow| {
        (workflow.version, workflow.deployed_version) = (3, Some(3));
        Some(subscribing(&["d"]))
    })
    .await;
    assert_eq!((found(&fixture, home, &["c"]).await, found(&fixture, home, &["d"]).await), (vec![], vec![(id, 3)]));
    for state in [WorkflowState::Draft, WorkflowState::Trashed] {
        change(&fixture, &mut one, |workflow| {
            (workflow.state, workflow.deployed_version) = (state, None);
            None
        })
        .await;
        assert!(found(&fixture, home, &["d"]).await.is_empty());
    }
    // What fails leaves them as they were.
    change(&fixture, &mut one, |workflow| {
        (workflow.state, workflow.deployed_version) = (WorkflowState::Deployed, Some(1));
        None
    })
    .await;
    let stale = Workflow { state: WorkflowState::Draft, deployed_version: None, ..one.clone() };
    let update = Change::UpdateWorkflow { workflow: stale, expected_updated_at: one.created_at, new_version: None };
    let refused = fixture.store.change(update, &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(found(&fixture, home, &["a.b"]).await, [(id, 1)]);
    fixture.store.change(Change::DeleteWorkflow(home.workspace, id), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["subscriptions"]).await, 0);
}

pub async fn each_pod_has_its_own(fixture: Fixture) {
    let (home, store) = (fixture.home, &fixture.store);
    let foreign = new_home(&**store, &fixture.clock, "foreign").await;
    let elsewhere = Home { pod: fixture.id(), ..home };
    store.change(Change::CreatePod(pod(elsewhere, "other", fixture.clock.now())), &ada(), None).await.unwrap();
    let (one, two) = (deployed(&fixture, home, &["x"]).await, deployed(&fixture, elsewhere, &["x"]).await);
    let three = deployed(&fixture, foreign, &["x"]).await;
    for (home, workflow) in [(home, &one), (elsewhere, &two), (foreign, &three)] {
        assert_eq!(found(&fixture, home, &["x", "*"]).await, [(workflow.id, 1)]);
    }
    assert!(found(&fixture, Home { workspace: foreign.workspace, ..home }, &["x"]).await.is_empty());
    store.change(Change::DeletePod(home.workspace, elsewhere.pod), &ada(), None).await.unwrap();
    store.change(Change::DeleteWorkspace(foreign.workspace), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["subscriptions"]).await, 1);
}

pub async fn there_is_a_most_that_are_found(fixture: Fixture) {
    let mut ids = Vec::new();
    for _ in 0..203 {
        ids.push(deployed(&fixture, fixture.home, &["x", "*"]).await.id);
    }
    let ids: Vec<_> = ids.into_iter().take(201).map(|id| (id, 1)).collect();
    assert_eq!(found(&fixture, fixture.home, &["x", "*"]).await, ids);
    // More texts than one statement of SQLite takes.
    let many: Vec<String> = (0..40).map(|n| format!("x{n}")).chain(["*".to_owned(), "x".to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(found(&fixture, fixture.home, &many).await, ids);
}

pub async fn a_reply_is_kept_by_itself_once(fixture: Fixture) {
    let kept = reply(&fixture.home.workspace.to_string(), "k", fixture.clock.now());
    fixture.store.keep_reply(&kept).await.unwrap();
    let other = sluicegate::store::catalogue::IdempotentReply { body: "{}".to_owned(), ..kept.clone() };
    match fixture.store.keep_reply(&other).await {
        Err(StoreError::Repeated(stored)) => assert_eq!(*stored, kept),
        answer => panic!("{answer:?}"),
    }
    let found = fixture.store.idempotent_reply(&kept.scope, "k", fixture.clock.now()).await.unwrap();
    assert_eq!(found, Some(kept));
}
