//! `Idempotency-Key`: the same key with the same request gets the same reply for 24 hours (decisions for ever), and the work is
//! done once.
//!
//! [`Idempotent`] is the only way to read the body of a request that changes something. It looks for a stored reply after
//! the caller was let in (axum runs it last) and before the handler; the handler hands the new reply to the store together
//! with the change, so that both are kept or neither. Two requests with one key at the same time: the store lets one
//! through, the other gets its reply ([`crate::store::StoreError::Repeated`]).

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, HeaderName},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    error::{Code, Problem},
    extract,
    reply::Reply,
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::audit::Author,
    store::{
        Store, StoreError,
        catalogue::{Change, IdempotentReply},
    },
};

/// The header's name.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a reply is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long a key may be.
const MAX_KEY_BYTES: usize = 255;

/// The body of a request that changes something, and the key under which its reply is kept.
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    /// Where the reply is kept.
    pub key: ReplyKey,
}

/// The body of an action that has no fields: nothing, or `{}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

/// Why a handler does not run: a problem, or a reply that was already given.
pub enum Stop {
    /// The request can't be carried out.
    Problem(Problem),
    /// It already was.
    Repeated(Reply),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Repeated(reply) => reply.into_response(),
        }
    }
}

impl<T, S> FromRequest<S> for Idempotent<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Stop;

    async fn from_request(request: Request, state: &S) -> Result<Self, Stop> {
        let state = AppState::from_ref(state);
        let (body, key) = read(request, &state, Some).await?;
        Ok(Self { body, key })
    }
}

/// The same for a body that holds a secret: of one that is easy to guess, the digest of the request would say what it is, so it
/// is made with a key that is not in the database. Without such a key the reply is not kept.
pub struct IdempotentSecret<T> {
    /// The body.
    pub body: T,
    /// Where the reply is kept.
    pub key: ReplyKey,
}

impl<T, S> FromRequest<S> for IdempotentSecret<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Stop;

    async fn from_request(request: Request, state: &S) -> Result<Self, Stop> {
        let state = AppState::from_ref(state);
        let (body, key) = read(request, &state, |digest| state.engine.keyring().blind(&digest)).await?;
        Ok(Self { body, key })
    }
}

/// Reads a body and looks for a stored reply; `kept` makes what is kept of the request's digest.
async fn read<T: DeserializeOwned>(
    request: Request,
    state: &AppState,
    kept: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>,
) -> Result<(T, ReplyKey), Stop> {
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Problem::internal("a body was read before the caller was known"))?;
    let key = key(request.headers())?;
    let (parts, bytes) = extract::read_body(request).await?;
    let key = key.and_then(|key| {
        let digest = digest(parts.method.as_str(), super::original_uri(&parts), &caller.principal.id, &bytes);
        Some(KeyedRequest { scope: caller.scope(), key, digest: kept(digest)?, for_ever: false })
    });
    let key = ReplyKey { request: key, caller: caller.principal.id, clock: state.clock.clone() };
    if let Some(request) = &key.request {
        let stored = state.store.idempotent_reply(&request.scope, &request.key, state.clock.now()).await;
        if let Some(stored) = stored.map_err(Problem::from)? {
            return Err(Stop::Repeated(key.repeated(stored)?));
        }
    }
    Ok((extract::parse_json(&parts.headers, &bytes)?, key))
}

/// Under which key a reply is kept, if the request named one.
#[derive(Clone, Debug)]
pub struct ReplyKey {
    request: Option<KeyedRequest>,
    caller: String,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct KeyedRequest {
    scope: String,
    key: String,
    digest: Vec<u8>,
    for_ever: bool,
}

impl KeyedRequest {
    fn reply(&self, reply: &Reply, clock: &Clock) -> IdempotentReply {
        IdempotentReply {
            scope: self.scope.clone(),
            key: self.key.clone(),
            request_digest: self.digest.clone(),
            status: reply.status.as_u16(),
            location: reply.location.clone(),
            body: reply.body.clone(),
            created_at: clock.now(),
            forget_at: (!self.for_ever).then(|| clock.now().plus_ms(KEPT_MS)),
        }
    }
}

/// Makes the reply that is kept, from what has become of the thing; none without a key.
type Kept<T> = Option<Arc<dyn Fn(&T) -> IdempotentReply + Send + Sync>>;

impl ReplyKey {
    /// The key itself.
    pub fn key(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.key.as_str())
    }

    /// A reply to be written in one transaction with what it speaks of.
    pub fn reply(&self, reply: &Reply) -> Option<IdempotentReply> {
        self.request.as_ref().map(|request| request.reply(reply, &self.clock))
    }

