//! Random conditions with their scopes: mostly of types that fit, so that most of them have values, and now and then of
//! types that do not.

use std::fmt::Write;

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

/// A source, and the names that it reads.
pub struct Case {
    pub source: String,
    pub scope: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    List,
    Tuple,
    Dict,
    Truth,
    Nothing,
}

const KINDS: [Kind; 7] = [Kind::Number, Kind::Text, Kind::List, Kind::Tuple, Kind::Dict, Kind::Truth, Kind::Nothing];
const TEXTS: [&str; 14] =
    ["", "a", "b", "ab", "ba", "aba", "Köln", "😀x", "invoice", "\n", "it's \"so\"", "  ", "0", "back\\slash\u{1}"];
const NUMBERS: [&str; 42] = [
    "0",
    "1",
    "2",
    "3",
    "3",
    "4",
    "5",
    "6",
    "7",
    "10",
    "12",
    "0xff",
    "0XfF",
    "0b1010",
    "0o17",
    "1_0",
    "0_0",
    "255",
    "100",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "1267650600228229401496703205376",
    "85070591730234615865843651857942052864",
    "0.0",
    "0.1",
    "0.5",
    "1.0",
    "1.5",
    "2.0",
    "2.",
    ".5",
    "1e3",
    "1E-7",
    "1_0.2_5",
    "1e308",
    "1e999",
    "5e-324",
    "3.0",
    "12.0",
    "10.0",
];
/// Where the scope has values of which kind. Dicts are empty or not from case to case.
const PATHS: [(Kind, &str, &str); 16] = [
    (Kind::Number, "context", "priority"),
    (Kind::Number, "context", "ratio"),
    (Kind::Number, "metadata", "pages"),
    (Kind::Number, "external_data", "total"),
    (Kind::Text, "context", "eventType"),
    (Kind::Text, "metadata", "source"),
    (Kind::Text, "external_data", "zip-code"),
    (Kind::List, "context", "labels"),
    (Kind::List, "metadata", "counts"),
    (Kind::List, "external_data", "rows"),
    (Kind::Dict, "context", "statusDetails"),
    (Kind::Dict, "external_data", "address"),
    (Kind::Truth, "context", "ok"),
    (Kind::Truth, "metadata", "scanned"),
    (Kind::Nothing, "context", "note"),
    (Kind::Nothing, "metadata", "class"),
];

/// Cases are drawn from one source of chance, so the seed says what they are.
pub struct Grammar {
    random: StdRng,
}

impl Grammar {
    pub fn new(random: StdRng) -> Self {
        Self { random }
    }

    pub fn case(&mut self) -> Case {
        // Short sums show what longer conditions reduce to a truth.
        let (kind, depth) = match self.random.random_range(0..8) {
            0..=2 => (Kind::Number, 1),
            3..=5 => (Kind::Truth, self.random.random_range(1..=4)),
            _ => (self.pick(&KINDS), self.random.random_range(1..=4)),
        };
        Case { source: self.expression(kind, depth), scope: self.scope() }
    }

    /// A case with a few characters removed, repeated or exchanged: mostly no condition any more.
    pub fn damaged(&mut self) -> Case {
        let case = self.case();
        let mut characters: Vec<char> = case.source.chars().collect();
        for _ in 0..self.random.random_range(1..=3) {
            let at = self.random.random_range(0..characters.len());
            match self.random.random_range(0..3) {
                0 if characters.len() > 1 => drop(characters.remove(at)),
                1 => characters.insert(at, self.random.random_range(' '..='~')),
                _ => characters.insert(at, characters[self.random.random_range(0..characters.len())]),
            }
        }
        Case { source: characters.into_iter().collect(), scope: case.scope }
    }

