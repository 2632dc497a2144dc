//! Checks of the streams of an execution that has ended: all of them have to be its log.

use std::{collections::BTreeSet, fmt::Write, time::Duration};

use crate::client::{
    Client,
    follow::{Follower, Heard, Received},
    sse::{Message, Part},
};

use super::{
    Chance,
    proxy::{Fault, Proxy},
    reading::{self, Next, Reading, event_of, is_end},
    report::Checked,
    subject::Subject,
};

/// The most cursors that are tried; of a longer log every n-th.
const MOST_CURSORS: usize = 200;
/// Cuts of one follower.
const CUTS: usize = 6;

/// An execution that has ended, and its log.
pub(super) struct Stored<'a> {
    pub subject: &'a Subject,
    pub log: Vec<Received>,
    pub patience: Duration,
}

/// What a first read of the whole stream has shown.
pub(super) struct FirstRead {
    pub framing: Checked,
    pub dense: Checked,
    pub once: Checked,
    pub order: Checked,
    pub same_bytes: Checked,
    pub one_end: Checked,
    /// The stream's bytes.
    pub length: usize,
}

fn odd(message: &Message) -> Option<String> {
    let id = message.id.as_deref().unwrap_or_default();
    let event = event_of(message);
    let data = message.data.as_deref().unwrap_or_default();
    if message.event.is_some() {
        return Some(format!("message {id} has an `event:` line, so `onmessage` does not see it"));
    }
    if message.data_lines != 1 {
        return Some(format!("message {id} has {} `data:` lines in place of one", message.data_lines));
    }
    if !event.is_object() {
        return Some(format!("the data of message {id} is no JSON object: {data}"));
    }
    if event["type"].as_str().is_none_or(str::is_empty) {
        return Some(format!("message {id} has no `type`"));
    }
    match message.id.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(seq)) if event["seq"] == seq => None,
        Some(Ok(seq)) => Some(format!("message {seq} says `seq` {}", event["seq"])),
        Some(Err(_)) => Some(format!("the id `{id}` is no position")),
    }
}

