//! Checks while an execution waits, and while it goes on: first bytes, heartbeats, the announced close, and live events.

use std::time::{Duration, Instant};

use reqwest::{Method, header};
use serde_json::Value;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::client::{
    Client,
    follow::{Follower, Heard, Received},
    sse::Part,
};

use super::{
    Options,
    proxy::{Fault, Proxy},
    reading::{self, Next, Stream, event_of, is_closing, is_end},
    report::{Checked, Verdict},
    subject::Subject,
};

/// An id that no execution has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
/// How long a follower behind the buffering proxy waits until it takes a connection for mute; three of them are needed.
const MUTE_AFTER: Duration = Duration::from_millis(500);

/// Requests that get no stream.
pub(super) async fn refusals(subject: &Subject) -> Checked {
    let anonymous = Client::new(subject.client.base(), None).map_err(|error| error.to_string())?;
    let unknown = subject.events().replace(&subject.id, NOBODY);
    for (client, path, expected) in [(&anonymous, &subject.events(), 401), (&subject.client, &unknown, 404)] {
        let response = reading::open(client, path, None).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let status = response.status().as_u16();
        if status != expected || !kind.starts_with("application/problem+json") {
            return Err(format!("answered {status} {kind} in place of a {expected} problem"));
        }
    }
    Ok("401 without a key, 404 for an unknown execution".to_owned())
}

/// The headers of a stream.
pub(super) fn headers(stream: &Stream) -> Checked {
    let headers = stream.response.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_lowercase();
    let mut wrong = Vec::new();
    let mut need = |holds: bool, what: &str, name: &str| {
        if !holds {
            wrong.push(format!("{what}, and it is `{}`", text(name)));
        }
    };
    need(
        text("content-type").starts_with("text/event-stream"),
        "`Content-Type` must be text/event-stream",
        "content-type",
    );
    for part in ["no-cache", "no-transform"] {
        need(text("cache-control").contains(part), &format!("`Cache-Control` must have {part}"), "cache-control");
    }
    need(text("x-accel-buffering") == "no", "`X-Accel-Buffering` must be no", "x-accel-buffering");
    need(text("content-encoding").is_empty(), "a stream must not be compressed", "content-encoding");
    need(
        text("sluicegate-stream-version") == "1",
        "`Sluicegate-Stream-Version` must be 1",
        "sluicegate-stream-version",
    );
    if wrong.is_empty() {
        Ok("content type, caching, buffering, version; no compression".to_owned())
    } else {
        Err(wrong.join("; "))
    }
}

/// What was seen of streams on which nothing happens.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    pub first_bytes: Option<Checked>,
    heartbeats: Vec<Duration>,
    /// Per close: how long the stream was open, and what it said.
    closes: Vec<(Duration, Option<Value>)>,
    events: usize,
    trouble: Option<String>,
    watched: Duration,
}

/// Watches a stream at the end of the log of an execution that waits.
pub(super) async fn watch_quiet(subject: &Subject, last: i64, options: &Options) -> Quiet {
    let mut quiet = Quiet::default();
    let begun = Instant::now();
    let for_heartbeat = options.heartbeat * 2 + Duration::from_secs(1);
    let long = options.wait_close.unwrap_or_default().max(for_heartbeat);
    let enough = |quiet: &Quiet| {
        let closes = options.wait_close.is_none() || !quiet.closes.is_empty();
        !quiet.heartbeats.is_empty() && closes
    };
    while begun.elapsed() < long && quiet.trouble.is_none() && !enough(&quiet) {
        let opened = Instant::now();
        let mut stream = match reading::stream(
            &subject.client,
            &subject.events(),
            Some(&last.to_string()),
            options.patience,
        )
        .await
        {
            Ok(stream) => stream,
            Err(why) => {
                quiet.first_bytes.get_or_insert(Err(why.clone()));
                quiet.trouble = Some(why);
                break;
            }
        };
        let mut first = true;
        let mut spoke = opened;
        let mut announced = None;
        loop {
            let left = long.saturating_sub(begun.elapsed());
            let within = if first { options.patience } else { left };
            let next = stream.next(within).await;
            if first {
                first = false;
                quiet.first_bytes.get_or_insert(first_bytes(&next, opened.elapsed(), options.patience));
            }
            match next {
                Next::Part(Part::Comment(_)) if spoke.elapsed() > options.heartbeat / 2 => {
                    quiet.heartbeats.push(spoke.elapsed());
                    spoke = Instant::now();
                }
                Next::Part(Part::Message(message)) if is_closing(&message) => {
                    let id = message.id.clone();
                    let mut said = event_of(&message);
                    if let Some(id) = id {
                        said["id"] = id.into();
                    }
                    announced = Some(said);
                }
                Next::Part(Part::Message(_)) => quiet.events += 1,
                Next::Part(_) => {}
                Next::End => {
                    quiet.closes.push((opened.elapsed(), announced.take()));
                    break;
                }
                Next::Broken(why) => {
                    quiet.trouble = Some(why);
                    break;
                }
                Next::Silent => break,
            }
            if enough(&quiet) || begun.elapsed() >= long {
                break;
            }
        }
    }
    quiet.watched = begun.elapsed();
    quiet
}

