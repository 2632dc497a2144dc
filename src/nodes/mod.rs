//! Node types, one file each, and their [`registry`]. Knows the domain, expressions and `outbound`. Of the store it knows the
//! documents alone, through a handle that belongs to one workspace ([`Documents`]).
//!
//! A node's configuration is compiled once per workflow version into a [`Node`]. [`Node::start`] is pure and synchronous: it
//! reads the execution's values through a scope and answers at once what the node did ([`Step::Done`]), or what it must do
//! outside the process ([`Step::Effect`]). The engine appends `running` and waits for the flush before it starts an effect;
//! pure nodes need no flush, a crash runs them again to the same result.

mod agent;
mod approval_gate;
mod approvers;
mod ask_human;
mod callback;
mod code;
mod common;
mod config;
mod datetime;
mod documents;
mod end;
mod extract;
mod filter;
pub mod forms;
mod guardrails;
mod http;
mod if_else;
mod loops;
mod mcp;
mod memory;
mod merge;
mod mock;
mod note;
mod notify;
mod parallel;
mod question;
pub mod registry;
mod retriever;
mod router;
mod run_if;
mod schema;
mod start;
mod subscriptions;
mod subworkflow;
mod task;
#[cfg(test)]
mod testing;
mod transform;
mod variables;
mod wait;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Instant,
    domain::{
        admission::{Dedupe, OnLimit},
        definition::Problem,
        event::{DeltaChannel, LogLevel},
        failure::Failure,
        graph::{Graph, NodeIndex},
        ids::{ExecutionId, WorkflowId, WorkspaceId},
        notification::Target,
        suspension::{Action, OnExpiry, Policy, SuspensionKind, TimelineStep},
    },
    expression::{Scope, Template},
    outbound,
    sandbox::Sandbox,
};

pub use documents::Documents;
pub use mock::Mock;
pub use run_if::{RunIf, Verdict};
pub use schema::{MAX_VALUE_DEPTH, check_schema, check_value, fits_depth};
pub use start::check_input;
pub use subscriptions::{CompiledSubscription, Unclear};
pub use variables::Variables;

/// A workflow version, compiled: the graph and for each of its nodes what it does.
pub struct CompiledWorkflow {
    /// The graph; edge ports are the canonical ones (`if`, not its alias `true`).
    pub graph: Graph,
    /// By [`NodeIndex`].
    pub nodes: Vec<CompiledNode>,
    /// How long an execution may be active.
    pub timeout_ms: Option<i64>,
    /// The priority of executions that name none; without it, that of what triggers them.
    pub priority: Option<i32>,
    /// The events that start it.
    pub subscriptions: Vec<CompiledSubscription>,
    /// How many executions may run at a time.
    pub concurrency: Option<CompiledConcurrency>,
    /// What becomes of triggers with the same dedupe key.
    pub dedupe: Dedupe,
    /// What expressions read as `variables`.
    pub variables: Variables,
}

/// `settings.concurrency`, compiled.
pub struct CompiledConcurrency {
    /// How many.
    pub limit: i64,
    /// What makes the key.
    pub key: Option<Template>,
    /// What becomes of those for which there is no room.
    pub on_limit: OnLimit,
}

/// A node, compiled.
pub struct CompiledNode {
    /// The node's type.
    pub kind: &'static str,
    /// The node's name for people and expressions.
    pub name: Option<String>,
    /// What it does.
    pub node: Box<dyn Node>,
    /// What the engine must know about it.
    pub role: Role,
    /// What all types have in common.
    pub common: Common,
    /// The condition in front of it.
    pub run_if: Option<RunIf>,
    /// The names of the secrets that it reads.
    pub secrets: Vec<String>,
    /// Its result in executions with mocks.
    pub mock: Option<Mock>,
}

