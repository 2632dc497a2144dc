//! Controls with their labels, hints and errors, so that screen readers tell them together.

use maud::{Markup, html};
use serde_json::Value;

use super::{
    form::{Control, Field, Filled},
    page::Errors,
    shown,
};

/// Longer lists are a menu.
const MAX_RADIOS: usize = 7;

/// The element's id.
pub fn id(field: &Field) -> String {
    // A pointer may have spaces, which ids may not.
    let clean = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    format!("f-{}", field.name.chars().map(clean).collect::<String>())
}

/// The field that a path is in, if it is in one.
pub fn nearest<'f>(leaves: &[&'f Field], path: &str) -> Option<&'f Field> {
    let holds = |field: &&&Field| {
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(field.name.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    leaves.iter().filter(holds).max_by_key(|field| field.name.len()).copied()
}

/// What is wrong with a field, for who fills it in: the schema speaks of names and types.
pub fn told(field: &Field, message: &str) -> String {
    if message.ends_with("is missing") || message.contains("must not be empty") {
        let choice = matches!(field.control, Control::Choice(_) | Control::Choices(_));
        return if choice { "Choose one.".to_owned() } else { "Fill this in.".to_owned() };
    }
    if field.control == Control::Number && message.contains("must be of type") {
        return "Write a number, such as 12 or 12.5.".to_owned();
    }
    sentence(message)
}

/// A message as a sentence of its own, without the name that it may begin with.
pub fn sentence(message: &str) -> String {
    let rest = message.strip_prefix('`').and_then(|message| message.split_once("` "));
    let mut chars = rest.map_or(message, |(_, rest)| rest).chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", chars.as_str())
}

/// A field, or several together.
pub fn field(field: &Field, leaves: &[&Field], filled: Option<&Filled>, errors: &Errors) -> Markup {
    if let Control::Group(inner) = &field.control {
        return html! {
            fieldset.group {
                legend { (field.label) }
                @for help in &field.help { p.hint { (help) } }
                @for inner in inner { (self::field(inner, leaves, filled, errors)) }
            }
        };
    }
    let id = id(field);
    let wrong: Vec<&String> = errors
        .iter()
        .filter(|(path, _)| nearest(leaves, path).is_some_and(|nearest| nearest.name == field.name))
        .map(|(_, message)| message)
        .collect();
    let given = field.shown(filled);
    let described = described_by(field, &id, !wrong.is_empty());
    let about = html! {
        @if !field.help.is_empty() { p.hint id={ (id) "-hint" } { (field.help.join(" ")) } }
        @if !wrong.is_empty() { div id={ (id) "-error" } { @for message in &wrong { p.error { (told(field, message)) } } } }
    };
    let name = html! { (field.label) @if !field.required { " " span.optional { "(optional)" } } };
    let picks = |choices: &[Value], kind: &str| {
        html! {
            fieldset.field.wrong[!wrong.is_empty()] id=(id) tabindex="-1" aria-describedby=[described.as_deref()] {
                legend { (name) }
                (about)
                @for (index, choice) in choices.iter().enumerate() {
                    label.pick {
                        input type=(kind) name=(field.name) value=(index) checked[given.iter().any(|given| *given == index.to_string())];
                        span { (shown::value(choice)) }
                    }
                }
            }
        }
    };
    match &field.control {
        Control::Choice(choices) if choices.len() <= MAX_RADIOS => return picks(choices, "radio"),
        Control::Choices(choices) => return picks(choices, "checkbox"),
        Control::Flag => {
            return html! {
                div.field.wrong[!wrong.is_empty()] {
                    @if !wrong.is_empty() { (about) }
                    label.pick {
                        input id=(id) type="checkbox" name=(field.name) value="true" checked[!given.is_empty()]
                            aria-describedby=[described.as_deref()] aria-invalid=[invalid(&wrong)];
                        span {
                            (field.label)
                            @if !field.help.is_empty() { br; span.hint id={ (id) "-hint" } { (field.help.join(" ")) } }
                        }
                    }
                }
            };
        }
        _ => {}
    }
    let given = given.first().map_or("", String::as_str);
    html! {
        div.field.wrong[!wrong.is_empty()] {
            label for=(id) { (name) }
            (about)
            @match &field.control {
                Control::Constant(value) => div id=(id) { (shown::value(value)) },
                Control::Choice(choices) => {
                    select id=(id) name=(field.name) aria-describedby=[described.as_deref()] aria-invalid=[invalid(&wrong)] {
                        option value="" { "Choose one" }
                        @for (index, choice) in choices.iter().enumerate() {
                            option value=(index) selected[given == index.to_string()] { (plain(choice)) }
                        }
                    }
                }
                Control::Text | Control::Lines(_) | Control::Json => {
                    textarea.code[field.control == Control::Json] id=(id) name=(field.name) rows="4"
                        aria-describedby=[described.as_deref()] aria-invalid=[invalid(&wrong)] aria-required=[field.required.then_some("true")]
                        // The parser drops the first line break.
                        { "\n" (given) }
                }
                control => {
                    input id=(id) name=(field.name) type=(input_type(control)) value=(given)
                        inputmode=[(*control == Control::Number).then_some("decimal")] autocomplete="off"
                        aria-describedby=[described.as_deref()] aria-invalid=[invalid(&wrong)] aria-required=[field.required.then_some("true")];
                }
            }
        }
    }
}

/// A control for numbers would lose what is no number, and with it what somebody has written.
fn input_type(control: &Control) -> &'static str {
    match control {
        Control::Line(kind) => kind,
        _ => "text",
    }
}

fn invalid(wrong: &[&String]) -> Option<&'static str> {
    (!wrong.is_empty()).then_some("true")
}

fn described_by(field: &Field, id: &str, wrong: bool) -> Option<String> {
    let parts = [(!field.help.is_empty(), "hint"), (wrong, "error")];
    let parts: Vec<String> = parts.iter().filter(|(is, _)| *is).map(|(_, part)| format!("{id}-{part}")).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
