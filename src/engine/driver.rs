//! The driver: runs the nodes of one execution. It folds, lets the machine decide, appends, and only then starts what has an
//! effect outside. Pure nodes are run in a row and appended together.
//!
//! It holds no authority: every append names the position and the driver it has seen, and one that no longer holds is a
//! conflict. After a conflict it reads the log again and decides anew what it still has to say. When nothing of the execution
//! runs in this process any more, the same commit that says so gives the execution up: a suspended execution is rows only.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::{AbortHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Instant,
    domain::{
        event::DeltaChannel,
        execution::{ExecutionOrigin, ExecutionStatus},
        failure::{Failure, FailureCode},
        graph::NodeIndex,
        ids::{ExecutionId, WorkspaceId},
    },
    nodes::{Effect, EffectContext, NodeContext, Outcome, Report, Step},
    store::commit::NewChild,
};

use super::{
    Engine, EngineError,
    drivers::{Entry, Epoch},
    machine::{Command, Machine, scope::RunScope, state::Address},
    project::{self, Placement, Seen, SeenTimer},
};

/// Events decided on between two flushes of a chain of pure nodes.
const FLUSH_EVENTS: usize = 512;
/// How long deltas and log lines are gathered.
const COALESCE: Duration = Duration::from_millis(50);
/// How much of one delta is gathered.
const DELTA_BYTES: usize = 4 << 10;

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
    origin: Arc<ExecutionOrigin>,
    machine: Machine,
    seen: Seen,
    /// What must be said again if an append conflicts.
    said: Vec<Command>,
    /// Effects that may start once their `running` is durable.
    pending: Vec<(Address, i64, Box<dyn Effect>)>,
    /// Children that decided events name; created with them.
    children: Vec<NewChild>,
    /// Children that runs have waited for and that were not seen to end.
    awaited: HashSet<ExecutionId>,
    in_flight: HashMap<Address, (i64, AbortHandle)>,
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

impl Engine {
    /// Drives an execution from now on, unless it is driven here already (then it is woken). `permit` is its place.
    pub(super) fn drive(&self, folded: Folded, permit: OwnedSemaphorePermit) {
        let id = folded.origin.id;
        let Some(entry) = self.0.drivers.enter(id) else { return };
        self.spawn_driver(id, entry, folded, permit);
    }

