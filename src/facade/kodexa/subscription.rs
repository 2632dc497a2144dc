//! The subscription of an assistant, as a text, and the native subscriptions that it stands for.
//!
//! The text is a list of event names, `CONTENT_CREATED, documentFamily`, or an expression over the event and the document family it
//! is about: `type == "content" and hasExtensions("pdf") and !hasLabel("done")`. An expression is folded once for each family of events
//! that it may want: where `type` decides it there is a subscription without a condition or none, else the rest becomes the `when`.

mod parser;

use serde_json::{Map, Value, json};

use super::event_types::{EventName, FAMILIES, Native};
use crate::domain::subscription::{MAX_SUBSCRIPTIONS, Subscription};
use parser::{Call, Function, Term};

/// The longest text, in characters.
const MAX_CHARS: usize = 4_000;
/// Where a condition finds the document family.
const SUBJECT: &str = "event.context.subject";

/// What is wrong with a text, and at which of its characters, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub position: usize,
    /// What, in words for people.
    pub message: String,
}

impl Mistake {
    fn new(position: usize, message: impl Into<String>) -> Self {
        Self { position, message: message.into() }
    }
}

/// The native subscriptions of a text. `hint` is added to their priorities, `label` is the one to put on what they are about at the end.
pub fn translate(text: &str, hint: i32, label: Option<&str>) -> Result<Vec<Subscription>, Mistake> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if let Some((position, _)) = text.char_indices().nth(MAX_CHARS) {
        return Err(Mistake::new(position, format!("a subscription has at most {MAX_CHARS} characters")));
    }
    let wanted = match names(text)? {
        Some(names) => of_names(names),
        None => of_expression(&parser::parse(text)?)?,
    };
    if wanted.is_empty() {
        return Err(Mistake::new(0, "no event can be what this asks for"));
    }
    if wanted.len() > MAX_SUBSCRIPTIONS {
        return Err(Mistake::new(0, format!("it stands for more than {MAX_SUBSCRIPTIONS} native subscriptions")));
    }
    Ok(wanted.into_iter().map(|(native, when)| subscription(native, when, hint, label)).collect())
}

/// The names of a list; none if the text is no list.
fn names(text: &str) -> Result<Option<Vec<EventName>>, Mistake> {
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'*'))
    };
    if !text.split(',').map(str::trim).all(is_name) || matches!(text.trim(), "true" | "false" | "type") {
        return Ok(None);
    }
    let (mut names, mut position) = (Vec::new(), 0);
    for part in text.split(',') {
        let blanks = part.chars().take_while(|c| c.is_whitespace()).count();
        names.push(EventName::read(part.trim()).map_err(|message| Mistake::new(position + blanks, message))?);
        position += part.chars().count() + 1;
    }
    Ok(Some(names))
}

fn all_families() -> impl Iterator<Item = EventName> {
    (0..FAMILIES.len()).map(|index| EventName::OfFamily(index, None))
}

fn of_names(names: Vec<EventName>) -> Vec<(Native, Option<String>)> {
    let names = names.into_iter().flat_map(|name| match name {
        EventName::All => all_families().collect(),
        name => vec![name],
    });
    let mut wanted: Vec<(Native, Option<String>)> = Vec::new();
    for native in names.flat_map(|name| name.natives()) {
        if !wanted.iter().any(|(other, _)| *other == native) {
            wanted.push((native, None));
        }
    }
    // The first that fits an event decides.
    wanted.sort_by_key(|(native, _)| -native.priority);
    wanted
}

fn of_expression(term: &Term) -> Result<Vec<(Native, Option<String>)>, Mistake> {
    let mut own = Vec::new();
    own_names(term, &mut own);
    let mut wanted = Vec::new();
    for native in
        all_families().chain(own).flat_map(|name| name.natives().into_iter().map(move |native| (name.clone(), native)))
    {
        let (family, native) = native;
        match fold(term, &family, &native)? {
            Folded::Is(true) => wanted.push((native, None)),
            Folded::Is(false) => {}
            Folded::When(when) => wanted.push((native, Some(when))),
        }
    }
    wanted.sort_by_key(|(native, _)| -native.priority);
    Ok(wanted)
}

/// Types of no family that an expression names, each once.
fn own_names(term: &Term, found: &mut Vec<EventName>) {
    match term {
        Term::Or(terms) | Term::And(terms) => terms.iter().for_each(|term| own_names(term, found)),
        Term::Not(term) => own_names(term, found),
        Term::Type(name @ EventName::Own(_)) if !found.contains(name) => found.push(name.clone()),
        Term::Type(_) | Term::Is(_) | Term::Call(_) => {}
    }
}

/// What is left of a term for the events of one kind.
enum Folded {
    Is(bool),
    When(String),
}

