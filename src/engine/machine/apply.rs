//! `apply`: how each event changes the state. Total: any event of the log has a meaning here, and no event needs more than the
//! workflow version and the state to be understood.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{
    event::{Event, NodeStatus, NodeUpdateEvent},
    execution::ExecutionStatus,
    graph::NodeIndex,
    suspension::{Standing, SuspensionState},
};
use crate::nodes::{Join, OnItemError, Role};

use super::{
    Machine,
    compensate::GIVEN_UP,
    item_failure, standing,
    state::{Closing, Iterations, OpenSuspension, Run, Scope, State, Stopped, address, is_inside, iteration, scope_of},
};

impl Machine {
    /// Folds one event into the state. Events must come in the order of their `seq`.
    pub fn apply(&mut self, event: &Event) {
        debug_assert_eq!(event.seq(), self.state.seq + 1, "events are folded in order");
        self.state.seq = event.seq();
        match event {
            Event::ExecutionStatus(e) => {
                if e.trace.is_some() {
                    self.state.trace.clone_from(&e.trace);
                }
                match e.status {
                    ExecutionStatus::Queued => self.state.queued_at = Some(e.at),
                    ExecutionStatus::Running if self.state.started_at.is_none() => {
                        self.state.started_at = Some(e.at);
                    }
                    ExecutionStatus::Cancelling if e.reason.as_deref() == Some(GIVEN_UP) => self.state.undo.clear(),
                    ExecutionStatus::Cancelling => {
                        self.state.closing = Some(match &e.error {
                            Some(error) => Closing::Fail(error.clone()),
                            None if e.reason.as_deref() == Some(super::TERMINATED) => Closing::Terminate,
                            None => Closing::Cancel { by: e.by.clone(), reason: e.reason.clone() },
                        });
                    }
                    _ => {}
                }
                self.set_status(e.status, e.at);
            }
            Event::NodeUpdate(e) => self.apply_node(e),
            Event::NodeDelta(_) | Event::NodeLog(_) | Event::NodeArtifact(_) => {}
            Event::NodeAction(e) => {
                self.count_action(e);
                self.apply_entry(e);
            }
            Event::TaskUpdate(e) => self.apply_task(e),
            Event::ExecutionSuspended(e) => {
                let interrupt = &e.interrupt;
                let at = interrupt.path.clone().unwrap_or_else(|| interrupt.node_id.clone());
                if let Some(run) = self.state.runs.get_mut(&at) {
                    run.suspension = Some(interrupt.suspension_id);
                }
                let open = OpenSuspension { address: at, interrupt: interrupt.clone(), standing: Standing::default() };
                self.state.open.insert(interrupt.suspension_id, open);
            }
            Event::SuspensionUpdate(e) if e.state == SuspensionState::Open => {
                if let Some(open) = self.state.open.get_mut(&e.suspension_id) {
                    standing::fold(open, e);
                }
            }
            Event::SuspensionUpdate(e) => {
                let Some(open) = self.state.open.remove(&e.suspension_id) else { return };
                let Some(run) = self.state.runs.get_mut(&open.address) else { return };
                run.suspension = None;
                if e.state == SuspensionState::Cancelled {
                    run.stopped.suspension = Some(e.suspension_id);
                } else {
                    self.apply_answer(open, e.decision.as_ref());
                }
            }
            Event::ExecutionComplete(e) => {
                self.state.output = Some(Arc::clone(&e.output));
                self.end(ExecutionStatus::Completed, e.at);
            }
            Event::ExecutionFailed(e) => {
                self.state.error = Some(e.error.clone());
                self.end(ExecutionStatus::Failed, e.at);
            }
            Event::ExecutionCancelled(e) => self.end(ExecutionStatus::Cancelled, e.at),
            Event::ExecutionSkipped(e) => {
                self.state.duplicate_of = e.duplicate_of;
                self.end(ExecutionStatus::Skipped, e.at);
            }
        }
    }

    /// Makes the first runs ready: the state before any event.
    pub(super) fn open_top(&mut self) {
        self.open_scope("", None);
    }

    fn set_status(&mut self, status: ExecutionStatus, at: crate::clock::Instant) {
        if let Some(since) = self.state.suspended_at.take() {
            self.state.waited_ms += at.ms_since(since);
        }
        if status == ExecutionStatus::Suspended {
            self.state.suspended_at = Some(at);
        }
        self.state.status = status;
    }

