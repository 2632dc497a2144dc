//! Bulk jobs: one action on many executions, at a measured pace. Every instance runs the same loop. A job is claimed for a
//! page of its items, worked on, and given back with what became of them; so several jobs go on in turns, and what an
//! instance leaves behind when it dies is taken up by another.
//!
//! No item is carried out twice. A cancellation twice is one. What a replay or a retry creates is written together with a
//! key of the job and the execution: who comes second learns what the first has created.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    clock::{Clock, Instant},
    domain::{
        bulk::{BulkAction, BulkItem, BulkItemState, BulkJob, BulkState, BulkVersion},
        execution::{Execution, ExecutionStatus},
        ids::ExecutionId,
    },
    engine::{CancelRequest, Engine, EngineError, Replay, ReplayVersion, Replayed, ReplyFor},
    store::{Store, StoreError, bulk::ClaimedJob, catalogue::IdempotentReply},
};

use super::{may_pass, shown};

/// How many items a job gets in its turn.
const PAGE: i64 = 25;
/// How many of them are worked on at once.
const AT_ONCE: usize = 8;
/// How long a job rests between its turns: with [`PAGE`], at most 50 items a second.
const REST_MS: i64 = 500;
/// How long it rests when others have to go first.
const LONG_REST_MS: i64 = 1_000;
/// Nothing is created while so many executions of the workspace wait to be run, those aside that a limit holds back.
const MOST_WAITING: i64 = PAGE;
/// After this time a job that an instance works on is taken for abandoned.
const LEASE_MS: i64 = 15_000;
/// How often the database is looked at unasked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The rest after an error.
const PAUSE: Duration = Duration::from_millis(250);
/// How long what an item has created is remembered, should its job stand still in between.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// The bulk jobs of all workspaces. Cheap to clone.
#[derive(Clone)]
pub struct BulkWork(Arc<Inner>);

struct Inner {
    engine: Engine,
    bell: Notify,
}

/// What is kept of an item that has created an execution.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    execution_id: ExecutionId,
}

