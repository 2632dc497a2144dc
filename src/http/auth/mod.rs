//! Who calls: API keys, bearer tokens (JWT), sessions of the dashboard, stream tokens. What they may do is decided in [`access`].

mod access;
pub mod api_key;
pub mod artifact_link;
mod jwks;
mod jwt;
pub mod lease_token;
pub mod oidc;
pub mod seal;
pub mod session;
pub mod stream_token;

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

pub use access::{Access, Admin, Editor, InPod, OfPod, Owner, RoleFloor, StreamViewer, Viewer};

use super::{
    error::{Code, Problem},
    state::AppState,
};
use crate::{
    clock::{Clock, Instant},
    config::{Config, ConfigError},
    domain::{
        identity::{ApiKey, Role},
        ids::{ApiKeyId, WorkspaceId},
    },
    store::Store,
};

/// What proves who a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person: the `sub` of a bearer token.
    User,
    /// A program with an API key.
    ApiKey,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user's id, or `key:<id>`: what `createdBy` and the like hold.
    pub id: String,
    /// A person or a program.
    pub kind: PrincipalKind,
    /// The workspace and role of an API key.
    key_grant: Option<(WorkspaceId, Role)>,
}

impl Principal {
    fn user(id: String) -> Self {
        Self { id, kind: PrincipalKind::User, key_grant: None }
    }

    fn api_key(key: &ApiKey) -> Self {
        Self {
            id: format!("{KEY_PREFIX}{}", key.id),
            kind: PrincipalKind::ApiKey,
            key_grant: Some((key.workspace_id, key.role)),
        }
    }

    /// The id of an API key.
    pub fn key_id(&self) -> Option<ApiKeyId> {
        self.id.strip_prefix(KEY_PREFIX)?.parse().ok().map(ApiKeyId)
    }

    /// The workspace that an API key opens.
    pub fn key_workspace(&self) -> Option<WorkspaceId> {
        self.key_grant.map(|(workspace_id, _)| workspace_id)
    }

    /// Refuses programs: some things are a person's own.
    pub fn require_user(&self, what: &str) -> Result<(), Problem> {
        match self.kind {
            PrincipalKind::User => Ok(()),
            PrincipalKind::ApiKey => Err(Problem::new(Code::Forbidden, format!("an API key can't {what}"))),
        }
    }
}

/// What the ids of programs begin with; no user's id may.
const KEY_PREFIX: &str = "key:";

/// The caller, once known: whose idempotency keys count, and in which workspace.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// The workspace in the path, which they were let into.
    pub workspace_id: Option<WorkspaceId>,
}

impl Caller {
    /// Whose idempotency keys these are.
    pub fn scope(&self) -> String {
        self.workspace_id.map_or_else(|| format!("user:{}", self.principal.id), |id| id.to_string())
    }
}

/// Checks credentials.
pub struct Authenticator {
    keys: api_key::KeyCache,
    jwt: jwt::Verifier,
    stream_tokens: stream_token::Signer,
    lease_tokens: lease_token::Signer,
    artifact_links: artifact_link::Signer,
    sessions: session::Sessions,
    oidc: Option<oidc::Provider>,
}