    fn end(&mut self, status: ExecutionStatus, at: crate::clock::Instant) {
        self.set_status(status, at);
        let state = &mut self.state;
        state.finished_at = Some(at);
        state.closing = None;
        state.undo.clear();
        for set in [
            &mut state.ready,
            &mut state.unreached,
            &mut state.finished_loops,
            &mut state.failed_scopes,
            &mut state.failing_loops,
        ] {
            set.clear();
        }
    }

    fn apply_node(&mut self, e: &NodeUpdateEvent) {
        let Some(node) = self.workflow.graph.index_of(&e.node_id) else { return };
        let at = e.path.clone().unwrap_or_else(|| e.node_id.clone());
        let scope = scope_of(&at).to_owned();
        self.unlist(&at);
        let run = self.run_mut(node, &scope, &at);
        let was_live = run.status.is_some_and(|status| !status.is_final());
        let is_first = run.status.is_none();
        run.attempt = e.attempt;
        run.status = Some(e.status);
        let timer = run.resume_at.take().is_some();
        if e.status == NodeStatus::Cancelled {
            let task = run.past_task.filter(|(_, fence)| fence.is_none()).map(|(task, _)| task);
            run.stopped = Stopped { child: run.child, timer, task, ..run.stopped };
        }
        let is_compensation = self.workflow.graph.nodes[node].compensates.is_some();
        if let Some(scope) = self.state.scopes.get_mut(&scope).filter(|_| !is_compensation) {
            match (was_live, e.status.is_final()) {
                (false, false) => scope.live += 1,
                (true, true) => scope.live -= 1,
                _ => {}
            }
        }
        let run = self.run_mut(node, &scope, &at);
        match e.status {
            NodeStatus::Running => {
                let begins = e.items.is_none() && e.child_execution_id.is_none();
                if begins {
                    run.started_at = Some(e.at);
                    run.error = None;
                }
                run.child = e.child_execution_id;
                if begins && is_first {
                    self.state.stats.nodes += 1;
                }
                match &e.items {
                    Some(items) => self.begin_iterations(&at, node, items),
                    None => _ = self.state.running.insert(at),
                }
            }
            NodeStatus::Retrying => {
                run.resume_at = e.retry_at;
                run.error.clone_from(&e.error);
                run.child = None;
                self.state.retrying.insert(at);
            }
            NodeStatus::Suspended => {
                run.resume_at = e.resume_at;
                self.state.waiting.insert(at);
            }
            NodeStatus::Completed | NodeStatus::Failed | NodeStatus::Skipped | NodeStatus::Cancelled => {
                self.finish_run(&at, node, &scope, e);
            }
        }
    }

    /// The run at an address, made on first sight.
    pub(super) fn run_mut(&mut self, node: NodeIndex, scope: &str, at: &str) -> &mut Run {
        if !self.state.runs.contains_key(at) {
            let run = Run {
                node,
                scope: scope.to_owned(),
                attempt: 0,
                status: None,
                resolved: 0,
                taken: Vec::new(),
                output: None,
                flow: None,
                transparent: false,
                error: None,
                reason: None,
                port: None,
                started_at: None,
                finished_at: None,
                finished_seq: 0,
                resume_at: None,
                suspension: None,
                child: None,
                task: None,
                past_task: None,
                reported: [0; 3],
                journal: Vec::new(),
                iterations: None,
                reused: false,
                stopped: Stopped::default(),
            };
            self.state.runs.insert(at.to_owned(), run);
        }
        self.state.runs.get_mut(at).expect("the run was made above")
    }

    fn unlist(&mut self, at: &str) {
        let state = &mut self.state;
        for set in [&mut state.ready, &mut state.unreached, &mut state.retrying, &mut state.waiting, &mut state.running]
        {
            set.remove(at);
        }
    }

    fn begin_iterations(&mut self, at: &str, node: NodeIndex, items: &Arc<Vec<Value>>) {
        let null = Arc::new(Value::Null);
        if let Some(run) = self.state.runs.get_mut(at) {
            run.iterations = Some(Iterations {
                items: Arc::clone(items),
                next: 0,
                active: 0,
                results: vec![null; items.len()],
                errors: std::collections::BTreeMap::new(),
                failed: None,
            });
        }
        if items.is_empty() {
            self.state.finished_loops.insert(at.to_owned());
        }
        self.begin_next_iterations(at, node);
    }

    /// Opens iterations up to the loop's concurrency.
    fn begin_next_iterations(&mut self, at: &str, node: NodeIndex) {
        let Role::Loop { concurrency, .. } = self.workflow.node(node).role else { return };
        loop {
            let Some(iterations) = self.state.runs.get_mut(at).and_then(|run| run.iterations.as_mut()) else { return };
            let exhausted = iterations.failed.is_some() || iterations.next >= iterations.items.len();
            if exhausted || iterations.active >= concurrency {
                return;
            }
            let index = iterations.next;
            iterations.next += 1;
            iterations.active += 1;
            self.open_scope(&format!("{at}[{index}]"), Some((at.to_owned(), index, node)));
        }
    }

