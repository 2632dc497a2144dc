//! Text to a [`Raw`] filter, by recursive descent: `not` binds tighter than `and`, `and` tighter than `or`.

use super::{
    Comparison, FilterError, Literal, MAX_CHARS, MAX_COMPARISONS, MAX_DEPTH, MAX_ITEMS, Operator, Place, Raw,
    scanner::Scanner,
};

/// Reads a filter, in whatever mixture of spellings. A blank text is an error.
pub fn parse(text: &str) -> Result<Raw, FilterError> {
    match parse_all(&[text])? {
        Some(raw) => Ok(raw),
        None => Err(FilterError::new(Place::default(), "the filter is empty")),
    }
}

/// Reads several filters that are all to hold, as they come from a parameter that is repeated. Blank ones say nothing; none
/// says nothing at all. The limits are those of all of them together.
pub fn parse_all<T: AsRef<str>>(texts: &[T]) -> Result<Option<Raw>, FilterError> {
    let (mut parts, mut characters, mut comparisons) = (Vec::new(), 0, 0);
    for (text, source) in texts.iter().enumerate() {
        let source = source.as_ref();
        characters += source.chars().count();
        if characters > MAX_CHARS {
            let place = Place { text, position: 0 };
            return Err(FilterError::new(place, format!("a filter may have {MAX_CHARS} characters, not {characters}")));
        }
        if let Some(position) = source.chars().position(|character| character == '\0') {
            return Err(FilterError::new(Place { text, position }, "a filter can't hold a NUL character"));
        }
        let mut scanner = Scanner::new(text, source);
        if scanner.at_end() {
            continue;
        }
        let mut parser = Parser { scanner, depth: 0, comparisons };
        let raw = parser.any()?;
        if !parser.scanner.at_end() {
            let found = parser.scanner.found();
            return Err(parser.scanner.error(format!("expected `and`, `or` or the end, found {found}")));
        }
        comparisons = parser.comparisons;
        parts.push(raw);
    }
    Ok(one_of_many(parts, Raw::All))
}

/// The only one, or what they are together.
fn one_of_many(mut parts: Vec<Raw>, together: fn(Vec<Raw>) -> Raw) -> Option<Raw> {
    if parts.len() > 1 { Some(together(parts)) } else { parts.pop() }
}

