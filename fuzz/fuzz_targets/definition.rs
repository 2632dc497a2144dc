//! Any JSON as a definition: it may be refused, with places in it, and it may not panic.
//! Run with `make fuzz TARGETS=definition`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::{domain::definition::Definition, nodes::registry};

fuzz_target!(|text: &str| {
    let Ok(definition) = serde_json::from_str::<Definition>(text) else { return };
    match registry::compile(&definition) {
        Ok(workflow) => assert_eq!(workflow.nodes.len(), definition.nodes.len()),
        Err(problems) => assert!(problems.iter().all(|problem| problem.path.starts_with('/'))),
    }
});
