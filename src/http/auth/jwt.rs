//! Bearer tokens (JWT, RFC 7519). The algorithm follows from the key, never from the token's header.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use serde::Deserialize;

use super::{KEY_PREFIX, Principal, challenge, jwks::Jwks};
use crate::{
    clock::{Clock, Instant},
    config::{ConfigError, JwtConfig, JwtKeys},
    http::error::{Code, Problem},
};

/// How far the clocks of issuer and server may be apart.
pub(super) const LEEWAY_S: f64 = 60.0;
/// How long a user's id may be.
const MAX_SUBJECT_CHARS: usize = 255;
/// Longer tokens are not looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Checks tokens.
pub(super) struct Verifier {
    keys: Keys,
    issuer: Option<String>,
    audience: Option<String>,
    clock: Clock,
}

enum Keys {
    None,
    Secrets(Vec<DecodingKey>),
    Jwks(Jwks),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
}

impl Verifier {
    pub(super) fn new(config: &JwtConfig, clock: Clock) -> Result<Self, ConfigError> {
        let keys = match &config.keys {
            JwtKeys::None => Keys::None,
            JwtKeys::Secrets(secrets) => {
                Keys::Secrets(secrets.iter().map(|s| DecodingKey::from_secret(s.expose().as_bytes())).collect())
            }
            JwtKeys::JwksFile(path) => Keys::Jwks(Jwks::from_file(path.clone(), clock.clone())?),
            JwtKeys::JwksUrl(url) => Keys::Jwks(Jwks::from_url(url.clone(), clock.clone())?),
        };
        Ok(Self { keys, issuer: config.issuer.clone(), audience: config.audience.clone(), clock })
    }

    /// Whose token this is, and when it ends.
    pub(super) async fn principal(&self, token: &str) -> Result<(Principal, Instant), Problem> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refusal("the token is too long"));
        }
        let claims = match &self.keys {
            Keys::None => return Err(refusal("this server takes API keys only")),
            Keys::Secrets(secrets) => self.decode_with_any(token, secrets)?,
            Keys::Jwks(jwks) => {
                let header = jsonwebtoken::decode_header(token).map_err(|_| refusal("the token is malformed"))?;
                let key = jwks.key(header.kid.as_deref()).await?;
                let key = key.ok_or_else(|| refusal("the token is signed with an unknown key"))?;
                self.decode(token, &key.decoding, key.algorithm).map_err(|error| refusal(reason(&error)))?
            }
        };
        self.check_times(&claims)?;
        let subject = claims.sub;
        if !is_user_id(&subject) {
            return Err(refusal("the token's `sub` is not a user's id"));
        }
        // What is beyond the end of time is cut off there.
        Ok((Principal::user(subject), Instant((claims.exp * 1_000.0) as i64)))
    }

    fn decode_with_any(&self, token: &str, secrets: &[DecodingKey]) -> Result<Claims, Problem> {
        let mut last = "the token is malformed";
        for secret in secrets {
            match self.decode(token, secret, Algorithm::HS256) {
                Ok(claims) => return Ok(claims),
                Err(error) => last = reason(&error),
            }
        }
        Err(refusal(last))
    }

    fn decode(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Algorithm,
    ) -> Result<Claims, jsonwebtoken::errors::Error> {
        let mut validation = Validation::new(algorithm);
        let mut required = vec!["exp", "sub"];
        // Times are checked against the injected clock.
        validation.validate_exp = false;
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        jsonwebtoken::decode::<Claims>(token, key, &validation).map(|data| data.claims)
    }

    fn check_times(&self, claims: &Claims) -> Result<(), Problem> {
        let now_s = self.clock.now().0 as f64 / 1_000.0;
        let expired = claims.exp <= now_s - LEEWAY_S;
        let early = claims.nbf.is_some_and(|not_before| not_before > now_s + LEEWAY_S);
        match (expired, early) {
            (true, _) => Err(refusal("the token has expired")),
            (_, true) => Err(refusal("the token is not valid yet")),
            _ => Ok(()),
        }
    }
}

/// Whether this can be a user's id.
pub(super) fn is_user_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= MAX_SUBJECT_CHARS
        && !text.chars().any(char::is_control)
        // Or a person could pass for a program.
        && !text.starts_with(KEY_PREFIX)
}

fn refusal(reason: &'static str) -> Problem {
    challenge(Code::InvalidCredentials, reason)
}

fn reason(error: &jsonwebtoken::errors::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature does not hold",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidAlgorithm => "the token's algorithm is not the one of its key",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim that this server asks for",
        _ => "the token is malformed",
    }
}
