//! The document for users is true: every example in `docs/expressions.md` is run.

use serde_json::{Value, json};

use super::super::functions::FUNCTIONS;
use super::super::{Expression, JsonTemplate, Template};

const DOCUMENT: &str = include_str!("../../../docs/expressions.md");

/// The context is the first JSON block of the document.
fn context() -> Value {
    let block = DOCUMENT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a JSON block");
    serde_json::from_str(block).expect("the context is JSON")
}

/// `source` => `result` pairs, wherever they stand: in a list, a table or a paragraph.
fn examples() -> Vec<(&'static str, &'static str)> {
    DOCUMENT
        .lines()
        .filter(|line| line.contains("` => `"))
        .map(|line| {
            let (before, after) = line.split_once("` => `").expect("just found");
            let source = before.rsplit_once(" `").or_else(|| before.split_once('`')).expect(line).1;
            (source, after.split_once('`').expect(line).0)
        })
        .collect()
}

#[test]
fn every_example_gives_the_result_it_shows() {
    let context = context();
    let examples = examples();
    assert!(examples.len() > 80, "only {} examples found", examples.len());
    for (source, expected) in examples {
        let outcome = if source.starts_with("{\"") && source.contains("{{") {
            let template: Value = serde_json::from_str(source).expect(source);
            JsonTemplate::compile(&template)
                .map_err(|error| error.to_string())
                .and_then(|template| template.render(&context).map_err(|error| error.to_string()))
        } else if source.contains("{{") {
            Template::compile(source)
                .map_err(|error| error.to_string())
                .and_then(|template| template.render(&context).map_err(|error| error.to_string()))
        } else {
            Expression::compile(source)
                .map_err(|error| error.to_string())
                .and_then(|expression| expression.evaluate(&context).map_err(|error| error.to_string()))
        };
        if let Some(part) = expected.strip_prefix("error: ") {
            assert!(outcome.as_ref().is_err_and(|error| error.contains(part)), "{source}: {outcome:?}");
            continue;
        }
        let expected: Value = serde_json::from_str(expected).unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(outcome.as_ref().map(ToString::to_string), Ok(expected.to_string()), "{source}");
    }
}

#[test]
fn every_function_has_an_example() {
    let examples = examples();
    for function in &FUNCTIONS {
        let call = format!("{}(", function.name);
        assert!(examples.iter().any(|(source, _)| source.contains(&call)), "{} has no example", function.name);
        assert!(DOCUMENT.contains(&format!("| `{call}")), "{} is not in the table of functions", function.name);
    }
}

#[test]
fn every_limit_is_stated() {
    use super::super::limits;
    for limit in [
        json!("16 KiB"),
        json!(limits::NODES),
        json!(limits::NESTING),
        json!(limits::CHAIN),
        json!(limits::FUEL),
        json!("1 MiB"),
        json!("8 MiB"),
        json!("256 KiB"),
        json!(limits::VALUE_DEPTH),
        json!(limits::RENDER_FUEL),
        json!(limits::DOCUMENT_NODES),
        json!(limits::PATTERNS),
    ] {
        let text = limit.as_str().map_or_else(|| thousands(limit.as_u64().unwrap()), ToOwned::to_owned);
        assert!(DOCUMENT.contains(&format!("| {text}")), "{text} is not in the table of limits");
    }
    assert_eq!((limits::SOURCE_BYTES, limits::TEMPLATE_BYTES), (16 << 10, 256 << 10));
    assert_eq!((limits::EVALUATION_BYTES, limits::RENDER_BYTES, limits::PATTERN_BYTES), (1 << 20, 8 << 20, 1 << 10));
}

fn thousands(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", thousands(number / 1_000), number % 1_000) }
}
