//! Arguments in, exit code out; the commands are in [`sluicegate::cli`].

use std::process::ExitCode;

use clap::Parser;
use sluicegate::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one place that speaks to people about a command that failed.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
