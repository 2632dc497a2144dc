//! The pipeline of an execution as that API shows it: the steps of the version that it runs, and how each stands.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    kept::Kept,
    pipeline::{Step, StepType},
    views::{ExceptionDetails, Status},
};
use crate::{
    clock::Instant,
    domain::{
        definition::Definition,
        event::{DeltaChannel, Event, NodeStatus},
        execution::NodeState,
        ids::WorkflowId,
        task::TaskState,
    },
};

/// The steps of an execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KodexaPipeline)]
pub struct Pipeline {
    /// The assistant's id and the version of its workflow.
    id: String,
    /// What was given as `options.pipeline.ref`.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// True: what can't be executed is refused when it is saved.
    valid: bool,
    /// Why steps have failed.
    exceptions: Vec<ExceptionDetails>,
    /// The steps, in their order.
    steps: Vec<StepView>,
}

/// A step of an execution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaStep)]
pub struct StepView {
    /// Its id: as it was given, or `step-1`, `step-2`, ...
    id: String,
    /// What does the work.
    #[serde(rename = "ref")]
    reference: String,
    /// Its name for people.
    name: Option<String>,
    /// What it is.
    step_type: StepType,
    /// Where it is in its life.
    status: Status,
    /// Why it is there.
    status_message: Option<String>,
    /// It is skipped where this is not true.
    conditional: Option<String>,
    /// Null: the context is that of the execution.
    #[schema(value_type = Option<Object>)]
    context: Option<Map<String, Value>>,
    /// What it is told.
    #[schema(value_type = Object)]
    options: Map<String, Value>,
    /// The kinds of its options, as they were given.
    #[schema(value_type = Option<Object>)]
    option_types: Option<Value>,
    /// The content that it works on, where that is known: what the step before it has told, or the execution's context.
    input_id: Option<String>,
    /// The content that its worker says it has made: `outputId` of its output.
    output_id: Option<String>,
    /// All of it: `outputIds` of its output.
    output_ids: Option<Vec<String>>,
    /// As it was given.
    extension_pack_ref: Option<String>,
    /// When its latest attempt began.
    start: Option<Instant>,
    /// When it was done with.
    end: Option<Instant>,
    /// How long its latest attempt took, in milliseconds.
    processing_time: Option<i64>,
    /// How far the work has come, as its worker says.
    progress: Option<i64>,
    /// How far it goes.
    progress_max: Option<i64>,
    /// Why it has failed.
    exception_details: Option<ExceptionDetails>,
}

/// What a worker says of its work while it is under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    node_id: String,
    /// In words.
    pub message: Option<String>,
    /// How far the work has come.
    pub done: Option<i64>,
    /// How far it goes.
    pub max: Option<i64>,
}

impl Progress {
    /// The latest that an event tells.
    pub fn of(event: Event) -> Option<Self> {
        let Event::NodeDelta(delta) = event else { return None };
        if delta.channel != DeltaChannel::Progress {
            return None;
        }
        let whole = |number: f64| number.is_finite().then_some(number.round() as i64);
        Some(Self {
            node_id: delta.node_id,
            message: Some(delta.delta).filter(|text| !text.is_empty()),
            done: delta.progress.and_then(whole),
            max: delta.progress_max.and_then(whole),
        })
    }
}

/// The steps of a version of a workflow: those it was made from, or the tasks of a graph that was made by other doors.
pub fn steps_of(definition: &Definition) -> (Option<String>, Vec<Step>) {
    let Some(kept) = Kept::of(definition) else {
        let tasks = definition.nodes.iter().filter(|node| node.type_name() == "task");
        return (None, tasks.map(Step::of_node).collect());
    };
    let reference = kept.options.get("pipeline").and_then(|pipeline| pipeline.get("ref"));
    let reference = reference.and_then(Value::as_str).map(str::to_owned);
    (reference, kept.steps().unwrap_or_default())
}

