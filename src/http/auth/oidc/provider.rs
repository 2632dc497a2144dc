//! What a provider says of itself (OpenID Connect Discovery), read when it is needed, and again every hour.
//!
//! A read that fails keeps what there is, and the next one waits for ten seconds: anybody can ask to be signed in.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use url::Url;

use crate::{
    clock::{Clock, Instant},
    http::auth::jwks::{Jwks, fetch},
};

const FRESH_MS: i64 = 60 * 60_000;
const RETRY_MS: i64 = 10_000;

/// A provider, as it describes itself.
pub(super) struct Known {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    /// Its keys.
    pub(super) jwks: Arc<Jwks>,
    jwks_uri: Url,
    /// Whether its answers say whose they are.
    pub(super) names_itself: bool,
    /// Whether it takes the secret in the body alone, not in a header.
    pub(super) takes_secret_in_body: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of the provider.
#[derive(Default)]
pub(super) struct Knowledge {
    held: RwLock<Held>,
    /// Held while reading, so that one request reads and the others wait for it.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Held {
    known: Option<Arc<Known>>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
}

impl Held {
    fn is_fresh(&self, now: Instant) -> bool {
        self.read_at.is_some_and(|at| now.ms_since(at) < FRESH_MS)
            || self.tried_at.is_some_and(|at| now.ms_since(at) < RETRY_MS)
    }
}

impl Knowledge {
    pub(super) async fn of(&self, issuer: &str, client: &reqwest::Client, clock: &Clock) -> Option<Arc<Known>> {
        let now = clock.now();
        if self.held().is_fresh(now) {
            return self.held().known;
        }
        let _reading = self.reading.lock().await;
        let before = self.held();
        if before.is_fresh(now) {
            return before.known;
        }
        let result = read(issuer, client, clock, before.known.as_deref()).await;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.tried_at = Some(now);
        match result {
            Ok(known) => {
                held.known = Some(Arc::new(known));
                held.read_at = Some(now);
            }
            Err(reason) => tracing::warn!(reason, "what the OpenID Connect provider says of itself could not be read"),
        }
        held.known.clone()
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn read(issuer: &str, client: &reqwest::Client, clock: &Clock, before: Option<&Known>) -> Result<Known, String> {
    let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let bytes = fetch(client.get(place)).await?;
    let document: Document = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if document.issuer != issuer {
        return Err(format!("it names itself `{}`, not `{issuer}`", document.issuer.escape_debug()));
    }
    // An issuer without TLS is on this machine, or the settings had been refused.
    let may_be_plain = issuer.starts_with("http://");
    let endpoint = |text: &str| {
        let url = Url::parse(text).ok();
        let url = url.filter(|url| url.scheme() == "https" || may_be_plain && url.scheme() == "http");
        url.ok_or_else(|| format!("`{}` is no address with TLS", text.escape_debug()))
    };
    let jwks_uri = endpoint(&document.jwks_uri)?;
    // Its keys stay with their times: a fresh description is no reason to read them again.
    let kept = before.filter(|before| before.jwks_uri == jwks_uri).map(|before| Arc::clone(&before.jwks));
    let jwks = kept.unwrap_or_else(|| Arc::new(Jwks::at(jwks_uri.clone(), client.clone(), clock.clone())));
    let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
    let takes = |wanted: &str| methods.iter().any(|method| method == wanted);
    Ok(Known {
        authorization_endpoint: endpoint(&document.authorization_endpoint)?,
        token_endpoint: endpoint(&document.token_endpoint)?,
        userinfo_endpoint: document.userinfo_endpoint.as_deref().map(endpoint).transpose()?,
        jwks,
        jwks_uri,
        names_itself: document.authorization_response_iss_parameter_supported,
        takes_secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
    })
}
