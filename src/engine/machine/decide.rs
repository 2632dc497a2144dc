//! `decide`: what follows from a command. Each arm emits its events; [`Machine::settle`] then draws the consequences: skipped
//! nodes, loops that are over, the end, the status.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::{
        event::{
            CompleteEvent, Event, NodeDeltaEvent, NodeLogEvent, NodeStatus, NodeUpdateEvent, StatusEvent,
            SuspendedEvent, SuspensionUpdateEvent,
        },
        execution::ExecutionStatus,
        failure::{Failure, FailureCode},
        ids::{ExecutionId, SuspensionId, TaskId},
        suspension::{Decision, Interrupt, SuspensionState},
    },
    nodes::{Completion, MAX_VALUE_DEPTH, OnError, OnItemError, Outcome, Question, Role, fits_depth},
};

use super::{
    Command, DEFAULT_PORT, Machine,
    state::{Closing, path_of},
};

/// The longest time for which the other side of a failed call is believed that it is not ready yet.
const MAX_RETRY_AFTER_MS: i64 = 60 * 60 * 1_000;

impl Machine {
    /// Decides on a command at `now`; the events are kept until they are taken. A command that no longer fits (a stale attempt,
    /// a closed suspension, anything after the end) changes nothing.
    pub fn decide(&mut self, now: Instant, command: Command) {
        if self.state.status.is_terminal() {
            return;
        }
        match command {
            Command::Record(trace) => {
                let delayed = self.run_at.is_some_and(|at| at > now);
                let status = if delayed { ExecutionStatus::Pending } else { ExecutionStatus::Queued };
                let (seq, reason) = (self.next_seq(), None);
                self.emit(Event::ExecutionStatus(StatusEvent {
                    seq,
                    at: now,
                    status,
                    reason,
                    by: None,
                    error: None,
                    trace,
                }));
                return;
            }
            Command::Skip { duplicate_of, reason } => return self.skip(now, duplicate_of, reason),
            Command::TurnAway(failure) => {
                if self.state.started_at.is_none() {
                    self.begin_closing(now, Closing::Fail(failure));
                }
            }
            Command::Begin => self.begin(now),
            Command::Start(at) => self.start(now, &at),
            Command::PassOver { address, reason } => self.pass_over(now, &address, reason),
            Command::Finish { address, attempt, outcome, new_id } => {
                if self.is_attempt(&address, attempt) {
                    self.finish(now, &address, outcome, new_id);
                }
            }
            Command::Log { address, attempt, level, message, data } => {
                if self.is_attempt(&address, attempt) {
                    let (node_id, path) = self.name(&address);
                    let seq = self.next_seq();
                    let log = NodeLogEvent { seq, at: now, node_id, path, attempt, level, message, data };
                    self.emit(Event::NodeLog(log));
                }
                return;
            }
            Command::Delta { address, attempt, channel, text, progress } => {
                if self.is_attempt(&address, attempt) {
                    let (node_id, path) = self.name(&address);
                    let (seq, [progress, progress_max]) = (self.next_seq(), progress);
                    let delta =
                        NodeDeltaEvent { seq, at: now, node_id, path, channel, delta: text, progress, progress_max };
                    self.emit(Event::NodeDelta(delta));
                }
                return;
            }
            Command::Action { address, attempt, action } => {
                if self.is_attempt(&address, attempt) {
                    self.record_action(now, &address, attempt, action);
                }
                return;
            }
            Command::Artifact { address, attempt, artifact } => {
                if self.is_attempt(&address, attempt) {
                    self.record_artifact(now, &address, attempt, *artifact);
                }
                return;
            }
            Command::Lease { address, task, worker } => return self.lease_task(now, &address, task, worker),
            Command::Return { address, task, fence, reason } => self.return_task(now, &address, task, fence, reason),
            Command::TaskDone { address, task, fence, result, stats } => {
                self.task_done(now, &address, task, fence, result, stats);
            }
            Command::Answer { suspension_id, decision } => self.answer(now, suspension_id, decision),
            Command::Claim { suspension_id, by } => self.claim(now, suspension_id, by),
            Command::Release { suspension_id, by } => self.release(now, suspension_id, by),
            Command::Reassign { suspension_id, by, approvers, reason } => {
                self.reassign(now, suspension_id, by, approvers, reason);
            }
            Command::Tick => self.tick(now),
            Command::ChildEnded { address, child, result } => {
                if self.state.running.contains(&address)
                    && self.state.runs.get(&address).is_some_and(|run| run.child == Some(child))
                {
                    self.child_ended(now, &address, child, result);
                }
            }
            Command::Interrupted(at) => self.interrupted(now, &at),
            Command::Cancel { by, reason } => self.begin_closing(now, Closing::Cancel { by, reason }),
            Command::Abort(_) if self.is_compensating() => self.give_up_compensation(now),
            Command::Abort(failure) => self.begin_closing(now, Closing::Fail(failure)),
        }
        self.settle(now);
    }

