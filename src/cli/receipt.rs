//! `sluicegate receipt`

use std::{fs, io::Read, path::PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    domain::{
        receipt::{Receipt, shown_sha256},
        suspension::Interrupt,
    },
    http::{
        RECEIPT_KIND,
        signing::{self, JsonWebKeySet},
    },
};

/// Check a decision's receipt
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check a receipt's signature, and print what it says
    Verify {
        /// The reply of `GET .../suspensions/ID/receipt`, or its `jws` alone; `-` reads standard input
        file: PathBuf,
        /// The server's public keys: the reply of `GET /.well-known/jwks.json`, as it was kept
        #[arg(long)]
        keys: PathBuf,
        /// What was shown: the `interrupt` of the `execution_suspended` event; checks that it is what the receipt speaks of
        #[arg(long)]
        shown: Option<PathBuf>,
    },
}

#[derive(Deserialize)]
struct Signed {
    jws: String,
}

impl Command {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self::Verify { file, keys, shown } = self;
        let text = read(&file)?;
        let jws = serde_json::from_str::<Signed>(&text).map_or(text, |signed| signed.jws);
        let keys: JsonWebKeySet = serde_json::from_str(&read(&keys)?).context("--keys is no JSON Web Key Set")?;
        let receipt: Receipt = signing::verify(RECEIPT_KIND, &jws, &keys)?;
        if let Some(shown) = shown {
            let interrupt: Interrupt = serde_json::from_str(&read(&shown)?).context("--shown is no interrupt")?;
            anyhow::ensure!(
                shown_sha256(&interrupt) == receipt.shown_sha256,
                "the receipt speaks of something else than what --shown holds"
            );
        }
        println!("{}", serde_json::to_string_pretty(&receipt)?);
        Ok(())
    }
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    }
    Ok(text)
}
