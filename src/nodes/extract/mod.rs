//! `extract`: fields out of a page, JSON or plain text.
//!
//! Everything is compiled when the workflow is saved. The reading itself is an effect even where nothing is fetched: it happens
//! on a thread of its own, with limits on time and size, because the text is a stranger's.

mod html;
mod place;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::{
    domain::failure::{Failure, FailureCode},
    expression::{JsonTemplate, Template},
    outbound::Request,
};

use super::{
    Effect, EffectContext, Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, expression_failed},
    http::{self, Reading},
    registry::{Kind, Port},
    schema,
};
use place::{Place, Way};

/// The longest text that is read.
const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_FIELDS: usize = 100;
const DEFAULT_TIMEOUT_MS: i64 = 30_000;
/// How many pages are read at a time in this process: each may take a few hundred megabytes if it is made to.
static READING: Semaphore = Semaphore::const_new(2);

pub(super) const KIND: Kind = Kind {
    name: "extract",
    title: "Extract",
    description: "Reads fields out of HTML (by CSS selectors), JSON (by paths) or text (by patterns): of a text or value that the workflow \
                  has, or of a page that is fetched. With `items`, a list: one object for each item found. Texts are read up to 2 MiB.",
    category: "data",
    result: "An object with the fields, or a list of such objects where there are `items`. What is not found is the field's `default`, \
             else null (an empty list with `all`).",
    properties,
    required: &["fields"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || {
        json!({
            "url": "https://shop.example.com/search?q={{ input.query }}",
            "items": { "selector": "ul.results > li" },
            "fields": {
                "title": { "selector": "h2", "required": true },
                "link": { "selector": "a", "attribute": "href" },
                "price": { "selector": ".price", "pattern": "([0-9]+[.][0-9]{2})" },
                "tags": { "selector": ".tag", "all": true },
            },
        })
    },
};

fn way_properties() -> Map<String, Value> {
    let properties = json!({
        "selector": { "type": "string", "minLength": 1, "maxLength": 1000, "description": "A CSS selector, in HTML." },
        "path": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "A path in JSON: `orders.0.id` or a JSON pointer, `/orders/0/id`.",
        },
        "pattern": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "A regular expression without look-around and back-references. Beside a selector or path it reads what that has \
                            found. Its first group that matched counts, else all of it.",
        },
    });
    properties.as_object().cloned().unwrap_or_default()
}

fn properties() -> Value {
    let mut field = way_properties();
    let more = json!({
        "attribute": { "type": "string", "minLength": 1, "maxLength": 200, "description": "The attribute of the element, not its text." },
        "html": { "type": "boolean", "description": "The markup inside the element, not its text." },
        "all": { "type": "boolean", "description": "Everything that is found, as a list; else what is found first." },
        "trim": { "type": "boolean", "default": true, "description": "Whether space at the ends of texts is left out." },
        "required": { "type": "boolean", "description": "Fails the node where nothing is found." },
        "default": { "description": "What it is where nothing is found." },
    });
    field.extend(more.as_object().cloned().unwrap_or_default());
    json!({
        "source": {
            "description": "What is read: a text, or any other JSON, with templates in its texts; by default what the node was handed.",
        },
        "url": { "type": "string", "minLength": 1, "description": "In place of `source`: a page to fetch; a template." },
        "format": {
            "enum": ["auto", "html", "json", "text"],
            "default": "auto",
            "description": "How it is read; `auto` goes by what the fields use: selectors, paths, or patterns alone.",
        },
        "items": {
            "type": "object",
            "description": "Where the items of the list are, by one of the three; the fields are looked for in each.",
            "properties": way_properties(),
            "additionalProperties": false,
        },
        "fields": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_FIELDS,
            "description": "The fields by name, each `{selector | path, pattern?, attribute? | html?, all?, trim?, required?, default?}`; see \
                            below. One without any of the three is the whole item.",
            "additionalProperties": { "type": "object", "properties": field, "additionalProperties": false },
        },
    })
}

/// What the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Json,
    Text,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

struct Field {
    name: String,
    place: Place,
    all: bool,
    trim: bool,
    required: bool,
    default: Option<Value>,
}

/// How a text is read.
struct Plan {
    format: Format,
    items: Option<Place>,
    fields: Vec<Field>,
}

enum From {
    Handed,
    Source(JsonTemplate),
    Url(Template),
}

