//! Workflows and their versions.

use crate::{
    clock::Instant,
    domain::{
        definition::Definition,
        ids::{PodId, WorkflowId, WorkspaceId},
        workflow::{Workflow, WorkflowVersion},
    },
    store::{Page, StoreError, WorkflowFilter},
};

use super::{
    super::{
        SqlStore,
        backend::{Backend, Cell, Columns, cells},
        executions::{cursor_at, read_cursor},
        page,
    },
    exists,
    pods::STILL_RUNS,
    subscriptions::subscribe,
    write_row,
};

macro_rules! columns {
    ($definition:literal) => {
        concat!(
            "SELECT w.id, w.workspace_id, w.pod_id, w.name, w.description, w.state, w.starred, w.version,
     w.deployed_version, ",
            $definition,
            ", w.created_at, w.updated_at FROM workflows AS w"
        )
    };
}

const CREATE: &str = "INSERT INTO workflows (workspace_id, id, pod_id, name, description, state, starred, version,
         deployed_version, created_at, updated_at, retention_days)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const CREATE_VERSION: &str = "INSERT INTO workflow_versions
         (workspace_id, workflow_id, version, created_by, created_at, definition)
     VALUES ($1, $2, $3, $4, $5, $6)";
const UPDATE: &str = "UPDATE workflows SET pod_id = $4, name = $5, description = $6, state = $7, starred = $8,
         version = $9, deployed_version = $10, updated_at = $11
     WHERE workspace_id = $1 AND id = $2 AND updated_at = $3";
const RETAIN: &str = "UPDATE workflows SET retention_days = $3 WHERE workspace_id = $1 AND id = $2";
const EXISTS: &str = "SELECT 1 FROM workflows WHERE workspace_id = $1 AND id = $2";
const LIVES: &str = "SELECT 1 FROM executions WHERE workspace_id = $1 AND workflow_id = $2
     AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling') LIMIT 1";
const DELETE: [&str; 10] = [
    "DELETE FROM queue WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM timers WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM suspensions WHERE workspace_id = $1 AND workflow_id = $2",
    "DELETE FROM snapshots WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM feed WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM events WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
         SELECT workspace_id, id, execution_id, 0 FROM artifacts WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM artifacts WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND workflow_id = $2)",
    "DELETE FROM executions WHERE workspace_id = $1 AND workflow_id = $2",
    "DELETE FROM workflows WHERE workspace_id = $1 AND id = $2",
];

const ONE: &str = concat!(
    columns!("v.definition"),
    " JOIN workflow_versions AS v
     ON v.workspace_id = w.workspace_id AND v.workflow_id = w.id AND v.version = w.version
     WHERE w.workspace_id = $1 AND w.id = $2"
);
const HEAD: &str = concat!(columns!("NULL"), " WHERE w.workspace_id = $1 AND w.id = $2");
const LIST: &str = concat!(
    columns!("NULL"),
    " WHERE w.workspace_id = $1 AND w.pod_id = $2 AND w.id < $3 AND (w.state = 'trashed') = $5
     AND (w.starred OR NOT $6) ORDER BY w.id DESC LIMIT +$4"
);
const VERSION: &str = "SELECT workflow_id, version, definition, created_by, created_at FROM workflow_versions
     WHERE workspace_id = $1 AND workflow_id = $2 AND version = $3";
const VERSIONS: &str = "SELECT workflow_id, version, definition, created_by, created_at FROM workflow_versions
     WHERE workspace_id = $1 AND workflow_id = $2 AND version < $3 ORDER BY version DESC LIMIT +$4";

impl<B: Backend> SqlStore<B> {
    pub(in crate::store::sql) async fn workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
    ) -> Result<Workflow, StoreError> {
        read_workflow::<B>(&self.read_one_of(workspace, "workflow", ONE, cells![id]).await?)
    }

    pub(in crate::store::sql) async fn workflow_head(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
    ) -> Result<Workflow, StoreError> {
        let kept = self.memory.as_ref().map(|memory| (&memory.heads, memory.heads.find((workspace, id))));
        if let Some((_, Ok(workflow))) = kept {
            return Ok(workflow);
        }
        let workflow = read_workflow::<B>(&self.read_one_of(workspace, "workflow", HEAD, cells![id]).await?)?;
        if let Some((heads, Err(changes))) = kept {
            heads.keep(changes, &workflow);
        }
        Ok(workflow)
    }

    pub(in crate::store::sql) async fn workflows(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: WorkflowFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Workflow>, StoreError> {
        let cells = cells![pod, read_cursor(cursor)?, limit + 1, filter.trashed, filter.starred];
        let rows = self.read_of(workspace, LIST, cells).await?;
        let workflows = rows.iter().map(read_workflow::<B>).collect::<Result<_, _>>()?;
        Ok(page(workflows, limit, |workflow: &Workflow| cursor_at(workflow.id.0)))
    }

    pub(in crate::store::sql) async fn workflow_version(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: i64,
    ) -> Result<WorkflowVersion, StoreError> {
        read_version::<B>(&self.read_one_of(workspace, "workflow version", VERSION, cells![id, version]).await?)
    }

    pub(in crate::store::sql) async fn workflow_versions(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WorkflowVersion>, StoreError> {
        let before = match cursor {
            None => i64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| StoreError::ForeignCursor)?,
        };
        let rows = self.read_of(workspace, VERSIONS, cells![id, before, limit + 1]).await?;
        let versions = rows.iter().map(read_version::<B>).collect::<Result<_, _>>()?;
        Ok(page(versions, limit, |version: &WorkflowVersion| version.version.to_string()))
    }
}

