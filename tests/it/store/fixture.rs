//! A database with a workspace, a pod and a workflow in it, and short ways to write things down.

use std::sync::Arc;

use serde_json::json;
use sluicegate::{
    clock::{Clock, Instant},
    domain::{
        audit::Author,
        definition::Definition,
        execution::{Execution, ExecutionOrigin, ExecutionProgress, ExecutionStats, ExecutionStatus, TriggeredBy},
        identity::{Member, Role},
        ids::{ExecutionId, InstanceId, PodId, SuspensionId, WorkflowId, WorkspaceId},
        suspension::{
            Decision, DecisionSource, Interrupt, OnExpiry, Policy, Standing, Suspension, SuspensionKind,
            SuspensionState,
        },
        workflow::{Pod, Workflow, WorkflowState, Workspace},
    },
    store::{
        Store,
        catalogue::{Change, IdempotentReply},
        commit::{
            Commit, CommitError, EventRow, ExecutionWrite, NewChild, Notices, QueueRow, SuspensionChange, TimerChange,
        },
        sql::{self, Options, RowSecurity},
    },
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::support::postgres;

/// When the manual clock starts.
pub const START: Instant = Instant(1_800_000_000_000);
/// How long the replies of [`reply`] count.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// On PostgreSQL with row-level security: without it these tests would still pass.
const WALLED: Options =
    Options { migrate: true, exclusive: true, connections: 12, row_security: RowSecurity::Required };

/// Where the rows are; dropped with the test.
pub enum Place {
    Sqlite(TempDir),
    Postgres(postgres::Database),
}

/// An open store on a database of its own.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub place: Place,
    pub home: Home,
}

/// Where executions live.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub workspace: WorkspaceId,
    pub pod: PodId,
    pub workflow: WorkflowId,
}

impl Fixture {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::at(Place::Sqlite(directory)).await
    }

    pub async fn postgres() -> Self {
        let migrate = async |url: &str| sql::open(url, WALLED).await.unwrap().close().await;
        Self::at(Place::Postgres(postgres::database("store", migrate).await)).await
    }

    async fn at(place: Place) -> Self {
        let options = if matches!(place, Place::Postgres(_)) { WALLED } else { Options::default() };
        let store = sql::open(&place.url(), options).await.unwrap();
        let clock = Clock::manual(START);
        let home = new_home(&*store, &clock, "home").await;
        Self { store, clock, place, home }
    }

    /// Another server on the same database; on SQLite there can't be one, so it is the same store.
    pub async fn second_store(&self) -> Arc<dyn Store> {
        match self.place {
            Place::Sqlite(_) => Arc::clone(&self.store),
            Place::Postgres(_) => sql::open(&self.place.url(), WALLED).await.unwrap(),
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres(_))
    }

    /// A number that a statement gives, read beside the store.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.place.url()).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Place::Postgres(database) => {
                let mut connection = PgConnection::connect(&database.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// Rows in all tables together.
    pub async fn rows_of(&self, tables: &[&str]) -> i64 {
        let counts: Vec<String> = tables.iter().map(|table| format!("(SELECT count(*) FROM {table})")).collect();
        self.number(&format!("SELECT {}", counts.join(" + "))).await
    }

    pub fn id<T: From<uuid::Uuid>>(&self) -> T {
        self.clock.new_id().into()
    }

    /// A new execution of the home, with one event in its log.
    pub fn execution(&self) -> Execution {
        self.execution_in(self.home)
    }

    pub fn execution_in(&self, home: Home) -> Execution {
        execution(self.id(), home, self.clock.now())
    }

    /// Creates an execution, not queued and driven by nobody.
    pub async fn created(&self) -> Execution {
        let execution = self.execution();
        self.write(create(&execution)).await.unwrap();
        execution
    }

    /// Creates an execution with a queue row.
    pub async fn queued(&self, priority: i32, queued_at: Instant) -> Execution {
        let mut execution = self.execution();
        execution.origin.priority = priority;
        self.write(Commit { queue: Some(QueueRow { priority, queued_at }), ..create(&execution) }).await.unwrap();
        execution
    }

    pub async fn write(&self, commit: Commit) -> Result<(), CommitError> {
        let mut results = self.store.commit(&[commit]).await.unwrap();
        assert_eq!(results.len(), 1);
        results.remove(0)
    }
}

impl Place {
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite:{}", directory.path().join("store.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }
}

