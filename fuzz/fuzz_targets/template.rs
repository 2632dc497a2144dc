//! Any text as a template, alone and inside a JSON template.
//! Run with `make fuzz TARGETS=template`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sluicegate::expression::{JsonTemplate, Template};

fuzz_target!(|source: &str| {
    let scope = json!({"input": {"n": 7, "s": "text", "list": [1, "a", null]}, "my-node": {"0": {"b": {}}}});
    let compiled = Template::compile(source);
    let document = JsonTemplate::compile(&json!({"a": [source]}));
    assert_eq!(compiled.is_ok(), document.is_ok());
    let (Ok(template), Ok(document)) = (compiled, document) else { return };
    let value = template.render(&scope);
    if template.is_literal() {
        assert_eq!(value, Ok(Value::from(source)));
    }
    if let Ok(Value::String(text)) = &value {
        assert_eq!(template.render_text(&scope).as_ref(), Ok(text));
    }
    assert_eq!(document.render(&scope).ok(), value.ok().map(|value| json!({"a": [value]})));
});
