//! Commands, one file each. Errors come up as `anyhow` with a context that names what was being done.
#![expect(clippy::print_stdout, reason = "commands talk to people and pipes")]

mod answer;
mod audit;
mod backup;
mod bench;
mod completions;
mod conformance;
mod dev;
mod doctor;
mod examples;
mod executions;
mod exit;
mod follow;
mod init;
mod logging;
mod man;
mod openapi;
mod output;
mod progress;
mod receipt;
mod remote;
mod replay;
mod run;
#[cfg(target_os = "linux")]
mod runner;
mod serve;
mod token;
mod trigger;
mod validate;
mod watch;
mod workflow_file;
mod workflows;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::variable;

pub use exit::Exit;
pub use output::hung_up;

/// A real-time streaming workflow server with suspend and resume.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, after_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
// Without a line of its own a command is described by its type, at length in its own help.
enum Command {
    /// Serve the API
    Serve(serve::Serve),
    /// Serve with an embedded store, example workflows and ready-to-paste commands
    Dev(dev::Dev),
    /// Prepare a database: schema, a workspace, a pod, and an owner's key
    Init(init::Init),
    /// Bring a database's schema up to date
    Migrate(init::Migrate),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Doctor(doctor::Doctor),
    Run(run::Run),
    Validate(validate::Validate),
    Trigger(Box<trigger::Trigger>),
    Follow(follow::Follow),
    Executions(executions::Executions),
    Approve(answer::Approve),
    Reject(answer::Reject),
    Answer(answer::Answer),
    Replay(replay::Replay),
    Retry(replay::Retry),
    Cancel(replay::Cancel),
    Export(workflows::Export),
    Import(workflows::Import),
    #[cfg(target_os = "linux")]
    Runner(Box<runner::Runner>),
    /// The first process of a worker's sandbox
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    WorkerInit,
    /// What bounds itself and becomes the worker
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    WorkerExec {
        #[arg(last = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// What runs scripts for a server, one after another
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    JsWorker,
    Token(token::Token),
    Conformance(conformance::Conformance),
    /// Measure throughput, latency and memory of this binary beside the limits of this machine
    Bench(bench::Command),
    /// Check an exported audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Check a decision's receipt
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Print the OpenAPI document
    Openapi,
    /// Print the JSON Schema of the stream's events
    EventsSchema,
    Completions(completions::Completions),
    Man(man::Man),
}

impl Cli {
    /// The command line of this process, understood; ends the process where it is not, or asks for help.
    pub fn read() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command to its end.
    pub fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Openapi => {
                print!("{}", crate::facade::openapi_yaml());
                Ok(Exit::Done)
            }
            Command::EventsSchema => {
                print!("{}", openapi::events_schema());
                Ok(Exit::Done)
            }
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
            Command::Audit(command) => done(command.run()),
            Command::Receipt(command) => done(command.run()),
            Command::Validate(command) => command.run(),
            Command::Token(command) => command.run(),
            #[cfg(target_os = "linux")]
            Command::Runner(command) => block_on(command.run()),
            #[cfg(target_os = "linux")]
            Command::WorkerInit => done(crate::runner::run_init().map_err(Into::into)),
            #[cfg(target_os = "linux")]
            Command::WorkerExec { command } => done(crate::runner::run_exec(&command).map_err(Into::into)),
            #[cfg(target_os = "linux")]
            Command::JsWorker => done(crate::sandbox::run_child().map_err(Into::into)),
            Command::Serve(command) => done(block_on(command.run())),
            Command::Dev(command) => done(block_on(command.run())),
            Command::Init(command) => done(block_on(command.run())),
            Command::Migrate(command) => done(block_on(command.run())),
            Command::Bench(command) => done(block_on(command.run())),
            Command::Backup(command) => block_on(command.run()),
            Command::Restore(command) => block_on(command.run()),
            Command::Doctor(command) => block_on(command.run()),
            Command::Conformance(command) => block_on(command.run()),
            Command::Run(command) => block_on(command.run()),
            Command::Trigger(command) => block_on(command.run()),
            Command::Follow(command) => block_on(command.run()),
            Command::Executions(command) => block_on(command.run()),
            Command::Approve(command) => block_on(command.run()),
            Command::Reject(command) => block_on(command.run()),
            Command::Answer(command) => block_on(command.run()),
            Command::Replay(command) => block_on(command.run()),
            Command::Retry(command) => block_on(command.run()),
            Command::Cancel(command) => block_on(command.run()),
            Command::Export(command) => block_on(command.run()),
            Command::Import(command) => block_on(command.run()),
        }
    }
}

/// A variable that is set to nothing is one that is not set: compose files and units set what they were given nothing for.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        arg.get_env().and_then(|name| name.to_str()).and_then(variable).is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}

fn done(result: anyhow::Result<()>) -> anyhow::Result<Exit> {
    result.map(|()| Exit::Done)
}

fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}
