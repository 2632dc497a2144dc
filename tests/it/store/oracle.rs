//! What a store is meant to do, in a few maps: slow, simple, and with nothing of SQL in it. The differential test proves that both
//! databases do the same; the simulator runs the engine on it.

use std::collections::BTreeMap;

use sluicegate::{
    clock::Instant,
    domain::{
        audit::AuditEntry,
        execution::Execution,
        identity::{Member, Role},
        ids::{ExecutionId, InstanceId, PodId, SuspensionId, WorkspaceId},
        suspension::{Suspension, SuspensionState},
        workflow::{Pod, Workflow},
    },
    store::{
        Fired, LoadedExecution, Repairs, StoreError, StoredEvent,
        catalogue::{Change, IdempotentReply},
        commit::{Commit, CommitError, ExecutionWrite, SuspensionChange, TimerChange},
    },
};

#[derive(Clone, Default)]
pub struct Oracle {
    pub executions: BTreeMap<ExecutionId, Record>,
    pub queue: BTreeMap<ExecutionId, (i32, Instant)>,
    pub timers: BTreeMap<ExecutionId, Instant>,
    pub suspensions: BTreeMap<SuspensionId, Suspension>,
    pub feed: Vec<(ExecutionId, i64)>,
    /// When they were last heard of.
    pub instances: BTreeMap<InstanceId, Instant>,
    pub pods: BTreeMap<PodId, Pod>,
    pub members: BTreeMap<String, Member>,
    pub workflows: BTreeMap<sluicegate::domain::ids::WorkflowId, Workflow>,
    pub replies: BTreeMap<(String, String), IdempotentReply>,
    /// What commits told of.
    pub audit: Vec<AuditEntry>,
}

#[derive(Clone)]
pub struct Record {
    pub execution: Execution,
    pub driver: Option<InstanceId>,
    pub events: Vec<StoredEvent>,
    pub snapshot: Option<(i64, String)>,
}

impl Record {
    pub fn is_live(&self) -> bool {
        !self.execution.progress.status.is_terminal()
    }

    pub fn loaded(&self) -> LoadedExecution {
        let after = self.snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        LoadedExecution {
            execution: self.execution.clone(),
            driver: self.driver,
            snapshot: self.snapshot.clone(),
            tail: self.events.iter().filter(|event| event.seq > after).cloned().collect(),
        }
    }
}

impl Oracle {
    pub fn commit(&mut self, batch: &[Commit]) -> Vec<Result<(), CommitError>> {
        let mut woken = Vec::new();
        let results = batch.iter().map(|commit| self.commit_one(commit, &mut woken)).collect();
        // Wake-ups come last: what they see is the whole batch.
        for (parent, at) in woken {
            self.enqueue(parent, None, at);
        }
        results
    }

    fn commit_one(&mut self, commit: &Commit, woken: &mut Vec<(ExecutionId, Instant)>) -> Result<(), CommitError> {
        let refused = || Err(CommitError::Refused(String::new()));
        if let ExecutionWrite::Create(execution) = &commit.write
            && execution.origin.subject.as_deref().is_some_and(|subject| subject.contains('\0'))
        {
            return refused();
        }
        if let Some(reply) = &commit.idempotency
            && let Some(stored) = self.kept(reply)
        {
            return Err(CommitError::Repeated(Box::new(stored)));
        }
        match &commit.write {
            ExecutionWrite::Create(_) if self.executions.contains_key(&commit.execution_id) => {
                return Err(CommitError::Conflict);
            }
            ExecutionWrite::Append { expected_seq, expected_driver, .. }
                if !self.executions.get(&commit.execution_id).is_some_and(|record| {
                    (record.execution.progress.last_seq, record.driver) == (*expected_seq, *expected_driver)
                }) =>
            {
                return Err(CommitError::Conflict);
            }
            _ => {}
        }
        let reopened = commit.suspensions.iter().any(|change| match change {
            SuspensionChange::Open(opened) => self.suspensions.contains_key(&opened.id),
            SuspensionChange::Update { .. } | SuspensionChange::Close { .. } => false,
        });
        if reopened || commit.children.iter().any(|child| self.executions.contains_key(&child.execution.origin.id)) {
            return refused();
        }
        self.write(commit, woken);
        Ok(())
    }

