//! Lists of executions: whatever they are filtered by, they walk down one index, from where a page begins.
//!
//! What must hold in any case (the parts of the filter's outermost `and`) names the index: an equality with the columns
//! that lead it. Everything else is looked at row by row. Where a leading column may have one of several values, there is a
//! walk for each, and the database puts them together in the order of the ids while it reads: no list is sorted as a whole,
//! unless it is asked for in another order than that of the ids.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    domain::{
        execution::Execution,
        ids::{ExecutionId, WorkspaceId},
    },
    filter::{Check, Direction, Filter, SortKey, Test, Value},
    store::{Counted, ExecutionColumn, ExecutionFilter, MAX_OFFSET, Page, StoreError},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect},
    executions::{columns, cursor_at, read_cursor, read_execution},
    made::{Made, Named, Writer, plain},
    page,
};

#[cfg(test)]
mod tests;

/// The columns that lead indexes before the id, the best first.
const INDEXES: [&[ExecutionColumn]; 8] = [
    &[ExecutionColumn::Id],
    &[ExecutionColumn::ParentExecutionId],
    &[ExecutionColumn::ReplayOf],
    &[ExecutionColumn::Subject],
    &[ExecutionColumn::WorkflowId, ExecutionColumn::Status],
    &[ExecutionColumn::Status],
    &[ExecutionColumn::WorkflowId],
    &[ExecutionColumn::PodId],
];
/// The statuses in the index of workflow and status: none that an execution has which is queued, runs and completes.
const APART: [&str; 6] = ["pending", "suspended", "cancelling", "failed", "cancelled", "skipped"];
/// The same as the index says it; without these words neither database would look into it.
const IS_APART: &str = " AND e.status IN ('pending', 'suspended', 'cancelling', 'failed', 'cancelled', 'skipped')";
/// The most walks of one list. With more values an index is looked into for all of them, and what it gives is sorted.
const MAX_WALKS: usize = 16;

const NARROW: &str = columns!("'null'", "'null'", "NULL");
const WITH_INPUTS: &str = columns!("e.input", "'null'", "NULL");

impl Named for ExecutionColumn {
    fn text(self) -> Dialect {
        plain(match self {
            Self::Id => "e.id",
            Self::PodId => "e.pod_id",
            Self::WorkflowId => "e.workflow_id",
            Self::WorkflowVersion => "e.workflow_version",
            Self::Status => "e.status",
            Self::TriggeredBy => "e.triggered_by",
            Self::TriggerId => "e.trigger_id",
            Self::Subject => "e.subject",
            Self::Priority => "e.priority",
            Self::DedupeKey => "e.dedupe_key",
            Self::ConcurrencyKey => "e.concurrency_key",
            Self::IdempotencyKey => "e.idempotency_key",
            Self::ParentExecutionId => "e.parent_execution_id",
            Self::ReplayOf => "e.replay_of",
            Self::FromNodeId => "e.from_node_id",
            Self::DuplicateOf => "e.duplicate_of",
            Self::CreatedBy => "e.created_by",
            Self::CreatedAt => "e.created_at",
            Self::QueuedAt => "e.queued_at",
            Self::StartedAt => "e.started_at",
            Self::FinishedAt => "e.finished_at",
            Self::RunAt => "e.run_at",
            Self::ExpiresAt => "e.expires_at",
            Self::Reprocessing => "e.reprocessing",
            // The code is the first member of the stored failure. PostgreSQL would read all of it as JSON, and fail at a NUL
            // character in its message.
            Self::ErrorCode => {
                return Dialect { sqlite: "(e.error ->> '$.code')", postgres: "split_part(e.error, '\"', 4)" };
            }
        })
    }

    fn is_text(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::TriggeredBy
                | Self::TriggerId
                | Self::Subject
                | Self::DedupeKey
                | Self::ConcurrencyKey
                | Self::IdempotencyKey
                | Self::FromNodeId
                | Self::CreatedBy
                | Self::ErrorCode
                | Self::Reprocessing
        )
    }
}

