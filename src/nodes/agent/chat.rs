//! Chat completions as servers really send them. "OpenAI-compatible" means roughly: everything may be missing, null, or spelt in
//! an older way, so nothing here is a closed type. What a turn holds is bounded, whatever a server sends.

use serde_json::{Map, Value, json};

use crate::domain::failure::{Failure, FailureCode};

use super::conversation::{Call, Turn, Usage};

/// The most bytes of text, and of arguments of all calls, of one turn.
const MAX_TURN_BYTES: usize = 4 << 20;
/// The most calls of one turn.
const MAX_CALLS: usize = 128;

/// A piece of a turn, for those who watch it come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text of the answer.
    Text(String),
    /// Text of the thinking.
    Reasoning(String),
    /// A call: its name, then its arguments as they come.
    Tool(String),
}

/// A turn that is coming.
#[derive(Debug, Default)]
pub(super) struct Coming {
    text: String,
    calls: Vec<ComingCall>,
    finish_reason: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct ComingCall {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

impl Coming {
    /// Takes in the data of one event of the stream.
    pub(super) fn take(&mut self, data: &str) -> Result<Vec<Piece>, Failure> {
        let chunk: Value = serde_json::from_str(data).map_err(|_| unreadable("an event of the stream is no JSON"))?;
        self.head(&chunk)?;
        let mut pieces = Vec::new();
        // One answer was asked for.
        if let Some(choice) = chunk["choices"].get(0) {
            let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
            self.message(delta, &mut pieces)?;
            self.finish(choice);
        }
        Ok(pieces)
    }

    /// Takes in a reply that was sent whole, by a server that does not stream.
    pub(super) fn take_whole(&mut self, body: &[u8]) -> Result<Vec<Piece>, Failure> {
        let reply: Value = serde_json::from_slice(body).map_err(|_| unreadable("the reply is no JSON"))?;
        self.head(&reply)?;
        let mut pieces = Vec::new();
        let choice = reply["choices"].get(0).ok_or_else(|| unreadable("the reply has no `choices`"))?;
        self.message(&choice["message"], &mut pieces)?;
        self.finish(choice);
        self.finish_reason.get_or_insert_with(|| "stop".to_owned());
        Ok(pieces)
    }

    /// Whether the model has said that it is done.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// The turn; `step` numbers it from 0, and names calls to which the server gave no id.
    pub(super) fn turn(self, step: usize) -> Turn {
        let named = self.calls.into_iter().enumerate().map(|(i, call)| Call {
            id: call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{step}_{i}")),
            name: call.name,
            // No arguments are an empty object.
            arguments: if call.arguments.trim().is_empty() { "{}".to_owned() } else { call.arguments },
        });
        let mut calls: Vec<Call> = Vec::new();
        for mut call in named {
            // Results are told apart by the id.
            if calls.iter().any(|known| known.id == call.id) {
                call.id = format!("{}_{}", call.id, calls.len());
            }
            calls.push(call);
        }
        Turn {
            text: self.text,
            calls,
            finish_reason: self.finish_reason.unwrap_or_else(|| "stop".to_owned()),
            model: self.model,
            usage: self.usage.unwrap_or_default(),
        }
    }

    fn head(&mut self, chunk: &Value) -> Result<(), Failure> {
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let message = format!("the model's server broke off: {}", told(error));
            return Err(Failure::retryable(FailureCode::ModelFailed, message));
        }
        if let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty()) {
            self.model = Some(model.to_owned());
        }
        if chunk["usage"].is_object() {
            self.usage = Some(Usage::read(&chunk["usage"]));
        }
        Ok(())
    }

    fn finish(&mut self, choice: &Value) {
        // Some servers send an empty text with every piece.
        if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
            self.finish_reason = Some(reason.to_owned());
        }
    }

    fn message(&mut self, message: &Value, pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        let thought = ["reasoning_content", "reasoning"].iter().find_map(|name| filled(&message[*name]));
        if let Some(text) = thought {
            pieces.push(Piece::Reasoning(text.to_owned()));
        }
        if let Some(text) = filled(&message["content"]) {
            self.count(text.len())?;
            self.text.push_str(text);
            pieces.push(Piece::Text(text.to_owned()));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            self.call(call, pieces)?;
        }
        Ok(())
    }

    fn call(&mut self, delta: &Value, pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        let (index, id) = (delta["index"].as_u64(), filled(&delta["id"]));
        let at = self.call_at(index, id)?;
        let function = &delta["function"];
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            // Some servers send them read already.
            other => other.to_string(),
        };
        let name = filled(&function["name"]);
        self.count(arguments.len() + name.map_or(0, str::len))?;
        let call = &mut self.calls[at];
        let mut piece = String::new();
        if let Some(name) = name.filter(|_| call.name.is_empty()) {
            name.clone_into(&mut call.name);
            piece = format!("{name} ");
        }
        piece.push_str(&arguments);
        call.arguments.push_str(&arguments);
        if !piece.is_empty() {
            pieces.push(Piece::Tool(piece));
        }
        Ok(())
    }

    /// The call that a piece belongs to: by its index, else by its id, else the last one.
    fn call_at(&mut self, index: Option<u64>, id: Option<&str>) -> Result<usize, Failure> {
        let known = match (index, id) {
            (Some(index), _) => self.calls.iter().position(|call| call.index == Some(index)),
            (None, Some(id)) => self.calls.iter().position(|call| call.id.as_deref() == Some(id)),
            (None, None) => self.calls.len().checked_sub(1),
        };
        if let Some(at) = known {
            self.calls[at].id = self.calls[at].id.take().or_else(|| id.map(str::to_owned));
            return Ok(at);
        }
        if self.calls.len() == MAX_CALLS {
            return Err(too_much(format!("a turn of the model has at most {MAX_CALLS} calls")));
        }
        self.calls.push(ComingCall { index, id: id.map(str::to_owned), ..ComingCall::default() });
        Ok(self.calls.len() - 1)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes;
        if self.bytes > MAX_TURN_BYTES {
            return Err(too_much(format!("a turn of the model is longer than {MAX_TURN_BYTES} bytes")));
        }
        Ok(())
    }
}

