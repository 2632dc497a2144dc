//! Where a field is: compiled selectors, paths and patterns.

use regex::{Regex, RegexBuilder};
use scraper::Selector;
use serde_json::{Map, Value};

use super::{
    super::{config::Config, schema},
    Format,
};

/// The memory of one compiled pattern.
const PATTERN_SIZE: usize = 256 * 1024;

/// Where something is in the whole, or in an item.
pub(super) struct Place {
    pub(super) way: Way,
    /// Reads what the way has found.
    pub(super) pattern: Option<Regex>,
    pub(super) attribute: Option<String>,
    pub(super) html: bool,
}

pub(super) enum Way {
    Selector(Selector),
    Path(Vec<String>),
    Whole,
}

/// Compiles the place that stands at a pointer; none if a problem is noted, there or by the schema.
pub(super) fn compile(
    config: &mut Config<'_>,
    pointer: &str,
    place: &Map<String, Value>,
    format: Format,
) -> Option<Place> {
    let text = |name: &str| place.get(name).and_then(Value::as_str);
    let mut holds = true;
    let mut wrong = |member: &str, message: String| {
        config.problem(&format!("{pointer}/{member}"), message);
        holds = false;
    };
    for (member, needed) in [("selector", Format::Html), ("path", Format::Json), ("attribute", Format::Html)] {
        if place.contains_key(member) && format != needed {
            wrong(member, format!("`{member}` reads {}, but the format is `{}`", needed.name(), format.name()));
        }
    }
    let html = place.get("html").and_then(Value::as_bool).unwrap_or(false);
    if html && format != Format::Html {
        wrong("html", format!("only html has markup, and the format is `{}`", format.name()));
    }
    if html && place.contains_key("attribute") {
        wrong("html", "`html` and `attribute` exclude each other".to_owned());
    }
    let mut way = Way::Whole;
    if let Some(selector) = text("selector") {
        match Selector::parse(selector) {
            Ok(selector) => way = Way::Selector(selector),
            Err(error) => wrong("selector", format!("it is no CSS selector: {error}")),
        }
    }
    if let Some(path) = text("path") {
        match read_path(path) {
            Some(path) => way = Way::Path(path),
            None => wrong("path", "it is no path such as `orders.0.id` or `/orders/0/id`".to_owned()),
        }
    }
    let mut pattern = None;
    if let Some(source) = text("pattern") {
        match RegexBuilder::new(source).size_limit(PATTERN_SIZE).build() {
            Ok(compiled) => pattern = Some(compiled),
            Err(error) => {
                // The lines before the last one draw the pattern.
                let message = error.to_string();
                let line = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                wrong("pattern", format!("it is no pattern: {}", line.trim()));
            }
        }
    }
    holds.then(|| Place { way, pattern, attribute: text("attribute").map(str::to_owned), html })
}

/// The steps of a JSON pointer, or of names and numbers between dots and in brackets.
fn read_path(path: &str) -> Option<Vec<String>> {
    if let Some(pointer) = path.strip_prefix('/') {
        return Some(pointer.split('/').map(schema::unescape).collect());
    }
    let mut steps = Vec::new();
    for part in path.strip_prefix("$.").unwrap_or(path).split('.') {
        let (name, brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
        // `[0].id` and `a[0][1]`, but no empty name.
        if name.is_empty() && (brackets.is_empty() || !steps.is_empty()) {
            return None;
        }
        steps.extend((!name.is_empty()).then(|| name.to_owned()));
        let mut rest = brackets;
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            let is_number = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
            steps.push(is_number.then(|| index.to_owned())?);
            rest = after;
        }
    }
    Some(steps)
}

/// What the steps lead to.
pub(super) fn walk<'v>(steps: &[String], value: &'v Value) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}
