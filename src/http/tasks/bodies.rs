//! What workers send and get. Each body with a lease token may leave it to a header.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    clock::Instant,
    domain::{
        event::{DeltaChannel, LogLevel},
        execution::ExecutionStatus,
        ids::{ArtifactId, ExecutionId, TaskId, WorkflowId},
        task::TaskStats,
        trace::TraceHeaders,
    },
    engine::tasks::Leased,
    http::error::ProblemBody,
};

/// A worker's wish for tasks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaseTasks {
    /// The queues to take tasks from.
    #[schema(min_items = 1, max_items = 32)]
    pub(super) queues: Vec<String>,
    /// How many tasks at most.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100, default = 1)]
    pub(super) max: usize,
    /// How many seconds to wait for the first one.
    #[serde(default)]
    #[schema(maximum = 55)]
    pub(super) wait_seconds: u64,
    /// What the worker calls itself: shown with its tasks, and in the list of workers.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) worker_id: String,
    /// The version it is.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub(super) version: Option<String>,
}

fn one() -> usize {
    1
}

/// Tasks that were leased.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeasedTasks {
    /// The tasks; none when nothing came in time.
    pub(super) tasks: Vec<LeasedTask>,
}

/// A task in the hands of a worker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeasedTask {
    /// The task.
    pub(super) task_id: TaskId,
    /// The credential of this lease: all that the doors of the task need.
    pub(super) lease_token: String,
    /// The number of the lease: one higher than that of the lease before.
    pub(super) fence: i64,
    /// The queue it was in.
    pub(super) queue: String,
    /// The execution it is a part of.
    pub(super) execution_id: ExecutionId,
    /// The workflow.
    pub(super) workflow_id: WorkflowId,
    /// The node.
    pub(super) node_id: String,
    /// The run's address inside loops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// The attempt: 1, 2, 3, ...
    pub(super) attempt: i64,
    /// The same for every attempt: what the work is to be known by outside, so that it is not done twice.
    pub(super) idempotency_key: String,
    /// What there is to do.
    #[schema(value_type = Value)]
    pub(super) input: Value,
    /// The context of the execution.
    #[schema(value_type = Value)]
    pub(super) context: Value,
    /// Since when it waited.
    pub(super) queued_at: Instant,
    /// When the lease runs out without a heartbeat.
    pub(super) lease_until: Instant,
    /// How long a lease lasts without one.
    pub(super) lease_seconds: i64,
    /// When the attempt has taken too long, whatever the worker tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<Instant>,
    /// What to send along with what the work calls, where the execution is part of a trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<TraceHeaders>,
}

impl LeasedTask {
    /// A task that was leased, and the token of the lease.
    pub(super) fn new(leased: Leased, token: String) -> Self {
        let (deadline, trace) = (leased.deadline, leased.trace);
        let (task, context) = (leased.task, leased.context);
        let path = (task.address != task.node_id).then(|| task.address.clone());
        Self {
            task_id: task.id,
            lease_token: token,
            fence: task.fence,
            queue: task.queue,
            execution_id: task.execution_id,
            workflow_id: task.workflow_id,
            node_id: task.node_id,
            path,
            attempt: task.attempt,
            idempotency_key: format!("{}/{}", task.execution_id, task.address),
            input: task.input,
            context,
            queued_at: task.queued_at,
            lease_until: task.lease_until.unwrap_or(task.queued_at),
            lease_seconds: task.lease_ms / 1_000,
            deadline,
            trace,
        }
    }
}

/// A sign of life, and what there is to tell.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// The token, if it is in no header.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read before the rest of the body is")]
    lease_token: Option<String>,
    /// How far the work has come.
    #[serde(default)]
    pub(super) progress: Option<f64>,
    /// How far it goes.
    #[serde(default)]
    pub(super) progress_max: Option<f64>,
    /// What it is at, for people.
    #[serde(default)]
    #[schema(max_length = 65536)]
    pub(super) message: Option<String>,
    /// Log lines.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(super) logs: Vec<TaskLog>,
    /// Things that were done.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(super) actions: Vec<TaskAction>,
    /// Pieces of text.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(super) deltas: Vec<TaskDelta>,
}

