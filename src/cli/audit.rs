//! `sluicegate audit`

use std::{
    fs::File,
    io::{BufRead, BufReader, stdin},
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::domain::audit::{AuditRecord, ChainEnd};

/// Check an exported audit log
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check that no record of an export was changed, left out or added
    Verify {
        /// The export (`GET /v1/workspaces/ID/audit/export`); `-` reads standard input
        file: PathBuf,
        /// The hash that the last record has to have, as noted at another place
        #[arg(long)]
        head: Option<String>,
    },
}

impl Command {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self::Verify { file, head } = self;
        let end = if file == Path::new("-") {
            verify(stdin().lock())?
        } else {
            verify(BufReader::new(File::open(&file).with_context(|| file.display().to_string())?))?
        };
        if let Some(head) = head {
            anyhow::ensure!(head == end.hash, "the last record's hash is {}, not {head}", end.hash);
        }
        println!("{} records, and the chain holds. The last hash is\n{}", end.seq, end.hash);
        Ok(())
    }
}

fn verify(lines: impl BufRead) -> anyhow::Result<ChainEnd> {
    let mut end = ChainEnd::default();
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let record: AuditRecord =
            serde_json::from_str(&line).with_context(|| format!("line {} is no record", number + 1))?;
        end.check(&record)?;
    }
    anyhow::ensure!(end.seq > 0, "there is no record");
    Ok(end)
}
