//! One test binary, laid out like the URL tree; `support` holds what the tests share.

// Says to the lints that helpers may unwrap, too: to them only a function marked as a test is one otherwise.
#![cfg(test)]

mod buckets;
mod cli;
mod cluster;
mod condition;
mod crash;
mod deploy;
mod docs;
mod facade;
mod faults;
mod floors;
mod http;
mod races;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
mod sandbox;
mod simulator;
mod store;
mod support;
