//! Runs one worker in a container of the Docker Engine, and removes it afterwards whatever happened.
//!
//! Containers carry labels with the runner's name, its boot and the task. They outlive a runner that was killed; the next one of that
//! name removes those whose boot is over.

mod engine;
mod frames;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use engine::{Engine, EngineError};
use frames::Frames;

use super::{
    folder::{Folder, User},
    limits::{Hit, Limits},
    log::{Cutter, Level, Log},
    outcome::{Ended, Exit, StartError},
    process::Job,
    sandbox::{Network, TASK, WORK},
};

/// The label that names the runner.
const RUNNER: &str = "sluicegate.runner";
/// The label that names its boot.
const BOOT: &str = "sluicegate.boot";
/// The label that names the task.
const TASK_LABEL: &str = "sluicegate.task";
/// How often is looked at what a worker uses.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the engine may take to end what was killed.
const END_PATIENCE: Duration = Duration::from_secs(30);
/// How long the last lines of a log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// What a worker's container is made of.
#[derive(Clone, Debug)]
pub struct Image {
    /// The image's name.
    pub name: String,
    /// The command in place of the image's own; empty for that one.
    pub command: Vec<String>,
    /// Whether workers reach the network.
    pub network: Network,
    /// Files and folders of the host that workers may read, at the same place.
    pub read_only: Vec<PathBuf>,
}

/// What runs workers in containers.
#[derive(Clone, Debug)]
pub struct Containers {
    engine: Engine,
    image: Image,
    user: User,
    runner: String,
    boot: Uuid,
}

impl Containers {
    /// Runs containers of this image as this user. `runner` is the runner's name, which stays the same over its boots.
    pub fn new(socket: &Path, image: Image, user: User, runner: &str, boot: Uuid) -> Result<Self, EngineError> {
        Ok(Self { engine: Engine::new(socket)?, image, user, runner: runner.to_owned(), boot })
    }

    /// Whether workers reach the network.
    pub fn network(&self) -> Network {
        self.image.network
    }

    /// Checks that the engine answers and has the image, and removes what dead boots of this runner have left. `living` are boots of
    /// runners that live on this machine.
    pub async fn sweep(&self, living: &[Uuid]) -> Result<(), EngineError> {
        let version = self.engine.version().await?;
        tracing::info!(%version, image = %self.image.name, "workers run in containers of the Docker Engine");
        for (id, labels) in self.engine.labelled(&format!("{RUNNER}={}", self.runner)).await? {
            let boot = labels[BOOT].as_str().and_then(|boot| Uuid::try_parse(boot).ok());
            if boot.is_none_or(|boot| boot != self.boot && !living.contains(&boot)) {
                self.engine.remove(&id).await?;
                tracing::info!(container = %id, "removed a container that a dead runner left");
            }
        }
        if self.engine.has_image(&self.image.name).await? {
            return Ok(());
        }
        let message = format!("there is no image `{0}`: docker pull {0}", self.image.name);
        Err(EngineError::Refused { status: 404, message })
    }

    /// Runs a worker until its container is removed. `stop` asks it to end: SIGTERM, and after the grace SIGKILL.
    pub async fn run(&self, job: Job<'_>, stop: &CancellationToken) -> Result<Ended, StartError> {
        // Named by the runner and not by the engine, so it can be removed even if the reply is lost.
        let name = format!("sluicegate-{}", Uuid::new_v4().simple());
        let ended = self.attend(&name, &job, stop).await;
        if let Err(error) = self.engine.remove(&name).await {
            tracing::error!(%error, container = %name, "a container could not be removed");
        }
        ended
    }

    async fn attend(&self, name: &str, job: &Job<'_>, stop: &CancellationToken) -> Result<Ended, StartError> {
        let wanted = self.container(job.folder, job);
        self.engine.create(name, &wanted).await.map_err(StartError::container)?;
        self.engine.start(name).await.map_err(|error| match error.status() {
            // A command that the image doesn't have, or that can't be run.
            Some(400) => StartError::Command(error.to_string()),
            _ => StartError::container(error),
        })?;
        let readers = TaskTracker::new();
        readers.spawn(follow(self.engine.clone(), name.to_owned(), job.log.clone()));
        readers.close();
        let mut watch = Watch::default();
        let code = self.watch(name, job.limits, stop, &mut watch).await;
        // The log's end comes with the container's.
        _ = timeout(LOG_PATIENCE, readers.wait()).await;
        let exit = match code {
            None => Exit::Unknown,
            // The engine reports a signal as a shell does. A program that ends itself with such a code is taken for killed.
            Some(code @ 129..=192) => Exit::Signal((code - 128) as i32),
            Some(code) => Exit::Code(code as i32),
        };
        let mut hit = watch.hit;
        if hit.is_none() && exit != Exit::Code(0) {
            let out_of_memory = self.engine.ran_out_of_memory(name).await.unwrap_or_default();
            hit = match exit {
                _ if out_of_memory => Some(Hit::Memory),
                Exit::Signal(25) => Some(Hit::FileSize),
                _ => None,
            };
        }
        Ok(Ended { exit, hit, told: watch.told, killed: watch.killed, left: 0 })
    }

