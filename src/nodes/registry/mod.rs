//! The table of node types, and the compilation of definitions against it.
//!
//! A new type is one new file and one line in [`KINDS`]. [`compile`] tells everything that is wrong in one go: first what
//! holds for any graph, then for each node what its type demands of its configuration, then for each edge its port.

#[cfg(test)]
mod document;
mod settings;
#[cfg(test)]
mod tests;
mod wiring;

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::{
    definition::{Definition, NodeDefinition, Problem},
    graph::{Graph, MAX_NODES},
};

use super::{
    Common, CompiledNode, CompiledWorkflow, Mock, RunIf, agent, approval_gate, ask_human, callback, code, common,
    config::{Compiled, Config},
    datetime, end, extract, filter, forms, guardrails, http, if_else, loops, mcp, memory, merge, mock, note, parallel,
    retriever, router, run_if,
    schema::{self, Schema, shorten},
    start, subscriptions, subworkflow, task, transform,
    variables::{self, Variables},
    wait,
};

/// Every node type, in the order in which editors offer them.
const KINDS: &[Kind] = &[
    start::KIND,
    end::KIND,
    transform::KIND,
    variables::KIND,
    filter::KIND,
    datetime::KIND,
    code::KIND,
    guardrails::KIND,
    if_else::KIND,
    router::KIND,
    parallel::KIND,
    merge::KIND,
    loops::KIND,
    wait::KIND,
    subworkflow::KIND,
    http::KIND,
    extract::KIND,
    retriever::KIND,
    memory::KIND,
    task::KIND,
    agent::KIND,
    mcp::KIND,
    approval_gate::KIND,
    ask_human::KIND,
    callback::KIND,
    note::KIND,
];

/// More problems than these help nobody.
const MAX_PROBLEMS: usize = 200;
const MAX_NAME_BYTES: usize = 200;

/// Port names with a meaning of their own, or that editors write for the default port.
const RESERVED_PORTS: [&str; 4] = ["default", "source", "error", "timeout"];

/// A node type's row in the table.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) category: &'static str,
    /// What the output is.
    pub(super) result: &'static str,
    /// The properties of the JSON Schema of `data`, without the common ones.
    pub(super) properties: fn() -> Value,
    pub(super) required: &'static [&'static str],
    /// Fields that one might expect, and why they are refused.
    pub(super) refused: &'static [(&'static str, &'static str)],
    /// Whether `retry` and `timeoutMs` apply.
    pub(super) attempts: bool,
    pub(super) ports: &'static [Port],
    /// None if and only if it has noted a problem, or the schema has.
    pub(super) compile: fn(&mut Config<'_>) -> Option<Compiled>,
    pub(super) example: fn() -> Value,
}

impl Kind {
    /// Whether a condition may stand in front of nodes of this type: there is something in front and something behind, and one
    /// port of all means that the flow goes on.
    fn passable(&self) -> bool {
        let goes_on = |port: &Port| *port == Port::DEFAULT || port.id == forms::APPROVED;
        self.name != start::KIND.name && self.ports.iter().any(goes_on)
    }

    /// Whether nodes of this type may be compensations: they do something by themselves, and ask nobody.
    fn undoes(&self) -> bool {
        [transform::KIND, code::KIND, http::KIND, memory::KIND, mcp::KIND, task::KIND, subworkflow::KIND]
            .iter()
            .any(|kind| kind.name == self.name)
    }

    /// Whether nodes of this type may have a mock: they stand between others.
    fn mockable(&self) -> bool {
        self.name != start::KIND.name && !self.ports.is_empty()
    }
}

/// A port, as the table describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Port {
    /// The port's id: what an edge has as its `sourceHandle`. An id in angle brackets stands for ids of the configuration.
    pub id: &'static str,
    /// When the node finishes through it.
    pub description: &'static str,
    /// Whether an edge must leave by it.
    pub required: bool,
}

