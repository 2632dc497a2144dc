//! Tests of the language as a whole: what expressions mean, what is refused and where, hostile and random sources, and the
//! examples of the document for users. `tests/it/condition` compares with the original.

mod document;
mod hostile;
mod random;
mod refused;
mod semantics;

use serde_json::{Map, Value, json};

use super::{Condition, EvaluateError};

/// The scope that most tests read from.
fn scope() -> Map<String, Value> {
    let Value::Object(scope) = json!({
        "context": {
            "eventType": "DOCUMENT_FAMILY", "priority": 7, "retries": 0, "ratio": 2.5, "note": null, "ok": true, "title": "Köln 😀",
            "labels": ["invoice", "urgent"], "nested": {"deep": {"er": [[1, 2], [3]]}}, "empty": {}, "none": [], "a-b": 1,
            "items": 3, "big": u64::MAX
        },
        "metadata": {"pages": 12, "source": "scan"}
    }) else {
        unreachable!("an object")
    };
    scope
}

fn value(source: &str) -> Result<Value, EvaluateError> {
    Condition::compile(source).unwrap_or_else(|error| panic!("{source:.200}: {error}")).value(&scope())
}

/// Runs a test on the stack that the language promises to fit.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
