//! What callers send. Both spellings of a name are taken, and names that are not known are left aside, as that API does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::views::Status;
use crate::domain::ids::WorkflowId;

/// What starts a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KineticTriggerType)]
pub enum TriggerType {
    /// A call.
    Manual,
    /// The clock.
    Schedule,
}

/// A new workflow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KineticCreateWorkflow)]
pub struct CreateWorkflow {
    /// Its name: 1 to 120 characters on one line.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// What the agent is told: `prompt`, `screens`, `timeout` in seconds, `retryAttempts`, `urlAllowlist`, `useGlobalAllowlist`,
    /// `payloadSchema` (JSON Schema), `payloadExample`; other members are kept and handed to the agent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Value>,
    /// Another name of `configuration`; one of the two is needed. A text is the prompt.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub specification: Option<Value>,
    /// Its name in addresses; made from the name, if missing.
    #[serde(default)]
    pub slug: Option<String>,
    /// `manual`, if missing.
    #[serde(default, alias = "trigger_type")]
    pub trigger_type: Option<TriggerType>,
    /// When, for `schedule`: five fields of cron, or six with seconds in front; in UTC.
    #[serde(default, alias = "schedule_expression")]
    pub schedule_expression: Option<String>,
}

/// What changes about a workflow; what is missing or null stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KineticUpdateWorkflow)]
pub struct UpdateWorkflow {
    /// Its name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// What the agent is told, in place of all that it was told before.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Value>,
    /// Another name of `configuration`.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub specification: Option<Value>,
    /// Its name in addresses.
    #[serde(default)]
    pub slug: Option<String>,
    /// What starts it.
    #[serde(default, alias = "trigger_type")]
    pub trigger_type: Option<TriggerType>,
    /// When, for `schedule`.
    #[serde(default, alias = "schedule_expression")]
    pub schedule_expression: Option<String>,
}

/// What an execution works on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KineticExecute)]
pub struct Execute {
    /// Handed to the agent as `payload`; `{}`, if missing.
    #[serde(default, alias = "input_payload")]
    #[schema(value_type = Option<Object>)]
    pub input_payload: Option<Map<String, Value>>,
}

/// What an execution works on, in the other spelling.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KineticRun)]
pub struct Run {
    /// Handed to the agent as `payload`; `{}`, if missing.
    #[serde(default, alias = "inputPayload")]
    #[schema(value_type = Option<Object>)]
    pub input_payload: Option<Map<String, Value>>,
}

/// How an execution ended, as its worker tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KineticOutcome)]
pub enum Outcome {
    /// Well.
    Completed,
    /// Badly.
    Failed,
}

/// The result of an execution.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KineticComplete)]
pub struct Complete {
    /// How it ended.
    pub status: Outcome,
    /// What came of it. Of a failure: what to know of it; a text `error` or `message` in it is the reason.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub outputs: Option<Value>,
    /// Steps it took.
    #[serde(default, alias = "n_steps")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub n_steps: Option<i64>,
    /// Actions of the agent.
    #[serde(default, alias = "n_agent_actions")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub n_agent_actions: Option<i64>,
    /// Screenshots it took.
    #[serde(default, alias = "n_screenshots")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub n_screenshots: Option<i64>,
    /// Where the output is, if the worker keeps it elsewhere: an address with `http` or `https`.
    #[serde(default, alias = "output_url")]
    pub output_url: Option<String>,
    /// When the worker was done, by its own clock: ISO 8601, in UTC where it names no offset. Kept with the output.
    #[serde(default, alias = "finished_at")]
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

/// Which executions are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ExecutionsQuery {
    /// Of this workflow.
    pub workflow_uuid: Option<WorkflowId>,
    /// In this status.
    pub status: Option<Status>,
    /// How many: 1 to 1000, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// How many are passed over: 0 to 100000.
    #[param(minimum = 0, maximum = 100_000)]
    pub offset: Option<i64>,
}

/// Which workflows are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct WorkflowsQuery {
    /// How many: 1 to 1000, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// How many are passed over: 0 to 100000.
    #[param(minimum = 0, maximum = 100_000)]
    pub offset: Option<i64>,
}
