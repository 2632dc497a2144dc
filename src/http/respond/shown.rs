//! Values and times as people read them.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::clock::Instant;

/// Deeper values are shown as JSON.
const MAX_DEPTH: usize = 3;
/// Tables have so many columns at most, or nobody can read them on a phone.
const MAX_COLUMNS: usize = 6;

/// A member's name as a label: `orderId` is `Order id`.
pub fn humanized(name: &str) -> String {
    let mut label = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    for c in name.chars() {
        let c = if matches!(c, '_' | '-') { ' ' } else { c };
        match before {
            None => label.extend(c.to_uppercase()),
            Some(before) if c.is_uppercase() && before.is_lowercase() => {
                label.push(' ');
                label.extend(c.to_lowercase());
            }
            _ => label.push(c),
        }
        before = Some(c);
    }
    label
}

/// A value to look at.
pub fn value(value: &Value) -> Markup {
    at_depth(value, 0)
}

fn at_depth(value: &Value, depth: usize) -> Markup {
    match value {
        Value::Object(members) if members.is_empty() => html! { span.dim { "Nothing" } },
        Value::Object(members) if depth < MAX_DEPTH => html! {
            dl.facts {
                @for (name, member) in simple_first(members) {
                    @let nested = is_nested(member);
                    div.wide[nested] {
                        dt { (humanized(name)) }
                        dd { (at_depth(member, depth + 1)) }
                    }
                }
            }
        },
        Value::Array(items) if items.is_empty() => html! { span.dim { "None" } },
        Value::Array(items) if items.iter().all(is_scalar) => html! {
            ul.items { @for item in items { li { (at_depth(item, depth)) } } }
        },
        Value::Array(items) => match columns(items) {
            Some(columns) => html! {
                div.scroll tabindex="0" role="region" aria-label="Table" {
                    table {
                        thead { tr { @for column in &columns { th scope="col" { (humanized(column)) } } } }
                        tbody {
                            @for item in items {
                                tr { @for column in &columns { td { @if let Some(cell) = item.get(column) { (at_depth(cell, depth)) } } } }
                            }
                        }
                    }
                }
            },
            None => json(value),
        },
        Value::Object(_) => json(value),
        Value::Null => html! { span.dim { "–" } },
        Value::Bool(yes) => html! { @if *yes { "Yes" } @else { "No" } },
        Value::Number(number) => html! { (number) },
        Value::String(text) if text.is_empty() => html! { span.dim { "–" } },
        Value::String(text) => html! { span.text { (text) } },
    }
}

/// What is on one line comes before what takes many.
fn simple_first(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(_, member)| is_nested(member));
    members
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.iter().all(is_scalar),
        _ => false,
    }
}

fn json(value: &Value) -> Markup {
    html! { pre tabindex="0" { (serde_json::to_string_pretty(value).unwrap_or_default()) } }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// The columns of a list of like objects.
fn columns(items: &[Value]) -> Option<Vec<String>> {
    let rows: Vec<&Map<String, Value>> = items.iter().map(Value::as_object).collect::<Option<_>>()?;
    let mut columns: Vec<String> = Vec::new();
    for (name, cell) in rows.iter().flat_map(|row| row.iter()) {
        if !is_scalar(cell) {
            return None;
        }
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    (1..=MAX_COLUMNS).contains(&columns.len()).then_some(columns)
}

/// An instant: the date and time of day, and how far away it is.
pub fn instant(at: Instant, now: Instant) -> Markup {
    html! {
        time datetime=(at) { (at.to_datetime().format("%-d %B %Y, %H:%M UTC")) }
        " (" (distance(at, now)) ")"
    }
}

/// How far away an instant is.
pub fn distance(at: Instant, now: Instant) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    let ms = at.ms_since(now).max(now.ms_since(at));
    // From two of a unit on: 36 hours say more than one day.
    let unit = UNITS.iter().find(|(length, _)| ms >= 2 * length).or(UNITS.iter().find(|(length, _)| ms >= *length));
    let Some((length, name)) = unit else { return "now".to_owned() };
    let count = ms / length;
    let plural = if count == 1 { "" } else { "s" };
    if at > now { format!("in {count} {name}{plural}") } else { format!("{count} {name}{plural} ago") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_labels() {
        for (name, label) in [
            ("orderId", "Order id"),
            ("total_amount", "Total amount"),
            ("due-date", "Due date"),
            ("IBAN", "IBAN"),
            ("x", "X"),
            ("", ""),
            ("größeXL", "Größe xL"),
        ] {
            assert_eq!(humanized(name), label);
        }
    }

    #[test]
    fn distances_are_rough() {
        let now = Instant(1_800_000_000_000);
        for (ms, text) in [
            (0, "now"),
            (999, "now"),
            (1_000, "in 1 second"),
            (-90_000, "90 seconds ago"),
            (120_000, "in 2 minutes"),
            (36 * 3_600_000, "in 36 hours"),
            (48 * 3_600_000, "in 2 days"),
        ] {
            assert_eq!(distance(now.plus_ms(ms), now), text);
        }
    }

    #[test]
    fn nothing_is_taken_for_markup() {
        let evil = json!({ "<b>": "<script>x</script>", "list": [{ "<i>": "</td><img>" }], "deep": { "a": { "b": { "c": { "<u>": 1 } } } } });
        let page = value(&evil).into_string();
        for tag in ["<b>", "<script", "<i>", "<img", "<u>"] {
            assert!(!page.contains(tag), "{page}");
        }
        assert!(page.contains("&lt;script&gt;"));
    }
}
