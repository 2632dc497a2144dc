//! Executions at the size of their limits: a loop over 10,000 items in which some wait for people, children nested 16 deep that are
//! cancelled from the top.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    peer::Peer,
    scene::{Scene, call, graph, inner, line, node},
};

on_both! {
    a_loop_over_ten_thousand_items_waits_for_a_few,
    sixteen_executions_deep_all_are_cancelled,
    a_child_that_is_being_created_is_cancelled_too,
}

const ITEMS: i64 = 10_000;
const ASKS_EVERY: i64 = 2_500;

async fn a_loop_over_ten_thousand_items_waits_for_a_few(backend: Backend) {
    let scene = Scene::on(backend).await;
    let each = json!({"items": "{{ range(input.n) }}", "concurrency": 50, "maxIterations": ITEMS});
    let mut definition = line([node("each", "loop", each)]);
    let asks = format!("item % {ASKS_EVERY} == 7");
    let body = [
        inner("each", "double", "transform", json!({"transformScript": "item * 2"})),
        inner("each", "gate", "approval-gate", json!({"message": "Item {{ index }}?", "runIf": asks})),
    ];
    definition["nodes"].as_array_mut().unwrap().extend(body);
    definition["edges"].as_array_mut().unwrap().push(json!({"id": "b", "source": "double", "target": "gate"}));
    let begun = Instant::now();
    let run = scene.run(definition, json!({"n": ITEMS})).await;
    // The others go on while some wait: the loop comes to its end but for these.
    let asked = run.open((ITEMS / ASKS_EVERY) as usize).await;
    let messages: Vec<&str> = asked.iter().map(|asked| asked["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["Item 7?", "Item 2507?", "Item 5007?", "Item 7507?"]);
    run.until_status("suspended").await;
    let view = scene.ann.get(&format!("{}?include=nodes", run.path)).await.expect(200);
    assert_eq!(view["nodes"].as_array().unwrap().iter().filter(|run| run["status"] == "suspended").count(), 4);
    for asked in &asked {
        run.respond(json!({"approved": true, "suspensionId": asked["suspensionId"]})).await.expect(200);
    }
    let output = run.output().await;
    assert_eq!((&output["total"], output["results"].as_array().unwrap().len()), (&json!(ITEMS), ITEMS as usize));
    assert_eq!((&output["results"][7], &output["results"][9_999]), (&json!(14), &json!(19_998)));
    eprintln!("{ITEMS} items: {} events in {:?}", run.view().await["lastSeq"], begun.elapsed());
}

/// Workflows that call each other; the innermost calls the peer. The id of the outermost.
async fn nested(scene: &Scene, depth: usize, innermost: Value) -> String {
    let mut id = scene.workflow(line([innermost])).await;
    for _ in 0..depth {
        id = scene.workflow(line([node("sub", "subworkflow", json!({"workflowId": id}))])).await;
    }
    id
}

/// Everything that a workspace has run, once all of it is over.
async fn all_ended(scene: &Scene) -> Vec<Value> {
    let ended = async {
        loop {
            let all = scene.ann.get(&format!("{}?limit=200", scene.executions())).await.expect(200);
            let all = all.as_array().unwrap().clone();
            let open = |one: &Value| !["completed", "failed", "cancelled"].contains(&one["status"].as_str().unwrap());
            if !all.iter().any(open) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), ended).await.expect("everything ends")
}

async fn sixteen_executions_deep_all_are_cancelled(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let outermost = nested(&scene, 15, call("call", &peer, "/hang")).await;
    let run = scene.trigger(&outermost, json!(null)).await;
    peer.arrived("/hang", 1).await;
    run.cancel().await.expect(204);
    assert_eq!(run.end().await["type"], "execution_cancelled");
    let all = all_ended(&scene).await;
    assert_eq!(all.len(), 16);
    assert!(all.iter().all(|one| one["status"] == "cancelled"), "{all:#?}");
}

async fn a_child_that_is_being_created_is_cancelled_too(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    // Many children at once, cancelled at whatever moment they have come to.
    let child = nested(&scene, 3, call("call", &peer, "/hang")).await;
    let each = json!({"items": "{{ range(20) }}", "concurrency": 20});
    let mut definition = graph([node("each", "loop", each)], "begin>each each>finish");
    let body = inner("each", "sub", "subworkflow", json!({"workflowId": child}));
    definition["nodes"].as_array_mut().unwrap().push(body);
    let workflow = scene.workflow(definition).await;
    for round in 0..5_u32 {
        let run = scene.trigger(&workflow, json!(null)).await;
        run.until(|frame| frame.event["seq"] == 3 + i64::from(round) * 4).await;
        run.cancel().await.expect(204);
        let end = run.until(Frame::is_end).await.pop().unwrap();
        assert_eq!(end["type"], "execution_cancelled");
    }
    let all = all_ended(&scene).await;
    assert!(all.iter().all(|one| one["status"] == "cancelled"), "{all:#?}");
}
