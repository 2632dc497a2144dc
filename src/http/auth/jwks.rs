//! The issuer's public keys (JWK Set, RFC 7517), from a file or an address that the operator has configured.
//!
//! Read at the first need, again when a token names a key that is not there (once a minute at most, or tokens with invented
//! key ids would make us call the issuer for each), and every quarter of an hour, so that a withdrawn key goes away. A read
//! that fails keeps the keys there are.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use url::Url;

use crate::{
    clock::{Clock, Instant},
    config::ConfigError,
    http::error::{Code, Problem},
};

const RETRY_MS: i64 = 60_000;
const FRESH_MS: i64 = 15 * 60_000;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 1 << 20;

/// A key that tokens may be signed with.
#[derive(Clone)]
pub(super) struct Key {
    kid: Option<String>,
    /// The one algorithm it is for.
    pub(super) algorithm: Algorithm,
    /// The public key.
    pub(super) decoding: DecodingKey,
}

/// The issuer's keys.
pub(super) struct Jwks {
    source: Source,
    clock: Clock,
    held: RwLock<Held>,
    /// Held while reading, so that one request reads and the others wait for it.
    reading: tokio::sync::Mutex<()>,
}

enum Source {
    File(PathBuf),
    Url(Url, reqwest::Client),
}

#[derive(Clone, Default)]
struct Held {
    keys: Option<Arc<[Key]>>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
}

impl Jwks {
    /// Keys in a file, read now: a file that can't be read is a mistake in the settings.
    pub(super) fn from_file(path: PathBuf, clock: Clock) -> Result<Self, ConfigError> {
        let text = std::fs::read(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let keys = parse(&text).map_err(|reason| ConfigError::Malformed { path: path.clone(), reason })?;
        let now = clock.now();
        let held = Held { keys: Some(keys), read_at: Some(now), tried_at: Some(now) };
        Ok(Self { source: Source::File(path), clock, held: RwLock::new(held), reading: tokio::sync::Mutex::default() })
    }

    /// Keys at an address, read at the first need: the server starts even if the issuer is down.
    pub(super) fn from_url(url: Url, clock: Clock) -> Result<Self, ConfigError> {
        let client = client().map_err(|reason| ConfigError::Invalid { name: "jwt-jwks", reason })?;
        Ok(Self::at(url, client, clock))
    }

    /// The same with this client.
    pub(super) fn at(url: Url, client: reqwest::Client, clock: Clock) -> Self {
        let source = Source::Url(url, client);
        Self { source, clock, held: RwLock::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The key of this id; of tokens without an id the only key there is.
    pub(super) async fn key(&self, kid: Option<&str>) -> Result<Option<Key>, Problem> {
        let held = self.held();
        let found = held.find(kid);
        let now = self.clock.now();
        if found.is_some() {
            if held.read_at.is_none_or(|read_at| now.ms_since(read_at) >= FRESH_MS)
                && let Ok(_reading) = self.reading.try_lock()
            {
                self.read_again(now).await;
                return Ok(self.held().find(kid));
            }
            return Ok(found);
        }
        let _reading = self.reading.lock().await;
        self.read_again(now).await;
        let held = self.held();
        if held.keys.is_none() {
            return Err(
                Problem::new(Code::Unavailable, "the issuer's keys can't be read at the moment").retry_after_s(60)
            );
        }
        Ok(held.find(kid))
    }

    /// The caller holds `reading`.
    async fn read_again(&self, now: Instant) {
        if self.held().tried_at.is_some_and(|tried_at| now.ms_since(tried_at) < RETRY_MS) {
            return;
        }
        let result = self.read().await.and_then(|bytes| parse(&bytes));
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.tried_at = Some(now);
        match result {
            Ok(keys) => {
                held.keys = Some(keys);
                held.read_at = Some(now);
            }
            Err(reason) => tracing::warn!(reason, "the issuer's keys could not be read; the old ones stay"),
        }
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        match &self.source {
            Source::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string()),
            Source::Url(url, client) => fetch(client.get(url.clone())).await,
        }
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Held {
    fn find(&self, kid: Option<&str>) -> Option<Key> {
        let keys = self.keys.as_deref()?;
        match kid {
            Some(kid) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)).cloned(),
            None => match keys {
                [only] => Some(only.clone()),
                _ => None,
            },
        }
    }
}

/// Calls an issuer. It is the operator's own address, perhaps inside their network: not for the guarded client of workflows.
pub(super) fn client() -> Result<reqwest::Client, String> {
    let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).redirect(reqwest::redirect::Policy::none());
    client.build().map_err(|error| error.to_string())
}

/// What an issuer answers, if it is a success.
pub(super) async fn fetch(request: reqwest::RequestBuilder) -> Result<Vec<u8>, String> {
    let response = request.send().await.and_then(reqwest::Response::error_for_status);
    let mut response = response.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err("the answer is larger than 1 MiB".into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads a key set; keys that this server can't use are passed over, as RFC 7517 asks.
fn parse(bytes: &[u8]) -> Result<Arc<[Key]>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(bytes).map_err(|error| format!("not a JWK set: {error}"))?;
    let keys = set.keys.into_iter().filter_map(|key| usable(&serde_json::from_value(key).ok()?)).collect();
    Ok(keys)
}

fn usable(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    // A shared secret (`oct`) has no place among public keys.
    let (declared, algorithm) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (KeyAlgorithm::RS256, Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (KeyAlgorithm::ES256, Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (KeyAlgorithm::EdDSA, Algorithm::EdDSA)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|written| written != declared) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { kid: jwk.common.key_id.clone(), algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_other_purposes_and_algorithms_are_passed_over() {
        let set = serde_json::json!({"keys": [
            {"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "pss", "alg": "PS256", "n": "AQAB", "e": "AQAB"},
            {"kty": "EC", "kid": "p384", "crv": "P-384", "x": "AQ", "y": "AQ"},
            {"kty": "new-kind", "kid": "new"},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        ]});
        let keys = parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(keys.iter().map(|key| key.kid.as_deref().unwrap()).collect::<Vec<_>>(), ["ed"]);
        assert_eq!(keys[0].algorithm, Algorithm::EdDSA);
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        assert!(parse(b"{}").is_err());
        assert!(parse(b"<html>").is_err());
    }
}