/// What the engine must know of a node's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// An end of the graph.
    End {
        /// Ends the branches that still run, too.
        terminate: bool,
    },
    /// A loop over items.
    Loop {
        /// How many iterations run at a time.
        concurrency: usize,
        /// What the failure of an iteration does.
        on_item_error: OnItemError,
    },
    /// A run in several parts. Between them it is what its journal says: it starts again after each of its effects that asks for
    /// it, after an answer, and after the end of a child or task.
    Stepwise,
    /// Work for a worker.
    Task {
        /// How many leases may run out before the node fails.
        max_leases: i64,
        /// How long it may wait for a worker each time.
        queue_timeout_ms: Option<i64>,
    },
}

/// What the failure of one iteration does to its loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnItemError {
    /// The loop fails; other iterations are stopped.
    #[default]
    Fail,
    /// The item's result is null.
    Continue,
    /// The item's result is null, and `errors` lists the failure.
    Collect,
}

/// Configuration that every node type has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    /// Whether the node waits for all incoming edges or for the first taken one.
    pub join: Join,
    /// Further attempts after a failure.
    pub retry: Option<Retry>,
    /// The clock of one attempt.
    pub timeout_ms: Option<i64>,
    /// What a final failure does; none: the `error` edge if there is one, else the execution fails.
    pub on_error: Option<OnError>,
}

/// When a node with several incoming edges runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Once all are resolved and at least one is taken.
    #[default]
    All,
    /// At the first taken one.
    Any,
}

/// What a final failure of a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The execution fails, whatever is wired.
    Fail,
    /// The node counts as finished, by its default port; its output is `{error}`.
    Continue,
    /// The `error` port is taken.
    Branch,
}

/// Further attempts after a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All attempts together.
    pub max_attempts: i64,
    /// Whether the delay doubles.
    pub exponential: bool,
    /// The first delay.
    pub initial_ms: i64,
    /// The longest delay.
    pub max_ms: i64,
    /// Spreads each delay between its half and its whole.
    pub jitter: bool,
    /// Failure codes to retry; empty: all that another attempt could mend.
    pub retry_on: Vec<String>,
}

/// What a node does.
pub trait Node: Send + Sync {
    /// Begins an attempt: pure, deterministic, without I/O.
    fn start(&self, context: &NodeContext<'_>) -> Step;

    /// Whether an attempt that a crash interrupted may be run again although no retry is left: the node is pure, or its
    /// effect is idempotent.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// What is wrong with the input of an execution that begins here. Only a start node has a say.
    fn check_input(&self, _input: &Value) -> Vec<Problem> {
        Vec::new()
    }
}

/// What a node sees of its execution when it starts.
pub struct NodeContext<'a> {
    /// Values by name.
    pub scope: &'a dyn Scope,
    /// The time of the event that started the attempt.
    pub now: Instant,
    /// What the node was handed: the result of the predecessor that finished last.
    pub last_output: &'a Arc<Value>,
    /// The outputs of the predecessors whose edges were taken, in the order of the edges: `(node id, output)`.
    pub incoming: &'a [(&'a str, Arc<Value>)],
    /// Identifies the work across attempts: `<executionId>/<address>`.
    pub idempotency_key: String,
    /// Which attempt it is, from 1.
    pub attempt: i64,
    /// What the run has done so far, where it is one in several parts.
    pub journal: &'a [Entry],
}

/// One thing that a run in several parts has done, or that has come of what it waited for. Its log tells them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is: the kind that its effect reported, or one of those below.
    pub kind: String,
    /// More about it.
    pub detail: Arc<Value>,
}

impl Entry {
    /// An answer: `{suspensionId, context, decision}`.
    pub const ANSWER: &str = "answer";
    /// The end of a child: `{executionId, output}` or `{executionId, error}`.
    pub const CHILD: &str = "child";
}

/// What starting a node gave.
pub enum Step {
    /// It is done.
    Done(Outcome),
    /// Something outside must happen first.
    Effect(Box<dyn Effect>),
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Self::Done(outcome)
    }
}

impl From<Failure> for Step {
    fn from(failure: Failure) -> Self {
        Self::Done(Outcome::Fail(failure))
    }
}

