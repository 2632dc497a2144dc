//! The table as a whole, definitions with all kinds of mistakes, and random ones.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::nodes::{
    Join, Retry, Role,
    testing::{any_json, around, definition, paths, problems_of},
};

#[test]
fn every_example_compiles() {
    for node_type in node_types() {
        assert_eq!(problems_of(node_type.kind, node_type.example.clone()), [], "{}", node_type.kind);
    }
}

#[test]
fn every_type_is_described() {
    let names: BTreeSet<_> = node_types().iter().map(|node_type| node_type.kind).collect();
    assert_eq!(names.len(), KINDS.len(), "two types have one name");
    for node_type in node_types() {
        let NodeType { kind, schema, ports, .. } = node_type;
        for text in [node_type.title, node_type.description, node_type.result] {
            assert!(!text.is_empty() && !text.contains("  "), "{kind}: {text:?}");
        }
        assert!(["flow", "data", "network", "ai", "people"].contains(&node_type.category), "{kind}");
        for (field, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{kind}.{field} has no description");
        }
        assert!(jsonschema::meta::is_valid(schema), "{kind}");
        let ids: BTreeSet<_> = ports.iter().map(|port| port.id).collect();
        assert_eq!(ids.len(), ports.len(), "{kind}");
        // What the API shows is readable to editors.
        let shown = serde_json::to_value(node_type).unwrap();
        assert_eq!(shown["type"], *kind);
    }
}

/// Definitions with one mistake each: the path of the problem, and a part of its message.
#[test]
fn names_the_place_of_each_mistake() {
    let node = |data: Value| around("transform", data, false);
    let edges = |kind: &str, data: Value, edges: Value| {
        let mut written = serde_json::to_value(around(kind, data, false)).unwrap();
        let nodes = written["nodes"].as_array_mut().unwrap();
        nodes.push(json!({ "id": "y", "type": "end" }));
        for edge in edges.as_array().unwrap() {
            let mut edge = edge.clone();
            for (field, default) in [("source", "x"), ("target", "y")] {
                edge.as_object_mut().unwrap().entry(field).or_insert(default.into());
            }
            written["edges"].as_array_mut().unwrap().push(edge);
        }
        definition(written)
    };
    let condition = json!({ "condition": "true" });
    let routes = json!({ "routes": [{ "id": "a", "condition": "true" }] });
    let gate = json!({ "message": "?" });
    let custom = json!({ "message": "?", "actions": [{ "id": "go", "label": "Go" }] });
    for (definition, path, part) in [
        (around("transfrom", json!({}), false), "/nodes/1/type", "did you mean `transform`?"),
        (around("agents", json!({}), false), "/nodes/1/type", "the types are start, end"),
        (around("", json!({ "nodeType": "ende" }), false), "/nodes/1/type", "did you mean `end`?"),
        (around("", json!({}), false), "/nodes/1/type", "has no type"),
        (node(json!({ "trasformScript": "1" })), "/nodes/1/data/trasformScript", "did you mean `transformScript`?"),
        (node(json!({ "a/b": 1 })), "/nodes/1/data/a~1b", "has no field `a/b`"),
        (node(json!({ "timeoutMs": 0 })), "/nodes/1/data/timeoutMs", "at least 1"),
        (node(json!({ "timeoutMs": 2_592_000_001_i64 })), "/nodes/1/data/timeoutMs", "at most"),
        (node(json!({ "timeoutMs": "5s" })), "/nodes/1/data/timeoutMs", "must be of type integer, not string"),
        (node(json!({ "onError": "ignore" })), "/nodes/1/data/onError", "must be one of \"fail\""),
        (node(json!({ "onError": "branch" })), "/nodes/1/data/onError", "no edge leaves `x` by its port `error`"),
        (node(json!({ "retry": {} })), "/nodes/1/data/retry/maxAttempts", "missing"),
        (node(json!({ "retry": { "maxAttempts": 101 } })), "/nodes/1/data/retry/maxAttempts", "at most 100"),
        (node(json!({ "retry": { "maxAttempts": 2, "delay": 1 } })), "/nodes/1/data/retry/delay", "no field"),
        (node(json!({ "retry": { "maxAttempts": 2, "backoff": "none" } })), "/nodes/1/data/retry/backoff", "one of"),
        (
            node(json!({ "retry": { "maxAttempts": 2, "retryOn": ["oops"] } })),
            "/nodes/1/data/retry/retryOn/0",
            "one of",
        ),
        (
            node(json!({ "retry": { "maxAttempts": 2, "initialMs": 10, "maxMs": 5 } })),
            "/nodes/1/data/retry/initialMs",
            "longer than `maxMs`",
        ),
        (edges("transform", json!({}), json!([{ "sourceHandle": "if" }])), "/edges/1/sourceHandle", "default, error"),
        (edges("transform", json!({}), json!([{ "sourceHandle": "timeout" }])), "/edges/1/sourceHandle", "`timeoutMs`"),
        (edges("if-else", condition.clone(), json!([{}])), "/edges/3/sourceHandle", "must name its port: if, else"),
        (
            edges("if-else", condition.clone(), json!([{ "sourceHandle": "no" }])),
            "/edges/3/sourceHandle",
            "if, else, error",
        ),
        (
            edges(
                "if-else",
                json!({ "condition": "true", "onError": "continue" }),
                json!([{ "sourceHandle": "error" }]),
            ),
            "/nodes/1/data/onError",
            "no default port",
        ),
        (edges("router", routes.clone(), json!([{}])), "/edges/1/sourceHandle", "must name its port: a, none"),
        (edges("router", routes, json!([{ "sourceHandle": "b" }])), "/edges/1/sourceHandle", "no port `b`"),
        (
            edges("approval-gate", gate.clone(), json!([{ "sourceHandle": "later" }])),
            "/edges/1/sourceHandle",
            "approved",
        ),
        (
            edges("approval-gate", gate.clone(), json!([{ "sourceHandle": "expired" }])),
            "/edges/1/sourceHandle",
            "no port",
        ),
        (edges("approval-gate", custom.clone(), json!([{}])), "/edges/1/sourceHandle", "must name its port: go"),
        (edges("approval-gate", custom, json!([{ "sourceHandle": "rejected" }])), "/edges/1/sourceHandle", "no port"),
        (
            edges("approval-gate", gate, json!([{ "id": "p" }, { "id": "q", "sourceHandle": "approved" }])),
            "/edges/2",
            "joined twice",
        ),
        (
            edges(
                "if-else",
                condition,
                json!([{ "sourceHandle": "error" }, { "target": "if", "sourceHandle": "true" }]),
            ),
            "/edges/4",
            "joined twice",
        ),
        (edges("end", json!({}), json!([{}])), "/edges/1/sourceHandle", "no edge can leave"),
        (edges("end", json!({}), json!([{ "sourceHandle": "error" }])), "/edges/1/sourceHandle", "no port `error`"),
        (
            edges("ask-human", json!({ "question": "?" }), json!([{ "sourceHandle": "answered" }])),
            "/edges/1/sourceHandle",
            "default",
        ),
    ] {
        let problems = validate(&definition);
        assert_eq!(paths(&problems), [path], "{problems:#?}");
        assert!(problems[0].message.contains(part), "{}", problems[0].message);
        let names_its_place = problems[0].node_id.is_some() != problems[0].edge_id.is_some();
        assert!(names_its_place, "{problems:#?}");
    }
}

