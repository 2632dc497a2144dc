//! One node by itself: what it gives, or what it would do, with values that the caller names.
//!
//! It is compiled like a node of a workflow and started like one, with the same guard around its effect. But nothing is recorded:
//! what a driver would do next (ask, wait, queue a task, start a child) is told and not done. What the effect itself does
//! outside, such as an HTTP call, does happen.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{Engine, EngineError, driver::screen::Screen, machine::json_size};
use crate::{
    clock::Instant,
    domain::{
        event::LogLevel,
        failure::{Failure, FailureCode},
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
        suspension::{Action, OnExpiry, Policy, SuspensionKind},
    },
    expression::{PathSegment, Scope},
    nodes::{
        ChildRequest, CompiledNode, Effect, EffectContext, Entry, NodeContext, Outcome, Question, Report, Step,
        TaskRequest, Verdict,
    },
    secrets::Opened,
};

/// How many nodes are tested at a time in this process.
static PLACES: Semaphore = Semaphore::const_new(32);
/// The longest that a test takes, in milliseconds; a shorter `timeoutMs` of the node holds.
const LONGEST_MS: i64 = 30_000;
/// How many log lines are told.
const MAX_LOGS: usize = 1_000;
/// The id that a tested node has.
pub const TESTED: &str = "tested";

/// The values that a tested node sees, by the names of expressions.
#[derive(Clone, Debug, Default)]
pub struct TestValues {
    /// `input`.
    pub input: Value,
    /// `lastOutput`; none is the input.
    pub last_output: Option<Value>,
    /// `context`.
    pub context: Map<String, Value>,
    /// Outputs of other nodes, by id.
    pub outputs: BTreeMap<String, Value>,
    /// `item` and `index`, as in the body of a loop.
    pub item: Option<(Value, u64)>,
    /// `variables`.
    pub variables: Option<Map<String, Value>>,
}

/// Where a node is tested, and by whom.
#[derive(Clone, Debug)]
pub struct TestPlace {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The pod.
    pub pod_id: PodId,
    /// Who tests.
    pub by: String,
}

/// How the test of a node ended, or what the node would do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestStatus {
    /// It has an output.
    Completed,
    /// It failed; an execution would now retry, take the `error` port, or fail.
    Failed,
    /// `runIf` does not hold.
    Skipped,
    /// It would ask.
    Suspended,
    /// It would wait until an instant.
    Waiting,
    /// It would start a child execution.
    Child,
    /// It would queue a task.
    Task,
    /// It would run its body once for each item.
    Iterates,
}

/// What the test of a node gave.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestedNode {
    /// How it ended.
    pub status: TestStatus,
    /// The output (completed).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Arc<Value>>,
    /// What went wrong (failed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The port it finishes through, if not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Why it is passed over (skipped).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the wait would end (waiting).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Instant>,
    /// What it would ask (suspended).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<TestedQuestion>,
    /// What it would start (child).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<TestedChild>,
    /// What it would queue (task).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TestedTask>,
    /// What its body would run for (iterates).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>)]
    pub items: Option<Vec<Value>>,
    /// What it logged: 1000 lines at most.
    pub logs: Vec<TestedLine>,
    /// How long it took.
    pub duration_ms: u64,
}

/// A line that a tested node has logged.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestedLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
}

/// What a tested node would ask. Whom it would tell is left out: that may hold secrets.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestedQuestion {
    /// Approval or question.
    pub kind: SuspensionKind,
    /// A heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The message or question.
    pub message: String,
    /// What the reviewer would see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub context: Option<Value>,
    /// JSON Schema of the answer's `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub form: Option<Value>,
    /// Answers to choose from.
    pub choices: Vec<String>,
    /// Actions to choose from.
    pub actions: Vec<Action>,
    /// Whether a rejection would need a reason.
    pub require_reason: bool,
    /// When it would expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// What would happen then.
    pub on_expiry: OnExpiry,
    /// Who might answer, and how many would have to; groups as they are written.
    pub policy: Policy,
}

/// The child execution that a tested node would start.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestedChild {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version; missing is the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Its input.
    #[schema(value_type = Value)]
    pub input: Value,
    /// Whether the node would wait for its end.
    pub wait: bool,
}

/// The task that a tested node would queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestedTask {
    /// The queue.
    pub queue: String,
    /// What there would be to do.
    #[schema(value_type = Value)]
    pub input: Value,
    /// How long a lease would last without a sign of life.
    pub lease_ms: i64,
}

