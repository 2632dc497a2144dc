//! A client of the API: what the commands and the stream conformance client speak to a server with.
//!
//! It asks no more of a server than the published contract, and ignores what it does not know.

mod error;
pub mod follow;
pub mod sse;
pub mod tasks;

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

pub use error::{ClientError, FieldError, Refusal};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a reply that is no stream may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(90);
/// How often a call is tried that may be repeated.
const ATTEMPTS: u32 = 5;
/// The longest that a server's `Retry-After` is followed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Rows of one page.
const PAGE: usize = 200;

/// A server, and the key to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the server at `url`, with or without `/v1` at its end.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, ClientError> {
        let parsed =
            Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
        let parsed = parsed.ok_or_else(|| ClientError::Address(url.to_owned()))?;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            // An API key as well as a JWT.
            let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| ClientError::Key)?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("sluicegate/", env!("CARGO_PKG_VERSION")))
            // A credential is for the address that it was given for.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Unreachable { url: url.to_owned(), reason: causes(&error) })?;
        let base = parsed.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base).to_owned();
        Ok(Self { http, base })
    }

    /// The server's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to a path of the server, to be sent by the caller.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Reads a resource.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::GET, path, None).await
    }

    /// Sends a change; repeated with the same idempotency key while it is unclear what became of it.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.call(method, path, Some((body, &Uuid::new_v4().to_string()))).await
    }

    /// The same with an idempotency key of the caller's.
    pub async fn send_once(&self, path: &str, body: &Value, key: &str) -> Result<Value, ClientError> {
        self.call(Method::POST, path, Some((body, key))).await
    }

    /// Deletes a resource, or cancels; the report of what was done, where there is one.
    pub async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::DELETE, path, None).await
    }

    /// The rows of a list, at most `most`.
    pub async fn list(&self, path: &str, most: usize) -> Result<Vec<Value>, ClientError> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{path}{sign}limit={}", most.clamp(1, PAGE)));
        let mut rows = Vec::new();
        while let Some(path) = next.take().filter(|_| rows.len() < most) {
            let response = self.answered(Method::GET, &path, None).await?;
            // The address of the next page is a path of the same server.
            next = next_page(response.headers()).map(str::to_owned);
            match self.body(&path, response).await? {
                Value::Array(page) if !page.is_empty() => rows.extend(page),
                Value::Array(_) => break,
                _ => return Err(self.unexpected(&path, "a list was expected")),
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    async fn call(&self, method: Method, path: &str, sent: Option<(&Value, &str)>) -> Result<Value, ClientError> {
        let response = self.answered(method, path, sent).await?;
        self.body(path, response).await
    }

    /// A reply that is a success. Whatever is sent may be repeated: it only reads, cancels, or has an idempotency key.
    async fn answered(
        &self,
        method: Method,
        path: &str,
        sent: Option<(&Value, &str)>,
    ) -> Result<Response, ClientError> {
        let mut attempt = 1;
        loop {
            let mut request = self.request(method.clone(), path).timeout(REPLY_TIMEOUT);
            request = request.header("accept", "application/json");
            if let Some((body, key)) = sent {
                request = request.header("idempotency-key", key).json(body);
            }
            if method == Method::DELETE {
                request = request.header("prefer", "return=representation");
            }
            let (error, wait) = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status();
                    let wait = retry_after(response.headers());
                    let error = self.refusal(path, response).await;
                    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                        return Err(error);
                    }
                    (error, wait)
                }
                Err(error) => (self.unreachable(path, &error), None),
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(wait.unwrap_or_else(|| backoff(attempt)).min(MAX_RETRY_AFTER)).await;
            attempt += 1;
        }
    }

    async fn body(&self, path: &str, response: Response) -> Result<Value, ClientError> {
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let bytes = response.bytes().await.map_err(|error| self.unreachable(path, &error))?;
        serde_json::from_slice(&bytes).map_err(|_| self.unexpected(path, "the reply is no JSON"))
    }

    /// The refusal in a reply that is none of success.
    pub async fn refusal(&self, path: &str, response: Response) -> ClientError {
        let status = response.status();
        match response.json::<Refusal>().await {
            Ok(refusal) if !refusal.code.is_empty() => ClientError::Refused(Box::new(refusal)),
            _ => self.unexpected(path, &format!("it answered {status}")),
        }
    }

    fn unreachable(&self, path: &str, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: format!("{}{path}", self.base), reason: causes(error) }
    }

    fn unexpected(&self, path: &str, reason: &str) -> ClientError {
        ClientError::Unexpected { url: format!("{}{path}", self.base), reason: reason.to_owned() }
    }
}

/// The path of the next page, from `Link: <...>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<&str> {
    let link = headers.get("link")?.to_str().ok()?;
    let (address, relation) = link.strip_prefix('<')?.split_once('>')?;
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => address,
    };
    relation.contains("rel=\"next\"").then_some(path)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// From 100 ms, doubled with each attempt up to 10 s; the second half of it is chance, so that many clients don't come at once.
pub fn backoff(attempt: u32) -> Duration {
    let most_ms = (100_u64 << attempt.saturating_sub(1).min(10)).min(10_000);
    let chance = Uuid::new_v4().as_u128() as u64 % (most_ms / 2 + 1);
    Duration::from_millis(most_ms - chance)
}

/// An error of the HTTP library with its causes: its own text does not say what happened.
fn causes(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::new();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_ten_seconds() {
        for attempt in 1..40 {
            let wait = backoff(attempt).as_millis() as u64;
            let most = (100_u64 << (attempt - 1).min(10)).min(10_000);
            assert!((most / 2..=most).contains(&wait), "{attempt}: {wait}");
        }
    }

    #[test]
    fn the_next_page_is_a_path() {
        let headers =
            |link: &'static str| HeaderMap::from_iter([(reqwest::header::LINK, HeaderValue::from_static(link))]);
        assert_eq!(next_page(&headers("</v1/a?cursor=b>; rel=\"next\"")), Some("/v1/a?cursor=b"));
        assert_eq!(next_page(&headers("<https://host/v1/a?cursor=b>; rel=\"next\"")), Some("/v1/a?cursor=b"));
        assert_eq!(next_page(&headers("</v1/a>; rel=\"prev\"")), None);
        assert_eq!(next_page(&HeaderMap::new()), None);
    }

    #[test]
    fn addresses_are_checked() {
        assert_eq!(Client::new("http://127.0.0.1:8080/v1/", None).unwrap().base(), "http://127.0.0.1:8080");
        assert_eq!(Client::new("https://example.com/gate", Some("a")).unwrap().base(), "https://example.com/gate");
        for wrong in ["127.0.0.1:8080", "ftp://a", "", "http://"] {
            assert!(matches!(Client::new(wrong, None), Err(ClientError::Address(_))), "{wrong}");
        }
        assert!(matches!(Client::new("http://a", Some("two\nlines")), Err(ClientError::Key)));
    }
}
