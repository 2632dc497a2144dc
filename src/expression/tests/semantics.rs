//! What expressions mean, as tables.

use std::borrow::Cow;
use std::cell::RefCell;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::{EvaluateErrorKind, Expression, PathSegment, Scope};
use super::{context, evaluate, kind_of_failure};

pub(super) fn check(table: &[(&str, Value)]) {
    for (source, expected) in table {
        let found = evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        // Through text, so that 1 and 1.0 are told apart.
        assert_eq!(found.to_string(), expected.to_string(), "{source}");
    }
}

#[test]
fn literals() {
    check(&[
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("0x1F", json!(31)),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        ("-0.5e-2", json!(-0.005)),
        ("1E3", json!(1000.0)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551615", json!(u64::MAX)),
        ("\"a'b\"", json!("a'b")),
        ("'a\"b'", json!("a\"b")),
        (r#""\n\t\\\"\'\/\u00e9\x41\101\U0001F600""#, json!("\n\t\\\"'/éAA😀")),
        (r#""\ud83d\ude00""#, json!("😀")),
        (r#"r"\d+""#, json!("\\d+")),
        ("R'\\n'", json!("\\n")),
        ("true", json!(true)),
        ("false", json!(false)),
        ("null", json!(null)),
        ("[1, 'a', [true]]", json!([1, "a", [true]])),
        ("[1, 2,]", json!([1, 2])),
        ("[]", json!([])),
        ("{}", json!({})),
        ("{'a': 1, \"b\": {'c': [null]},}", json!({"a": 1, "b": {"c": [null]}})),
        ("{'total': input.total, 'k' + 'ey': input.total > 1}", json!({"total": 250, "key": true})),
        ("1 // one\n + 2", json!(3)),
    ]);
}

#[test]
fn a_json_document_is_an_expression_of_itself() {
    let document = json!({
        "text": "line\nbreak \"quoted\" / 😀 \u{7}", "numbers": [0, -1, 1.25, 1e300, u64::MAX, i64::MIN],
        "nested": {"list": [[], {}, null, true, false]}
    });
    for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
        assert_eq!(evaluate(&text).unwrap(), document);
    }
}

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3 - 4 / 2 % 3", json!(5)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3)),
        ("-7 / 2", json!(-3)),
        ("-7 % 3", json!(-1)),
        ("7 / 2.0", json!(3.5)),
        ("1 + 0.5", json!(1.5)),
        ("2 * 1.0", json!(2.0)),
        ("5.5 % 2", json!(1.5)),
        ("'a' + 'b' + 'c'", json!("abc")),
        ("[1] + [2, 3]", json!([1, 2, 3])),
        ("- - 3", json!(3)),
        ("-input.total", json!(-250)),
        ("!true", json!(false)),
        ("!!true", json!(true)),
        ("!input.missing", json!(true)),
        ("1 == 1.0", json!(true)),
        ("9007199254740993 == 9007199254740992.0", json!(false)),
        ("9007199254740993 > 9007199254740992.0", json!(true)),
        ("18446744073709551615 > 1", json!(true)),
        ("-1 < 18446744073709551615", json!(true)),
        ("1e300 > 18446744073709551615", json!(true)),
        ("-1e300 < -9223372036854775808", json!(true)),
        ("1 == '1'", json!(false)),
        ("1 != true", json!(true)),
        ("[1, 2.0] == [1.0, 2]", json!(true)),
        ("{'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1}", json!(true)),
        ("{'a': 1} == {'b': 1}", json!(false)),
        ("'a' < 'b'", json!(true)),
        ("'Z' < 'a'", json!(true)),
        ("false < true", json!(true)),
        ("1 < 2 == true", json!(true)),
        ("1 in [1.0]", json!(true)),
        ("'a' in {'a': null}", json!(true)),
        ("'el' in 'hello'", json!(true)),
        ("4 in [1, 2]", json!(false)),
        ("true || false && false", json!(true)),
        ("1 < 2 ? 'yes' : 'no'", json!("yes")),
        ("false ? 1 : false ? 2 : 3", json!(3)),
        ("true ? false ? 1 : 2 : 3", json!(2)),
        ("input.missing ? 1 : 2", json!(2)),
        ("true?.5:1", json!(0.5)),
    ]);
}

#[test]
fn conditions_of_the_published_contract() {
    check(&[
        ("input.total > 100 && input.country in [\"DE\", \"FR\"]", json!(true)),
        ("input.total > 100 && input.country in ['US']", json!(false)),
        ("input.vip && input.total >= 250", json!(true)),
        ("input.note == null", json!(true)),
        ("input.missing == null", json!(true)),
        ("input.missing > 100", json!(false)),
        ("input.missing < 100", json!(false)),
        ("input.missing && true", json!(false)),
        ("unknown.a.b || input.vip", json!(true)),
        ("nodeResults[\"my-node\"].status == 'completed'", json!(true)),
    ]);
}