/// A log line of a worker.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskLog {
    /// How much it matters; `info`, if missing.
    #[serde(default)]
    pub(super) level: Option<LogLevel>,
    /// The line.
    #[schema(max_length = 65536)]
    pub(super) message: String,
    /// More about it.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub(super) data: Option<Value>,
}

/// Something that a worker did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskAction {
    /// `action`, `step`, `screenshot`, `thought`, or a word of its own. Steps, screenshots, and everything else are counted apart.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) kind: String,
    /// One line for people.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) title: String,
    /// More about it.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub(super) detail: Option<Value>,
    /// The artifact that shows it.
    #[serde(default)]
    pub(super) artifact_id: Option<ArtifactId>,
}

/// A piece of text from a worker.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskDelta {
    /// Of what.
    pub(super) channel: DeltaChannel,
    /// The piece.
    #[schema(max_length = 65536)]
    pub(super) delta: String,
}

/// What a worker hears when it gives a sign of life.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatReply {
    /// The task is not wanted any more: stop, and tell nothing further.
    pub(super) cancelled: bool,
    /// When the lease runs out now.
    pub(super) lease_until: Instant,
}

/// A worker's result.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompleteTask {
    /// The token, if it is in no header.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read before the rest of the body is")]
    lease_token: Option<String>,
    /// The node's output.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub(super) output: Value,
    /// The worker's own counts, in place of what was counted from its reports.
    #[serde(default)]
    pub(super) stats: Option<TaskStats>,
}

/// That a worker could not do it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailTask {
    /// The token, if it is in no header.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read before the rest of the body is")]
    lease_token: Option<String>,
    /// Why.
    pub(super) error: TaskError,
    /// The worker's own counts, in place of what was counted from its reports.
    #[serde(default)]
    pub(super) stats: Option<TaskStats>,
}

/// Results of several tasks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendResults {
    /// The results, each of another task.
    #[schema(min_items = 1, max_items = 100)]
    pub(super) results: Vec<TaskResult>,
}

/// The result of one of several tasks: an output, or an error.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskResult {
    /// The token of the lease, which says whose result it is.
    pub(super) lease_token: String,
    /// The node's output; null, if missing.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub(super) output: Value,
    /// Why there is no output.
    #[serde(default)]
    pub(super) error: Option<TaskError>,
    /// The worker's own counts, in place of what was counted from its reports.
    #[serde(default)]
    pub(super) stats: Option<TaskStats>,
}

/// What became of results.
#[derive(Debug, Serialize, ToSchema)]
pub struct SentResults {
    /// One for each result, in their order.
    pub(super) results: Vec<SentResult>,
}

/// What became of a result.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SentResult {
    /// It is recorded.
    Recorded(TaskOutcome),
    /// It changed nothing.
    Refused {
        /// Why: what a request with this result alone would have been answered.
        problem: ProblemBody,
    },
}

/// Why a worker could not do its task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskError {
    /// One sentence for people.
    #[schema(max_length = 65536)]
    pub(super) message: String,
    /// The worker's own code for it.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub(super) code: Option<String>,
    /// Whether another attempt may succeed; the node's `retry` says how many there are.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(super) retryable: bool,
    /// More about it.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub(super) details: Option<Value>,
}

fn yes() -> bool {
    true
}

/// A task that is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseTask {
    /// The token, if it is in no header.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read before the rest of the body is")]
    lease_token: Option<String>,
}

/// How the execution of a task stands after a worker's word.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOutcome {
    /// The task.
    pub(super) task_id: TaskId,
    /// The execution.
    pub(super) execution_id: ExecutionId,
    /// Its status now.
    pub(super) status: ExecutionStatus,
}
