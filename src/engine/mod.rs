//! How executions run, wait and survive: machine, driver, committer, queue, timers, hub, reconciler.
//!
//! [`Engine`] has the only doors that change an execution: [`Engine::trigger`], [`Engine::respond`], [`Engine::handle`],
//! [`Engine::cancel`], [`Engine::replay`], [`Engine::retry`]. Each folds the log, decides, and appends at the position it has seen; a conflict means
//! that somebody else was faster, and it begins again. Nothing else guards an execution.

mod admission;
mod approvers;
mod background;
mod cancel;
mod claims;
mod committer;
mod driver;
mod drivers;
pub mod hub;
pub mod machine;
mod notices;
pub mod pace;
mod project;
mod reach;
mod replay;
mod respond;
mod retention;
mod sealing;
mod signals;
mod spans;
pub mod tasks;
pub mod test_node;
mod trigger;
mod view;
mod workflows;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::{Clock, Instant},
    domain::{
        definition::Problem,
        identity::Role,
        ids::{InstanceId, WorkflowId, WorkspaceId},
        notification::LinkKey,
        suspension::{Approvers, Claim, Policy, Refusal, Standing, Suspension},
    },
    nodes::CompiledWorkflow,
    outbound,
    sandbox::Sandbox,
    secrets::Keyring,
    store::{Store, StoreError, catalogue::IdempotentReply},
    traces::Spans,
};
use committer::{After, Committer};
use drivers::Drivers;
use hub::Hub;
use machine::Limits;
use signals::Signals;
use workflows::Workflows;

pub use cancel::CancelRequest;
pub use claims::{Handling, SuspensionReply};
pub use machine::Action;
pub use notices::callback_link;
pub use replay::{Replay, ReplayVersion, Replayed};
pub use respond::{Answer, Answered};
pub use trigger::{ReplyFor, Trigger, Triggered};
pub use view::Include;

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How many executions run in this process at a time; others wait in the queue.
    pub max_running: usize,
    /// How long an instance is believed alive without a sign of life.
    pub lease: Duration,
    /// How often the database is looked at without a hint, for what other instances have written.
    pub poll: Duration,
    /// How often the reconciler looks for executions that nothing would wake.
    pub reconcile: Duration,
    /// How long running nodes may go on after the shutdown has begun.
    pub drain: Duration,
    /// How many executions of a workspace may wait in the queue.
    pub queue_limit: i64,
    /// How many executions a workspace may trigger in a minute; 0 is no limit. As many may come at once.
    pub trigger_rate: i64,
    /// Whether no other server uses this database: a SQLite file has one.
    pub alone: bool,
    /// What opens secrets and seals what may hold some.
    pub keyring: Keyring,
    /// Limits of one execution.
    pub limits: Limits,
    /// Where spans go.
    pub spans: Spans,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_running: 256,
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(500),
            reconcile: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            queue_limit: 100_000,
            trigger_rate: 0,
            alone: true,
            keyring: Keyring::default(),
            limits: Limits::default(),
            spans: Spans::default(),
        }
    }
}

