//! Characters of a filter, read one thing at a time.
//!
//! There is no list of tokens: what a character means depends on what is expected. A colon after a field is an operator, and
//! inside an unquoted value it is a part of `2026-01-31T08:00:00Z`.

use super::{FilterError, Place, Written};

/// A text and a place in it.
pub(super) struct Scanner {
    text: usize,
    characters: Vec<char>,
    at: usize,
}

impl Scanner {
    /// The text with this number, from its beginning.
    pub(super) fn new(text: usize, source: &str) -> Self {
        Self { text, characters: source.chars().collect(), at: 0 }
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        Place { text: self.text, position: self.at }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.place(), message)
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    /// Whether the text is used up, blanks aside.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.peek().is_none()
    }

    /// Takes a symbol, if it comes next, blanks aside.
    pub(super) fn take(&mut self, symbol: &str) -> bool {
        self.skip_blanks();
        let rest = &self.characters[self.at..];
        let comes = symbol.chars().enumerate().all(|(index, character)| rest.get(index) == Some(&character));
        if comes {
            self.at += symbol.chars().count();
        }
        comes
    }

    /// The word that comes next, blanks aside; it is not taken. It may be empty.
    pub(super) fn peek_word(&mut self) -> String {
        self.skip_blanks();
        self.characters[self.at..].iter().take_while(|character| continues_word(**character)).collect()
    }

    /// Takes one of a few words, in whatever case, if it comes next.
    pub(super) fn take_word<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        let word = self.peek_word();
        let (_, meaning) = words.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word))?;
        self.at += word.chars().count();
        Some(*meaning)
    }

    /// Takes a word of letters and what stands around it, such as `=in=`; the word without them.
    pub(super) fn take_between(&mut self, mark: char) -> Option<String> {
        let rest = self.characters.get(self.at..)?.strip_prefix(&[mark])?;
        let end = rest.iter().position(|character| !character.is_ascii_alphabetic())?;
        if end == 0 || rest[end] != mark {
            return None;
        }
        self.at += end + 2;
        Some(rest[..end].iter().collect())
    }

    /// The path of a field: names with dots between.
    pub(super) fn field(&mut self) -> Result<(String, Place), FilterError> {
        self.skip_blanks();
        let place = self.place();
        let mut path = String::new();
        loop {
            let name = self.characters[self.at..].iter().take_while(|character| continues_word(**character));
            let before = path.len();
            path.extend(name);
            let length = path[before..].chars().count();
            if length == 0 || path[before..].starts_with(|first: char| first.is_ascii_digit() || first == '-') {
                return Err(self.error(format!("expected the name of a field, found {}", self.found())));
            }
            self.at += length;
            if self.peek() != Some('.') {
                return Ok((path, place));
            }
            path.push('.');
            self.at += 1;
        }
    }

    /// A value: quoted with escapes, or bare up to a blank or a character that means something.
    pub(super) fn value(&mut self) -> Result<(Option<Written>, Place), FilterError> {
        self.skip_blanks();
        let place = self.place();
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            return Ok((Some(self.quoted(quote)?), place));
        }
        let bare: String = self.characters[self.at..].iter().take_while(|character| is_bare(**character)).collect();
        match bare.to_ascii_lowercase().as_str() {
            "" => return Err(self.error(format!("expected a value, found {}", self.found()))),
            "and" | "or" | "not" => {
                return Err(self.error(format!("expected a value, found the word `{bare}`; quote it if it is meant")));
            }
            _ => {}
        }
        self.at += bare.chars().count();
        if self.peek() == Some('(') {
            return Err(FilterError::new(
                place,
                format!("`{}` looks like a function, and there are none", short(&bare)),
            ));
        }
        if bare.eq_ignore_ascii_case("null") {
            return Ok((None, place));
        }
        let mut written = Written::default();
        bare.chars().for_each(|character| written.push(character));
        Ok((Some(written), place))
    }

    fn quoted(&mut self, quote: char) -> Result<Written, FilterError> {
        let opening = self.place();
        self.at += 1;
        let mut written = Written::default();
        while let Some(character) = self.peek() {
            self.at += 1;
            if character == quote {
                return Ok(written);
            }
            if character == '\\' {
                let Some(escaped) = self.peek() else { break };
                self.at += 1;
                written.push_plain(escaped);
            } else {
                written.push(character);
            }
        }
        Err(FilterError::new(opening, format!("the quote {quote} is never closed")))
    }

    /// What comes next, for a message.
    pub(super) fn found(&self) -> String {
        let Some(first) = self.peek() else { return "the end".to_owned() };
        let word: String =
            self.characters[self.at..].iter().take_while(|character| continues_word(**character)).collect();
        if word.is_empty() {
            format!("{:?}", first.to_string()).replace('"', "`")
        } else {
            format!("`{}`", short(&word))
        }
    }
}

fn continues_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '$')
}

/// RSQL's reserved characters end a bare value, and brackets, because `in` may have them.
fn is_bare(character: char) -> bool {
    !character.is_whitespace()
        && !matches!(character, '"' | '\'' | '(' | ')' | '[' | ']' | ';' | ',' | '=' | '!' | '~' | '<' | '>')
}

/// The beginning of a foreign text, for a message.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
