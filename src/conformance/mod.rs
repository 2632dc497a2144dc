//! Checks any installation against the published stream contract (`docs/stream-contract.md`), rule by rule.
//!
//! The truth is the event log as JSON; every stream is compared with it. One execution is enough: it waits while quiet streams are
//! looked at, goes on while live ones are, and has ended when its log is read from every cursor.

mod live;
mod proxy;
mod reading;
mod report;
mod rules;
mod stored;
mod subject;

use std::time::Duration;

use crate::client::{
    Client, ClientError,
    follow::{Received, TERMINAL_TYPES},
    sse::Message,
};
use live::Behind;
use reading::event_of;
use report::{Checked, Verdict};
use stored::Stored;
use subject::Subject;

pub use report::{Finding, Outcome, Report};
pub use rules::{RULES, Rule};

/// What is checked, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// A client of the server.
    pub client: Client,
    /// Its key, for clients that go through proxies.
    pub key: Option<String>,
    /// The path of the workspace.
    pub workspace: String,
    /// The path of the pod.
    pub pod: String,
    /// What chance is made of.
    pub seed: u64,
    /// How often a quiet stream shows that it is alive.
    pub heartbeat: Duration,
    /// How long the announced close is waited for; none does not wait.
    pub wait_close: Option<Duration>,
    /// Followers whose connections are cut.
    pub cuts: usize,
    /// How long what should be at once may take.
    pub patience: Duration,
}

/// The most cursors of a feed that are tried.
const MOST_FEED_CURSORS: usize = 40;

/// Numbers by chance, the same for the same seed (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % limit.max(1)
    }
}

/// Gathers what is found, and tells of it at once.
struct Findings<'a> {
    all: Vec<Finding>,
    tell: &'a mut (dyn FnMut(&Finding) + Send),
}

impl Findings<'_> {
    fn add(&mut self, rule: Rule, verdict: impl Into<Verdict>) {
        let finding = verdict.into().about(rule);
        (self.tell)(&finding);
        self.all.push(finding);
    }
}

/// Checks a server; each finding is told as soon as there is one. Fails only if the checks themselves can't be made.
pub async fn check(options: &Options, tell: &mut (dyn FnMut(&Finding) + Send)) -> Result<Report, ClientError> {
    live::reach(&options.client).await?;
    let mut findings = Findings { all: Vec::new(), tell };
    let feeds = Feeds::begin(options).await;
    let subject = Subject::trigger(&options.client, &options.pod).await?;
    let checked = check_subject(options, &subject, &feeds, &mut findings).await;
    if checked.is_err() {
        subject.abandon().await;
    }
    checked?;
    let passed = findings.all.iter().all(|finding| finding.outcome != Outcome::Failed);
    Ok(Report { url: options.client.base().to_owned(), seed: options.seed, passed, findings: findings.all })
}

async fn check_subject(
    options: &Options,
    subject: &Subject,
    feeds: &Feeds,
    findings: &mut Findings<'_>,
) -> Result<(), ClientError> {
    let key = options.key.as_deref();
    let known = subject.until_suspended(options.patience * 4).await?;
    let last = known.last().map_or(0, |event| event.seq);

    findings.add(rules::REFUSALS, live::refusals(subject).await);
    let opened = reading::stream(&options.client, &subject.events(), None, options.patience).await;
    findings.add(rules::HEADERS, opened.and_then(|stream| live::headers(&stream)));
    let behind = Behind::start(subject, key).await;
    let quiet = live::watch_quiet(subject, last, options).await;
    findings.add(rules::FIRST_BYTES, quiet.first_bytes.clone().unwrap_or_else(|| Err("no stream opened".to_owned())));
    findings.add(rules::HEARTBEAT, quiet.heartbeat(options.heartbeat));
    findings.add(rules::ANNOUNCED_CLOSE, quiet.announced_close(last, options.wait_close));
    findings.add(rules::OPEN_WHILE_SUSPENDED, quiet.open_while_suspended());

    let (live, log) = live::live(subject, &known, options).await?;
    findings.add(rules::LIVE, live);
    let behind = match behind {
        Ok(behind) => behind.verdict(&log, options.patience).await,
        Err(why) => Err(why),
    };
    findings.add(rules::BUFFERING, behind);

    let stored = Stored { subject, log, patience: options.patience };
    findings.add(rules::JSON_LOG, stored.json_log().await);
    let length = match stored.first_read().await {
        Ok(read) => {
            findings.add(rules::FRAMING, read.framing);
            findings.add(rules::DENSE, read.dense);
            findings.add(rules::ONCE, read.once);
            findings.add(rules::ORDER, read.order);
            findings.add(rules::SAME_BYTES, read.same_bytes);
            findings.add(rules::ONE_END, read.one_end);
            read.length
        }
        Err(why) => {
            for rule in [rules::FRAMING, rules::DENSE, rules::ONCE, rules::ORDER, rules::SAME_BYTES, rules::ONE_END] {
                findings.add(rule, Checked::Err(why.clone()));
            }
            0
        }
    };
    findings.add(rules::AFTER_END, stored.after_end().await);
    findings.add(rules::BEYOND_END, stored.beyond_end().await);
    findings.add(rules::RESUME_HEADER, stored.resume_by_header().await);
    findings.add(rules::RESUME_QUERY, stored.resume_by_query().await);
    findings.add(rules::TYPES, stored.types().await);
    findings.add(rules::SNAPSHOT, stored.snapshot().await);
    findings.add(rules::CUTS, stored.cuts(options.cuts, length, &mut Chance(options.seed), key).await);
    findings.add(rules::REPEATS, stored.repeats(key).await);
    findings.add(rules::POD_STREAM, feeds.pod(options, &stored.log, subject).await);
    findings.add(rules::INBOX_STREAM, feeds.inbox(options, subject).await);
    Ok(())
}

