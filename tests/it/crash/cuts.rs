//! Streams that are cut at any byte, by something in between.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::{
    process::{Server, Site, count},
    sse::{End, Follower, PodFollower, check_log, stored_log},
};

/// Cuts every connection after a random number of bytes from the server.
struct Cutter {
    address: String,
    _running: JoinSet<()>,
}

impl Cutter {
    async fn start(server: &str, seed: u64, most_bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let mut random = StdRng::seed_from_u64(seed);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(cut(client, server.clone(), random.random_range(0..most_bytes)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, _running: running }
    }
}

async fn cut(client: TcpStream, server: String, after: u64) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    // What the client says goes on unhindered; both directions end with this function.
    let mut asking = JoinSet::new();
    asking.spawn(async move { _ = copy(&mut from_client, &mut to_server).await });
    _ = copy(&mut (&mut from_server).take(after), &mut to_client).await;
    _ = to_client.flush().await;
}

/// Many events of many sizes, some of them with letters of more than one byte; and timers, so that a live stream has pauses.
fn workflow() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "each", "type": "loop", "data": {"arrayPath": "input.items", "concurrency": 3}},
            {"id": "text", "type": "transform", "parentId": "each", "data": {"output": {
                "greeting": "Grüße aus Łódź, {{ item }}: {{ input.filler }}"}}},
            {"id": "pause", "type": "wait", "parentId": "each", "data": {"duration": "3ms"}},
            {"id": "finish", "type": "end"},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "each"},
            {"id": "e2", "source": "text", "target": "pause"},
            {"id": "e3", "source": "each", "target": "finish"},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_cut_at_any_byte_join_to_the_log_on_sqlite() {
    cut_often(&Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_cut_at_any_byte_join_to_the_log_on_postgres() {
    cut_often(&Site::postgres().await).await;
}

async fn cut_often(site: &Arc<Site>) {
    let wanted = count("SLUICEGATE_TEST_CUTS", 400);
    let server = Server::start(site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(workflow()).await;
    let cutter = Cutter::start(&server.address(), 7, 2_500).await;
    let (mut cuts, mut streams) = (0, 0);
    while cuts < wanted {
        let filler = "x".repeat(streams % 40);
        let input = json!({"items": (0..8).collect::<Vec<_>>(), "filler": filler});
        let id = caller.trigger(&workflow, input).await;
        // Every other stream is followed live, the others once everything is stored.
        if streams % 2 == 1 {
            caller.until_ended(&id).await;
        }
        let mut follower = Follower::new(&caller, &id);
        while follower.read(&cutter.address, &mut |_| {}).await != End::Terminal {
            assert!(follower.cuts < 1_000, "no way to the end of {id}");
        }
        let log = stored_log(&caller, &id).await;
        check_log(&log);
        assert_eq!(follower.events, log, "after {} cuts", follower.cuts);
        cuts += follower.cuts;
        streams += 1;
    }
    println!("{cuts} cuts of {streams} streams");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pods_stream_cut_at_any_byte_misses_nothing_on_sqlite() {
    cut_a_pods_stream(&Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pods_stream_cut_at_any_byte_misses_nothing_on_postgres() {
    cut_a_pods_stream(&Site::postgres().await).await;
}

async fn cut_a_pods_stream(site: &Arc<Site>) {
    let wanted = count("SLUICEGATE_TEST_CUTS", 400) / 5;
    let server = Server::start(site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(workflow()).await;
    let cutter = Cutter::start(&server.address(), 8, 2_500).await;
    let mut follower = PodFollower::new(&caller, None);
    // From the moment that the stream is open nothing may be missed, even if it breaks before the first event.
    follower.read_until(&cutter.address, |follower| follower.cursor.is_some()).await;
    let begin = follower.cursor.clone();
    let mut triggered = 0;
    while follower.cuts < wanted {
        for number in 0..4 {
            caller.trigger(&workflow, json!({"items": [number], "filler": ""})).await;
            triggered += 1;
        }
        follower.read_until(&cutter.address, |follower| follower.ended() == triggered).await;
    }
    let mut uncut = PodFollower::new(&caller, begin);
    uncut.read_until(&server.address(), |follower| follower.ended() == triggered).await;
    assert_eq!(follower.events, uncut.events, "after {} cuts", follower.cuts);
    println!("{} cuts of {triggered} executions' events", follower.cuts);
}