#[test]
fn tells_everything_in_one_go() {
    let broken = definition(json!({
        "nodes": [
            { "id": "s", "type": "start" },
            { "id": "s", "type": "transform", "data": { "expression": "1 +" } },
            { "id": "w", "type": "wait", "data": {} },
            { "id": "c", "type": "if-else", "data": { "condition": "(", "more": 1 } },
        ],
        "edges": [{ "source": "s", "target": "nowhere" }],
        "settings": { "timeoutMs": 0, "priority": 101 },
    }));
    let problems = validate(&broken);
    for path in [
        "/nodes/1/id",
        "/nodes/1/data/expression",
        "/nodes/2/data/duration",
        "/nodes/3/data/condition",
        "/nodes/3/data/more",
        "/settings/timeoutMs",
        "/settings/priority",
    ] {
        assert_eq!(paths(&problems).iter().filter(|found| **found == path).count(), 1, "{path}: {problems:#?}");
    }
}

#[test]
fn needs_both_ways_of_a_condition() {
    let mut one_way = around("if-else", json!({ "condition": "true" }), false);
    one_way.edges.retain(|edge| edge.source_handle.as_deref() != Some("else"));
    one_way.nodes.retain(|node| node.id != "else");
    let problems = validate(&one_way);
    assert_eq!(paths(&problems), ["/nodes/1"]);
    assert!(problems[0].message.contains("port `else`"), "{}", problems[0].message);
}

