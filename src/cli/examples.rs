//! The example workflows of `sluicegate dev`.

use crate::domain::definition::Definition;

/// An example.
pub(super) struct Example {
    /// Its key in `dev --json`.
    pub key: &'static str,
    /// The workflow's name.
    pub name: &'static str,
    /// What it shows.
    pub description: &'static str,
    definition: &'static str,
}

impl Example {
    /// The graph.
    pub fn definition(&self) -> Definition {
        serde_json::from_str(self.definition).expect("the examples are checked by a test")
    }
}

/// All of them.
pub(super) const EXAMPLES: [Example; 3] = [
    Example {
        key: "linear",
        name: "Linear",
        description: "Two transforms in a row: adds up the prices of a list of items.",
        definition: include_str!("../../examples/linear.json"),
    },
    Example {
        key: "approval",
        name: "Approval with parallel branches",
        description: "Reserves goods while somebody decides whether an order may be shipped.",
        definition: include_str!("../../examples/approval.json"),
    },
    Example {
        key: "http",
        name: "HTTP with an error path",
        description: "Calls an address; what goes wrong takes the error port.",
        definition: include_str!("../../examples/http.json"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_hold() {
        for example in EXAMPLES {
            let problems = crate::nodes::registry::validate(&example.definition());
            assert!(problems.is_empty(), "{}: {problems:?}", example.key);
        }
    }
}
