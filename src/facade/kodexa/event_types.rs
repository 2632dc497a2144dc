//! The names of events: which native types an event name of that API stands for, what the name of a native event is there, and which
//! priority its executions have.
//!
//! An event name is a family and what happened, `DOCUMENT_FAMILY_CREATED`; a family alone, `documentFamily`, is all of its events.
//! Subjects are both: a new one is new content (`CONTENT_CREATED`), and a document family that was created. What is of no family
//! is a native type by the same name.

use crate::domain::subscription::{check_pattern, check_type};

/// A family of events.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// What its event names begin with.
    pub name: &'static str,
    /// What native types of it begin with.
    pub native: &'static str,
    /// The priority of executions that its events start.
    pub priority: i32,
}

/// All families, the most urgent first: so is the order of a workflow's subscriptions, and the first that fits decides.
pub const FAMILIES: [Family; 8] = [
    Family { name: "CONTENT", native: "content", priority: 7 },
    Family { name: "DOCUMENT_FAMILY", native: "subject", priority: 6 },
    Family { name: "TASK", native: "task", priority: 6 },
    Family { name: "DATA_OBJECT", native: "dataObject", priority: 5 },
    Family { name: "CHANNEL", native: "channel", priority: 5 },
    Family { name: "WORKSPACE", native: "workspace", priority: 4 },
    Family { name: "ASSISTANT", native: "assistant", priority: 4 },
    Family { name: "SCHEDULED", native: "scheduled", priority: 3 },
];
/// The priority of executions that events of no family start: those are an assistant's own.
pub const OWN_PRIORITY: i32 = 4;
/// The event name of what the clock starts.
pub const SCHEDULED: &str = "SCHEDULED";

/// An event name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventName {
    /// Every event.
    All,
    /// A family by its place in [`FAMILIES`], and what happened in lower case; none is anything.
    OfFamily(usize, Option<String>),
    /// A native type, perhaps with `.*`.
    Own(String),
}

/// Native events that are wanted, and how they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// The pattern of their types.
    pub pattern: String,
    /// A template for their name.
    pub name: String,
    /// The name, where all of them have the same.
    pub fixed: Option<String>,
    /// The priority of what they start.
    pub priority: i32,
}

/// Two spellings of a family are one: `documentFamily`, `DOCUMENT_FAMILY`.
fn plain(text: &str) -> String {
    text.replace('_', "").to_lowercase()
}

impl EventName {
    /// Reads a name; the sentence says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::All);
        }
        let whole = plain(text);
        if let Some(index) = FAMILIES.iter().position(|family| plain(family.name) == whole) {
            return Ok(Self::OfFamily(index, None));
        }
        let upper = text.to_uppercase();
        for (index, family) in FAMILIES.iter().enumerate() {
            let verb = upper.strip_prefix(family.name).and_then(|rest| rest.strip_prefix('_'));
            if let Some(verb) = verb.filter(|verb| check_type(verb).is_ok()) {
                return Ok(Self::OfFamily(index, Some(verb.to_lowercase())));
            }
        }
        check_pattern(text).map(|()| Self::Own(text.to_owned()))
    }

    /// The family.
    pub fn family(&self) -> Option<&'static Family> {
        match self {
            Self::OfFamily(index, _) => FAMILIES.get(*index),
            Self::All | Self::Own(_) => None,
        }
    }

    /// The priority of what such an event starts.
    pub fn priority(&self) -> i32 {
        self.family().map_or(OWN_PRIORITY, |family| family.priority)
    }

    /// The native events that it stands for.
    pub fn natives(&self) -> Vec<Native> {
        let of = |pattern: String, name: String, fixed: bool| {
            let fixed = fixed.then(|| name.clone());
            Native { pattern, name, fixed, priority: self.priority() }
        };
        let (index, verb) = match self {
            Self::All => return Vec::new(),
            Self::Own(pattern) if check_type(pattern).is_ok() => {
                return vec![of(pattern.clone(), pattern.clone(), true)];
            }
            Self::Own(pattern) => return vec![of(pattern.clone(), "{{ event.type }}".to_owned(), false)],
            Self::OfFamily(index, verb) => (*index, verb.as_deref()),
        };
        let Family { name, native, .. } = &FAMILIES[index];
        let one =
            |native: &str, verb: &str| of(format!("{native}.{verb}"), format!("{name}_{}", verb.to_uppercase()), true);
        // Behind the dot, in capitals.
        let skip = native.len() + 1;
        let computed = format!("{name}_{{{{ upper(replace(substring(event.type, {skip}), \".\", \"_\")) }}}}");
        match (*name, verb) {
            // The first content of a subject comes with it.
            ("CONTENT", None) => vec![one("subject", "created"), of("content.*".to_owned(), computed, false)],
            ("CONTENT", Some("created")) => vec![one("subject", "created"), one(native, "created")],
            ("DOCUMENT_FAMILY", None) => ["created", "updated", "deleted"].map(|verb| one(native, verb)).into(),
            (_, Some(verb)) => vec![one(native, verb)],
            (_, None) => vec![of(format!("{native}.*"), computed, false)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_family_and_what_happened() {
        for (text, expected) in [
            ("*", EventName::All),
            ("content", EventName::OfFamily(0, None)),
            ("documentFamily", EventName::OfFamily(1, None)),
            ("DOCUMENT_FAMILY", EventName::OfFamily(1, None)),
            ("DOCUMENT_FAMILY_CREATED", EventName::OfFamily(1, Some("created".to_owned()))),
            ("Data_Object_Status_Changed", EventName::OfFamily(3, Some("status_changed".to_owned()))),
            ("order.created", EventName::Own("order.created".to_owned())),
            ("order.*", EventName::Own("order.*".to_owned())),
            ("train", EventName::Own("train".to_owned())),
        ] {
            assert_eq!(EventName::read(text), Ok(expected), "{text}");
        }
        for bad in ["", "a b", "CONTENT_", "*.a", "ä"] {
            let read = EventName::read(bad);
            assert!(read.is_err() || bad == "CONTENT_", "{bad}: {read:?}");
        }
    }

    #[test]
    fn every_name_stands_for_native_types_that_can_be_subscribed_to() {
        let patterns = |text: &str| {
            let natives = EventName::read(text).unwrap().natives();
            natives.into_iter().map(|native| (native.pattern, native.priority)).collect::<Vec<_>>()
        };
        let of = |list: &[(&str, i32)]| list.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(patterns("content"), of(&[("subject.created", 7), ("content.*", 7)]));
        assert_eq!(patterns("CONTENT_CREATED"), of(&[("subject.created", 7), ("content.created", 7)]));
        assert_eq!(
            patterns("documentFamily"),
            of(&[("subject.created", 6), ("subject.updated", 6), ("subject.deleted", 6)])
        );
        assert_eq!(patterns("TASK_COMPLETED"), of(&[("task.completed", 6)]));
        assert_eq!(patterns("scheduled"), of(&[("scheduled.*", 3)]));
        assert_eq!(patterns("train"), of(&[("train", 4)]));
        for family in &FAMILIES {
            for native in EventName::read(family.name).unwrap().natives() {
                assert_eq!(check_pattern(&native.pattern), Ok(()));
            }
        }
    }
}
