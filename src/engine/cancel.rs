//! Cancelling: takes down an execution and everything below it. What no process runs ends in the very commit; what runs is told.

use crate::{
    clock::Instant,
    domain::{
        event::{Event, FailedEvent},
        execution::{Execution, ExecutionStatus},
        failure::Failure,
        ids::{ExecutionId, WorkspaceId},
        suspension::{Suspension, SuspensionState},
    },
    store::{
        StoreError, SuspensionFilter,
        commit::{Commit, ExecutionWrite, Notices, SuspensionChange, TaskChange, TimerChange},
    },
};

use super::{
    Engine, EngineError,
    driver::Folded,
    machine::{Command, Machine},
    project::{self, Placement},
    trigger::{ReplyFor, Riders},
};

/// How often a door decides anew when others are faster.
pub const TRIES: usize = 100;

/// A wish for the end of an execution.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// Who asks.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Engine {
    /// Cancels an execution. Durable when this returns; `Ended` if it had ended before.
    pub async fn cancel(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        request: CancelRequest,
    ) -> Result<Execution, EngineError> {
        let command = Command::Cancel { by: request.by, reason: request.reason };
        self.command(workspace, id, command).await
    }

    /// Cancels a child of a stopping execution; a child that is stopping already is left to it.
    pub(super) async fn cancel_child(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        reason: String,
    ) -> Result<(), EngineError> {
        let request = CancelRequest { by: None, reason: Some(reason) };
        self.cancel(workspace, id, request).await.map(|_| ())
    }

    /// Cancels the children that a tick at `now` would give up.
    pub(super) async fn cancel_late_children(
        &self,
        workspace: WorkspaceId,
        machine: &Machine,
        now: Instant,
    ) -> Result<(), EngineError> {
        for child in machine.late_children(now) {
            let reason = format!("execution {} has waited for it too long", machine.id);
            match self.cancel_child(workspace, child, reason).await {
                Ok(()) | Err(EngineError::Ended | EngineError::Store(StoreError::NotFound(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends an execution that can't be carried on as failed.
    pub(super) async fn abort(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        failure: Failure,
    ) -> Result<(), EngineError> {
        match self.command(workspace, id, Command::Abort(failure.clone())).await {
            Ok(_) | Err(EngineError::Ended) => Ok(()),
            // Its log can't be folded: the end is written without a machine.
            Err(
                EngineError::Definition(_) | EngineError::Store(StoreError::Damaged { .. } | StoreError::NotFound(_)),
            ) => self.end_unfolded(workspace, id, failure).await,
            Err(error) => Err(error),
        }
    }

    /// Appends the end to a log that can't be folded, and closes what its rows show as open.
    async fn end_unfolded(&self, workspace: WorkspaceId, id: ExecutionId, failure: Failure) -> Result<(), EngineError> {
        for _ in 0..TRIES {
            let (mut execution, driver) = self.0.store.execution_and_driver(workspace, id).await?;
            if execution.progress.status.is_terminal() {
                return Ok(());
            }
            let now = self.0.clock.now();
            let expected_seq = execution.progress.last_seq;
            let seq = expected_seq + 1;
            let end = FailedEvent { seq, at: now, error: failure.clone(), compensation: None, nodes: Vec::new() };
            let event = Event::ExecutionFailed(end);
            let open = SuspensionFilter {
                execution_id: Some(id),
                state: Some(SuspensionState::Open),
                ..SuspensionFilter::default()
            };
            let open = self.0.store.suspensions(workspace, &open, 200, None).await?.items;
            let tasks = self.0.store.tasks_of(workspace, id).await?;
            let tasks = tasks.into_iter().map(|task| TaskChange::Remove(task.id)).collect();
            let progress = &mut execution.progress;
            progress.status = ExecutionStatus::Failed;
            progress.last_seq = seq;
            progress.error = Some(failure.clone());
            progress.finished_at = Some(now);
            let origin = &execution.origin;
            let close = |suspension: Suspension| SuspensionChange::Close {
                id: suspension.id,
                state: SuspensionState::Cancelled,
                decision: None,
                closed_at: now,
            };
            let commit = Commit {
                workspace_id: workspace,
                execution_id: id,
                write: ExecutionWrite::Append {
                    pod_id: origin.pod_id,
                    workflow_id: origin.workflow_id,
                    expected_seq,
                    expected_driver: driver,
                    progress: Box::new(execution.progress.clone()),
                },
                driver: None,
                events: project::rows(&[event]),
                queue: None,
                timer: TimerChange::Clear,
                suspensions: open.into_iter().map(close).collect(),
                notices: Notices::default(),
                tasks,
                children: Vec::new(),
                wake: origin.parent_execution_id,
                idempotency: None,
                dedupe: None,
                reprocesses: None,
                debounce: None,
                snapshot: None,
                artifacts: Vec::new(),
                audit: Vec::new(),
                slot: None,
                delivery: None,
                label: None,
                spans: Vec::new(),
            };
            match self.0.committer.commit(commit).await {
                Err(EngineError::Conflict) => {}
                written => return written,
            }
        }
        Err(EngineError::Conflict)
    }

    pub(super) async fn command(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        command: Command,
    ) -> Result<Execution, EngineError> {
        for _ in 0..TRIES {
            let mut folded = self.load(workspace, id).await?;
            if folded.machine.state.status.is_terminal() {
                return Err(EngineError::Ended);
            }
            let now = self.0.clock.now();
            folded.machine.decide(now, command.clone());
            match self.append_and_wake(folded, None).await {
                Err(EngineError::Conflict) => {}
                other => return other,
            }
        }
        Err(EngineError::Conflict)
    }

    /// Appends what a door has decided, and sees to it that somebody goes on from there: the driver is woken, or this process
    /// drives on in the same commit, or the execution goes on the queue.
    pub(super) async fn append_and_wake(&self, folded: Folded, reply: ReplyFor) -> Result<Execution, EngineError> {
        let inner = &self.0;
        let state = &folded.machine.state;
        let id = folded.origin.id;
        let ended = state.status.is_terminal();
        let nothing = folded.machine.undelivered() == 0 && reply.is_none();
        let driven = match folded.seen.driver {
            Some(driver) if driver == inner.drivers.instance() => inner.drivers.contains(id),
            other => other.is_some(),
        };
        if !driven
            && !ended
            && !nothing
            // What shares a limit is let in by those who count.
            && folded.origin.lane.is_none()
            && !inner.soft.is_cancelled()
            && let Ok(permit) = inner.places.clone().try_acquire_owned()
            && let Some(place) = self.take_place(id, permit)
        {
            return self.open(folded, place, Riders { reply, ..Riders::default() }).await;
        }
        let engine = self.clone();
        // In a task of its own: a caller who goes away must not keep the driver from being woken.
        let task = inner.tasks.spawn(async move { engine.append(folded, driven, reply).await });
        task.await.map_err(|_| EngineError::Panicked)?
    }

    async fn append(&self, mut folded: Folded, driven: bool, reply: ReplyFor) -> Result<Execution, EngineError> {
        let inner = &self.0;
        let now = inner.clock.now();
        let events = folded.machine.take();
        let origin = &folded.origin;
        let execution = Execution { origin: (**origin).clone(), progress: folded.machine.progress() };
        let idempotency = reply.map(|reply| reply(&execution));
        if events.is_empty() && idempotency.is_none() {
            return Ok(execution);
        }
        let instance = inner.drivers.instance();
        let ended = folded.machine.state.status.is_terminal();
        let driver = folded.seen.driver.filter(|_| driven);
        let driven_here = driver == Some(instance);
        let placement = Placement { driver, queued: !ended && !driven_here, idempotency, ..Placement::default() };
        let commit = project::commit(&folded.machine, origin, &events, &folded.seen, now, placement);
        let wakes = commit.wake.is_some();
        inner.committer.commit(commit).await?;
        self.after_commit(origin, wakes);
        if !inner.drivers.wake(origin.id) && driven_here && !ended {
            // Its driver has failed since. The queue goes on from here.
            inner.store.release(instance, &[(origin.workspace_id, origin.id)], now).await?;
            inner.signals.queued();
        }
        Ok(execution)
    }
}
