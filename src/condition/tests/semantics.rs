//! What expressions mean: a table of sources and their values, and one of those that have none.

use serde_json::{Value, json};

use super::super::EvaluateErrorKind::{self, Arithmetic, Limit, Missing, Name, Type};
use super::super::{Condition, EvaluateError};
use super::{scope, value};

fn check(table: &[(&str, Value)]) {
    for (source, expected) in table {
        let found = value(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        // Text tells 1 from 1.0 and 0.0 from -0.0.
        assert_eq!(found.to_string(), expected.to_string(), "{source}");
    }
}

fn fails(table: &[(&str, EvaluateErrorKind, usize, &str)]) {
    for (source, kind, position, message) in table {
        let error = value(source).expect_err(source);
        assert_eq!((error.kind(), error.position()), (*kind, Some(*position)), "{source}: {error}");
        assert!(error.message().contains(message), "{source}: {error}");
    }
}

#[test]
fn names_members_and_indexes() {
    check(&[
        ("context['priority']", json!(7)),
        ("context.priority", json!(7)),
        ("context['items']", json!(3)),
        ("context['a-b']", json!(1)),
        ("context.nested.deep['er'][0][-1]", json!(2)),
        ("context.labels[True]", json!("urgent")),
        ("context.title[0] + context.title[-1] + context.title[1]", json!("K😀ö")),
        ("context.get('priority')", json!(7)),
        ("context.get('missing')", json!(null)),
        ("context.get('missing', 1 + 1)", json!(2)),
        ("context.get('note', 1)", json!(null)),
        ("context.get(1, 'no')", json!("no")),
        ("context.get('nested').get('deep', {},).er[1]", json!([3])),
        ("{'get': 5}['get']", json!(5)),
        ("{1: 'low', 2.0: 'high', None: 'x', (1, 2): 'pair'}[2]", json!("high")),
        ("{1: 'low', (1, 2): 'pair'}[(1.0, 2)]", json!("pair")),
        ("{'a': 1, 'a': 2}", json!({"a": 2})),
        ("{1: 'a', True: 'b'}[1.0]", json!("b")),
    ]);
}

#[test]
fn slices() {
    check(&[
        ("'abcdef'[1:3]", json!("bc")),
        ("'abcdef'[:]", json!("abcdef")),
        ("'abcdef'[-2:]", json!("ef")),
        ("'abcdef'[::-1]", json!("fedcba")),
        ("'abcdef'[4:0:-2]", json!("ec")),
        ("'abcdef'[::2]", json!("ace")),
        ("'abcdef'[10:]", json!("")),
        ("'abcdef'[3:1]", json!("")),
        ("'abcdef'[-100:100]", json!("abcdef")),
        ("'abcdef'[100:-100:-100]", json!("f")),
        ("'abcdef'[:170141183460469231731687303715884105727:170141183460469231731687303715884105727]", json!("a")),
        ("'abcdef'[-170141183460469231731687303715884105727-1::-170141183460469231731687303715884105727-1]", json!("")),
        ("context.title[-1:]", json!("😀")),
        ("context.title[::-1]", json!("😀 nlöK")),
        ("[1, 2, 3, 4][1:None]", json!([2, 3, 4])),
        ("[1, 2, 3, 4][True::2]", json!([2, 4])),
        ("(1, 2, 3)[::-1]", json!([3, 2, 1])),
        ("[][::-1]", json!([])),
        ("context.labels[:1]", json!(["invoice"])),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3.0)),
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("-7 % 3", json!(2)),
        ("7 % -3", json!(-2)),
        ("-7.5 % 2", json!(0.5)),
        ("7.5 // 2", json!(3.0)),
        ("1 // 0.1", json!(9.0)),
        ("-0.0", json!(-0.0)),
        ("0 * -1.0", json!(-0.0)),
        ("2 ** 10", json!(1024)),
        ("2 ** -1", json!(0.5)),
        ("-2 ** 2", json!(-4)),
        ("2 ** 3 ** 2", json!(512)),
        ("2 ** -1 ** 2", json!(0.5)),
        ("0 ** 0", json!(1)),
        ("9 ** 0.5", json!(3.0)),
        ("1 - 2 - 3", json!(-4)),
        ("2 + 3 * 4 - 10 / 5", json!(12.0)),
        ("- - 3", json!(3)),
        ("+True", json!(1)),
        ("-True", json!(-1)),
        ("~5", json!(-6)),
        ("True + True", json!(2)),
        ("0.1 + 0.2", json!(0.300_000_000_000_000_04)),
        ("6 & 3 | 8 ^ 1", json!(11)),
        ("-1 & 255", json!(255)),
        ("True & False", json!(false)),
        ("(1 == 1) | (1 == 2)", json!(true)),
        ("True ^ 1", json!(0)),
        ("context.big", json!(u64::MAX)),
        ("context.big + 1 - 1", json!(u64::MAX)),
        ("2 ** 100 // 2 ** 99", json!(2)),
        ("1_000 + 0x_ff + 0o17 + 0b11", json!(1273)),
        ("1e3 + .5 + 1.", json!(1001.5)),
        ("00", json!(0)),
        ("1e999 > 2 ** 126", json!(true)),
        ("1e999 - 1e999 == 1e999 - 1e999", json!(false)),
        ("9007199254740993 == 9007199254740992.0", json!(false)),
        ("9007199254740993 > 9007199254740992.0", json!(true)),
    ]);
}

