//! The hub: from the committer to the streams. One ring of encoded frames per execution that somebody watches; all its
//! subscribers send the same bytes. A subscriber inside the ring is served from memory, one outside pages the store; none is
//! ever waited for, and none has a queue of its own that could grow. Those who page the same stored log share its pages.
//!
//! A subscriber registers before it reads the store, so nothing that is committed meanwhile can be missed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, RwLock, Weak},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::{OnceCell, watch};

use crate::{
    domain::{
        event::{TERMINAL_TYPES, type_of},
        ids::{ExecutionId, WorkspaceId},
    },
    store::{EVENTS_BYTES, Store, StoreError, StoredEvent, commit::EventRow},
};

/// About the most bytes that a ring keeps.
const RING_BYTES: usize = 512 << 10;
/// The most chunks that a ring keeps.
const RING_CHUNKS: usize = 1_024;
/// How many events a subscriber reads from the store at a time.
const PAGE: i64 = 512;
/// About the most bytes of stored pages that are kept for all subscribers together.
const PAGES_BYTES: usize = 8 << 20;
/// The most stored pages that are kept.
const MAX_PAGES: usize = 256;

/// Encoded frames of consecutive events.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The position of the first event.
    pub first: i64,
    /// The position of the last event.
    pub last: i64,
    /// The frames, ready to be sent.
    pub bytes: Bytes,
    /// Per event: where its frame ends, and its type.
    pub frames: Arc<[Frame]>,
}

/// One frame of a chunk.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where the frame ends in the chunk's bytes.
    pub end: usize,
    /// The event's type.
    pub kind: Box<str>,
}

impl Chunk {
    /// Encodes consecutive events; none for an empty list.
    fn encode<'a>(events: impl ExactSizeIterator<Item = (i64, &'a str)> + Clone) -> Option<Self> {
        let (first, _) = events.clone().next()?;
        let size = events.clone().map(|(_, body)| body.len() + 32).sum();
        let mut bytes = BytesMut::with_capacity(size);
        let mut frames = Vec::with_capacity(events.len());
        let mut last = first;
        for (seq, body) in events {
            // A body is one line: JSON escapes line breaks.
            bytes.extend_from_slice(b"id: ");
            bytes.extend_from_slice(seq.to_string().as_bytes());
            bytes.extend_from_slice(b"\ndata: ");
            bytes.extend_from_slice(body.as_bytes());
            bytes.extend_from_slice(b"\n\n");
            frames.push(Frame { end: bytes.len(), kind: type_of(body).into() });
            last = seq;
        }
        Some(Self { first, last, bytes: bytes.freeze(), frames: frames.into() })
    }

    /// Whether the last event ends the execution.
    pub fn is_end(&self) -> bool {
        self.frames.last().is_some_and(|frame| TERMINAL_TYPES.contains(&&*frame.kind))
    }

    /// The frames after position `after`, and of these types only (all, if none are named).
    pub fn select(&self, after: i64, types: &[String]) -> Bytes {
        let skip = usize::try_from((after + 1 - self.first).max(0)).unwrap_or(0);
        let start = if skip == 0 { 0 } else { self.frames.get(skip - 1).map_or(self.bytes.len(), |frame| frame.end) };
        if types.is_empty() {
            return self.bytes.slice(start..);
        }
        let mut selected = BytesMut::new();
        let mut begin = start;
        for frame in self.frames.iter().skip(skip) {
            if types.iter().any(|kind| **kind == *frame.kind) {
                selected.extend_from_slice(&self.bytes[begin..frame.end]);
            }
            begin = frame.end;
        }
        selected.freeze()
    }
}

/// Spreads events to subscribers. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    pages: Mutex<Pages>,
    channels: RwLock<HashMap<ExecutionId, Weak<Channel>>>,
    feeds: Mutex<HashMap<WorkspaceId, Weak<watch::Sender<u64>>>>,
}

struct Channel {
    workspace: WorkspaceId,
    id: ExecutionId,
    ring: Mutex<Ring>,
    /// The highest position known to be durable; 0 while unknown.
    known: watch::Sender<i64>,
    hub: Weak<Inner>,
}

