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

use crate::{
    domain::failure::{Failure, FailureCode},
    nodes::{EffectContext, config::invalid, http},
    outbound::OutboundError,
};

/// The largest reply, and the largest event of a stream.
const MAX_REPLY_BYTES: usize = 4 << 20;
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
pub(in crate::nodes) struct Endpoint {
    pub(super) url: String,
    pub(super) token: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

/// A tool that a server offers.
pub(in crate::nodes) struct Offered {
    pub(in crate::nodes) name: String,
    pub(in crate::nodes) description: String,
    /// JSON Schema of its arguments.
    pub(in crate::nodes) parameters: Value,
}

type Session = RunningService<RoleClient, ClientConfig>;

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
        let called = tokio::time::timeout(CALL, session.call_tool(params)).await;
        end(session).await;
        let result = called.map_err(|_| silent(CALL))?.map_err(|error| failed(&self.url, &error))?;
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
        let listed = tokio::time::timeout(GREETING, session.list_all_tools()).await;
        end(session).await;
        let tools = listed.map_err(|_| silent(GREETING))?.map_err(|error| failed(&self.url, &error))?;
        let offered = tools.into_iter().take(MAX_OFFERED).map(|tool| Offered {
            name: tool.name.to_string(),
            description: tool.description.map(|text| text.to_string()).unwrap_or_default(),
            parameters: Value::Object((*tool.input_schema).clone()),
        });
        Ok(offered.collect())
    }

    async fn begin(&self, context: &EffectContext) -> Result<Session, Failure> {
        // The guard of names is in the client; what stands in the address itself is looked at here. No redirect is followed.
        let client = context.outbound.guarded(&self.url).map_err(|error| http::failed(&error))?;
        let mut headers = HashMap::new();
        for (name, value) in &self.headers {
            let key = HeaderName::from_bytes(name.as_bytes());
            let (Ok(key), Ok(value)) = (key, HeaderValue::from_str(value)) else {
                return Err(invalid(format!("the header `{}` can't be sent", shorten(name))));
            };
            headers.insert(key, value);
        }
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
            .custom_headers(headers)
            .max_sse_event_size(MAX_REPLY_BYTES)
            .max_json_response_size(MAX_REPLY_BYTES);
        if let Some(token) = &self.token {
            config = config.auth_header(token.as_str());
        }
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let mut about = ClientConfig::default();
        about.client_info = Implementation::new("sluicegate", env!("CARGO_PKG_VERSION"));
        match tokio::time::timeout(GREETING, about.serve(transport)).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(not_greeted(&self.url, &error)),
            Err(_) => Err(silent(GREETING)),
        }
    }
}

/// Ends a session; a server that does not listen any more loses nothing by it.
async fn end(session: Session) {
    let _ = tokio::time::timeout(PARTING, session.cancel()).await;
}

fn silent(limit: Duration) -> Failure {
    let message = format!("the server did not answer within {} s", limit.as_secs());
    Failure::retryable(FailureCode::McpFailed, message)
}

fn not_greeted(url: &str, error: &ClientInitializeError) -> Failure {
    match error {
        ClientInitializeError::TransportError { error, .. } => unreached(url, error),
        _ => Failure::retryable(FailureCode::McpFailed, format!("no session with the server: {}", causes(error))),
    }
}

fn failed(url: &str, error: &ServiceError) -> Failure {
    match error {
        ServiceError::McpError(_) => {
            Failure::new(FailureCode::McpFailed, format!("the server refuses: {}", causes(error)))
        }
        ServiceError::TransportSend(error) => unreached(url, error),
        _ => Failure::retryable(FailureCode::McpFailed, format!("the session broke off: {}", causes(error))),
    }
}

/// The exchange with the server failed. What the guard of addresses says is told as for any other call.
fn unreached(url: &str, error: &DynamicTransportError) -> Failure {
    // The transport's own error does not name what is behind it.
    let cause: &(dyn std::error::Error + 'static) = match error.error.downcast_ref() {
        Some(StreamableHttpError::<reqwest::Error>::Client(cause)) => cause,
        _ => error.error.as_ref(),
    };
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if let Some(refused) = OutboundError::of_guard(&host, cause) {
        return http::failed(&refused);
    }
    Failure::retryable(FailureCode::McpFailed, format!("the server can't be reached: {}", causes(cause)))
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
