//! What the checks are made on: an execution of a workflow of their own, with a loop, awkward texts, and a gate to wait at.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Client, ClientError,
    follow::{Received, TERMINAL_TYPES, log_page},
};

/// The workflow's name: it is found by it when the checks are made again.
const WORKFLOW: &str = "Stream conformance";
/// Texts that a careless writer of streams breaks at.
const AWKWARD: &str =
    "one\ntwo\r\nthree\rfour\u{2028}five\u{85}\n\ndata: no data\nid: 99\n\n: no comment \u{1f600} \u{feff}";
/// How often the log is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Pages of the whole log.
const PAGE: usize = 1_000;

/// An execution, and the means to look at it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub client: Client,
    /// The execution's id.
    pub id: String,
    /// The execution's path.
    pub path: String,
}

fn definition() -> Value {
    let node = |id: &str, kind: &str, data: Value| json!({"id": id, "type": kind, "data": data});
    let mut work = node("work", "transform", json!({"output": {"number": "{{ item }}"}}));
    work["parentId"] = json!("each");
    json!({
        "nodes": [
            node("begin", "start", json!({})),
            node("each", "loop", json!({"items": "{{ input.items }}"})),
            work,
            node("text", "transform", json!({"output": {"text": "{{ input.text }}"}})),
            node("gate", "approval-gate", json!({"message": "{{ input.text }}", "expiresIn": "1h", "onExpiry": "cancel"})),
            node("after", "transform", json!({"output": {"text": "{{ input.text }}", "done": true}})),
            node("finish", "end", json!({})),
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "each"},
            {"id": "e2", "source": "each", "target": "text"},
            {"id": "e3", "source": "text", "target": "gate"},
            {"id": "e4", "source": "gate", "target": "after", "sourceHandle": "approved"},
            {"id": "e5", "source": "after", "target": "finish"},
        ],
    })
}

impl Subject {
    /// Finds or makes the workflow, and triggers an execution of it.
    pub async fn trigger(client: &Client, pod: &str) -> Result<Self, ClientError> {
        let path = format!("{pod}/workflows");
        let known = client.list(&path, usize::MAX).await?;
        let body = json!({
            "name": WORKFLOW,
            "description": "Made by `sluicegate conformance`, which checks the event streams on executions of it.",
            "definition": definition(),
        });
        let workflow = match known.iter().find(|workflow| workflow["name"] == WORKFLOW) {
            Some(found) => {
                let path = format!("{path}/{}", found["id"].as_str().unwrap_or_default());
                client.send(Method::PATCH, &path, &body).await?
            }
            None => client.send(Method::POST, &path, &body).await?,
        };
        let items: Vec<i64> = (1..=12).collect();
        let body = json!({"workflowId": workflow["id"], "input": {"items": items, "text": AWKWARD}});
        let path = format!("{pod}/executions");
        let execution = client.send(Method::POST, &path, &body).await?;
        let id = execution["id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { client: client.clone(), path: format!("{path}/{id}"), id })
    }

    /// The path of the events.
    pub fn events(&self) -> String {
        format!("{}/events", self.path)
    }

    /// The log by pages of JSON: what streams are compared with.
    pub async fn log(&self) -> Result<Vec<Received>, ClientError> {
        self.log_by(PAGE).await
    }

    /// The same by pages of this size.
    pub async fn log_by(&self, size: usize) -> Result<Vec<Received>, ClientError> {
        let mut log: Vec<Received> = Vec::new();
        loop {
            let after = log.last().map_or(0, |event| event.seq);
            let page = log_page(&self.client, &format!("{}?after={after}&limit={size}", self.events())).await?;
            let full = page.len() >= size && page.last().is_some_and(|event| event.seq > after);
            log.extend(page);
            if !full {
                return Ok(log);
            }
        }
    }

    /// Looks at the log until an event fits, for a bounded time.
    pub async fn until(
        &self,
        patience: Duration,
        fits: impl Fn(&Received) -> bool,
    ) -> Result<Vec<Received>, ClientError> {
        let begun = Instant::now();
        loop {
            let log = self.log().await?;
            if log.iter().any(&fits) {
                return Ok(log);
            }
            if begun.elapsed() > patience {
                let last = log.last().map_or("nothing", |event| event.kind()).to_owned();
                let reason =
                    format!("the execution does not get on: its log ends with {last} after {} events", log.len());
                return Err(ClientError::Unexpected { url: self.events(), reason });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the execution waits for its answer.
    pub async fn until_suspended(&self, patience: Duration) -> Result<Vec<Received>, ClientError> {
        self.until(patience, |event| event.kind() == "execution_status" && event.event["status"] == "suspended").await
    }

    /// Waits until it has ended.
    pub async fn until_ended(&self, patience: Duration) -> Result<Vec<Received>, ClientError> {
        self.until(patience, |event| TERMINAL_TYPES.contains(&event.kind())).await
    }

    /// Gives the answer.
    pub async fn approve(&self) -> Result<(), ClientError> {
        self.client.send(Method::PATCH, &format!("{}/approve", self.path), &json!({})).await.map(drop)
    }

    /// Leaves nothing waiting behind.
    pub async fn abandon(&self) {
        // Mostly it has ended, and then there is nothing to cancel.
        _ = self.client.delete(&self.path).await;
    }
}
