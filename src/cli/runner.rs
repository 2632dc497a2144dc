//! `sluicegate runner`, and what it starts sandboxes with.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{exit::Exit, logging, output, remote::Remote, remote::read_json};
use crate::{
    client::Client,
    clock::Clock,
    config::{ByteSize, LogFormat, Span},
    runner::{
        Groups, Leasing, Options, Runner as Running, Server,
        docker::{Containers, Image},
        folder::{Place, User},
        kind::{Kind, own_program, words},
        limits::Limits,
        process::Processes,
        sandbox::{Network, Sandbox},
    },
};

/// Lease tasks from queues and start one isolated worker for each
///
/// The worker is the command or image that is named here, never one that a task names. It runs without network, without the
/// environment and the files of this machine, and within limits; afterwards it is removed, whatever happened. What it did not
/// tell the server itself is told for it: its log, its output, how it ended. docs/runner.md has the details.
#[derive(Args, Debug)]
pub struct Runner {
    /// Queue to lease from; may be repeated
    #[arg(long = "queue", env = "SLUICEGATE_RUNNER_QUEUES", value_name = "QUEUE", value_delimiter = ',')]
    queues: Vec<String>,
    /// How workers are isolated
    #[arg(long, env = "SLUICEGATE_RUNNER_KIND", default_value = "process")]
    kind: KindName,
    /// Workers at a time
    #[arg(long, env = "SLUICEGATE_RUNNER_CONCURRENCY", value_name = "COUNT", default_value_t = 1)]
    concurrency: usize,
    /// What a worker runs: a program and its arguments, quoted as for a shell. With an image it takes the place of the image's own
    #[arg(long, env = "SLUICEGATE_RUNNER_COMMAND", value_name = "COMMAND")]
    command: Option<String>,
    /// Image of a worker's container
    #[arg(long, env = "SLUICEGATE_RUNNER_IMAGE", value_name = "IMAGE")]
    image: Option<String>,
    /// Run one worker here and now with this input (JSON, `@FILE` or `-`), without a server, and print what would be told to it
    #[arg(long = "try", value_name = "INPUT")]
    trial: Option<String>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    place: PlaceArguments,
    /// Name of this runner among the workers [default: the machine's name]
    #[arg(long, env = "SLUICEGATE_RUNNER_ID", value_name = "NAME")]
    id: Option<String>,
    /// How long running workers may go on after SIGTERM before their tasks are given back
    #[arg(long, env = "SLUICEGATE_RUNNER_DRAIN_LIMIT", value_name = "DURATION", default_value = "30s")]
    drain_limit: Span,
    /// How log lines look
    #[arg(long, env = "SLUICEGATE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// What is logged: a level, or a filter
    #[arg(long, env = "SLUICEGATE_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindName {
    /// A sandbox of bubblewrap
    Process,
    /// A container of the Docker Engine
    Docker,
}

/// What a worker may use
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits of a worker")]
struct LimitArguments {
    /// Memory of all its processes
    #[arg(long, env = "SLUICEGATE_RUNNER_MEMORY", value_name = "SIZE", default_value = "512MiB")]
    memory: ByteSize,
    /// Processors, such as `0.5`; with the kind `process` only where control groups can be made
    #[arg(long, env = "SLUICEGATE_RUNNER_CPU", value_name = "COUNT", default_value_t = 1.0)]
    cpu: f64,
    /// Processor time of all its processes [default: none]
    #[arg(long, env = "SLUICEGATE_RUNNER_CPU_TIME", value_name = "DURATION")]
    cpu_time: Option<Span>,
    /// Processes and threads
    #[arg(long, env = "SLUICEGATE_RUNNER_PIDS", value_name = "COUNT", default_value_t = 128)]
    pids: u64,
    /// Time from its start to its end
    #[arg(long, env = "SLUICEGATE_RUNNER_TIME_LIMIT", value_name = "DURATION", default_value = "10m")]
    time_limit: Span,
    /// Time between SIGTERM and SIGKILL
    #[arg(long, env = "SLUICEGATE_RUNNER_GRACE", value_name = "DURATION", default_value = "10s")]
    grace: Span,
    /// Largest file
    #[arg(long, env = "SLUICEGATE_RUNNER_FILE_SIZE", value_name = "SIZE", default_value = "256MiB")]
    file_size: ByteSize,
    /// Open files of one process
    #[arg(long, env = "SLUICEGATE_RUNNER_OPEN_FILES", value_name = "COUNT", default_value_t = 1_024)]
    open_files: u64,
    /// Largest output
    #[arg(long, env = "SLUICEGATE_RUNNER_OUTPUT_SIZE", value_name = "SIZE", default_value = "1MiB")]
    output_size: ByteSize,
    /// Bytes of its standard output and error that become log lines
    #[arg(long, env = "SLUICEGATE_RUNNER_LOG_SIZE", value_name = "SIZE", default_value = "1MiB")]
    log_size: ByteSize,
    /// Files left in `artifacts/` that are uploaded
    #[arg(long, env = "SLUICEGATE_RUNNER_ARTIFACTS", value_name = "COUNT", default_value_t = 32)]
    artifacts: usize,
    /// Bytes of these together
    #[arg(long, env = "SLUICEGATE_RUNNER_ARTIFACT_SIZE", value_name = "SIZE", default_value = "256MiB")]
    artifact_size: ByteSize,
}

