//! Workflows and executions as that API shows them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{bodies::TriggerType, configuration::Kept, links};
use crate::{
    clock::Instant,
    domain::{
        definition::Definition,
        execution::{Execution, ExecutionStatus},
        ids::{ExecutionId, WorkflowId, WorkspaceId},
        schedule::Schedule,
        workflow::{Workflow, WorkflowState, WorkflowVersion},
    },
    http::{AppState, error::Problem},
    store::{
        StoreError,
        standings::{Standing, Tally},
    },
};

/// Where an execution is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KineticStatus)]
pub enum Status {
    /// Recorded: its time has not come, or a limit keeps it out of the queue.
    Pending,
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Waits for a person or a timer.
    Paused,
    /// Finished well.
    Completed,
    /// Finished badly, or was stopped.
    Failed,
}

impl Status {
    /// The status of an execution. It runs once a worker has it: until then its graph has only put it into the queue of workers.
    pub fn of(execution: &Execution, standing: Option<&Standing>) -> Self {
        let progress = &execution.progress;
        let task_waits = standing.is_some_and(|standing| standing.task_waits);
        match progress.status {
            ExecutionStatus::Pending => Self::Pending,
            ExecutionStatus::Queued if standing.is_some_and(|standing| standing.held) => Self::Pending,
            ExecutionStatus::Queued => Self::Queued,
            ExecutionStatus::Running if progress.stats.leases == 0 && task_waits => Self::Queued,
            ExecutionStatus::Running | ExecutionStatus::Cancelling => Self::Running,
            ExecutionStatus::Suspended => Self::Paused,
            ExecutionStatus::Completed => Self::Completed,
            ExecutionStatus::Failed | ExecutionStatus::Cancelled | ExecutionStatus::Skipped => Self::Failed,
        }
    }

    /// The native statuses in which an execution may read so.
    pub fn natives(self) -> &'static [ExecutionStatus] {
        match self {
            Self::Pending => &[ExecutionStatus::Pending, ExecutionStatus::Queued],
            Self::Queued => &[ExecutionStatus::Queued, ExecutionStatus::Running],
            Self::Running => &[ExecutionStatus::Running, ExecutionStatus::Cancelling],
            Self::Paused => &[ExecutionStatus::Suspended],
            Self::Completed => &[ExecutionStatus::Completed],
            Self::Failed => &[ExecutionStatus::Failed, ExecutionStatus::Cancelled, ExecutionStatus::Skipped],
        }
    }
}

/// The id of a version, which natively is a number of its workflow: the same for ever.
pub fn version_uuid(workflow: WorkflowId, version: i64) -> Uuid {
    Uuid::new_v5(&workflow.0, format!("version {version}").as_bytes())
}

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticExecution)]
pub struct ExecutionResponse {
    /// Its id.
    pub execution_uuid: ExecutionId,
    /// The version of the workflow it runs, to its end.
    pub workflow_version_uuid: Uuid,
    /// The workflow it runs.
    pub workflow_uuid: WorkflowId,
    /// That workflow's name.
    pub workflow_name: Option<String>,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last heard of.
    pub updated_at: Instant,
    /// Where it is in its life.
    pub status: Status,
    /// What it works on.
    #[schema(value_type = Option<Value>)]
    pub input_payload: Value,
    /// Milliseconds from start to end, or to now while it runs; null until a worker has it.
    pub duration_ms: Option<i64>,
    /// Steps that were taken.
    pub n_steps: i64,
    /// Actions of the agent.
    pub n_agent_actions: i64,
    /// Screenshots that were taken.
    pub n_screenshots: i64,
    /// Where its output is fetched.
    pub output_url: Option<String>,
    /// Where its video is fetched.
    pub video_url: Option<String>,
    /// Where its log is fetched.
    pub logs_url: Option<String>,
}