/// What is read of the executions of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Their rows without the large values.
    Rows,
    /// Their rows with their inputs.
    WithInputs,
    /// Their ids.
    Ids,
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    wanted: Wanted,
    /// The list's order; newest first, if there are no keys.
    sort: &'a [SortKey<ExecutionColumn>],
    /// Only what is older than this one.
    before: Option<Uuid>,
    offset: i64,
    limit: i64,
}

/// The order of a list.
enum Order<'a> {
    ById(Direction),
    ByKeys(&'a [SortKey<ExecutionColumn>]),
}

impl<'a> Order<'a> {
    /// No two executions have the same id, so keys after it say nothing.
    fn of(sort: &'a [SortKey<ExecutionColumn>]) -> Self {
        let is_id = |key: &SortKey<_>| matches!(key.column, ExecutionColumn::Id | ExecutionColumn::CreatedAt);
        match sort {
            [] => Self::ById(Direction::Descending),
            [first, ..] if is_id(first) => Self::ById(first.direction),
            keys => Self::ByKeys(keys),
        }
    }

    fn write<B: Backend>(&self, writer: &mut Writer<B>) {
        let keys = match self {
            Self::ById(direction) => {
                writer.push(" ORDER BY e.id").push(towards(*direction));
                return;
            }
            Self::ByKeys(keys) => keys,
        };
        writer.push(" ORDER BY ");
        for key in *keys {
            if matches!(key.column, ExecutionColumn::Id | ExecutionColumn::CreatedAt) {
                writer.push("e.id").push(towards(key.direction));
                return;
            }
            writer.key(key);
            writer.push(", ");
        }
        writer.push("e.id DESC");
    }
}

fn towards(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "",
        Direction::Descending => " DESC",
    }
}

/// A column and the values it may have.
type Lead<'f> = (ExecutionColumn, &'f BTreeSet<Value>);

/// The values of the leading columns that one walk is for.
type Walk<'f> = Vec<(ExecutionColumn, Vec<&'f Value>)>;

/// What of a filter leads an index, and the rest of it.
struct Split<'f> {
    leads: Vec<Lead<'f>>,
    rest: Vec<&'f Filter<ExecutionColumn>>,
}

impl<'f> Split<'f> {
    fn of(filter: &'f Filter<ExecutionColumn>) -> Self {
        let conjuncts = filter.conjuncts();
        let equality = |wanted: ExecutionColumn| {
            conjuncts.iter().enumerate().find_map(|(index, part)| match part {
                Filter::Test(Test { column, check: Check::OneOf(values), holds: true })
                    if *column == wanted && !values.is_empty() =>
                {
                    Some((index, (wanted, values)))
                }
                _ => None,
            })
        };
        let candidates = INDEXES.iter().filter_map(|columns| {
            let found: Option<Vec<(usize, Lead<'f>)>> = columns.iter().map(|column| equality(*column)).collect();
            found
        });
        let (mut few, mut many) = (None, None);
        for candidate in candidates {
            let walks: usize = candidate.iter().map(|(_, (_, values))| values.len()).product();
            let place = if walks <= MAX_WALKS { &mut few } else { &mut many };
            place.get_or_insert(candidate);
        }
        let chosen = few.or(many).unwrap_or_default();
        let is_rest = |(index, _): &(usize, _)| chosen.iter().all(|(taken, _)| taken != index);
        let rest = conjuncts.iter().enumerate().filter(is_rest).map(|(_, part)| part).collect();
        Self { leads: chosen.into_iter().map(|(_, lead)| lead).collect(), rest }
    }

    /// The combinations of single values of the leading columns, a walk each; none if they are too many, or if the ids
    /// themselves are named.
    fn walks(&self) -> Option<Vec<Walk<'f>>> {
        let count: usize = self.leads.iter().map(|(_, values)| values.len()).product();
        if count > MAX_WALKS || self.leads.iter().any(|(column, _)| *column == ExecutionColumn::Id) {
            return None;
        }
        let mut walks = vec![Vec::new()];
        for (column, values) in &self.leads {
            let with = |walk: &Walk<'f>| {
                let walk = walk.clone();
                values.iter().map(move |value| [walk.clone(), vec![(*column, vec![value])]].concat())
            };
            walks = walks.iter().flat_map(with).collect();
        }
        Some(walks)
    }

    /// All values of the leading columns in one.
    fn at_once(&self) -> Walk<'f> {
        self.leads.iter().map(|(column, values)| (*column, values.iter().collect())).collect()
    }
}