fn first_bytes(next: &Next, took: Duration, patience: Duration) -> Checked {
    match next {
        Next::Part(Part::Retry(ms)) => Ok(format!("`retry: {ms}` after {} ms", took.as_millis())),
        Next::Part(other) => Err(format!("the first line is not `retry:` but {other:?}")),
        Next::Silent => Err(format!(
            "the stream is open, and nothing came within {} ms: the server is silent, or something on the way buffers",
            patience.as_millis()
        )),
        Next::End => Err("the stream closed at once".to_owned()),
        Next::Broken(why) => Err(why.clone()),
    }
}

impl Quiet {
    pub fn heartbeat(&self, every: Duration) -> Verdict {
        let most = every * 2;
        match self.heartbeats.first() {
            Some(gap) if *gap <= most => Verdict::Passed(format!("a comment after {} ms", gap.as_millis())),
            Some(gap) => Verdict::Failed(format!(
                "a comment came after {} ms only, and every {} ms one is due",
                gap.as_millis(),
                every.as_millis()
            )),
            None if self.closes.iter().any(|(open, _)| *open < most) => {
                Verdict::Skipped("the streams closed before a heartbeat was due".to_owned())
            }
            None => Verdict::Failed(format!(
                "nothing came for {} ms, and every {} ms a comment is due",
                self.watched.as_millis(),
                every.as_millis()
            )),
        }
    }

    pub fn announced_close(&self, last: i64, wait: Option<Duration>) -> Verdict {
        if let Some((open, _)) = self.closes.iter().find(|(_, said)| said.is_none()) {
            return Verdict::Failed(format!("a stream closed after {} ms without a word", open.as_millis()));
        }
        if let Some(trouble) = &self.trouble {
            return Verdict::Failed(trouble.clone());
        }
        let Some((open, Some(said))) = self.closes.first() else {
            let seen = self.watched.as_millis();
            return Verdict::Skipped(match wait {
                Some(_) => format!("the stream stayed open for {seen} ms, as long as --wait-close says"),
                None => format!("the stream stayed open for {seen} ms; --wait-close 11m waits for the close"),
            });
        };
        let wrong = if said.get("id").is_some() {
            "it has an id, and would become a cursor"
        } else if said["after"].as_str() != Some(last.to_string().as_str()) {
            "`after` is not the cursor to go on from"
        } else if !said["reason"].is_string() {
            "it gives no reason"
        } else if !said["retryMs"].is_number() {
            "it does not say when to come again (`retryMs`)"
        } else {
            return Verdict::Passed(format!(
                "`{}` after {} ms, to go on after {last}",
                said["reason"],
                open.as_millis()
            ));
        };
        Verdict::Failed(format!("{wrong}: {said}"))
    }

    pub fn open_while_suspended(&self) -> Checked {
        if let Some((open, _)) = self.closes.iter().find(|(_, said)| said.is_none()) {
            return Err(format!("the stream of an execution that waits closed after {} ms", open.as_millis()));
        }
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        if self.events > 0 {
            return Err(format!("{} events came while nothing happened", self.events));
        }
        Ok(format!("quiet for {} ms, and open but for announced closes", self.watched.as_millis()))
    }
}

/// A follower behind a proxy that holds streams back; it goes on while other checks are made.
pub(super) struct Behind {
    following: AbortOnDropHandle<Result<(Vec<Received>, bool), String>>,
    _proxy: Proxy,
}

