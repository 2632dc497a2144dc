//! From decided events to one commit: the rows that are projections of them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::{
        artifact::Artifact,
        audit::AuditEntry,
        event::{Event, StandingChange, TaskUpdateEvent},
        execution::{Execution, ExecutionOrigin, ExecutionStatus},
        ids::{InstanceId, TaskId},
        reprocessing::Reprocessing,
        subject::complete_label,
        suspension::{Interrupt, Standing, Suspension, SuspensionState},
        task::{Task, TaskState},
        webhook::WebhookDelivery,
    },
    store::{
        catalogue::IdempotentReply,
        commit::{
            Commit, Debounced, DedupeKey, EventRow, ExecutionWrite, NewChild, Notices, QueueRow, Reprocesses,
            SubjectLabel, SuspensionChange, TaskChange, TimerChange,
        },
        schedules::Settlement,
    },
};

use super::{
    machine::{
        Machine,
        state::{OpenSuspension, State},
    },
    spans::spans,
};

/// How many events a load may have to fold on top of a snapshot, for executions of few nodes.
const SNAPSHOT_EVERY: i64 = 256;

/// What a commit does besides appending.
#[derive(Default)]
pub struct Placement {
    /// The driver afterwards.
    pub driver: Option<InstanceId>,
    /// Whether the execution goes on the queue.
    pub queued: bool,
    /// The reply to be kept for an idempotency key.
    pub idempotency: Option<IdempotentReply>,
    /// The key that the new execution is to stand for.
    pub dedupe: Option<DedupeKey>,
    /// The burst that the new execution is the last one of.
    pub debounce: Option<Debounced>,
    /// Children that are created with it.
    pub children: Vec<NewChild>,
    /// What is sent about suspensions that open with it.
    pub notices: Notices,
    /// What the log does not say of the tasks that begin or are leased with it.
    pub tasks: Vec<TaskFacts>,
    /// The slot of a schedule that it is started for.
    pub slot: Option<Box<Settlement>>,
    /// The delivery to a webhook that it is started for.
    pub delivery: Option<Box<WebhookDelivery>>,
}

/// What a task's row holds beside what the log says.
#[derive(Clone, Debug)]
pub struct TaskFacts {
    /// Which.
    pub id: TaskId,
    /// What there is to do; needed where it begins.
    pub input: Value,
    /// How long its leases last.
    pub lease_ms: i64,
}

/// Where the writer stands.
pub struct Seen {
    /// The position it has folded up to.
    pub seq: i64,
    /// The driver it has seen.
    pub driver: Option<InstanceId>,
    /// The position of the latest snapshot.
    pub snapshot_seq: i64,
    /// The execution's timer.
    pub timer: SeenTimer,
}

impl Seen {
    /// Before an execution's first event: its first commit creates it.
    pub const NOTHING: Self = Self { seq: 0, driver: None, snapshot_seq: 0, timer: SeenTimer::Known(None) };
}

/// What a writer knows of the execution's timer row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenTimer {
    /// Nothing.
    Unknown,
    /// When it is due; none is no row.
    Known(Option<Instant>),
}

/// The rows of events.
pub fn rows(events: &[Event]) -> Vec<EventRow> {
    let row = |event: &Event| EventRow {
        seq: event.seq(),
        feed: event.is_feed().then(|| event.kind()),
        body: event.to_body(),
    };
    events.iter().map(row).collect()
}

