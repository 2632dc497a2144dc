//! `guardrails`: what must not pass a point of the graph: personal data, words, patterns, values of the wrong shape.
//!
//! What is found is counted and located, never quoted: the output is an event that many may read.

mod personal;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use super::{
    Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports, Unnamed, expression_failed},
    registry::{Kind, Port},
    schema::Schema,
};
use crate::{
    domain::failure::{Failure, FailureCode},
    expression::JsonTemplate,
};
use personal::PersonalData;

/// All texts of a value together: each rule reads them once.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_WORDS: usize = 1_000;
const MAX_PATTERNS: usize = 50;
const MAX_PATTERN_BYTES: usize = 500;
/// The memory of one compiled pattern.
const PATTERN_SIZE: usize = 256 * 1024;
/// More places of one kind than this are only counted.
const MAX_PATHS: usize = 10;

pub(super) const KIND: Kind = Kind {
    name: "guardrails",
    title: "Guardrails",
    description: "Looks for what must not pass: personal data, forbidden words and patterns, too much text, a value of the wrong shape. All texts \
                  in the value are looked at, also names of members. `block` goes on by the port `block`, `redact` replaces what was found and goes on by \
                  `pass` (length and shape can't be redacted and block), `warn` goes on by `pass` and tells.",
    category: "data",
    result: "`{passed, value?, findings}`: the value as it may go on (missing where it is blocked), and what was found, as a list of `{rule, \
             count, paths}`, which never quotes it.",
    properties,
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[
        Port { id: PASS, description: "Nothing was found, or it was redacted or only told.", required: false },
        Port { id: BLOCK, description: "Something was found that must not pass.", required: false },
        Port::ERROR,
    ],
    compile,
    example: || {
        json!({
            "value": "{{ draft.text }}",
            "personalData": ["email", "phone", "credit_card", "iban"],
            "denyWords": ["confidential"],
            "maxLength": 4000,
            "action": "redact",
        })
    },
};

const PASS: &str = "pass";
const BLOCK: &str = "block";

fn properties() -> Value {
    json!({
        "value": { "description": "What is looked at: any JSON with templates in its texts; by default what the node was handed." },
        "personalData": {
            "type": "array",
            "items": { "enum": PersonalData::NAMES },
            "uniqueItems": true,
            "description": "Kinds of personal data. Card numbers and IBANs count with a right check digit only.",
        },
        "denyWords": {
            "type": "array",
            "maxItems": MAX_WORDS,
            "items": { "type": "string", "minLength": 1, "maxLength": 200 },
            "description": "Words or phrases, whole and in any case.",
        },
        "denyPatterns": {
            "type": "array",
            "maxItems": MAX_PATTERNS,
            "items": { "type": "string", "minLength": 1, "maxLength": MAX_PATTERN_BYTES },
            "description": "Regular expressions without look-around and back-references, so that they take linear time.",
        },
        "maxLength": { "type": "integer", "minimum": 1, "maximum": MAX_BYTES, "description": "The most characters of all texts together." },
        "schema": { "type": ["object", "boolean"], "description": "A JSON Schema that the value has to fit." },
        "action": { "enum": ["block", "redact", "warn"], "default": "block", "description": "What happens to what is found." },
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Block,
    Redact,
    Warn,
}

/// One thing to look for in texts.
struct Rule {
    name: String,
    pattern: Regex,
    /// Says no to what only looks like it.
    holds: fn(&str) -> bool,
    /// What stands there afterwards.
    instead: String,
}

struct Guardrails {
    value: Option<JsonTemplate>,
    rules: Vec<Rule>,
    max_length: Option<usize>,
    schema: Option<Schema>,
    action: Action,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let is_set = config.value("value").is_some();
    let value = if is_set { Some(config.json("value")?) } else { None };
    let mut rules: Vec<Rule> = Vec::new();
    for name in config.list("personalData").iter().filter_map(Value::as_str) {
        rules.extend(PersonalData::named(name).map(PersonalData::rules).into_iter().flatten());
    }
    let words: Vec<String> =
        config.list("denyWords").iter().filter_map(Value::as_str).take(MAX_WORDS).map(regex::escape).collect();
    if !words.is_empty() {
        // Not `\b`: a word may end in a sign.
        let pattern = format!(r"(?:^|[^\w])(?P<found>{})(?:$|[^\w])", words.join("|"));
        match RegexBuilder::new(&pattern).case_insensitive(true).size_limit(8 * 1024 * 1024).build() {
            Ok(pattern) => rules.push(deny("denyWords".to_owned(), pattern)),
            Err(_) => config.problem("/denyWords", "all words together are too long"),
        }
    }
    for (index, source) in config.list("denyPatterns").iter().take(MAX_PATTERNS).enumerate() {
        let Some(source) = source.as_str() else { continue };
        match RegexBuilder::new(source).size_limit(PATTERN_SIZE).build() {
            Ok(pattern) => rules.push(deny(format!("denyPatterns[{index}]"), pattern)),
            Err(error) => config.problem(&format!("/denyPatterns/{index}"), told(&error)),
        }
    }
    let max_length = config.integer("maxLength").and_then(|length| usize::try_from(length).ok());
    let schema = if config.value("schema").is_some() { Some(config.schema("schema")?) } else { None };
    let looks = ["personalData", "denyWords", "denyPatterns"].iter().any(|field| !config.list(field).is_empty())
        || config.value("maxLength").is_some()
        || schema.is_some();
    if !looks {
        let message = "nothing is looked for: set `personalData`, `denyWords`, `denyPatterns`, `maxLength` or `schema`";
        config.problem("", message);
    }
    let action = match config.text("action") {
        Some("redact") => Action::Redact,
        Some("warn") => Action::Warn,
        _ => Action::Block,
    };
    let ports =
        Ports { unnamed: Unnamed::Port(PASS), named: vec![PASS.to_owned(), BLOCK.to_owned()], ..Ports::plain() };
    Some(Compiled { node: Box::new(Guardrails { value, rules, max_length, schema, action }), role: Role::Plain, ports })
}

fn deny(name: String, pattern: Regex) -> Rule {
    Rule { name, pattern, holds: |_| true, instead: "[removed]".to_owned() }
}

/// The last line of the library's message: the ones before draw the pattern.
fn told(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    format!("it is no pattern: {}", line.trim_start_matches("error: "))
}

impl Node for Guardrails {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let mut value = match &self.value {
            None => Value::clone(context.last_output),
            Some(template) => match template.render(context.scope) {
                Ok(value) => value,
                Err(error) => return expression_failed("value", &error).into(),
            },
        };
        let mut size = Size::default();
        size.add(&value);
        if size.bytes > MAX_BYTES {
            let message = format!("the texts of the value are {} bytes long, more than {MAX_BYTES}", size.bytes);
            return Failure::new(FailureCode::LimitExceeded, message).into();
        }
        let mut search = Search { rules: &self.rules, redacts: self.action == Action::Redact, found: BTreeMap::new() };
        search.look(&mut value, "");
        let in_texts = !search.found.is_empty();
        let mut findings: Vec<Value> = search
            .found
            .into_iter()
            .map(|(rule, found)| json!({ "rule": self.rules[rule].name, "count": found.count, "paths": found.paths }))
            .collect();
        let mut stops = in_texts && self.action == Action::Block;
        if self.max_length.is_some_and(|most| size.characters > most) {
            findings.push(json!({ "rule": "maxLength", "count": size.characters, "paths": [] }));
            stops |= self.action != Action::Warn;
        }
        if let Some(schema) = &self.schema {
            let problems = schema.check(&value, "");
            if !problems.is_empty() {
                let paths: Vec<_> = problems.iter().take(MAX_PATHS).map(|problem| problem.path.as_str()).collect();
                findings.push(json!({ "rule": "schema", "count": problems.len(), "paths": paths }));
                stops |= self.action != Action::Warn;
            }
        }
        let mut output = json!({ "passed": findings.is_empty(), "findings": findings });
        if !stops {
            output["value"] = value;
        }
        let port = if stops { BLOCK } else { PASS };
        Outcome::Complete(Completion { output: Arc::new(output), port: Some(port.to_owned()), transparent: false })
            .into()
    }
}

#[derive(Default)]
struct Size {
    bytes: usize,
    characters: usize,
}

impl Size {
    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    self.text(name);
                    self.add(member);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes += text.len();
        self.characters += text.chars().count();
    }
}

