//! `code`: JavaScript, run in the sandbox.
//!
//! What the script sees is made from the execution's values when the node starts, purely; the effect runs it and nothing else. A
//! script reaches nothing outside itself, so running it twice does no harm.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::{
    domain::failure::{Failure, FailureCode},
    expression::{JsonTemplate, PathSegment, Scope},
    sandbox::{Bound, Call, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, SandboxError},
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Report, Step,
    config::{Compiled, Config, expression_failed},
    registry::{Kind, Port},
};

const MAX_SOURCE_BYTES: usize = 64 << 10;
const DEFAULT_MEMORY_MB: i64 = 64;
const MAX_MEMORY_MB: i64 = 128;
const DEFAULT_CPU_MS: i64 = 1_000;
const MAX_CPU_MS: i64 = 30_000;
/// What of the execution's names the script sees in its second argument, beside `now`.
const SEEN: [&str; 4] = ["execution", "context", "item", "index"];

pub(super) const KIND: Kind = Kind {
    name: "code",
    title: "Code",
    description: "Runs JavaScript: a module whose default export is a function of `input` and `ctx`, which may be async. It \
                  runs in a process that has no network, no files and no timers, with bounds on memory and processor time. \
                  Nothing can be imported. `console` writes to the node's log. An exception fails the node as `code_failed`, \
                  with the stack in the failure's `details`; a bound that is exceeded fails it as `limit_exceeded`.",
    category: "data",
    result: "What the function returned, or what its promise was resolved with, as JSON; undefined is null.",
    properties,
    required: &["source"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "source": "export default (input, ctx) => {\n  const total = input.lines.reduce((sum, line) => sum + line.price * \
                       line.count, 0);\n  console.log(`order of ${total}`);\n  return { total, large: total > 1000 };\n};\n",
            "input": { "lines": "{{ input.lines }}" },
            "cpuMs": 500,
        })
    },
};

fn properties() -> Value {
    json!({
        "source": {
            "type": "string",
            "minLength": 1,
            "description": "The module: `export default (input, ctx) => ...`. 64 KiB at most. `ctx` is `{execution, context, item, \
                            index, now}`: what expressions see by these names, and the time when the node started.",
        },
        "input": {
            "description": "What the function gets as `input`: any JSON, with templates in its texts. Without it, what the \
                            node was handed. 4 MiB at most.",
        },
        "memoryMb": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_MEMORY_MB,
            "default": DEFAULT_MEMORY_MB,
            "description": "What the script may allocate, in MiB.",
        },
        "cpuMs": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_CPU_MS,
            "default": DEFAULT_CPU_MS,
            "description": "The processor time that one run may use, in milliseconds. Time in which others had the processor \
                            does not count; for that there is `timeoutMs`.",
        },
    })
}

struct Code {
    source: Arc<str>,
    input: Option<JsonTemplate>,
    memory_mb: u64,
    cpu_ms: u64,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let source = config.text("source");
    let mut holds = source.is_some();
    if source.is_some_and(|source| source.trim().is_empty()) {
        config.problem("/source", "`source` is empty");
        holds = false;
    }
    if source.is_some_and(|source| source.len() > MAX_SOURCE_BYTES) {
        config.problem("/source", format!("`source` is larger than {MAX_SOURCE_BYTES} bytes"));
        holds = false;
    }
    let input = match config.value("input") {
        Some(_) => Some(config.json("input")?),
        None => None,
    };
    let number = |field: &str, default: i64| config.integer(field).unwrap_or(default).unsigned_abs();
    let (memory_mb, cpu_ms) = (number("memoryMb", DEFAULT_MEMORY_MB), number("cpuMs", DEFAULT_CPU_MS));
    holds.then_some(())?;
    Some(Compiled::plain(Code { source: source?.into(), input, memory_mb, cpu_ms }))
}

impl Node for Code {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let input = match &self.input {
            None => Value::clone(context.last_output),
            Some(template) => match template.render(context.scope) {
                Ok(input) => input,
                Err(error) => return expression_failed("input", &error).into(),
            },
        };
        Step::Effect(Box::new(Run {
            call: Call {
                source: Arc::clone(&self.source),
                input,
                context: seen(context.scope),
                memory_bytes: self.memory_mb << 20,
                cpu: Duration::from_millis(self.cpu_ms),
            },
            memory_mb: self.memory_mb,
        }))
    }
}

