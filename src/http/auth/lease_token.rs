//! Lease tokens: a worker's right to one lease of one task. The only credential that the doors of a task need, so that a program in
//! a sandbox can be given it and nothing else. What it is still good for, the execution's log says: the token names the fence.

use axum::http::HeaderMap;

use super::{bearer, challenge, seal::Seal};
use crate::{
    domain::task::Lease,
    http::error::{Code, Problem},
};

/// What lease tokens begin with.
pub const PREFIX: &str = "slt_";
/// The header they may come in.
pub const HEADER: &str = "x-lease-token";

/// Signs and checks lease tokens.
pub struct Signer {
    seal: Seal,
}

impl Signer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { seal: Seal::new(key, "lease") }
    }

    /// The token of a lease.
    pub fn issue(&self, lease: &Lease) -> String {
        format!("{PREFIX}{}", self.seal.close(lease))
    }

    /// The lease that a request is about: by the token in its body, else in `x-lease-token`, else in `Authorization: Bearer`.
    pub fn check(&self, headers: &HeaderMap, in_body: Option<&str>) -> Result<Lease, Problem> {
        let token = in_body
            .or_else(|| headers.get(HEADER)?.to_str().ok())
            .or_else(|| bearer(headers).filter(|token| token.starts_with(PREFIX)))
            .ok_or_else(|| {
                let detail = "send the task's lease token as `leaseToken`, in `x-lease-token` or as a bearer token";
                challenge(Code::Unauthenticated, detail)
            })?;
        self.open(token)
    }

    /// The lease that a token is of.
    pub fn open(&self, token: &str) -> Result<Lease, Problem> {
        let lease = token.strip_prefix(PREFIX).and_then(|sealed| self.seal.open(sealed));
        lease.ok_or_else(|| challenge(Code::InvalidCredentials, "that is no lease token of this server"))
    }
}
