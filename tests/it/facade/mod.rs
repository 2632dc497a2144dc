//! Faces for clients of other APIs, each driven as such a client would.

mod kinetic;
mod kinetic_client;
mod kinetic_refusals;
mod kinetic_workflows;

pub use kinetic::key_of;
