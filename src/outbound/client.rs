//! One request and its reply, redirects and limits included.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use url::Host;

use crate::domain::trace::TraceHeaders;

use super::{
    Hosts, Network, OutboundError, address, redirect,
    reply::Reply,
    resolver::{Guard, Lookup, System},
};

/// What a reply's headers may take together.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Headers that the connection is made of: their values belong to the client, not to the caller.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What outbound requests may do on this server; set by the operator.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Networks that may be called although they are not public.
    pub allow: Vec<Network>,
    /// How many redirects are followed.
    pub max_redirects: usize,
    /// The largest body a request may ask for.
    pub max_body_bytes: usize,
    /// How long one connection may take to come about, TLS included.
    pub connect_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            max_redirects: 5,
            max_body_bytes: 2 * 1024 * 1024,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// A request, as yet unchecked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Any method but CONNECT.
    pub method: String,
    /// Absolute, http or https.
    pub url: String,
    /// In order, names may repeat. Headers of the connection itself (`host`, `content-length`, ..) are refused.
    pub headers: Vec<(String, String)>,
    /// Appended to the URL's own query.
    pub query: Vec<(String, String)>,
    /// Sent with a `content-length`.
    pub body: Option<Vec<u8>>,
    /// For everything: lookup, connections, redirects, the whole reply.
    pub timeout: Duration,
    /// The largest body accepted, within the policy's own limit.
    pub max_body_bytes: usize,
    /// Whether a redirect is followed; else it is a reply like any other.
    pub follow_redirects: bool,
}

impl Request {
    /// A request without headers, query and body, with 30 seconds, and no limit of its own on the body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            query: Vec::new(),
            body: None,
            timeout: Duration::from_secs(30),
            max_body_bytes: usize::MAX,
            follow_redirects: true,
        }
    }
}

/// A complete reply, of any status; a redirect only where it was not to be followed.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Where the reply came from, after redirects.
    pub url: String,
    /// In order, names in lower case and possibly repeated.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// Carries requests in place of the network: a simulation's.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Carries one; its timeout is seen to by the client.
    async fn carry(&self, request: Request) -> Result<Response, OutboundError>;
}

/// The guarded client. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    carrier: Option<Arc<dyn Carrier>>,
    allow: Arc<[Network]>,
    hosts: Option<Hosts>,
    trace: Option<TraceHeaders>,
    max_redirects: usize,
    max_body_bytes: usize,
}

impl Client {
    /// A client that obeys `policy`. It fails only where no TLS can be set up at all; on a machine without CA
    /// certificates it works for http, and refuses every https server.
    pub fn new(policy: Policy) -> Result<Self, OutboundError> {
        Self::with_lookup(policy, Arc::new(System))
    }

