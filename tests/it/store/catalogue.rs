//! Workspaces, members, keys, pods, workflows: what changes, what is refused, what goes with what.

use std::{sync::Arc, time::Duration};

use sluicegate::{
    domain::{
        execution::ExecutionStatus,
        identity::{ApiKey, Invite, Member, Role},
        ids::{PodId, WorkflowId, WorkspaceId},
        workflow::{Pod, Workflow, WorkflowState, Workspace},
    },
    store::{
        Store, StoreError, WorkflowFilter,
        catalogue::Change,
        commit::{Commit, Notices, QueueRow, TimerChange},
    },
};

use super::fixture::{
    Fixture, Home, KEPT_MS, START, ada, append, create, definition, execution, new_home, open, pod, reply, suspension,
    workflow, workspace,
};
use super::notifications::{link, notification};

async fn change(fixture: &Fixture, change: Change) -> Result<(), StoreError> {
    fixture.store.change(change, &ada(), None).await
}

macro_rules! refused {
    ($outcome:expr, $kind:pat) => {{
        let outcome = $outcome;
        assert!(matches!(outcome, Err($kind)), "{outcome:?}");
    }};
}

pub async fn workspaces(fixture: Fixture) {
    let store = &fixture.store;
    let id: WorkspaceId = fixture.id();
    let owner = member(id, "bea", Role::Owner);
    refused!(
        change(&fixture, Change::CreateWorkspace(workspace(id, "home", START), owner.clone())).await,
        StoreError::Taken("slug")
    );
    refused!(store.workspace(id).await, StoreError::NotFound("workspace"));
    let second = workspace(id, "second", START);
    change(&fixture, Change::CreateWorkspace(second.clone(), owner.clone())).await.unwrap();
    assert_eq!(store.workspace(id).await.unwrap(), second);
    assert_eq!(store.members(id).await.unwrap(), [owner]);

    let renamed =
        Workspace { name: "Zwei".to_owned(), slug: "zwei".to_owned(), updated_at: START.plus_ms(5), ..second };
    change(&fixture, Change::UpdateWorkspace(renamed.clone())).await.unwrap();
    assert_eq!(store.workspace(id).await.unwrap(), renamed);
    let clashing = Workspace { slug: "home".to_owned(), ..renamed.clone() };
    refused!(change(&fixture, Change::UpdateWorkspace(clashing)).await, StoreError::Taken("slug"));
    let missing = Workspace { id: fixture.id(), slug: "third".to_owned(), ..renamed.clone() };
    refused!(change(&fixture, Change::UpdateWorkspace(missing)).await, StoreError::NotFound("workspace"));

    change(&fixture, Change::PutMember(member(fixture.home.workspace, "bea", Role::Viewer))).await.unwrap();
    let of_bea: Vec<_> = store.workspaces_of("bea").await.unwrap().into_iter().map(|found| found.id).collect();
    assert_eq!(of_bea, [id, fixture.home.workspace]);
    assert_eq!(store.workspaces_of("nobody").await.unwrap(), []);
}

fn member(workspace_id: WorkspaceId, user_id: &str, role: Role) -> Member {
    Member { workspace_id, user_id: user_id.to_owned(), role, created_at: START }
}

