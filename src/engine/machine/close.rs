//! Stopping: a cancellation, an unhandled failure or a terminating end takes down what still runs, inside out, and records the
//! end once nothing is left. Runs that wait for a child stay until the child has ended, so that no child outlives its parent.

use crate::{
    clock::Instant,
    domain::{
        event::{CancelledEvent, CompleteEvent, Event, FailedEvent, NodeStatus, SkippedEvent, StatusEvent},
        execution::ExecutionStatus,
        ids::ExecutionId,
        stopping::CancelReport,
        suspension::SuspensionState,
    },
};

use super::{
    Machine,
    state::{Closing, is_inside},
};

impl Machine {
    /// Ends what has not begun, and is not to.
    pub(super) fn skip(&mut self, now: Instant, duplicate_of: Option<ExecutionId>, reason: &str) {
        if self.state.started_at.is_none() && self.state.closing.is_none() {
            let (seq, nodes) = (self.next_seq(), self.top_states());
            let reason = Some(reason.to_owned());
            self.emit(Event::ExecutionSkipped(SkippedEvent { seq, at: now, duplicate_of, reason, nodes }));
        }
    }

    /// Begins to stop everything. Recorded as `cancelling` only if something can't be stopped at once.
    pub(super) fn begin_closing(&mut self, now: Instant, closing: Closing) {
        if self.state.closing.is_some() {
            return;
        }
        let undoes = !self.state.undo.is_empty() && closing != Closing::Terminate;
        if self.state.running.is_empty() && !undoes {
            // Nothing runs, nothing is undone: the end follows in the same decision, and `closing` is not part of any stored state.
            self.state.closing = Some(closing);
            return;
        }
        let (reason, by, error) = match closing {
            Closing::Cancel { by, reason } => (reason, by, None),
            Closing::Fail(failure) => (Some("failed".to_owned()), None, Some(failure)),
            Closing::Terminate => (Some(super::TERMINATED.to_owned()), None, None),
        };
        let seq = self.next_seq();
        let status = ExecutionStatus::Cancelling;
        self.emit(Event::ExecutionStatus(StatusEvent { seq, at: now, status, reason, by, error, trace: None }));
    }

    /// Stops one run that is to be stopped and can be; `false` if there is none.
    pub(super) fn stop_one(&mut self, now: Instant) -> bool {
        if self.state.closing.is_none() && self.state.failed_scopes.is_empty() && self.state.failing_loops.is_empty() {
            return false;
        }
        if self.compensation().is_some() {
            // All others are over.
            return false;
        }
        // Inner runs come into sight after their loops, so the last one is the innermost.
        let stoppable = self.state.runs.iter().rev().find(|(at, run)| {
            run.status.is_some_and(|status| !status.is_final())
                && !self.waits_for_child(at)
                && self.is_stopping(at)
                && (run.iterations.is_none() || !self.has_live_inside(at))
        });
        let Some((at, run)) = stoppable.map(|(at, run)| (at.clone(), run)) else { return false };
        let suspension = run.suspension;
        if let Some(id) = suspension {
            self.close_suspension(now, id, SuspensionState::Cancelled, None);
        }
        self.withdraw_task(now, &at, "cancelled");
        self.emit_update(now, &at, NodeStatus::Cancelled, |_| {});
        true
    }

    fn waits_for_child(&self, at: &str) -> bool {
        self.state.running.contains(at) && self.state.runs.get(at).is_some_and(|run| run.child.is_some())
    }

    fn has_live_inside(&self, loop_at: &str) -> bool {
        self.state.scopes.iter().any(|(name, scope)| scope.live > 0 && is_inside(loop_at, name))
    }

    /// Records the end, now that nothing runs.
    pub(super) fn end_closing(&mut self, now: Instant) {
        let Some(closing) = self.state.closing.clone() else { return };
        let (seq, nodes, compensation) = (self.next_seq(), self.top_states(), self.compensated());
        self.emit(match closing {
            Closing::Cancel { by, reason } => {
                let report = self.report(by, reason);
                Event::ExecutionCancelled(CancelledEvent { seq, at: now, report, compensation, nodes })
            }
            Closing::Fail(error) => Event::ExecutionFailed(FailedEvent { seq, at: now, error, compensation, nodes }),
            Closing::Terminate => {
                let output = self.state.output.clone().unwrap_or_default();
                Event::ExecutionComplete(CompleteEvent { seq, at: now, output, nodes })
            }
        });
    }

    fn report(&self, by: Option<String>, reason: Option<String>) -> CancelReport {
        let stopped = || self.state.runs.iter().filter(|(_, run)| run.status == Some(NodeStatus::Cancelled));
        CancelReport {
            by,
            reason,
            nodes: stopped().map(|(at, _)| at.clone()).collect(),
            suspensions: stopped().filter_map(|(_, run)| run.stopped.suspension).collect(),
            children: stopped().filter_map(|(_, run)| run.stopped.child).collect(),
            timers: stopped().filter(|(_, run)| run.stopped.timer).count() as i64,
            tasks: stopped().filter_map(|(_, run)| run.stopped.task).collect(),
        }
    }
}
