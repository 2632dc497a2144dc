//! A batch of members in the shape of the tables.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    domain::{
        audit::AuditEntry,
        execution::{Execution, ExecutionProgress},
        ids::{ExecutionId, InstanceId, PodId, WorkflowId, WorkspaceId},
        subject::label_problem,
    },
    store::{
        catalogue::IdempotentReply,
        commit::{Commit, Debounced, DedupeKey, EventRow, ExecutionWrite, Reprocesses, SuspensionChange, TimerChange},
    },
};

use super::super::{
    artifacts::{self, artifact_row},
    backend::{Cell, cells},
    batch::Rows,
    notifications::add_notices,
    schedules,
    subjects::label_row,
    tail::TailRow,
    tasks::{self, TaskRows},
    webhooks,
};

/// What decides about one member.
#[derive(Clone, Debug)]
pub struct Member {
    pub execution: Uuid,
    pub key: Option<(Arc<str>, Arc<str>)>,
    pub schedule: Option<Uuid>,
}

/// The rows of a batch, by table.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub keys: Rows,
    pub dedupes: Rows,
    pub debounces: Rows,
    pub schedules: Rows,
    pub slots: Rows,
    pub appends: Rows,
    pub creates: Rows,
    pub children: Rows,
    pub reprocessed: Rows,
    pub events: Rows,
    pub feed: Rows,
    pub opened: Rows,
    pub updated: Rows,
    pub closed: Rows,
    pub approvers_gone: Rows,
    pub approvers: Rows,
    pub tasks: TaskRows,
    pub notifications: Rows,
    pub links: Rows,
    pub deliveries: Rows,
    pub uploads: Rows,
    pub artifacts: Rows,
    pub queue: Rows,
    pub wakes: Rows,
    pub timers: Rows,
    pub cleared: Rows,
    pub snapshots: Rows,
    pub labels: Rows,
    /// With their members; they get their rows when the chain's end is known.
    pub audit: Vec<(usize, AuditEntry)>,
}

/// A batch in the shape of the tables.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    pub members: Vec<Member>,
    pub tables: Tables,
}

/// PostgreSQL can't keep a NUL in a text; refusing it here makes both databases answer alike. JSON has none: it is
/// escaped there.
pub fn holds_nul(member: &Commit) -> bool {
    let nul = |text: &str| text.contains('\0');
    let some = |text: &Option<String>| text.as_deref().is_some_and(nul);
    let execution = |execution: &Execution| {
        let origin = &execution.origin;
        nul(&origin.created_by)
            || [
                &origin.trigger_id,
                &origin.subject,
                &origin.dedupe_key,
                &origin.concurrency_key,
                &origin.idempotency_key,
                &origin.from_node_id,
                &origin.debounce_key,
            ]
            .into_iter()
            .any(some)
            || origin.lane.as_ref().is_some_and(|lane| nul(&lane.name))
    };
    matches!(&member.write, ExecutionWrite::Create(created) if execution(created))
        || member.children.iter().any(|child| execution(&child.execution))
        || member
            .idempotency
            .as_ref()
            .is_some_and(|reply| nul(&reply.scope) || nul(&reply.key) || nul(&reply.body) || some(&reply.location))
        || member.children.iter().flat_map(|child| &child.events).chain(&member.events).any(|event| nul(&event.body))
        || member.snapshot.as_deref().is_some_and(nul)
        || member.suspensions.iter().any(|change| match change {
            SuspensionChange::Open(opened) => {
                let policy = &opened.interrupt.policy;
                nul(&policy.requester) || policy.answerers(&opened.standing).1.iter().any(|user| nul(user))
            }
            SuspensionChange::Update { standing, users, .. } => {
                standing.claim.as_ref().is_some_and(|claim| nul(&claim.by))
                    || users.iter().flatten().any(|user| nul(user))
            }
            SuspensionChange::Close { .. } => false,
        })
        || member.tasks.iter().any(tasks::holds_nul)
        || member.dedupe.as_ref().is_some_and(|dedupe| nul(&dedupe.key))
        || member.notices.links.iter().any(|link| some(&link.user_id))
        || member.audit.iter().any(|entry| nul(&entry.actor) || nul(&entry.subject))
        || member.slot.as_ref().is_some_and(|settlement| schedules::holds_nul(settlement))
        || member.artifacts.iter().any(artifacts::holds_nul)
        || member.label.as_ref().is_some_and(|label| label_problem(&label.name).is_some())
        || member.delivery.as_ref().is_some_and(|delivery| webhooks::holds_nul(delivery))
}

