//! What things are: workflows, graphs, executions, events, suspensions, identities. No I/O, no async, no SQL.

pub mod admission;
pub mod artifact;
pub mod audit;
pub mod bulk;
pub mod definition;
pub mod document;
pub mod event;
pub mod execution;
pub mod failure;
pub mod graph;
pub mod identity;
pub mod ids;
pub mod notification;
pub mod receipt;
pub mod reprocessing;
pub mod schedule;
pub mod secret;
pub mod span;
pub mod stopping;
pub mod subject;
pub mod subscription;
pub mod suspension;
pub mod task;
pub mod trace;
pub mod webhook;
pub mod workflow;

/// Reads a member that is there as a value, also where it is null; with `default`, one that is missing is none. A node's output may be
/// null, and that is not the same as to have none.
pub fn null_is_a_value<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