/// Puts the statement for a part of a list together.
fn list<B: Backend>(workspace: WorkspaceId, filter: &ExecutionFilter, part: Part<'_>) -> (Made, Vec<Cell>) {
    let whole = filter.whole();
    let (split, order) = (Split::of(&whole), Order::of(part.sort));
    let mut writer = Writer::<B>::new();
    let always = always(&mut writer, workspace, part.before);
    let rest = rest(&mut writer, &split);
    let by_id = match &order {
        Order::ById(direction) => split.walks().map(|walks| (walks, *direction)),
        Order::ByKeys(_) => None,
    };
    let single = by_id.as_ref().is_some_and(|(walks, _)| walks.len() == 1);
    let columns = match part.wanted {
        Wanted::Rows => NARROW,
        Wanted::WithInputs => WITH_INPUTS,
        Wanted::Ids => "e.id AS id",
    };
    // Rows that are skipped, or sorted, or put together, are ids until it is known which ones are wanted.
    let direct = part.wanted == Wanted::Ids || (single && part.offset == 0);
    if !direct {
        writer.push("SELECT ").push(columns).push(" FROM (");
    }
    let inner = if direct { columns } else { "e.id AS id" };
    if let Some((walks, direction)) = by_id {
        // PostgreSQL merges only what says itself that it is in order, and reads it in order only where it knows that few are wanted.
        // SQLite sees both, and would not take the parentheses.
        let opening = if single { "" } else { B::pick(Dialect { sqlite: "", postgres: "(" }) };
        for (index, walk) in walks.iter().enumerate() {
            writer.push(if index > 0 { " UNION ALL " } else { "" }).push(opening);
            writer.push("SELECT ").push(inner).push(" FROM executions AS e WHERE ").repeat(&always);
            lead(&mut writer, walk);
            writer.repeat(&rest);
            if !opening.is_empty() {
                writer.push(" ORDER BY e.id").push(towards(direction));
                writer.push(" LIMIT +").bind(part.limit.saturating_add(part.offset)).push(")");
            }
        }
        // The order of what is put together goes by the name of its column.
        writer.push(if single { " ORDER BY e.id" } else { " ORDER BY id" }).push(towards(direction));
    } else {
        writer.push("SELECT ").push(inner).push(" FROM executions AS e WHERE ").repeat(&always);
        lead(&mut writer, &split.at_once());
        writer.repeat(&rest);
        order.write(&mut writer);
    }
    writer.push(" LIMIT +").bind(part.limit);
    if part.offset > 0 {
        writer.push(" OFFSET +").bind(part.offset);
    }
    if !direct {
        // In this order in either database: from the few ids to their rows.
        writer.push(") AS p CROSS JOIN executions AS e WHERE e.id = p.id AND e.workspace_id = ").bind(workspace);
        order.write(&mut writer);
    }
    writer.finish(filter.matching.is_none() && part.sort.len() < 2)
}

/// Puts the statement that counts a list together.
fn count<B: Backend>(workspace: WorkspaceId, filter: &ExecutionFilter) -> (Made, Vec<Cell>) {
    let whole = filter.whole();
    let split = Split::of(&whole);
    let mut writer = Writer::<B>::new();
    let (always, rest) = (always(&mut writer, workspace, None), rest(&mut writer, &split));
    let walks = split.walks().unwrap_or_else(|| vec![split.at_once()]);
    writer.push("SELECT CAST(sum(p.n) AS BIGINT) FROM (");
    for (index, walk) in walks.iter().enumerate() {
        writer.push(if index > 0 { " UNION ALL " } else { "" });
        writer.push("SELECT count(*) AS n FROM executions AS e WHERE ").repeat(&always);
        lead(&mut writer, walk);
        writer.repeat(&rest);
    }
    writer.push(") AS p");
    writer.finish(filter.matching.is_none())
}

