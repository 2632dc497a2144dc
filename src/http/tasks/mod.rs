//! The doors of workers: lease, heartbeat, complete, fail, release, send a file. A lease is asked for with an API key; whatever follows needs the
//! token of that lease and nothing else, but for results of many tasks at once: they come from whoever has leased them.

mod artifacts;
mod bodies;
mod checks;

use std::time::Duration;

use axum::{
    Extension,
    extract::{FromRef, FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, request::Parts},
};
use futures_util::future::join_all;
use serde::{Deserialize, de::DeserializeOwned};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod},
    error::Problem,
    extract::{self, Json, Param},
    observe::RequestId,
    reply::Reply,
    state::AppState,
};
use crate::{
    domain::{
        execution::Execution,
        ids::{PodId, TaskId, WorkspaceId},
        task::{Lease, Worker},
    },
    engine::tasks::{LeaseRequest, Leased},
};
use bodies::{
    CompleteTask, FailTask, Heartbeat, HeartbeatReply, LeaseTasks, LeasedTask, LeasedTasks, ReleaseTask, SendResults,
    SentResult, SentResults, TaskOutcome, TaskResult,
};
use checks::{check_lease, check_results, check_stats, failure, reports};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(lease_tasks))
        .routes(routes!(heartbeat_task))
        .routes(routes!(complete_task))
        .routes(routes!(fail_task))
        .routes(routes!(release_task))
        .routes(routes!(send_results))
        .merge(artifacts::routes())
}

/// Lease tasks
///
/// Editors and higher. Answers as soon as there is a task, with those that are there, up to `max`; without one after `waitSeconds`
/// with an empty list. Tasks of higher priority come first, then older ones. Each is the worker's until its lease runs out, which
/// a heartbeat puts off.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/lease", tag = "tasks", request_body = LeaseTasks,
    responses((status = 200, description = "The tasks", body = LeasedTasks)),
)]
async fn lease_tasks(
    pod: InPod<Editor>,
    State(state): State<AppState>,
    Json(body): Json<LeaseTasks>,
) -> Result<Reply, Problem> {
    check_lease(&body)?;
    let worker =
        Worker { id: body.worker_id, version: body.version, queues: body.queues, last_seen_at: state.clock.now() };
    let request = LeaseRequest {
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        worker,
        max: body.max,
        wait: Duration::from_secs(body.wait_seconds),
    };
    let leased = state.engine.lease(request).await?;
    let tokens = state.auth.lease_tokens();
    let task = |leased: Leased| {
        let token = tokens.issue(&leased.lease());
        LeasedTask::new(leased, token)
    };
    Ok(Reply::ok(&LeasedTasks { tasks: leased.into_iter().map(task).collect() }))
}

/// Report on a task
///
/// A sign of life puts the end of the lease off; what comes with it is on the execution's stream when this is answered. `cancelled`
/// says that the task is not wanted any more. The lease token is the credential.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/{taskId}/heartbeat", tag = "tasks",
    request_body = Heartbeat, security(("leaseToken" = [])),
    responses(
        (status = 200, description = "It was heard", body = HeartbeatReply),
        (status = 409, description = "The lease is over"),
    ),
)]
async fn heartbeat_task(
    State(state): State<AppState>,
    OfLease { lease, body }: OfLease<Heartbeat>,
) -> Result<Reply, Problem> {
    let reports = reports(body)?;
    let beat = state.engine.heartbeat(&lease, &reports).await?;
    Ok(Reply::ok(&HeartbeatReply { cancelled: beat.cancelled, lease_until: beat.lease_until }))
}

/// Complete a task
///
/// The output becomes the node's. The same again gets the same reply; once the lease is over nothing is changed. The lease token
/// is the credential.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/{taskId}/complete", tag = "tasks",
    request_body = CompleteTask, security(("leaseToken" = [])),
    responses(
        (status = 200, description = "It is recorded", body = TaskOutcome),
        (status = 409, description = "The lease is over"),
    ),
)]
async fn complete_task(
    State(state): State<AppState>,
    OfLease { lease, body }: OfLease<CompleteTask>,
) -> Result<Reply, Problem> {
    check_stats(body.stats.as_ref())?;
    Ok(Reply::ok(&outcome(&lease, &state.engine.finish_task(&lease, Ok(body.output), body.stats).await?)))
}

