//! The keys that secrets are sealed with, and where they come from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{ConfigError, Secret, Settings, invalid};

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// A key that secrets are sealed with. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretsKey([u8; KEY_BYTES]);

impl SecretsKey {
    /// From its bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// From base64; what must hold of it, if it is none. The message never quotes it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("must be 32 bytes in base64 each, such as `openssl rand -base64 32` makes")
    }

    /// The keys of a file: one a line; empty lines and those that begin with `#` are none.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate().map(|(index, line)| (index, line.trim()));
        let written = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = written.map(|(index, line)| Self::parse(line).map_err(|why| format!("line {}: {why}", index + 1)));
        let keys: Vec<Self> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() { Err("has no key in it".to_owned()) } else { Ok(keys) }
    }

    /// In base64, as a file of keys has it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The bytes, where they are used.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where the keys come from. The first one seals, all of them open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretsKeys {
    /// Nowhere: the server takes no secrets.
    None,
    /// The settings.
    Listed(Vec<SecretsKey>),
    /// This file.
    File(PathBuf),
    /// This file, which is made if it is not there.
    Made(PathBuf),
}

/// Checks the settings about keys; `database` is the SQLite file, if there is one.
pub(super) fn keys(settings: &Settings, database: Option<&Path>) -> Result<SecretsKeys, ConfigError> {
    // A variable that is set to nothing is one that is not set.
    let listed = settings.secrets_key.as_deref().unwrap_or_default();
    let listed: Vec<&Secret> = listed.iter().filter(|key| !key.expose().trim().is_empty()).collect();
    match (listed.as_slice(), &settings.secrets_key_file) {
        ([], None) => {
            Ok(database.map_or(SecretsKeys::None, |file| SecretsKeys::Made(file.with_file_name("secrets.key"))))
        }
        ([], Some(file)) => Ok(SecretsKeys::File(file.clone())),
        ([_, ..], Some(_)) => Err(invalid("secrets-key-file", "can't be combined with `secrets-key`")),
        (listed, None) => {
            let keys = listed.iter().map(|key| SecretsKey::parse(key.expose()));
            keys.collect::<Result<_, _>>().map(SecretsKeys::Listed).map_err(|why| invalid("secrets-key", why))
        }
    }
}
