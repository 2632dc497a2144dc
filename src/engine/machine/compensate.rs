//! Compensation: when an execution fails or is cancelled, what it has done is undone by the nodes that say `compensates`, the
//! last first (the saga of Garcia-Molina and Salem, 1987).
//!
//! What is to be undone is a stack in the state: a run that completes goes on it, the end of its compensation takes it off.
//! Compensations run one at a time, once nothing else runs any more. One that fails for good is told of, and the next one
//! begins: the more is undone, the better. Nothing of another execution is undone, so results that a replay has taken over
//! don't count, and what a child has done is its own affair once it has completed: a compensation of the node that started it
//! undoes it as a whole.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        event::{Event, NodeStatus, NodeUpdateEvent, StatusEvent},
        execution::ExecutionStatus,
        graph::NodeIndex,
        stopping::Compensation,
    },
};

use super::{
    Machine,
    state::{Address, Closing, Undo, address},
};

/// The reason of a `cancelling` after which nothing more is undone.
pub(super) const GIVEN_UP: &str = "compensation_given_up";

impl Machine {
    /// Notes that a run has completed, if there is a node that undoes it.
    pub(super) fn note_undo(&mut self, node: NodeIndex, scope: &str, e: &NodeUpdateEvent) {
        let Some(compensation) = self.workflow.graph.nodes[node].compensation else { return };
        let is_mocked = e.mocked && self.workflow.node(compensation).mock.is_none();
        if e.status != NodeStatus::Completed || e.reused || e.pinned || is_mocked {
            return;
        }
        let at = address(scope, &self.workflow.graph.nodes[compensation].id);
        let item = self.item_of(scope).map(|(item, _)| Arc::new(item.clone()));
        self.run_mut(compensation, scope, &at);
        self.state.undo.push(Undo { at, item });
    }

    /// Takes a compensation that is over off the stack.
    pub(super) fn end_undo(&mut self, at: &str) {
        self.state.undo.retain(|undo| undo.at != at);
    }

    /// Whether what has been done is undone before the end.
    pub(super) fn is_compensating(&self) -> bool {
        let undoes = matches!(self.state.closing, Some(Closing::Cancel { .. } | Closing::Fail(_)));
        undoes && !self.state.undo.is_empty()
    }

    /// Whether something is undone yet, or a compensation that was given up still waits for its child.
    pub(super) fn has_compensation(&self) -> bool {
        let compensates = |at| self.state.runs.get(at).map(|run| self.workflow.graph.nodes[run.node].compensates);
        self.is_compensating() || self.state.running.iter().any(|at| compensates(at).flatten().is_some())
    }

    /// The compensation whose turn it is, or that runs.
    pub(super) fn compensation(&self) -> Option<&Address> {
        let others_are_over = || self.state.scopes.get("").is_none_or(|top| top.live == 0);
        let last = self.state.undo.last().filter(|_| self.is_compensating() && others_are_over());
        last.map(|undo| &undo.at)
    }

    /// The compensation that can begin at `now`, or try again.
    pub(super) fn startable_compensation(&self, now: Instant) -> Option<&Address> {
        let at = self.compensation()?;
        let run = self.state.runs.get(at)?;
        let is_ready = match run.status {
            None => true,
            Some(NodeStatus::Retrying) => run.resume_at.is_some_and(|at| at <= now),
            _ => self.state.ready.contains(at),
        };
        is_ready.then_some(at)
    }

    /// Whether a run is to be stopped, or not to begin: compensations begin where all others are stopped.
    pub(super) fn is_stopping(&self, at: &str) -> bool {
        let Some(run) = self.state.runs.get(at) else { return true };
        self.state.is_stopping(&run.scope) && self.compensation().is_none_or(|compensation| compensation != at)
    }

    /// What a compensation is handed: the output of the run that it undoes.
    pub(super) fn handed_to_compensation(&self, node: NodeIndex, scope: &str) -> Option<Arc<Value>> {
        let undone = self.workflow.graph.nodes[node].compensates?;
        let run = self.state.runs.get(&address(scope, &self.workflow.graph.nodes[undone].id))?;
        Some(run.output.clone().unwrap_or_default())
    }

    /// Leaves what has not been undone as it is: the compensations can't be carried on.
    pub(super) fn give_up_compensation(&mut self, now: Instant) {
        let (seq, reason) = (self.next_seq(), Some(GIVEN_UP.to_owned()));
        let status = ExecutionStatus::Cancelling;
        let (by, error, trace) = (None, None, None);
        self.emit(Event::ExecutionStatus(StatusEvent { seq, at: now, status, reason, by, error, trace }));
    }

    /// What has been undone and what has not; none where there was nothing to undo.
    pub(super) fn compensated(&self) -> Option<Compensation> {
        let nodes = &self.workflow.graph.nodes;
        let runs = || self.state.runs.iter().filter(|(_, run)| nodes[run.node].compensates.is_some());
        let mut done: Vec<_> = runs().filter(|(_, run)| run.status == Some(NodeStatus::Completed)).collect();
        done.sort_by_key(|(_, run)| run.finished_seq);
        let is_over = |status| matches!(status, Some(NodeStatus::Completed | NodeStatus::Skipped));
        let failed = runs().filter(|(_, run)| !is_over(run.status)).map(|(at, _)| at.clone()).collect();
        let report = Compensation { done: done.into_iter().map(|(at, _)| at.clone()).collect(), failed };
        (report != Compensation::default()).then_some(report)
    }
}
