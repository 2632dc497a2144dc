//! A session with a server: begun, used for one thing, ended.

use std::{collections::HashMap, time::Duration};

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, ClientConfig, Implementation},
    service::{ClientInitializeError, RunningService, ServiceError},
    transport::{
        DynamicTransportError, StreamableHttpClientTransport,
        streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError},
    },
};
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt;

use crate::{
    domain::failure::{Failure, FailureCode},
    nodes::{EffectContext, config::invalid, http},
    outbound::OutboundError,
    sandbox::{Program, SandboxError},
};

/// The largest reply, and the largest event of a stream.
const MAX_REPLY_BYTES: usize = 4 << 20;
/// The most bytes that a program may say in one session.
const MAX_SAID_BYTES: u64 = 16 << 20;
/// How long a server may take to greet.
const GREETING: Duration = Duration::from_secs(30);
/// How long one call may take; a node's own time limit may be shorter.
const CALL: Duration = Duration::from_mins(30);
/// How long the end of a session is waited for.
const PARTING: Duration = Duration::from_secs(2);
/// The most tools that are listed of a server.
const MAX_OFFERED: usize = 256;

/// Where a server is.
#[derive(Clone, Debug)]
pub(in crate::nodes) enum Endpoint {
    /// At an address.
    At {
        /// Which.
        url: String,
        /// Sent as a bearer token.
        token: Option<String>,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// A program of this name.
    Command(String),
}

/// A tool that a server offers.
pub(in crate::nodes) struct Offered {
    pub(in crate::nodes) name: String,
    pub(in crate::nodes) description: String,
    /// JSON Schema of its arguments.
    pub(in crate::nodes) parameters: Value,
}

/// A session, and the program that it is with, if it is one.
struct Session {
    service: RunningService<RoleClient, ClientConfig>,
    program: Option<Program>,
}

impl Endpoint {
    /// Calls a tool: `{text, content, structured}`.
    pub(in crate::nodes) async fn call(
        &self,
        context: &EffectContext,
        tool: String,
        arguments: Map<String, Value>,
    ) -> Result<Value, Failure> {
        let session = self.begin(context).await?;
        let params = CallToolRequestParams::new(tool.clone()).with_arguments(arguments);
        let called = tokio::time::timeout(CALL, session.service.call_tool(params)).await;
        let said = end(session).await;
        let result = called.map_err(|_| silent(CALL))?.map_err(|error| self.failed(&error, &said))?;
        let content = serde_json::to_value(&result.content).unwrap_or_default();
        let texts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
        let text = texts.collect::<Vec<_>>().join("\n");
        if result.is_error == Some(true) {
            let message = format!("the tool `{tool}` failed: {}", shorten(&text));
            return Err(Failure::new(FailureCode::McpFailed, message).with_details(json!({ "content": content })));
        }
        let mut output = json!({ "text": text, "content": content });
        if let Some(structured) = result.structured_content {
            output["structured"] = structured;
        }
        Ok(output)
    }

    /// What the server offers.
    pub(in crate::nodes) async fn offers(&self, context: &EffectContext) -> Result<Vec<Offered>, Failure> {
        let session = self.begin(context).await?;
        let listed = tokio::time::timeout(GREETING, session.service.list_all_tools()).await;
        let said = end(session).await;
        let tools = listed.map_err(|_| silent(GREETING))?.map_err(|error| self.failed(&error, &said))?;
        let offered = tools.into_iter().take(MAX_OFFERED).map(|tool| Offered {
            name: tool.name.to_string(),
            description: tool.description.map(|text| text.to_string()).unwrap_or_default(),
            parameters: Value::Object((*tool.input_schema).clone()),
        });
        Ok(offered.collect())
    }

    async fn begin(&self, context: &EffectContext) -> Result<Session, Failure> {
        match self {
            Self::At { url, token, headers } => {
                let transport = connection(context, url, token.as_deref(), headers)?;
                let service = self.greet(about().serve(transport)).await.map_err(|error| error.failure(""))?;
                Ok(Session { service, program: None })
            }
            Self::Command(name) => {
                let unavailable = |error: SandboxError| Failure::new(FailureCode::McpFailed, error.to_string());
                let mut program = context.sandbox.command(name).await.map_err(unavailable)?;
                let (output, input) = program.pipes().ok_or_else(|| invalid("the program has no pipes"))?;
                // All that it may say in one session: a program that talks without end is no server.
                let transport = (output.take(MAX_SAID_BYTES), input);
                match self.greet(about().serve(transport)).await {
                    Ok(service) => Ok(Session { service, program: Some(program) }),
                    Err(error) => Err(error.failure(&program.end().await)),
                }
            }
        }
    }

