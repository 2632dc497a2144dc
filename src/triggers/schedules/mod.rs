//! Schedules: starts workflows by the clock. Every instance runs the same loop and none leads: what keeps a slot from being
//! started twice is that its row in the ledger, the schedule's own row and the execution are written in one commit.
//!
//! The loop looks at the rows that are due, sleeps until the next one is, and looks now and then in any case. It holds
//! nothing in memory that a restart could lose.

mod due;
mod edit;
mod step;

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::Notify;

pub use due::{MOST_CAUGHT_UP, ON_TIME_MS};
pub use edit::Refusal;

use crate::{
    clock::{Clock, Instant},
    domain::{
        execution::{Execution, Presets, TriggeredBy},
        ids::{ScheduleId, WorkspaceId},
        schedule::{Overlap, Schedule},
        trace::Trace,
        workflow::WorkflowState,
    },
    engine::{Engine, EngineError, ReplyFor, Trigger},
    store::{Store, schedules::Settlement},
};

/// How many schedules are read at a time.
const PAGE: i64 = 200;
/// How many are worked on at once: their commits become one.
const AT_ONCE: usize = 32;
/// How often the database is looked at unasked, for what other instances have changed and for slots that wait.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The rest after an error, or when nothing could be moved that is due.
const PAUSE: Duration = Duration::from_millis(250);

/// The schedules of all workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Schedules(Arc<Inner>);

struct Inner {
    engine: Engine,
    min_interval_s: i64,
    bell: Notify,
}

impl Schedules {
    /// Schedules that start nothing by themselves yet. None may run more often than every `min_interval`.
    pub fn new(engine: Engine, min_interval: Duration) -> Self {
        let min_interval_s = i64::try_from(min_interval.as_secs()).unwrap_or(i64::MAX);
        Self(Arc::new(Inner { engine, min_interval_s, bell: Notify::new() }))
    }

    /// Begins to start what is due, until the engine stops.
    pub fn start(&self) {
        let engine = &self.0.engine;
        let schedules = self.clone();
        engine.beside("schedules", move || schedules.clone().run());
        let schedules = self.clone();
        engine.beside("reconciler of schedules", move || schedules.clone().reconcile_loop());
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.0.engine.store()
    }

    fn clock(&self) -> &Clock {
        self.0.engine.clock()
    }

    /// Says that a schedule was made or changed: its next slot may be the earliest.
    pub fn changed(&self) {
        self.0.bell.notify_one();
    }

    async fn run(self) {
        let stopping = self.0.engine.stopping().clone();
        loop {
            let look = async {
                let next = self.settle_due().await;
                match next {
                    Ok(next) if next.is_none_or(|next| next > self.clock().now()) => {
                        tokio::select! {
                            () = self.clock().sleep_until(next.unwrap_or(Instant(i64::MAX))) => {}
                            () = self.0.bell.notified() => {}
                            () = tokio::time::sleep(LOOK_EVERY) => {}
                        }
                        return;
                    }
                    Ok(_) | Err(EngineError::Stopping) => {}
                    Err(error) => tracing::warn!(%error, "schedules could not be looked at; trying again"),
                }
                tokio::time::sleep(PAUSE).await;
            };
            tokio::select! {
                () = look => {}
                // Whoever runs this begins it again when it ends.
                () = stopping.cancelled() => std::future::pending().await,
            }
        }
    }

    /// Settles every slot that is due, and starts what waits no longer. Answers when the next slot is due.
    pub async fn settle_due(&self) -> Result<Option<Instant>, EngineError> {
        while self.step_all(self.store().due_schedules(self.clock().now(), PAGE).await?).await? {}
        while self.step_all(self.store().ready_schedules(PAGE).await?).await? {}
        Ok(self.store().next_due_slot().await?)
    }

