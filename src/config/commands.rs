//! The programs that `mcp` nodes may start: named by the operator, because whoever writes workflows must not choose what runs
//! on the server.

use std::{collections::BTreeMap, path::PathBuf};

use super::{ConfigError, Settings, invalid};

/// Programs that workflows may start by their names.
#[derive(Clone, Debug, Default)]
pub struct CommandsConfig {
    /// Program and arguments, by name.
    pub known: BTreeMap<String, Vec<String>>,
    /// Files and folders that they may read besides the system's own.
    pub read_only: Vec<PathBuf>,
}

/// Reads `NAME=PROGRAM ARGUMENTS`, one each.
pub(super) fn commands(settings: &Settings) -> Result<CommandsConfig, ConfigError> {
    const NAME: &str = "mcp-command";
    let mut known = BTreeMap::new();
    for text in settings.mcp_command.iter().flatten() {
        let (name, line) = text.split_once('=').unwrap_or((text, ""));
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_name {
            return Err(invalid(
                NAME,
                "must be NAME=PROGRAM ARGUMENTS; a name is 1 to 64 letters, digits, `-` and `_`",
            ));
        }
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(invalid(NAME, format!("`{name}` names no program: write `{name}=PROGRAM ARGUMENTS`")));
        }
        if known.insert(name.to_owned(), words).is_some() {
            return Err(invalid(NAME, format!("`{name}` is named twice")));
        }
    }
    let read_only = settings.mcp_read_only.clone().unwrap_or_default();
    if let Some(path) = read_only.iter().find(|path| !path.is_absolute()) {
        return Err(invalid("mcp-read-only", format!("`{}` is no absolute path", path.display())));
    }
    Ok(CommandsConfig { known, read_only })
}