struct Parser {
    scanner: Scanner,
    depth: usize,
    comparisons: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Raw, FilterError> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.scanner.take(",") || self.scanner.take_word(&[("or", ())]).is_some() {
            parts.push(self.all()?);
        }
        Ok(one_of_many(parts, Raw::Any).expect("there is a first one"))
    }

    fn all(&mut self) -> Result<Raw, FilterError> {
        let first = self.one()?;
        let mut parts = vec![first];
        while self.scanner.take(";") || self.scanner.take_word(&[("and", ())]).is_some() {
            parts.push(self.one()?);
        }
        Ok(one_of_many(parts, Raw::All).expect("there is a first one"))
    }

    fn one(&mut self) -> Result<Raw, FilterError> {
        self.scanner.skip_blanks();
        let opening = self.scanner.place();
        if self.scanner.take_word(&[("not", ())]).is_some() {
            self.deeper(opening)?;
            let inner = self.one()?;
            self.depth -= 1;
            return Ok(Raw::Not(Box::new(inner)));
        }
        if self.scanner.take("(") {
            self.deeper(opening)?;
            let inner = self.any()?;
            self.depth -= 1;
            if !self.scanner.take(")") {
                let (found, position) = (self.scanner.found(), opening.position);
                let message = format!("expected `and`, `or` or the `)` to the `(` at {position}, found {found}");
                return Err(self.scanner.error(message));
            }
            return Ok(inner);
        }
        self.comparison()
    }

    fn deeper(&mut self, place: Place) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("parentheses and `not` may be nested {MAX_DEPTH} deep");
            return Err(FilterError::new(place, message));
        }
        Ok(())
    }

    fn comparison(&mut self) -> Result<Raw, FilterError> {
        if let word @ ("and" | "or") = self.scanner.peek_word().to_ascii_lowercase().as_str() {
            return Err(self.scanner.error(format!("expected the name of a field, found `{word}`")));
        }
        let (field, place) = self.scanner.field()?;
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(FilterError::new(place, format!("a filter may have {MAX_COMPARISONS} comparisons")));
        }
        let (operator, negated) = self.operator(&field)?;
        let values = match operator {
            Operator::IsNull | Operator::IsEmpty => Vec::new(),
            Operator::In => self.items()?,
            _ => vec![self.value()?],
        };
        let test = Raw::Test(Comparison { field, place, operator, values });
        Ok(if negated { Raw::Not(Box::new(test)) } else { test })
    }

    /// The operator after a field, and whether it is negated.
    fn operator(&mut self, field: &str) -> Result<(Operator, bool), FilterError> {
        self.scanner.skip_blanks();
        if self.scanner.peek() == Some('(') {
            return Err(self.scanner.error(format!("`{field}` looks like a function, and there are none")));
        }
        let place = self.scanner.place();
        if let Some(name) = self.scanner.take_between('=') {
            let known = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
            return known.map(|(_, meaning)| *meaning).ok_or_else(|| {
                let known: Vec<String> = NAMED.iter().map(|(name, _)| format!("={name}=")).collect();
                FilterError::new(place, format!("unknown operator `={name}=`; there are {}", known.join(" ")))
            });
        }
        if let Some((_, meaning)) = SYMBOLS.iter().find(|(symbol, _)| self.scanner.take(symbol)) {
            return Ok(*meaning);
        }
        if self.scanner.peek() == Some('=') {
            return Err(self.scanner.error("a single `=` means nothing here; compare with `==`, `eq` or `:`"));
        }
        if let Some(meaning) = self.scanner.take_word(WORDS) {
            return Ok((meaning, false));
        }
        if self.scanner.take_word(&[("is", ())]).is_some() {
            let negated = self.scanner.take_word(&[("not", ())]).is_some();
            let about = [("null", Operator::IsNull), ("empty", Operator::IsEmpty)];
            let Some(operator) = self.scanner.take_word(&about) else {
                let found = self.scanner.found();
                return Err(self.scanner.error(format!("expected `null` or `empty`, found {found}")));
            };
            return Ok((operator, negated));
        }
        if self.scanner.take_word(&[("not", ())]).is_some() {
            let negatable = [("in", Operator::In), ("like", Operator::Like), ("ilike", Operator::LikeAnyCase)];
            let Some(operator) = self.scanner.take_word(&negatable) else {
                let found = self.scanner.found();
                return Err(self.scanner.error(format!("expected `in`, `like` or `ilike`, found {found}")));
            };
            return Ok((operator, true));
        }
        let found = self.scanner.found();
        Err(self.scanner.error(format!("expected an operator after `{field}` (such as eq, == or :), found {found}")))
    }

    fn value(&mut self) -> Result<Literal, FilterError> {
        let (written, place) = self.scanner.value()?;
        Ok(Literal { place, written })
    }

    /// The values of an `in`: in parentheses or brackets, or a single one without.
    fn items(&mut self) -> Result<Vec<Literal>, FilterError> {
        let opening = if self.scanner.take("(") {
            ")"
        } else if self.scanner.take("[") {
            "]"
        } else {
            return Ok(vec![self.value()?]);
        };
        let mut values = Vec::new();
        loop {
            let value = self.value()?;
            if values.len() == MAX_ITEMS {
                return Err(FilterError::new(value.place, format!("`in` may have {MAX_ITEMS} values")));
            }
            values.push(value);
            if self.scanner.take(opening) {
                return Ok(values);
            }
            if !self.scanner.take(",") {
                let found = self.scanner.found();
                return Err(self.scanner.error(format!("expected `,` or `{opening}` after a value, found {found}")));
            }
        }
    }
}

/// Longest first, so that `>=` is never read as `>`.
const SYMBOLS: &[(&str, (Operator, bool))] = &[
    ("==", (Operator::Equal, false)),
    ("!=", (Operator::NotEqual, false)),
    (">=", (Operator::AtLeast, false)),
    (">:", (Operator::AtLeast, false)),
    ("<=", (Operator::AtMost, false)),
    ("<:", (Operator::AtMost, false)),
    ("~~", (Operator::LikeAnyCase, false)),
    (">", (Operator::Greater, false)),
    ("<", (Operator::Less, false)),
    (":", (Operator::Equal, false)),
    ("!", (Operator::NotEqual, false)),
    ("~", (Operator::Like, false)),
];

/// What may stand between two `=`.
const NAMED: &[(&str, (Operator, bool))] = &[
    ("eq", (Operator::Equal, false)),
    ("ne", (Operator::NotEqual, false)),
    ("gt", (Operator::Greater, false)),
    ("ge", (Operator::AtLeast, false)),
    ("lt", (Operator::Less, false)),
    ("le", (Operator::AtMost, false)),
    ("in", (Operator::In, false)),
    ("out", (Operator::In, true)),
    ("like", (Operator::Like, false)),
    ("notlike", (Operator::Like, true)),
    ("ilike", (Operator::LikeAnyCase, false)),
    ("inotlike", (Operator::LikeAnyCase, true)),
];

const WORDS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("gt", Operator::Greater),
    ("ge", Operator::AtLeast),
    ("lt", Operator::Less),
    ("le", Operator::AtMost),
    ("like", Operator::Like),
    ("ilike", Operator::LikeAnyCase),
    ("in", Operator::In),
];
