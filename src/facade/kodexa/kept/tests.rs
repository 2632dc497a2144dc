//! Assistants as graphs and back, and what is said of those that can't be one.

use super::*;

fn kept(options: Value) -> Kept {
    Kept { options: options.as_object().cloned().unwrap(), ..Kept::default() }
}

fn full() -> Kept {
    let options = json!({
        "complete_label": "parsed",
        "agentRuntimeId": "own {{ text }}",
        "pipeline": { "steps": [
            { "ref": "module://kodexa/pdf-parser", "name": "Parse PDF", "stepType": "MODEL" },
            { "id": "second step", "ref": "module://acme/extract:2.0.0", "stepType": "action",
              "options": { "prompt": "Read {{ this }}" },
              "executionPolicy": { "maxAttempts": 3, "timeoutSeconds": 60, "backoffStrategy": "exponential",
                  "backoffBaseSeconds": 2, "onExhausted": "CONTINUE" } },
            { "id": "end", "ref": "module://acme/publish" },
        ] },
    });
    Kept {
        subscription: Some("type == 'content' and hasExtensions('pdf')".to_owned()),
        priority_hint: Some(2),
        logging_enabled: Some(false),
        more: Map::from_iter([("assistantRole".to_owned(), json!("EXTRACT"))]),
        ..kept(options)
    }
}

#[test]
fn an_assistant_is_a_graph_and_back() {
    for kept in
        [full(), Kept::default(), kept(json!({ "pipeline": null })), kept(json!({ "pipeline": { "steps": [] } }))]
    {
        let definition = kept.checked().unwrap();
        assert_eq!(Kept::of(&definition), Some(kept.clone()));
        // What the database gives back.
        let read: Definition = serde_json::from_str(&serde_json::to_string(&definition).unwrap()).unwrap();
        assert_eq!(Kept::of(&read), Some(kept));
    }
}

/// Versions that are stored hold this graph: another one would make native workflows of them.
#[test]
fn the_graph_stays_what_it_is() {
    let definition = serde_json::to_value(full().definition().unwrap()).unwrap();
    let ids: Vec<&str> =
        definition["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["start", "step-1", "step-2", "step-3", "end"]);
    let second = &definition["nodes"][2]["data"];
    assert_eq!(
        [&second["ref"], &second["retry"], &second["timeoutMs"], &second["maxLeases"], &second["onError"]],
        [
            &json!("module://acme/extract:2.0.0"),
            &json!({ "maxAttempts": 3, "jitter": false, "backoff": "exponential", "initialMs": 2_000 }),
            &json!(60_000),
            &json!(3),
            &json!("continue"),
        ]
    );
    let input = &second["input"];
    assert_eq!((&input["step"], &input["context"]), (&json!("second step"), &json!("{{ context }}")));
    assert_eq!(input["options"]["prompt"], r#"Read {{ "{{" }} this }}"#);
    let settings = &definition["settings"];
    assert_eq!((&settings["priority"], &settings["subscriptions"][0]["priority"]), (&json!(5), &json!(9)));
    assert_eq!(settings["subscriptions"][0]["context"]["completeLabel"], "parsed");
}

#[test]
fn a_graph_that_was_changed_is_no_assistant_any_more() {
    let mut definition = full().definition().unwrap();
    definition.nodes[1].data.insert("leaseSeconds".to_owned(), json!(60));
    assert_eq!(Kept::of(&definition), None);
    definition = full().definition().unwrap();
    definition.metadata.clear();
    assert_eq!(Kept::of(&definition), None);
}

#[test]
fn what_can_not_be_taken_is_named() {
    let of_step = |step: Value| kept(json!({ "pipeline": { "steps": [{ "ref": "ok" }, step] } }));
    for (kept, path) in [
        (kept(json!({ "pipeline": 1 })), "/options/pipeline"),
        (kept(json!({ "pipeline": { "steps": {} } })), "/options/pipeline/steps"),
        (kept(json!({ "complete_label": 1 })), "/options/complete_label"),
        (kept(json!({ "complete_label": "a\nb" })), "/options/complete_label"),
        (of_step(json!("x")), "/options/pipeline/steps/1"),
        (of_step(json!({})), "/options/pipeline/steps/1/ref"),
        (of_step(json!({ "ref": "x".repeat(201) })), "/options/pipeline/steps/1/ref"),
        (of_step(json!({ "ref": "{{ input }}" })), "/options/pipeline/steps/1/ref"),
        (of_step(json!({ "ref": "a", "id": "step-1" })), "/options/pipeline/steps/1/id"),
        (of_step(json!({ "ref": "a", "options": [] })), "/options/pipeline/steps/1/options"),
        (of_step(json!({ "ref": "a", "stepType": "OTHER" })), "/options/pipeline/steps/1/stepType"),
        (of_step(json!({ "ref": "a", "executionPolicy": 3 })), "/options/pipeline/steps/1/executionPolicy"),
        (
            of_step(json!({ "ref": "a", "executionPolicy": { "maxAttempts": 0 } })),
            "/options/pipeline/steps/1/executionPolicy/maxAttempts",
        ),
        (
            of_step(json!({ "ref": "a", "executionPolicy": { "timeoutSeconds": "9" } })),
            "/options/pipeline/steps/1/executionPolicy/timeoutSeconds",
        ),
        (
            of_step(json!({ "ref": "a", "executionPolicy": { "backoffStrategy": "LINEAR" } })),
            "/options/pipeline/steps/1/executionPolicy/backoffStrategy",
        ),
        (
            of_step(json!({ "ref": "a", "executionPolicy": { "onExhausted": "PANIC" } })),
            "/options/pipeline/steps/1/executionPolicy/onExhausted",
        ),
        (Kept { subscription: Some("hasLabel(".to_owned()), ..Kept::default() }, "/subscription"),
    ] {
        let problem = kept.checked().unwrap_err();
        assert_eq!(problem.errors()[0].path, path, "{problem:?}");
    }
}
