//! A text as it reads once it is decoded, and where each byte of that stands in the text.

use std::borrow::Cow;

/// Encodings within each other are followed this deep: JSON in a JSON string, JSON in a query.
const DEPTH: usize = 2;

/// A reading of a text.
pub(super) struct View<'t> {
    bytes: Cow<'t, [u8]>,
    /// Where in the text each byte begins, and where the last one ends; none: at the same place.
    sources: Option<Vec<u32>>,
}

impl View<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the byte at a place stands in the text.
    pub(super) fn source(&self, at: usize) -> usize {
        self.sources.as_ref().map_or(at, |sources| sources[at] as usize)
    }
}

/// The text itself, and whatever else it reads as.
pub(super) fn views(text: &str) -> Vec<View<'_>> {
    let mut views = vec![View { bytes: Cow::Borrowed(text.as_bytes()), sources: None }];
    let mut from = 0;
    for _ in 0..DEPTH {
        let to = views.len();
        for index in from..to {
            let decoded: Vec<_> = DECODERS.iter().filter_map(|decode| decoded(&views[index], *decode)).collect();
            views.extend(decoded);
        }
        from = to;
    }
    views
}

/// What stands at the begin of some bytes.
enum Piece {
    /// A byte that stands for itself.
    Plain,
    /// So many bytes that stand for these.
    Escape(usize, [u8; 4], usize),
    /// The begin of an escape, up to the end of the text.
    Unfinished,
}

type Decode = fn(&[u8]) -> Piece;

const DECODERS: [(u8, Decode); 3] = [(b'%', percent), (b'+', form), (b'\\', json)];

/// A view through a decoder; none if that changes nothing.
fn decoded(view: &View<'_>, (sign, decode): (u8, Decode)) -> Option<View<'static>> {
    let bytes = view.bytes();
    if !bytes.contains(&sign) {
        return None;
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut sources = Vec::with_capacity(bytes.len() + 1);
    let mut at = 0;
    while at < bytes.len() {
        let source = view.source(at) as u32;
        match decode(&bytes[at..]) {
            Piece::Plain => {
                decoded.push(bytes[at]);
                sources.push(source);
                at += 1;
            }
            Piece::Escape(length, means, count) => {
                decoded.extend_from_slice(&means[..count]);
                sources.extend(std::iter::repeat_n(source, count));
                at += length;
            }
            // What it will be is not known. Nothing that is complete reaches into it.
            Piece::Unfinished => break,
        }
    }
    sources.push(view.source(at) as u32);
    Some(View { bytes: Cow::Owned(decoded), sources: Some(sources) })
}

fn hex(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// `%2F`.
fn percent(bytes: &[u8]) -> Piece {
    if bytes[0] != b'%' {
        return Piece::Plain;
    }
    match (bytes.get(1).map(|byte| hex(*byte)), bytes.get(2).map(|byte| hex(*byte))) {
        (None, _) | (Some(Some(_)), None) => Piece::Unfinished,
        (Some(Some(high)), Some(Some(low))) => Piece::Escape(3, [(high << 4 | low) as u8, 0, 0, 0], 1),
        _ => Piece::Plain,
    }
}

/// The same as forms have it, with `+` for a blank.
fn form(bytes: &[u8]) -> Piece {
    if bytes[0] == b'+' { Piece::Escape(1, [b' ', 0, 0, 0], 1) } else { percent(bytes) }
}

/// `\n`, `\"`, `\u00e4`, `\ud83d\ude00`.
fn json(bytes: &[u8]) -> Piece {
    if bytes[0] != b'\\' {
        return Piece::Plain;
    }
    let means = match bytes.get(1) {
        None => return Piece::Unfinished,
        Some(b'u') => return unicode(bytes),
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
        Some(_) => return Piece::Plain,
    };
    Piece::Escape(2, [means, 0, 0, 0], 1)
}

fn unicode(bytes: &[u8]) -> Piece {
    let unit = |at: usize| -> Result<u32, Piece> {
        let digits = bytes.get(at..).unwrap_or_default();
        let digits = &digits[..digits.len().min(4)];
        let all = digits.iter().try_fold(0, |all, byte| Some(all << 4 | hex(*byte)?)).ok_or(Piece::Plain)?;
        if digits.len() == 4 { Ok(all) } else { Err(Piece::Unfinished) }
    };
    let first = match unit(2) {
        Ok(first) => first,
        Err(piece) => return piece,
    };
    let (length, code) = if (0xd800..0xdc00).contains(&first) {
        match bytes.get(6..) {
            Some([b'\\', b'u', ..]) => match unit(8) {
                Ok(second @ 0xdc00..0xe000) => (12, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)),
                Ok(_) => return Piece::Plain,
                Err(piece) => return piece,
            },
            Some([] | [b'\\']) => return Piece::Unfinished,
            _ => return Piece::Plain,
        }
    } else {
        (6, first)
    };
    let Some(character) = char::from_u32(code) else { return Piece::Plain };
    let mut means = [0; 4];
    let count = character.encode_utf8(&mut means).len();
    Piece::Escape(length, means, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> Vec<String> {
        views(text).iter().map(|view| String::from_utf8_lossy(view.bytes()).into_owned()).collect()
    }

    #[test]
    fn a_text_reads_as_what_it_was_before_it_was_encoded() {
        assert_eq!(reads("plain"), ["plain"]);
        for (text, reading) in [
            ("a%2Fb%2fc%C3%A4", "a/b/cä"),
            ("a+b%20c", "a b c"),
            (r#"a\"b\\c\/d\n\t"#, "a\"b\\c/d\n\t"),
            (r"\u00e4\uD83D\uDE00x", "ä😀x"),
            (r#"{\"a\":\"b\\\"c\"}"#, r#"{"a":"b"c"}"#),
            ("%22a%5C%22b%22", "\"a\"b\""),
            ("100% of %zz", "100% of %zz"),
            (r"\x \ud83d \ud83dx", r"\x \ud83d \ud83dx"),
        ] {
            assert!(reads(text).iter().any(|read| read == reading), "{text}: {:?}", reads(text));
        }
    }

    #[test]
    fn the_begin_of_an_escape_is_left_off_at_the_end() {
        for text in ["ab%", "ab%4", "ab\\", "ab\\u", "ab\\u00e", "ab\\ud83d", "ab\\ud83d\\", "ab\\ud83d\\ude0"] {
            let views = views(text);
            assert_eq!(views[1].bytes(), b"ab", "{text}");
            assert_eq!(views[1].source(2), 2, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let views = views("a%41\\u00e4b");
        let twice = views.iter().find(|view| view.bytes() == "aAäb".as_bytes()).unwrap();
        assert_eq!((0..=5).map(|at| twice.source(at)).collect::<Vec<_>>(), [0, 1, 4, 4, 10, 11]);
    }
}
