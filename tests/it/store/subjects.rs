//! Subjects: kept whole, found by pod, path, store and label, changed by one at a time; labels that come with commits.

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use sluicegate::{
    clock::Instant,
    domain::{
        execution::{Execution, ExecutionStatus},
        ids::{SubjectId, WorkflowId},
        subject::Subject,
    },
    store::{
        StoreError,
        catalogue::Change,
        commit::{Commit, CommitError, SubjectLabel},
        subjects::{SUBJECT_CHANGED, SubjectFilter},
    },
};

use super::fixture::{Fixture, Home, START, ada, append, create, execution, new_home, pod, reply, workflow};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn subject(fixture: &Fixture, home: Home, path: &str) -> Subject {
    Subject {
        id: fixture.id(),
        workspace_id: home.workspace,
        pod_id: home.pod,
        path: path.to_owned(),
        store: Some("acme/inbox:1.0.0".to_owned()),
        labels: vec!["b, c".to_owned(), "ä \"1\"".to_owned()],
        metadata: object(json!({ "pages": 3, "text": "a\u{0}b ü" })),
        external_data: object(json!({ "crm": { "id": [1.5, null] } })),
        status: Some("new".to_owned()),
        locked: true,
        change_sequence: 1,
        created_by: "ada".to_owned(),
        created_at: START,
        updated_at: START,
    }
}

async fn kept(fixture: &Fixture, subject: Subject) -> Subject {
    change(fixture, Change::CreateSubject(Box::new(subject.clone()))).await.unwrap();
    subject
}

async fn change(fixture: &Fixture, change: Change) -> Result<(), StoreError> {
    fixture.store.change(change, &ada(), None).await
}

async fn stored(fixture: &Fixture, id: SubjectId) -> Subject {
    fixture.store.subject(fixture.home.workspace, id).await.unwrap()
}

/// The change of a subject that was seen at its present number.
fn revised(before: &Subject, revise: impl FnOnce(&mut Subject)) -> (Subject, Change) {
    let mut after = before.clone();
    revise(&mut after);
    after.change_sequence += 1;
    after.updated_at = START.plus_ms(7);
    let update =
        Change::UpdateSubject { subject: Box::new(after.clone()), expected_change_sequence: before.change_sequence };
    (after, update)
}

pub async fn subjects_are_kept_changed_and_deleted(fixture: Fixture) {
    let home = fixture.home;
    let first = kept(&fixture, subject(&fixture, home, "in/a.pdf")).await;
    assert_eq!(stored(&fixture, first.id).await, first);
    let bare = Subject { store: None, status: None, labels: Vec::new(), locked: false, ..subject(&fixture, home, "x") };
    let bare = kept(&fixture, bare).await;
    assert_eq!(stored(&fixture, bare.id).await, bare);

    let (second, update) = revised(&first, |s| {
        s.path = "in/b.pdf".to_owned();
        s.store = None;
        s.labels = vec!["b, c".to_owned(), "new".to_owned()];
        s.metadata = Map::new();
        s.external_data = object(json!({ "erp": 1 }));
        s.status = None;
        s.locked = false;
    });
    change(&fixture, update.clone()).await.unwrap();
    assert_eq!(stored(&fixture, first.id).await, second);
    let stale = change(&fixture, update).await;
    assert!(matches!(stale, Err(StoreError::Refused(SUBJECT_CHANGED))), "{stale:?}");
    assert_eq!(stored(&fixture, first.id).await, second);

    let elsewhere = fixture.store.subject(fixture.id(), first.id).await;
    assert!(matches!(elsewhere, Err(StoreError::NotFound("subject"))));
    let other = Subject { workspace_id: fixture.id(), ..second.clone() };
    let missing = change(&fixture, revised(&other, |_| {}).1).await;
    assert!(matches!(missing, Err(StoreError::NotFound("subject"))));
    let gone = change(&fixture, Change::DeleteSubject(fixture.id(), first.id)).await;
    assert!(matches!(gone, Err(StoreError::NotFound("subject"))));
    change(&fixture, Change::DeleteSubject(home.workspace, first.id)).await.unwrap();
    assert_eq!(fixture.rows_of(&["subjects", "subject_labels"]).await, 1, "the bare one is left");
    let gone = change(&fixture, Change::DeleteSubject(home.workspace, first.id)).await;
    assert!(matches!(gone, Err(StoreError::NotFound("subject"))));

    let audit = fixture.store.audit(home.workspace, &sluicegate::store::AuditFilter::default(), 9, None).await;
    let actions: Vec<_> = audit.unwrap().items.into_iter().map(|record| record.action).collect();
    assert_eq!(actions[..4], ["subject.deleted", "subject.updated", "subject.created", "subject.created"]);
}

