//! `agent`: a language model that calls tools until it has an answer.
//!
//! Its run is one in several parts. Each part is a turn of the model, calls of tools side by side, or a wait for a person or a
//! child; what came of it is in the journal. [`Agent::start`] looks at the journal and says what comes next, and nothing else is
//! remembered. So after a crash, or an answer a month later, the run goes on where it was, on whichever server.

mod chat;
mod conversation;
mod properties;
mod servers;
mod tools;
mod turn;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    domain::{
        failure::{Failure, FailureCode},
        suspension::{Action, SuspensionKind},
    },
    expression::{JsonTemplate, Template},
    outbound::Request,
};

use super::{
    Node, NodeContext, Outcome, Question, Retry, Role, Step,
    config::{Compiled, Config, Ports, expression_failed, invalid},
    forms::{APPROVED, REJECTED},
    question::Inquiry,
    registry::{Kind, Port},
    schema::Schema,
};
use conversation::{Conversation, Pending};
use properties::{DEFAULT_BEGIN_MS, DEFAULT_STEPS};
use servers::ToolServer;
use tools::{Announce, CallScope, Calls, Readiness, Running, Tool};
use turn::AskModel;

const MAX_PROMPT_BYTES: usize = 4 << 20;
/// Fields of the request that the node fills in itself.
const OWN_OPTIONS: [&str; 4] = ["model", "messages", "tools", "stream"];

pub(super) const KIND: Kind = Kind {
    name: "agent",
    title: "Agent",
    description: "A language model behind an OpenAI-compatible chat completions API. It gets instructions, may call tools, \
                  which are nodes of other types, and ends with an answer: text, or JSON that fits a schema. What it \
                  writes is streamed while it comes. Every turn and every call is in the log: after a crash the agent \
                  goes on from there. A call of a tool in `toolApprovals` waits until somebody approves it.",
    category: "ai",
    result: "`{text, data, steps, toolCalls, usage, model, finishReason}`, with `data` by `outputSchema`.",
    properties: properties::properties,
    required: &["baseUrl", "model"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "baseUrl": "https://api.openai.com/v1",
            "apiKey": "{{ secrets.model_key }}",
            "model": "gpt-5-mini",
            "systemPrompt": "You help the support team of a shop. Be brief.",
            "instructions": "Answer this customer: {{ input.question }}",
            "tools": [
                {
                    "name": "find_order",
                    "description": "Looks an order up by its number.",
                    "type": "http",
                    "parameters": {
                        "type": "object",
                        "properties": { "number": { "type": "string", "pattern": "^[0-9]+$" } },
                        "required": ["number"],
                    },
                    "data": { "httpUrl": "https://shop.example.com/orders/{{ args.number }}" },
                },
                {
                    "name": "ask_support",
                    "description": "Asks the support team, when you can't know the answer.",
                    "type": "ask-human",
                    "parameters": {
                        "type": "object",
                        "properties": { "question": { "type": "string" } },
                        "required": ["question"],
                    },
                    "data": { "question": "{{ args.question }}" },
                },
            ],
            "toolApprovals": ["find_order"],
            "maxSteps": 6,
        })
    },
};

/// Further attempts where the node says nothing: what a model's server refuses for the moment, it takes a little later.
pub(super) fn retry() -> Retry {
    Retry { max_attempts: 4, exponential: true, initial_ms: 2_000, max_ms: 60_000, jitter: true, retry_on: Vec::new() }
}

