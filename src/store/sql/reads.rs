//! Single statements that read: for the engine, which sees all workspaces, and for one workspace.
//!
//! `read_of` and its like take the workspace as an argument and put it first among the values, where the statements have it as `$1`: so a
//! statement names the workspace that its connection was told. Whoever adds a method chooses; what is chosen for the engine is listed,
//! with the reason, in `walled`.

use crate::{domain::ids::WorkspaceId, store::StoreError};

use super::{
    SqlStore,
    backend::{Backend, Blame, Cell, Sql, Whom},
    batch::{Batch, Rows},
    made::Made,
    run,
};

impl<B: Backend> SqlStore<B> {
    /// Reads with one statement; once more on a new connection if the old one turns out to be lost.
    pub(super) async fn read(&self, sql: &'static str, cells: Vec<Cell>) -> Result<Vec<B::Row>, StoreError> {
        self.read_for(Whom::Engine, Sql::Literal(sql), cells, |_| false).await
    }

    /// The same for one workspace, whose id is the statement's first value.
    pub(super) async fn read_of(
        &self,
        workspace: WorkspaceId,
        sql: &'static str,
        rest: Vec<Cell>,
    ) -> Result<Vec<B::Row>, StoreError> {
        self.read_of_until(workspace, sql, rest, |_| false).await
    }

    /// The same, up to the first row that `enough` says yes to.
    pub(super) async fn read_of_until(
        &self,
        workspace: WorkspaceId,
        sql: &'static str,
        rest: Vec<Cell>,
        enough: impl FnMut(&B::Row) -> bool + Send,
    ) -> Result<Vec<B::Row>, StoreError> {
        self.read_for(Whom::Tenant(workspace), Sql::Literal(sql), first(workspace, rest), enough).await
    }

    /// The first row of a statement, which `what` is missing without.
    pub(super) async fn read_one(
        &self,
        what: &'static str,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<B::Row, StoreError> {
        let rows = self.read_for(Whom::Engine, Sql::Literal(sql), cells, |_| true).await;
        rows?.pop().ok_or(StoreError::NotFound(what))
    }

    /// The same for one workspace, whose id is the statement's first value.
    pub(super) async fn read_one_of(
        &self,
        workspace: WorkspaceId,
        what: &'static str,
        sql: &'static str,
        rest: Vec<Cell>,
    ) -> Result<B::Row, StoreError> {
        self.read_of_until(workspace, sql, rest, |_| true).await?.pop().ok_or(StoreError::NotFound(what))
    }

    /// Reads for one workspace with a statement that was put together, and has the workspace among its values.
    pub(super) async fn read_made_of(
        &self,
        workspace: WorkspaceId,
        made: &Made,
        cells: Vec<Cell>,
    ) -> Result<Vec<B::Row>, StoreError> {
        self.read_for(Whom::Tenant(workspace), Sql::Made(made), cells, |_| false).await
    }

    /// Reads with a statement over many rows.
    pub(super) async fn read_batch(&self, batch: &'static Batch, rows: &Rows) -> Result<Vec<B::Row>, StoreError> {
        self.read_batch_for(Whom::Engine, batch, rows).await
    }

    /// The same for one workspace, which all of the rows name.
    pub(super) async fn read_batch_of(
        &self,
        workspace: WorkspaceId,
        batch: &'static Batch,
        rows: &Rows,
    ) -> Result<Vec<B::Row>, StoreError> {
        self.read_batch_for(Whom::Tenant(workspace), batch, rows).await
    }

    async fn read_batch_for(&self, whom: Whom, batch: &'static Batch, rows: &Rows) -> Result<Vec<B::Row>, StoreError> {
        let mut lane = self.readers.take(whom).await?;
        let answers = run::<B>(&mut lane, batch, rows).await?;
        lane.give_back();
        Ok(answers)
    }

    /// Reads for somebody, up to the first row that `enough` says yes to.
    pub(super) async fn read_for(
        &self,
        whom: Whom,
        sql: Sql<'_>,
        cells: Vec<Cell>,
        mut enough: impl FnMut(&B::Row) -> bool + Send,
    ) -> Result<Vec<B::Row>, StoreError> {
        let mut tried_again = false;
        loop {
            let mut lane = self.readers.take(whom).await?;
            match B::fetch_until(&mut lane, sql, cells.clone(), &mut enough).await {
                Ok(rows) => {
                    lane.give_back();
                    return Ok(rows);
                }
                Err(error) if B::blame(&error) == Blame::Connection && !tried_again => {
                    self.readers.forget_idle();
                    tried_again = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn first(workspace: WorkspaceId, rest: Vec<Cell>) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(rest.len() + 1);
    cells.push(workspace.into());
    cells.extend(rest);
    cells
}
