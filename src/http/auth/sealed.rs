//! Tokens that are their own record: a few claims and the HMAC over them, by a key that all servers of a database share. Nothing
//! is stored.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use super::api_key;
use crate::{
    clock::Clock,
    store::{Store, StoreError},
};

/// The key of this name that all servers of this database sign with; made by the first of them.
pub async fn shared_key(store: &dyn Store, clock: &Clock, name: &str) -> Result<[u8; 32], StoreError> {
    let candidate: [u8; 32] = api_key::random();
    let kept = store.server_secret(name, &candidate, clock.now()).await?;
    kept.try_into().map_err(|_| StoreError::Damaged { what: "server secret", reason: "it is not 32 bytes long".into() })
}

/// Seals claims into tokens and opens them. Tokens of two kinds need two keys: a seal says nothing of what it is for.
pub struct Seal(hmac::Key);

impl Seal {
    /// With this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A token of these claims: letters, digits, `-`, `_` and one dot.
    pub fn seal(&self, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are strings and numbers");
        let payload = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, payload.as_bytes()));
        format!("{payload}.{tag}")
    }

    /// The claims of a token that was sealed with this key.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let (payload, tag) = token.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compared in constant time.
        hmac::verify(&self.0, payload.as_bytes(), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_token_does_not_open() {
        let seal = Seal::new(&[7; 32]);
        let token = seal.seal(&("a", 1));
        assert_eq!(seal.open::<(String, i32)>(&token), Some(("a".to_owned(), 1)));
        assert!(Seal::new(&[8; 32]).open::<(String, i32)>(&token).is_none());
        for i in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 has bits that do not count; every other change does.
            if i < token.len() - 1 {
                assert!(seal.open::<(String, i32)>(&changed).is_none(), "{i}");
            }
        }
        for text in ["", ".", "a", "a.b", "ä.ö"] {
            assert!(seal.open::<(String, i32)>(text).is_none(), "{text}");
        }
    }
}
