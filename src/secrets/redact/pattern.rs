//! What is looked for of one value: its bytes, and what base64 makes of them. Found by Knuth, Morris and Pratt: in one pass whatever
//! the value is, with all occurrences that overlap, and with how much of one the end of the text has begun.

/// The characters of both alphabets of base64.
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes to look for.
pub(super) struct Pattern {
    bytes: Box<[u8]>,
    /// For each length of a beginning: the longest shorter beginning that it ends with.
    borders: Box<[u32]>,
    /// Whether the characters around it are of base64 and hold bits of the value, too.
    before: bool,
    after: bool,
}

/// Where a pattern was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The character after it would belong to it, and there is none yet.
    pub(super) is_open: bool,
}

/// All patterns of a value of at least four bytes.
pub(super) fn patterns(value: &[u8]) -> Vec<Pattern> {
    let mut patterns = vec![Pattern::new(value.into(), false, false)];
    for alphabet in [STANDARD, URL_SAFE] {
        for before in 0..3 {
            let pattern = base64(value, before, alphabet);
            if patterns.iter().all(|known| known.bytes != pattern.bytes) {
                patterns.push(pattern);
            }
        }
    }
    patterns
}

/// The characters of base64 that hold bits of the value alone, if so many bytes stand before it in its group of three. Whatever
/// stands around the value, they are the same.
fn base64(value: &[u8], before: usize, alphabet: &[u8; 64]) -> Pattern {
    // Bits count from the begin of the group; the value has those from `first` to `last`.
    let (first, last) = (before * 8, (before + value.len()) * 8);
    let bit = |at: usize| value[(at - first) / 8] >> (7 - at % 8) & 1;
    let characters = first.div_ceil(6)..last / 6;
    let text = characters.map(|character| {
        let bits = (character * 6..character * 6 + 6).fold(0, |bits, at| bits << 1 | bit(at));
        alphabet[usize::from(bits)]
    });
    Pattern::new(text.collect(), first % 6 != 0, last % 6 != 0)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

impl Pattern {
    fn new(bytes: Box<[u8]>, before: bool, after: bool) -> Self {
        let mut borders = vec![0_u32; bytes.len() + 1].into_boxed_slice();
        let mut border = 0;
        for index in 1..bytes.len() {
            while border > 0 && bytes[border] != bytes[index] {
                border = borders[border] as usize;
            }
            border += usize::from(bytes[border] == bytes[index]);
            borders[index + 1] = border as u32;
        }
        Self { bytes, borders, before, after }
    }

    /// A text, as it stands.
    pub(super) fn plain(text: &str) -> Self {
        Self::new(text.as_bytes().into(), false, false)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Tells of every occurrence.
    pub(super) fn find(&self, text: &[u8], mut tell: impl FnMut(Occurrence)) {
        self.run(text, |end| {
            let mut start = end - self.bytes.len();
            if self.before && start > 0 && is_base64(text[start - 1]) {
                start -= 1;
            }
            let next = text.get(end).copied();
            let end = end + usize::from(self.after && next.is_some_and(is_base64));
            tell(Occurrence { start, end, is_open: self.after && next.is_none() });
        });
    }

    /// How many bytes at the end of a text may belong to an occurrence that is not complete.
    pub(super) fn begun(&self, text: &[u8]) -> usize {
        let begun = self.run(text, |_| ());
        let start = text.len() - begun;
        begun + usize::from(begun > 0 && self.before && start > 0 && is_base64(text[start - 1]))
    }

    /// Tells of the end of every occurrence; answers how long a beginning of the pattern the text ends with, short of all of it.
    fn run(&self, text: &[u8], mut found: impl FnMut(usize)) -> usize {
        let (mut matched, mut at) = (0, 0);
        while at < text.len() {
            if matched == 0 {
                // Most of a text is passed over here.
                match text[at..].iter().position(|byte| *byte == self.bytes[0]) {
                    Some(skipped) => at += skipped,
                    None => return 0,
                }
            }
            while matched > 0 && self.bytes[matched] != text[at] {
                matched = self.borders[matched] as usize;
            }
            matched += usize::from(self.bytes[matched] == text[at]);
            at += 1;
            if matched == self.bytes.len() {
                found(at);
                matched = self.borders[matched] as usize;
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};
    use proptest::prelude::*;

    use super::*;

    fn found(pattern: &Pattern, text: &[u8]) -> Vec<(usize, usize)> {
        let mut ends = Vec::new();
        pattern.find(text, |occurrence| ends.push((occurrence.start, occurrence.end)));
        ends
    }

    #[test]
    fn occurrences_that_overlap_are_all_found() {
        let pattern = Pattern::new((*b"abab").into(), false, false);
        assert_eq!(found(&pattern, b"xabababyab"), [(1, 5), (3, 7)]);
        assert_eq!(pattern.begun(b"xabababyab"), 2);
        assert_eq!(pattern.begun(b"xabab"), 2, "what is complete may be the begin of another");
        assert_eq!(pattern.begun(b"xabaa"), 1);
        assert_eq!((found(&pattern, b""), pattern.begun(b"")), (vec![], 0));
    }

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(value in "[ab]{1,5}", text in "[ab]{0,60}") {
            let pattern = Pattern::new(value.as_bytes().into(), false, false);
            let naive = (0..text.len()).filter(|at| text[*at..].starts_with(&value)).map(|at| (at, at + value.len()));
            prop_assert_eq!(found(&pattern, text.as_bytes()), naive.collect::<Vec<_>>());
            let begun = (0..value.len()).rev().find(|length| text.ends_with(&value[..*length])).unwrap();
            prop_assert_eq!(pattern.begun(text.as_bytes()), begun);
        }

        #[test]
        fn base64_around_a_value_holds_one_of_its_patterns(
            before in prop::collection::vec(any::<u8>(), 0..7),
            value in prop::collection::vec(any::<u8>(), 4..40),
            after in prop::collection::vec(any::<u8>(), 0..7),
        ) {
            let whole = [before.as_slice(), &value, &after].concat();
            let patterns = patterns(&value);
            for engine in [&general_purpose::STANDARD, &general_purpose::URL_SAFE] {
                let text = engine.encode(&whole);
                let spans: Vec<_> = patterns.iter().flat_map(|pattern| found(pattern, text.as_bytes())).collect();
                // Every character that holds a bit of the value is covered.
                let first = before.len() * 8 / 6;
                let last = ((before.len() + value.len()) * 8).div_ceil(6);
                prop_assert!(spans.iter().any(|(start, end)| *start <= first && *end >= last), "{} {:?}", text, spans);
            }
        }
    }
}
