//! Subjects as they are read, and the labels that executions put on them when they complete.

use std::collections::HashMap;

use crate::{
    domain::{
        ids::{PodId, SubjectId, WorkflowId, WorkspaceId},
        subject::Subject,
    },
    store::{
        Page, StoreError,
        commit::SubjectLabel,
        subjects::{SubjectFilter, Subjects},
    },
};
use async_trait::async_trait;

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    executions::{cursor_at, read_cursor},
    page,
};

/// Labels for subjects, as executions put them. Every step of it leaves out what is no subject of the pod, a label that is there
/// already, and one for which there is no room.
const NEW_LABEL: [(&str, Kind); 5] =
    [("workspace_id", Kind::Id), ("pod_id", Kind::Id), ("id", Kind::Id), ("name", Kind::Text), ("at", Kind::Int)];

/// 100 is [`crate::domain::subject::MAX_LABELS`].
macro_rules! wanted {
    () => {
        "s.workspace_id = b.workspace_id AND s.id = b.id AND s.pod_id = b.pod_id
         AND NOT EXISTS (SELECT 1 FROM subject_labels AS l
             WHERE l.workspace_id = b.workspace_id AND l.subject_id = b.id AND l.name = b.name)
         AND (SELECT count(*) FROM subject_labels AS l
             WHERE l.workspace_id = b.workspace_id AND l.subject_id = b.id) < 100"
    };
}

/// First: it takes the subjects' rows, so that nobody deletes them or writes their labels meanwhile. PostgreSQL locks them in
/// the order of their ids, as all who change several do.
pub(super) static TOUCH_LABELLED: Batch = Batch::differing(
    &NEW_LABEL,
    Dialect {
        sqlite: concat!(
            "UPDATE subjects AS s SET change_sequence = s.change_sequence + 1, updated_at = b.at
     FROM batch AS b WHERE ",
            wanted!()
        ),
        postgres: concat!(
            "UPDATE subjects AS s SET change_sequence = s.change_sequence + 1, updated_at = b.at
     FROM (
         SELECT b.* FROM batch AS b JOIN subjects AS s ON s.workspace_id = b.workspace_id AND s.id = b.id
         ORDER BY s.id FOR NO KEY UPDATE OF s
     ) AS b WHERE ",
            wanted!()
        ),
    },
);

/// Then: nothing has changed for the condition since.
pub(super) static ADD_LABELS: Batch = Batch::new(
    &NEW_LABEL,
    concat!(
        "INSERT INTO subject_labels (workspace_id, subject_id, name)
     SELECT b.workspace_id, b.id, b.name FROM batch AS b JOIN subjects AS s ON ",
        wanted!(),
        " WHERE true
     ON CONFLICT (workspace_id, subject_id, name) DO NOTHING"
    ),
);

/// The labels come as lines: none has a line break in it.
macro_rules! columns {
    () => {
        "s.id, s.workspace_id, s.pod_id, s.path, s.store,
     (SELECT string_agg(l.name, '\n') FROM subject_labels AS l WHERE l.workspace_id = s.workspace_id AND l.subject_id = s.id),
     s.metadata, s.external_data, s.status, s.locked, s.change_sequence, s.created_by, s.created_at, s.updated_at"
    };
}

const ONE: &str = concat!("SELECT ", columns!(), " FROM subjects AS s WHERE s.workspace_id = $1 AND s.id = $2");

static THESE: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("pod_id", Kind::Id), ("id", Kind::Id)],
    concat!(
        "SELECT ",
        columns!(),
        " FROM batch AS b JOIN subjects AS s ON s.workspace_id = b.workspace_id AND s.id = b.id AND s.pod_id = b.pod_id"
    ),
);

/// A walk down the index of a pod's subjects, or of those with a label; what else is asked for is looked at on the way.
struct Walk {
    list: &'static str,
    part: &'static str,
    count: &'static str,
}

macro_rules! walks {
    ($($name:ident: $from:literal, $id:literal;)+) => {$(
        const $name: Walk = Walk {
            list: concat!("SELECT ", columns!(), walks!(@ $from), " AND ", $id, " < $6 ORDER BY ", $id, " DESC LIMIT +$7"),
            part: concat!("SELECT ", columns!(), walks!(@ $from), " ORDER BY ", $id, " DESC LIMIT +$6 OFFSET +$7"),
            count: concat!("SELECT count(*)", walks!(@ $from)),
        };
    )+};
    (@ $from:literal) => {
        concat!(
            " FROM ",
            $from,
            " AND s.pod_id = $2 AND ($3 IS NULL OR substr(s.path, 1, length($3)) = $3) AND ($4 IS NULL OR s.store = $4)"
        )
    };
}

// `CROSS JOIN`: SQLite is to begin with the labels.
walks! {
    BY_POD: "subjects AS s WHERE s.workspace_id = $1 AND $5 IS NULL", "s.id";
    BY_LABEL: "subject_labels AS n CROSS JOIN subjects AS s
     WHERE n.workspace_id = $1 AND n.name = $5 AND s.workspace_id = n.workspace_id AND s.id = n.subject_id", "n.subject_id";
}

/// `MATERIALIZED`: SQLite would walk through all executions of the workspace by their workflows, to have nothing to sort.
const WORKFLOWS_ABOUT: &str = "WITH found AS MATERIALIZED (
         SELECT workflow_id FROM executions WHERE workspace_id = $1 AND subject = $2 AND pod_id = $3
     )
     SELECT DISTINCT workflow_id FROM found ORDER BY workflow_id LIMIT +$4";

