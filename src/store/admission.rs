//! What comes of a look at the rows that are held.

use crate::domain::{admission::OnLimit, ids::ExecutionId};

/// What comes of a look at the rows that are held in a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// How many rows may be claimed now that could not before.
    pub let_in: u64,
    /// New executions for which there is no room and which must not wait for it, and what is to become of them.
    pub turned_away: Vec<(ExecutionId, OnLimit)>,
    /// Executions that have to make room for newer ones.
    pub outdone: Vec<ExecutionId>,
    /// Not all rows were looked at.
    pub more: bool,
}
