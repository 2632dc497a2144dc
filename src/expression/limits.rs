//! Every bound of the language in one place, and the [`Meter`] that enforces them while an expression runs.
//!
//! Expressions are written by tenants and run inside the server, so each bound is checked *before* the work or the
//! allocation it stands for. Nothing is ever refunded: a meter counts what was allocated, not what is alive.

use std::cell::Cell;

use serde_json::Value;

use super::error::Failure;

/// Longest source of one expression, in bytes.
pub const SOURCE_BYTES: usize = 16 * 1024;
/// Syntax nodes in one expression, and in all expressions of one template string together.
pub const NODES: usize = 2_000;
/// Height of the syntax tree: brackets, calls, literals and changes of operator precedence each count one.
pub const NESTING: usize = 48;
/// Operands of one flat chain (`a || b || ...`, `a.b.c...`, `x ? a : y ? b : ...`).
pub const CHAIN: usize = 256;
/// Steps of one evaluation.
pub const FUEL: u64 = 100_000;
/// Bytes that one evaluation may allocate for what it builds.
pub const EVALUATION_BYTES: usize = 1024 * 1024;
/// Levels of lists and maps in a value that an expression builds or returns. Below the 128 levels at which JSON
/// parsers stop, so that a result can always be read back, wrapped in an event.
pub const VALUE_DEPTH: usize = 100;
/// Longest template string, in bytes.
pub const TEMPLATE_BYTES: usize = 256 * 1024;
/// Syntax nodes in all strings of one JSON template together.
pub const DOCUMENT_NODES: usize = 20_000;
/// Levels that are walked in a document of the context. What JSON parsers accept, and more than [`VALUE_DEPTH`].
pub(super) const CONTEXT_DEPTH: usize = 128;
/// Steps of one rendering, shared by all expressions of a template or a JSON template.
pub const RENDER_FUEL: u64 = 500_000;
/// Bytes of the result of one evaluation or one rendering.
pub const RENDER_BYTES: usize = 8 * 1024 * 1024;
/// Longest regular expression, in bytes.
pub const PATTERN_BYTES: usize = 1024;
/// Regular expressions written as literals in one expression: each is compiled once and kept.
pub const PATTERNS: usize = 16;

/// What one list or map slot costs; also the size of the value itself.
pub(super) const SLOT_BYTES: usize = size_of::<Value>();
/// What one map entry costs besides the text of its key.
pub(super) const ENTRY_BYTES: usize = SLOT_BYTES + size_of::<String>() + 16;

/// The account that an allocation is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purse {
    /// Bytes that an evaluation works with, renewed for each expression.
    Working,
    /// Bytes of the result, shared by a whole rendering.
    Output,
}

