//! The client's follower against a server that does everything wrong in turn.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use sluicegate::client::{
    Client, ClientError,
    follow::{Follower, Heard, Tally},
};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How one connection goes.
#[derive(Clone)]
enum Connection {
    /// Answers with these bytes, and closes in order.
    Closes(String),
    /// Answers with these bytes, and then nothing more.
    Hangs(String),
    /// Answers with a status and no stream.
    Status(u16),
    /// Answers with the log as JSON.
    Json(String),
}

type Seen = Arc<Mutex<Vec<(Option<String>, Instant)>>>;

struct Scripted {
    url: String,
    /// The cursor of each connection, and when it came.
    seen: Seen,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Vec<Connection>>>,
    seen: Seen,
}

impl Scripted {
    async fn start(mut script: Vec<Connection>) -> Self {
        script.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let shared = Shared { script: Arc::new(Mutex::new(script)), seen: Arc::clone(&seen) };
        let router = Router::new().fallback(answer).with_state(shared);
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Follows to the end: the positions, what went on, and how it ended.
    async fn follow(&self) -> (Vec<i64>, Tally, Result<(), ClientError>) {
        let client = Client::new(&self.url, None).unwrap();
        let mut follower = Follower::new(client, "/e", 0).giving_up_after(Duration::from_millis(300));
        let mut positions = Vec::new();
        let following = async {
            while let Some(heard) = follower.next().await? {
                match heard {
                    Heard::Event(event) => positions.push(event.seq),
                    Heard::Gap(gap) => positions.push(-gap["to"].as_i64().unwrap()),
                    Heard::Reconnecting { .. } => {}
                }
            }
            Ok(())
        };
        let ended = tokio::time::timeout(super::PATIENCE, following).await.expect("it ends");
        (positions, follower.tally(), ended)
    }

    /// What each connection began after; empty at the beginning.
    fn cursors(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(cursor, _)| cursor.clone().unwrap_or_default()).collect()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let cursor = request.headers().get("last-event-id").map(|value| value.to_str().unwrap().to_owned());
    let cursor = cursor.or(request.uri().query().map(str::to_owned));
    shared.seen.lock().unwrap().push((cursor, Instant::now()));
    let next = shared.script.lock().unwrap().pop().expect("no more connections than the script has");
    let stream = |text: String, hangs: bool| {
        let body = Body::from_stream(async_stream::stream! {
            yield Ok::<_, Infallible>(Bytes::from(text));
            if hangs {
                std::future::pending::<()>().await;
            }
        });
        ([("content-type", "text/event-stream")], body).into_response()
    };
    match next {
        Connection::Closes(text) => stream(text, false),
        Connection::Hangs(text) => stream(text, true),
        Connection::Status(status) => {
            let body = json!({"status": status, "code": "refused", "detail": "no"}).to_string();
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Connection::Json(text) => ([("content-type", "application/json")], text).into_response(),
    }
}

fn event(seq: i64) -> String {
    format!("id: {seq}\ndata: {{\"type\":\"node_update\",\"seq\":{seq}}}\n\n")
}

fn end(seq: i64) -> String {
    format!("id: {seq}\ndata: {{\"type\":\"execution_complete\",\"seq\":{seq}}}\n\n")
}

#[tokio::test]
async fn every_event_comes_once_and_in_order_over_bad_connections() {
    let closing =
        "data: {\"type\":\"stream_closing\",\"reason\":\"max_duration\",\"after\":\"3\",\"retryMs\":1000}\n\n";
    let server = Scripted::start(vec![
        Connection::Status(503),
        // Cut off inside the third event.
        Connection::Closes(format!("retry: 1000\n: hi\n\n{}{}id: 3\ndata: {{\"type\"", event(1), event(2))),
        // Sends again what is known, then closes as announced.
        Connection::Closes(format!("{}{}{}{closing}", event(1), event(2), event(3))),
        // Skips one: not to be believed.
        Connection::Closes(format!("{}{}", event(5), event(6))),
        // Nothing, and no end.
        Connection::Hangs(": hi\n\n".to_owned()),
        // Unknown things, and the end; what follows is not listened to.
        Connection::Closes(format!(
            "{}data: {{\"type\":\"stream_news\"}}\n\nunknown: field\n\n{}{}",
            event(4),
            end(5),
            event(6)
        )),
    ])
    .await;
    let (positions, tally, ended) = server.follow().await;
    ended.unwrap();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert_eq!(server.cursors(), ["", "", "2", "3", "3", "3"]);
    assert_eq!((tally.announced, tally.repeated, tally.connections, tally.polling), (1, 2, 5, false));
    let seen = server.seen.lock().unwrap();
    let waited = |n: usize| seen[n].1 - seen[n - 1].1;
    assert!(waited(1) >= Duration::from_millis(50) && waited(2) >= Duration::from_millis(50), "errors wait");
    assert!(waited(3) < Duration::from_millis(50), "an announced close does not: {:?}", waited(3));
}

/// Announced closes are no reason to hurry when nothing comes in between.
#[tokio::test]
async fn a_server_that_only_says_goodbye_is_not_asked_in_a_circle() {
    let closing =
        "data: {\"type\":\"stream_closing\",\"reason\":\"shutdown\",\"after\":\"0\",\"retryMs\":1000}\n\n".to_owned();
    let mut script = vec![Connection::Closes(closing); 3];
    script.push(Connection::Closes(end(1)));
    let server = Scripted::start(script).await;
    let (positions, tally, ended) = server.follow().await;
    ended.unwrap();
    assert_eq!((positions, tally.announced), (vec![1], 3));
    let seen = server.seen.lock().unwrap();
    for (pair, least_ms) in seen.windows(2).zip([50, 100, 200]) {
        assert!(pair[1].1 - pair[0].1 >= Duration::from_millis(least_ms), "{:?}", pair[1].1 - pair[0].1);
    }
}

#[tokio::test]
async fn a_gap_that_is_told_is_passed_on() {
    let gap = "data: {\"type\":\"stream_gap\",\"from\":1,\"to\":7,\"reason\":\"retention\"}\n\ndata: {\"type\":\"stream_snapshot\"}\n\n";
    let server = Scripted::start(vec![Connection::Closes(format!("{gap}{}{}", event(8), end(9)))]).await;
    let (positions, _, ended) = server.follow().await;
    ended.unwrap();
    assert_eq!(positions, [-7, 8, 9]);
}

#[tokio::test]
async fn what_can_not_be_mended_is_not_tried_again() {
    for status in [400, 401, 403, 404, 409, 410, 422] {
        let server = Scripted::start(vec![Connection::Status(status)]).await;
        let (_, _, ended) = server.follow().await;
        assert_eq!(ended.unwrap_err().status(), Some(status));
    }
    let server = Scripted::start(vec![Connection::Closes(event(1)), Connection::Status(204)]).await;
    let (positions, _, ended) = server.follow().await;
    ended.unwrap();
    assert_eq!(positions, [1], "204: there is nothing more");
}

#[tokio::test]
async fn a_server_that_breaks_the_contract_for_good_is_given_up() {
    let server = Scripted::start(vec![Connection::Closes(event(2)); 5]).await;
    let (positions, _, ended) = server.follow().await;
    assert_eq!(positions, [] as [i64; 0]);
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("event 2 follows event 0"), "{told}");
}

#[tokio::test]
async fn after_three_mute_connections_the_log_is_polled() {
    let page = |from: i64, to: i64, last: bool| {
        let kind = |seq: i64| if last && seq == to { "execution_failed" } else { "node_update" };
        let events: Vec<_> = (from..=to).map(|seq| json!({"type": kind(seq), "seq": seq})).collect();
        Connection::Json(json!(events).to_string())
    };
    let mut script = vec![Connection::Hangs(String::new()); 3];
    script.extend([page(1, 2, false), page(3, 2, false), page(3, 4, true)]);
    let server = Scripted::start(script).await;
    let (positions, tally, ended) = server.follow().await;
    ended.unwrap();
    assert_eq!(positions, [1, 2, 3, 4]);
    assert!(tally.polling);
    let cursors = server.cursors();
    assert_eq!(cursors[..3], ["", "", ""]);
    assert_eq!(cursors[4], "after=2&limit=500");
}
