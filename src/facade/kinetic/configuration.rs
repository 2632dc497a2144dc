//! What an agent is told, and the graph that stands for it: `start -> task -> end`, whose task waits in the queue `kinetic-agent`.
//!
//! What was given is kept with the version, in the definition's `metadata`, so that it is given back as it was. It counts only while
//! the graph is the one that is made from it: a graph that was changed by other doors is a native workflow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    domain::definition::Definition,
    facade::literal,
    http::error::{Code, Problem},
    nodes,
};

/// The queue that workers of agents take tasks from.
pub const QUEUE: &str = "kinetic-agent";
/// The name below `metadata`.
const KEPT_AS: &str = "kinetic";
/// The longest that an agent may work: 30 days, in seconds.
const MAX_TIMEOUT_S: i64 = 30 * 24 * 3_600;
/// The most further attempts.
const MAX_RETRIES: i64 = 99;

/// What is for the server, and not for the agent.
const NOT_FOR_THE_AGENT: [&str; 4] = ["timeout", "retryAttempts", "payloadSchema", "payloadExample"];

/// A version of a workflow in the words of that API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The workflow's name at that version.
    pub name: String,
    /// What it is for, at that version.
    pub description: String,
    /// Its name in addresses.
    pub slug: String,
    /// What the agent is told, as it was given.
    pub configuration: Map<String, Value>,
}

impl Kept {
    /// What a definition was made from; none if it was made otherwise.
    pub fn of(definition: &Definition) -> Option<Self> {
        let kept: Self = serde_json::from_value(definition.metadata.get(KEPT_AS)?.clone()).ok()?;
        (kept.definition() == *definition).then_some(kept)
    }

    /// The definition.
    pub fn definition(&self) -> Definition {
        let Self { configuration, .. } = self;
        let mut input: Map<String, Value> = json!({
            "prompt": "", "screens": [], "urlAllowlist": [], "useGlobalAllowlist": false,
        })
        .as_object()
        .cloned()
        .unwrap_or_default();
        let told = configuration.iter().filter(|(name, _)| !NOT_FOR_THE_AGENT.contains(&name.as_str()));
        input.extend(told.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), literal(value))));
        input.insert("payload".to_owned(), json!("{{ input }}"));
        let mut task = json!({ "queue": QUEUE, "input": input });
        if let Some(seconds) = configuration.get("timeout").and_then(Value::as_i64) {
            task["timeoutMs"] = json!(seconds.saturating_mul(1_000));
        }
        if let Some(retries) = configuration.get("retryAttempts").and_then(Value::as_i64).filter(|retries| *retries > 0)
        {
            task["retry"] = json!({ "maxAttempts": retries.saturating_add(1) });
        }
        let definition = json!({
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "agent", "type": "task", "data": task },
                { "id": "end", "type": "end" },
            ],
            "edges": [{ "id": "in", "source": "start", "target": "agent" }, { "id": "out", "source": "agent", "target": "end" }],
            "metadata": { KEPT_AS: self },
        });
        serde_json::from_value(definition).expect("this is a definition")
    }

    /// What is wrong with a payload by `payloadSchema`: a sentence each.
    pub fn warnings(&self, payload: &Value) -> Vec<String> {
        let Some(schema) = self.configuration.get("payloadSchema").filter(|schema| !schema.is_null()) else {
            return Vec::new();
        };
        let told = |problem: crate::domain::definition::Problem| format!("{}: {}", problem.path, problem.message);
        nodes::check_value(schema, payload, "/inputPayload").into_iter().map(told).collect()
    }
}

/// The configuration of a request, under either of its names, checked; none if it names neither.
pub fn given(
    configuration: Option<Value>,
    specification: Option<Value>,
) -> Result<Option<Map<String, Value>>, Problem> {
    let (path, value) = match (configuration, specification) {
        (None, None) => return Ok(None),
        (Some(one), Some(other)) if one != other => {
            let message = "`configuration` and `specification` are two names of one thing; give one of them";
            return Err(Problem::field(Code::InvalidValue, "/specification", message));
        }
        (Some(value), _) => ("/configuration", value),
        (None, Some(value)) => ("/specification", value),
    };
    let members = match value {
        Value::Object(members) => members,
        // A specification in words.
        Value::String(prompt) => Map::from_iter([("prompt".to_owned(), Value::String(prompt))]),
        _ => return Err(Problem::field(Code::InvalidBody, path, "must be an object")),
    };
    check(path, &members)?;
    Ok(Some(members))
}

