//! Artifacts, and the objects that are to be removed. A removal is claimed by moving its `due_at`, which is due date and lease
//! in one, and by marking it, which keeps commits from making an artifact of it.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    clock::Instant,
    domain::{
        artifact::{Artifact, ObjectOf},
        ids::{ArtifactId, ExecutionId, TaskId, WorkspaceId},
    },
    store::{Page, StoreError, artifacts::Artifacts},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    executions::{cursor_at, read_cursor},
    page, run,
};

/// New artifacts.
pub(super) static INSERT_ARTIFACTS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("execution_id", Kind::Id),
        ("node_id", Kind::Text),
        ("path", Kind::Text),
        ("task_id", Kind::Id),
        ("name", Kind::Text),
        ("kind", Kind::Text),
        ("content_type", Kind::Text),
        ("size", Kind::Int),
        ("sha256", Kind::Text),
        ("created_at", Kind::Int),
    ],
    "INSERT INTO artifacts (workspace_id, id, execution_id, node_id, path, task_id, name, kind, content_type, size, sha256,
         created_at)
     SELECT workspace_id, id, execution_id, node_id, path, task_id, name, kind, content_type, size, sha256, created_at
     FROM batch",
);

/// Uploads that become artifacts: their objects are not to be removed any more.
pub(super) static END_UPLOADS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("artifact_id", Kind::Id)],
    "DELETE FROM artifact_removals
     WHERE (workspace_id, artifact_id) IN (SELECT workspace_id, artifact_id FROM batch) AND NOT taken
     RETURNING artifact_id",
);

static TAKE: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("artifact_id", Kind::Id), ("due_at", Kind::Int)],
    "UPDATE artifact_removals AS r SET taken = true, due_at = b.due_at
     FROM batch AS b WHERE r.workspace_id = b.workspace_id AND r.artifact_id = b.artifact_id",
);

static FORGET: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("artifact_id", Kind::Id)],
    "DELETE FROM artifact_removals WHERE (workspace_id, artifact_id) IN (SELECT workspace_id, artifact_id FROM batch)",
);

macro_rules! due {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, execution_id, artifact_id FROM artifact_removals WHERE due_at <= $1
         ORDER BY due_at, workspace_id, artifact_id LIMIT +$2",
            $rest
        )
    };
}

const DUE: Dialect = Dialect { sqlite: due!(""), postgres: due!(" FOR UPDATE SKIP LOCKED") };
const BEGIN: &str = "INSERT INTO artifact_removals (workspace_id, artifact_id, execution_id, due_at)
     VALUES ($1, $2, $3, $4)";
const GIVE_UP: &str = "UPDATE artifact_removals SET due_at = 0
     WHERE workspace_id = $1 AND artifact_id = $2 AND NOT taken";

macro_rules! artifacts {
    ($rest:literal) => {
        concat!(
            "SELECT id, execution_id, node_id, path, task_id, name, kind, content_type, size, sha256, created_at
     FROM artifacts ",
            $rest
        )
    };
}

const ONE: &str = artifacts!("WHERE workspace_id = $1 AND id = $2");
const LIST: &str = artifacts!("WHERE workspace_id = $1 AND execution_id = $2 AND id > $3 ORDER BY id LIMIT +$4");
const OF_TASK: &str = artifacts!(
    "WHERE workspace_id = $1 AND execution_id = $2 AND task_id = $3 AND name = $4 AND sha256 = $5 ORDER BY id LIMIT 1"
);

#[async_trait]
impl<B: Backend> Artifacts for SqlStore<B> {
    async fn begin_upload(&self, object: ObjectOf, remove_at: Instant) -> Result<(), StoreError> {
        let cells = cells![object.workspace_id, object.artifact_id, object.execution_id, remove_at];
        self.change_removal(object.workspace_id, BEGIN, cells).await
    }

    async fn give_up_upload(&self, object: ObjectOf) -> Result<(), StoreError> {
        self.change_removal(object.workspace_id, GIVE_UP, cells![object.workspace_id, object.artifact_id]).await
    }