#[derive(Default)]
struct Found {
    count: usize,
    paths: Vec<String>,
}

struct Search<'r> {
    rules: &'r [Rule],
    redacts: bool,
    /// By the index of the rule.
    found: BTreeMap<usize, Found>,
}

impl Search<'_> {
    fn look(&mut self, value: &mut Value, path: &str) {
        match value {
            Value::String(text) => {
                if let Some(redacted) = self.look_at(text, path) {
                    *text = redacted;
                }
            }
            // A number may be a card's.
            Value::Number(number) => {
                if let Some(redacted) = self.look_at(&number.to_string(), path) {
                    *value = Value::String(redacted);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.look(item, &format!("{path}/{index}"));
                }
            }
            Value::Object(members) => {
                let names: Vec<String> = members.keys().cloned().collect();
                for (position, name) in names.into_iter().enumerate() {
                    // By its position: the name is what was found.
                    let renamed = self.look_at(&name, &format!("{path}/<name {position}>"));
                    let place = renamed.as_ref().map_or_else(
                        || format!("{path}{}", super::schema::segment(&name)),
                        |_| format!("{path}/<name {position}>"),
                    );
                    if let Some(member) = members.get_mut(&name) {
                        self.look(member, &place);
                    }
                    if let Some(renamed) = renamed
                        && let Some(member) = members.remove(&name)
                    {
                        members.insert(renamed, member);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Counts what is found in a text; the text without it, if it is to be redacted.
    fn look_at(&mut self, text: &str, path: &str) -> Option<String> {
        let mut places: Vec<(Range<usize>, usize)> = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let mut at = 0;
            // What surrounds a word may be what surrounds the next one, so the search goes on at the end of the word.
            while let Some(captures) = rule.pattern.captures_at(text, at) {
                let Some(whole) = captures.name("found").or_else(|| captures.get(0)) else { break };
                at = if whole.is_empty() { next_boundary(text, whole.end()) } else { whole.end() };
                if !whole.is_empty() && (rule.holds)(whole.as_str()) {
                    places.push((whole.range(), index));
                }
                if at > text.len() {
                    break;
                }
            }
        }
        // The longest of those that begin together; what lies in another one is part of it.
        places.sort_by_key(|(range, rule)| (range.start, usize::MAX - range.end, *rule));
        let (mut redacted, mut end) = (String::new(), 0);
        for (range, rule) in places {
            if range.start < end {
                continue;
            }
            let found = self.found.entry(rule).or_default();
            found.count += 1;
            if found.paths.len() < MAX_PATHS && found.paths.last().is_none_or(|last| last != path) {
                found.paths.push(path.to_owned());
            }
            redacted.push_str(&text[end..range.start]);
            redacted.push_str(&self.rules[rule].instead);
            end = range.end;
        }
        redacted.push_str(&text[end..]);
        (self.redacts && end > 0).then_some(redacted)
    }
}

fn next_boundary(text: &str, at: usize) -> usize {
    (at + 1..=text.len()).find(|next| text.is_char_boundary(*next)).unwrap_or(text.len() + 1)
}
