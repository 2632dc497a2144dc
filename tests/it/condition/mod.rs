//! Conditions against the original: thousands of random ones, and a list of corners, are evaluated here and by `simpleeval`
//! (`oracle.py`, in one Python process), and have the same value and truth, or fail in both.
//!
//! Where the server is narrower on purpose, the comparison says so for the single case: the original reports what it met
//! ([`Reply::beyond`]), and the server must have failed. How many such cases there may be is bounded, so that the
//! comparison can't become empty. `SLUICEGATE_TEST_CONDITIONS` is the number of random conditions.

mod grammar;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use rand::{SeedableRng, rngs::StdRng};
use serde::Deserialize;
use serde_json::{Value, json};
use sluicegate::condition::{Condition, EvaluateError, EvaluateErrorKind};

use crate::support::process::count;
use grammar::{Case, Grammar};

const SEED: u64 = 20_261_122;

/// What the original made of a condition.
#[derive(Debug, Deserialize)]
struct Reply {
    /// The exception, and then nothing else.
    error: Option<String>,
    #[serde(default)]
    holds: bool,
    value: Option<Value>,
    /// Why JSON can't hold the value, which then is not here.
    unfit: Option<String>,
    /// What happened that is an error in the server: `integer` (of more than 127 bits), `complex`, `format` (`%` of a string),
    /// `merge` (`|` of dicts).
    #[serde(default)]
    beyond: Vec<String>,
}

/// What the server makes of it: `None` if it is no condition.
struct Outcome {
    holds: Result<bool, EvaluateError>,
    value: Result<Value, EvaluateError>,
}

fn outcome(case: &Case) -> Option<Outcome> {
    let condition = Condition::compile(&case.source).ok()?;
    let scope = case.scope.as_object().unwrap();
    Some(Outcome { holds: condition.holds(scope), value: condition.value(scope) })
}

/// The Python of `scripts/install-test-tools.sh`, beside the folder that this test was built into.
fn python() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let found = test.ancestors().map(|folder| folder.join("test-python/bin/python")).find(|python| python.exists());
    found.expect("there is no Python for the tests in the target folder: run scripts/install-test-tools.sh")
}

/// The replies of the original, in the order of the cases.
fn replies(cases: &[Case]) -> Vec<Reply> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/condition/oracle.py");
    let mut oracle =
        Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut stdin = oracle.stdin.take().unwrap();
    let stdout = BufReader::new(oracle.stdout.take().unwrap());
    let replies: Vec<Reply> = std::thread::scope(|threads| {
        // Written beside the reading: neither pipe holds all of it.
        threads.spawn(move || {
            for case in cases {
                writeln!(stdin, "{}", json!({"source": case.source, "scope": case.scope})).unwrap();
            }
        });
        stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    });
    assert!(oracle.wait().unwrap().success(), "the oracle has failed");
    assert_eq!(replies.len(), cases.len());
    replies
}

/// Whether two values are the same to the type and the sign of zero: `1` is not `1.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.to_string() == right.to_string(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

/// Compares one case. Answers the sort of agreement, or what differs.
fn compare(outcome: Option<&Outcome>, reply: &Reply) -> Result<String, String> {
    let Some(Outcome { holds, value }) = outcome else {
        return if reply.error.is_some() { Ok("refused".to_owned()) } else { Err("refused here".to_owned()) };
    };
    let limit = |error: &EvaluateError| error.kind() == EvaluateErrorKind::Limit;
    match (holds, value, reply) {
        (Err(_), Err(_), Reply { error: Some(_), .. }) => Ok("error".to_owned()),
        (_, _, Reply { error: Some(error), .. }) => Err(format!("{error} there, and {holds:?}, {value:?} here")),
        (Err(_), Err(_), Reply { beyond, .. }) if !beyond.is_empty() => Ok(format!("beyond: {}", beyond.join(", "))),
        (Err(error), Err(_), _) if limit(error) => Ok("limit".to_owned()),
        (Ok(held), Err(error), Reply { holds, .. }) if limit(error) && held == holds => Ok("limit".to_owned()),
        (Ok(held), Err(_), Reply { holds, unfit: Some(unfit), .. }) if held == holds => Ok(format!("unfit: {unfit}")),
        (Ok(held), Ok(value), Reply { holds, value: Some(expected), beyond, .. })
            if held == holds && same(value, expected) && beyond.is_empty() =>
        {
            Ok("value".to_owned())
        }
        // A missing value and null are one to serde.
        (Ok(false), Ok(Value::Null), Reply { holds: false, value: None, unfit: None, .. }) => Ok("value".to_owned()),
        _ => Err(format!("{:.500} there, and {holds:?}, {:.500} here", format!("{reply:?}"), format!("{value:?}"))),
    }
}

