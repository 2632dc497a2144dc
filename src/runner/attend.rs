//! Attends one worker: gives it a folder and doors, keeps its lease, passes its log on, and tells how it ended.

use std::{
    io,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Runner,
    doors::Doors,
    folder::Folder,
    kind::Given,
    limits::Limits,
    log::{Line, Log},
    outcome::{Cause, Ended, StartError, Verdict, verdict},
    process::Job,
    sandbox::SOCKET,
};
use crate::client::{Client, ClientError, backoff, tasks::Task};

/// How often waiting lines are passed on.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// Lines of one heartbeat.
const LINES: usize = 100;
/// How long a worker that has ended its task may take to end itself.
const LEAVE: Duration = Duration::from_secs(10);
/// Refusals of a heartbeat that say that the lease is over for good.
const OVER: [u16; 4] = [401, 404, 409, 410];

/// A server, as a worker's runner speaks to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// With the runner's key: leases.
    pub client: Client,
    /// Without: for everything that a lease token opens.
    pub open: Client,
    /// The path of the pod.
    pub pod: String,
}

/// What a task's worker is stopped by from outside.
#[derive(Clone, Debug)]
pub(super) struct Stops {
    /// The runner has no more time for it.
    pub stopping: CancellationToken,
}

/// Why a worker was stopped; the first reason counts.
#[derive(Default)]
struct Reason(AtomicU8);

impl Reason {
    const CAUSES: [Cause; 3] = [Cause::Cancelled, Cause::LeaseOver, Cause::Stopping];

    fn set(&self, cause: Cause) {
        let number = Self::CAUSES.iter().position(|known| *known == cause).map_or(0, |at| at as u8 + 1);
        _ = self.0.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn get(&self) -> Option<Cause> {
        let number = usize::from(self.0.load(Ordering::SeqCst));
        number.checked_sub(1).and_then(|at| Self::CAUSES.get(at).copied())
    }
}

/// One task and its worker.
pub(super) struct Attendance<'a> {
    runner: &'a Runner,
    server: &'a Server,
    task: &'a Task,
    path: String,
    log: Log,
    limits: Limits,
    /// Ends the worker.
    stop: CancellationToken,
    reason: Reason,
}

impl<'a> Attendance<'a> {
    pub fn new(runner: &'a Runner, server: &'a Server, task: &'a Task) -> Self {
        let options = runner.options();
        let mut limits = options.limits.clone();
        if let Some(deadline) = task.deadline {
            // The node gives up then; a worker that goes on works for nobody.
            let left = Duration::from_millis(deadline.ms_since(options.clock.now()) as u64);
            limits.time = limits.time.min(left.max(Duration::from_millis(100)));
        }
        Self {
            runner,
            server,
            task,
            path: format!("{}/tasks/{}", server.pod, task.task_id),
            log: Log::new(limits.log_bytes),
            limits,
            stop: CancellationToken::new(),
            reason: Reason::default(),
        }
    }

    /// Runs the worker to its end, and tells the server.
    pub async fn run(self, stops: Stops) {
        let task = self.task;
        tracing::info!(task_id = %task.task_id, execution_id = %task.execution_id, queue = %task.queue, "starting a worker");
        let (ended, folder, told) = match self.work(stops).await {
            Ok(worked) => worked,
            Err(error) => (Err(StartError::sandbox(error)), None, false),
        };
        if told {
            self.reason.set(Cause::LeaseOver);
        }
        let cause = self.reason.get();
        let output = || folder.as_ref().map_or(Ok(None), |folder| folder.output(self.limits.output_bytes));
        let verdict = verdict(&ended, cause, output, &self.log.tail(), &self.limits);
        if verdict != Verdict::Nothing {
            self.finish(folder.as_ref(), &verdict).await;
        }
        match (&ended, &verdict) {
            (_, Verdict::Fail(failure)) => {
                tracing::warn!(task_id = %task.task_id, code = failure.code, reason = %failure.message, "a worker has failed");
            }
            (Ok(ended), _) => tracing::info!(task_id = %task.task_id, exit = ?ended.exit, ?cause, "a worker has ended"),
            (Err(error), _) => tracing::warn!(task_id = %task.task_id, %error, ?cause, "a worker was not started"),
        }
    }