    async fn watch(&self, name: &str, limits: &Limits, stop: &CancellationToken, watch: &mut Watch) -> Option<i64> {
        let mut waiting = std::pin::pin!(self.wait(name));
        let mut deadline = Instant::now() + limits.time;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let hit = tokio::select! {
                biased;
                code = &mut waiting => return code,
                () = sleep_until(deadline) => {
                    if watch.told {
                        watch.killed = true;
                        self.signal(name, "SIGKILL").await;
                        return timeout(END_PATIENCE, waiting).await.ok().flatten();
                    }
                    Some(Hit::Time)
                }
                () = stop.cancelled(), if !watch.told => None,
                hit = async { looks.tick().await; self.look(name, limits).await }, if !watch.told => match hit {
                    Some(Hit::Processes) => {
                        (watch.hit, watch.killed) = (hit, true);
                        self.signal(name, "SIGKILL").await;
                        return timeout(END_PATIENCE, waiting).await.ok().flatten();
                    }
                    None => continue,
                    hit => hit,
                },
            };
            watch.hit = watch.hit.or(hit);
            (watch.told, deadline) = (true, Instant::now() + limits.grace);
            self.signal(name, "SIGTERM").await;
        }
    }

    /// Waits for the end, over as many connections as it takes.
    async fn wait(&self, name: &str) -> Option<i64> {
        for attempt in 1.. {
            match self.engine.wait(name).await {
                Ok(code) => return Some(code),
                Err(error) if error.status() == Some(404) || attempt > 20 => {
                    tracing::warn!(%error, container = %name, "a container's end could not be seen");
                    return None;
                }
                Err(_) => tokio::time::sleep(crate::client::backoff(attempt)).await,
            }
        }
        None
    }

    async fn look(&self, name: &str, limits: &Limits) -> Option<Hit> {
        // An engine that does not count is no reason to stop a worker: the kernel holds the bounds.
        let stats = self.engine.stats(name).await.ok()?;
        if stats.processes >= limits.processes {
            return Some(Hit::Processes);
        }
        limits.cpu_time.filter(|most| stats.cpu_time > *most).map(|_| Hit::CpuTime)
    }

    async fn signal(&self, name: &str, signal: &str) {
        if let Err(error) = self.engine.kill(name, signal).await {
            tracing::warn!(%error, container = %name, signal, "a container could not be signalled");
        }
    }

    /// The container as the engine is asked for it.
    fn container(&self, folder: &Folder, job: &Job<'_>) -> Value {
        let Limits { memory_bytes, milli_cpus, processes, open_files, file_bytes, cpu_time, .. } = *job.limits;
        let mut mounts = vec![bind(&folder.task(), TASK, Access::Read), bind(&folder.work(), WORK, Access::Write)];
        mounts.extend(self.image.read_only.iter().map(|path| bind(path, &path.to_string_lossy(), Access::Read)));
        let bound = |name: &str, most: u64| json!({"Name": name, "Soft": most, "Hard": most});
        let mut bounds = vec![bound("nofile", open_files), bound("fsize", file_bytes), bound("core", 0)];
        bounds.extend(cpu_time.map(|time| bound("cpu", time.as_secs() + 2)));
        let environment: Vec<String> = job.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut container = json!({
            "Image": self.image.name,
            "User": format!("{}:{}", self.user.uid, self.user.gid),
            "WorkingDir": WORK,
            "Env": environment,
            "Labels": {RUNNER: self.runner, BOOT: self.boot.to_string(), TASK_LABEL: job.id},
            "AttachStdin": false,
            "OpenStdin": false,
            "Tty": false,
            "NetworkDisabled": self.image.network == Network::None,
            "HostConfig": {
                "Memory": memory_bytes,
                // Memory and swap together: so no swap.
                "MemorySwap": memory_bytes,
                "NanoCpus": milli_cpus * 1_000_000,
                "PidsLimit": processes,
                "Ulimits": bounds,
                "ReadonlyRootfs": true,
                "NetworkMode": if self.image.network == Network::None { "none" } else { "bridge" },
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges:true"],
                "Privileged": false,
                "IpcMode": "private",
                "CgroupnsMode": "private",
                // A first process that waits for orphans.
                "Init": true,
                "AutoRemove": false,
                "RestartPolicy": {"Name": "no"},
                "Tmpfs": {"/tmp": format!("rw,nosuid,nodev,mode=1777,size={memory_bytes}")},
                "Mounts": mounts,
                // What the engine keeps of the log is read at once, and bounded.
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "1"}},
            },
        });
        if !self.image.command.is_empty() {
            container["Entrypoint"] = json!([]);
            container["Cmd"] = json!(self.image.command);
        }
        container
    }
}

#[derive(Default)]
struct Watch {
    hit: Option<Hit>,
    told: bool,
    killed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// A mount of a path that exists: unlike a bind, it is refused otherwise, and paths may have colons.
fn bind(from: &Path, to: &str, access: Access) -> Value {
    json!({
        "Type": "bind",
        "Source": from.to_string_lossy(),
        "Target": to,
        "ReadOnly": access == Access::Read,
    })
}

/// Reads a container's log to its end.
async fn follow(engine: Engine, name: String, log: Log) {
    let mut response = match engine.logs(&name).await {
        Ok(response) => response,
        Err(error) => {
            log.note(format!("the worker's log can't be read: {error}"));
            return;
        }
    };
    let (mut frames, mut output, mut errors) =
        (Frames::default(), Cutter::new(log.clone(), Level::Info), Cutter::new(log.clone(), Level::Error));
    // An error is an end, too: the connection to the engine broke, and the container may go on.
    while let Ok(Some(bytes)) = response.chunk().await {
        frames.take(&bytes, |level, bytes| match level {
            Level::Error => errors.take(bytes),
            _ => output.take(bytes),
        });
    }
    output.finish();
    errors.finish();
}
