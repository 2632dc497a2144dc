//! What survives a process that is killed at any moment: everything that was answered, once.
//!
//! `SLUICEGATE_TEST_KILLS` says how often each database's server is killed, `SLUICEGATE_TEST_CUTS` how often streams are
//! cut, `SLUICEGATE_TEST_TASKS` how many tasks a hundred workers do.

mod bulk;
mod cuts;
mod faults;
mod idle;
mod kills;
mod limits;
mod schedules;
mod shutdown;
mod tasks;
mod webhooks;
