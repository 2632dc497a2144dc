//! Senders of deliveries to a webhook, and what must have become of what they have sent.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use super::process::{Caller, PATIENCE};

/// Senders that go on until they are told to stop, each with orders of its own.
pub struct Senders {
    stop: Arc<AtomicBool>,
    running: JoinSet<Vec<(String, String)>>,
}

impl Senders {
    /// One for each of these callers, with a pause after each delivery.
    pub fn start(callers: &[&Caller], hook: &str, pause: Duration) -> Self {
        let mut senders = Self { stop: Arc::default(), running: JoinSet::new() };
        for (sender, &caller) in callers.iter().enumerate() {
            let (caller, hook, stop) = (caller.clone(), hook.to_owned(), Arc::clone(&senders.stop));
            senders.running.spawn(async move {
                let http = client();
                let mut told = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let order = format!("{sender}-{}", told.len());
                    told.push((order.clone(), deliver(&caller, &http, &hook, &order).await));
                    tokio::time::sleep(pause).await;
                }
                told
            });
        }
        senders
    }

    /// Fails at once when a sender has failed.
    pub fn check(&mut self) {
        if let Some(ended) = self.running.try_join_next() {
            panic!("a sender has ended early: {:?}", ended.map(|told| told.len()));
        }
    }

    /// What each order was answered.
    pub async fn finish(self) -> BTreeMap<String, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.running.join_all().await.into_iter().flatten().collect()
    }
}

/// A webhook that takes what comes; its id.
pub async fn hook(caller: &Caller) -> String {
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

/// The sender's client.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// Sends a delivery as a careful sender does: again and again, until it is told what became of it.
pub async fn deliver(caller: &Caller, http: &reqwest::Client, hook: &str, order: &str) -> String {
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
pub async fn check(caller: &Caller, hook: &str, told: &BTreeMap<String, String>) {
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