impl BulkWork {
    /// Jobs that stand still yet.
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(Inner { engine, bell: Notify::new() }))
    }

    /// Begins to work, until the engine stops.
    pub fn start(&self) {
        let work = self.clone();
        self.0.engine.beside("bulk jobs", move || work.clone().run());
    }

    /// Says that there is a new job.
    pub fn changed(&self) {
        self.0.bell.notify_one();
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.0.engine.store()
    }

    fn clock(&self) -> &Clock {
        self.0.engine.clock()
    }

    async fn run(self) {
        let stopping = self.0.engine.stopping().clone();
        while !stopping.is_cancelled() {
            let worked = self.work_through().await;
            let rest = async {
                match worked {
                    Ok(next) if next.is_none_or(|next| next > self.clock().now()) => tokio::select! {
                        () = self.clock().sleep_until(next.unwrap_or(Instant(i64::MAX))) => {}
                        () = self.0.bell.notified() => {}
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                    },
                    // Another instance is about to claim it.
                    Ok(_) => tokio::time::sleep(PAUSE).await,
                    Err(error) => {
                        tracing::warn!(%error, "bulk jobs could not be worked on; trying again");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            };
            tokio::select! {
                () = rest => {}
                () = stopping.cancelled() => {}
            }
        }
        // Ended with the engine.
        std::future::pending::<()>().await;
    }

    /// Gives each job that is due its turn, until the engine stops. Answers when the next one is due.
    pub async fn work_through(&self) -> Result<Option<Instant>, EngineError> {
        loop {
            // Nobody writes to see that there is nothing to do.
            let next = self.store().next_bulk_job().await?;
            let now = self.clock().now();
            if next.is_none_or(|next| next > now) || self.0.engine.stopping().is_cancelled() {
                return Ok(next);
            }
            let Some(claimed) = self.store().claim_bulk_job(now, LEASE_MS).await? else { return Ok(next) };
            self.turn(&claimed).await?;
        }
    }

    /// Works on a page of a job.
    async fn turn(&self, claimed: &ClaimedJob) -> Result<(), EngineError> {
        let job = &claimed.job;
        if job.state == BulkState::Cancelling {
            self.store().end_bulk_job(claimed, self.clock().now()).await?;
            tracing::info!(bulk_job_id = %job.id, "a bulk job was cancelled");
            return Ok(());
        }
        if job.action != BulkAction::Cancel
            && self.store().waiting_executions(job.workspace_id, MOST_WAITING).await? >= MOST_WAITING
        {
            return self.settle(claimed, &[], LONG_REST_MS).await;
        }
        let items = self.store().pending_bulk_items(job.workspace_id, job.id, PAGE).await?;
        let mut work = futures_util::stream::iter(items)
            .map(|item| async move { (self.carry_out(job, item.execution_id).await, item) })
            .buffer_unordered(AT_ONCE);
        let (mut settled, mut rest_ms) = (Vec::new(), REST_MS);
        while let Some((outcome, item)) = work.next().await {
            match outcome {
                Ok((state, new_execution_id, reason)) => {
                    count(state);
                    settled.push(BulkItem { state, new_execution_id, reason, ..item });
                }
                Err(error) => {
                    tracing::debug!(bulk_job_id = %job.id, execution_id = %item.execution_id, %error, "an item has to wait");
                    rest_ms = LONG_REST_MS;
                }
            }
        }
        drop(work);
        self.settle(claimed, &settled, rest_ms).await
    }

    async fn settle(&self, claimed: &ClaimedJob, items: &[BulkItem], rest_ms: i64) -> Result<(), EngineError> {
        let now = self.clock().now();
        Ok(self.store().settle_bulk_items(claimed, items, now.plus_ms(rest_ms), now).await?)
    }

    /// Carries a job out on one execution. `Err`: it stays pending, the same may work later.
    async fn carry_out(&self, job: &BulkJob, id: ExecutionId) -> Result<Settled, EngineError> {
        let before = match self.store().execution(job.workspace_id, id).await {
            Ok(before) if before.origin.pod_id == job.pod_id => before,
            Ok(_) | Err(StoreError::NotFound(_)) => return Ok(failed("there is no such execution in this pod")),
            Err(error) => return sorted(error.into()),
        };
        let engine = &self.0.engine;
        let reply: ReplyFor = Some(Arc::new(self.key(job, id)));
        let created = match job.action {
            BulkAction::Cancel => return self.cancel(job, &before).await,
            BulkAction::Replay => {
                let request = Replay {
                    from_node_id: job.from_node_id.clone(),
                    version: (job.version == BulkVersion::Latest).then_some(ReplayVersion::Latest),
                    by: job.created_by.clone(),
                    ..Replay::default()
                };
                match engine.replay(job.workspace_id, id, request, reply).await {
                    Ok(Replayed::Execution(execution)) => Ok(execution.origin.id),
                    Ok(Replayed::Plan { .. }) => return Ok(failed("it was planned only")),
                    Err(error) => Err(error),
                }
            }
            BulkAction::Retry => engine
                .retry(job.workspace_id, id, job.created_by.clone(), None, None, reply)
                .await
                .map(|execution| execution.origin.id),
        };
        match created {
            Ok(created) => Ok((BulkItemState::Done, Some(created), None)),
            // It was created before, by who did not come to say so.
            Err(EngineError::Repeated(stored)) => match serde_json::from_str::<Kept>(&stored.body) {
                Ok(kept) => Ok((BulkItemState::Done, Some(kept.execution_id), None)),
                Err(error) => Ok(failed(&error.to_string())),
            },
            Err(EngineError::NotEnded) => Ok(skipped("the execution has not ended")),
            Err(error) => sorted(error),
        }
    }

    async fn cancel(&self, job: &BulkJob, before: &Execution) -> Result<Settled, EngineError> {
        let reason = format!("bulk job {}", job.id);
        let request = CancelRequest { by: Some(job.created_by.clone()), reason: Some(reason) };
        let done = Ok((BulkItemState::Done, None, None));
        match self.0.engine.cancel(job.workspace_id, before.origin.id, request).await {
            Ok(_) => done,
            // By this job, whose instance did not come to say so; or by somebody else in the meantime, which is as good.
            Err(EngineError::Ended) if was_cancelled_since(before, job.created_at) => done,
            Err(EngineError::Ended) => Ok(skipped("the execution has ended")),
            Err(error) => sorted(error),
        }
    }

    /// What is kept with what an item creates.
    fn key(
        &self,
        job: &BulkJob,
        execution: ExecutionId,
    ) -> impl Fn(&Execution) -> IdempotentReply + Send + Sync + 'static {
        let now = self.clock().now();
        let kept = IdempotentReply {
            scope: job.workspace_id.to_string(),
            // No client has such a key: it holds a space.
            key: format!("bulk {} {execution}", job.id),
            request_digest: job.id.0.as_bytes().to_vec(),
            status: 201,
            location: None,
            body: String::new(),
            created_at: now,
            forget_at: Some(now.plus_ms(REMEMBERED_MS)),
        };
        move |created| {
            let body = json!(Kept { execution_id: created.origin.id }).to_string();
            IdempotentReply { body, ..kept.clone() }
        }
    }
}

/// How an item stands, what it has created, and why.
type Settled = (BulkItemState, Option<ExecutionId>, Option<String>);

fn failed(reason: &str) -> Settled {
    (BulkItemState::Failed, None, Some(reason.to_owned()))
}

fn skipped(reason: &str) -> Settled {
    (BulkItemState::Skipped, None, Some(reason.to_owned()))
}

/// An error that may pass leaves the item pending; any other one fails it.
fn sorted(error: EngineError) -> Result<Settled, EngineError> {
    if may_pass(&error) || matches!(error, EngineError::Busy | EngineError::TooFast(_) | EngineError::Conflict) {
        return Err(error);
    }
    Ok(failed(&shown(&error)))
}

fn was_cancelled_since(execution: &Execution, instant: Instant) -> bool {
    let progress = &execution.progress;
    progress.status == ExecutionStatus::Cancelled && progress.finished_at.is_some_and(|at| at >= instant)
}

fn count(state: BulkItemState) {
    let outcome = match state {
        BulkItemState::Pending => return,
        BulkItemState::Done => "done",
        BulkItemState::Failed => "failed",
        BulkItemState::Skipped => "skipped",
    };
    metrics::counter!("sluicegate_bulk_items_total", "outcome" => outcome).increment(1);
}
