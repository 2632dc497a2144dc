//! The whole Kinetic face from a list of requests, with a plain HTTP client: what a program that knows that API would send, and what
//! it would rely on.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use super::kinetic::key_of;
use crate::support::{
    app::{Backend, on_both},
    scene::Scene,
};

on_both! {
    a_client_works_by_its_base_url,
}

const CALLS: &str = include_str!("../fixtures/kinetic.json");

/// What earlier replies have given.
struct Known(BTreeMap<String, String>);

impl Known {
    /// The text with each `${name}` replaced.
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        assert!(!text.contains("${"), "nothing has given a name of {text}");
        text
    }

    fn fill_value(&self, value: &Value) -> Value {
        serde_json::from_str(&self.fill(&value.to_string())).unwrap()
    }
}

async fn a_client_works_by_its_base_url(backend: Backend) {
    let scene = Scene::on(backend).await;
    let list: Value = serde_json::from_str(CALLS).unwrap();
    let (base, native) = (format!("{}/kinetic", scene.app.address()), format!("{}/v1", scene.app.address()));
    let key = key_of(&scene, "admin").await;
    let (workspace, pod) = (scene.place.workspace_id.clone(), scene.place.pod_id.clone());
    let mut known = Known(BTreeMap::from([("workspace".to_owned(), workspace), ("pod".to_owned(), pod)]));
    let client = reqwest::Client::builder().build().unwrap();
    let calls = list["calls"].as_array().unwrap();
    for call in calls {
        let name = call["name"].as_str().unwrap();
        let method: Method = call["method"].as_str().unwrap().parse().unwrap();
        let base = if call["native"] == true { &native } else { &base };
        let mut request = client.request(method, format!("{base}{}", known.fill(call["path"].as_str().unwrap())));
        match call["auth"].as_str() {
            Some("Authorization") => request = request.bearer_auth(&key),
            Some(header) => request = request.header(header, &key),
            None => {}
        }
        if let Some(body) = call.get("body") {
            request = request.json(&known.fill_value(body));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(status, call["status"], "{name}: {text}");
        let reply: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        check(&list, call, &reply, &known);
        for (variable, pointer) in call["keep"].as_object().into_iter().flatten() {
            let value = reply.pointer(pointer.as_str().unwrap()).and_then(Value::as_str);
            known
                .0
                .insert(variable.clone(), value.unwrap_or_else(|| panic!("{name}: {pointer}: {reply:#}")).to_owned());
        }
    }
    assert!(calls.len() > 30);
}

fn check(list: &Value, call: &Value, reply: &Value, known: &Known) {
    let name = call["name"].as_str().unwrap();
    let of_execution = || list["execution"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
    if let Some(keys) = call["keys"].as_array() {
        let keys = keys.iter().map(|key| key.as_str().unwrap());
        let expected: BTreeSet<&str> = keys
            .flat_map(|key| if key == "execution" { of_execution().collect::<Vec<_>>() } else { vec![key] })
            .collect();
        assert_eq!(keys_of(reply), expected, "{name}");
    }
    if call["item"] == "execution" {
        for item in reply.as_array().unwrap() {
            assert_eq!(keys_of(item), of_execution().collect(), "{name}");
        }
    }
    for (pointer, expected) in call["has"].as_object().into_iter().flatten() {
        let found = reply.pointer(pointer).unwrap_or_else(|| panic!("{name}: no {pointer} in {reply:#}"));
        assert_eq!(*found, known.fill_value(expected), "{name}: {pointer} in {reply:#}");
    }
    for (pointer, kind) in call["types"].as_object().into_iter().flatten() {
        let found = match reply.pointer(pointer) {
            Some(Value::String(_)) => "string",
            Some(Value::Number(_)) => "number",
            Some(Value::Array(_)) => "array",
            Some(Value::Object(_)) => "object",
            Some(Value::Bool(_)) => "boolean",
            Some(Value::Null) => "null",
            None => "missing",
        };
        assert_eq!(found, kind, "{name}: {pointer} in {reply:#}");
    }
    if let Some(length) = call.get("length") {
        assert_eq!(json!(reply.as_array().unwrap().len()), *length, "{name}: {reply:#}");
    }
    if let Some(part) = call["line"].as_str() {
        let lines = reply["logs"].as_array().unwrap();
        assert!(lines.iter().any(|line| line["message"].as_str().unwrap().contains(part)), "{name}: {lines:#?}");
    }
}

fn keys_of(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value:#} is no object")).keys().map(String::as_str).collect()
}