pub async fn members_keep_an_owner(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home.workspace);
    let put = async |user: &str, role| change(&fixture, Change::PutMember(member(home, user, role))).await;
    let remove = async |user: &str| change(&fixture, Change::RemoveMember(home, user.to_owned())).await;
    refused!(put("ada", Role::Admin).await, StoreError::Refused(_));
    refused!(remove("ada").await, StoreError::Refused(_));
    put("ada", Role::Owner).await.unwrap();
    put("bea", Role::Viewer).await.unwrap();
    put("bea", Role::Editor).await.unwrap();
    assert_eq!(store.member(home, "bea").await.unwrap(), member(home, "bea", Role::Editor));
    refused!(remove("ada").await, StoreError::Refused(_));
    put("bea", Role::Owner).await.unwrap();
    remove("ada").await.unwrap();
    refused!(remove("ada").await, StoreError::NotFound("member"));
    refused!(store.member(home, "ada").await, StoreError::NotFound("member"));
    refused!(put("bea", Role::Admin).await, StoreError::Refused(_));
    let elsewhere = member(fixture.id(), "bea", Role::Owner);
    refused!(change(&fixture, Change::PutMember(elsewhere)).await, StoreError::NotFound("workspace"));

    // Two owners who take the role from each other at the same moment: one of them keeps it.
    put("ada", Role::Owner).await.unwrap();
    let other = fixture.second_store().await;
    for _ in 0..10 {
        let author = ada();
        let (one, two) = tokio::join!(
            store.change(Change::PutMember(member(home, "ada", Role::Viewer)), &author, None),
            other.change(Change::PutMember(member(home, "bea", Role::Viewer)), &author, None),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let owners = store.members(home).await.unwrap();
        let owner = owners.iter().find(|member| member.role == Role::Owner).unwrap();
        let other = if owner.user_id == "ada" { "bea" } else { "ada" };
        put(other, Role::Owner).await.unwrap();
    }
}

pub async fn invites(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home.workspace);
    let invite = |role| Invite {
        id: fixture.id(),
        workspace_id: home,
        email: "bea@example.org".to_owned(),
        role,
        created_by: "ada".to_owned(),
        created_at: START,
        expires_at: START.plus_ms(1000),
        accepted_at: None,
    };
    let (first, second, third) = (invite(Role::Editor), invite(Role::Viewer), invite(Role::Admin));
    for (invite, digest) in [(&first, 1), (&second, 2), (&third, 3)] {
        change(&fixture, Change::CreateInvite(invite.clone(), vec![digest; 32])).await.unwrap();
    }
    assert_eq!(store.invite_by_digest(&[1; 32]).await.unwrap(), first);
    refused!(store.invite_by_digest(&[9; 32]).await, StoreError::NotFound("invite"));
    assert_eq!(store.invites(home).await.unwrap(), [third.clone(), second.clone(), first.clone()]);

    let accept = async |invite: &Invite, user: &str| {
        let member = member(home, user, invite.role);
        change(&fixture, Change::AcceptInvite(invite.clone(), member, START.plus_ms(7))).await
    };
    accept(&first, "bea").await.unwrap();
    assert_eq!(store.member(home, "bea").await.unwrap().role, Role::Editor);
    refused!(accept(&first, "eve").await, StoreError::Refused(_));
    assert_eq!(store.invite_by_digest(&[1; 32]).await.unwrap().accepted_at, Some(START.plus_ms(7)));
    // The higher role stays, a higher one comes.
    accept(&second, "bea").await.unwrap();
    assert_eq!(store.member(home, "bea").await.unwrap().role, Role::Editor);
    assert_eq!(store.invites(home).await.unwrap(), std::slice::from_ref(&third));
    change(&fixture, Change::DeleteInvite(home, third.id)).await.unwrap();
    refused!(change(&fixture, Change::DeleteInvite(home, third.id)).await, StoreError::NotFound("invite"));
    refused!(accept(&third, "bea").await, StoreError::Refused(_));
    let fourth = invite(Role::Admin);
    change(&fixture, Change::CreateInvite(fourth.clone(), vec![4; 32])).await.unwrap();
    accept(&fourth, "bea").await.unwrap();
    assert_eq!(store.member(home, "bea").await.unwrap().role, Role::Admin);
}

