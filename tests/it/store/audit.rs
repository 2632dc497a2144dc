//! The audit log: records come with what they tell of, and hang together.

use std::sync::Arc;

use serde_json::json;
use sluicegate::{
    domain::{
        audit::{AuditEntry, AuditRecord, Author, ChainEnd},
        execution::ExecutionStatus,
        identity::{Member, Role},
        ids::{PodId, WorkspaceId},
    },
    store::{
        AuditFilter, Store, StoreError,
        catalogue::Change,
        commit::{Commit, CommitError},
    },
};
use sqlx::{Connection, PgConnection};

use super::fixture::{Fixture, Place, START, ada, append, create, new_home};

/// An entry of the home about this thing.
pub fn entry(workspace_id: WorkspaceId, subject: &str) -> AuditEntry {
    let detail = json!({ "reason": "späť \u{1f600}", "n": 1 }).as_object().unwrap().clone();
    let actor = "bea".to_owned();
    AuditEntry { workspace_id, at: START, actor, action: "suspension.answered", subject: subject.to_owned(), detail }
}

/// The whole log of a workspace, which hangs together.
pub async fn whole(store: &dyn Store, workspace: WorkspaceId) -> Vec<AuditRecord> {
    let (mut end, mut records) = (ChainEnd::default(), Vec::new());
    loop {
        let page = store.audit_after(workspace, end.seq, 7).await.unwrap();
        if page.is_empty() {
            return records;
        }
        for record in page {
            end.check(&record).unwrap();
            assert_eq!(record.workspace_id, workspace);
            records.push(record);
        }
    }
}

fn put(workspace_id: WorkspaceId, user_id: &str, role: Role) -> Change {
    Change::PutMember(Member { workspace_id, user_id: user_id.to_owned(), role, created_at: START })
}

pub async fn changes_and_commits_are_chained_with_what_they_tell_of(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let author = Author { id: "key:1".to_owned(), at: START.plus_ms(5) };
    store.change(put(home.workspace, "bea", Role::Viewer), &author, None).await.unwrap();
    let execution = fixture.created().await;
    let told = vec![entry(home.workspace, "s1"), entry(home.workspace, "s2")];
    fixture.write(Commit { audit: told, ..append(&execution, 1, ExecutionStatus::Running) }).await.unwrap();
    // A large batch takes the other way to the database.
    let executions: Vec<_> = (0..40).map(|_| fixture.execution()).collect();
    let batch: Vec<_> = executions
        .iter()
        .map(|execution| Commit {
            audit: vec![entry(home.workspace, &execution.origin.id.to_string())],
            ..create(execution)
        })
        .collect();
    assert!(store.commit(&batch).await.unwrap().iter().all(Result::is_ok));
    store.change(Change::RemoveMember(home.workspace, "bea".to_owned()), &ada(), None).await.unwrap();

    let records = whole(store, home.workspace).await;
    let actions: Vec<_> = records.iter().map(|record| (&*record.action, &*record.actor)).collect();
    assert_eq!(
        actions[..6],
        [
            ("workspace.created", "ada"),
            ("pod.created", "ada"),
            ("workflow.created", "ada"),
            ("member.set", "key:1"),
            ("suspension.answered", "bea"),
            ("suspension.answered", "bea"),
        ]
    );
    assert_eq!((actions.len(), actions[46]), (47, ("member.removed", "ada")));
    assert_eq!((records[3].at, &records[3].detail["role"]), (START.plus_ms(5), &json!("viewer")));
    assert_eq!(records[4].detail, entry(home.workspace, "s1").detail);

    let newest = store.audit(home.workspace, &AuditFilter::default(), 2, None).await.unwrap();
    assert_eq!(newest.items, [records[46].clone(), records[45].clone()]);
    let next = store.audit(home.workspace, &AuditFilter::default(), 60, newest.next.as_deref()).await.unwrap();
    assert_eq!((next.items.len(), next.next), (45, None));
    let of = AuditFilter { subject: Some("s2".to_owned()) };
    assert_eq!(store.audit(home.workspace, &of, 9, None).await.unwrap().items, [records[5].clone()]);
    let foreign = store.audit(home.workspace, &of, 9, Some("x")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)), "{foreign:?}");
}

