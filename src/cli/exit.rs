//! Exit codes: the same for every command, documented in `docs/cli.md` and in `--help`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; an execution that was followed has completed.
    Done = 0,
    /// The command failed, or a check did not hold.
    Failed = 1,
    /// The execution that was followed has failed.
    ExecutionFailed = 3,
    /// The execution that was followed was cancelled.
    ExecutionCancelled = 4,
    /// The execution waits for an answer that nobody here can give.
    Suspended = 5,
    /// It took longer than `--timeout`.
    Timeout = 6,
    /// The execution was skipped: a duplicate, or there was no room.
    ExecutionSkipped = 7,
}

impl Exit {
    /// How a command ends that has seen an execution end with this event.
    pub fn of_end(kind: &str) -> Self {
        match kind {
            "execution_failed" => Self::ExecutionFailed,
            "execution_cancelled" => Self::ExecutionCancelled,
            "execution_skipped" => Self::ExecutionSkipped,
            _ => Self::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The end of `--help`.
pub const HELP: &str = "\
Exit codes:
    0  done; an execution that was followed has completed
    1  the command failed, or a check did not hold
    2  the command line was not understood
    3  the execution failed
    4  the execution was cancelled
    5  the execution waits for an answer that nobody here can give
    6  it took longer than --timeout
    7  the execution was skipped
  141  nobody reads the output any more";
