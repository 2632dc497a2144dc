//! What the tests share: databases, and later servers and clients.

pub mod postgres;
