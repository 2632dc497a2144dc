//! What all simulated machines share: one database, one time, one trace, and the laws that are checked at every change.

use std::{
    collections::BTreeMap,
    fmt::Display,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use sluicegate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, WorkflowId},
        workflow::{Workflow, Workspace},
    },
    store::{
        Hint, StoreError,
        commit::{Commit, CommitError, ExecutionWrite},
    },
};
use tokio::sync::mpsc;

use super::laws::Laws;
use crate::store::{
    fixture::Home,
    oracle::{Oracle, Record},
};

/// When simulations begin: 2027-01-15T08:00:00Z.
pub const START: Instant = Instant(1_800_000_000_000);

/// One simulated world. There is one for each seed.
pub struct World {
    pub home: Home,
    /// Whether there is one machine with a file, or several with a server's database.
    pub alone: bool,
    began: tokio::time::Instant,
    state: Mutex<State>,
}

/// What changes in it.
pub struct State {
    pub database: Oracle,
    pub workspace: Workspace,
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    pub secret: Option<Vec<u8>>,
    pub laws: Laws,
    /// Whether faults still happen.
    pub faults: bool,
    /// Where the hints for each machine go.
    pub listeners: BTreeMap<usize, mpsc::Sender<Hint>>,
    began: tokio::time::Instant,
    trace: Vec<String>,
    broken: Option<String>,
}

impl State {
    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl Display) {
        let at = self.began.elapsed().as_millis();
        self.trace.push(format!("{at:>7} {line}"));
    }

    /// Notes that a law is broken; the first one counts.
    pub fn check(&mut self, law: Result<(), String>) {
        if let Err(broken) = law {
            self.note(format_args!("BROKEN {broken}"));
            self.broken.get_or_insert(broken);
        }
    }

    pub fn record(&self, id: ExecutionId) -> Result<&Record, StoreError> {
        self.database.executions.get(&id).ok_or(StoreError::NotFound("execution"))
    }

    pub fn workflow(&self, id: WorkflowId) -> Result<&Workflow, StoreError> {
        self.workflows.get(&id).ok_or(StoreError::NotFound("workflow"))
    }

    /// Writes a batch of a machine, and checks the laws about what was written.
    pub fn commit(&mut self, boot: usize, batch: &[Commit]) -> Vec<Result<(), CommitError>> {
        let results = self.database.commit(batch);
        for (commit, result) in batch.iter().zip(&results) {
            let kind = if matches!(commit.write, ExecutionWrite::Create(_)) { "creates" } else { "appends" };
            let kinds: Vec<String> = commit.events.iter().map(|event| told(&event.body)).collect();
            let outcome = result.as_ref().map_or_else(ToString::to_string, |()| kinds.join(", "));
            let driver = commit.driver.map(short);
            self.note(format_args!("m{boot} {kind} {} driver {driver:?}: {outcome}", short(commit.execution_id)));
        }
        for (commit, result) in batch.iter().zip(&results) {
            if result.is_ok() {
                let law = self.laws.written(boot, commit, &self.database);
                self.check(law);
            }
        }
        results
    }
}

/// What an event tells, in a few words.
fn told(body: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    let members =
        ["seq", "type", "path", "nodeId", "attempt", "status", "state"].iter().filter_map(|name| event.get(name));
    let words: Vec<String> =
        members.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    words.join(" ")
}

impl World {
    pub fn new(home: Home, alone: bool, workspace: Workspace, workflows: Vec<Workflow>) -> Arc<Self> {
        let state = State {
            database: Oracle::default(),
            workspace,
            workflows: workflows.into_iter().map(|workflow| (workflow.id, workflow)).collect(),
            secret: None,
            laws: Laws::default(),
            faults: true,
            listeners: BTreeMap::new(),
            began: tokio::time::Instant::now(),
            trace: Vec::new(),
            broken: None,
        };
        Arc::new(Self { home, alone, began: tokio::time::Instant::now(), state: Mutex::new(state) })
    }

    /// The state. No holder of the lock panics: what breaks a law is noted, and the run ends.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How long the world has been.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The true time, which is the database server's.
    pub fn now(&self) -> Instant {
        START.plus_ms(self.elapsed().as_millis() as i64)
    }

    /// Adds a line to the trace.
    pub fn note(&self, line: impl Display) {
        self.state().note(line);
    }

    /// Notes that a law is broken; the first one counts.
    pub fn check(&self, law: Result<(), String>) {
        self.state().check(law);
    }

    /// The law that was broken, if one was.
    pub fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// The whole trace.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    /// A number that tells two traces, and the logs that came of them, apart.
    pub fn fingerprint(&self) -> u64 {
        let state = self.state();
        let mut hasher = DefaultHasher::new();
        state.trace.hash(&mut hasher);
        for record in state.database.executions.values() {
            record.events.iter().for_each(|event| event.body.hash(&mut hasher));
        }
        hasher.finish()
    }
}

/// The end of an id: enough to tell ids of one world apart, and short enough to be read.
pub fn short(id: impl Display) -> String {
    let text = id.to_string();
    text[text.len() - 6..].to_owned()
}
