//! The feed of status-level events of a workspace, in an order in which a reader misses nothing.
//!
//! On PostgreSQL a row's number says nothing about when its transaction commits. The order is therefore (transaction,
//! position), and a reader sees only rows of transactions below the oldest one that is still open: nothing can appear
//! before those any more.

use crate::{
    domain::ids::{PodId, WorkspaceId},
    store::{FeedCursor, FeedRow, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Columns, Dialect, cells},
};

macro_rules! feed {
    ($filter:literal) => {
        concat!(
            "SELECT f.transaction_id, f.position, f.pod_id, f.workflow_id, f.execution_id, f.seq, f.kind, e.body
     FROM feed AS f
     JOIN events AS e ON e.workspace_id = f.workspace_id AND e.execution_id = f.execution_id AND e.seq = f.seq
     WHERE f.workspace_id = $1 AND (f.transaction_id, f.position) > ($2, $3)",
            $filter,
            " ORDER BY f.transaction_id, f.position LIMIT $4"
        )
    };
}

const OF_WORKSPACE: Dialect = Dialect {
    sqlite: feed!(""),
    postgres: feed!(" AND f.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
};

const OF_POD: Dialect = Dialect {
    sqlite: feed!(" AND f.pod_id = $5"),
    postgres: feed!(" AND f.pod_id = $5 AND f.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
};

const END: Dialect = Dialect {
    sqlite: "SELECT transaction_id, position FROM feed WHERE workspace_id = $1
     ORDER BY transaction_id DESC, position DESC LIMIT 1",
    postgres: "SELECT transaction_id, position FROM feed WHERE workspace_id = $1
         AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY transaction_id DESC, position DESC LIMIT 1",
};

impl<B: Backend> SqlStore<B> {
    pub(super) async fn feed(
        &self,
        workspace: WorkspaceId,
        pod: Option<PodId>,
        after: FeedCursor,
        limit: i64,
    ) -> Result<Vec<FeedRow>, StoreError> {
        let mut cells = cells![workspace, after.transaction, after.position, limit];
        let dialect = match pod {
            Some(pod) => {
                cells.push(pod.into());
                OF_POD
            }
            None => OF_WORKSPACE,
        };
        let rows = self.read(B::pick(dialect), cells).await?;
        rows.iter()
            .map(|row| {
                let mut columns = Columns::<B>::new(row);
                Ok(FeedRow {
                    cursor: FeedCursor { transaction: columns.next()?, position: columns.next()? },
                    pod_id: columns.id()?,
                    workflow_id: columns.id()?,
                    execution_id: columns.id()?,
                    seq: columns.next()?,
                    kind: columns.next()?,
                    body: columns.next()?,
                })
            })
            .collect()
    }

    pub(super) async fn feed_end(&self, workspace: WorkspaceId) -> Result<FeedCursor, StoreError> {
        let rows = self.read(B::pick(END), cells![workspace]).await?;
        rows.first().map_or(Ok(FeedCursor::default()), |row| {
            let mut columns = Columns::<B>::new(row);
            Ok(FeedCursor { transaction: columns.next()?, position: columns.next()? })
        })
    }
}
