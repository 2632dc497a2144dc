//! Deliveries to servers that are killed, and to two servers at once: each delivery is one execution with one row.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::support::process::{Caller, PATIENCE, Server, Site, count};

/// A webhook that takes what comes; its id.
async fn hook(caller: &Caller) -> String {
    let definition = json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e", "source": "begin", "target": "finish"}],
    });
    let workflow = caller.workflow(definition).await;
    caller.expect(Method::POST, &format!("/workflows/{workflow}/deploy"), None, 200).await;
    let body =
        json!({"workflowId": workflow, "verification": "none", "dedupeHeader": "x-order", "ratePerMinute": 60_000});
    caller.expect(Method::POST, "/webhooks", Some(body), 201).await["id"].as_str().unwrap().to_owned()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// Sends a delivery as a careful sender does: again and again, until it is told what became of it.
async fn deliver(caller: &Caller, http: &reqwest::Client, hook: &str, order: &str) -> String {
    let begun = Instant::now();
    loop {
        let url = format!("{}/v1/webhooks/{hook}/trigger", caller.address().await);
        let sent = http.post(url).header("x-order", order).body(format!("{{\"order\":\"{order}\"}}")).send().await;
        if let Ok(reply) = sent
            && reply.status() == 201
            && let Ok(text) = reply.text().await
        {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{order} is never taken:\n{}", caller.site.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn id_of(reply: &str) -> String {
    serde_json::from_str::<Value>(reply).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Each order was answered with an execution of its own, each execution has its row, and nothing else is there.
async fn check(caller: &Caller, hook: &str, told: &BTreeMap<String, String>) {
    let rows = caller.pages(&format!("/webhooks/{hook}/deliveries?limit=200")).await;
    let mut of_orders: Vec<_> = told.values().map(|reply| id_of(reply)).collect();
    let ids = |rows: Vec<&Value>, field: &str| {
        let mut ids: Vec<_> = rows.into_iter().map(|row| row[field].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let of_rows = ids(rows.iter().filter(|row| row["verdict"] == "started").collect(), "executionId");
    let listed = caller.list("triggeredBy=webhook").await;
    let of_executions = ids(listed.iter().collect(), "id");
    of_orders.sort();
    assert_eq!(of_orders, of_rows, "each order has one row that started it");
    assert_eq!(of_orders, of_executions, "each execution was asked for, and each order has one");
    for row in &rows {
        let order = row["dedupeKey"].as_str().unwrap().strip_prefix("x-order:").unwrap();
        assert_eq!(row["executionId"], json!(id_of(&told[order])), "{row}");
    }
}

async fn killed_around_deliveries(site: &Arc<Site>) {
    let kills = count("SLUICEGATE_TEST_KILLS", 25) / 3;
    let mut server = Server::start(site, &[]).await;
    let caller = server.caller();
    let id = hook(&caller).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let (caller, id, stop) = (caller.clone(), id.clone(), Arc::clone(&stop));
        senders.spawn(async move {
            let http = client();
            let mut told = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let order = format!("{sender}-{}", told.len());
                told.push((order.clone(), deliver(&caller, &http, &id, &order).await));
            }
            told
        });
    }
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        server.kill().await;
        server.boot().await;
    }
    stop.store(true, Ordering::Relaxed);
    let told: BTreeMap<_, _> = senders.join_all().await.into_iter().flatten().collect();
    assert!(told.len() >= kills, "{} deliveries are too few", told.len());
    println!("{} deliveries were answered over {kills} kills", told.len());
    // Whoever asks again is told the same.
    let http = client();
    for (order, reply) in told.iter().rev().take(20) {
        assert_eq!(&deliver(&caller, &http, &id, order).await, reply);
    }
    check(&caller, &id, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_around_deliveries_starts_each_once_on_sqlite() {
    killed_around_deliveries(&Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_around_deliveries_starts_each_once_on_postgres() {
    killed_around_deliveries(&Site::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_delivery_fifty_times_at_two_servers_is_one_execution() {
    let site = Site::postgres().await;
    let (one, other) = (Server::start(&site, &[]).await, Server::start(&site, &[]).await);
    let callers = [one.caller(), other.caller()];
    let id = hook(&callers[0]).await;
    let mut told = BTreeMap::new();
    for round in 0..5 {
        let order = format!("order-{round}");
        let mut senders = JoinSet::new();
        for sender in 0..50 {
            let (caller, id, order) = (callers[sender % 2].clone(), id.clone(), order.clone());
            senders.spawn(async move { deliver(&caller, &client(), &id, &order).await });
        }
        let replies = senders.join_all().await;
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
        told.insert(order, replies[0].clone());
    }
    check(&callers[1], &id, &told).await;
}
