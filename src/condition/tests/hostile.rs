//! Sources written to hurt: each must end with the right error, soon, on a small stack.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::super::limits::{EVALUATION_BYTES, NESTING, SOURCE_BYTES};
use super::super::{Condition, EvaluateErrorKind};
use super::on_small_stack;

/// Far above what any of these takes unoptimised on a busy machine, far below what an unbounded one would.
const PATIENCE: Duration = Duration::from_secs(10);

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { unreachable!("an object") };
    object
}

fn exhausts(source: &str, scope: &Map<String, Value>) {
    let started = Instant::now();
    let condition = Condition::compile(source).unwrap_or_else(|error| panic!("{error}: {source:.200}"));
    match condition.holds(scope) {
        Err(error) if error.kind() == EvaluateErrorKind::Limit => {}
        Err(error) => panic!("{error}: {source:.200}"),
        Ok(_) => panic!("no limit: {source:.200}"),
    }
    assert!(started.elapsed() < PATIENCE, "{:?}: {source:.200}", started.elapsed());
}

#[test]
fn sources_that_are_too_long_are_not_read() {
    let longest = format!("1{}", " ".repeat(SOURCE_BYTES - 1));
    assert!(Condition::compile(&longest).is_ok());
    let error = Condition::compile(&(longest + " ")).unwrap_err();
    assert_eq!((error.position(), error.message()), (0, "the condition is longer than 4096 bytes"));
}

#[test]
fn depth_is_refused_while_reading() {
    on_small_stack(|| {
        let many = SOURCE_BYTES / 8;
        for (open, core, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{1:", "1", "}"),
            ("1 in {", "1", "}"),
            ("a[", "1", "]"),
            ("a[1:", "1", "]"),
            ("a.get(", "1", ")"),
            ("a.get(1,", "1", ")"),
            ("1**", "1", ""),
            ("not (", "1", ")"),
            ("-(", "1", ")"),
            ("1+(", "1", ")"),
            ("(", "1", ")+1"),
            ("(", "1", ").a"),
            ("(1,", "1", ")"),
            ("1 if 1 else(", "1", ")"),
            ("(", "1", " if 1 else 1)"),
            ("(", "1", "*1+1<1 and 1 or 1)"),
            ("(1 or 1 and 1<1|1^1&1+1*-1**", "1", ")"),
            ("((", "", ""),
            ("[[", "", ""),
        ] {
            let count = many.min((SOURCE_BYTES - core.len()) / (open.len() + close.len()));
            let source = format!("{}{core}{}", open.repeat(count), close.repeat(count));
            let error = Condition::compile(&source).expect_err(&source);
            assert_eq!(error.message(), format!("the condition nests deeper than {NESTING} levels"), "{source:.100}");
            // The deepest that is allowed fits the stack, too, be its value what it may.
            let mut deepest =
                (1..=NESTING).rev().map(|count| format!("{}{core}{}", open.repeat(count), close.repeat(count)));
            if let Some(condition) = deepest.find_map(|source| Condition::compile(&source).ok()) {
                let _ = condition.value(&object(json!({"a": {}})));
                assert!(!format!("{condition:?}").is_empty());
            }
        }
    });
}

#[test]
fn chains_are_flat() {
    on_small_stack(|| {
        for (first, rest) in [
            ("1", " or 1"),
            ("1", " and 1"),
            ("1", "<1"),
            ("1", "+1"),
            ("1", "*1"),
            ("1", "|1"),
            ("a", ".a"),
            ("a", "['a']"),
            ("a", ".get('a')"),
            ("1", " if 1 else 1"),
            ("''", " ''"),
        ] {
            let source = format!("{first}{}", rest.repeat((SOURCE_BYTES - first.len()) / rest.len()));
            let condition = Condition::compile(&source).unwrap_or_else(|error| panic!("{error}: {source:.100}"));
            let _ = condition.holds(&object(json!({"a": {"a": {"a": 1}}})));
        }
        for (prefix, repeated) in [("-", 4_000), ("not ", 1_000), ("~", 4_000)] {
            let source = format!("{}1", prefix.repeat(repeated));
            assert_eq!(Condition::compile(&source).unwrap().holds(&Map::new()), Ok(true), "{source:.100}");
        }
    });
}

