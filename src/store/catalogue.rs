//! What people write: workspaces, members, keys, pods, workflows; and the replies kept for idempotency keys.

use serde_json::json;

use crate::{
    clock::Instant,
    domain::{
        audit::{AuditEntry, Author},
        bulk::BulkJob,
        definition::Definition,
        identity::{ApiKey, Group, Invite, Member},
        ids::{
            ApiKeyId, BulkJobId, ExecutionId, InviteId, PodId, ScheduleId, SubjectId, WebhookId, WorkflowId,
            WorkspaceId,
        },
        schedule::{Schedule, Slot},
        secret::SealedSecret,
        subject::Subject,
        webhook::Webhook,
        workflow::{Pod, Workflow, Workspace},
    },
};

use super::schedules::SeenSchedule;

/// What `Refused` says of a schedule that is not as its writer has seen it.
pub const SCHEDULE_CHANGED: &str = "the schedule has changed meanwhile";

/// What `Refused` says of a webhook that is not as its writer has seen it.
pub const WEBHOOK_CHANGED: &str = "the webhook has changed meanwhile";

/// A change of the catalogue, carried out in one transaction. Rows are given whole: ids and times were made by the caller,
/// so the reply is known before the change is made and can be stored with it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made for a request, and none is kept")]
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
    /// An execution with its log and its files, and its children. `Refused` while one of them, its parent or a replay of one has
    /// not ended.
    DeleteExecution(WorkspaceId, ExecutionId),
    /// A schedule.
    CreateSchedule(Box<Schedule>),
    /// The whole row as it is afterwards. `Refused` with [`SCHEDULE_CHANGED`] if it is not as it was seen.
    UpdateSchedule {
        /// The row afterwards.
        schedule: Box<Schedule>,
        /// What the caller has seen of it.
        seen: SeenSchedule,
        /// Slots of before that the change settles.
        dropped: Vec<Slot>,
    },
    /// The schedule and its ledger. What it has started stays.
    DeleteSchedule(WorkspaceId, ScheduleId),
    /// A bulk job and the executions it is about.
    CreateBulkJob(Box<BulkJob>, Vec<ExecutionId>),
    /// A job begins no further item. `Refused` if it has ended, or is being cancelled.
    CancelBulkJob(WorkspaceId, BulkJobId, Instant),
    /// A webhook.
    CreateWebhook(Box<Webhook>),
    /// The whole row as it is afterwards. `Refused` with [`WEBHOOK_CHANGED`] if it was changed since it was read.
    UpdateWebhook {
        /// The row afterwards.
        webhook: Box<Webhook>,
        /// The row's `updated_at` as the caller has read it.
        expected_updated_at: Instant,
    },
    /// The same, with another secret.
    RotateWebhook {
        /// The row afterwards.
        webhook: Box<Webhook>,
        /// The row's `updated_at` as the caller has read it.
        expected_updated_at: Instant,
    },
    /// The webhook and its ledger. What it has started stays.
    DeleteWebhook(WorkspaceId, WebhookId),
    /// A secret, in the place of the one of that name if there is one.
    PutSecret(Box<SealedSecret>),
    /// Deletes a secret.
    DeleteSecret(WorkspaceId, String),
    /// A subject. `Taken("path")`.
    CreateSubject(Box<Subject>),
    /// The whole row as it is afterwards, with its labels. `Taken("path")`; `Refused` with
    /// [`SUBJECT_CHANGED`](super::subjects::SUBJECT_CHANGED) if it was changed since it was read.
    UpdateSubject {
        /// The row afterwards.
        subject: Box<Subject>,
        /// The row's `change_sequence` as the caller has read it.
        expected_change_sequence: i64,
    },
    /// The subject and its labels. Executions about it stay.
    DeleteSubject(WorkspaceId, SubjectId),
    /// A collection and its documents, by its name.
    DeleteCollection(WorkspaceId, String),
}

