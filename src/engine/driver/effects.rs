//! Effects of the nodes being driven: started once their attempt is durable, stopped with it, heard while they run.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Address, Command, Driver, EffectContext, Failure, FailureCode, Outcome, Report};
use crate::{domain::event::DeltaChannel, engine::machine::Action, nodes::Question};

/// How long deltas and log lines are gathered.
///
/// A piece of text is with its readers within this, a flush and the way there: 50 ms is what feels immediate.
const COALESCE: Duration = Duration::from_millis(20);
/// How much of one delta is gathered.
const DELTA_BYTES: usize = 4 << 10;

impl Driver {
    pub(super) fn start_effects(&mut self) {
        for (address, attempt, effect, mut screen) in std::mem::take(&mut self.pending) {
            let is_current = self.machine.state.run(&address).is_some_and(|run| run.attempt == attempt);
            if !is_current || !self.machine.runs_in_process(&address) {
                continue;
            }
            let node = self.machine.state.run(&address).map_or(0, |run| run.node);
            let timeout = self.machine.workflow.node(node).common.timeout_ms;
            let clock = self.engine.0.clock.clone();
            let (reports, mut told) = mpsc::channel(64);
            let (engine, workspace, execution_id) = (self.engine.clone(), self.origin.workspace_id, self.origin.id);
            let report_to = self.report_to.clone();
            let trace = self.machine.trace_headers(execution_id, &address);
            let at = address.clone();
            let handle = self.effects.spawn(async move {
                let deadline = timeout.map(|ms| clock.now().plus_ms(ms));
                let late = async {
                    match deadline {
                        Some(deadline) => clock.sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                };
                let work = async {
                    let (outbound, documents) = match engine.reach_of(workspace).await {
                        Ok(reach) => reach,
                        Err(failure) => return Outcome::Fail(failure),
                    };
                    let outbound = outbound.traced(trace);
                    let (sandbox, cancelled) = (engine.0.sandbox.clone(), CancellationToken::new());
                    let workspace_id = workspace;
                    let context =
                        EffectContext { outbound, documents, sandbox, reports, cancelled, execution_id, workspace_id };
                    effect.run(context).await
                };
                tokio::pin!(work, late);
                let mut open = true;
                let mut outcome = loop {
                    tokio::select! {
                        biased;
                        report = told.recv(), if open => match report {
                            // The driver reads them while it waits; an effect that tells more than is read is slowed down.
                            Some(report) => {
                                if let Some(report) = screen.report(report) {
                                    _ = report_to.send((at.clone(), attempt, report)).await;
                                }
                            }
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
                    if let Some(report) = screen.report(report) {
                        _ = report_to.send((at.clone(), attempt, report)).await;
                    }
                }
                for report in screen.rest() {
                    _ = report_to.send((at.clone(), attempt, report)).await;
                }
                screen.outcome(&mut outcome);
                (at, attempt, outcome)
            });
            self.in_flight.insert(address, (attempt, handle));
        }
    }

    /// What is told of a question says which trace it belongs to.
    pub(super) fn trace_targets(&self, question: &mut Question, address: &Address) {
        let trace = self.machine.trace_headers(self.origin.id, address);
        question.notify.iter_mut().for_each(|target| target.trace.clone_from(&trace));
    }

    /// Drops effects whose attempt is over: cancelled, or stopped with their branch.
    pub(super) fn stop_effects(&mut self) {
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

    pub(super) fn effect_ended(&mut self, ended: Result<(Address, i64, Outcome), tokio::task::JoinError>) {
        // What the effect has told comes before its end.
        while let Ok((address, attempt, report)) = self.reports.try_recv() {
            self.tell(address, attempt, report);
        }
        match ended {
            Ok((address, _, Outcome::Again)) => {
                self.in_flight.remove(&address);
                self.again.push(address);
            }
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
    pub(super) async fn gather(&mut self, first: (Address, i64, Report)) {
        let mut gathered = vec![first];
        let full = tokio::time::sleep(COALESCE);
        tokio::pin!(full);
        let mut bytes = 0;
        while bytes < DELTA_BYTES {
            tokio::select! {
                biased;
                () = &mut full => break,
                Some(report) = self.reports.recv() => {
                    let is_entry = matches!(report.2, Report::Action { .. });
                    if let Report::Delta { text, .. } = &report.2 {
                        bytes += text.len();
                    }
                    gathered.push(report);
                    // What must not be done twice is written down at once.
                    if is_entry {
                        break;
                    }
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

    pub(super) fn tell(&mut self, address: Address, attempt: i64, report: Report) {
        self.say(match report {
            Report::Log { level, message, data } => Command::Log { address, attempt, level, message, data },
            Report::Delta { channel, text } => Command::Delta { address, attempt, channel, text, progress: [None; 2] },
            Report::Action { kind, title, detail } => {
                let action = Action { kind: kind.to_owned(), title, detail: Some(detail), artifact_id: None };
                Command::Action { address, attempt, action }
            }
        });
    }
}
