//! Testing one node by itself.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod},
    error::Problem,
    extract::Json,
    reply::Reply,
    state::AppState,
};
use crate::{
    domain::definition::NodeDefinition,
    engine::{
        Engine,
        test_node::{TESTED, TestPlace, TestValues, TestedNode},
    },
    nodes::registry,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(test_node))
}

/// A node to test, and the values that it sees.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestNode {
    /// The node.
    node: NodeToTest,
    /// The input of the execution, as expressions see it.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    input: Value,
    /// What the node is handed; the input, if missing.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    last_output: Option<Value>,
    /// What expressions find under `context`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    context: Option<Map<String, Value>>,
    /// Results of other nodes, by id. Their outputs come in by the node's edges, too, in the order of the ids.
    #[serde(default)]
    #[schema(required = false)]
    node_results: BTreeMap<String, ResultOfNode>,
    /// The item, as in the body of a loop.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    item: Option<Value>,
    /// Its index; 0, if only `item` is given.
    #[serde(default)]
    index: Option<u64>,
    /// What expressions find under `variables`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    variables: Option<Map<String, Value>>,
}

/// A node without a workflow around it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeToTest {
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Its configuration.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    data: Map<String, Value>,
}

/// The result that another node is said to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResultOfNode {
    /// Its output.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    output: Value,
}

/// Test a node
///
/// Editors and higher. Runs one node by itself with the given values, once, for `timeoutMs` but 30 seconds at most. Nothing is
/// recorded: a node that would ask, wait, start an execution, queue a task or run a body tells so. What it does outside itself,
/// such as an HTTP call, does happen. `runIf` is judged; `retry`, `onError` and `mock` are not heeded, and a loop has no body here.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/nodes/test", tag = "node-types", request_body = TestNode,
    responses(
        (status = 200, description = "What it gave, or would do", body = TestedNode),
        (status = 422, description = "The node is not valid; `errors` names the places"),
        (status = 429, description = "Too many nodes are being tested"),
    ),
)]
async fn test_node(
    pod: InPod<Editor>,
    State(engine): State<Engine>,
    Json(body): Json<TestNode>,
) -> Result<Reply, Problem> {
    let NodeToTest { kind, name, data } = body.node;
    let node = NodeDefinition { id: TESTED.to_owned(), kind, name, parent_id: None, data, position: None };
    let node = registry::compile_alone(&node).map_err(|problems| Problem::invalid_workflow("/node", &problems))?;
    let place = TestPlace { workspace_id: pod.workspace_id(), pod_id: pod.pod_id(), by: pod.principal().id.clone() };
    let item = match (body.item, body.index) {
        (None, None) => None,
        (item, index) => Some((item.unwrap_or_default(), index.unwrap_or_default())),
    };
    let values = TestValues {
        input: body.input,
        last_output: body.last_output,
        context: body.context.unwrap_or_default(),
        outputs: body.node_results.into_iter().map(|(id, result)| (id, result.output)).collect(),
        item,
        variables: body.variables,
    };
    Ok(Reply::ok(&engine.test_node(node, place, values).await?))
}
