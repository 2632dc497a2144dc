//! Sources written to hurt: each must end with the right error, soon, on a small stack.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::limits::{CHAIN, NESTING, NODES, PATTERN_BYTES, SOURCE_BYTES, TEMPLATE_BYTES, VALUE_DEPTH};
use super::super::{EvaluateError, EvaluateErrorKind, Expression, JsonTemplate, Template};
use super::{context, on_small_stack};

/// Far above what any of these takes unoptimised on a busy machine, far below what an unbounded one would.
const PATIENCE: Duration = Duration::from_secs(10);

fn evaluate(source: &str, scope: &Value) -> Result<Value, EvaluateError> {
    let started = Instant::now();
    let expression = Expression::compile(source).unwrap_or_else(|error| panic!("{error}: {source:.200}"));
    let outcome = expression.evaluate(scope);
    assert!(started.elapsed() < PATIENCE, "{:?}: {source:.200}", started.elapsed());
    outcome
}

fn exhausts(source: &str, scope: &Value) {
    match evaluate(source, scope) {
        Err(error) if error.kind == EvaluateErrorKind::Limit => {}
        Err(error) => panic!("{error}: {source:.200}"),
        Ok(_) => panic!("no limit: {source:.200}"),
    }
}

fn refused(source: &str, part: &str) {
    let started = Instant::now();
    let error = Expression::compile(source).expect_err("a limit on shape");
    assert!(error.message.contains(part), "{error}: {source:.200}");
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn nested_macros_run_out_of_fuel() {
    on_small_stack(|| {
        for name in ["all", "exists_one", "map", "filter"] {
            let list = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
            let bomb =
                (0..8).fold("true".to_owned(), |inner, level| format!("{list}.{name}(v{level}, {inner} == {inner})"));
            if bomb.len() <= SOURCE_BYTES && Expression::compile(&bomb).is_ok() {
                exhausts(&bomb, &json!({}));
            }
            let bomb = (0..8).fold("1".to_owned(), |inner, level| {
                let body = if name == "map" { inner } else { format!("size([{inner}]) == 1") };
                format!("{list}.{name}(v{level}, {body})")
            });
            exhausts(&bomb, &json!({}));
        }
        exhausts("range(1000).all(a, range(1000).all(b, a + b >= 0))", &json!({}));
        // A failing element does not end `all`, and must not hide the limit either.
        exhausts("range(1000).all(a, range(1000).all(b, 1 / 0 == b)) || true", &json!({}));
    });
}

#[test]
fn text_that_grows_runs_out_of_memory() {
    on_small_stack(|| {
        let doubling = |step: &str, rounds| format!("'aaaaaaaa'{}", step.repeat(rounds));
        exhausts(&doubling(".replace('a', 'aaaaaaaa')", 30), &json!({}));
        exhausts(&doubling(".replace('', 'aaaaaaaa')", 30), &json!({}));
        exhausts(&doubling(".split('').map(x, 'aaaaaaaaaaaaaaaa').join()", 12), &json!({}));
        exhausts(&format!("[0].map(a, 'aaaaaaaaaaaaaaaa'){}", ".map(b, b + b)".repeat(25)), &json!({}));
        exhausts(&format!("'aaaaaaaaaaaaaaaa'{}", ".toJson()".repeat(200)), &json!({}));
        exhausts(&format!("'aaaaaaaaaaaaaaaa'{}", ".base64()".repeat(100)), &json!({}));
        exhausts(&format!("range(1000){}", ".map(x, [x, x, x])".repeat(20)), &json!({}));
        exhausts(
            "range(10000).map(x, 'a').join('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
            &json!({}),
        );
        exhausts("range(200).map(i, big)", &json!({"big": "x".repeat(20_000)}));
        exhausts("range(200).map(i, {'a': big})", &json!({"big": "x".repeat(20_000)}));
        exhausts("[big, big].flatten() + [big]", &json!({"big": vec![1; 20_000]}));
        exhausts("merge({'a': big}, {'b': big})", &json!({"big": vec![1; 20_000]}));
        exhausts("big.upper().lower().upper()", &json!({"big": "x".repeat(500_000)}));
        exhausts("fromJson(text)", &json!({"text": format!("[{}0]", "0,".repeat(100_000))}));
        exhausts("fromJson(text)", &json!({"text": format!("[{}0]", "{},".repeat(40_000))}));
        // One by one within the budget, not all together.
        assert!(evaluate("'aaaaaaaa'.replace('a', 'aaaaaaaa').size() == 64", &json!({})).is_ok());
    });
}

#[test]
fn long_lists_run_out_of_budget_before_they_exist() {
    on_small_stack(|| {
        for source in [
            "range(1000000000000)",
            "range(-9223372036854775808, 9223372036854775807)",
            "range(9223372036854775807, -9223372036854775808, -1)",
            "range(9223372036854775807)",
            "range(30000) + range(30000)",
            "range(30000).sort().sort().sort().sort().sort().sort().sort().sort().sort()",
            "range(20000).distinct().distinct().distinct().distinct()",
            "range(100).map(i, range(100)).flatten().map(i, range(100))",
        ] {
            exhausts(source, &json!({}));
        }
        let texts: Vec<_> = (0..2000).map(|index| format!("{}{index}", "same beginning ".repeat(200))).collect();
        for source in [
            "sort(texts)",
            "distinct(texts)",
            "range(100).all(i, texts == texts)",
            "range(100).all(i, !('x' in texts))",
        ] {
            exhausts(source, &json!({"texts": texts}));
        }
    });
}

#[test]
fn chains_and_nesting_are_refused_while_reading() {
    on_small_stack(|| {
        refused(&vec!["a"; 900].join(" || "), "one chain");
        refused(&vec!["a"; 900].join(" && "), "one chain");
        refused(&vec!["1"; 900].join(" + "), "one chain");
        refused(&vec!["a"; 900].join("."), "one chain");
        refused(&format!("a{}", ".trim()".repeat(900)), "one chain");
        refused(&format!("x{}", "[0]".repeat(900)), "one chain");
        refused(&format!("{}1", "a ? 1 : ".repeat(900)), "one chain");
        refused(&format!("{}a", "!".repeat(900)), "one chain");
        refused(&format!("{}a", "- ".repeat(900)), "one chain");
        refused(&format!("a.{}0", "0.".repeat(900)), "one chain");
        refused(&format!("a-b.{}0", "0.".repeat(900)), "one chain");
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{'a':", "}"),
            ("size(", ")"),
            ("a[", "]"),
            ("1 + (", ")"),
            ("a ? (", ") : 1"),
            ("!(", ")"),
            ("[1].map(x, ", ")"),
        ] {
            refused(&format!("{}1{}", open.repeat(NESTING + 1), close.repeat(NESTING + 1)), "nests deeper");
            refused(&format!("{}1", open.repeat(1000)), "nests deeper");
        }
        refused(&format!("{}1", "a || b && c == d + e * (".repeat(500)), "nests deeper");
        refused(&format!("{}1{}", "(".repeat(40), " * 1 + 1 == 1 && 1 || 1)".repeat(40)), "nests deeper");
        refused(&format!("[{}1]", "1,".repeat(NODES)), "parts");
        refused(&format!("'{}'", "x".repeat(SOURCE_BYTES)), "longer than");
        refused(&"(".repeat(SOURCE_BYTES), "nests deeper");
        refused(&"a.".repeat(SOURCE_BYTES / 2), "one chain");
        refused(&"[".repeat(SOURCE_BYTES + 1), "longer than");
        // Just inside the limits everything runs, on the same stack.
        let parentheses = format!("{}true{}", "(".repeat(NESTING - 1), ")".repeat(NESTING - 1));
        assert_eq!(evaluate(&parentheses, &json!({})), Ok(json!(true)));
        let lists = format!("{}1{}", "[".repeat(NESTING - 1), "]".repeat(NESTING - 1));
        assert!(evaluate(&lists, &json!({})).is_ok());
        let maps = format!("{}1{}", "{'a':".repeat(NESTING - 1), "}".repeat(NESTING - 1));
        assert!(evaluate(&maps, &json!({})).is_ok());
        let macros = format!("{}1{}", "[1].map(x, ".repeat(NESTING / 2 - 1), ")".repeat(NESTING / 2 - 1));
        assert!(evaluate(&macros, &json!({})).is_ok());
        let chain = vec!["true"; CHAIN].join(" && ");
        assert_eq!(evaluate(&chain, &json!({})), Ok(json!(true)));
        let sum = vec!["1"; CHAIN].join(" + ");
        assert_eq!(evaluate(&sum, &json!({})), Ok(json!(CHAIN)));
        let methods = format!("'a'{}", ".trim()".repeat(CHAIN - 1));
        assert_eq!(evaluate(&methods, &json!({})), Ok(json!("a")));
        let levels = format!("{}1{}", "(".repeat(7), " * 1 + 1 == 1 && true || true ? 1 : 1)".repeat(7));
        assert!(evaluate(&levels, &json!({})).is_ok());
    });
}

