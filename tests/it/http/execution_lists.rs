//! `GET .../executions`: filters and pages.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, Client, START, on_both},
    scene::{Scene, error_paths, gate, line, node},
};

on_both! {
    executions_are_filtered_by_everything_that_is_offered,
    pages_cover_the_list_once_while_it_grows,
    bad_filters_are_refused_by_name,
    executions_are_counted_by_status,
}

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let list = client.get(path).await.expect(200);
    list.as_array().unwrap().iter().map(|execution| execution["id"].as_str().unwrap().to_owned()).collect()
}

async fn executions_are_filtered_by_everything_that_is_offered(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (ann, executions) = (&scene.ann, scene.executions());
    let child = scene.workflow(line([])).await;
    let parent_definition = line([node("sub", "subworkflow", json!({"workflowId": child}))]);
    let failing = scene.workflow(line([node("fail", "transform", json!({"transformScript": "1 / 0"}))])).await;

    let done = scene.trigger(&child, json!({"secret": "input"})).await;
    done.end().await;
    scene.app.clock.advance_ms(1_000);
    let failed = ann.post(&executions, json!({"workflowId": failing, "subject": "order 7"})).await;
    let failed = scene.run_of(&failed);
    failed.end().await;
    scene.app.clock.advance_ms(1_000);
    let waiting = scene.run(gate(), json!(null)).await;
    waiting.until_status("suspended").await;
    scene.app.clock.advance_ms(1_000);
    let parent = scene.run(parent_definition, json!(null)).await;
    parent.end().await;
    let replay = scene.run_of(&failed.post("retry", json!({})).await);
    replay.end().await;

    let all = ann.get(&executions).await.expect(200);
    let all_ids = ids(ann, &executions).await;
    assert_eq!(all_ids.len(), 6, "with the child");
    assert_eq!((&all_ids[0], &all_ids[5]), (&replay.id, &done.id), "newest first");
    for execution in all.as_array().unwrap() {
        for field in ["input", "context", "nodes", "suspensions"] {
            assert!(execution.get(field).is_none(), "{field} in a list: {execution:#}");
        }
    }
    let child_id = all_ids
        .iter()
        .find(|id| [&done.id, &failed.id, &waiting.id, &parent.id, &replay.id].iter().all(|known| known != id));
    let child_id = child_id.unwrap().clone();
    let at = |ms: i64| Instant(START.0 + ms).to_string();
    let cases: Vec<(String, Vec<&String>)> = vec![
        ("?status=suspended".into(), vec![&waiting.id]),
        ("?status=failed&status=suspended".into(), vec![&replay.id, &waiting.id, &failed.id]),
        ("?status=cancelled".into(), vec![]),
        (format!("?workflowId={child}"), vec![&child_id, &done.id]),
        (format!("?workflowId={child}&status=completed&triggeredBy=manual"), vec![&done.id]),
        ("?triggeredBy=subworkflow".into(), vec![&child_id]),
        ("?triggeredBy=retry".into(), vec![&replay.id]),
        ("?subject=order%207".into(), vec![&replay.id, &failed.id]),
        ("?subject=order".into(), vec![]),
        (format!("?replayOf={}", failed.id), vec![&replay.id]),
        (format!("?parentExecutionId={}", parent.id), vec![&child_id]),
        (format!("?createdAfter={}&createdBefore={}", at(500), at(2_500)), vec![&waiting.id, &failed.id]),
        (format!("?createdBefore={}", at(500)), vec![&done.id]),
    ];
    for (query, expected) in cases {
        let found = ids(ann, &format!("{executions}{query}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let child = scene.run_at(&child_id).view().await;
    assert_eq!((&child["parentExecutionId"], &child["createdBy"]), (&json!(parent.id), &json!("ann")));
}

async fn pages_cover_the_list_once_while_it_grows(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(scene.trigger(&workflow, json!(null)).await.id);
    }
    made.reverse();
    let mut path = format!("{}?limit=3&triggeredBy=manual", scene.executions());
    let mut seen = Vec::new();
    loop {
        let reply = scene.ann.get(&path).await;
        let page: Vec<Value> = reply.expect(200).as_array().unwrap().clone();
        seen.extend(page.iter().map(|execution| execution["id"].as_str().unwrap().to_owned()));
        // What comes meanwhile is newer than everything that is still to be listed.
        scene.trigger(&workflow, json!(null)).await;
        let Some(link) = reply.header("link") else { break };
        let next = link.strip_prefix("</v1").and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
        assert!(next.contains("triggeredBy=manual"), "{link}");
        path = next.to_owned();
    }
    assert_eq!(seen, made);
}

async fn bad_filters_are_refused_by_name(backend: Backend) {
    let scene = Scene::on(backend).await;
    for (query, name) in [
        ("status=done", "status"),
        ("workflowId=x", "workflowId"),
        ("triggeredBy=me", "triggeredBy"),
        ("createdAfter=yesterday", "createdAfter"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("replayOf=1", "replayOf"),
        ("cursor=nonsense", "cursor"),
        ("stat=failed", "stat"),
    ] {
        let refused = scene.ann.get(&format!("{}?{query}", scene.executions())).await.problem(400, "invalid_query");
        assert_eq!(error_paths(&refused), [name], "{query}");
    }
}

async fn executions_are_counted_by_status(backend: Backend) {
    let scene = Scene::on(backend).await;
    let counts = format!("{}/counts", scene.executions());
    let none = scene.ann.get(&counts).await.expect(200);
    assert_eq!(none["counts"].as_object().unwrap().len(), 9, "every status is there");
    assert!(none["counts"].as_object().unwrap().values().all(|count| count == 0));

    let gate = scene.workflow(gate()).await;
    let done = scene.run(line([]), json!(null)).await;
    done.end().await;
    for _ in 0..3 {
        scene.trigger(&gate, json!(null)).await.until_status("suspended").await;
    }
    let all = scene.ann.get(&counts).await.expect(200);
    assert_eq!((&all["counts"]["suspended"], &all["counts"]["completed"]), (&json!(3), &json!(1)));
    let of_gate = scene.ann.get(&format!("{counts}?workflowId={gate}&filter=status%20ne%20'failed'")).await.expect(200);
    assert_eq!((&of_gate["counts"]["suspended"], &of_gate["counts"]["completed"]), (&json!(3), &json!(0)));
    assert!(of_gate["atMost"].as_i64().unwrap() >= 1_000);
    scene.ann.get(&format!("{counts}?filter=nope%20eq%201")).await.problem(400, "invalid_query");
    scene.ann.get(&format!("{counts}?status=failed")).await.problem(400, "invalid_query");
}