struct Extract {
    from: From,
    plan: Arc<Plan>,
    timeout_ms: u64,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let from = compile_from(config);
    let items = config.value("items").and_then(Value::as_object);
    let fields = config.value("fields").and_then(Value::as_object)?;
    let has = |way: &str| fields.values().chain(config.value("items")).any(|place| place.get(way).is_some());
    let format = match config.text("format") {
        Some("html") => Format::Html,
        Some("json") => Format::Json,
        Some("text") => Format::Text,
        _ if has("selector") => Format::Html,
        _ if has("path") => Format::Json,
        _ => Format::Text,
    };
    let mut whole = true;
    let items_place = items.map(|items| {
        let place = place::compile(config, "/items", items, format);
        if ["selector", "path", "pattern"].iter().filter(|way| items.contains_key(**way)).count() != 1 {
            config.problem("/items", "say by one of `selector`, `path` and `pattern` where the items are");
            return None;
        }
        if items.contains_key("pattern") && format != Format::Text {
            config.problem(
                "/items/pattern",
                format!("items are found by `pattern` in text; the format is `{}`", format.name()),
            );
            return None;
        }
        place
    });
    let mut compiled = Vec::new();
    for (name, field) in fields.iter().take(MAX_FIELDS) {
        let Some(field) = field.as_object() else {
            whole = false;
            continue;
        };
        let pointer = format!("/fields{}", schema::segment(name));
        let Some(place) = place::compile(config, &pointer, field, format) else {
            whole = false;
            continue;
        };
        if matches!(place.way, Way::Whole) && place.pattern.is_none() && items.is_none() {
            config.problem(&pointer, "say by `selector`, `path` or `pattern` where it is");
            whole = false;
        }
        let flag = |name: &str| field.get(name).and_then(Value::as_bool);
        compiled.push(Field {
            name: name.clone(),
            place,
            all: flag("all").unwrap_or(false),
            trim: flag("trim").unwrap_or(true),
            required: flag("required").unwrap_or(false),
            default: field.get("default").cloned(),
        });
    }
    let items = match items_place {
        None => None,
        Some(place) => Some(place?),
    };
    let timeout_ms = config.integer("timeoutMs").unwrap_or(DEFAULT_TIMEOUT_MS).max(1).unsigned_abs();
    let plan = Arc::new(Plan { format, items, fields: compiled });
    (whole).then_some(())?;
    Some(Compiled::plain(Extract { from: from?, plan, timeout_ms }))
}

fn compile_from(config: &mut Config<'_>) -> Option<From> {
    match (config.value("source").is_some(), config.value("url").is_some()) {
        (true, true) => {
            config.problem("/url", "`source` and `url` exclude each other");
            None
        }
        (true, false) => config.json("source").map(From::Source),
        (false, true) => {
            let url = config.template("url")?;
            if let (true, Some(text)) = (url.is_literal(), config.text("url")) {
                http::check_url(config, "url", text);
            }
            Some(From::Url(url))
        }
        (false, false) => Some(From::Handed),
    }
}

impl Node for Extract {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let text = match &self.from {
            From::Handed => Text::Here(Value::clone(context.last_output)),
            From::Source(source) => match source.render(context.scope) {
                Ok(value) => Text::Here(value),
                Err(error) => return expression_failed("source", &error).into(),
            },
            From::Url(url) => match url.render_text(context.scope) {
                Ok(url) => {
                    let mut request = Request::new("GET", url.trim());
                    request.timeout = std::time::Duration::from_millis(self.timeout_ms);
                    request.max_body_bytes = MAX_BYTES;
                    Text::At(Box::new(request))
                }
                Err(error) => return expression_failed("url", &error).into(),
            },
        };
        Step::Effect(Box::new(Look { text, plan: Arc::clone(&self.plan) }))
    }
}

/// What is read.
enum Text {
    Here(Value),
    At(Box<Request>),
}

/// The reading itself.
struct Look {
    text: Text,
    plan: Arc<Plan>,
}

#[async_trait]
impl Effect for Look {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let Self { text, plan } = *self;
        let value = match text {
            Text::Here(value) => value,
            Text::At(request) => match http::exchange(*request, &Reading::text(), &context).await {
                Outcome::Complete(mut reply) => Arc::make_mut(&mut reply.output)["data"].take(),
                failed => return failed,
            },
        };
        let _turn = READING.acquire().await;
        let read = tokio::task::spawn_blocking(move || read::read(&plan, value)).await;
        match read {
            Ok(Ok(value)) => Outcome::output(value),
            Ok(Err(failure)) => Outcome::Fail(failure),
            Err(_) => Outcome::Fail(Failure::new(FailureCode::Internal, "the text could not be read")),
        }
    }
}
