//! The trait, method by method: each is the inherent method of the same name in the file of its subject.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{
    clock::Instant,
    domain::{
        audit::{AuditRecord, Author},
        execution::Execution,
        identity::{ApiKey, Group, Invite, Member},
        ids::{
            DeliveryId, ExecutionId, InstanceId, NotificationId, PodId, SuspensionId, WebhookId, WorkflowId,
            WorkspaceId,
        },
        notification::{Notification, ResponseLink},
        suspension::Suspension,
        webhook::{Webhook, WebhookDelivery},
        workflow::{Pod, Workflow, WorkflowVersion, Workspace},
    },
    filter::SortKey,
    store::{
        ApiKeyRecord, AuditFilter, Counted, Delivery, ExecutionColumn, ExecutionFilter, FeedCursor, FeedRow, Fired,
        Hint, LoadedExecution, Page, Repairs, Store, StoreCounts, StoreError, StoredEvent, SuspensionFilter,
        WorkflowFilter,
        admission::Admitted,
        catalogue::{Change, IdempotentReply},
        commit::{Commit, CommitError, Debounced},
    },
};

use super::{SqlStore, backend::Backend};

#[async_trait]
impl<B: Backend> Store for SqlStore<B> {
    async fn commit(&self, batch: &[Commit]) -> Result<Vec<Result<(), CommitError>>, StoreError> {
        Self::commit(self, batch).await
    }

