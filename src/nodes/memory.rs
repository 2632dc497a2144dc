//! `memory`: what a workflow, a conversation, a user or the whole workspace remembers from one execution to the next.
//!
//! It is kept in documents, in a collection for each of them: `memory:<scope>:<id>`. Whatever is done twice because an attempt was
//! interrupted has the same result: a value is set again, and an append carries a mark by which it is known.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    domain::{
        document::{FoundDocument, MAX_NAME_BYTES, MEMORY, Match, Search, name_problem},
        failure::Failure,
    },
    expression::{JsonTemplate, Template, parse_duration},
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Step,
    common::MAX_WAIT_MS,
    config::{Compiled, Config, expression_failed, invalid},
    registry::{Kind, Port},
};
const OPERATIONS: [&str; 6] = ["get", "set", "append", "delete", "list", "search"];
const SCOPES: [&str; 4] = ["workflow", "thread", "user", "workspace"];
const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;

pub(super) const KIND: Kind = Kind {
    name: "memory",
    title: "Memory",
    description: "Remembers values under keys from one execution to the next: of the workflow, of a thread (a conversation), of a user, or of the \
                  workspace. `append` adds an item to the end of a list, once even where an attempt was interrupted and runs again; its \
                  `limit` keeps the last items. `list` and `search` read what there is. A value has up to 256 KiB (docs/documents.md).",
    category: "data",
    result: "`get`: `{key, found, value}`; `set`: `{key, value}`; `append`: `{key, value, count}` with the whole list; `delete`: `{key, \
             deleted}`; `list`: `{items, more}`, items of `{key, value, updatedAt}`; `search`: `{items}`, items of `{key, value, score, \
             snippet}`, where the best score is 1.",
    properties: || {
        json!({
            "operation": { "enum": OPERATIONS, "description": "What is done." },
            "scope": { "enum": SCOPES, "default": "workflow", "description": "Who remembers it." },
            "threadId": {
                "type": "string",
                "minLength": 1,
                "description": "With the scope `thread`: which one; a template, by default `{{ context.threadId }}`.",
            },
            "userId": { "type": "string", "minLength": 1, "description": "With the scope `user`: which one; a template." },
            "key": {
                "type": "string",
                "minLength": 1,
                "description": "The key: letters, digits and `_.:/@~+=-`; a template. With `list`: what the keys begin with.",
            },
            "value": { "description": "With `set` the value, with `append` the item: any JSON with templates in its texts." },
            "default": { "description": "With `get`: the value where nothing is found; any JSON with templates in its texts." },
            "query": { "type": "string", "minLength": 1, "description": "With `search`: words, of which one is enough; a template." },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 10_000,
                "description": "With `list` and `search` the most items (20, up to 100); with `append` how many items are kept.",
            },
            "ttl": {
                "type": "string",
                "minLength": 1,
                "description": "With `set` and `append`: how long it is remembered from now on, such as `30d`; for ever, if missing.",
            },
        })
    },
    required: &["operation"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "operation": "append",
            "scope": "thread",
            "key": "messages",
            "value": { "role": "user", "content": "{{ input.message }}" },
            "limit": 50,
            "ttl": "30d",
        })
    },
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Get,
    Set,
    Append,
    Delete,
    List,
    Search,
}

