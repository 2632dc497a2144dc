//! Groups of members.

use std::collections::HashMap;

use crate::{
    domain::{identity::Group, ids::WorkspaceId},
    store::StoreError,
};

use super::{
    super::{
        SqlStore,
        backend::{Backend, Columns, cells},
        batch::{Batch, Kind, Rows},
        run,
    },
    change_one, write_row,
};

const PUT_GROUP: &str = "INSERT INTO groups (workspace_id, name, description, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (workspace_id, name) DO UPDATE SET description = excluded.description, updated_at = excluded.updated_at";
const CLEAR_GROUP: &str = "DELETE FROM group_members WHERE workspace_id = $1 AND group_name = $2";
const DELETE_GROUP: &str = "DELETE FROM groups WHERE workspace_id = $1 AND name = $2";
const GROUP: &str = "SELECT workspace_id, name, description, created_at, updated_at FROM groups
     WHERE workspace_id = $1 AND name = $2";
const GROUPS: &str = "SELECT workspace_id, name, description, created_at, updated_at FROM groups
     WHERE workspace_id = $1 ORDER BY name";
const MEMBERS: &str = "SELECT user_id FROM group_members WHERE workspace_id = $1 AND group_name = $2 ORDER BY user_id";
const ALL_MEMBERS: &str = "SELECT group_name, user_id FROM group_members WHERE workspace_id = $1
     ORDER BY group_name, user_id";

/// Who is no member of the workspace is left out: the caller counts.
static ADD_MEMBERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("group_name", Kind::Text), ("user_id", Kind::Text)],
    "INSERT INTO group_members (workspace_id, group_name, user_id)
     SELECT b.workspace_id, b.group_name, b.user_id
     FROM batch AS b JOIN members AS m ON m.workspace_id = b.workspace_id AND m.user_id = b.user_id WHERE true
     ON CONFLICT (workspace_id, group_name, user_id) DO NOTHING
     RETURNING user_id",
);

impl<B: Backend> SqlStore<B> {
    pub(in crate::store::sql) async fn group(&self, workspace: WorkspaceId, name: &str) -> Result<Group, StoreError> {
        let mut group = read_group::<B>(&self.read_one_of(workspace, "group", GROUP, cells![name]).await?)?;
        for row in &self.read_of(workspace, MEMBERS, cells![name]).await? {
            group.members.push(Columns::<B>::new(row).next()?);
        }
        Ok(group)
    }

    pub(in crate::store::sql) async fn groups(&self, workspace: WorkspaceId) -> Result<Vec<Group>, StoreError> {
        let groups = self.read_of(workspace, GROUPS, cells![]).await?;
        let mut groups = groups.iter().map(read_group::<B>).collect::<Result<Vec<_>, _>>()?;
        let mut members: HashMap<String, Vec<String>> = HashMap::new();
        for row in &self.read_of(workspace, ALL_MEMBERS, cells![]).await? {
            let mut columns = Columns::<B>::new(row);
            members.entry(columns.next()?).or_default().push(columns.next()?);
        }
        for group in &mut groups {
            group.members = members.remove(&group.name).unwrap_or_default();
        }
        Ok(groups)
    }
}

/// Makes a group, or puts it in the place of the one of that name. `Refused` if somebody in it is no member.
pub(super) async fn put_group<B: Backend>(connection: &mut B::Connection, group: &Group) -> Result<(), StoreError> {
    let Group { workspace_id, name, description, members, created_at, updated_at } = group;
    let cells = cells![*workspace_id, name, description, *created_at, *updated_at];
    write_row::<B>(connection, "group", "workspace", PUT_GROUP, cells).await?;
    B::execute(connection, CLEAR_GROUP, cells![*workspace_id, name]).await?;
    let mut rows = Rows::default();
    for user in members {
        rows.push(0, cells![*workspace_id, name, user]);
    }
    if run::<B>(connection, &ADD_MEMBERS, &rows).await?.len() < members.len() {
        return Err(StoreError::Refused("somebody in the group is no member of the workspace"));
    }
    Ok(())
}

pub(super) async fn delete_group<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "group", DELETE_GROUP, cells![workspace, name]).await
}

fn read_group<B: Backend>(row: &B::Row) -> Result<Group, StoreError> {
    let mut columns = Columns::<B>::new(row);
    Ok(Group {
        workspace_id: columns.id()?,
        name: columns.next()?,
        description: columns.next()?,
        members: Vec::new(),
        created_at: columns.at()?,
        updated_at: columns.at()?,
    })
}