/// The streams over many executions, and where they were before the execution was triggered.
struct Feeds {
    pod_path: String,
    inbox_path: String,
    pod: Result<String, String>,
    inbox: Result<String, String>,
}

impl Feeds {
    async fn begin(options: &Options) -> Self {
        let pod_path = format!("{}/events", options.pod);
        let inbox_path = format!("{}/suspensions/events", options.workspace);
        let pod = live::feed_cursor(&options.client, &pod_path, options.patience).await;
        let inbox = live::feed_cursor(&options.client, &inbox_path, options.patience).await;
        Self { pod_path, inbox_path, pod, inbox }
    }

    /// All status events of the execution, and the same again from each cursor on the way.
    async fn pod(&self, options: &Options, log: &[Received], subject: &Subject) -> Checked {
        let is_own = |message: &Message| event_of(message)["executionId"] == subject.id.as_str();
        let ends = |message: &Message| {
            is_own(message) && event_of(message)["type"].as_str().is_some_and(|kind| TERMINAL_TYPES.contains(&kind))
        };
        let messages = resumed(options, &self.pod_path, self.pod.clone()?, ends).await?;
        let told: Vec<i64> = messages
            .iter()
            .filter(|message| is_own(message))
            .filter_map(|message| event_of(message)["seq"].as_i64())
            .collect();
        let is_status = |event: &&Received| {
            event.is_end() || ["execution_status", "execution_suspended", "suspension_update"].contains(&event.kind())
        };
        let expected: Vec<i64> = log.iter().filter(is_status).map(|event| event.seq).collect();
        if told != expected {
            return Err(format!("of the execution it tells events {told:?} in place of {expected:?}"));
        }
        Ok(format!("{} events, and the same again after each of them", messages.len()))
    }

    /// The question and its answer.
    async fn inbox(&self, options: &Options, subject: &Subject) -> Checked {
        let closes = |message: &Message| {
            let event = event_of(message);
            event["executionId"] == subject.id.as_str()
                && event["type"] == "suspension_update"
                && event["state"] != "open"
        };
        let messages = resumed(options, &self.inbox_path, self.inbox.clone()?, closes).await?;
        let asked = messages.iter().any(|message| {
            let event = event_of(message);
            event["executionId"] == subject.id.as_str() && event["interrupt"]["message"].is_string()
        });
        if asked {
            Ok("the question, its message, and that it was answered".to_owned())
        } else {
            Err("the question did not come".to_owned())
        }
    }
}

/// Reads a feed up to a message, and then again after each of the messages.
async fn resumed(
    options: &Options,
    path: &str,
    cursor: String,
    last: impl Fn(&Message) -> bool + Copy,
) -> Result<Vec<Message>, String> {
    let read = async |cursor: &str| stored::read_feed(&options.client, path, cursor, options.patience, last).await;
    let messages = read(&cursor).await?;
    // In a busy pod there is much between; each of the cursors is as good as any other.
    let step = messages.len().div_ceil(MOST_FEED_CURSORS).max(1);
    for (index, message) in messages.iter().enumerate().take(messages.len().saturating_sub(1)).step_by(step) {
        let Some(id) = message.id.as_deref() else { return Err("a message has no cursor".to_owned()) };
        if messages[..index].iter().any(|other| other.id.as_deref() == Some(id)) {
            return Err(format!("the cursor {id} came twice"));
        }
        let rest = read(id).await?;
        if rest != messages[index + 1..] {
            return Err(format!("after the cursor {id} other messages came than the first time"));
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_are_written_down() {
        let text = include_str!("../../docs/stream-contract.md");
        let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(headings, ids, "a heading per rule, in the same order");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let draw = |seed: u64| {
            let mut chance = Chance(seed);
            (0..50).map(|_| chance.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().collect::<BTreeSet<_>>().len() > 40);
    }
}
