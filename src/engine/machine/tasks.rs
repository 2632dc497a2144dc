//! Tasks: handed to a queue, leased to workers, given back, done. The state knows the fence of the latest lease, so what comes
//! with an older one changes nothing.
//!
//! How long a lease lasts is no business of the machine: signs of life are frequent and change nothing but a row. Who finds a
//! lease that has run out says so by [`Command::Return`](super::Command::Return).

use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        artifact::Artifact,
        event::{Event, NodeActionEvent, NodeArtifactEvent, NodeStatus, TaskUpdateEvent},
        failure::{Failure, FailureCode},
        ids::{ArtifactId, TaskId},
        task::{TaskStanding, TaskState, TaskStats},
    },
    nodes::{Completion, Role},
};

use super::{Machine, state::Address};

/// What a worker tells of something it did.
#[derive(Clone, Debug)]
pub struct Action {
    /// `action`, `screenshot`, `thought`, `step`, or the worker's own word.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// More about it.
    pub detail: Option<Value>,
    /// The artifact that shows it.
    pub artifact_id: Option<ArtifactId>,
}

/// Why a task is in the queue again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The worker gave it back unharmed: the same attempt goes on with the next one.
    Released,
    /// The worker was not heard of for too long: the next one makes another attempt.
    Lost,
}

/// How a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStanding {
    /// It holds; with the attempt that it is about.
    Holds(i64),
    /// Its result was accepted.
    Done,
    /// The task is not wanted any more.
    Withdrawn,
    /// It is over: it ran out, was given back, or somebody else has the task.
    Over,
}

impl Machine {
    /// How a lease of a task stands.
    pub fn lease_standing(&self, at: &str, task: TaskId, fence: i64) -> LeaseStanding {
        let Some(run) = self.state.runs.get(at) else { return LeaseStanding::Over };
        if let Some(standing) = run.task.as_ref().filter(|standing| standing.task_id == task) {
            let holds = standing.state == TaskState::Leased && standing.fence == fence;
            return if holds { LeaseStanding::Holds(run.attempt) } else { LeaseStanding::Over };
        }
        match run.past_task {
            Some((past, Some(ended_by))) if past == task && ended_by == fence => LeaseStanding::Done,
            Some((past, Some(_))) if past == task => LeaseStanding::Over,
            _ => LeaseStanding::Withdrawn,
        }
    }

    pub(super) fn queue_task(&mut self, now: Instant, at: &str, task_id: TaskId, queue: String) {
        self.emit_task(now, at, task_id, |event| event.queue = queue);
    }

    pub(super) fn lease_task(&mut self, now: Instant, at: &str, task: TaskId, worker: String) {
        let Some(standing) = self.task_at(at, task).filter(|standing| standing.state == TaskState::Queued) else {
            return;
        };
        let fence = standing.fence + 1;
        self.emit_task(now, at, task, |event| {
            event.state = TaskState::Leased;
            event.fence = fence;
            event.worker_id = Some(worker);
        });
    }

    pub(super) fn return_task(&mut self, now: Instant, at: &str, task: TaskId, fence: i64, reason: Returned) {
        let Some(standing) = self.leased_at(at, task, fence) else { return };
        let lost = standing.lost + 1;
        if reason == Returned::Released {
            return self.emit_task(now, at, task, |event| event.reason = Some("released".to_owned()));
        }
        let node = self.state.runs.get(at).map_or(0, |run| run.node);
        if let Role::Task { max_leases, .. } = self.workflow.node(node).role
            && lost >= max_leases
        {
            self.emit_task(now, at, task, |event| {
                event.state = TaskState::Failed;
                event.reason = Some("lease_lost".to_owned());
            });
            let message = format!("{lost} workers took the task and were lost before they told a result");
            return self.fail(now, at, Failure::new(FailureCode::WorkerLost, message));
        }
        let attempt = self.state.runs.get(at).map_or(0, |run| run.attempt) + 1;
        self.emit_update(now, at, NodeStatus::Running, |event| event.attempt = attempt);
        self.emit_task(now, at, task, |event| event.reason = Some("lease_lost".to_owned()));
    }

    pub(super) fn task_done(
        &mut self,
        now: Instant,
        at: &str,
        task: TaskId,
        fence: i64,
        result: Result<Value, Failure>,
        stats: Option<TaskStats>,
    ) {
        if self.leased_at(at, task, fence).is_none() {
            return;
        }
        self.emit_task(now, at, task, |event| {
            event.state = if result.is_ok() { TaskState::Completed } else { TaskState::Failed };
            event.stats = stats;
        });
        match result {
            Ok(output) => {
                let output = std::sync::Arc::new(output);
                self.complete(now, at, Completion { output, port: None, transparent: false });
            }
            Err(failure) => self.fail(now, at, failure),
        }
    }

    /// Ends the task of a run that is stopped, if it has one.
    pub(super) fn withdraw_task(&mut self, now: Instant, at: &str, reason: &str) {
        let task = self.state.runs.get(at).and_then(|run| run.task.as_ref()).map(|task| task.task_id);
        if let Some(task) = task {
            self.emit_task(now, at, task, |event| {
                event.state = TaskState::Withdrawn;
                event.reason = Some(reason.to_owned());
            });
        }
    }

    /// When a task has waited or been worked on for too long. The clock of an attempt runs while a worker has it.
    pub(super) fn task_deadline(&self, at: &str, task: &TaskStanding) -> Option<Instant> {
        let node = self.workflow.node(self.state.runs.get(at)?.node);
        let limit = match (task.state, &node.role) {
            (TaskState::Leased, _) => node.common.timeout_ms,
            (_, Role::Task { queue_timeout_ms, .. }) => *queue_timeout_ms,
            _ => None,
        };
        Some(task.since.plus_ms(limit?))
    }

