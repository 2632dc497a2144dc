//! The node types that definitions are made of.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{auth::Principal, reply::Reply, state::AppState};
use crate::nodes::registry::{self, NodeType};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_node_types))
}

/// List node types
///
/// All of them, in the order in which editors offer them: what each does, the JSON Schema of a node's `data`, its ports, and
/// an example.
#[utoipa::path(
    get, path = "/node-types", tag = "node-types",
    responses((status = 200, description = "The node types", body = Vec<NodeType>)),
)]
async fn list_node_types(_: Principal) -> Reply {
    Reply::ok(&registry::node_types())
}