impl Pipeline {
    /// The pipeline of an execution of this version, whose node runs stand so. `input_id` is the content it began with.
    pub fn new(
        (workflow, version): (WorkflowId, i64),
        (reference, steps): (Option<String>, Vec<Step>),
        states: &[NodeState],
        progress: &[Progress],
        input_id: Option<String>,
    ) -> Self {
        let mut input = input_id;
        let mut shown = Vec::with_capacity(steps.len());
        for step in steps {
            let state = states.iter().find(|state| state.node_id == step.node_id && state.path.is_none());
            let told = progress.iter().find(|told| told.node_id == step.node_id);
            let view = StepView::new(step, state, told, input.clone());
            input = view.output_id.clone().or(input);
            shown.push(view);
        }
        let exceptions = shown.iter().filter_map(|step| step.exception_details.clone()).collect();
        Self { id: format!("{workflow}:{version}"), reference, valid: true, exceptions, steps: shown }
    }

    /// The step that runs, or the last one that was not passed over.
    pub fn current(&self) -> Option<&StepView> {
        let running = self.steps.iter().find(|step| matches!(step.status, Status::Running | Status::Cancelling));
        let begun = || self.steps.iter().rev().find(|step| !matches!(step.status, Status::Pending | Status::Skipped));
        running.or_else(begun)
    }
}

impl StepView {
    /// What is told of it: its status, its name, and how far it is.
    pub fn told(&self) -> (Status, &str, Option<&str>, Option<i64>, Option<i64>) {
        let name = self.name.as_deref().unwrap_or(&self.id);
        (self.status, name, self.status_message.as_deref(), self.progress, self.progress_max)
    }

    fn new(step: Step, state: Option<&NodeState>, told: Option<&Progress>, input_id: Option<String>) -> Self {
        let status = state.map_or(Status::Pending, status_of);
        let output = state.and_then(|state| state.output.as_ref());
        let text = |name: &str| output?.get(name)?.as_str().map(str::to_owned);
        let output_ids: Option<Vec<String>> = output
            .and_then(|output| output.get("outputIds")?.as_array())
            .map(|ids| ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect());
        let output_id = text("outputId").or_else(|| output_ids.as_ref()?.last().cloned());
        let error = state.and_then(|state| state.error.as_ref());
        let waits = state.is_some_and(|state| state.status == NodeStatus::Retrying);
        let message = match (error, told) {
            (Some(error), _) if waits => Some(format!("waits for its next attempt: {}", error.message)),
            (Some(error), _) => Some(error.message.clone()),
            (None, told) => told.and_then(|told| told.message.clone()).or_else(|| state?.reason.clone()),
        };
        Self {
            id: step.id,
            reference: step.reference,
            name: step.name,
            step_type: step.kind,
            status,
            status_message: message,
            conditional: step.conditional,
            context: None,
            options: step.options,
            option_types: step.option_types,
            input_id: state.and(input_id),
            output_id,
            output_ids,
            extension_pack_ref: step.extension_pack_ref,
            start: state.and_then(|state| state.started_at),
            end: state.and_then(|state| state.finished_at),
            processing_time: state.and_then(|state| state.duration_ms),
            progress: told.and_then(|told| told.done),
            progress_max: told.and_then(|told| told.max),
            exception_details: error.filter(|_| !waits).map(|error| ExceptionDetails::of(error, None)),
        }
    }
}

fn status_of(state: &NodeState) -> Status {
    match state.status {
        NodeStatus::Running => match &state.task {
            // It waits for a worker.
            Some(task) if task.state == TaskState::Queued && task.fence == 0 => Status::Pending,
            _ => Status::Running,
        },
        NodeStatus::Suspended | NodeStatus::Retrying => Status::Running,
        NodeStatus::Completed => Status::Succeeded,
        NodeStatus::Failed => Status::Failed,
        NodeStatus::Skipped => Status::Skipped,
        NodeStatus::Cancelled => Status::Cancelled,
    }
}

impl Step {
    /// What a task of a graph that was made by other doors is as a step.
    fn of_node(node: &crate::domain::definition::NodeDefinition) -> Self {
        let text = |name: &str| node.data.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: node.id.clone(),
            node_id: node.id.clone(),
            reference: text("ref").or_else(|| text("queue")).unwrap_or_default(),
            name: node.name.clone(),
            kind: StepType::Model,
            options: match node.data.get("input") {
                Some(input) => json!({ "input": input }).as_object().cloned().unwrap_or_default(),
                None => Map::new(),
            },
            option_types: None,
            extension_pack_ref: None,
            conditional: text("runIf"),
            policy: super::pipeline::Policy::default(),
        }
    }
}
