//! Conditions in front of nodes.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, course, error_paths, gate, graph, last_update, line, node},
};

on_both! {
    a_node_whose_condition_is_false_is_passed_over,
    a_condition_is_judged_once_and_its_error_is_the_nodes,
    a_gate_that_is_passed_over_goes_on_as_approved,
    a_replay_passes_over_what_was_passed_over,
    what_has_no_way_on_has_no_condition,
    a_condition_may_be_written_as_in_python,
}

fn sum(id: &str, run_if: &str) -> Value {
    node(id, "transform", json!({"transformScript": "lastOutput + 1", "runIf": run_if}))
}

async fn a_node_whose_condition_is_false_is_passed_over(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = [
        node("one", "transform", json!({"transformScript": "1"})),
        sum("two", "input.more"),
        sum("three", "two == null && lastOutput == 1"),
    ];
    let workflow = scene.workflow(line(nodes)).await;
    let over = scene.trigger(&workflow, json!({"more": false})).await;
    assert_eq!(over.output().await, 2);
    let log = over.log().await;
    assert_eq!(course(&log, "two"), ["skipped"]);
    let passed = last_update(&log, "two");
    assert_eq!(
        (&passed["attempt"], &passed["reason"], &passed["transparent"]),
        (&json!(0), &json!("`runIf` is false"), &json!(true))
    );
    assert!(passed.get("output").is_none());
    assert_eq!(course(&log, "three"), ["running", "completed"]);
    let view = over.view().await;
    let state = view["nodes"].as_array().unwrap().iter().find(|state| state["nodeId"] == "two").unwrap();
    assert_eq!((&state["status"], &state["reason"]), (&json!("skipped"), &json!("`runIf` is false")));
    // It counts as little as any node that is skipped.
    assert_eq!((&view["stats"]["nodes"], &view["stats"]["completed"]), (&json!(4), &json!(4)));
    let lines = scene.ann.get(&format!("{}/logs", over.path)).await.expect(200).to_string();
    assert!(lines.contains("passed over: `runIf` is false"), "{lines}");

    let through = scene.trigger(&workflow, json!({"more": true})).await;
    assert_eq!(through.output().await, 2, "`three` is passed over");
    let log = through.log().await;
    assert_eq!(
        (course(&log, "two"), course(&log, "three")),
        (vec!["running".to_owned(), "completed".to_owned()], vec!["skipped".to_owned()])
    );
}

async fn a_condition_is_judged_once_and_its_error_is_the_nodes(backend: Backend) {
    let scene = Scene::on(backend).await;
    let retry = json!({"maxAttempts": 3, "initialMs": 1});
    let data = json!({"output": 1, "runIf": "input.n > 1", "retry": retry});
    let definition = graph([node("x", "transform", data)], "begin>x x>finish x:error>finish");
    let run = scene.run(definition, json!({"n": "two"})).await;
    run.end().await;
    let log = run.log().await;
    assert_eq!(course(&log, "x"), ["running", "failed"], "what can't be told is not told by trying again");
    let failed = last_update(&log, "x");
    assert_eq!(
        (&failed["error"]["code"], &failed["branch"]),
        (&json!("expression_failed"), &json!("error")),
        "{failed}"
    );
    assert!(failed["error"]["message"].as_str().unwrap().contains("runIf"), "{failed}");
}

async fn a_gate_that_is_passed_over_goes_on_as_approved(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = gate();
    let gate = definition["nodes"].as_array_mut().unwrap().iter_mut().find(|node| node["type"] == "approval-gate");
    let gate = gate.unwrap();
    gate["data"]["runIf"] = json!("input.total > 1000");
    let id = gate["id"].as_str().unwrap().to_owned();
    let workflow = scene.workflow(definition).await;
    let small = scene.trigger(&workflow, json!({"total": 10})).await;
    assert_eq!(small.end().await["type"], "execution_complete");
    assert_eq!(last_update(&small.log().await, &id)["branch"], "approved");
    let large = scene.trigger(&workflow, json!({"total": 1001})).await;
    large.asked().await;
}

