//! Schedules that run every second, and what must have become of each second.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::process::{Caller, PATIENCE};

/// Two schedules that run every second.
pub async fn every_second(caller: &Caller) -> Vec<String> {
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
pub async fn check(caller: &Caller, ids: &[String], at_least: usize) {
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
