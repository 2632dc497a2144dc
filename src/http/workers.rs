//! Who works: the queues of tasks of a pod, and the workers that take from them.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{InPod, Viewer},
    error::Problem,
    reply::Reply,
    state::AppState,
};
use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, TaskId},
        task::Task,
    },
};

/// Workers that were heard of in this time are listed.
const LISTED_MS: i64 = 24 * 3_600 * 1_000;
/// A worker that polls as long as it may is heard of at least so often.
const CONNECTED_MS: i64 = 90 * 1_000;
/// The most leases that are listed.
const MAX_LEASES: i64 = 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_task_queues)).routes(routes!(list_workers))
}

/// A queue of tasks.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskQueue {
    /// Its name.
    queue: String,
    /// Tasks that wait for a worker.
    queued: i64,
    /// Tasks that a worker has.
    leased: i64,
    /// Since when the one waits that has waited for longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_queued_at: Option<Instant>,
    /// Workers that wait for a task of it, on the server that answers.
    workers_waiting: usize,
}

/// A worker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerView {
    /// What it calls itself.
    worker_id: String,
    /// The version it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The queues it took tasks from when it asked last.
    queues: Vec<String>,
    /// Whether it was heard of lately, or has a lease that has not run out.
    connected: bool,
    /// When it was heard of last.
    last_seen_at: Instant,
    /// What it has in its hands.
    leases: Vec<WorkerLease>,
}

/// A task in a worker's hands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerLease {
    /// The task.
    task_id: TaskId,
    /// The queue it came from.
    queue: String,
    /// The execution.
    execution_id: ExecutionId,
    /// The node.
    node_id: String,
    /// Since when.
    leased_at: Option<Instant>,
    /// When the lease runs out without a sign of life.
    lease_until: Option<Instant>,
}

/// List task queues
///
/// Those with tasks that wait or are worked on, and those that a worker waits for.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/task-queues", tag = "tasks",
    responses((status = 200, description = "The queues, by name", body = Vec<TaskQueue>)),
)]
async fn list_task_queues(pod: InPod<Viewer>, State(state): State<AppState>) -> Result<Reply, Problem> {
    let mut waiting = state.engine.workers_waiting(pod.workspace_id(), pod.pod_id());
    let mut queues = BTreeMap::new();
    for standing in state.store.task_queues(pod.workspace_id(), pod.pod_id()).await? {
        let queue = TaskQueue {
            workers_waiting: waiting.remove(&standing.queue).unwrap_or_default(),
            queue: standing.queue,
            queued: standing.queued,
            leased: standing.leased,
            oldest_queued_at: standing.oldest_queued_at,
        };
        queues.insert(queue.queue.clone(), queue);
    }
    for (queue, workers_waiting) in waiting {
        queues.insert(queue.clone(), TaskQueue { queue, workers_waiting, ..TaskQueue::default() });
    }
    Ok(Reply::ok(&queues.into_values().collect::<Vec<_>>()))
}

/// List workers
///
/// Those that were heard of in the last day, with the tasks they have.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/workers", tag = "tasks",
    responses((status = 200, description = "The workers, by id", body = Vec<WorkerView>)),
)]
async fn list_workers(pod: InPod<Viewer>, State(state): State<AppState>) -> Result<Reply, Problem> {
    let now = state.clock.now();
    let (workspace, pod) = (pod.workspace_id(), pod.pod_id());
    let known = state.store.workers(workspace, pod, now.plus_ms(-LISTED_MS)).await?;
    let mut leases: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for task in state.store.leased_tasks(workspace, pod, MAX_LEASES).await? {
        leases.entry(task.worker_id.clone().unwrap_or_default()).or_default().push(task);
    }
    let worker = |worker: crate::domain::task::Worker| {
        let tasks = leases.remove(&worker.id).unwrap_or_default();
        let heard = tasks.iter().filter_map(|task| task.heartbeat_at).max();
        let last_seen_at = heard.map_or(worker.last_seen_at, |heard| heard.max(worker.last_seen_at));
        WorkerView {
            worker_id: worker.id,
            version: worker.version,
            queues: worker.queues,
            connected: now.ms_since(last_seen_at) <= CONNECTED_MS
                || tasks.iter().any(|task| task.lease_until.is_some_and(|until| until > now)),
            last_seen_at,
            leases: tasks.into_iter().map(lease).collect(),
        }
    };
    Ok(Reply::ok(&known.into_iter().map(worker).collect::<Vec<_>>()))
}

fn lease(task: Task) -> WorkerLease {
    WorkerLease {
        task_id: task.id,
        queue: task.queue,
        execution_id: task.execution_id,
        node_id: task.node_id,
        leased_at: task.leased_at,
        lease_until: task.lease_until,
    }
}
