//! JSON Schemas: those of the node types, and those that tenants write for inputs and forms.
//!
//! A tenant's schema is checked before it is compiled, so that validation is bounded: its size, its depth, the number of
//! its patterns, and its weight, which is the number of subschemas after every reference was followed. References stay
//! inside the schema and never lead back to themselves. Patterns are matched in linear time, formats are asserted, and an
//! unknown format is an error, not a wish.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use jsonschema::{
    PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

use crate::domain::definition::Problem;

/// The most levels that a value from outside may have. Below the 128 at which JSON parsers stop, so that the value can
/// be read back from an event that wraps it.
pub const MAX_VALUE_DEPTH: usize = 100;
/// The most bytes of a tenant's schema.
pub(super) const MAX_SCHEMA_BYTES: usize = 64 * 1024;
const MAX_SCHEMA_DEPTH: usize = 32;
const MAX_PATTERNS: usize = 50;
const MAX_WEIGHT: u64 = 5_000;
/// Subschemas times parts of the value: what one validation may cost.
const MAX_COST: u64 = 50_000_000;
/// Patterns times bytes of the value's texts.
const MAX_PATTERN_COST: u64 = 16 * 1024 * 1024;
const MAX_PATTERN_BYTES: usize = 256 * 1024;
const MAX_REPORTED: usize = 20;

/// A compiled schema. Clones share it.
#[derive(Clone)]
pub(super) struct Schema {
    validator: Arc<Validator>,
    weight: u64,
    patterns: u64,
}

impl Schema {
    /// Compiles a schema that a tenant wrote, or says what is wrong with it: a pointer into it, and a sentence.
    pub(super) fn compile(schema: &Value) -> Result<Self, (String, String)> {
        let at_root = |message: String| (String::new(), message);
        if !fits_depth(schema, MAX_SCHEMA_DEPTH) {
            return Err(at_root(format!("the schema nests deeper than {MAX_SCHEMA_DEPTH} levels")));
        }
        if serde_json::to_string(schema).map_or(0, |text| text.len()) > MAX_SCHEMA_BYTES {
            return Err(at_root(format!("the schema is larger than {MAX_SCHEMA_BYTES} bytes")));
        }
        let mut survey = Survey { root: schema, known: HashMap::new(), open: HashSet::new(), patterns: 0 };
        let size = survey.subschema(schema, "")?;
        if size.weight > MAX_WEIGHT || size.height > MAX_SCHEMA_DEPTH as u64 * 2 {
            let message = "the schema is too large once its references are followed".to_owned();
            return Err(at_root(message));
        }
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(schema)
            .map_err(|error| {
                (error.instance_path().as_str().to_owned(), format!("it is no valid schema: {}", say(&error)))
            })?;
        Ok(Self { validator: Arc::new(validator), weight: size.weight, patterns: survey.patterns })
    }

    /// Compiles a schema of this crate, which holds by its own tests.
    pub(super) fn trusted(schema: &Value) -> Self {
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .expect("the schema of a node type is valid");
        Self { validator: Arc::new(validator), weight: 1, patterns: 0 }
    }

    /// What is wrong with `value`; the paths begin with `prefix`.
    pub(super) fn check(&self, value: &Value, prefix: &str) -> Vec<Problem> {
        if let Some(problem) = check_depth(value, prefix) {
            return vec![problem];
        }
        let (parts, bytes) = extent(value);
        if self.weight.saturating_mul(parts) > MAX_COST || self.patterns.saturating_mul(bytes) > MAX_PATTERN_COST {
            return vec![problem(
                prefix.to_owned(),
                "the value is too large to be checked against its schema".to_owned(),
            )];
        }
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(value) {
            explain(&error, prefix, &mut problems);
            if problems.len() >= MAX_REPORTED {
                problems.truncate(MAX_REPORTED);
                break;
            }
        }
        problems
    }
}

/// What is wrong with a schema that a tenant wrote: a pointer into it, and a sentence.
pub fn check_schema(schema: &Value) -> Option<(String, String)> {
    Schema::compile(schema).err()
}

/// What is wrong with `value` by a schema that a tenant wrote; the paths begin with `prefix`. Of a schema that is none, why.
pub fn check_value(schema: &Value, value: &Value, prefix: &str) -> Vec<Problem> {
    match Schema::compile(schema) {
        Ok(schema) => schema.check(value, prefix),
        Err((_, message)) => vec![problem(prefix.to_owned(), format!("it can't be checked: {message}"))],
    }
}

