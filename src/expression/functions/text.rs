//! Functions on text. Positions and sizes count characters (Unicode scalar values), as in CEL.

use serde_json::Value;

use super::super::evaluate::Outcome;
use super::super::limits::{Purse, SLOT_BYTES};
use super::super::value::{Datum, push_text};
use super::{Arguments, Pattern};

/// `contains(text, part)`, and `contains(list, element)`.
pub(super) fn contains(arguments: Arguments<'_>) -> Outcome<'_> {
    match arguments.value(0) {
        Value::String(_) => arguments.text(1).map(drop)?,
        Value::Array(_) => {}
        _ => return Err(arguments.unfit(0, "a string or a list")),
    }
    arguments.evaluation.contained(arguments.value(1), arguments.value(0)).map(Datum::scalar)
}

pub(super) fn starts_with(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, start) = (arguments.text(0)?, arguments.text(1)?);
    arguments.meter().scan(start.len())?;
    Ok(Datum::scalar(text.starts_with(start)))
}

pub(super) fn ends_with(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, end) = (arguments.text(0)?, arguments.text(1)?);
    arguments.meter().scan(end.len())?;
    Ok(Datum::scalar(text.ends_with(end)))
}

/// `matches(text, pattern)`: whether the pattern occurs in the text, as in CEL.
pub(super) fn matches(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, source) = (arguments.text(0)?, arguments.text(1)?);
    let meter = arguments.meter();
    let found = match arguments.pattern {
        Some(pattern) => pattern.finds(meter, text)?,
        None => Pattern::compile_now(meter, source)?.finds(meter, text)?,
    };
    Ok(Datum::scalar(found))
}

/// `replace(text, from, to)`: every occurrence; plain text, no pattern.
pub(super) fn replace(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, from, to) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    arguments.meter().scan(2 * text.len())?;
    let occurrences = text.matches(from).count();
    arguments.meter().burn(occurrences as u64 / 8)?;
    arguments
        .meter()
        .allocate((text.len() + to.len().saturating_mul(occurrences)).saturating_sub(from.len() * occurrences))?;
    Ok(Datum::text(text.replace(from, to)))
}

/// `split(text, separator)`, and with a third argument at most that many parts. An empty separator splits characters.
pub(super) fn split(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, separator) = (arguments.text(0)?, arguments.text(1)?);
    let most = match arguments.count() {
        2 => usize::MAX,
        _ => {
            usize::try_from(arguments.integer(2)?).map_err(|_| arguments.invalid("the number of parts is negative"))?
        }
    };
    let meter = arguments.meter();
    meter.scan(2 * text.len())?;
    if most == 0 {
        return Datum::list(Vec::new(), 0);
    }
    let parts = if separator.is_empty() { text.chars().count() } else { text.matches(separator).count() + 1 };
    let parts = parts.min(most);
    meter.burn(parts as u64 / 4)?;
    meter.allocate(parts.saturating_mul(SLOT_BYTES) + text.len())?;
    let list = if separator.is_empty() {
        let mut rest = text;
        let mut list = Vec::with_capacity(parts);
        while list.len() < parts {
            let end = if list.len() + 1 == parts { rest.len() } else { rest.chars().next().map_or(0, char::len_utf8) };
            list.push(Value::from(&rest[..end]));
            rest = &rest[end..];
        }
        list
    } else {
        text.splitn(most, separator).map(Value::from).collect()
    };
    Datum::list(list, 0)
}

/// `join(list)` and `join(list, separator)`: elements as in a template, null as nothing.
pub(super) fn join(arguments: Arguments<'_>) -> Outcome<'_> {
    let items = arguments.list(0)?;
    let separator = if arguments.count() == 2 { arguments.text(1)? } else { "" };
    let meter = arguments.meter();
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        meter.burn(1)?;
        if index > 0 {
            meter.allocate(separator.len())?;
            text.push_str(separator);
        }
        push_text(meter, Purse::Working, item, &mut text)?;
    }
    Ok(Datum::text(text))
}

pub(super) fn lower(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().burn(1 + text.len() as u64 / 64)?;
    // One character more can become two and grow threefold; ASCII never grows.
    let length =
        if text.is_ascii() { text.len() } else { text.chars().flat_map(char::to_lowercase).map(char::len_utf8).sum() };
    arguments.meter().allocate(length)?;
    Ok(Datum::text(text.to_lowercase()))
}

pub(super) fn upper(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().burn(1 + text.len() as u64 / 64)?;
    let length =
        if text.is_ascii() { text.len() } else { text.chars().flat_map(char::to_uppercase).map(char::len_utf8).sum() };
    arguments.meter().allocate(length)?;
    Ok(Datum::text(text.to_uppercase()))
}

pub(super) fn trim(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().scan(text.len())?;
    arguments.copy_text(text.trim())
}

/// `substring(text, start)` and `substring(text, start, end)`: `end` not included; beyond the text is its end.
pub(super) fn substring(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    let bound =
        |index| usize::try_from(arguments.integer(index)?).map_err(|_| arguments.invalid("a position is negative"));
    let start = bound(1)?;
    let end = if arguments.count() == 3 { bound(2)? } else { usize::MAX };
    arguments.meter().burn(1 + text.len() as u64 / 64)?;
    if end < start {
        return Err(arguments.invalid("the end lies before the start"));
    }
    let byte = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(byte, _)| byte);
    arguments.copy_text(&text[byte(start)..byte(end)])
}