fn fold(term: &Term, family: &EventName, native: &Native) -> Result<Folded, Mistake> {
    let (terms, end, joint) = match term {
        Term::Is(truth) => return Ok(Folded::Is(*truth)),
        Term::Not(inner) => {
            return Ok(match fold(inner, family, native)? {
                Folded::Is(truth) => Folded::Is(!truth),
                Folded::When(when) => Folded::When(format!("!({when})")),
            });
        }
        Term::Type(name) => return Ok(is_type(name, family, native)),
        Term::Call(call) => return call_text(call).map(Folded::When),
        // The truth that decides the whole, and what stands between the rest.
        Term::Or(terms) => (terms, true, " || "),
        Term::And(terms) => (terms, false, " && "),
    };
    let mut rest = Vec::new();
    for term in terms {
        match fold(term, family, native)? {
            Folded::Is(truth) if truth == end => return Ok(Folded::Is(end)),
            Folded::Is(_) => {}
            Folded::When(when) => rest.push(when),
        }
    }
    Ok(match rest.len() {
        0 => Folded::Is(!end),
        1 => Folded::When(rest.remove(0)),
        _ => Folded::When(format!("({})", rest.join(joint))),
    })
}

fn is_type(name: &EventName, family: &EventName, native: &Native) -> Folded {
    match (name, family) {
        (EventName::All, _) => Folded::Is(true),
        (EventName::OfFamily(asked, None), EventName::OfFamily(have, _)) => Folded::Is(asked == have),
        (EventName::OfFamily(asked, Some(verb)), EventName::OfFamily(have, _)) if asked == have => {
            let natives = name.natives();
            match &native.fixed {
                Some(fixed) => Folded::Is(natives.iter().any(|one| one.fixed.as_ref() == Some(fixed))),
                None => {
                    Folded::When(format!("event.type == {}", literal(&format!("{}.{verb}", FAMILIES[*have].native))))
                }
            }
        }
        (EventName::Own(_), EventName::Own(_)) => Folded::Is(name == family),
        _ => Folded::Is(false),
    }
}

/// A text of our expressions.
fn literal(text: &str) -> String {
    json!(text).to_string()
}

fn call_text(Call { function, arguments, position }: &Call) -> Result<String, Mistake> {
    let path = format!("default({SUBJECT}.path, \"\")");
    let any = |parts: Vec<String>| if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" || ")) };
    let each = |text: &dyn Fn(&str) -> String| any(arguments.iter().map(|(_, argument)| text(argument)).collect());
    Ok(match function {
        Function::HasLabel => each(&|label| format!("{} in {SUBJECT}.labels", literal(label))),
        Function::HasMixins => each(&|mixin| format!("{} in {SUBJECT}.metadata.mixins", literal(mixin))),
        Function::HasExtensions => each(&|extension| {
            let extension = extension.trim_start_matches('*').trim_start_matches('.').to_lowercase();
            format!("endsWith(lower({path}), {})", literal(&format!(".{extension}")))
        }),
        Function::MatchesPath => {
            let mut parts = Vec::new();
            for (at, pattern) in arguments {
                let pattern = path_pattern(pattern);
                // What is no pattern is told now, not when the first event comes.
                let test = format!("matches(\"\", {})", literal(&pattern));
                let sound = crate::expression::Expression::compile(&test)
                    .map_err(|error| error.message)
                    .and_then(|test| test.evaluate(&Value::Null).map_err(|error| error.to_string()));
                sound.map_err(|message| Mistake::new(*at, format!("this is no pattern of paths: {message}")))?;
                parts.push(format!("matches({path}, {})", literal(&pattern)));
            }
            if parts.is_empty() {
                return Err(Mistake::new(*position, "`matchesPath` needs a pattern"));
            }
            any(parts)
        }
    })
}

/// The pattern of a whole path. Two ways to write one are about: with signs that only regular expressions have it is one, else `*` is
/// any text and `?` any character.
fn path_pattern(text: &str) -> String {
    if text.contains(['\\', '^', '$', '(', '|', '+', '{', '[']) || text.contains(".*") {
        return format!("^(?:{text})$");
    }
    let mut pattern = "^".to_owned();
    for c in text.chars() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '.' | ')' | '}' | ']' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern.push('$');
    pattern
}

fn subscription(native: Native, when: Option<String>, hint: i32, label: Option<&str>) -> Subscription {
    let Native { pattern, name, fixed, priority } = native;
    let mut context = Map::from_iter([
        ("eventType".to_owned(), json!(name)),
        ("documentFamilyId".to_owned(), json!("{{ event.subject }}")),
        ("storeRef".to_owned(), json!(format!("{{{{ {SUBJECT}.store }}}}"))),
    ]);
    if let Some(label) = label {
        context.insert("completeLabel".to_owned(), crate::facade::literal(&json!(label)));
    }
    let name = fixed.map_or_else(|| "event.type".to_owned(), |fixed| literal(&fixed));
    Subscription {
        event_type: pattern,
        when,
        priority: Some(priority.saturating_add(hint).clamp(-100, 100)),
        dedupe_key: Some(dedupe_template(&name)),
        context,
    }
}

/// Events of one name about one thing are equal; those about nothing are not.
fn dedupe_template(name: &str) -> String {
    let subject = "(size(event.subject) > 180 ? sha256(event.subject) : event.subject)";
    format!("{{{{ event.subject == null ? \"\" : {name} + \" \" + {subject} }}}}")
}

#[cfg(test)]
mod tests;
