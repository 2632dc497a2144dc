//! What runs beside the executions: the claimer, the timers, the lease, the reconciler, and the traffic with other instances.
//! Each looks at the database when it is told to and now and then without being told; none dies of a database that is away.

use std::{future::Future, time::Duration};

use crate::{
    domain::ids::InstanceId,
    store::{Fired, Hint, StoreError},
};

use super::Engine;

/// How long hints are gathered before they are sent.
const HINT_GATHERING: Duration = Duration::from_millis(5);
/// How often expired documents are removed, and how many in one go.
const FORGET_EVERY: Duration = Duration::from_mins(1);
const FORGET_BATCH: i64 = 500;
/// How many timers are moved to the queue at a time.
const TIMER_BATCH: i64 = 256;
/// The most executions claimed at a time.
const CLAIM_BATCH: usize = 128;

impl Engine {
    /// Takes back what is left behind, then starts the background tasks.
    pub(super) async fn start_background(&self) -> Result<(), StoreError> {
        self.reconcile().await?;
        self.background("claimer", |engine| async move { engine.claim_loop().await });
        self.background("timers", |engine| async move { engine.timer_loop().await });
        self.background("admission", |engine| async move { engine.admission_loop().await });
        self.background("lease", |engine| async move { engine.lease_loop().await });
        self.background("tasks", |engine| async move { engine.dispatch_loop().await });
        self.background("leases of tasks", |engine| async move { engine.lease_end_loop().await });
        self.background("documents", |engine| async move { engine.forget_loop().await });
        self.background("retention", |engine| async move { engine.retention_loop().await });
        self.background("reconciler", |engine| async move { engine.reconcile_loop().await });
        if !self.0.config.alone {
            self.background("hints out", |engine| async move { engine.send_loop().await });
            self.background("hints in", |engine| async move { engine.listen_loop().await });
            self.background("poll", |engine| async move { engine.poll_loop().await });
        }
        Ok(())
    }

    fn background<F>(&self, name: &'static str, body: fn(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let engine = self.clone();
        self.beside(name, move || body(engine.clone()));
    }