pub async fn api_keys(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home.workspace);
    let key = ApiKey {
        id: fixture.id(),
        workspace_id: home,
        name: "CI".to_owned(),
        prefix: "slg_abcd".to_owned(),
        role: Role::Editor,
        created_by: "ada".to_owned(),
        created_at: START,
        expires_at: Some(START.plus_ms(9)),
        last_used_at: None,
    };
    let newer = ApiKey { id: fixture.id(), expires_at: None, ..key.clone() };
    change(&fixture, Change::CreateApiKey(key.clone(), vec![1; 32])).await.unwrap();
    change(&fixture, Change::CreateApiKey(newer.clone(), vec![2; 32])).await.unwrap();
    let found = store.api_key_by_digest(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.key, found.digest), (key.clone(), vec![1; 32]));
    assert!(store.api_key_by_digest(&[3; 32]).await.unwrap().is_none());

    change(&fixture, Change::TouchApiKey(home, key.id, START.plus_ms(4))).await.unwrap();
    let touched = ApiKey { last_used_at: Some(START.plus_ms(4)), ..key.clone() };
    assert_eq!(store.api_keys(home).await.unwrap(), [newer, touched]);
    refused!(change(&fixture, Change::DeleteApiKey(fixture.id(), key.id)).await, StoreError::NotFound("API key"));
    change(&fixture, Change::DeleteApiKey(home, key.id)).await.unwrap();
    refused!(change(&fixture, Change::TouchApiKey(home, key.id, START)).await, StoreError::NotFound("API key"));
    assert!(store.api_key_by_digest(&[1; 32]).await.unwrap().is_none());
}

pub async fn pods(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home);
    let with_id = |id, slug: &str| pod(Home { pod: id, ..home }, slug, START);
    let ids: Vec<PodId> = (0..5).map(|_| fixture.id()).collect();
    for (index, id) in ids.iter().enumerate() {
        change(&fixture, Change::CreatePod(with_id(*id, &format!("p{index}")))).await.unwrap();
    }
    refused!(change(&fixture, Change::CreatePod(with_id(fixture.id(), "p3"))).await, StoreError::Taken("slug"));
    let nowhere = Pod { workspace_id: fixture.id(), ..with_id(fixture.id(), "x") };
    refused!(change(&fixture, Change::CreatePod(nowhere)).await, StoreError::NotFound("workspace"));
    // The same slug in another workspace is free.
    new_home(&**store, &fixture.clock, "other").await;

    let (mut found, mut cursor): (Vec<PodId>, Option<String>) = (Vec::new(), None);
    loop {
        let page = store.pods(home.workspace, 4, cursor.as_deref()).await.unwrap();
        found.extend(page.items.iter().map(|pod| pod.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [ids[4], ids[3], ids[2], ids[1], ids[0], home.pod]);

    let renamed =
        Pod { name: "Neu".to_owned(), slug: "neu".to_owned(), updated_at: START.plus_ms(3), ..with_id(ids[0], "") };
    change(&fixture, Change::UpdatePod(renamed.clone())).await.unwrap();
    assert_eq!(store.pod(home.workspace, ids[0]).await.unwrap(), renamed);
    let clashing = Pod { slug: "p1".to_owned(), ..renamed.clone() };
    refused!(change(&fixture, Change::UpdatePod(clashing)).await, StoreError::Taken("slug"));
    let missing = Pod { id: fixture.id(), slug: "q".to_owned(), ..renamed };
    refused!(change(&fixture, Change::UpdatePod(missing)).await, StoreError::NotFound("pod"));
    refused!(change(&fixture, Change::DeletePod(home.workspace, fixture.id())).await, StoreError::NotFound("pod"));
}

/// What a trigger is told is never older than the last change that was answered, whichever server made it.
pub async fn heads_of_workflows(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home);
    let other = fixture.second_store().await;
    let head = async || store.workflow_head(home.workspace, home.workflow).await;
    let mut known = Workflow { definition: None, ..workflow(home, START) };
    for version in 2..6 {
        for _ in 0..2 {
            assert_eq!(head().await.unwrap(), known);
        }
        let before = known.updated_at;
        let state = if version == 5 { WorkflowState::Trashed } else { known.state };
        known = Workflow { version, state, updated_at: before.plus_ms(1), ..known };
        let new_version = Some((definition(), "ada".to_owned()));
        let update = Change::UpdateWorkflow { workflow: known.clone(), expected_updated_at: before, new_version };
        other.change(update, &ada(), None).await.unwrap();
    }
    assert_eq!(head().await.unwrap(), known);
    refused!(store.workflow_head(fixture.id(), home.workflow).await, StoreError::NotFound("workflow"));
    other.change(Change::DeletePod(home.workspace, home.pod), &ada(), None).await.unwrap();
    refused!(head().await, StoreError::NotFound("workflow"));
    if fixture.is_postgres() {
        other.close().await;
    }
}

