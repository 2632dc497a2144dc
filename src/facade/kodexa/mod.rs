//! The Kodexa face, below `/kodexa`: assistants with pipelines, their executions, and document families. A client of that API works
//! after changing its base URL; `docs/kodexa.md` says what is what.
//!
//! [`scope`] lets a caller in, [`lists`] reads filters, sort orders and pages, [`errors`] says failures. An assistant is a workflow:
//! [`kept`] is what makes it one, [`pipeline`] and [`subscription`] are how its parts become native ones. [`views`] shows executions.
//! The calls are in [`assistants`], [`events`], [`executions`], [`families`], [`reprocess`] and [`account`].

mod account;
mod assistant_bodies;
mod assistant_views;
mod assistants;
mod document;
mod errors;
mod event_types;
mod events;
mod execution_fields;
mod executions;
mod families;
mod family_search;
mod family_views;
mod fields;
mod form;
mod kept;
mod lists;
mod logs;
mod pipeline;
mod project_assistants;
mod reprocess;
mod schedules;
mod scope;
mod steps;
mod subscription;
mod updates;
mod views;

use axum::Router;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{AppState, face::Face};

/// What the paths of this face begin with.
const PREFIX: &str = "/kodexa";

/// This face.
pub fn face() -> Face {
    let routes = || {
        OpenApiRouter::new()
            .merge(account::routes())
            .merge(assistants::routes())
            .merge(project_assistants::routes())
            .merge(events::routes())
            .merge(executions::routes())
            .merge(logs::routes())
            .merge(families::routes())
            .merge(reprocess::routes())
    };
    let headers = &[scope::API_KEY, scope::ACCESS_TOKEN, "cf-access-token", "x-requested-with"];
    Face { prefix: PREFIX, headers, routes, show: errors::show, describe: document::describe }
}

/// Document families under the other spelling of their address.
pub fn aliases() -> Router<AppState> {
    families::aliases()
}
