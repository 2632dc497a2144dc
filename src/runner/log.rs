//! What a worker writes to its standard output and error: bounded, cut into lines, and kept until somebody takes it.
//!
//! The pipes are always read, so a worker never waits for whoever reads its log; what is too much is counted and left out.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line; what is longer is cut.
const LINE_BYTES: usize = 8 << 10;
/// Lines that wait to be taken. A worker that writes faster than they are taken loses what is beyond.
const WAITING_LINES: usize = 500;
/// Last lines that are kept for the failure's details.
const TAIL_LINES: usize = 20;
/// The longest of these.
const TAIL_LINE_BYTES: usize = 1 << 10;

/// Where a line comes from, or how grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Standard output.
    Info,
    /// Something the runner has to say about its worker.
    Warn,
    /// Standard error.
    Error,
}

impl Level {
    /// The API's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line of a worker's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it comes from.
    pub level: Level,
    /// Its text, without the end of the line.
    pub text: String,
}

/// The end of a worker's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The last lines.
    pub lines: Vec<String>,
    /// What was said last: on standard error, if anything was.
    pub last: Option<String>,
}

/// The log of one worker. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Kept>>);

struct Kept {
    waiting: VecDeque<Line>,
    tail: VecDeque<(Level, String)>,
    /// Bytes that may still become lines.
    left_bytes: u64,
    /// Lines that were left out since the last line that was kept.
    lost: u64,
    /// Whether the worker has been told that its log is full.
    full: bool,
    most_bytes: u64,
}

impl Log {
    /// An empty log that takes so many bytes.
    pub fn new(most_bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            waiting: VecDeque::new(),
            tail: VecDeque::new(),
            left_bytes: most_bytes,
            lost: 0,
            full: false,
            most_bytes,
        })))
    }

    /// Adds a line of the runner's own. These always find room: there are few of them.
    pub fn note(&self, text: impl Into<String>) {
        self.kept().waiting.push_back(Line { level: Level::Warn, text: text.into() });
    }

    fn write(&self, level: Level, bytes: &[u8]) {
        let text = clean(bytes);
        let mut kept = self.kept();
        if kept.tail.len() == TAIL_LINES {
            kept.tail.pop_front();
        }
        let last = cut(&text, TAIL_LINE_BYTES).to_owned();
        kept.tail.push_back((level, last));
        let size = text.len() as u64 + 1;
        if kept.full || size > kept.left_bytes {
            if !kept.full {
                kept.full = true;
                let said = format!(
                    "the worker has written more than {}: what follows is left out",
                    super::limits::size(kept.most_bytes)
                );
                kept.waiting.push_back(Line { level: Level::Warn, text: said });
            }
            return;
        }
        if kept.waiting.len() >= WAITING_LINES {
            kept.lost += 1;
            return;
        }
        if kept.lost > 0 {
            let said = format!("{} lines were left out: the worker writes too fast", std::mem::take(&mut kept.lost));
            kept.waiting.push_back(Line { level: Level::Warn, text: said });
        }
        kept.left_bytes -= size;
        kept.waiting.push_back(Line { level, text });
    }

    /// Takes the oldest lines, at most `most`.
    pub fn take(&self, most: usize) -> Vec<Line> {
        let mut kept = self.kept();
        let count = most.min(kept.waiting.len());
        let mut lines: Vec<Line> = kept.waiting.drain(..count).collect();
        if kept.waiting.is_empty() && kept.lost > 0 && lines.len() < most {
            let text = format!("{} lines were left out: the worker writes too fast", std::mem::take(&mut kept.lost));
            lines.push(Line { level: Level::Warn, text });
        }
        lines
    }

    /// Whether lines wait.
    pub fn is_waiting(&self) -> bool {
        !self.kept().waiting.is_empty()
    }

    /// The last lines of the worker, whether they were kept or not.
    pub fn tail(&self) -> Tail {
        let kept = self.kept();
        let spoken = |wanted: &[Level]| {
            let mut lines = kept.tail.iter().rev().filter(|(level, _)| wanted.contains(level));
            lines.find_map(|(_, text)| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned))
        };
        // The two outputs come by two pipes, so which line was the last of all is not known.
        let last = spoken(&[Level::Error]).or_else(|| spoken(&[Level::Info]));
        Tail { lines: kept.tail.iter().map(|(_, text)| text.clone()).collect(), last }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("nothing panics while it holds the log")
    }
}

