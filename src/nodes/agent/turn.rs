//! One turn of the model: the request is sent, what comes is told piece by piece, and the whole turn is an entry of the journal.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    client::sse::{Message, Parser, Part},
    domain::{event::DeltaChannel, failure::Failure},
    nodes::{Effect, EffectContext, Outcome, Report, http},
    outbound::{Request, retry_after_ms},
};

use super::{
    chat::{self, Coming, Piece},
    conversation::MODEL,
};

/// How long the model may be silent once it has begun.
const IDLE: Duration = Duration::from_mins(2);
/// The most bytes of a whole stream, comments and all.
const MAX_STREAM_BYTES: usize = 64 << 20;
/// The longest event of a stream.
const MAX_EVENT_BYTES: usize = 8 << 20;
/// What is read of a reply that refuses.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Asks the model for its next turn.
pub(super) struct AskModel {
    /// The call of the model's server.
    pub(super) request: Request,
    /// Which turn it is, from 0.
    pub(super) step: usize,
    /// What was sent before the first turn, to be kept with it.
    pub(super) prompt: Option<Vec<Value>>,
    /// What was asked beside the conversation.
    pub(super) asked: Option<Value>,
}

#[async_trait]
impl Effect for AskModel {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let begun = tokio::time::Instant::now();
        let coming = match receive(self.request, &context).await {
            Ok(coming) => coming,
            Err(failure) => return Outcome::Fail(failure),
        };
        let turn = coming.turn(self.step);
        let wants = match turn.calls.as_slice() {
            [] => "answered".to_owned(),
            calls => {
                let names: Vec<&str> = calls.iter().take(10).map(|call| call.name.as_str()).collect();
                format!("called {}", names.join(", "))
            }
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let title = format!("turn {}: {wants}", self.step + 1);
        let mut detail = json!({ "step": self.step + 1, "turn": turn, "usage": turn.usage, "durationMs": duration_ms });
        for (name, value) in [("prompt", self.prompt.map(Value::from)), ("asked", self.asked)] {
            if let Some(value) = value {
                detail[name] = value;
            }
        }
        // Nobody listens any more: the attempt is over.
        let _ = context.reports.send(Report::Action { kind: MODEL, title, detail }).await;
        Outcome::Again
    }
}

/// Sends the request and takes in what comes.
async fn receive(request: Request, context: &EffectContext) -> Result<Coming, Failure> {
    let request = Request { max_body_bytes: MAX_STREAM_BYTES, ..request };
    let mut reply = context.outbound.open(request, IDLE).await.map_err(|error| http::failed(&error))?;
    if !(200..300).contains(&reply.status()) {
        let (status, retry_after) = (reply.status(), retry_after_ms(reply.header("retry-after"), reply.header("date")));
        let body = reply.rest(MAX_REFUSAL_BYTES).await.unwrap_or_default();
        return Err(chat::refusal(status, &body, retry_after));
    }
    let mut coming = Coming::default();
    let streams = reply.header("content-type").is_none_or(|kind| !kind.starts_with("application/json"));
    if !streams {
        let body = reply.rest(MAX_EVENT_BYTES).await.map_err(|error| http::failed(&error))?;
        tell(coming.take_whole(&body)?, context).await;
        return Ok(coming);
    }
    let mut parser = Parser::with_limit(MAX_EVENT_BYTES);
    while let Some(bytes) = reply.next().await.map_err(|error| http::failed(&error))? {
        let parts = parser.push(&bytes).map_err(|error| chat::unreadable(&error.to_string()))?;
        for part in parts {
            let Part::Message(Message { data: Some(data), .. }) = part else { continue };
            if data.trim() == "[DONE]" {
                return whole(coming);
            }
            tell(coming.take(&data)?, context).await;
        }
    }
    whole(coming)
}

/// A stream may end without saying so, but not before the model has.
fn whole(coming: Coming) -> Result<Coming, Failure> {
    if coming.is_finished() {
        Ok(coming)
    } else {
        Err(chat::unreadable("the stream broke off in the middle of a turn"))
    }
}

async fn tell(pieces: Vec<Piece>, context: &EffectContext) {
    for piece in pieces {
        let (channel, text) = match piece {
            Piece::Text(text) => (DeltaChannel::Text, text),
            Piece::Reasoning(text) => (DeltaChannel::Reasoning, text),
            Piece::Tool(text) => (DeltaChannel::Tool, text),
        };
        // Nobody listens any more: what was told is lost, the turn is not.
        let _ = context.reports.send(Report::Delta { channel, text }).await;
    }
}
