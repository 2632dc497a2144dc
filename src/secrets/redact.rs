//! Takes the values of secrets out of texts: each occurrence becomes `[secret <name>]`.
//!
//! A text is searched as it stands and as it reads once it is decoded ([`view`]: percent-encoding, JSON's escapes, one in the
//! other), each time for the value and for what base64 makes of it ([`pattern`]). Which way a value was encoded need not be
//! known, and parts may be encoded differently. What is found is replaced where it stands in the text itself.
//!
//! Pure, and linear in the length of the text. `docs/secrets.md` says what is not found.

mod pattern;
mod stream;
#[cfg(test)]
mod tests;
mod view;

use std::borrow::Cow;

use serde_json::{Map, Value};
use url::{Position, Url};

use super::Opened;
use pattern::{Pattern, patterns};
use view::{View, views};

pub use stream::Stream;

/// Values shorter than this stay: they occur everywhere by chance, and a text without them would tell where they stood.
pub const MIN_BYTES: usize = 4;
/// The path and query of an address are looked for from this length on.
const MIN_REST_BYTES: usize = 8;

/// Replaces the values of some secrets.
pub struct Redactor {
    secrets: Vec<Hidden>,
    /// Bytes of the longest pattern.
    longest: usize,
}

/// How a value that is an address is written by whoever has called it: normalised, and without the host. The host alone is told.
fn of_address(value: &str) -> Vec<Pattern> {
    let Some(url) = Url::parse(value).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Vec::new();
    };
    let whole = url.as_str().trim_end_matches('/');
    let rest = &url[Position::BeforePath..];
    let mut patterns = vec![Pattern::plain(whole)];
    // Less occurs in any address.
    if rest.len() >= MIN_REST_BYTES {
        patterns.push(Pattern::plain(rest));
    }
    patterns
}

/// What stands for a secret, and what is looked for.
struct Hidden {
    mark: String,
    patterns: Vec<Pattern>,
}

/// An occurrence, by bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    secret: usize,
    /// The character after it would belong to it, and the text ends before that.
    is_open: bool,
}

impl Redactor {
    /// For the values that an attempt was given. White space around a value is not part of what is looked for: what sends
    /// values takes it off.
    pub fn new(opened: &Opened) -> Self {
        let hidden = |(name, value): (&str, &str)| {
            let value = value.trim();
            (value.len() >= MIN_BYTES).then(|| Hidden {
                mark: format!("[secret {name}]"),
                patterns: patterns(value.as_bytes()).into_iter().chain(of_address(value)).collect(),
            })
        };
        let secrets: Vec<Hidden> = opened.iter().filter_map(hidden).collect();
        let longest = secrets.iter().flat_map(|secret| &secret.patterns).map(Pattern::len).max().unwrap_or_default();
        Self { secrets, longest }
    }

    /// A text without the values.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let spans = self.spans(text, &views(text));
        if spans.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(self.paint(text, &spans)) }
    }

    /// Takes the values out of a text in its place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    /// Takes the values out of every text of a JSON value, and out of the names of members. A number that shows a value becomes
    /// a text. Members whose names would become equal are told apart by a number.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(clean) = self.text(&number.to_string()) {
                    *value = Value::String(clean);
                }
            }
            Value::String(text) => self.clean(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.value(member));
                if members.keys().any(|name| matches!(self.text(name), Cow::Owned(_))) {
                    *members = self.renamed(std::mem::take(members));
                }
            }
        }
    }

    fn renamed(&self, members: Map<String, Value>) -> Map<String, Value> {
        let mut clean = Map::new();
        for (name, member) in members {
            let base = self.text(&name).into_owned();
            let mut name = base.clone();
            let mut count = 1;
            while clean.contains_key(&name) {
                count += 1;
                name = format!("{base} ({count})");
            }
            clean.insert(name, member);
        }
        clean
    }

    /// Where values stand, in order; what overlaps is one, named for the longest.
    fn spans(&self, text: &str, views: &[View<'_>]) -> Vec<Span> {
        let mut found = Vec::new();
        for (secret, hidden) in self.secrets.iter().enumerate() {
            for (pattern, view) in
                hidden.patterns.iter().flat_map(|pattern| views.iter().map(move |view| (pattern, view)))
            {
                pattern.find(view.bytes(), |occurrence| {
                    let (mut start, mut end) = (view.source(occurrence.start), view.source(occurrence.end));
                    while !text.is_char_boundary(start) {
                        start -= 1;
                    }
                    while !text.is_char_boundary(end) {
                        end += 1;
                    }
                    found.push(Span { start, end, secret, is_open: occurrence.is_open });
                });
            }
        }
        found.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        let mut merged: Vec<Span> = Vec::new();
        let mut longest = 0;
        for span in found {
            if let Some(last) = merged.last_mut().filter(|last| span.start < last.end) {
                if span.end - span.start > longest {
                    (longest, last.secret) = (span.end - span.start, span.secret);
                }
                last.is_open |= span.is_open && span.end >= last.end;
                last.end = last.end.max(span.end);
            } else {
                longest = span.end - span.start;
                merged.push(span);
            }
        }
        merged
    }

    /// The text with what was found replaced.
    fn paint(&self, text: &str, spans: &[Span]) -> String {
        let mut painted = String::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            painted.push_str(&text[at..span.start]);
            painted.push_str(&self.secrets[span.secret].mark);
            at = span.end;
        }
        painted.push_str(&text[at..]);
        painted
    }

    /// Where the longest end of a text begins that what follows could make an occurrence.
    fn unsure_from(&self, views: &[View<'_>]) -> usize {
        let patterns = || self.secrets.iter().flat_map(|secret| &secret.patterns);
        let unsure = |view: &View<'_>| {
            let begun = patterns().map(|pattern| pattern.begun(view.bytes())).max().unwrap_or_default();
            view.source(view.bytes().len() - begun)
        };
        views.iter().map(unsure).min().unwrap_or_default()
    }
}
