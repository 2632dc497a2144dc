//! Sealed texts: claims that are their own record, signed with a key that all instances share. Nothing is stored. Each purpose has
//! its own seal, so that a text that was made for one can't be used for another.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// Seals and opens texts of one purpose.
pub struct Seal {
    key: hmac::Key,
    purpose: &'static str,
}

impl Seal {
    /// The seal of a purpose.
    pub fn new(key: &[u8; 32], purpose: &'static str) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), purpose }
    }

    /// The claims as a text that fits into an address.
    pub fn close(&self, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are strings and numbers");
        let payload = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(self.sign(&payload));
        format!("{payload}.{tag}")
    }

    /// The claims of a text that this seal has closed.
    pub fn open<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        let (payload, tag) = text.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compared in constant time.
        hmac::verify(&self.key, &self.signed(payload), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// A text that follows from another one, and that nobody else can know. What is sealed has one space in what is signed, this has two.
    pub fn derive(&self, label: &str, text: &str) -> String {
        let message = [self.purpose, label, text].join(" ");
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, message.as_bytes()))
    }

    fn sign(&self, payload: &str) -> hmac::Tag {
        hmac::sign(&self.key, &self.signed(payload))
    }

    /// No payload holds a space.
    fn signed(&self, payload: &str) -> Vec<u8> {
        [self.purpose.as_bytes(), b" ", payload.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_one_purpose_opens_there_alone() {
        let seal = Seal::new(&[7; 32], "a");
        let text = seal.close(&("x", 1));
        assert_eq!(seal.open::<(String, i64)>(&text), Some(("x".to_owned(), 1)));
        assert_eq!(Seal::new(&[7; 32], "b").open::<(String, i64)>(&text), None);
        assert_eq!(Seal::new(&[8; 32], "a").open::<(String, i64)>(&text), None);
        assert_eq!(seal.open::<String>(&text), None);
        for i in 0..text.len() - 1 {
            let mut changed = text.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open::<(String, i64)>(&String::from_utf8(changed).unwrap()), None, "{i}");
        }
    }
}
