//! The same expressions in another implementation of CEL, for the part of the language that both have: whenever it has
//! a value we have the same one, and whenever it fails so do we.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Expression;

fn scope() -> Value {
    json!({
        "n": 7, "m": -3, "zero": 0, "most": i64::MAX, "f": 2.5, "g": -0.25, "s": "straße", "t": "a", "yes": true, "no": false,
        "list": [3, 1, 2], "words": ["a", "bc", ""], "map": {"a": 1, "b": {"c": "deep"}},
        "items": [{"k": "x", "v": 1}, {"k": "y", "v": 20}]
    })
}

fn foreign(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| cel::Value::Float(number.as_f64().unwrap()), cel::Value::Int)
        }
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(foreign).collect())),
        Value::Object(entries) => {
            let entries: HashMap<Key, cel::Value> =
                entries.iter().map(|(key, value)| (Key::String(Arc::new(key.clone())), foreign(value))).collect();
            cel::Value::Map(Map { map: Arc::new(entries) })
        }
    }
}

/// The value there, or `None` if it fails there.
fn oracle(source: &str) -> Option<Value> {
    let program = cel::Program::compile(source).ok()?;
    let mut context = cel::Context::default();
    for (name, value) in scope().as_object().unwrap() {
        context.add_variable_from_value(name.clone(), foreign(value));
    }
    program.execute(&context).ok()?.json().ok()
}

fn ours(source: &str) -> Result<Value, String> {
    let expression = Expression::compile(source).map_err(|error| error.to_string())?;
    expression.evaluate(&scope()).map_err(|error| error.to_string())
}

/// Parts of an expression of a known type; what is bound by a macro is called `x` and is an integer.
#[derive(Clone, Copy)]
struct Grammar {
    depth: u32,
    bound: bool,
}

impl Grammar {
    fn deeper(self) -> Option<Self> {
        (self.depth > 0).then(|| Self { depth: self.depth - 1, ..self })
    }

    fn binding(self) -> Self {
        Self { bound: true, ..self }
    }

    fn ints(self) -> BoxedStrategy<String> {
        let mut atoms = vec![
            "n",
            "m",
            "zero",
            "most",
            "list[0]",
            "map.a",
            "items[1].v",
            "map['a']",
            "0",
            "1",
            "-1",
            "0x1f",
            "9223372036854775807",
        ];
        if self.bound {
            atoms.extend(["x", "x", "x"]);
        }
        let atoms = prop::sample::select(atoms).prop_map(ToOwned::to_owned);
        let Some(deeper) = self.deeper() else { return atoms.boxed() };
        prop_oneof![
            2 => atoms,
            3 => (deeper.ints(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), deeper.ints())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            1 => deeper.ints().prop_map(|inner| format!("({inner})")),
            1 => deeper.ints().prop_map(|inner| format!("-({inner})")),
            1 => deeper.choice(deeper.ints()),
            1 => deeper.texts().prop_map(|text| format!("size({text})")),
            1 => deeper.lists().prop_map(|list| format!("({list}).size()")),
            1 => deeper.ints().prop_map(|inner| format!("int(string({inner}))")),
        ]
        .boxed()
    }

    fn floats(self) -> BoxedStrategy<String> {
        let atoms =
            prop::sample::select(vec!["f", "g", "0.5", "1.0", "-2.25", "1e3", ".125"]).prop_map(ToOwned::to_owned);
        let Some(deeper) = self.deeper() else { return atoms.boxed() };
        prop_oneof![
            2 => atoms,
            2 => (deeper.floats(), prop::sample::select(vec!["+", "-", "*"]), deeper.floats())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => deeper.floats().prop_map(|left| format!("{left} / 4.0")),
            1 => deeper.choice(deeper.floats()),
        ]
        .boxed()
    }

    fn texts(self) -> BoxedStrategy<String> {
        let atoms = prop::sample::select(vec![
            "s",
            "t",
            "words[1]",
            "map.b.c",
            "items[0].k",
            "'é'",
            r#""q\"\n\u00e9""#,
            r"r'\d'",
            "''",
        ]);
        let atoms = atoms.prop_map(ToOwned::to_owned);
        let Some(deeper) = self.deeper() else { return atoms.boxed() };
        prop_oneof![
            3 => atoms,
            2 => (deeper.texts(), deeper.texts()).prop_map(|(left, right)| format!("({left} + {right})")),
            1 => deeper.ints().prop_map(|inner| format!("string({inner})")),
            1 => deeper.choice(deeper.texts()),
        ]
        .boxed()
    }