    /// The same, of a run that has a task.
    pub fn deadline_of_task(&self, at: &str) -> Option<Instant> {
        self.task_deadline(at, self.state.runs.get(at)?.task.as_ref()?)
    }

    pub(super) fn end_late_tasks(&mut self, now: Instant) {
        let is_late = |at: &str, task: &TaskStanding| self.task_deadline(at, task).is_some_and(|due| due <= now);
        let late: Vec<(Address, TaskState)> = self
            .state
            .tasks()
            .filter(|(at, task)| is_late(at, task))
            .map(|(at, task)| (at.clone(), task.state))
            .collect();
        for (at, state) in late {
            let message = if state == TaskState::Leased {
                "the worker took longer than the time limit of the node"
            } else {
                "no worker took the task in time"
            };
            self.withdraw_task(now, &at, "timeout");
            self.fail(now, &at, Failure::retryable(FailureCode::Timeout, message));
        }
    }

    pub(super) fn record_action(&mut self, now: Instant, at: &str, attempt: i64, action: Action) {
        let (node_id, path) = self.name(at);
        let Action { kind, title, detail, artifact_id } = action;
        let seq = self.next_seq();
        let event = NodeActionEvent { seq, at: now, node_id, path, attempt, kind, title, detail, artifact_id };
        self.emit(Event::NodeAction(event));
    }

    /// The artifact is said to be of the run, whatever it says of itself.
    pub(super) fn record_artifact(&mut self, now: Instant, at: &str, attempt: i64, artifact: Artifact) {
        let (node_id, path) = self.name(at);
        let artifact = Artifact { node_id: node_id.clone(), path: path.clone(), created_at: now, ..artifact };
        let event = NodeArtifactEvent { seq: self.next_seq(), at: now, node_id, path, attempt, artifact };
        self.emit(Event::NodeArtifact(event));
    }

    fn task_at(&self, at: &str, task: TaskId) -> Option<&TaskStanding> {
        self.state.runs.get(at)?.task.as_ref().filter(|standing| standing.task_id == task)
    }

    fn leased_at(&self, at: &str, task: TaskId, fence: i64) -> Option<&TaskStanding> {
        self.task_at(at, task).filter(|standing| standing.state == TaskState::Leased && standing.fence == fence)
    }

    /// An event of a task: by default, that it waits in the queue where it was, its last lease being over.
    fn emit_task(&mut self, now: Instant, at: &str, task_id: TaskId, fill: impl FnOnce(&mut TaskUpdateEvent)) {
        let (node_id, path) = self.name(at);
        let run = self.state.runs.get(at);
        let standing = run.and_then(|run| run.task.as_ref());
        let mut event = TaskUpdateEvent {
            seq: self.next_seq(),
            at: now,
            node_id,
            path,
            attempt: run.map_or(0, |run| run.attempt),
            task_id,
            state: TaskState::Queued,
            queue: standing.map(|task| task.queue.clone()).unwrap_or_default(),
            fence: standing.map_or(0, |task| task.fence),
            worker_id: standing.and_then(|task| task.worker_id.clone()),
            reason: None,
            stats: None,
        };
        fill(&mut event);
        self.emit(Event::TaskUpdate(event));
    }

    /// Folds what became of a task.
    pub(super) fn apply_task(&mut self, e: &TaskUpdateEvent) {
        let at = e.path.as_ref().unwrap_or(&e.node_id);
        let Some(run) = self.state.runs.get_mut(at) else { return };
        if !e.state.is_final() {
            let lost = run.task.as_ref().map_or(0, |task| task.lost);
            if run.task.is_none() {
                run.reported = [0; 3];
            }
            run.past_task = None;
            run.task = Some(TaskStanding {
                task_id: e.task_id,
                queue: e.queue.clone(),
                state: e.state,
                fence: e.fence,
                lost: lost + i64::from(e.reason.as_deref() == Some("lease_lost")),
                worker_id: e.worker_id.clone().filter(|_| e.state == TaskState::Leased),
                since: e.at,
            });
            self.state.stats.leases += i64::from(e.state == TaskState::Leased);
            return;
        }
        run.task = None;
        let by_worker = e.state != TaskState::Withdrawn && e.reason.is_none();
        run.past_task = Some((e.task_id, by_worker.then_some(e.fence)));
        if let Some(told) = e.stats {
            let stats = &mut self.state.stats;
            let counts = [&mut stats.steps, &mut stats.agent_actions, &mut stats.screenshots];
            let told = [told.steps, told.agent_actions, told.screenshots];
            for ((count, told), reported) in counts.into_iter().zip(told).zip(run.reported) {
                *count += told.map_or(0, |told| told - reported);
            }
        }
    }

    /// Counts an action of a worker.
    pub(super) fn count_action(&mut self, e: &NodeActionEvent) {
        let at = e.path.as_ref().unwrap_or(&e.node_id);
        let stats = &mut self.state.stats;
        let (index, count) = match e.kind.as_str() {
            "step" => (0, &mut stats.steps),
            "screenshot" => (2, &mut stats.screenshots),
            _ => (1, &mut stats.agent_actions),
        };
        *count += 1;
        if let Some(run) = self.state.runs.get_mut(at) {
            run.reported[index] += 1;
        }
    }
}