impl Usage {
    fn read(usage: &Value) -> Self {
        let count = |name: &str| usage[name].as_i64().unwrap_or(0).max(0);
        let (prompt_tokens, completion_tokens) = (count("prompt_tokens"), count("completion_tokens"));
        let total = usage["total_tokens"].as_i64().unwrap_or(prompt_tokens + completion_tokens).max(0);
        Self { prompt_tokens, completion_tokens, total_tokens: total }
    }
}

/// The body of a request.
pub(super) fn request(model: &str, messages: Vec<Value>, tools: &[Value], options: &Map<String, Value>) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    for (name, value) in options {
        // Null takes a field off: some servers refuse what they do not know.
        match (value, body.as_object_mut()) {
            (Value::Null, Some(body)) => _ = body.remove(name),
            _ => body[name] = value.clone(),
        }
    }
    body
}

/// Why a server refuses, from the body of its reply.
pub(super) fn refusal(status: u16, body: &[u8], retry_after_ms: Option<i64>) -> Failure {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = match &read["error"] {
        Value::Null => shorten(&String::from_utf8_lossy(body)).trim().to_owned(),
        error => told(error),
    };
    let message = match reason.as_str() {
        "" => format!("the model's server answered {status}"),
        reason => format!("the model's server answered {status}: {reason}"),
    };
    let retryable = matches!(status, 408 | 409 | 425 | 429 | 500..=599);
    let mut details = json!({ "status": status });
    if let Some(ms) = retry_after_ms {
        details["retryAfterMs"] = ms.into();
    }
    Failure { retryable, ..Failure::new(FailureCode::ModelFailed, message) }.with_details(details)
}

pub(super) fn unreadable(message: &str) -> Failure {
    Failure::retryable(FailureCode::ModelFailed, format!("the model's server can't be understood: {message}"))
}

fn too_much(message: String) -> Failure {
    Failure::new(FailureCode::LimitExceeded, message)
}

fn told(error: &Value) -> String {
    let text = error.as_str().or_else(|| error["message"].as_str());
    shorten(text.unwrap_or(&error.to_string())).to_owned()
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(500)]
}

fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coming(chunks: &[Value]) -> (Coming, Vec<Piece>) {
        let (mut coming, mut pieces) = (Coming::default(), Vec::new());
        for chunk in chunks {
            pieces.extend(coming.take(&chunk.to_string()).unwrap());
        }
        (coming, pieces)
    }

    fn delta(delta: Value) -> Value {
        json!({ "choices": [{ "delta": delta, "finish_reason": null }] })
    }

    #[test]
    fn a_turn_comes_in_pieces() {
        let (coming, pieces) = coming(&[
            json!({ "model": "m-1", "choices": [{ "delta": { "role": "assistant", "content": "" }, "finish_reason": "" }] }),
            delta(json!({ "reasoning_content": "hm" })),
            delta(json!({ "content": "Hel" })),
            delta(json!({ "content": "lo", "tool_calls": null })),
            json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }], "usage": null }),
            json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 2 } }),
        ]);
        assert!(coming.is_finished());
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(pieces, [Piece::Reasoning("hm".to_owned()), text("Hel"), text("lo")]);
        let turn = coming.turn(0);
        assert_eq!(
            (turn.text.as_str(), turn.finish_reason.as_str(), turn.model.as_deref()),
            ("Hello", "stop", Some("m-1"))
        );
        assert_eq!(turn.usage, Usage { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
        assert!(turn.calls.is_empty());
    }

    #[test]
    fn calls_are_put_together_however_they_are_told_apart() {
        let call = |index: Value, id: Value, name: Value, arguments: Value| {
            let mut call = json!({ "function": { "name": name, "arguments": arguments } });
            for (field, value) in [("index", index), ("id", id)] {
                if !value.is_null() {
                    call[field] = value;
                }
            }
            delta(json!({ "tool_calls": [call] }))
        };
        let null = || Value::Null;
        for chunks in [
            // As the original does it.
            vec![
                call(json!(0), json!("a"), json!("find"), json!("")),
                call(json!(0), null(), null(), json!("{\"q\":")),
                call(json!(1), json!("b"), json!("list"), json!("{}")),
                call(json!(0), null(), json!(""), json!("1}")),
            ],
            // By id alone, the arguments read already.
            vec![
                call(null(), json!("a"), json!("find"), json!({ "q": 1 })),
                call(null(), json!("b"), json!("list"), null()),
            ],
            // The last one goes on.
            vec![
                call(null(), json!("a"), json!("find"), json!("{\"q\"")),
                call(null(), null(), null(), json!(":1}")),
                call(null(), json!("b"), json!("list"), json!(" ")),
            ],
        ] {
            let (coming, _) = coming(&chunks);
            let told: Vec<_> =
                coming.turn(0).calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect();
            let owned = |id: &str, name: &str, text: &str| (id.to_owned(), name.to_owned(), text.to_owned());
            assert_eq!(told, [owned("a", "find", "{\"q\":1}"), owned("b", "list", "{}")]);
        }
    }

    #[test]
    fn calls_without_ids_get_some_and_no_two_the_same() {
        let two = json!([
            { "index": 0, "function": { "name": "f", "arguments": "{}" } },
            { "index": 1, "id": "call_3_0", "function": { "name": "g", "arguments": "{}" } },
        ]);
        let (coming, _) = coming(&[delta(json!({ "tool_calls": two }))]);
        let ids: Vec<_> = coming.turn(3).calls.into_iter().map(|call| call.id).collect();
        assert_eq!(ids, ["call_3_0", "call_3_0_1"]);
    }

    #[test]
    fn a_reply_that_does_not_stream_is_a_turn_too() {
        let mut coming = Coming::default();
        let body = json!({ "choices": [{ "message": { "content": "Hi" } }], "usage": { "total_tokens": 7 } });
        assert_eq!(coming.take_whole(body.to_string().as_bytes()).unwrap(), [Piece::Text("Hi".to_owned())]);
        assert!(coming.is_finished());
        assert_eq!(coming.turn(0).usage.total_tokens, 7);
        for body in ["", "[]", "{}", "{\"choices\":[]}", "<html>"] {
            assert!(Coming::default().take_whole(body.as_bytes()).unwrap_err().retryable, "{body}");
        }
    }

    #[test]
    fn garbage_and_errors_in_the_stream_are_failures() {
        for data in ["", "nope", "{", "{\"error\":{\"message\":\"overloaded\"}}", "{\"error\":\"overloaded\"}"] {
            let failure = Coming::default().take(data).unwrap_err();
            assert_eq!((failure.code, failure.retryable), (FailureCode::ModelFailed, true), "{data}");
        }
        // What is merely unknown is none.
        for data in
            ["{}", "[]", "1", "null", "{\"choices\":null}", "{\"choices\":[{}]}", "{\"choices\":[{\"delta\":7}]}"]
        {
            assert_eq!(Coming::default().take(data), Ok(vec![]), "{data}");
        }
    }

    #[test]
    fn a_turn_is_bounded() {
        let mut coming = Coming::default();
        let piece = delta(json!({ "content": "x".repeat(1 << 20) })).to_string();
        let failure = (0..5).find_map(|_| coming.take(&piece).err()).unwrap();
        assert_eq!((failure.code, failure.retryable), (FailureCode::LimitExceeded, false));
        let calls: Vec<Value> = (0..200).map(|i| json!({ "index": i, "function": { "name": "f" } })).collect();
        let failure = Coming::default().take(&delta(json!({ "tool_calls": calls })).to_string()).unwrap_err();
        assert_eq!(failure.code, FailureCode::LimitExceeded);
    }

    #[test]
    fn refusals_say_why_and_whether_to_come_again() {
        for (status, body, message, retryable) in [
            (429, "{\"error\":{\"message\":\"slow down\"}}", "the model's server answered 429: slow down", true),
            (500, "", "the model's server answered 500", true),
            (401, "{\"error\":\"no key\"}", "the model's server answered 401: no key", false),
            (404, "not here", "the model's server answered 404: not here", false),
        ] {
            let failure = refusal(status, body.as_bytes(), Some(3_000));
            assert_eq!((failure.message.as_str(), failure.retryable), (message, retryable));
            assert_eq!(failure.details, Some(json!({ "status": status, "retryAfterMs": 3_000 })));
        }
    }

    #[test]
    fn options_replace_and_remove() {
        let options = json!({ "stream_options": null, "temperature": 0.5 });
        let body = request("m", vec![], &[], options.as_object().unwrap());
        assert_eq!(body, json!({ "model": "m", "messages": [], "stream": true, "temperature": 0.5 }));
    }
}
