//! How a run begins: by its first or next attempt, by the result that a replay brings along, by being passed over, or again after the
//! process that ran it is gone.

use std::sync::Arc;

use crate::{
    clock::Instant,
    domain::{
        event::NodeStatus,
        execution::Preset,
        failure::{Failure, FailureCode},
    },
    nodes::Mock,
};

use super::Machine;

impl Machine {
    /// The condition in front of a ready run does not hold.
    pub(super) fn pass_over(&mut self, now: Instant, at: &str, reason: String) {
        let Some(run) = self.state.runs.get(at) else { return };
        let may = self.state.ready.contains(at) || self.compensation().is_some_and(|compensation| compensation == at);
        if !may || self.is_stopping(at) {
            return;
        }
        let port = self.workflow.node(run.node).run_if.as_ref().and_then(|run_if| run_if.port);
        self.emit_update(now, at, NodeStatus::Skipped, |event| {
            event.reason = Some(reason);
            event.branch = port.map(str::to_owned);
            event.transparent = true;
        });
    }

    /// An attempt begins, or takes the result that a replay or a mock has for it.
    pub(super) fn start(&mut self, now: Instant, at: &str) {
        let Some(run) = self.state.runs.get(at) else { return };
        let is_listed = self.state.ready.contains(at) || self.state.retrying.contains(at);
        let may = is_listed || self.startable_compensation(now).is_some_and(|compensation| compensation == at);
        if !may || self.is_stopping(at) {
            return;
        }
        // A run in several parts that goes on is still in the attempt that it was in.
        let goes_on = matches!(run.status, Some(NodeStatus::Running | NodeStatus::Suspended));
        let attempt = run.attempt + i64::from(!goes_on);
        if let Some(preset) = self.presets.get(at) {
            let preset = preset.clone();
            let status = match &preset {
                Preset { passed_over: Some(_), .. } => NodeStatus::Skipped,
                Preset { error: Some(_), .. } => NodeStatus::Failed,
                _ => NodeStatus::Completed,
            };
            return self.emit_update(now, at, status, |event| {
                event.reason = preset.passed_over;
                event.output = preset.output.map(Arc::new);
                event.error = preset.error;
                event.branch = preset.branch;
                event.transparent = preset.transparent;
                event.pinned = preset.pinned;
                event.reused = !preset.pinned;
            });
        }
        let mock = self.workflow.node(run.node).mock.clone().filter(|_| self.mocks);
        match mock {
            Some(mock) => self.take_mock(now, at, mock),
            None => self.emit_update(now, at, NodeStatus::Running, |event| event.attempt = attempt),
        }
    }

    /// The whole attempt at once: what does not run has nothing to be tried again.
    fn take_mock(&mut self, now: Instant, at: &str, mock: Mock) {
        match mock {
            Mock::Complete { output, port } => self.emit_update(now, at, NodeStatus::Completed, |event| {
                event.output = Some(output);
                event.branch = port;
                event.mocked = true;
            }),
            Mock::Fail(failure) => self.fail_for_good(now, at, failure, |event| event.mocked = true),
        }
    }

    /// An attempt ended with its process: it is made again where that is safe, else it has failed.
    pub(super) fn interrupted(&mut self, now: Instant, at: &str) {
        let Some(run) = self.state.runs.get(at) else { return };
        if !self.runs_in_process(at) {
            return;
        }
        let node = self.workflow.node(run.node);
        let attempt = run.attempt;
        let message = "the server stopped while the node ran";
        let failure = Failure::retryable(FailureCode::Interrupted, message);
        let repeats = node.node.is_repeatable();
        if repeats && !self.is_stopping(at) {
            // A new attempt number, so that whatever the old attempt still says is stale.
            self.emit_update(now, at, NodeStatus::Running, |event| event.attempt = attempt + 1);
        } else {
            self.fail(now, at, failure);
        }
    }
}
