//! Faces for clients of other APIs, each driven as such a client would.

mod kinetic;
mod kinetic_client;
mod kinetic_refusals;
mod kinetic_workflows;
mod kodexa;
mod kodexa_assistants;
mod kodexa_client;
mod kodexa_families;
mod kodexa_lists;
mod kodexa_walk;

pub use kinetic::key_of;
pub use kodexa_walk::walk_kodexa;
