//! A question that waits for an answer: what is asked and of whom, what may be answered, how it stands, and what became of it.

mod policy;
mod standing;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ids::{ExecutionId, PodId, SuspensionId, WorkflowId, WorkspaceId};
use crate::clock::Instant;
pub use policy::{Actor, Approvers, DecisionSource, Policy, Quorum, Refusal, TimelineAction, TimelineStep};
pub use standing::{Claim, Standing, Vote};

/// What kind of answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionKind {
    /// Approve or reject (or one of the named actions).
    Approval,
    /// Approve or reject a call that an agent wants to make; `context` tells the tool and its arguments.
    ToolApproval,
    /// A question with a free, chosen or typed answer.
    AskHuman,
    /// A call of a program, with any JSON.
    Callback,
}

impl SuspensionKind {
    /// Whether one of several actions is chosen.
    pub fn is_approval(self) -> bool {
        matches!(self, Self::Approval | Self::ToolApproval)
    }
}

/// Where a suspension is in its life. All but `open` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionState {
    /// Waiting for an answer.
    Open,
    /// Answered by somebody.
    Answered,
    /// Nobody answered in time.
    Expired,
    /// The execution ended meanwhile.
    Cancelled,
}

impl SuspensionState {
    /// The state's name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One way to answer an approval; each is a port of its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// The port.
    pub id: String,
    /// The button's text.
    pub label: String,
    /// How the button looks: `primary`, `danger` or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
}

/// What happens when nobody answers in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// As if rejected.
    Reject,
    /// As if approved: only when it is written so.
    Approve,
    /// The node fails.
    #[default]
    Fail,
    /// The execution is cancelled.
    Cancel,
    /// `defaultAnswer` is the answer.
    Default,
    /// The node finishes through this port.
    Port(String),
}

/// What is asked: everything that a foreign reviewer's page needs. Frozen when the suspension opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interrupt {
    /// What kind of answer is waited for.
    #[serde(rename = "type")]
    pub kind: SuspensionKind,
    /// The suspension's id, to be named in the answer.
    pub suspension_id: SuspensionId,
    /// The node that asks.
    pub node_id: String,
    /// The node's address inside loops, such as `each[3]/review`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The message or question.
    pub message: String,
    /// What the reviewer should see to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub context: Option<Value>,
    /// JSON Schema of the answer's `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub form: Option<Value>,
    /// The answers to choose from (questions).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The actions to choose from (approvals).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Whether a rejection must come with a reason.
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_reason: bool,
    /// When it was asked.
    pub opened_at: Instant,
    /// When it expires; never, if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// What happens then.
    #[serde(default)]
    pub on_expiry: OnExpiry,
    /// The answer that `onExpiry: default` gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub default_answer: Option<Value>,
    /// Who may answer, and how many have to.
    #[serde(default)]
    pub policy: Policy,
    /// What happens while nobody answers, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineStep>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

/// An answer as it was accepted, or the outcome of an expiry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The port that was chosen; for a question `answered`.
    pub action: String,
    /// Who decided; missing for an expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Instant,
    /// How it came about.
    #[serde(default)]
    pub source: DecisionSource,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The answer to a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub answer: Option<Value>,
    /// The filled form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
    /// The votes, where a quorum was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
}

impl Decision {
    /// Whether `other` says the same as this one: who and what, whatever the time and the way.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { at: other.at, source: other.source, ..self.clone() } == *other
    }

    /// Whether this decision is what `answer` says, or counts it among its votes.
    pub fn holds(&self, answer: &Self) -> bool {
        if self.votes.is_empty() {
            return self.says_the_same(answer);
        }
        answer.as_vote().is_some_and(|answer| self.votes.iter().any(|vote| vote.says_the_same(&answer)))
    }

    /// The decision as one person's vote; none if nobody decided.
    pub fn as_vote(&self) -> Option<Vote> {
        Some(Vote {
            by: self.by.clone()?,
            action: self.action.clone(),
            at: self.at,
            source: self.source,
            reason: self.reason.clone(),
            comment: self.comment.clone(),
            data: self.data.clone(),
        })
    }
}

/// A suspension as it is stored and listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Its id.
    pub id: SuspensionId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// The workflow that asks.
    pub workflow_id: WorkflowId,
    /// The execution that waits.
    pub execution_id: ExecutionId,
    /// Open, answered, expired or cancelled.
    pub state: SuspensionState,
    /// What is asked.
    pub interrupt: Interrupt,
    /// How it stands: votes, a claim, who may answer now.
    #[serde(flatten)]
    pub standing: Standing,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// When it was asked.
    pub opened_at: Instant,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Instant>,
}
