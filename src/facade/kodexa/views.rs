//! Executions as that API shows them.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    kept::Kept,
    pipeline::Step,
    steps::{Pipeline, Progress, steps_of},
};
use crate::{
    clock::Instant,
    domain::{
        event::Event,
        execution::{Execution as Native, ExecutionStatus, NodeState, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, WorkflowId, WorkspaceId},
        reprocessing::Reprocessing,
    },
    engine::Include,
    http::{AppState, error::Problem},
    store::{ExecutionFilter, StoreError},
};

/// How many of the last events are looked through for what a worker says of its progress.
const RECENT: i64 = 200;
/// The most children that are shown of an execution.
const MAX_CHILDREN: i64 = 200;
/// How many executions are looked up at once.
const AT_ONCE: usize = 8;
/// The member of a context that holds what was asked of an execution beside it.
pub const ASKED: &str = "kodexa";

/// Where an execution or a step is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = KodexaStatus)]
pub enum Status {
    /// Waits for its turn.
    Pending,
    /// Runs, or waits for a person or a timer.
    Running,
    /// Finished well.
    Succeeded,
    /// Finished badly.
    Failed,
    /// Asked for; its time has not come.
    Requested,
    /// A duplicate, or one for which there was no room; a step whose condition does not hold.
    Skipped,
    /// Being stopped.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// It had finished, and is being done again.
    PendingReprocessing,
    /// It had finished, and has been done again.
    Reprocessed,
}

impl Status {
    /// The status of an execution.
    pub fn of(execution: &Native) -> Self {
        let progress = &execution.progress;
        match progress.reprocessing.filter(|_| progress.status.is_terminal()) {
            Some(Reprocessing::Pending) => return Self::PendingReprocessing,
            Some(Reprocessing::Done) => return Self::Reprocessed,
            None => {}
        }
        match progress.status {
            ExecutionStatus::Pending => Self::Requested,
            ExecutionStatus::Queued => Self::Pending,
            ExecutionStatus::Running | ExecutionStatus::Suspended => Self::Running,
            ExecutionStatus::Cancelling => Self::Cancelling,
            ExecutionStatus::Completed => Self::Succeeded,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::Cancelled => Self::Cancelled,
            ExecutionStatus::Skipped => Self::Skipped,
        }
    }
}

/// Why something has failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaExceptionDetails)]
pub struct ExceptionDetails {
    /// One sentence.
    message: String,
    /// The same.
    error_message: String,
    /// The code of its worker's own, or else that of the failure, such as `task_failed`.
    error_type: String,
    /// What to know of it, where its worker has told: `details.description`.
    description: Option<String>,
    /// What to do, where its worker has told.
    advice: Option<String>,
    /// Where to look, where its worker has told.
    help: Option<String>,
    /// Where more is written, where its worker has told.
    documentation_url: Option<String>,
    /// The version of the workflow.
    executed_version: Option<String>,
    /// A status of HTTP, where there is one.
    status_code: Option<i64>,
    /// All details of the failure.
    #[schema(value_type = Option<Object>)]
    cause: Option<Value>,
    /// What is wrong with options, where its worker has told.
    #[schema(value_type = Option<Object>)]
    option_errors: Option<Value>,
    /// Where it has happened, where its worker has told.
    #[schema(value_type = Vec<Object>)]
    stack_trace: Vec<Value>,
    /// What is wrong with values, where its worker has told.
    #[schema(value_type = Vec<Object>)]
    validation_errors: Vec<Value>,
}