impl Port {
    /// The port of edges that name none.
    pub(super) const DEFAULT: Self =
        Self { id: "default", description: "The node is done. Edges that name no port leave by it.", required: false };
    /// The port that a failure takes.
    pub(super) const ERROR: Self =
        Self { id: "error", description: "The node has failed for good; its output is `{error}`.", required: false };
    const TIMEOUT: Self = Self {
        id: "timeout",
        description: "With `timeoutMs`: the last attempt took too long; its output is `{error}`.",
        required: false,
    };
}

/// A node type, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeType {
    /// The name to use as a node's `type`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What it belongs to: `flow`, `data`, `network`, `ai` or `people`.
    pub category: &'static str,
    /// What its output is.
    pub result: &'static str,
    /// JSON Schema (2020-12) of a node's `data`.
    #[schema(value_type = Object)]
    pub schema: Value,
    /// The ports.
    pub ports: Vec<Port>,
    /// An example of a node's `data`.
    #[schema(value_type = Object)]
    pub example: Value,
}

/// All node types.
pub fn node_types() -> &'static [NodeType] {
    &TYPES
}

static TYPES: LazyLock<Vec<NodeType>> = LazyLock::new(|| KINDS.iter().map(describe).collect());
static SCHEMAS: LazyLock<HashMap<&'static str, Schema>> =
    LazyLock::new(|| TYPES.iter().map(|node_type| (node_type.kind, Schema::trusted(&node_type.schema))).collect());

fn describe(kind: &Kind) -> NodeType {
    let mut properties = (kind.properties)().as_object().cloned().unwrap_or_default();
    properties.extend(common::properties(kind.attempts));
    if kind.passable() {
        properties.insert("runIf".to_owned(), run_if::property());
    }
    if kind.mockable() {
        properties.insert("mock".to_owned(), mock::property(common::failure_codes()));
    }
    if kind.undoes() {
        properties.insert("compensates".to_owned(), common::compensates());
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.title,
        "type": "object",
        "properties": properties,
        "required": kind.required,
        "additionalProperties": false,
    });
    let mut ports = kind.ports.to_vec();
    if kind.attempts && ports.contains(&Port::ERROR) {
        ports.push(Port::TIMEOUT);
    }
    NodeType {
        kind: kind.name,
        title: kind.title,
        description: kind.description,
        category: kind.category,
        result: kind.result,
        schema,
        ports,
        example: (kind.example)(),
    }
}

/// The fields that may read secrets, for people: those whose schema is marked `x-secret`.
pub(super) fn secret_fields() -> &'static str {
    static FIELDS: LazyLock<String> = LazyLock::new(|| {
        let marked = |node_type: &NodeType| {
            let mut fields = Vec::new();
            let properties = node_type.schema["properties"].as_object().into_iter().flatten();
            for (name, schema) in properties {
                collect_marked(name, schema, &mut fields);
            }
            (!fields.is_empty()).then(|| format!("{} of `{}`", fields.join(", "), node_type.kind))
        };
        TYPES.iter().filter_map(marked).collect::<Vec<_>>().join("; ")
    });
    &FIELDS
}

/// Adds the marked fields in a schema, each by its names from `name` on.
fn collect_marked(name: &str, schema: &Value, fields: &mut Vec<String>) {
    let quoted = format!("`{name}`");
    if schema["x-secret"] == true && !fields.contains(&quoted) {
        fields.push(quoted);
    }
    let kinds = schema["items"]["oneOf"].as_array().into_iter().flatten();
    for kind in kinds.chain([&schema["items"], schema]) {
        for (member, schema) in kind["properties"].as_object().into_iter().flatten() {
            collect_marked(&format!("{name}.{member}"), schema, fields);
        }
    }
}

/// Everything that is wrong with a definition; nothing, if it can be saved and run.
pub fn validate(definition: &Definition) -> Vec<Problem> {
    compile(definition).err().unwrap_or_default()
}

