//! A server that is cut off from the database, silently: packets don't arrive, and nobody hangs up.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{
    namespace::Namespace,
    outside::Outside,
    own_cluster::OwnCluster,
    process::{Launch, PATIENCE, Server, Site},
    traffic::{ARGUMENTS, Pauses, Traffic},
};

const LEASE: Duration = Duration::from_secs(2);
/// How long after the lease of a server what it drove may stand still: 5 s as after a kill, and 5 s in which its locks hold.
const SLACK: Duration = Duration::from_secs(10);
/// Executions that hang in a call when the server is cut off.
const HELD: usize = 10;

/// A call that hangs at the first try, and a question.
fn held_workflow(outside: &str) -> serde_json::Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "call", "type": "http", "data": {
                "httpMethod": "POST", "idempotent": true, "httpUrl": format!("{outside}/held")}},
            {"id": "ask", "type": "ask-human", "data": {"question": "And?"}},
            {"id": "finish", "type": "end"},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "call"},
            {"id": "e2", "source": "call", "target": "ask"},
            {"id": "e3", "source": "ask", "target": "finish"},
        ],
    })
}

/// Waits until a server's readiness is this; how long that took.
async fn until_ready_is(address: &str, wanted: u16) -> Duration {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let begun = Instant::now();
    loop {
        if client.get(format!("{address}/readyz")).send().await.is_ok_and(|reply| reply.status() == wanted) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "the server at {address} never says {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_drove_that_is_cut_off_goes_on_elsewhere() {
    let Some(namespace) = Namespace::make() else { return };
    let listen = format!("listen_addresses = '127.0.0.1,{}'", namespace.database);
    let cluster = OwnCluster::start(&[&listen], &[&namespace.database_network]).await;
    let site = Site::at(cluster.url.clone()).await;
    let near = Server::start(&site, &ARGUMENTS).await;
    let mut beside = PgConnection::connect(&site.store).await.unwrap();
    let near_instance: Uuid = sqlx::query_scalar("SELECT id FROM instances").fetch_one(&mut beside).await.unwrap();
    let far = Server::launch(
        &site,
        Launch {
            under: namespace.under(),
            host: Some(namespace.there.clone()),
            store: Some(cluster.url.replace("127.0.0.1", &namespace.database)),
            ..Launch::with(&ARGUMENTS)
        },
    )
    .await;
    let (here, there) = (near.caller(), far.caller());
    // Of its own, so that what hangs there is no part of the traffic's.
    let held = Outside::start_on(&namespace.here).await;
    let workflow = here.workflow(held_workflow(&held.address)).await;
    let outside = Outside::start_on(&namespace.here).await;
    let mut traffic = Traffic::start_with(outside, vec![here.clone(), there.clone()], 3, 5).await;
    let mut pauses = Pauses::new(5, 1);
    let (mut cuts, mut taken_over, mut told, mut healed) = (0, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    while pauses.next().await {
        traffic.check();
        let mut ids = Vec::new();
        let before = held.keys().len();
        for _ in 0..HELD {
            ids.push(there.trigger(&workflow, json!(null)).await);
        }
        let begun = Instant::now();
        while held.keys().len() < before + HELD {
            assert!(begun.elapsed() < PATIENCE, "the calls never come");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The other server may have taken some from the queue: those hang there.
        let elsewhere = "SELECT id FROM executions WHERE driver = $1 AND workflow_id = $2";
        let elsewhere: Vec<Uuid> = sqlx::query_scalar(elsewhere)
            .bind(near_instance)
            .bind(workflow.parse::<Uuid>().unwrap())
            .fetch_all(&mut beside)
            .await
            .unwrap();
        for id in elsewhere.iter().map(Uuid::to_string) {
            here.expect(Method::DELETE, &format!("/executions/{id}"), None, 204).await;
            ids.retain(|one| *one != id);
        }
        assert!(!ids.is_empty(), "the server that is cut off drives nothing");
        namespace.cut();
        let cut = Instant::now();
        let go_on = async {
            for id in &ids {
                here.until_open(id, 1).await;
            }
            cut.elapsed()
        };
        let address = far.address();
        let (took, says) = tokio::join!(go_on, until_ready_is(&address, 503));
        println!("cut {cuts}: taken over after {took:?}, told by readiness after {says:?}");
        (taken_over, told) = (taken_over.max(took), told.max(says));
        namespace.mend();
        let again = until_ready_is(&address, 200).await;
        println!("cut {cuts}: ready {again:?} after it was mended");
        healed = healed.max(again);
        for id in &ids {
            here.expect(Method::PATCH, &format!("/executions/{id}/respond"), Some(json!({"answer": "yes"})), 200).await;
            assert_eq!(there.until_ended(id).await["status"], "completed");
        }
        cuts += 1;
    }
    held.release();
    let passed = traffic.finish().await;
    println!("{cuts} cuts, taken over within {taken_over:?}, told within {told:?}, back within {healed:?}: {passed}");
    assert!(cuts >= 1, "nothing was hit");
    assert!(taken_over < LEASE + SLACK, "{taken_over:?}");
}