impl ExceptionDetails {
    /// A failure, in a version of a workflow. What a worker tells of it is within the details of a task's failure.
    pub fn of(failure: &Failure, version: Option<i64>) -> Self {
        let of_task = failure.details.as_ref().filter(|_| failure.code == FailureCode::TaskFailed);
        let own_code = of_task.and_then(|told| told.get("code")?.as_str());
        let details = match of_task.and_then(|told| told.get("details")) {
            Some(details) => Some(details).filter(|details| !details.is_null()),
            None => failure.details.as_ref(),
        };
        let member = |name: &str| details?.get(name).filter(|value| !value.is_null());
        let text = |name: &str| member(name)?.as_str().map(str::to_owned);
        let objects = |name: &str| {
            let list = member(name).and_then(Value::as_array);
            list.map(|list| list.iter().filter(|one| one.is_object()).cloned().collect()).unwrap_or_default()
        };
        Self {
            message: failure.message.clone(),
            error_message: failure.message.clone(),
            error_type: own_code.unwrap_or(failure.code.as_str()).to_owned(),
            description: text("description"),
            advice: text("advice"),
            help: text("help"),
            documentation_url: text("documentationUrl"),
            executed_version: text("executedVersion").or_else(|| version.map(|version| version.to_string())),
            status_code: ["statusCode", "status"].iter().find_map(|name| member(name)?.as_i64()),
            cause: details
                .map(|details| if details.is_object() { details.clone() } else { json!({ "details": details }) }),
            option_errors: member("optionErrors").filter(|errors| errors.is_object()).cloned(),
            stack_trace: objects("stackTrace"),
            validation_errors: objects("validationErrors"),
        }
    }
}

/// How an execution is getting on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaStatusDetails)]
pub struct StatusDetails {
    /// That of the execution.
    status: Status,
    /// That of the step that runs, or ran last.
    step_status: Option<Status>,
    /// The name of that step.
    message: Option<String>,
    /// What is said of it.
    detail: Option<String>,
    /// How far its work has come, as its worker says.
    progress: Option<i64>,
    /// How far it goes.
    progress_max: Option<i64>,
}

/// What an execution is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KodexaTargets)]
pub struct Targets {
    /// The document family, if there is one.
    instances: Vec<Target>,
}

/// A document family that an execution is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaTarget)]
pub struct Target {
    /// `DOCUMENT_STORE`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where its content lives.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Its id.
    document_family_id: String,
    /// The content that the execution was told of.
    content_object_id: Option<String>,
    /// The taxonomies that it was told of.
    taxonomy_refs: Vec<String>,
    /// The label that it puts on the document family when it succeeds.
    labels_to_apply: Vec<String>,
}

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaExecution)]
pub struct Execution {
    /// Its id.
    id: ExecutionId,
    /// The same.
    uuid: ExecutionId,
    /// The assistant.
    assistant_id: WorkflowId,
    /// The organization.
    organization_id: WorkspaceId,
    /// The execution that has started it.
    parent_execution_id: Option<ExecutionId>,
    /// Those that it has started.
    #[schema(no_recursion)]
    child_executions: Vec<Execution>,
    /// What it is about.
    document_family_id: Option<String>,
    /// As it was given.
    session_id: Option<String>,
    /// As it was given; else the assistant's name.
    description: Option<String>,
    /// Where it is in its life.
    status: Status,
    /// How it is getting on.
    status_details: StatusDetails,
    /// -100 to 100, higher first.
    priority: i32,
    /// What it was told beside its options.
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    /// Its steps.
    pipeline: Pipeline,
    /// What it is about.
    targets: Targets,
    /// Why it has failed.
    exception_details: Option<ExceptionDetails>,
    /// Whether it shows a log.
    logging_enabled: bool,
    /// Whether its log is shown no longer once it has succeeded.
    delete_logging_on_success: bool,
    /// Milliseconds from start to end, or to now while it runs.
    processing_time: Option<i64>,
    /// When its first step began.
    start_date: Option<Instant>,
    /// When it ended.
    end_date: Option<Instant>,
    /// When it was asked for.
    created_on: Instant,
    /// When it was last heard of.
    updated_on: Instant,
    /// The position of its last event: grows with each.
    change_sequence: i64,
}

/// What was asked of an execution beside its context.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Asked {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The session it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Whether it shows a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_enabled: Option<bool>,
    /// Whether its log is shown no longer once it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_logging_on_success: Option<bool>,
}

/// A version of a workflow, as executions show it.
#[derive(Clone)]
struct Version {
    name: Option<String>,
    reference: Option<String>,
    steps: Vec<Step>,
    logs: bool,
    forgets: bool,
}

