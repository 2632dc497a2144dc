//! `mock`: what a node gives in its place in executions that ask for mocks. Others run the node.
//!
//! A mock is the node's whole attempt: nothing is started, nothing asked, nothing sent, and it is never tried again. In the body of a
//! loop it holds for each iteration.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::failure::{Failure, FailureCode};

use super::config::{Config, Ports, Unnamed};

const FIELD: &str = "mock";
/// Ports of failures: a mock fails by `error`, which finds its port itself.
const FAILURE_PORTS: [&str; 2] = ["error", "timeout"];

/// The result of a node in executions with mocks.
#[derive(Clone, Debug, PartialEq)]
pub enum Mock {
    /// It completes.
    Complete {
        /// Its output.
        output: Arc<Value>,
        /// The port; none is the default port.
        port: Option<String>,
    },
    /// It fails for good.
    Fail(Failure),
}

/// The property of the JSON Schema.
pub(super) fn property(codes: Value) -> Value {
    json!({
        "type": "object",
        "description": "The result that the node takes in place of running, in executions that are started with `mocks`; \
                        others ignore it.",
        "properties": {
            "output": { "description": "The output: any JSON, taken as it is; null, if missing." },
            "branch": { "type": "string", "description": "The port it finishes through; the default port, if missing." },
            "error": {
                "type": "object",
                "description": "A failure in place of an output. It is final: `retry` is not heeded.",
                "properties": {
                    "message": { "type": "string", "minLength": 1, "maxLength": 1000 },
                    "code": { "enum": codes, "default": "internal" },
                },
                "required": ["message"],
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

/// Reads the field of a node with these ports. None if it is not set, or a problem is noted.
pub(super) fn compile(config: &mut Config<'_>, ports: &Ports) -> Option<Mock> {
    let mock = config.value(FIELD)?.as_object()?;
    let set = |field: &str| mock.get(field).filter(|value| !value.is_null());
    if let Some(error) = set("error") {
        for field in ["output", "branch"] {
            if set(field).is_some() {
                config.problem(&format!("/{FIELD}/{field}"), format!("a mock has `error` or `{field}`, not both"));
                return None;
            }
        }
        if !ports.fails {
            config.problem(&format!("/{FIELD}/error"), "a node of this type can't fail");
            return None;
        }
        return failure(error.as_object()?).map(Mock::Fail);
    }
    let output = Arc::new(set("output").cloned().unwrap_or_default());
    let TakenPort(port) = match set("branch") {
        Some(branch) => named(config, ports, branch.as_str()?)?,
        None => unnamed(config, ports, &output)?,
    };
    Some(Mock::Complete { output, port })
}

/// The schema has refused everything else.
fn failure(error: &Map<String, Value>) -> Option<Failure> {
    let code = match error.get("code").filter(|code| !code.is_null()) {
        Some(code) => serde_json::from_value(code.clone()).ok()?,
        None => FailureCode::Internal,
    };
    Some(Failure::new(code, error.get("message")?.as_str()?))
}

/// The port that a mock takes; none is the default port.
struct TakenPort(Option<String>);

fn named(config: &mut Config<'_>, ports: &Ports, branch: &str) -> Option<TakenPort> {
    let port = ports.aliases.iter().find(|(alias, _)| *alias == branch).map_or(branch, |(_, port)| port);
    if ports.named.iter().any(|named| named == port) {
        // Ports that are taken all at once are names of the default port.
        return Some(TakenPort((!ports.at_once).then(|| port.to_owned())));
    }
    if port == "default" && ports.unnamed == Unnamed::Default {
        return Some(TakenPort(None));
    }
    let message = if FAILURE_PORTS.contains(&port) {
        format!("a mock takes the port `{port}` by an `error`")
    } else {
        let known = if ports.named.is_empty() { "default".to_owned() } else { ports.named.join(", ") };
        format!("the node has no port `{}`; its ports: {known}", super::schema::shorten(port))
    };
    config.problem(&format!("/{FIELD}/branch"), message);
    None
}

/// The port of a mock that names none: the one that its output names as the node's own does, else the default port.
fn unnamed(config: &mut Config<'_>, ports: &Ports, output: &Value) -> Option<TakenPort> {
    let said = output.get("branch").or_else(|| output.get("action")).and_then(Value::as_str);
    if let Some(port) = said.filter(|said| !ports.at_once && ports.named.iter().any(|named| named == said)) {
        return Some(TakenPort(Some(port.to_owned())));
    }
    match ports.unnamed {
        Unnamed::Default => Some(TakenPort(None)),
        Unnamed::Port(port) => Some(TakenPort(Some(port.to_owned()))),
        Unnamed::Refused => {
            let known = ports.named.join(", ");
            config.problem(&format!("/{FIELD}/branch"), format!("the mock has to name its port: {known}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    fn mock(kind: &str, mut data: Value, mock: Value) -> Option<Mock> {
        data["mock"] = mock;
        Bench::new(kind, data).with_node(|node| node.mock.clone())
    }

    #[test]
    fn reads_outputs_ports_and_failures() {
        let complete = |output: Value, port: Option<&str>| {
            Some(Mock::Complete { output: Arc::new(output), port: port.map(str::to_owned) })
        };
        let branch = json!({ "condition": "true" });
        let gate = json!({ "message": "?" });
        assert_eq!(
            mock("transform", json!({}), json!({ "output": "{{ input }}" })),
            complete(json!("{{ input }}"), None)
        );
        assert_eq!(mock("transform", json!({}), json!({ "branch": "default" })), complete(json!(null), None));
        assert_eq!(mock("if-else", branch.clone(), json!({ "branch": "true" })), complete(json!(null), Some("if")));
        let said = json!({ "branch": "else" });
        assert_eq!(
            mock("if-else", branch, json!({ "output": said })),
            complete(json!({ "branch": "else" }), Some("else"))
        );
        assert_eq!(mock("approval-gate", gate.clone(), json!({})), complete(json!(null), Some("approved")));
        assert_eq!(
            mock("approval-gate", gate, json!({ "branch": "rejected" })),
            complete(json!(null), Some("rejected"))
        );
        let failed = mock("transform", json!({}), json!({ "error": { "message": "no" } }));
        assert_eq!(failed, Some(Mock::Fail(Failure::new(FailureCode::Internal, "no"))));
        let failed =
            mock("http", json!({ "httpUrl": "http://x" }), json!({ "error": { "message": "no", "code": "timeout" } }));
        assert_eq!(failed, Some(Mock::Fail(Failure::new(FailureCode::Timeout, "no"))));
        assert_eq!(mock("transform", json!({}), json!(null)), None);
    }

    #[test]
    fn tells_what_is_wrong() {
        for (kind, data, path, part) in [
            ("transform", json!({ "mock": 1 }), "/nodes/1/data/mock", "object"),
            ("transform", json!({ "mock": { "value": 1 } }), "/nodes/1/data/mock/value", "no field"),
            ("transform", json!({ "mock": { "branch": "x" } }), "/nodes/1/data/mock/branch", "no port `x`"),
            ("transform", json!({ "mock": { "branch": "error" } }), "/nodes/1/data/mock/branch", "by an `error`"),
            ("transform", json!({ "mock": { "error": {} } }), "/nodes/1/data/mock/error/message", "missing"),
            (
                "transform",
                json!({ "mock": { "error": { "message": "m", "code": "oops" } } }),
                "/nodes/1/data/mock/error/code",
                "one of",
            ),
            (
                "transform",
                json!({ "mock": { "output": 1, "error": { "message": "m" } } }),
                "/nodes/1/data/mock/output",
                "not both",
            ),
            (
                "if-else",
                json!({ "condition": "true", "mock": {} }),
                "/nodes/1/data/mock/branch",
                "has to name its port: if, else",
            ),
            ("end", json!({ "mock": {} }), "/nodes/1/data/mock", "no field `mock`"),
        ] {
            let problems = problems_of(kind, data);
            assert_eq!(paths(&problems), [path], "{problems:#?}");
            assert!(problems[0].message.contains(part), "{}", problems[0].message);
        }
    }
}
