//! Signing in at an OpenID Connect provider: the authorization code flow, with PKCE (RFC 7636), `state` and `nonce`.
//!
//! An attempt is a cookie of the browser in which it was begun; nothing is stored. The cookie holds one random number, sealed, and
//! `state`, `nonce` and the verifier are derived from it with the key that all instances share. So an answer counts in the browser
//! that asked alone, and who has seen the cookie, the address or both still does not know the verifier. That an answer counts once
//! is the provider's promise, which takes each code once.

mod identity;
mod provider;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::Url;

use self::provider::{Knowledge, Known};
use super::{api_key, is_equal, jwks, seal::Seal, session};
use crate::{
    clock::{Clock, Instant},
    config::{Config, ConfigError, OidcConfig},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where the provider sends people back to, below the public address.
const CALLBACK: &str = "/v1/session/oidc/callback";
/// The cookie of an attempt.
const COOKIE: &str = "sluicegate_sign_in";
/// How long somebody may take to sign in.
const ATTEMPT_MS: i64 = 10 * 60_000;
/// Codes that are exchanged at a time: whoever asks can make this server call the provider.
const EXCHANGES: usize = 16;
/// A longer address is none of the dashboard's.
const MAX_RETURN_BYTES: usize = 2_000;

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The provider says that they have declined, or may not.
    Denied,
    /// No attempt of this browser belongs to the answer, or not any more.
    Stale,
    /// The provider can't be reached, or has answered what can't be taken.
    Provider,
    /// The provider does not say who it is in the way this server asks for.
    Identity,
}

impl Failure {
    /// Its name, which the sign-in page knows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Stale => "stale",
            Self::Provider => "provider",
            Self::Identity => "identity",
        }
    }
}

/// A failure, and why, for the log.
#[derive(Debug)]
struct Refusal(Failure, String);

fn refusal(failure: Failure, reason: impl Into<String>) -> Refusal {
    Refusal(failure, reason.into())
}

/// Who has signed in.
#[derive(Debug)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// When the session ends.
    pub session_ends_at: Instant,
}

/// What a callback comes down to.
#[derive(Debug)]
pub struct Outcome {
    /// Who has signed in, or why nobody has.
    pub person: Result<Person, Failure>,
    /// Where they wanted to go.
    pub return_to: String,
}

/// A path that the dashboard has: nothing that leads anywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The path, if it is one of the dashboard.
    pub fn new(text: &str) -> Option<Self> {
        let is_page = text == "/" || text.starts_with("/w/");
        let is_plain = text.len() <= MAX_RETURN_BYTES && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        (is_page && is_plain).then(|| Self(text.to_owned()))
    }
}

/// What the cookie of an attempt says.
#[derive(Debug, Serialize, Deserialize)]
struct Attempt {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "e")]
    expires_at_ms: i64,
}

/// The provider that people sign in at.
pub struct Provider {
    config: OidcConfig,
    clock: Clock,
    client: reqwest::Client,
    attempts: Seal,
    callback: Url,
    knowledge: Knowledge,
    exchanges: Semaphore,
}

impl Provider {
    /// The provider of these settings, if there is one.
    pub(super) fn new(config: &Config, key: &[u8; 32], clock: Clock) -> Result<Option<Self>, ConfigError> {
        let Some(oidc) = config.oidc.clone() else { return Ok(None) };
        let invalid = |name, reason| ConfigError::Invalid { name, reason };
        let client = jwks::client().map_err(|reason| invalid("oidc-issuer", reason))?;
        let callback = Url::parse(&format!("{}{CALLBACK}", config.public_url()));
        let callback = callback.map_err(|error| invalid("public-url", error.to_string()))?;
        Ok(Some(Self {
            config: oidc,
            clock,
            client,
            attempts: Seal::new(key, "oidc"),
            callback,
            knowledge: Knowledge::default(),
            exchanges: Semaphore::new(EXCHANGES),
        }))
    }

    /// What is on the button.
    pub fn label(&self) -> &str {
        &self.config.label
    }

