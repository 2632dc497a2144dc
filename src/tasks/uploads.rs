//! The life of the objects behind artifacts: written down before the first byte, kept by the commit that tells of them, removed
//! with their row. One loop removes what is due, on every server; two of them never take the same.

use std::{fmt::Display, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;

use crate::{
    artifacts::{ArtifactError, Artifacts},
    domain::{
        artifact::{Artifact, NewFile, ObjectOf},
        task::Lease,
    },
    engine::{Engine, EngineError},
    store::{Store, StoreError},
};

/// How long an upload may take; after that its object is removed.
const UPLOAD_MS: i64 = 6 * 60 * 60 * 1_000;

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

/// What has become of a file that a worker sent.
#[derive(Clone, Debug)]
pub struct Received {
    /// The artifact.
    pub artifact: Artifact,
    /// Whether it is a new one; else the same bytes came before.
    pub is_new: bool,
}

/// Why a file was not taken. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// What the engine says.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What became of the bytes.
    #[error(transparent)]
    Bytes(#[from] ArtifactError),
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
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

    /// Takes a file from the worker that has the lease: its bytes are stored, then the log tells of it. Bytes that came before
    /// under the same name, for the same task, are not kept twice. The work goes on to its end if the caller goes away.
    pub async fn receive<E: Display>(
        &self,
        lease: Lease,
        file: NewFile,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<Received, UploadError> {
        // Before the first byte is read, for a worker that has lost its task may have much to send.
        if self.engine.heartbeat(&lease, &[]).await?.cancelled {
            return Err(EngineError::LeaseOver.into());
        }
        let uploads = self.clone();
        self.engine.apart(async move { uploads.store_and_tell(&lease, file, body).await }).await?
    }

    async fn store_and_tell<E: Display>(
        &self,
        lease: &Lease,
        file: NewFile,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<Received, UploadError> {
        let clock = self.engine.clock();
        let Lease { workspace_id, execution_id, .. } = *lease;
        let object = ObjectOf { workspace_id, execution_id, artifact_id: clock.new_id().into() };
        self.store().begin_upload(object, clock.now().plus_ms(UPLOAD_MS)).await?;
        let told = self.store_and_tell_of(lease, file, object, body).await;
        if !matches!(&told, Ok(received) if received.is_new) {
            // Where it is not known whether the log tells of it, the row says so, and nothing is removed.
            if let Err(error) = self.store().give_up_upload(object).await {
                tracing::warn!(artifact_id = %object.artifact_id, %error, "an upload is given up later, when its time is over");
            }
        }
        told
    }

    async fn store_and_tell_of<E: Display>(
        &self,
        lease: &Lease,
        file: NewFile,
        object: ObjectOf,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<Received, UploadError> {
        let Lease { workspace_id, execution_id, task_id, .. } = *lease;
        let stored = self.artifacts.put(object, body).await?;
        let (store, NewFile { name, kind, content_type }) = (self.store(), file);
        let first = store.artifact_of_task(workspace_id, execution_id, task_id, &name, &stored.sha256).await?;
        if let Some(artifact) = first {
            return Ok(Received { artifact, is_new: false });
        }
        let artifact = Artifact {
            id: object.artifact_id,
            execution_id,
            // The log knows the node.
            node_id: String::new(),
            path: None,
            task_id: Some(task_id),
            name,
            kind,
            content_type,
            size: i64::try_from(stored.size).unwrap_or(i64::MAX),
            sha256: stored.sha256,
            created_at: self.engine.clock().now(),
        };
        Ok(Received { artifact: self.engine.add_artifact(lease, artifact).await?, is_new: true })
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