    /// Runs the worker while its lease is kept. Its folder comes along, for what it has left there; whether it has told its end.
    async fn work(&self, stops: Stops) -> io::Result<(Result<Ended, StartError>, Option<Folder>, bool)> {
        let options = self.runner.options();
        let input = serde_json::to_vec(&self.task.input)?;
        let folder = self.runner.place().worker(&self.task.task_id, &input, options.user)?;
        let doors = Doors::open(&folder.task().join(SOCKET), self.server.open.clone(), &self.path)?;
        let given =
            Given { task_id: self.task.task_id.clone(), token: self.task.lease_token.clone(), path: self.path.clone() };
        let job = Job {
            id: &self.task.task_id,
            folder: &folder,
            environment: options.kind.environment(Some(&given), &options.worker_url, &options.environment),
            limits: &self.limits,
            log: &self.log,
        };
        let ended = {
            let mut running = std::pin::pin!(options.kind.run(job, &self.stop));
            let mut keeping = std::pin::pin!(self.keep_lease(&doors));
            let (mut kept, mut stopped) = (false, false);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut running => break ended,
                    () = &mut keeping, if !kept => kept = true,
                    () = stops.stopping.cancelled(), if !stopped => {
                        stopped = true;
                        self.reason.set(Cause::Stopping);
                        self.stop.cancel();
                    }
                }
            }
        };
        let told = doors.ended();
        Ok((ended, Some(folder), told))
    }

    /// Heartbeats until the lease is over, and log lines with them.
    async fn keep_lease(&self, doors: &Doors) {
        let lease = Duration::from_secs(self.task.lease_seconds.max(1));
        let (mut last, mut waiting, mut failures) = (Instant::now(), None, 0);
        let mut next = Instant::now() + (lease / 3).min(LOG_EVERY);
        loop {
            tokio::time::sleep_until(next).await;
            if doors.ended() {
                return self.leave().await;
            }
            if waiting.is_none() && !self.log.is_waiting() && last.elapsed() < lease / 3 {
                next = Instant::now() + LOG_EVERY.min(lease / 3);
                continue;
            }
            // What was not answered is sent again as it was, under the same key.
            let (report, key) = waiting.take().unwrap_or_else(|| (self.lines(), Uuid::new_v4().to_string()));
            let patience = (lease / 3).max(Duration::from_secs(1));
            let beat = self.server.open.heartbeat_task(&self.path, &self.task.lease_token, report.clone(), &key);
            match timeout(patience, beat).await {
                Ok(Ok(beat)) if beat.cancelled => {
                    self.reason.set(Cause::Cancelled);
                    self.stop.cancel();
                    return;
                }
                Ok(Ok(_)) => {
                    (last, failures) = (Instant::now(), 0);
                    next = Instant::now() + LOG_EVERY.min(lease / 3);
                }
                Ok(Err(error)) if error.status().is_some_and(|status| OVER.contains(&status)) => {
                    self.reason.set(Cause::LeaseOver);
                    return self.leave().await;
                }
                failed => {
                    if let Ok(Err(error)) = &failed {
                        tracing::warn!(task_id = %self.task.task_id, %error, "a heartbeat was not taken");
                    }
                    // A report that is refused would be refused again; one that was not heard must not be lost.
                    let refused = matches!(&failed, Ok(Err(ClientError::Refused(_))));
                    waiting = (!refused).then_some((report, key));
                    if last.elapsed() > lease {
                        // Somebody else may have the task by now: two workers at it are worse than none.
                        tracing::warn!(task_id = %self.task.task_id, "the lease ran out: the server was not reached in time");
                        self.reason.set(Cause::LeaseOver);
                        self.stop.cancel();
                        return;
                    }
                    failures += 1;
                    next = Instant::now() + backoff(failures).min(lease / 3);
                }
            }
        }
    }

    /// The lease is over, most likely because the worker has said so itself: it may end in peace.
    async fn leave(&self) {
        tokio::time::sleep(LEAVE.min(self.limits.grace)).await;
        self.stop.cancel();
    }

    fn lines(&self) -> Value {
        let lines: Vec<Value> = self.log.take(LINES).iter().map(entry).collect();
        if lines.is_empty() { json!({}) } else { json!({"logs": lines}) }
    }

    /// Tells the rest of the log, uploads what was left, and tells how it ended. Whatever fails on the way, the end is told.
    async fn finish(&self, folder: Option<&Folder>, verdict: &Verdict) {
        let token = &self.task.lease_token;
        let mut refused = Vec::new();
        if let Some(folder) = folder.filter(|_| !matches!(verdict, Verdict::Release(_))) {
            self.flush().await;
            let (files, left_out) = folder.artifacts(self.limits.artifacts, self.limits.artifact_bytes);
            refused = left_out;
            for left in files {
                let file = tokio::fs::File::from_std(left.file);
                let put = self.server.open.put_artifact(&self.path, token, &left.name, file, left.size);
                // An upload may take longer than a lease.
                if let Err(error) = self.beating(put).await {
                    refused.push(format!("the artifact `{}` could not be uploaded: {error}", left.name));
                }
            }
        }
        for text in refused {
            self.log.note(text);
        }
        self.flush().await;
        // While the server is not there, the lease still is; after that nobody wants to hear it.
        let deadline = Instant::now() + Duration::from_secs(self.task.lease_seconds);
        let mut attempt = 0;
        let told = loop {
            match self.tell(verdict).await {
                Err(error) if error.status().is_none_or(|status| status >= 500) && Instant::now() < deadline => {
                    attempt += 1;
                    tokio::time::sleep(backoff(attempt)).await;
                }
                told => break told,
            }
        };
        match told {
            Ok(()) => {}
            // The worker has told it itself over the network, or the task is somebody else's by now.
            Err(error) if error.status() == Some(409) => {
                tracing::debug!(task_id = %self.task.task_id, "the task had ended already");
            }
            Err(error) => tracing::error!(task_id = %self.task.task_id, %error, "how a worker ended could not be told"),
        }
    }

    async fn tell(&self, verdict: &Verdict) -> Result<(), ClientError> {
        let token = &self.task.lease_token;
        match verdict {
            Verdict::Nothing => Ok(()),
            Verdict::Complete(output) => self.server.open.complete_task(&self.path, token, output).await,
            Verdict::Fail(failure) => {
                let error = json!({
                    "message": failure.message,
                    "code": failure.code,
                    "retryable": failure.retryable,
                    "details": failure.details,
                });
                self.server.open.fail_task(&self.path, token, &error).await
            }
            Verdict::Release(_) => self.server.open.release_task(&self.path, token).await,
        }
    }

    /// Passes the lines that wait on. Those that are not taken are lost: the end is more important.
    async fn flush(&self) {
        while self.log.is_waiting() {
            let key = Uuid::new_v4().to_string();
            let beat = self.server.open.heartbeat_task(&self.path, &self.task.lease_token, self.lines(), &key);
            if let Err(error) = beat.await {
                tracing::debug!(task_id = %self.task.task_id, %error, "the last lines of a worker were not taken");
                return;
            }
        }
    }

    /// Waits for something while the lease is kept.
    async fn beating<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let every = Duration::from_secs(self.task.lease_seconds.max(3)) / 3;
        loop {
            if let Ok(done) = timeout(every, &mut work).await {
                return done;
            }
            let key = Uuid::new_v4().to_string();
            let beat = self.server.open.heartbeat_task(&self.path, &self.task.lease_token, self.lines(), &key);
            _ = timeout(every, beat).await;
        }
    }
}

fn entry(line: &Line) -> Value {
    json!({"level": line.level.word(), "message": line.text})
}
