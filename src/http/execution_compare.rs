//! Two executions side by side, node by node.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{InPod, Viewer},
    error::Problem,
    extract::{OtherId, Param},
    reply::Reply,
    state::AppState,
};
use crate::{
    domain::{
        event::NodeStatus,
        execution::{ExecutionStatus, ExecutionView, NodeState},
        ids::ExecutionId,
    },
    engine::{Engine, Include},
    store::Store,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(compare_executions))
}

/// One side of a comparison.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedExecution {
    /// The execution.
    id: ExecutionId,
    /// The version it ran.
    workflow_version: i64,
    /// Where it is in its life.
    status: ExecutionStatus,
    /// Milliseconds in which something ran.
    active_ms: Option<i64>,
    /// Its output.
    #[schema(value_type = Option<Value>)]
    output: Option<Value>,
}

/// A node run on both sides.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedNode {
    /// The run's address.
    address: String,
    /// What differs: any of `status`, `branch`, `output`, `error`, `attempt`, `missing`.
    differs: Vec<&'static str>,
    /// Its status in the first.
    left_status: Option<NodeStatus>,
    /// Its status in the second.
    right_status: Option<NodeStatus>,
    /// Its output in the first, where it differs.
    #[schema(value_type = Option<Value>)]
    left_output: Option<Value>,
    /// Its output in the second, where it differs.
    #[schema(value_type = Option<Value>)]
    right_output: Option<Value>,
    /// How much longer the second took, in milliseconds.
    duration_difference_ms: Option<i64>,
}

/// Two executions side by side.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The first.
    left: ComparedExecution,
    /// The second.
    right: ComparedExecution,
    /// Whether both had the same input.
    same_input: bool,
    /// Whether both gave the same output.
    same_output: bool,
    /// Whether both ran the same definition.
    same_definition: bool,
    /// The node runs of either.
    nodes: Vec<ComparedNode>,
}

/// Compare two executions
///
/// Node by node: results, branches, failures, timing. The other execution may be of any workflow of the pod.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/compare/{otherId}", tag = "executions",
    responses((status = 200, description = "What differs", body = Comparison)),
)]
async fn compare_executions(
    pod: InPod<Viewer>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<ExecutionId>,
    Param(OtherId(other)): Param<OtherId>,
) -> Result<Reply, Problem> {
    let left = engine.view(pod.workspace_id(), pod.pod_id(), id, Include::ALL).await?;
    let right = engine.view(pod.workspace_id(), pod.pod_id(), other, Include::ALL).await?;
    let same_definition = if (left.workflow_id, left.workflow_version) == (right.workflow_id, right.workflow_version) {
        true
    } else {
        let of =
            |view: &ExecutionView| store.workflow_version(view.workspace_id, view.workflow_id, view.workflow_version);
        of(&left).await?.definition == of(&right).await?.definition
    };
    let (left_nodes, right_nodes) =
        (left.nodes.as_deref().unwrap_or_default(), right.nodes.as_deref().unwrap_or_default());
    let mut nodes: Vec<ComparedNode> =
        left_nodes.iter().map(|node| compare(Some(node), find(right_nodes, address(node)))).collect();
    nodes.extend(
        right_nodes
            .iter()
            .filter(|node| find(left_nodes, address(node)).is_none())
            .map(|node| compare(None, Some(node))),
    );
    let comparison = Comparison {
        same_input: left.input == right.input,
        same_output: left.output == right.output,
        same_definition,
        left: side(left),
        right: side(right),
        nodes,
    };
    Ok(Reply::ok(&comparison))
}

fn side(view: ExecutionView) -> ComparedExecution {
    let ExecutionView { id, workflow_version, status, active_ms, output, .. } = view;
    ComparedExecution { id, workflow_version, status, active_ms, output }
}

fn address(node: &NodeState) -> &str {
    node.path.as_deref().unwrap_or(&node.node_id)
}

fn find<'n>(nodes: &'n [NodeState], wanted: &str) -> Option<&'n NodeState> {
    nodes.iter().find(|node| address(node) == wanted)
}

fn compare(left: Option<&NodeState>, right: Option<&NodeState>) -> ComparedNode {
    let mut differs = Vec::new();
    if let (Some(left), Some(right)) = (left, right) {
        let code = |node: &NodeState| node.error.as_ref().map(|error| (error.code, error.message.clone()));
        let all = [
            ("status", left.status != right.status),
            ("branch", left.branch != right.branch),
            ("output", left.output != right.output),
            ("error", code(left) != code(right)),
            ("attempt", left.attempt != right.attempt),
        ];
        differs.extend(all.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what));
    } else {
        differs.push("missing");
    }
    let output =
        |node: Option<&NodeState>| node.and_then(|node| node.output.clone()).filter(|_| differs.contains(&"output"));
    let duration = |node: Option<&NodeState>| node.and_then(|node| node.duration_ms);
    ComparedNode {
        address: left.or(right).map(address).unwrap_or_default().to_owned(),
        left_status: left.map(|node| node.status),
        right_status: right.map(|node| node.status),
        left_output: output(left),
        right_output: output(right),
        duration_difference_ms: duration(left).zip(duration(right)).map(|(left, right)| right - left),
        differs,
    }
}