    fn open_scope(&mut self, scope: &str, of: Option<(String, usize, NodeIndex)>) {
        let parent = of.as_ref().map(|(_, _, node)| *node);
        let workflow = Arc::clone(&self.workflow);
        let remaining = workflow.graph.scope(parent).count();
        self.state.scopes.insert(
            scope.to_owned(),
            Scope { of: of.map(|(at, index, _)| (at, index)), remaining, live: 0, last: None, failed: None },
        );
        for node in workflow.graph.entries(parent) {
            let at = address(scope, &workflow.graph.nodes[node].id);
            self.run_mut(node, scope, &at);
            self.state.ready.insert(at);
        }
    }

    fn finish_run(&mut self, at: &str, node: NodeIndex, scope: &str, e: &NodeUpdateEvent) {
        let handed = self.handed_to(at);
        let workflow = Arc::clone(&self.workflow);
        let run = self.run_mut(node, scope, at);
        run.finished_at = Some(e.at);
        run.finished_seq = e.seq;
        run.output.clone_from(&e.output);
        run.error.clone_from(&e.error);
        run.reason.clone_from(&e.reason);
        run.port.clone_from(&e.branch);
        run.reused = e.reused;
        run.child = run.child.filter(|_| e.status == NodeStatus::Completed);
        run.transparent = e.transparent;
        run.journal = Vec::new();
        run.flow = if e.transparent { Some(handed) } else { e.output.clone() };
        // The results of the iterations are in the loop's output now.
        let was_loop = run.iterations.take().is_some();
        let flow = run.flow.clone();
        if was_loop {
            self.forget_inside(at);
        }

        let stats = &mut self.state.stats;
        match e.status {
            NodeStatus::Completed => stats.completed += 1,
            NodeStatus::Failed => stats.failed += 1,
            _ => {}
        }
        if workflow.graph.nodes[node].compensates.is_some() {
            // Outside the flow: nothing follows from it but that the next one begins.
            return self.end_undo(at);
        }
        self.note_undo(node, scope, e);
        if let Some(scope) = self.state.scopes.get_mut(scope) {
            scope.remaining = scope.remaining.saturating_sub(1);
            if flow.is_some() {
                scope.last = flow;
            }
            if e.status == NodeStatus::Failed && e.branch.is_none() {
                scope.failed.clone_from(&e.error);
            }
        }
        if e.status == NodeStatus::Failed && e.branch.is_none() {
            self.drop_unstarted(scope);
            if !scope.is_empty() {
                self.state.failed_scopes.insert(scope.to_owned());
            }
        }
        if e.status == NodeStatus::Completed
            && matches!(workflow.node(node).role, Role::End { .. })
            && self.state.output.is_none()
        {
            self.state.output.clone_from(&e.output);
        }
        let goes_on = match e.status {
            NodeStatus::Completed => true,
            NodeStatus::Failed => e.branch.is_some(),
            // Passed over, unlike a node that no edge leads to.
            NodeStatus::Skipped => e.transparent,
            _ => false,
        };
        self.resolve_edges(node, scope, goes_on, e.branch.as_deref());
        self.end_iteration_if_over(scope);
    }

    /// Takes or skips the edges that leave a finished run, and notes which targets that makes ready or unreachable.
    fn resolve_edges(&mut self, node: NodeIndex, scope: &str, goes_on: bool, port: Option<&str>) {
        let workflow = Arc::clone(&self.workflow);
        let port = port.filter(|port| *port != super::DEFAULT_PORT);
        for &edge in &workflow.graph.nodes[node].outgoing {
            let edge = &workflow.graph.edges[edge];
            let target = &workflow.graph.nodes[edge.target];
            let at = address(scope, &target.id);
            let run = self.run_mut(edge.target, scope, &at);
            run.resolved += 1;
            if goes_on && edge.port.as_deref() == port {
                run.taken.push(node);
            }
            if run.status.is_some() {
                continue;
            }
            let all = run.resolved as usize == target.incoming.len();
            let any = workflow.node(edge.target).common.join == Join::Any;
            if !run.taken.is_empty() && (all || any) {
                self.state.ready.insert(at);
            } else if all {
                self.state.unreached.insert(at);
            }
        }
    }