impl Prepared {
    pub fn new<'m>(batch: impl Iterator<Item = &'m Commit>) -> Self {
        let mut prepared = Self::default();
        for commit in batch {
            prepared.add(commit);
        }
        prepared
    }

    fn add(&mut self, commit: &Commit) {
        let member = self.members.len();
        let (workspace, id) = (commit.workspace_id, commit.execution_id);
        let tables = &mut self.tables;
        let key = commit.idempotency.as_ref().map(|reply| tables.add_key(member, commit.execution_id, reply));
        if let Some(settlement) = &commit.slot {
            schedules::add_rows(settlement, member, &mut tables.schedules, &mut tables.slots);
        }
        let (pod, workflow, progress) = match &commit.write {
            ExecutionWrite::Create(execution) => {
                tables.creates.push(member, execution_row(execution, commit.driver));
                (execution.origin.pod_id, execution.origin.workflow_id, &execution.progress)
            }
            ExecutionWrite::Append { pod_id, workflow_id, expected_seq, expected_driver, progress } => {
                let mut row = cells![workspace, id, *expected_seq, *expected_driver, commit.driver];
                row.extend(progress_row(progress));
                tables.appends.push(member, row);
                (*pod_id, *workflow_id, &**progress)
            }
        };
        if let Some(DedupeKey { key, now, forget_at, until_end }) = &commit.dedupe {
            let until_end = i64::from(*until_end);
            tables.dedupes.push(member, cells![workspace, workflow, key, id, *now, *forget_at, until_end]);
        }
        if let Some(Debounced { key, first_at, run_at }) = &commit.debounce {
            tables.debounces.push(member, cells![workspace, workflow, key, id, *first_at, *run_at]);
        }
        if let Some(Reprocesses { original, state }) = commit.reprocesses {
            tables.reprocessed.push(member, cells![workspace, original, id, state.as_str()]);
        }
        tables.add_events(member, workspace, pod, workflow, id, &commit.events);
        for child in &commit.children {
            let origin = &child.execution.origin;
            tables.children.push(member, execution_row(&child.execution, None));
            tables.add_events(member, workspace, origin.pod_id, origin.workflow_id, origin.id, &child.events);
            tables
                .queue
                .push(member, cells![workspace, origin.id, Some(child.queue.priority), Some(child.queue.queued_at)]);
        }
        for change in &commit.suspensions {
            tables.add_suspension(member, commit.workspace_id, change);
        }
        for change in &commit.tasks {
            tables.tasks.add(member, workspace, change);
        }
        add_notices(member, &commit.notices, &mut tables.notifications, &mut tables.links);
        if let Some(delivery) = &commit.delivery {
            tables.deliveries.push(member, webhooks::delivery_row(delivery));
        }
        for artifact in &commit.artifacts {
            tables.uploads.push(member, cells![workspace, artifact.id]);
            tables.artifacts.push(member, artifact_row(workspace, artifact));
        }
        if let Some(place) = commit.queue {
            tables.queue.push(member, cells![workspace, id, Some(place.priority), Some(place.queued_at)]);
        }
        if let Some(woken) = commit.wake {
            let at = progress.finished_at.or(commit.queue.map(|place| place.queued_at));
            tables.wakes.push(member, cells![workspace, woken, None::<i64>, at]);
        }
        match commit.timer {
            TimerChange::Keep => {}
            TimerChange::Clear => tables.cleared.push(member, cells![workspace, id]),
            TimerChange::Set(due_at) => tables.timers.push(member, cells![workspace, id, due_at]),
        }
        if let Some(state) = &commit.snapshot {
            tables.snapshots.push(member, cells![workspace, id, progress.last_seq, state]);
        }
        if let Some(label) = &commit.label {
            tables.labels.push(member, label_row(workspace, label));
        }
        tables.audit.extend(commit.audit.iter().map(|entry| (member, entry.clone())));
        let schedule = commit.slot.as_ref().map(|settlement| settlement.schedule_id.0);
        self.members.push(Member { execution: id.0, key, schedule });
    }
}

impl Tables {
    fn add_key(&mut self, member: usize, execution: ExecutionId, reply: &IdempotentReply) -> (Arc<str>, Arc<str>) {
        let (scope, key): (Arc<str>, Arc<str>) = (reply.scope.as_str().into(), reply.key.as_str().into());
        self.keys.push(
            member,
            cells![
                Arc::clone(&scope),
                Arc::clone(&key),
                &reply.request_digest,
                reply.status,
                reply.location.as_deref(),
                reply.created_at,
                reply.forget_at,
                // What is kept for ever goes with the execution that it speaks of.
                reply.forget_at.is_none().then_some(execution),
                &reply.body,
            ],
        );
        (scope, key)
    }

    fn add_events(
        &mut self,
        member: usize,
        workspace: WorkspaceId,
        pod: PodId,
        workflow: WorkflowId,
        execution: ExecutionId,
        events: &[EventRow],
    ) {
        for event in events {
            self.events.push(member, cells![workspace, execution, event.seq, &event.body]);
            if let Some(kind) = event.feed {
                self.feed.push(member, cells![workspace, pod, workflow, execution, event.seq, kind]);
            }
        }
    }

