//! The Kinetic face, below `/kinetic`: workflows of one agent, executed in worker containers. A client of that API works after changing
//! its base URL; `docs/kinetic.md` says what is what.
//!
//! [`scope`] lets a caller in, [`configuration`] turns what an agent is told into a graph and back, [`views`] says things in the
//! words of that API, [`errors`] its failures. [`workflows`] and [`executions`] are the calls.

mod bodies;
mod configuration;
mod document;
mod errors;
mod executions;
mod links;
mod scope;
mod timing;
mod views;
mod workflows;

use axum::{Router, routing::get};
use utoipa_axum::router::OpenApiRouter;

use crate::http::{AppState, face::Face};

/// What the paths of this face begin with.
const PREFIX: &str = "/kinetic";

/// This face.
pub fn face() -> Face {
    let routes = || OpenApiRouter::new().merge(workflows::routes()).merge(executions::routes());
    let headers = &[scope::API_KEY, scope::WORKER_KEY, scope::POD];
    Face { prefix: PREFIX, headers, routes, show: errors::show, describe: document::describe }
}

/// The lists under the addresses that the published reference has, too: with a slash at the end.
pub fn aliases() -> Router<AppState> {
    Router::new()
        .route(
            "/kinetic/api/workflows/",
            get(workflows::list_kinetic_workflows).post(workflows::create_kinetic_workflow),
        )
        .route("/kinetic/api/executions/", get(executions::list_kinetic_executions))
}
