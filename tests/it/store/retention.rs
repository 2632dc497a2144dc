//! Executions that are removed: with all that belongs to them and nothing else, not while something needs them, a bounded number
//! of rows at a time.

use sluicegate::{
    clock::Instant,
    domain::{
        definition::{Definition, Retention},
        execution::{Execution, ExecutionStatus},
        ids::{ExecutionId, WorkflowId},
    },
    store::{
        StoreError,
        catalogue::{Change, IdempotentReply},
        commit::{Commit, DedupeKey, ExecutionWrite, NewChild},
        retention::{EndedBy, RetainedWorkflow, RetentionPlace},
    },
};

use super::{
    catalogue::{TABLES, fill},
    fixture::{Fixture, Home, START, ada, append, child_of, create, definition, event, workflow, workspace},
};

/// What is left of an execution without its row.
const LEFT: [&str; 3] = ["events", "feed", "execution_removals"];

/// An execution that [`append`] ends has ended by then.
fn ended_by(after_ms: i64) -> EndedBy {
    EndedBy { at: START.plus_ms(after_ms), now: START.plus_ms(after_ms) }
}

async fn removable(fixture: &Fixture, by: EndedBy) -> Vec<ExecutionId> {
    let of = (fixture.home.workspace, fixture.home.workflow);
    let found = fixture.store.removable(of, by, None, 100).await.unwrap();
    assert_eq!(found.next, None);
    found.executions
}

async fn remove(fixture: &Fixture, executions: &[ExecutionId], by: EndedBy) -> u64 {
    fixture.store.remove_executions(fixture.home.workspace, executions, by).await.unwrap()
}

async fn by_hand(fixture: &Fixture, id: ExecutionId) -> Result<(), StoreError> {
    fixture.store.change(Change::DeleteExecution(fixture.home.workspace, id), &ada(), None).await
}

/// Ends an execution at this instant.
async fn end_at(fixture: &Fixture, execution: &Execution, at: i64) {
    let mut commit = append(execution, 1, ExecutionStatus::Completed);
    let ExecutionWrite::Append { progress, .. } = &mut commit.write else { unreachable!() };
    progress.finished_at = Some(START.plus_ms(at));
    fixture.write(commit).await.unwrap();
}

async fn ended(fixture: &Fixture, at: i64) -> Execution {
    let execution = fixture.created().await;
    end_at(fixture, &execution, at).await;
    execution
}

/// A child of an execution that is not over, which is told of by the next event.
async fn child(fixture: &Fixture, parent: &Execution) -> Execution {
    let new: NewChild = child_of(parent, fixture.id(), START);
    let child = new.execution.clone();
    let commit = append(parent, 1, ExecutionStatus::Running);
    fixture.write(Commit { children: vec![new], ..commit }).await.unwrap();
    child
}

