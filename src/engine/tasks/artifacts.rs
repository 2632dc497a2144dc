//! The door for files: what a worker has sent is told of in the log, if its lease still holds.

use crate::{
    domain::{artifact::Artifact, task::Lease},
    engine::{
        Engine, EngineError,
        cancel::TRIES,
        machine::{Command, LeaseStanding},
    },
    store::commit::TaskChange,
};

use super::standing;

impl Engine {
    /// Tells of a file whose bytes are stored and whose upload was begun in the store; ends the upload. It counts as a sign of
    /// life. Durable when this returns; answers the artifact as it is told of. `LeaseOver` changes nothing.
    pub async fn add_artifact(&self, lease: &Lease, artifact: Artifact) -> Result<Artifact, EngineError> {
        let _turn = self.0.turns.wait(lease.execution_id).await;
        for _ in 0..TRIES {
            let now = self.0.clock.now();
            let mut folded = self.load(lease.workspace_id, lease.execution_id).await?;
            let LeaseStanding::Holds(attempt) = standing(&folded, lease) else {
                return Err(EngineError::LeaseOver);
            };
            let (address, boxed) = (lease.address.clone(), Box::new(artifact.clone()));
            folded.machine.decide(now, Command::Artifact { address, attempt, artifact: boxed });
            let (node_id, path) = folded.machine.name(&lease.address);
            let told = Artifact { node_id, path, created_at: now, ..artifact.clone() };
            let lease_until = now.plus_ms(lease.lease_ms);
            let extend = TaskChange::Extend { id: lease.task_id, fence: lease.fence, at: now, lease_until };
            match self.append_beside(folded, Vec::new(), Some(extend)).await {
                Ok(()) => return Ok(told),
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }
}
