//! `merge`: branches come together.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Completion, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config},
    registry::{Kind, Port},
    schema::{MAX_VALUE_DEPTH, fits_depth},
};
use crate::domain::failure::{Failure, FailureCode};

pub(super) const KIND: Kind = Kind {
    name: "merge",
    title: "Merge",
    description: "Brings branches together: waits for all that are taken (`join: all`) or goes on with the first one \
                  (`join: any`).",
    category: "flow",
    result: "The outputs of the branches that were taken, as `mode` says.",
    properties: || {
        json!({
            "mode": {
                "enum": ["object", "array", "first"],
                "default": "object",
                "description": "An object by node id, an array in the order of the edges, or the first one of these alone.",
            },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "join": "all", "mode": "object" }),
};

enum Mode {
    Object,
    Array,
    First,
}

struct Merge {
    mode: Mode,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let mode = match config.text("mode") {
        Some("array") => Mode::Array,
        Some("first") => Mode::First,
        _ => Mode::Object,
    };
    Some(Compiled::plain(Merge { mode }))
}

impl Node for Merge {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let incoming = context.incoming;
        let output = match self.mode {
            Mode::First => incoming.first().map_or_else(|| Arc::new(Value::Null), |(_, output)| Arc::clone(output)),
            Mode::Array => Arc::new(incoming.iter().map(|(_, output)| Value::clone(output)).collect()),
            Mode::Object => {
                let members: Map<_, _> =
                    incoming.iter().map(|(id, output)| ((*id).to_owned(), Value::clone(output))).collect();
                Arc::new(Value::Object(members))
            }
        };
        // Merging merged values adds a level each time.
        if !fits_depth(&output, MAX_VALUE_DEPTH) {
            let message = format!("the merged value nests deeper than {MAX_VALUE_DEPTH} levels");
            return Failure::new(FailureCode::LimitExceeded, message).into();
        }
        Outcome::Complete(Completion { output, port: None, transparent: false }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{
        Common, Join,
        testing::{Bench, paths, problems_of},
    };

    fn merge(mode: &Value) -> Value {
        let bench = Bench::new("merge", json!({ "mode": mode }));
        bench.with_incoming(&[("b", json!(1)), ("a", json!({ "x": 2 }))]).run().output()
    }

    #[test]
    fn merges_in_three_ways() {
        assert_eq!(merge(&Value::Null), json!({ "a": { "x": 2 }, "b": 1 }));
        assert_eq!(merge(&json!("object")), json!({ "a": { "x": 2 }, "b": 1 }));
        assert_eq!(merge(&json!("array")), json!([1, { "x": 2 }]));
        assert_eq!(merge(&json!("first")), json!(1));
    }

    #[test]
    fn bounds_the_depth() {
        let deep = (0..MAX_VALUE_DEPTH).fold(json!(1), |value, _| json!([value]));
        let failure = Bench::new("merge", json!({})).with_incoming(&[("a", deep)]).run().failure();
        assert_eq!(failure.code, FailureCode::LimitExceeded);
    }

    #[test]
    fn joins() {
        assert_eq!(
            Bench::new("merge", json!({ "join": "any" })).common(),
            Common { join: Join::Any, ..Common::default() }
        );
        assert_eq!(paths(&problems_of("merge", json!({ "join": "some" }))), ["/nodes/1/data/join"]);
    }
}
