//! What the stopping of an execution has come to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{ExecutionId, SuspensionId, TaskId};

/// What a cancellation stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelReport {
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Addresses of the node runs that were stopped.
    pub nodes: Vec<String>,
    /// Suspensions that were closed.
    pub suspensions: Vec<SuspensionId>,
    /// Child executions that were cancelled.
    pub children: Vec<ExecutionId>,
    /// Timers that were taken back.
    pub timers: i64,
    /// Tasks that were withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskId>,
}

/// What the compensations of an execution that failed or was cancelled have come to, by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compensation {
    /// Those that completed, in that order.
    pub done: Vec<String>,
    /// Those that failed or were given up: what they were to undo still stands.
    pub failed: Vec<String>,
}