/// A workspace with a pod and a workflow.
pub async fn new_home(store: &dyn Store, clock: &Clock, slug: &str) -> Home {
    let now = clock.now();
    let home = Home { workspace: clock.new_id().into(), pod: clock.new_id().into(), workflow: clock.new_id().into() };
    let owner = Member { workspace_id: home.workspace, user_id: "ada".to_owned(), role: Role::Owner, created_at: now };
    store.change(Change::CreateWorkspace(workspace(home.workspace, slug, now), owner), &ada(), None).await.unwrap();
    store.change(Change::CreatePod(pod(home, "pod", now)), &ada(), None).await.unwrap();
    store.change(Change::CreateWorkflow(workflow(home, now), "ada".to_owned()), &ada(), None).await.unwrap();
    home
}

pub fn workspace(id: WorkspaceId, slug: &str, at: Instant) -> Workspace {
    let (name, slug) = (slug.to_uppercase(), slug.to_owned());
    Workspace {
        id,
        name,
        slug,
        max_running: None,
        outbound_hosts: None,
        retention_days: None,
        created_at: at,
        updated_at: at,
    }
}

pub fn pod(home: Home, slug: &str, at: Instant) -> Pod {
    Pod {
        id: home.pod,
        workspace_id: home.workspace,
        name: slug.to_uppercase(),
        slug: slug.to_owned(),
        description: "ö".to_owned(),
        max_running: Some(7),
        created_at: at,
        updated_at: at,
    }
}

pub fn definition() -> Definition {
    serde_json::from_value(json!({"nodes": [{"id": "start", "type": "start"}], "edges": []})).unwrap()
}

pub fn workflow(home: Home, at: Instant) -> Workflow {
    Workflow {
        id: home.workflow,
        workspace_id: home.workspace,
        pod_id: home.pod,
        name: "Flow".to_owned(),
        description: String::new(),
        state: WorkflowState::Draft,
        starred: false,
        version: 1,
        deployed_version: None,
        definition: Some(definition()),
        created_at: at,
        updated_at: at,
    }
}

pub fn execution(id: ExecutionId, home: Home, at: Instant) -> Execution {
    Execution {
        origin: ExecutionOrigin {
            id,
            workspace_id: home.workspace,
            pod_id: home.pod,
            workflow_id: home.workflow,
            workflow_version: 1,
            triggered_by: TriggeredBy::Sdk,
            trigger_id: None,
            input: json!({"n": 1, "text": "a\"b\u{0}c ü", "none": null}),
            context: json!({}),
            subject: None,
            priority: 0,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: None,
            parent_execution_id: None,
            depth: 0,
            replay_of: None,
            from_node_id: None,
            presets: std::collections::BTreeMap::new(),
            mocks: false,
            run_at: None,
            expires_at: None,
            debounce_key: None,
            lane: None,
            created_by: "ada".to_owned(),
            created_at: at,
        },
        progress: progress(ExecutionStatus::Queued, 1),
    }
}

pub fn progress(status: ExecutionStatus, last_seq: i64) -> ExecutionProgress {
    ExecutionProgress {
        status,
        last_seq,
        output: None,
        error: None,
        queued_at: None,
        started_at: None,
        finished_at: None,
        suspended_at: None,
        waited_ms: 0,
        duplicate_of: None,
        reprocessing: None,
        stats: ExecutionStats::default(),
    }
}

