//! The HTTP API against the true server, laid out like the URL tree.

mod api_keys;
mod bearer_tokens;
mod execution_events;
mod execution_lists;
mod executions;
mod idempotency;
mod invites;
mod members;
mod openapi;
mod paging;
mod pods;
mod refusals;
mod roles;
mod server;
mod stream_tokens;
mod workflows;
mod workspaces;
