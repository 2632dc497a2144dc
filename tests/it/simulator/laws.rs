//! What must hold at every moment, whatever befalls the machines; and what must hold when all is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sluicegate::{
    domain::{
        event::{Event, NodeStatus},
        ids::{ExecutionId, SuspensionId},
        suspension::SuspensionState,
    },
    engine::machine::{Limits, Machine},
    nodes::{CompiledWorkflow, registry},
    store::commit::Commit,
};

use super::world::{State, short};
use crate::store::oracle::Oracle;

/// What the logs have told so far, kept beside the database and never changed by it.
#[derive(Default)]
pub struct Laws {
    courses: BTreeMap<ExecutionId, Course>,
    /// The effects that were begun: execution, address, attempt.
    effects: BTreeSet<(ExecutionId, String, i64)>,
    /// Effects that may be begun only once, whatever happens.
    once: BTreeSet<(ExecutionId, String)>,
    /// What each key of a client stands for.
    keys: BTreeMap<String, ExecutionId>,
}

/// An execution as its log tells it.
#[derive(Default)]
struct Course {
    seq: i64,
    ended: bool,
    runs: BTreeMap<String, Run>,
    suspensions: BTreeMap<SuspensionId, SuspensionState>,
}

/// A node run as the log tells it.
#[derive(Default)]
struct Run {
    attempt: i64,
    /// The attempt whose outcome is known.
    settled: i64,
    ended: bool,
    /// Which machine has begun which attempt.
    begun_by: BTreeMap<i64, usize>,
}

type Law = Result<(), String>;

impl Laws {
    /// After a commit: its events follow the laws of a log, and the rows are what the log tells.
    pub fn written(&mut self, boot: usize, commit: &Commit, database: &Oracle) -> Law {
        let children = commit.children.iter().map(|child| (child.execution.origin.id, &child.events));
        for (id, events) in std::iter::once((commit.execution_id, &commit.events)).chain(children) {
            let course = self.courses.entry(id).or_default();
            for row in events {
                let event: Event = serde_json::from_str(&row.body).map_err(|error| format!("{}: {error}", row.body))?;
                if event.seq() != row.seq {
                    return Err(format!("{id}: the event at {} says it is at {}", row.seq, event.seq()));
                }
                course.tell(boot, &event).map_err(|law| format!("{}: {law}: {}", short(id), row.body))?;
            }
            course.is_shown(id, database).map_err(|law| format!("{}: {law}", short(id)))?;
        }
        let ended = self.courses[&commit.execution_id].ended;
        for other in database.executions.values().filter(|other| other.is_live()) {
            let (of, parent) = (other.execution.origin.id, other.execution.origin.parent_execution_id);
            if ended && parent == Some(commit.execution_id) {
                return Err(format!("{} has ended, and its child {} lives on", short(commit.execution_id), short(of)));
            }
            if !database.will_be_woken(of) {
                return Err(format!("nothing will ever wake {}", short(of)));
            }
        }
        Ok(())
    }

    /// An effect begins on a machine: of an attempt that this machine has durably begun, and for the first time.
    pub fn effect(&mut self, boot: usize, id: ExecutionId, address: &str, once: bool) -> Law {
        let run = self.courses.get(&id).and_then(|course| course.runs.get(address));
        let begun = run.and_then(|run| run.begun_by.iter().rev().find(|(_, by)| **by == boot));
        let Some((attempt, _)) = begun else {
            return Err(format!("{}: the effect of `{address}` begins, and its attempt is not in the log", short(id)));
        };
        if !self.effects.insert((id, address.to_owned(), *attempt)) {
            return Err(format!("{}: the effect of attempt {attempt} of `{address}` begins twice", short(id)));
        }
        if once && !self.once.insert((id, address.to_owned())) {
            return Err(format!("{}: `{address}` must not be repeated, and is", short(id)));
        }
        Ok(())
    }

    /// A client was told that its key stands for this execution.
    pub fn triggered(&mut self, key: &str, id: ExecutionId, database: &Oracle) -> Law {
        if !database.executions.contains_key(&id) {
            return Err(format!("a client was told of {}, which is not stored", short(id)));
        }
        let first = *self.keys.entry(key.to_owned()).or_insert(id);
        if first == id { Ok(()) } else { Err(format!("`{key}` stands for {} and {}", short(first), short(id))) }
    }

    /// A client was told that its answer counts.
    pub fn answered(id: SuspensionId, by: &str, action: &str, database: &Oracle) -> Law {
        let row =
            database.suspensions.get(&id).ok_or_else(|| format!("{} was answered, and is not stored", short(id)))?;
        let counts = row.decision.as_ref().map(|decision| (decision.by.as_deref(), decision.action.as_str()));
        if row.state == SuspensionState::Answered && counts == Some((Some(by), action)) {
            return Ok(());
        }
        Err(format!("{by} was told that `{action}` counts for {}, and what counts is {counts:?}", short(id)))
    }

