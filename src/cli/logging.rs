//! Log lines: text for people, JSON for machines, always on standard error.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Begins to log as the settings say.
pub fn begin(config: &Config) -> anyhow::Result<()> {
    begin_as(&config.log, config.log_format)
}

/// Begins to log what this filter lets through.
pub fn begin_as(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("setting `log`")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text if std::io::stderr().is_terminal() => builder.init(),
        // Colours are not for files and journals.
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