    pub(super) fn with_lookup(policy: Policy, lookup: Arc<dyn Lookup>) -> Result<Self, OutboundError> {
        let allow: Arc<[Network]> = policy.allow.into();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("sluicegate/", env!("CARGO_PKG_VERSION")))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .dns_resolver(Guard { lookup: Arc::clone(&lookup), allow: Arc::clone(&allow) })
                .connect_timeout(policy.connect_timeout)
                .pool_max_idle_per_host(8)
                .http2_max_header_list_size(MAX_HEADER_BYTES as u32)
        };
        let http = builder()
            .build()
            .or_else(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "no CA certificates found: outbound https requests will fail");
                builder().tls_certs_only([]).build()
            })
            .map_err(|e| OutboundError::classify("", e))?;
        Ok(Self {
            http,
            carrier: None,
            allow,
            hosts: None,
            trace: None,
            max_redirects: policy.max_redirects,
            max_body_bytes: policy.max_body_bytes,
        })
    }

    /// The same client, whose requests go this way in place of the network. Those whose reply is read as it comes
    /// ([`Self::open`]) and those of other protocols ([`Self::guarded`]) don't.
    #[must_use]
    pub fn carried_by(&self, carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier: Some(carrier), ..self.clone() }
    }

    /// The same client, for these hosts alone. It shares its connections with the one it comes from.
    #[must_use]
    pub fn restricted(&self, hosts: Hosts) -> Self {
        Self { hosts: Some(hosts), ..self.clone() }
    }

    /// The same client, whose requests say that they are part of a trace, unless they say so themselves.
    #[must_use]
    pub fn traced(&self, trace: Option<TraceHeaders>) -> Self {
        Self { trace, ..self.clone() }
    }

    /// What requests send along. Those of [`Self::guarded`] have to do it themselves.
    pub fn trace_headers(&self) -> Vec<(&'static str, &str)> {
        let Some(TraceHeaders { traceparent, tracestate }) = &self.trace else { return Vec::new() };
        let state = tracestate.iter().map(|state| ("tracestate", state.as_str()));
        std::iter::once(("traceparent", traceparent.as_str())).chain(state).collect()
    }

    /// A `tracestate` belongs to its `traceparent`: both are the request's own, or neither.
    fn with_trace(&self, mut request: Request) -> Request {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("traceparent")) {
            let added = self.trace_headers();
            request.headers.retain(|(name, _)| added.is_empty() || !name.eq_ignore_ascii_case("tracestate"));
            request.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        request
    }

    /// Sends `request`, follows its redirects and reads the whole reply. A status such as 404 or 500 is a reply, not an
    /// error.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let request = self.with_trace(request);
        let limit = request.timeout;
        let max_body_bytes = request.max_body_bytes.min(self.max_body_bytes);
        let exchange = async {
            if let Some(carrier) = &self.carrier {
                return carrier.carry(request).await;
            }
            let (reply, host) = self.follow(request).await?;
            read(reply, &host, max_body_bytes).await
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(OutboundError::Timeout { limit }))
    }

    /// Sends `request` and follows its redirects; the reply's body is read as it comes. The request's timeout is for the
    /// reply's headers, `idle` for each wait after that. The client's own limit on bodies does not apply, the request's does.
    pub async fn open(&self, request: Request, idle: Duration) -> Result<Reply, OutboundError> {
        let request = self.with_trace(request);
        let (limit, max_body_bytes) = (request.timeout, request.max_body_bytes);
        let followed = tokio::time::timeout(limit, self.follow(request)).await;
        let (reply, host) = followed.unwrap_or(Err(OutboundError::Timeout { limit }))?;
        Ok(Reply::new(reply, host, idle, max_body_bytes))
    }

    /// The client's connections, for a protocol that speaks HTTP by itself: checked for this address, and for it alone. Names
    /// still go through the guard, and no redirect is followed.
    pub fn guarded(&self, url: &str) -> Result<reqwest::Client, OutboundError> {
        let url = Url::parse(url).map_err(|e| OutboundError::InvalidUrl { reason: e.to_string() })?;
        self.check(&url)?;
        Ok(self.http.clone())
    }

    async fn follow(&self, request: Request) -> Result<(reqwest::Response, String), OutboundError> {
        let mut method = parse_method(&request.method)?;
        let mut url = parse_url(&request)?;
        let mut headers = parse_headers(&request.headers)?;
        let mut body = request.body;
        for _ in 0..=self.max_redirects {
            let host = self.check(&url)?;
            let mut hop = self.http.request(method.clone(), url.clone()).headers(headers.clone());
            if let Some(body) = &body {
                hop = hop.body(body.clone());
            }
            let reply = hop.send().await.map_err(|e| OutboundError::classify(&host, e))?;
            check_headers(reply.headers())?;
            let target =
                if request.follow_redirects { redirect::target(&url, reply.status(), reply.headers())? } else { None };
            let Some(target) = target else {
                return Ok((reply, host));
            };
            redirect::rewrite((&url, &target), reply.status(), &mut method, &mut headers, &mut body);
            url = target;
        }
        Err(OutboundError::TooManyRedirects { limit: self.max_redirects })
    }

    /// The first guard: scheme and literal addresses. Returns the host's name.
    fn check(&self, url: &Url) -> Result<String, OutboundError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutboundError::Scheme { scheme: url.scheme().to_owned() });
        }
        if let (Some(hosts), Some(host)) = (&self.hosts, url.host_str())
            && !hosts.contain(host)
        {
            return Err(OutboundError::HostRefused { host: host.to_owned() });
        }
        let address = match url.host() {
            None => return Err(OutboundError::InvalidUrl { reason: "it has no host".to_owned() }),
            Some(Host::Domain(name)) => return Ok(name.to_owned()),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        match address::refusal(address, &self.allow) {
            Some(reason) => Err(OutboundError::Refused { host, address, reason }),
            None => Ok(host),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("allow", &self.allow).finish_non_exhaustive()
    }
}

fn parse_method(text: &str) -> Result<Method, OutboundError> {
    // CONNECT asks a proxy for a tunnel; as a request it would go out without its path.
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| OutboundError::InvalidMethod { method: text.to_owned() })
}

fn parse_url(request: &Request) -> Result<Url, OutboundError> {
    let mut url = Url::parse(&request.url).map_err(|e| OutboundError::InvalidUrl { reason: e.to_string() })?;
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    Ok(url)
}

fn parse_headers(headers: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let invalid = |reason| OutboundError::InvalidHeader { name: name.clone(), reason };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("the name is not a header name"))?;
        if OF_THE_CONNECTION.contains(&key.as_str()) {
            return Err(invalid("it belongs to the connection"));
        }
        let value = HeaderValue::from_str(value)
            .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
            .map_err(|_| invalid("the value has a line break or another control character"))?;
        map.try_append(key, value).map_err(|_| invalid("there are too many headers"))?;
    }
    Ok(map)
}

fn check_headers(headers: &HeaderMap) -> Result<(), OutboundError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(OutboundError::HeadersTooLarge { limit: MAX_HEADER_BYTES });
    }
    Ok(())
}

/// Reads the body as it comes, so that no more than the limit (and one chunk) is ever in memory.
async fn read(mut reply: reqwest::Response, host: &str, limit: usize) -> Result<Response, OutboundError> {
    let too_large = OutboundError::BodyTooLarge { limit };
    if reply.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|e| OutboundError::classify(host, e))? {
        if chunk.len() > limit - body.len() {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Response {
        status: reply.status().as_u16(),
        url: reply.url().to_string(),
        headers: reply.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body,
    })
}
