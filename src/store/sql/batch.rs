//! Statements over many rows: one text per statement, whatever the number of rows.
//!
//! A [`Batch`] reads its rows from `batch`, a common table expression that the backend writes in front: on PostgreSQL
//! `UNNEST` over one array per column, on SQLite a `VALUES` list of one of a few lengths. Refused for SQLite: `json_each`
//! over one parameter, which escapes and parses every event body (measured in the decision record).

use std::{collections::HashSet, fmt::Write, sync::OnceLock};

use super::backend::{Cell, Dialect};

/// What a column of a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Id,
    /// A number or an instant.
    Int,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
}

/// A statement over many rows, to be kept in a `static`.
#[derive(Debug)]
pub struct Batch {
    columns: &'static [(&'static str, Kind)],
    sql: Dialect,
    postgres: OnceLock<String>,
    sqlite: [OnceLock<String>; LENGTHS],
}

/// How many lengths of `VALUES` lists there are: the powers of two. What is left over is filled up with rows of nothing, which
/// the statement leaves out: fewer texts are prepared, more is one statement, and a whole transaction has few texts.
const LENGTHS: usize = 10;
/// The longest one.
const LONGEST: usize = 1 << (LENGTHS - 1);

/// A statement for SQLite over some of a batch's rows.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Its text.
    pub sql: &'static str,
    /// How many rows there are.
    pub rows: usize,
    /// How many rows it reads: what there are fewer are rows of [`Cell::NOTHING`].
    pub length: usize,
}

impl Batch {
    /// A statement that reads `columns` from `batch`, the same for both databases.
    pub const fn new(columns: &'static [(&'static str, Kind)], sql: &'static str) -> Self {
        Self::differing(columns, Dialect { sqlite: sql, postgres: sql })
    }

    /// A statement that reads `columns` from `batch`, in two dialects.
    pub const fn differing(columns: &'static [(&'static str, Kind)], sql: Dialect) -> Self {
        Self { columns, sql, postgres: OnceLock::new(), sqlite: [const { OnceLock::new() }; LENGTHS] }
    }

    /// The columns that a row has to have.
    pub fn columns(&self) -> &'static [(&'static str, Kind)] {
        self.columns
    }

    /// The statement for PostgreSQL; a parameter is the array of a column.
    pub fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| {
            let mut text = self.head();
            self.unnest(0, &mut text);
            text.push_str(self.sql.postgres);
            text
        })
    }

    fn unnest(&self, taken: usize, text: &mut String) {
        text.push_str("SELECT * FROM UNNEST(");
        for (index, (_, kind)) in self.columns.iter().enumerate() {
            let kind = match kind {
                Kind::Id => "uuid",
                Kind::Int => "bigint",
                Kind::Text => "text",
                Kind::Bytes => "bytea",
            };
            let comma = if index == 0 { "" } else { ", " };
            write!(text, "{comma}${}::{kind}[]", taken + index + 1).expect("writing to a string");
        }
        text.push_str(")) ");
    }

    /// The table that the statement writes to.
    pub fn table(&self) -> &'static str {
        let (sql, verbs) = (self.sql.postgres, ["INSERT INTO ", "UPDATE ", "DELETE FROM "]);
        let written = verbs.iter().find_map(|verb| sql.strip_prefix(verb));
        written.and_then(|rest| rest.split_ascii_whitespace().next()).expect("a batch of a commit writes to a table")
    }

    /// Whether the statement names a table (or has a column of that name).
    pub fn mentions(&self, table: &str) -> bool {
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let sql = self.sql.postgres.as_bytes();
        self.sql.postgres.match_indices(table).any(|(at, _)| {
            !is_part(at.checked_sub(1).and_then(|before| sql.get(before))) && !is_part(sql.get(at + table.len()))
        })
    }

    /// Adds to `text` this statement for PostgreSQL as a part of a larger one: what it has changed is returned, a row each. Its
    /// parameters are those after the first `taken`.
    pub fn postgres_part(&self, taken: usize, text: &mut String) {
        text.push_str(&self.head());
        self.unnest(taken, text);
        text.push_str(self.sql.postgres);
        if !self.sql.postgres.contains("RETURNING") {
            text.push_str(" RETURNING 1");
        }
    }

    /// The statements for SQLite that together cover `rows` rows.
    pub fn sqlite(&'static self, rows: usize) -> impl Iterator<Item = Chunk> {
        let mut left = rows;
        std::iter::from_fn(move || {
            let rows = left.min(LONGEST);
            left -= rows;
            (rows > 0).then(|| {
                let length = rows.next_power_of_two();
                let text = &self.sqlite[length.trailing_zeros() as usize];
                Chunk { sql: text.get_or_init(|| self.values(length)), rows, length }
            })
        })
    }

    /// The parameters of a chunk, the first one of `cells` that were not taken before.
    pub fn chunk(&self, chunk: Chunk, cells: &mut &[Cell], parameters: &mut Vec<Cell>) {
        let (of_chunk, rest) = cells.split_at(chunk.rows * self.columns.len());
        *cells = rest;
        parameters.extend_from_slice(of_chunk);
        parameters.resize(parameters.len() + (chunk.length - chunk.rows) * self.columns.len(), Cell::NOTHING);
    }

    /// Adds to `text` the statements for these rows, without what they return, and to `parameters` theirs; answers how many
    /// statements these are. With `every`, each is followed by one that fails unless all of its rows have changed one.
    pub fn sqlite_text(
        &'static self,
        rows: &Rows,
        every: bool,
        text: &mut String,
        parameters: &mut Vec<Cell>,
    ) -> usize {
        let (mut statements, mut cells) = (0, rows.cells());
        for chunk in self.sqlite(rows.len()) {
            text.push_str(chunk.sql.split_once("RETURNING").map_or(chunk.sql, |(sql, _)| sql));
            text.push_str(";\n");
            self.chunk(chunk, &mut cells, parameters);
            statements += 1;
            if every {
                // The smallest number has no absolute value: asking for it is an error.
                text.push_str(
                    "SELECT abs(-9223372036854775807 - (changes() <> n)) FROM (SELECT ? AS n) WHERE changes() <> n;\n",
                );
                parameters.push(Cell::from(chunk.rows as i64));
                statements += 1;
            }
        }
        statements
    }

    /// Parameters without a number: SQLite looks numbered ones up one by one, which is quadratic in their count. The first
    /// column of a row is never null, but in those that fill the list up.
    fn values(&self, rows: usize) -> String {
        let mut row = ", (".to_owned();
        row.push_str(&vec!["?"; self.columns.len()].join(", "));
        row.push(')');
        let values = row.repeat(rows);
        let values = &values[2..];
        let mut text = self.head();
        if rows > 2 {
            write!(text, "SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL) ").expect("writing to a string");
        } else {
            write!(text, "VALUES {values}) ").expect("writing to a string");
        }
        text.push_str(self.sql.sqlite);
        text
    }

    fn head(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        ["WITH batch (", &names.join(", "), ") AS ("].concat()
    }
}

