//! Retention: executions that ended longer ago than they are to be kept are removed, with everything that belongs to them.
//!
//! One instance at a time does it, in rounds of a bounded length and in small transactions with pauses that are longer than they
//! were. What a round has found is looked at again by the transaction that removes it, so an instance that was taken for dead in
//! the middle of its round does no harm.

use std::time::Duration;

use tokio::time::Instant as Began;

use super::Engine;
use crate::store::{
    StoreError,
    retention::{EndedBy, RetainedWorkflow, RetentionPlace},
};

/// How often a round begins when the one before was done with everything.
const EVERY_MS: i64 = 60_000;
/// How long a round is its instance's. It lasts far shorter.
const LEASE_MS: i64 = 5 * 60 * 1_000;
/// How long a round lasts, about: the next one goes on where it stopped, on whichever instance.
const ROUND: Duration = Duration::from_secs(20);
/// Between rounds that were not done with everything.
const BREATH: Duration = Duration::from_millis(250);
/// How many workflows are read at a time, how many executions are looked at, and how many go in one transaction.
const WORKFLOWS: i64 = 200;
const LOOKED_AT: i64 = 200;
const AT_ONCE: usize = 50;
/// The pause after a transaction, in its own lengths, and at least.
const PAUSE: u32 = 2;
const LEAST_PAUSE: Duration = Duration::from_millis(5);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a round has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// It has looked at everything, or somebody else does.
    Done,
    /// Its time was over before.
    Stopped,
}

impl Engine {
    pub(super) async fn retention_loop(self) {
        let inner = &self.0;
        loop {
            inner.clock.sleep_until(inner.clock.now().plus_ms(EVERY_MS)).await;
            loop {
                match self.retention_round().await {
                    Ok(Round::Done) => break,
                    Ok(Round::Stopped) => tokio::time::sleep(BREATH).await,
                    Err(error) => {
                        self.pause(&error, "retention").await;
                        break;
                    }
                }
            }
        }
    }

    /// Removes what is kept no longer, for a while.
    async fn retention_round(&self) -> Result<Round, StoreError> {
        let (inner, began) = (&self.0, Began::now());
        if inner.soft.is_cancelled() {
            return Ok(Round::Done);
        }
        let now = inner.clock.now();
        let Some(round) = inner.store.claim_round(now, LEASE_MS).await? else {
            behind_by(0);
            return Ok(Round::Done);
        };
        // What was removed by hand, or before a crash.
        let mut stopped = self.clear_removed(began).await?.then_some(round.place);
        let mut place = round.place;
        while stopped.is_none() {
            let from = (place.workspace_id, place.workflow_id);
            let workflows = inner.store.retained_workflows(from, WORKFLOWS).await?;
            for workflow in &workflows {
                let RetainedWorkflow { workspace_id, workflow_id, .. } = *workflow;
                let after = place.after.filter(|_| from == (workspace_id, workflow_id));
                place = RetentionPlace { workspace_id, workflow_id, after };
                stopped = self.remove_of(workflow, after, began).await?;
                if stopped.is_some() {
                    break;
                }
            }
            if (workflows.len() as i64) < WORKFLOWS {
                break;
            }
            place = RetentionPlace {
                workflow_id: uuid::Uuid::from_u128(place.workflow_id.0.as_u128().wrapping_add(1)).into(),
                after: None,
                ..place
            };
        }
        if stopped.is_none() {
            behind_by(0);
        }
        let now = inner.clock.now();
        let next_at = if stopped.is_some() { now } else { now.plus_ms(EVERY_MS) };
        inner.store.end_round(&round, next_at, &stopped.unwrap_or_default()).await?;
        Ok(if stopped.is_some() { Round::Stopped } else { Round::Done })
    }

    /// Removes executions of a workflow; tells where it has stopped, if it was not done when the time was over.
    async fn remove_of(
        &self,
        workflow: &RetainedWorkflow,
        mut after: Option<(crate::clock::Instant, crate::domain::ids::ExecutionId)>,
        began: Began,
    ) -> Result<Option<RetentionPlace>, StoreError> {
        let RetainedWorkflow { workspace_id, workflow_id, days } = *workflow;
        let Some(days) = days else { return Ok(None) };
        let store = &self.0.store;
        loop {
            let now = self.0.clock.now();
            let ended_by = EndedBy { at: now.plus_ms(-days * DAY_MS), now };
            let place = RetentionPlace { workspace_id, workflow_id, after };
            if let Some((finished_at, _)) = after {
                behind_by(ended_by.at.ms_since(finished_at));
            }
            if self.is_over(began) {
                return Ok(Some(place));
            }
            let found = store.removable((workspace_id, workflow_id), ended_by, after, LOOKED_AT).await?;
            for executions in found.executions.chunks(AT_ONCE) {
                let sent = Began::now();
                let removed = store.remove_executions(workspace_id, executions, ended_by).await?;
                metrics::counter!("sluicegate_executions_removed_total").increment(removed);
                pause_after(sent).await;
                if self.clear_removed(began).await? || self.is_over(began) {
                    return Ok(Some(place));
                }
            }
            match found.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
    }

    /// Removes what removed executions have left behind; tells whether the time was over before all of it was gone.
    async fn clear_removed(&self, began: Began) -> Result<bool, StoreError> {
        loop {
            let sent = Began::now();
            if !self.0.store.clear_removed().await? {
                return Ok(false);
            }
            pause_after(sent).await;
            if self.is_over(began) {
                return Ok(true);
            }
        }
    }

    fn is_over(&self, began: Began) -> bool {
        began.elapsed() > ROUND || self.0.soft.is_cancelled()
    }
}

async fn pause_after(sent: Began) {
    tokio::time::sleep((sent.elapsed() * PAUSE).max(LEAST_PAUSE)).await;
}

fn behind_by(ms: i64) {
    metrics::gauge!("sluicegate_retention_behind_seconds").set(ms as f64 / 1_000.0);
}