struct Memory {
    operation: Operation,
    scope: &'static str,
    /// Which of the scope, and the field that says so; the workspace is one.
    id: Option<(&'static str, Template)>,
    key: Option<Template>,
    /// The value, or what it is by default.
    value: Option<(&'static str, JsonTemplate)>,
    query: Option<Template>,
    limit: Option<i64>,
    ttl_ms: Option<i64>,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let operation = match config.text("operation")? {
        "get" => Operation::Get,
        "set" => Operation::Set,
        "append" => Operation::Append,
        "delete" => Operation::Delete,
        "list" => Operation::List,
        "search" => Operation::Search,
        _ => return None,
    };
    let named = config.text("scope").unwrap_or("workflow");
    let scope = SCOPES.into_iter().find(|scope| *scope == named)?;
    fit(config, operation, scope);
    let id = match scope {
        "workflow" => Some(("scope", Template::compile("{{ execution.workflowId }}").ok()?)),
        "thread" if config.value("threadId").is_none() => {
            Some(("threadId", Template::compile("{{ context.threadId }}").ok()?))
        }
        "thread" => Some(("threadId", config.template("threadId")?)),
        "user" => Some(("userId", config.template("userId")?)),
        _ => None,
    };
    let (key, query) = (optional(config, "key", Config::template)?, optional(config, "query", Config::template)?);
    let field = if operation == Operation::Get { "default" } else { "value" };
    let value = optional(config, field, Config::json)?.map(|value| (field, value));
    let ttl_ms = optional(config, "ttl", |config, field| {
        let ms = config.text(field).and_then(parse_duration).filter(|ms| (1..=MAX_WAIT_MS).contains(ms));
        if ms.is_none() {
            config.problem("/ttl", "it is no duration such as `90s`, `12h` or `30d`, of up to ten years");
        }
        ms
    })?;
    let limit = config.integer("limit");
    if matches!(operation, Operation::List | Operation::Search) && limit.is_some_and(|limit| limit > MAX_LIMIT) {
        config.problem("/limit", format!("`limit` may be up to {MAX_LIMIT} here"));
    }
    Some(Compiled::plain(Memory { operation, scope, id, key, value, query, limit, ttl_ms }))
}

/// A member that need not be there; none if it is, and is wrong.
#[expect(clippy::option_option, reason = "wrong, missing, and a value are three things")]
fn optional<'d, T>(
    config: &mut Config<'d>,
    field: &str,
    compile: impl FnOnce(&mut Config<'d>, &str) -> Option<T>,
) -> Option<Option<T>> {
    if config.value(field).is_none() {
        return Some(None);
    }
    compile(config, field).map(Some)
}

/// Notes what an operation lacks, and what is of no use to it.
fn fit(config: &mut Config<'_>, operation: Operation, scope: &str) {
    use Operation::{Append, Delete, Get, List, Search, Set};
    let name = config.text("operation").unwrap_or_default().to_owned();
    for (field, needed, allowed) in [
        ("key", matches!(operation, Get | Set | Append | Delete), operation != Search),
        ("value", matches!(operation, Set | Append), matches!(operation, Set | Append)),
        ("default", false, operation == Get),
        ("query", operation == Search, operation == Search),
        ("limit", false, matches!(operation, Append | List | Search)),
        ("ttl", false, matches!(operation, Set | Append)),
    ] {
        if needed && config.value(field).is_none() {
            config.problem(&format!("/{field}"), format!("`{field}` is missing: `operation` is `{name}`"));
        }
        if !allowed && config.value(field).is_some() {
            config.problem(&format!("/{field}"), format!("`{field}` has no meaning: `operation` is `{name}`"));
        }
    }
    if scope == "user" && config.value("userId").is_none() {
        config.problem("/userId", "`userId` is missing: `scope` is `user`");
    }
    for (field, of) in [("threadId", "thread"), ("userId", "user")] {
        if scope != of && config.value(field).is_some() {
            config.problem(&format!("/{field}"), format!("`{field}` has no meaning: `scope` is `{scope}`"));
        }
    }
}

impl Node for Memory {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.call(context) {
            Ok(call) => Step::Effect(Box::new(call)),
            Err(failure) => failure.into(),
        }
    }
}

impl Memory {
    fn call(&self, context: &NodeContext<'_>) -> Result<Call, Failure> {
        let text = |field: &str, template: &Template| {
            let text = template.render_text(context.scope).map_err(|error| expression_failed(field, &error))?;
            Ok::<_, Failure>(text.trim().to_owned())
        };
        let collection = match &self.id {
            None => format!("{MEMORY}{}", self.scope),
            Some((field, template)) => collection_of(self.scope, field, &text(field, template)?)?,
        };
        let key = self.key.as_ref().map(|key| text("key", key)).transpose()?;
        if let Some(problem) = key.as_deref().filter(|_| self.operation != Operation::List).and_then(name_problem) {
            return Err(invalid(format!("`key` {problem}")));
        }
        let value = match &self.value {
            None => Value::Null,
            Some((field, value)) => value.render(context.scope).map_err(|error| expression_failed(field, &error))?,
        };
        let query = self.query.as_ref().map(|query| text("query", query)).transpose()?.unwrap_or_default();
        Ok(Call {
            operation: self.operation,
            collection,
            key: key.unwrap_or_default(),
            value,
            query,
            limit: self.limit,
            ttl_ms: self.ttl_ms,
            mark: BASE64.encode(&Sha256::digest(&context.idempotency_key)[..12]),
        })
    }
}

/// The collection of a workflow, thread or user. What a name can't hold is written as `.` and two digits: no two ids share
/// a collection.
fn collection_of(scope: &str, field: &str, id: &str) -> Result<String, Failure> {
    if id.is_empty() {
        return Err(invalid(format!("`{field}` is empty: it says whose memory it is")));
    }
    let mut name = format!("{MEMORY}{scope}:");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"_@+=~-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push('.');
            for half in [byte >> 4, byte & 15] {
                name.push(char::from(b"0123456789abcdef"[usize::from(half)]));
            }
        }
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(invalid(format!("`{field}` is too long")));
    }
    Ok(name)
}

/// What is to be done, written out.
struct Call {
    operation: Operation,
    collection: String,
    key: String,
    value: Value,
    query: String,
    limit: Option<i64>,
    ttl_ms: Option<i64>,
    mark: String,
}

