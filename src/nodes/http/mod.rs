//! `http`: a call to an API through the guarded client.
//!
//! The request is made from its templates when the node starts, purely; the effect sends it and nothing else. What is
//! logged names the method, the host and the status: never headers, bodies, queries or tokens.

mod reply;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::{
    domain::{
        event::LogLevel,
        failure::{Failure, FailureCode},
    },
    expression::{JsonTemplate, Scope, Template},
    outbound::{OutboundError, Request},
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Report, Step,
    config::{Compiled, Config, expression_failed, integer, invalid},
    registry::{Kind, Port},
    schema,
};
pub(super) use reply::Reading;
use reply::{ResponseType, Statuses};

const DEFAULT_TIMEOUT_MS: i64 = 30_000;
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const DEFAULT_KEY_HEADER: &str = "X-API-Key";
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

pub(super) const KIND: Kind = Kind {
    name: "http",
    title: "HTTP request",
    description: "Calls an API. Private addresses are refused, replies are limited to 2 MiB. A status that is no success \
                  fails the node with the reply in the failure's `details`; 408, 425, 429 and 5xx can be retried. Methods \
                  other than GET, HEAD and OPTIONS carry an `Idempotency-Key` that is the same for every attempt.",
    category: "network",
    result: "`{status, data, headers, url, method}`, with `data` as `responseType` says and `url` after redirects.",
    properties,
    required: &["httpUrl"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "httpMethod": "POST",
            "httpUrl": "https://api.example.com/orders/{{ input.orderId }}/ship",
            "httpHeaders": [{ "key": "Accept", "value": "application/json" }],
            "httpBody": { "warehouse": "{{ lastOutput.answer }}" },
            "query": { "notify": true },
            "timeoutMs": 10_000,
            "retry": { "maxAttempts": 5 },
        })
    },
};

fn properties() -> Value {
    json!({
        "httpMethod": { "enum": METHODS, "default": "GET", "description": "The method." },
        "httpUrl": {
            "type": "string",
            "minLength": 1,
            "x-secret": true,
            "description": "An absolute http or https URL; a template, which may read secrets.",
        },
        "httpHeaders": {
            "type": "array",
            "maxItems": 100,
            "x-secret": true,
            "description": "Headers; both parts are templates, which may read secrets, and a name may repeat.",
            "items": {
                "type": "object",
                "properties": { "key": { "type": "string" }, "value": { "type": ["string", "number", "boolean", "null"] } },
                "required": ["key"],
                "additionalProperties": false,
            },
        },
        "httpAuthType": {
            "enum": ["none", "bearer", "api-key", "basic"],
            "default": "none",
            "description": "How `httpAuthToken` is sent: as a bearer token, in a header of its own, or as `user:password`.",
        },
        "httpAuthToken": {
            "type": "string",
            "x-secret": true,
            "description": "The token; a template, which may read secrets: `{{ secrets.api_token }}`.",
        },
        "httpAuthHeader": {
            "type": "string",
            "default": DEFAULT_KEY_HEADER,
            "description": "The header of an `api-key`.",
        },
        "httpBody": {
            "x-secret": true,
            "description": "The body: a text (a template), or any other JSON with templates in its texts, sent as JSON. The \
                            templates may read secrets.",
        },
        "query": {
            "type": "object",
            "x-secret": true,
            "description": "Added to the URL's query. Values are templates, which may read secrets; a list repeats its name, \
                            null is left out.",
        },
        "responseType": {
            "enum": ["auto", "json", "text", "base64"],
            "default": "auto",
            "description": "How the reply's body is read; `auto` goes by its content type.",
        },
        "successStatus": {
            "type": ["array", "integer", "string"],
            "minimum": 100,
            "maximum": 599,
            "pattern": reply::STATUS_PATTERN,
            "minItems": 1,
            "maxItems": 50,
            "items": { "type": ["integer", "string"], "minimum": 100, "maximum": 599, "pattern": reply::STATUS_PATTERN },
            "description": "The statuses that are a success: numbers, ranges such as `200-204`, or classes such as `2xx`. \
                            By default `2xx`.",
        },
        "idempotent": {
            "type": "boolean",
            "description": "Whether sending the request twice does no harm, so that it is sent again when the server \
                            stopped meanwhile. By default true for GET, HEAD, OPTIONS, PUT and DELETE.",
        },
    })
}

struct Http {
    method: &'static str,
    url: Template,
    headers: Option<JsonTemplate>,
    auth: Auth,
    body: Option<JsonTemplate>,
    query: Option<JsonTemplate>,
    timeout: Duration,
    reading: Reading,
    repeatable: bool,
}

