//! The driver: runs the nodes of one execution. It folds, lets the machine decide, appends, and only then starts what has an
//! effect outside. Pure nodes are run in a row and appended together.
//!
//! It holds no authority: every append names the position and the driver it has seen, and one that no longer holds is a
//! conflict. After a conflict it reads the log again and decides anew what it still has to say. When nothing of the execution
//! runs in this process any more, the same commit that says so gives the execution up: a suspended execution is rows only.

mod begin;
mod children;
mod effects;
mod opening;
pub(super) mod screen;
mod tasks;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    clock::Instant,
    domain::{
        execution::ExecutionOrigin,
        failure::{Failure, FailureCode},
        graph::NodeIndex,
        ids::{ExecutionId, SuspensionId, TaskId},
    },
    nodes::{Effect, EffectContext, NodeContext, Outcome, Report, Step, Verdict},
    secrets::Opened,
    store::commit::{Commit, NewChild, Notices},
};

use super::{
    Engine, EngineError,
    drivers::{Entry, Epoch},
    machine::{Command, Machine, scope::RunScope, state::Address},
    project::{self, Placement, Seen, SeenTimer, TaskFacts},
};

/// Events decided on between two flushes of a chain of pure nodes.
const FLUSH_EVENTS: usize = 512;

use opening::Opening;
pub use opening::Place;
use screen::Screen;
use tasks::Handed;

/// What a driver needs of an execution whose log is folded.
pub struct Folded {
    /// What is fixed.
    pub origin: Arc<ExecutionOrigin>,
    /// The fold.
    pub machine: Machine,
    /// Where the fold stands.
    pub seen: Seen,
}

/// One execution being driven.
struct Driver {
    engine: Engine,
    epoch: Epoch,
    entry: Arc<Entry>,
    /// The door that began this drive and waits for its first commit.
    opening: Option<Opening>,
    origin: Arc<ExecutionOrigin>,
    machine: Machine,
    seen: Seen,
    /// What must be said again if an append conflicts.
    said: Vec<Command>,
    /// Effects that may start once their `running` is durable.
    pending: Vec<(Address, i64, Box<dyn Effect>, Screen)>,
    /// Children that decided events name; created with them.
    children: Vec<NewChild>,
    /// What is sent about suspensions that decided events open; written with them.
    notices: Notices,
    /// What there is to do in tasks that decided events queue; written with them.
    tasks: Vec<TaskFacts>,
    /// Workers that get a task with the decided events that lease it to them.
    handed: Vec<Handed>,
    /// Runs in several parts whose next part can begin once their journal is durable.
    again: Vec<Address>,
    in_flight: BTreeMap<Address, (i64, AbortHandle)>,
    effects: JoinSet<(Address, i64, Outcome)>,
    reports: mpsc::Receiver<(Address, i64, Report)>,
    report_to: mpsc::Sender<(Address, i64, Report)>,
}

/// What a flush came to.
enum Flushed {
    Written,
    Conflict,
}

/// Why a drive is over.
enum Over {
    /// The execution has ended or waits; the log says so.
    Parked,
    /// Somebody else drives it now, or nobody may.
    Lost,
}

impl Driver {
    fn new(engine: Engine, epoch: Epoch, entry: Arc<Entry>, folded: Folded, opening: Option<Opening>) -> Self {
        let (report_to, reports) = mpsc::channel(64);
        Self {
            engine,
            epoch,
            entry,
            opening,
            origin: folded.origin,
            machine: folded.machine,
            seen: folded.seen,
            said: Vec::new(),
            pending: Vec::new(),
            children: Vec::new(),
            notices: Notices::default(),
            tasks: Vec::new(),
            handed: Vec::new(),
            again: Vec::new(),
            in_flight: BTreeMap::new(),
            effects: JoinSet::new(),
            reports,
            report_to,
        }
    }

    fn now(&self) -> Instant {
        self.engine.0.clock.now()
    }

    async fn run(&mut self) -> Result<Over, EngineError> {
        if let Some(opening) = self.opening.take() {
            if !self.open(opening).await? {
                return Ok(Over::Lost);
            }
            if self.seen.driver.is_none() {
                return Ok(Over::Parked);
            }
        } else if self.seen.driver == Some(self.epoch.instance) {
            self.begin().await?;
        } else {
            return Ok(Over::Lost);
        }
        self.look_at_children().await?;
        loop {
            let flushed = match self.step().await? {
                Flushed::Written => self.flush().await?,
                Flushed::Conflict => Flushed::Conflict,
            };
            if let Flushed::Conflict = flushed {
                if !self.catch_up().await? {
                    return Ok(Over::Lost);
                }
                continue;
            }
            self.cancel_children().await?;
            if self.seen.driver.is_none() {
                return Ok(Over::Parked);
            }
            if !self.again.is_empty() {
                self.begin_again().await?;
                continue;
            }
            self.start_effects();
            self.stop_effects();
            if let Some(over) = self.wait().await? {
                return Ok(over);
            }
        }
    }