pub(super) async fn create_workflow<B: Backend>(
    connection: &mut B::Connection,
    workflow: &Workflow,
    created_by: &str,
) -> Result<(), StoreError> {
    let Some(definition) = &workflow.definition else {
        return Err(StoreError::Refused("a new workflow needs a definition"));
    };
    let cells = cells![
        workflow.workspace_id,
        workflow.id,
        workflow.pod_id,
        &workflow.name,
        &workflow.description,
        Cell::name(&workflow.state),
        workflow.starred,
        workflow.version,
        workflow.deployed_version,
        workflow.created_at,
        workflow.updated_at,
        retention_days(definition),
    ];
    write_row::<B>(connection, "workflow", "pod", CREATE, cells).await?;
    create_version::<B>(connection, workflow, definition, created_by, workflow.created_at).await?;
    subscribe::<B>(connection, workflow, Some(definition)).await
}

/// None is as the workspace says, 0 is for ever.
fn retention_days(definition: &Definition) -> Option<i64> {
    definition.settings.retention.map(|retention| retention.days.unwrap_or(0))
}

async fn create_version<B: Backend>(
    connection: &mut B::Connection,
    workflow: &Workflow,
    definition: &Definition,
    created_by: &str,
    created_at: Instant,
) -> Result<(), StoreError> {
    let cells =
        cells![workflow.workspace_id, workflow.id, workflow.version, created_by, created_at, Cell::json(definition),];
    write_row::<B>(connection, "version", "workflow", CREATE_VERSION, cells).await.map(drop)
}

pub(super) async fn update_workflow<B: Backend>(
    connection: &mut B::Connection,
    workflow: &Workflow,
    expected_updated_at: Instant,
    new_version: Option<&(Definition, String)>,
) -> Result<(), StoreError> {
    let cells = cells![
        workflow.workspace_id,
        workflow.id,
        expected_updated_at,
        workflow.pod_id,
        &workflow.name,
        &workflow.description,
        Cell::name(&workflow.state),
        workflow.starred,
        workflow.version,
        workflow.deployed_version,
        workflow.updated_at,
    ];
    if B::execute(connection, UPDATE, cells).await? == 0 {
        let there = exists::<B>(connection, EXISTS, cells![workflow.workspace_id, workflow.id]).await?;
        return Err(if there {
            StoreError::Refused("the workflow has changed meanwhile")
        } else {
            StoreError::NotFound("workflow")
        });
    }
    if let Some((definition, created_by)) = new_version {
        create_version::<B>(connection, workflow, definition, created_by, workflow.updated_at).await?;
        let cells = cells![workflow.workspace_id, workflow.id, retention_days(definition)];
        B::execute(connection, RETAIN, cells).await?;
    }
    subscribe::<B>(connection, workflow, new_version.map(|(definition, _)| definition)).await
}

pub(super) async fn delete_workflow<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: WorkflowId,
) -> Result<(), StoreError> {
    if exists::<B>(connection, LIVES, cells![workspace, id]).await? {
        return Err(STILL_RUNS);
    }
    let mut deleted = 0;
    for sql in DELETE {
        deleted = B::execute(connection, sql, cells![workspace, id]).await?;
    }
    if deleted == 0 { Err(StoreError::NotFound("workflow")) } else { Ok(()) }
}

fn read_workflow<B: Backend>(row: &B::Row) -> Result<Workflow, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Workflow {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        name: columns.next()?,
        description: columns.next()?,
        state: columns.name("workflow state")?,
        starred: columns.next()?,
        version: columns.next()?,
        deployed_version: columns.next()?,
        definition: columns.maybe_json("definition")?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
    })
}

fn read_version<B: Backend>(row: &B::Row) -> Result<WorkflowVersion, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(WorkflowVersion {
        workflow_id: columns.id()?,
        version: columns.next()?,
        definition: columns.json("definition")?,
        created_by: columns.next()?,
        created_at: columns.at()?,
    })
}
