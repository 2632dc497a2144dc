//! Runs one worker in a sandbox, from its start to the end of its last process.
//!
//! The order matters. bubblewrap starts the first process of the sandbox, which waits; then all of them are put in their control
//! groups; only then the worker is started, so nothing of it is ever outside. At the end the first process goes, the kernel kills what
//! is left and waits for it, and bubblewrap ends after that: when this returns, nothing of the worker lives.

use std::{
    io,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    cgroup::{Group, Groups, OWN_PROCESSES},
    control::{self, Begin, Bounds, Hearing, Order, Report, Saying},
    folder::{Folder, Place, User},
    limits::{Hit, Limits},
    log::{self, Level, Log},
    outcome::{Ended, Exit, StartError},
    sandbox::{Network, SOCKET, Sandbox, TASK, WORK},
    usage,
};
use crate::sandbox::Starter;

/// How long a sandbox may take to stand.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked at what a worker uses.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the kernel may take to end what was killed. A process that waits for a disk may take as long as that does.
const END_PATIENCE: Duration = Duration::from_secs(30);
/// How long the last lines of a log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// The port of the sandbox's loopback that leads to the doors of the task.
pub(super) const PORT: u16 = 7_717;

/// What runs workers in sandboxes.
#[derive(Clone, Debug)]
pub struct Processes {
    sandbox: Sandbox,
    groups: Groups,
    command: Vec<String>,
    starter: Starter,
}

/// One worker to run.
pub struct Job<'a> {
    /// The task's id; names what belongs to the worker.
    pub id: &'a str,
    /// Its folder.
    pub folder: &'a Folder,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// What it may use.
    pub limits: &'a Limits,
    /// Where its lines go.
    pub log: &'a Log,
}

impl Processes {
    /// Runs this command for each task. Must be called within a runtime.
    pub fn new(sandbox: Sandbox, groups: Groups, command: Vec<String>) -> io::Result<Self> {
        groups.sweep();
        Ok(Self { sandbox, groups, command, starter: Starter::new()? })
    }

    /// The sandbox that it makes.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Makes a sandbox as those of workers are and runs nothing in it: whether that can be done here.
    pub async fn probe(&self, place: &Place, user: Option<User>, limits: &Limits) -> Result<(), StartError> {
        let folder = place.worker("probe", b"null", user).map_err(StartError::sandbox)?;
        let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let job = Job { id: "probe", folder: &folder, environment, limits, log: &Log::new(limits.log_bytes) };
        let probe = Self { command: vec!["true".to_owned()], ..self.clone() };
        let ended = probe.run(job, &CancellationToken::new()).await?;
        if ended.exit == Exit::Code(0) { Ok(()) } else { Err(StartError::sandbox(format!("{ended:?}"))) }
    }

    /// Runs a worker until its last process is gone. `stop` asks it to end: SIGTERM, and after the grace SIGKILL.
    pub async fn run(&self, job: Job<'_>, stop: &CancellationToken) -> Result<Ended, StartError> {
        let mut running = self.start(&job).await?;
        let exit = running.watch(job.limits, stop).await;
        let ended = running.end(exit, job.limits).await;
        if ended.left > 0 {
            job.log.note(format!("processes that the worker left behind, ended with it: {}", ended.left));
        }
        Ok(ended)
    }