#[test]
fn strings_lists_and_tuples() {
    check(&[
        ("'a' + \"b\" 'c'", json!("abc")),
        ("'ab' * 3", json!("ababab")),
        ("2 * 'ab'", json!("abab")),
        ("'ab' * -1", json!("")),
        ("'ab' * True", json!("ab")),
        ("[1] + [2, [3]]", json!([1, 2, [3]])),
        ("[0] * 3", json!([0, 0, 0])),
        ("(1,) + (2, 3)", json!([1, 2, 3])),
        ("()", json!([])),
        ("(1)", json!(1)),
        ("[1, 2,]", json!([1, 2])),
        ("{'a': [1, {'b': None}], 'c': (1.5,),}", json!({"a": [1, {"b": null}], "c": [1.5]})),
        (r"'\x41\u00e9\U0001F600\101\n\'\d\\'", json!("Aé😀A\n'\\d\\")),
        (r"r'\d\'' R'\n'", json!("\\d\\'\\n")),
        (r"u'x' U'y'", json!("xy")),
        ("'''it's\r\n\"two\" ''lines'''", json!("it's\n\"two\" ''lines")),
        ("''", json!("")),
        ("'' ''''''", json!("")),
        ("'a\\\nb'", json!("ab")),
        ("'' * 9223372036854775807", json!("")),
    ]);
}

#[test]
fn comparisons() {
    check(&[
        ("1 == 1.0", json!(true)),
        ("True == 1", json!(true)),
        ("1 == '1'", json!(false)),
        ("None == 0", json!(false)),
        ("[] == ()", json!(false)),
        ("[1, 2.0] == [1.0, 2]", json!(true)),
        ("{'a': 1, 'b': [2]} == {'b': [2.0], 'a': True}", json!(true)),
        ("{'a': 1} == {'a': 1, 'b': 2}", json!(false)),
        ("{'pages': 12, 'source': 'scan'} == metadata", json!(true)),
        ("metadata != {'pages': 13, 'source': 'scan'}", json!(true)),
        ("1 < 2 < 3", json!(true)),
        ("1 < 3 < 2 < missing", json!(false)),
        ("3 > 2 >= 2 != 5", json!(true)),
        ("1 < 2.5", json!(true)),
        ("'a' < 'b' < 'ba'", json!(true)),
        ("'Z' < 'a' < 'é' < '😀'", json!(true)),
        ("[1, 2] < [1, 2, 0]", json!(true)),
        ("[1, [2, 'x']] > [1, [2, 'a'], 5]", json!(true)),
        ("(1, 'a') <= (1, 'a')", json!(true)),
        ("[1, 'a'] < [2, 5]", json!(true)),
        ("'ell' in 'hello'", json!(true)),
        ("'' in ''", json!(true)),
        ("'invoice' in context.labels", json!(true)),
        ("'priority' in context", json!(true)),
        ("1 in context", json!(false)),
        ("1.0 in [3, 1]", json!(true)),
        ("1 not in (2, 3)", json!(true)),
        ("not 1 in [1]", json!(false)),
        ("context.eventType in {'CONTENT', 'DOCUMENT_FAMILY'} and True", json!(true)),
        ("(1, 2) not in {(1, 2.0), 3}", json!(false)),
        ("None is None", json!(true)),
        ("context.note is None", json!(true)),
        ("context.ok is True", json!(true)),
        ("1 is True", json!(false)),
        ("False is not context.get('ok')", json!(true)),
        ("None is context.note is None", json!(true)),
        ("1 in [1] == True", json!(false)),
    ]);
}

#[test]
fn truth_and_choices() {
    check(&[
        ("1 and 'x'", json!("x")),
        ("0 and missing", json!(0)),
        ("'' or [] or 'last'", json!("last")),
        ("0 or ()", json!([])),
        ("'first' or missing", json!("first")),
        ("1 or 0 and 0", json!(1)),
        ("not ''", json!(true)),
        ("not not 5", json!(true)),
        ("not not not 5", json!(false)),
        ("not 1 == 2", json!(true)),
        ("not context.empty and not context.none", json!(true)),
        ("'big' if context.priority > 5 else missing", json!("big")),
        ("1 if 0 else 2 if 0 else 3", json!(3)),
        ("(1 if 1 else 2) + 1", json!(2)),
        ("1 if 1 else 2 + 1", json!(1)),
        ("[1 if True else 2, 3]", json!([1, 3])),
        ("  1  # the rest is a comment ' ( ", json!(1)),
        ("\n(1 +\n\r\n # one\n 2)\n", json!(3)),
        ("1 + \\\n 2", json!(3)),
    ]);
    for (source, expected) in [
        ("0", false),
        ("0.0", false),
        ("-0.0", false),
        ("''", false),
        ("[]", false),
        ("()", false),
        ("{}", false),
        ("None", false),
        ("False", false),
        ("1e999 - 1e999", true),
        ("' '", true),
        ("[0]", true),
        ("(None,)", true),
        ("{'': 0}", true),
        ("0.1", true),
        ("context.empty", false),
        ("context.none", false),
        ("context", true),
        ("2 ** 100", true),
        ("{1: 2}", true),
        ("1e999", true),
    ] {
        let condition = Condition::compile(source).unwrap();
        assert_eq!(condition.clone().holds(&scope()), Ok(expected), "{source}");
    }
}

