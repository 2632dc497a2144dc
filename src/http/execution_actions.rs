//! What can be done with an execution: answer it, approve it, replay it, retry it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, OfPod, Viewer},
    error::{Code, Problem},
    executions::{check_size, created, in_pod, kept_created, replayed},
    extract::Param,
    idempotency::{Idempotent, NoBody, ReplyKey},
    reply::Reply,
    state::AppState,
    traced::Traced,
};
use crate::{
    domain::{
        execution::{Execution, ExecutionView},
        ids::{ExecutionId, SuspensionId},
        suspension::Actor,
    },
    engine::{
        Answer, Engine, EngineError, Replay, ReplayVersion, Replayed,
        machine::replay::{NodeChoice, OldDecisions, PlannedNode},
    },
    nodes::forms::AnswerInput,
    store::{Store, StoreError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(respond_to_execution))
        .routes(routes!(approve_execution))
        .routes(routes!(replay_execution))
        .routes(routes!(retry_execution))
}

/// An answer to what an execution asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Respond {
    /// An approval: yes or no.
    #[serde(default)]
    approved: Option<bool>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    reason: Option<String>,
    /// A remark.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    comment: Option<String>,
    /// The answer to a question.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    answer: Option<Value>,
    /// The filled form.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    data: Option<Value>,
    /// One of an approval's actions, in place of `approved`.
    #[serde(default)]
    action: Option<String>,
    /// Which suspension; may be missing where one is open.
    #[serde(default)]
    suspension_id: Option<SuspensionId>,
    /// The node whose suspension is meant, in its place.
    #[serde(default)]
    node_id: Option<String>,
}

impl Respond {
    /// The answer, to the suspension that the path names or the body does.
    pub(super) fn into_answer(self, in_path: Option<SuspensionId>, actor: Actor) -> Result<Answer, Problem> {
        let Self { approved, reason, comment, answer, data, action, suspension_id, node_id } = self;
        if let (Some(path), Some(body)) = (in_path, suspension_id)
            && path != body
        {
            let message = "the body names another suspension than the path";
            return Err(Problem::field(Code::InvalidValue, "/suspensionId", message));
        }
        for (path, value) in [("/answer", &answer), ("/data", &data)] {
            if let Some(value) = value {
                check_size(path, value)?;
            }
        }
        let input = AnswerInput { approved, reason, comment, answer, data, action };
        Ok(Answer { pod_id: None, suspension_id: in_path.or(suspension_id), node_id, actor, input })
    }
}

/// A remark on an approval.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approve {
    /// Why.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    reason: Option<String>,
    /// A remark.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    comment: Option<String>,
    /// The filled form.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    data: Option<Value>,
    /// Which suspension; may be missing where one is open.
    #[serde(default)]
    suspension_id: Option<SuspensionId>,
    /// The node whose suspension is meant, in its place.
    #[serde(default)]
    node_id: Option<String>,
}

impl From<Approve> for Respond {
    fn from(approve: Approve) -> Self {
        let Approve { reason, comment, data, suspension_id, node_id } = approve;
        Self { approved: Some(true), reason, comment, answer: None, data, action: None, suspension_id, node_id }
    }
}

/// Answer what an execution asks
///
/// Those who may answer: the `policy` of the suspension says who; by default editors and higher. The first valid answer wins;
/// repeating it gets the same reply, another one 409 with who was faster. Where a quorum decides, an answer is a vote, and may be
/// changed until the quorum is met. When this is answered, the answer is durable and the execution goes on.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/respond", tag = "executions",
    request_body = Respond,
    responses(
        (status = 200, description = "The execution", body = ExecutionView),
        (status = 403, description = "The caller is none of those who may answer"),
        (status = 409, description = "Nothing, or more than one thing, waits for an answer; or it was answered differently, or claimed by another"),
        (status = 422, description = "The answer does not fit what was asked"),
    ),
)]
async fn respond_to_execution(
    pod: OfPod<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<ExecutionId>,
    Idempotent { body, key }: Idempotent<Respond>,
) -> Result<Reply, Problem> {
    answer_in_pod(&pod, &engine, id, body, &key).await
}

/// Approve what an execution asks
///
/// As `respond` with `approved: true`.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/approve", tag = "executions",
    request_body(content = Approve),
    responses(
        (status = 200, description = "The execution", body = ExecutionView),
        (status = 403, description = "The caller is none of those who may answer"),
        (status = 409, description = "Nothing, or more than one thing, waits for an answer; or it was answered differently, or claimed by another"),
        (status = 422, description = "The answer does not fit what was asked"),
    ),
)]
async fn approve_execution(
    pod: OfPod<Viewer>,
    State(engine): State<Engine>,
    Param(id): Param<ExecutionId>,
    Idempotent { body, key }: Idempotent<Approve>,
) -> Result<Reply, Problem> {
    answer_in_pod(&pod, &engine, id, body.into(), &key).await
}

async fn answer_in_pod(
    pod: &OfPod<Viewer>,
    engine: &Engine,
    id: ExecutionId,
    body: Respond,
    key: &ReplyKey,
) -> Result<Reply, Problem> {
    let answer = Answer { pod_id: Some(pod.pod_id()), ..body.into_answer(None, pod.access().actor())? };
    match answer_execution(engine, pod.workspace_id(), id, answer, key).await {
        Err(EngineError::Store(StoreError::NotFound("execution"))) => {
            Err(pod.not_found(&**engine.store(), "execution").await)
        }
        answered => answered.or_else(|error| replayed(key, error)),
    }
}