struct Agent {
    base_url: Template,
    api_key: Option<Template>,
    headers: Option<JsonTemplate>,
    model: Template,
    system_prompt: Option<Template>,
    instructions: Option<Template>,
    messages: Option<JsonTemplate>,
    tools: Vec<Tool>,
    servers: Vec<ToolServer>,
    approvals: Vec<String>,
    approval: Inquiry,
    editable: bool,
    output_schema: Option<(Value, Schema)>,
    max_steps: usize,
    options: Map<String, Value>,
    begin_timeout: Duration,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let tools = Tool::compile_all(config);
    let servers = ToolServer::compile_all(config);
    let approvals: Vec<String> =
        config.list("toolApprovals").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for (i, name) in approvals.iter().enumerate() {
        let offered = |server: &ToolServer| name.strip_prefix(&server.name).is_some_and(|rest| rest.starts_with('_'));
        let known = tools.iter().flatten().any(|tool| tool.name == *name) || servers.iter().flatten().any(offered);
        if tools.is_some() && servers.is_some() && name != "*" && !known {
            config.problem(&format!("/toolApprovals/{i}"), format!("there is no tool `{name}`"));
        }
    }
    let (approval, editable) = compile_approval(config);
    let output_schema = config.schema("outputSchema").zip(config.value("outputSchema").cloned());
    let mut options = config.value("options").and_then(Value::as_object).cloned().unwrap_or_default();
    for name in OWN_OPTIONS.iter().filter(|name| options.contains_key(**name)) {
        config.problem(&format!("/options/{name}"), format!("`{name}` is filled in by the node"));
    }
    for (field, name) in [("maxTokens", "max_tokens"), ("temperature", "temperature")] {
        if let Some(value) = config.value(field) {
            options.entry(name).or_insert_with(|| value.clone());
        }
    }
    let (base_url, model) = (config.template("baseUrl"), config.template("model"));
    let [system_prompt, instructions] = ["systemPrompt", "instructions"].map(|field| config.template(field));
    let (api_key, headers) = (config.secret_template("apiKey"), config.secret_json("headers"));
    let messages = config.json("messages");
    let agent = Agent {
        base_url: base_url?,
        api_key,
        headers,
        model: model?,
        system_prompt,
        instructions,
        messages,
        tools: tools?,
        servers: servers?,
        approvals,
        approval: approval?,
        editable,
        output_schema: output_schema.map(|(schema, source)| (source, schema)),
        max_steps: usize::try_from(config.integer("maxSteps").unwrap_or(DEFAULT_STEPS)).unwrap_or(1),
        options,
        begin_timeout: Duration::from_millis(config.integer("beginTimeoutMs").unwrap_or(DEFAULT_BEGIN_MS) as u64),
    };
    Some(Compiled { node: Box::new(agent), role: Role::Stepwise, ports: Ports::plain() })
}

/// The question that is put about a call: an approval like any other, about what the agent fills in.
fn compile_approval(config: &mut Config<'_>) -> (Option<Inquiry>, bool) {
    let given = config.value("approval").and_then(Value::as_object).cloned().unwrap_or_default();
    let editable = given.get("editable").and_then(Value::as_bool).unwrap_or_default();
    let mut data = given;
    data.remove("editable");
    data.entry("message").or_insert_with(|| "The agent wants to call `{{ tool }}`".into());
    let action = |id: &str, label: &str, style: &str| Action {
        id: id.to_owned(),
        label: label.to_owned(),
        style: Some(style.to_owned()),
    };
    let actions = vec![action(APPROVED, "Approve", "primary"), action(REJECTED, "Reject", "danger")];
    let mut ports = Ports { named: vec![APPROVED.to_owned(), REJECTED.to_owned()], ..Ports::plain() };
    if data.get("onExpiry").is_some_and(Value::is_object) {
        config.problem("/approval/onExpiry", "a call has no ports: `reject`, `approve`, `fail` or `cancel`");
    }
    let inquiry = config.within("/approval", &data, |inner| {
        Inquiry::compile(inner, SuspensionKind::ToolApproval, "message", actions, &mut ports)
    });
    (inquiry, editable)
}

impl Node for Agent {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        if let Some(step) = servers::ask(&self.servers, context) {
            return step;
        }
        let offered = servers::tools(&self.servers, context.journal);
        let tools = Tools { own: &self.tools, offered: &offered, approvals: &self.approvals };
        let asks = |name: &str| tools.asks(name);
        let waits = |name: &str| tools.get(name).is_some_and(Tool::waits);
        let conversation = Conversation::fold(context.journal, &asks, &waits);
        if let Some(step) = self.call(&conversation, &tools, context) {
            return step;
        }
        match self.end(&conversation) {
            Some(Ok(output)) => Outcome::output(output).into(),
            Some(Err(failure)) => failure.into(),
            None if conversation.turns >= self.max_steps => {
                let message = format!("the agent has no answer after {} turns (`maxSteps`)", conversation.turns);
                let details = json!({ "usage": conversation.usage, "toolCalls": conversation.calls });
                Failure::new(FailureCode::LimitExceeded, message).with_details(details).into()
            }
            None => match self.ask_model(&conversation, &tools, context) {
                Ok(effect) => Step::Effect(Box::new(effect)),
                Err(failure) => failure.into(),
            },
        }
    }
}

/// The tools that the model may call.
struct Tools<'a> {
    own: &'a [Tool],
    offered: &'a [Tool],
    approvals: &'a [String],
}