#[test]
fn an_operand_that_decides_wins_over_one_that_fails() {
    check(&[
        ("1 / 0 == 1 || true", json!(true)),
        ("true || 1 / 0 == 1", json!(true)),
        ("1 / 0 == 1 && false", json!(false)),
        ("[0, 1].exists(i, 1 / i == 1)", json!(true)),
        ("[0, 1].all(i, 1 / i == 2)", json!(false)),
    ]);
    for source in ["1 / 0 == 1 || false", "1 / 0 == 1 && true", "[0, 1].all(i, 1 / i == 1)", "false ? 1 : 1 / 0"] {
        assert_eq!(kind_of_failure(source, &json!({})), Some(EvaluateErrorKind::Arithmetic), "{source}");
    }
    assert_eq!(evaluate("false ? 1 / 0 : 1").unwrap(), json!(1));
}

#[test]
fn paths() {
    check(&[
        ("input.items[1].name", json!("ink")),
        ("input.items.1.name", json!("ink")),
        ("input['items'][1]['name']", json!("ink")),
        ("input.items[input.items.size() - 1].name", json!("desk")),
        ("input.items[1.0].name", json!("ink")),
        ("input[input.country == 'DE' ? 'name' : 'total']", json!("Ada")),
        ("input.address.city", json!("Köln")),
        ("input.address['zip-code']", json!("50667")),
        ("input.address.zip-code", json!("50667")),
        ("input.address[0]", json!("zero")),
        ("input.address.0", json!("zero")),
        ("input.in", json!(7)),
        ("input.missing", json!(null)),
        ("input.missing.deeper[3].still", json!(null)),
        ("input?.missing?.deeper", json!(null)),
        ("input?.name", json!("Ada")),
        ("input.name.first", json!(null)),
        ("input.items[99]", json!(null)),
        ("input.items[-1]", json!(null)),
        ("input.items['name']", json!(null)),
        ("nothing", json!(null)),
        ("[1, [2, 3]][1][0]", json!(2)),
        ("{'a': {'b': 5}}.a.b", json!(5)),
        ("{'a': 1}['a']", json!(1)),
        ("'text'.size()", json!(4)),
        ("  input.total  ", json!(250)),
    ]);
}

#[test]
fn a_plain_path_with_hyphens_is_a_path_first_and_a_subtraction_second() {
    check(&[
        ("nodeResults.my-node.output.items.0.name", json!("first")),
        ("nodeResults.my-node.output.items[1].name", json!("second")),
        ("nodeResults.my-node.output.a-b", json!(3)),
        ("a-b", json!("hyphen")),
        ("input.total-input.tax", json!(200)),
        ("input.total-1", json!(249)),
        ("input.total-input.tax * 2", json!(150)),
        ("nodeResults.other-node.output", json!(null)),
        ("nodeResults.3f2a-77.output", json!(null)),
    ]);
    let scope = json!({"nodes": {"3f-x": {"y": 1}, "9lives": 2}});
    for (source, expected) in [("nodes.3f-x.y", 1), ("nodes.9lives", 2)] {
        assert_eq!(Expression::compile(source).unwrap().evaluate(&scope).unwrap(), json!(expected), "{source}");
    }
    let error = evaluate("nodeResults.my-node.output.total > 1").unwrap_err();
    assert!(error.contains("[\"my-name\"]"), "{error}");
}

#[test]
fn presence_and_macros() {
    check(&[
        ("has(input.note)", json!(true)),
        ("has(input.missing)", json!(false)),
        ("has(input.missing.deeper)", json!(false)),
        ("has(input.items[0].name)", json!(true)),
        ("input.items.filter(i, has(i.qty)).size()", json!(3)),
        ("has({'a': 1}.b)", json!(false)),
        ("input.items.all(i, i.price > 1)", json!(true)),
        ("input.items.exists(i, i.name == 'ink')", json!(true)),
        ("input.items.exists_one(i, i.price < 10)", json!(false)),
        ("input.items.exists_one(i, i.price > 100)", json!(true)),
        ("input.items.map(i, i.name)", json!(["pen", "ink", "desk"])),
        ("input.items.map(i, i.price > 5, i.name)", json!(["ink", "desk"])),
        ("input.items.filter(i, i.price > 5).map(i, i.price)", json!([7.5, 180])),
        ("[3, 1].filter(i, i > 1)", json!([3])),
        ("[].all(i, false)", json!(true)),
        ("[].exists(i, true)", json!(false)),
        ("{'b': 1, 'a': 2}.map(k, k)", json!(["a", "b"])),
        ("{'a': 1}.all(k, k == 'a')", json!(true)),
        ("[[1, 2], [3]].map(row, row.map(x, x * 2))", json!([[2, 4], [6]])),
        ("[1, 2].map(x, [10, 20].map(y, x * y))", json!([[10, 20], [20, 40]])),
        ("[1].map(input, input)", json!([1])),
        ("[1].map(x, [2].map(x, x))", json!([[2]])),
        ("[1, 2].map(x, {'n': x, 'all': input.tags})[1].all[0]", json!("new")),
        ("input.items.map(i, '- ' + i.name).join('\\n')", json!("- pen\n- ink\n- desk")),
    ]);
}

