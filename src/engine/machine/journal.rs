//! Runs in several parts. What such a run has done is its journal: the fold of its actions and of the answers it got. After an
//! answer, or the end of its child, the run can start again, in the same attempt, with the journal that says so.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::{event::NodeActionEvent, failure::Failure, ids::ExecutionId, suspension::Decision},
    nodes::{Entry, Role},
};

use super::{Machine, state::OpenSuspension, tasks::Action};

impl Machine {
    /// Whether the run at an address is one in several parts.
    pub fn is_stepwise(&self, at: &str) -> bool {
        self.state.runs.get(at).is_some_and(|run| self.workflow.node(run.node).role == Role::Stepwise)
    }

    /// Enters the end of a child, by which the run can go on.
    pub(super) fn enter_child(&mut self, now: Instant, at: &str, child: ExecutionId, result: Result<Value, Failure>) {
        let (title, detail) = match result {
            Ok(output) => ("the child execution completed", json!({ "executionId": child, "output": output })),
            Err(failure) => ("the child execution ended badly", json!({ "executionId": child, "error": failure })),
        };
        let attempt = self.state.runs.get(at).map_or(0, |run| run.attempt);
        let (kind, title) = (Entry::CHILD.to_owned(), title.to_owned());
        self.record_action(now, at, attempt, Action { kind, title, detail: Some(detail), artifact_id: None });
    }

    /// Folds an action of a run in several parts.
    pub(super) fn apply_entry(&mut self, e: &NodeActionEvent) {
        let at = e.path.as_ref().unwrap_or(&e.node_id);
        if !self.is_stepwise(at) {
            return;
        }
        let Some(run) = self.state.runs.get_mut(at) else { return };
        let detail = e.detail.clone().unwrap_or_default();
        self.state.stats.tokens += detail["usage"]["totalTokens"].as_i64().unwrap_or(0).max(0);
        run.journal.push(Entry { kind: e.kind.clone(), detail: Arc::new(detail) });
        if e.kind == Entry::CHILD {
            run.child = None;
            self.make_ready(at);
        }
    }

    /// Folds the answer that a run in several parts waited for.
    pub(super) fn apply_answer(&mut self, open: OpenSuspension, decision: Option<&Decision>) {
        let OpenSuspension { address, interrupt, .. } = open;
        if !self.is_stepwise(&address) {
            return;
        }
        let Some(run) = self.state.runs.get_mut(&address) else { return };
        let (id, context) = (interrupt.suspension_id, interrupt.context);
        let detail = json!({ "suspensionId": id, "context": context, "decision": decision });
        run.journal.push(Entry { kind: Entry::ANSWER.to_owned(), detail: Arc::new(detail) });
        self.make_ready(&address);
    }

    fn make_ready(&mut self, at: &str) {
        self.state.waiting.remove(at);
        self.state.running.remove(at);
        self.state.ready.insert(at.to_owned());
    }
}
