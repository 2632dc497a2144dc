//! The client of the benchmark: HTTP/1.1 over loopback, one connection per caller, as plain as it can be. It runs on the
//! same processors as what it measures, so whatever it does itself is missing from the result.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use bytes::BytesMut;
use futures_util::StreamExt;
use hyper::{
    Method, Request, Response, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// The largest reply that a workload reads as a whole.
const MAX_REPLY: usize = 16 << 20;

/// One connection to a server.
pub struct Connection {
    send: SendRequest<Body>,
    host: String,
    key: String,
    /// Moves the bytes; ends with the connection.
    _moving: JoinSet<()>,
}

impl Connection {
    /// Connects; each request carries `key` as its API key.
    pub async fn open(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut moving = JoinSet::new();
        moving.spawn(async move {
            // A server that goes away is seen by whoever waits for its reply.
            _ = connection.await;
        });
        Ok(Self { send, host: address.to_string(), key: key.to_owned(), _moving: moving })
    }

    async fn send(&mut self, method: Method, path: &str, accept: &str, body: Body) -> anyhow::Result<Response<Body>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-api-key", &self.key)
            .body(body)?;
        self.send.ready().await?;
        Ok(self.send.send_request(request).await?.map(Body::new))
    }

    /// Sends a request and reads the reply, which has to be a success.
    pub async fn call(&mut self, method: Method, path: &str, body: impl Into<Body>) -> anyhow::Result<Bytes> {
        let (status, reply) = self.try_call(method, path, body).await?;
        ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&reply));
        Ok(reply)
    }

    /// Sends a request and reads the reply, whatever it is.
    pub async fn try_call(
        &mut self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let response = self.send(method, path, "application/json", body.into()).await?;
        let status = response.status();
        Ok((status, to_bytes(response.into_body(), MAX_REPLY).await?))
    }

    /// Opens an event stream on this connection.
    pub async fn follow(mut self, path: &str) -> anyhow::Result<EventStream> {
        let response = self.send(Method::GET, path, "text/event-stream", Body::empty()).await?;
        let status = response.status();
        ensure!(status == StatusCode::OK, "the stream {path} was answered {status}");
        let data = response.into_body().into_data_stream();
        Ok(EventStream { data, buffer: BytesMut::new(), _connection: self })
    }
}

/// An open event stream.
pub struct EventStream {
    data: BodyDataStream,
    buffer: BytesMut,
    _connection: Connection,
}

impl EventStream {
    /// The next frame without the empty line that ends it; none at the end of the stream.
    pub async fn frame(&mut self) -> anyhow::Result<Option<Bytes>> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.buffer[looked_at..].windows(2).position(|pair| pair == b"\n\n") {
                let mut frame = self.buffer.split_to(looked_at + end + 2);
                frame.truncate(looked_at + end);
                return Ok(Some(frame.freeze()));
            }
            looked_at = self.buffer.len().saturating_sub(1);
            match self.data.next().await {
                Some(bytes) => self.buffer.extend_from_slice(&bytes?),
                None => return Ok(None),
            }
        }
    }

    /// The next frame that holds `text`.
    pub async fn frame_with(&mut self, text: &str) -> anyhow::Result<Bytes> {
        while let Some(frame) = self.frame().await? {
            if frame.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Ok(frame);
            }
        }
        bail!("a stream ended before `{text}` was seen")
    }

    /// Reads to the end of the stream, or to `enough` frames, and counts the frames that hold an event.
    pub async fn count_events(&mut self, enough: usize) -> anyhow::Result<usize> {
        let mut counter = FrameCounter::default();
        counter.add(&self.buffer);
        while counter.frames < enough {
            match self.data.next().await {
                Some(bytes) => counter.add(&bytes?),
                None => break,
            }
        }
        Ok(counter.frames)
    }
}

/// Counts the lines that begin with `id:`, over any cuts between the parts.
struct FrameCounter {
    frames: usize,
    /// How much of `\nid:` the end of the last part was.
    matched: usize,
}

impl Default for FrameCounter {
    fn default() -> Self {
        // The start of a stream begins a line.
        Self { frames: 0, matched: 1 }
    }
}

impl FrameCounter {
    fn add(&mut self, part: &[u8]) {
        const MARK: &[u8] = b"\nid:";
        let mut rest = part;
        while !rest.is_empty() {
            if self.matched == 0 {
                // Line feeds are rare: bodies escape theirs.
                let Some(at) = rest.iter().position(|byte| *byte == b'\n') else { return };
                rest = &rest[at + 1..];
                self.matched = 1;
                continue;
            }
            let byte = rest[0];
            if byte == MARK[self.matched] {
                self.matched += 1;
                if self.matched == MARK.len() {
                    self.frames += 1;
                    self.matched = 0;
                }
                rest = &rest[1..];
            } else if byte == b'\n' {
                self.matched = 1;
                rest = &rest[1..];
            } else {
                self.matched = 0;
            }
        }
    }
}

/// The text of a JSON string member, found without reading the rest: the first one of this name, or the last one.
pub fn member(json: &[u8], name: &str, place: Place) -> anyhow::Result<String> {
    let text = std::str::from_utf8(json)?;
    let mark = format!("\"{name}\":\"");
    let at = match place {
        Place::First => text.find(&mark),
        Place::Last => text.rfind(&mark),
    };
    let rest = at.map(|at| &text[at + mark.len()..]).with_context(|| format!("a reply has no `{name}`: {text}"))?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// Which of several members of one name.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The first one in the text.
    First,
    /// The last one in the text.
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_over_any_cuts() {
        let stream = b"retry: 1000\n: hello\n\nid: 1\ndata: {\"a\":\"id:\"}\n\nid: 2\ndata: {}\n\n: heartbeat\n\nid: 3\ndata: 1\n\n";
        for size in 1..stream.len() {
            let mut counter = FrameCounter::default();
            stream.chunks(size).for_each(|part| counter.add(part));
            assert_eq!(counter.frames, 3, "parts of {size} bytes");
        }
    }

    #[test]
    fn members_are_found_at_both_ends() {
        let json = br#"{"id":"a","other":{"id":"b"}}"#;
        assert_eq!(member(json, "id", Place::First).unwrap(), "a");
        assert_eq!(member(json, "id", Place::Last).unwrap(), "b");
        assert!(member(json, "none", Place::First).is_err());
    }
}
