//! Follows one execution to its end, over as many connections as it takes.
//!
//! What is promised: every event once and in order, whatever happens to connections; the end is the event that says so, never a
//! connection that closes; a silent connection is given up; after an announced close the next connection opens at once, after
//! an error it waits longer each time; behind a proxy that lets nothing through, the log is polled instead.
//!
//! A follower is pulled: it has no task and keeps nothing open once it is dropped.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Method, Response, header};
use serde_json::{Value, value::RawValue};
use tokio::time::{Instant, timeout};

use super::{
    Client, ClientError, backoff,
    sse::{Message, Parser, Part},
};

/// The types of events that end an execution.
pub const TERMINAL_TYPES: [&str; 4] =
    ["execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"];

/// Three heartbeats of a server with the default settings.
const SILENCE: Duration = Duration::from_secs(45);
/// A connection that was open for so long was a good one, even if nothing happened.
const LASTED: Duration = Duration::from_secs(1);
/// After so many connections on which nothing came, the log is polled.
const MUTE_CONNECTIONS: u32 = 3;
/// How often the log is polled then.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// After so many connections that break the contract at the same place, following is given up.
const BROKEN_CONNECTIONS: u32 = 5;
/// Trying again changes nothing about these.
const FINAL_STATUSES: [u16; 7] = [400, 401, 403, 404, 409, 410, 422];

/// An event as it was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its position.
    pub seq: i64,
    /// Its JSON, to the byte.
    pub body: String,
    /// The same, read.
    pub event: Value,
}

impl Received {
    /// The event's type.
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap_or_default()
    }

    /// Whether nothing follows.
    pub fn is_end(&self) -> bool {
        TERMINAL_TYPES.contains(&self.kind())
    }
}

/// What a follower hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// An event.
    Event(Received),
    /// Events that are gone (`stream_gap`): the next one is after them.
    Gap(Value),
    /// The connection is over, and another one is being opened.
    Reconnecting {
        /// Why.
        reason: String,
    },
}

/// How many connections a follower has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections that were answered with a stream.
    pub connections: u32,
    /// Those that ended with an announcement.
    pub announced: u32,
    /// Messages that had been received before, and were dropped.
    pub repeated: u32,
    /// Whether the log is polled.
    pub polling: bool,
}

/// Follows one execution.
pub struct Follower {
    client: Client,
    path: String,
    types: Vec<String>,
    cursor: i64,
    ended: bool,
    connection: Option<Connection>,
    heard: VecDeque<Heard>,
    /// Connections in a row on which nothing new came.
    failures: u32,
    /// Connections in a row on which nothing at all came.
    mute: u32,
    /// Connections in a row that broke the contract.
    broken: u32,
    silence: Duration,
    tally: Tally,
}

struct Connection {
    response: Response,
    opened: Instant,
    parser: Parser,
    announced: bool,
    spoken: bool,
}

impl Follower {
    /// Follows the execution at this path (`/v1/workspaces/.../executions/ID`) after position `after`.
    pub fn new(client: Client, execution: &str, after: i64) -> Self {
        Self {
            client,
            path: format!("{execution}/events"),
            types: Vec::new(),
            cursor: after,
            ended: false,
            connection: None,
            heard: VecDeque::new(),
            failures: 0,
            mute: 0,
            broken: 0,
            silence: SILENCE,
            tally: Tally::default(),
        }
    }

    /// Events of these types only. Those that end an execution come too, or nobody would know that it has ended.
    #[must_use]
    pub fn of_types(mut self, types: Vec<String>) -> Self {
        self.types = types;
        if !self.types.is_empty() {
            self.types.retain(|kind| !TERMINAL_TYPES.contains(&kind.as_str()));
            self.types.extend(TERMINAL_TYPES.map(str::to_owned));
        }
        self
    }

