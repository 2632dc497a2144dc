//! The rules of the stream contract that are checked. Their text is `docs/stream-contract.md`, a heading each.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id: the anchor of its heading.
    pub id: &'static str,
    /// What holds, in one sentence.
    pub title: &'static str,
}

impl Rule {
    /// Where its text is.
    pub fn link(&self) -> String {
        format!("docs/stream-contract.md#{}", self.id)
    }
}

macro_rules! rules {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { id: $id, title: $title };)*

        /// All rules, in the order in which they are checked and written down.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    REFUSALS = "refusals", "Refusals are answered before a stream opens, as problem documents";
    HEADERS = "headers", "A stream says what it is, and asks proxies to let it through";
    FIRST_BYTES = "first-bytes", "The first bytes leave at once";
    HEARTBEAT = "heartbeat", "A quiet stream shows that it is alive";
    ANNOUNCED_CLOSE = "announced-close", "Before a stream is closed it says why, and where to go on";
    OPEN_WHILE_SUSPENDED = "open-while-suspended", "A suspension does not end a stream";
    LIVE = "live", "What happens comes at once, and between stored and live events nothing is missing";
    BUFFERING = "buffering", "Behind a proxy that lets no stream through, the log as JSON leads on";
    JSON_LOG = "json-log", "The log as JSON is the same, however it is paged";
    FRAMING = "framing", "A message is one `id` and one line of JSON data, and nothing else";
    DENSE = "dense", "Positions have no gaps";
    ONCE = "once", "No event comes twice on a connection";
    ORDER = "order", "Events come in the order of their positions";
    SAME_BYTES = "same-bytes", "An event has the same bytes on every read";
    ONE_END = "one-end", "One event ends an execution; it is the last one, and then the stream closes";
    AFTER_END = "after-end", "Who has everything gets 204";
    BEYOND_END = "beyond-end", "A cursor that can't be is refused";
    RESUME_HEADER = "resume-header", "`Last-Event-ID` leads on after any event";
    RESUME_QUERY = "resume-query", "`?after=` leads on after any event, and `Last-Event-ID` goes before it";
    TYPES = "types", "A filter by types leaves out events and changes nothing about the others";
    SNAPSHOT = "snapshot", "A snapshot comes first, without an id";
    CUTS = "cuts", "A connection that is cut anywhere loses nothing";
    REPEATS = "repeats", "Delays and repetitions on the way change nothing for a client that knows positions";
    POD_STREAM = "pod-stream", "The stream of a pod has the same rules, with an opaque cursor";
    INBOX_STREAM = "inbox-stream", "The stream of the inbox tells of each question, and of its end";
}
