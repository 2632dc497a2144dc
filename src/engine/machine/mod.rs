//! The machine: `decide` turns a command into events, `apply` folds events into the state. Pure: no I/O, no clock, no
//! randomness, no async; time and ids come in with the command.
//!
//! The law that everything else rests on: after `decide`, the state equals the fold of the log with the decided events
//! appended. `decide` therefore changes the state through `apply` alone.

mod apply;
mod begin;
mod close;
mod compensate;
mod decide;
mod expiry;
mod journal;
pub mod replay;
mod retry;
pub mod scope;
mod standing;
pub mod state;
mod tasks;
#[cfg(test)]
mod tests;
mod votes;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::{
        event::{Event, LogLevel, NodeStatus},
        execution::{ExecutionOrigin, ExecutionProgress, NodeState, Presets},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, SuspensionId, TaskId},
        suspension::{Approvers, Decision},
        task::TaskStats,
        trace::{Trace, TraceHeaders, attempt_span},
    },
    nodes::{CompiledWorkflow, Outcome},
};
pub(super) use decide::json_size;
use state::{Address, State, path_of};
pub use tasks::{Action, LeaseStanding, Returned};

/// The port of nodes that have only one; edges without a port leave by it.
pub const DEFAULT_PORT: &str = "default";
/// The reason of a `cancelling` that an end asked for.
const TERMINATED: &str = "terminated";

/// Limits of one execution.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events of its log.
    pub events: i64,
    /// Node runs.
    pub node_runs: i64,
    /// Bytes of one node's output, as JSON.
    pub output_bytes: usize,
    /// Items of one loop.
    pub loop_items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 100_000, node_runs: 25_000, output_bytes: 8 << 20, loop_items: 10_000 }
    }
}

/// An execution being decided upon.
pub struct Machine {
    /// What runs.
    pub workflow: Arc<CompiledWorkflow>,
    /// The execution.
    pub id: ExecutionId,
    /// What it works on.
    pub input: Arc<Value>,
    /// Results that nodes take instead of running.
    pub presets: Presets,
    /// Whether nodes with a mock take that instead of running.
    pub mocks: bool,
    /// Not before this instant.
    pub run_at: Option<Instant>,
    /// Not at all if it has not begun by this instant.
    pub expires_at: Option<Instant>,
    /// The limits it runs under.
    pub limits: Limits,
    /// The fold of its log.
    pub state: State,
    /// Events decided and not yet taken.
    decided: Vec<Event>,
}

