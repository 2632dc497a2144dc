//! What people write: workspaces, members, keys, pods, workflows; and the replies kept for idempotency keys.

use crate::{
    clock::Instant,
    domain::{
        definition::Definition,
        identity::{ApiKey, Group, Invite, Member},
        ids::{ApiKeyId, InviteId, PodId, WorkflowId, WorkspaceId},
        workflow::{Pod, Workflow, Workspace},
    },
};

/// A change of the catalogue, carried out in one transaction. Rows are given whole: ids and times were made by the caller,
/// so the reply is known before the change is made and can be stored with it.
#[derive(Clone, Debug)]
pub enum Change {
    /// A workspace and its first owner. `Taken("slug")`.
    CreateWorkspace(Workspace, Member),
    /// Name and slug. `Taken("slug")`.
    UpdateWorkspace(Workspace),
    /// The workspace and everything in it. `Refused` while an execution in it is live.
    DeleteWorkspace(WorkspaceId),
    /// Adds a member, or changes the role. `Refused` for the last owner.
    PutMember(Member),
    /// Removes a member, from the workspace's groups as well. `Refused` for the last owner.
    RemoveMember(WorkspaceId, String),
    /// Makes a group, or replaces it. `Refused` if somebody in it is no member of the workspace.
    PutGroup(Group),
    /// Deletes a group. Suspensions that are open keep whom they have asked.
    DeleteGroup(WorkspaceId, String),
    /// An invite with the SHA-256 of its token.
    CreateInvite(Invite, Vec<u8>),
    /// Marks it accepted and makes the member (an existing member keeps the higher role). `Refused` if it was accepted or withdrawn before.
    AcceptInvite(Invite, Member, Instant),
    /// Withdraws an invite.
    DeleteInvite(WorkspaceId, InviteId),
    /// A key with the SHA-256 of its secret.
    CreateApiKey(ApiKey, Vec<u8>),
    /// Notes that a key was used.
    TouchApiKey(WorkspaceId, ApiKeyId, Instant),
    /// Revokes a key.
    DeleteApiKey(WorkspaceId, ApiKeyId),
    /// A pod. `Taken("slug")`.
    CreatePod(Pod),
    /// Name, slug and description. `Taken("slug")`.
    UpdatePod(Pod),
    /// The pod and everything in it. `Refused` while an execution in it is live.
    DeletePod(WorkspaceId, PodId),
    /// A workflow and its version 1 (`workflow.definition` is there).
    CreateWorkflow(Workflow, String),
    /// The whole row as it is afterwards. `expected_updated_at` guards against lost updates (`Refused`).
    UpdateWorkflow {
        /// The row afterwards; `definition` is not read.
        workflow: Workflow,
        /// The row's `updated_at` as the caller has read it.
        expected_updated_at: Instant,
        /// The definition of version `workflow.version`, if the change makes a new one, and who made it.
        new_version: Option<(Definition, String)>,
    },
    /// The workflow, its versions and its executions. `Refused` while an execution of it is live.
    DeleteWorkflow(WorkspaceId, WorkflowId),
}

/// The reply that an idempotency key got, kept for repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentReply {
    /// Whose key it is: the workspace's id, or `user:<id>` outside a workspace.
    pub scope: String,
    /// The key.
    pub key: String,
    /// SHA-256 over method, path and body of the request.
    pub request_digest: Vec<u8>,
    /// The reply's HTTP status.
    pub status: u16,
    /// The reply's `Location`, if it had one.
    pub location: Option<String>,
    /// The reply's body, exact JSON.
    pub body: String,
    /// When it was given.
    pub created_at: Instant,
}
