//! Properties: what is printed is read again, every mixture of spellings says the same, and no text does any harm.

use std::fmt::Write as _;

use proptest::{collection::vec, prelude::*, sample::select};

use super::super::{Comparison, Literal, Operator, Pattern, Piece, Place, Raw, Written, parse, parse_all, parse_sort};
use super::{FIELDS, bound};

fn written() -> impl Strategy<Value = Written> {
    // Pushed one by one, as the parser does; the flag takes the special meaning away.
    let character = prop_oneof![
        select(vec![
            '*', '%', '_', '\\', '\'', '"', ' ', 'a', 'B', 'é', ';', ',', ')', '-', '1', '$', '?', '[', '𝄞', ':'
        ]),
        any::<char>().prop_filter("no NUL", |character| *character != '\0'),
    ];
    let odd = vec((character, any::<bool>()), 0..8).prop_map(|characters| {
        let mut written = Written::default();
        for (character, plain) in characters {
            if plain { written.push_plain(character) } else { written.push(character) }
        }
        written
    });
    let plain = select(vec!["x", "FAILED", "7", "-3", "true", "null", "and", "2026-01-31", "2026-01-31T08:00:00Z"]);
    prop_oneof![odd, plain.prop_map(Written::plain)]
}

fn literal() -> impl Strategy<Value = Literal> {
    let some = written().prop_map(Some);
    prop_oneof![9 => some, 1 => Just(None)].prop_map(|written| Literal { place: Place::default(), written })
}

fn comparison() -> impl Strategy<Value = Raw> {
    let fields =
        vec!["subject", "status", "priority", "startDate", "pod.id", "kept", "unknown", "not-x", "is", "eq", "ä._b"];
    (select(fields), select(Operator::ALL), vec(literal(), 1..4)).prop_map(|(field, operator, mut values)| {
        match operator {
            Operator::IsNull | Operator::IsEmpty => values.clear(),
            Operator::In => {}
            _ => values.truncate(1),
        }
        Raw::Test(Comparison { field: field.to_owned(), place: Place::default(), operator, values })
    })
}

fn raw() -> impl Strategy<Value = Raw> {
    comparison().prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Raw::All),
            vec(inner.clone(), 2..4).prop_map(Raw::Any),
            inner.prop_map(|inner| Raw::Not(Box::new(inner))),
        ]
    })
}

/// Writes a filter in a spelling that is chosen anew for each thing in it.
struct Speller<'c> {
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
    text: String,
}

impl Speller<'_> {
    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        let choice = self.choices.next().copied().unwrap_or_default();
        among[choice as usize % among.len()]
    }

    fn add(&mut self, among: &[&str]) {
        let chosen = self.choose(among);
        self.text.push_str(chosen);
    }

    fn parts(&mut self, parts: &[Raw], between: &[&str]) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.add(between);
            }
            // Only an `or` in an `or`, and what binds less, has to be in parentheses; anything may.
            let needed = match part {
                Raw::Any(_) => true,
                Raw::All(_) => between[0] == " and ",
                Raw::Not(_) | Raw::Test(_) => false,
            };
            self.part(part, needed);
        }
    }

    fn part(&mut self, part: &Raw, needed: bool) {
        if needed || self.choose(&[false, false, true]) {
            self.add(&["(", "( "]);
            self.filter(part);
            self.add(&[")", " )"]);
        } else {
            self.filter(part);
        }
    }

    fn filter(&mut self, raw: &Raw) {
        match raw {
            Raw::All(parts) => self.parts(parts, &[" and ", ";", " AND ", " ; ", "\tAnd\n"]),
            Raw::Any(parts) => self.parts(parts, &[" or ", ",", " OR ", " , "]),
            Raw::Not(inner) => match (&**inner, self.choose(&[false, true])) {
                (Raw::Test(comparison), true) if self.negated(comparison) => {}
                (inner, _) => {
                    self.add(&["not ", "NOT "]);
                    self.part(inner, matches!(inner, Raw::All(_) | Raw::Any(_)));
                }
            },
            Raw::Test(comparison) => {
                self.text.push_str(&comparison.field);
                self.add(match comparison.operator {
                    Operator::Equal => &[" eq ", "==", ":", " : ", "=eq=", " EQ "],
                    Operator::NotEqual => &[" ne ", "!=", "!", " ! ", "=ne="],
                    Operator::Greater => &[" gt ", ">", "=gt="],
                    Operator::AtLeast => &[" ge ", ">=", ">:", "=ge="],
                    Operator::Less => &[" lt ", "<", "=lt="],
                    Operator::AtMost => &[" le ", "<=", "<:", "=le="],
                    Operator::Like => &[" like ", "~", "=like=", " ~ "],
                    Operator::LikeAnyCase => &[" ilike ", "~~", "=ilike="],
                    Operator::In => &[" in ", "=in=", " IN"],
                    Operator::IsNull => &[" is null", " IS  NULL"],
                    Operator::IsEmpty => &[" is empty"],
                });
                self.values(comparison);
            }
        }
    }

    /// A negation that is an operator of its own, where there is one.
    fn negated(&mut self, comparison: &Comparison) -> bool {
        let operators: &[&str] = match comparison.operator {
            Operator::Like => &[" not like ", "=notlike="],
            Operator::LikeAnyCase => &[" not ilike ", "=inotlike="],
            Operator::In => &[" not in ", "=out="],
            Operator::IsNull => &[" is not null"],
            Operator::IsEmpty => &[" is not empty"],
            _ => return false,
        };
        self.text.push_str(&comparison.field);
        self.add(operators);
        self.values(comparison);
        true
    }

    fn values(&mut self, comparison: &Comparison) {
        let (open, close) = match comparison.operator {
            Operator::In => self.choose(&[("(", ")"), ("[", "]"), (" ( ", " ) ")]),
            _ => ("", ""),
        };
        self.text.push_str(open);
        for (index, value) in comparison.values.iter().enumerate() {
            if index > 0 {
                self.add(&[",", ", ", " , "]);
            }
            match &value.written {
                None => self.add(&["null", "NULL"]),
                Some(written) => self.value(written),
            }
        }
        self.text.push_str(close);
    }

    fn value(&mut self, written: &Written) {
        let words = ["null", "and", "or", "not"];
        let bare = matches!(written.pieces(), [Piece::Plain(text)]
            if !text.starts_with(':') // `>` and `:` are one operator
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-:.$?".contains(c)) && !words.contains(&text.to_ascii_lowercase().as_str()));
        match (bare, self.choose(&[0, 1, 2])) {
            (true, 2) => self.text.push_str(&written.text()),
            (_, choice) => {
                let quote = if choice == 1 { '"' } else { '\'' };
                self.text.push(quote);
                for piece in written.pieces() {
                    match piece {
                        Piece::Star => self.text.push('*'),
                        Piece::Percent => self.text.push('%'),
                        Piece::Plain(text) => {
                            for character in text.chars() {
                                if character == quote
                                    || "\\*%".contains(character)
                                    || self.choose(&[false, false, true])
                                {
                                    self.text.push('\\');
                                }
                                self.text.push(character);
                            }
                        }
                    }
                }
                self.text.push(quote);
            }
        }
    }
}

