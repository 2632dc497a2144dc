//! The catalogue: changes in one transaction with the reply of their idempotency key, and what is read of it.

mod bulk;
mod groups;
mod heads;
mod people;
mod pods;
mod schedules;
mod sealed;
mod subjects;
mod subscriptions;
mod webhooks;
mod workflows;

use std::sync::Arc;

pub(super) use heads::Heads;

use crate::{
    clock::Instant,
    domain::{audit::Author, ids::WorkspaceId},
    store::{
        StoreError,
        catalogue::{Change, IdempotentReply},
    },
};

use super::{
    Changing, SqlStore, audit,
    backend::{Backend, Cell, Columns, Dialect, Sql, Whom, cells},
    documents, retention,
};

const TAKE_KEY: &str =
    "INSERT INTO idempotency (scope, key, request_digest, status, location, created_at, forget_at, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (scope, key) DO UPDATE SET request_digest = excluded.request_digest, status = excluded.status,
         location = excluded.location, created_at = excluded.created_at, forget_at = excluded.forget_at,
         body = excluded.body
     WHERE idempotency.forget_at <= excluded.created_at";

const REPLY: &str = "SELECT scope, key, request_digest, status, location, created_at, forget_at, body
     FROM idempotency WHERE scope = $1 AND key = $2";

/// Takes the workspace's row for this transaction, so that two changes of its members can't both see the other's owner.
const HOLD_WORKSPACE: &str = "UPDATE workspaces SET updated_at = updated_at WHERE id = $1";

/// Lets all statements of a transaction see the same moment: an execution that begins while its pod is being deleted
/// stays whole (and fails, for want of its workflow) instead of losing some of its rows. SQLite has one writer.
const FREEZE: Dialect = Dialect { sqlite: "SELECT 1", postgres: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ" };

impl<B: Backend> SqlStore<B> {
    pub(super) async fn change(
        &self,
        change: Change,
        author: &Author,
        idempotency: Option<IdempotentReply>,
    ) -> Result<(), StoreError> {
        let entry = change.audit(author);
        // Nothing of subjects is kept in memory, and there are many.
        let changing = self.memory.clone().filter(|_| !change.is_of_subject()).map(Changing);
        let whom = whose(&change, idempotency.as_ref());
        let work = Arc::new((change, entry, idempotency, changing));
        self.write_on(&self.writers, whom, move |connection| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let (change, entry, idempotency, _) = &*work;
                if matches!(change, Change::DeleteWorkspace(_) | Change::DeletePod(..) | Change::DeleteWorkflow(..)) {
                    B::control(connection, B::pick(FREEZE)).await?;
                }
                if let Some(reply) = idempotency {
                    take_key::<B>(connection, reply).await?;
                }
                carry_out::<B>(connection, change).await?;
                audit::chain::<B>(connection, entry.iter()).await
            })
        })
        .await
        .map(|ends| self.chain_ends.note(ends))
    }

    pub(super) async fn idempotent_reply(
        &self,
        scope: &str,
        key: &str,
        now: Instant,
    ) -> Result<Option<IdempotentReply>, StoreError> {
        let rows = self.read_for(of_scope(scope), Sql::Literal(REPLY), cells![scope, key], |_| false).await?;
        let reply = rows.first().map(read_reply::<B>).transpose()?;
        Ok(reply.filter(|reply| reply.forget_at.is_none_or(|forget_at| forget_at > now)))
    }

    pub(super) async fn keep_reply(&self, reply: &IdempotentReply) -> Result<(), StoreError> {
        let reply = Arc::new(reply.clone());
        self.write_on(&self.writers, of_scope(&reply.scope), move |connection| {
            let reply = Arc::clone(&reply);
            Box::pin(async move { take_key::<B>(connection, &reply).await })
        })
        .await
    }
}

/// For whom a change is carried out. A reply that is kept elsewhere is not the workspace's to write: that of a user who makes a
/// workspace or joins one.
fn whose(change: &Change, reply: Option<&IdempotentReply>) -> Whom {
    let tenant = Whom::Tenant(change.workspace());
    if reply.is_none_or(|reply| of_scope(&reply.scope) == tenant) { tenant } else { Whom::Engine }
}