    /// The same key, whose reply is kept for ever: a decision is repeated as it was made, whenever it is asked for again.
    #[must_use]
    pub fn for_ever(mut self) -> Self {
        if let Some(request) = &mut self.request {
            request.for_ever = true;
        }
        self
    }

    /// The caller, as the author of a change.
    pub fn author(&self) -> Author {
        Author { id: self.caller.clone(), at: self.clock.now() }
    }

    /// The reply that is to be written with a change of an execution or a suspension, made by `show` from what becomes of it.
    pub fn keeping<T>(&self, show: impl Fn(&T) -> Reply + Send + Sync + 'static) -> Kept<T> {
        let Self { request, clock, .. } = self.clone();
        let request = request?;
        Some(Arc::new(move |execution| request.reply(&show(execution), &clock)))
    }

    /// The reply to a request that was carried out before, if this is the same request.
    pub fn repeated(&self, stored: IdempotentReply) -> Result<Reply, Problem> {
        if self.request.as_ref().is_none_or(|request| request.digest != stored.request_digest) {
            return Err(Problem::new(
                Code::IdempotencyKeyReused,
                "this idempotency key was used for another request; use a new key for each request",
            ));
        }
        Reply::stored(stored)
    }

    /// Carries out a change of the catalogue and answers `reply`, or the stored reply if another request with the same key
    /// was faster.
    pub async fn change(&self, store: &dyn Store, change: Change, reply: Reply) -> Result<Reply, Problem> {
        self.try_change(store, change, reply).await?.map_err(Problem::from)
    }

    /// As [`Self::change`], but keeps `kept` in place of the reply that is given: secrets are shown once and never kept.
    pub async fn change_keeping(
        &self,
        store: &dyn Store,
        change: Change,
        kept: &Reply,
        reply: Reply,
    ) -> Result<Reply, Problem> {
        match store.change(change, &self.author(), self.reply(kept)).await {
            Ok(()) => Ok(reply),
            Err(StoreError::Repeated(stored)) => self.repeated(*stored),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Self::change`], leaving the store's other refusals to the caller.
    pub async fn try_change(
        &self,
        store: &dyn Store,
        change: Change,
        reply: Reply,
    ) -> Result<Result<Reply, StoreError>, Problem> {
        match store.change(change, &self.author(), self.reply(&reply)).await {
            Ok(()) => Ok(Ok(reply)),
            Err(StoreError::Repeated(stored)) => self.repeated(*stored).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.as_bytes();
    if text.is_empty()
        || text.len() > MAX_KEY_BYTES
        || !text.iter().all(u8::is_ascii_graphic)
        || values.next().is_some()
    {
        return Err(Problem::new(
            Code::InvalidHeader,
            "`Idempotency-Key` must be given once, as 1 to 255 visible ASCII characters",
        ));
    }
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

/// What makes two requests the same. The path counts without `/v1`, under which it is the same path.
fn digest(method: &str, uri: &axum::http::Uri, principal: &str, body: &[u8]) -> Vec<u8> {
    let path = super::without_version(uri.path());
    let mut hash = Sha256::new();
    for part in [method, path, uri.query().unwrap_or_default(), principal] {
        // Lengths keep the parts apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(body);
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_given_once() {
        let headers = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, axum::http::HeaderValue::from_bytes(value).unwrap());
            }
            headers
        };
        assert_eq!(key(&headers(&[])).unwrap(), None);
        assert_eq!(key(&headers(&[b"a-1"])).unwrap().as_deref(), Some("a-1"));
        assert!(key(&headers(&[&[b'x'; 255]])).is_ok());
        for bad in [&[&b""[..]][..], &[b"a b"], &[&[b'x'; 256]], &[b"\xc3\xa4"], &[b"a", b"a"]] {
            assert_eq!(key(&headers(bad)).unwrap_err().code(), Code::InvalidHeader);
        }
    }

    #[test]
    fn the_digest_knows_everything_but_the_prefix() {
        let of = |method, uri: &str, who, body: &[u8]| digest(method, &uri.parse().unwrap(), who, body);
        let base = of("POST", "/v1/workspaces/1/pods", "u", b"{}");
        assert_eq!(base, of("POST", "/workspaces/1/pods", "u", b"{}"));
        for other in [
            of("PATCH", "/v1/workspaces/1/pods", "u", b"{}"),
            of("POST", "/v1/workspaces/2/pods", "u", b"{}"),
            of("POST", "/v1/workspaces/1/pods?x=1", "u", b"{}"),
            of("POST", "/v1/workspaces/1/pods", "v", b"{}"),
            of("POST", "/v1/workspaces/1/pods", "u", b"{ }"),
        ] {
            assert_ne!(base, other);
        }
    }
}
