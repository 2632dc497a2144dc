//! What parent and child tell each other: four bytes of length (little-endian), then so many bytes of JSON.
//!
//! The child is not believed: its frames are bounded before they are read, and whatever does not fit is a reason to kill it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Bound, Line, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES};

/// The largest frame to the child: source, input and context, with room for escapes in the source.
pub(super) const MAX_ORDER_BYTES: usize = 2 * MAX_INPUT_BYTES;
/// The largest frame from the child.
pub(super) const MAX_TOLD_BYTES: usize = MAX_OUTPUT_BYTES + (64 << 10);

/// A script to run.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub source: String,
    pub input: Box<RawValue>,
    pub context: Box<RawValue>,
    pub memory_bytes: u64,
    pub cpu_ms: u64,
}

/// What the child says.
#[derive(Serialize, Deserialize)]
pub(super) enum Told {
    /// It is confined so far, and waits for orders.
    Ready(Confinement),
    /// The script logs.
    Log(Line),
    /// The script has a result.
    Done(Box<RawValue>),
    /// It has none.
    Failed(Failed),
}

/// How much the kernel helps. Each is the reason why not, if so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Confinement {
    pub seccomp: Option<String>,
    pub landlock: Option<String>,
}

/// Why there is no result, as far as the child can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failed {
    Thrown {
        message: String,
        stack: Option<String>,
    },
    /// Null was thrown. That is also what the interpreter throws when there is no memory left for an error.
    Null,
    Output(String),
    Exceeded(Bound),
}

/// A frame with its length in front.
pub(super) fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value)?;
    let length = u32::try_from(frame.len() - 4).map_err(serde::ser::Error::custom)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}
