//! Arguments in, exit code out; the commands are in [`sluicegate::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;
use sluicegate::cli::{Cli, hung_up};

/// Rows and JSON are many small values that another thread frees; the system's allocator spends a fifth of the processor
/// time on them. It takes the place of `malloc` too, so that SQLite has the same.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// As if a signal had ended the command: what a shell reports of one whose reader went away.
const HUNG_UP: u8 = 128 + 13;

fn main() -> ExitCode {
    let cli = Cli::read();
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) if hung_up(&error) => HUNG_UP.into(),
        Err(error) => {
            // The one place that speaks to people about a command that failed.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
