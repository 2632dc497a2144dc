//! `sluicegate token`

use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::{exit::Exit, output};
use crate::{
    clock::{Clock, Instant},
    config::{JwtConfig, JwtKeys, Secret, Settings, Span},
};

/// Mint a JWT for a user, for development: signed with the server's own HS256 secret
///
/// Reads `jwt-secret`, `jwt-issuer` and `jwt-audience` from the same settings as the server. In production tokens come from your
/// identity provider.
#[derive(Args, Debug)]
pub struct Token {
    /// The user's id
    user: String,
    /// How long it holds
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    expires_in: Span,
    /// Print a JSON object: `{"token":...,"expiresAt":...}`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Token {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let config = self.settings.into_config()?;
        let secret = match &config.jwt.keys {
            JwtKeys::Secrets(secrets) => secrets.first().map(Secret::expose).unwrap_or_default(),
            JwtKeys::None => {
                anyhow::bail!(
                    "there is no secret to sign with: name the server's with --jwt-secret or SLUICEGATE_JWT_SECRET"
                )
            }
            JwtKeys::JwksFile(_) | JwtKeys::JwksUrl(_) => {
                anyhow::bail!("the server takes tokens by JWKS: only who has the private key can mint one")
            }
        };
        anyhow::ensure!(
            !self.user.is_empty() && !self.user.starts_with("key:"),
            "`{}` can't be a user's id",
            self.user
        );
        let now = Clock::system().now();
        let expires_at = now.plus_ms(self.expires_in.0.as_millis() as i64);
        let token = mint(secret, &self.user, (now, expires_at), &config.jwt)?;
        if self.json {
            output::json(&json!({"token": token, "expiresAt": expires_at}))?;
        } else {
            output::line(token)?;
        }
        Ok(Exit::Done)
    }
}

/// A token for a user, from one instant to another, as these settings want it.
pub(super) fn mint(
    secret: &str,
    user: &str,
    (from, to): (Instant, Instant),
    settings: &JwtConfig,
) -> anyhow::Result<String> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(user));
    claims.insert("iat".to_owned(), json!(from.0 / 1_000));
    claims.insert("exp".to_owned(), json!(to.0 / 1_000));
    claims.extend(settings.issuer.clone().map(|issuer| ("iss".to_owned(), Value::String(issuer))));
    claims.extend(settings.audience.clone().map(|audience| ("aud".to_owned(), Value::String(audience))));
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
