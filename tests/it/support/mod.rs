//! What the tests share: databases, servers and clients.

pub mod app;
pub mod contract;
pub mod outside;
pub mod postgres;
pub mod process;
pub mod sse;