impl Engine {
    /// Runs one node with the given values. Dropping this stops it.
    pub async fn test_node(
        &self,
        node: CompiledNode,
        place: TestPlace,
        values: TestValues,
    ) -> Result<TestedNode, EngineError> {
        let _place = PLACES.try_acquire().map_err(|_| EngineError::Busy)?;
        if self.0.soft.is_cancelled() {
            return Err(EngineError::Stopping);
        }
        let now = self.0.clock.now();
        let id = ExecutionId(self.0.clock.new_id());
        let begun = tokio::time::Instant::now();
        let mut logs = Vec::new();
        let limit = node.common.timeout_ms.unwrap_or(LONGEST_MS).min(LONGEST_MS);
        let secrets = match node.secrets.as_slice() {
            [] => None,
            names => match self.open_secrets(place.workspace_id, names).await? {
                Ok(secrets) => Some(secrets),
                Err(failure) => return Ok(tell(Outcome::Fail(failure))),
            },
        };
        let mut screen = Screen::new(secrets.as_ref());
        let mut journal = Vec::new();
        let (mut outcome, skipped) = loop {
            let (step, skipped) = begin(&node, id, &place, values.clone(), now, (secrets.as_ref(), &journal));
            let outcome = match step {
                Step::Done(outcome) => outcome,
                Step::Effect(effect) => {
                    let limit = limit - begun.elapsed().as_millis() as i64;
                    let told = (&mut screen, &mut logs, &mut journal);
                    self.run_effect(effect, id, &place, limit, told).await
                }
            };
            // A run in several parts goes on until it has an end, or would wait.
            if !matches!(outcome, Outcome::Again) {
                break (outcome, skipped);
            }
        };
        screen.outcome(&mut outcome);
        let outcome = self.bounded(outcome);
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut tested = TestedNode { logs, duration_ms, ..tell(outcome) };
        if skipped.is_some() {
            tested = TestedNode { status: TestStatus::Skipped, output: None, reason: skipped, ..tested };
        }
        Ok(tested)
    }

    async fn run_effect(
        &self,
        effect: Box<dyn Effect>,
        id: ExecutionId,
        place: &TestPlace,
        limit_ms: i64,
        (screen, logs, journal): (&mut Screen, &mut Vec<TestedLine>, &mut Vec<Entry>),
    ) -> Outcome {
        let (reports, mut told) = mpsc::channel(64);
        let (outbound, documents) = match self.reach_of(place.workspace_id).await {
            Ok(reach) => reach,
            Err(failure) => return Outcome::Fail(failure),
        };
        let context = EffectContext {
            outbound,
            documents,
            sandbox: self.0.sandbox.clone(),
            reports,
            cancelled: CancellationToken::new(),
            execution_id: id,
            workspace_id: place.workspace_id,
        };
        let late = self.0.clock.sleep_until(self.0.clock.now().plus_ms(limit_ms));
        tokio::pin!(late);
        let mut work = effect.run(context);
        let mut keep = |report: Report| match screen.report(report) {
            Some(Report::Log { level, message, data }) if logs.len() < MAX_LOGS => {
                logs.push(TestedLine { level, message, data });
            }
            Some(Report::Action { kind, detail, .. }) => {
                journal.push(Entry { kind: kind.to_owned(), detail: Arc::new(detail) });
            }
            _ => {}
        };
        let outcome = loop {
            tokio::select! {
                biased;
                Some(report) = told.recv() => keep(report),
                outcome = &mut work => break outcome,
                () = &mut late => break Outcome::Fail(Failure::retryable(
                    FailureCode::Timeout,
                    format!("the test took longer than {limit_ms} ms"),
                )),
                () = self.0.hard.cancelled() => break Outcome::Fail(Failure::retryable(
                    FailureCode::Interrupted,
                    "the server stopped while the node ran",
                )),
            }
        };
        while let Ok(report) = told.try_recv() {
            keep(report);
        }
        outcome
    }

    /// An execution would refuse an output that is too large, too.
    fn bounded(&self, outcome: Outcome) -> Outcome {
        let most = self.0.config.limits.output_bytes;
        match outcome {
            Outcome::Complete(done) if json_size(&done.output) > most => Outcome::Fail(Failure::new(
                FailureCode::LimitExceeded,
                format!("the output is larger than {most} bytes"),
            )),
            other => other,
        }
    }
}