#[derive(Default)]
struct Ring {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

/// An execution, and the number of a page of its log: the events after `number * PAGE`.
type PageKey = (ExecutionId, i64);

/// A page; none once it has turned out to be larger than what the store reads at a time.
type PageCell = Arc<OnceCell<Option<Chunk>>>;

/// Full pages of the logs that somebody reads, the newest last. A full page never changes, so it is read once for all who
/// read it at about the same time.
#[derive(Default)]
struct Pages(VecDeque<(PageKey, PageCell)>);

impl Pages {
    fn cell(&mut self, key: PageKey) -> PageCell {
        if let Some((_, cell)) = self.0.iter().find(|(kept, _)| *kept == key) {
            return Arc::clone(cell);
        }
        let size = |cell: &PageCell| cell.get().and_then(Option::as_ref).map_or(0, |chunk| chunk.bytes.len());
        let mut bytes: usize = self.0.iter().map(|(_, cell)| size(cell)).sum();
        while bytes > PAGES_BYTES || self.0.len() >= MAX_PAGES {
            bytes -= self.0.pop_front().map_or(0, |(_, cell)| size(&cell));
        }
        let cell = PageCell::default();
        self.0.push_back((key, Arc::clone(&cell)));
        cell
    }
}

impl Inner {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no holder of this lock panics")
    }

    /// A page of a log that is known to reach beyond it; none if it is too large to be kept.
    async fn page(&self, workspace: WorkspaceId, key: PageKey) -> Result<Option<Chunk>, StoreError> {
        let cell = self.pages().cell(key);
        let read = || async {
            let events = self.store.events(workspace, key.0, key.1 * PAGE, PAGE).await?;
            Ok(if events.len() as i64 == PAGE { encode_stored(&events) } else { None })
        };
        cell.get_or_try_init(read).await.cloned()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.pages().0.retain(|((id, _), _)| *id != self.id);
            let mut channels = hub.channels.write().expect("no holder of this lock panics");
            // Another channel of the same execution may have been made since the last subscriber left.
            if channels.get(&self.id).is_some_and(|channel| channel.strong_count() == 0) {
                channels.remove(&self.id);
            }
        }
    }
}

impl Channel {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no holder of this lock panics")
    }

    fn push(&self, chunk: Chunk) {
        let last = chunk.last;
        {
            let mut ring = self.ring();
            let end = ring.chunks.back().map(|chunk| chunk.last);
            if end.is_some_and(|end| chunk.last <= end) {
                return;
            }
            if end.is_some_and(|end| chunk.first != end + 1) {
                // A ring has no gaps: what lies before this one is paged from the store.
                ring.chunks.clear();
                ring.bytes = 0;
            }
            ring.bytes += chunk.bytes.len();
            ring.chunks.push_back(chunk);
            while ring.chunks.len() > 1 && (ring.bytes > RING_BYTES || ring.chunks.len() > RING_CHUNKS) {
                ring.bytes -= ring.chunks.pop_front().map_or(0, |chunk| chunk.bytes.len());
            }
        }
        self.reached(last);
    }

    /// Notes that the log is durable up to here.
    fn reached(&self, last: i64) {
        self.known.send_if_modified(|known| std::mem::replace(known, last.max(*known)) < last);
    }
}

impl Hub {
    /// A hub over a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let pages = Mutex::default();
        Self(Arc::new(Inner { store, pages, channels: RwLock::default(), feeds: Mutex::default() }))
    }

    /// Spreads events that are durable now.
    pub fn publish(&self, workspace: WorkspaceId, id: ExecutionId, events: &[EventRow]) {
        if events.iter().any(|event| event.feed.is_some()) {
            self.feed_changed(workspace);
        }
        if let Some(channel) = self.channel(id)
            && let Some(chunk) = Chunk::encode(events.iter().map(|event| (event.seq, event.body.as_str())))
        {
            channel.push(chunk);
        }
    }

    /// Notes that a workspace's feed has new rows.
    pub fn feed_changed(&self, workspace: WorkspaceId) {
        let feeds = self.0.feeds.lock().expect("no holder of this lock panics");
        if let Some(feed) = feeds.get(&workspace).and_then(Weak::upgrade) {
            feed.send_modify(|changes| *changes += 1);
        }
    }

    /// Notes that every feed may have new rows.
    pub fn all_feeds_changed(&self) {
        let mut feeds = self.0.feeds.lock().expect("no holder of this lock panics");
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds.values().filter_map(Weak::upgrade).for_each(|feed| feed.send_modify(|changes| *changes += 1));
    }

    /// Watches a workspace's feed: the receiver changes when there is something to read.
    pub fn watch_feed(&self, workspace: WorkspaceId) -> FeedWatch {
        let mut feeds = self.0.feeds.lock().expect("no holder of this lock panics");
        let sender = feeds.get(&workspace).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(watch::Sender::new(0)));
        feeds.insert(workspace, Arc::downgrade(&sender));
        FeedWatch { changes: sender.subscribe(), _sender: sender }
    }

    /// Follows an execution's events after position `after`. The caller has checked that it exists and may be read, and has
    /// seen its log reach to `last`.
    pub fn subscribe(&self, workspace: WorkspaceId, id: ExecutionId, after: i64, last: i64) -> Subscription {
        let channel = self.channel(id).unwrap_or_else(|| {
            let mut channels = self.0.channels.write().expect("no holder of this lock panics");
            if let Some(channel) = channels.get(&id).and_then(Weak::upgrade) {
                return channel;
            }
            let hub = Arc::downgrade(&self.0);
            let known = watch::Sender::new(0);
            let channel = Arc::new(Channel { workspace, id, ring: Mutex::default(), known, hub });
            channels.insert(id, Arc::downgrade(&channel));
            channel
        });
        channel.reached(last);
        let known = channel.known.subscribe();
        Subscription { channel, known, cursor: after, caught_up: false, hub: Arc::clone(&self.0) }
    }

    /// The executions that are watched here.
    pub fn watched(&self) -> Vec<(WorkspaceId, ExecutionId)> {
        let channels = self.0.channels.read().expect("no holder of this lock panics");
        channels.values().filter_map(Weak::upgrade).map(|channel| (channel.workspace, channel.id)).collect()
    }

    /// Reads on behalf of all subscribers of an execution what another instance has written; `last` is the position it is
    /// known to have reached, if that is known.
    pub async fn refresh(&self, id: ExecutionId, last: Option<i64>) -> Result<(), StoreError> {
        let Some(channel) = self.channel(id) else { return Ok(()) };
        loop {
            let known = *channel.known.borrow();
            if last.is_some_and(|last| last <= known) {
                return Ok(());
            }
            let events = self.0.store.events(channel.workspace, id, known, PAGE).await?;
            let Some(chunk) = encode_stored(&events) else { return Ok(()) };
            channel.push(chunk);
            if (events.len() as i64) < PAGE {
                return Ok(());
            }
        }
    }

    fn channel(&self, id: ExecutionId) -> Option<Arc<Channel>> {
        self.0.channels.read().expect("no holder of this lock panics").get(&id).and_then(Weak::upgrade)
    }
}