/// Something that happened or is wanted.
#[derive(Clone, Debug)]
pub enum Command {
    /// The execution is recorded, with the trace that it is part of: the first event.
    Record(Option<Trace>),
    /// It is not to run: another one does in its place, or there is no room for it. What has begun goes on.
    Skip {
        /// The one that runs in its place.
        duplicate_of: Option<ExecutionId>,
        /// Why, in a word.
        reason: &'static str,
    },
    /// There is no room for it, and it must not wait.
    TurnAway(Failure),
    /// A driver begins (or goes on).
    Begin,
    /// An attempt of a ready run begins.
    Start(Address),
    /// The condition in front of a ready run does not hold: what follows goes on without it.
    PassOver {
        /// The run.
        address: Address,
        /// Why, for people.
        reason: String,
    },
    /// An attempt ended, or tells what it waits for. Stale attempts are ignored.
    Finish {
        /// The run.
        address: Address,
        /// The attempt.
        attempt: i64,
        /// How.
        outcome: Outcome,
        /// The id of the suspension or child that it may need.
        new_id: uuid::Uuid,
    },
    /// A log line of a running attempt.
    Log {
        /// The run.
        address: Address,
        /// The attempt.
        attempt: i64,
        /// How much it matters.
        level: LogLevel,
        /// The line.
        message: String,
        /// More about it.
        data: Option<Value>,
    },
    /// Text or progress of a running attempt.
    Delta {
        /// The run.
        address: Address,
        /// The attempt.
        attempt: i64,
        /// Of what.
        channel: crate::domain::event::DeltaChannel,
        /// The piece.
        text: String,
        /// With progress: how far the work has come, and how far it goes.
        progress: [Option<f64>; 2],
    },
    /// Something that the worker of a running attempt did.
    Action {
        /// The run.
        address: Address,
        /// The attempt.
        attempt: i64,
        /// What.
        action: Action,
    },
    /// The worker of a running attempt has sent a file, whose bytes are stored.
    Artifact {
        /// The run.
        address: Address,
        /// The attempt.
        attempt: i64,
        /// The file.
        artifact: Box<crate::domain::artifact::Artifact>,
    },
    /// A worker takes a task that waits for one.
    Lease {
        /// The run.
        address: Address,
        /// The task.
        task: TaskId,
        /// Who takes it.
        worker: String,
    },
    /// A lease is over without a result: the task waits for a worker again.
    Return {
        /// The run.
        address: Address,
        /// The task.
        task: TaskId,
        /// The lease.
        fence: i64,
        /// Why.
        reason: Returned,
    },
    /// The worker that has the task tells its result. Nothing happens if its lease is over.
    TaskDone {
        /// The run.
        address: Address,
        /// The task.
        task: TaskId,
        /// The lease.
        fence: i64,
        /// The node's output, or why there is none.
        result: Result<Value, Failure>,
        /// Its own counts.
        stats: Option<TaskStats>,
    },
    /// Somebody who may do so answered an open suspension, or voted.
    Answer {
        /// Which.
        suspension_id: SuspensionId,
        /// What.
        decision: Decision,
    },
    /// Somebody takes an open suspension upon themself.
    Claim {
        /// Which.
        suspension_id: SuspensionId,
        /// Who.
        by: String,
    },
    /// The claim of an open suspension is given up.
    Release {
        /// Which.
        suspension_id: SuspensionId,
        /// By whom.
        by: String,
    },
    /// Others may answer an open suspension in place of those who could.
    Reassign {
        /// Which.
        suspension_id: SuspensionId,
        /// Who says so.
        by: String,
        /// Who may answer from now on.
        approvers: Approvers,
        /// Why.
        reason: Option<String>,
    },
    /// Time has passed: whatever is due happens.
    Tick,
    /// A child execution ended.
    ChildEnded {
        /// The run that waits for it.
        address: Address,
        /// The child.
        child: ExecutionId,
        /// Its output, or why it has none.
        result: Result<Value, Failure>,
    },
    /// An attempt was interrupted: the process that ran it is gone.
    Interrupted(Address),
    /// Everything is to stop.
    Cancel {
        /// Who asks.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// The execution can't be carried on.
    Abort(Failure),
}

impl Machine {
    /// An execution before its first event.
    pub fn new(workflow: Arc<CompiledWorkflow>, origin: &ExecutionOrigin, limits: Limits) -> Self {
        let mut machine = Self {
            workflow,
            id: origin.id,
            input: Arc::new(origin.input.clone()),
            presets: origin.presets.clone(),
            mocks: origin.mocks,
            run_at: origin.run_at,
            expires_at: origin.expires_at,
            limits,
            state: State::new(),
            decided: Vec::new(),
        };
        machine.open_top();
        machine
    }

    /// The same execution at a state that was folded before.
    #[must_use]
    pub fn at(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// The events decided upon since the last call.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.decided)
    }

    /// How many decided events wait to be taken.
    pub fn undelivered(&self) -> usize {
        self.decided.len()
    }

    /// Runs that can start at `now`: ready ones, and those whose next attempt is due.
    pub fn startable(&self, now: Instant) -> Option<Address> {
        let state = &self.state;
        if state.status.is_terminal() {
            return None;
        }
        if state.closing.is_some() {
            return self.startable_compensation(now).cloned();
        }
        let due = || {
            state
                .retrying
                .iter()
                .find(|at| state.runs.get(*at).and_then(|run| run.resume_at).is_some_and(|at| at <= now))
        };
        state.ready.first().or_else(due).cloned()
    }

