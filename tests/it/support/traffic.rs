//! Everything at once that may not be harmed by a fault: executions that are triggered, followed, answered and cancelled;
//! slots of schedules; deliveries to a webhook; executions that share limits. And what must hold for all of it afterwards.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    deliveries::{self, Senders},
    limited::{Crowd, limited_workflow},
    load::{Load, Pace, Tally, child_workflow, main_workflow},
    outside::Outside,
    process::{Caller, count},
    slots,
};

/// What servers under this traffic need to be told.
pub const ARGUMENTS: [&str; 6] =
    ["--instance-lease", "2s", "--outbound-networks", "127.0.0.0/8,198.18.0.0/15", "--schedule-min-interval", "1s"];

/// For how long a fault is done again and again: `SLUICEGATE_TEST_FAULT_SECONDS`.
pub fn fault_time() -> Duration {
    Duration::from_secs(count("SLUICEGATE_TEST_FAULT_SECONDS", 12) as u64)
}

/// How many servers share a database: `SLUICEGATE_TEST_INSTANCES`.
pub fn instances() -> usize {
    count("SLUICEGATE_TEST_INSTANCES", 2).max(2)
}

/// When the next fault is due: 1 to 3 s in the suite, 5 to 40 s in a run of some minutes.
pub struct Pauses {
    random: StdRng,
    /// How many faults there have to be, however slow the machine is.
    least: usize,
    from_ms: u64,
    to_ms: u64,
    until: tokio::time::Instant,
}

impl Pauses {
    pub fn new(seed: u64, least: usize) -> Self {
        let ms = fault_time().as_millis() as u64;
        let until = tokio::time::Instant::now() + fault_time();
        let (from_ms, to_ms) = ((ms / 12).min(5_000), (ms / 4).min(40_000));
        Self { random: StdRng::seed_from_u64(seed), least, from_ms, to_ms, until }
    }

    /// Whether there is time for another fault; if so, after a pause.
    pub async fn next(&mut self) -> bool {
        let pause = Duration::from_millis(self.random.random_range(self.from_ms..self.to_ms));
        if self.least == 0 && tokio::time::Instant::now() + pause > self.until {
            return false;
        }
        self.least = self.least.saturating_sub(1);
        tokio::time::sleep(pause).await;
        true
    }

    /// How long the next fault lasts, up to `most_ms`.
    pub async fn lasts(&mut self, most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..=most_ms))).await;
    }

    /// One of so many.
    pub fn pick(&mut self, from: usize) -> usize {
        self.random.random_range(0..from)
    }
}

/// The traffic; it goes on until [`Traffic::finish`].
pub struct Traffic {
    outside: Outside,
    callers: Vec<Caller>,
    workflow: String,
    child: String,
    loads: Vec<Load>,
    /// What came of clients that are gone.
    before: Vec<Arc<Tally>>,
    crowd: Crowd,
    hook: String,
    senders: Senders,
    schedules: Vec<String>,
}

/// What has passed.
#[derive(Debug, Default)]
pub struct Passed {
    pub executions: usize,
    pub answers: usize,
    pub unclear: usize,
    pub cuts: usize,
    pub cancelled: usize,
    pub limited: usize,
    pub deliveries: usize,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, answers, unclear, cuts, cancelled, limited, deliveries } = self;
        write!(
            f,
            "{executions} executions, {answers} answers, {cancelled} cancelled, {unclear} replies that never came, {cuts} streams \
             cut, {limited} executions under limits, {deliveries} deliveries"
        )
    }
}

impl Traffic {
    /// Starts it at the servers of these callers, with so many clients at each.
    pub async fn start(callers: Vec<Caller>, clients: u64, seed: u64) -> Self {
        Self::start_with(Outside::start().await, callers, clients, seed).await
    }

    /// The same with a service outside that all servers reach.
    pub async fn start_with(outside: Outside, callers: Vec<Caller>, clients: u64, seed: u64) -> Self {
        let first = &callers[0];
        let child = first.workflow(child_workflow()).await;
        let workflow = first.workflow(main_workflow(&child, &outside.address)).await;
        let limited = first.workflow(limited_workflow(&outside.address)).await;
        let hook = deliveries::hook(first).await;
        let schedules = slots::every_second(first).await;
        let loads =
            (seed..).zip(&callers).map(|(seed, caller)| Load::start(caller, &workflow, clients, seed)).collect();
        let crowd = Crowd::start(&callers, &limited);
        let senders = Senders::start(&callers.iter().collect::<Vec<_>>(), &hook, Duration::from_millis(50));
        Self { outside, callers, workflow, child, loads, before: Vec::new(), crowd, hook, senders, schedules }
    }

    /// Lets the clients end what they have begun, and goes on with other ones, at this pace. How many executions have ended by then.
    pub async fn change_pace(&mut self, clients: u64, seed: u64, pace: &Arc<Pace>) -> usize {
        let mut ended = 0;
        for load in self.loads.drain(..) {
            let tally = load.finish().await;
            ended += tally.executions.load(Ordering::Relaxed);
            self.before.push(tally);
        }
        let paced = |(seed, caller)| Load::paced(caller, &self.workflow, clients, seed, Some(pace));
        self.loads = (seed..).zip(&self.callers).map(paced).collect();
        ended
    }

    /// How many executions have ended with the present clients.
    pub fn ended(&self) -> usize {
        self.loads.iter().map(|load| load.tally.executions.load(Ordering::Relaxed)).sum()
    }

    /// Fails at once when a client has found something wrong.
    pub fn check(&mut self) {
        self.loads.iter_mut().for_each(Load::check);
        self.crowd.check();
        self.senders.check();
    }

    /// Lets everything that has begun come to its end, and checks it.
    pub async fn finish(self) -> Passed {
        let mut passed = Passed::default();
        let mut tallies = self.before;
        for load in self.loads {
            tallies.push(load.finish().await);
        }
        for tally in tallies {
            let told = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
            passed.executions += told(&tally.executions);
            passed.answers += told(&tally.answers);
            passed.unclear += told(&tally.unclear);
            passed.cuts += told(&tally.cuts);
            passed.cancelled += told(&tally.cancelled);
        }
        let caller = &self.callers[0];
        let listed = caller.list(&format!("workflowId={}", self.workflow)).await;
        assert_eq!(listed.len(), passed.executions, "each accepted trigger is one execution");
        assert!(listed.iter().all(|one| !one["finishedAt"].is_null()));
        let children = caller.list(&format!("workflowId={}", self.child)).await;
        assert!(children.iter().all(|one| !one["finishedAt"].is_null()), "a child outlives its parent");
        assert!(self.outside.keys().len() <= passed.executions, "a call that was made again had another key");

        passed.limited = self.crowd.finish(caller, &self.outside).await;
        let told = self.senders.finish().await;
        passed.deliveries = told.len();
        deliveries::check(caller, &self.hook, &told).await;
        slots::check(caller, &self.schedules, 1).await;
        passed
    }
}
