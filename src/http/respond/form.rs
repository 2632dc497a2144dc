//! A form from a JSON Schema, for people without JavaScript: what there is to fill in, and the value that was filled in.
//!
//! What the schema says in a way that no plain control can show is a text area for JSON. Nothing here judges a value: what does
//! not fit comes out as it was written, and the schema says so at its place.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::shown::humanized;

/// References are followed so often in a row.
const MAX_REFERENCES: usize = 16;
/// Deeper groups are JSON.
const MAX_DEPTH: usize = 4;

/// Something to fill in.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The control's name: `reason`, or a JSON pointer such as `data/address/city`.
    pub name: String,
    /// The text before it.
    pub label: String,
    /// More about it.
    pub help: Vec<String>,
    /// Whether it must be filled in.
    pub required: bool,
    /// How it looks.
    pub control: Control,
    /// What it begins with.
    pub start: Option<Value>,
}

/// How something is filled in.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// One line of text; the kind of `input`.
    Line(&'static str),
    /// Several lines.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
    /// One of these.
    Choice(Vec<Value>),
    /// Any of these.
    Choices(Vec<Value>),
    /// Several, one on each line.
    Lines(Box<Control>),
    /// Nothing to choose.
    Constant(Value),
    /// Several together.
    Group(Vec<Field>),
    /// Anything.
    Json,
}

/// What was filled in, by name.
#[derive(Clone, Debug, Default)]
pub struct Filled(HashMap<String, Vec<String>>);

impl Filled {
    /// From an urlencoded body.
    pub fn read(body: &[u8]) -> Self {
        let mut filled: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            filled.entry(name.into_owned()).or_default().push(value.replace("\r\n", "\n"));
        }
        Self(filled)
    }

    /// Fills in a control, in place of what was there.
    pub fn put(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_owned(), values);
    }

    /// What was filled in under a name.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// What was filled in under a name, if it is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str).filter(|text| !text.trim().is_empty())
    }
}

impl Field {
    /// A field beside a form.
    pub fn plain(name: &str, label: &str, control: Control) -> Self {
        let (name, label) = (name.to_owned(), label.to_owned());
        Self { name, label, help: Vec::new(), required: false, control, start: None }
    }

    /// The form of a schema.
    pub fn of_schema(schema: &Value) -> Self {
        let reader = Reader { root: schema };
        let field = reader.field("data".to_owned(), "", schema, true, 0);
        // The whole has no name of its own.
        let label = schema.get("title").and_then(Value::as_str).map_or("Your input", |title| title).to_owned();
        Self { label, ..field }
    }

    /// The fields that are filled in, in order.
    pub fn leaves(&self) -> Vec<&Self> {
        match &self.control {
            Control::Group(fields) => fields.iter().flat_map(Self::leaves).collect(),
            _ => vec![self],
        }
    }

    /// What was filled in, and where it can't be read.
    pub fn value(&self, filled: &Filled, unreadable: &mut Vec<(String, String)>) -> Option<Value> {
        match &self.control {
            Control::Constant(value) => Some(value.clone()),
            Control::Flag => Some(Value::Bool(!filled.all(&self.name).is_empty())),
            Control::Group(fields) => {
                let mut members = Map::new();
                for field in fields {
                    if let Some(value) = field.value(filled, unreadable) {
                        let name = field.name.rsplit('/').next().unwrap_or_default();
                        members.insert(name.replace("~1", "/").replace("~0", "~"), value);
                    }
                }
                // Flags alone fill in nothing that need not be.
                let empty = members.values().all(|value| *value == Value::Bool(false));
                (self.required || !empty).then_some(Value::Object(members))
            }
            Control::Choice(choices) => {
                let index: usize = filled.text(&self.name)?.parse().ok()?;
                choices.get(index).cloned()
            }
            Control::Choices(choices) => {
                let chosen = filled.all(&self.name).iter().filter_map(|index| index.parse::<usize>().ok());
                self.list(chosen.filter_map(|index| choices.get(index).cloned()).collect())
            }
            Control::Lines(each) => {
                let text = filled.text(&self.name).unwrap_or_default();
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                self.list(lines.map(|line| scalar(each, line)).collect())
            }
            Control::Json => {
                let text = filled.text(&self.name)?;
                match serde_json::from_str(text) {
                    Ok(value) => Some(value),
                    Err(error) => {
                        let message = format!("this is no JSON: {error}");
                        unreadable.push((format!("/{}", self.name), message));
                        None
                    }
                }
            }
            control => Some(scalar(control, filled.text(&self.name)?)),
        }
    }