    /// Takes over an execution that was claimed for this instance.
    pub(super) fn take_over(&self, workspace: WorkspaceId, id: ExecutionId, permit: OwnedSemaphorePermit) {
        let Some(entry) = self.0.drivers.enter(id) else { return };
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            match engine.load(workspace, id).await {
                Ok(folded) => engine.spawn_driver(id, entry, folded, permit),
                Err(error) => {
                    engine.0.drivers.drop_entry(id, &entry);
                    engine.give_up(workspace, id, &error).await;
                }
            }
        });
    }

    fn spawn_driver(&self, id: ExecutionId, entry: Arc<Entry>, folded: Folded, permit: OwnedSemaphorePermit) {
        let engine = self.clone();
        let epoch = self.0.drivers.epoch();
        self.0.tasks.spawn(async move {
            let workspace = folded.origin.workspace_id;
            let drive = engine.drive_until_left(id, &entry, &epoch, folded);
            let driven = AssertUnwindSafe(drive).catch_unwind().await;
            let failed = match driven {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(EngineError::Refused("the driver panicked".to_owned())),
            };
            if let Some(error) = failed {
                engine.0.drivers.drop_entry(id, &entry);
                engine.give_up(workspace, id, &error).await;
            }
            drop(permit);
            // A place is free: the claimer may have left rows for want of one.
            if !engine.0.signals.queue_is_empty() {
                engine.0.signals.queue.notify_one();
            }
        });
    }

    async fn drive_until_left(
        &self,
        id: ExecutionId,
        entry: &Arc<Entry>,
        epoch: &Epoch,
        folded: Folded,
    ) -> Result<(), EngineError> {
        let workspace = folded.origin.workspace_id;
        let mut next = Some(folded);
        loop {
            if let Some(folded) = next.take().filter(|folded| folded.seen.driver == Some(epoch.instance)) {
                let mut driver = Driver::new(self.clone(), epoch.clone(), Arc::clone(entry), folded);
                let over = driver.run().await;
                // Effects end before the entry goes: nobody else may start them while they still run here.
                driver.effects.shutdown().await;
                over?;
            }
            if self.0.drivers.leave(id, entry) {
                return Ok(());
            }
            // Woken while leaving: whoever did so may have named this instance the driver again.
            next = Some(self.load(workspace, id).await?);
        }
    }

    /// Loads and folds an execution.
    pub(super) async fn load(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Folded, EngineError> {
        let loaded = self.0.store.load_execution(workspace, id).await?;
        let origin = &loaded.execution.origin;
        let workflow = self.0.workflows.compiled(workspace, origin.workflow_id, origin.workflow_version).await?;
        let machine = project::fold(workflow, &loaded, self.0.config.limits)?;
        let snapshot_seq = loaded.snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let seen = Seen { seq: machine.state.seq, driver: loaded.driver, snapshot_seq, timer: SeenTimer::Unknown };
        Ok(Folded { origin: Arc::new(loaded.execution.origin), machine, seen })
    }

    /// An execution that can't be driven: given back to the queue if the fault may pass, else parked as failed where it stands,
    /// so that it never blocks its neighbours.
    async fn give_up(&self, workspace: WorkspaceId, id: ExecutionId, error: &EngineError) {
        tracing::error!(execution_id = %id, workspace_id = %workspace, %error, "the execution can't be driven");
        let passing = matches!(error, EngineError::Unwritten(_) | EngineError::Stopping)
            || matches!(error, EngineError::Store(crate::store::StoreError::Database(_)));
        let now = self.0.clock.now();
        if passing {
            // After a pause, or a database that is down would be asked without end.
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.0.hard.cancelled() => {}
            }
            if let Err(error) = self.0.store.release(self.0.drivers.instance(), &[(workspace, id)], now).await {
                tracing::error!(execution_id = %id, %error, "the execution could not be given back; the reconciler will");
            }
            self.0.signals.queued();
            return;
        }
        let failure = Failure::new(FailureCode::Internal, error.to_string());
        if let Err(error) = self.abort(workspace, id, failure).await {
            tracing::error!(execution_id = %id, %error, "the execution could not be parked as failed");
        }
    }
}

impl Driver {
    fn new(engine: Engine, epoch: Epoch, entry: Arc<Entry>, folded: Folded) -> Self {
        let (report_to, reports) = mpsc::channel(64);
        Self {
            engine,
            epoch,
            entry,
            origin: folded.origin,
            machine: folded.machine,
            seen: folded.seen,
            said: Vec::new(),
            pending: Vec::new(),
            children: Vec::new(),
            awaited: HashSet::new(),
            in_flight: HashMap::new(),
            effects: JoinSet::new(),
            reports,
            report_to,
        }
    }

    fn now(&self) -> Instant {
        self.engine.0.clock.now()
    }

    async fn run(&mut self) -> Result<Over, EngineError> {
        if self.seen.driver != Some(self.epoch.instance) {
            return Ok(Over::Lost);
        }
        let now = self.now();
        self.machine.decide(now, Command::Begin);
        for interrupted in self.machine.interrupted_runs() {
            self.machine.decide(now, interrupted);
        }
        self.restart_repeated().await?;
        self.awaited = self.machine.state.children().map(|(_, child)| child).collect();
        self.look_at_children().await?;
        loop {
            self.step().await?;
            match self.flush().await? {
                Flushed::Conflict => {
                    if !self.catch_up().await? {
                        return Ok(Over::Lost);
                    }
                    continue;
                }
                Flushed::Written => {}
            }
            self.cancel_children().await?;
            if self.seen.driver.is_none() {
                return Ok(Over::Parked);
            }
            self.start_effects();
            self.stop_effects();
            if let Some(over) = self.wait().await? {
                return Ok(over);
            }
        }
    }

