//! What a block by itself can be checked for: definitions compile, nodes fit their type, settings are settings, requests and replies
//! fit the API's document.

use serde_json::{Map, Value, json};
use sluicegate::{
    config::Settings,
    domain::definition::Definition,
    facade::openapi_yaml,
    nodes::registry::{node_types, validate},
};

use super::{blocks::Block, commands};
use crate::support::scene::{graph, node};

/// Bodies and replies, by chapter and a member that no other block of it has; and what they are.
const BODIES: [(&str, &str, &str); 3] = [
    ("events.md", "unmatched", "PublishedEvent"),
    ("filters.md", "errors", "Problem"),
    ("testing.md", "nodeResults", "TestNode"),
];

/// What is wrong with a block.
pub fn check(block: &Block) -> Result<(), String> {
    match block.language.as_str() {
        "json" => {
            let value = serde_json::from_str(&block.text).map_err(|error| error.to_string())?;
            of_json(block, &value)
        }
        "toml" => toml::from_str::<Settings>(&block.text).map(drop).map_err(|error| error.message().to_owned()),
        "yaml" => {
            let value: Value = serde_saphyr::from_str(&block.text).map_err(|error| error.to_string())?;
            let nodes = value.as_array().ok_or("is no list of nodes")?;
            nodes.iter().try_for_each(of_node)
        }
        "js" => is_the_example(block),
        "sh" | "" if commands::runs(block) => Ok(()),
        other => Err(format!("nobody runs this block (`{other}`), and it is not in the list of those that can't be")),
    }
}

fn of_json(block: &Block, value: &Value) -> Result<(), String> {
    if let Some((.., schema)) =
        BODIES.iter().find(|(page, member, _)| block.page == *page && value.get(member).is_some())
    {
        return fits(value, schema);
    }
    let has = |members: &[&str]| members.iter().all(|member| value.get(member).is_some());
    // The commonest fragments, each put where it belongs.
    if has(&["nodes", "edges"]) {
        of_definition(value.clone())
    } else if has(&["type", "data"]) {
        of_node(value)
    } else if has(&["type", "when"]) {
        of_definition(with(graph([], "begin>finish"), "settings", json!({"subscriptions": [value]})))
    } else if let Some(settings) = value.get("settings") {
        of_definition(with(graph([], "begin>finish"), "settings", settings.clone()))
    } else if has(&["runIf"]) {
        of_data("transform", value)
    } else if has(&["baseUrl", "model"]) {
        of_data("agent", value)
    } else if has(&["httpUrl"]) {
        of_data("http", value)
    } else if has(&["notify"]) {
        of_data("approval-gate", &with(value.clone(), "message", json!("Go on?")))
    } else {
        Err("nobody knows what this JSON is".to_owned())
    }
}

fn with(mut value: Value, member: &str, inner: Value) -> Value {
    value[member] = inner;
    value
}

fn of_data(kind: &str, data: &Value) -> Result<(), String> {
    of_node(&json!({"type": kind, "data": data}))
}

fn of_node(one: &Value) -> Result<(), String> {
    let (kind, data) = (one["type"].as_str().ok_or("has no type")?, one["data"].clone());
    let id = one["id"].as_str().unwrap_or("x");
    // Expressions may name nodes that the excerpt does not show.
    let begin = node("a", "transform", Value::Object(Map::new()));
    of_definition(graph([begin, node(id, kind, data)], &format!("begin>a a>{id} {id}>finish")))
}

fn of_definition(definition: Value) -> Result<(), String> {
    let definition: Definition = serde_json::from_value(definition).map_err(|error| error.to_string())?;
    let problems = validate(&definition);
    if problems.is_empty() { Ok(()) } else { Err(format!("{problems:?}")) }
}

fn fits(value: &Value, schema: &str) -> Result<(), String> {
    let document: Value = serde_saphyr::from_str(openapi_yaml()).unwrap();
    let schema = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    let wrong: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// A script is the example of its node type, which is run.
fn is_the_example(block: &Block) -> Result<(), String> {
    let code = node_types().iter().find(|known| known.kind == "code").unwrap();
    if code.example["source"] == block.text.as_str() {
        Ok(())
    } else {
        Err("is not the example of code nodes".to_owned())
    }
}