    fn finish(&mut self, now: Instant, at: &str, outcome: Outcome, new_id: uuid::Uuid) {
        match outcome {
            Outcome::Complete(completion) => self.complete(now, at, completion),
            Outcome::Fail(failure) => self.fail(now, at, failure),
            Outcome::Wait { until } if until <= now => self.complete(now, at, waited(until)),
            Outcome::Wait { until } => {
                self.emit_update(now, at, NodeStatus::Suspended, |event| event.resume_at = Some(until));
            }
            Outcome::Suspend(question) => self.suspend(now, at, *question, SuspensionId(new_id)),
            Outcome::Child(request) => {
                let child = ExecutionId(new_id);
                let waits = request.wait;
                self.emit_update(now, at, NodeStatus::Running, |event| event.child_execution_id = Some(child));
                if !waits {
                    let output = json!({ "executionId": child });
                    self.complete(now, at, Completion { output: Arc::new(output), port: None, transparent: false });
                }
            }
            // Its driver starts it again once the journal is durable.
            Outcome::Again => debug_assert!(self.is_stepwise(at), "only a run in several parts starts again"),
            Outcome::Task(request) => match self.too_large(&request.input, "task's input") {
                Some(failure) => self.fail(now, at, failure),
                None => self.queue_task(now, at, TaskId(new_id), request.queue.clone()),
            },
            Outcome::Iterate(items) if items.len() > self.limits.loop_items => {
                let message = format!("a loop has at most {} items, not {}", self.limits.loop_items, items.len());
                self.fail(now, at, Failure::new(FailureCode::LimitExceeded, message));
            }
            Outcome::Iterate(items) => {
                let items = Arc::new(items);
                self.emit_update(now, at, NodeStatus::Running, |event| event.items = Some(items));
            }
        }
    }

    pub(super) fn complete(&mut self, now: Instant, at: &str, completion: Completion) {
        if let Some(failure) = self.too_large(&completion.output, "output") {
            return self.fail(now, at, failure);
        }
        let role = self.state.runs.get(at).map(|run| self.workflow.node(run.node).role.clone());
        self.emit_update(now, at, NodeStatus::Completed, |event| {
            event.output = Some(completion.output);
            event.branch = completion.port;
            event.transparent = completion.transparent;
        });
        if role == Some(Role::End { terminate: true }) {
            self.begin_closing(now, Closing::Terminate);
        }
    }

    /// What is wrong with a value that is too large to be kept.
    fn too_large(&self, value: &Value, what: &str) -> Option<Failure> {
        let message = if json_size(value) > self.limits.output_bytes {
            format!("the {what} is larger than {} bytes", self.limits.output_bytes)
        } else if !fits_depth(value, MAX_VALUE_DEPTH) {
            // Deeper, and the event could not be read back.
            format!("the {what} is nested more than {MAX_VALUE_DEPTH} levels deep")
        } else {
            return None;
        };
        Some(Failure::new(FailureCode::LimitExceeded, message))
    }

