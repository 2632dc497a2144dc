//! Event streams as a client reads them. Every event that comes by is checked against the published schema.

use std::sync::OnceLock;

use jsonschema::Validator;
use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

/// The types that end an execution.
pub const TERMINAL: [&str; 4] = ["execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"];

/// Panics unless this is an event, or another frame, as the schema describes it.
#[track_caller]
pub fn check_event(event: &Value) {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let document = sluicegate::http::event_schema::document();
        jsonschema::options().should_validate_formats(true).build(&document).unwrap()
    });
    let errors: Vec<String> =
        schema.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "an event that is not as described:\n{}\n{event:#}", errors.join("\n"));
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub id: Option<String>,
    /// The `data:` line, to the byte.
    pub body: String,
    pub event: Value,
}

impl Frame {
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }

    pub fn is_end(&self) -> bool {
        TERMINAL.contains(&self.kind())
    }
}

/// An open stream.
pub struct Sse {
    pub headers: HeaderMap,
    response: Response,
    text: String,
    /// Heartbeats seen so far.
    pub heartbeats: usize,
}

impl Sse {
    pub fn new(response: Response) -> Self {
        Self { headers: response.headers().clone(), response, text: String::new(), heartbeats: 0 }
    }

    /// The next block of lines, comments too; none at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                if block == ": heartbeat\n\n" {
                    self.heartbeats += 1;
                }
                return Some(block);
            }
            let chunk = self.response.chunk().await.expect("the stream goes on in time");
            let Some(chunk) = chunk else {
                assert!(self.text.is_empty(), "the stream ended inside a message: {}", self.text);
                return None;
            };
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let block = self.block().await?;
            let (mut id, mut data) = (None, None);
            for line in block.lines().filter(|line| !line.is_empty()) {
                if let Some(text) = line.strip_prefix("id: ") {
                    assert!(id.replace(text.to_owned()).is_none(), "two ids: {block}");
                } else if let Some(text) = line.strip_prefix("data: ") {
                    assert!(data.replace(text.to_owned()).is_none(), "data on two lines: {block}");
                } else {
                    let known = line.starts_with(':') || line.starts_with("retry: ");
                    assert!(known, "a line that simple readers would not expect: {block}");
                }
            }
            let Some(body) = data else { continue };
            let event: Value = serde_json::from_str(&body).unwrap();
            assert!(body.starts_with("{\"type\":\""), "`type` comes first: {body}");
            check_event(&event);
            return Some(Frame { id, body, event });
        }
    }

    /// Messages up to the first one that fits, which is the last one of these.
    pub async fn until(&mut self, mut fits: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the stream has ended after {frames:#?}"));
            frames.push(frame);
            if frames.last().is_some_and(&mut fits) {
                return frames;
            }
        }
    }

    /// Messages up to the first one of this type.
    pub async fn until_type(&mut self, kind: &str) -> Vec<Frame> {
        self.until(|frame| frame.kind() == kind).await
    }

    /// All messages up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}
