//! Streams and executions of a server that stops as it should, and streams that reach their longest duration.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    outside::Outside,
    process::{Server, Site},
    sse::{End, Follower, check_log, stored_log},
};

const STREAMS: usize = 50;

fn asking() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "ask", "type": "ask-human", "data": {"question": "And?"}},
            {"id": "finish", "type": "end", "data": {"output": "{{ ask.answer }}"}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "ask"},
            {"id": "e2", "source": "ask", "target": "finish"},
        ],
    })
}

fn calling(address: &str) -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "call", "type": "http", "data": {
                "httpMethod": "POST", "idempotent": true, "httpUrl": format!("{address}/held")}},
            {"id": "finish", "type": "end", "data": {"output": "{{ call.data }}"}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "call"},
            {"id": "e2", "source": "call", "target": "finish"},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_tells_every_stream_and_is_over_in_time() {
    let site = Site::sqlite().await;
    let outside = Outside::start().await;
    let mut server = Server::start(&site, &["--drain-limit", "1s", "--outbound-networks", "127.0.0.0/8"]).await;
    let caller = server.caller();
    let workflow = caller.workflow(asking()).await;
    // One that the drain limit is for: its call does not end by itself.
    let calling = caller.workflow(calling(&outside.address)).await;
    let busy = caller.trigger(&calling, Value::Null).await;
    let mut readers = JoinSet::new();
    let mut ids = Vec::new();
    for _ in 0..STREAMS {
        let id = caller.trigger(&workflow, Value::Null).await;
        caller.until_open(&id, 1).await;
        let mut follower = Follower::new(&caller, &id);
        let address = server.address();
        let (open, opened) = tokio::sync::oneshot::channel();
        let mut open = Some(open);
        readers.spawn(async move {
            let mut seen = |_: &Value| {
                if let Some(open) = open.take() {
                    open.send(()).unwrap();
                }
            };
            let end = follower.read(&address, &mut seen).await;
            (follower, end)
        });
        opened.await.unwrap();
        ids.push(id);
    }
    while outside.calls() == 0 {
        tokio::task::yield_now().await;
    }

    server.signal("TERM").await;
    let took = server.ended().await;
    assert!(took < Duration::from_secs(4), "the drain limit is 1 s, the stop took {took:?}");

    // What was given up at the limit goes on with the next start, and so does every stream, from where it was.
    server.boot().await;
    let mut followers = Vec::new();
    while let Some(read) = readers.join_next().await {
        let (follower, end) = read.unwrap();
        assert_eq!(end, End::Announced);
        assert_eq!(follower.closings[0]["reason"], "shutdown");
        assert_eq!(follower.closings[0]["retryMs"], 1_000);
        followers.push(follower);
    }
    assert_eq!(followers.len(), STREAMS);
    for id in &ids {
        let body = json!({"answer": "on"});
        caller.expect(reqwest::Method::PATCH, &format!("/executions/{id}/respond"), Some(body), 200).await;
    }
    for follower in &mut followers {
        follower.follow(|_| {}).await;
        check_log(&follower.events);
    }
    let ended = caller.until_ended(&busy).await;
    assert_eq!(ended["output"], json!({"call": 2}), "the call was given up and made again");
    check_log(&stored_log(&caller, &busy).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lasts_too_long_is_closed_with_a_word_and_goes_on() {
    let site = Site::sqlite().await;
    let server = Server::start(&site, &["--stream-max-duration", "1s"]).await;
    let caller = server.caller();
    let workflow = caller.workflow(asking()).await;
    let id = caller.trigger(&workflow, Value::Null).await;
    let mut follower = Follower::new(&caller, &id);
    for closings in 1..=2 {
        let end = follower.read(&server.address(), &mut |_| {}).await;
        assert_eq!((end, follower.closings.len()), (End::Announced, closings));
        assert_eq!(follower.closings[closings - 1]["reason"], "max_duration");
    }
    let body = json!({"answer": "on"});
    caller.expect(reqwest::Method::PATCH, &format!("/executions/{id}/respond"), Some(body), 200).await;
    follower.follow(|_| {}).await;
    assert_eq!(follower.cuts, 0, "no connection ended without a word");
    assert_eq!(follower.events, stored_log(&caller, &id).await);
}
