//! Executions that somebody deletes, one by one.

use crate::{
    domain::ids::{ExecutionId, WorkspaceId},
    store::StoreError,
};

use super::{
    super::backend::{Backend, cells},
    exists,
};

/// First, so that the row is locked: an execution that has ended is not written to any more.
const DELETE: &str = "DELETE FROM executions WHERE workspace_id = $1 AND id = $2
     AND status IN ('completed', 'failed', 'cancelled', 'skipped')";
const EXISTS: &str = "SELECT 1 FROM executions WHERE workspace_id = $1 AND id = $2";
const REST: [&str; 9] = [
    "DELETE FROM queue WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM timers WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM suspensions WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM snapshots WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM feed WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM events WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM dedupe_keys WHERE workspace_id = $1 AND execution_id = $2",
    "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
         SELECT workspace_id, id, execution_id, 0 FROM artifacts WHERE workspace_id = $1 AND execution_id = $2",
    "DELETE FROM artifacts WHERE workspace_id = $1 AND execution_id = $2",
];

/// Deletes an execution that has ended, with its log and its files.
pub(super) async fn delete_execution<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<(), StoreError> {
    if B::execute(connection, DELETE, cells![workspace, id]).await? == 0 {
        let there = exists::<B>(connection, EXISTS, cells![workspace, id]).await?;
        return Err(if there {
            StoreError::Refused("the execution has not ended")
        } else {
            StoreError::NotFound("execution")
        });
    }
    for sql in REST {
        B::execute(connection, sql, cells![workspace, id]).await?;
    }
    Ok(())
}
