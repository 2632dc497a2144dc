//! From a code to a user: the exchange for tokens, the checks of the ID token, and the claim that is the user's id.

use std::borrow::Cow;

use axum::http::header;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::Validation;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Failure, Provider, Refusal, provider::Known, refusal};
use crate::http::auth::{
    is_equal,
    jwks::fetch,
    jwt::{LEEWAY_S, is_user_id},
};

/// What a code is exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// What an ID token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    azp: Option<String>,
    aud: Value,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Provider {
    pub(super) async fn exchange(&self, known: &Known, code: &str, verifier: &str) -> Result<Tokens, Refusal> {
        let id = self.config.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.callback.as_str()),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(known.token_endpoint.clone()).header(header::ACCEPT, "application/json");
        match self.config.client_secret.as_ref() {
            Some(secret) if known.takes_secret_in_body => {
                form.extend([("client_id", id), ("client_secret", secret.expose())]);
            }
            Some(secret) => {
                // Each is form-encoded first (RFC 6749, 2.3.1).
                let pair = format!("{}:{}", encoded(id), encoded(secret.expose()));
                request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
            }
            None => form.push(("client_id", id)),
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let not_taken = |why: String| refusal(Failure::Provider, format!("the code was not exchanged: {why}"));
        let bytes = fetch(request).await.map_err(not_taken)?;
        // The parser's own words could quote a token.
        serde_json::from_slice(&bytes).map_err(|_| not_taken("the answer has no ID token".to_owned()))
    }

    pub(super) async fn user_id(&self, known: &Known, tokens: &Tokens, nonce: &str) -> Result<String, Refusal> {
        let claims = self.claims(known, &tokens.id_token, nonce).await?;
        let wanted = self.config.user_claim.as_str();
        let id = if wanted == "sub" {
            claims.sub
        } else if let Some(id) = named(wanted, &claims.more)? {
            id
        } else {
            // A provider may keep claims out of the ID token (OpenID Connect Core, 5.4).
            let info = userinfo(&self.client, known, tokens, &claims.sub).await?;
            let missing = || refusal(Failure::Identity, format!("the provider says no `{wanted}` of the person"));
            named(wanted, &info)?.ok_or_else(missing)?
        };
        if is_user_id(&id) {
            Ok(id)
        } else {
            Err(refusal(Failure::Identity, format!("the person's `{wanted}` is not a user's id")))
        }
    }

    async fn claims(&self, known: &Known, token: &str, nonce: &str) -> Result<Claims, Refusal> {
        let refused = |why: String| refusal(Failure::Provider, format!("the ID token: {why}"));
        let header = jsonwebtoken::decode_header(token).map_err(|error| refused(error.to_string()))?;
        let key =
            known.jwks.key(header.kid.as_deref()).await.map_err(|problem| refused(problem.detail().to_owned()))?;
        let key = key.ok_or_else(|| refused("signed with an unknown key".to_owned()))?;
        let mut validation = Validation::new(key.algorithm);
        // Times are checked against the injected clock.
        validation.validate_exp = false;
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.client_id]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
        let claims = claims.map_err(|error| refused(error.to_string()))?.claims;
        let now_s = self.clock.now().0 as f64 / 1_000.0;
        let said = claims.nonce.as_deref().unwrap_or_default();
        let is_shared = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
        let is_for_us = claims.azp.as_ref().map_or(!is_shared, |azp| *azp == self.config.client_id);
        let why = if !is_equal(said.as_bytes(), nonce.as_bytes()) {
            "it belongs to another attempt"
        } else if !is_for_us {
            "it was made for another client"
        } else if claims.exp <= now_s - LEEWAY_S {
            "it has expired"
        } else if claims.iat > now_s + LEEWAY_S || claims.nbf.is_some_and(|not_before| not_before > now_s + LEEWAY_S) {
            "it is not valid yet"
        } else {
            return Ok(claims);
        };
        Err(refused(why.to_owned()))
    }
}

/// The claim as a user's id; an address of mail counts if the provider has verified it.
fn named(wanted: &str, claims: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(id) = claims.get(wanted) else { return Ok(None) };
    let id = id.as_str().ok_or_else(|| refusal(Failure::Identity, format!("the person's `{wanted}` is no text")))?;
    // Some say it as a text.
    let is_verified = claims.get("email_verified").is_some_and(|said| *said == true || *said == "true");
    if wanted == "email" && !is_verified {
        return Err(refusal(Failure::Identity, "the person's address of mail is not verified"));
    }
    Ok(Some(id.to_owned()))
}

async fn userinfo(
    client: &reqwest::Client,
    known: &Known,
    tokens: &Tokens,
    subject: &str,
) -> Result<Map<String, Value>, Refusal> {
    let (Some(place), Some(token)) = (&known.userinfo_endpoint, &tokens.access_token) else { return Ok(Map::new()) };
    let failed = |why: String| refusal(Failure::Provider, format!("the claims about the person: {why}"));
    let bytes = fetch(client.get(place.clone()).bearer_auth(token)).await.map_err(failed)?;
    let info = serde_json::from_slice::<Map<String, Value>>(&bytes);
    let info = info.map_err(|_| failed("they are no JSON".to_owned()))?;
    // Or the claims of one person could be put under the token of another (Core, 5.3.2).
    if info.get("sub").and_then(Value::as_str) != Some(subject) {
        return Err(failed("they are about somebody else".to_owned()));
    }
    Ok(info)
}

fn encoded(text: &str) -> Cow<'_, str> {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into()
}
