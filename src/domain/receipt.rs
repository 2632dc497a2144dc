//! A decision's receipt: what was asked and shown, who decided what, how and when, by which rules. It is made from the closed
//! suspension alone, so that it is the same whenever it is asked for.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    audit::sha256,
    execution::ExecutionOrigin,
    ids::{ExecutionId, PodId, SuspensionId, WorkflowId, WorkspaceId},
    suspension::{Decision, DecisionSource, Interrupt, Policy, Suspension, SuspensionKind, SuspensionState, Vote},
};
use crate::clock::Instant;

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The form of this document: 1.
    pub version: u32,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The pod.
    pub pod_id: PodId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version.
    pub workflow_version: i64,
    /// The execution that waited.
    pub execution_id: ExecutionId,
    /// The suspension.
    pub suspension_id: SuspensionId,
    /// The node that asked.
    pub node_id: String,
    /// The node's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What kind of answer was asked for.
    pub kind: SuspensionKind,
    /// The message or question.
    pub question: String,
    /// SHA-256 over everything that was shown: see [`shown_sha256`].
    pub shown_sha256: String,
    /// How it ended.
    pub state: SuspensionState,
    /// How the decision came about: `person` (signed in), `api` (an API key), `link`, `default`, `expiry`, `cancel`.
    pub source: DecisionSource,
    /// What was decided; missing if the execution ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The votes as they stood (quorum).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// Who was allowed to decide, as it was when it was asked.
    pub policy: Policy,
    /// When it was asked.
    pub opened_at: Instant,
    /// When it would have expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// When it ended.
    pub closed_at: Instant,
}

impl Receipt {
    /// The receipt of a suspension; none while it is open.
    pub fn of(suspension: &Suspension, origin: &ExecutionOrigin) -> Option<Self> {
        let interrupt = &suspension.interrupt;
        Some(Self {
            version: 1,
            workspace_id: suspension.workspace_id,
            pod_id: suspension.pod_id,
            workflow_id: suspension.workflow_id,
            workflow_version: origin.workflow_version,
            execution_id: suspension.execution_id,
            suspension_id: suspension.id,
            node_id: interrupt.node_id.clone(),
            path: interrupt.path.clone(),
            kind: interrupt.kind,
            question: interrupt.message.clone(),
            shown_sha256: shown_sha256(interrupt),
            state: suspension.state,
            source: suspension.decision.as_ref().map_or(DecisionSource::Cancel, |decision| decision.source),
            decision: suspension.decision.clone(),
            votes: suspension.standing.votes.clone(),
            policy: interrupt.policy.clone(),
            opened_at: suspension.opened_at,
            expires_at: interrupt.expires_at,
            closed_at: suspension.closed_at?,
        })
    }
}

/// SHA-256 over the [`super::audit::canonical`] JSON of what the reviewer was shown: `{"actions":..,"choices":..,"context":..,
/// "form":..,"message":..,"title":..}` with null for what was not there.
pub fn shown_sha256(interrupt: &Interrupt) -> String {
    let Interrupt { title, message, context, form, choices, actions, .. } = interrupt;
    sha256(&json!({
        "title": title, "message": message, "context": context, "form": form, "choices": choices, "actions": actions,
    }))
}