#[test]
fn growth_runs_out_of_budget_before_it_is_built() {
    on_small_stack(|| {
        let scope = object(json!({
            "text": "x".repeat(90_000), "huge": "x".repeat(3_000_000), "list": vec![1; 90_000],
            "objects": vec![json!({"key": "value"}); 20_000]
        }));
        for source in [
            "'a' * 10 ** 9",
            "10 ** 9 * 'a'",
            "[0] * 10 ** 9",
            "'a' * 9223372036854775807",
            "(1, 2) * 9223372036854775807",
            "9 ** 9 ** 9",
            "10 ** -4000001",
            "1e100 ** 1",
            "'a' * 100001",
            "[0] * 100001",
            "'a' * 60000 + 'a' * 60000",
            "text + text",
            "huge + ''",
            "list + list",
            "text * 2",
            "list * 2",
            "([0] * 20000 and [0] * 20000)",
            "[text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:], text[1:]]",
            "huge[::-1]",
            "list[1:]",
            "[[[0] * 900] * 900] * 900 == [[[0] * 900] * 900] * 900",
            "[[[0] * 900] * 900] * 900 < [[[0] * 900] * 900] * 900",
            "list == list and list == list",
            "objects == objects and objects == objects and objects != objects",
            "2 in list and 2 in list or 2 in list or 2 in list",
        ] {
            exhausts(source, &scope);
        }
        exhausts(&format!("'a' not in huge{}", " and 'a' not in huge".repeat(150)), &scope);
        exhausts(&format!("text == text{}", " == text".repeat(400)), &scope);
        let entries: Vec<String> = (0..500).map(|index| format!("{index}:1")).collect();
        exhausts(&format!("{{{}}}", entries.join(",")), &scope);
    });
}

#[test]
fn the_budget_is_enough_for_what_is_reasonable() {
    let scope = object(json!({"text": "x".repeat(50_000), "list": (0..10_000).collect::<Vec<_>>()}));
    for source in ["len_ok or True", "'x' * 100000", "9999 in list and list == list", "text + text", "[0] * 10000"] {
        let source = source.replace("len_ok", "text");
        let condition = Condition::compile(&source).unwrap();
        assert_eq!(condition.holds(&scope), Ok(true), "{source}");
    }
    let entries: Vec<String> = (0..100).map(|index| format!("'key{index}':1")).collect();
    assert_eq!(Condition::compile(&format!("{{{}}}", entries.join(","))).unwrap().holds(&scope), Ok(true));
}

/// Documents that are deeper than JSON parsers read: the depth of what is compared and answered is bounded all the same.
#[test]
fn deep_documents_are_not_walked_to_their_end() {
    let mut deep = json!(1);
    for level in 0..1_000 {
        deep = if level % 2 == 0 { json!([deep]) } else { json!({"a": deep}) };
    }
    let scope = object(json!({"deep": deep.clone(), "other": deep}));
    on_small_stack(move || {
        exhausts("deep == other", &scope);
        exhausts("other in [1, deep]", &scope);
        exhausts("[deep] < [other]", &scope);
        assert_eq!(Condition::compile("deep").unwrap().holds(&scope), Ok(true));
        let error = Condition::compile("deep").unwrap().value(&scope).unwrap_err();
        assert_eq!(error.message(), "the value nests deeper than 128 levels");
        // Dropping serde_json's values recurses; that is the owner's to bound.
        std::mem::forget(scope);
    });
}

#[test]
fn results_are_paid_for() {
    let scope = object(json!({"huge": "x".repeat(EVALUATION_BYTES + 1), "list": vec![Value::Null; 40_000]}));
    for source in ["huge", "list", "{'a': huge}", "[[0] * 9000] * 9", "[[[0] * 900] * 900] * 900"] {
        let error = Condition::compile(source).unwrap().value(&scope).map(|_| "a value").expect_err(source);
        assert_eq!(error.kind(), EvaluateErrorKind::Limit, "{source}: {error}");
    }
}
