//! Sends spans to a collector by OTLP over HTTP, in its JSON encoding. What the spans are is decided by the engine from recorded events
//! ([`crate::domain::span`]); here they are gathered and sent.
//!
//! Nothing waits for a collector: spans for which there is no room are dropped and counted, and so are those that it does not take.

mod otlp;

use std::time::Duration;

use reqwest::{StatusCode, header::CONTENT_TYPE};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{config::TracesConfig, domain::span::Span};

/// How many spans may wait to be sent.
const ROOM: usize = 8_192;
/// The most spans of one request.
const MAX_BATCH: usize = 512;
/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before a batch is sent again.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Takes spans. Cheap to clone; without a collector they go nowhere.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<mpsc::Sender<Span>>);

impl Spans {
    /// Whether anybody wants them.
    pub fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Hands one over.
    pub fn take(&self, span: &Span) {
        if let Some(room) = &self.0
            && room.try_send(span.clone()).is_err()
        {
            dropped(1);
        }
    }
}

/// Sends what [`Spans`] takes.
pub struct Exporter {
    collector: TracesConfig,
    instance: String,
    client: reqwest::Client,
    coming: mpsc::Receiver<Span>,
}

impl Exporter {
    /// An exporter and what hands spans to it. `instance` tells servers apart.
    pub fn new(collector: TracesConfig, instance: String) -> Result<(Spans, Self), reqwest::Error> {
        // The operator's own address, perhaps inside their network: not for the guarded client of workflows.
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
        let (room, coming) = mpsc::channel(ROOM);
        Ok((Spans(Some(room)), Self { collector, instance, client, coming }))
    }

    /// Sends until `stop` fires, then what is left, once.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                count = self.coming.recv_many(&mut batch, MAX_BATCH) => if count == 0 { break },
            }
            let full = tokio::time::sleep(GATHER);
            tokio::pin!(full);
            while batch.len() < MAX_BATCH {
                let room = MAX_BATCH - batch.len();
                tokio::select! {
                    biased;
                    () = &mut full => break,
                    () = stop.cancelled() => break,
                    count = self.coming.recv_many(&mut batch, room) => if count == 0 { break },
                }
            }
            self.send(&batch, &stop).await;
            batch.clear();
        }
        while let Ok(span) = self.coming.try_recv() {
            batch.push(span);
        }
        for some in batch.chunks(MAX_BATCH) {
            self.send(some, &stop).await;
        }
    }

    async fn send(&self, batch: &[Span], stop: &CancellationToken) {
        let body = otlp::request(batch, &self.collector.service_name, &self.instance).to_string();
        let mut pauses = PAUSES.iter();
        loop {
            let mut request = self.client.post(self.collector.endpoint.clone());
            for (name, value) in &self.collector.headers {
                request = request.header(name, value.expose());
            }
            let reply = request.header(CONTENT_TYPE, "application/json").body(body.clone()).send().await;
            let (reason, passes) = match reply {
                Ok(reply) if reply.status().is_success() => {
                    metrics::counter!("sluicegate_spans_sent_total").increment(batch.len() as u64);
                    return;
                }
                Ok(reply) => (format!("it answers {}", reply.status()), is_passing(reply.status())),
                // Without the address, whose query may hold a key.
                Err(error) => (error.without_url().to_string(), true),
            };
            let pause = pauses.next().filter(|_| passes && !stop.is_cancelled());
            let Some(pause) = pause else {
                tracing::warn!(
                    reason,
                    spans = batch.len(),
                    "the collector of traces did not take spans; they are dropped"
                );
                return dropped(batch.len() as u64);
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(*pause) => {}
            }
        }
    }
}

/// What the protocol names as worth another try.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn dropped(count: u64) {
    metrics::counter!("sluicegate_spans_dropped_total").increment(count);
}
