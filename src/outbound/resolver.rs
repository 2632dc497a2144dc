//! Names to addresses, all of them checked before any is used.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Network, address, error::Resolution};

/// Where addresses come from: the system's resolver, or a table in tests.
pub(super) trait Lookup: Send + Sync + 'static {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
}

/// The system's resolver.
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Refuses an answer when any address in it is blocked. Picking only the good ones would be friendlier to a name with a
/// public and a private address, and would let whoever owns the name find out which addresses are open here.
pub(super) struct Guard {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) allow: Arc<[Network]>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, allow) = (self.lookup.lookup(name.as_str().to_owned()), Arc::clone(&self.allow));
        Box::pin(async move {
            let addresses = lookup.await.map_err(|e| Resolution::Failed { reason: e.to_string() })?;
            if addresses.is_empty() {
                return Err(Resolution::Failed { reason: "the name has no address".to_owned() }.into());
            }
            for address in &addresses {
                let address = address.ip();
                if let Some(reason) = address::refusal(address, &allow) {
                    return Err(Resolution::Refused { address, reason }.into());
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
