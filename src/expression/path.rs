//! Names: the static paths of an expression, and the [`Scope`] that answers them.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// One step of a path, as a scope sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathSegment<'p> {
    /// `.name` or `["name"]`.
    Key(&'p str),
    /// `.0` or `[0]`. On a map it reads the key of that spelling.
    Index(usize),
}

/// Where names come from.
///
/// The evaluator passes the longest path that can be read off the source, so that a scope may load or build only what
/// is asked for. The scope answers the value of the longest prefix that it knows and how many segments that prefix
/// has; the evaluator walks the rest by reference. `None` means that the first name is unknown, which reads as null.
pub trait Scope {
    /// Answers the longest known prefix of `path`, which is never empty.
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)>;

    /// The instant that the name `now` stands for. Not the wall clock, or a re-run would give another result.
    fn now(&self) -> DateTime<Utc>;
}

/// Plain JSON: the members are the names. `now` is the Unix epoch.
impl Scope for Map<String, Value> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        match path.first()? {
            PathSegment::Key(name) => self.get(*name).map(|value| (Cow::Borrowed(value), 1)),
            PathSegment::Index(_) => None,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// A JSON object: its members are the names; any other value knows no name. `now` is the Unix epoch.
impl Scope for Value {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        self.as_object()?.resolve(path)
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// A step of a path in the syntax tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(Box<str>),
    Index(usize),
}

impl Segment {
    pub(super) fn key(name: &str) -> Self {
        Self::Key(name.into())
    }

    pub(super) fn as_public(&self) -> PathSegment<'_> {
        match self {
            Self::Key(name) => PathSegment::Key(name),
            Self::Index(index) => PathSegment::Index(*index),
        }
    }

    /// The element that this step leads to, if there is one.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match (self, value) {
            (Self::Key(name), Value::Object(entries)) => entries.get(&**name),
            (Self::Index(index), Value::Array(items)) => items.get(*index),
            (Self::Index(index), Value::Object(entries)) => entries.get(&index.to_string()),
            _ => None,
        }
    }
}

/// A path of at least one segment, the first of them a name.
pub(super) type Path = Arc<[Segment]>;

/// Whether `c` may start a name.
pub(super) fn starts_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether `c` may go on with a name.
pub(super) fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A path as people write it, with `-` in names and names that start with a digit: neither is a name in CEL, and both
/// occur in node ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainPath {
    pub(super) segments: Vec<Segment>,
    /// Bytes of the source that the path takes.
    pub(super) length: usize,
    /// Whether the grammar of expressions would read the same text differently, or not at all.
    pub(super) unusual: bool,
}

/// Reads a plain path from the start of `source`: `name`, then `.name`, `.0`, `[0]`, `["name"]` in any number.
pub(super) fn plain_path(source: &str) -> Option<PlainPath> {
    let mut path = PlainPath { segments: Vec::new(), length: 0, unusual: false };
    if !source.starts_with(starts_name) {
        return None;
    }
    path.length = take_word(source, &mut path);
    loop {
        let rest = &source[path.length..];
        if let Some(word) = rest.strip_prefix('.').filter(|word| word.starts_with(continues_name)) {
            path.length += 1 + take_word(word, &mut path);
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (segment, length) = bracketed(inner)?;
            path.segments.push(segment);
            path.length += 1 + length;
        } else {
            return Some(path);
        }
        if path.segments.len() > super::limits::CHAIN {
            return None;
        }
    }
}

/// Takes one word of letters, digits, `_` and inner `-`; answers its length.
fn take_word(source: &str, path: &mut PlainPath) -> usize {
    let end = source.find(|c| c != '-' && !continues_name(c)).unwrap_or(source.len());
    let word = source[..end].trim_end_matches('-');
    match word.parse::<usize>() {
        Ok(index) if word.bytes().all(|byte| byte.is_ascii_digit()) => path.segments.push(Segment::Index(index)),
        _ => {
            path.unusual |= word.contains('-') || !word.starts_with(starts_name);
            path.segments.push(Segment::key(word));
        }
    }
    word.len()
}

/// Reads `0]`, `"name"]` or `'name']`; answers the segment and its length with the closing bracket.
fn bracketed(inner: &str) -> Option<(Segment, usize)> {
    let quote = inner.chars().next()?;
    if quote == '"' || quote == '\'' {
        let name = &inner[1..][..inner[1..].find([quote, '\\', '\n'])?];
        inner[1 + name.len()..].strip_prefix(quote)?.starts_with(']').then(|| (Segment::key(name), name.len() + 3))
    } else {
        let digits = &inner[..inner.find(']')?];
        let index = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        Some((Segment::Index(index), digits.len() + 1))
    }
}