    /// Runs everything that can run in this process without waiting.
    async fn step(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        self.machine.decide(now, Command::Tick);
        while let Some(address) = self.machine.startable(now) {
            self.machine.decide(now, Command::Start(address.clone()));
            self.begin_attempt(now, &address).await?;
            if self.machine.undelivered() > FLUSH_EVENTS {
                match self.flush_part().await? {
                    Flushed::Written => tokio::task::yield_now().await,
                    // The loop's own flush meets the same conflict and deals with it.
                    Flushed::Conflict => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// Begins the attempt that the machine has just recorded as running.
    async fn begin_attempt(&mut self, now: Instant, address: &Address) -> Result<(), EngineError> {
        if !self.machine.runs_in_process(address) {
            return Ok(());
        }
        let Some(run) = self.machine.state.run(address) else { return Ok(()) };
        let (node, attempt) = (run.node, run.attempt);
        let mut outcome = match self.start_node(now, address, node) {
            Step::Done(outcome) => outcome,
            Step::Effect(effect) => {
                self.pending.push((address.clone(), attempt, effect));
                return Ok(());
            }
        };
        let new_id = self.engine.0.clock.new_id();
        if let Outcome::Child(request) = &outcome {
            match self.engine.prepare_child(&self.origin, ExecutionId(new_id), request, now).await? {
                Ok(child) => self.children.push(child),
                Err(failure) => outcome = Outcome::Fail(failure),
            }
        }
        self.machine.decide(now, Command::Finish { address: address.clone(), attempt, outcome, new_id });
        Ok(())
    }

    fn start_node(&self, now: Instant, address: &Address, node: NodeIndex) -> Step {
        let scope = RunScope::new(&self.machine, &self.origin, address, now);
        let incoming = scope.incoming(address);
        let context = NodeContext {
            scope: &scope,
            now,
            last_output: &scope.last_output,
            incoming: &incoming,
            idempotency_key: format!("{}/{address}", self.origin.id),
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

    async fn flush_part(&mut self) -> Result<Flushed, EngineError> {
        self.append(Some(self.epoch.instance)).await
    }

    async fn append(&mut self, driver: Option<crate::domain::ids::InstanceId>) -> Result<Flushed, EngineError> {
        let events = self.machine.take();
        if events.is_empty() && driver == self.seen.driver {
            self.said.clear();
            return Ok(Flushed::Written);
        }
        let now = self.now();
        let children = std::mem::take(&mut self.children);
        let placement = Placement { driver, queued: false, idempotency: None, children };
        let commit = project::append(&self.machine, &self.origin, &events, &self.seen, now, placement);
        let snapshot = commit.snapshot.is_some();
        match self.engine.0.committer.commit(commit).await {
            Ok(()) => {
                self.seen.seq = self.machine.state.seq;
                self.seen.driver = driver;
                self.seen.timer = SeenTimer::Known(self.machine.next_due());
                if snapshot {
                    self.seen.snapshot_seq = self.seen.seq;
                }
                self.said.clear();
                Ok(Flushed::Written)
            }
            Err(EngineError::Conflict) => Ok(Flushed::Conflict),
            // Whether it was written is unknown; the log knows.
            Err(EngineError::Unwritten(error)) => {
                tracing::warn!(execution_id = %self.origin.id, %error, "an append was not confirmed; reading the log");
                Ok(Flushed::Conflict)
            }
            Err(error) => Err(error),
        }
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
                () = tokio::time::sleep(pause) => {}
                () = self.epoch.lost.cancelled() => return Err(EngineError::Stopping),
                () = self.engine.0.hard.cancelled() => return Err(EngineError::Stopping),
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    fn start_effects(&mut self) {
        for (address, attempt, effect) in std::mem::take(&mut self.pending) {
            let is_current = self.machine.state.run(&address).is_some_and(|run| run.attempt == attempt);
            if !is_current || !self.machine.runs_in_process(&address) {
                continue;
            }
            let node = self.machine.state.run(&address).map_or(0, |run| run.node);
            let timeout = self.machine.workflow.node(node).common.timeout_ms;
            let clock = self.engine.0.clock.clone();
            let (reports, mut told) = mpsc::channel(64);
            let context = EffectContext {
                outbound: self.engine.0.outbound.clone(),
                reports,
                cancelled: CancellationToken::new(),
                execution_id: self.origin.id,
            };
            let report_to = self.report_to.clone();
            let at = address.clone();
            let handle = self.effects.spawn(async move {
                let deadline = timeout.map(|ms| clock.now().plus_ms(ms));
                let late = async {
                    match deadline {
                        Some(deadline) => clock.sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                };
                let mut work = effect.run(context);
                tokio::pin!(late);
                let mut open = true;
                let outcome = loop {
                    tokio::select! {
                        biased;
                        report = told.recv(), if open => match report {
                            // The driver reads them while it waits; an effect that tells more than is read is slowed down.
                            Some(report) => _ = report_to.send((at.clone(), attempt, report)).await,
                            None => open = false,
                        },
                        outcome = &mut work => break outcome,
                        () = &mut late => break Outcome::Fail(Failure::retryable(
                            FailureCode::Timeout,
                            format!("the attempt took longer than {} ms", timeout.unwrap_or_default()),
                        )),
                    }
                };
                while let Ok(report) = told.try_recv() {
                    _ = report_to.send((at.clone(), attempt, report)).await;
                }
                (at, attempt, outcome)
            });
            self.in_flight.insert(address, (attempt, handle));
        }
    }

    /// Drops effects whose attempt is over: cancelled, or stopped with their branch.
    fn stop_effects(&mut self) {
        let machine = &self.machine;
        self.in_flight.retain(|address, (attempt, handle)| {
            let current = machine.runs_in_process(address)
                && machine.state.run(address).is_some_and(|run| run.attempt == *attempt);
            if !current {
                handle.abort();
            }
            current
        });
    }

    /// Cancels children of what is being stopped, and those that nobody waits for any more (their node has timed out).
    async fn cancel_children(&mut self) -> Result<(), EngineError> {
        let awaited: HashSet<_> = self.machine.state.children().map(|(_, child)| child).collect();
        let given_up: Vec<_> = self.awaited.difference(&awaited).copied().collect();
        self.awaited = awaited;
        for child in self.machine.children_to_cancel().into_iter().chain(given_up) {
            let reason = format!("execution {} is being stopped", self.origin.id);
            match self.engine.cancel_child(self.origin.workspace_id, child, reason).await {
                Ok(()) | Err(EngineError::Ended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the machine of children that have ended.
    async fn look_at_children(&mut self) -> Result<(), EngineError> {
        let children: Vec<_> = self.machine.state.children().map(|(address, child)| (address.clone(), child)).collect();
        for (address, child) in children {
            // A child that was decided on and not yet written does not exist.
            let execution = match self.engine.0.store.execution(self.origin.workspace_id, child).await {
                Ok(execution) => execution,
                Err(crate::store::StoreError::NotFound(_)) if self.is_new_child(child) => continue,
                Err(crate::store::StoreError::NotFound(_)) => {
                    let failure = Failure::new(FailureCode::ChildFailed, "the child execution no longer exists");
                    self.awaited.remove(&child);
                    self.say(Command::ChildEnded { address, child, result: Err(failure) });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let result = match execution.progress.status {
                ExecutionStatus::Completed => Ok(execution.progress.output.unwrap_or_default()),
                ExecutionStatus::Failed => Err(execution
                    .progress
                    .error
                    .unwrap_or_else(|| Failure::new(FailureCode::ChildFailed, "the child execution failed"))),
                status if status.is_terminal() => {
                    Err(Failure::new(FailureCode::ChildFailed, format!("the child execution was {}", status.as_str())))
                }
                _ => continue,
            };
            self.awaited.remove(&child);
            self.say(Command::ChildEnded { address, child, result });
        }
        Ok(())
    }

    fn is_new_child(&self, child: ExecutionId) -> bool {
        self.children.iter().any(|new| new.execution.origin.id == child)
    }

    /// Tells the machine something that must not be lost if the next append conflicts.
    fn say(&mut self, command: Command) {
        self.machine.decide(self.now(), command.clone());
        self.said.push(command);
    }

    /// Waits until there is something to say or to look at.
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
            () = self.epoch.lost.cancelled() => return Ok(Some(Over::Lost)),
            () = self.engine.0.hard.cancelled() => {
                self.release().await;
                return Ok(Some(Over::Lost));
            }
            Some(ended) = self.effects.join_next() => self.effect_ended(ended),
            Some(report) = self.reports.recv() => self.gather(report).await,
            () = self.entry.bell.notified() => {
                self.entry.take_mark();
                if !self.read_tail().await? {
                    return Ok(Some(Over::Lost));
                }
            }
            () = tick => {}
        }
        Ok(None)
    }

    fn effect_ended(&mut self, ended: Result<(Address, i64, Outcome), tokio::task::JoinError>) {
        // What the effect has told comes before its end.
        while let Ok((address, attempt, report)) = self.reports.try_recv() {
            self.tell(address, attempt, report);
        }
        match ended {
            Ok((address, attempt, outcome)) => {
                self.in_flight.remove(&address);
                let new_id = self.engine.0.clock.new_id();
                self.say(Command::Finish { address, attempt, outcome, new_id });
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                let gone = self.in_flight.iter().find(|(_, (_, handle))| handle.id() == error.id());
                let Some((address, attempt)) = gone.map(|(address, (attempt, _))| (address.clone(), *attempt)) else {
                    return;
                };
                self.in_flight.remove(&address);
                tracing::error!(execution_id = %self.origin.id, node = %address, "a node panicked");
                let failure = Failure::new(FailureCode::Internal, "the node's code panicked");
                let new_id = self.engine.0.clock.new_id();
                self.say(Command::Finish { address, attempt, outcome: Outcome::Fail(failure), new_id });
            }
        }
    }

    /// Gathers what effects tell for a moment, so that a stream of small pieces is few events.
    async fn gather(&mut self, first: (Address, i64, Report)) {
        let mut gathered = vec![first];
        let full = tokio::time::sleep(COALESCE);
        tokio::pin!(full);
        let mut bytes = 0;
        while bytes < DELTA_BYTES {
            tokio::select! {
                () = &mut full => break,
                Some(report) = self.reports.recv() => {
                    if let Report::Delta { text, .. } = &report.2 {
                        bytes += text.len();
                    }
                    gathered.push(report);
                }
                // The end of an effect need not wait for the moment to pass.
                () = std::future::ready(()), if self.effects.is_empty() => break,
            }
        }
        let mut merged: Vec<(Address, i64, Report)> = Vec::new();
        for (address, attempt, report) in gathered {
            if let Report::Delta { channel, text } = &report
                && *channel != DeltaChannel::Progress
                && let Some((last_at, last_attempt, Report::Delta { channel: last_channel, text: last_text })) =
                    merged.last_mut()
                && (*last_at == address, *last_attempt, *last_channel) == (true, attempt, *channel)
            {
                last_text.push_str(text);
                continue;
            }
            merged.push((address, attempt, report));
        }
        for (address, attempt, report) in merged {
            self.tell(address, attempt, report);
        }
    }

    fn tell(&mut self, address: Address, attempt: i64, report: Report) {
        self.say(match report {
            Report::Log { level, message, data } => Command::Log { address, attempt, level, message, data },
            Report::Delta { channel, text } => Command::Delta { address, attempt, channel, text },
        });
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
