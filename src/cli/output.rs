//! What commands print: lines for people, JSON for programs, always on standard output.
//!
//! A reader that goes away early (`| head`) is no failure of the command: [`hung_up`] recognises it.

use std::io::{self, Write};

use serde::Serialize;

/// Prints one line.
pub fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    // Who reads a pipe wants each line when it happens.
    output.flush()
}

/// Prints a value as JSON on one line.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(serde_json::to_string(value)?)?)
}

/// Prints a value as JSON for people to read.
pub fn pretty_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(serde_json::to_string_pretty(value)?)?)
}

/// Prints rows below their heads, each column as wide as its longest cell.
pub fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let print = |cells: [&str; N]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(cells.join("  ").trim_end())
    };
    print(heads)?;
    rows.iter().try_for_each(|row| print(row.each_ref().map(String::as_str)))
}

/// Whether an error means that nobody reads the output any more.
pub fn hung_up(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// A text from elsewhere, fit for a terminal: control characters could hide or fake what else is there.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}\nc\u{fffd}d");
    }

    #[test]
    fn a_reader_that_is_gone_is_recognised() {
        let gone = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(hung_up(&gone));
        assert!(!hung_up(&anyhow::anyhow!("broken")));
    }
}