async fn a_replay_passes_over_what_was_passed_over(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = |condition: &str| {
        line([sum("two", condition), node("last", "transform", json!({"transformScript": "lastOutput + 1"}))])
    };
    let run = scene.run(nodes("input > 1"), json!(1)).await;
    assert_eq!(run.output().await, 2);
    assert!(run.view().await["reprocessing"].is_null());
    let again = scene.run_of(&run.post("replay", json!({"fromNodeId": "last"})).await);
    assert_eq!(again.output().await, 2);
    let passed = last_update(&again.log().await, "two").clone();
    assert_eq!(
        (&passed["status"], &passed["reused"], &passed["reason"]),
        (&json!("skipped"), &json!(true), &json!("`runIf` is false"))
    );
    // The original is told of it.
    assert_eq!(run.view().await["reprocessing"], "done");
}

async fn what_has_no_way_on_has_no_condition(backend: Backend) {
    let scene = Scene::on(backend).await;
    let way = node("way", "if-else", json!({"condition": "true", "runIf": "true"}));
    let actions = json!([{"id": "now", "label": "Now"}, {"id": "later", "label": "Later"}]);
    let choice = node("choice", "approval-gate", json!({"message": "When?", "actions": actions, "runIf": "true"}));
    let nodes = [sum("ok", "true"), sum("bad", "1 +"), way, choice];
    let edges = "begin>ok ok>bad bad>way way:if>choice way:else>finish choice:now>finish choice:later>finish";
    let mut definition = graph(nodes, edges);
    for at in [0, 5] {
        definition["nodes"][at]["data"]["runIf"] = json!("true");
    }
    let body = json!({"name": "w", "definition": definition});
    let path = format!("{}/workflows", scene.place.pod());
    let problem = scene.ann.post(&path, body).await.problem(422, "invalid_workflow");
    let mut paths = error_paths(&problem);
    paths.sort_unstable();
    assert_eq!(paths, [0, 2, 3, 4, 5].map(|at| format!("/definition/nodes/{at}/data/runIf")), "{problem:#}");
}

async fn a_condition_may_be_written_as_in_python(backend: Backend) {
    let scene = Scene::on(backend).await;
    let condition = |id: &str, expression: &str, on_error: &str| {
        let names = json!({"context": "{{ context }}", "metadata": {"pages": "{{ input.pages }}"}});
        let run_if = json!({"language": "python", "expression": expression, "names": names, "onError": on_error});
        node(id, "transform", json!({"transformScript": "lastOutput + 1", "runIf": run_if}))
    };
    let nodes = [
        node("zero", "transform", json!({"transformScript": "0"})),
        condition("long", "metadata.pages > 10 and context.get('kind', 'x') == 'x'", "fail"),
        condition("odd", "metadata.pages % 2", "fail"),
        condition("lost", "metadata.words > 1", "skip"),
        condition("wrong", "metadata.words > 1", "fail"),
    ];
    let edges = "begin>zero zero>long long>odd odd>lost lost>wrong wrong>finish wrong:error>finish";
    let run = scene.run(graph(nodes, edges), json!({"pages": 12})).await;
    run.end().await;
    let log = run.log().await;
    let fate = |id: &str| (course(&log, id).pop().unwrap(), last_update(&log, id)["reason"].clone());
    assert_eq!(fate("long"), ("completed".to_owned(), Value::Null));
    assert_eq!(fate("odd"), ("skipped".to_owned(), json!("`runIf` is false")));
    let (status, reason) = fate("lost");
    assert!(status == "skipped" && reason.as_str().unwrap().contains("words"), "{reason}");
    let failed = last_update(&log, "wrong");
    assert_eq!((&failed["status"], &failed["branch"]), (&json!("failed"), &json!("error")), "{failed}");
    assert_eq!(last_update(&log, "long")["output"], 1);

    let body = json!({"name": "w", "definition": line([
        condition("a", "len(metadata) > 1", "skip"),
        node("b", "transform", json!({"runIf": {"language": "basic", "expression": "1"}})),
        node("c", "transform", json!({"runIf": {"language": "python", "expression": "1", "names": {"x": "{{"}}})),
    ])});
    let path = format!("{}/workflows", scene.place.pod());
    let problem = scene.ann.post(&path, body).await.problem(422, "invalid_workflow");
    let mut paths = error_paths(&problem);
    paths.sort_unstable();
    let expected = ["1/data/runIf/expression", "2/data/runIf/language", "3/data/runIf/names/x"];
    assert_eq!(paths, expected.map(|path| format!("/definition/nodes/{path}")), "{problem:#}");
}
