//! Reading executions one by one, and their logs.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    domain::{
        admission::{Lane, OnLimit},
        execution::{Execution, ExecutionOrigin, ExecutionProgress},
        ids::{ExecutionId, InstanceId, WorkspaceId},
    },
    store::{EVENTS_BYTES, LoadedExecution, StoreError, StoredEvent},
};

use super::{
    SqlStore,
    backend::{Backend, Columns, cells},
    batch::{Batch, Kind, Rows},
};

/// Events that are asked for at once: what is read beyond [`EVENTS_BYTES`] is thrown away.
const EVENTS_AT_ONCE: i64 = 256;

/// The columns of an execution for [`read_execution`], the large ones as given.
macro_rules! columns {
    ($input:literal, $context:literal, $presets:literal) => {
        concat!(
            "e.workspace_id, e.id, e.pod_id, e.workflow_id, e.workflow_version, e.triggered_by, e.trigger_id, ",
            $input,
            ", ",
            $context,
            ", ",
            $presets,
            ", e.subject, e.priority, e.dedupe_key, e.concurrency_key, e.idempotency_key, e.parent_execution_id, e.depth,
     e.replay_of, e.from_node_id, e.run_at, e.created_by, e.created_at, e.status, e.last_seq, e.output, e.error,
     e.queued_at, e.started_at, e.finished_at, e.suspended_at, e.waited_ms, e.stats, e.lane, e.lane_limit, e.on_limit,
     e.expires_at, e.debounce_key, e.duplicate_of, e.reprocessing, e.mocks"
        )
    };
}

pub(super) use columns;

const ONE: &str = concat!(
    "SELECT ",
    columns!("e.input", "e.context", "e.presets"),
    " FROM executions AS e WHERE e.workspace_id = $1 AND e.id = $2"
);

const ONE_AND_DRIVER: &str = concat!(
    "SELECT ",
    columns!("e.input", "e.context", "e.presets"),
    ", e.driver FROM executions AS e WHERE e.workspace_id = $1 AND e.id = $2"
);

/// The events behind the snapshot come as lines of one text: a body is one line. So everything is seen at one instant, in one
/// trip to the database.
const LOAD: &str = concat!(
    "SELECT ",
    columns!("e.input", "e.context", "e.presets"),
    ", e.driver, s.seq, s.state, (
         SELECT string_agg(v.body, $3 ORDER BY v.seq) FROM events AS v
         WHERE v.workspace_id = e.workspace_id AND v.execution_id = e.id AND v.seq > COALESCE(s.seq, 0))
     FROM executions AS e
     LEFT JOIN snapshots AS s ON s.workspace_id = e.workspace_id AND s.execution_id = e.id
     WHERE e.workspace_id = $1 AND e.id = $2"
);

const EVENTS: &str = "SELECT seq, body FROM events
     WHERE workspace_id = $1 AND execution_id = $2 AND seq > $3 ORDER BY seq LIMIT +$4";

static LAST_SEQS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("id", Kind::Id)],
    "SELECT e.id, e.last_seq FROM batch AS b
     JOIN executions AS e ON e.workspace_id = b.workspace_id AND e.id = b.id",
);