pub async fn workflows_and_versions(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home);
    let first = workflow(home, START);
    assert_eq!(store.workflow(home.workspace, home.workflow).await.unwrap(), first);
    let nowhere = workflow(Home { pod: fixture.id(), workflow: fixture.id(), ..home }, START);
    refused!(change(&fixture, Change::CreateWorkflow(nowhere, "ada".to_owned())).await, StoreError::NotFound("pod"));

    let update = async |workflow: &Workflow, expected, new_version| {
        let workflow = workflow.clone();
        change(&fixture, Change::UpdateWorkflow { workflow, expected_updated_at: expected, new_version }).await
    };
    let mut changed = Workflow {
        name: "Neu".to_owned(),
        description: "d".to_owned(),
        state: WorkflowState::Deployed,
        starred: true,
        version: 2,
        deployed_version: Some(1),
        updated_at: START.plus_ms(2),
        ..first.clone()
    };
    let mut graph = definition();
    graph.settings.priority = Some(9);
    update(&changed, START, Some((graph.clone(), "bea".to_owned()))).await.unwrap();
    changed.definition = Some(graph.clone());
    assert_eq!(store.workflow(home.workspace, home.workflow).await.unwrap(), changed);
    // Somebody who has read the row before that.
    refused!(update(&changed, START, None).await, StoreError::Refused(_));
    let missing = Workflow { id: fixture.id(), ..changed.clone() };
    refused!(update(&missing, START, None).await, StoreError::NotFound("workflow"));

    let second = store.workflow_version(home.workspace, home.workflow, 2).await.unwrap();
    assert_eq!((second.definition, second.created_by.as_str()), (graph, "bea"));
    assert_eq!(second.created_at, START.plus_ms(2));
    refused!(store.workflow_version(home.workspace, home.workflow, 3).await, StoreError::NotFound("workflow version"));
    let page = store.workflow_versions(home.workspace, home.workflow, 1, None).await.unwrap();
    assert_eq!(page.items[0].version, 2);
    let page = store.workflow_versions(home.workspace, home.workflow, 1, page.next.as_deref()).await.unwrap();
    assert_eq!((page.items[0].version, page.next), (1, None));

    // Lists: newest first, without definitions, trashed ones apart.
    let ids: Vec<WorkflowId> = (0..3).map(|_| fixture.id()).collect();
    for (index, id) in ids.iter().enumerate() {
        let mut another = workflow(Home { workflow: *id, ..home }, START);
        another.starred = index == 1;
        if index == 2 {
            another.state = WorkflowState::Trashed;
        }
        change(&fixture, Change::CreateWorkflow(another, "ada".to_owned())).await.unwrap();
    }
    let list = async |filter, limit| {
        let (mut found, mut cursor): (Vec<WorkflowId>, Option<String>) = (Vec::new(), None);
        loop {
            let page = store.workflows(home.workspace, home.pod, filter, limit, cursor.as_deref()).await.unwrap();
            assert!(page.items.iter().all(|workflow| workflow.definition.is_none()));
            found.extend(page.items.into_iter().map(|workflow| workflow.id));
            cursor = page.next;
            if cursor.is_none() {
                return found;
            }
        }
    };
    let any = WorkflowFilter::default();
    assert_eq!(list(any, 1).await, [ids[1], ids[0], home.workflow]);
    assert_eq!(list(WorkflowFilter { starred: true, ..any }, 9).await, [ids[1], home.workflow]);
    assert_eq!(list(WorkflowFilter { trashed: true, ..any }, 9).await, [ids[2]]);
    refused!(
        change(&fixture, Change::DeleteWorkflow(home.workspace, fixture.id())).await,
        StoreError::NotFound("workflow")
    );
}

