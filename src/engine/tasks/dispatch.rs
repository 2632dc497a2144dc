//! Brings tasks and workers together, and takes back what workers have lost.
//!
//! One round at a time: who waits is matched with what waits, the leases of a round are written together, and the next round
//! takes up what came meanwhile. So workers of one server never race each other for the same task.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};

use super::{
    Leased,
    broker::{Place, Reserved, Waiting},
};
use crate::{
    clock::Instant,
    domain::{
        failure::{Failure, FailureCode},
        ids::{ExecutionId, TaskId},
        task::{Lease, Task, TaskState},
    },
    engine::{
        Engine, EngineError,
        cancel::TRIES,
        machine::{Command, Returned},
        project::TaskFacts,
    },
    store::StoreError,
};

/// The most workers that are served in one round.
const ROUND: usize = 128;
/// How many executions are leased from at a time.
const AT_A_TIME: usize = 16;
/// How many leases that have run out are taken back at a time.
const LOST_BATCH: i64 = 256;
/// After a start, workers have so long to be heard of again before their leases are taken from them.
const GRACE_MS: i64 = 3_000;

impl Engine {
    /// Serves the workers that wait.
    pub(in crate::engine) async fn dispatch_loop(&self) {
        let inner = &self.0;
        let poll = if inner.config.alone { Duration::from_secs(5) } else { inner.config.poll };
        loop {
            if !inner.soft.is_cancelled() {
                for place in inner.broker.places() {
                    if let Err(error) = self.serve(place).await {
                        self.pause(&error, "tasks").await;
                    }
                }
            }
            tokio::select! {
                biased;
                () = inner.signals.tasks.notified() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    /// Leases what waits at a place to who waits there, until one of them is out.
    async fn serve(&self, place: Place) -> Result<(), StoreError> {
        let inner = &self.0;
        loop {
            let waiting = inner.broker.take(place, ROUND);
            if waiting.is_empty() {
                return Ok(());
            }
            let mut queues: Vec<String> = waiting.iter().flat_map(|one| one.queues().to_vec()).collect();
            queues.sort_unstable();
            queues.dedup();
            let wanted: usize = waiting.iter().map(|one| one.max).sum();
            let tasks = match inner.store.queued_tasks(place.0, place.1, &queues, wanted.min(ROUND) as i64).await {
                Ok(tasks) => tasks,
                Err(error) => {
                    inner.broker.put_back(place, waiting);
                    return Err(error);
                }
            };
            let found = tasks.len();
            let mut got = self.lease_all(&waiting, tasks).await;
            let mut back = Vec::new();
            let mut served = 0;
            for (index, one) in waiting.into_iter().enumerate() {
                let leased = got.remove(&index).unwrap_or_default();
                if leased.is_empty() && !one.once {
                    back.push(one);
                    continue;
                }
                served += leased.len();
                if let Err(unwanted) = one.answer(leased) {
                    self.hand_back(unwanted);
                }
            }
            inner.broker.put_back(place, back);
            // What was found and not leased was taken by another server, or is over: the next look tells.
            if found == 0 || served == 0 {
                return Ok(());
            }
        }
    }

    /// Leases tasks to workers: each to the first that wants it and has room. By the index of the worker.
    async fn lease_all(&self, waiting: &[Waiting], tasks: Vec<Task>) -> HashMap<usize, Vec<Leased>> {
        let mut room: Vec<usize> = waiting.iter().map(|one| one.max).collect();
        let order: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        let mut groups: HashMap<ExecutionId, Vec<(usize, Task)>> = HashMap::new();
        for task in tasks {
            let fits = |(index, one): &(usize, &Waiting)| room[*index] > 0 && one.wants(&task.queue);
            if let Some((index, _)) = waiting.iter().enumerate().find(fits) {
                room[index] -= 1;
                groups.entry(task.execution_id).or_default().push((index, task));
            }
        }
        let leases = groups.into_values().map(|group| async move {
            let group: Vec<_> =
                group.into_iter().map(|(index, task)| (index, waiting[index].worker().to_owned(), task)).collect();
            match self.lease_group(&group).await {
                Ok(leased) => leased,
                Err(error) => {
                    let task = &group[0].2;
                    tracing::warn!(execution_id = %task.execution_id, %error, "tasks could not be leased");
                    self.drop_undrivable(task, &error).await;
                    Vec::new()
                }
            }
        });
        let mut got: HashMap<usize, Vec<Leased>> = HashMap::new();
        let mut leases = stream::iter(leases).buffer_unordered(AT_A_TIME);
        while let Some(leased) = leases.next().await {
            for (index, leased) in leased {
                got.entry(index).or_default().push(leased);
            }
        }
        // In the order in which they were taken, whichever was written first.
        for tasks in got.values_mut() {
            tasks.sort_by_key(|leased| order.iter().position(|id| *id == leased.task.id));
        }
        got
    }

    /// Leases tasks of one execution in one commit; those that are not in the queue any more are left out.
    async fn lease_group(&self, group: &[(usize, String, Task)]) -> Result<Vec<(usize, Leased)>, EngineError> {
        let Some((_, _, first)) = group.first() else { return Ok(Vec::new()) };
        let _turn = self.0.turns.wait(first.execution_id).await;
        for _ in 0..TRIES {
            let mut folded = self.load(first.workspace_id, first.execution_id).await?;
            let now = self.0.clock.now();
            let mut leased = Vec::new();
            for (index, worker, task) in group {
                let before = folded.machine.undelivered();
                let (address, worker) = (task.address.clone(), worker.clone());
                folded.machine.decide(now, Command::Lease { address, task: task.id, worker: worker.clone() });
                if folded.machine.undelivered() == before {
                    continue;
                }
                let standing = folded.machine.state.run(&task.address).and_then(|run| run.task.as_ref());
                let row = Task {
                    state: TaskState::Leased,
                    fence: standing.map_or(0, |standing| standing.fence),
                    worker_id: Some(worker),
                    leased_at: Some(now),
                    lease_until: Some(now.plus_ms(task.lease_ms)),
                    ..task.clone()
                };
                let deadline = folded.machine.deadline_of_task(&task.address);
                let context = folded.origin.context.clone();
                let trace = folded.machine.trace_headers(row.execution_id, &row.address);
                leased.push((*index, Leased { task: Box::new(row), context, deadline, trace }));
            }
            if leased.is_empty() {
                return Ok(leased);
            }
            let facts = group.iter().map(|(_, _, task)| TaskFacts {
                id: task.id,
                input: serde_json::Value::Null,
                lease_ms: task.lease_ms,
            });
            match self.append_beside(folded, facts.collect(), None).await {
                Ok(()) => return Ok(leased),
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }

    /// Brings tasks to a worker; back into the queue with them if it has gone away.
    pub(in crate::engine) fn deliver(&self, worker: Reserved, tasks: Vec<Leased>) {
        if let Err(unwanted) = worker.answer(tasks) {
            self.hand_back(unwanted);
        }
    }

    pub(super) fn hand_back(&self, unwanted: Vec<Leased>) {
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            for leased in unwanted {
                if let Err(error) = engine.return_lease(&leased.lease(), Returned::Released).await {
                    tracing::warn!(task_id = %leased.task.id, %error, "a task whose worker has gone away stays leased until the lease runs out");
                }
            }
        });
    }

    /// Takes tasks back from workers that were not heard of for too long.
    pub(in crate::engine) async fn lease_end_loop(&self) {
        let inner = &self.0;
        let poll = if inner.config.alone { Duration::from_secs(5) } else { inner.config.poll };
        inner.clock.sleep_until(inner.clock.now().plus_ms(GRACE_MS)).await;
        loop {
            inner.signals.leases.before_look();
            let now = inner.clock.now();
            let next = match inner.store.next_lease_end().await {
                Ok(next) => next,
                Err(error) => {
                    self.pause(&error, "leases of tasks").await;
                    continue;
                }
            };
            if next.is_some_and(|at| at <= now) {
                match self.take_back_lost(now).await {
                    // Another instance was faster, or it can't be done at the moment.
                    Ok(0) => tokio::time::sleep(Duration::from_millis(500)).await,
                    Ok(_) => {}
                    Err(error) => self.pause(&error, "leases of tasks").await,
                }
                continue;
            }
            let due = next.unwrap_or(Instant(i64::MAX));
            inner.signals.leases.sleeps_until(due);
            tokio::select! {
                biased;
                () = inner.clock.sleep_until(due) => {}
                () = inner.signals.leases.rings() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    async fn take_back_lost(&self, now: Instant) -> Result<usize, StoreError> {
        let expired = self.0.store.expired_leases(now, LOST_BATCH).await?;
        let returns = expired.into_iter().map(|task| async move {
            match self.return_lease(&super::lease_of(&task), Returned::Lost).await {
                Ok(()) => {
                    metrics::counter!("sluicegate_task_leases_expired_total").increment(1);
                    1
                }
                Err(EngineError::LeaseOver | EngineError::Conflict | EngineError::Stopping) => 0,
                Err(error) => {
                    tracing::warn!(task_id = %task.id, execution_id = %task.execution_id, %error, "a lost lease could not be taken back");
                    self.drop_undrivable(&task, &error).await;
                    0
                }
            }
        });
        Ok(stream::iter(returns).buffer_unordered(AT_A_TIME).fold(0, |sum, one| async move { sum + one }).await)
    }

    /// Ends the execution of a task whose log can't be folded: nobody could ever work on it.
    async fn drop_undrivable(&self, task: &Task, error: &EngineError) {
        if let EngineError::Definition(_) | EngineError::Store(StoreError::Damaged { .. }) = error {
            let failure = Failure::new(FailureCode::Internal, error.to_string());
            if let Err(error) = self.abort(task.workspace_id, task.execution_id, failure).await {
                tracing::error!(execution_id = %task.execution_id, %error, "the execution could not be parked as failed");
            }
        }
    }

    /// Ends a lease without a result: the task waits for a worker again, or has failed for good.
    pub(super) async fn return_lease(&self, lease: &Lease, reason: Returned) -> Result<(), EngineError> {
        let _turn = self.0.turns.wait(lease.execution_id).await;
        for _ in 0..TRIES {
            let mut folded = self.load(lease.workspace_id, lease.execution_id).await?;
            let command =
                Command::Return { address: lease.address.clone(), task: lease.task_id, fence: lease.fence, reason };
            folded.machine.decide(self.0.clock.now(), command);
            if folded.machine.undelivered() == 0 {
                return Err(EngineError::LeaseOver);
            }
            let waits = folded.machine.state.run(&lease.address).is_some_and(|run| run.task.is_some());
            let written = if waits {
                self.append_beside(folded, Vec::new(), None).await
            } else {
                self.append_and_wake(folded, None).await.map(drop)
            };
            match written {
                Ok(()) => return Ok(()),
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }
}