    /// Runs a loop until the shutdown; a panic in it is logged, and it begins again.
    pub fn beside<F>(&self, name: &'static str, body: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            loop {
                let one = engine.0.tasks.spawn(body());
                let stop = one.abort_handle();
                tokio::select! {
                    biased;
                    ended = one => if let Err(error) = ended {
                        tracing::error!(task = name, %error, "a background task failed; it begins again");
                    },
                    () = engine.0.hard.cancelled() => {
                        stop.abort();
                        return;
                    }
                }
            }
        });
    }

    pub(super) async fn pause(&self, after: &StoreError, what: &'static str) {
        tracing::warn!(error = %after, what, "the database did not answer; trying again");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    /// Takes executions off the queue while there is room to run them.
    async fn claim_loop(&self) {
        let inner = &self.0;
        // Alone, everything that fills the queue rings the bell; the look without it is only a net.
        let poll = if inner.config.alone { Duration::from_secs(5) } else { inner.config.poll };
        loop {
            if !inner.soft.is_cancelled() {
                if inner.signals.take_astray() {
                    self.take_back_astray().await;
                }
                self.claim_all().await;
            }
            tokio::select! {
                biased;
                () = inner.signals.queue.notified() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    /// Drives the executions whose rows name this instance and that nobody drives here: of a claim that was written although its
    /// commit was not confirmed, or of a release that was not written. Only the claimer makes drivers from rows, so what it has
    /// claimed is driven by the time it gets here; a driver that has left meanwhile is told by the row, which is read again.
    async fn take_back_astray(&self) {
        let inner = &self.0;
        let driven = match inner.store.driven_by(inner.drivers.instance()).await {
            Ok(driven) => driven,
            Err(error) => {
                inner.signals.gone_astray();
                return self.pause(&error, "astray").await;
            }
        };
        for (workspace, id) in driven {
            if inner.drivers.contains(id) {
                continue;
            }
            let Ok(permit) = inner.places.clone().try_acquire_owned() else { return inner.signals.gone_astray() };
            tracing::warn!(execution_id = %id, workspace_id = %workspace, "nobody drove the execution that this instance has");
            self.take_over(workspace, id, permit);
        }
    }

    async fn claim_all(&self) {
        let inner = &self.0;
        loop {
            let mut permits = Vec::new();
            while permits.len() < CLAIM_BATCH {
                let Ok(permit) = inner.places.clone().try_acquire_owned() else { break };
                permits.push(permit);
            }
            if permits.is_empty() {
                return inner.signals.queue_has_more();
            }
            let wanted = permits.len();
            inner.signals.before_claim();
            let claimed = match inner.store.claim(inner.drivers.instance(), wanted as i64).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    inner.signals.queue_has_more();
                    drop(permits);
                    inner.signals.gone_astray();
                    self.pause(&error, "claim").await;
                    return inner.signals.queue.notify_one();
                }
            };
            let full = claimed.len() == wanted;
            for ((workspace, id), permit) in claimed.into_iter().zip(permits) {
                self.take_over(workspace, id, permit);
            }
            if !full {
                return;
            }
            inner.signals.queue_has_more();
        }
    }

    /// Moves timers that are due to the queue.
    async fn timer_loop(&self) {
        let inner = &self.0;
        loop {
            let now = inner.clock.now();
            inner.signals.timers.before_look();
            let next = match inner.store.next_timer().await {
                Ok(next) => next,
                Err(error) => {
                    self.pause(&error, "timers").await;
                    continue;
                }
            };
            if next.is_some_and(|at| at <= now) {
                match inner.store.fire_timers(now, TIMER_BATCH).await {
                    // Another instance was faster.
                    Ok(fired) if fired == Fired::default() => tokio::time::sleep(Duration::from_millis(5)).await,
                    Ok(fired) => {
                        if fired.moved > 0 {
                            inner.signals.queued();
                            inner.signals.lanes_changed();
                        }
                        self.end_expired(fired.expired).await;
                    }
                    Err(error) => self.pause(&error, "timers").await,
                }
                continue;
            }
            let due = next.unwrap_or(crate::clock::Instant(i64::MAX));
            inner.signals.timers.sleeps_until(due);
            let poll = if inner.config.alone { Duration::from_secs(5) } else { inner.config.poll };
            tokio::select! {
                biased;
                () = inner.clock.sleep_until(due) => {}
                () = inner.signals.timers.rings() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    /// Renews the lease. An instance that others have declared dead gives up what it runs and begins as a new one.
    async fn lease_loop(&self) {
        let inner = &self.0;
        let every = inner.config.lease / 3;
        loop {
            tokio::time::sleep(every).await;
            let instance = inner.drivers.instance();
            match inner.store.renew_instance(instance, inner.clock.now()).await {
                Ok(true) => {}
                Ok(false) => {
                    let fresh = InstanceId(inner.clock.new_id());
                    tracing::warn!(instance_id = %instance, new_instance_id = %fresh, "the lease was lost; beginning as a new instance");
                    metrics::counter!("sluicegate_instance_leases_lost_total").increment(1);
                    match inner.store.register_instance(fresh, inner.clock.now()).await {
                        Ok(()) => inner.drivers.renew(fresh),
                        Err(error) => self.pause(&error, "lease").await,
                    }
                }
                Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
            }
            if !inner.config.alone {
                let lease = inner.config.lease.as_millis() as i64;
                match inner.store.count_instances(lease, inner.clock.now()).await {
                    Ok(alive) => inner.signals.set_peers(alive > 1),
                    Err(error) => tracing::warn!(%error, "the instances could not be counted"),
                }
            }
        }
    }

    /// Removes documents that have expired. Nobody sees them any more, so there is no hurry.
    async fn forget_loop(&self) {
        loop {
            tokio::time::sleep(FORGET_EVERY).await;
            if let Err(error) = self.forget_documents().await {
                self.pause(&error, "documents").await;
            }
        }
    }

    /// Removes the documents that have expired by now.
    pub async fn forget_documents(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        let full = FORGET_BATCH.unsigned_abs();
        while inner.store.forget_documents(inner.clock.now(), FORGET_BATCH).await? == full {}
        Ok(())
    }

    async fn reconcile_loop(&self) {
        let inner = &self.0;
        // What dead instances leave is taken over soon after their lease; the thorough look is rarer.
        let every = inner.config.reconcile.min(inner.config.lease / 3);
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.reconcile().await {
                self.pause(&error, "reconciler").await;
            }
        }
    }

    async fn reconcile(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        let lease = inner.config.lease.as_millis() as i64;
        let instance = inner.drivers.instance();
        let repairs = inner.store.reconcile(instance, lease, inner.clock.now(), inner.config.alone).await?;
        if repairs.taken_over > 0 {
            tracing::info!(executions = repairs.taken_over, "took over executions of instances that are gone");
        }
        if repairs.requeued > 0 {
            tracing::warn!(executions = repairs.requeued, "found executions that nothing would have woken");
        }
        metrics::counter!("sluicegate_taken_over_total").increment(repairs.taken_over);
        metrics::counter!("sluicegate_repairs_total").increment(repairs.requeued);
        if repairs.taken_over + repairs.requeued > 0 {
            inner.signals.queued();
            inner.signals.lanes_changed();
        }
        Ok(())
    }

    async fn send_loop(&self) {
        let inner = &self.0;
        loop {
            inner.signals.hints.notified().await;
            tokio::time::sleep(HINT_GATHERING).await;
            let hints = inner.signals.take_hints();
            if let Err(error) = inner.store.send_hints(&hints).await {
                tracing::debug!(%error, "hints were not sent; the others will look by themselves");
            }
        }
    }

    async fn listen_loop(&self) {
        let inner = &self.0;
        let mut hints = match inner.store.listen().await {
            Ok(Some(hints)) => hints,
            Ok(None) => return std::future::pending().await,
            Err(error) => return self.pause(&error, "listen").await,
        };
        while let Some(hint) = hints.recv().await {
            match hint {
                Hint::Queue => inner.signals.queued(),
                Hint::Tasks => inner.signals.tasks.notify_one(),
                Hint::Feed(workspace) => inner.hub.feed_changed(workspace),
                Hint::Events(id) => self.refresh(id, None).await,
                Hint::Lost => {
                    inner.signals.queued();
                    inner.signals.tasks.notify_one();
                    inner.hub.all_feeds_changed();
                    self.look_at_watched().await;
                }
            }
        }
    }

    async fn poll_loop(&self) {
        loop {
            tokio::time::sleep(self.0.config.poll).await;
            self.look_at_watched().await;
            // A feed row becomes readable only once the transactions before it are over, which rings no bell.
            self.0.hub.all_feeds_changed();
        }
    }

    /// Looks for events of watched executions that other instances have written.
    async fn look_at_watched(&self) {
        let watched = self.0.hub.watched();
        if watched.is_empty() {
            return;
        }
        match self.0.store.last_seqs(&watched).await {
            Ok(last) => {
                let mut last: Vec<_> = last.into_iter().collect();
                last.sort_unstable();
                for (id, last) in last {
                    self.refresh(id, Some(last)).await;
                }
            }
            Err(error) => self.pause(&error, "poll").await,
        }
    }

    async fn refresh(&self, id: crate::domain::ids::ExecutionId, last: Option<i64>) {
        if let Err(error) = self.0.hub.refresh(id, last).await {
            tracing::warn!(%error, execution_id = %id, "events of another instance could not be read");
        }
    }
}
