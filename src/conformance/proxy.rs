//! A proxy between the client and the server, on this machine: cuts streams, holds them back, or sends each message twice and
//! byte by byte. Like the networks and proxies that streams meet outside, only on purpose.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Bytes that a slow proxy sends at a time.
const CRUMB: usize = 23;
/// How long it rests between two of them.
const REST: Duration = Duration::from_micros(200);

/// What a proxy does to streams.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Breaks the n-th connection off after so many bytes; those after the last one are left alone.
    Cut(Vec<usize>),
    /// Gives nothing before it has everything.
    Buffer,
    /// Sends each message twice, in crumbs.
    Repeat,
}

/// A proxy; it ends with this value.
pub(super) struct Proxy {
    pub url: String,
    streams: Arc<AtomicUsize>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    target: Arc<str>,
    fault: Arc<Fault>,
    http: reqwest::Client,
    streams: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy to the server at `target`.
    pub async fn start(target: &str, fault: Fault) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let streams = Arc::<AtomicUsize>::default();
        let http = reqwest::Client::builder().build().map_err(io::Error::other)?;
        let shared = Shared { target: target.into(), fault: Arc::new(fault), http, streams: Arc::clone(&streams) };
        let router = Router::new().fallback(pass).with_state(shared);
        let serving = TaskTracker::new().spawn(async move {
            // Serving ends with the value, and not by itself.
            _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, streams, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Streams that have gone through.
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }
}

async fn pass(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    for own in [header::HOST, header::CONNECTION] {
        headers.remove(own);
    }
    // Only reads go this way, so there is no body to pass on.
    let sent = shared.http.request(parts.method, format!("{}{path}", shared.target)).headers(headers).send().await;
    let upstream = match sent {
        Ok(upstream) => upstream,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let status = upstream.status();
    let mut headers = upstream.headers().clone();
    for own in [header::TRANSFER_ENCODING, header::CONNECTION, header::CONTENT_LENGTH] {
        headers.remove(own);
    }
    headers.insert(HeaderName::from_static("via"), header::HeaderValue::from_static("1.1 conformance"));
    let streams =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let body = if streams && status == StatusCode::OK {
        let number = shared.streams.fetch_add(1, Ordering::SeqCst);
        match &*shared.fault {
            Fault::Cut(cuts) => match cuts.get(number) {
                Some(after) => cut(upstream, *after),
                None => Body::from_stream(upstream.bytes_stream()),
            },
            Fault::Buffer => match upstream.bytes().await {
                Ok(bytes) => Body::from(bytes),
                Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
            },
            Fault::Repeat => repeated(upstream),
        }
    } else {
        Body::from_stream(upstream.bytes_stream())
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The first bytes, and then an error instead of an end.
fn cut(mut upstream: reqwest::Response, after: usize) -> Body {
    Body::from_stream(async_stream::stream! {
        let mut left = after;
        while let Ok(Some(bytes)) = upstream.chunk().await {
            if bytes.len() >= left {
                yield Ok(bytes.slice(..left));
                // What is written has to leave before the connection goes.
                tokio::time::sleep(Duration::from_millis(2)).await;
                yield Err(io::Error::from(io::ErrorKind::ConnectionReset));
                return;
            }
            left -= bytes.len();
            yield Ok(bytes);
        }
    })
}

fn repeated(mut upstream: reqwest::Response) -> Body {
    Body::from_stream(async_stream::stream! {
        let mut rest: Vec<u8> = Vec::new();
        loop {
            match upstream.chunk().await {
                Ok(Some(bytes)) => rest.extend_from_slice(&bytes),
                Ok(None) => return,
                Err(error) => {
                    yield Err(io::Error::other(error));
                    return;
                }
            }
            while let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = rest.drain(..end + 2).collect();
                for _ in 0..2 {
                    for crumb in message.chunks(CRUMB) {
                        yield Ok(Bytes::copy_from_slice(crumb));
                        tokio::time::sleep(REST).await;
                    }
                }
            }
        }
    })
}