    fn write(&mut self, commit: &Commit, woken: &mut Vec<(ExecutionId, Instant)>) {
        let id = commit.execution_id;
        self.audit.extend(commit.audit.iter().cloned());
        if let Some(reply) = &commit.idempotency {
            self.replies.insert((reply.scope.clone(), reply.key.clone()), reply.clone());
        }
        match &commit.write {
            ExecutionWrite::Create(execution) => self.insert((**execution).clone(), commit.driver),
            ExecutionWrite::Append { progress, .. } => {
                let record = self.executions.get_mut(&id).expect("it was looked up");
                record.execution.progress = (**progress).clone();
                record.driver = commit.driver;
            }
        }
        for child in &commit.children {
            self.insert(child.execution.clone(), None);
        }
        let of_children = commit
            .children
            .iter()
            .flat_map(|child| child.events.iter().map(|event| (child.execution.origin.id, event)));
        for (id, event) in commit.events.iter().map(|event| (id, event)).chain(of_children) {
            let record = self.executions.get_mut(&id).expect("it was written");
            record.events.push(StoredEvent { seq: event.seq, body: event.body.clone() });
            if event.feed.is_some() {
                self.feed.push((id, event.seq));
            }
        }
        if let Some(state) = &commit.snapshot {
            let record = self.executions.get_mut(&id).expect("it was written");
            record.snapshot = Some((record.execution.progress.last_seq, state.clone()));
        }
        for change in &commit.suspensions {
            match change {
                SuspensionChange::Open(opened) => {
                    self.suspensions.insert(opened.id, (**opened).clone());
                }
                SuspensionChange::Update { id, standing, .. } => {
                    let present = self.suspensions.get_mut(id);
                    if let Some(present) = present.filter(|present| present.state == SuspensionState::Open) {
                        present.standing = (**standing).clone();
                    }
                }
                SuspensionChange::Close { id, state, decision, closed_at } => {
                    let present = self.suspensions.get_mut(id);
                    if let Some(present) = present.filter(|present| present.state == SuspensionState::Open) {
                        present.state = *state;
                        present.decision.clone_from(decision);
                        present.closed_at = Some(*closed_at);
                    }
                }
            }
        }
        for child in &commit.children {
            self.enqueue(child.execution.origin.id, Some(child.queue.priority), child.queue.queued_at);
        }
        if let Some(place) = commit.queue {
            self.enqueue(id, Some(place.priority), place.queued_at);
        }
        match commit.timer {
            TimerChange::Keep => {}
            TimerChange::Clear => drop(self.timers.remove(&id)),
            TimerChange::Set(at) => drop(self.timers.insert(id, at)),
        }
        if let Some(parent) = commit.wake {
            let at = self.executions[&id].execution.progress.finished_at.expect("who wakes its parent has ended");
            woken.push((parent, at));
        }
    }

    fn insert(&mut self, execution: Execution, driver: Option<InstanceId>) {
        let record = Record { execution, driver, events: Vec::new(), snapshot: None };
        self.executions.insert(record.execution.origin.id, record);
    }

    fn enqueue(&mut self, id: ExecutionId, priority: Option<i32>, at: Instant) {
        let Some(record) = self.executions.get(&id).filter(|record| record.is_live()) else { return };
        let priority = priority.unwrap_or(record.execution.origin.priority);
        let place = self.queue.entry(id).or_insert((priority, at));
        *place = (place.0.max(priority), place.1.min(at));
    }

    fn kept(&self, reply: &IdempotentReply) -> Option<IdempotentReply> {
        let stored = self.replies.get(&(reply.scope.clone(), reply.key.clone()))?;
        stored.forget_at.is_none_or(|forget_at| forget_at > reply.created_at).then(|| stored.clone())
    }

