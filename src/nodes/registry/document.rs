//! The reference part of `docs/nodes.md`, written from the table so that it can't drift: a test compares, and leaves the
//! fresh text in `target/nodes.md`.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Map, Value};

use super::{NodeType, node_types};
use crate::nodes::{common, run_if};

/// Everything after this line is generated.
const MARKER: &str = "<!-- From here on this document is written from the table of node types. -->\n";

#[test]
fn the_document_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let present = fs::read_to_string(root.join("docs/nodes.md")).unwrap();
    let (written, _) = present.split_once(MARKER).expect("docs/nodes.md has its marker");
    let fresh = format!("{written}{MARKER}{}", reference());
    if present != fresh {
        let path = root.join("target/nodes.md");
        fs::write(&path, fresh).unwrap();
        panic!("docs/nodes.md is stale: copy {} over it", path.display());
    }
}

/// The definition that the hand-written part shows is a valid one.
#[test]
fn the_example_of_the_document_compiles() {
    let document = include_str!("../../../docs/nodes.md");
    let (_, rest) = document.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("the end of the example");
    let definition = serde_json::from_str(example).unwrap();
    assert_eq!(super::validate(&definition), []);
}

fn reference() -> String {
    let mut text = String::new();
    section(&mut text, "\n## Fields of every type\n");
    section(
        &mut text,
        "A `loop` has no `timeoutMs` and no `retry`: the nodes of its body have. `runIf` is for types with a way on:",
    );
    section(&mut text, "all but `start`, `end`, `note`, and those that choose between ports (`if-else`, `router`).");
    section(&mut text, "`compensates` is for `transform`, `code`, `http`, `memory`, `mcp`, `task` and `subworkflow`.");
    fields(&mut text, &Value::Object(common()), &[]);
    for node_type in node_types() {
        describe(&mut text, node_type);
    }
    text
}

/// The fields that are told once.
fn common() -> Map<String, Value> {
    let mut properties = common::properties(true);
    properties.insert("runIf".to_owned(), run_if::property());
    properties.insert("compensates".to_owned(), common::compensates());
    properties
}

fn describe(text: &mut String, node_type: &NodeType) {
    section(text, &format!("\n## {}\n", node_type.kind));
    section(text, &format!("{}\n", node_type.description));
    section(text, &format!("Result: {}", node_type.result));
    let common = common();
    let own: Map<String, Value> = node_type.schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, _)| !common.contains_key(*field))
        .map(|(field, property)| (field.clone(), property.clone()))
        .collect();
    let required: Vec<_> =
        node_type.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !own.is_empty() {
        fields(text, &Value::Object(own), &required);
    }
    if node_type.ports.is_empty() {
        section(text, "\nPorts: none.");
    } else {
        section(text, "\n| port | |\n|---|---|");
        for port in &node_type.ports {
            let required = if port.required { " Must be wired." } else { "" };
            section(text, &format!("| `{}` | {}{required} |", port.id, port.description));
        }
    }
    let data = serde_json::to_string_pretty(&node_type.example).expect("JSON").replace('\n', "\n  ");
    let kind = node_type.kind;
    section(
        text,
        &format!("\n```json\n{{\n  \"id\": \"{kind}-1\",\n  \"type\": \"{kind}\",\n  \"data\": {data}\n}}\n```"),
    );
}

fn fields(text: &mut String, properties: &Value, required: &[&str]) {
    section(text, "\n| field | value | |\n|---|---|---|");
    rows(text, "", properties, required);
}

fn rows(text: &mut String, prefix: &str, properties: &Value, required: &[&str]) {
    for (field, property) in properties.as_object().into_iter().flatten() {
        let name = format!("{prefix}{field}");
        let mut said = property["description"].as_str().unwrap_or_default().to_owned();
        if required.contains(&field.as_str()) {
            said.push_str(" Required.");
        }
        if let Some(default) = property.get("default") {
            write!(said, " Default: `{}`.", plain(default)).expect("writing to a string succeeds");
        }
        section(text, &format!("| `{name}` | {} | {} |", values(property), said.trim()));
        for (parent, within) in
            [(property, "."), (&property["items"], "[]."), (&property["additionalProperties"], ".*.")]
        {
            let inner = &parent["properties"];
            let required: Vec<_> =
                parent["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            rows(text, &format!("{name}{within}"), inner, &required);
        }
    }
}

fn values(property: &Value) -> String {
    if let Some(options) = property["enum"].as_array() {
        return options.iter().map(|option| format!("`{}`", plain(option))).collect::<Vec<_>>().join(", ");
    }
    if let Some(ways) = property["anyOf"].as_array() {
        return ways.iter().map(values).collect::<Vec<_>>().join(", or ");
    }
    let types = match &property["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        Value::String(one) => one.clone(),
        _ => return "any JSON".to_owned(),
    };
    match (&property["minimum"], &property["maximum"]) {
        (Value::Number(low), Value::Number(high)) if types == "integer" => format!("{low} to {high}"),
        (Value::Number(low), _) if types == "integer" => format!("integer, at least {low}"),
        _ => types,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn section(text: &mut String, part: &str) {
    text.push_str(part);
    text.push('\n');
}