impl Change {
    /// The one workspace that it is about.
    pub fn workspace(&self) -> WorkspaceId {
        match self {
            Self::CreateWorkspace(workspace, _) | Self::UpdateWorkspace(workspace) => workspace.id,
            Self::PutMember(member) => member.workspace_id,
            Self::PutGroup(group) => group.workspace_id,
            Self::CreateInvite(invite, _) | Self::AcceptInvite(invite, ..) => invite.workspace_id,
            Self::CreateApiKey(key, _) => key.workspace_id,
            Self::CreatePod(pod) | Self::UpdatePod(pod) => pod.workspace_id,
            Self::CreateWorkflow(workflow, _) | Self::UpdateWorkflow { workflow, .. } => workflow.workspace_id,
            Self::CreateSchedule(schedule) | Self::UpdateSchedule { schedule, .. } => schedule.workspace_id,
            Self::CreateBulkJob(job, _) => job.workspace_id,
            Self::CreateWebhook(webhook)
            | Self::UpdateWebhook { webhook, .. }
            | Self::RotateWebhook { webhook, .. } => webhook.workspace_id,
            Self::PutSecret(secret) => secret.workspace_id,
            Self::CreateSubject(subject) | Self::UpdateSubject { subject, .. } => subject.workspace_id,
            Self::DeleteWorkspace(workspace)
            | Self::RemoveMember(workspace, _)
            | Self::DeleteGroup(workspace, _)
            | Self::DeleteInvite(workspace, _)
            | Self::TouchApiKey(workspace, ..)
            | Self::DeleteApiKey(workspace, _)
            | Self::DeletePod(workspace, _)
            | Self::DeleteWorkflow(workspace, _)
            | Self::DeleteExecution(workspace, _)
            | Self::DeleteSchedule(workspace, _)
            | Self::CancelBulkJob(workspace, ..)
            | Self::DeleteWebhook(workspace, _)
            | Self::DeleteSecret(workspace, _)
            | Self::DeleteSubject(workspace, _)
            | Self::DeleteCollection(workspace, _) => *workspace,
        }
    }

