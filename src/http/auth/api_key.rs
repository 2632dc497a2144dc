//! API keys: `slg_<8 public characters>_<43 secret characters>`.
//!
//! The secret part is 256 random bits, so that a plain SHA-256 of the whole key is enough to keep (slow hashes protect what
//! can be guessed). A key that was found counts for [`FRESH_MS`] without another look into the database: after a key is
//! revoked on one instance, another one may take it for as long.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Principal, challenge, is_equal};
use crate::{
    clock::{Clock, Instant},
    domain::{audit::Author, identity::ApiKey},
    http::error::{Code, Problem},
    store::{ApiKeyRecord, Store, catalogue::Change},
};

/// What every key begins with.
pub const PREFIX: &str = "slg_";

/// How long a key counts without another look into the database.
const FRESH_MS: i64 = 5_000;
/// The last use is kept to the minute, so that it is written once a minute at most.
const TOUCH_MS: i64 = 60_000;
/// More keys than this are not kept in memory.
const MAX_CACHED: usize = 10_000;

const PUBLIC_CHARS: usize = 8;
const SECRET_CHARS: usize = 43;

/// A new key: shown once as `secret`, kept as `digest`.
pub struct NewApiKey {
    /// The whole key.
    pub secret: String,
    /// `slg_` and the public characters, to recognise it by.
    pub prefix: String,
    /// SHA-256 of the whole key.
    pub digest: Vec<u8>,
}

/// Makes a key.
pub fn generate() -> NewApiKey {
    let public: [u8; 6] = random();
    let secret: [u8; 32] = random();
    // The alphabet of base64 has `_` and `-`; neither is a letter that people read out well, so the public part has none.
    let public = URL_SAFE_NO_PAD.encode(public).replace(['-', '_'], "0");
    let prefix = format!("{PREFIX}{public}");
    let secret = format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(secret));
    NewApiKey { digest: digest(&secret), prefix, secret }
}

/// What is kept of a key, or of an invite's token.
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Random bytes for secrets.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

fn has_form(key: &str) -> bool {
    let Some((public, secret)) = key.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(PUBLIC_CHARS)) else {
        return false;
    };
    public.bytes().all(|b| b.is_ascii_alphanumeric())
        && secret.strip_prefix('_').is_some_and(|secret| {
            secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Keys that were looked up lately.
pub(super) struct KeyCache {
    store: Arc<dyn Store>,
    clock: Clock,
    entries: Mutex<HashMap<Vec<u8>, Entry>>,
}

#[derive(Clone)]
struct Entry {
    key: ApiKey,
    looked_up_at: Instant,
    touched_at: Option<Instant>,
}

impl KeyCache {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, entries: Mutex::default() }
    }

    /// Whose key this is.
    pub(super) async fn principal(&self, secret: &str) -> Result<Principal, Problem> {
        if !has_form(secret) {
            return Err(challenge(Code::InvalidCredentials, "that is not an API key of this server"));
        }
        self.principal_by_digest(digest(secret)).await
    }

    /// Whose key has this digest.
    pub(super) async fn principal_by_digest(&self, digest: Vec<u8>) -> Result<Principal, Problem> {
        let refused = || challenge(Code::InvalidCredentials, "the API key is unknown, revoked or expired");
        let now = self.clock.now();
        let key = match self.cached(&digest, now) {
            Some(key) => key,
            None => match self.store.api_key_by_digest(&digest).await? {
                Some(ApiKeyRecord { key, digest: kept }) if is_equal(&kept, &digest) => {
                    self.remember(digest.clone(), key.clone(), now);
                    key
                }
                _ => return Err(refused()),
            },
        };
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(refused());
        }
        self.touch(&digest, now).await;
        Ok(Principal::api_key(&key))
    }

    pub(super) fn forget(&self, which: impl Fn(&ApiKey) -> bool) {
        self.lock().retain(|_, entry| !which(&entry.key));
    }

    fn cached(&self, digest: &[u8], now: Instant) -> Option<ApiKey> {
        let entries = self.lock();
        let entry = entries.get(digest)?;
        (now.ms_since(entry.looked_up_at) < FRESH_MS).then(|| entry.key.clone())
    }

    fn remember(&self, digest: Vec<u8>, key: ApiKey, now: Instant) {
        let mut entries = self.lock();
        if entries.len() >= MAX_CACHED {
            entries.retain(|_, entry| now.ms_since(entry.looked_up_at) < FRESH_MS);
        }
        if entries.len() < MAX_CACHED {
            let touched_at = entries.get(&digest).and_then(|entry| entry.touched_at).max(key.last_used_at);
            entries.insert(digest, Entry { key, looked_up_at: now, touched_at });
        }
    }

    /// Notes the use. A failure costs a note, not the request.
    async fn touch(&self, digest: &[u8], now: Instant) {
        let minute = Instant(now.0 - now.0.rem_euclid(TOUCH_MS));
        let key = {
            let mut entries = self.lock();
            match entries.get_mut(digest) {
                Some(entry) if entry.touched_at.is_none_or(|touched_at| touched_at < minute) => {
                    entry.touched_at = Some(minute);
                    entry.key.clone()
                }
                _ => return,
            }
        };
        let touched = Change::TouchApiKey(key.workspace_id, key.id, minute);
        let author = Author { id: Principal::api_key(&key).id, at: now };
        if let Err(error) = self.store.change(touched, &author, None).await {
            tracing::warn!(api_key_id = %key.id, %error, "the use of an API key could not be noted");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Entry>> {
        // Every update of the map is one call: it is whole even after a panic elsewhere.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_the_documented_form() {
        for _ in 0..200 {
            let key = generate();
            assert!(has_form(&key.secret), "{}", key.secret);
            assert_eq!(key.secret.len(), 4 + 8 + 1 + 43);
            assert!(key.secret.starts_with(&key.prefix));
            assert_eq!(key.digest, digest(&key.secret));
        }
        assert_ne!(generate().secret, generate().secret);
    }

    #[test]
    fn other_texts_are_not_looked_up() {
        let good = generate().secret;
        for bad in ["", "slg_", "slg_ääääääää_x", &good[1..], &good[..good.len() - 1], &format!("{good}x")] {
            assert!(!has_form(bad), "{bad}");
        }
    }
}
