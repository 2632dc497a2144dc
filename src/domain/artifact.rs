//! Artifacts: files that workers produce, as the API shows them and the log tells of them. Their bytes are in the object store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{ArtifactId, ExecutionId, TaskId, WorkspaceId};
use crate::clock::Instant;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest content type, in bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 200;
/// What a file without a content type is.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// What an artifact is to whoever looks at the execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// What the task was for.
    Output,
    /// A recording.
    Video,
    /// A picture of what the worker has seen.
    Screenshot,
    /// Lines that the worker wrote.
    Log,
    /// Any other file.
    File,
}

impl ArtifactKind {
    /// The kind of a file that nobody has named one for: the content type is believed before the name.
    pub fn of(content_type: &str, name: &str) -> Self {
        let essence = essence(content_type);
        let name = name.to_ascii_lowercase();
        match essence.split('/').next().unwrap_or_default() {
            "video" => Self::Video,
            "image" => Self::Screenshot,
            _ if name.rsplit_once('.').is_some_and(|(_, extension)| extension == "log") => Self::Log,
            _ if name.starts_with("output") => Self::Output,
            _ => Self::File,
        }
    }
}

/// A file that a worker has produced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// The execution it belongs to.
    pub execution_id: ExecutionId,
    /// The node whose run produced it.
    pub node_id: String,
    /// The run's address inside loops, such as `each[3]/fetch`; missing at the top level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The task whose worker sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The file's name, as the worker gave it.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Its media type, as the worker gave it.
    pub content_type: String,
    /// Its length in bytes.
    pub size: i64,
    /// The SHA-256 of its bytes, in lower-case hex.
    pub sha256: String,
    /// When it was complete.
    pub created_at: Instant,
}

/// Whose object it is; the object's key is made of these ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectOf {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The artifact, whether or not it has come to be one.
    pub artifact_id: ArtifactId,
}

/// A file that a worker sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its name; nothing is wrong with it ([`name_problem`]).
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Its media type.
    pub content_type: String,
}

/// What is wrong with a file's name, if anything: it is shown to people and becomes a file's name on their machines.
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.chars().nth(MAX_NAME_CHARS).is_some() {
        return Some("the name must have 1 to 200 characters");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Some("the name must have no slashes and no control characters");
    }
    // Texts that turn around, so that `gpj.exe` looks like `exe.jpg`.
    if name.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Some("the name must have no characters that change the direction of writing");
    }
    matches!(name, "." | "..").then_some("the name must not be `.` or `..`")
}

/// Whether a text can be the value of `Content-Type`: a type, a subtype, and perhaps parameters.
pub fn is_content_type(text: &str) -> bool {
    let is_token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.len() <= MAX_CONTENT_TYPE_BYTES
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        && text
            .split(';')
            .next()
            .and_then(|essence| essence.trim().split_once('/'))
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// A content type without its parameters, in lower case.
pub fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_content_type_and_name() {
        for (content_type, name, kind) in [
            ("video/webm", "output.webm", ArtifactKind::Video),
            ("Image/PNG", "shot.log", ArtifactKind::Screenshot),
            ("text/plain; charset=utf-8", "run.LOG", ArtifactKind::Log),
            ("text/plain", "log", ArtifactKind::File),
            ("application/json", "output.json", ArtifactKind::Output),
            ("application/json", "Output", ArtifactKind::Output),
            ("application/json", "my-output.json", ArtifactKind::File),
            (OCTET_STREAM, "a", ArtifactKind::File),
        ] {
            assert_eq!(ArtifactKind::of(content_type, name), kind, "{content_type} {name}");
        }
    }

    #[test]
    fn names_are_those_of_files() {
        for good in ["a", "übersicht 1.pdf", "a.b.c", "...", &"ä".repeat(200)] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0", "\u{202e}gpj.exe", &"ä".repeat(201)] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn content_types_have_a_type_and_a_subtype() {
        for good in ["text/plain", "text/plain; charset=utf-8", "application/vnd.a+json", "video/mp4;codecs=\"a, b\""] {
            assert!(is_content_type(good), "{good}");
        }
        for bad in ["", "text", "text/", "/plain", "text/pl ain", "text/plain\r\nx: y", "tëxt/plain", &"a/".repeat(150)]
        {
            assert!(!is_content_type(bad), "{bad:?}");
        }
    }
}
