//! The language of list filters and of sort orders: text in, a typed filter over named columns out.
//!
//! One parser reads three public spellings, mixed freely in one text: words (`status eq 'FAILED' and priority gt 3`),
//! symbols (`status=='FAILED';priority>3`, which is RSQL's) and colons (`status:'FAILED' and priority > 3`, which is that of
//! springfilter). [`parse`] gives a [`Raw`] filter, which knows no fields; [`Raw::bind`] checks it against the [`Fields`] of
//! one list and gives a [`Filter`], whose columns are of a closed type and whose values are those that are stored. The store
//! turns that into SQL, and [`Filter::matches`] says the same about one row: it filters small lists in memory, and the tests
//! hold the SQL against it. `docs/filters.md` describes the language for its users.
//!
//! A filter is text of a stranger: everything is counted before it is done, and everything fits a 512 KiB stack.

mod bind;
mod fields;
mod parser;
mod pattern;
mod raw;
mod scanner;
mod sort;
mod typed;
mod written;

#[cfg(test)]
mod tests;

pub use fields::{Field, Fields, Kind, Names};
pub use parser::{parse, parse_all};
pub use pattern::Pattern;
pub use raw::{Comparison, Literal, Operator, Raw};
pub use sort::{Direction, SortKey, parse_sort};
pub use typed::{Check, Filter, Relation, Test, Value};
pub use written::{Piece, Written};

/// The most characters of all filters of a request together; of its sort orders likewise.
pub const MAX_CHARS: usize = 4_096;
/// How deep parentheses and `not` may be nested.
pub const MAX_DEPTH: usize = 32;
/// The most comparisons of all filters of a request together.
pub const MAX_COMPARISONS: usize = 100;
/// The most values of one `in`.
pub const MAX_ITEMS: usize = 200;
/// The most keys of a sort order.
pub const MAX_KEYS: usize = 8;

/// A place in a text that was given, possibly one of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of the texts, from 0.
    pub text: usize,
    /// Which of its characters, from 0.
    pub position: usize,
}

/// What is wrong with a filter or a sort order, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where.
    pub place: Place,
    /// What, in words for people.
    pub message: String,
}

impl FilterError {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { text, position } = self.place;
        if text > 0 {
            write!(f, "text {}, ", text + 1)?;
        }
        write!(f, "at character {position}: {}", self.message)
    }
}

impl std::error::Error for FilterError {}