    async fn greet(
        &self,
        greeting: impl Future<Output = Result<RunningService<RoleClient, ClientConfig>, ClientInitializeError>>,
    ) -> Result<RunningService<RoleClient, ClientConfig>, NotGreeted<'_>> {
        match tokio::time::timeout(GREETING, greeting).await {
            Ok(Ok(service)) => Ok(service),
            Ok(Err(error)) => Err(NotGreeted { endpoint: self, error: Some(Box::new(error)) }),
            Err(_) => Err(NotGreeted { endpoint: self, error: None }),
        }
    }

    fn failed(&self, error: &ServiceError, said: &str) -> Failure {
        match error {
            ServiceError::McpError(_) => {
                Failure::new(FailureCode::McpFailed, format!("the server refuses: {}", causes(error)))
            }
            ServiceError::TransportSend(error) => self.unreached(error, said),
            _ => broke_off(&causes(error), said),
        }
    }

    /// The exchange with the server failed. What the guard of addresses says is told as for any other call.
    fn unreached(&self, error: &DynamicTransportError, said: &str) -> Failure {
        // The transport's own error does not name what is behind it.
        let cause: &(dyn std::error::Error + 'static) = match error.error.downcast_ref() {
            Some(StreamableHttpError::<reqwest::Error>::Client(cause)) => cause,
            _ => error.error.as_ref(),
        };
        let Self::At { url, .. } = self else { return broke_off(&causes(cause), said) };
        let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        if let Some(refused) = OutboundError::of_guard(&host, cause) {
            return http::failed(&refused);
        }
        Failure::retryable(FailureCode::McpFailed, format!("the server can't be reached: {}", causes(cause)))
    }
}

/// Why a session did not begin; without an error, because the server was silent.
struct NotGreeted<'a> {
    endpoint: &'a Endpoint,
    error: Option<Box<ClientInitializeError>>,
}

impl NotGreeted<'_> {
    fn failure(self, said: &str) -> Failure {
        match self.error.as_deref() {
            None => silent(GREETING),
            Some(ClientInitializeError::TransportError { error, .. }) => self.endpoint.unreached(error, said),
            Some(error) => broke_off(&causes(error), said),
        }
    }
}

fn about() -> ClientConfig {
    let mut about = ClientConfig::default();
    about.client_info = Implementation::new("sluicegate", env!("CARGO_PKG_VERSION"));
    about
}

fn connection(
    context: &EffectContext,
    url: &str,
    token: Option<&str>,
    headers: &[(String, String)],
) -> Result<StreamableHttpClientTransport<reqwest::Client>, Failure> {
    // The guard of names is in the client; what stands in the address itself is looked at here. No redirect is followed.
    let client = context.outbound.guarded(url).map_err(|error| http::failed(&error))?;
    let mut given = HashMap::new();
    for (name, value) in headers {
        let key = HeaderName::from_bytes(name.as_bytes());
        let (Ok(key), Ok(value)) = (key, HeaderValue::from_str(value)) else {
            return Err(invalid(format!("the header `{}` can't be sent", shorten(name))));
        };
        given.insert(key, value);
    }
    if !given.contains_key("traceparent") {
        let value = |text: &str| HeaderValue::from_str(text).expect("what a trace sends along is plain ASCII");
        given.extend(
            context
                .outbound
                .trace_headers()
                .into_iter()
                .map(|(name, text)| (HeaderName::from_static(name), value(text))),
        );
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(given)
        .max_sse_event_size(MAX_REPLY_BYTES)
        .max_json_response_size(MAX_REPLY_BYTES);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// Ends a session; a server that does not listen any more loses nothing by it. What a program has said on standard error.
async fn end(session: Session) -> String {
    let _ = tokio::time::timeout(PARTING, session.service.cancel()).await;
    match session.program {
        Some(program) => program.end().await,
        None => String::new(),
    }
}

fn silent(limit: Duration) -> Failure {
    let message = format!("the server did not answer within {} s", limit.as_secs());
    Failure::retryable(FailureCode::McpFailed, message)
}

fn broke_off(why: &str, said: &str) -> Failure {
    let said = if said.is_empty() { String::new() } else { format!("; it said: {}", shorten(said)) };
    Failure::retryable(FailureCode::McpFailed, format!("no session with the server: {why}{said}"))
}

/// An error with what is behind it, each said once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    shorten(&text).to_owned()
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(1_000)]
}
