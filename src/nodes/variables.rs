//! `variables`: values with a name of their own, which expressions read as `variables.<name>`.
//!
//! There is no state beside the log: what a variable is follows from the outputs of the `variables` nodes in sight, in the
//! order in which they have finished. So a re-run, a replay and a read of the log give the same.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    domain::{definition::Problem, graph::NodeIndex},
    expression::JsonTemplate,
};

use super::{
    Completion, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed},
    registry::{Kind, Port},
    schema::{self, MAX_VALUE_DEPTH, fits_depth, shorten},
};

const MAX_NAME_BYTES: usize = 64;
/// The most variables of one node, and of the settings.
const MAX_VARIABLES: usize = 200;
/// The settings' initial values together, as JSON: they are part of every version.
const MAX_INITIAL_BYTES: usize = 64 * 1024;

pub(super) const KIND: Kind = Kind {
    name: "variables",
    title: "Variables",
    description: "Assigns values to names, which expressions read as `variables.<name>`. Later assignments win: those of nodes that finished \
                  later. All values of one node are computed from what the variables were before it. In the body of a loop an assignment is \
                  seen in that iteration alone, also by loops inside it; the iteration sees what was assigned around it. It hands on what \
                  it was handed. `settings.variables` has what the variables are at first.",
    category: "data",
    result: "The object that was assigned.",
    properties: || {
        json!({
            "assign": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": MAX_VARIABLES,
                "description": "Values by name: any JSON with templates in its texts. Names are letters, digits and `_`, and do not begin \
                                with a digit.",
            },
        })
    },
    required: &["assign"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "assign": { "count": "{{ default(variables.count, 0) + 1 }}", "customer": "{{ input.customer.id }}" } }),
};

/// The variables of a workflow.
#[derive(Default)]
pub struct Variables {
    /// What they are before any node has assigned something.
    pub initial: Map<String, Value>,
    /// The nodes that assign some.
    pub nodes: Vec<NodeIndex>,
}

struct Assign(JsonTemplate);

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let names = config.value("assign").and_then(Value::as_object)?;
    let wrong: Vec<&String> = names.keys().filter(|name| !is_name(name)).collect();
    for name in &wrong {
        config.problem(&format!("/assign{}", schema::segment(name)), not_a_name(name));
    }
    let values = config.json("assign")?;
    wrong.is_empty().then(|| Compiled::plain(Assign(values)))
}

/// Whether a variable may have this name: expressions read it after a dot.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn not_a_name(name: &str) -> String {
    format!(
        "`{}` is no name of a variable: letters, digits and `_`, not a digit first, up to {MAX_NAME_BYTES} bytes",
        shorten(name)
    )
}

/// What is wrong with the initial values in a definition's settings.
pub(super) fn check_initial(initial: &Map<String, Value>, problems: &mut Vec<Problem>) {
    let mut report = |pointer: &str, message: String| {
        let path = format!("/settings/variables{pointer}");
        problems.push(Problem { path, message, node_id: None, edge_id: None });
    };
    if initial.len() > MAX_VARIABLES {
        report("", format!("there are more than {MAX_VARIABLES} variables"));
    }
    for (name, value) in initial.iter().take(MAX_VARIABLES) {
        if !is_name(name) {
            report(&schema::segment(name), not_a_name(name));
        }
        if !fits_depth(value, MAX_VALUE_DEPTH) {
            report(&schema::segment(name), format!("the value nests deeper than {MAX_VALUE_DEPTH} levels"));
            return;
        }
    }
    if serde_json::to_string(initial).map_or(0, |text| text.len()) > MAX_INITIAL_BYTES {
        report("", format!("the variables are larger than {MAX_INITIAL_BYTES} bytes together"));
    }
}

impl Node for Assign {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.0.render(context.scope) {
            Ok(values) => {
                Outcome::Complete(Completion { output: Arc::new(values), port: None, transparent: true }).into()
            }
            Err(error) => expression_failed("assign", &error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{
        registry::validate,
        testing::{Bench, definition, paths, problems_of},
    };

    #[test]
    fn assigns_values_of_any_type_and_hands_on_what_it_was_handed() {
        let data = json!({ "assign": { "n": "{{ variables.n + 1 }}", "who": "to {{ input.a }}", "list": [1, "{{ input.a }}"] } });
        let bench =
            Bench::new("variables", data).with("variables", json!({ "n": 2 })).with("input", json!({ "a": "x" }));
        let Outcome::Complete(done) = bench.run().0 else { panic!("not complete") };
        assert_eq!(*done.output, json!({ "n": 3, "who": "to x", "list": [1, "x"] }));
        assert!(done.transparent && done.port.is_none());
        let failure = Bench::new("variables", json!({ "assign": { "n": "{{ input.a + 1 }}" } }))
            .with("input", json!({ "a": true }))
            .run()
            .failure();
        assert!(failure.message.starts_with("`assign`"), "{}", failure.message);
    }

    #[test]
    fn names_are_ones_that_expressions_can_read() {
        for (assign, path) in [
            (json!({ "a-b": 1 }), "/nodes/1/data/assign/a-b"),
            (json!({ "1st": 1 }), "/nodes/1/data/assign/1st"),
            (json!({ "": 1 }), "/nodes/1/data/assign/"),
            (json!({ "a/b": 1 }), "/nodes/1/data/assign/a~1b"),
            (json!({ "a": "{{ 1 + }}" }), "/nodes/1/data/assign/a"),
            (json!({}), "/nodes/1/data/assign"),
            (json!("n = 1"), "/nodes/1/data/assign"),
        ] {
            assert_eq!(paths(&problems_of("variables", json!({ "assign": assign }))), [path], "{assign}");
        }
        assert_eq!(problems_of("variables", json!({ "assign": { "_a1": null } })), []);
    }

    #[test]
    fn initial_values_are_checked() {
        let problems = |initial: Value| {
            let nodes = json!([{ "id": "s", "type": "start" }]);
            validate(&definition(json!({ "nodes": nodes, "settings": { "variables": initial } })))
        };
        assert_eq!(problems(json!({ "n": 1, "deep": { "a": [1] } })), []);
        assert_eq!(paths(&problems(json!({ "n n": 1 }))), ["/settings/variables/n n"]);
        assert_eq!(paths(&problems(json!({ "n": "x".repeat(70_000) }))), ["/settings/variables"]);
        let many: Map<String, Value> = (0..201).map(|i| (format!("v{i}"), json!(i))).collect();
        assert_eq!(paths(&problems(many.into())), ["/settings/variables"]);
    }
}