    /// Begins an attempt: the provider's address for it, and its cookie.
    pub async fn begin(&self, return_to: &LocalPath) -> Result<(String, HeaderValue), Failure> {
        let known = self.known().await.map_err(told)?;
        let attempt = Attempt {
            id: URL_SAFE_NO_PAD.encode(api_key::random::<32>()),
            return_to: return_to.0.clone(),
            expires_at_ms: self.clock.now().plus_ms(ATTEMPT_MS).0,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier(&attempt)));
        let mut address = known.authorization_endpoint.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", self.callback.as_str())
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &self.attempts.derive("state", &attempt.id))
            .append_pair("nonce", &self.attempts.derive("nonce", &attempt.id))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((address.into(), self.cookie(&self.attempts.close(&attempt), ATTEMPT_MS / 1_000)))
    }

    /// What becomes of an attempt with the query that the provider has sent the browser back with.
    pub async fn finish(&self, headers: &HeaderMap, query: &str) -> Outcome {
        let attempt = session::cookie(headers, COOKIE).and_then(|text| self.attempts.open::<Attempt>(text));
        let attempt = attempt.filter(|attempt| self.clock.now() < Instant(attempt.expires_at_ms));
        let Some(attempt) = attempt else {
            let person = Err(told(refusal(Failure::Stale, "the browser has no attempt that counts")));
            return Outcome { person, return_to: "/".to_owned() };
        };
        let person = self.identify(&attempt, query).await.map_err(told);
        Outcome { person, return_to: attempt.return_to }
    }

    /// The cookie that ends an attempt.
    pub fn end(&self) -> HeaderValue {
        self.cookie("", 0)
    }

    async fn identify(&self, attempt: &Attempt, query: &str) -> Result<Person, Refusal> {
        let parameter = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
        };
        // First: what does not belong to this attempt may say whatever it likes.
        let state = parameter("state").unwrap_or_default();
        if !is_equal(state.as_bytes(), self.attempts.derive("state", &attempt.id).as_bytes()) {
            return Err(refusal(Failure::Stale, "the answer belongs to another attempt"));
        }
        let known = self.known().await?;
        // RFC 9207: the answer of another provider does not pass for one of this.
        let issuer = parameter("iss");
        let is_from_here = issuer.as_ref().map_or(!known.names_itself, |issuer| *issuer == self.config.issuer);
        if !is_from_here {
            return Err(refusal(Failure::Provider, "the answer is from another issuer"));
        }
        if let Some(error) = parameter("error") {
            let failure = if error == "access_denied" { Failure::Denied } else { Failure::Provider };
            return Err(refusal(failure, format!("the provider says `{}`", error.escape_debug())));
        }
        let code = parameter("code").ok_or_else(|| refusal(Failure::Provider, "the answer has no code"))?;
        let _one = self.exchanges.try_acquire().map_err(|_| refusal(Failure::Provider, "too many sign in at once"))?;
        let tokens = self.exchange(&known, &code, &self.verifier(attempt)).await?;
        let id = self.user_id(&known, &tokens, &self.attempts.derive("nonce", &attempt.id)).await?;
        let lifetime_ms = i64::try_from(self.config.session.as_millis()).expect("it is a week at most");
        Ok(Person { id, session_ends_at: self.clock.now().plus_ms(lifetime_ms) })
    }

    async fn known(&self) -> Result<Arc<Known>, Refusal> {
        let known = self.knowledge.of(&self.config.issuer, &self.client, &self.clock).await;
        known.ok_or_else(|| refusal(Failure::Provider, "what the provider says of itself is not known"))
    }

    fn verifier(&self, attempt: &Attempt) -> String {
        self.attempts.derive("verifier", &attempt.id)
    }

    /// `Lax`: the way back begins on a page of the provider.
    fn cookie(&self, text: &str, max_age_s: i64) -> HeaderValue {
        let secure = if self.callback.scheme() == "https" { "; Secure" } else { "" };
        let path = self.callback.path().trim_end_matches("/callback");
        let cookie = format!("{COOKIE}={text}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).expect("a sealed text is base64url, and a path of an address is ASCII")
    }
}

/// Notes a refusal; the person learns its kind alone.
fn told(Refusal(failure, reason): Refusal) -> Failure {
    tracing::warn!(failure = failure.as_str(), reason, "a person was not signed in");
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_stays_here() {
        for good in ["/", "/w/0190163d/p/x/executions?status=failed&q=a%20b", "/w/a#b"] {
            assert_eq!(LocalPath::new(good), Some(LocalPath(good.to_owned())));
        }
        let long = format!("/w/{}", "a".repeat(2_000));
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "/w\\evil",
            "https://evil.example/w/",
            "javascript:alert(1)",
            "w/a",
            "/sign-in",
            "/v1/session/oidc",
            " /w/a",
            "/w/a\r\nset-cookie: a=b",
            "/w/\u{e4}",
            "/w/a\\b",
            &long,
        ] {
            assert_eq!(LocalPath::new(bad), None, "{bad}");
        }
    }
}