/// Send results of tasks
///
/// Editors and higher. What `complete` and `fail` do with one task, for up to 100 of them in one request: a busy worker's results
/// go together. Each is carried out by itself, and answered at its place: how its execution stands now, or the problem that a
/// request with it alone would have got. All that was recorded is durable when this is answered. A result may be sent again.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/results", tag = "tasks", request_body = SendResults,
    responses((status = 200, description = "What became of each", body = SentResults)),
)]
async fn send_results(
    pod: InPod<Editor>,
    State(state): State<AppState>,
    Extension(request_id): Extension<RequestId>,
    Json(body): Json<SendResults>,
) -> Result<Reply, Problem> {
    check_results(&body)?;
    let (pod, state, request_id) = (&pod, &state, request_id.0.as_str());
    let results = body.results.into_iter().map(|result| async move {
        match send_result(pod, state, result).await {
            Ok(outcome) => SentResult::Recorded(outcome),
            Err(problem) => {
                problem.log_cause();
                SentResult::Refused { problem: problem.body(request_id) }
            }
        }
    });
    Ok(Reply::ok(&SentResults { results: join_all(results).await }))
}

async fn send_result(pod: &InPod<Editor>, state: &AppState, result: TaskResult) -> Result<TaskOutcome, Problem> {
    let lease = state.auth.lease_tokens().open(&result.lease_token)?;
    if (lease.workspace_id, lease.pod_id) != (pod.workspace_id(), pod.pod_id()) {
        return Err(Problem::not_found("task"));
    }
    check_stats(result.stats.as_ref())?;
    let output = match result.error {
        Some(error) => Err(failure(error)?),
        None => Ok(result.output),
    };
    Ok(outcome(&lease, &state.engine.finish_task(&lease, output, result.stats).await?))
}

/// Fail a task
///
/// Ends the attempt; whether there is another one, the node's `retry` says. As for a completion, the same again gets the same
/// reply. The lease token is the credential.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/{taskId}/fail", tag = "tasks",
    request_body = FailTask, security(("leaseToken" = [])),
    responses(
        (status = 200, description = "It is recorded", body = TaskOutcome),
        (status = 409, description = "The lease is over"),
    ),
)]
async fn fail_task(
    State(state): State<AppState>,
    OfLease { lease, body }: OfLease<FailTask>,
) -> Result<Reply, Problem> {
    check_stats(body.stats.as_ref())?;
    let failure = failure(body.error)?;
    Ok(Reply::ok(&outcome(&lease, &state.engine.finish_task(&lease, Err(failure), body.stats).await?)))
}

/// Give a task back
///
/// It waits for a worker again, as the same attempt: for a worker that is being stopped. The lease token is the credential.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/tasks/{taskId}/release", tag = "tasks",
    request_body = ReleaseTask, security(("leaseToken" = [])),
    responses(
        (status = 200, description = "It waits again", body = TaskOutcome),
        (status = 409, description = "The lease is over"),
    ),
)]
async fn release_task(
    State(state): State<AppState>,
    OfLease { lease, .. }: OfLease<ReleaseTask>,
) -> Result<Reply, Problem> {
    state.engine.release_task(&lease).await?;
    let execution = state.store.execution(lease.workspace_id, lease.execution_id).await?;
    Ok(Reply::ok(&outcome(&lease, &execution)))
}

/// The lease of the task in the path, by the token of the request, which is looked at before the rest of the body is.
struct OfLease<T> {
    lease: Lease,
    body: T,
}

impl<T: DeserializeOwned, S> FromRequest<S> for OfLease<T>
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Token {
            #[serde(rename = "leaseToken")]
            token: String,
        }
        let (mut parts, bytes) = extract::read_body(request).await?;
        let in_body = serde_json::from_slice::<Token>(&bytes).ok().map(|body| body.token);
        let place = TaskPlace::from_request_parts(&mut parts, state).await?;
        let lease = place.lease(&AppState::from_ref(state), &parts.headers, in_body.as_deref())?;
        let body = extract::parse_json(&parts.headers, &bytes)?;
        Ok(Self { lease, body })
    }
}

/// A task in the path.
pub(super) struct TaskPlace {
    workspace: WorkspaceId,
    pod: PodId,
    task: TaskId,
}

impl<S: Send + Sync> FromRequestParts<S> for TaskPlace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Param(workspace) = Param::from_request_parts(parts, state).await?;
        let Param(pod) = Param::from_request_parts(parts, state).await?;
        let Param(task) = Param::from_request_parts(parts, state).await?;
        Ok(Self { workspace, pod, task })
    }
}

impl TaskPlace {
    /// The lease of this task that the request has the token of.
    pub(super) fn lease(&self, state: &AppState, headers: &HeaderMap, in_body: Option<&str>) -> Result<Lease, Problem> {
        let lease = state.auth.lease_tokens().check(headers, in_body)?;
        let here = (lease.workspace_id, lease.pod_id, lease.task_id) == (self.workspace, self.pod, self.task);
        if here { Ok(lease) } else { Err(Problem::not_found("task")) }
    }
}

fn outcome(lease: &Lease, execution: &Execution) -> TaskOutcome {
    let status = execution.progress.status;
    TaskOutcome { task_id: lease.task_id, execution_id: lease.execution_id, status }
}
