//! Reading a text by a plan, within limits: what is found is counted in bytes, and so is the time.

use std::time::{Duration, Instant};

use regex::Captures;
use scraper::{ElementRef, Html};
use serde_json::{Map, Value, json};

use super::{
    super::{
        config::invalid,
        schema::{MAX_VALUE_DEPTH, fits_depth, shorten},
    },
    Field, Format, MAX_BYTES, Plan, html,
    place::{Place, Way, walk},
};
use crate::domain::failure::{Failure, FailureCode};

/// How long one text may take.
const MAX_TIME: Duration = Duration::from_secs(5);
/// All that is found together: elements lie in each other, so it can be far more than the text.
const MAX_FOUND_BYTES: usize = 4 * 1024 * 1024;
/// The most items, and the most values of one field.
const MAX_FOUND: usize = 10_000;

/// Reads a value by a plan.
pub(super) fn read(plan: &Plan, value: Value) -> Result<Value, Failure> {
    let mut search = Search { until: Instant::now() + MAX_TIME, bytes: MAX_FOUND_BYTES };
    if let (Format::Json, Value::Array(_) | Value::Object(_)) = (plan.format, &value) {
        return search.all(plan, &Part::Json(&value));
    }
    let text = match value {
        Value::String(text) => text,
        Value::Null => return Err(invalid("there is no text to read: the value is null")),
        other if plan.format == Format::Html => {
            return Err(invalid(format!("HTML is a text, and the value is {}", kind_of(&other))));
        }
        other => other.to_string(),
    };
    if text.len() > MAX_BYTES {
        let message = format!("the text is {} bytes long, more than {MAX_BYTES}", text.len());
        return Err(Failure::new(FailureCode::LimitExceeded, message));
    }
    match plan.format {
        Format::Text => search.all(plan, &Part::Text(&text)),
        Format::Json => {
            let value: Value = serde_json::from_str(&text).map_err(|error| {
                invalid(format!("the text is not JSON (line {}, column {})", error.line(), error.column()))
            })?;
            if !fits_depth(&value, MAX_VALUE_DEPTH) {
                let message = format!("the JSON nests deeper than {MAX_VALUE_DEPTH} levels");
                return Err(Failure::new(FailureCode::LimitExceeded, message));
            }
            search.all(plan, &Part::Json(&value))
        }
        Format::Html => {
            html::check(&text)?;
            let page = Html::parse_document(&text);
            drop(text);
            search.all(plan, &Part::Page(page.root_element()))
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What fields are looked for in: the whole, or an item.
enum Part<'a> {
    /// The whole page: its root may be found, too.
    Page(ElementRef<'a>),
    Element(ElementRef<'a>),
    Json(&'a Value),
    Text(&'a str),
}

struct Search {
    until: Instant,
    bytes: usize,
}

impl Search {
    fn all(&mut self, plan: &Plan, whole: &Part<'_>) -> Result<Value, Failure> {
        let Some(items) = &plan.items else { return self.fields(plan, whole, None).map(Value::Object) };
        let mut list = Vec::new();
        for (index, item) in self.items(items, whole)?.iter().enumerate() {
            list.push(Value::Object(self.fields(plan, item, Some(index))?));
        }
        Ok(Value::Array(list))
    }

    fn items<'a>(&mut self, place: &Place, whole: &Part<'a>) -> Result<Vec<Part<'a>>, Failure> {
        let found: Vec<Part<'a>> = match (whole, &place.way, &place.pattern) {
            (Part::Page(_) | Part::Element(_), Way::Selector(_), _) => {
                self.elements(place, whole, MAX_FOUND + 1)?.into_iter().map(Part::Element).collect()
            }
            (Part::Json(value), Way::Path(path), _) => match walk(path, value) {
                Some(Value::Array(items)) => items.iter().map(Part::Json).collect(),
                None | Some(Value::Null) => Vec::new(),
                Some(one) => vec![Part::Json(one)],
            },
            (Part::Text(text), _, Some(pattern)) => {
                let found = pattern.captures_iter(text).map(|captures| Part::Text(first_group(&captures)));
                found.take(MAX_FOUND + 1).collect()
            }
            _ => Vec::new(),
        };
        if found.len() > MAX_FOUND {
            return Err(Failure::new(FailureCode::LimitExceeded, format!("there are more than {MAX_FOUND} items")));
        }
        Ok(found)
    }

    fn fields(&mut self, plan: &Plan, part: &Part<'_>, index: Option<usize>) -> Result<Map<String, Value>, Failure> {
        let mut object = Map::new();
        for field in &plan.fields {
            let mut found = self.values(field, part)?;
            if found.is_empty() && field.required {
                let of = index.map(|index| format!(" of item {index}")).unwrap_or_default();
                let message = format!("the field `{}`{of} is required, and nothing was found", shorten(&field.name));
                return Err(invalid(message).with_details(json!({ "field": field.name, "index": index })));
            }
            let value = match (&field.default, field.all) {
                (Some(default), _) if found.is_empty() => {
                    self.spend(default.to_string().len())?;
                    default.clone()
                }
                (_, true) => Value::Array(found),
                (_, false) if found.is_empty() => Value::Null,
                (_, false) => found.swap_remove(0),
            };
            self.spend(field.name.len())?;
            object.insert(field.name.clone(), value);
        }
        Ok(object)
    }

    /// The values of a field: all, or at most the first.
    fn values(&mut self, field: &Field, part: &Part<'_>) -> Result<Vec<Value>, Failure> {
        let most = if field.all { MAX_FOUND + 1 } else { 1 };
        let mut values = Vec::new();
        // Where a pattern follows, what the first element has may not be what is looked for.
        let looked = if field.place.pattern.is_some() { MAX_FOUND + 1 } else { most };
        for raw in self.raw(field, part, looked)? {
            let Some(pattern) = &field.place.pattern else {
                values.push(trimmed(raw, field.trim));
                continue;
            };
            let text = match raw {
                Value::String(text) => text,
                other => other.to_string(),
            };
            for captures in pattern.captures_iter(&text).take(most.saturating_sub(values.len())) {
                let found = first_group(&captures);
                self.spend(found.len())?;
                values.push(trimmed(Value::from(found), field.trim));
            }
            self.look_at_the_clock()?;
            if values.len() >= most {
                break;
            }
        }
        if values.len() > MAX_FOUND {
            let message = format!("the field `{}` has more than {MAX_FOUND} values", shorten(&field.name));
            return Err(Failure::new(FailureCode::LimitExceeded, message));
        }
        Ok(values)
    }

    /// What the place's way has found, before its pattern.
    fn raw(&mut self, field: &Field, part: &Part<'_>, most: usize) -> Result<Vec<Value>, Failure> {
        let place = &field.place;
        match part {
            Part::Page(_) | Part::Element(_) => {
                let mut values = Vec::new();
                // An element without the attribute is passed by.
                let looked = if place.attribute.is_some() { MAX_FOUND + 1 } else { most };
                for element in self.elements(place, part, looked)? {
                    values.extend(self.value_of(element, place)?);
                    if values.len() == most {
                        break;
                    }
                }
                Ok(values)
            }
            Part::Json(value) => {
                let found = match &place.way {
                    Way::Path(path) => walk(path, value),
                    _ => Some(*value),
                };
                let found: Vec<&Value> = match found {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(items)) if field.all => items.iter().take(most).collect(),
                    Some(one) => vec![one],
                };
                for value in &found {
                    self.spend(weight(value))?;
                }
                Ok(found.into_iter().cloned().collect())
            }
            Part::Text(text) => {
                // The whole text is only looked at where a pattern follows, and its finds are counted.
                if place.pattern.is_none() {
                    self.spend(text.len())?;
                }
                Ok(vec![Value::from(*text)])
            }
        }
    }

    fn elements<'a>(&self, place: &Place, part: &Part<'a>, most: usize) -> Result<Vec<ElementRef<'a>>, Failure> {
        let (Part::Page(root) | Part::Element(root)) = part else { return Ok(Vec::new()) };
        let Way::Selector(selector) = &place.way else { return Ok(vec![*root]) };
        let own = usize::from(matches!(part, Part::Element(_)));
        let mut found = Vec::new();
        for element in root.descendent_elements().skip(own) {
            // One at a time: a selector may look at many elements for each, and the clock has to be seen in between.
            self.look_at_the_clock()?;
            if selector.matches_with_scope(&element, Some(*root)) {
                found.push(element);
                if found.len() == most {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn value_of(&mut self, element: ElementRef<'_>, place: &Place) -> Result<Option<Value>, Failure> {
        if let Some(name) = &place.attribute {
            let Some(value) = element.attr(name) else { return Ok(None) };
            self.spend(value.len())?;
            return Ok(Some(Value::from(value)));
        }
        if place.html {
            let markup = element.inner_html();
            self.spend(markup.len())?;
            return Ok(Some(Value::from(markup)));
        }
        let mut text = String::new();
        for piece in element.text() {
            self.spend(piece.len())?;
            text.push_str(piece);
        }
        // Databases keep no zero characters in text.
        Ok(Some(Value::from(text.replace('\0', "\u{fffd}"))))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Failure> {
        self.look_at_the_clock()?;
        let more = || Failure::new(FailureCode::LimitExceeded, format!("more than {MAX_FOUND_BYTES} bytes were found"));
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(more)?;
        Ok(())
    }

    fn look_at_the_clock(&self) -> Result<(), Failure> {
        if Instant::now() < self.until {
            return Ok(());
        }
        let message = format!("reading the text took longer than {} seconds", MAX_TIME.as_secs());
        Err(Failure::new(FailureCode::LimitExceeded, message))
    }
}

/// The first group that took part, else the whole match.
fn first_group<'t>(captures: &Captures<'t>) -> &'t str {
    let group = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0));
    group.map_or("", |group| group.as_str())
}

fn trimmed(value: Value, trim: bool) -> Value {
    match value {
        Value::String(text) if trim => Value::from(text.trim()),
        value => value,
    }
}

/// About how many bytes a value is as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + items.len(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value) + 2).sum(),
        _ => 8,
    }
}
