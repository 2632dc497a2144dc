//! Reprocessing: what has been done about a subject is done again, by one new execution per workflow with the input and the
//! context of its latest execution about the subject. At once for one subject; at a measured pace for many.

use std::{collections::HashSet, sync::Arc};

use futures_util::StreamExt;
use serde_json::{Map, Value, json};

use crate::{
    clock::Instant,
    domain::{
        execution::{Execution, ExecutionStatus, Presets, TriggeredBy},
        ids::{ExecutionId, SubjectId, WorkflowId},
        subject::{CONTEXT_MEMBER, Subject},
        workflow::{Workflow, WorkflowState},
    },
    engine::{Engine, EngineError, ReplyFor, Trigger},
    store::{ExecutionFilter, Store, StoreError, catalogue::IdempotentReply},
};

use super::events::{self, Kept};

/// The most executions that one call asks for.
pub const MAX_EXECUTIONS: usize = 10_000;
/// The most workflows that a subject is reprocessed by.
pub const MAX_WORKFLOWS: usize = 200;
/// How many executions are begun at once: their commits become few.
const AT_ONCE: usize = 32;
/// What can be replayed; of what was skipped nothing was done.
const FINISHED: [ExecutionStatus; 3] =
    [ExecutionStatus::Completed, ExecutionStatus::Failed, ExecutionStatus::Cancelled];

/// What is to be done again.
#[derive(Clone, Debug)]
pub struct Reprocess {
    /// By these workflows; if there are none, by all of the pod that have executions about the subject and are not in the
    /// trash.
    pub workflows: Vec<WorkflowId>,
    /// Members that replace those of the context.
    pub context: Map<String, Value>,
    /// What triggers an execution that is not a replay, because the workflow has finished none about the subject.
    pub triggered_by: TriggeredBy,
    /// Who asks.
    pub by: String,
    /// The reply under the request's idempotency key, as far as it is known yet: what it has created before is not created again.
    pub door: Option<IdempotentReply>,
}

/// An execution that could not be created.
#[derive(Debug)]
pub struct NotReprocessed {
    /// About which subject.
    pub subject_id: SubjectId,
    /// Of which workflow.
    pub workflow_id: WorkflowId,
    /// Why.
    pub error: EngineError,
}

/// What was created, in the order of subjects and workflows, and what could not be.
#[derive(Debug)]
pub struct Reprocessed<T> {
    /// The executions.
    pub executions: Vec<T>,
    /// The others.
    pub failed: Vec<NotReprocessed>,
}

