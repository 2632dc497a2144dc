//! Workspaces and pods, and what goes with them when they are deleted.

use crate::{
    domain::{
        ids::{PodId, WorkspaceId},
        workflow::{Pod, Workspace},
    },
    store::{Page, StoreError},
};

use super::{
    super::{
        SqlStore,
        backend::{Backend, Cell, Columns, cells},
        executions::{cursor_at, read_cursor},
        page,
    },
    exists, write_row,
};

pub(super) const STILL_RUNS: StoreError = StoreError::Refused("an execution in it has not ended");

const CREATE_WORKSPACE: &str =
    "INSERT INTO workspaces (id, name, slug, created_at, updated_at, max_running, outbound_hosts,
         retention_days)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE_WORKSPACE: &str =
    "UPDATE workspaces SET name = $2, slug = $3, updated_at = $4, max_running = $5, outbound_hosts = $6,
         retention_days = $7 WHERE id = $1";
const WORKSPACE_LIVES: &str = "SELECT 1 FROM executions WHERE workspace_id = $1
     AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling') LIMIT 1";
/// Members, invites, keys, pods, workflows and versions go with their workspace by foreign key. What executions leave
/// behind has none, which spares the hot path the check. The objects of artifacts are noted down to be removed.
const DELETE_WORKSPACE: [&str; 13] = [
    "DELETE FROM queue WHERE workspace_id = $1",
    "DELETE FROM timers WHERE workspace_id = $1",
    "DELETE FROM suspensions WHERE workspace_id = $1",
    "DELETE FROM tasks WHERE workspace_id = $1",
    "DELETE FROM snapshots WHERE workspace_id = $1",
    "DELETE FROM feed WHERE workspace_id = $1",
    "DELETE FROM events WHERE workspace_id = $1",
    "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
         SELECT workspace_id, id, execution_id, 0 FROM artifacts WHERE workspace_id = $1",
    "DELETE FROM artifacts WHERE workspace_id = $1",
    "DELETE FROM executions WHERE workspace_id = $1",
    "DELETE FROM subjects WHERE workspace_id = $1",
    "DELETE FROM subject_labels WHERE workspace_id = $1",
    "DELETE FROM workspaces WHERE id = $1",
];
const DELETE_REPLIES: &str = "DELETE FROM idempotency WHERE scope = $1";
const WORKSPACE: &str = "SELECT id, name, slug, created_at, updated_at, max_running, outbound_hosts, retention_days
     FROM workspaces WHERE id = $1";
const WORKSPACES_OF: &str = "SELECT w.id, w.name, w.slug, w.created_at, w.updated_at, w.max_running, w.outbound_hosts,
         w.retention_days
     FROM members AS m JOIN workspaces AS w ON w.id = m.workspace_id WHERE m.user_id = $1 ORDER BY w.id DESC";

const CREATE_POD: &str = "INSERT INTO pods (workspace_id, id, name, slug, description, created_at, updated_at,
         max_running)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE_POD: &str = "UPDATE pods SET name = $3, slug = $4, description = $5, updated_at = $6, max_running = $7
     WHERE workspace_id = $1 AND id = $2";
const POD_LIVES: &str = "SELECT 1 FROM executions WHERE workspace_id = $1 AND pod_id = $2
     AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling') LIMIT 1";
