//! `sluicegate man`

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::{Args, CommandFactory};

use super::{Cli, exit::Exit};

/// Print the manual page, or write those of all commands into a folder
///
/// For example: `sluicegate man | man -l -`
#[derive(Args, Debug)]
pub struct Man {
    /// Folder for a page of each command, such as `sluicegate-serve.1`
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Some(folder) = self.output else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            std::io::stdout().write_all(&page)?;
            return Ok(Exit::Done);
        };
        std::fs::create_dir_all(&folder).with_context(|| format!("folder {}", folder.display()))?;
        // Without the name of the folder an error would name nothing.
        clap_mangen::generate_to(Cli::command(), &folder).with_context(|| format!("folder {}", folder.display()))?;
        Ok(Exit::Done)
    }
}