/// The commit of what the machine has decided; the first one creates the execution.
pub fn commit(
    machine: &Machine,
    origin: &ExecutionOrigin,
    events: &[Event],
    seen: &Seen,
    now: Instant,
    placement: Placement,
) -> Commit {
    let state = &machine.state;
    debug_assert_eq!(state.seq, seen.seq + events.len() as i64, "an append begins where its writer has folded up to");
    let ended = state.status.is_terminal();
    let due = machine.next_due();
    let since_snapshot = state.seq - seen.snapshot_seq;
    // A snapshot is as large as the state: the larger it is, the rarer it must be written.
    let snapshot_due = !ended && since_snapshot >= SNAPSHOT_EVERY.max(state.runs.len() as i64);
    let write = if seen.seq == 0 {
        ExecutionWrite::Create(Box::new(Execution { origin: origin.clone(), progress: machine.progress() }))
    } else {
        ExecutionWrite::Append {
            pod_id: origin.pod_id,
            workflow_id: origin.workflow_id,
            expected_seq: seen.seq,
            expected_driver: seen.driver,
            progress: Box::new(machine.progress()),
        }
    };
    Commit {
        workspace_id: origin.workspace_id,
        execution_id: origin.id,
        write,
        driver: placement.driver.filter(|_| !ended),
        events: rows(events),
        queue: (placement.queued && !ended).then_some(QueueRow { priority: origin.priority, queued_at: now }),
        timer: match due {
            due if seen.timer == SeenTimer::Known(due) => TimerChange::Keep,
            Some(at) => TimerChange::Set(at),
            None => TimerChange::Clear,
        },
        suspensions: suspensions(origin, events, state),
        tasks: tasks(origin, events, &placement.tasks),
        children: placement.children,
        notices: placement.notices,
        audit: audit(origin, events),
        wake: origin.parent_execution_id.filter(|_| ended),
        idempotency: placement.idempotency,
        dedupe: placement.dedupe,
        debounce: placement.debounce,
        reprocesses: reprocesses(machine, origin, seen),
        slot: placement.slot,
        delivery: placement.delivery,
        snapshot: snapshot_due.then(|| serde_json::to_string(state).expect("a state holds nothing that JSON can't")),
        artifacts: artifacts(events),
        label: completion_label(origin, state, now),
        spans: spans(machine, origin, events),
    }
}

/// What the execution that this one replays or retries is told: when this one begins to be, and when it has ended.
fn reprocesses(machine: &Machine, origin: &ExecutionOrigin, seen: &Seen) -> Option<Reprocesses> {
    let original = origin.replay_of?;
    let state = match (machine.state.status, seen.seq) {
        // A duplicate does nothing.
        (ExecutionStatus::Skipped, 0) => return None,
        (status, _) if status.is_terminal() => Reprocessing::Done,
        (_, 0) => Reprocessing::Pending,
        _ => return None,
    };
    Some(Reprocesses { original, state })
}

/// An open suspension as it is stored and listed.
pub fn open_suspension(origin: &ExecutionOrigin, interrupt: &Interrupt, standing: &Standing) -> Suspension {
    Suspension {
        id: interrupt.suspension_id,
        workspace_id: origin.workspace_id,
        pod_id: origin.pod_id,
        workflow_id: origin.workflow_id,
        execution_id: origin.id,
        state: SuspensionState::Open,
        interrupt: interrupt.clone(),
        standing: standing.clone(),
        decision: None,
        opened_at: interrupt.opened_at,
        closed_at: None,
    }
}

