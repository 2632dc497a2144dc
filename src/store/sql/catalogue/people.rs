//! Members, invites and API keys.

use crate::{
    clock::Instant,
    domain::{
        identity::{ApiKey, Invite, Member, Role},
        ids::{ApiKeyId, InviteId, WorkspaceId},
    },
    store::{ApiKeyRecord, StoreError},
};

use super::{
    super::{
        SqlStore,
        backend::{Backend, Columns, cells},
    },
    change_one, exists, hold_workspace, write_row,
};

const LAST_OWNER: StoreError = StoreError::Refused("a workspace needs an owner");

const PUT_MEMBER: &str = "INSERT INTO members (workspace_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role";
const REMOVE_MEMBER: &str = "DELETE FROM members WHERE workspace_id = $1 AND user_id = $2";
const OTHER_OWNER: &str = "SELECT 1 FROM members WHERE workspace_id = $1 AND user_id <> $2 AND role = 'owner' LIMIT 1";
const MEMBER: &str = "SELECT workspace_id, user_id, role, created_at FROM members
     WHERE workspace_id = $1 AND user_id = $2";
const MEMBERS: &str = "SELECT workspace_id, user_id, role, created_at FROM members
     WHERE workspace_id = $1 ORDER BY created_at, user_id";

const CREATE_INVITE: &str = "INSERT INTO invites
         (workspace_id, id, email, role, created_by, created_at, expires_at, accepted_at, digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const ACCEPT_INVITE: &str =
    "UPDATE invites SET accepted_at = $3 WHERE workspace_id = $1 AND id = $2 AND accepted_at IS NULL";
const DELETE_INVITE: &str = "DELETE FROM invites WHERE workspace_id = $1 AND id = $2";
const INVITES: &str = "SELECT id, workspace_id, email, role, created_by, created_at, expires_at, accepted_at
     FROM invites WHERE workspace_id = $1 AND accepted_at IS NULL ORDER BY id DESC";
const INVITE_BY_DIGEST: &str = "SELECT id, workspace_id, email, role, created_by, created_at, expires_at, accepted_at
     FROM invites WHERE digest = $1";

const CREATE_API_KEY: &str = "INSERT INTO api_keys
         (workspace_id, id, name, prefix, role, created_by, created_at, expires_at, last_used_at, digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const TOUCH_API_KEY: &str = "UPDATE api_keys SET last_used_at = $3 WHERE workspace_id = $1 AND id = $2";
const DELETE_API_KEY: &str = "DELETE FROM api_keys WHERE workspace_id = $1 AND id = $2";
const API_KEYS: &str = "SELECT id, workspace_id, name, prefix, role, created_by, created_at, expires_at, last_used_at
     FROM api_keys WHERE workspace_id = $1 ORDER BY id DESC";
const API_KEY_BY_DIGEST: &str =
    "SELECT id, workspace_id, name, prefix, role, created_by, created_at, expires_at, last_used_at, digest
     FROM api_keys WHERE digest = $1";

impl<B: Backend> SqlStore<B> {
    pub(in crate::store::sql) async fn member(
        &self,
        workspace: WorkspaceId,
        user_id: &str,
    ) -> Result<Member, StoreError> {
        read_member::<B>(&self.read_one_of(workspace, "member", MEMBER, cells![user_id]).await?)
    }

    pub(in crate::store::sql) async fn members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        self.read_of(workspace, MEMBERS, cells![]).await?.iter().map(read_member::<B>).collect()
    }

    pub(in crate::store::sql) async fn invites(&self, workspace: WorkspaceId) -> Result<Vec<Invite>, StoreError> {
        self.read_of(workspace, INVITES, cells![]).await?.iter().map(read_invite::<B>).collect()
    }

    pub(in crate::store::sql) async fn invite_by_digest(&self, digest: &[u8]) -> Result<Invite, StoreError> {
        read_invite::<B>(&self.read_one("invite", INVITE_BY_DIGEST, cells![digest]).await?)
    }

    pub(in crate::store::sql) async fn api_key_by_digest(
        &self,
        digest: &[u8],
    ) -> Result<Option<ApiKeyRecord>, StoreError> {
        let rows = self.read(API_KEY_BY_DIGEST, cells![digest]).await?;
        rows.first()
            .map(|row| {
                let mut columns = Columns::<B>::new(row);
                Ok(ApiKeyRecord { key: read_api_key(&mut columns)?, digest: columns.next()? })
            })
            .transpose()
    }

    pub(in crate::store::sql) async fn api_keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.read_of(workspace, API_KEYS, cells![]).await?;
        rows.iter().map(|row| read_api_key(&mut Columns::<B>::new(row))).collect()
    }
}

