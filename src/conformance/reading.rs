//! Streams as they are read here: every message with all that was odd about it, and how the stream ended.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Method, Response, header};
use serde_json::Value;
use tokio::time::timeout;

use crate::client::{
    Client,
    follow::{Received, TERMINAL_TYPES},
    sse::{Message, Parser, Part},
};

/// What comes next on a stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// A part of it.
    Part(Part),
    /// It was closed in order.
    End,
    /// It broke off, or can't be read.
    Broken(String),
    /// Nothing came in time.
    Silent,
}

/// An open stream.
pub(super) struct Stream {
    pub response: Response,
    parser: Parser,
    parts: VecDeque<Part>,
    /// All bytes so far.
    pub raw: Vec<u8>,
}

/// A stream that was read to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub messages: Vec<Message>,
    pub raw: Vec<u8>,
    /// How it ended, if not in order.
    pub trouble: Option<String>,
}

/// Asks for a stream; `query` has its question mark.
pub(super) async fn open(client: &Client, path: &str, cursor: Option<&str>) -> Result<Response, String> {
    let mut request = client.request(Method::GET, path).header(header::ACCEPT, "text/event-stream");
    // Who compresses streams does so for those who can read it.
    request = request.header(header::ACCEPT_ENCODING, "gzip, br");
    if let Some(cursor) = cursor {
        request = request.header("last-event-id", cursor);
    }
    request.send().await.map_err(|error| format!("{path} can't be read: {error}"))
}

/// Opens a stream that has to open.
pub(super) async fn stream(
    client: &Client,
    path: &str,
    cursor: Option<&str>,
    patience: Duration,
) -> Result<Stream, String> {
    let response = timeout(patience, open(client, path, cursor))
        .await
        .map_err(|_| format!("{path} has no answer within {} ms", patience.as_millis()))??;
    match response.status().as_u16() {
        200 => Ok(Stream { response, parser: Parser::default(), parts: VecDeque::new(), raw: Vec::new() }),
        status => Err(format!("{path} was answered {status} in place of a stream (cursor {cursor:?})")),
    }
}

impl Stream {
    /// The next part, if it comes in time.
    pub async fn next(&mut self, patience: Duration) -> Next {
        loop {
            if let Some(part) = self.parts.pop_front() {
                return Next::Part(part);
            }
            match timeout(patience, self.response.chunk()).await {
                Err(_) => return Next::Silent,
                Ok(Ok(None)) => return Next::End,
                Ok(Err(error)) => return Next::Broken(format!("the connection broke off: {error}")),
                Ok(Ok(Some(bytes))) => {
                    self.raw.extend_from_slice(&bytes);
                    match self.parser.push(&bytes) {
                        Ok(parts) => self.parts.extend(parts),
                        Err(error) => return Next::Broken(error.to_string()),
                    }
                }
            }
        }
    }

    /// Reads to the end; nothing may be silent longer than `patience`.
    pub async fn rest(mut self, patience: Duration) -> Reading {
        let mut messages = Vec::new();
        let trouble = loop {
            match self.next(patience).await {
                Next::Part(Part::Message(message)) => messages.push(message),
                Next::Part(_) => {}
                Next::End => break None,
                Next::Broken(why) => break Some(why),
                Next::Silent => break Some(format!("nothing came for {} ms, and it stays open", patience.as_millis())),
            }
        };
        Reading { messages, raw: self.raw, trouble }
    }
}

/// Reads a stream of an execution that has ended, from a cursor to the end.
pub(super) async fn read(
    client: &Client,
    path: &str,
    cursor: Option<&str>,
    patience: Duration,
) -> Result<Reading, String> {
    Ok(stream(client, path, cursor, patience).await?.rest(patience).await)
}

impl Reading {
    /// The messages that are events of the log.
    pub fn events(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.id.is_some() && message.data.is_some())
    }

    /// Why this is not the events of the log that were asked for.
    pub fn differs_from(&self, expected: &[&Received]) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        let mut events = self.events();
        for wanted in expected {
            let Some(message) = events.next() else { return Some(format!("event {} did not come", wanted.seq)) };
            let id = message.id.as_deref().unwrap_or_default();
            if id != wanted.seq.to_string() {
                return Some(format!("event {id} came in place of {}", wanted.seq));
            }
            if message.data.as_deref() != Some(wanted.body.as_str()) {
                return Some(format!("event {id} has other bytes than in the log"));
            }
        }
        events
            .next()
            .map(|message| format!("event {} came beyond what was asked for", message.id.as_deref().unwrap_or("?")))
    }
}

/// What a message says, if it is JSON.
pub(super) fn event_of(message: &Message) -> Value {
    message.data.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
}

/// Whether a message ends an execution.
pub(super) fn is_end(message: &Message) -> bool {
    event_of(message)["type"].as_str().is_some_and(|kind| TERMINAL_TYPES.contains(&kind))
}

/// Whether a message announces the end of the connection.
pub(super) fn is_closing(message: &Message) -> bool {
    event_of(message)["type"] == "stream_closing"
}
