//! A value as it was written: characters, and the two characters that may stand for anything.
//!
//! What a value means is known only with its field, so nothing is decided here: `'50%'` is a percentage to an equality and
//! the beginning of something to a `like`. A backslash takes the special meaning away, and that must not get lost between
//! the text and the database, hence pieces and not a string.

use std::fmt;

use super::pattern::Pattern;

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Characters that mean themselves.
    Plain(String),
    /// `*`: anything, in an equality and in a `like`.
    Star,
    /// `%`: anything, in a `like`.
    Percent,
}

/// A value as it was written. Two plain pieces never follow each other, and no plain piece is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written(Vec<Piece>);

impl Written {
    /// Characters that mean themselves.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::default() } else { Self(vec![Piece::Plain(text)]) }
    }

    /// Adds a character; `*` and `%` mean anything.
    pub fn push(&mut self, character: char) {
        match character {
            '*' => self.0.push(Piece::Star),
            '%' => self.0.push(Piece::Percent),
            other => self.push_plain(other),
        }
    }

    /// Adds a character that means itself.
    pub fn push_plain(&mut self, character: char) {
        match self.0.last_mut() {
            Some(Piece::Plain(text)) => text.push(character),
            _ => self.0.push(Piece::Plain(character.into())),
        }
    }

    /// Its parts.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The text, with `*` and `%` for themselves.
    pub fn text(&self) -> String {
        let characters = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Star => "*".to_owned(),
            Piece::Percent => "%".to_owned(),
        };
        self.0.iter().map(characters).collect()
    }

    /// Whether it has a `*` that means anything.
    pub fn has_star(&self) -> bool {
        self.0.contains(&Piece::Star)
    }

    /// The pattern that an equality with a `*` compares with: `%` is a character.
    pub fn star_pattern(&self) -> Pattern {
        self.split(|piece| *piece == Piece::Star)
    }

    /// The pattern of a `like`. Without anything that means anything it is found anywhere.
    pub fn like_pattern(&self) -> Pattern {
        let pattern = self.split(|piece| matches!(piece, Piece::Star | Piece::Percent));
        if pattern.is_exact() { pattern.anywhere() } else { pattern }
    }

    fn split(&self, is_gap: impl Fn(&Piece) -> bool) -> Pattern {
        Pattern::new(self.0.split(is_gap).map(|part| Self(part.to_vec()).text()).collect())
    }
}

/// As a value in single quotes, or bare where it is a number or a truth value.
impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Piece::Plain(text)] = self.0.as_slice()
            && (text == "true"
                || text == "false"
                || text.parse::<i64>().is_ok_and(|number| number.to_string() == *text))
        {
            return f.write_str(text);
        }
        f.write_str("'")?;
        for piece in &self.0 {
            match piece {
                Piece::Star => f.write_str("*")?,
                Piece::Percent => f.write_str("%")?,
                Piece::Plain(text) => {
                    for character in text.chars() {
                        if matches!(character, '\'' | '\\' | '*' | '%') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{character}")?;
                    }
                }
            }
        }
        f.write_str("'")
    }
}
