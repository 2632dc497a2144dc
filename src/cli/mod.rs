//! Commands, one file each. Errors come up as `anyhow` with a context that names what was being done.
#![expect(clippy::print_stdout, reason = "commands talk to people and pipes")]

mod audit;
mod bench;
mod dev;
mod examples;
mod init;
mod logging;
mod openapi;
mod receipt;
mod serve;

use clap::{Parser, Subcommand};

/// A real-time streaming workflow server with suspend and resume.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API
    Serve(serve::Serve),
    /// Serve with an embedded store, example workflows and ready-to-paste commands
    Dev(dev::Dev),
    /// Prepare a database: schema, a workspace, a pod, and an owner's key
    Init(init::Init),
    /// Bring a database's schema up to date
    Migrate(init::Migrate),
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
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Openapi => {
                print!("{}", crate::http::openapi_yaml());
                Ok(())
            }
            Command::EventsSchema => {
                print!("{}", openapi::events_schema());
                Ok(())
            }
            Command::Audit(command) => command.run(),
            Command::Receipt(command) => command.run(),
            Command::Serve(command) => block_on(command.run()),
            Command::Dev(command) => block_on(command.run()),
            Command::Init(command) => block_on(command.run()),
            Command::Migrate(command) => block_on(command.run()),
            Command::Bench(command) => block_on(command.run()),
        }
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}