pub async fn a_path_is_taken_once_per_store_and_pod(fixture: Fixture) {
    let home = fixture.home;
    let long = "ä".repeat(1024);
    for store in [None, Some("a".to_owned()), Some("b".to_owned())] {
        for path in ["x", &long] {
            let one = Subject { store: store.clone(), ..subject(&fixture, home, path) };
            kept(&fixture, one.clone()).await;
            let again = Subject { id: fixture.id(), ..one };
            let taken = change(&fixture, Change::CreateSubject(Box::new(again))).await;
            assert!(matches!(taken, Err(StoreError::Taken("path"))), "{taken:?}");
        }
    }
    let other = Home { pod: fixture.id(), ..home };
    change(&fixture, Change::CreatePod(pod(other, "other", START))).await.unwrap();
    let there = Subject { store: None, ..subject(&fixture, other, "x") };
    let there = kept(&fixture, there).await;
    let free = kept(&fixture, Subject { store: None, ..subject(&fixture, other, "y") }).await;
    let taken = change(&fixture, revised(&free, |s| s.path = "x".to_owned()).1).await;
    assert!(matches!(taken, Err(StoreError::Taken("path"))), "{taken:?}");
    assert_eq!(stored(&fixture, free.id).await, free);
    assert_eq!(stored(&fixture, there.id).await, there);
    let nowhere = Subject { pod_id: fixture.id(), ..subject(&fixture, home, "z") };
    let nowhere = change(&fixture, Change::CreateSubject(Box::new(nowhere))).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound("pod"))), "{nowhere:?}");
    for bad in [
        Subject { path: "a\0".to_owned(), ..subject(&fixture, home, "") },
        Subject { labels: vec!["a\nb".to_owned()], ..subject(&fixture, home, "n") },
    ] {
        let refused = change(&fixture, Change::CreateSubject(Box::new(bad))).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }
}

pub async fn lists_of_subjects_are_filtered_and_paged(fixture: Fixture) {
    let home = fixture.home;
    let mut all = Vec::new();
    for (path, store, labels) in [
        ("in/a", Some("s"), &["red"][..]),
        ("in/b", None, &["red", "blue"]),
        ("IN/c", Some("s"), &[]),
        ("in%", Some("t"), &["blue"]),
        ("in/ä", Some("s"), &["red"]),
    ] {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let mut one = Subject { store: store.map(str::to_owned), labels, ..subject(&fixture, home, path) };
        one.sort_labels();
        all.push(kept(&fixture, one).await);
    }
    all.reverse();
    let other = new_home(&*fixture.store, &fixture.clock, "other").await;
    kept(&fixture, subject(&fixture, other, "in/a")).await;

    let text = |text: &str| Some(text.to_owned());
    for (filter, paths) in [
        (SubjectFilter::default(), &["in/ä", "in%", "IN/c", "in/b", "in/a"][..]),
        (SubjectFilter { path_prefix: text("in/"), ..SubjectFilter::default() }, &["in/ä", "in/b", "in/a"]),
        (SubjectFilter { path_prefix: text("in%"), ..SubjectFilter::default() }, &["in%"]),
        (SubjectFilter { path_prefix: text("in/ä"), ..SubjectFilter::default() }, &["in/ä"]),
        (SubjectFilter { store: text("s"), ..SubjectFilter::default() }, &["in/ä", "IN/c", "in/a"]),
        (SubjectFilter { label: text("red"), ..SubjectFilter::default() }, &["in/ä", "in/b", "in/a"]),
        (SubjectFilter { label: text("red"), store: text("s"), path_prefix: text("in/a") }, &["in/a"]),
        (SubjectFilter { label: text("re"), ..SubjectFilter::default() }, &[]),
        (SubjectFilter { label: text("a\0"), ..SubjectFilter::default() }, &[]),
    ] {
        let expected: Vec<_> = all.iter().filter(|one| paths.contains(&one.path.as_str())).cloned().collect();
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = fixture.store.subjects(home.workspace, home.pod, &filter, 2, cursor.as_deref()).await.unwrap();
            found.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(found.len(), paths.len(), "{filter:?}");
        let numbered = fixture.store.subject_page(home.workspace, home.pod, &filter, 1, 2).await.unwrap();
        let total = expected.len() as i64;
        assert_eq!(numbered, (expected.into_iter().skip(1).take(2).collect(), total), "{filter:?}");
    }
    let (none, total) =
        fixture.store.subject_page(home.workspace, home.pod, &SubjectFilter::default(), 9, 2).await.unwrap();
    assert_eq!((none, total), (Vec::new(), 5), "past the end");
    let foreign = fixture.store.subjects(home.workspace, home.pod, &SubjectFilter::default(), 2, Some("x")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)));

    let ids = [all[3].id, fixture.id(), all[0].id, all[3].id];
    let these = fixture.store.subjects_of(home.workspace, home.pod, &ids).await.unwrap();
    assert_eq!(these, [all[3].clone(), all[0].clone()]);
    let others = fixture.store.subjects_of(home.workspace, other.pod, &ids).await.unwrap();
    assert_eq!(others, []);
}

