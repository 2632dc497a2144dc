//! Schedules of servers that are killed, hung up on, and more than one: every slot has one row and one execution.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::process::{Caller, PATIENCE, Server, Site, count};

const ARGUMENTS: [&str; 4] = ["--schedule-min-interval", "1s", "--instance-lease", "2s"];

/// Two schedules that run every second.
async fn every_second(caller: &Caller) -> Vec<String> {
    let definition = json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e", "source": "begin", "target": "finish"}],
    });
    let workflow = caller.workflow(definition).await;
    caller.expect(Method::POST, &format!("/workflows/{workflow}/deploy"), None, 200).await;
    let mut ids = Vec::new();
    for overlap in ["allow", "queue"] {
        let body = json!({"workflowId": workflow, "name": "S", "cronExpression": "* * * * * *", "overlap": overlap});
        ids.push(caller.expect(Method::POST, "/schedules", Some(body), 201).await["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// Stops the schedules, and checks that each second from the first to the last has one row with an execution of its own.
async fn check(caller: &Caller, ids: &[String], at_least: usize) {
    let mut started = Vec::new();
    for id in ids {
        let off = caller.expect(Method::PATCH, &format!("/schedules/{id}"), Some(json!({"enabled": false})), 200).await;
        let begun = tokio::time::Instant::now();
        while !caller.expect(Method::GET, &format!("/schedules/{id}"), None, 200).await["waitingSlot"].is_null() {
            assert!(begun.elapsed() < PATIENCE, "the slot that waits is never settled");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let cursor = rows.last().map_or(String::new(), |row| format!("&cursor={}", millis(&row["slot"])));
            let path = format!("/schedules/{id}/slots?limit=200{cursor}");
            let page = caller.expect(Method::GET, &path, None, 200).await;
            let page = page.as_array().unwrap();
            rows.extend(page.iter().cloned());
            if page.len() < 200 {
                break;
            }
        }
        rows.reverse();
        let (first, mut count) = (millis(&rows[0]["slot"]), 0);
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(millis(&row["slot"]), first + index as i64 * 1_000, "no slot is missing: {row}");
            match row["outcome"].as_str().unwrap() {
                "started" => {
                    let execution = row["executionId"].as_str().unwrap();
                    assert_eq!(caller.until_ended(execution).await["status"], "completed");
                    started.push(execution.to_owned());
                    count += 1;
                }
                // A queue holds one.
                "skipped_overlap" if off["overlap"] == "queue" => {}
                // After the end of the test.
                "skipped_disabled" => {}
                _ => panic!("{row}"),
            }
        }
        assert!(count >= at_least, "{count} slots are too few");
    }
    let mut listed: Vec<_> =
        caller.list("triggeredBy=schedule").await.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    started.sort();
    listed.sort();
    assert_eq!(started, listed, "each execution has its slot, each slot its execution");
}

fn millis(at: &Value) -> i64 {
    at.as_str().unwrap().parse::<sluicegate::clock::Instant>().unwrap().0
}

async fn killed_around_slots(site: &Arc<Site>) {
    let kills = count("SLUICEGATE_TEST_KILLS", 25) / 3;
    let mut server = Server::start(site, &ARGUMENTS).await;
    let caller = server.caller();
    let ids = every_second(&caller).await;
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..1_800))).await;
        server.kill().await;
        server.boot().await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    check(&caller, &ids, kills).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_around_slots_starts_each_once_on_sqlite() {
    killed_around_slots(&Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_around_slots_starts_each_once_on_postgres() {
    killed_around_slots(&Site::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_start_each_slot_once_whatever_happens_to_one_or_to_the_database() {
    let site = Site::postgres().await;
    let (mut one, other) = (Server::start(&site, &ARGUMENTS).await, Server::start(&site, &ARGUMENTS).await);
    let caller = other.caller();
    let ids = every_second(&caller).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    one.signal("STOP").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    one.signal("CONT").await;
    let mut admin = PgConnection::connect(&site.store).await.unwrap();
    for _ in 0..4 {
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let ended: i64 = sqlx::query_scalar(terminate).fetch_one(&mut admin).await.unwrap();
        assert!(ended > 0);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    one.kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    check(&caller, &ids, 10).await;
}