    /// Takes one step with each of these schedules; whether any has moved.
    async fn step_all(&self, schedules: Vec<Schedule>) -> Result<bool, EngineError> {
        let mut steps = futures_util::stream::iter(schedules)
            .map(|schedule| async move { self.step(&schedule).await })
            .buffer_unordered(AT_ONCE);
        let (mut moved, mut failed) = (false, None);
        // All of them, whatever becomes of one.
        while let Some(step) = steps.next().await {
            match step {
                Ok(one) => moved |= one,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(moved), Err)
    }

    async fn reconcile_loop(self) {
        loop {
            if let Err(error) = self.reconcile().await {
                tracing::warn!(%error, "schedules could not be checked; trying again");
            }
            tokio::time::sleep(self.0.engine.config().reconcile).await;
        }
    }

    /// Sees to it that every schedule has the next slot that its definition says. Answers how many had not.
    pub async fn reconcile(&self) -> Result<u64, EngineError> {
        let (mut after, mut repaired) = (None, 0);
        loop {
            let page = self.store().schedules_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.workspace_id, last.id));
            for schedule in &page {
                if self.repair(schedule).await? {
                    tracing::warn!(schedule_id = %schedule.id, "the next slot of a schedule was not that of its definition");
                    repaired += 1;
                }
                if schedule.overlap == Overlap::CancelPrevious {
                    self.cancel_previous(schedule).await?;
                }
            }
        }
        if repaired > 0 {
            metrics::counter!("sluicegate_schedule_repairs_total").increment(repaired);
            self.changed();
        }
        Ok(repaired)
    }

    /// Puts the next slot of a schedule right; whether it was wrong.
    async fn repair(&self, schedule: &Schedule) -> Result<bool, EngineError> {
        let mut then = schedule.progress.clone();
        match schedule.grid() {
            Ok(grid) => then.due_at = schedule.due_after(&grid, then.settled_until),
            Err(error) => (then.due_at, then.last_error) = (None, Some(error.to_string())),
        }
        if then == schedule.progress {
            return Ok(false);
        }
        let settlement = Settlement {
            workspace_id: schedule.workspace_id,
            schedule_id: schedule.id,
            seen: schedule.into(),
            slots: Vec::new(),
            then,
        };
        Ok(self.store().settle(&settlement).await?)
    }

    /// The schedule, all of whose slots up to now are settled.
    pub async fn settled(&self, workspace: WorkspaceId, id: ScheduleId) -> Result<Schedule, EngineError> {
        loop {
            let schedule = self.store().schedule(workspace, id).await?;
            let due = schedule.progress.due_at.is_some_and(|due_at| due_at <= self.clock().now());
            if !due || !self.step(&schedule).await? {
                return Ok(schedule);
            }
        }
    }

    /// Starts an execution now, beside the slots, for somebody and under the idempotency key of their request.
    pub async fn run_now(
        &self,
        schedule: &Schedule,
        (by, key): (&str, Option<&str>),
        trace: Option<Trace>,
        reply: ReplyFor,
    ) -> Result<Execution, EngineError> {
        let mut trigger = self.trigger(schedule, None, 0).await?;
        by.clone_into(&mut trigger.created_by);
        trigger.idempotency_key = key.map(str::to_owned);
        trigger.trace = trace;
        self.0.engine.trigger(trigger, reply).await
    }

    /// The wish for an execution of the deployed version.
    async fn trigger(&self, schedule: &Schedule, slot: Option<Instant>, late_ms: i64) -> Result<Trigger, EngineError> {
        let workflow = self.store().workflow_head(schedule.workspace_id, schedule.workflow_id).await?;
        let version = match (workflow.state, workflow.deployed_version) {
            (WorkflowState::Trashed, _) => return Err(EngineError::Trashed),
            (WorkflowState::Deployed, Some(version)) => version,
            _ => return Err(EngineError::NotDeployed),
        };
        let Schedule { id, name, .. } = schedule;
        Ok(Trigger {
            workspace_id: schedule.workspace_id,
            pod_id: schedule.pod_id,
            workflow_id: schedule.workflow_id,
            version: Some(version),
            triggered_by: TriggeredBy::Schedule,
            trigger_id: Some(id.to_string()),
            input: schedule.input.clone(),
            context: json!({ "schedule": { "id": id, "name": name, "slot": slot, "lateMs": late_ms } }),
            subject: None,
            priority: None,
            dedupe_key: None,
            concurrency_key: None,
            idempotency_key: None,
            replay_of: None,
            from_node_id: None,
            presets: Presets::new(),
            mocks: false,
            run_at: None,
            expires_in_ms: None,
            debounce: None,
            trace: None,
            created_by: format!("schedule:{id}"),
            slot: None,
        })
    }
}
