//! Documents of a workspace: JSON values under keys, in collections, whose text can be searched. Workflows remember things in
//! them, too: in collections whose names begin with [`MEMORY`].

mod search;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::WorkspaceId;
use crate::clock::Instant;

pub use search::{Match, Search, snippet, words};

/// The most bytes of a value, as JSON, and of a text.
pub const MAX_BYTES: usize = 256 << 10;
/// The most documents of a collection.
pub const MAX_DOCUMENTS: i64 = 100_000;
/// The most bytes of a name of a collection, and of a key.
pub const MAX_NAME_BYTES: usize = 200;
/// What collections begin with in which workflows remember things: they alone write there.
pub const MEMORY: &str = "memory:";

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The collection it is in.
    pub collection: String,
    /// Its key, once per collection.
    pub key: String,
    /// What it holds: any JSON.
    #[schema(value_type = Value)]
    pub value: Value,
    /// What is searched.
    pub text: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it was written last.
    pub updated_at: Instant,
    /// From when on it is gone; never, if null.
    pub expires_at: Option<Instant>,
}

/// A collection that has documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// How many documents it holds. One that has expired may be counted until it is removed.
    pub documents: i64,
}

/// A document that a search has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundDocument {
    /// The document.
    #[serde(flatten)]
    pub document: Document,
    /// How well it fits, in proportion to the one that fits best, whose score is 1.
    pub score: f64,
    /// The part of its text with the most of what was looked for.
    pub snippet: String,
}

/// What is wrong with a name of a collection or a key.
pub fn name_problem(name: &str) -> Option<String> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:/@~+=-".contains(&b))
        // Clients would take these for steps of a path.
        && !matches!(name, "." | "..");
    (!fits).then(|| format!("must be 1 to {MAX_NAME_BYTES} letters, digits and `_.:/@~+=-`, and not `.` or `..`"))
}

/// What is searched of a value that comes without a text: the texts in it, one per line.
pub fn text_of(value: &Value) -> String {
    let mut texts = Vec::new();
    collect(value, &mut texts);
    texts.join("\n")
}

fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|item| collect(item, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Document {
    /// A document that is written now, with the texts in its value as its text. `Err` says what does not fit.
    pub fn new(
        (collection, key): (&str, &str),
        value: Value,
        text: Option<String>,
        now: Instant,
        expires_at: Option<Instant>,
    ) -> Result<Self, (&'static str, String)> {
        for (field, name) in [("collection", collection), ("key", key)] {
            if let Some(problem) = name_problem(name) {
                return Err((field, problem));
            }
        }
        // Databases keep no zero characters in text.
        let text = text.unwrap_or_else(|| text_of(&value)).replace('\0', "\u{fffd}");
        for (field, bytes) in [("value", value.to_string().len()), ("text", text.len())] {
            if bytes > MAX_BYTES {
                return Err((field, format!("is {bytes} bytes long, more than {MAX_BYTES}")));
            }
        }
        let (collection, key) = (collection.to_owned(), key.to_owned());
        Ok(Self { collection, key, value, text, created_at: now, updated_at: now, expires_at })
    }
}

/// A word that stands for a collection of a workspace in the index of all: 32 letters.
pub fn place(workspace: WorkspaceId, collection: &str) -> String {
    let digest = Sha256::new().chain_update(workspace.0.as_bytes()).chain_update(collection).finalize();
    digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(b'a' + half)).collect()
}
