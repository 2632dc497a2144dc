//! What has become of an execution that was asked for again: by a replay, a retry, or for its subject.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far those have come that an execution was asked for again as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reprocessing {
    /// One of them has not ended yet.
    Pending,
    /// All of them have ended, however.
    Done,
}

impl Reprocessing {
    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
        }
    }
}