/// Why nothing was created.
#[derive(Debug, thiserror::Error)]
pub enum ReprocessRefusal {
    /// A workflow can't be asked for; the index is that of the list.
    #[error("workflow {index} of the list: {error}")]
    Workflow {
        /// Its place in the list.
        index: usize,
        /// Why.
        error: EngineError,
    },
    /// It would be too many executions.
    #[error("{0} executions are more than the {MAX_EXECUTIONS} that one call may ask for")]
    TooMany(usize),
    /// The engine's answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for ReprocessRefusal {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Does again what has been done about one subject: a new execution per workflow, queued at once. Each replays the latest execution
/// of its workflow about the subject that has finished.
pub async fn reprocess(
    engine: &Engine,
    subject: &Subject,
    wanted: Reprocess,
) -> Result<Reprocessed<Execution>, ReprocessRefusal> {
    let wishes = wishes(&**engine.store(), std::slice::from_ref(subject), &wanted.workflows).await?;
    let plan = wishes.into_iter().map(|wish| (wish, None)).collect();
    Ok(create(engine, plan, wanted, |execution| execution).await)
}

/// The same for many subjects, at a pace: so many executions a second become ready. They are `pending` until their time has come;
/// the first one's comes one step from now. At most [`MAX_EXECUTIONS`].
pub async fn reprocess_later(
    engine: &Engine,
    subjects: &[Subject],
    wanted: Reprocess,
    per_second: u32,
) -> Result<Reprocessed<ExecutionId>, ReprocessRefusal> {
    let wishes = wishes(&**engine.store(), subjects, &wanted.workflows).await?;
    let now = engine.clock().now();
    let plan = wishes.into_iter().zip(1_i64..).map(|(wish, number)| {
        let wait_ms = (number * 1_000 / i64::from(per_second.max(1))).max(1);
        (wish, Some(now.plus_ms(wait_ms)))
    });
    Ok(create(engine, plan.collect(), wanted, |execution| execution.origin.id).await)
}

/// One execution that is wanted.
struct Wish {
    subject: Arc<Subject>,
    workflow: Workflow,
}

/// Which executions are wanted; nothing is created where one of them can't be asked for.
async fn wishes(store: &dyn Store, subjects: &[Subject], by: &[WorkflowId]) -> Result<Vec<Wish>, ReprocessRefusal> {
    let mut named: Vec<Workflow> = Vec::new();
    for (index, id) in by.iter().enumerate() {
        let refused = |error| ReprocessRefusal::Workflow { index, error };
        if let Some(subject) = subjects.first() {
            let workflow = store.workflow_head(subject.workspace_id, *id).await;
            let workflow = workflow.map_err(|error| refused(error.into()))?;
            if workflow.pod_id != subject.pod_id {
                return Err(refused(StoreError::NotFound("workflow").into()));
            }
            if workflow.state == WorkflowState::Trashed {
                return Err(refused(EngineError::Trashed));
            }
            if named.iter().all(|other| other.id != workflow.id) {
                named.push(workflow);
            }
        }
    }
    let mut wishes = Vec::new();
    let mut seen = HashSet::new();
    for subject in subjects.iter().filter(|subject| seen.insert(subject.id)) {
        let workflows = if by.is_empty() { about(store, subject).await? } else { named.clone() };
        let subject = Arc::new(subject.clone());
        wishes.extend(workflows.into_iter().map(|workflow| Wish { subject: Arc::clone(&subject), workflow }));
        if wishes.len() > MAX_EXECUTIONS {
            // What the rest would add is not worth reading.
            return Err(ReprocessRefusal::TooMany(wishes.len()));
        }
    }
    Ok(wishes)
}

/// The workflows of the subject's pod that have executions about it and can be started.
async fn about(store: &dyn Store, subject: &Subject) -> Result<Vec<Workflow>, StoreError> {
    let id = subject.id.to_string();
    let ids = store.workflows_about(subject.workspace_id, subject.pod_id, &id, MAX_WORKFLOWS as i64).await?;
    let mut workflows = Vec::new();
    for id in ids {
        let workflow = store.workflow_head(subject.workspace_id, id).await?;
        if workflow.state != WorkflowState::Trashed {
            workflows.push(workflow);
        }
    }
    Ok(workflows)
}

/// Creates what is wanted, each at its time; without one at once.
async fn create<T: Send>(
    engine: &Engine,
    plan: Vec<(Wish, Option<Instant>)>,
    wanted: Reprocess,
    show: impl Fn(Execution) -> T,
) -> Reprocessed<T> {
    let wanted = Arc::new(wanted);
    let begun = futures_util::stream::iter(plan).map(|(wish, run_at)| {
        let (engine, wanted) = (engine.clone(), Arc::clone(&wanted));
        async move {
            let (subject_id, workflow_id) = (wish.subject.id, wish.workflow.id);
            let created = Box::pin(create_one(&engine, &wish, run_at, &wanted)).await;
            created.map_err(|error| NotReprocessed { subject_id, workflow_id, error })
        }
    });
    let mut begun = Box::pin(begun.buffered(AT_ONCE));
    let (executions, failed) = (Vec::new(), Vec::new());
    let mut done = Reprocessed { executions, failed };
    while let Some(outcome) = begun.next().await {
        match outcome {
            Ok(execution) => done.executions.push(show(execution)),
            Err(error) => done.failed.push(error),
        }
    }
    done
}

async fn create_one(
    engine: &Engine,
    Wish { subject, workflow }: &Wish,
    run_at: Option<Instant>,
    wanted: &Reprocess,
) -> Result<Execution, EngineError> {
    let store = engine.store();
    let latest = latest(&**store, subject, workflow.id, Vec::new()).await?;
    let finished = match &latest {
        Some(latest) if !FINISHED.contains(&latest.progress.status) => {
            self::latest(&**store, subject, workflow.id, FINISHED.to_vec()).await?.map(|finished| finished.origin.id)
        }
        latest => latest.as_ref().map(|latest| latest.origin.id),
    };
    // A list has no contexts.
    let origin = match latest {
        Some(latest) => Some(store.execution(subject.workspace_id, latest.origin.id).await?.origin),
        None => None,
    };
    let mut context = match origin.as_ref().map(|origin| &origin.context) {
        Some(Value::Object(context)) => context.clone(),
        _ => Map::new(),
    };
    context.insert(CONTEXT_MEMBER.to_owned(), subject.shown_in_context());
    context.extend(wanted.context.clone());
    let trigger = Trigger {
        workspace_id: subject.workspace_id,
        pod_id: subject.pod_id,
        workflow_id: workflow.id,
        version: workflow.deployed_version,
        triggered_by: if finished.is_some() { TriggeredBy::Replay } else { wanted.triggered_by },
        trigger_id: None,
        input: origin.as_ref().map_or_else(|| json!({}), |origin| origin.input.clone()),
        context: Value::Object(context),
        subject: Some(subject.id.to_string()),
        priority: origin.as_ref().map(|origin| origin.priority),
        mocks: origin.as_ref().is_some_and(|origin| origin.mocks),
        dedupe_key: None,
        concurrency_key: origin.and_then(|origin| origin.concurrency_key),
        idempotency_key: wanted.door.as_ref().map(|door| door.key.clone()),
        replay_of: finished,
        from_node_id: None,
        presets: Presets::new(),
        run_at,
        expires_in_ms: None,
        debounce: None,
        trace: None,
        created_by: wanted.by.clone(),
        slot: None,
    };
    let part = format!("{} {}", subject.id, workflow.id);
    let reply: ReplyFor = wanted.door.clone().map(|door| -> Arc<dyn Fn(&Execution) -> IdempotentReply + Send + Sync> {
        Arc::new(move |execution| events::below(&door, &part, &Kept::of(execution)))
    });
    match (engine.trigger(trigger, reply).await, &wanted.door) {
        (Err(EngineError::Repeated(stored)), Some(door)) => {
            let kept: Kept = events::read(*stored, door)?;
            Ok(store.execution(subject.workspace_id, kept.execution_id).await?)
        }
        (created, _) => created,
    }
}

/// The latest execution of a workflow about a subject, in one of these statuses; in any, if there are none. Without its context.
async fn latest(
    store: &dyn Store,
    subject: &Subject,
    workflow: WorkflowId,
    statuses: Vec<ExecutionStatus>,
) -> Result<Option<Execution>, StoreError> {
    let filter = ExecutionFilter {
        pod_id: Some(subject.pod_id),
        workflow_id: Some(workflow),
        subject: Some(subject.id.to_string()),
        statuses,
        ..ExecutionFilter::default()
    };
    Ok(store.executions(subject.workspace_id, &filter, 1, None).await?.items.pop())
}
