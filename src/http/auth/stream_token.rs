//! Stream tokens: five minutes, one stream path, in the URL, because a browser's `EventSource` can't send headers.
//!
//! A token is its own record, signed with a key that all instances share: nothing is stored. It is checked when the stream
//! opens and not again.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{KEY_PREFIX, Principal, PrincipalKind, api_key, challenge};
use crate::{
    clock::{Clock, Instant},
    domain::ids::WorkspaceId,
    http::error::{Code, Problem},
    store::{Store, StoreError},
};

/// How long a token opens its stream.
pub const LIFETIME_MS: i64 = 5 * 60 * 1_000;

/// The key that all servers of this database sign with; made by the first of them.
pub async fn shared_key(store: &dyn Store, clock: &Clock) -> Result<[u8; 32], StoreError> {
    let candidate: [u8; 32] = api_key::random();
    let kept = store.server_secret("stream_tokens", &candidate, clock.now()).await?;
    kept.try_into().map_err(|_| StoreError::Damaged { what: "server secret", reason: "it is not 32 bytes long".into() })
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "w")]
    workspace_id: WorkspaceId,
    /// Without `/v1`.
    #[serde(rename = "p")]
    path: String,
    #[serde(rename = "s")]
    principal_id: String,
    #[serde(rename = "e")]
    expires_at_ms: i64,
}

/// Signs and checks stream tokens.
pub struct Signer {
    key: hmac::Key,
    clock: Clock,
}

impl Signer {
    pub(super) fn new(key: &[u8; 32], clock: Clock) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), clock }
    }

    /// A token for one stream, and when it expires. `path` is without `/v1`.
    pub fn issue(&self, workspace_id: WorkspaceId, path: &str, principal: &Principal) -> (String, Instant) {
        let expires_at = self.clock.now().plus_ms(LIFETIME_MS);
        let claims = Claims {
            workspace_id,
            path: path.to_owned(),
            principal_id: principal.id.clone(),
            expires_at_ms: expires_at.0,
        };
        let claims = serde_json::to_vec(&claims).expect("claims are strings and a number");
        let payload = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, payload.as_bytes()));
        (format!("{payload}.{tag}"), expires_at)
    }

    /// Who may open the stream of this workspace and path with this token.
    pub(super) fn check(&self, token: &str, workspace_id: WorkspaceId, path: &str) -> Result<Principal, Problem> {
        let refused =
            || challenge(Code::InvalidCredentials, "the stream token is not valid for this stream, or expired");
        let (payload, tag) = token.split_once('.').ok_or_else(refused)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| refused())?;
        // Compared in constant time.
        hmac::verify(&self.key, payload.as_bytes(), &tag).map_err(|_| refused())?;
        let claims = URL_SAFE_NO_PAD.decode(payload).ok().and_then(|claims| serde_json::from_slice(&claims).ok());
        let claims: Claims = claims.ok_or_else(refused)?;
        let holds = claims.workspace_id == workspace_id
            && claims.path == path
            && self.clock.now() < Instant(claims.expires_at_ms);
        if !holds {
            return Err(refused());
        }
        let kind =
            if claims.principal_id.starts_with(KEY_PREFIX) { PrincipalKind::ApiKey } else { PrincipalKind::User };
        Ok(Principal { id: claims.principal_id, kind, key_grant: None })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_opens_one_path_for_five_minutes() {
        let clock = Clock::manual(Instant(1_000_000));
        let signer = Signer::new(&[7; 32], clock.clone());
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let (token, expires_at) = signer.issue(workspace, "/a/events", &Principal::user("u".into()));
        assert_eq!(expires_at, Instant(1_000_000 + LIFETIME_MS));
        assert_eq!(signer.check(&token, workspace, "/a/events").unwrap().id, "u");
        assert!(signer.check(&token, workspace, "/b/events").is_err());
        assert!(signer.check(&token, WorkspaceId(Uuid::from_u128(2)), "/a/events").is_err());
        assert!(Signer::new(&[8; 32], clock.clone()).check(&token, workspace, "/a/events").is_err());
        clock.advance_ms(LIFETIME_MS);
        assert!(signer.check(&token, workspace, "/a/events").is_err());
    }

    #[test]
    fn a_changed_token_is_refused() {
        let signer = Signer::new(&[7; 32], Clock::manual(Instant(0)));
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let (token, _) = signer.issue(workspace, "/a", &Principal::user("u".into()));
        for i in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 has bits that do not count; every other change does.
            if i < token.len() - 1 {
                assert!(signer.check(&changed, workspace, "/a").is_err(), "{i}");
            }
        }
    }
}