/// A problem with a value that is nested too deeply to be kept.
pub(super) fn check_depth(value: &Value, path: &str) -> Option<Problem> {
    let message = || format!("the value nests deeper than {MAX_VALUE_DEPTH} levels");
    (!fits_depth(value, MAX_VALUE_DEPTH)).then(|| problem(path.to_owned(), message()))
}

/// Whether a value has at most so many levels of lists and maps.
pub fn fits_depth(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits_depth(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|item| fits_depth(item, levels - 1)),
        _ => true,
    }
}

/// One more segment of a JSON pointer.
pub(super) fn segment(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The name that a segment of a JSON pointer stands for.
pub(super) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Foreign text in a message is bounded.
pub(super) fn shorten(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

fn problem(path: String, message: String) -> Problem {
    Problem { path, message, node_id: None, edge_id: None }
}

fn extent(value: &Value) -> (u64, u64) {
    let sum = |(parts, bytes): (u64, u64), (more, longer): (u64, u64)| (parts + more, bytes + longer);
    match value {
        Value::String(text) => (1, text.len() as u64),
        Value::Array(items) => items.iter().map(extent).fold((1, 0), sum),
        Value::Object(members) => {
            members.iter().map(|(key, item)| sum((1, key.len() as u64), extent(item))).fold((1, 0), sum)
        }
        _ => (1, 0),
    }
}

/// What a subschema amounts to once its references are followed.
#[derive(Clone, Copy)]
struct Size {
    weight: u64,
    height: u64,
}

/// A walk over all subschemas, each visited once.
struct Survey<'s> {
    root: &'s Value,
    known: HashMap<*const Value, Size>,
    open: HashSet<*const Value>,
    patterns: u64,
}

const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];
const MAPS: &[&str] = &["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
/// They would lead a reference to another place than its text says.
const REFUSED: &[&str] = &["$dynamicRef", "$recursiveRef", "$recursiveAnchor"];
const DRAFTS: &[&str] = &["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];

impl<'s> Survey<'s> {
    fn subschema(&mut self, schema: &'s Value, path: &str) -> Result<Size, (String, String)> {
        let Value::Object(keywords) = schema else { return Ok(Size { weight: 1, height: 1 }) };
        let identity = std::ptr::from_ref(schema);
        if let Some(size) = self.known.get(&identity) {
            return Ok(*size);
        }
        if !self.open.insert(identity) {
            return Err((path.to_owned(), "the schema refers to itself, which is not supported".to_owned()));
        }
        // References may chain through many definitions; the walk itself must not run out of stack.
        if self.open.len() > MAX_SCHEMA_DEPTH * 4 {
            return Err((path.to_owned(), "the references of the schema are too deeply nested".to_owned()));
        }
        self.check_keywords(keywords, path)?;
        let mut size = Size { weight: 1, height: 0 };
        let mut add = |part: Size| {
            size.weight = size.weight.saturating_add(part.weight);
            size.height = size.height.max(part.height);
        };
        for (keyword, value) in keywords {
            let path = format!("{path}{}", segment(keyword));
            match value {
                Value::Array(items) if LISTS.contains(&keyword.as_str()) => {
                    for (i, item) in items.iter().enumerate() {
                        add(self.subschema(item, &format!("{path}/{i}"))?);
                    }
                }
                Value::Object(members) if MAPS.contains(&keyword.as_str()) => {
                    for (name, member) in members {
                        add(self.subschema(member, &format!("{path}{}", segment(name)))?);
                    }
                }
                value if ONE.contains(&keyword.as_str()) => add(self.subschema(value, &path)?),
                Value::String(reference) if keyword == "$ref" => {
                    let target = self.target(reference).ok_or_else(|| {
                        let reference = shorten(reference);
                        (path.clone(), format!("the reference `{reference}` leads to no place inside the schema"))
                    })?;
                    add(self.subschema(target, &path)?);
                }
                _ => {}
            }
        }
        // Both ask every other keyword again which parts it has seen.
        if keywords.contains_key("unevaluatedProperties") || keywords.contains_key("unevaluatedItems") {
            size.weight = size.weight.saturating_mul(2);
        }
        size.height += 1;
        self.open.remove(&identity);
        self.known.insert(identity, size);
        Ok(size)
    }

    fn check_keywords(&mut self, keywords: &Map<String, Value>, path: &str) -> Result<(), (String, String)> {
        let at = |keyword: &str| format!("{path}{}", segment(keyword));
        for keyword in REFUSED {
            if keywords.contains_key(*keyword) {
                return Err((at(keyword), format!("`{keyword}` is not supported")));
            }
        }
        for keyword in ["$schema", "$id", "id"] {
            // `id` identified schemas in old drafts only; it is refused so that no reader disagrees.
            if keywords.get(keyword).is_some_and(Value::is_string) && !path.is_empty() {
                return Err((at(keyword), format!("`{keyword}` is only supported at the top of the schema")));
            }
        }
        if let Some(draft) = keywords.get("$schema").and_then(Value::as_str)
            && !DRAFTS.contains(&draft.trim_end_matches('#'))
        {
            return Err((at("$schema"), format!("`$schema` must be one of {}", DRAFTS.join(", "))));
        }
        if keywords.get("format").and_then(Value::as_str) == Some("regex") {
            return Err((at("format"), "the format `regex` is not supported".to_owned()));
        }
        self.patterns += u64::from(keywords.contains_key("pattern"));
        self.patterns += keywords.get("patternProperties").and_then(Value::as_object).map_or(0, |map| map.len() as u64);
        if self.patterns > MAX_PATTERNS as u64 {
            return Err((path.to_owned(), format!("the schema has more than {MAX_PATTERNS} patterns")));
        }
        Ok(())
    }

    /// Only plain pointers: an escaped one could mean another place to the validator.
    fn target(&self, reference: &str) -> Option<&'s Value> {
        reference
            .strip_prefix('#')
            .filter(|pointer| !pointer.contains('%'))
            .and_then(|pointer| self.root.pointer(pointer))
    }
}

/// Turns a validation error into problems, each at the member it is about.
fn explain(error: &ValidationError<'_>, prefix: &str, problems: &mut Vec<Problem>) {
    let path = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            problems.push(problem(format!("{path}{}", segment(name)), format!("`{}` is missing", shorten(name))));
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            problems.extend(unexpected.iter().map(|name| {
                problem(format!("{path}{}", segment(name)), format!("there is no field `{}`", shorten(name)))
            }));
        }
        _ => {
            let message = match path.strip_prefix(prefix).and_then(|rest| rest.rsplit_once('/')) {
                Some((_, name)) => format!("`{}` {}", shorten(&unescape(name)), say(error)),
                None => format!("the value {}", say(error)),
            };
            problems.push(problem(path, message));
        }
    }
}