    /// A failed attempt: another attempt, a port, or the failure of the scope.
    pub(super) fn fail(&mut self, now: Instant, at: &str, failure: Failure) {
        let Some(run) = self.state.runs.get(at) else { return };
        let (node, attempt) = (run.node, run.attempt);
        let id = self.workflow.graph.nodes[node].id.clone();
        let failure = failure.at_node(&id);
        let stopping = self.is_stopping(at);
        if let Some(retry) =
            self.workflow.node(node).common.retry.as_ref().filter(|retry| !stopping && retry.applies(&failure, attempt))
        {
            let seed = format!("{}/{at}/{attempt}", self.id);
            // Not before the other side is ready again, where it said when that is.
            let asked = failure.details.as_ref().and_then(|details| details["retryAfterMs"].as_i64()).unwrap_or(0);
            let delay_ms = retry.delay_ms(attempt, &seed).max(asked.min(MAX_RETRY_AFTER_MS));
            let retry_at = now.plus_ms(delay_ms);
            return self.emit_update(now, at, NodeStatus::Retrying, |event| {
                event.error = Some(failure);
                event.retry_at = Some(retry_at);
            });
        }
        self.fail_for_good(now, at, failure, |_| {});
    }

    /// A failure that no further attempt follows; `fill` adds to its event.
    pub(super) fn fail_for_good(
        &mut self,
        now: Instant,
        at: &str,
        failure: Failure,
        fill: impl FnOnce(&mut NodeUpdateEvent),
    ) {
        let Some(run) = self.state.runs.get(at) else { return };
        let node = run.node;
        let failure = failure.at_node(&self.workflow.graph.nodes[node].id);
        let port = self.failure_port(node, &failure);
        let output = port.is_some().then(|| Arc::new(json!({ "error": failure })));
        self.emit_update(now, at, NodeStatus::Failed, |event| {
            event.error = Some(failure);
            event.branch = port;
            event.output = output;
            fill(event);
        });
    }

    /// The port that a final failure takes; none if nothing handles it.
    fn failure_port(&self, node: usize, failure: &Failure) -> Option<String> {
        let graph = &self.workflow.graph;
        if failure.code == FailureCode::Timeout && graph.is_wired(node, "timeout") {
            return Some("timeout".to_owned());
        }
        match self.workflow.node(node).common.on_error {
            Some(OnError::Fail) => None,
            Some(OnError::Continue) => Some(DEFAULT_PORT.to_owned()),
            Some(OnError::Branch) | None => graph.is_wired(node, "error").then(|| "error".to_owned()),
        }
    }

    fn suspend(&mut self, now: Instant, at: &str, question: Question, suspension_id: SuspensionId) {
        let (node_id, path) = self.name(at);
        let interrupt = Interrupt {
            kind: question.kind,
            suspension_id,
            node_id,
            path,
            title: question.title,
            message: question.message,
            context: question.context,
            form: question.form,
            choices: question.choices,
            actions: question.actions,
            require_reason: question.require_reason,
            opened_at: now,
            expires_at: question.expires_at,
            on_expiry: question.on_expiry,
            default_answer: question.default_answer,
            policy: question.policy,
            timeline: question.timeline,
        };
        self.emit_update(now, at, NodeStatus::Suspended, |_| {});
        let seq = self.next_seq();
        self.emit(Event::ExecutionSuspended(SuspendedEvent { seq, at: now, interrupt }));
    }

    pub(super) fn close_suspension(
        &mut self,
        now: Instant,
        suspension_id: SuspensionId,
        state: SuspensionState,
        decision: Option<&Decision>,
    ) {
        let event = SuspensionUpdateEvent {
            by: decision.and_then(|decision| decision.by.clone()),
            action: decision.map(|decision| decision.action.clone()),
            reason: decision.and_then(|decision| decision.reason.clone()),
            decision: decision.cloned(),
            ..SuspensionUpdateEvent::new(self.next_seq(), now, suspension_id, state)
        };
        self.emit(Event::SuspensionUpdate(event));
    }

