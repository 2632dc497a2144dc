//! What the nodes of a workspace may reach beyond their execution: its documents, and the hosts that it may call.

use std::sync::Arc;

use crate::{
    domain::{
        failure::{Failure, FailureCode},
        ids::WorkspaceId,
    },
    nodes::Documents,
    outbound::{Client, Hosts},
    store::StoreError,
};

use super::Engine;

impl Engine {
    /// The guarded client for what a workspace calls. The setting is read each time: whoever narrows it relies on it.
    pub async fn outbound_of(&self, workspace: WorkspaceId) -> Result<Client, StoreError> {
        let Some(names) = self.0.store.workspace(workspace).await?.outbound_hosts else {
            return Ok(self.0.outbound.clone());
        };
        let damaged = |(_, reason)| StoreError::Damaged { what: "host that a workspace may call", reason };
        Ok(self.0.outbound.restricted(Hosts::new(&names).map_err(damaged)?))
    }

    /// The same for an effect. Nothing has happened yet, so a database that is away is waited for, in the time of the attempt; the
    /// attempt fails where the setting makes no sense.
    pub(super) async fn reach_of(&self, workspace: WorkspaceId) -> Result<(Client, Documents), Failure> {
        let outbound = loop {
            match self.outbound_of(workspace).await {
                Ok(outbound) => break outbound,
                Err(error @ StoreError::Database(_)) => self.pause(&error, "hosts").await,
                Err(error) => {
                    tracing::warn!(workspace_id = %workspace, %error, "the hosts that a workspace may call could not be read");
                    return Err(Failure::retryable(
                        FailureCode::Internal,
                        "the workspace's settings could not be read",
                    ));
                }
            }
        };
        let store = Arc::clone(&self.0.store);
        Ok((outbound, Documents::new(store, workspace, self.0.clock.clone())))
    }
}
