//! A language model's server: chat completions that really stream, by a script. It keeps what it was asked, and when each piece left.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_stream::stream;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    response::Response,
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// One reply of the script.
pub enum Says {
    /// Text in these pieces, so far apart.
    Text(Vec<String>, Duration),
    /// Calls: name and arguments.
    Calls(Vec<(&'static str, Value)>),
    /// A reply that does not stream.
    Whole(Value),
    /// A refusal: status, `Retry-After`, body.
    Refuses(u16, Option<&'static str>, &'static str),
    /// These bytes as the stream, then the end.
    Raw(&'static str),
    /// Text, and then silence until the reader hangs up.
    Hangs(&'static str),
}

/// A piece with its number, as it left.
pub type Sent = Arc<Mutex<Vec<(String, Instant)>>>;

/// The server. What is asked when its script is over fails the test by a 418.
pub struct Model {
    url: String,
    shared: Shared,
    serving: tokio::task::AbortHandle,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<VecDeque<Says>>>,
    asked: Arc<Mutex<Vec<Value>>>,
    sent: Sent,
}

impl Model {
    pub async fn start(script: impl IntoIterator<Item = Says>) -> Self {
        let shared = Shared {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            asked: Arc::default(),
            sent: Sent::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(shared.clone());
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, serving: serving.abort_handle() }
    }

    /// The `baseUrl` of an agent.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was asked so far: `{headers, body}`.
    pub fn asked(&self) -> Vec<Value> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The messages of a request.
    pub fn messages(&self, request: usize) -> Vec<Value> {
        self.asked()[request]["body"]["messages"].as_array().unwrap().clone()
    }

    /// The pieces of text that left, and when.
    pub fn sent(&self) -> Vec<(String, Instant)> {
        self.shared.sent.lock().unwrap().clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Text in one go.
pub fn says(text: &str) -> Says {
    Says::Text(text.split_inclusive(' ').map(str::to_owned).collect(), Duration::ZERO)
}

fn event(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn chunk(delta: Value) -> Bytes {
    event(&json!({"id": "c", "model": "test-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

fn end(reason: &str) -> Bytes {
    let done = event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    [&done[..], &event(&json!({"choices": [], "usage": usage})), b"data: [DONE]\n\n"].concat().into()
}

async fn answer(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into()))
        .collect();
    let says = shared.script.lock().unwrap().pop_front();
    shared.asked.lock().unwrap().push(json!({"headers": headers, "body": body}));
    let sent = shared.sent;
    let streaming = || Response::builder().header("content-type", "text/event-stream");
    let streamed = match says {
        None => return Response::builder().status(418).body("the script is over".into()).unwrap(),
        Some(Says::Whole(value)) => {
            let reply = Response::builder().header("content-type", "application/json; charset=utf-8");
            return reply.body(value.to_string().into()).unwrap();
        }
        Some(Says::Refuses(status, retry_after, body)) => {
            let reply = Response::builder().status(status);
            let reply = retry_after.into_iter().fold(reply, |reply, text| reply.header("retry-after", text));
            return reply.body(body.into()).unwrap();
        }
        Some(Says::Raw(text)) => return streaming().body(text.into()).unwrap(),
        Some(says) => says,
    };
    let pieces = stream! {
        match streamed {
            Says::Text(pieces, apart) => {
                for piece in pieces {
                    tokio::time::sleep(apart).await;
                    sent.lock().unwrap().push((piece.clone(), Instant::now()));
                    yield Ok::<_, std::convert::Infallible>(chunk(json!({"content": piece})));
                }
                yield Ok(end("stop"));
            }
            Says::Calls(calls) => {
                for (i, (name, arguments)) in calls.iter().enumerate() {
                    let text = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
                    let head = json!({"index": i, "id": format!("{name}-{i}"), "function": {"name": name, "arguments": ""}});
                    yield Ok(chunk(json!({"tool_calls": [head]})));
                    let (one, two) = text.split_at(text.floor_char_boundary(text.len() / 2));
                    for part in [one, two] {
                        yield Ok(chunk(json!({"tool_calls": [{"index": i, "function": {"arguments": part}}]})));
                    }
                }
                yield Ok(end("tool_calls"));
            }
            Says::Hangs(text) => {
                yield Ok(chunk(json!({"content": text})));
                std::future::pending::<()>().await;
            }
            Says::Whole(_) | Says::Refuses(..) | Says::Raw(_) => unreachable!("answered above"),
        }
    };
    streaming().body(Body::from_stream(pieces)).unwrap()
}
