//! Envelopes: each value is sealed by a fresh key of its own, and that key by a master key. AES-256-GCM twice, with random nonces.
//!
//! What is sealed is bound to its [`Place`]: put into another row, it does not open. The first master key seals, all of them
//! open, so that the first can be exchanged while what others have sealed is still there.

use std::{fmt::Write, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac, rand,
};

use super::wipe;
use crate::{
    config::SecretsKey,
    domain::{
        ids::{SuspensionId, WebhookId, WorkspaceId},
        secret::Envelope,
    },
};

/// Bytes of a value's own key.
const DATA_KEY_BYTES: usize = 32;

/// Where something sealed belongs. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub enum Place<'p> {
    /// A secret of a workspace.
    Secret(WorkspaceId, &'p str),
    /// Where a notification of a suspension goes.
    Target(WorkspaceId, SuspensionId),
    /// What a webhook verifies with.
    Webhook(WorkspaceId, WebhookId),
}

impl Place<'_> {
    /// What is authenticated with the value, and with the value's key. Ids are of one length and names come last, so no two
    /// places have the same.
    fn bytes(self, what: &str) -> Vec<u8> {
        let (kind, workspace, rest) = match &self {
            Self::Secret(workspace, name) => ("secret", workspace, name.as_bytes()),
            Self::Target(workspace, suspension) => ("target", workspace, suspension.0.as_bytes().as_slice()),
            Self::Webhook(workspace, webhook) => ("webhook", workspace, webhook.0.as_bytes().as_slice()),
        };
        [what.as_bytes(), b" ", kind.as_bytes(), b" ", workspace.0.as_bytes(), rest].concat()
    }
}

/// Why something could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no key at all.
    #[error("this server has no key for secrets: the operator has to set `secrets-key` or `secrets-key-file`")]
    NoKey,
    /// The key that it was sealed with is none of those that are configured.
    #[error("it is sealed with the key {0}, which this server does not have (setting `secrets-key`)")]
    UnknownKey(String),
    /// It was changed, or belongs elsewhere.
    #[error("what is stored does not open: it was changed, or belongs elsewhere")]
    Damaged,
}

/// The master keys. Clones are the same keys.
#[derive(Clone, Default)]
pub struct Keyring(Arc<[MasterKey]>);

struct MasterKey {
    id: String,
    key: RandomizedNonceKey,
    blinding: hmac::Key,
}