    fn list(&self, items: Vec<Value>) -> Option<Value> {
        (self.required || !items.is_empty()).then_some(Value::Array(items))
    }

    /// What its control shows: what was filled in, else what it begins with.
    pub fn shown(&self, filled: Option<&Filled>) -> Vec<String> {
        if let Some(filled) = filled {
            return filled.all(&self.name).to_vec();
        }
        let Some(start) = &self.start else { return Vec::new() };
        let index = |choices: &[Value], value: &Value| choices.iter().position(|choice| choice == value);
        match (&self.control, start) {
            (Control::Flag, start) => (*start == Value::Bool(true)).then(|| "true".to_owned()).into_iter().collect(),
            (Control::Choice(choices), start) => index(choices, start).map(|i| i.to_string()).into_iter().collect(),
            (Control::Choices(choices), Value::Array(items)) => {
                items.iter().filter_map(|item| index(choices, item)).map(|i| i.to_string()).collect()
            }
            (Control::Lines(_), Value::Array(items)) => vec![items.iter().map(text).collect::<Vec<_>>().join("\n")],
            (Control::Json, start) => vec![serde_json::to_string_pretty(start).unwrap_or_default()],
            (Control::Line("datetime-local"), Value::String(at)) => vec![at.chars().take(16).collect()],
            (_, start) => vec![text(start)],
        }
    }
}

/// A value as it is written into a control.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a text stands for; a text that stands for nothing stays one, and the schema will say so.
fn scalar(control: &Control, text: &str) -> Value {
    match control {
        Control::Number => serde_json::from_str::<Number>(text.trim())
            .map_or_else(|_| Value::String(text.trim().to_owned()), Value::Number),
        // Browsers leave out what the schema's formats need.
        Control::Line("datetime-local") if text.len() == 16 => Value::String(format!("{text}:00Z")),
        Control::Line("datetime-local") if text.len() == 19 => Value::String(format!("{text}Z")),
        Control::Line("time") if text.len() == 5 => Value::String(format!("{text}:00Z")),
        Control::Line("time") if text.len() == 8 => Value::String(format!("{text}Z")),
        Control::Line(_) => Value::String(text.trim().to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

struct Reader<'s> {
    root: &'s Value,
}

impl<'s> Reader<'s> {
    /// The schema that references lead to.
    fn resolved(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
            let Some(target) = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
                break;
            };
            schema = target;
        }
        schema
    }

    fn field(&self, name: String, key: &str, written: &'s Value, required: bool, depth: usize) -> Field {
        let schema = self.resolved(written);
        let told = |member: &str| written.get(member).or_else(|| schema.get(member));
        let text = |member: &str| told(member).and_then(Value::as_str).map(str::to_owned);
        let control = self.control(&name, schema, depth);
        let mut help: Vec<String> = text("description").into_iter().collect();
        help.extend(hint(schema, &control));
        Field {
            name,
            label: text("title").unwrap_or_else(|| humanized(key)),
            help,
            required,
            control,
            start: told("default").cloned(),
        }
    }

    fn control(&self, name: &str, schema: &'s Value, depth: usize) -> Control {
        const COMPOSED: [&str; 8] =
            ["anyOf", "oneOf", "allOf", "if", "not", "$ref", "patternProperties", "dependentSchemas"];
        if let Some(constant) = schema.get("const") {
            return Control::Constant(constant.clone());
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return Control::Choice(choices.clone());
        }
        let kind = kind_of(schema);
        let properties = schema.get("properties").and_then(Value::as_object);
        // What is composed is the schema's business; the plain members of it can be filled in all the same.
        if properties.is_none() && COMPOSED.iter().any(|keyword| schema.get(keyword).is_some()) {
            return Control::Json;
        }
        match kind {
            Some("object") | None => match properties {
                Some(properties) if !properties.is_empty() && depth < MAX_DEPTH => {
                    let required = schema.get("required").and_then(Value::as_array);
                    let is_required =
                        |key: &String| required.is_some_and(|required| required.iter().any(|name| name == key));
                    let field = |(key, property): (&'s String, &'s Value)| {
                        let name = format!("{name}/{}", key.replace('~', "~0").replace('/', "~1"));
                        self.field(name, key, property, is_required(key), depth + 1)
                    };
                    let mut fields: Vec<Field> = properties.iter().map(field).collect();
                    // A schema has no order; what must be filled in comes first, and what is more than one control last.
                    fields.sort_by_key(|field| (matches!(field.control, Control::Group(_)), !field.required));
                    Control::Group(fields)
                }
                _ => Control::Json,
            },
            Some("array") => match schema.get("items").map(|items| self.resolved(items)) {
                Some(items) => match self.control(name, items, MAX_DEPTH) {
                    Control::Choice(choices) => Control::Choices(choices),
                    each @ (Control::Line(_) | Control::Text | Control::Number) => Control::Lines(Box::new(each)),
                    _ => Control::Json,
                },
                None => Control::Json,
            },
            Some("boolean") => Control::Flag,
            Some("number" | "integer") => Control::Number,
            Some("string") => line(schema),
            Some(_) => Control::Json,
        }
    }
}