    /// Finishes the run that a decision was waited for.
    pub(super) fn carry_out(&mut self, now: Instant, at: &str, decision: Decision) {
        let Some(run) = self.state.runs.get(at) else { return };
        let node = run.node;
        if self.is_stepwise(at) {
            // It goes on with the answer in its journal.
            return;
        }
        let kind = self.workflow.node(node).kind;
        let asked = matches!(kind, "ask-human" | "callback");
        if decision.action == "rejected" && !asked && !self.workflow.graph.is_wired(node, "rejected") {
            let by = decision.by.as_deref().unwrap_or("nobody");
            let message = match &decision.reason {
                Some(reason) => format!("rejected by {by}: {reason}"),
                None => format!("rejected by {by}"),
            };
            let details = serde_json::to_value(&decision).unwrap_or_default();
            return self.fail(now, at, Failure::new(FailureCode::Rejected, message).with_details(details));
        }
        let completion = if asked {
            let answer = decision.answer.clone().or_else(|| decision.data.clone()).unwrap_or_default();
            let port = (decision.action != "answered").then(|| decision.action.clone());
            let output = if kind == "callback" {
                answer
            } else {
                json!({ "answer": answer, "data": decision.data, "by": decision.by, "at": decision.at })
            };
            Completion { output: Arc::new(output), port, transparent: false }
        } else {
            let mut output = serde_json::to_value(&decision).unwrap_or_default();
            output["approved"] = Value::Bool(decision.action == "approved");
            Completion { output: Arc::new(output), port: Some(decision.action), transparent: true }
        };
        self.complete(now, at, completion);
    }

    fn child_ended(&mut self, now: Instant, at: &str, child: ExecutionId, result: Result<Value, Failure>) {
        if self.is_stopping(at) {
            return self.emit_update(now, at, NodeStatus::Cancelled, |_| {});
        }
        match result {
            result if self.is_stepwise(at) => self.enter_child(now, at, child, result),
            Ok(output) => {
                self.complete(now, at, Completion { output: Arc::new(output), port: None, transparent: false });
            }
            // It was cancelled for that.
            Err(_) if self.is_late(at, now) => self.late_child(now, at),
            Err(failure) => {
                let message = format!("child execution {child} ended badly: {}", failure.message);
                let details = json!({ "executionId": child, "error": failure });
                let failure =
                    Failure { retryable: failure.retryable, ..Failure::new(FailureCode::ChildFailed, message) };
                self.fail(now, at, failure.with_details(details));
            }
        }
    }