/// Hands an answer to the engine.
pub(super) async fn answer_execution(
    engine: &Engine,
    workspace: crate::domain::ids::WorkspaceId,
    id: ExecutionId,
    answer: Answer,
    key: &ReplyKey,
) -> Result<Reply, EngineError> {
    tracing::Span::current().record("execution_id", tracing::field::display(id));
    let (clock, shown) = (engine.clock().clone(), Arc::new(Mutex::new(None)));
    // The same state is shown as of the same instant: the reply that is sent is the one that is kept.
    let show = move |execution: &Execution| {
        let mut shown = shown.lock().expect("no holder of this lock panics");
        let seq = execution.progress.last_seq;
        let at = match *shown {
            Some((of, at)) if of == seq => at,
            _ => clock.now(),
        };
        *shown = Some((seq, at));
        Reply::ok(&execution.view(at))
    };
    let answered = engine.respond(workspace, id, answer, key.clone().for_ever().keeping(show.clone())).await?;
    Ok(show(answered.execution()))
}

/// Which version of the workflow a replay runs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum VersionChoice {
    /// `original` or `latest`.
    Named(NamedVersion),
    /// A version's number.
    Number(i64),
}

/// A version by what it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedVersion {
    /// That of the original.
    Original,
    /// The workflow's latest.
    Latest,
}

/// A wish for a replay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayExecution {
    /// The node from which on everything runs again; the beginning, if missing. Inside the iteration of a loop or inside a child it is
    /// the node's path: `each[3]/fetch`, `call/fetch`.
    #[serde(default)]
    from_node_id: Option<String>,
    /// Another input; only from the beginning.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    input: Option<Value>,
    /// `original` (the default), `latest`, or a version's number.
    #[serde(default)]
    version: Option<VersionChoice>,
    /// Per node: `"run"`, `"reuse"`, or `{"pin": value}`.
    #[serde(default)]
    nodes: BTreeMap<String, NodeChoice>,
    /// Whether approvals and questions that run again ask again, or take over their old answers.
    #[serde(default)]
    decisions: OldDecisions,
    /// Nodes that run again and have a `mock` take that; as in the original, if missing.
    #[serde(default)]
    mocks: Option<bool>,
    /// Only plan; nothing is started.
    #[serde(default)]
    dry_run: bool,
}

/// What a replay would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayPlan {
    /// The version that would run.
    workflow_version: i64,
    /// Per node of the top level, and of what is around the place where it begins.
    nodes: Vec<PlannedNode>,
}

/// Replay an execution
///
/// Editors and higher; for executions that have ended. Results of nodes that are not downstream of `fromNodeId` are taken
/// over and marked `reused`. With `dryRun` the reply is the plan and nothing starts.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/replay", tag = "executions",
    request_body(content = ReplayExecution),
    responses(
        (status = 200, description = "The plan (dry run)", body = ReplayPlan),
        (status = 201, description = "The new execution", body = ExecutionView),
        (status = 409, description = "The execution has not ended"),
        (status = 422, description = "The replay can't be carried out as asked"),
    ),
)]
async fn replay_execution(
    pod: OfPod<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    Traced(trace): Traced,
    Idempotent { body, key }: Idempotent<ReplayExecution>,
) -> Result<Reply, Problem> {
    in_pod(&pod, &store, id).await?;
    if let Some(input) = &body.input {
        check_size("/input", input)?;
    }
    let request = Replay {
        from_node_id: body.from_node_id,
        input: body.input,
        version: match body.version {
            None | Some(VersionChoice::Named(NamedVersion::Original)) => None,
            Some(VersionChoice::Named(NamedVersion::Latest)) => Some(ReplayVersion::Latest),
            Some(VersionChoice::Number(version)) => Some(ReplayVersion::Number(version)),
        },
        nodes: body.nodes,
        decisions: body.decisions,
        mocks: body.mocks,
        dry_run: body.dry_run,
        idempotency_key: key.key().map(str::to_owned),
        trace,
        by: pod.principal().id.clone(),
    };
    match engine.replay(pod.workspace_id(), id, request, kept_created(&engine, &key)).await {
        Ok(Replayed::Execution(execution)) => Ok(created(engine.clock(), &execution)),
        Ok(Replayed::Plan { workflow_version, nodes }) => Ok(Reply::ok(&ReplayPlan { workflow_version, nodes })),
        Err(error) => replayed(&key, error),
    }
}

/// Retry an execution
///
/// Editors and higher. Runs it again from the beginning, with the same input and version; one that is live is cancelled first.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/retry", tag = "executions",
    request_body(content = NoBody),
    responses((status = 201, description = "The new execution", body = ExecutionView)),
)]
async fn retry_execution(
    pod: OfPod<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    Traced(trace): Traced,
    Idempotent { body: NoBody {}, key }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    in_pod(&pod, &store, id).await?;
    let (by, once) = (pod.principal().id.clone(), key.key().map(str::to_owned));
    match engine.retry(pod.workspace_id(), id, by, trace, once, kept_created(&engine, &key)).await {
        Ok(execution) => Ok(created(engine.clock(), &execution)),
        Err(error) => replayed(&key, error),
    }
}
