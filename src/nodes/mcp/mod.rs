//! `mcp`: a call of a tool of a Model Context Protocol server, by the protocol's official client. Servers are reached over
//! streamable HTTP, through the guarded client's connections and under its guards; or they are programs that the operator has named,
//! started in a sandbox for the call and spoken with over their standard input and output.

mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::{
    domain::failure::Failure,
    expression::{JsonTemplate, Template},
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed, invalid},
    registry::{Kind, Port},
};
pub(super) use session::Endpoint;

pub(super) const KIND: Kind = Kind {
    name: "mcp",
    title: "MCP tool",
    description: "Calls a tool of a Model Context Protocol server: over streamable HTTP (private addresses are refused), or of a \
                  program that the server's operator has named, which runs in a sandbox without network. A call \
                  that a crash interrupted is not made again unless `retry` says so: whether it was carried out is not known.",
    category: "ai",
    result: "`{text, content, structured}`: the texts of the result, all of its parts, and its structured content if there is \
             some.",
    properties: || {
        let mut properties = server_properties();
        properties.insert(
            "tool".to_owned(),
            json!({ "type": "string", "minLength": 1, "description": "The tool's name; a template." }),
        );
        properties.insert(
            "arguments".to_owned(),
            json!({
                "type": ["object", "string"],
                "description": "The arguments: an object with templates in its texts, or a template that gives one.",
            }),
        );
        Value::Object(properties)
    },
    required: &["tool"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "url": "https://mcp.example.com/mcp",
            "tool": "echo",
            "arguments": { "message": "{{ input.question }}" },
            "timeoutMs": 30_000,
        })
    },
};

/// The properties that say which server; an agent's servers have them, too.
pub(super) fn server_properties() -> Map<String, Value> {
    let properties = json!({
        "url": {
            "type": "string",
            "minLength": 1,
            "x-secret": true,
            "description": "The server's address; a template, which may read secrets. Either this or `command`.",
        },
        "command": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{1,64}$",
            "description": "The name of a program that the operator has named (`--mcp-command`): the server is started for the \
                            call, and has no network.",
        },
        "token": {
            "type": "string",
            "x-secret": true,
            "description": "Sent as a bearer token; a template, which may read secrets.",
        },
        "headers": {
            "type": "object",
            "maxProperties": 50,
            "additionalProperties": { "type": "string" },
            "x-secret": true,
            "description": "Further headers; the values are templates, which may read secrets.",
        },
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// Where a server is, as templates.
pub(super) enum Server {
    /// At an address.
    At {
        /// Which.
        url: Template,
        /// Sent as a bearer token.
        token: Option<Template>,
        /// Further headers.
        headers: Option<JsonTemplate>,
    },
    /// A program of this name.
    Command(String),
}

impl Server {
    /// Compiles the members of [`server_properties`].
    pub(super) fn compile(config: &mut Config<'_>) -> Option<Self> {
        let url = config.secret_template("url");
        let token = config.secret_template("token");
        let headers = config.secret_json("headers");
        let is_set = |config: &mut Config<'_>, field: &str| config.value(field).is_some_and(|value| !value.is_null());
        match (is_set(config, "url"), config.text("command").map(str::to_owned)) {
            (true, None) => Some(Self::At { url: url?, token, headers }),
            (false, Some(name)) => {
                for field in ["token", "headers"] {
                    if is_set(config, field) {
                        config.problem(&format!("/{field}"), "is for a server with a `url`");
                        return None;
                    }
                }
                Some(Self::Command(name))
            }
            (true, Some(_)) => {
                config.problem("/command", "a server has a `url` or a `command`, not both");
                None
            }
            (false, None) => {
                config.problem("/url", "is missing: say where the server is by `url`, or which one it is by `command`");
                None
            }
        }
    }

    /// Where the server is for this run.
    pub(super) fn endpoint(&self, context: &NodeContext<'_>) -> Result<Endpoint, Failure> {
        let (url, token, headers) = match self {
            Self::Command(name) => return Ok(Endpoint::Command(name.clone())),
            Self::At { url, token, headers } => (url, token, headers),
        };
        let text = |field: &str, template: &Template| {
            template.render_text(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let mut given_headers = Vec::new();
        if let Some(template) = headers {
            let given = template.render(context.scope).map_err(|error| expression_failed("headers", &error))?;
            for (name, value) in given.as_object().into_iter().flatten() {
                given_headers.push((name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
        }
        let token = token.as_ref().map(|token| text("token", token)).transpose()?;
        if token.as_ref().is_some_and(|token| token.trim().is_empty()) {
            return Err(invalid("`token` is empty"));
        }
        let token = token.map(|token| token.trim().to_owned());
        Ok(Endpoint::At { url: text("url", url)?.trim().to_owned(), token, headers: given_headers })
    }
}

struct Mcp {
    server: Server,
    tool: Template,
    arguments: Option<JsonTemplate>,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let server = Server::compile(config);
    let tool = config.template("tool");
    let has_arguments = config.value("arguments").is_some();
    let arguments = config.json("arguments");
    if has_arguments && arguments.is_none() {
        return None;
    }
    Some(Compiled::plain(Mcp { server: server?, tool: tool?, arguments }))
}

impl Mcp {
    fn call(&self, context: &NodeContext<'_>) -> Result<Call, Failure> {
        let endpoint = self.server.endpoint(context)?;
        let tool = self.tool.render_text(context.scope).map_err(|error| expression_failed("tool", &error))?;
        let arguments = match &self.arguments {
            None => Map::new(),
            Some(template) => {
                match template.render(context.scope).map_err(|error| expression_failed("arguments", &error))? {
                    Value::Object(arguments) => arguments,
                    Value::Null => Map::new(),
                    _ => return Err(invalid("`arguments` gave no object")),
                }
            }
        };
        Ok(Call { endpoint, tool: tool.trim().to_owned(), arguments })
    }
}

impl Node for Mcp {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.call(context) {
            Ok(call) => Step::Effect(Box::new(call)),
            Err(failure) => failure.into(),
        }
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

/// A tool that a server has offered to an agent. Its arguments are what it is handed.
pub(super) struct Offer {
    pub(super) server: Arc<Server>,
    pub(super) tool: String,
}

impl Node for Offer {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let arguments = context.last_output.as_object().cloned().unwrap_or_default();
        match self.server.endpoint(context) {
            Ok(endpoint) => Step::Effect(Box::new(Call { endpoint, tool: self.tool.clone(), arguments })),
            Err(failure) => failure.into(),
        }
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

/// A call of a tool.
pub(super) struct Call {
    pub(super) endpoint: Endpoint,
    pub(super) tool: String,
    pub(super) arguments: Map<String, Value>,
}

#[async_trait]
impl Effect for Call {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        match self.endpoint.call(&context, self.tool, self.arguments).await {
            Ok(output) => Outcome::output(output),
            Err(failure) => Outcome::Fail(failure),
        }
    }
}
