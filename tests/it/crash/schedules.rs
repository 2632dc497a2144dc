//! Schedules of servers that are killed, hung up on, and more than one: every slot has one row and one execution.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{Connection, PgConnection};

use crate::support::{
    process::{Server, Site, count},
    slots::{check, every_second},
};

const ARGUMENTS: [&str; 4] = ["--schedule-min-interval", "1s", "--instance-lease", "2s"];

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
