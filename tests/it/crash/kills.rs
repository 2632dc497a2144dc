//! A server that is killed again and again, at random moments, under load.

use std::{sync::atomic::Ordering, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{Connection, PgConnection};

use crate::support::{
    load::{Load, child_workflow, main_workflow},
    outside::Outside,
    process::{Server, Site, count},
};

const SEED: u64 = 0x51u64 << 8;
const CLIENTS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_on_sqlite() {
    // The next boot takes over at once: no moment is too early.
    kill_again_and_again(&Site::sqlite().await, 20..700).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_on_postgres() {
    // What a dead instance drove is taken over after its lease: some lives must be longer than that.
    kill_again_and_again(&Site::postgres().await, 20..1_800).await;
}

async fn kill_again_and_again(site: &std::sync::Arc<Site>, life_ms: std::ops::Range<u64>) {
    let kills = count("SLUICEGATE_TEST_KILLS", 12);
    let outside = Outside::start().await;
    let mut server = Server::start(site, &["--instance-lease", "1s", "--outbound-networks", "127.0.0.0/8"]).await;
    let caller = server.caller();
    let child = caller.workflow(child_workflow()).await;
    let workflow = caller.workflow(main_workflow(&child, &outside.address)).await;

    let mut random = StdRng::seed_from_u64(SEED);
    let mut load = Load::start(&caller, &workflow, CLIENTS, SEED);
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(life_ms.clone()))).await;
        load.check();
        server.kill().await;
        server.boot().await;
        if kill % 20 == 19 {
            println!("{} kills: {:?}", kill + 1, load.tally);
        }
    }
    let tally = load.finish().await;
    println!("{kills} kills: {tally:?}");

    let triggered = tally.executions.load(Ordering::Relaxed);
    let listed = caller.list(&format!("workflowId={workflow}")).await;
    assert_eq!(listed.len(), triggered, "each accepted trigger is one execution");
    let alive: Vec<_> = listed.iter().filter(|one| one["finishedAt"].is_null()).collect();
    assert!(alive.is_empty(), "{alive:?}");
    let children = caller.list(&format!("workflowId={child}")).await;
    assert!(children.iter().all(|one| !one["finishedAt"].is_null()), "a child outlives its parent");
    // The kills must have hit something, or the test shows nothing.
    assert!(tally.cuts.load(Ordering::Relaxed) >= kills, "{tally:?}");
    assert!(tally.unclear.load(Ordering::Relaxed) > 0, "{tally:?}");
    assert!(outside.calls() > outside.keys().len(), "nothing was retried");
    assert!(outside.keys().len() <= triggered, "a call that was made again had another key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_database_hangs_up() {
    let times = count("SLUICEGATE_TEST_KILLS", 12);
    let site = Site::postgres().await;
    let outside = Outside::start().await;
    let server = Server::start(&site, &["--instance-lease", "2s", "--outbound-networks", "127.0.0.0/8"]).await;
    let caller = server.caller();
    let child = caller.workflow(child_workflow()).await;
    let workflow = caller.workflow(main_workflow(&child, &outside.address)).await;

    let mut admin = PgConnection::connect(&site.store).await.unwrap();
    let mut random = StdRng::seed_from_u64(SEED);
    let mut load = Load::start(&caller, &workflow, CLIENTS, SEED);
    let mut ended = 0;
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..600))).await;
        load.check();
        // Writers in the middle of their transactions, readers, and who listens to the hints.
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        ended += sqlx::query_scalar::<_, i64>(terminate).fetch_one(&mut admin).await.unwrap();
    }
    let tally = load.finish().await;
    println!("{ended} connections ended {times} times: {tally:?}");
    let listed = caller.list(&format!("workflowId={workflow}")).await;
    assert_eq!(listed.len(), tally.executions.load(Ordering::Relaxed), "each accepted trigger is one execution");
    assert!(ended as usize >= times);
}
