//! Bulk jobs of servers that are killed, halted, and more than one: no execution is retried twice, and none is left out.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Caller, PATIENCE, Server, Site};

/// Executions of a job: several seconds of work.
const ITEMS: usize = 160;
const ARGUMENTS: [&str; 2] = ["--instance-lease", "2s"];

/// Executions that have ended; their ids.
async fn ended(caller: &Caller) -> Vec<String> {
    let definition = json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e", "source": "begin", "target": "finish"}],
    });
    let workflow = caller.workflow(definition).await;
    let body = &json!({"workflowId": workflow});
    stream::iter(0..ITEMS)
        .map(|_| async {
            let execution = caller.expect(Method::POST, "/executions", Some(body.clone()), 201).await;
            let id = execution["id"].as_str().unwrap().to_owned();
            caller.until_ended(&id).await;
            id
        })
        .buffered(16)
        .collect()
        .await
}

async fn begin(caller: &Caller, ids: &[String]) -> String {
    let job = caller.expect(Method::POST, "/executions/bulk/retry", Some(json!({"ids": ids})), 202).await;
    job["id"].as_str().unwrap().to_owned()
}

/// Waits until so many items are done.
async fn until_done(caller: &Caller, job: &str, count: i64) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let view = caller.expect(Method::GET, &format!("/bulk-jobs/{job}"), None, 200).await;
        if view["counts"]["done"].as_i64().unwrap() >= count {
            return view;
        }
        assert!(begun.elapsed() < PATIENCE, "the job stands still: {view}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each item has one retry, and each retry is that of its item.
async fn check(caller: &Caller, job: &str, ids: &[String]) {
    let view = until_done(caller, job, ITEMS as i64).await;
    assert_eq!((&view["state"], &view["counts"]["done"]), (&json!("finished"), &json!(ITEMS)));
    let items = caller.expect(Method::GET, &format!("/bulk-jobs/{job}/items?limit=200"), None, 200).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items: Vec<_> = items.as_array().unwrap().clone();
    let named: Vec<_> = items.iter().map(|item| text(&item["executionId"])).collect();
    assert_eq!(named, ids);
    let told: BTreeSet<_> =
        items.iter().map(|item| (text(&item["executionId"]), text(&item["newExecutionId"]))).collect();
    let retries = caller.list("triggeredBy=retry").await;
    assert_eq!(retries.len(), ITEMS, "nothing is retried twice");
    let made: BTreeSet<_> = retries.iter().map(|one| (text(&one["replayOf"]), text(&one["id"]))).collect();
    assert_eq!(told, made);
}

/// Waits until the job is in the middle of a turn: more is retried than was told.
async fn until_untold(caller: &Caller, job: &str) {
    let begun = tokio::time::Instant::now();
    loop {
        let view = caller.expect(Method::GET, &format!("/bulk-jobs/{job}"), None, 200).await;
        let told = view["counts"]["done"].as_u64().unwrap() as usize;
        if caller.list("triggeredBy=retry").await.len() > told {
            return;
        }
        assert!(told < ITEMS && begun.elapsed() < PATIENCE, "no turn is ever seen: {view}");
    }
}

async fn killed_in_the_middle(site: &Arc<Site>) {
    let mut server = Server::start(site, &ARGUMENTS).await;
    let caller = server.caller();
    let ids = ended(&caller).await;
    let job = begin(&caller, &ids).await;
    until_untold(&caller, &job).await;
    server.kill().await;
    server.boot().await;
    check(&caller, &job, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_server_that_is_killed_goes_on_on_sqlite() {
    killed_in_the_middle(&Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_server_that_is_killed_goes_on_on_postgres() {
    killed_in_the_middle(&Site::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_do_each_item_once_whatever_happens_to_one() {
    let site = Site::postgres().await;
    let one = Server::start(&site, &ARGUMENTS).await;
    let caller = one.caller();
    let ids = ended(&caller).await;
    let job = begin(&caller, &ids).await;
    // It is halted in the middle of a turn, and its claim is another's when it goes on.
    until_untold(&caller, &job).await;
    one.signal("STOP").await;
    let other = Server::start(&site, &ARGUMENTS).await;
    until_done(&other.caller(), &job, ITEMS as i64 / 2).await;
    one.signal("CONT").await;
    check(&other.caller(), &job, &ids).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    check(&other.caller(), &job, &ids).await;
}
