//! Admission: limits, duplicates and bursts. A trigger finds out here what it shares a limit with; what shares one is held in the
//! queue, and this lets it in: whenever a place in a lane may have become free, and now and then without being told.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        admission::{Debounce, Lane, OnLimit},
        definition::Problem,
        execution::ExecutionOrigin,
        failure::{Failure, FailureCode},
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
    },
    expression::{PathSegment, Scope},
    nodes::{CompiledConcurrency, CompiledWorkflow},
    store::{StoreError, admission::Admitted, commit::Debounced},
};

use super::{
    Engine, EngineError,
    cancel::CancelRequest,
    machine::{Command, Machine},
};

/// How long it is believed that a pod has no limit, where another server may have set one.
const LIMITS_KNOWN_MS: i64 = 1_000;
/// The longest key, in bytes.
const MAX_KEY: usize = 255;
/// How often rows that are held are looked for without being told of any.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The reason of an execution that was skipped for a later one of its burst.
const DEBOUNCED: &str = "debounced";
/// The reason of an execution that was skipped because there was no room.
const NO_ROOM: &str = "concurrency_limit";
/// The reason of an execution that was skipped because another one has the same key.
pub(super) const DUPLICATE: &str = "duplicate";

/// Which pods have limits, or are in a workspace that has one, and when that was read.
#[derive(Debug, Default)]
pub(super) struct KnownLimits(Mutex<HashMap<(WorkspaceId, PodId), (Instant, bool)>>);

/// What the template of a key sees.
struct TriggerScope<'t> {
    input: &'t Value,
    context: &'t Value,
    subject: Option<Value>,
    now: Instant,
}

impl Scope for TriggerScope<'_> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        let PathSegment::Key(name) = path.first()? else { return None };
        let value = match *name {
            "input" => Cow::Borrowed(self.input),
            "context" => Cow::Borrowed(self.context),
            "subject" => self.subject.as_ref().map_or(Cow::Owned(Value::Null), Cow::Borrowed),
            _ => return None,
        };
        Some((value, 1))
    }

    fn now(&self) -> DateTime<Utc> {
        self.now.to_datetime()
    }
}

/// What a new execution is about, as far as limits go.
pub(super) struct Wanted<'t> {
    pub workspace: WorkspaceId,
    pub pod: PodId,
    pub workflow: WorkflowId,
    pub input: &'t Value,
    pub context: &'t Value,
    pub subject: Option<&'t str>,
    /// The key that the trigger names.
    pub key: Option<&'t str>,
}

impl Engine {
    /// What a new execution shares a limit with, or why its key can't be made.
    pub(super) async fn lane(
        &self,
        compiled: &CompiledWorkflow,
        of: Wanted<'_>,
        now: Instant,
    ) -> Result<Result<Option<Lane>, Problem>, EngineError> {
        let Some(concurrency) = &compiled.concurrency else {
            let limited = self.is_limited(of.workspace, of.pod, now).await?;
            return Ok(Ok(limited.then(|| Lane { name: String::new(), limit: None, on_limit: OnLimit::Queue })));
        };
        Ok(key(concurrency, &of, now).map(|key| {
            let name = if key.is_empty() { of.workflow.to_string() } else { format!("{}/{key}", of.workflow) };
            Some(Lane { name, limit: Some(concurrency.limit), on_limit: concurrency.on_limit })
        }))
    }

    async fn is_limited(&self, workspace: WorkspaceId, pod: PodId, now: Instant) -> Result<bool, EngineError> {
        let known = || self.0.limits.0.lock().expect("no holder of this lock panics");
        if let Some((read_at, limited)) = known().get(&(workspace, pod))
            && now.ms_since(*read_at) < LIMITS_KNOWN_MS
        {
            return Ok(*limited);
        }
        let limited = self.0.store.is_limited(workspace, pod).await?;
        let mut known = known();
        known.retain(|_, (read_at, _)| now.ms_since(*read_at) < LIMITS_KNOWN_MS);
        known.insert((workspace, pod), (now, limited));
        Ok(limited)
    }

    /// Notes that the limits of a workspace or of a pod in it have changed.
    pub fn limits_changed(&self, workspace: WorkspaceId) {
        self.0.limits.0.lock().expect("no holder of this lock panics").retain(|(of, _), _| *of != workspace);
        self.0.signals.limits_used();
        self.0.signals.lanes_changed();
    }

    /// The burst that a trigger at `now` is the last one of.
    pub(super) async fn join_burst(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        debounce: &Debounce,
        now: Instant,
    ) -> Result<Debounced, EngineError> {
        let burst = self.0.store.burst(workspace, workflow, &debounce.key).await?;
        let first_at = match burst {
            Some((_, burst, true)) if burst.run_at > now => burst.first_at,
            _ => now,
        };
        let quiet_at = now.plus_ms(debounce.quiet_ms);
        let run_at = debounce.max_ms.map_or(quiet_at, |max_ms| quiet_at.min(first_at.plus_ms(max_ms)));
        Ok(Debounced { key: debounce.key.clone(), first_at, run_at })
    }

