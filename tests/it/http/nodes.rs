//! Every node type from its definition to its output, and what all have in common: joins, ports, retries, limits of time.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, START, on_both},
    peer::Peer,
    scene::{Scene, call, course, graph, inner, last_update, line, node},
};

on_both! {
    start_transform_and_end_hand_values_on,
    an_if_else_takes_one_way_and_skips_the_other,
    a_router_takes_the_first_true_route,
    named_branches_begin_together_over_data_nodes,
    a_guardrail_stops_what_must_not_pass,
    a_merge_brings_branches_together,
    an_any_join_goes_on_with_the_first_branch,
    a_terminating_end_stops_the_other_branches,
    a_wait_holds_until_its_instant,
    a_wait_survives_a_restart,
    a_loop_runs_its_body_for_each_item,
    a_loop_over_an_expression_needs_no_body,
    a_failing_item_fails_its_loop_or_is_collected,
    loops_nest_and_their_paths_say_where,
    a_loop_runs_no_more_iterations_at_once_than_it_may,
    a_subworkflow_runs_as_a_child_and_gives_its_output,
    a_subworkflow_fails_with_its_child_and_can_go_unawaited,
    a_workflow_that_calls_itself_is_stopped_by_the_depth_limit,
    a_note_does_nothing,
}

fn value(id: &str, script: &str) -> Value {
    node(id, "transform", json!({"transformScript": script}))
}

fn with(mut node: Value, data: Value) -> Value {
    node["data"].as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    node
}

/// A definition with nodes in the bodies of its loops, and edges in there.
fn with_body(mut definition: Value, nodes: impl IntoIterator<Item = Value>, edges: &str) -> Value {
    definition["nodes"].as_array_mut().unwrap().extend(nodes);
    for edge in edges.split_whitespace() {
        let (source, target) = edge.split_once('>').unwrap();
        let edge = json!({"id": edge, "source": source, "target": target});
        definition["edges"].as_array_mut().unwrap().push(edge);
    }
    definition
}

async fn start_transform_and_end_hand_values_on(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([
        value("sum", "input.a + input.b"),
        node(
            "text",
            "transform",
            json!({"output": {"text": "{{ input.a }} + {{ input.b }} = {{ lastOutput }}", "n": "{{ sum }}"}}),
        ),
        node("same", "transform", json!({})),
    ]);
    definition["nodes"][4]["data"] = json!({"output": {"result": "{{ same.text }}", "id": "{{ execution.id }}"}});
    let run = scene.run(definition, json!({"a": 1, "b": 2.5})).await;
    assert_eq!(run.output().await, json!({"result": "1 + 2.5 = 3.5", "id": run.id}));
    let log = run.log().await;
    assert_eq!(last_update(&log, "same")["output"], json!({"text": "1 + 2.5 = 3.5", "n": 3.5}));
}

async fn an_if_else_takes_one_way_and_skips_the_other(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = graph(
        [
            node("if", "if-else", json!({"condition": "input.total > 100 && input.country in [\"DE\", \"FR\"]"})),
            value("yes", "\"yes\""),
            value("no", "\"no\""),
            value("after", "lastOutput + \"!\""),
        ],
        "begin>if if:if>yes if:else>no no>after yes>finish after>finish",
    );
    let workflow = scene.workflow(definition).await;
    let large = scene.trigger(&workflow, json!({"total": 101, "country": "FR"})).await;
    assert_eq!(large.output().await, "yes");
    let log = large.log().await;
    // What is behind a skipped node is skipped, too.
    assert_eq!((course(&log, "no"), course(&log, "after")), (vec!["skipped".to_owned()], vec!["skipped".to_owned()]));
    assert_eq!(last_update(&log, "no")["attempt"], 0);
    assert_eq!(
        (&last_update(&log, "if")["branch"], &last_update(&log, "if")["output"]["condition"]),
        (&json!("if"), &json!(true))
    );
    let small = scene.trigger(&workflow, json!({"total": 100, "country": "FR"})).await;
    assert_eq!(small.output().await, "no!");
    assert_eq!(
        small.view().await["stats"],
        json!({
            "nodes": 5, "completed": 5, "failed": 0, "leases": 0, "steps": 0, "agentActions": 0, "screenshots": 0,
            "tokens": 0,
        })
    );
}