/// What a pattern means, by trying everything.
fn matches_slowly(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skipped| matches_slowly(rest, &text[skipped..])),
        Some((first, rest)) => text.first() == Some(first) && matches_slowly(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_printed_is_read_again(raw in raw()) {
        let text = raw.to_string();
        prop_assert_eq!(&parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?, &raw);
        prop_assert_eq!(parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn every_spelling_says_the_same(raw in raw(), choices in vec(any::<u8>(), 1..64)) {
        let mut speller = Speller { choices: choices.iter().cycle(), text: String::new() };
        speller.filter(&raw);
        let text = speller.text;
        prop_assert_eq!(&parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?, &raw, "{}", text);
    }

    #[test]
    fn no_text_does_any_harm(texts in vec(any::<String>(), 0..3)) {
        let _ = parse_all(&texts).map(|raw| raw.map(|raw| raw.bind(&FIELDS)));
        let _ = parse_sort(&texts, &FIELDS);
    }

    #[test]
    fn no_text_of_the_languages_own_parts_does_any_harm(parts in vec(select(vec![
        "a", "subject", "status", ".", " ", "eq", "==", "=in=", "=", "!", "~", "~~", ":", ">:", "<", "(", ")", "[", "]", ",", ";", "and",
        "or", "not", "is", "null", "empty", "in", "'", "\"", "\\", "*", "%", "x", "5", "-", "é", "'x'", "FAILED", "--", "$1", "\0", "/*",
    ]), 0..24)) {
        let text: String = parts.concat();
        match parse(&text) {
            // What is read has a canonical spelling, which says the same.
            Ok(raw) => {
                prop_assert_eq!(&parse(&raw.to_string()).unwrap(), &raw);
                if let Err(error) = raw.bind(&FIELDS) {
                    prop_assert!(error.place.position < text.chars().count());
                }
            }
            Err(error) => prop_assert!(error.place.position <= text.chars().count() && !error.message.is_empty()),
        }
    }

    #[test]
    fn a_pattern_is_found_where_trying_everything_finds_it(
        pattern in vec(select(vec!['a', 'b', '*', 'é']), 0..7), text in vec(select(vec!['a', 'b', 'é']), 0..9),
    ) {
        let mut written = Written::default();
        for character in &pattern {
            written.push(*character);
        }
        let found: Pattern = written.star_pattern();
        let text_string: String = text.iter().collect();
        prop_assert_eq!(found.matches(&text_string), matches_slowly(&pattern, &text));
    }

    #[test]
    fn a_value_in_quotes_is_that_value(value in "[^\0]{0,40}") {
        let mut quoted = String::new();
        for character in value.chars() {
            write!(quoted, "{}{character}", if "'\\*%".contains(character) { "\\" } else { "" }).unwrap();
        }
        let filter = bound(&format!("subject eq '{quoted}'")).unwrap();
        prop_assert_eq!(filter, super::super::Filter::one_of(super::Column::Subject, [super::super::Value::Text(value)]));
    }
}
