//! The guarded HTTP client: the only way in which the server calls an address that a tenant wrote down.
//!
//! Three guards, and none is enough alone:
//! 1. Before each request and each redirect hop the URL is parsed and a literal address in it is checked. A resolver is
//!    never asked about literals, and the parser turns the octal, hexadecimal and one-number forms into plain ones.
//! 2. Names go through a resolver that refuses the whole answer when any address in it is blocked, and hands the checked
//!    addresses to the connection: there is no second lookup that could answer differently.
//! 3. The library follows no redirect; the client follows a few by itself, so each target passes the first two guards,
//!    and credentials stay behind when the origin changes.
//!
//! Beside them, a tenant may name the only [`Hosts`] that it wants to be called ([`Client::restricted`]); each hop is held to them.
//!
//! Every request is bounded in time, in header and in body size. Proxies named in the environment are not used: a proxy
//! would do the lookup, past the guard.

mod address;
mod client;
mod error;
mod hosts;
mod redirect;
mod reply;
mod resolver;
#[cfg(test)]
mod tests;

pub use address::{InvalidNetwork, Network};
pub use client::{Carrier, Client, Policy, Request, Response};
pub use error::OutboundError;
pub use hosts::Hosts;
pub use reply::{Reply, retry_after_ms};
