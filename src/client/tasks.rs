//! Calls of a worker: lease tasks, tell how they go, and how they end.
//!
//! A lease token is the only credential of a task's doors, so all calls but the lease are made without the key.

use reqwest::{Body, Method, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Client, ClientError};

/// How long an upload may take.
const UPLOAD_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(10);

/// What is leased.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseRequest {
    /// Queues, 1 to 32.
    pub queues: Vec<String>,
    /// Most tasks, 1 to 100.
    pub max: usize,
    /// How long the server may wait for one, up to 55 seconds.
    pub wait_seconds: u64,
    /// The worker's name.
    pub worker_id: String,
    /// The worker's version.
    pub version: Option<String>,
}

/// A task in a worker's hands.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    pub task_id: String,
    /// Good for this lease of this task only.
    pub lease_token: String,
    /// The queue it waited in.
    pub queue: String,
    /// The execution it belongs to.
    pub execution_id: String,
    /// The node.
    pub node_id: String,
    /// What the node hands over.
    #[serde(default)]
    pub input: Value,
    /// How long a lease lasts without a heartbeat.
    pub lease_seconds: u64,
    /// RFC 3339; when the node gives up on it.
    pub deadline: Option<crate::clock::Instant>,
    /// Everything, as it was received.
    #[serde(skip)]
    pub whole: Value,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token and the input are nobody's business.
        f.debug_struct("Task").field("task_id", &self.task_id).field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// What a heartbeat tells the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Beat {
    /// The task was withdrawn.
    pub cancelled: bool,
    /// Until when the lease lasts now.
    pub lease_until: Option<crate::clock::Instant>,
}

impl Client {
    /// Leases tasks below a pod's path; none when the wait was over. Not repeated: tasks of a reply that was lost come back when
    /// their lease runs out.
    pub async fn lease_tasks(&self, pod: &str, wanted: &LeaseRequest) -> Result<Vec<Task>, ClientError> {
        let path = format!("{pod}/tasks/lease");
        let patience = super::REPLY_TIMEOUT;
        let request = self.request(Method::POST, &path).timeout(patience).json(wanted);
        let response = request.send().await.map_err(|error| self.unreachable(&path, &error))?;
        if !response.status().is_success() {
            return Err(self.refusal(&path, response).await);
        }
        let body = self.body(&path, response).await?;
        let Some(rows) = body["tasks"].as_array() else { return Err(self.unexpected(&path, "it has no `tasks`")) };
        rows.iter()
            .map(|row| {
                let task = Task::deserialize(row).map_err(|error| self.unexpected(&path, &error.to_string()))?;
                Ok(Task { whole: row.clone(), ..task })
            })
            .collect()
    }

    /// Extends a lease and tells what has happened; `report` may have `progress`, `message`, `logs`, `actions` and `deltas`. A
    /// repetition with the same key tells nothing twice.
    pub async fn heartbeat_task(&self, task: &str, token: &str, report: Value, key: &str) -> Result<Beat, ClientError> {
        let path = format!("{task}/heartbeat");
        let reply = self.send_once(&path, &with_token(report, token), key).await?;
        Beat::deserialize(reply).map_err(|error| self.unexpected(&path, &error.to_string()))
    }

    /// Ends a task with an output.
    pub async fn complete_task(&self, task: &str, token: &str, output: &Value) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("{task}/complete"), &with_token(json!({"output": output}), token))
            .await
            .map(drop)
    }

    /// Ends a task with an error: `message`, and maybe `code`, `retryable` and `details`.
    pub async fn fail_task(&self, task: &str, token: &str, error: &Value) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("{task}/fail"), &with_token(json!({"error": error}), token)).await.map(drop)
    }

    /// Gives a task back unharmed.
    pub async fn release_task(&self, task: &str, token: &str) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("{task}/release"), &with_token(json!({}), token)).await.map(drop)
    }

    /// Uploads a file of `size` bytes.
    pub async fn put_artifact(
        &self,
        task: &str,
        token: &str,
        name: &str,
        file: tokio::fs::File,
        size: u64,
    ) -> Result<Value, ClientError> {
        let path = format!("{task}/artifacts/{}", path_segment(name));
        let request = self
            .request(Method::PUT, &path)
            .timeout(UPLOAD_TIMEOUT)
            .header("x-lease-token", token)
            .header(header::CONTENT_TYPE, content_type(name))
            .header(header::CONTENT_LENGTH, size)
            .body(Body::wrap_stream(tokio_util::io::ReaderStream::new(tokio::io::AsyncReadExt::take(file, size))));
        let response = request.send().await.map_err(|error| self.unreachable(&path, &error))?;
        if !response.status().is_success() {
            return Err(self.refusal(&path, response).await);
        }
        self.body(&path, response).await
    }
}

fn with_token(mut body: Value, token: &str) -> Value {
    body["leaseToken"] = json!(token);
    body
}

/// A name as one segment of a path.
pub fn path_segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
        text
    })
}

/// The content type of a file, told from its name.
pub fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "json" => "application/json",
        "ndjson" | "jsonl" => "application/x-ndjson",
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_segments() {
        assert_eq!(path_segment("shot-1_a.b~c.png"), "shot-1_a.b~c.png");
        assert_eq!(path_segment("a b/ö?#%"), "a%20b%2F%C3%B6%3F%23%25");
    }

    #[test]
    fn content_types_follow_names() {
        assert_eq!(content_type("video.MP4"), "video/mp4");
        assert_eq!(content_type("a.tar.gz"), "application/gzip");
        assert_eq!(content_type("png"), "application/octet-stream");
    }

    #[test]
    fn a_task_does_not_show_its_token() {
        let row = json!({
            "taskId": "t", "leaseToken": "secret", "fence": 1, "queue": "q", "executionId": "e", "nodeId": "n",
            "attempt": 1, "input": {"password": "secret"}, "leaseSeconds": 30,
        });
        let task = Task::deserialize(row).unwrap();
        assert_eq!(task.lease_seconds, 30);
        assert!(!format!("{task:?}").contains("secret"));
    }
}
