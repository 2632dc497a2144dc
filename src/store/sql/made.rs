//! Statements whose text is put together: filters that somebody has written, and sort orders.
//!
//! What such a text is made of are literals of this program and `$n` alone. A column is of a closed type and has its text
//! here; a value is a parameter, whatever is in it. That is why the text may be called safe.
//!
//! A filter knows two truth values and SQL three, so a negation says itself what becomes of a missing value.

use std::{fmt::Write, marker::PhantomData, sync::Arc};

use crate::filter::{Check, Direction, Filter, Relation, SortKey, Test, Value};

use super::backend::{Backend, Cell, Dialect};

/// A statement that was put together, without its values.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its text.
    pub text: Arc<str>,
    /// Whether there are few texts like it, so that it is worth keeping prepared. What strangers can vary at will would push
    /// out what is used all the time.
    pub kept: bool,
}

/// A column of a closed list.
pub trait Named: Copy + PartialEq + 'static {
    /// What it is called in a statement.
    fn text(self) -> Dialect;

    /// Whether it holds texts.
    fn is_text(self) -> bool;
}

/// The same text in both dialects.
pub const fn plain(text: &'static str) -> Dialect {
    Dialect { sqlite: text, postgres: text }
}

/// Writes a statement and collects its values.
#[derive(Debug)]
pub struct Writer<B> {
    text: String,
    cells: Vec<Cell>,
    backend: PhantomData<fn() -> B>,
}

impl<B: Backend> Writer<B> {
    /// With nothing written.
    pub fn new() -> Self {
        Self { text: String::new(), cells: Vec::new(), backend: PhantomData }
    }

    /// Adds text.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds text that was written before: by [`Self::aside`].
    pub fn repeat(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds the parameter of a value.
    pub fn bind(&mut self, cell: impl Into<Cell>) -> &mut Self {
        self.cells.push(cell.into());
        write!(self.text, "${}", self.cells.len()).expect("writing to a string");
        self
    }

    /// What `write` writes, kept out of the text: it may be used more than once, and its values count once.
    pub fn aside(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.text);
        write(self);
        std::mem::replace(&mut self.text, before)
    }

    /// The statement and its values.
    pub fn finish(self, kept: bool) -> (Made, Vec<Cell>) {
        (Made { text: self.text.into(), kept }, self.cells)
    }

    /// Adds a column that an index may be looked into for.
    fn column<C: Named>(&mut self, column: C) -> &mut Self {
        self.push(B::pick(column.text()))
    }

    /// Adds the condition that a filter holds. Its columns are none to walk an index by.
    pub fn filter<C: Named>(&mut self, filter: &Filter<C>) {
        match filter {
            Filter::All(parts) => self.joined(parts, " AND ", "1 = 1"),
            Filter::Any(parts) => self.joined(parts, " OR ", "1 = 0"),
            Filter::Test(Test { column, check, holds }) => match (check, holds) {
                (Check::Missing, holds) => {
                    self.column(*column).push(if *holds { " IS NULL" } else { " IS NOT NULL" });
                }
                (Check::OneOf(values), holds) if values.is_empty() => {
                    self.push(if *holds { "1 = 0" } else { "1 = 1" });
                }
                (check, true) => self.check(*column, check),
                (check, false) => {
                    self.push("(").column(*column).push(" IS NULL OR NOT ");
                    self.check(*column, check);
                    self.push(")");
                }
            },
        }
    }

    fn joined<C: Named>(&mut self, parts: &[Filter<C>], between: &'static str, none: &'static str) {
        self.push("(");
        if parts.is_empty() {
            self.push(none);
        }
        for (index, part) in parts.iter().enumerate() {
            self.push(if index > 0 { between } else { "" });
            self.filter(part);
        }
        self.push(")");
    }

    /// A check that is unknown, and so not fulfilled, where the value is missing.
    fn check<C: Named>(&mut self, column: C, check: &Check) {
        match check {
            Check::Missing => {
                self.column(column).push(" IS NULL");
            }
            Check::OneOf(values) => {
                self.push(B::UNINDEXED).one_of(column, values);
            }
            Check::Ordered(relation, value) => {
                self.push(B::UNINDEXED).column(column);
                if matches!(value, Value::Text(_)) {
                    self.push(B::pick(BY_BYTES));
                }
                self.push(match relation {
                    Relation::Less => " < ",
                    Relation::AtMost => " <= ",
                    Relation::Greater => " > ",
                    Relation::AtLeast => " >= ",
                });
                self.bind(cell(value));
            }
            Check::Like(pattern) => {
                self.push(B::UNINDEXED).column(column).push(B::pick(LIKE));
                self.bind(B::pattern(pattern));
            }
            // Both `lower` change ASCII letters alone, PostgreSQL's because it is told to.
            Check::LikeAnyCase(pattern) => {
                self.push("lower(").column(column);
                self.push(B::pick(Dialect { sqlite: ")", postgres: " COLLATE \"C\")" })).push(B::pick(LIKE));
                self.bind(B::pattern(pattern));
            }
        }
    }

    /// Adds that a column has one of some values; at least one. An index may be looked into for it.
    pub fn one_of<'v, C: Named>(&mut self, column: C, values: impl IntoIterator<Item = &'v Value>) -> &mut Self {
        let mut values = values.into_iter();
        let first = values.next().expect("a check for none of any values is not written");
        self.column(column);
        match values.next() {
            None => self.push(" = ").bind(cell(first)),
            Some(second) => {
                self.push(" IN (").bind(cell(first)).push(", ").bind(cell(second));
                for value in values {
                    self.push(", ").bind(cell(value));
                }
                self.push(")")
            }
        }
    }

    /// Adds a key of an `ORDER BY`. Rows without a value come last in either direction.
    pub fn key<C: Named>(&mut self, key: &SortKey<C>) {
        match key.names {
            None => {
                self.column(key.column);
                if key.column.is_text() {
                    self.push(B::pick(BY_BYTES));
                }
            }
            Some(names) => {
                self.push("CASE WHEN ").column(key.column).push(" IS NULL THEN NULL");
                for (rank, (_, stored)) in names.iter().enumerate() {
                    for name in *stored {
                        self.push(" WHEN ").column(key.column).push(" = ").bind(*name);
                        write!(self.text, " THEN {rank}").expect("writing to a string");
                    }
                }
                write!(self.text, " ELSE {} END", names.len()).expect("writing to a string");
            }
        }
        self.push(match key.direction {
            Direction::Ascending => " ASC NULLS LAST",
            Direction::Descending => " DESC NULLS LAST",
        });
    }
}

/// Whatever the database's language is. SQLite knows nothing else.
const BY_BYTES: Dialect = Dialect { sqlite: "", postgres: " COLLATE \"C\"" };
/// SQLite's LIKE minds no case, its GLOB does.
const LIKE: Dialect = Dialect { sqlite: " GLOB ", postgres: " LIKE " };

/// A value as a parameter.
pub fn cell(value: &Value) -> Cell {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Number(number) => (*number).into(),
        Value::Instant(at) => (*at).into(),
        Value::Id(id) => (*id).into(),
        Value::Bool(value) => (*value).into(),
    }
}
