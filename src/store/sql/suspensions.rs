//! Reading suspensions: one of them, and the inbox.

use uuid::Uuid;

use crate::{
    domain::{
        identity::Role,
        ids::{SuspensionId, WorkspaceId},
        suspension::{Actor, DecisionSource, Standing, Suspension, SuspensionState},
    },
    store::{Page, StoreError, SuspensionFilter},
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, cells},
    executions::{cursor_at, read_cursor},
    page,
};

macro_rules! columns {
    () => {
        "SELECT s.id, s.workspace_id, s.pod_id, s.workflow_id, s.execution_id, s.state, s.interrupt, s.standing, s.decision,
         s.opened_at, s.closed_at FROM suspensions AS s"
    };
}

const ONE: &str = concat!(columns!(), " WHERE workspace_id = $1 AND id = $2");

/// A list, led by the columns of one index; all other filters are applied to what that index gives.
macro_rules! list {
    ($lead:literal) => {
        concat!(
            columns!(),
            " WHERE workspace_id = $1 AND id < $2",
            $lead,
            " AND ($4 IS NULL OR state = $4) AND ($5 IS NULL OR pod_id = $5) AND ($6 IS NULL OR workflow_id = $6)
     AND ($7 IS NULL OR execution_id = $7) AND ($8 IS NULL OR kind = $8) ORDER BY id DESC LIMIT +$3"
        )
    };
}

const LIST: &str = list!("");
const LIST_BY_STATE: &str = list!(" AND state = $4");
const LIST_BY_POD: &str = list!(" AND pod_id = $5 AND state = $4");
const LIST_BY_WORKFLOW: &str = list!(" AND workflow_id = $6 AND state = $4");
const LIST_BY_EXECUTION: &str = list!(" AND execution_id = $7");

/// What somebody may answer, led by the columns of one index.
macro_rules! mine {
    ($from:literal, $id:literal, $lead:literal, $programs:literal) => {
        concat!(
            columns!(),
            $from,
            " WHERE s.workspace_id = $1 AND ",
            $id,
            " < $2",
            $lead,
            " AND s.state = 'open' AND ($5 IS NULL OR s.pod_id = $5) AND ($6 IS NULL OR s.workflow_id = $6)
     AND ($7 IS NULL OR s.execution_id = $7) AND ($8 IS NULL OR s.kind = $8)
     AND (s.claimed_by IS NULL OR s.claimed_by = $4) AND (s.not_by IS NULL OR s.not_by <> $4)",
            $programs,
            " ORDER BY ",
            $id,
            " DESC LIMIT +$3"
        )
    };
}

const MINE_BY_ROLE: &str = mine!("", "s.id", " AND s.answer_role = $9", " AND ($10 = 0 OR s.people_only = 0)");
const MINE_BY_NAME: &str = mine!(
    " JOIN suspension_approvers AS a ON a.workspace_id = s.workspace_id AND a.suspension_id = s.id",
    "a.suspension_id",
    " AND a.workspace_id = $1 AND a.user_id = $4",
    ""
);

/// A list of one pod or workflow walks one index range for each state.
const STATES: [SuspensionState; 4] =
    [SuspensionState::Open, SuspensionState::Answered, SuspensionState::Expired, SuspensionState::Cancelled];

impl<B: Backend> SqlStore<B> {
    pub(super) async fn suspension(&self, workspace: WorkspaceId, id: SuspensionId) -> Result<Suspension, StoreError> {
        let row = self.read_one_of(workspace, "suspension", ONE, cells![id]).await?;
        read_suspension::<B>(&row)
    }