/// The event at a position, on the feed.
pub fn event(seq: i64) -> EventRow {
    let body = format!(r#"{{"type":"execution_status","seq":{seq},"text":"é \u0000 \" \\ 1.0"}}"#);
    EventRow { seq, feed: Some("execution_status"), body }
}

/// The event at a position, not on the feed.
pub fn quiet_event(seq: i64) -> EventRow {
    EventRow { feed: None, ..event(seq) }
}

/// Creates an execution with the events up to its position, and nothing else.
pub fn create(execution: &Execution) -> Commit {
    Commit {
        workspace_id: execution.origin.workspace_id,
        execution_id: execution.origin.id,
        write: ExecutionWrite::Create(Box::new(execution.clone())),
        driver: None,
        events: (1..=execution.progress.last_seq).map(event).collect(),
        queue: None,
        timer: TimerChange::Keep,
        suspensions: Vec::new(),
        notices: Notices::default(),
        tasks: Vec::new(),
        children: Vec::new(),
        wake: None,
        idempotency: None,
        dedupe: None,
        reprocesses: None,
        debounce: None,
        snapshot: None,
        artifacts: Vec::new(),
        audit: Vec::new(),
        slot: None,
        delivery: None,
        label: None,
        spans: Vec::new(),
    }
}

/// Appends one event to an execution that nobody drives, and leaves it so.
pub fn append(execution: &Execution, expected_seq: i64, status: ExecutionStatus) -> Commit {
    append_as(execution, expected_seq, None, None, status)
}

/// Appends one event to an execution, with the driver before and after.
pub fn append_as(
    execution: &Execution,
    expected_seq: i64,
    expected_driver: Option<InstanceId>,
    driver: Option<InstanceId>,
    status: ExecutionStatus,
) -> Commit {
    let mut progress = progress(status, expected_seq + 1);
    if status.is_terminal() {
        progress.finished_at = Some(START.plus_ms(5000));
    }
    Commit {
        write: ExecutionWrite::Append {
            pod_id: execution.origin.pod_id,
            workflow_id: execution.origin.workflow_id,
            expected_seq,
            expected_driver,
            progress: Box::new(progress),
        },
        driver,
        events: vec![event(expected_seq + 1)],
        ..create(execution)
    }
}

/// A child of an execution.
pub fn child_of(parent: &Execution, id: ExecutionId, queued_at: Instant) -> NewChild {
    let home =
        Home { workspace: parent.origin.workspace_id, pod: parent.origin.pod_id, workflow: parent.origin.workflow_id };
    let mut child = execution(id, home, queued_at);
    child.origin.parent_execution_id = Some(parent.origin.id);
    child.origin.triggered_by = TriggeredBy::Subworkflow;
    child.origin.depth = parent.origin.depth + 1;
    NewChild { execution: child, events: vec![event(1)], queue: QueueRow { priority: 0, queued_at } }
}

/// An open approval.
pub fn suspension(id: SuspensionId, execution: &Execution, at: Instant) -> Suspension {
    let origin = &execution.origin;
    let interrupt = Interrupt {
        kind: SuspensionKind::Approval,
        suspension_id: id,
        node_id: "gate".to_owned(),
        path: None,
        title: None,
        message: "Ship it?".to_owned(),
        context: Some(json!({"amount": 12.5})),
        form: None,
        choices: Vec::new(),
        actions: Vec::new(),
        require_reason: false,
        opened_at: at,
        expires_at: None,
        on_expiry: OnExpiry::Fail,
        default_answer: None,
        policy: Policy::default(),
        timeline: Vec::new(),
    };
    Suspension {
        id,
        workspace_id: origin.workspace_id,
        pod_id: origin.pod_id,
        workflow_id: origin.workflow_id,
        execution_id: origin.id,
        state: SuspensionState::Open,
        interrupt,
        standing: Standing::default(),
        decision: None,
        opened_at: at,
        closed_at: None,
    }
}

/// The same suspension, answered.
pub fn answered(suspension: &Suspension, at: Instant) -> Suspension {
    let decision = Decision {
        action: "approved".to_owned(),
        by: Some("bea".to_owned()),
        at,
        source: DecisionSource::Person,
        reason: None,
        comment: None,
        answer: None,
        data: None,
        votes: Vec::new(),
    };
    Suspension { state: SuspensionState::Answered, decision: Some(decision), closed_at: Some(at), ..suspension.clone() }
}

pub fn open(suspension: &Suspension) -> SuspensionChange {
    SuspensionChange::Open(Box::new(suspension.clone()))
}

/// The suspension as it stands now; with those who may answer by name, if they are other people.
pub fn update(suspension: &Suspension, with_users: bool) -> SuspensionChange {
    let (role, users) = suspension.interrupt.policy.answerers(&suspension.standing);
    SuspensionChange::Update {
        id: suspension.id,
        standing: Box::new(suspension.standing.clone()),
        role,
        users: with_users.then(|| users.to_vec()),
    }
}

pub fn close(suspension: &Suspension) -> SuspensionChange {
    SuspensionChange::Close {
        id: suspension.id,
        state: suspension.state,
        decision: suspension.decision.clone(),
        closed_at: suspension.closed_at.expect("a closed suspension has an end"),
    }
}

pub fn reply(scope: &str, key: &str, at: Instant) -> IdempotentReply {
    IdempotentReply {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_digest: vec![7; 32],
        status: 202,
        location: Some(format!("/v1/{key}")),
        body: format!(r#"{{"key":"{key}"}}"#),
        created_at: at,
        forget_at: Some(at.plus_ms(KEPT_MS)),
    }
}

/// Who changes things in tests.
pub fn ada() -> Author {
    Author { id: "ada".to_owned(), at: START }
}