/// What a worker sees
#[derive(Args, Debug)]
#[command(next_help_heading = "Surroundings of a worker")]
struct PlaceArguments {
    /// Let workers reach the network
    #[arg(long, env = "SLUICEGATE_RUNNER_ALLOW_NETWORK")]
    allow_network: bool,
    /// File or folder of this machine that workers may read, at the same place; may be repeated
    #[arg(long, env = "SLUICEGATE_RUNNER_BIND_RO", value_name = "PATH", value_delimiter = ',')]
    bind_ro: Vec<PathBuf>,
    /// Variable for workers; without a value it is taken from this environment. May be repeated
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Address of the server as workers reach it over the network [default: --url]
    #[arg(long, env = "SLUICEGATE_RUNNER_WORKER_URL", value_name = "URL")]
    worker_url: Option<String>,
    /// User and group that workers run as; only root may choose [default: 65534:65534 for root, else this user]
    #[arg(long, env = "SLUICEGATE_RUNNER_RUN_AS", value_name = "UID:GID")]
    run_as: Option<String>,
    /// Folder in which workers' folders are made [default: sluicegate-runner-UID in the folder for temporary files]
    #[arg(long, env = "SLUICEGATE_RUNNER_WORK_DIR", value_name = "FOLDER")]
    work_dir: Option<PathBuf>,
    /// bubblewrap's program
    #[arg(long, env = "SLUICEGATE_RUNNER_BWRAP", value_name = "PROGRAM", default_value = "bwrap")]
    bwrap: PathBuf,
    /// Do without control groups even where they can be made
    #[arg(long, env = "SLUICEGATE_RUNNER_NO_CGROUPS")]
    no_cgroups: bool,
    /// Socket of the Docker Engine
    #[arg(long, env = "SLUICEGATE_RUNNER_DOCKER_SOCKET", value_name = "PATH", default_value = "/var/run/docker.sock")]
    docker_socket: PathBuf,
}

impl Runner {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        logging::begin_as(&self.log, self.log_format)?;
        let limits = self.limits.check()?;
        let command = match self.command.as_deref().map(words) {
            Some(Ok(words)) if words.is_empty() => bail!("--command is empty"),
            Some(words) => words.map_err(anyhow::Error::msg).context("--command")?,
            None => Vec::new(),
        };
        let id = self.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(machine_name);
        ensure!(
            id.chars().count() <= 100 && !id.chars().any(char::is_control),
            "--id must be a name of up to 100 characters"
        );
        let user = self.place.user()?;
        let root = self.place.work_dir.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("sluicegate-runner-{}", rustix::process::geteuid().as_raw()))
        });
        let (place, living) = Place::make(&root).context("the folder for workers")?;
        let network = if self.place.allow_network { Network::Host } else { Network::None };
        for path in &self.place.bind_ro {
            ensure!(
                path.is_absolute() && path.exists(),
                "--bind-ro {}: must be an absolute path that exists",
                path.display()
            );
        }
        let kind = match self.kind {
            KindName::Process => {
                ensure!(!command.is_empty(), "--kind process needs a --command");
                ensure!(self.image.is_none(), "--image is for --kind docker");
                let mut sandbox = Sandbox::prepare(&place, &own_program()?, self.place.bwrap.clone(), user)?;
                (sandbox.network, sandbox.read_only) = (network, self.place.bind_ro.clone());
                let groups = if self.place.no_cgroups { Groups::none() } else { Groups::find() };
                tracing::info!(control_groups = %groups.describe(), "workers run in sandboxes");
                let processes = Processes::new(sandbox, groups, command)?;
                // Better now than with the first task.
                processes.probe(&place, user, &limits).await.context("workers can't be isolated here")?;
                Kind::Process(Box::new(processes))
            }
            KindName::Docker => {
                let name = self.image.clone().context("--kind docker needs an --image")?;
                let image = Image { name, command, network, read_only: self.place.bind_ro.clone() };
                let user = user.unwrap_or_else(own_user);
                let containers = Containers::new(&self.place.docker_socket, image, user, &id, place.id)?;
                containers.sweep(&living).await?;
                Kind::Docker(Box::new(containers))
            }
        };
        let environment = self.place.environment.iter().map(|text| variable(text)).collect::<anyhow::Result<_>>()?;
        let clock = Clock::system();
        let mut options = Options { kind, limits, environment, clock, id, worker_url: String::new(), user };
        if let Some(input) = &self.trial {
            let input = read_json(input)?;
            return attempt(Running::new(place, options), &input).await;
        }
        ensure!(!self.queues.is_empty(), "name a queue with --queue");
        ensure!((1..=1_000).contains(&self.concurrency), "--concurrency must be between 1 and 1000");
        let pod = self.remote.pod().await?;
        let open = Client::new(&self.remote.url, None)?;
        let worker_url = self.place.worker_url.as_ref().unwrap_or(&self.remote.url);
        options.worker_url.push_str(Client::new(worker_url, None).context("--worker-url")?.base());
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let _signals = on_signals(&[&stop, &hurry])?;
        let server = Server { client: pod.client, open, pod: pod.path };
        let (queues, concurrency) = (self.queues, self.concurrency);
        tracing::info!(worker_id = %options.id, ?queues, concurrency, "leasing tasks");
        let leasing = Leasing { server, queues, concurrency, drain: self.drain_limit.0, stop, hurry };
        Running::new(place, options).lease(&leasing).await?;
        Ok(Exit::Done)
    }
}

