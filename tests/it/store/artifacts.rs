//! Artifacts: part of a commit or not there at all; no object without a row that speaks of it.

use futures_util::future::join_all;
use sluicegate::{
    domain::{
        artifact::{Artifact, ArtifactKind, ObjectOf},
        execution::{Execution, ExecutionStatus},
        ids::{ArtifactId, TaskId},
    },
    store::{
        StoreError,
        catalogue::Change,
        commit::{Commit, CommitError},
    },
};

use super::fixture::{Fixture, Home, START, ada, append, create, execution, new_home, pod, workflow};

const LEASE_MS: i64 = 1_000;
const UPLOAD_MS: i64 = 60_000;

fn artifact(fixture: &Fixture, execution: &Execution, name: &str) -> Artifact {
    Artifact {
        id: fixture.id(),
        execution_id: execution.origin.id,
        node_id: "work".to_owned(),
        path: Some("each[3]/work".to_owned()),
        task_id: Some(fixture.id()),
        name: name.to_owned(),
        kind: ArtifactKind::Screenshot,
        content_type: "image/png".to_owned(),
        size: 12_345_678_901,
        sha256: "ab".repeat(32),
        created_at: START,
    }
}

fn object(execution: &Execution, artifact_id: ArtifactId) -> ObjectOf {
    ObjectOf { workspace_id: execution.origin.workspace_id, execution_id: execution.origin.id, artifact_id }
}

async fn begun(fixture: &Fixture, execution: &Execution, artifact: &Artifact) {
    fixture.store.begin_upload(object(execution, artifact.id), START.plus_ms(UPLOAD_MS)).await.unwrap();
}

/// An execution that has run with these artifacts.
async fn with_artifacts(fixture: &Fixture, home: Home, names: &[&str]) -> (Execution, Vec<Artifact>) {
    let execution = execution(fixture.id(), home, START);
    let artifacts: Vec<_> = names.iter().map(|name| artifact(fixture, &execution, name)).collect();
    for artifact in &artifacts {
        begun(fixture, &execution, artifact).await;
    }
    fixture.write(create(&execution)).await.unwrap();
    let commit = append(&execution, 1, ExecutionStatus::Completed);
    fixture.write(Commit { artifacts: artifacts.clone(), ..commit }).await.unwrap();
    (execution, artifacts)
}

async fn due(fixture: &Fixture, after_ms: i64) -> Vec<ObjectOf> {
    let mut due = fixture.store.claim_removals(START.plus_ms(after_ms), LEASE_MS, 100).await.unwrap();
    due.sort_by_key(|object| object.artifact_id);
    due
}

pub async fn artifacts_are_part_of_their_commit(fixture: Fixture) {
    let (execution, artifacts) = with_artifacts(&fixture, fixture.home, &["a.png", "ü \"2\".png", "a.png"]).await;
    let (workspace, id) = (fixture.home.workspace, execution.origin.id);
    for one in &artifacts {
        assert_eq!(fixture.store.artifact(workspace, one.id).await.unwrap(), *one);
        let elsewhere = fixture.store.artifact(fixture.id(), one.id).await;
        assert!(matches!(elsewhere, Err(StoreError::NotFound("artifact"))));
    }
    let first = fixture.store.artifacts(workspace, id, 2, None).await.unwrap();
    assert_eq!(first.items, artifacts[..2], "oldest first");
    let second = fixture.store.artifacts(workspace, id, 2, first.next.as_deref()).await.unwrap();
    assert_eq!((second.items, second.next), (artifacts[2..].to_vec(), None));
    assert!(fixture.store.artifacts(fixture.id(), id, 2, None).await.unwrap().items.is_empty());
    let foreign = fixture.store.artifacts(workspace, id, 2, Some("x")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)));
    assert_eq!(due(&fixture, UPLOAD_MS).await, [], "a commit ends the uploads");
}

pub async fn an_artifact_of_a_task_is_found_by_name_and_bytes(fixture: Fixture) {
    let (execution, artifacts) = with_artifacts(&fixture, fixture.home, &["a.png", "b.png"]).await;
    let find = async |task: TaskId, name: &str, sha256: &str| {
        let (workspace, id) = (fixture.home.workspace, execution.origin.id);
        fixture.store.artifact_of_task(workspace, id, task, name, sha256).await.unwrap()
    };
    let (task, sha256) = (artifacts[0].task_id.unwrap(), artifacts[0].sha256.as_str());
    assert_eq!(find(task, "a.png", sha256).await.as_ref(), Some(&artifacts[0]));
    assert_eq!(find(task, "b.png", sha256).await, None, "of another task");
    assert_eq!(find(task, "a.png", "00").await, None);
    assert_eq!(find(task, "a\0png", sha256).await, None);
    assert_eq!(find(fixture.id(), "a.png", sha256).await, None);
}

