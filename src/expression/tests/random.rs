//! Random sources: the compiler and the evaluator may refuse them, never panic, and always end.

use proptest::prelude::*;
use serde_json::json;

use super::super::{EvaluateErrorKind, Expression, JsonTemplate, Template, parse_duration};
use super::context;

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces of the language in any order: mostly nonsense, often nearly right.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "input",
        "items",
        "name",
        "x",
        "now",
        "in",
        "true",
        "null",
        "1",
        "0",
        "2.5",
        "-3",
        "'a'",
        "\"é\"",
        "r'\\d'",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "{{",
        "}}",
        ".",
        "?.",
        ",",
        ":",
        "?",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "<",
        ">=",
        "&&",
        "||",
        " ",
        " ",
        "has(",
        ".map(x, ",
        ".filter(x, ",
        ".all(x, ",
        ".exists_one(x, ",
        ".size()",
        ".sort()",
        ".join(",
        ".split('",
        "range(",
        "matches(",
        "string(",
        "//",
        "\n",
        "9223372036854775807",
        "substring(",
        "timestamp(",
        "format(",
        "merge(",
        "fromJson(",
        "default(",
        "my-node",
        ".0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn try_everything(source: &str) {
    if let Ok(expression) = Expression::compile(source) {
        assert_eq!(expression.source(), source.trim());
        let outcome = expression.evaluate(&context());
        assert_eq!(outcome, expression.evaluate(&context()), "an evaluation is repeatable");
        if let Ok(value) = &outcome {
            // Whatever comes out can be stored and read back as the same value.
            assert_eq!(&serde_json::from_str::<serde_json::Value>(&value.to_string()).unwrap(), value);
        }
        drop(expression.test(&context()));
    }
    for text in [source.to_owned(), format!("{{{{{source}}}}}"), format!("a {{{{ {source} }}}} b")] {
        if let Ok(template) = Template::compile(&text) {
            let value = template.render(&context());
            let text = template.render_text(&context());
            if let Ok(serde_json::Value::String(value)) = value {
                assert_eq!(text.unwrap(), value);
            }
        }
        drop(JsonTemplate::compile(&json!({ "a": [text] })).map(|template| template.render(&context())));
    }
    assert!(parse_duration(source).is_none_or(|milliseconds| milliseconds >= 0));
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn random_text_never_panics(source in any::<String>()) {
        try_everything(&source);
    }

    #[test]
    fn random_ascii_never_panics(source in "[ -~\n]{0,60}") {
        try_everything(&source);
    }

    #[test]
    fn random_pieces_never_panic(source in soup()) {
        try_everything(&source);
    }

    #[test]
    fn numbers_compute_or_fail_and_never_wrap(left in any::<i64>(), right in any::<i64>()) {
        for (symbol, exact) in [
            ("+", left.checked_add(right)), ("-", left.checked_sub(right)), ("*", left.checked_mul(right)),
            ("/", left.checked_div(right)), ("%", left.checked_rem(right).or((right == -1).then_some(0))),
        ] {
            let outcome = Expression::compile(&format!("({left}) {symbol} ({right})")).unwrap().evaluate(&json!({}));
            let expected = exact.map(|exact| json!(exact)).ok_or(EvaluateErrorKind::Arithmetic);
            prop_assert_eq!(outcome.map_err(|error| error.kind), expected);
        }
    }

    #[test]
    fn a_json_value_reads_as_itself(text in ".{0,20}", number in any::<f64>(), integer in any::<i64>()) {
        let document = json!({ text.clone(): [number, integer, null, { "a": text }] });
        let expression = Expression::compile(&document.to_string()).unwrap();
        prop_assert_eq!(expression.evaluate(&json!({})).unwrap(), document);
    }
}
