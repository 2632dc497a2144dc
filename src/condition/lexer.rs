//! Source to tokens, as Python's tokenizer reads one logical line: line breaks and comments are blanks inside of brackets,
//! and end the condition outside of them. Literals are read in [`super::literal`].

use std::fmt;

use super::error::CompileError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'s> {
    /// A name or a word of the language.
    Name(&'s str),
    Text(String),
    Int(i128),
    Float(f64),
    Symbol(&'static str),
    End,
}

impl fmt::Display for TokenKind<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(out, "`{name}`"),
            Self::Text(_) => out.write_str("a string"),
            Self::Int(_) | Self::Float(_) => out.write_str("a number"),
            Self::Symbol(symbol) => write!(out, "`{symbol}`"),
            Self::End => out.write_str("the end"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind<'s>,
    /// In characters.
    pub(super) position: u32,
}

/// Longer ones first, where one begins with another. Some mean nothing here and are known for the sake of the message.
const SYMBOLS: [&str; 35] = [
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", ":=", "->", "&&", "||", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", ";", "!",
];

pub(super) struct Lexer<'s> {
    pub(super) source: &'s str,
    /// The next byte to read.
    pub(super) at: usize,
    brackets: usize,
    /// A place that was asked for, in bytes and in characters: the next count begins there.
    counted: (usize, usize),
}

/// All tokens of `source`, the last of them the end.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, CompileError> {
    let start = source.len() - source.trim_start().len();
    let mut lexer =
        Lexer { source: source.trim_end(), at: start.min(source.trim_end().len()), brackets: 0, counted: (0, 0) };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let position = lexer.position(lexer.at) as u32;
        let kind = lexer.kind()?;
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, position });
        if end {
            return Ok(tokens);
        }
    }
}

impl<'s> Lexer<'s> {
    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// The characters before byte `at`. Bytes are asked for in rising order, but for errors, which end the reading.
    pub(super) fn position(&mut self, at: usize) -> usize {
        let (bytes, characters) = self.counted;
        self.counted = match self.source.get(bytes..at) {
            Some(between) => (at, characters + between.chars().count()),
            None => (at, self.source[..at].chars().count()),
        };
        self.counted.1
    }

    pub(super) fn error(&mut self, at: usize, message: impl Into<String>) -> CompileError {
        CompileError::new(self.position(at), message)
    }

    fn skip_blanks(&mut self) -> Result<(), CompileError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\x0c']).len();
            self.at += blanks;
            let rest = self.rest();
            match rest.chars().next() {
                Some('\n' | '\r') if self.brackets > 0 => self.at += 1,
                Some('\n' | '\r') => {
                    return Err(
                        self.error(self.at, "a condition is one line: put brackets around one that has several")
                    );
                }
                Some('#') => self.at += rest.find(['\n', '\r']).unwrap_or(rest.len()),
                Some('\\') => match line_break(&rest[1..]) {
                    0 => return Err(self.error(self.at, "a `\\` outside of a string has to end its line")),
                    length => self.at += 1 + length,
                },
                _ => return Ok(()),
            }
        }
    }

    fn kind(&mut self) -> Result<TokenKind<'s>, CompileError> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else { return Ok(TokenKind::End) };
        if matches!(first, '"' | '\'') {
            return self.text("").map(TokenKind::Text);
        }
        if starts_name(first) {
            let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
            let name = &rest[..end];
            if rest[end..].starts_with(['"', '\'']) && name.len() <= 2 {
                return self.text(name).map(TokenKind::Text);
            }
            self.at += end;
            return Ok(TokenKind::Name(name));
        }
        if first.is_ascii_digit() || (first == '.' && characters.next().is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
            return Err(self.error(self.at, format!("unexpected character {first:?}")));
        };
        match symbol {
            "(" | "[" | "{" => self.brackets += 1,
            ")" | "]" | "}" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.at += symbol.len();
        Ok(TokenKind::Symbol(symbol))
    }
}

/// The length of the line break at the start of `text`; 0 if there is none.
pub(super) fn line_break(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

fn starts_name(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

pub(super) fn continues_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
