//! Faults below and beside servers that are under traffic: what was accepted is done, once, and in time.
//!
//! `SLUICEGATE_TEST_FAULT_SECONDS` says how long each fault is done again and again, `SLUICEGATE_TEST_INSTANCES` how many servers
//! share a database: `make faults`, and `docs/faults.md`.

mod clock;
mod connections;
mod disk;
mod partition;
mod restarts;
mod soak;