    pub fn scope(&mut self) -> Value {
        let labels: Vec<_> = (0..self.random.random_range(0..4)).map(|_| self.pick(&TEXTS)).collect();
        let counts: Vec<_> = (0..self.random.random_range(0..5)).map(|_| self.random.random_range(-3..9)).collect();
        let rows: Vec<_> =
            (0..self.random.random_range(0..3)).map(|_| json!([self.pick(&TEXTS), self.number()])).collect();
        json!({
            "context": {
                "priority": self.number(), "ratio": f64::from(self.random.random_range(-40..40)) / 8.0, "eventType": self.pick(&TEXTS),
                "labels": labels, "ok": self.chance(50), "note": null,
                "statusDetails": if self.chance(50) { json!({}) } else { json!({"a": self.number(), "b": {"c": self.pick(&TEXTS)}}) }
            },
            "metadata": {
                "pages": self.random.random_range(-5..20), "source": self.pick(&TEXTS), "counts": counts, "scanned": self.chance(50),
                "class": null
            },
            "external_data": {
                "total": self.number(), "zip-code": self.pick(&TEXTS), "rows": rows,
                "address": {"a": self.number(), "ab": [1, {"": null}]}
            }
        })
    }

    fn number(&mut self) -> Value {
        match self.random.random_range(0..10) {
            0 => json!(u64::MAX),
            1 => json!(i64::MIN),
            2 => json!(9_007_199_254_740_993_i64),
            3 => json!(0.1),
            4 => json!(-0.0),
            _ => json!(self.random.random_range(-3..13)),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.random.random_range(0..choices.len())]
    }

    fn expression(&mut self, kind: Kind, depth: u32) -> String {
        let kind = if self.chance(4) { self.pick(&KINDS) } else { kind };
        if depth == 0 {
            return self.operand(kind);
        }
        let depth = depth - 1;
        let bare = match self.random.random_range(0..12) {
            0 => self.operand(kind),
            1 => {
                let (value, condition, other) =
                    (self.expression(kind, depth), self.expression(Kind::Truth, depth), self.expression(kind, depth));
                format!("{value} if {condition} else {other}")
            }
            2 => {
                let operator = self.pick(&[" and ", " or "]);
                let operands =
                    [self.expression(kind, depth), self.expression(kind, depth), self.expression(kind, depth)];
                operands[..self.random.random_range(2..=3)].join(operator)
            }
            3 => return self.get(kind, depth),
            4 => return self.element(kind, depth),
            _ => match kind {
                Kind::Number => self.arithmetic(depth),
                Kind::Text | Kind::List | Kind::Tuple => self.sequence(kind, depth),
                Kind::Truth => self.truth(depth),
                Kind::Dict | Kind::Nothing => self.operand(kind),
            },
        };
        self.spaced(bare)
    }

    /// Brackets around it, mostly, with a line break in them, sometimes.
    fn spaced(&mut self, bare: String) -> String {
        match self.random.random_range(0..10) {
            0..=5 => format!("({bare})"),
            6 => format!("( {bare}\n  )"),
            7 => format!("(# why\n{bare})"),
            _ => bare,
        }
    }

    fn arithmetic(&mut self, depth: u32) -> String {
        match self.random.random_range(0..10) {
            0 => format!("{}{}", self.pick(&["-", "+", "~", "- -", "-~"]), self.expression(Kind::Number, depth)),
            1 => {
                let exponent =
                    self.pick(&["0", "1", "2", "3", "-1", "-2", "0.5", "2.0", "True", "1.5", "63", "2 ** 2"]);
                format!("{} ** {exponent}", self.expression(Kind::Number, depth.min(1)))
            }
            2 => {
                let kind = if self.chance(30) { Kind::Truth } else { Kind::Number };
                let (left, operator, right) =
                    (self.expression(kind, depth), self.pick(&["&", "|", "^"]), self.expression(kind, depth));
                format!("{left} {operator} {right}")
            }
            _ => {
                let mut source = self.expression(Kind::Number, depth);
                for _ in 0..self.random.random_range(1..=3) {
                    let operator =
                        self.pick(&["+", "-", "*", "/", "//", "%", " + ", " - ", " * ", " / ", " // ", " % "]);
                    source = source + operator + &self.expression(Kind::Number, depth);
                }
                source
            }
        }
    }