/// Compiles a definition, or tells everything that is wrong with it.
pub fn compile(definition: &Definition) -> Result<CompiledWorkflow, Vec<Problem>> {
    let mut problems = Vec::new();
    let graph = Graph::compile(definition).map_err(|found| problems.extend(found)).ok();
    settings::check_settings(&definition.settings, &mut problems);
    settings::check_metadata(&definition.metadata, &mut problems);
    if let Some(initial) = definition.settings.variables.as_deref() {
        variables::check_initial(initial, &mut problems);
    }
    let subscriptions = subscriptions::compile(&definition.settings.subscriptions, &mut problems);
    let concurrency = settings::compile_concurrency(definition.settings.concurrency.as_ref(), &mut problems);
    if definition.nodes.len() > MAX_NODES {
        return Err(problems);
    }
    let parents: HashSet<&str> = definition.nodes.iter().filter_map(|node| node.parent_id.as_deref()).collect();
    let drafts: Vec<Option<Draft>> = definition
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| compile_node(index, node, parents.contains(node.id.as_str()), &mut problems))
        .collect();
    let graph = graph.map(|graph| wiring::wire(definition, graph, &drafts, &mut problems));
    let assigns = |(index, draft): (usize, &Option<Draft>)| {
        draft.as_ref().is_some_and(|draft| draft.kind.name == variables::KIND.name).then_some(index)
    };
    let variables = Variables {
        initial: definition.settings.variables.as_deref().cloned().unwrap_or_default(),
        nodes: drafts.iter().enumerate().filter_map(assigns).collect(),
    };
    let nodes: Vec<CompiledNode> = drafts.into_iter().zip(&definition.nodes).filter_map(finish).collect();
    match graph {
        Some(graph) if problems.is_empty() && nodes.len() == graph.nodes.len() => Ok(CompiledWorkflow {
            graph,
            nodes,
            timeout_ms: definition.settings.timeout_ms,
            priority: definition.settings.priority,
            subscriptions,
            concurrency,
            dedupe: definition.settings.dedupe.unwrap_or_default(),
            variables,
        }),
        _ => {
            debug_assert!(!problems.is_empty(), "a node was refused without a word");
            problems.truncate(MAX_PROBLEMS);
            Err(problems)
        }
    }
}

/// Compiles one node by itself, without edges and without a body. The paths of problems begin at the node.
pub fn compile_alone(node: &NodeDefinition) -> Result<CompiledNode, Vec<Problem>> {
    let mut problems = Vec::new();
    let draft = compile_node(0, node, false, &mut problems);
    if let Some(compiled) = finish((draft, node)).filter(|_| problems.is_empty()) {
        return Ok(compiled);
    }
    debug_assert!(!problems.is_empty(), "a node was refused without a word");
    for problem in &mut problems {
        problem.path = problem.path.strip_prefix("/nodes/0").unwrap_or(&problem.path).to_owned();
    }
    problems.truncate(MAX_PROBLEMS);
    Err(problems)
}

/// Whether a configuration may name a port like this.
pub(super) fn is_port_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !RESERVED_PORTS.contains(&id)
}

/// A node that holds by itself; its edges are yet unchecked.
struct Draft {
    kind: &'static Kind,
    compiled: Compiled,
    common: Common,
    run_if: Option<RunIf>,
    secrets: Vec<String>,
    mock: Option<Mock>,
}

fn finish((draft, definition): (Option<Draft>, &NodeDefinition)) -> Option<CompiledNode> {
    let Draft { kind, compiled, common, run_if, secrets, mock } = draft?;
    Some(CompiledNode {
        kind: kind.name,
        name: definition.name.clone(),
        node: compiled.node,
        role: compiled.role,
        common,
        run_if,
        secrets,
        mock,
    })
}

