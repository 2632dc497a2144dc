//! Tasks of the execution being driven. A worker that waits already gets its task with the very commit that queues it: between
//! the end of the node before and the worker there is one flush.

use super::{Address, Commit, Driver, Instant, TaskFacts, TaskId};
use crate::{
    domain::{task::TaskState, trace::TraceHeaders},
    engine::{
        machine::Command,
        tasks::{Leased, Reserved},
    },
    nodes::TaskRequest,
    store::commit::TaskChange,
};

/// A worker that gets a task once the events that say so are durable.
pub(super) struct Handed {
    task: TaskId,
    to: Reserved,
    deadline: Option<Instant>,
    trace: Option<TraceHeaders>,
}

impl Driver {
    /// Notes what there is to do, and asks whether a worker waits for it.
    pub(super) fn offer_task(&mut self, id: TaskId, request: &TaskRequest) -> Option<Reserved> {
        self.tasks.push(TaskFacts { id, input: request.input.clone(), lease_ms: request.lease_ms });
        self.engine.0.broker.reserve((self.origin.workspace_id, self.origin.pod_id), &request.queue)
    }

    /// Leases a task that was just queued to a worker that waits.
    pub(super) fn hand_over(&mut self, now: Instant, address: &Address, task: TaskId, to: Reserved) {
        let worker = to.worker().to_owned();
        self.machine.decide(now, Command::Lease { address: address.clone(), task, worker });
        let standing = self.machine.state.run(address).and_then(|run| run.task.as_ref());
        if standing.is_some_and(|standing| standing.task_id == task && standing.state == TaskState::Leased) {
            let deadline = self.machine.deadline_of_task(address);
            let trace = self.machine.trace_headers(self.origin.id, address);
            self.handed.push(Handed { task, to, deadline, trace });
        }
    }

    /// Who gets what, if this commit is written.
    pub(super) fn take_handed(&mut self, commit: &Commit) -> Vec<(Reserved, Leased)> {
        let row = |id: TaskId| {
            commit.tasks.iter().find_map(|change| match change {
                TaskChange::Add(task) if task.id == id => Some(Box::clone(task)),
                _ => None,
            })
        };
        let context = &self.origin.context;
        let leased = |Handed { task, to, deadline, trace }| {
            Some((to, Leased { task: row(task)?, context: context.clone(), deadline, trace }))
        };
        std::mem::take(&mut self.handed).into_iter().filter_map(leased).collect()
    }
}
