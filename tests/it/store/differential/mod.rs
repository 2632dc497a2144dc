//! Random operations on both databases and the oracle: the same answers and the same state.
//!
//! A run ends only when every kind of operation has come out in every way it is made to, so that a generator that drifts
//! into corners fails instead of testing nothing.

mod asking;
mod changes;
mod state;

use std::{collections::BTreeSet, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use sluicegate::{
    clock::Instant,
    domain::{
        execution::{ExecutionStatus, TriggeredBy},
        identity::{Member, Role},
        ids::{ExecutionId, InstanceId, PodId, WorkspaceId},
    },
    store::{
        Store,
        catalogue::{Change, IdempotentReply},
        commit::{Commit, ExecutionWrite, QueueRow, TimerChange},
    },
};

use super::{
    audit::entry,
    fixture::{
        Fixture, Home, KEPT_MS, START, ada, answered, append_as, child_of, close, create, event, execution, open,
        quiet_event, reply, suspension, workspace,
    },
    oracle::Oracle,
};
use state::{LEASE_MS, same_state};

/// What has to have happened before a run may end.
const KINDS: [&str; 33] = [
    "create ok",
    "create conflict",
    "create repeated",
    "create refused",
    "append ok",
    "append conflict",
    "append repeated",
    "append refused",
    "suspension opened",
    "suspension closed",
    "suspension changed",
    "child started",
    "parent woken",
    "snapshot taken",
    "claim",
    "claim nothing",
    "timers fired",
    "expired",
    "driven",
    "release",
    "registered",
    "renewed",
    "renewal lost",
    "removed",
    "taken over",
    "requeued",
    "change ok",
    "change NotFound",
    "change Taken",
    "change Refused",
    "change Repeated",
    "pod deleted with executions",
    "workflow changed",
];

struct Run {
    random: SmallRng,
    stores: [(&'static str, Arc<dyn Store>); 2],
    fixtures: [Fixture; 2],
    oracle: Oracle,
    home: Home,
    now: Instant,
    instances: Vec<InstanceId>,
    seen: BTreeSet<String>,
}

async fn differ(seed: u64) {
    let fixtures = [Fixture::sqlite().await, Fixture::postgres().await];
    let stores = [("sqlite", Arc::clone(&fixtures[0].store)), ("postgres", Arc::clone(&fixtures[1].store))];
    let new_id = || fixtures[0].clock.new_id();
    let home = Home { workspace: new_id().into(), pod: new_id().into(), workflow: new_id().into() };
    let instances = (0..3).map(|_| new_id().into()).collect();
    let mut oracle = Oracle::default();
    let owner =
        Member { workspace_id: home.workspace, user_id: "ada".to_owned(), role: Role::Owner, created_at: START };
    oracle.members.insert("ada".to_owned(), owner.clone());
    for (_, store) in &stores {
        let created = Change::CreateWorkspace(workspace(home.workspace, "tested", START), owner.clone());
        store.change(created, &ada(), None).await.unwrap();
    }
    let (random, seen) = (SmallRng::seed_from_u64(seed), BTreeSet::new());
    let mut run = Run { random, stores, fixtures, oracle, home, now: START, instances, seen };
    for step in 1.. {
        run.step().await;
        if step % 50 == 0 {
            run.compare().await;
        }
        let missing: Vec<_> = KINDS.iter().filter(|kind| !run.seen.contains(**kind)).collect();
        assert!(step < 4000, "never happened: {missing:?}");
        if step >= 200 && missing.is_empty() {
            break;
        }
    }
    run.compare().await;
    run.drain().await;
}

impl Run {
    async fn step(&mut self) {
        self.now = self.now.plus_ms(self.random.random_range(0..2000));
        if self.random.random_range(0..100) == 0 {
            self.now = self.now.plus_ms(KEPT_MS);
        }
        match self.random.random_range(0..100) {
            0..55 => self.commit().await,
            55..65 => self.claim().await,
            65..72 => self.fire_timers().await,
            72..76 => self.release().await,
            76..82 => self.lease().await,
            82..85 => self.reconcile().await,
            _ => self.change().await,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.choose(&mut self.random).cloned()
    }

    fn new_id<T: From<uuid::Uuid>>(&self) -> T {
        self.fixtures[0].id()
    }

    fn instance(&mut self) -> InstanceId {
        let all = self.instances.clone();
        self.pick(&all).expect("there are three")
    }

    fn same<T: std::fmt::Debug>(&mut self, what: &str, answers: [T; 2], expected: &T) {
        for (answer, (name, _)) in answers.iter().zip(&self.stores) {
            assert_eq!(format!("{answer:?}"), format!("{expected:?}"), "{what} on {name}");
        }
    }

    fn saw(&mut self, kind: &str) {
        self.seen.insert(kind.to_owned());
    }

    // --- commits -------------------------------------------------------------------------------------------------------

    async fn commit(&mut self) {
        let mut batch: Vec<Commit> = Vec::new();
        for _ in 0..self.random.random_range(1..7) {
            let commit = if self.chance(25) { self.creation() } else { self.append() };
            // No two members of one execution, and none that another member brings to life.
            if let Some(commit) = commit
                && !batch.iter().any(|other| other.execution_id == commit.execution_id)
            {
                batch.push(commit);
            }
        }
        let before = self.oracle.clone();
        let expected = self.oracle.commit(&batch);
        let name = |results: &[Result<(), sluicegate::store::commit::CommitError>]| -> Vec<String> {
            use sluicegate::store::commit::CommitError;
            let name = |result: &Result<(), CommitError>| match result {
                Ok(()) => "ok".to_owned(),
                Err(CommitError::Refused(_)) => "refused".to_owned(),
                Err(CommitError::Conflict) => "conflict".to_owned(),
                Err(CommitError::SlotTaken) => "slot taken".to_owned(),
                Err(CommitError::Duplicate(of)) => format!("duplicate {of}"),
                Err(CommitError::Repeated(reply)) => format!("repeated {reply:?}"),
            };
            results.iter().map(name).collect()
        };
        let expected = name(&expected);
        let answers = [
            name(&self.stores[0].1.commit(&batch).await.unwrap()),
            name(&self.stores[1].1.commit(&batch).await.unwrap()),
        ];
        self.same("commit", answers, &expected);
        for (commit, outcome) in batch.iter().zip(&expected) {
            let kind = if matches!(commit.write, ExecutionWrite::Create(_)) { "create" } else { "append" };
            self.saw(&format!("{kind} {}", outcome.split(' ').next().unwrap_or_default()));
            if outcome == "ok" {
                self.saw_parts(commit, &before);
            }
        }
    }

    fn saw_parts(&mut self, commit: &Commit, before: &Oracle) {
        if !commit.children.is_empty() {
            self.saw("child started");
        }
        if commit.snapshot.is_some() {
            self.saw("snapshot taken");
        }
        if commit
            .wake
            .is_some_and(|parent| !before.queue.contains_key(&parent) && self.oracle.queue.contains_key(&parent))
        {
            self.saw("parent woken");
        }
        if self.oracle.open_suspensions().count() > before.open_suspensions().count() {
            self.saw("suspension opened");
        }
        if self.oracle.open_suspensions().count() < before.open_suspensions().count() {
            self.saw("suspension closed");
        }
    }

    fn creation(&mut self) -> Option<Commit> {
        let pods: Vec<PodId> = self.oracle.pods.keys().copied().collect();
        let home = Home { pod: self.pick(&pods)?, ..self.home };
        let mut new = execution(self.new_id(), home, self.now);
        if self.chance(5) {
            let present: Vec<ExecutionId> = self.oracle.executions.keys().copied().collect();
            new.origin.id = self.pick(&present)?;
        }
        let origin = &mut new.origin;
        origin.priority = self.random.random_range(-2..3);
        origin.triggered_by = TriggeredBy::ALL[self.random.random_range(0..8)];
        // Few: nobody ends what has expired, so it stays in front of the timers.
        if self.chance(8) {
            origin.expires_at = Some(self.now.plus_ms(self.random.random_range(0..30_000)));
        }
        origin.subject = [None, Some("a".to_owned()), Some("b".to_owned())][self.random.random_range(0..3)].clone();
        if self.random.random_range(0..25) == 0 {
            origin.subject = Some("\0".to_owned());
        }
        new.progress.status = *[ExecutionStatus::Queued, ExecutionStatus::Suspended, ExecutionStatus::Pending]
            .choose(&mut self.random)
            .expect("there are three");
        let mut commit = create(&new);
        self.decorate(&mut commit);
        Some(commit)
    }

    fn append(&mut self) -> Option<Commit> {
        let live: Vec<_> = self.oracle.executions.values().filter(|record| record.is_live()).cloned().collect();
        let record = self.pick(&live)?;
        let (mut seq, mut driver) = (record.execution.progress.last_seq, record.driver);
        if self.chance(8) {
            seq += self.random.random_range(-1..2);
        }
        if self.chance(8) {
            driver = [None, Some(self.instance())][self.random.random_range(0..2)];
        }
        let from = if self.chance(50) { 5 } else { 1 };
        let status = ExecutionStatus::ALL[self.random.random_range(from..9)];
        let next_driver = if status.is_terminal() || self.chance(60) { None } else { Some(self.instance()) };
        let mut commit = append_as(&record.execution, seq, driver, next_driver, status);
        for extra in 0..self.random.random_range(0..3) {
            let add = if self.chance(50) { event } else { quiet_event };
            commit.events.push(add(seq + 2 + extra));
        }
        let events = commit.events.len() as i64;
        if let ExecutionWrite::Append { progress, .. } = &mut commit.write {
            progress.last_seq = seq + events;
            progress.finished_at = status.is_terminal().then_some(self.now);
            progress.waited_ms = self.random.random_range(0..99);
        }
        let asked: Vec<_> = self
            .oracle
            .open_suspensions()
            .filter(|suspension| suspension.execution_id == record.execution.origin.id)
            .cloned()
            .collect();
        match self.pick(&asked) {
            Some(asked) if self.chance(60) => commit.suspensions.push(close(&answered(&asked, self.now))),
            Some(asked) if self.chance(60) => {
                let change = self.a_change_of(&asked);
                commit.suspensions.push(change);
            }
            _ => {}
        }
        if self.chance(10) {
            let mut child = child_of(&record.execution, self.new_id(), self.now);
            child.queue.priority = self.random.random_range(-2..3);
            commit.children.push(child);
        }
        if status.is_terminal() {
            commit.wake = record.execution.origin.parent_execution_id;
        }
        self.decorate(&mut commit);
        Some(commit)
    }

    fn decorate(&mut self, commit: &mut Commit) {
        if self.chance(30) {
            let priority = self.random.random_range(-2..3);
            commit.queue = Some(QueueRow { priority, queued_at: self.now });
        }
        commit.timer = match self.random.random_range(0..10) {
            0..2 => TimerChange::Set(self.now.plus_ms(self.random.random_range(0..20_000))),
            2 => TimerChange::Clear,
            _ => TimerChange::Keep,
        };
        if self.chance(15) {
            commit.idempotency = Some(self.a_reply());
        }
        for _ in 0..self.random.random_range(0..3) {
            if self.chance(30) {
                commit.audit.push(entry(commit.workspace_id, &self.random.random_range(0..9).to_string()));
            }
        }
        if self.chance(10) {
            commit.snapshot = Some(format!(r#"{{"at":{}}}"#, self.now.0));
        }
        if self.chance(20) {
            let known: Vec<_> = self.oracle.suspensions.keys().copied().collect();
            // An id that is taken makes the member a bad one.
            let id = if self.chance(10) { self.pick(&known) } else { None }.unwrap_or_else(|| self.new_id());
            let of = self.oracle.executions.get(&commit.execution_id).map(|record| record.execution.clone());
            let of = match &commit.write {
                ExecutionWrite::Create(execution) => Some((**execution).clone()),
                ExecutionWrite::Append { .. } => of,
            };
            if let Some(of) = of {
                let mut asked = suspension(id, &of, self.now);
                asked.interrupt.policy = self.a_policy();
                commit.suspensions.push(open(&asked));
            }
        }
    }

    fn a_reply(&mut self) -> IdempotentReply {
        let key = format!("key{}", self.random.random_range(0..12));
        let mut reply = reply("scope", &key, self.now);
        if self.chance(10) {
            reply.forget_at = None;
        }
        reply
    }

    // --- the queue -----------------------------------------------------------------------------------------------------

    async fn claim(&mut self) {
        let (instance, limit) = (self.instance(), self.random.random_range(1..8));
        let expected = self.oracle.claim(instance, limit as usize);
        let answers = [
            self.stores[0].1.claim(instance, limit).await.unwrap(),
            self.stores[1].1.claim(instance, limit).await.unwrap(),
        ];
        self.same("claim", answers, &expected);
        self.saw(if expected.is_empty() { "claim nothing" } else { "claim" });
        let mut expected = self.oracle.driven_by(instance);
        expected.sort_unstable();
        let mut answers = Vec::new();
        for (_, store) in &self.stores {
            let mut driven = store.driven_by(instance).await.unwrap();
            driven.sort_unstable();
            answers.push(driven);
        }
        self.same("driven by", [answers.remove(0), answers.remove(0)], &expected);
        if !expected.is_empty() {
            self.saw("driven");
        }
    }

    async fn fire_timers(&mut self) {
        let limit = self.random.random_range(1..5);
        let mut expected = self.oracle.fire_timers(self.now, limit as usize);
        let mut answers = [
            self.stores[0].1.fire_timers(self.now, limit).await.unwrap(),
            self.stores[1].1.fire_timers(self.now, limit).await.unwrap(),
        ];
        // They are told in no order.
        answers.iter_mut().chain([&mut expected]).for_each(|fired| fired.expired.sort_unstable());
        self.same("fire timers", answers, &expected);
        if expected.moved > 0 {
            self.saw("timers fired");
        }
        if !expected.expired.is_empty() {
            self.saw("expired");
        }
    }

    async fn release(&mut self) {
        let instance = self.instance();
        let driven: Vec<(WorkspaceId, ExecutionId)> = self
            .oracle
            .executions
            .values()
            .filter(|record| record.driver.is_some())
            .map(|record| (record.execution.origin.workspace_id, record.execution.origin.id))
            .take(5)
            .collect();
        let queued = self.oracle.queue.len();
        self.oracle.release(instance, &driven, self.now);
        for (_, store) in &self.stores {
            store.release(instance, &driven, self.now).await.unwrap();
        }
        if self.oracle.queue.len() > queued {
            self.saw("release");
        }
    }

    async fn lease(&mut self) {
        let instance = self.instance();
        match self.random.random_range(0..5) {
            0..2 => {
                for (_, store) in &self.stores {
                    store.register_instance(instance, self.now).await.unwrap();
                }
                self.oracle.instances.insert(instance, self.now);
                self.saw("registered");
            }
            2..4 => {
                let expected = self.oracle.renew(instance, self.now);
                let answers = [
                    self.stores[0].1.renew_instance(instance, self.now).await.unwrap(),
                    self.stores[1].1.renew_instance(instance, self.now).await.unwrap(),
                ];
                self.same("renew", answers, &expected);
                self.saw(if expected { "renewed" } else { "renewal lost" });
            }
            _ => {
                for (_, store) in &self.stores {
                    store.remove_instance(instance).await.unwrap();
                }
                if self.oracle.instances.remove(&instance).is_some() {
                    self.saw("removed");
                }
            }
        }
    }

    async fn reconcile(&mut self) {
        let (instance, alone) = (self.instance(), self.chance(30));
        let expected = self.oracle.reconcile(instance, LEASE_MS, self.now, alone);
        let answers = [
            self.stores[0].1.reconcile(instance, LEASE_MS, self.now, alone).await.unwrap(),
            self.stores[1].1.reconcile(instance, LEASE_MS, self.now, alone).await.unwrap(),
        ];
        self.same("reconcile", answers, &expected);
        if expected.taken_over > 0 {
            self.saw("taken over");
        }
        if expected.requeued > 0 {
            self.saw("requeued");
        }
    }

    // --- the state -----------------------------------------------------------------------------------------------------

    async fn compare(&self) {
        for (name, store) in &self.stores {
            same_state(name, &**store, &self.oracle, self.home.workspace, self.now).await;
        }
    }

    /// Takes everything off the queue, in order: the places in it are the same, too.
    async fn drain(&mut self) {
        for instance in self.instances.clone() {
            let expected = self.oracle.claim(instance, 100_000);
            let answers = [
                self.stores[0].1.claim(instance, 100_000).await.unwrap(),
                self.stores[1].1.claim(instance, 100_000).await.unwrap(),
            ];
            self.same("drain", answers, &expected);
        }
    }
}

#[tokio::test]
async fn seed_1() {
    differ(1).await;
}

#[tokio::test]
async fn seed_2() {
    differ(2).await;
}

#[tokio::test]
async fn seed_3() {
    differ(3).await;
}