impl MasterKey {
    fn new(key: &SecretsKey) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let mut id = String::new();
        for byte in &hmac::sign(&master, b"sluicegate key id").as_ref()[..8] {
            write!(id, "{byte:02x}").expect("writing to a string");
        }
        let blinding = hmac::sign(&master, b"sluicegate blinding");
        Self {
            id,
            key: RandomizedNonceKey::new(&AES_256_GCM, key.expose()).expect("the key has 32 bytes"),
            blinding: hmac::Key::new(hmac::HMAC_SHA256, blinding.as_ref()),
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl Keyring {
    /// Of these keys; the first one seals. Of none, nothing can be sealed.
    pub fn new(keys: &[SecretsKey]) -> Self {
        Self(keys.iter().map(MasterKey::new).collect())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing can be sealed or opened.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of the key that seals: it tells keys apart and nothing of them.
    pub fn first_id(&self) -> Option<&str> {
        self.0.first().map(|key| key.id.as_str())
    }

    /// Seals a value.
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<Envelope, SealError> {
        let master = self.0.first().ok_or(SealError::NoKey)?;
        let mut data_key = [0; DATA_KEY_BYTES];
        rand::fill(&mut data_key).expect("the system gives random bytes");
        let once = RandomizedNonceKey::new(&AES_256_GCM, &data_key).expect("the key has 32 bytes");
        let envelope = Envelope {
            key_id: master.id.clone(),
            wrapped_key: close(&master.key, &place.bytes("key"), &data_key),
            sealed: close(&once, &place.bytes("value"), value),
        };
        wipe(&mut data_key);
        Ok(envelope)
    }

    /// The value of an envelope.
    pub fn open(&self, place: Place<'_>, envelope: &Envelope) -> Result<Vec<u8>, SealError> {
        let mut data_key = self.unwrap(place, envelope)?;
        let once = RandomizedNonceKey::new(&AES_256_GCM, &data_key).map_err(|_| SealError::Damaged);
        wipe(&mut data_key);
        open(&once?, &place.bytes("value"), &envelope.sealed)
    }

    /// The same envelope under the first key; none if it is that already.
    pub fn rewrap(&self, place: Place<'_>, envelope: &Envelope) -> Result<Option<Envelope>, SealError> {
        let master = self.0.first().ok_or(SealError::NoKey)?;
        if master.id == envelope.key_id {
            return Ok(None);
        }
        let mut data_key = self.unwrap(place, envelope)?;
        let wrapped_key = close(&master.key, &place.bytes("key"), &data_key);
        wipe(&mut data_key);
        Ok(Some(Envelope { key_id: master.id.clone(), wrapped_key, sealed: envelope.sealed.clone() }))
    }

    /// A digest that can be compared by whoever has the key and guessed at by nobody else. Of something that is easy to guess,
    /// a plain digest would say what it is.
    pub fn blind(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.0.first().map(|master| hmac::sign(&master.blinding, digest).as_ref().to_vec())
    }

    fn unwrap(&self, place: Place<'_>, envelope: &Envelope) -> Result<Vec<u8>, SealError> {
        let master = self.0.iter().find(|key| key.id == envelope.key_id);
        let master = master.ok_or_else(|| SealError::UnknownKey(envelope.key_id.clone()))?;
        open(&master.key, &place.bytes("key"), &envelope.wrapped_key)
    }
}

/// Nonce, ciphertext and tag.
fn close(key: &RandomizedNonceKey, about: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = value.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(about), &mut sealed);
    let nonce = nonce.expect("a value is shorter than AES-GCM's limit");
    [nonce.as_ref().as_slice(), &sealed].concat()
}

fn open(key: &RandomizedNonceKey, about: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Damaged)?;
    let mut rest = rest.to_vec();
    let opened = key.open_in_place(Nonce::from(nonce), Aad::from(about), &mut rest);
    let length = opened.map_err(|_| SealError::Damaged)?.len();
    // The tag's place holds nothing that was sealed.
    rest.truncate(length);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn ring(keys: &[u8]) -> Keyring {
        Keyring::new(&keys.iter().map(|&byte| SecretsKey::new([byte; 32])).collect::<Vec<_>>())
    }

    fn workspace(n: u128) -> WorkspaceId {
        WorkspaceId(Uuid::from_u128(n))
    }

    #[test]
    fn a_value_opens_in_its_place_and_nowhere_else() {
        let keys = ring(&[1]);
        let place = Place::Secret(workspace(1), "a");
        let envelope = keys.seal(place, b"hunter2").unwrap();
        assert_eq!(keys.open(place, &envelope).unwrap(), b"hunter2");
        let id = Uuid::from_u128(7);
        for other in [
            Place::Secret(workspace(2), "a"),
            Place::Secret(workspace(1), "b"),
            Place::Secret(workspace(1), ""),
            Place::Target(workspace(1), SuspensionId(id)),
            Place::Webhook(workspace(1), WebhookId(id)),
        ] {
            assert_eq!(keys.open(other, &envelope), Err(SealError::Damaged), "{other:?}");
        }
        let target = keys.seal(Place::Target(workspace(1), SuspensionId(id)), b"x").unwrap();
        assert_eq!(keys.open(Place::Webhook(workspace(1), WebhookId(id)), &target), Err(SealError::Damaged));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (keys, place) = (ring(&[1]), Place::Secret(workspace(1), "a"));
        let envelope = keys.seal(place, b"x").unwrap();
        for index in 0..envelope.sealed.len() {
            let mut changed = envelope.clone();
            changed.sealed[index] ^= 1;
            assert_eq!(keys.open(place, &changed), Err(SealError::Damaged));
        }
        for index in 0..envelope.wrapped_key.len() {
            let mut changed = envelope.clone();
            changed.wrapped_key[index] ^= 1;
            assert_eq!(keys.open(place, &changed), Err(SealError::Damaged));
            assert_eq!(ring(&[2, 1]).rewrap(place, &changed), Err(SealError::Damaged));
        }
        for length in [0, 11, 12, 27] {
            let short = Envelope { sealed: envelope.sealed[..length].to_vec(), ..envelope.clone() };
            assert_eq!(keys.open(place, &short), Err(SealError::Damaged));
        }
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        let (keys, place) = (ring(&[1]), Place::Secret(workspace(1), "a"));
        let [one, two] = [(), ()].map(|()| keys.seal(place, b"same").unwrap());
        assert_ne!((&one.sealed, &one.wrapped_key), (&two.sealed, &two.wrapped_key));
        // One's key does not open the other's value.
        assert_eq!(keys.open(place, &Envelope { sealed: two.sealed, ..one }), Err(SealError::Damaged));
    }

    #[test]
    fn the_first_key_seals_all_open_and_a_missing_one_is_named() {
        let place = Place::Secret(workspace(1), "a");
        let old = ring(&[1]).seal(place, b"v").unwrap();
        let both = ring(&[2, 1]);
        assert_eq!(both.open(place, &old).unwrap(), b"v");
        let new = both.rewrap(place, &old).unwrap().unwrap();
        assert_eq!(new.key_id, ring(&[2]).first_id().unwrap());
        assert_eq!(new.sealed, old.sealed, "only the key is sealed anew");
        assert_eq!(ring(&[2]).open(place, &new).unwrap(), b"v");
        assert_eq!(both.rewrap(place, &new).unwrap(), None);
        let missing = SealError::UnknownKey(old.key_id.clone());
        assert_eq!(ring(&[2]).open(place, &old), Err(missing.clone()));
        assert_eq!(ring(&[2]).rewrap(place, &old), Err(missing.clone()));
        assert!(missing.to_string().contains(&old.key_id) && missing.to_string().contains("secrets-key"));
        assert_eq!(Keyring::default().seal(place, b"v"), Err(SealError::NoKey));
        assert_eq!(Keyring::default().blind(b"v"), None);
        assert_ne!(ring(&[1]).blind(b"v"), ring(&[2]).blind(b"v"));
    }

    #[test]
    fn no_key_is_shown() {
        let key = SecretsKey::new(*b"hunter2-hunter2-hunter2-hunter2-");
        let shown = format!("{:?} {key:?}", Keyring::new(std::slice::from_ref(&key)));
        assert!(!shown.contains("hunter2") && !shown.contains(&key.to_base64()), "{shown}");
        assert!(!shown.contains("104, 117, 110"), "{shown}");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens(value in prop::collection::vec(any::<u8>(), 0..300), name in "[a-z]{1,9}") {
            let (keys, place) = (ring(&[3]), Place::Secret(workspace(9), &name));
            let envelope = keys.seal(place, &value).unwrap();
            prop_assert_eq!(keys.open(place, &envelope).unwrap(), value);
        }
    }
}
