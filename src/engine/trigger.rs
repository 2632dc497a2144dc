//! Triggering: a new execution, recorded durably before anybody is told of it. Where there is room it is driven from the very
//! commit that creates it, which then holds what could run without waiting; else it takes its place in the queue.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        admission::{Debounce, DedupeMode},
        execution::{Execution, ExecutionOrigin, Presets, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
        trace::Trace,
        webhook::WebhookDelivery,
        workflow::WorkflowState,
    },
    nodes::{ChildRequest, check_input},
    store::{
        StoreError,
        catalogue::IdempotentReply,
        commit::{Debounced, DedupeKey, NewChild},
        schedules::Settlement,
    },
};

use super::{
    Engine, EngineError,
    admission::{DUPLICATE, Wanted},
    driver::Folded,
    machine::{Command, Machine},
    pace::MINUTE_MS,
    project::{self, Placement, Seen},
};

/// How deep executions may start executions.
const MAX_DEPTH: i32 = 16;

/// A wish for an execution.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The pod that the workflow must be in.
    pub pod_id: PodId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version; none is the latest.
    pub version: Option<i64>,
    /// What triggers it.
    pub triggered_by: TriggeredBy,
    /// The schedule, webhook or event that does.
    pub trigger_id: Option<String>,
    /// What it works on.
    pub input: Value,
    /// What the trigger adds beside the input.
    pub context: Value,
    /// What it is about.
    pub subject: Option<String>,
    /// -100 to 100; none is the workflow's own.
    pub priority: Option<i32>,
    /// Equal keys are duplicates.
    pub dedupe_key: Option<String>,
    /// Equal keys share a limit.
    pub concurrency_key: Option<String>,
    /// The key of the request.
    pub idempotency_key: Option<String>,
    /// The execution that it replays or retries.
    pub replay_of: Option<ExecutionId>,
    /// The node it is replayed from.
    pub from_node_id: Option<String>,
    /// Results that nodes take instead of running.
    pub presets: Presets,
    /// Whether nodes with a mock take that instead of running.
    pub mocks: bool,
    /// Not before this instant.
    pub run_at: Option<Instant>,
    /// Not at all if it has not begun this long after it could, in milliseconds.
    pub expires_in_ms: Option<i64>,
    /// Of a burst of triggers only the last one runs.
    pub debounce: Option<Debounce>,
    /// The trace that it is triggered in.
    pub trace: Option<Trace>,
    /// Who triggers it.
    pub created_by: String,
    /// The slot of a schedule that it is for: written with the execution, whose id the row gets, or neither is.
    pub slot: Option<Box<Settlement>>,
}

/// What became of a trigger.
#[derive(Clone, Debug)]
pub enum Triggered {
    /// A new execution.
    New(Box<Execution>),
    /// Nothing new: the execution that the dedupe key stands for.
    Joined(Box<Execution>),
}

impl Triggered {
    /// The execution.
    pub fn into_execution(self) -> Execution {
        match self {
            Self::New(execution) | Self::Joined(execution) => *execution,
        }
    }
}

/// Makes the reply to be kept for an idempotency key, from the execution as the commit leaves it. None: nothing is kept.
pub type ReplyFor = Option<Arc<dyn Fn(&Execution) -> IdempotentReply + Send + Sync>>;

/// What is written in one commit with what a door has decided.
#[derive(Default)]
pub struct Riders {
    /// The reply to be kept for an idempotency key.
    pub reply: ReplyFor,
    /// The slot of a schedule.
    pub slot: Option<Box<Settlement>>,
    /// The key that the new execution is to stand for.
    pub dedupe: Option<DedupeKey>,
    /// The burst that the new execution is the last one of.
    pub debounce: Option<Debounced>,
    /// The delivery to a webhook.
    pub delivery: Option<Box<WebhookDelivery>>,
    /// The trace that the new execution is part of.
    pub trace: Option<Trace>,
}

impl Engine {
    /// Creates an execution, or finds the one that it would duplicate; when this returns it is durable.
    pub async fn trigger(&self, trigger: Trigger, reply: ReplyFor) -> Result<Execution, EngineError> {
        self.trigger_for(trigger, reply, None).await
    }