    pub fn claim(&mut self, instance: InstanceId, limit: usize) -> Vec<(WorkspaceId, ExecutionId)> {
        let mut order: Vec<_> = self
            .queue
            .iter()
            .filter(|(id, _)| self.executions[id].driver.is_none_or(|driver| driver == instance))
            .map(|(id, (priority, at))| (at.0 - i64::from(*priority) * 60_000, *id))
            .collect();
        order.sort_unstable();
        let mut claimed = Vec::new();
        for (_, id) in order.into_iter().take(limit) {
            self.queue.remove(&id);
            let record = self.executions.get_mut(&id).expect("it is queued");
            if record.is_live() {
                record.driver = Some(instance);
                claimed.push((record.execution.origin.workspace_id, id));
            }
        }
        claimed
    }

    pub fn driven_by(&self, instance: InstanceId) -> Vec<(WorkspaceId, ExecutionId)> {
        let driven = self.executions.values().filter(|record| record.driver == Some(instance));
        driven.map(|record| (record.execution.origin.workspace_id, record.execution.origin.id)).collect()
    }

    pub fn fire_timers(&mut self, now: Instant, limit: usize) -> Fired {
        let mut due: Vec<_> = self.timers.iter().map(|(id, at)| (*at, *id)).filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        due.truncate(limit);
        let mut fired = Fired::default();
        for (at, id) in due {
            let of = self.executions.get(&id).map(|record| &record.execution);
            let expires_at = of.filter(|of| of.progress.started_at.is_none()).and_then(|of| of.origin.expires_at);
            match (of, expires_at) {
                (Some(of), Some(expires_at)) if expires_at <= now => {
                    fired.expired.push((of.origin.workspace_id, id));
                    continue;
                }
                (_, Some(expires_at)) => drop(self.timers.insert(id, expires_at)),
                (_, None) => drop(self.timers.remove(&id)),
            }
            self.enqueue(id, None, at);
            fired.moved += 1;
        }
        fired
    }

    pub fn release(&mut self, instance: InstanceId, ids: &[(WorkspaceId, ExecutionId)], now: Instant) {
        for (_, id) in ids {
            if let Some(record) = self.executions.get_mut(id).filter(|record| record.driver == Some(instance)) {
                record.driver = None;
                self.enqueue(*id, None, now);
            }
        }
    }

    pub fn renew(&mut self, instance: InstanceId, now: Instant) -> bool {
        self.instances.get_mut(&instance).map(|heard_at| *heard_at = now).is_some()
    }

    pub fn alive(&self, lease_ms: i64, now: Instant) -> usize {
        self.instances.values().filter(|heard_at| heard_at.0 >= now.0 - lease_ms).count()
    }

    pub fn reconcile(&mut self, instance: InstanceId, lease_ms: i64, now: Instant, alone: bool) -> Repairs {
        self.instances.retain(|other, heard_at| *other == instance || (heard_at.0 >= now.0 - lease_ms && !alone));
        let lost: Vec<ExecutionId> = self
            .executions
            .iter()
            .filter(|(_, record)| record.driver.is_some_and(|driver| !self.instances.contains_key(&driver)))
            .map(|(id, _)| *id)
            .collect();
        for id in &lost {
            self.executions.get_mut(id).expect("it was found").driver = None;
            self.enqueue(*id, None, now);
        }
        self.replies.retain(|_, reply| reply.forget_at.is_none_or(|forget_at| forget_at > now));
        let orphans: Vec<ExecutionId> = self
            .executions
            .iter()
            .filter(|(id, record)| record.is_live() && !self.will_be_woken(**id))
            .map(|(id, _)| *id)
            .collect();
        for id in &orphans {
            self.enqueue(*id, None, now);
        }
        Repairs { taken_over: lost.len() as u64, requeued: orphans.len() as u64 }
    }

