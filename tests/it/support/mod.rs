//! What the tests share: databases, servers and clients.

pub mod app;
pub mod bucket;
pub mod collector;
pub mod contract;
pub mod deliveries;
pub mod event_stream;
pub mod limited;
pub mod load;
pub mod mailbox;
pub mod model;
pub mod namespace;
pub mod oidc;
pub mod outside;
pub mod own_cluster;
pub mod peer;
pub mod postgres;
pub mod process;
pub mod scene;
pub mod slots;
pub mod sse;
pub mod terminal;
pub mod traffic;