/// Where a page after this id begins.
pub(super) fn cursor_at(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The id that a page comes after; the greatest one for the first page.
pub(super) fn read_cursor(cursor: Option<&str>) -> Result<Uuid, StoreError> {
    let Some(cursor) = cursor else { return Ok(Uuid::max()) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok()).ok_or(StoreError::ForeignCursor)
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn execution_and_driver(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<(Execution, Option<InstanceId>), StoreError> {
        let row = self.read_one_of(workspace, "execution", ONE_AND_DRIVER, cells![id]).await?;
        let mut columns = Columns::<B>::new(&row);
        Ok((read_execution(&mut columns)?, columns.maybe_id()?))
    }

    pub(super) async fn load_execution(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<LoadedExecution, StoreError> {
        let row = self.read_one("execution", LOAD, cells![workspace, id, "\n"]).await?;
        let mut columns = Columns::<B>::new(&row);
        let execution = read_execution(&mut columns)?;
        let driver: Option<InstanceId> = columns.maybe_id()?;
        let snapshot = columns.next::<Option<i64>>()?.zip(columns.next::<Option<String>>()?);
        let (after, last) = (snapshot.as_ref().map_or(0, |(seq, _)| *seq), execution.progress.last_seq);
        let lines: Option<String> = columns.next()?;
        let bodies = lines.iter().flat_map(|lines| lines.lines()).map(str::to_owned);
        let tail: Vec<_> = (after + 1..).zip(bodies).map(|(seq, body)| StoredEvent { seq, body }).collect();
        if tail.last().map_or(after, |event| event.seq) != last {
            let reason = format!("it has no events up to {last} after {after}");
            return Err(StoreError::Damaged { what: "log", reason });
        }
        Ok(LoadedExecution { execution, driver, snapshot, tail })
    }

    pub(super) async fn execution(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Execution, StoreError> {
        let row = self.read_one_of(workspace, "execution", ONE, cells![id]).await?;
        read_execution(&mut Columns::<B>::new(&row))
    }

    pub(super) async fn events(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        let (mut bytes, mut left) = (0, limit);
        while left > 0 && bytes < EVENTS_BYTES {
            let from = events.last().map_or(after, |event| event.seq);
            let asked = left.min(EVENTS_AT_ONCE);
            let rows = self
                .read_of_until(workspace, EVENTS, cells![id, from, asked], |row| {
                    bytes += B::text_bytes(row, 1);
                    bytes >= EVENTS_BYTES
                })
                .await?;
            for row in &rows {
                events.push(read_event::<B>(row)?);
            }
            if (rows.len() as i64) < asked {
                break;
            }
            left -= asked;
        }
        Ok(events)
    }

    pub(super) async fn last_seqs(
        &self,
        executions: &[(WorkspaceId, ExecutionId)],
    ) -> Result<HashMap<ExecutionId, i64>, StoreError> {
        let mut wanted = Rows::default();
        for (workspace, execution) in executions {
            wanted.push(0, cells![*workspace, *execution]);
        }
        let rows = self.read_batch(&LAST_SEQS, &wanted).await?;
        rows.iter()
            .map(|row| {
                let mut columns = Columns::<B>::new(row);
                Ok((columns.id()?, columns.next()?))
            })
            .collect()
    }
}

fn read_event<B: Backend>(row: &B::Row) -> Result<StoredEvent, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(StoredEvent { seq: columns.next()?, body: columns.next()? })
}

pub(super) fn read_execution<B: Backend>(columns: &mut Columns<'_, B>) -> Result<Execution, StoreError> {
    let mut origin = ExecutionOrigin {
        workspace_id: columns.id()?,
        id: columns.id()?,
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        workflow_version: columns.next()?,
        triggered_by: columns.name("trigger kind")?,
        trigger_id: columns.next()?,
        input: columns.json("input")?,
        context: columns.json("context")?,
        presets: columns.maybe_json("presets")?.unwrap_or_default(),
        mocks: false,
        subject: columns.next()?,
        priority: columns.small()?,
        dedupe_key: columns.next()?,
        concurrency_key: columns.next()?,
        idempotency_key: columns.next()?,
        parent_execution_id: columns.maybe_id()?,
        depth: columns.small()?,
        replay_of: columns.maybe_id()?,
        from_node_id: columns.next()?,
        run_at: columns.maybe_at()?,
        expires_at: None,
        debounce_key: None,
        lane: None,
        created_by: columns.next()?,
        created_at: columns.at()?,
    };
    let mut progress = ExecutionProgress {
        status: columns.name("execution status")?,
        last_seq: columns.next()?,
        output: columns.maybe_json("output")?,
        error: columns.maybe_json("error")?,
        queued_at: columns.maybe_at()?,
        started_at: columns.maybe_at()?,
        finished_at: columns.maybe_at()?,
        suspended_at: columns.maybe_at()?,
        waited_ms: columns.next()?,
        duplicate_of: None,
        reprocessing: None,
        stats: columns.json("stats")?,
    };
    let (name, limit): (Option<String>, Option<i64>) = (columns.next()?, columns.next()?);
    let on_limit: Option<OnLimit> = columns.maybe_name("what a limit does")?;
    origin.lane = name.map(|name| Lane { name, limit, on_limit: on_limit.unwrap_or_default() });
    origin.expires_at = columns.maybe_at()?;
    origin.debounce_key = columns.next()?;
    progress.duplicate_of = columns.maybe_id()?;
    progress.reprocessing = columns.maybe_name("reprocessing")?;
    origin.mocks = columns.next::<i64>()? != 0;
    Ok(Execution { origin, progress })
}
