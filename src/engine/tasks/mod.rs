//! The doors of workers: lease, heartbeat, complete, fail, release. A lease is an event of the execution's log like everything
//! else, so who comes late is told apart by the fold: its fence is not the latest one.
//!
//! A task that a worker has costs no driver and no memory here. Signs of life change a row alone; only what a worker
//! has to tell becomes events.

mod artifacts;
mod broker;
mod dispatch;
mod turns;

use std::time::Duration;

use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        event::{DeltaChannel, LogLevel},
        execution::Execution,
        failure::Failure,
        ids::{ExecutionId, PodId, WorkspaceId},
        task::{Lease, Task, TaskState, TaskStats, Worker},
        trace::TraceHeaders,
    },
    store::commit::TaskChange,
};

pub use broker::{Broker, Reserved};
pub use turns::Turns;

use super::{
    Engine, EngineError,
    cancel::TRIES,
    driver::Folded,
    machine::{Action, Command, LeaseStanding, Returned},
    project::{self, Placement, TaskFacts},
};

/// How long a worker that does not wait is kept until somebody has looked.
const LOOK: Duration = Duration::from_secs(10);

/// A worker's wish for tasks.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The pod.
    pub pod_id: PodId,
    /// Who.
    pub worker: Worker,
    /// How many at most.
    pub max: usize,
    /// How long it waits for the first one.
    pub wait: Duration,
}

/// A task in the hands of a worker.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The task.
    pub task: Box<Task>,
    /// The context of its execution.
    pub context: Value,
    /// When the attempt has taken too long.
    pub deadline: Option<Instant>,
    /// What belongs to what the worker calls, if the execution is part of a trace.
    pub trace: Option<TraceHeaders>,
}

impl Leased {
    /// What its token says.
    pub fn lease(&self) -> Lease {
        lease_of(&self.task)
    }
}

fn lease_of(task: &Task) -> Lease {
    Lease {
        workspace_id: task.workspace_id,
        pod_id: task.pod_id,
        execution_id: task.execution_id,
        task_id: task.id,
        address: task.address.clone(),
        fence: task.fence,
        lease_ms: task.lease_ms,
    }
}

/// Something that a worker tells while it works.
#[derive(Clone, Debug)]
pub enum Report {
    /// A log line.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// The line.
        message: String,
        /// More about it.
        data: Option<Value>,
    },
    /// Something that it did.
    Action(Action),
    /// A piece of text.
    Delta {
        /// Of what.
        channel: DeltaChannel,
        /// The piece.
        text: String,
    },
    /// How far it has come.
    Progress {
        /// So far.
        progress: Option<f64>,
        /// Of how much.
        max: Option<f64>,
        /// For people.
        message: String,
    },
}

/// What a worker hears when it gives a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The task is not wanted any more: stop.
    pub cancelled: bool,
    /// When the lease runs out now.
    pub lease_until: Instant,
}

impl Engine {
    /// Leases tasks to a worker: what waits now, or the first that comes while it waits.
    pub async fn lease(&self, request: LeaseRequest) -> Result<Vec<Leased>, EngineError> {
        let inner = &self.0;
        let LeaseRequest { workspace_id, pod_id, worker, max, wait } = request;
        if inner.broker.is_news((workspace_id, pod_id), &worker) {
            inner.store.note_worker(workspace_id, pod_id, &worker).await?;
        }
        if inner.soft.is_cancelled() {
            return Ok(Vec::new());
        }
        let place = (workspace_id, pod_id);
        let (ticket, mut tasks) = inner.broker.wait(place, worker.id, worker.queues, max, wait.is_zero());
        let limit = if wait.is_zero() { LOOK } else { wait };
        tokio::select! {
            tasks = &mut tasks => return Ok(tasks.unwrap_or_default()),
            () = tokio::time::sleep(limit) => {}
            () = inner.soft.cancelled() => {}
        }
        // Whoever is not in the list any more is being served; what it gets must not be lost.
        if inner.broker.give_up(place, ticket) { Ok(Vec::new()) } else { Ok(tasks.await.unwrap_or_default()) }
    }