const DELETE_POD: [&str; 13] = [
    "DELETE FROM queue WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM timers WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM suspensions WHERE workspace_id = $1 AND pod_id = $2",
    "DELETE FROM tasks WHERE workspace_id = $1 AND pod_id = $2",
    "DELETE FROM snapshots WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM feed WHERE workspace_id = $1 AND pod_id = $2",
    "DELETE FROM events WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
         SELECT workspace_id, id, execution_id, 0 FROM artifacts WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM artifacts WHERE workspace_id = $1
         AND execution_id IN (SELECT id FROM executions WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM executions WHERE workspace_id = $1 AND pod_id = $2",
    "DELETE FROM subject_labels WHERE workspace_id = $1
         AND subject_id IN (SELECT id FROM subjects WHERE workspace_id = $1 AND pod_id = $2)",
    "DELETE FROM subjects WHERE workspace_id = $1 AND pod_id = $2",
    "DELETE FROM pods WHERE workspace_id = $1 AND id = $2",
];
const POD: &str = "SELECT id, workspace_id, name, slug, description, created_at, updated_at, max_running
     FROM pods WHERE workspace_id = $1 AND id = $2";
const PODS: &str = "SELECT id, workspace_id, name, slug, description, created_at, updated_at, max_running
     FROM pods WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC LIMIT +$3";

const OLDEST_POD: &str = "SELECT id, workspace_id, name, slug, description, created_at, updated_at, max_running
     FROM pods WHERE workspace_id = $1 ORDER BY id LIMIT 1";

impl<B: Backend> SqlStore<B> {
    pub(in crate::store::sql) async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, StoreError> {
        read_workspace::<B>(&self.read_one_of(id, "workspace", WORKSPACE, cells![]).await?)
    }

    pub(in crate::store::sql) async fn workspaces_of(&self, user_id: &str) -> Result<Vec<Workspace>, StoreError> {
        self.read(WORKSPACES_OF, cells![user_id]).await?.iter().map(read_workspace::<B>).collect()
    }

    pub(in crate::store::sql) async fn pod(&self, workspace: WorkspaceId, id: PodId) -> Result<Pod, StoreError> {
        read_pod::<B>(&self.read_one_of(workspace, "pod", POD, cells![id]).await?)
    }

    pub(in crate::store::sql) async fn oldest_pod(&self, workspace: WorkspaceId) -> Result<Option<Pod>, StoreError> {
        self.read_of(workspace, OLDEST_POD, cells![]).await?.first().map(read_pod::<B>).transpose()
    }

    pub(in crate::store::sql) async fn pods(
        &self,
        workspace: WorkspaceId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Pod>, StoreError> {
        let rows = self.read_of(workspace, PODS, cells![read_cursor(cursor)?, limit + 1]).await?;
        let pods = rows.iter().map(read_pod::<B>).collect::<Result<_, _>>()?;
        Ok(page(pods, limit, |pod: &Pod| cursor_at(pod.id.0)))
    }
}

pub(super) async fn create_workspace<B: Backend>(
    connection: &mut B::Connection,
    workspace: &Workspace,
) -> Result<(), StoreError> {
    let Workspace { id, name, slug, max_running, outbound_hosts: _, retention_days, created_at, updated_at } =
        workspace;
    let cells = cells![*id, name, slug, *created_at, *updated_at, *max_running, hosts(workspace), *retention_days];
    write_row::<B>(connection, "slug", "workspace", CREATE_WORKSPACE, cells).await.map(drop)
}

pub(super) async fn update_workspace<B: Backend>(
    connection: &mut B::Connection,
    workspace: &Workspace,
) -> Result<(), StoreError> {
    let Workspace { id, name, slug, max_running, retention_days, updated_at, .. } = workspace;
    let cells = cells![*id, name, slug, *updated_at, *max_running, hosts(workspace), *retention_days];
    match write_row::<B>(connection, "slug", "workspace", UPDATE_WORKSPACE, cells).await? {
        0 => Err(StoreError::NotFound("workspace")),
        _ => Ok(()),
    }
}

pub(super) async fn delete_workspace<B: Backend>(
    connection: &mut B::Connection,
    id: WorkspaceId,
) -> Result<(), StoreError> {
    super::hold_workspace::<B>(connection, id).await?;
    if exists::<B>(connection, WORKSPACE_LIVES, cells![id]).await? {
        return Err(STILL_RUNS);
    }
    for sql in DELETE_WORKSPACE {
        B::execute(connection, sql, cells![id]).await?;
    }
    B::execute(connection, DELETE_REPLIES, cells![id.to_string()]).await?;
    Ok(())
}

pub(super) async fn create_pod<B: Backend>(connection: &mut B::Connection, pod: &Pod) -> Result<(), StoreError> {
    let Pod { id, workspace_id, name, slug, description, max_running, created_at, updated_at } = pod;
    let cells = cells![*workspace_id, *id, name, slug, description, *created_at, *updated_at, *max_running];
    write_row::<B>(connection, "slug", "workspace", CREATE_POD, cells).await.map(drop)
}

pub(super) async fn update_pod<B: Backend>(connection: &mut B::Connection, pod: &Pod) -> Result<(), StoreError> {
    let cells =
        cells![pod.workspace_id, pod.id, &pod.name, &pod.slug, &pod.description, pod.updated_at, pod.max_running];
    match write_row::<B>(connection, "slug", "pod", UPDATE_POD, cells).await? {
        0 => Err(StoreError::NotFound("pod")),
        _ => Ok(()),
    }
}

pub(super) async fn delete_pod<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: PodId,
) -> Result<(), StoreError> {
    if exists::<B>(connection, POD_LIVES, cells![workspace, id]).await? {
        return Err(STILL_RUNS);
    }
    let mut deleted = 0;
    for sql in DELETE_POD {
        deleted = B::execute(connection, sql, cells![workspace, id]).await?;
    }
    if deleted == 0 { Err(StoreError::NotFound("pod")) } else { Ok(()) }
}

fn read_workspace<B: Backend>(row: &B::Row) -> Result<Workspace, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Workspace {
        id: columns.id()?,
        name: columns.next()?,
        slug: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
        max_running: columns.next()?,
        outbound_hosts: columns.maybe_json("hosts of a workspace")?,
        retention_days: columns.next()?,
    })
}

fn hosts(workspace: &Workspace) -> Cell {
    workspace.outbound_hosts.as_ref().map_or(Cell::Text(None), Cell::json)
}

fn read_pod<B: Backend>(row: &B::Row) -> Result<Pod, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Pod {
        id: columns.id()?,
        workspace_id: columns.id()?,
        name: columns.next()?,
        slug: columns.next()?,
        description: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
        max_running: columns.next()?,
    })
}