/// What is wrong, without the value itself.
fn say(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let types = match kind {
                TypeKind::Single(kind) => kind.as_str().to_owned(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(jsonschema::JsonType::as_str).collect::<Vec<_>>().join(" or ")
                }
            };
            format!("must be of type {types}, not {}", type_name(error.instance()))
        }
        ValidationErrorKind::Enum { options } => {
            let mut list = String::new();
            for option in options.as_array().into_iter().flatten().take(30) {
                let separator = if list.is_empty() { "" } else { ", " };
                write!(list, "{separator}{option}").expect("writing to a string succeeds");
            }
            format!("must be one of {list}")
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} items"),
        ValidationErrorKind::Pattern { pattern } => format!("does not match the pattern {}", shorten(pattern)),
        ValidationErrorKind::Format { format } => format!("is no valid {}", shorten(format)),
        ValidationErrorKind::UniqueItems => "must not have equal items".to_owned(),
        _ => {
            let message = error.masked_with("the value").to_string();
            let end = message.char_indices().nth(300).map_or(message.len(), |(end, _)| end);
            format!("is not valid: {}", &message[..end])
        }
    }
}

/// The JSON type of a value, for messages.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::nodes::testing::any_json;

    fn refusal(schema: &Value) -> (String, String) {
        match Schema::compile(schema) {
            Ok(_) => panic!("accepted {schema}"),
            Err(refusal) => refusal,
        }
    }

    #[test]
    fn names_the_member_that_is_wrong() {
        let schema = Schema::compile(&json!({
            "type": "object",
            "properties": {
                "amount": { "type": "integer", "minimum": 1 },
                "mail": { "type": "string", "format": "email" },
                "a/b": { "enum": ["x", "y"] },
                "code": { "pattern": "^\\w{3,50}$" },
            },
            "required": ["amount"],
            "additionalProperties": false,
        }))
        .unwrap();
        let told = |value: Value| -> Vec<(String, String)> {
            schema.check(&value, "/data").into_iter().map(|p| (p.path, p.message)).collect()
        };
        assert_eq!(told(json!({ "amount": 2, "mail": "a@b.example", "a/b": "x", "code": "abc" })), vec![]);
        assert_eq!(told(json!({})), vec![("/data/amount".into(), "`amount` is missing".into())]);
        assert_eq!(told(json!(7))[0], ("/data".into(), "the value must be of type object, not integer".into()));
        let wrong = json!({ "amount": 0, "mail": "nobody", "a/b": 3, "code": "!", "more": 1 });
        let mut all = told(wrong);
        all.sort();
        let expected = [
            ("/data/amount", "`amount` must be at least 1"),
            ("/data/a~1b", "`a/b` must be one of \"x\", \"y\""),
            ("/data/code", "`code` does not match the pattern ^\\w{3,50}$"),
            ("/data/mail", "`mail` is no valid email"),
            ("/data/more", "there is no field `more`"),
        ];
        assert_eq!(all, expected.map(|(path, message)| (path.to_owned(), message.to_owned())));
    }

    #[test]
    fn refuses_schemas_that_are_wrong_or_unbounded() {
        let doubling: Map<String, Value> = (0..40)
            .map(|n| {
                let next = format!("#/$defs/d{}", n + 1);
                (format!("d{n}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }))
            })
            .chain([("d40".to_owned(), json!(true))])
            .collect();
        let chain: Map<String, Value> = (0..900)
            .map(|n| (format!("d{n}"), json!({ "$ref": format!("#/$defs/d{}", n + 1) })))
            .chain([("d900".to_owned(), json!(true))])
            .collect();
        let patterns: Map<String, Value> = (0..51).map(|n| (format!("p{n}"), json!({ "pattern": "a" }))).collect();
        let deep = (0..40).fold(json!(true), |schema, _| json!({ "not": schema }));
        for (schema, path, part) in [
            (json!({ "type": "text" }), "/type", "no valid schema"),
            (json!({ "type": 5 }), "/type", "no valid schema"),
            (json!(5), "", "no valid schema"),
            (json!({ "pattern": "(" }), "", "no valid schema"),
            (json!({ "pattern": "(?=a)" }), "", "no valid schema"),
            (json!({ "pattern": "[a-z]{1000}{1000}" }), "", "no valid schema"),
            (json!({ "format": "colour" }), "", "no valid schema"),
            (json!({ "format": "regex" }), "/format", "`regex`"),
            (json!({ "$ref": "#" }), "/$ref", "refers to itself"),
            (json!({ "$ref": "https://example.com/s.json" }), "/$ref", "no place inside"),
            (json!({ "$ref": "file:///etc/passwd" }), "/$ref", "no place inside"),
            (json!({ "$ref": "#/$defs/a%62", "$defs": { "a%62": true } }), "/$ref", "no place inside"),
            (json!({ "$ref": "#/$defs/none" }), "/$ref", "no place inside"),
            (json!({ "items": { "$dynamicRef": "#a" } }), "/items/$dynamicRef", "not supported"),
            (json!({ "items": { "$id": "x" } }), "/items/$id", "only supported at the top"),
            (json!({ "$schema": "http://json-schema.org/draft-04/schema#" }), "/$schema", "must be one of"),
            (json!({ "$defs": doubling, "$ref": "#/$defs/d0" }), "", "too large"),
            (json!({ "$defs": chain, "$ref": "#/$defs/d0" }), "", "too deeply"),
            (json!({ "properties": patterns }), "", "more than 50 patterns"),
            (deep, "", "nests deeper"),
            (json!({ "description": "x".repeat(MAX_SCHEMA_BYTES) }), "", "larger than"),
        ] {
            let (at, message) = refusal(&schema);
            assert!(message.contains(part), "{schema}: {message}");
            if !path.is_empty() {
                assert_eq!(at, path, "{message}");
            }
        }
    }

    #[test]
    fn follows_references_inside_the_schema() {
        let money = json!({ "type": "object", "required": ["amount"] });
        let schema = json!({ "$defs": { "money": money }, "properties": { "paid": { "$ref": "#/$defs/money" } } });
        let schema = Schema::compile(&schema).unwrap();
        assert_eq!(schema.check(&json!({ "paid": {} }), "")[0].path, "/paid/amount");
        // A member of this name is no keyword.
        Schema::compile(&json!({ "properties": { "$ref": { "type": "string" }, "format": true } })).unwrap();
    }

    #[test]
    fn refuses_values_that_cost_too_much() {
        let heavy = json!({ "items": { "allOf": vec![json!({ "minimum": 1 }); 4_000] } });
        let schema = Schema::compile(&heavy).unwrap();
        assert!(schema.check(&json!(vec![1; 100]), "").is_empty());
        let problems = schema.check(&json!(vec![1; 20_000]), "/input");
        assert!(problems[0].message.contains("too large"), "{problems:?}");
        let deep = (0..=MAX_VALUE_DEPTH).fold(json!(1), |value, _| json!([value]));
        assert!(schema.check(&deep, "/input")[0].message.contains("deeper than"));
    }

    proptest! {
        #[test]
        fn never_panics(schema in any_json(), value in any_json()) {
            if let Ok(schema) = Schema::compile(&schema) {
                schema.check(&value, "");
            }
        }
    }
}