#[test]
fn failures_say_what_and_where() {
    fails(&[
        ("1 + missing", Name, 4, "there is no name `missing` here"),
        ("ok == true", Name, 0, "`ok`"),
        ("1 == true", Name, 5, "`True`"),
        ("context['gone']", Missing, 7, "there is no key `gone`"),
        ("'😀' and context.gone", Missing, 15, "there is no key `gone`"),
        ("context['go' + 'ne']", Missing, 7, "the key is not there"),
        ("context.labels[2]", Missing, 14, "the index is outside of the list"),
        ("'abc'[-4]", Missing, 5, "the index is outside of the str"),
        ("'abc'[170141183460469231731687303715884105727]", Missing, 5, "outside"),
        ("context.labels['0']", Type, 14, "an index of a list is an int, not str"),
        ("context.labels[1.0]", Type, 14, "an int, not float"),
        ("context.note.x", Type, 12, "`.x` needs a dict, not None"),
        ("context.get('none').get('x')", Type, 19, "`.get` needs a dict, not list"),
        ("context.get([])", Type, 7, "a list can't be a key"),
        ("{[1]: 2}", Type, 1, "a list can't be a key"),
        ("{} in {1}", Type, 3, "a dict can't be a key"),
        ("([1],) in context", Type, 7, "a list can't be a key"),
        ("5[0]", Type, 1, "int has no elements"),
        ("{}[1:2]", Type, 2, "dict has no slices"),
        ("'a'['b':]", Type, 3, "a bound of a slice is an int or None, not str"),
        ("'a'[::0]", Type, 3, "the step of a slice is not 0"),
        ("1 < 'a'", Type, 2, "`<` does not take int and str"),
        ("None >= None", Type, 5, "`>=` does not take None and None"),
        ("[1, None] < [1, 2]", Type, 10, "`<` does not take None and int"),
        ("{} < {}", Type, 3, "`<` does not take dict and dict"),
        ("1 in 'a'", Type, 2, "`in` does not take int and str"),
        ("1 not in None", Type, 2, "`not in` does not take int and None"),
        ("'a' + 1", Type, 4, "`+` does not take str and int"),
        ("1 + 2 + 'a'", Type, 6, "`+` does not take int and str"),
        ("[1] + (1,)", Type, 4, "`+` does not take list and tuple"),
        ("'a' * 'b'", Type, 4, "`*` does not take str and str"),
        ("'a' * 1.0", Type, 4, "`*` does not take str and float"),
        ("'%s' % 1", Type, 5, "formatting is not part of conditions"),
        ("-'a'", Type, 0, "`-` does not take str"),
        ("~1.5", Type, 0, "`~` does not take float"),
        ("1.0 | 2", Type, 4, "`|` does not take float and int"),
        ("{} | {}", Type, 3, "`|` does not take dict and dict"),
        ("'a' ** 2", Type, 4, "`**` does not take str and int"),
        ("1 / 0", Arithmetic, 2, "division by zero"),
        ("1 // False", Arithmetic, 2, "division by zero"),
        ("1.5 % 0.0", Arithmetic, 4, "division by zero"),
        ("0 ** -1", Arithmetic, 2, "zero has no negative powers"),
        ("(-8) ** (1 / 3)", Arithmetic, 5, "a negative number"),
        ("2.5 ** 2000", Arithmetic, 4, "too large for a float"),
        ("2 ** 127", Arithmetic, 2, "more than 127 bits"),
        ("2 ** 126 * 2", Arithmetic, 9, "more than 127 bits"),
        ("'' * 9223372036854775808", Arithmetic, 3, "repeats up to"),
        ("2 ** 4000001", Limit, 2, "numbers up to 4000000"),
    ]);
    for (source, part) in [
        ("2 ** 100", "an integer of more than 64 bits"),
        ("[1e999]", "infinite"),
        ("{1: 2}", "keys that are not strings"),
    ] {
        let error: EvaluateError = value(source).expect_err(source);
        assert!(error.kind() == Arithmetic && error.message().contains(part), "{source}: {error}");
    }
}