pub async fn an_execution_goes_with_all_that_belongs_to_it(fixture: Fixture) {
    let home = fixture.home;
    let tables = [&TABLES[..], &["dedupe_keys", "execution_removals", "tasks", "artifacts"]].concat();
    fill(&fixture, home).await;
    let stays = removable(&fixture, ended_by(5_000)).await;
    let before = fixture.rows_of(&tables).await;

    fill(&fixture, home).await;
    let mut keyed = fixture.execution();
    keyed.origin.dedupe_key = Some("k".to_owned());
    let dedupe = DedupeKey { key: "k".to_owned(), now: START, forget_at: START.plus_ms(9_000), until_end: false };
    fixture.write(Commit { dedupe: Some(dedupe), ..create(&keyed) }).await.unwrap();
    let decision = IdempotentReply {
        scope: home.workspace.to_string(),
        key: "decision".to_owned(),
        request_digest: vec![1],
        status: 200,
        location: None,
        body: "{}".to_owned(),
        created_at: START,
        forget_at: None,
    };
    let commit = append(&keyed, 1, ExecutionStatus::Completed);
    fixture.write(Commit { idempotency: Some(decision), ..commit }).await.unwrap();

    assert_eq!(removable(&fixture, ended_by(4_999)).await, [], "nothing has ended by then");
    let found = removable(&fixture, ended_by(5_000)).await;
    assert_eq!(found.len(), 2, "a key of duplicates stands for the third");
    assert_eq!(remove(&fixture, &[keyed.origin.id], ended_by(5_000)).await, 0);
    let found = removable(&fixture, ended_by(9_000)).await;
    assert_eq!(found.len(), 3, "nobody asks for the key any more");
    let goes: Vec<_> = found.into_iter().filter(|id| !stays.contains(id)).collect();
    assert_eq!(remove(&fixture, &goes, ended_by(9_000)).await, 2);
    // The reply to the trigger stays until its time is over.
    assert_eq!(fixture.rows_of(&tables).await, before + 1);
    for id in &goes {
        let gone = fixture.store.execution(home.workspace, *id).await;
        assert!(matches!(gone, Err(StoreError::NotFound("execution"))), "{gone:?}");
    }
    assert_eq!(remove(&fixture, &goes, ended_by(9_000)).await, 0, "once");
    assert!(fixture.store.execution(home.workspace, stays[0]).await.is_ok());
    assert_eq!(remove(&fixture, &[fixture.id()], ended_by(9_000)).await, 0);
    let elsewhere = fixture.store.remove_executions(fixture.id(), &stays, ended_by(9_000)).await.unwrap();
    assert_eq!(elsewhere, 0, "of another workspace");
}

pub async fn a_long_log_goes_in_pieces(fixture: Fixture) {
    let mut long = fixture.execution();
    long.progress.last_seq = 2_500;
    fixture.write(create(&long)).await.unwrap();
    fixture
        .write(Commit { events: vec![event(2_501)], ..append(&long, 2_500, ExecutionStatus::Failed) })
        .await
        .unwrap();
    let short = ended(&fixture, 5_000).await;
    let ids = [long.origin.id, short.origin.id];
    assert_eq!(remove(&fixture, &ids, ended_by(5_000)).await, 2);
    // 2,501 events, all on the feed, and two of the short one; two notes.
    let all = 2 * 2_503 + 2;
    let mut left = fixture.rows_of(&LEFT).await;
    assert_eq!(left, all - 1_000, "a thousand rows went at once");
    assert!(fixture.store.execution(fixture.home.workspace, long.origin.id).await.is_err(), "it is gone from then on");
    while fixture.store.clear_removed().await.unwrap() {
        let now = fixture.rows_of(&LEFT).await;
        assert!(now < left && now >= left - 1_002, "{left} {now}");
        left = now;
    }
    assert_eq!(fixture.rows_of(&LEFT).await, 0);
    assert!(!fixture.store.clear_removed().await.unwrap());
}

