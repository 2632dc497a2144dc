//! Limits of servers that are killed, and of two on one database: never exceeded, and nothing waits for ever.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::support::{
    limited::{KEYS, LIMIT, limited_workflow},
    outside::Outside,
    process::{Server, Site, count},
};

const ARGUMENTS: [&str; 4] = ["--instance-lease", "2s", "--outbound-networks", "127.0.0.0/8"];

/// Triggers executions of three keys at all servers by turns and kills the first server again and again while they run.
async fn under_kills(site: &Arc<Site>, servers: usize) {
    let kills = count("SLUICEGATE_TEST_KILLS", 25) / 5;
    let outside = Outside::start().await;
    let mut running = Vec::new();
    for _ in 0..servers {
        running.push(Server::start(site, &ARGUMENTS).await);
    }
    let last = running.last().unwrap().caller();
    let definition = limited_workflow(&outside.address);
    let workflow = last.workflow(definition).await;
    let mut ids = Vec::new();
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..kills {
        for round in 0..24 {
            let caller = running[round % servers].caller();
            ids.push(caller.trigger(&workflow, json!({"key": KEYS[round % KEYS.len()]})).await);
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        running[0].kill().await;
        running[0].boot().await;
    }
    for id in &ids {
        assert_eq!(last.until_ended(id).await["status"], "completed");
    }
    for key in KEYS {
        let most = outside.most_at_once(key);
        assert!((2..=LIMIT).contains(&most), "{most} of {key} at once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_kept_by_a_server_that_is_killed() {
    under_kills(&Site::sqlite().await, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_kept_by_two_servers_one_of_which_is_killed() {
    under_kills(&Site::postgres().await, 2).await;
}