    /// The rows of the feed as they were written, the last one at this position.
    pub fn tail(&self, last: i64) -> Vec<TailRow> {
        let mut events = self.events.iter();
        let first = last + 1 - self.feed.len() as i64;
        let rows = self.feed.iter().zip(first..).map(|(row, position)| match row {
            [
                Cell::Id(Some(workspace)),
                Cell::Id(Some(pod)),
                Cell::Id(Some(workflow)),
                Cell::Id(Some(id)),
                Cell::Int(Some(seq)),
                Cell::Text(Some(kind)),
            ] => {
                // Events are in the order of the feed, which has some of them.
                let body = events.find_map(|event| match event {
                    [_, Cell::Id(Some(execution)), Cell::Int(Some(at)), Cell::Text(Some(body))]
                        if (execution, at) == (id, seq) =>
                    {
                        Some(Arc::clone(body))
                    }
                    _ => None,
                })?;
                let (workspace, pod, workflow) = (WorkspaceId(*workspace), PodId(*pod), WorkflowId(*workflow));
                let execution = ExecutionId(*id);
                Some(TailRow { position, workspace, pod, workflow, execution, seq: *seq, kind: Arc::clone(kind), body })
            }
            _ => None,
        });
        rows.collect::<Option<_>>().unwrap_or_default()
    }

    /// Leaves out what belongs to members that failed.
    pub fn retain(&mut self, alive: impl Fn(usize) -> bool) {
        let Self {
            keys,
            dedupes,
            debounces,
            schedules,
            slots,
            appends,
            creates,
            children,
            reprocessed,
            events,
            feed,
            opened,
            updated,
            closed,
            approvers_gone,
            approvers,
            tasks: TaskRows { added, moved, extended, removed },
            notifications,
            links,
            deliveries,
            uploads,
            artifacts,
            queue,
            wakes,
            timers,
            cleared,
            snapshots,
            labels,
            audit,
        } = self;
        audit.retain(|(member, _)| alive(*member));
        for rows in [
            keys,
            dedupes,
            debounces,
            schedules,
            slots,
            appends,
            creates,
            children,
            reprocessed,
            events,
            feed,
            opened,
            updated,
            closed,
            approvers_gone,
            approvers,
            added,
            moved,
            extended,
            removed,
            notifications,
            links,
            deliveries,
            uploads,
            artifacts,
            queue,
            wakes,
            timers,
            cleared,
            snapshots,
            labels,
        ] {
            rows.retain(&alive);
        }
    }
}

fn execution_row(execution: &Execution, driver: Option<InstanceId>) -> Vec<Cell> {
    let (origin, progress) = (&execution.origin, &execution.progress);
    cells![
        origin.workspace_id,
        origin.id,
        origin.pod_id,
        origin.workflow_id,
        origin.workflow_version,
        progress.status.as_str(),
        progress.last_seq,
        driver,
        origin.triggered_by.as_str(),
        origin.trigger_id.as_deref(),
        origin.subject.as_deref(),
        origin.priority,
        origin.dedupe_key.as_deref(),
        origin.concurrency_key.as_deref(),
        origin.idempotency_key.as_deref(),
        origin.parent_execution_id,
        origin.depth,
        origin.replay_of,
        origin.from_node_id.as_deref(),
        origin.run_at,
        &origin.created_by,
        origin.created_at,
        progress.queued_at,
        progress.started_at,
        progress.finished_at,
        progress.suspended_at,
        progress.waited_ms,
        origin.lane.as_ref().map(|lane| lane.name.as_str()),
        origin.lane.as_ref().and_then(|lane| lane.limit),
        origin.lane.as_ref().map(|lane| lane.on_limit.as_str()),
        origin.expires_at,
        origin.debounce_key.as_deref(),
        progress.duplicate_of,
        Cell::json(&progress.stats),
        Cell::json(&origin.input),
        Cell::json(&origin.context),
        if origin.presets.is_empty() { Cell::Text(None) } else { Cell::json(&origin.presets) },
        i64::from(origin.mocks),
        progress.output.as_ref().map_or(Cell::Text(None), Cell::json),
        progress.error.as_ref().map_or(Cell::Text(None), Cell::json),
    ]
}

fn progress_row(progress: &ExecutionProgress) -> Vec<Cell> {
    cells![
        progress.status.as_str(),
        progress.last_seq,
        progress.queued_at,
        progress.started_at,
        progress.finished_at,
        progress.suspended_at,
        progress.waited_ms,
        progress.duplicate_of,
        Cell::json(&progress.stats),
        progress.output.as_ref().map_or(Cell::Text(None), Cell::json),
        progress.error.as_ref().map_or(Cell::Text(None), Cell::json),
    ]
}