pub async fn what_has_not_ended_or_is_needed_stays(fixture: Fixture) {
    let by = ended_by(5_000);
    // It waits.
    let waiting = fixture.created().await;
    // Too young.
    let young = ended(&fixture, 5_001).await;
    // Its child waits; and one whose child has ended too late.
    let parent = fixture.created().await;
    let open_child = child(&fixture, &parent).await;
    fixture.write(append(&parent, 2, ExecutionStatus::Completed)).await.unwrap();
    let other_parent = fixture.created().await;
    let late_child = child(&fixture, &other_parent).await;
    fixture.write(append(&other_parent, 2, ExecutionStatus::Completed)).await.unwrap();
    end_at(&fixture, &late_child, 6_000).await;
    // A replay reads it; and one whose child is the original of a replay.
    let original = ended(&fixture, 4_000).await;
    let mut replay = fixture.execution();
    replay.origin.replay_of = Some(original.origin.id);
    fixture.write(create(&replay)).await.unwrap();
    let root = fixture.created().await;
    let inner = child(&fixture, &root).await;
    end_at(&fixture, &inner, 3_000).await;
    fixture.write(append(&root, 2, ExecutionStatus::Completed)).await.unwrap();
    let mut inner_replay = fixture.execution();
    inner_replay.origin.replay_of = Some(inner.origin.id);
    fixture.write(create(&inner_replay)).await.unwrap();

    assert_eq!(removable(&fixture, by).await, []);
    let all = [&waiting, &young, &parent, &open_child, &other_parent, &late_child, &original, &replay, &root, &inner];
    for execution in all {
        assert_eq!(remove(&fixture, &[execution.origin.id], by).await, 0, "whatever somebody has found before");
    }
    for (id, why) in [
        (waiting.origin.id, "the execution has not ended"),
        (parent.origin.id, "a child of the execution has not ended"),
        (original.origin.id, "a replay of the execution has not ended"),
        (root.origin.id, "a replay of the execution has not ended"),
    ] {
        let refused = by_hand(&fixture, id).await;
        assert!(matches!(refused, Err(StoreError::Refused(said)) if said == why), "{refused:?}");
    }
    let missing = by_hand(&fixture, fixture.id()).await;
    assert!(matches!(missing, Err(StoreError::NotFound("execution"))));

    // One after the other may go.
    end_at(&fixture, &open_child, 4_500).await;
    assert_eq!(removable(&fixture, by).await, [open_child.origin.id, parent.origin.id], "children first");
    end_at(&fixture, &replay, 7_000).await;
    end_at(&fixture, &inner_replay, 7_000).await;
    let found = removable(&fixture, by).await;
    let ids = |executions: &[&Execution]| executions.iter().map(|one| one.origin.id).collect::<Vec<_>>();
    assert_eq!(found.len(), 5);
    assert!(ids(&[&original, &inner, &root]).iter().all(|id| found.contains(id)), "{found:?}");
    assert_eq!(removable(&fixture, ended_by(6_000)).await.len(), 8);
    // Not a parent before its children.
    assert_eq!(remove(&fixture, &ids(&[&parent, &open_child]), by).await, 1);
    assert_eq!(remove(&fixture, &found, by).await, 4);
    by_hand(&fixture, other_parent.origin.id).await.unwrap();
    assert!(fixture.store.execution(fixture.home.workspace, late_child.origin.id).await.is_err(), "it goes along");
    assert_eq!(fixture.rows_of(&["executions"]).await, 4);
    // What had children goes with them; a child of a live parent does not go alone.
    let live = fixture.created().await;
    let of_live = child(&fixture, &live).await;
    end_at(&fixture, &of_live, 0).await;
    assert_eq!(removable(&fixture, by).await, []);
    let refused = by_hand(&fixture, of_live.origin.id).await;
    assert!(matches!(refused, Err(StoreError::Refused("the execution's parent has not ended"))), "{refused:?}");
}

pub async fn those_that_ended_first_are_found_first_in_pages(fixture: Fixture) {
    let mut expected = Vec::new();
    for at in [40, 10, 30, 10, 20] {
        expected.push((at, ended(&fixture, at).await.origin.id));
    }
    expected.sort_unstable();
    let of = (fixture.home.workspace, fixture.home.workflow);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.store.removable(of, ended_by(30), after, 2).await.unwrap();
        found.extend(page.executions);
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(found, expected[..4].iter().map(|(_, id)| *id).collect::<Vec<_>>());
    let foreign = fixture.store.removable((fixture.id(), of.1), ended_by(30), None, 9).await.unwrap();
    assert_eq!(foreign.executions, []);
}

