//! What the tests share: databases, servers and clients.

pub mod app;
pub mod bucket;
pub mod contract;
pub mod event_stream;
pub mod mailbox;
pub mod model;
pub mod outside;
pub mod peer;
pub mod postgres;
pub mod process;
pub mod scene;
pub mod sse;
pub mod terminal;
