//! Reads the literals of Python: integers, floats and strings. Byte strings, strings with `{}` in them and complex numbers
//! are refused by name.

use super::error::CompileError;
use super::lexer::{Lexer, TokenKind, continues_name, line_break};

impl<'s> Lexer<'s> {
    /// Reads a number, which begins with a digit, or with a point and a digit.
    pub(super) fn number(&mut self) -> Result<TokenKind<'s>, CompileError> {
        let start = self.at;
        let bytes = self.rest().as_bytes();
        let radix = match bytes {
            [b'0', b'x' | b'X', ..] => Some(16),
            [b'0', b'o' | b'O', ..] => Some(8),
            [b'0', b'b' | b'B', ..] => Some(2),
            _ => None,
        };
        if let Some(radix) = radix {
            // An underline may follow the prefix, too.
            let from = if bytes.get(2) == Some(&b'_') { 3 } else { 2 };
            let end = digits(bytes, from, radix);
            return if end == from { Err(self.malformed(start)) } else { self.integer(start, from, end, radix) };
        }
        let mut end = digits(bytes, 0, 10);
        let whole = end;
        if bytes.get(end) == Some(&b'.') {
            end = digits(bytes, end + 1, 10);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = end + 1 + sign;
            end = digits(bytes, exponent, 10);
            if end == exponent {
                return Err(self.malformed(start));
            }
        }
        if end == whole {
            return self.integer(start, 0, end, 10);
        }
        self.close(start, end)?;
        let text = self.source[start..start + end].replace('_', "");
        text.parse().map(TokenKind::Float).map_err(|_| self.malformed(start))
    }

    /// Takes the integer whose digits are at `from..end` after `start`.
    fn integer(&mut self, start: usize, from: usize, end: usize, radix: u32) -> Result<TokenKind<'s>, CompileError> {
        self.close(start, end)?;
        let text = self.source[start + from..start + end].replace('_', "");
        if radix == 10 && text.starts_with('0') && text.bytes().any(|digit| digit != b'0') {
            return Err(self.error(start, "an integer has no leading zeros"));
        }
        let number = i128::from_str_radix(&text, radix);
        number.map(TokenKind::Int).map_err(|_| self.error(start, "the integer has more than 127 bits"))
    }

    /// Ends a number after `end` bytes, unless something hangs on it.
    fn close(&mut self, start: usize, end: usize) -> Result<(), CompileError> {
        match self.source[start + end..].chars().next() {
            Some('j' | 'J') => Err(self.error(start, "there are no complex numbers here")),
            Some(next) if continues_name(next) => Err(self.malformed(start)),
            _ => {
                self.at = start + end;
                Ok(())
            }
        }
    }

    fn malformed(&mut self, start: usize) -> CompileError {
        self.error(start, "malformed number")
    }

    /// Reads a string; `prefix` is the name that stands in front of its quote.
    pub(super) fn text(&mut self, prefix: &str) -> Result<String, CompileError> {
        let start = self.at;
        let raw = match prefix.to_ascii_lowercase().as_str() {
            "" | "u" => false,
            "r" => true,
            "b" | "br" | "rb" => return Err(self.error(start, "there are no byte strings here")),
            "f" | "fr" | "rf" => return Err(self.error(start, "there are no f-strings here; join the parts with `+`")),
            _ => return Err(self.error(start, format!("there are no strings with the prefix `{prefix}`"))),
        };
        let quoted = &self.rest()[prefix.len()..];
        let triple = quoted.starts_with("'''") || quoted.starts_with("\"\"\"");
        let quote = &quoted[..if triple { 3 } else { 1 }];
        self.at += prefix.len() + quote.len();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let stop = rest.find([&quote[..1], "\\", "\n", "\r", "\0"].map(first).as_slice()).unwrap_or(rest.len());
            text.push_str(&rest[..stop]);
            self.at += stop;
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                return Ok(text);
            }
            match rest.chars().next() {
                Some('\\') if !matches!(rest[1..].chars().next(), None | Some('\0')) => self.escape(raw, &mut text)?,
                Some('\n' | '\r') if triple => {
                    text.push('\n');
                    self.at += line_break(rest);
                }
                // One or two quotes inside of a string with three.
                Some(character) if triple && character != '\0' => {
                    text.push(character);
                    self.at += 1;
                }
                _ => return Err(self.error(start, "the string has no end")),
            }
        }
    }

    /// Reads what begins with a backslash. What is no escape of Python stays as it is, with its backslash.
    fn escape(&mut self, raw: bool, text: &mut String) -> Result<(), CompileError> {
        let start = self.at;
        self.at += 1;
        let letter = self.rest().chars().next().expect("the caller has seen a character behind the backslash");
        let break_length = line_break(self.rest());
        if raw || break_length > 0 {
            if raw {
                text.push('\\');
                text.push(if break_length > 0 { '\n' } else { letter });
            }
            self.at += break_length.max(letter.len_utf8());
            return Ok(());
        }
        self.at += letter.len_utf8();
        let code = match letter {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            '\\' | '"' | '\'' => u32::from(letter),
            'x' => self.code(start, 2)?,
            'u' => self.code(start, 4)?,
            'U' => self.code(start, 8)?,
            'N' => return Err(self.error(start, "characters have no names here; write `\\u` and four digits")),
            '0'..='7' => {
                self.at -= 1;
                let octal = self.rest().bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let code = u32::from_str_radix(&self.rest()[..octal], 8).expect("up to three octal digits");
                self.at += octal;
                code
            }
            other => {
                text.push('\\');
                text.push(other);
                return Ok(());
            }
        };
        match char::from_u32(code) {
            Some(character) => text.push(character),
            None => return Err(self.error(start, "the escape stands for no character")),
        }
        Ok(())
    }

    fn code(&mut self, start: usize, digits: usize) -> Result<u32, CompileError> {
        let text = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(code) = text.and_then(|text| u32::from_str_radix(text, 16).ok()) else {
            return Err(self.error(start, format!("the escape needs {digits} hexadecimal digits")));
        };
        self.at += digits;
        Ok(code)
    }
}

fn first(text: &str) -> char {
    text.chars().next().expect("a text that is not empty")
}

/// Where the digits from `from` on end. Between two digits may be one underline.
fn digits(bytes: &[u8], from: usize, radix: u32) -> usize {
    let is_digit = |at: usize| bytes.get(at).is_some_and(|byte| char::from(*byte).is_digit(radix));
    let mut end = from;
    while is_digit(end) || (end > from && bytes.get(end) == Some(&b'_') && is_digit(end + 1)) {
        end += 1;
    }
    end
}
