//! Variables: what expressions see of them along a graph, in branches, in loops, and in a replay.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, course, graph, inner, last_update, line, node},
};

on_both! {
    later_assignments_win_and_are_handed_past,
    branches_see_what_has_finished,
    an_iteration_keeps_its_assignments_to_itself,
    a_replay_has_the_variables_of_what_it_reuses,
}

fn assign(id: &str, values: Value) -> Value {
    node(id, "variables", json!({"assign": values}))
}

fn see(id: &str) -> Value {
    node(id, "transform", json!({"transformScript": "variables"}))
}

async fn later_assignments_win_and_are_handed_past(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([
        see("before"),
        assign("first", json!({"count": "{{ variables.count + 1 }}", "who": "{{ input.who }}"})),
        assign(
            "second",
            json!({"count": "{{ variables.count * 10 }}", "text": "{{ variables.who }} has {{ variables.count }}"}),
        ),
        node(
            "result",
            "transform",
            json!({"transformScript": "[before, variables, variables.none, lastOutput == before]"}),
        ),
    ]);
    definition["settings"] = json!({"variables": {"count": 1, "rest": [1]}});
    let run = scene.run(definition, json!({"who": "Ann"})).await;
    let all = json!({"count": 20, "rest": [1], "who": "Ann", "text": "Ann has 2"});
    assert_eq!(run.output().await, json!([{"count": 1, "rest": [1]}, all, null, true]));
    // Its own output is what it assigned, and no more.
    let log = run.log().await;
    assert_eq!(last_update(&log, "first")["output"], json!({"count": 2, "who": "Ann"}));
}

async fn branches_see_what_has_finished(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = [
        node("way", "if-else", json!({"condition": "input.large"})),
        assign("yes", json!({"price": 10})),
        assign("no", json!({"price": 20})),
        // What fails, and what is passed over, has assigned nothing.
        node("failing", "variables", json!({"assign": {"price": "{{ input.large + 1 }}"}, "onError": "continue"})),
        node("passed", "variables", json!({"assign": {"price": 0}, "runIf": "false"})),
        see("result"),
    ];
    let edges = "begin>way way:if>yes way:else>no yes>failing no>failing failing>passed passed>result result>finish";
    let workflow = scene.workflow(graph(nodes, edges)).await;
    for (large, price) in [(true, 10), (false, 20)] {
        let run = scene.trigger(&workflow, json!({"large": large})).await;
        assert_eq!(run.output().await, json!({"price": price}));
        assert_eq!(course(&run.log().await, "passed"), ["skipped"]);
    }
}

async fn an_iteration_keeps_its_assignments_to_itself(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([
        assign("outside", json!({"base": 100, "sum": 0})),
        node("each", "loop", json!({"items": "input.n", "concurrency": 2})),
        node("result", "transform", json!({"transformScript": "[each.results, variables]"})),
    ]);
    let body = [
        inner("each", "add", "variables", json!({"assign": {"sum": "{{ variables.sum + variables.base + item }}"}})),
        inner("each", "again", "variables", json!({"assign": {"sum": "{{ variables.sum + 1 }}"}})),
        inner("each", "told", "transform", json!({"transformScript": "variables.sum"})),
    ];
    definition["nodes"].as_array_mut().unwrap().extend(body);
    let inside = [json!({"source": "add", "target": "again"}), json!({"source": "again", "target": "told"})];
    definition["edges"].as_array_mut().unwrap().extend(inside);
    let run = scene.run(definition, json!({"n": [1, 2, 3]})).await;
    // Each began with what was outside, and left nothing behind.
    assert_eq!(run.output().await, json!([[102, 103, 104], {"base": 100, "sum": 0}]));
}

async fn a_replay_has_the_variables_of_what_it_reuses(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = [
        assign("first", json!({"at": "{{ execution.id }}", "n": 1})),
        assign("second", json!({"n": "{{ variables.n + 1 }}"})),
        see("result"),
    ];
    let run = scene.run(line(nodes), json!(null)).await;
    assert_eq!(run.output().await, json!({"at": run.id, "n": 2}));
    let again = scene.run_of(&run.post("replay", json!({"fromNodeId": "second"})).await);
    assert_eq!(again.output().await, json!({"at": run.id, "n": 2}), "the old assignment holds");
    let pinned = json!({"fromNodeId": "second", "nodes": {"first": {"pin": {"n": 41}}}});
    let pinned = scene.run_of(&run.post("replay", pinned).await);
    assert_eq!(pinned.output().await, json!({"n": 42}), "a pinned value is an assignment");
}
