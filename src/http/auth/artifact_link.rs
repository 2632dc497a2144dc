//! Links to artifacts: addresses by which anybody who has one fetches one file, for a while, without any other credential.

use serde::{Deserialize, Serialize};

use super::seal::Seal;
use crate::{
    clock::{Clock, Instant},
    domain::ids::{ArtifactId, WorkspaceId},
};

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "w")]
    workspace_id: WorkspaceId,
    #[serde(rename = "a")]
    artifact_id: ArtifactId,
    #[serde(rename = "e")]
    expires_at_ms: i64,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No server of this database has made it.
    Forged,
    /// Its time is over.
    Expired,
}

/// Signs and checks the tokens of links.
pub struct Signer {
    seal: Seal,
    clock: Clock,
}

impl Signer {
    pub(super) fn new(key: &[u8; 32], clock: Clock) -> Self {
        Self { seal: Seal::new(key, "artifact"), clock }
    }

    /// A token for one artifact, and when it expires.
    pub fn issue(&self, workspace_id: WorkspaceId, artifact_id: ArtifactId, lifetime_ms: i64) -> (String, Instant) {
        let expires_at = self.clock.now().plus_ms(lifetime_ms);
        (self.seal.close(&Claims { workspace_id, artifact_id, expires_at_ms: expires_at.0 }), expires_at)
    }

    /// The artifact that a token opens.
    pub fn check(&self, token: &str) -> Result<(WorkspaceId, ArtifactId), Closed> {
        let claims: Claims = self.seal.open(token).ok_or(Closed::Forged)?;
        if self.clock.now() < Instant(claims.expires_at_ms) {
            Ok((claims.workspace_id, claims.artifact_id))
        } else {
            Err(Closed::Expired)
        }
    }
}
