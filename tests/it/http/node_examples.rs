//! The example of each node type in `docs/nodes.md`, run: what it names outside is put here, all else is as it stands there.

use axum::{Router, response::Html, routing::get};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate::nodes::registry::node_types;
use tokio_util::task::TaskTracker;

use super::mcp::Everything;
use crate::support::{
    app::{Backend, on_both},
    model::{Model, says},
    peer::Peer,
    scene::{Run, Scene, graph, inner, node},
};

on_both! {
    every_example_runs,
}

const PAGE: &str = "<ul class=results><li><h2>Pump</h2><a href='/pump'>more</a><b class=price>12.50 EUR</b><i class=tag>water</i></li></ul>";

/// The nodes that the document shows.
fn examples() -> Vec<Value> {
    let document = include_str!("../../../docs/nodes.md");
    let blocks = document.split("```json\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    blocks.map(|block| serde_json::from_str(block).unwrap()).filter(|block: &Value| block["type"].is_string()).collect()
}

/// What all examples read.
fn input() -> Value {
    json!({
        "orderId": "7", "total": 1_190, "country": "FR", "tags": ["a", ""], "customer": {"id": "c-1"}, "orderedAt": "2026-03-01T10:00:00Z",
        "orders": [{"total": 50, "country": "DE"}, {"total": 150, "country": "DE"}, {"total": 150, "country": "US"}],
        "lines": [{"price": 2, "count": 3, "quantity": 4}], "question": "Where is my order?", "message": "hello", "query": "pump",
        "url": "https://example.com/", "sampleId": "s-1", "labSecret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    })
}

/// How the edges leave a node `x` of this type.
fn edges(kind: &str) -> &'static str {
    match kind {
        "if-else" => "begin>x x:if>finish x:else>finish",
        "router" => "begin>x x:large>finish x:abroad>finish x:none>finish",
        "parallel" => "begin>x x:invoice>one x:parcel>two one>finish two>finish",
        "guardrails" => "begin>draft draft>x x>finish",
        _ => "begin>x x>finish",
    }
}

/// The output of the node `x`, of an execution that has completed.
async fn output_of(run: &Run) -> Value {
    run.output().await;
    let view = run.view().await;
    let state = view["nodes"].as_array().unwrap().iter().find(|state| state["nodeId"] == "x").unwrap();
    assert_eq!(state["status"], "completed", "{state:#}");
    state["output"].clone()
}

async fn every_example_runs(backend: Backend) {
    let key = sluicegate::config::Secret::new("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    let scene = Scene::with(backend, |settings| settings.secrets_key = Some(vec![key])).await;
    let (peer, model, tools) =
        (Peer::start().await, Model::start([says("It is on its way.")]).await, Everything::start().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/search", get(async || Html(PAGE)));
    let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
    let child = scene.workflow(graph([], "begin>finish")).await;
    let secret = format!("{}/secrets/model_key", scene.place.workspace());
    scene.ann.json(Method::PUT, &secret, &json!({"value": "k-1"})).await.expect(201);
    let handbook = format!("{}/collections/handbook/documents/orders", scene.place.workspace());
    let text = json!({"value": 1, "text": "An order is on its way after a day."});
    scene.ann.json(Method::PUT, &handbook, &text).await.expect(201);

    let examples = examples();
    let kinds: Vec<&str> = examples.iter().map(|example| example["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, node_types().iter().map(|known| known.kind).collect::<Vec<_>>(), "each type has its example");
    let mut wrong = Vec::new();
    for example in &examples {
        let kind = example["type"].as_str().unwrap();
        let data = example["data"]
            .to_string()
            .replace("https://api.openai.com/v1", model.url())
            .replace("https://mcp.example.com/mcp", &tools.url)
            .replace("https://shop.example.com/search", &format!("{shop}/search"))
            .replace("https://api.example.com", &peer.url(""))
            .replace("https://lab.example.com", &peer.url(""))
            .replace("01900000-0000-7000-8000-000000000001", &child);
        let data: Value = serde_json::from_str(&data).unwrap();
        let mut definition = match kind {
            "start" | "end" => graph([], "begin>finish"),
            "note" => graph([node("x", kind, data.clone())], "begin>finish"),
            "guardrails" => {
                let text = json!({"output": {"text": "write to ann@example.org"}});
                graph([node("draft", "transform", text), node("x", kind, data.clone())], edges(kind))
            }
            "parallel" => {
                let branch = |id: &str| node(id, "transform", json!({}));
                graph([node("x", kind, data.clone()), branch("one"), branch("two")], edges(kind))
            }
            _ => graph([node("x", kind, data.clone())], edges(kind)),
        };
        match kind {
            "start" => definition["nodes"][0]["data"] = data.clone(),
            "end" => definition["nodes"][1]["data"] = data.clone(),
            _ => {}
        }
        if kind == "loop" && data.get("itemTransform").is_none() {
            definition["nodes"].as_array_mut().unwrap().push(inner("x", "step", "transform", json!({})));
        }
        let workflow = scene.workflow(definition).await;
        let body = json!({"workflowId": workflow, "input": input(), "context": {"threadId": "t-1"}});
        let run = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
        let found = match kind {
            "start" | "end" | "note" => run.output().await,
            // What waits for a person, an instant or a worker has been seen to wait.
            "wait" | "callback" => {
                run.until_status("suspended").await;
                run.cancel().await.expect(204);
                continue;
            }
            "task" => {
                run.until(|frame| frame.kind() == "task_update").await;
                run.cancel().await.expect(204);
                continue;
            }
            "approval-gate" => {
                assert_eq!(run.asked().await["message"], "Order 7 over 1190 €: ship it?");
                run.respond(json!({"approved": true, "reason": "paid"})).await.expect(200);
                output_of(&run).await
            }
            "ask-human" => {
                run.asked().await;
                run.respond(json!({"answer": "Lyon"})).await.expect(200);
                output_of(&run).await
            }
            _ => output_of(&run).await,
        };
        let (at, expected) = match kind {
            "start" | "note" => ("/orderId", json!("7")),
            "transform" => ("/tags", json!(["a"])),
            "variables" => ("", json!({"count": 1, "customer": "c-1"})),
            "filter" => ("/items", json!([{"total": 150, "country": "DE"}])),
            "datetime" => ("/text", json!("15.03.2026")),
            "code" => ("", json!({"total": 6, "large": false})),
            "guardrails" => ("/value", json!("write to [email]")),
            "if-else" => ("/branch", json!("if")),
            "router" => ("/route", json!("large")),
            "loop" => ("/results", json!([8])),
            "end" | "subworkflow" => ("/order", json!("7")),
            "http" => ("/data/hits", json!(1)),
            "extract" => ("/0", json!({"link": "/pump", "price": "12.50", "tags": ["water"], "title": "Pump"})),
            "retriever" => ("/documents/0/key", json!("orders")),
            "memory" => ("/value", json!([{"role": "user", "content": "hello"}])),
            "agent" => ("/text", json!("It is on its way.")),
            "mcp" => ("/text", json!("Echo: Where is my order?")),
            "approval-gate" => ("/approved", json!(true)),
            "ask-human" => ("/answer", json!("Lyon")),
            "parallel" | "merge" => continue,
            other => panic!("nobody knows what the example of `{other}` gives"),
        };
        if found.pointer(at) != Some(&expected) {
            wrong.push(format!("{kind}: {found:#}, not {expected} at {at}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    serving.abort();
}