/// These executions, in their order.
pub async fn executions(
    state: &AppState,
    workspace: WorkspaceId,
    executions: Vec<Execution>,
) -> Result<Vec<ExecutionResponse>, Problem> {
    let ids: Vec<ExecutionId> = executions.iter().map(|execution| execution.origin.id).collect();
    let standings = state.store.standings(workspace, &ids).await?;
    let mut names: HashMap<WorkflowId, Option<String>> = HashMap::new();
    let mut shown = Vec::with_capacity(executions.len());
    for execution in executions {
        let workflow = execution.origin.workflow_id;
        if let std::collections::hash_map::Entry::Vacant(place) = names.entry(workflow) {
            place.insert(match state.store.workflow_head(workspace, workflow).await {
                Ok(workflow) => Some(workflow.name),
                Err(StoreError::NotFound(_)) => None,
                Err(error) => return Err(error.into()),
            });
        }
        let name = names[&workflow].clone();
        let standing = standings.get(&execution.origin.id);
        shown.push(execution_response(state, execution, name, standing).await?);
    }
    Ok(shown)
}

/// This execution.
pub async fn execution(state: &AppState, execution: Execution) -> Result<ExecutionResponse, Problem> {
    let shown = executions(state, execution.origin.workspace_id, vec![execution]).await?;
    shown.into_iter().next().ok_or_else(|| Problem::internal("an execution was shown as none"))
}

async fn execution_response(
    state: &AppState,
    execution: Execution,
    workflow_name: Option<String>,
    standing: Option<&Standing>,
) -> Result<ExecutionResponse, Problem> {
    let status = Status::of(&execution, standing);
    let links = links::of(state, &execution).await?;
    let duration_ms = execution.view(state.clock.now()).duration_ms;
    let Execution { origin, progress } = execution;
    // What the worker keeps elsewhere, where it has left no file here.
    let elsewhere = [progress.output.as_ref(), progress.error.as_ref().and_then(|error| error.details.as_ref())]
        .into_iter()
        .flatten()
        .find_map(|value| value.get("outputUrl")?.as_str().filter(|url| is_web_address(url)))
        .map(str::to_owned);
    Ok(ExecutionResponse {
        execution_uuid: origin.id,
        workflow_version_uuid: version_uuid(origin.workflow_id, origin.workflow_version),
        workflow_uuid: origin.workflow_id,
        workflow_name,
        created_at: origin.created_at,
        updated_at: standing.map_or(origin.created_at, |standing| standing.updated_at),
        status,
        input_payload: origin.input,
        duration_ms: duration_ms.filter(|_| !matches!(status, Status::Pending | Status::Queued)),
        n_steps: progress.stats.steps,
        n_agent_actions: progress.stats.agent_actions,
        n_screenshots: progress.stats.screenshots,
        output_url: links.output.or(elsewhere),
        video_url: links.video,
        logs_url: links.logs,
    })
}

/// Whether a text is an address that a browser fetches.
pub fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A version of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticWorkflowVersion)]
pub struct VersionResponse {
    /// Its id.
    pub workflow_version_uuid: Uuid,
    /// The workflow.
    pub workflow_uuid: WorkflowId,
    /// What the agent is told, as it was given; null for a graph that was made by other doors.
    #[schema(value_type = Option<Object>)]
    pub specification: Option<Value>,
    /// The same by its other name.
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Value>,
    /// When it was made.
    pub created_at: Instant,
    /// The same: a version never changes.
    pub updated_at: Instant,
    /// 1, 2, 3, ...
    pub version: i64,
    /// Whether it is the latest, which is the one that is executed.
    pub is_current: bool,
    /// The workflow's name at that version.
    pub name: Option<String>,
    /// What it was for at that version.
    pub description: Option<String>,
}

impl VersionResponse {
    /// A version of a workflow.
    pub fn new(workflow: &Workflow, version: &WorkflowVersion) -> Self {
        let WorkflowVersion { workflow_id, version: number, definition, created_at, .. } = version;
        let kept = Kept::of(definition);
        let is_current = *number == workflow.version;
        let (name, description) = match &kept {
            Some(kept) => (kept.name.clone(), kept.description.clone()),
            None => (workflow.name.clone(), workflow.description.clone()),
        };
        let configuration = kept.map(|kept| Value::Object(kept.configuration));
        Self {
            workflow_version_uuid: version_uuid(*workflow_id, *number),
            workflow_uuid: *workflow_id,
            specification: configuration.clone(),
            configuration,
            created_at: *created_at,
            updated_at: *created_at,
            version: *number,
            is_current,
            name: Some(name),
            description: Some(description),
        }
    }
}

