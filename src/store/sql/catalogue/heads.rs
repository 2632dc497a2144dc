//! Workflows without their definitions, as they were read last: every trigger asks for one.
//!
//! Only a store that has its database for itself keeps them, and forgets all of them with every change of the catalogue. So
//! who was told that a change is made finds it made; and with several servers on one database each trigger reads.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::{
    ids::{WorkflowId, WorkspaceId},
    workflow::Workflow,
};

/// More than these are not kept.
const MAX_HEADS: usize = 10_000;

type Key = (WorkspaceId, WorkflowId);

/// What is kept.
#[derive(Debug, Default)]
pub struct Heads(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// How often everything was forgotten: what was read before the last time is not kept after it.
    changes: u64,
    heads: HashMap<Key, Workflow>,
}

impl Heads {
    /// What is kept of a workflow; if nothing, what [`Self::keep`] has to be given with what is read from now on.
    pub fn find(&self, key: Key) -> Result<Workflow, u64> {
        let kept = self.kept();
        kept.heads.get(&key).cloned().ok_or(kept.changes)
    }

    /// Keeps what was read, unless the catalogue has changed since.
    pub fn keep(&self, changes: u64, workflow: &Workflow) {
        let mut kept = self.kept();
        if kept.changes == changes && kept.heads.len() < MAX_HEADS {
            kept.heads.insert((workflow.workspace_id, workflow.id), workflow.clone());
        }
    }

    /// Forgets everything, when the catalogue has changed.
    pub fn forget(&self) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.heads.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Instant,
        domain::{ids::PodId, workflow::WorkflowState},
    };

    #[test]
    fn what_was_read_before_a_change_ended_is_not_kept_after_it() {
        let heads = Heads::default();
        let key = (WorkspaceId(uuid::Uuid::from_u128(1)), WorkflowId(uuid::Uuid::from_u128(2)));
        let workflow = Workflow {
            id: key.1,
            workspace_id: key.0,
            pod_id: PodId(uuid::Uuid::from_u128(3)),
            name: "a".to_owned(),
            description: String::new(),
            state: WorkflowState::Draft,
            starred: false,
            version: 1,
            deployed_version: None,
            definition: None,
            created_at: Instant(0),
            updated_at: Instant(0),
        };
        let before = heads.find(key).unwrap_err();
        heads.keep(before, &workflow);
        assert_eq!(heads.find(key), Ok(workflow.clone()));
        heads.forget();
        assert!(heads.find(key).is_err());
        heads.keep(before, &workflow);
        let after = heads.find(key).unwrap_err();
        heads.keep(after, &workflow);
        assert_eq!(heads.find(key), Ok(workflow));
    }
}
