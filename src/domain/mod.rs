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
pub mod subject;
pub mod subscription;
pub mod suspension;
pub mod task;
pub mod webhook;
pub mod workflow;