    async fn artifact(&self, workspace: WorkspaceId, id: ArtifactId) -> Result<Artifact, StoreError> {
        read_artifact::<B>(&self.read_one_of(workspace, "artifact", ONE, cells![id]).await?)
    }

    async fn artifacts(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Artifact>, StoreError> {
        let after = if cursor.is_some() { read_cursor(cursor)? } else { Uuid::nil() };
        let rows = self.read_of(workspace, LIST, cells![execution, after, limit + 1]).await?;
        let artifacts = rows.iter().map(read_artifact::<B>).collect::<Result<_, _>>()?;
        Ok(page(artifacts, limit, |artifact: &Artifact| cursor_at(artifact.id.0)))
    }

    async fn artifact_of_task(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        task: TaskId,
        name: &str,
        sha256: &str,
    ) -> Result<Option<Artifact>, StoreError> {
        if name.contains('\0') {
            return Ok(None);
        }
        let rows = self.read_of(workspace, OF_TASK, cells![execution, task, name, sha256]).await?;
        rows.first().map(read_artifact::<B>).transpose()
    }

    async fn claim_removals(&self, now: Instant, lease_ms: i64, limit: i64) -> Result<Vec<ObjectOf>, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let due = B::fetch(connection, B::pick(DUE), cells![now, limit]).await?;
                let due = due.iter().map(read_object::<B>).collect::<Result<Vec<_>, _>>()?;
                let mut rows = Rows::default();
                for ObjectOf { workspace_id, artifact_id, .. } in &due {
                    rows.push(0, cells![*workspace_id, *artifact_id, now.plus_ms(lease_ms)]);
                }
                run::<B>(connection, &TAKE, &rows).await?;
                Ok(due)
            })
        })
        .await
    }

    async fn forget_removals(&self, removed: &[ObjectOf]) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        for ObjectOf { workspace_id, artifact_id, .. } in removed {
            rows.push(0, cells![*workspace_id, *artifact_id]);
        }
        let rows = Arc::new(rows);
        self.write(move |connection| {
            let rows = Arc::clone(&rows);
            Box::pin(async move { run::<B>(connection, &FORGET, &rows).await.map(drop) })
        })
        .await
    }
}

impl<B: Backend> SqlStore<B> {
    async fn change_removal(
        &self,
        workspace: WorkspaceId,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<(), StoreError> {
        self.write_of(workspace, move |connection| {
            let cells = cells.clone();
            Box::pin(async move { B::execute(connection, sql, cells).await.map(drop).map_err(StoreError::from) })
        })
        .await
    }
}

/// An artifact's row.
pub(super) fn artifact_row(workspace: WorkspaceId, artifact: &Artifact) -> Vec<Cell> {
    cells![
        workspace,
        artifact.id,
        artifact.execution_id,
        &artifact.node_id,
        artifact.path.as_deref(),
        artifact.task_id,
        &artifact.name,
        Cell::name(&artifact.kind),
        &artifact.content_type,
        artifact.size,
        &artifact.sha256,
        artifact.created_at,
    ]
}

/// Whether a text of it is one that PostgreSQL can't keep.
pub(super) fn holds_nul(artifact: &Artifact) -> bool {
    let Artifact { node_id, path, name, content_type, sha256, .. } = artifact;
    [node_id, name, content_type, sha256].into_iter().chain(path).any(|text| text.contains('\0'))
}

fn read_artifact<B: Backend>(row: &B::Row) -> Result<Artifact, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Artifact {
        id: columns.id()?,
        execution_id: columns.id()?,
        node_id: columns.next()?,
        path: columns.next()?,
        task_id: columns.maybe_id()?,
        name: columns.next()?,
        kind: columns.name("artifact kind")?,
        content_type: columns.next()?,
        size: columns.next()?,
        sha256: columns.next()?,
        created_at: columns.at()?,
    })
}

fn read_object<B: Backend>(row: &B::Row) -> Result<ObjectOf, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(ObjectOf { workspace_id: columns.id()?, execution_id: columns.id()?, artifact_id: columns.id()? })
}