enum Auth {
    None,
    Bearer(Template),
    Key { header: String, token: Template },
    Basic(Template),
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let named = config.text("httpMethod").unwrap_or("GET");
    let method = METHODS.into_iter().find(|method| *method == named);
    let url = config.secret_template("httpUrl");
    if let (Some(text), Some(true)) = (config.text("httpUrl"), url.as_ref().map(Template::is_literal)) {
        check_url(config, "httpUrl", text);
    }
    let headers = config.secret_json("httpHeaders");
    let body = config.secret_json("httpBody");
    let query = config.secret_json("query");
    let auth = compile_auth(config);
    let response_type = match config.text("responseType") {
        Some("json") => ResponseType::Json,
        Some("text") => ResponseType::Text,
        Some("base64") => ResponseType::Base64,
        _ => ResponseType::Auto,
    };
    let statuses = config.value("successStatus").map_or_else(Statuses::default, Statuses::read);
    let timeout_ms = config.integer("timeoutMs").unwrap_or(DEFAULT_TIMEOUT_MS).max(1).unsigned_abs();
    let method = method?;
    let harmless = matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
    Some(Compiled::plain(Http {
        method,
        url: url?,
        headers,
        auth: auth?,
        body,
        query,
        timeout: Duration::from_millis(timeout_ms),
        reading: Reading { method, response_type, statuses },
        repeatable: config.flag("idempotent").unwrap_or(harmless),
    }))
}

/// Notes what is wrong with a URL that is written out.
pub(super) fn check_url(config: &mut Config<'_>, field: &str, text: &str) {
    let message = match url::Url::parse(text.trim()) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "only http and https URLs can be called".to_owned(),
        Ok(_) => return,
        Err(error) => format!("it is no absolute URL: {error}"),
    };
    config.problem(&schema::segment(field), message);
}

fn compile_auth(config: &mut Config<'_>) -> Option<Auth> {
    let kind = config.text("httpAuthType").unwrap_or("none");
    let token = config.secret_template("httpAuthToken");
    if kind == "none" {
        return Some(Auth::None);
    }
    if config.value("httpAuthToken").is_none() {
        config.problem("/httpAuthToken", format!("`httpAuthToken` is missing: `httpAuthType` is `{kind}`"));
    }
    let token = token?;
    match kind {
        "bearer" => Some(Auth::Bearer(token)),
        "basic" => Some(Auth::Basic(token)),
        "api-key" => {
            let header = config.text("httpAuthHeader").filter(|name| !name.is_empty()).unwrap_or(DEFAULT_KEY_HEADER);
            Some(Auth::Key { header: header.to_owned(), token })
        }
        _ => None,
    }
}

impl Node for Http {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.request(context) {
            Ok(request) => Step::Effect(Box::new(Call { request, reading: self.reading.clone() })),
            Err(failure) => failure.into(),
        }
    }

    fn is_repeatable(&self) -> bool {
        self.repeatable
    }
}

impl Http {
    fn request(&self, context: &NodeContext<'_>) -> Result<Request, Failure> {
        let scope = context.scope;
        let url = text("httpUrl", &self.url, scope)?;
        let mut request = Request::new(self.method, url.trim());
        request.timeout = self.timeout;
        if let Some(headers) = &self.headers {
            request.headers = header_list(&json_of("httpHeaders", headers, scope)?)?;
        }
        if let Some(query) = &self.query {
            request.query = query_list(&json_of("query", query, scope)?)?;
        }
        if let Some((name, value)) = self.authorization(scope)? {
            request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            request.headers.push((name, value));
        }
        if let Some(body) = &self.body {
            let (body, media_type) = encode(json_of("httpBody", body, scope)?);
            if body.len() > MAX_BODY_BYTES {
                let message = format!("`httpBody` is larger than {MAX_BODY_BYTES} bytes");
                return Err(Failure::new(FailureCode::LimitExceeded, message));
            }
            if !body.is_empty() {
                set_default(&mut request.headers, "Content-Type", media_type);
                request.body = Some(body);
            }
        }
        if !matches!(self.method, "GET" | "HEAD" | "OPTIONS") {
            set_default(&mut request.headers, "Idempotency-Key", &context.idempotency_key);
        }
        Ok(request)
    }

    fn authorization(&self, scope: &dyn Scope) -> Result<Option<(String, String)>, Failure> {
        let (Auth::Bearer(template) | Auth::Basic(template) | Auth::Key { token: template, .. }) = &self.auth else {
            return Ok(None);
        };
        let token = text("httpAuthToken", template, scope)?;
        let token = token.trim();
        if token.is_empty() {
            // A request without its credentials would fail in a way that blames the other side.
            return Err(invalid("`httpAuthToken` is empty"));
        }
        let authorization = |value: String| Some(("Authorization".to_owned(), value));
        match &self.auth {
            Auth::None => Ok(None),
            Auth::Bearer(_) => Ok(authorization(format!("Bearer {token}"))),
            Auth::Basic(_) if !token.contains(':') => {
                Err(invalid("`httpAuthToken` is not of the form `user:password`"))
            }
            Auth::Basic(_) => Ok(authorization(format!("Basic {}", BASE64.encode(token)))),
            Auth::Key { header, .. } => Ok(Some((header.clone(), token.to_owned()))),
        }
    }
}