/// Whose the keys of a scope are: a workspace's, or a user's outside of one.
fn of_scope(scope: &str) -> Whom {
    match scope.parse() {
        // As it is written in the column: other ways to write the same id are other scopes.
        Ok(workspace) if WorkspaceId::to_string(&workspace) == scope => Whom::Tenant(workspace),
        _ => Whom::Engine,
    }
}

async fn carry_out<B: Backend>(connection: &mut B::Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::CreateWorkspace(workspace, owner) => {
            pods::create_workspace::<B>(connection, workspace).await?;
            people::put_member::<B>(connection, owner).await
        }
        Change::UpdateWorkspace(workspace) => pods::update_workspace::<B>(connection, workspace).await,
        Change::DeleteWorkspace(workspace) => pods::delete_workspace::<B>(connection, *workspace).await,
        Change::PutMember(member) => people::put_member::<B>(connection, member).await,
        Change::RemoveMember(workspace, user) => people::remove_member::<B>(connection, *workspace, user).await,
        Change::PutGroup(group) => groups::put_group::<B>(connection, group).await,
        Change::DeleteGroup(workspace, name) => groups::delete_group::<B>(connection, *workspace, name).await,
        Change::CreateInvite(invite, digest) => people::create_invite::<B>(connection, invite, digest).await,
        Change::AcceptInvite(invite, member, at) => people::accept_invite::<B>(connection, invite, member, *at).await,
        Change::DeleteInvite(workspace, id) => people::delete_invite::<B>(connection, *workspace, *id).await,
        Change::CreateApiKey(key, digest) => people::create_api_key::<B>(connection, key, digest).await,
        Change::TouchApiKey(workspace, id, at) => people::touch_api_key::<B>(connection, *workspace, *id, *at).await,
        Change::DeleteApiKey(workspace, id) => people::delete_api_key::<B>(connection, *workspace, *id).await,
        Change::CreatePod(pod) => pods::create_pod::<B>(connection, pod).await,
        Change::UpdatePod(pod) => pods::update_pod::<B>(connection, pod).await,
        Change::DeletePod(workspace, id) => pods::delete_pod::<B>(connection, *workspace, *id).await,
        Change::CreateWorkflow(workflow, created_by) => {
            workflows::create_workflow::<B>(connection, workflow, created_by).await
        }
        Change::UpdateWorkflow { workflow, expected_updated_at, new_version } => {
            workflows::update_workflow::<B>(connection, workflow, *expected_updated_at, new_version.as_ref()).await
        }
        Change::DeleteWorkflow(workspace, id) => workflows::delete_workflow::<B>(connection, *workspace, *id).await,
        Change::DeleteExecution(workspace, id) => retention::remove_by_hand::<B>(connection, *workspace, *id).await,
        Change::CreateSchedule(schedule) => schedules::create_schedule::<B>(connection, schedule).await,
        Change::UpdateSchedule { schedule, seen, dropped } => {
            schedules::update_schedule::<B>(connection, schedule, seen, dropped).await
        }
        Change::CreateBulkJob(job, items) => bulk::create_bulk_job::<B>(connection, job, items).await,
        Change::CancelBulkJob(workspace, id, at) => bulk::cancel_bulk_job::<B>(connection, *workspace, *id, *at).await,
        Change::DeleteSchedule(workspace, id) => schedules::delete_schedule::<B>(connection, *workspace, *id).await,
        Change::PutSecret(secret) => sealed::put_secret::<B>(connection, secret).await,
        Change::DeleteSecret(workspace, name) => sealed::delete_secret::<B>(connection, *workspace, name).await,
        Change::CreateWebhook(webhook) => webhooks::create_webhook::<B>(connection, webhook).await,
        Change::UpdateWebhook { webhook, expected_updated_at }
        | Change::RotateWebhook { webhook, expected_updated_at } => {
            webhooks::update_webhook::<B>(connection, webhook, *expected_updated_at).await
        }
        Change::DeleteWebhook(workspace, id) => webhooks::delete_webhook::<B>(connection, *workspace, *id).await,
        Change::CreateSubject(subject) => subjects::create_subject::<B>(connection, subject).await,
        Change::UpdateSubject { subject, expected_change_sequence } => {
            subjects::update_subject::<B>(connection, subject, *expected_change_sequence).await
        }
        Change::DeleteSubject(workspace, id) => subjects::delete_subject::<B>(connection, *workspace, *id).await,
        Change::DeleteCollection(workspace, name) => {
            documents::delete_collection::<B>(connection, *workspace, name).await
        }
    }
}