impl Asked {
    /// What was asked of an execution.
    pub fn of(execution: &Native) -> Self {
        let asked = execution.origin.context.get(ASKED).cloned();
        asked.and_then(|asked| serde_json::from_value(asked).ok()).unwrap_or_default()
    }
}

/// Whether an execution shows its log.
pub async fn shows_log(state: &AppState, execution: &Native) -> Result<bool, Problem> {
    let (asked, version) = (Asked::of(execution), version(state, execution).await?);
    let forgets = asked.delete_logging_on_success.unwrap_or(version.forgets);
    let forgotten = forgets && execution.progress.status == ExecutionStatus::Completed;
    Ok(asked.logging_enabled.unwrap_or(version.logs) && !forgotten)
}

async fn version(state: &AppState, execution: &Native) -> Result<Version, Problem> {
    let origin = &execution.origin;
    let (workspace, workflow) = (origin.workspace_id, origin.workflow_id);
    let name = match state.store.workflow_head(workspace, workflow).await {
        Ok(workflow) => Some(workflow.name),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let definition = state.store.workflow_version(workspace, workflow, origin.workflow_version).await?.definition;
    let kept = Kept::of(&definition).unwrap_or_default();
    let (reference, steps) = steps_of(&definition);
    let forgets = kept.delete_logging_on_success.unwrap_or(false);
    Ok(Version { name, reference, steps, logs: kept.logs(), forgets })
}

/// These executions of a list as they are shown. Rows of lists are without their contexts; what is gone meanwhile is left out.
pub async fn listed(state: &AppState, list: Vec<Native>) -> Result<Vec<Execution>, Problem> {
    let read = list.into_iter().map(|execution| async move {
        match state.store.execution(execution.origin.workspace_id, execution.origin.id).await {
            Ok(execution) => Ok(Some(execution)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(Problem::from(error)),
        }
    });
    let whole: Vec<Option<Native>> = futures_util::stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    Box::pin(executions(state, whole.into_iter().flatten().collect())).await
}

/// These executions as they are shown, in their order.
pub async fn executions(state: &AppState, list: Vec<Native>) -> Result<Vec<Execution>, Problem> {
    let Some(workspace) = list.first().map(|execution| execution.origin.workspace_id) else { return Ok(Vec::new()) };
    let ids: Vec<ExecutionId> = list.iter().map(|execution| execution.origin.id).collect();
    let standings = state.store.standings(workspace, &ids).await?;
    let mut versions: HashMap<(WorkflowId, i64), Version> = HashMap::new();
    let mut wanted = Vec::with_capacity(list.len());
    for execution in list {
        let key = (execution.origin.workflow_id, execution.origin.workflow_version);
        if let std::collections::hash_map::Entry::Vacant(place) = versions.entry(key) {
            place.insert(version(state, &execution).await?);
        }
        let updated = standings.get(&execution.origin.id).map(|standing| standing.updated_at);
        wanted.push((execution, versions[&key].clone(), updated));
    }
    let shown = wanted.into_iter().map(|(execution, version, updated)| one(state, execution, version, updated));
    // Each waits for what it needs alone.
    futures_util::stream::iter(shown).buffered(AT_ONCE).try_collect().await
}

/// This execution as it is shown.
pub async fn execution(state: &AppState, execution: Native) -> Result<Execution, Problem> {
    let shown = Box::pin(executions(state, vec![execution])).await?;
    shown.into_iter().next().ok_or_else(|| Problem::internal("an execution was shown as none"))
}

async fn one(
    state: &AppState,
    execution: Native,
    version: Version,
    updated: Option<Instant>,
) -> Result<Execution, Problem> {
    let (states, progress) = node_states(state, &execution).await?;
    let children = children(state, &execution).await?;
    let asked = Asked::of(&execution);
    let status = Status::of(&execution);
    let processing_time = execution.view(state.clock.now()).duration_ms;
    let Native { origin, progress: row } = execution;
    let mut context = match origin.context {
        Value::Object(context) => context,
        Value::Null => Map::new(),
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    context.remove(ASKED);
    if origin.triggered_by == TriggeredBy::Schedule {
        context.entry("eventType").or_insert_with(|| json!(super::event_types::SCHEDULED));
    }
    let text = |name: &str| context.get(name).and_then(Value::as_str).map(str::to_owned);
    let input_id = text("contentObjectId");
    let pipeline = Pipeline::new(
        (origin.workflow_id, origin.workflow_version),
        (version.reference, version.steps),
        &states,
        &progress,
        input_id.clone(),
    );
    let texts = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let target = origin.subject.clone().map(|family| Target {
        kind: "DOCUMENT_STORE",
        reference: text("storeRef").or_else(|| context.get("subject")?.get("store")?.as_str().map(str::to_owned)),
        document_family_id: family,
        content_object_id: input_id,
        taxonomy_refs: texts(context.get("taxonomyRefs")),
        labels_to_apply: text("completeLabel").into_iter().collect(),
    });
    let current = pipeline.current().map(super::steps::StepView::told);
    let status_details = StatusDetails {
        status,
        step_status: current.map(|(status, ..)| status),
        message: current.map(|(_, name, ..)| name.to_owned()),
        detail: current.and_then(|(_, _, detail, ..)| detail).map(str::to_owned),
        progress: current.and_then(|(_, _, _, progress, _)| progress),
        progress_max: current.and_then(|(.., max)| max),
    };
    Ok(Execution {
        id: origin.id,
        uuid: origin.id,
        assistant_id: origin.workflow_id,
        organization_id: origin.workspace_id,
        parent_execution_id: origin.parent_execution_id,
        child_executions: children,
        document_family_id: origin.subject,
        session_id: asked.session_id,
        description: asked.description.or(version.name),
        status,
        status_details,
        priority: origin.priority,
        context,
        pipeline,
        targets: Targets { instances: target.into_iter().collect() },
        exception_details: row.error.as_ref().map(|error| ExceptionDetails::of(error, Some(origin.workflow_version))),
        logging_enabled: asked.logging_enabled.unwrap_or(version.logs),
        delete_logging_on_success: asked.delete_logging_on_success.unwrap_or(version.forgets),
        processing_time,
        start_date: row.started_at,
        end_date: row.finished_at,
        created_on: origin.created_at,
        updated_on: updated.unwrap_or(origin.created_at),
        change_sequence: row.last_seq,
    })
}

/// How the nodes stand, and what workers say of their progress.
async fn node_states(state: &AppState, execution: &Native) -> Result<(Vec<NodeState>, Vec<Progress>), Problem> {
    let (origin, row) = (&execution.origin, &execution.progress);
    match row.status {
        ExecutionStatus::Pending | ExecutionStatus::Queued if row.started_at.is_none() => Ok((Vec::new(), Vec::new())),
        ExecutionStatus::Skipped => Ok((Vec::new(), Vec::new())),
        _ => {
            // The last event of an ended execution has the states, but not what nodes have given.
            let view = state.engine.view(
                origin.workspace_id,
                origin.pod_id,
                origin.id,
                Include { nodes: true, ..Include::default() },
            );
            let states = view.await?.nodes.unwrap_or_default();
            let after = (row.last_seq - RECENT).max(0);
            let recent = state.store.events(origin.workspace_id, origin.id, after, RECENT).await?;
            let mut progress: Vec<Progress> = Vec::new();
            for event in recent.iter().rev().filter(|event| event.body.starts_with("{\"type\":\"node_delta\"")) {
                let event: Event = serde_json::from_str(&event.body).map_err(Problem::internal)?;
                progress.extend(Progress::of(event));
            }
            Ok((states, progress))
        }
    }
}

async fn children(state: &AppState, execution: &Native) -> Result<Vec<Execution>, Problem> {
    let origin = &execution.origin;
    // Only what has begun has children.
    if execution.progress.started_at.is_none() {
        return Ok(Vec::new());
    }
    let filter = ExecutionFilter { parent_execution_id: Some(origin.id), ..ExecutionFilter::default() };
    let mut list = state.store.executions(origin.workspace_id, &filter, MAX_CHILDREN, None).await?.items;
    list.reverse();
    if list.is_empty() { Ok(Vec::new()) } else { Box::pin(listed(state, list)).await }
}