    async fn claim(&self, instance: InstanceId, limit: i64) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
        Self::claim(self, instance, limit).await
    }

    async fn driven_by(&self, instance: InstanceId) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
        Self::driven_by(self, instance).await
    }

    async fn queue_length(&self, workspace: WorkspaceId) -> Result<i64, StoreError> {
        Self::queue_length(self, workspace).await
    }

    async fn fire_timers(&self, now: Instant, limit: i64) -> Result<Fired, StoreError> {
        Self::fire_timers(self, now, limit).await
    }

    async fn admit(&self, workspace: WorkspaceId, lanes: Option<BTreeSet<String>>) -> Result<Admitted, StoreError> {
        Self::admit(self, workspace, lanes).await
    }

    async fn held_workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        Self::held_workspaces(self).await
    }

    async fn is_limited(&self, workspace: WorkspaceId, pod: PodId) -> Result<bool, StoreError> {
        Self::is_limited(self, workspace, pod).await
    }

    async fn burst(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        key: &str,
    ) -> Result<Option<(ExecutionId, Debounced, bool)>, StoreError> {
        Self::burst(self, workspace, workflow, key).await
    }

    async fn next_timer(&self) -> Result<Option<Instant>, StoreError> {
        Self::next_timer(self).await
    }

    async fn release(
        &self,
        instance: InstanceId,
        executions: &[(WorkspaceId, ExecutionId)],
        now: Instant,
    ) -> Result<(), StoreError> {
        Self::release(self, instance, executions, now).await
    }

    async fn register_instance(&self, instance: InstanceId, now: Instant) -> Result<(), StoreError> {
        Self::register_instance(self, instance, now).await
    }

    async fn renew_instance(&self, instance: InstanceId, now: Instant) -> Result<bool, StoreError> {
        Self::renew_instance(self, instance, now).await
    }

    async fn remove_instance(&self, instance: InstanceId) -> Result<(), StoreError> {
        Self::remove_instance(self, instance).await
    }

    async fn count_instances(&self, lease_ms: i64, now: Instant) -> Result<i64, StoreError> {
        Self::count_instances(self, lease_ms, now).await
    }

    async fn reconcile(
        &self,
        instance: InstanceId,
        lease_ms: i64,
        now: Instant,
        alone: bool,
    ) -> Result<Repairs, StoreError> {
        Self::reconcile(self, instance, lease_ms, now, alone).await
    }

    async fn load_execution(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<LoadedExecution, StoreError> {
        Self::load_execution(self, workspace, id).await
    }

    async fn execution(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Execution, StoreError> {
        Self::execution(self, workspace, id).await
    }

    async fn execution_and_driver(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<(Execution, Option<InstanceId>), StoreError> {
        Self::execution_and_driver(self, workspace, id).await
    }

    async fn executions(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Execution>, StoreError> {
        Self::executions(self, workspace, filter, limit, cursor).await
    }

    async fn execution_page(
        &self,
        workspace: WorkspaceId,
        filter: &ExecutionFilter,
        sort: &[SortKey<ExecutionColumn>],
        offset: i64,
        limit: i64,
    ) -> Result<Counted<Execution>, StoreError> {
        Self::execution_page(self, workspace, filter, sort, offset, limit).await
    }

    async fn events(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        Self::events(self, workspace, id, after, limit).await
    }

    async fn last_seqs(
        &self,
        executions: &[(WorkspaceId, ExecutionId)],
    ) -> Result<HashMap<ExecutionId, i64>, StoreError> {
        Self::last_seqs(self, executions).await
    }

    async fn suspension(&self, workspace: WorkspaceId, id: SuspensionId) -> Result<Suspension, StoreError> {
        Self::suspension(self, workspace, id).await
    }

    async fn suspensions(
        &self,
        workspace: WorkspaceId,
        filter: &SuspensionFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Suspension>, StoreError> {
        Self::suspensions(self, workspace, filter, limit, cursor).await
    }

    async fn claim_notifications(
        &self,
        now: Instant,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        Self::claim_notifications(self, now, lease_ms, limit).await
    }

    async fn next_notification(&self) -> Result<Option<Instant>, StoreError> {
        Self::next_notification(self).await
    }

    async fn record_delivery(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        Self::record_delivery(self, delivery).await
    }

    async fn notifications(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
    ) -> Result<Vec<Notification>, StoreError> {
        Self::notifications(self, workspace, suspension).await
    }

    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        suspension: SuspensionId,
        id: NotificationId,
        now: Instant,
    ) -> Result<Notification, StoreError> {
        Self::redeliver(self, workspace, suspension, id, now).await
    }

    async fn response_link(&self, digest: &[u8]) -> Result<Option<ResponseLink>, StoreError> {
        Self::response_link(self, digest).await
    }

    async fn feed(
        &self,
        workspace: WorkspaceId,
        pod: Option<PodId>,
        after: FeedCursor,
        limit: i64,
    ) -> Result<Vec<FeedRow>, StoreError> {
        Self::feed(self, workspace, pod, after, limit).await
    }

    async fn feed_end(&self, workspace: WorkspaceId) -> Result<FeedCursor, StoreError> {
        Self::feed_end(self, workspace).await
    }

    async fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Webhook, StoreError> {
        Self::webhook(self, workspace, id).await
    }

    async fn webhook_anywhere(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Self::webhook_anywhere(self, id).await
    }

    async fn webhooks(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Webhook>, StoreError> {
        Self::webhooks(self, workspace, pod, limit, cursor).await
    }

    async fn note_delivery(&self, delivery: &WebhookDelivery) -> Result<(), StoreError> {
        Self::note_delivery(self, delivery).await
    }

    async fn delivery_answered(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
        status: u16,
    ) -> Result<(), StoreError> {
        Self::delivery_answered(self, workspace, webhook, id, status).await
    }

    async fn forget_deliveries(&self, now: Instant, limit: i64) -> Result<u64, StoreError> {
        Self::forget_deliveries(self, now, limit).await
    }

    async fn webhook_deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WebhookDelivery>, StoreError> {
        Self::webhook_deliveries(self, workspace, webhook, limit, cursor).await
    }

    async fn webhook_delivery(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        Self::webhook_delivery(self, workspace, webhook, id).await
    }

    async fn change(
        &self,
        change: Change,
        author: &Author,
        idempotency: Option<IdempotentReply>,
    ) -> Result<(), StoreError> {
        Self::change(self, change, author, idempotency).await
    }

    async fn keep_reply(&self, reply: &IdempotentReply) -> Result<(), StoreError> {
        Self::keep_reply(self, reply).await
    }

    async fn audit(
        &self,
        workspace: WorkspaceId,
        filter: &AuditFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        Self::audit(self, workspace, filter, limit, cursor).await
    }

    async fn audit_after(
        &self,
        workspace: WorkspaceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Self::audit_after(self, workspace, after, limit).await
    }

    async fn idempotent_reply(
        &self,
        scope: &str,
        key: &str,
        now: Instant,
    ) -> Result<Option<IdempotentReply>, StoreError> {
        Self::idempotent_reply(self, scope, key, now).await
    }

    async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, StoreError> {
        Self::workspace(self, id).await
    }

    async fn workspaces_of(&self, user_id: &str) -> Result<Vec<Workspace>, StoreError> {
        Self::workspaces_of(self, user_id).await
    }

    async fn member(&self, workspace: WorkspaceId, user_id: &str) -> Result<Member, StoreError> {
        Self::member(self, workspace, user_id).await
    }

    async fn members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        Self::members(self, workspace).await
    }

    async fn group(&self, workspace: WorkspaceId, name: &str) -> Result<Group, StoreError> {
        Self::group(self, workspace, name).await
    }

    async fn groups(&self, workspace: WorkspaceId) -> Result<Vec<Group>, StoreError> {
        Self::groups(self, workspace).await
    }

    async fn invites(&self, workspace: WorkspaceId) -> Result<Vec<Invite>, StoreError> {
        Self::invites(self, workspace).await
    }

    async fn invite_by_digest(&self, digest: &[u8]) -> Result<Invite, StoreError> {
        Self::invite_by_digest(self, digest).await
    }

    async fn api_key_by_digest(&self, digest: &[u8]) -> Result<Option<ApiKeyRecord>, StoreError> {
        Self::api_key_by_digest(self, digest).await
    }

    async fn api_keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, StoreError> {
        Self::api_keys(self, workspace).await
    }

    async fn pod(&self, workspace: WorkspaceId, id: PodId) -> Result<Pod, StoreError> {
        Self::pod(self, workspace, id).await
    }

    async fn pods(&self, workspace: WorkspaceId, limit: i64, cursor: Option<&str>) -> Result<Page<Pod>, StoreError> {
        Self::pods(self, workspace, limit, cursor).await
    }

    async fn workflow(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError> {
        Self::workflow(self, workspace, id).await
    }

    async fn workflow_head(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError> {
        Self::workflow_head(self, workspace, id).await
    }

    async fn workflows(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: WorkflowFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Workflow>, StoreError> {
        Self::workflows(self, workspace, pod, filter, limit, cursor).await
    }

    async fn subscribers(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        patterns: &[String],
    ) -> Result<Vec<(WorkflowId, i64)>, StoreError> {
        Self::subscribers(self, workspace, pod, patterns).await
    }

    async fn workflow_version(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: i64,
    ) -> Result<WorkflowVersion, StoreError> {
        Self::workflow_version(self, workspace, id, version).await
    }

    async fn workflow_versions(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<WorkflowVersion>, StoreError> {
        Self::workflow_versions(self, workspace, id, limit, cursor).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read("SELECT 1", Vec::new()).await.map(drop)
    }

    async fn counts(&self, now: Instant) -> Result<StoreCounts, StoreError> {
        Self::counts(self, now).await
    }

    async fn send_hints(&self, hints: &[Hint]) -> Result<(), StoreError> {
        if hints.is_empty() {
            return Ok(());
        }
        Ok(self.backend.send_hints(hints).await?)
    }

    async fn listen(&self) -> Result<Option<mpsc::Receiver<Hint>>, StoreError> {
        Ok(self.backend.listen().await?)
    }

    async fn server_secret(&self, name: &str, candidate: &[u8], now: Instant) -> Result<Vec<u8>, StoreError> {
        Self::server_secret(self, name, candidate, now).await
    }

    async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        // Readers first: an SQLite file is tidied up by its last connection, which has to be one that may write.
        for lanes in [&self.readers, &self.committers, &self.writers, &self.renewals] {
            lanes.close().await;
        }
        self.backend.close().await;
    }
}