impl Stored<'_> {
    fn client(&self) -> &Client {
        &self.subject.client
    }

    fn after(&self, cursor: i64) -> Vec<&Received> {
        self.log.iter().filter(|event| event.seq > cursor).collect()
    }

    /// Every cursor with something after it, or every n-th.
    fn cursors(&self) -> impl Iterator<Item = i64> {
        let last = self.log.last().map_or(0, |event| event.seq);
        let step = self.log.len().div_ceil(MOST_CURSORS).max(1);
        (0..last).step_by(step)
    }

    async fn read(&self, query: &str, cursor: Option<i64>) -> Result<Reading, String> {
        let path = format!("{}{query}", self.subject.events());
        let cursor = cursor.map(|cursor| cursor.to_string());
        reading::read(self.client(), &path, cursor.as_deref(), self.patience).await
    }

    /// The log as JSON, by small pages and by large ones.
    pub async fn json_log(&self) -> Checked {
        let small = self.subject.log_by(7).await.map_err(|error| error.to_string())?;
        let positions: Vec<i64> = self.log.iter().map(|event| event.seq).collect();
        let dense: Vec<i64> = (1..=self.log.len() as i64).collect();
        if positions != dense {
            return Err(format!("its positions are {positions:?}"));
        }
        match self.log.iter().zip(&small).find(|(one, two)| one != two) {
            Some((one, _)) => Err(format!("event {} differs between pages of 7 and of 1000", one.seq)),
            None if small.len() != self.log.len() => {
                Err(format!("{} events by pages of 7, {} by pages of 1000", small.len(), self.log.len()))
            }
            None => Ok(format!("{} events, by pages of 7 and of 1000", self.log.len())),
        }
    }

    /// Reads the whole stream twice, and looks at it from all sides.
    pub async fn first_read(&self) -> Result<FirstRead, String> {
        let (one, two) = (self.read("", None).await?, self.read("", Some(0)).await?);
        let ids: Vec<i64> = one.events().filter_map(|message| message.id.as_deref()?.parse().ok()).collect();
        let framing = match one.messages.iter().find_map(odd) {
            Some(odd) => Err(odd),
            None => Ok(format!("{} messages, texts with every kind of line break among them", one.messages.len())),
        };
        let seen: BTreeSet<i64> = ids.iter().copied().collect();
        let missing: Vec<i64> = self.log.iter().map(|event| event.seq).filter(|seq| !seen.contains(seq)).collect();
        let dense = match missing.as_slice() {
            [] => Ok(format!("1 to {}", self.log.len())),
            missing => Err(format!("the log has {} events, and these did not come: {missing:?}", self.log.len())),
        };
        let mut before = BTreeSet::new();
        let repeated: Vec<i64> = ids.iter().copied().filter(|id| !before.insert(*id)).collect();
        let once = match repeated.as_slice() {
            [] => Ok(format!("{} events, each once", ids.len())),
            repeated => Err(format!("these came more than once: {repeated:?}")),
        };
        let fell = ids.windows(2).find(|pair| pair[1] < pair[0]);
        let order = match fell {
            None => Ok("each position is above the one before".to_owned()),
            Some(pair) => Err(format!("event {} came after event {}", pair[1], pair[0])),
        };
        let other = one.events().find(|message| {
            let stored = self.log.iter().find(|event| Some(event.seq.to_string().as_str()) == message.id.as_deref());
            stored.is_some_and(|stored| message.data.as_deref() != Some(stored.body.as_str()))
        });
        let twice: Vec<&Message> = two.events().collect();
        let same_bytes = match other {
            Some(message) => {
                Err(format!("event {} has other bytes than in the log", message.id.as_deref().unwrap_or("?")))
            }
            None if one.events().ne(twice.iter().copied()) => Err("two reads of the same stream differ".to_owned()),
            None => Ok("two reads and the log as JSON are the same, to the byte".to_owned()),
        };
        Ok(FirstRead { framing, dense, once, order, same_bytes, one_end: Self::one_end(&one), length: one.raw.len() })
    }

    fn one_end(read: &Reading) -> Checked {
        let ends: Vec<&Message> = read.messages.iter().filter(|message| is_end(message)).collect();
        let last = read.messages.last();
        match ends.as_slice() {
            [] => Err(format!(
                "the execution has ended, and its stream has no event that says so; {}",
                read.trouble.as_deref().unwrap_or("it just closed")
            )),
            [end] if last != Some(*end) => Err("something follows the event that ends the execution".to_owned()),
            [end] if event_of(end)["nodes"].as_array().is_none_or(Vec::is_empty) => {
                Err("the event that ends the execution has no `nodes`".to_owned())
            }
            [_] => match &read.trouble {
                None => Ok("it is the last one, and the stream closed after it".to_owned()),
                Some(trouble) => Err(format!("after the event that ends the execution: {trouble}")),
            },
            several => Err(format!("{} events end the execution", several.len())),
        }
    }

    /// Resumes after every event by the header.
    pub async fn resume_by_header(&self) -> Checked {
        let mut tried = 0;
        for cursor in self.cursors() {
            let read = self.read("", Some(cursor)).await?;
            if let Some(difference) = read.differs_from(&self.after(cursor)) {
                return Err(format!("after `Last-Event-ID: {cursor}`: {difference}"));
            }
            tried += 1;
        }
        Ok(format!("{tried} cursors, the rest of the log after each"))
    }

    /// Resumes after every event by the query.
    pub async fn resume_by_query(&self) -> Checked {
        let mut tried = 0;
        for cursor in self.cursors() {
            let read = self.read(&format!("?after={cursor}"), None).await?;
            if let Some(difference) = read.differs_from(&self.after(cursor)) {
                return Err(format!("with `?after={cursor}`: {difference}"));
            }
            tried += 1;
        }
        let middle = self.log.len() as i64 / 2;
        let read = self.read("?after=0", Some(middle)).await?;
        match read.differs_from(&self.after(middle)) {
            Some(difference) => Err(format!("with `?after=0` and `Last-Event-ID: {middle}`: {difference}")),
            None => Ok(format!("{tried} cursors; with both, the header's is followed")),
        }
    }

    /// The status of a request for a stream at this cursor.
    async fn status(&self, query: &str, cursor: Option<&str>) -> Result<(u16, String), String> {
        let response = reading::open(self.client(), &format!("{}{query}", self.subject.events()), cursor).await?;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        Ok((response.status().as_u16(), kind.to_owned()))
    }

    /// The cursor at the end.
    pub async fn after_end(&self) -> Checked {
        let last = self.log.len().to_string();
        for (query, cursor) in [(String::new(), Some(last.as_str())), (format!("?after={last}"), None)] {
            let (status, _) = self.status(&query, cursor).await?;
            if status != 204 {
                return Err(format!("a cursor at the end was answered {status}, and a browser comes again for ever"));
            }
        }
        Ok("204 for the header and for the query".to_owned())
    }

    /// Cursors that nobody can have.
    pub async fn beyond_end(&self) -> Checked {
        let beyond = (self.log.len() + 1).to_string();
        for cursor in [beyond.as_str(), "-1", "x", "1.5"] {
            for (query, header) in [(String::new(), Some(cursor)), (format!("?after={cursor}"), None)] {
                let (status, kind) = self.status(&query, header).await?;
                if status != 400 || !kind.starts_with("application/problem+json") {
                    return Err(format!(
                        "the cursor `{cursor}` was answered {status} {kind} in place of a 400 problem"
                    ));
                }
            }
        }
        Ok(format!("400 for {beyond}, -1, x and 1.5"))
    }

    /// Filters by one type, by two, and from the middle.
    pub async fn types(&self) -> Checked {
        let kinds: BTreeSet<&str> = self.log.iter().map(Received::kind).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let mut filters: Vec<Vec<&str>> = kinds.iter().map(|kind| vec![*kind]).collect();
        filters.extend(kinds.windows(2).map(<[&str]>::to_vec));
        for filter in &filters {
            let list = filter.join(",");
            let fitting: Vec<&Received> = self.log.iter().filter(|event| filter.contains(&event.kind())).collect();
            for cursor in [0, fitting.get(fitting.len() / 2).map_or(0, |event| event.seq), self.log.len() as i64 / 2] {
                let rest: Vec<&Received> = fitting.iter().copied().filter(|event| event.seq > cursor).collect();
                if rest.is_empty() {
                    let (status, _) = self.status(&format!("?types={list}"), Some(&cursor.to_string())).await?;
                    if status != 204 {
                        return Err(format!(
                            "with `?types={list}` nothing follows {cursor}, and that was answered {status}"
                        ));
                    }
                    continue;
                }
                let read = self.read(&format!("?types={list}"), Some(cursor)).await?;
                if let Some(difference) = read.differs_from(&rest) {
                    return Err(format!("with `?types={list}` after {cursor}: {difference}"));
                }
            }
        }
        Ok(format!("{} filters, each from three cursors, with the positions of the whole log", filters.len()))
    }

    /// A snapshot in front.
    pub async fn snapshot(&self) -> Checked {
        let read = self.read("?snapshot=true", None).await?;
        let Some(first) = read.messages.first() else { return Err("nothing came".to_owned()) };
        let event = event_of(first);
        if event["type"] != "stream_snapshot" || first.id.is_some() {
            return Err(format!("the first message is `{}` with the id {:?}", event["type"], first.id));
        }
        if event["execution"]["id"] != self.subject.id.as_str() {
            return Err("the snapshot is of another execution, or of none".to_owned());
        }
        match read.differs_from(&self.after(0)) {
            Some(difference) => Err(format!("after the snapshot: {difference}")),
            None => Ok("the execution, and then its whole log".to_owned()),
        }
    }

    /// Followers through a proxy that cuts their connections.
    pub async fn cuts(&self, followers: usize, length: usize, chance: &mut Chance, key: Option<&str>) -> Checked {
        let mut cuts = 0;
        for number in 1..=followers {
            // About as much as all cuts together let through.
            let at: Vec<usize> = (0..CUTS).map(|_| 1 + chance.below(length / CUTS * 2)).collect();
            let proxy = self.proxy(Fault::Cut(at.clone())).await?;
            self.follow(&proxy, key)
                .await
                .map_err(|why| format!("follower {number}, cut after {at:?} bytes: {why}"))?;
            cuts += (proxy.streams() - 1).min(CUTS);
        }
        Ok(format!("{followers} followers came through {cuts} cuts"))
    }

    /// A follower through a proxy that sends everything twice and slowly.
    pub async fn repeats(&self, key: Option<&str>) -> Checked {
        let proxy = self.proxy(Fault::Repeat).await?;
        let repeated = self.follow(&proxy, key).await?;
        Ok(format!("{repeated} repetitions were told by their positions"))
    }

    async fn proxy(&self, fault: Fault) -> Result<Proxy, String> {
        Proxy::start(self.client().base(), fault).await.map_err(|error| format!("the proxy: {error}"))
    }

    /// Follows through a proxy, and compares with the log; how many repetitions came.
    async fn follow(&self, proxy: &Proxy, key: Option<&str>) -> Result<u32, String> {
        let client = Client::new(&proxy.url, key).map_err(|error| error.to_string())?;
        let mut follower = Follower::new(client, &self.subject.path, 0).giving_up_after(self.patience);
        let mut received: Vec<Received> = Vec::new();
        let following = async {
            while let Some(heard) = follower.next().await.map_err(|error| error.to_string())? {
                if let Heard::Event(event) = heard {
                    received.push(event);
                }
            }
            Ok::<_, String>(())
        };
        match tokio::time::timeout(self.patience * 6, following).await {
            Err(_) => return Err(format!("the end did not come; {} of {} events did", received.len(), self.log.len())),
            Ok(followed) => followed?,
        }
        if received == self.log {
            return Ok(follower.tally().repeated);
        }
        let mut why = format!("{} events came in place of {}", received.len(), self.log.len());
        if let Some((got, wanted)) = received.iter().zip(&self.log).find(|(got, wanted)| got != wanted) {
            _ = write!(why, "; event {} differs from {}", got.seq, wanted.seq);
        }
        Err(why)
    }
}

/// Reads a feed (the stream of a pod or of the inbox) after a cursor, up to a message that fits.
pub(super) async fn read_feed(
    client: &Client,
    path: &str,
    cursor: &str,
    patience: Duration,
    fits: impl Fn(&Message) -> bool,
) -> Result<Vec<Message>, String> {
    let mut stream = reading::stream(client, path, Some(cursor), patience).await?;
    let mut messages = Vec::new();
    loop {
        match stream.next(patience).await {
            Next::Part(Part::Message(message)) => {
                let enough = fits(&message);
                if message.data.is_some() {
                    messages.push(message);
                }
                if enough {
                    return Ok(messages);
                }
            }
            Next::Part(_) => {}
            Next::End => return Err("the stream closed before what is there had come".to_owned()),
            Next::Broken(why) => return Err(why),
            Next::Silent => return Err(format!("what is there did not come; {} messages did", messages.len())),
        }
    }
}
