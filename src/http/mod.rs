//! The native HTTP API: thin handlers over the engine and the store, one file per resource.
//!
//! Each resource file has `routes()`, which registers handlers and their documentation together; `facade::router` puts them under
//! `/v1` and, as the published contract writes them, without it. Around the handlers: [`error`] (the only place that knows
//! status codes of failures), [`auth`] (extractors that can't be forgotten), [`idempotency`], [`observe`] (request ids,
//! spans, metrics, problem documents), [`serve`] (the server loop).

pub mod auth;
pub mod content;
pub mod docs;
mod documents;
pub mod error;
pub mod event_schema;
pub mod extract;
pub mod face;
mod headers;
pub mod health;
pub mod idempotency;
mod linger;
pub mod metrics;
pub mod names;
pub mod observe;
pub mod openapi;
pub mod query;
pub mod refusals;
pub mod reply;
mod roles;
pub mod serve;
pub mod signing;
pub mod state;
pub mod streams;
pub mod validation;

mod api_keys;
pub(crate) mod artifacts;
mod audit;
mod bulk_jobs;
mod callbacks;
mod dashboard;
mod events;
mod execution_actions;
mod execution_compare;
mod execution_counts;
mod execution_events;
mod execution_fields;
pub(crate) mod execution_logs;
mod execution_removal;
pub(crate) mod executions;
mod feeds;
mod groups;
mod invites;
mod members;
mod node_tests;
mod node_types;
mod notifications;
mod pods;
mod receipts;
pub(crate) mod respond;
mod schedules;
mod secrets;
mod session;
mod sign_in;
mod stream_tokens;
mod subject_reprocess;
mod subjects;
mod suspensions;
mod tasks;
pub(crate) mod traced;
mod webhook_deliveries;
mod webhook_trigger;
mod webhooks;
mod workers;
mod workflow_versions;
mod workflows;
mod workspaces;
mod write_deadline;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, OriginalUri},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts},
    middleware,
    response::IntoResponse,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    cors::{AllowOrigin, CorsLayer},
};
use utoipa_axum::router::OpenApiRouter;

use crate::config::{Config, CorsOrigins};
use error::{Code, Problem};
use face::Face;
pub use openapi::{ApiDocument, api_document};
pub use receipts::RECEIPT_KIND;
pub use state::{AppState, Readiness};

/// The prefix of all resources; the same paths answer without it.
pub const VERSION_PREFIX: &str = "/v1";

/// All resources, without the prefix.
fn resources() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(sign_in::routes())
        .merge(workspaces::routes())
        .merge(members::routes())
        .merge(groups::routes())
        .merge(invites::routes())
        .merge(api_keys::routes())
        .merge(secrets::routes())
        .merge(pods::routes())
        .merge(workflows::routes())
        .merge(workflow_versions::routes())
        .merge(schedules::routes())
        .merge(events::routes())
        .merge(subjects::routes())
        .merge(documents::routes())
        .merge(subject_reprocess::routes())
        .merge(webhooks::routes())
        .merge(webhook_deliveries::routes())
        .merge(webhook_trigger::routes())
        .merge(stream_tokens::routes())
        .merge(executions::routes())
        .merge(execution_actions::routes())
        .merge(bulk_jobs::routes())
        .merge(execution_compare::routes())
        .merge(execution_counts::routes())
        .merge(execution_events::routes())
        .merge(execution_logs::routes())
        .merge(execution_removal::routes())
        .merge(artifacts::routes())
        .merge(suspensions::routes())
        .merge(tasks::routes())
        .merge(workers::routes())
        .merge(notifications::routes())
        .merge(callbacks::routes())
        .merge(receipts::routes())
        .merge(audit::routes())
        .merge(feeds::routes())
        .merge(node_tests::routes())
        .merge(node_types::routes())
}

/// All routes, and the document that describes them.
fn described(faces: &[Face]) -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let resources = resources();
    let described = OpenApiRouter::with_openapi(openapi::base());
    let described = faces.iter().fold(described, |all, face| all.nest(face.prefix, (face.routes)()));
    let (router, mut document) = described
        .nest(VERSION_PREFIX, resources.clone())
        .merge(health::routes())
        .merge(receipts::public_routes())
        .merge(respond::routes())
        .merge(docs::routes())
        .merge(dashboard::routes())
        .split_for_parts();
    openapi::complete(&mut document, faces);
    (router.merge(Router::from(resources)), document)
}

/// The API with these faces, and with more routes that nothing describes, as one service beneath the same layers.
pub fn router_with(state: AppState, faces: &[Face], more: Router<AppState>) -> Router {
    let (router, _) = described(faces);
    let shapes = observe::Shapes::new(state.clock.clone(), faces);
    // The outermost comes first. All of them are one layer to the router, which wraps each route in it and copies what it has
    // wrapped for each request.
    let layers = ServiceBuilder::new()
        // The default predicate leaves event streams alone. What is served in ranges has its tag and its length as it is.
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(
            |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
                !headers.contains_key(header::ACCEPT_RANGES)
            },
        )))
        .layer(middleware::map_response(headers::protect))
        .option_layer(cors(&state.config, faces))
        .layer(middleware::from_fn_with_state(shapes, observe::observe))
        .layer(middleware::from_fn_with_state(state.refusals.clone(), refusals::bound))
        .layer(Extension(Arc::new(ApiDocument::new(faces))))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
            Problem::internal(format!("panic: {text}")).into_response()
        }))
        .layer(DefaultBodyLimit::max(state.config.body_limit));
    router
        .merge(more)
        .merge(dashboard::files())
        .fallback(async || Problem::new(Code::UnknownPath, "no such path; the paths are listed at /docs"))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "the path exists, but not for this method")
        })
        .layer(layers)
        .with_state(state)
}

/// None where only the server's own pages may call: then there is nothing to say to a browser.
fn cors(config: &Config, faces: &[Face]) -> Option<CorsLayer> {
    let header = HeaderName::from_static;
    let of_faces = faces.iter().flat_map(|face| face.headers).map(|name| header(name));
    let origins = match &config.cors {
        CorsOrigins::Own => return None,
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::Listed(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()))
        }
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(
            [
                header::ACCEPT,
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_NONE_MATCH,
                header::IF_RANGE,
                header::RANGE,
                idempotency::IDEMPOTENCY_KEY,
                header("last-event-id"),
                header("prefer"),
                header("x-api-key"),
                header("x-lease-token"),
                observe::X_REQUEST_ID,
            ]
            .into_iter()
            .chain(of_faces)
            .collect::<Vec<_>>(),
        )
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            reply::IDEMPOTENCY_REPLAYED,
            header("sluicegate-stream-version"),
            observe::X_REQUEST_ID,
        ])
        .max_age(std::time::Duration::from_hours(1));
    Some(layer)
}

/// A path without the version prefix: one name for what answers under two.
pub fn without_version(path: &str) -> &str {
    match path.strip_prefix(VERSION_PREFIX) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The request's URI as the client wrote it (nested routers see it without their prefix).
fn original_uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0)
}
