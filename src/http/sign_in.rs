//! Signing in to the dashboard at an OpenID Connect provider. How that is kept safe is in [`super::auth::oidc`].
//!
//! Both doors are for browsers, which a person sees: what goes wrong leads back to the sign-in page, which has the words for it.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{
        Authenticator,
        oidc::{Failure, LocalPath, Provider},
    },
    error::{Code, Problem},
    query::Query,
    reply::Reply,
    state::AppState,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_sign_in_methods))
        .routes(routes!(begin_oidc_sign_in))
        .routes(routes!(finish_oidc_sign_in))
}

/// How people sign in, beside keys and tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInMethods {
    /// At an OpenID Connect provider; missing where none is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc: Option<OidcMethod>,
}

/// Signing in at an OpenID Connect provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcMethod {
    /// What is on the button.
    label: String,
}

/// Ways to sign in
///
/// What a sign-in page offers beside API keys and JWTs.
#[utoipa::path(
    get, path = "/session/methods", tag = "server",
    responses((status = 200, description = "The ways", body = SignInMethods)),
)]
async fn get_sign_in_methods(State(auth): State<Arc<Authenticator>>) -> Reply {
    let oidc = auth.oidc().map(|provider| OidcMethod { label: provider.label().to_owned() });
    Reply::ok(&SignInMethods { oidc })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// Where to go afterwards: `/`, or a page of the dashboard below `/w/`.
    #[param(required = false)]
    #[serde(rename = "return")]
    return_to: Option<String>,
}

/// Sign in at the provider
///
/// For browsers: goes to the sign-in page of the OpenID Connect provider that is set up, with a cookie that makes its answer count in
/// this browser for ten minutes. What goes wrong leads back to the sign-in page of the dashboard.
#[utoipa::path(
    get, path = "/session/oidc", tag = "server", params(Begin),
    responses(
        (status = 303, description = "To the provider"),
        (status = 404, description = "No provider is set up"),
    ),
)]
async fn begin_oidc_sign_in(
    State(auth): State<Arc<Authenticator>>,
    Query(Begin { return_to }): Query<Begin>,
) -> Result<Response, Problem> {
    let provider = provider(&auth)?;
    let return_to = return_to.unwrap_or_else(|| "/".to_owned());
    let local = LocalPath::new(&return_to)
        .ok_or_else(|| Problem::field(Code::InvalidQuery, "return", "must be `/` or a page below `/w/`"))?;
    Ok(match provider.begin(&local).await {
        Ok((address, cookie)) => to(&address, [cookie]),
        Err(failure) => to(&failed(failure, &return_to), []),
    })
}

/// Back from the provider
///
/// Where the OpenID Connect provider sends browsers: its answer becomes a session as of `POST /v1/session`. What goes wrong leads back
/// to the sign-in page of the dashboard.
#[utoipa::path(
    get, path = "/session/oidc/callback", tag = "server",
    responses(
        (status = 303, description = "To the page that was asked for, or to the sign-in page"),
        (status = 404, description = "No provider is set up"),
    ),
)]
async fn finish_oidc_sign_in(
    State(auth): State<Arc<Authenticator>>,
    headers: HeaderMap,
    // The provider may add to it what it likes.
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let provider = provider(&auth)?;
    let outcome = provider.finish(&headers, &query.unwrap_or_default()).await;
    Ok(match outcome.person {
        Ok(person) => to(&outcome.return_to, [provider.end(), auth.begin_session(&person)]),
        // Another attempt of this browser, in another tab, goes on.
        Err(Failure::Stale) => to(&failed(Failure::Stale, &outcome.return_to), []),
        Err(failure) => to(&failed(failure, &outcome.return_to), [provider.end()]),
    })
}

fn provider(auth: &Authenticator) -> Result<&Provider, Problem> {
    auth.oidc().ok_or_else(|| Problem::new(Code::NotFound, "no OpenID Connect provider is set up"))
}

/// The sign-in page with what went wrong, by a name from a closed list: an address must not put words on that page.
fn failed(failure: Failure, return_to: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("failure", failure.as_str());
    if return_to != "/" {
        query.append_pair("return", return_to);
    }
    format!("/sign-in?{}", query.finish())
}

fn to<const N: usize>(address: &str, cookies: [HeaderValue; N]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::try_from(address).expect("addresses and local paths are ASCII"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