    /// Takes a sign of life of a worker, and what it has to tell. Durable when this returns.
    pub async fn heartbeat(&self, lease: &Lease, reports: &[Report]) -> Result<Beat, EngineError> {
        let now = self.0.clock.now();
        let lease_until = now.plus_ms(lease.lease_ms);
        if reports.is_empty() && self.0.store.extend_lease(lease, now, lease_until).await? {
            return Ok(Beat { cancelled: false, lease_until });
        }
        let _turn = self.0.turns.wait(lease.execution_id).await;
        for _ in 0..TRIES {
            let mut folded = self.load(lease.workspace_id, lease.execution_id).await?;
            let attempt = match standing(&folded, lease) {
                LeaseStanding::Holds(attempt) => attempt,
                LeaseStanding::Withdrawn | LeaseStanding::Done => {
                    return Ok(Beat { cancelled: true, lease_until: now });
                }
                LeaseStanding::Over => return Err(EngineError::LeaseOver),
            };
            for report in reports {
                let address = lease.address.clone();
                folded.machine.decide(now, told(address, attempt, report.clone()));
            }
            if folded.machine.state.seq >= self.0.config.limits.events {
                // There is no room for more events: the execution ends, and with it the task.
                self.cancel_late_children(lease.workspace_id, &folded.machine, now).await?;
                folded.machine.decide(now, Command::Tick);
                match self.append_and_wake(folded, None).await {
                    Ok(_) => return Ok(Beat { cancelled: true, lease_until: now }),
                    Err(EngineError::Conflict) => continue,
                    Err(error) => return Err(error),
                }
            }
            let extend = TaskChange::Extend { id: lease.task_id, fence: lease.fence, at: now, lease_until };
            match self.append_beside(folded, Vec::new(), Some(extend)).await {
                Ok(()) => return Ok(Beat { cancelled: false, lease_until }),
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }

    /// Takes a worker's result. Durable when this returns; the same worker may repeat it. `LeaseOver` changes nothing.
    pub async fn finish_task(
        &self,
        lease: &Lease,
        result: Result<Value, Failure>,
        stats: Option<TaskStats>,
    ) -> Result<Execution, EngineError> {
        let _turn = self.0.turns.wait(lease.execution_id).await;
        for _ in 0..TRIES {
            let mut folded = self.load(lease.workspace_id, lease.execution_id).await?;
            match standing(&folded, lease) {
                LeaseStanding::Holds(_) => {}
                LeaseStanding::Done => {
                    let progress = folded.machine.progress();
                    return Ok(Execution { origin: (*folded.origin).clone(), progress });
                }
                LeaseStanding::Withdrawn | LeaseStanding::Over => return Err(EngineError::LeaseOver),
            }
            let command = Command::TaskDone {
                address: lease.address.clone(),
                task: lease.task_id,
                fence: lease.fence,
                result: result.clone(),
                stats,
            };
            folded.machine.decide(self.0.clock.now(), command);
            match self.append_and_wake(folded, None).await {
                Err(EngineError::Conflict) => {}
                other => return other,
            }
        }
        Err(EngineError::Conflict)
    }

    /// Takes the result of the one live task of an execution from somebody who is trusted to know it, whoever has the task.
    pub async fn finish_only_task(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        by: &str,
        result: Result<Value, Failure>,
        stats: Option<TaskStats>,
    ) -> Result<Execution, EngineError> {
        for _ in 0..TRIES {
            let mut folded = self.load(workspace, id).await?;
            let state = &folded.machine.state;
            if state.status.is_terminal() {
                return Err(EngineError::Ended);
            }
            let mut live = state.tasks().map(|(at, task)| (at.clone(), task.clone()));
            let (Some((address, task)), None) = (live.next(), live.next()) else {
                return Err(EngineError::NotSuspended);
            };
            drop(live);
            let now = self.0.clock.now();
            let mut fence = task.fence;
            if task.state == TaskState::Queued {
                let (address, worker) = (address.clone(), by.to_owned());
                folded.machine.decide(now, Command::Lease { address, task: task.task_id, worker });
                fence += 1;
            }
            let (task, result) = (task.task_id, result.clone());
            folded.machine.decide(now, Command::TaskDone { address, task, fence, result, stats });
            match self.append_and_wake(folded, None).await {
                Err(EngineError::Conflict) => {}
                other => return other,
            }
        }
        Err(EngineError::Conflict)
    }

    /// A worker gives its task back unharmed.
    pub async fn release_task(&self, lease: &Lease) -> Result<(), EngineError> {
        self.return_lease(lease, Returned::Released).await
    }

    /// How many workers wait for tasks of each queue of a pod, on this server.
    pub fn workers_waiting(&self, workspace: WorkspaceId, pod: PodId) -> std::collections::HashMap<String, usize> {
        self.0.broker.waiting_for((workspace, pod))
    }

    /// Appends what nobody has to act on: who drives the execution goes on driving it, and if nobody does, nobody begins to.
    async fn append_beside(
        &self,
        mut folded: Folded,
        tasks: Vec<TaskFacts>,
        extend: Option<TaskChange>,
    ) -> Result<(), EngineError> {
        let events = folded.machine.take();
        let driver = folded.seen.driver;
        let placement = Placement { driver, tasks, ..Placement::default() };
        let now = self.0.clock.now();
        let mut commit = project::commit(&folded.machine, &folded.origin, &events, &folded.seen, now, placement);
        commit.tasks.extend(extend);
        self.0.committer.commit(commit).await?;
        self.0.drivers.wake(folded.origin.id);
        Ok(())
    }
}

fn standing(folded: &Folded, lease: &Lease) -> LeaseStanding {
    if folded.machine.state.status.is_terminal() {
        // The log tells a repetition of what was accepted from what came too late.
        let standing = folded.machine.lease_standing(&lease.address, lease.task_id, lease.fence);
        return if standing == LeaseStanding::Done { standing } else { LeaseStanding::Withdrawn };
    }
    folded.machine.lease_standing(&lease.address, lease.task_id, lease.fence)
}

fn told(address: String, attempt: i64, report: Report) -> Command {
    match report {
        Report::Log { level, message, data } => Command::Log { address, attempt, level, message, data },
        Report::Action(action) => Command::Action { address, attempt, action },
        Report::Delta { channel, text } => Command::Delta { address, attempt, channel, text, progress: [None; 2] },
        Report::Progress { progress, max, message } => Command::Delta {
            address,
            attempt,
            channel: DeltaChannel::Progress,
            text: message,
            progress: [progress, max],
        },
    }
}
