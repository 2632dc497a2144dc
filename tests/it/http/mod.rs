//! The HTTP API against the true server, laid out like the URL tree.

mod api_keys;
mod bearer_tokens;
mod event_schema;
mod execution_actions;
mod execution_cancels;
mod execution_events;
mod execution_lists;
mod execution_logs;
mod execution_replays;
mod executions;
mod feeds;
mod idempotency;
mod invites;
mod members;
mod nodes;
mod openapi;
mod paging;
mod pods;
mod refusals;
mod roles;
mod server;
mod stream_tokens;
mod suspensions;
mod workflows;
mod workspaces;