/// The first server has found the chain as it left it for so long that it no longer asks where it ends; the second one asks, and
/// the first is faster then. What both write waits for a lock on the table, so that it meets.
pub async fn servers_that_write_to_a_chain_at_once_both_get_their_record(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    for number in 0..12 {
        let execution = fixture.execution();
        let told = vec![entry(home.workspace, &number.to_string())];
        fixture.write(Commit { audit: told, ..create(&execution) }).await.unwrap();
    }
    let second = fixture.second_store().await;
    let before = whole(store, home.workspace).await.len();
    let held = match &fixture.place {
        Place::Sqlite(_) => None,
        Place::Postgres(database) => Some(Held::audit(&database.url).await),
    };
    let commits = ["first", "second"]
        .map(|name| Commit { audit: vec![entry(home.workspace, name)], ..create(&fixture.execution()) });
    let [first, second_commit] = commits.map(|commit| [commit]);
    let release = async {
        if let Some(held) = held {
            held.until_waiting(2).await;
            held.release().await;
        }
    };
    let later = async {
        if fixture.is_postgres() {
            until_waiting(&fixture.place.url(), 1).await;
        }
        second.commit(&second_commit).await.unwrap()
    };
    let (first, second, ()) = tokio::join!(store.commit(&first), later, release);
    assert!(matches!(first.unwrap()[..], [Ok(())]));
    assert!(matches!(second[..], [Ok(())]), "{second:?}");
    assert_eq!(whole(store, home.workspace).await.len(), before + 2);
}

/// A session that lets others read the audit log, and not write to it.
struct Held {
    url: String,
    connection: PgConnection,
}

impl Held {
    async fn audit(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE audit IN SHARE MODE").execute(&mut connection).await.unwrap();
        Self { url: url.to_owned(), connection }
    }

    async fn until_waiting(&self, wanted: i64) {
        until_waiting(&self.url, wanted).await;
    }

    async fn release(mut self) {
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await.unwrap();
    }
}

/// Waits until so many sessions wait for the table of the audit log.
async fn until_waiting(url: &str, wanted: i64) {
    const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audit'::regclass";
    let mut connection = PgConnection::connect(url).await.unwrap();
    while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut connection).await.unwrap() < wanted {
        tokio::task::yield_now().await;
    }
}

pub async fn what_fails_leaves_no_record(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let before = whole(store, home.workspace).await;
    let refused = store.change(Change::DeletePod(home.workspace, fixture.id::<PodId>()), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    let execution = fixture.created().await;
    let stale =
        Commit { audit: vec![entry(home.workspace, "stale")], ..append(&execution, 9, ExecutionStatus::Running) };
    let fresh = fixture.execution();
    let fresh = Commit { audit: vec![entry(home.workspace, "fresh")], ..create(&fresh) };
    let results = store.commit(&[stale, fresh]).await.unwrap();
    assert!(matches!(results[..], [Err(CommitError::Conflict), Ok(())]), "{results:?}");
    let after = whole(store, home.workspace).await;
    assert_eq!((after.len(), &*after.last().unwrap().subject), (before.len() + 1, "fresh"));
}

pub async fn writers_of_one_workspace_take_turns(fixture: Fixture) {
    const EACH: usize = 25;
    let home = fixture.home;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let store: Arc<dyn Store> = fixture.second_store().await;
        let executions: Vec<_> = (0..EACH).map(|_| fixture.execution()).collect();
        writers.spawn(async move {
            for (number, execution) in executions.iter().enumerate() {
                if writer % 2 == 0 {
                    let audit = vec![entry(home.workspace, &execution.origin.id.to_string())];
                    store.commit(&[Commit { audit, ..create(execution) }]).await.unwrap().remove(0).unwrap();
                } else {
                    let change = put(home.workspace, &format!("u{writer}-{number}"), Role::Viewer);
                    store.change(change, &ada(), None).await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(whole(&*fixture.store, home.workspace).await.len(), 3 + 4 * EACH);
}

pub async fn workspaces_have_chains_of_their_own(fixture: Fixture) {
    let store = &*fixture.store;
    let other = new_home(store, &fixture.clock, "other").await;
    let (here, there) = (fixture.execution(), fixture.execution_in(other));
    let told = |execution, workspace| Commit { audit: vec![entry(workspace, "x")], ..create(execution) };
    let batch = [told(&here, fixture.home.workspace), told(&there, other.workspace)];
    assert!(store.commit(&batch).await.unwrap().iter().all(Result::is_ok));
    for workspace in [fixture.home.workspace, other.workspace] {
        assert_eq!(whole(store, workspace).await.len(), 4);
    }
    assert!(whole(store, fixture.id()).await.is_empty());
}
