//! How a drive begins and ends: from a door, or from a claim; and what becomes of an execution that can't be driven.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;

use super::{Driver, Folded, Opening, Place};
use crate::{
    domain::{
        failure::{Failure, FailureCode},
        ids::{ExecutionId, WorkspaceId},
    },
    engine::{
        Engine, EngineError,
        drivers::Entry,
        project::{self, Seen, SeenTimer},
    },
};

impl Engine {
    /// Takes over an execution that was claimed for this instance.
    pub(in crate::engine) fn take_over(&self, workspace: WorkspaceId, id: ExecutionId, permit: OwnedSemaphorePermit) {
        let Some(entry) = self.0.drivers.enter(id) else { return };
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            match engine.load(workspace, id).await {
                Ok(folded) => engine.spawn_driver(Place { id, entry, permit }, folded, None),
                Err(error) => {
                    engine.0.drivers.drop_entry(id, &entry);
                    engine.give_up(workspace, id, &error).await;
                }
            }
        });
    }

    pub(super) fn spawn_driver(&self, place: Place, folded: Folded, opening: Option<Opening>) {
        let Place { id, entry, permit } = place;
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            let workspace = folded.origin.workspace_id;
            let drive = engine.drive_until_left(id, &entry, folded, opening);
            let driven = AssertUnwindSafe(drive).catch_unwind().await;
            let failed = match driven {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(EngineError::Panicked),
            };
            if let Some(error) = failed {
                engine.0.drivers.drop_entry(id, &entry);
                engine.give_up(workspace, id, &error).await;
            }
            drop(permit);
            // A place is free: the claimer may have left rows for want of one.
            if !engine.0.signals.queue_is_empty() {
                engine.0.signals.queue.notify_one();
            }
        });
    }

    async fn drive_until_left(
        &self,
        id: ExecutionId,
        entry: &Arc<Entry>,
        folded: Folded,
        mut opening: Option<Opening>,
    ) -> Result<(), EngineError> {
        let workspace = folded.origin.workspace_id;
        let mut next = Some(folded);
        loop {
            if let Some(folded) = next.take() {
                let opening = opening.take();
                // Each time anew: the instance may have become another one meanwhile, and have claimed the execution as that.
                let epoch = self.0.drivers.epoch();
                let mut driver = Driver::new(self.clone(), epoch, Arc::clone(entry), folded, opening);
                let over = driver.run().await;
                // Effects end before the entry goes: nobody else may start them while they still run here.
                driver.effects.shutdown().await;
                over?;
            }
            if self.0.drivers.leave(id, entry) {
                return Ok(());
            }
            // Woken while leaving: whoever did so may have named this instance the driver again.
            next = Some(self.load(workspace, id).await?);
        }
    }

    /// Loads and folds an execution.
    pub(in crate::engine) async fn load(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Folded, EngineError> {
        let loaded = self.0.store.load_execution(workspace, id).await?;
        let origin = &loaded.execution.origin;
        let workflow = self.0.workflows.compiled(workspace, origin.workflow_id, origin.workflow_version).await?;
        let machine = project::fold(workflow, &loaded, self.0.config.limits)?;
        let snapshot_seq = loaded.snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let seen = Seen { seq: machine.state.seq, driver: loaded.driver, snapshot_seq, timer: SeenTimer::Unknown };
        Ok(Folded { origin: Arc::new(loaded.execution.origin), machine, seen })
    }

    /// An execution that can't be driven: given back to the queue if the fault may pass, else parked as failed where it stands,
    /// so that it never blocks its neighbours.
    async fn give_up(&self, workspace: WorkspaceId, id: ExecutionId, error: &EngineError) {
        tracing::error!(execution_id = %id, workspace_id = %workspace, %error, "the execution can't be driven");
        let passing = matches!(error, EngineError::Unwritten(_) | EngineError::Stopping)
            || matches!(error, EngineError::Store(crate::store::StoreError::Database(_)));
        let now = self.0.clock.now();
        if passing {
            // After a pause, or a database that is down would be asked without end.
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.0.hard.cancelled() => {}
            }
            if let Err(error) = self.0.store.release(self.0.drivers.instance(), &[(workspace, id)], now).await {
                tracing::error!(execution_id = %id, %error, "the execution could not be given back; trying again");
                self.0.signals.gone_astray();
            }
            self.0.signals.queued();
            return;
        }
        let failure = Failure::new(FailureCode::Internal, error.to_string());
        if let Err(error) = self.abort(workspace, id, failure).await {
            tracing::error!(execution_id = %id, %error, "the execution could not be parked as failed");
        }
    }
}
