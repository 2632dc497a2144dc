//! Subjects, as people and programs make and change them.

use crate::{
    domain::{
        ids::{SubjectId, WorkspaceId},
        subject::{Subject, label_problem},
    },
    store::{StoreError, subjects::SUBJECT_CHANGED},
};

use super::{
    super::{
        backend::{Backend, Cell, cells},
        batch::{Batch, Kind, Rows},
        run,
    },
    change_one, exists, write_row,
};

const CREATE: &str =
    "INSERT INTO subjects (workspace_id, id, pod_id, path, store, place, status, locked, change_sequence,
         created_by, created_at, updated_at, metadata, external_data)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const UPDATE: &str =
    "UPDATE subjects SET path = $3, store = $4, place = $5, status = $6, locked = $7, change_sequence = $8,
         updated_at = $9, metadata = $10, external_data = $11
     WHERE workspace_id = $1 AND id = $2 AND change_sequence = $12";
const DELETE: &str = "DELETE FROM subjects WHERE workspace_id = $1 AND id = $2";
const EXISTS: &str = "SELECT 1 FROM subjects WHERE workspace_id = $1 AND id = $2";
const CLEAR_LABELS: &str = "DELETE FROM subject_labels WHERE workspace_id = $1 AND subject_id = $2";

static ADD_LABELS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("subject_id", Kind::Id), ("name", Kind::Text)],
    "INSERT INTO subject_labels (workspace_id, subject_id, name)
     SELECT workspace_id, subject_id, name FROM batch WHERE true
     ON CONFLICT (workspace_id, subject_id, name) DO NOTHING",
);

pub(super) async fn create_subject<B: Backend>(
    connection: &mut B::Connection,
    subject: &Subject,
) -> Result<(), StoreError> {
    refuse_unfit(subject)?;
    let cells = cells![
        subject.workspace_id,
        subject.id,
        subject.pod_id,
        &subject.path,
        subject.store.as_deref(),
        subject.place(),
        subject.status.as_deref(),
        subject.locked,
        subject.change_sequence,
        &subject.created_by,
        subject.created_at,
        subject.updated_at,
        Cell::json(&subject.metadata),
        Cell::json(&subject.external_data),
    ];
    write_row::<B>(connection, "path", "pod", CREATE, cells).await?;
    add_labels::<B>(connection, subject).await
}

pub(super) async fn update_subject<B: Backend>(
    connection: &mut B::Connection,
    subject: &Subject,
    expected_change_sequence: i64,
) -> Result<(), StoreError> {
    refuse_unfit(subject)?;
    let cells = cells![
        subject.workspace_id,
        subject.id,
        &subject.path,
        subject.store.as_deref(),
        subject.place(),
        subject.status.as_deref(),
        subject.locked,
        subject.change_sequence,
        subject.updated_at,
        Cell::json(&subject.metadata),
        Cell::json(&subject.external_data),
        expected_change_sequence,
    ];
    // The row first: whoever writes labels has it.
    if write_row::<B>(connection, "path", "pod", UPDATE, cells).await? == 0 {
        let there = exists::<B>(connection, EXISTS, cells![subject.workspace_id, subject.id]).await?;
        return Err(if there { StoreError::Refused(SUBJECT_CHANGED) } else { StoreError::NotFound("subject") });
    }
    B::execute(connection, CLEAR_LABELS, cells![subject.workspace_id, subject.id]).await?;
    add_labels::<B>(connection, subject).await
}

pub(super) async fn delete_subject<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: SubjectId,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "subject", DELETE, cells![workspace, id]).await?;
    B::execute(connection, CLEAR_LABELS, cells![workspace, id]).await?;
    Ok(())
}

async fn add_labels<B: Backend>(connection: &mut B::Connection, subject: &Subject) -> Result<(), StoreError> {
    let mut rows = Rows::default();
    for label in &subject.labels {
        rows.push(0, cells![subject.workspace_id, subject.id, label]);
    }
    run::<B>(connection, &ADD_LABELS, &rows).await.map(drop)
}

/// What the columns can't hold. Whoever writes for people tells them more ([`Subject::problem`]).
fn refuse_unfit(subject: &Subject) -> Result<(), StoreError> {
    let texts = [Some(&subject.path), subject.store.as_ref(), subject.status.as_ref(), Some(&subject.created_by)];
    let nul = texts.into_iter().flatten().any(|text| text.contains('\0'));
    let label = subject.labels.iter().any(|label| label_problem(label).is_some());
    if nul || label { Err(StoreError::Refused("a text of the subject can't be kept")) } else { Ok(()) }
}