async fn a_router_takes_the_first_true_route(backend: Backend) {
    let scene = Scene::on(backend).await;
    let routes = json!([{"id": "large", "condition": "input.n > 10"}, {"id": "even", "condition": "input.n % 2 == 0"}]);
    let nodes = [
        node("way", "router", json!({"routes": routes})),
        value("a", "\"large\""),
        value("b", "\"even\""),
        value("c", "\"none\""),
    ];
    let definition = graph(nodes, "begin>way way:large>a way:even>b way:none>c a>finish b>finish c>finish");
    let workflow = scene.workflow(definition).await;
    for (n, expected) in [(12, "large"), (4, "even"), (5, "none")] {
        let run = scene.trigger(&workflow, json!({"n": n})).await;
        assert_eq!(run.output().await, expected);
        assert_eq!(last_update(&run.log().await, "way")["output"]["route"], expected);
    }
}

async fn named_branches_begin_together_over_data_nodes(backend: Backend) {
    let scene = Scene::on(backend).await;
    let later = json!({"operation": "add", "value": "{{ input.at }}", "amount": {"days": 1}, "zone": "Europe/Berlin"});
    let nodes = [
        node("both", "parallel", json!({"branches": [{"id": "large"}, {"id": "later", "label": "Tomorrow"}]})),
        node("keep", "filter", json!({"items": "input.n", "condition": "item > 10"})),
        node("day", "datetime", later),
        node("join", "merge", json!({"mode": "object"})),
        value("pick", "[join.keep.items, join.day.local]"),
    ];
    let edges = "begin>both both:large>keep both:later>day keep>join day>join join>pick pick>finish";
    let run = scene.run(graph(nodes, edges), json!({"n": [5, 20, 11], "at": "2026-03-28T12:00"})).await;
    assert_eq!(run.output().await, json!([[20, 11], "2026-03-29T12:00:00.000+02:00"]));
}

async fn a_guardrail_stops_what_must_not_pass(backend: Backend) {
    let scene = Scene::on(backend).await;
    let nodes = [
        node("guard", "guardrails", json!({"value": "{{ input.text }}", "personalData": ["email"]})),
        value("fine", "guard.value"),
        value("stopped", "guard.findings[0].rule"),
    ];
    let workflow =
        scene.workflow(graph(nodes, "begin>guard guard>fine guard:block>stopped fine>finish stopped>finish")).await;
    let clean = scene.trigger(&workflow, json!({"text": "hello"})).await;
    assert_eq!(clean.output().await, "hello");
    let leaky = scene.trigger(&workflow, json!({"text": "to ann@example.org"})).await;
    assert_eq!(leaky.output().await, "email");
    let log = leaky.log().await;
    let told = last_update(&log, "guard");
    assert!(!told["output"].to_string().contains("ann@"), "{told}");
}

async fn a_merge_brings_branches_together(backend: Backend) {
    let scene = Scene::on(backend).await;
    for (mode, expected) in [("object", json!({"a": 1, "b": 2})), ("array", json!([1, 2])), ("first", json!(1))] {
        let definition = graph(
            [value("a", "1"), value("b", "2"), node("join", "merge", json!({"mode": mode}))],
            "begin>a begin>b a>join b>join join>finish",
        );
        assert_eq!(scene.run(definition, json!(null)).await.output().await, expected);
    }
    // A branch that was not taken is not waited for.
    let definition = graph(
        [
            node("if", "if-else", json!({"condition": "false"})),
            value("a", "1"),
            value("b", "2"),
            node("join", "merge", json!({})),
        ],
        "begin>if if:true>a if:false>b a>join b>join join>finish",
    );
    assert_eq!(scene.run(definition, json!(null)).await.output().await, json!({"b": 2}));
}

async fn an_any_join_goes_on_with_the_first_branch(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = graph(
        [
            value("fast", "1"),
            node("slow", "wait", json!({"duration": "1h"})),
            node("join", "merge", json!({"join": "any"})),
        ],
        "begin>fast begin>slow fast>join slow>join join>finish",
    );
    let run = scene.run(definition, json!(null)).await;
    run.until_status("suspended").await;
    let log = run.log().await;
    assert_eq!(last_update(&log, "join")["output"], json!({"fast": 1}));
    scene.app.clock.advance_ms(3_600_000);
    run.output().await;
    // It ran once.
    assert_eq!(course(&run.log().await, "join"), ["running", "completed"]);
}

