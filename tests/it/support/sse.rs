//! A client of event streams: it keeps what it has received, and goes on from there however often it is cut off.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;

use super::process::{Caller, PATIENCE};

/// Events that end an execution.
pub const TERMINAL: [&str; 4] = ["execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"];

/// A message of a stream; one without data only moves the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: Option<String>,
    pub data: String,
}

/// Takes a stream of bytes apart. A message counts once its blank line is there: what is cut short was never received.
#[derive(Default)]
pub struct Parser {
    rest: Vec<u8>,
    id: Option<String>,
    data: Option<String>,
}

impl Parser {
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.rest.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = std::str::from_utf8(&line[..end]).expect("a line is UTF-8");
            if line.is_empty() {
                let (id, data) = (self.id.take(), self.data.take());
                if id.is_some() || data.is_some() {
                    messages.push(Message { id, data: data.unwrap_or_default() });
                }
            } else if let Some(id) = line.strip_prefix("id: ") {
                self.id = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                assert!(self.data.replace(data.to_owned()).is_none(), "a message has one data line");
            } else {
                assert!(line.starts_with(':') || line.starts_with("retry: "), "an unknown line: {line}");
            }
        }
        messages
    }
}

/// Why a connection of a follower is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The event that ends the execution is there.
    Terminal,
    /// The server said that it closes.
    Announced,
    /// The connection broke off, or never was.
    Cut,
}

/// Follows one execution over as many connections as it takes.
pub struct Follower {
    caller: Caller,
    http: reqwest::Client,
    path: String,
    /// Position and body of every event received.
    pub events: Vec<(i64, String)>,
    /// Announcements of the end of a connection.
    pub closings: Vec<Value>,
    /// How many connections were cut off.
    pub cuts: usize,
}

impl Follower {
    pub fn new(caller: &Caller, execution: &str) -> Self {
        let site = &caller.site;
        Self {
            caller: caller.clone(),
            http: reqwest::Client::builder().pool_max_idle_per_host(0).http1_only().build().unwrap(),
            path: format!("/v1/workspaces/{}/pods/{}/executions/{execution}/events", site.workspace, site.pod),
            events: Vec::new(),
            closings: Vec::new(),
            cuts: 0,
        }
    }

    fn last(&self) -> i64 {
        self.events.last().map_or(0, |(seq, _)| *seq)
    }

    async fn connect(&self, address: &str) -> reqwest::Result<Response> {
        let mut request = self.http.get(format!("{address}{}", self.path));
        request = request.header("x-api-key", &self.caller.site.key).header("accept", "text/event-stream");
        if self.last() > 0 {
            request = request.header("last-event-id", self.last());
        }
        request.send().await
    }

    /// Reads one connection to its end; `seen` gets each event. `address` may be that of something in between.
    pub async fn read(&mut self, address: &str, seen: &mut impl FnMut(&Value)) -> End {
        let Ok(mut response) = self.connect(address).await else {
            self.cuts += 1;
            return End::Cut;
        };
        let status = response.status().as_u16();
        if status == 204 {
            return End::Terminal;
        }
        if status >= 500 {
            self.cuts += 1;
            return End::Cut;
        }
        assert_eq!(status, 200, "{}", self.path);
        let mut parser = Parser::default();
        loop {
            let Ok(Some(bytes)) = response.chunk().await else {
                self.cuts += 1;
                return End::Cut;
            };
            for message in parser.push(&bytes) {
                let event: Value = serde_json::from_str(&message.data).unwrap();
                let Some(id) = message.id else {
                    assert_eq!(event["type"], "stream_closing", "{event}");
                    assert_eq!(event["after"], self.last().to_string(), "{event}");
                    self.closings.push(event);
                    return End::Announced;
                };
                let seq = id.parse().unwrap();
                assert_eq!(seq, self.last() + 1, "a gap or a duplicate: {}", message.data);
                assert_eq!(event["seq"], seq);
                self.events.push((seq, message.data));
                seen(&event);
                if TERMINAL.contains(&event["type"].as_str().unwrap()) {
                    // Nothing may follow.
                    let rest = response.chunk().await;
                    assert!(!matches!(rest, Ok(Some(_))), "something follows the end: {rest:?}");
                    return End::Terminal;
                }
            }
        }
    }

