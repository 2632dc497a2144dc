//! How people sign in to the dashboard at an OpenID Connect provider.

use std::time::Duration;

use url::Url;

use super::{ConfigError, Secret, Settings, invalid, span};

/// A provider that people sign in at, and what is asked of it.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The issuer, exactly as it names itself.
    pub issuer: String,
    /// This server's name there.
    pub client_id: String,
    /// What proves that it is this server; a public client has none.
    pub client_secret: Option<Secret>,
    /// What is asked for: `openid`, and what else the claim needs.
    pub scopes: Vec<String>,
    /// The claim that is the user's id.
    pub user_claim: String,
    /// What is on the button.
    pub label: String,
    /// How long a session lasts.
    pub session: Duration,
}

/// Checks the settings about the provider. None without an issuer.
pub(super) fn oidc(settings: &mut Settings) -> Result<Option<OidcConfig>, ConfigError> {
    let session = span("oidc-session-duration", settings.oidc_session_duration, 12 * 3_600, 300, 7 * 86_400)?;
    let Some(issuer) = settings.oidc_issuer.take().filter(|issuer| !issuer.is_empty()) else {
        let alone = [
            ("oidc-client-id", settings.oidc_client_id.is_some()),
            ("oidc-client-secret", settings.oidc_client_secret.is_some()),
            ("oidc-scopes", settings.oidc_scopes.is_some()),
            ("oidc-user-claim", settings.oidc_user_claim.is_some()),
            ("oidc-label", settings.oidc_label.is_some()),
        ];
        return match alone.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(invalid(name, "says nothing without `oidc-issuer`")),
            None => Ok(None),
        };
    };
    let url = Url::parse(&issuer).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    let Some(url) = url else {
        return Err(invalid("oidc-issuer", "must be an http or https address without a query"));
    };
    let client_id = settings.oidc_client_id.take().filter(|id| !id.is_empty());
    let client_id = client_id.ok_or_else(|| invalid("oidc-client-id", "is missing: `oidc-issuer` needs it"))?;
    let user_claim = settings.oidc_user_claim.take().unwrap_or_else(|| "sub".to_owned());
    let mut scopes = settings.oidc_scopes.take().unwrap_or_else(|| match user_claim.as_str() {
        "sub" => Vec::new(),
        "email" => vec!["email".to_owned()],
        _ => vec!["profile".to_owned()],
    });
    if scopes.iter().any(|scope| scope.is_empty() || scope.contains(|c: char| !c.is_ascii_graphic())) {
        return Err(invalid("oidc-scopes", "must be words of printable characters"));
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let label = settings.oidc_label.take().unwrap_or_else(|| format!("Sign in with {host}"));
    if label.trim().is_empty() || label.chars().count() > 60 {
        return Err(invalid("oidc-label", "must have 1 to 60 characters"));
    }
    let client_secret = settings.oidc_client_secret.take();
    Ok(Some(OidcConfig { issuer, client_id, client_secret, scopes, user_claim, label, session }))
}