    /// As [`Self::trigger`], for a delivery to a webhook: its row gets the id of the execution and is written with it, or
    /// neither is.
    pub async fn trigger_for(
        &self,
        trigger: Trigger,
        reply: ReplyFor,
        delivery: Option<Box<WebhookDelivery>>,
    ) -> Result<Execution, EngineError> {
        Ok(Box::pin(self.create_or_join(trigger, reply, delivery)).await?.into_execution())
    }

    /// As [`Self::trigger`], and says whether the execution is a new one.
    pub async fn trigger_or_join(&self, trigger: Trigger, reply: ReplyFor) -> Result<Triggered, EngineError> {
        self.create_or_join(trigger, reply, None).await
    }

    async fn create_or_join(
        &self,
        trigger: Trigger,
        reply: ReplyFor,
        mut delivery: Option<Box<WebhookDelivery>>,
    ) -> Result<Triggered, EngineError> {
        let inner = &self.0;
        if inner.soft.is_cancelled() {
            return Err(EngineError::Stopping);
        }
        let rate = inner.config.trigger_rate;
        // A slot of a schedule is due when it is due.
        if rate > 0 && trigger.triggered_by != TriggeredBy::Schedule {
            inner.pace.take(trigger.workspace_id, rate, MINUTE_MS, inner.clock.now()).map_err(EngineError::TooFast)?;
        }
        let workflow = inner.store.workflow_head(trigger.workspace_id, trigger.workflow_id).await?;
        if workflow.pod_id != trigger.pod_id {
            return Err(StoreError::NotFound("workflow").into());
        }
        if workflow.state == WorkflowState::Trashed {
            return Err(EngineError::Trashed);
        }
        let version = trigger.version.unwrap_or(workflow.version);
        let compiled = inner.workflows.compiled(trigger.workspace_id, trigger.workflow_id, version).await?;
        check_input(&compiled, &trigger.input).map_err(EngineError::Input)?;
        let now = inner.clock.now();
        let wanted = Wanted {
            workspace: trigger.workspace_id,
            pod: trigger.pod_id,
            workflow: trigger.workflow_id,
            input: &trigger.input,
            context: &trigger.context,
            subject: trigger.subject.as_deref(),
            key: trigger.concurrency_key.as_deref(),
        };
        let lane = self.lane(&compiled, wanted, now).await?.map_err(|problem| EngineError::Input(vec![problem]))?;
        let burst = match &trigger.debounce {
            Some(debounce) => Some(self.join_burst(trigger.workspace_id, trigger.workflow_id, debounce, now).await?),
            None => None,
        };
        let run_at = burst.as_ref().map(|burst| burst.run_at).or(trigger.run_at).filter(|at| *at > now);
        let origin = ExecutionOrigin {
            id: ExecutionId(inner.clock.new_id()),
            workspace_id: trigger.workspace_id,
            pod_id: trigger.pod_id,
            workflow_id: trigger.workflow_id,
            workflow_version: version,
            triggered_by: trigger.triggered_by,
            trigger_id: trigger.trigger_id,
            input: trigger.input,
            context: trigger.context,
            subject: trigger.subject,
            priority: trigger.priority.or(compiled.priority).unwrap_or(trigger.triggered_by.default_priority()),
            dedupe_key: trigger.dedupe_key,
            concurrency_key: trigger.concurrency_key,
            idempotency_key: trigger.idempotency_key,
            parent_execution_id: None,
            depth: 0,
            replay_of: trigger.replay_of,
            from_node_id: trigger.from_node_id,
            presets: trigger.presets,
            mocks: trigger.mocks,
            run_at,
            expires_at: trigger.expires_in_ms.map(|ms| run_at.unwrap_or(now).plus_ms(ms)),
            debounce_key: trigger.debounce.map(|debounce| debounce.key),
            lane,
            created_by: trigger.created_by,
            created_at: now,
        };
        let dedupe = origin.dedupe_key.clone().map(|key| DedupeKey {
            key,
            now,
            forget_at: now.plus_ms(compiled.dedupe.window_ms),
            until_end: compiled.dedupe.until_end,
        });
        let mut slot = trigger.slot;
        for row in slot.iter_mut().flat_map(|settlement| &mut settlement.slots) {
            row.execution_id = Some(origin.id);
        }
        if let Some(row) = &mut delivery {
            row.execution_id = Some(origin.id);
        }
        // A trace that nobody has begun begins here, if somebody wants to see it.
        let own = || inner.config.spans.are_wanted().then(|| Trace::of_execution(origin.id));
        let trace = trigger.trace.or_else(own);
        let riders = Riders { reply: reply.clone(), slot, dedupe, debounce: burst, delivery, trace };
        let machine = || Machine::new(Arc::clone(&compiled), &origin, inner.config.limits);
        match self.create(machine(), &origin, now, riders).await {
            Err(EngineError::Duplicate(of)) => match compiled.dedupe.mode {
                DedupeMode::Skip => {
                    let skipped = self.record_duplicate(machine(), &origin, (now, of), reply).await?;
                    Ok(Triggered::New(Box::new(skipped)))
                }
                DedupeMode::Join => {
                    let first = inner.store.execution(origin.workspace_id, of).await?;
                    Ok(Triggered::Joined(Box::new(first)))
                }
            },
            created => Ok(Triggered::New(Box::new(created?))),
        }
    }

