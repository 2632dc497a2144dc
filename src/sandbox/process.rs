//! One child, seen by its parent: started, given a script, watched, and killed when it does not come to an end.

use std::{io, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Bound, Line, MAX_LINES, SandboxError,
    frames::{self, Confinement, Failed, MAX_TOLD_BYTES, Order, Told},
    starter::Starter,
};

/// How long a child may take to stand.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// What a script may use beyond its processor time before its process is killed. Interpreters look at the clock now and then.
const GRACE: Duration = Duration::from_millis(250);
/// How often is looked at what a child has used, once it could have used up its time.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much longer than its processor time a call may take where processors are short: so many times, and this.
const STRETCH: u32 = 10;
const STRETCH_MORE: Duration = Duration::from_secs(10);
/// Calls after which a child is replaced, so that whatever might grow does not grow for ever.
const MAX_CALLS: u32 = 1_000;
/// How long the end of a child that has closed its pipe may take to be seen.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// Ticks of the kernel's clock in a second, as `/proc` counts them on every architecture that is supported.
const TICKS: u64 = 100;
/// The reserve of the allocator: by default it takes a gigabyte of addresses at once, and the bound on memory counts all of it.
const ALLOCATOR: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16384");

/// A child. Killed when it is dropped.
pub(super) struct Process {
    child: Child,
    orders: ChildStdin,
    told: ChildStdout,
    pid: u32,
    calls: u32,
    good: bool,
    /// It has said nothing in its last call.
    silent: bool,
}

impl Process {
    /// Starts a child, and has it confine itself. One that the kernel does not confine at all is refused, unless told otherwise.
    pub(super) async fn start(starter: &Starter, program: &Path, unconfined: bool) -> Result<Self, SandboxError> {
        let mut command = std::process::Command::new(program);
        std::os::unix::process::CommandExt::arg0(&mut command, "sluicegate");
        command
            .arg("js-worker")
            .env_clear()
            .env(ALLOCATOR.0, ALLOCATOR.1)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let failed = |error: io::Error| SandboxError::Lost(format!("it could not be started: {error}"));
        let mut child = starter.start(Command::from(command)).await.map_err(failed)?;
        let gone = || failed(io::Error::other("it has no pipes"));
        let orders = child.stdin.take().ok_or_else(gone)?;
        let told = child.stdout.take().ok_or_else(gone)?;
        let pid = child.id().ok_or_else(gone)?;
        let mut process = Self { child, orders, told, pid, calls: 0, good: true, silent: true };
        match timeout(START_PATIENCE, process.hear()).await {
            Ok(Ok(Told::Ready(confinement))) => check(&confinement, unconfined).map(|()| process),
            Ok(Ok(_)) => Err(SandboxError::Lost("it began with something else than its beginning".to_owned())),
            Ok(Err(error)) => Err(process.lost(error).await),
            Err(_) => Err(SandboxError::Lost("it took too long to start".to_owned())),
        }
    }

    /// Whether it may serve another call.
    pub(super) fn is_good(&self) -> bool {
        self.good && self.calls < MAX_CALLS
    }

    /// Whether nothing was heard of it since its last call began.
    pub(super) fn was_silent(&self) -> bool {
        self.silent
    }

    /// Whether it has not ended, as far as can be seen: one that is just being killed may look alive.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs a script. Not good for another call until this has returned.
    pub(super) async fn run(
        &mut self,
        order: &Order,
        cpu: Duration,
        lines: mpsc::Sender<Line>,
    ) -> Result<Value, SandboxError> {
        self.good = false;
        self.silent = true;
        self.calls += 1;
        let used = cpu_time(self.pid);
        let begun = Instant::now();
        let mut look_at = begun + cpu + GRACE;
        let last = begun + cpu * STRETCH + STRETCH_MORE;
        let frame = frames::encode(order).map_err(|error| SandboxError::Lost(error.to_string()))?;
        let pid = self.pid;
        let watch = async {
            loop {
                sleep_until(look_at).await;
                let spent = cpu_time(pid).zip(used).map(|(now, before)| now.saturating_sub(before));
                if spent.is_some_and(|spent| spent >= cpu + GRACE) {
                    return SandboxError::Exceeded(Bound::Cpu);
                }
                if Instant::now() >= last {
                    let ms = cpu.as_millis();
                    return SandboxError::Lost(format!(
                        "it did not come to an end, nor to its {ms} ms of processor time"
                    ));
                }
                look_at = Instant::now() + LOOK_EVERY;
            }
        };
        let work = self.converse(order, &frame, &lines);
        tokio::select! {
            biased;
            ended = work => ended,
            // The child is killed when the pool drops it.
            exceeded = watch => Err(exceeded),
        }
    }

