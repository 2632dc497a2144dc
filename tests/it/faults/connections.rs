//! Connections to PostgreSQL that are ended, that can't be had, and that wait for locks.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use url::Url;

use crate::support::{
    own_cluster::OwnCluster,
    process::{PATIENCE, Server, Site},
    traffic::{ARGUMENTS, Pauses, Traffic, fault_time, instances},
};

/// The servers' backends; those that listen for hints alone with `listening`.
async fn end_backends(admin: &mut PgConnection, listening: &str) -> i64 {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'sluicegate' {listening}"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(admin).await.unwrap()
}

const LISTENING: &str = "AND query LIKE 'LISTEN %'";

async fn until_all_listen(admin: &mut PgConnection) {
    let begun = Instant::now();
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'sluicegate' {LISTENING}"
    );
    while sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.clone())).fetch_one(&mut *admin).await.unwrap()
        != instances() as i64
    {
        assert!(begun.elapsed() < PATIENCE, "a server listens no more");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_backends_are_ended_lose_nothing_and_listen_again() {
    let site = Site::postgres().await;
    let mut servers = Vec::new();
    for _ in 0..instances() {
        servers.push(Server::start(&site, &ARGUMENTS).await);
    }
    let mut admin = PgConnection::connect(&site.store).await.unwrap();
    until_all_listen(&mut admin).await;
    let mut traffic = Traffic::start(servers.iter().map(Server::caller).collect(), 3, 2).await;
    let mut pauses = Pauses::new(2, 3);
    let (mut all, mut listeners, mut round) = (0, 0, 0);
    while pauses.next().await {
        traffic.check();
        if round % 2 == 0 {
            all += end_backends(&mut admin, "").await;
        } else {
            until_all_listen(&mut admin).await;
            listeners += end_backends(&mut admin, LISTENING).await;
        }
        round += 1;
    }
    until_all_listen(&mut admin).await;
    let passed = traffic.finish().await;
    println!("{} servers, {all} backends and {listeners} listeners ended: {passed}", instances());
    assert!(all > 0 && listeners >= instances() as i64, "nothing was hit");
}

/// Lets the servers have this many connections. PostgreSQL refuses a role's connections beyond its limit as it refuses those beyond
/// `max_connections` (53300), but nobody has to be faster than the servers to take them all.
async fn limit(admin: &mut PgConnection, connections: i32) {
    let sql = format!("ALTER ROLE {SERVERS} CONNECTION LIMIT {connections}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.unwrap();
}

/// The role of the servers; superusers have no limit.
const SERVERS: &str = "servers";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_get_no_connection_say_so_and_go_on_when_there_are_some_again() {
    let cluster = OwnCluster::start(&[], &[]).await;
    let mut url = Url::parse(&cluster.url).unwrap();
    let mut admin = PgConnection::connect(url.as_str()).await.unwrap();
    let made = format!(
        "CREATE ROLE {SERVERS} LOGIN CREATEROLE PASSWORD 'servers'; ALTER DATABASE postgres OWNER TO {SERVERS}"
    );
    sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut admin).await.unwrap();
    url.set_username(SERVERS).unwrap();
    url.set_password(Some("servers")).unwrap();
    let site = Site::at(url.to_string()).await;
    let mut servers = Vec::new();
    for _ in 0..instances() {
        servers.push(Server::start(&site, &ARGUMENTS).await);
    }
    let mut traffic = Traffic::start(servers.iter().map(Server::caller).collect(), 3, 3).await;
    let mut pauses = Pauses::new(3, 2);
    let (mut times, mut refused) = (0, 0);
    while pauses.next().await {
        traffic.check();
        limit(&mut admin, 0).await;
        // One that had got in before may still be on its way.
        let (begun, before) = (Instant::now(), refused);
        while begun.elapsed() < Duration::from_secs(2) || refused == before {
            assert!(begun.elapsed() < PATIENCE, "the servers still have connections");
            end_backends(&mut admin, "").await;
            for server in &servers {
                let (status, text) = server.caller().send(Method::GET, "/executions", None, None).await.unwrap();
                match status {
                    200 => {}
                    503 => {
                        let problem: Value = serde_json::from_str(&text).unwrap();
                        assert_eq!(problem["code"], "unavailable", "{problem}");
                        assert!(!text.contains("connections"), "the problem tells nothing of the database: {text}");
                        refused += 1;
                    }
                    _ => panic!("{status}: {text}"),
                }
            }
        }
        limit(&mut admin, -1).await;
        times += 1;
    }
    let passed = traffic.finish().await;
    println!("{} servers, {times} times without connections, {refused} requests refused: {passed}", instances());
}

/// Locks what every execution needs. Whoever it meets may have taken the tables in another order: then it begins again.
async fn lock_all(holder: &mut PgConnection) {
    let begun = Instant::now();
    loop {
        let locked = sqlx::raw_sql(
            "BEGIN; LOCK TABLE executions IN ACCESS EXCLUSIVE MODE; LOCK TABLE events, queue IN ACCESS EXCLUSIVE MODE",
        );
        match locked.execute(&mut *holder).await {
            Ok(_) => return,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut *holder).await.unwrap();
    }
}

/// Every connection of the servers waits for a lock, longer than they are willing to at the end of a longer run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_connections_all_wait_for_locks_go_on_after_them() {
    let site = Site::postgres().await;
    let mut servers = Vec::new();
    for _ in 0..instances() {
        servers.push(Server::start(&site, &ARGUMENTS).await);
    }
    let mut holder = PgConnection::connect(&site.store).await.unwrap();
    let mut admin = PgConnection::connect(&site.store).await.unwrap();
    let mut traffic = Traffic::start(servers.iter().map(Server::caller).collect(), 3, 4).await;
    let mut pauses = Pauses::new(4, 2);
    let (mut times, mut most) = (0, 0);
    while pauses.next().await {
        traffic.check();
        lock_all(&mut holder).await;
        // Servers give a lock up after 10 s.
        let held = if fault_time() > Duration::from_mins(1) && times % 3 == 2 { 12_000 } else { 3_000 };
        pauses.lasts(held).await;
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        most = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut admin).await.unwrap().max(most);
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
        times += 1;
    }
    let passed = traffic.finish().await;
    println!("{} servers, {times} times locked, {most} connections waited: {passed}", instances());
    assert!(times >= 2 && most > instances() as i64, "nothing was hit");
}
