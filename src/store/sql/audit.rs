//! The audit log: records are chained in the transaction that does what they tell of.
//!
//! A chain has one end, so writers of one workspace take turns: SQLite has one writer anyhow, on PostgreSQL each takes a lock of
//! the workspace's that it holds until it has committed. It is the last lock a transaction takes, so nobody who holds it waits.
//! The primary key is the guard behind that: two records can't have one place.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{
        audit::{AuditEntry, AuditRecord, ChainEnd},
        ids::WorkspaceId,
    },
    store::{AuditFilter, Page, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, cells},
    batch::{Batch, Kind, Rows},
    page, run,
};

pub(super) static INSERT_AUDIT: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("seq", Kind::Int),
        ("at", Kind::Int),
        ("actor", Kind::Text),
        ("action", Kind::Text),
        ("subject", Kind::Text),
        ("detail", Kind::Text),
        ("previous_hash", Kind::Text),
        ("hash", Kind::Text),
    ],
    "INSERT INTO audit (workspace_id, seq, at, actor, action, subject, detail, previous_hash, hash)
     SELECT workspace_id, seq, at, actor, action, subject, detail, previous_hash, hash FROM batch",
);

const HOLD: Dialect = Dialect { sqlite: "SELECT $1", postgres: "SELECT pg_advisory_xact_lock($1)" };

const END: &str = "SELECT seq, hash FROM audit WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1";

macro_rules! list {
    ($filter:literal) => {
        concat!(
            "SELECT workspace_id, seq, at, actor, action, subject, detail, previous_hash, hash FROM audit
     WHERE workspace_id = $1 AND seq < $2",
            $filter,
            " ORDER BY seq DESC LIMIT +$3"
        )
    };
}

const LIST: &str = list!("");
const LIST_OF_SUBJECT: &str = list!(" AND subject = $4");

const FORWARD: &str = "SELECT workspace_id, seq, at, actor, action, subject, detail, previous_hash, hash FROM audit
     WHERE workspace_id = $1 AND seq > $2 ORDER BY seq LIMIT +$3";

/// Where chains end that were written lately. The primary key finds out if it is wrong; so that this stays rare, an end is
/// trusted only where nobody else has written to the chain for a while.
#[derive(Debug)]
pub struct ChainEnds {
    known: Mutex<HashMap<WorkspaceId, Known>>,
    /// How often in a row an end must have been found as it was left.
    trusted_after: u32,
}

#[derive(Debug, Default)]
struct Known {
    end: ChainEnd,
    /// How often in a row it was found as it was left.
    found: u32,
}

/// More chains than this are not kept in memory.
const MAX_ENDS: usize = 10_000;

impl ChainEnds {
    /// For a writer that has the database for itself.
    pub fn alone() -> Self {
        Self { known: Mutex::default(), trusted_after: 0 }
    }

    /// For one of many writers.
    pub fn shared() -> Self {
        Self { known: Mutex::default(), trusted_after: 8 }
    }

    /// The rows of entries, and the chains behind them; none if an end is not known.
    pub fn seal<'e>(&self, entries: impl Iterator<Item = &'e AuditEntry>) -> Option<(Rows, Ends)> {
        let known = self.known();
        let (mut rows, mut ends) = (Rows::default(), Ends::new());
        for entry in entries {
            let workspace = entry.workspace_id;
            let (_, end) = match ends.entry(workspace) {
                std::collections::btree_map::Entry::Occupied(ends) => ends.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let known = known.get(&workspace).filter(|known| known.found >= self.trusted_after)?;
                    place.insert((known.end.seq, known.end.clone()))
                }
            };
            rows.push(0, row(&end.seal(entry)));
        }
        Some((rows, ends))
    }

    /// Notes where chains end now.
    pub fn note(&self, ends: Ends) {
        let mut known = self.known();
        if known.len() + ends.len() > MAX_ENDS {
            known.clear();
        }
        for (workspace, (from, end)) in ends {
            let kept = known.entry(workspace).or_default();
            if kept.end.seq < end.seq {
                kept.found = if kept.end.seq == from { kept.found.saturating_add(1) } else { 0 };
                kept.end = end;
            }
        }
    }

    /// Notes that these may not be where chains end.
    pub fn doubt(&self, ends: &Ends) {
        let mut known = self.known();
        for workspace in ends.keys() {
            known.remove(workspace);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chains that a transaction writes to: the position of the last record it has found, and where the chain ends after it.
pub type Ends = BTreeMap<WorkspaceId, (i64, ChainEnd)>;

/// Puts entries at the ends of their workspaces' chains.
pub async fn chain<'e, B: Backend>(
    connection: &mut B::Connection,
    entries: impl Iterator<Item = &'e AuditEntry>,
) -> Result<Ends, StoreError> {
    let mut by_workspace: BTreeMap<WorkspaceId, Vec<&AuditEntry>> = BTreeMap::new();
    for entry in entries {
        by_workspace.entry(entry.workspace_id).or_default().push(entry);
    }
    let (mut rows, mut ends) = (Rows::default(), Ends::new());
    for (workspace, entries) in by_workspace {
        // Ids of version 7 differ in their lower half.
        B::fetch(connection, B::pick(HOLD), cells![workspace.0.as_u128() as i64]).await?;
        let mut end = ChainEnd::default();
        if let Some(last) = B::fetch(connection, END, cells![workspace]).await?.first() {
            let mut columns = Columns::<B>::new(last);
            end = ChainEnd { seq: columns.next()?, hash: columns.next()? };
        }
        let from = end.seq;
        for entry in entries {
            rows.push(0, row(&end.seal(entry)));
        }
        ends.insert(workspace, (from, end));
    }
    run::<B>(connection, &INSERT_AUDIT, &rows).await?;
    Ok(ends)
}

fn row(record: &AuditRecord) -> Vec<Cell> {
    cells![
        record.workspace_id,
        record.seq,
        record.at,
        &record.actor,
        &record.action,
        &record.subject,
        Cell::json(&record.detail),
        &record.previous_hash,
        &record.hash,
    ]
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn audit(
        &self,
        workspace: WorkspaceId,
        filter: &AuditFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let before = cursor.map_or(Ok(i64::MAX), str::parse).map_err(|_| StoreError::ForeignCursor)?;
        let mut cells = cells![before, limit + 1];
        let sql = match &filter.subject {
            Some(subject) => {
                cells.push(subject.into());
                LIST_OF_SUBJECT
            }
            None => LIST,
        };
        let records = read_all::<B>(&self.read_of(workspace, sql, cells).await?)?;
        Ok(page(records, limit, |record| record.seq.to_string()))
    }

    pub(super) async fn audit_after(
        &self,
        workspace: WorkspaceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        read_all::<B>(&self.read_of(workspace, FORWARD, cells![after, limit]).await?)
    }
}

fn read_all<B: Backend>(rows: &[B::Row]) -> Result<Vec<AuditRecord>, StoreError> {
    let read = |row| {
        let mut columns = Columns::<B>::new(row);
        Ok(AuditRecord {
            workspace_id: columns.id()?,
            seq: columns.next()?,
            at: columns.at()?,
            actor: columns.next()?,
            action: columns.next()?,
            subject: columns.next()?,
            detail: columns.json("audit record")?,
            previous_hash: columns.next()?,
            hash: columns.next()?,
        })
    };
    rows.iter().map(read).collect()
}
