//! Any text as an expression: it may be refused, it may fail, it may not panic, and its value can be stored.
//! Run with `make fuzz TARGETS=expression`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sluicegate::expression::Expression;

fuzz_target!(|source: &str| {
    let Ok(expression) = Expression::compile(source) else { return };
    assert_eq!(expression.source(), source.trim());
    let scope = json!({
        "input": {"n": 7, "f": 2.5, "s": "text", "list": [1, "a", null, {"k": [true]}], "map": {"a-b": 1, "0": 2}},
        "a": {"b": -1}, "x": [[1, 2], [3]]
    });
    let value = expression.evaluate(&scope);
    assert_eq!(value, expression.evaluate(&scope), "an evaluation is repeatable");
    if let Ok(value) = value {
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<Value>(&text).expect("a result is JSON"), value);
    }
});
