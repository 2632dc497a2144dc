//! `note`: a remark on the canvas.

use serde_json::{Value, json};

use super::{
    Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports},
    registry::Kind,
};

pub(super) const KIND: Kind = Kind {
    name: "note",
    title: "Note",
    description: "A remark on the editor's canvas. It never runs, and no edge joins it.",
    category: "flow",
    result: "None.",
    properties: || {
        json!({
            "text": { "type": "string", "maxLength": 100_000, "description": "The remark." },
            "color": { "type": "string", "maxLength": 64, "description": "How the editor draws it." },
            "width": { "type": "number", "description": "How the editor draws it." },
            "height": { "type": "number", "description": "How the editor draws it." },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[],
    compile,
    example: || json!({ "text": "Ask finance before changing the limit." }),
};

struct Note;

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(_: &mut Config<'_>) -> Option<Compiled> {
    Some(Compiled { node: Box::new(Note), role: Role::Plain, ports: Ports::none() })
}

impl Node for Note {
    /// Never called: notes are aside in the graph.
    fn start(&self, _: &NodeContext<'_>) -> Step {
        Outcome::output(Value::Null).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{
        registry,
        testing::{definition, paths},
    };

    #[test]
    fn stands_beside_the_graph() {
        let with = |edges: Value| {
            registry::validate(&definition(json!({
                "nodes": [
                    { "id": "s", "type": "start" },
                    { "id": "n", "type": "note", "data": { "text": "{{ not a template" } },
                ],
                "edges": edges,
            })))
        };
        assert_eq!(with(json!([])), []);
        assert!(!paths(&with(json!([{ "source": "s", "target": "n" }]))).is_empty());
    }
}
