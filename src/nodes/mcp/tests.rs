//! Tests of the node's configuration; sessions with a real server are tested from outside.

use serde_json::json;

use crate::nodes::testing::{Bench, paths, problems_of};

#[test]
fn is_checked_when_saved() {
    let url = "https://mcp.example.com/mcp";
    for (data, path) in [
        (json!({ "tool": "t" }), "url"),
        (json!({ "url": url }), "tool"),
        (json!({ "url": url, "command": "c", "tool": "t" }), "command"),
        (json!({ "command": "a b", "tool": "t" }), "command"),
        (json!({ "command": "c", "token": "x", "tool": "t" }), "token"),
        (json!({ "url": "{{", "tool": "t" }), "url"),
        (json!({ "url": url, "tool": "t", "arguments": [] }), "arguments"),
        (json!({ "url": url, "tool": "t", "arguments": { "q": "{{" } }), "arguments/q"),
        (json!({ "url": url, "tool": "t", "headers": { "x": 1 } }), "headers/x"),
    ] {
        assert_eq!(paths(&problems_of("mcp", data.clone())), [format!("/nodes/1/data/{path}")], "{data}");
    }
}

#[test]
fn arguments_are_an_object() {
    let data = |arguments| json!({ "url": "https://mcp.example.com/mcp", "tool": "t", "arguments": arguments });
    let bench = |arguments| Bench::new("mcp", data(arguments)).with("input", json!({ "o": { "a": 1 }, "l": [] }));
    bench(json!({ "q": "{{ input.l }}" })).effect();
    bench(json!("{{ input.o }}")).effect();
    bench(json!("{{ input.missing }}")).effect();
    assert_eq!(bench(json!("{{ input.l }}")).run().failure().message, "`arguments` gave no object");
}
