//! Random workflows: small, with something of everything that waits, fails, begins again and is undone.

use rand::{RngExt, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};
use sluicegate::{
    domain::{definition::Definition, ids::WorkflowId},
    nodes::registry,
};

/// A random workflow; some of its nodes start executions of the workflows before it.
pub fn any_workflow(random: &mut SmallRng, before: &[WorkflowId]) -> Definition {
    for _ in 0..20 {
        let definition = serde_json::from_value(any_graph(random, before)).expect("it has the shape of a definition");
        if registry::compile(&definition).is_ok() {
            return definition;
        }
    }
    serde_json::from_value(json!({"nodes": [{"id": "n0", "type": "start"}], "edges": []})).expect("a definition")
}

fn any_graph(random: &mut SmallRng, before: &[WorkflowId]) -> Value {
    let mut nodes = vec![json!({"id": "n0", "type": "start"})];
    let mut edges: Vec<Value> = Vec::new();
    let mut ports: Vec<&[&str]> = vec![&[""]];
    for number in 1..=random.random_range(1..7) {
        let id = format!("n{number}");
        let (kind, mut data) = any_node(random, before);
        if random.random_range(0..4) == 0 {
            data["join"] = json!("any");
        }
        if kind == "loop" {
            nodes.extend(any_body(random, &id));
            if random.random_range(0..2) == 0 {
                edges.push(json!({"id": format!("{id}in"), "source": format!("{id}a"), "target": format!("{id}b")}));
            }
        }
        if matches!(kind, "http" | "transform" | "subworkflow") && random.random_range(0..4) == 0 {
            nodes.push(json!({"id": format!("{id}undo"), "type": "http", "data": {
                "compensates": id, "httpMethod": "DELETE", "httpUrl": "http://sim.test/undo", "timeoutMs": 900,
                "retry": {"maxAttempts": 3, "backoff": "fixed", "initialMs": 50},
            }}));
        }
        nodes.push(json!({"id": id, "type": kind, "data": data}));
        let mut from: Vec<usize> = (0..random.random_range(1..3)).map(|_| random.random_range(0..number)).collect();
        from.sort_unstable();
        from.dedup();
        for source in from {
            let port = ports[source].choose(random).expect("each node has ports");
            let mut edge = json!({"id": format!("e{}", edges.len()), "source": format!("n{source}"), "target": id});
            if !port.is_empty() {
                edge["sourceHandle"] = json!(port);
            }
            edges.push(edge);
        }
        ports.push(match kind {
            "approval-gate" => &["approved", "approved", "rejected", "error"],
            "end" => &["none"],
            _ => &["", "", "", "error"],
        });
    }
    // What follows an end would never run.
    edges.retain(|edge| edge["sourceHandle"] != "none");
    json!({"nodes": nodes, "edges": edges})
}

fn any_node(random: &mut SmallRng, before: &[WorkflowId]) -> (&'static str, Value) {
    let wait = format!("{}ms", random.random_range(1..3_000));
    let asks = |random: &mut SmallRng, mut data: Value, outcomes: &[&str]| {
        if random.random_range(0..2) == 0 {
            data["expiresIn"] = json!(format!("{}ms", random.random_range(50..4_000)));
            data["onExpiry"] = json!(outcomes.choose(random));
        }
        data
    };
    match random.random_range(0..16) {
        0..3 => ("transform", json!({"transformScript": "1 + 1"})),
        3 => ("transform", json!({"transformScript": "1 / 0"})),
        4 | 5 => ("wait", json!({"duration": wait})),
        6..9 => ("http", any_call(random)),
        9 | 10 => {
            ("approval-gate", asks(random, json!({"message": "Go on?"}), &["reject", "approve", "fail", "cancel"]))
        }
        11 => ("ask-human", asks(random, json!({"question": "How many?"}), &["fail", "cancel"])),
        12 | 13 => (
            "loop",
            json!({
                "items": &[1, 2, 3][..random.random_range(0..4)],
                "concurrency": random.random_range(1..3),
                "onItemError": *["fail", "continue", "collect"].choose(random).expect("there are some"),
            }),
        ),
        14 => match before.choose(random) {
            Some(child) => ("subworkflow", json!({"workflowId": child, "input": {}})),
            None => ("transform", json!({"transformScript": "2"})),
        },
        _ => ("end", json!({"terminate": random.random_range(0..2) == 0})),
    }
}

/// A call that may be repeated, or one that may not.
fn any_call(random: &mut SmallRng) -> Value {
    let timeout_ms = random.random_range(200..1_500);
    match random.random_range(0..3) {
        0 => json!({"httpMethod": "POST", "httpUrl": "http://sim.test/once", "timeoutMs": timeout_ms}),
        1 => json!({"httpMethod": "PUT", "httpUrl": "http://sim.test/often", "timeoutMs": timeout_ms}),
        _ => json!({
            "httpMethod": "POST", "httpUrl": "http://sim.test/retried", "timeoutMs": timeout_ms,
            "retry": {"maxAttempts": random.random_range(2..5), "initialMs": random.random_range(0..500)},
        }),
    }
}

/// The one or two nodes of a loop's body.
fn any_body(random: &mut SmallRng, of: &str) -> Vec<Value> {
    let inner = |random: &mut SmallRng, id: String| {
        let (kind, data) = match random.random_range(0..4) {
            0 => ("wait", json!({"duration": format!("{}ms", random.random_range(1..800))})),
            1 => ("approval-gate", json!({"message": "This one?"})),
            2 => ("http", any_call(random)),
            _ => ("transform", json!({"transformScript": "item"})),
        };
        json!({"id": id, "type": kind, "parentId": of, "data": data})
    };
    vec![inner(random, format!("{of}a")), inner(random, format!("{of}b"))]
}
