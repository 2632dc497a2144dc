//! An agent's tools: nodes of other types, run with the arguments that the model gives as `args`.

use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    domain::failure::{Failure, FailureCode},
    expression::{PathSegment, Scope},
    nodes::{
        Effect, EffectContext, Node, NodeContext, Outcome, Report, Role, Step, common,
        config::{Config, invalid},
        registry,
        schema::{self, Schema},
    },
};

use super::conversation::{CALL, Call, Pending, TOOL};

/// The node types that can be tools: those that do one thing and are done, or wait for a person or a child.
pub(super) const TYPES: [&str; 12] = [
    "http",
    "code",
    "mcp",
    "subworkflow",
    "ask-human",
    "memory",
    "retriever",
    "extract",
    "transform",
    "filter",
    "datetime",
    "guardrails",
];
/// Those after which the run goes on by itself.
const WAITING: [&str; 2] = ["subworkflow", "ask-human"];
pub(super) const MAX_TOOLS: usize = 64;
/// The name of a call as a title shows it, and its arguments.
const MAX_TITLE: usize = 200;

/// A tool, compiled.
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) kind: String,
    description: String,
    parameters: Value,
    /// None where a server looks at the arguments itself.
    schema: Option<Schema>,
    node: Box<dyn Node>,
    timeout: Option<Duration>,
}

/// What is to be done about a call that can be made.
pub(super) enum Readiness {
    /// It can be made.
    Go,
    /// It must not be made twice: that it is begun has to be written down first.
    Announce,
    /// It was begun, and whoever made it is gone.
    Interrupted,
}

impl Tool {
    /// Compiles `tools`; none if a problem was noted.
    pub(super) fn compile_all(config: &mut Config<'_>) -> Option<Vec<Self>> {
        let listed = config.list("tools").iter().enumerate().take(MAX_TOOLS);
        let tools: Vec<Option<Self>> = listed.map(|(i, tool)| Self::compile(config, i, tool)).collect();
        let mut names = HashSet::new();
        for (i, tool) in tools.iter().enumerate() {
            if let Some(tool) = tool
                && !names.insert(tool.name.as_str())
            {
                config.problem(&format!("/tools/{i}/name"), format!("two tools are named `{}`", tool.name));
            }
        }
        tools.into_iter().collect()
    }

    fn compile(config: &mut Config<'_>, index: usize, tool: &Value) -> Option<Self> {
        let at = format!("/tools/{index}");
        let (name, kind) = (tool["name"].as_str()?, tool["type"].as_str()?);
        let empty = serde_json::Map::new();
        let data = tool["data"].as_object().unwrap_or(&empty);
        for field in ["retry", "onError", "join", "runIf"] {
            if data.contains_key(field) {
                let message =
                    format!("`{field}` has no effect on a tool: the model decides what follows from a failure");
                config.problem(&format!("{at}/data/{field}"), message);
            }
        }
        let parameters = match &tool["parameters"] {
            Value::Null => json!({ "type": "object", "properties": {} }),
            given => given.clone(),
        };
        let schema = match Schema::compile(&parameters) {
            Ok(schema) => schema,
            Err((pointer, message)) => {
                config.problem(&format!("{at}/parameters{pointer}"), message);
                return None;
            }
        };
        let (compiled, timeout) = config.within(&format!("{at}/data"), data, |inner| {
            (registry::compile_inner(kind, inner), common::compile(inner).timeout_ms)
        });
        let compiled = compiled?;
        if compiled.role != Role::Plain {
            config.problem(&format!("{at}/type"), format!("a node of type `{kind}` can't be a tool"));
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            description: tool["description"].as_str().unwrap_or_default().to_owned(),
            parameters,
            schema: Some(schema),
            node: compiled.node,
            timeout: timeout.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        })
    }

    /// A tool that a server offers.
    pub(super) fn offered(name: String, description: String, parameters: Value, node: Box<dyn Node>) -> Self {
        Self { name, kind: "mcp".to_owned(), description, parameters, schema: None, node, timeout: None }
    }

    /// Whether the run waits for what the tool brings about.
    pub(super) fn waits(&self) -> bool {
        WAITING.contains(&self.kind.as_str())
    }

    /// Whether a call may be made now, in this attempt.
    pub(super) fn readiness(&self, pending: &Pending, attempt: i64) -> Readiness {
        match pending.begun {
            _ if self.node.is_repeatable() => Readiness::Go,
            None => Readiness::Announce,
            Some(begun) if begun == attempt => Readiness::Go,
            Some(_) => Readiness::Interrupted,
        }
    }

    /// The tool as the model is told of it.
    pub(super) fn declaration(&self) -> Value {
        json!({
            "type": "function",
            "function": { "name": self.name, "description": self.description, "parameters": self.parameters },
        })
    }

    /// What an approval's form lets be edited.
    pub(super) fn form(&self, arguments: &Value) -> Value {
        let mut parameters = self.parameters.clone();
        if let Some(schema) = parameters.as_object_mut() {
            schema.insert("default".to_owned(), arguments.clone());
        }
        json!({ "type": "object", "properties": { "arguments": parameters }, "additionalProperties": false })
    }

    /// Begins a call.
    pub(super) fn start(&self, pending: &Pending, context: &NodeContext<'_>) -> Step {
        let arguments = match self.arguments(pending) {
            Ok(arguments) => Arc::new(arguments),
            Err(failure) => return failure.into(),
        };
        let scope = CallScope { outer: context.scope, tool: None, arguments: &arguments };
        self.node.start(&NodeContext {
            scope: &scope,
            now: context.now,
            last_output: &arguments,
            incoming: &[],
            idempotency_key: format!("{}/{}", context.idempotency_key, pending.call.id),
            attempt: context.attempt,
            journal: &[],
        })
    }

    fn arguments(&self, pending: &Pending) -> Result<Value, Failure> {
        let arguments = pending.arguments().map_err(|why| invalid(format!("the arguments are {why}")))?;
        let problems = self.schema.as_ref().map_or_else(Vec::new, |schema| schema.check(&arguments, ""));
        if problems.is_empty() {
            return Ok(arguments);
        }
        let told: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
        Err(invalid(format!("the arguments do not fit the tool's parameters: {}", told.join("; "))))
    }
}