#[test]
fn values_that_nest_are_refused_before_they_are_too_deep_to_drop() {
    on_small_stack(|| {
        let wrap = format!(".map(x, {}x{})", "[".repeat(30), "]".repeat(30));
        exhausts(&format!("[1]{}", wrap.repeat(30)), &json!({}));
        exhausts(&format!("[1]{}", ".map(x, {'a': [x, x]})".repeat(60)), &json!({}));
        exhausts(&format!("[1]{}", ".map(x, [[x]].flatten())".repeat(120)), &json!({}));
        exhausts("fromJson(text)", &json!({"text": format!("{}{}", "[".repeat(120), "]".repeat(120))}));
        let unreadable = json!({"text": "[".repeat(100_000)});
        assert_eq!(evaluate("fromJson(text)", &unreadable).unwrap_err().kind, EvaluateErrorKind::Value);
        // A context document deeper than any expression could build: readable, not copyable.
        let deep = (0..3 * VALUE_DEPTH).fold(json!(1), |inner, _| json!([inner]));
        let scope = json!({"deep": deep});
        for source in [
            "deep",
            "[deep]",
            "toJson(deep)",
            "deep == deep",
            "distinct([deep, deep])",
            "sort([deep])",
            "string(deep)",
            "[deep].map(x, x)",
            "values({'a': deep})",
            "deep in [deep]",
        ] {
            match evaluate(source, &scope) {
                Err(error) => assert!(
                    matches!(error.kind, EvaluateErrorKind::Limit | EvaluateErrorKind::Type),
                    "{error}: {source}"
                ),
                Ok(_) => panic!("{source}"),
            }
        }
        assert_eq!(evaluate("size(deep[0])", &scope), Ok(json!(1)));
    });
}