    /// An iteration is over when all its nodes are final, or when it failed and nothing in it runs any more.
    fn end_iteration_if_over(&mut self, scope_at: &str) {
        let Some(scope) = self.state.scopes.get(scope_at) else { return };
        let Some((at, index)) = scope.of.clone() else { return };
        if scope.remaining > 0 && (scope.failed.is_none() || scope.live > 0) {
            return;
        }
        let (failed, last) = (scope.failed.clone(), scope.last.clone());
        self.state.scopes.remove(scope_at);
        self.state.failed_scopes.remove(scope_at);
        let Some(run) = self.state.runs.get_mut(&at) else { return };
        let (node, Some(iterations)) = (run.node, run.iterations.as_mut()) else { return };
        iterations.active -= 1;
        if let Some(last) = last.filter(|_| failed.is_none()) {
            iterations.results[index] = last;
        }
        if let Some(failure) = failed {
            if matches!(self.workflow.node(node).role, Role::Loop { on_item_error: OnItemError::Fail, .. }) {
                iterations.failed.get_or_insert_with(|| item_failure(index, &failure));
                self.state.failing_loops.insert(at.clone());
            }
            iterations.errors.insert(index, failure);
        }
        if iterations.active == 0 && (iterations.failed.is_some() || iterations.next == iterations.items.len()) {
            self.state.finished_loops.insert(at.clone());
        }
        // Iterations of a failing loop that have not begun a node have nothing to stop.
        if self.state.runs.get(&at).and_then(|run| run.iterations.as_ref()).is_some_and(|i| i.failed.is_some()) {
            self.end_idle_iterations(&at);
        }
        self.begin_next_iterations(&at, node);
    }

    /// Ends the iterations of a failing loop in which nothing runs.
    fn end_idle_iterations(&mut self, at: &str) {
        let idle: Vec<String> = self
            .state
            .scopes
            .iter()
            .filter(|(_, scope)| scope.live == 0 && scope.of.as_ref().is_some_and(|(of, _)| of == at))
            .map(|(name, _)| name.clone())
            .collect();
        for name in idle {
            self.drop_unstarted(&name);
            self.state.scopes.remove(&name);
            self.state.failed_scopes.remove(&name);
            if let Some(iterations) = self.state.runs.get_mut(at).and_then(|run| run.iterations.as_mut()) {
                iterations.active -= 1;
                if iterations.active == 0 {
                    self.state.finished_loops.insert(at.to_owned());
                }
            }
        }
    }

    /// Runs of a stopping scope that have not begun never will.
    fn drop_unstarted(&mut self, scope: &str) {
        let inside = |at: &String| scope.is_empty() || at.strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'));
        self.state.ready.retain(|at| !inside(at));
        self.state.unreached.retain(|at| !inside(at));
    }

    /// The scopes of a loop that has ended.
    fn forget_inside(&mut self, at: &str) {
        let state = &mut self.state;
        state.scopes.retain(|name, _| !is_inside(at, name));
        state.failed_scopes.retain(|name| !is_inside(at, name));
        state.ready.retain(|run| !is_inside(at, run));
        state.unreached.retain(|run| !is_inside(at, run));
        state.finished_loops.remove(at);
        state.failing_loops.remove(at);
    }

    /// What a run is handed: the flow of the taken predecessor that finished last, else the item, else the input.
    pub fn handed_to(&self, at: &str) -> Arc<Value> {
        let state: &State = &self.state;
        let Some(run) = state.runs.get(at) else { return Arc::clone(&self.input) };
        if let Some(undone) = self.handed_to_compensation(run.node, &run.scope) {
            return undone;
        }
        let graph = &self.workflow.graph;
        let last = run
            .taken
            .iter()
            .filter_map(|&source| state.runs.get(&address(&run.scope, &graph.nodes[source].id)))
            .max_by_key(|source| source.finished_seq);
        if let Some(source) = last {
            return source.flow.clone().unwrap_or_else(|| Arc::new(Value::Null));
        }
        self.item_of(&run.scope).map_or_else(|| Arc::clone(&self.input), |(item, _)| Arc::new(item.clone()))
    }

    /// The item and index of the iteration that a scope is.
    pub fn item_of(&self, scope: &str) -> Option<(&Value, usize)> {
        let (loop_at, index) = iteration(scope)?;
        if let Some(iterations) = self.state.runs.get(loop_at).and_then(|run| run.iterations.as_ref()) {
            return Some((iterations.items.get(index)?, index));
        }
        // The loop is over, and something that it did is undone.
        let undo = self.state.undo.iter().rev().find(|undo| scope_of(&undo.at) == scope)?;
        Some((undo.item.as_deref()?, index))
    }
}
