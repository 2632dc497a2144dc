//! Tests of the second wall between tenants: what it holds, and that each method of the store has chosen a side of it.

mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{ConnectOptions, PgConnection, Row};

use self::rows::{AWAY, HOME, Place, TEXT, connect, number, role, run, thing, walled};
use super::{
    RowSecurity, SqlStore,
    backend::{Backend, Columns, Sql, Whom, cells},
    postgres::Postgres,
    wall,
};
use crate::{
    clock::Instant,
    domain::{
        audit::Author,
        document::Document,
        identity::Role,
        ids::{
            ArtifactId, BulkJobId, DeliveryId, ExecutionId, PodId, ScheduleId, SubjectId, SuspensionId, TaskId,
            WebhookId, WorkflowId, WorkspaceId,
        },
        suspension::{Actor, DecisionSource},
    },
    store::{
        AuditFilter, ExecutionFilter, FeedCursor, Page, StoreError, SuspensionFilter, WorkflowFilter,
        artifacts::Artifacts,
        bulk::BulkJobs,
        catalogue::Change,
        documents::Documents,
        schedules::Schedules,
        secrets::Secrets,
        standings::Standings,
        subjects::{SubjectFilter, Subjects},
        tasks::Tasks,
    },
};

/// What works for the engine, past the wall, and why it has to. A new method that is not behind the wall comes here, and into the
/// decision record, which has the same names.
const ENGINES: [(&str, &[&str]); 6] = [
    (
        "many workspaces in one statement",
        &[
            "claim",
            "claim_bulk_job",
            "claim_notifications",
            "claim_removals",
            "clear_removed",
            "commit",
            "counts",
            "driven_by",
            "due_schedules",
            "expired_leases",
            "find_orphans",
            "fire_timers",
            "forget_deliveries",
            "forget_documents",
            "forget_removals",
            "has_landed",
            "held_workspaces",
            "last_seqs",
            "next_bulk_job",
            "next_due_slot",
            "next_lease_end",
            "next_notification",
            "next_timer",
            "ready_schedules",
            "reconcile",
            "release",
            "retained_workflows",
            "schedules_after",
            "sealed_texts",
            "secrets_under_others",
            "write_at_once",
        ],
    ),
    (
        "the workspace is what is asked for",
        &["api_key_by_digest", "invite_by_digest", "response_link", "webhook_anywhere", "workspaces_of"],
    ),
    ("replies that are kept for a user, outside of a workspace", &["of_scope", "whose"]),
    ("no workspace", &["claim_round", "count_instances", "end_round", "lease", "ping", "server_secret"]),
    (
        "the engine's own, one workspace after the other, at a pace where a trip counts",
        &["admit", "load_execution", "queued_tasks", "removable", "remove_executions", "tree_that_ended"],
    ),
    ("an index of words, which is not looked into behind a policy", &["search_documents"]),
];

