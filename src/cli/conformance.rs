//! `sluicegate conformance`

use std::{io::IsTerminal, time::Duration};

use clap::Args;
use uuid::Uuid;

use super::{
    exit::Exit,
    output::{self, plain},
    remote::Remote,
};
use crate::{
    config::{Secret, Span},
    conformance::{self, Finding, Options, Outcome},
};

/// Check the event streams of a server against the stream contract, rule by rule
///
/// Makes a workflow called `Stream conformance` in the pod, and runs it once; the key must be an editor's. Ends with exit code 1 if a
/// rule does not hold. The rules are in docs/stream-contract.md.
#[derive(Args, Debug)]
pub struct Conformance {
    /// What chance is made of [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How often the server's quiet streams show that they are alive (its setting `stream-heartbeat`)
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    heartbeat: Span,
    /// Wait so long for the announced close (a little longer than the server's `stream-max-duration`) [default: don't]
    #[arg(long, value_name = "DURATION")]
    wait_close: Option<Span>,
    /// How many followers have their connections cut
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    cuts: usize,
    /// How long what should come at once may take
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    patience: Span,
    /// Print one JSON object with all findings
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Conformance {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let (workspace, _) = pod.path.split_once("/pods/").unwrap_or_default();
        let options = Options {
            workspace: workspace.to_owned(),
            pod: pod.path.clone(),
            client: pod.client,
            key: self.remote.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()).map(str::to_owned),
            seed: self.seed.unwrap_or_else(|| u64::from(Uuid::new_v4().as_u128() as u32)),
            heartbeat: self.heartbeat.0,
            wait_close: self.wait_close.map(|span| span.0).filter(|wait| *wait > Duration::ZERO),
            cuts: self.cuts,
            patience: self.patience.0,
        };
        if !self.json {
            output::line(format_args!("checking {} with seed {}", options.client.base(), options.seed))?;
        }
        let (mut broken_pipe, coloured) = (None, std::io::stdout().is_terminal());
        let mut tell = |finding: &Finding| {
            if !self.json
                && let Err(error) = show(finding, coloured)
            {
                broken_pipe.get_or_insert(error);
            }
        };
        let report = conformance::check(&options, &mut tell).await?;
        if let Some(error) = broken_pipe {
            return Err(error.into());
        }
        if self.json {
            output::json(&report)?;
        } else {
            let count = |outcome: Outcome| report.findings.iter().filter(|finding| finding.outcome == outcome).count();
            let (passed, failed, skipped) = (count(Outcome::Passed), count(Outcome::Failed), count(Outcome::Skipped));
            output::line(format_args!("{passed} passed, {failed} failed, {skipped} skipped (seed {})", report.seed))?;
        }
        Ok(if report.passed { Exit::Done } else { Exit::Failed })
    }
}

fn show(finding: &Finding, coloured: bool) -> std::io::Result<()> {
    let (word, colour) = match finding.outcome {
        Outcome::Passed => ("passed", 32),
        Outcome::Failed => ("failed", 31),
        Outcome::Skipped => ("skipped", 33),
    };
    let word = if coloured { format!("\x1b[{colour}m{word:<7}\x1b[0m") } else { format!("{word:<7}") };
    output::line(format_args!("{word}  {}: {}", finding.rule, plain(&finding.evidence)))?;
    if finding.outcome == Outcome::Failed {
        output::line(format_args!("         {} ({})", finding.title, finding.link))?;
    }
    Ok(())
}