#[test]
fn the_deepest_documents_and_the_deepest_expressions_share_the_stack() {
    on_small_stack(|| {
        let deep = |levels: usize| {
            (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
        };
        let scope = json!({"deep": deep(127), "same": deep(127), "fit": deep(50)});
        let nest = |inner: &str| format!("{}{inner}{}", "[".repeat(NESTING - 4), "]".repeat(NESTING - 4));
        assert!(evaluate(&nest("deep == same"), &scope).is_ok());
        assert!(evaluate(&nest("size(toJson(deep))"), &scope).is_ok());
        assert!(evaluate(&nest("[fit, fit].distinct()"), &scope).is_ok());
        let calls = format!("{}deep == same{}", "default(null, ".repeat(NESTING - 4), ")".repeat(NESTING - 4));
        assert_eq!(evaluate(&calls, &scope), Ok(json!(true)));
        let depth = NESTING - 6;
        let text = format!("{{{{ {}string(deep){} + '' }}}}", "(".repeat(depth), ")".repeat(depth));
        let document = (0..VALUE_DEPTH)
            .fold(json!(text), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) });
        assert!(JsonTemplate::compile(&document).unwrap().render(&scope).is_ok());
        let bad = (0..VALUE_DEPTH).fold(json!("{{ 1 / 0 }}"), |inner, _| json!([inner]));
        let error = JsonTemplate::compile(&bad).unwrap().render(&scope).unwrap_err();
        assert_eq!(error.path, "/0".repeat(VALUE_DEPTH));
    });
}

#[test]
fn regular_expressions_are_bounded() {
    on_small_stack(|| {
        for pattern in ["(a{1000}){1000}", "((((a{30}){30}){30}){30}){30}", "\\\\pL{500}", "(\\\\pL\\\\pN){90}"] {
            refused(&format!("'a'.matches('{pattern}')"), "too large");
        }
        refused(&format!("'a'.matches('{}')", "a".repeat(PATTERN_BYTES + 1)), "longer than");
        refused(&format!("'a'.matches('{}a{}')", "(".repeat(200), ")".repeat(200)), "well formed");
        refused(&vec!["'a'.matches('b')"; 17].join(" || "), "regular expressions");
        let scope = json!({"text": "ab".repeat(200_000), "a": "a".repeat(100_000), "pattern": "(x+x+)+y"});
        for source in [
            "a.matches('(a+)+$') && a.matches('(a*)*b') && a.matches('(a|aa)+c') && a.matches('(.*)(.*)(.*)d')",
            "text.matches('(a|b)*a(a|b){12}c') || text.matches('(a?){200}c') || text.matches('[ab]{1,300}c')",
            "range(500).exists(i, a.matches('(a|b)*a(a|b){10}c'))",
        ] {
            assert!(
                evaluate(source, &scope).map_or_else(|error| error.kind == EvaluateErrorKind::Limit, |_| true),
                "{source}"
            );
        }
        exhausts("range(1000).all(i, !'x'.matches(pattern + string(i)))", &scope);
        exhausts("range(1000).all(i, !'x'.matches('[ab]{1,90}' + string(i)))", &scope);
    });
}