#[async_trait]
impl Effect for Call {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        match self.carry_out(&context).await {
            Ok(output) => Outcome::output(output),
            Err(failure) => Outcome::Fail(failure),
        }
    }
}

impl Call {
    async fn carry_out(self, context: &EffectContext) -> Result<Value, Failure> {
        let documents = &context.documents;
        let Self { operation, collection, key, value, query, limit, ttl_ms, mark } = self;
        let of = (collection.as_str(), key.as_str());
        let most = limit.unwrap_or(DEFAULT_LIMIT);
        Ok(match operation {
            Operation::Get => {
                let found = documents.get(of.0, of.1).await?;
                let (is_found, value) = found.map_or((false, value), |document| (true, document.value));
                json!({ "key": key, "found": is_found, "value": value })
            }
            Operation::Set => {
                let document = documents.set(of, value, ttl_ms).await?;
                json!({ "key": key, "value": document.value })
            }
            Operation::Append => {
                let keep = limit.and_then(|limit| usize::try_from(limit).ok());
                let list = documents.append(of, value, mark, keep, ttl_ms).await?.value;
                let count = list.as_array().map_or(0, Vec::len);
                json!({ "key": key, "value": list, "count": count })
            }
            Operation::Delete => json!({ "key": key, "deleted": documents.delete(of.0, of.1).await? }),
            Operation::List => {
                let page = documents.list(of.0, of.1, most).await?;
                let items = page.items.into_iter().map(|document| {
                    json!({ "key": document.key, "value": document.value, "updatedAt": document.updated_at })
                });
                json!({ "items": items.collect::<Vec<_>>(), "more": page.next.is_some() })
            }
            Operation::Search => {
                let found = documents.search(of.0, &Search::new(&query, Match::Any), most).await?;
                let items = found.into_iter().map(|FoundDocument { document, score, snippet }| {
                    json!({ "key": document.key, "value": document.value, "score": score, "snippet": snippet })
                });
                json!({ "items": items.collect::<Vec<_>>() })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    #[test]
    fn an_operation_has_what_it_needs_and_no_more() {
        for (data, path) in [
            (json!({}), "operation"),
            (json!({ "operation": "forget" }), "operation"),
            (json!({ "operation": "get" }), "key"),
            (json!({ "operation": "set", "key": "a" }), "value"),
            (json!({ "operation": "append", "value": 1 }), "key"),
            (json!({ "operation": "get", "key": "a", "value": 1 }), "value"),
            (json!({ "operation": "delete", "key": "a", "ttl": "1h" }), "ttl"),
            (json!({ "operation": "set", "key": "a", "value": 1, "ttl": "soon" }), "ttl"),
            (json!({ "operation": "set", "key": "a", "value": 1, "limit": 2 }), "limit"),
            (json!({ "operation": "search" }), "query"),
            (json!({ "operation": "search", "query": "x", "key": "a" }), "key"),
            (json!({ "operation": "list", "limit": 101 }), "limit"),
            (json!({ "operation": "list", "scope": "user" }), "userId"),
            (json!({ "operation": "list", "userId": "x" }), "userId"),
            (json!({ "operation": "list", "scope": "pod" }), "scope"),
        ] {
            assert_eq!(paths(&problems_of("memory", data.clone())), [format!("/nodes/1/data/{path}")], "{data}");
        }
        let null = json!({ "operation": "set", "key": "a", "value": "{{ null }}" });
        assert_eq!(problems_of("memory", null), []);
    }

    #[test]
    fn what_is_given_at_run_time_is_checked() {
        let failure =
            |data: Value| Bench::new("memory", data).with("context", json!({ "threadId": "" })).run().failure();
        for (data, field) in [
            (json!({ "operation": "list", "scope": "thread" }), "`threadId`"),
            (json!({ "operation": "list", "scope": "user", "userId": "{{ context.none }}" }), "`userId`"),
            (json!({ "operation": "list", "scope": "user", "userId": "€".repeat(100) }), "`userId`"),
            (json!({ "operation": "get", "scope": "workspace", "key": "a b" }), "`key`"),
            (json!({ "operation": "get", "scope": "workspace", "key": ".." }), "`key`"),
        ] {
            let failure = failure(data.clone());
            assert!(failure.message.starts_with(field), "{data}: {}", failure.message);
        }
    }

    #[test]
    fn no_two_ids_share_a_collection() {
        let name = |id: &str| collection_of("user", "userId", id).unwrap();
        assert_eq!(name("ann@example"), "memory:user:ann@example");
        assert_eq!(name("a.b"), "memory:user:a.2eb");
        assert_ne!(name("a b"), name("a.20b"));
        assert_ne!(name("a:b"), name("a/b"));
    }
}
