//! What an agent has said and done so far, folded from the journal of its run; and so what comes next. Pure: the same journal
//! gives the same conversation, on whichever server the run goes on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::nodes::Entry;

/// The kinds of the journal's entries that an agent reports.
pub(super) const MODEL: &str = "model";
pub(super) const TOOL: &str = "tool";
/// That a call which must not be made twice is about to be made.
pub(super) const CALL: &str = "call";

/// The most bytes of a tool's result that the model is shown.
const MAX_RESULT_BYTES: usize = 128 * 1024;

/// Tokens that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the API, in our spelling")]
pub(super) struct Usage {
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) total_tokens: i64,
}

/// A tool that the model wants called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON, if the model wrote it well.
    pub(super) arguments: String,
}

/// What the model said in one turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Turn {
    pub(super) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<Call>,
    pub(super) finish_reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) usage: Usage,
}

/// A call of the last turn, and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    pub(super) call: Call,
    /// Somebody has approved it.
    pub(super) approved: bool,
    /// The attempt in which it was begun, where it must not be made twice.
    pub(super) begun: Option<i64>,
    /// Arguments that somebody put in place of the model's.
    pub(super) edited: Option<Value>,
    /// What came of it, as the model is shown it.
    result: Option<String>,
}

/// A conversation.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// What was sent before the first turn.
    pub(super) prompt: Option<Vec<Value>>,
    /// The messages since, those of the last turn's calls apart.
    messages: Vec<Value>,
    /// The calls of the last turn.
    pub(super) pending: Vec<Pending>,
    /// The last turn.
    pub(super) last: Option<Turn>,
    /// How many turns the model had.
    pub(super) turns: usize,
    /// How many turns in a row ended without a call.
    pub(super) finals: usize,
    /// How many calls were made.
    pub(super) calls: usize,
    /// All tokens.
    pub(super) usage: Usage,
}

impl Conversation {
    /// Folds a journal. `asks` tells by its tool whether a call needs an approval, `waits` whether it waits for a person or an
    /// execution of its own.
    pub(super) fn fold(journal: &[Entry], asks: &dyn Fn(&str) -> bool, waits: &dyn Fn(&str) -> bool) -> Self {
        let mut conversation = Self::default();
        for entry in journal {
            let detail = &*entry.detail;
            match entry.kind.as_str() {
                MODEL => conversation.take_turn(detail),
                CALL => conversation.begin(detail),
                TOOL => conversation.resolve(detail["toolCallId"].as_str().unwrap_or_default(), &detail_result(detail)),
                Entry::ANSWER if detail["context"]["toolCallId"].is_string() => conversation.decide(detail),
                Entry::ANSWER => conversation.resolve_waiting(asks, waits, &answer(&detail["decision"])),
                Entry::CHILD => conversation.resolve_waiting(asks, waits, &detail_result(detail)),
                _ => {}
            }
        }
        conversation
    }

    /// The messages to be sent for the next turn.
    pub(super) fn to_send(&self, prompt: Vec<Value>) -> Vec<Value> {
        let results = self.pending.iter().filter_map(Pending::message);
        prompt.into_iter().chain(self.messages.iter().cloned()).chain(results).collect()
    }

    /// Calls without a result.
    pub(super) fn open(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter().filter(|pending| pending.result.is_none())
    }

    fn take_turn(&mut self, detail: &Value) {
        let Ok(turn) = serde_json::from_value::<Turn>(detail["turn"].clone()) else { return };
        if let Some(prompt) = detail["prompt"].as_array() {
            self.prompt = Some(prompt.clone());
        }
        let results: Vec<Value> = self.pending.drain(..).filter_map(|pending| pending.message()).collect();
        self.messages.extend(results);
        // What the turn was asked for beside the conversation: that its answer be mended.
        if detail["asked"].is_object() {
            self.messages.push(detail["asked"].clone());
        }
        self.messages.push(message(&turn));
        self.turns += 1;
        self.calls += turn.calls.len();
        self.finals = if turn.calls.is_empty() { self.finals + 1 } else { 0 };
        let usage = &mut self.usage;
        usage.prompt_tokens += turn.usage.prompt_tokens;
        usage.completion_tokens += turn.usage.completion_tokens;
        usage.total_tokens += turn.usage.total_tokens;
        let open =
            |call: &Call| Pending { call: call.clone(), approved: false, begun: None, edited: None, result: None };
        self.pending = turn.calls.iter().map(open).collect();
        self.last = Some(turn);
    }

