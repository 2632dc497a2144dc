//! A workflow's definition as it is written: nodes, edges, settings. What it means is compiled in [`super::graph`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    admission::{Concurrency, Dedupe},
    subscription::Subscription,
};

/// The most days that executions are kept, if not for ever: a hundred years.
pub const MAX_RETENTION_DAYS: i64 = 36_500;

/// A node graph as a client sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Definition {
    /// The nodes, in any order.
    pub nodes: Vec<NodeDefinition>,
    /// The edges between them.
    #[serde(default)]
    pub edges: Vec<EdgeDefinition>,
    /// Settings of every execution of this workflow.
    #[serde(default)]
    pub settings: Settings,
    /// What whoever has written it wants to find again: kept with the version, no effect at run time. A name of its own for each
    /// program keeps them apart.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeDefinition {
    /// Unique in the definition: letters, digits, `_` and `-`, 1 to 64 characters.
    pub id: String,
    /// The node's type, one of `GET /v1/node-types`. `data.nodeType` is accepted in its place.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// A name for people; expressions may use it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The loop whose body this node is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The node's configuration, by the JSON Schema of its type.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
    /// Where the editor draws it; no effect at run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

impl NodeDefinition {
    /// The node's type: `type`, or `data.nodeType` where `type` is missing.
    pub fn type_name(&self) -> &str {
        if self.kind.is_empty() {
            self.data.get("nodeType").and_then(Value::as_str).unwrap_or_default()
        } else {
            &self.kind
        }
    }
}

/// A place on the editor's canvas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// One edge: taken when its source finishes through the port `sourceHandle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EdgeDefinition {
    /// Unique in the definition; made from source, port and target where it is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The node it leaves.
    pub source: String,
    /// The node it enters.
    pub target: String,
    /// The port it leaves by; none means the default port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_handle: Option<String>,
    /// A label for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Settings of every execution of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// How long an execution may be active, in milliseconds; waiting for people and timers does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub timeout_ms: Option<i64>,
    /// The priority of executions that name none: -100 to 100, higher first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// Events that start the workflow, once it is deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub subscriptions: Vec<Subscription>,
    /// How many executions may run at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// What becomes of triggers with the same `dedupeKey`; 24 hours and `skip`, if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Dedupe>,
    /// How long executions are kept after their end; as the workspace says, if missing. That of the latest version counts, for all
    /// executions of the workflow and for their children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// What the variables are at first: any values, by name. Nodes of type `variables` assign others, expressions read
    /// `variables.<name>`.
    // Boxed: few workflows have any, and settings are moved about with every change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub variables: Option<Box<Map<String, Value>>>,
}

/// How long executions are kept after their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// After how many days they are removed; `null` keeps them for ever, whatever the workspace says.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, minimum = 1, maximum = 36_500)]
    pub days: Option<i64>,
}

/// What is wrong with a definition, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DefinitionProblem)]
pub struct Problem {
    /// A JSON pointer into the definition, such as `/nodes/3/data/condition`.
    pub path: String,
    /// One sentence for people.
    pub message: String,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The edge it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_id: Option<String>,
}