    pub(super) async fn suspensions(
        &self,
        workspace: WorkspaceId,
        filter: &SuspensionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Suspension>, StoreError> {
        let before = read_cursor(cursor)?;
        if let Some(answerer) = &filter.answerable_by {
            return self.answerable(workspace, filter, answerer, limit, before).await;
        }
        let (sql, each_state) = if filter.execution_id.is_some() {
            (LIST_BY_EXECUTION, false)
        } else if filter.workflow_id.is_some() {
            (LIST_BY_WORKFLOW, true)
        } else if filter.pod_id.is_some() {
            (LIST_BY_POD, true)
        } else if filter.state.is_some() {
            (LIST_BY_STATE, false)
        } else {
            (LIST, false)
        };
        let states: Vec<Option<SuspensionState>> = match filter.state {
            None if each_state => STATES.into_iter().map(Some).collect(),
            state => vec![state],
        };
        let mut found = Vec::new();
        for state in states {
            let cells = cells![
                before,
                limit + 1,
                state.map(SuspensionState::as_str),
                filter.pod_id,
                filter.workflow_id,
                filter.execution_id,
                filter.kind.as_ref().map_or(Cell::Text(None), Cell::name),
            ];
            for row in &self.read_of(workspace, sql, cells).await? {
                found.push(read_suspension::<B>(row)?);
            }
        }
        found.sort_by_key(|suspension| std::cmp::Reverse(suspension.id));
        Ok(page(found, limit, |suspension| cursor_at(suspension.id.0)))
    }

    /// Open suspensions that somebody may answer: those that name them, and for each role that they have those for it.
    async fn answerable(
        &self,
        workspace: WorkspaceId,
        filter: &SuspensionFilter,
        answerer: &Actor,
        limit: i64,
        before: Uuid,
    ) -> Result<Page<Suspension>, StoreError> {
        if filter.state.is_some_and(|state| state != SuspensionState::Open) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let common = cells![
            before,
            limit + 1,
            &answerer.id,
            filter.pod_id,
            filter.workflow_id,
            filter.execution_id,
            filter.kind.as_ref().map_or(Cell::Text(None), Cell::name),
        ];
        let mut found = Vec::new();
        for row in &self.read_of(workspace, MINE_BY_NAME, common.clone()).await? {
            found.push(read_suspension::<B>(row)?);
        }
        let is_program = i64::from(answerer.source == DecisionSource::Api);
        for role in Role::ALL.into_iter().filter(|role| answerer.is_at_least(*role)) {
            let mut cells = common.clone();
            cells.extend(cells![role.as_str(), is_program]);
            for row in &self.read_of(workspace, MINE_BY_ROLE, cells).await? {
                found.push(read_suspension::<B>(row)?);
            }
        }
        found.sort_by_key(|suspension| std::cmp::Reverse(suspension.id));
        found.dedup_by_key(|suspension| suspension.id);
        Ok(page(found, limit, |suspension| cursor_at(suspension.id.0)))
    }
}

fn read_suspension<B: Backend>(row: &B::Row) -> Result<Suspension, StoreError> {
    let mut columns = Columns::<B>::new(row);
    let mut suspension = Suspension {
        id: columns.id()?,
        workspace_id: columns.id()?,
        pod_id: columns.id()?,
        workflow_id: columns.id()?,
        execution_id: columns.id()?,
        state: columns.name("suspension state")?,
        interrupt: columns.json("interrupt")?,
        standing: columns.maybe_json::<Standing>("standing")?.unwrap_or_default(),
        decision: columns.maybe_json("decision")?,
        opened_at: columns.at()?,
        closed_at: columns.maybe_at()?,
    };
    // The vote that decided came with the decision.
    if let Some(decision) = suspension.decision.as_ref().filter(|decision| !decision.votes.is_empty()) {
        suspension.standing.votes.clone_from(&decision.votes);
    }
    Ok(suspension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// A list walks down one index from where the page begins, and sorts nothing.
    #[tokio::test]
    async fn lists_are_bound_by_an_index() {
        for (list, index) in [
            (LIST, "sqlite_autoindex_suspensions_1 (workspace_id=? AND id<?)"),
            (LIST_BY_STATE, "suspensions_by_state (workspace_id=? AND state=? AND id<?)"),
            (LIST_BY_POD, "suspensions_by_pod (workspace_id=? AND pod_id=? AND state=? AND id<?)"),
            (LIST_BY_WORKFLOW, "suspensions_by_workflow (workspace_id=? AND workflow_id=? AND state=? AND id<?)"),
            (LIST_BY_EXECUTION, "suspensions_by_execution (workspace_id=? AND execution_id=? AND id<?)"),
            (MINE_BY_ROLE, "suspensions_by_answer_role (workspace_id=? AND answer_role=? AND id<?)"),
        ] {
            let steps = plan(list).await;
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(steps[0].ends_with(index), "{steps:?}");
        }
        let steps = plan(MINE_BY_NAME).await;
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert!(steps[0].ends_with("PRIMARY KEY (workspace_id=? AND user_id=? AND suspension_id<?)"), "{steps:?}");
        assert!(steps[1].ends_with("AND id=?)"), "{steps:?}");
    }
}