/// What holds for every row of a list.
fn always<B: Backend>(writer: &mut Writer<B>, workspace: WorkspaceId, before: Option<Uuid>) -> String {
    writer.aside(|writer| {
        writer.push("e.workspace_id = ").bind(workspace);
        if let Some(before) = before {
            writer.push(" AND e.id < ").bind(before);
        }
    })
}

fn rest<B: Backend>(writer: &mut Writer<B>, split: &Split<'_>) -> String {
    writer.aside(|writer| {
        for part in &split.rest {
            writer.push(" AND ");
            writer.filter(part);
        }
    })
}

/// Adds what leads a walk, and so which index it walks down.
fn lead<B: Backend>(writer: &mut Writer<B>, walk: &Walk<'_>) {
    let is_status =
        |value: &&Value, names: &[&str]| matches!(value, Value::Text(name) if names.contains(&name.as_str()));
    // Of workflow and status together there is no index for every status: most executions of a workflow are completed, and
    // few of a workspace are queued or run.
    let (passed_over, apart) = match walk.as_slice() {
        [(ExecutionColumn::WorkflowId, _), (ExecutionColumn::Status, statuses)] => {
            if statuses.iter().all(|status| is_status(status, &APART)) {
                (None, true)
            } else if statuses.iter().any(|status| is_status(status, &["completed"])) {
                (Some(ExecutionColumn::Status), false)
            } else {
                (Some(ExecutionColumn::WorkflowId), false)
            }
        }
        _ => (None, false),
    };
    for (column, values) in walk {
        writer.push(" AND ").push(if passed_over == Some(*column) { B::UNINDEXED } else { "" });
        writer.one_of(*column, values.iter().copied());
    }
    writer.push(if apart { IS_APART } else { "" });
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn executions(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Execution>, StoreError> {
        let wanted = if filter.with_inputs { Wanted::WithInputs } else { Wanted::Rows };
        let before = Some(read_cursor(cursor)?);
        let part = Part { wanted, sort: &[], before, offset: 0, limit: limit + 1 };
        let found = self.rows_of_list(workspace, filter, part).await?;
        Ok(page(found, limit, |execution| cursor_at(execution.origin.id.0)))
    }

    pub(super) async fn execution_page(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        sort: &[SortKey<ExecutionColumn>],
        offset: i64,
        limit: i64,
    ) -> Result<Counted<Execution>, StoreError> {
        if offset > MAX_OFFSET {
            return Err(StoreError::OffsetTooLarge);
        }
        let (made, cells) = count::<B>(workspace, filter);
        let row = self.read_made_of(workspace, &made, cells).await?.pop();
        let total = Columns::<B>::new(&row.ok_or(StoreError::NotFound("count"))?).next()?;
        if offset >= total {
            return Ok(Counted { items: Vec::new(), total });
        }
        let wanted = if filter.with_inputs { Wanted::WithInputs } else { Wanted::Rows };
        let part = Part { wanted, sort, before: None, offset: offset.max(0), limit };
        Ok(Counted { items: self.rows_of_list(workspace, filter, part).await?, total })
    }

    /// Up to `limit` ids of a list, newest first.
    pub(super) async fn ids_of_list(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let part = Part { wanted: Wanted::Ids, sort: &[], before: None, offset: 0, limit };
        let (made, cells) = list::<B>(workspace, filter, part);
        let rows = self.read_made_of(workspace, &made, cells).await?;
        rows.iter().map(|row| Columns::<B>::new(row).id()).collect()
    }

    async fn rows_of_list(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        part: Part<'_>,
    ) -> Result<Vec<Execution>, StoreError> {
        let (made, cells) = list::<B>(workspace, filter, part);
        let rows = self.read_made_of(workspace, &made, cells).await?;
        rows.iter().map(|row| read_execution(&mut Columns::<B>::new(row))).collect()
    }
}