    /// Children that must be cancelled: their runs are in a scope that is being stopped.
    pub fn children_to_cancel(&self) -> Vec<ExecutionId> {
        let state = &self.state;
        state.children().filter(|(at, _)| self.is_stopping(at)).map(|(_, child)| child).collect()
    }

    /// The projection of the state onto the execution's row.
    pub fn progress(&self) -> ExecutionProgress {
        let state = &self.state;
        ExecutionProgress {
            status: state.status,
            last_seq: state.seq,
            output: state.status.is_terminal().then(|| state.output.as_deref().cloned()).flatten(),
            error: state.error.clone(),
            queued_at: state.queued_at,
            started_at: state.started_at,
            finished_at: state.finished_at,
            suspended_at: state.suspended_at,
            waited_ms: state.waited_ms,
            duplicate_of: state.duplicate_of,
            reprocessing: None,
            stats: state.stats,
        }
    }

    /// The trace below the latest attempt of a run: that of a child which it starts.
    pub fn trace_below(&self, id: ExecutionId, at: &str) -> Option<Trace> {
        let attempt = self.state.run(at)?.attempt;
        self.state.trace.as_ref().map(|trace| trace.below(attempt_span(id, at, attempt)))
    }

    /// What the latest attempt of a run sends along with what it calls, if the execution is part of a trace.
    pub fn trace_headers(&self, id: ExecutionId, at: &str) -> Option<TraceHeaders> {
        let attempt = self.state.run(at)?.attempt;
        self.state.trace.as_ref().map(|trace| trace.headers(attempt_span(id, at, attempt)))
    }

    /// The node runs as the API shows them, with outputs.
    pub fn node_states(&self) -> Vec<NodeState> {
        self.state.runs.iter().filter_map(|(at, _)| self.node_state(at, true)).collect()
    }

    fn node_state(&self, at: &str, with_output: bool) -> Option<NodeState> {
        let run = self.state.runs.get(at)?;
        let finished = run.status?.is_final();
        Some(NodeState {
            node_id: self.workflow.graph.nodes[run.node].id.clone(),
            path: path_of(run, at),
            attempt: run.attempt,
            status: run.status?,
            branch: run.port.clone(),
            error: run.error.clone(),
            reason: run.reason.clone(),
            output: run.output.as_deref().filter(|_| with_output).cloned(),
            started_at: run.started_at,
            finished_at: run.finished_at.filter(|_| finished),
            duration_ms: run
                .started_at
                .zip(run.finished_at)
                .filter(|_| finished)
                .map(|(start, end)| end.ms_since(start)),
            reused: run.reused,
            child_execution_id: run.child,
            task: run.task.clone(),
        })
    }

    /// The top level's node runs as terminal events show them.
    fn top_states(&self) -> Vec<NodeState> {
        let top = self.state.runs.iter().filter(|(_, run)| run.scope.is_empty());
        top.filter_map(|(at, _)| self.node_state(at, false)).collect()
    }

    /// Applies an event that was just decided, and keeps it to be taken.
    fn emit(&mut self, event: Event) {
        self.apply(&event);
        self.decided.push(event);
    }

    fn next_seq(&self) -> i64 {
        self.state.seq + 1
    }

    fn is_attempt(&self, at: &str, attempt: i64) -> bool {
        self.state.runs.get(at).is_some_and(|run| run.attempt == attempt && run.status == Some(NodeStatus::Running))
    }
}

/// The failure of a loop because of one item.
fn item_failure(index: usize, failure: &Failure) -> Failure {
    let details = json!({ "index": index, "error": failure });
    Failure::new(FailureCode::ItemFailed, format!("item {index}: {}", failure.message)).with_details(details)
}
