//! `parallel`: named branches that begin at the same time.
//!
//! Several edges from any port do that, too: this type names the branches, so that a graph says what it means and an editor can
//! show them. Its ports are names of the default port. Branches come together at a `merge`, or at any node that several of them lead
//! to.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};

use super::{
    Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports},
    registry::{Kind, Port, is_port_id},
};

const MAX_BRANCHES: usize = 100;

pub(super) const KIND: Kind = Kind {
    name: "parallel",
    title: "Parallel",
    description: "Begins all its branches at the same time, and hands each what it was handed. Where they lead to one node, that node waits \
                  for all of them (`join`); `merge` brings their results together.",
    category: "flow",
    result: "What it was handed.",
    properties: || {
        json!({
            "branches": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_BRANCHES,
                "description": "The branches: each is a port.",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string", "minLength": 1, "description": "The port: letters, digits, `_` and `-`, 1 to 64 characters." },
                        "label": { "type": "string", "maxLength": 1000, "description": "For people." },
                    },
                    "required": ["id"],
                    "additionalProperties": false,
                },
            },
        })
    },
    required: &["branches"],
    refused: &[],
    attempts: false,
    ports: &[
        Port { id: "<branch id>", description: "The branch; all of them are taken.", required: false },
        Port::DEFAULT,
    ],
    compile,
    example: || json!({ "branches": [{ "id": "invoice", "label": "Write the invoice" }, { "id": "parcel" }] }),
};

struct Parallel;

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let mut named = Vec::new();
    let mut seen = HashSet::new();
    for (i, branch) in config.list("branches").iter().take(MAX_BRANCHES).enumerate() {
        let Some(id) = branch.get("id").and_then(Value::as_str) else { continue };
        let path = format!("/branches/{i}/id");
        if !is_port_id(id) {
            let message =
                "a branch's id must be 1 to 64 letters, digits, `_` or `-`, and no name that ports already have";
            config.problem(&path, message);
        } else if !seen.insert(id) {
            config.problem(&path, format!("branch `{id}` is listed twice"));
        }
        named.push(id.to_owned());
    }
    let ports = Ports { named, at_once: true, ..Ports::unfailing() };
    Some(Compiled { node: Box::new(Parallel), role: Role::Plain, ports })
}

impl Node for Parallel {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let output = Arc::clone(context.last_output);
        Outcome::Complete(Completion { output, port: None, transparent: true }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{
        registry::compile,
        testing::{Bench, definition, paths, problems_of},
    };

    #[test]
    fn every_branch_leaves_by_the_default_port() {
        let graph = json!({
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "both", "type": "parallel", "data": { "branches": [{ "id": "a" }, { "id": "b" }] } },
                { "id": "left", "type": "transform" },
                { "id": "right", "type": "transform" },
            ],
            "edges": [
                { "id": "e1", "source": "start", "target": "both" },
                { "id": "e2", "source": "both", "target": "left", "sourceHandle": "a" },
                { "id": "e3", "source": "both", "target": "right", "sourceHandle": "b" },
            ],
        });
        let compiled = compile(&definition(graph.clone())).ok().unwrap();
        assert!(compiled.graph.edges.iter().all(|edge| edge.port.is_none()));
        let mut wrong = graph;
        wrong["edges"][2]["sourceHandle"] = json!("c");
        let problems = compile(&definition(wrong)).err().unwrap();
        assert_eq!(paths(&problems), ["/edges/2/sourceHandle"]);
    }

    #[test]
    fn hands_on_and_refuses_bad_ids() {
        let ran = Bench::new("parallel", json!({ "branches": [{ "id": "a" }] })).with_last_output(json!([1])).run();
        assert_eq!(ran.output(), json!([1]));
        let branches = json!([{ "id": "a" }, { "id": "a" }, { "id": "error" }, { "id": "b c" }]);
        let problems = problems_of("parallel", json!({ "branches": branches }));
        let expected = [1, 2, 3].map(|i| format!("/nodes/1/data/branches/{i}/id"));
        assert_eq!(paths(&problems), expected);
        assert_eq!(paths(&problems_of("parallel", json!({ "branches": [] }))), ["/nodes/1/data/branches"]);
    }
}