/// Checks the members that mean something here; others are kept, and are the agent's to understand.
fn check(path: &str, members: &Map<String, Value>) -> Result<(), Problem> {
    let member = |name: &str| members.get(name).filter(|value| !value.is_null());
    let wrong =
        |name: &str, message: String| Err(Problem::field(Code::InvalidValue, format!("{path}/{name}"), message));
    if member("prompt").is_some_and(|prompt| !prompt.is_string()) {
        return wrong("prompt", "must be a text".to_owned());
    }
    if member("screens").is_some_and(|screens| !screens.is_array()) {
        return wrong("screens", "must be a list".to_owned());
    }
    if member("useGlobalAllowlist").is_some_and(|flag| !flag.is_boolean()) {
        return wrong("useGlobalAllowlist", "must be true or false".to_owned());
    }
    match member("urlAllowlist") {
        None => {}
        Some(Value::Array(urls)) => {
            if let Some(index) = urls.iter().position(|url| !url.is_string()) {
                return wrong(&format!("urlAllowlist/{index}"), "must be a text".to_owned());
            }
        }
        Some(_) => return wrong("urlAllowlist", "must be a list of texts".to_owned()),
    }
    for (name, least, most) in [("timeout", 1, MAX_TIMEOUT_S), ("retryAttempts", 0, MAX_RETRIES)] {
        if member(name).is_some_and(|number| !number.as_i64().is_some_and(|number| (least..=most).contains(&number))) {
            return wrong(name, format!("must be a whole number from {least} to {most}"));
        }
    }
    if let Some(schema) = member("payloadSchema")
        && let Some((at, message)) = nodes::check_schema(schema)
    {
        return wrong(&format!("payloadSchema{at}"), message);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        expression::JsonTemplate,
        http::{error::FieldError, validation},
    };

    fn kept(configuration: Value) -> Kept {
        let configuration = given(Some(configuration), None).unwrap().unwrap();
        Kept { name: "N".into(), description: "D".into(), slug: "n".into(), configuration }
    }

    fn full() -> Kept {
        kept(json!({
            "prompt": "Open {{ url }} and {{{ say }}} \"{{\"", "screens": ["website", { "x": "{{" }], "timeout": 300, "retryAttempts": 2,
            "urlAllowlist": ["https://a.example"], "useGlobalAllowlist": true, "more": { "own": 1 },
            "payloadSchema": { "type": "object", "required": ["url"] }, "payloadExample": { "url": "x" },
        }))
    }

    #[test]
    fn a_configuration_is_a_graph_and_back() {
        for kept in [full(), kept(json!({})), kept(json!({ "prompt": null, "timeout": null, "retryAttempts": 0 }))] {
            let definition = kept.definition();
            assert_eq!(validation::problems_of(&definition), []);
            assert_eq!(Kept::of(&definition), Some(kept.clone()));
            // What the database gives back.
            let read: Definition = serde_json::from_str(&serde_json::to_string(&definition).unwrap()).unwrap();
            assert_eq!(Kept::of(&read), Some(kept));
        }
    }

    /// Versions that are stored hold this graph: another one would make native workflows of them.
    #[test]
    fn the_graph_stays_what_it_is() {
        let definition = serde_json::to_value(full().definition()).unwrap();
        let task = &definition["nodes"][1]["data"];
        assert_eq!(
            (&task["queue"], &task["timeoutMs"], &task["retry"]),
            (&json!("kinetic-agent"), &json!(300_000), &json!({ "maxAttempts": 3 }))
        );
        let input = &task["input"];
        assert_eq!(input["payload"], "{{ input }}");
        assert_eq!((&input["useGlobalAllowlist"], &input["more"]), (&json!(true), &json!({ "own": 1 })));
        let names: Vec<_> = input.as_object().unwrap().keys().collect();
        assert_eq!(names, ["more", "payload", "prompt", "screens", "urlAllowlist", "useGlobalAllowlist"]);
        let empty = serde_json::to_value(kept(json!({})).definition()).unwrap();
        let expected = json!({ "prompt": "", "screens": [], "urlAllowlist": [], "useGlobalAllowlist": false, "payload": "{{ input }}" });
        assert_eq!(empty["nodes"][1]["data"], json!({ "queue": "kinetic-agent", "input": expected }));
    }

    #[test]
    fn texts_of_an_agent_are_no_templates() {
        let configuration = &full().configuration;
        for member in ["prompt", "screens"] {
            let template = JsonTemplate::compile(&literal(&configuration[member])).unwrap();
            assert_eq!(template.render(&json!({})).unwrap(), configuration[member]);
        }
    }

    #[test]
    fn a_graph_that_was_changed_is_not_ours_any_more() {
        let mut definition = full().definition();
        definition.nodes[1].data.insert("leaseSeconds".to_owned(), json!(60));
        assert_eq!(Kept::of(&definition), None);
        definition = full().definition();
        definition.metadata.clear();
        assert_eq!(Kept::of(&definition), None);
    }

    #[test]
    fn a_payload_that_misses_the_schema_is_warned_of() {
        assert_eq!(full().warnings(&json!({ "url": "x" })), Vec::<String>::new());
        assert_eq!(full().warnings(&json!({})), ["/inputPayload/url: `url` is missing"]);
        assert_eq!(kept(json!({})).warnings(&json!(7)), Vec::<String>::new());
    }

    #[test]
    fn what_can_not_be_taken_is_named() {
        for (configuration, path) in [
            (json!({ "prompt": 1 }), "prompt"),
            (json!({ "screens": {} }), "screens"),
            (json!({ "timeout": 0 }), "timeout"),
            (json!({ "timeout": "5" }), "timeout"),
            (json!({ "retryAttempts": -1 }), "retryAttempts"),
            (json!({ "retryAttempts": 1.5 }), "retryAttempts"),
            (json!({ "urlAllowlist": "x" }), "urlAllowlist"),
            (json!({ "urlAllowlist": ["x", 2] }), "urlAllowlist/1"),
            (json!({ "useGlobalAllowlist": "yes" }), "useGlobalAllowlist"),
            (json!({ "payloadSchema": { "type": "text" } }), "payloadSchema/type"),
        ] {
            let problem = given(Some(configuration), None).unwrap_err();
            let [FieldError { path: found, .. }] = problem.errors() else { panic!("{problem:?}") };
            assert_eq!(*found, format!("/configuration/{path}"));
        }
        assert_eq!(given(None, Some(json!([]))).unwrap_err().errors()[0].path, "/specification");
        assert_eq!(given(Some(json!({})), Some(json!("a"))).unwrap_err().errors()[0].path, "/specification");
        assert_eq!(given(None, None).unwrap(), None);
        assert_eq!(given(None, Some(json!("Do it"))).unwrap().unwrap()["prompt"], "Do it");
    }
}
