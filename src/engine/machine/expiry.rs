//! What time brings: the ends of waits, expired suspensions, delayed starts, timeouts. The state knows every instant that
//! matters; [`Machine::next_due`] is the earliest, and the one timer the execution has.

use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        event::NodeStatus,
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        ids::{ExecutionId, SuspensionId},
        suspension::{Decision, DecisionSource, Interrupt, OnExpiry, SuspensionState},
    },
};

use super::{
    Command, Machine,
    decide::waited,
    standing::next_step,
    state::{Address, Closing, OpenSuspension},
};

impl Machine {
    /// The earliest instant at which something is due, if nobody acts before.
    pub fn next_due(&self) -> Option<Instant> {
        let state = &self.state;
        if state.status.is_terminal() {
            return None;
        }
        let start = self.run_at.filter(|_| state.status == ExecutionStatus::Pending);
        let end = self.expires_at.filter(|_| self.is_unbegun());
        let resumes = state.retrying.iter().chain(&state.waiting).filter_map(|at| state.runs.get(at)?.resume_at);
        let expiries = state.open.values().filter_map(|open| open.interrupt.expires_at);
        let steps = state.open.values().filter_map(next_step);
        let children = state.children().filter_map(|(at, _)| self.child_deadline(at));
        let tasks = state.tasks().filter_map(|(at, task)| self.task_deadline(at, task));
        start
            .into_iter()
            .chain(end)
            .chain(resumes)
            .chain(expiries)
            .chain(steps)
            .chain(children)
            .chain(tasks)
            .chain(self.deadline())
            .min()
    }

