//! Admission: what stands between a trigger and a place to run. What a workflow's settings and a trigger say about limits,
//! duplicates and bursts; how they are kept is the store's, and when they are asked is the engine's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A point of priority is worth this long a wait in the queue, in milliseconds: executions that are queued together run in the
/// order of their priorities, and none waits for ever behind those that come after it.
pub const PRIORITY_MS: i64 = 60_000;
/// How long a key stands for its execution where the settings do not say, in milliseconds.
pub const DEFAULT_WINDOW_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many executions of a workflow may run at a time. One that is suspended does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Concurrency {
    /// How many: 1 to 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub limit: i64,
    /// A template over `input`, `context` and `subject`: executions with the same result share the limit, others have their own.
    /// A trigger's `concurrencyKey` takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What becomes of an execution for which there is no room.
    #[serde(default)]
    pub on_limit: OnLimit,
}

/// What becomes of an execution for which there is no room. One that has begun already always waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// It waits in the queue.
    #[default]
    Queue,
    /// It ends as `skipped`.
    Skip,
    /// The oldest of those that run or wait are cancelled, until it is one of as many as may run.
    CancelOldest,
    /// It fails with `concurrency_limit`.
    Fail,
}

impl OnLimit {
    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Skip => "skip",
            Self::CancelOldest => "cancel_oldest",
            Self::Fail => "fail",
        }
    }
}

/// What becomes of triggers with the same `dedupeKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dedupe {
    /// For how long a key stands for its execution, in milliseconds: 1 second to 30 days.
    #[serde(default = "default_window")]
    #[schema(minimum = 1_000, maximum = 2_592_000_000_i64)]
    pub window_ms: i64,
    /// Whether a key stands for its execution only until that has ended, though no longer than `windowMs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_end: bool,
    /// What becomes of the duplicate.
    #[serde(default)]
    pub mode: DedupeMode,
}

fn default_window() -> i64 {
    DEFAULT_WINDOW_MS
}

impl Default for Dedupe {
    fn default() -> Self {
        Self { window_ms: DEFAULT_WINDOW_MS, until_end: false, mode: DedupeMode::default() }
    }
}

/// What becomes of a duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DedupeMode {
    /// It is recorded as an execution that ends as `skipped`, with `duplicateOf`.
    #[default]
    Skip,
    /// Nothing is recorded: the reply is the execution that the key stands for.
    Join,
}

/// Triggers that come in bursts: the last one of a burst runs, when it has been quiet for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Debounce {
    /// Equal keys of one workflow are one burst: 1 to 255 bytes.
    #[schema(min_length = 1, max_length = 255)]
    pub key: String,
    /// How long it has to be quiet, in milliseconds: 1 to 7 days.
    #[schema(minimum = 1, maximum = 604_800_000)]
    pub quiet_ms: i64,
    /// The longest that the first one of a burst is put off, in milliseconds; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604_800_000)]
    pub max_ms: Option<i64>,
}

/// What an execution shares a limit with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The workflow, and the key where there is one; empty where only the pod or the workspace has a limit.
    pub name: String,
    /// How many executions of the lane may run; none where only the pod or the workspace has a limit.
    pub limit: Option<i64>,
    /// What becomes of those for which there is no room.
    pub on_limit: OnLimit,
}
