//! Reading: an execution as the API shows it, with the node runs that its log tells of.

use crate::{
    domain::{
        execution::ExecutionView,
        ids::{ExecutionId, PodId, WorkspaceId},
    },
    store::{StoreError, SuspensionFilter},
};

use super::{Engine, EngineError};

/// What a view holds beside the row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Include {
    /// The node runs.
    pub nodes: bool,
    /// The suspensions.
    pub suspensions: bool,
    /// The input and context.
    pub input: bool,
}

impl Include {
    /// Everything.
    pub const ALL: Self = Self { nodes: true, suspensions: true, input: true };
}

impl Engine {
    /// An execution of a pod.
    pub async fn view(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        id: ExecutionId,
        include: Include,
    ) -> Result<ExecutionView, EngineError> {
        let now = self.0.clock.now();
        let (execution, nodes) = if include.nodes {
            let loaded = self.0.store.load_execution(workspace, id).await?;
            let origin = &loaded.execution.origin;
            let workflow = self.0.workflows.compiled(workspace, origin.workflow_id, origin.workflow_version).await?;
            let machine = super::project::fold(workflow, &loaded, self.0.config.limits)?;
            (loaded.execution, Some(machine.node_states()))
        } else {
            (self.0.store.execution(workspace, id).await?, None)
        };
        if execution.origin.pod_id != pod {
            return Err(StoreError::NotFound("execution").into());
        }
        let mut view = execution.view(now);
        view.nodes = nodes;
        if !include.input {
            view.input = None;
            view.context = None;
        }
        if include.suspensions {
            let filter = SuspensionFilter { execution_id: Some(id), ..SuspensionFilter::default() };
            view.suspensions = Some(self.0.store.suspensions(workspace, &filter, 200, None).await?.items);
        }
        Ok(view)
    }
}