/// What of the events the audit log tells: decisions about suspensions, and cancels that somebody asked for.
fn audit(origin: &ExecutionOrigin, events: &[Event]) -> Vec<AuditEntry> {
    let entry = |at, actor: Option<&String>, action, subject: String, detail: Value| AuditEntry {
        workspace_id: origin.workspace_id,
        at,
        actor: actor.map_or("system", String::as_str).to_owned(),
        action,
        subject,
        detail: detail.as_object().cloned().unwrap_or_default(),
    };
    let mut entries = Vec::new();
    for event in events {
        match event {
            Event::SuspensionUpdate(e) => {
                let action = match (e.state, e.change) {
                    (SuspensionState::Open, Some(StandingChange::Voted)) => "suspension.voted",
                    (SuspensionState::Open, Some(StandingChange::Claimed)) => "suspension.claimed",
                    (SuspensionState::Open, Some(StandingChange::Released)) => "suspension.released",
                    (SuspensionState::Open, Some(StandingChange::Reassigned)) => "suspension.reassigned",
                    (SuspensionState::Open, Some(StandingChange::Escalated)) => "suspension.escalated",
                    (SuspensionState::Open, Some(StandingChange::Reminded) | None) => continue,
                    (SuspensionState::Answered, _) => "suspension.answered",
                    (SuspensionState::Expired, _) => "suspension.expired",
                    (SuspensionState::Cancelled, _) => "suspension.cancelled",
                };
                let source = e.vote.as_ref().map(|vote| vote.source).or(e.decision.as_ref().map(|told| told.source));
                let detail = json!({
                    "executionId": origin.id, "action": e.action, "source": source, "reason": e.reason,
                    "approvers": e.approvers,
                });
                entries.push(entry(e.at, e.by.as_ref(), action, e.suspension_id.to_string(), without_nulls(detail)));
            }
            Event::ExecutionCancelled(e) if e.report.by.is_some() => {
                let detail = without_nulls(json!({ "reason": e.report.reason }));
                entries.push(entry(e.at, e.report.by.as_ref(), "execution.cancelled", origin.id.to_string(), detail));
            }
            _ => {}
        }
    }
    entries
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

fn suspensions(origin: &ExecutionOrigin, events: &[Event], state: &State) -> Vec<SuspensionChange> {
    let mut changes: Vec<SuspensionChange> = Vec::new();
    for event in events {
        match event {
            Event::ExecutionSuspended(e) => {
                let row = open_suspension(origin, &e.interrupt, &Standing::default());
                changes.push(SuspensionChange::Open(Box::new(row)));
            }
            // What it has come to is in the state, unless it was closed since.
            Event::SuspensionUpdate(e) if e.state == SuspensionState::Open => {
                let Some(OpenSuspension { interrupt, standing, .. }) = state.open.get(&e.suspension_id) else {
                    continue;
                };
                let (role, users) = interrupt.policy.answerers(standing);
                match changes.iter_mut().find(|change| change.id() == e.suspension_id) {
                    Some(SuspensionChange::Open(row)) => row.standing.clone_from(standing),
                    Some(SuspensionChange::Update { users: changed, .. }) => {
                        *changed = changed.take().or(e.approvers.as_ref().map(|_| users.to_vec()));
                    }
                    _ => changes.push(SuspensionChange::Update {
                        id: e.suspension_id,
                        standing: Box::new(standing.clone()),
                        role,
                        users: e.approvers.as_ref().map(|_| users.to_vec()),
                    }),
                }
            }
            Event::SuspensionUpdate(e) => {
                let close = |row: &mut Suspension| {
                    row.state = e.state;
                    row.decision.clone_from(&e.decision);
                    row.closed_at = Some(e.at);
                };
                // One that opens and closes in the same commit is one row.
                let opened = changes.iter_mut().find_map(|change| match change {
                    SuspensionChange::Open(row) if row.id == e.suspension_id => Some(row),
                    _ => None,
                });
                if let Some(row) = opened {
                    close(row);
                } else {
                    changes.push(SuspensionChange::Close {
                        id: e.suspension_id,
                        state: e.state,
                        decision: e.decision.clone(),
                        closed_at: e.at,
                    });
                }
            }
            _ => {}
        }
    }
    debug_assert!(state.open.keys().all(|id| {
        !changes.iter().any(|change| matches!(change, SuspensionChange::Close { id: closed, .. } if closed == id))
    }));
    changes
}

/// The label that an execution which completes puts on its subject.
fn completion_label(origin: &ExecutionOrigin, state: &State, at: Instant) -> Option<SubjectLabel> {
    let subject_id = origin.subject.as_deref().filter(|_| state.status == ExecutionStatus::Completed)?.parse().ok()?;
    let name = complete_label(&origin.context)?.to_owned();
    Some(SubjectLabel { pod_id: origin.pod_id, subject_id, name, at })
}

/// The files that the events tell of.
fn artifacts(events: &[Event]) -> Vec<Artifact> {
    let told = events.iter().filter_map(|event| match event {
        Event::NodeArtifact(e) => Some(e.artifact.clone()),
        _ => None,
    });
    told.collect()
}

/// The rows of tasks that the events are about; one row for what begins and goes on in the same commit.
fn tasks(origin: &ExecutionOrigin, events: &[Event], facts: &[TaskFacts]) -> Vec<TaskChange> {
    let mut changes: Vec<TaskChange> = Vec::new();
    for event in events {
        let Event::TaskUpdate(e) = event else { continue };
        let facts = facts.iter().find(|facts| facts.id == e.task_id);
        let added = changes.iter_mut().find_map(|change| match change {
            TaskChange::Add(task) if task.id == e.task_id => Some(task),
            _ => None,
        });
        match (e.state, added) {
            (TaskState::Queued, None) if e.fence == 0 => {
                changes.push(TaskChange::Add(Box::new(new_task(origin, e, facts))));
            }
            (TaskState::Queued, _) => {
                changes.push(TaskChange::Return { id: e.task_id, attempt: e.attempt, queued_at: e.at });
            }
            (TaskState::Leased, added) => {
                let (leased_at, worker_id) = (e.at, e.worker_id.clone().unwrap_or_default());
                let lease_until = e.at.plus_ms(facts.map_or(0, |facts| facts.lease_ms));
                match added {
                    Some(task) => {
                        task.state = TaskState::Leased;
                        task.fence = e.fence;
                        task.worker_id = Some(worker_id);
                        task.leased_at = Some(leased_at);
                        task.lease_until = Some(lease_until);
                    }
                    None => changes.push(TaskChange::Lease {
                        id: e.task_id,
                        fence: e.fence,
                        worker_id,
                        leased_at,
                        lease_until,
                    }),
                }
            }
            (TaskState::Completed | TaskState::Failed | TaskState::Withdrawn, Some(_)) => {
                changes.retain(|change| !matches!(change, TaskChange::Add(task) if task.id == e.task_id));
            }
            (TaskState::Completed | TaskState::Failed | TaskState::Withdrawn, None) => {
                changes.push(TaskChange::Remove(e.task_id));
            }
        }
    }
    changes
}

fn new_task(origin: &ExecutionOrigin, e: &TaskUpdateEvent, facts: Option<&TaskFacts>) -> Task {
    debug_assert!(facts.is_some(), "whoever has a task queued says what there is to do");
    Task {
        id: e.task_id,
        workspace_id: origin.workspace_id,
        pod_id: origin.pod_id,
        workflow_id: origin.workflow_id,
        execution_id: origin.id,
        node_id: e.node_id.clone(),
        address: e.path.clone().unwrap_or_else(|| e.node_id.clone()),
        queue: e.queue.clone(),
        state: TaskState::Queued,
        priority: origin.priority,
        attempt: e.attempt,
        fence: 0,
        input: facts.map(|facts| facts.input.clone()).unwrap_or_default(),
        lease_ms: facts.map_or(0, |facts| facts.lease_ms),
        queued_at: e.at,
        worker_id: None,
        leased_at: None,
        lease_until: None,
        heartbeat_at: None,
    }
}

/// The machine of a loaded execution, folded up to the end of its log.
pub fn fold(
    workflow: Arc<crate::nodes::CompiledWorkflow>,
    loaded: &crate::store::LoadedExecution,
    limits: super::machine::Limits,
) -> Result<Machine, super::EngineError> {
    let damaged =
        |what, reason: serde_json::Error| crate::store::StoreError::Damaged { what, reason: reason.to_string() };
    let mut machine = Machine::new(workflow, &loaded.execution.origin, limits);
    if let Some((_, state)) = &loaded.snapshot {
        machine = machine.at(State::from_snapshot(state).map_err(|error| damaged("snapshot", error))?);
    }
    for stored in &loaded.tail {
        let event = serde_json::from_str(&stored.body).map_err(|error| damaged("event", error))?;
        machine.apply(&event);
    }
    Ok(machine)
}