impl Authenticator {
    /// An authenticator by these settings. `stream_token_key` is [`stream_token::shared_key`].
    pub fn new(
        config: &Config,
        store: Arc<dyn Store>,
        clock: Clock,
        stream_token_key: &[u8; 32],
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            keys: api_key::KeyCache::new(store, clock.clone()),
            jwt: jwt::Verifier::new(&config.jwt, clock.clone())?,
            lease_tokens: lease_token::Signer::new(stream_token_key),
            artifact_links: artifact_link::Signer::new(stream_token_key, clock.clone()),
            sessions: session::Sessions::new(stream_token_key, clock.clone(), config.public_url.as_deref()),
            oidc: oidc::Provider::new(config, stream_token_key, clock.clone())?,
            stream_tokens: stream_token::Signer::new(stream_token_key, clock),
        })
    }

    /// Signs and checks stream tokens.
    pub fn stream_tokens(&self) -> &stream_token::Signer {
        &self.stream_tokens
    }

    /// Signs and checks lease tokens.
    pub fn lease_tokens(&self) -> &lease_token::Signer {
        &self.lease_tokens
    }

    /// Signs and checks the tokens of links to artifacts.
    pub fn artifact_links(&self) -> &artifact_link::Signer {
        &self.artifact_links
    }

    /// Sessions of the dashboard.
    pub fn sessions(&self) -> &session::Sessions {
        &self.sessions
    }

    /// Begins a session for whoever a credential is of: its cookie, and when it ends.
    pub async fn sign_in(&self, credential: &str) -> Result<(Principal, HeaderValue, Instant), Problem> {
        let (principal, holder, ends_at);
        if credential.starts_with(api_key::PREFIX) {
            // Its end is looked at with each request, as whether it was revoked.
            principal = self.keys.principal(credential).await?;
            (holder, ends_at) = (session::Holder::of_key(&api_key::digest(credential)), None);
        } else {
            let (known, end) = self.jwt.principal(credential).await?;
            (holder, ends_at) = (session::Holder::User(known.id.clone()), Some(end));
            principal = known;
        }
        let (cookie, expires_at) = self.sessions.begin(holder, ends_at);
        Ok((principal, cookie, expires_at))
    }

    /// Where people sign in beside keys and tokens.
    pub fn oidc(&self) -> Option<&oidc::Provider> {
        self.oidc.as_ref()
    }

    /// Begins a session for a person whom the provider has named: its cookie.
    pub fn begin_session(&self, person: &oidc::Person) -> HeaderValue {
        self.sessions.begin(session::Holder::User(person.id.clone()), Some(person.session_ends_at)).0
    }

    async fn principal_of_session(&self, parts: &Parts) -> Result<Option<Principal>, Problem> {
        let Some(session) = self.sessions.of(parts)? else { return Ok(None) };
        match session.holder {
            session::Holder::User(id) => Ok(Some(Principal::user(id))),
            session::Holder::Key(digest) => {
                let digest = session::Session::key_digest(&digest).unwrap_or_default();
                self.keys.principal_by_digest(digest).await.map(Some)
            }
        }
    }

    /// Who the credentials of a request are of; none without any. What a header says comes before a session.
    pub async fn principal(&self, parts: &Parts) -> Result<Option<Principal>, Problem> {
        let headers = &parts.headers;
        let api_key = single(headers, "x-api-key")?;
        let authorization = single(headers, header::AUTHORIZATION.as_str())?;
        let secret = match (api_key, authorization) {
            (None, None) => return self.principal_of_session(parts).await,
            (Some(_), Some(_)) => {
                return Err(challenge(
                    Code::InvalidCredentials,
                    "send either `x-api-key` or `Authorization`, not both",
                ));
            }
            (Some(key), None) => key,
            (None, Some(_)) => bearer(headers).ok_or_else(|| {
                challenge(Code::InvalidCredentials, "`Authorization` must be `Bearer` and a token or an API key")
            })?,
        };
        if api_key.is_some() || secret.starts_with(api_key::PREFIX) {
            self.keys.principal(secret).await.map(Some)
        } else {
            Ok(Some(self.jwt.principal(secret).await?.0))
        }
    }

    /// Whose API key this is.
    pub async fn api_key(&self, secret: &str) -> Result<Principal, Problem> {
        self.keys.principal(secret).await
    }

    /// Makes this instance refuse a key at once; others follow within the cache's few seconds.
    pub fn forget_key(&self, id: ApiKeyId) {
        self.keys.forget(|key| key.id == id);
    }

    /// The same for all keys of a workspace.
    pub fn forget_workspace(&self, id: WorkspaceId) {
        self.keys.forget(|key| key.workspace_id == id);
    }
}

impl<S> FromRequestParts<S> for Principal
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let principal = state.auth.principal(parts).await?.ok_or_else(no_credentials)?;
        parts.extensions.insert(Caller { principal: principal.clone(), workspace_id: None });
        Ok(principal)
    }
}

fn no_credentials() -> Problem {
    challenge(Code::Unauthenticated, "send an API key in `x-api-key`, or a token in `Authorization: Bearer`")
}

/// A refusal of credentials, with the header that says which are expected.
pub fn challenge(code: Code, detail: &'static str) -> Problem {
    Problem::new(code, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sluicegate\""))
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares secrets in a time that does not depend on where they differ.
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(challenge(Code::InvalidCredentials, "credentials must be given once"));
    }
    first
        .map(|value| value.to_str().map_err(|_| challenge(Code::InvalidCredentials, "the credentials are not text")))
        .transpose()
}
