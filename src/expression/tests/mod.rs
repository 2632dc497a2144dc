//! Tests of the language as a whole: semantics, hostile input, templates, the document for users, and the comparison
//! with another implementation of CEL.

mod document;
mod functions;
mod hostile;
mod oracle;
mod random;
mod semantics;
mod templates;

use serde_json::{Value, json};

use super::{EvaluateErrorKind, Expression, Scope};

/// The context that most tests read from.
fn context() -> Value {
    json!({
        "input": {
            "total": 250, "tax": 50, "country": "DE", "vip": true, "note": null, "rate": 0.5, "name": "Ada",
            "big": 18_446_744_073_709_551_615_u64, "tags": ["new", "eu"], "empty": [], "in": 7,
            "items": [
                {"name": "pen", "price": 2, "qty": 10}, {"name": "ink", "price": 7.5, "qty": 1},
                {"name": "desk", "price": 180, "qty": 1}
            ],
            "address": {"city": "Köln", "zip-code": "50667", "0": "zero"}
        },
        "nodeResults": {"my-node": {"output": {"items": [{"name": "first"}, {"name": "second"}], "a-b": 3}, "status": "completed"}},
        "a-b": "hyphen"
    })
}

fn evaluate(source: &str) -> Result<Value, String> {
    let expression = Expression::compile(source).map_err(|error| format!("compile: {error}"))?;
    expression.evaluate(&context()).map_err(|error| error.to_string())
}

fn kind_of_failure(source: &str, scope: &dyn Scope) -> Option<EvaluateErrorKind> {
    Expression::compile(source).expect(source).evaluate(scope).err().map(|error| error.kind)
}

/// Runs a test on the stack that the language promises to fit.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