    fn sequence(&mut self, kind: Kind, depth: u32) -> String {
        let sequence = self.expression(kind, depth);
        match self.random.random_range(0..5) {
            0 | 1 => format!("{sequence} + {}", self.expression(kind, depth)),
            2 => {
                let times = self.pick(&["0", "1", "2", "3", "-1", "True", "100001", "2.0"]);
                if self.chance(50) { format!("({sequence}) * {times}") } else { format!("{times} * ({sequence})") }
            }
            _ => {
                let mut bounds = Vec::new();
                for _ in 0..self.random.random_range(2..=3) {
                    bounds.push(
                        self.pick(&["", "", "0", "1", "2", "-1", "-2", "5", "-7", "None", "True", "-2 ** 70", "3 - 1"]),
                    );
                }
                format!("({sequence})[{}]", bounds.join(":"))
            }
        }
    }

    fn truth(&mut self, depth: u32) -> String {
        let kind =
            self.pick(&[Kind::Number, Kind::Number, Kind::Text, Kind::Text, Kind::List, Kind::Tuple, Kind::Dict]);
        match self.random.random_range(0..9) {
            0 => {
                let kind = self.pick(&KINDS);
                format!("not {}", self.expression(kind, depth))
            }
            1 => {
                let kind = self.pick(&KINDS);
                let (value, operator) = (self.expression(kind, depth), self.pick(&["is", "is not"]));
                format!("(({value}) {operator} {})", self.pick(&["None", "True", "False"]))
            }
            2 => {
                let (left, operator) = (self.expression(kind, depth), self.pick(&["==", "!="]));
                let right = if self.chance(20) { self.pick(&KINDS) } else { kind };
                format!("{left} {operator} {}", self.expression(right, depth))
            }
            3 => {
                let elements = [self.operand(kind), self.operand(kind), self.operand(Kind::Number)].join(", ");
                let needle = self.expression(kind, depth);
                format!("({needle} {} {{{elements}}})", self.pick(&["in", "not in"]))
            }
            4 | 5 => {
                let hay = self.pick(&[Kind::Text, Kind::List, Kind::Tuple, Kind::Dict]);
                let needle = if self.chance(70) { Kind::Text } else { Kind::Number };
                let (needle, operator) = (self.expression(needle, depth), self.pick(&["in", "not in"]));
                format!("{needle} {operator} {}", self.expression(hay, depth))
            }
            _ => {
                let kind = if kind == Kind::Dict { Kind::Number } else { kind };
                let mut source = self.expression(kind, depth);
                for _ in 0..self.pick(&[1, 1, 1, 2, 3]) {
                    let operator = self.pick(&["<", "<=", ">", ">=", " < ", " == ", " != ", "!="]);
                    source = source + operator + &self.expression(kind, depth);
                }
                source
            }
        }
    }

    fn get(&mut self, kind: Kind, depth: u32) -> String {
        let dict = self.expression(Kind::Dict, depth);
        let key = self.pick(&["'a'", "'ab'", "'b'", "'missing'", "1", "None", "(1, 2)"]);
        if self.chance(80) {
            format!("({dict}).get({key}, {})", self.expression(kind, depth))
        } else {
            format!("({dict}).get({key})")
        }
    }

    /// An element of something that was just made.
    fn element(&mut self, kind: Kind, depth: u32) -> String {
        let (element, other) = (self.expression(kind, depth), self.operand(kind));
        let index = self.pick(&["0", "1", "-1", "-2", "True", "2 - 1", "0", "2", "1.0", "'a'"]);
        match self.random.random_range(0..4) {
            0 => format!("[{element}, {other}][{index}]"),
            1 => format!("({element}, {other},)[{index}]"),
            2 => format!("{{'a': {element}, 1: {other}}}[{}]", self.pick(&["'a'", "1", "1.0", "True", "\"a\"", "'b'"])),
            _ => format!("{{'a': {element}, 'b': {other}}}.{}", self.pick(&["a", "b", "a", "c"])),
        }
    }