/// Whether a workflow can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KineticWorkflowStatus)]
pub enum WorkflowStatus {
    /// It can.
    Active,
    /// It is in the trash.
    Trashed,
}

/// Whether a version can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KineticVersionStatus)]
pub enum VersionStatus {
    /// It can: every version is published as it is made.
    Published,
}

/// A workflow, with both spellings of what has two.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KineticWorkflow)]
pub struct WorkflowResponse {
    /// Its id.
    pub workflow_uuid: WorkflowId,
    /// The same by its other name.
    pub id: WorkflowId,
    /// The id of its latest version.
    pub workflow_version_uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its name in addresses; null for a workflow that was made by other doors.
    pub slug: Option<String>,
    /// What it is for.
    pub description: String,
    /// What the agent is told, as it was given; null for a graph that was made by other doors.
    #[schema(value_type = Option<Object>)]
    pub specification: Option<Value>,
    /// The same by its other name.
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Value>,
    /// The number of the latest version.
    pub version: i64,
    /// The same by another name.
    pub current_version: i64,
    /// And by another.
    #[serde(rename = "currentVersion")]
    pub current_version_camel: i64,
    /// True: what is shown is the latest version.
    pub is_current: bool,
    /// Whether the latest version can be executed.
    #[serde(rename = "versionStatus")]
    pub version_status: VersionStatus,
    /// Whether the workflow can be executed.
    pub status: WorkflowStatus,
    /// What starts it.
    #[serde(rename = "triggerType")]
    pub trigger_type: TriggerType,
    /// When, where that is the clock.
    #[serde(rename = "scheduleExpression")]
    pub schedule_expression: Option<String>,
    /// How many executions of it there are.
    pub executions: i64,
    /// The part of those that have ended which completed, 0 to 1; null before the first end.
    pub success_rate: Option<f64>,
    /// When the latest execution was created.
    pub last_run: Option<Instant>,
    /// Its versions, newest first, up to 200; null in lists and in replies to changes.
    pub versions: Option<Vec<VersionResponse>>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl WorkflowResponse {
    /// A workflow that was read with its latest definition.
    pub fn new(workflow: &Workflow, schedule: Option<&Schedule>, tally: Tally) -> Self {
        let kept = workflow.definition.as_ref().and_then(|definition: &Definition| Kept::of(definition));
        let (slug, configuration) = match kept {
            Some(Kept { slug, configuration, .. }) => (Some(slug), Some(Value::Object(configuration))),
            None => (None, None),
        };
        let schedule = schedule.filter(|schedule| schedule.enabled);
        let ended = tally.completed + tally.failed;
        let success_rate = (ended > 0).then(|| tally.completed as f64 / ended as f64);
        Self {
            workflow_uuid: workflow.id,
            id: workflow.id,
            workflow_version_uuid: version_uuid(workflow.id, workflow.version),
            name: workflow.name.clone(),
            slug,
            description: workflow.description.clone(),
            specification: configuration.clone(),
            configuration,
            version: workflow.version,
            current_version: workflow.version,
            current_version_camel: workflow.version,
            is_current: true,
            version_status: VersionStatus::Published,
            status: match workflow.state {
                WorkflowState::Draft | WorkflowState::Deployed => WorkflowStatus::Active,
                WorkflowState::Trashed => WorkflowStatus::Trashed,
            },
            trigger_type: schedule.map_or(TriggerType::Manual, |_| TriggerType::Schedule),
            schedule_expression: schedule.map(|schedule| schedule.cron_expression.clone()),
            executions: tally.executions,
            success_rate,
            last_run: tally.last_at,
            versions: None,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
        }
    }
}
