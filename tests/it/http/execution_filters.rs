//! `GET .../executions?filter=`: the language on the true list.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, Client, START, on_both},
    scene::{Scene, error_paths, gate, line, node},
};

on_both! {
    every_spelling_finds_the_same,
    bad_filters_are_refused_with_their_place,
    pages_keep_their_filter,
    bulk_jobs_take_filters_too,
}

/// The list by filters that must all hold.
fn path(scene: &Scene, filters: &[&str]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filters.iter().map(|filter| ("filter", filter)))
        .finish();
    format!("{}?{query}", scene.executions())
}

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let list = client.get(path).await.expect(200);
    list.as_array().unwrap().iter().map(|execution| execution["id"].as_str().unwrap().to_owned()).collect()
}

async fn every_spelling_finds_the_same(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (ann, executions) = (&scene.ann, scene.executions());
    let plain = scene.workflow(line([])).await;
    let failing = scene.workflow(line([node("fail", "transform", json!({"transformScript": "1 / 0"}))])).await;
    let trigger = async |workflow: &str, subject: Value, priority: i64| {
        let body = json!({"workflowId": workflow, "subject": subject, "priority": priority});
        let run = scene.run_of(&ann.post(&executions, body).await);
        run.end().await;
        scene.app.clock.advance_ms(1_000);
        run
    };
    let done = trigger(&plain, json!("invoices/7 100%.pdf"), 1).await;
    let failed = trigger(&failing, json!("Invoices/8.pdf"), 5).await;
    let nameless = trigger(&failing, Value::Null, 9).await;
    let waiting = scene.run(gate(), json!(null)).await;
    waiting.until_status("suspended").await;
    let second = Instant(START.0 + 1_000).to_string();
    let (done, failed, nameless, waiting) = (&done.id, &failed.id, &nameless.id, &waiting.id);

    let cases: Vec<(String, Vec<&String>)> = vec![
        ("status eq 'failed' and priority gt 5".into(), vec![nameless]),
        ("status==failed;priority=gt=5".into(), vec![nameless]),
        ("status:'failed' and priority > 5".into(), vec![nameless]),
        ("status in ('suspended', 'completed')".into(), vec![waiting, done]),
        ("status=in=(suspended,completed)".into(), vec![waiting, done]),
        ("status:SUSPENDED or status:completed".into(), vec![waiting, done]),
        ("status!'failed'".into(), vec![waiting, done]),
        ("not (status:'failed' or status:'suspended')".into(), vec![done]),
        (format!("workflowId:{failing}"), vec![nameless, failed]),
        (format!("workflowId=={failing} and subject is not null"), vec![failed]),
        (format!("workflowId in [{plain}, {failing}] and status:failed and priority<:5"), vec![failed]),
        ("error.code:expression_failed".into(), vec![nameless, failed]),
        ("error.code is null".into(), vec![waiting, done]),
        ("error.code!timeout".into(), vec![waiting, nameless, failed, done]),
        ("subject==*.pdf".into(), vec![failed, done]),
        ("subject~invoices".into(), vec![done]),
        ("subject~~invoices".into(), vec![failed, done]),
        ("subject like '%100\\%.pdf'".into(), vec![done]),
        ("subject like 'invoices_7*'".into(), vec![]),
        ("subject!'Invoices/8.pdf'".into(), vec![waiting, nameless, done]),
        ("subject is empty".into(), vec![waiting, nameless]),
        (format!("createdAt<{second}"), vec![done]),
        (format!("createdAt ge '{second}' and finishedAt is not null"), vec![nameless, failed]),
        (format!("id:{failed}"), vec![failed]),
        ("createdBy:ann and triggeredBy in (manual)".into(), vec![waiting, nameless, failed, done]),
        ("subject eq '\\'; DROP TABLE executions; --'".into(), vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(ann, &path(&scene, &[&filter])).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let both = path(&scene, &["status:failed", "", "priority<6,priority>100"]);
    assert_eq!(ids(ann, &both).await, [failed.as_str()]);
    let with_parameters =
        format!("{}&workflowId={failing}&status=completed&status=failed", path(&scene, &["priority>5"]));
    assert_eq!(ids(ann, &with_parameters).await, [nameless.as_str()]);
    assert_eq!(ids(ann, &format!("{executions}?filter=")).await.len(), 4);
    // Another workspace is another one whatever the filter says.
    let bob = scene.app.user("bob");
    let elsewhere = scene.app.workspace("bob").await;
    assert_eq!(ids(&bob, &format!("{}/executions?filter=status!queued", elsewhere.pod())).await, [""; 0]);
}

async fn bad_filters_are_refused_with_their_place(backend: Backend) {
    let scene = Scene::on(backend).await;
    for (filters, message) in [
        (&["status eq 'done'"][..], "at character 10: `status` takes one of pending, queued, running"),
        (&["state eq 'failed'"], "at character 0: unknown field `state`; known are id, workflowId,"),
        (&["podId:x"], "unknown field `podId`"),
        (&["priority > high"], "at character 11: `priority` takes a whole number, not `high`"),
        (&["workflowId:abc"], "at character 11: `workflowId` takes an id (a UUID), not `abc`"),
        (&["createdAt>yesterday"], "at character 10: `createdAt` takes an instant"),
        (&["status:failed", "(priority>3"], "text 2, at character 11: expected `and`, `or` or the `)` to the `(` at 0"),
        (&["' or 1=1 --"], "at character 0: expected the name of a field"),
        (&["status:failed; DELETE FROM executions"], "expected an operator after `DELETE`"),
        (&["subject:'a\0b'"], "at character 10: a filter can't hold a NUL character"),
    ] {
        let refused = scene.ann.get(&path(&scene, filters)).await.problem(400, "invalid_query");
        assert_eq!(error_paths(&refused), ["filter"], "{filters:?}");
        assert!(refused["detail"].as_str().unwrap().contains(message), "{filters:?}: {}", refused["detail"]);
    }
    let long = "x".repeat(5_000);
    scene.ann.get(&path(&scene, &[&format!("subject:{long}")])).await.problem(400, "invalid_query");
}

async fn pages_keep_their_filter(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([])).await;
    let mut made = Vec::new();
    for priority in 0..8 {
        let body = json!({"workflowId": workflow, "priority": priority % 2});
        let run = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
        run.end().await;
        made.push(run.id);
    }
    let expected: Vec<_> = made.into_iter().skip(1).step_by(2).rev().collect();
    let mut path = format!("{}&limit=3", path(&scene, &["priority:1 and status in (completed, failed)"]));
    let mut seen = Vec::new();
    loop {
        let reply = scene.ann.get(&path).await;
        let page = reply.expect(200).as_array().unwrap().clone();
        seen.extend(page.iter().map(|execution| execution["id"].as_str().unwrap().to_owned()));
        let Some(link) = reply.header("link") else { break };
        path = link.strip_prefix("</v1").and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
    }
    assert_eq!(seen, expected);
}

async fn bulk_jobs_take_filters_too(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(gate()).await;
    let mut waiting = Vec::new();
    for subject in ["order 7", "order 8", "bill 7"] {
        let body = json!({"workflowId": workflow, "subject": subject});
        let run = scene.run_of(&scene.ann.post(&scene.executions(), body).await);
        run.until_status("suspended").await;
        waiting.push(run);
    }
    let bulk = format!("{}/bulk/cancel", scene.executions());
    let body = json!({"filter": {"workflowId": workflow, "filter": "subject==order*"}});
    let job = scene.ann.post(&bulk, body).await.expect(202);
    assert_eq!(job["counts"]["total"], 2);
    for run in &waiting[..2] {
        run.end().await;
        assert_eq!(run.status().await, "cancelled");
    }
    assert_eq!(waiting[2].status().await, "suspended");
    let body = json!({"filter": {"filter": "subject==order* and"}});
    let refused = scene.ann.post(&bulk, body).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&refused), ["/filter/filter"]);
    assert!(refused["detail"].as_str().unwrap().contains("at character 19"), "{refused}");
}
