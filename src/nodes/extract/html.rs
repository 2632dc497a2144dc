//! What a page may not be, so that parsing it stays within bounds.
//!
//! The parser puts formatting elements that a block has cut off (`<p><b></p>`) into every block that follows, so a small page
//! can become a tree of billions of nodes; and it walks its stack of open elements for most tags, and the attributes of a tag for
//! each of them, which are squares. It can't be stopped on its way. So the text is counted before, without any idea of
//! where the parser is (in a comment, a script, an attribute): every tag that it might see counts. What is refused falsely is
//! a large page whose formatting elements have hundreds of different attributes.

use std::collections::HashMap;

use crate::domain::failure::{Failure, FailureCode};

/// Tags that begin an element: the square of it is the worst that the stack of open elements costs.
const MAX_TAGS: usize = 60_000;
/// Elements in each other, as far as the tags tell. The parser closes some earlier and some later; this is about pages that are only
/// careless, and the others are bounded by the number of tags.
const MAX_DEPTH: usize = 2_000;
/// The nodes that the tree may come to have.
const MAX_NODES: usize = 2_000_000;
/// Attributes of one tag.
const MAX_ATTRIBUTES: usize = 10_000;
/// What is looked at for the attributes of all tags. Each byte is looked at once, but for those in quotes.
const MAX_LOOKED_BYTES: usize = 64 * 1024 * 1024;
/// A formatting tag longer than this counts as different from all others.
const MAX_TAG_BYTES: usize = 4 * 1024;
/// The elements that are put into what follows. `a` and `nobr` are closed by the next one of their kind.
const FORMATTING: [&str; 12] = ["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"];
/// Elements without an end, and those whose end may be left out: they don't make a page deeper.
const ENDLESS: [&str; 28] = [
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "optgroup",
    "p", "param", "rp", "rt", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];
/// So many equal ones are kept by the parser.
const EQUAL_ONES: usize = 3;

/// Refuses a page that could cost too much to parse.
pub(super) fn check(text: &str) -> Result<(), Failure> {
    let bytes = text.as_bytes();
    let ends = ends(text)?;
    let mut formatting = HashMap::<&[u8], usize>::new();
    // Formatting tags whose end is not sure: each may be different from all others.
    let mut unsure = 0;
    let (mut depth, mut deepest) = (0_usize, 0);
    for (at, _) in text.match_indices('<') {
        let rest = &bytes[at + 1..];
        if let Some(rest) = rest.strip_prefix(b"/") {
            if !is_one_of(&ENDLESS, &rest[..name_length(rest)]) {
                depth = depth.saturating_sub(1);
            }
            continue;
        }
        let Some(end) = ends.get(&at) else { continue };
        let name = &rest[..name_length(rest)];
        let is_plain = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        if is_plain && !is_one_of(&ENDLESS, name) {
            depth += 1;
            deepest = deepest.max(depth);
        }
        if is_one_of(&FORMATTING, name) {
            if end.hidden || end.at - at > MAX_TAG_BYTES {
                unsure += 1;
            } else {
                *formatting.entry(&bytes[at..end.at]).or_default() += 1;
            }
        }
    }
    if deepest > MAX_DEPTH {
        return Err(refused(format!("the page nests {deepest} elements in each other, more than {MAX_DEPTH}")));
    }
    let kept = unsure + formatting.values().map(|count| (*count).min(EQUAL_ONES)).sum::<usize>() + 2;
    // A text and an element for each tag, and before each what is put into it.
    if ends.len().saturating_mul(kept + 2) > MAX_NODES {
        let tags = ends.len();
        let message = format!("the page has {kept} different formatting elements and {tags} tags: together too many");
        return Err(refused(message));
    }
    Ok(())
}

/// Where a tag ends.
#[derive(Clone, Copy)]
struct End {
    /// Of the `>`, or of the text.
    at: usize,
    /// How many attributes it has at most.
    attributes: usize,
    /// Whether a quoted value has a `>` in it, so that another reader might see another end.
    hidden: bool,
}

/// The ends of all tags that the parser might see, by where they begin. From the last to the first: what comes after a tag that
/// begins inside another one is known then.
fn ends(text: &str) -> Result<HashMap<usize, End>, Failure> {
    let bytes = text.as_bytes();
    let is_tag = |at: &usize| bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    let tags: Vec<usize> = text.match_indices('<').map(|(at, _)| at).filter(is_tag).collect();
    if tags.len() > MAX_TAGS {
        return Err(refused(format!("the page has {} tags, more than {MAX_TAGS}", tags.len())));
    }
    let (mut ends, mut looked) = (HashMap::with_capacity(tags.len()), 0);
    for at in tags.into_iter().rev() {
        let from = at + 1 + name_length(&bytes[at + 1..]);
        let (end, seen) = end_of(bytes, from, &ends);
        looked += seen;
        if end.attributes > MAX_ATTRIBUTES {
            return Err(refused(format!("a tag of the page has more than {MAX_ATTRIBUTES} attributes")));
        }
        if looked > MAX_LOOKED_BYTES {
            return Err(refused("the page has too many tags whose quotes run into each other".to_owned()));
        }
        ends.insert(at, end);
    }
    Ok(ends)
}

/// The end of the tag whose name ends at `from`, and how many bytes were looked at.
fn end_of(bytes: &[u8], from: usize, known: &HashMap<usize, End>) -> (End, usize) {
    let (mut attributes, mut quote, mut hidden, mut before) = (0, None, false, b' ');
    for (at, &b) in bytes.iter().enumerate().skip(from) {
        match (quote, b) {
            (None, b'>') => return (End { at, attributes, hidden }, at - from),
            (None, b'<') if known.contains_key(&at) => {
                let rest = known[&at];
                let end = End { at: rest.at, attributes: attributes + rest.attributes, hidden: hidden || rest.hidden };
                return (end, at - from);
            }
            // Quotes are such after an equals sign alone; elsewhere they are letters of a name.
            (None, b'"' | b'\'') if before == b'=' => {
                quote = Some(b);
                attributes += 1;
            }
            (None, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'/' | b'"' | b'\'') => attributes += 1,
            (Some(open), b) if b == open => {
                quote = None;
                attributes += 1;
            }
            (Some(_), b'>') => hidden = true,
            _ => {}
        }
        if !b.is_ascii_whitespace() {
            before = b;
        }
        if attributes > MAX_ATTRIBUTES {
            return (End { at, attributes, hidden }, at - from);
        }
    }
    (End { at: bytes.len(), attributes, hidden: true }, bytes.len() - from)
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// A name goes on to a space, a slash or the end of the tag: `i<b.length` in a script begins no `b`. Names longer than any that is
/// known are cut.
fn name_length(rest: &[u8]) -> usize {
    rest.iter().take(64).take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>')).count()
}

fn refused(message: String) -> Failure {
    Failure::new(FailureCode::LimitExceeded, message)
}
