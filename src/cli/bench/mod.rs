//! `sluicegate bench`: measures this binary as a client sees it, and the machine it runs on, in one run.
//!
//! The server is a child process of the same binary; the load comes over real HTTP. Absolute numbers say as much about a machine
//! as about a program, so each workload is compared with what bare parts do on the same machine at the same time: the
//! disk's flush, the database driver, axum. The ratios are the result.

mod answer;
mod backlog;
mod bare;
mod chain;
mod fan_out;
mod idle_server;
mod idle_streams;
mod latency;
mod limits;
mod load;
mod report;
mod server;
mod task;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    limits::{Database, Flushes},
    report::{Machine, Part, Report, Wanted},
};

/// Measure throughput, latency and memory of this binary beside the limits of this machine
///
/// Starts a server of its own on a free loopback port and puts load on it for a minute or two.
#[derive(Args, Debug)]
pub struct Command {
    /// The database: `sqlite:PATH` or `postgres://...`; it gets workspaces named "Benchmark". By default a new file, which is
    /// deleted afterwards
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// What to measure; all of it, if not given
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    workload: Vec<Workload>,
    /// How long a workload is measured
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many executions `backlog` queues
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    backlog: u32,
    /// Folder of the new file, and where the disk is measured: it should be on the disk that a server would use
    #[arg(long, default_value = ".sluicegate-bench", value_name = "FOLDER")]
    data: PathBuf,
    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
    /// Fail if a target is missed
    #[arg(long)]
    check: bool,
    /// Be the bare server that others are compared with
    #[arg(long, hide = true)]
    serve_bare: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// Memory and time of an idle server.
    IdleServer,
    /// Throughput of a chain of nodes.
    Chain,
    /// From the trigger to the completed event.
    Latency,
    /// From the answer to the next node's event.
    Answer,
    /// From the trigger to a worker that waits.
    Task,
    /// Many subscribers to one execution.
    FanOut,
    /// Memory of a stream on which nothing happens.
    IdleStreams,
    /// A queue as long as it may be.
    Backlog,
}

/// What the workloads share.
pub struct Bench {
    /// The server's setting.
    store: String,
    /// The same database, seen beside the server.
    database: Database,
    /// Where the disk is measured.
    folder: PathBuf,
    /// How long a workload is measured.
    time: Duration,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.serve_bare {
            return bare::serve().await;
        }
        let existed = self.data.exists();
        std::fs::create_dir_all(&self.data).with_context(|| format!("data folder {}", self.data.display()))?;
        // Whoever ends this process ends its server too: what is dropped here ends its child.
        let mut terminate = signal(SignalKind::terminate())?;
        let measured = tokio::select! {
            measured = self.measure() => measured,
            _ = terminate.recv() => Err(anyhow::anyhow!("ended before everything was measured")),
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted before everything was measured")),
        };
        if !existed {
            // What is left behind, if anything, is in a folder that says what it is.
            _ = std::fs::remove_dir_all(&self.data);
        }
        let report = measured?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.table());
        }
        ensure!(!self.check || report.all_met(), "a target was missed");
        Ok(())
    }

    async fn measure(&self) -> anyhow::Result<Report> {
        let path = self.data.join(format!("bench-{}.db", std::process::id()));
        let store = self.store.clone().unwrap_or_else(|| format!("sqlite:{}", path.display()));
        let database = Database::new(&store)?;
        let time = Duration::from_secs(self.seconds);
        let bench = Bench { store, database, folder: self.data.clone(), time };
        let machine = machine(&bench.database).await?;
        let mut parts = Vec::new();
        let wanted = |workload: &&Workload| self.workload.is_empty() || self.workload.contains(workload);
        for workload in Workload::value_variants().iter().filter(wanted) {
            let part = match workload {
                Workload::IdleServer => idle_server::run(&bench).await,
                Workload::Chain => chain::run(&bench).await,
                Workload::Latency => latency::run(&bench).await,
                Workload::Answer => answer::run(&bench).await,
                Workload::Task => task::run(&bench).await,
                Workload::FanOut => fan_out::run(&bench).await,
                Workload::IdleStreams => idle_streams::run(&bench).await,
                Workload::Backlog => backlog::run(&bench, self.backlog as usize).await,
            };
            let name = workload.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            parts.push(part.with_context(|| format!("workload {name}"))?);
        }
        for file in ["", "-wal", "-shm", ".lock"] {
            let mut name = path.clone().into_os_string();
            name.push(file);
            // Only there if the database was ours.
            _ = std::fs::remove_file(name);
        }
        Ok(Report { machine, parts })
    }
}

impl Bench {
    /// Says what is going on, to who watches.
    fn progress(what: &str) {
        eprintln!("{what}");
    }

    async fn flushes(&self) -> anyhow::Result<Flushes> {
        Self::progress("measuring flushes");
        self.database.flushes(&self.folder, self.time / 12).await
    }

    /// Adds a latency in flushes; the target is in flushes of the database, the least that one durable step costs.
    fn in_flushes(part: &mut Part, seconds: f64, flushes: [Flushes; 2], wanted: Wanted, bound: f64) {
        // The mean of before and after: what else the machine does comes and goes.
        let mean = |of: fn(&Flushes) -> f64| flushes.iter().map(of).sum::<f64>() / flushes.len() as f64;
        let (disk, transaction) = (mean(|flush| flush.disk_s), mean(|flush| flush.transaction_s));
        part.number("limit: fdatasync of 4 KiB", disk * 1e6, "µs");
        part.number("limit: fdatasync of 4 KiB", 1.0 / disk, "per second");
        part.number("limit: bare transaction", transaction * 1e6, "µs");
        part.number("limit: bare transaction", 1.0 / transaction, "per second");
        part.number("p50 in flushes of the disk", seconds / disk, "");
        part.target("p50 in bare transactions", seconds / transaction, wanted, bound, "");
    }
}

async fn machine(database: &Database) -> anyhow::Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned());
    let kernel = format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim());
    let commit = tokio::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().await.ok();
    let commit = commit.filter(|output| output.status.success());
    Ok(Machine {
        version: env!("CARGO_PKG_VERSION"),
        commit: commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" },
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        processor,
        kernel: kernel.trim().to_owned(),
        database: database.version().await?,
    })
}
