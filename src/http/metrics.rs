//! Counters and histograms of the server, and `/metrics` which shows them in Prometheus' text format.
//!
//! Labels are route templates and closed lists, never paths or ids: each new value is memory for ever.

mod described;

use std::{sync::OnceLock, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use super::{
    auth,
    error::{Code, Problem},
    state::AppState,
};

/// Requests by `method`, `route` and `status`.
pub const REQUESTS: &str = "sluicegate_http_requests_total";
/// Seconds until the head of the response, by `method` and `route`; event streams apart.
pub const REQUEST_SECONDS: &str = "sluicegate_http_request_seconds";

/// Buckets of every histogram of seconds.
const SECONDS_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Buckets of what counts commits; a batch has at most 256.
const COUNT_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The process's recorder of metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder, once in a process; later calls answer the same one.
    pub fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        Self(
            HANDLE
                .get_or_init(|| {
                    let handle = PrometheusBuilder::new()
                        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS_BUCKETS)
                        .and_then(|builder| {
                            builder.set_buckets_for_metric(Matcher::Suffix("_size".into()), COUNT_BUCKETS)
                        })
                        .expect("the buckets are not empty")
                        .install_recorder()
                        .expect("nothing else installs a recorder");
                    described::describe();
                    handle
                })
                .clone(),
        )
    }

    /// Empties the recorder's buffers until `stop`: without it they would grow until somebody looks at `/metrics`.
    pub async fn run_upkeep(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

/// Metrics of this server
///
/// In Prometheus' text format. Public, unless the server was configured with a token for it (`metrics-token`), which is
/// then expected as a bearer token.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "server",
    responses(
        (status = 200, description = "Metrics in Prometheus' text format", body = String, content_type = "text/plain"),
        (status = 401, description = "The token is missing or not the one"),
        (status = 429, description = "Too many tokens were refused"),
        (status = 503, description = "The database does not answer", body = super::error::ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn get_metrics(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(expected) = &state.config.metrics_token {
        match auth::bearer(&headers) {
            None => {
                return Err(auth::challenge(Code::Unauthenticated, "the metrics of this server need a bearer token"));
            }
            Some(token) if !auth::is_equal(token.as_bytes(), expected.expose().as_bytes()) => {
                return Err(auth::challenge(Code::InvalidCredentials, "the token is not the one of the metrics"));
            }
            Some(_) => {}
        }
    }
    let now = state.clock.now();
    let counts = state.store.counts(now).await?;
    metrics::gauge!("sluicegate_queue_depth").set(counts.queue_depth as f64);
    metrics::gauge!("sluicegate_queue_held").set(counts.queue_held as f64);
    let oldest_ms = counts.queue_oldest.map_or(0, |queued_at| now.ms_since(queued_at));
    metrics::gauge!("sluicegate_queue_oldest_age_seconds").set(oldest_ms as f64 / 1_000.0);
    metrics::gauge!("sluicegate_open_suspensions").set(counts.open_suspensions as f64);
    metrics::gauge!("sluicegate_timers_late").set(counts.timers_late as f64);
    metrics::gauge!("sluicegate_tasks_queued").set(counts.tasks_queued as f64);
    metrics::gauge!("sluicegate_tasks_leased").set(counts.tasks_leased as f64);
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type)], state.metrics.0.render()).into_response())
}
