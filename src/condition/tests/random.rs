//! Random sources: the compiler and the evaluator may refuse them, never panic, and always end.

use proptest::prelude::*;

use super::super::{Condition, EvaluateErrorKind};
use super::{on_small_stack, scope};

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces of the language in any order: mostly nonsense, often nearly right.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "context",
        "metadata",
        "x",
        ".labels",
        ".nested",
        ".get(",
        "['title']",
        "[0]",
        "[-1]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "::",
        ".",
        "1",
        "0",
        "7",
        "2.5",
        "1e308",
        "0x1f",
        "'a'",
        "\"é😀\"",
        "'''q'''",
        "r'\\'",
        "'\\u00e9'",
        "True",
        "False",
        "None",
        " and ",
        " or ",
        " not ",
        " in ",
        " not in ",
        " is ",
        " is not ",
        " if ",
        " else ",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "&",
        "|",
        "^",
        "~",
        "=",
        "#",
        "\n",
        "\\",
        " ",
        " ",
        "170141183460469231731687303715884105727",
        "f''",
        "lambda",
        "for",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

/// Operands and operators in turn: mostly well formed.
fn chains() -> impl Strategy<Value = String> {
    let operand = prop::sample::select(vec![
        "1",
        "0",
        "-3",
        "2.5",
        "'ab'",
        "''",
        "None",
        "True",
        "[1, 'a']",
        "(1, 2)",
        "{'a': 1}",
        "context",
        "context.labels",
        "metadata.pages",
        "context.title[::-1]",
        "context.get('x', 0)",
        "context['big']",
        "(1 if context.ok else 'no')",
        "170141183460469231731687303715884105727",
    ]);
    let operator = prop::sample::select(vec![
        " + ",
        " - ",
        " * ",
        " / ",
        " // ",
        " % ",
        " ** ",
        " & ",
        " | ",
        " ^ ",
        " == ",
        " != ",
        " < ",
        " >= ",
        " in ",
        " not in ",
        " and ",
        " or ",
        " and not ",
        " if 1 else ",
    ]);
    (operand.clone(), prop::collection::vec((operator, operand), 0..12)).prop_map(|(first, rest)| {
        rest.iter().fold(first.to_owned(), |source, (operator, operand)| source + operator + operand)
    })
}

fn try_it(source: &str) -> Result<(), TestCaseError> {
    let condition = match Condition::compile(source) {
        Ok(condition) => condition,
        Err(error) => {
            prop_assert!(error.position() <= source.chars().count(), "{error}");
            prop_assert!(!error.message().is_empty());
            return Ok(());
        }
    };
    let (holds, value) = (condition.holds(&scope()), condition.value(&scope()));
    prop_assert_eq!(&holds, &condition.holds(&scope()), "an evaluation is repeatable");
    match (holds, value) {
        (Ok(_), Ok(value)) => {
            let text = value.to_string();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        (Err(held), Err(valued)) => prop_assert_eq!(held, valued),
        (Ok(_), Err(error)) => {
            prop_assert!(matches!(error.kind(), EvaluateErrorKind::Arithmetic | EvaluateErrorKind::Limit), "{}", error);
        }
        (Err(error), Ok(_)) => prop_assert!(false, "{} has a value: {}", error, source),
    }
    Ok(())
}

#[test]
fn any_text_is_refused_or_has_an_outcome() {
    on_small_stack(|| {
        proptest!(settings(), |(source in any::<String>())| try_it(&source)?);
        proptest!(settings(), |(source in "[ -~\n]{0,200}")| try_it(&source)?);
    });
}

#[test]
fn nearly_right_sources_are_refused_or_have_an_outcome() {
    on_small_stack(|| proptest!(settings(), |(source in soup())| try_it(&source)?));
}

#[test]
fn well_formed_sources_have_an_outcome() {
    on_small_stack(|| {
        proptest!(settings(), |(source in chains())| {
            prop_assert!(Condition::compile(&source).is_ok(), "{source}");
            try_it(&source)?;
        });
    });
}
