//! What a suspended execution costs while it waits: rows, no memory, and nothing of the time of others.
//!
//! `SLUICEGATE_TEST_SUSPENDED` says how many wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::process::{Caller, Server, Site, count};

/// What one may cost.
const MOST_BYTES: usize = 100;
/// What the bounded caches of the database connections may still take after the warm-up: pages on SQLite (8 MiB a
/// connection at most), and what the allocator keeps. It does not grow with the number of executions.
const CACHE_BYTES: usize = 16 << 20;
/// Suspended before anything is measured, at least: they fill the caches of the connections and of the allocator.
const WARM_UP: usize = 2_000;
const CALLERS: usize = 48;
const MEASURED: usize = 51;

fn workflow() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "ask", "type": "ask-human", "data": {"question": "Do you agree, {{ input.name }}?"}},
            {"id": "finish", "type": "end", "data": {"output": "{{ ask.answer }}"}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "ask"},
            {"id": "e2", "source": "ask", "target": "finish"},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suspended_cost_no_memory_and_no_time_on_sqlite() {
    suspend_many(&Site::sqlite().await, count("SLUICEGATE_TEST_SUSPENDED", 1_500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suspended_cost_no_memory_and_no_time_on_postgres() {
    suspend_many(&Site::postgres().await, count("SLUICEGATE_TEST_SUSPENDED", 1_500)).await;
}

async fn suspend_many(site: &Arc<Site>, wanted: usize) {
    let server = Server::start(site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(workflow()).await;
    suspend(&caller, &workflow, 10).await;
    let few = median_answer(&caller, &workflow).await;
    let short = median_inbox(&caller).await;

    let warm_up = WARM_UP.max(wanted / 5);
    suspend(&caller, &workflow, warm_up).await;
    settle(&server).await;
    let before = server.resident_bytes();
    let begun = Instant::now();
    suspend(&caller, &workflow, wanted).await;
    let took = begun.elapsed();
    settle(&server).await;
    let after = server.resident_bytes();
    let grown = after.saturating_sub(before);
    let many = median_answer(&caller, &workflow).await;
    let long = median_inbox(&caller).await;

    println!(
        "{wanted} suspended in {took:?}: {before} to {after} bytes, {} each; an answer takes {few:?} among 10, {many:?} among \
         {}; a page of ten of the inbox {short:?} and {long:?}",
        grown / wanted,
        wanted + warm_up,
    );
    assert!(grown < MOST_BYTES * wanted + CACHE_BYTES, "{} bytes each", grown / wanted);
    assert!(many < 3 * few + Duration::from_millis(20), "{few:?} became {many:?}");
    assert!(long < 3 * short + Duration::from_millis(20), "{short:?} became {long:?}");
}

/// Suspends so many executions.
async fn suspend(caller: &Caller, workflow: &str, wanted: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS.min(wanted) {
        let (caller, workflow, next) = (caller.clone(), workflow.to_owned(), Arc::clone(&next));
        callers.spawn(async move {
            let mut last = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wanted {
                    return last;
                }
                last = Some(caller.trigger(&workflow, json!({"name": format!("reviewer {number}")})).await);
            }
        });
    }
    // A caller's last one being suspended says enough about those before it, once nothing runs any more.
    for last in callers.join_all().await.into_iter().flatten() {
        caller.until_open(&last, 1).await;
    }
}

/// Waits until the server's memory stays as it is.
async fn settle(server: &Server) {
    let mut last = server.resident_bytes();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = server.resident_bytes();
        if now.abs_diff(last) < 64 << 10 {
            return;
        }
        last = now;
    }
}

/// How long it takes from an answer to the end of its execution.
async fn median_answer(caller: &Caller, workflow: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..MEASURED {
        let id = caller.trigger(workflow, json!({"name": "the measured"})).await;
        caller.until_open(&id, 1).await;
        let begun = Instant::now();
        let body = json!({"answer": "yes"});
        caller.expect(Method::PATCH, &format!("/executions/{id}/respond"), Some(body), 200).await;
        caller.until_ended(&id).await;
        times.push(begun.elapsed());
    }
    times.sort();
    times[MEASURED / 2]
}

/// How long a page of ten of the inbox takes.
async fn median_inbox(caller: &Caller) -> Duration {
    let mut times = Vec::new();
    for _ in 0..MEASURED {
        let begun = Instant::now();
        let page = caller.expect(Method::GET, "/suspensions?state=open&limit=10", None, 200).await;
        times.push(begun.elapsed());
        assert_eq!(page.as_array().unwrap().len(), 10);
    }
    times.sort();
    times[MEASURED / 2]
}