pub async fn changes_of_a_subject_take_turns(fixture: Fixture) {
    let first = kept(&fixture, subject(&fixture, fixture.home, "a")).await;
    let stores = [fixture.store.clone(), fixture.second_store().await];
    let writers = (0..8).map(|index: usize| {
        let (_, update) = revised(&first, |s| s.labels = vec![format!("writer {index}"), "both".to_owned()]);
        let store = stores[index % 2].clone();
        async move { (index, store.change(update, &ada(), Some(reply("s", &format!("k{index}"), START))).await) }
    });
    let outcomes = join_all(writers).await;
    let done: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(index, _)| *index).collect();
    assert_eq!(done.len(), 1, "{outcomes:?}");
    let refused = outcomes.iter().filter(|(_, o)| matches!(o, Err(StoreError::Refused(SUBJECT_CHANGED)))).count();
    assert_eq!(refused, 7, "{outcomes:?}");
    let after = stored(&fixture, first.id).await;
    assert_eq!((after.labels, after.change_sequence), (vec!["both".to_owned(), format!("writer {}", done[0])], 2));
    for store in stores {
        store.close().await;
    }
}

/// An execution about a subject that completes and labels it.
fn completing(execution: &Execution, of: &Subject, name: &str, at: Instant) -> Commit {
    let label = SubjectLabel { pod_id: execution.origin.pod_id, subject_id: of.id, name: name.to_owned(), at };
    Commit { label: Some(label), ..append(execution, 1, ExecutionStatus::Completed) }
}

pub async fn a_commit_puts_its_label_on_the_subject_once(fixture: Fixture) {
    let home = fixture.home;
    let first = kept(&fixture, subject(&fixture, home, "a")).await;
    let full = Subject { labels: (100..200).map(|n| n.to_string()).collect(), ..subject(&fixture, home, "full") };
    let full = kept(&fixture, full).await;
    let elsewhere = Home { pod: fixture.id(), ..home };
    change(&fixture, Change::CreatePod(pod(elsewhere, "other", START))).await.unwrap();
    let of_other_pod = kept(&fixture, subject(&fixture, elsewhere, "a")).await;
    let nobody = subject(&fixture, home, "never kept");
    let executions: Vec<_> = (0..8).map(|_| fixture.execution()).collect();
    let creates: Vec<_> = executions.iter().map(create).collect();
    assert!(fixture.store.commit(&creates).await.unwrap().iter().all(Result::is_ok));

    let at = START.plus_ms(50);
    fixture.write(completing(&executions[0], &first, "done", at)).await.unwrap();
    let labelled = stored(&fixture, first.id).await;
    let labels = ["b, c", "done", "ä \"1\""].map(str::to_owned).to_vec();
    assert_eq!(labelled, Subject { labels, change_sequence: 2, updated_at: at, ..first.clone() });
    // The same again changes nothing; neither does what is no subject of the pod, nor what is full.
    let later = START.plus_ms(90);
    let batch = [
        completing(&executions[1], &first, "done", later),
        completing(&executions[2], &full, "one more", later),
        completing(&executions[3], &of_other_pod, "done", later),
        completing(&executions[4], &nobody, "done", later),
    ];
    let results = fixture.store.commit(&batch).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    for one in [&labelled, &full, &of_other_pod] {
        assert_eq!(stored(&fixture, one.id).await, *one);
    }
    assert_eq!(fixture.number("SELECT count(*) FROM subject_labels").await, 3 + 100 + 2);

    // A commit that is not written puts no label; its neighbours do.
    let stale = Commit { label: completing(&executions[5], &first, "stale", later).label, ..create(&executions[5]) };
    let bad = completing(&executions[6], &first, "a\nb", later);
    let batch = [stale, bad, completing(&executions[7], &first, "neighbour", later)];
    let results = fixture.store.commit(&batch).await.unwrap();
    assert!(matches!(&results[..], [Err(CommitError::Conflict), Err(CommitError::Refused(_)), Ok(())]), "{results:?}");
    let labelled = stored(&fixture, first.id).await;
    assert_eq!(
        (labelled.labels, labelled.change_sequence),
        (vec!["b, c".to_owned(), "done".to_owned(), "neighbour".to_owned(), "ä \"1\"".to_owned()], 3)
    );
}

