//! Two chapters are written from what the code says of itself, so that they can't drift: every endpoint from the OpenAPI document,
//! every type of events from their schema. Where one is stale, the fresh text is left in `target/`.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sluicegate::{facade::openapi_yaml, http::event_schema};

use super::blocks::folder;

/// Everything after this line is generated.
const MARKER: &str = "<!-- From here on this document is written from what the code says of itself. -->\n";

#[test]
fn the_documents_of_endpoints_and_events_are_fresh() {
    let stale: Vec<String> = [("endpoints.md", endpoints()), ("event-types.md", events())]
        .into_iter()
        .filter_map(|(name, reference)| {
            let present = std::fs::read_to_string(folder().join(name)).unwrap();
            let (written, _) = present.split_once(MARKER).unwrap_or_else(|| panic!("docs/{name} has its marker"));
            let fresh = format!("{written}{MARKER}{reference}");
            if present == fresh {
                return None;
            }
            let path = folder().parent().unwrap().join("target").join(name);
            std::fs::write(&path, fresh).unwrap();
            Some(format!("docs/{name} is stale: copy {} over it", path.display()))
        })
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// On one line, and without what would end a cell of a table or be taken for markup.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().trim().to_owned()
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value[member].as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A document with schemas in it, all of them below one place.
struct Schemas<'a> {
    all: &'a Value,
}

impl Schemas<'_> {
    /// What a schema refers to, by name, if it does.
    fn named(schema: &Value) -> Option<&str> {
        schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
    }

    /// A schema's own members and those of what it is put together of.
    fn members(&self, schema: &Value) -> (Map<String, Value>, Vec<String>) {
        let (mut found, mut required) = (Map::new(), Vec::new());
        let parts = list(schema, "allOf").chain(Self::named(schema).map(|name| &self.all[name]));
        for part in parts {
            let (more, also) = self.members(part);
            found.extend(more);
            required.extend(also);
        }
        found.extend(members(&schema["properties"]).map(|(name, value)| (name.clone(), value.clone())));
        required.extend(list(schema, "required").filter_map(Value::as_str).map(str::to_owned));
        (found, required)
    }

    /// What kind of value fits, in a few words.
    fn kind(&self, schema: &Value) -> String {
        if let Some(options) = schema["enum"].as_array() {
            return options
                .iter()
                .map(|one| format!("`{}`", one.as_str().unwrap_or("?")))
                .collect::<Vec<_>>()
                .join(", ");
        }
        if let Some(name) = Self::named(schema) {
            let meant = &self.all[name];
            // Ids and the like say more as what they are.
            return match meant["type"].as_str() {
                Some("string") if meant["enum"].is_null() && meant["format"].is_string() => self.kind(meant),
                _ if meant["enum"].is_array() => self.kind(meant),
                _ => format!("`{name}`"),
            };
        }
        for either in ["oneOf", "anyOf", "allOf"] {
            let kinds: Vec<String> =
                list(schema, either).filter(|one| one["type"] != "null").map(|one| self.kind(one)).collect();
            if !kinds.is_empty() {
                return kinds.join(" or ");
            }
        }
        let types = match &schema["type"] {
            Value::String(one) => vec![one.as_str()],
            Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
            _ => return "any JSON".to_owned(),
        };
        let kinds = types.iter().map(|one| match (*one, schema["format"].as_str()) {
            ("array", _) => format!("list of {}", self.kind(&schema["items"])),
            ("string", Some("date-time")) => "instant".to_owned(),
            ("string", Some("uuid")) => "id".to_owned(),
            (one, _) => one.to_owned(),
        });
        kinds.collect::<Vec<_>>().join(" or ")
    }

    /// The rows of a table of members. What has to be there is marked.
    fn rows(&self, out: &mut String, schema: &Value) {
        let (found, required) = self.members(schema);
        for (name, member) in &found {
            let mark = if required.contains(name) { "" } else { "?" };
            let told = [member, &member["oneOf"][1]].into_iter().map(|one| text(one, "description"));
            let told = told.into_iter().find(|told| !told.is_empty()).unwrap_or_default();
            writeln!(out, "| `{name}`{mark} | {} | {} |", self.kind(member), cell(&told)).unwrap();
        }
    }
}

fn endpoints() -> String {
    let document: Value = serde_saphyr::from_str(openapi_yaml()).unwrap();
    let schemas = Schemas { all: &document["components"]["schemas"] };
    let mut out = String::new();
    let mut left: usize = members(&document["paths"]).map(|(_, item)| members(item).filter(is_operation).count()).sum();
    for tag in list(&document, "tags") {
        let name = text(tag, "name");
        write!(out, "\n## {name}\n\n{}\n", text(tag, "description")).unwrap();
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item).filter(is_operation) {
                if operation["tags"][0] == name.as_str() {
                    left -= 1;
                    endpoint(&mut out, &schemas, (&method.to_uppercase(), path), operation);
                }
            }
        }
    }
    assert_eq!(left, 0, "some operations are in no group");
    out
}