pub async fn changes_with_a_key_happen_once(fixture: Fixture) {
    let home = fixture.home;
    let first = reply("scope", "key", START);
    let create = |slug: &str| Change::CreatePod(pod(Home { pod: fixture.id(), ..home }, slug, START));
    // A change that fails leaves its key free.
    let failed = fixture.store.change(create("pod"), &ada(), Some(first.clone())).await;
    refused!(failed, StoreError::Taken("slug"));
    assert_eq!(fixture.store.idempotent_reply("scope", "key", START).await.unwrap(), None);

    fixture.store.change(create("a"), &ada(), Some(first.clone())).await.unwrap();
    match fixture.store.change(create("b"), &ada(), Some(reply("scope", "key", START.plus_ms(4)))).await {
        Err(StoreError::Repeated(stored)) => assert_eq!(*stored, first),
        other => panic!("{other:?}"),
    }
    assert_eq!(fixture.number("SELECT count(*) FROM pods").await, 2);
    fixture.store.change(create("c"), &ada(), Some(reply("scope", "key", START.plus_ms(KEPT_MS)))).await.unwrap();
    assert_eq!(fixture.number("SELECT count(*) FROM pods").await, 3);
}

pub const TABLES: [&str; 17] = [
    "workspaces",
    "members",
    "invites",
    "api_keys",
    "pods",
    "workflows",
    "workflow_versions",
    "idempotency",
    "executions",
    "events",
    "snapshots",
    "suspensions",
    "notifications",
    "response_links",
    "queue",
    "timers",
    "feed",
];

/// An execution with a row in every table, which then ends.
pub async fn fill(fixture: &Fixture, home: Home) {
    let execution = execution(fixture.id(), home, START);
    let mut commit = create(&execution);
    let asked = suspension(fixture.id(), &execution, START);
    commit.suspensions = vec![open(&asked)];
    commit.notices = Notices {
        notifications: vec![notification(fixture, home.workspace, asked.id)],
        links: vec![link(fixture, home.workspace, asked.id)],
    };
    commit.queue = Some(QueueRow { priority: 0, queued_at: START });
    commit.timer = TimerChange::Set(START);
    commit.snapshot = Some("{}".to_owned());
    commit.idempotency = Some(reply(&home.workspace.to_string(), &execution.origin.id.to_string(), START));
    fixture.write(commit).await.unwrap();
    fixture.write(append(&execution, 1, ExecutionStatus::Completed)).await.unwrap();
}

pub async fn deleting_a_workspace_leaves_nothing(fixture: Fixture) {
    fill(&fixture, fixture.home).await;
    let tables = [&TABLES[..], &["audit"]].concat();
    let before = fixture.rows_of(&tables).await;
    let other = new_home(&*fixture.store, &fixture.clock, "other").await;
    fill(&fixture, other).await;
    let invite = Invite {
        id: fixture.id(),
        workspace_id: other.workspace,
        email: "e".to_owned(),
        role: Role::Viewer,
        created_by: "ada".to_owned(),
        created_at: START,
        expires_at: START,
        accepted_at: None,
    };
    change(&fixture, Change::CreateInvite(invite, vec![1])).await.unwrap();

    let running = execution(fixture.id(), other, START);
    fixture.write(create(&running)).await.unwrap();
    refused!(change(&fixture, Change::DeleteWorkspace(other.workspace)).await, StoreError::Refused(_));
    fixture.write(append(&running, 1, ExecutionStatus::Cancelled)).await.unwrap();
    change(&fixture, Change::DeleteWorkspace(other.workspace)).await.unwrap();
    assert_eq!(fixture.rows_of(&tables).await, before);
    refused!(change(&fixture, Change::DeleteWorkspace(other.workspace)).await, StoreError::NotFound("workspace"));
}