    /// Whether something goes on with an execution, or ever will.
    pub fn will_be_woken(&self, id: ExecutionId) -> bool {
        let is_child = |other: &Record| other.execution.origin.parent_execution_id == Some(id);
        self.executions[&id].driver.is_some()
            || self.queue.contains_key(&id)
            || self.timers.contains_key(&id)
            || self.open_suspensions().any(|suspension| suspension.execution_id == id)
            || self.executions.values().any(|other| other.is_live() && is_child(other))
    }

    pub fn open_suspensions(&self) -> impl Iterator<Item = &Suspension> {
        self.suspensions.values().filter(|suspension| suspension.state == SuspensionState::Open)
    }

    /// A change of the catalogue; only of the kinds that the differential test makes.
    pub fn change(&mut self, change: &Change, idempotency: Option<&IdempotentReply>) -> Result<(), StoreError> {
        if let Some(stored) = idempotency.and_then(|reply| self.kept(reply)) {
            return Err(StoreError::Repeated(Box::new(stored)));
        }
        match change {
            Change::CreatePod(pod) | Change::UpdatePod(pod) => {
                let creates = matches!(change, Change::CreatePod(_));
                if !creates && !self.pods.contains_key(&pod.id) {
                    return Err(StoreError::NotFound("pod"));
                }
                if self.pods.values().any(|other| other.slug == pod.slug && other.id != pod.id) {
                    return Err(StoreError::Taken("slug"));
                }
                self.pods.insert(pod.id, pod.clone());
            }
            Change::DeletePod(_, id) => {
                let inside = |record: &Record| record.execution.origin.pod_id == *id;
                if self.executions.values().any(|record| inside(record) && record.is_live()) {
                    return Err(StoreError::Refused("an execution in it has not ended"));
                }
                if self.pods.remove(id).is_none() {
                    return Err(StoreError::NotFound("pod"));
                }
                self.executions.retain(|_, record| !inside(record));
                let left = |id: &ExecutionId| self.executions.contains_key(id);
                self.queue.retain(|id, _| left(id));
                self.timers.retain(|id, _| left(id));
                self.feed.retain(|(id, _)| left(id));
                self.suspensions.retain(|_, suspension| left(&suspension.execution_id));
                self.workflows.retain(|_, workflow| workflow.pod_id != *id);
            }
            Change::PutMember(member) => {
                if member.role != Role::Owner {
                    self.needs_other_owner(&member.user_id)?;
                }
                let created_at = self.members.get(&member.user_id).map_or(member.created_at, |old| old.created_at);
                self.members.insert(member.user_id.clone(), Member { created_at, ..member.clone() });
            }
            Change::RemoveMember(_, user) => {
                if !self.members.contains_key(user) {
                    return Err(StoreError::NotFound("member"));
                }
                self.needs_other_owner(user)?;
                self.members.remove(user);
            }
            Change::CreateWorkflow(workflow, _) => {
                if !self.pods.contains_key(&workflow.pod_id) {
                    return Err(StoreError::NotFound("pod"));
                }
                self.workflows.insert(workflow.id, workflow.clone());
            }
            Change::UpdateWorkflow { workflow, expected_updated_at, new_version } => {
                let Some(present) = self.workflows.get_mut(&workflow.id) else {
                    return Err(StoreError::NotFound("workflow"));
                };
                if present.updated_at != *expected_updated_at {
                    return Err(StoreError::Refused("the workflow has changed meanwhile"));
                }
                let before = present.definition.take();
                *present = workflow.clone();
                present.definition = new_version.as_ref().map(|(definition, _)| definition.clone()).or(before);
            }
            other => unreachable!("{other:?} is not made"),
        }
        if let Some(reply) = idempotency {
            self.replies.insert((reply.scope.clone(), reply.key.clone()), reply.clone());
        }
        Ok(())
    }

    fn needs_other_owner(&self, user: &str) -> Result<(), StoreError> {
        let another = |member: &Member| member.role == Role::Owner && member.user_id != user;
        if self.members.values().any(another) { Ok(()) } else { Err(StoreError::Refused("a workspace needs an owner")) }
    }
}
