//! `sluicegate completions`

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, exit::Exit};

/// Print a script that completes commands in a shell
///
/// For example: `sluicegate completions bash > ~/.local/share/bash-completion/completions/sluicegate`
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "sluicegate", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(Exit::Done)
    }
}
