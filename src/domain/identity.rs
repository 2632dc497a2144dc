//! Who calls, and what they may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{ApiKeyId, InviteId, WorkspaceId};
use crate::clock::Instant;

/// What a member or key may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read.
    Viewer,
    /// Create and change workflows and pods; trigger, cancel, respond, replay.
    Editor,
    /// Members, keys, secrets, deployment, deletion of pods.
    Admin,
    /// Delete the workspace.
    Owner,
}

impl Role {
    /// Every role, the lowest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Admin, Self::Owner];

    /// The role's name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// A person in a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The person, as the `sub` of their tokens says.
    pub user_id: String,
    /// What they may do.
    pub role: Role,
    /// When they joined.
    pub created_at: Instant,
}

/// Members of a workspace under one name, to be asked together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its name, by which workflows mean it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The ids of its members, in order.
    pub members: Vec<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The workspace it opens.
    pub workspace_id: WorkspaceId,
    /// What it is for.
    pub name: String,
    /// The first characters of the key, to recognise it by.
    pub prefix: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it stops working; never, if missing.
    pub expires_at: Option<Instant>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Instant>,
}

/// An invitation to a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// The workspace it opens.
    pub workspace_id: WorkspaceId,
    /// Whom it is for.
    pub email: String,
    /// The role they will have.
    pub role: Role,
    /// Who sent it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it stops working.
    pub expires_at: Instant,
    /// When it was accepted.
    pub accepted_at: Option<Instant>,
}
