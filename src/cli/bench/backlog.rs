//! A long queue: everything that can run is held, a queue is filled to its limit, one more is refused; then it is let go, and
//! drains. Neither a trigger nor the end of an execution may cost more because many others wait.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
};

use super::{
    Bench, chain,
    limits::CALLERS,
    report::{Part, Wanted, quantile},
    server::Server,
};

/// How many executions the server runs at once; as many hold its places while the queue is filled.
const PLACES: usize = 64;
/// How many triggers beyond the limit are sent.
const REFUSALS: usize = 200;

/// Measures it with so many executions.
pub async fn run(bench: &Bench, length: usize) -> anyhow::Result<Part> {
    let what = format!("{length} executions are queued while nothing can run, then run {PLACES} at a time");
    let mut part = Part::new("backlog", what);
    let (released, mut tasks) = (watch::Sender::new(false), JoinSet::new());
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/", holder.local_addr()?);
    tasks.spawn(hold(holder, released.subscribe()));
    let (places, limit) = (PLACES.to_string(), length.to_string());
    let arguments = ["--max-running", &places, "--queue-limit", &limit, "--outbound-networks", "127.0.0.0/8"];
    let server = Arc::new(Server::start_with(&bench.store, &arguments).await?);
    let hanging = json!({
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "call", "type": "http", "data": { "httpUrl": url, "timeoutMs": 3_600_000 } },
            { "id": "end", "type": "end" },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "call" },
            { "id": "e2", "source": "call", "target": "end" },
        ],
    });
    let (hanging, body) =
        (server.workflow(hanging, json!({})).await?, server.workflow(chain::definition(), chain::input()).await?);
    let mut connection = server.connect().await?;
    for _ in 0..PLACES {
        server.trigger(&mut connection, &hanging).await?;
    }
    Bench::progress("backlog: filling the queue");
    let begun = Instant::now();
    let latencies = fill(&server, body.clone().into(), length).await?;
    part.number("triggers", length as f64 / begun.elapsed().as_secs_f64(), "per second");
    let [first, last] = tenths(&latencies, |tenth| {
        let mut seconds = tenth.to_vec();
        seconds.sort_by(f64::total_cmp);
        quantile(&seconds, 0.5)
    });
    part.number("p50 of the first tenth", first * 1e6, "µs");
    part.number("p50 of the last tenth", last * 1e6, "µs");
    part.target("last tenth / first tenth of the triggers", last / first, Wanted::AtMost, 1.5, "");
    let refused = refusals(&server, &body).await?;
    part.number("p50 of a refusal", refused * 1e6, "µs");

    Bench::progress("backlog: draining the queue");
    let path = server.path("events?types=execution_complete");
    let mut stream = server.connect().await?.follow(&path).await?;
    stream.frame().await?;
    released.send_replace(true);
    let begun = Instant::now();
    let mut ends = Vec::with_capacity(length);
    while ends.len() < length + PLACES {
        let frame = tokio::time::timeout(Duration::from_mins(1), stream.frame()).await;
        let frame = frame.context("nothing has completed for a minute")??.context("the stream has ended")?;
        if frame.windows(19).any(|window| window == b"\"execution_complete") {
            ends.push(begun.elapsed().as_secs_f64());
        }
    }
    part.number("executions", ends.len() as f64 / begun.elapsed().as_secs_f64(), "per second");
    let [first, last] = tenths(&ends, |tenth| tenth.len() as f64 / (tenth[tenth.len() - 1] - tenth[0]));
    part.number("first tenth", first, "per second");
    part.number("last tenth", last, "per second");
    part.target("last tenth / first tenth of the executions", last / first, Wanted::AtLeast, 0.7, "");
    tasks.shutdown().await;
    Arc::into_inner(server).context("a caller still holds the server")?.stop().await?;
    Ok(part)
}

/// Answers every call, but not before the release.
async fn hold(listener: TcpListener, released: watch::Receiver<bool>) {
    let mut calls = JoinSet::new();
    while let Ok((mut call, _)) = listener.accept().await {
        let mut released = released.clone();
        calls.spawn(async move {
            // A caller that hangs up needs no answer.
            _ = released.wait_for(|released| *released).await;
            _ = call.read(&mut [0; 4_096]).await;
            _ = call.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
        });
    }
}

/// Triggers so many executions; how long each trigger took, in their order.
async fn fill(server: &Arc<Server>, body: Arc<str>, length: usize) -> anyhow::Result<Vec<f64>> {
    let (next, mut callers) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..CALLERS {
        let (server, body, next) = (Arc::clone(server), Arc::clone(&body), Arc::clone(&next));
        callers.spawn(async move {
            let (mut connection, mut taken) = (server.connect().await?, Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= length {
                    return anyhow::Ok(taken);
                }
                let begun = Instant::now();
                server.trigger(&mut connection, &body).await?;
                taken.push((number, begun.elapsed().as_secs_f64()));
            }
        });
    }
    let mut all = Vec::with_capacity(length);
    while let Some(caller) = callers.join_next().await {
        all.extend(caller??);
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, seconds)| seconds).collect())
}

/// Triggers beyond the limit, which are refused; the median of their time.
async fn refusals(server: &Server, body: &str) -> anyhow::Result<f64> {
    // The length is counted twice a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut connection, mut seconds) = (server.connect().await?, Vec::new());
    for _ in 0..REFUSALS {
        let begun = Instant::now();
        let (status, reply) = connection.try_call(Method::POST, &server.path("executions"), body.to_owned()).await?;
        seconds.push(begun.elapsed().as_secs_f64());
        let reply = String::from_utf8_lossy(&reply);
        ensure!(status == StatusCode::TOO_MANY_REQUESTS, "a trigger beyond the limit was answered {status}: {reply}");
    }
    seconds.sort_by(f64::total_cmp);
    Ok(quantile(&seconds, 0.5))
}

/// The same of the first and of the last tenth.
fn tenths(values: &[f64], of: impl Fn(&[f64]) -> f64) -> [f64; 2] {
    let tenth = (values.len() / 10).max(2).min(values.len());
    [of(&values[..tenth]), of(&values[values.len() - tenth..])]
}