/// Why the engine did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store's answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The execution has moved on; asked again, the engine would decide anew.
    #[error("the execution has moved on")]
    Conflict,
    /// The request was carried out before: the reply it got.
    #[error("the idempotency key was used before")]
    Repeated(Box<IdempotentReply>),
    /// The slot was settled by somebody else, or its schedule was changed: nothing was started.
    #[error("the slot is settled, or its schedule was changed")]
    SlotTaken,
    /// The workspace triggers more than it may; it may again after so many seconds.
    #[error("the workspace triggers more executions than it may; try again in {0} s")]
    TooFast(u64),
    /// Too much is waiting to be written or run.
    #[error("too many executions are waiting")]
    Busy,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// The database refused the write itself.
    #[error("the database refused the write: {0}")]
    Refused(String),
    /// The database did not confirm the write: it may or may not be stored.
    #[error("the write was not confirmed: {0}")]
    Unwritten(Arc<StoreError>),
    /// The stored definition no longer compiles.
    #[error("the workflow's definition does not hold: {}", first(.0))]
    Definition(Vec<Problem>),
    /// The input does not fit the workflow's schema.
    #[error("the input does not fit the workflow")]
    Input(Vec<Problem>),
    /// The code that drives executions panicked: a bug, whose trace is on standard error.
    #[error("the server failed while it drove the execution")]
    Panicked,
    /// Another execution stands for the dedupe key.
    #[error("execution {0} has the same dedupe key")]
    Duplicate(crate::domain::ids::ExecutionId),
    /// The workflow is in the trash.
    #[error("the workflow is in the trash")]
    Trashed,
    /// The workflow is not deployed, and only what is deployed may be started so.
    #[error("the workflow is not deployed")]
    NotDeployed,
    /// The execution has ended.
    #[error("the execution has ended")]
    Ended,
    /// The execution has not ended.
    #[error("the execution has not ended")]
    NotEnded,
    /// Nothing waits for an answer.
    #[error("the execution does not wait for an answer")]
    NotSuspended,
    /// More than one suspension is open; the answer must name one.
    #[error("more than one suspension is open; name one by `suspensionId`")]
    Ambiguous(Vec<Suspension>),
    /// The suspension was closed with something else.
    #[error("the suspension is closed")]
    AlreadyClosed(Box<Suspension>),
    /// The answer does not fit what was asked.
    #[error("the answer does not fit what was asked")]
    Answer(Vec<Problem>),
    /// This one may not answer; with those who may, if they are not just editors and higher.
    #[error("{}", refusal_text(.0, .1.as_deref()))]
    MayNotAnswer(Refusal, Option<Box<Approvers>>),
    /// Somebody else has claimed the suspension.
    #[error("{} has claimed it, at {}; they or an admin can release it", .0.by, .0.at)]
    Claimed(Box<Claim>),
    /// A suspension with a quorum is nobody's own.
    #[error("a suspension that takes several votes can't be claimed")]
    NotClaimable,
    /// Reassigning is for admins, and for those who may answer by name.
    #[error("an admin can put it to others, and who may answer by name can hand that on")]
    ReassignForbidden,
    /// The lease of a task is over: it ran out, was given back, or the task is not wanted any more.
    #[error("the lease of the task is over")]
    LeaseOver,
    /// The reassignment can't be carried out as asked.
    #[error("the suspension can't be put to them")]
    Reassignment(Vec<Problem>),
    /// Votes, claims or approvers of the suspension were changed too often.
    #[error("the suspension was changed too often; it can only be answered")]
    ChangedTooOften,
    /// The replay can't be carried out as asked.
    #[error("the replay can't be carried out as asked")]
    Plan(Vec<Problem>),
}

fn first(problems: &[Problem]) -> &str {
    problems.first().map_or("", |problem| &problem.message)
}

impl EngineError {
    fn refused(refusal: Refusal, policy: &Policy, standing: &Standing) -> Self {
        match (&refusal, &standing.claim) {
            (Refusal::Claimed(_), Some(claim)) => Self::Claimed(Box::new(claim.clone())),
            _ => Self::MayNotAnswer(refusal, policy.approvers_now(standing).cloned().map(Box::new)),
        }
    }
}

/// How many people a refusal names.
const SHOWN_USERS: usize = 10;

