//! What may hold on a machine by itself, and must not where others reach the server.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Config, ConfigError, JwtKeys, Secret, SecretsKeys, invalid};

/// Parts of texts that stand for a secret in examples and are forgotten there.
const PLACEHOLDERS: [&str; 8] =
    ["changeme", "change-me", "change_me", "replace", "placeholder", "example", "0123456789", "password"];
/// A secret that was made by chance has more different characters, even in hexadecimal digits.
const LEAST_VARIETY: usize = 8;

/// Refuses what would let strangers in: a secret that everybody can guess, and keys that come over a wire on which they can be
/// exchanged.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if let JwtKeys::JwksUrl(url) = &config.jwt.keys
        && url.scheme() == "http"
        && !is_here(url)
    {
        let reason = "comes without TLS: whoever is on the way can put keys of their own there; use https or a file";
        return Err(invalid("jwt-jwks", reason));
    }
    if let Some(oidc) = &config.oidc {
        let issuer = Url::parse(&oidc.issuer).ok();
        if issuer.is_none_or(|issuer| issuer.scheme() == "http" && !is_here(&issuer)) {
            return Err(invalid("oidc-issuer", "has no TLS: whoever is on the way can say who signs in; use https"));
        }
        if config.public_url.is_none() && !config.listen.ip().is_loopback() {
            return Err(invalid("public-url", "is missing: with `oidc-issuer`, people are sent back to it"));
        }
    }
    let public = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    // A proxy on this machine reaches a loopback address for everybody.
    if config.listen.ip().is_loopback() && public.is_none_or(|url| is_here(&url)) {
        return Ok(());
    }
    let reason = "can be guessed, and others reach this server: make one, such as `openssl rand -base64 32` does";
    if let JwtKeys::Secrets(secrets) = &config.jwt.keys
        && secrets.iter().any(can_be_guessed)
    {
        return Err(invalid("jwt-secret", reason));
    }
    if config.metrics_token.as_ref().is_some_and(can_be_guessed) {
        return Err(invalid("metrics-token", reason));
    }
    if let SecretsKeys::Listed(keys) = &config.secrets_keys
        && keys.iter().any(|key| key.expose().windows(2).all(|pair| pair[0] == pair[1]))
    {
        return Err(invalid("secrets-key", reason));
    }
    Ok(())
}

fn can_be_guessed(secret: &Secret) -> bool {
    let text = secret.expose().to_ascii_lowercase();
    let mut different: Vec<u8> = text.bytes().collect();
    different.sort_unstable();
    different.dedup();
    different.len() < LEAST_VARIETY || PLACEHOLDERS.iter().any(|part| text.contains(part))
}

/// Whether an address is one of this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}