/// What an evaluation, or a rendering of several expressions, may still spend.
#[derive(Debug)]
pub(super) struct Meter {
    fuel: Cell<u64>,
    render_fuel: Cell<u64>,
    working: Cell<usize>,
    output: Cell<usize>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            fuel: Cell::new(FUEL),
            render_fuel: Cell::new(RENDER_FUEL),
            working: Cell::new(EVALUATION_BYTES),
            output: Cell::new(RENDER_BYTES),
        }
    }

    /// Renews what belongs to a single expression; what belongs to the rendering stays spent.
    pub(super) fn begin_expression(&self) {
        self.fuel.set(FUEL);
        self.working.set(EVALUATION_BYTES);
    }

    /// Spends steps.
    pub(super) fn burn(&self, steps: u64) -> Result<(), Failure> {
        let Some(fuel) = self.fuel.get().checked_sub(steps) else {
            self.fuel.set(0);
            return Err(Failure::limit(format!("the expression takes more than {FUEL} steps")));
        };
        let Some(render_fuel) = self.render_fuel.get().checked_sub(steps) else {
            self.render_fuel.set(0);
            return Err(Failure::limit(format!("the template takes more than {RENDER_FUEL} steps")));
        };
        self.fuel.set(fuel);
        self.render_fuel.set(render_fuel);
        Ok(())
    }

    /// Spends the steps of one fast pass over `bytes` bytes of text.
    pub(super) fn scan(&self, bytes: usize) -> Result<(), Failure> {
        self.burn(1 + bytes as u64 / 256)
    }

    /// Reserves working memory; call it before allocating.
    pub(super) fn allocate(&self, bytes: usize) -> Result<(), Failure> {
        self.reserve(Purse::Working, bytes)
    }

    /// Reserves memory from the given account; call it before allocating.
    pub(super) fn reserve(&self, purse: Purse, bytes: usize) -> Result<(), Failure> {
        let account = self.account(purse);
        let Some(left) = account.get().checked_sub(bytes) else {
            account.set(0);
            return Err(match purse {
                Purse::Working => {
                    Failure::limit(format!("the expression allocates more than {EVALUATION_BYTES} bytes"))
                }
                Purse::Output => Failure::limit(format!("the result is larger than {RENDER_BYTES} bytes")),
            });
        };
        account.set(left);
        Ok(())
    }

    /// Reserves the memory of a copy of `value` and answers the number of levels in it.
    pub(super) fn reserve_copy(&self, purse: Purse, value: &Value) -> Result<usize, Failure> {
        let mut scale = Scale { allowance: self.account(purse).get(), bytes: SLOT_BYTES, deepest: 0 };
        match scale.weigh(value, 0) {
            Ok(()) => self.reserve(purse, scale.bytes).map(|()| scale.deepest),
            Err(TooMuch::Bytes) => self.reserve(purse, usize::MAX).map(|()| 0),
            Err(TooMuch::Levels) => Err(too_deep()),
        }
    }

    /// Working bytes spent since the current expression began.
    pub(super) fn worked(&self) -> usize {
        EVALUATION_BYTES - self.working.get()
    }

    fn account(&self, purse: Purse) -> &Cell<usize> {
        match purse {
            Purse::Working => &self.working,
            Purse::Output => &self.output,
        }
    }
}

/// Refuses a value with more levels than any result may have.
pub(super) fn check_depth(depth: usize) -> Result<usize, Failure> {
    if depth > VALUE_DEPTH { Err(too_deep()) } else { Ok(depth) }
}

fn too_deep() -> Failure {
    Failure::limit(format!("the value nests deeper than {VALUE_DEPTH} levels"))
}

/// Bytes that a copy of `value` takes, for estimates of work; refuses what is too deep or too large to be copied.
pub(super) fn weigh(value: &Value) -> Result<usize, Failure> {
    let mut scale = Scale { allowance: RENDER_BYTES, bytes: SLOT_BYTES, deepest: 0 };
    match scale.weigh(value, 0) {
        Ok(()) => Ok(scale.bytes),
        Err(TooMuch::Bytes) => Err(Failure::limit(format!("the value is larger than {RENDER_BYTES} bytes"))),
        Err(TooMuch::Levels) => Err(too_deep()),
    }
}

enum TooMuch {
    Bytes,
    Levels,
}

/// Adds up a value and stops at the first excess, so weighing costs no more than what may be copied.
struct Scale {
    allowance: usize,
    bytes: usize,
    deepest: usize,
}

impl Scale {
    fn weigh(&mut self, value: &Value, depth: usize) -> Result<(), TooMuch> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.add(text.len()),
            Value::Array(items) => {
                self.descend(depth + 1)?;
                self.add(items.len().saturating_mul(SLOT_BYTES))?;
                items.iter().try_for_each(|item| self.weigh(item, depth + 1))
            }
            Value::Object(entries) => {
                self.descend(depth + 1)?;
                entries.iter().try_for_each(|(key, item)| {
                    self.add(key.len() + ENTRY_BYTES)?;
                    self.weigh(item, depth + 1)
                })
            }
        }
    }

    fn add(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.allowance { Err(TooMuch::Bytes) } else { Ok(()) }
    }

    fn descend(&mut self, depth: usize) -> Result<(), TooMuch> {
        self.deepest = self.deepest.max(depth);
        if depth > VALUE_DEPTH { Err(TooMuch::Levels) } else { Ok(()) }
    }
}