/// Compares all cases and counts the sorts of agreement; fails with the first differences.
fn tally(cases: &[Case]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut wrongs = Vec::new();
    for (case, reply) in cases.iter().zip(replies(cases)) {
        match compare(outcome(case).as_ref(), &reply) {
            Ok(sort) => *counts.entry(sort).or_insert(0) += 1,
            Err(wrong) => wrongs.push(format!("{}\n    over {}\n    {wrong}", case.source, case.scope)),
        }
    }
    let shown = wrongs.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrongs.is_empty(), "seed {SEED}: {} of {} differ:\n{shown}", wrongs.len(), cases.len());
    counts
}

#[test]
fn random_conditions_have_the_value_they_have_in_simpleeval() {
    let wanted = count("SLUICEGATE_TEST_CONDITIONS", 5_000);
    let mut grammar = Grammar::new(StdRng::seed_from_u64(SEED));
    let cases: Vec<_> = (0..wanted).map(|_| grammar.case()).collect();
    let counts = tally(&cases);
    println!("seed {SEED}: {counts:?}");
    let share = |sort: &str| {
        let found: usize = counts.iter().filter(|(name, _)| name.starts_with(sort)).map(|(_, count)| count).sum();
        found as f64 / wanted as f64
    };
    assert!(share("value") > 0.6, "too few conditions have a value: {counts:?}");
    assert!(share("error") > 0.05, "too few conditions fail: {counts:?}");
    assert!(share("refused") < 0.02, "too many are no conditions: {counts:?}");
    assert!(share("beyond") < 0.05, "too many go beyond what the server takes: {counts:?}");
    assert!(share("unfit") < 0.05, "too many have no value in JSON: {counts:?}");
    assert!(share("limit") < 0.01, "too many meet a limit that simpleeval has not: {counts:?}");
}

/// What is broken must not get a value of its own. The other way round is no fault: the server refuses much of Python.
#[test]
fn damaged_conditions_have_no_other_value_than_in_simpleeval() {
    let wanted = count("SLUICEGATE_TEST_CONDITIONS", 5_000);
    let mut grammar = Grammar::new(StdRng::seed_from_u64(SEED + 1));
    let cases: Vec<_> = (0..wanted).map(|_| grammar.damaged()).collect();
    let mut alive = 0;
    for (case, reply) in cases.iter().zip(replies(&cases)) {
        let outcome = outcome(case).filter(|outcome| outcome.holds.is_ok());
        if let Some(outcome) = &outcome {
            let compared = compare(Some(outcome), &reply);
            assert!(compared.is_ok(), "seed {}: {}\n    over {}\n    {compared:?}", SEED + 1, case.source, case.scope);
            alive += 1;
        }
    }
    println!("seed {}: {alive} of {wanted} have a value", SEED + 1);
    assert!(alive * 20 > wanted, "only {alive} of {wanted} have a value: nothing was compared");
}