/// The second argument.
fn seen(scope: &dyn Scope) -> Value {
    let value = |name: &'static str| {
        let (value, _) = scope.resolve(&[PathSegment::Key(name)])?;
        Some((name.to_owned(), value.into_owned()))
    };
    let mut seen: Map<String, Value> = SEEN.into_iter().filter_map(value).collect();
    seen.insert("now".to_owned(), json!(scope.now()));
    Value::Object(seen)
}

struct Run {
    call: Call,
    memory_mb: u64,
}

#[async_trait]
impl Effect for Run {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let (lines, mut logged) = mpsc::channel(16);
        let mut work = Box::pin(context.sandbox.run(context.workspace_id, &self.call, lines));
        let ended = loop {
            tokio::select! {
                biased;
                Some(line) = logged.recv() => {
                    let report = Report::Log { level: line.level, message: line.message, data: None };
                    // Nobody listens any more: the line is dropped, the outcome is not.
                    let _ = context.reports.send(report).await;
                }
                ended = &mut work => break ended,
            }
        };
        while let Ok(line) = logged.try_recv() {
            let _ = context.reports.send(Report::Log { level: line.level, message: line.message, data: None }).await;
        }
        match ended {
            Ok(output) => Outcome::output(output),
            Err(error) => Outcome::Fail(self.failed(error)),
        }
    }
}

impl Run {
    fn failed(&self, error: SandboxError) -> Failure {
        let exceeded = |message: String| Failure::new(FailureCode::LimitExceeded, message);
        match error {
            SandboxError::Thrown { message, stack } => {
                Failure::new(FailureCode::CodeFailed, message).with_details(json!({ "stack": stack }))
            }
            SandboxError::Output(why) => Failure::new(FailureCode::InvalidValue, why),
            SandboxError::Exceeded(bound) => exceeded(match bound {
                Bound::Cpu => {
                    format!("the code took more than its {} ms of processor time (`cpuMs`)", self.call.cpu.as_millis())
                }
                Bound::Memory => format!("the code needed more than its {} MiB of memory (`memoryMb`)", self.memory_mb),
                Bound::Input => format!("the code's input is larger than {MAX_INPUT_BYTES} bytes"),
                Bound::Output => format!("the code's output is larger than {MAX_OUTPUT_BYTES} bytes"),
            }),
            SandboxError::Lost(_) => Failure::retryable(FailureCode::CodeFailed, error.to_string()),
            SandboxError::Crowded => Failure::retryable(FailureCode::LimitExceeded, error.to_string()),
            SandboxError::Unavailable(_) => Failure::new(FailureCode::Internal, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    const SOURCE: &str = "export default () => 1";

    #[test]
    fn refuses_what_can_not_run() {
        for (data, path, part) in [
            (json!({}), "/nodes/1/data/source", "missing"),
            (json!({ "source": " \n" }), "/nodes/1/data/source", "is empty"),
            (json!({ "source": "ä".repeat(40_000) }), "/nodes/1/data/source", "larger than 65536 bytes"),
            (json!({ "source": SOURCE, "memoryMb": 129 }), "/nodes/1/data/memoryMb", "at most 128"),
            (json!({ "source": SOURCE, "cpuMs": 0 }), "/nodes/1/data/cpuMs", "at least 1"),
            (json!({ "source": SOURCE, "input": "{{ 1 + }}" }), "/nodes/1/data/input", "byte"),
            (json!({ "source": SOURCE, "script": "1" }), "/nodes/1/data/script", "no field"),
        ] {
            let problems = problems_of("code", data);
            assert_eq!(paths(&problems), [path], "{problems:#?}");
            assert!(problems[0].message.contains(part), "{}", problems[0].message);
        }
    }

    #[test]
    fn an_input_that_fails_names_its_field() {
        let data = json!({ "source": SOURCE, "input": { "a": "{{ 1 / 0 }}" } });
        let failure = Bench::new("code", data).run().failure();
        assert_eq!(failure.code, FailureCode::ExpressionFailed);
        assert!(failure.message.starts_with("`input`: "), "{}", failure.message);
    }
}