async fn a_terminating_end_stops_the_other_branches(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let definition = graph(
        [
            call("hang", &peer, "/hang"),
            node("gate", "approval-gate", json!({"message": "?"})),
            node("stop", "end", json!({"terminate": true, "output": "\u{7b}{ input }}"})),
        ],
        "begin>hang hang>finish begin>gate gate>stop",
    );
    let run = scene.run(definition, json!("in")).await;
    peer.arrived("/hang", 1).await;
    run.asked().await;
    run.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(run.output().await, "in");
    assert_eq!(course(&run.log().await, "hang"), ["running", "cancelled"]);
    assert_eq!(run.status().await, "completed");
}

async fn a_wait_holds_until_its_instant(backend: Backend) {
    let scene = Scene::on(backend).await;
    let until = Instant(START.0 + 120_000).to_string();
    let definition = line([
        node("a", "wait", json!({"duration": "{{ input.pause }}"})),
        node("b", "wait", json!({"until": "{{ input.until }}"})),
        node("past", "wait", json!({"until": "2020-01-01T00:00:00Z"})),
    ]);
    let run = scene.run(definition, json!({"pause": "90s", "until": until})).await;
    run.until_status("suspended").await;
    assert_eq!(last_update(&run.log().await, "a")["resumeAt"], Instant(START.0 + 90_000).to_string());
    scene.app.clock.advance_ms(89_999);
    assert_eq!(run.status().await, "suspended");
    scene.app.clock.advance_ms(1);
    run.until(|frame| frame.event["nodeId"] == "b" && frame.event["status"] == "suspended").await;
    scene.app.clock.advance_ms(30_000);
    // Waits hand on what they were handed.
    assert_eq!(run.output().await, json!({"pause": "90s", "until": until}));
    let log = run.log().await;
    assert_eq!(last_update(&log, "b")["output"]["until"], until);
    assert_eq!(course(&log, "past"), ["running", "completed"]);
    let bad = scene.run(line([node("a", "wait", json!({"duration": "{{ input }}"}))]), json!("soon")).await;
    assert_eq!(bad.failure().await["code"], "invalid_value");
}

async fn a_wait_survives_a_restart(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(line([node("nap", "wait", json!({"duration": "P30D"}))]), json!(1)).await;
    run.until_status("suspended").await;
    for _ in 0..2 {
        scene.restart().await;
        scene.app.clock.advance_ms(15 * 86_400_000);
    }
    assert_eq!(scene.run_at(&run.id).output().await, 1);
}

