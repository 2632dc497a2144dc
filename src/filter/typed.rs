//! A filter that knows its columns and its values, in a normal form: no `not` but at single comparisons, no `and` directly
//! within an `and`, no `or` within an `or`, equalities with one column put together.
//!
//! There are two truth values, not SQL's three. A comparison with a missing value is false, and so `ne`, `not in` and every
//! other negation of it is true: `subject ne 'a'` finds what has no subject. Whoever turns a filter into SQL has to write
//! that down, because there the negation of an unknown is unknown.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::clock::Instant;

use super::Pattern;

/// A filter over the columns `C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<C> {
    /// All of these hold; of none: always.
    All(Vec<Filter<C>>),
    /// One of these holds; of none: never.
    Any(Vec<Filter<C>>),
    /// This holds.
    Test(Test<C>),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test<C> {
    /// The column.
    pub column: C,
    /// What about it.
    pub check: Check,
    /// False if it must not be so.
    pub holds: bool,
}

/// What is asked about a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It has no value.
    Missing,
    /// Its value is one of these; never so if there are none.
    OneOf(BTreeSet<Value>),
    /// Its value is on this side of another.
    Ordered(Relation, Value),
    /// Its text looks so.
    Like(Pattern),
    /// Its text in small ASCII letters looks so; the pattern is in small letters.
    LikeAnyCase(Pattern),
}

/// A side in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Less than.
    Less,
    /// Less than or equal to.
    AtMost,
    /// Greater than.
    Greater,
    /// Greater than or equal to.
    AtLeast,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text, or the stored name of a closed list; ordered by its bytes.
    Text(String),
    /// A whole number.
    Number(i64),
    /// An instant.
    Instant(Instant),
    /// An id.
    Id(Uuid),
    /// Yes or no.
    Bool(bool),
}

impl<C: Copy + PartialEq> Filter<C> {
    /// A column has one of these values.
    pub fn one_of(column: C, values: impl IntoIterator<Item = Value>) -> Self {
        Self::test(column, Check::OneOf(values.into_iter().collect()))
    }

    /// A comparison that is to hold.
    pub fn test(column: C, check: Check) -> Self {
        Self::Test(Test { column, check, holds: true })
    }

    /// All of these together, in the normal form.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut together = Vec::new();
        for part in parts {
            match part {
                Self::All(parts) => together.extend(parts),
                part => together.push(part),
            }
        }
        put_together(&mut together, false);
        single(together, Self::All)
    }

    /// One of these, in the normal form.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut together = Vec::new();
        for part in parts {
            match part {
                Self::Any(parts) => together.extend(parts),
                part => together.push(part),
            }
        }
        put_together(&mut together, true);
        single(together, Self::Any)
    }

    /// What must hold in any case: the parts of an `and`, or the whole.
    pub fn conjuncts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            whole => std::slice::from_ref(whole),
        }
    }

    /// Whether a row fits, given the value of each of its columns.
    pub fn matches(&self, value: &dyn Fn(C) -> Option<Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(value)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(value)),
            Self::Test(test) => test.check.fits(value(test.column).as_ref()) == test.holds,
        }
    }
}

impl Check {
    fn fits(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Missing };
        match self {
            Self::Missing => false,
            Self::OneOf(values) => values.contains(value),
            Self::Ordered(relation, other) => relation.holds(value, other),
            Self::Like(pattern) => matches!(value, Value::Text(text) if pattern.matches(text)),
            Self::LikeAnyCase(pattern) => {
                matches!(value, Value::Text(text) if pattern.matches(&text.to_ascii_lowercase()))
            }
        }
    }
}

impl Relation {
    fn holds(self, value: &Value, other: &Value) -> bool {
        if std::mem::discriminant(value) != std::mem::discriminant(other) {
            return false;
        }
        let order = value.cmp(other);
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// Equalities with one column become one, and so do their negations.
fn put_together<C: Copy + PartialEq>(parts: &mut Vec<Filter<C>>, alternatives: bool) {
    let mut kept: Vec<Filter<C>> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        if let Filter::Test(Test { column, check: Check::OneOf(values), holds }) = &part {
            let earlier = kept.iter_mut().find_map(|earlier| match earlier {
                Filter::Test(Test { column: other, check: Check::OneOf(known), holds: same })
                    if (&*other, &*same) == (column, holds) =>
                {
                    Some(known)
                }
                _ => None,
            });
            if let Some(known) = earlier {
                // One of these or one of those; none of these and none of those.
                if *holds == alternatives {
                    known.extend(values.iter().cloned());
                } else {
                    known.retain(|value| values.contains(value));
                }
                continue;
            }
        }
        kept.push(part);
    }
    *parts = kept;
}

fn single<C>(mut parts: Vec<Filter<C>>, together: fn(Vec<Filter<C>>) -> Filter<C>) -> Filter<C> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            together(parts)
        }
        (_, None) => together(parts),
    }
}