/// Executions that end at the same time on two servers label the same subjects, while people change and delete them.
pub async fn labels_of_many_commits_are_none_lost(fixture: Fixture) {
    let home = fixture.home;
    let mut subjects = Vec::new();
    for index in 0..3 {
        let bare = Subject { labels: Vec::new(), ..subject(&fixture, home, &format!("s{index}")) };
        subjects.push(kept(&fixture, bare).await);
    }
    let executions: Vec<_> = (0..60).map(|_| fixture.execution()).collect();
    let creates: Vec<_> = executions.iter().map(create).collect();
    assert!(fixture.store.commit(&creates).await.unwrap().iter().all(Result::is_ok));
    let stores = [fixture.store.clone(), fixture.second_store().await];
    let batches = executions.chunks(5).enumerate().map(|(batch, part)| {
        let commits: Vec<_> = part
            .iter()
            .enumerate()
            .map(|(index, execution)| {
                completing(execution, &subjects[(index + batch) % 3], &format!("{batch}-{index}"), START)
            })
            .collect();
        let store = stores[batch % 2].clone();
        async move { store.commit(&commits).await.unwrap() }
    });
    let deleting = async { change(&fixture, Change::DeleteSubject(home.workspace, subjects[2].id)).await };
    let (results, deleted) = futures_util::future::join(join_all(batches), deleting).await;
    deleted.unwrap();
    assert!(results.iter().flatten().all(Result::is_ok), "a commit does not fail because its subject is gone");
    let labels = |of: usize| (0..60).filter(move |n| (n % 5 + n / 5) % 3 == of).map(|n| format!("{}-{}", n / 5, n % 5));
    for (index, one) in subjects[..2].iter().enumerate() {
        let mut expected: Vec<_> = labels(index).collect();
        expected.sort_unstable();
        let found = stored(&fixture, one.id).await;
        assert_eq!(found.labels, expected);
        assert!(found.change_sequence > 1);
    }
    for store in stores {
        store.close().await;
    }
}

pub async fn workflows_about_a_subject_are_those_of_the_pod(fixture: Fixture) {
    let home = fixture.home;
    let mut workflows: Vec<WorkflowId> = Vec::new();
    let other_pod = Home { pod: fixture.id(), workflow: fixture.id(), ..home };
    change(&fixture, Change::CreatePod(pod(other_pod, "other", START))).await.unwrap();
    change(&fixture, Change::CreateWorkflow(workflow(other_pod, START), "ada".to_owned())).await.unwrap();
    for _ in 0..3 {
        let of = Home { workflow: fixture.id(), ..home };
        change(&fixture, Change::CreateWorkflow(workflow(of, START), "ada".to_owned())).await.unwrap();
        workflows.push(of.workflow);
        for subject in ["s", "s", "t"] {
            let mut one = execution(fixture.id(), of, START);
            one.origin.subject = Some(subject.to_owned());
            fixture.write(create(&one)).await.unwrap();
        }
    }
    let mut one = execution(fixture.id(), other_pod, START);
    one.origin.subject = Some("s".to_owned());
    fixture.write(create(&one)).await.unwrap();
    let about = async |subject: &str, limit| {
        fixture.store.workflows_about(home.workspace, home.pod, subject, limit).await.unwrap()
    };
    assert_eq!(about("s", 9).await, workflows);
    assert_eq!(about("s", 2).await, workflows[..2]);
    for none in ["", "u", "a\0"] {
        assert_eq!(about(none, 9).await, [], "{none}");
    }
    assert_eq!(fixture.store.workflows_about(fixture.id(), home.pod, "s", 9).await.unwrap(), []);
}

pub async fn subjects_go_with_their_pod_and_workspace(fixture: Fixture) {
    let home = fixture.home;
    kept(&fixture, subject(&fixture, home, "kept")).await;
    let of_pod = Home { pod: fixture.id(), ..home };
    change(&fixture, Change::CreatePod(pod(of_pod, "other", START))).await.unwrap();
    let of_workspace = new_home(&*fixture.store, &fixture.clock, "other").await;
    for (home, delete) in [
        (of_pod, Change::DeletePod(home.workspace, of_pod.pod)),
        (of_workspace, Change::DeleteWorkspace(of_workspace.workspace)),
    ] {
        kept(&fixture, subject(&fixture, home, "a")).await;
        assert_eq!(fixture.rows_of(&["subjects", "subject_labels"]).await, 6);
        change(&fixture, delete).await.unwrap();
        assert_eq!(fixture.rows_of(&["subjects", "subject_labels"]).await, 3);
    }
}