    /// All is over: everything has ended, and every row is the fold of its log.
    pub fn over(state: &State) -> Law {
        let database = &state.database;
        let mut compiled: BTreeMap<_, Arc<CompiledWorkflow>> = BTreeMap::new();
        for workflow in state.workflows.values() {
            let definition = workflow.definition.as_ref().expect("workflows are kept whole");
            let Ok(one) = registry::compile(definition) else { return Err("a definition does not compile".to_owned()) };
            compiled.insert(workflow.id, Arc::new(one));
        }
        let mut keys = BTreeMap::new();
        for (id, record) in &database.executions {
            let of = &record.execution;
            if record.is_live() {
                return Err(format!("{} does not end: it is {}", short(id), of.progress.status.as_str()));
            }
            if record.driver.is_some() || database.timers.contains_key(id) {
                return Err(format!("{} has ended, and still has a driver or a timer", short(id)));
            }
            let mut machine =
                Machine::new(Arc::clone(&compiled[&of.origin.workflow_id]), &of.origin, Limits::default());
            for event in &record.events {
                machine.apply(&serde_json::from_str(&event.body).expect("it was read before"));
            }
            if machine.progress() != of.progress {
                return Err(format!("{}: the row is {:?}, the fold {:?}", short(id), of.progress, machine.progress()));
            }
            if let Some(key) = &of.origin.idempotency_key
                && let Some(first) = keys.insert(key, id)
            {
                return Err(format!("`{key}` made {} and {}", short(first), short(id)));
            }
        }
        if let Some((key, id)) = state.laws.keys.iter().find(|(key, id)| keys.get(key) != Some(id)) {
            return Err(format!("the execution {} of `{key}`, which a client was told of, is lost", short(id)));
        }
        match database.open_suspensions().next() {
            Some(open) => Err(format!("{} is open, and its execution has ended", short(open.id))),
            None => Ok(()),
        }
    }
}

impl Course {
    fn tell(&mut self, boot: usize, event: &Event) -> Law {
        if event.seq() != self.seq + 1 {
            return Err(format!("after {} comes {}", self.seq, event.seq()));
        }
        if self.ended {
            return Err("something comes after the end".to_owned());
        }
        self.seq = event.seq();
        match event {
            Event::NodeUpdate(update) => {
                let address = update.path.as_ref().unwrap_or(&update.node_id);
                let run = self.runs.entry(address.clone()).or_default();
                // A loop tells its items so, and a call of a workflow its child: the attempt goes on.
                let goes_on = update.items.is_some() || update.child_execution_id.is_some();
                if !goes_on || run.attempt != update.attempt || run.ended {
                    run.tell(boot, update.attempt, update.status)?;
                }
            }
            Event::ExecutionSuspended(opened) => {
                let before = self.suspensions.insert(opened.interrupt.suspension_id, SuspensionState::Open);
                if before.is_some() {
                    return Err("a suspension opens twice".to_owned());
                }
            }
            Event::SuspensionUpdate(update) => match self.suspensions.insert(update.suspension_id, update.state) {
                Some(SuspensionState::Open) => {}
                before => return Err(format!("a suspension that is {before:?} changes")),
            },
            Event::ExecutionComplete(_)
            | Event::ExecutionFailed(_)
            | Event::ExecutionCancelled(_)
            | Event::ExecutionSkipped(_) => self.ended = true,
            _ => {}
        }
        Ok(())
    }

    /// Whether the rows are what the log tells.
    fn is_shown(&self, id: ExecutionId, database: &Oracle) -> Law {
        let record = &database.executions[&id];
        let progress = &record.execution.progress;
        if (progress.last_seq, progress.status.is_terminal()) != (self.seq, self.ended) {
            return Err(format!(
                "the row is {} at {}, the log at {}",
                progress.status.as_str(),
                progress.last_seq,
                self.seq
            ));
        }
        if record.events.len() as i64 != self.seq {
            return Err(format!("{} events are stored, {} were written", record.events.len(), self.seq));
        }
        let rows = database.suspensions.values().filter(|row| row.execution_id == id);
        let rows: BTreeMap<_, _> = rows.map(|row| (row.id, row.state)).collect();
        if rows != self.suspensions {
            return Err(format!("the suspensions are {rows:?}, the log tells {:?}", self.suspensions));
        }
        Ok(())
    }
}

impl Run {
    fn tell(&mut self, boot: usize, attempt: i64, status: NodeStatus) -> Law {
        if self.ended {
            return Err("a run that has ended changes".to_owned());
        }
        if status == NodeStatus::Running {
            if attempt <= self.attempt {
                return Err(format!("attempt {attempt} begins after attempt {}", self.attempt));
            }
            self.begun_by.insert(attempt, boot);
        } else if attempt != self.attempt && status != NodeStatus::Retrying {
            return Err(format!("attempt {attempt} is told of, and {} was begun", self.attempt));
        }
        if matches!(status, NodeStatus::Completed | NodeStatus::Failed | NodeStatus::Retrying) {
            if attempt > 0 && attempt <= self.settled {
                return Err(format!("attempt {attempt} has two outcomes"));
            }
            self.settled = attempt;
        }
        self.attempt = self.attempt.max(attempt);
        self.ended = status.is_final();
        Ok(())
    }
}