impl Tools<'_> {
    fn all(&self) -> impl Iterator<Item = &Tool> {
        self.own.iter().chain(self.offered)
    }

    fn get(&self, name: &str) -> Option<&Tool> {
        self.all().find(|tool| tool.name == name)
    }

    /// Whether somebody has to approve calls of a tool.
    fn asks(&self, name: &str) -> bool {
        self.approvals.iter().any(|listed| listed == "*" || listed == name) && self.get(name).is_some()
    }
}

impl Agent {
    /// What is to be done about the calls of the last turn: first all that can be made at once, then one that waits, then one that
    /// somebody has to approve. The order is that of the conversation's fold, which tells results by it.
    fn call(&self, conversation: &Conversation, tools: &Tools<'_>, context: &NodeContext<'_>) -> Option<Step> {
        let (mut running, mut begun) = (Vec::new(), Vec::new());
        let mut waiting = None;
        for pending in conversation.open() {
            let name = pending.call.name.as_str();
            let Some(tool) = tools.get(name) else {
                let failure = invalid(format!("there is no tool `{}`", super::schema::shorten(name)));
                running.push(Running { pending: pending.clone(), step: failure.into(), timeout: None });
                continue;
            };
            if tools.asks(name) && !pending.approved {
                continue;
            }
            let step = tool.start(pending, context);
            match step {
                Step::Done(Outcome::Suspend(_) | Outcome::Child(_)) => waiting = waiting.or(Some(step)),
                Step::Done(_) => running.push(Running::new(tool, pending, step)),
                Step::Effect(_) => match tool.readiness(pending, context.attempt) {
                    Readiness::Go => running.push(Running::new(tool, pending, step)),
                    Readiness::Announce => begun.push(pending.call.clone()),
                    Readiness::Interrupted => {
                        let message = "the server stopped during the call: whether it was made is not known";
                        let failure = Failure::new(FailureCode::Interrupted, message);
                        running.push(Running::new(tool, pending, failure.into()));
                    }
                },
            }
        }
        if !begun.is_empty() {
            return Some(Step::Effect(Box::new(Announce { calls: begun, attempt: context.attempt })));
        }
        if !running.is_empty() {
            return Some(Step::Effect(Box::new(Calls(running))));
        }
        waiting.or_else(|| conversation.open().next().map(|pending| self.ask_approval(pending, tools, context)))
    }

    fn ask_approval(&self, pending: &Pending, tools: &Tools<'_>, context: &NodeContext<'_>) -> Step {
        let arguments = pending.arguments().unwrap_or_else(|_| pending.call.arguments.clone().into());
        let scope =
            CallScope { outer: context.scope, tool: Some(pending.call.name.clone().into()), arguments: &arguments };
        let idempotency_key = context.idempotency_key.clone();
        let asked = self.approval.question(&NodeContext { scope: &scope, idempotency_key, ..*context });
        let question = match asked {
            Ok(question) => question,
            Err(failure) => return failure.into(),
        };
        let shown = json!({ "toolCallId": pending.call.id, "tool": pending.call.name, "arguments": arguments });
        let form = tools.get(&pending.call.name).filter(|_| self.editable).map(|tool| tool.form(&arguments));
        Outcome::Suspend(Box::new(Question { context: Some(shown), form, ..question })).into()
    }

    /// The agent's result, if the last turn is its end.
    fn end(&self, conversation: &Conversation) -> Option<Result<Value, Failure>> {
        let turn = conversation.last.as_ref().filter(|turn| turn.calls.is_empty())?;
        if turn.finish_reason == "content_filter" {
            let message = "the model's server held the answer back (`content_filter`)";
            return Some(Err(Failure::new(FailureCode::ModelFailed, message)));
        }
        let mut output = json!({
            "text": turn.text,
            "steps": conversation.turns,
            "toolCalls": conversation.calls,
            "usage": conversation.usage,
            "model": turn.model,
            "finishReason": turn.finish_reason,
        });
        match self.data(&turn.text) {
            None => {}
            Some(Ok(data)) => output["data"] = data,
            // Once more; the model is told what was wrong.
            Some(Err(_)) if conversation.finals < 2 => return None,
            Some(Err(problems)) => {
                let message = format!("the model's answer does not fit `outputSchema`: {problems}");
                return Some(Err(invalid(message).with_details(json!({ "text": turn.text }))));
            }
        }
        Some(Ok(output))
    }

