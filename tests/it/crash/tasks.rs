//! A hundred workers, some of which vanish with a task in their hands, and a server that is killed: each task has one outcome.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate::clock::Instant;
use tokio::task::JoinSet;

use crate::support::{
    process::{Caller, Server, Site, count},
    sse::stored_log,
};

const WORKERS: usize = 100;
const LEASE_MS: i64 = 5_000;
/// How long after the end of its lease a task may be in a dead worker's hands.
const SLACK_MS: i64 = 5_000;

/// What the workers have done, in all.
#[derive(Default)]
struct Tally {
    completed: AtomicUsize,
    vanished: AtomicUsize,
    late: AtomicUsize,
    over: AtomicUsize,
}

impl Tally {
    fn add(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes tasks until all are done. Now and then it vanishes with a task in its hands, or goes on with one after its lease.
async fn work(caller: Caller, number: usize, wanted: usize, tally: Arc<Tally>) {
    let mut random = StdRng::seed_from_u64(number as u64);
    let wish = json!({"queues": ["work"], "waitSeconds": 2, "workerId": format!("w{number}")});
    while tally.over.load(Ordering::Relaxed) < wanted {
        let Ok((200, reply)) = caller.send(Method::POST, "/tasks/lease", Some(&wish), None).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let reply: Value = serde_json::from_str(&reply).unwrap();
        let Some(task) = reply["tasks"].get(0) else { continue };
        let path = format!("/tasks/{}", task["taskId"].as_str().unwrap());
        let token = &task["leaseToken"];
        let fate = random.random_range(0..1_000);
        if fate < 10 {
            Tally::add(&tally.vanished);
            continue;
        }
        if fate < 15 {
            // Asleep for longer than the lease: what it says then is late, and so it is told.
            tokio::time::sleep(Duration::from_millis((LEASE_MS + SLACK_MS + 1_000).unsigned_abs())).await;
        } else if fate < 100 {
            let report = json!({"leaseToken": token, "message": "at it", "progress": 1});
            caller.until_clear(Method::POST, &format!("{path}/heartbeat"), Some(&report), None).await;
        }
        let result = json!({"leaseToken": token, "output": {"of": task["input"], "fence": task["fence"]}});
        let (status, reply, _) =
            caller.until_clear(Method::POST, &format!("{path}/complete"), Some(&result), None).await;
        match status {
            200 => {
                Tally::add(&tally.completed);
                Tally::add(&tally.over);
            }
            409 => {
                assert_eq!(reply["code"], "lease_lost", "{reply}");
                Tally::add(&tally.late);
            }
            _ => panic!("{status}: {reply}"),
        }
    }
}

fn at(event: &Value) -> Instant {
    event["at"].as_str().unwrap().parse().unwrap()
}

/// Whether the log of an execution tells of one outcome, and of leases that were taken back in time. `down_ms` is how long servers
/// may have been away meanwhile.
fn check_log(log: &[Value], down_ms: i64) -> usize {
    let updates: Vec<&Value> = log.iter().filter(|event| event["type"] == "task_update").collect();
    let ends = updates.iter().filter(|event| event["state"] == "completed").count();
    assert_eq!(ends, 1, "one recorded outcome: {updates:#?}");
    let mut lost = 0;
    for pair in updates.windows(2) {
        if pair[1]["reason"] == "lease_lost" {
            lost += 1;
            let held = at(pair[1]).ms_since(at(pair[0]));
            assert!((LEASE_MS..=2 * LEASE_MS + SLACK_MS + down_ms).contains(&held), "{held} ms: {pair:#?}");
        }
    }
    let fence = updates.last().unwrap()["fence"].as_i64();
    let end = log.last().unwrap();
    assert_eq!((&end["type"], end["output"]["fence"].as_i64()), (&json!("execution_complete"), fence), "{end}");
    lost
}

async fn each_task_has_one_outcome(site: Arc<Site>) {
    let wanted = count("SLUICEGATE_TEST_TASKS", 400);
    let kills = count("SLUICEGATE_TEST_KILLS", 25).min(wanted / 200).max(1);
    let mut server = Server::start(&site, &["--instance-lease", "2s"]).await;
    let caller = server.caller();
    let data = json!({"queue": "work", "input": "{{ input.n }}", "leaseSeconds": LEASE_MS / 1_000, "maxLeases": 100});
    let workflow = caller
        .workflow(json!({
            "nodes": [
                {"id": "begin", "type": "start"},
                {"id": "work", "type": "task", "data": data},
                {"id": "finish", "type": "end"},
            ],
            "edges": [{"id": "e1", "source": "begin", "target": "work"}, {"id": "e2", "source": "work", "target": "finish"}],
        }))
        .await;
    let tally = Arc::new(Tally::default());
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        workers.spawn(work(caller.clone(), number, wanted, Arc::clone(&tally)));
    }
    let mut ids = Vec::new();
    for round in 0..kills {
        for n in wanted * round / kills..wanted * (round + 1) / kills {
            let body = json!({"workflowId": workflow, "input": {"n": n}});
            let key = format!("trigger-{n}");
            let (status, reply, _) = caller.until_clear(Method::POST, "/executions", Some(&body), Some(&key)).await;
            assert_eq!(status, 201, "{reply}");
            ids.push(reply["id"].as_str().unwrap().to_owned());
        }
        server.kill().await;
        server.boot().await;
    }
    for id in &ids {
        assert_eq!(caller.until_ended(id).await["status"], "completed");
    }
    tally.over.store(wanted, Ordering::Relaxed);
    workers.join_all().await;
    let mut lost = 0;
    for id in &ids {
        let log = stored_log(&caller, id).await;
        let log: Vec<Value> = log.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
        lost += check_log(&log, 10_000);
    }
    let told = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    println!(
        "{wanted} tasks, {WORKERS} workers, {kills} kills: {} results accepted, {} workers vanished, {} results late, {lost} leases lost",
        told(&tally.completed),
        told(&tally.vanished),
        told(&tally.late)
    );
    assert!(told(&tally.completed) <= wanted && lost >= told(&tally.late));
    let queues = caller.expect(Method::GET, "/task-queues", None, 200).await;
    assert!(queues.as_array().unwrap().iter().all(|queue| queue["queued"] == 0 && queue["leased"] == 0), "{queues}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_has_one_outcome_on_sqlite() {
    each_task_has_one_outcome(Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_has_one_outcome_on_postgres() {
    each_task_has_one_outcome(Site::postgres().await).await;
}