    /// Draws the consequences of what was decided, until there are none.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            if self.state.status.is_terminal() {
                return;
            }
            if self.over_limits(now) {
                continue;
            }
            let top = self.state.scopes.get("");
            if let Some(failure) = top.and_then(|top| top.failed.clone())
                && self.state.closing.is_none()
            {
                self.begin_closing(now, Closing::Fail(failure));
            } else if self.stop_one(now) {
            } else if let Some(at) = self.state.finished_loops.first().cloned() {
                self.end_loop(now, &at);
            } else if let Some(at) = self.state.unreached.first().cloned() {
                self.emit_update(now, &at, NodeStatus::Skipped, |event| event.attempt = 0);
            } else if self.state.closing.is_some() {
                if self.state.scopes.get("").is_none_or(|top| top.live == 0) && !self.has_compensation() {
                    self.end_closing(now);
                }
                return;
            } else if self.state.scopes.get("").is_some_and(|top| top.remaining == 0) {
                let last = || self.state.scopes.get("").and_then(|top| top.last.clone());
                let output = self.state.output.clone().or_else(last).unwrap_or_default();
                let (seq, nodes) = (self.next_seq(), self.top_states());
                return self.emit(Event::ExecutionComplete(CompleteEvent { seq, at: now, output, nodes }));
            } else {
                return self.settle_status(now);
            }
        }
    }

    /// `suspended` when every live branch waits, else `running`.
    fn settle_status(&mut self, now: Instant) {
        let state = &self.state;
        let active = !state.running.is_empty() || !state.ready.is_empty() || !state.retrying.is_empty();
        match state.status {
            ExecutionStatus::Running if !active && !state.waiting.is_empty() => {
                self.emit_status(now, ExecutionStatus::Suspended, None);
            }
            ExecutionStatus::Suspended if active => self.emit_status(now, ExecutionStatus::Running, None),
            _ => {}
        }
    }

    fn over_limits(&mut self, now: Instant) -> bool {
        if self.state.closing.is_some() {
            return false;
        }
        let message = if self.state.seq >= self.limits.events {
            format!("an execution has at most {} events", self.limits.events)
        } else if self.state.stats.nodes >= self.limits.node_runs {
            format!("an execution has at most {} node runs", self.limits.node_runs)
        } else {
            return false;
        };
        self.begin_closing(now, Closing::Fail(Failure::new(FailureCode::LimitExceeded, message)));
        true
    }

    fn end_loop(&mut self, now: Instant, at: &str) {
        let Some(run) = self.state.runs.get(at) else { return };
        let Some(iterations) = &run.iterations else { return };
        if let Some(failure) = iterations.failed.clone() {
            return self.fail(now, at, failure);
        }
        let mut output = json!({
            "results": iterations.results,
            "total": iterations.items.len(),
            "items": iterations.items,
        });
        let collects =
            matches!(self.workflow.node(run.node).role, Role::Loop { on_item_error: OnItemError::Collect, .. });
        if collects {
            let errors = iterations.errors.iter().map(|(index, error)| json!({ "index": index, "error": error }));
            output["errors"] = errors.collect();
        }
        self.complete(now, at, Completion { output: Arc::new(output), port: None, transparent: false });
    }

    pub(super) fn emit_status(&mut self, now: Instant, status: ExecutionStatus, reason: Option<String>) {
        let seq = self.next_seq();
        let (by, error, trace) = (None, None, None);
        self.emit(Event::ExecutionStatus(StatusEvent { seq, at: now, status, reason, by, error, trace }));
    }

    pub(super) fn emit_update(
        &mut self,
        now: Instant,
        at: &str,
        status: NodeStatus,
        fill: impl FnOnce(&mut NodeUpdateEvent),
    ) {
        let (node_id, path) = self.name(at);
        let run = self.state.runs.get(at);
        let started =
            run.and_then(|run| run.started_at).filter(|_| status.is_final() || status == NodeStatus::Retrying);
        let mut event = NodeUpdateEvent {
            seq: self.next_seq(),
            at: now,
            node_id,
            path,
            attempt: run.map_or(0, |run| run.attempt),
            status,
            output: None,
            error: None,
            reason: None,
            duration_ms: started.map(|started| now.ms_since(started)),
            branch: None,
            reused: false,
            pinned: false,
            mocked: false,
            retry_at: None,
            resume_at: None,
            child_execution_id: None,
            items: None,
            transparent: false,
        };
        fill(&mut event);
        self.emit(Event::NodeUpdate(event));
    }

    /// The node's id and the path of a run, as events show them.
    pub(in crate::engine) fn name(&self, at: &str) -> (String, Option<String>) {
        self.state.runs.get(at).map_or_else(
            || (at.to_owned(), None),
            |run| (self.workflow.graph.nodes[run.node].id.clone(), path_of(run, at)),
        )
    }
}

/// The result of a wait that is over: it hands on what it was handed.
pub(super) fn waited(until: Instant) -> Completion {
    Completion { output: Arc::new(json!({ "until": until })), port: None, transparent: true }
}

/// About how many bytes a value takes as JSON; escapes are not counted.
pub(in crate::engine) fn json_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_size(item) + 1).sum::<usize>(),
        Value::Object(members) => 2 + members.iter().map(|(key, item)| key.len() + 4 + json_size(item)).sum::<usize>(),
    }
}
