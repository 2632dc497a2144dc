//! Source text to tokens, one at a time: templates use the same lexer to find the end of a `{{ }}`, so a brace inside
//! a string or a map literal never ends it.

use std::fmt;

use super::error::CompileError;
use super::path::{continues_name, starts_name};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind<'s>,
    pub(super) position: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'s> {
    Name(&'s str),
    Text(String),
    Int(u64),
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

/// Longest first, so that `<=` is never read as `<`. `?.` is handled apart.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ",", ".", "(", ")", "[", "]",
    "{", "}",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Previous {
    /// The next `.` is a member access: `items.0`, not the number `.0`.
    Operand,
    /// The next digits are an index: in `a.0.1` there is no number 0.1.
    Dot,
    Other,
}

pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    previous: Previous,
}

impl<'s> Lexer<'s> {
    /// Reads `source` from byte `at`; positions count from the start of `source`.
    pub(super) fn new(source: &'s str, at: usize) -> Self {
        Self { source, at, previous: Previous::Other }
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Skips blanks and `//` comments.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        self.rest().starts_with(symbol)
    }

    /// The next token; [`TokenKind::End`] again and again once the source is used up.
    pub(super) fn token(&mut self) -> Result<Token<'s>, CompileError> {
        self.skip_blanks();
        let position = self.at;
        let kind = self.kind()?;
        self.previous = match &kind {
            TokenKind::Name("in") if self.previous != Previous::Dot => Previous::Other,
            TokenKind::Name(_)
            | TokenKind::Text(_)
            | TokenKind::Int(_)
            | TokenKind::Float(_)
            | TokenKind::Symbol(")" | "]" | "}") => Previous::Operand,
            TokenKind::Symbol("." | "?.") => Previous::Dot,
            TokenKind::Symbol(_) | TokenKind::End => Previous::Other,
        };
        Ok(Token { kind, position })
    }

    fn kind(&mut self) -> Result<TokenKind<'s>, CompileError> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else { return Ok(TokenKind::End) };
        let second = characters.next();
        if matches!(first, '"' | '\'') {
            return self.text(first);
        }
        if let (Some(quote @ ('"' | '\'')), 'r' | 'R') = (second, first) {
            return self.raw_text(quote);
        }
        if matches!((first, second), ('b' | 'B', Some('"' | '\''))) {
            return Err(self.error("there are no byte strings here"));
        }
        if starts_name(first) {
            let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
            self.at += end;
            return Ok(TokenKind::Name(&rest[..end]));
        }
        let digit_next = second.is_some_and(|c| c.is_ascii_digit());
        if first.is_ascii_digit() || (first == '.' && digit_next && self.previous != Previous::Operand) {
            return self.number();
        }
        if first == '?' && second == Some('.') && !characters.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 2;
            return Ok(TokenKind::Symbol("?."));
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.at += symbol.len();
            return Ok(TokenKind::Symbol(symbol));
        }
        Err(self.error(match first {
            '=' => "a single `=` means nothing here; compare with `==`".to_owned(),
            '&' => "a single `&` means nothing here; write `&&`".to_owned(),
            '|' => "a single `|` means nothing here; write `||`, or call functions as methods".to_owned(),
            other => format!("unexpected character {other:?}"),
        }))
    }

    fn number(&mut self) -> Result<TokenKind<'s>, CompileError> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let malformed = |lexer: &Self| lexer.error("malformed number");
        if self.previous == Previous::Dot {
            let end = digits(0);
            return self.integer(&rest[..end], 10, end);
        }
        if rest.starts_with("0x") || rest.starts_with("0X") {
            let hexadecimal = bytes[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            return self.integer(&rest[2..2 + hexadecimal], 16, 2 + hexadecimal);
        }
        let mut end = digits(0);
        let mut float = false;
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end += 1 + digits(end + 1);
            float = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent == 0 {
                return Err(malformed(self));
            }
            end += 1 + sign + exponent;
            float = true;
        }
        if !float {
            return self.integer(&rest[..end], 10, end);
        }
        if rest[end..].starts_with(continues_name) {
            return Err(malformed(self));
        }
        let number = rest[..end].parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| self.error("the number is out of range"))?;
        self.at += end;
        Ok(TokenKind::Float(number))
    }

    fn integer(&mut self, digits: &str, radix: u32, end: usize) -> Result<TokenKind<'s>, CompileError> {
        if digits.is_empty() || self.rest()[end..].starts_with(continues_name) {
            return Err(self.error("malformed number"));
        }
        let number = u64::from_str_radix(digits, radix)
            .map_err(|_| self.error("the integer does not fit 64 bits; with a decimal point it is a double"))?;
        self.at += end;
        Ok(TokenKind::Int(number))
    }

    fn raw_text(&mut self, quote: char) -> Result<TokenKind<'s>, CompileError> {
        let inner = &self.rest()[2..];
        match inner.find([quote, '\n']).map(|end| (end, &inner[end..])) {
            Some((end, tail)) if tail.starts_with(quote) => {
                self.at += 2 + end + 1;
                Ok(TokenKind::Text(inner[..end].to_owned()))
            }
            _ => Err(self.error("the string has no end")),
        }
    }

    fn text(&mut self, quote: char) -> Result<TokenKind<'s>, CompileError> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let stop = rest.find([quote, '\\', '\n']).unwrap_or(rest.len());
            text.push_str(&rest[..stop]);
            self.at += stop;
            if self.at_symbol("\\") {
                text.push(self.escape()?);
            } else if self.rest().starts_with(quote) {
                self.at += 1;
                return Ok(TokenKind::Text(text));
            } else {
                return Err(CompileError::new(start, "the string has no end"));
            }
        }
    }

    /// Reads one escape. All of CEL's and JSON's are known, with surrogate pairs as JSON writes them.
    fn escape(&mut self) -> Result<char, CompileError> {
        let start = self.at;
        let unknown = || CompileError::new(start, "unknown escape in a string");
        let letter = self.rest()[1..].chars().next().ok_or_else(unknown)?;
        self.at += 1 + letter.len_utf8();
        let code = match letter {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            '\\' | '"' | '\'' | '`' | '?' | '/' => u32::from(letter),
            'x' | 'X' => self.code(2, 16).ok_or_else(unknown)?,
            'U' => self.code(8, 16).ok_or_else(unknown)?,
            'u' => {
                let high = self.code(4, 16).ok_or_else(unknown)?;
                if (0xd800..0xdc00).contains(&high) && self.at_symbol("\\u") {
                    self.at += 2;
                    let low = self.code(4, 16).filter(|low| (0xdc00..0xe000).contains(low)).ok_or_else(unknown)?;
                    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                } else {
                    high
                }
            }
            '0'..='3' => {
                self.at -= 1;
                self.code(3, 8).ok_or_else(unknown)?
            }
            _ => return Err(unknown()),
        };
        char::from_u32(code).ok_or_else(unknown)
    }

    fn code(&mut self, digits: usize, radix: u32) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        let code = text.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(text, radix).ok())??;
        self.at += digits;
        Some(code)
    }

    fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::new(self.at, message)
    }
}

/// All tokens of `source` from byte `start`, the last of them the end.
pub(super) fn tokens(source: &str, start: usize) -> Result<Vec<Token<'_>>, CompileError> {
    let mut lexer = Lexer::new(source, start);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}
