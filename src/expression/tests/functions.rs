//! What the functions answer, as tables.

use serde_json::json;

use super::super::EvaluateErrorKind;
use super::kind_of_failure;
use super::semantics::check;

#[test]
fn functions() {
    check(&[
        ("size('añ😀')", json!(3)),
        ("size({'a': 1})", json!(1)),
        ("string(1) + string(2.0) + string(true) + string(null) + string([1, 2.5])", json!("12true[1,2.5]")),
        ("string(1e21) + ' ' + string(1e-9) + ' ' + string(0.1)", json!("1e21 1e-9 0.1")),
        ("int('42') + int(3.9) + int(-3.9)", json!(42)),
        ("double('1.5') + double(2)", json!(3.5)),
        ("double('1e3')", json!(1000.0)),
        ("bool('true') && !bool('false') && bool(true)", json!(true)),
        (
            "[1, 1.0, 'a', true, null, [], {}].map(x, type(x))",
            json!(["int", "double", "string", "bool", "null", "list", "map"]),
        ),
        ("'hello'.contains('ell') && [1, 2].contains(2.0)", json!(true)),
        ("'hello'.startsWith('he') && 'hello'.endsWith('lo')", json!(true)),
        ("'order-17'.matches('^order-[0-9]+$')", json!(true)),
        ("'x'.matches(input.missing == null ? '[xy]' : 'z')", json!(true)),
        ("'a.b.c'.replace('.', '--')", json!("a--b--c")),
        ("'ab'.replace('', '-')", json!("-a-b-")),
        ("'a,b,,c'.split(',')", json!(["a", "b", "", "c"])),
        ("'a,b,c'.split(',', 2)", json!(["a", "b,c"])),
        ("'aé'.split('')", json!(["a", "é"])),
        ("'abc'.split('', 2)", json!(["a", "bc"])),
        ("'abc'.split('', 0)", json!([])),
        ("''.split(',')", json!([""])),
        ("''.split('')", json!([])),
        ("['a', 1, null, {'b': 2}].join('|')", json!("a|1||{\"b\":2}")),
        ("join(['a', 'b'])", json!("ab")),
        ("lower('ÄB') + upper('straße')", json!("äbSTRASSE")),
        ("trim('  a b \\n')", json!("a b")),
        ("'añ😀z'.substring(1, 3) + 'abc'.substring(2) + 'abc'.substring(5) + 'abc'.substring(1, 99)", json!("ñ😀cbc")),
        ("keys({'b': 1, 'a': 2})", json!(["a", "b"])),
        ("values({'b': 1, 'a': [2]})", json!([[2], 1])),
        ("merge({'a': 1, 'b': 1}, {'b': 2}, null, {'c': [3]})", json!({"a": 1, "b": 2, "c": [3]})),
        ("flatten([1, [2, [3]], []])", json!([1, 2, [3]])),
        ("sort([3, 1.5, 2])", json!([1.5, 2, 3])),
        ("sort(['b', 'a'])", json!(["a", "b"])),
        ("sort(input.items, 'price').map(i, i.name)", json!(["pen", "ink", "desk"])),
        ("sort([{'k': 2}, {}, {'k': 1}], 'k')", json!([{"k": 1}, {"k": 2}, {}])),
        ("distinct([1, 'a', 1.0, [1], [1.0], {'x': 1}, {'x': 1}, null, null])", json!([1, "a", [1], {"x": 1}, null])),
        ("sum([1, 2])", json!(3)),
        ("sum([1, 0.5])", json!(1.5)),
        ("sum([])", json!(0)),
        ("min([3, 1.5]) + max(1, 2, 3)", json!(4.5)),
        ("min(['b', 'a'])", json!("a")),
        ("min([])", json!(null)),
        ("max(range(5))", json!(4)),
        ("avg([1, 2])", json!(1.5)),
        ("avg([])", json!(null)),
        ("range(3) + range(1, 3) + range(5, 0, -2) + range(0)", json!([0, 1, 2, 1, 2, 5, 3, 1])),
        ("range(9223372036854775806, 9223372036854775807)", json!([i64::MAX - 1])),
        ("toJson({'a': [1, null, 'x\"']})", json!("{\"a\":[1,null,\"x\\\"\"]}")),
        ("fromJson('{\"a\": [1, -2, 1.5, \"x\", null, true]}')", json!({"a": [1, -2, 1.5, "x", null, true]})),
        ("base64('héllo')", json!("aMOpbGxv")),
        ("unbase64('aMOpbGxv') + unbase64('YQ') + unbase64('YQ==') + unbase64('Pz8_')", json!("hélloaa???")),
        ("sha256('abc')", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        // RFC 4231, test case 2.
        (
            "'what do ya want for nothing?'.hmacSha256('Jefe')",
            json!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ),
        (
            "hmacSha256('what do ya want for nothing?', 'Jefe', 'base64')",
            json!("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
        ),
        ("uuid5('dns', 'www.example.com')", json!("2ed6657d-e927-568b-95e1-2665a8aea6a2")),
        (
            "uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')",
            json!("2ed6657d-e927-568b-95e1-2665a8aea6a2"),
        ),
        ("default(input.missing, 'x') + default(input.name, 'y') + input.note.default('z')", json!("xAdaz")),
    ]);
    for source in [
        "int('1.5')",
        "int('x')",
        "double('inf')",
        "double('NaN')",
        "double('')",
        "bool('yes')",
        "substring('a', -1)",
        "substring('abc', 2, 1)",
        "unbase64('*')",
        "unbase64('/w==')",
        "uuid5('x', 'y')",
        "range(0, 1, 0)",
        "split('a', ',', -1)",
        "hmacSha256('a', 'b', 'c')",
        "fromJson('1 2')",
    ] {
        assert_eq!(kind_of_failure(source, &json!({})), Some(EvaluateErrorKind::Value), "{source}");
    }
    for source in ["int(9e18 * 2)", "int(18446744073709551615)"] {
        assert_eq!(kind_of_failure(source, &json!({})), Some(EvaluateErrorKind::Arithmetic), "{source}");
    }
    for source in
        ["sort([1, 'a'])", "sort([true])", "sum(['a'])", "min([1, 'a'])", "min([true])", "flatten(1)", "keys([])"]
    {
        assert_eq!(kind_of_failure(source, &json!({})), Some(EvaluateErrorKind::Type), "{source}");
    }
}

#[test]
fn instants_and_durations() {
    check(&[
        ("timestamp('2026-05-01T12:00:00+02:00')", json!("2026-05-01T10:00:00.000Z")),
        ("timestamp('2026-05-01T12:00+02:00')", json!("2026-05-01T10:00:00.000Z")),
        ("timestamp('2026-05-01')", json!("2026-05-01T00:00:00.000Z")),
        ("timestamp('2026-05-01 08:30', 'Europe/Berlin')", json!("2026-05-01T06:30:00.000Z")),
        ("timestamp('2026-10-25T02:30:00', 'Europe/Berlin')", json!("2026-10-25T00:30:00.000Z")),
        ("timestamp(0)", json!("1970-01-01T00:00:00.000Z")),
        ("timestamp(epochMs('2026-02-28T23:00:00Z') + duration('1h'))", json!("2026-03-01T00:00:00.000Z")),
        ("timestamp('2026-05-01T12:00:00+02:00') < timestamp('2026-05-01T11:00:00Z')", json!(true)),
        ("epochMs('2026-05-02') - epochMs('2026-05-01') == duration('P1D')", json!(true)),
        ("duration('-90s')", json!(-90_000)),
        ("now", json!("1970-01-01T00:00:00.000Z")),
        ("format('2026-05-01T22:30:00Z', '%d.%m.%Y %H:%M', 'Europe/Berlin')", json!("02.05.2026 00:30")),
        ("'2026-05-01T22:30:00Z'.format('%A')", json!("Friday")),
    ]);
    for source in [
        "timestamp('yesterday')",
        "timestamp('2026-03-29T02:30:00', 'Europe/Berlin')",
        "timestamp('2026-05-01', 'Mars/Base')",
        "timestamp(999999999999999)",
        "duration('soon')",
        "duration('P1M')",
        "format('2026-05-01', 'yyyy')",
        "format('2026-05-01', '%Q')",
        "format('2026-05-01', '%')",
    ] {
        assert_eq!(kind_of_failure(source, &json!({})), Some(EvaluateErrorKind::Value), "{source}");
    }
}
