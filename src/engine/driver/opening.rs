//! The first commit of a drive that a door begins. What the door has decided (a new execution, an answer) and what follows
//! from it without waiting are written together: a trigger and its chain of pure nodes, or an answer and the nodes after it,
//! are one durable step. The door is answered once it is written.
//!
//! All of it happens in the drive's own task: a caller who goes away leaves no execution behind that names a driver and has
//! none.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Driver, Folded};
use crate::{
    domain::{execution::Execution, ids::ExecutionId},
    engine::{
        Engine, EngineError,
        drivers::Entry,
        project::{self, Placement},
        trigger::Riders,
    },
    store::commit::Commit,
};

/// A drive goes no further than this many events before its door is answered: what follows has its own commits.
const OPENING_EVENTS: usize = 128;

/// The right to drive an execution in this process.
pub struct Place {
    /// The execution.
    pub id: ExecutionId,
    /// Its entry among the drivers.
    pub entry: Arc<Entry>,
    /// One of the places there are.
    pub permit: OwnedSemaphorePermit,
}

/// A door that waits for the first commit of the drive it began.
pub struct Opening {
    riders: Riders,
    told: oneshot::Sender<Result<Execution, EngineError>>,
}

impl Engine {
    /// A place for an execution; none if it is driven here already (then its driver is woken).
    pub(in crate::engine) fn take_place(&self, id: ExecutionId, permit: OwnedSemaphorePermit) -> Option<Place> {
        let entry = self.0.drivers.enter(id)?;
        Some(Place { id, entry, permit })
    }

    /// Drives an execution from what a door has decided. Returns the execution as the first commit leaves it, once that is
    /// durable; after an error nothing of it is.
    pub(in crate::engine) async fn open(
        &self,
        folded: Folded,
        place: Place,
        riders: Riders,
    ) -> Result<Execution, EngineError> {
        let (told, opened) = oneshot::channel();
        self.spawn_driver(place, folded, Some(Opening { riders, told }));
        // Nobody tells only if the drive panicked.
        opened.await.map_err(|_| EngineError::Panicked)?
    }
}

/// Tells events from others that might be at their place.
fn mark_of<'e>(bodies: impl Iterator<Item = &'e str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    bodies.for_each(|body| body.hash(&mut hasher));
    hasher.finish()
}

impl Driver {
    /// Writes the first commit and tells the door. `false` if the drive is over with it.
    pub(super) async fn open(&mut self, opening: Opening) -> Result<bool, EngineError> {
        let Opening { riders, told } = opening;
        let (execution, commit) = match self.first_commit(riders).await {
            Ok(first) => first,
            Err(error) => {
                _ = told.send(Err(error));
                return Ok(false);
            }
        };
        let (after, count) = (self.seen.seq, commit.events.len());
        let mark = mark_of(commit.events.iter().map(|event| event.body.as_str()));
        let (result, goes_on) = match self.write(commit).await {
            Ok(()) => (Ok(execution), true),
            // Whether it was written is unknown; the log knows. The row's driver would not tell: a claim may have named this
            // instance since.
            Err(EngineError::Unwritten(error)) => {
                let (workspace, id) = (self.origin.workspace_id, self.origin.id);
                let stored = self.engine.0.store.events(workspace, id, after, count as i64).await.unwrap_or_default();
                let written = count > 0 && mark == mark_of(stored.iter().map(|event| event.body.as_str()));
                _ = told.send(if written { Ok(execution) } else { Err(EngineError::Unwritten(error)) });
                return match self.catch_up().await {
                    // It was not: there is nothing to drive.
                    Err(EngineError::Store(crate::store::StoreError::NotFound(_))) => Ok(false),
                    other => other,
                };
            }
            Err(error) => (Err(error), false),
        };
        _ = told.send(result);
        Ok(goes_on)
    }

    async fn first_commit(&mut self, riders: Riders) -> Result<(Execution, Commit), EngineError> {
        self.begin().await?;
        // The queue row that told of a child's end may be gone: taken for this instance by a claim that has not come back yet.
        self.look_at_children().await?;
        self.step_until(OPENING_EVENTS).await?;
        let events = self.machine.take();
        let execution = Execution { origin: (*self.origin).clone(), progress: self.machine.progress() };
        let placement = Placement {
            driver: (!self.is_idle()).then_some(self.epoch.instance),
            queued: false,
            idempotency: riders.reply.map(|reply| reply(&execution)),
            children: std::mem::take(&mut self.children),
            notices: std::mem::take(&mut self.notices),
            tasks: std::mem::take(&mut self.tasks),
            slot: riders.slot,
            dedupe: riders.dedupe,
            debounce: riders.debounce,
            delivery: riders.delivery,
        };
        let commit = project::commit(&self.machine, &self.origin, &events, &self.seen, self.now(), placement);
        Ok((execution, commit))
    }
}
