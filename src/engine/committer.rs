//! The committer: every write to an execution goes through it. It takes what has queued up, writes it in one transaction, then
//! wakes every waiter and publishes to the hub. No timer: a batch is what arrived during the previous flush.
//!
//! Durable before visible: nobody is told of an event, neither a waiter nor a stream, before the transaction that holds it is
//! on the disk. Running executions go before new ones; when the queue of new ones is full, triggers are refused.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::{
    store::{
        Hint, Store,
        commit::{Commit, CommitError, ExecutionWrite, TaskChange, TimerChange},
    },
    traces::Spans,
};

use super::{EngineError, hub::Hub, signals::Signals};

/// The most members of a batch.
const MAX_BATCH: usize = 256;
/// About the most bytes of event bodies in a batch.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// How many writes of running executions may wait.
const RUNNING_QUEUE: usize = 4_096;
/// How many triggers may wait.
const TRIGGER_QUEUE: usize = 1_024;

/// Hands commits to the committer. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    running: mpsc::Sender<Request>,
    triggers: mpsc::Sender<Request>,
}

struct Request {
    commit: Commit,
    done: oneshot::Sender<Result<(), EngineError>>,
}

/// The committer's own end of the queues; [`Loop::run`] is its task.
pub struct Loop {
    store: Arc<dyn Store>,
    after: After,
    running: mpsc::Receiver<Request>,
    triggers: mpsc::Receiver<Request>,
    /// Requests that had to wait because the batch already wrote to their execution.
    held: Vec<Request>,
}

/// Who learns of what is durable.
pub struct After {
    /// The streams.
    pub hub: Hub,
    /// Those who wait.
    pub signals: Arc<Signals>,
    /// Those who trace.
    pub spans: Spans,
}

impl Committer {
    /// A committer and the loop that must be run for it.
    pub fn new(store: Arc<dyn Store>, after: After) -> (Self, Loop) {
        let (running, running_queue) = mpsc::channel(RUNNING_QUEUE);
        let (triggers, trigger_queue) = mpsc::channel(TRIGGER_QUEUE);
        let held = Vec::new();
        (Self { running, triggers }, Loop { store, after, running: running_queue, triggers: trigger_queue, held })
    }

    /// Writes a commit; returns once it is durable. A new execution is refused at once if too many wait already.
    pub async fn commit(&self, commit: Commit) -> Result<(), EngineError> {
        let (done, written) = oneshot::channel();
        let is_new = matches!(commit.write, ExecutionWrite::Create(_));
        let request = Request { commit, done };
        if is_new {
            self.triggers.try_send(request).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => EngineError::Busy,
                mpsc::error::TrySendError::Closed(_) => EngineError::Stopping,
            })?;
        } else {
            self.running.send(request).await.map_err(|_| EngineError::Stopping)?;
        }
        written.await.map_err(|_| EngineError::Stopping)?
    }
}

impl Loop {
    /// Writes batches until every [`Committer`] is gone and nothing is left.
    pub async fn run(mut self) {
        while let Some(batch) = self.next_batch().await {
            self.write(batch).await;
        }
    }