fn line(schema: &Value) -> Control {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => Control::Line("date"),
        Some("time") => Control::Line("time"),
        Some("date-time") => Control::Line("datetime-local"),
        Some("email" | "idn-email") => Control::Line("email"),
        Some("uri" | "iri") => Control::Line("url"),
        Some(_) => Control::Line("text"),
        None => {
            let long = schema.get("maxLength").and_then(Value::as_u64).is_some_and(|most| most > 200);
            if long { Control::Text } else { Control::Line("text") }
        }
    }
}

/// The type, where there is one beside null.
fn kind_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            let kind = kinds.next();
            // Several have no one control.
            if kinds.next().is_some() { Some("any") } else { kind }
        }
        _ => None,
    }
}

/// What the schema asks for, in words.
fn hint(schema: &Value, control: &Control) -> Option<String> {
    let number = |member: &str| schema.get(member).filter(|value| value.is_number()).map(ToString::to_string);
    let range = |least: Option<String>, most: Option<String>, unit: &str| match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("Exactly {least}{unit}.")),
        (Some(least), Some(most)) => Some(format!("From {least} to {most}{unit}.")),
        (Some(least), None) => Some(format!("At least {least}{unit}.")),
        (None, Some(most)) => Some(format!("At most {most}{unit}.")),
        (None, None) => None,
    };
    match control {
        Control::Number => range(number("minimum"), number("maximum"), ""),
        Control::Line("datetime-local" | "time") => Some("Time zone: UTC.".to_owned()),
        Control::Line("text") | Control::Text => {
            range(number("minLength").filter(|least| least != "1"), number("maxLength"), " characters")
        }
        Control::Lines(_) => {
            let items = range(number("minItems"), number("maxItems"), " lines").unwrap_or_default();
            Some(format!("One on each line. {items}").trim_end().to_owned())
        }
        Control::Choices(_) => range(number("minItems"), number("maxItems"), " of these"),
        Control::Json => Some("Written as JSON.".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["amount", "address", "tags"],
            "properties": {
                "amount": { "type": "integer", "title": "Amount to pay", "minimum": 1, "maximum": 10, "default": 3 },
                "note": { "type": "string", "maxLength": 2000 },
                "firstName": { "type": ["string", "null"] },
                "urgent": { "type": "boolean", "default": true },
                "colour": { "enum": ["red", 7, null] },
                "due": { "type": "string", "format": "date-time" },
                "address": { "$ref": "#/$defs/address" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "sizes": { "type": "array", "items": { "enum": ["S", "M"] } },
                "numbers": { "type": "array", "items": { "type": "number" } },
                "kind": { "const": "order" },
                "either": { "oneOf": [{ "type": "string" }, { "type": "object" }] },
                "a/b~c": { "type": "string" },
                "more": { "type": "object", "properties": { "ok": { "type": "boolean" }, "x": { "type": "string" } } },
            },
            "$defs": { "address": { "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } } },
        })
    }

    fn value_of(body: &str) -> (Option<Value>, Vec<(String, String)>) {
        let mut unreadable = Vec::new();
        let value = Field::of_schema(&schema()).value(&Filled::read(body.as_bytes()), &mut unreadable);
        (value, unreadable)
    }

    #[test]
    fn each_property_has_its_control() {
        let form = Field::of_schema(&schema());
        let by_name: HashMap<&str, &Field> = form.leaves().into_iter().map(|leaf| (leaf.name.as_str(), leaf)).collect();
        let control = |name: &str| &by_name[name].control;
        assert_eq!(control("data/amount"), &Control::Number);
        assert_eq!(control("data/note"), &Control::Text);
        assert_eq!(control("data/firstName"), &Control::Line("text"));
        assert_eq!(control("data/due"), &Control::Line("datetime-local"));
        assert_eq!(control("data/address/city"), &Control::Line("text"));
        assert_eq!(control("data/tags"), &Control::Lines(Box::new(Control::Line("text"))));
        assert_eq!(control("data/sizes"), &Control::Choices(vec![json!("S"), json!("M")]));
        assert_eq!(control("data/either"), &Control::Json);
        assert_eq!(by_name["data/a~1b~0c"].label, "A/b~c");
        let amount = by_name["data/amount"];
        assert_eq!((amount.label.as_str(), amount.required), ("Amount to pay", true));
        assert_eq!(amount.help, ["From 1 to 10."]);
        assert_eq!(
            (amount.shown(None), by_name["data/firstName"].label.as_str()),
            (vec!["3".to_owned()], "First name")
        );
        for odd in
            [json!(true), json!({}), json!({ "type": "null" }), json!({ "$ref": "#/gone" }), json!({ "allOf": [] })]
        {
            assert_eq!(Field::of_schema(&odd).control, Control::Json, "{odd}");
        }
    }

    #[test]
    fn what_is_filled_in_becomes_a_value() {
        let (value, unreadable) = value_of(
            "data/amount=4&data/note=a%0D%0Ab&data/firstName=+Bo+&data/colour=1&data/due=2027-01-15T08:30&data/address/city=Lyon\
             &data/tags=one%0D%0A%0D%0A+two&data/sizes=1&data/sizes=0&data/numbers=1.5%0A2&data/either={\"x\":1}&data/a~1b~0c=z",
        );
        assert_eq!(unreadable, []);
        assert_eq!(
            value,
            Some(json!({
                "amount": 4, "note": "a\nb", "firstName": "Bo", "urgent": false, "colour": 7, "due": "2027-01-15T08:30:00Z",
                "address": { "city": "Lyon" }, "tags": ["one", "two"], "sizes": ["M", "S"], "numbers": [1.5, 2],
                "kind": "order", "either": { "x": 1 }, "a/b~c": "z",
            }))
        );
    }

    #[test]
    fn what_is_left_out_is_missing_and_what_is_wrong_stays() {
        let (value, unreadable) =
            value_of("data/amount=many&data/urgent=true&data/either={&data/colour=9&data/numbers=1%0Ax");
        assert_eq!(unreadable.len(), 1);
        assert_eq!(unreadable[0].0, "/data/either");
        let expected = json!({ "amount": "many", "urgent": true, "address": {}, "tags": [], "numbers": [1, "x"], "kind": "order" });
        assert_eq!(value, Some(expected));
    }
}