impl Behind {
    pub async fn start(subject: &Subject, key: Option<&str>) -> Result<Self, String> {
        let proxy =
            Proxy::start(subject.client.base(), Fault::Buffer).await.map_err(|error| format!("the proxy: {error}"))?;
        let client = Client::new(&proxy.url, key).map_err(|error| error.to_string())?;
        let mut follower = Follower::new(client, &subject.path, 0).giving_up_after(MUTE_AFTER);
        let following = TaskTracker::new().spawn(async move {
            let mut received = Vec::new();
            while let Some(heard) = follower.next().await.map_err(|error| error.to_string())? {
                if let Heard::Event(event) = heard {
                    received.push(event);
                }
            }
            Ok((received, follower.tally().polling))
        });
        Ok(Self { following: AbortOnDropHandle::new(following), _proxy: proxy })
    }

    /// Compares with the log once the execution has ended.
    pub async fn verdict(self, log: &[Received], patience: Duration) -> Checked {
        let followed = tokio::time::timeout(patience * 4, self.following).await;
        let followed = followed.map_err(|_| "the follower behind the proxy did not get to the end".to_owned())?;
        let (received, polling) = followed.map_err(|error| error.to_string())??;
        match (received == log, polling) {
            (true, true) => Ok("three streams stayed mute, and the log as JSON gave every event once".to_owned()),
            (true, false) => Ok("every event came once".to_owned()),
            (false, _) => Err(format!("{} events came in place of {}, or others", received.len(), log.len())),
        }
    }
}

/// Opens one stream from the beginning and one at the end of the log, gives the answer, and reads both to the end.
pub(super) async fn live(
    subject: &Subject,
    known: &[Received],
    options: &Options,
) -> Result<(Checked, Vec<Received>), crate::client::ClientError> {
    let last = known.len().to_string();
    let opened = async {
        let mut whole = reading::stream(&subject.client, &subject.events(), None, options.patience).await?;
        // What is stored comes before the answer is given, so what follows is live.
        let mut stored = 0;
        while stored < known.len() {
            match whole.next(options.patience).await {
                Next::Part(Part::Message(message)) if message.id.is_some() => stored += 1,
                Next::Part(_) => {}
                Next::Silent => {
                    return Err(format!(
                        "{stored} of {} stored events came within {} ms",
                        known.len(),
                        options.patience.as_millis()
                    ));
                }
                other => return Err(format!("{stored} of {} stored events came, and then {other:?}", known.len())),
            }
        }
        let rest = reading::stream(&subject.client, &subject.events(), Some(&last), options.patience).await?;
        Ok((whole, rest))
    };
    let opened: Result<_, String> = opened.await;
    let begun = Instant::now();
    subject.approve().await?;
    let log = subject.until_ended(options.patience * 4).await?;
    let (whole, rest) = match opened {
        Ok(opened) => opened,
        Err(why) => return Ok((Err(why), log)),
    };
    let live: Vec<&Received> = log.iter().filter(|event| event.seq > known.len() as i64).collect();
    for (stream, what) in [(whole, "from the beginning"), (rest, "from the end of the log")] {
        let read = stream.rest(options.patience).await;
        if let Some(difference) = read.differs_from(&live) {
            return Ok((Err(format!("on a stream {what}, after the answer: {difference}")), log));
        }
        if !read.messages.last().is_some_and(is_end) {
            return Ok((Err(format!("a stream {what} does not end with the event that ends the execution")), log));
        }
    }
    let took = begun.elapsed().as_millis();
    Ok((Ok(format!("{} events on two streams, the end within {took} ms of the answer", live.len())), log))
}

/// The cursor at which the stream of a pod or of the inbox begins now.
pub(super) async fn feed_cursor(client: &Client, path: &str, patience: Duration) -> Result<String, String> {
    let mut stream = reading::stream(client, path, None, patience).await?;
    loop {
        match stream.next(patience).await {
            Next::Part(Part::Message(message)) => {
                return message.id.ok_or_else(|| "the first message has no cursor".to_owned());
            }
            Next::Part(_) => {}
            other => return Err(format!("no cursor to begin with: {other:?}")),
        }
    }
}

/// Whether a server answers at all.
pub(super) async fn reach(client: &Client) -> Result<(), crate::client::ClientError> {
    client.request(Method::GET, "/healthz").send().await.map(drop).map_err(|error| {
        crate::client::ClientError::Unreachable { url: client.base().to_owned(), reason: error.to_string() }
    })
}
