//! The feed of status-level events of a workspace, in an order in which a reader misses nothing.
//!
//! On PostgreSQL a row's number says nothing about when its transaction commits. The order is therefore (transaction,
//! position), and a reader sees only rows of transactions below the oldest one that is still open: nothing can appear
//! before those any more.

use std::time::Duration;

use crate::{
    domain::ids::{PodId, WorkspaceId},
    store::{FeedCursor, FeedRow, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Columns, Dialect, cells},
};

macro_rules! feed {
    ($settled:literal, $after:literal, $filter:literal) => {
        concat!(
            // Not a join: PostgreSQL would know the workspace of both tables then, and might look for it alone.
            "SELECT f.transaction_id, f.position, f.pod_id, f.workflow_id, f.execution_id, f.seq, f.kind, (
         SELECT e.body FROM events AS e
         WHERE e.workspace_id = f.workspace_id AND e.execution_id = f.execution_id AND e.seq = f.seq), ",
            $settled,
            " FROM feed AS f
     WHERE f.workspace_id = $1 AND ",
            $after,
            $filter,
            " ORDER BY f.transaction_id, f.position LIMIT +$4"
        )
    };
}

/// One writer: all rows are of transaction 0. SQLite would search an index for the first member of a pair alone, and read
/// the whole feed from its beginning each time.
macro_rules! on_sqlite {
    ($filter:literal) => {
        feed!("true", "f.transaction_id = $2 AND f.position > $3", $filter)
    };
}

macro_rules! on_postgres {
    ($filter:literal) => {
        feed!(
            "f.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            "(f.transaction_id, f.position) > ($2, $3)",
            $filter
        )
    };
}

const OF_WORKSPACE: Dialect = Dialect { sqlite: on_sqlite!(""), postgres: on_postgres!("") };

const OF_POD: Dialect =
    Dialect { sqlite: on_sqlite!(" AND f.pod_id = $5"), postgres: on_postgres!(" AND f.pod_id = $5") };

const END: Dialect = Dialect {
    sqlite: "SELECT transaction_id, position FROM feed WHERE workspace_id = $1
     ORDER BY transaction_id DESC, position DESC LIMIT 1",
    postgres: "SELECT transaction_id, position FROM feed WHERE workspace_id = $1
         AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY transaction_id DESC, position DESC LIMIT 1",
};

/// The pauses of a reader that has been told of rows and finds them held back by an older transaction, which is over in a
/// moment as a rule. Without them it would look again only when the next hint or its own clock tells it to.
const PAUSES_MS: [u64; 6] = [1, 2, 4, 8, 16, 32];

impl<B: Backend> SqlStore<B> {
    pub(super) async fn feed(
        &self,
        workspace: WorkspaceId,
        pod: Option<PodId>,
        after: FeedCursor,
        limit: i64,
    ) -> Result<Vec<FeedRow>, StoreError> {
        if let Some(rows) = self.memory.as_ref().and_then(|memory| memory.tail.read(workspace, pod, after, limit)) {
            return Ok(rows);
        }
        let mut cells = cells![after.transaction, after.position, limit];
        let dialect = match pod {
            Some(pod) => {
                cells.push(pod.into());
                OF_POD
            }
            None => OF_WORKSPACE,
        };
        for pause in PAUSES_MS {
            let rows = self.read_of(workspace, B::pick(dialect), cells.clone()).await?;
            let held_back = !rows.is_empty();
            let settled = rows.iter().map(read_row::<B>).map_while(Result::transpose).collect::<Result<Vec<_>, _>>()?;
            if !settled.is_empty() || !held_back {
                return Ok(settled);
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(Vec::new())
    }

    pub(super) async fn feed_end(&self, workspace: WorkspaceId) -> Result<FeedCursor, StoreError> {
        let rows = self.read_of(workspace, B::pick(END), cells![]).await?;
        rows.first().map_or(Ok(FeedCursor::default()), |row| {
            let mut columns = Columns::<B>::new(row);
            Ok(FeedCursor { transaction: columns.next()?, position: columns.next()? })
        })
    }
}

/// A row, if no open transaction can still precede it.
fn read_row<B: Backend>(row: &B::Row) -> Result<Option<FeedRow>, StoreError> {
    let mut columns = Columns::<B>::new(row);
    let row = FeedRow {
        cursor: FeedCursor { transaction: columns.next()?, position: columns.next()? },
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        execution_id: columns.id()?,
        seq: columns.next()?,
        kind: columns.next()?,
        body: columns.next()?,
    };
    Ok(columns.next::<bool>()?.then_some(row))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::sql::{backend::Whom, plans::Session};

    const KNOWN: &str = "INSERT INTO events (workspace_id, execution_id, seq, body)
         SELECT $1, lpad(to_hex(n / 10), 32, '0')::uuid, n % 10, '{}' FROM generate_series(1, 20000) AS n";

    /// The statistics are of yesterday, when there was another workspace.
    #[tokio::test]
    async fn events_of_a_new_workspace_are_found_by_their_keys() {
        let mut session = Session::open().await;
        session.fill(KNOWN, cells![Uuid::from_u128(1)]).await;
        let both = [Whom::Engine, Whom::Tenant(WorkspaceId(Uuid::from_u128(2)))];
        for (whom, dialect) in both.into_iter().flat_map(|whom| [(whom, OF_WORKSPACE), (whom, OF_POD)]) {
            session.work_for(whom).await;
            let mut cells = cells![Uuid::from_u128(2), 1, 1, 256];
            cells.extend(dialect.postgres.contains("$5").then(|| Uuid::from_u128(3).into()));
            let plan = session.plan(dialect.postgres, cells).await;
            let keys = "(workspace_id = f.workspace_id) AND (execution_id = f.execution_id) AND (seq = f.seq)";
            assert!(plan.contains(&format!("Index Cond: ({keys})")), "{plan}");
        }
        session.close().await;
    }
}