    async fn begin(&mut self) -> Result<(), EngineError> {
        if self.seen.seq > 0
            && let Some(skip) = self.engine.outdone_in_burst(&self.origin, &self.machine).await?
        {
            self.say(skip);
        }
        self.machine.decide(self.now(), Command::Begin);
        // Said again after a conflict: otherwise an attempt that must not be repeated would be.
        for interrupted in self.machine.interrupted_runs() {
            self.say(interrupted);
        }
        self.restart_repeated().await
    }

    /// Runs everything that can run in this process without waiting. Long chains are flushed in parts; after a conflict the
    /// machine is ahead of the log, and nothing may be appended before [`Self::catch_up`].
    async fn step(&mut self) -> Result<Flushed, EngineError> {
        while !self.step_until(FLUSH_EVENTS).await? {
            match self.append(Some(self.epoch.instance)).await? {
                Flushed::Written => tokio::task::yield_now().await,
                Flushed::Conflict => return Ok(Flushed::Conflict),
            }
        }
        Ok(Flushed::Written)
    }

    /// Runs what can run without waiting, until more than so many events are decided on; `true` if nothing is left to run.
    async fn step_until(&mut self, events: usize) -> Result<bool, EngineError> {
        let now = self.now();
        self.engine.cancel_late_children(self.origin.workspace_id, &self.machine, now).await?;
        self.machine.decide(now, Command::Tick);
        while let Some(address) = self.machine.startable(now) {
            if self.machine.undelivered() > events {
                return Ok(false);
            }
            match self.judge(now, &address) {
                Verdict::Run => {
                    self.machine.decide(now, Command::Start(address.clone()));
                    self.begin_attempt(now, &address).await?;
                }
                Verdict::PassOver(reason) => self.machine.decide(now, Command::PassOver { address, reason }),
                Verdict::Fail(failure) => self.fail_unstarted(now, address, failure),
            }
        }
        Ok(true)
    }

    /// Begins the attempt that the machine has just recorded as running.
    async fn begin_attempt(&mut self, now: Instant, address: &Address) -> Result<(), EngineError> {
        if !self.machine.runs_in_process(address) {
            return Ok(());
        }
        let Some(run) = self.machine.state.run(address) else { return Ok(()) };
        let (node, attempt) = (run.node, run.attempt);
        let (step, screen) = match self.open_secrets(node).await? {
            Ok(secrets) => (self.start_node(now, address, node, secrets.as_ref()), Screen::new(secrets.as_ref())),
            Err(failure) => (failure.into(), Screen::default()),
        };
        let mut outcome = match step {
            Step::Done(outcome) => outcome,
            Step::Effect(effect) => {
                self.pending.push((address.clone(), attempt, effect, screen));
                return Ok(());
            }
        };
        screen.outcome(&mut outcome);
        let new_id = self.engine.0.clock.new_id();
        if let Outcome::Child(request) = &outcome {
            let by = (&self.machine, address.as_str());
            match self.engine.prepare_child(&self.origin, by, ExecutionId(new_id), request, now).await? {
                Ok(child) => self.children.push(child),
                Err(failure) => outcome = Outcome::Fail(failure),
            }
        }
        if let Outcome::Suspend(question) = &mut outcome {
            match self.engine.prepare_question(&self.origin, question).await? {
                Ok(()) => {
                    let (suspension, workspace) = (SuspensionId(new_id), self.origin.workspace_id);
                    self.engine.seal_targets(workspace, suspension, &mut question.notify, |shown| screen.text(shown));
                    self.trace_targets(question, address);
                    self.engine.add_notices(&mut self.notices, &self.origin, suspension, question, now);
                }
                Err(failure) => outcome = Outcome::Fail(failure),
            }
        }
        let offer = match &outcome {
            Outcome::Task(request) => Some(self.offer_task(TaskId(new_id), request)),
            _ => None,
        };
        self.machine.decide(now, Command::Finish { address: address.clone(), attempt, outcome, new_id });
        if let Some(Some(waiting)) = offer {
            self.hand_over(now, address, TaskId(new_id), waiting);
        }
        Ok(())
    }

