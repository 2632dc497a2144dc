//! What the tests share: databases, servers and clients.

pub mod app;
pub mod contract;
pub mod peer;
pub mod postgres;
pub mod scene;
pub mod sse;