fn text(field: &str, template: &Template, scope: &dyn Scope) -> Result<String, Failure> {
    template.render_text(scope).map_err(|error| expression_failed(field, &error))
}

fn json_of(field: &str, template: &JsonTemplate, scope: &dyn Scope) -> Result<Value, Failure> {
    template.render(scope).map_err(|error| expression_failed(field, &error))
}

fn set_default(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

fn header_list(value: &Value) -> Result<Vec<(String, String)>, Failure> {
    let mut headers = Vec::new();
    for (i, header) in value.as_array().into_iter().flatten().enumerate() {
        let name = header["key"].as_str().unwrap_or_default().trim();
        // An editor leaves an empty row behind.
        if name.is_empty() {
            continue;
        }
        let value = scalar(&header["value"])
            .ok_or_else(|| invalid(format!("`httpHeaders[{i}].value` gave no text, number or truth value")))?;
        headers.push((name.to_owned(), value));
    }
    Ok(headers)
}

fn query_list(value: &Value) -> Result<Vec<(String, String)>, Failure> {
    let mut query = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = scalar(value).ok_or_else(|| {
                invalid(format!("`query` gave no text, number or truth value for `{}`", schema::shorten(name)))
            })?;
            query.push((name.clone(), text));
        }
    }
    Ok(query)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The bytes of a body and their media type. A text that is a JSON object or list was meant as JSON.
fn encode(body: Value) -> (Vec<u8>, &'static str) {
    const JSON: &str = "application/json";
    match body {
        Value::Null => (Vec::new(), JSON),
        Value::String(text) => {
            let looks_so = text.trim_start().starts_with(['{', '[']);
            let is_json = looks_so && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            (text.into_bytes(), if is_json { JSON } else { "text/plain; charset=utf-8" })
        }
        value => (value.to_string().into_bytes(), JSON),
    }
}

/// The call itself.
struct Call {
    request: Request,
    reading: Reading,
}

#[async_trait]
impl Effect for Call {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let Self { request, reading } = *self;
        exchange(request, &reading, &context).await
    }
}

/// Sends a request, tells of it in the log, and reads the reply.
pub(super) async fn exchange(request: Request, reading: &Reading, context: &EffectContext) -> Outcome {
    let host = url::Url::parse(&request.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let begun = tokio::time::Instant::now();
    let sent = context.outbound.send(request).await;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let method = reading.method;
    let mut data = json!({ "method": method, "host": host, "durationMs": duration_ms });
    let (level, told, outcome) = match sent {
        Ok(response) => {
            data["status"] = response.status.into();
            let told = format!("answered {}", response.status);
            let level = if reading.statuses.contain(response.status) { LogLevel::Info } else { LogLevel::Warn };
            (level, told, reading.outcome(response))
        }
        Err(error) => {
            data["error"] = error.code().into();
            (LogLevel::Warn, format!("failed ({})", error.code()), Outcome::Fail(failed(&error)))
        }
    };
    let message = format!("{method} {host} {told} in {duration_ms} ms");
    // Nobody listens any more: the line is dropped, the outcome is not.
    let _ = context.reports.send(Report::Log { level, message, data: Some(data) }).await;
    outcome
}

/// The failure of a call that got no usable reply.
pub(super) fn failed(error: &OutboundError) -> Failure {
    let code = match error {
        OutboundError::Refused { .. } | OutboundError::HostRefused { .. } => FailureCode::AddressRefused,
        OutboundError::Timeout { .. } => FailureCode::Timeout,
        OutboundError::BodyTooLarge { .. }
        | OutboundError::HeadersTooLarge { .. }
        | OutboundError::TooManyRedirects { .. } => FailureCode::LimitExceeded,
        OutboundError::InvalidUrl { .. }
        | OutboundError::Scheme { .. }
        | OutboundError::InvalidMethod { .. }
        | OutboundError::InvalidHeader { .. } => FailureCode::InvalidValue,
        OutboundError::Dns { .. }
        | OutboundError::Connect { .. }
        | OutboundError::Tls { .. }
        | OutboundError::Protocol { .. } => FailureCode::HttpFailed,
    };
    let failure = Failure { retryable: error.retryable(), ..Failure::new(code, error.to_string()) };
    failure.with_details(json!({ "reason": error.code() }))
}

/// The status list is read where the schema has already refused everything else.
fn status(value: &Value) -> Option<u16> {
    integer(value).and_then(|status| u16::try_from(status).ok())
}
