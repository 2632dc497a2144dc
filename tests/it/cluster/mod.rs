//! Several servers on one PostgreSQL database: each does what the others can't do any more, and none does it again.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    load::{Load, child_workflow, main_workflow},
    outside::Outside,
    process::{Caller, PATIENCE, Server, Site, count},
    sse::{Follower, check_log, stored_log},
    traffic::instances,
};

/// The servers' lease; what a dead one leaves is taken over within this and the third of it between two looks.
const LEASE: Duration = Duration::from_secs(2);
const ARGUMENTS: [&str; 4] = ["--instance-lease", "2s", "--outbound-networks", "127.0.0.0/8"];

async fn two_servers() -> (Arc<Site>, Server, Server) {
    let site = Site::postgres().await;
    let (one, other) = (Server::start(&site, &ARGUMENTS).await, Server::start(&site, &ARGUMENTS).await);
    (site, one, other)
}

/// A call that may hang, a question, and steps with pauses.
fn workflow(outside: &Outside) -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "call", "type": "http", "data": {
                "httpMethod": "POST", "idempotent": true, "httpUrl": format!("{}/{{{{ input.way }}}}", outside.address),
                "retry": {"maxAttempts": 3, "initialMs": 10, "jitter": false}}},
            {"id": "ask", "type": "ask-human", "data": {"question": "And?"}},
            {"id": "each", "type": "loop", "data": {"arrayPath": "input.items"}},
            {"id": "pause", "type": "wait", "parentId": "each", "data": {"duration": "30ms"}},
            {"id": "twice", "type": "transform", "parentId": "each", "data": {"transformScript": "item * 2"}},
            {"id": "finish", "type": "end", "data": {"output": {"answer": "{{ ask.answer }}", "each": "{{ each.results }}"}}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "call"},
            {"id": "e2", "source": "call", "target": "ask"},
            {"id": "e3", "source": "ask", "target": "each"},
            {"id": "e4", "source": "pause", "target": "twice"},
            {"id": "e5", "source": "each", "target": "finish"},
        ],
    })
}

fn input(way: &str) -> Value {
    json!({"way": way, "items": [1, 2, 3, 4]})
}

async fn answer(caller: &Caller, id: &str) {
    let path = format!("/executions/{id}/respond");
    caller.expect(Method::PATCH, &path, Some(json!({"answer": "yes"})), 200).await;
}