async fn take_key<B: Backend>(connection: &mut B::Connection, new: &IdempotentReply) -> Result<(), StoreError> {
    let cells = cells![
        &new.scope,
        &new.key,
        &new.request_digest,
        new.status,
        new.location.as_deref(),
        new.created_at,
        new.forget_at,
        &new.body,
    ];
    if B::execute(connection, TAKE_KEY, cells).await? > 0 {
        return Ok(());
    }
    let stored = reply::<B>(connection, &new.scope, &new.key).await?;
    Err(stored.map_or(StoreError::Refused("the idempotency key was cleared away meanwhile"), |stored| {
        StoreError::Repeated(Box::new(stored))
    }))
}

/// The stored reply to a key.
pub(super) async fn reply<B: Backend>(
    connection: &mut B::Connection,
    scope: &str,
    key: &str,
) -> Result<Option<IdempotentReply>, StoreError> {
    B::fetch(connection, REPLY, cells![scope, key]).await?.first().map(read_reply::<B>).transpose()
}

fn read_reply<B: Backend>(row: &B::Row) -> Result<IdempotentReply, StoreError> {
    let mut columns = Columns::<B>::new(row);
    let (scope, key, request_digest) = (columns.next()?, columns.next()?, columns.next()?);
    let status = u16::try_from(columns.next::<i64>()?)
        .map_err(|error| StoreError::Damaged { what: "status of a reply", reason: error.to_string() })?;
    let (location, created_at, forget_at, body) =
        (columns.next()?, columns.at()?, columns.maybe_at()?, columns.next()?);
    Ok(IdempotentReply { scope, key, request_digest, status, location, body, created_at, forget_at })
}

async fn hold_workspace<B: Backend>(connection: &mut B::Connection, id: WorkspaceId) -> Result<(), StoreError> {
    change_one::<B>(connection, "workspace", HOLD_WORKSPACE, cells![id]).await
}

/// Runs a statement that changes one row, which `what` is missing without.
async fn change_one<B: Backend>(
    connection: &mut B::Connection,
    what: &'static str,
    sql: &'static str,
    cells: Vec<Cell>,
) -> Result<(), StoreError> {
    match B::execute(connection, sql, cells).await? {
        0 => Err(StoreError::NotFound(what)),
        _ => Ok(()),
    }
}

/// Runs a statement that inserts or changes a row: `unique` is what can be taken, `parent` what can be missing. Answers
/// how many rows there were.
async fn write_row<B: Backend>(
    connection: &mut B::Connection,
    unique: &'static str,
    parent: &'static str,
    sql: &'static str,
    cells: Vec<Cell>,
) -> Result<u64, StoreError> {
    B::execute(connection, sql, cells).await.map_err(|error| match &error {
        sqlx::Error::Database(refused) if refused.is_unique_violation() => StoreError::Taken(unique),
        sqlx::Error::Database(refused) if refused.is_foreign_key_violation() => StoreError::NotFound(parent),
        _ => error.into(),
    })
}

/// Whether a statement finds something.
async fn exists<B: Backend>(
    connection: &mut B::Connection,
    sql: &'static str,
    cells: Vec<Cell>,
) -> Result<bool, StoreError> {
    Ok(!B::fetch(connection, sql, cells).await?.is_empty())
}
