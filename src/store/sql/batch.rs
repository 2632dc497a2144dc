//! Statements over many rows: one text per statement, whatever the number of rows.
//!
//! A [`Batch`] reads its rows from `batch`, a common table expression that the backend writes in front: on PostgreSQL
//! `UNNEST` over one array per column, on SQLite a `VALUES` list of a few fixed lengths. Refused for SQLite: `json_each`
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
    sqlite: [OnceLock<String>; CHUNKS.len()],
}

/// The lengths of `VALUES` lists, longest first: what is left over after one length goes to the next. Each statement is a
/// round trip to the connection's thread, so the rows of one small commit are one statement, and those of a large one few.
const CHUNKS: [usize; 19] = [128, 64, 32, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

impl Batch {
    /// A statement that reads `columns` from `batch`, the same for both databases.
    pub const fn new(columns: &'static [(&'static str, Kind)], sql: &'static str) -> Self {
        Self::differing(columns, Dialect { sqlite: sql, postgres: sql })
    }

    /// A statement that reads `columns` from `batch`, in two dialects.
    pub const fn differing(columns: &'static [(&'static str, Kind)], sql: Dialect) -> Self {
        Self { columns, sql, postgres: OnceLock::new(), sqlite: [const { OnceLock::new() }; CHUNKS.len()] }
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

    /// The statements for SQLite that together cover `rows` rows: the number of rows and the text of each.
    pub fn sqlite(&'static self, rows: usize) -> impl Iterator<Item = (usize, &'static str)> {
        let mut left = rows;
        CHUNKS.iter().zip(&self.sqlite).flat_map(move |(&length, text)| {
            let times = left / length;
            left %= length;
            std::iter::repeat_with(move || (length, text.get_or_init(|| self.values(length)).as_str())).take(times)
        })
    }

    /// Adds to `text` the statements that cover `rows` rows, without what they return, and answers how many. With `every`,
    /// each is followed by one that fails unless all of its rows have changed one.
    pub fn sqlite_text(&'static self, rows: usize, every: bool, text: &mut String) -> usize {
        let mut statements = 0;
        for (length, sql) in self.sqlite(rows) {
            text.push_str(sql.split_once("RETURNING").map_or(sql, |(sql, _)| sql));
            text.push_str(";\n");
            statements += 1;
            if every {
                // The smallest number has no absolute value: asking for it is an error.
                writeln!(
                    text,
                    "SELECT abs(-9223372036854775807 - (changes() <> {length})) WHERE changes() <> {length};"
                )
                .expect("writing to a string");
                statements += 1;
            }
        }
        statements
    }

    /// Parameters without a number: SQLite looks numbered ones up one by one, which is quadratic in their count.
    fn values(&self, rows: usize) -> String {
        let mut row = ", (".to_owned();
        row.push_str(&vec!["?"; self.columns.len()].join(", "));
        row.push(')');
        let mut text = self.head();
        text.push_str("VALUES");
        text.push_str(&row.repeat(rows)[1..]);
        text.push_str(") ");
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
    /// Adds a row for a member.
    pub fn push(&mut self, member: usize, row: Vec<Cell>) {
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