    /// Begins the next parts of runs in several parts; what they have done before is durable.
    async fn begin_again(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        for address in std::mem::take(&mut self.again) {
            self.begin_attempt(now, &address).await?;
        }
        Ok(())
    }

    /// What the condition in front of a run says, before its first attempt.
    fn judge(&self, now: Instant, address: &Address) -> Verdict {
        let machine = &self.machine;
        let first = machine.state.run(address).filter(|run| run.attempt == 0 && !machine.presets.contains_key(address));
        let run_if = first.and_then(|run| machine.workflow.node(run.node).run_if.as_ref());
        run_if.map_or(Verdict::Run, |run_if| run_if.judge(&RunScope::new(machine, &self.origin, address, now)))
    }

    /// The condition in front of a run can't be told: its attempt begins and fails.
    fn fail_unstarted(&mut self, now: Instant, address: Address, failure: Failure) {
        self.machine.decide(now, Command::Start(address.clone()));
        let (attempt, outcome, new_id) = (1, Outcome::Fail(failure), self.engine.0.clock.new_id());
        self.machine.decide(now, Command::Finish { address, attempt, outcome, new_id });
    }

    /// The secrets that a node reads, opened for one attempt: they are kept nowhere else.
    async fn open_secrets(&self, node: NodeIndex) -> Result<Result<Option<Opened>, Failure>, EngineError> {
        let names = &self.machine.workflow.node(node).secrets;
        if names.is_empty() {
            return Ok(Ok(None));
        }
        Ok(self.engine.open_secrets(self.origin.workspace_id, names).await?.map(Some))
    }

    fn start_node(&self, now: Instant, address: &Address, node: NodeIndex, secrets: Option<&Opened>) -> Step {
        let scope = RunScope::new(&self.machine, &self.origin, address, now).with_secrets(secrets);
        let incoming = scope.incoming(address);
        let run = self.machine.state.run(address);
        let context = NodeContext {
            scope: &scope,
            now,
            last_output: &scope.last_output,
            incoming: &incoming,
            idempotency_key: format!("{}/{address}", self.origin.id),
            attempt: run.map_or(1, |run| run.attempt),
            journal: run.map_or(&[], |run| &run.journal),
        };
        self.machine.workflow.node(node).node.start(&context)
    }

    /// Attempts that an interruption has made anew have nobody who runs them yet.
    async fn restart_repeated(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        let idle = |address: &&Address| !self.in_flight.contains_key(*address);
        let orphans: Vec<_> = self.machine.state.running.iter().filter(idle).cloned().collect();
        for address in &orphans {
            self.begin_attempt(now, address).await?;
        }
        Ok(())
    }

    /// Whether nothing of the execution is left to do in this process.
    fn is_idle(&self) -> bool {
        let state = &self.machine.state;
        let waits = self.pending.is_empty()
            && self.machine.children_to_cancel().is_empty()
            && state.ready.is_empty()
            && !state.running.iter().any(|address| self.machine.runs_in_process(address));
        state.status.is_terminal() || waits
    }

    async fn flush(&mut self) -> Result<Flushed, EngineError> {
        let driver = (!self.is_idle()).then_some(self.epoch.instance);
        self.append(driver).await
    }

