//! Sluicegate: a real-time streaming workflow server with suspend and resume.
//!
//! The crate is one house of floors; a floor uses only the floors below it (checked by `tests/it/floors.rs`):
//!
//! | floor | modules | what lives there |
//! |---|---|---|
//! | 0 | [`domain`], [`expression`], [`filter`], [`condition`] | what things are; the expression language; the filters of lists; the conditions of steps. No I/O, no async |
//! | 1 | [`store`], [`outbound`], [`artifacts`], [`client`], [`secrets`] | the two databases behind one trait; the guarded HTTP client; the bytes of artifacts; the client of the API; what seals secrets and takes them out of texts |
//! | 1 | [`sandbox`] | scripts of tenants, in processes that can do nothing else |
//! | 2 | [`nodes`] | one file per node type, and their registry |
//! | 3 | [`engine`] | machine, driver, committer, queue, timers, hub, reconciler |
//! | 4 | [`triggers`], [`tasks`] | what starts executions by itself: schedules, webhooks, events, bulk jobs; what workers send |
//! | 5 | [`http`] | the API: thin handlers over the floors below |
//! | 6 | [`facade`] | other APIs over the same engine: they translate, nothing else |
//! | 2 | `runner` | leases tasks and starts an isolated worker for each; on Linux |
//! | – | [`conformance`] | checks the streams of any server against their contract |
//! | – | [`app`], [`config`], [`clock`], [`cli`] | composition root, settings, time and ids, commands |
//!
//! One way for the data: trigger → queue → driver → machine → committer → log → hub → SSE.

pub mod app;
pub mod artifacts;
pub mod cli;
pub mod client;
pub mod clock;
pub mod condition;
pub mod config;
pub mod conformance;
pub mod domain;
pub mod engine;
pub mod expression;
pub mod facade;
pub mod filter;
pub mod http;
pub mod nodes;
pub mod notify;
pub mod outbound;
#[cfg(target_os = "linux")]
pub mod runner;
pub mod sandbox;
pub mod secrets;
pub mod store;
pub mod tasks;
pub mod traces;
pub mod triggers;
