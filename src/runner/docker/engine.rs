//! The few calls of the Docker Engine API that a runner needs, over the engine's Unix socket.
//!
//! Plain HTTP with the client that the crate has: a client library of its own would bring more code than these seven calls. The paths
//! have no version, so an engine answers in its newest; everything used here is in all versions from 1.24 on.

use std::{path::Path, time::Duration};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// How long a call may take that waits for nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// A call to the engine that failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nobody answers at the socket.
    #[error("the Docker Engine can't be reached at {socket}: {why}")]
    Unreachable {
        /// The socket.
        socket: String,
        /// Why not.
        why: String,
    },
    /// The engine refused.
    #[error("the Docker Engine refused ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// The reply is not one of this API.
    #[error("the Docker Engine answered something that is not of its API: {0}")]
    Unexpected(String),
}

impl EngineError {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// An engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    http: reqwest::Client,
    socket: String,
}

/// What the engine counts of a running container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processes and threads.
    pub processes: u64,
    /// Processor time.
    pub cpu_time: Duration,
}

impl Engine {
    /// The engine at this socket.
    pub fn new(socket: &Path) -> Result<Self, EngineError> {
        let shown = socket.display().to_string();
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .build()
            .map_err(|error| EngineError::Unreachable { socket: shown.clone(), why: error.to_string() })?;
        Ok(Self { http, socket: shown })
    }

    /// Whether it answers, and what it is.
    pub async fn version(&self) -> Result<String, EngineError> {
        let version = self.json(self.request(Method::GET, "/version")).await?;
        Ok(version["Version"].as_str().unwrap_or("of an unknown version").to_owned())
    }

    /// Whether it has an image.
    pub async fn has_image(&self, name: &str) -> Result<bool, EngineError> {
        match self.json(self.request(Method::GET, &format!("/images/{name}/json"))).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a container; its id.
    pub async fn create(&self, name: &str, container: &Value) -> Result<String, EngineError> {
        let request = self.request(Method::POST, &format!("/containers/create?name={name}")).json(container);
        let made = self.json(request).await?;
        let id = made["Id"].as_str().filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| EngineError::Unexpected("a container without an id".to_owned()))
    }

    /// Starts it.
    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.done(self.request(Method::POST, &format!("/containers/{id}/start"))).await
    }

    /// Its log from the beginning, as it is written; ends with the container.
    pub async fn logs(&self, id: &str) -> Result<Response, EngineError> {
        // No timeout: a worker may be silent for as long as it likes.
        let request = self.http.get(format!("http://docker/containers/{id}/logs?follow=1&stdout=1&stderr=1"));
        self.answered(request).await
    }

    /// Waits until it has ended; its exit code.
    pub async fn wait(&self, id: &str) -> Result<i64, EngineError> {
        let request = self.http.post(format!("http://docker/containers/{id}/wait?condition=not-running"));
        let ended = self.json(request).await?;
        ended["StatusCode"].as_i64().ok_or_else(|| EngineError::Unexpected("an end without an exit code".to_owned()))
    }

    /// Sends it a signal. One that has ended already is no error.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let request = self.request(Method::POST, &format!("/containers/{id}/kill?signal={signal}"));
        match self.done(request).await {
            Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(()),
            done => done,
        }
    }

    /// Whether the kernel killed it because memory ran out.
    pub async fn ran_out_of_memory(&self, id: &str) -> Result<bool, EngineError> {
        let found = self.json(self.request(Method::GET, &format!("/containers/{id}/json"))).await?;
        Ok(found["State"]["OOMKilled"].as_bool().unwrap_or_default())
    }

    /// What it uses.
    pub async fn stats(&self, id: &str) -> Result<Stats, EngineError> {
        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
        let stats = self.json(self.request(Method::GET, &path)).await?;
        Ok(Stats {
            processes: stats["pids_stats"]["current"].as_u64().unwrap_or_default(),
            cpu_time: Duration::from_nanos(stats["cpu_stats"]["cpu_usage"]["total_usage"].as_u64().unwrap_or_default()),
        })
    }

    /// Removes it and its volumes, running or not. One that is gone already is no error, nor one that is just going.
    pub async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let request = self.request(Method::DELETE, &format!("/containers/{id}?force=1&v=1"));
        match self.done(request).await {
            Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(()),
            done => done,
        }
    }

    /// The containers with a label, ended ones too: their ids and labels.
    pub async fn labelled(&self, label: &str) -> Result<Vec<(String, Value)>, EngineError> {
        let filters = json!({"label": [label]}).to_string();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("all", "1")
            .append_pair("filters", &filters)
            .finish();
        let rows = self.json(self.request(Method::GET, &format!("/containers/json?{query}"))).await?;
        let row = |row: &Value| Some((row["Id"].as_str()?.to_owned(), row["Labels"].clone()));
        Ok(rows.as_array().into_iter().flatten().filter_map(row).collect())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://docker{path}")).timeout(PATIENCE)
    }

    async fn answered(&self, request: RequestBuilder) -> Result<Response, EngineError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() || status.as_u16() == 304 {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let told =
            serde_json::from_str::<Value>(&text).ok().and_then(|body| body["message"].as_str().map(str::to_owned));
        Err(EngineError::Refused { status: status.as_u16(), message: told.unwrap_or(text) })
    }

    async fn done(&self, request: RequestBuilder) -> Result<(), EngineError> {
        self.answered(request).await.map(drop)
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, EngineError> {
        let bytes = self.answered(request).await?.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::Unexpected(error.to_string()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> EngineError {
        // The innermost cause is what happened.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        EngineError::Unreachable { socket: self.socket.clone(), why: cause.to_string() }
    }
}