/// Spellings and meanings that chance would rarely find, each of which has a value.
#[test]
fn corners_have_the_value_they_have_in_simpleeval() {
    let sources = [
        "1 < 3 < 2 < missing",
        "1 < 2 < 3 == 3.0",
        "3 > 2 >= 2 != 5",
        "1 in [1] == True",
        "None is context['note'] is None",
        "not not 5",
        "not 1 == 2",
        "-2 ** 2",
        "2 ** -1 ** 2",
        "2 ** 3 ** 2",
        "- -3",
        "~5 & 0xf | 1 ^ 7",
        "True & False",
        "True ^ 1",
        "7 // -2",
        "-7 % 3",
        "7 % -3",
        "-7.5 // 2",
        "-7.5 % 2",
        "1 // 0.1",
        "1 % 0.1",
        "0.0 // -2",
        "-1 % 1e999 > 0",
        "-1 // 1e999",
        "9007199254740993 / 3",
        "18446744073709551615 / 3",
        "0 / -3",
        "0 / -(2 ** 60)",
        "(2 ** 126) / (3 ** 70)",
        "1 / (2 ** 126 + 1)",
        "(2 ** 53 + 1) / 1.0",
        "9007199254740993 == 9007199254740992.0",
        "2 ** 100 > 1e30",
        "1e999 > 2 ** 126",
        "1e999 - 1e999 == 1e999 - 1e999",
        "[1e999 - 1e999] == [1e999 - 1e999]",
        "[1, 2] < [1, 2, 0]",
        "[1, [2, 'x']] > [1, [2, 'a'], 5]",
        "[1, 'a'] < [2, 5]",
        "{'a': 1, 'b': [2]} == {'b': [2.0], 'a': True}",
        "{1: 'a', True: 'b', 1.0: 'c'}[1]",
        "{'a': 1, 'a': 2}",
        "{(1, 2): 3}[(1.0, 2)]",
        "'abcdef'[4:0:-2]",
        "'abcdef'[100:-100:-100]",
        "'Köln😀'[::-1]",
        "'Köln😀'[-2:]",
        "[1, 2, 3][True:None]",
        "'abcdef'[-2 ** 70::2 ** 70]",
        "'a' in 'abc' in {'abc': 1}",
        "'' in ''",
        "1.0 in {3, 1}",
        "(1, 2) not in {(1, 2.0), 3}",
        "1 in context",
        "'note' in context",
        "'a' * 100000 == 100000 * 'a'",
        "[] * 9223372036854775807",
        "'' * 9223372036854775807",
        "'ab' * -1",
        "[[]] * 3",
        "'ab' * True",
        "'it''s'",
        "'''it's \"so\"'''",
        "r'\\d\\''",
        "'\\x41\\u00e9\\U0001F600\\101\\777\\q\\0'",
        "u'x' \"y\" r'\\z'",
        "'a\\\nb'",
        "'''a\r\nb\rc'''",
        "1 if 0 else 2 if 0 else 3",
        "1 if 1 else 2 + 1",
        "0 or () or '' or []",
        "1 and 'x' and 0",
        "  1 # one ' (",
        "(1 +\n# two\n 2)",
        "1 + \\\n 2",
        "0_0 + 1_000 + 0x_ff + 0B1_1 + 0o17",
        "1_0.5_0e1_0",
        "5e-324 / 2",
        "-0.0",
        "0 * -1.0",
        "1e308 * 10 > 0",
        "0 ** 0",
        "0.0 ** 0",
        "True ** False",
        "4000000 ** 2",
        "(-8.0) ** 3",
        "(-8) ** -3",
        "context.get('note', 1)",
        "context.get('gone', 1,)",
        "()",
        "(1)",
        "(1,)",
        "[1, 2,]",
        "{'a': (1.5,),}",
        "metadata == {'pages': 12}",
        "metadata.pages",
        "context['labels'][-1]",
        "context.title[0]",
    ];
    let scope = json!({"context": {"note": null, "labels": ["a", "b"], "title": "Ä"}, "metadata": {"pages": 12}});
    let cases: Vec<_> =
        sources.iter().map(|source| Case { source: (*source).to_owned(), scope: scope.clone() }).collect();
    let counts = tally(&cases);
    println!("{counts:?}");
    assert_eq!(counts.get("value"), Some(&sources.len()), "{counts:?}");
}

/// What the server refuses on purpose, though the original has a value for it. The document for users names each.
#[test]
fn what_is_refused_has_a_value_in_simpleeval() {
    let sources = [
        ("1, 2", "refused"),
        ("a is a", "refused"),
        ("1 << 2", "refused"),
        ("{1, 2} == {2}", "refused"),
        ("f'{a}'", "refused"),
        ("b'x'", "refused"),
        ("1j", "refused"),
        ("[*a]", "refused"),
        ("{**d}", "refused"),
        ("[x for x in a]", "refused"),
        ("'abc'.upper()", "refused"),
        ("d.items()", "refused"),
        ("d.keys", "refused"),
        ("d.get", "refused"),
        ("list(a)", "refused"),
        ("list", "name"),
        ("x = 1", "refused"),
        ("1; 2", "refused"),
        ("1\n2", "refused"),
        ("{(1, 2): 3}[1, 2]", "refused"),
        ("1if 1else 2", "refused"),
        ("'\\N{BULLET}'", "refused"),
        ("'\\ud800' != 'a'", "refused"),
        ("170141183460469231731687303715884105728", "refused"),
        ("(3).real", "type"),
        ("'%s' % 1", "type"),
        ("d | d", "type"),
        ("2 ** 127", "arithmetic"),
        ("(-1) ** 0.5", "arithmetic"),
        ("[0] * 100000", "limit"),
    ];
    let scope = json!({"a": [1, 2], "d": {"k": 1}});
    let cases: Vec<_> =
        sources.iter().map(|(source, _)| Case { source: (*source).to_owned(), scope: scope.clone() }).collect();
    for ((case, reply), (source, expected)) in cases.iter().zip(replies(&cases)).zip(sources) {
        assert_eq!(reply.error, None, "{source} has no value there either");
        let found = outcome(case).map_or("refused", |outcome| match outcome.holds.expect_err(source).kind() {
            EvaluateErrorKind::Limit => "limit",
            EvaluateErrorKind::Name => "name",
            EvaluateErrorKind::Missing => "missing",
            EvaluateErrorKind::Type => "type",
            EvaluateErrorKind::Arithmetic => "arithmetic",
        });
        assert_eq!(found, expected, "{source}");
    }
}
