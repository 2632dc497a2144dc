//! The document for users is true: every example in `docs/conditions.md` is run, and every limit is in its table.

use serde_json::{Map, Value};

use super::super::{Condition, limits};

const DOCUMENT: &str = include_str!("../../../docs/conditions.md");

/// The scope is the first JSON block of the document.
fn scope() -> Map<String, Value> {
    let block = DOCUMENT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a JSON block");
    serde_json::from_str(block).expect("the scope is JSON")
}

#[test]
fn every_example_gives_the_result_it_shows() {
    let scope = scope();
    // The results of errors have backticks of their own, so an example is a whole line.
    let examples =
        DOCUMENT.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')?.split_once("` => `"));
    let mut count = 0;
    for (source, expected) in examples {
        count += 1;
        let outcome = Condition::compile(source)
            .map_err(|error| error.to_string())
            .and_then(|condition| condition.value(&scope).map_err(|error| error.to_string()));
        if let Some(part) = expected.strip_prefix("error: ") {
            assert!(outcome.as_ref().is_err_and(|error| error.contains(part)), "{source}: {outcome:?}");
            continue;
        }
        let expected: Value = serde_json::from_str(expected).unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(outcome.as_ref().map(ToString::to_string), Ok(expected.to_string()), "{source}");
    }
    assert_eq!(count, DOCUMENT.matches("` => `").count(), "every example is a line of its own");
    assert!(count > 40, "only {count} examples found");
}

#[test]
fn every_limit_is_stated() {
    for (limit, of) in [
        (limits::SOURCE_BYTES, "bytes of the source"),
        (limits::NESTING, "levels of nesting"),
        (limits::STEPS as usize, "steps"),
        (limits::LENGTH, "characters or elements"),
        (limits::POWER as usize, "base and exponent"),
        (limits::VALUE_DEPTH, "levels of lists and dicts"),
    ] {
        let row = format!("| {} | {of}", thousands(limit));
        assert!(DOCUMENT.contains(&row), "{row} is not in the table of limits");
    }
    assert!(DOCUMENT.contains("| 1 MiB | memory") && limits::EVALUATION_BYTES == 1 << 20);
}

fn thousands(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", thousands(number / 1_000), number % 1_000) }
}
