//! The state of an execution: the fold of its log. Everything here is derived from the workflow version and the events, so a
//! snapshot is a cache and nothing more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        event::NodeStatus,
        execution::{ExecutionStats, ExecutionStatus},
        failure::Failure,
        graph::NodeIndex,
        ids::{ExecutionId, SuspensionId, TaskId},
        null_is_a_value,
        suspension::{Interrupt, Standing},
        task::TaskStanding,
        trace::Trace,
    },
    nodes::Entry,
};

/// The address of a node run: the node's id, after its scope inside loops (`each[3]/fetch`).
pub type Address = String;

/// The fold of an execution's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// 1; missing in snapshots of old, in which a null stands for none.
    #[serde(default)]
    pub format: u8,
    /// Where the execution is in its life.
    pub status: ExecutionStatus,
    /// The position of the last event.
    pub seq: i64,
    /// The node runs that have come into sight, in that order.
    pub runs: IndexMap<Address, Run>,
    /// The top level (key: empty) and the iterations of loops (`each[3]`).
    pub scopes: HashMap<String, Scope>,
    /// Runs that can start.
    pub ready: BTreeSet<Address>,
    /// Runs that no taken edge can reach any more.
    pub unreached: BTreeSet<Address>,
    /// Loops whose iterations are all over; their own end is not recorded yet.
    pub finished_loops: BTreeSet<Address>,
    /// Iterations with an unhandled failure, in which something still runs.
    pub failed_scopes: BTreeSet<String>,
    /// Loops that an item has failed; other iterations are being stopped.
    pub failing_loops: BTreeSet<Address>,
    /// Runs that wait for their next attempt.
    pub retrying: BTreeSet<Address>,
    /// Runs that wait for an instant or an answer.
    pub waiting: BTreeSet<Address>,
    /// Runs that run, loops apart.
    pub running: BTreeSet<Address>,
    /// Open suspensions.
    pub open: BTreeMap<SuspensionId, OpenSuspension>,
    /// What a failure or a cancellation would undo: a stack, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Undo>,
    /// The output of the first end that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_a_value")]
    pub output: Option<Arc<Value>>,
    /// Why everything is being stopped.
    pub closing: Option<Closing>,
    /// Why the execution failed.
    pub error: Option<Failure>,
    /// When it was admitted.
    pub queued_at: Option<Instant>,
    /// When it first ran.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// When the present wait began.
    pub suspended_at: Option<Instant>,
    /// Milliseconds of waits that are over.
    pub waited_ms: i64,
    /// The trace that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// The execution that it was skipped for.
    #[serde(default)]
    pub duplicate_of: Option<ExecutionId>,
    /// Counts.
    pub stats: ExecutionStats,
}

/// One node run: its latest attempt and how the edges into it stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The node.
    pub node: NodeIndex,
    /// The scope it is in.
    pub scope: String,
    /// The latest attempt; 0 before the first.
    pub attempt: i64,
    /// What the latest event about it said; none before the first.
    pub status: Option<NodeStatus>,
    /// Incoming edges that are taken or skipped.
    pub resolved: u32,
    /// Those that are taken, by the index of the source.
    pub taken: Vec<NodeIndex>,
    /// The output.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_a_value")]
    pub output: Option<Arc<Value>>,
    /// What it hands to its successors.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_a_value")]
    pub flow: Option<Arc<Value>>,
    /// It handed on what it was handed.
    pub transparent: bool,
    /// What went wrong.
    pub error: Option<Failure>,
    /// Why it was passed over.
    #[serde(default)]
    pub reason: Option<String>,
    /// The port it finished through; none is the default port.
    pub port: Option<String>,
    /// When the latest attempt began.
    pub started_at: Option<Instant>,
    /// When it finished.
    pub finished_at: Option<Instant>,
    /// The position of the event that finished it.
    pub finished_seq: i64,
    /// When the next attempt begins, or the wait ends.
    pub resume_at: Option<Instant>,
    /// The open suspension.
    pub suspension: Option<SuspensionId>,
    /// The child execution that it waits for.
    pub child: Option<ExecutionId>,
    /// The task that a worker has, or that waits for one.
    #[serde(default)]
    pub task: Option<TaskStanding>,
    /// The task that is over, and the lease under which it ended, if a worker ended it.
    #[serde(default)]
    pub past_task: Option<(TaskId, Option<i64>)>,
    /// What its worker has reported so far: steps, actions, screenshots.
    #[serde(default)]
    pub reported: [i64; 3],
    /// What it has done so far, where it is a run in several parts; empty once it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journal: Vec<Entry>,
    /// The iterations, where it is a loop.
    pub iterations: Option<Iterations>,
    /// The result was taken over from another execution.
    pub reused: bool,
    /// What was stopped with it, where it was cancelled.
    pub stopped: Stopped,
}

/// What the cancellation of a run stopped besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// Its open suspension.
    pub suspension: Option<SuspensionId>,
    /// Its child execution.
    pub child: Option<ExecutionId>,
    /// Its timer.
    pub timer: bool,
    /// Its task.
    #[serde(default)]
    pub task: Option<TaskId>,
}