/// Cuts a stream of bytes into the log's lines; bytes may come in any pieces.
pub struct Cutter {
    log: Log,
    level: Level,
    line: Vec<u8>,
    /// Bytes of the line that did not fit.
    beyond: u64,
}

impl Cutter {
    /// Lines of this level go to the log.
    pub fn new(log: Log, level: Level) -> Self {
        Self { log, level, line: Vec::new(), beyond: 0 }
    }

    /// Takes what was read.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// Nothing follows.
    pub fn finish(mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES - self.line.len();
        let fits = bytes.len().min(room);
        self.line.extend_from_slice(&bytes[..fits]);
        self.beyond += (bytes.len() - fits) as u64;
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let beyond = std::mem::take(&mut self.beyond);
        if beyond > 0 {
            line.extend_from_slice(format!(" ... ({beyond} more bytes)").as_bytes());
        }
        self.log.write(self.level, &line);
    }
}

/// Reads a pipe to its end. An error is an end, too: nobody can do anything about it.
pub(super) async fn read(mut pipe: impl AsyncRead + Unpin, log: Log, level: Level) {
    let mut cutter = Cutter::new(log, level);
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        cutter.take(&buffer[..count]);
    }
    cutter.finish();
}

/// The text of bytes, without what databases and terminals take amiss: control characters other than the tab.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The beginning of a text, at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(most_bytes: u64) -> Log {
        Log::new(most_bytes)
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn bytes_become_lines_however_they_come() {
        let bytes = b"one\ntwo\r\n\nth\xff\x00ee\tx\nlast";
        for size in 1..bytes.len() {
            let log = log(1_000);
            let mut cutter = Cutter::new(log.clone(), Level::Info);
            bytes.chunks(size).for_each(|piece| cutter.take(piece));
            cutter.finish();
            let lines = log.take(100);
            assert_eq!(texts(&lines), ["one", "two", "", "th\u{fffd}\u{fffd}ee\tx", "last"], "{size}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_counted() {
        let log = log(100_000);
        let mut cutter = Cutter::new(log.clone(), Level::Error);
        for _ in 0..10 {
            cutter.take(&[b'a'; 1_000]);
        }
        cutter.take(b"\nb\n");
        let lines = log.take(10);
        assert_eq!(lines[0].text.len(), LINE_BYTES + " ... (1808 more bytes)".len());
        assert!(lines[0].text.ends_with("a ... (1808 more bytes)"));
        assert_eq!((lines[1].text.as_str(), lines[1].level), ("b", Level::Error));
    }

    #[test]
    fn a_full_log_says_so_once_and_keeps_the_tail() {
        let log = log(100);
        let mut cutter = Cutter::new(log.clone(), Level::Info);
        for number in 0..1_000 {
            cutter.take(format!("line {number}\n").as_bytes());
        }
        let lines = log.take(2_000);
        assert_eq!(lines.len(), 14, "{lines:?}");
        assert!(lines[13].text.contains("more than 100 bytes") && lines[13].level == Level::Warn);
        assert_eq!(log.tail().lines.len(), TAIL_LINES);
        assert_eq!(log.tail().last.as_deref(), Some("line 999"));
        assert!(!log.is_waiting());
    }

    #[test]
    fn the_last_words_are_those_of_standard_error() {
        let log = log(1_000);
        let (mut output, mut errors) = (Cutter::new(log.clone(), Level::Info), Cutter::new(log.clone(), Level::Error));
        assert_eq!(log.tail(), Tail::default());
        output.take(b"working\n");
        assert_eq!(log.tail().last.as_deref(), Some("working"));
        errors.take(b"no such page\n  \n");
        output.take(b"bye\n");
        assert_eq!(log.tail().last.as_deref(), Some("no such page"));
        assert_eq!(log.tail().lines, ["working", "no such page", "  ", "bye"]);
    }

    #[test]
    fn what_comes_too_fast_is_counted() {
        let log = log(1 << 20);
        let mut cutter = Cutter::new(log.clone(), Level::Info);
        for number in 0..WAITING_LINES + 7 {
            cutter.take(format!("{number}\n").as_bytes());
        }
        assert_eq!(log.take(WAITING_LINES - 1).len(), WAITING_LINES - 1);
        cutter.take(b"again\n");
        let rest = log.take(100);
        assert_eq!(texts(&rest), ["499", "7 lines were left out: the worker writes too fast", "again"]);
    }
}