fn compile_node(index: usize, node: &NodeDefinition, has_body: bool, problems: &mut Vec<Problem>) -> Option<Draft> {
    let before = problems.len();
    let at_node =
        |path: String, message: String| Problem { path, message, node_id: Some(node.id.clone()), edge_id: None };
    if node.name.as_ref().is_some_and(|name| name.len() > MAX_NAME_BYTES) {
        let message = format!("the node's name is longer than {MAX_NAME_BYTES} bytes");
        problems.push(at_node(format!("/nodes/{index}/name"), message));
    }
    let name = node.type_name();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        problems.push(at_node(format!("/nodes/{index}/type"), unknown_type(name)));
        return None;
    };
    let path = format!("/nodes/{index}/data");
    problems.extend(check_data(kind, &node.data, &path).into_iter().map(|found| at_node(found.path, found.message)));
    let mut config = Config::new(&node.data, &node.id, path, problems);
    config.has_body = has_body;
    let mut common = common::compile(&mut config);
    let compiled = (kind.compile)(&mut config);
    if kind.name == agent::KIND.name {
        common.retry.get_or_insert_with(agent::retry);
    }
    let run_if = compiled.as_ref().and_then(|compiled| run_if::compile(&mut config, &compiled.ports));
    let mock =
        compiled.as_ref().filter(|_| kind.mockable()).and_then(|compiled| mock::compile(&mut config, &compiled.ports));
    let secrets = config.secrets.into_iter().collect();
    tell_once(problems, before);
    Some(Draft { kind, compiled: compiled?, common, run_if, secrets, mock })
}

/// Compiles a node that stands inside another one's configuration; none if a problem was noted.
pub(super) fn compile_inner(name: &str, config: &mut Config<'_>) -> Option<Compiled> {
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let problems = check_data(kind, config.members(), config.path());
    let is_sound = problems.is_empty();
    config.problems(problems);
    (kind.compile)(config).filter(|_| is_sound)
}

/// The schema and the type may both find the same member wrong; the first word stands.
fn tell_once(problems: &mut Vec<Problem>, from: usize) {
    let mut told = HashSet::new();
    let mut index = 0;
    problems.retain(|problem| {
        index += 1;
        index <= from || told.insert(problem.path.clone())
    });
}

/// What the JSON Schema of the type says about a node's `data`. A member that is null counts as not set.
fn check_data(kind: &Kind, data: &Map<String, Value>, path: &str) -> Vec<Problem> {
    let set: Map<String, Value> = data
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let set = Value::Object(set);
    let mut problems = SCHEMAS.get(kind.name).map_or_else(Vec::new, |schema| schema.check(&set, path));
    for problem in &mut problems {
        let field = problem.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        if let Some(why) = unknown_field(kind, field) {
            problem.message = why;
        }
    }
    problems
}

/// More about a field that a type doesn't have.
fn unknown_field(kind: &Kind, field: &str) -> Option<String> {
    let known = TYPES.iter().find(|node_type| node_type.kind == kind.name)?.schema["properties"].as_object()?;
    // A member of a member is not the type's own field.
    if field.is_empty() || field.contains('/') {
        return None;
    }
    let field = &schema::unescape(field);
    if known.contains_key(field) {
        return None;
    }
    if let Some((_, why)) = kind.refused.iter().find(|(refused, _)| refused == field) {
        return Some(format!("`{field}`: {why}"));
    }
    let nearest = nearest(field, known.keys().map(String::as_str));
    let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Some(format!("a node of type `{}` has no field `{}`{hint}", kind.name, shorten(field)))
}

fn unknown_type(name: &str) -> String {
    let known = || KINDS.iter().map(|kind| kind.name);
    let list = known().collect::<Vec<_>>().join(", ");
    if name.is_empty() {
        return format!("the node has no type; the types are {list}");
    }
    let hint = nearest(name, known()).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("there is no node type `{}`: {hint}the types are {list}", shorten(name))
}

/// The candidate that a misspelt name most likely means.
fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let name = shorten(name).to_ascii_lowercase();
    candidates
        .map(|candidate| (distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, dropped or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
