//! Words: what is searched and what is looked for are taken apart in the same way, so that both databases find the same.

use std::collections::HashMap;

/// The most words that are looked for; more are left out.
const MAX_WORDS: usize = 32;
/// What of a word counts.
const MAX_WORD_CHARS: usize = 64;
/// How long a snippet is, in bytes, about.
const SNIPPET_BYTES: usize = 240;

/// What a search demands of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    /// All words.
    #[default]
    All,
    /// One of the words; the more, the better it fits.
    Any,
}

/// What is looked for: plain words, whatever signs are between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    words: Vec<String>,
    matches: Match,
    prefix: bool,
}

impl Search {
    /// The words of a text.
    pub fn new(text: &str, matches: Match) -> Self {
        let mut words = Vec::new();
        for (_, word) in runs(text) {
            let word = folded(word);
            if !word.is_empty() && words.len() < MAX_WORDS && !words.contains(&word) {
                words.push(word);
            }
        }
        Self { words, matches, prefix: false }
    }

    /// The same, where the last word may go on: for a search while somebody types.
    #[must_use]
    pub fn with_prefix(mut self) -> Self {
        self.prefix = true;
        self
    }

    /// The words: letters and digits only. Nothing is found without one.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What a document has to have.
    pub fn matches(&self) -> Match {
        self.matches
    }

    /// Whether the last word may go on.
    pub fn has_prefix(&self) -> bool {
        self.prefix
    }

    /// Which of the words a word is.
    fn index_of(&self, word: &str) -> Option<usize> {
        let last = self.words.len().checked_sub(1);
        self.words.iter().enumerate().position(|(index, wanted)| {
            word == wanted || (self.prefix && Some(index) == last && word.starts_with(wanted.as_str()))
        })
    }
}

/// The words of a text, in lower case and with a space between them.
pub fn words(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for word in runs(text).map(|(_, word)| folded(word)).filter(|word| !word.is_empty()) {
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(&word);
    }
    all
}

/// Runs of letters and digits, and where they begin.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_sign = |c: char| !c.is_alphanumeric();
    text.split(is_sign).filter(|word| !word.is_empty()).map(|word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

fn folded(word: &str) -> String {
    let lower = word.chars().take(MAX_WORD_CHARS).flat_map(char::to_lowercase);
    // Some letters have a mark of their own in lower case, which is no letter.
    lower.filter(|c| c.is_alphanumeric()).collect()
}

/// The part of a text with the most of the words, on one line, with dots where it was cut.
pub fn snippet(text: &str, search: &Search) -> String {
    let found: Vec<(usize, usize)> =
        runs(text).filter_map(|(at, word)| Some((at, search.index_of(&folded(word))?))).collect();
    let reach = SNIPPET_BYTES / 2;
    let (mut best, mut start) = (0, 0);
    // How often each word stands between the two ends of the window.
    let (mut within, mut end) = (HashMap::<usize, usize>::new(), 0);
    for (first, (at, index)) in found.iter().enumerate() {
        while let Some((_, other)) = found.get(end).filter(|(other, _)| other - at <= reach) {
            *within.entry(*other).or_default() += 1;
            end += 1;
        }
        if within.len() > best {
            (best, start) = (within.len(), found[first].0);
        }
        if let Some(count) = within.get_mut(index) {
            *count -= 1;
            if *count == 0 {
                within.remove(index);
            }
        }
    }
    let from = ends_of_words(text, start.saturating_sub(reach / 2));
    let to = ends_of_words(text, (from + SNIPPET_BYTES).min(text.len()));
    let line = text[from..to].split_whitespace().collect::<Vec<_>>().join(" ");
    let dots = |cut: bool| if cut { "…" } else { "" };
    [dots(from > 0), &line, dots(to < text.len())].concat()
}

/// The nearest place before `at` where no word is cut; in a long word, where no character is.
fn ends_of_words(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    if at == text.len() {
        return at;
    }
    let space = text[..at].rfind(char::is_whitespace);
    space.filter(|space| at - space < SNIPPET_BYTES / 4).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(words("Größe: 3,5 m² (E-Mail an <Ann@Example.org>)"), "größe 3 5 m² e mail an ann example org");
        assert_eq!(words(" -- \" * ^ "), "");
        let search = Search::new("Pump PUMP valve AND \"x", Match::Any);
        assert_eq!(search.words(), ["pump", "valve", "and", "x"]);
        assert_eq!(Search::new(&"a1 ".repeat(100), Match::All).words().len(), 1);
        let many: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(Search::new(&many.join(" "), Match::All).words().len(), MAX_WORDS);
    }

    #[test]
    fn a_snippet_shows_where_most_words_are() {
        let text = format!("pump {} The valve of\nthe pump {}", "x ".repeat(300), "y ".repeat(300));
        let shown = snippet(&text, &Search::new("valve pump", Match::Any));
        assert!(shown.contains("The valve of the pump") && shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert_eq!(snippet("short text", &Search::new("none", Match::Any)), "short text");
        assert!(snippet(&text, &Search::new("val", Match::Any).with_prefix()).contains("valve"));
    }

    proptest! {
        #[test]
        fn any_text_has_words_and_a_snippet(text in "\\PC{0,600}", query in "\\PC{0,40}") {
            let search = Search::new(&query, Match::Any).with_prefix();
            let all = words(&text);
            prop_assert!(all.chars().all(|c| c == ' ' || c.is_alphanumeric()), "{all}");
            prop_assert_eq!(&words(&all), &all);
            let shown = snippet(&text, &search);
            prop_assert!(shown.len() <= SNIPPET_BYTES + 6, "{}", shown.len());
        }
    }
}
