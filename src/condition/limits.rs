//! Every bound of the language in one place, and the [`Meter`] that enforces them while a condition is evaluated.
//!
//! Each bound is checked *before* the work or the allocation it stands for. Nothing is ever refunded: a meter counts what
//! was allocated, not what is alive.

use std::cell::Cell;

use serde_json::Value;

use super::error::Failure;
use super::value::Datum;

/// Longest source, in bytes. It bounds the number of syntax nodes, too.
pub const SOURCE_BYTES: usize = 4_096;
/// Height of the syntax tree: brackets, literals of lists and the like, and changes of operator precedence count one each.
pub const NESTING: usize = 64;
/// Steps of one evaluation: about one per name, literal, operator and compared element, more for long texts.
pub const STEPS: u64 = 100_000;
/// Bytes that one evaluation may allocate for what it builds.
pub const EVALUATION_BYTES: usize = 1024 * 1024;
/// Characters of a string, or elements of a list or tuple, that `+` and `*` may build. The bound of `simpleeval`.
pub const LENGTH: usize = 100_000;
/// Greatest base and greatest exponent of `**`, whatever their signs. The bound of `simpleeval`.
pub const POWER: u32 = 4_000_000;
/// Levels of lists and dicts that are compared or answered. What JSON parsers accept.
pub const VALUE_DEPTH: usize = 128;

/// What one slot of a list costs while it is computed.
pub(super) const SLOT_BYTES: usize = size_of::<Datum<'static>>();
/// What one slot of a list of JSON costs.
pub(super) const JSON_BYTES: usize = size_of::<Value>();
/// What one entry of a dict of JSON costs besides the text of its key.
pub(super) const ENTRY_BYTES: usize = JSON_BYTES + size_of::<String>() + 16;

/// What an evaluation may still spend.
#[derive(Debug)]
pub(super) struct Meter {
    steps: Cell<u64>,
    bytes: Cell<usize>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { steps: Cell::new(STEPS), bytes: Cell::new(EVALUATION_BYTES) }
    }

    /// Spends steps.
    pub(super) fn burn(&self, steps: u64) -> Result<(), Failure> {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| Failure::limit(format!("the condition takes more than {STEPS} steps")))
    }

    /// Spends the steps of one fast pass over `bytes` bytes of text.
    pub(super) fn scan(&self, bytes: usize) -> Result<(), Failure> {
        self.burn(1 + bytes as u64 / 256)
    }

    /// Reserves memory; call it before allocating.
    pub(super) fn allocate(&self, bytes: usize) -> Result<(), Failure> {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes.set(left.unwrap_or(0));
        let message = || Failure::limit(format!("the condition allocates more than {EVALUATION_BYTES} bytes"));
        left.map(|_| ()).ok_or_else(message)
    }

    /// Reserves the memory and the steps of a list with `slots` elements; call it before allocating.
    pub(super) fn allocate_slots(&self, slots: usize) -> Result<(), Failure> {
        self.allocate(slots.saturating_mul(SLOT_BYTES))?;
        self.burn(1 + slots as u64 / 8)
    }
}

/// Refuses to go deeper into a value than any value may be.
pub(super) fn check_depth(depth: usize) -> Result<(), Failure> {
    if depth > VALUE_DEPTH {
        return Err(Failure::limit(format!("the value nests deeper than {VALUE_DEPTH} levels")));
    }
    Ok(())
}