/// Judges the condition in front of the node and starts it; why it is passed over, if it is.
fn begin(
    node: &CompiledNode,
    id: ExecutionId,
    place: &TestPlace,
    values: TestValues,
    now: Instant,
    (secrets, journal): (Option<&Opened>, &[Entry]),
) -> (Step, Option<String>) {
    let last_output = Arc::new(values.last_output.clone().unwrap_or_else(|| values.input.clone()));
    let outputs: Vec<(String, Arc<Value>)> =
        values.outputs.iter().map(|(id, output)| (id.clone(), Arc::new(output.clone()))).collect();
    let incoming: Vec<(&str, Arc<Value>)> =
        outputs.iter().map(|(id, output)| (id.as_str(), Arc::clone(output))).collect();
    let scope = TestScope { names: names(id, place, values, &last_output, now), secrets, now };
    match node.run_if.as_ref().map_or(Verdict::Run, |run_if| run_if.judge(&scope)) {
        Verdict::Run => {}
        Verdict::PassOver(reason) => return (Outcome::output(Value::Null).into(), Some(reason)),
        Verdict::Fail(failure) => return (failure.into(), None),
    }
    let context = NodeContext {
        scope: &scope,
        now,
        last_output: &last_output,
        incoming: &incoming,
        idempotency_key: format!("{id}/{TESTED}"),
        attempt: 1,
        journal,
    };
    (node.node.start(&context), None)
}

/// The names of the language, as a run of a workflow would see them. The one place that knows them here.
fn names(
    id: ExecutionId,
    place: &TestPlace,
    values: TestValues,
    last_output: &Value,
    now: Instant,
) -> Map<String, Value> {
    let results: Map<String, Value> = values
        .outputs
        .iter()
        .map(|(id, output)| (id.clone(), json!({ "output": output, "status": "completed", "error": null })))
        .collect();
    // Names of the language go before ids of nodes.
    let mut names: Map<String, Value> = values.outputs.into_iter().collect();
    names.insert("input".to_owned(), values.input);
    names.insert("lastOutput".to_owned(), last_output.clone());
    names.insert("context".to_owned(), Value::Object(values.context));
    names.insert("nodeResults".to_owned(), Value::Object(results));
    let execution = json!({
        "id": id,
        "workspaceId": place.workspace_id,
        "podId": place.pod_id,
        "createdAt": now,
        "createdBy": place.by,
        "triggeredBy": "manual",
    });
    names.insert("execution".to_owned(), execution);
    if let Some((item, index)) = values.item {
        names.insert("item".to_owned(), item);
        names.insert("index".to_owned(), index.into());
    }
    if let Some(variables) = values.variables {
        names.insert("variables".to_owned(), Value::Object(variables));
    }
    names
}

struct TestScope<'a> {
    names: Map<String, Value>,
    secrets: Option<&'a Opened>,
    now: Instant,
}

impl Scope for TestScope<'_> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        match path {
            [PathSegment::Key("secrets"), PathSegment::Key(name), ..] => {
                Some((Cow::Borrowed(self.secrets?.get(name)?), 2))
            }
            [PathSegment::Key("secrets"), ..] => None,
            _ => self.names.resolve(path),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.now.to_datetime()
    }
}

/// What an outcome would lead to.
fn tell(outcome: Outcome) -> TestedNode {
    let nothing = TestedNode {
        status: TestStatus::Completed,
        output: None,
        error: None,
        branch: None,
        reason: None,
        resume_at: None,
        question: None,
        child: None,
        task: None,
        items: None,
        logs: Vec::new(),
        duration_ms: 0,
    };
    match outcome {
        Outcome::Complete(done) => TestedNode { output: Some(done.output), branch: done.port, ..nothing },
        Outcome::Fail(failure) => TestedNode { status: TestStatus::Failed, error: Some(failure), ..nothing },
        Outcome::Wait { until } => TestedNode { status: TestStatus::Waiting, resume_at: Some(until), ..nothing },
        Outcome::Suspend(question) => {
            TestedNode { status: TestStatus::Suspended, question: Some(asked(*question)), ..nothing }
        }
        Outcome::Child(child) => {
            let ChildRequest { workflow_id, version, input, wait } = *child;
            let child = TestedChild { workflow_id, version, input, wait };
            TestedNode { status: TestStatus::Child, child: Some(child), ..nothing }
        }
        Outcome::Task(task) => {
            let TaskRequest { queue, input, lease_ms } = *task;
            TestedNode { status: TestStatus::Task, task: Some(TestedTask { queue, input, lease_ms }), ..nothing }
        }
        Outcome::Again => nothing,
        Outcome::Iterate(items) => TestedNode { status: TestStatus::Iterates, items: Some(items), ..nothing },
    }
}

fn asked(question: Question) -> TestedQuestion {
    TestedQuestion {
        kind: question.kind,
        title: question.title,
        message: question.message,
        context: question.context,
        form: question.form,
        choices: question.choices,
        actions: question.actions,
        require_reason: question.require_reason,
        expires_at: question.expires_at,
        on_expiry: question.on_expiry,
        policy: question.policy,
    }
}