    async fn append(&mut self, driver: Option<crate::domain::ids::InstanceId>) -> Result<Flushed, EngineError> {
        let events = self.machine.take();
        if events.is_empty() && driver == self.seen.driver {
            self.said.clear();
            return Ok(Flushed::Written);
        }
        let now = self.now();
        let children = std::mem::take(&mut self.children);
        let notices = std::mem::take(&mut self.notices);
        let tasks = std::mem::take(&mut self.tasks);
        let placement = Placement { driver, children, notices, tasks, ..Placement::default() };
        let commit = project::commit(&self.machine, &self.origin, &events, &self.seen, now, placement);
        match self.write(commit).await {
            Ok(()) => Ok(Flushed::Written),
            Err(EngineError::Conflict) => Ok(Flushed::Conflict),
            // Whether it was written is unknown; the log knows.
            Err(EngineError::Unwritten(error)) => {
                tracing::warn!(execution_id = %self.origin.id, %error, "an append was not confirmed; reading the log");
                Ok(Flushed::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Has a commit of everything decided written, and goes on from there.
    async fn write(&mut self, commit: Commit) -> Result<(), EngineError> {
        let (driver, snapshot) = (commit.driver, commit.snapshot.is_some());
        let tells = !commit.notices.notifications.is_empty();
        let wakes = commit.wake.is_some() || commit.children.iter().any(|child| child.execution.origin.lane.is_some());
        let handed = self.take_handed(&commit);
        self.engine.0.committer.commit(commit).await?;
        for (waiting, leased) in handed {
            self.engine.deliver(waiting, vec![leased]);
        }
        if driver.is_none() {
            self.engine.after_commit(&self.origin, wakes);
        } else if wakes {
            self.engine.lanes_changed();
        }
        if tells {
            self.engine.0.signals.notifications.notify_one();
        }
        self.seen.seq = self.machine.state.seq;
        self.seen.driver = driver;
        self.seen.timer = SeenTimer::Known(self.machine.next_due());
        if snapshot {
            self.seen.snapshot_seq = self.seen.seq;
        }
        self.said.clear();
        Ok(())
    }

    /// After a conflict: reads the log, and says again what is still worth saying. `false` if the execution is not ours.
    async fn catch_up(&mut self) -> Result<bool, EngineError> {
        let folded = self.reload().await?;
        if folded.seen.driver != Some(self.epoch.instance) {
            return Ok(false);
        }
        self.machine = folded.machine;
        self.seen = folded.seen;
        self.pending.clear();
        self.children.clear();
        self.notices = Notices::default();
        self.tasks.clear();
        self.handed.clear();
        // Those that still run are begun below, as all are that nobody runs.
        self.again.clear();
        let now = self.now();
        for command in self.said.clone() {
            self.machine.decide(now, command);
        }
        self.stop_effects();
        // A `running` that was written although its append was not confirmed has no effect in flight yet.
        self.restart_repeated().await?;
        self.look_at_children().await?;
        Ok(true)
    }

    /// Loads the execution; while the database does not answer, tries again.
    async fn reload(&self) -> Result<Folded, EngineError> {
        let mut pause = Duration::from_millis(20);
        loop {
            match self.engine.load(self.origin.workspace_id, self.origin.id).await {
                Err(EngineError::Store(crate::store::StoreError::Database(error))) => {
                    tracing::warn!(execution_id = %self.origin.id, %error, "the log could not be read; trying again");
                }
                other => return other,
            }
            tokio::select! {
                biased;
                () = self.epoch.lost.cancelled() => return Err(EngineError::Stopping),
                () = self.engine.0.hard.cancelled() => return Err(EngineError::Stopping),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Tells the machine something that must not be lost if the next append conflicts.
    fn say(&mut self, command: Command) {
        self.machine.decide(self.now(), command.clone());
        self.said.push(command);
    }

    /// Waits until there is something to say or to look at. What effects tell comes last: told without end, it stops nobody.
    async fn wait(&mut self) -> Result<Option<Over>, EngineError> {
        let clock = self.engine.0.clock.clone();
        let due = self.machine.next_due();
        let tick = async {
            match due {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.epoch.lost.cancelled() => return Ok(Some(Over::Lost)),
            () = self.engine.0.hard.cancelled() => {
                self.release().await;
                return Ok(Some(Over::Lost));
            }
            () = self.entry.bell.notified() => {
                self.entry.take_mark();
                if !self.read_tail().await? {
                    return Ok(Some(Over::Lost));
                }
            }
            () = tick => {}
            Some(ended) = self.effects.join_next() => self.effect_ended(ended),
            Some(report) = self.reports.recv() => self.gather(report).await,
        }
        Ok(None)
    }

    /// Folds what others have appended. `false` if the execution is not ours any more.
    async fn read_tail(&mut self) -> Result<bool, EngineError> {
        // Nothing is decided and unwritten here, so reading the log anew loses nothing.
        let folded = self.reload().await?;
        if folded.seen.driver != Some(self.epoch.instance) {
            return Ok(false);
        }
        self.machine = folded.machine;
        self.seen = folded.seen;
        self.stop_effects();
        self.look_at_children().await?;
        Ok(true)
    }

    /// Gives the execution back to the queue: another instance, or the next boot, goes on.
    async fn release(&self) {
        let execution = [(self.origin.workspace_id, self.origin.id)];
        if let Err(error) = self.engine.0.store.release(self.epoch.instance, &execution, self.now()).await {
            tracing::warn!(execution_id = %self.origin.id, %error, "the execution could not be given back; its lease will run out");
        }
    }
}
