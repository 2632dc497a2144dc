//! `retriever`: the documents of a collection that fit a question best, for a prompt or a person.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    domain::document::{FoundDocument, Match, Search, name_problem},
    expression::Template,
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed, invalid},
    registry::{Kind, Port},
};

const DEFAULT_LIMIT: i64 = 5;
const MAX_LIMIT: i64 = 20;
const DEFAULT_TEXT_CHARS: i64 = 20_000;
const MAX_TEXT_CHARS: i64 = 1_000_000;

pub(super) const KIND: Kind = Kind {
    name: "retriever",
    title: "Retriever",
    description: "Searches the texts of a collection of the workspace's documents by words (docs/documents.md). Signs in the query mean \
                  nothing. The documents that fit best come first.",
    category: "data",
    result: "`{documents, text}`: what was found as `{key, text, value, score, snippet}`, where the best score is 1, and the texts in one, \
             for a prompt.",
    properties: || {
        json!({
            "collection": { "type": "string", "minLength": 1, "description": "The collection; a template." },
            "query": { "type": "string", "minLength": 1, "description": "What is looked for; a template." },
            "match": {
                "enum": ["any", "all"],
                "default": "any",
                "description": "Whether one of the words is enough, or a document has to have all.",
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT, "description": "The most documents.",
            },
            "minScore": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "Leaves out documents that fit worse than this, where the one that fits best is 1.",
            },
            "maxLength": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_TEXT_CHARS,
                "default": DEFAULT_TEXT_CHARS,
                "description": "The most characters of `text`.",
            },
        })
    },
    required: &["collection", "query"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "collection": "handbook", "query": "{{ input.question }}", "limit": 3 }),
};

struct Retriever {
    collection: Template,
    query: Template,
    matches: Match,
    limit: i64,
    min_score: f64,
    text_chars: usize,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let (collection, query) = (config.template("collection"), config.template("query"));
    if let (Some(true), Some(name)) = (collection.as_ref().map(Template::is_literal), config.text("collection"))
        && let Some(problem) = name_problem(name.trim())
    {
        config.problem("/collection", problem);
    }
    let text_chars = config.integer("maxLength").unwrap_or(DEFAULT_TEXT_CHARS);
    Some(Compiled::plain(Retriever {
        collection: collection?,
        query: query?,
        matches: if config.text("match") == Some("all") { Match::All } else { Match::Any },
        limit: config.integer("limit").unwrap_or(DEFAULT_LIMIT),
        min_score: config.value("minScore").and_then(Value::as_f64).unwrap_or(0.0),
        text_chars: usize::try_from(text_chars).unwrap_or_default(),
    }))
}

impl Node for Retriever {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let text = |field, template: &Template| {
            template.render_text(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let (collection, query) = match (text("collection", &self.collection), text("query", &self.query)) {
            (Ok(collection), Ok(query)) => (collection.trim().to_owned(), query),
            (Err(failure), _) | (_, Err(failure)) => return failure.into(),
        };
        if let Some(problem) = name_problem(&collection) {
            return invalid(format!("`collection` {problem}")).into();
        }
        Step::Effect(Box::new(Retrieve {
            search: Search::new(&query, self.matches),
            collection,
            limit: self.limit,
            min_score: self.min_score,
            text_chars: self.text_chars,
        }))
    }
}

struct Retrieve {
    search: Search,
    collection: String,
    limit: i64,
    min_score: f64,
    text_chars: usize,
}

#[async_trait]
impl Effect for Retrieve {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let found = match context.documents.search(&self.collection, &self.search, self.limit).await {
            Ok(found) => found,
            Err(failure) => return Outcome::Fail(failure),
        };
        let fitting: Vec<FoundDocument> = found.into_iter().filter(|found| found.score >= self.min_score).collect();
        let texts: Vec<&str> = fitting.iter().map(|found| found.document.text.as_str()).collect();
        let text: String = texts.join("\n\n").chars().take(self.text_chars).collect();
        let documents: Vec<Value> = fitting.into_iter().map(shown).collect();
        Outcome::output(json!({ "documents": documents, "text": text }))
    }
}

fn shown(found: FoundDocument) -> Value {
    let FoundDocument { document, score, snippet } = found;
    json!({ "key": document.key, "text": document.text, "value": document.value, "score": score, "snippet": snippet })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    #[test]
    fn mistakes_are_named() {
        for (data, path) in [
            (json!({ "query": "x" }), "/nodes/1/data/collection"),
            (json!({ "collection": "a" }), "/nodes/1/data/query"),
            (json!({ "collection": "a b", "query": "x" }), "/nodes/1/data/collection"),
            (json!({ "collection": "a", "query": "{{ 1 + }}" }), "/nodes/1/data/query"),
            (json!({ "collection": "a", "query": "x", "limit": 21 }), "/nodes/1/data/limit"),
            (json!({ "collection": "a", "query": "x", "minScore": 2 }), "/nodes/1/data/minScore"),
        ] {
            assert_eq!(paths(&problems_of("retriever", data.clone())), [path], "{data}");
        }
        let data = json!({ "collection": "{{ input.c }}", "query": "x" });
        let failure = Bench::new("retriever", data).with("input", json!({ "c": "no name" })).run().failure();
        assert!(failure.message.starts_with("`collection`"), "{}", failure.message);
    }
}
