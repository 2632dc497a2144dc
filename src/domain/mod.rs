//! What things are: workflows, graphs, executions, events, suspensions, identities. No I/O, no async.
