//! A filter as it was written, before anyone knows its fields; and its canonical spelling, the words.

use std::fmt;

use super::{Place, Written};

/// A filter as it was written. Equal filters say the same; where they were written does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// All of these, at least two.
    All(Vec<Raw>),
    /// One of these, at least two.
    Any(Vec<Raw>),
    /// Not this.
    Not(Box<Raw>),
    /// A field compared with values.
    Test(Comparison),
}

/// A field compared with values.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The path of the field: names with dots between.
    pub field: String,
    /// Where it was written.
    pub place: Place,
    /// What about it.
    pub operator: Operator,
    /// With what: nothing for `is null` and `is empty`, several values for `in`, else one.
    pub values: Vec<Literal>,
}

impl PartialEq for Comparison {
    fn eq(&self, other: &Self) -> bool {
        (&self.field, self.operator, &self.values) == (&other.field, other.operator, &other.values)
    }
}

impl Eq for Comparison {}

/// A value.
#[derive(Clone, Debug)]
pub struct Literal {
    /// Where it was written.
    pub place: Place,
    /// The value as it was written; none is `null`.
    pub written: Option<Written>,
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Literal {}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// How a field is compared. What is not listed is a `not` around one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operator {
            $($(#[$doc])* $name,)*
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its canonical spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}

operators! {
    /// Equal; a `*` means anything.
    Equal = "eq";
    /// Not equal, or missing; a `*` means anything.
    NotEqual = "ne";
    /// Greater.
    Greater = "gt";
    /// Greater or equal.
    AtLeast = "ge";
    /// Less.
    Less = "lt";
    /// Less or equal.
    AtMost = "le";
    /// Like a pattern.
    Like = "like";
    /// Like a pattern, whatever the case of ASCII letters.
    LikeAnyCase = "ilike";
    /// One of a few.
    In = "in";
    /// Missing.
    IsNull = "is null";
    /// Missing, or the empty text.
    IsEmpty = "is empty";
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(inner) => {
                f.write_str("not ")?;
                within(f, inner, matches!(**inner, Self::All(_) | Self::Any(_)))
            }
            Self::Test(comparison) => comparison.fmt(f),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Raw], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        let binds_less = match part {
            Raw::Any(_) => true,
            Raw::All(_) => word == " and ",
            Raw::Not(_) | Raw::Test(_) => false,
        };
        within(f, part, binds_less)?;
    }
    Ok(())
}

fn within(f: &mut fmt::Formatter<'_>, part: &Raw, parentheses: bool) -> fmt::Result {
    if parentheses { write!(f, "({part})") } else { write!(f, "{part}") }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.operator.as_str())?;
        if self.operator == Operator::In {
            f.write_str(" (")?;
        }
        for (index, value) in self.values.iter().enumerate() {
            let gap = if index > 0 {
                ", "
            } else if self.operator == Operator::In {
                ""
            } else {
                " "
            };
            write!(f, "{gap}{value}")?;
        }
        if self.operator == Operator::In { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => written.fmt(f),
            None => f.write_str("null"),
        }
    }
}
