//! The events of an execution: its log, its wire format and its history are these and nothing else.
//!
//! An event's stored body is the exact JSON that goes on the wire, so a replay from any cursor gives the same bytes.
//! `type` is the first member of each body: readers may tell the type without parsing the rest ([`type_of`]).

mod work;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    execution::{ExecutionStatus, NodeState},
    failure::Failure,
    ids::{ExecutionId, SuspensionId},
    null_is_a_value,
    stopping::{CancelReport, Compensation},
    suspension::{Approvers, Decision, Interrupt, SuspensionState, Vote},
    trace::Trace,
};
use crate::clock::Instant;
pub use work::{NodeActionEvent, NodeArtifactEvent, TaskUpdateEvent};

/// One event of an execution's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The execution's status changed.
    ExecutionStatus(StatusEvent),
    /// A node run changed.
    NodeUpdate(NodeUpdateEvent),
    /// A piece of text or progress from a running node, coalesced.
    NodeDelta(NodeDeltaEvent),
    /// A log line of a node.
    NodeLog(NodeLogEvent),
    /// Something that a worker did.
    NodeAction(NodeActionEvent),
    /// A worker has sent a file.
    NodeArtifact(NodeArtifactEvent),
    /// A task was queued, leased, or is over.
    TaskUpdate(TaskUpdateEvent),
    /// A suspension opened.
    ExecutionSuspended(SuspendedEvent),
    /// A suspension changed.
    SuspensionUpdate(SuspensionUpdateEvent),
    /// The execution completed. Always last.
    ExecutionComplete(CompleteEvent),
    /// The execution failed. Always last.
    ExecutionFailed(FailedEvent),
    /// The execution was cancelled. Always last.
    ExecutionCancelled(CancelledEvent),
    /// The execution was skipped: a duplicate, or one for which there was no room. Always last.
    ExecutionSkipped(SkippedEvent),
}

/// `execution_status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusEvent {
    /// Position in the execution's log: 1, 2, 3, ... without gaps.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The new status.
    pub status: ExecutionStatus,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asked for it (cancelling).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// With `cancelling` because of a failure: that failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// With the first event: the trace that the execution is part of, if it is part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// What became of a node run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// An attempt has begun.
    Running,
    /// Waits for an answer or an instant.
    Suspended,
    /// Waits for its next attempt.
    Retrying,
    /// Finished well.
    Completed,
    /// Finished badly.
    Failed,
    /// No edge to it was taken, or the condition in front of it did not hold.
    Skipped,
    /// Stopped by a cancellation or by the failure of a neighbour.
    Cancelled,
}

impl NodeStatus {
    /// Whether nothing more happens to the run.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

/// `node_update`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the wire's own")]
pub struct NodeUpdateEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops, such as `each[3]/fetch`; missing at the top level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// 1, 2, 3, ...; 0 for a run that never began.
    pub attempt: i64,
    /// The new status.
    pub status: NodeStatus,
    /// The node's output (completed).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_a_value")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Arc<Value>>,
    /// What went wrong (failed, retrying).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Why it was passed over (skipped, by the condition in front of it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long the attempt took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// The port it finished through, if not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The result was taken over from the execution that this one replays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// The result was given by the caller of the replay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The result is the node's mock: the execution was started with `mocks`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mocked: bool,
    /// When the next attempt begins (retrying).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Instant>,
    /// When the wait ends (suspended).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Instant>,
    /// The child execution that the node started (running).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_execution_id: Option<ExecutionId>,
    /// The items of a loop that begins (running).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>)]
    pub items: Option<Arc<Vec<Value>>>,
    /// The node hands on what it was handed (`lastOutput`), not its output (completed), or was passed over (skipped).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transparent: bool,
}

/// What a [`NodeDeltaEvent`] is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeltaChannel {
    /// Text of the result.
    Text,
    /// Text of the thinking.
    Reasoning,
    /// A tool being called: its name, then its arguments as they come.
    Tool,
    /// Progress.
    Progress,
}

/// `node_delta`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeDeltaEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What this is a piece of.
    pub channel: DeltaChannel,
    /// The piece.
    pub delta: String,
    /// How far the work has come (progress).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// How far it goes (progress).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_max: Option<f64>,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For whoever builds the workflow.
    Debug,
    /// For whoever follows it.
    Info,
    /// Something looks wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// `node_log`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeLogEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The attempt that wrote it.
    pub attempt: i64,
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
}

/// `execution_suspended`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendedEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// What is asked.
    pub interrupt: Interrupt,
}

/// What changed about a suspension that stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandingChange {
    /// Somebody voted, or changed their vote.
    Voted,
    /// Somebody took it upon themself.
    Claimed,
    /// The claim was given up.
    Released,
    /// Others may answer in place of those who could.
    Reassigned,
    /// A reminder was due.
    Reminded,
    /// An escalation was due: more people may answer.
    Escalated,
}