    async fn converse(
        &mut self,
        order: &Order,
        frame: &[u8],
        lines: &mpsc::Sender<Line>,
    ) -> Result<Value, SandboxError> {
        if let Err(error) = self.orders.write_all(frame).await {
            return Err(self.lost(error).await);
        }
        // One more than the child should ever say.
        for _ in 0..=MAX_LINES + 1 {
            let heard = self.hear().await;
            self.silent &= heard.is_err();
            match heard {
                Ok(Told::Log(line)) => _ = lines.send(line).await,
                Ok(Told::Done(output)) => {
                    let output = serde_json::from_str(output.get());
                    self.good = output.is_ok();
                    return output.map_err(|error| SandboxError::Output(format!("the output is no JSON: {error}")));
                }
                Ok(Told::Failed(failed)) => {
                    let error = told(failed, self.pid, order.memory_bytes);
                    self.good = !matches!(error, SandboxError::Exceeded(_));
                    return Err(error);
                }
                Ok(Told::Ready(_)) => break,
                Err(error) => return Err(self.lost(error).await),
            }
        }
        Err(SandboxError::Lost("it said what it should not".to_owned()))
    }

    async fn hear(&mut self) -> io::Result<Told> {
        let mut length = [0; 4];
        self.told.read_exact(&mut length).await?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_TOLD_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it said more than it may"));
        }
        let mut body = vec![0; length];
        self.told.read_exact(&mut body).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Why a child can't be heard any more.
    async fn lost(&mut self, error: io::Error) -> SandboxError {
        if !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) {
            return SandboxError::Lost(error.to_string());
        }
        match timeout(END_PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) => SandboxError::Lost(format!("it ended ({status})")),
            _ => SandboxError::Lost("it closed its pipe".to_owned()),
        }
    }
}

/// What a child has told, as far as it knew. Whether its memory was used up when it threw null is seen from outside alone.
fn told(failed: Failed, pid: u32, memory_bytes: u64) -> SandboxError {
    match failed {
        Failed::Thrown { message, stack } => SandboxError::Thrown { message, stack },
        Failed::Null if peak_bytes(pid).is_some_and(|peak| peak > memory_bytes / 4 * 3) => {
            SandboxError::Exceeded(Bound::Memory)
        }
        Failed::Null => SandboxError::Thrown { message: "null was thrown, which is no error".to_owned(), stack: None },
        Failed::Output(why) => SandboxError::Output(why),
        Failed::Exceeded(bound) => SandboxError::Exceeded(bound),
    }
}

/// Files and sockets must be out of reach one way or the other.
fn check(confinement: &Confinement, unconfined: bool) -> Result<(), SandboxError> {
    match (&confinement.seccomp, &confinement.landlock) {
        (Some(seccomp), Some(landlock)) if !unconfined => Err(SandboxError::Unavailable(format!(
            "the kernel confines no process, neither by seccomp ({seccomp}) nor by Landlock ({landlock}); the setting \
             `code-unconfined` runs them nevertheless"
        ))),
        (Some(why), _) => {
            tracing::debug!(why, "scripts run without a filter of system calls");
            Ok(())
        }
        (None, Some(why)) => {
            tracing::debug!(why, "scripts run without Landlock");
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// The most memory that a process has had in use.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// The processor time that a process has used.
fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    // After the name: state is field 3, the times are fields 14 and 15.
    let mut fields = rest.split(' ').skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 1_000 / TICKS))
}