    fn lists(self) -> BoxedStrategy<String> {
        let atoms = prop::sample::select(vec!["list", "[]", "[5]", "[1, 2, 3,]"]).prop_map(ToOwned::to_owned);
        let Some(deeper) = self.deeper() else { return atoms.boxed() };
        prop_oneof![
            2 => atoms,
            1 => (deeper.ints(), deeper.ints()).prop_map(|(left, right)| format!("[{left}, {right}]")),
            1 => (deeper.lists(), deeper.lists()).prop_map(|(left, right)| format!("({left} + {right})")),
            1 => (deeper.lists(), deeper.binding().ints()).prop_map(|(list, body)| format!("({list}).map(x, {body})")),
            1 => (deeper.lists(), deeper.binding().bools()).prop_map(|(list, body)| format!("({list}).filter(x, {body})")),
            1 => (deeper.lists(), deeper.binding().bools(), deeper.binding().ints())
                .prop_map(|(list, only, body)| format!("({list}).map(x, {only}, {body})")),
        ]
        .boxed()
    }

    fn bools(self) -> BoxedStrategy<String> {
        let atoms = prop::sample::select(vec![
            "true",
            "false",
            "yes",
            "no",
            "has(map.a)",
            "has(map.z)",
            "'a' in map",
            "'z' in map",
            "n in list",
            "t in words",
            "map == map",
            "items[0] != items[1]",
            "n == s",
            "list == [3, 1, 2]",
        ]);
        let atoms = atoms.prop_map(ToOwned::to_owned);
        let Some(deeper) = self.deeper() else { return atoms.boxed() };
        let relation = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
        let quantifier = prop::sample::select(vec!["all", "exists", "exists_one"]);
        prop_oneof![
            2 => atoms,
            3 => (deeper.ints(), relation(), deeper.ints()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            1 => (deeper.floats(), relation(), deeper.floats()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            2 => (deeper.texts(), relation(), deeper.texts()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            3 => (deeper.bools(), prop::sample::select(vec!["&&", "||"]), deeper.bools())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            1 => deeper.bools().prop_map(|inner| format!("!({inner})")),
            1 => deeper.bools().prop_map(|inner| format!("({inner})")),
            1 => deeper.choice(deeper.bools()),
            1 => (deeper.ints(), deeper.lists()).prop_map(|(left, right)| format!("{left} in {right}")),
            1 => (deeper.lists(), prop::sample::select(vec!["==", "!="]), deeper.lists())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            1 => (deeper.texts(), prop::sample::select(vec!["contains", "startsWith", "endsWith", "matches"]), prop::sample::select(vec!["'a'", "''", "'ß'", "t"]))
                .prop_map(|(text, method, part)| format!("({text}).{method}({part})")),
            2 => (deeper.lists(), quantifier, deeper.binding().bools())
                .prop_map(|(list, name, body)| format!("({list}).{name}(x, {body})")),
        ]
        .boxed()
    }

    fn choice(self, branch: BoxedStrategy<String>) -> BoxedStrategy<String> {
        (self.bools(), branch.clone(), branch)
            .prop_map(|(test, yes, no)| format!("(({test}) ? ({yes}) : ({no}))"))
            .boxed()
    }

    fn any(self) -> BoxedStrategy<String> {
        let map = (self.ints(), self.texts()).prop_map(|(number, text)| format!("{{'a': {number}, \"b\": {text}}}"));
        prop_oneof![self.ints(), self.floats(), self.texts(), self.lists(), self.bools(), map].boxed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_common_part_agrees_with_another_implementation(source in Grammar { depth: 3, bound: false }.any()) {
        match (oracle(&source), ours(&source)) {
            (Some(expected), Ok(found)) => prop_assert_eq!(found.to_string(), expected.to_string()),
            (None, Err(_)) => {}
            (expected, found) => prop_assert!(false, "there {:?}, here {:?}", expected, found),
        }
    }
}

#[test]
fn the_oracle_is_no_mirror() {
    // Where the two languages differ on purpose, so that the comparison above is known to compare.
    for (source, expected) in
        [("1 + 1.0", json!(2.0)), ("map.missing", json!(null)), ("map.missing.deeper", json!(null))]
    {
        assert_eq!(ours(source), Ok(expected), "{source}");
        assert_eq!(oracle(source), None, "{source}");
    }
    assert_eq!(oracle("n + 1"), Some(json!(8)));
}