    /// Records an execution that another one has made needless.
    async fn record_duplicate(
        &self,
        mut machine: Machine,
        origin: &ExecutionOrigin,
        (now, of): (Instant, ExecutionId),
        reply: ReplyFor,
    ) -> Result<Execution, EngineError> {
        machine.decide(now, Command::Skip { duplicate_of: Some(of), reason: DUPLICATE });
        let execution = Execution { origin: origin.clone(), progress: machine.progress() };
        let idempotency = reply.map(|reply| reply(&execution));
        let events = machine.take();
        let placement = Placement { idempotency, ..Placement::default() };
        let commit = project::commit(&machine, origin, &events, &Seen::NOTHING, now, placement);
        self.0.committer.commit(commit).await?;
        Ok(execution)
    }

    async fn create(
        &self,
        mut machine: Machine,
        origin: &ExecutionOrigin,
        now: Instant,
        riders: Riders,
    ) -> Result<Execution, EngineError> {
        let inner = &self.0;
        machine.decide(now, Command::Record(riders.trace.clone()));
        // The reply shows the execution as it is recorded; what follows, be it in the same commit, is for the stream.
        let execution = Execution { origin: origin.clone(), progress: machine.progress() };
        let kept = riders.reply.as_ref().map(|reply| reply(&execution));
        let waits = origin.run_at.is_some();
        if !waits
            && origin.lane.is_none()
            && inner.signals.queue_is_empty()
            && let Ok(permit) = inner.places.clone().try_acquire_owned()
        {
            let folded = Folded { origin: origin.clone().into(), machine, seen: Seen::NOTHING };
            let place = self.take_place(folded.origin.id, permit).ok_or(EngineError::Conflict)?;
            let reply =
                kept.map(|kept| -> Arc<dyn Fn(&Execution) -> _ + Send + Sync> { Arc::new(move |_| kept.clone()) });
            self.open(folded, place, Riders { reply, ..riders }).await?;
            return Ok(execution);
        }
        if !waits && self.queue_length(origin.workspace_id, now).await? >= inner.config.queue_limit {
            return Err(EngineError::Busy);
        }
        let events = machine.take();
        let Riders { slot, dedupe, debounce, delivery, .. } = riders;
        let placement =
            Placement { queued: !waits, idempotency: kept, slot, dedupe, debounce, delivery, ..Placement::default() };
        let commit = project::commit(&machine, &execution.origin, &events, &Seen::NOTHING, now, placement);
        match inner.committer.commit(commit).await {
            Ok(()) => {
                self.after_commit(origin, false);
                Ok(execution)
            }
            // Whether it was written is unknown; the row knows.
            Err(EngineError::Unwritten(error)) => {
                match inner.store.execution(execution.origin.workspace_id, execution.origin.id).await {
                    Ok(_) => Ok(execution),
                    Err(StoreError::NotFound(_)) => Err(EngineError::Unwritten(error)),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// How many executions of a workspace wait, counted from the rows at most every half second: counting a long queue takes
    /// longer than adding to it.
    async fn queue_length(&self, workspace: WorkspaceId, now: Instant) -> Result<i64, EngineError> {
        const COUNTED_EVERY_MS: i64 = 500;
        let counts = &self.0.queue_counts;
        {
            let mut counts = counts.lock().expect("no holder of this lock panics");
            if let Some((counted_at, length)) = counts.get_mut(&workspace)
                && now.ms_since(*counted_at) < COUNTED_EVERY_MS
            {
                *length += 1;
                return Ok(*length - 1);
            }
        }
        let length = self.0.store.queue_length(workspace).await?;
        let mut counts = counts.lock().expect("no holder of this lock panics");
        counts.retain(|_, (counted_at, _)| now.ms_since(*counted_at) < COUNTED_EVERY_MS);
        counts.insert(workspace, (now, length + 1));
        Ok(length)
    }

    /// The rows of a child that a node of `parent` starts, or why there can't be one. `by` is the parent's machine and the run.
    pub(super) async fn prepare_child(
        &self,
        parent: &ExecutionOrigin,
        by: (&Machine, &str),
        id: ExecutionId,
        request: &ChildRequest,
        now: Instant,
    ) -> Result<Result<NewChild, Failure>, EngineError> {
        let inner = &self.0;
        let unavailable = |message: String| Failure::new(FailureCode::WorkflowUnavailable, message);
        if parent.depth >= MAX_DEPTH {
            let message = format!("sub-workflows are nested more than {MAX_DEPTH} deep");
            return Ok(Err(unavailable(message)));
        }
        let workflow = match inner.store.workflow_head(parent.workspace_id, request.workflow_id).await {
            Ok(workflow) if workflow.state != WorkflowState::Trashed => workflow,
            Ok(_) => return Ok(Err(unavailable(format!("workflow {} is in the trash", request.workflow_id)))),
            Err(StoreError::NotFound(_)) => {
                return Ok(Err(unavailable(format!("workflow {} does not exist", request.workflow_id))));
            }
            Err(error) => return Err(error.into()),
        };
        let version = request.version.unwrap_or(workflow.version);
        let compiled = match inner.workflows.compiled(parent.workspace_id, request.workflow_id, version).await {
            Ok(compiled) => compiled,
            Err(EngineError::Store(StoreError::NotFound(_))) => {
                let message = format!("workflow {} has no version {version}", request.workflow_id);
                return Ok(Err(unavailable(message)));
            }
            Err(EngineError::Definition(problems)) => {
                let message = problems.first().map_or("the definition does not hold", |problem| &problem.message);
                return Ok(Err(unavailable(format!("workflow {}: {message}", request.workflow_id))));
            }
            Err(error) => return Err(error),
        };
        if let Err(problems) = check_input(&compiled, &request.input) {
            let message = problems.first().map_or("it does not fit", |problem| &problem.message);
            return Ok(Err(Failure::new(FailureCode::InvalidValue, format!("input of the child: {message}"))));
        }
        let wanted = Wanted {
            workspace: parent.workspace_id,
            pod: workflow.pod_id,
            workflow: request.workflow_id,
            input: &request.input,
            context: &parent.context,
            subject: parent.subject.as_deref(),
            key: None,
        };
        let lane = match self.lane(&compiled, wanted, now).await? {
            Ok(lane) => lane,
            Err(problem) => {
                let message = format!("the child's limit: {}", problem.message);
                return Ok(Err(Failure::new(FailureCode::InvalidValue, message)));
            }
        };
        let (replay_of, from_node_id, presets) =
            match self.child_of_replay(parent, &by.0.workflow, by.1, &compiled).await? {
                Ok(Some(replay)) => (Some(replay.of), Some(replay.from), replay.presets),
                Ok(None) => (None, None, Presets::new()),
                Err(failure) => return Ok(Err(failure)),
            };
        let origin = ExecutionOrigin {
            id,
            workspace_id: parent.workspace_id,
            pod_id: workflow.pod_id,
            workflow_id: request.workflow_id,
            workflow_version: version,
            triggered_by: TriggeredBy::Subworkflow,
            trigger_id: None,
            input: request.input.clone(),
            context: parent.context.clone(),
            subject: parent.subject.clone(),
            priority: parent.priority,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: None,
            parent_execution_id: Some(parent.id),
            depth: parent.depth + 1,
            replay_of,
            from_node_id,
            presets,
            mocks: parent.mocks,
            run_at: None,
            expires_at: None,
            debounce_key: None,
            lane,
            created_by: parent.created_by.clone(),
            created_at: now,
        };
        let mut machine = Machine::new(compiled, &origin, inner.config.limits);
        machine.decide(now, Command::Record(by.0.trace_below(parent.id, by.1)));
        let events = project::rows(&machine.take());
        let progress = machine.progress();
        let queue = crate::store::commit::QueueRow { priority: origin.priority, queued_at: now };
        Ok(Ok(NewChild { execution: Execution { origin, progress }, events, queue }))
    }
}