/// The rows of a batch, and which member each one belongs to.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    cells: Vec<Cell>,
    members: Vec<usize>,
}

impl Rows {
    /// Adds a row for a member. Its first cell is not null: that of a row that only fills a list up is.
    pub fn push(&mut self, member: usize, row: Vec<Cell>) {
        debug_assert!(!row[0].is_null(), "a row begins with nothing: {row:?}");
        self.cells.extend(row);
        self.members.push(member);
    }

    /// Keeps the rows of members that `alive` says yes to.
    pub fn retain(&mut self, alive: impl Fn(usize) -> bool) {
        if self.members.iter().all(|member| alive(*member)) {
            return;
        }
        let width = self.width();
        let mut kept = Self::default();
        for (row, member) in self.cells.chunks(width).zip(&self.members) {
            if alive(*member) {
                kept.cells.extend_from_slice(row);
                kept.members.push(*member);
            }
        }
        *self = kept;
    }

    /// The rows without those whose id in a column an earlier one has.
    #[must_use]
    pub fn distinct(&self, column: usize) -> Self {
        let (mut first, mut seen) = (Self::default(), HashSet::new());
        for (row, member) in self.cells.chunks(self.width()).zip(&self.members) {
            if let Cell::Id(Some(id)) = row[column]
                && seen.insert(id)
            {
                first.cells.extend_from_slice(row);
                first.members.push(*member);
            }
        }
        first
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Row after row, each with its member.
    pub fn members(&self) -> impl Iterator<Item = (usize, &[Cell])> {
        self.members.iter().copied().zip(self.iter())
    }

    /// Row after row.
    pub fn iter(&self) -> impl Iterator<Item = &[Cell]> {
        self.cells.chunks(self.width())
    }

    /// All cells, row after row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    fn width(&self) -> usize {
        (self.cells.len() / self.members.len().max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_told_from_what_only_contains_its_name() {
        let batch = Batch::new(&[("id", Kind::Id)], "UPDATE tasks AS t SET queue = b.id FROM batch AS b, my_events");
        assert_eq!(batch.table(), "tasks");
        assert!(["tasks", "queue", "my_events"].into_iter().all(|table| batch.mentions(table)));
        assert!(["task", "events", "my"].into_iter().all(|table| !batch.mentions(table)));
    }
}
