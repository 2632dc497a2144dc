//! What callers send of assistants. Members that are not known, or that the server alone writes, are left aside.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::ids::{PodId, ScheduleId};

/// An assistant, as it is made and changed. What is missing or null stays as it is; of a new one it is what is said here.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaAssistantBody)]
pub struct AssistantBody {
    /// Its name: 1 to 120 characters on one line. A new one needs it.
    #[schema(min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// What it is for; empty, if missing.
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// The project it is in. A new one needs it, unless the address names it; it can't be changed.
    pub project: Option<ProjectName>,
    /// Whether events and the clock start it; false, if missing. For admins and owners.
    pub active: Option<bool>,
    /// What it is told: `pipeline.steps`, `complete_label`; other members are kept.
    #[schema(value_type = Option<Object>)]
    pub options: Option<Map<String, Value>>,
    /// The events that start it: `CONTENT_CREATED, documentFamily`, or `type == 'content' and hasLabel('new')`.
    pub subscription: Option<String>,
    /// Added to the priorities of what it starts; 0, if missing.
    #[schema(minimum = -100, maximum = 100)]
    pub priority_hint: Option<i32>,
    /// When the clock starts it. For admins and owners.
    pub schedules: Option<Vec<ScheduleBody>>,
    /// Whether its executions show a log; true, if missing.
    pub logging_enabled: Option<bool>,
    /// Whether the log of an execution that succeeds is shown no longer; false, if missing.
    pub delete_logging_on_success: Option<bool>,
    /// As it was read: another one is 409.
    pub change_sequence: Option<i64>,
    /// Members that mean nothing here, and are given back as they came.
    #[serde(flatten)]
    #[schema(ignore)]
    pub more: Map<String, Value>,
}

/// A project, by its id.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KodexaProjectName)]
pub struct ProjectName {
    /// Its id.
    pub id: Option<PodId>,
}

/// When the clock starts an assistant.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaScheduleBody)]
pub struct ScheduleBody {
    /// Its id; a new one has none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub id: Option<String>,
    /// `CRON`, if missing.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Five fields of cron, or six with seconds in front; in UTC.
    #[serde(default)]
    pub cron_expression: Option<String>,
}

impl ScheduleBody {
    /// The schedule that it means, if it is not a new one.
    pub fn known(&self) -> Option<ScheduleId> {
        self.id.as_deref()?.parse().ok()
    }
}