fn refusal_text(refusal: &Refusal, approvers: Option<&Approvers>) -> String {
    let why = match refusal {
        Refusal::NotAnApprover | Refusal::Claimed(_) => "you are none of those who may answer",
        Refusal::OwnRequest => "who triggered the execution may not decide about it",
        Refusal::NotAPerson => "it takes a person who is signed in",
    };
    let mut who: Vec<String> = match approvers {
        Some(approvers) if approvers.users.len() > SHOWN_USERS => {
            let more = approvers.users.len() - SHOWN_USERS;
            approvers.users[..SHOWN_USERS].iter().cloned().chain([format!("{more} more")]).collect()
        }
        Some(approvers) => approvers.users.clone(),
        None => Vec::new(),
    };
    let floor = approvers.map_or(Some(Role::Editor), Approvers::role_floor);
    who.extend(floor.map(|role| format!("members with the role `{}` or a higher one", role.as_str())));
    format!("{why}; answers are taken from: {}", who.join(", "))
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    config: EngineConfig,
    outbound: outbound::Client,
    sandbox: Sandbox,
    links: LinkKey,
    committer: Committer,
    hub: Hub,
    signals: Arc<Signals>,
    workflows: Workflows,
    drivers: Drivers,
    broker: Arc<tasks::Broker>,
    turns: tasks::Turns,
    places: Arc<Semaphore>,
    queue_counts: Mutex<HashMap<WorkspaceId, (Instant, i64)>>,
    limits: admission::KnownLimits,
    pace: pace::Pace<WorkspaceId>,
    tasks: TaskTracker,
    /// Nothing new is begun.
    soft: CancellationToken,
    /// What runs is given back.
    hard: CancellationToken,
}

impl Engine {
    /// Starts an engine: makes its instance known, takes back what instances before it left, and begins to work.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Clock,
        config: EngineConfig,
        outbound: outbound::Client,
        sandbox: Sandbox,
    ) -> Result<Self, StoreError> {
        let hub = Hub::new(Arc::clone(&store));
        let signals = Arc::new(Signals::default());
        let after = After { hub: hub.clone(), signals: Arc::clone(&signals), spans: config.spans.clone() };
        let (committer, writer) = Committer::new(Arc::clone(&store), after);
        let instance = InstanceId(clock.new_id());
        store.register_instance(instance, clock.now()).await?;
        let links = notices::shared_key(&*store, &clock).await?;
        let places = Arc::new(Semaphore::new(config.max_running));
        let engine = Self(Arc::new(Inner {
            workflows: Workflows::new(Arc::clone(&store)),
            drivers: Drivers::new(instance),
            broker: tasks::Broker::new(Arc::clone(&signals)),
            turns: tasks::Turns::default(),
            store,
            clock,
            config,
            outbound,
            sandbox,
            links,
            committer,
            hub,
            signals,
            places,
            queue_counts: Mutex::default(),
            limits: admission::KnownLimits::default(),
            pace: pace::Pace::default(),
            tasks: TaskTracker::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        }));
        engine.0.tasks.spawn(writer.run());
        engine.start_background().await?;
        Ok(engine)
    }

    /// The hub, to follow executions.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The store, to read from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// What the tokens of links are made with.
    pub fn links(&self) -> &LinkKey {
        &self.0.links
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// How it runs.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Fires when the shutdown begins: nothing new is begun from then on.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.soft
    }

    /// A version of a workflow, compiled.
    pub async fn compiled(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: i64,
    ) -> Result<Arc<CompiledWorkflow>, EngineError> {
        self.0.workflows.compiled(workspace, workflow, version).await
    }

    /// Carries work out to its end, whatever becomes of the caller.
    pub async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.0.tasks.spawn(work).await.map_err(|_| EngineError::Panicked)
    }

    /// How many executions run in this process.
    pub fn running(&self) -> usize {
        self.0.drivers.len()
    }

    /// Stops in two stages: nothing new is begun, and what runs may finish; after the drain limit, or as soon as `hurry` fires,
    /// the rest is given back. Returns when nothing of the engine runs any more.
    pub async fn stop(&self, hurry: &CancellationToken) {
        self.0.soft.cancel();
        self.0.signals.queue.notify_waiters();
        tokio::select! {
            biased;
            () = self.0.drivers.emptied() => {}
            () = tokio::time::sleep(self.0.config.drain) => {}
            () = hurry.cancelled() => {}
        }
        self.0.hard.cancel();
        self.0.drivers.emptied().await;
        if let Err(error) = self.0.store.remove_instance(self.0.drivers.instance()).await {
            tracing::warn!(%error, "the instance could not be signed off; its lease will run out");
        }
        self.0.tasks.close();
    }
}