    /// A driver begins, or goes on.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.has_expired(now) {
            return self.expire_unbegun(now);
        }
        match self.state.status {
            ExecutionStatus::Pending if self.run_at.is_some_and(|at| at > now) => {}
            ExecutionStatus::Pending => {
                self.emit_status(now, ExecutionStatus::Queued, None);
                self.emit_status(now, ExecutionStatus::Running, None);
            }
            ExecutionStatus::Queued => self.emit_status(now, ExecutionStatus::Running, None),
            _ => {}
        }
    }

    /// Whether it waits to begin.
    fn is_unbegun(&self) -> bool {
        matches!(self.state.status, ExecutionStatus::Pending | ExecutionStatus::Queued)
    }

    /// Whether it had to begin by now.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.is_unbegun() && self.expires_at.is_some_and(|at| at <= now)
    }

    /// Ends what had to begin before.
    pub(super) fn expire_unbegun(&mut self, now: Instant) {
        self.begin_closing(now, Closing::Cancel { by: None, reason: Some("it could not begin in time".to_owned()) });
    }

    /// When the execution has been active for too long; none while it waits.
    fn deadline(&self) -> Option<Instant> {
        let state = &self.state;
        let limit = self.workflow.timeout_ms?;
        if state.closing.is_some() || !matches!(state.status, ExecutionStatus::Running) {
            return None;
        }
        Some(state.started_at?.plus_ms(limit).plus_ms(state.waited_ms))
    }

    /// When an attempt that waits for a child has taken too long. Attempts in this process are timed by the driver.
    fn child_deadline(&self, at: &str) -> Option<Instant> {
        let run = self.state.runs.get(at)?;
        Some(run.started_at?.plus_ms(self.workflow.node(run.node).common.timeout_ms?))
    }

    /// Lets everything happen that is due at `now`. Retries that are due are started by the driver.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.has_expired(now) {
            return self.expire_unbegun(now);
        }
        if self.state.status == ExecutionStatus::Pending && self.run_at.is_some_and(|at| at <= now) {
            self.emit_status(now, ExecutionStatus::Queued, None);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            let limit = self.workflow.timeout_ms.unwrap_or_default();
            let message = format!("the execution was active for longer than {limit} ms");
            return self.begin_closing(now, Closing::Fail(Failure::new(FailureCode::ExecutionTimeout, message)));
        }
        let waits: Vec<_> = self.state.waiting.iter().filter(|at| self.is_due(at, now)).cloned().collect();
        for at in waits {
            let until = self.state.runs.get(&at).and_then(|run| run.resume_at).unwrap_or(now);
            self.complete(now, &at, waited(until));
        }
        self.take_steps(now);
        let due = |open: &OpenSuspension| open.interrupt.expires_at.is_some_and(|at| at <= now);
        let expired: Vec<_> = self.state.open.iter().filter(|(_, open)| due(open)).map(|(id, _)| *id).collect();
        for id in expired {
            // An expiry before this one may have ended the execution or this branch.
            if !self.state.status.is_terminal()
                && let Some(open) = self.state.open.get(&id).cloned()
            {
                self.expire(now, id, open);
                self.settle(now);
            }
        }
        let late: Vec<_> = self.late(now).map(|(at, _)| at.clone()).collect();
        for at in late {
            self.late_child(now, &at);
        }
        self.end_late_tasks(now);
    }

    /// Children that have taken too long at `now`. They are cancelled before the tick that says so, because afterwards nothing
    /// knows of them.
    pub fn late_children(&self, now: Instant) -> Vec<ExecutionId> {
        self.late(now).map(|(_, child)| child).collect()
    }

    fn late(&self, now: Instant) -> impl Iterator<Item = (&Address, ExecutionId)> {
        self.state.children().filter(move |(at, _)| self.is_late(at, now))
    }

    pub(super) fn is_late(&self, at: &str, now: Instant) -> bool {
        self.child_deadline(at).is_some_and(|deadline| deadline <= now)
    }

    fn is_due(&self, at: &str, now: Instant) -> bool {
        self.state.runs.get(at).and_then(|run| run.resume_at).is_some_and(|at| at <= now)
    }

    pub(super) fn late_child(&mut self, now: Instant, at: &str) {
        if !self.is_stopping(at) {
            let message = "the child execution took too long";
            self.fail(now, at, Failure::retryable(FailureCode::Timeout, message));
        }
    }

    fn expire(&mut self, now: Instant, id: SuspensionId, open: OpenSuspension) {
        let OpenSuspension { address, interrupt, standing } = open;
        let reason = Some("nobody answered in time".to_owned());
        let source =
            if interrupt.on_expiry == OnExpiry::Default { DecisionSource::Default } else { DecisionSource::Expiry };
        let mut decision = Decision {
            action: String::new(),
            by: None,
            at: now,
            source,
            reason,
            comment: None,
            answer: None,
            data: None,
            votes: standing.votes,
        };
        let action = match &interrupt.on_expiry {
            OnExpiry::Fail | OnExpiry::Cancel => None,
            OnExpiry::Reject => Some("rejected".to_owned()),
            OnExpiry::Approve => Some("approved".to_owned()),
            OnExpiry::Port(port) => Some(port.clone()),
            OnExpiry::Default => {
                default_answer(&interrupt, &mut decision);
                Some(std::mem::take(&mut decision.action))
            }
        };
        decision.action = action.clone().unwrap_or_else(|| "expired".to_owned());
        self.close_suspension(now, id, SuspensionState::Expired, Some(&decision));
        if action.is_some() {
            self.carry_out(now, &address, decision);
        } else if interrupt.on_expiry == OnExpiry::Cancel {
            self.decide_closing(now, decision.reason);
        } else {
            let message = "nobody answered in time";
            self.fail(now, &address, Failure::new(FailureCode::SuspensionExpired, message));
        }
    }

    fn decide_closing(&mut self, now: Instant, reason: Option<String>) {
        self.begin_closing(now, Closing::Cancel { by: None, reason });
    }

    /// Whether a run's latest word was that it runs in this process: no child, no task, no iterations.
    pub fn runs_in_process(&self, at: &str) -> bool {
        self.state.runs.get(at).is_some_and(|run| {
            run.status == Some(NodeStatus::Running)
                && run.child.is_none()
                && run.task.is_none()
                && run.iterations.is_none()
        })
    }

    /// Runs that a driver which has just taken the execution over finds running, though nobody runs them.
    pub fn interrupted_runs(&self) -> Vec<Command> {
        let running = self.state.running.iter().filter(|at| self.runs_in_process(at));
        running.cloned().map(Command::Interrupted).collect()
    }
}

/// The default answer of a question is its answer; of an approval an action's name, or `{action, data, comment}`.
fn default_answer(interrupt: &Interrupt, decision: &mut Decision) {
    let default = interrupt.default_answer.clone().unwrap_or_default();
    if !interrupt.kind.is_approval() {
        "answered".clone_into(&mut decision.action);
        if interrupt.form.is_some() {
            decision.data = Some(default);
        } else {
            decision.answer = Some(default);
        }
        return;
    }
    let action = default.as_str().or_else(|| default.get("action").and_then(Value::as_str));
    action.unwrap_or("approved").clone_into(&mut decision.action);
    decision.data = default.get("data").cloned();
    decision.comment = default.get("comment").and_then(Value::as_str).map(str::to_owned);
}