/// Runs one worker without a server.
async fn attempt(runner: Running, input: &Value) -> anyhow::Result<Exit> {
    let stop = CancellationToken::new();
    let _signals = on_signals(&[&stop])?;
    let tried = runner
        .attempt(input, &stop, |line| eprintln!("{:<5} {}", line.level.word(), output::plain(&line.text)))
        .await?;
    let passed = tried["failed"].is_null();
    output::json(&tried)?;
    Ok(if passed { Exit::Done } else { Exit::Failed })
}

/// Cancels one token after the other with each SIGTERM or SIGINT.
fn on_signals(tokens: &[&CancellationToken]) -> anyhow::Result<AbortOnDropHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tokens: Vec<CancellationToken> = tokens.iter().copied().cloned().collect();
    Ok(AbortOnDropHandle::new(TaskTracker::new().spawn(async move {
        for token in tokens {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    })))
}

impl LimitArguments {
    fn check(&self) -> anyhow::Result<Limits> {
        ensure!(self.memory.0 >= 16 << 20, "--memory must be 16MiB or more");
        ensure!((0.01..=1_024.0).contains(&self.cpu), "--cpu must be between 0.01 and 1024");
        ensure!((1..=1_000_000).contains(&self.pids), "--pids must be between 1 and 1000000");
        ensure!((16..=1_000_000).contains(&self.open_files), "--open-files must be between 16 and 1000000");
        for (name, span) in [("--time-limit", Some(self.time_limit)), ("--cpu-time", self.cpu_time)] {
            let ms = span.map_or(1_000, |span| span.0.as_millis());
            ensure!((100..=30 * 86_400_000).contains(&ms), "{name} must be between 100ms and 30d");
        }
        ensure!(self.grace.0.as_secs() <= 3_600, "--grace must be 1h or less");
        Ok(Limits {
            memory_bytes: self.memory.0 as u64,
            milli_cpus: (self.cpu * 1_000.0).round() as u64,
            processes: self.pids,
            cpu_time: self.cpu_time.map(|span| span.0),
            time: self.time_limit.0,
            file_bytes: self.file_size.0 as u64,
            open_files: self.open_files,
            grace: self.grace.0,
            output_bytes: self.output_size.0 as u64,
            log_bytes: self.log_size.0 as u64,
            artifacts: self.artifacts,
            artifact_bytes: self.artifact_size.0 as u64,
        })
    }
}

impl PlaceArguments {
    /// The user that workers run as, if it is another than this one.
    fn user(&self) -> anyhow::Result<Option<User>> {
        let own = own_user();
        let named = match self.run_as.as_deref() {
            Some(text) => {
                let parts = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
                let (uid, gid) =
                    parts.with_context(|| format!("--run-as `{text}` is not UID:GID, such as 65534:65534"))?;
                Some(User { uid, gid })
            }
            None if own.uid == 0 => Some(User { uid: 65_534, gid: 65_534 }),
            None => None,
        };
        let Some(user) = named else { return Ok(None) };
        ensure!(user.uid != 0 && user.gid != 0, "--run-as must not be root: its processes can't be bounded");
        ensure!(own.uid == 0 || user == own, "--run-as: only root may run workers as another user");
        Ok((user != own).then_some(user))
    }
}

fn own_user() -> User {
    User { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
}

fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "runner".to_owned() } else { name.chars().take(100).collect() }
}

fn variable(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => {
            (text, crate::config::variable(text).with_context(|| format!("--env {text}: there is no such variable"))?)
        }
    };
    ensure!(!name.is_empty() && !name.contains('\0') && !value.contains('\0'), "--env `{text}` has no name");
    ensure!(!name.starts_with("SLUICEGATE_"), "--env {name}: names that begin with SLUICEGATE_ are the runner's own");
    Ok((name.to_owned(), value))
}
