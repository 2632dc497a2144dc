//! Regular expressions: linear by construction, bounded in size, priced by how large the compiled program is.

use regex::{Regex, RegexBuilder};

use super::super::error::Failure;
use super::super::limits::{Meter, PATTERN_BYTES};

/// Compiled sizes that are tried in turn, and the bytes of text that one step of fuel then searches. In the worst case
/// a search costs text times program, so the product of the two columns is about the same in every row.
const CLASSES: [(usize, u64); 3] = [(8 * 1024, 32), (32 * 1024, 8), (128 * 1024, 2)];

/// Largest cache of the lazy automaton, per search.
const AUTOMATON_BYTES: usize = 256 * 1024;

/// Steps for compiling a pattern that is only known while the expression runs.
const COMPILE_STEPS: u64 = 4_000;

/// A compiled regular expression.
#[derive(Debug)]
pub(in super::super) struct Pattern {
    regex: Regex,
    bytes_per_step: u64,
}

impl Pattern {
    /// Compiles a pattern, or says what is wrong with it.
    pub(in super::super) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > PATTERN_BYTES {
            return Err(format!("the regular expression is longer than {PATTERN_BYTES} bytes"));
        }
        let source = with_ascii_classes(source);
        for (size, bytes_per_step) in CLASSES {
            let built =
                RegexBuilder::new(&source).size_limit(size).dfa_size_limit(AUTOMATON_BYTES).nest_limit(32).build();
            match built {
                Ok(regex) => return Ok(Self { regex, bytes_per_step }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(format!("the regular expression is not well formed{}", reason(&error))),
            }
        }
        Err("the regular expression is too large when compiled; use smaller counts and classes".to_owned())
    }

    /// Compiles a pattern that came up during an evaluation.
    pub(super) fn compile_now(meter: &Meter, source: &str) -> Result<Self, Failure> {
        meter.burn(COMPILE_STEPS)?;
        Self::compile(source).map_err(|message| Failure::of_value(format!("`matches`: {message}")))
    }

    /// Whether the pattern matches anywhere in `text`.
    pub(super) fn finds(&self, meter: &Meter, text: &str) -> Result<bool, Failure> {
        meter.burn(1 + text.len() as u64 / self.bytes_per_step)?;
        Ok(self.regex.is_match(text))
    }
}

/// The last line of the library's message; the lines before it quote the pattern, which may be a secret.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    message
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("error: "))
        .map_or_else(String::new, |why| format!(": {why}"))
}

/// Gives `\d`, `\w`, `\s`, their opposites and `\b` the meaning they have in RE2, and so in CEL: ASCII. The library reads
/// them as classes of Unicode, whose automata are a thousand times the size; `\pL` and the like are there for that.
fn with_ascii_classes(source: &str) -> String {
    let mut pattern = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            pattern.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => pattern.push_str("[0-9]"),
            Some('D') => pattern.push_str("[^0-9]"),
            Some('w') => pattern.push_str("[0-9A-Za-z_]"),
            Some('W') => pattern.push_str("[^0-9A-Za-z_]"),
            Some('s') => pattern.push_str(r"[\t\n\f\r\x20]"),
            Some('S') => pattern.push_str(r"[^\t\n\f\r\x20]"),
            Some('b') if characters.peek() != Some(&'{') => pattern.push_str(r"(?-u:\b)"),
            other => {
                pattern.push('\\');
                pattern.extend(other);
            }
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{Meter, Pattern};

    #[test]
    fn short_classes_are_ascii_inside_and_outside_of_brackets() {
        for (pattern, text, expected) in [
            (r"^\d{4}-\d\d$", "2026-05", true),
            (r"^\d$", "٣", false),
            (r"^[\w.+-]+@[\w-]+\.[\w.]+$", "ada.l+x@mail-1.example.org", true),
            (r"^\w+$", "é", false),
            (r"^\pL+$", "éß", true),
            (r"^[^\w]$", "é", true),
            (r"^\W\D\S$", "é-x", true),
            (r"\bcat\b", "a cat.", true),
            (r"\bcat\b", "concatenate", false),
            (r"^a\sb[\s]c$", "a b\tc", true),
            (r"\\d", r"\d", true),
            (r"\\d", "5", false),
            (r"(?i)^STRASSE|straße$", "STRAßE", true),
            ("^.$", "😀", true),
        ] {
            let pattern = Pattern::compile(pattern).expect(pattern);
            assert_eq!(pattern.finds(&Meter::new(), text).unwrap(), expected, "{pattern:?} in {text}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for pattern in ["(", "[", r"\", r"[\b]", r"\q", "(?<=a)b", r"(a)\1"] {
            assert!(Pattern::compile(pattern).unwrap_err().contains("not well formed: "), "{pattern}");
        }
    }
}