    /// The answer by the schema, or what is wrong with it.
    fn data(&self, text: &str) -> Option<Result<Value, String>> {
        let (_, schema) = self.output_schema.as_ref()?;
        let data: Value = match serde_json::from_str(unfenced(text)) {
            Ok(data) => data,
            Err(error) => return Some(Err(format!("it is no JSON: {error}"))),
        };
        let problems = schema.check(&data, "");
        if problems.is_empty() {
            return Some(Ok(data));
        }
        let told: Vec<String> = problems.iter().take(10).map(|p| format!("{}: {}", p.path, p.message)).collect();
        Some(Err(told.join("; ")))
    }

    fn ask_model(
        &self,
        conversation: &Conversation,
        tools: &Tools<'_>,
        context: &NodeContext<'_>,
    ) -> Result<AskModel, Failure> {
        let text = |field: &str, template: &Template| {
            template.render_text(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let base_url = text("baseUrl", &self.base_url)?;
        let model = text("model", &self.model)?;
        // What was sent at first is sent again, whatever the templates would give by now.
        let (prompt, is_first) = match &conversation.prompt {
            Some(prompt) => (prompt.clone(), false),
            None => (self.prompt(context)?, true),
        };
        let asked = self.asked(conversation);
        let mut messages = conversation.to_send(prompt.clone());
        messages.extend(asked.clone());
        let tools: Vec<Value> = tools.all().map(Tool::declaration).collect();
        let mut options = self.options.clone();
        if let Some((schema, _)) = &self.output_schema {
            let format = json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } });
            options.entry("response_format").or_insert(format);
        }
        let body = chat::request(model.trim(), messages, &tools, &options).to_string().into_bytes();
        if body.len() > MAX_PROMPT_BYTES {
            let message = format!("the conversation is longer than {MAX_PROMPT_BYTES} bytes");
            return Err(Failure::new(FailureCode::LimitExceeded, message));
        }
        let url = format!("{}/chat/completions", base_url.trim().trim_end_matches('/'));
        let mut request = Request::new("POST", url);
        request.timeout = self.begin_timeout;
        request.body = Some(body);
        request.headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept".to_owned(), "text/event-stream, application/json".to_owned()),
        ];
        if let Some(key) = &self.api_key {
            let key = text("apiKey", key)?;
            if key.trim().is_empty() {
                return Err(invalid("`apiKey` is empty"));
            }
            request.headers.push(("Authorization".to_owned(), format!("Bearer {}", key.trim())));
        }
        if let Some(headers) = &self.headers {
            let headers = headers.render(context.scope).map_err(|error| expression_failed("headers", &error))?;
            for (name, value) in headers.as_object().into_iter().flatten() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                request.headers.push((name.clone(), value));
            }
        }
        let prompt = is_first.then_some(prompt);
        Ok(AskModel { request, step: conversation.turns, prompt, asked })
    }

    /// The messages before the first turn.
    fn prompt(&self, context: &NodeContext<'_>) -> Result<Vec<Value>, Failure> {
        let text = |field: &str, template: &Template| {
            template.render_text(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let mut messages = Vec::new();
        if let Some(system) = &self.system_prompt {
            messages.push(json!({ "role": "system", "content": text("systemPrompt", system)? }));
        }
        if let Some(before) = &self.messages {
            let before = before.render(context.scope).map_err(|error| expression_failed("messages", &error))?;
            match before {
                Value::Null => {}
                Value::Array(before) if before.iter().all(|message| message["role"].is_string()) => {
                    messages.extend(before);
                }
                _ => return Err(invalid("`messages` gave no list of messages, each with a `role`")),
            }
        }
        let instructions = match &self.instructions {
            Some(template) => text("instructions", template)?,
            None => context.last_output.as_str().map_or_else(|| context.last_output.to_string(), str::to_owned),
        };
        if !instructions.trim().is_empty() {
            messages.push(json!({ "role": "user", "content": instructions }));
        }
        if messages.is_empty() {
            return Err(invalid("there is nothing to tell the model: `instructions` are empty"));
        }
        Ok(messages)
    }

    /// What the model is asked where its answer does not fit the schema.
    fn asked(&self, conversation: &Conversation) -> Option<Value> {
        let turn = conversation.last.as_ref().filter(|turn| turn.calls.is_empty())?;
        let problems = self.data(&turn.text)?.err()?;
        let content = format!(
            "Your answer does not fit the JSON Schema that was asked for: {problems}. Answer again, with the JSON alone."
        );
        Some(json!({ "role": "user", "content": content }))
    }
}

/// JSON without the fence of Markdown that models like to put around it.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}