    fn begin(&mut self, detail: &Value) {
        let (id, attempt) = (detail["toolCallId"].as_str().unwrap_or_default(), detail["attempt"].as_i64());
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.call.id == id) {
            pending.begun = attempt;
        }
    }

    fn resolve(&mut self, id: &str, result: &str) {
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.call.id == id) {
            pending.result.get_or_insert_with(|| shown(result));
        }
    }

    /// What somebody said about a call.
    fn decide(&mut self, detail: &Value) {
        let id = detail["context"]["toolCallId"].as_str().unwrap_or_default();
        let decision = &detail["decision"];
        if decision["action"] == "approved" {
            if let Some(pending) = self.pending.iter_mut().find(|pending| pending.call.id == id) {
                pending.approved = true;
                pending.edited = Some(decision["data"]["arguments"].clone()).filter(Value::is_object);
            }
            return;
        }
        let by = decision["by"].as_str().map_or_else(String::new, |by| format!(" by {by}"));
        let why = ["reason", "comment"].iter().find_map(|name| decision[*name].as_str());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        self.resolve(id, &json!({ "error": format!("the call was rejected{by}{why}") }).to_string());
    }

    /// The result of the one call that was waited for: the first that waits and needs nobody's approval any more.
    fn resolve_waiting(&mut self, asks: &dyn Fn(&str) -> bool, waits: &dyn Fn(&str) -> bool, result: &str) {
        let waiting = self.pending.iter().find(|pending| {
            let name = pending.call.name.as_str();
            pending.result.is_none() && waits(name) && (pending.approved || !asks(name))
        });
        if let Some(id) = waiting.map(|pending| pending.call.id.clone()) {
            self.resolve(&id, result);
        }
    }
}

impl Pending {
    /// The arguments that count; or why there are none.
    pub(super) fn arguments(&self) -> Result<Value, String> {
        if let Some(edited) = &self.edited {
            return Ok(edited.clone());
        }
        let read: Value = serde_json::from_str(&self.call.arguments).map_err(|error| format!("no JSON: {error}"))?;
        if read.is_object() { Ok(read) } else { Err("no JSON object".to_owned()) }
    }

    fn message(&self) -> Option<Value> {
        let result = self.result.as_ref()?;
        Some(json!({ "role": "tool", "tool_call_id": self.call.id, "content": result }))
    }
}

/// A turn as the model is shown it again.
fn message(turn: &Turn) -> Value {
    let mut message = json!({ "role": "assistant", "content": turn.text });
    if !turn.calls.is_empty() {
        let call = |call: &Call| {
            let function = json!({ "name": call.name, "arguments": call.arguments });
            json!({ "id": call.id, "type": "function", "function": function })
        };
        message["tool_calls"] = turn.calls.iter().map(call).collect();
        if turn.text.is_empty() {
            message["content"] = Value::Null;
        }
    }
    message
}

/// The result in an entry: `output`, or `error`.
fn detail_result(detail: &Value) -> String {
    match detail.get("error").filter(|error| !error.is_null()) {
        Some(error) => json!({ "error": error["message"].as_str().unwrap_or("it failed") }).to_string(),
        None => text_of(&detail["output"]),
    }
}

fn answer(decision: &Value) -> String {
    match ["answer", "data"].iter().find_map(|name| decision.get(*name)) {
        Some(answer) => text_of(answer),
        None => json!({ "error": "nobody answered" }).to_string(),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shown(result: &str) -> String {
    if result.len() <= MAX_RESULT_BYTES {
        return result.to_owned();
    }
    let kept = &result[..result.floor_char_boundary(MAX_RESULT_BYTES)];
    format!("{kept}\n[cut: the result has {} bytes]", result.len())
}