    /// Follows to the end of the execution.
    pub async fn follow(&mut self, mut seen: impl FnMut(&Value)) {
        let mut progress = (self.last(), Instant::now());
        loop {
            let address = self.caller.address().await;
            let Ok(end) = tokio::time::timeout(PATIENCE, self.read(&address, &mut seen)).await else {
                let execution = self.path.trim_start_matches("/v1").trim_end_matches("/events");
                let told = self.http.get(format!("{address}/v1{execution}")).header("x-api-key", &self.caller.site.key);
                let told = told.send().await.unwrap().text().await.unwrap();
                panic!(
                    "nothing more from {} at {address} after {:?}; it is {told}\n{}",
                    self.path,
                    self.events.last(),
                    self.caller.site.log()
                );
            };
            if end == End::Terminal {
                return;
            }
            if self.last() > progress.0 {
                progress = (self.last(), Instant::now());
            }
            assert!(progress.1.elapsed() < PATIENCE, "stuck after {}: {}", self.last(), self.path);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Follows a pod over as many connections as it takes.
pub struct PodFollower {
    caller: Caller,
    http: reqwest::Client,
    /// The cursor, once there is one.
    pub cursor: Option<String>,
    /// Every event received.
    pub events: Vec<Message>,
    /// How many connections were cut off.
    pub cuts: usize,
}

impl PodFollower {
    pub fn new(caller: &Caller, cursor: Option<String>) -> Self {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).http1_only().build().unwrap();
        Self { caller: caller.clone(), http, cursor, events: Vec::new(), cuts: 0 }
    }

    /// Reads on, by way of `address`, until there is what is wanted.
    pub async fn read_until(&mut self, address: &str, wanted: impl Fn(&Self) -> bool) {
        let site = &self.caller.site;
        let url = format!("{address}/v1/workspaces/{}/pods/{}/events", site.workspace, site.pod);
        while !wanted(self) {
            let mut request = self.http.get(&url).header("x-api-key", &self.caller.site.key);
            if let Some(cursor) = &self.cursor {
                request = request.header("last-event-id", cursor);
            }
            let Ok(mut response) = request.send().await else {
                self.cuts += 1;
                continue;
            };
            assert_eq!(response.status(), 200);
            let mut parser = Parser::default();
            while !wanted(self) {
                let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await.expect("the stream goes on");
                let Ok(Some(bytes)) = chunk else {
                    self.cuts += 1;
                    break;
                };
                for message in parser.push(&bytes) {
                    self.cursor = message.id.clone().or(self.cursor.take());
                    if !message.data.is_empty() {
                        self.events.push(message);
                    }
                }
            }
        }
    }

    /// How many executions have ended, as far as is known here.
    pub fn ended(&self) -> usize {
        let is_end = |message: &&Message| TERMINAL.iter().any(|end| message.data.contains(&format!("\"{end}\"")));
        self.events.iter().filter(is_end).count()
    }
}

/// The stored log of an execution: position and body of every event.
pub async fn stored_log(caller: &Caller, execution: &str) -> Vec<(i64, String)> {
    let mut log: Vec<(i64, String)> = Vec::new();
    loop {
        let after = log.last().map_or(0, |(seq, _)| *seq);
        let (text, _) = caller.get_json(&format!("/executions/{execution}/events?after={after}&limit=1000")).await;
        let page: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
        for body in &page {
            let event: Value = serde_json::from_str(body.get()).unwrap();
            log.push((event["seq"].as_i64().unwrap(), body.get().to_owned()));
        }
        if page.len() < 1_000 {
            return log;
        }
    }
}

/// What holds for the log of every execution that has ended: dense from 1, one end and it is last, no node run finished
/// twice, no suspension closed twice. Gives the events.
#[track_caller]
pub fn check_log(log: &[(i64, String)]) -> Vec<Value> {
    let events: Vec<Value> = log.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let mut finished = std::collections::HashSet::new();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"].as_u64(), Some(index as u64 + 1), "seq is dense from 1: {event}");
        let kind = event["type"].as_str().unwrap();
        assert_eq!(TERMINAL.contains(&kind), index + 1 == events.len(), "one end, and it is last: {event}");
        let once = match kind {
            "node_update"
                if ["completed", "failed", "skipped", "cancelled"].contains(&event["status"].as_str().unwrap()) =>
            {
                Some(format!("{}|{}", event["nodeId"], event["path"]))
            }
            "suspension_update" if event["state"] != "open" => Some(event["suspensionId"].to_string()),
            _ => None,
        };
        if let Some(once) = once {
            assert!(finished.insert(once), "finished twice: {event}");
        }
    }
    events
}

impl Caller {
    /// Reads until there is an answer: its text, and the cursor of the next page if there is one.
    async fn get_json(&self, path: &str) -> (String, Option<String>) {
        let site = &self.site;
        let client = reqwest::Client::builder().build().unwrap();
        let begun = Instant::now();
        loop {
            let url = format!("{}/v1/workspaces/{}/pods/{}{path}", self.address().await, site.workspace, site.pod);
            let request = client.get(url).header("x-api-key", &site.key).header("accept", "application/json");
            let answer = async {
                let reply = request.send().await?.error_for_status()?;
                let link = reply.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
                let next = link.as_deref().and_then(|link| link.split("cursor=").nth(1)).map(|rest| {
                    let end = rest.find(['&', '>']).unwrap();
                    rest[..end].to_owned()
                });
                Ok::<_, reqwest::Error>((reply.text().await?, next))
            };
            match answer.await {
                Ok(answer) => return answer,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{path}: {error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All executions that a list finds.
    pub async fn list(&self, query: &str) -> Vec<Value> {
        self.pages(&format!("/executions?limit=200&{query}")).await
    }

    /// All pages of a list below the pod; `path` has a query.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let (text, next) = self.get_json(&format!("{path}{cursor}")).await;
            all.extend(serde_json::from_str::<Vec<Value>>(&text).unwrap());
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}