/// What expressions about a call see: its arguments, the tool's name where that is of use, and what the agent sees.
pub(super) struct CallScope<'a> {
    pub(super) outer: &'a dyn Scope,
    pub(super) tool: Option<Value>,
    pub(super) arguments: &'a Value,
}

impl Scope for CallScope<'_> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        match path.first()? {
            PathSegment::Key("args") => Some((Cow::Borrowed(self.arguments), 1)),
            PathSegment::Key("tool") if self.tool.is_some() => Some((Cow::Borrowed(self.tool.as_ref()?), 1)),
            _ => self.outer.resolve(path),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.outer.now()
    }
}

/// Writes down that calls are begun.
pub(super) struct Announce {
    pub(super) calls: Vec<Call>,
    pub(super) attempt: i64,
}

#[async_trait]
impl Effect for Announce {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        for call in self.calls {
            let title = format!("calling {}", schema::shorten(&call.name));
            let detail = json!({ "toolCallId": call.id, "name": call.name, "attempt": self.attempt });
            // Nobody listens any more: the attempt is over.
            let _ = context.reports.send(Report::Action { kind: CALL, title, detail }).await;
        }
        Outcome::Again
    }
}

/// Calls that run side by side.
pub(super) struct Calls(pub(super) Vec<Running>);

/// A call, begun.
pub(super) struct Running {
    pub(super) pending: Pending,
    pub(super) step: Step,
    pub(super) timeout: Option<Duration>,
}

impl Running {
    pub(super) fn new(tool: &Tool, pending: &Pending, step: Step) -> Self {
        Self { pending: pending.clone(), step, timeout: tool.timeout }
    }

    /// Runs the call, and reports what came of it at once: a call that ended is not made again.
    async fn run(self, context: EffectContext) {
        let begun = tokio::time::Instant::now();
        let outcome = match self.step {
            Step::Done(outcome) => outcome,
            Step::Effect(effect) => {
                let work = effect.run(context.clone());
                match self.timeout {
                    None => work.await,
                    Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
                        let message = format!("the call took longer than {} ms", limit.as_millis());
                        Outcome::Fail(Failure::new(FailureCode::Timeout, message))
                    }),
                }
            }
        };
        let result = match outcome {
            Outcome::Complete(done) => Ok(Value::clone(&done.output)),
            Outcome::Fail(failure) => Err(failure),
            _ => Err(invalid("the tool can't be used here: it waits for something")),
        };
        let call = self.pending.call;
        let word = if result.is_ok() { "completed" } else { "failed" };
        let title = format!("{} {word}", schema::shorten(&call.name));
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut detail = json!({
            "toolCallId": call.id,
            "name": call.name,
            "arguments": self.pending.edited.unwrap_or_else(|| call.arguments.into()),
            "durationMs": duration_ms,
        });
        match result {
            Ok(output) => detail["output"] = output,
            Err(failure) => detail["error"] = json!(failure),
        }
        // Nobody listens any more: the attempt is over.
        let title = title[..title.floor_char_boundary(MAX_TITLE)].to_owned();
        let _ = context.reports.send(Report::Action { kind: TOOL, title, detail }).await;
    }
}

#[async_trait]
impl Effect for Calls {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        join_all(self.0.into_iter().map(|call| call.run(context.clone()))).await;
        Outcome::Again
    }
}
