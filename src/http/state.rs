//! What handlers share. Cheap to clone; a handler takes the part it needs (`State<Arc<dyn Store>>`).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::FromRef;

use super::{auth::Authenticator, metrics::Metrics, refusals::Refusals, signing::Signer, streams::Streams};
use crate::{
    clock::Clock,
    config::Config,
    engine::Engine,
    store::Store,
    tasks::uploads::Uploads,
    triggers::{bulk::BulkWork, schedules::Schedules, webhooks::Webhooks},
};

/// Everything the handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Time and ids.
    pub clock: Clock,
    /// The settings.
    pub config: Arc<Config>,
    /// Who calls, and what they may do.
    pub auth: Arc<Authenticator>,
    /// Whether the server takes requests.
    pub readiness: Readiness,
    /// The counters behind `/metrics`.
    pub metrics: Metrics,
    /// The engine.
    pub engine: Engine,
    /// The schedules.
    pub schedules: Schedules,
    /// The bulk jobs.
    pub bulk: BulkWork,
    /// The webhooks.
    pub webhooks: Webhooks,
    /// The artifacts.
    pub uploads: Uploads,
    /// The open event streams.
    pub streams: Streams,
    /// What was refused lately.
    pub refusals: Arc<Refusals>,
    /// Signs receipts.
    pub signer: Arc<Signer>,
}

/// Whether the server takes requests: from the end of the boot to the begin of the shutdown.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The boot is over.
    pub fn set_ready(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The shutdown begins: load balancers shall look elsewhere.
    pub fn set_draining(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether the server takes requests.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
