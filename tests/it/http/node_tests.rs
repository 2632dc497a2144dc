//! Testing one node: what it gives or would do, and that nothing is left of it.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Scene, error_paths},
};

on_both! {
    a_node_is_tested_with_the_values_that_are_given,
    what_a_node_would_do_is_told_and_not_done,
    a_tested_node_is_guarded_like_any_other,
}

async fn test(scene: &Scene, body: Value) -> Value {
    scene.ann.post(&format!("{}/nodes/test", scene.place.pod()), body).await.expect(200)
}

async fn a_node_is_tested_with_the_values_that_are_given(backend: Backend) {
    let scene = Scene::on(backend).await;
    let all = "[input.a, lastOutput, context.c, nodeResults.other.output, other, item, index, execution.createdBy]";
    let tested = test(
        &scene,
        json!({
            "node": {"type": "transform", "name": "All", "data": {"expression": all}},
            "input": {"a": 1}, "lastOutput": 2, "context": {"c": 3}, "nodeResults": {"other": {"output": 4}},
            "item": "x", "index": 5,
        }),
    )
    .await;
    assert_eq!((&tested["status"], &tested["output"]), (&json!("completed"), &json!([1, 2, 3, 4, 4, "x", 5, "ann"])));
    let handed = test(&scene, json!({"node": {"type": "transform"}, "input": [7]})).await;
    assert_eq!(handed["output"], json!([7]));
    let merged =
        test(&scene, json!({"node": {"type": "merge"}, "nodeResults": {"a": {"output": 1}, "b": {"output": 2}}})).await;
    assert_eq!(merged["output"], json!({"a": 1, "b": 2}));
    let branch =
        test(&scene, json!({"node": {"type": "if-else", "data": {"condition": "input > 1"}}, "input": 2})).await;
    assert_eq!(branch["branch"], "if");
    let code = "export default (input, ctx) => { console.log('item', ctx.item); return input + 1 }";
    let tested =
        test(&scene, json!({"node": {"type": "code", "data": {"source": code}}, "input": 1, "item": "y"})).await;
    assert_eq!((&tested["output"], &tested["logs"]), (&json!(2), &json!([{"level": "info", "message": "item y"}])));
    let passed = test(&scene, json!({"node": {"type": "transform", "data": {"runIf": "input > 1"}}, "input": 1})).await;
    assert_eq!((&passed["status"], &passed["reason"]), (&json!("skipped"), &json!("`runIf` is false")));
    assert!(passed.get("output").is_none(), "{passed}");
    let failed =
        test(&scene, json!({"node": {"type": "transform", "data": {"expression": "1 / input"}}, "input": 0})).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("expression_failed")));
}

async fn what_a_node_would_do_is_told_and_not_done(backend: Backend) {
    let scene = Scene::on(backend).await;
    let asked = test(
        &scene,
        json!({"node": {"type": "approval-gate", "data": {"message": "Pay {{ input }}?", "expiresIn": "1h"}}, "input": 5}),
    )
    .await;
    assert_eq!((&asked["status"], &asked["question"]["message"]), (&json!("suspended"), &json!("Pay 5?")));
    assert!(asked["question"]["expiresAt"].is_string(), "{asked}");
    let waits = test(&scene, json!({"node": {"type": "wait", "data": {"duration": "1h"}}})).await;
    assert_eq!((&waits["status"], &waits["resumeAt"]), (&json!("waiting"), &json!("2027-01-15T09:00:00.000Z")));
    let unknown = "01890000-0000-7000-8000-000000000000";
    let data = json!({"workflowId": unknown, "input": {"n": "{{ input }}"}});
    let child = test(&scene, json!({"node": {"type": "subworkflow", "data": data}, "input": 3})).await;
    assert_eq!(child["status"], "child");
    assert_eq!((&child["child"]["workflowId"], &child["child"]["input"]), (&json!(unknown), &json!({"n": 3})));
    let task = test(&scene, json!({"node": {"type": "task", "data": {"queue": "q-{{ input }}"}}, "input": 3})).await;
    assert_eq!((&task["status"], &task["task"]["queue"]), (&json!("task"), &json!("q-3")));
    // Nothing of it is anywhere.
    let place = scene.place.workspace();
    assert_eq!(scene.ann.get(&scene.executions()).await.expect(200), json!([]));
    assert_eq!(scene.ann.get(&format!("{place}/suspensions")).await.expect(200), json!([]));
}

async fn a_tested_node_is_guarded_like_any_other(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, |settings| settings.outbound_networks = None).await;
    let refused = test(&scene, json!({"node": {"type": "http", "data": {"httpUrl": peer.url("/x")}}})).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!("failed"), &json!("address_refused")));
    assert!(peer.requests("/x").is_empty());
    let endless = json!({"source": "export default () => { for (;;) {} }", "cpuMs": 50});
    let stopped = test(&scene, json!({"node": {"type": "code", "data": endless}})).await;
    assert_eq!(stopped["error"]["code"], "limit_exceeded");
    let path = format!("{}/nodes/test", scene.place.pod());
    for (node, expected) in [
        (json!({"type": "transfrom"}), "/node/type"),
        (json!({"type": "wait", "data": {}}), "/node/data/duration"),
        (json!({"type": "transform", "data": {"expression": "1 +"}}), "/node/data/expression"),
        (json!({"type": "http", "data": {"httpUrl": "ftp://x"}}), "/node/data/httpUrl"),
    ] {
        let problem = scene.ann.post(&path, json!({"node": node})).await;
        assert_eq!(error_paths(&problem.expect(422)), [expected]);
    }
    scene.ann.post(&path, json!({"node": {"type": "transform", "id": "x"}})).await.expect(400);
}
