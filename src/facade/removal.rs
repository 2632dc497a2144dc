//! Workflows that go with all that belongs to them: what of them is live is cancelled first, so that a face can delete what natively
//! would be refused.

use std::time::Duration;

use crate::{
    domain::{
        audit::Author,
        execution::ExecutionStatus,
        ids::{WorkflowId, WorkspaceId},
    },
    engine::{CancelRequest, EngineError},
    http::{
        AppState,
        error::{Code, Problem},
        executions::ended_within,
    },
    store::{ExecutionFilter, StoreError, catalogue::Change},
};

/// How many rows are read at a time.
const PAGE: i64 = 200;
/// How often live executions are looked for before a workflow is deleted.
const ROUNDS: usize = 5;
/// How long the end of one cancelled execution is waited for.
const SETTLE: Duration = Duration::from_secs(5);

const LIVE: [ExecutionStatus; 5] = [
    ExecutionStatus::Pending,
    ExecutionStatus::Queued,
    ExecutionStatus::Running,
    ExecutionStatus::Suspended,
    ExecutionStatus::Cancelling,
];

/// Deletes a workflow with its versions, its schedules and its executions. A conflict if one of these does not stop in time: then it
/// is being stopped, and the call may be repeated.
pub async fn remove_workflow(
    state: &AppState,
    workspace: WorkspaceId,
    id: WorkflowId,
    author: &Author,
) -> Result<(), Problem> {
    let mut refused = None;
    // Others may begin while these are stopped.
    for _ in 0..ROUNDS {
        stop_executions(state, workspace, id, &author.id).await?;
        match state.store.change(Change::DeleteWorkflow(workspace, id), author, None).await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::Refused(_)) => refused = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.map_or_else(|| Problem::new(Code::Conflict, "an execution of it has not stopped"), Problem::from))
}

/// Cancels the live executions of a workflow, and waits for their ends.
async fn stop_executions(state: &AppState, workspace: WorkspaceId, id: WorkflowId, by: &str) -> Result<(), Problem> {
    let filter = ExecutionFilter { workflow_id: Some(id), statuses: LIVE.to_vec(), ..ExecutionFilter::default() };
    let mut cursor = None;
    loop {
        let page = state.store.executions(workspace, &filter, PAGE, cursor.as_deref()).await?;
        let mut stopping = Vec::new();
        for execution in page.items {
            let request =
                CancelRequest { by: Some(by.to_owned()), reason: Some("its workflow is being deleted".to_owned()) };
            match state.engine.cancel(workspace, execution.origin.id, request).await {
                Ok(execution) if execution.progress.status.is_terminal() => {}
                Ok(execution) => stopping.push(execution),
                Err(EngineError::Ended | EngineError::Store(StoreError::NotFound(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for execution in &stopping {
            ended_within(&state.engine, execution, SETTLE).await?;
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