    async fn next_batch(&mut self) -> Option<Vec<Request>> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let mut held = Vec::new();
        for request in std::mem::take(&mut self.held) {
            take(request, &mut batch, &mut seen, &mut bytes, &mut held);
        }
        if batch.is_empty() {
            let first = tokio::select! {
                biased;
                Some(request) = self.running.recv() => request,
                Some(request) = self.triggers.recv() => request,
                else => return None,
            };
            take(first, &mut batch, &mut seen, &mut bytes, &mut held);
        }
        for queue in [&mut self.running, &mut self.triggers] {
            while batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES && held.len() < MAX_BATCH {
                let Ok(request) = queue.try_recv() else { break };
                take(request, &mut batch, &mut seen, &mut bytes, &mut held);
            }
        }
        self.held = held;
        Some(batch)
    }

    async fn write(&mut self, batch: Vec<Request>) {
        let (commits, waiters): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.commit, request.done)).unzip();
        let begun = std::time::Instant::now();
        let results = self.store.commit(&commits).await;
        metrics::histogram!("sluicegate_flush_seconds").record(begun.elapsed().as_secs_f64());
        metrics::histogram!("sluicegate_flush_batch_size").record(commits.len() as f64);
        match results {
            Ok(results) => {
                let written =
                    || commits.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(commit, _)| commit);
                written().for_each(|commit| self.publish(commit));
                self.hint(written());
                for (result, waiter) in results.into_iter().zip(waiters) {
                    // A waiter that has gone away (a dropped request) needs no answer; what it asked for is done.
                    _ = waiter.send(result.map_err(EngineError::from));
                }
            }
            Err(error) => {
                metrics::counter!("sluicegate_flush_failures_total").increment(1);
                tracing::error!(%error, batch = commits.len(), "a batch could not be written");
                let error = Arc::new(error);
                for waiter in waiters {
                    _ = waiter.send(Err(EngineError::Unwritten(Arc::clone(&error))));
                }
            }
        }
    }

    fn publish(&self, commit: &Commit) {
        commit.spans.iter().for_each(|span| self.after.spans.take(span));
        self.after.hub.publish(commit.workspace_id, commit.execution_id, &commit.events);
        for child in &commit.children {
            self.after.hub.publish(commit.workspace_id, child.execution.origin.id, &child.events);
        }
        if let TimerChange::Set(at) = commit.timer {
            self.after.signals.timers.set(at);
        }
        for change in &commit.tasks {
            match change {
                TaskChange::Add(task) => match task.lease_until {
                    Some(until) => self.after.signals.leases.set(until),
                    None => self.after.signals.tasks.notify_one(),
                },
                TaskChange::Return { .. } => self.after.signals.tasks.notify_one(),
                TaskChange::Lease { lease_until, .. } => self.after.signals.leases.set(*lease_until),
                TaskChange::Extend { .. } | TaskChange::Remove(_) => {}
            }
        }
        if commit.queue.is_some() || commit.wake.is_some() || !commit.children.is_empty() {
            self.after.signals.queued();
        }
    }

    fn hint<'a>(&self, written: impl Iterator<Item = &'a Commit>) {
        if !self.after.signals.has_peers() {
            return;
        }
        for commit in written {
            if !commit.events.is_empty() {
                self.after.signals.hint(Hint::Events(commit.execution_id));
            }
            if commit.events.iter().any(|event| event.feed.is_some()) {
                self.after.signals.hint(Hint::Feed(commit.workspace_id));
            }
            if commit.queue.is_some() || commit.wake.is_some() || !commit.children.is_empty() {
                self.after.signals.hint(Hint::Queue);
            }
            let waits = |change: &TaskChange| match change {
                TaskChange::Add(task) => task.lease_until.is_none(),
                TaskChange::Return { .. } => true,
                _ => false,
            };
            if commit.tasks.iter().any(waits) {
                self.after.signals.hint(Hint::Tasks);
            }
        }
    }
}

/// Adds a request to the batch, or holds it back if the batch already writes to its execution: the order of one execution's
/// writes is kept.
fn take(
    request: Request,
    batch: &mut Vec<Request>,
    seen: &mut HashSet<crate::domain::ids::ExecutionId>,
    bytes: &mut usize,
    held: &mut Vec<Request>,
) {
    if !seen.insert(request.commit.execution_id) {
        return held.push(request);
    }
    *bytes += request.commit.events.iter().map(|event| event.body.len()).sum::<usize>();
    *bytes += request.commit.delivery.as_ref().and_then(|delivery| delivery.body.as_ref()).map_or(0, Vec::len);
    if let ExecutionWrite::Create(execution) = &request.commit.write {
        debug_assert_eq!(execution.origin.id, request.commit.execution_id, "a commit creates the execution it names");
    }
    batch.push(request);
}

impl From<CommitError> for EngineError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Conflict,
            CommitError::Repeated(reply) => Self::Repeated(reply),
            CommitError::Duplicate(of) => Self::Duplicate(of),
            CommitError::SlotTaken => Self::SlotTaken,
            CommitError::Refused(reason) => Self::Refused(reason),
        }
    }
}
