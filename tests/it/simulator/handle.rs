//! A machine's way to the database: the store that its engine gets. What the database does is the oracle of the differential test;
//! what befalls the call on its way is the machine's.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sluicegate::{
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
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{
    machine::Machine,
    unsimulated::simulated,
    world::{State, short},
};

/// The store of one machine.
pub struct Handle(pub Arc<Machine>);

impl Handle {
    /// What leases are measured with: the time of the database's server, or of the one machine that has the file.
    fn lease_time(&self, now: Instant) -> impl FnOnce() -> Instant + Send + use<> {
        let (alone, world) = (self.0.world.alone, Arc::clone(&self.0.world));
        move || if alone { now } else { world.now() }
    }

    /// A hint comes to each other machine late, twice, or never.
    fn spread(&self, hint: Hint) {
        let others: Vec<_> = {
            let state = self.0.world.state();
            state.listeners.iter().filter(|(boot, _)| **boot != self.0.boot).map(|(_, to)| to.clone()).collect()
        };
        for to in others {
            let times = [0, 1, 1, 1, 2][self.0.draw(5) as usize];
            for _ in 0..times {
                let (to, late) = (to.clone(), Duration::from_millis(self.0.draw(1_500)));
                TaskTracker::new().spawn(async move {
                    tokio::time::sleep(late).await;
                    _ = to.try_send(hint);
                });
            }
        }
    }
}

