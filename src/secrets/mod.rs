//! Secrets: what seals and opens them ([`Keyring`]), the files of its keys ([`key_file`]), and what takes their values out of
//! whatever an attempt tells that was given them ([`redact`]).
//!
//! Rows come from elsewhere: nothing here knows the store. What holds a value or a key has no `Debug`, and is overwritten when
//! it is dropped.

pub mod key_file;
mod keyring;
pub mod redact;

use serde_json::Value;

pub use keyring::{Keyring, Place, SealError};

/// Values that one attempt was given, by name.
#[derive(Default)]
pub struct Opened(Vec<(String, Value)>);

impl Opened {
    /// Adds a value.
    pub fn add(&mut self, name: impl Into<String>, value: String) {
        self.0.push((name.into(), Value::String(value)));
    }

    /// The value of this name, as expressions read it: a text.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            if let Value::String(text) = value {
                wipe(&mut std::mem::take(text).into_bytes());
            }
        }
    }
}

/// Overwrites bytes that nobody reads any more. Without `unsafe` the compiler may not be forced to; it is told that somebody looks.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}