#[async_trait]
impl<B: Backend> Subjects for SqlStore<B> {
    async fn subject(&self, workspace: WorkspaceId, id: SubjectId) -> Result<Subject, StoreError> {
        read_subject::<B>(&self.read_one_of(workspace, "subject", ONE, cells![id]).await?)
    }

    async fn subjects(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: &SubjectFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Subject>, StoreError> {
        let before = read_cursor(cursor)?;
        let Some(mut cells) = filter_cells(pod, filter) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        cells.extend(cells![before, limit + 1]);
        let rows = self.read_of(workspace, walk_for(filter).list, cells).await?;
        Ok(page(read_all::<B>(&rows)?, limit, |subject: &Subject| cursor_at(subject.id.0)))
    }

    async fn subject_page(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: &SubjectFilter,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<Subject>, i64), StoreError> {
        let Some(cells) = filter_cells(pod, filter) else { return Ok((Vec::new(), 0)) };
        let walk = walk_for(filter);
        let count = self.read_one_of(workspace, "count", walk.count, cells.clone()).await?;
        let total = Columns::<B>::new(&count).next()?;
        let rows = self.read_of(workspace, walk.part, [cells, cells![limit, offset]].concat()).await?;
        Ok((read_all::<B>(&rows)?, total))
    }

    async fn subjects_of(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        ids: &[SubjectId],
    ) -> Result<Vec<Subject>, StoreError> {
        let mut rows = Rows::default();
        for id in ids {
            rows.push(0, cells![workspace, pod, *id]);
        }
        let found = self.read_batch_of(workspace, &THESE, &rows).await?;
        let found = found.iter().map(|row| read_subject::<B>(row).map(|subject| (subject.id, subject)));
        let mut found: HashMap<SubjectId, Subject> = found.collect::<Result<_, _>>()?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    async fn workflows_about(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        subject: &str,
        limit: i64,
    ) -> Result<Vec<WorkflowId>, StoreError> {
        if subject.contains('\0') {
            return Ok(Vec::new());
        }
        let rows = self.read_of(workspace, WORKFLOWS_ABOUT, cells![subject, pod, limit]).await?;
        rows.iter().map(|row| Columns::<B>::new(row).id()).collect()
    }
}

/// A row for [`TOUCH_LABELLED`] and [`ADD_LABELS`].
pub(super) fn label_row(workspace: WorkspaceId, label: &SubjectLabel) -> Vec<Cell> {
    cells![workspace, label.pod_id, label.subject_id, &label.name, label.at]
}

fn walk_for(filter: &SubjectFilter) -> Walk {
    if filter.label.is_some() { BY_LABEL } else { BY_POD }
}

/// What follows the workspace. None if nothing can be found: no text of a subject holds a NUL, and PostgreSQL takes none.
fn filter_cells(pod: PodId, filter: &SubjectFilter) -> Option<Vec<Cell>> {
    let SubjectFilter { path_prefix, store, label } = filter;
    let texts = [path_prefix.as_deref(), store.as_deref(), label.as_deref()];
    if texts.into_iter().flatten().any(|text| text.contains('\0')) {
        return None;
    }
    let [path_prefix, store, label] = texts;
    Some(cells![pod, path_prefix, store, label])
}

fn read_all<B: Backend>(rows: &[B::Row]) -> Result<Vec<Subject>, StoreError> {
    rows.iter().map(read_subject::<B>).collect()
}

fn read_subject<B: Backend>(row: &B::Row) -> Result<Subject, StoreError> {
    let mut columns = Columns::<B>::new(row);
    let mut subject = Subject {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        path: columns.next()?,
        store: columns.next()?,
        labels: columns.next::<Option<String>>()?.iter().flat_map(|names| names.lines()).map(str::to_owned).collect(),
        metadata: columns.json("metadata of a subject")?,
        external_data: columns.json("external data of a subject")?,
        status: columns.next()?,
        locked: columns.next()?,
        change_sequence: columns.next()?,
        created_by: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
    };
    subject.sort_labels();
    Ok(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    #[tokio::test]
    async fn lists_and_labels_are_bound_by_an_index() {
        for (sql, index) in [
            (BY_POD.list, "subjects_by_pod (workspace_id=? AND pod_id=? AND id<?)"),
            (BY_POD.part, "subjects_by_pod (workspace_id=? AND pod_id=?)"),
            (BY_LABEL.list, "subject_labels_by_name (workspace_id=? AND name=? AND subject_id<?)"),
            (BY_LABEL.part, "subject_labels_by_name (workspace_id=? AND name=?)"),
        ] {
            let steps = plan(sql).await;
            assert!(steps[0].ends_with(index), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("SCAN")), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
        let steps = plan(WORKFLOWS_ABOUT).await;
        let found = "executions_by_subject (workspace_id=? AND subject=?)";
        assert!(steps.iter().any(|step| step.ends_with(found)), "{steps:?}");
        for batch in [&TOUCH_LABELLED, &ADD_LABELS, &THESE] {
            let sql = batch.sqlite(3).next().expect("a statement").sql;
            let steps = plan(sql).await;
            let is_found = |step: &String| step.starts_with("SEARCH s USING") && step.ends_with("AND id=?)");
            assert!(steps.iter().any(is_found), "{steps:?}");
        }
    }

    #[test]
    fn the_room_for_labels_is_that_of_the_domain() {
        assert!(wanted!().ends_with(&format!("< {}", crate::domain::subject::MAX_LABELS)));
    }
}