fn encode_stored(events: &[StoredEvent]) -> Option<Chunk> {
    Chunk::encode(events.iter().map(|event| (event.seq, event.body.as_str())))
}

/// Tells when a workspace's feed may have new rows.
pub struct FeedWatch {
    /// Changes with every news.
    pub changes: watch::Receiver<u64>,
    _sender: Arc<watch::Sender<u64>>,
}

/// One reader of one execution's events, at its own position.
pub struct Subscription {
    channel: Arc<Channel>,
    known: watch::Receiver<i64>,
    /// The position of the last event handed out.
    pub cursor: i64,
    caught_up: bool,
    hub: Arc<Inner>,
}

impl Subscription {
    /// The next events, as soon as there are any, and the position after which they are wanted (a chunk may begin before it).
    /// Safe to drop at any await: the cursor moves last.
    pub async fn next(&mut self) -> Result<(i64, Chunk), StoreError> {
        loop {
            let known = *self.known.borrow_and_update();
            if let Some(chunk) = self.ring_chunk() {
                return Ok((std::mem::replace(&mut self.cursor, chunk.last), chunk));
            }
            let (workspace, id, page) = (self.channel.workspace, self.channel.id, self.cursor / PAGE);
            if known >= (page + 1) * PAGE
                && let Some(chunk) = self.hub.page(workspace, (id, page)).await?
            {
                return Ok((std::mem::replace(&mut self.cursor, chunk.last), chunk));
            }
            if !self.caught_up || known > self.cursor {
                let events = self.hub.store.events(workspace, id, self.cursor, PAGE).await?;
                let chunk = encode_stored(&events);
                // Fewer events than were asked for are all there are, or all that are read at a time.
                self.caught_up =
                    (events.len() as i64) < PAGE && chunk.as_ref().is_none_or(|chunk| chunk.bytes.len() < EVENTS_BYTES);
                if let Some(chunk) = chunk {
                    self.channel.reached(chunk.last);
                    return Ok((std::mem::replace(&mut self.cursor, chunk.last), chunk));
                }
                // Its log was longer than that: the execution has been removed.
                if known > self.cursor {
                    return Err(StoreError::NotFound("execution"));
                }
            }
            if *self.known.borrow() <= self.cursor {
                // The channel keeps its sender, so waiting can't fail.
                _ = self
                    .known
                    .wait_for({
                        let cursor = self.cursor;
                        move |known| *known > cursor
                    })
                    .await;
            }
        }
    }

    fn ring_chunk(&self) -> Option<Chunk> {
        let ring = self.channel.ring();
        let next = self.cursor + 1;
        let first = ring.chunks.front()?.first;
        if next < first || next > ring.chunks.back()?.last {
            return None;
        }
        let at = ring.chunks.partition_point(|chunk| chunk.last < next);
        ring.chunks.get(at).cloned()
    }
}
