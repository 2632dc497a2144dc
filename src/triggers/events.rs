//! Events from outside: each starts an execution of every deployed workflow of its pod that subscribes to it.
//!
//! Under an idempotency key, what an event starts is written down first: its id, its time, and the workflows and versions it
//! concerns. Each execution then has a key of its own below that of the request, written with it. So a request that was cut
//! off half-way is repeated by starting what is missing, and nothing twice.

use std::sync::Arc;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::{
        execution::{Execution, Presets, TriggeredBy},
        ids::{EventId, ExecutionId, WorkflowId},
        subscription::{IncomingEvent, MAX_SUBSCRIBERS, patterns_of},
    },
    engine::{Engine, EngineError, ReplyFor, Trigger},
    store::{Store, StoreError, catalogue::IdempotentReply},
};

/// How many executions are begun at once: their commits become few.
const AT_ONCE: usize = 32;

/// A workflow that subscribes to an event, in the version that was deployed when the event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscriber {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The version.
    pub version: i64,
}

/// What became of an event at one workflow.
#[derive(Debug)]
pub enum Outcome {
    /// It has started this execution.
    Started(ExecutionId),
    /// The conditions of the subscriptions are not true.
    Unmatched,
    /// A condition could not be evaluated: this is why.
    Unclear(String),
    /// It could not be started.
    Refused(EngineError),
}

/// What became of an event.
#[derive(Debug)]
pub struct Published {
    /// The event, as it was taken.
    pub event: IncomingEvent,
    /// At each workflow whose subscriptions fit its type, in the order of their ids.
    pub outcomes: Vec<(Subscriber, Outcome)>,
}

/// Why an event was not taken. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Too many workflows subscribe to its type.
    #[error(
        "more than {MAX_SUBSCRIBERS} workflows of the pod subscribe to events of this type; no event may start more"
    )]
    TooManySubscribers,
    /// The engine's answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// What is written down of an event before anything is started.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    id: EventId,
    at: Instant,
    subscribers: Vec<Subscriber>,
}

/// What is kept of an execution that was started.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) execution_id: ExecutionId,
}

impl Kept {
    pub(super) fn of(execution: &Execution) -> Self {
        Self { execution_id: execution.origin.id }
    }
}

/// Takes an event on behalf of `by`. `door` is the reply under the request's idempotency key, as far as it is known yet.
/// An event that was taken before under the same key keeps its first id and time.
pub async fn publish(
    engine: &Engine,
    mut event: IncomingEvent,
    by: &str,
    door: Option<&IdempotentReply>,
) -> Result<Published, Refusal> {
    let patterns = patterns_of(&event.event_type);
    let subscribers = engine.store().subscribers(event.workspace_id, event.pod_id, &patterns).await?;
    if subscribers.len() > MAX_SUBSCRIBERS {
        return Err(Refusal::TooManySubscribers);
    }
    let subscribers =
        subscribers.into_iter().map(|(workflow_id, version)| Subscriber { workflow_id, version }).collect();
    let mut plan = Plan { id: event.id, at: event.at, subscribers };
    if let Some(door) = door {
        plan = written_down(&**engine.store(), plan, door).await?;
    }
    (event.id, event.at) = (plan.id, plan.at);
    let (work, by, door) = (Arc::new(event), Arc::<str>::from(by), door.cloned().map(Arc::new));
    let begun = futures_util::stream::iter(plan.subscribers).map(|subscriber| {
        let (engine, event, by, door) = (engine.clone(), Arc::clone(&work), Arc::clone(&by), door.clone());
        async move {
            let outcome = begin(&engine, &event, subscriber, &by, door.as_deref()).await;
            (subscriber, outcome)
        }
    });
    let mut outcomes = Vec::new();
    let mut begun = begun.buffered(AT_ONCE);
    while let Some((subscriber, outcome)) = begun.next().await {
        outcomes.push((subscriber, outcome?));
    }
    drop(begun);
    Ok(Published { event: Arc::unwrap_or_clone(work), outcomes })
}

/// The plan as it was written down first under this key.
async fn written_down(store: &dyn Store, plan: Plan, door: &IdempotentReply) -> Result<Plan, EngineError> {
    let reply = below(door, "event", &plan);
    match store.keep_reply(&reply).await {
        Ok(()) => Ok(plan),
        Err(StoreError::Repeated(stored)) => read(*stored, door),
        Err(error) => Err(error.into()),
    }
}

/// Starts an execution of one workflow, if it wants the event. `Err` only for a key that was used for another request.
async fn begin(
    engine: &Engine,
    event: &IncomingEvent,
    subscriber: Subscriber,
    by: &str,
    door: Option<&IdempotentReply>,
) -> Result<Outcome, EngineError> {
    let Subscriber { workflow_id, version } = subscriber;
    let workflow = match engine.compiled(event.workspace_id, workflow_id, version).await {
        Ok(workflow) => workflow,
        Err(error) => return Ok(Outcome::Refused(error)),
    };
    let wish = match workflow.wants(event) {
        Ok(Some(wish)) => wish,
        Ok(None) => return Ok(Outcome::Unmatched),
        Err(error) => return Ok(Outcome::Unclear(format!("the condition of a subscription: {error}"))),
    };
    let mut context = event.context_of_execution();
    if let Value::Object(context) = &mut context {
        // What the event was is not for a subscription to say.
        context.extend(wish.context.into_iter().filter(|(name, _)| name != "event"));
    }
    let trigger = Trigger {
        workspace_id: event.workspace_id,
        pod_id: event.pod_id,
        workflow_id,
        version: Some(version),
        triggered_by: TriggeredBy::Event,
        trigger_id: Some(event.id.to_string()),
        input: event.data.clone(),
        context,
        subject: event.subject.clone(),
        priority: wish.priority,
        dedupe_key: wish.dedupe_key,
        concurrency_key: None,
        idempotency_key: door.map(|door| door.key.clone()),
        replay_of: None,
        from_node_id: None,
        presets: Presets::new(),
        mocks: false,
        run_at: None,
        expires_in_ms: None,
        debounce: None,
        trace: event.trace.clone(),
        created_by: by.to_owned(),
        slot: None,
    };
    let reply: ReplyFor = door.cloned().map(|door| -> Arc<dyn Fn(&Execution) -> IdempotentReply + Send + Sync> {
        Arc::new(move |execution| below(&door, &workflow_id.to_string(), &Kept::of(execution)))
    });
    match (engine.trigger(trigger, reply).await, door) {
        (Ok(execution), _) => Ok(Outcome::Started(execution.origin.id)),
        (Err(EngineError::Repeated(stored)), Some(door)) => {
            read::<Kept>(*stored, door).map(|kept| Outcome::Started(kept.execution_id))
        }
        (Err(error), _) => Ok(Outcome::Refused(error)),
    }
}

/// A reply under a key below that of the request. No client has such a key: it holds a space.
pub(super) fn below(door: &IdempotentReply, part: &str, body: &impl Serialize) -> IdempotentReply {
    let body = json!(body).to_string();
    IdempotentReply { key: format!("{} {part}", door.key), location: None, body, ..door.clone() }
}

/// What was kept below a key, if it was by the same request.
pub(super) fn read<T: DeserializeOwned>(stored: IdempotentReply, door: &IdempotentReply) -> Result<T, EngineError> {
    if stored.request_digest != door.request_digest {
        return Err(EngineError::Repeated(Box::new(stored)));
    }
    serde_json::from_str(&stored.body)
        .map_err(|error| StoreError::Damaged { what: "reply", reason: error.to_string() }.into())
}