#[test]
fn compile_errors_name_the_place() {
    for (source, position, part) in [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("1 +", 3, "expected a value, found the end"),
        ("1 2", 2, "expected an operator or the end, found a number"),
        ("a = b", 2, "compare with `==`"),
        ("a & b", 2, "`&&`"),
        ("a | trim", 2, "`||`"),
        ("(1", 2, "expected `)`"),
        ("[1, 2", 5, "expected `]`"),
        ("{'a' 1}", 5, "expected `:`"),
        ("'abc", 0, "no end"),
        ("'a\nb'", 0, "no end"),
        (r"'\q'", 1, "escape"),
        (r"'\ud83d'", 1, "escape"),
        ("b'x'", 0, "byte"),
        ("1u", 0, "malformed number"),
        ("1e", 0, "malformed number"),
        ("0x", 0, "malformed number"),
        ("1e999", 0, "out of range"),
        ("18446744073709551616", 0, "64 bits"),
        ("-9223372036854775809", 1, "64 bits"),
        ("foo(1)", 0, "unknown function `foo`"),
        ("'a'.startswith('b')", 4, "there is `startsWith`"),
        ("size()", 0, "takes 1 arguments, not 0"),
        ("'a'.size(1)", 4, "takes 1 arguments, not 2"),
        ("'a'.matches('(')", 4, "not well formed"),
        ("map([1], x, x)", 0, "called on a list"),
        ("[1].map(1, 2)", 4, "name of its variable"),
        ("[1].map(x)", 9, "expected `,`"),
        ("has(a)", 4, "`has` takes a member"),
        ("has(size(a))", 4, "`has` takes a member"),
        ("a.", 2, "expected a name"),
        ("in [1]", 0, "left side"),
        ("a ? b", 5, "expected `:`"),
        ("a # b", 2, "unexpected character"),
        ("ä = 1", 3, "compare with `==`"),
    ] {
        let error = Expression::compile(source).unwrap_err();
        assert!(error.message.contains(part), "{source}: {error}");
        assert_eq!(error.position, position, "{source}: {error}");
    }
}

#[test]
fn evaluation_errors_name_operator_types_and_place_but_no_value() {
    use EvaluateErrorKind::{Arithmetic, Limit, Type, Value};
    for (source, kind, position, part) in [
        ("1 + 'a'", Type, Some(2), "`+` does not take int and string; `string(value)`"),
        ("1 - input.missing", Type, Some(2), "default(value, other)"),
        ("true && 1", Type, Some(8), "a condition must be a bool, not int"),
        ("!'a'", Type, Some(0), "not string"),
        ("-'a'", Type, Some(0), "`-` needs a number"),
        ("1 < 'a'", Type, Some(2), "`<` does not take int and string"),
        ("[1] < [2]", Type, Some(4), "list and list"),
        ("1 in 2", Type, Some(2), "`in` does not take"),
        ("[1][true]", Type, Some(3), "an index must be"),
        ("{1: 2}", Type, Some(1), "a key of a map must be a string, not int"),
        ("{a: 2}", Type, Some(1), "quote it"),
        ("{'a': 1, 'a': 2}", Value, Some(9), "twice"),
        ("1.map(x, x)", Type, Some(2), "`map` needs a list or a map, not int"),
        ("input.missing.map(x, x)", Type, Some(14), "not null"),
        ("size(1)", Type, Some(0), "`size` needs a string, a list or a map as argument 1, not int"),
        ("upper(input.missing)", Type, Some(0), "not null; `default"),
        ("1 / 0", Arithmetic, Some(2), "division by zero"),
        ("1.0 / 0", Arithmetic, Some(4), "division by zero"),
        ("1 % 0", Arithmetic, Some(2), "division by zero"),
        ("1e308 * 10", Arithmetic, Some(6), "finite"),
        ("9223372036854775807 + 1", Arithmetic, Some(20), "overflow"),
        ("-(-9223372036854775808)", Arithmetic, Some(0), "overflow"),
        ("9223372036854775807 * 9223372036854775807", Arithmetic, Some(20), "overflow"),
        ("-9223372036854775808 / -1", Arithmetic, Some(21), "overflow"),
        ("18446744073709551615 + 1", Arithmetic, Some(21), "overflow"),
        ("range(1000000)", Limit, Some(0), "100000 steps"),
        ("range(40000)", Limit, Some(0), "1048576 bytes"),
        ("fromJson('{')", Value, Some(0), "not JSON"),
    ] {
        let error = Expression::compile(source).unwrap().evaluate(&context()).unwrap_err();
        assert!(error.message.contains(part), "{source}: {error}");
        assert_eq!((error.kind, error.position), (kind, position), "{source}: {error}");
    }
    let secret = json!({"secrets": {"key": "hunter2"}});
    for source in [
        "secrets.key + 1",
        "int(secrets.key)",
        "timestamp(secrets.key)",
        "fromJson(secrets.key)",
        "secrets.key && true",
        "'a'.matches(secrets.key + '(')",
        "uuid5(secrets.key, '')",
    ] {
        let error = Expression::compile(source).unwrap().evaluate(&secret).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{source}: {error}");
    }
}