simulated! {
    Store {
        async fn commit(&self, batch: &[Commit]) -> Result<Vec<Result<(), CommitError>>, StoreError> {
            let boot = self.0.boot;
            self.0.call("commit", |state| Ok(state.commit(boot, batch))).await
        }

        async fn claim(&self, instance: InstanceId, limit: i64) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
            self.0
                .call("claim", |state| {
                    let claimed = state.database.claim(instance, limit.unsigned_abs() as usize);
                    for (_, id) in &claimed {
                        state.note(format_args!("{} claims {}", short(instance), short(id)));
                    }
                    Ok(claimed)
                })
                .await
        }

        async fn driven_by(&self, instance: InstanceId) -> Result<Vec<(WorkspaceId, ExecutionId)>, StoreError> {
            self.0.call("driven_by", |state| Ok(state.database.driven_by(instance))).await
        }

        async fn queue_length(&self, _: WorkspaceId) -> Result<i64, StoreError> {
            self.0.call("queue_length", |state| Ok(state.database.queue.len() as i64)).await
        }

        async fn fire_timers(&self, now: Instant, limit: i64) -> Result<Fired, StoreError> {
            self.0
                .call("fire_timers", |state| {
                    let fired = state.database.fire_timers(now, limit.unsigned_abs() as usize);
                    state.note(format_args!("timers fire: {}, expired: {}", fired.moved, fired.expired.len()));
                    Ok(fired)
                })
                .await
        }

        async fn next_timer(&self) -> Result<Option<Instant>, StoreError> {
            self.0.call("next_timer", |state| Ok(state.database.timers.values().min().copied())).await
        }

        async fn release(
            &self,
            instance: InstanceId,
            executions: &[(WorkspaceId, ExecutionId)],
            now: Instant,
        ) -> Result<(), StoreError> {
            self.0
                .call("release", |state| {
                    state.database.release(instance, executions, now);
                    for (_, id) in executions {
                        state.note(format_args!("{} releases {}", short(instance), short(id)));
                    }
                    Ok(())
                })
                .await
        }

        // No simulated execution shares a limit: nothing is held.
        async fn admit(&self, _: WorkspaceId, _: Option<BTreeSet<String>>) -> Result<Admitted, StoreError> {
            self.0.call("admit", |_| Ok(Admitted::default())).await
        }

        async fn held_workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
            self.0.call("held_workspaces", |_| Ok(Vec::new())).await
        }

        async fn is_limited(&self, _: WorkspaceId, _: PodId) -> Result<bool, StoreError> {
            self.0.call("is_limited", |_| Ok(false)).await
        }

        async fn register_instance(&self, instance: InstanceId, now: Instant) -> Result<(), StoreError> {
            let now = self.lease_time(now);
            self.0
                .call("register_instance", |state| {
                    state.note(format_args!("instance {} begins", short(instance)));
                    state.database.instances.insert(instance, now());
                    Ok(())
                })
                .await
        }

        async fn renew_instance(&self, instance: InstanceId, now: Instant) -> Result<bool, StoreError> {
            let now = self.lease_time(now);
            self.0
                .call("renew_instance", |state| {
                    let renewed = state.database.renew(instance, now());
                    if !renewed {
                        state.note(format_args!("instance {} has lost its lease", short(instance)));
                    }
                    Ok(renewed)
                })
                .await
        }

        async fn remove_instance(&self, instance: InstanceId) -> Result<(), StoreError> {
            self.0
                .call("remove_instance", |state| {
                    state.note(format_args!("instance {} ends", short(instance)));
                    state.database.instances.remove(&instance);
                    Ok(())
                })
                .await
        }

        async fn count_instances(&self, lease_ms: i64, now: Instant) -> Result<i64, StoreError> {
            let now = self.lease_time(now);
            self.0.call("count_instances", |state| Ok(state.database.alive(lease_ms, now()) as i64)).await
        }

        async fn reconcile(
            &self,
            instance: InstanceId,
            lease_ms: i64,
            now: Instant,
            alone: bool,
        ) -> Result<Repairs, StoreError> {
            let now = self.lease_time(now);
            self.0
                .call("reconcile", |state| {
                    let repairs = state.database.reconcile(instance, lease_ms, now(), alone);
                    if repairs != Repairs::default() {
                        state.note(format_args!("{} repairs {repairs:?}", short(instance)));
                    }
                    Ok(repairs)
                })
                .await
        }

        async fn load_execution(&self, _: WorkspaceId, id: ExecutionId) -> Result<LoadedExecution, StoreError> {
            self.0.call("load_execution", |state| Ok(state.record(id)?.loaded())).await
        }

        async fn execution(&self, _: WorkspaceId, id: ExecutionId) -> Result<Execution, StoreError> {
            self.0.call("execution", |state| Ok(state.record(id)?.execution.clone())).await
        }

        async fn execution_and_driver(
            &self,
            _: WorkspaceId,
            id: ExecutionId,
        ) -> Result<(Execution, Option<InstanceId>), StoreError> {
            let row = |state: &mut State| state.record(id).map(|record| (record.execution.clone(), record.driver));
            self.0.call("execution_and_driver", row).await
        }

        async fn events(
            &self,
            _: WorkspaceId,
            id: ExecutionId,
            after: i64,
            limit: i64,
        ) -> Result<Vec<StoredEvent>, StoreError> {
            self.0
                .call("events", |state| {
                    let events = state.record(id)?.events.iter().filter(|event| event.seq > after);
                    Ok(events.take(limit.unsigned_abs() as usize).cloned().collect())
                })
                .await
        }

        async fn last_seqs(
            &self,
            executions: &[(WorkspaceId, ExecutionId)],
        ) -> Result<HashMap<ExecutionId, i64>, StoreError> {
            self.0
                .call("last_seqs", |state| {
                    let last = |id: &ExecutionId| state.record(*id).ok().map(|of| (*id, of.execution.progress.last_seq));
                    Ok(executions.iter().filter_map(|(_, id)| last(id)).collect())
                })
                .await
        }

        async fn suspension(&self, _: WorkspaceId, id: SuspensionId) -> Result<Suspension, StoreError> {
            let row = |state: &mut State| state.database.suspensions.get(&id).cloned();
            self.0.call("suspension", |state| row(state).ok_or(StoreError::NotFound("suspension"))).await
        }

        async fn suspensions(
            &self,
            _: WorkspaceId,
            filter: &SuspensionFilter,
            limit: i64,
            _: Option<&str>,
        ) -> Result<Page<Suspension>, StoreError> {
            let of = |row: &&Suspension| filter.execution_id.is_none_or(|id| id == row.execution_id);
            let such = |row: &&Suspension| filter.state.is_none_or(|state| state == row.state);
            self.0
                .call("suspensions", |state| {
                    let rows = state.database.suspensions.values().rev().filter(of).filter(such);
                    Ok(Page { items: rows.take(limit.unsigned_abs() as usize).cloned().collect(), next: None })
                })
                .await
        }

        async fn workspace(&self, _: WorkspaceId) -> Result<Workspace, StoreError> {
            self.0.call("workspace", |state| Ok(state.workspace.clone())).await
        }

        async fn workflow(&self, _: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError> {
            self.0.call("workflow", |state| state.workflow(id).cloned()).await
        }

        async fn workflow_head(&self, _: WorkspaceId, id: WorkflowId) -> Result<Workflow, StoreError> {
            let head = |workflow: &Workflow| Workflow { definition: None, ..workflow.clone() };
            self.0.call("workflow_head", |state| state.workflow(id).map(head)).await
        }

        async fn workflow_version(
            &self,
            _: WorkspaceId,
            id: WorkflowId,
            version: i64,
        ) -> Result<WorkflowVersion, StoreError> {
            self.0
                .call("workflow_version", |state| {
                    let workflow = state.workflow(id)?;
                    let definition = workflow.definition.clone().filter(|_| workflow.version == version);
                    Ok(WorkflowVersion {
                        workflow_id: id,
                        version,
                        definition: definition.ok_or(StoreError::NotFound("version"))?,
                        created_by: "ada".to_owned(),
                        created_at: workflow.created_at,
                    })
                })
                .await
        }

        async fn server_secret(&self, _: &str, candidate: &[u8], _: Instant) -> Result<Vec<u8>, StoreError> {
            self.0.call("server_secret", |state| Ok(state.secret.get_or_insert_with(|| candidate.to_vec()).clone())).await
        }

        async fn send_hints(&self, hints: &[Hint]) -> Result<(), StoreError> {
            self.0.live().await;
            // They come gathered in no order.
            let mut hints = hints.to_vec();
            hints.sort_by_key(|hint| format!("{hint:?}"));
            for hint in hints {
                self.spread(hint);
            }
            Ok(())
        }

        async fn listen(&self) -> Result<Option<mpsc::Receiver<Hint>>, StoreError> {
            if self.0.world.alone {
                return Ok(None);
            }
            let boot = self.0.boot;
            self.0
                .call("listen", |state| {
                    let (sender, hints) = mpsc::channel(256);
                    state.listeners.insert(boot, sender);
                    Ok(Some(hints))
                })
                .await
        }

        async fn close(&self) {}
    } refuses {
        fn burst(WorkspaceId, WorkflowId, &str) -> Option<(ExecutionId, Debounced, bool)>;
        fn executions(WorkspaceId, &ExecutionFilter, i64, Option<&str>) -> Page<Execution>;
        fn execution_page(WorkspaceId, &ExecutionFilter, &[SortKey<ExecutionColumn>], i64, i64) -> Counted<Execution>;
        fn claim_notifications(Instant, i64, i64) -> Vec<Notification>;
        fn next_notification() -> Option<Instant>;
        fn record_delivery(&Delivery) -> bool;
        fn notifications(WorkspaceId, SuspensionId) -> Vec<Notification>;
        fn redeliver(WorkspaceId, SuspensionId, NotificationId, Instant) -> Notification;
        fn response_link(&[u8]) -> Option<ResponseLink>;
        fn feed(WorkspaceId, Option<PodId>, FeedCursor, i64) -> Vec<FeedRow>;
        fn feed_end(WorkspaceId) -> FeedCursor;
        fn webhook(WorkspaceId, WebhookId) -> Webhook;
        fn webhook_anywhere(WebhookId) -> Option<Webhook>;
        fn webhooks(WorkspaceId, PodId, i64, Option<&str>) -> Page<Webhook>;
        fn note_delivery(&WebhookDelivery) -> ();
        fn delivery_answered(WorkspaceId, WebhookId, DeliveryId, u16) -> ();
        fn forget_deliveries(Instant, i64) -> u64;
        fn webhook_deliveries(WorkspaceId, WebhookId, i64, Option<&str>) -> Page<WebhookDelivery>;
        fn webhook_delivery(WorkspaceId, WebhookId, DeliveryId) -> WebhookDelivery;
        fn change(Change, &Author, Option<IdempotentReply>) -> ();
        fn idempotent_reply(&str, &str, Instant) -> Option<IdempotentReply>;
        fn keep_reply(&IdempotentReply) -> ();
        fn audit(WorkspaceId, &AuditFilter, i64, Option<&str>) -> Page<AuditRecord>;
        fn audit_after(WorkspaceId, i64, i64) -> Vec<AuditRecord>;
        fn workspaces_of(&str) -> Vec<Workspace>;
        fn member(WorkspaceId, &str) -> Member;
        fn members(WorkspaceId) -> Vec<Member>;
        fn group(WorkspaceId, &str) -> Group;
        fn groups(WorkspaceId) -> Vec<Group>;
        fn invites(WorkspaceId) -> Vec<Invite>;
        fn invite_by_digest(&[u8]) -> Invite;
        fn api_key_by_digest(&[u8]) -> Option<ApiKeyRecord>;
        fn api_keys(WorkspaceId) -> Vec<ApiKey>;
        fn pod(WorkspaceId, PodId) -> Pod;
        fn pods(WorkspaceId, i64, Option<&str>) -> Page<Pod>;
        fn workflows(WorkspaceId, PodId, WorkflowFilter, i64, Option<&str>) -> Page<Workflow>;
        fn subscribers(WorkspaceId, PodId, &[String]) -> Vec<(WorkflowId, i64)>;
        fn workflow_versions(WorkspaceId, WorkflowId, i64, Option<&str>) -> Page<WorkflowVersion>;
        fn ping() -> ();
        fn counts(Instant) -> StoreCounts;
    }
}