async fn a_loop_runs_its_body_for_each_item(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = with_body(
        line([node("each", "loop", json!({"arrayPath": "input.lines"})), value("out", "lastOutput.results")]),
        [
            inner("each", "double", "transform", json!({"transformScript": "item * 2"})),
            inner("each", "label", "transform", json!({"output": "{{ index }}: {{ lastOutput }} of {{ double }}"})),
        ],
        "double>label",
    );
    let workflow = scene.workflow(definition).await;
    let run = scene.trigger(&workflow, json!({"lines": [5, 6]})).await;
    assert_eq!(run.output().await, json!(["0: 10 of 10", "1: 12 of 12"]));
    let log = run.log().await;
    let each = last_update(&log, "each");
    assert_eq!(each["output"], json!({"results": ["0: 10 of 10", "1: 12 of 12"], "total": 2, "items": [5, 6]}));
    let paths: Vec<_> = log
        .iter()
        .filter(|e| e["nodeId"] == "double" && e["status"] == "completed")
        .map(|e| e["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["each[0]/double", "each[1]/double"]);
    for (input, expected) in
        [(json!({"lines": []}), json!([])), (json!({}), json!([])), (json!({"lines": 4}), json!(["0: 8 of 8"]))]
    {
        assert_eq!(scene.trigger(&workflow, input).await.output().await, expected);
    }
    let view = run.view().await;
    let states: Vec<_> = view["nodes"].as_array().unwrap().iter().filter_map(|n| n["path"].as_str()).collect();
    assert_eq!(states.len(), 4, "{states:?}");
}

async fn a_loop_over_an_expression_needs_no_body(backend: Backend) {
    let scene = Scene::on(backend).await;
    let each = node("each", "loop", json!({"items": "input", "itemTransform": "item.price * item.count + index"}));
    let input = json!([{"price": 2, "count": 3}, {"price": 1.5, "count": 2}]);
    let run = scene.run(line([each]), input.clone()).await;
    assert_eq!(run.output().await, json!({"results": [6, 4.0], "total": 2, "items": input}));
    let many = scene.run(line([node("each", "loop", json!({"items": "range(101)"}))]), json!(null)).await;
    let failure = many.failure().await;
    assert_eq!(failure["code"], "limit_exceeded");
    assert!(failure["message"].as_str().unwrap().contains("maxIterations"), "{failure}");
}

async fn a_failing_item_fails_its_loop_or_is_collected(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = |on_item_error: &str, concurrency: i64| {
        let each = json!({"items": "[1, 0, 2]", "onItemError": on_item_error, "concurrency": concurrency});
        with_body(
            line([node("each", "loop", each)]),
            [inner("each", "divide", "transform", json!({"transformScript": "4 / item"}))],
            "",
        )
    };
    let failure = scene.run(definition("fail", 1), json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("item_failed"), &json!("each")));
    assert_eq!((&failure["details"]["index"], &failure["details"]["error"]["nodeId"]), (&json!(1), &json!("divide")));
    for concurrency in [1, 3] {
        let output = scene.run(definition("continue", concurrency), json!(null)).await.output().await;
        assert_eq!((&output["results"], output.get("errors")), (&json!([4, null, 2]), None));
        let output = scene.run(definition("collect", concurrency), json!(null)).await.output().await;
        assert_eq!(output["results"], json!([4, null, 2]));
        assert_eq!(
            (&output["errors"][0]["index"], &output["errors"][0]["error"]["code"]),
            (&json!(1), &json!("expression_failed"))
        );
    }
}

async fn loops_nest_and_their_paths_say_where(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = with_body(
        line([node("rows", "loop", json!({"items": "input"})), value("out", "lastOutput.results")]),
        [
            inner("rows", "row", "transform", json!({"transformScript": "item"})),
            inner("rows", "cells", "loop", json!({"items": "row"})),
            inner("cells", "cell", "transform", json!({"transformScript": "item * 10"})),
            inner("rows", "sum", "transform", json!({"transformScript": "sum(lastOutput.results)"})),
        ],
        "row>cells cells>sum",
    );
    let run = scene.run(definition, json!([[1, 2], [3]])).await;
    assert_eq!(run.output().await, json!([30, 30]));
    let log = run.log().await;
    let paths: Vec<_> = log
        .iter()
        .filter(|e| e["nodeId"] == "cell" && e["status"] == "completed")
        .map(|e| e["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["rows[0]/cells[0]/cell", "rows[0]/cells[1]/cell", "rows[1]/cells[0]/cell"]);
}

async fn a_loop_runs_no_more_iterations_at_once_than_it_may(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let mut gated = call("call", &peer, "/gate");
    gated["parentId"] = json!("each");
    let definition =
        with_body(line([node("each", "loop", json!({"items": "range(5)", "concurrency": 2}))]), [gated], "");
    let run = scene.run(definition, json!(null)).await;
    peer.arrived("/gate", 2).await;
    for opened in 1..=5 {
        assert_eq!(peer.hits("/gate"), (opened + 1).min(5));
        peer.open_gate();
        peer.arrived("/gate", (opened + 2).min(5)).await;
    }
    assert_eq!(run.output().await["total"], 5);
}

async fn a_subworkflow_runs_as_a_child_and_gives_its_output(backend: Backend) {
    let scene = Scene::on(backend).await;
    let child = scene.workflow(line([value("double", "input.n * 2")])).await;
    let definition = line([
        node("sub", "subworkflow", json!({"workflowId": "{{ input.workflow }}", "input": {"n": "{{ input.n }}"}})),
        value("more", "lastOutput + 1"),
    ]);
    let body = json!({"workflow": child, "n": 20});
    let run = scene.run(definition, body).await;
    assert_eq!(run.output().await, 41);
    let list = scene.ann.get(&format!("{}?parentExecutionId={}", scene.executions(), run.id)).await.expect(200);
    let view = scene.run_at(list[0]["id"].as_str().unwrap()).view().await;
    assert_eq!((&view["triggeredBy"], &view["parentExecutionId"]), (&json!("subworkflow"), &json!(run.id)));
    assert_eq!((&view["input"], &view["output"]), (&json!({"n": 20}), &json!(40)));
    let state = run.view().await["nodes"][1].clone();
    assert_eq!((&state["nodeId"], &state["childExecutionId"]), (&json!("sub"), &view["id"]));
}

async fn a_subworkflow_fails_with_its_child_and_can_go_unawaited(backend: Backend) {
    let scene = Scene::on(backend).await;
    let bad = scene.workflow(line([value("bad", "1 / 0")])).await;
    let run = scene.run(line([node("sub", "subworkflow", json!({"workflowId": bad}))]), json!(null)).await;
    let failure = run.failure().await;
    assert_eq!(
        (&failure["code"], &failure["details"]["error"]["code"]),
        (&json!("child_failed"), &json!("expression_failed"))
    );

    let mut picky = line([]);
    picky["nodes"][0]["data"] = json!({"inputSchema": {"type": "object"}});
    let picky = scene.workflow(picky).await;
    for (data, code) in [
        (json!({"workflowId": "0190163d-8694-739b-aea5-966c26f8ad90"}), "workflow_unavailable"),
        (json!({"workflowId": "{{ 7 }}"}), "invalid_value"),
        (json!({"workflowId": picky, "input": 7}), "invalid_value"),
        (json!({"workflowId": picky, "version": 9}), "workflow_unavailable"),
    ] {
        let run = scene.run(line([node("sub", "subworkflow", data.clone())]), json!(null)).await;
        assert_eq!(run.failure().await["code"], code, "{data}");
    }
    let asking = scene.workflow(crate::support::scene::gate()).await;
    let unawaited = node("sub", "subworkflow", json!({"workflowId": asking, "wait": false}));
    let run = scene.run(line([unawaited]), json!(null)).await;
    let child = run.output().await["executionId"].as_str().unwrap().to_owned();
    let child = scene.run_at(&child);
    child.asked().await;
    child.respond(json!({"approved": true})).await.expect(200);
    child.output().await;
    // Its time is limited as that of any attempt; the child goes with it.
    let limited = with(node("sub", "subworkflow", json!({"workflowId": asking})), json!({"timeoutMs": 60_000}));
    let run = scene.run(line([limited]), json!(null)).await;
    let events = run.until(|frame| frame.event.get("childExecutionId").is_some()).await;
    let child = scene.run_at(events.last().unwrap()["childExecutionId"].as_str().unwrap());
    child.until_status("suspended").await;
    scene.app.clock.advance_ms(60_000);
    assert_eq!(run.failure().await["code"], "timeout");
    assert_eq!(child.end().await["type"], "execution_cancelled");
}

async fn a_workflow_that_calls_itself_is_stopped_by_the_depth_limit(backend: Backend) {
    let scene = Scene::on(backend).await;
    let itself = node("sub", "subworkflow", json!({"workflowId": "{{ execution.workflowId }}"}));
    let run = scene.run(line([itself]), json!(null)).await;
    let failure = run.failure().await;
    assert_eq!(failure["code"], "child_failed");
    let list = scene.ann.get(&format!("{}?limit=200", scene.executions())).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 17);
    let deepest = &list[0]["error"];
    assert_eq!(deepest["code"], "workflow_unavailable");
    assert!(deepest["message"].as_str().unwrap().contains("16"), "{deepest}");
}

async fn a_note_does_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([]);
    definition["nodes"].as_array_mut().unwrap().push(node("note", "note", json!({"text": "Hello"})));
    let run = scene.run(definition, json!(1)).await;
    assert_eq!(run.output().await, 1);
    assert!(course(&run.log().await, "note").is_empty());
    assert_eq!(run.view().await["stats"]["nodes"], 2);
}
