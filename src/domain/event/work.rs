//! Events about the work of workers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    clock::Instant,
    domain::{
        artifact::Artifact,
        ids::{ArtifactId, TaskId},
        task::{TaskState, TaskStats},
    },
};

/// `node_action`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeActionEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The attempt that did it.
    pub attempt: i64,
    /// What kind of action: `action`, `screenshot`, `thought`, or the worker's own word. Of an agent: `model`, `tool`, `child`.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub detail: Option<Value>,
    /// The artifact that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_id: Option<ArtifactId>,
}

/// `node_artifact`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeArtifactEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The attempt that produced it.
    pub attempt: i64,
    /// The file; its bytes are there for whoever reads this.
    pub artifact: Artifact,
}

/// `task_update`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskUpdateEvent {
    /// Position in the execution's log.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The node.
    pub node_id: String,
    /// The run's address inside loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The attempt of the node run.
    pub attempt: i64,
    /// The task.
    pub task_id: TaskId,
    /// Its state from now on.
    pub state: TaskState,
    /// The queue it is in.
    pub queue: String,
    /// The number of its latest lease; 0 before the first.
    pub fence: i64,
    /// Who has it, or had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Why: `released` or `lease_lost` (back in the queue), `cancelled`, `timeout` or `lease_lost` (over).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Counts that the worker told with its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<TaskStats>,
}
