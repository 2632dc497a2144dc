//! What is still to come of a body that nobody reads any more.
//!
//! A request that is refused before its body was read (too large, not signed in, no such path) drops the body. HTTP/1 has no
//! other way to stop its sender than to close the connection, and a connection that is closed with bytes unread in it is reset:
//! a client that writes all before it reads (RFC 9112, section 9.6) would lose the refusal with it and see a broken pipe. So the
//! rest is read and thrown away for a moment, while the response is written.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;
use hyper::{
    body::{Frame, SizeHint},
    http::{Version, header, request::Parts},
};
use tokio::time::timeout;

/// How long the rest of a body is read.
const LONGEST: Duration = Duration::from_secs(30);
/// How long its sender may send nothing of it.
const PAUSE: Duration = Duration::from_secs(5);

/// A body whose rest is read when it is dropped.
struct Lingering {
    /// Whether its sender waits to be told that the body is wanted, and so has not sent it. Reading is what tells it.
    waits: bool,
    /// None once it has ended or failed.
    body: Option<Body>,
}

/// The body of this request, with its rest read if it is dropped before its end.
pub fn linger(parts: &Parts, body: Body) -> Body {
    // HTTP/2 ends one stream and leaves the connection.
    if parts.version >= Version::HTTP_2 || body.is_end_stream() {
        return body;
    }
    Body::new(Lingering { waits: parts.headers.contains_key(header::EXPECT), body: Some(body) })
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !self.waits && !body.is_end_stream()) else { return };
        // A runtime that ends drops its requests, too.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut rest = body.into_data_stream();
        // Ends with the connection: then the body fails.
        runtime
            .spawn(timeout(LONGEST, async move { while let Ok(Some(Ok(_))) = timeout(PAUSE, rest.next()).await {} }));
    }
}