/// How an attempt ended, or what it waits for.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It has a result.
    Complete(Completion),
    /// It failed.
    Fail(Failure),
    /// It goes on at an instant.
    Wait {
        /// When.
        until: Instant,
    },
    /// It goes on when somebody has answered.
    Suspend(Box<Question>),
    /// It goes on when the child execution has ended (or at once).
    Child(Box<ChildRequest>),
    /// It goes on when a worker has done the task.
    Task(Box<TaskRequest>),
    /// A part of it is done, and its journal says what: it starts again. Only where it is a run in several parts.
    Again,
    /// Its body runs once for each of these.
    Iterate(Vec<Value>),
}

/// A node's result.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The output.
    pub output: Arc<Value>,
    /// The port it finishes through; none is the default port.
    pub port: Option<String>,
    /// Hands on what it was handed, not its output.
    pub transparent: bool,
}

impl Outcome {
    /// A result by the default port.
    pub fn output(value: Value) -> Self {
        Self::Complete(Completion { output: Arc::new(value), port: None, transparent: false })
    }
}

/// What a suspending node asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Approval or question.
    pub kind: SuspensionKind,
    /// A heading.
    pub title: Option<String>,
    /// The message or question.
    pub message: String,
    /// What the reviewer should see.
    pub context: Option<Value>,
    /// JSON Schema of the answer's `data`.
    pub form: Option<Value>,
    /// Answers to choose from.
    pub choices: Vec<String>,
    /// Actions to choose from.
    pub actions: Vec<Action>,
    /// Whether a rejection needs a reason.
    pub require_reason: bool,
    /// When it expires.
    pub expires_at: Option<Instant>,
    /// What happens then.
    pub on_expiry: OnExpiry,
    /// The answer then, with `onExpiry: default`.
    pub default_answer: Option<Value>,
    /// Who may answer, and how many have to. Groups and the requester are filled in by the engine.
    pub policy: Policy,
    /// What happens while nobody answers.
    pub timeline: Vec<TimelineStep>,
    /// Who is told. The engine takes them off: they may hold secrets.
    pub notify: Vec<Target>,
}

/// The child execution that a node starts.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildRequest {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version; none is the latest.
    pub version: Option<i64>,
    /// Its input.
    pub input: Value,
    /// Whether the node waits for its end.
    pub wait: bool,
}

/// The task that a node has a worker do.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRequest {
    /// The queue that workers take it from.
    pub queue: String,
    /// What there is to do.
    pub input: Value,
    /// How long a lease lasts without a sign of life.
    pub lease_ms: i64,
}

/// Work outside the process. Dropped when it is cancelled or takes too long, so it must be safe to drop at any await.
#[async_trait]
pub trait Effect: Send + Sync {
    /// Does it.
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome;
}

/// What an effect may use.
#[derive(Clone)]
pub struct EffectContext {
    /// The guarded HTTP client, restricted to the hosts that the workspace may call.
    pub outbound: outbound::Client,
    /// The documents of the workspace.
    pub documents: Documents,
    /// What runs scripts.
    pub sandbox: Sandbox,
    /// Where log lines and deltas go; when the receiver is gone they are dropped.
    pub reports: mpsc::Sender<Report>,
    /// Fires when the attempt is to stop.
    pub cancelled: CancellationToken,
    /// The execution, for correlation.
    pub execution_id: ExecutionId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
}

/// Something a running effect tells.
#[derive(Clone, Debug)]
pub enum Report {
    /// Something it did; an entry of the journal of a run in several parts.
    Action {
        /// In a word.
        kind: &'static str,
        /// One line for people.
        title: String,
        /// More about it.
        detail: Value,
    },
    /// A log line.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// The line.
        message: String,
        /// More about it.
        data: Option<Value>,
    },
    /// A piece of text or progress.
    Delta {
        /// Of what.
        channel: DeltaChannel,
        /// The piece.
        text: String,
    },
}

impl CompiledWorkflow {
    /// The node at an index.
    pub fn node(&self, index: NodeIndex) -> &CompiledNode {
        &self.nodes[index]
    }

    /// The node that an expression means by this name: an id, else a name.
    pub fn find(&self, name: &str) -> Option<NodeIndex> {
        self.graph.index_of(name).or_else(|| self.nodes.iter().position(|node| node.name.as_deref() == Some(name)))
    }
}
