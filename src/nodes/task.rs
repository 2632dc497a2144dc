//! `task`: work for a worker, a program outside that takes it from a queue.

use serde_json::{Value, json};

use crate::{
    domain::task::MAX_QUEUE_CHARS,
    expression::{JsonTemplate, Template},
};

use super::{
    Node, NodeContext, Outcome, Role, Step, TaskRequest,
    config::{Compiled, Config, Ports, expression_failed, invalid},
    registry::{Kind, Port},
};

const DEFAULT_LEASE_SECONDS: i64 = 30;
const DEFAULT_MAX_LEASES: i64 = 5;

pub(super) const KIND: Kind = Kind {
    name: "task",
    title: "Task",
    description: "Hands work to a worker: any program that leases tasks from the named queue. It reports while it works, and \
                  its result is the node's. A worker that is not heard of for `leaseSeconds` loses the task to another one. \
                  `timeoutMs` counts from the moment a worker has it.",
    category: "network",
    result: "What the worker gave as its output.",
    properties: || {
        json!({
            "queue": { "type": "string", "minLength": 1, "description": "The queue's name; a template." },
            "ref": {
                "type": "string",
                "minLength": 1,
                "description": "In place of `queue`: what does the work, such as `module://org/slug:version`; the queue has \
                                this name.",
            },
            "input": { "description": "Any JSON, with templates in its texts; by default what the node was handed." },
            "leaseSeconds": {
                "type": "integer",
                "minimum": 5,
                "maximum": 3600,
                "default": DEFAULT_LEASE_SECONDS,
                "description": "How long a worker keeps the task without a sign of life.",
            },
            "maxLeases": {
                "type": "integer",
                "minimum": 1,
                "maximum": 100,
                "default": DEFAULT_MAX_LEASES,
                "description": "So many leases may run out; then the node fails with `worker_lost`.",
            },
            "queueTimeoutMs": {
                "type": "integer",
                "minimum": 1,
                "description": "How long the task may wait for a worker each time; by default for ever.",
            },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "queue": "invoices", "input": { "url": "{{ input.url }}" }, "leaseSeconds": 60, "retry": { "maxAttempts": 3 } }),
};

struct TaskNode {
    field: &'static str,
    queue: Template,
    input: Option<JsonTemplate>,
    lease_ms: i64,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let field = match (config.value("queue").is_some(), config.value("ref").is_some()) {
        (true, true) => {
            config.problem("/ref", "`queue` and `ref` can't both be set");
            return None;
        }
        (false, false) => {
            config.problem("/queue", "`queue` is missing");
            return None;
        }
        (true, false) => "queue",
        (false, true) => "ref",
    };
    let queue = config.template(field);
    if let Some(text) = config.text(field)
        && queue.as_ref().is_some_and(Template::is_literal)
        && let Err(message) = check_queue(field, text)
    {
        config.problem(&format!("/{field}"), message);
    }
    let has_input = config.value("input").is_some();
    let input = config.json("input");
    if has_input && input.is_none() {
        return None;
    }
    let lease_ms = config.integer("leaseSeconds").unwrap_or(DEFAULT_LEASE_SECONDS).saturating_mul(1_000);
    let max_leases = config.integer("maxLeases").unwrap_or(DEFAULT_MAX_LEASES);
    let queue_timeout_ms = config.integer("queueTimeoutMs");
    Some(Compiled {
        node: Box::new(TaskNode { field, queue: queue?, input, lease_ms }),
        role: Role::Task { max_leases, queue_timeout_ms },
        ports: Ports::plain(),
    })
}

fn check_queue(field: &str, name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > MAX_QUEUE_CHARS || name.chars().any(char::is_control) {
        return Err(format!(
            "`{field}` must be a name of 1 to {MAX_QUEUE_CHARS} characters without control characters"
        ));
    }
    Ok(())
}

impl Node for TaskNode {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let queue = match self.queue.render_text(context.scope) {
            Ok(text) => text,
            Err(error) => return expression_failed(self.field, &error).into(),
        };
        if let Err(message) = check_queue(self.field, &queue) {
            return invalid(message).into();
        }
        let input = match &self.input {
            None => Value::clone(context.last_output),
            Some(template) => match template.render(context.scope) {
                Ok(input) => input,
                Err(error) => return expression_failed("input", &error).into(),
            },
        };
        Outcome::Task(Box::new(TaskRequest { queue, input, lease_ms: self.lease_ms })).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::testing::{Bench, paths, problems_of},
    };

    fn run(data: Value) -> Outcome {
        Bench::new("task", data)
            .with("input", json!({ "n": 3, "empty": " " }))
            .with_last_output(json!("handed"))
            .run()
            .0
    }

    #[test]
    fn asks_for_a_worker() {
        let base = TaskRequest { queue: "q".to_owned(), input: json!("handed"), lease_ms: 30_000 };
        for (data, expected) in [
            (json!({ "queue": "q" }), base.clone()),
            (
                json!({ "queue": "q{{ input.n }}", "input": { "n": "{{ input.n }}" }, "leaseSeconds": 5 }),
                TaskRequest { queue: "q3".to_owned(), input: json!({ "n": 3 }), lease_ms: 5_000 },
            ),
            (
                json!({ "ref": "module://org/slug:1.0.0" }),
                TaskRequest { queue: "module://org/slug:1.0.0".to_owned(), ..base.clone() },
            ),
        ] {
            let Outcome::Task(request) = run(data) else { panic!("no task") };
            assert_eq!(*request, expected);
        }
        assert_eq!(
            Bench::new("task", json!({ "queue": "q", "maxLeases": 2, "queueTimeoutMs": 9 })).role(),
            Role::Task { max_leases: 2, queue_timeout_ms: Some(9) }
        );
    }

    #[test]
    fn fails_on_what_is_no_name() {
        let Outcome::Fail(failure) = run(json!({ "queue": "{{ input.empty }}" })) else { panic!("not failed") };
        assert_eq!(failure.code, FailureCode::InvalidValue);
    }

    #[test]
    fn is_checked_when_saved() {
        for (data, path) in [
            (json!({}), "queue"),
            (json!({ "queue": "a", "ref": "b" }), "ref"),
            (json!({ "queue": " " }), "queue"),
            (json!({ "queue": "a\nb" }), "queue"),
            (json!({ "queue": "{{" }), "queue"),
            (json!({ "queue": "q", "input": "{{" }), "input"),
            (json!({ "queue": "q", "leaseSeconds": 4 }), "leaseSeconds"),
            (json!({ "queue": "q", "maxLeases": 0 }), "maxLeases"),
            (json!({ "queue": "q", "queueTimeoutMs": 0 }), "queueTimeoutMs"),
        ] {
            let problems = problems_of("task", data);
            assert_eq!(paths(&problems), [format!("/nodes/1/data/{path}")], "{problems:?}");
        }
    }
}
