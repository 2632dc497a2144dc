//! Workspaces, pods, workflows and their versions: the catalogue.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    definition::Definition,
    ids::{PodId, WorkflowId, WorkspaceId},
};
use crate::clock::Instant;

/// The tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its name in addresses, unique on the server.
    pub slug: String,
    /// How many of its executions may run at a time, suspended ones apart; none is no limit.
    #[schema(minimum = 1)]
    pub max_running: Option<i64>,
    /// The hosts that its nodes and notifications may call: names, or `*.example.org` for all below a name. None is any public host.
    pub outbound_hosts: Option<Vec<String>>,
    /// After how many days executions that have ended are removed, unless their workflow says otherwise; none keeps them for ever.
    #[schema(minimum = 1, maximum = 36_500)]
    pub retention_days: Option<i64>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A folder of workflows inside a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Its id.
    pub id: PodId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its name in addresses, made from `name`, unique in the workspace.
    pub slug: String,
    /// What it is for.
    pub description: String,
    /// How many of its executions may run at a time, suspended ones apart; none is no limit.
    #[schema(minimum = 1)]
    pub max_running: Option<i64>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// Where a workflow is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowState {
    /// Never deployed: started by hand only.
    Draft,
    /// Deployed: schedules, webhooks and events may start it.
    Deployed,
    /// In the trash: can't be started.
    Trashed,
}

/// A workflow; the definition is that of its latest version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Draft, deployed or trashed.
    pub state: WorkflowState,
    /// Marked by a person.
    pub starred: bool,
    /// The number of the latest version.
    pub version: i64,
    /// The version that was deployed last; none while it isn't deployed.
    pub deployed_version: Option<i64>,
    /// The latest version's graph. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Definition>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// One immutable version of a workflow's definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowVersion {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// 1, 2, 3, ...
    pub version: i64,
    /// The graph.
    pub definition: Definition,
    /// Who made this version.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
}