/// How a loop stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iterations {
    /// The items.
    pub items: Arc<Vec<Value>>,
    /// The next item to begin.
    pub next: usize,
    /// Iterations that have begun and not ended.
    pub active: usize,
    /// Results by index; null before the end.
    pub results: Vec<Arc<Value>>,
    /// Failures by index.
    pub errors: BTreeMap<usize, Failure>,
    /// The failure that makes the loop fail; the other iterations are being stopped.
    pub failed: Option<Failure>,
}

/// The top level, or one iteration of a loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// The loop's run and the index of the item; none at the top level.
    pub of: Option<(Address, usize)>,
    /// Nodes that are not final yet.
    pub remaining: usize,
    /// Runs that have begun and are not final.
    pub live: usize,
    /// What the run that finished last hands on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_a_value")]
    pub last: Option<Arc<Value>>,
    /// A failure that nothing handled: the rest of the scope is being stopped.
    pub failed: Option<Failure>,
}

/// A suspension that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenSuspension {
    /// The run that waits.
    pub address: Address,
    /// What is asked.
    pub interrupt: Interrupt,
    /// How it stands.
    #[serde(default)]
    pub standing: Standing,
}

/// A run that has completed and has a compensation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The address of the compensation.
    pub at: Address,
    /// The item of the iteration that it is in, which the loop forgets when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Arc<Value>>,
}

/// Why an execution is being stopped before all its nodes have run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Closing {
    /// Somebody asked for it.
    Cancel {
        /// Who.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// A failure that nothing handled.
    Fail(Failure),
    /// An end that terminates.
    Terminate,
}

impl State {
    /// An execution of which nothing is recorded yet.
    pub fn new() -> Self {
        Self {
            format: 1,
            status: ExecutionStatus::Pending,
            seq: 0,
            runs: IndexMap::new(),
            scopes: HashMap::new(),
            ready: BTreeSet::new(),
            unreached: BTreeSet::new(),
            finished_loops: BTreeSet::new(),
            failed_scopes: BTreeSet::new(),
            failing_loops: BTreeSet::new(),
            retrying: BTreeSet::new(),
            waiting: BTreeSet::new(),
            running: BTreeSet::new(),
            open: BTreeMap::new(),
            undo: Vec::new(),
            output: None,
            closing: None,
            error: None,
            queued_at: None,
            started_at: None,
            finished_at: None,
            suspended_at: None,
            waited_ms: 0,
            trace: None,
            duplicate_of: None,
            stats: ExecutionStats::default(),
        }
    }

    /// Reads a snapshot, also one of old.
    pub fn from_snapshot(text: &str) -> serde_json::Result<Self> {
        let mut state: Self = serde_json::from_str(text)?;
        if state.format == 0 {
            state.format = 1;
            let runs = state.runs.values_mut().flat_map(|run| [&mut run.output, &mut run.flow]);
            let scopes = state.scopes.values_mut().map(|scope| &mut scope.last);
            for value in runs.chain(scopes).chain([&mut state.output]) {
                value.take_if(|value| value.is_null());
            }
        }
        Ok(state)
    }

    /// The run at an address.
    pub fn run(&self, address: &str) -> Option<&Run> {
        self.runs.get(address)
    }

    /// Live runs with a live child execution: `(address, child)`.
    pub fn children(&self) -> impl Iterator<Item = (&Address, ExecutionId)> {
        self.running.iter().filter_map(|address| Some((address, self.runs.get(address)?.child?)))
    }

    /// Live runs with a task: `(address, task)`.
    pub fn tasks(&self) -> impl Iterator<Item = (&Address, &TaskStanding)> {
        self.running.iter().filter_map(|address| Some((address, self.runs.get(address)?.task.as_ref()?)))
    }

    /// Whether a failure or a cancellation is stopping the scope or one around it.
    pub fn is_stopping(&self, scope: &str) -> bool {
        if self.closing.is_some() {
            return true;
        }
        let mut scope = scope;
        loop {
            let Some(state) = self.scopes.get(scope) else { return true };
            if state.failed.is_some() {
                return true;
            }
            let Some((at, _)) = &state.of else { return false };
            let Some(run) = self.runs.get(at) else { return true };
            if run.iterations.as_ref().is_none_or(|iterations| iterations.failed.is_some()) {
                return true;
            }
            scope = &run.scope;
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// The address of a node's run in a scope.
pub fn address(scope: &str, node_id: &str) -> Address {
    if scope.is_empty() { node_id.to_owned() } else { format!("{scope}/{node_id}") }
}

/// The scope that an address is in.
pub fn scope_of(address: &str) -> &str {
    address.rsplit_once('/').map_or("", |(scope, _)| scope)
}

/// The loop and the index of the iteration that a scope is; none at the top level.
pub fn iteration(scope: &str) -> Option<(&str, usize)> {
    let (loop_at, index) = scope.strip_suffix(']')?.rsplit_once('[')?;
    Some((loop_at, index.parse().ok()?))
}

/// Whether an address is inside the iterations of the loop at `loop_at`.
pub fn is_inside(loop_at: &str, address: &str) -> bool {
    address.strip_prefix(loop_at).is_some_and(|rest| rest.starts_with('['))
}

/// The address as events show it: missing at the top level, where it would repeat the node's id.
pub fn path_of(run: &Run, address: &str) -> Option<String> {
    (!run.scope.is_empty()).then(|| address.to_owned())
}