pub async fn a_workflow_says_for_how_long_or_its_workspace_does(fixture: Fixture) {
    let Home { workspace: id, .. } = fixture.home;
    let days = async || -> Vec<Option<i64>> {
        let workflows = fixture.store.retained_workflows((id, uuid::Uuid::nil().into()), 9).await.unwrap();
        workflows.into_iter().map(|RetainedWorkflow { days, .. }| days).collect()
    };
    assert_eq!(days().await, [None], "for ever");
    let retaining = |retention: Option<Option<i64>>| -> Definition {
        let mut definition = definition();
        definition.settings.retention = retention.map(|days| Retention { days });
        definition
    };
    let mut last: Option<WorkflowId> = None;
    for retention in [Some(Some(7)), Some(None), None] {
        let home = Home { workflow: fixture.id(), ..fixture.home };
        let mut new = workflow(home, START);
        new.definition = Some(retaining(retention));
        fixture.store.change(Change::CreateWorkflow(new, "ada".to_owned()), &ada(), None).await.unwrap();
        last = Some(home.workflow);
    }
    assert_eq!(days().await, [None, Some(7), None, None]);
    let mut changed = workspace(id, "home", START);
    changed.retention_days = Some(30);
    fixture.store.change(Change::UpdateWorkspace(changed.clone()), &ada(), None).await.unwrap();
    assert_eq!(fixture.store.workspace(id).await.unwrap(), changed);
    assert_eq!(days().await, [Some(30), Some(7), None, Some(30)]);

    // The latest version counts; a change that makes none changes nothing.
    let mut of_last = workflow(Home { workflow: last.unwrap(), ..fixture.home }, START);
    (of_last.version, of_last.updated_at) = (2, START.plus_ms(1));
    let new_version = Some((retaining(Some(Some(1))), "ada".to_owned()));
    let update = Change::UpdateWorkflow { workflow: of_last.clone(), expected_updated_at: START, new_version };
    fixture.store.change(update, &ada(), None).await.unwrap();
    assert_eq!(days().await[3], Some(1));
    let expected_updated_at = of_last.updated_at;
    (of_last.name, of_last.updated_at) = ("Other".to_owned(), START.plus_ms(2));
    let update = Change::UpdateWorkflow { workflow: of_last.clone(), expected_updated_at, new_version: None };
    fixture.store.change(update, &ada(), None).await.unwrap();
    assert_eq!(days().await[3], Some(1));

    // From a workflow on, so many.
    let page = fixture.store.retained_workflows((id, last.unwrap()), 9).await.unwrap();
    assert_eq!(page, [RetainedWorkflow { workspace_id: id, workflow_id: last.unwrap(), days: Some(1) }]);
    assert_eq!(fixture.store.retained_workflows((id, fixture.home.workflow), 2).await.unwrap().len(), 2);
}

pub async fn a_round_is_of_one_until_its_lease_is_over(fixture: Fixture) {
    let second = fixture.second_store().await;
    let at = |ms| START.plus_ms(ms);
    let round = fixture.store.claim_round(at(0), 1_000).await.unwrap().unwrap();
    assert_eq!((round.until, round.place), (at(1_000), RetentionPlace::default()));
    assert_eq!(second.claim_round(at(999), 1_000).await.unwrap(), None);
    let taken = second.claim_round(at(1_000), 1_000).await.unwrap().unwrap();
    let place = RetentionPlace {
        workspace_id: fixture.home.workspace,
        workflow_id: fixture.home.workflow,
        after: Some((START, fixture.id())),
    };
    fixture.store.end_round(&round, at(0), &place).await.unwrap();
    assert_eq!(fixture.store.claim_round(at(1_999), 1_000).await.unwrap(), None, "it was the other's");
    second.end_round(&taken, at(5_000), &place).await.unwrap();
    assert_eq!(fixture.store.claim_round(at(4_999), 1_000).await.unwrap(), None);
    assert_eq!(fixture.store.claim_round(at(5_000), 1_000).await.unwrap().unwrap().place, place);
    // A clock that was wrong by years does not stop the rounds for as long.
    let round = fixture.store.claim_round(at(1 << 40), 1_000).await.unwrap().unwrap();
    fixture.store.end_round(&round, at(1 << 40), &place).await.unwrap();
    assert!(fixture.store.claim_round(Instant(START.0 + 9_000), 1_000).await.unwrap().is_some());
    if fixture.is_postgres() {
        second.close().await;
    }
}