    /// The command that skips an execution for a later one of its burst, if there is one.
    pub(super) async fn outdone_in_burst(
        &self,
        origin: &ExecutionOrigin,
        machine: &Machine,
    ) -> Result<Option<Command>, StoreError> {
        let Some(key) = origin.debounce_key.as_deref().filter(|_| machine.state.started_at.is_none()) else {
            return Ok(None);
        };
        let burst = self.0.store.burst(origin.workspace_id, origin.workflow_id, key).await?;
        Ok(burst
            .filter(|(last, ..)| *last != origin.id)
            .map(|(last, ..)| Command::Skip { duplicate_of: Some(last), reason: DEBOUNCED }))
    }

    /// Notes that an execution was queued or has given up its place; `wakes`: others were queued with it.
    pub(super) fn after_commit(&self, origin: &ExecutionOrigin, wakes: bool) {
        if let Some(lane) = &origin.lane {
            self.0.signals.lane_changed(origin.workspace_id, &lane.name);
        }
        if wakes {
            self.lanes_changed();
        }
    }

    pub(super) fn lanes_changed(&self) {
        self.0.signals.lanes_changed();
    }

    /// Lets in what there is room for, whenever there may be some.
    pub(super) async fn admission_loop(&self) {
        let inner = &self.0;
        let mut looked_at = tokio::time::Instant::now();
        let mut look = true;
        loop {
            let (lanes, all) = inner.signals.take_lanes();
            if all || look {
                looked_at = tokio::time::Instant::now();
                self.admit_everywhere().await;
            } else {
                for (workspace, lanes) in lanes {
                    self.admit(workspace, Some(lanes)).await;
                }
            }
            let idle = tokio::time::sleep_until(looked_at + LOOK_EVERY);
            tokio::select! {
                biased;
                () = inner.signals.admission.notified() => look = false,
                () = idle => look = true,
            }
        }
    }

    async fn admit_everywhere(&self) {
        match self.0.store.held_workspaces().await {
            Ok(workspaces) => {
                for workspace in workspaces {
                    self.0.signals.limits_used();
                    self.admit(workspace, None).await;
                }
            }
            Err(error) => tracing::warn!(%error, "the queue could not be looked at; trying again"),
        }
    }

    /// Lets in what there is room for in these lanes, or in all of a workspace.
    async fn admit(&self, workspace: WorkspaceId, lanes: Option<BTreeSet<String>>) {
        loop {
            let admitted = match self.0.store.admit(workspace, lanes.clone()).await {
                Ok(admitted) => admitted,
                Err(error) => {
                    tracing::warn!(%error, "what waits for room could not be let in; trying again");
                    return;
                }
            };
            let Admitted { let_in, turned_away, outdone, more } = admitted;
            if let_in > 0 {
                self.0.signals.queued();
                if self.0.signals.has_peers() {
                    self.0.signals.hint(crate::store::Hint::Queue);
                }
            }
            let moved = let_in > 0 || !turned_away.is_empty();
            for (id, on_limit) in turned_away {
                let command = match on_limit {
                    OnLimit::Fail => {
                        let message = "as many executions as may run at a time are running already";
                        Command::TurnAway(Failure::retryable(FailureCode::ConcurrencyLimit, message))
                    }
                    _ => Command::Skip { duplicate_of: None, reason: NO_ROOM },
                };
                self.settle(workspace, id, command).await;
            }
            for id in outdone {
                let reason = Some("a newer execution took its place (`onLimit: cancel_oldest`)".to_owned());
                match self.cancel(workspace, id, CancelRequest { by: None, reason }).await {
                    Ok(_) | Err(EngineError::Ended) => {}
                    Err(error) => tracing::warn!(execution_id = %id, %error, "an execution could not be cancelled"),
                }
            }
            if !more || !moved {
                return;
            }
        }
    }

    /// Ends executions that had to begin before now.
    pub(super) async fn end_expired(&self, expired: Vec<(WorkspaceId, ExecutionId)>) {
        for (workspace, id) in expired {
            self.settle(workspace, id, Command::Tick).await;
        }
    }

    async fn settle(&self, workspace: WorkspaceId, id: ExecutionId, command: Command) {
        match self.command(workspace, id, command).await {
            Ok(_) | Err(EngineError::Ended) => {}
            Err(error) => tracing::warn!(execution_id = %id, %error, "an execution could not be ended; trying again"),
        }
    }
}

/// The key of a new execution; empty where it has none.
fn key(concurrency: &CompiledConcurrency, of: &Wanted<'_>, now: Instant) -> Result<String, Problem> {
    let problem = |message: String| Problem {
        path: "/settings/concurrency/key".to_owned(),
        message,
        node_id: None,
        edge_id: None,
    };
    let (None, Some(template)) = (of.key, &concurrency.key) else { return Ok(of.key.unwrap_or_default().to_owned()) };
    let subject = of.subject.map(|subject| Value::String(subject.to_owned()));
    let scope = TriggerScope { input: of.input, context: of.context, subject, now };
    let key = match template.render(&scope) {
        Ok(Value::Null) => String::new(),
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => return Err(problem(format!("the key can't be made: {error}"))),
    };
    if key.len() > MAX_KEY || key.contains('\0') {
        return Err(problem(format!("the key must be at most {MAX_KEY} bytes without NUL, not {}", key.len())));
    }
    Ok(key)
}