pub async fn a_commit_without_its_upload_is_not_written(fixture: Fixture) {
    let execution = fixture.created().await;
    let (never, given_up, taken, good) = (
        artifact(&fixture, &execution, "never"),
        artifact(&fixture, &execution, "given up"),
        artifact(&fixture, &execution, "taken"),
        artifact(&fixture, &execution, "good"),
    );
    for one in [&given_up, &taken, &good] {
        begun(&fixture, &execution, one).await;
    }
    fixture.store.give_up_upload(object(&execution, given_up.id)).await.unwrap();
    assert_eq!(due(&fixture, 0).await, [object(&execution, given_up.id)]);
    fixture.store.forget_removals(&[object(&execution, given_up.id)]).await.unwrap();
    // Somebody removes it, and has not said so yet.
    fixture.store.give_up_upload(object(&execution, taken.id)).await.unwrap();
    assert_eq!(due(&fixture, 0).await, [object(&execution, taken.id)]);

    let telling = |artifacts: Vec<Artifact>| Commit { artifacts, ..append(&execution, 1, ExecutionStatus::Running) };
    for bad in [&never, &given_up, &taken] {
        for artifacts in [vec![bad.clone()], vec![good.clone(), bad.clone()]] {
            let refused = fixture.write(telling(artifacts)).await;
            assert!(matches!(refused, Err(CommitError::Refused(_))), "{}: {refused:?}", bad.name);
        }
    }
    let nul = Artifact { name: "a\0".to_owned(), ..good.clone() };
    assert!(matches!(fixture.write(telling(vec![nul])).await, Err(CommitError::Refused(_))));
    assert_eq!(fixture.rows_of(&["artifacts"]).await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 1);

    // One that is refused spoils neither its neighbours, nor its own upload.
    let others = [fixture.execution(), fixture.execution()];
    let batch = [create(&others[0]), telling(vec![never]), create(&others[1])];
    let results = fixture.store.commit(&batch).await.unwrap();
    assert!(matches!(&results[..], [Ok(()), Err(CommitError::Refused(_)), Ok(())]), "{results:?}");
    let stale = Commit { artifacts: vec![good.clone()], ..append(&execution, 7, ExecutionStatus::Running) };
    let results = fixture.store.commit(&[stale, create(&fixture.execution())]).await.unwrap();
    assert!(matches!(&results[..], [Err(CommitError::Conflict), Ok(())]), "{results:?}");
    fixture.write(telling(vec![good.clone()])).await.unwrap();
    // What was told of can't be given up.
    fixture.store.give_up_upload(object(&execution, good.id)).await.unwrap();
    assert_eq!(due(&fixture, UPLOAD_MS).await, [object(&execution, taken.id)]);
}

pub async fn what_is_due_is_removed_by_one_until_its_lease_is_over(fixture: Fixture) {
    let execution = fixture.created().await;
    let mut objects: Vec<_> = (0..40).map(|_| object(&execution, fixture.id())).collect();
    objects.sort_by_key(|object| object.artifact_id);
    for one in &objects {
        fixture.store.begin_upload(*one, START.plus_ms(UPLOAD_MS)).await.unwrap();
    }
    assert_eq!(due(&fixture, UPLOAD_MS - 1).await, []);
    let stores = [fixture.store.clone(), fixture.second_store().await];
    let claims = (0..8).map(|index: usize| {
        let store = stores[index % 2].clone();
        async move { store.claim_removals(START.plus_ms(UPLOAD_MS), LEASE_MS, 7).await.unwrap() }
    });
    let mut claimed: Vec<_> = join_all(claims).await.concat();
    claimed.extend(due(&fixture, UPLOAD_MS).await);
    claimed.sort_by_key(|object| object.artifact_id);
    assert_eq!(claimed, objects, "each is claimed once");

    fixture.store.forget_removals(&objects[..39]).await.unwrap();
    fixture.store.forget_removals(&[]).await.unwrap();
    assert_eq!(due(&fixture, UPLOAD_MS + LEASE_MS - 1).await, []);
    assert_eq!(due(&fixture, UPLOAD_MS + LEASE_MS).await, objects[39..], "who has claimed it is gone");
    for store in stores {
        store.close().await;
    }
}

pub async fn objects_go_with_their_execution(fixture: Fixture) {
    let home = fixture.home;
    let (kept, _) = with_artifacts(&fixture, home, &["kept"]).await;
    let of_workflow = Home { workflow: fixture.id(), ..home };
    let of_pod = Home { pod: fixture.id(), workflow: fixture.id(), ..home };
    let of_workspace = new_home(&*fixture.store, &fixture.clock, "other").await;
    let change = async |change| fixture.store.change(change, &ada(), None).await.unwrap();
    change(Change::CreateWorkflow(workflow(of_workflow, START), "ada".to_owned())).await;
    change(Change::CreatePod(pod(of_pod, "other", START))).await;
    change(Change::CreateWorkflow(workflow(of_pod, START), "ada".to_owned())).await;
    let (alone, _) = with_artifacts(&fixture, home, &["x"]).await;
    change(Change::DeleteExecution(home.workspace, alone.origin.id)).await;
    fixture.store.forget_removals(&due(&fixture, 0).await).await.unwrap();
    for (home, delete) in [
        (of_workflow, Change::DeleteWorkflow(home.workspace, of_workflow.workflow)),
        (of_pod, Change::DeletePod(home.workspace, of_pod.pod)),
        (of_workspace, Change::DeleteWorkspace(of_workspace.workspace)),
    ] {
        let (execution, artifacts) = with_artifacts(&fixture, home, &["a", "b", "c"]).await;
        assert_eq!(fixture.rows_of(&["artifacts"]).await, 4);
        change(delete).await;
        assert_eq!(fixture.rows_of(&["artifacts"]).await, 1);
        let gone = due(&fixture, 0).await;
        assert_eq!(gone, artifacts.iter().map(|artifact| object(&execution, artifact.id)).collect::<Vec<_>>());
        fixture.store.forget_removals(&gone).await.unwrap();
    }
    let page = fixture.store.artifacts(home.workspace, kept.origin.id, 9, None).await.unwrap();
    assert_eq!(page.items.len(), 1);
}
