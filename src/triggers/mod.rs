//! What starts executions without a caller who asks for one: schedules, webhooks, events, bulk jobs, changes of subjects. A trigger decides that
//! something is to be started; what becomes of it is the engine's.

pub mod bulk;
pub mod events;
pub mod reprocess;
pub mod schedules;
pub mod subjects;
pub mod webhooks;

use crate::{engine::EngineError, store::StoreError};

/// Whether the same may work a moment later, without anybody changing anything.
fn may_pass(error: &EngineError) -> bool {
    matches!(error, EngineError::Stopping | EngineError::Unwritten(_) | EngineError::Store(StoreError::Database(_)))
}

/// An error as it is shown beside a slot or an item.
fn shown(error: &EngineError) -> String {
    const MAX_CHARS: usize = 500;
    let first = match error {
        EngineError::Input(problems) | EngineError::Plan(problems) => {
            problems.first().map(|problem| format!(": {} {}", problem.path, problem.message))
        }
        _ => None,
    };
    let text = format!("{error}{}", first.unwrap_or_default());
    text.chars().filter(|c| *c != '\0').take(MAX_CHARS).collect()
}