/// `suspension_update`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspensionUpdateEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The suspension.
    pub suspension_id: SuspensionId,
    /// Its state from now on.
    pub state: SuspensionState,
    /// What changed, where it stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<StandingChange>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The port that was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The vote (voted).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Vote>,
    /// How many votes each action has from now on (voted, reassigned).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<BTreeMap<String, u32>>,
    /// Who may answer from now on (reassigned, escalated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Approvers>,
    /// Which step of the timeline was due, from 0 (reminded, escalated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The whole decision, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

impl SuspensionUpdateEvent {
    /// That a suspension is in this state from now on, and nothing else.
    pub fn new(seq: i64, at: Instant, suspension_id: SuspensionId, state: SuspensionState) -> Self {
        Self {
            seq,
            at,
            suspension_id,
            state,
            change: None,
            by: None,
            action: None,
            reason: None,
            vote: None,
            votes: None,
            approvers: None,
            step: None,
            decision: None,
        }
    }
}

/// `execution_complete`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The execution's output.
    #[schema(value_type = Value)]
    pub output: Arc<Value>,
    /// The final state of each node of the top level.
    pub nodes: Vec<NodeState>,
}

/// `execution_failed`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// Why.
    pub error: Failure,
    /// What was undone, where there was something to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// The final state of each node of the top level.
    pub nodes: Vec<NodeState>,
}

/// `execution_cancelled`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelledEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// What the cancellation stopped.
    pub report: CancelReport,
    /// What was undone, where there was something to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// The final state of each node of the top level.
    pub nodes: Vec<NodeState>,
}

/// `execution_skipped`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The execution that this one duplicates, or that runs in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<ExecutionId>,
    /// Why: `duplicate`, `debounced` or `concurrency_limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The final state of each node of the top level.
    pub nodes: Vec<NodeState>,
}

macro_rules! each_event {
    ($self:expr, $event:ident => $body:expr) => {
        match $self {
            Event::ExecutionStatus($event) => $body,
            Event::NodeUpdate($event) => $body,
            Event::NodeDelta($event) => $body,
            Event::NodeLog($event) => $body,
            Event::NodeAction($event) => $body,
            Event::NodeArtifact($event) => $body,
            Event::TaskUpdate($event) => $body,
            Event::ExecutionSuspended($event) => $body,
            Event::SuspensionUpdate($event) => $body,
            Event::ExecutionComplete($event) => $body,
            Event::ExecutionFailed($event) => $body,
            Event::ExecutionCancelled($event) => $body,
            Event::ExecutionSkipped($event) => $body,
        }
    };
}

impl Event {
    /// The event's position in its execution's log.
    pub fn seq(&self) -> i64 {
        each_event!(self, event => event.seq)
    }

    /// When it happened.
    pub fn at(&self) -> Instant {
        each_event!(self, event => event.at)
    }

    /// Whether nothing may follow it.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionComplete(_)
                | Self::ExecutionFailed(_)
                | Self::ExecutionCancelled(_)
                | Self::ExecutionSkipped(_)
        )
    }

    /// Whether it is shown on the streams of pods and inboxes: changes of status and of suspensions.
    pub fn is_feed(&self) -> bool {
        !matches!(
            self,
            Self::NodeUpdate(_)
                | Self::NodeDelta(_)
                | Self::NodeLog(_)
                | Self::NodeAction(_)
                | Self::NodeArtifact(_)
                | Self::TaskUpdate(_)
        )
    }

    /// The event's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ExecutionStatus(_) => "execution_status",
            Self::NodeUpdate(_) => "node_update",
            Self::NodeDelta(_) => "node_delta",
            Self::NodeLog(_) => "node_log",
            Self::NodeAction(_) => "node_action",
            Self::NodeArtifact(_) => "node_artifact",
            Self::TaskUpdate(_) => "task_update",
            Self::ExecutionSuspended(_) => "execution_suspended",
            Self::SuspensionUpdate(_) => "suspension_update",
            Self::ExecutionComplete(_) => "execution_complete",
            Self::ExecutionFailed(_) => "execution_failed",
            Self::ExecutionCancelled(_) => "execution_cancelled",
            Self::ExecutionSkipped(_) => "execution_skipped",
        }
    }

    /// The body as it is stored and sent.
    pub fn to_body(&self) -> String {
        serde_json::to_string(self).expect("an event holds nothing that JSON can't")
    }
}

/// The event types that end an execution.
pub const TERMINAL_TYPES: [&str; 4] =
    ["execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"];

/// The `type` of a stored body, without parsing it.
pub fn type_of(body: &str) -> &str {
    body.strip_prefix("{\"type\":\"").and_then(|rest| rest.split('"').next()).unwrap_or_default()
}
