//! Compiled workflow versions, kept by `(workflow, version)`. A version never changes, so nothing here can be stale.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use crate::{
    domain::ids::{WorkflowId, WorkspaceId},
    nodes::{CompiledWorkflow, registry},
    store::Store,
};

use super::EngineError;

/// How many versions are kept.
const KEPT: usize = 512;

type Key = (WorkspaceId, WorkflowId, i64);

/// The compiled versions.
pub struct Workflows {
    store: Arc<dyn Store>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_key: HashMap<Key, Arc<CompiledWorkflow>>,
    order: VecDeque<Key>,
}

impl Workflows {
    /// Nothing compiled yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// A version, compiled.
    pub async fn compiled(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: i64,
    ) -> Result<Arc<CompiledWorkflow>, EngineError> {
        let key = (workspace, workflow, version);
        if let Some(compiled) = self.kept().by_key.get(&key) {
            return Ok(Arc::clone(compiled));
        }
        let stored = self.store.workflow_version(workspace, workflow, version).await?;
        let compiled = Arc::new(registry::compile(&stored.definition).map_err(EngineError::Definition)?);
        let mut kept = self.kept();
        if kept.by_key.insert(key, Arc::clone(&compiled)).is_none() {
            kept.order.push_back(key);
        }
        if kept.order.len() > KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_key.remove(&oldest);
        }
        Ok(compiled)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of this lock panics")
    }
}
