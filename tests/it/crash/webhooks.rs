//! Deliveries to servers that are killed, and to two servers at once: each delivery is one execution with one row.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use crate::support::{
    deliveries::{Senders, check, client, deliver, hook},
    process::{Server, Site, count},
};

async fn killed_around_deliveries(site: &Arc<Site>) {
    let kills = count("SLUICEGATE_TEST_KILLS", 25) / 3;
    let mut server = Server::start(site, &[]).await;
    let caller = server.caller();
    let id = hook(&caller).await;
    let senders = Senders::start(&[&caller; 4], &id, Duration::ZERO);
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        server.kill().await;
        server.boot().await;
    }
    let told = senders.finish().await;
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