#[test]
fn large_context_texts_are_not_scanned_without_end() {
    on_small_stack(|| {
        let scope = json!({"text": "x".repeat(4_000_000), "list": vec!["x"; 1000]});
        for call in [
            "text.contains('y')",
            "text == text + ''",
            "text.size() == 0",
            "text < text",
            "text.endsWith(text) && false",
            "text.split('y', 1) == []",
        ] {
            exhausts(&format!("range(1000).exists(i, {call})"), &scope);
        }
        exhausts("range(1000).all(i, text.sha256() != 'x')", &scope);
        exhausts("range(1000).all(i, text.substring(3999999) == 'x')", &scope);
    });
}

/// Builds what it answers, each time anew.
struct Lavish;

impl super::super::Scope for Lavish {
    fn resolve<'s>(&'s self, _: &[super::super::PathSegment<'_>]) -> Option<(std::borrow::Cow<'s, Value>, usize)> {
        Some((std::borrow::Cow::Owned(json!(vec!["x"; 10_000])), 1))
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::UNIX_EPOCH
    }
}

#[test]
fn what_a_scope_builds_is_paid_for() {
    let expression = Expression::compile("range(1000).all(i, size(anything) > 0)").unwrap();
    assert_eq!(expression.evaluate(&Lavish).unwrap_err().kind, EvaluateErrorKind::Limit);
}

#[test]
fn templates_are_bounded() {
    on_small_stack(|| {
        let refused = |source: &str, part: &str| {
            let error = Template::compile(source).expect_err("a limit on shape");
            assert!(error.message.contains(part), "{error}");
        };
        refused(&"x".repeat(TEMPLATE_BYTES + 1), "longer than");
        refused(&"{{a}}".repeat(NODES + 1), "parts");
        refused(&"{{".repeat(TEMPLATE_BYTES / 2), "closing");
        refused(&format!("{{{{ '{}' }}}}", "x".repeat(SOURCE_BYTES)), "longer than");
        refused(&format!("{{{{ {}", "{".repeat(200_000)), "closing");
        let strings = vec!["{{a}}".repeat(1000); 30];
        assert!(JsonTemplate::compile(&json!(strings)).unwrap_err().message.contains("document"));
        let render = |source: &str, scope: &Value| Template::compile(source).unwrap().render(scope);
        let scope = json!({"big": "x".repeat(1_000_000)});
        assert_eq!(render(&"{{big}}".repeat(100), &scope).unwrap_err().kind, EvaluateErrorKind::Limit);
        let work = "{{ range(90).all(a, range(90).all(b, b >= 0)) }}";
        assert_eq!(render(&work.repeat(60), &scope).unwrap_err().kind, EvaluateErrorKind::Limit);
    });
}

#[test]
fn every_truncation_of_a_source_is_an_error_or_an_expression() {
    on_small_stack(|| {
        let source = r#"input.items.map(i, i.price > 1.5e0 && !has(i.x) || -i.qty % 2 == 0 ? "é\u00e9\n" + r'\d' : i?.name).all(n, n in ["a", {"k": [1, 0x1f,],}["k"], 'ü'].filter(z, z.size() >= 2)) // end"#;
        Expression::compile(source).unwrap();
        for end in (0..source.len()).filter(|end| source.is_char_boundary(*end)) {
            for start in [0, end / 2] {
                if source.is_char_boundary(start)
                    && let Ok(expression) = Expression::compile(&source[start..end])
                {
                    drop(expression.evaluate(&context()));
                }
            }
            let mut template = String::new();
            write!(template, "a {{{{ {}", &source[..end]).unwrap();
            assert!(Template::compile(&template).is_err(), "{template}");
            template.push_str("\n}}");
            drop(Template::compile(&template));
        }
    });
}
