//! Why a node or an execution failed: the one shape of an error value in the log, the API and expressions.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The closed list of failure codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// An expression or template could not be evaluated.
    ExpressionFailed,
    /// A value has the wrong type or shape for the node.
    InvalidValue,
    /// The HTTP exchange failed below the level of a status (connection, TLS, protocol).
    HttpFailed,
    /// The HTTP reply's status isn't a success; `details` holds the reply.
    HttpStatus,
    /// The address is not one that workflows may reach.
    AddressRefused,
    /// An attempt of the node took longer than `timeoutMs`.
    Timeout,
    /// The execution was active for longer than `settings.timeoutMs`.
    ExecutionTimeout,
    /// A person rejected, and no edge leaves the `rejected` port.
    Rejected,
    /// Nobody answered in time and `onExpiry` is `fail`.
    SuspensionExpired,
    /// The server stopped while the node ran, and running it again is not known to be safe.
    Interrupted,
    /// The child execution failed or was cancelled; `details` names it.
    ChildFailed,
    /// The worker that had the task failed; `details` holds what it told.
    TaskFailed,
    /// The workers that took the task were lost, each before it had told a result.
    WorkerLost,
    /// A language model's server failed, broke off, or can't be understood.
    ModelFailed,
    /// A tool of a Model Context Protocol server failed, or no session with the server came about.
    McpFailed,
    /// The script of a code node threw, or its process was lost; `details` holds the stack, if there is one.
    CodeFailed,
    /// An item of a loop failed; `details` holds the index and the item's failure.
    ItemFailed,
    /// A documented limit was exceeded; the message names it.
    LimitExceeded,
    /// There was no room within `settings.concurrency`, and `onLimit` is `fail`.
    ConcurrencyLimit,
    /// The sub-workflow does not exist, is trashed, or is nested too deeply.
    WorkflowUnavailable,
    /// A secret that the node reads does not exist; the message names it.
    SecretMissing,
    /// A secret that the node reads is there, but the server's keys don't open it; the message names it.
    SecretUnreadable,
    /// The server could not carry the execution on; the message says what was wrong.
    Internal,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 23] = [
        Self::ExpressionFailed,
        Self::InvalidValue,
        Self::HttpFailed,
        Self::HttpStatus,
        Self::AddressRefused,
        Self::Timeout,
        Self::ExecutionTimeout,
        Self::Rejected,
        Self::SuspensionExpired,
        Self::Interrupted,
        Self::ChildFailed,
        Self::TaskFailed,
        Self::WorkerLost,
        Self::ModelFailed,
        Self::McpFailed,
        Self::CodeFailed,
        Self::ItemFailed,
        Self::LimitExceeded,
        Self::ConcurrencyLimit,
        Self::WorkflowUnavailable,
        Self::SecretMissing,
        Self::SecretUnreadable,
        Self::Internal,
    ];

    /// The code's name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExpressionFailed => "expression_failed",
            Self::InvalidValue => "invalid_value",
            Self::HttpFailed => "http_failed",
            Self::HttpStatus => "http_status",
            Self::AddressRefused => "address_refused",
            Self::Timeout => "timeout",
            Self::ExecutionTimeout => "execution_timeout",
            Self::Rejected => "rejected",
            Self::SuspensionExpired => "suspension_expired",
            Self::Interrupted => "interrupted",
            Self::ChildFailed => "child_failed",
            Self::TaskFailed => "task_failed",
            Self::WorkerLost => "worker_lost",
            Self::ModelFailed => "model_failed",
            Self::McpFailed => "mcp_failed",
            Self::CodeFailed => "code_failed",
            Self::ItemFailed => "item_failed",
            Self::LimitExceeded => "limit_exceeded",
            Self::ConcurrencyLimit => "concurrency_limit",
            Self::WorkflowUnavailable => "workflow_unavailable",
            Self::SecretMissing => "secret_missing",
            Self::SecretUnreadable => "secret_unreadable",
            Self::Internal => "internal",
        }
    }
}

/// A failure value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of failure it is.
    pub code: FailureCode,
    /// One sentence for people.
    pub message: String,
    /// Whether another attempt could succeed.
    pub retryable: bool,
    /// The node that failed, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// More about it, by code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub details: Option<Value>,
}

impl Failure {
    /// A failure that another attempt would not mend.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retryable: false, node_id: None, details: None }
    }

    /// A failure that another attempt may mend.
    pub fn retryable(code: FailureCode, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::new(code, message) }
    }

    /// The same failure with details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same failure, naming its node.
    #[must_use]
    pub fn at_node(mut self, node_id: &str) -> Self {
        self.node_id.get_or_insert_with(|| node_id.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire_and_the_code_comes_first() {
        for code in FailureCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            // The store reads the code out of the stored text.
            let text = serde_json::to_string(&Failure::new(code, "\"code\":\"x\"")).unwrap();
            assert_eq!(text.split('"').nth(3), Some(code.as_str()), "{text}");
        }
    }
}
