//! The server loop: connections in, two stages of shutdown out.
//!
//! Built on hyper's connection builder and not on `axum::serve`, because thousands of idle event streams need small buffers,
//! slow clients a limit for their headers, and the shutdown a second stage. The caller owns the socket and the stop signals.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{linger::linger, refusals::Peer, write_deadline::WriteDeadline};

/// How long a client may take to send a request's head, and how long an idle connection waits for the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// The most that is buffered of a head, and of a response that the client does not take. hyper takes 8 KiB at least.
const BUFFER_BYTES: usize = 16 * 1024;
/// A pause after the system refused a connection (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// When the server stops.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// No new connections and requests; those that run go on. Event streams watch this token and say goodbye.
    pub soft: CancellationToken,
    /// What still runs is dropped.
    pub hard: CancellationToken,
}

/// Serves `router` on `listener` until a soft stop and the end of all connections, or a hard stop.
pub async fn run(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let connections = TaskTracker::new();
    let builder = connection_builder();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.soft.cancelled() => break,
            () = shutdown.hard.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(serve(builder.clone(), (stream, Peer(peer.ip())), router.clone(), shutdown.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Closed first: from here on, nobody waits in the backlog for a server that will not come.
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn connection_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(250)
        .max_send_buf_size(BUFFER_BYTES)
        .max_header_list_size(BUFFER_BYTES as u32);
    builder
}

async fn serve(
    builder: auto::Builder<TokioExecutor>,
    (stream, peer): (TcpStream, Peer),
    router: Router,
    shutdown: Shutdown,
) {
    // Events are small and must not wait for more of them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it was served");
        return;
    }
    let service = TowerToHyperService::new(router.map_request(move |request: Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        let body = linger(&parts, Body::new(body));
        parts.extensions.insert(peer);
        Request::from_parts(parts, body)
    }));
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(WriteDeadline::new(stream, WRITE_TIMEOUT)), service));
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            () = shutdown.hard.cancelled() => return,
            () = shutdown.soft.cancelled(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            result = &mut connection => {
                if let Err(error) = result {
                    // Clients leave as they like; this is no failure of ours.
                    tracing::debug!(error = %error, "a connection ended early");
                }
                return;
            }
        }
    }
}

/// Errors that say something about one connection and nothing about the listener.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// The router answers everything itself.
const _: fn() = || {
    fn infallible<T: tower::Service<Request, Error = Infallible>>() {}
    infallible::<Router>();
};
