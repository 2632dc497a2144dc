//! The shape of an agent's configuration.

use serde_json::{Value, json};

use crate::nodes::{approvers, mcp, question};

use super::{
    servers::MAX_SERVERS,
    tools::{MAX_TOOLS, TYPES},
};

/// The most turns, where nothing is said.
pub(super) const DEFAULT_STEPS: i64 = 10;
const MAX_STEPS: i64 = 100;
/// How long the model's server may take until it begins to answer.
pub(super) const DEFAULT_BEGIN_MS: i64 = 120_000;

/// The properties of the JSON Schema.
pub(super) fn properties() -> Value {
    let mut approval = question::properties(&["reject", "approve", "fail", "cancel"], "approvers");
    approval.retain(|name, _| !matches!(name.as_str(), "context" | "form"));
    approval.insert(
        "message".to_owned(),
        json!({ "type": "string", "minLength": 1, "description": "What is to be approved; a template, with `args`." }),
    );
    approval.insert(
        "requireReason".to_owned(),
        json!({ "type": "boolean", "default": false, "description": "Whether a rejection needs a reason." }),
    );
    approval.insert(
        "editable".to_owned(),
        json!({ "type": "boolean", "default": false, "description": "Whether who approves may change the arguments." }),
    );
    if let Value::Object(quorum) = approvers::quorum_properties() {
        approval.extend(quorum);
    }
    let mut server = mcp::server_properties();
    server.insert(
        "name".to_owned(),
        json!({ "type": "string", "pattern": "^[a-zA-Z0-9-]{1,32}$", "description": "What its tools' names begin with." }),
    );
    server.insert(
        "tools".to_owned(),
        json!({
            "type": "array",
            "items": { "type": "string" },
            "description": "The tools that may be called, by the server's names; by default all.",
        }),
    );
    json!({
        "baseUrl": {
            "type": "string",
            "minLength": 1,
            "description": "Where the API is, without `/chat/completions`; a template.",
        },
        "apiKey": {
            "type": "string",
            "x-secret": true,
            "description": "Sent as a bearer token; a template, which may read secrets: `{{ secrets.model_key }}`.",
        },
        "headers": {
            "type": "object",
            "maxProperties": 50,
            "additionalProperties": { "type": "string" },
            "x-secret": true,
            "description": "Further headers; the values are templates, which may read secrets.",
        },
        "model": { "type": "string", "minLength": 1, "description": "The model's name; a template." },
        "systemPrompt": { "type": "string", "description": "What the model is told first; a template." },
        "instructions": {
            "type": "string",
            "description": "What the model is to do; a template. By default what the node was handed.",
        },
        "messages": {
            "type": ["array", "string"],
            "description": "Messages before the instructions, as the API takes them; a list with templates, or a template that \
                            gives one.",
        },
        "tools": {
            "type": "array",
            "maxItems": MAX_TOOLS,
            "description": "What the model may call: nodes of other types. Templates in their `data` read the call's arguments \
                            as `args`, beside what the agent's own templates read.",
            "items": {
                "type": "object",
                "properties": {
                    "name": { "type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$", "description": "How the model calls it." },
                    "description": { "type": "string", "maxLength": 4096, "description": "When and how to use it, for the model." },
                    "parameters": { "type": "object", "description": "JSON Schema of the arguments, an object." },
                    "type": { "enum": TYPES, "description": "The node's type." },
                    "data": { "type": "object", "description": "The node's configuration." },
                },
                "required": ["name", "type"],
                "additionalProperties": false,
            },
        },
        "mcpServers": {
            "type": "array",
            "maxItems": MAX_SERVERS,
            "description": "Model Context Protocol servers whose tools the model may call, as `<server>_<tool>`.",
            "items": {
                "type": "object",
                "properties": server,
                "required": ["name"],
                "additionalProperties": false,
            },
        },
        "toolApprovals": {
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "uniqueItems": true,
            "description": "The tools whose calls somebody has to approve; `*` is all of them.",
        },
        "approval": {
            "type": "object",
            "properties": approval,
            "additionalProperties": false,
            "description": "How calls are approved: who may, until when, and who is told.",
        },
        "outputSchema": {
            "type": "object",
            "description": "JSON Schema of the answer. It is asked for, checked, and asked for once more if it does not fit.",
        },
        "maxSteps": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_STEPS,
            "default": DEFAULT_STEPS,
            "description": "The most turns of the model.",
        },
        "maxTokens": { "type": "integer", "minimum": 1, "description": "The most tokens of a turn." },
        "temperature": { "type": "number", "minimum": 0, "maximum": 2, "description": "How much chance there is in it." },
        "options": {
            "type": "object",
            "description": "Further fields of the request, as the API knows them; null takes one off that is sent by default.",
        },
        "beginTimeoutMs": {
            "type": "integer",
            "minimum": 1_000,
            "maximum": 3_600_000,
            "default": DEFAULT_BEGIN_MS,
            "description": "How long the server may take until it begins to answer.",
        },
    })
}
