//! Those who use the simulated servers: they trigger, answer, cancel, replay and follow, ask again under the same key when they do
//! not know what became of a request, and remember what they were told.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IteratorRandom};
use serde_json::{Value, json};
use sluicegate::{
    clock::Instant,
    domain::{
        execution::{Execution, TriggeredBy},
        identity::Role,
        ids::{ExecutionId, SuspensionId, WorkflowId},
        suspension::{Actor, DecisionSource, Suspension, SuspensionKind},
    },
    engine::{Answer, Answered, CancelRequest, EngineError, Replay, Replayed, Trigger},
    nodes::forms::AnswerInput,
    store::{StoreError, catalogue::IdempotentReply},
};
use tokio::time::{sleep, timeout};

use super::{
    fleet::{Fleet, Running},
    laws::Laws,
    world::{State, World, short},
};

/// How long a client waits for a reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client, with its own share of chance.
pub struct Client {
    pub fleet: Arc<Fleet>,
    random: SmallRng,
}

impl Client {
    pub fn new(fleet: Arc<Fleet>, seed: u64) -> Self {
        Self { fleet, random: SmallRng::seed_from_u64(seed) }
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.fleet.world)
    }

    async fn pause(&mut self, up_to_ms: u64) {
        sleep(Duration::from_millis(self.random.random_range(0..up_to_ms))).await;
    }

    async fn server(&mut self) -> Running {
        loop {
            if let Some(running) = self.fleet.any(&mut self.random) {
                return running;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Triggers an execution, until it has been told which one.
    pub async fn trigger(mut self, workflow: WorkflowId, key: String) -> Option<ExecutionId> {
        loop {
            let on = self.server().await;
            let told =
                timeout(PATIENCE, on.engine.trigger(self.wish(workflow, &key), Some(reply_for(&self.world(), &key))))
                    .await;
            let id = match told {
                Ok(Ok(execution)) => Some(execution.origin.id),
                Ok(Err(EngineError::Repeated(reply))) => Some(reply.body.parse().expect("an id was kept")),
                Ok(Err(error)) if may_pass(&error) => None,
                Ok(Err(error)) => {
                    self.world().check(Err(format!("a trigger is refused: {error}")));
                    return None;
                }
                Err(_) => None,
            };
            if let Some(id) = id {
                let world = self.world();
                let mut state = world.state();
                let State { laws, database, .. } = &mut *state;
                let law = laws.triggered(&key, id, database);
                state.check(law);
                state.note(format_args!("`{key}` is {}", short(id)));
                return Some(id);
            }
            self.pause(800).await;
        }
    }

    fn wish(&mut self, workflow: WorkflowId, key: &str) -> Trigger {
        let run_at_ms = (self.random.random_range(0..6) == 0).then(|| self.random.random_range(0..3_000));
        let expires_in_ms = (self.random.random_range(0..8) == 0).then(|| self.random.random_range(1..1_500));
        let home = self.fleet.world.home;
        Trigger {
            workspace_id: home.workspace,
            pod_id: home.pod,
            workflow_id: workflow,
            version: None,
            triggered_by: TriggeredBy::Sdk,
            trigger_id: None,
            input: json!({"key": key}),
            context: json!({}),
            subject: None,
            priority: None,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: Some(key.to_owned()),
            replay_of: None,
            from_node_id: None,
            presets: std::collections::BTreeMap::new(),
            mocks: false,
            run_at: run_at_ms.map(|ms| self.fleet.world.now().plus_ms(ms)),
            expires_in_ms,
            debounce: None,
            trace: None,
            created_by: "ada".to_owned(),
            slot: None,
        }
    }

    /// Answers whatever is open, now and then twice at once, until the world ends.
    pub async fn answer(mut self) {
        loop {
            self.pause(700).await;
            let open = {
                let world = self.world();
                let state = world.state();
                state.database.open_suspensions().choose(&mut self.random).cloned()
            };
            let Some(open) = open else { continue };
            let first = self.say(&open, "bea");
            if self.random.random_range(0..3) == 0 {
                let second = self.say(&open, "eve");
                tokio::join!(first, second);
            } else {
                first.await;
            }
        }
    }

    /// One answer of one person.
    fn say(&mut self, open: &Suspension, by: &'static str) -> impl Future<Output = ()> + Send + use<> {
        let on = self.fleet.any(&mut self.random);
        let approved = self.random.random_range(0..4) > 0;
        let late = Duration::from_millis(self.random.random_range(0..5));
        let (world, id, of) = (self.world(), open.id, open.execution_id);
        let asks = open.interrupt.kind == SuspensionKind::AskHuman;
        let answer = answer_of(id, by, &if asks { json!(by) } else { json!(approved) });
        let action = match (asks, approved) {
            (true, _) => "answered",
            (false, true) => "approved",
            (false, false) => "rejected",
        };
        async move {
            let Some(on) = on else { return };
            sleep(late).await;
            let workspace = world.home.workspace;
            let Ok(told) = timeout(PATIENCE, on.engine.respond(workspace, of, answer, None)).await else { return };
            let mut state = world.state();
            match told {
                Ok(Answered::Now(_) | Answered::Before(_)) => {
                    state.note(format_args!("{by} has answered {} with {action}", short(id)));
                    let law = Laws::answered(id, by, action, &state.database);
                    state.check(law);
                }
                Err(EngineError::AlreadyClosed(_)) => {}
                Err(error) if may_pass(&error) => {}
                Err(error) => state.check(Err(format!("an answer is refused: {error}"))),
            }
        }
    }

    /// Cancels one of the executions that run.
    pub async fn cancel(mut self) {
        self.pause(10_000).await;
        let live = self.some_execution(true);
        let (Some(id), on) = (live, self.server().await) else { return };
        let request = CancelRequest { by: Some("ada".to_owned()), reason: None };
        let Ok(told) = timeout(PATIENCE, on.engine.cancel(self.fleet.world.home.workspace, id, request)).await else {
            return;
        };
        let world = self.world();
        let mut state = world.state();
        match told {
            Ok(_) | Err(EngineError::Ended) => {
                state.note(format_args!("{} is cancelled", short(id)));
                let status = state.database.executions[&id].execution.progress.status;
                let stops = status.is_terminal() || status.as_str() == "cancelling";
                state.check(if stops {
                    Ok(())
                } else {
                    Err(format!("{} was cancelled, and is {status:?}", short(id)))
                });
            }
            Err(error) if may_pass(&error) => {}
            Err(error) => state.check(Err(format!("a cancel is refused: {error}"))),
        }
    }

    /// Replays one of the executions that have ended.
    pub async fn replay(mut self, key: String) {
        self.pause(12_000).await;
        let Some(id) = self.some_execution(false) else { return };
        let on = self.server().await;
        let replay = Replay { idempotency_key: Some(key.clone()), by: "ada".to_owned(), ..Replay::default() };
        let workspace = self.fleet.world.home.workspace;
        let told =
            timeout(PATIENCE, on.engine.replay(workspace, id, replay, Some(reply_for(&self.world(), &key)))).await;
        let Ok(Ok(Replayed::Execution(execution))) = told else { return };
        let world = self.world();
        let mut state = world.state();
        let State { laws, database, .. } = &mut *state;
        let law = laws.triggered(&key, execution.origin.id, database);
        state.check(law);
        state.note(format_args!("{} is replayed as {}", short(id), short(execution.origin.id)));
    }

    fn some_execution(&mut self, live: bool) -> Option<ExecutionId> {
        let world = self.world();
        let state = world.state();
        let such = state.database.executions.iter().filter(|(_, record)| record.is_live() == live);
        such.map(|(id, _)| *id).choose(&mut self.random)
    }

    /// Follows an execution to its end, over as many servers as it takes: every event once, in order, and only what is stored.
    pub async fn follow(mut self, id: ExecutionId) {
        let (workspace, mut cursor) = (self.fleet.world.home.workspace, 0);
        loop {
            let on = self.server().await;
            let Ok(Ok(row)) = timeout(PATIENCE, on.engine.store().execution(workspace, id)).await else {
                self.pause(500).await;
                continue;
            };
            let mut subscription = on.engine.hub().subscribe(workspace, id, cursor, row.progress.last_seq);
            // A reader goes elsewhere now and then.
            let stays = Duration::from_millis(self.random.random_range(100..8_000));
            let until = tokio::time::Instant::now() + stays;
            while let Ok(Ok((after, chunk))) = tokio::time::timeout_at(until, subscription.next()).await {
                let text = String::from_utf8(chunk.select(after, &[]).to_vec()).expect("frames are text");
                let world = self.world();
                let mut state = world.state();
                for frame in text.split_terminator("\n\n") {
                    let law = self::frame(&state, id, cursor + 1, frame);
                    state.check(law);
                    cursor += 1;
                }
                if chunk.is_end() {
                    state.note(format_args!("{} was followed to its end, {cursor} events", short(id)));
                    return;
                }
            }
            self.pause(300).await;
        }
    }
}

/// An answer: a yes or no for an approval, anything else for a question.
pub fn answer_of(suspension: SuspensionId, by: &str, says: &Value) -> Answer {
    let input = AnswerInput {
        approved: says.as_bool(),
        answer: (!says.is_boolean()).then(|| says.clone()),
        reason: None,
        comment: None,
        data: None,
        action: None,
    };
    let actor = Actor { id: by.to_owned(), source: DecisionSource::Person, role: Some(Role::Editor) };
    Answer { pod_id: None, suspension_id: Some(suspension), node_id: None, actor, input }
}

/// A frame that a reader gets is the next event, as it is stored.
fn frame(state: &State, id: ExecutionId, seq: i64, frame: &str) -> Result<(), String> {
    let stored = state.database.executions.get(&id).and_then(|record| record.events.get(seq as usize - 1));
    let expected = stored.map(|event| format!("id: {seq}\ndata: {}", event.body));
    if expected.as_deref() == Some(frame) {
        return Ok(());
    }
    Err(format!("a reader of {} gets {frame:?} where {expected:?} is stored", short(id)))
}

/// Whether a request that failed so may be made again: it was not carried out, or nobody knows.
fn may_pass(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Unwritten(_)
            | EngineError::Stopping
            | EngineError::Busy
            | EngineError::Conflict
            | EngineError::Store(StoreError::Database(_))
    )
}

/// What is kept for a key: the id.
fn reply_for(world: &World, key: &str) -> Arc<dyn Fn(&Execution) -> IdempotentReply + Send + Sync> {
    let (scope, key, at): (String, String, Instant) = (world.home.workspace.to_string(), key.to_owned(), world.now());
    Arc::new(move |execution: &Execution| IdempotentReply {
        scope: scope.clone(),
        key: key.clone(),
        request_digest: Vec::new(),
        status: 201,
        location: None,
        body: execution.origin.id.to_string(),
        created_at: at,
        forget_at: None,
    })
}
