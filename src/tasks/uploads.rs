//! The life of the objects behind artifacts: written down before the first byte, kept by the commit that tells of them, removed
//! with their row. One loop removes what is due, on every server; two of them never take the same.

use std::{sync::Arc, time::Duration};

use crate::{
    artifacts::{ArtifactError, Artifacts},
    engine::Engine,
    store::{Store, StoreError},
};

/// How often the loop looks for objects to remove.
const REMOVE_EVERY: Duration = Duration::from_secs(30);
/// How many it takes at a time, and for how long. A failure is tried again after that.
const REMOVE_BATCH: i64 = 200;
const REMOVE_LEASE_MS: i64 = 10 * 60 * 1_000;

/// The artifacts of all workspaces: where their bytes are, and the engine that knows of them. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    engine: Engine,
    artifacts: Artifacts,
}

impl Uploads {
    /// On an engine.
    pub fn new(engine: Engine, artifacts: Artifacts) -> Self {
        Self { engine, artifacts }
    }

    /// Begins to remove what is due, until the engine stops.
    pub fn start(&self) {
        let uploads = self.clone();
        self.engine.beside("artifact removals", move || uploads.clone().remove_loop());
    }

    /// The bytes.
    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.engine.store()
    }

    async fn remove_loop(self) {
        loop {
            match self.remove_due().await {
                Ok(taken) if taken == REMOVE_BATCH => {}
                Ok(_) => tokio::time::sleep(REMOVE_EVERY).await,
                Err(error) => {
                    tracing::warn!(%error, "artifacts that are gone could not be removed; trying again");
                    tokio::time::sleep(REMOVE_EVERY).await;
                }
            }
        }
    }

    /// Removes objects that are due, a batch of them at most; answers how many were due.
    pub async fn remove_due(&self) -> Result<i64, StoreError> {
        let due = self.store().claim_removals(self.engine.clock().now(), REMOVE_LEASE_MS, REMOVE_BATCH).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let (removed, failure) = self.artifacts.delete(&due).await;
        self.store().forget_removals(&removed).await?;
        match failure {
            None => {}
            // An older setting has named a place.
            Some(ArtifactError::NoPlace) => tracing::debug!(objects = due.len(), "no place to remove objects from"),
            Some(error) => {
                let left = due.len() - removed.len();
                tracing::warn!(%error, left, "objects of artifacts that are gone could not be removed; trying again");
            }
        }
        Ok(due.len() as i64)
    }
}
