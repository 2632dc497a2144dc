//! Whether the server lives and takes requests.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::{Code, Problem},
    metrics,
    reply::Reply,
    state::AppState,
};

/// How long the database may take to answer. Where packets don't arrive, nobody says no.
const PATIENCE: Duration = Duration::from_secs(3);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
        .routes(routes!(metrics::get_metrics))
}

/// How the server is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
    /// The server's version.
    pub version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the process lives
///
/// Answers as long as the process can answer at all. For liveness probes; asks nothing of the database.
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses((status = 200, description = "The process lives", body = Health)),
)]
async fn get_health() -> Reply {
    Reply::new(StatusCode::OK, None, &OK)
}

/// Whether the server takes requests
///
/// 503 while the server boots or shuts down, and when the database does not answer. For load balancers.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses(
        (status = 200, description = "The server takes requests", body = Health),
        (status = 503, description = "It does not, at the moment", body = super::error::ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_readiness(State(state): State<AppState>) -> Response {
    if !state.readiness.is_ready() {
        let problem = Problem::new(Code::Unavailable, "the server is starting or stopping");
        return problem.retry_after_s(1).into_response();
    }
    match tokio::time::timeout(PATIENCE, state.store.ping()).await {
        Ok(Ok(())) => Reply::new(StatusCode::OK, None, &OK).into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(_) => {
            let problem = Problem::new(Code::Unavailable, "the database does not answer");
            problem.retry_after_s(1).caused_by(format!("no answer in {} s", PATIENCE.as_secs())).into_response()
        }
    }
}
