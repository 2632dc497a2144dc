//! How executions stand beside their rows, and what has become of a workflow's executions.

use std::collections::HashMap;

use async_trait::async_trait;
use serde::Deserialize;

use crate::{
    clock::Instant,
    domain::{
        ids::{ExecutionId, WorkflowId, WorkspaceId},
        workflow::Pod,
    },
    store::{
        StoreError,
        standings::{Standing, Standings, Tally},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Columns, cells},
    batch::{Batch, Kind, Rows},
};

static STANDINGS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("id", Kind::Id)],
    "SELECT e.id, e.finished_at, CASE WHEN e.finished_at IS NULL THEN v.body END,
         (SELECT count(*) FROM queue AS q WHERE q.workspace_id = e.workspace_id AND q.execution_id = e.id AND q.held),
         (SELECT count(*) FROM tasks AS t
          WHERE t.workspace_id = e.workspace_id AND t.execution_id = e.id AND t.state = 'queued')
     FROM batch AS b
     JOIN executions AS e ON e.workspace_id = b.workspace_id AND e.id = b.id
     JOIN events AS v ON v.workspace_id = e.workspace_id AND v.execution_id = e.id AND v.seq = e.last_seq",
);

const TALLY: &str = "SELECT count(*), count(*) FILTER (WHERE status = 'completed'),
         count(*) FILTER (WHERE status IN ('failed', 'cancelled')), max(created_at)
     FROM executions WHERE workspace_id = $1 AND workflow_id = $2";

#[async_trait]
impl<B: Backend> Standings for SqlStore<B> {
    async fn standings(
        &self,
        workspace: WorkspaceId,
        executions: &[ExecutionId],
    ) -> Result<HashMap<ExecutionId, Standing>, StoreError> {
        let mut wanted = Rows::default();
        for execution in executions {
            wanted.push(0, cells![workspace, *execution]);
        }
        self.read_batch_of(workspace, &STANDINGS, &wanted).await?.iter().map(standing_of::<B>).collect()
    }

    async fn tally(&self, workspace: WorkspaceId, workflow: WorkflowId) -> Result<Tally, StoreError> {
        let row = self.read_one_of(workspace, "workflow", TALLY, cells![workflow]).await?;
        let mut columns = Columns::<B>::new(&row);
        Ok(Tally {
            executions: columns.next()?,
            completed: columns.next()?,
            failed: columns.next()?,
            last_at: columns.maybe_at()?,
        })
    }

    async fn oldest_pod(&self, workspace: WorkspaceId) -> Result<Option<Pod>, StoreError> {
        Self::oldest_pod(self, workspace).await
    }
}

fn standing_of<B: Backend>(row: &B::Row) -> Result<(ExecutionId, Standing), StoreError> {
    /// What all events have.
    #[derive(Deserialize)]
    struct Event {
        at: Instant,
    }
    let mut columns = Columns::<B>::new(row);
    let id: ExecutionId = columns.id()?;
    let (finished_at, event): (_, Option<Event>) = (columns.maybe_at()?, columns.maybe_json("event")?);
    // The last event of one that has ended is its end, which may be large.
    let updated_at = finished_at.or(event.map(|event| event.at));
    let updated_at = updated_at
        .ok_or_else(|| StoreError::Damaged { what: "log", reason: format!("execution {id} has no last event") })?;
    let held = columns.next::<i64>()? > 0;
    let task_waits = columns.next::<i64>()? > 0;
    Ok((id, Standing { held, task_waits, updated_at }))
}
