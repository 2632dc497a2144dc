//! The newest rows of the feed, kept as they are written: every stream asks for them the moment they are there, and a reader's
//! connection to SQLite begins each time with an empty cache.
//!
//! Only a store that has its database for itself keeps them. Rows are numbered without gaps, so that what is kept is all that
//! there is from its first row on; where a gap shows, what lies before it is read from the database again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
    store::{FeedCursor, FeedRow},
};

/// The most rows that are kept; a batch has a few hundred.
const MAX_ROWS: usize = 2_048;
/// About the most bytes of bodies.
const MAX_BYTES: usize = 1 << 20;

/// A row of the feed, with the texts of the statement that wrote it.
#[derive(Debug)]
pub struct TailRow {
    pub position: i64,
    pub workspace: WorkspaceId,
    pub pod: PodId,
    pub workflow: WorkflowId,
    pub execution: ExecutionId,
    pub seq: i64,
    pub kind: Arc<str>,
    pub body: Arc<str>,
}

impl TailRow {
    fn shown(&self) -> FeedRow {
        FeedRow {
            cursor: FeedCursor { transaction: 0, position: self.position },
            pod_id: self.pod,
            workflow_id: self.workflow,
            execution_id: self.execution,
            seq: self.seq,
            kind: (*self.kind).to_owned(),
            body: (*self.body).to_owned(),
        }
    }
}

/// What is kept.
#[derive(Debug, Default)]
pub struct FeedTail(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Of consecutive positions.
    rows: VecDeque<TailRow>,
    bytes: usize,
}

impl FeedTail {
    /// Adds rows of consecutive positions. Of two commits at the same time the second may come first.
    pub fn push(&self, rows: Vec<TailRow>) {
        let Some(first) = rows.first().map(|row| row.position) else { return };
        let mut kept = self.kept();
        if let Some(last) = kept.rows.back().map(|row| row.position) {
            if first <= last {
                return;
            }
            if first > last + 1 {
                *kept = Kept::default();
            }
        }
        kept.bytes += rows.iter().map(|row| row.body.len()).sum::<usize>();
        kept.rows.extend(rows);
        while kept.rows.len() > MAX_ROWS || kept.bytes > MAX_BYTES {
            let Some(gone) = kept.rows.pop_front() else { break };
            kept.bytes -= gone.body.len();
        }
    }

    /// Rows after `after` of a workspace or one of its pods; none if others may lie between.
    pub fn read(
        &self,
        workspace: WorkspaceId,
        pod: Option<PodId>,
        after: FeedCursor,
        limit: i64,
    ) -> Option<Vec<FeedRow>> {
        let kept = self.kept();
        let first = kept.rows.front()?.position;
        if after.transaction != 0 || after.position + 1 < first {
            return None;
        }
        let skipped = usize::try_from(after.position + 1 - first).ok()?.min(kept.rows.len());
        let wanted =
            kept.rows.range(skipped..).filter(|row| row.workspace == workspace && pod.is_none_or(|pod| row.pod == pod));
        Some(wanted.take(usize::try_from(limit).ok()?).map(TailRow::shown).collect())
    }

    /// Keeps nothing, so that what was deleted is not shown any more.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

    fn rows(positions: std::ops::RangeInclusive<i64>, bytes: usize) -> Vec<TailRow> {
        let row = |position| TailRow {
            position,
            workspace: WORKSPACE,
            pod: PodId(Uuid::from_u128(2)),
            workflow: WorkflowId(Uuid::from_u128(3)),
            execution: ExecutionId(Uuid::from_u128(4)),
            seq: position,
            kind: "execution_status".into(),
            body: "x".repeat(bytes).into(),
        };
        positions.map(row).collect()
    }

    fn after(tail: &FeedTail, position: i64) -> Option<Vec<i64>> {
        let found = tail.read(WORKSPACE, None, FeedCursor { transaction: 0, position }, 9)?;
        Some(found.iter().map(|row| row.cursor.position).collect())
    }

    #[test]
    fn what_is_kept_is_all_there_is_from_its_first_row_on() {
        let tail = FeedTail::default();
        assert_eq!(after(&tail, 0), None);
        tail.push(rows(5..=6, 1));
        tail.push(rows(7..=7, 1));
        assert_eq!(after(&tail, 3), None);
        assert_eq!(after(&tail, 4), Some(vec![5, 6, 7]));
        assert_eq!(after(&tail, 6), Some(vec![7]));
        for end in [7, 9] {
            assert_eq!(after(&tail, end), Some(vec![]));
        }
        // The later one of two commits is noted first.
        tail.push(rows(10..=11, 1));
        tail.push(rows(8..=9, 1));
        assert_eq!(after(&tail, 7), None);
        assert_eq!(after(&tail, 9), Some(vec![10, 11]));
        let elsewhere = WorkspaceId(Uuid::from_u128(9));
        let cursor = FeedCursor { transaction: 0, position: 9 };
        assert!(tail.read(elsewhere, None, cursor, 9).unwrap().is_empty());
        assert!(tail.read(WORKSPACE, Some(PodId(Uuid::from_u128(9))), cursor, 9).unwrap().is_empty());
        assert_eq!(tail.read(WORKSPACE, None, cursor, 1).unwrap().len(), 1);
        tail.forget();
        assert_eq!(after(&tail, 11), None);
    }

    #[test]
    fn it_is_bounded_in_rows_and_bytes() {
        let tail = FeedTail::default();
        tail.push(rows(1..=3_000, 1));
        assert_eq!(after(&tail, 3_000 - MAX_ROWS as i64 - 1), None);
        assert_eq!(after(&tail, 3_000 - MAX_ROWS as i64).map(|found| found.len()), Some(9));
        tail.push(rows(3_001..=3_003, MAX_BYTES / 2));
        assert_eq!(after(&tail, 3_000), None);
        assert_eq!(after(&tail, 3_001), Some(vec![3_002, 3_003]));
        // Nothing is left of one that is too large by itself.
        tail.push(rows(3_004..=3_004, MAX_BYTES + 1));
        assert_eq!(after(&tail, 3_003), None);
        tail.push(rows(3_005..=3_005, 1));
        assert_eq!(after(&tail, 3_004), Some(vec![3_005]));
    }
}