pub async fn deleting_a_pod_leaves_nothing_of_it(fixture: Fixture) {
    fill(&fixture, fixture.home).await;
    let before = fixture.rows_of(&TABLES).await;
    let other = Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home };
    change(&fixture, Change::CreatePod(pod(other, "other", START))).await.unwrap();
    change(&fixture, Change::CreateWorkflow(workflow(other, START), "ada".to_owned())).await.unwrap();
    fill(&fixture, other).await;
    let running = execution(fixture.id(), other, START);
    fixture.write(create(&running)).await.unwrap();
    refused!(change(&fixture, Change::DeletePod(other.workspace, other.pod)).await, StoreError::Refused(_));
    fixture.write(append(&running, 1, ExecutionStatus::Failed)).await.unwrap();
    refused!(change(&fixture, Change::DeletePod(fixture.id(), other.pod)).await, StoreError::NotFound("pod"));
    change(&fixture, Change::DeletePod(other.workspace, other.pod)).await.unwrap();
    // The reply to the trigger stays until its time is over.
    assert_eq!(fixture.rows_of(&TABLES).await, before + 1);
}

pub async fn deleting_a_workflow_leaves_nothing_of_it(fixture: Fixture) {
    fill(&fixture, fixture.home).await;
    let before = fixture.rows_of(&TABLES).await;
    let other = Home { workflow: fixture.id(), ..fixture.home };
    change(&fixture, Change::CreateWorkflow(workflow(other, START), "ada".to_owned())).await.unwrap();
    fill(&fixture, other).await;
    let running = execution(fixture.id(), other, START);
    fixture.write(create(&running)).await.unwrap();
    let delete = || Change::DeleteWorkflow(other.workspace, other.workflow);
    refused!(change(&fixture, delete()).await, StoreError::Refused(_));
    fixture.write(append(&running, 1, ExecutionStatus::Skipped)).await.unwrap();
    change(&fixture, delete()).await.unwrap();
    assert_eq!(fixture.rows_of(&TABLES).await, before + 1);
}

/// Callers that are dropped at whatever point leave nothing half-done, and nothing that others wait for.
pub async fn dropped_callers_leave_no_transaction_open(fixture: Fixture) {
    let mut dropped = 0;
    for index in 0..300_u64 {
        let home = Home { pod: fixture.id(), ..fixture.home };
        let store: Arc<dyn Store> = Arc::clone(&fixture.store);
        let slug = format!("p{index}");
        let author = ada();
        let create_pod =
            store.change(Change::CreatePod(pod(home, &slug, START)), &author, Some(reply("s", &slug, START)));
        let patience = Duration::from_micros(index * 5 % 900);
        dropped += u64::from(tokio::time::timeout(patience, create_pod).await.is_err());
        let execution = fixture.execution();
        let batch: [Commit; 1] = [create(&execution)];
        dropped += u64::from(tokio::time::timeout(patience, store.commit(&batch)).await.is_err());
        let _ = tokio::time::timeout(patience, store.pods(home.workspace, 5, None)).await;
    }
    assert!(dropped > 0, "no caller was dropped");
    // Waits for its turn behind all of them.
    for _ in 0..20 {
        fixture.write(create(&fixture.execution())).await.unwrap();
        change(&fixture, Change::PutMember(member(fixture.home.workspace, "bea", Role::Viewer))).await.unwrap();
    }
    if fixture.is_postgres() {
        let open = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        assert_eq!(fixture.number(open).await, 0);
    }
    fixture.store.close().await;
    // Each one happened whole or not at all, and since nobody stopped them, all happened.
    assert_eq!(fixture.number("SELECT count(*) FROM pods").await, 301);
    assert_eq!(fixture.number("SELECT count(*) FROM idempotency").await, 300);
    assert_eq!(fixture.number("SELECT count(*) FROM executions").await, 320);
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 320);
}
