//! Organizations, projects and assistants as that API shows them.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::kept::Kept;
use crate::{
    clock::Instant,
    domain::{
        ids::{PodId, ScheduleId, WorkflowId, WorkspaceId},
        schedule::Schedule,
        workflow::{Pod, Workflow, WorkflowState, Workspace},
    },
};

/// An organization: a workspace.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaOrganization)]
pub struct Organization {
    /// Its id.
    pub id: WorkspaceId,
    /// The same.
    pub uuid: WorkspaceId,
    /// Grows with each change.
    pub change_sequence: i64,
    /// When it was made.
    pub created_on: Instant,
    /// When it last changed.
    pub updated_on: Instant,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// False: nothing here is public.
    pub public_access: bool,
    /// False.
    pub has_image: bool,
}

impl From<&Workspace> for Organization {
    fn from(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id,
            uuid: workspace.id,
            change_sequence: change_sequence(workspace.updated_at),
            created_on: workspace.created_at,
            updated_on: workspace.updated_at,
            name: workspace.name.clone(),
            slug: workspace.slug.clone(),
            public_access: false,
            has_image: false,
        }
    }
}

/// A project: a pod.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaProject)]
pub struct Project {
    /// Its id.
    pub id: PodId,
    /// The same.
    pub uuid: PodId,
    /// Grows with each change.
    pub change_sequence: i64,
    /// When it was made.
    pub created_on: Instant,
    /// When it last changed.
    pub updated_on: Instant,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The organization it is in.
    pub organization: Organization,
    /// False.
    pub has_image: bool,
}

impl Project {
    /// A project of an organization.
    pub fn new(pod: &Pod, organization: &Organization) -> Self {
        Self {
            id: pod.id,
            uuid: pod.id,
            change_sequence: change_sequence(pod.updated_at),
            created_on: pod.created_at,
            updated_on: pod.updated_at,
            name: pod.name.clone(),
            description: pod.description.clone(),
            organization: organization.clone(),
            has_image: false,
        }
    }
}

/// When the clock starts an assistant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaSchedule)]
pub struct ScheduleView {
    /// Its id.
    pub id: ScheduleId,
    /// `CRON`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Five fields of cron, or six with seconds in front.
    pub cron_expression: String,
    /// When it last started an execution.
    pub last_event: Option<Instant>,
    /// When it is to start the next one; null while the assistant or the schedule is not active.
    pub next_event: Option<Instant>,
}

impl ScheduleView {
    /// A schedule of an assistant that is active or not.
    pub fn new(schedule: &Schedule, state: WorkflowState) -> Self {
        let runs = schedule.enabled && state == WorkflowState::Deployed;
        Self {
            id: schedule.id,
            kind: "CRON",
            cron_expression: schedule.cron_expression.clone(),
            last_event: schedule.progress.last_run_at,
            next_event: schedule.progress.due_at.filter(|_| runs),
        }
    }
}

/// An assistant: a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaAssistant)]
#[expect(clippy::struct_field_names, reason = "the names are those of that API")]
pub struct Assistant {
    /// Its id.
    pub id: WorkflowId,
    /// The same.
    pub uuid: WorkflowId,
    /// Grows with each change, by whatever door; a PUT with another one is 409.
    pub change_sequence: i64,
    /// When it was made.
    pub created_on: Instant,
    /// When it last changed.
    pub updated_on: Instant,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether events and the clock start it: its workflow is deployed.
    pub active: bool,
    /// The project it is in.
    pub project: Project,
    /// What it is told, as it was given; empty for a workflow that was made by other doors.
    #[schema(value_type = Object)]
    pub options: Map<String, Value>,
    /// The events that start it.
    pub subscription: Option<String>,
    /// When the clock starts it.
    pub schedules: Vec<ScheduleView>,
    /// Added to the priorities of what it starts.
    pub priority_hint: i32,
    /// Whether its executions show a log.
    pub logging_enabled: bool,
    /// Whether the log of an execution that succeeds is shown no longer.
    pub delete_logging_on_success: bool,
    /// What it is called for, as it was given.
    #[schema(value_type = Option<Value>)]
    pub assistant_role: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub slug: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub assistant_definition_ref: Value,
    /// As it was given; the server does nothing about what is there already.
    #[schema(value_type = Option<Value>)]
    pub run_on_existing_content: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub test_options: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub show_in_training: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub color: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub chat_enabled: Value,
    /// As it was given.
    #[schema(value_type = Option<Value>)]
    pub definition: Value,
}

impl Assistant {
    /// A workflow that was read with its latest definition.
    pub fn new(workflow: &Workflow, project: Project, schedules: &[Schedule]) -> Self {
        let kept = workflow.definition.as_ref().and_then(Kept::of).unwrap_or_default();
        let logs = kept.logs();
        let Kept { options, subscription, priority_hint, delete_logging_on_success, mut more, .. } = kept;
        let mut other = |name: &str| more.remove(name).unwrap_or_default();
        Self {
            id: workflow.id,
            uuid: workflow.id,
            change_sequence: change_sequence(workflow.updated_at),
            created_on: workflow.created_at,
            updated_on: workflow.updated_at,
            name: workflow.name.clone(),
            description: workflow.description.clone(),
            active: workflow.state == WorkflowState::Deployed,
            project,
            options,
            subscription,
            schedules: schedules.iter().map(|schedule| ScheduleView::new(schedule, workflow.state)).collect(),
            priority_hint: priority_hint.unwrap_or(0),
            logging_enabled: logs,
            delete_logging_on_success: delete_logging_on_success.unwrap_or(false),
            assistant_role: other("assistantRole"),
            slug: other("slug"),
            assistant_definition_ref: other("assistantDefinitionRef"),
            run_on_existing_content: other("runOnExistingContent"),
            test_options: other("testOptions"),
            show_in_training: other("showInTraining"),
            color: other("color"),
            chat_enabled: other("chatEnabled"),
            definition: other("definition"),
        }
    }
}

/// A number that grows with each change: the store lets the instant of a change move with each.
pub fn change_sequence(updated_at: Instant) -> i64 {
    updated_at.0
}
