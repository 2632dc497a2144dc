//! Secrets of a workspace: what may be known of one, and its value only as it is sealed. What seals and opens is
//! [`crate::secrets`]; nothing here can.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;

use super::ids::WorkspaceId;
use crate::clock::Instant;

/// The largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// How long a name may be.
const MAX_NAME_BYTES: usize = 64;
/// What texts begin with that are an envelope.
const PREFIX: &str = "sealed:1:";

/// Whether a secret may have this name: `[A-Za-z_][A-Za-z0-9_]{0,63}`, so that expressions can name it.
pub fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A secret as the API shows it: never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its name: what workflows write after `secrets.`.
    pub name: String,
    /// When there first was one of this name.
    pub created_at: Instant,
    /// When its value was last set.
    pub updated_at: Instant,
    /// Who set it.
    pub updated_by: String,
}

/// A secret's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// The workspace it is in.
    pub workspace_id: WorkspaceId,
    /// What may be known of it.
    pub secret: Secret,
    /// Its value.
    pub envelope: Envelope,
}

/// Something sealed. The value is under a key of its own, and that key under a master key, so that another master key changes
/// a few bytes and not the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The master key that the value's key is sealed by.
    pub key_id: String,
    /// The value's key: nonce, ciphertext and tag.
    pub wrapped_key: Vec<u8>,
    /// The value: nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl Envelope {
    /// As a text, for columns that held the value itself before.
    pub fn to_text(&self) -> String {
        let [key, sealed] = [&self.wrapped_key, &self.sealed].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        format!("{PREFIX}{}:{key}:{sealed}", self.key_id)
    }

    /// The envelope that a text is; none if it is the value itself, from before there was a key.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, ':');
        let key_id = parts.next()?.to_owned();
        let mut bytes = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        Some(Self { key_id, wrapped_key: bytes()?, sealed: bytes()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_an_expression_can_write() {
        let longest = format!("a{}", "9".repeat(63));
        for name in ["a", "_", "API_KEY_2", "secrets", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let longer = format!("{longest}0");
        for name in ["", "2a", "a-b", "a.b", "ä", "a b", "a\0", "a\n", longer.as_str()] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_envelope_comes_back_from_its_text_and_another_text_is_none() {
        let envelope = Envelope { key_id: "0a".to_owned(), wrapped_key: vec![0, 255, 7], sealed: vec![1; 40] };
        assert_eq!(Envelope::from_text(&envelope.to_text()), Some(envelope));
        for text in ["", "whsec_abc", "sealed:1:", "sealed:1:a:b", "sealed:1:a:%:%", "sealed:2:a:AA:AA"] {
            assert_eq!(Envelope::from_text(text), None, "{text}");
        }
    }
}