fn is_operation((name, _): &(&String, &Value)) -> bool {
    ["get", "put", "post", "patch", "delete", "head"].contains(&name.as_str())
}

fn endpoint(out: &mut String, schemas: &Schemas<'_>, (method, path): (&str, &str), operation: &Value) {
    write!(out, "\n### {}\n\n`{method} {path}` · {}\n", text(operation, "summary"), who(operation)).unwrap();
    let about = text(operation, "description");
    if !about.is_empty() {
        write!(out, "\n{about}\n").unwrap();
    }
    let told = |parameter: &&Value| parameter["in"] != "path";
    if list(operation, "parameters").any(|parameter| told(&parameter)) {
        out.push_str("\n| parameter | in | value | |\n|---|---|---|---|\n");
        for parameter in list(operation, "parameters").filter(told) {
            let mark = if parameter["required"] == true { "" } else { "?" };
            let kind = schemas.kind(&parameter["schema"]);
            let (name, place) = (text(parameter, "name"), text(parameter, "in"));
            writeln!(out, "| `{name}`{mark} | {place} | {kind} | {} |", cell(&text(parameter, "description"))).unwrap();
        }
    }
    for (kind, content) in members(&operation["requestBody"]["content"]) {
        let (found, _) = schemas.members(&content["schema"]);
        if found.is_empty() {
            write!(out, "\nBody ({kind}): {}.\n", schemas.kind(&content["schema"])).unwrap();
        } else {
            write!(out, "\nBody ({kind}):\n\n| member | value | |\n|---|---|---|\n").unwrap();
            schemas.rows(out, &content["schema"]);
        }
    }
    out.push_str("\n| status | |\n|---|---|\n");
    for (status, reply) in members(&operation["responses"]) {
        let kinds: Vec<String> = members(&reply["content"])
            .filter(|(kind, _)| *kind != "application/problem+json")
            .map(|(kind, content)| match kind.as_str() {
                "application/json" => schemas.kind(&content["schema"]),
                other => format!("`{other}`"),
            })
            .collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
        let status = if status == "default" { "others" } else { status };
        writeln!(out, "| {status} | {}{kinds} |", cell(&text(reply, "description"))).unwrap();
    }
}

/// Who may call it, as the operation itself says.
fn who(operation: &Value) -> String {
    let public = operation["security"].as_array().is_some_and(|ways| ways.is_empty() || ways.iter().any(is_empty));
    let of_its_own =
        operation["security"].as_array().is_some_and(|ways| ways.iter().all(|way| way.get("apiKey").is_none()));
    let role = operation["x-role"].as_str();
    let id = text(operation, "operationId");
    match role {
        _ if public => format!("anybody · `{id}`"),
        Some(role) => format!("{role}s and higher · `{id}`"),
        None if of_its_own => format!("with a credential of its own · `{id}`"),
        None => format!("`{id}`"),
    }
}

fn is_empty(way: &Value) -> bool {
    way.as_object().is_some_and(Map::is_empty)
}

fn events() -> String {
    let document = event_schema::document();
    let schemas = Schemas { all: &document["$defs"] };
    let mut out = String::new();
    let mut shown = Vec::new();
    for (title, name) in [("Events of an execution", "Event"), ("Messages that are no events", "StreamFrame")] {
        let union = &schemas.all[name];
        write!(out, "\n## {title}\n\n{}\n", text(union, "description")).unwrap();
        for variant in list(union, "oneOf") {
            let kind = list(variant, "allOf").find_map(|part| part["properties"]["type"]["enum"][0].as_str()).unwrap();
            shown.extend(list(variant, "allOf").filter_map(Schemas::named));
            write!(out, "\n### {kind}\n\n{}\n\n| member | value | |\n|---|---|---|\n", text(variant, "description"))
                .unwrap();
            schemas.rows(&mut out, variant);
        }
    }
    out.push_str("\n## What they hold\n");
    for (name, schema) in members(schemas.all) {
        // What the streams of pods and of the inbox leave out is told above.
        let (found, _) = schemas.members(schema);
        if found.is_empty() || shown.contains(&name.as_str()) || name.starts_with("Feed") {
            continue;
        }
        write!(out, "\n### {name}\n\n{}\n\n| member | value | |\n|---|---|---|\n", text(schema, "description"))
            .unwrap();
        schemas.rows(&mut out, schema);
    }
    out
}