fn check_end(log: &[(i64, String)]) -> Vec<Value> {
    let events = check_log(log);
    assert_eq!(events.last().unwrap()["output"], json!({"answer": "yes", "each": [2, 4, 6, 8]}));
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_followed_and_answered_at_any_server() {
    let (_site, one, other) = two_servers().await;
    let outside = Outside::start().await;
    let (here, there) = (one.caller(), other.caller());
    let workflow = here.workflow(workflow(&outside)).await;
    for _ in 0..10 {
        let id = here.trigger(&workflow, input("flaky")).await;
        let (mut near, mut far) = (Follower::new(&here, &id), Follower::new(&there, &id));
        let answering = async {
            there.until_open(&id, 1).await;
            answer(&there, &id).await;
        };
        tokio::join!(near.follow(|_| {}), far.follow(|_| {}), answering);
        assert_eq!(near.events, far.events);
        assert_eq!(near.events, stored_log(&there, &id).await);
        assert_eq!(near.cuts + far.cuts, 0);
        check_end(&near.events);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_answer_gets_the_same_reply_at_any_server_also_after_it_was_killed() {
    let (_site, mut one, other) = two_servers().await;
    let outside = Outside::start().await;
    let (here, there) = (one.caller(), other.caller());
    let workflow = here.workflow(workflow(&outside)).await;
    let id = here.trigger(&workflow, input("flaky")).await;
    here.until_open(&id, 1).await;
    let (path, body) = (format!("/executions/{id}/respond"), json!({"answer": "yes"}));
    let answer = |caller: Caller, body: Value| {
        let path = path.clone();
        async move { caller.send(Method::PATCH, &path, Some(&body), Some("the-answer")).await.unwrap() }
    };
    let (status, first) = answer(here.clone(), body.clone()).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(answer(there.clone(), body.clone()).await, (200, first.clone()));
    here.until_ended(&id).await;
    one.kill().await;
    assert_eq!(answer(there.clone(), body.clone()).await, (200, first.clone()));
    one.boot().await;
    assert_eq!(answer(here, body).await, (200, first));
    // Another request with the same key is told so, wherever it comes.
    let (status, other) = answer(there, json!({"answer": "no"})).await;
    assert_eq!((status, other.contains("idempotency_key_reused")), (422, true), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_drove_is_taken_over_within_the_lease() {
    let (_site, mut one, other) = two_servers().await;
    let outside = Outside::start().await;
    let (here, there) = (one.caller(), other.caller());
    let workflow = here.workflow(workflow(&outside)).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(here.trigger(&workflow, input("held")).await);
    }
    let begun = Instant::now();
    while outside.calls() < ids.len() {
        assert!(begun.elapsed() < PATIENCE, "the calls never come");
        tokio::task::yield_now().await;
    }
    one.kill().await;
    let killed = Instant::now();
    for id in &ids {
        there.until_open(id, 1).await;
    }
    let took = killed.elapsed();
    println!("taken over after {took:?}");
    assert!(took < LEASE + LEASE / 3 + Duration::from_secs(4), "{took:?}");
    for id in &ids {
        answer(&there, id).await;
        there.until_ended(id).await;
        check_end(&stored_log(&there, id).await);
    }
    assert_eq!(outside.keys().len(), ids.len(), "a repeated call has the key of the first one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_stopped_for_longer_than_its_lease_changes_nothing() {
    let (site, one, other) = two_servers().await;
    let outside = Outside::start().await;
    let (here, there) = (one.caller(), other.caller());
    let workflow = here.workflow(workflow(&outside)).await;
    let mut ids = Vec::new();
    for round in 0..20 {
        // Some hang in a call, some are in the middle of their steps, with timers to come.
        let id = here.trigger(&workflow, input(if round % 2 == 0 { "held" } else { "flaky" })).await;
        if round % 2 == 1 {
            here.until_open(&id, 1).await;
        }
        ids.push(id);
    }
    let begun = Instant::now();
    while outside.keys().len() < ids.len() {
        assert!(begun.elapsed() < PATIENCE, "the calls never come");
        tokio::task::yield_now().await;
    }
    for id in ids.iter().skip(1).step_by(2) {
        answer(&here, id).await;
    }
    let address = one.address();

    one.signal("STOP").await;
    let mut logs = Vec::new();
    for id in &ids {
        there.until(id, |execution| execution["status"] != "running" && execution["status"] != "queued").await;
        if there.until(id, |_| true).await["status"] == "suspended" {
            let execution = there.until(id, |_| true).await;
            let asks = execution["suspensions"].as_array().unwrap().iter().any(|one| one["state"] == "open");
            if asks {
                answer(&there, id).await;
            }
        }
        there.until_ended(id).await;
        let log = stored_log(&there, id).await;
        check_end(&log);
        logs.push(log);
    }

    // It comes back, believes that it drives them all, and gets the answers to its calls.
    one.signal("CONT").await;
    outside.release();
    let begun = Instant::now();
    loop {
        let metrics = reqwest::get(format!("{address}/metrics")).await.unwrap().text().await.unwrap();
        if metrics
            .lines()
            .any(|line| line.starts_with("sluicegate_instance_leases_lost_total ") && !line.ends_with(" 0"))
        {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it never learns that it was dead:\n{}", site.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (id, log) in ids.iter().zip(&logs) {
        assert_eq!(*log, stored_log(&here, id).await, "{id} has changed after its end");
    }

    // As a new instance it works on, alone too.
    drop(other);
    for _ in 0..5 {
        let id = here.trigger(&workflow, input("flaky")).await;
        here.until_open(&id, 1).await;
        answer(&here, &id).await;
        here.until_ended(&id).await;
        check_end(&stored_log(&here, &id).await);
    }
    for (id, log) in ids.iter().zip(&logs) {
        assert_eq!(*log, stored_log(&here, id).await, "{id} has changed after its end");
    }
}

/// `SLUICEGATE_TEST_FAULTS` says how many, `SLUICEGATE_TEST_INSTANCES` how many servers there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_die_and_freeze_in_turn_lose_nothing() {
    let faults = count("SLUICEGATE_TEST_FAULTS", 8);
    let site = Site::postgres().await;
    let mut servers = Vec::new();
    for _ in 0..instances() {
        servers.push(Server::start(&site, &ARGUMENTS).await);
    }
    let callers: Vec<Caller> = servers.iter().map(Server::caller).collect();
    let outside = Outside::start().await;
    let child = callers[0].workflow(child_workflow()).await;
    let workflow = callers[0].workflow(main_workflow(&child, &outside.address)).await;
    let mut loads: Vec<Load> =
        (1..).zip(&callers).map(|(seed, caller)| Load::start(caller, &workflow, 4, seed)).collect();
    let mut random = StdRng::seed_from_u64(3);
    for fault in 0..faults {
        tokio::time::sleep(Duration::from_millis(random.random_range(100..1_500))).await;
        loads.iter_mut().for_each(Load::check);
        let server = &mut servers[random.random_range(0..callers.len())];
        if fault % 2 == 0 {
            server.kill().await;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..3_000))).await;
            server.boot().await;
        } else {
            // Sometimes within the lease, more often beyond it.
            server.signal("STOP").await;
            tokio::time::sleep(Duration::from_millis(random.random_range(500..5_000))).await;
            server.signal("CONT").await;
        }
    }
    let mut triggered = 0;
    for load in loads {
        let tally = load.finish().await;
        println!("{faults} faults: {tally:?}");
        triggered += tally.executions.load(Ordering::Relaxed);
    }
    let listed = callers[0].list(&format!("workflowId={workflow}")).await;
    assert_eq!(listed.len(), triggered, "each accepted trigger is one execution");
    assert!(listed.iter().all(|one| !one["finishedAt"].is_null()));
}
