//! `sluicegate validate`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{exit::Exit, output, workflow_file::WorkflowFile};

/// Check workflow files as the server would, and tell everything that is wrong
#[derive(Args, Debug)]
pub struct Validate {
    /// YAML or JSON files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON object: `{"valid":...,"findings":[...]}`
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut findings = Vec::new();
        for path in &self.files {
            match WorkflowFile::read(path)? {
                Ok(file) => findings.extend(file.findings()),
                Err(finding) => findings.push(*finding),
            }
        }
        let valid = findings.is_empty();
        if self.json {
            output::json(&json!({"valid": valid, "findings": findings}))?;
        } else {
            for finding in &findings {
                output::line(finding)?;
            }
            if valid {
                let count = self.files.len();
                output::line(format_args!(
                    "{}",
                    if count == 1 { "valid".to_owned() } else { format!("{count} files, all valid") }
                ))?;
            }
        }
        Ok(if valid { Exit::Done } else { Exit::Failed })
    }
}
