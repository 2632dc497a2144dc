//! Runs JavaScript that tenants write, in processes that can do nothing else; and programs that the operator names, apart from
//! everything ([`command`]).
//!
//! A script never runs in the server: an interpreter in C that runs foreign code must not share memory with the database's
//! credentials. It runs in a child that is this program again (`sluicegate js-worker`), with an empty environment, small bounds,
//! and a kernel that refuses it files, sockets and programs ([`confine`]). The child is kept for further calls, but each call has an
//! interpreter of its own ([`script`]); after anything odd the child is killed and another one takes its place.
//!
//! Every bound is held twice: the interpreter holds memory and processor time, because its errors are clear, and the parent and
//! the kernel hold them again, because some built-in functions never look at the interpreter's bounds.

#[cfg(target_os = "linux")]
mod child;
mod command;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod console;
#[cfg(target_os = "linux")]
mod frames;
#[cfg(target_os = "linux")]
mod json;
#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod script;
mod starter;
mod turns;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::domain::{event::LogLevel, ids::WorkspaceId};

#[cfg(target_os = "linux")]
pub use child::run as run_child;
pub use command::Program;
#[cfg(target_os = "linux")]
pub use starter::Starter;

/// The largest input of a call, as JSON, in bytes.
pub const MAX_INPUT_BYTES: usize = 4 << 20;
/// The largest output of a call, as JSON, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// The most lines that one call logs.
pub const MAX_LINES: usize = 1_000;
/// The most bytes that one call logs.
pub const MAX_LOG_BYTES: usize = 64 << 10;
/// How many calls may wait for a process, of all workspaces together.
const MAX_WAITING: usize = 10_000;
/// How long a call waits for a process.
const TURN_PATIENCE: Duration = Duration::from_mins(1);

/// How the sandbox is set up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many processes run scripts at a time.
    pub processes: usize,
    /// Run scripts even where the kernel can't confine the process.
    pub unconfined: bool,
    /// The program to start; none is this program.
    pub program: Option<PathBuf>,
    /// Programs that may be started by name, with their arguments.
    pub commands: BTreeMap<String, Vec<String>>,
    /// Files and folders that these may read besides the system's own.
    pub read_only: Vec<PathBuf>,
}

/// One call of a script.
#[derive(Clone, Debug)]
pub struct Call {
    /// The text of the module.
    pub source: Arc<str>,
    /// The first argument.
    pub input: Value,
    /// The second argument.
    pub context: Value,
    /// What the interpreter may allocate, in bytes.
    pub memory_bytes: u64,
    /// The processor time it may use.
    pub cpu: Duration,
}

/// A line that a script has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
}

/// A bound of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    /// Processor time.
    Cpu,
    /// Memory of the interpreter.
    Memory,
    /// Size of the input.
    Input,
    /// Size of the output.
    Output,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The script threw, or is none.
    #[error("{message}")]
    Thrown {
        /// What it threw.
        message: String,
        /// Where, in lines of the source.
        stack: Option<String>,
    },
    /// What the script gave is no JSON; the text says where and why.
    #[error("{0}")]
    Output(String),
    /// It ran into a bound.
    #[error("the script exceeded its {}", bound_name(*.0))]
    Exceeded(Bound),
    /// The process ended before it gave a result.
    #[error("the process that ran the script was lost: {0}")]
    Lost(String),
    /// Other calls took too long.
    #[error("no process was free for the script")]
    Crowded,
    /// It can't be run here.
    #[error("this can't be run on this server: {0}")]
    Unavailable(String),
}

fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::Cpu => "processor time",
        Bound::Memory => "memory",
        Bound::Input => "limit of the input",
        Bound::Output => "limit of the output",
    }
}

/// Runs scripts. Cheap to clone; what it has started ends with the last clone, and with this process however that ends.
#[derive(Clone)]
pub struct Sandbox {
    turns: Arc<turns::Turns>,
    #[cfg(target_os = "linux")]
    pool: Arc<pool::Pool>,
    commands: Arc<command::Commands>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Prepares a sandbox. Nothing is started before it is needed.
    pub fn new(mut options: Options) -> Self {
        let (commands, read_only) = (std::mem::take(&mut options.commands), std::mem::take(&mut options.read_only));
        Self {
            turns: turns::Turns::new(options.processes.max(1), MAX_WAITING),
            commands: Arc::new(command::Commands::new(commands, read_only)),
            #[cfg(target_os = "linux")]
            pool: Arc::new(pool::Pool::new(options)),
        }
    }

    /// Starts the program that the operator has given this name.
    pub async fn command(&self, name: &str) -> Result<Program, SandboxError> {
        self.commands.start(name).await
    }

    /// Runs a script once. Calls wait for their turn, those of each workspace in a row and the workspaces by turns. A call that is
    /// dropped takes its process with it. `lines` gets what is logged, while it is; a reader that is slow slows the script.
    pub async fn run(
        &self,
        workspace: WorkspaceId,
        call: &Call,
        lines: mpsc::Sender<Line>,
    ) -> Result<Value, SandboxError> {
        let turn = tokio::time::timeout(TURN_PATIENCE, self.turns.take(workspace)).await;
        let _turn = turn.ok().flatten().ok_or(SandboxError::Crowded)?;
        #[cfg(target_os = "linux")]
        return self.pool.run(call, lines).await;
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (call, lines);
            Err(SandboxError::Unavailable("the sandbox needs Linux".to_owned()))
        }
    }
}