#[test]
fn a_condition_is_a_bool_or_null() {
    let test = |source: &str| Expression::compile(source).unwrap().test(&context());
    assert_eq!(test("input.vip"), Ok(true));
    assert_eq!(test("input.total > 1000"), Ok(false));
    assert_eq!(test("input.missing"), Ok(false));
    for (source, kind) in [("1", "int"), ("''", "string"), ("[]", "list"), ("{}", "map"), ("0.0", "double")] {
        assert_eq!(test(source).unwrap_err().message, format!("a condition must be a bool, not {kind}"));
    }
}

#[test]
fn source_and_paths_are_known() {
    use PathSegment::{Index, Key};
    let expression =
        Expression::compile(" input.items[0].name == a['b'] && [1].all(x, x == secrets.token.size()) ").unwrap();
    assert_eq!(expression.source(), "input.items[0].name == a['b'] && [1].all(x, x == secrets.token.size())");
    let paths: Vec<_> = expression.paths().collect();
    assert_eq!(
        paths,
        vec![
            vec![Key("input"), Key("items"), Index(0), Key("name")],
            vec![Key("a"), Key("b")],
            vec![Key("secrets"), Key("token")]
        ]
    );
    let plain = Expression::compile("nodeResults.my-node.output").unwrap();
    assert_eq!(plain.paths().collect::<Vec<_>>(), vec![vec![Key("nodeResults"), Key("my-node"), Key("output")]]);
}

/// A scope that answers a prefix it had to build, and remembers what it was asked for.
struct Recording {
    asked: RefCell<Vec<String>>,
}

impl Scope for Recording {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        self.asked.borrow_mut().push(format!("{path:?}"));
        match path {
            [PathSegment::Key("nodeResults"), PathSegment::Key(id), PathSegment::Key("output"), ..] => {
                Some((Cow::Owned(json!({"id": id, "items": [{"n": 1}, {"n": 2}]})), 3))
            }
            _ => None,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_777_777_777_123).unwrap()
    }
}

#[test]
fn a_scope_sees_the_longest_static_path_and_may_answer_a_prefix() {
    let scope = Recording { asked: RefCell::default() };
    let evaluate = |source: &str| Expression::compile(source).unwrap().evaluate(&scope).unwrap();
    assert_eq!(evaluate("nodeResults.fetch.output.items[1].n"), json!(2));
    assert_eq!(evaluate("nodeResults['fetch'].output.id"), json!("fetch"));
    assert_eq!(evaluate("nodeResults.fetch.output.items.0.n + 1"), json!(2));
    assert_eq!(evaluate("nodeResults.fetch.output.items.map(i, i.n)"), json!([1, 2]));
    assert_eq!(evaluate("nodeResults.fetch.output.a.b.c.d.e.f.g.h.i"), json!(null));
    assert_eq!(evaluate("[0].map(i, other)"), json!([null]));
    assert_eq!(
        scope.asked.borrow()[0],
        r#"[Key("nodeResults"), Key("fetch"), Key("output"), Key("items"), Index(1), Key("n")]"#
    );
    assert_eq!(
        scope.asked.borrow()[2],
        r#"[Key("nodeResults"), Key("fetch"), Key("output"), Key("items"), Index(0), Key("n")]"#
    );
    assert_eq!(scope.asked.borrow()[3], r#"[Key("nodeResults"), Key("fetch"), Key("output"), Key("items")]"#);
    scope.asked.borrow_mut().clear();
    assert_eq!(evaluate("now"), json!("2026-05-03T03:09:37.123Z"));
    assert_eq!(evaluate("now.year"), json!(null));
    assert_eq!(evaluate("epochMs(now)"), json!(1_777_777_777_123_i64));
    assert!(scope.asked.borrow().is_empty(), "`now` is not asked of the scope's names");
}