/// Each function of the store's files whose text has one of these in it.
fn functions_with(texts: &[&str]) -> BTreeSet<String> {
    fn read(folder: &std::path::Path, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Where connections are made, told and taken, and tests.
            let apart = [
                "backend.rs",
                "lanes.rs",
                "plans.rs",
                "postgres.rs",
                "reads.rs",
                "tests.rs",
                "wall.rs",
                "walled",
                "walled.rs",
            ];
            if path.is_dir() && name != "walled" {
                read(&path, files);
            } else if path.is_file() && !apart.contains(&name) {
                files.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = Vec::new();
    read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql")), &mut files);
    assert!(files.len() > 30, "the files of the store are found");
    let mut found = BTreeSet::new();
    for file in files {
        let file = file.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for function in file.split("fn ").skip(1) {
            let name: String = function.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let text: String = function.split_whitespace().collect();
            // These are the ways themselves.
            if !["transact", "write", "write_of"].contains(&name.as_str())
                && texts.iter().any(|part| text.contains(part))
            {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn each_method_that_goes_past_the_wall_is_listed_with_its_reason() {
    let past = functions_with(&["self.read(", "self.read_one(", "self.read_batch(", "self.write(", "Whom::Engine"]);
    let listed: BTreeSet<String> =
        ENGINES.iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
    assert_eq!(past, listed);
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decisions/0024-the-database-keeps-tenants-apart-too.md");
    let record = std::fs::read_to_string(record).unwrap();
    for (reason, names) in ENGINES {
        let line = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let text: Vec<&str> = record.split_whitespace().collect();
        assert!(text.join(" ").contains(&line), "the decision record has, for {reason}: {line}");
    }
}

/// A table that gets a workspace gets a wall with it; what has none is not the role's to see.
#[tokio::test]
async fn every_table_with_a_workspace_has_its_wall() {
    let place = Place::filled().await;
    let mut owner = connect(&place.url).await;
    let role = role(&place).await;
    let tables = sqlx::query(
        "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
             EXISTS (SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id'),
             (SELECT count(*) FROM pg_policies AS p WHERE p.tablename = c.relname AND p.permissive = 'PERMISSIVE'
                 AND p.cmd = 'ALL' AND p.qual LIKE '%sluicegate.workspace%'),
             (SELECT count(*) FROM pg_policies AS p WHERE p.tablename = c.relname),
             has_table_privilege($1, c.oid, 'SELECT') OR has_table_privilege($1, c.oid, 'INSERT')
                 OR has_table_privilege($1, c.oid, 'UPDATE') OR has_table_privilege($1, c.oid, 'DELETE')
         FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1",
    );
    let mut outside = Vec::new();
    for row in tables.bind(&role).fetch_all(&mut owner).await.unwrap() {
        let (table, on, forced, has_workspace): (String, bool, bool, bool) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let (fit, all, reached): (i64, i64, bool) = (row.get(4), row.get(5), row.get(6));
        assert!(on || !has_workspace, "{table} has a workspace and no wall");
        assert!(!forced, "{table}: the owner is not held by it");
        assert_eq!(reached, on, "{table}");
        if on {
            assert_eq!((fit, all), (1, 1), "{table} has this one policy");
        } else {
            outside.push(table);
        }
    }
    assert_eq!(outside, ["_sqlx_migrations", "instances", "retention_rounds", "server_secrets"]);
    let role = sqlx::query(
        "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb,
             EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid) FROM pg_roles AS r WHERE rolname = $1",
    )
    .bind(&role)
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!((0..6).all(|power| !role.get::<bool, _>(power)), "it can do nothing, and owns nothing");
    place.close().await;
}

async fn refused(connection: &mut PgConnection, sql: &str) {
    let error = run(connection, sql).await.expect_err(sql);
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
}

#[tokio::test]
async fn the_role_sees_and_writes_what_it_was_told_and_nothing_else() {
    let place = Place::filled().await;
    let mut owner = connect(&place.url).await;
    let tables = walled(&mut owner).await;
    assert!(tables.len() > 35, "{tables:?}");
    let mut tenant = connect(&place.url).await;
    let role = role(&place).await;
    run(&mut tenant, &format!("SET ROLE {role}")).await.unwrap();
    // Never told, and told none: after a transaction that was told, a setting is an empty text.
    for told in ["SELECT 1", "SET sluicegate.workspace = ''"] {
        run(&mut tenant, told).await.unwrap();
        for walled in &tables {
            let table = &walled.table;
            assert_eq!(number(&mut tenant, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
            refused(&mut tenant, &walled.insert(HOME)).await;
        }
    }
    assert!(run(&mut tenant, "SET sluicegate.workspace = 'home'; SELECT 1 FROM pods").await.is_err());
    run(&mut tenant, &format!("SET sluicegate.workspace = '{HOME}'")).await.unwrap();
    for walled in &tables {
        let (table, column) = (&walled.table, walled.owner);
        assert_eq!(number(&mut owner, &format!("SELECT count(*) FROM {table}")).await, 2, "{table}");
        let (home, away) = (format!("'{HOME}'"), format!("'{AWAY}'"));
        let own = format!("SELECT count(*) FROM {table} WHERE {column} = {home}");
        assert_eq!(number(&mut tenant, &own).await, 1, "{table}");
        assert_eq!(number(&mut tenant, &format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
        let touch = format!("UPDATE {table} SET {column} = {column}");
        assert_eq!(run(&mut tenant, &touch).await.unwrap(), 1, "{table}: without a condition, the own row alone");
        assert_eq!(run(&mut tenant, &format!("{touch} WHERE {column} = {away}")).await.unwrap(), 0, "{table}");
        let taken = run(&mut tenant, &format!("DELETE FROM {table} WHERE {column} = {away}")).await;
        assert_eq!(taken.unwrap(), 0, "{table}");
        refused(&mut tenant, &format!("UPDATE {table} SET {column} = {away}")).await;
        refused(&mut tenant, &walled.insert(AWAY)).await;
    }
    for outside in ["instances", "server_secrets"] {
        refused(&mut tenant, &format!("SELECT 1 FROM {outside}")).await;
    }
    // What hangs on a row goes with it, which is the owner's doing.
    assert_eq!(run(&mut tenant, "DELETE FROM workspaces").await.unwrap(), 1);
    assert_eq!(number(&mut owner, "SELECT count(*) FROM pods").await, 1);
    place.close().await;
}

/// A store on the wall; with `instead` a mistaken one, which tells its connections another workspace than the one it is asked for.
async fn store(place: &Place, instead: Option<WorkspaceId>) -> SqlStore<Postgres> {
    let backend = Postgres::new(&place.url).unwrap();
    let mut connection = backend.options().connect().await.unwrap();
    let mut wall =
        wall::raise(backend.options(), &mut connection, RowSecurity::Required, false).await.unwrap().unwrap();
    wall.instead = instead;
    SqlStore::with_writers(backend.with_wall(Some(wall)), 12)
}

/// Something in which there may be nothing.
trait Many {
    fn any(&self) -> bool;
}

macro_rules! many {
    ($($of:ty: $any:expr;)+) => {$(impl<T> Many for $of {
        fn any(&self) -> bool {
            let any: fn(&Self) -> bool = $any;
            any(self)
        }
    })+};
}

many! {
    Vec<T>: |found| !found.is_empty();
    Option<T>: Option::is_some;
    Page<T>: |found| !found.items.is_empty();
    HashMap<ExecutionId, T>: |found| !found.is_empty();
    (Vec<T>, i64): |found| !found.0.is_empty() && found.1 > 0;
    crate::store::Counted<T>: |found| found.total > 0;
}

/// Whether it was found. What is found can't always be read: it has no meaning.
fn one<T>(found: Result<T, StoreError>) -> bool {
    such(found, |_| true)
}

fn many<T: Many>(found: Result<T, StoreError>) -> bool {
    such(found, Many::any)
}

fn such<T>(found: Result<T, StoreError>, is: impl Fn(&T) -> bool) -> bool {
    match found {
        Ok(found) => is(&found),
        Err(StoreError::Damaged { .. }) => true,
        Err(StoreError::NotFound(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Asks for everything that `HOME` has, by each method that is behind the wall, and tells what was found.
async fn asked(store: &SqlStore<Postgres>) -> BTreeMap<&'static str, bool> {
    let (of, id, most, none) = (HOME, thing(HOME), 9, None);
    let (pod, workflow, execution) = (PodId(id), WorkflowId(id), ExecutionId(id));
    let (suspension, webhook, begin) = (SuspensionId(id), WebhookId(id), Instant(0));
    let (all, open) = (ExecutionFilter::default(), SuspensionFilter::default());
    let owner = Actor { id: TEXT.to_owned(), source: DecisionSource::Person, role: Some(Role::Owner) };
    let mine = SuspensionFilter { answerable_by: Some(owner), ..SuspensionFilter::default() };
    let any_subject = SubjectFilter::default();
    BTreeMap::from([
        ("answerable", many(store.suspensions(of, &mine, most, none).await)),
        ("api_keys", many(store.api_keys(of).await)),
        ("artifact", one(store.artifact(of, ArtifactId(id)).await)),
        ("artifact_of_task", many(store.artifact_of_task(of, execution, TaskId(id), TEXT, TEXT).await)),
        ("artifacts", many(store.artifacts(of, execution, most, none).await)),
        ("audit", many(store.audit(of, &AuditFilter::default(), most, none).await)),
        ("audit_after", many(store.audit_after(of, 0, most).await)),
        ("bulk_items", many(store.bulk_items(of, BulkJobId(id), None, most, none).await)),
        ("bulk_job", one(store.bulk_job(of, BulkJobId(id)).await)),
        ("bulk_jobs", many(store.bulk_jobs(of, pod, most, none).await)),
        ("burst", many(store.burst(of, workflow, TEXT).await)),
        ("collections", many(store.collections(of, most, none).await)),
        ("document", one(store.document(of, TEXT, TEXT, begin).await)),
        ("documents", many(store.documents(of, TEXT, "", begin, most, none).await)),
        ("events", many(store.events(of, execution, 0, most).await)),
        ("execution", one(store.execution(of, execution).await)),
        ("execution_and_driver", one(store.execution_and_driver(of, execution).await)),
        ("execution_page", many(store.execution_page(of, &all, &[], 0, most).await)),
        ("feed", many(store.feed(of, None, FeedCursor::default(), most).await)),
        ("feed_end", such(store.feed_end(of).await, |end| *end != FeedCursor::default())),
        ("group", one(store.group(of, TEXT).await)),
        ("groups", many(store.groups(of).await)),
        ("idempotent_reply", many(store.idempotent_reply(&of.to_string(), TEXT, begin).await)),
        ("ids_of_list", many(store.ids_of_list(of, &all, most).await)),
        ("invites", many(store.invites(of).await)),
        ("is_limited", one(store.is_limited(of, pod).await)),
        ("leased_tasks", many(store.leased_tasks(of, pod, most).await)),
        ("live_executions_of", many(store.live_executions_of(of, TEXT, most).await)),
        ("member", one(store.member(of, TEXT).await)),
        ("members", many(store.members(of).await)),
        ("notifications", many(store.notifications(of, suspension).await)),
        ("oldest_pod", many(store.oldest_pod(of).await)),
        ("pending_bulk_items", many(store.pending_bulk_items(of, BulkJobId(id), most).await)),
        ("pod", one(store.pod(of, pod).await)),
        ("pods", many(store.pods(of, most, none).await)),
        ("queue_length", such(store.queue_length(of).await, |length| *length > 0)),
        ("rows_of_list", many(store.executions(of, &all, most, none).await)),
        ("schedule", one(store.schedule(of, ScheduleId(id)).await)),
        ("schedules", many(store.schedules(of, pod, most, none).await)),
        ("secret", one(store.secret(of, TEXT).await)),
        ("secrets", many(store.secrets(of).await)),
        ("slots", many(store.slots(of, ScheduleId(id), most, none).await)),
        ("standings", many(store.standings(of, &[execution]).await)),
        ("subject", one(store.subject(of, SubjectId(id)).await)),
        ("subject_page", many(store.subject_page(of, pod, &any_subject, 0, most).await)),
        ("subjects", many(store.subjects(of, pod, &any_subject, most, none).await)),
        ("subjects_of", many(store.subjects_of(of, pod, &[SubjectId(id)]).await)),
        ("subscribers", many(store.subscribers(of, pod, &[TEXT.to_owned()]).await)),
        ("suspension", one(store.suspension(of, suspension).await)),
        ("suspensions", many(store.suspensions(of, &open, most, none).await)),
        ("tally", such(store.tally(of, workflow).await, |tally| tally.executions > 0)),
        ("task", one(store.task(of, TaskId(id)).await)),
        ("task_queues", many(store.task_queues(of, pod).await)),
        ("tasks_of", many(store.tasks_of(of, execution).await)),
        ("waiting_executions", such(store.waiting_executions(of, most).await, |waiting| *waiting > 0)),
        ("webhook", one(store.webhook(of, webhook).await)),
        ("webhook_deliveries", many(store.webhook_deliveries(of, webhook, most, none).await)),
        ("webhook_delivery", one(store.webhook_delivery(of, webhook, DeliveryId(id)).await)),
        ("webhooks", many(store.webhooks(of, pod, most, none).await)),
        ("workers", many(store.workers(of, pod, begin).await)),
        ("workflow", one(store.workflow(of, workflow).await)),
        ("workflow_head", one(store.workflow_head(of, workflow).await)),
        ("workflow_version", one(store.workflow_version(of, workflow, 1).await)),
        ("workflow_versions", many(store.workflow_versions(of, workflow, most, none).await)),
        ("workflows", many(store.workflows(of, pod, WorkflowFilter::default(), most, none).await)),
        ("workflows_about", many(store.workflows_about(of, pod, TEXT, most).await)),
        ("workspace", one(store.workspace(of).await)),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_another_workspace_than_it_asks_for_sees_nothing() {
    let place = Place::filled().await;
    let (right, wrong) = (store(&place, None).await, store(&place, Some(AWAY)).await);
    let found = asked(&right).await;
    let missing: Vec<_> = found.iter().filter(|(_, found)| !**found).collect();
    assert!(missing.is_empty(), "nothing was there to be seen: {missing:?}");
    let seen: Vec<_> = asked(&wrong).await.into_iter().filter(|(_, found)| *found).collect();
    assert!(seen.is_empty(), "{seen:?}");

    let behind = functions_with(&[
        "self.read_of(",
        "self.read_one_of(",
        "self.read_of_until(",
        "self.read_made_of(",
        "self.read_batch_of(",
        "self.read_for(of_scope(",
        "self.read_some(Whom::Tenant",
    ]);
    let tried: BTreeSet<String> = found.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(behind, tried, "each method that reads behind the wall is tried here");
    place.close().await;
}

/// A statement that forgets its condition: the mistake that the wall is for.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_its_condition_shows_one_workspace() {
    let place = Place::filled().await;
    let store = store(&place, None).await;
    let broken = Sql::Literal("SELECT workspace_id FROM executions");
    // By turns, so that connections are told again, and go from tenants to the engine and back.
    for _ in 0..3 {
        for (whom, seen) in
            [(Whom::Tenant(HOME), vec![HOME]), (Whom::Engine, vec![HOME, AWAY]), (Whom::Tenant(AWAY), vec![AWAY])]
        {
            let rows = store.read_for(whom, broken, Vec::new(), |_| false).await.unwrap();
            let mut found: Vec<WorkspaceId> =
                rows.iter().map(|row| Columns::<Postgres>::new(row).id().unwrap()).collect();
            found.sort_unstable();
            assert_eq!(found, seen, "{whom:?}");
        }
    }
    for (workspace, left) in [(HOME, 1), (AWAY, 0)] {
        let gone = store.write_of(workspace, |connection| {
            Box::pin(async move { Ok(Postgres::execute(connection, "DELETE FROM timers", cells![]).await?) })
        });
        assert_eq!(gone.await.unwrap(), 1);
        assert_eq!(number(&mut connect(&place.url).await, "SELECT count(*) FROM timers").await, left);
    }
    // The same connection is the engine's again.
    let all = store.write(|connection| {
        Box::pin(async move { Ok(Postgres::execute(connection, "UPDATE queue SET held = held", cells![]).await?) })
    });
    assert_eq!(all.await.unwrap(), 2);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_another_workspace_than_it_writes_changes_nothing() {
    let place = Place::filled().await;
    let (right, wrong) = (store(&place, None).await, store(&place, Some(AWAY)).await);
    let mut owner = connect(&place.url).await;
    let author = Author { id: TEXT.to_owned(), at: Instant(1) };
    let begin = Instant(1);
    let document = Document::new((TEXT, "y"), serde_json::Value::Null, None, begin, None).unwrap();
    let change = Change::DeletePod(HOME, PodId(thing(HOME)));
    let pods = "SELECT count(*) FROM pods";

    assert!(wrong.put_document(HOME, &document).await.is_err());
    assert!(!wrong.delete_document(HOME, TEXT, TEXT, Instant(0)).await.unwrap_or_default());
    assert!(wrong.change(change.clone(), &author, None).await.is_err());
    let log = "SELECT count(*) FROM audit";
    assert_eq!(number(&mut owner, "SELECT count(*) FROM documents").await, 2);
    assert_eq!((number(&mut owner, pods).await, number(&mut owner, log).await), (2, 2));

    right.put_document(HOME, &document).await.unwrap();
    // It refuses while an execution is live, which it can only know if it sees it.
    assert!(matches!(right.change(change.clone(), &author, None).await, Err(StoreError::Refused(_))));
    run(&mut owner, "UPDATE executions SET status = 'completed'; DELETE FROM artifact_removals").await.unwrap();
    right.change(change, &author, None).await.unwrap();
    assert_eq!(number(&mut owner, "SELECT count(*) FROM documents").await, 3);
    assert_eq!((number(&mut owner, pods).await, number(&mut owner, log).await), (1, 3));
    place.close().await;
}

/// The role is taken away from a server that runs: what can't be told is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_can_not_be_told_is_not_used() {
    let place = Place::filled().await;
    let backend = Postgres::new(&place.url).unwrap();
    let mut connection = backend.options().connect().await.unwrap();
    let mut wall =
        wall::raise(backend.options(), &mut connection, RowSecurity::Required, false).await.unwrap().unwrap();
    wall.lose();
    let lost = SqlStore::with_writers(backend.with_wall(Some(wall)), 12);
    let document = Document::new((TEXT, TEXT), serde_json::Value::Null, None, Instant(1), None).unwrap();
    for _ in 0..3 {
        let error = lost.pod(HOME, PodId(thing(HOME))).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{error:?}");
        assert!(lost.put_document(HOME, &document).await.is_err());
    }
    assert!(lost.counts(Instant(1)).await.is_ok(), "the engine goes on");
    place.close().await;
}