    /// Gives up a connection on which nothing came for so long.
    #[must_use]
    pub fn giving_up_after(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// The position of the last event that was handed out.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// How it went so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What is heard next; nothing after the event that ends the execution. May be dropped at any await and called again.
    pub async fn next(&mut self) -> Result<Option<Heard>, ClientError> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(Some(heard));
            }
            if self.ended {
                self.connection = None;
                return Ok(None);
            }
            if self.tally.polling {
                self.poll().await?;
            } else if self.connection.is_some() {
                self.read().await?;
            } else {
                self.connect().await?;
            }
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        if self.failures > 0 {
            tokio::time::sleep(backoff(self.failures)).await;
        }
        // Counted before the attempt: whoever drops this future and comes again waits, too.
        self.failures += 1;
        let types = if self.types.is_empty() { String::new() } else { format!("?types={}", self.types.join(",")) };
        let path = format!("{}{types}", self.path);
        let mut request = self.client.request(Method::GET, &path).header(header::ACCEPT, "text/event-stream");
        if self.cursor > 0 {
            request = request.header("last-event-id", self.cursor);
        }
        let response = match timeout(self.silence, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                self.gone(super::causes(&error));
                return Ok(());
            }
            Err(_) => {
                self.mute += 1;
                self.gone("it does not answer".to_owned());
                return Ok(());
            }
        };
        match response.status().as_u16() {
            200 => {}
            204 => {
                self.ended = true;
                return Ok(());
            }
            status if FINAL_STATUSES.contains(&status) => return Err(self.client.refusal(&self.path, response).await),
            status => {
                self.gone(format!("it answered {status}"));
                return Ok(());
            }
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return self.broke(format!("what comes is no event stream but `{kind}`"));
        }
        self.tally.connections += 1;
        let (opened, parser) = (Instant::now(), Parser::default());
        self.connection = Some(Connection { response, opened, parser, announced: false, spoken: false });
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let bytes = match timeout(self.silence, connection.response.chunk()).await {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) if connection.announced => {
                // One that says goodbye at once, over and over, is not asked in a circle.
                if connection.opened.elapsed() >= LASTED {
                    self.failures = 0;
                }
                self.connection = None;
                self.tally.announced += 1;
                return Ok(());
            }
            Ok(Ok(None)) => {
                self.gone("it hung up".to_owned());
                return Ok(());
            }
            Ok(Err(error)) => {
                self.gone(super::causes(&error));
                return Ok(());
            }
            Err(_) => {
                if !connection.spoken {
                    self.mute += 1;
                }
                self.gone(format!("nothing came for {} s", self.silence.as_secs()));
                return Ok(());
            }
        };
        connection.spoken = true;
        self.mute = 0;
        let parts = match connection.parser.push(&bytes) {
            Ok(parts) => parts,
            Err(error) => return self.broke(error.to_string()),
        };
        for part in parts {
            match part {
                Part::Retry(_) => {}
                Part::Comment(comment) => {
                    // The greeting of a connection is no sign that it lasts.
                    if comment == "heartbeat" {
                        self.failures = 0;
                    }
                }
                Part::Message(message) => {
                    self.take(message)?;
                    // What follows a breach is not listened to.
                    if self.connection.is_none() || self.ended {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<(), ClientError> {
        let Some(body) = message.data else { return Ok(()) };
        let Ok(event) = serde_json::from_str::<Value>(&body) else {
            return self.broke(format!("a message is no JSON: {body}"));
        };
        let Some(id) = message.id else {
            match event["type"].as_str() {
                Some("stream_closing") => {
                    if let Some(connection) = &mut self.connection {
                        connection.announced = true;
                    }
                }
                Some("stream_gap") => {
                    self.cursor = event["to"].as_i64().unwrap_or(self.cursor).max(self.cursor);
                    self.heard.push_back(Heard::Gap(event));
                }
                // Unknown types are for others.
                _ => {}
            }
            return Ok(());
        };
        let Ok(seq) = id.parse::<i64>() else { return self.broke(format!("`{id}` is no position of an event")) };
        if seq <= self.cursor {
            self.tally.repeated += 1;
            return Ok(());
        }
        if self.types.is_empty() && seq != self.cursor + 1 {
            return self.broke(format!("event {seq} follows event {}", self.cursor));
        }
        self.hear(Received { seq, body, event });
        Ok(())
    }

    fn hear(&mut self, received: Received) {
        self.cursor = received.seq;
        self.ended = received.is_end();
        (self.failures, self.broken) = (0, 0);
        self.heard.push_back(Heard::Event(received));
    }

    /// The connection is over for no fault in what it carried.
    fn gone(&mut self, reason: String) {
        self.connection = None;
        // Even after a connection that went well: a server that hangs up at once must not be asked in a circle.
        self.failures = self.failures.max(1);
        if self.mute >= MUTE_CONNECTIONS {
            self.tally.polling = true;
        }
        self.heard.push_back(Heard::Reconnecting { reason });
    }

    /// The connection is given up because of what it carried; nothing of it was handed out.
    fn broke(&mut self, reason: String) -> Result<(), ClientError> {
        self.broken += 1;
        if self.broken >= BROKEN_CONNECTIONS {
            return Err(ClientError::Stream { after: self.cursor, reason });
        }
        self.gone(reason);
        Ok(())
    }

    async fn poll(&mut self) -> Result<(), ClientError> {
        let begun = Instant::now();
        let mut path = format!("{}?after={}&limit=500", self.path, self.cursor);
        if !self.types.is_empty() {
            path = format!("{path}&types={}", self.types.join(","));
        }
        let page = log_page(&self.client, &path).await?;
        let found = !page.is_empty();
        for received in page {
            self.hear(received);
        }
        if !found {
            tokio::time::sleep(POLL_EVERY.saturating_sub(begun.elapsed())).await;
        }
        Ok(())
    }
}

/// A page of the event log as JSON.
pub async fn log_page(client: &Client, path: &str) -> Result<Vec<Received>, ClientError> {
    let unexpected = |reason: String| ClientError::Unexpected { url: format!("{}{path}", client.base()), reason };
    let response = client.answered(Method::GET, path, None).await?;
    let text = response.text().await.map_err(|error| unexpected(super::causes(&error)))?;
    let bodies: Vec<&RawValue> =
        serde_json::from_str(&text).map_err(|_| unexpected("the page of events is no JSON list".to_owned()))?;
    bodies
        .into_iter()
        .map(|body| {
            let event: Value = serde_json::from_str(body.get()).map_err(|error| unexpected(error.to_string()))?;
            let seq = event["seq"].as_i64().ok_or_else(|| unexpected(format!("an event without `seq`: {body}")))?;
            Ok(Received { seq, body: body.get().to_owned(), event })
        })
        .collect()
}
