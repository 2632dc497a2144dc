//! Subjects: what executions are about, such as a document or an order. An execution names its subject by text; where that text
//! is the id of a subject of its pod, there is more to know about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::{PodId, SubjectId, WorkspaceId};
use crate::clock::Instant;

/// The longest path, in characters.
pub const MAX_PATH_CHARS: usize = 1024;
/// The longest store, status and label, in characters.
pub const MAX_NAME_CHARS: usize = 255;
/// The most labels of a subject.
pub const MAX_LABELS: usize = 100;
/// The most bytes of a subject's metadata, and of its external data, as JSON.
pub const MAX_DATA_BYTES: usize = 256 << 10;
/// The member of an execution's context that names a label for its subject.
pub const COMPLETE_LABEL: &str = "completeLabel";
/// The member of a context that shows the subject.
pub const CONTEXT_MEMBER: &str = "subject";

/// A thing that executions are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its id: what executions about it have as their `subject`.
    pub id: SubjectId,
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// The pod it is in.
    pub pod_id: PodId,
    /// What it is called, such as a file's path; once per store in a pod.
    pub path: String,
    /// Where its content lives.
    pub store: Option<String>,
    /// Its labels, sorted.
    pub labels: Vec<String>,
    /// What is known of it.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// What others know of it, by whom.
    #[schema(value_type = Object)]
    pub external_data: Map<String, Value>,
    /// Where it stands, in words of the pod's own.
    pub status: Option<String>,
    /// A mark that it should be left alone. It is for people and programs; the server refuses nothing because of it.
    pub locked: bool,
    /// 1, and one more with each change.
    pub change_sequence: i64,
    /// Who has created it.
    pub created_by: String,
    /// When.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
}

/// Something that is wrong with a field of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectProblem {
    /// Which field, as a JSON pointer into the subject.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Subject {
    /// Brings the labels into the order they are kept in, each once.
    pub fn sort_labels(&mut self) {
        self.labels.sort_unstable();
        self.labels.dedup();
    }

    /// Adds labels that it does not have, and takes others away first.
    pub fn relabel(&mut self, add: &[String], remove: &[String]) {
        self.labels.retain(|label| !remove.contains(label));
        for label in add {
            if !self.labels.contains(label) {
                self.labels.push(label.clone());
            }
        }
    }

    /// The first thing that is wrong with what somebody has written into it.
    pub fn problem(&self) -> Option<SubjectProblem> {
        let wrong = |path: String, message: String| Some(SubjectProblem { path, message });
        if let Some(message) = line_problem(&self.path, MAX_PATH_CHARS) {
            return wrong("/path".to_owned(), message);
        }
        for (field, text) in [("/store", &self.store), ("/status", &self.status)] {
            if let Some(message) = text.as_deref().and_then(|text| line_problem(text, MAX_NAME_CHARS)) {
                return wrong(field.to_owned(), message);
            }
        }
        if self.labels.len() > MAX_LABELS {
            let message = format!("a subject has at most {MAX_LABELS} labels, not {}", self.labels.len());
            return wrong("/labels".to_owned(), message);
        }
        for (index, label) in self.labels.iter().enumerate() {
            if let Some(message) = label_problem(label) {
                return wrong(format!("/labels/{index}"), message);
            }
        }
        for (field, data) in [("/metadata", &self.metadata), ("/externalData", &self.external_data)] {
            let bytes = json!(data).to_string().len();
            if bytes > MAX_DATA_BYTES {
                let message = format!("must not be larger than {MAX_DATA_BYTES} bytes as JSON, not {bytes}");
                return wrong(field.to_owned(), message);
            }
        }
        None
    }

    /// What expressions find of it under `context.subject`.
    pub fn shown_in_context(&self) -> Value {
        let Self { id, path, store, labels, metadata, external_data, status, .. } = self;
        json!({
            "id": id, "path": path, "store": store, "labels": labels, "metadata": metadata,
            "externalData": external_data, "status": status,
        })
    }

    /// What no other subject of its pod has: the SHA-256 of store and path. An index has room for it, whatever the length of
    /// a path.
    pub fn place(&self) -> Vec<u8> {
        Sha256::digest(json!([self.store, self.path]).to_string()).to_vec()
    }
}

/// What is wrong with a label, if anything.
pub fn label_problem(label: &str) -> Option<String> {
    line_problem(label, MAX_NAME_CHARS)
}

/// The label that an execution with this context puts on its subject when it completes. What can't be a label is none.
pub fn complete_label(context: &Value) -> Option<&str> {
    let label = context.get(COMPLETE_LABEL)?.as_str()?.trim();
    label_problem(label).is_none().then_some(label)
}