    /// What the audit log tells of it; nothing of a key's use, nor of a workspace that is gone with its log.
    pub fn audit(&self, author: &Author) -> Option<AuditEntry> {
        let (workspace_id, action, subject, detail) = match self {
            Self::CreateWorkspace(workspace, owner) => {
                (workspace.id, "workspace.created", workspace.id.to_string(), json!({ "owner": owner.user_id }))
            }
            Self::UpdateWorkspace(workspace) => {
                let detail = json!({
                    "name": workspace.name, "outboundHosts": workspace.outbound_hosts,
                    "retentionDays": workspace.retention_days,
                });
                (workspace.id, "workspace.updated", workspace.id.to_string(), detail)
            }
            Self::DeleteWorkspace(_) | Self::TouchApiKey(..) => return None,
            Self::PutMember(member) => {
                (member.workspace_id, "member.set", member.user_id.clone(), json!({ "role": member.role }))
            }
            Self::RemoveMember(workspace, user) => (*workspace, "member.removed", user.clone(), json!({})),
            Self::PutGroup(group) => {
                (group.workspace_id, "group.set", group.name.clone(), json!({ "members": group.members }))
            }
            Self::DeleteGroup(workspace, name) => (*workspace, "group.deleted", name.clone(), json!({})),
            Self::CreateInvite(invite, _) => {
                let detail = json!({ "email": invite.email, "role": invite.role });
                (invite.workspace_id, "invite.created", invite.id.to_string(), detail)
            }
            Self::AcceptInvite(invite, member, _) => {
                let detail = json!({ "member": member.user_id, "role": member.role });
                (invite.workspace_id, "invite.accepted", invite.id.to_string(), detail)
            }
            Self::DeleteInvite(workspace, id) => (*workspace, "invite.withdrawn", id.to_string(), json!({})),
            Self::CreateApiKey(key, _) => {
                let detail = json!({ "name": key.name, "prefix": key.prefix, "role": key.role });
                (key.workspace_id, "api_key.created", key.id.to_string(), detail)
            }
            Self::DeleteApiKey(workspace, id) => (*workspace, "api_key.revoked", id.to_string(), json!({})),
            Self::CreatePod(pod) => (pod.workspace_id, "pod.created", pod.id.to_string(), json!({ "name": pod.name })),
            Self::UpdatePod(pod) => (pod.workspace_id, "pod.updated", pod.id.to_string(), json!({ "name": pod.name })),
            Self::DeletePod(workspace, id) => (*workspace, "pod.deleted", id.to_string(), json!({})),
            Self::CreateWorkflow(workflow, _) => {
                (workflow.workspace_id, "workflow.created", workflow.id.to_string(), json!({ "name": workflow.name }))
            }
            Self::UpdateWorkflow { workflow, .. } => {
                let detail = json!({
                    "name": workflow.name, "state": workflow.state, "version": workflow.version,
                    "deployedVersion": workflow.deployed_version,
                });
                (workflow.workspace_id, "workflow.updated", workflow.id.to_string(), detail)
            }
            Self::DeleteWorkflow(workspace, id) => (*workspace, "workflow.deleted", id.to_string(), json!({})),
            Self::DeleteExecution(workspace, id) => (*workspace, "execution.deleted", id.to_string(), json!({})),
            Self::CreateSchedule(schedule) => {
                (schedule.workspace_id, "schedule.created", schedule.id.to_string(), told_of(schedule))
            }
            Self::UpdateSchedule { schedule, .. } => {
                (schedule.workspace_id, "schedule.updated", schedule.id.to_string(), told_of(schedule))
            }
            Self::DeleteSchedule(workspace, id) => (*workspace, "schedule.deleted", id.to_string(), json!({})),
            Self::CreateBulkJob(job, items) => {
                let detail = json!({ "bulkAction": job.action, "podId": job.pod_id, "executions": items.len() });
                (job.workspace_id, "bulk_job.created", job.id.to_string(), detail)
            }
            Self::CancelBulkJob(workspace, id, _) => (*workspace, "bulk_job.cancelled", id.to_string(), json!({})),
            Self::CreateWebhook(webhook) => {
                (webhook.workspace_id, "webhook.created", webhook.id.to_string(), told_of_webhook(webhook))
            }
            Self::UpdateWebhook { webhook, .. } => {
                (webhook.workspace_id, "webhook.updated", webhook.id.to_string(), told_of_webhook(webhook))
            }
            Self::RotateWebhook { webhook, .. } => {
                let until = webhook.secrets.previous.as_ref().map(|(_, until)| until);
                let detail = json!({ "previousSecretUntil": until });
                (webhook.workspace_id, "webhook.secret_rotated", webhook.id.to_string(), detail)
            }
            Self::DeleteWebhook(workspace, id) => (*workspace, "webhook.deleted", id.to_string(), json!({})),
            Self::PutSecret(secret) => (secret.workspace_id, "secret.set", secret.secret.name.clone(), json!({})),
            Self::DeleteSecret(workspace, name) => (*workspace, "secret.deleted", name.clone(), json!({})),
            Self::CreateSubject(subject) => {
                (subject.workspace_id, "subject.created", subject.id.to_string(), told_of_subject(subject))
            }
            Self::UpdateSubject { subject, .. } => {
                (subject.workspace_id, "subject.updated", subject.id.to_string(), told_of_subject(subject))
            }
            Self::DeleteSubject(workspace, id) => (*workspace, "subject.deleted", id.to_string(), json!({})),
            Self::DeleteCollection(workspace, name) => (*workspace, "collection.deleted", name.clone(), json!({})),
        };
        let Author { id, at } = author.clone();
        let detail = detail.as_object().cloned().unwrap_or_default();
        Some(AuditEntry { workspace_id, at, actor: id, action, subject, detail })
    }

    /// Whether it is a change of a subject, and of nothing else.
    pub fn is_of_subject(&self) -> bool {
        matches!(self, Self::CreateSubject(_) | Self::UpdateSubject { .. } | Self::DeleteSubject(..))
    }
}

fn told_of(schedule: &Schedule) -> serde_json::Value {
    json!({
        "name": schedule.name, "workflowId": schedule.workflow_id, "cronExpression": schedule.cron_expression,
        "timezone": schedule.timezone, "enabled": schedule.enabled,
    })
}

/// Nothing of the secrets.
fn told_of_webhook(webhook: &Webhook) -> serde_json::Value {
    json!({
        "name": webhook.name, "workflowId": webhook.workflow_id, "verification": webhook.verification,
        "response": webhook.response, "enabled": webhook.enabled,
    })
}

/// Nothing of its data, which may be large.
fn told_of_subject(subject: &Subject) -> serde_json::Value {
    json!({
        "podId": subject.pod_id, "path": subject.path, "store": subject.store, "labels": subject.labels,
        "status": subject.status, "locked": subject.locked, "changeSequence": subject.change_sequence,
    })
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
    /// From when on the key counts as new again; never, if missing.
    pub forget_at: Option<Instant>,
}