#[test]
fn gives_edges_their_canonical_ports() {
    let workflow = compile(&definition(json!({
        "nodes": [
            { "id": "s", "type": "start" },
            { "id": "c", "type": "if-else", "name": "Check", "data": { "condition": "true" } },
            { "id": "g", "type": "approval-gate", "data": { "message": "?", "timeoutMs": 5 } },
            { "id": "e", "type": "end" },
            { "id": "f", "type": "end" },
        ],
        "edges": [
            { "source": "s", "target": "c", "sourceHandle": "source" },
            { "source": "c", "target": "g", "sourceHandle": "true" },
            { "source": "c", "target": "e", "sourceHandle": "false" },
            { "source": "g", "target": "e" },
            { "source": "g", "target": "f" },
            { "source": "g", "target": "f", "sourceHandle": "rejected" },
            { "source": "g", "target": "f", "sourceHandle": "timeout" },
            { "source": "g", "target": "f", "sourceHandle": "error" },
        ],
        "settings": { "timeoutMs": 60_000, "priority": -3 },
    })))
    .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let ports: Vec<_> = workflow.graph.edges.iter().map(|edge| edge.port.as_deref()).collect();
    let expected = [
        None,
        Some("if"),
        Some("else"),
        Some("approved"),
        Some("approved"),
        Some("rejected"),
        Some("timeout"),
        Some("error"),
    ];
    assert_eq!(ports, expected);
    assert_eq!((workflow.timeout_ms, workflow.priority), (Some(60_000), Some(-3)));
    assert_eq!(workflow.find("Check"), Some(1));
    assert_eq!(workflow.node(2).kind, "approval-gate");
    assert_eq!(workflow.node(3).role, Role::End { terminate: false });
}

#[test]
fn reads_the_common_fields() {
    let workflow = compile(&around(
        "transform",
        json!({
            "nodeType": "anything",
            "label": "Step",
            "description": "Makes it",
            "join": "any",
            "timeoutMs": 500.0,
            "onError": "continue",
            "retry": { "maxAttempts": 4, "backoff": "fixed", "initialMs": 120_000, "retryOn": ["timeout", "http_status"] },
        }),
        false,
    ))
    .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let expected = Common {
        join: Join::Any,
        retry: Some(Retry {
            max_attempts: 4,
            exponential: false,
            initial_ms: 120_000,
            max_ms: 120_000,
            jitter: true,
            retry_on: vec!["timeout".to_owned(), "http_status".to_owned()],
        }),
        timeout_ms: Some(500),
        on_error: Some(crate::nodes::OnError::Continue),
    };
    assert_eq!(workflow.node(1).common, expected);
}

#[test]
fn knows_a_type_by_its_data_too() {
    let workflow = compile(&around("", json!({ "nodeType": "transform", "expression": "1" }), false));
    assert_eq!(workflow.unwrap_or_else(|problems| panic!("{problems:#?}")).node(1).kind, "transform");
}

#[test]
fn finds_the_nearest_name() {
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(nearest("IF-ELS", ["if-else", "end"].into_iter()), Some("if-else"));
    assert_eq!(nearest("quorum", ["title", "form"].into_iter()), None);
}

/// Data for a type: some of its own fields with values of any shape, and some that it doesn't have.
fn any_data() -> impl Strategy<Value = (&'static str, Value)> {
    (0..KINDS.len(), proptest::collection::vec((any::<prop::sample::Index>(), any_json()), 0..6), any_json()).prop_map(
        |(kind, members, other)| {
            let node_type = &node_types()[kind];
            let fields: Vec<_> = node_type.schema["properties"].as_object().unwrap().keys().collect();
            let mut data = node_type.example.as_object().unwrap().clone();
            data.extend(members.into_iter().map(|(field, value)| ((*field.get(&fields)).clone(), value)));
            if let Value::Object(more) = other {
                data.extend(more.into_iter().take(1));
            }
            (node_type.kind, Value::Object(data))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the data, compiling ends in a workflow or in problems that name a place in the definition.
    #[test]
    fn never_panics((kind, data) in any_data(), body in any::<bool>()) {
        let definition = around(kind, data, body);
        let written = serde_json::to_value(&definition).unwrap();
        if let Err(problems) = compile(&definition) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                let parent = problem.path.rsplit_once('/').map_or("", |(parent, _)| parent);
                prop_assert!(written.pointer(parent).is_some() || parent.contains("defaultAnswer"), "{problem:?}");
            }
        }
    }

    #[test]
    fn is_deterministic((kind, data) in any_data()) {
        let definition = around(kind, data, false);
        prop_assert_eq!(validate(&definition), validate(&definition));
    }
}