/// Changes `target` as a JSON merge patch (RFC 7396) says: objects are merged, a null removes, anything else replaces.
pub fn merge_patch(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => _ = target.remove(&name),
            Value::Object(change) => {
                let member = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge_patch(member, change);
                }
            }
            change => _ = target.insert(name, change),
        }
    }
}

fn line_problem(text: &str, max_chars: usize) -> Option<String> {
    if text.is_empty() || text.chars().nth(max_chars).is_some() {
        return Some(format!("must have 1 to {max_chars} characters, not {}", text.chars().count()));
    }
    text.chars().any(char::is_control).then(|| "must have no control characters".to_owned())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn subject() -> Subject {
        Subject {
            id: SubjectId(Uuid::nil()),
            workspace_id: WorkspaceId(Uuid::nil()),
            pod_id: PodId(Uuid::nil()),
            path: "in/a.pdf".to_owned(),
            store: Some("acme/inbox:1.0.0".to_owned()),
            labels: Vec::new(),
            metadata: Map::new(),
            external_data: Map::new(),
            status: None,
            locked: false,
            change_sequence: 1,
            created_by: "ada".to_owned(),
            created_at: Instant(0),
            updated_at: Instant(0),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn problems_name_their_field() {
        assert_eq!(subject().problem(), None);
        let large = object(json!({ "x": "y".repeat(MAX_DATA_BYTES) }));
        type Change<'a> = Box<dyn Fn(&mut Subject) + 'a>;
        let changes: [(&str, Change<'_>); 11] = [
            ("/path", Box::new(|s| s.path = String::new())),
            ("/path", Box::new(|s| s.path = "ä".repeat(1025))),
            ("/path", Box::new(|s| s.path = "a\0".to_owned())),
            ("/store", Box::new(|s| s.store = Some(String::new()))),
            ("/store", Box::new(|s| s.store = Some("x".repeat(256)))),
            ("/status", Box::new(|s| s.status = Some("a\n".to_owned()))),
            ("/labels", Box::new(|s| s.labels = vec!["x".to_owned(); 101])),
            ("/labels/1", Box::new(|s| s.labels = vec!["x".to_owned(), String::new()])),
            ("/labels/0", Box::new(|s| s.labels = vec!["x".repeat(256)])),
            ("/metadata", Box::new(|s| s.metadata.clone_from(&large))),
            ("/externalData", Box::new(|s| s.external_data.clone_from(&large))),
        ];
        for (field, change) in changes {
            let mut changed = subject();
            change(&mut changed);
            assert_eq!(changed.problem().map(|problem| problem.path).as_deref(), Some(field));
        }
        let longest = Subject {
            path: "ä".repeat(1024),
            labels: vec!["ä".repeat(255); 100],
            metadata: object(json!({ "x": "y".repeat(MAX_DATA_BYTES - 8) })),
            ..subject()
        };
        assert_eq!(longest.problem(), None);
    }

    #[test]
    fn places_differ_by_store_and_path() {
        let of = |store: Option<&str>, path: &str| {
            Subject { store: store.map(str::to_owned), path: path.to_owned(), ..subject() }.place()
        };
        let places =
            [of(None, "a"), of(Some("a"), "a"), of(Some("a"), "b"), of(Some("null"), "a"), of(Some("a\","), "a")];
        for (index, place) in places.iter().enumerate() {
            assert!(!places[..index].contains(place), "{index}");
        }
        assert_eq!(of(Some("a"), "b"), of(Some("a"), "b"));
    }

    #[test]
    fn only_what_can_be_a_label_is_put_on_completion() {
        assert_eq!(complete_label(&json!({ "completeLabel": " done " })), Some("done"));
        for none in [json!({}), json!(null), json!({ "completeLabel": 7 }), json!({ "completeLabel": " " })] {
            assert_eq!(complete_label(&none), None, "{none}");
        }
        assert_eq!(complete_label(&json!({ "completeLabel": "x".repeat(256) })), None);
        assert_eq!(complete_label(&json!({ "completeLabel": "a\nb" })), None);
    }

    #[test]
    fn a_merge_patch_adds_replaces_and_removes() {
        let mut target = object(json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": [1], "f": 4 }));
        let patch =
            object(json!({ "a": null, "b": { "c": null, "x": { "y": 1, "z": null } }, "e": [2], "f": { "g": 5 } }));
        merge_patch(&mut target, patch);
        assert_eq!(Value::Object(target), json!({ "b": { "d": 3, "x": { "y": 1 } }, "e": [2], "f": { "g": 5 } }));
    }
}
