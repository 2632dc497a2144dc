//! Any text as a condition: it may be refused, it may fail, it may not panic, and its value can be stored.
//! Run with `make fuzz TARGETS=condition`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sluicegate::condition::Condition;

fuzz_target!(|source: &str| {
    let condition = match Condition::compile(source) {
        Ok(condition) => condition,
        Err(error) => return assert!(error.position() <= source.chars().count(), "{error}"),
    };
    let Value::Object(scope) = json!({
        "context": {"n": 7, "f": 2.5, "s": "täxt", "list": [1, "a", null, {"k": [true]}], "map": {"a-b": 1, "0": 2}, "most": u64::MAX},
        "a": {"b": -1}, "x": [[1, 2], [3]]
    }) else {
        unreachable!("an object")
    };
    let (holds, value) = (condition.holds(&scope), condition.value(&scope));
    assert_eq!(holds, condition.holds(&scope), "an evaluation is repeatable");
    if let Ok(value) = value {
        assert!(holds.is_ok());
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<Value>(&text).expect("a result is JSON"), value);
    }
});