pub(super) async fn put_member<B: Backend>(connection: &mut B::Connection, member: &Member) -> Result<(), StoreError> {
    hold_workspace::<B>(connection, member.workspace_id).await?;
    if member.role != Role::Owner {
        keep_an_owner::<B>(connection, member.workspace_id, &member.user_id).await?;
    }
    write_member::<B>(connection, member).await
}

async fn write_member<B: Backend>(connection: &mut B::Connection, member: &Member) -> Result<(), StoreError> {
    let cells = cells![member.workspace_id, &member.user_id, member.role.as_str(), member.created_at];
    B::execute(connection, PUT_MEMBER, cells).await?;
    Ok(())
}

pub(super) async fn remove_member<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    user: &str,
) -> Result<(), StoreError> {
    hold_workspace::<B>(connection, workspace).await?;
    if !exists::<B>(connection, MEMBER, cells![workspace, user]).await? {
        return Err(StoreError::NotFound("member"));
    }
    keep_an_owner::<B>(connection, workspace, user).await?;
    change_one::<B>(connection, "member", REMOVE_MEMBER, cells![workspace, user]).await
}

/// Refuses to take the role of owner from the only one who has it.
async fn keep_an_owner<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    user: &str,
) -> Result<(), StoreError> {
    if exists::<B>(connection, OTHER_OWNER, cells![workspace, user]).await? { Ok(()) } else { Err(LAST_OWNER) }
}

pub(super) async fn create_invite<B: Backend>(
    connection: &mut B::Connection,
    invite: &Invite,
    digest: &[u8],
) -> Result<(), StoreError> {
    let cells = cells![
        invite.workspace_id,
        invite.id,
        &invite.email,
        invite.role.as_str(),
        &invite.created_by,
        invite.created_at,
        invite.expires_at,
        invite.accepted_at,
        digest,
    ];
    write_row::<B>(connection, "invite", "workspace", CREATE_INVITE, cells).await.map(drop)
}

pub(super) async fn accept_invite<B: Backend>(
    connection: &mut B::Connection,
    invite: &Invite,
    member: &Member,
    at: Instant,
) -> Result<(), StoreError> {
    hold_workspace::<B>(connection, invite.workspace_id).await?;
    if B::execute(connection, ACCEPT_INVITE, cells![invite.workspace_id, invite.id, at]).await? == 0 {
        return Err(StoreError::Refused("the invite was accepted or withdrawn before"));
    }
    let present = B::fetch(connection, MEMBER, cells![member.workspace_id, &member.user_id]).await?;
    match present.first().map(read_member::<B>).transpose()? {
        Some(present) if present.role >= member.role => Ok(()),
        _ => write_member::<B>(connection, member).await,
    }
}

pub(super) async fn delete_invite<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: InviteId,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "invite", DELETE_INVITE, cells![workspace, id]).await
}

pub(super) async fn create_api_key<B: Backend>(
    connection: &mut B::Connection,
    key: &ApiKey,
    digest: &[u8],
) -> Result<(), StoreError> {
    let cells = cells![
        key.workspace_id,
        key.id,
        &key.name,
        &key.prefix,
        key.role.as_str(),
        &key.created_by,
        key.created_at,
        key.expires_at,
        key.last_used_at,
        digest,
    ];
    write_row::<B>(connection, "API key", "workspace", CREATE_API_KEY, cells).await.map(drop)
}

pub(super) async fn touch_api_key<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ApiKeyId,
    at: Instant,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "API key", TOUCH_API_KEY, cells![workspace, id, at]).await
}

pub(super) async fn delete_api_key<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ApiKeyId,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "API key", DELETE_API_KEY, cells![workspace, id]).await
}

fn read_member<B: Backend>(row: &B::Row) -> Result<Member, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Member {
        workspace_id: columns.id()?,
        user_id: columns.next()?,
        role: columns.name("role")?,
        created_at: columns.at()?,
    })
}

fn read_invite<B: Backend>(row: &B::Row) -> Result<Invite, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Invite {
        id: columns.id()?,
        workspace_id: columns.id()?,
        email: columns.next()?,
        role: columns.name("role")?,
        created_by: columns.next()?,
        created_at: columns.at()?,
        expires_at: columns.at()?,
        accepted_at: columns.maybe_at()?,
    })
}

fn read_api_key<B: Backend>(columns: &mut Columns<'_, B>) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: columns.id()?,
        workspace_id: columns.id()?,
        name: columns.next()?,
        prefix: columns.next()?,
        role: columns.name("role")?,
        created_by: columns.next()?,
        created_at: columns.at()?,
        expires_at: columns.maybe_at()?,
        last_used_at: columns.maybe_at()?,
    })
}