    async fn start(&self, job: &Job<'_>) -> Result<Running, StartError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(StartError::sandbox)?;
        let mut command = Command::new(&self.sandbox.bwrap);
        command
            .args(self.sandbox.arguments(job.folder, job.limits))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = self.sandbox.user {
            // Without this the kernel holds no bound on processes, and files of root would be the worker's own.
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = self.starter.start(command).await.map_err(StartError::sandbox)?;
        let readers = TaskTracker::new();
        let (hearing, saying) = control::end(ours).map_err(StartError::sandbox)?;
        for reading in [
            child.stdout.take().map(|pipe| readers.spawn(log::read(pipe, job.log.clone(), Level::Info))),
            child.stderr.take().map(|pipe| readers.spawn(log::read(pipe, job.log.clone(), Level::Error))),
        ] {
            drop(reading);
        }
        readers.close();
        let mut running = Running {
            child,
            first: None,
            first_pid: 0,
            group: Group::default(),
            counts: Counts { memory: self.groups.bound_memory(), processes: self.groups.bound_processes() },
            hearing,
            saying,
            readers,
            hit: None,
            told: false,
            killed: false,
        };
        let started = timeout(START_PATIENCE, self.begin(&mut running, job)).await;
        let why = match started {
            Ok(Ok(())) => return Ok(running),
            Ok(Err(error)) => error,
            Err(_) => StartError::sandbox("it does not stand in time"),
        };
        running.kill();
        running.gone().await;
        Err(match why {
            // bubblewrap says on standard error what it does not like.
            StartError::Place { what, why } => {
                let said = job.log.tail().last.unwrap_or(why);
                StartError::Place { what, why: said }
            }
            command @ StartError::Command(_) => command,
        })
    }

    async fn begin(&self, running: &mut Running, job: &Job<'_>) -> Result<(), StartError> {
        match running.hearing.hear().await {
            Ok(Some(Report::Ready)) => {}
            Ok(_) => return Err(StartError::sandbox("bubblewrap ended before it stood")),
            Err(error) => return Err(StartError::sandbox(error)),
        }
        let outer = running.child.id().unwrap_or_default();
        // There is exactly one process in it, and it waits.
        let first = usage::children(outer).first().copied().ok_or_else(|| StartError::sandbox("it has no process"))?;
        running.first_pid = first;
        running.first = Some(open(first).map_err(StartError::sandbox)?);
        let name = format!("{}-{outer}", job.id);
        running.group = self.groups.make(&name, job.limits).map_err(StartError::sandbox)?;
        for pid in [outer, first] {
            running.group.take(pid).map_err(StartError::sandbox)?;
        }
        running.saying.say(&Order::Begin(self.orders(job))).await.map_err(StartError::sandbox)?;
        match running.hearing.hear().await {
            Ok(Some(Report::Started)) => Ok(()),
            Ok(Some(Report::Refused(why))) => Err(StartError::Command(why)),
            Ok(_) => Err(StartError::sandbox("its first process ended")),
            Err(error) => Err(StartError::sandbox(error)),
        }
    }

    fn orders(&self, job: &Job<'_>) -> Begin {
        let Limits { processes, file_bytes, open_files, memory_bytes, cpu_time, .. } = *job.limits;
        // Where groups count, these are a second line behind them, with some room in between: the groups can say what happened.
        let counted = self.groups.bound_processes();
        let bounds = Bounds {
            processes: processes + OWN_PROCESSES + if counted { 16 } else { 0 },
            file_bytes,
            open_files,
            cpu_s: cpu_time.map(|time| time.as_secs() + 2),
            data_bytes: (!self.groups.bound_memory()).then_some(memory_bytes.saturating_mul(2)),
        };
        let forward = (self.sandbox.network == Network::None).then(|| (PORT, format!("{TASK}/{SOCKET}")));
        Begin {
            command: self.command.clone(),
            environment: job.environment.clone(),
            folder: WORK.to_owned(),
            bounds,
            forward,
        }
    }
}

/// What the control groups count.
#[derive(Clone, Copy)]
struct Counts {
    memory: bool,
    processes: bool,
}

struct Running {
    child: Child,
    /// The sandbox's first process: everything in it dies with this one.
    first: Option<OwnedFd>,
    first_pid: u32,
    group: Group,
    counts: Counts,
    hearing: Hearing,
    saying: Saying,
    readers: TaskTracker,
    hit: Option<Hit>,
    told: bool,
    killed: bool,
}

/// How the watch over a worker ended.
struct Seen {
    exit: Exit,
    left: usize,
}

impl Running {
    /// Waits for the end of the worker's program, and sees to it that it comes.
    async fn watch(&mut self, limits: &Limits, stop: &CancellationToken) -> Option<Seen> {
        let begun = Instant::now();
        let mut deadline = begun + limits.time;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                report = self.hearing.hear() => {
                    return match report {
                        Ok(Some(Report::Ended { code, signal, left })) => {
                            let exit = match (code, signal) {
                                (Some(code), _) => Exit::Code(code),
                                (None, Some(signal)) => Exit::Signal(signal),
                                (None, None) => Exit::Unknown,
                            };
                            Some(Seen { exit, left })
                        }
                        _ => None,
                    };
                }
                () = sleep_until(deadline) => {
                    if self.told {
                        self.killed = true;
                        self.kill();
                        return None;
                    }
                    self.hit.get_or_insert(Hit::Time);
                    deadline = self.tell(limits).await;
                }
                () = stop.cancelled(), if !self.told => deadline = self.tell(limits).await,
                _ = looks.tick() => match self.look(limits) {
                    // There is no use in asking: it has no memory to think, or starts two for each that ends.
                    Some(hit @ (Hit::Memory | Hit::Processes)) => {
                        (self.hit, self.killed) = (Some(hit), true);
                        self.kill();
                        return None;
                    }
                    Some(hit) if !self.told => {
                        self.hit = Some(hit);
                        deadline = self.tell(limits).await;
                    }
                    _ => {}
                },
            }
        }
    }

    /// Sends SIGTERM; until when it is waited.
    async fn tell(&mut self, limits: &Limits) -> Instant {
        self.told = true;
        // If the other end is gone, that is about to be heard.
        _ = self.saying.say(&Order::Terminate).await;
        Instant::now() + limits.grace
    }

    /// The bound that the worker has run into, if any.
    fn look(&self, limits: &Limits) -> Option<Hit> {
        let counted = self.group.counted();
        let usage = match (self.counts.memory && self.counts.processes, counted.cpu_time) {
            (true, Some(_)) => usage::Usage::default(),
            _ => usage::below(self.first_pid),
        };
        let memory =
            if self.counts.memory { counted.out_of_memory > 0 } else { usage.memory_bytes > limits.memory_bytes };
        let processes =
            if self.counts.processes { counted.refused_forks > 0 } else { usage.threads > limits.processes };
        let cpu_time = limits.cpu_time.is_some_and(|most| counted.cpu_time.unwrap_or(usage.cpu_time) > most);
        // The more telling one first: what starts processes without end runs out of memory, too.
        [(processes, Hit::Processes), (memory, Hit::Memory), (cpu_time, Hit::CpuTime)]
            .into_iter()
            .find_map(|(is_hit, hit)| is_hit.then_some(hit))
    }

    /// Kills everything in the sandbox.
    fn kill(&mut self) {
        if let Some(first) = &self.first {
            // It may be gone already.
            _ = pidfd_send_signal(first, Signal::KILL);
        } else {
            // No process of the worker's exists yet.
            _ = self.child.start_kill();
        }
    }

    /// Waits until bubblewrap is gone, which is after everything in its sandbox.
    async fn gone(&mut self) -> Option<ExitStatus> {
        let status = timeout(END_PATIENCE, self.child.wait()).await;
        if status.is_err() {
            tracing::error!(pid = self.child.id(), "a sandbox does not end; its last process may hang in the kernel");
            _ = self.child.start_kill();
        }
        // If bubblewrap was killed from outside, the rest goes a moment after it.
        let begun = Instant::now();
        while self.first.is_some() && !usage::is_over(self.first_pid) && begun.elapsed() < END_PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // A pipe may have been handed to somebody outside who never closes it.
        _ = timeout(LOG_PATIENCE, self.readers.wait()).await;
        status.ok()?.ok()
    }

    async fn end(mut self, seen: Option<Seen>, limits: &Limits) -> Ended {
        if seen.is_none() {
            self.kill();
        }
        let status = self.gone().await;
        let mut hit = self.hit;
        let exit = match &seen {
            Some(seen) => seen.exit,
            None if self.killed => Exit::Signal(Signal::KILL.as_raw()),
            None => match status.map(|status| (status.code(), status.signal())) {
                // bubblewrap's way to say that its child was killed.
                Some((Some(code @ 129..), _)) => Exit::Signal(code - 128),
                _ => Exit::Unknown,
            },
        };
        if exit != Exit::Code(0) {
            // What happened since the last look, or between two signals.
            let counted = self.group.counted();
            let by_signal = match exit {
                Exit::Signal(25) => Some(Hit::FileSize),
                Exit::Signal(24) => Some(Hit::CpuTime),
                _ => None,
            };
            let by_count = (counted.refused_forks > 0)
                .then_some(Hit::Processes)
                .or((counted.out_of_memory > 0).then_some(Hit::Memory))
                .or(limits
                    .cpu_time
                    .zip(counted.cpu_time)
                    .and_then(|(most, used)| (used > most).then_some(Hit::CpuTime)));
            hit = hit.or(by_count).or(by_signal);
        }
        // The last process is out of its groups a moment after it was waited for.
        for _ in 0..50 {
            if self.group.remove() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ended { exit, hit, told: self.told, killed: self.killed, left: seen.map_or(0, |seen| seen.left) }
    }
}

/// A process by a name that no other one gets.
fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