    /// A literal, or a value of the scope.
    fn operand(&mut self, kind: Kind) -> String {
        if self.chance(40) {
            return self.path(kind);
        }
        match kind {
            Kind::Number => {
                let number = self.pick(&NUMBERS[..]);
                if self.chance(30) { format!("-{number}") } else { number.to_owned() }
            }
            Kind::Text => {
                let text = self.pick(&TEXTS);
                self.text(text)
            }
            Kind::List => format!("[{}]", self.elements()),
            Kind::Tuple => match self.random.random_range(0..3) {
                0 => "()".to_owned(),
                1 => format!("({},)", self.operand(Kind::Number)),
                _ => format!("({}, {})", self.operand(Kind::Text), self.operand(Kind::Number)),
            },
            Kind::Dict => match self.random.random_range(0..3) {
                0 => "{}".to_owned(),
                1 => format!("{{'a': {}, 'ab': {}}}", self.operand(Kind::Number), self.operand(Kind::Text)),
                _ => {
                    let key = self.pick(&["1", "'a'", "None", "2.0", "(1, 2)", "True", "'b' 'c'"]);
                    format!("{{{key}: {}, 1: {}}}", self.operand(Kind::List), self.operand(Kind::Number))
                }
            },
            Kind::Truth => self.pick(&["True", "False"]).to_owned(),
            Kind::Nothing => "None".to_owned(),
        }
    }

    fn elements(&mut self) -> String {
        let kind = self.pick(&[Kind::Number, Kind::Number, Kind::Text, Kind::Tuple, Kind::Truth]);
        let mut elements = Vec::new();
        for _ in 0..self.random.random_range(0..4) {
            elements.push(self.operand(kind));
        }
        elements.join(", ")
    }

    fn path(&mut self, kind: Kind) -> String {
        let fitting: Vec<_> = PATHS.iter().filter(|(of, ..)| *of == kind).collect();
        if fitting.is_empty() {
            return self.pick(&["(1, 2)", "('a', 1.0)"]).to_owned();
        }
        let (_, name, key) = fitting[self.random.random_range(0..fitting.len())];
        let key = if self.chance(2) { "missing" } else { key };
        match self.random.random_range(0..4) {
            0 if key != "zip-code" && key != "class" => format!("{name}.{key}"),
            1 => format!("{name}.get('{key}')"),
            2 => format!("{name}[\"{key}\"]"),
            _ => format!("{name}['{key}']"),
        }
    }

    /// A string literal in one of its many spellings.
    fn text(&mut self, text: &str) -> String {
        let quote = self.pick(&["'", "\"", "'''", "\"\"\""]);
        let plain = !text.contains(['\\', '\'', '"', '\n', '\u{1}']);
        if plain && self.chance(20) {
            return format!("{}{quote}{text}{quote}", self.pick(&["r", "R", "u", "U"]));
        }
        let mut literal = quote.to_owned();
        for character in text.chars() {
            let code = u32::from(character);
            match self.random.random_range(0..8) {
                0 => write!(literal, "\\U{code:08x}").unwrap(),
                1 if code < 0x1_0000 => write!(literal, "\\u{code:04X}").unwrap(),
                2 if code < 0x100 => write!(literal, "\\x{code:02x}").unwrap(),
                3 if code < 0o1000 => write!(literal, "\\{code:03o}").unwrap(),
                _ => match character {
                    '\\' | '\'' | '"' => literal.extend(['\\', character]),
                    '\n' => literal += "\\n",
                    _ => literal.push(character),
                },
            }
            if self.chance(4) {
                literal += self.pick(&["\\\n", "\\d"]);
            }
            if self.chance(5) {
                literal = literal + quote + " " + quote;
            }
        }
        literal + quote
    }
}
